/*
 * domain.c
 *		Token domains: read, made ready, and kept while nothing changes.
 *
 * A domain's key is derived from a data key, for tokens and for masks one of its own:
 *
 *	HKDF-SHA256(data key, info = "lakehouse token key 1" or "lakehouse mask key 1" ‖ 0x00 ‖ id ‖ version)
 *
 * with id and version big-endian in 8 and 4 bytes.  The domain's name is part of what each value is
 * encrypted or hashed with, so that domains of one key do not join.
 *
 * Domains are kept by name.  Any change of a definition, a key, a role or its memberships makes all of them stale.  Stale ones are
 * released, their keys wiped, when some domain is asked for, or when the transaction ends: never while somebody may be using them.
 */
#include "pg/privacy/domain_state.h"

#include "access/xact.h"
#include "catalog/pg_authid.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/float.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

#include "crypto/kdf.h"
#include "pg/privacy/token.h"

typedef struct Entry
{
	NameData	name;			/* key */
	LhDomain   *domain;
} Entry;

uint64		lh_domain_generation = 1;

static HTAB *domains;

/* ---- staleness ---- */

static void
changed(void)
{
	lh_domain_generation++;
}

/* Of roles and memberships: rights may differ. */
static void
roles_changed(Datum arg, int cache, uint32 hash)
{
	lh_domain_generation++;
}

/* Also what nobody will ask for again, as it was dropped. */
static void
release_stale(void)
{
	static uint64 released = 0;
	HASH_SEQ_STATUS all;
	Entry	   *entry;

	if (released == lh_domain_generation)
		return;
	hash_seq_init(&all, domains);
	while ((entry = hash_seq_search(&all)) != NULL)
	{
		if (entry->domain->generation == lh_domain_generation)
			continue;
		MemoryContextDelete(entry->domain->mcxt);
		(void) hash_search(domains, &entry->name, HASH_REMOVE, NULL);
	}
	released = lh_domain_generation;
}

static void
transaction_ends(XactEvent event, void *arg)
{
	switch (event)
	{
		case XACT_EVENT_COMMIT:
		case XACT_EVENT_PARALLEL_COMMIT:
		case XACT_EVENT_ABORT:
		case XACT_EVENT_PARALLEL_ABORT:
		case XACT_EVENT_PREPARE:
			release_stale();
			break;
		default:
			break;
	}
}

static void
begin(void)
{
	HASHCTL		info = {.keysize = sizeof(NameData), .entrysize = sizeof(Entry), .hcxt = CacheMemoryContext};
	static bool watching = false;

	if (domains == NULL)
		domains = hash_create("lakehouse token domains", 16, &info, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	if (watching)
		return;
	watching = true;
	lh_hidden_watch(changed);
	lh_keys_watch(changed);
	CacheRegisterSyscacheCallback(AUTHMEMROLEMEM, roles_changed, 0);
	CacheRegisterSyscacheCallback(AUTHOID, roles_changed, 0);
	RegisterXactCallback(transaction_ends, NULL);
}

/* ---- making ready ---- */

static LhStatus
derive(LhCtx *ctx, LhKeyRef ref, LhSlice material, const char *purpose, uint8_t *out, size_t len)
{
	uint8_t		info[64] = {0};
	size_t		n = strlen(purpose) + 1;

	memcpy(info, purpose, n);
	for (int i = 0; i < 8; i++)
		info[n + i] = (uint8_t) (ref.id >> (56 - 8 * i));
	for (int i = 0; i < 4; i++)
		info[n + 8 + i] = (uint8_t) (ref.version >> (24 - 8 * i));
	return lh_hkdf(ctx, material, (LhSlice) {0}, lh_slice(info, n + 12), out, len);
}

/* Both keys, and what is made of them; what the derived keys are copied from is wiped with the arena. */
static LhStatus
make_ready(LhDomain *domain, LhSlice data_key, const LhTemplateSpec *spec)
{
	LhCtx	   *ctx = domain->ctx;
	LhFf1Key   *ff1;
	LhKey	   *key;
	void	   *secret;

	LH_TRY(lh_secret_alloc(ctx, sizeof(LhKey) + LH_SHA256, &secret));
	key = secret;
	key->len = 32;
	LH_TRY(derive(ctx, domain->key, data_key, "lakehouse token key 1", key->bytes, key->len));
	LH_TRY(lh_ff1_key_create(ctx, key, &ff1));
	LH_TRY(lh_template_create(ctx, ff1, spec, &domain->template));
	LH_TRY(derive(ctx, domain->key, data_key, "lakehouse mask key 1", (uint8_t *) (key + 1), LH_SHA256));
	LH_TRY(lh_keyed_create(ctx, lh_slice(key + 1, LH_SHA256), spec->domain, &domain->keyed));
	lh_wipe(secret, sizeof(LhKey) + LH_SHA256);
	return lh_buf_init(ctx, &domain->bytes, false);
}

/* The bytes of a data key are needed just here. */
static void
load(LhDomain *domain, const LhTemplateSpec *spec)
{
	LhCtx	   *ctx = domain->ctx;
	LhArena    *keys = lh_arena_child(ctx->arena);
	LhArena    *old;
	LhSlice		data_key;
	LhStatus	status;

	if (keys == NULL)
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory for keys")));
	old = lh_use(ctx, keys);
	data_key = lh_key_load(ctx, domain->key);
	(void) lh_use(ctx, old);
	status = make_ready(domain, data_key, spec);
	lh_arena_destroy(keys);
	if (status != LH_OK)
		lh_error_prefix(ctx, "token domain \"%s\"", NameStr(domain->name));
	lh_pg_check(ctx, status);
}

/* All but its key, in mcxt, which is the current one. */
static LhDomain *
definition_of(const char *name, Oid view, MemoryContext mcxt, LhTemplateSpec *spec)
{
	LhDomain   *domain = palloc0(sizeof(LhDomain));
	char	   *utf8;

	namestrcpy(&domain->name, name);
	domain->generation = lh_domain_generation;
	domain->mcxt = mcxt;
	domain->hidden = lh_hidden_read(view);
	domain->ctx = lh_pg_ctx(mcxt, 0, NULL);
	lh_domain_parse(domain, spec);
	utf8 = pg_server_to_any(pstrdup(name), (int) strlen(name), PG_UTF8);
	spec->domain = lh_slice(utf8, strlen(utf8));
	return domain;
}

static LhDomain *
read_domain(const char *name, Oid view)
{
	/* below the caller's context until it is whole: an ERROR takes it away, its keys wiped */
	MemoryContext mcxt = AllocSetContextCreate(CurrentMemoryContext, "lakehouse token domain", ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(mcxt);
	LhTemplateSpec spec = {0};
	LhDomain   *domain = definition_of(name, view, mcxt, &spec);

	load(domain, &spec);
	MemoryContextSwitchTo(old);
	MemoryContextSetParent(mcxt, CacheMemoryContext);
	return domain;
}

LhDomain *
lh_domain_get(const char *name)
{
	NameData	key = {{0}};
	Entry	   *entry;
	bool		found;
	Oid			view;

	begin();
	if (strlen(name) >= NAMEDATALEN)
		view = InvalidOid;
	else
	{
		namestrcpy(&key, name);
		entry = hash_search(domains, &key, HASH_FIND, NULL);
		if (entry != NULL && entry->domain->generation == lh_domain_generation)
			return entry->domain;
		release_stale();
		view = lh_hidden_find(LH_HIDDEN_DOMAIN, name);
	}
	if (!OidIsValid(view))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("token domain \"%s\" does not exist", name),
				 errhint("lakehouse.domain_create makes it.")));
	{
		LhDomain   *domain = read_domain(name, view);

		entry = hash_search(domains, &key, HASH_ENTER, &found);
		if (found)
			MemoryContextDelete(entry->domain->mcxt);
		entry->domain = domain;
		return domain;
	}
}

/* ---- rights ---- */

static const struct
{
	LhDomainRight right;
	const char *what;
	const char *name;
} rights[] = {
	{LH_DOMAIN_TOKENIZE, "tokenize", "tokenize"},
	{LH_DOMAIN_DETOKENIZE, "detokenize", "detokenize"},
	{LH_DOMAIN_ENCRYPT, "encrypt", "encrypt"},
	{LH_DOMAIN_DECRYPT, "decrypt", "decrypt"},
	{LH_DOMAIN_INDEX, "make a blind index", "index"},
	{LH_DOMAIN_SEARCH, "search for a guessed value", "search"},
};

const char *const lh_domain_right_names[LH_DOMAIN_RIGHTS] = {"tokenize", "detokenize", "encrypt", "decrypt", "index", "search"};

int
lh_domain_right_place(LhDomainRight right)
{
	int			i = 0;

	while (i + 1 < lengthof(rights) && rights[i].right != right)
		i++;
	return i;
}

bool
lh_domain_has(const LhDomain *domain, LhDomainRight right, Oid role)
{
	return lh_hidden_has(domain->hidden, role, (AclMode) right);
}

void
lh_domain_require(const LhDomain *domain, LhDomainRight right)
{
	LhSubject	subject = lh_subject();
	int			i = 0;

	/* a function with SECURITY DEFINER in an index: its owner is not who asks, and who does is not known */
	if (subject.unknown)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied in token domain \"%s\"", NameStr(domain->name)),
				 errdetail("A function with SECURITY DEFINER is called while PostgreSQL works for a table, so that it is not known who asks.")));
	if (lh_domain_has(domain, right, subject.role))
		return;
	while (i + 1 < lengthof(rights) && rights[i].right != right)
		i++;
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("permission denied to %s in token domain \"%s\"", rights[i].what, NameStr(domain->name)),
			 errdetail("Role \"%s\" does not have the right \"%s\" there.", GetUserNameFromId(subject.role, true), rights[i].name),
			 errhint("lakehouse.domain_grant gives it; superusers and owners do not have it by that.")));
}

/* How many values there are depends on no key: one of zeros does. */
static LhStatus
least_values(LhCtx *ctx, const LhTemplateSpec *spec, double *least)
{
	LhKey		none = {.len = 32};
	LhFf1Key   *ff1;
	LhTemplate *template;

	LH_TRY(lh_ff1_key_create(ctx, &none, &ff1));
	LH_TRY(lh_template_create(ctx, ff1, spec, &template));
	*least = lh_template_least_values(template);
	return LH_OK;
}

double
lh_domain_least_values(const char *name)
{
	Oid			view = strlen(name) < NAMEDATALEN ? lh_hidden_find(LH_HIDDEN_DOMAIN, name) : InvalidOid;
	MemoryContext mcxt,
				old;
	LhDomain   *domain;
	LhTemplateSpec spec = {0};
	double		least = 0;

	if (!OidIsValid(view))
		return get_float8_infinity();
	mcxt = AllocSetContextCreate(CurrentMemoryContext, "lakehouse token domain", ALLOCSET_SMALL_SIZES);
	old = MemoryContextSwitchTo(mcxt);
	domain = definition_of(name, view, mcxt, &spec);
	lh_pg_check(domain->ctx, least_values(domain->ctx, &spec, &least));
	MemoryContextSwitchTo(old);
	MemoryContextDelete(mcxt);
	return least;
}
