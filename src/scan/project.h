/*
 * project.h
 *		Internal: a file's columns in the shape that the table gives them.
 */
#ifndef LH_SCAN_PROJECT_H
#define LH_SCAN_PROJECT_H

#include "scan/fields.h"
#include "vec/vec.h"

typedef struct LhProjection LhProjection;

/* Values of fields that a file may lack: constants of the task, then defaults. */
typedef struct LhFieldValues
{
	const LhFileTask *task; /* NULL: none */
	const LhTableSchema *schema;
} LhFieldValues;

/* What the field is in every row of files that lack it; NULL: null. */
extern const LhValue *lh_field_value(const LhFieldValues *values, int field_id);
/* The task's constant for a field; NULL: it has none. */
extern const LhValue *lh_task_const(const LhFileTask *task, int field_id);

/*
 * How the file's type becomes the table's: *out NULL when it is that already, as it
 * lies there.  *fits false: it cannot.  mapping as of LhFoundField.
 */
extern LhStatus lh_project_plan(LhCtx *ctx, const LhType *file, const LhNameMapping *mapping,
								const LhType *table, const LhFieldValues *values, LhProjection **out,
								bool *fits);
/* A group that lacks the member with this default (not null): the member, null where the group is. */
extern LhStatus lh_project_default(LhCtx *ctx, const LhValue *value, LhProjection **out);
/*
 * A struct that a file lacks and whose default is no null: its members, each with its own default.  Applied to the
 * vector of the group above it, it is null where that is; without one, lh_project_make makes n rows, none null.
 */
extern LhStatus lh_project_members(LhCtx *ctx, const LhType *type, const LhFieldValues *values, LhProjection **out);
extern void lh_project_make(LhProjection *projection, int n, LhVec *vec);
extern const LhType *lh_project_type(const LhProjection *projection);

/* Rewire a vector; what it points to is not touched.  The vector lives as long as the plan's next use. */
extern void lh_project_apply(LhProjection *projection, LhVec *vec);

#endif
