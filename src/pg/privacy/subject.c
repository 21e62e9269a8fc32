/*
 * subject.c
 *		For whom a statement is planned and run.
 *
 * A function with SECURITY DEFINER runs as its owner, and so would a mask that asked
 * GetUserId() let everybody who may call one see what its owner sees.  So the outer role
 * counts, which SET ROLE and SET SESSION AUTHORIZATION alone change.  Where PostgreSQL itself works as a table's
 * owner there is nobody outside: then the present user counts, as statistics or an index would
 * otherwise hold whatever the caller may see.
 *
 * Code of users may be called from there as well, by index expressions, triggers and casts:
 *
 *	1. the statement that PostgreSQL runs pins its subject, and what it calls has that one;
 *	2. a trigger under a cascade is no check of a foreign key any more, so policies hold for it;
 *	3. a SECURITY DEFINER function that is called before any statement (by an index
 *	   expression while an index is built) has lost the user for whom it works: unknown.
 */
#include "pg/privacy/privacy.h"

#include "miscadmin.h"
#include "utils/builtins.h"

static bool pinned = false;
static Oid	pinned_role;

/* While a static copy reads: the role that it is made for. */
static Oid	assumed = InvalidOid;

/* PostgreSQL works for a table */
#define MAINTENANCE (SECURITY_NOFORCE_RLS | SECURITY_RESTRICTED_OPERATION)

LhSubject
lh_subject(void)
{
	LhSubject	subject = {.purpose = lakehouse_purpose != NULL ? lakehouse_purpose : ""};
	Oid			user;
	int			context;

	if (OidIsValid(assumed))
		return lh_subject_of(assumed);
	GetUserIdAndSecContext(&user, &context);
	if ((context & MAINTENANCE) == 0)
		subject.role = GetOuterUserId();
	else if (pinned)
		subject.role = pinned_role;
	else
	{
		subject.role = user;
		subject.integrity = (context & SECURITY_NOFORCE_RLS) != 0;
		subject.unknown = !subject.integrity && (context & SECURITY_LOCAL_USERID_CHANGE) != 0;
	}
	subject.session = GetSessionUserId();
	subject.superuser = superuser_arg(subject.role);
	return subject;
}

LhSubject
lh_subject_of(Oid role)
{
	LhSubject	subject = {.role = role, .session = role, .purpose = lakehouse_purpose != NULL ? lakehouse_purpose : ""};

	subject.superuser = superuser_arg(role);
	return subject;
}

bool
lh_subject_same(const LhSubject *a, const LhSubject *b)
{
	return a->role == b->role && a->session == b->session && a->superuser == b->superuser &&
		a->integrity == b->integrity && a->unknown == b->unknown && strcmp(a->purpose, b->purpose) == 0;
}

bool
lh_subject_pin(void)
{
	Oid			user;
	int			context;

	if (pinned)
		return false;
	GetUserIdAndSecContext(&user, &context);
	/* nobody is pinned who is not known: what is called then is unknown as well */
	if ((context & MAINTENANCE) == 0 ||
		(context & (MAINTENANCE | SECURITY_LOCAL_USERID_CHANGE)) == (SECURITY_RESTRICTED_OPERATION | SECURITY_LOCAL_USERID_CHANGE))
		return false;
	pinned = true;
	pinned_role = user;
	return true;
}

void
lh_subject_unpin(void)
{
	pinned = false;
}

void
lh_subject_assume(Oid role)
{
	assumed = role;
}

/* ---- SQL: for row filters ---- */

PG_FUNCTION_INFO_V1(lakehouse_subject_role);

Datum
lakehouse_subject_role(PG_FUNCTION_ARGS)
{
	return DirectFunctionCall1(namein, CStringGetDatum(GetUserNameFromId(lh_subject().role, false)));
}

PG_FUNCTION_INFO_V1(lakehouse_subject_session);

Datum
lakehouse_subject_session(PG_FUNCTION_ARGS)
{
	return DirectFunctionCall1(namein, CStringGetDatum(GetUserNameFromId(lh_subject().session, false)));
}

PG_FUNCTION_INFO_V1(lakehouse_purpose_text);

Datum
lakehouse_purpose_text(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(cstring_to_text(lh_subject().purpose));
}
