/*
 * token_array.c
 *		Tokens of arrays: many values in one call.
 *
 * The array is copied and its elements are replaced there; nearly all tokens are as long as their values.
 * Where one is not, the array is built anew.  Elements are taken in chunks, so that what is needed
 * beside the copy does not grow with it.
 */
#include "pg/privacy/token_state.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/uuid.h"

#include "pg/util/features.h"

#define CHUNK 1024
/* Digits that go the short way have at most so many characters. */
#define PLAIN 32

typedef struct Elements
{
	LhDomain   *domain;
	LhFf1Way	way;
	ArrayType  *array;			/* a copy; elements point into it */
	Datum	   *values;
	bool	   *nulls;
	int			n;
	bool		moved;			/* some element is elsewhere now */
} Elements;

/* Places of elements that are not NULL. */
typedef struct Chunk
{
	int			n;
	int			at[CHUNK];
} Chunk;

/* The next of them from *next on; false: there are none. */
static bool
next_chunk(const Elements *e, int *next, Chunk *chunk)
{
	chunk->n = 0;
	for (; *next < e->n && chunk->n < CHUNK; (*next)++)
	{
		if (!e->nulls[*next])
			chunk->at[chunk->n++] = *next;
	}
	return chunk->n > 0;
}

static LhSlice
element(const Elements *e, int i)
{
	const void *p = DatumGetPointer(e->values[i]);

	return lh_slice(VARDATA_ANY(p), VARSIZE_ANY_EXHDR(p));
}

/* A token in its value's place, where it fits. */
static void
put_element(Elements *e, int i, LhSlice token)
{
	LhSlice		old = element(e, i);

	if (token.len == old.len)
		memcpy(unconstify(uint8_t *, old.data), token.data, token.len);
	else
	{
		e->values[i] = PointerGetDatum(cstring_to_text_with_len((const char *) token.data, (int) token.len));
		e->moved = true;
	}
}

/* ---- text ---- */

/* Elements of one length, from "from" on: as many as go together; false: not this way. */
static bool
run_of_digits(Elements *e, const Chunk *chunk, int from, int *to)
{
	char		digits[CHUNK * PLAIN];
	size_t		len = element(e, chunk->at[from]).len;
	bool		done;
	int			n = 0;

	if (len == 0 || len > PLAIN)
		return false;
	for (*to = from; *to < chunk->n; (*to)++, n++)
	{
		LhSlice		s = element(e, chunk->at[*to]);

		if (s.len != len)
			break;
		memcpy(digits + n * len, s.data, len);
	}
	lh_pg_check(e->domain->ctx, lh_template_plain(e->domain->ctx, e->domain->template, e->way, digits, digits, len, n, &done));
	for (int i = 0; done && i < n; i++)
		memcpy(unconstify(uint8_t *, element(e, chunk->at[from + i]).data), digits + i * len, len);
	return done;
}

/* All of a chunk from "from" on, as the template has it. */
static void
any_texts(Elements *e, const Chunk *chunk, int from, int to)
{
	LhSlice		in[CHUNK],
				out[CHUNK];
	LhCannot	why[CHUNK];
	int			n = to - from;

	for (int i = 0; i < n; i++)
		in[i] = lh_token_utf8(element(e, chunk->at[from + i]));
	lh_pg_check(e->domain->ctx,
				lh_template_apply(e->domain->ctx, e->domain->template, e->way, in, n, &e->domain->bytes, out, why));
	for (int i = 0; i < n; i++)
	{
		text	   *token = out[i].data != NULL ? lh_token_from_utf8(out[i]) : NULL;

		if (token == NULL)
			lh_token_cannot(e->domain, e->way, out[i].data != NULL || in[i].data == NULL ? LH_CANNOT_UTF8 : why[i],
							chunk->at[from + i] + 1);
		put_element(e, chunk->at[from + i], LH_TEXT_SLICE(token));
		pfree(token);
	}
	lh_wipe(e->domain->bytes.data, e->domain->bytes.len);
}

static void
all_texts(Elements *e)
{
	Chunk		chunk;

	for (int next = 0; next_chunk(e, &next, &chunk);)
	{
		for (int from = 0, to = 0; from < chunk.n; from = to)
		{
			if (run_of_digits(e, &chunk, from, &to))
				continue;
			to = chunk.n;
			any_texts(e, &chunk, from, to);
		}
	}
}

/* ---- other types ---- */

static void
all_integers(Elements *e, int64 shift)
{
	int64_t		x[CHUNK];
	LhCannot	why[CHUNK];
	Chunk		chunk;
	bool		dates = e->domain->kind == LH_DOMAIN_DATE;

	for (int next = 0; next_chunk(e, &next, &chunk);)
	{
		for (int i = 0; i < chunk.n; i++)
		{
			Datum		v = e->values[chunk.at[i]];

			if (dates && DATE_NOT_FINITE(DatumGetDateADT(v)))
				lh_token_cannot(e->domain, e->way, LH_CANNOT_RANGE, chunk.at[i] + 1);
			x[i] = dates ? (int64) DatumGetDateADT(v) + shift : DatumGetInt64(v);
		}
		lh_pg_check(e->domain->ctx, lh_template_integers(e->domain->ctx, e->domain->template, e->way, x, chunk.n, x, why));
		for (int i = 0; i < chunk.n; i++)
		{
			if (why[i] != LH_CANNOT_NOT)
				lh_token_cannot(e->domain, e->way, why[i], chunk.at[i] + 1);
			e->values[chunk.at[i]] = dates ? DateADTGetDatum((DateADT) (x[i] - shift)) : Int64GetDatum(x[i]);
		}
	}
	e->moved = true;
}

static void
all_uuids(Elements *e)
{
	uint8_t		x[CHUNK * UUID_LEN];
	Chunk		chunk;

	for (int next = 0; next_chunk(e, &next, &chunk);)
	{
		for (int i = 0; i < chunk.n; i++)
			memcpy(x + i * UUID_LEN, DatumGetUUIDP(e->values[chunk.at[i]])->data, UUID_LEN);
		lh_pg_check(e->domain->ctx, lh_template_uuids(e->domain->ctx, e->domain->template, e->way, x, chunk.n, x));
		for (int i = 0; i < chunk.n; i++)
			memcpy(DatumGetUUIDP(e->values[chunk.at[i]])->data, x + i * UUID_LEN, UUID_LEN);
	}
}

/* ---- functions ---- */

static Datum
tokens(FunctionCallInfo fcinfo, LhFf1Way way, int kinds, Oid type)
{
	LhTokenCall *call = lh_token_begin(fcinfo, 1, kinds, way == LH_FF1_ENCRYPT ? LH_DOMAIN_TOKENIZE : LH_DOMAIN_DETOKENIZE);
	Elements	e = {.domain = call->domain, .way = way, .array = PG_GETARG_ARRAYTYPE_P_COPY(0)};
	int			width = type == TEXTOID ? -1 : type == UUIDOID ? UUID_LEN : type == DATEOID ? sizeof(DateADT) : sizeof(int64);
	bool		by_value = type == DATEOID || (type == INT8OID && FLOAT8PASSBYVAL);
	char		align = type == UUIDOID ? TYPALIGN_CHAR : type == INT8OID ? TYPALIGN_DOUBLE : TYPALIGN_INT;

	deconstruct_array(e.array, type, width, by_value, align, &e.values, &e.nulls, &e.n);
	lh_domain_spend(call->domain, way == LH_FF1_ENCRYPT ? LH_DOMAIN_TOKENIZE : LH_DOMAIN_DETOKENIZE, (uint64) e.n);
	lh_audit_use(way == LH_FF1_ENCRYPT ? LH_AUDIT_TOKENIZE : LH_AUDIT_DETOKENIZE, NameStr(call->domain->name), (uint64) e.n);
	if (type == TEXTOID)
		all_texts(&e);
	else if (type == UUIDOID)
		all_uuids(&e);
	else
		all_integers(&e, LH_DAYS_TO_1970);
	if (!e.moved)
		PG_RETURN_ARRAYTYPE_P(e.array);
	PG_RETURN_ARRAYTYPE_P(construct_md_array(e.values, e.nulls, ARR_NDIM(e.array), ARR_DIMS(e.array), ARR_LBOUND(e.array),
											 type, width, by_value, align));
}

#define BOTH(type, KIND, oid) \
	extern PGDLLEXPORT Datum lakehouse_tokenize_##type##_array(PG_FUNCTION_ARGS); \
	extern PGDLLEXPORT Datum lakehouse_detokenize_##type##_array(PG_FUNCTION_ARGS); \
	PG_FUNCTION_INFO_V1(lakehouse_tokenize_##type##_array); \
	PG_FUNCTION_INFO_V1(lakehouse_detokenize_##type##_array); \
	Datum \
	lakehouse_tokenize_##type##_array(PG_FUNCTION_ARGS) \
	{ \
		return tokens(fcinfo, LH_FF1_ENCRYPT, LH_KINDS_##KIND, oid); \
	} \
	Datum \
	lakehouse_detokenize_##type##_array(PG_FUNCTION_ARGS) \
	{ \
		return tokens(fcinfo, LH_FF1_DECRYPT, LH_KINDS_##KIND, oid); \
	}

BOTH(text, TEXT, TEXTOID)
BOTH(bigint, BIGINT, INT8OID)
BOTH(uuid, UUID, UUIDOID)
BOTH(date, DATE, DATEOID)
