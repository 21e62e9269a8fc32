/*
 * domain.h
 *		Token domains: what kind of value is tokenized how, under which key, and who may.
 *
 * Tokens of one domain join; those of another do not, though key and values be the same.  A domain is a definition
 * (hidden.h) without a relation:
 *
 *	{"key": 17, "kind": "text|digits|numeric|bigint|uuid|date|email|card", "version": 1, "template": {...},
 *	 "legacy": false}
 *
 * version is the key's version that tokens are made with: a token has no room for it, so a domain moves to another
 * version only by domain_rotate, which says that old tokens end.
 */
#ifndef LH_PG_PRIVACY_DOMAIN_H
#define LH_PG_PRIVACY_DOMAIN_H

#include "pg/privacy/hidden.h"
#include "pg/privacy/keys.h"

#include "mask/template.h"

typedef enum LhDomainRight
{
	LH_DOMAIN_TOKENIZE = ACL_SELECT,
	LH_DOMAIN_DETOKENIZE = ACL_REFERENCES,
	LH_DOMAIN_ENCRYPT = ACL_INSERT,
	LH_DOMAIN_DECRYPT = ACL_UPDATE,
	LH_DOMAIN_INDEX = ACL_TRIGGER,
	LH_DOMAIN_SEARCH = ACL_DELETE
} LhDomainRight;

typedef struct LhDomain LhDomain;

/*
 * A domain ready for use: its key loaded, its template compiled; cached in the backend until domains or keys change, so
 * valid until the next call that may process invalidations.  ERROR: no such domain.
 */
extern LhDomain *lh_domain_get(const char *name);
/* ERROR unless the present subject (lh_subject) has the right; superusers need it, too. */
extern void lh_domain_require(const LhDomain *domain, LhDomainRight right);
extern bool lh_domain_has(const LhDomain *domain, LhDomainRight right, Oid role);

#endif
