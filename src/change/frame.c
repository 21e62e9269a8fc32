/*
 * frame.c
 *		Batches of frames: written by the plugin, read by the client.
 *
 * The writer lets encoders append their messages right behind the frame's head
 * (out.c) and fills in lengths and counts afterwards, so that nothing is copied
 * but what zstd reads, or the parts of a frame that is too large.
 *
 * The reader's input came over a network, or out of a file: each length is held
 * against what is there before anything is pointed at, and nothing is allocated
 * by a length that the batch claims beyond what the caller allows.
 */
#include "change/frame.h"

#include "change/text.h"
#include "codec/codec.h"

#define ZSTD_LEVEL \
	1 /* keys of JSON vanish at any level; the walsender's CPU is dearer than bytes */

/* Offsets in a frame's head. */
#define AT_KIND        4
#define AT_FLAGS       5
#define AT_NMESSAGES   6
#define AT_COMMIT_END  8
#define AT_ORDINAL     16
#define AT_LSN         24
#define AT_XID         32
#define AT_RELID       36
#define AT_GENERATION  40
#define AT_PART        44
#define AT_NPARTS      48
#define AT_COMMIT_TIME 52

#define FRAME_FLAGS \
	(LH_FRAME_TRANSACTIONAL | LH_FRAME_KEY_CHANGED | LH_FRAME_SNAPSHOT | LH_FRAME_INCOMPLETE | \
	 LH_FRAME_UNFINISHED | LH_FRAME_FIRST)
#define MESSAGE_FLAGS (LH_MESSAGE_KEY | LH_MESSAGE_TOMBSTONE | LH_MESSAGE_ASIDE)

/* Offsets in a batch's head. */
#define AT_BATCH_FLAGS 4
#define AT_BATCH_PLAIN 8

size_t lh_frame_max_body = LH_FRAME_MAX_BODY;

static inline void
store_u16(uint8_t *p, uint16_t v)
{
	memcpy(p, &v, 2);
}

static inline void
store_u32(uint8_t *p, uint32_t v)
{
	memcpy(p, &v, 4);
}

static inline void
store_u64(uint8_t *p, uint64_t v)
{
	memcpy(p, &v, 8);
}

/* ---- writing ---- */

static void
store_batch_head(uint8_t *p, uint8_t flags, uint32_t plain)
{
	memset(p, 0, LH_FRAME_BATCH_HEAD);
	memcpy(p, LH_FRAME_MAGIC, 4);
	p[AT_BATCH_FLAGS] = flags;
	store_u32(p + AT_BATCH_PLAIN, plain);
}

LhStatus
lh_batch_begin(LhCtx *ctx, LhChangeOut *out)
{
	char *p;

	out->buf.len = 0;
	out->nframes = 0;
	out->frame_at = 0;
	LH_TRY(lh_put_room(ctx, &out->buf, LH_FRAME_BATCH_HEAD, &p));
	store_batch_head((uint8_t *) p, 0, 0);
	out->buf.len = LH_FRAME_BATCH_HEAD;
	return LH_OK;
}

LhStatus
lh_frame_begin(LhCtx *ctx, LhChangeOut *out, const LhChangeEvent *ev)
{
	uint8_t flags = 0, *head;
	char *p;

	if (ev->op == LH_CHANGE_READ)
		flags |= LH_FRAME_SNAPSHOT;
	if (ev->op == LH_CHANGE_MESSAGE && ev->transactional)
		flags |= LH_FRAME_TRANSACTIONAL;
	if (ev->key_changed)
		flags |= LH_FRAME_KEY_CHANGED;
	if (ev->incomplete)
		flags |= LH_FRAME_INCOMPLETE;
	if (ev->sub != 0)
		flags |= LH_FRAME_UNFINISHED;
	if (ev->first)
		flags |= LH_FRAME_FIRST;

	LH_TRY(lh_put_room(ctx, &out->buf, LH_FRAME_HEAD, &p));
	head = (uint8_t *) p;
	out->frame_at = out->buf.len;
	out->frame_messages = out->nmessages;
	out->buf.len += LH_FRAME_HEAD;
	memset(head, 0, LH_FRAME_HEAD);
	head[AT_KIND] = (uint8_t) ev->op;
	head[AT_FLAGS] = flags;
	store_u64(head + AT_COMMIT_END, ev->pos.commit_end);
	store_u64(head + AT_ORDINAL, ev->pos.ordinal);
	store_u64(head + AT_LSN, ev->lsn);
	store_u32(head + AT_XID, ev->pos.xid);
	store_u32(head + AT_RELID, ev->rel != NULL ? ev->rel->relid : 0);
	store_u32(head + AT_GENERATION, ev->rel != NULL ? ev->rel->generation : 0);
	store_u32(head + AT_NPARTS, 1);
	if (ev->sub != 0)
		store_u64(head + AT_COMMIT_TIME, ev->sub);
	else
		store_u64(head + AT_COMMIT_TIME, ev->txn != NULL ? (uint64_t) ev->txn->commit_time : 0);
	return LH_OK;
}

static size_t
body_length(const LhChangeOut *out)
{
	return out->buf.len - out->frame_at - LH_FRAME_HEAD;
}

LhStatus
lh_frame_relation(LhCtx *ctx, LhChangeOut *out, const LhChangeRel *rel)
{
	out->format = LH_MESSAGE_RELATION;
	LH_TRY(lh_out_message(ctx, out));
	LH_TRY(lh_put(ctx, &out->buf, rel->schema, strlen(rel->schema)));
	LH_TRY(lh_out_value(ctx, out));
	LH_TRY(lh_put(ctx, &out->buf, rel->name, strlen(rel->name)));
	return lh_out_end(ctx, out);
}

LhStatus
lh_frame_route(LhCtx *ctx, LhChangeOut *out, const char *topic, LhSlice headers)
{
	out->format = LH_MESSAGE_ROUTE;
	LH_TRY(lh_out_message(ctx, out));
	LH_TRY(lh_put(ctx, &out->buf, topic, strlen(topic)));
	LH_TRY(lh_out_value(ctx, out));
	LH_TRY(lh_put(ctx, &out->buf, headers.data, headers.len));
	return lh_out_end(ctx, out);
}

LhStatus
lh_frame_signal(LhCtx *ctx, LhChangeOut *out, const char *prefix, LhSlice content)
{
	out->format = LH_MESSAGE_SIGNAL;
	LH_TRY(lh_out_message(ctx, out));
	LH_TRY(lh_put(ctx, &out->buf, prefix, strlen(prefix)));
	LH_TRY(lh_out_value(ctx, out));
	LH_TRY(lh_put(ctx, &out->buf, content.data, content.len));
	return lh_out_end(ctx, out);
}

LhStatus
lh_frame_unfinished(LhCtx *ctx, LhChangeOut *out, const LhChangeEvent *ev)
{
	char *p;

	if (ev->gid == NULL && ev->nback == 0)
		return LH_OK;
	out->format = LH_MESSAGE_UNFINISHED;
	LH_TRY(lh_out_message(ctx, out));
	if (ev->gid != NULL)
		LH_TRY(lh_put(ctx, &out->buf, ev->gid, strlen(ev->gid)));
	LH_TRY(lh_out_value(ctx, out));
	for (size_t i = 0; i < ev->nback; i++)
	{
		LH_TRY(lh_put_room(ctx, &out->buf, 16, &p));
		store_u64((uint8_t *) p, ev->back[i].from);
		store_u64((uint8_t *) p + 8, ev->back[i].to);
		lh_put_end(&out->buf, p + 16);
	}
	return lh_out_end(ctx, out);
}

LhStatus
lh_frame_end(LhCtx *ctx, LhChangeOut *out, bool keep)
{
	int n = out->nmessages - out->frame_messages;
	uint8_t *head = out->buf.data + out->frame_at;

	if (n == 0 && !keep)
	{
		out->buf.len = out->frame_at;
		return LH_OK;
	}
	if (n > UINT16_MAX)
		LH_FAIL(ctx, LH_LIMIT, "%d messages of one event cannot be framed: the limit is %d", n,
				UINT16_MAX);
	store_u16(head + AT_NMESSAGES, (uint16_t) n);
	/* the length of a frame that goes out in parts is written in each */
	if (body_length(out) <= lh_frame_max_body)
		store_u32(head, (uint32_t) (body_length(out) + LH_FRAME_HEAD - 4));
	out->nframes++;
	return LH_OK;
}

void
lh_frame_drop(LhChangeOut *out)
{
	out->buf.len = out->frame_at;
	out->nmessages = out->frame_messages;
	out->nframes--;
}

int
lh_batch_frames(const LhChangeOut *out)
{
	return out->nframes;
}

uint32_t
lh_batch_parts(const LhChangeOut *out)
{
	size_t n;

	if (out->nframes == 0 || out->buf.len < out->frame_at + LH_FRAME_HEAD)
		return 1;
	n = body_length(out);
	return n <= lh_frame_max_body ? 1
								  : (uint32_t) ((n + lh_frame_max_body - 1) / lh_frame_max_body);
}

/* The batch whose head and frames are "plain", with zstd if that makes it smaller. */
static LhStatus
pack(LhCtx *ctx, LhChangeOut *out, LhSlice plain, bool zstd, LhBuf *packed, LhSlice *bytes)
{
	const uint8_t *frames = plain.data + LH_FRAME_BATCH_HEAD;
	size_t n = plain.len - LH_FRAME_BATCH_HEAD;
	char *p;

	*bytes = plain;
	if (!zstd || n == 0)
		return LH_OK;
	if (out->codecs == NULL)
	{
		LhArena *old = lh_use(ctx, out->buf.arena);
		LhStatus status = lh_codecs_create(ctx, &out->codecs);

		lh_use(ctx, old);
		LH_TRY(status);
	}
	packed->len = 0;
	LH_TRY(lh_put_room(ctx, packed, LH_FRAME_BATCH_HEAD, &p));
	store_batch_head((uint8_t *) p, LH_FRAME_ZSTD, (uint32_t) n);
	packed->len = LH_FRAME_BATCH_HEAD;
	LH_TRY(lh_compress(ctx, out->codecs, LH_CODEC_ZSTD, ZSTD_LEVEL, frames, n, packed));
	if (packed->len < plain.len)
		*bytes = lh_slice(packed->data, packed->len);
	return LH_OK;
}

LhStatus
lh_batch_end(LhCtx *ctx, LhChangeOut *out, bool zstd, LhBuf *packed, LhSlice *bytes)
{
	size_t len = lh_batch_parts(out) > 1 ? out->frame_at : out->buf.len;

	if (len - LH_FRAME_BATCH_HEAD > UINT32_MAX)
		LH_FAIL(ctx, LH_LIMIT, "a batch of %zu bytes cannot be framed: the limit is 4 GB", len);
	store_batch_head(out->buf.data, 0, (uint32_t) (len - LH_FRAME_BATCH_HEAD));
	return pack(ctx, out, lh_slice(out->buf.data, len), zstd, packed, bytes);
}

LhStatus
lh_batch_whole(LhCtx *ctx, LhChangeOut *out, LhSlice *bytes)
{
	size_t n = out->buf.len - LH_FRAME_BATCH_HEAD;

	if (n > UINT32_MAX)
		LH_FAIL(ctx, LH_LIMIT, "a batch of %zu bytes cannot be framed: the limit is 4 GB", n);
	if (out->nframes > 0 && out->buf.len >= out->frame_at + LH_FRAME_HEAD)
		store_u32(out->buf.data + out->frame_at, (uint32_t) (body_length(out) + LH_FRAME_HEAD - 4));
	store_batch_head(out->buf.data, 0, (uint32_t) n);
	*bytes = lh_slice(out->buf.data, out->buf.len);
	return LH_OK;
}

LhStatus
lh_batch_part(LhCtx *ctx, LhChangeOut *out, uint32_t i, bool zstd, LhBuf *packed, LhSlice *bytes)
{
	size_t body = body_length(out), from = (size_t) i * lh_frame_max_body;
	uint32_t nparts = lh_batch_parts(out);
	size_t n;
	LhBuf *part, plain;
	uint8_t *head;
	char *p;

	if (i >= nparts)
		LH_FAIL(ctx, LH_BUG, "part %u of a frame of %u parts", i, nparts);
	n = body - from < lh_frame_max_body ? body - from : lh_frame_max_body;
	LH_TRY(lh_buf_init(ctx, &plain, false));
	part = zstd ? &plain : packed;
	part->len = 0;
	LH_TRY(lh_put_room(ctx, part, LH_FRAME_BATCH_HEAD + LH_FRAME_HEAD + n, &p));
	store_batch_head((uint8_t *) p, 0, (uint32_t) (LH_FRAME_HEAD + n));
	head = (uint8_t *) p + LH_FRAME_BATCH_HEAD;
	memcpy(head, out->buf.data + out->frame_at, LH_FRAME_HEAD);
	store_u32(head, (uint32_t) (LH_FRAME_HEAD - 4 + n));
	store_u32(head + AT_PART, i);
	store_u32(head + AT_NPARTS, nparts);
	memcpy(head + LH_FRAME_HEAD, out->buf.data + out->frame_at + LH_FRAME_HEAD + from, n);
	part->len = LH_FRAME_BATCH_HEAD + LH_FRAME_HEAD + n;
	LH_TRY(pack(ctx, out, lh_slice(part->data, part->len), zstd, packed, bytes));
	if (bytes->data == plain.data)
	{
		/* zstd did not help: the bytes must outlive "plain" */
		packed->len = 0;
		LH_TRY(lh_put(ctx, packed, plain.data, plain.len));
		*bytes = lh_slice(packed->data, packed->len);
	}
	lh_buf_free(&plain);
	return LH_OK;
}

/* ---- reading ---- */

static LhStatus
decompress(LhCtx *ctx, LhSlice packed, size_t n, LhFrameReader *reader)
{
	if (reader->plain.arena == NULL)
		LH_TRY(lh_buf_init(ctx, &reader->plain, false));
	if (reader->codecs == NULL)
	{
		LhArena *old = lh_use(ctx, reader->plain.arena);
		LhStatus status = lh_codecs_create(ctx, &reader->codecs);

		lh_use(ctx, old);
		LH_TRY(status);
	}
	LH_TRY(lh_buf_fit(ctx, &reader->plain, n));
	LH_TRY(lh_decompress(ctx, reader->codecs, LH_CODEC_ZSTD, packed.data, packed.len,
						 reader->plain.data, n));
	reader->plain.len = n;
	reader->rest = lh_slice(reader->plain.data, n);
	return LH_OK;
}

LhStatus
lh_batch_open(LhCtx *ctx, LhSlice bytes, size_t max, LhFrameReader *reader)
{
	LhSlice rest;
	uint8_t flags;
	uint32_t plain;

	reader->rest = lh_slice(NULL, 0);
	reader->at = 0;
	if (bytes.len < LH_FRAME_BATCH_HEAD || memcmp(bytes.data, LH_FRAME_MAGIC, 4) != 0)
	{
		lh_fail(ctx, LH_CORRUPT, "what was received is no batch of change frames (%zu bytes)",
				bytes.len);
		lh_hint(ctx,
				"A batch begins with \"%s\": was the stream started with the option \"frames\"?",
				LH_FRAME_MAGIC);
		return LH_CORRUPT;
	}
	flags = bytes.data[AT_BATCH_FLAGS];
	plain = lh_load_u32(bytes.data + AT_BATCH_PLAIN);
	if ((flags & ~LH_FRAME_ZSTD) != 0 || bytes.data[5] != 0 || bytes.data[6] != 0 ||
		bytes.data[7] != 0)
		LH_FAIL(ctx, LH_CORRUPT, "head of a batch of change frames: unknown flags %02x%02x%02x%02x",
				flags, bytes.data[5], bytes.data[6], bytes.data[7]);
	rest = lh_slice(bytes.data + LH_FRAME_BATCH_HEAD, bytes.len - LH_FRAME_BATCH_HEAD);
	if (plain > max)
	{
		lh_fail(ctx, LH_LIMIT, "a batch of change frames has %u bytes, at most %zu are allowed",
				plain, max);
		return LH_LIMIT;
	}
	if ((flags & LH_FRAME_ZSTD) != 0)
	{
		LH_TRY(decompress(ctx, rest, plain, reader));
		return LH_OK;
	}
	if (rest.len != plain)
		LH_FAIL(ctx, LH_CORRUPT,
				"a batch of change frames says that it has %u bytes, but %zu are there", plain,
				rest.len);
	reader->rest = rest;
	return LH_OK;
}

static void
load_head(const uint8_t *p, LhFrame *frame)
{
	frame->kind = p[AT_KIND];
	frame->flags = p[AT_FLAGS];
	frame->nmessages = lh_load_u16(p + AT_NMESSAGES);
	frame->pos.commit_end = lh_load_u64(p + AT_COMMIT_END);
	frame->pos.ordinal = lh_load_u64(p + AT_ORDINAL);
	frame->pos.xid = lh_load_u32(p + AT_XID);
	frame->lsn = lh_load_u64(p + AT_LSN);
	frame->relid = lh_load_u32(p + AT_RELID);
	frame->generation = lh_load_u32(p + AT_GENERATION);
	frame->part = lh_load_u32(p + AT_PART);
	frame->nparts = lh_load_u32(p + AT_NPARTS);
	frame->commit_time = lh_load_i64(p + AT_COMMIT_TIME);
}

static LhStatus
check_head(LhCtx *ctx, const LhFrame *frame, size_t at)
{
	if (frame->kind >= LH_N_CHANGE_OPS)
		LH_FAIL(ctx, LH_CORRUPT, "change frame at byte %zu: unknown kind %d", at, frame->kind);
	if ((frame->flags & ~FRAME_FLAGS) != 0)
		LH_FAIL(ctx, LH_CORRUPT, "change frame at byte %zu: unknown flags %02x", at, frame->flags);
	if (frame->part >= frame->nparts)
		LH_FAIL(ctx, LH_CORRUPT, "change frame at byte %zu: part %u of %u", at, frame->part,
				frame->nparts);
	/* the parts of a frame are joined before its messages are counted */
	if (frame->nparts == 1 && (size_t) frame->nmessages * LH_FRAME_MESSAGE_HEAD > frame->body.len)
		LH_FAIL(ctx, LH_CORRUPT, "change frame at byte %zu: %d messages in %zu bytes", at,
				frame->nmessages, frame->body.len);
	return LH_OK;
}

LhStatus
lh_batch_next(LhCtx *ctx, LhFrameReader *reader, LhFrame *frame, bool *end)
{
	LhSlice rest = reader->rest;
	uint32_t n;

	*end = rest.len == 0;
	if (*end)
		return LH_OK;
	if (rest.len < LH_FRAME_HEAD)
		LH_FAIL(ctx, LH_CORRUPT,
				"change frame at byte %zu: its head has %d bytes, but %zu are left", reader->at,
				LH_FRAME_HEAD, rest.len);
	n = lh_load_u32(rest.data);
	if (n < LH_FRAME_HEAD - 4 || n > rest.len - 4)
		LH_FAIL(ctx, LH_CORRUPT, "change frame at byte %zu: a length of %u bytes, but %zu are left",
				reader->at, n, rest.len - 4);
	load_head(rest.data, frame);
	frame->body = lh_slice(rest.data + LH_FRAME_HEAD, n - (LH_FRAME_HEAD - 4));
	LH_TRY(check_head(ctx, frame, reader->at));
	reader->rest = lh_slice(rest.data + 4 + n, rest.len - 4 - n);
	reader->at += 4 + (size_t) n;
	return LH_OK;
}

LhStatus
lh_frame_message(LhCtx *ctx, LhSlice body, size_t *at, LhFrameMessage *message)
{
	size_t left = *at <= body.len ? body.len - *at : 0;
	const uint8_t *p;
	uint32_t key, value;

	if (left < LH_FRAME_MESSAGE_HEAD)
		LH_FAIL(ctx, LH_CORRUPT,
				"message at byte %zu of a change frame: its head has %d bytes, but the frame ends",
				*at, LH_FRAME_MESSAGE_HEAD);
	p = body.data + *at;
	key = lh_load_u32(p + 4);
	value = lh_load_u32(p + 8);
	if ((p[1] & ~MESSAGE_FLAGS) != 0 || p[2] != 0 || p[3] != 0)
		LH_FAIL(ctx, LH_CORRUPT,
				"message at byte %zu of a change frame: unknown flags %02x%02x%02x", *at, p[1],
				p[2], p[3]);
	left -= LH_FRAME_MESSAGE_HEAD;
	if (key > left || value > left - key)
		LH_FAIL(ctx, LH_CORRUPT,
				"message at byte %zu of a change frame: %u and %u bytes, but %zu are left", *at,
				key, value, left);
	message->format = p[0];
	message->has_key = (p[1] & LH_MESSAGE_KEY) != 0;
	message->tombstone = (p[1] & LH_MESSAGE_TOMBSTONE) != 0;
	message->aside = (p[1] & LH_MESSAGE_ASIDE) != 0;
	if ((key > 0 && !message->has_key) || (value > 0 && message->tombstone))
		LH_FAIL(ctx, LH_CORRUPT,
				"message at byte %zu of a change frame: its flags %02x contradict its lengths", *at,
				p[1]);
	message->key = lh_slice(p + LH_FRAME_MESSAGE_HEAD, key);
	message->value = lh_slice(p + LH_FRAME_MESSAGE_HEAD + key, value);
	*at += LH_FRAME_MESSAGE_HEAD + (size_t) key + value;
	return LH_OK;
}

LhStatus
lh_frame_schema(LhCtx *ctx, const LhFrameMessage *message, LhSchema *schema)
{
	const uint8_t *key = message->key.data;

	if (message->key.len != LH_FRAME_SCHEMA_KEY || message->tombstone || key[9] != 0 ||
		key[10] != 0 || key[11] != 0 || (key[8] != LH_SCHEMA_AVRO && key[8] != LH_SCHEMA_PROTOBUF))
		LH_FAIL(ctx, LH_CORRUPT, "a change frame tells of a schema whose key of %zu bytes is none",
				message->key.len);
	schema->kind = (LhSchemaKind) key[8];
	schema->fingerprint = lh_load_u64(key);
	schema->text = message->value;
	return LH_OK;
}
