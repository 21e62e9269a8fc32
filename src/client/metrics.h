/*
 * metrics.h
 *		GET /metrics over loopback, within the client's own loop.
 *
 * No thread: the loop polls the descriptors that lh_metrics_fds names.  A request
 * may have 4 kB and must be complete within seconds; a handful are served at a
 * time, so that nobody who connects can cost more than that.
 */
#ifndef LH_CLIENT_METRICS_H
#define LH_CLIENT_METRICS_H

#include "core/core.h"

#define LH_METRICS_PEERS 4
#define LH_METRICS_FDS (LH_METRICS_PEERS + 1)

typedef struct LhMetrics LhMetrics;

/* Writes the text of all metrics. */
typedef LhStatus (*LhMetricsText) (LhCtx *ctx, LhBuf *out, void *arg);

/* Listens on 127.0.0.1:port; 0: any, lh_metrics_port tells. */
extern LhStatus lh_metrics_open(LhCtx *ctx, int port, LhMetricsText text, void *arg, LhMetrics **out);
extern int	lh_metrics_port(const LhMetrics *m);
/* What to poll; returns how many, at most LH_METRICS_FDS. */
extern int	lh_metrics_fds(LhMetrics *m, LhWaitFd *fds);
/* Serve whoever is ready; fds need not have been polled.  Failures concern that peer alone. */
extern void lh_metrics_serve(LhCtx *ctx, LhMetrics *m, int64_t now_ms);

#endif
