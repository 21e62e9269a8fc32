/*
 * provider_env.c
 *		Key encryption keys from the environment: for containers and services that get secrets so.
 *
 * A variable holds what a file of keys does (provider_keys.c).  An environment is a bad place for
 * secrets: each child inherits it, and the system shows it to all processes of the user.  So
 *
 *	1. all variables of our names are taken once, as early as the host can: copied to secret memory,
 *	   which processes that are forked later inherit;
 *	2. they go from the environment, so that no child sees them, and what they were is overwritten;
 *	3. the program's arguments and environment as the kernel laid them down, which is what
 *	   /proc/PID/environ shows even of variables that are gone, are overwritten there as well.
 *
 * What has seen them before is beyond us: the parent, its files, the manager of services.
 */
#include "crypto/provider_keys.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

extern char **environ;

/* Variables that were taken, for as long as the process lives. */
typedef struct Taken
{
	struct Taken *next;
	char *name;
	LhSlice value; /* secret memory */
} Taken;

static LhCtx *kept; /* of all that follows */
static Taken *taken;

static bool
ours(const char *entry)
{
	return strncmp(entry, LH_PROVIDER_ENV, strlen(LH_PROVIDER_ENV)) == 0;
}

static Taken *
find(const char *name, size_t len)
{
	for (Taken *t = taken; t != NULL; t = t->next)
		if (strlen(t->name) == len && memcmp(t->name, name, len) == 0)
			return t;
	return NULL;
}

/*
 * Taking
 */

/* A variable that is there again, after it was taken once, is the one that counts. */
static LhStatus
keep(LhCtx *ctx, const char *name, size_t name_len, const char *value)
{
	size_t len = strlen(value);
	Taken *t = find(name, name_len);
	void *memory;

	if (len > LH_KEYS_MAX)
		LH_FAIL(ctx, LH_LIMIT,
				"environment variable \"%.*s\" has %zu bytes, above the limit of %zu",
				(int) name_len, name, len, LH_KEYS_MAX);
	LH_TRY(lh_secret_alloc(ctx, len, &memory));
	memcpy(memory, value, len);
	if (t == NULL)
	{
		LH_NEW(ctx, t);
		t->name = lh_strndup(ctx, name, name_len);
		if (t->name == NULL)
			return ctx->error->code;
		t->next = taken;
		taken = t;
	}
	else
		lh_wipe((void *) t->value.data, t->value.len);
	t->value = lh_slice(memory, len);
	return LH_OK;
}

/*
 * Addresses of the environment as it was when the program began: fields 50 and 51 of
 * /proc/self/stat (proc(5)).  The second field is a name that may hold anything, ")" too.
 */
static bool
first_environment(char **from, char **to)
{
	char text[2048], *p;
	unsigned long begin = 0, end = 0;
	int fd = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd >= 0 ? read(fd, text, sizeof(text) - 1) : -1;

	if (fd >= 0)
		close(fd);
	if (n <= 0)
		return false;
	text[n] = '\0';
	p = strrchr(text, ')');
	/* behind the second field, each begins with a blank */
	for (int field = 3; p != NULL && field <= 50; field++)
		p = strchr(p + 1, ' ');
	if (p == NULL || sscanf(p, " %lu %lu", &begin, &end) != 2 || begin == 0 || end <= begin)
		return false;
	*from = (char *) begin;
	*to = (char *) end;
	return true;
}

/* What stands there may be something else by now: only what begins like a variable of ours is overwritten. */
static void
wipe_first_environment(void)
{
	char *p, *end;

	if (!first_environment(&p, &end))
		return;
	while (p < end)
	{
		size_t len = strnlen(p, (size_t) (end - p));
		char *value = ours(p) ? memchr(p, '=', len) : NULL;

		if (value != NULL)
			lh_wipe(value + 1, len - (size_t) (value + 1 - p));
		p += len + 1;
	}
}

LhStatus
lh_provider_env_take(LhCtx *ctx)
{
	LhArena *old;
	LhStatus status = LH_OK;
	size_t i = 0;

	if (kept == NULL && (kept = lh_ctx_create()) == NULL)
		LH_FAIL(ctx, LH_NO_MEMORY, "out of memory for keys");
	old = lh_use(ctx, kept->arena);
	while (environ != NULL && environ[i] != NULL)
	{
		char *entry = environ[i], *value = ours(entry) ? strchr(entry, '=') : NULL;
		LhStatus one;

		if (value == NULL)
		{
			i++;
			continue;
		}
		one = keep(ctx, entry, (size_t) (value - entry), value + 1);
		status = one != LH_OK ? one : status;
		/* also what cannot be kept; the next one comes to this place */
		lh_wipe(value + 1, strlen(value + 1));
		for (size_t k = i; environ[k] != NULL; k++)
			environ[k] = environ[k + 1];
	}
	lh_use(ctx, old);
	wipe_first_environment();
	return status;
}

/*
 * The provider
 */

/* Parsing changes the bytes: it gets a copy. */
static LhStatus
env_load(LhCtx *ctx, const LhKeysProvider *p, LhKeySet **out)
{
	const Taken *t = find(p->where, strlen(p->where));
	void *copy;

	if (t == NULL)
	{
		lh_fail(ctx, LH_NOT_FOUND, "the server was started without environment variable \"%s\"",
				p->where);
		lh_hint(ctx, "It is read once, when the server starts.");
		return LH_NOT_FOUND;
	}
	LH_TRY(lh_secret_alloc(ctx, t->value.len, &copy));
	if (t->value.len > 0)
		memcpy(copy, t->value.data, t->value.len);
	return lh_keyset_parse(ctx, p->where, copy, t->value.len, out);
}

/* No other variable is ever looked at, whoever asks. */
static LhStatus
env_open(LhCtx *ctx, const LhProviderOption *options, int n, LhProvider **out)
{
	const char *variable = LH_PROVIDER_ENV;
	const LhProviderField fields[] = {{"variable", &variable, false}};
	LhKeysProvider *p;

	LH_TRY(lh_provider_options(ctx, &lh_provider_env, options, n, fields, 1));
	if (!ours(variable) || strlen(variable) > 128 ||
		strspn(variable, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_") !=
			strlen(variable))
		LH_FAIL(ctx, LH_INVALID,
				"option \"variable\" of key provider \"env\" must be a name that begins with "
				"\"" LH_PROVIDER_ENV "\", of letters, digits and \"_\"");
	LH_NEW(ctx, p);
	p->base.kind = &lh_provider_env;
	p->what = "environment variable";
	p->where = lh_strdup(ctx, variable);
	p->load = env_load;
	*out = &p->base;
	return p->where != NULL ? LH_OK : ctx->error->code;
}

const LhProviderKind lh_provider_env = {
	.name = "env",
	.open = env_open,
	LH_KEYS_PROVIDER_CALLS,
};
