/*
 * geo.c
 *		Statistics of geometries: what describe functions show of them.
 *
 *	GeospatialStatistics	1 bbox, 2 list of types
 *	BoundingBox				1-8: xmin xmax ymin ymax zmin zmax mmin mmax
 *
 * They say nothing about values that PostgreSQL compares, so nothing is pruned
 * by them.  In x the lower bound may be the larger one: such a box crosses the
 * antimeridian.
 *
 * Format: Geospatial.md and parquet.thrift of apache/parquet-format
 */
#include "parquet/meta.h"

static void
parse_box(LhThrift *r, LhPqGeo *out)
{
	LhThriftField f = {0};
	unsigned seen = 0;

	while (lh_thrift_next(r, &f))
	{
		double x;

		if (f.id < 1 || f.id > 2 * LH_PQ_GEO_AXES)
		{
			lh_thrift_skip(r, f.type);
			continue;
		}
		if (!lh_thrift_double(r, &f, &x))
			continue;
		if (f.id % 2 == 1)
			out->low[(f.id - 1) / 2] = x;
		else
			out->high[(f.id - 1) / 2] = x;
		seen |= 1u << (f.id - 1);
	}
	for (int axis = 0; axis < LH_PQ_GEO_AXES; axis++)
		out->known[axis] = (seen >> (2 * axis) & 3) == 3;
}

static LhStatus
parse_types(LhCtx *ctx, LhPqAllowance *allowance, LhThrift *r, const LhThriftField *f, LhPqGeo *out)
{
	LhThriftList list;
	int32_t *types;
	void *p = NULL;

	if (!lh_thrift_list(r, f, LH_THRIFT_I32, &list))
		return LH_OK;
	LH_TRY(lh_pq_take(ctx, allowance, list.n, sizeof(int32_t), &p));
	types = p;
	for (uint32_t i = 0; i < list.n && lh_thrift_ok(r); i++)
		types[i] = lh_thrift_item_i32(r);
	out->ntypes = (int) list.n;
	out->types = types;
	return LH_OK;
}

LhStatus
lh_pq_geo_parse(LhCtx *ctx, LhPqAllowance *allowance, LhThrift *r, LhPqGeo *out)
{
	LhThriftField f = {0};

	out->present = true;
	while (lh_thrift_next(r, &f))
		switch (f.id)
		{
			case 1:
				if (lh_thrift_struct(r, &f))
					parse_box(r, out);
				break;
			case 2: LH_TRY(parse_types(ctx, allowance, r, &f, out)); break;
			default: lh_thrift_skip(r, f.type);
		}
	return LH_OK;
}
