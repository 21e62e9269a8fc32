/*
 * json_events.c
 *		What events that are no rows say in the format "json".
 */
#include "change/json.h"
#include "change/text.h"

#define PUT(ctx, buf, literal) lh_put((ctx), (buf), (literal), sizeof(literal) - 1)

static LhStatus
put_bool(LhCtx *ctx, LhBuf *buf, const char *name, bool v)
{
	LH_TRY(lh_put(ctx, buf, name, strlen(name)));
	return v ? PUT(ctx, buf, "true") : PUT(ctx, buf, "false");
}

static LhStatus
put_number(LhCtx *ctx, LhBuf *buf, const char *name, int64_t v)
{
	char *p;

	LH_TRY(lh_put(ctx, buf, name, strlen(name)));
	LH_TRY(lh_put_room(ctx, buf, LH_TEXT_INT, &p));
	lh_put_end(buf, lh_text_i64(p, v));
	return LH_OK;
}

static LhStatus
put_string(LhCtx *ctx, LhBuf *buf, const char *name, const char *s)
{
	LH_TRY(lh_put(ctx, buf, name, strlen(name)));
	return lh_put_json_string(ctx, buf, s, strlen(s));
}

static LhStatus
put_message(LhCtx *ctx, LhBuf *buf, const LhChangeEvent *ev)
{
	LH_TRY(put_string(ctx, buf, ",\"prefix\":", ev->prefix));
	LH_TRY(put_bool(ctx, buf, ",\"transactional\":", ev->transactional));
	if (lh_utf8_valid(ev->content.data, ev->content.len))
	{
		LH_TRY(PUT(ctx, buf, ",\"content\":"));
		return lh_put_json_string(ctx, buf, ev->content.data, ev->content.len);
	}
	LH_TRY(PUT(ctx, buf, ",\"content_base64\":\""));
	LH_TRY(lh_put_base64(ctx, buf, ev->content.data, ev->content.len, false));
	return PUT(ctx, buf, "\"");
}

/* The content is an object already: its members are the event's. */
static LhStatus
put_ddl(LhCtx *ctx, LhBuf *buf, LhSlice content)
{
	LH_TRY(PUT(ctx, buf, ","));
	return lh_put(ctx, buf, content.data + 1, content.len - 2);
}

static const char *
identity_name(LhIdentity identity)
{
	switch (identity)
	{
		case LH_IDENTITY_DEFAULT: return "default";
		case LH_IDENTITY_FULL: return "full";
		case LH_IDENTITY_INDEX: return "index";
		case LH_IDENTITY_NOTHING: break;
	}
	return "nothing";
}

static LhStatus
put_schema(LhCtx *ctx, LhBuf *buf, const LhChangeRel *rel)
{
	LH_TRY(put_number(ctx, buf, ",\"generation\":", rel->generation));
	LH_TRY(put_string(ctx, buf, ",\"identity\":", identity_name(rel->identity)));
	LH_TRY(PUT(ctx, buf, ",\"columns\":["));
	for (int i = 0; i < rel->ncolumns; i++)
	{
		const LhChangeColumn *c = &rel->columns[i];

		LH_TRY(put_string(ctx, buf, i > 0 ? ",{\"name\":" : "{\"name\":", c->name));
		LH_TRY(put_string(ctx, buf, ",\"type\":", c->type_text));
		LH_TRY(put_bool(ctx, buf, ",\"not_null\":", c->not_null));
		if (c->key > 0)
			LH_TRY(put_number(ctx, buf, ",\"key\":", c->key));
		if (c->generated)
			LH_TRY(put_bool(ctx, buf, ",\"generated\":", true));
		if (c->masked)
			LH_TRY(put_bool(ctx, buf, ",\"masked\":", true));
		LH_TRY(PUT(ctx, buf, "}"));
	}
	return PUT(ctx, buf, "]");
}

/* Which numbers are no more, as pairs of the first and the last. */
static LhStatus
put_taken_back(LhCtx *ctx, LhBuf *buf, const LhChangeEvent *ev)
{
	if (ev->nback == 0)
		return LH_OK;
	for (size_t i = 0; i < ev->nback; i++)
	{
		LH_TRY(
			put_number(ctx, buf, i > 0 ? ",[" : ",\"taken_back\":[[", (int64_t) ev->back[i].from));
		LH_TRY(put_number(ctx, buf, ",", (int64_t) ev->back[i].to));
		LH_TRY(PUT(ctx, buf, "]"));
	}
	return PUT(ctx, buf, "]");
}

static int64_t
changes(const LhChangeEvent *ev)
{
	return ev->txn != NULL ? (int64_t) ev->txn->nchanges : 0;
}

LhStatus
lh_json_rest(LhCtx *ctx, LhBuf *buf, const LhChangeEvent *ev)
{
	switch (ev->op)
	{
		case LH_CHANGE_COMMIT:
		case LH_CHANGE_STREAM_COMMIT: return put_number(ctx, buf, ",\"changes\":", changes(ev));
		case LH_CHANGE_STREAM_START:
			LH_TRY(put_bool(ctx, buf, ",\"first\":", ev->first));
			return put_taken_back(ctx, buf, ev);
		case LH_CHANGE_STREAM_ABORT: return put_taken_back(ctx, buf, ev);
		case LH_CHANGE_PREPARE:
			LH_TRY(put_string(ctx, buf, ",\"gid\":", ev->gid));
			return put_number(ctx, buf, ",\"changes\":", changes(ev));
		case LH_CHANGE_COMMIT_PREPARED:
		case LH_CHANGE_ROLLBACK_PREPARED: return put_string(ctx, buf, ",\"gid\":", ev->gid);
		case LH_CHANGE_TRUNCATE:
			LH_TRY(put_bool(ctx, buf, ",\"cascade\":", ev->cascade));
			return put_bool(ctx, buf, ",\"restart_identity\":", ev->restart_identity);
		case LH_CHANGE_MESSAGE: return put_message(ctx, buf, ev);
		case LH_CHANGE_SCHEMA: return put_schema(ctx, buf, ev->rel);
		case LH_CHANGE_QUARANTINE: return put_string(ctx, buf, ",\"reason\":", ev->reason);
		case LH_CHANGE_DDL: return put_ddl(ctx, buf, ev->content);
		default: return LH_OK;
	}
}
