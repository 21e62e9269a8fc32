/*
 * rename.h
 *		Topics by other names: --topic-rename 'REGEX=REPLACEMENT'.
 *
 * REGEX is a POSIX extended regular expression that has to match the whole topic,
 * REPLACEMENT a topic in which \0 to \9 are what matched and its groups.  The first
 * rule that matches is the one that counts.
 */
#ifndef LH_CLIENT_RENAME_H
#define LH_CLIENT_RENAME_H

#include "core/core.h"

#define LH_RENAME_MAX 512		/* bytes of a rule */

typedef struct LhRenames LhRenames;

/* *out NULL when there are no items; in ctx->arena.  LH_INVALID names the rule and what is wrong. */
extern LhStatus lh_renames_compile(LhCtx *ctx, int n, const char *const *items, LhRenames **out);
/* *out is topic itself, or in ctx->arena; renames may be NULL.  LH_INVALID: the new name is no topic. */
extern LhStatus lh_rename_topic(LhCtx *ctx, const LhRenames *renames, const char *topic, const char **out);

#endif
