/*
 * vault.c
 *		Vaulted tokens: drawn at random and kept, with an end and revocation.
 *
 * A token of a vault is no function of its value: nothing but the row of lakehouse.token_vault leads back.  That has the value sealed
 * under the domain's key (AES-SIV, bound to domain, token and end) and its blind index, by which the same value finds its token again:
 *
 *	value_index = HMAC of the domain's mask key, purpose "vault", over the value
 *
 * 1. A token has the form of its value: digits become digits, letters letters of their case, letters beyond ASCII small ones, and
 *	  everything else stays; a card's last digit is made to fit.  There are at least a million of its form, and none is its value.
 * 2. Two uniqueness rules decide between sessions: one token in a domain is of one row, and one value has one row that is valid.  Who loses
 *	  looks again.
 * 3. Who edits rows (in a dump that he restores) gives no token a longer life.  Revocation takes the sealed value and the index out of
 *	  the row, so there is nothing left that could be opened; it needs no key, and no key has to keep it.  The end is part of what the value is
 *	  sealed with.  A row of an older dump, put in the place of a newer one, is as it was: that nothing in the database can tell.
 * 4. Functions of this file write, or read what was written.  So no mask is made of them: policies take none that is VOLATILE, and a stream
 *	  could not call them.
 */
#include "pg/privacy/token_state.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "port/pg_bswap.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/timestamp.h"

#include "pg/privacy/keys_store.h"
#include "pg/privacy/vault.h"
#include "pg/util/features.h"

/* Bytes of the longest value. */
#define MOST_BYTES 1024
/* Tokens that are drawn before we give up. */
#define TRIES 100
/* Of a form there are at least so many tokens. */
#define LEAST_TOKENS 1e6

extern PGDLLEXPORT Datum lakehouse_vault_tokenize(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum lakehouse_vault_detokenize(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum lakehouse_vault_revoke(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum lakehouse_vault_purge(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum lakehouse_vault_status(PG_FUNCTION_ARGS);
PG_FUNCTION_INFO_V1(lakehouse_vault_tokenize);
PG_FUNCTION_INFO_V1(lakehouse_vault_detokenize);
PG_FUNCTION_INFO_V1(lakehouse_vault_revoke);
PG_FUNCTION_INFO_V1(lakehouse_vault_purge);
PG_FUNCTION_INFO_V1(lakehouse_vault_status);

/* ---- forms ---- */

/* A number below n, each as often. */
static uint32
draw(uint32 n)
{
	uint32		limit = PG_UINT32_MAX - PG_UINT32_MAX % n;
	uint32		x;

	do
	{
		if (!pg_strong_random(&x, sizeof(x)))
			ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg("no random numbers could be had for a token")));
	} while (x >= limit);
	return x % n;
}

/* Of how many letters a byte's place is drawn; 0: it stays.  Bytes that go on with a character of more than one are dropped. */
static int
letters(unsigned char c)
{
	return isdigit(c) ? 10 : IS_HIGHBIT_SET(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ? 26 : 0;
}

static bool
goes_on(unsigned char c)
{
	return (c & 0xc0) == 0x80;
}

/* Tokens of this form. */
static double
tokens_of(LhSlice value)
{
	double		n = 1;

	for (size_t i = 0; i < value.len && n < 1e12; i++)
	{
		if (!goes_on(value.data[i]) && letters(value.data[i]) > 0)
			n *= letters(value.data[i]);
	}
	return n;
}

/* The last digit makes the sum of Luhn's algorithm a multiple of ten. */
static void
fit_last_digit(char *token, size_t len)
{
	char	   *last = NULL;
	int			sum = 0;
	bool		twice = false;

	for (size_t i = len; i-- > 0;)
	{
		int			d = token[i] - '0';

		if (!isdigit((unsigned char) token[i]))
			continue;
		if (last == NULL)
		{
			last = &token[i];
			twice = true;
			continue;
		}
		sum += twice ? 2 * d - 9 * (d > 4) : d;
		twice = !twice;
	}
	if (last != NULL)
		*last = (char) ('0' + (10 - sum % 10) % 10);
}

static text *
draw_token(const LhDomain *domain, LhSlice utf8)
{
	char	   *token = palloc(utf8.len);
	size_t		n = 0;

	for (size_t i = 0; i < utf8.len; i++)
	{
		unsigned char c = utf8.data[i];

		if (goes_on(c))
			continue;
		token[n++] = isdigit(c) ? (char) ('0' + draw(10)) : c >= 'A' && c <= 'Z' ? (char) ('A' + draw(26)) :
			letters(c) > 0 ? (char) ('a' + draw(26)) : (char) c;
	}
	if (domain->kind == LH_DOMAIN_CARD)
		fit_last_digit(token, n);
	return cstring_to_text_with_len(token, (int) n);
}

/* ---- sealing ---- */

static Datum
index_of(const LhDomain *domain, LhSlice utf8)
{
	uint8_t		index[LH_SHA256];

	lh_keyed_bytes(domain->keyed, "vault", utf8, index);
	return lh_keys_bytea(lh_slice(index, LH_SHA256));
}

/* What a row says of a value besides its domain: the token, a NUL, which no text has, and the end (DT_NOEND: none). */
static LhSlice
row_context(LhSlice token, TimestampTz end)
{
	uint64		big = pg_hton64((uint64) end);
	uint8	   *bytes = palloc(token.len + 1 + sizeof(big));

	memcpy(bytes, token.data, token.len);
	bytes[token.len] = 0;
	memcpy(bytes + token.len + 1, &big, sizeof(big));
	return lh_slice(bytes, token.len + 1 + sizeof(big));
}

/* The envelope's key, ready; its bytes and all that is made of them go with ctx->arena. */
static LhEnvelopeKey *
envelope_key(LhCtx *ctx, LhKeyRef ref, const LhDomain *domain, LhSlice context, LhBinding *binding)
{
	LhEnvelopeKey *key;

	lh_pg_check(ctx, lh_envelope_key_create(ctx, ref, lh_key_load(ctx, ref), 0, &key));
	lh_pg_check(ctx, lh_envelope_bind(ctx, key, lh_slice(NameStr(domain->name), strlen(NameStr(domain->name))), context, binding));
	return key;
}

/* A context of its own for keys: wiped when it goes, also by an ERROR. */
static MemoryContext
keys_context(LhCtx **ctx)
{
	MemoryContext mcxt = AllocSetContextCreate(CurrentMemoryContext, "lakehouse vault", ALLOCSET_SMALL_SIZES);

	*ctx = lh_pg_ctx(mcxt, 0, NULL);
	return mcxt;
}

static Datum
seal(const LhDomain *domain, LhSlice value, LhSlice token, TimestampTz end)
{
	LhCtx	   *ctx;
	MemoryContext mcxt = keys_context(&ctx);
	LhBinding	binding;
	LhEnvelopeKey *key = envelope_key(ctx, domain->key, domain, row_context(token, end), &binding);
	size_t		size = lh_envelope_size(LH_ENVELOPE_SIV, value.len);
	bytea	   *sealed = palloc(VARHDRSZ + size);

	SET_VARSIZE(sealed, VARHDRSZ + size);
	lh_pg_check(ctx, lh_envelope_seal(ctx, key, LH_ENVELOPE_SIV, &binding, value, (uint8_t *) VARDATA(sealed)));
	MemoryContextDelete(mcxt);
	return PointerGetDatum(sealed);
}

/* ERROR: the row is not as vault_tokenize made it. */
static text *
unseal(const LhDomain *domain, LhSlice sealed, LhSlice token, TimestampTz end)
{
	LhCtx	   *ctx;
	MemoryContext mcxt = keys_context(&ctx);
	LhEnvelope	envelope;
	LhEnvelopeKey *key;
	LhBinding	binding;
	text	   *value;

	lh_pg_check(ctx, lh_envelope_parse(ctx, sealed, &envelope));
	if (envelope.key.id != domain->key.id || envelope.plain_len > MOST_BYTES)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED), errmsg("a row of the vault of token domain \"%s\" is not of its key", NameStr(domain->name))));
	key = envelope_key(ctx, envelope.key, domain, row_context(token, end), &binding);
	value = palloc(VARHDRSZ + envelope.plain_len);
	SET_VARSIZE(value, VARHDRSZ + envelope.plain_len);
	lh_pg_check(ctx, lh_envelope_open(ctx, key, &binding, &envelope, (uint8_t *) VARDATA(value)));
	MemoryContextDelete(mcxt);
	return value;
}

/* ---- lakehouse.vault_tokenize ---- */

static LhDomain *
domain_of(text *name, LhDomainRight right)
{
	LhDomain   *domain = lh_domain_get(text_to_cstring(name));

	if ((LH_KINDS_TEXT & 1 << domain->kind) == 0 || domain->kind == LH_DOMAIN_NUMERIC)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("token domain \"%s\" has no vault", NameStr(domain->name)),
				 errdetail("Its kind is \"%s\"; vaults are of kinds text, digits, email and card.", lh_domain_kind_names[domain->kind])));
	if (right != LH_DOMAIN_MASK)
		lh_domain_require(domain, right);
	return domain;
}

static LhSlice
value_of(const LhDomain *domain, text *value)
{
	LhSlice		utf8 = lh_token_utf8(LH_TEXT_SLICE(value));

	if (utf8.data == NULL || utf8.len == 0 || utf8.len > MOST_BYTES || tokens_of(utf8) < LEAST_TOKENS)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("value cannot be tokenized in the vault of domain \"%s\"", NameStr(domain->name)),
				 errdetail("It must be text of at most %d bytes with so many digits and letters that there are %.0f tokens of its form.",
						   MOST_BYTES, LEAST_TOKENS)));
	return utf8;
}

/* A row that was found: copies in the context. */
typedef struct Row
{
	text	   *token;
	bytea	   *sealed;
	TimestampTz end;			/* DT_NOEND: none */
	bool		ended;
} Row;

/* Of the first that the last statement returned: token, sealed, expires. */
static Row
get_row(MemoryContext mcxt)
{
	MemoryContext old = MemoryContextSwitchTo(mcxt);
	Row			row = {.end = DT_NOEND};
	Datum		value;

	(void) lh_keys_get(0, 1, &value);
	row.token = DatumGetTextPCopy(value);
	/* not of a row that was revoked */
	if (lh_keys_get(0, 2, &value))
		row.sealed = DatumGetByteaPCopy(value);
	if (lh_keys_get(0, 3, &value))
		row.end = DatumGetTimestampTz(value);
	row.ended = row.end <= GetCurrentTimestamp();
	MemoryContextSwitchTo(old);
	return row;
}

/* A row that ends keeps its token alone, so that it is not drawn again before it is purged. */
#define END_ROW ", sealed = NULL, value_index = NULL"

/* The token that the value has, unless it has ended; NULL: none. */
static text *
present_token(const LhDomain *domain, Datum name, Datum index, LhSlice utf8, MemoryContext mcxt)
{
	Datum		values[2] = {name, index};
	text	   *value;
	Row			row;

	if (lh_keys_sql("SELECT v.token, v.sealed, v.expires FROM lakehouse.token_vault v"
					" WHERE v.domain = $1 COLLATE \"C\" AND v.value_index = $2 AND v.revoked IS NULL", "tb", values, NULL) == 0)
		return NULL;
	row = get_row(mcxt);
	if (row.ended)
	{
		(void) lh_keys_sql("UPDATE lakehouse.token_vault v SET revoked = v.expires" END_ROW
						   " WHERE v.domain = $1 COLLATE \"C\" AND v.value_index = $2 AND v.revoked IS NULL AND v.expires <= clock_timestamp()",
						   "tb", values, NULL);
		return NULL;
	}
	value = row.sealed != NULL ? unseal(domain, LH_TEXT_SLICE(row.sealed), LH_TEXT_SLICE(row.token), row.end) : NULL;
	if (value == NULL || VARSIZE_ANY_EXHDR(value) != utf8.len || memcmp(VARDATA_ANY(value), utf8.data, utf8.len) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("a row of the vault of token domain \"%s\" is not as it was made", NameStr(domain->name)),
				 errhint("Restore it from a backup, or delete it.")));
	return row.token;
}

/* False: the token, or meanwhile the value, is there already. */
static bool
put_row(const LhDomain *domain, Datum name, text *token, Datum index, LhSlice value, TimestampTz end)
{
	Datum		values[7] = {name, PointerGetDatum(token), index, seal(domain, value, LH_TEXT_SLICE(token), end),
	Int64GetDatum((int64) domain->key.id), Int32GetDatum((int32) domain->key.version), TimestampTzGetDatum(end)};

	return lh_keys_sql("INSERT INTO lakehouse.token_vault (domain, token, value_index, sealed, key_id, key_version, expires)"
					   " VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING",
					   "ttbbliz", values, end == DT_NOEND ? "      n" : NULL) > 0;
}

static TimestampTz
end_of(const LhDomain *domain, Interval *ttl)
{
	TimestampTz now = GetCurrentTimestamp();
	Datum		end = DirectFunctionCall2(timestamptz_pl_interval, TimestampTzGetDatum(now), IntervalPGetDatum(ttl));

	if (DatumGetTimestampTz(end) <= now)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("a token of domain \"%s\" cannot end before it begins", NameStr(domain->name))));
	return DatumGetTimestampTz(end);
}

static text *
tokenize(const LhDomain *domain, LhSlice utf8, TimestampTz end)
{
	Datum		name = CStringGetTextDatum(NameStr(domain->name));
	Datum		index = index_of(domain, utf8);
	MemoryContext mcxt = CurrentMemoryContext;
	LhKeysSql	sql;
	text	   *token = NULL;

	lh_key_hold(domain->key);
	lh_keys_begin(&sql, "lakehouse.vault_tokenize()", true, true);
	for (int i = 0; token == NULL && i < TRIES; i++)
	{
		text	   *drawn;
		MemoryContext old;

		CHECK_FOR_INTERRUPTS();
		token = present_token(domain, name, index, utf8, mcxt);
		if (token != NULL)
			break;
		old = MemoryContextSwitchTo(mcxt);
		drawn = draw_token(domain, utf8);
		MemoryContextSwitchTo(old);
		if (VARSIZE_ANY_EXHDR(drawn) == utf8.len && memcmp(VARDATA_ANY(drawn), utf8.data, utf8.len) == 0)
			continue;
		if (put_row(domain, name, drawn, index, utf8, end))
			token = drawn;
	}
	lh_keys_end(&sql);
	if (token == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("no free token was found in the vault of domain \"%s\"", NameStr(domain->name)),
				 errdetail("%d of the value's form were drawn.", TRIES),
				 errhint("lakehouse.vault_purge removes what has ended.")));
	return token;
}

Datum
lakehouse_vault_tokenize(PG_FUNCTION_ARGS)
{
	LhDomain   *domain;
	LhSlice		utf8;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		PG_RETURN_NULL();
	domain = domain_of(PG_GETARG_TEXT_PP(1), LH_DOMAIN_TOKENIZE);
	utf8 = value_of(domain, PG_GETARG_TEXT_PP(0));
	lh_domain_spend(domain, LH_DOMAIN_TOKENIZE, 1);
	lh_audit_use(LH_AUDIT_TOKENIZE, NameStr(domain->name), 1);
	PG_RETURN_TEXT_P(tokenize(domain, utf8, PG_ARGISNULL(2) ? DT_NOEND : end_of(domain, PG_GETARG_INTERVAL_P(2))));
}

/* ---- lakehouse.vault_detokenize ---- */

Datum
lakehouse_vault_detokenize(PG_FUNCTION_ARGS)
{
	LhDomain   *domain = domain_of(PG_GETARG_TEXT_PP(1), LH_DOMAIN_DETOKENIZE);
	Datum		values[2] = {CStringGetTextDatum(NameStr(domain->name)), PG_GETARG_DATUM(0)};
	MemoryContext mcxt = CurrentMemoryContext;
	Row			row = {0};
	LhKeysSql	sql;
	text	   *value;

	lh_domain_spend(domain, LH_DOMAIN_DETOKENIZE, 1);
	lh_audit_use(LH_AUDIT_DETOKENIZE, NameStr(domain->name), 1);
	lh_keys_begin(&sql, "lakehouse.vault_detokenize()", false, true);
	/* what is revoked does not open in a transaction that began before, either */
	if (lh_keys_sql_now("SELECT v.token, v.sealed, v.expires FROM lakehouse.token_vault v WHERE v.domain = $1 COLLATE \"C\" AND v.token = $2 COLLATE \"C\""
						" AND v.revoked IS NULL", "tt", values) > 0)
		row = get_row(mcxt);
	lh_keys_end(&sql);
	/* one that has ended, was revoked or never was: nobody is told which */
	if (row.sealed == NULL || row.ended)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("there is no such token in the vault of domain \"%s\"", NameStr(domain->name))));
	value = unseal(domain, LH_TEXT_SLICE(row.sealed), LH_TEXT_SLICE(row.token), row.end);
	PG_RETURN_TEXT_P(lh_token_from_utf8(LH_TEXT_SLICE(value)));
}

/* ---- administration ---- */

Datum
lakehouse_vault_revoke(PG_FUNCTION_ARGS)
{
	LhDomain   *domain = domain_of(PG_GETARG_TEXT_PP(1), LH_DOMAIN_MASK);
	Datum		values[2] = {CStringGetTextDatum(NameStr(domain->name)), PG_GETARG_DATUM(0)};
	LhKeysSql	sql;
	uint64		n;

	lh_right_require(LH_RIGHT_POLICY_ADMIN, "to revoke tokens");
	lh_audit_event("vault_revoke", "domain", NameStr(domain->name), NULL);
	lh_keys_begin(&sql, "lakehouse.vault_revoke()", true, true);
	n = lh_keys_sql("UPDATE lakehouse.token_vault v SET revoked = clock_timestamp()" END_ROW " WHERE v.domain = $1 COLLATE \"C\""
					" AND v.token = $2 COLLATE \"C\" AND v.revoked IS NULL", "tt", values, NULL);
	lh_keys_end(&sql);
	PG_RETURN_BOOL(n > 0);
}

Datum
lakehouse_vault_purge(PG_FUNCTION_ARGS)
{
	LhDomain   *domain = domain_of(PG_GETARG_TEXT_PP(0), LH_DOMAIN_MASK);
	Datum		age = DirectFunctionCall1(interval_out, PG_GETARG_DATUM(1));
	Datum		values[2] = {CStringGetTextDatum(NameStr(domain->name)), CStringGetTextDatum(DatumGetCString(age))};
	LhKeysSql	sql;
	uint64		n;

	lh_right_require(LH_RIGHT_POLICY_ADMIN, "to purge vaults");
	lh_audit_event("vault_purge", "domain", NameStr(domain->name), NULL);
	lh_keys_begin(&sql, "lakehouse.vault_purge()", true, true);
	n = lh_keys_sql("DELETE FROM lakehouse.token_vault v WHERE v.domain = $1 COLLATE \"C\""
					" AND LEAST(v.revoked, v.expires) <= clock_timestamp() - $2::interval", "tt", values, NULL);
	lh_keys_end(&sql);
	PG_RETURN_INT64((int64) n);
}

Datum
lakehouse_vault_status(PG_FUNCTION_ARGS)
{
	LhKeysSql	sql;

	if (!lh_right_has(LH_RIGHT_AUDITOR, GetUserId()))
		lh_right_require(LH_RIGHT_POLICY_ADMIN, "to look at vaults");
	InitMaterializedSRF(fcinfo, 0);
	lh_keys_begin(&sql, "lakehouse.vault_status()", false, true);
	(void) lh_keys_sql("SELECT v.domain::text, count(*) FILTER (WHERE v.revoked IS NULL AND (v.expires IS NULL OR v.expires > clock_timestamp())),"
					   " count(*) FILTER (WHERE v.revoked IS NULL AND v.expires <= clock_timestamp()), count(v.revoked),"
					   " min(v.made), max(v.made) FROM lakehouse.token_vault v GROUP BY 1 ORDER BY 1", "", NULL, NULL);
	lh_keys_return((ReturnSetInfo *) fcinfo->resultinfo);
	lh_keys_end(&sql);
	return (Datum) 0;
}

/* ---- for others ---- */

bool
lh_vault_has(const char *domain)
{
	Datum		values[1] = {CStringGetTextDatum(domain)};
	LhKeysSql	sql;
	uint64		n;

	lh_keys_begin(&sql, "a function that looks into vaults", false, true);
	n = lh_keys_sql("SELECT FROM lakehouse.token_vault v WHERE v.domain = $1 COLLATE \"C\" LIMIT 1", "t", values, NULL);
	lh_keys_end(&sql);
	return n > 0;
}

char *
lh_vault_users(LhKeyRef ref)
{
	Datum		values[2] = {Int64GetDatum((int64) ref.id), Int32GetDatum((int32) ref.version)};
	MemoryContext mcxt = CurrentMemoryContext;
	char	   *result = NULL;
	LhKeysSql	sql;
	Datum		domain;

	lh_keys_begin(&sql, "a function that looks into vaults", false, true);
	if (lh_keys_sql("SELECT v.domain::text FROM lakehouse.token_vault v WHERE v.key_id = $1 AND v.key_version = $2"
					" AND v.sealed IS NOT NULL LIMIT 1", "li", values,
					NULL) > 0)
	{
		(void) lh_keys_get(0, 1, &domain);
		result = MemoryContextStrdup(mcxt, psprintf("vaulted tokens of domain \"%s\"", TextDatumGetCString(domain)));
	}
	lh_keys_end(&sql);
	return result;
}
