/*
 * format_wal2json.c
 *		The formats "wal2json-v1", "wal2json-v2" and "wal2json": what both versions share.
 *
 * Bytes are those of wal2json 2.5, which test/fixtures/cdc/wal2json.txt holds,
 * but where its output is no valid JSON; docs/cdc-formats.md lists these places.
 * wal2json asks the catalogs for every value; here all text that depends on the
 * relation alone is made once for it, and a row is values between such texts.
 */
#include "change/format_wal2json.h"

#include <math.h>
#include <stdio.h>

#include "core/text.h"

/* pg_type.oid of what wal2json does not write as a string */
enum
{
	OID_BOOL = 16,
	OID_BYTEA = 17,
	OID_INT8 = 20,
	OID_INT2 = 21,
	OID_INT4 = 23,
	OID_OID = 26,
	OID_FLOAT4 = 700,
	OID_FLOAT8 = 701,
	OID_NUMERIC = 1700
};

LhStatus
lh_w2j_keep(LhCtx *ctx, const LhBuf *buf, LhSlice *out)
{
	void *p = lh_memdup(ctx, buf->data, buf->len);

	if (p == NULL)
		return LH_NO_MEMORY;
	*out = lh_slice(p, buf->len);
	return LH_OK;
}

LhStatus
lh_w2j_print(LhCtx *ctx, LhSlice *out, const char *fmt, ...)
{
	va_list args;
	int n;
	char *p;

	va_start(args, fmt);
	n = vsnprintf(NULL, 0, fmt, args);
	va_end(args);
	if ((p = lh_alloc(ctx, (size_t) n + 1)) == NULL)
		return LH_NO_MEMORY;
	va_start(args, fmt);
	vsnprintf(p, (size_t) n + 1, fmt, args);
	va_end(args);
	*out = lh_slice(p, (size_t) n);
	return LH_OK;
}

static LhStatus
json_of(LhCtx *ctx, LhW2jEncoder *enc, const char *text, LhSlice *out)
{
	enc->text.len = 0;
	LH_TRY(lh_put_json_string(ctx, &enc->text, text, strlen(text)));
	return lh_w2j_keep(ctx, &enc->text, out);
}

/*
 * wal2json writes a type's name that begins with a quote as it is, since that
 * is how JSON would quote it, too.  So do we where that is true: for one quoted
 * identifier with nothing in it to escape.
 */
static LhStatus
json_of_type(LhCtx *ctx, LhW2jEncoder *enc, const char *name, LhSlice *out)
{
	size_t n = strlen(name);

	if (n >= 2 && name[0] == '"' && name[n - 1] == '"')
	{
		size_t i = 1;

		while (i < n - 1 && name[i] != '"' && name[i] != '\\' && (unsigned char) name[i] >= 0x20)
			i++;
		if (i == n - 1)
		{
			*out = lh_slice(name, n);
			return LH_OK;
		}
	}
	return json_of(ctx, enc, name, out);
}

static LhW2jMode
mode_of(uint32_t typid)
{
	switch (typid)
	{
		case OID_INT2:
		case OID_INT4:
		case OID_INT8:
		case OID_OID:
		case OID_FLOAT4:
		case OID_FLOAT8:
		case OID_NUMERIC: return LH_W2J_NUMBER;
		case OID_BOOL: return LH_W2J_BOOL;
		case OID_BYTEA: return LH_W2J_BYTES;
		default: return LH_W2J_TEXT;
	}
}

/*
 * The column's type as the options want it named, and the OID that decides how
 * values look: version 1 takes that of what lies under a domain when it names it.
 */
static const char *
type_of(const LhW2jEncoder *enc, const LhChangeColumn *c, uint32_t *typid)
{
	const LhChangeOptions *o = enc->base.options;
	bool domain = c->typid != c->base_typid;
	bool typmod = enc->version == 2 || o->w_typmod;

	*typid = c->typid;
	if (domain && o->w_domain_data_type)
	{
		const char *text = c->under_text != NULL ? c->under_text : c->base_type_text;
		const char *bare = c->under_bare != NULL ? c->under_bare : c->type_bare;

		if (enc->version == 1 && o->w_types)
			*typid = c->under_typid != 0 ? c->under_typid : c->base_typid;
		return typmod ? text : bare;
	}
	if (typmod)
		return c->type_text;
	if (domain)
		return c->domain_bare != NULL ? c->domain_bare : c->type_name;
	return c->type_bare;
}

static LhStatus
plan_column(LhCtx *ctx, LhW2jEncoder *enc, const LhChangeRel *rel, const LhChangeColumn *c,
			LhW2jColumn *out)
{
	uint32_t typid;
	const char *type = type_of(enc, c, &typid);

	out->mode = mode_of(typid);
	out->number_string = enc->base.options->w_numeric_string;
	out->pk = c->pk > 0;
	switch (rel->identity)
	{
		case LH_IDENTITY_DEFAULT: out->identity = c->pk > 0; break;
		case LH_IDENTITY_INDEX: out->identity = c->key > 0; break;
		case LH_IDENTITY_FULL: out->identity = true; break;
		case LH_IDENTITY_NOTHING: out->identity = false; break;
	}
	LH_TRY(json_of(ctx, enc, c->name, &out->name));
	LH_TRY(json_of_type(ctx, enc, type, &out->type));
	LH_TRY(lh_w2j_print(ctx, &out->oid, "%u", typid));
	LH_TRY(lh_w2j_print(ctx, &out->position, "%d", c->attnum));
	out->optional = c->not_null ? lh_slice("false", 5) : lh_slice("true", 4);
	out->preset = lh_slice("null", 4);
	if (c->default_text != NULL && !c->generated)
		LH_TRY(json_of(ctx, enc, c->default_text, &out->preset));
	return LH_OK;
}

/* Columns, names and types of a plan. */
static LhStatus
make_plan(LhCtx *ctx, LhW2jEncoder *enc, const LhChangeRel *rel, LhW2jPlan **out)
{
	LhW2jPlan *plan = lh_alloc0(ctx, sizeof(*plan));

	if (plan == NULL)
		return LH_NO_MEMORY;
	plan->rel = rel;
	plan->ncolumns = rel->ncolumns;
	plan->columns = lh_alloc_array(ctx, (size_t) rel->ncolumns + 1, sizeof(LhW2jColumn));
	if (plan->columns == NULL)
		return LH_NO_MEMORY;
	for (int i = 0; i < rel->ncolumns; i++)
	{
		LH_TRY(plan_column(ctx, enc, rel, &rel->columns[i], &plan->columns[i]));
		plan->has_index |= plan->columns[i].identity && rel->identity != LH_IDENTITY_FULL;
	}
	plan->has_identity = plan->has_index || rel->identity == LH_IDENTITY_FULL;
	plan->has_pk = rel->npk > 0;
	*out = plan;
	return LH_OK;
}

bool
lh_w2j_told(const LhW2jEncoder *enc, const LhW2jPlan *plan, const LhChangeEvent *ev)
{
	switch (ev->op)
	{
		case LH_CHANGE_INSERT:
		case LH_CHANGE_READ: return ev->new_cells != NULL;
		case LH_CHANGE_UPDATE:
			return ev->new_cells != NULL &&
				   (plan->has_identity || (enc->version == 2 && ev->old_cells != NULL));
		case LH_CHANGE_DELETE:
			if (enc->version == 1)
				return plan->has_identity && ev->old_cells != NULL;
			return plan->has_identity || ev->old_cells != NULL;
		default: return false;
	}
}

/* Digits that the type's own output function wrote, in the session's way. */
static LhStatus
put_number_text(LhCtx *ctx, LhBuf *buf, const LhW2jColumn *column, const LhCell *cell)
{
	const char *p = (const char *) cell->ptr;
	size_t digits = 0;

	while (digits < cell->len && strchr("0123456789+-eE.", p[digits]) != NULL && p[digits] != '\0')
		digits++;
	if (column->number_string || cell->len == 0)
		return lh_put_json_string(ctx, buf, p, cell->len);
	if (digits == cell->len)
		return lh_put(ctx, buf, p, cell->len);
	if ((cell->len == 3 && memcmp(p, "NaN", 3) == 0) ||
		(cell->len >= 8 && memcmp(p + cell->len - 8, "Infinity", 8) == 0))
		return lh_put(ctx, buf, "null", 4);
	return lh_put_json_string(ctx, buf, p, cell->len);
}

static LhStatus
put_number(LhCtx *ctx, LhBuf *buf, const LhW2jColumn *column, const LhCell *cell)
{
	char *p;

	switch (cell->kind)
	{
		case LH_CELL_INT: break;
		case LH_CELL_FLOAT4:
		case LH_CELL_FLOAT8:
			if (!isfinite(cell->f64) && !column->number_string)
				return lh_put(ctx, buf, "null", 4);
			break;
		case LH_CELL_NUMERIC:
			if (column->number_string)
				return lh_put_cell_text_json(ctx, buf, cell);
			if (cell->sign >= LH_SIGN_NAN)
				return lh_put(ctx, buf, "null", 4);
			return lh_put_numeric(ctx, buf, cell);
		case LH_CELL_OTHER: return put_number_text(ctx, buf, column, cell);
		default: /* a mask's */ return lh_put_cell_text_json(ctx, buf, cell);
	}
	if (column->number_string)
		return lh_put_cell_text_json(ctx, buf, cell);
	LH_TRY(lh_put_room(ctx, buf, LH_TEXT_FLOAT, &p));
	if (cell->kind == LH_CELL_INT)
		p = lh_text_i64(p, cell->i64);
	else if (cell->kind == LH_CELL_FLOAT4)
		p = lh_text_float4(p, (float) cell->f64);
	else
		p = lh_text_float8(p, cell->f64);
	lh_put_end(buf, p);
	return LH_OK;
}

LhStatus
lh_w2j_value(LhCtx *ctx, LhBuf *buf, const LhW2jColumn *column, const LhCell *cell)
{
	if (!LH_CELL_IS_VALUE(cell))
		return lh_put(ctx, buf, "null", 4);
	switch (column->mode)
	{
		case LH_W2J_NUMBER: return put_number(ctx, buf, column, cell);
		case LH_W2J_BOOL:
			if (cell->kind == LH_CELL_BOOL)
				return cell->i64 != 0 ? lh_put(ctx, buf, "true", 4) : lh_put(ctx, buf, "false", 5);
			break;
		case LH_W2J_BYTES:
			if (cell->kind == LH_CELL_BYTES)
			{
				LH_TRY(lh_put(ctx, buf, "\"", 1));
				LH_TRY(lh_put_hex(ctx, buf, cell->ptr, cell->len));
				return lh_put(ctx, buf, "\"", 1);
			}
			break;
		case LH_W2J_TEXT:
			if (lh_cell_is_text(cell))
				return lh_put_json_string(ctx, buf, cell->ptr, cell->len);
			break;
	}
	return lh_put_cell_text_json(ctx, buf, cell);
}

/*
 * Text as text, a NUL as \u0000; anything that is no UTF-8 as bytea would show
 * it.  (wal2json ends at the first NUL and writes other bytes as they are.)
 */
LhStatus
lh_w2j_content(LhCtx *ctx, LhBuf *buf, LhSlice content)
{
	size_t from = 0;
	size_t start = buf->len;

	LH_TRY(lh_put(ctx, buf, "\"", 1));
	while (from < content.len)
	{
		const uint8_t *nul = memchr(content.data + from, 0, content.len - from);
		size_t n = nul != NULL ? (size_t) (nul - content.data) - from : content.len - from;

		if (!lh_utf8_valid(content.data + from, n))
		{
			buf->len = start;
			LH_TRY(lh_put(ctx, buf, "\"\\\\x", 4));
			LH_TRY(lh_put_hex(ctx, buf, content.data, content.len));
			break;
		}
		LH_TRY(lh_put_json_escaped(ctx, buf, content.data + from, n));
		if (nul != NULL)
			LH_TRY(lh_put(ctx, buf, "\\u0000", 6));
		from += n + (nul != NULL);
	}
	return lh_put(ctx, buf, "\"", 1);
}

/* "public.t: the reason", as a JSON string */
LhStatus
lh_w2j_reason(LhCtx *ctx, LhBuf *buf, const LhChangeEvent *ev)
{
	const char *text = lh_sprintf(ctx, "%s.%s: %s", ev->rel->schema, ev->rel->name,
								  ev->reason != NULL ? ev->reason : "");

	if (text == NULL)
		return LH_NO_MEMORY;
	return lh_w2j_content(ctx, buf, lh_slice(text, strlen(text)));
}

char *
lh_w2j_time(char *p, const LhChangeTxn *txn)
{
	if (txn->commit_text != NULL)
	{
		size_t n = strnlen(txn->commit_text, LH_TEXT_TIME - 1);

		memcpy(p, txn->commit_text, n);
		return p + n;
	}
	return lh_text_timestamp(p, txn->commit_time, ' ', "+00");
}

/* ---- the formats ---- */
static LhStatus
create_version(LhCtx *ctx, const LhChangeOptions *options, int version, LhEncoder **out)
{
	LhW2jEncoder *enc = lh_alloc0(ctx, sizeof(*enc));

	if (enc == NULL)
		return LH_NO_MEMORY;
	enc->base.format = version == 2 ? &lh_format_wal2json_v2 : &lh_format_wal2json_v1;
	enc->base.options = options;
	enc->version = version;
	enc->most = LH_W2J_MOST;
	enc->ht = options->w_pretty ? "\t" : "";
	enc->nl = options->w_pretty ? "\n" : "";
	enc->sp = options->w_pretty ? " " : "";
	LH_TRY(lh_buf_init(ctx, &enc->text, false));
	LH_TRY(lh_buf_init(ctx, &enc->txn, false));
	for (int i = 0; i < 2; i++)
		LH_TRY(lh_w2j_print(ctx, &enc->item[i], "%s%s%s%s", options->w_chunks ? "" : enc->nl,
							enc->ht, enc->ht, i > 0 ? "," : ""));
	LH_TRY(lh_w2j_print(ctx, &enc->item_end, "%s%s}", enc->ht, enc->ht));
	LH_TRY(lh_w2j_print(ctx, &enc->old_end, "%s%s%s%s}%s", enc->nl, enc->ht, enc->ht, enc->ht,
						enc->nl));
	*out = &enc->base;
	return LH_OK;
}

static LhStatus
create_v1(LhCtx *ctx, const LhChangeOptions *options, LhEncoder **out)
{
	return create_version(ctx, options, 1, out);
}

static LhStatus
create_v2(LhCtx *ctx, const LhChangeOptions *options, LhEncoder **out)
{
	return create_version(ctx, options, 2, out);
}

/* As wal2json has it: 1 unless format-version says 2. */
static LhStatus
create_either(LhCtx *ctx, const LhChangeOptions *options, LhEncoder **out)
{
	return create_version(ctx, options, options->w_format_version == 2 ? 2 : 1, out);
}

static LhStatus
relation(LhCtx *ctx, LhEncoder *base, const LhChangeRel *rel, void **out)
{
	LhW2jEncoder *enc = (LhW2jEncoder *) base;
	LhW2jPlan *plan;

	LH_TRY(make_plan(ctx, enc, rel, &plan));
	if (enc->version == 2)
		LH_TRY(lh_w2j_v2_plan(ctx, enc, plan));
	else
		LH_TRY(lh_w2j_v1_plan(ctx, enc, plan));
	*out = plan;
	return LH_OK;
}

static LhStatus
event(LhCtx *ctx, LhEncoder *base, const LhChangeEvent *ev, LhChangeOut *out)
{
	LhW2jEncoder *enc = (LhW2jEncoder *) base;

	return enc->version == 2 ? lh_w2j_v2_event(ctx, enc, ev, out)
							 : lh_w2j_v1_event(ctx, enc, ev, out);
}

const LhChangeFormat lh_format_wal2json = {
	.name = "wal2json",
	.summary = "wal2json's format, version 1 unless format-version is 2",
	.text = true,
	.session = true,
	.buffers_txn = true,
	.create = create_either,
	.relation = relation,
	.event = event,
};

const LhChangeFormat lh_format_wal2json_v1 = {
	.name = "wal2json-v1",
	.summary = "wal2json's format version 1: one object a transaction",
	.text = true,
	.session = true,
	.buffers_txn = true,
	.create = create_v1,
	.relation = relation,
	.event = event,
};

const LhChangeFormat lh_format_wal2json_v2 = {
	.name = "wal2json-v2",
	.summary = "wal2json's format version 2: one object a change",
	.text = true,
	.session = true,
	.create = create_v2,
	.relation = relation,
	.event = event,
};
