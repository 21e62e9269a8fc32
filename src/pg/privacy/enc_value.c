/*
 * enc_value.c
 *		Encrypted datums: taken apart, sealed and opened under the keys of a domain.
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
#include "pg/privacy/enc.h"

#include <openssl/rand.h>

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

#define LAYOUT       1
#define HEADER_SHORT (8 + LH_ENC_BLIND)
#define HEADER_LONG  (HEADER_SHORT + LH_ENC_MARK)

/* Rights that are asked for a value: their memory is by these places. */
enum
{
	MAY_ENCRYPT, MAY_DECRYPT, MAY_SEARCH, MAYS
};

typedef struct Memory
{
	bool		known, may;
	Oid			user, outer;
	int			context;
} Memory;

typedef struct KeyAtHand
{
	LhKeyRef	ref;
	LhEnvelopeKey *key;
} KeyAtHand;

struct LhEncDomain
{
	uint64		generation;		/* of this file */
	uint64		domains;		/* lh_domain_generation: as long as it is, the domain is there */
	MemoryContext mcxt;
	LhDomain   *domain;
	uint32		number;
	LhCtx	   *ctx;
	LhArena    *scratch;		/* of one call */
	LhSlice		name;			/* UTF-8 */
	LhHmac	   *blind;
	LhKeyRef	current;
	KeyAtHand  *keys;
	int			nkeys;
	Memory		memory[MAYS];
	/* where the version in "current" is held */
	uint64		held;
	SubTransactionId held_by;
};

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

static uint32
get_be32(const uint8 *p)
{
	return (uint32) p[0] << 24 | (uint32) p[1] << 16 | (uint32) p[2] << 8 | p[3];
}

static void
put_be32(uint8 *p, uint32 v)
{
	for (int i = 0; i < 4; i++)
		p[i] = (uint8) (v >> (24 - 8 * i));
}

uint32
lh_enc_number(const char *name)
{
	uint8_t		hash[LH_SHA256];
	uint32		number;

	lh_sha256(utf8(name), hash);
	number = get_be32(hash) >> 2;
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

/* ---- a datum's bytes ---- */

static size_t
header_size(LhEncForm form)
{
	return form == LH_ENC_RANDOM ? HEADER_SHORT : HEADER_LONG;
}

/* The envelope's own parser reports through a context; a failure here is just no value. */
static bool
parse_envelope(LhSlice bytes, LhEnvelope *out)
{
	static LhCtx *ctx = NULL;

	if (ctx == NULL)
		ctx = lh_pg_ctx(TopMemoryContext, 0, NULL);
	return lh_envelope_parse(ctx, bytes, out) == LH_OK && out->algorithm == LH_ENVELOPE_SIV;
}

bool
lh_enc_parse_bytes(LhSlice bytes, LhEnc *out)
{
	const uint8 *p = bytes.data;
	size_t		header;

	if (bytes.len < HEADER_SHORT || p[0] != LAYOUT || p[1] < LH_ENC_RANDOM || p[1] > LH_ENC_NEEDLE || p[2] == 0 ||
		p[2] > LH_ENC_TYPES || p[3] != 0)
		return false;
	memset(out, 0, sizeof(*out));
	out->form = (LhEncForm) p[1];
	out->type = (LhEncType) p[2];
	out->number = get_be32(p + 4);
	out->blind = p + 8;
	header = header_size(out->form);
	if (bytes.len < header || out->number == 0 || out->number >> 30 != 0)
		return false;
	out->header = lh_slice(p, header);
	if (out->form == LH_ENC_SEARCH || out->form == LH_ENC_NEEDLE)
	{
		out->search_version = get_be32(p + HEADER_SHORT);
		if (get_be32(p + HEADER_SHORT + 4) != 0)
			return false;
	}
	if (out->form == LH_ENC_NEEDLE)
		return bytes.len == header;
	return parse_envelope(lh_slice(p + header, bytes.len - header), &out->envelope);
}

/* "LE", version, algorithm: as envelope.h has them. */
#define ENVELOPE_VERSION_AT 4
#define ENVELOPE_ID_AT      8

static void not_whole(void) __attribute__((noreturn));

static void
not_whole(void)
{
	ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED), errmsg("an encrypted value is damaged: it is not of the form that it should be")));
}

void
lh_enc_parse_head(Datum value, LhEnc *out)
{
	struct varlena *head = PG_DETOAST_DATUM_SLICE(value, 0, HEADER_LONG + LH_ENVELOPE_HEADER);
	const uint8 *p = (const uint8 *) VARDATA_ANY(head);
	size_t		len = VARSIZE_ANY_EXHDR(head);
	size_t		header;

	if (len < HEADER_LONG || p[0] != LAYOUT || p[1] < LH_ENC_RANDOM || p[1] > LH_ENC_NEEDLE || p[2] == 0 || p[2] > LH_ENC_TYPES)
		not_whole();
	memset(out, 0, sizeof(*out));
	out->form = (LhEncForm) p[1];
	out->type = (LhEncType) p[2];
	out->number = get_be32(p + 4);
	header = header_size(out->form);
	if (out->form == LH_ENC_SEARCH || out->form == LH_ENC_NEEDLE)
		out->search_version = get_be32(p + HEADER_SHORT);
	if (out->form == LH_ENC_NEEDLE)
		return;
	if (len < header + LH_ENVELOPE_HEADER)
		not_whole();
	out->envelope.key.version = get_be32(p + header + ENVELOPE_VERSION_AT);
	out->envelope.key.id = (uint64) get_be32(p + header + ENVELOPE_ID_AT) << 32 | get_be32(p + header + ENVELOPE_ID_AT + 4);
}

void
lh_enc_parse(Datum value, LhEnc *out)
{
	struct varlena *v = PG_DETOAST_DATUM_PACKED(value);

	if (!lh_enc_parse_bytes(lh_slice(VARDATA_ANY(v), VARSIZE_ANY_EXHDR(v)), out))
		not_whole();
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
	put_be32(info + sizeof(label), (uint32) (ref.id >> 32));
	put_be32(info + sizeof(label) + 4, (uint32) ref.id);
	put_be32(info + sizeof(label) + 8, ref.version);
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

static KeyAtHand *
find_key(const LhEncDomain *domain, LhKeyRef ref)
{
	for (int i = 0; i < domain->nkeys; i++)
	{
		if (domain->keys[i].ref.id == ref.id && domain->keys[i].ref.version == ref.version)
			return &domain->keys[i];
	}
	return NULL;
}

static LhEnvelopeKey *
key_of(LhEncDomain *domain, LhKeyRef ref)
{
	KeyAtHand  *at_hand = find_key(domain, ref);
	LhEnvelopeKey *key;

	if (at_hand != NULL)
		return at_hand->key;
	load(domain, ref, &key);
	if (domain->keys == NULL)
		domain->keys = MemoryContextAlloc(domain->mcxt, sizeof(KeyAtHand));
	else
		domain->keys = repalloc(domain->keys, sizeof(KeyAtHand) * (domain->nkeys + 1));
	domain->keys[domain->nkeys++] = (KeyAtHand) {ref, key};
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

static Memory *
memory_of(LhEncDomain *domain, LhDomainRight right)
{
	switch (right)
	{
		case LH_DOMAIN_ENCRYPT:
			return &domain->memory[MAY_ENCRYPT];
		case LH_DOMAIN_DECRYPT:
			return &domain->memory[MAY_DECRYPT];
		default:
			Assert(right == LH_DOMAIN_SEARCH);
			return &domain->memory[MAY_SEARCH];
	}
}

bool
lh_enc_may(LhEncDomain *domain, LhDomainRight right)
{
	Memory	   *memory = memory_of(domain, right);
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

/*
 * Until the (sub)transaction ends.  Not where nothing can be stored: a standby has no such locks.  False: the version was
 * retired before we had it.
 */
static bool
hold_version(LhEncDomain *domain)
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
	if (LockAcquire(&tag, ExclusiveLock, false, true) == LOCKACQUIRE_NOT_AVAIL)
		return true;
	/* who looks at the version that encrypts does not keep others from it */
	if (ref.version == lh_key_newest(ref.id))
		LockRelease(&tag, ExclusiveLock, false);
	return false;
}

/* ---- sealing ---- */

/* Drawn many at a time. */
static void
random_bytes(uint8 *out, size_t n)
{
	static uint8 pool[1024];
	static size_t left = 0;

	Assert(n <= sizeof(pool));
	if (left < n)
	{
		if (RAND_bytes(pool, sizeof(pool)) != 1)
			ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg("the cryptographic library failed to make random bytes")));
		left = sizeof(pool);
	}
	left -= n;
	memcpy(out, pool + left, n);
	lh_wipe(pool + left, n);
}

/* By which this session knows what it sealed, and for whom: others can neither make nor read it. */
static void
mark_of(const uint8 *random, uint8 out[LH_ENC_MARK])
{
	static LhHmac *session = NULL;
	uint8_t		roles[8],
				hash[LH_SHA256];
	LhSlice		parts[2] = {lh_slice(random, LH_ENC_BLIND), lh_slice(roles, sizeof(roles))};

	if (session == NULL)
	{
		LhCtx	   *ctx = lh_pg_ctx(TopMemoryContext, 0, NULL);
		uint8_t		key[LH_SHA256];

		random_bytes(key, sizeof(key));
		lh_pg_check(ctx, lh_hmac_create(ctx, lh_slice(key, sizeof(key)), &session));
		lh_wipe(key, sizeof(key));
	}
	/* what a function with SECURITY DEFINER seals is its owner's business as well */
	put_be32(roles, lh_subject().role);
	put_be32(roles + 4, GetUserId());
	lh_hmac(session, parts, 2, hash);
	memcpy(out, hash, LH_ENC_MARK);
}

static void
blind_of(LhEncDomain *domain, LhEncType type, LhSlice canonical, uint8 *out)
{
	/* text '5' is not bigint 5 */
	uint8_t		name[NAMEDATALEN * MAX_CONVERSION_GROWTH + 2];
	size_t		len = domain->name.len;

	Assert(len + 2 <= sizeof(name));
	memcpy(name, domain->name.data, len);
	name[len] = 0;
	name[len + 1] = (uint8_t) type;
	lh_pg_check(domain->ctx, lh_blind_index(domain->ctx, domain->blind, lh_slice(name, len + 2), canonical, out, LH_ENC_BLIND));
}

static void
put_header(LhEncDomain *domain, LhEncType type, LhEncForm form, LhSlice canonical, uint8 *p)
{
	memset(p, 0, header_size(form));
	p[0] = LAYOUT;
	p[1] = (uint8) form;
	p[2] = (uint8) type;
	put_be32(p + 4, domain->number);
	if (form == LH_ENC_SEARCH || form == LH_ENC_NEEDLE)
	{
		blind_of(domain, type, canonical, p + 8);
		put_be32(p + HEADER_SHORT, domain->domain->key.version);
		return;
	}
	random_bytes(p + 8, LH_ENC_BLIND);
	if (form == LH_ENC_OPEN)
		mark_of(p + 8, p + HEADER_SHORT);
}

static struct varlena *
allocate(size_t len, uint8 **bytes)
{
	struct varlena *v;

	if (len > MaxAllocSize - VARHDRSZ)
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("the value is too long to be encrypted")));
	v = palloc(VARHDRSZ + len);
	SET_VARSIZE(v, VARHDRSZ + len);
	*bytes = (uint8 *) VARDATA(v);
	return v;
}

struct varlena *
lh_enc_needle(LhEncDomain *domain, LhEncType type, LhSlice canonical)
{
	uint8	   *p;
	struct varlena *v = allocate(HEADER_LONG, &p);

	put_header(domain, type, LH_ENC_NEEDLE, canonical, p);
	return v;
}

static LhStatus
bind(LhEncDomain *domain, LhEnvelopeKey *key, LhSlice header, LhBinding *binding)
{
	LhArena    *old;
	LhStatus	status;

	lh_arena_reset(domain->scratch);
	old = lh_use(domain->ctx, domain->scratch);
	status = lh_envelope_bind(domain->ctx, key, domain->name, header, binding);
	(void) lh_use(domain->ctx, old);
	return status;
}

static LhStatus
seal(LhEncDomain *domain, LhEnvelopeKey *key, LhSlice header, LhSlice plain, uint8 *out)
{
	LhBinding	binding;

	LH_TRY(bind(domain, key, header, &binding));
	return lh_envelope_seal(domain->ctx, key, LH_ENVELOPE_SIV, &binding, plain, out);
}

struct varlena *
lh_enc_seal(LhEncDomain *domain, LhEncType type, LhEncForm form, LhSlice plain, LhSlice canonical)
{
	size_t		header = header_size(form);
	LhEnvelopeKey *key;
	struct varlena *v;
	uint8	   *p;

	while (!hold_version(domain))
	{
		CHECK_FOR_INTERRUPTS();
		AcceptInvalidationMessages();
		domain = lh_enc_domain(domain->number);
	}
	key = key_of(domain, domain->current);
	v = allocate(header + lh_envelope_size(LH_ENVELOPE_SIV, plain.len), &p);
	put_header(domain, type, form, canonical, p);
	lh_pg_check(domain->ctx, seal(domain, key, lh_slice(p, header), plain, p + header));
	return v;
}

/* ---- opening ---- */

static LhStatus
open_envelope(LhEncDomain *domain, LhEnvelopeKey *key, const LhEnc *value, uint8 *out)
{
	LhBinding	binding;

	LH_TRY(bind(domain, key, value->header, &binding));
	return lh_envelope_open(domain->ctx, key, &binding, &value->envelope, out);
}

static void
check_key(const LhEncDomain *domain, const LhEnc *value)
{
	if (value->envelope.key.id != domain->domain->key.id)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("an encrypted value is not under the key of domain \"%s\"", NameStr(domain->domain->name)),
				 errdetail("The domain was made anew with another key since the value was encrypted.")));
}

LhSlice
lh_enc_open(LhEncDomain *domain, const LhEnc *value)
{
	size_t		len = value->envelope.plain_len;
	uint8	   *out;

	if (value->form == LH_ENC_NEEDLE)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("what a search compares with has no value to be decrypted")));
	check_key(domain, value);
	out = palloc(len + 1);
	out[len] = 0;
	lh_pg_check(domain->ctx, open_envelope(domain, key_of(domain, value->envelope.key), value, out));
	return lh_slice(out, len);
}

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

bool
lh_enc_ours(const LhEnc *value)
{
	uint8		mark[LH_ENC_MARK];

	if (value->form != LH_ENC_OPEN)
		return false;
	mark_of(value->blind, mark);
	return lh_same_secret(mark, value->header.data + HEADER_SHORT, LH_ENC_MARK);
}

LhSlice
lh_enc_open_as_subject(const LhEnc *value)
{
	LhEncDomain *domain = lh_enc_domain(value->number);

	if (!lh_enc_ours(value))
	{
		lh_enc_require(domain, LH_DOMAIN_DECRYPT);
		lh_enc_spend(domain, LH_DOMAIN_DECRYPT);
		lh_audit_use(LH_AUDIT_DECRYPT, lh_enc_name(domain), 1);
	}
	return lh_enc_open(domain, value);
}
