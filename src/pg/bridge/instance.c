/*
 * instance.c
 *		The key of the machine's role, kept by the session until it is about to end.
 *
 * Every statement would have to ask the metadata service otherwise, three
 * requests each.  What is kept is wiped before it is replaced.
 */
#include "pg/bridge/remote.h"

#include <time.h>

#include "utils/memutils.h"

#include "net/net.h"

/* A key that ends within so many seconds is asked for anew: statements take their time. */
#define RENEW_BEFORE 300

/* Of the session; in TopMemoryContext. */
typedef struct Kept
{
	char	   *endpoint;
	char	   *texts[3];		/* id, secret, token */
	int64_t		expires;
} Kept;

static Kept kept;

static void
forget(void)
{
	for (int i = 0; i < lengthof(kept.texts); i++)
	{
		if (kept.texts[i] == NULL)
			continue;
		explicit_bzero(kept.texts[i], strlen(kept.texts[i]));
		pfree(kept.texts[i]);
		kept.texts[i] = NULL;
	}
	if (kept.endpoint != NULL)
		pfree(kept.endpoint);
	kept.endpoint = NULL;
}

static bool
is_kept(const char *endpoint)
{
	return kept.endpoint != NULL && strcmp(kept.endpoint, endpoint) == 0 &&
		kept.expires - (int64_t) time(NULL) > RENEW_BEFORE;
}

static void
keep(const char *endpoint, const LhInstanceCredentials *credentials)
{
	const char *texts[] = {credentials->access_key_id, credentials->secret_access_key,
		credentials->session_token};

	forget();
	for (int i = 0; i < lengthof(texts); i++)
		kept.texts[i] = MemoryContextStrdup(TopMemoryContext, texts[i]);
	kept.expires = credentials->expires;
	kept.endpoint = MemoryContextStrdup(TopMemoryContext, endpoint);
}

/* In an arena of its own, which holds connection and answers no longer than needed. */
static LhStatus
ask(LhCtx *ctx, const char *endpoint)
{
	LhInstanceCredentials credentials;
	LhArena    *arena = lh_arena_child(ctx->arena),
			   *old;
	LhStatus	status;

	if (arena == NULL)
		LH_FAIL(ctx, LH_NO_MEMORY, "out of memory");
	old = lh_use(ctx, arena);
	status = lh_instance_credentials(ctx, endpoint[0] != '\0' ? endpoint : NULL, &credentials);
	lh_use(ctx, old);
	if (status == LH_OK)
		keep(endpoint, &credentials);
	lh_arena_destroy(arena);
	return status;
}

LhStatus
lh_instance_key(LhCtx *ctx, LhRemoteAccess *access)
{
	const char *endpoint = lakehouse_instance_endpoint;

	if (!is_kept(endpoint))
		LH_TRY(ask(ctx, endpoint));
	access->access_key_id = lh_strdup(ctx, kept.texts[0]);
	access->secret_access_key = lh_strdup(ctx, kept.texts[1]);
	access->session_token = lh_strdup(ctx, kept.texts[2]);
	if (access->access_key_id == NULL || access->secret_access_key == NULL || access->session_token == NULL)
		return ctx->error->code;
	return LH_OK;
}
