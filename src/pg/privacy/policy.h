/*
 * policy.h
 *		Policies, and what of them holds for a subject.
 *
 *	policy.c			policies read from their definitions, cached by relation
 *	policy_effective.c	several policies, partitions and tags: one mask a column
 *	policy_admin.c		policy_create, policy_alter, policy_drop: parsing and vetting
 *	policy_generated.c	generated columns that are made from masked ones
 *	policy_floor.c		the privileges beneath: what a masked role must not hold
 *	policy_show.c		policy_list, policy_explain, policy_holes
 *	policy_diff.c		what two roles see differently
 *	tags.c				tags of columns (SECURITY LABEL), and policies bound to tags
 *	policy_internal.h	what these share, and their smaller parts
 *
 * A policy is bound to one relation.  It masks columns, filters rows, or both, for roles (and their members) but for
 * exempt ones, perhaps for claimed purposes and until a time.  Its roles may read its columns masked without
 * holding SELECT on them: that is the masked-read grant.
 *
 * Of several policies on one column the strictest mask holds:
 *
 *	raw < deterministic token < partial < generalised < constant < null
 *
 * (a mask's strength is in the table of mask_table.h; what is not there is "partial"; of equals the first by the
 * policy's name).  Filters all hold.  A partition or child has what all its ancestors have, and a parent what its
 * children have, by column name.
 */
#ifndef LH_PG_PRIVACY_POLICY_H
#define LH_PG_PRIVACY_POLICY_H

#include "pg/privacy/hidden.h"

#include "datatype/timestamp.h"
#include "nodes/primnodes.h"

typedef struct LhColumnPolicy
{
	AttrNumber	attnum;
	/*
	 * Over varno 1; of the column's type, typmod and collation; keyed masks are their executing twins.  NULL: the
	 * value itself (a masked-read grant without a mask).
	 */
	Expr	   *mask;
	const char *policy;			/* whose it is, for audit and policy_explain */
	/*
	 * The subject may read the column as it is shown here without holding SELECT on it.  False: a policy of a
	 * partition or child alone masks it; core's privileges on the column are needed as well.
	 */
	bool		granted;
	/* Masked, and all policies that mask it say "writes": "allow": it may be changed. */
	bool		writable;
} LhColumnPolicy;

typedef struct LhEffective
{
	Oid			relid;
	List	   *columns;		/* of LhColumnPolicy, by attnum; a column that is not here is under core's privileges alone */
	/*
	 * Of Expr, over varno 1: rows for which all are true.  Their sub-selects are of tables that are read as the policies'
	 * owner (checkAsUser is set): they are to be locked (AcquireRewriteLocks), and no policy is put into them.
	 */
	List	   *filters;
	List	   *filtering;		/* names (char *) of the policies whose filters these are, for audit */
	TimestampTz until;			/* what was decided holds until then (infinity: for good) */
	uint64		stamp;			/* the same only while the same policies hold: plans are compared by it */
} LhEffective;

/*
 * What a relation without policies costs: a bit, for each relation of each query.  Set: perhaps (oids share bits), the table of the
 * backend knows.  Written by policy.c.
 */
#define LH_POLICY_BITS 4096
typedef struct LhPolicyBits
{
	bool		stale;			/* definitions have to be read again before anything is known */
	bool		none;
	uint64		bits[LH_POLICY_BITS / 64];
} LhPolicyBits;

extern LhPolicyBits lh_policy_bits;

extern bool lh_policy_any_read(Oid relid);
extern bool lh_policy_none_read(void);

/*
 * Has any policy been bound to the relation, its ancestors or descendants, for whomever?
 */
static inline bool
lh_policy_any(Oid relid)
{
	const LhPolicyBits *b = &lh_policy_bits;

	if (likely(!b->stale && (b->bits[relid % LH_POLICY_BITS / 64] >> (relid % 64) & 1) == 0))
		return false;
	return lh_policy_any_read(relid);
}

/* No policy in this database at all: the fastest way out. */
static inline bool
lh_policy_none(void)
{
	return likely(!lh_policy_bits.stale) ? lh_policy_bits.none : lh_policy_none_read();
}

/*
 * What holds for the subject; NULL: no policy does.  Cached by (relation, subject); valid until the next call that may
 * process invalidations: copyObject what outlives it.  Superusers (but for policies that say "superusers") and integrity
 * checks have none.
 */
extern const LhEffective *lh_policy_effective(Oid relid, const LhSubject *subject);
/* The policy of one column; NULL: none. */
extern const LhColumnPolicy *lh_policy_column(const LhEffective *effective, AttrNumber attnum);
/* The strictest mask of all policies of a column, whoever they are for; NULL: none.  For GRANT. */
extern const LhColumnPolicy *lh_policy_strictest(Oid relid, AttrNumber attnum);

/* Changes whenever any policy does; for comparing plans. */
extern uint64 lh_policy_version(void);

/* _PG_init: what the catalog of policies needs of PostgreSQL (definitions' hook, tags' label provider). */
extern void lh_policy_init(void);

/* Relations that have policies (List of Oid). */
extern List *lh_policy_relations(void);

#endif
