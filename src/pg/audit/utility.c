/*
 * utility.c
 *		What statements without a plan of their own are about.
 *
 * What ends in a plan (EXECUTE, a cursor, CREATE TABLE AS, COPY of a query) is recorded when that is run, once and with its columns; here
 * it lends the record its name.  COPY of a table, TRUNCATE, LOCK and DDL have records of their own.  What changes who may
 * do what is an event, whatever the filter says.  Transactions, settings and the like are not recorded.
 */
#include "pg/audit/audit.h"

#include "access/table.h"
#include "access/xact.h"
#include "catalog/index.h"
#include "catalog/namespace.h"
#include "nodes/parsenodes.h"
#include "tcop/utility.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "pg/util/features.h"

/* Relations by their names as they are now; those that are not there make an error soon. */
static List *
add_relation(List *list, const RangeVar *name)
{
	Oid			relid = name != NULL ? RangeVarGetRelid(unconstify(RangeVar *, name), NoLock, true) : InvalidOid;

	return OidIsValid(relid) ? list_append_unique_oid(list, relid) : list;
}

static List *
add_relations(List *list, const List *names)
{
	ListCell   *lc;

	foreach(lc, names)
	{
		if (IsA(lfirst(lc), RangeVar))
			list = add_relation(list, lfirst(lc));
	}
	return list;
}

/* ---- COPY ---- */

static void
examine_copy(const CopyStmt *stmt, LhAuditUtility *out)
{
	ListCell   *lc;
	Oid			relid;

	out->passes = stmt->query != NULL;
	out->relations = add_relation(NIL, stmt->relation);
	out->written = stmt->is_from;
	if (out->relations == NIL)
		return;
	relid = linitial_oid(out->relations);
	/* policies make a query of it */
	if (!stmt->is_from && lh_features.under_policy != NULL && lh_features.under_policy(relid))
	{
		out->passes = true;
		return;
	}
	out->recorded = true;
	if (stmt->attlist == NIL)
		out->columns = list_make1_int(InvalidAttrNumber);
	foreach(lc, stmt->attlist)
	{
		AttrNumber	attnum = get_attnum(relid, strVal(lfirst(lc)));

		if (attnum > 0)
			out->columns = lappend_int(out->columns, attnum);
	}
}

/* ---- what changes rights ---- */

static void
event(LhAuditUtility *out, const char *kind, const char *name)
{
	out->event = true;
	out->kind = kind;
	out->name = name != NULL ? name : "";
}

static const char *
role_of(const RoleSpec *role)
{
	if (role == NULL)
		return "all";
	switch (role->roletype)
	{
		case ROLESPEC_CSTRING:
			return role->rolename;
		case ROLESPEC_PUBLIC:
			return "public";
		default:
			return "current";
	}
}

static const char *
roles_of(const List *roles)
{
	StringInfoData s;
	ListCell   *lc;

	initStringInfo(&s);
	foreach(lc, roles)
	{
		const Node *node = lfirst(lc);
		const char *name = IsA(node, RoleSpec) ? role_of((const RoleSpec *) node) :
			IsA(node, AccessPriv) ? ((const AccessPriv *) node)->priv_name : NULL;

		if (name != NULL)
			appendStringInfo(&s, "%s%s", s.len > 0 ? "," : "", quote_identifier(name));
	}
	return s.data;
}

/* Of GRANT and SECURITY LABEL: names alone, never what is said of them. */
static const char *
object_name(const Node *object)
{
	if (object == NULL)
		return NULL;
	switch (nodeTag(object))
	{
		case T_RangeVar:
			return quote_qualified_identifier(((const RangeVar *) object)->schemaname, ((const RangeVar *) object)->relname);
		case T_String:
			return strVal(object);
		case T_List:
			return NameListToString((List *) unconstify(Node *, object));
		case T_ObjectWithArgs:
			return NameListToString(((const ObjectWithArgs *) object)->objname);
		default:
			return NULL;
	}
}

static void
examine_grant(const GrantStmt *stmt, LhAuditUtility *out)
{
	event(out, stmt->objtype == OBJECT_TABLE ? "relation" : stmt->objtype == OBJECT_SCHEMA ? "schema" :
		  stmt->objtype == OBJECT_FUNCTION || stmt->objtype == OBJECT_ROUTINE ? "routine" : "object",
		  stmt->objects != NIL ? object_name(linitial(stmt->objects)) : NULL);
	if (stmt->targtype == ACL_TARGET_OBJECT && stmt->objtype == OBJECT_TABLE)
		out->relations = add_relations(NIL, stmt->objects);
}

static bool
examine_event(const Node *stmt, LhAuditUtility *out)
{
	switch (nodeTag(stmt))
	{
		case T_GrantStmt:
			examine_grant((const GrantStmt *) stmt, out);
			return true;
		case T_GrantRoleStmt:
			event(out, "role", roles_of(((const GrantRoleStmt *) stmt)->granted_roles));
			return true;
		case T_CreateRoleStmt:
			event(out, "role", ((const CreateRoleStmt *) stmt)->role);
			return true;
		case T_AlterRoleStmt:
			event(out, "role", role_of(((const AlterRoleStmt *) stmt)->role));
			return true;
		case T_AlterRoleSetStmt:
			event(out, "role", role_of(((const AlterRoleSetStmt *) stmt)->role));
			return true;
		case T_DropRoleStmt:
			event(out, "role", roles_of(((const DropRoleStmt *) stmt)->roles));
			return true;
		case T_AlterDefaultPrivilegesStmt:
			event(out, "default privileges", NULL);
			return true;
		case T_DropOwnedStmt:
			event(out, "role", roles_of(((const DropOwnedStmt *) stmt)->roles));
			/* beside the event: what goes */
			out->relations = lh_audit_reached_by_drop_owned((const DropOwnedStmt *) stmt);
			out->recorded = true;
			return true;
		case T_ReassignOwnedStmt:
			event(out, "role", roles_of(((const ReassignOwnedStmt *) stmt)->roles));
			return true;
		case T_AlterOwnerStmt:
			event(out, "object", object_name(((const AlterOwnerStmt *) stmt)->object));
			return true;
		case T_AlterSystemStmt:
			event(out, "setting", ((const AlterSystemStmt *) stmt)->setstmt->name);
			return true;
		case T_AlterDatabaseSetStmt:
			event(out, "database", ((const AlterDatabaseSetStmt *) stmt)->dbname);
			return true;
		case T_SecLabelStmt:
			event(out, "label", object_name(((const SecLabelStmt *) stmt)->object));
			return true;
		case T_CreateExtensionStmt:
			event(out, "extension", ((const CreateExtensionStmt *) stmt)->extname);
			return true;
		case T_AlterExtensionStmt:
			event(out, "extension", ((const AlterExtensionStmt *) stmt)->extname);
			return true;
		case T_TransactionStmt:
			if (!lh_audit_is_prepared(stmt))
				return false;
			event(out, "transaction", ((const TransactionStmt *) stmt)->gid);
			return true;
		default:
			return false;
	}
}

bool
lh_audit_is_prepared(const Node *stmt)
{
	const TransactionStmt *t = (const TransactionStmt *) stmt;

	return IsA(stmt, TransactionStmt) && (t->kind == TRANS_STMT_PREPARE || t->kind == TRANS_STMT_COMMIT_PREPARED ||
										  t->kind == TRANS_STMT_ROLLBACK_PREPARED);
}

/* ---- tables ---- */

/* What is named may be an index; its table is meant. */
static List *
reindexed(const ReindexStmt *stmt)
{
	List	   *list = add_relation(NIL, stmt->relation);
	Oid			table = list != NIL && stmt->kind == REINDEX_OBJECT_INDEX ? IndexGetRelation(linitial_oid(list), true) : InvalidOid;

	return OidIsValid(table) ? list_make1_oid(table) : list;
}

static List *
vacuumed(const VacuumStmt *stmt)
{
	List	   *list = NIL;
	ListCell   *lc;

	foreach(lc, stmt->rels)
		list = add_relation(list, lfirst_node(VacuumRelation, lc)->relation);
	return list;
}

static bool
examine_tables(const Node *stmt, LhAuditUtility *out)
{
	switch (nodeTag(stmt))
	{
		case T_TruncateStmt:
			out->named = list_length(((const TruncateStmt *) stmt)->relations);
			out->relations = lh_audit_reached_by_truncate((const TruncateStmt *) stmt);
			break;
		case T_LockStmt:
			out->relations = add_relations(NIL, ((const LockStmt *) stmt)->relations);
			break;
		case T_DropStmt:
			out->named = list_length(((const DropStmt *) stmt)->objects);
			out->relations = lh_audit_reached_by_drop((const DropStmt *) stmt);
			break;
		case T_VacuumStmt:
			out->named = list_length(((const VacuumStmt *) stmt)->rels);
			out->relations = lh_audit_reached_by_vacuum(vacuumed((const VacuumStmt *) stmt));
			break;
		case T_AlterTableStmt:
			out->relations = add_relation(NIL, ((const AlterTableStmt *) stmt)->relation);
			break;
		case T_RenameStmt:
			out->relations = add_relation(NIL, ((const RenameStmt *) stmt)->relation);
			break;
		case T_AlterObjectSchemaStmt:
			out->relations = add_relation(NIL, ((const AlterObjectSchemaStmt *) stmt)->relation);
			break;
		case T_IndexStmt:
			out->relations = add_relation(NIL, ((const IndexStmt *) stmt)->relation);
			break;
		case T_ReindexStmt:
			out->relations = reindexed((const ReindexStmt *) stmt);
			out->named = list_length(out->relations);
			out->relations = lh_audit_reached_by_reindex((const ReindexStmt *) stmt, out->relations);
			break;
		case T_ClusterStmt:
			out->named = ((const ClusterStmt *) stmt)->relation != NULL ? 1 : 0;
			out->relations = lh_audit_reached_by_cluster(add_relation(NIL, ((const ClusterStmt *) stmt)->relation));
			break;
		case T_CreateTrigStmt:
			out->relations = add_relation(NIL, ((const CreateTrigStmt *) stmt)->relation);
			break;
		case T_RuleStmt:
			out->relations = add_relation(NIL, ((const RuleStmt *) stmt)->relation);
			break;
		case T_CreatePolicyStmt:
			out->relations = add_relation(NIL, ((const CreatePolicyStmt *) stmt)->table);
			break;
		case T_AlterPolicyStmt:
			out->relations = add_relation(NIL, ((const AlterPolicyStmt *) stmt)->table);
			break;
		default:
			return false;
	}
	out->recorded = true;
	return true;
}

/* ---- all ---- */

void
lh_audit_examine(Node *stmt, LhAuditUtility *out)
{
	*out = (LhAuditUtility) {.command = GetCommandTagName(CreateCommandTag(stmt))};
	if (examine_event(stmt, out) || examine_tables(stmt, out))
		return;
	switch (nodeTag(stmt))
	{
		case T_CopyStmt:
			examine_copy((CopyStmt *) stmt, out);
			break;
		case T_CreateTableAsStmt:
			out->passes = true;
			out->into = ((CreateTableAsStmt *) stmt)->into->rel;
			break;
		case T_RefreshMatViewStmt:
			out->passes = true;
			out->into = ((RefreshMatViewStmt *) stmt)->relation;
			break;
		case T_ExplainStmt:
			out->passes = true;
			break;
		case T_ExecuteStmt:
		case T_DeclareCursorStmt:
		case T_FetchStmt:
		case T_ClosePortalStmt:
		case T_PrepareStmt:
		case T_DeallocateStmt:
		case T_VariableSetStmt:
		case T_VariableShowStmt:
		case T_DiscardStmt:
		case T_ListenStmt:
		case T_UnlistenStmt:
		case T_NotifyStmt:
		case T_ConstraintsSetStmt:
		case T_CheckPointStmt:
			break;
		default:
			/* with filter "all" */
			out->recorded = true;
	}
}
