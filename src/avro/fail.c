/*
 * fail.c
 *		What went wrong in a row: noted in a few words, put into a sentence later.
 */
#include <string.h>

#include "avro/program.h"

const uint8_t *
lh_avro_fail(LhAvroRun *r, int node, const uint8_t *at, LhAvroFail what, int64_t value)
{
	/* what lies behind the block says nothing */
	if (what == LH_AVRO_FAIL_VARINT && r->end - at < LH_AVRO_MAX_VARINT)
		what = LH_AVRO_FAIL_CUT_OFF;
	r->fail = what;
	r->fail_node = node;
	r->fail_at = at;
	r->fail_value = value;
	return NULL;
}

static LhStatus
fail_text(LhAvroRun *r)
{
	long long value = (long long) r->fail_value;

	switch ((LhAvroFail) r->fail)
	{
		case LH_AVRO_FAIL_STATUS: return r->status;
		case LH_AVRO_FAIL_VARINT: LH_FAIL(r->ctx, LH_CORRUPT, "a number is longer than ten bytes");
		case LH_AVRO_FAIL_LENGTH:
			LH_FAIL(r->ctx, LH_CORRUPT, "a length of %lld bytes leaves the block", value);
		case LH_AVRO_FAIL_BRANCH:
			LH_FAIL(r->ctx, LH_CORRUPT, "the union has no branch %lld", value);
		case LH_AVRO_FAIL_COUNT:
			LH_FAIL(r->ctx, LH_CORRUPT, "%lld items do not fit the block", value);
		case LH_AVRO_FAIL_SIZE:
			LH_FAIL(r->ctx, LH_CORRUPT, "its items do not end where their size says");
		case LH_AVRO_FAIL_EMPTY:
			LH_FAIL(r->ctx, LH_LIMIT, "%lld items of no bytes, the limit of a batch is %lld", value,
					(long long) LH_AVRO_MAX_EMPTY);
		case LH_AVRO_FAIL_ITEMS:
			LH_FAIL(r->ctx, LH_LIMIT, "%lld items are too many for one batch", value);
		case LH_AVRO_FAIL_BOOL:
			LH_FAIL(r->ctx, LH_CORRUPT, "a boolean is %lld, expected 0 or 1", value);
		case LH_AVRO_FAIL_INT: LH_FAIL(r->ctx, LH_CORRUPT, "%lld is no int of 32 bits", value);
		case LH_AVRO_FAIL_ENUM: LH_FAIL(r->ctx, LH_CORRUPT, "the enum has no symbol %lld", value);
		case LH_AVRO_FAIL_UUID:
			LH_FAIL(r->ctx, LH_CORRUPT, "a text of %lld bytes is no UUID", value);
		case LH_AVRO_FAIL_DECIMAL:
			LH_FAIL(r->ctx, LH_CORRUPT, "a decimal of %lld bytes has more digits than its type",
					value);
		default: LH_FAIL(r->ctx, LH_CORRUPT, "the value is cut off by the end of the block");
	}
}

LhStatus
lh_avro_report(LhAvroRun *r)
{
	LhStatus status = fail_text(r);
	const LhAvroNode *nodes = r->file->meta.nodes;
	char path[256];
	size_t at = sizeof(path) - 1;

	if (status == LH_CANCELLED || r->fail_node < 0)
		return status;
	/* from the end, as far as it fits */
	path[at] = '\0';
	for (int i = r->fail_node; i >= 0 && nodes[i].parent >= 0; i = nodes[i].parent)
	{
		size_t len = strlen(nodes[i].name);

		if (len + 1 > at)
			break;
		if (path[at] != '\0')
			path[--at] = '.';
		at -= len;
		memcpy(path + at, nodes[i].name, len);
	}
	lh_error_prefix(r->ctx, "field \"%s\", byte %lld of %lld", path + at,
					(long long) (r->fail_at - r->begin), (long long) (r->end - r->begin));
	return status;
}
