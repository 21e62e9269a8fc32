/*
 * flat.h
 *		Flat rows with what orders them: names of the fields that are no columns.
 */
#ifndef LH_CHANGE_FLAT_H
#define LH_CHANGE_FLAT_H

#include "change/change.h"

#define LH_FLAT_OP "__op"
#define LH_FLAT_LSN "__lsn"
#define LH_FLAT_SEQ "__seq"
#define LH_FLAT_TS "__ts_us"
#define LH_FLAT_UNCHANGED "__unchanged"
/* of events that are no rows */
#define LH_FLAT_REASON "__reason"
#define LH_FLAT_PREFIX "__prefix"
#define LH_FLAT_TRANSACTIONAL "__transactional"
#define LH_FLAT_CONTENT "__content"
#define LH_FLAT_CONTENT_BASE64 "__content_base64"

/* Is it a field's name? */
extern bool lh_flat_is_field(const char *name);
/*
 * What the columns are called in flat rows.  Fields always mean what they say, lest
 * who makes a column "__op" deletes rows elsewhere: such a column has underscores
 * before it until its name is free.  *names NULL: all have their own.
 */
extern LhStatus lh_flat_names(LhCtx *ctx, const LhChangeRel *rel, const char *const **names);

#endif
