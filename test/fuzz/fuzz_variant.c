/*
 * fuzz_variant.c
 *		Variants: tokens nest, cost no more than their bytes, and never leave them.
 *
 * Input: byte 0 odd: shredded.
 *	plain		length of metadata (2 bytes), metadata, value
 *	shredded	null bits of all columns (2 bytes), then seven strings, each after a
 *				length byte: metadata and the value columns of
 *				{a: bigint, b: [text]} with other fields in value, two slots
 */
#include <stdlib.h>
#include <string.h>

#include "core/text.h"
#include "fuzz/fuzz_ctx.h"
#include "parquet/variant.h"

#define CHECK(x)     \
	do               \
	{                \
		if (!(x))    \
			abort(); \
	} while (0)

extern int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* An object that is open: names seen, so that a second of the same is noticed. */
typedef struct Open
{
	bool object;
	int names;
	LhStr name[8];
} Open;

static Open open[LH_VARIANT_MAX_DEPTH];

static void
check_key(Open *o, LhStr key)
{
	CHECK(o->object && lh_utf8_valid(key.ptr, key.len));
	for (int i = 0; i < o->names; i++)
		CHECK(o->name[i].len != key.len || memcmp(o->name[i].ptr, key.ptr, key.len) != 0);
	if (o->names < 8)
		o->name[o->names++] = key;
}

/* All tokens of the value that was begun; bytes: of the column values it may come from. */
static void
drain(LhCtx *ctx, LhVariantReader *r, size_t bytes)
{
	const LhVariantToken *t;
	size_t tokens = 0, text = 0;
	int depth = 0;
	LhBuf out;

	CHECK(lh_buf_init(ctx, &out, false) == LH_OK);
	for (;;)
	{
		LhStatus status = lh_variant_next(ctx, r, &t);

		if (status != LH_OK)
		{
			CHECK(status == ctx->error->code && ctx->error->message[0] != '\0');
			lh_error_clear(ctx);
			return;
		}
		if (t->kind == LH_VARIANT_END)
			break;
		/* a value takes a byte at least, and has at most a key before and an end behind it */
		CHECK(++tokens <= 3 * bytes + 32);
		switch (t->kind)
		{
			case LH_VARIANT_KEY:
				CHECK(depth > 0);
				check_key(&open[depth - 1], t->key);
				break;
			case LH_VARIANT_OBJECT:
			case LH_VARIANT_ARRAY:
				CHECK(depth < LH_VARIANT_MAX_DEPTH);
				open[depth].object = t->kind == LH_VARIANT_OBJECT;
				open[depth++].names = 0;
				break;
			case LH_VARIANT_END_OBJECT:
			case LH_VARIANT_END_ARRAY:
				CHECK(depth > 0 && open[depth - 1].object == (t->kind == LH_VARIANT_END_OBJECT));
				depth--;
				break;
			default:
				out.len = 0;
				CHECK(lh_value_format(ctx, &t->value, &out) == LH_OK);
				if (!t->value.null && t->value.type.lane == LH_LANE_STR)
					text += t->value.str.len;
				CHECK(text <= bytes + 64);
				break;
		}
	}
	CHECK(depth == 0);
}

static void
plain(LhCtx *ctx, const uint8_t *p, size_t size)
{
	size_t m = p[0] | (size_t) p[1] << 8;
	LhVariantReader *r;

	size -= 2;
	if (m > size)
		m = size;
	CHECK(lh_variant_reader_create(ctx, NULL, &r) == LH_OK);
	if (lh_variant_start_bytes(ctx, r, lh_slice(p + 2, m), lh_slice(p + 2 + m, size - m)) == LH_OK)
		drain(ctx, r, size);
}

static const LhType binary_type = {.id = LH_T_BINARY, .lane = LH_LANE_STR};
static const LhType string_type = {.id = LH_T_STRING, .lane = LH_LANE_STR};
static const LhType int_type = {.id = LH_T_INT64, .lane = LH_LANE_I64};

static LhType
struct_type(LhTypeId id, int n, const LhField *fields)
{
	return (LhType){.id = id, .nfields = n, .fields = fields};
}

/* A string of the input, and where the next one begins. */
static LhStr
take(const uint8_t **p, const uint8_t *end)
{
	LhStr s = {*p, 0, 0};

	if (*p < end)
	{
		s.len = *(*p)++;
		s.ptr = *p;
		if (s.len > (size_t) (end - *p))
			s.len = (uint32_t) (end - *p);
		*p += s.len;
	}
	return s;
}

static void
shredded(LhCtx *ctx, const uint8_t *p, size_t size)
{
	const LhField element_fields[] = {{"value", binary_type, false, -1}, {"typed_value", string_type, false, -1}};
	const LhField element[] = {{"element", struct_type(LH_T_STRUCT, 2, element_fields), true, -1}};
	const LhField a_fields[] = {{"value", binary_type, false, -1}, {"typed_value", int_type, false, -1}};
	const LhField b_fields[] = {{"value", binary_type, false, -1}, {"typed_value", struct_type(LH_T_LIST, 1, element), false, -1}};
	const LhField ab[] = {{"a", struct_type(LH_T_STRUCT, 2, a_fields), true, -1}, {"b", struct_type(LH_T_STRUCT, 2, b_fields), true, -1}};
	const LhField top[] = {{"metadata", binary_type, true, -1}, {"value", binary_type, false, -1},
						   {"typed_value", struct_type(LH_T_STRUCT, 2, ab), false, -1}};
	const LhType type = struct_type(LH_T_VARIANT, 3, top);
	const uint8_t *end = p + size, *at = p + 2;
	uint64_t bits = p[0] | (uint64_t) p[1] << 8, valid[8];
	LhStr s[7];
	int64_t numbers[2] = {1, -1};
	const uint32_t offsets[] = {0, p[0] & 1, 2};
	LhVariantReader *r;

	for (int i = 0; i < 7; i++)
		s[i] = take(&at, end);
	for (int i = 0; i < 8; i++)
		valid[i] = bits >> (2 * i) & 3;
	{
		/* one metadata for both slots */
		LhStr metadata[] = {s[0], s[0]};
#define LEAF(t, bit, ...) {.type = t, .kind = LH_VEC_FLAT, .n = 2, .valid = &valid[bit], .data = __VA_ARGS__}
#define GROUP(t, bit, k, ...) {.type = t, .kind = LH_VEC_FLAT, .n = 2, .valid = bit, .nchildren = k, .children = __VA_ARGS__}
		LhVec elements[] = {LEAF(binary_type, 0, s + 1), LEAF(string_type, 1, s + 3)};
		LhVec list[] = {GROUP(element[0].type, NULL, 2, elements)};
		LhVec b[] = {LEAF(binary_type, 2, s + 5), GROUP(b_fields[1].type, &valid[3], 1, list)};
		LhVec a[] = {LEAF(binary_type, 4, s + 2), LEAF(int_type, 5, numbers)};
		LhVec fields[] = {GROUP(ab[0].type, NULL, 2, a), GROUP(ab[1].type, NULL, 2, b)};
		LhVec all[] = {{.type = binary_type, .kind = LH_VEC_FLAT, .n = 2, .data = metadata}, LEAF(binary_type, 6, s + 4),
					   GROUP(top[2].type, &valid[7], 2, fields)};
		LhVec vec = GROUP(type, NULL, 3, all);

		b[1].offsets = offsets;
		CHECK(lh_variant_reader_create(ctx, &type, &r) == LH_OK);
		CHECK(lh_variant_bind(ctx, r, &vec) == LH_OK);
		for (int slot = 0; slot < 2; slot++)
			if (lh_variant_start(ctx, r, slot) == LH_OK)
				drain(ctx, r, 4 * size);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	LhCtx *ctx;
	uint8_t *p;

	if (size < 3)
		return 0;
	/* memory of its exact size */
	p = malloc(size - 1);
	memcpy(p, data + 1, size - 1);
	ctx = fuzz_ctx();
	if (data[0] & 1)
		shredded(ctx, p, size - 1);
	else
		plain(ctx, p, size - 1);
	fuzz_ctx_done(ctx);
	free(p);
	return 0;
}
