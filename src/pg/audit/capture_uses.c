/*
 * capture_uses.c
 *		Values that statements turn back, make or search for: counted in their outcomes.
 *
 * A statement that the filter does not want is recorded all the same as soon as it does one of these.
 */
#include "pg/audit/capture_parts.h"

#include "utils/memutils.h"

/* Room for one more name in the outcome; "" when there are too many. */
static LhAuditUseOf *
add_use(LhAuditStatement *s, LhAuditUse use, const char *object)
{
	LhAuditUseOf *u;

	if (s->uses == NULL)
		s->uses = MemoryContextAllocZero(lh_audit_session.statements, sizeof(LhAuditUseOf) * (LH_AUDIT_USES_MOST + LH_AUDIT_USES));
	if (s->recorded)
	{
		uint64		more = lh_audit_outcome_bytes(s->nuses + 1) - lh_audit_outcome_bytes(s->nuses);

		if (lh_ring_reserve(lh_audit_session.needed + more))
			lh_audit_session.needed += more;
		else
			return NULL;
	}
	u = &s->uses[s->nuses++];
	u->use = use;
	strlcpy(u->object, object, sizeof(u->object));
	return u;
}

static LhAuditUseOf *
find_use(LhAuditStatement *s, LhAuditUse use, const char *object)
{
	for (int i = 0; i < s->nuses; i++)
	{
		if (s->uses[i].use == use && strcmp(s->uses[i].object, object) == 0)
			return &s->uses[i];
	}
	if (s->nuses >= LH_AUDIT_USES_MOST && object[0] != '\0')
		return find_use(s, use, "");
	return add_use(s, use, object);
}

/*
 * Values of a result that was stored before (RETURNING, held cursors) become text when their statement has ended, and the fast path
 * of the protocol calls functions without one.  All such of a transaction are one statement.
 */
static LhAuditStatement *
result_statement(void)
{
	if (lh_audit_session.stored == NULL)
	{
		lh_audit_session.stored = lh_audit_statement_open(NULL);
		lh_audit_session.stored->command = "RESULT";
		lh_audit_session.stored->started = true;
	}
	return lh_audit_session.stored;
}

void
lh_audit_use_values(LhAuditUse use, const char *object, uint64 values)
{
	LhAuditStatement *s;
	LhAuditUseOf *u;

	if (!lh_audit_on())
		return;
	s = lh_audit_session.running != NULL ? lh_audit_session.running : result_statement();
	if (!s->recorded && !s->dropped)
		lh_audit_statement_record(s);
	if (s->recorded && (u = find_use(s, use, object)) != NULL)
		u->values += values;
}
