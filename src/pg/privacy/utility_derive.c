/*
 * utility_derive.c
 *		Copies of what is under policies: CREATE TABLE AS, SELECT INTO, materialized views.
 *
 * What a copy holds is what its maker may see: the planner hook masks for him, and REFRESH, which runs
 * as the owner of the materialized view, masks for the owner.  When the maker sees values as they are, the copy has them, and
 * is under no policy by itself.  So:
 *
 *	- a materialized view inherits: a policy is made for it ...
 *	- of a table (or SELECT INTO) it is said by a WARNING which columns are copies.
 */
#include "pg/privacy/utility_parts.h"

#include "catalog/namespace.h"
#include "commands/createas.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

/* The columns of the copy that hold values of columns with masks, as they are for this subject. */
static List *
raw_outputs(Query *query, const LhSubject *subject)
{
	List	   *raw = NIL;
	ListCell   *lc;
	ListCell   *o;

	foreach(lc, lh_utility_origins(query))
	{
		LhOrigins  *output = lfirst(lc);

		foreach(o, output->origins)
		{
			LhOrigin   *origin = lfirst(o);
			const LhEffective *effective;
			const LhColumnPolicy *column;

			if (!lh_policy_any(origin->relid) || lh_policy_strictest(origin->relid, origin->attnum) == NULL)
				continue;
			effective = lh_policy_effective(origin->relid, subject);
			column = effective == NULL ? NULL : lh_policy_column(effective, origin->attnum);
			if (column != NULL && column->mask != NULL)
				continue;
			raw = lappend(raw, output);
			break;
		}
	}
	return raw;
}

void
lh_utility_derive_before(Node *stmt)
{
}

void
lh_utility_derive_after(Node *node)
{
	CreateTableAsStmt *stmt = (CreateTableAsStmt *) node;
	Query	   *query = (Query *) stmt->query;
	LhSubject	subject = lh_subject();
	StringInfoData names;
	ListCell   *lc;

	if (lh_policy_none() || !IsA(query, Query) || query->commandType != CMD_SELECT)
		return;
	initStringInfo(&names);
	foreach(lc, raw_outputs(query, &subject))
		appendStringInfo(&names, "%s\"%s\"", names.len > 0 ? ", " : "", ((LhOrigins *) lfirst(lc))->name);
	if (names.len > 0)
		ereport(WARNING,
				(errmsg("\"%s\" has copies of masked columns as they are: %s", stmt->into->rel->relname, names.data),
				 errhint("Make a policy for it with lakehouse.policy_create.")));
}
