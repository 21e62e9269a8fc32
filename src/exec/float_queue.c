/*
 * float_queue.c
 *		Float values that wait for the leader to add them in the order of rows.
 */
#include "exec/float_queue.h"

#include <string.h>

/* A thread can always fill one packet while another is being added. */
#define LEAST_PACKETS 2
#define MOST_PACKETS  256

static LhStatus
new_packet(LhCtx *ctx, LhFloatQueue *q, LhFloatPacket **out)
{
	LhFloatPacket *p;

	LH_NEW(ctx, p);
	LH_NEW_ARRAY(ctx, p->n, (size_t) q->ninputs + 1);
	LH_NEW_ARRAY(ctx, p->narrow, (size_t) q->ninputs + 1);
	LH_NEW_ARRAY(ctx, p->values, (size_t) q->ninputs + 1);
	for (int i = 0; i < q->ninputs; i++)
		LH_TRY(lh_buf_init(ctx, &p->values[i], false));
	*out = p;
	return LH_OK;
}

/* The LhAgg's side: there is room, because it was asked for before the batch. */
static LhStatus
add(LhCtx *ctx, LhFloatSink *sink, int input, const double *x, int n, bool narrow)
{
	LhFloatQueue *q = (LhFloatQueue *) sink;
	LhArena *old = lh_use(ctx, q->arena);
	LhFloatPacket *p = q->filling;
	LhStatus status = LH_OK;

	if (p == NULL && (status = new_packet(ctx, q, &p)) == LH_OK)
		q->npackets++;
	if (status == LH_OK)
	{
		q->filling = p;
		if (p->values[input].cap == 0)
			status = lh_buf_reserve(ctx, &p->values[input], LH_FLOAT_PACKET * sizeof(double));
	}
	lh_use(ctx, old);
	LH_TRY(status);
	memcpy((double *) p->values[input].data + p->n[input], x, (size_t) n * sizeof(double));
	p->n[input] += n;
	p->narrow[input] = narrow;
	return LH_OK;
}

void
lh_floats_init(LhCtx *ctx, LhFloatQueue *q, int ninputs, size_t bytes)
{
	*q = (LhFloatQueue){.sink.add = add, .arena = ctx->arena, .ninputs = ninputs, .bytes = bytes};
}

/* Packets that may be made, given how many inputs are floats. */
static int
most_packets(const LhFloatQueue *q)
{
	size_t one = (size_t) (q->nfloats > 0 ? q->nfloats : 1) * LH_FLOAT_PACKET * sizeof(double);
	size_t most = q->bytes / one;

	return most < LEAST_PACKETS ? LEAST_PACKETS : most > MOST_PACKETS ? MOST_PACKETS : (int) most;
}

bool
lh_floats_room(const LhFloatQueue *q)
{
	return q->filling != NULL || q->empty != NULL || q->npackets < most_packets(q);
}

void
lh_floats_prepare(LhFloatQueue *q)
{
	if (q->filling != NULL || q->empty == NULL)
		return;
	q->filling = q->empty;
	q->empty = q->empty->next;
}

static bool
nearly_full(const LhFloatQueue *q)
{
	for (int i = 0; i < q->ninputs; i++)
		if (q->filling->n[i] > LH_FLOAT_PACKET - LH_BATCH)
			return true;
	return false;
}

bool
lh_floats_seal(LhFloatQueue *q, const LhScanUnit *unit, bool end)
{
	LhFloatPacket *p = q->filling;
	int nfloats = 0;
	bool any = false;

	if (p == NULL || (!end && !nearly_full(q)))
		return false;
	for (int i = 0; i < q->ninputs; i++)
	{
		any |= p->n[i] > 0;
		nfloats += p->values[i].cap > 0;
	}
	if (!any)
		return false;
	q->nfloats = nfloats;
	p->unit = *unit;
	p->next = NULL;
	if (q->sealed == NULL)
		q->sealed = p;
	else
		q->last->next = p;
	q->last = p;
	q->filling = NULL;
	return true;
}

LhStatus
lh_floats_fold(LhCtx *ctx, const LhFloatPacket *p, int ninputs, LhAgg *agg)
{
	LH_TRY(lh_poll(ctx));
	for (int i = 0; i < ninputs; i++)
		if (p->n[i] > 0)
			LH_TRY(lh_agg_add_floats(ctx, agg, i, (const double *) p->values[i].data, p->n[i],
									 p->narrow[i]));
	return LH_OK;
}

void
lh_floats_release(LhFloatQueue *q)
{
	LhFloatPacket *p = q->sealed;

	q->sealed = p->next;
	memset(p->n, 0, (size_t) q->ninputs * sizeof(*p->n));
	p->next = q->empty;
	q->empty = p;
}
