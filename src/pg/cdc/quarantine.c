/*
 * quarantine.c
 *		A row that cannot be encoded does not stop the stream.
 *
 * Output functions of types that came with an extension or a user may raise
 * errors on values that were stored long ago, and so may conditions of
 * publications; without care such a row would be
 * met again at each restart, and the slot would never get past it.  They run in a
 * subtransaction, one for a row.  What comes out instead of the row says which
 * column and which SQLSTATE, never the message, as that may quote the value.
 */
#include "pg/cdc/cdc.h"

#include "access/xact.h"
#include "utils/memutils.h"
#include "utils/resowner.h"

bool
lh_cdc_is_not_ours(int sqlstate)
{
	switch (ERRCODE_TO_CATEGORY(sqlstate))
	{
		case MAKE_SQLSTATE('4', '0', '0', '0', '0'):	/* transaction rollback: a concurrent abort */
		case MAKE_SQLSTATE('5', '3', '0', '0', '0'):	/* resources, memory among them */
		case MAKE_SQLSTATE('5', '7', '0', '0', '0'):	/* cancel, shutdown */
		case MAKE_SQLSTATE('5', '8', '0', '0', '0'):	/* input and output */
			return true;
		default:
			return false;
	}
}

static const char *
reason_of(LhCdc *cdc, LhCdcRel *rel, int sqlstate)
{
	const LhChangeColumn *c = cdc->column >= 0 && cdc->column < rel->change.ncolumns ?
		&rel->change.columns[cdc->column] : NULL;
	const char *text = c == NULL ?
		lh_sprintf(cdc->ctx, "%s raised an error with SQLSTATE %s",
				   lh_cdc_policy_filters(rel->policy) ? "a row filter (of a policy or the stream)" :
				   rel->narrowed ? "a row filter (option \"row.filter\" or a publication's)" : "a publication's row filter",
				   unpack_sql_state(sqlstate)) :
		cdc->masking ?
		lh_sprintf(cdc->ctx, "a policy's mask raised an error with SQLSTATE %s for column \"%s\"", unpack_sql_state(sqlstate), c->name) :
		lh_sprintf(cdc->ctx, "the output function of type %s raised an error with SQLSTATE %s for column \"%s\"",
				   c->type_name, unpack_sql_state(sqlstate), c->name);

	if (text == NULL)
		lh_pg_raise(cdc->ctx);
	return text;
}

const char *
lh_cdc_guard(LhCdc *cdc, LhCdcRel *rel, void (*fn) (void *arg), void *arg)
{
	MemoryContext old = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	LhArena    *arena = cdc->ctx->arena;
	TransactionId alive = CheckXidAlive;
	const char *volatile reason = NULL;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(old);
	PG_TRY();
	{
		fn(arg);
		ReleaseCurrentSubTransaction();
		MemoryContextSwitchTo(old);
		CurrentResourceOwner = owner;
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(old);
		error = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
		/* which no longer watches whether the transaction that is decoded is rolled back */
		CheckXidAlive = alive;
		MemoryContextSwitchTo(old);
		CurrentResourceOwner = owner;
		/* whoever catches it ends his own subtransaction, not ours */
		if (lh_cdc_is_not_ours(error->sqlerrcode))
			ReThrowError(error);
		lh_use(cdc->ctx, arena);
		reason = reason_of(cdc, rel, error->sqlerrcode);
		FreeErrorData(error);
	}
	PG_END_TRY();
	return reason;
}
