/*
 * place.h
 *		Whose is a directory that the audit writes to?
 */
#ifndef LH_AUDIT_PLACE_H
#define LH_AUDIT_PLACE_H

#include "core/core.h"

typedef enum LhAuditPlaceOwner
{
	LH_AUDIT_PLACE_OWN,			/* this process's user alone */
	LH_AUDIT_PLACE_OWN_OR_ROOT
} LhAuditPlaceOwner;

/*
 * LH_DENIED: the directory is another's, others may write into it, or its name is a symbolic link (which others could have put there, and
 * change).  One that is not there is right: it will be made.  Directories above it are not looked at.  setting: whose value it is, for the hint.
 */
extern LhStatus lh_audit_place_check(LhCtx *ctx, const char *dir, LhAuditPlaceOwner owner, const char *setting);
/* The same of the directory of a file; of the path itself when it ends with "/". */
extern LhStatus lh_audit_place_check_parent(LhCtx *ctx, const char *path, LhAuditPlaceOwner owner, const char *setting);

#endif
