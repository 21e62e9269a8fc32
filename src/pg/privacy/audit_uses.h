/*
 * audit_uses.h
 *		What policies made of the tables of a plan, told to the audit.
 *
 * From what holds for the subject and the columns that the statement uses, not from the shape of the plan: masks may be
 * pulled up, inverted or left out.  The entry that carries a replaced table's privileges keeps which columns these were.
 */
#ifndef LH_PG_PRIVACY_AUDIT_USES_H
#define LH_PG_PRIVACY_AUDIT_USES_H

#include "pg/privacy/enforce.h"

/* LhFeatures.policy_uses, policy_entry */
extern List *lh_audit_policy_uses(struct PlannedStmt *plan);
extern bool lh_audit_policy_entry(const RangeTblEntry *rte);

/* The columns that a statement uses of a table (by FirstLowInvalidHeapAttributeNumber); after lh_mark_set. */
extern void lh_audit_note_columns(RangeTblEntry *rte, const Bitmapset *used);

#endif
