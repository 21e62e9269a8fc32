/*
 * enforce_place.c
 *		Masks that stay at the scan in a query that has no subquery any more.
 *
 * A subquery of masks that the planner makes part of the query around it leaves masks wherever their columns were used: above
 * joins and sorts, whose temporary files would hold raw values.  A PlaceHolderVar keeps an expression where it belongs.  The planner's own
 * are for values that an outer join makes NULL; ours have one table as their place, so they are
 * columns of its scan, and travel upward as such.  The table itself is a plain one among others: looked up in indexes by
 * each outer row, and read in the order of an index.
 *
 * A PlaceHolderVar is known by its number alone.  The planner counts from 1, we from FIRST, and it is told to go on after ours
 * when it asks for the first table of the statement, before it looks for any: until then it has made those that
 * come of pulling up subqueries.  Two kinds of queries have none (visit in enforce.c): those that are copied, as numbers must differ, and
 * branches of UNION ALL that become children of one relation, where the planner does not look for any.
 */
#include "pg/privacy/enforce.h"

#include "nodes/makefuncs.h"
#include "nodes/pathnodes.h"

/* From 16 on the planner has an array of as many. */
#define FIRST 4096
#define MOST  16384

static LhPlaces places = 0;

LhPlaces
lh_places_begin(void)
{
	LhPlaces	before = places;

	places = 0;
	return before;
}

LhPlaces
lh_places_end(LhPlaces before)
{
	LhPlaces	made = places;

	places = before;
	return made;
}

bool
lh_places_room(int n)
{
	return places + n <= MOST;
}

Expr *
lh_place_at_scan(Expr *expr, Index rti)
{
	PlaceHolderVar *place = makeNode(PlaceHolderVar);

	place->phexpr = expr;
	place->phrels = bms_make_singleton(rti);
	place->phid = FIRST + ++places;
	place->phlevelsup = 0;
	return (Expr *) place;
}

void
lh_places_tell(PlannerInfo *root, LhPlanning *planning)
{
	PlannerGlobal *glob = root->glob;

	if (planning->places == 0 || glob == planning->told)
		return;
	if (glob->lastPHId > FIRST)
		ereport(ERROR,
				(errcode(ERRCODE_STATEMENT_TOO_COMPLEX),
				 errmsg("statement has too many expressions on the nullable side of outer joins to read tables with policies")));
	glob->lastPHId = FIRST + planning->places;
	planning->told = glob;
}
