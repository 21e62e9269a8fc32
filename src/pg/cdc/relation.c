/*
 * relation.c
 *		The plan of each table: what every row needs and no row looks up.
 *
 * A plan is made when the first row of a table comes, with the catalog as it was
 * when that row was written, and again when PostgreSQL says that something about
 * the table may have changed.  Most such news is about something else (ANALYZE, a
 * new index); only when what a consumer sees of the schema differs, which its
 * fingerprint tells, does the table enter a new generation and a schema event
 * goes out.
 *
 * A partition has a plan of its own, also when its rows go out under the name of
 * a table above it: then the columns are that table's, and "attributes" says
 * where they are in the partition's rows.  Generations count by that name.
 *
 * Plans are kept up to a number of bytes, and then those that were not used for
 * the longest time go.  What stays for each table that was ever met are its
 * generation and fingerprint, so that one that comes again is not told of twice.
 */
#include "pg/cdc/cdc.h"

#include "access/htup_details.h"
#include "catalog/partition.h"
#include "catalog/pg_attribute.h"
#include "catalog/pg_class.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/ruleutils.h"
#include "utils/syscache.h"

/* The schemas that a stream has met of a relation. */
typedef struct Generation
{
	Oid			relid;			/* key: as published */
	uint32		n;				/* of the one whose schema event went out last */
	uint64		fingerprint;
} Generation;

/* Key to its plan. */
typedef struct Entry
{
	Oid			relid;			/* key: as in the log */
	LhCdcRel   *rel;
} Entry;

/* So often is a plan made anew because policies changed meanwhile. */
#define MOST_PLANS 5

/* Bytes of plans that a stream keeps. */
#define PLANS_MAX ((size_t) 32 << 20)

/* The streams of this backend; callbacks of invalidation cannot be taken back. */
static dlist_head streams = DLIST_STATIC_INIT(streams);
static uint64 changes;			/* how often anything was said to have changed */

/* ---- invalidation ---- */

/* Those that a change concerns are made anew; concerns NULL: all. */
static void
invalidate(bool (*concerns) (const LhCdcRel *rel, Oid relid), Oid relid)
{
	dlist_iter	i;

	changes++;
	dlist_foreach(i, &streams)
	{
		HASH_SEQ_STATUS seq;
		Entry	   *entry;

		hash_seq_init(&seq, dlist_container(LhCdc, among, i.cur)->relations);
		while ((entry = hash_seq_search(&seq)) != NULL)
		{
			if (entry->rel != NULL && (concerns == NULL || concerns(entry->rel, relid)))
				entry->rel->valid = false;
		}
	}
}

static bool
has_user_types(const LhCdcRel *rel, Oid relid)
{
	return rel->user_types;
}

/* A plan also took something from the tables above a partition. */
static bool
is_about(const LhCdcRel *rel, Oid relid)
{
	return rel->relid == relid || rel->change.relid == relid || list_member_oid(rel->ancestors, relid);
}

static void
relation_changed(Datum arg, Oid relid)
{
	invalidate(OidIsValid(relid) ? is_about : NULL, relid);
}

static void
publication_changed(Datum arg, int cacheid, uint32 hash)
{
	invalidate(NULL, InvalidOid);
}

static void
type_changed(Datum arg, int cacheid, uint32 hash)
{
	invalidate(has_user_types, InvalidOid);
}

static void
policies_changed(void)
{
	invalidate(NULL, InvalidOid);
}

void
lh_cdc_forget_plans(LhCdc *cdc)
{
	dlist_iter	i;

	dlist_foreach(i, &cdc->plans)
		dlist_container(LhCdcRel, used, i.cur)->valid = false;
}

static void
register_callbacks(void)
{
	static bool done = false;

	if (done)
		return;
	done = true;
	CacheRegisterRelcacheCallback(relation_changed, (Datum) 0);
	CacheRegisterSyscacheCallback(PUBLICATIONOID, publication_changed, (Datum) 0);
	CacheRegisterSyscacheCallback(PUBLICATIONRELMAP, publication_changed, (Datum) 0);
	CacheRegisterSyscacheCallback(PUBLICATIONNAMESPACEMAP, publication_changed, (Datum) 0);
	CacheRegisterSyscacheCallback(NAMESPACEOID, publication_changed, (Datum) 0);
	CacheRegisterSyscacheCallback(TYPEOID, type_changed, (Datum) 0);
	CacheRegisterSyscacheCallback(ENUMOID, type_changed, (Datum) 0);
	lh_cdc_policies_init(policies_changed);
}

static HTAB *
make_hash(LhCdc *cdc, const char *name, Size entry)
{
	HASHCTL		ctl = {.keysize = sizeof(Oid), .entrysize = entry, .hcxt = cdc->mcxt};

	return hash_create(name, 64, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

static void
forget(void *arg)
{
	dlist_delete(&((LhCdc *) arg)->among);
}

void
lh_cdc_relations_init(LhCdc *cdc)
{
	cdc->relations = make_hash(cdc, "lakehouse change plans", sizeof(Entry));
	dlist_init(&cdc->plans);
	cdc->generations = make_hash(cdc, "lakehouse change generations", sizeof(Generation));
	register_callbacks();
	dlist_push_head(&streams, &cdc->among);
	/* an error ends a stream without a word to us */
	cdc->callback.func = forget;
	cdc->callback.arg = cdc;
	MemoryContextRegisterResetCallback(cdc->mcxt, &cdc->callback);
}

/* ---- columns ---- */

/* What pg_type says of a type. */
static void
describe_type(LhCdc *cdc, const LhCellType *type, LhChangeColumn *c)
{
	LhCtx	   *ctx = cdc->ctx;
	HeapTuple	tuple = SearchSysCache1(TYPEOID, ObjectIdGetDatum(type->base));
	Form_pg_type form;
	char	   *schema;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for type %u", type->base);
	form = (Form_pg_type) GETSTRUCT(tuple);
	schema = get_namespace_name(form->typnamespace);
	c->typcategory = form->typcategory;
	c->type_bare = lh_cell_utf8(ctx, NameStr(form->typname));
	c->type_schema = lh_cell_utf8(ctx, schema != NULL ? schema : "");
	ReleaseSysCache(tuple);
	c->base_type_name = lh_cell_utf8(ctx, format_type_with_typemod(type->base, -1));
	c->base_type_text = lh_cell_utf8(ctx, format_type_with_typemod(type->base, type->typmod));
}

/* A domain and what lies one level beneath it, for formats that name it. */
static void
describe_domain(LhCtx *ctx, LhChangeColumn *c)
{
	HeapTuple	tuple = SearchSysCache1(TYPEOID, ObjectIdGetDatum(c->typid));
	Form_pg_type form;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for type %u", c->typid);
	form = (Form_pg_type) GETSTRUCT(tuple);
	c->domain_bare = lh_cell_utf8(ctx, NameStr(form->typname));
	c->under_typid = form->typbasetype;
	c->under_text = lh_cell_utf8(ctx, format_type_with_typemod(form->typbasetype, form->typtypmod));
	ReleaseSysCache(tuple);
	tuple = SearchSysCache1(TYPEOID, ObjectIdGetDatum(c->under_typid));
	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for type %u", c->under_typid);
	c->under_bare = lh_cell_utf8(ctx, NameStr(((Form_pg_type) GETSTRUCT(tuple))->typname));
	ReleaseSysCache(tuple);
}

/* The expression of a column's default, as \d shows it; NULL: it has none. */
static const char *
default_of(LhCdc *cdc, Relation relation, Form_pg_attribute a)
{
	TupleConstr *constr = RelationGetDescr(relation)->constr;

	if (!a->atthasdef || constr == NULL)
		return NULL;
	for (int i = 0; i < constr->num_defval; i++)
	{
		Node	   *node;

		if (constr->defval[i].adnum != a->attnum)
			continue;
		node = stringToNode(constr->defval[i].adbin);
		/* no default names a column; a context for them would lock the table, which who alters it holds */
		return lh_cell_utf8(cdc->ctx, deparse_expression(node, NIL, false, false));
	}
	return NULL;
}

static bool
needs_user_types(const LhCellType *type)
{
	return type->typid >= FirstNormalObjectId || type->base >= FirstNormalObjectId ||
		(type->elem != NULL && needs_user_types(type->elem));
}

/* Column i of the plan; a is the published relation's attribute. */
static void
describe_column(LhCdc *cdc, LhCdcRel *rel, Relation relation, Relation published, Form_pg_attribute a, int i,
				LhChangeColumn *c)
{
	LhCtx	   *ctx = cdc->ctx;
	Form_pg_attribute own = TupleDescAttr(RelationGetDescr(relation), rel->attributes[i]);
	/* a partition's column has the type of the table above it */
	LhCellType *type = lh_cell_type(&cdc->cells, rel->mcxt, own->atttypid, own->atttypmod);

	rel->types[i] = type;
	c->name = lh_cell_utf8(ctx, NameStr(a->attname));
	c->attnum = a->attnum;
	c->typid = a->atttypid;
	c->base_typid = type->base;
	c->typmod = type->typmod;
	c->elem_typid = type->elem != NULL ? type->elem->base : InvalidOid;
	c->kind = type->kind;
	c->elem_kind = type->elem != NULL ? type->elem->kind : LH_CELL_NULL;
	c->type_name = lh_cell_utf8(ctx, format_type_with_typemod(a->atttypid, -1));
	c->type_text = lh_cell_utf8(ctx, format_type_with_typemod(a->atttypid, a->atttypmod));
	describe_type(cdc, type, c);
	if (c->typid != c->base_typid)
		describe_domain(ctx, c);
	c->enum_labels = lh_cell_enum_labels(ctx, type->elem != NULL && type->elem->labels != NULL ? type->elem : type);
	c->not_null = a->attnotnull;
	c->generated = a->attgenerated != '\0';

	rel->masks[i] = lh_cdc_mask_of(cdc, relation, own->attnum, rel->change.schema, rel->change.name, c->name);
	c->masked = rel->masks[i] != NULL;
	if (c->masked)
	{
		c->kind = lh_mask_cell_kind(rel->masks[i], c->kind);
		c->elem_kind = LH_CELL_NULL;
		/* labels say what the values may be, which is no secret, but a masked column has others */
		c->enum_labels = NULL;
	}
	else if (!c->generated)
		c->default_text = default_of(cdc, published, a);

	if (lh_cdc_policy_masks(rel->policy, rel->attributes[i]))
	{
		c->masked = true;
		c->not_null = false;
		c->default_text = NULL;
	}

	rel->user_types |= needs_user_types(type);
	rel->has_other |= type->kind == LH_CELL_OTHER || (type->elem != NULL && type->elem->kind == LH_CELL_OTHER);
	rel->has_settings |= type->has_settings || (type->elem != NULL && type->elem->has_settings);
	rel->guarded |= type->guarded;
}

/* Is an attribute of the published relation a column of the stream? */
static bool
is_streamed(LhCdc *cdc, Form_pg_attribute a, const LhCdcPublish *publish)
{
	if (a->attisdropped || lh_attribute_is_virtual(a))
		return false;
	if (a->attgenerated != '\0' && cdc->options.generated == LH_GENERATED_NONE)
		return false;
	return publish->columns == NULL || bms_is_member(a->attnum, publish->columns);
}

/* Where the published relation's attributes are in the rows of the log, -1: nowhere. */
static void
map_attributes(LhCdcRel *rel, Relation relation, Relation published)
{
	TupleDesc	from = RelationGetDescr(published);
	TupleDesc	to = RelationGetDescr(relation);

	rel->root_attributes = palloc(sizeof(int) * Max(from->natts, 1));
	for (int i = 0; i < from->natts; i++)
	{
		Form_pg_attribute a = TupleDescAttr(from, i);

		rel->root_attributes[i] = -1;
		if (a->attisdropped)
			continue;
		if (relation == published)
			rel->root_attributes[i] = i;
		for (int k = 0; relation != published && k < to->natts; k++)
		{
			Form_pg_attribute b = TupleDescAttr(to, k);

			if (!b->attisdropped && strcmp(NameStr(a->attname), NameStr(b->attname)) == 0)
				rel->root_attributes[i] = k;
		}
	}
}

static void
describe_columns(LhCdc *cdc, LhCdcRel *rel, Relation relation, Relation published, const LhCdcPublish *publish)
{
	TupleDesc	desc = RelationGetDescr(published);
	LhChangeColumn *columns = lh_alloc_array(cdc->ctx, Max(desc->natts, 1), sizeof(LhChangeColumn));
	int			n = 0;

	if (columns == NULL)
		lh_pg_raise(cdc->ctx);
	rel->attributes = palloc0(sizeof(int) * Max(desc->natts, 1));
	rel->types = palloc0(sizeof(*rel->types) * Max(desc->natts, 1));
	rel->masks = palloc0(sizeof(*rel->masks) * Max(desc->natts, 1));
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute a = TupleDescAttr(desc, i);

		if (rel->root_attributes[i] < 0 || !is_streamed(cdc, a, publish))
			continue;
		rel->attributes[n] = rel->root_attributes[i];
		describe_column(cdc, rel, relation, published, a, n, &columns[n]);
		n++;
	}
	rel->change.columns = columns;
	rel->change.ncolumns = n;
}

/* ---- keys ---- */

static int
column_of_attribute(const LhCdcRel *rel, int attribute)
{
	for (int i = 0; i < rel->change.ncolumns; i++)
	{
		if (rel->attributes[i] == attribute)
			return i;
	}
	return -1;
}

/*
 * Columns of an index of the log's relation, in its order; 0 when one is not
 * streamed or is an expression: half a key is none.
 */
static int
index_columns(LhCdcRel *rel, Oid index, int **columns)
{
	HeapTuple	tuple;
	Form_pg_index form;
	int			n = 0;

	*columns = NULL;
	if (!OidIsValid(index))
		return 0;
	tuple = SearchSysCache1(INDEXRELID, ObjectIdGetDatum(index));
	if (!HeapTupleIsValid(tuple))
		return 0;
	form = (Form_pg_index) GETSTRUCT(tuple);
	*columns = palloc(sizeof(int) * Max(form->indnkeyatts, 1));
	for (int i = 0; i < form->indnkeyatts; i++)
	{
		int			column = form->indkey.values[i] > 0 ? column_of_attribute(rel, form->indkey.values[i] - 1) : -1;

		if (column < 0)
		{
			n = 0;
			break;
		}
		(*columns)[n++] = column;
	}
	ReleaseSysCache(tuple);
	return n;
}

/* Which columns old tuples hold when they hold the key alone. */
static void
mark_identity(LhCdcRel *rel, Relation relation)
{
	Bitmapset  *key = RelationGetIdentityKeyBitmap(relation);

	rel->identity = palloc0(sizeof(bool) * Max(rel->change.ncolumns, 1));
	for (int i = 0; i < rel->change.ncolumns; i++)
		rel->identity[i] = bms_is_member(rel->attributes[i] + 1 - FirstLowInvalidHeapAttributeNumber, key);
	bms_free(key);
}

/* message.key.columns: names of columns instead of an index. */
static int
chosen_key(LhCdc *cdc, LhCdcRel *rel, const char *list, int *columns)
{
	char	   *item;
	int			n = 0;

	while ((item = lh_cdc_next_item(&list, ',')) != NULL)
	{
		int			i = 0;

		while (i < rel->change.ncolumns && strcmp(rel->change.columns[i].name, item) != 0)
			i++;
		if (i == rel->change.ncolumns)
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_COLUMN),
					 errmsg("option \"message.key.columns\" names column \"%s\" that table \"%s.%s\" does not stream",
							lh_pg_text(item), lh_pg_text(rel->change.schema), lh_pg_text(rel->change.name))));
		if (n < rel->change.ncolumns)
			columns[n++] = i;
	}
	return n;
}

static void
describe_keys(LhCdc *cdc, LhCdcRel *rel, Relation relation)
{
	LhChangeColumn *c = (LhChangeColumn *) rel->change.columns;
	const char *chosen = lh_cdc_key_columns(cdc, rel->change.schema, rel->change.name);
	Oid			primary;
	int		   *pk,
			   *keys;
	int			npk,
				nkeys;

	/* reads the list of indexes, which tells both */
	Oid			replica = RelationGetReplicaIndex(relation);

	primary = lh_primary_key_index(relation);
	npk = index_columns(rel, primary, &pk);
	/* with FULL or NOTHING no index is the identity; the primary key still names the row */
	nkeys = index_columns(rel, OidIsValid(replica) ? replica : primary, &keys);
	if (chosen != NULL)
	{
		keys = palloc(sizeof(int) * Max(rel->change.ncolumns, 1));
		nkeys = chosen_key(cdc, rel, chosen, keys);
	}
	for (int i = 0; i < npk; i++)
		c[pk[i]].pk = i + 1;
	for (int i = 0; i < nkeys; i++)
		c[keys[i]].key = i + 1;
	rel->change.identity = (LhIdentity) relation->rd_rel->relreplident;
	rel->change.pk = pk;
	rel->change.npk = npk;
	rel->change.keys = keys;
	rel->change.nkeys = nkeys;
	mark_identity(rel, relation);
	rel->change.old_has_key = nkeys > 0;
	for (int i = 0; i < nkeys; i++)
		rel->change.old_has_key &= rel->change.identity == LH_IDENTITY_FULL || rel->identity[keys[i]];
}

/* ---- fingerprint ---- */

static uint64
mix(uint64 h, uint64 v)
{
	return lh_hash_u64(h ^ lh_hash_u64(v + UINT64CONST(0x9E3779B97F4A7C15)));
}

static uint64
mix_text(uint64 h, const char *text)
{
	return text == NULL ? mix(h, 0) : mix(h, lh_hash_bytes(text, strlen(text), 1));
}

static uint64
mix_column(uint64 h, const LhChangeColumn *c)
{
	h = mix_text(h, c->name);
	h = mix(h, (uint64) c->attnum);
	h = mix(h, ((uint64) c->typid << 32) | c->base_typid);
	h = mix(h, ((uint64) c->elem_typid << 32) | (uint32) c->typmod);
	h = mix(h, ((uint64) c->kind << 8) | (uint64) c->elem_kind);
	h = mix_text(h, c->type_text);
	h = mix_text(h, c->base_type_text);
	h = mix_text(h, c->type_schema);
	h = mix_text(h, c->type_bare);
	h = mix_text(h, c->default_text);
	for (int i = 0; c->enum_labels != NULL && c->enum_labels[i] != NULL; i++)
		h = mix_text(h, c->enum_labels[i]);
	h = mix(h, (c->not_null ? 1 : 0) | (c->generated ? 2 : 0) | (c->masked ? 4 : 0));
	return mix(h, ((uint64) c->key << 32) | (uint64) c->pk);
}

/* Not 0: that is the fingerprint of what was not seen yet. */
static uint64
fingerprint(const LhChangeRel *rel)
{
	uint64		h = mix_text(mix_text(1, rel->schema), rel->name);

	h = mix(h, (uint64) rel->identity);
	for (int i = 0; i < rel->ncolumns; i++)
		h = mix_column(h, &rel->columns[i]);
	return h == 0 ? 1 : h;
}

/* ---- the plan ---- */

static void
free_plan(LhCdc *cdc, LhCdcRel *rel)
{
	dlist_delete(&rel->used);
	cdc->plan_bytes -= rel->bytes;
	lh_arena_destroy(rel->arena);
	if (rel->estate != NULL)
		FreeExecutorState(rel->estate);
	MemoryContextDelete(rel->mcxt);
}

static LhCdcRel *
new_plan(LhCdc *cdc, Relation relation)
{
	MemoryContext mcxt = AllocSetContextCreate(cdc->mcxt, "lakehouse change plan", ALLOCSET_SMALL_SIZES);
	LhCdcRel   *rel = MemoryContextAllocZero(mcxt, sizeof(LhCdcRel));

	rel->relid = RelationGetRelid(relation);
	rel->mcxt = mcxt;
	rel->arena = lh_arena_child(cdc->root);
	if (rel->arena == NULL)
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
	cdc->half = rel;
	return rel;
}

void
lh_cdc_drop_half(LhCdc *cdc)
{
	LhCdcRel   *rel = cdc->half;

	cdc->half = NULL;
	if (rel == NULL)
		return;
	lh_use(cdc->ctx, cdc->root);
	lh_arena_destroy(rel->arena);
	MemoryContextDelete(rel->mcxt);
}

static void
room_for_rows(LhCdcRel *rel, Relation relation)
{
	int			natts = Max(RelationGetDescr(relation)->natts, 1);
	int			n = Max(rel->change.ncolumns, 1);

	rel->natts = RelationGetDescr(relation)->natts;
	rel->old_values = palloc(sizeof(Datum) * natts);
	rel->new_values = palloc(sizeof(Datum) * natts);
	rel->old_nulls = palloc(sizeof(bool) * natts);
	rel->new_nulls = palloc(sizeof(bool) * natts);
	rel->old_cells = palloc0(sizeof(LhCell) * n);
	rel->new_cells = palloc0(sizeof(LhCell) * n);
}

/* The schema of the published relation is the one that was told last, or begins a new generation. */
bool
lh_cdc_announce(LhCdc *cdc, LhCdcRel *rel)
{
	Generation *g;
	bool		found,
				differs;

	if (unlikely(cdc->open != NULL))
		return lh_cdc_announce_unfinished(cdc, rel);
	g = hash_search(cdc->generations, &rel->change.relid, HASH_ENTER, &found);
	if (!found)
	{
		g->n = 0;
		g->fingerprint = 0;
	}
	differs = g->fingerprint != rel->change.fingerprint;
	if (differs)
	{
		g->n++;
		g->fingerprint = rel->change.fingerprint;
	}
	rel->change.generation = g->n;
	return differs;
}

/* All that depends on the published relation. */
static void
describe(LhCdc *cdc, LhCdcRel *rel, Relation relation, Relation published, const LhCdcPublish *publish)
{
	char	   *schema = get_namespace_name(RelationGetNamespace(published));

	rel->change.relid = RelationGetRelid(published);
	rel->change.schema = lh_cell_utf8(cdc->ctx, schema != NULL ? schema : "");
	rel->change.name = lh_cell_utf8(cdc->ctx, RelationGetRelationName(published));
	for (int i = 0; i < LH_CDC_N_ACTIONS; i++)
		rel->actions[i] = publish->actions[i] && lh_cdc_wants_action(cdc, (LhCdcAction) i);
	if (!lh_cdc_wants_table(cdc, rel->change.schema, rel->change.name))
	{
		memset(rel->actions, 0, sizeof(rel->actions));
		return;
	}
	lh_cdc_need_settings(cdc);
	map_attributes(rel, relation, published);
	lh_cdc_policy_plan(cdc, rel, relation, published);
	describe_columns(cdc, rel, relation, published, publish);
	describe_keys(cdc, rel, relation);
	room_for_rows(rel, relation);
	lh_cdc_outbox_plan(cdc, rel);
	lh_cdc_policy_check(rel, relation);
	lh_cdc_compile_filters(cdc, rel, published, publish);
	rel->change.fingerprint = fingerprint(&rel->change);
	for (int i = 0; i < cdc->nformats; i++)
		lh_pg_check(cdc->ctx, cdc->encoders[i]->format->relation(cdc->ctx, cdc->encoders[i], &rel->change, &rel->plans[i]));
}

static LhCdcRel *
make_plan(LhCdc *cdc, Relation relation)
{
	LhCdcRel   *rel = new_plan(cdc, relation);
	MemoryContext old = MemoryContextSwitchTo(rel->mcxt);
	LhArena    *old_arena = lh_use(cdc->ctx, rel->arena);
	LhCdcPublish publish = {{true, true, true, true}, RelationGetRelid(relation)};
	Relation	published = relation;

	if (relation->rd_rel->relispartition)
		rel->ancestors = get_partition_ancestors(rel->relid);
	if (lh_cdc_is_own_table(cdc, rel->relid) ||
		(cdc->publications != NIL && !lh_cdc_published(cdc, relation, &publish)))
		memset(publish.actions, 0, sizeof(publish.actions));
	else
	{
		if (publish.as != rel->relid)
			published = RelationIdGetRelation(publish.as);
		if (!RelationIsValid(published))
			elog(ERROR, "could not open relation with OID %u", publish.as);
		describe(cdc, rel, relation, published, &publish);
		if (published != relation)
			RelationClose(published);
	}
	lh_use(cdc->ctx, old_arena);
	MemoryContextSwitchTo(old);
	cdc->half = NULL;
	return rel;
}

/* It is the last that was used; others make room for it. */
static void
keep_plan(LhCdc *cdc, LhCdcRel *rel)
{
	rel->bytes = MemoryContextMemAllocated(rel->mcxt, true) + lh_arena_used(rel->arena);
	cdc->plan_bytes += rel->bytes;
	while (cdc->plan_bytes > PLANS_MAX && !dlist_is_empty(&cdc->plans))
	{
		LhCdcRel   *last = dlist_tail_element(LhCdcRel, used, &cdc->plans);

		(void) hash_search(cdc->relations, &last->relid, HASH_REMOVE, NULL);
		free_plan(cdc, last);
	}
	dlist_push_head(&cdc->plans, &rel->used);
}

/* Policies are those of now when it is made, and still when it is used. */
static LhCdcRel *
make_current_plan(LhCdc *cdc, Relation relation, uint64 *before)
{
	Relation   *at_hand = cdc->at_hand;
	int			nat_hand = cdc->nat_hand;
	LhCdcRel   *rel;

	if (nat_hand == 0)
	{
		cdc->at_hand = &relation;
		cdc->nat_hand = 1;
	}
	for (int i = 0;; i++)
	{
		lh_cdc_policies_update(cdc);
		*before = changes;
		rel = make_plan(cdc, relation);
		if (lh_cdc_policies_current(cdc))
			break;
		cdc->half = rel;
		lh_cdc_drop_half(cdc);
		if (i == MOST_PLANS)
			ereport(ERROR,
					(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE), errmsg("policies change faster than a stream can read them")));
	}
	cdc->at_hand = at_hand;
	cdc->nat_hand = nat_hand;
	return rel;
}

LhCdcRel *
lh_cdc_relation(LhCdc *cdc, Relation relation)
{
	Oid			relid = RelationGetRelid(relation);
	bool		found;
	Entry	   *entry = hash_search(cdc->relations, &relid, HASH_ENTER, &found);
	LhCdcRel   *rel;
	uint64		before;

	if (!found)
		entry->rel = NULL;
	if (likely(entry->rel != NULL && entry->rel->valid))
	{
		dlist_move_head(&cdc->plans, &entry->rel->used);
		return entry->rel;
	}
	if (entry->rel != NULL)
	{
		rel = entry->rel;
		entry->rel = NULL;
		free_plan(cdc, rel);
	}
	rel = make_current_plan(cdc, relation, &before);
	/* what made it may have told of changes: a historic catalog cannot have any more, the present one can */
	rel->valid = cdc->pg != NULL || before == changes;
	keep_plan(cdc, rel);
	entry->rel = rel;
	return rel;
}
