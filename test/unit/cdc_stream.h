/*
 * cdc_stream.h
 *		Relations and events of change streams by hand, and what a format makes of them.
 */
#ifndef CDC_STREAM_H
#define CDC_STREAM_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "change/change.h"
#include "change/frame.h"
#include "change/text.h"
#include "unit/cdc_make.h"

/* ---- cells ---- */
#define CDC_NULL      ((LhCell){.kind = LH_CELL_NULL})
#define CDC_UNCHANGED ((LhCell){.kind = LH_CELL_UNCHANGED})
#define CDC_ABSENT    ((LhCell){.kind = LH_CELL_ABSENT})

static inline LhCell
cdc_data(LhCellKind kind, const void *p, size_t n)
{
	return cdc_bytes(kind, (const uint8_t *) p, n);
}

static inline LhCell
cdc_text(const char *s)
{
	return cdc_string(LH_CELL_TEXT, s);
}

static inline LhCell
cdc_other(const char *s)
{
	return cdc_string(LH_CELL_OTHER, s);
}

/* "-12.30", "NaN", "Infinity", "-Infinity" as numeric_in would store it */
static inline LhCell
cdc_decimal(LhCtx *ctx, const char *s)
{
	LhCell c = {.kind = LH_CELL_NUMERIC};
	int16_t *digits = lh_alloc_array(ctx, strlen(s) + 2, sizeof(int16_t));
	const char *point;
	int before, first, n;

	if (strcmp(s, "NaN") == 0)
		c.sign = LH_SIGN_NAN;
	else if (strcmp(s, "Infinity") == 0)
		c.sign = LH_SIGN_INFINITY;
	else if (strcmp(s, "-Infinity") == 0)
		c.sign = LH_SIGN_MINUS_INFINITY;
	if (c.sign != 0)
		return c;
	if (*s == '-')
	{
		c.sign = LH_SIGN_MINUS;
		s++;
	}
	point = strchr(s, '.');
	before = (int) (point != NULL ? (size_t) (point - s) : strlen(s));
	c.dscale = (uint16_t) (point != NULL ? strlen(point + 1) : 0);
	/* groups of four digits, counted from the point */
	first = (before + 3) / 4;
	n = first + (c.dscale + 3) / 4;
	for (int g = 0; g < n; g++)
		for (int k = 0; k < 4; k++)
		{
			int at = before - (first - g) * 4 + k; /* digit, the point left out */
			int digit = 0;

			if (at >= 0 && at < before)
				digit = s[at] - '0';
			else if (at >= before && at < before + c.dscale)
				digit = point[1 + at - before] - '0';
			digits[g] = (int16_t) (digits[g] * 10 + digit);
		}
	c.weight = (int16_t) (first - 1);
	while (n > 0 && digits[n - 1] == 0)
		n--;
	while (n > 0 && *digits == 0)
	{
		digits++;
		n--;
		c.weight--;
	}
	if (n == 0)
	{
		c.weight = 0;
		c.sign = LH_SIGN_PLUS;
	}
	c.ndigits = (uint16_t) n;
	c.ptr = (const uint8_t *) digits;
	return c;
}

static inline LhCell
cdc_list(LhCtx *ctx, int n, const LhCell *items)
{
	LhCellArray *a = lh_alloc0(ctx, sizeof(*a));

	a->ndim = n > 0;
	a->dims[0] = n;
	a->lbound[0] = 1;
	a->nitems = n;
	a->delim = ',';
	a->items = lh_memdup(ctx, items, (size_t) n * sizeof(*items));
	return (LhCell){.kind = LH_CELL_ARRAY, .array = a};
}

/* ---- relations ---- */
/* A column of a type of pg_catalog that is no domain; the rest is for the test to set. */
static inline LhChangeColumn
cdc_col(LhCtx *ctx, const char *name, uint32_t typid, LhCellKind kind, const char *bare,
		const char *text)
{
	const char *open = strchr(text, '(');
	const char *close = strchr(text, ')');
	const char *plain = text;

	if (open != NULL && close != NULL)
		plain = lh_sprintf(ctx, "%.*s%s", (int) (open - text), text, close + 1);
	return (LhChangeColumn){
		.name = name,
		.typid = typid,
		.base_typid = typid,
		.typmod = -1,
		.kind = kind,
		.typcategory = 'U',
		.type_name = plain,
		.type_text = text,
		.base_type_name = plain,
		.base_type_text = text,
		.type_schema = "pg_catalog",
		.type_bare = bare,
	};
}

static inline LhChangeColumn
cdc_int4(LhCtx *ctx, const char *name, int pk)
{
	LhChangeColumn c = cdc_col(ctx, name, 23, LH_CELL_INT, "int4", "integer");

	c.typcategory = 'N';
	c.pk = pk;
	c.not_null = pk > 0;
	return c;
}

static inline LhChangeColumn
cdc_textcol(LhCtx *ctx, const char *name)
{
	LhChangeColumn c = cdc_col(ctx, name, 25, LH_CELL_TEXT, "text", "text");

	c.typcategory = 'S';
	return c;
}

/* Numbers the columns, and gathers keys from what they say; DEFAULT's key is the primary key. */
static inline LhChangeRel *
cdc_rel(LhCtx *ctx, const char *schema, const char *name, LhIdentity identity, int n,
		const LhChangeColumn *columns)
{
	static uint32_t relid = 20000;
	LhChangeRel *rel = lh_alloc0(ctx, sizeof(*rel));
	LhChangeColumn *copy = lh_memdup(ctx, columns, (size_t) n * sizeof(*columns));
	int *keys = lh_alloc_array(ctx, (size_t) n, sizeof(int));
	int *pk = lh_alloc_array(ctx, (size_t) n, sizeof(int));

	for (int i = 0; i < n; i++)
	{
		copy[i].attnum = copy[i].attnum != 0 ? copy[i].attnum : i + 1;
		if (identity != LH_IDENTITY_INDEX && copy[i].key == 0)
			copy[i].key = copy[i].pk;
	}
	for (int place = 1; place <= n; place++)
		for (int i = 0; i < n; i++)
		{
			if (copy[i].key == place)
				keys[rel->nkeys++] = i;
			if (copy[i].pk == place)
				pk[rel->npk++] = i;
		}
	rel->relid = relid++;
	rel->generation = 1;
	rel->schema = schema;
	rel->name = name;
	rel->identity = identity;
	rel->ncolumns = n;
	rel->columns = copy;
	rel->keys = keys;
	rel->pk = pk;
	return rel;
}

/* ---- a stream with one format ---- */
typedef struct CdcStream
{
	LhCtx *ctx;
	LhChangeOptions options;
	LhEncoder *enc;
	LhChangeOut out;
	LhBuf text; /* all messages so far, each followed by "end" */
	const char *end;
	LhChangeTxn txn;
	uint64_t order;
	uint64_t lsn; /* of every change */
	int64_t now;
	bool key_changed; /* updates of whole rows change the key */
	/* framed: takes messages in place of text; NULL: none */
	void (*take)(struct CdcStream *s, const LhFrameMessage *m);
	void *taker;
} CdcStream;

static inline LhStatus
cdc_done(LhChangeOut *out, LhCtx *ctx, void *arg)
{
	CdcStream *s = arg;

	LH_TRY(lh_buf_append(ctx, &s->text, out->buf.data, out->buf.len));
	LH_TRY(lh_buf_append_str(ctx, &s->text, s->end));
	out->buf.len = 0;
	return LH_OK;
}

static inline void
cdc_die(LhCtx *ctx)
{
	fprintf(stderr, "cdc_stream: %s\n", ctx->error->message);
	abort();
}
#define CDC_DO(ctx, call)    \
	do                       \
	{                        \
		if ((call) != LH_OK) \
			cdc_die(ctx);    \
	} while (0)

/* Framed messages as lines: key, tab, value; null for what is not there. */
static inline void
cdc_unframe(CdcStream *s)
{
	LhSlice body = lh_slice(s->out.buf.data, s->out.buf.len);
	size_t at = 0;

	while (at < body.len)
	{
		LhFrameMessage m;

		CDC_DO(s->ctx, lh_frame_message(s->ctx, body, &at, &m));
		if (s->take != NULL)
		{
			s->take(s, &m);
			continue;
		}
		CDC_DO(s->ctx, m.has_key ? lh_buf_append(s->ctx, &s->text, m.key.data, m.key.len)
								 : lh_buf_append_str(s->ctx, &s->text, "null"));
		CDC_DO(s->ctx, lh_buf_putc(s->ctx, &s->text, '\t'));
		CDC_DO(s->ctx, m.tombstone ? lh_buf_append_str(s->ctx, &s->text, "null")
								   : lh_buf_append(s->ctx, &s->text, m.value.data, m.value.len));
		CDC_DO(s->ctx, lh_buf_append_str(s->ctx, &s->text, s->end));
	}
	s->out.buf.len = 0;
}

/* settings: "name=value name=value"; blanks part them */
static inline void
cdc_open(LhCtx *ctx, CdcStream *s, const LhChangeFormat *format, const char *settings)
{
	char *copy = lh_strdup(ctx, settings);
	char *save;

	memset(s, 0, sizeof(*s));
	s->ctx = ctx;
	s->end = "\n";
	CDC_DO(ctx, lh_change_options_init(ctx, &s->options));
	for (char *item = strtok_r(copy, " ", &save); item != NULL; item = strtok_r(NULL, " ", &save))
	{
		char *value = strchr(item, '=');

		if (value != NULL)
			*value++ = '\0';
		CDC_DO(ctx, lh_change_option_set(ctx, &s->options, item, value));
	}
	CDC_DO(ctx, format->create(ctx, &s->options, &s->enc));
	CDC_DO(ctx, lh_buf_init(ctx, &s->out.buf, false));
	CDC_DO(ctx, lh_buf_init(ctx, &s->text, false));
	s->out.done = cdc_done;
	s->out.arg = s;
	s->out.want_key = s->options.keys;
	s->lsn = 0x16B3748;
	s->txn = (LhChangeTxn){.xid = 700,
						   .first_lsn = 0x16B3700,
						   .commit_lsn = 0x16B3748,
						   .commit_end = 0x16B3778,
						   .commit_time = 768294489120000 /* 2024-05-06 07:08:09.12 */};
}

static inline void *
cdc_plan(CdcStream *s, const LhChangeRel *rel)
{
	void *plan;

	CDC_DO(s->ctx, s->enc->format->relation(s->ctx, s->enc, rel, &plan));
	if (s->out.schema != NULL)
		CDC_DO(s->ctx, s->enc->format->describe(s->ctx, s->enc, rel, plan, &s->out));
	return plan;
}

static inline void
cdc_event(CdcStream *s, LhChangeEvent ev)
{
	ev.txn = ev.txn != NULL ? ev.txn
			 : ev.op == LH_CHANGE_READ || (ev.op == LH_CHANGE_MESSAGE && !ev.transactional)
				 ? NULL
				 : &s->txn;
	ev.pos = (LhChangePos){.commit_end = s->txn.commit_end, .xid = s->txn.xid, .ordinal = s->order};
	ev.lsn = s->lsn;
	ev.now = s->now;
	ev.order = s->order;
	CDC_DO(s->ctx, s->enc->format->event(s->ctx, s->enc, &ev, &s->out));
	if (s->out.framed)
		cdc_unframe(s);
}

static inline void
cdc_begin(CdcStream *s)
{
	s->order = 0;
	s->txn.nchanges = 0;
	cdc_event(s, (LhChangeEvent){.op = LH_CHANGE_BEGIN});
}

static inline void
cdc_commit(CdcStream *s)
{
	s->txn.nchanges = s->order;
	cdc_event(s, (LhChangeEvent){.op = LH_CHANGE_COMMIT});
}

static inline void
cdc_row(CdcStream *s, LhChangeOp op, const LhChangeRel *rel, void *plan, const LhCell *old,
		const LhCell *new)
{
	bool key = false;

	for (int i = 0; old != NULL && i < rel->ncolumns; i++)
		key |= old[i].kind == LH_CELL_ABSENT;
	s->order++;
	cdc_event(
		s, (LhChangeEvent){.op = op,
						   .rel = rel,
						   .plan = plan,
						   .old_cells = old,
						   .new_cells = new,
						   .old_is_key = key || (old != NULL && rel->identity != LH_IDENTITY_FULL),
						   .key_changed = op == LH_CHANGE_UPDATE &&old != NULL &&
										  (rel->identity != LH_IDENTITY_FULL || s->key_changed)});
}

#endif
