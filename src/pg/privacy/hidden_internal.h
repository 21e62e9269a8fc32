/*
 * hidden_internal.h
 *		What the files hidden*.c and policy*.c share.
 */
#ifndef LH_PG_PRIVACY_HIDDEN_INTERNAL_H
#define LH_PG_PRIVACY_HIDDEN_INTERNAL_H

#include "pg/privacy/hidden.h"

extern const char *const lh_hidden_schemas[];

/* InvalidOid: the extension is not in this database.  From now on changes are noticed. */
extern Oid	lh_hidden_schema(LhHiddenKind kind);
/* Changes of this view are announced, however they come. */
extern void lh_hidden_know(Oid view);

/* Has role the privileges of another?  Superusers have those alone that they were granted. */
extern bool lh_hidden_member(Oid role, Oid of);

#endif
