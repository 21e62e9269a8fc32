/*
 * utility_ddl.c
 *		DDL that would take a policy away, or show what it keeps.
 *
 * Who owns a table may do as he likes with it, and is not the one who decides who sees what.  So on tables that have a
 * policy these statements take the right "policy_admin" besides PostgreSQL's own privileges:
 *
 *	- what is given the rows as they are: triggers, rules, row security policies, CHECKs (of their domains, too), generated columns,
 *	  expressions and predicates of indexes and statistics, ALTER COLUMN TYPE ... USING, publications, partitions that compute or are
 *	  foreign;
 *	- what answers guesses, or shows the order of values: foreign keys of and to masked columns, unique keys that have one, CLUSTER by an
 *	  index that has one;
 *	- what changes from whom a table has policies: ATTACH, DETACH, INHERIT, NO INHERIT, OF; and what a foreign table's columns are
 *	  (of our own wrapper lake/define.c asks);
 *	- what gives away the privileges beneath: GRANT SELECT on a column with a mask, or on all; OWNER TO, REASSIGN OWNED;
 *	- functions that get rows, replaced or altered (utility_function.c).
 *
 * Superusers pass, as a restore must.
 */
#include "pg/bridge/bridge.h"
#include "pg/privacy/policy_internal.h"
#include "pg/privacy/utility_parts.h"

#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "commands/tablecmds.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "parser/parse_type.h"
#include "utils/acl.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

bool
lh_utility_admin(void)
{
	return superuser() || lh_right_has(LH_RIGHT_POLICY_ADMIN, GetUserId());
}

void
lh_utility_refuse(Oid relid, const char *what)
{
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("permission denied to %s \"%s\": it has a policy", what, get_rel_name(relid)),
			 errdetail("It takes the right \"policy_admin\"; to own the table is not enough."),
			 errhint("A superuser, or who may grant it, gives it with lakehouse.right_grant('policy_admin', role).")));
}

/* Who may not even try gets PostgreSQL's own error, and no lock. */
static bool
may_alter(Oid relid)
{
	return lh_relation_owner(relid, GetUserId()) || pg_class_aclcheck(relid, GetUserId(), ACL_TRIGGER) == ACLCHECK_OK ||
		lh_may_maintain(relid, GetUserId());
}

static void
check_lockable(const RangeVar *name, Oid relid, Oid oldrelid, void *arg)
{
	if (OidIsValid(relid) && !may_alter(relid))
		aclcheck_error(ACLCHECK_NOT_OWNER, OBJECT_TABLE, name->relname);
}

/*
 * InvalidOid: no such table, which PostgreSQL will say.
 *
 * lock: the one that PostgreSQL will take for the statement.  Where it had to wait for that after we looked, the name could
 * be another table's by then, or the table could have a policy.
 */
Oid
lh_utility_relation(const RangeVar *name, LOCKMODE lock)
{
	Oid			relid = name == NULL ? InvalidOid : RangeVarGetRelid(name, NoLock, true);

	if (lock == NoLock || !OidIsValid(relid) || !may_alter(relid))
		return relid;
	return RangeVarGetRelidExtended(name, lock, RVR_MISSING_OK, check_lockable, NULL);
}

static void
guard_oid(Oid relid, const char *what)
{
	if (OidIsValid(relid) && lh_policy_any(relid))
		lh_utility_refuse(relid, what);
}

void
lh_utility_guard(const RangeVar *name, const char *what, LOCKMODE lock)
{
	guard_oid(lh_utility_relation(name, lock), what);
}

/* ---- ALTER TABLE ---- */

/* Does a column definition compute with other columns of the row? */
static bool
computes(const ColumnDef *def)
{
	ListCell   *lc;

	foreach(lc, def->constraints)
	{
		Constraint *constraint = lfirst(lc);

		if (constraint->contype == CONSTR_GENERATED || constraint->contype == CONSTR_CHECK)
			return true;
	}
	return def->generated != '\0';
}

/* What the subcommand does to a table with a policy; NULL: nothing that would matter. */
static const char *
dangerous(const AlterTableCmd *cmd)
{
	switch (cmd->subtype)
	{
		case AT_AttachPartition:
		case AT_DetachPartition:
			return "attach or detach partitions of";
		case AT_AddInherit:
		case AT_DropInherit:
		case AT_AddOf:
		case AT_DropOf:
			return "change the ancestors of";
		case AT_EnableTrig:
		case AT_EnableAlwaysTrig:
		case AT_EnableReplicaTrig:
		case AT_EnableTrigAll:
		case AT_EnableTrigUser:
			return "enable triggers of";
		case AT_EnableRule:
		case AT_EnableAlwaysRule:
		case AT_EnableReplicaRule:
			return "enable rules of";
		case AT_DisableRowSecurity:
		case AT_NoForceRowSecurity:
			return "disable row security of";
		case AT_ChangeOwner:
			return "change the owner of";
		case AT_AddColumn:
			return computes((ColumnDef *) cmd->def) ? "add a column that computes to" : NULL;
		case AT_AlterColumnType:
			return ((ColumnDef *) cmd->def)->raw_default != NULL ? "convert a column with an expression of" : NULL;
#if PG_VERSION_NUM >= 170000
		case AT_SetExpression:
			return "change the expression of a column of";
#endif
		case AT_AddConstraint:
			switch (((Constraint *) cmd->def)->contype)
			{
				case CONSTR_CHECK:
				case CONSTR_EXCLUSION:
					return "add a constraint with an expression to";
				default:
					return NULL;
			}
		default:
			return NULL;
	}
}

/* Columns of another wrapper's tables are found where they are by their place, name or options: what is masked could become another one. */
static bool
foreign_columns(Oid relid)
{
	return OidIsValid(relid) && get_rel_relkind(relid) == RELKIND_FOREIGN_TABLE && !lh_lake_is_table(relid);
}

static bool
changes_columns(const AlterTableCmd *cmd)
{
	return cmd->subtype == AT_GenericOptions || cmd->subtype == AT_AlterColumnGenericOptions || cmd->subtype == AT_AddColumn ||
		cmd->subtype == AT_DropColumn;
}

/* Masked columns that would be compared with others' values, or give rows their order. */
static void
guard_compared(const AlterTableStmt *stmt, const AlterTableCmd *cmd, LOCKMODE lock)
{
	if (cmd->subtype == AT_AddConstraint)
	{
		lh_utility_foreign_key((Constraint *) cmd->def, ShareRowExclusiveLock);
		lh_utility_referring(stmt->relation, (Constraint *) cmd->def, lock);
		if (lh_utility_is_unique((Constraint *) cmd->def))
			lh_utility_unique(lh_utility_relation(stmt->relation, lock), ((Constraint *) cmd->def)->keys);
	}
	else if (cmd->subtype == AT_AddColumn)
		lh_utility_foreign_keys(((ColumnDef *) cmd->def)->constraints, ShareRowExclusiveLock);
	else if (cmd->subtype == AT_AlterConstraint)
		lh_utility_enforced(stmt, cmd, lock);
	else if (cmd->subtype == AT_ClusterOn)
		lh_utility_order(lh_utility_relation(stmt->relation, lock), cmd->name);
}

static void
guard_rename(const RenameStmt *stmt)
{
	if (stmt->renameType == OBJECT_COLUMN && foreign_columns(lh_utility_relation(stmt->relation, NoLock)))
		lh_utility_guard(stmt->relation, "rename columns of", AccessExclusiveLock);
}

/* The other table that a subcommand names: a partition, a parent. */
static const RangeVar *
other_table(const AlterTableCmd *cmd)
{
	switch (cmd->subtype)
	{
		case AT_AttachPartition:
		case AT_DetachPartition:
			return cmd->def != NULL && IsA(cmd->def, PartitionCmd) ? ((PartitionCmd *) cmd->def)->name : NULL;
		case AT_AddInherit:
		case AT_DropInherit:
			return cmd->def != NULL && IsA(cmd->def, RangeVar) ? (RangeVar *) cmd->def : NULL;
		default:
			return NULL;
	}
}

static void
guard_alter(const AlterTableStmt *stmt)
{
	ListCell   *lc;

	foreach(lc, stmt->cmds)
	{
		AlterTableCmd *cmd = lfirst(lc);
		const char *what = dangerous(cmd);

		guard_compared(stmt, cmd, AlterTableGetLockLevel(stmt->cmds));
		if (what == NULL && changes_columns(cmd) && foreign_columns(lh_utility_relation(stmt->relation, NoLock)))
			what = "change columns of";
		if (what == NULL)
			continue;
		lh_utility_guard(stmt->relation, what, AlterTableGetLockLevel(stmt->cmds));
		lh_utility_guard(other_table(cmd), what, cmd->subtype == AT_AttachPartition ? AccessExclusiveLock : ShareUpdateExclusiveLock);
	}
}

/* ---- CREATE TABLE ---- */

static bool
refers(const ColumnDef *def)
{
	ListCell   *lc;

	foreach(lc, def->constraints)
	{
		if (lfirst_node(Constraint, lc)->contype == CONSTR_FOREIGN)
			return true;
	}
	return false;
}

/* Does it bring expressions over rows?  What LIKE takes from another table may be one. */
static bool
element_computes(const Node *element)
{
	if (IsA(element, ColumnDef))
		return computes((const ColumnDef *) element) || refers((const ColumnDef *) element);
	if (IsA(element, TableLikeClause))
		return (((const TableLikeClause *) element)->options &
				(CREATE_TABLE_LIKE_CONSTRAINTS | CREATE_TABLE_LIKE_GENERATED | CREATE_TABLE_LIKE_INDEXES | CREATE_TABLE_LIKE_STATISTICS)) != 0;
	return IsA(element, Constraint) && (((const Constraint *) element)->contype == CONSTR_CHECK ||
										((const Constraint *) element)->contype == CONSTR_FOREIGN ||
										((const Constraint *) element)->contype == CONSTR_EXCLUSION);
}

static bool
create_computes(const CreateStmt *stmt)
{
	ListCell   *lc;

	foreach(lc, stmt->tableElts)
	{
		if (element_computes(lfirst(lc)))
			return true;
	}
	foreach(lc, stmt->constraints)
	{
		if (element_computes(lfirst(lc)))
			return true;
	}
	foreach(lc, stmt->partspec != NULL ? stmt->partspec->partParams : NIL)
	{
		if (lfirst_node(PartitionElem, lc)->expr != NULL)
			return true;
	}
	return false;
}

/* What a partition makes unique of the parent's columns. */
static void
guard_inherited(const CreateStmt *stmt, const Node *element)
{
	const List *constraints = IsA(element, ColumnDef) ? ((const ColumnDef *) element)->constraints : NIL;
	ListCell   *lc;
	ListCell   *parent;

	foreach(parent, stmt->inhRelations)
	{
		Oid			relid = lh_utility_relation(lfirst(parent), NoLock);

		if (IsA(element, Constraint) && lh_utility_is_unique((const Constraint *) element))
			lh_utility_unique(relid, ((const Constraint *) element)->keys);
		foreach(lc, constraints)
		{
			if (lh_utility_is_unique(lfirst_node(Constraint, lc)))
				lh_utility_unique(relid, list_make1(makeString(((const ColumnDef *) element)->colname)));
		}
	}
}

/* Rows that are written to the parent come into a new partition, and into its expressions; a foreign one sends them away. */
static void
guard_create(const CreateStmt *stmt, bool foreign)
{
	ListCell   *lc;

	foreach(lc, stmt->tableElts)
	{
		Node	   *element = lfirst(lc);

		if (IsA(element, ColumnDef))
			lh_utility_foreign_keys(((ColumnDef *) element)->constraints, ShareRowExclusiveLock);
		else if (IsA(element, Constraint))
			lh_utility_foreign_key((Constraint *) element, ShareRowExclusiveLock);
		guard_inherited(stmt, element);
	}
	if (stmt->inhRelations == NIL || !(foreign || create_computes(stmt)))
		return;
	foreach(lc, stmt->inhRelations)
		lh_utility_guard(lfirst(lc), foreign ? "make a foreign table that gets rows of" : "make a table with expressions over rows of",
			  stmt->partbound != NULL ? AccessExclusiveLock : ShareUpdateExclusiveLock);
}

/* ---- indexes, statistics ---- */

static void
guard_index(const IndexStmt *stmt)
{
	LOCKMODE	lock = stmt->concurrent ? ShareUpdateExclusiveLock : ShareLock;
	bool		expression = stmt->whereClause != NULL;
	List	   *columns = NIL;
	ListCell   *lc;

	foreach(lc, stmt->indexParams)
	{
		const IndexElem *element = lfirst(lc);

		expression |= element->expr != NULL;
		if (element->name != NULL)
			columns = lappend(columns, makeString(element->name));
	}
	if (stmt->unique)
		lh_utility_unique(lh_utility_relation(stmt->relation, lock), columns);
	if (expression || stmt->excludeOpNames != NIL)
		lh_utility_guard(stmt->relation, "make an index with an expression on", lock);
}

static void
guard_statistics(const CreateStatsStmt *stmt)
{
	bool		expression = false;
	ListCell   *lc;

	foreach(lc, stmt->exprs)
		expression |= ((StatsElem *) lfirst(lc))->expr != NULL;
	if (!expression)
		return;
	foreach(lc, stmt->relations)
	{
		if (IsA(lfirst(lc), RangeVar))
			lh_utility_guard((RangeVar *) lfirst(lc), "make statistics of an expression on", ShareUpdateExclusiveLock);
	}
}

/* ---- publications ---- */

static void
guard_published(List *objects)
{
	ListCell   *lc;

	foreach(lc, objects)
	{
		PublicationObjSpec *spec = lfirst(lc);

		/* schemas and all tables take a superuser */
		if (spec->pubobjtype == PUBLICATIONOBJ_TABLE && spec->pubtable != NULL)
			lh_utility_guard(spec->pubtable->relation, "publish", ShareUpdateExclusiveLock);
	}
}

/* ---- ALTER DOMAIN ---- */

/* What a domain is directly made of. */
static Oid
domain_base(Oid domain)
{
	HeapTuple	tuple = SearchSysCache1(TYPEOID, ObjectIdGetDatum(domain));
	Oid			base = InvalidOid;

	if (HeapTupleIsValid(tuple))
	{
		base = ((Form_pg_type) GETSTRUCT(tuple))->typbasetype;
		ReleaseSysCache(tuple);
	}
	return base;
}

/* Are values of the type, or parts of them, of the domain? */
static bool
type_has(Oid type, Oid domain)
{
	Oid			relid;
	AttrNumber	natts;

	check_stack_depth();
	if (!OidIsValid(type) || type == domain)
		return type == domain;
	if (type_has(get_element_type(type), domain) || type_has(get_range_subtype(type), domain) ||
		type_has(get_range_subtype(get_multirange_range(type)), domain))
		return true;
	if (get_typtype(type) == TYPTYPE_DOMAIN)
		return type_has(domain_base(type), domain);
	relid = get_typ_typrelid(type);
	natts = OidIsValid(relid) ? lh_utility_natts(relid) : 0;
	for (AttrNumber i = 1; i <= natts; i++)
	{
		if (type_has(get_atttype(relid, i), domain))
			return true;
	}
	return false;
}

Oid
lh_utility_domain_table(Oid domain)
{
	ListCell   *lc;

	foreach(lc, OidIsValid(domain) ? lh_policy_governed() : NIL)
	{
		Oid			relid = lfirst_oid(lc);
		AttrNumber	natts = lh_utility_natts(relid);

		for (AttrNumber i = 1; i <= natts; i++)
		{
			if (type_has(get_atttype(relid, i), domain))
				return relid;
		}
	}
	return InvalidOid;
}

/* A new CHECK is evaluated over all values that are there, of masked columns as well. */
static void
guard_domain(const AlterDomainStmt *stmt)
{
	Oid			relid;

	if (stmt->subtype != 'C' && stmt->subtype != 'V')
		return;
	relid = lh_utility_domain_table(LookupTypeNameOid(NULL, makeTypeNameFromNameList(stmt->typeName), true));
	if (OidIsValid(relid))
		lh_utility_refuse(relid, "check values of a domain in");
}

/* ---- DROP POLICY ---- */

/* Core's row security policies: the table's name and the policy's. */
static void
guard_drop(const DropStmt *stmt)
{
	ListCell   *lc;

	if (stmt->removeType != OBJECT_POLICY)
		return;
	foreach(lc, stmt->objects)
	{
		List	   *name = castNode(List, lfirst(lc));

		if (list_length(name) > 1)
			lh_utility_guard(makeRangeVarFromNameList(list_truncate(list_copy(name), list_length(name) - 1)),
				  "drop a row security policy of", AccessExclusiveLock);
	}
}

void
lh_utility_ddl(Node *stmt)
{
	/* the frequent ones first, without a look into catalogs */
	switch (nodeTag(stmt))
	{
		case T_AlterTableStmt:
		case T_CreateStmt:
		case T_CreateForeignTableStmt:
		case T_AlterDomainStmt:
		case T_CreateTrigStmt:
		case T_RuleStmt:
		case T_IndexStmt:
		case T_CreateStatsStmt:
		case T_CreatePolicyStmt:
		case T_AlterPolicyStmt:
		case T_DropStmt:
		case T_CreatePublicationStmt:
		case T_AlterPublicationStmt:
		case T_GrantStmt:
		case T_ReassignOwnedStmt:
		case T_CreateFunctionStmt:
		case T_AlterFunctionStmt:
		case T_ClusterStmt:
		case T_RenameStmt:
			break;
		default:
			return;
	}
	/* without any policy yet, too: one may be made while the statement waits for its lock */
	if (!OidIsValid(lh_hidden_schema(LH_HIDDEN_POLICY)) || lh_utility_admin())
		return;
	switch (nodeTag(stmt))
	{
		case T_AlterTableStmt:
			guard_alter((AlterTableStmt *) stmt);
			break;
		case T_CreateStmt:
			guard_create((CreateStmt *) stmt, false);
			break;
		case T_CreateForeignTableStmt:
			guard_create(&((CreateForeignTableStmt *) stmt)->base, true);
			break;
		case T_AlterDomainStmt:
			guard_domain((AlterDomainStmt *) stmt);
			break;
		case T_CreateTrigStmt:
			lh_utility_guard(((CreateTrigStmt *) stmt)->relation, "create a trigger on", ShareRowExclusiveLock);
			break;
		case T_RuleStmt:
			lh_utility_guard(((RuleStmt *) stmt)->relation, "create a rule on", AccessExclusiveLock);
			break;
		case T_IndexStmt:
			guard_index((IndexStmt *) stmt);
			break;
		case T_CreateStatsStmt:
			guard_statistics((CreateStatsStmt *) stmt);
			break;
		case T_CreatePolicyStmt:
			lh_utility_guard(((CreatePolicyStmt *) stmt)->table, "create a row security policy on", AccessExclusiveLock);
			break;
		case T_AlterPolicyStmt:
			lh_utility_guard(((AlterPolicyStmt *) stmt)->table, "alter a row security policy of", AccessExclusiveLock);
			break;
		case T_DropStmt:
			guard_drop((DropStmt *) stmt);
			break;
		case T_CreatePublicationStmt:
			guard_published(((CreatePublicationStmt *) stmt)->pubobjects);
			break;
		case T_AlterPublicationStmt:
			if (((AlterPublicationStmt *) stmt)->action != AP_DropObjects)
				guard_published(((AlterPublicationStmt *) stmt)->pubobjects);
			break;
		case T_GrantStmt:
			lh_utility_grant((GrantStmt *) stmt);
			break;
		case T_ReassignOwnedStmt:
			lh_utility_reassign((ReassignOwnedStmt *) stmt);
			break;
		case T_CreateFunctionStmt:
			lh_utility_create_function((CreateFunctionStmt *) stmt);
			break;
		case T_AlterFunctionStmt:
			lh_utility_alter_function((AlterFunctionStmt *) stmt);
			break;
		case T_ClusterStmt:
			lh_utility_cluster((ClusterStmt *) stmt);
			break;
		case T_RenameStmt:
			guard_rename((RenameStmt *) stmt);
			break;
		default:
			break;
	}
}
