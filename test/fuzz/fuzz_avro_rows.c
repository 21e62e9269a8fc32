/*
 * fuzz_avro_rows.c
 *		Any cells through the formats avro and debezium-avro, and back by their schemas.
 *
 * The input says the columns (kinds, modifiers, who may be null) and the cells of an
 * insert, an update and a delete: values of the column's kind, and damaged text.
 * Whatever they are, each message names a schema that was told of, and is a value of
 * it to its last byte, as a strict reader has it.
 */
#include <stdio.h>

#include "change/avro.h"
#include "change/formats.h"
#include "change/frame.h"
#include "fuzz/fuzz_ctx.h"
#include "unit/avro_decode.h"

#define CHECK(condition)  \
	do                    \
	{                     \
		if (!(condition)) \
			abort();      \
	} while (0)

#define MAX_COLUMNS 6
#define MAX_SCHEMAS 16

typedef struct Input
{
	const uint8_t *p, *end;
} Input;

static unsigned
take(Input *in)
{
	return in->p < in->end ? *in->p++ : 0;
}

static uint64_t
take64(Input *in)
{
	uint64_t v = 0;

	for (int i = 0; i < 8; i++)
		v = v << 8 | take(in);
	return v;
}

/* ---- columns and cells ---- */

typedef struct Type
{
	LhCellKind kind;
	uint32_t typid, elem;
	LhCellKind elem_kind;
	const char *bare;
} Type;

static const Type types[] = {
	{LH_CELL_BOOL, 16, 0, 0, "bool"},
	{LH_CELL_INT, 21, 0, 0, "int2"},
	{LH_CELL_INT, 23, 0, 0, "int4"},
	{LH_CELL_INT, 20, 0, 0, "int8"},
	{LH_CELL_FLOAT4, 700, 0, 0, "float4"},
	{LH_CELL_FLOAT8, 701, 0, 0, "float8"},
	{LH_CELL_NUMERIC, 1700, 0, 0, "numeric"},
	{LH_CELL_TEXT, 25, 0, 0, "text"},
	{LH_CELL_JSON, 3802, 0, 0, "jsonb"},
	{LH_CELL_BYTES, 17, 0, 0, "bytea"},
	{LH_CELL_UUID, 2950, 0, 0, "uuid"},
	{LH_CELL_DATE, 1082, 0, 0, "date"},
	{LH_CELL_TIME, 1083, 0, 0, "time"},
	{LH_CELL_TIMETZ, 1266, 0, 0, "timetz"},
	{LH_CELL_TIMESTAMP, 1114, 0, 0, "ts"},
	{LH_CELL_TIMESTAMPTZ, 1184, 0, 0, "tstz"},
	{LH_CELL_INTERVAL, 1186, 0, 0, "interval"},
	{LH_CELL_OTHER, 600, 0, 0, "point"},
	{LH_CELL_OTHER, 790, 0, 0, "money"},
	{LH_CELL_OTHER, 1560, 0, 0, "bit"},
	{LH_CELL_OTHER, 90000, 0, 0, "hstore"},
	{LH_CELL_OTHER, 90001, 0, 0, "vector"},
	{LH_CELL_OTHER, 90002, 0, 0, "geometry"},
	{LH_CELL_OTHER, 90003, 0, 0, "pair"},
	{LH_CELL_ARRAY, 1007, 23, LH_CELL_INT, "_int4"},
	{LH_CELL_ARRAY, 1231, 1700, LH_CELL_NUMERIC, "_numeric"},
	{LH_CELL_ARRAY, 1182, 1082, LH_CELL_DATE, "_date"},
};

/* Text of an output function: what is no UTF-8 becomes question marks. */
static LhSlice
take_text(LhCtx *ctx, Input *in, bool valid)
{
	size_t n = take(in) % 40;
	char *s;

	if (n > (size_t) (in->end - in->p))
		n = (size_t) (in->end - in->p);
	s = lh_strndup(ctx, (const char *) in->p, n);
	CHECK(s != NULL);
	in->p += n;
	for (size_t i = 0; valid && i < n; i++)
		if ((unsigned char) s[i] >= 0x80 || s[i] == '\0')
			s[i] = '?';
	return lh_slice(s, n);
}

static LhCell
take_numeric(LhCtx *ctx, Input *in)
{
	unsigned n = take(in) % 12;
	int16_t *digits = lh_alloc_array(ctx, n + 1, sizeof(int16_t));
	LhCell c = {.kind = LH_CELL_NUMERIC, .sign = (uint8_t) (take(in) % 5)};

	CHECK(digits != NULL);
	if (c.sign > LH_SIGN_MINUS)
		return c;
	for (unsigned i = 0; i < n; i++)
		digits[i] = (int16_t) ((take(in) << 8 | take(in)) % 10000);
	while (n > 0 && digits[n - 1] == 0)
		n--;
	if (n > 0 && digits[0] == 0)
		digits[0] = 1;
	c.ndigits = (uint16_t) n;
	c.weight = (int16_t) (n > 0 ? (int) (take(in) % 24) - 12 : 0);
	c.dscale = (uint16_t) (take(in) % 60);
	c.ptr = (const uint8_t *) digits;
	if (n == 0)
		c.sign = LH_SIGN_PLUS;
	return c;
}

static LhCell take_cell(LhCtx *ctx, Input *in, const Type *t, int scale);

static LhCell
take_array(LhCtx *ctx, Input *in, const Type *t, int scale)
{
	const Type element = {t->elem_kind, t->elem, 0, 0, ""};
	LhCellArray *a = lh_alloc0(ctx, sizeof(*a));
	LhCell *items = lh_alloc_array(ctx, 16, sizeof(LhCell));

	CHECK(a != NULL && items != NULL);
	a->ndim = (int) (take(in) % 3);
	a->nitems = a->ndim > 0;
	for (int i = 0; i < a->ndim; i++)
	{
		a->dims[i] = 1 + (int) (take(in) % 4);
		a->lbound[i] = (int) (take(in) % 3);
		a->nitems *= a->dims[i];
	}
	a->delim = ',';
	for (int i = 0; i < a->nitems; i++)
		items[i] = take(in) % 4 == 0 ? lh_cell_null() : take_cell(ctx, in, &element, scale);
	a->items = items;
	return (LhCell){.kind = LH_CELL_ARRAY, .array = a};
}

static LhCell
take_cell(LhCtx *ctx, Input *in, const Type *t, int scale)
{
	static const int64_t most[] = {[21] = INT16_MAX, [23] = INT32_MAX};
	LhCell c = {.kind = (uint8_t) t->kind};
	LhSlice s;
	double d;

	switch (t->kind)
	{
		case LH_CELL_BOOL: c.i64 = take(in) & 1; break;
		case LH_CELL_INT:
			c.i64 = (int64_t) take64(in);
			if (t->typid == 21 || t->typid == 23)
				c.i64 %= most[t->typid];
			break;
		case LH_CELL_FLOAT4:
		case LH_CELL_FLOAT8:
			c.i64 = (int64_t) take64(in);
			memcpy(&d, &c.i64, 8);
			c.f64 = t->kind == LH_CELL_FLOAT4 ? (double) (float) d : d;
			break;
		case LH_CELL_NUMERIC: return take_numeric(ctx, in);
		case LH_CELL_UUID:
			c.ptr = lh_alloc0(ctx, 16);
			CHECK(c.ptr != NULL);
			c.len = 16;
			memset((uint8_t *) c.ptr, (int) take(in), 16);
			break;
		case LH_CELL_DATE: c.i64 = (int32_t) take64(in); break;
		case LH_CELL_TIME:
		case LH_CELL_TIMETZ:
			c.i64 = (int64_t) (take64(in) % UINT64_C(86400000001));
			c.aux = (int32_t) take(in) * 400 - 50000;
			break;
		case LH_CELL_TIMESTAMP:
		case LH_CELL_TIMESTAMPTZ:
			c.i64 = (int64_t) take64(in) >> take(in) % 20;
			if (c.i64 != INT64_MAX && c.i64 != INT64_MIN)
				c.i64 = c.i64 < INT64_C(-211813488000000000)    ? INT64_MIN
						: c.i64 >= INT64_C(9223371331200000000) ? INT64_MAX
																: c.i64;
			break;
		case LH_CELL_INTERVAL:
			c.i64 = (int64_t) take64(in);
			c.len = (uint32_t) take64(in);
			c.aux = (int32_t) take64(in);
			break;
		case LH_CELL_ARRAY: return take_array(ctx, in, t, scale);
		default:
			if (take(in) % 8 == 0)
				c.kind = LH_CELL_RAW;
			s = take_text(ctx, in, c.kind != LH_CELL_BYTES && c.kind != LH_CELL_RAW);
			c.ptr = s.data;
			c.len = (uint32_t) s.len;
			if (t->kind == LH_CELL_BYTES)
				c.kind = LH_CELL_BYTES;
			break;
	}
	return c;
}

/* ---- what comes out ---- */

static int nschemas;
static LhSchema schemas[MAX_SCHEMAS];

static LhStatus
take_schema(LhChangeOut *out, LhCtx *ctx, const LhSchema *schema)
{
	(void) out;
	(void) ctx;
	CHECK(nschemas < MAX_SCHEMAS);
	schemas[nschemas++] = *schema;
	return LH_OK;
}

static void
read_back(LhCtx *ctx, LhSlice bytes)
{
	uint64_t fingerprint;
	int found = -1;
	json_t *schema, *v;

	CHECK(lh_schema_head_read(LH_SCHEMA_AVRO, bytes, &fingerprint));
	for (int i = 0; i < nschemas; i++)
		if (schemas[i].fingerprint == fingerprint)
			found = i;
	CHECK(found >= 0);
	schema = json_loadb((const char *) schemas[found].text.data, schemas[found].text.len,
						JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
	CHECK(schema != NULL);
	v = avro_decode(ctx, schema, lh_slice(bytes.data + LH_SCHEMA_HEAD, bytes.len - LH_SCHEMA_HEAD));
	CHECK(v != NULL);
	json_decref(v);
	json_decref(schema);
}

static void
read_messages(LhCtx *ctx, LhChangeOut *out)
{
	LhSlice body = lh_slice(out->buf.data, out->buf.len);
	size_t at = 0;

	while (at < body.len)
	{
		LhFrameMessage m;

		CHECK(lh_frame_message(ctx, body, &at, &m) == LH_OK);
		if (m.has_key)
			read_back(ctx, m.key);
		if (!m.tombstone)
			read_back(ctx, m.value);
	}
	out->buf.len = 0;
}

static void
tell(LhCtx *ctx, const LhChangeFormat *format, const LhChangeOptions *options,
	 const LhChangeRel *rel, const LhCell *old, const LhCell *new)
{
	static const LhChangeOp ops[] = {LH_CHANGE_INSERT, LH_CHANGE_UPDATE, LH_CHANGE_DELETE,
									 LH_CHANGE_TRUNCATE, LH_CHANGE_READ};
	const LhChangeTxn txn = {.xid = 7, .first_lsn = 8, .commit_end = 9, .commit_time = 10};
	LhChangeOut out = {.framed = true, .want_key = true, .schema = take_schema};
	LhEncoder *enc;
	void *plan;

	nschemas = 0;
	CHECK(lh_buf_init(ctx, &out.buf, false) == LH_OK &&
		  format->create(ctx, options, &enc) == LH_OK);
	CHECK(format->describe(ctx, enc, NULL, NULL, &out) == LH_OK);
	CHECK(format->relation(ctx, enc, rel, &plan) == LH_OK);
	CHECK(format->describe(ctx, enc, rel, plan, &out) == LH_OK);
	for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++)
	{
		LhChangeEvent ev = {.op = ops[i],
							.pos = {9, i, 7},
							.lsn = 8,
							.rel = rel,
							.plan = plan,
							.txn = ops[i] == LH_CHANGE_READ ? NULL : &txn,
							.old_is_key = rel->identity != LH_IDENTITY_FULL,
							.key_changed = i == 1 && rel->identity != LH_IDENTITY_FULL};

		if (i == 1 || i == 2)
			ev.old_cells = old;
		if (i != 2 && i != 3)
			ev.new_cells = new;
		CHECK(format->event(ctx, enc, &ev, &out) == LH_OK);
		read_messages(ctx, &out);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const times[] = {"adaptive", "connect", "isostring", "nanoseconds",
										"structured"};
	static const char *const decimals[] = {"precise", "string", "double"};
	LhCtx *ctx = fuzz_ctx();
	Input in = {data, data + size};
	int n = 1 + (int) (take(&in) % MAX_COLUMNS);
	LhChangeColumn columns[MAX_COLUMNS] = {0};
	LhCell old[MAX_COLUMNS], new[MAX_COLUMNS];
	int keys[1] = {0};
	LhChangeRel rel = {.relid = 1,
					   .generation = 1,
					   .schema = "s",
					   .name = "t",
					   .ncolumns = n,
					   .columns = columns,
					   .nkeys = 1,
					   .keys = keys,
					   .npk = 1,
					   .pk = keys};
	LhChangeOptions options;

	rel.identity = take(&in) & 1 ? LH_IDENTITY_FULL : LH_IDENTITY_DEFAULT;
	CHECK(lh_change_options_init(ctx, &options) == LH_OK);
	CHECK(lh_change_option_set(ctx, &options, "time.precision.mode", times[take(&in) % 5]) ==
		  LH_OK);
	CHECK(lh_change_option_set(ctx, &options, "decimal.handling.mode", decimals[take(&in) % 3]) ==
		  LH_OK);
	CHECK(lh_change_option_set(ctx, &options, "hstore.handling.mode",
							   take(&in) & 1 ? "map" : "json") == LH_OK);
	for (int i = 0; i < n; i++)
	{
		const Type *t = &types[take(&in) % (sizeof(types) / sizeof(types[0]))];
		unsigned flags = take(&in);

		columns[i] = (LhChangeColumn){.name = lh_sprintf(ctx, "%c", 'a' + i % 3),
									  .attnum = i + 1,
									  .typid = t->typid,
									  .base_typid = t->typid,
									  .typmod = -1,
									  .elem_typid = t->elem,
									  .kind = t->kind,
									  .elem_kind = t->elem_kind,
									  .typcategory = 'U',
									  .type_name = t->bare,
									  .type_text = t->bare,
									  .base_type_name = t->bare,
									  .base_type_text = t->bare,
									  .type_schema = "pg_catalog",
									  .type_bare = t->bare};
		columns[i].not_null = i == 0 || (flags & 1);
		columns[i].pk = columns[i].key = i == 0;
		if ((t->typid == 1700 || t->elem == 1700) && (flags & 2))
			columns[i].typmod = (20 << 16 | (take(&in) % 20)) + 4;
		new[i] = take_cell(ctx, &in, t, 0);
		old[i] = i > 0 && rel.identity != LH_IDENTITY_FULL ? (LhCell){.kind = LH_CELL_ABSENT}
														   : take_cell(ctx, &in, t, 0);
		if (i > 0 && (flags & 4))
			new[i] = (LhCell){.kind = LH_CELL_UNCHANGED};
		else if (i > 0 && !columns[i].not_null && (flags & 8))
			new[i] = lh_cell_null();
	}
	tell(ctx, &lh_format_avro, &options, &rel, old, new);
	tell(ctx, &lh_format_debezium_avro, &options, &rel, old, new);
	fuzz_ctx_done(ctx);
	return 0;
}
