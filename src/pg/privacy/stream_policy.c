/*
 * stream_policy.c
 *		All policies, made ready for a change stream.
 *
 *	1. What concerns any table is read while the present catalog is in sight; later nothing is looked up: rows
 *	   are decoded under a catalog in which policies, masks and keys may not be there yet, or be others.
 *	2. An expression that could not run then is not run at all: it closes its table, with the reason.  So do sub-selects, which
 *	   need tables, functions that are VOLATILE, which may write, and virtual generated columns, which rows of the log do not have.
 *	3. Keyed masks keep what they need of their domain; their domains are loaded here.  When a domain or a key
 *	   has changed, "ready" says so before the next value is masked.
 *
 * What cannot be read is an error of its table alone: a key that is not to be had stops streams of that table, not all.
 */
#include "pg/privacy/stream.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/sysattr.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_depend.h"
#include "catalog/pg_rewrite.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/clauses.h"
#include "optimizer/optimizer.h"
#include "rewrite/rewriteManip.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

#include "pg/privacy/domain_state.h"
#include "pg/privacy/policy_internal.h"

/* What is being made. */
typedef struct Reading
{
	LhStreamPolicies *policies;
	LhSubject	subject;		/* without a purpose */
	LhSubject	session;		/* as queries have it */
	bool		snapshot;
	Oid			schema;			/* lakehouse */
	Oid			relid;			/* the table at hand */
	const char *wrong;			/* with the expression at hand; NULL: nothing */
} Reading;

/* ---- expressions ---- */

static bool
is_ours(const Reading *r, Oid function)
{
	return OidIsValid(r->schema) && get_func_namespace(function) == r->schema;
}

/* Who the subject is, is known now; the functions would ask catalogs. */
static Node *
put_subject(Node *node, void *context)
{
	Reading    *r = context;

	if (node == NULL)
		return NULL;
	if (IsA(node, FuncExpr) && is_ours(r, ((FuncExpr *) node)->funcid))
	{
		char	   *name = get_func_name(((FuncExpr *) node)->funcid);
		Oid			role = strcmp(name, "subject_role") == 0 ? r->subject.role :
			strcmp(name, "subject_session") == 0 ? r->subject.session : InvalidOid;

		if (OidIsValid(role))
			return (Node *) makeConst(NAMEOID, -1, C_COLLATION_OID, NAMEDATALEN,
									  DirectFunctionCall1(namein, CStringGetDatum(GetUserNameFromId(role, false))), false, false);
		/* none is claimed */
		if (strcmp(name, "purpose") == 0)
			return (Node *) makeConst(TEXTOID, -1, DEFAULT_COLLATION_OID, -1, CStringGetTextDatum(""), false, false);
	}
	return expression_tree_mutator(node, put_subject, context);
}

/* The domain of an executing twin, of which it is the argument before last, or the one before that. */
static void
load_domain(Reading *r, const FuncExpr *call)
{
	char	   *name = get_func_name(call->funcid);
	int			n = strcmp(name, "mask_date_shift_run") == 0 ? 2 : 1;
	const Const *domain = list_length(call->args) > n ? list_nth(call->args, n) : NULL;

	if (domain == NULL || !IsA(domain, Const) || domain->consttype != TEXTOID)
		r->wrong = "names its token domain by an expression";
	else if (!domain->constisnull)
		(void) lh_domain_get(TextDatumGetCString(domain->constvalue));
}

/* A keyed mask's twin, of which the gate is the last argument. */
static bool
is_twin(Node *node)
{
	FuncExpr   *call = (FuncExpr *) node;

	return IsA(node, FuncExpr) && call->funcresulttype != INTERNALOID && call->args != NIL &&
		exprType(llast(call->args)) == INTERNALOID;
}

static bool
is_gate(Node *node)
{
	return IsA(node, FuncExpr) && ((FuncExpr *) node)->funcresulttype == INTERNALOID;
}

static bool
load_domains(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (is_twin(node))
		load_domain(context, (FuncExpr *) node);
	return expression_tree_walker(node, load_domains, context);
}

static bool
has_twin(Node *node, void *context)
{
	return node != NULL && (is_twin(node) || expression_tree_walker(node, has_twin, context));
}

static bool
is_mutable(Oid function, void *context)
{
	return func_volatile(function) != PROVOLATILE_IMMUTABLE;
}

/* Keyed masks look at their domain alone. */
static bool
reads_settings(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, SQLValueFunction))
		return true;
	if (!is_twin(node) && !is_gate(node) && check_functions_in_node(node, is_mutable, context))
		return true;
	return expression_tree_walker(node, reads_settings, context);
}

/* Masks of ours raise no errors about values. */
static bool
may_raise(Oid function, void *context)
{
	return !get_func_leakproof(function) && !is_ours(context, function);
}

static bool
is_risky(Node *node, void *context)
{
	if (node == NULL)
		return false;
	return check_functions_in_node(node, may_raise, context) || IsA(node, MinMaxExpr) || IsA(node, ArrayCoerceExpr) ||
		IsA(node, SubscriptingRef) || expression_tree_walker(node, is_risky, context);
}

static Bitmapset *
columns_of(Node *expr)
{
	Bitmapset  *offset = NULL;
	Bitmapset  *columns = NULL;
	int			k = -1;

	pull_varattnos(expr, 1, &offset);
	while ((k = bms_next_member(offset, k)) >= 0)
		columns = bms_add_member(columns, Max(k + FirstLowInvalidHeapAttributeNumber, 0));
	return columns;
}

static bool
reads_virtual(const Reading *r, const Bitmapset *columns)
{
	int			column = 0;

	while ((column = bms_next_member(columns, column)) > 0)
	{
		if (lh_generated_virtually(get_attgenerated(r->relid, column)))
			return true;
	}
	return false;
}

/* NULL: it cannot be, and r->wrong says why. */
static LhStreamExpr *
ready(Reading *r, Expr *expr)
{
	LhStreamExpr *e = palloc0(sizeof(LhStreamExpr));
	Node	   *node = put_subject((Node *) expr, r);

	r->wrong = checkExprHasSubLink(node) ? "looks something up in a table" :
		contain_volatile_functions(node) ? "calls a function that is VOLATILE" : NULL;
	if (r->wrong != NULL)
		return NULL;
	e->expr = expression_planner((Expr *) node);
	e->reads = columns_of((Node *) e->expr);
	if (reads_virtual(r, e->reads))
	{
		r->wrong = "reads a virtual generated column, which rows of the log do not have";
		return NULL;
	}
	e->risky = is_risky((Node *) e->expr, r);
	e->settings = reads_settings((Node *) e->expr, NULL);
	e->keyed = has_twin((Node *) e->expr, NULL);
	(void) load_domains((Node *) e->expr, r);
	if (r->wrong != NULL)
		return NULL;
	e->state = ExecInitExpr(e->expr, NULL);
	return e;
}

/* ---- a table ---- */

static void
close_table(LhStreamTable *table, const char *column, const char *wrong)
{
	if (column != NULL)
		table->closed = psprintf("the mask of column \"%s\" %s", column, wrong);
	else
		table->closed = psprintf("the row filter of its policy %s", wrong);
}

/* queried: what queries of the subject have made of rows before they come; NULL: nothing */
static void
fill(Reading *r, LhStreamTable *table, const LhEffective *effective, const LhEffective *queried)
{
	ListCell   *cell;

	foreach(cell, effective->columns)
	{
		const LhColumnPolicy *column = lfirst(cell);
		const LhColumnPolicy *seen = lh_policy_column(queried, column->attnum);
		LhStreamMask *mask;

		/* a virtual column is none of a stream */
		if (column->mask == NULL || lh_generated_virtually(get_attgenerated(r->relid, column->attnum)))
			continue;
		mask = palloc0(sizeof(LhStreamMask));
		mask->attnum = column->attnum;
		mask->arrives = seen != NULL && seen->mask != NULL;
		mask->mask = ready(r, column->mask);
		if (mask->mask == NULL)
		{
			close_table(table, get_attname(table->relid, column->attnum, false), r->wrong);
			return;
		}
		table->masks = lappend(table->masks, mask);
	}
	if (effective->filters == NIL)
		return;
	/* where any policy holds for the subject, its queries have these filters */
	table->passed = queried != NULL;
	table->filter = ready(r, (Expr *) make_ands_explicit(effective->filters));
	if (table->filter == NULL)
		close_table(table, NULL, r->wrong);
}

static void
read_table(Reading *r, LhStreamTable *table)
{
	const LhEffective *queried = NULL;
	LhEffective *effective = lh_policy_streamed(table->relid, &r->subject, &r->policies->until, &table->closed);

	r->relid = table->relid;
	if (effective == NULL)
		return;
	if (!lh_privacy_loaded())
		table->closed = "it has policies, and lakehouse is not in shared_preload_libraries";
	else if (r->snapshot && r->session.purpose[0] != '\0')
		table->closed = "it has policies, and rows that are read for a purpose (setting lakehouse.purpose) are not those of a stream";
	if (table->closed != NULL)
		return;
	if (r->snapshot)
		queried = lh_policy_effective(table->relid, &r->session);
	fill(r, table, effective, queried);
}

/* What is wrong with a policy or a key is the table's, and no value is in the message: none was there. */
static void
read_guarded(Reading *r, LhStreamTable *table)
{
	MemoryContext old = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(old);
	PG_TRY();
	{
		read_table(r, table);
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(old);
		error = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
		MemoryContextSwitchTo(old);
		CurrentResourceOwner = owner;
		switch (ERRCODE_TO_CATEGORY(error->sqlerrcode))
		{
			case MAKE_SQLSTATE('4', '0', '0', '0', '0'):
			case MAKE_SQLSTATE('5', '3', '0', '0', '0'):
			case MAKE_SQLSTATE('5', '7', '0', '0', '0'):
				ReThrowError(error);
		}
		/* a lock that is not to be had is nobody's fault, and will be gone */
		if (error->sqlerrcode == ERRCODE_LOCK_NOT_AVAILABLE)
			ReThrowError(error);
		table->closed = psprintf("its policies cannot be used: %s", error->message);
	}
	PG_END_TRY();
	MemoryContextSwitchTo(old);
	CurrentResourceOwner = owner;
}

/* ---- all of them ---- */

/* Every relation that a policy may be about, and its family. */
static List *
concerned(void)
{
	List	   *direct = NIL;
	List	   *all = NIL;
	ListCell   *cell;

	foreach(cell, lh_policies())
	{
		const LhPolicy *policy = lfirst(cell);

		if (OidIsValid(policy->relid))
			direct = list_append_unique_oid(direct, policy->relid);
		if (policy->wrong != NULL)
			direct = list_concat_unique_oid(direct, policy->hidden->named);
	}
	foreach(cell, direct)
	{
		Oid			relid = lfirst_oid(cell);

		CHECK_FOR_INTERRUPTS();
		all = list_append_unique_oid(all, relid);
		all = list_concat_unique_oid(all, lh_policy_ancestors(relid));
		all = list_concat_unique_oid(all, lh_policy_descendants(relid));
	}
	return all;
}

static void
read_tables(Reading *r, List *relids)
{
	LhStreamPolicies *p = r->policies;
	HASHCTL		ctl = {.keysize = sizeof(Oid), .entrysize = sizeof(LhStreamTable), .hcxt = p->mcxt};
	ListCell   *cell;

	p->tables = hash_create("lakehouse policies of a stream", 64, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	p->estate = CreateExecutorState();
	foreach(cell, relids)
	{
		LhStreamTable table = {.relid = lfirst_oid(cell)};

		CHECK_FOR_INTERRUPTS();
		read_guarded(r, &table);
		if (table.closed != NULL || table.masks != NIL || table.filter != NULL)
			memcpy(hash_search(p->tables, &table.relid, HASH_ENTER, NULL), &table, sizeof(table));
	}
}

static LhStreamPolicies *
read_policies(MemoryContext parent, bool snapshot)
{
	MemoryContext mcxt = AllocSetContextCreate(parent, "lakehouse policies of a stream", ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(mcxt);
	LhStreamPolicies *p = palloc0(sizeof(LhStreamPolicies));
	Reading		r = {.policies = p, .subject = lh_subject(), .snapshot = snapshot};
	List	   *relids;

	AcceptInvalidationMessages();
	r.session = r.subject;
	r.subject.purpose = "";
	p->mcxt = mcxt;
	p->until = DT_NOEND;
	p->role = r.subject.role;
	p->session = r.subject.session;
	if (r.subject.integrity || r.subject.unknown)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("a change stream cannot be read while PostgreSQL works for a table")));
	relids = concerned();
	/* what comes after this makes all of it be read again */
	p->version = lh_policy_version();
	p->domains = lh_domain_generation;
	if (relids != NIL)
	{
		r.schema = get_namespace_oid("lakehouse", true);
		read_tables(&r, relids);
	}
	MemoryContextSwitchTo(old);
	return p;
}

static bool
is_current(const LhStreamPolicies *p)
{
	return p != NULL && p->version == lh_policy_version() && (p->tables == NULL || p->domains == lh_domain_generation) &&
		p->role == GetOuterUserId() && p->session == GetSessionUserId() &&
		(p->until == DT_NOEND || GetCurrentTimestamp() < p->until);
}

static bool
is_ready(const LhStreamPolicies *p)
{
	return p->domains == lh_domain_generation;
}

/* ---- news ---- */

static void (*watcher) (void);

static void
tell(void)
{
	watcher();
}

static void
roles_changed(Datum arg, int cacheid, uint32 hash)
{
	watcher();
}

static void
watch(void (*changed) (void))
{
	if (watcher != NULL)
		return;
	watcher = changed;
	lh_hidden_watch(tell);
	lh_keys_watch(tell);
	CacheRegisterSyscacheCallback(AUTHOID, roles_changed, (Datum) 0);
	CacheRegisterSyscacheCallback(AUTHMEMROLEMEM, roles_changed, (Datum) 0);
}

/* ---- a past catalog ---- */

/* The schema of the view that a rule is of. */
static Oid
schema_of_rule(Oid rule)
{
	Relation	rel = table_open(RewriteRelationId, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;
	Oid			schema = InvalidOid;

	ScanKeyInit(&key, Anum_pg_rewrite_oid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(rule));
	scan = systable_beginscan(rel, RewriteOidIndexId, true, NULL, 1, &key);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
		schema = get_rel_namespace(((Form_pg_rewrite) GETSTRUCT(tuple))->ev_class);
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return schema;
}

/* By what depends on the table: nothing is remembered of it, as lh_hidden_all would. */
static Bitmapset *
named(Oid relid)
{
	Oid			schema = get_namespace_oid(lh_hidden_schemas[LH_HIDDEN_POLICY], true);
	Bitmapset  *columns = NULL;
	Relation	rel;
	ScanKeyData keys[2];
	SysScanDesc scan;
	HeapTuple	tuple;

	if (!OidIsValid(schema))
		return NULL;
	rel = table_open(DependRelationId, AccessShareLock);
	ScanKeyInit(&keys[0], Anum_pg_depend_refclassid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(RelationRelationId));
	ScanKeyInit(&keys[1], Anum_pg_depend_refobjid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(relid));
	scan = systable_beginscan(rel, DependReferenceIndexId, true, NULL, 2, keys);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_depend d = (Form_pg_depend) GETSTRUCT(tuple);

		if (d->classid != RewriteRelationId || schema_of_rule(d->objid) != schema)
			continue;
		columns = bms_add_member(columns, 0);
		columns = bms_add_member(columns, Max(d->refobjsubid, 0));
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return columns;
}

const LhStreamApi lh_stream_api = {
	.read = read_policies,
	.current = is_current,
	.ready = is_ready,
	.watch = watch,
	.named = named,
};
