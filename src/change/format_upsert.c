/*
 * format_upsert.c
 *		The format "upsert": key and row, or key and nothing where the row is gone.
 *
 *	{"id":1}	{"id":1,"name":"x"}
 *	{"id":1}	(a tombstone)
 *
 * What Flink's upsert-kafka and sinks with upserts read, and a compacted topic keeps.
 * An update that changed the key is the old one's tombstone and the new row.
 *
 * A table's topic has nothing but that: a consumer takes a value that is left out for
 * null, and a compacted topic refuses what has no key.  So what an upsert cannot say
 * (a truncation, an update whose large values are not in the log, a table without a
 * key, a row in quarantine) is said aside, in the topic of messages, as "json" would
 * say it; or it ends the stream, as the option upsert.invalid.behavior wants it.
 */
#include "change/formats.h"
#include "change/json_row.h"
#include "change/unwrap.h"

#define PUT(ctx, buf, literal) lh_put((ctx), (buf), (literal), sizeof(literal) - 1)

typedef struct Plan
{
	LhJsonRow *row;
	void *json; /* of what is said aside */
	int nfields;
	LhUnwrapField *fields; /* of add.fields */
	bool told;             /* that the table has no key */
} Plan;

typedef struct Upsert
{
	LhEncoder base;
	LhEncoder *json;
} Upsert;

/* ---- what cannot be said ---- */

/* reason NULL: the event itself, which is no row. */
static LhStatus
say_aside(LhCtx *ctx, LhChangeOut *out, Upsert *u, const LhChangeEvent *ev, const char *reason)
{
	LhChangeEvent aside = *ev;
	LhStatus status;

	if (u->base.options->upsert_invalid == LH_UPSERT_FATAL && ev->op != LH_CHANGE_MESSAGE &&
		ev->op != LH_CHANGE_QUARANTINE)
	{
		lh_fail(ctx, LH_INVALID, "format \"upsert\" cannot say a change of table \"%s.%s\": %s",
				ev->rel->schema, ev->rel->name, reason != NULL ? reason : "it was truncated");
		lh_hint(ctx, "Leave the table out, or set option \"upsert.invalid.behavior\" to error.");
		return LH_INVALID;
	}
	if (ev->rel != NULL)
		aside.plan = ((const Plan *) ev->plan)->json;
	if (reason != NULL)
	{
		aside.op = LH_CHANGE_QUARANTINE;
		aside.reason = reason;
		aside.new_cells = aside.old_cells = NULL;
	}
	out->aside = true;
	status = u->json->format->event(ctx, u->json, &aside, out);
	out->aside = false;
	return status;
}

/* Once for each plan: it holds for all rows. */
static LhStatus
say_keyless(LhCtx *ctx, LhChangeOut *out, Upsert *u, const LhChangeEvent *ev)
{
	Plan *plan = ev->plan;

	if (plan->told)
		return LH_OK;
	plan->told = true;
	return say_aside(ctx, out, u, ev,
					 "the table has no key, which an upsert needs (a primary key, an index as "
					 "identity, or message.key.columns): none of its rows is told");
}

static LhStatus
say_incomplete(LhCtx *ctx, LhChangeOut *out, Upsert *u, const LhChangeEvent *ev)
{
	const LhChangeRel *rel = ev->rel;
	const char *reason;
	int i = 0;

	while (i < rel->ncolumns - 1 && ev->new_cells[i].kind != LH_CELL_UNCHANGED)
		i++;
	reason = lh_sprintf(ctx,
						"an update did not touch the large value of column \"%s\", so that the log "
						"does not have it, unless the table has REPLICA IDENTITY FULL",
						rel->columns[i].name);
	return reason != NULL ? say_aside(ctx, out, u, ev, reason) : ctx->error->code;
}

/* ---- rows ---- */

static LhStatus
put_tombstone(LhCtx *ctx, LhChangeOut *out, const LhChangeEvent *ev)
{
	LH_TRY(lh_out_message(ctx, out));
	LH_TRY(lh_json_put_key(ctx, &out->buf, ((const Plan *) ev->plan)->row, ev, ev->old_cells));
	if (out->framed)
		return lh_out_tombstone(ctx, out);
	/* bare: nothing behind the tab */
	LH_TRY(lh_out_value(ctx, out));
	return lh_out_end(ctx, out);
}

static LhStatus
put_upsert(LhCtx *ctx, LhChangeOut *out, const LhChangeEvent *ev)
{
	const Plan *plan = ev->plan;
	LhBuf *buf = &out->buf;
	int ignored = 0;

	LH_TRY(lh_out_message(ctx, out));
	LH_TRY(lh_json_put_key(ctx, buf, plan->row, ev, ev->new_cells));
	LH_TRY(lh_out_value(ctx, out));
	LH_TRY(lh_json_put_row(ctx, buf, plan->row, ev->new_cells, &ignored));
	if (plan->nfields > 0)
	{
		/* a row with a key has a column: the first comma stays */
		buf->len--;
		LH_TRY(lh_unwrap_put_json(ctx, buf, plan->nfields, plan->fields, ev,
								  ev->op == LH_CHANGE_READ     ? "read"
								  : ev->op == LH_CHANGE_INSERT ? "insert"
															   : "update"));
		LH_TRY(PUT(ctx, buf, "}"));
	}
	return lh_out_end(ctx, out);
}

static LhStatus
put_row(LhCtx *ctx, LhChangeOut *out, Upsert *u, const LhChangeEvent *ev)
{
	bool changes = ev->op == LH_CHANGE_UPDATE || ev->op == LH_CHANGE_DELETE;

	if (ev->rel->nkeys == 0)
		return say_keyless(ctx, out, u, ev);
	/* an update may then have changed the key, and nobody knows which row is gone */
	if (changes && !ev->rel->old_has_key)
		return say_aside(ctx, out, u, ev,
						 "the table's replica identity does not have the columns of the key, so "
						 "that the log does not say which row was changed");
	if (ev->op == LH_CHANGE_DELETE && ev->old_cells == NULL)
		return say_aside(ctx, out, u, ev, "the log does not say which row was deleted");
	if (ev->op == LH_CHANGE_DELETE ||
		(ev->op == LH_CHANGE_UPDATE && ev->key_changed && ev->old_cells != NULL))
		LH_TRY(put_tombstone(ctx, out, ev));
	if (ev->op == LH_CHANGE_DELETE)
		return LH_OK;
	return ev->incomplete ? say_incomplete(ctx, out, u, ev) : put_upsert(ctx, out, ev);
}

static LhStatus
upsert_event(LhCtx *ctx, LhEncoder *enc, const LhChangeEvent *ev, LhChangeOut *out)
{
	Upsert *u = (Upsert *) enc;

	switch (ev->op)
	{
		case LH_CHANGE_INSERT:
		case LH_CHANGE_UPDATE:
		case LH_CHANGE_DELETE:
		case LH_CHANGE_READ: return put_row(ctx, out, u, ev);
		case LH_CHANGE_TRUNCATE:
		case LH_CHANGE_MESSAGE:
		case LH_CHANGE_QUARANTINE: return say_aside(ctx, out, u, ev, NULL);
		default: return LH_OK;
	}
}

/* ---- plans ---- */

static LhStatus
upsert_relation(LhCtx *ctx, LhEncoder *enc, const LhChangeRel *rel, void **out)
{
	Upsert *u = (Upsert *) enc;
	Plan *plan;

	LH_NEW(ctx, plan);
	LH_TRY(lh_json_row_plan(ctx, enc->options, rel, NULL, &plan->row));
	LH_TRY(u->json->format->relation(ctx, u->json, rel, &plan->json));
	LH_TRY(lh_unwrap_fields(ctx, enc->options, "upsert", rel, &plan->nfields, &plan->fields));
	*out = plan;
	return LH_OK;
}

static LhStatus
upsert_create(LhCtx *ctx, const LhChangeOptions *options, LhEncoder **out)
{
	Upsert *u;

	LH_NEW(ctx, u);
	u->base.format = &lh_format_upsert;
	u->base.options = options;
	LH_TRY(lh_format_json.create(ctx, options, &u->json));
	*out = &u->base;
	return LH_OK;
}

const LhChangeFormat lh_format_upsert = {
	.name = "upsert",
	.summary = "key and row, a tombstone where it is gone: Flink's upsert-kafka, compacted topics",
	.text = true,
	.keyed = true,
	.tombstones = true,
	.create = upsert_create,
	.relation = upsert_relation,
	.event = upsert_event,
};
