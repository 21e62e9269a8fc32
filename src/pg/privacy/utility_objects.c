/*
 * utility_objects.c
 *		Who may touch what is in the schemas of definitions (hidden.h).
 *
 * Statements name these views in many ways (DROP ... CASCADE of a column or a type beneath, DROP OWNED, ALTER ... SET SCHEMA), so it
 * is not statements that are looked at but objects: PostgreSQL tells of each that is made, changed or dropped.
 */
#include "pg/privacy/utility_parts.h"

#include "access/xact.h"
#include "catalog/dependency.h"
#include "catalog/namespace.h"
#include "catalog/objectaccess.h"
#include "catalog/pg_class.h"
#include "catalog/pg_namespace.h"
#include "commands/extension.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "access/htup_details.h"

static const char *const schemas[] = {"lakehouse_policies", "lakehouse_domains"};

static bool
hidden_schema(Oid namespace)
{
	char	   *name = OidIsValid(namespace) ? get_namespace_name(namespace) : NULL;
	bool		hidden = false;

	for (int i = 0; name != NULL && i < lengthof(schemas); i++)
		hidden |= strcmp(name, schemas[i]) == 0;
	if (name != NULL)
		pfree(name);
	return hidden;
}

/* Its schema, for objects that matter there. */
static Oid
namespace_of(Oid class, Oid object)
{
	if (class == RelationRelationId)
		return get_rel_namespace(object);
	if (class == NamespaceRelationId)
		return object;
	return InvalidOid;
}

/* Who owns the extension makes and drops them by its functions' work; superusers restore. */
static bool
may_touch(Oid namespace)
{
#if PG_VERSION_NUM >= 160000
	bool		owner = object_ownercheck(NamespaceRelationId, namespace, GetUserId());
#else
	bool		owner = pg_namespace_ownercheck(namespace, GetUserId());
#endif

	return owner || lh_utility_admin();
}

void
lh_utility_object(ObjectAccessType access, Oid class, Oid object, int part, void *arg)
{
	Oid			namespace;

	if (access != OAT_DROP && access != OAT_POST_ALTER)
		return;
	if (access == OAT_DROP && arg != NULL && (((ObjectAccessDrop *) arg)->dropflags & PERFORM_DELETION_INTERNAL) != 0)
		return;
	namespace = namespace_of(class, object);
	if (!hidden_schema(namespace) || may_touch(namespace))
		return;
	if (class == NamespaceRelationId)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to change schema \"%s\"", get_namespace_name(object))));
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("permission denied to %s \"%s\"", access == OAT_DROP ? "drop the definition" : "change the definition",
					get_rel_name(object)),
			 errdetail("Policies and token domains are kept there; it takes the right \"policy_admin\"."),
			 errhint("Change or drop the policy first, as a policy administrator.")));
}
