/*
 * token_state.h
 *		One call's way to its domain: between token*.c.
 *
 * What was looked up stays with the call (fn_extra) while neither domains, keys nor roles change, and right as long as
 * the subject is the same: so that neither SET ROLE in mid-statement nor a revoked right goes unseen, and a row costs
 * a few comparisons.
 */
#ifndef LH_PG_PRIVACY_TOKEN_STATE_H
#define LH_PG_PRIVACY_TOKEN_STATE_H

#include "pg/privacy/domain_state.h"

#include "catalog/pg_collation.h"
#include "miscadmin.h"

/* Kinds of domains, as bits: what a function takes. */
#define LH_KIND_BIT(k) (1 << LH_DOMAIN_##k)
#define LH_KINDS_TEXT \
	(LH_KIND_BIT(TEXT) | LH_KIND_BIT(DIGITS) | LH_KIND_BIT(EMAIL) | LH_KIND_BIT(CARD) | LH_KIND_BIT(NUMERIC))
#define LH_KINDS_NUMERIC LH_KIND_BIT(NUMERIC)
#define LH_KINDS_BIGINT  LH_KIND_BIT(BIGINT)
#define LH_KINDS_INTEGER LH_KIND_BIT(BIGINT)
#define LH_KINDS_UUID    LH_KIND_BIT(UUID)
#define LH_KINDS_DATE    LH_KIND_BIT(DATE)
#define LH_KINDS_ANY     ((1 << LH_DOMAIN_KINDS) - 1)

/* Who needs no right: the twin of a mask. */
#define LH_DOMAIN_MASK ((LhDomainRight) 0)

typedef struct LhTokenCall
{
	uint64		generation;
	LhDomain   *domain;
	/* for whom the right was checked */
	Oid			user,
				outer;
	int			context;
	int			len;			/* of the domain's name */
	char		name[NAMEDATALEN];
} LhTokenCall;

extern LhTokenCall *lh_token_begin_slow(FunctionCallInfo fcinfo, text *name, int kinds, LhDomainRight right);

/* The domain that argument "arg" names, ready; ERROR when there is none, or no right. */
static inline LhTokenCall *
lh_token_begin(FunctionCallInfo fcinfo, int arg, int kinds, LhDomainRight right)
{
	LhTokenCall *call = fcinfo->flinfo->fn_extra;
	text	   *name = PG_GETARG_TEXT_PP(arg);
	Oid			user;
	int			context;

	if (likely(call != NULL && call->generation == lh_domain_generation && call->len == VARSIZE_ANY_EXHDR(name) &&
			   memcmp(call->name, VARDATA_ANY(name), call->len) == 0))
	{
		if (right == LH_DOMAIN_MASK)
			return call;
		GetUserIdAndSecContext(&user, &context);
		if (likely(call->user == user && call->context == context && call->outer == GetOuterUserId()))
			return call;
	}
	return lh_token_begin_slow(fcinfo, name, kinds, right);
}

/*
 * A value through the domain, palloc'd where its type is; *why: the reason why there is no result, which is 0
 * then.
 */
typedef Datum (*LhThroughFn) (LhDomain *domain, LhFf1Way way, Datum value, LhCannot *why);
extern Datum lh_through_text(LhDomain *domain, LhFf1Way way, Datum value, LhCannot *why);
extern Datum lh_through_numeric(LhDomain *domain, LhFf1Way way, Datum value, LhCannot *why);
extern Datum lh_through_bigint(LhDomain *domain, LhFf1Way way, Datum value, LhCannot *why);
extern Datum lh_through_integer(LhDomain *domain, LhFf1Way way, Datum value, LhCannot *why);
extern Datum lh_through_uuid(LhDomain *domain, LhFf1Way way, Datum value, LhCannot *why);
extern Datum lh_through_date(LhDomain *domain, LhFf1Way way, Datum value, LhCannot *why);

/* What lakehouse.mask_gate gives to twins: its address. */
extern const char lh_mask_gate;
/*
 * The collation of the call where the planner hook has put it: type internal has none, so that no SQL can make
 * a call with one.  Servers before the minor versions that refuse all explicit calls of such functions let
 * "PREPARE p(internal) AS SELECT ... mask_gate($1)" through.
 */
#define LH_MASK_GATE_MARK C_COLLATION_OID

/* The ERROR of a value that has no result; it does not tell the value.  element: its place in an array, from 1; 0: alone. */
extern void lh_token_cannot(const LhDomain *domain, LhFf1Way way, LhCannot why, int element) __attribute__((noreturn));

/* A text as UTF-8, borrowed or palloc'd; data NULL: it cannot be. */
extern LhSlice lh_token_utf8(LhSlice value);
/* UTF-8 as text of the database, palloc'd; NULL: it cannot be. */
extern text *lh_token_from_utf8(LhSlice utf8);

#define LH_TEXT_SLICE(t) lh_slice(VARDATA_ANY(t), VARSIZE_ANY_EXHDR(t))
#define LH_DAYS_TO_1970  (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE)

#endif
