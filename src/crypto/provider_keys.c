/*
 * provider_keys.c
 *		Providers that hold the key encryption keys themselves.
 *
 * Where the keys come from is the kind's: a file, the environment.  They are a file of keys in
 * form (crypto.h); the version N of the key "app" is called "app:N" in it and has 32 bytes.
 * Versions are 1 to 256; the highest one wraps.
 *
 *	{"keys": {"app:1": "<64 digits>", "app:2": "<64 digits>"}}
 *
 * They are parsed anew for each call, so that nothing unwrapped stays.  A wrapped key is an envelope of
 * AES-SIV (envelope.h), bound to the name of its key: no nonce is counted, and the header has the version.
 */
#include "crypto/provider_keys.h"

#include "crypto/envelope.h"
#include "crypto/sha256.h"

#include <openssl/err.h>
#include <openssl/rand.h>
#include <stdio.h>

#define MAX_VERSION 256

/* One call: what it is given and what comes out, in the arena "keep". */
typedef struct Job
{
	LhArena *keep;
	const LhKeysProvider *from;
	const char *name;
	LhKeySet *set;
	LhSlice key, wrapped;
	LhProviderStatus status;
} Job;

typedef LhStatus (*StepFn)(LhCtx *ctx, Job *job);

/* Run a step with all keys, which go before it returns. */
static LhStatus
with_keys(LhCtx *ctx, LhProvider *provider, const char *name, StepFn step, Job *job)
{
	LhArena *keep = ctx->arena, *scratch;
	LhStatus status;

	LH_TRY(lh_provider_check_name(ctx, name));
	scratch = lh_arena_child(ctx->arena);
	if (scratch == NULL)
		LH_FAIL(ctx, LH_NO_MEMORY, "out of memory for keys");
	job->from = (LhKeysProvider *) provider;
	job->name = name;
	job->keep = lh_use(ctx, scratch);
	status = job->from->load(ctx, job->from, &job->set);
	if (status == LH_OK)
		status = step(ctx, job);
	lh_use(ctx, keep);
	lh_arena_destroy(scratch);
	return status;
}

/* LH_DENIED: there is none. */
static LhStatus
find(LhCtx *ctx, const Job *job, uint32_t version, LhKey *key)
{
	char reference[160];
	LhKeyRequest request = {.path = job->from->where, .name = reference};

	snprintf(reference, sizeof(reference), "%s:%u", job->name, version);
	request.reference = lh_slice(reference, strlen(reference));
	return lh_keyset_find(ctx, job->set, &request, key);
}

static LhStatus
find_versions(LhCtx *ctx, Job *job)
{
	LhKey key;

	job->status = (LhProviderStatus){0};
	for (uint32_t version = 1; version <= MAX_VERSION; version++)
	{
		LhStatus status = find(ctx, job, version, &key);

		lh_wipe(&key, sizeof(key));
		if (status == LH_OK)
		{
			job->status.latest = version;
			if (job->status.oldest == 0)
				job->status.oldest = version;
		}
		else if (status != LH_DENIED)
			return status;
	}
	lh_error_clear(ctx);
	if (job->status.latest == 0)
	{
		lh_fail(ctx, LH_NOT_FOUND, "%s \"%s\" has no version of key \"%s\"", job->from->what,
				job->from->where, job->name);
		lh_hint(ctx, "Version 1 is called \"%s:1\" there.", job->name);
		return LH_NOT_FOUND;
	}
	return LH_OK;
}

/* The id stands for the name: a key that was wrapped under another is noticed. */
static uint64_t
id_of(const char *name)
{
	uint8_t hash[LH_SHA256];

	lh_sha256(lh_slice(name, strlen(name)), hash);
	return lh_load_be64(hash);
}

static LhStatus
envelope_key(LhCtx *ctx, const Job *job, uint32_t version, LhEnvelopeKey **out, LhBinding *binding)
{
	LhSlice domain = lh_slice(job->name, strlen(job->name));
	LhKeyRef ref = {id_of(job->name), version};
	LhKey key = {0};
	LhStatus status = find(ctx, job, version, &key);

	if (status == LH_DENIED)
		status = lh_fail(ctx, LH_NOT_FOUND, "%s \"%s\" has no version %u of key \"%s\"",
						 job->from->what, job->from->where, version, job->name);
	if (status == LH_OK && key.len != LH_ENVELOPE_KEY)
		status =
			lh_fail(ctx, LH_INVALID, "version %u of key \"%s\" in \"%s\" has %zu bytes, not %d",
					version, job->name, job->from->where, key.len, LH_ENVELOPE_KEY);
	if (status == LH_OK)
		status = lh_envelope_key_create(ctx, ref, lh_slice(key.bytes, key.len), 0, out);
	lh_wipe(&key, sizeof(key));
	LH_TRY(status);
	return lh_envelope_bind(ctx, *out, domain, (LhSlice){0}, binding);
}

static LhStatus
wrap_step(LhCtx *ctx, Job *job)
{
	size_t n = lh_envelope_size(LH_ENVELOPE_SIV, job->key.len);
	LhEnvelopeKey *key;
	LhBinding binding;
	LhArena *scratch;
	uint8_t *out;

	LH_TRY(find_versions(ctx, job));
	LH_TRY(envelope_key(ctx, job, job->status.latest, &key, &binding));
	scratch = lh_use(ctx, job->keep);
	out = lh_alloc(ctx, n);
	lh_use(ctx, scratch);
	if (out == NULL)
		return ctx->error->code;
	job->wrapped = lh_slice(out, n);
	return lh_envelope_seal(ctx, key, LH_ENVELOPE_SIV, &binding, job->key, out);
}

static LhStatus
unwrap_step(LhCtx *ctx, Job *job)
{
	LhEnvelopeKey *key;
	LhBinding binding;
	LhEnvelope e = {0};
	LhArena *scratch;
	LhStatus status;
	void *out;

	LH_TRY(lh_envelope_parse(ctx, job->wrapped, &e));
	if (e.algorithm != LH_ENVELOPE_SIV || e.key.id != id_of(job->name) || e.plain_len == 0 ||
		e.plain_len > LH_PROVIDER_MOST)
		LH_FAIL(ctx, LH_CORRUPT, "a wrapped key is not one of key \"%s\"", job->name);
	LH_TRY(envelope_key(ctx, job, e.key.version, &key, &binding));
	scratch = lh_use(ctx, job->keep);
	status = lh_secret_alloc(ctx, e.plain_len, &out);
	lh_use(ctx, scratch);
	LH_TRY(status);
	LH_TRY(lh_envelope_open(ctx, key, &binding, &e, out));
	job->key = lh_slice(out, e.plain_len);
	return LH_OK;
}

static LhStatus
rewrap_step(LhCtx *ctx, Job *job)
{
	LhArena *keep = job->keep;

	/* the key itself goes with the others */
	job->keep = ctx->arena;
	LH_TRY(unwrap_step(ctx, job));
	job->keep = keep;
	return wrap_step(ctx, job);
}

LhStatus
lh_keys_wrap(LhCtx *ctx, LhProvider *provider, const char *name, LhSlice key, LhSlice *wrapped)
{
	Job job = {.key = key};

	LH_TRY(lh_provider_check_key(ctx, key));
	LH_TRY(with_keys(ctx, provider, name, wrap_step, &job));
	*wrapped = job.wrapped;
	return LH_OK;
}

LhStatus
lh_keys_unwrap(LhCtx *ctx, LhProvider *provider, const char *name, LhSlice wrapped, LhSlice *key)
{
	Job job = {.wrapped = wrapped};

	LH_TRY(with_keys(ctx, provider, name, unwrap_step, &job));
	*key = job.key;
	return LH_OK;
}

LhStatus
lh_keys_rewrap(LhCtx *ctx, LhProvider *provider, const char *name, LhSlice wrapped, LhSlice *out)
{
	Job job = {.wrapped = wrapped};

	LH_TRY(with_keys(ctx, provider, name, rewrap_step, &job));
	*out = job.wrapped;
	return LH_OK;
}

LhStatus
lh_keys_generate(LhCtx *ctx, LhProvider *provider, const char *name, LhSlice *key, LhSlice *wrapped)
{
	void *made;

	LH_TRY(lh_secret_alloc(ctx, LH_PROVIDER_KEY, &made));
	if (RAND_priv_bytes(made, LH_PROVIDER_KEY) != 1)
	{
		ERR_clear_error();
		LH_FAIL(ctx, LH_BUG, "the cryptographic library failed to make a key");
	}
	*key = lh_slice(made, LH_PROVIDER_KEY);
	return lh_keys_wrap(ctx, provider, name, *key, wrapped);
}

LhStatus
lh_keys_status(LhCtx *ctx, LhProvider *provider, const char *name, LhProviderStatus *out)
{
	Job job = {0};

	LH_TRY(with_keys(ctx, provider, name, find_versions, &job));
	*out = job.status;
	return LH_OK;
}

bool
lh_keys_version(LhSlice wrapped, uint32_t *out)
{
	if (wrapped.len < LH_ENVELOPE_SIV_OVERHEAD || memcmp(wrapped.data, "LE\1\2", 4) != 0)
		return false;
	*out = lh_load_be32(wrapped.data + 4);
	return true;
}
