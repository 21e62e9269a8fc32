/*
 * subject.c
 *		For whom a statement is planned and run.
 *
 * A function with SECURITY DEFINER runs as its owner, and so would a mask that asked
 * GetUserId() let everybody who may call one see what its owner sees.  So the outer role
 * counts, which SET ROLE and SET SESSION AUTHORIZATION alone change.  Where PostgreSQL itself works as a table's
 * owner there is nobody outside: then the present user counts, as statistics or an index would
 * otherwise hold whatever the caller may see.
 */
#include "pg/privacy/privacy.h"

#include "miscadmin.h"
#include "utils/builtins.h"

char	   *lakehouse_purpose = NULL;

LhSubject
lh_subject(void)
{
	LhSubject	subject = {.purpose = lakehouse_purpose != NULL ? lakehouse_purpose : ""};
	Oid			user;
	int			context;

	GetUserIdAndSecContext(&user, &context);
	subject.integrity = (context & SECURITY_NOFORCE_RLS) != 0;
	subject.role = (context & (SECURITY_NOFORCE_RLS | SECURITY_RESTRICTED_OPERATION)) != 0 ? user : GetOuterUserId();
	subject.session = GetSessionUserId();
	subject.superuser = superuser_arg(subject.role);
	return subject;
}

bool
lh_subject_same(const LhSubject *a, const LhSubject *b)
{
	return a->role == b->role && a->session == b->session && a->superuser == b->superuser &&
		a->integrity == b->integrity && strcmp(a->purpose, b->purpose) == 0;
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
