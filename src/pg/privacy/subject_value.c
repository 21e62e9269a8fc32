/*
 * subject_value.c
 *		lakehouse.subject_encrypt and lakehouse.subject_decrypt: texts under the key of a subject.
 *
 * A token domain says who may, by its rights "encrypt" and "decrypt", and its data key is the parent of the subject's.  The value is
 * an AES-GCM envelope as text, bound to the domain's name; it names the key by number.
 *
 * Keys that a call has used stay ready with it (fn_extra) while the store has the same number of erasures, which is asked for each
 * value: so an erased key is used no more, not even by a statement that was using it.
 */
#include "pg/privacy/subject_store.h"

#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "pg/privacy/token_state.h"
#include "pg/util/features.h"

PG_FUNCTION_INFO_V1(lakehouse_subject_encrypt);
PG_FUNCTION_INFO_V1(lakehouse_subject_decrypt);
extern PGDLLEXPORT Datum lakehouse_subject_encrypt(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum lakehouse_subject_decrypt(PG_FUNCTION_ARGS);

/* Keys of a call. */
#define READY 128

typedef struct ReadyKey
{
	uint64		id;
	LhEnvelopeKey *key;
	LhBinding	binding;
} ReadyKey;

/* fn_extra; begins as token_state.h has it. */
typedef struct SubjectCall
{
	LhTokenCall token;
	MemoryContext mcxt;			/* of all below */
	LhCtx	   *ctx;
	uint64		erasures;
	NameData	domain;
	ReadyKey	keys[READY];
	int			next;			/* so many */
} SubjectCall;

static const LhSlice label = {(const uint8_t *) "lakehouse subject value", 24};

/* Called for its check of rights; what it keeps is ours to enlarge. */
static SubjectCall *
begin(FunctionCallInfo fcinfo, LhDomainRight right)
{
	if (fcinfo->flinfo->fn_extra == NULL)
		fcinfo->flinfo->fn_extra = MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt, sizeof(SubjectCall));
	return (SubjectCall *) lh_token_begin(fcinfo, 1, LH_KINDS_ANY, right);
}

/* Everything that was made ready goes when a key was erased, or at another domain. */
static void
refresh(FunctionCallInfo fcinfo, SubjectCall *call)
{
	uint64		erasures = lh_subject_erasures();
	const LhDomain *domain = call->token.domain;

	if (call->mcxt != NULL && call->erasures == erasures && strcmp(NameStr(call->domain), NameStr(domain->name)) == 0)
		return;
	if (call->mcxt != NULL)
		MemoryContextDelete(call->mcxt);
	call->mcxt = NULL;
	call->next = 0;
	call->mcxt = AllocSetContextCreate(fcinfo->flinfo->fn_mcxt, "lakehouse keys of subjects in a call", ALLOCSET_SMALL_SIZES);
	call->ctx = lh_pg_ctx(call->mcxt, 0, NULL);
	call->domain = domain->name;
	call->erasures = erasures;
}

static LhStatus
prepare(LhCtx *ctx, LhKeyRef ref, LhSlice bytes, const LhDomain *domain, ReadyKey *out)
{
	LhBuf		name;

	LH_TRY(lh_envelope_key_create(ctx, ref, bytes, 0, &out->key));
	LH_TRY(lh_buf_init(ctx, &name, false));
	LH_TRY(lh_buf_append(ctx, &name, label.data, label.len));
	LH_TRY(lh_buf_append_str(ctx, &name, NameStr(domain->name)));
	return lh_envelope_bind(ctx, out->key, lh_slice(name.data, name.len), (LhSlice) {0}, &out->binding);
}

/* NULL: not yet. */
static const ReadyKey *
find_ready(const SubjectCall *call, uint64 id)
{
	for (int i = 0; i < call->next; i++)
		if (call->keys[i].id == id)
			return &call->keys[i];
	return NULL;
}

/* The key of a subject, ready; its bytes are in memory for a moment. */
static const ReadyKey *
ready_key(SubjectCall *call, LhKeyRef ref)
{
	const ReadyKey *found = find_ready(call, ref.id);
	ReadyKey	made = {.id = ref.id};
	uint64		parent;
	LhCtx	   *scratch;
	LhSlice		bytes;

	if (found != NULL)
		return found;
	/* full: begin anew, which wipes them */
	if (call->next == READY)
	{
		call->next = 0;
		lh_arena_reset(call->ctx->arena);
	}
	scratch = lh_pg_ctx(CurrentMemoryContext, 0, NULL);
	bytes = lh_subject_load(scratch, ref, &parent);
	/* a domain of the same name may have had another key */
	if (parent != call->token.domain->key.id)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("the value was not encrypted in domain \"%s\"", NameStr(call->token.domain->name))));
	lh_pg_check(call->ctx, prepare(call->ctx, ref, bytes, call->token.domain, &made));
	lh_arena_reset(scratch->arena);
	call->keys[call->next] = made;
	return &call->keys[call->next++];
}

static LhSlice
text_slice(text *t)
{
	return lh_slice(VARDATA_ANY(t), VARSIZE_ANY_EXHDR(t));
}

Datum
lakehouse_subject_encrypt(PG_FUNCTION_ARGS)
{
	SubjectCall *call = begin(fcinfo, LH_DOMAIN_ENCRYPT);
	LhSlice		plain = lh_token_utf8(text_slice(PG_GETARG_TEXT_PP(0)));
	LhSlice		subject = text_slice(PG_GETARG_TEXT_PP(2));
	LhCtx	   *ctx = lh_pg_ctx(CurrentMemoryContext, 0, NULL);
	uint64		parent = call->token.domain->key.id;
	const ReadyKey *key;
	uint8	   *sealed;
	size_t		n;
	text	   *result;
	LhBuf		out;

	lh_domain_spend(call->token.domain, LH_DOMAIN_ENCRYPT, 1);
	if (plain.data == NULL)
		ereport(ERROR, (errcode(ERRCODE_UNTRANSLATABLE_CHARACTER), errmsg("the value cannot be encrypted: it is not UTF-8")));
	lh_audit_use(LH_AUDIT_ENCRYPT, NameStr(call->token.domain->name), 1);
	lh_crypto_ready();
	refresh(fcinfo, call);
	key = ready_key(call, lh_subject_key_of(parent, subject, true));
	n = lh_envelope_size(LH_ENVELOPE_GCM, plain.len);
	sealed = palloc_extended(n, MCXT_ALLOC_HUGE);
	lh_pg_check(call->ctx, lh_envelope_seal(call->ctx, key->key, LH_ENVELOPE_GCM, &key->binding, plain, sealed));
	lh_pg_check(ctx, lh_buf_init(ctx, &out, false));
	lh_pg_check(ctx, lh_envelope_to_text(ctx, lh_slice(sealed, n), &out));
	if (out.len > MaxAllocSize - VARHDRSZ)
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("the value is too long to be encrypted")));
	result = cstring_to_text_with_len((const char *) out.data, (int) out.len);
	lh_buf_free(&out);
	PG_RETURN_TEXT_P(result);
}

/* Opened; what was decrypted is wiped, but for the result. */
static text *
open_value(SubjectCall *call, const ReadyKey *key, const LhEnvelope *e)
{
	uint8	   *plain = palloc(e->plain_len + 1);
	text	   *result;

	lh_pg_check(call->ctx, lh_envelope_open(call->ctx, key->key, &key->binding, e, plain));
	result = lh_token_from_utf8(lh_slice(plain, e->plain_len));
	lh_wipe(plain, e->plain_len);
	pfree(plain);
	if (result == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNTRANSLATABLE_CHARACTER), errmsg("the value has characters that this database does not have")));
	return result;
}

Datum
lakehouse_subject_decrypt(PG_FUNCTION_ARGS)
{
	SubjectCall *call = begin(fcinfo, LH_DOMAIN_DECRYPT);
	LhCtx	   *ctx = lh_pg_ctx(CurrentMemoryContext, 0, NULL);
	LhEnvelope	e;
	LhSlice		bytes;
	text	   *result;

	lh_domain_spend(call->token.domain, LH_DOMAIN_DECRYPT, 1);
	lh_pg_check(ctx, lh_envelope_from_text(ctx, text_slice(PG_GETARG_TEXT_PP(0)), &bytes));
	lh_pg_check(ctx, lh_envelope_parse(ctx, bytes, &e));
	if ((e.key.id & LH_SUBJECT_KEY) == 0 || e.plain_len >= MaxAllocSize - VARHDRSZ)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("the value was not encrypted under the key of a subject")));
	lh_audit_use(LH_AUDIT_DECRYPT, NameStr(call->token.domain->name), 1);
	lh_crypto_ready();
	refresh(fcinfo, call);
	if (PG_GETARG_BOOL(2) && find_ready(call, e.key.id) == NULL && lh_subject_key_erased(e.key.id))
		PG_RETURN_NULL();
	result = open_value(call, ready_key(call, e.key), &e);
	lh_arena_reset(ctx->arena);
	PG_RETURN_TEXT_P(result);
}
