/*
 * main.c
 *		lakehouse_audit: the commands and their options.
 */
#include "audit_tool/tool.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

static const char usage[] =
	"lakehouse_audit verifies audit logs of lakehouse, and reads them.\n"
	"\n"
	"  verify --log DIR --key KEY...          is the log intact, and the one of these checkpoints?\n"
	"      [--checkpoint FILE|DIR]...         checkpoints that were kept outside\n"
	"      [--first N]                        the first entry whose line has to be there\n"
	"  inclusion FILE --key KEY...            does a document prove that an entry is in the log?\n"
	"      [--checkpoint FILE]\n"
	"  consistency FILE --key KEY...          ... that a log continues an earlier one?\n"
	"      [--checkpoint FILE]\n"
	"  prove --log DIR --entry N [--size S]   make the first kind of document\n"
	"  prove --log DIR --from-size S [--size S]   ... the second\n"
	"  show --log DIR [FILTER]...             entries with their numbers\n"
	"  export --log DIR [FILTER]...           entries alone\n"
	"      [--format json|ocsf]\n"
	"  keygen --name NAME --out FILE          make a signing key; prints its public text\n"
	"  append --log DIR --origin NAME --key-file FILE   lines of standard input; prints a checkpoint\n"
	"\n"
	"KEY is the public text of a key, or a file of such.  FILE may be \"-\".  --origin NAME says which log\n"
	"it has to be; without it that of the first kept checkpoint, or of the log itself.  A FILTER is\n"
	"  --from TIME, --to TIME                 from (inclusive), to (exclusive): 2026-12-01[T10:00:00Z]\n"
	"  --where MEMBER=VALUE                   kind, database, session_user, role, application, purpose,\n"
	"                                         command, object, fingerprint, result, sqlstate, relation\n"
	"                                         (\"schema.name\"); all have to hold\n"
	"\n"
	"Exit status: 0 intact or done, 1 not intact, 2 wrong usage or a file that cannot be read.\n";

typedef struct Command
{
	const char *name;
	LhStatus (*run)(LhCtx *ctx, const ToolOptions *o, int *exit);
	int files; /* arguments without a name */
} Command;

static const Command commands[] = {
	{"verify", tool_verify, 0},
	{"inclusion", tool_inclusion, 1},
	{"consistency", tool_consistency, 1},
	{"prove", tool_prove, 0},
	{"show", tool_show, 0},
	{"export", tool_export, 0},
	{"keygen", tool_keygen, 0},
	{"append", tool_append, 0},
};

static int
fail_usage(const char *what, const char *word)
{
	fprintf(stderr, "lakehouse_audit: %s \"%s\"; see lakehouse_audit --help\n", what, word);
	return TOOL_FAILED;
}

static bool
take(ToolOptions *o, const char *name, const char *value)
{
	const struct
	{
		const char *name, **one, **many;
		int *n;
	} all[] = {
		{"log", &o->log, NULL, NULL},
		{"origin", &o->origin, NULL, NULL},
		{"format", &o->format, NULL, NULL},
		{"from", &o->from, NULL, NULL},
		{"to", &o->to, NULL, NULL},
		{"out", &o->out, NULL, NULL},
		{"name", &o->name, NULL, NULL},
		{"key-file", &o->key_file, NULL, NULL},
		{"entry", &o->entry, NULL, NULL},
		{"size", &o->size, NULL, NULL},
		{"from-size", &o->from_size, NULL, NULL},
		{"first", &o->first, NULL, NULL},
		{"key", NULL, o->keys, &o->nkeys},
		{"checkpoint", NULL, o->checkpoints, &o->ncheckpoints},
		{"where", NULL, o->where, &o->nwhere},
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
	{
		if (strcmp(all[i].name, name) != 0)
			continue;
		if (all[i].one != NULL)
		{
			bool first = *all[i].one == NULL;

			*all[i].one = value;
			return first;
		}
		if (*all[i].n == TOOL_MOST)
			return false;
		all[i].many[(*all[i].n)++] = value;
		return true;
	}
	return false;
}

/* 0, or the exit status. */
static int
parse(int argc, char **argv, const Command *command, ToolOptions *o)
{
	for (int i = 2; i < argc; i++)
	{
		if (strncmp(argv[i], "--", 2) != 0)
		{
			if (o->nfiles == command->files)
				return fail_usage("unexpected argument", argv[i]);
			o->files[o->nfiles++] = argv[i];
			continue;
		}
		if (i + 1 == argc)
			return fail_usage("no value of option", argv[i]);
		if (!take(o, argv[i] + 2, argv[i + 1]))
			return fail_usage("unknown or repeated option", argv[i]);
		i++;
	}
	if (o->nfiles < command->files)
		return fail_usage("no file for command", command->name);
	return 0;
}

static int
run(const Command *command, const ToolOptions *o)
{
	LhCtx *ctx = lh_ctx_create();
	int result = TOOL_FAILED;

	if (ctx == NULL)
	{
		fprintf(stderr, "lakehouse_audit: out of memory\n");
		return TOOL_FAILED;
	}
	if (command->run(ctx, o, &result) != LH_OK)
	{
		result = TOOL_FAILED;
		fprintf(stderr, "lakehouse_audit: %s\n", ctx->error->message);
		if (ctx->error->detail[0] != '\0')
			fprintf(stderr, "%s\n", ctx->error->detail);
		if (ctx->error->hint[0] != '\0')
			fprintf(stderr, "%s\n", ctx->error->hint);
	}
	lh_ctx_destroy(ctx);
	/* a full disk behind standard output is no success */
	if (fflush(stdout) != 0 || ferror(stdout))
		result = TOOL_FAILED;
	return result;
}

int
main(int argc, char **argv)
{
	static ToolOptions options;
	int status;

	signal(SIGPIPE, SIG_DFL);
	if (argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0))
		return fputs(usage, stdout) < 0 ? TOOL_FAILED : TOOL_INTACT;
	if (argc == 2 && strcmp(argv[1], "--version") == 0)
	{
		puts("lakehouse_audit " LAKEHOUSE_VERSION);
		return TOOL_INTACT;
	}
	if (argc < 2)
	{
		fputs(usage, stderr);
		return TOOL_FAILED;
	}
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
	{
		if (strcmp(commands[i].name, argv[1]) != 0)
			continue;
		status = parse(argc, argv, &commands[i], &options);
		return status != 0 ? status : run(&commands[i], &options);
	}
	return fail_usage("unknown command", argv[1]);
}
