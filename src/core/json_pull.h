/*
 * json_pull.h
 *		A pull parser for JSON that others wrote: metadata of table formats, lines of an audit log.
 *
 * Text of any size is read where it lies.  The caller walks down into what it
 * knows and steps over the rest; nothing is recursive, numbers stay integers of
 * 64 bits, and every error says in which field of which file it is.
 */
#ifndef LH_CORE_JSON_PULL_H
#define LH_CORE_JSON_PULL_H

#include "core/core.h"

/* Levels that can be entered, and levels of what is stepped over. */
#define LH_PULL_DEPTH 384
#define LH_PULL_SKIP_DEPTH 4096

typedef enum LhPullKind
{
	LH_PULL_OBJECT, LH_PULL_ARRAY, LH_PULL_STRING, LH_PULL_NUMBER,
	LH_PULL_BOOL, LH_PULL_NULL,
	LH_PULL_NONE			/* no value stands here */
} LhPullKind;

typedef struct LhPullLevel
{
	const uint8_t *key;			/* of the member that is read, as written */
	uint32_t	key_len;
	bool		array;
	uint64_t	items;			/* begun so far */
} LhPullLevel;

/* Lives where the caller likes; what and the text are borrowed. */
typedef struct LhPull
{
	const char *what;			/* for messages: "metadata file "/x/v1.metadata.json"" */
	const uint8_t *begin, *p, *end;
	int			depth;
	LhPullLevel levels[LH_PULL_DEPTH];
} LhPull;

/* Begin before the only value of the text.  LH_BAD_TEXT when it is not UTF-8. */
extern LhStatus lh_pull_open(LhCtx *ctx, LhPull *j, const char *what, LhSlice text);
/* Behind it nothing but space may stand. */
extern LhStatus lh_pull_close(LhCtx *ctx, LhPull *j);

/* What stands here, by its first character. */
extern LhPullKind lh_pull_kind(LhPull *j);

/* Enter an object; then member until *more is false, and one value after each true. */
extern LhStatus lh_pull_object(LhCtx *ctx, LhPull *j);
extern LhStatus lh_pull_member(LhCtx *ctx, LhPull *j, LhSlice *key, bool *more);
/* The same with arrays. */
extern LhStatus lh_pull_array(LhCtx *ctx, LhPull *j);
extern LhStatus lh_pull_item(LhCtx *ctx, LhPull *j, bool *more);
/* Items of the array that stands here, which is not entered. */
extern LhStatus lh_pull_count(LhCtx *ctx, LhPull *j, size_t *n);

/*
 * Members by name: *which is the place in names (NULL-terminated, 64 at most) of the
 * next one that is among them.  Others are stepped over, and so is null, which
 * is as good as no member.  One that comes twice is LH_CORRUPT.  *seen, 0 at first, gets a bit for each.
 */
extern LhStatus lh_pull_field(LhCtx *ctx, LhPull *j, const char *const *names,
								  uint64_t *seen, int *which, bool *more);
/* LH_CORRUPT when one of needed was not seen; the object was left. */
extern LhStatus lh_pull_need(LhCtx *ctx, LhPull *j, const char *const *names, uint64_t seen,
								 uint64_t needed);

/* Values.  A string without escapes is borrowed; text is a copy with a NUL behind it. */
extern LhStatus lh_pull_slice(LhCtx *ctx, LhPull *j, LhSlice *out);
extern LhStatus lh_pull_text(LhCtx *ctx, LhPull *j, const char **out);
extern LhStatus lh_pull_i64(LhCtx *ctx, LhPull *j, int64_t *out);
extern LhStatus lh_pull_i32(LhCtx *ctx, LhPull *j, int *out);
/* An id of 64 bits: some writers give them unsigned. */
extern LhStatus lh_pull_id(LhCtx *ctx, LhPull *j, int64_t *out);
extern LhStatus lh_pull_bool(LhCtx *ctx, LhPull *j, bool *out);
/* Step over any value; span (may be NULL) is its text. */
extern LhStatus lh_pull_skip(LhCtx *ctx, LhPull *j, LhSlice *span);
/* A map of text to text as pairs; numbers and booleans count as their text, null as absent, nested values as their JSON. */
extern LhStatus lh_pull_pairs(LhCtx *ctx, LhPull *j, int *n, const char *const **out);

/*
 * All items of the array that stands here: array gets room for them in ctx->arena
 * (and one more), n counts them, and item is a call that reads one, to array[n].
 */
#define LH_PULL_ITEMS(ctx, j, array, n, item) \
	do { \
		size_t		items_; \
		bool		more_; \
		LH_TRY(lh_pull_count((ctx), (j), &items_)); \
		LH_NEW_ARRAY((ctx), (array), items_ + 1); \
		LH_TRY(lh_pull_array((ctx), (j))); \
		for ((n) = 0;; (n)++) \
		{ \
			if ((n) % 1024 == 0) \
				LH_TRY(lh_poll(ctx)); \
			LH_TRY(lh_pull_item((ctx), (j), &more_)); \
			if (!more_) \
				break; \
			LH_TRY(item); \
		} \
	} while (0)

/* Write an error about the field that is read. */
extern LhStatus lh_pull_fail(LhCtx *ctx, LhPull *j, LhStatus code, const char *fmt,...)
			__attribute__((format(printf, 4, 5), cold));

static inline bool
lh_slice_is(LhSlice s, const char *text)
{
	return s.len == strlen(text) && memcmp(s.data, text, s.len) == 0;
}

#endif
