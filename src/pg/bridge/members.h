/*
 * members.h
 *		(s).a: members of composite columns that are read without the whole.
 *
 * A member is a path, a List of int: attribute number of the column, then the
 * attribute numbers in the composite types, (s).a.b = (s, a, b).
 */
#ifndef LH_PG_BRIDGE_MEMBERS_H
#define LH_PG_BRIDGE_MEMBERS_H

#include "pg/bridge/source.h"

#include "nodes/pathnodes.h"

/* ---- expressions and plans (members.c) ---- */

/* The path of a chain of FieldSelects over a Var of rti; NIL: it is none that can be read by itself. */
extern List *lh_member_path(Node *node, Index rti);
/* Attributes that an expression uses whole, as pull_varattnos has them, and paths of the others; both are added to. */
extern void lh_member_uses(Node *node, Index rti, Bitmapset **whole, List **paths);
extern bool lh_has_members(Node *node, Index rti);

/*
 * Of the attributes (as pull_varattnos) that a scan is to emit, those that the
 * query uses by members alone: they leave *attrs, and their paths are the
 * result.  local: clauses that the executor evaluates.
 */
extern List *lh_plan_members(PlannerInfo *root, RelOptInfo *rel, List *local, Bitmapset **attrs);

/*
 * For EXPLAIN: what is read, as names in the files (UTF-8): attributes and
 * members that are emitted, and those that clauses (Vars of rti) need.
 */
extern List *lh_columns_read(TupleDesc desc, const char *const *names, List *attnos, List *members,
							 List *clauses, Index rti);

/* ---- emission (emit_members.c) ---- */

typedef struct LhMembers LhMembers;

/* For the paths of one attribute; NULL when its members cannot be read by themselves. */
extern LhMembers *lh_members_create(LhSource *source, AttrNumber attno, List *paths);
extern void lh_members_place(LhMembers *members, const char *path, int64_t first_row);
/* Scan columns of the members, for who looks at their vectors; returns how many. */
extern int	lh_members_columns(const LhMembers *members, const int **cols);
/* As lh_emit_rows: composite values in which only the members are set; none is null. */
extern void lh_members_emit(LhMembers *members, const LhBatch *batch, const uint32_t *rows, int n,
							MemoryContext mcxt, Datum *values, bool *nulls);

#endif
