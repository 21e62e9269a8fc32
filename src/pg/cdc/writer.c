/*
 * writer.c
 *		Events through the encoders and out: bare messages, batches of lines, frames.
 *
 * A write of PostgreSQL's costs several system calls in a walsender, so where the
 * consumer allows (frames, batch.bytes) messages gather and go out together; at
 * the end of each transaction at the latest (hold.c: a little later).
 *
 * The core's code is never on the stack when PostgreSQL writes: an encoder's
 * messages are complete in the buffer first, and "done" only notes their ends.
 */
#include "pg/cdc/cdc.h"

#include "mb/pg_wchar.h"
#include "utils/memutils.h"

#include "change/outbox.h"

/* What a message may have: a StringInfo and, for SQL functions, a datum. */
#define MESSAGE_MAX (MaxAllocSize - 1024)
/* A buffer that a large row made grow is given back. */
#define BUFFER_KEEP ((size_t) 16 << 20)
/* Frames that may become larger than this begin a batch of their own. */
#define FRAME_ALONE ((size_t) 32 << 20)
/* Escapes can make six bytes of one. */
#define GROWTH 6

static LhStatus
message_done(LhChangeOut *out, LhCtx *ctx, void *arg)
{
	LhCdcWriter *w = arg;

	if (out->buf.len - out->message_at > MESSAGE_MAX)
	{
		out->buf.len = out->message_at;
		w->too_large = true;
		return LH_OK;
	}
	if (w->nends == w->max_ends)
	{
		int			max = w->max_ends == 0 ? 16 : w->max_ends * 2;
		size_t	   *ends = realloc(w->ends, sizeof(size_t) * max);

		if (ends == NULL)
			LH_FAIL(ctx, LH_NO_MEMORY, "out of memory for %d messages", max);
		w->ends = ends;
		w->max_ends = max;
	}
	w->ends[w->nends++] = out->buf.len;
	return LH_OK;
}

static void
free_ends(void *arg)
{
	free(((LhCdcWriter *) arg)->ends);
}

static bool
all_text(LhCdc *cdc)
{
	for (int i = 0; i < cdc->nformats; i++)
	{
		if (!cdc->encoders[i]->format->text)
			return false;
	}
	return true;
}

void
lh_cdc_writer_init(LhCdc *cdc)
{
	LhCdcWriter *w = &cdc->writer;
	bool		framed = cdc->options.frames;
	bool		text = !framed && all_text(cdc);

	lh_pg_check(cdc->ctx, lh_buf_init(cdc->ctx, &w->out.buf, false));
	lh_pg_check(cdc->ctx, lh_buf_init(cdc->ctx, &w->packed, false));
	lh_pg_check(cdc->ctx, lh_arena_on_reset(cdc->ctx, cdc->root, free_ends, w));
	w->batched = framed || (text && cdc->options.batch_bytes > 0);
	w->out.framed = framed;
	w->out.want_key = framed || cdc->options.keys;
	w->out.newline = w->batched && !framed;
	w->out.done = framed ? NULL : message_done;
	w->out.arg = w;
	/* SQL functions return text of the database, walsenders send bytes */
	w->convert = text && !cdc->streaming && GetDatabaseEncoding() != PG_UTF8 && GetDatabaseEncoding() != PG_SQL_ASCII;
	if (cdc->pg != NULL)
		cdc->pg->options.output_type = text ? OUTPUT_PLUGIN_TEXTUAL_OUTPUT : OUTPUT_PLUGIN_BINARY_OUTPUT;
	if (framed)
		lh_pg_check(cdc->ctx, lh_batch_begin(cdc->ctx, &w->out));
}

static void
write_bytes(LhCdc *cdc, const void *p, size_t n)
{
	LogicalDecodingContext *pg = cdc->pg;
	const char *bytes = p;

	if (unlikely(cdc->writer.convert))
	{
		bytes = pg_any_to_server(p, (int) n, PG_UTF8);
		if (bytes != p)
			n = strlen(bytes);
	}
	OutputPluginPrepareWrite(pg, true);
	appendBinaryStringInfo(pg->out, bytes, (int) n);
	OutputPluginWrite(pg, true);
}

/* The buffer is empty again, and not larger than usual. */
static void
empty(LhCdc *cdc)
{
	LhCdcWriter *w = &cdc->writer;

	w->nends = w->written = 0;
	w->from = 0;
	w->out.nmessages = 0;
	w->out.buf.len = 0;
	if (w->out.buf.cap > BUFFER_KEEP)
		lh_buf_free(&w->out.buf);
	if (w->packed.cap > BUFFER_KEEP)
		lh_buf_free(&w->packed);
}

static void
write_each(LhCdc *cdc)
{
	LhCdcWriter *w = &cdc->writer;

	/* a conversion may fail in a transaction that is rolled back meanwhile: the next call goes on from there */
	for (; w->written < w->nends; w->written++)
	{
		size_t		end = w->ends[w->written];

		write_bytes(cdc, w->out.buf.data + w->from, end - w->from);
		w->from = end;
	}
	empty(cdc);
}

/* Lines in as few writes as their sizes allow; the receiver ends each write with a newline itself. */
static void
write_lines(LhCdc *cdc)
{
	LhCdcWriter *w = &cdc->writer;

	for (int i = w->written; i < w->nends; i++)
	{
		if (i + 1 < w->nends && w->ends[i + 1] - w->from <= MESSAGE_MAX)
			continue;
		write_bytes(cdc, w->out.buf.data + w->from, w->ends[i] - w->from - 1);
		w->from = w->ends[i];
		w->written = i + 1;
	}
	empty(cdc);
}

static void
write_frames(LhCdc *cdc)
{
	LhCdcWriter *w = &cdc->writer;
	int			frames = lh_batch_frames(&w->out);
	uint32_t	parts = frames > 0 ? lh_batch_parts(&w->out) : 1;
	LhSlice		bytes;

	if (frames == 0)
		return;
	/* a frame in parts is the last, and goes out behind the others */
	if (frames > 1 || parts <= 1)
	{
		lh_pg_check(cdc->ctx, lh_batch_end(cdc->ctx, &w->out, cdc->options.zstd, &w->packed, &bytes));
		write_bytes(cdc, bytes.data, bytes.len);
	}
	for (uint32_t i = 0; parts > 1 && i < parts; i++)
	{
		lh_pg_check(cdc->ctx, lh_batch_part(cdc->ctx, &w->out, i, cdc->options.zstd, &w->packed, &bytes));
		write_bytes(cdc, bytes.data, bytes.len);
	}
	empty(cdc);
	lh_pg_check(cdc->ctx, lh_batch_begin(cdc->ctx, &w->out));
}

void
lh_cdc_flush(LhCdc *cdc)
{
	LhCdcWriter *w = &cdc->writer;

	if (cdc->pg == NULL)
		return;
	if (w->out.framed)
		write_frames(cdc);
	else if (w->batched)
		write_lines(cdc);
	else
		write_each(cdc);
}

void
lh_cdc_emit_progress(LhCdc *cdc, XLogRecPtr lsn)
{
	LhChangeOut *out = &cdc->writer.out;
	LhChangeEvent ev = {.op = LH_CHANGE_PROGRESS, .pos = {lsn, 0, 0}, .lsn = lsn};

	lh_pg_check(cdc->ctx, lh_frame_begin(cdc->ctx, out, &ev));
	lh_pg_check(cdc->ctx, lh_frame_end(cdc->ctx, out, true));
}

bool
lh_cdc_holds(const LhCdc *cdc)
{
	return lh_batch_frames(&cdc->writer.out) > 0;
}

bytea *
lh_cdc_take_batch(LhCdc *cdc)
{
	LhChangeOut *out = &cdc->writer.out;
	LhSlice		bytes;
	bytea	   *batch;

	if (out->buf.len > MESSAGE_MAX)
	{
		lh_frame_drop(out);
		return NULL;
	}
	lh_pg_check(cdc->ctx, lh_batch_whole(cdc->ctx, out, &bytes));
	batch = palloc(VARHDRSZ + bytes.len);
	SET_VARSIZE(batch, VARHDRSZ + bytes.len);
	memcpy(VARDATA(batch), bytes.data, bytes.len);
	empty(cdc);
	lh_pg_check(cdc->ctx, lh_batch_begin(cdc->ctx, out));
	return batch;
}

void
lh_cdc_unwrite(LhCdc *cdc)
{
	LhCdcWriter *w = &cdc->writer;
	LhChangeOut *out = &w->out;

	if (!w->encoding)
		return;
	w->encoding = w->too_large = false;
	w->nends = w->before.ends;
	out->buf.len = w->before.len;
	out->frame_at = w->before.frame_at;
	out->nmessages = w->before.messages;
	out->nframes = w->before.frames;
}

/* ---- events ---- */

/* An outbox has inserts, and rows that could not be told. */
static pg_noinline void
encode_outbox(LhCdc *cdc, LhChangeEvent *ev, LhCdcRel *rel)
{
	if (ev->op == LH_CHANGE_INSERT)
		lh_pg_check(cdc->ctx, lh_outbox_write(cdc->ctx, rel->outbox, ev, ev->topic, &cdc->writer.out));
}

static inline void
encode(LhCdc *cdc, LhChangeEvent *ev, LhCdcRel *rel)
{
	if (unlikely(rel != NULL && rel->outbox != NULL && ev->op != LH_CHANGE_QUARANTINE))
	{
		encode_outbox(cdc, ev, rel);
		return;
	}
	for (int i = 0; i < cdc->nformats; i++)
	{
		LhEncoder  *encoder = cdc->encoders[i];

		ev->plan = rel != NULL ? rel->plans[i] : NULL;
		cdc->writer.out.format = i;
		lh_pg_check(cdc->ctx, encoder->format->event(cdc->ctx, encoder, ev, &cdc->writer.out));
	}
}

static bool
is_kept_without_messages(const LhChangeEvent *ev)
{
	return ev->op == LH_CHANGE_BEGIN || ev->op == LH_CHANGE_COMMIT || ev->op == LH_CHANGE_SCHEMA ||
		ev->op == LH_CHANGE_QUARANTINE || LH_CHANGE_IS_UNFINISHED(ev->op);
}

/* A bare message was larger than PostgreSQL can pass on: say so in its place. */
static void
tell_too_large(LhCdc *cdc, LhChangeEvent *ev, LhCdcRel *rel)
{
	cdc->writer.too_large = false;
	/* who may emit messages is everybody: they stop no stream */
	if (ev->op == LH_CHANGE_MESSAGE)
	{
		const char *text = lh_sprintf(cdc->ctx, "a message with prefix \"%.200s\" has more than 1 GB, which only frames can carry",
									  ev->prefix);

		if (text == NULL)
			lh_pg_raise(cdc->ctx);
		ev->prefix = "lakehouse.quarantine";
		ev->content = lh_slice(text, strlen(text));
		encode(cdc, ev, rel);
		return;
	}
	if (rel == NULL || ev->op == LH_CHANGE_QUARANTINE)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("a message of this stream has more than 1 GB"),
				 errhint("Use option \"frames\", or a format that does not gather a whole transaction in one message.")));
	ev->op = LH_CHANGE_QUARANTINE;
	ev->new_cells = ev->old_cells = NULL;
	ev->reason = "the message has more than 1 GB, which only frames can carry";
	encode(cdc, ev, rel);
}

/* Schemas of messages that are of no relation come first of all, those of a relation before its rows. */
static void
describe(LhCdc *cdc, LhChangeEvent *ev, LhCdcRel *rel)
{
	bool		first = !cdc->writer.described;

	cdc->writer.described = true;
	for (int i = 0; i < cdc->nformats; i++)
	{
		LhEncoder  *encoder = cdc->encoders[i];

		if (encoder->format->describe == NULL)
			continue;
		cdc->writer.out.format = i;
		if (first)
			lh_pg_check(cdc->ctx, encoder->format->describe(cdc->ctx, encoder, NULL, NULL, &cdc->writer.out));
		if (ev->op == LH_CHANGE_SCHEMA && rel->outbox == NULL)
			lh_pg_check(cdc->ctx, encoder->format->describe(cdc->ctx, encoder, ev->rel, rel->plans[i], &cdc->writer.out));
	}
}

/* Streams that outlive errors note where an event begins. */
static inline void
begin_encoding(LhCdc *cdc)
{
	LhCdcWriter *w = &cdc->writer;

	if (likely(cdc->unfinished == NULL))
		return;
	w->before.len = w->out.buf.len;
	w->before.frame_at = w->out.frame_at;
	w->before.messages = w->out.nmessages;
	w->before.frames = w->out.nframes;
	w->before.ends = w->nends;
	w->encoding = true;
}

void
lh_cdc_emit(LhCdc *cdc, LhChangeEvent *ev, LhCdcRel *rel, size_t bytes)
{
	LhCdcWriter *w = &cdc->writer;

	ev->rel = rel != NULL ? &rel->change : NULL;
	ev->now = cdc->now;
	if (w->out.framed)
	{
		if (lh_batch_frames(&w->out) > 0 && bytes * GROWTH * cdc->nformats > FRAME_ALONE)
			lh_cdc_flush(cdc);
		begin_encoding(cdc);
		lh_pg_check(cdc->ctx, lh_frame_begin(cdc->ctx, &w->out, ev));
		/* the client routes by names, also where nobody wants schemas */
		if (ev->op == LH_CHANGE_SCHEMA)
			lh_pg_check(cdc->ctx, lh_frame_relation(cdc->ctx, &w->out, ev->rel));
		if (ev->op == LH_CHANGE_SCHEMA || !w->described)
			describe(cdc, ev, rel);
		if (unlikely(LH_CHANGE_IS_UNFINISHED(ev->op)))
			lh_pg_check(cdc->ctx, lh_frame_unfinished(cdc->ctx, &w->out, ev));
		else if (ev->op == LH_CHANGE_SIGNAL)
			lh_pg_check(cdc->ctx, lh_frame_signal(cdc->ctx, &w->out, ev->prefix, ev->content));
		else if (ev->op != LH_CHANGE_SCHEMA || cdc->options.schema_events)
			encode(cdc, ev, rel);
		lh_pg_check(cdc->ctx, lh_frame_end(cdc->ctx, &w->out, is_kept_without_messages(ev)));
		w->encoding = false;
		if (unlikely(lh_batch_frames(&w->out) > 0 && lh_batch_parts(&w->out) > 1))
			lh_cdc_flush(cdc);
	}
	else
	{
		begin_encoding(cdc);
		encode(cdc, ev, rel);
		if (unlikely(w->too_large))
			tell_too_large(cdc, ev, rel);
		w->encoding = false;
	}
	if (!w->batched || w->out.buf.len >= (size_t) cdc->options.batch_bytes)
		lh_cdc_flush(cdc);
}
