/*
 * project.c
 *		Nested columns of a file in the shape of the table's type.
 *
 * The table's type may have renamed, reordered, added, dropped or promoted
 * members since the file was written, at any depth.  A plan is made once a
 * file, a node for each part of the type that differs:
 *
 *	leaf	the meaning of a type that says less than the table's (fit.h)
 *	group	for each member of the table the child of the file's vector with its
 *			field id, or a constant
 *
 * Applying it changes pointers only: a vector's children are replaced by an
 * array of the plan's own.  Lists and maps have one or two members that are
 * found by place, for there is nothing else that they could be.
 */
#include "scan/project.h"

#include "scan/fit.h"

struct LhProjection
{
	LhType type; /* as given */
	int n;       /* members; 0: a leaf, or a group that only is called otherwise */
	int *from;   /* child of the file's vector; -1: constant */
	LhProjection **below; /* NULL: as it is */
	LhValue *constants;
	LhVec *nulls; /* of members that are null in every row, with all that is below them */
	LhVec *children;
	const void *filled; /* a batch of one value, instead of all that; NULL: none */
};

const LhValue *
lh_task_const(const LhFileTask *task, int field_id)
{
	if (task == NULL || field_id < 0)
		return NULL;
	for (int i = 0; i < task->nconsts; i++)
		if (task->const_ids[i] == field_id)
			return &task->const_values[i];
	return NULL;
}

const LhValue *
lh_field_value(const LhFieldValues *values, int field_id)
{
	const LhValue *value = lh_task_const(values->task, field_id);

	return value != NULL ? value : lh_schema_default(values->schema, field_id);
}

static int
id_of(const LhField *field, const LhNameMapping *mapping)
{
	const LhNameMapping *entry;

	if (mapping == NULL)
		return field->field_id;
	entry = lh_mapping_child(mapping, field->name);
	return entry != NULL ? entry->field_id : -1;
}

/* Place of the table's member in the file's group; -1: the file has none. */
static int
place_of(const LhType *file, const LhNameMapping *mapping, const LhType *table, int member)
{
	int id = table->fields[member].field_id;

	if (table->id != LH_T_STRUCT)
		return member < file->nfields ? member : -1;
	for (int i = 0; id >= 0 && i < file->nfields; i++)
		if (id_of(&file->fields[i], mapping) == id)
			return i;
	return -1;
}

/* Bytes of a variant that was written as the group that it is. */
static bool
is_variant_group(const LhType *type)
{
	bool metadata = false, value = false;

	for (int i = 0; type->id == LH_T_STRUCT && i < type->nfields; i++)
	{
		metadata |= strcmp(type->fields[i].name, "metadata") == 0;
		value |= strcmp(type->fields[i].name, "value") == 0;
	}
	return metadata && value;
}

typedef struct Planner
{
	const LhFieldValues *values;
	bool fits;
} Planner;

static LhStatus plan(LhCtx *ctx, Planner *p, const LhType *file, const LhNameMapping *mapping,
					 const LhType *table, int depth, LhProjection **out);
static LhStatus plan_group(LhCtx *ctx, Planner *p, const LhType *file, const LhNameMapping *mapping,
						   const LhType *table, int depth, LhProjection **out);

/* A leaf's type, or that of a group that stays as it is, under another name. */
static LhStatus
plan_renamed(LhCtx *ctx, const LhType *file, const LhType *as, LhProjection **out)
{
	if (lh_type_equal(file, as))
		return LH_OK;
	LH_NEW(ctx, *out);
	(*out)->type = *as;
	return LH_OK;
}

/* A vector of nulls; readers of nested ones look for children before they look for nulls. */
static LhStatus
make_null(LhCtx *ctx, const LhType *type, LhVec *out)
{
	lh_vec_null(out, type, 0);
	out->nchildren = type->nfields;
	LH_NEW_ARRAY(ctx, out->children, (size_t) type->nfields + 1);
	for (int i = 0; i < type->nfields; i++)
		LH_TRY(make_null(ctx, &type->fields[i].type, &out->children[i]));
	return LH_OK;
}

static void
set_rows(LhVec *vec, int n)
{
	vec->n = n;
	for (int i = 0; i < vec->nchildren; i++)
		set_rows(&vec->children[i], n);
}

/* What a struct without a member in the file is made of: a default that is no null means its members' own. */
static const LhType no_members = {.id = LH_T_STRUCT, .lane = LH_LANE_NONE};

static LhStatus
plan_missing(LhCtx *ctx, Planner *p, const LhField *member, int depth, LhProjection *group, int i)
{
	const LhValue *value = lh_field_value(p->values, member->field_id);

	group->from[i] = -1;
	group->constants[i] = value != NULL ? *value : (LhValue){.type = member->type, .null = true};
	if (!group->constants[i].null && member->type.id == LH_T_STRUCT)
		return plan_group(ctx, p, &no_members, NULL, &member->type, depth + 1, &group->below[i]);
	if (value == NULL && member->required)
	{
		lh_fail(ctx, LH_NULL_VALUE, "field \"%s\" (id %d) is required, but missing", member->name,
				member->field_id);
		return LH_NULL_VALUE;
	}
	return group->constants[i].null ? make_null(ctx, &member->type, &group->nulls[i]) : LH_OK;
}

/* One member; *same: it is what the file has there. */
static LhStatus
plan_member(LhCtx *ctx, Planner *p, const LhType *file, const LhNameMapping *mapping,
			const LhType *table, int i, int depth, LhProjection *group, LhField *field, bool *same)
{
	const LhField *member = &table->fields[i];
	const LhNameMapping *below = NULL;
	int place = place_of(file, mapping, table, i);

	*field = *member;
	*same = false;
	if (place < 0)
		return plan_missing(ctx, p, member, depth, group, i);
	if (mapping != NULL)
	{
		static const LhNameMapping nothing = {.field_id = -1};
		/* whatever a file calls them, to a mapping they are element, key and value */
		const char *name = table->id == LH_T_STRUCT ? file->fields[place].name
						   : table->id == LH_T_LIST ? "element"
						   : i == 0				    ? "key"
													: "value";

		below = lh_mapping_child(mapping, name);
		if (below == NULL)
			below = &nothing;
	}
	group->from[i] = place;
	LH_TRY(plan(ctx, p, &file->fields[place].type, below, &member->type, depth + 1,
				&group->below[i]));
	field->type = group->below[i] != NULL ? group->below[i]->type : file->fields[place].type;
	field->required = file->fields[place].required;
	*same = place == i && group->below[i] == NULL &&
			strcmp(member->name, file->fields[place].name) == 0;
	return LH_OK;
}

static LhStatus
plan_group(LhCtx *ctx, Planner *p, const LhType *file, const LhNameMapping *mapping,
		   const LhType *table, int depth, LhProjection **out)
{
	bool same = file != &no_members && file->nfields == table->nfields;
	LhProjection *group;
	LhField *fields;

	if (depth > LH_MAX_TYPE_DEPTH)
		LH_FAIL(ctx, LH_LIMIT, "type is nested too deeply");
	LH_NEW(ctx, group);
	LH_NEW_ARRAY(ctx, fields, (size_t) table->nfields + 1);
	LH_NEW_ARRAY(ctx, group->from, (size_t) table->nfields + 1);
	LH_NEW_ARRAY(ctx, group->below, (size_t) table->nfields + 1);
	LH_NEW_ARRAY(ctx, group->constants, (size_t) table->nfields + 1);
	LH_NEW_ARRAY(ctx, group->nulls, (size_t) table->nfields + 1);
	LH_NEW_ARRAY(ctx, group->children, (size_t) table->nfields + 1);
	group->n = table->nfields;
	for (int i = 0; i < table->nfields && p->fits; i++)
	{
		bool same_member;

		LH_TRY(plan_member(ctx, p, file, mapping, table, i, depth, group, &fields[i], &same_member));
		same &= same_member;
	}
	if (same || !p->fits)
		return LH_OK;
	group->type = *table;
	group->type.fields = fields;
	*out = group;
	return LH_OK;
}

static LhStatus
plan(LhCtx *ctx, Planner *p, const LhType *file, const LhNameMapping *mapping, const LhType *table,
	 int depth, LhProjection **out)
{
	LhType as;

	*out = NULL;
	if (file->id == LH_T_NULL || table->id == LH_T_NULL)
		return LH_OK;
	if (table->id == LH_T_VARIANT && (file->id == LH_T_VARIANT || is_variant_group(file)))
	{
		as = *file;
		as.id = LH_T_VARIANT;
		return plan_renamed(ctx, file, &as, out);
	}
	if (file->id == table->id &&
		(table->id == LH_T_STRUCT || table->id == LH_T_LIST || table->id == LH_T_MAP))
		return plan_group(ctx, p, file, mapping, table, depth, out);
	p->fits = lh_type_promotes(ctx, file, table, &as);
	return p->fits ? plan_renamed(ctx, file, &as, out) : LH_OK;
}

LhStatus
lh_project_plan(LhCtx *ctx, const LhType *file, const LhNameMapping *mapping, const LhType *table,
				const LhFieldValues *values, LhProjection **out, bool *fits)
{
	Planner p = {values, true};

	LH_TRY(plan(ctx, &p, file, mapping, table, 0, out));
	*fits = p.fits;
	if (!p.fits)
		*out = NULL;
	return LH_OK;
}

LhStatus
lh_project_default(LhCtx *ctx, const LhValue *value, LhProjection **out)
{
	size_t size = lh_lane_size(value->type.lane, value->type.width);
	LhVec one;
	uint8_t *filled;

	LH_NEW(ctx, *out);
	LH_NEW_ARRAY(ctx, filled, LH_BATCH * size);
	lh_vec_const(&one, value, 1);
	for (size_t i = 0; i < LH_BATCH; i++)
		memcpy(filled + i * size, one.data, size);
	(*out)->type = value->type;
	(*out)->filled = filled;
	return LH_OK;
}

LhStatus
lh_project_members(LhCtx *ctx, const LhType *type, const LhFieldValues *values, LhProjection **out)
{
	Planner p = {values, true};

	return plan_group(ctx, &p, &no_members, NULL, type, 0, out);
}

void
lh_project_make(LhProjection *p, int n, LhVec *vec)
{
	*vec = (LhVec){.type = p->type, .kind = LH_VEC_FLAT, .n = n, .children = p->children};
	lh_project_apply(p, vec);
}

const LhType *
lh_project_type(const LhProjection *projection)
{
	return &projection->type;
}

/* Rows of the children of a vector. */
static int
child_rows(const LhVec *vec)
{
	return vec->offsets != NULL ? (int) vec->offsets[vec->n] : vec->n;
}

void
lh_project_apply(LhProjection *p, LhVec *vec)
{
	int n;

	if (p->filled != NULL)
	{
		*vec = (LhVec){.type = p->type, .kind = vec->kind, .n = vec->n, .valid = vec->valid,
					   .data = p->filled};
		return;
	}
	vec->type = p->type;
	/* a group that is null in every row need have no children */
	if (p->n == 0 || vec->children == NULL)
		return;
	n = child_rows(vec);
	for (int i = 0; i < p->n; i++)
	{
		if (p->from[i] < 0 && p->constants[i].null)
		{
			set_rows(&p->nulls[i], n);
			p->children[i] = p->nulls[i];
		}
		else if (p->from[i] < 0 && p->below[i] != NULL)
			lh_project_make(p->below[i], n, &p->children[i]);
		else if (p->from[i] < 0)
			lh_vec_const(&p->children[i], &p->constants[i], n);
		else
		{
			p->children[i] = vec->children[p->from[i]];
			if (p->below[i] != NULL)
				lh_project_apply(p->below[i], &p->children[i]);
		}
	}
	vec->children = p->children;
	vec->nchildren = p->n;
}
