/*
 * policies.c
 *		Policies of tables, in a stream.
 *
 *	1. They are read with the present catalog when a stream starts, and again when anything about them changed: before
 *	   the next transaction, and within one before the next plan of a table is made, which every change of a policy
 *	   causes (present.c, privacy/stream_policy.c).
 *	2. The plan of a table knows which of its columns are masked, by number, so that a rename changes nothing.  A mask that does not
 *	   fit the table as it was when the row was written, as a column that it reads was not there or of another type, is NULL
 *	   there; a filter that does not fit lets no row through.
 *	3. A row is masked before anything else sees it but conditions: what comes after, be it a mask of the consumer's, a
 *	   key, an outbox or quarantine, has masked values.
 *	4. Old rows that hold the key alone have to be enough for masks of the key and for the filter: else the stream is refused.
 *	5. A table or column that is gone has no policies any more.  What one named when the row was written is not streamed, or null.
 *
 * Rows that a query reads (snapshot.c) come masked already where a policy holds for who asks.
 */
#include "pg/cdc/cdc.h"
#include "pg/util/catalog.h"
#include "pg/util/features.h"
#include "pg/util/stream_policy.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/sysattr.h"
#include "access/table.h"
#include "catalog/indexing.h"
#include "catalog/pg_attribute.h"
#include "catalog/pg_class.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "storage/proc.h"
#include "utils/fmgroids.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

/* So often are policies read anew because they changed meanwhile. */
#define MOST_READINGS 5

typedef enum Shown
{
	SHOWN_RAW, SHOWN_MASKED, SHOWN_NULL,
	SHOWN_AS_IT_COMES			/* it comes masked */
} Shown;

/* Of a table's plan, in its memory. */
struct LhCdcPolicy
{
	LhStreamPolicies *policies;
	const LhCdcRel *rel;
	bool		nothing;		/* no row goes out */
	bool		arrives;		/* queries have done with rows what policies say, or part of it */
	const LhStreamExpr *filter; /* NULL: there is none, or rows have passed it */
	Shown	   *shown;			/* of each attribute of the log's rows */
	const LhStreamExpr **masks; /* of each attribute, where it is SHOWN_MASKED */
	TupleTableSlot *slot;		/* the log's row in the shape of the published relation */
	/* a row */
	Datum	   *values;			/* of attributes of the log's rows, made by masks */
	bool	   *nulls;
	bool	   *unknown;		/* of the new row: what the mask reads is not in the log */
};

static inline const LhStreamApi *
api(void)
{
	return lh_features.stream_policies;
}

/* ---- reading ---- */

/*
 * Somebody who has committed keeps his locks while he waits for a standby, and that may be the receiver of this stream: on tables of keys
 * that were made in one transaction with what the stream is about, for one.  A wait without end for him who waits for us is what it would be.
 */
#define MOST_LOCK_WAIT 10000	/* milliseconds */

static void
explain_lock(void *arg)
{
	if (geterrcode() != ERRCODE_LOCK_NOT_AVAILABLE)
		return;
	errcontext("reading policies and keys for a change stream");
	errhint("Who holds the lock may have committed, and wait for the receiver of this stream as its synchronous standby.  "
			"Cancel that session's wait, or take the receiver out of synchronous_standby_names; then start the stream again.");
}

static void
read_all(LhCdc *cdc)
{
	LhStreamPolicies *old = cdc->policies;
	ErrorContextCallback context = {.callback = explain_lock, .previous = error_context_stack};
	int			timeout = LockTimeout;
	LhCdcPresent was;

	lh_cdc_present_begin(cdc, &was);
	PG_TRY();
	{
		/* queries wait as queries do */
		if (cdc->pg != NULL)
		{
			error_context_stack = &context;
			LockTimeout = timeout > 0 ? Min(timeout, MOST_LOCK_WAIT) : MOST_LOCK_WAIT;
		}
		cdc->policies = api()->read(cdc->mcxt, cdc->pg == NULL);
	}
	PG_CATCH();
	{
		LockTimeout = timeout;
		lh_cdc_present_failed(&was);
		PG_RE_THROW();
	}
	PG_END_TRY();
	LockTimeout = timeout;
	error_context_stack = context.previous;
	lh_cdc_present_end(cdc, &was);
	/* plans have pointers into the old ones */
	lh_cdc_forget_plans(cdc);
	if (old == NULL)
		return;
	if (old->estate != NULL)
		FreeExecutorState(old->estate);
	MemoryContextDelete(old->mcxt);
}

void
lh_cdc_policies_update(LhCdc *cdc)
{
	if (cdc->pg != NULL)
		AcceptInvalidationMessages();
	for (int i = 0; !api()->current(cdc->policies); i++)
	{
		if (i == MOST_READINGS)
			ereport(ERROR,
					(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE), errmsg("policies change faster than a stream can read them")));
		read_all(cdc);
	}
}

bool
lh_cdc_policies_current(LhCdc *cdc)
{
	return api()->current(cdc->policies);
}

void
lh_cdc_policies_init(void (*changed) (void))
{
	api()->watch(changed);
}

static const LhStreamTable *
table_of(LhCdc *cdc, Oid relid)
{
	if (cdc->policies == NULL || cdc->policies->tables == NULL)
		return NULL;
	return hash_search(cdc->policies->tables, &relid, HASH_FIND, NULL);
}

bool
lh_cdc_has_policies(LhCdc *cdc)
{
	return cdc->policies != NULL && cdc->policies->tables != NULL;
}

bool
lh_cdc_policies_hide(LhCdc *cdc, Oid relid)
{
	return table_of(cdc, relid) != NULL;
}

/* ---- a condition of the consumer's ---- */

void
lh_cdc_policies_refuse(Relation relation, Node *condition)
{
	LhStreamPolicies *p = api()->read(CurrentMemoryContext, true);
	Oid			relid = RelationGetRelid(relation);
	const LhStreamTable *table = p->tables != NULL ? hash_search(p->tables, &relid, HASH_FIND, NULL) : NULL;
	Bitmapset  *reads = NULL;
	ListCell   *lc;

	if (table == NULL)
		return;
	pull_varattnos(condition, 1, &reads);
	foreach(lc, table->masks)
	{
		AttrNumber	attnum = ((LhStreamMask *) lfirst(lc))->attnum;

		if (bms_is_member(attnum - FirstLowInvalidHeapAttributeNumber, reads))
			ereport(ERROR,
					(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
					 errmsg("this condition reads column \"%s\", which is masked by a policy", get_attname(relid, attnum, false)),
					 errhint("Which rows come would tell what it holds.")));
	}
}

/* ---- plans ---- */

static bool
misfit(Node *node, void *context)
{
	TupleDesc	desc = context;

	if (node == NULL)
		return false;
	if (IsA(node, Var))
	{
		const Var  *var = (const Var *) node;
		Form_pg_attribute a;

		if (var->varattno <= 0 || var->varattno > desc->natts)
			return true;
		a = TupleDescAttr(desc, var->varattno - 1);
		return a->attisdropped || a->atttypid != var->vartype;
	}
	return expression_tree_walker(node, misfit, context);
}

/* Can the expression be computed from rows of this shape? */
static bool
fits(const LhStreamExpr *e, TupleDesc shape)
{
	return !misfit((Node *) e->expr, shape);
}

/* The mask of a column, by number. */
static const LhStreamMask *
mask_of(const LhStreamTable *table, AttrNumber attnum)
{
	ListCell   *lc;

	foreach(lc, table != NULL ? table->masks : NIL)
	{
		if (((const LhStreamMask *) lfirst(lc))->attnum == attnum)
			return lfirst(lc);
	}
	return NULL;
}

/* Masks of the table under whose name rows go out; own: of the one that they are stored in. */
static void
plan_masks(LhCdcPolicy *policy, const LhStreamTable *table, const LhStreamTable *own, TupleDesc shape)
{
	ListCell   *lc;

	foreach(lc, table != NULL ? table->masks : NIL)
	{
		const LhStreamMask *m = lfirst(lc);
		int			at = m->attnum <= shape->natts ? policy->rel->root_attributes[m->attnum - 1] : -1;
		const LhStreamMask *stored = mask_of(own, at + 1);

		if (at < 0)
			continue;
		if (stored != NULL && stored->arrives)
			policy->shown[at] = SHOWN_AS_IT_COMES;
		else if (exprType((Node *) m->mask->expr) == TupleDescAttr(shape, m->attnum - 1)->atttypid && fits(m->mask, shape))
		{
			policy->shown[at] = SHOWN_MASKED;
			policy->masks[at] = m->mask;
		}
		else
			policy->shown[at] = SHOWN_NULL;
	}
}

/*
 * What a partition alone masks is known by the table above as well, unless it left that since: then nobody knows how it
 * should look under that name.
 */
static void
plan_own(LhCdcPolicy *policy, const LhStreamTable *table, const LhStreamTable *own, TupleDesc desc)
{
	ListCell   *lc;

	if (own == NULL || own == table)
		return;
	policy->nothing |= own->filter != NULL && (table == NULL || table->filter == NULL);
	foreach(lc, own->masks)
	{
		const LhStreamMask *m = lfirst(lc);

		if (m->attnum <= desc->natts && policy->shown[m->attnum - 1] == SHOWN_RAW)
			policy->shown[m->attnum - 1] = m->arrives ? SHOWN_AS_IT_COMES : SHOWN_NULL;
	}
}

/* A mask that would be made of masked values is none. */
static void
plan_arrived(LhCdcPolicy *policy, int natts)
{
	for (int i = 0; i < natts; i++)
	{
		int			k = 0;

		while (policy->masks[i] != NULL && (k = bms_next_member(policy->masks[i]->reads, k)) > 0)
		{
			int			at = policy->rel->root_attributes[k - 1];

			if (at < 0 || policy->shown[at] != SHOWN_AS_IT_COMES)
				continue;
			policy->shown[i] = SHOWN_NULL;
			policy->masks[i] = NULL;
		}
	}
}

static void
plan_filter(LhCdcPolicy *policy, const LhStreamTable *table, const LhStreamTable *own, TupleDesc shape)
{
	if (table == NULL || table->filter == NULL || (own != NULL && own->passed))
		return;
	if (fits(table->filter, shape))
		policy->filter = table->filter;
	else
		policy->nothing = true;
}

/* A generated column is stored: it shows what it was made from, unless it has a mask of its own. */
static void
plan_generated(LhCdcPolicy *policy, TupleDesc desc)
{
	for (int i = 0; desc->constr != NULL && i < desc->constr->num_defval; i++)
	{
		int			at = desc->constr->defval[i].adnum - 1;
		Bitmapset  *used = NULL;
		int			k = -1;

		if (TupleDescAttr(desc, at)->attgenerated == '\0' || policy->shown[at] != SHOWN_RAW)
			continue;
		pull_varattnos(stringToNode(desc->constr->defval[i].adbin), 1, &used);
		while ((k = bms_next_member(used, k)) >= 0)
		{
			AttrNumber	from = k + FirstLowInvalidHeapAttributeNumber;

			if (from > 0 && policy->shown[from - 1] != SHOWN_RAW)
				policy->shown[at] = SHOWN_NULL;
		}
	}
}

/* One look at a catalog of now (as present.c has it), whatever catalog is in sight: has it a row that fn says yes to?  fn NULL: any. */
static bool
there_now(Oid catalog, Oid index, const ScanKeyData *keys, int nkeys, bool (*fn) (HeapTuple tuple))
{
	Relation	rel = table_open(catalog, AccessShareLock);
	Snapshot	committed = lh_pg_snapshot_of_committed();
	Snapshot	snapshot = committed != NULL ? committed : RegisterSnapshot(GetNonHistoricCatalogSnapshot(catalog));
	SysScanDesc scan = systable_beginscan(rel, index, true, snapshot, nkeys, unconstify(ScanKeyData *, keys));
	HeapTuple	tuple = systable_getnext(scan);
	bool		found = HeapTupleIsValid(tuple) && (fn == NULL || fn(tuple));

	systable_endscan(scan);
	UnregisterSnapshot(snapshot);
	table_close(rel, AccessShareLock);
	return found;
}

static bool
has_table(Oid relid)
{
	ScanKeyData key;

	ScanKeyInit(&key, Anum_pg_class_oid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(relid));
	return there_now(RelationRelationId, ClassOidIndexId, &key, 1, NULL);
}

static bool
is_column(HeapTuple tuple)
{
	return !((Form_pg_attribute) GETSTRUCT(tuple))->attisdropped;
}

static bool
has_column(Oid relid, AttrNumber attnum)
{
	ScanKeyData keys[2];

	ScanKeyInit(&keys[0], Anum_pg_attribute_attrelid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(relid));
	ScanKeyInit(&keys[1], Anum_pg_attribute_attnum, BTEqualStrategyNumber, F_INT2EQ, Int16GetDatum(attnum));
	return there_now(AttributeRelationId, AttributeRelidNumIndexId, keys, 2, is_column);
}

/*
 * What policies named of the row's table when it was written, and is not there any more, so that no policy can be about
 * it now: 0 for the table, numbers for columns.
 */
static Bitmapset *
named_and_gone(const LhCdcRel *rel)
{
	Bitmapset  *named;
	Bitmapset  *gone = NULL;
	ListCell   *lc;
	int			k = 0;

	if (!HistoricSnapshotActive())
		return NULL;
	named = api()->named(rel->relid);
	if (named != NULL && has_table(rel->relid))
	{
		while ((k = bms_next_member(named, k)) > 0)
		{
			if (!has_column(rel->relid, (AttrNumber) k))
				gone = bms_add_member(gone, k);
		}
		return gone;
	}
	/* a partition is told of by the names of those above */
	foreach(lc, rel->ancestors)
		named = bms_union(named, api()->named(lfirst_oid(lc)));
	return named != NULL && !has_table(rel->relid) ? bms_make_singleton(0) : NULL;
}

static LhCdcPolicy *
new_policy(LhCdc *cdc, const LhCdcRel *rel, TupleDesc desc, TupleDesc shape)
{
	LhCdcPolicy *policy = palloc0(sizeof(LhCdcPolicy));
	int			natts = Max(desc->natts, 1);

	policy->policies = cdc->policies;
	policy->rel = rel;
	policy->shown = palloc0(sizeof(Shown) * natts);
	policy->masks = palloc0(sizeof(*policy->masks) * natts);
	policy->values = palloc0(sizeof(Datum) * natts);
	policy->nulls = palloc0(sizeof(bool) * natts);
	policy->unknown = palloc0(sizeof(bool) * natts);
	policy->slot = MakeSingleTupleTableSlot(CreateTupleDescCopyConstr(shape), &TTSOpsVirtual);
	return policy;
}

static bool
comes_masked(const LhStreamTable *own)
{
	ListCell   *lc;

	foreach(lc, own != NULL ? own->masks : NIL)
	{
		if (((const LhStreamMask *) lfirst(lc))->arrives)
			return true;
	}
	return own != NULL && own->passed;
}

static void
check_open(const LhCdcRel *rel, const LhStreamTable *table)
{
	if (table == NULL || table->closed == NULL)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("table \"%s.%s\" cannot be streamed: %s", lh_pg_text(rel->change.schema), lh_pg_text(rel->change.name),
					table->closed),
			 errhint("Change its policy, or leave the table out of the stream.")));
}

/* What policies need of the plan besides: functions that may raise, settings. */
static void
plan_costs(LhCdcRel *rel, const LhStreamExpr *e)
{
	rel->guarded |= e->risky;
	rel->has_settings |= e->settings;
}

void
lh_cdc_policy_plan(LhCdc *cdc, LhCdcRel *rel, Relation relation, Relation published)
{
	const LhStreamTable *table = table_of(cdc, RelationGetRelid(published));
	const LhStreamTable *own = published == relation ? table : table_of(cdc, rel->relid);
	TupleDesc	desc = RelationGetDescr(relation);
	TupleDesc	shape = RelationGetDescr(published);
	Bitmapset  *gone = named_and_gone(rel);
	LhCdcPolicy *policy;
	int			k = 0;

	if (table == NULL && own == NULL && gone == NULL)
		return;
	check_open(rel, table);
	check_open(rel, own);
	policy = rel->policy = new_policy(cdc, rel, desc, shape);
	policy->nothing = bms_is_member(0, gone);
	plan_masks(policy, table, own, shape);
	plan_own(policy, table, own, desc);
	policy->arrives = comes_masked(own);
	plan_arrived(policy, desc->natts);
	while ((k = bms_next_member(gone, k)) > 0)
	{
		if (k <= desc->natts && policy->shown[k - 1] == SHOWN_RAW)
			policy->shown[k - 1] = SHOWN_NULL;
	}
	plan_generated(policy, desc);
	plan_filter(policy, table, own, shape);
	if (policy->filter != NULL)
		plan_costs(rel, policy->filter);
	for (int i = 0; i < desc->natts; i++)
	{
		if (policy->masks[i] != NULL)
			plan_costs(rel, policy->masks[i]);
	}
}

bool
lh_cdc_policy_arrives(const LhCdcPolicy *policy)
{
	return policy != NULL && policy->arrives;
}

bool
lh_cdc_policy_filters(const LhCdcPolicy *policy)
{
	return policy != NULL && (policy->nothing || policy->filter != NULL);
}

bool
lh_cdc_policy_masks(const LhCdcPolicy *policy, int attribute)
{
	return policy != NULL && policy->shown[attribute] != SHOWN_RAW;
}

/* ---- what old rows have ---- */

static bool
in_old_rows(const LhCdcRel *rel, const LhStreamExpr *e, const Bitmapset *identity)
{
	int			k = 0;

	while ((k = bms_next_member(e->reads, k)) > 0)
	{
		if (!bms_is_member(rel->root_attributes[k - 1] + 1 - FirstLowInvalidHeapAttributeNumber, identity))
			return false;
	}
	return true;
}

static void
refuse_identity(const LhCdcRel *rel, const char *what)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_COLUMN_REFERENCE),
			 errmsg("table \"%s.%s\" cannot be streamed: %s reads columns that old rows of updates and deletes do not have",
					lh_pg_text(rel->change.schema), lh_pg_text(rel->change.name), what),
			 errhint("Set its REPLICA IDENTITY to FULL, or leave updates and deletes out with option \"skipped.operations\".")));
}

void
lh_cdc_policy_check(const LhCdcRel *rel, Relation relation)
{
	const LhCdcPolicy *policy = rel->policy;
	Bitmapset  *identity;

	if (policy == NULL || policy->nothing || rel->change.identity == LH_IDENTITY_FULL || rel->outbox != NULL ||
		(!rel->actions[LH_CDC_UPDATE] && !rel->actions[LH_CDC_DELETE]))
		return;
	identity = RelationGetIdentityKeyBitmap(relation);
	if (policy->filter != NULL && !in_old_rows(rel, policy->filter, identity))
		refuse_identity(rel, "the row filter of its policy");
	for (int i = 0; i < rel->change.ncolumns; i++)
	{
		const LhStreamExpr *mask = policy->masks[rel->attributes[i]];

		if (rel->identity[i] && mask != NULL && !in_old_rows(rel, mask, identity))
			refuse_identity(rel, "the mask of its key");
	}
	bms_free(identity);
}

/* ---- rows ---- */

/* Stored elsewhere, and not in the log. */
static inline bool
is_away(Form_pg_attribute a, Datum value)
{
	return a->attlen == -1 && VARATT_IS_EXTERNAL_ONDISK(DatumGetPointer(value));
}

/* The log's row in the other shape; what the new row has not, the old one may have. */
static void
fill_row(const LhCdcPolicy *policy, TupleDesc desc, const Datum *values, const bool *nulls, const Datum *old_values,
		 const bool *old_nulls)
{
	TupleTableSlot *slot = policy->slot;

	ExecClearTuple(slot);
	for (int i = 0; i < slot->tts_tupleDescriptor->natts; i++)
	{
		int			from = policy->rel->root_attributes[i];
		bool		old = from >= 0 && old_values != NULL && !nulls[from] && !old_nulls[from] &&
			is_away(TupleDescAttr(desc, from), values[from]);

		slot->tts_isnull[i] = from < 0 || nulls[from];
		slot->tts_values[i] = from < 0 ? (Datum) 0 : old ? old_values[from] : values[from];
	}
	ExecStoreVirtualTuple(slot);
}

/* Is all that the expression reads in the row at hand? */
static bool
has_all(const LhCdcPolicy *policy, const LhStreamExpr *e)
{
	const TupleTableSlot *slot = policy->slot;
	int			k = 0;

	while ((k = bms_next_member(e->reads, k)) > 0)
	{
		if (!slot->tts_isnull[k - 1] && is_away(TupleDescAttr(slot->tts_tupleDescriptor, k - 1), slot->tts_values[k - 1]))
			return false;
	}
	return true;
}

static Datum
compute(const LhCdcPolicy *policy, const LhStreamExpr *e, bool *isnull)
{
	ExprContext *context = GetPerTupleExprContext(policy->policies->estate);

	if (e->keyed && !api()->ready(policy->policies))
		ereport(ERROR,
				(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE), errmsg("a key or domain changed while a row was masked"),
				 errhint("The stream can be started again.")));
	context->ecxt_scantuple = policy->slot;
	return ExecEvalExprSwitchContext(e->state, context, isnull);
}

bool
lh_cdc_policy_passes(const LhCdcPolicy *policy, TupleDesc desc, const Datum *values, const bool *nulls,
					 const Datum *old_values, const bool *old_nulls)
{
	bool		isnull;
	Datum		result;

	if (policy->nothing)
		return false;
	if (policy->filter == NULL)
		return true;
	fill_row(policy, desc, values, nulls, old_values, old_nulls);
	if (!has_all(policy, policy->filter))
		return false;
	result = compute(policy, policy->filter, &isnull);
	return !isnull && DatumGetBool(result);
}

void
lh_cdc_policy_begin_row(LhCdc *cdc, LhCdcPolicy *policy)
{
	/* there is none where all that is known is that a table is gone */
	if (policy->policies->estate != NULL)
		ResetPerTupleExprContext(policy->policies->estate);
	cdc->masking = false;
}

/* An old row that holds the key alone has nothing else to mask. */
static inline bool
is_in_row(const LhCdcRel *rel, int column, bool is_key)
{
	return !is_key || rel->identity[column];
}

static void
compute_masks(LhCdc *cdc, const LhCdcRel *rel, bool is_key, bool is_new)
{
	LhCdcPolicy *policy = rel->policy;

	cdc->masking = true;
	for (int i = 0; i < rel->change.ncolumns; i++)
	{
		int			at = rel->attributes[i];
		const LhStreamExpr *mask = policy->masks[at];

		if (mask == NULL || !is_in_row(rel, i, is_key))
			continue;
		cdc->column = i;
		policy->nulls[at] = true;
		if (is_new)
			policy->unknown[at] = !has_all(policy, mask);
		if (has_all(policy, mask))
			policy->values[at] = compute(policy, mask, &policy->nulls[at]);
	}
	cdc->masking = false;
}

void
lh_cdc_policy_row(LhCdc *cdc, const LhCdcRel *rel, TupleDesc desc, Datum *values, bool *nulls, const Datum *old_values,
				  const bool *old_nulls, bool is_key, bool is_new)
{
	LhCdcPolicy *policy = rel->policy;

	fill_row(policy, desc, values, nulls, old_values, old_nulls);
	compute_masks(cdc, rel, is_key, is_new);
	/* all masks have read the row as it is */
	for (int i = 0; i < rel->change.ncolumns; i++)
	{
		int			at = rel->attributes[i];

		if (policy->shown[at] == SHOWN_NULL)
			nulls[at] = true;
		else if (policy->shown[at] == SHOWN_MASKED && is_in_row(rel, i, is_key))
		{
			values[at] = policy->values[at];
			nulls[at] = policy->nulls[at];
		}
	}
}

bool
lh_cdc_policy_unknown(const LhCdcPolicy *policy, int attribute)
{
	return policy->masks[attribute] != NULL && policy->unknown[attribute];
}

/* ---- the start ---- */

void
lh_cdc_policies_check(LhCdc *cdc)
{
	HASH_SEQ_STATUS seq;
	LhStreamTable *table;
	List	   *relids = NIL;
	ListCell   *lc;

	lh_cdc_policies_update(cdc);
	if (cdc->policies->tables == NULL)
		return;
	hash_seq_init(&seq, cdc->policies->tables);
	while ((table = hash_seq_search(&seq)) != NULL)
		relids = lappend_oid(relids, table->relid);
	foreach(lc, relids)
	{
		Relation	relation;

		CHECK_FOR_INTERRUPTS();
		relation = RelationIdGetRelation(lfirst_oid(lc));
		if (!RelationIsValid(relation))
			continue;
		if (lh_cdc_has_rows(cdc, relation) || relation->rd_rel->relkind == RELKIND_MATVIEW)
			(void) lh_cdc_relation(cdc, relation);
		RelationClose(relation);
	}
	lh_cdc_end_settings(cdc);
	/* they were of the present */
	lh_cdc_forget_plans(cdc);
}
