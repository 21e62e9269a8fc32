/*
 * emit.c
 *		Vectors to Datums, a column of a batch at a time.
 *
 *	1. A route is chosen when the type of the vectors changes: a kernel and,
 *	   when the column is declared otherwise, a cast (emit.h).
 *	2. Null rows are found by the validity bitmap; kernels see only values.
 *	3. A dictionary's entries become Datums the first time a row needs them and
 *	   are kept until the column moves to another dictionary.  An entry that
 *	   no row uses is never looked at, so it raises no error either.  Types
 *	   that are passed by value are not kept: to convert is as cheap as to
 *	   look up.
 */
#include "pg/bridge/emit.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

/*
 * Entries above which a dictionary is not kept as Datums: it is nearly unique
 * then, and values written in row order are kinder to caches.
 */
#define DICT_MAX (32 * 1024)

StaticAssertDecl(sizeof(Datum) == 8, "lakehouse needs a 64-bit PostgreSQL");

LhEmitter *
lh_emitter_create(LhCtx *ctx, MemoryContext mcxt, const char *column, Oid typid, int32 typmod,
				  const LhEmitOptions *options)
{
	LhEmitter  *em = MemoryContextAllocZero(mcxt, sizeof(LhEmitter));

	em->ctx = ctx;
	em->mcxt = mcxt;
	em->column = MemoryContextStrdup(mcxt, column);
	em->typid = typid;
	em->typmod = typmod;
	em->base = getBaseTypeAndTypmod(typid, &em->typmod);
	em->options = *options;
	em->path = "";
	return em;
}

void
lh_emitter_place(LhEmitter *em, const char *path, int64_t first_row)
{
	/* fields of a nested type belong to the file */
	if (em->routed && em->path != path && lh_type_is_nested(&em->type))
		em->routed = false;
	em->path = path;
	em->first_row = first_row;
}

char *
lh_emit_where(const LhEmitter *em, int j)
{
	/* slots of elements are no rows, but the run of rows that they belong to begins here */
	if (em->inner)
		return psprintf("in or after row " INT64_FORMAT, em->first_row + 1);
	return psprintf("row " INT64_FORMAT, em->first_row + (em->place != NULL ? em->place[j] : (uint32_t) j) + 1);
}

static void
place_callback(void *arg)
{
	LhEmitPlace *place = arg;

	errcontext("file \"%s\", column \"%s\", %s", lh_pg_text(place->em->path), place->em->column,
			   lh_emit_where(place->em, place->j));
}

void
lh_emit_place_push(LhEmitPlace *place, LhEmitter *em)
{
	place->em = em;
	place->j = 0;
	place->callback.previous = error_context_stack;
	place->callback.callback = place_callback;
	place->callback.arg = place;
	error_context_stack = &place->callback;
}

void
lh_emit_place_pop(LhEmitPlace *place)
{
	error_context_stack = place->callback.previous;
}

Datum
lh_emit_out_of_range(LhEmitter *em, int j, int sqlstate, const char *value, Datum clamped, bool *null)
{
	if (em->options.out_of_range == LH_RANGE_CLAMP)
		return clamped;
	if (em->options.out_of_range == LH_RANGE_NULL)
	{
		*null = true;
		return (Datum) 0;
	}
	ereport(ERROR,
			(errcode(sqlstate),
			 errmsg("value %s of column \"%s\" is out of range for type %s", value, em->column,
					format_type_with_typemod(em->base, em->typmod)),
			 errdetail("File \"%s\", %s.", lh_pg_text(em->path), lh_emit_where(em, j)),
			 errhint("Declare the column with a type that holds the value, or set the option out_of_range of the table to \"clamp\" or \"null\".")));
}

void
lh_emit_digits_lost(LhEmitter *em, int n, int j)
{
	if (em->options.timestamp_ns == LH_NANOS_FLOOR)
	{
		LH_COUNT(em->ctx, DIGITS_LOST, (uint64_t) n);
		return;
	}
	ereport(ERROR,
			(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
			 errmsg("a value of column \"%s\" has nanoseconds that type %s cannot hold", em->column,
					format_type_with_typemod(em->base, em->typmod)),
			 errdetail("File \"%s\", %s.", lh_pg_text(em->path), lh_emit_where(em, j)),
			 errhint("Set the option timestamp_ns of the table to \"floor\", or to \"text\" and declare the column as text.")));
}

/* ---- routes ---- */

static Oid
natural_type(const LhType *type)
{
	int32		typmod;

	/* text is checked by the declared type's input function: json included */
	if (type->id == LH_T_JSON)
		return TEXTOID;
	return lh_pg_type(type, &typmod);
}

static bool
find_kernel(const LhType *type, Oid base, int32 typmod, const LhEmitOptions *options, LhEmitRoute *route)
{
	return lh_kernel_scalar(type, base, route) ||
		lh_kernel_datetime(type, base, route) ||
		lh_kernel_numeric(type, base, typmod, route) ||
		lh_kernel_text(type, base, typmod, options, route);
}

static bool
find_route(const LhType *type, Oid base, int32 typmod, const LhEmitOptions *options, LhEmitRoute *route)
{
	Oid			natural;

	memset(route, 0, sizeof(*route));
	route->max_chars = -1;
	route->cast.from = route->cast.to = base;
	if (type->id == LH_T_NULL)
		return true;
	if (lh_type_is_nested(type))
	{
		LhEmitRoute unused;

		route->form = lh_nested_form(type, base, &route->element);
		if (route->form == LH_NESTED_JSON)
			return lh_cast_find(JSONBOID, base, typmod, &route->cast);
		/* a list of lists would be ragged: it becomes no array of two dimensions */
		return route->form != LH_NESTED_ARRAY ||
			find_route(&type->fields[0].type, getBaseTypeAndTypmod(route->element, &typmod), typmod, options, &unused);
	}
	if (find_kernel(type, base, typmod, options, route))
	{
		/* some kernels enforce the type modifier themselves */
		if ((base == VARCHAROID && route->max_chars >= 0) || (base == NUMERICOID && route->max_digits >= 0))
			return true;
		return lh_cast_find(base, base, typmod, &route->cast);
	}
	natural = natural_type(type);
	return lh_cast_find(natural, base, typmod, &route->cast) &&
		find_kernel(type, natural, -1, options, route);
}

bool
lh_emit_possible(const LhType *type, Oid typid, int32 typmod)
{
	LhEmitOptions options = {LH_RANGE_ERROR, LH_NANOS_FLOOR};
	LhEmitRoute route;
	Oid			base = getBaseTypeAndTypmod(typid, &typmod);

	return find_route(type, base, typmod, &options, &route) &&
		(!lh_type_is_nested(type) || lh_row_possible(type, base));
}

static void
fail_route(LhEmitter *em, const LhType *type)
{
	const char *text = lh_type_name(type);
	LhBuf		buf;

	if (lh_buf_init(em->ctx, &buf, true) == LH_OK && lh_type_format(em->ctx, type, &buf) == LH_OK &&
		lh_buf_putc(em->ctx, &buf, '\0') == LH_OK)
		text = (const char *) buf.data;
	ereport(ERROR,
			(errcode(ERRCODE_DATATYPE_MISMATCH),
			 errmsg("column \"%s\" is declared as %s, but the file holds %s", em->column,
					format_type_with_typemod(em->typid, em->typmod), lh_pg_text(text)),
			 errdetail("File \"%s\"; there is no assignment cast between these types.", lh_pg_text(em->path)),
			 errhint("The type of this column in a table of its own would be %s.", lh_pg_type_sql(type))));
}

static bool
same_type(const LhType *a, const LhType *b)
{
	return a->id == b->id && a->lane == b->lane && a->unit == b->unit && a->utc == b->utc &&
		a->int96 == b->int96 && a->precision == b->precision && a->scale == b->scale &&
		a->width == b->width && a->nfields == b->nfields && a->fields == b->fields;
}

static void
choose_route(LhEmitter *em, const LhType *vec_type)
{
	LhType		meaning = *vec_type;
	const LhType *type = &meaning;

	/* INT96 with all its digits comes as 12 bytes */
	if (meaning.int96)
		meaning.id = LH_T_TIMESTAMP;
	if (!find_route(type, em->base, em->typmod, &em->options, &em->route))
		fail_route(em, type);
	if (em->route_mcxt == NULL)
		em->route_mcxt = AllocSetContextCreate(em->mcxt, "lakehouse cast", ALLOCSET_SMALL_SIZES);
	MemoryContextReset(em->route_mcxt);
	lh_cast_prepare(&em->cast, &em->route.cast, em->options.out_of_range == LH_RANGE_CLAMP, em->route_mcxt);
	em->nested = lh_type_is_nested(type) ? lh_emit_nested_create(em, type) : NULL;
	em->dict_id = 0;
	em->seen = *vec_type;
	em->type = meaning;
	em->routed = true;
}

/* ---- values ---- */

static void
check_domain(LhEmitter *em, Datum *values, bool *nulls, int n)
{
	LhEmitPlace place;

	lh_emit_place_push(&place, em);
	for (place.j = 0; place.j < n; place.j++)
		domain_check(values[place.j], nulls[place.j], em->typid, &em->domain, em->mcxt);
	lh_emit_place_pop(&place);
}

/* Kernel, cast, domain: n values that are not null. */
static void
convert(LhEmitter *em, const void *data, const uint32_t *src, int n, Datum *out, bool *nulls)
{
	em->route.kernel(em, data, src, n, out, nulls);
	if (em->cast.path.kind != LH_CAST_NONE || OidIsValid(em->cast.path.length_func))
		lh_cast_apply(em, &em->cast, out, nulls, n);
	if (em->typid != em->base)
		check_domain(em, out, nulls, n);
}

static void
begin_dictionary(LhEmitter *em, const LhDict *dict)
{
	if (em->dict_mcxt == NULL)
		em->dict_mcxt = AllocSetContextCreate(em->mcxt, "lakehouse dictionary", ALLOCSET_DEFAULT_SIZES);
	MemoryContextReset(em->dict_mcxt);
	em->dict_id = 0;
	em->dict_values = MemoryContextAlloc(em->dict_mcxt, sizeof(Datum) * Max(dict->n, 1));
	em->dict_state = MemoryContextAllocZero(em->dict_mcxt, Max(dict->n, 1));
	em->dict_n = dict->n;
	em->dict_known = 0;
	em->dict_nulls = false;
	em->dict_id = dict->id;
}

/* Convert the entries that codes name and that are not known yet. */
static void
learn_entries(LhEmitter *em, const LhDict *dict, const uint32_t *codes, const uint32_t *rows, int n)
{
	uint32_t	missing[LH_BATCH];
	uint32_t	place[LH_BATCH];
	Datum		values[LH_BATCH];
	bool		nulls[LH_BATCH];
	MemoryContext target = em->target;
	int			m = 0;

	for (int j = 0; j < n; j++)
	{
		uint32_t	code = codes[j];

		if (em->dict_state[code] != LH_ENTRY_UNKNOWN)
			continue;
		em->dict_state[code] = LH_ENTRY_PENDING;
		missing[m] = code;
		place[m++] = rows ? rows[j] : (uint32_t) j;
	}
	if (m == 0)
		return;
	memset(nulls, 0, m);
	em->target = em->dict_mcxt;
	em->place = place;
	convert(em, dict->values, missing, m, values, nulls);
	em->target = target;
	em->place = rows;
	for (int j = 0; j < m; j++)
	{
		em->dict_values[missing[j]] = values[j];
		em->dict_state[missing[j]] = nulls[j] ? LH_ENTRY_NULL : LH_ENTRY_VALUE;
		em->dict_nulls |= nulls[j];
	}
	em->dict_known += (uint32_t) m;
}

static void
emit_kept(LhEmitter *em, const LhDict *dict, const uint32_t *codes, const uint32_t *rows, int n,
		  Datum *out, bool *nulls)
{
	if (em->dict_id != dict->id)
		begin_dictionary(em, dict);
	if (em->dict_known < em->dict_n)
		learn_entries(em, dict, codes, rows, n);
	for (int j = 0; j < n; j++)
		out[j] = em->dict_values[codes[j]];
	if (em->dict_nulls)
	{
		for (int j = 0; j < n; j++)
			nulls[j] = em->dict_state[codes[j]] == LH_ENTRY_NULL;
	}
}

/* Codes of ascending rows out of runs. */
static void
codes_of_runs(const LhVec *vec, const uint32_t *rows, int n, uint32_t *codes)
{
	const LhRun *run = vec->runs;

	if (rows == NULL)
	{
		int			j = 0;

		for (int r = 0; r < vec->nruns && j < n; r++)
		{
			int			end = Min((int) vec->runs[r].end, n);

			while (j < end)
				codes[j++] = vec->runs[r].code;
		}
		return;
	}
	for (int j = 0; j < n; j++)
	{
		while (rows[j] >= run->end)
			run++;
		codes[j] = run->code;
	}
}

/* Values of rows that are not null. */
static void
emit_values(LhEmitter *em, const LhVec *vec, const uint32_t *rows, int n, Datum *out, bool *nulls)
{
	uint32_t	codes[LH_BATCH];
	const uint32_t *code = codes;

	em->place = rows;
	em->text_checked = false;
	if (vec->kind == LH_VEC_FLAT)
	{
		convert(em, vec->data, rows, n, out, nulls);
		return;
	}
	if (vec->kind == LH_VEC_RUNS)
		codes_of_runs(vec, rows, n, codes);
	else if (rows == NULL)
		code = vec->codes;
	else
		for (int j = 0; j < n; j++)
			codes[j] = vec->codes[rows[j]];
	em->text_checked = vec->dict->text_checked;
	if (vec->dict->n <= DICT_MAX && (em->route.by_ref || em->cast.path.kind != LH_CAST_NONE))
		emit_kept(em, vec->dict, code, rows, n, out, nulls);
	else
		convert(em, vec->dict->values, code, n, out, nulls);
}

static void
emit_null(LhEmitter *em, int n, Datum *values, bool *nulls)
{
	memset(values, 0, sizeof(Datum) * n);
	memset(nulls, 1, n);
	if (em->typid != em->base && n > 0)
		check_domain(em, values, nulls, 1);
}

static void
emit_const(LhEmitter *em, const LhVec *vec, int n, Datum *values, bool *nulls)
{
	static const uint32_t zero[1] = {0};

	if (vec->valid != NULL)
	{
		emit_null(em, n, values, nulls);
		return;
	}
	if (n == 0)
		return;
	nulls[0] = false;
	em->place = zero;
	em->text_checked = false;
	convert(em, vec->data, NULL, 1, values, nulls);
	for (int j = 1; j < n; j++)
	{
		values[j] = values[0];
		nulls[j] = nulls[0];
	}
}

/* Rows of vec that are not null, among rows, and where they go; all others are marked. */
static int
split_nulls(const LhVec *vec, const uint32_t *rows, int n, uint32_t *present, uint32_t *to,
			Datum *values, bool *nulls)
{
	int			m = 0;

	for (int j = 0; j < n; j++)
	{
		uint32_t	i = rows ? rows[j] : (uint32_t) j;
		bool		is = lh_bit_get(vec->valid, i);

		present[m] = i;
		to[m] = (uint32_t) j;
		m += is;
		nulls[j] = !is;
		values[j] = (Datum) 0;
	}
	return m;
}

static bool
any_null(const LhVec *vec, const uint32_t *rows, int n)
{
	if (vec->valid == NULL)
		return false;
	if (rows != NULL || n != vec->n)
		return true;			/* perhaps */
	return lh_bits_count(vec->valid, (size_t) n / 64) != (size_t) (n / 64) * 64 ||
		((n & 63) && (~vec->valid[n / 64] & lh_low_bits(n & 63)) != 0);
}

void
lh_emit_rows(LhEmitter *em, const LhVec *vec, const uint32_t *rows, int n, MemoryContext mcxt,
			 Datum *values, bool *nulls)
{
	uint32_t	present[LH_BATCH],
				to[LH_BATCH];
	Datum		some[LH_BATCH];
	bool		some_null[LH_BATCH];
	int			m;

	if (unlikely(!em->routed || !same_type(&em->seen, &vec->type)))
		choose_route(em, &vec->type);
	em->target = mcxt;
	if (vec->type.id == LH_T_NULL || lh_vec_all_null(vec))
	{
		emit_null(em, n, values, nulls);
		return;
	}
	if (em->route.kernel == NULL)
	{
		memset(nulls, 0, n);
		em->place = rows;
		lh_emit_nested(em, vec, rows, n, values, nulls);
		if (em->cast.path.kind != LH_CAST_NONE)
			lh_cast_apply(em, &em->cast, values, nulls, n);
		if (em->typid != em->base)
			check_domain(em, values, nulls, n);
		return;
	}
	if (vec->kind == LH_VEC_CONST)
	{
		emit_const(em, vec, n, values, nulls);
		return;
	}
	if (!any_null(vec, rows, n))
	{
		memset(nulls, 0, n);
		emit_values(em, vec, rows, n, values, nulls);
		return;
	}
	m = split_nulls(vec, rows, n, present, to, values, nulls);
	memset(some_null, 0, m);
	emit_values(em, vec, present, m, some, some_null);
	for (int j = 0; j < m; j++)
	{
		values[to[j]] = some[j];
		nulls[to[j]] = some_null[j];
	}
	if (em->typid != em->base && m < n)
		domain_check((Datum) 0, true, em->typid, &em->domain, em->mcxt);
}

void
lh_emit(LhEmitter *em, const LhVec *vec, const LhSel *sel, MemoryContext batch_mcxt,
		Datum *values, bool *nulls)
{
	uint16_t	short_rows[LH_BATCH];
	uint32_t	rows[LH_BATCH];
	int			n;

	if (sel->count == sel->n)
	{
		lh_emit_rows(em, vec, NULL, sel->n, batch_mcxt, values, nulls);
		return;
	}
	n = lh_sel_rows(sel, short_rows);
	for (int j = 0; j < n; j++)
		rows[j] = short_rows[j];
	lh_emit_rows(em, vec, rows, n, batch_mcxt, values, nulls);
}
