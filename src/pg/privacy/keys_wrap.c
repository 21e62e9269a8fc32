/*
 * keys_wrap.c
 *		Keys wrapped and unwrapped.
 *
 * What is wrapped is not a key alone but (numbers are big-endian)
 *
 *	offset	bytes
 *	0		2		"LK"
 *	2		1		version of the format: 1
 *	3		1		kind (LhKeyKind)
 *	4		8		id
 *	12		4		version
 *	16		32		the key
 *
 * All ways of wrapping are authentic.  So wrapped keys that someone exchanged
 * between rows (which are his, if he may write tables) are found out,
 * though one and the same key has wrapped both.
 *
 *	1. Under a provider's key the provider wraps the whole.
 *	2. Under a parent it is the plain text of an AES-SIV envelope of the parent's version,
 *	   bound to the first 16 bytes.  Nothing random: no messages to count.
 *
 * The check is an HMAC of these 16 bytes under the key, cut: who has a key from shared memory sees
 * that it is this one, and not one of a transaction that was rolled back or of a backup that was restored.
 */
#include "pg/privacy/keys_store.h"

#include <openssl/err.h>
#include <openssl/rand.h>

#include "crypto/kdf.h"

#define HEADER 16
#define WHOLE  (HEADER + LH_PROVIDER_KEY)

static const LhSlice domain = {(const uint8_t *) "lakehouse key", 13};

void
lh_key_make(LhCtx *ctx, LhSlice *key)
{
	void	   *p;

	lh_pg_check(ctx, lh_secret_alloc(ctx, LH_PROVIDER_KEY, &p));
	if (RAND_priv_bytes(p, LH_PROVIDER_KEY) != 1)
	{
		ERR_clear_error();
		ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg("the cryptographic library failed to make a key")));
	}
	*key = lh_slice(p, LH_PROVIDER_KEY);
}

static void
header(const LhKeyRow *row, LhKeyRef ref, uint8_t out[HEADER])
{
	uint64		id = __builtin_bswap64(ref.id);
	uint32		version = __builtin_bswap32(ref.version);

	memcpy(out, "LK\1", 3);
	out[3] = (uint8_t) row->kind;
	memcpy(out + 4, &id, 8);
	memcpy(out + 12, &version, 4);
}

static void
compute_check(LhCtx *ctx, const LhKeyRow *row, LhKeyRef ref, LhSlice key, uint8_t out[LH_KEY_CHECK])
{
	uint8_t		head[HEADER], mac[LH_SHA256];
	LhSlice		parts[2] = {lh_slice("lakehouse key check", 19), lh_slice(head, HEADER)};
	LhArena    *scratch = lh_arena_child(ctx->arena), *old;
	LhHmac	   *hmac;
	LhStatus	status;

	if (scratch == NULL)
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
	header(row, ref, head);
	old = lh_use(ctx, scratch);
	status = lh_hmac_create(ctx, key, &hmac);
	if (status == LH_OK)
		lh_hmac(hmac, parts, 2, mac);
	lh_use(ctx, old);
	lh_arena_destroy(scratch);
	lh_pg_check(ctx, status);
	memcpy(out, mac, LH_KEY_CHECK);
}

bool
lh_key_checks(LhCtx *ctx, const LhKeyRow *row, const LhKeyVersion *version, LhSlice key)
{
	uint8_t		check[LH_KEY_CHECK];

	if (key.len != LH_PROVIDER_KEY)
		return false;
	compute_check(ctx, row, version->ref, key, check);
	return lh_same_secret(check, version->check, LH_KEY_CHECK);
}

/* The plain text of a wrapped key, in secret memory. */
static LhSlice
whole(LhCtx *ctx, const LhKeyRow *row, LhKeyRef ref, LhSlice key)
{
	void	   *p;

	lh_pg_check(ctx, lh_secret_alloc(ctx, WHOLE, &p));
	header(row, ref, p);
	memcpy((uint8_t *) p + HEADER, key.data, LH_PROVIDER_KEY);
	return lh_slice(p, WHOLE);
}

/* ---- under a provider's key ---- */

static void
call_provider(LhCtx *ctx, const LhKeyRow *row, LhKeyringOp op, LhSlice input, LhKeyringAnswer *answer)
{
	LhKeyringCall call = {.op = op, .name = row->kek, .input = input};

	lh_key_provider(row->provider, &call);
	*answer = (LhKeyringAnswer) {0};
	lh_keyring_call(ctx, &call, answer);
}

LhProviderStatus
lh_key_provider_status(LhCtx *ctx, const LhKeyRow *row)
{
	LhKeyringAnswer answer;

	call_provider(ctx, row, LH_KEYRING_STATUS, (LhSlice) {0}, &answer);
	return answer.status;
}

static int64
provider_version(const LhKeyRow *row, LhSlice wrapped)
{
	LhKeyringCall call = {0};
	const LhProviderKind *kind;
	uint32		version;

	lh_key_provider(row->provider, &call);
	kind = lh_keyring_kind(call.kind);
	return kind != NULL && kind->version != NULL && kind->version(wrapped, &version) ? version : -1;
}

/* ---- under a parent ---- */

/* ready: the key in which it all is, with the binding */
static void
parent_key(LhCtx *ctx, const LhKeyRow *row, LhKeyRef ref, LhKeyRef parent, LhEnvelopeKey **key, LhBinding *binding)
{
	uint8_t    *head;
	LhKeyRow	above;
	LhSlice		bytes;

	if (!lh_key_row(parent.id, &above) || above.kind != LH_KEY_KIND_DOMAIN || above.parent != 0)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED), errmsg("the parent of key \"%s\" is no domain key", row->name)));
	head = lh_alloc(ctx, HEADER);
	if (head == NULL)
		lh_pg_raise(ctx);
	header(row, ref, head);
	bytes = lh_key_load_parent(ctx, parent);
	lh_pg_check(ctx, lh_envelope_key_create(ctx, parent, bytes, 0, key));
	lh_pg_check(ctx, lh_envelope_bind(ctx, *key, domain, lh_slice(head, HEADER), binding));
}

static LhSlice
seal(LhCtx *ctx, const LhKeyRow *row, LhKeyRef ref, LhSlice plain, LhKeyRef parent)
{
	size_t		n = lh_envelope_size(LH_ENVELOPE_SIV, plain.len);
	uint8_t    *out = palloc(n);
	LhEnvelopeKey *key;
	LhBinding	binding;

	parent_key(ctx, row, ref, parent, &key, &binding);
	lh_pg_check(ctx, lh_envelope_seal(ctx, key, LH_ENVELOPE_SIV, &binding, plain, out));
	return lh_slice(out, n);
}

/* The parent's version by the envelope. */
static void
parse(LhCtx *ctx, const LhKeyRow *row, LhSlice wrapped, LhEnvelope *e)
{
	if (lh_envelope_parse(ctx, wrapped, e) != LH_OK || e->algorithm != LH_ENVELOPE_SIV || e->plain_len != WHOLE ||
		e->key.id != row->parent)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("a version of key \"%s\" was not wrapped by its parent", row->name)));
}

/* An empty slice: another version's, or another key's of the same parent. */
static LhSlice
open_sealed(LhCtx *ctx, const LhKeyRow *row, LhKeyRef ref, LhSlice wrapped)
{
	LhEnvelope	e;
	LhEnvelopeKey *key;
	LhBinding	binding;
	LhStatus	status;
	void	   *p;

	parse(ctx, row, wrapped, &e);
	parent_key(ctx, row, ref, e.key, &key, &binding);
	lh_pg_check(ctx, lh_secret_alloc(ctx, WHOLE, &p));
	status = lh_envelope_open(ctx, key, &binding, &e, p);
	if (status == LH_CORRUPT)
	{
		lh_error_clear(ctx);
		return (LhSlice) {0};
	}
	lh_pg_check(ctx, status);
	return lh_slice(p, WHOLE);
}

/* ---- both ---- */

/* Into key; all else that is made is in ctx->arena.  Is it this version's? */
static bool
unwrap_to(LhCtx *ctx, const LhKeyRow *row, LhKeyRef ref, LhSlice wrapped, void *key)
{
	uint8_t		head[HEADER];
	LhSlice		plain;

	if (row->parent != 0)
		plain = open_sealed(ctx, row, ref, wrapped);
	else
	{
		LhKeyringAnswer answer;

		call_provider(ctx, row, LH_KEYRING_UNWRAP, wrapped, &answer);
		plain = answer.key;
	}
	header(row, ref, head);
	if (plain.len != WHOLE || !lh_same_secret(plain.data, head, HEADER))
		return false;
	memcpy(key, plain.data + HEADER, LH_PROVIDER_KEY);
	return true;
}

/* What is made on the way, the parent's key too, is wiped when this is left, however it is. */
static LhSlice
unwrap(LhCtx *ctx, const LhKeyRow *row, LhKeyRef ref, LhSlice wrapped)
{
	LhArena    *scratch = lh_arena_child(ctx->arena), *keep;
	bool		right = false;
	void	   *p;

	if (scratch == NULL)
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
	lh_pg_check(ctx, lh_secret_alloc(ctx, LH_PROVIDER_KEY, &p));
	keep = lh_use(ctx, scratch);
	PG_TRY();
	{
		right = unwrap_to(ctx, row, ref, wrapped, p);
	}
	PG_FINALLY();
	{
		lh_use(ctx, keep);
		lh_arena_destroy(scratch);
	}
	PG_END_TRY();
	if (!right)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("version %u of key \"%s\" holds a wrapped key that is another's", ref.version, row->name),
				 errhint("Table lakehouse.key_versions was changed by hand; restore it from a backup.")));
	return lh_slice(p, LH_PROVIDER_KEY);
}

typedef struct Unwrapping
{
	const LhKeyRow *row;
	uint32		version;
} Unwrapping;

static void
while_unwrapping(void *arg)
{
	const Unwrapping *u = arg;

	errcontext("version %u of key \"%s\"", u->version, u->row->name);
}

LhSlice
lh_key_unwrap_version(LhCtx *ctx, const LhKeyRow *row, const LhKeyVersion *version)
{
	Unwrapping	unwrapping = {row, version->ref.version};
	ErrorContextCallback context = {error_context_stack, while_unwrapping, &unwrapping};
	LhSlice		key;

	error_context_stack = &context;
	key = unwrap(ctx, row, version->ref, version->wrapped);
	error_context_stack = context.previous;

	if (!lh_key_checks(ctx, row, version, key))
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("version %u of key \"%s\" is not the key that was made", version->ref.version, row->name)));
	return key;
}

/* What was just wrapped must open: else it would be found out when the key is needed. */
static void
prove(LhCtx *ctx, const LhKeyRow *row, LhKeyRef ref, const LhKeyWrapped *w)
{
	LhKeyVersion version = {.ref = ref, .state = LH_KEY_ACTIVE, .wrapped = w->wrapped};

	memcpy(version.check, w->check, LH_KEY_CHECK);
	(void) lh_key_unwrap_version(ctx, row, &version);
}

void
lh_key_wrap(LhCtx *ctx, const LhKeyRow *row, LhKeyRef ref, LhSlice key, LhKeyWrapped *out)
{
	LhSlice		plain = whole(ctx, row, ref, key);

	if (row->parent != 0)
	{
		/* not as cached: its row is locked now, and what was cached is of before that */
		LhKeyRef	parent = {row->parent, lh_key_newest(row->parent)};

		if (parent.version == 0)
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("the parent of key \"%s\" has no active version", row->name),
					 errhint("lakehouse.key_rotate makes a new one.")));

		out->wrapped = seal(ctx, row, ref, plain, parent);
		out->under = parent.version;
	}
	else
	{
		LhKeyringAnswer answer;

		call_provider(ctx, row, LH_KEYRING_WRAP, plain, &answer);
		out->wrapped = answer.wrapped;
		out->under = provider_version(row, answer.wrapped);
	}
	compute_check(ctx, row, ref, key, out->check);
	prove(ctx, row, ref, out);
}

void
lh_key_rewrap(LhCtx *ctx, const LhKeyRow *row, const LhKeyVersion *version, LhKeyWrapped *out)
{
	LhKeyringAnswer answer;

	if (row->parent != 0)
	{
		lh_key_wrap(ctx, row, version->ref, lh_key_unwrap_version(ctx, row, version), out);
		return;
	}
	call_provider(ctx, row, LH_KEYRING_REWRAP, version->wrapped, &answer);
	out->wrapped = answer.wrapped;
	out->under = provider_version(row, answer.wrapped);
	memcpy(out->check, version->check, LH_KEY_CHECK);
	prove(ctx, row, version->ref, out);
}
