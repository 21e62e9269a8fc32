/*
 * located.h
 *		Internal: where the metadata file of a local table was found last.
 *
 * The metadata file that is current is found by reading version-hint.text and asking for six
 * names around its version.  All of that comes out as before as long as the hint is the same
 * file, by its identity, and no name came into or left the directory, which file systems of this machine
 * note in the directory's mtime (and in its ctime, should somebody set that back): two looks
 * instead of twelve.
 *
 * It is not remembered where that is not so (file systems of other machines and of
 * programs), nor when one of the two is so young that it may change again within a tick of its clock.
 * Rights are those of the store that looks; whether the file that comes out may be read is seen when
 * it is opened.
 */
#ifndef LH_ICEBERG_LOCATED_H
#define LH_ICEBERG_LOCATED_H

#include "store/store.h"

typedef struct LhIceLook
{
	bool valid; /* both are there, and tell each state from any other */
	LhObjectId dir, hint;
	int64_t dir_ctime, hint_ctime;
} LhIceLook;

/* Look at "dir/metadata" and its version-hint.text; whatever fails makes it invalid, no error. */
extern LhStatus lh_ice_look(LhCtx *ctx, LhStore *store, const char *dir, LhIceLook *out);
/* What was found when a look at this table was the same; *path in ctx->arena, NULL: nothing. */
extern LhStatus lh_ice_located(LhCtx *ctx, const char *dir, const LhIceLook *look, const char **path);
/* Remember what was found after this look. */
extern void lh_ice_remember_located(const char *dir, const LhIceLook *look, const char *path);

#endif
