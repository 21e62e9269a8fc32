/*
 * enc_domain.c
 *		The encryption domains of a session: their keys at hand, rights, and who uses a version.
 *
 * From the domain's data key two are made: envelopes have theirs (crypto/envelope.h), of each version; and the key of
 * blind indexes is
 *
 *	HKDF-SHA256(data key, info = "lakehouse search key 1" ‖ 0x00 ‖ id ‖ version)
 *
 * of the version that the domain makes tokens with, id and version big-endian in 8 and 4 bytes.
 *
 * Keys at hand are kept by domain until domains, keys, roles or memberships change, and released as those of domain.c are: when
 * somebody asks for that domain again, or when the transaction ends.
 */
#include "pg/privacy/enc_domain.h"

#include "access/xact.h"
#include "catalog/pg_authid.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "storage/lock.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

#include "crypto/kdf.h"
#include "pg/privacy/keys_store.h"
#include "pg/util/features.h"

typedef struct Entry
{
	uint32		number;			/* key */
	LhEncDomain *domain;
} Entry;

typedef struct Numbered
{
	uint32		number;
	NameData	name;
} Numbered;

static uint64 generation = 1;
/* that this session has ended since, and 1 */
static uint64 transactions = 1;
static HTAB *domains;

/* names by number, as of "names_of" */
static MemoryContext names_mcxt;
static Numbered *names;
static int	nnames;
static uint64 names_of = 0;

/* ---- staleness ---- */

static void
changed(void)
{
	generation++;
}

static void
roles_changed(Datum arg, int cache, uint32 hash)
{
	generation++;
}

static bool
stale(const LhEncDomain *domain)
{
	return domain->generation != generation || domain->domains != lh_domain_generation;
}

static void
release_stale(void)
{
	HASH_SEQ_STATUS all;
	Entry	   *entry;

	hash_seq_init(&all, domains);
	while ((entry = hash_seq_search(&all)) != NULL)
	{
		if (!stale(entry->domain))
			continue;
		MemoryContextDelete(entry->domain->mcxt);
		(void) hash_search(domains, &entry->number, HASH_REMOVE, NULL);
	}
}

static void
transaction_ends(XactEvent event, void *arg)
{
	static uint64 released = 0;

	if (event == XACT_EVENT_PRE_COMMIT || event == XACT_EVENT_PRE_PREPARE || event == XACT_EVENT_PARALLEL_PRE_COMMIT)
		return;
	transactions++;
	if (released == generation)
		return;
	release_stale();
	released = generation;
}

static void
begin(void)
{
	HASHCTL		info = {.keysize = sizeof(uint32), .entrysize = sizeof(Entry), .hcxt = CacheMemoryContext};
	static bool watching = false;

	if (domains == NULL)
		domains = hash_create("lakehouse encryption domains", 16, &info, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	if (watching)
		return;
	watching = true;
	lh_hidden_watch(changed);
	lh_keys_watch(changed);
	CacheRegisterSyscacheCallback(AUTHMEMROLEMEM, roles_changed, 0);
	CacheRegisterSyscacheCallback(AUTHOID, roles_changed, 0);
	RegisterXactCallback(transaction_ends, NULL);
}

uint64
lh_enc_transaction(void)
{
	return transactions;
}

/* ---- numbers and names ---- */

static LhSlice
utf8(const char *name)
{
	char	   *text = pg_server_to_any(pstrdup(name), (int) strlen(name), PG_UTF8);

	return lh_slice(text, strlen(text));
}

uint32
lh_enc_number(const char *name)
{
	uint8_t		hash[LH_SHA256];
	uint32		number;

	lh_sha256(utf8(name), hash);
	number = lh_enc_get32(hash) >> 2;
	return number != 0 ? number : 1;
}

static void
read_names(void)
{
	uint64		before = generation;
	List	   *views = lh_hidden_all(LH_HIDDEN_DOMAIN);
	ListCell   *lc;

	if (names_mcxt == NULL)
		names_mcxt = AllocSetContextCreate(CacheMemoryContext, "lakehouse names of encryption domains", ALLOCSET_SMALL_SIZES);
	nnames = 0;
	names_of = 0;
	MemoryContextReset(names_mcxt);
	names = MemoryContextAlloc(names_mcxt, sizeof(Numbered) * (list_length(views) + 1));
	foreach(lc, views)
	{
		char	   *name = get_rel_name(lfirst_oid(lc));

		if (name == NULL)
			continue;
		names[nnames].number = lh_enc_number(name);
		namestrcpy(&names[nnames++].name, name);
	}
	names_of = before;
}

char *
lh_enc_domain_name(uint32 number)
{
	char	   *found = NULL;

	begin();
	if (names_of != generation)
		read_names();
	for (int i = 0; i < nnames; i++)
	{
		if (names[i].number != number)
			continue;
		if (found != NULL)
			ereport(ERROR,
					(errcode(ERRCODE_DUPLICATE_OBJECT),
					 errmsg("domains \"%s\" and \"%s\" have the same number for encrypted columns", found, NameStr(names[i].name)),
					 errhint("Drop one of them and make it with another name.")));
		found = pstrdup(NameStr(names[i].name));
	}
	return found;
}

/* ---- keys ---- */

static LhStatus
derive_blind(LhEncDomain *domain, LhSlice data_key)
{
	static const char label[] = "lakehouse search key 1";
	LhKeyRef	ref = domain->domain->key;
	uint8_t		info[sizeof(label) + 12];
	void	   *secret;

	memcpy(info, label, sizeof(label));
	lh_enc_put32(info + sizeof(label), (uint32) (ref.id >> 32));
	lh_enc_put32(info + sizeof(label) + 4, (uint32) ref.id);
	lh_enc_put32(info + sizeof(label) + 8, ref.version);
	LH_TRY(lh_secret_alloc(domain->ctx, LH_SHA256, &secret));
	LH_TRY(lh_hkdf(domain->ctx, data_key, (LhSlice) {0}, lh_slice(info, sizeof(info)), secret, LH_SHA256));
	LH_TRY(lh_hmac_create(domain->ctx, lh_slice(secret, LH_SHA256), &domain->blind));
	lh_wipe(secret, LH_SHA256);
	return LH_OK;
}

/* What is made of a data key; its own bytes are needed just here. */
static LhStatus
make(LhEncDomain *domain, LhKeyRef ref, LhSlice data_key, LhEnvelopeKey **key)
{
	return key != NULL ? lh_envelope_key_create(domain->ctx, ref, data_key, 0, key) : derive_blind(domain, data_key);
}

static void
load(LhEncDomain *domain, LhKeyRef ref, LhEnvelopeKey **key)
{
	LhCtx	   *ctx = domain->ctx;
	LhArena    *keys = lh_arena_child(ctx->arena);
	LhArena    *old;
	LhSlice		data_key;
	LhStatus	status;

	if (keys == NULL)
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory for keys")));
	old = lh_use(ctx, keys);
	data_key = lh_key_load(ctx, ref);
	(void) lh_use(ctx, old);
	status = make(domain, ref, data_key, key);
	lh_arena_destroy(keys);
	lh_pg_check(ctx, status);
}

static LhEncKeyAtHand *
find_key(const LhEncDomain *domain, LhKeyRef ref)
{
	for (int i = 0; i < domain->nkeys; i++)
	{
		if (domain->keys[i].ref.id == ref.id && domain->keys[i].ref.version == ref.version)
			return &domain->keys[i];
	}
	return NULL;
}

LhEnvelopeKey *
lh_enc_key(LhEncDomain *domain, LhKeyRef ref)
{
	LhEncKeyAtHand *at_hand = find_key(domain, ref);
	LhEnvelopeKey *key;

	if (at_hand != NULL)
		return at_hand->key;
	load(domain, ref, &key);
	if (domain->keys == NULL)
		domain->keys = MemoryContextAlloc(domain->mcxt, sizeof(LhEncKeyAtHand));
	else
		domain->keys = repalloc(domain->keys, sizeof(LhEncKeyAtHand) * (domain->nkeys + 1));
	domain->keys[domain->nkeys++] = (LhEncKeyAtHand) {ref, key};
	return key;
}

/* ---- domains ---- */

static LhEncDomain *
read_domain(uint32 number, const char *name)
{
	/* below the caller's context until it is whole: an ERROR takes it away, its keys wiped */
	MemoryContext mcxt = AllocSetContextCreate(CurrentMemoryContext, "lakehouse encryption domain", ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(mcxt);
	LhEncDomain *domain = palloc0(sizeof(LhEncDomain));

	domain->generation = generation;
	domain->mcxt = mcxt;
	domain->number = number;
	domain->domain = lh_domain_get(name);
	domain->domains = domain->domain->generation;
	domain->ctx = lh_pg_ctx(mcxt, 0, NULL);
	domain->scratch = lh_arena_child(domain->ctx->arena);
	if (domain->scratch == NULL)
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory for keys")));
	domain->name = utf8(name);
	domain->current = lh_key_current_of(domain->domain->key.id);
	load(domain, domain->domain->key, NULL);
	MemoryContextSwitchTo(old);
	MemoryContextSetParent(mcxt, CacheMemoryContext);
	return domain;
}

static LhEncDomain *
get(uint32 number, const char *name)
{
	LhEncDomain *domain = read_domain(number, name);
	bool		found;
	Entry	   *entry = hash_search(domains, &number, HASH_ENTER, &found);

	if (found)
		MemoryContextDelete(entry->domain->mcxt);
	entry->domain = domain;
	return domain;
}

LhEncDomain *
lh_enc_domain(uint32 number)
{
	Entry	   *entry;
	char	   *name;

	begin();
	entry = hash_search(domains, &number, HASH_FIND, NULL);
	if (entry != NULL && !stale(entry->domain))
		return entry->domain;
	name = lh_enc_domain_name(number);
	if (name == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("the encryption domain of number %u does not exist", number),
				 errhint("It was dropped, or not restored yet; lakehouse.domain_create makes it by its name and key.")));
	return get(number, name);
}

LhEncDomain *
lh_enc_default(void)
{
	const char *name = lakehouse_encryption_domain;
	uint32		number;

	if (name == NULL || name[0] == '\0')
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("this database has no encryption domain of its own, for values that no column says one of"),
				 errhint("A superuser says ALTER DATABASE ... SET lakehouse.encryption_domain = '...'; or write lakehouse.encrypt(value, domain).")));
	number = lh_enc_number(name);
	if (lh_enc_domain_name(number) == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("encryption domain \"%s\" does not exist", name),
				 errdetail("It is that of setting \"%s\".", "lakehouse.encryption_domain"),
				 errhint("lakehouse.domain_create makes it.")));
	return lh_enc_domain(number);
}

const char *
lh_enc_name(const LhEncDomain *domain)
{
	return NameStr(domain->domain->name);
}

uint32
lh_enc_number_of(const LhEncDomain *domain)
{
	return domain->number;
}

LhKeyRef
lh_enc_current(const LhEncDomain *domain)
{
	return domain->current;
}

uint32
lh_enc_search_version(const LhEncDomain *domain)
{
	return domain->domain->key.version;
}

/* ---- rights ---- */

static LhEncMemory *
memory_of(LhEncDomain *domain, LhDomainRight right)
{
	switch (right)
	{
		case LH_DOMAIN_ENCRYPT:
			return &domain->memory[LH_ENC_MAY_ENCRYPT];
		case LH_DOMAIN_DECRYPT:
			return &domain->memory[LH_ENC_MAY_DECRYPT];
		default:
			Assert(right == LH_DOMAIN_SEARCH);
			return &domain->memory[LH_ENC_MAY_SEARCH];
	}
}

bool
lh_enc_may(LhEncDomain *domain, LhDomainRight right)
{
	LhEncMemory *memory = memory_of(domain, right);
	Oid			user,
				outer = GetOuterUserId();
	int			context;
	LhSubject	subject;

	GetUserIdAndSecContext(&user, &context);
	if (memory->known && memory->user == user && memory->outer == outer && memory->context == context)
		return memory->may;
	subject = lh_subject();
	memory->may = !subject.unknown && lh_domain_has(domain->domain, right, subject.role);
	memory->user = user;
	memory->outer = outer;
	memory->context = context;
	/* where PostgreSQL works for a table these three do not say who the subject is */
	memory->known = (context & (SECURITY_RESTRICTED_OPERATION | SECURITY_NOFORCE_RLS)) == 0;
	return memory->may;
}

void
lh_enc_require(LhEncDomain *domain, LhDomainRight right)
{
	if (!lh_enc_may(domain, right))
		lh_domain_require(domain->domain, right);
}

void
lh_enc_spend(const LhEncDomain *domain, LhDomainRight right)
{
	lh_domain_spend(domain->domain, right, 1);
}

/* ---- who seals under a version, and who wants it unused ---- */

static void
version_tag(LOCKTAG *tag, LhKeyRef ref)
{
	SET_LOCKTAG_OBJECT(*tag, MyDatabaseId, lh_keys_table("key_versions", false), (uint32) (ref.id ^ ref.id >> 32) ^ ref.version, 0);
}

static bool
may_seal_under(LhKeyRef ref)
{
	LhKeyVersion version;

	return lh_key_version(ref, &version) && version.state == LH_KEY_ACTIVE;
}

bool
lh_enc_hold(LhEncDomain *domain)
{
	LOCKTAG		tag;

	if (RecoveryInProgress() || (domain->held == transactions && domain->held_by == GetCurrentSubTransactionId()))
		return true;
	version_tag(&tag, domain->current);
	(void) LockAcquire(&tag, ShareLock, false, false);
	if (!may_seal_under(domain->current))
		return false;
	domain->held = transactions;
	domain->held_by = GetCurrentSubTransactionId();
	return true;
}

bool
lh_enc_seals_now(LhKeyRef ref)
{
	LOCKTAG		tag;

	if (RecoveryInProgress())
		return false;
	version_tag(&tag, ref);
	while (LockAcquire(&tag, ExclusiveLock, false, true) == LOCKACQUIRE_NOT_AVAIL)
	{
		int			holders;

		/* a transaction that is over already lets go of its locks one after the other */
		(void) GetLockConflicts(&tag, ExclusiveLock, &holders);
		if (holders > 0)
			return true;
		CHECK_FOR_INTERRUPTS();
		pg_usleep(1000L);
	}
	/* who looks at the version that encrypts does not keep others from it */
	if (ref.version == lh_key_newest(ref.id))
		LockRelease(&tag, ExclusiveLock, false);
	return false;
}

/* ---- is the key of a value there? ---- */

bool
lh_enc_key_usable(const LhEnc *value)
{
	Entry	   *entry;

	if (value->form == LH_ENC_NEEDLE)
		return false;
	begin();
	entry = hash_search(domains, &value->number, HASH_FIND, NULL);
	if (entry != NULL && !stale(entry->domain) && find_key(entry->domain, value->envelope.key) != NULL)
		return value->envelope.key.id == entry->domain->domain->key.id;
	return lh_enc_domain_name(value->number) != NULL && may_seal_under(value->envelope.key) &&
		value->envelope.key.id == lh_enc_domain(value->number)->domain->key.id;
}

/* Of a domain's definition, whether the key is there or not. */
static uint64
key_id_of_definition(const char *name)
{
	LhDomain   *domain = palloc0(sizeof(LhDomain));
	LhTemplateSpec spec = {0};
	Oid			view = lh_hidden_find(LH_HIDDEN_DOMAIN, name);

	if (!OidIsValid(view))
		return 0;
	namestrcpy(&domain->name, name);
	domain->hidden = lh_hidden_read(view);
	lh_domain_parse(domain, &spec);
	return domain->key.id;
}

bool
lh_enc_can_verify(const LhEnc *value)
{
	char	   *name = lh_enc_domain_name(value->number);
	LhKeyRef	key = value->envelope.key;
	uint64		id;
	LhKeyVersion version;
	LhKeyRow	row;

	if (name == NULL)
		return false;
	if (lh_enc_key_usable(value))
		return true;
	id = key_id_of_definition(name);
	/* versions come with the key, but after it */
	if (id == 0 || !lh_key_row(id, &row) || lh_key_newest(id) == 0)
		return false;
	if (key.id != id || !lh_key_version(key, &version))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("an encrypted value is not under the key of domain \"%s\"", name)));
	/* retired or destroyed */
	return false;
}
