/*
 * location_closed.h
 *		Policies of foreign tables hold for their files.
 *
 * Whoever a policy of a lake table hides values from could read the same files by another foreign table, by
 * lakehouse.read, COPY, the functions on Parquet and Iceberg.  So the location of such a table is closed to him by every
 * way but the table; store/closed.c keeps it closed, whatever the spelling.
 *
 * Closed to whom: a policy holds for him; or none does, but he has neither SELECT on the table nor the right policy_admin, nor
 * is he exempt: then the policy cannot tell what he may see.  Policies with the option other_paths close nothing.
 */
#ifndef LH_PG_PRIVACY_LOCATION_CLOSED_H
#define LH_PG_PRIVACY_LOCATION_CLOSED_H

#include "pg/privacy/privacy.h"

/* LhFeatures.closed_locations */
extern List *lh_location_closed(Oid reader, bool anybody);
/* LhFeatures.lake_table_changed */
extern void lh_location_changed(Oid relid, bool place);

#endif
