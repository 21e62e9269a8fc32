/*
 * fuzz_protobuf.c
 *		Rows of the format "protobuf": whatever cells there are, a strict reader reads them again.
 *
 * The input is a table and a row of it: for each column a kind, what its cell is, and
 * its bytes.  An old and a new row are written one after the other into one update, so
 * that lengths of all sizes follow each other.
 */
#include "change/formats.h"
#include "unit/pb_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MAX_COLUMNS 40

typedef struct Input
{
	const uint8_t *p;
	size_t left;
} Input;

static uint64_t
take(Input *in, size_t n)
{
	uint64_t v = 0;

	if (n > in->left)
		n = in->left;
	memcpy(&v, in->p, n);
	in->p += n;
	in->left -= n;
	return v;
}

static LhSlice
take_bytes(Input *in)
{
	size_t n = take(in, 1);
	LhSlice s;

	/* now and then many */
	n = n < 200 ? n : (n - 200) * 400;
	n = n < in->left ? n : in->left;
	s = lh_slice(in->p, n);
	in->p += n;
	in->left -= n;
	return s;
}

static LhCell
any_numeric(LhCtx *ctx, Input *in)
{
	uint64_t shape = take(in, 6);
	LhCell c = {.kind = LH_CELL_NUMERIC,
				.sign = (uint8_t) (shape % 5),
				.weight = (int16_t) (shape >> 8 & 0xff) - 64,
				.dscale = (uint16_t) (shape >> 16 & 0x3ff),
				.ndigits = (uint16_t) (shape >> 32 & 0x3f)};
	int16_t *digits = lh_alloc_array(ctx, 64, sizeof(*digits));

	for (int i = 0; i < c.ndigits; i++)
		digits[i] = (int16_t) (take(in, 2) % 10000);
	c.ptr = (const uint8_t *) digits;
	return c;
}

static LhCell any_cell(LhCtx *ctx, Input *in, LhCellKind kind, uint32_t typid, int depth);

static LhCell
any_array(LhCtx *ctx, Input *in, LhCellKind kind, uint32_t typid, int depth)
{
	LhCellArray *a = lh_alloc0(ctx, sizeof(*a));
	LhCell *items;
	int n = 1;

	a->ndim = (int) (take(in, 1) % 4);
	a->delim = ',';
	for (int i = 0; i < a->ndim; i++)
	{
		a->dims[i] = 1 + (int) (take(in, 1) % (i == 0 ? 150 : 4));
		a->lbound[i] = (int) (int8_t) take(in, 1);
		n *= a->dims[i];
	}
	a->nitems = a->ndim > 0 ? n : 0;
	a->items = items = lh_alloc_array(ctx, (size_t) a->nitems + 1, sizeof(*items));
	for (int i = 0; i < a->nitems; i++)
	{
		if (take(in, 1) % 4 != 0)
			items[i] = any_cell(ctx, in, kind, typid, depth + 1);
	}
	return (LhCell){.kind = LH_CELL_ARRAY, .array = a};
}

static LhCell
any_cell(LhCtx *ctx, Input *in, LhCellKind kind, uint32_t typid, int depth)
{
	LhCell c = {.kind = (uint8_t) kind};
	LhSlice s;
	float f;

	switch (kind)
	{
		case LH_CELL_BOOL: c.i64 = (int64_t) (take(in, 1) & 1); break;
		case LH_CELL_INT:
			c.i64 = (int64_t) take(in, 8);
			if (typid == 23)
				c.i64 = (int32_t) c.i64;
			else if (typid == 26)
				c.i64 = (uint32_t) c.i64;
			break;
		case LH_CELL_FLOAT4:
			c.i64 = (int64_t) take(in, 4);
			memcpy(&f, &c.i64, 4);
			/* another NaN may come back when it is made a double and a float again */
			c.f64 = f == f ? f : __builtin_nanf("");
			break;
		case LH_CELL_NUMERIC: return any_numeric(ctx, in);
		case LH_CELL_TEXT:
		case LH_CELL_JSON:
		case LH_CELL_OTHER:
		case LH_CELL_BYTES:
			s = take_bytes(in);
			c.len = (uint32_t) s.len;
			c.ptr = s.data;
			if (kind != LH_CELL_BYTES && !lh_utf8_valid(s.data, s.len))
				c.kind = LH_CELL_RAW;
			break;
		case LH_CELL_UUID:
			c.len = 16;
			c.ptr = lh_alloc0(ctx, 16);
			if (in->left >= 16)
				c.ptr = in->p;
			take(in, 8);
			take(in, 8);
			break;
		case LH_CELL_DATE: c.i64 = (int32_t) take(in, 4); break;
		case LH_CELL_TIME:
		case LH_CELL_TIMETZ:
			c.i64 = (int64_t) (take(in, 5) % UINT64_C(86400000001));
			c.aux = (int32_t) (take(in, 3) % 115199) - 57599;
			break;
		case LH_CELL_INTERVAL:
			c.i64 = (int64_t) take(in, 8);
			c.len = (uint32_t) take(in, 4);
			c.aux = (int32_t) take(in, 4);
			break;
		case LH_CELL_ARRAY: return any_array(ctx, in, LH_CELL_INT, 23, depth);
		default: c.i64 = (int64_t) take(in, 8);
	}
	return c;
}

static void
one_row(LhCtx *ctx, Input *in, int n, const LhChangeColumn *columns, LhCell *cells)
{
	for (int i = 0; i < n; i++)
	{
		const LhChangeColumn *c = &columns[i];
		uint8_t what = (uint8_t) take(in, 1);

		if (what < 32)
			cells[i] = (LhCell){.kind = what % 3};
		else if (what < 40 && c->kind != LH_CELL_INT)
			cells[i] = any_cell(ctx, in, LH_CELL_INT, 20, 0);
		else if (c->kind == LH_CELL_ARRAY)
			cells[i] =
				any_array(ctx, in, c->elem_kind, c->elem_typid, c->elem_kind == LH_CELL_ARRAY);
		else
			cells[i] = any_cell(ctx, in, c->kind, c->base_typid, 0);
	}
}

static int
table(LhCtx *ctx, Input *in, LhChangeColumn *columns)
{
	static const uint32_t ints[] = {20, 23, 26};
	int n = 1 + (int) (take(in, 1) % MAX_COLUMNS), attnum = 0;

	for (int i = 0; i < n; i++)
	{
		LhCellKind kind =
			(LhCellKind) (LH_CELL_BOOL + take(in, 1) % (LH_CELL_OTHER - LH_CELL_BOOL + 1));
		LhCellKind elem =
			(LhCellKind) (LH_CELL_BOOL + take(in, 1) % (LH_CELL_OTHER - LH_CELL_BOOL + 1));
		LhSlice name = take_bytes(in);
		size_t len = name.len < 63 ? name.len : 63;

		attnum += 1 + (int) (take(in, 1) % 40);
		len = lh_utf8_valid(name.data, len) ? strnlen((const char *) name.data, len) : 0;
		columns[i] = (LhChangeColumn){.name = lh_strndup(ctx, (const char *) name.data, len),
									  .type_name = "type",
									  .attnum = attnum,
									  .kind = kind,
									  .base_typid = ints[attnum % 3],
									  .elem_kind = kind == LH_CELL_ARRAY ? elem : LH_CELL_NULL,
									  .elem_typid = ints[attnum % 3]};
	}
	return n;
}

/* The update: both rows, the names of what is unchanged, the source. */
static void
check_update(LhCtx *ctx, int n, const LhChangeColumn *columns, const LhCell *old, const LhCell *new,
			 LhSlice bytes)
{
	PbField f = {0};
	int unchanged = 0;

	for (int i = 0; i < n; i++)
		unchanged += new[i].kind == LH_CELL_UNCHANGED;
	PB_CHECK(pb_next(&bytes, &f) && f.number == 1 && f.value == 2);
	PB_CHECK(pb_next(&bytes, &f) && f.number == 2 && f.wire == 2);
	pb_check_row(ctx, n, columns, old, f.bytes);
	PB_CHECK(pb_next(&bytes, &f) && f.number == 3 && f.wire == 2);
	pb_check_row(ctx, n, columns, new, f.bytes);
	PB_CHECK(pb_next(&bytes, &f));
	if (unchanged > 0)
	{
		PB_CHECK(f.number == 4 && f.wire == 2);
		for (int i = 0; i < n; i++)
			PB_CHECK(new[i].kind != LH_CELL_UNCHANGED ||
					 pb_varint(&f.bytes) == (uint64_t) columns[i].attnum);
		PB_CHECK(f.bytes.len == 0 && pb_next(&bytes, &f));
	}
	PB_CHECK(f.number == 5 && f.wire == 2);
	PB_CHECK(!pb_next(&bytes, &f));
}

/* Fields of a message have names that are identifiers, each once. */
static void
check_names(LhCtx *ctx, int n, LhSlice text)
{
	const char *p = strstr((const char *) text.data, "message Row {");
	LhNameMap *names;
	int found = 0;

	PB_CHECK(p != NULL && lh_namemap_create(ctx, 64, &names) == LH_OK);
	while ((p = strstr(p, "\n  optional ")) != NULL)
	{
		const char *name = strchr(p + 12, ' ') + 1;
		size_t len = strcspn(name, " ");

		for (size_t i = 0; i < len; i++)
			PB_CHECK(strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789",
							name[i]) != NULL);
		PB_CHECK(len > 0 && (name[0] < '0' || name[0] > '9'));
		PB_CHECK(lh_namemap_get(names, name, len) < 0 &&
				 lh_namemap_put(ctx, names, name, len, 1) == LH_OK);
		found++;
		p = name;
	}
	PB_CHECK(found == n);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	Input in = {data, size};
	LhChangeColumn columns[MAX_COLUMNS];
	LhCell old[MAX_COLUMNS], new[MAX_COLUMNS];
	LhChangeRel rel = {
		.schema = "s", .name = "t", .identity = LH_IDENTITY_FULL, .columns = columns};
	LhChangeOut out = {0};
	LhChangeOptions options;
	LhChangeEvent ev;
	LhEncoder *enc;
	LhPbRow row;
	LhBuf text;
	void *plan;
	LhCtx *ctx;

	if (size > 100000)
		return 0;
	ctx = lh_ctx_create();
	PB_CHECK(ctx != NULL);
	rel.ncolumns = table(ctx, &in, columns);
	PB_CHECK(lh_change_options_init(ctx, &options) == LH_OK);
	PB_CHECK(lh_format_protobuf.create(ctx, &options, &enc) == LH_OK);
	PB_CHECK(lh_format_protobuf.relation(ctx, enc, &rel, &plan) == LH_OK);
	PB_CHECK(lh_buf_init(ctx, &text, false) == LH_OK && lh_buf_init(ctx, &out.buf, false) == LH_OK);
	PB_CHECK(lh_pb_row_create(ctx, &rel, 0, NULL, &row) == LH_OK);
	PB_CHECK(lh_pb_value_schema(ctx, &text, &options, &rel, &row) == LH_OK &&
			 lh_buf_putc(ctx, &text, '\0') == LH_OK);
	check_names(ctx, rel.ncolumns, lh_slice(text.data, text.len));
	for (int i = 0; i < 4 && (i == 0 || in.left > 0); i++)
	{
		one_row(ctx, &in, rel.ncolumns, columns, old);
		one_row(ctx, &in, rel.ncolumns, columns, new);
		ev = (LhChangeEvent){.op = LH_CHANGE_UPDATE,
							 .pos = {1, 2, 3},
							 .rel = &rel,
							 .plan = plan,
							 .old_cells = old,
							 .new_cells = new};
		out.buf.len = 0;
		PB_CHECK(lh_format_protobuf.event(ctx, enc, &ev, &out) == LH_OK);
		check_update(ctx, rel.ncolumns, columns, old, new, lh_slice(out.buf.data, out.buf.len));
	}
	lh_ctx_destroy(ctx);
	return 0;
}
