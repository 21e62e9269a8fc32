/*
 * rights.c
 *		Who may administer keys, policies and the audit log.
 *
 * A right is EXECUTE on a function of that name (privacy.sql), so that PostgreSQL's own grants,
 * dumps and DROP ROLE keep it.  Who owns a table has none of them by that.
 */
#include "pg/privacy/privacy.h"

#include "catalog/namespace.h"
#include "catalog/pg_proc.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

bool		lh_privacy_preloaded = false;

static const char *const names[] = {
	[LH_RIGHT_POLICY_ADMIN] = "policy_admin",
	[LH_RIGHT_KEY_ADMIN] = "key_admin",
	[LH_RIGHT_AUDITOR] = "auditor",
};

/* InvalidOid: the extension is not in this database. */
static Oid
marker(LhRight right)
{
	Oid			schema = get_namespace_oid("lakehouse", true);
	oidvector  *none;

	if (!OidIsValid(schema))
		return InvalidOid;
	none = buildoidvector(NULL, 0);
	return GetSysCacheOid3(PROCNAMEARGSNSP, Anum_pg_proc_oid, CStringGetDatum(names[right]),
						   PointerGetDatum(none), ObjectIdGetDatum(schema));
}

bool
lh_right_has(LhRight right, Oid role)
{
	Oid			function = marker(right);

	if (!OidIsValid(function))
		return superuser_arg(role);
	return lh_function_execute(function, role) == ACLCHECK_OK;
}

void
lh_right_require(LhRight right, const char *what)
{
	if (!lh_right_has(right, GetUserId()))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied %s", what),
				 errdetail("It takes the right \"%s\".", names[right]),
				 errhint("A superuser, or who may grant it, gives it with lakehouse.right_grant('%s', role).", names[right])));
}

bool
lh_privacy_loaded(void)
{
	return lh_privacy_preloaded;
}

void
lh_privacy_require(void)
{
	if (!lh_privacy_loaded())
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("policies need lakehouse in shared_preload_libraries"),
				 errhint("Add it to shared_preload_libraries and start the server again.")));
}
