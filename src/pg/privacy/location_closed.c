/*
 * location_closed.c
 *		Which locations policies close, and to whom.
 *
 * Asked for each location that is opened, so what is no foreign table goes first.  A table of a catalog has its place from
 * there: it is looked up once a session, as the table's owner.  When that fails, so does whatever wanted to read: what is
 * closed is not known.
 */
#include "pg/privacy/location_closed.h"

#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "foreign/fdwapi.h"
#include "foreign/foreign.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/hsearch.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "pg/bridge/catalog.h"
#include "pg/privacy/enforce.h"
#include "pg/privacy/policy_internal.h"
#include "pg/util/features.h"

/* A lake table, and the table that has the policy: itself, or one of its family. */
typedef struct Bound
{
	Oid			table;
	Oid			policied;
} Bound;

/* ---- which tables ---- */

static List *
add_bound(List *bounds, Oid table, Oid policied)
{
	Bound	   *bound;

	if (!lh_lake_is_table(table))
		return bounds;
	bound = palloc(sizeof(Bound));
	bound->table = table;
	bound->policied = policied;
	return lappend(bounds, bound);
}

static List *
bound_tables(void)
{
	List	   *relations = NIL;
	List	   *bounds = NIL;
	ListCell   *cell,
			   *of;

	/* those that cannot be used as well: they close what they name */
	foreach(cell, lh_policies())
	{
		const LhPolicy *policy = lfirst(cell);

		if (OidIsValid(policy->relid) && !policy->other_paths)
			relations = list_append_unique_oid(relations, policy->relid);
	}
	foreach(cell, relations)
	{
		Oid			relid = lfirst_oid(cell);
		char		kind = get_rel_relkind(relid);

		if (kind == RELKIND_FOREIGN_TABLE)
			bounds = add_bound(bounds, relid, relid);
		if (kind == RELKIND_PARTITIONED_TABLE || has_subclass(relid))
		{
			foreach(of, lh_policy_descendants(relid))
				bounds = add_bound(bounds, lfirst_oid(of), relid);
		}
		if (has_superclass(relid))
		{
			foreach(of, lh_policy_ancestors(relid))
				bounds = add_bound(bounds, lfirst_oid(of), relid);
		}
	}
	return bounds;
}

/* ---- to whom ---- */

static bool
may_see(Oid table, const LhSubject *subject)
{
	return pg_class_aclcheck(table, subject->role, ACL_SELECT) == ACLCHECK_OK ||
		lh_right_has(LH_RIGHT_POLICY_ADMIN, subject->role);
}

static bool
is_closed(const Bound *bound, const LhSubject *subject)
{
	TimestampTz now = GetCurrentTimestamp();
	bool		seen = may_see(bound->table, subject);
	ListCell   *cell;

	foreach(cell, lh_policies())
	{
		const LhPolicy *policy = lfirst(cell);
		TimestampTz until = DT_NOEND;

		if (policy->relid != bound->policied || policy->other_paths)
			continue;
		if (policy->wrong != NULL)
		{
			if (!subject->superuser)
				return true;
			continue;
		}
		if (lh_policy_holds(policy, subject, now, &until))
			return true;
		if (!seen && !(lh_hidden_has(policy->hidden, subject->role, LH_HIDDEN_EXCEPT) && now < policy->except_until))
			return true;
	}
	return false;
}

/* ---- where ---- */

/* Locations of tables of catalogs, by what was asked. */
typedef struct Located
{
	char		key[1024];
	char	   *location;
} Located;

static HTAB *located;

/* What the catalog is asked, in one text; false: too long to be kept. */
static bool
catalog_key(Oid table, const LhLakeOptions *options, char *key)
{
	ForeignServer *server = GetForeignServer(GetForeignServerIdByRelId(table));
	int			n = snprintf(key, sizeof(((Located *) 0)->key), "%u %u %s.%s %s", server->serverid, lh_lake_owner(table),
							 options->catalog_namespace != NULL ? options->catalog_namespace : "", options->catalog_table,
							 nodeToString(server->options));

	return n > 0 && n < (int) sizeof(((Located *) 0)->key);
}

static const char *
locate(Oid table, const LhLakeOptions *options)
{
	MemoryContext mcxt = AllocSetContextCreate(CurrentMemoryContext, "lakehouse location", ALLOCSET_SMALL_SIZES);
	LhCtx	   *ctx = lh_pg_ctx(mcxt, 0, NULL);
	char	   *location = pstrdup(lh_pg_text(lh_catalog_locate(ctx, lh_lake_owner(table), GetForeignServerIdByRelId(table),
																NULL, options)));

	MemoryContextDelete(mcxt);
	return location;
}

static const char *
catalog_location(Oid table, const LhLakeOptions *options)
{
	HASHCTL		info = {.keysize = sizeof(((Located *) 0)->key), .entrysize = sizeof(Located)};
	char		key[sizeof(((Located *) 0)->key)] = {0};
	const char *location;
	Located    *kept;
	bool		found;

	if (!catalog_key(table, options, key))
		return locate(table, options);
	if (located == NULL)
		located = hash_create("lakehouse closed locations", 16, &info, HASH_ELEM | HASH_STRINGS);
	kept = hash_search(located, key, HASH_FIND, NULL);
	if (kept != NULL)
		return kept->location;
	location = MemoryContextStrdup(TopMemoryContext, locate(table, options));
	kept = hash_search(located, key, HASH_ENTER, &found);
	kept->location = unconstify(char *, location);
	return location;
}

/* Looking a table up in a catalog opens files, too: while it is done, tables of catalogs close nothing. */
static bool looking;

static List *
add_locations(List *locations, Oid table)
{
	LhLakeOptions options;

	lh_lake_options(table, &options);
	if (options.table.location != NULL)
		return list_concat(locations, lh_location_list(lh_pg_text(options.table.location)));
	if (options.catalog_table == NULL || looking)
		return locations;
	looking = true;
	PG_TRY();
	{
		locations = lappend(locations, unconstify(char *, catalog_location(table, &options)));
	}
	PG_FINALLY();
	{
		looking = false;
	}
	PG_END_TRY();
	return locations;
}

/* ---- all of it ---- */

static List *
collect(Oid reader, bool anybody)
{
	LhSubject	subject = lh_subject();
	List	   *locations = NIL;
	ListCell   *cell;

	foreach(cell, bound_tables())
	{
		const Bound *bound = lfirst(cell);

		if (bound->table != reader && (anybody || subject.unknown || is_closed(bound, &subject)))
			locations = add_locations(locations, bound->table);
	}
	return locations;
}

List *
lh_location_closed(Oid reader, bool anybody)
{
	List	   *locations;

	if (lh_policy_none())
		return NIL;
	locations = collect(reader, anybody);
	/* its own policies say what he sees of it */
	if (locations != NIL && !anybody && OidIsValid(reader) && lh_enforce_holds(reader))
		return NIL;
	return locations;
}

/* ---- changes of the table ---- */

void
lh_location_changed(Oid relid, bool place)
{
	if (lh_policy_none() || !lh_policy_any(relid) || superuser() || lh_right_has(LH_RIGHT_POLICY_ADMIN, GetUserId()))
		return;
	if (!place && !lh_enforce_holds(relid))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("permission denied to change foreign table \"%s\"", get_rel_name(relid)),
			 errdetail("It has policies, which are about its columns and its files."),
			 errhint("Whoever has the right policy_admin may change its options and add columns.")));
}
