/*
 * float_queue.h
 *		Float values that wait for the leader to add them in the order of rows.
 *
 * The thread that decodes fills packets, each of one unit of the scan, and
 * seals them; the leader takes sealed packets and gives them back empty.  Their
 * number is bounded: a thread whose unit has not yet its turn stops when all of
 * its packets are full.
 *
 * The owner of the queue calls lh_floats_*, under the lock of the run where the
 * comment says so.
 */
#ifndef LH_EXEC_FLOAT_QUEUE_H
#define LH_EXEC_FLOAT_QUEUE_H

#include "exec/exec.h"
#include "scan/share.h"

/* Values of one input in a packet: 64 kB. */
#define LH_FLOAT_PACKET 8192

typedef struct LhFloatPacket LhFloatPacket;
struct LhFloatPacket
{
	LhFloatPacket *next;
	LhScanUnit unit;
	int *n;       /* values of each input */
	bool *narrow; /* they are floats */
	LhBuf *values;
};

typedef struct LhFloatQueue
{
	LhFloatSink sink; /* first: what the LhAgg gets */
	LhArena *arena;   /* of the thread that fills */
	int ninputs;
	int nfloats;  /* inputs that had values */
	size_t bytes; /* that packets may take */
	int npackets;
	LhFloatPacket *filling;
	/* under the lock */
	LhFloatPacket *sealed; /* oldest first */
	LhFloatPacket *last;
	LhFloatPacket *empty;
} LhFloatQueue;

extern void lh_floats_init(LhCtx *ctx, LhFloatQueue *q, int ninputs, size_t bytes);
/* Under the lock: is there room for the values of one more batch? */
extern bool lh_floats_room(const LhFloatQueue *q);
/* Under the lock: give the packet being filled to the leader, when its unit ends or it is nearly full. */
extern bool lh_floats_seal(LhFloatQueue *q, const LhScanUnit *unit, bool end);
/* Under the lock, before a batch: an empty packet to fill, where there is one. */
extern void lh_floats_prepare(LhFloatQueue *q);
/* The leader: add a sealed packet's values to the state. */
extern LhStatus lh_floats_fold(LhCtx *ctx, const LhFloatPacket *p, int ninputs, LhAgg *agg);
/* Under the lock: the first sealed packet is done. */
extern void lh_floats_release(LhFloatQueue *q);

#endif
