/*
 * limits.h
 *		Limits of token domains: for init.c (domain_state.h has what spends).
 */
#ifndef LH_PG_PRIVACY_LIMITS_H
#define LH_PG_PRIVACY_LIMITS_H

/* Hooks (init.c). */
extern void lh_limits_request(void);
extern void lh_limits_startup(void);

#endif
