/*
 * out.c
 *		Messages of encoders: bare, or in frames.
 *
 * Bare output is the value alone, or key, tab and value (both are text without
 * tabs and newlines then).  In a frame each message has a head (frame.h) with
 * the lengths of both, written when they are known.
 */
#include "change/frame.h"
#include "change/text.h"

LhStatus
lh_out_message(LhCtx *ctx, LhChangeOut *out)
{
	static const uint8_t head[LH_FRAME_MESSAGE_HEAD];

	out->message_at = out->buf.len;
	if (!out->framed)
		return LH_OK;
	return lh_put(ctx, &out->buf, head, sizeof(head));
}

LhStatus
lh_out_value(LhCtx *ctx, LhChangeOut *out)
{
	if (!out->framed && out->want_key)
		LH_TRY(lh_put(ctx, &out->buf, "\t", 1));
	out->value_at = out->buf.len;
	return LH_OK;
}

/* Fill in the head of a framed message whose value began at value_at. */
static LhStatus
complete_head(LhCtx *ctx, LhChangeOut *out, uint8_t flags)
{
	uint8_t *head = out->buf.data + out->message_at;
	size_t key = out->value_at - out->message_at - LH_FRAME_MESSAGE_HEAD;
	size_t value = out->buf.len - out->value_at;
	uint32_t n;

	if (key > UINT32_MAX || value > UINT32_MAX)
		LH_FAIL(ctx, LH_LIMIT, "a message of %zu bytes cannot be framed: the limit is 4 GB",
				key + value);
	head[0] = (uint8_t) out->format;
	head[1] = (uint8_t) (flags | (key > 0 ? LH_MESSAGE_KEY : 0));
	n = (uint32_t) key;
	memcpy(head + 4, &n, 4);
	n = (uint32_t) value;
	memcpy(head + 8, &n, 4);
	out->nmessages++;
	return LH_OK;
}

LhStatus
lh_out_end(LhCtx *ctx, LhChangeOut *out)
{
	if (out->framed)
		return complete_head(ctx, out, 0);
	if (out->newline)
		LH_TRY(lh_put(ctx, &out->buf, "\n", 1));
	out->nmessages++;
	return out->done != NULL ? out->done(out, ctx, out->arg) : LH_OK;
}

LhStatus
lh_out_schema_head(LhCtx *ctx, LhChangeOut *out, LhSchemaKind kind, uint64_t fingerprint)
{
	uint8_t head[LH_SCHEMA_HEAD];

	if (kind == LH_SCHEMA_PROTOBUF && !out->framed)
		return LH_OK;
	lh_schema_head(kind, fingerprint, head);
	return lh_put(ctx, &out->buf, head, sizeof(head));
}

LhStatus
lh_out_schema(LhCtx *ctx, LhChangeOut *out, const LhSchema *schema)
{
	uint8_t key[LH_FRAME_SCHEMA_KEY] = {0};
	int format = out->format;

	if (out->schema != NULL)
		return out->schema(out, ctx, schema);
	if (!out->framed)
		return LH_OK;
	for (int i = 0; i < 8; i++)
		key[i] = (uint8_t) (schema->fingerprint >> (8 * i));
	key[8] = (uint8_t) schema->kind;
	out->format = LH_MESSAGE_SCHEMA;
	LH_TRY(lh_out_message(ctx, out));
	LH_TRY(lh_put(ctx, &out->buf, key, sizeof(key)));
	LH_TRY(lh_out_value(ctx, out));
	LH_TRY(lh_put(ctx, &out->buf, schema->text.data, schema->text.len));
	LH_TRY(lh_out_end(ctx, out));
	out->format = format;
	return LH_OK;
}

LhStatus
lh_out_tombstone(LhCtx *ctx, LhChangeOut *out)
{
	if (!out->framed)
	{
		out->buf.len = out->message_at;
		return LH_OK;
	}
	out->value_at = out->buf.len;
	return complete_head(ctx, out, LH_MESSAGE_TOMBSTONE);
}
