/*
 * config.h
 *		What lakehouse_cdc is asked to do: flags, environment, a file.
 *
 * One table (config.c) holds the settings; parsing, the names of environment
 * variables and the help come from it.  Flags win over the environment, which
 * wins over the file; of a setting that may be given several times the strongest
 * source counts alone.
 */
#ifndef LH_CLIENT_CONFIG_H
#define LH_CLIENT_CONFIG_H

#include <stdio.h>

#include "change/options.h"

#define LH_CLIENT_MAX_SINKS 16
#define LH_CLIENT_MAX_OPTIONS 64
#define LH_CLIENT_MAX_ITEMS 256
#define LH_CLIENT_MAX_JOBS 64

typedef enum LhClientCommand
{
	LH_CLIENT_STREAM = 1, LH_CLIENT_STATUS = 2, LH_CLIENT_DROP = 4,
	LH_CLIENT_HELP = 8, LH_CLIENT_VERSION = 16,
	LH_CLIENT_SNAPSHOT = 32,		/* make the slot, deliver what is in the tables, stop */
	LH_CLIENT_RUN = 64				/* that, and stream */
} LhClientCommand;

/* Exit codes: an interface, documented in docs/cdc-client.md. */
typedef enum LhClientExit
{
	LH_EXIT_DONE = 0, LH_EXIT_USAGE = 1, LH_EXIT_CONNECTION = 2, LH_EXIT_SLOT = 3, LH_EXIT_SINK = 4,
	LH_EXIT_PLUGIN = 5, LH_EXIT_SPOOL = 6, LH_EXIT_SIGNAL = 130
} LhClientExit;

typedef struct LhClientSinkSpec
{
	const char *uri;
	int			format;			/* index in formats */
} LhClientSinkSpec;

typedef struct LhClientPair
{
	const char *name;
	const char *value;
} LhClientPair;

/* A setting's values as they were given. */
typedef struct LhClientItems
{
	int			n;
	const char *v[LH_CLIENT_MAX_ITEMS];
} LhClientItems;

typedef struct LhClientConfig
{
	LhClientCommand command;
	const char *source;			/* conninfo or URI of libpq */
	const char *primary;		/* of the server that a standby follows; NULL: source is no standby, or nobody said */
	const char *slot;
	const char *format;
	LhClientItems sink_items, publications, tables, option_items;
	const char *topic;
	const char *message_topic;
	LhClientItems rename_items;
	bool		create, failover, allow_gap, zstd, hold, once, yes, ddl;
	bool		streaming, two_phase;	/* transactions are told before their commit */
	uint64_t	until;			/* 0: no end */
	int64_t		queue_memory, spool_size, dead_after;
	int64_t		unfinished_memory, unfinished_size;
	const char *spool;			/* NULL: not given; "off" */
	const char *dead_letter;
	const char *on_lost;		/* NULL: not given; "fail", "snapshot" */
	int64_t		status_s, heartbeat_s, heartbeat_bytes, flush_bytes, flush_ms, batch_bytes, max_message, metrics_port, wait_s;
	int64_t		jobs, chunk_blocks, chunk_memory;
	bool		log_json;
	const char *config_file;
	/* made of the above by lh_client_config_check */
	int			nsinks;
	LhClientSinkSpec sinks[LH_CLIENT_MAX_SINKS];
	const char *dead_uri;		/* dead_letter without a format; NULL: none */
	int			nformats;
	const char *formats[LH_MAX_FORMATS];
	bool		text[LH_MAX_FORMATS];	/* that format's values are text */
	struct LhRenames *renames;	/* NULL: none */
	bool		renew;			/* --on-lost snapshot */
	int			noptions;		/* what the plugin is told */
	LhClientPair options[LH_CLIENT_MAX_OPTIONS];
} LhClientConfig;

/*
 * Parse; argv[0] is the program, environ NULL-terminated "NAME=value".  Texts
 * live in ctx->arena.  LH_INVALID names the flag, variable or line.
 */
extern LhStatus lh_client_config_parse(LhCtx *ctx, int argc, char *const *argv, char *const *environ, LhClientConfig *config);
/* Together: what is missing, what contradicts; fills the last part.  Called by parse. */
extern LhStatus lh_client_config_check(LhCtx *ctx, LhClientConfig *config);
/* "16/B374D848" */
extern bool lh_client_parse_lsn(const char *text, uint64_t *lsn);

extern void lh_client_help(FILE *out, LhClientCommand command);

/* "%X/%X" of an LSN */
#define LH_LSN_FORMAT "%X/%X"
#define LH_LSN_ARGS(lsn) (unsigned) ((lsn) >> 32), (unsigned) (lsn)

/* One line of the table, for parsing and help. */
typedef enum LhClientType
{
	LH_CLIENT_FLAG, LH_CLIENT_TEXT, LH_CLIENT_INT, LH_CLIENT_SIZE, LH_CLIENT_LSN, LH_CLIENT_ITEMS, LH_CLIENT_LOG
} LhClientType;

typedef struct LhClientSetting
{
	const char *name;			/* "flush-ms" */
	LhClientType type;
	int			commands;		/* bits of LhClientCommand */
	size_t		offset;			/* in LhClientConfig */
	int64_t		min,
				max;
	const char *group;			/* heading in the help; of the first of a group */
	const char *argument;		/* in the help */
	const char *summary;		/* lines separated by newlines */
} LhClientSetting;

extern const LhClientSetting lh_client_settings[];
extern const int lh_client_nsettings;

#endif
