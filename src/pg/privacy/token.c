/*
 * token.c
 *		lakehouse.tokenize and lakehouse.detokenize: values through a domain.
 */
#include "pg/privacy/token_state.h"

#include "catalog/namespace.h"
#include "datatype/timestamp.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/fmgrprotos.h"
#include "utils/numeric.h"
#include "utils/uuid.h"

#include "pg/util/features.h"

/* ---- calls ---- */

static void
check_kinds(const LhDomain *domain, int kinds)
{
	if ((kinds & 1 << domain->kind) != 0)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_DATATYPE_MISMATCH),
			 errmsg("token domain \"%s\" takes no values of this type", NameStr(domain->name)),
			 errdetail("Its kind is \"%s\".", lh_domain_kind_names[domain->kind])));
}

LhTokenCall *
lh_token_begin_slow(FunctionCallInfo fcinfo, text *name, int kinds, LhDomainRight right)
{
	LhTokenCall *call = fcinfo->flinfo->fn_extra;
	char	   *text = text_to_cstring(name);
	LhDomain   *domain;

	if (call == NULL)
		call = fcinfo->flinfo->fn_extra = MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt, sizeof(LhTokenCall));
	call->generation = 0;
	domain = lh_domain_get(text);
	check_kinds(domain, kinds);
	if (right != LH_DOMAIN_MASK)
		lh_domain_require(domain, right);
	/* lh_domain_get refused what is longer */
	call->len = (int) strlen(text);
	memcpy(call->name, text, call->len);
	call->domain = domain;
	GetUserIdAndSecContext(&call->user, &call->context);
	call->outer = GetOuterUserId();
	/* there these three do not say who the subject is: it is asked for each value */
	if (right != LH_DOMAIN_MASK && (call->context & SECURITY_RESTRICTED_OPERATION) != 0 &&
		(call->context & SECURITY_LOCAL_USERID_CHANGE) != 0)
		return call;
	call->generation = domain->generation;
	return call;
}

void
lh_token_cannot(const LhDomain *domain, LhFf1Way way, LhCannot why, int element)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 way == LH_FF1_ENCRYPT ? errmsg("value cannot be tokenized in domain \"%s\"", NameStr(domain->name)) :
			 errmsg("token cannot be detokenized in domain \"%s\"", NameStr(domain->name)),
			 element == 0 ? errdetail("Reason: %s.", lh_cannot_text(why)) :
			 errdetail("Reason: %s (element %d).", lh_cannot_text(why), element)));
}

/* ---- encodings ---- */

static bool
is_ascii(LhSlice s)
{
	for (size_t i = 0; i < s.len; i++)
	{
		if (s.data[i] >= 0x80)
			return false;
	}
	return true;
}

/* Without an ERROR: masks do not raise. */
static LhSlice
convert(LhSlice in, int from, int to)
{
	Oid			proc = FindDefaultConversionProc(from, to);
	int			room;
	unsigned char *out;

	if (!OidIsValid(proc) || in.len > MaxAllocSize / MAX_CONVERSION_GROWTH - 1)
		return (LhSlice) {0};
	room = (int) in.len * MAX_CONVERSION_GROWTH + 1;
	out = palloc(room);
	if (pg_do_encoding_conversion_buf(proc, from, to, (unsigned char *) unconstify(uint8_t *, in.data), (int) in.len, out,
									  room, true) != (int) in.len)
		return (LhSlice) {0};
	return lh_slice(out, strlen((char *) out));
}

LhSlice
lh_token_utf8(LhSlice value)
{
	int			encoding = GetDatabaseEncoding();

	if (encoding == PG_UTF8 || encoding == PG_SQL_ASCII || is_ascii(value))
		return value;
	return convert(value, encoding, PG_UTF8);
}

text *
lh_token_from_utf8(LhSlice utf8)
{
	int			encoding = GetDatabaseEncoding();

	if (encoding != PG_UTF8 && encoding != PG_SQL_ASCII && !is_ascii(utf8))
		utf8 = convert(utf8, PG_UTF8, encoding);
	return utf8.data != NULL ? cstring_to_text_with_len((const char *) utf8.data, (int) utf8.len) : NULL;
}

/* ---- values ---- */

/* By the template; *out is in the domain's buffer. */
static void
apply(LhDomain *domain, LhFf1Way way, LhSlice in, LhSlice *out, LhCannot *why)
{
	lh_pg_check(domain->ctx, lh_template_apply(domain->ctx, domain->template, way, &in, 1, &domain->bytes, out, why));
}

static void
wipe_result(LhDomain *domain)
{
	if (domain->bytes.len > 0)
		lh_wipe(domain->bytes.data, domain->bytes.len);
}

static pg_noinline text *
any_text(LhDomain *domain, LhFf1Way way, LhSlice in, LhCannot *why)
{
	LhSlice		utf8 = lh_token_utf8(in);
	text	   *result;
	LhSlice		out;

	*why = LH_CANNOT_UTF8;
	if (utf8.data == NULL)
		return NULL;
	apply(domain, way, utf8, &out, why);
	if (out.data == NULL)
		return NULL;
	result = lh_token_from_utf8(out);
	wipe_result(domain);
	if (result == NULL)
		*why = LH_CANNOT_UTF8;
	return result;
}

Datum
lh_through_text(LhDomain *domain, LhFf1Way way, Datum value, LhCannot *why)
{
	text	   *in = DatumGetTextPP(value);
	size_t		len = VARSIZE_ANY_EXHDR(in);

	*why = LH_CANNOT_NOT;
	/* digits alone: the short way, straight into the result */
	if (len <= 32)
	{
		text	   *result = palloc(VARHDRSZ + len);
		bool		done;
		LhStatus	status = lh_template_plain(domain->ctx, domain->template, way, VARDATA_ANY(in), VARDATA(result), len, 1,
											   &done);

		if (likely(status == LH_OK && done))
		{
			SET_VARSIZE(result, VARHDRSZ + len);
			return PointerGetDatum(result);
		}
		lh_pg_check(domain->ctx, status);
		pfree(result);
	}
	return PointerGetDatum(any_text(domain, way, LH_TEXT_SLICE(in), why));
}

Datum
lh_through_numeric(LhDomain *domain, LhFf1Way way, Datum value, LhCannot *why)
{
	char	   *in = DatumGetCString(DirectFunctionCall1(numeric_out, value));
	LhSlice		out;
	char	   *text;

	apply(domain, way, lh_slice(in, strlen(in)), &out, why);
	if (out.data == NULL)
		return 0;
	text = pnstrdup((const char *) out.data, out.len);
	wipe_result(domain);
	/* as many digits as the value has, so it is in range */
	return DirectFunctionCall3(numeric_in, CStringGetDatum(text), ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1));
}

static int64
through_integer(LhDomain *domain, LhFf1Way way, int64 in, LhCannot *why)
{
	int64_t		x = in;

	lh_pg_check(domain->ctx, lh_template_integers(domain->ctx, domain->template, way, &x, 1, &x, why));
	return x;
}

Datum
lh_through_bigint(LhDomain *domain, LhFf1Way way, Datum value, LhCannot *why)
{
	return Int64GetDatum(through_integer(domain, way, DatumGetInt64(value), why));
}

Datum
lh_through_integer(LhDomain *domain, LhFf1Way way, Datum value, LhCannot *why)
{
	if (domain->least < PG_INT32_MIN || domain->most > PG_INT32_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("tokens of domain \"%s\" do not fit type integer", NameStr(domain->name)),
				 errhint("Make it with options \"least\" and \"most\" of that type, or cast values to bigint.")));
	return Int32GetDatum((int32) through_integer(domain, way, DatumGetInt32(value), why));
}

Datum
lh_through_uuid(LhDomain *domain, LhFf1Way way, Datum value, LhCannot *why)
{
	pg_uuid_t  *result = palloc(sizeof(pg_uuid_t));

	*why = LH_CANNOT_NOT;
	lh_pg_check(domain->ctx, lh_template_uuids(domain->ctx, domain->template, way, DatumGetUUIDP(value)->data, 1, result->data));
	return UUIDPGetDatum(result);
}

Datum
lh_through_date(LhDomain *domain, LhFf1Way way, Datum value, LhCannot *why)
{
	DateADT		date = DatumGetDateADT(value);
	int64		day;

	if (DATE_NOT_FINITE(date))
	{
		*why = LH_CANNOT_RANGE;
		return 0;
	}
	day = through_integer(domain, way, (int64) date + LH_DAYS_TO_1970, why);
	return DateADTGetDatum((DateADT) (day - LH_DAYS_TO_1970));
}

/* ---- functions ---- */

static inline __attribute__((always_inline)) Datum
token(FunctionCallInfo fcinfo, LhFf1Way way, int kinds, LhDomainRight right, LhThroughFn through)
{
	LhTokenCall *call = lh_token_begin(fcinfo, 1, kinds, right);
	LhCannot	why;
	Datum		result;

	lh_domain_spend(call->domain, right, 1);
	lh_audit_use(way == LH_FF1_ENCRYPT ? LH_AUDIT_TOKENIZE : LH_AUDIT_DETOKENIZE, NameStr(call->domain->name), 1);
	result = through(call->domain, way, PG_GETARG_DATUM(0), &why);
	if (unlikely(why != LH_CANNOT_NOT))
		lh_token_cannot(call->domain, way, why, 0);
	return result;
}

#define BOTH(type, KIND) \
	extern PGDLLEXPORT Datum lakehouse_tokenize_##type(PG_FUNCTION_ARGS); \
	extern PGDLLEXPORT Datum lakehouse_detokenize_##type(PG_FUNCTION_ARGS); \
	PG_FUNCTION_INFO_V1(lakehouse_tokenize_##type); \
	PG_FUNCTION_INFO_V1(lakehouse_detokenize_##type); \
	Datum \
	lakehouse_tokenize_##type(PG_FUNCTION_ARGS) \
	{ \
		return token(fcinfo, LH_FF1_ENCRYPT, LH_KINDS_##KIND, LH_DOMAIN_TOKENIZE, lh_through_##type); \
	} \
	Datum \
	lakehouse_detokenize_##type(PG_FUNCTION_ARGS) \
	{ \
		return token(fcinfo, LH_FF1_DECRYPT, LH_KINDS_##KIND, LH_DOMAIN_DETOKENIZE, lh_through_##type); \
	}

BOTH(text, TEXT)
BOTH(numeric, NUMERIC)
BOTH(bigint, BIGINT)
BOTH(integer, INTEGER)
BOTH(uuid, UUID)
BOTH(date, DATE)
