/*
 * cdc_make.h
 *		Cells for tests of change streams, made by hand and at random.
 */
#ifndef CDC_MAKE_H
#define CDC_MAKE_H

#include <stdint.h>
#include <string.h>

#include "vec/cell.h"

#define LH_OK_(ctx, call)                                     \
	do                                                        \
	{                                                         \
		if ((call) != LH_OK)                                  \
			fail_msg("%s: %s", #call, (ctx)->error->message); \
	} while (0)

static inline uint64_t
cdc_random(void)
{
	static uint64_t x = 88172645463325252u;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return x;
}

static inline LhCell
cdc_int(int64_t v)
{
	return (LhCell){.kind = LH_CELL_INT, .i64 = v};
}

static inline LhCell
cdc_bool(bool v)
{
	return (LhCell){.kind = LH_CELL_BOOL, .i64 = v};
}

static inline LhCell
cdc_float8(double v)
{
	return (LhCell){.kind = LH_CELL_FLOAT8, .f64 = v};
}

static inline LhCell
cdc_float4(float v)
{
	return (LhCell){.kind = LH_CELL_FLOAT4, .f64 = v};
}

/* DATE, TIME, TIMESTAMP, TIMESTAMPTZ */
static inline LhCell
cdc_time(LhCellKind kind, int64_t v)
{
	return (LhCell){.kind = kind, .i64 = v};
}

static inline LhCell
cdc_timetz(int64_t us, int32_t west)
{
	return (LhCell){.kind = LH_CELL_TIMETZ, .i64 = us, .aux = west};
}

static inline LhCell
cdc_interval(int64_t us, int32_t days, int32_t months)
{
	return (LhCell){.kind = LH_CELL_INTERVAL, .i64 = us, .len = (uint32_t) days, .aux = months};
}

static inline LhCell
cdc_numeric(LhCellSign sign, int weight, int dscale, int n, const int16_t *digits)
{
	return (LhCell){.kind = LH_CELL_NUMERIC,
					.sign = (uint8_t) sign,
					.weight = (int16_t) weight,
					.dscale = (uint16_t) dscale,
					.ndigits = (uint16_t) n,
					.ptr = (const uint8_t *) digits};
}

/* Whatever is pointer and length; a UUID has 16. */
static inline LhCell
cdc_bytes(LhCellKind kind, const uint8_t *p, size_t n)
{
	return (LhCell){.kind = kind, .len = (uint32_t) n, .ptr = p};
}

static inline LhCell
cdc_string(LhCellKind kind, const char *s)
{
	return cdc_bytes(kind, (const uint8_t *) s, strlen(s));
}

static inline LhCell
cdc_array(const LhCellArray *a)
{
	return (LhCell){.kind = LH_CELL_ARRAY, .array = a};
}

/* A valid text of up to 40 bytes with characters of all lengths, quotes and controls. */
static inline LhCell
cdc_any_text(LhCtx *ctx, LhCellKind kind)
{
	static const char *const pieces[] = {"a",
										 "Z",
										 " ",
										 "\"",
										 "\\",
										 "\n",
										 "\x01",
										 "\x7f",
										 "\xc3\xa9",
										 "\xe2\x82\xac",
										 "\xf0\x9f\x98\x80",
										 "word",
										 "{",
										 "}",
										 ",",
										 "null"};
	int n = (int) (cdc_random() % 12);
	char *s = lh_alloc0(ctx, 64);

	for (int i = 0; i < n; i++)
		strcat(s, pieces[cdc_random() % 16]);
	return cdc_string(kind, s);
}

static inline LhCell
cdc_any_numeric(LhCtx *ctx)
{
	int n = (int) (cdc_random() % 6);
	int16_t *d = lh_alloc0(ctx, 16);

	if (cdc_random() % 16 == 0)
		return cdc_numeric((LhCellSign) (LH_SIGN_NAN + cdc_random() % 3), 0, 0, 0, d);
	for (int i = 0; i < n; i++)
		d[i] = (int16_t) (i == 0 || i == n - 1 ? 1 + cdc_random() % 9999 : cdc_random() % 10000);
	return cdc_numeric(n > 0 && cdc_random() % 2 ? LH_SIGN_MINUS : LH_SIGN_PLUS,
					   n > 0 ? (int) (cdc_random() % 8) - 3 : 0, n == 0 ? 2 : 4 * 8, n, d);
}

static inline LhCell cdc_any_cell(LhCtx *ctx, int depth);

static inline LhCell
cdc_any_array(LhCtx *ctx, int depth)
{
	LhCellArray *a = lh_alloc0(ctx, sizeof(*a));
	int n = 1, kind = -1;
	LhCell *items;

	a->ndim = (int) (cdc_random() % 4);
	a->delim = ',';
	for (int i = 0; i < a->ndim; i++)
	{
		a->dims[i] = 1 + (int) (cdc_random() % 3);
		a->lbound[i] = cdc_random() % 5 ? 1 : (int) (cdc_random() % 7) - 3;
		n *= a->dims[i];
	}
	a->nitems = a->ndim > 0 ? n : 0;
	a->items = items = lh_alloc0(ctx, sizeof(LhCell) * 32);
	for (int i = 0; i < a->nitems; i++)
	{
		do
			items[i] = cdc_any_cell(ctx, depth + 1);
		while (kind >= 0 && LH_CELL_IS_VALUE(&items[i]) && items[i].kind != kind);
		if (!LH_CELL_IS_VALUE(&items[i]))
			items[i] = lh_cell_null();
		else
			kind = items[i].kind;
	}
	return cdc_array(a);
}

/* Of a kind, with edge cases now and then. */
static inline LhCell
cdc_any_of(LhCtx *ctx, LhCellKind kind, int depth)
{
	static const double doubles[] = {0, -0.0, 1, 0.1, 1e300, -2.5e-10, 123456.789};
	static const char *const jsons[] = {"{}",        "[1, 2,\n 3]", "{\"a\": {\"b\": null}}",
										"\"x\\ny\"", "12.50",       "true"};
	uint64_t r = cdc_random();
	bool edge = cdc_random() % 8 == 0;

	switch (kind)
	{
		case LH_CELL_BOOL: return cdc_bool(r & 1);
		case LH_CELL_INT: return cdc_int((int64_t) r >> cdc_random() % 64);
		case LH_CELL_FLOAT4:
			return cdc_float4(edge ? (float[]){__builtin_nanf(""), __builtin_inff(),
											   -__builtin_inff(), -0.0f}[r % 4]
								   : (float) (int32_t) r / 1024);
		case LH_CELL_FLOAT8:
			return cdc_float8(
				edge    ? (double[]){__builtin_nan(""), __builtin_inf(), -__builtin_inf()}[r % 3]
				: r % 2 ? doubles[r / 2 % 7]
						: (double) (int64_t) r / 3);
		case LH_CELL_NUMERIC: return cdc_any_numeric(ctx);
		case LH_CELL_JSON: return cdc_string(kind, jsons[r % 6]);
		case LH_CELL_TEXT:
		case LH_CELL_OTHER: return cdc_any_text(ctx, kind);
		case LH_CELL_RAW:
		case LH_CELL_BYTES:
			return cdc_bytes(kind, lh_memdup(ctx, (uint8_t *) &(uint64_t[]){r, cdc_random()}, 16),
							 r % 16);
		case LH_CELL_UUID:
			return cdc_bytes(kind, lh_memdup(ctx, (uint8_t *) &(uint64_t[]){r, cdc_random()}, 16),
							 16);
		case LH_CELL_DATE:
			return cdc_time(kind, edge ? (r & 1 ? INT32_MAX : INT32_MIN) : (int32_t) r >> r % 20);
		case LH_CELL_TIME:
			return cdc_time(kind,
							(int64_t) (edge ? UINT64_C(86400000000) : r % UINT64_C(86400000000)));
		case LH_CELL_TIMETZ:
			return cdc_timetz((int64_t) (r % UINT64_C(86400000000)),
							  (int32_t) (cdc_random() % 115199) - 57599);
		case LH_CELL_TIMESTAMP:
		case LH_CELL_TIMESTAMPTZ:
			return cdc_time(kind,
							edge ? (r & 1 ? INT64_MAX : INT64_MIN) : (int64_t) r >> (5 + r % 20));
		case LH_CELL_INTERVAL:
			return cdc_interval((int64_t) r >> r % 60, (int32_t) cdc_random() >> 20,
								(int32_t) r >> 20);
		case LH_CELL_ARRAY: return cdc_any_array(ctx, depth);
		default: return (LhCell){.kind = kind};
	}
}

/* Any kind; arrays inside arrays only here and there. */
static inline LhCell
cdc_any_cell(LhCtx *ctx, int depth)
{
	LhCellKind kind = (LhCellKind) (cdc_random() % LH_N_CELL_KINDS);

	if (kind == LH_CELL_ARRAY && depth > 1)
		kind = LH_CELL_INT;
	return cdc_any_of(ctx, kind, depth);
}

#endif
