/*
 * resolve.h
 *		Internal: addresses of hosts, and the look-ups under way.
 */
#ifndef LH_NET_RESOLVE_H
#define LH_NET_RESOLVE_H

#include <sys/types.h>

#include "net/net.h"

/* Addresses of one host that are kept, and hosts that one client knows. */
#define LH_RESOLVE_ADDRESSES 8
#define LH_RESOLVE_HOSTS     32

typedef enum LhNameState
{
	LH_NAME_UNKNOWN,
	LH_NAME_PENDING,
	LH_NAME_KNOWN,
	LH_NAME_FAILED
} LhNameState;

/* One host and its look-up. */
typedef struct LhName
{
	char host[256];
	LhNameState state;
	int64_t expires_ms; /* of what is known */
	int naddresses;
	LhAddress addresses[LH_RESOLVE_ADDRESSES];

	/* the child process, while pending */
	pid_t child;
	int fd; /* its output; -1: none */
	int64_t deadline_ms;
	size_t len;
	char output[4096];
} LhName;

/* Begin a look-up; an address is its own answer, at once. */
extern LhStatus lh_name_begin(LhCtx *ctx, LhName *name, const char *host, const char *program,
							  int64_t now_ms, int timeout_ms);
/* Take what the child has to say so far; the state may change. */
extern void lh_name_advance(LhName *name, int64_t now_ms);
/* Stop: the child is killed and gone when this returns. */
extern void lh_name_stop(LhName *name);

#endif
