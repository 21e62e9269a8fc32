/*
 * publication.c
 *		What publications let through: tables, operations, rows, columns.
 *
 * The rules are those of pgoutput, asked with the catalog as it was when the row
 * was written:
 *
 *	1. a publication names a relation if it is FOR ALL TABLES, names its schema, the
 *	   relation itself or a partitioned table above it;
 *	2. with publish_via_partition_root rows go out under the topmost such table;
 *	   where publications differ in that, the one nearest to the root wins, and
 *	   the others' row filters and column lists do not count;
 *	3. conditions of several publications are joined by OR, and one publication
 *	   without a condition lets all rows of its operations pass;
 *	4. column lists of several publications must be the same; one of all columns is none.
 */
#include "pg/cdc/cdc.h"

#include "catalog/partition.h"
#include "catalog/pg_publication.h"
#include "catalog/pg_publication_rel.h"
#include "executor/executor.h"
#include "nodes/makefuncs.h"
#include "optimizer/clauses.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

/* A publication that names the relation. */
typedef struct Naming
{
	Publication *pub;
	Oid			as;
	int			level;			/* how far above the relation "as" is */
} Naming;

void
lh_cdc_check_publications(LhCdc *cdc)
{
	ListCell   *lc;

	foreach(lc, cdc->publications)
	{
		if (!OidIsValid(get_publication_oid(lfirst(lc), true)))
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_OBJECT),
					 errmsg("publication \"%s\" does not exist", (char *) lfirst(lc)),
					 errhint("Make it with CREATE PUBLICATION, or correct option \"publication_names\".")));
	}
}

/* Is the relation named, and under which name do its rows go out? */
static bool
names_relation(Publication *pub, Oid relid, List *ancestors, List *relation_pubs, List *schema_pubs, Naming *naming)
{
	bool		named = false;

	*naming = (Naming) {pub, relid, 0};
	if (pub->alltables)
	{
		if (pub->pubviaroot && ancestors != NIL)
		{
			naming->as = llast_oid(ancestors);
			naming->level = list_length(ancestors);
		}
		return true;
	}
	if (ancestors != NIL)
	{
		int			level;
		Oid			ancestor = GetTopMostAncestorInPublication(pub->oid, ancestors, &level);

		if (OidIsValid(ancestor))
		{
			named = true;
			if (pub->pubviaroot)
			{
				naming->as = ancestor;
				naming->level = level;
			}
		}
	}
	return named || list_member_oid(relation_pubs, pub->oid) || list_member_oid(schema_pubs, pub->oid);
}

/* The publications that name a relation under the topmost name; what they publish goes to actions. */
static List *
find_namings(LhCdc *cdc, Relation relation, LhCdcPublish *publish)
{
	Oid			relid = RelationGetRelid(relation);
	char		relkind = relation->rd_rel->relkind;
	List	   *relation_pubs = GetRelationPublications(relid);
	List	   *schema_pubs = GetSchemaPublications(RelationGetNamespace(relation));
	List	   *ancestors = relation->rd_rel->relispartition ? get_partition_ancestors(relid) : NIL;
	List	   *namings = NIL;
	int			top = 0;
	ListCell   *lc;

	foreach(lc, cdc->publications)
	{
		Publication *pub = GetPublicationByName(lfirst(lc), true);
		Naming	   *naming = palloc(sizeof(Naming));

		/* it exists now, but did not when this row was written */
		if (pub == NULL || !names_relation(pub, relid, ancestors, relation_pubs, schema_pubs, naming))
			continue;
		/* TRUNCATE of a partitioned table is told of its partitions, too */
		if (relkind == RELKIND_PARTITIONED_TABLE && !pub->pubviaroot)
			continue;
		publish->actions[LH_CDC_INSERT] |= pub->pubactions.pubinsert;
		publish->actions[LH_CDC_UPDATE] |= pub->pubactions.pubupdate;
		publish->actions[LH_CDC_DELETE] |= pub->pubactions.pubdelete;
		publish->actions[LH_CDC_TRUNCATE] |= pub->pubactions.pubtruncate;
		if (namings == NIL || naming->level > top)
		{
			namings = list_make1(naming);
			top = naming->level;
			publish->as = naming->as;
		}
		else if (naming->level == top)
			namings = lappend(namings, naming);
	}
	return namings;
}

/* A list that has all columns is the same as none; generated ones cannot be in it before 18. */
static Bitmapset *
without_full_list(Bitmapset *columns, Relation published)
{
	TupleDesc	desc = RelationGetDescr(published);

	if (columns == NULL)
		return NULL;
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute a = TupleDescAttr(desc, i);

		if (!a->attisdropped && a->attgenerated == '\0' && !bms_is_member(a->attnum, columns))
			return columns;
	}
	return NULL;
}

/* Condition and columns of a table in a publication; false: it has neither. */
static bool
entry_of(Naming *naming, List *schema_pubs, Node **condition, Bitmapset **columns)
{
	HeapTuple	tuple;
	Datum		value;
	bool		isnull;

	*condition = NULL;
	*columns = NULL;
	if (naming->pub->alltables || list_member_oid(schema_pubs, naming->pub->oid))
		return false;
	tuple = SearchSysCache2(PUBLICATIONRELMAP, ObjectIdGetDatum(naming->as), ObjectIdGetDatum(naming->pub->oid));
	if (!HeapTupleIsValid(tuple))
		return false;
	value = SysCacheGetAttr(PUBLICATIONRELMAP, tuple, Anum_pg_publication_rel_prqual, &isnull);
	if (!isnull)
		*condition = stringToNode(TextDatumGetCString(value));
	value = SysCacheGetAttr(PUBLICATIONRELMAP, tuple, Anum_pg_publication_rel_prattrs, &isnull);
	if (!isnull)
		*columns = pub_collist_to_bitmapset(NULL, value, CurrentMemoryContext);
	ReleaseSysCache(tuple);
	return true;
}

bool
lh_cdc_published(LhCdc *cdc, Relation relation, LhCdcPublish *publish)
{
	List	   *namings;
	List	   *schema_pubs;
	Relation	published;
	bool		unfiltered[LH_CDC_N_ROW_ACTIONS] = {false};
	ListCell   *lc;

	memset(publish, 0, sizeof(*publish));
	/* FOR ALL TABLES: neither materialized views nor what initdb made */
	if (!is_publishable_relation(relation))
		return false;
	namings = find_namings(cdc, relation, publish);
	if (namings == NIL)
		return false;
	schema_pubs = GetSchemaPublications(get_rel_namespace(publish->as));
	published = RelationIdGetRelation(publish->as);
	if (!RelationIsValid(published))
		elog(ERROR, "could not open relation with OID %u", publish->as);
	foreach(lc, namings)
	{
		Naming	   *naming = lfirst(lc);
		const PublicationActions *a = &naming->pub->pubactions;
		const bool	does[LH_CDC_N_ROW_ACTIONS] = {a->pubinsert, a->pubupdate, a->pubdelete};
		Node	   *condition;
		Bitmapset  *columns;

		(void) entry_of(naming, schema_pubs, &condition, &columns);
		columns = without_full_list(columns, published);
		for (int i = 0; i < LH_CDC_N_ROW_ACTIONS; i++)
		{
			if (does[i] && condition == NULL)
				unfiltered[i] = true;
			else if (does[i])
				publish->filters[i] = lappend(publish->filters[i], condition);
		}
		if (lc == list_head(namings))
			publish->columns = columns;
		else if (!bms_equal(publish->columns, columns))
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 errmsg("publications of this stream have different column lists for table \"%s.%s\"",
							get_namespace_name(get_rel_namespace(publish->as)), get_rel_name(publish->as)),
					 errhint("Give the table the same list in all of them, or use a stream for each.")));
	}
	RelationClose(published);
	for (int i = 0; i < LH_CDC_N_ROW_ACTIONS; i++)
	{
		if (unfiltered[i])
			publish->filters[i] = NIL;
	}
	return true;
}

/* The name that a publication knows a table by; false: it does not name it. */
static bool
covers(const LhCdcTable *table, Publication *pub, Naming *naming)
{
	bool		is_there = SearchSysCacheExists1(RELOID, ObjectIdGetDatum(table->relid));

	if (names_relation(pub, table->relid, table->ancestors, is_there ? GetRelationPublications(table->relid) : NIL,
					   OidIsValid(table->namespace) ? GetSchemaPublications(table->namespace) : NIL, naming))
		return true;
	for (int i = 0; i < table->npublications && !is_there; i++)
	{
		if (strcmp(lh_pg_text(table->publications[i]), pub->name) == 0)
			return true;
	}
	return false;
}

bool
lh_cdc_covers(LhCdc *cdc, const LhCdcTable *table, Oid *as, bool *narrowed)
{
	bool		covered = false;
	ListCell   *lc;

	*as = table->relid;
	*narrowed = false;
	foreach(lc, cdc->publications)
	{
		Publication *pub = GetPublicationByName(lfirst(lc), true);
		Naming		naming;
		Node	   *condition;
		Bitmapset  *columns;

		if (pub == NULL || !covers(table, pub, &naming))
			continue;
		covered = true;
		if (naming.level > 0)
			*as = naming.as;
		(void) entry_of(&naming, NIL, &condition, &columns);
		*narrowed |= columns != NULL;
	}
	return covered;
}

/* Any of the publications' conditions, then all of the consumer's; NULL: there are none. */
static Expr *
join_conditions(List *published, List *own)
{
	List	   *all = list_copy(own);

	if (published != NIL)
		all = lcons(list_length(published) == 1 ? linitial(published) : makeBoolExpr(OR_EXPR, published, -1), all);
	return all == NIL ? NULL : list_length(all) == 1 ? linitial(all) : makeBoolExpr(AND_EXPR, all, -1);
}

void
lh_cdc_compile_filters(LhCdc *cdc, LhCdcRel *rel, Relation published, const LhCdcPublish *publish)
{
	MemoryContext old;
	TupleDesc	desc;
	List	   *own = cdc->nrow_filters > 0 ? lh_cdc_row_filters(cdc, rel, published) : NIL;

	rel->filtered = rel->narrowed = own != NIL;
	for (int i = 0; i < LH_CDC_N_ROW_ACTIONS; i++)
		rel->filtered |= publish->filters[i] != NIL;
	if (!rel->filtered)
	{
		rel->filtered = lh_cdc_policy_filters(rel->policy);
		return;
	}
	old = MemoryContextSwitchTo(rel->mcxt);
	desc = CreateTupleDescCopyConstr(RelationGetDescr(published));
	rel->estate = CreateExecutorState();
	for (int i = 0; i < LH_CDC_N_ROW_ACTIONS; i++)
	{
		Expr	   *condition = join_conditions(publish->filters[i], own);

		if (condition == NULL)
			continue;
		rel->filters[i] = ExecPrepareExpr(condition, rel->estate);
		/* functions that are not leakproof may raise errors, and quote values in them */
		rel->guarded |= contain_leaked_vars((Node *) condition);
	}
	rel->old_slot = MakeSingleTupleTableSlot(desc, &TTSOpsVirtual);
	rel->new_slot = MakeSingleTupleTableSlot(desc, &TTSOpsVirtual);
	MemoryContextSwitchTo(old);
}
