/*
 * json.h
 *		Internal: a pull parser for JSON that others wrote.
 *
 * Text of any size is read where it lies.  The caller walks down into what it
 * knows and steps over the rest; nothing is recursive, numbers stay integers of
 * 64 bits, and every error says in which field of which file it is.
 */
#ifndef LH_ICEBERG_JSON_H
#define LH_ICEBERG_JSON_H

#include "core/core.h"

/* Levels that can be entered, and levels of what is stepped over. */
#define LH_ICE_JSON_DEPTH 384
#define LH_ICE_JSON_SKIP_DEPTH 4096

typedef enum LhIceJsonKind
{
	LH_ICE_JSON_OBJECT, LH_ICE_JSON_ARRAY, LH_ICE_JSON_STRING, LH_ICE_JSON_NUMBER,
	LH_ICE_JSON_BOOL, LH_ICE_JSON_NULL,
	LH_ICE_JSON_NONE			/* no value stands here */
} LhIceJsonKind;

typedef struct LhIceJsonLevel
{
	const uint8_t *key;			/* of the member that is read, as written */
	uint32_t	key_len;
	bool		array;
	uint64_t	items;			/* begun so far */
} LhIceJsonLevel;

/* Lives where the caller likes; what and the text are borrowed. */
typedef struct LhIceJson
{
	const char *what;			/* for messages: "metadata file "/x/v1.metadata.json"" */
	const uint8_t *begin, *p, *end;
	int			depth;
	LhIceJsonLevel levels[LH_ICE_JSON_DEPTH];
} LhIceJson;

/* Begin before the only value of the text.  LH_BAD_TEXT when it is not UTF-8. */
extern LhStatus lh_ice_json_open(LhCtx *ctx, LhIceJson *j, const char *what, LhSlice text);
/* Behind it nothing but space may stand. */
extern LhStatus lh_ice_json_close(LhCtx *ctx, LhIceJson *j);

/* What stands here, by its first character. */
extern LhIceJsonKind lh_ice_json_kind(LhIceJson *j);

/* Enter an object; then member until *more is false, and one value after each true. */
extern LhStatus lh_ice_json_object(LhCtx *ctx, LhIceJson *j);
extern LhStatus lh_ice_json_member(LhCtx *ctx, LhIceJson *j, LhSlice *key, bool *more);
/* The same with arrays. */
extern LhStatus lh_ice_json_array(LhCtx *ctx, LhIceJson *j);
extern LhStatus lh_ice_json_item(LhCtx *ctx, LhIceJson *j, bool *more);
/* Items of the array that stands here, which is not entered. */
extern LhStatus lh_ice_json_count(LhCtx *ctx, LhIceJson *j, size_t *n);

/*
 * Members by name: *which is the place in names (NULL-terminated, 64 at most) of the
 * next one that is among them.  Others are stepped over, and so is null, which
 * is as good as no member.  One that comes twice is LH_CORRUPT.  *seen, 0 at first, gets a bit for each.
 */
extern LhStatus lh_ice_json_field(LhCtx *ctx, LhIceJson *j, const char *const *names,
								  uint64_t *seen, int *which, bool *more);
/* LH_CORRUPT when one of needed was not seen; the object was left. */
extern LhStatus lh_ice_json_need(LhCtx *ctx, LhIceJson *j, const char *const *names, uint64_t seen,
								 uint64_t needed);

/* Values.  A string without escapes is borrowed; text is a copy with a NUL behind it. */
extern LhStatus lh_ice_json_slice(LhCtx *ctx, LhIceJson *j, LhSlice *out);
extern LhStatus lh_ice_json_text(LhCtx *ctx, LhIceJson *j, const char **out);
extern LhStatus lh_ice_json_i64(LhCtx *ctx, LhIceJson *j, int64_t *out);
extern LhStatus lh_ice_json_i32(LhCtx *ctx, LhIceJson *j, int *out);
/* An id of 64 bits: some writers give them unsigned. */
extern LhStatus lh_ice_json_id(LhCtx *ctx, LhIceJson *j, int64_t *out);
extern LhStatus lh_ice_json_bool(LhCtx *ctx, LhIceJson *j, bool *out);
/* Step over any value; span (may be NULL) is its text. */
extern LhStatus lh_ice_json_skip(LhCtx *ctx, LhIceJson *j, LhSlice *span);
/* A map of text to text as pairs; numbers and booleans count as their text, null as absent, nested values as their JSON. */
extern LhStatus lh_ice_json_pairs(LhCtx *ctx, LhIceJson *j, int *n, const char *const **out);

/*
 * All items of the array that stands here: array gets room for them in ctx->arena
 * (and one more), n counts them, and item is a call that reads one, to array[n].
 */
#define LH_ICE_JSON_ITEMS(ctx, j, array, n, item) \
	do { \
		size_t		items_; \
		bool		more_; \
		LH_TRY(lh_ice_json_count((ctx), (j), &items_)); \
		LH_NEW_ARRAY((ctx), (array), items_ + 1); \
		LH_TRY(lh_ice_json_array((ctx), (j))); \
		for ((n) = 0;; (n)++) \
		{ \
			if ((n) % 1024 == 0) \
				LH_TRY(lh_poll(ctx)); \
			LH_TRY(lh_ice_json_item((ctx), (j), &more_)); \
			if (!more_) \
				break; \
			LH_TRY(item); \
		} \
	} while (0)

/* Write an error about the field that is read. */
extern LhStatus lh_ice_json_fail(LhCtx *ctx, LhIceJson *j, LhStatus code, const char *fmt,...)
			__attribute__((format(printf, 4, 5), cold));

static inline bool
lh_ice_slice_is(LhSlice s, const char *text)
{
	return s.len == strlen(text) && memcmp(s.data, text, s.len) == 0;
}

#endif
