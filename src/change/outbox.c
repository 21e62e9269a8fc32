/*
 * outbox.c
 *		Inserts into an outbox: topics, headers, keys and payloads.
 *
 *	1. The topic is route.topic.replacement with the routed column's text in it,
 *	   escaped as names in a template of topics are, so that a row cannot name any
 *	   other topic than those that begin and end so.
 *	2. Key and payload are values of the format; with outbox.payload "raw" the
 *	   bytes of the column: of bytea as they are, of all others their text.
 *	3. With fields in the envelope the value is an object of payload and fields.
 */
#include "change/outbox.h"

#include "change/debezium.h"
#include "change/frame.h"
#include "change/json.h"
#include "change/transform.h"

#define VARIABLE   "${routedByValue}"
#define JSON_DEPTH 256

struct LhOutbox
{
	const LhChangeOptions *options;
	const LhChangeRel *rel;
	int id, key, payload, route; /* columns; -1: none */
	int nplacements;
	int nenvelope;
	LhPlacement *placements;
	int *columns;               /* of the placements */
	LhDbzColumn *dbz;           /* of all columns; NULL: no format wants them */
	const char *before, *after; /* what stands around the routed value */
};

/* ---- options ---- */

static LhStatus
bad_topic(LhCtx *ctx, const char *topic, const char *why)
{
	lh_fail(ctx, LH_INVALID, "option \"route.topic.replacement\": %s in \"%.64s\"", why, topic);
	lh_hint(ctx, "A topic has letters, digits, \".\", \"_\" and \"-\"; %s is the routed column.",
			VARIABLE);
	return LH_INVALID;
}

/* The text around the variable. */
static LhStatus
split_topic(LhCtx *ctx, const char *topic, const char **before, const char **after)
{
	static const char chars[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
	const char *at = strstr(topic, VARIABLE);
	size_t n = at != NULL ? (size_t) (at - topic) : strlen(topic);
	const char *rest = at != NULL ? at + strlen(VARIABLE) : topic + n;

	if (n + strlen(rest) >= LH_TOPIC_MAX)
		return bad_topic(ctx, topic, "too many bytes");
	if (strspn(topic, chars) != n || strspn(rest, chars) != strlen(rest))
		return bad_topic(ctx, topic, "another character, or a second variable,");
	if (at == NULL && !lh_topic_valid(topic, n))
		return bad_topic(ctx, topic, "no topic");
	*before = lh_strndup(ctx, topic, n);
	*after = rest;
	return *before != NULL ? LH_OK : ctx->error->code;
}

LhStatus
lh_outbox_check(LhCtx *ctx, const LhChangeOptions *o)
{
	const char *before, *after;
	LhPlacement *placements;
	bool envelope = false;
	int n;

	LH_TRY(split_topic(ctx, o->outbox_topic, &before, &after));
	LH_TRY(lh_placements_parse(ctx, o->outbox_placement, &n, &placements));
	for (int i = 0; i < n; i++)
		envelope |= !placements[i].header;
	if (*o->outbox_route == '\0' || *o->outbox_payload == '\0')
		LH_FAIL(ctx, LH_INVALID, "option \"%s\" names no column",
				*o->outbox_route == '\0' ? "route.by.field" : "table.field.event.payload");
	for (int i = 0; i < o->nformats && o->outbox_value != LH_OUTBOX_RAW; i++)
	{
		if (lh_change_format_find(o->formats[i], strlen(o->formats[i]))->schemas != LH_SCHEMA_NONE)
			LH_FAIL(ctx, LH_INVALID,
					"option \"outbox.table\" with format \"%s\" needs \"outbox.payload\" raw: a "
					"payload has no schema",
					o->formats[i]);
	}
	for (int i = 0; i < o->nformats && !o->frames; i++)
	{
		if (strcmp(o->formats[i], "json") != 0)
			LH_FAIL(ctx, LH_INVALID,
					"option \"outbox.table\" with format \"%s\" needs frames: its messages cannot "
					"say their topic",
					o->formats[i]);
	}
	if (o->outbox_value == LH_OUTBOX_RAW && !o->frames)
		LH_FAIL(ctx, LH_INVALID,
				"option \"outbox.payload\" raw needs frames: bytes do not fit into lines");
	if (o->outbox_value == LH_OUTBOX_RAW && (envelope || o->schemas_enable))
		LH_FAIL(ctx, LH_INVALID, "option \"outbox.payload\" raw contradicts \"%s\"",
				envelope ? "table.fields.additional.placement, whose envelope is JSON"
						 : "value.converter.schemas.enable");
	if (o->outbox_expand && o->schemas_enable)
		LH_FAIL(ctx, LH_INVALID,
				"options \"table.expand.json.payload\" and \"value.converter.schemas.enable\" "
				"exclude each other: a payload that is expanded has no schema");
	return LH_OK;
}

/* ---- plans ---- */

static LhStatus
find_column(LhCtx *ctx, const LhChangeRel *rel, const char *option, const char *name, int *column)
{
	*column = -1;
	if (name == NULL || *name == '\0')
		return LH_OK;
	for (int i = 0; i < rel->ncolumns; i++)
	{
		if (strcmp(rel->columns[i].name, name) == 0)
		{
			*column = i;
			return LH_OK;
		}
	}
	lh_fail(ctx, LH_INVALID,
			"option \"%s\" names column \"%s\" that outbox \"%s.%s\" does not stream", option, name,
			rel->schema, rel->name);
	lh_hint(ctx, "\"outbox.table\" says which tables are outboxes.");
	return LH_INVALID;
}

static LhStatus
find_columns(LhCtx *ctx, LhOutbox *b)
{
	const LhChangeOptions *o = b->options;
	const LhChangeRel *rel = b->rel;

	LH_TRY(find_column(ctx, rel, "table.field.event.id", o->outbox_id, &b->id));
	LH_TRY(find_column(ctx, rel, "table.field.event.key", o->outbox_key, &b->key));
	LH_TRY(find_column(ctx, rel, "table.field.event.payload", o->outbox_payload, &b->payload));
	LH_TRY(find_column(ctx, rel, "route.by.field", o->outbox_route, &b->route));
	LH_TRY(lh_placements_parse(ctx, o->outbox_placement, &b->nplacements, &b->placements));
	LH_NEW_ARRAY(ctx, b->columns, (size_t) b->nplacements + 1);
	for (int i = 0; i < b->nplacements; i++)
	{
		LH_TRY(find_column(ctx, rel, "table.fields.additional.placement", b->placements[i].column,
						   &b->columns[i]));
		b->nenvelope += !b->placements[i].header;
	}
	return LH_OK;
}

LhStatus
lh_outbox_plan(LhCtx *ctx, const LhChangeOptions *options, const LhChangeRel *rel, LhOutbox **out)
{
	LhOutbox *b;

	LH_NEW(ctx, b);
	b->options = options;
	b->rel = rel;
	LH_TRY(split_topic(ctx, options->outbox_topic, &b->before, &b->after));
	LH_TRY(find_columns(ctx, b));
	for (int i = 0; i < options->nformats && b->dbz == NULL; i++)
	{
		if (strcmp(options->formats[i], "debezium-json") != 0)
			continue;
		LH_NEW_ARRAY(ctx, b->dbz, (size_t) rel->ncolumns + 1);
		for (int k = 0; k < rel->ncolumns; k++)
			LH_TRY(lh_dbz_column(ctx, options, &rel->columns[k], &b->dbz[k]));
	}
	*out = b;
	return LH_OK;
}

/* ---- topics ---- */

/* A cell's text, or a bytea's bytes; nothing of what is no value. */
static LhStatus
put_raw(LhCtx *ctx, LhBuf *buf, const LhCell *c)
{
	if (c->kind == LH_CELL_BYTES || c->kind == LH_CELL_RAW || lh_cell_is_text(c))
		return lh_put(ctx, buf, c->ptr, c->len);
	return lh_put_cell_text(ctx, buf, c);
}

LhStatus
lh_outbox_topic(LhCtx *ctx, const LhOutbox *b, const LhCell *cells, const char **topic,
				const char **reason)
{
	const LhCell *c = &cells[b->route];
	size_t room = LH_TOPIC_MAX - strlen(b->before) - strlen(b->after);
	LhBuf text;
	char *out, *p;

	*topic = *reason = NULL;
	if (!LH_CELL_IS_VALUE(c))
	{
		*reason = "the column that says the topic is null";
		return LH_OK;
	}
	LH_TRY(lh_buf_init(ctx, &text, false));
	if (lh_cell_is_text(c) && c->len > room)
		text.len = room + 1;
	else
		LH_TRY(put_raw(ctx, &text, c));
	if (text.len > 0 && text.len <= room)
	{
		LH_ALLOC(ctx, out, 3 * LH_TOPIC_MAX + 1);
		p = stpcpy(out, b->before);
		p = lh_topic_escape(p, text.data, text.len);
		p = stpcpy(p, b->after);
		if (lh_topic_valid(out, (size_t) (p - out)))
			*topic = out;
	}
	lh_buf_free(&text);
	if (*topic == NULL)
		*reason = "the column that says the topic is empty or too long for one";
	return LH_OK;
}

/* ---- headers ---- */

static LhStatus
put_header(LhCtx *ctx, LhBuf *buf, const char *name, const LhCell *c)
{
	uint16_t nname = (uint16_t) strlen(name);
	uint32_t nvalue = UINT32_MAX;
	size_t at;

	LH_TRY(lh_put(ctx, buf, &nname, sizeof(nname)));
	at = buf->len;
	LH_TRY(lh_put(ctx, buf, &nvalue, sizeof(nvalue)));
	LH_TRY(lh_put(ctx, buf, name, nname));
	if (!LH_CELL_IS_VALUE(c))
		return LH_OK;
	LH_TRY(put_raw(ctx, buf, c));
	if (buf->len - at - sizeof(nvalue) - nname >= UINT32_MAX)
		LH_FAIL(ctx, LH_LIMIT, "a header of 4 GB cannot be framed");
	nvalue = (uint32_t) (buf->len - at - sizeof(nvalue) - nname);
	memcpy(buf->data + at, &nvalue, sizeof(nvalue));
	return LH_OK;
}

LhStatus
lh_header_next(LhCtx *ctx, LhSlice headers, size_t *at, LhSlice *name, LhSlice *value)
{
	size_t left = *at <= headers.len ? headers.len - *at : 0;
	const uint8_t *p = headers.data + *at;
	size_t nname, nvalue;
	bool null;

	if (left < 6)
		LH_FAIL(ctx, LH_CORRUPT, "header of a message at byte %zu: %zu bytes are left", *at, left);
	nname = lh_load_u16(p);
	nvalue = lh_load_u32(p + 2);
	null = nvalue == UINT32_MAX;
	nvalue = null ? 0 : nvalue;
	left -= 6;
	if (nname == 0 || nname > LH_FIELD_NAME_MAX || nname > left || nvalue > left - nname ||
		memchr(p + 6, '\0', nname) != NULL)
		LH_FAIL(ctx, LH_CORRUPT,
				"header of a message at byte %zu: a name of %zu and a value of %zu bytes, but %zu "
				"are left",
				*at, nname, nvalue, left);
	*name = lh_slice(p + 6, nname);
	*value = lh_slice(null ? NULL : p + 6 + nname, nvalue);
	*at += 6 + nname + nvalue;
	return LH_OK;
}

/* Each header with put; "id" comes first, as there. */
static LhStatus
each_header(LhCtx *ctx, const LhOutbox *b, const LhCell *cells, LhBuf *buf,
			LhStatus (*put)(LhCtx *ctx, LhBuf *buf, const char *name, const LhCell *c))
{
	if (b->id >= 0)
		LH_TRY(put(ctx, buf, "id", &cells[b->id]));
	for (int i = 0; i < b->nplacements; i++)
	{
		if (b->placements[i].header)
			LH_TRY(put(ctx, buf, b->placements[i].alias, &cells[b->columns[i]]));
	}
	return LH_OK;
}

/* ---- values ---- */

/* Text that is one JSON object or array. */
static bool
is_json(const LhCell *c)
{
	size_t i = 0;

	if (c->kind == LH_CELL_JSON)
		return true;
	if (c->kind != LH_CELL_TEXT)
		return false;
	while (i < c->len && strchr(" \t\r\n", c->ptr[i]) != NULL && c->ptr[i] != '\0')
		i++;
	return i < c->len && (c->ptr[i] == '{' || c->ptr[i] == '[') &&
		   lh_json_is_valid(c->ptr, c->len, JSON_DEPTH);
}

static LhStatus
put_value(LhCtx *ctx, const LhOutbox *b, bool debezium, int column, const LhCell *c, LhBuf *buf)
{
	if (column == b->payload && b->options->outbox_expand && is_json(c) && c->len > 0)
		return lh_put_json_line(ctx, buf, c->ptr, c->len);
	return debezium ? lh_dbz_value(ctx, buf, &b->dbz[column].type, c)
					: lh_json_value(ctx, buf, b->options, &b->rel->columns[column], c);
}

static LhStatus
put_text(LhCtx *ctx, LhBuf *buf, const char *s)
{
	return lh_put(ctx, buf, s, strlen(s));
}

/* {"schema":{..},"payload": before a value of a column, and "}" behind it. */
static LhStatus
put_wrapped(LhCtx *ctx, const LhOutbox *b, bool debezium, int column, const LhCell *c, LhBuf *buf)
{
	bool wrap = debezium && b->options->schemas_enable;

	if (wrap)
	{
		LH_TRY(put_text(ctx, buf, "{\"schema\":{"));
		LH_TRY(lh_dbz_put_type(ctx, buf, &b->dbz[column].type, b->dbz[column].optional));
		LH_TRY(put_text(ctx, buf, "},\"payload\":"));
	}
	LH_TRY(put_value(ctx, b, debezium, column, c, buf));
	return wrap ? lh_put(ctx, buf, "}", 1) : LH_OK;
}

/* A column as a field of the envelope's schema. */
static LhStatus
put_field_schema(LhCtx *ctx, const LhOutbox *b, int column, const char *name, LhBuf *buf)
{
	LH_TRY(lh_put(ctx, buf, "{", 1));
	LH_TRY(lh_dbz_put_type(ctx, buf, &b->dbz[column].type, b->dbz[column].optional));
	LH_TRY(put_text(ctx, buf, ",\"field\":"));
	LH_TRY(lh_put_json_string(ctx, buf, name, strlen(name)));
	return lh_put(ctx, buf, "}", 1);
}

static LhStatus
put_envelope_schema(LhCtx *ctx, const LhOutbox *b, LhBuf *buf)
{
	LH_TRY(put_text(ctx, buf, "{\"schema\":{\"type\":\"struct\",\"fields\":["));
	LH_TRY(put_field_schema(ctx, b, b->payload, "payload", buf));
	for (int i = 0; i < b->nplacements; i++)
	{
		if (b->placements[i].header)
			continue;
		LH_TRY(lh_put(ctx, buf, ",", 1));
		LH_TRY(put_field_schema(ctx, b, b->columns[i], b->placements[i].alias, buf));
	}
	return put_text(ctx, buf, "],\"optional\":false},\"payload\":");
}

/* {"payload":..,"eventType":..} */
static LhStatus
put_envelope(LhCtx *ctx, const LhOutbox *b, bool debezium, const LhCell *cells, LhBuf *buf)
{
	bool wrap = debezium && b->options->schemas_enable;

	if (wrap)
		LH_TRY(put_envelope_schema(ctx, b, buf));
	LH_TRY(put_text(ctx, buf, "{\"payload\":"));
	LH_TRY(put_value(ctx, b, debezium, b->payload, &cells[b->payload], buf));
	for (int i = 0; i < b->nplacements; i++)
	{
		const char *alias = b->placements[i].alias;

		if (b->placements[i].header)
			continue;
		LH_TRY(lh_put(ctx, buf, ",", 1));
		LH_TRY(lh_put_json_string(ctx, buf, alias, strlen(alias)));
		LH_TRY(lh_put(ctx, buf, ":", 1));
		LH_TRY(put_value(ctx, b, debezium, b->columns[i], &cells[b->columns[i]], buf));
	}
	return put_text(ctx, buf, wrap ? "}}" : "}");
}

static LhStatus
put_payload(LhCtx *ctx, const LhOutbox *b, bool debezium, const LhCell *cells, LhBuf *buf)
{
	const LhCell *c = &cells[b->payload];

	if (b->options->outbox_value == LH_OUTBOX_RAW)
		return put_raw(ctx, buf, c);
	if (b->nenvelope > 0)
		return put_envelope(ctx, b, debezium, cells, buf);
	return put_wrapped(ctx, b, debezium, b->payload, c, buf);
}

/* Nothing, or blanks alone. */
static bool
is_empty(const LhCell *c)
{
	if (!LH_CELL_IS_VALUE(c))
		return true;
	if (c->kind != LH_CELL_BYTES && !lh_cell_is_text(c))
		return false;
	for (uint32_t i = 0; i < c->len; i++)
	{
		if (c->kind == LH_CELL_BYTES || c->ptr[i] > ' ')
			return false;
	}
	return true;
}

/* ---- messages ---- */

static LhStatus
write_framed(LhCtx *ctx, const LhOutbox *b, bool debezium, const LhCell *cells, LhChangeOut *out)
{
	bool raw = b->options->outbox_value == LH_OUTBOX_RAW;
	const LhCell *key = b->key >= 0 ? &cells[b->key] : NULL;
	const LhCell *payload = &cells[b->payload];

	LH_TRY(lh_out_message(ctx, out));
	if (key != NULL && LH_CELL_IS_VALUE(key))
		LH_TRY(raw ? put_raw(ctx, &out->buf, key)
				   : put_wrapped(ctx, b, debezium, b->key, key, &out->buf));
	/* bytes cannot say null in another way */
	if ((b->options->outbox_tombstone && is_empty(payload)) || (raw && !LH_CELL_IS_VALUE(payload)))
		return lh_out_tombstone(ctx, out);
	LH_TRY(lh_out_value(ctx, out));
	LH_TRY(put_payload(ctx, b, debezium, cells, &out->buf));
	return lh_out_end(ctx, out);
}

static LhStatus
put_json_header(LhCtx *ctx, LhBuf *buf, const char *name, const LhCell *c)
{
	LH_TRY(lh_put_json_string(ctx, buf, name, strlen(name)));
	LH_TRY(lh_put(ctx, buf, ":", 1));
	LH_TRY(lh_put_cell_text_json(ctx, buf, c));
	return lh_put(ctx, buf, ",", 1);
}

/* {"op":"outbox",...,"topic":"..","key":..,"headers":{..},"payload":..} */
static LhStatus
write_bare(LhCtx *ctx, const LhOutbox *b, const LhChangeEvent *ev, const char *topic,
		   LhChangeOut *out)
{
	const LhCell *cells = ev->new_cells;
	LhBuf *buf = &out->buf;
	char *p;

	LH_TRY(lh_out_message(ctx, out));
	if (out->want_key && b->key >= 0 && LH_CELL_IS_VALUE(&cells[b->key]))
		LH_TRY(put_value(ctx, b, false, b->key, &cells[b->key], buf));
	LH_TRY(lh_out_value(ctx, out));
	LH_TRY(lh_put_room(ctx, buf, 64 + 3 * LH_TEXT_TIME, &p));
	p = lh_text_lsn(stpcpy(p, "{\"op\":\"outbox\",\"lsn\":\""), ev->pos.commit_end);
	p = lh_text_u64(stpcpy(p, "\",\"n\":"), ev->pos.ordinal);
	p = lh_text_u64(stpcpy(p, ",\"xid\":"), ev->pos.xid);
	if (ev->txn != NULL)
	{
		p = lh_text_timestamp(stpcpy(p, ",\"ts\":\""), ev->txn->commit_time, 'T', "Z");
		*p++ = '"';
	}
	lh_put_end(buf, p);
	LH_TRY(put_text(ctx, buf, ",\"schema\":"));
	LH_TRY(lh_put_json_string(ctx, buf, b->rel->schema, strlen(b->rel->schema)));
	LH_TRY(put_text(ctx, buf, ",\"table\":"));
	LH_TRY(lh_put_json_string(ctx, buf, b->rel->name, strlen(b->rel->name)));
	LH_TRY(put_text(ctx, buf, ",\"topic\":\""));
	LH_TRY(put_text(ctx, buf, topic));
	LH_TRY(put_text(ctx, buf, "\",\"key\":"));
	if (b->key >= 0)
		LH_TRY(put_value(ctx, b, false, b->key, &cells[b->key], buf));
	else
		LH_TRY(put_text(ctx, buf, "null"));
	LH_TRY(put_text(ctx, buf, ",\"headers\":{"));
	LH_TRY(each_header(ctx, b, cells, buf, put_json_header));
	buf->len -= buf->data[buf->len - 1] == ',';
	LH_TRY(put_text(ctx, buf, "},\"payload\":"));
	LH_TRY(put_payload(ctx, b, false, cells, buf));
	LH_TRY(lh_put(ctx, buf, "}", 1));
	return lh_out_end(ctx, out);
}

LhStatus
lh_outbox_write(LhCtx *ctx, const LhOutbox *b, const LhChangeEvent *ev, const char *topic,
				LhChangeOut *out)
{
	LhBuf headers;

	if (!out->framed)
		return write_bare(ctx, b, ev, topic, out);
	LH_TRY(lh_buf_init(ctx, &headers, false));
	LH_TRY(each_header(ctx, b, ev->new_cells, &headers, put_header));
	LH_TRY(lh_frame_route(ctx, out, topic, lh_slice(headers.data, headers.len)));
	lh_buf_free(&headers);
	for (int i = 0; i < b->options->nformats; i++)
	{
		out->format = i;
		LH_TRY(
			write_framed(ctx, b, strcmp(b->options->formats[i], "json") != 0, ev->new_cells, out));
	}
	return LH_OK;
}
