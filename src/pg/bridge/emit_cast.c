/*
 * emit_cast.c
 *		Values of one PostgreSQL type as values of another, by PostgreSQL's own
 *		functions: what an INSERT into a column of the declared type would do.
 *
 *	1. find_coercion_pathway names the assignment cast: a function, the output
 *	   and input functions, or nothing at all (binary-compatible types);
 *	2. text goes through the declared type's input function instead, whatever
 *	   the type: that is how text in files is meant;
 *	3. a type modifier is enforced by the type's length coercion function.
 */
#include "pg/bridge/emit.h"

#include "catalog/pg_type.h"
#include "parser/parse_coerce.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

bool
lh_cast_find(Oid from, Oid to, int32 typmod, LhCastPath *out)
{
	CoercionPathType path = COERCION_PATH_RELABELTYPE;
	bool		takes_typmod = false;

	memset(out, 0, sizeof(*out));
	out->from = from;
	out->to = to;
	out->typmod = typmod;
	if (from != to)
		path = find_coercion_pathway(to, from, COERCION_ASSIGNMENT, &out->func);
	if (from == TEXTOID && path != COERCION_PATH_RELABELTYPE)
	{
		if (get_typtype(to) == TYPTYPE_PSEUDO)
			return false;
		out->kind = LH_CAST_INPUT;
		return true;
	}
	switch (path)
	{
		case COERCION_PATH_RELABELTYPE:
			out->kind = LH_CAST_NONE;
			break;
		case COERCION_PATH_FUNC:
			out->kind = LH_CAST_FUNC;
			takes_typmod = get_func_nargs(out->func) >= 2;
			break;
		case COERCION_PATH_COERCEVIAIO:
			out->kind = LH_CAST_IO;
			takes_typmod = true;
			break;
		default:
			return false;
	}
	if (typmod >= 0 && !takes_typmod)
		(void) find_typmod_coercion_function(to, &out->length_func);
	return true;
}

void
lh_cast_prepare(LhCast *cast, const LhCastPath *path, bool explicit_length, MemoryContext mcxt)
{
	Oid			function;
	bool		varlena;

	memset(cast, 0, sizeof(*cast));
	cast->path = *path;
	cast->explicit_length = explicit_length;
	cast->collation = get_typcollation(path->to);
	if (path->kind == LH_CAST_FUNC)
		fmgr_info_cxt(path->func, &cast->func, mcxt);
	if (path->kind == LH_CAST_IO)
	{
		getTypeOutputInfo(path->from, &function, &varlena);
		fmgr_info_cxt(function, &cast->func, mcxt);
	}
	if (path->kind == LH_CAST_IO || path->kind == LH_CAST_INPUT)
	{
		getTypeInputInfo(path->to, &function, &cast->ioparam);
		fmgr_info_cxt(function, &cast->input, mcxt);
	}
	if (OidIsValid(path->length_func))
		fmgr_info_cxt(path->length_func, &cast->length, mcxt);
}

/* f(value, typmod, explicit) with as many arguments as f takes; a null result is allowed. */
static Datum
call(FmgrInfo *f, Oid collation, Datum value, int32 typmod, bool is_explicit, bool *null)
{
	LOCAL_FCINFO(fcinfo, 3);
	Datum		result;

	InitFunctionCallInfoData(*fcinfo, f, Max(f->fn_nargs, 1), collation, NULL, NULL);
	fcinfo->args[0].value = value;
	fcinfo->args[0].isnull = false;
	fcinfo->args[1].value = Int32GetDatum(typmod);
	fcinfo->args[1].isnull = false;
	fcinfo->args[2].value = BoolGetDatum(is_explicit);
	fcinfo->args[2].isnull = false;
	result = FunctionCallInvoke(fcinfo);
	*null = fcinfo->isnull;
	return result;
}

static Datum
cast_one(LhCast *cast, Datum value, bool *null)
{
	char	   *string;

	switch (cast->path.kind)
	{
		case LH_CAST_NONE:
			break;
		case LH_CAST_FUNC:
			value = call(&cast->func, cast->collation, value, cast->path.typmod, cast->explicit_length, null);
			break;
		case LH_CAST_IO:
			string = OutputFunctionCall(&cast->func, value);
			value = InputFunctionCall(&cast->input, string, cast->ioparam, cast->path.typmod);
			break;
		case LH_CAST_INPUT:
			string = TextDatumGetCString(value);
			value = InputFunctionCall(&cast->input, string, cast->ioparam, cast->path.typmod);
			break;
	}
	if (OidIsValid(cast->path.length_func) && !*null)
		value = call(&cast->length, cast->collation, value, cast->path.typmod, cast->explicit_length, null);
	return value;
}

void
lh_cast_apply(LhEmitter *em, LhCast *cast, Datum *values, bool *nulls, int n)
{
	LhEmitPlace place;
	MemoryContext old = MemoryContextSwitchTo(em->target);

	lh_emit_place_push(&place, em);
	for (place.j = 0; place.j < n; place.j++)
	{
		if (!nulls[place.j])
			values[place.j] = cast_one(cast, values[place.j], &nulls[place.j]);
	}
	lh_emit_place_pop(&place);
	MemoryContextSwitchTo(old);
}
