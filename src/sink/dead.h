/*
 * dead.h
 *		Dead letters: messages that a sink can never take go to another sink.
 *
 *	1. A sink that refuses a message (LH_SINK_REFUSED) says which by (position, sub),
 *	   by which it is recognised when it comes again.  Each refusal is a try.
 *	2. Refused here and now, the rest unharmed: it is tried again at once.  Refused
 *	   later, along with what was sent with it: all of these are suspects, the
 *	   sink is to be begun anew (LH_SINK_RESTART), and suspects are then tried alone.
 *	3. After so many tries, one of them alone, the message is written to the sink of dead letters, and is
 *	   durable there before the refusing sink hears of anything behind it.  Then it is
 *	   left out, this time and whenever it comes again.
 *
 * A letter is one JSON object: topic, key and value (base64), reason, position, sub,
 * sink and the value's format.  Letters are numbered behind the position that their
 * sink holds, as messages may be refused in any order; so a client that is killed between
 * letter and position writes the letter again: at least once, told apart by
 * (position, sub, sink).
 */
#ifndef LH_SINK_DEAD_H
#define LH_SINK_DEAD_H

#include "sink/sink.h"

/* The sink of dead letters, for all sinks and their threads. */
typedef struct LhDeadLetters LhDeadLetters;
/* What one sink refused; outlives it. */
typedef struct LhRefused LhRefused;

/* Open and recover it; in ctx->arena.  name: its URI without secrets; stream: of the messages. */
extern LhStatus lh_dead_open(LhCtx *ctx, const char *uri, const char *name, const char *stream, LhDeadLetters **out);
/* When no sink is left that writes to it. */
extern LhStatus lh_dead_close(LhCtx *ctx, LhDeadLetters *letters);
extern const char *lh_dead_name(const LhDeadLetters *letters);
/* Letters written since it was opened. */
extern uint64_t lh_dead_count(const LhDeadLetters *letters);

extern LhStatus lh_refused_create(LhCtx *ctx, LhRefused **out);
/* Refusals noted so far: grows with each try. */
extern uint64_t lh_refused_tries(const LhRefused *refused);

typedef struct LhDeadConfig
{
	LhDeadLetters *letters;
	LhRefused  *refused;
	int			tries;			/* from 1 */
	const char *name;			/* of the sink, for letters */
	const char *format;			/* of its values */
} LhDeadConfig;

/* Around a sink that is open. */
extern LhStatus lh_dead_wrap(LhCtx *ctx, LhSink *inner, const LhDeadConfig *config, LhSink **out);

#endif
