/*
 * enc_plain.c
 *		Values of PostgreSQL's types as the bytes that are encrypted, and back.
 *
 * The bytes are those of every server, whatever its encoding, its DateStyle or its machine: so values go to other databases by a
 * dump.
 *
 *	text			UTF-8
 *	bytea			as it is
 *	bigint, numeric	as text
 *	date			days since 2000-01-01, 4 bytes, big-endian
 *	timestamptz		microseconds since 2000-01-01 UTC, 8 bytes, big-endian
 *	jsonb			as text, UTF-8
 *
 * Equal values have equal bytes, but for numeric, where 1.0 equals 1.00: its blind index is that of the shortest.  jsonb is not searched for.
 */
#include "pg/privacy/enc.h"

#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "port/pg_bswap.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"
#include "utils/numeric.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

#include "pg/privacy/token_state.h"

static void damaged(void) __attribute__((noreturn));

static void
damaged(void)
{
	ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED), errmsg("what was decrypted is no value of its type")));
}

static LhSlice
of_cstring(const char *s)
{
	return lh_slice(s, strlen(s));
}

static LhSlice
to_utf8(LhSlice value)
{
	LhSlice		utf8 = lh_token_utf8(value);

	if (utf8.data == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNTRANSLATABLE_CHARACTER), errmsg("the value to be encrypted cannot be written in UTF-8")));
	return utf8;
}

static text *
from_utf8(LhSlice utf8)
{
	text	   *t = lh_token_from_utf8(utf8);

	if (t == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNTRANSLATABLE_CHARACTER), errmsg("the value has characters that this database's encoding does not have")));
	return t;
}

static LhSlice
pack_text(Datum value)
{
	text	   *t = DatumGetTextPP(value);

	return to_utf8(LH_TEXT_SLICE(t));
}

static Datum
unpack_text(LhSlice plain)
{
	return PointerGetDatum(from_utf8(plain));
}

static LhSlice
pack_bytea(Datum value)
{
	bytea	   *b = DatumGetByteaPP(value);

	return LH_TEXT_SLICE(b);
}

static Datum
unpack_bytea(LhSlice plain)
{
	return PointerGetDatum(cstring_to_text_with_len((const char *) plain.data, (int) plain.len));
}

static LhSlice
pack_bigint(Datum value)
{
	return of_cstring(DatumGetCString(DirectFunctionCall1(int8out, value)));
}

/* plain has a NUL behind it (lh_enc_open) */
static Datum
unpack_bigint(LhSlice plain)
{
	return DirectFunctionCall1(int8in, CStringGetDatum((const char *) plain.data));
}

static LhSlice
pack_numeric(Datum value)
{
	return of_cstring(DatumGetCString(DirectFunctionCall1(numeric_out, value)));
}

static Datum
unpack_numeric(LhSlice plain)
{
	return DirectFunctionCall3(numeric_in, CStringGetDatum((const char *) plain.data), ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1));
}

static LhSlice
canonical_numeric(Datum value)
{
	return pack_numeric(DirectFunctionCall1(numeric_trim_scale, value));
}

static LhSlice
pack_date(Datum value)
{
	uint32	   *p = palloc(sizeof(uint32));

	*p = pg_hton32((uint32) DatumGetDateADT(value));
	return lh_slice(p, sizeof(uint32));
}

static Datum
unpack_date(LhSlice plain)
{
	uint32		v;
	DateADT		date;

	if (plain.len != sizeof(v))
		damaged();
	memcpy(&v, plain.data, sizeof(v));
	date = (DateADT) pg_ntoh32(v);
	if (!DATE_NOT_FINITE(date) && !IS_VALID_DATE(date))
		damaged();
	return DateADTGetDatum(date);
}

static LhSlice
pack_timestamptz(Datum value)
{
	uint64	   *p = palloc(sizeof(uint64));

	*p = pg_hton64((uint64) DatumGetTimestampTz(value));
	return lh_slice(p, sizeof(uint64));
}

static Datum
unpack_timestamptz(LhSlice plain)
{
	uint64		v;
	TimestampTz stamp;

	if (plain.len != sizeof(v))
		damaged();
	memcpy(&v, plain.data, sizeof(v));
	stamp = (TimestampTz) pg_ntoh64(v);
	if (!TIMESTAMP_NOT_FINITE(stamp) && !IS_VALID_TIMESTAMP(stamp))
		damaged();
	return TimestampTzGetDatum(stamp);
}

static LhSlice
pack_jsonb(Datum value)
{
	Jsonb	   *j = DatumGetJsonbP(value);

	return to_utf8(of_cstring(JsonbToCString(NULL, &j->root, VARSIZE(j))));
}

static Datum
unpack_jsonb(LhSlice plain)
{
	return DirectFunctionCall1(jsonb_in, CStringGetDatum(text_to_cstring(from_utf8(plain))));
}

const LhEncPlain lh_enc_plain[LH_ENC_TYPES + 1] = {
	[LH_ENC_TEXT] = {"enc_text", TEXTOID, true, pack_text, unpack_text, NULL},
	[LH_ENC_BYTEA] = {"enc_bytea", BYTEAOID, true, pack_bytea, unpack_bytea, NULL},
	[LH_ENC_BIGINT] = {"enc_bigint", INT8OID, true, pack_bigint, unpack_bigint, NULL},
	[LH_ENC_NUMERIC] = {"enc_numeric", NUMERICOID, true, pack_numeric, unpack_numeric, canonical_numeric},
	[LH_ENC_DATE] = {"enc_date", DATEOID, true, pack_date, unpack_date, NULL},
	[LH_ENC_TIMESTAMPTZ] = {"enc_timestamptz", TIMESTAMPTZOID, true, pack_timestamptz, unpack_timestamptz, NULL},
	[LH_ENC_JSONB] = {"enc_jsonb", JSONBOID, false, pack_jsonb, unpack_jsonb, NULL},
};

LhSlice
lh_enc_canonical(LhEncType type, LhSlice plain)
{
	const LhEncPlain *p = &lh_enc_plain[type];

	return p->canonical == NULL ? plain : p->canonical(p->unpack(plain));
}

Oid
lh_enc_type_oid(LhEncType type)
{
	Oid			schema = get_namespace_oid("lakehouse", true);

	return OidIsValid(schema) ? GetSysCacheOid2(TYPENAMENSP, Anum_pg_type_oid, CStringGetDatum(lh_enc_plain[type].name),
												ObjectIdGetDatum(schema)) : InvalidOid;
}
