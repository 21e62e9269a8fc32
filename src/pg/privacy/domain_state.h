/*
 * domain_state.h
 *		A token domain ready for use: between domain*.c and token*.c.
 */
#ifndef LH_PG_PRIVACY_DOMAIN_STATE_H
#define LH_PG_PRIVACY_DOMAIN_STATE_H

#include "pg/privacy/domain.h"

#include "mask/keyed.h"

typedef enum LhDomainKind
{
	LH_DOMAIN_TEXT, LH_DOMAIN_DIGITS, LH_DOMAIN_NUMERIC, LH_DOMAIN_BIGINT, LH_DOMAIN_UUID, LH_DOMAIN_DATE, LH_DOMAIN_EMAIL,
	LH_DOMAIN_CARD
} LhDomainKind;
#define LH_DOMAIN_KINDS (LH_DOMAIN_CARD + 1)

extern const char *const lh_domain_kind_names[LH_DOMAIN_KINDS];

#define LH_DOMAIN_RIGHTS 6
extern const char *const lh_domain_right_names[LH_DOMAIN_RIGHTS];
/* Its place among them. */
extern int	lh_domain_right_place(LhDomainRight right);

/* So many values in so long; values -1: any number. */
typedef struct LhDomainLimit
{
	int64		values;
	int64		window;			/* microseconds */
} LhDomainLimit;

struct LhDomain
{
	NameData	name;
	uint64		generation;		/* of all domains and keys, when this one was read */
	MemoryContext mcxt;			/* of all below */
	LhHidden   *hidden;
	LhDomainKind kind;
	LhKeyRef	key;
	bool		legacy;
	AclMode		limited;		/* rights that have a limit */
	LhDomainLimit limits[LH_DOMAIN_RIGHTS];
	int64		least,			/* of numbers and of days since 1970 */
				most;
	int64		shift_days;		/* dates are moved by at most so many */
	LhCtx	   *ctx;
	LhTemplate *template;
	LhKeyed    *keyed;
	LhBuf		bytes;			/* of results */
};

/* Another number: whatever was looked up is to be looked up again. */
extern uint64 lh_domain_generation;

extern void lh_domain_spend_slow(const LhDomain *domain, LhDomainRight right, uint64 n);

/*
 * n values are about to be turned by the present subject, who has the right: counted, and an ERROR when its limit does not
 * allow them.
 */
static inline void
lh_domain_spend(const LhDomain *domain, LhDomainRight right, uint64 n)
{
	if (unlikely((domain->limited & (AclMode) right) != 0))
		lh_domain_spend_slow(domain, right, n);
}

/* Of a definition: its parts, without its key being loaded.  ERROR when it makes no sense. */
extern void lh_domain_parse(LhDomain *domain, LhTemplateSpec *spec);

#endif
