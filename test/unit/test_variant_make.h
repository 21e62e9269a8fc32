/*
 * test_variant_make.h
 *		Make variants byte by byte, right or wrong, and the vectors of shredded ones.
 *
 * Encoders here are slow and obvious.  show() writes a value as text in which
 * every scalar says its type: {"a":int8 1,"b":[null,string x]}.
 */
#ifndef TEST_VARIANT_MAKE_H
#define TEST_VARIANT_MAKE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "parquet/variant.h"

#define MOST_BYTES 20000

typedef struct Bytes
{
	size_t len;
	uint8_t p[MOST_BYTES];
} Bytes;

static LhCtx *ctx;
static LhCtx *made; /* what the test made, also where ctx is reset between */

static inline int
variant_setup(void **state)
{
	ctx = lh_ctx_create();
	made = lh_ctx_create();
	return 0;
}

static inline int
variant_teardown(void **state)
{
	lh_ctx_destroy(ctx);
	lh_ctx_destroy(made);
	return 0;
}

static inline Bytes *
new_bytes(void)
{
	return lh_alloc0(made, sizeof(Bytes));
}

static inline void
put(Bytes *b, const void *p, size_t n)
{
	assert_true(b->len + n <= MOST_BYTES);
	if (n > 0)
		memcpy(b->p + b->len, p, n);
	b->len += n;
}

static inline void
put_uint(Bytes *b, uint64_t v, int width)
{
	put(b, &v, (size_t) width);
}

/* Metadata with names that end with NULL. */
static inline Bytes *
metadata_of(int width, const char *const *names)
{
	Bytes *b = new_bytes();
	uint32_t n = 0, at = 0;

	while (names[n] != NULL)
		n++;
	put_uint(b, (uint64_t) (1 | (width - 1) << 6), 1);
	put_uint(b, n, width);
	put_uint(b, 0, width);
	for (uint32_t i = 0; i < n; i++)
		put_uint(b, at += (uint32_t) strlen(names[i]), width);
	for (uint32_t i = 0; i < n; i++)
		put(b, names[i], strlen(names[i]));
	return b;
}

static inline Bytes *
metadata_abc(void)
{
	static const char *const names[] = {"a", "b", "c", "d", NULL};

	return metadata_of(1, names);
}

/* A scalar: its number in the encoding, then bytes. */
static inline Bytes *
scalar(int kind, const void *p, size_t n)
{
	Bytes *b = new_bytes();

	put_uint(b, (uint64_t) kind << 2, 1);
	put(b, p, n);
	return b;
}

static inline Bytes *
vint(int64_t v)
{
	return scalar(6, &v, 8);
}

static inline Bytes *
vnull(void)
{
	return scalar(0, NULL, 0);
}

/* A short string. */
static inline Bytes *
vstr(const char *s)
{
	Bytes *b = new_bytes();

	put_uint(b, strlen(s) << 2 | 1, 1);
	put(b, s, strlen(s));
	return b;
}

typedef struct Widths
{
	int id, offset;
	bool large;
} Widths;

/* ids NULL: an array. */
static inline Bytes *
container(Widths w, uint32_t n, const uint32_t *ids, Bytes *const *values)
{
	Bytes *b = new_bytes();
	uint32_t at = 0;
	int header = w.offset - 1;

	header |= ids ? (w.id - 1) << 2 | (int) w.large << 4 : (int) w.large << 2;
	put_uint(b, (uint64_t) (header << 2 | (ids ? 2 : 3)), 1);
	put_uint(b, n, w.large ? 4 : 1);
	for (uint32_t i = 0; ids && i < n; i++)
		put_uint(b, ids[i], w.id);
	put_uint(b, 0, w.offset);
	for (uint32_t i = 0; i < n; i++)
		put_uint(b, at += (uint32_t) values[i]->len, w.offset);
	for (uint32_t i = 0; i < n; i++)
		put(b, values[i]->p, values[i]->len);
	return b;
}

static const Widths narrow = {1, 1, false};

#define COUNT(...) ((uint32_t) (sizeof((Bytes *[]){__VA_ARGS__}) / sizeof(Bytes *)))
#define ARRAY(...) container(narrow, COUNT(__VA_ARGS__), NULL, (Bytes *[]){__VA_ARGS__})
#define IDS(...) (const uint32_t[]){__VA_ARGS__}
#define OBJECT(ids, ...) container(narrow, COUNT(__VA_ARGS__), ids, (Bytes *[]){__VA_ARGS__})

/* ---- text ---- */

static inline LhStatus
show_scalar(const LhValue *v, LhBuf *out)
{
	if (v->null)
		return lh_buf_append_str(ctx, out, "null");
	LH_TRY(lh_type_format(ctx, &v->type, out));
	LH_TRY(lh_buf_putc(ctx, out, ' '));
	return lh_value_format(ctx, v, out);
}

/* All tokens of the value that was begun; brackets that do not match are a failure. */
static inline LhStatus
show_tokens(LhVariantReader *r, LhBuf *out)
{
	char open[LH_VARIANT_MAX_DEPTH];
	int depth = 0;
	bool comma = false;

	for (;;)
	{
		const LhVariantToken *t;
		bool end;

		LH_TRY(lh_variant_next(ctx, r, &t));
		end = t->kind == LH_VARIANT_END || t->kind == LH_VARIANT_END_OBJECT || t->kind == LH_VARIANT_END_ARRAY;
		if (comma && !end)
			LH_TRY(lh_buf_putc(ctx, out, ','));
		comma = true;
		switch (t->kind)
		{
			case LH_VARIANT_END: assert_int_equal(depth, 0); return lh_buf_putc(ctx, out, '\0');
			case LH_VARIANT_VALUE: LH_TRY(show_scalar(&t->value, out)); break;
			case LH_VARIANT_KEY:
				assert_int_equal(open[depth - 1], '}');
				LH_TRY(lh_buf_printf(ctx, out, "\"%.*s\":", (int) t->key.len, t->key.ptr));
				comma = false;
				break;
			case LH_VARIANT_OBJECT:
			case LH_VARIANT_ARRAY:
				assert_true(depth < LH_VARIANT_MAX_DEPTH);
				open[depth++] = t->kind == LH_VARIANT_OBJECT ? '}' : ']';
				LH_TRY(lh_buf_putc(ctx, out, t->kind == LH_VARIANT_OBJECT ? '{' : '['));
				comma = false;
				break;
			default:
				assert_true(depth > 0);
				depth--;
				assert_int_equal(open[depth], t->kind == LH_VARIANT_END_OBJECT ? '}' : ']');
				LH_TRY(lh_buf_putc(ctx, out, open[depth]));
				break;
		}
	}
}

static inline const char *
finish(LhStatus status, LhBuf *out)
{
	if (status == LH_OK)
		return (const char *) out->data;
	assert_int_equal(status, ctx->error->code);
	return lh_sprintf(ctx, "%s: %s", lh_status_name(status), ctx->error->message);
}

/* A value from heap memory of its exact size, so that a sanitizer sees every byte too many. */
static inline const char *
show_bytes(const void *metadata, size_t nm, const void *value, size_t nv)
{
	uint8_t *m = malloc(nm ? nm : 1), *v = malloc(nv ? nv : 1);
	LhVariantReader *r;
	LhBuf out;
	LhStatus status;

	memcpy(m, metadata, nm);
	memcpy(v, value, nv);
	assert_int_equal(lh_variant_reader_create(ctx, NULL, &r), LH_OK);
	assert_int_equal(lh_buf_init(ctx, &out, true), LH_OK);
	status = lh_variant_start_bytes(ctx, r, lh_slice(m, nm), lh_slice(v, nv));
	if (status == LH_OK)
		status = show_tokens(r, &out);
	free(m);
	free(v);
	return finish(status, &out);
}

static inline const char *
show(const Bytes *metadata, const Bytes *value)
{
	return show_bytes(metadata->p, metadata->len, value->p, value->len);
}

/* ---- vectors ---- */

#define SLOTS 8

typedef struct Column
{
	LhType type;
	LhVec vec;
	uint64_t valid[2];
	LhField fields[8];
	LhVec children[8];
	uint32_t offsets[SLOTS + 1];
	union
	{
		LhStr str[SLOTS];
		int32_t i32[SLOTS];
		int64_t i64[SLOTS];
		double f64[SLOTS];
	} data;
} Column;

static inline Column *
new_column(LhTypeId id, LhLane lane, int n)
{
	Column *c = lh_alloc0(made, sizeof(Column));

	assert_true(n <= SLOTS);
	c->type = (LhType){.id = id, .lane = lane};
	c->vec = (LhVec){.kind = LH_VEC_FLAT, .n = n, .valid = c->valid, .data = &c->data};
	return c;
}

/* Bytes; NULL: null. */
static inline Column *
binary(int n, Bytes *const *values)
{
	Column *c = new_column(LH_T_BINARY, LH_LANE_STR, n);

	for (int i = 0; i < n; i++)
		if (values[i] != NULL)
		{
			lh_bit_set(c->valid, (size_t) i);
			c->data.str[i] = (LhStr){lh_memdup(made, values[i]->p, values[i]->len), (uint32_t) values[i]->len, 0};
		}
	c->vec.type = c->type;
	return c;
}

static inline Column *
text(int n, const char *const *values)
{
	Column *c = new_column(LH_T_STRING, LH_LANE_STR, n);

	for (int i = 0; i < n; i++)
		if (values[i] != NULL)
		{
			lh_bit_set(c->valid, (size_t) i);
			c->data.str[i] = (LhStr){(const uint8_t *) values[i], (uint32_t) strlen(values[i]), 0};
		}
	c->vec.type = c->type;
	return c;
}

#define NONE INT64_MIN

static inline Column *
ints(int n, const int64_t *values)
{
	Column *c = new_column(LH_T_INT64, LH_LANE_I64, n);

	for (int i = 0; i < n; i++)
		if (values[i] != NONE)
		{
			lh_bit_set(c->valid, (size_t) i);
			c->data.i64[i] = values[i];
		}
	c->vec.type = c->type;
	return c;
}

#define BINARY(...) binary((int) COUNT(__VA_ARGS__), (Bytes *[]){__VA_ARGS__})
#define TEXT(...) text((int) (sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *)), (const char *[]){__VA_ARGS__})
#define INTS(...) ints((int) (sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), (int64_t[]){__VA_ARGS__})

/*
 * A group: pairs of name and Column, ended by NULL.  null: a bit for each slot
 * that is null.  The fields are required.
 */
static inline Column *
group(LhTypeId id, unsigned null, ...)
{
	Column *c = new_column(id, LH_LANE_NONE, 0);
	const char *name;
	va_list args;

	va_start(args, null);
	while ((name = va_arg(args, const char *)) != NULL)
	{
		Column *field = va_arg(args, Column *);

		c->fields[c->type.nfields] = (LhField){name, field->type, true, -1};
		c->children[c->type.nfields++] = field->vec;
		c->vec.n = field->vec.n;
	}
	va_end(args);
	c->type.fields = c->fields;
	for (int i = 0; i < c->vec.n; i++)
		if (!(null >> i & 1))
			lh_bit_set(c->valid, (size_t) i);
	c->vec.type = c->type;
	c->vec.nchildren = c->type.nfields;
	c->vec.children = c->children;
	return c;
}

/* A list of n slots over elements; offsets has n + 1. */
static inline Column *
list(int n, unsigned null, const uint32_t *offsets, Column *element)
{
	Column *c = group(LH_T_LIST, 0, "element", element, NULL);

	c->vec.n = n;
	memcpy(c->offsets, offsets, (size_t) (n + 1) * sizeof(uint32_t));
	c->vec.offsets = c->offsets;
	c->valid[0] = ~(uint64_t) null & lh_low_bits(n);
	return c;
}

#define OFFSETS(...) (const uint32_t[]){__VA_ARGS__}

/* One slot of a shredded variant as text. */
static inline const char *
show_slot(const Column *variant, int slot)
{
	LhVariantReader *r;
	LhBuf out;
	LhStatus status = lh_variant_reader_create(ctx, &variant->type, &r);

	assert_int_equal(lh_buf_init(ctx, &out, true), LH_OK);
	if (status == LH_OK)
		status = lh_variant_bind(ctx, r, &variant->vec);
	if (status == LH_OK)
		status = lh_variant_start(ctx, r, slot);
	if (status == LH_OK)
		status = show_tokens(r, &out);
	return finish(status, &out);
}

#endif
