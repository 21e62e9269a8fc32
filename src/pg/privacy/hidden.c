/*
 * hidden.c
 *		Definitions kept as views: made, dropped, granted, listed.
 *
 * 1. The statement is built of nodes, never of text, so there is nothing to inject into.
 * 2. It runs as the extension's owner, whoever asked: the views are his, and what a row filter looks up
 *	  is read with his rights.
 * 3. Names are looked up in pg_catalog and lakehouse.  pg_temp comes last and is named for
 *	  that: unnamed it would come first for types and tables.
 *
 * hidden_read.c reads them again, hidden_watch.c notices their changes.
 */
#include "pg/privacy/hidden.h"

#include "access/genam.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/dependency.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_type.h"
#include "commands/extension.h"
#include "commands/view.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "nodes/value.h"
#include "parser/parse_node.h"
#include "parser/parse_relation.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "pg/privacy/hidden_internal.h"
#include "pg/util/catalog.h"

const char *const lh_hidden_schemas[] = {
	[LH_HIDDEN_POLICY] = "lakehouse_policies",
	[LH_HIDDEN_DOMAIN] = "lakehouse_domains",
};

static const char *const nouns[] = {
	[LH_HIDDEN_POLICY] = "policy",
	[LH_HIDDEN_DOMAIN] = "token domain",
};

/* ---- as whom ---- */

static Oid
extension_owner(void)
{
	Relation	rel = table_open(ExtensionRelationId, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;
	Oid			owner = InvalidOid;

	ScanKeyInit(&key, Anum_pg_extension_extname, BTEqualStrategyNumber, F_NAMEEQ, CStringGetDatum("lakehouse"));
	scan = systable_beginscan(rel, ExtensionNameIndexId, true, NULL, 1, &key);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
		owner = ((Form_pg_extension) GETSTRUCT(tuple))->extowner;
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	if (!OidIsValid(owner))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("extension \"lakehouse\" is not in this database"),
				 errhint("CREATE EXTENSION lakehouse.")));
	return owner;
}

LhHiddenOwner
lh_hidden_become(Oid role)
{
	LhHiddenOwner was;

	if (!OidIsValid(role))
		role = extension_owner();
	GetUserIdAndSecContext(&was.user, &was.context);
	SetUserIdAndSecContext(role, was.context | SECURITY_LOCAL_USERID_CHANGE);
	was.settings = NewGUCNestLevel();
	(void) set_config_option("search_path", "pg_catalog, lakehouse, pg_temp", PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
	return was;
}

void
lh_hidden_return(LhHiddenOwner was)
{
	AtEOXact_GUC(false, was.settings);
	SetUserIdAndSecContext(was.user, was.context);
}

/* ---- made ---- */

static TargetEntry *
target(List *before, char *name, void *expr)
{
	return makeTargetEntry(expr, (AttrNumber) (list_length(before) + 1), name, false);
}

static List *
targets(Jsonb *definition, List *pairs)
{
	Const	   *constant = makeConst(JSONBOID, -1, InvalidOid, -1, JsonbPGetDatum(definition), false, false);
	List	   *list = list_make1(target(NIL, pstrdup("definition"), constant));
	int			i;

	if (list_length(pairs) % 2 != 0)
		elog(ERROR, "columns and expressions of a definition are not pairs");
	for (i = 0; i < list_length(pairs); i++)
		list = lappend(list, target(list, psprintf("%c%d", i % 2 == 0 ? 'c' : 'm', i / 2 + 1), list_nth(pairs, i)));
	return list;
}

static Query *
query_of(Jsonb *definition, const ParseState *over, List *pairs, Node *filter)
{
	Query	   *query = makeNode(Query);
	RangeTblRef *ref = makeNode(RangeTblRef);

	ref->rtindex = 1;
	query->commandType = CMD_SELECT;
	query->querySource = QSRC_ORIGINAL;
	query->canSetTag = true;
	query->stmt_location = -1;
	query->targetList = targets(definition, pairs);
	query->jointree = makeFromExpr(over != NULL ? list_make1(ref) : NIL, filter);
	if (over != NULL)
	{
		query->rtable = over->p_rtable;
#if PG_VERSION_NUM >= 160000
		query->rteperminfos = over->p_rteperminfos;
#endif
		query->hasSubLinks = over->p_hasSubLinks;
	}
	/* the view would go with the session */
	if (isQueryUsingTempRelation(query))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_OBJECT_DEFINITION), errmsg("a definition cannot look up temporary tables")));
	return query;
}

static List *
collation_names(Oid collation)
{
	HeapTuple	tuple = SearchSysCache1(COLLOID, ObjectIdGetDatum(collation));
	Form_pg_collation form;
	List	   *names;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for collation %u", collation);
	form = (Form_pg_collation) GETSTRUCT(tuple);
	names = list_make2(makeString(get_namespace_name(form->collnamespace)), makeString(pstrdup(NameStr(form->collname))));
	ReleaseSysCache(tuple);
	return names;
}

/* NULL::type, with the type given by its oid: no name is looked up. */
static ResTarget *
column_like(const TargetEntry *entry)
{
	ResTarget  *made = makeNode(ResTarget);
	A_Const    *constant = makeNode(A_Const);
	TypeCast   *cast = makeNode(TypeCast);
	Oid			collation = exprCollation((Node *) entry->expr);

	constant->isnull = true;
	constant->location = -1;
	cast->arg = (Node *) constant;
	cast->typeName = makeTypeNameFromOid(exprType((Node *) entry->expr), exprTypmod((Node *) entry->expr));
	cast->location = -1;
	made->name = entry->resname;
	made->val = (Node *) cast;
	made->location = -1;
	if (OidIsValid(collation) && collation != get_typcollation(exprType((Node *) entry->expr)))
	{
		CollateClause *collate = makeNode(CollateClause);

		collate->arg = (Node *) cast;
		collate->collname = collation_names(collation);
		collate->location = -1;
		made->val = (Node *) collate;
	}
	return made;
}

/* A view with the columns of the query, which is put in afterwards. */
static Node *
select_like(const Query *query)
{
	SelectStmt *select = makeNode(SelectStmt);
	ListCell   *cell;

	foreach(cell, query->targetList)
		select->targetList = lappend(select->targetList, column_like(lfirst(cell)));
	return (Node *) select;
}

static void
check_name(LhHiddenKind kind, const char *name)
{
	if (name[0] == '\0')
		ereport(ERROR, (errcode(ERRCODE_INVALID_NAME), errmsg("the name of a %s is empty", nouns[kind])));
	if (strlen(name) >= NAMEDATALEN)
		ereport(ERROR,
				(errcode(ERRCODE_NAME_TOO_LONG), errmsg("the name of a %s is too long", nouns[kind]),
				 errdetail("It has %zu bytes; %d are possible.", strlen(name), NAMEDATALEN - 1)));
}

Oid
lh_hidden_put(LhHiddenKind kind, const char *name, Jsonb *definition, const ParseState *over, List *pairs, Node *filter,
			  bool replace)
{
	ViewStmt   *stmt = makeNode(ViewStmt);
	Query	   *query;
	ObjectAddress made;
	LhHiddenOwner was;

	check_name(kind, name);
	if (!replace && OidIsValid(lh_hidden_find(kind, name)))
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT), errmsg("%s \"%s\" already exists", nouns[kind], name)));
	query = query_of(definition, over, pairs, filter);
	stmt->view = makeRangeVar(pstrdup(lh_hidden_schemas[kind]), pstrdup(name), -1);
	stmt->query = select_like(query);
	stmt->replace = replace;
	stmt->withCheckOption = NO_CHECK_OPTION;

	was = lh_hidden_become(InvalidOid);
	made = DefineView(stmt, "", -1, -1);
	CommandCounterIncrement();
	StoreViewQuery(made.objectId, query, true);
	lh_hidden_return(was);
	lh_hidden_changed();
	return made.objectId;
}

void
lh_hidden_drop(LhHiddenKind kind, const char *name)
{
	Oid			view = lh_hidden_find(kind, name);
	ObjectAddress address;
	LhHiddenOwner was;

	if (!OidIsValid(view))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("%s \"%s\" does not exist", nouns[kind], name)));
	ObjectAddressSet(address, RelationRelationId, view);
	was = lh_hidden_become(InvalidOid);
	performDeletion(&address, DROP_RESTRICT, 0);
	lh_hidden_return(was);
	lh_hidden_changed();
}

/* ---- found ---- */

Oid
lh_hidden_find(LhHiddenKind kind, const char *name)
{
	Oid			schema = lh_hidden_schema(kind);
	Oid			view = OidIsValid(schema) && strlen(name) < NAMEDATALEN ? get_relname_relid(name, schema) : InvalidOid;

	return OidIsValid(view) && get_rel_relkind(view) == RELKIND_VIEW ? view : InvalidOid;
}

typedef struct Named
{
	char	   *name;
	Oid			view;
} Named;

static int
by_name(const ListCell *a, const ListCell *b)
{
	return strcmp(((const Named *) lfirst(a))->name, ((const Named *) lfirst(b))->name);
}

static List *
sorted(List *named)
{
	List	   *views = NIL;
	ListCell   *cell;

	list_sort(named, by_name);
	foreach(cell, named)
		views = lappend_oid(views, ((const Named *) lfirst(cell))->view);
	list_free_deep(named);
	return views;
}

static List *
add_named(List *all, Oid view)
{
	Named	   *named = palloc(sizeof(Named));

	named->view = view;
	named->name = get_rel_name(view);
	/* what vanishes meanwhile is told by an invalidation, too */
	return named->name != NULL ? lappend(all, named) : all;
}

/* By what depends on the schema: pg_class has no index by schema. */
List *
lh_hidden_all(LhHiddenKind kind)
{
	Oid			schema = lh_hidden_schema(kind);
	List	   *all = NIL;
	ListCell   *lc;

	if (!OidIsValid(schema))
		return NIL;
	foreach(lc, lh_pg_dependents(NamespaceRelationId, schema, RelationRelationId, 0))
	{
		if (get_rel_relkind(lfirst_oid(lc)) == RELKIND_VIEW)
			all = add_named(all, lfirst_oid(lc));
	}
	return sorted(all);
}

/* ---- granted ---- */

static const struct
{
	AclMode		mode;
	const char *name;
}			privileges[] = {
	{ACL_SELECT, "select"}, {ACL_REFERENCES, "references"}, {ACL_INSERT, "insert"},
	{ACL_UPDATE, "update"}, {ACL_TRIGGER, "trigger"}, {ACL_DELETE, "delete"},
};

void
lh_hidden_grant(Oid view, Oid role, AclMode mode, bool grant)
{
	GrantStmt  *stmt = makeNode(GrantStmt);
	RoleSpec   *grantee = makeNode(RoleSpec);
	LhHiddenOwner was;

	for (size_t i = 0; i < lengthof(privileges); i++)
	{
		AccessPriv *privilege;

		if ((mode & privileges[i].mode) == 0)
			continue;
		privilege = makeNode(AccessPriv);
		privilege->priv_name = pstrdup(privileges[i].name);
		stmt->privileges = lappend(stmt->privileges, privilege);
		mode &= ~privileges[i].mode;
	}
	if (mode != 0 || stmt->privileges == NIL)
		elog(ERROR, "privileges that definitions do not have");
	grantee->roletype = role == ACL_ID_PUBLIC ? ROLESPEC_PUBLIC : ROLESPEC_CSTRING;
	grantee->rolename = role == ACL_ID_PUBLIC ? NULL : GetUserNameFromId(role, false);
	grantee->location = -1;
	stmt->is_grant = grant;
	stmt->targtype = ACL_TARGET_OBJECT;
	stmt->objtype = OBJECT_TABLE;
	stmt->objects = list_make1(makeRangeVar(get_namespace_name(get_rel_namespace(view)), get_rel_name(view), -1));
	stmt->grantees = list_make1(grantee);
	stmt->behavior = DROP_RESTRICT;

	was = lh_hidden_become(InvalidOid);
	ExecuteGrantStmt(stmt);
	lh_hidden_return(was);
	lh_hidden_changed();
}

/*
 * PostgreSQL's has_privs_of_role says yes to every superuser, who would be of every role; there a superuser has the
 * roles that he was made a member of.
 */
bool
lh_hidden_member(Oid role, Oid of)
{
	if (role == of)
		return true;
	return superuser_arg(role) ? is_member_of_role_nosuper(role, of) : has_privs_of_role(role, of);
}

bool
lh_hidden_has(const LhHidden *hidden, Oid role, AclMode mode)
{
	const AclItem *items;

	if (hidden->acl == NULL)
		return false;
	items = ACL_DAT(hidden->acl);
	for (int i = 0; i < ACL_NUM(hidden->acl); i++)
		if ((ACLITEM_GET_PRIVS(items[i]) & mode) != 0 && items[i].ai_grantee != hidden->owner &&
			(items[i].ai_grantee == ACL_ID_PUBLIC || lh_hidden_member(role, items[i].ai_grantee)))
			return true;
	return false;
}
