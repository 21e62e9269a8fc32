/*
 * relations.c
 *		The relations that a stream, or a snapshot's unit, told of.
 */
#include "client/relations.h"

#include <string.h>

#include "core/core.h"

#define START_RELATIONS 64

LhStatus
lh_relations_init(LhCtx *ctx, LhRelations *all)
{
	all->arena = lh_arena_child(ctx->arena);
	if (all->arena == NULL)
		LH_FAIL(ctx, LH_NO_MEMORY, "out of memory");
	return LH_OK;
}

LhStatus
lh_relations_forget(LhCtx *ctx, LhRelations *all)
{
	LhArena *old;

	lh_arena_reset(all->arena);
	all->capacity = START_RELATIONS;
	all->n = 0;
	all->last = NULL;
	old = lh_use(ctx, all->arena);
	all->v = lh_alloc_array(ctx, all->capacity, sizeof(LhRelation));
	lh_use(ctx, old);
	return all->v != NULL ? LH_OK : ctx->error->code;
}

static LhRelation *
slot_of(LhRelation *v, uint32_t capacity, uint32_t relid)
{
	uint32_t i = (relid * UINT32_C(2654435769)) & (capacity - 1);

	while (v[i].relid != 0 && v[i].relid != relid)
		i = (i + 1) & (capacity - 1);
	return &v[i];
}

static LhStatus
grow(LhCtx *ctx, LhRelations *all)
{
	uint32_t capacity = all->capacity * 2;
	LhRelation *more;

	LH_NEW_ARRAY(ctx, more, capacity);
	for (uint32_t i = 0; i < all->capacity; i++)
	{
		if (all->v[i].relid != 0)
			*slot_of(more, capacity, all->v[i].relid) = all->v[i];
	}
	all->v = more;
	all->capacity = capacity;
	return LH_OK;
}

/* In all's arena. */
static LhStatus
keep(LhCtx *ctx, LhRelations *all, const LhRelationRoute *route, const LhFrame *f,
	 const LhFrameMessage *m, const LhRelation **out)
{
	LhRelation *r;

	if (all->n * 2 >= all->capacity)
		LH_TRY(grow(ctx, all));
	all->last = NULL;
	r = slot_of(all->v, all->capacity, f->relid);
	if (r->relid == 0)
		all->n++;
	r->relid = f->relid;
	r->generation = f->generation;
	r->schema = lh_strndup(ctx, (const char *) m->key.data, m->key.len);
	r->table = lh_strndup(ctx, (const char *) m->value.data, m->value.len);
	if (r->schema == NULL || r->table == NULL)
		return ctx->error->code;
	LH_TRY(lh_route_topic(ctx, route->topic, route->slot, r->schema, r->table, &r->topic));
	LH_TRY(lh_rename_topic(ctx, route->renames, r->topic, &r->topic));
	r->hash = lh_hash_bytes(r->topic, strlen(r->topic), 0);
	*out = r;
	return LH_OK;
}

LhStatus
lh_relations_keep(LhCtx *ctx, LhRelations *all, const LhRelationRoute *route, const LhFrame *f,
				  const LhFrameMessage *m, const LhRelation **out)
{
	LhArena *old;
	LhStatus status;

	if (f->kind != LH_CHANGE_SCHEMA || f->relid == 0 || m->tombstone ||
		memchr(m->key.data, '\0', m->key.len) != NULL ||
		memchr(m->value.data, '\0', m->value.len) != NULL)
		LH_FAIL(ctx, LH_CORRUPT, "names of a relation in a change frame of kind %d, relation %u",
				f->kind, f->relid);
	old = lh_use(ctx, all->arena);
	status = keep(ctx, all, route, f, m, out);
	lh_use(ctx, old);
	return status;
}

LhStatus
lh_relations_find(LhCtx *ctx, LhRelations *all, const LhFrame *f, const LhRelation **out)
{
	const LhRelation *r = all->last;

	if (r == NULL || r->relid != f->relid)
		r = slot_of(all->v, all->capacity, f->relid);
	if (r->relid == 0 || r->generation != f->generation)
		LH_FAIL(ctx, LH_CORRUPT,
				"change frame of relation %u, generation %u, which no schema frame named", f->relid,
				f->generation);
	*out = all->last = r;
	return LH_OK;
}

const LhRelation *
lh_relations_twin(const LhRelations *all, const LhRelation *r)
{
	for (uint32_t i = 0; i < all->capacity; i++)
	{
		const LhRelation *other = &all->v[i];

		if (other->relid != 0 && other != r && other->hash == r->hash &&
			(strcmp(other->schema, r->schema) != 0 || strcmp(other->table, r->table) != 0))
			return other;
	}
	return NULL;
}
