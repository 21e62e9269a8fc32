/*
 * mask_value.c
 *		lakehouse.mask_ip, mask_geo, mask_floor and mask_date_trunc: the class of a value, in the value's type.
 *
 * All are strict; what has no class is NULL.
 */
#include "pg/privacy/mask_value.h"

#include <math.h>
#include <sys/socket.h>

#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/fmgrprotos.h"
#include "utils/geo_decls.h"
#include "utils/inet.h"
#include "utils/numeric.h"
#include "utils/timestamp.h"

extern PGDLLEXPORT Datum lakehouse_mask_ip(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum lakehouse_mask_geo_point(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum lakehouse_mask_geo_double(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum lakehouse_mask_geo_numeric(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum lakehouse_mask_floor_integer(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum lakehouse_mask_floor_bigint(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum lakehouse_mask_floor_numeric(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum lakehouse_mask_floor_double(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum lakehouse_mask_floor_smallint(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum lakehouse_mask_floor_real(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum lakehouse_mask_fit(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum lakehouse_mask_date_trunc_date(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum lakehouse_mask_date_trunc_timestamp(PG_FUNCTION_ARGS);
PG_FUNCTION_INFO_V1(lakehouse_mask_ip);
PG_FUNCTION_INFO_V1(lakehouse_mask_geo_point);
PG_FUNCTION_INFO_V1(lakehouse_mask_geo_double);
PG_FUNCTION_INFO_V1(lakehouse_mask_geo_numeric);
PG_FUNCTION_INFO_V1(lakehouse_mask_floor_integer);
PG_FUNCTION_INFO_V1(lakehouse_mask_floor_bigint);
PG_FUNCTION_INFO_V1(lakehouse_mask_floor_numeric);
PG_FUNCTION_INFO_V1(lakehouse_mask_floor_double);
PG_FUNCTION_INFO_V1(lakehouse_mask_floor_smallint);
PG_FUNCTION_INFO_V1(lakehouse_mask_floor_real);
PG_FUNCTION_INFO_V1(lakehouse_mask_fit);
PG_FUNCTION_INFO_V1(lakehouse_mask_date_trunc_date);
PG_FUNCTION_INFO_V1(lakehouse_mask_date_trunc_timestamp);

/* ---- addresses ---- */

/* mask_ip(address, prefix4, prefix6); an address that is a network of fewer bits keeps those. */
Datum
lakehouse_mask_ip(PG_FUNCTION_ARGS)
{
	inet	   *address = PG_GETARG_INET_PP(0);
	bool		v4 = ip_family(address) == PGSQL_AF_INET;
	int32		prefix = PG_GETARG_INT32(v4 ? 1 : 2);
	inet	   *network;
	LhMaskOutcome outcome;

	if (!v4 && ip_family(address) != PGSQL_AF_INET6)
		LH_MASK_GIVE_UP(IP, LH_MASK_FORM);
	network = palloc0(sizeof(inet));
	ip_family(network) = ip_family(address);
	memcpy(ip_addr(network), ip_addr(address), ip_addrsize(address));
	/* a prefix that hides nothing is refused before that of the value is looked at */
	outcome = prefix < ip_maxbits(address) ? lh_mask_address(ip_addr(network), ip_addrsize(address), Min(prefix, ip_bits(address))) :
		LH_MASK_ARGUMENT;
	if (outcome != LH_MASK_DONE)
		LH_MASK_GIVE_UP(IP, outcome);
	ip_bits(network) = (unsigned char) Min(prefix, ip_bits(address));
	SET_INET_VARSIZE(network);
	PG_RETURN_INET_P(network);
}

/* ---- places ---- */

Datum
lakehouse_mask_geo_point(PG_FUNCTION_ARGS)
{
	Point	   *p = PG_GETARG_POINT_P(0);
	int32		decimals = PG_GETARG_INT32(1);
	Point	   *rounded = palloc(sizeof(Point));
	LhMaskOutcome outcome = lh_mask_degrees(p->x, decimals, &rounded->x);

	if (outcome == LH_MASK_DONE)
		outcome = lh_mask_degrees(p->y, decimals, &rounded->y);
	if (outcome != LH_MASK_DONE)
		LH_MASK_GIVE_UP(GEO, outcome);
	PG_RETURN_POINT_P(rounded);
}

Datum
lakehouse_mask_geo_double(PG_FUNCTION_ARGS)
{
	double		rounded;
	LhMaskOutcome outcome = lh_mask_degrees(PG_GETARG_FLOAT8(0), PG_GETARG_INT32(1), &rounded);

	if (outcome != LH_MASK_DONE)
		LH_MASK_GIVE_UP(GEO, outcome);
	PG_RETURN_FLOAT8(rounded);
}

Datum
lakehouse_mask_geo_numeric(PG_FUNCTION_ARGS)
{
	Datum		value = PG_GETARG_DATUM(0);
	int32		decimals = PG_GETARG_INT32(1);
	double		rounded;
	LhMaskOutcome outcome = lh_mask_degrees(DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow, value)), decimals,
											&rounded);

	if (outcome != LH_MASK_DONE)
		LH_MASK_GIVE_UP(GEO, outcome);
	return DirectFunctionCall2(numeric_round, value, Int32GetDatum(decimals));
}

/* ---- numbers ---- */

Datum
lakehouse_mask_floor_integer(PG_FUNCTION_ARGS)
{
	LhMaskRange range;
	LhMaskOutcome outcome = lh_mask_range(PG_GETARG_INT32(0), PG_GETARG_INT32(1), &range);

	if (outcome == LH_MASK_DONE && range.lower < PG_INT32_MIN)
		outcome = LH_MASK_RANGE;
	if (outcome != LH_MASK_DONE)
		LH_MASK_GIVE_UP(FLOOR, outcome);
	PG_RETURN_INT32((int32) range.lower);
}

Datum
lakehouse_mask_floor_bigint(PG_FUNCTION_ARGS)
{
	LhMaskRange range;
	LhMaskOutcome outcome = lh_mask_range(PG_GETARG_INT64(0), PG_GETARG_INT64(1), &range);

	if (outcome == LH_MASK_DONE && range.open_below)
		outcome = LH_MASK_RANGE;
	if (outcome != LH_MASK_DONE)
		LH_MASK_GIVE_UP(FLOOR, outcome);
	PG_RETURN_INT64(range.lower);
}

Datum
lakehouse_mask_floor_double(PG_FUNCTION_ARGS)
{
	double		lower;
	LhMaskOutcome outcome = lh_mask_floor(PG_GETARG_FLOAT8(0), PG_GETARG_FLOAT8(1), &lower);

	if (outcome != LH_MASK_DONE)
		LH_MASK_GIVE_UP(FLOOR, outcome);
	PG_RETURN_FLOAT8(lower);
}

/* Of types that have less room than what a wider one's result is: there a cast would fail. */
Datum
lakehouse_mask_floor_smallint(PG_FUNCTION_ARGS)
{
	LhMaskRange range;
	LhMaskOutcome outcome = lh_mask_range(PG_GETARG_INT16(0), PG_GETARG_INT32(1), &range);

	if (outcome == LH_MASK_DONE && range.lower < PG_INT16_MIN)
		outcome = LH_MASK_RANGE;
	if (outcome != LH_MASK_DONE)
		LH_MASK_GIVE_UP(FLOOR, outcome);
	PG_RETURN_INT16((int16) range.lower);
}

/* Above these a real has no digits behind the point. */
#define MOST_REAL_QUOTIENT 8388608.0	/* 2^23 */

Datum
lakehouse_mask_floor_real(PG_FUNCTION_ARGS)
{
	double		lower;
	float		value = PG_GETARG_FLOAT4(0),
				result;
	double		width = PG_GETARG_FLOAT8(1);
	LhMaskOutcome outcome = lh_mask_floor(value, width, &lower);

	if (outcome == LH_MASK_DONE && !(fabs(value / width) < MOST_REAL_QUOTIENT))
		outcome = LH_MASK_RANGE;
	result = outcome == LH_MASK_DONE ? (float) lower : 0;
	if (!isfinite(result))
		outcome = LH_MASK_RANGE;
	if (outcome != LH_MASK_DONE)
		LH_MASK_GIVE_UP(FLOOR, outcome);
	PG_RETURN_FLOAT4(result);
}

Datum
lakehouse_mask_floor_numeric(PG_FUNCTION_ARGS)
{
	Datum		lower,
				upper;
	LhMaskOutcome outcome = lh_mask_range_numeric(PG_GETARG_DATUM(0), PG_GETARG_DATUM(1), &lower, &upper);

	if (outcome != LH_MASK_DONE)
		LH_MASK_GIVE_UP(FLOOR, outcome);
	PG_RETURN_DATUM(lower);
}

/* ---- casts ---- */

/*
 * The cast to numeric(precision, scale) in a plan of a mask: NULL where core's fails.  Core's is that it has to round
 * to less than 10^(precision - scale); NaN fits anywhere.
 */
Datum
lakehouse_mask_fit(PG_FUNCTION_ARGS)
{
	Numeric		value = PG_GETARG_NUMERIC(0);
	int32		typmod = PG_GETARG_INT32(1);
	int32		precision = ((typmod - VARHDRSZ) >> 16) & 0xffff,
				scale = (((typmod - VARHDRSZ) & 0x7ff) ^ 1024) - 1024;
	Datum		rounded,
				bound;

	if (typmod < (int32) VARHDRSZ || numeric_is_nan(value))
		PG_RETURN_NUMERIC(value);
	if (numeric_is_inf(value))
		PG_RETURN_NULL();
	rounded = DirectFunctionCall2(numeric_round, NumericGetDatum(value), Int32GetDatum(scale));
	bound = DirectFunctionCall3(numeric_in, CStringGetDatum(psprintf("1e%d", precision - scale)), ObjectIdGetDatum(InvalidOid),
								Int32GetDatum(-1));
	if (DatumGetInt32(DirectFunctionCall2(numeric_cmp, DirectFunctionCall1(numeric_abs, rounded), bound)) >= 0)
		PG_RETURN_NULL();
	return DirectFunctionCall2(numeric, NumericGetDatum(value), Int32GetDatum(typmod));
}

/* ---- times ---- */

Datum
lakehouse_mask_date_trunc_date(PG_FUNCTION_ARGS)
{
	LhMaskTimes times;
	LhMaskOutcome outcome = lh_mask_range_date(PG_GETARG_DATEADT(0), lh_mask_argument(fcinfo, 1), &times);

	if (outcome == LH_MASK_DONE && times.open_below)
		outcome = LH_MASK_RANGE;
	if (outcome != LH_MASK_DONE)
		LH_MASK_GIVE_UP(DATE_TRUNC, outcome);
	PG_RETURN_DATEADT((DateADT) times.first);
}

/* Of timestamp, and of timestamptz in UTC. */
Datum
lakehouse_mask_date_trunc_timestamp(PG_FUNCTION_ARGS)
{
	LhMaskTimes times;
	LhMaskOutcome outcome = lh_mask_range_timestamp(PG_GETARG_TIMESTAMP(0), lh_mask_argument(fcinfo, 1), &times);

	if (outcome == LH_MASK_DONE && times.open_below)
		outcome = LH_MASK_RANGE;
	if (outcome != LH_MASK_DONE)
		LH_MASK_GIVE_UP(DATE_TRUNC, outcome);
	PG_RETURN_TIMESTAMP(times.first);
}
