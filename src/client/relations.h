/*
 * relations.h
 *		What schema frames said of relations: their names, and the topic that the
 *		client's routing makes of them.  Of deliver*.c alone.
 */
#ifndef LH_CLIENT_RELATIONS_H
#define LH_CLIENT_RELATIONS_H

#include "change/frame.h"
#include "client/rename.h"
#include "client/route.h"

typedef struct LhRelation
{
	uint32_t	relid;			/* 0: free */
	uint32_t	generation;
	const char *schema;
	const char *table;
	const char *topic;
	uint64_t	hash;			/* of topic */
} LhRelation;

/* Those of the stream, or of a unit; open addressing.  Zeroed before lh_relations_init. */
typedef struct LhRelations
{
	LhArena    *arena;
	LhRelation *v;
	uint32_t	n,
				capacity;
	const LhRelation *last;		/* looked up */
} LhRelations;

/* How topics are made. */
typedef struct LhRelationRoute
{
	const char *slot;
	const LhRoute *topic;
	const LhRenames *renames;	/* NULL: none */
} LhRelationRoute;

extern LhStatus lh_relations_init(LhCtx *ctx, LhRelations *all);
extern LhStatus lh_relations_forget(LhCtx *ctx, LhRelations *all);
/* A message of format LH_MESSAGE_RELATION; LH_CORRUPT: it names none. */
extern LhStatus lh_relations_keep(LhCtx *ctx, LhRelations *all, const LhRelationRoute *route, const LhFrame *f,
								  const LhFrameMessage *m, const LhRelation **out);
/* LH_CORRUPT: no schema frame named the frame's relation and generation. */
extern LhStatus lh_relations_find(LhCtx *ctx, LhRelations *all, const LhFrame *f, const LhRelation **out);
/* Another table that has the same topic; NULL: none. */
extern const LhRelation *lh_relations_twin(const LhRelations *all, const LhRelation *r);

#endif
