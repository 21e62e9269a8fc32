/*
 * stream.h
 *		Policies as change streams need them.
 *
 *	stream_policy.c	all of them read for one subject, and made ready to run while the catalog is a past one
 *	policy_effective.c	what of several policies a stream's subject is shown
 */
#ifndef LH_PG_PRIVACY_STREAM_H
#define LH_PG_PRIVACY_STREAM_H

#include "pg/privacy/policy.h"
#include "pg/util/stream_policy.h"

/* LhFeatures.stream_policies */
extern const LhStreamApi lh_stream_api;

/*
 * What a stream shows the subject of a relation, in CurrentMemoryContext; NULL: no policy concerns it.
 *
 *	- Where a policy about a column holds for the subject, the column is as in its queries.
 *	- Where none does, the policies about it that do not exempt the subject mask it for it as well, the strictest of them.
 *	- Filters are those that hold; where no policy of the relation does, those that do not exempt the subject.
 *
 * *until comes down to when that may change.  *closed: a policy that cannot be used, so that nothing may be shown.
 */
extern LhEffective *lh_policy_streamed(Oid relid, const LhSubject *subject, TimestampTz *until, const char **closed);

#endif
