/*
 * enc_value.c
 *		Encrypted datums: taken apart, sealed and opened.
 */
#include "pg/privacy/enc_domain.h"

#include <openssl/rand.h>

#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/inval.h"
#include "utils/memutils.h"

#include "pg/util/features.h"

#define LAYOUT       1
#define HEADER_SHORT (8 + LH_ENC_BLIND)
#define HEADER_LONG  (HEADER_SHORT + LH_ENC_MARK)

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
	out->number = lh_enc_get32(p + 4);
	out->blind = p + 8;
	header = header_size(out->form);
	if (bytes.len < header || out->number == 0 || out->number >> 30 != 0)
		return false;
	out->header = lh_slice(p, header);
	if (out->form == LH_ENC_SEARCH || out->form == LH_ENC_NEEDLE)
	{
		out->search_version = lh_enc_get32(p + HEADER_SHORT);
		if (lh_enc_get32(p + HEADER_SHORT + 4) != 0)
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
	out->number = lh_enc_get32(p + 4);
	header = header_size(out->form);
	if (out->form == LH_ENC_SEARCH || out->form == LH_ENC_NEEDLE)
		out->search_version = lh_enc_get32(p + HEADER_SHORT);
	if (out->form == LH_ENC_NEEDLE)
		return;
	if (len < header + LH_ENVELOPE_HEADER)
		not_whole();
	out->envelope.key.version = lh_enc_get32(p + header + ENVELOPE_VERSION_AT);
	out->envelope.key.id = (uint64) lh_enc_get32(p + header + ENVELOPE_ID_AT) << 32 | lh_enc_get32(p + header + ENVELOPE_ID_AT + 4);
}

void
lh_enc_parse(Datum value, LhEnc *out)
{
	struct varlena *v = PG_DETOAST_DATUM_PACKED(value);

	if (!lh_enc_parse_bytes(lh_slice(VARDATA_ANY(v), VARSIZE_ANY_EXHDR(v)), out))
		not_whole();
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
	lh_enc_put32(roles, lh_subject().role);
	lh_enc_put32(roles + 4, GetUserId());
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
	lh_enc_put32(p + 4, domain->number);
	if (form == LH_ENC_SEARCH || form == LH_ENC_NEEDLE)
	{
		blind_of(domain, type, canonical, p + 8);
		lh_enc_put32(p + HEADER_SHORT, domain->domain->key.version);
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

	while (!lh_enc_hold(domain))
	{
		CHECK_FOR_INTERRUPTS();
		AcceptInvalidationMessages();
		domain = lh_enc_domain(domain->number);
	}
	key = lh_enc_key(domain, domain->current);
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
	lh_pg_check(domain->ctx, open_envelope(domain, lh_enc_key(domain, value->envelope.key), value, out));
	return lh_slice(out, len);
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
