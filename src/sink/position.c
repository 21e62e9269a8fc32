/*
 * position.c
 *		Positions as JSON, the same in every sink that stores them.
 *
 *		{"lsn":"16/B374D848","ordinal":12,"xid":731}
 *
 * An ordinal beyond 2^63-1, which JSON readers lose, is written as a string.
 */
#include "sink/internal.h"

#include <string.h>
#include <time.h>

LhStatus
lh_sink_position_write(LhCtx *ctx, LhBuf *out, const LhChangePos *pos)
{
	const char *quote = pos->ordinal > INT64_MAX ? "\"" : "";
	char lsn[LH_LSN_TEXT];

	return lh_buf_printf(ctx, out, "{\"lsn\":\"%s\",\"ordinal\":%s%llu%s,\"xid\":%u}",
						 lh_sink_lsn_text(pos->commit_end, lsn), quote,
						 (unsigned long long) pos->ordinal, quote, pos->xid);
}

static bool
read_ordinal(const json_t *json, uint64_t *out)
{
	const char *text = json_string_value(json);

	*out = 0;
	if (json_is_integer(json) && json_integer_value(json) >= 0)
	{
		*out = (uint64_t) json_integer_value(json);
		return true;
	}
	if (text == NULL || text[0] == '\0')
		return false;
	for (; *text != '\0'; text++)
		if (*text < '0' || *text > '9' || __builtin_mul_overflow(*out, 10, out) ||
			__builtin_add_overflow(*out, (uint64_t) (*text - '0'), out))
			return false;
	return true;
}

bool
lh_sink_position_read(const json_t *json, LhChangePos *pos)
{
	const char *lsn = json_string_value(json_object_get(json, "lsn"));
	json_int_t xid = json_integer_value(json_object_get(json, "xid"));

	if (lsn == NULL || !lh_sink_lsn_parse(lsn, &pos->commit_end) ||
		!read_ordinal(json_object_get(json, "ordinal"), &pos->ordinal) || xid < 0 ||
		xid > UINT32_MAX)
		return false;
	pos->xid = (uint32_t) xid;
	return true;
}

int64_t
lh_sink_now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t) t.tv_sec * 1000 + t.tv_nsec / 1000000;
}
