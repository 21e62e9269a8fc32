/*
 * enc_type.c
 *		The encrypted types: what goes in is encrypted, what comes out is not decrypted but for who may.
 *
 * 1. Input is told of no domain where a literal stands in a statement: it seals under the database's own domain, for which no right
 *    is asked, and the cast to a column's domain opens that again.  So that nobody has values opened that others sealed, the cast takes the
 *    right to decrypt there, but for what this session sealed for this very subject.
 * 2. Output shows armoured text, but in a session of a client, with lakehouse.decrypt on, to a subject that has the right to decrypt;
 *    not while decoding, nor where PostgreSQL works for a table: what it makes there is kept.
 * 3. No message has a value: those of the base types' input are replaced, and what COPY says of where it was has the value in it, so
 *    that nothing is said of that.  Once output has decrypted, details of errors about rows are replaced until the transaction ends.
 *
 * All types have the same functions in C; which type is meant is seen from the function that SQL calls.
 */
#include "pg/privacy/enc.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "libpq/pqformat.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/numeric.h"
#include "utils/snapmgr.h"

#include "crypto/base64.h"
#include "pg/privacy/utility_parts.h"
#include "pg/util/features.h"

PG_FUNCTION_INFO_V1(lakehouse_enc_in);
PG_FUNCTION_INFO_V1(lakehouse_enc_out);
PG_FUNCTION_INFO_V1(lakehouse_enc_recv);
PG_FUNCTION_INFO_V1(lakehouse_enc_send);
PG_FUNCTION_INFO_V1(lakehouse_enc_typmod_in);
PG_FUNCTION_INFO_V1(lakehouse_enc_typmod_out);
PG_FUNCTION_INFO_V1(lakehouse_enc_cast);
PG_FUNCTION_INFO_V1(lakehouse_enc_from);
PG_FUNCTION_INFO_V1(lakehouse_enc_from_integer);
PG_FUNCTION_INFO_V1(lakehouse_encrypt);
PG_FUNCTION_INFO_V1(lakehouse_decrypt);
PG_FUNCTION_INFO_V1(lakehouse_enc_key_version);
PG_FUNCTION_INFO_V1(lakehouse_enc_renew);
PG_FUNCTION_INFO_V1(lakehouse_enc_stale);
extern PGDLLEXPORT Datum lakehouse_enc_in(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum lakehouse_enc_out(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum lakehouse_enc_recv(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum lakehouse_enc_send(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum lakehouse_enc_typmod_in(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum lakehouse_enc_typmod_out(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum lakehouse_enc_cast(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum lakehouse_enc_from(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum lakehouse_enc_from_integer(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum lakehouse_encrypt(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum lakehouse_decrypt(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum lakehouse_enc_key_version(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum lakehouse_enc_renew(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum lakehouse_enc_stale(PG_FUNCTION_ARGS);

/* ---- which type ---- */

typedef struct Call
{
	LhEncType	type;
	FmgrInfo	base;			/* input or output of the base type */
	Oid			ioparam;
} Call;

/* The encrypted type that the SQL function gives (result) or takes. */
static LhEncType
type_of_function(Oid function, bool result)
{
	Oid			oid;

	if (result)
		oid = get_func_rettype(function);
	else
	{
		Oid		   *arguments;
		int			n;

		(void) get_func_signature(function, &arguments, &n);
		oid = n > 0 ? arguments[0] : InvalidOid;
	}
	for (int i = 1; i <= LH_ENC_TYPES; i++)
	{
		if (OidIsValid(oid) && oid == lh_enc_type_oid((LhEncType) i))
			return (LhEncType) i;
	}
	elog(ERROR, "function %u is none of an encrypted type", function);
}

typedef enum Role
{
	INPUT, OUTPUT, OTHER
} Role;

static Call *
call_of(FunctionCallInfo fcinfo, bool result, Role role)
{
	Call	   *call = fcinfo->flinfo->fn_extra;
	Oid			function;
	bool		varlena;

	if (call != NULL)
		return call;
	call = MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt, sizeof(Call));
	call->type = type_of_function(fcinfo->flinfo->fn_oid, result);
	if (role == INPUT)
	{
		getTypeInputInfo(lh_enc_plain[call->type].base, &function, &call->ioparam);
		fmgr_info_cxt(function, &call->base, fcinfo->flinfo->fn_mcxt);
	}
	else if (role == OUTPUT)
	{
		getTypeOutputInfo(lh_enc_plain[call->type].base, &function, &varlena);
		fmgr_info_cxt(function, &call->base, fcinfo->flinfo->fn_mcxt);
	}
	fcinfo->flinfo->fn_extra = call;
	return call;
}

/* A value of this type, and no other that somebody made it of. */
static void
parse(Datum value, LhEncType type, LhEnc *out)
{
	lh_enc_parse(value, out);
	if (out->type != type)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("an encrypted value is of type %s, not %s", lh_enc_plain[out->type].name, lh_enc_plain[type].name)));
}

/* ---- sealing for a column ---- */

static void
check_searchable(LhEncType type)
{
	if (!lh_enc_plain[type].searchable)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("values of type %s cannot be searched for", lh_enc_plain[type].name),
				 errhint("Leave 'search' out.")));
}

static Datum
seal_plain(LhEncType type, int32 typmod, LhSlice plain)
{
	LhEncDomain *domain;
	bool		search = typmod >= 0 && LH_ENC_TYPMOD_SEARCH(typmod);

	if (typmod < 0)
		return PointerGetDatum(lh_enc_seal(lh_enc_default(), type, LH_ENC_OPEN, plain, plain));
	if (search)
		check_searchable(type);
	domain = lh_enc_domain(LH_ENC_TYPMOD_NUMBER(typmod));
	lh_enc_require(domain, LH_DOMAIN_ENCRYPT);
	lh_enc_spend(domain, LH_DOMAIN_ENCRYPT);
	lh_audit_use(LH_AUDIT_ENCRYPT, lh_enc_name(domain), 1);
	return PointerGetDatum(lh_enc_seal(domain, type, search ? LH_ENC_SEARCH : LH_ENC_RANDOM, plain,
									   search ? lh_enc_canonical(type, plain) : plain));
}

static bool
fits(const LhEnc *value, int32 typmod)
{
	return typmod < 0 || (value->number == LH_ENC_TYPMOD_NUMBER(typmod) &&
						  value->form == (LH_ENC_TYPMOD_SEARCH(typmod) ? LH_ENC_SEARCH : LH_ENC_RANDOM));
}

static void
refuse_needle(const LhEnc *value)
{
	if (value->form == LH_ENC_NEEDLE)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("what a search compares with is no value to be kept")));
}

/* As it is where it fits. */
static Datum
fit(Datum datum, const LhEnc *value, int32 typmod)
{
	refuse_needle(value);
	if (fits(value, typmod))
		return datum;
	return seal_plain(value->type, typmod, lh_enc_open_as_subject(value));
}

/* ---- input ---- */

/* Without a word of the value. */
static Datum
base_input(Call *call, char *text)
{
	MemoryContext mcxt = CurrentMemoryContext;
	volatile Datum value = 0;

	PG_TRY();
	{
		value = InputFunctionCall(&call->base, text, call->ioparam, -1);
	}
	PG_CATCH();
	{
		int			code = geterrcode();

		if (ERRCODE_TO_CATEGORY(code) != ERRCODE_DATA_EXCEPTION)
			PG_RE_THROW();
		MemoryContextSwitchTo(mcxt);
		FlushErrorState();
		ereport(ERROR,
				(errcode(code), errmsg("invalid input for type %s", lh_enc_plain[call->type].name),
				 errdetail("The value is not told, as it was to be encrypted.")));
	}
	PG_END_TRY();
	return value;
}

static void not_armoured(void) __attribute__((noreturn));

static void
not_armoured(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
			 errmsg("text that begins with \"%s\" is no encrypted value of this type", LH_ENC_TEXT_MARK),
			 errhint("A value to be encrypted that begins so goes through lakehouse.encrypt.")));
}

static Datum
dearmour(LhEncType type, const char *text, LhEnc *out)
{
	size_t		len = strlen(text) - strlen(LH_ENC_TEXT_MARK);
	struct varlena *v = palloc(VARHDRSZ + LH_BASE64_BYTES(len));
	size_t		n;

	if (!lh_base64_decode(LH_BASE64_URL, text + strlen(LH_ENC_TEXT_MARK), len, (uint8_t *) VARDATA(v), &n) ||
		!lh_enc_parse_bytes(lh_slice(VARDATA(v), n), out) || out->type != type)
		not_armoured();
	SET_VARSIZE(v, VARHDRSZ + n);
	return PointerGetDatum(v);
}

/*
 * An encrypted value comes back.  Where its key is there it is opened, to see that it is one.  In a restore keys and
 * domains may come after it: then it is taken as it is, and opens later or not.
 */
static Datum
armoured_input(LhEncType type, const char *text, int32 typmod)
{
	LhEnc		value;
	Datum		datum = dearmour(type, text, &value);

	refuse_needle(&value);
	if (lh_enc_can_verify(&value))
	{
		LhSlice		plain = lh_enc_open(lh_enc_domain(value.number), &value);

		lh_wipe(unconstify(uint8_t *, plain.data), plain.len);
	}
	return fit(datum, &value, typmod);
}

bool
lh_enc_is_armoured(Datum value)
{
	text	   *t = DatumGetTextPP(value);
	size_t		mark = strlen(LH_ENC_TEXT_MARK);

	return VARSIZE_ANY_EXHDR(t) >= mark && memcmp(VARDATA_ANY(t), LH_ENC_TEXT_MARK, mark) == 0;
}

Datum
lh_enc_from_armour(LhEncType type, Datum value, int32 typmod)
{
	return armoured_input(type, TextDatumGetCString(value), typmod);
}

static Datum
input(Call *call, char *text, int32 typmod)
{
	ErrorContextCallback *saved = error_context_stack;
	Datum		result;

	/* whoever calls would say the value: "COPY t, line 1, column c: ..." */
	error_context_stack = NULL;
	if (strncmp(text, LH_ENC_TEXT_MARK, strlen(LH_ENC_TEXT_MARK)) == 0)
		result = armoured_input(call->type, text, typmod);
	else
		result = seal_plain(call->type, typmod, lh_enc_plain[call->type].pack(base_input(call, text)));
	error_context_stack = saved;
	return result;
}

Datum
lakehouse_enc_in(PG_FUNCTION_ARGS)
{
	return input(call_of(fcinfo, true, INPUT), PG_GETARG_CSTRING(0), PG_GETARG_INT32(2));
}

/* In binary it is text, too: of one that is encrypted, or to be. */
Datum
lakehouse_enc_recv(PG_FUNCTION_ARGS)
{
	Call	   *call = call_of(fcinfo, true, INPUT);
	StringInfo	message = (StringInfo) PG_GETARG_POINTER(0);
	int			n;

	return input(call, pq_getmsgtext(message, message->len - message->cursor, &n), PG_GETARG_INT32(2));
}

/* ---- output ---- */

/* Output has decrypted in the transaction: details of errors may have what it gave. */
static uint64 shown = 0;

bool
lh_enc_shown(void)
{
	return shown == lh_enc_transaction();
}

static void
note_shown(void)
{
	shown = lh_enc_transaction();
	lh_utility_watch_errors();
}

/* Materialized views, indexes, statistics. */
static bool
works_for_table(void)
{
	Oid			user;
	int			context;

	GetUserIdAndSecContext(&user, &context);
	return (context & (SECURITY_RESTRICTED_OPERATION | SECURITY_NOFORCE_RLS)) != 0;
}

static bool
shows_values(void)
{
	return lakehouse_decrypt_shown && MyBackendType == B_BACKEND && IsTransactionState() && !HistoricSnapshotActive() && !works_for_table();
}

static char *
armour(Datum datum)
{
	struct varlena *v = PG_DETOAST_DATUM_PACKED(datum);
	size_t		len = VARSIZE_ANY_EXHDR(v),
				mark = strlen(LH_ENC_TEXT_MARK);
	char	   *text;

	if (len > MaxAllocSize / 4 * 3 - 64)
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("an encrypted value is too long to be written as text")));
	text = palloc(mark + LH_BASE64_TEXT(len) + 1);
	memcpy(text, LH_ENC_TEXT_MARK, mark);
	text[mark + lh_base64_encode(LH_BASE64_URL, VARDATA_ANY(v), len, text + mark)] = '\0';
	return text;
}

/* A version of a key that is gone is no error here: tables stay readable. */
static char *
output(Call *call, Datum datum)
{
	LhEncDomain *domain;
	LhEnc		value;

	if (!shows_values())
		return armour(datum);
	parse(datum, call->type, &value);
	if (!lh_enc_key_usable(&value))
		return armour(datum);
	domain = lh_enc_domain(value.number);
	if (!lh_enc_may(domain, LH_DOMAIN_DECRYPT))
		return armour(datum);
	lh_enc_spend(domain, LH_DOMAIN_DECRYPT);
	lh_audit_use(LH_AUDIT_DECRYPT, lh_enc_name(domain), 1);
	note_shown();
	return OutputFunctionCall(&call->base, lh_enc_plain[value.type].unpack(lh_enc_open(domain, &value)));
}

Datum
lakehouse_enc_out(PG_FUNCTION_ARGS)
{
	return CStringGetDatum(output(call_of(fcinfo, false, OUTPUT), PG_GETARG_DATUM(0)));
}

Datum
lakehouse_enc_send(PG_FUNCTION_ARGS)
{
	char	   *text = output(call_of(fcinfo, false, OUTPUT), PG_GETARG_DATUM(0));
	StringInfoData message;

	pq_begintypsend(&message);
	pq_sendtext(&message, text, (int) strlen(text));
	PG_RETURN_BYTEA_P(pq_endtypsend(&message));
}

/* ---- type modifiers ---- */

/* '#123': of a domain that was not there when a dump was made. */
static bool
is_number(const char *name, uint32 *number)
{
	unsigned long n;
	char	   *end;

	if (name[0] != '#' || name[1] < '1' || name[1] > '9' || strlen(name) > 11)
		return false;
	n = strtoul(name + 1, &end, 10);
	*number = (uint32) n;
	return *end == '\0' && n < 1UL << 30;
}

static uint32
number_of_modifier(const char *name)
{
	uint32		number;

	if (is_number(name, &number))
		return number;
	if (name[0] == '\0' || strlen(name) >= NAMEDATALEN)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the name of an encryption domain has 1 to %d bytes", NAMEDATALEN - 1)));
	number = lh_enc_number(name);
	/* no error: in a restore the domain comes after */
	if (lh_enc_domain_name(number) == NULL)
		ereport(WARNING,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("encryption domain \"%s\" does not exist yet", name),
				 errhint("Nothing can be written there before lakehouse.domain_create makes it.")));
	return number;
}

Datum
lakehouse_enc_typmod_in(PG_FUNCTION_ARGS)
{
	ArrayType  *array = PG_GETARG_ARRAYTYPE_P(0);
	Datum	   *words;
	int			n;
	bool		search;

	if (ARR_ELEMTYPE(array) != CSTRINGOID || ARR_NDIM(array) != 1 || array_contains_nulls(array))
		elog(ERROR, "type modifiers are an array of cstring");
	deconstruct_array(array, CSTRINGOID, -2, false, TYPALIGN_CHAR, &words, NULL, &n);
	search = n == 2 && strcmp(DatumGetCString(words[1]), "search") == 0;
	if (n < 1 || n > 2 || (n == 2 && !search))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("modifiers of an encrypted type are the name of a domain and, perhaps, 'search'"),
				 errhint("Such as enc_text('customers') or enc_text('customers', 'search').")));
	PG_RETURN_INT32(LH_ENC_TYPMOD(number_of_modifier(DatumGetCString(words[0])), search));
}

Datum
lakehouse_enc_typmod_out(PG_FUNCTION_ARGS)
{
	int32		typmod = PG_GETARG_INT32(0);
	uint32		number = LH_ENC_TYPMOD_NUMBER(typmod);
	char	   *name = typmod < 0 ? NULL : lh_enc_domain_name(number);

	if (typmod < 0)
		PG_RETURN_CSTRING(pstrdup(""));
	if (name == NULL)
		name = psprintf("#%u", number);
	PG_RETURN_CSTRING(psprintf("(%s%s)", quote_literal_cstr(name), LH_ENC_TYPMOD_SEARCH(typmod) ? ",'search'" : ""));
}

/* ---- casts ---- */

Datum
lakehouse_enc_cast(PG_FUNCTION_ARGS)
{
	Call	   *call = call_of(fcinfo, true, OTHER);
	LhEnc		value;

	parse(PG_GETARG_DATUM(0), call->type, &value);
	return fit(PG_GETARG_DATUM(0), &value, PG_GETARG_INT32(1));
}

/* From the base type.  Text may be armoured: many clients send all values as text. */
Datum
lakehouse_enc_from(PG_FUNCTION_ARGS)
{
	Call	   *call = call_of(fcinfo, true, OTHER);

	if (call->type == LH_ENC_TEXT && lh_enc_is_armoured(PG_GETARG_DATUM(0)))
		return lh_enc_from_armour(call->type, PG_GETARG_DATUM(0), PG_GETARG_INT32(1));
	return seal_plain(call->type, PG_GETARG_INT32(1), lh_enc_plain[call->type].pack(PG_GETARG_DATUM(0)));
}

/* An integer for a bigint or a numeric: literals are integers. */
Datum
lakehouse_enc_from_integer(PG_FUNCTION_ARGS)
{
	Call	   *call = call_of(fcinfo, true, OTHER);
	int64		value = PG_GETARG_INT32(0);

	return seal_plain(call->type, PG_GETARG_INT32(1),
					  lh_enc_plain[call->type].pack(call->type == LH_ENC_NUMERIC ? NumericGetDatum(int64_to_numeric(value)) : Int64GetDatum(value)));
}

/* ---- functions ---- */

Datum
lakehouse_encrypt(PG_FUNCTION_ARGS)
{
	Call	   *call = call_of(fcinfo, true, OTHER);
	char	   *name = text_to_cstring(PG_GETARG_TEXT_PP(1));
	uint32		number = lh_enc_number(name);

	if (lh_enc_domain_name(number) == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("encryption domain \"%s\" does not exist", name),
				 errhint("lakehouse.domain_create makes it.")));
	return seal_plain(call->type, LH_ENC_TYPMOD(number, PG_GETARG_BOOL(2)), lh_enc_plain[call->type].pack(PG_GETARG_DATUM(0)));
}

Datum
lakehouse_decrypt(PG_FUNCTION_ARGS)
{
	Call	   *call = call_of(fcinfo, false, OTHER);
	LhEncDomain *domain;
	LhEnc		value;

	if (HistoricSnapshotActive() || works_for_table())
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("nothing is decrypted while changes are decoded, or while PostgreSQL makes what a table keeps")));
	parse(PG_GETARG_DATUM(0), call->type, &value);
	domain = lh_enc_domain(value.number);
	lh_enc_require(domain, LH_DOMAIN_DECRYPT);
	lh_enc_spend(domain, LH_DOMAIN_DECRYPT);
	lh_audit_use(LH_AUDIT_DECRYPT, lh_enc_name(domain), 1);
	return lh_enc_plain[call->type].unpack(lh_enc_open(domain, &value));
}

/* The version of the key that it is under; NULL: none, of what a search compares with. */
Datum
lakehouse_enc_key_version(PG_FUNCTION_ARGS)
{
	LhEnc		value;

	lh_enc_parse_head(PG_GETARG_DATUM(0), &value);
	if (value.form == LH_ENC_NEEDLE)
		PG_RETURN_NULL();
	PG_RETURN_INT32((int32) value.envelope.key.version);
}

/* ---- renewing ---- */

bool
lh_enc_stale(const LhEnc *value)
{
	LhEncDomain *domain;
	LhKeyRef	current;

	if (value->form == LH_ENC_NEEDLE)
		return false;
	domain = lh_enc_domain(value->number);
	current = lh_enc_current(domain);
	return value->envelope.key.id == current.id &&
		(value->envelope.key.version != current.version ||
		 (value->form == LH_ENC_SEARCH && value->search_version != lh_enc_search_version(domain)));
}

Datum
lakehouse_enc_stale(PG_FUNCTION_ARGS)
{
	LhEnc		value;

	lh_enc_parse_head(PG_GETARG_DATUM(0), &value);
	PG_RETURN_BOOL(lh_enc_stale(&value));
}

/* An open one becomes random: it must not have the mark of who renews it, who could have it opened then. */
Datum
lh_enc_renew_value(Datum datum)
{
	LhEncDomain *domain;
	LhSlice		plain;
	LhEnc		value;

	lh_enc_parse(datum, &value);
	refuse_needle(&value);
	if (!lh_enc_stale(&value))
		return datum;
	domain = lh_enc_domain(value.number);
	plain = lh_enc_open(domain, &value);
	return PointerGetDatum(lh_enc_seal(domain, value.type, value.form == LH_ENC_SEARCH ? LH_ENC_SEARCH : LH_ENC_RANDOM, plain,
									   value.form == LH_ENC_SEARCH ? lh_enc_canonical(value.type, plain) : plain));
}

/* The same value in the same domain: whoever calls it learns nothing and needs no right. */
Datum
lakehouse_enc_renew(PG_FUNCTION_ARGS)
{
	return lh_enc_renew_value(PG_GETARG_DATUM(0));
}
