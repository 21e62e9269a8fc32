/*
 * bloom.c
 *		Bloom filters of a column: one for each entry of its row index.
 *
 * A value's 64-bit hash is split in two; bit number i of k is (first + i *
 * second), its bits turned round when negative, modulo the number of bits.
 *
 * Which filters are believed:
 *
 *	1. Integers, dates and floats: Thomas Wang's hash of 64 bits; floats by the bits
 *	   of the double.
 *	2. Strings and bytes: Murmur3's 64 bits.  In the old kind of stream
 *	   (BLOOM_FILTER) strings had the encoding of the writer's machine until HIVE-12055: only
 *	   ASCII ones are asked for.
 *	3. Others have no text or number that all writers agree upon: never.
 *	4. C++ writers up to 1.6.11, and 1.7.0, put wrong bits in (ORC-1053): never.
 *
 * Format: https://orc.apache.org/specification/ORCv1/ "Bloom Filter Index"
 */
#include "orc/meta.h"

#include <math.h>

typedef struct Filter
{
	int k;
	uint64_t nbits; /* 0: says nothing */
	const uint8_t *bits;
} Filter;

struct LhOrcBloom
{
	int n;
	Filter *filters;
	bool utf8; /* strings are hashed as they are stored */
	bool days; /* days are hashed as they are read */
};

/*
 * Hashes
 */

static uint64_t
hash_long(int64_t value)
{
	uint64_t k = (uint64_t) value;

	k = ~k + (k << 21);
	k ^= (uint64_t) ((int64_t) k >> 24);
	k = k + (k << 3) + (k << 8);
	k ^= (uint64_t) ((int64_t) k >> 14);
	k = k + (k << 2) + (k << 4);
	k ^= (uint64_t) ((int64_t) k >> 28);
	return k + (k << 31);
}

static inline uint64_t
rotate(uint64_t v, int n)
{
	return v << n | v >> (64 - n);
}

#define C1   UINT64_C(0x87c37b91114253d5)
#define C2   UINT64_C(0x4cf5ad432745937f)
#define SEED 104729

static uint64_t
hash_bytes(const uint8_t *p, size_t n)
{
	uint64_t h = SEED, k = 0;
	size_t blocks = n / 8;

	for (size_t i = 0; i < blocks; i++)
	{
		k = lh_load_u64(p + 8 * i) * C1;
		h ^= rotate(k, 31) * C2;
		h = rotate(h, 27) * 5 + 0x52dce729;
	}
	if (n % 8 != 0)
	{
		k = 0;
		memcpy(&k, p + 8 * blocks, n % 8);
		h ^= rotate(k * C1, 31) * C2;
	}
	h ^= n;
	h ^= h >> 33;
	h *= UINT64_C(0xff51afd7ed558ccd);
	h ^= h >> 33;
	h *= UINT64_C(0xc4ceb9fe1a85ec53);
	return h ^ h >> 33;
}

static bool
holds_hash(const Filter *f, uint64_t hash)
{
	uint32_t first = (uint32_t) hash, second = (uint32_t) (hash >> 32);

	if (f->nbits == 0)
		return true;
	for (int i = 1; i <= f->k; i++)
	{
		uint32_t h = first + (uint32_t) i * second;
		uint64_t bit;

		if (h >> 31)
			h = ~h;
		bit = h % f->nbits;
		if (!(f->bits[bit / 8] >> (bit % 8) & 1))
			return false;
	}
	return true;
}

/*
 * Reading
 */

/* Bits of a filter, copied: from 64-bit numbers or from bytes, little endian both. */
static LhStatus
read_filter(LhCtx *ctx, LhSlice bytes, bool utf8, Filter *out)
{
	LhSlice text = {0};
	int k = 0, n = 0;
	uint8_t *bits = NULL;
	LhProto r;
	LhProtoField f;

	if (!utf8)
	{
		/* at least 9 bytes a number */
		bits = lh_alloc(ctx, bytes.len + 1);
		if (bits == NULL)
			return ctx->error->code;
	}
	lh_proto_init(&r, bytes);
	while (lh_proto_next(&r, &f))
		switch (f.id)
		{
			case 1: lh_proto_int(&r, &f, 64, &k); break;
			case 2:
				if (utf8)
					break;
				if (f.wire == LH_PROTO_FIXED64)
					memcpy(bits + 8 * n++, &f.number, 8);
				else if (f.wire == LH_PROTO_BYTES && n == 0 && f.bytes.len % 8 == 0)
				{
					memcpy(bits, f.bytes.data, f.bytes.len);
					n = (int) (f.bytes.len / 8);
				}
				break;
			case 3: lh_proto_bytes(&f, &text); break;
			default: break;
		}
	LH_TRY(lh_proto_status(ctx, &r, "bloom filter"));
	if (utf8 && text.len > 0 && text.len % 8 == 0)
	{
		bits = lh_memdup(ctx, text.data, text.len);
		if (bits == NULL)
			return ctx->error->code;
		n = (int) (text.len / 8);
	}
	*out = (Filter){.k = k, .nbits = k > 0 ? (uint64_t) n * 64 : 0, .bits = bits};
	return LH_OK;
}

typedef struct Parsing
{
	LhOrcStripeState *s;
	int column;
	bool utf8;
	bool days;
	int64_t entries; /* that there have to be */
} Parsing;

static LhStatus
parse(LhCtx *ctx, void *arg, LhSlice section)
{
	const Parsing *p = arg;
	LhOrcBloom *bloom;
	int n = 0;
	LhProto r;
	LhProtoField f;

	lh_proto_init(&r, section);
	while (lh_proto_next(&r, &f))
		n += f.id == 1 && f.wire == LH_PROTO_BYTES;
	LH_TRY(lh_proto_status(ctx, &r, "bloom filters"));
	LH_NEW(ctx, bloom);
	bloom->utf8 = p->utf8;
	bloom->days = p->days;
	p->s->blooms[p->column] = bloom;
	if (n != p->entries)
		return LH_OK;
	LH_NEW_ARRAY(ctx, bloom->filters, (size_t) n + 1);
	lh_proto_init(&r, section);
	while (lh_proto_next(&r, &f))
	{
		if (f.id != 1 || f.wire != LH_PROTO_BYTES)
			continue;
		LH_TRY(lh_poll(ctx));
		LH_TRY(read_filter(ctx, f.bytes, p->utf8, &bloom->filters[bloom->n]));
		bloom->n++;
	}
	return LH_OK;
}

/* ORC-1053 and before: with the version that fixed it writers began to name theirs. */
static bool
writer_is_bad(const LhOrcMeta *meta)
{
	static const char *const versions[] = {"1.6.0",  "1.6.1",  "1.6.2", "1.6.3", "1.6.4",
										   "1.6.5",  "1.6.6",  "1.6.7", "1.6.8", "1.6.9",
										   "1.6.10", "1.6.11", "1.7.0"};
	size_t len;

	if (meta->writer != LH_ORC_CPP)
		return false;
	if (meta->software == NULL)
		return true;
	len = strcspn(meta->software, "-");
	for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++)
		if (strlen(versions[i]) == len && strncmp(versions[i], meta->software, len) == 0)
			return true;
	return false;
}

LhStatus
lh_orc_bloom(LhCtx *ctx, LhOrcFile *file, int stripe, int node, const LhOrcBloom **out)
{
	const LhOrcNode *n = &file->meta->nodes[node];
	int64_t stride = file->meta->row_index_stride;
	int64_t rows = file->meta->stripes[stripe].rows;
	LhOrcStripeState *s = NULL;
	const LhOrcStreamInfo *stream;
	Parsing parsing = {.column = n->column, .utf8 = true, .days = !file->meta->hybrid};
	LhStatus status;

	*out = NULL;
	LH_TRY(lh_orc_stripe_get(ctx, file, stripe, &s));
	if (stride == 0 || n->repeated || n->encrypted || writer_is_bad(file->meta))
		return LH_OK;
	if (s->blooms[n->column] == NULL)
	{
		stream = lh_orc_find_stream(s, n->column, LH_ORC_BLOOM_FILTER_UTF8);
		if (stream == NULL)
		{
			stream = lh_orc_find_stream(s, n->column, LH_ORC_BLOOM_FILTER);
			parsing.utf8 = false;
		}
		if (stream == NULL || stream->length == 0)
			return LH_OK;
		parsing.s = s;
		parsing.entries = lh_orc_entries(rows, stride);
		status = lh_orc_read_metadata(ctx, file, s, stream, parse, &parsing);
		if (status != LH_OK)
		{
			s->blooms[n->column] = NULL;
			return lh_orc_with_place(ctx, file, stripe, node, status);
		}
	}
	if (s->blooms[n->column]->n > 0)
		*out = s->blooms[n->column];
	return LH_OK;
}

static bool
is_ascii(LhStr s)
{
	for (uint32_t i = 0; i < s.len; i++)
		if (s.ptr[i] >= 0x80)
			return false;
	return true;
}

/* The hashes of a value, as doubles have two zeros; 0: it cannot be asked for. */
static int
hashes(const LhOrcBloom *bloom, const LhOrcNode *node, const LhValue *value, uint64_t out[2])
{
	int64_t bits[2];
	double v;

	switch (node->kind)
	{
		case LH_ORC_BYTE:
		case LH_ORC_SHORT:
		case LH_ORC_INT:
		case LH_ORC_LONG: out[0] = hash_long(value->i64); return 1;
		case LH_ORC_DATE: out[0] = hash_long(value->i64); return bloom->days;
		case LH_ORC_FLOAT:
		case LH_ORC_DOUBLE:
			if (isnan(value->f64))
				return 0;
			v = value->f64 == 0 ? 0.0 : value->f64;
			memcpy(&bits[0], &v, 8);
			v = value->f64 == 0 ? -0.0 : value->f64;
			memcpy(&bits[1], &v, 8);
			out[0] = hash_long(bits[0]);
			out[1] = hash_long(bits[1]);
			return 2;
		case LH_ORC_STRING:
		case LH_ORC_VARCHAR:
		case LH_ORC_CHAR:
			if (!bloom->utf8 && !is_ascii(value->str))
				return 0;
			out[0] = hash_bytes(value->str.ptr, value->str.len);
			return 1;
		case LH_ORC_BINARY: out[0] = hash_bytes(value->str.ptr, value->str.len); return 1;
		default: return 0;
	}
}

bool
lh_orc_bloom_may_hold(const LhOrcBloom *bloom, int entry, const LhOrcNode *node,
					  const LhValue *value)
{
	uint64_t hash[2];
	int n;

	if (value->null || entry >= bloom->n || !lh_type_equal(&value->type, &node->type))
		return true;
	n = hashes(bloom, node, value, hash);
	if (n == 0)
		return true;
	for (int e = entry < 0 ? 0 : entry; e < (entry < 0 ? bloom->n : entry + 1); e++)
		for (int i = 0; i < n; i++)
			if (holds_hash(&bloom->filters[e], hash[i]))
				return true;
	return false;
}
