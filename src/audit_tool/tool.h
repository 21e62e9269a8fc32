/*
 * tool.h
 *		lakehouse_audit: what an auditor runs, where no server is.
 *
 *	main.c		the commands and their options
 *	inputs.c	keys, checkpoints and files that are named
 *	verify.c	a log, and documents, verified; documents made
 *	export.c	entries shown, filtered, as JSON or OCSF
 *	append.c	keys made; lines appended and signed
 *
 * It is of the core alone.  Exit status: 0 intact (or done), 1 not intact, 2 wrong usage, or something could
 * not be read.
 */
#ifndef LH_AUDIT_TOOL_TOOL_H
#define LH_AUDIT_TOOL_TOOL_H

#include "audit/proof.h"

#define TOOL_INTACT 0
#define TOOL_NOT_INTACT 1
#define TOOL_FAILED 2

/* Of an option that may be repeated. */
#define TOOL_MOST 1024

typedef struct ToolOptions
{
	const char *log, *origin, *format, *from, *to, *out, *name, *key_file;
	const char *entry, *size, *from_size, *first;
	const char *keys[TOOL_MOST], *checkpoints[TOOL_MOST], *where[TOOL_MOST], *files[TOOL_MOST];
	int			nkeys, ncheckpoints, nwhere, nfiles;
} ToolOptions;

/* What --key and --checkpoint name. */
typedef struct ToolTrust
{
	LhVerifier *verifiers[TOOL_MOST];
	int			nverifiers;
	LhSlice    *notes;
	int			nnotes;
	LhSlice		origin;			/* --origin, or that of the first kept checkpoint, or of the log's newest one */
} ToolTrust;

/* ---- inputs.c ---- */

/* A whole file, "-": standard input. */
extern LhStatus tool_read(LhCtx *ctx, const char *path, LhSlice *out);
/* log may be NULL. */
extern LhStatus tool_trust(LhCtx *ctx, const ToolOptions *o, LhAuditLog *log, ToolTrust *out);
extern LhStatus tool_number(LhCtx *ctx, const char *option, const char *text, uint64_t *out);
/* An option that must be there. */
extern LhStatus tool_need(LhCtx *ctx, const char *option, const char *value);

/* ---- commands: *exit is TOOL_INTACT, or else ---- */

extern LhStatus tool_verify(LhCtx *ctx, const ToolOptions *o, int *exit);
extern LhStatus tool_inclusion(LhCtx *ctx, const ToolOptions *o, int *exit);
extern LhStatus tool_consistency(LhCtx *ctx, const ToolOptions *o, int *exit);
extern LhStatus tool_prove(LhCtx *ctx, const ToolOptions *o, int *exit);
extern LhStatus tool_show(LhCtx *ctx, const ToolOptions *o, int *exit);
extern LhStatus tool_export(LhCtx *ctx, const ToolOptions *o, int *exit);
extern LhStatus tool_keygen(LhCtx *ctx, const ToolOptions *o, int *exit);
extern LhStatus tool_append(LhCtx *ctx, const ToolOptions *o, int *exit);

#endif
