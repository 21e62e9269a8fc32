/*
 * unwrap.c
 *		Fields that are added to flat rows: which there are, and their values.
 *
 * Names are those of Debezium's ExtractNewRecordState, and so are the schemas: a
 * field's own, but optional and without a default.  A field may be named with the
 * struct that it is in ("source.lsn") or without where that is plain; only "ts_ms"
 * and its like are in two places, and mean the envelope's.
 */
#include "change/unwrap.h"

#include <stdio.h>

#include "change/text.h"
#include "core/datetime.h"

typedef struct Known
{
	const char *group; /* NULL: none */
	const char *name;
	bool bare; /* may be named without its group */
	LhUnwrapWhat what;
	const char *type;
} Known;

#define SNAPSHOT_TYPE                                                           \
	"\"string\",\"optional\":true,\"name\":\"io.debezium.data.Enum\","          \
	"\"version\":1,\"parameters\":{\"allowed\":\"true,first,"                   \
	"first_in_data_collection,last_in_data_collection,last,false,incremental\"" \
	"}"
#define STRING_TYPE "\"string\",\"optional\":true"
#define INT64_TYPE  "\"int64\",\"optional\":true"

static const Known debezium[] = {
	{NULL, "op", true, LH_UNWRAP_OP, STRING_TYPE},
	{NULL, "ts_ms", true, LH_UNWRAP_TS_MS, INT64_TYPE},
	{NULL, "ts_us", true, LH_UNWRAP_TS_US, INT64_TYPE},
	{NULL, "ts_ns", true, LH_UNWRAP_TS_NS, INT64_TYPE},
	{"source", "version", true, LH_UNWRAP_VERSION, STRING_TYPE},
	{"source", "connector", true, LH_UNWRAP_CONNECTOR, STRING_TYPE},
	{"source", "name", true, LH_UNWRAP_NAME, STRING_TYPE},
	{"source", "ts_ms", false, LH_UNWRAP_SOURCE_TS_MS, INT64_TYPE},
	{"source", "ts_us", false, LH_UNWRAP_SOURCE_TS_US, INT64_TYPE},
	{"source", "ts_ns", false, LH_UNWRAP_SOURCE_TS_NS, INT64_TYPE},
	{"source", "snapshot", true, LH_UNWRAP_SNAPSHOT, SNAPSHOT_TYPE},
	{"source", "db", true, LH_UNWRAP_DB, STRING_TYPE},
	{"source", "sequence", true, LH_UNWRAP_SEQUENCE, STRING_TYPE},
	{"source", "schema", true, LH_UNWRAP_SCHEMA, STRING_TYPE},
	{"source", "table", true, LH_UNWRAP_TABLE, STRING_TYPE},
	{"source", "txId", true, LH_UNWRAP_TXID, INT64_TYPE},
	{"source", "lsn", true, LH_UNWRAP_LSN, INT64_TYPE},
	{"source", "xmin", true, LH_UNWRAP_XMIN, INT64_TYPE},
	{"source", "origin", true, LH_UNWRAP_ORIGIN, STRING_TYPE},
	{"source", "origin_lsn", true, LH_UNWRAP_ORIGIN_LSN, INT64_TYPE},
	{"transaction", "id", true, LH_UNWRAP_ID, STRING_TYPE},
	{"transaction", "total_order", true, LH_UNWRAP_TOTAL_ORDER, INT64_TYPE},
	{"transaction", "data_collection_order", true, LH_UNWRAP_COLLECTION_ORDER, INT64_TYPE},
	{NULL, NULL, false, LH_UNWRAP_OP, NULL}};

static const Known json[] = {
	{NULL, "op", true, LH_UNWRAP_OP, NULL},         {NULL, "lsn", true, LH_UNWRAP_COMMIT, NULL},
	{NULL, "n", true, LH_UNWRAP_ORDINAL, NULL},     {NULL, "xid", true, LH_UNWRAP_XID, NULL},
	{NULL, "ts", true, LH_UNWRAP_TS, NULL},         {NULL, "origin", true, LH_UNWRAP_ORIGIN, NULL},
	{NULL, "schema", true, LH_UNWRAP_SCHEMA, NULL}, {NULL, "table", true, LH_UNWRAP_TABLE, NULL},
	{NULL, NULL, false, LH_UNWRAP_OP, NULL}};

static bool
is_named(const Known *k, const char *field)
{
	size_t n = k->group != NULL ? strlen(k->group) : 0;

	if (k->bare && strcmp(field, k->name) == 0)
		return true;
	return k->group != NULL && strncmp(field, k->group, n) == 0 && field[n] == '.' &&
		   strcmp(field + n + 1, k->name) == 0;
}

LhStatus
lh_unwrap_field(LhCtx *ctx, const char *format, const char *field, int *what)
{
	const Known *known = strncmp(format, "debezium", 8) == 0 ? debezium : json;
	char all[LH_ERROR_TEXT / 2] = "";
	size_t len = 0;

	for (const Known *k = known; k->name != NULL; k++)
	{
		if (is_named(k, field))
		{
			*what = (int) k->what;
			return LH_OK;
		}
		if (len + 64 < sizeof(all))
			len += (size_t) snprintf(all + len, sizeof(all) - len, "%s%s%s%s", len > 0 ? ", " : "",
									 !k->bare ? k->group : "", !k->bare ? "." : "", k->name);
	}
	lh_fail(ctx, LH_INVALID, "option \"add.fields\": format \"%s\" has no field \"%.64s\"", format,
			field);
	lh_hint(ctx, "Fields are %s.", all);
	return LH_INVALID;
}

bool
lh_unwrap_is_free(const LhChangeRel *rel, const char *name)
{
	for (int i = 0; i < rel->ncolumns; i++)
	{
		if (strcmp(rel->columns[i].name, name) == 0)
			return false;
	}
	return true;
}

LhStatus
lh_unwrap_fields(LhCtx *ctx, const LhChangeOptions *options, const char *format,
				 const LhChangeRel *rel, int *n, LhUnwrapField **out)
{
	LhAddField *asked;
	LhUnwrapField *all;
	int nasked;

	*n = 0;
	LH_TRY(lh_add_fields_parse(ctx, options, &nasked, &asked));
	LH_NEW_ARRAY(ctx, all, (size_t) nasked + 1);
	for (int i = 0; i < nasked; i++)
	{
		LhUnwrapField *f = &all[*n];
		LhBuf buf;
		void *copy;
		int what;

		LH_TRY(lh_unwrap_field(ctx, format, asked[i].field, &what));
		if (!lh_unwrap_is_free(rel, asked[i].name) ||
			(lh_unwrap_rewrites(options) && strcmp(asked[i].name, LH_UNWRAP_DELETED) == 0))
			continue;
		LH_TRY(lh_buf_init(ctx, &buf, false));
		LH_TRY(lh_buf_putc(ctx, &buf, ','));
		LH_TRY(lh_put_json_string(ctx, &buf, asked[i].name, strlen(asked[i].name)));
		LH_TRY(lh_buf_putc(ctx, &buf, ':'));
		copy = lh_memdup(ctx, buf.data, buf.len);
		if (copy == NULL)
			return ctx->error->code;
		*f = (LhUnwrapField){(LhUnwrapWhat) what, asked[i].name, lh_slice(copy, buf.len)};
		lh_buf_free(&buf);
		++*n;
	}
	*out = all;
	return LH_OK;
}

LhStatus
lh_unwrap_schemas(LhCtx *ctx, LhBuf *buf, int n, const LhUnwrapField *fields)
{
	for (int i = 0; i < n; i++)
	{
		const Known *k = debezium;

		while (k->what != fields[i].what)
			k++;
		LH_TRY(lh_buf_append_str(ctx, buf, ",{\"type\":"));
		LH_TRY(lh_buf_append_str(ctx, buf, k->type));
		LH_TRY(lh_buf_append_str(ctx, buf, ",\"field\":"));
		LH_TRY(lh_put_json_string(ctx, buf, fields[i].name, strlen(fields[i].name)));
		LH_TRY(lh_buf_putc(ctx, buf, '}'));
	}
	return LH_OK;
}

/* ---- values ---- */

static LhStatus
put_string(LhCtx *ctx, LhBuf *buf, const char *s)
{
	if (s == NULL)
		return lh_put(ctx, buf, "null", 4);
	return lh_put_json_string(ctx, buf, s, strlen(s));
}

static LhStatus
put_number(LhCtx *ctx, LhBuf *buf, bool known, int64_t v)
{
	char *p;

	if (!known)
		return lh_put(ctx, buf, "null", 4);
	LH_TRY(lh_put_room(ctx, buf, LH_TEXT_INT, &p));
	lh_put_end(buf, lh_text_i64(p, v));
	return LH_OK;
}

/* ["23804792","23805000"] inside a string */
static LhStatus
put_sequence(LhCtx *ctx, LhBuf *buf, uint64_t last, uint64_t lsn)
{
	if (last == 0)
		return lh_buf_printf(ctx, buf, "\"[null,\\\"%llu\\\"]\"", (unsigned long long) lsn);
	return lh_buf_printf(ctx, buf, "\"[\\\"%llu\\\",\\\"%llu\\\"]\"", (unsigned long long) last,
						 (unsigned long long) lsn);
}

static LhStatus
put_time(LhCtx *ctx, LhBuf *buf, int64_t time, int unit)
{
	int64_t us = time + LH_PG_EPOCH_US;

	return put_number(ctx, buf, true,
					  unit == 0   ? lh_floor_div(us, 1000)
					  : unit == 1 ? us
								  : us * 1000);
}

/* Of the block "transaction", which is there with provide.transaction.metadata alone. */
static LhStatus
put_block(LhCtx *ctx, LhBuf *buf, LhUnwrapWhat what, const LhUnwrapFacts *f)
{
	const LhChangeTxn *txn = f->ev->txn;

	if (txn == NULL || !f->options->transactions)
		return lh_put(ctx, buf, "null", 4);
	if (what == LH_UNWRAP_ID)
		return lh_buf_printf(ctx, buf, "\"%u:%llu\"", txn->xid,
							 (unsigned long long) txn->first_lsn);
	return put_number(
		ctx, buf, true,
		(int64_t) (what == LH_UNWRAP_TOTAL_ORDER ? f->total_order : f->collection_order));
}

static LhStatus
put_source(LhCtx *ctx, LhBuf *buf, LhUnwrapWhat what, const LhUnwrapFacts *f)
{
	const LhChangeEvent *ev = f->ev;
	const LhChangeTxn *txn = ev->txn;
	int64_t time = txn != NULL ? txn->commit_time : ev->now;
	bool foreign = txn != NULL && txn->origin_name != NULL;

	switch (what)
	{
		case LH_UNWRAP_VERSION: return put_string(ctx, buf, LAKEHOUSE_VERSION);
		case LH_UNWRAP_CONNECTOR: return put_string(ctx, buf, "postgresql");
		case LH_UNWRAP_NAME: return put_string(ctx, buf, f->options->topic_prefix);
		case LH_UNWRAP_SOURCE_TS_MS: return put_time(ctx, buf, time, 0);
		case LH_UNWRAP_SOURCE_TS_US: return put_time(ctx, buf, time, 1);
		case LH_UNWRAP_SOURCE_TS_NS: return put_time(ctx, buf, time, 2);
		case LH_UNWRAP_SNAPSHOT: return put_string(ctx, buf, f->op == 'r' ? "true" : "false");
		case LH_UNWRAP_DB:
			return put_string(ctx, buf, f->options->database != NULL ? f->options->database : "");
		case LH_UNWRAP_SEQUENCE: return put_sequence(ctx, buf, f->last_commit, ev->lsn);
		case LH_UNWRAP_SCHEMA: return put_string(ctx, buf, ev->rel->schema);
		case LH_UNWRAP_TABLE: return put_string(ctx, buf, ev->rel->name);
		case LH_UNWRAP_TXID: return put_number(ctx, buf, txn != NULL, txn != NULL ? txn->xid : 0);
		case LH_UNWRAP_LSN: return put_number(ctx, buf, true, (int64_t) ev->lsn);
		case LH_UNWRAP_ORIGIN: return put_string(ctx, buf, foreign ? txn->origin_name : NULL);
		case LH_UNWRAP_ORIGIN_LSN:
			return put_number(ctx, buf, foreign, foreign ? (int64_t) txn->origin_lsn : 0);
		default: return lh_put(ctx, buf, "null", 4); /* xmin: never known */
	}
}

LhStatus
lh_unwrap_put_debezium(LhCtx *ctx, LhBuf *buf, int n, const LhUnwrapField *fields,
					   const LhUnwrapFacts *facts)
{
	for (int i = 0; i < n; i++)
	{
		LhUnwrapWhat what = fields[i].what;

		LH_TRY(lh_put(ctx, buf, fields[i].head.data, fields[i].head.len));
		if (what == LH_UNWRAP_OP)
			LH_TRY(put_string(ctx, buf, (const char[]){facts->op, '\0'}));
		else if (what <= LH_UNWRAP_TS_NS)
			LH_TRY(put_time(ctx, buf, facts->ev->now, (int) what - LH_UNWRAP_TS_MS));
		else if (what >= LH_UNWRAP_ID)
			LH_TRY(put_block(ctx, buf, what, facts));
		else
			LH_TRY(put_source(ctx, buf, what, facts));
	}
	return LH_OK;
}

static LhStatus
put_json_field(LhCtx *ctx, LhBuf *buf, LhUnwrapWhat what, const LhChangeEvent *ev, const char *op)
{
	const LhChangeTxn *txn = ev->txn;
	char *p;

	switch (what)
	{
		case LH_UNWRAP_OP: return put_string(ctx, buf, op);
		case LH_UNWRAP_ORDINAL: return put_number(ctx, buf, true, (int64_t) ev->pos.ordinal);
		case LH_UNWRAP_XID: return put_number(ctx, buf, ev->pos.xid != 0, ev->pos.xid);
		case LH_UNWRAP_ORIGIN: return put_string(ctx, buf, txn != NULL ? txn->origin_name : NULL);
		case LH_UNWRAP_SCHEMA: return put_string(ctx, buf, ev->rel->schema);
		case LH_UNWRAP_TABLE: return put_string(ctx, buf, ev->rel->name);
		case LH_UNWRAP_COMMIT:
		case LH_UNWRAP_TS:
			if (what == LH_UNWRAP_TS && txn == NULL)
				return lh_put(ctx, buf, "null", 4);
			LH_TRY(lh_put_room(ctx, buf, LH_TEXT_TIME + 2, &p));
			*p++ = '"';
			p = what == LH_UNWRAP_COMMIT ? lh_text_lsn(p, ev->pos.commit_end)
										 : lh_text_timestamp(p, txn->commit_time, 'T', "Z");
			*p++ = '"';
			lh_put_end(buf, p);
			return LH_OK;
		default: LH_FAIL(ctx, LH_BUG, "field %d is none of json", (int) what);
	}
}

LhStatus
lh_unwrap_put_json(LhCtx *ctx, LhBuf *buf, int n, const LhUnwrapField *fields,
				   const LhChangeEvent *ev, const char *op)
{
	for (int i = 0; i < n; i++)
	{
		LH_TRY(lh_put(ctx, buf, fields[i].head.data, fields[i].head.len));
		LH_TRY(put_json_field(ctx, buf, fields[i].what, ev, op));
	}
	return LH_OK;
}
