/*
 * proto.c
 *		Reader of protocol buffers over borrowed bytes.
 */
#include "orc/proto.h"

#define MAX_VARINT 10

void
lh_proto_init(LhProto *r, LhSlice bytes)
{
	static const uint8_t nothing[1];
	const uint8_t *p = bytes.len > 0 ? bytes.data : nothing;

	*r = (LhProto){.begin = p, .p = p, .end = p + bytes.len};
}

void
lh_proto_fail(LhProto *r, const char *why)
{
	if (r->why == NULL)
	{
		r->why = why;
		r->where = (size_t) (r->p - r->begin);
	}
	r->p = r->end;
}

LhStatus
lh_proto_status(LhCtx *ctx, const LhProto *r, const char *what)
{
	if (r->why == NULL)
		return LH_OK;
	LH_FAIL(ctx, LH_CORRUPT, "%s is damaged: expected %s at byte %zu of %zu", what, r->why, r->where,
			(size_t) (r->end - r->begin));
}

int
lh_proto_varint(const uint8_t *p, const uint8_t *end, uint64_t *out)
{
	uint64_t v = 0;
	int most = end - p < MAX_VARINT ? (int) (end - p) : MAX_VARINT;

	for (int i = 0; i < most; i++)
	{
		v |= (uint64_t) (p[i] & 0x7f) << (7 * i);
		if (p[i] < 0x80)
		{
			/* the tenth byte has one bit that counts */
			if (i == MAX_VARINT - 1 && p[i] > 1)
				return 0;
			*out = v;
			return i + 1;
		}
	}
	return 0;
}

static bool
take_varint(LhProto *r, uint64_t *out)
{
	int n = lh_proto_varint(r->p, r->end, out);

	if (n == 0)
	{
		lh_proto_fail(r, "a varint of at most 10 bytes");
		return false;
	}
	r->p += n;
	return true;
}

bool
lh_proto_next(LhProto *r, LhProtoField *f)
{
	uint64_t tag, n;

	if (r->p == r->end)
		return false;
	*f = (LhProtoField){0};
	if (!take_varint(r, &tag))
		return false;
	f->wire = (int) (tag & 7);
	if (tag >> 3 == 0 || tag >> 3 > (1u << 29) - 1)
	{
		lh_proto_fail(r, "a field number");
		return false;
	}
	f->id = (uint32_t) (tag >> 3);
	switch (f->wire)
	{
		case LH_PROTO_VARINT: return take_varint(r, &f->number);
		case LH_PROTO_FIXED64:
			if (r->end - r->p < 8)
				break;
			f->number = lh_load_u64(r->p);
			r->p += 8;
			return true;
		case LH_PROTO_FIXED32:
			if (r->end - r->p < 4)
				break;
			f->number = lh_load_u32(r->p);
			r->p += 4;
			return true;
		case LH_PROTO_BYTES:
			if (!take_varint(r, &n))
				return false;
			if (n > (uint64_t) (r->end - r->p))
				break;
			f->bytes = lh_slice(r->p, (size_t) n);
			r->p += n;
			return true;
		default: lh_proto_fail(r, "a wire type 0, 1, 2 or 5"); return false;
	}
	lh_proto_fail(r, "as many bytes as the field says");
	return false;
}

bool
lh_proto_u64(const LhProtoField *f, uint64_t *out)
{
	if (f->wire != LH_PROTO_VARINT)
		return false;
	*out = f->number;
	return true;
}

bool
lh_proto_s64(const LhProtoField *f, int64_t *out)
{
	if (f->wire != LH_PROTO_VARINT)
		return false;
	*out = lh_unzigzag(f->number);
	return true;
}

bool
lh_proto_double(const LhProtoField *f, double *out)
{
	if (f->wire != LH_PROTO_FIXED64)
		return false;
	memcpy(out, &f->number, sizeof(*out));
	return true;
}

bool
lh_proto_bytes(const LhProtoField *f, LhSlice *out)
{
	if (f->wire != LH_PROTO_BYTES)
		return false;
	*out = f->bytes;
	return true;
}

bool
lh_proto_int(LhProto *r, const LhProtoField *f, uint64_t most, int *out)
{
	if (f->wire != LH_PROTO_VARINT)
		return false;
	if (f->number > most)
	{
		lh_proto_fail(r, "a smaller number before");
		return false;
	}
	*out = (int) f->number;
	return true;
}

bool
lh_proto_i64(LhProto *r, const LhProtoField *f, int64_t *out)
{
	if (f->wire != LH_PROTO_VARINT)
		return false;
	if (f->number > INT64_MAX)
	{
		lh_proto_fail(r, "a number of 63 bits before");
		return false;
	}
	*out = (int64_t) f->number;
	return true;
}

void
lh_proto_packed(const LhProtoField *f, LhProtoPacked *out)
{
	*out = (LhProtoPacked){.single = f->wire == LH_PROTO_VARINT, .number = f->number};
	lh_proto_init(&out->in, f->wire == LH_PROTO_BYTES ? f->bytes : (LhSlice){0});
}

bool
lh_proto_packed_next(LhProtoPacked *p, uint64_t *out)
{
	if (p->single)
	{
		p->single = false;
		*out = p->number;
		return true;
	}
	return p->in.p < p->in.end && take_varint(&p->in, out);
}
