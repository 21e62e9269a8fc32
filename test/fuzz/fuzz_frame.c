/*
 * fuzz_frame.c
 *		Batches of change frames, as the client gets them from a server.
 *
 * What is found lies inside the batch, frame after frame without a gap, and no
 * batch takes more memory than the reader was allowed.  Then each frame's body
 * is written by the writer again and must read the same.
 */
#include <stdlib.h>
#include <string.h>

#include "change/frame.h"
#include "change/text.h"

#define CHECK(condition)  \
	do                    \
	{                     \
		if (!(condition)) \
			abort();      \
	} while (0)

#define MAX_PLAIN ((size_t) 1 << 20)

static bool
same(LhSlice a, LhSlice b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

static void
write_again(LhCtx *ctx, const LhFrame *frame, const LhFrameMessage *m)
{
	LhChangeEvent ev = {.op = (LhChangeOp) frame->kind, .pos = frame->pos, .lsn = frame->lsn};
	LhChangeOut out = {.framed = true, .want_key = true, .format = m->format};
	LhFrameReader reader = {0};
	LhFrameMessage again;
	LhSlice bytes;
	LhFrame f;
	LhBuf packed;
	size_t at = 0;
	bool end;

	CHECK(lh_buf_init(ctx, &out.buf, false) == LH_OK && lh_buf_init(ctx, &packed, false) == LH_OK);
	CHECK(lh_batch_begin(ctx, &out) == LH_OK && lh_frame_begin(ctx, &out, &ev) == LH_OK);
	CHECK(lh_out_message(ctx, &out) == LH_OK &&
		  lh_put(ctx, &out.buf, m->key.data, m->key.len) == LH_OK);
	if (m->tombstone)
		CHECK(lh_out_tombstone(ctx, &out) == LH_OK);
	else
		CHECK(lh_out_value(ctx, &out) == LH_OK &&
			  lh_put(ctx, &out.buf, m->value.data, m->value.len) == LH_OK &&
			  lh_out_end(ctx, &out) == LH_OK);
	CHECK(lh_frame_end(ctx, &out, false) == LH_OK);
	CHECK(lh_batch_end(ctx, &out, m->value.len % 2 == 0, &packed, &bytes) == LH_OK);
	CHECK(lh_batch_open(ctx, bytes, 2 * MAX_PLAIN, &reader) == LH_OK);
	CHECK(lh_batch_next(ctx, &reader, &f, &end) == LH_OK && !end && f.nmessages == 1 &&
		  f.kind == frame->kind);
	CHECK(f.pos.commit_end == frame->pos.commit_end && f.pos.ordinal == frame->pos.ordinal &&
		  f.lsn == frame->lsn);
	CHECK(lh_frame_message(ctx, f.body, &at, &again) == LH_OK && at == f.body.len);
	CHECK(same(again.key, m->key) && same(again.value, m->value) &&
		  again.tombstone == m->tombstone);
	CHECK(lh_batch_next(ctx, &reader, &f, &end) == LH_OK && end);
}

static void
read_messages(LhCtx *ctx, const LhFrame *frame)
{
	size_t at = 0;

	for (int i = 0; i < frame->nmessages; i++)
	{
		LhFrameMessage m;
		size_t before = at;

		if (lh_frame_message(ctx, frame->body, &at, &m) != LH_OK)
		{
			CHECK(ctx->error->code == LH_CORRUPT && ctx->error->message[0] != '\0');
			lh_error_clear(ctx);
			return;
		}
		CHECK(at == before + LH_FRAME_MESSAGE_HEAD + m.key.len + m.value.len &&
			  at <= frame->body.len);
		CHECK(m.has_key || m.key.len == 0);
		CHECK(m.value.data + m.value.len == frame->body.data + at);
		if (i < 4)
			write_again(ctx, frame, &m);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	LhFrameReader reader = {0};
	const uint8_t *next;
	LhStatus status;
	LhFrame frame;
	LhCtx *ctx;
	bool end = false;

	if (size > 65536)
		return 0;
	ctx = lh_ctx_create();
	CHECK(ctx != NULL);
	status = lh_batch_open(ctx, lh_slice(data, size), MAX_PLAIN, &reader);
	CHECK(reader.plain.cap <= 2 * MAX_PLAIN);
	next = reader.rest.data;
	while (status == LH_OK && !end)
	{
		status = lh_batch_next(ctx, &reader, &frame, &end);
		if (status != LH_OK || end)
			break;
		CHECK(frame.body.data == next + LH_FRAME_HEAD && frame.part < frame.nparts &&
			  frame.kind < LH_N_CHANGE_OPS);
		next = frame.body.data + frame.body.len;
		CHECK(next == reader.rest.data);
		read_messages(ctx, &frame);
	}
	CHECK(status == LH_OK ||
		  ((status == LH_CORRUPT || status == LH_LIMIT) && ctx->error->message[0] != '\0'));
	lh_ctx_destroy(ctx);
	return 0;
}
