/*
 * keyservice.h
 *		What key providers behind HTTP share.  Internal to net/.
 *
 *	keyservice.c	settings, requests and answers, secrets in them
 *	vault.c			HashiCorp Vault (vault.h)
 *	awskms.c		AWS KMS (awskms.h)
 *
 * Request bodies, answers and credentials lie in secret memory, and answers are read where they lie (secret_json.h).
 * Nothing of an answer goes into a message: it could repeat a secret.  What the TLS library and curl copy is beyond us.
 */
#ifndef LH_NET_KEYSERVICE_H
#define LH_NET_KEYSERVICE_H

#include "crypto/provider_job.h"
#include "net/net.h"

/* Bytes of an answer that are read, and of a credential. */
#define LH_KEYSERVICE_ANSWER ((size_t) 64 << 10)
#define LH_KEYSERVICE_CREDENTIAL ((size_t) 8192)
/* ... of a wrapped key. */
#define LH_KEYSERVICE_WRAPPED ((size_t) 16384)

struct LhProviderSteps;

/* A provider's struct begins with it. */
typedef struct LhKeyService
{
	LhProvider	base;
	const char *root;			/* "https://host:port" */
	const char *host;			/* as the Host header has it */
	LhNetRule	rule;
	LhNet	   *net;
} LhKeyService;

/* How one is reached: options as users wrote them, NULL where they did not. */
typedef struct LhKeyServiceOptions
{
	const char *address_option; /* what the option is called */
	const char *address;
	const char *carries;		/* what clear text would show: "its token" */
	const char *ca_file;
	const char *timeout_ms;		/* of one attempt; 10000 */
	const char *attempts;		/* 5 */
} LhKeyServiceOptions;

/*
 * Checks the address (https, or http to this machine; no path, no query) and makes the client; service->base is set.
 * The host may have a private address, as it was named on purpose.
 */
extern LhStatus lh_keyservice_open(LhCtx *ctx, LhKeyService *service, const LhKeyServiceOptions *options);
/* lh_provider_options, and the settings outlive the caller's. */
extern LhStatus lh_keyservice_settings(LhCtx *ctx, const LhProviderKind *kind, const LhProviderOption *options, int n,
									   const LhProviderField *fields, int nfields);

/* ---- secrets ---- */

extern LhSlice lh_keyservice_text(const char *s);
/* A line of printable letters that JSON and a header take as they are, of a file by the rules of files of keys. */
extern LhStatus lh_keyservice_credential(LhCtx *ctx, const char *what, const char *path, LhSlice *out);
/* Parts as one text in secret memory, ended by a NUL. */
extern LhStatus lh_keyservice_join(LhCtx *ctx, const LhSlice *parts, int n, LhSlice *out);
/* Base64 of it, in secret memory. */
extern LhStatus lh_keyservice_base64(LhCtx *ctx, LhSlice bytes, LhSlice *out);

/* ---- requests ---- */

/* A body that was read, in secret memory. */
typedef struct LhKeyServiceAnswer
{
	uint8_t    *bytes;
	size_t		len;
	int			status;
} LhKeyServiceAnswer;

/*
 * One request, repeated as the HTTP client does (429, 5xx); redirects are not followed: a credential never goes to
 * another host.  http has headers, method and sign; path begins with '/'.
 */
extern LhStatus lh_keyservice_ask(LhCtx *ctx, LhKeyService *service, const char *path, LhHttp *http, LhSlice body,
								  LhKeyServiceAnswer *answer);

/* What is expected and not there, or not as it should be. */
extern LhStatus lh_keyservice_bad_answer(LhCtx *ctx, const LhKeyService *service, const char *member);
/* A string, or a number, by its path of n names; the last names it in messages. */
extern LhStatus lh_keyservice_find(LhCtx *ctx, const LhKeyService *service, const LhKeyServiceAnswer *answer,
								   const char *const *path, int n, LhSlice *out);
extern LhStatus lh_keyservice_number(LhCtx *ctx, const LhKeyService *service, const LhKeyServiceAnswer *answer,
									 const char *const *path, int n, uint32_t *out);

/* ---- results of a call (crypto/provider_job.h) ---- */

static inline LhKeyService *
lh_keyservice_of(const LhProviderJob *job)
{
	return (LhKeyService *) job->provider;
}

/* The key in base64, in secret memory that stays. */
extern LhStatus lh_keyservice_keep_key(LhCtx *ctx, LhProviderJob *job, LhSlice text, const char *member);
/* A copy of a wrapped key, in the arena that stays. */
extern LhStatus lh_keyservice_keep_wrapped(LhCtx *ctx, LhProviderJob *job, LhSlice text);

#endif
