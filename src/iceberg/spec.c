/*
 * spec.c
 *		Partition specs and sort orders.
 *
 * A spec's fields have ids of their own, from 1000 on, by which the partition
 * values of a file are found: two fields of different specs may have the same
 * name, and the same field keeps its id.  Writers of version 1 gave none; then
 * they are 1000, 1001 ... in the order of the spec.  A source may be a field
 * within structs, or one that the current schema has lost.
 *
 * Format: https://iceberg.apache.org/spec/#partitioning, Appendix C
 */
#include "iceberg/meta.h"

/* Id of the first field of a spec that gives none. */
#define FIRST_PARTITION_ID 1000

/* What fields of specs and of sort orders say of where a value is from. */
typedef struct Source
{
	bool known;
	int id; /* -1: several */
} Source;

static LhStatus
source_ids(LhCtx *ctx, LhPull *j, Source *out)
{
	size_t n = 0;
	bool more;
	int id = -1;

	LH_TRY(lh_pull_array(ctx, j));
	for (;;)
	{
		LH_TRY(lh_pull_item(ctx, j, &more));
		if (!more)
			break;
		LH_TRY(lh_pull_i32(ctx, j, &id));
		n++;
	}
	if (n == 0)
		return lh_pull_fail(ctx, j, LH_CORRUPT, "there is no source field");
	out->known = true;
	out->id = n == 1 ? id : -1;
	return LH_OK;
}

/* "source-ids", of transforms of several fields, goes before "source-id". */
static LhStatus
single_source(LhCtx *ctx, LhPull *j, Source *out)
{
	int id;

	LH_TRY(lh_pull_i32(ctx, j, &id));
	if (!out->known)
		*out = (Source){true, id};
	return LH_OK;
}

static LhStatus
transform_at(LhCtx *ctx, LhPull *j, LhIceTransform *out)
{
	const char *text, *wrong;
	LhStatus status;

	LH_TRY(lh_pull_text(ctx, j, &text));
	status = lh_ice_transform_parse(ctx, text, strlen(text), out);
	if (status != LH_CORRUPT)
		return status;
	/* the same with file and field before it */
	wrong = lh_strdup(ctx, ctx->error->message);
	return wrong == NULL ? ctx->error->code : lh_pull_fail(ctx, j, LH_CORRUPT, "%s", wrong);
}

/*
 * Specs
 */

static LhStatus
spec_field(LhCtx *ctx, LhPull *j, LhIceSpecField *out)
{
	enum
	{
		SOURCE_ID,
		SOURCE_IDS,
		ID,
		NAME,
		TRANSFORM
	};
	static const char *const names[] = {"source-id", "source-ids", "field-id",
										"name",      "transform",  NULL};
	Source source = {0};
	uint64_t seen = 0;
	bool more;
	int which;

	out->field_id = -1;
	LH_TRY(lh_pull_object(ctx, j));
	for (;;)
	{
		LH_TRY(lh_pull_field(ctx, j, names, &seen, &which, &more));
		if (!more)
			break;
		switch (which)
		{
			case SOURCE_ID: LH_TRY(single_source(ctx, j, &source)); break;
			case SOURCE_IDS: LH_TRY(source_ids(ctx, j, &source)); break;
			case ID: LH_TRY(lh_pull_i32(ctx, j, &out->field_id)); break;
			case NAME: LH_TRY(lh_pull_text(ctx, j, &out->name)); break;
			case TRANSFORM: LH_TRY(transform_at(ctx, j, &out->transform)); break;
		}
	}
	LH_TRY(lh_pull_need(ctx, j, names, seen, 1 << NAME | 1 << TRANSFORM));
	if (!source.known)
		LH_TRY(lh_pull_need(ctx, j, names, seen, 1 << SOURCE_ID));
	if ((seen & 1 << ID) && out->field_id < 0)
		return lh_pull_fail(ctx, j, LH_CORRUPT, "expected a field id, found %d", out->field_id);
	out->source_id = source.id;
	if (source.id == -1)
		out->transform.kind = LH_ICE_UNKNOWN;
	return LH_OK;
}

/* All have ids, or none; ids are unique. */
static LhStatus
check_ids(LhCtx *ctx, LhPull *j, LhIceSpec *spec)
{
	int missing = 0;

	for (int i = 0; i < spec->nfields; i++)
		missing += spec->fields[i].field_id == -1;
	if (missing > 0 && missing < spec->nfields)
		return lh_pull_fail(ctx, j, LH_CORRUPT,
							"%d of the %d fields of a partition spec have no \"field-id\"", missing,
							spec->nfields);
	for (int i = 0; i < spec->nfields && missing > 0; i++)
		spec->fields[i].field_id = FIRST_PARTITION_ID + i;
	for (int i = 1; i < spec->nfields; i++)
		for (int k = 0; k < i; k++)
			if (spec->fields[i].field_id == spec->fields[k].field_id)
				return lh_pull_fail(ctx, j, LH_CORRUPT, "two fields of a partition spec have id %d",
									spec->fields[i].field_id);
	return LH_OK;
}

/* More fields than any writer makes: what compares each with each stays cheap. */
#define MAX_SPEC_FIELDS 1000

static LhStatus
spec_fields(LhCtx *ctx, LhPull *j, LhIceSpec *out)
{
	LH_PULL_ITEMS(ctx, j, out->fields, out->nfields,
				  spec_field(ctx, j, &out->fields[out->nfields]));
	if (out->nfields > MAX_SPEC_FIELDS)
		return lh_pull_fail(ctx, j, LH_LIMIT, "a partition spec has more than %d fields",
							MAX_SPEC_FIELDS);
	return check_ids(ctx, j, out);
}

LhStatus
lh_ice_spec_at(LhCtx *ctx, LhPull *j, LhIceSpec *out)
{
	enum
	{
		ID,
		FIELDS
	};
	static const char *const names[] = {"spec-id", "fields", NULL};
	uint64_t seen = 0;
	bool more;
	int which;

	*out = (LhIceSpec){0};
	if (lh_pull_kind(j) == LH_PULL_ARRAY)
		return spec_fields(ctx, j, out);
	LH_TRY(lh_pull_object(ctx, j));
	for (;;)
	{
		LH_TRY(lh_pull_field(ctx, j, names, &seen, &which, &more));
		if (!more)
			break;
		if (which == ID)
			LH_TRY(lh_pull_i32(ctx, j, &out->spec_id));
		else
			LH_TRY(spec_fields(ctx, j, out));
	}
	return lh_pull_need(ctx, j, names, seen, 1 << ID | 1 << FIELDS);
}

LhStatus
lh_ice_spec_parse(LhCtx *ctx, const char *what, LhSlice text, LhIceSpec *out)
{
	LhPull j;

	LH_TRY(lh_pull_open(ctx, &j, what, text));
	LH_TRY(lh_ice_spec_at(ctx, &j, out));
	return lh_pull_close(ctx, &j);
}

/*
 * Sort orders
 */

static LhStatus
sort_field(LhCtx *ctx, LhPull *j, LhIceSortField *out)
{
	enum
	{
		TRANSFORM,
		SOURCE_ID,
		SOURCE_IDS,
		DIRECTION,
		NULLS
	};
	static const char *const names[] = {"transform", "source-id",  "source-ids",
										"direction", "null-order", NULL};
	LhIceTransform transform = {0};
	LhSlice direction = {0}, nulls = {0};
	Source source = {0};
	uint64_t seen = 0;
	bool more;
	int which;

	LH_TRY(lh_pull_object(ctx, j));
	for (;;)
	{
		LH_TRY(lh_pull_field(ctx, j, names, &seen, &which, &more));
		if (!more)
			break;
		switch (which)
		{
			case TRANSFORM: LH_TRY(transform_at(ctx, j, &transform)); break;
			case SOURCE_ID: LH_TRY(single_source(ctx, j, &source)); break;
			case SOURCE_IDS: LH_TRY(source_ids(ctx, j, &source)); break;
			case DIRECTION: LH_TRY(lh_pull_slice(ctx, j, &direction)); break;
			case NULLS: LH_TRY(lh_pull_slice(ctx, j, &nulls)); break;
		}
	}
	LH_TRY(lh_pull_need(ctx, j, names, seen, 1 << TRANSFORM | 1 << DIRECTION | 1 << NULLS));
	if (!source.known)
		LH_TRY(lh_pull_need(ctx, j, names, seen, 1 << SOURCE_ID));
	out->field_id = source.id;
	out->descending = lh_slice_is(direction, "desc");
	out->nulls_first = lh_slice_is(nulls, "nulls-first");
	if (!out->descending && !lh_slice_is(direction, "asc"))
		return lh_pull_fail(ctx, j, LH_CORRUPT,
							"the direction of a sort field is neither asc nor desc");
	if (!out->nulls_first && !lh_slice_is(nulls, "nulls-last"))
		return lh_pull_fail(ctx, j, LH_CORRUPT,
							"the null order of a sort field is neither nulls-first nor nulls-last");
	out->identity = transform.kind == LH_ICE_IDENTITY && source.id != -1;
	return LH_OK;
}

static LhStatus
sort_fields(LhCtx *ctx, LhPull *j, LhIceSortOrder *out)
{
	LH_PULL_ITEMS(ctx, j, out->fields, out->nfields,
				  sort_field(ctx, j, &out->fields[out->nfields]));
	return LH_OK;
}

LhStatus
lh_ice_order_at(LhCtx *ctx, LhPull *j, LhIceSortOrder *out)
{
	enum
	{
		ID,
		FIELDS
	};
	static const char *const names[] = {"order-id", "fields", NULL};
	uint64_t seen = 0;
	bool more;
	int which;

	*out = (LhIceSortOrder){0};
	LH_TRY(lh_pull_object(ctx, j));
	for (;;)
	{
		LH_TRY(lh_pull_field(ctx, j, names, &seen, &which, &more));
		if (!more)
			break;
		if (which == ID)
			LH_TRY(lh_pull_i32(ctx, j, &out->order_id));
		else
			LH_TRY(sort_fields(ctx, j, out));
	}
	return lh_pull_need(ctx, j, names, seen, 1 << ID | 1 << FIELDS);
}
