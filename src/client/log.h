/*
 * log.h
 *		What the client says on stderr: text for people, JSON lines for machines,
 *		and on a terminal one line of progress.
 */
#ifndef LH_CLIENT_LOG_H
#define LH_CLIENT_LOG_H

#include "core/core.h"

typedef enum LhLogLevel { LH_LOG_INFO, LH_LOG_WARNING, LH_LOG_ERROR } LhLogLevel;

typedef struct LhLog
{
	int			fd;				/* stderr */
	bool		json;
	bool		terminal;		/* progress is wanted */
	bool		progress_shown;
	const char *slot;			/* NULL: none */
} LhLog;

/* event: a word by which machines know it ("reconnect"). */
extern void lh_log(LhLog *log, LhLogLevel level, const char *event, const char *fmt,...) __attribute__((format(printf, 4, 5)));
/* An error with its detail and hint. */
extern void lh_log_error(LhLog *log, const char *event, const LhError *error);
/* The line of progress, in place of the last; nothing unless on a terminal. */
extern void lh_log_progress(LhLog *log, const char *fmt,...) __attribute__((format(printf, 2, 3)));
/* Leave it. */
extern void lh_log_progress_end(LhLog *log);

#endif
