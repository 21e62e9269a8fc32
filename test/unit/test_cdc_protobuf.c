/*
 * test_cdc_protobuf.c
 *		The format "protobuf": bytes of every kind of value, envelopes, and rows at random.
 *
 * What foreign readers make of it, test/differential/cdc/protobuf tells.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "change/formats.h"
#include "unit/cdc_stream.h"
#include "unit/pb_check.h"

static int
setup(void **state)
{
	*state = lh_ctx_create();
	return *state == NULL;
}

static int
teardown(void **state)
{
	lh_ctx_destroy(*state);
	return 0;
}

static const char *
hex(LhCtx *ctx, LhSlice s)
{
	LhBuf buf;

	LH_OK_(ctx, lh_buf_init(ctx, &buf, false));
	LH_OK_(ctx, lh_buf_reserve(ctx, &buf, 1));
	LH_OK_(ctx, lh_put_hex(ctx, &buf, s.data, s.len));
	LH_OK_(ctx, lh_buf_putc(ctx, &buf, '\0'));
	return (char *) buf.data;
}

/* ---- values ---- */

static LhSlice
row_of(LhCtx *ctx, int n, const LhChangeColumn *columns, const LhCell *cells)
{
	LhChangeRel *rel = cdc_rel(ctx, "public", "t", LH_IDENTITY_DEFAULT, n, columns);
	int unchanged = 0;
	LhPbRow row;
	LhBuf buf;

	LH_OK_(ctx, lh_buf_init(ctx, &buf, false));
	LH_OK_(ctx, lh_pb_row_create(ctx, rel, 0, NULL, &row));
	LH_OK_(ctx, lh_pb_put_row(ctx, &buf, &row, cells, &unchanged));
	pb_check_row(ctx, n, rel->columns, cells, lh_slice(buf.data, buf.len));
	return lh_slice(buf.data, buf.len);
}

static void
is(LhCtx *ctx, uint32_t typid, LhCell cell, const char *want)
{
	LhChangeColumn c = cdc_col(ctx, "a", typid, (LhCellKind) cell.kind, "type", "type");

	assert_string_equal(hex(ctx, row_of(ctx, 1, &c, &cell)), want);
}

static void
numbers(void **state)
{
	LhCtx *ctx = *state;

	is(ctx, 16, cdc_bool(false), "0800");
	is(ctx, 16, cdc_bool(true), "0801");
	is(ctx, 21, cdc_int(0), "0800");
	is(ctx, 21, cdc_int(-1), "0801");
	is(ctx, 23, cdc_int(1), "0802");
	is(ctx, 23, cdc_int(63), "087e");
	is(ctx, 23, cdc_int(64), "088001");
	is(ctx, 23, cdc_int(INT32_MAX), "08feffffff0f");
	is(ctx, 23, cdc_int(INT32_MIN), "08ffffffff0f");
	is(ctx, 20, cdc_int(INT64_MAX), "08feffffffffffffffff01");
	is(ctx, 20, cdc_int(INT64_MIN), "08ffffffffffffffffff01");
	is(ctx, 26, cdc_int(0), "0800");
	is(ctx, 26, cdc_int(UINT32_MAX), "08ffffffff0f");
	is(ctx, 28, cdc_int(300), "08ac02");
	is(ctx, 700, cdc_float4(1.5f), "0d0000c03f");
	is(ctx, 700, cdc_float4(-0.0f), "0d00000080");
	is(ctx, 700, cdc_float4(__builtin_inff()), "0d0000807f");
	is(ctx, 701, cdc_float8(0.1), "099a9999999999b93f");
	is(ctx, 701, cdc_float8(-__builtin_inf()), "09000000000000f0ff");
	is(ctx, 701, cdc_float8(__builtin_nan("")), "09000000000000f87f");
}

static void
times(void **state)
{
	LhCtx *ctx = *state;

	is(ctx, 1082, cdc_time(LH_CELL_DATE, -10957), "0800"); /* 1970-01-01 */
	is(ctx, 1082, cdc_time(LH_CELL_DATE, 0), "089aab01");  /* 2000-01-01 */
	is(ctx, 1082, cdc_time(LH_CELL_DATE, INT32_MAX), "08feffffff0f");
	is(ctx, 1082, cdc_time(LH_CELL_DATE, INT32_MIN), "08ffffffff0f");
	is(ctx, 1082, cdc_time(LH_CELL_DATE, 2145031948), "08b287d6fd0f"); /* 5874897-12-31 */
	is(ctx, 1083, cdc_time(LH_CELL_TIME, INT64_C(86400000000)), "088080bbdd8305"); /* 24:00:00 */
	is(ctx, 1114, cdc_time(LH_CELL_TIMESTAMP, -INT64_C(946684800000000)), "090000000000000000");
	is(ctx, 1114, cdc_time(LH_CELL_TIMESTAMP, 0), "0900e0373b015d0300");
	is(ctx, 1184, cdc_time(LH_CELL_TIMESTAMPTZ, INT64_MAX), "09ffffffffffffff7f");
	is(ctx, 1184, cdc_time(LH_CELL_TIMESTAMPTZ, INT64_MIN), "090000000000000080");
	/* the last that 64 bits hold, and the first that they do not */
	is(ctx, 1114, cdc_time(LH_CELL_TIMESTAMP, INT64_MAX - INT64_C(946684800000000) - 1),
	   "09feffffffffffff7f");
	is(ctx, 1114, cdc_time(LH_CELL_TIMESTAMP, INT64_MAX - INT64_C(946684800000000)),
	   "827d20"
	   "0801"
	   "121c"
	   "3239343234372d30312d31302030343a30303a35342e373735383037");
	is(ctx, 1266, cdc_timetz(INT64_C(14706789000), -19800),
	   "0a12"
	   "30343a30353a30362e3738392b30353a3330");
	is(ctx, 1186, cdc_interval(INT64_C(14706789000), 3, 14),
	   "0a12"
	   "503159324d3344543448354d362e37383953");
}

static void
texts(void **state)
{
	LhCtx *ctx = *state;

	is(ctx, 25, cdc_text(""), "0a00");
	is(ctx, 25, cdc_text("\xc3\xa9"), "0a02c3a9");
	is(ctx, 3802, cdc_string(LH_CELL_JSON, "{\"a\": 1}"), "0a087b2261223a20317d");
	is(ctx, 790, cdc_other("$1.00"), "0a0524312e3030");
	is(ctx, 17, cdc_data(LH_CELL_BYTES, "\x00\xff", 2), "0a0200ff");
	is(ctx, 17, cdc_data(LH_CELL_BYTES, "", 0), "0a00");
	is(ctx, 2950,
	   cdc_data(LH_CELL_UUID, "\xa0\xee\xbc\x99\x9c\x0b\x4e\xf8\xbb\x6d\x6b\xb9\xbd\x38\x0a\x11",
				16),
	   "0a24"
	   "61306565626339392d396330622d346566382d626236642d366262396264333830613131");
	is(ctx, 1700, cdc_decimal(ctx, "-12.30"), "0a062d31322e3330");
	is(ctx, 1700, cdc_decimal(ctx, "NaN"), "0a034e614e");
	is(ctx, 1700, cdc_decimal(ctx, "-Infinity"), "0a092d496e66696e697479");
	is(ctx, 1700, cdc_decimal(ctx, "0"), "0a0130");
}

/* Lengths of one, two and three bytes, of a numeric and of texts. */
static void
lengths(void **state)
{
	static const size_t sizes[] = {0,   1,   111,   112,   113,   126,     127,
								   128, 129, 16383, 16384, 16385, 2097151, 2097152};
	LhCtx *ctx = *state;

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
	{
		size_t n = sizes[i];
		char *s = lh_alloc(ctx, n + 1);
		LhChangeColumn c = cdc_textcol(ctx, "a");
		LhCell cell;

		memset(s, '7', n);
		s[n] = '\0';
		cell = cdc_text(s);
		assert_int_equal(row_of(ctx, 1, &c, &cell).len, 1 + lh_pb_varint_size(n) + n);
		if (n == 0 || n > 20000)
			continue;
		c = cdc_col(ctx, "a", 1700, LH_CELL_NUMERIC, "numeric", "numeric");
		cell = cdc_decimal(ctx, s);
		assert_int_equal(row_of(ctx, 1, &c, &cell).len, 1 + lh_pb_varint_size(n) + n);
	}
}

static void
array_is(LhCtx *ctx, uint32_t elem, LhCellKind kind, LhCell cell, const char *want)
{
	LhChangeColumn c = cdc_col(ctx, "a", 1007, LH_CELL_ARRAY, "_type", "type[]");

	c.elem_typid = elem;
	c.elem_kind = kind;
	assert_string_equal(hex(ctx, row_of(ctx, 1, &c, &cell)), want);
}

static LhCell
matrix(LhCtx *ctx, int lbound, const LhCell *items)
{
	LhCell c = cdc_list(ctx, 4, items);
	LhCellArray *a = lh_memdup(ctx, c.array, sizeof(*a));

	a->ndim = 2;
	a->dims[0] = a->dims[1] = 2;
	a->lbound[0] = lbound;
	a->lbound[1] = 1;
	c.array = a;
	return c;
}

static void
arrays(void **state)
{
	LhCtx *ctx = *state;
	LhCell ints[] = {cdc_int(1), CDC_NULL, cdc_int(-2), cdc_int(100)};
	LhCell words[] = {cdc_text("a"), CDC_NULL, cdc_text("")};
	LhCell stamps[] = {cdc_time(LH_CELL_TIMESTAMP, INT64_MAX)};
	LhCell late[] = {cdc_time(LH_CELL_TIMESTAMP, INT64_MAX - 1)};
	LhCell uuids[] = {cdc_data(LH_CELL_UUID, "0123456789abcdef", 16)};
	LhCell bools[] = {cdc_bool(true), CDC_NULL};
	LhCell raw[] = {cdc_text("a"), cdc_data(LH_CELL_RAW, "\xff\"", 2)};
	LhCell doubles[] = {cdc_float8(1)};
	LhCell nulls[200];
	LhSlice s;

	array_is(ctx, 23, LH_CELL_INT, cdc_list(ctx, 0, NULL), "0a00");
	array_is(ctx, 23, LH_CELL_INT, cdc_list(ctx, 3, ints),
			 "0a08"
			 "0a03020003"
			 "120101");
	array_is(ctx, 23, LH_CELL_INT, matrix(ctx, 1, ints),
			 "0a0e"
			 "0a05020003c801"
			 "120101"
			 "1a020202");
	array_is(ctx, 23, LH_CELL_INT, matrix(ctx, -1, ints),
			 "0a12"
			 "0a05020003c801"
			 "120101"
			 "1a020202"
			 "22020102");
	array_is(ctx, 25, LH_CELL_TEXT, cdc_list(ctx, 3, words),
			 "0a0a"
			 "0a0161"
			 "0a00"
			 "0a00"
			 "120101");
	array_is(ctx, 17, LH_CELL_BYTES,
			 cdc_list(ctx, 1, (LhCell[]){cdc_data(LH_CELL_BYTES, "\xff", 1)}),
			 "0a03"
			 "0a01ff");
	array_is(ctx, 16, LH_CELL_BOOL, cdc_list(ctx, 2, bools),
			 "0a07"
			 "0a020100"
			 "120101");
	array_is(ctx, 701, LH_CELL_FLOAT8, cdc_list(ctx, 1, doubles),
			 "0a0a"
			 "0a08000000000000f03f");
	array_is(ctx, 1114, LH_CELL_TIMESTAMP, cdc_list(ctx, 1, stamps),
			 "0a0a"
			 "0a08ffffffffffffff7f");
	array_is(ctx, 2950, LH_CELL_UUID, cdc_list(ctx, 1, uuids),
			 "0a26"
			 "0a24"
			 "33303331333233332d333433352d333633372d333833392d363136323633363436353636");
	/* an element that does not fit: the whole array is text, bytes that are no UTF-8 as they are */
	array_is(ctx, 1114, LH_CELL_TIMESTAMP, cdc_list(ctx, 1, late),
			 "827d24"
			 "0801"
			 "1220"
			 "7b223239343237372d30312d30392030343a30303a35342e373735383036227d");
	array_is(ctx, 25, LH_CELL_TEXT, cdc_list(ctx, 2, raw),
			 "827d0d"
			 "0801"
			 "1209"
			 "7b612c22ff5c22227d");
	/* places of nulls beyond 127 */
	for (int i = 0; i < 200; i++)
		nulls[i] = CDC_NULL;
	s = row_of(ctx, 1,
			   (LhChangeColumn[]){{.name = "a",
								   .type_name = "int[]",
								   .attnum = 1,
								   .kind = LH_CELL_ARRAY,
								   .elem_kind = LH_CELL_INT,
								   .elem_typid = 23}},
			   (LhCell[]){cdc_list(ctx, 200, nulls)});
	assert_int_equal(s.len, 1 + 2 + (1 + 2 + 200) + (1 + 2 + 128 + 72 * 2));
}

static void
cells_that_do_not_fit(void **state)
{
	LhCtx *ctx = *state;
	LhChangeColumn columns[] = {cdc_int4(ctx, "id", 1), cdc_textcol(ctx, "a"),
								cdc_textcol(ctx, "b")};
	LhCell cells[] = {cdc_text("x"), cdc_data(LH_CELL_RAW, "\xff", 1), cdc_text("b")};

	assert_string_equal(hex(ctx, row_of(ctx, 3, columns, cells)), "1a0162"
																  "827d05"
																  "0801"
																  "120178"
																  "827d05"
																  "0802"
																  "1201ff");
}

/* Numbers of two bytes, as far as PostgreSQL goes. */
static void
attnums(void **state)
{
	LhCtx *ctx = *state;
	LhChangeColumn columns[] = {cdc_int4(ctx, "a", 0), cdc_int4(ctx, "b", 0),
								cdc_textcol(ctx, "c")};
	LhCell cells[] = {cdc_int(1), cdc_int(2), cdc_text("c")};

	columns[0].attnum = 15;
	columns[1].attnum = 16;
	columns[2].attnum = 1600;
	assert_string_equal(hex(ctx, row_of(ctx, 3, columns, cells)), "7802"
																  "800104"
																  "82640163");
}

/* ---- random rows ---- */

static void
random_rows(void **state)
{
	static const uint32_t ints[] = {21, 23, 20, 26, 28};
	LhCtx *ctx = *state;

	for (int run = 0; run < 20000; run++)
	{
		LhArena *old = lh_use(ctx, lh_arena_child(ctx->arena));
		int n = 1 + (int) (cdc_random() % 12);
		LhChangeColumn columns[12];
		LhCell cells[12];

		for (int i = 0; i < n; i++)
		{
			LhCellKind kind =
				(LhCellKind) (LH_CELL_BOOL + cdc_random() % (LH_N_CELL_KINDS - LH_CELL_BOOL));
			LhChangeColumn *c = &columns[i];
			const LhCellArray *a;

			*c = cdc_col(ctx, "a", 20, kind, "t", "t");
			c->attnum = (i > 0 ? columns[i - 1].attnum : 0) + 1 + (int) (cdc_random() % 100);
			cells[i] = cdc_any_of(ctx, kind, 0);
			if (kind == LH_CELL_INT)
			{
				c->base_typid = ints[cdc_random() % 5];
				if (c->base_typid == 21 || c->base_typid == 23)
					cells[i].i64 =
						c->base_typid == 21 ? (int16_t) cells[i].i64 : (int32_t) cells[i].i64;
				else if (c->base_typid != 20)
					cells[i].i64 = (uint32_t) cells[i].i64;
			}
			a = kind == LH_CELL_ARRAY ? cells[i].array : NULL;
			c->elem_typid = 20;
			for (int k = 0; a != NULL && k < a->nitems; k++)
			{
				if (a->items[k].kind != LH_CELL_NULL)
					c->elem_kind = (LhCellKind) a->items[k].kind;
			}
			if (cdc_random() % 8 == 0)
				cells[i] = (LhCell){.kind = (uint8_t) (cdc_random() % 3)};
			else if (cdc_random() % 16 == 0)
			{
				LhCell other = cdc_any_cell(ctx, 0);

				cells[i] = other.kind != LH_CELL_INT ? other : cells[i];
			}
		}
		row_of(ctx, n, columns, cells);
		lh_arena_destroy(lh_use(ctx, old));
	}
}

/* ---- events ---- */

static void
open_stream(LhCtx *ctx, CdcStream *s, const char *settings, bool framed)
{
	cdc_open(ctx, s, &lh_format_protobuf, settings);
	s->end = "";
	s->out.framed = framed;
	s->out.want_key = framed;
}

/* What came since the last call. */
static const char *
came(CdcStream *s)
{
	const char *text = hex(s->ctx, lh_slice(s->text.data, s->text.len));

	s->text.len = 0;
	return text;
}

/* Fields of a source: of the transaction, of the relation. */
#define COMMIT "08f8eeac0b10bc0519003d53bbc3170600"
#define LSN    "30c8eeac0b"
#define TABLE  "4a067075626c6963520174"

static void
envelopes(void **state)
{
	LhCtx *ctx = *state;
	LhChangeColumn columns[] = {cdc_int4(ctx, "id", 1), cdc_textcol(ctx, "a"),
								cdc_textcol(ctx, "big")};
	LhChangeRel *rel = cdc_rel(ctx, "public", "t", LH_IDENTITY_DEFAULT, 3, columns);
	LhCell one[] = {cdc_int(1), cdc_text("x"), CDC_NULL};
	LhCell two[] = {cdc_int(2), CDC_NULL, CDC_UNCHANGED};
	LhCell key[] = {cdc_int(1), CDC_ABSENT, CDC_ABSENT};
	CdcStream s;
	void *plan;

	open_stream(ctx, &s, "", false);
	plan = cdc_plan(&s, rel);
	cdc_begin(&s);
	assert_string_equal(came(&s), "");
	cdc_row(&s, LH_CHANGE_INSERT, rel, plan, NULL, one);
	assert_string_equal(came(&s), "0801"
								  "1a05"
								  "0802120178"
								  "2a23" COMMIT "2801" LSN TABLE);
	cdc_event(&s,
			  (LhChangeEvent){.op = LH_CHANGE_UPDATE, .rel = rel, .plan = plan, .new_cells = two});
	assert_string_equal(came(&s), "0802"
								  "1a02"
								  "0804"
								  "220103"
								  "2a23" COMMIT "2801" LSN TABLE);
	cdc_row(&s, LH_CHANGE_DELETE, rel, plan, key, NULL);
	assert_string_equal(came(&s), "0803"
								  "1202"
								  "0802"
								  "2a23" COMMIT "2802" LSN TABLE);
	/* a changed key: both events say so, and the second where the row was */
	cdc_row(&s, LH_CHANGE_UPDATE, rel, plan, key, two);
	assert_string_equal(came(&s), "0803"
								  "1202"
								  "0802"
								  "2a23" COMMIT "2803" LSN TABLE "3001"
								  "0801"
								  "1202"
								  "0802"
								  "1a02"
								  "0804"
								  "220103"
								  "2a23" COMMIT "2803" LSN TABLE "3001");
	/* a snapshot has no transaction */
	s.txn.commit_end = s.lsn = s.order = 0;
	s.txn.xid = 0;
	cdc_event(&s,
			  (LhChangeEvent){.op = LH_CHANGE_READ, .rel = rel, .plan = plan, .new_cells = one});
	assert_string_equal(came(&s), "0804"
								  "1a05"
								  "0802120178"
								  "2a0d"
								  "4001" TABLE);
	cdc_commit(&s);
	assert_string_equal(came(&s), "");
}

static void
other_events(void **state)
{
	LhCtx *ctx = *state;
	LhChangeColumn columns[] = {cdc_int4(ctx, "id", 1)};
	LhChangeRel *rel = cdc_rel(ctx, "public", "t", LH_IDENTITY_DEFAULT, 1, columns);
	CdcStream s;
	void *plan;

	open_stream(ctx, &s, "provide.transaction.metadata=on", false);
	plan = cdc_plan(&s, rel);
	s.txn.origin_name = "elsewhere";
	cdc_begin(&s);
	assert_string_equal(came(&s), "0801"
								  "1221" COMMIT "2209656c73657768657265" LSN);
	s.order = 1;
	cdc_event(
		&s,
		(LhChangeEvent){
			.op = LH_CHANGE_TRUNCATE, .rel = rel, .plan = plan, .ntruncated = 2, .cascade = true});
	assert_string_equal(came(&s), "0805"
								  "2a30" COMMIT "2209656c73657768657265"
								  "2801" LSN "3801" TABLE "3a04"
								  "08021001");
	s.order = 2;
	cdc_event(
		&s, (LhChangeEvent){.op = LH_CHANGE_QUARANTINE, .rel = rel, .plan = plan, .reason = "why"});
	assert_string_equal(came(&s), "0806"
								  "2a30" COMMIT "2209656c73657768657265"
								  "2802" LSN "3802" TABLE "4203"
								  "776879");
	s.order = 3;
	cdc_event(&s, (LhChangeEvent){.op = LH_CHANGE_MESSAGE,
								  .transactional = true,
								  .prefix = "p",
								  .content = lh_slice("\0\xff", 2)});
	assert_string_equal(came(&s), "0803"
								  "1225" COMMIT "2209656c73657768657265"
								  "2803" LSN "3803"
								  "220170"
								  "2a0200ff"
								  "3001");
	cdc_commit(&s);
	assert_string_equal(came(&s), "0802"
								  "1225" COMMIT "2209656c73657768657265"
								  "2803" LSN "3803"
								  "1803");
	/* outside of a transaction, with nothing in it */
	s.txn.xid = 0;
	s.order = 0;
	cdc_event(&s, (LhChangeEvent){.op = LH_CHANGE_MESSAGE, .prefix = "", .content = {0}});
	assert_string_equal(came(&s), "0803"
								  "120a"
								  "08f8eeac0b" LSN);
	/* schemas are not events here */
	cdc_event(&s, (LhChangeEvent){.op = LH_CHANGE_SCHEMA, .rel = rel, .plan = plan});
	assert_string_equal(came(&s), "");
}

/* The next framed message without its heads; fingerprints are of these schemas. */
static LhFrameMessage
next_message(LhCtx *ctx, CdcStream *s, size_t *at, uint64_t *key, uint64_t *value)
{
	LhFrameMessage m;

	*key = *value = 0;
	LH_OK_(ctx, lh_frame_message(ctx, lh_slice(s->out.buf.data, s->out.buf.len), at, &m));
	if (m.format == LH_MESSAGE_SCHEMA)
		return m;
	if (m.has_key)
	{
		assert_true(lh_schema_head_read(LH_SCHEMA_PROTOBUF, m.key, key));
		m.key = lh_slice(m.key.data + LH_SCHEMA_HEAD, m.key.len - LH_SCHEMA_HEAD);
	}
	if (!m.tombstone)
	{
		assert_true(lh_schema_head_read(LH_SCHEMA_PROTOBUF, m.value, value));
		m.value = lh_slice(m.value.data + LH_SCHEMA_HEAD, m.value.len - LH_SCHEMA_HEAD);
	}
	return m;
}

/* Keys by attnum; schemas before all that names them; a tombstone behind each delete. */
static void
frames(void **state)
{
	LhCtx *ctx = *state;
	LhChangeColumn columns[] = {cdc_int4(ctx, "b", 2), cdc_textcol(ctx, "a"),
								cdc_textcol(ctx, "c")};
	LhCell old[] = {cdc_int(1), cdc_text("big"), CDC_ABSENT};
	LhCell new[] = {cdc_int(2), CDC_UNCHANGED, CDC_NULL};
	uint64_t events = 0, key_schema = 0, value_schema = 0, key, value;
	LhSchemaStore *store;
	LhFrameMessage m;
	LhChangeRel *rel;
	LhChangeEvent ev;
	LhSchema schema;
	CdcStream s;
	size_t at = 0;
	void *plan;

	columns[1].pk = 1;
	rel = cdc_rel(ctx, "public", "t", LH_IDENTITY_DEFAULT, 3, columns);
	open_stream(ctx, &s, "", true);
	plan = cdc_plan(&s, rel);
	LH_OK_(ctx, lh_schema_store_create(ctx, &store));
	LH_OK_(ctx, lh_format_protobuf.describe(ctx, s.enc, NULL, NULL, &s.out));
	LH_OK_(ctx, lh_format_protobuf.describe(ctx, s.enc, rel, plan, &s.out));
	for (int i = 0; at < s.out.buf.len; i++)
	{
		m = next_message(ctx, &s, &at, &key, &value);
		LH_OK_(ctx, lh_frame_schema(ctx, &m, &schema));
		assert_int_equal(schema.kind, LH_SCHEMA_PROTOBUF);
		assert_true(schema.fingerprint == lh_schema_fingerprint(schema.text.data, schema.text.len));
		LH_OK_(ctx, lh_schema_store_add(ctx, store, schema.kind, schema.fingerprint, schema.text));
		*(i == 0 ? &events : i == 1 ? &key_schema : &value_schema) = schema.fingerprint;
		assert_true(i < 3);
	}
	assert_true(events != 0 && key_schema != 0 && value_schema != 0);
	s.out.buf.len = at = 0;

	ev = (LhChangeEvent){.op = LH_CHANGE_UPDATE,
						 .pos = {1, 1, 1},
						 .rel = rel,
						 .plan = plan,
						 .old_cells = old,
						 .new_cells = new,
						 .old_is_key = true,
						 .key_changed = true,
						 .txn = &s.txn};
	LH_OK_(ctx, s.enc->format->event(ctx, s.enc, &ev, &s.out));
	m = next_message(ctx, &s, &at, &key, &value);
	assert_true(key == key_schema && value == value_schema && !m.tombstone);
	assert_string_equal(hex(ctx, m.key), "0802"
										 "1203626967");
	assert_memory_equal(m.value.data, "\x08\x03", 2);
	m = next_message(ctx, &s, &at, &key, &value);
	assert_true(key == key_schema && m.tombstone);
	assert_string_equal(hex(ctx, m.key), "0802"
										 "1203626967");
	m = next_message(ctx, &s, &at, &key, &value);
	assert_true(key == key_schema && value == value_schema && !m.tombstone);
	/* the part of the key that was not touched comes from the old one */
	assert_string_equal(hex(ctx, m.key), "0804"
										 "1203626967");
	assert_memory_equal(m.value.data, "\x08\x01", 2);
	assert_int_equal(at, s.out.buf.len);

	s.out.buf.len = at = 0;
	s.options.tombstones = false;
	ev.op = LH_CHANGE_DELETE;
	ev.new_cells = NULL;
	ev.key_changed = false;
	LH_OK_(ctx, s.enc->format->event(ctx, s.enc, &ev, &s.out));
	m = next_message(ctx, &s, &at, &key, &value);
	assert_true(!m.tombstone && at == s.out.buf.len);

	/* messages are of no relation, and have no key */
	s.out.buf.len = at = 0;
	ev = (LhChangeEvent){.op = LH_CHANGE_MESSAGE, .prefix = "p"};
	LH_OK_(ctx, s.enc->format->event(ctx, s.enc, &ev, &s.out));
	m = next_message(ctx, &s, &at, &key, &value);
	assert_true(!m.has_key && value == events);
}

/* A table without a key has no keys and no schema of them. */
static void
no_key(void **state)
{
	LhCtx *ctx = *state;
	LhChangeColumn columns[] = {cdc_textcol(ctx, "a")};
	LhChangeRel *rel = cdc_rel(ctx, "public", "t", LH_IDENTITY_FULL, 1, columns);
	LhCell cells[] = {cdc_text("a")};
	uint64_t key, value;
	LhFrameMessage m;
	LhChangeEvent ev;
	LhSchema schema;
	CdcStream s;
	size_t at = 0;
	void *plan;

	rel->keys = NULL;
	open_stream(ctx, &s, "", true);
	plan = cdc_plan(&s, rel);
	LH_OK_(ctx, lh_format_protobuf.describe(ctx, s.enc, rel, plan, &s.out));
	m = next_message(ctx, &s, &at, &key, &value);
	LH_OK_(ctx, lh_frame_schema(ctx, &m, &schema));
	assert_non_null(strstr((const char *) schema.text.data, "message Envelope {"));
	assert_int_equal(at, s.out.buf.len);
	s.out.buf.len = at = 0;
	ev = (LhChangeEvent){
		.op = LH_CHANGE_DELETE, .rel = rel, .plan = plan, .old_cells = cells, .txn = &s.txn};
	LH_OK_(ctx, s.enc->format->event(ctx, s.enc, &ev, &s.out));
	m = next_message(ctx, &s, &at, &key, &value);
	assert_true(!m.has_key && !m.tombstone && at == s.out.buf.len && value == schema.fingerprint);
}

/* Rows whose lengths take one, two and three bytes, by turns: the length before them is always the shortest. */
static void
rows_of_all_lengths(void **state)
{
	static const size_t sizes[] = {1, 124, 125, 126, 20, 127, 16380, 3, 16381, 16382, 20000, 1};
	LhCtx *ctx = *state;
	LhChangeColumn columns[] = {cdc_textcol(ctx, "a")};
	LhChangeRel *rel = cdc_rel(ctx, "public", "t", LH_IDENTITY_FULL, 1, columns);
	char *text = lh_alloc0(ctx, 20001);
	CdcStream s;
	void *plan;

	memset(text, 'x', 20000);
	open_stream(ctx, &s, "", false);
	plan = cdc_plan(&s, rel);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
	{
		LhCell old[] = {
			cdc_data(LH_CELL_TEXT, text, sizes[sizeof(sizes) / sizeof(sizes[0]) - 1 - i])};
		LhCell new[] = {cdc_data(LH_CELL_TEXT, text, sizes[i])};
		PbField f = {0};
		LhSlice bytes;

		cdc_row(&s, LH_CHANGE_UPDATE, rel, plan, old, new);
		bytes = lh_slice(s.text.data, s.text.len);
		assert_true(pb_next(&bytes, &f) && f.number == 1);
		assert_true(pb_next(&bytes, &f) && f.number == 2);
		pb_check_row(ctx, 1, rel->columns, old, f.bytes);
		assert_true(pb_next(&bytes, &f) && f.number == 3);
		pb_check_row(ctx, 1, rel->columns, new, f.bytes);
		assert_true(pb_next(&bytes, &f) && f.number == 5);
		assert_false(pb_next(&bytes, &f));
		s.text.len = 0;
	}
}

/* What no reader would take is told as such. */
static void
too_large(void **state)
{
	LhCtx *ctx = *state;
	LhChangeColumn columns[] = {cdc_int4(ctx, "id", 1), cdc_textcol(ctx, "a")};
	LhChangeRel *rel = cdc_rel(ctx, "public", "t", LH_IDENTITY_DEFAULT, 2, columns);
	LhCell cells[] = {cdc_int(1), cdc_text("the value that is too large")};
	size_t max = lh_pb_message_max;
	PbField f = {0};
	LhSlice bytes;
	CdcStream s;
	void *plan;

	open_stream(ctx, &s, "", false);
	plan = cdc_plan(&s, rel);
	cdc_row(&s, LH_CHANGE_INSERT, rel, plan, NULL, cells);
	lh_pb_message_max = s.text.len;
	s.text.len = 0;
	cdc_row(&s, LH_CHANGE_INSERT, rel, plan, NULL, cells);
	bytes = lh_slice(s.text.data, s.text.len);
	assert_true(pb_next(&bytes, &f) && f.value == 1);
	lh_pb_message_max--;
	s.text.len = 0;
	cdc_row(&s, LH_CHANGE_INSERT, rel, plan, NULL, cells);
	lh_pb_message_max = max;
	bytes = lh_slice(s.text.data, s.text.len);
	assert_true(pb_next(&bytes, &f) && f.value == 6);
	assert_true(pb_next(&bytes, &f) && f.number == 5);
	assert_true(pb_next(&bytes, &f) && f.number == 8);
	assert_null(memmem(s.text.data, s.text.len, "too large", 9));
	assert_false(pb_next(&bytes, &f));
}

/* ---- schemas ---- */

static const char *
schema_text(LhCtx *ctx, const char *settings, const LhChangeRel *rel, bool key)
{
	LhChangeOptions options;
	LhPbRow row;
	LhBuf buf;
	char *copy = lh_strdup(ctx, settings);
	char *value = strchr(copy, '=');

	LH_OK_(ctx, lh_change_options_init(ctx, &options));
	if (value != NULL)
	{
		*value++ = '\0';
		LH_OK_(ctx, lh_change_option_set(ctx, &options, copy, value));
	}
	LH_OK_(ctx, lh_buf_init(ctx, &buf, false));
	LH_OK_(ctx, lh_pb_row_create(ctx, rel, rel->nkeys, key ? rel->keys : NULL, &row));
	LH_OK_(ctx, key ? lh_pb_key_schema(ctx, &buf, &options, rel, &row)
					: lh_pb_value_schema(ctx, &buf, &options, rel, &row));
	LH_OK_(ctx, lh_buf_putc(ctx, &buf, '\0'));
	return (char *) buf.data;
}

static void
schema_of_a_table(void **state)
{
	LhCtx *ctx = *state;
	LhChangeColumn columns[] = {
		cdc_int4(ctx, "id", 2),
		cdc_col(ctx, "price", 1700, LH_CELL_NUMERIC, "numeric", "numeric(10,2)"),
		cdc_col(ctx, "tags", 1009, LH_CELL_ARRAY, "_text", "text[]"), cdc_textcol(ctx, "mail")};
	LhChangeRel *rel;
	const char *text;

	columns[1].attnum = 4;
	columns[1].pk = 1;
	columns[2].attnum = 5;
	columns[2].elem_typid = 25;
	columns[2].elem_kind = LH_CELL_TEXT;
	columns[3].attnum = 7;
	columns[3].masked = true;
	rel = cdc_rel(ctx, "public", "Orders", LH_IDENTITY_DEFAULT, 4, columns);
	assert_string_equal(schema_text(ctx, "", rel, true),
						"syntax = \"proto3\";\n"
						"\n"
						"package lakehouse.public_.Orders;\n"
						"\n"
						"message Key {\n"
						"  message LakehouseText {\n"
						"    int32 column = 1;\n"
						"    bytes text = 2;\n"
						"  }\n"
						"  optional sint32 id = 1; // integer\n"
						"  optional string price = 4; // numeric\n"
						"  // Values that the fields above cannot hold.\n"
						"  repeated LakehouseText lakehouse_texts = 2000;\n"
						"}\n");
	text = schema_text(ctx, "topic.prefix=shop.eu-1.new", rel, false);
	assert_memory_equal(
		text,
		"syntax = \"proto3\";\n\npackage shop.eu_U2d_1.new_.public_.Orders;\n\nmessage Envelope {\n",
		80);
	assert_non_null(strstr(text, "\nmessage Row {\n"
								 "  message StringArray {\n"
								 "    repeated string values = 1;\n"
								 "    repeated int32 nulls = 2;\n"
								 "    repeated int32 dimensions = 3;\n"
								 "    repeated sint32 lower_bounds = 4;\n"
								 "  }\n"
								 "  message LakehouseText {\n"));
	assert_non_null(strstr(text, "  optional sint32 id = 1; // integer\n"
								 "  optional string price = 4; // numeric\n"
								 "  optional StringArray tags = 5; // text[]\n"
								 "  optional string mail = 7; // text, masked\n"
								 "  // Values that"));
}

/* A name beside the line that its field should have. */
static void
names_of_fields(void **state)
{
	static const char *const names[][2] = {
		{"a b", "a_U20_b = 1; // \"a b\": text\n"},
		{"a_U20_b", "a_U5f_U20_b = 2; // \"a_U20_b\": text\n"},
		{"_U4 ", "_U5f_U4_U20_ = 3; // \"_U4 \": text\n"},
		{"1st", "_U31_st = 4; // \"1st\": text\n"},
		{"\xc3\xa9\xe2\x82\xac", "_Ue9__U20ac_ = 5; // \"\xc3\xa9\xe2\x82\xac\": text\n"},
		{"x\";\n}", "x_U22__U3b__Ua__U7d_ = 6; // \"x\\\";\\n}\": text\n"},
		{"foo_bar", "foo_bar = 7; // text\n"},
		{"fooBar", "fooBar_8 = 8; // \"fooBar\": text\n"},
		{"foobar", "foobar_9 = 9; // \"foobar\": text\n"},
		{"foobar_9", "foobar_9_10 = 10; // \"foobar_9\": text\n"},
		{"Int32Array", "Int32Array_11 = 11; // \"Int32Array\": text\n"},
		{"lakehouse_texts", "lakehouse_texts_12 = 12; // \"lakehouse_texts\": text\n"},
		{"_", "_ = 13; // text\n"},
		{"__", "___14 = 14; // \"__\": text\n"},
		{"message", "message = 15; // text\n"},
		{"string", "string = 16; // text\n"},
	};
	enum
	{
		N = sizeof(names) / sizeof(names[0])
	};
	LhCtx *ctx = *state;
	LhChangeColumn columns[N];
	const char *text;

	for (int i = 0; i < N; i++)
		columns[i] = cdc_textcol(ctx, names[i][0]);
	text = schema_text(ctx, "", cdc_rel(ctx, "s", "t", LH_IDENTITY_DEFAULT, N, columns), false);
	for (int i = 0; i < N; i++)
	{
		const char *line = lh_sprintf(ctx, "\n  optional string %s", names[i][1]);

		if (strstr(text, line) == NULL)
			fail_msg("no \"%s\" in\n%s", line, text);
	}
}

static void
names_of_packages(void **state)
{
	static const char *const names[][3] = {
		{"public", "t", "lakehouse.public_.t;"},
		{"public_", "t", "lakehouse.public__.t;"},
		{"Public", "t", "lakehouse.Public.t;"},
		{"a.b", "c", "lakehouse.a_U2e_b.c;"},
		{"a", "b.c", "lakehouse.a.b_U2e_c;"},
		{"reinterpret_cast", "abstract", "lakehouse.reinterpret_cast_.abstract_;"},
		{"class", "xor_eq", "lakehouse.class_.xor_eq_;"},
		{"s", "\xf0\x9f\x98\x80", "lakehouse.s._U1f600_;"},
	};
	LhCtx *ctx = *state;
	LhChangeColumn column = cdc_textcol(ctx, "a");

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
	{
		const char *text = schema_text(
			ctx, "", cdc_rel(ctx, names[i][0], names[i][1], LH_IDENTITY_DEFAULT, 1, &column),
			false);
		const char *package = strstr(text, "package ") + 8;

		assert_memory_equal(package, names[i][2], strlen(names[i][2]));
	}
}

/* The schema of keys is another only when the key is. */
static void
key_schemas_stay(void **state)
{
	LhCtx *ctx = *state;
	LhChangeColumn columns[] = {cdc_int4(ctx, "id", 1), cdc_textcol(ctx, "a"),
								cdc_textcol(ctx, "b")};
	LhChangeRel *two = cdc_rel(ctx, "s", "t", LH_IDENTITY_DEFAULT, 2, columns);
	LhChangeRel *three = cdc_rel(ctx, "s", "t", LH_IDENTITY_DEFAULT, 3, columns);

	assert_string_equal(schema_text(ctx, "", two, true), schema_text(ctx, "", three, true));
	assert_string_not_equal(schema_text(ctx, "", two, false), schema_text(ctx, "", three, false));
}

/* As many columns as a table may have, all of them in the key. */
static void
wide_tables(void **state)
{
	LhCtx *ctx = *state;
	LhChangeColumn *columns = lh_alloc_array(ctx, 1600, sizeof(*columns));
	LhCell *cells = lh_alloc_array(ctx, 1600, sizeof(*cells));
	LhChangeRel *rel;

	for (int i = 0; i < 1600; i++)
	{
		columns[i] = cdc_int4(ctx, lh_sprintf(ctx, "%063d", i), i + 1);
		cells[i] = cdc_int(i - 800);
	}
	rel = cdc_rel(ctx, "s", "t", LH_IDENTITY_DEFAULT, 1600, columns);
	row_of(ctx, 1600, rel->columns, cells);
	assert_true(strlen(schema_text(ctx, "", rel, false)) < LH_SCHEMA_TEXT_MAX);
	assert_non_null(strstr(schema_text(ctx, "", rel, true), " = 1600; // "));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(numbers, setup, teardown),
		cmocka_unit_test_setup_teardown(times, setup, teardown),
		cmocka_unit_test_setup_teardown(texts, setup, teardown),
		cmocka_unit_test_setup_teardown(lengths, setup, teardown),
		cmocka_unit_test_setup_teardown(arrays, setup, teardown),
		cmocka_unit_test_setup_teardown(cells_that_do_not_fit, setup, teardown),
		cmocka_unit_test_setup_teardown(attnums, setup, teardown),
		cmocka_unit_test_setup_teardown(random_rows, setup, teardown),
		cmocka_unit_test_setup_teardown(envelopes, setup, teardown),
		cmocka_unit_test_setup_teardown(other_events, setup, teardown),
		cmocka_unit_test_setup_teardown(frames, setup, teardown),
		cmocka_unit_test_setup_teardown(no_key, setup, teardown),
		cmocka_unit_test_setup_teardown(rows_of_all_lengths, setup, teardown),
		cmocka_unit_test_setup_teardown(too_large, setup, teardown),
		cmocka_unit_test_setup_teardown(schema_of_a_table, setup, teardown),
		cmocka_unit_test_setup_teardown(names_of_fields, setup, teardown),
		cmocka_unit_test_setup_teardown(names_of_packages, setup, teardown),
		cmocka_unit_test_setup_teardown(key_schemas_stay, setup, teardown),
		cmocka_unit_test_setup_teardown(wide_tables, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
