/*
 * ice_make.h
 *		Types, values and random numbers for the tests of iceberg/.
 */
#ifndef LH_TEST_ICE_MAKE_H
#define LH_TEST_ICE_MAKE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

#include "core/datetime.h"
#include "core/hash.h"
#include "iceberg/ice.h"
#include "vec/value.h"

#define ASSERT_OK(ctx, call)                                                \
	do                                                                      \
	{                                                                       \
		LhStatus s_ = (call);                                               \
		if (s_ != LH_OK)                                                    \
			fail_msg("%s: %s", lh_status_name(s_), (ctx)->error->message); \
	} while (0)

static const LhType ICE_BOOL = {.id = LH_T_BOOL, .lane = LH_LANE_U8};
static const LhType ICE_INT = {.id = LH_T_INT32, .lane = LH_LANE_I32};
static const LhType ICE_LONG = {.id = LH_T_INT64, .lane = LH_LANE_I64};
static const LhType ICE_FLOAT = {.id = LH_T_FLOAT, .lane = LH_LANE_F32};
static const LhType ICE_DOUBLE = {.id = LH_T_DOUBLE, .lane = LH_LANE_F64};
static const LhType ICE_DATE = {.id = LH_T_DATE, .lane = LH_LANE_I32};
static const LhType ICE_TIME = {.id = LH_T_TIME, .lane = LH_LANE_I64, .unit = LH_UNIT_US};
static const LhType ICE_TS = {.id = LH_T_TIMESTAMP, .lane = LH_LANE_I64, .unit = LH_UNIT_US};
static const LhType ICE_TSTZ = {
	.id = LH_T_TIMESTAMP, .lane = LH_LANE_I64, .unit = LH_UNIT_US, .utc = true};
static const LhType ICE_TS_NS = {.id = LH_T_TIMESTAMP, .lane = LH_LANE_I64, .unit = LH_UNIT_NS};
static const LhType ICE_DEC_9_2 = {
	.id = LH_T_DECIMAL, .lane = LH_LANE_I64, .precision = 9, .scale = 2};
static const LhType ICE_DEC_38_2 = {
	.id = LH_T_DECIMAL, .lane = LH_LANE_I128, .precision = 38, .scale = 2};
static const LhType ICE_STRING = {.id = LH_T_STRING, .lane = LH_LANE_STR};
static const LhType ICE_BINARY = {.id = LH_T_BINARY, .lane = LH_LANE_STR};
static const LhType ICE_UUID = {.id = LH_T_UUID, .lane = LH_LANE_FIX, .width = 16};
static const LhType ICE_FIXED4 = {.id = LH_T_FIXED, .lane = LH_LANE_FIX, .width = 4};

static inline LhValue
ice_int(LhType type, int64_t v)
{
	LhValue out = {.type = type};

	if (type.lane == LH_LANE_I128)
		out.i128 = v;
	else
		out.i64 = v;
	return out;
}

static inline LhValue
ice_float(LhType type, double v)
{
	return (LhValue){.type = type, .f64 = v};
}

static inline LhValue
ice_bytes(LhType type, const void *p, size_t n)
{
	return (LhValue){.type = type, .str = {p, (uint32_t) n, 0}};
}

static inline LhValue
ice_text(const char *s)
{
	return ice_bytes(ICE_STRING, s, strlen(s));
}

static inline LhValue
ice_null(LhType type)
{
	return (LhValue){.type = type, .null = true};
}

/* A value of JSON; fails the test when it is none. */
static inline LhValue
ice_json(LhCtx *ctx, LhType type, const char *json)
{
	LhValue v;

	ASSERT_OK(ctx, lh_ice_value_json(ctx, &type, lh_slice(json, strlen(json)), &v));
	return v;
}

static inline const char *
ice_written(LhCtx *ctx, const LhValue *v)
{
	LhBuf out;

	ASSERT_OK(ctx, lh_buf_init(ctx, &out, false));
	ASSERT_OK(ctx, lh_ice_value_write(ctx, v, &out));
	ASSERT_OK(ctx, lh_buf_putc(ctx, &out, '\0'));
	return (const char *) out.data;
}

/* Deterministic random numbers. */
typedef struct IceRandom
{
	uint64_t state;
} IceRandom;

static inline uint64_t
ice_random(IceRandom *r)
{
	r->state += UINT64_C(0x9e3779b97f4a7c15);
	return lh_hash_u64(r->state);
}

static inline int
ice_below(IceRandom *r, int n)
{
	return (int) (ice_random(r) % (uint64_t) n);
}

#endif
