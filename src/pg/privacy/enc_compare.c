/*
 * enc_compare.c
 *		Equality of encrypted values, by their blind indexes.
 *
 * 1. Values of one domain that can be searched have equal blind indexes when they are equal, and are compared by these 16 bytes, whatever version of
 *    the key encrypts them.  Nothing is opened for it, so it works where no key is: index scans, unique indexes, joins, on standbys.
 * 2. What cannot be searched has no equality: asking for it is an ERROR, and so no index is made on it.
 * 3. In "column = 'x'" the literal is no value of the column's domain: the parser made an open one of it.  The operator's support function puts
 *    lakehouse.enc_search(literal, modifier of the column) in its place, which makes a needle of it when the plan is run, for who runs it and if he
 *    may search there.  In "column = variable" of the base type it does so with what is cast.
 * 4. The order of B-trees is that of blind indexes.  It tells nothing, so its operators do not have the names that one would
 *    write by mistake.
 */
#include "pg/privacy/enc.h"

#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "commands/vacuum.h"
#include "common/hashfn.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "nodes/supportnodes.h"
#include "parser/parse_func.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"

#include "pg/util/features.h"

PG_FUNCTION_INFO_V1(lakehouse_enc_eq);
PG_FUNCTION_INFO_V1(lakehouse_enc_ne);
PG_FUNCTION_INFO_V1(lakehouse_enc_lt);
PG_FUNCTION_INFO_V1(lakehouse_enc_le);
PG_FUNCTION_INFO_V1(lakehouse_enc_ge);
PG_FUNCTION_INFO_V1(lakehouse_enc_gt);
PG_FUNCTION_INFO_V1(lakehouse_enc_cmp);
PG_FUNCTION_INFO_V1(lakehouse_enc_hash);
PG_FUNCTION_INFO_V1(lakehouse_enc_hash_extended);
PG_FUNCTION_INFO_V1(lakehouse_enc_eq_support);
PG_FUNCTION_INFO_V1(lakehouse_enc_search);
PG_FUNCTION_INFO_V1(lakehouse_enc_search_plain);
PG_FUNCTION_INFO_V1(lakehouse_search);
PG_FUNCTION_INFO_V1(lakehouse_enc_analyze);
extern PGDLLEXPORT Datum lakehouse_enc_eq(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum lakehouse_enc_ne(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum lakehouse_enc_lt(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum lakehouse_enc_le(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum lakehouse_enc_ge(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum lakehouse_enc_gt(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum lakehouse_enc_cmp(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum lakehouse_enc_hash(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum lakehouse_enc_hash_extended(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum lakehouse_enc_eq_support(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum lakehouse_enc_search(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum lakehouse_enc_search_plain(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum lakehouse_search(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum lakehouse_enc_analyze(PG_FUNCTION_ARGS);

/* ---- comparing ---- */

/* Type, domain and blind index: what equal values share.  Bytes 2 to 23 of a datum, and both are before its envelope. */
#define COMPARED_AT 2
#define COMPARED    (6 + LH_ENC_BLIND)
/* Nothing behind it is needed, so it is not fetched. */
#define HEAD        32

typedef struct Compared
{
	uint8		bytes[COMPARED];
} Compared;

static void
take(Datum datum, Compared *out)
{
	struct varlena *head = PG_DETOAST_DATUM_SLICE(datum, 0, HEAD);
	const uint8 *p = (const uint8 *) VARDATA_ANY(head);

	if (VARSIZE_ANY_EXHDR(head) < HEAD || (p[1] != LH_ENC_SEARCH && p[1] != LH_ENC_NEEDLE))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("encrypted values cannot be compared here"),
				 errdetail("They are not of a column that is declared with 'search'."),
				 errhint("Declare it as enc_text('domain', 'search'), and compare it with a constant, or with lakehouse.search(value, domain).")));
	memcpy(out->bytes, p + COMPARED_AT, COMPARED);
	if ((Pointer) head != DatumGetPointer(datum))
		pfree(head);
}

static int
compare(FunctionCallInfo fcinfo)
{
	Compared	a, b;

	take(PG_GETARG_DATUM(0), &a);
	take(PG_GETARG_DATUM(1), &b);
	return memcmp(&a, &b, sizeof(Compared));
}

Datum
lakehouse_enc_eq(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(compare(fcinfo) == 0);
}

Datum
lakehouse_enc_ne(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(compare(fcinfo) != 0);
}

Datum
lakehouse_enc_lt(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(compare(fcinfo) < 0);
}

Datum
lakehouse_enc_le(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(compare(fcinfo) <= 0);
}

Datum
lakehouse_enc_ge(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(compare(fcinfo) >= 0);
}

Datum
lakehouse_enc_gt(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(compare(fcinfo) > 0);
}

Datum
lakehouse_enc_cmp(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT32(compare(fcinfo));
}

Datum
lakehouse_enc_hash(PG_FUNCTION_ARGS)
{
	Compared	a;

	take(PG_GETARG_DATUM(0), &a);
	return hash_any(a.bytes, COMPARED);
}

Datum
lakehouse_enc_hash_extended(PG_FUNCTION_ARGS)
{
	Compared	a;

	take(PG_GETARG_DATUM(0), &a);
	return hash_any_extended(a.bytes, COMPARED, (uint64) PG_GETARG_INT64(1));
}

/* ---- searching ---- */

/* What a call has searched for last (fn_extra), and for whom. */
typedef struct Searched
{
	Oid			user,
				outer;
	uint8		needle[HEAD];
} Searched;

/*
 * For who has the right "search".  A scan asks for the needle of one constant at each row: of a limit only what was not the last is spent.
 */
static Datum
needle_to_search(FunctionCallInfo fcinfo, uint32 number, LhEncType type, LhSlice canonical)
{
	LhEncDomain *domain = lh_enc_domain(number);
	Searched   *last = fcinfo->flinfo->fn_extra;
	struct varlena *needle;

	lh_enc_require(domain, LH_DOMAIN_SEARCH);
	lh_audit_use(LH_AUDIT_SEARCH, lh_enc_name(domain), 1);
	needle = lh_enc_needle(domain, type, canonical);
	Assert(VARSIZE(needle) == VARHDRSZ + HEAD);
	if (last != NULL && last->user == GetUserId() && last->outer == GetOuterUserId() && memcmp(last->needle, VARDATA(needle), HEAD) == 0)
		return PointerGetDatum(needle);
	lh_enc_spend(domain, LH_DOMAIN_SEARCH);
	if (last == NULL)
		last = fcinfo->flinfo->fn_extra = MemoryContextAlloc(fcinfo->flinfo->fn_mcxt, sizeof(Searched));
	last->user = GetUserId();
	last->outer = GetOuterUserId();
	memcpy(last->needle, VARDATA(needle), HEAD);
	return PointerGetDatum(needle);
}

static void
check_modifier(int32 typmod)
{
	if (typmod < 0 || !LH_ENC_TYPMOD_SEARCH(typmod))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("encrypted values cannot be compared here"),
				 errdetail("The column is not declared with 'search'.")));
}

/* Of a value that is encrypted, in the domain of a column. */
static Datum
needle_of_encrypted(FunctionCallInfo fcinfo, Datum datum, int32 typmod)
{
	LhSlice		plain;
	LhEnc		value;

	lh_enc_parse(datum, &value);
	if (value.number == LH_ENC_TYPMOD_NUMBER(typmod) && (value.form == LH_ENC_SEARCH || value.form == LH_ENC_NEEDLE))
		return datum;
	plain = lh_enc_canonical(value.type, lh_enc_open_as_subject(&value));
	return needle_to_search(fcinfo, LH_ENC_TYPMOD_NUMBER(typmod), value.type, plain);
}

Datum
lakehouse_enc_search(PG_FUNCTION_ARGS)
{
	check_modifier(PG_GETARG_INT32(1));
	return needle_of_encrypted(fcinfo, PG_GETARG_DATUM(0), PG_GETARG_INT32(1));
}

/* The encrypted type that the SQL function gives. */
static LhEncType
type_of_result(FunctionCallInfo fcinfo)
{
	Oid			result = get_func_rettype(fcinfo->flinfo->fn_oid);

	for (int i = 1; i <= LH_ENC_TYPES; i++)
	{
		if (lh_enc_type_oid((LhEncType) i) == result)
			return (LhEncType) i;
	}
	elog(ERROR, "function %u is none of an encrypted type", fcinfo->flinfo->fn_oid);
}

static Datum
needle_of_plain(FunctionCallInfo fcinfo, LhEncType type, Datum datum, uint32 number)
{
	const LhEncPlain *plain = &lh_enc_plain[type];

	return needle_to_search(fcinfo, number, type, plain->canonical != NULL ? plain->canonical(datum) : plain->pack(datum));
}

/* Of a value that is not encrypted, unless it is armoured text. */
Datum
lakehouse_enc_search_plain(PG_FUNCTION_ARGS)
{
	LhEncType	type = type_of_result(fcinfo);
	int32		typmod = PG_GETARG_INT32(1);

	check_modifier(typmod);
	if (type == LH_ENC_TEXT && lh_enc_is_armoured(PG_GETARG_DATUM(0)))
		return needle_of_encrypted(fcinfo, lh_enc_from_armour(type, PG_GETARG_DATUM(0), -1), typmod);
	return needle_of_plain(fcinfo, type, PG_GETARG_DATUM(0), LH_ENC_TYPMOD_NUMBER(typmod));
}

/* lakehouse.search(value, domain): what is written where the column does not say it. */
Datum
lakehouse_search(PG_FUNCTION_ARGS)
{
	char	   *name = text_to_cstring(PG_GETARG_TEXT_PP(1));
	uint32		number = lh_enc_number(name);

	if (lh_enc_domain_name(number) == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("encryption domain \"%s\" does not exist", name),
				 errhint("lakehouse.domain_create makes it.")));
	return needle_of_plain(fcinfo, type_of_result(fcinfo), PG_GETARG_DATUM(0), number);
}

/* ---- in plans ---- */

static Oid
function_named(const char *name, Oid first, Oid second, Oid third)
{
	Oid			arguments[3] = {first, second, third};

	return LookupFuncName(list_make2(makeString("lakehouse"), makeString(pstrdup(name))), OidIsValid(third) ? 3 : 2, arguments, true);
}

/* As the type that enc_search takes: integers and varchar are cast, too. */
static Expr *
as_base(Node *value, Oid base)
{
	Oid			type = exprType(value);

	if (type == INT4OID && base == INT8OID)
		return (Expr *) makeFuncExpr(F_INT8_INT4, INT8OID, list_make1(value), InvalidOid, InvalidOid, COERCE_IMPLICIT_CAST);
	if (type == INT4OID && base == NUMERICOID)
		return (Expr *) makeFuncExpr(F_NUMERIC_INT4, NUMERICOID, list_make1(value), InvalidOid, InvalidOid, COERCE_IMPLICIT_CAST);
	if (type == VARCHAROID && base == TEXTOID)
		return (Expr *) makeRelabelType((Expr *) value, TEXTOID, -1, exprCollation(value), COERCE_IMPLICIT_CAST);
	return type == base ? (Expr *) value : NULL;
}

/*
 * What the cast to the encrypted type is given, if the operand is that cast without a domain: as the cast draws random bytes, no index would
 * be used.  NULL: it is not.
 */
static Expr *
under_cast(Node *operand, const LhEncPlain *plain)
{
	FuncExpr   *cast = (FuncExpr *) operand;

	if (!IsA(operand, FuncExpr) || list_length(cast->args) != 3 || exprTypmod(operand) >= 0 ||
		cast->funcid != function_named(plain->name, exprType(linitial(cast->args)), INT4OID, BOOLOID))
		return NULL;
	return as_base(linitial(cast->args), plain->base);
}

static const LhEncPlain *
plain_of(Oid type)
{
	for (int i = 1; i <= LH_ENC_TYPES; i++)
	{
		if (type == lh_enc_type_oid((LhEncType) i))
			return &lh_enc_plain[i];
	}
	return NULL;
}

/* enc_search(operand, typmod), or the operand itself where it is of that column's domain, or nothing is known. */
static Node *
as_needle(Node *operand, int32 typmod)
{
	Oid			type = exprType(operand);
	const LhEncPlain *plain = plain_of(type);
	Oid			of_encrypted,
				of_plain;
	Expr	   *base;

	if (typmod < 0 || exprTypmod(operand) >= 0 || plain == NULL)
		return operand;
	of_encrypted = function_named("enc_search", type, INT4OID, InvalidOid);
	of_plain = function_named("enc_search", plain->base, INT4OID, InvalidOid);
	if (!OidIsValid(of_encrypted) || !OidIsValid(of_plain))
		return operand;
	if (IsA(operand, FuncExpr) && (((FuncExpr *) operand)->funcid == of_encrypted || ((FuncExpr *) operand)->funcid == of_plain))
		return operand;
	base = under_cast(operand, plain);
	return (Node *) makeFuncExpr(base != NULL ? of_plain : of_encrypted, type,
								 list_make2(base != NULL ? base : (Expr *) operand,
											makeConst(INT4OID, -1, InvalidOid, sizeof(int32), Int32GetDatum(typmod), false, true)),
								 InvalidOid, base != NULL ? exprCollation((Node *) base) : InvalidOid, COERCE_EXPLICIT_CALL);
}

static Oid
operator_of(const FuncExpr *call)
{
	static const char *const names[] = {"=", "<>"};

	for (int i = 0; i < lengthof(names); i++)
	{
		Oid			operator = OpernameGetOprid(list_make2(makeString("lakehouse"), makeString(pstrdup(names[i]))),
												exprType(linitial(call->args)), exprType(lsecond(call->args)));

		if (OidIsValid(operator) && get_opcode(operator) == call->funcid)
			return operator;
	}
	return InvalidOid;
}

static Node *
simplify(const FuncExpr *call)
{
	Node	   *left,
			   *right,
			   *new_left,
			   *new_right;
	Oid			operator;

	if (list_length(call->args) != 2)
		return NULL;
	left = linitial(call->args);
	right = lsecond(call->args);
	new_left = as_needle(left, exprTypmod(right));
	new_right = as_needle(right, exprTypmod(left));
	if (new_left == left && new_right == right)
		return NULL;
	operator = operator_of(call);
	if (!OidIsValid(operator))
		return NULL;
	return (Node *) make_opclause(operator, BOOLOID, false, (Expr *) new_left, (Expr *) new_right, InvalidOid, InvalidOid);
}

Datum
lakehouse_enc_eq_support(PG_FUNCTION_ARGS)
{
	Node	   *request = (Node *) PG_GETARG_POINTER(0);

	if (!IsA(request, SupportRequestSimplify))
		PG_RETURN_POINTER(NULL);
	PG_RETURN_POINTER(simplify(((SupportRequestSimplify *) request)->fcall));
}

/* ---- statistics ---- */

/* Of what cannot be compared: how many are NULL, and how wide the others are. */
static void
count_only(VacAttrStats *stats, AnalyzeAttrFetchFunc fetch, int rows, double total_rows)
{
	int			nulls = 0;
	double		width = 0;

	for (int i = 0; i < rows; i++)
	{
		bool		null;
		Datum		value;

		CHECK_FOR_INTERRUPTS();
		value = fetch(stats, i, &null);
		if (null)
			nulls++;
		else
			width += VARSIZE_ANY(DatumGetPointer(value));
	}
	if (rows == 0)
		return;
	stats->stats_valid = true;
	stats->stanullfrac = (float4) ((double) nulls / rows);
	stats->stawidth = nulls < rows ? (int32) (width / (rows - nulls)) : 0;
	stats->stadistinct = nulls < rows ? (float4) (-1.0 * (1.0 - stats->stanullfrac)) : 0;
}

Datum
lakehouse_enc_analyze(PG_FUNCTION_ARGS)
{
	VacAttrStats *stats = (VacAttrStats *) PG_GETARG_POINTER(0);

	if (stats->attrtypmod >= 0 && LH_ENC_TYPMOD_SEARCH(stats->attrtypmod))
		PG_RETURN_BOOL(std_typanalyze(stats));
	stats->compute_stats = count_only;
	stats->minrows = 300;
	PG_RETURN_BOOL(true);
}
