/*
 * variant_shape.c
 *		The columns that a variant was shredded into, as a tree.
 *
 * The variant's own group, each field of a shredded object and the element of a
 * shredded list are groups of the same kind: value, typed_value or both, found
 * by name.
 *
 *	typed_value		a scalar of a type that variants have, or
 *					a LIST of such groups, or
 *					a group of such groups, one a field
 *
 * Fields and elements are required groups: that one is missing is said by its
 * two members.  A file that lets the groups be null breaks that rule, so it is
 * refused rather than guessed about.
 */
#include <stdlib.h>

#include "parquet/variant_impl.h"


static LhStatus make_group(LhCtx *ctx, const LhType *type, LhVariantShape *out);

static LhStatus
wrong(LhCtx *ctx, const LhType *type, const char *what)
{
	LhBuf text;

	LH_TRY(lh_buf_init(ctx, &text, true));
	LH_TRY(lh_type_format(ctx, type, &text));
	LH_FAIL(ctx, LH_CORRUPT, "%s of a variant has type %.*s", what, (int) (text.len < 256 ? text.len : 256),
			(const char *) text.data);
}

static int
find_member(const LhType *type, const char *name)
{
	for (int i = 0; i < type->nfields; i++)
		if (strcmp(type->fields[i].name, name) == 0)
			return i;
	return -1;
}

/* Does a scalar type of columns stand for a scalar of variants? */
static bool
is_scalar(const LhType *t)
{
	switch (t->id)
	{
		case LH_T_BOOL:
		case LH_T_INT8:
		case LH_T_INT16:
		case LH_T_INT32:
		case LH_T_INT64:
		case LH_T_FLOAT:
		case LH_T_DOUBLE:
		case LH_T_DATE:
		case LH_T_STRING:
		case LH_T_BINARY:
		case LH_T_UUID: return true;
		case LH_T_DECIMAL: return t->lane != LH_LANE_STR;
		case LH_T_TIME: return t->unit == LH_UNIT_US && !t->utc;
		case LH_T_TIMESTAMP: return !t->int96 && (t->unit == LH_UNIT_US || t->unit == LH_UNIT_NS);
		default: return false;
	}
}

static LhStatus
make_child(LhCtx *ctx, const LhField *field, LhVariantShape *out)
{
	const char *name = lh_strdup(ctx, field->name); /* the reader may outlive the footer */

	if (name == NULL)
		return ctx->error->code;
	out->name = (LhStr){(const uint8_t *) name, (uint32_t) strlen(name), 0};
	if (field->type.id != LH_T_STRUCT)
		return wrong(ctx, &field->type, "a field or element");
	if (!field->required)
		LH_FAIL(ctx, LH_CORRUPT, "the group \"%s\" of a variant is not required", field->name);
	return make_group(ctx, &field->type, out);
}

/* Shorter names first: the order in which jsonb keeps them, so that it has nothing to sort. */
static int
compare_names(LhStr a, LhStr b)
{
	if (a.len != b.len)
		return a.len < b.len ? -1 : 1;
	return memcmp(a.ptr, b.ptr, a.len);
}

static int
compare_shapes(const void *a, const void *b)
{
	return compare_names(((const LhVariantShape *) a)->name, ((const LhVariantShape *) b)->name);
}

static LhStatus
sort_fields(LhCtx *ctx, LhVariantShape *shape)
{
	qsort(shape->children, (size_t) shape->nchildren, sizeof(LhVariantShape), compare_shapes);
	for (int i = 1; i < shape->nchildren; i++)
		if (compare_names(shape->children[i - 1].name, shape->children[i].name) == 0)
			return lh_variant_twice(ctx, shape->children[i].name);
	return LH_OK;
}

static LhStatus
make_typed(LhCtx *ctx, const LhType *type, LhVariantShape *out)
{
	if (is_scalar(type))
	{
		out->typed = LH_VARIANT_SCALAR;
		return LH_OK;
	}
	if (type->id != LH_T_LIST && type->id != LH_T_STRUCT)
	{
		lh_fail(ctx, LH_UNSUPPORTED, "typed_value of a variant has type %s, which variants do not have",
				lh_type_name(type));
		return LH_UNSUPPORTED;
	}
	out->typed = type->id == LH_T_LIST ? LH_VARIANT_LIST : LH_VARIANT_STRUCT;
	out->nchildren = type->nfields;
	LH_NEW_ARRAY(ctx, out->children, (size_t) type->nfields + 1);
	for (int i = 0; i < type->nfields; i++)
	{
		out->children[i].at = i;
		LH_TRY(make_child(ctx, &type->fields[i], &out->children[i]));
	}
	return out->typed == LH_VARIANT_STRUCT ? sort_fields(ctx, out) : LH_OK;
}

/* value and typed_value of a group. */
static LhStatus
make_group(LhCtx *ctx, const LhType *type, LhVariantShape *out)
{
	out->value_at = find_member(type, "value");
	out->typed_at = find_member(type, "typed_value");
	if (out->value_at < 0 && out->typed_at < 0)
		LH_FAIL(ctx, LH_CORRUPT, "a group of a variant has neither value nor typed_value");
	if (out->value_at >= 0 && type->fields[out->value_at].type.id != LH_T_BINARY)
		return wrong(ctx, &type->fields[out->value_at].type, "value");
	return out->typed_at < 0 ? LH_OK : make_typed(ctx, &type->fields[out->typed_at].type, out);
}

LhStatus
lh_variant_shape_create(LhCtx *ctx, const LhType *type, LhVariantShape *out, int *metadata_at)
{
	*metadata_at = find_member(type, "metadata");
	if (*metadata_at < 0)
		LH_FAIL(ctx, LH_CORRUPT, "a variant has no column metadata");
	if (type->fields[*metadata_at].type.id != LH_T_BINARY)
		return wrong(ctx, &type->fields[*metadata_at].type, "metadata");
	return make_group(ctx, type, out);
}

/* ---- vectors ---- */

static LhStatus
member(LhCtx *ctx, const LhVec *group, int at, const LhVec **out)
{
	*out = NULL;
	if (at < 0)
		return LH_OK;
	if (at >= group->nchildren)
		LH_FAIL(ctx, LH_BUG, "vector of a variant has %d children, expected more than %d", group->nchildren, at);
	*out = &group->children[at];
	return LH_OK;
}

LhStatus
lh_variant_shape_bind(LhCtx *ctx, LhVariantShape *shape, const LhVec *group)
{
	LH_TRY(member(ctx, group, shape->value_at, &shape->value));
	LH_TRY(member(ctx, group, shape->typed_at, &shape->typed_value));
	/* a vector of nothing but nulls has no children, and nobody looks for them */
	if (shape->typed_value == NULL || lh_vec_all_null(shape->typed_value))
		return LH_OK;
	if (shape->typed_value->nchildren != shape->nchildren ||
		(shape->typed_value->type.id == LH_T_LIST) != (shape->typed == LH_VARIANT_LIST))
		LH_FAIL(ctx, LH_BUG, "typed_value of a variant is not of the type that its reader was made for");
	for (int i = 0; i < shape->nchildren; i++)
		LH_TRY(lh_variant_shape_bind(ctx, &shape->children[i],
									 &shape->typed_value->children[shape->children[i].at]));
	return LH_OK;
}

bool
lh_variant_shape_has(const LhVariantShape *shape, LhStr name)
{
	int lo = 0, hi = shape->nchildren;

	while (lo < hi)
	{
		int mid = (lo + hi) / 2;
		int order = compare_names(name, shape->children[mid].name);

		if (order == 0)
			return true;
		if (order < 0)
			hi = mid;
		else
			lo = mid + 1;
	}
	return false;
}
