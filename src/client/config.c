/*
 * config.c
 *		Flags, environment and configuration file of lakehouse_cdc.
 *
 *	1. A file's lines are "name = value", '#' begins a comment; a value may stand
 *	   in single quotes, doubled inside.
 *	2. LAKEHOUSE_CDC_FLUSH_MS is --flush-ms.  A setting that may be given several
 *	   times takes values separated by blanks there.
 *	3. An unknown name is an error in all three: a typing error in a unit file is
 *	   otherwise found when something is missing.
 */
#include "client/config.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>

#include "change/change.h"
#include "client/rename.h"
#include "sink/sink.h"

#define ENV_PREFIX      "LAKEHOUSE_CDC_"
#define MAX_FILE        ((size_t) 1 << 20)
/* What one write of the plugin gathers; far less costs system calls, far more memory. */
#define BATCH_BYTES     131072
#define COMMANDS        "run, snapshot, stream, status or drop"
/*
 * A slot may be two heartbeats behind (a transaction that runs while the server logs which do
 * holds it at the one before), and the log grows while one is on its way: less than 64 MB.
 */
#define HEARTBEAT_EVERY (16 << 20)

/* Where a value comes from, the strongest last. */
typedef enum Level
{
	LEVEL_NONE,
	LEVEL_FILE,
	LEVEL_ENV,
	LEVEL_FLAG
} Level;

typedef struct Parser
{
	LhClientConfig *config;
	Level level[64]; /* of each setting, so far */
} Parser;

#define AT(config, setting) ((void *) ((char *) (config) + (setting)->offset))

/* ---- values ---- */

bool
lh_client_parse_lsn(const char *text, uint64_t *lsn)
{
	uint64_t part[2] = {0, 0};

	for (int i = 0; i < 2; i++)
	{
		int n = 0;

		for (; lh_hex_digit((uint8_t) *text) >= 0 && n < 9; text++, n++)
			part[i] = part[i] << 4 | (uint64_t) lh_hex_digit((uint8_t) *text);
		if (n < 1 || n > 8 || *text != (i == 0 ? '/' : '\0'))
			return false;
		text++;
	}
	*lsn = part[0] << 32 | part[1];
	return true;
}

/* A number, with a unit of bytes where wanted. */
static bool
parse_number(const char *text, bool size, int64_t *n)
{
	static const struct
	{
		const char *unit;
		int shift;
	} units[] = {{"", 0}, {"B", 0}, {"kB", 10}, {"MB", 20}, {"GB", 30}};
	char *end;
	long long v;

	errno = 0;
	v = strtoll(text, &end, 10);
	if (errno != 0 || end == text || v < 0)
		return false;
	while (*end == ' ')
		end++;
	for (size_t i = 0; i < (size ? sizeof(units) / sizeof(units[0]) : 1); i++)
	{
		if (strcmp(end, units[i].unit) == 0)
		{
			if (v > INT64_MAX >> units[i].shift)
				return false;
			*n = (int64_t) v << units[i].shift;
			return true;
		}
	}
	return false;
}

static bool
parse_bool(const char *text, bool *v)
{
	static const char *const words[] = {"on", "off", "true", "false", "yes", "no", "1", "0"};

	for (int i = 0; i < 8; i++)
	{
		if (strcmp(text, words[i]) == 0)
		{
			*v = i % 2 == 0;
			return true;
		}
	}
	return false;
}

static LhStatus
add_item(LhCtx *ctx, LhClientItems *items, const char *value, const char *where)
{
	if (items->n == LH_CLIENT_MAX_ITEMS)
		LH_FAIL(ctx, LH_LIMIT, "%s is given more than %d times", where, LH_CLIENT_MAX_ITEMS);
	items->v[items->n++] = value;
	return LH_OK;
}

/* In the environment, items are separated by blanks. */
static LhStatus
add_items(LhCtx *ctx, LhClientItems *items, const char *values, const char *where)
{
	while (*(values += strspn(values, " \t\n")) != '\0')
	{
		size_t n = strcspn(values, " \t\n");
		char *item = lh_strndup(ctx, values, n);

		if (item == NULL)
			return ctx->error->code;
		LH_TRY(add_item(ctx, items, item, where));
		values += n;
	}
	return LH_OK;
}

/* Set one; value outlives the configuration.  where: "--flush-ms", for messages. */
static LhStatus
set(LhCtx *ctx, Parser *p, const LhClientSetting *s, const char *value, Level level,
	const char *where)
{
	Level *had = &p->level[s - lh_client_settings];
	void *at = AT(p->config, s);
	int64_t n;

	switch (s->type)
	{
		case LH_CLIENT_FLAG:
			if (!parse_bool(value, at))
				LH_FAIL(ctx, LH_INVALID, "%s is \"%s\", but may be on or off", where, value);
			break;
		case LH_CLIENT_TEXT:
			if (*value == '\0')
				LH_FAIL(ctx, LH_INVALID, "%s is empty", where);
			*(const char **) at = value;
			break;
		case LH_CLIENT_INT:
		case LH_CLIENT_SIZE:
			if (!parse_number(value, s->type == LH_CLIENT_SIZE, &n) || n < s->min || n > s->max)
				LH_FAIL(ctx, LH_INVALID, "%s is \"%s\", but has to be a number from %lld to %lld%s",
						where, value, (long long) s->min, (long long) s->max,
						s->type == LH_CLIENT_SIZE ? ", with B, kB, MB or GB" : "");
			*(int64_t *) at = n;
			break;
		case LH_CLIENT_LSN:
			if (!lh_client_parse_lsn(value, at))
				LH_FAIL(ctx, LH_INVALID, "%s is \"%s\", but has to be a position such as 0/16B3748",
						where, value);
			break;
		case LH_CLIENT_LOG:
			if (strcmp(value, "json") != 0 && strcmp(value, "text") != 0)
				LH_FAIL(ctx, LH_INVALID, "%s is \"%s\", but may be text or json", where, value);
			*(bool *) at = value[0] == 'j';
			break;
		case LH_CLIENT_ITEMS:
			if (*had != level)
				((LhClientItems *) at)->n = 0;
			if (level == LEVEL_ENV)
				LH_TRY(add_items(ctx, at, value, where));
			else
				LH_TRY(add_item(ctx, at, value, where));
			break;
	}
	*had = level;
	return LH_OK;
}

static const LhClientSetting *
find(const char *name, size_t n)
{
	for (int i = 0; i < lh_client_nsettings; i++)
	{
		const LhClientSetting *s = &lh_client_settings[i];

		if (strlen(s->name) == n && strncmp(s->name, name, n) == 0)
			return s;
	}
	return NULL;
}

/* ---- the file ---- */

static LhStatus
read_file(LhCtx *ctx, const char *path, char **text)
{
	FILE *f = fopen(path, "re");
	size_t n;

	if (f == NULL)
		LH_FAIL(ctx, LH_IO, "configuration file \"%s\" cannot be opened: %s", path,
				lh_errno_text(errno));
	*text = lh_alloc(ctx, MAX_FILE + 1);
	if (*text == NULL)
	{
		fclose(f);
		return ctx->error->code;
	}
	n = fread(*text, 1, MAX_FILE + 1, f);
	(*text)[n <= MAX_FILE ? n : 0] = '\0';
	if (ferror(f) || n > MAX_FILE || strlen(*text) != n)
	{
		fclose(f);
		LH_FAIL(ctx, LH_INVALID, "configuration file \"%s\" is no text of at most %zu bytes", path,
				MAX_FILE);
	}
	fclose(f);
	return LH_OK;
}

/* The value in place: without quotes, comments and blanks around it; false: something is wrong. */
static bool
unquote(char *value)
{
	char *out = value, *in = value;
	size_t n;

	if (*in != '\'')
	{
		/* a '#' inside of a word is part of it */
		for (char *c = in; *c != '\0'; c++)
		{
			if (*c == '#' && (c == in || isspace((unsigned char) c[-1])))
			{
				*c = '\0';
				break;
			}
		}
		n = strlen(in);
		while (n > 0 && isspace((unsigned char) in[n - 1]))
			in[--n] = '\0';
		return true;
	}
	for (in++; *in != '\0'; in++)
	{
		if (*in == '\'' && *++in != '\'')
		{
			*out = '\0';
			in += strspn(in, " \t\r");
			return *in == '\0' || *in == '#';
		}
		*out++ = *in;
	}
	return false;
}

static LhStatus
read_line(LhCtx *ctx, Parser *p, const char *path, int number, char *line)
{
	const LhClientSetting *s;
	char where[LH_ERROR_TEXT];
	char *value;
	size_t n;

	line += strspn(line, " \t\r");
	if (*line == '\0' || *line == '#')
		return LH_OK;
	n = strcspn(line, " \t\r=");
	s = find(line, n);
	snprintf(where, sizeof(where), "%s, line %d: %.*s", path, number, (int) n, line);
	if (s == NULL)
		LH_FAIL(ctx, LH_INVALID, "%s is no setting; \"lakehouse_cdc --help\" lists them", where);
	value = line + n + strspn(line + n, " \t\r");
	if (*value == '=')
		value += 1 + strspn(value + 1, " \t\r");
	if (!unquote(value))
		LH_FAIL(ctx, LH_INVALID, "%s: the value's quotes do not end with it", where);
	if (*value == '\0')
		LH_FAIL(ctx, LH_INVALID, "%s has no value", where);
	if ((s->commands & (int) p->config->command) == 0)
		return LH_OK; /* one file may serve all commands */
	return set(ctx, p, s, value, LEVEL_FILE, where);
}

static LhStatus
take_file(LhCtx *ctx, Parser *p, const char *path)
{
	char *text = NULL, *next;
	int number = 0;

	LH_TRY(read_file(ctx, path, &text));
	for (char *line = text; line != NULL; line = next)
	{
		next = strchr(line, '\n');
		if (next != NULL)
			*next++ = '\0';
		LH_TRY(read_line(ctx, p, path, ++number, line));
	}
	return LH_OK;
}

/* ---- the environment ---- */

static LhStatus
take_environment(LhCtx *ctx, Parser *p, char *const *environ)
{
	const size_t prefix = strlen(ENV_PREFIX);

	for (; environ != NULL && *environ != NULL; environ++)
	{
		const char *equals = strchr(*environ, '=');
		const LhClientSetting *s;
		char name[64];
		size_t n;

		if (strncmp(*environ, ENV_PREFIX, prefix) != 0 || equals == NULL)
			continue;
		n = (size_t) (equals - *environ) - prefix;
		for (size_t i = 0; i < n && i < sizeof(name); i++)
		{
			char c = (*environ)[prefix + i];

			name[i] = c == '_' ? '-' : (char) tolower((unsigned char) c);
		}
		s = n < sizeof(name) ? find(name, n) : NULL;
		if (s == NULL)
			LH_FAIL(ctx, LH_INVALID,
					"environment variable %.*s is no setting; \"lakehouse_cdc --help\" lists them",
					(int) (equals - *environ), *environ);
		snprintf(name, sizeof(name), "%.*s", (int) (equals - *environ), *environ);
		if ((s->commands & (int) p->config->command) != 0)
			LH_TRY(set(ctx, p, s, equals + 1, LEVEL_ENV, name));
	}
	return LH_OK;
}

/* ---- flags ---- */

/* One letter, as PostgreSQL's own programs have them. */
static const struct
{
	char letter;
	const char *name;
} letters[] = {{'d', "source"}, {'S', "slot"}, {'s', "sink"}, {'F', "format"}, {'o', "option"}};

/* The setting of argv[*i], its value, and *i at the last argument that belongs to it. */
static LhStatus
split_flag(LhCtx *ctx, int argc, char *const *argv, int *i, const LhClientSetting **s,
		   const char **value)
{
	const char *arg = argv[*i];
	const char *equals = NULL;
	size_t n;

	*s = NULL;
	if (arg[0] == '-' && arg[1] == '-')
	{
		equals = strchr(arg, '=');
		n = equals != NULL ? (size_t) (equals - arg) : strlen(arg);
		*s = find(arg + 2, n - 2);
	}
	else if (arg[0] == '-' && arg[1] != '\0' && arg[2] == '\0')
	{
		for (size_t k = 0; k < sizeof(letters) / sizeof(letters[0]); k++)
		{
			if (letters[k].letter == arg[1])
				*s = find(letters[k].name, strlen(letters[k].name));
		}
	}
	if (*s == NULL)
		LH_FAIL(ctx, LH_INVALID, "\"%s\" is no flag; \"lakehouse_cdc --help\" lists them", arg);
	if (equals != NULL)
		*value = equals + 1;
	else if ((*s)->type == LH_CLIENT_FLAG)
		*value = "on";
	else if (*i + 1 < argc)
		*value = argv[++*i];
	else
		LH_FAIL(ctx, LH_INVALID, "%s needs a value: %s", arg, (*s)->argument);
	return LH_OK;
}

static LhStatus
take_flags(LhCtx *ctx, Parser *p, int argc, char *const *argv)
{
	for (int i = 2; i < argc; i++)
	{
		const LhClientSetting *s;
		const char *value;
		char where[64];

		LH_TRY(split_flag(ctx, argc, argv, &i, &s, &value));
		snprintf(where, sizeof(where), "--%s", s->name);
		if ((s->commands & (int) p->config->command) == 0)
			LH_FAIL(ctx, LH_INVALID, "%s does not go with \"%s\"", where, argv[1]);
		LH_TRY(set(ctx, p, s, value, LEVEL_FLAG, where));
	}
	return LH_OK;
}

/* The command, or help wherever it is asked for; also the file, as it is weaker than all else. */
static LhStatus
look_ahead(LhCtx *ctx, LhClientConfig *c, int argc, char *const *argv, char *const *environ)
{
	static const struct
	{
		const char *word;
		LhClientCommand command;
	} commands[] = {{"stream", LH_CLIENT_STREAM},     {"status", LH_CLIENT_STATUS},
					{"drop", LH_CLIENT_DROP},         {"run", LH_CLIENT_RUN},
					{"snapshot", LH_CLIENT_SNAPSHOT}, {"--help", LH_CLIENT_HELP},
					{"-?", LH_CLIENT_HELP},           {"help", LH_CLIENT_HELP},
					{"--version", LH_CLIENT_VERSION}, {"-V", LH_CLIENT_VERSION}};

	if (argc < 2)
		LH_FAIL(ctx, LH_INVALID, "no command: " COMMANDS "; try \"lakehouse_cdc --help\"");
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
	{
		if (strcmp(argv[1], commands[i].word) == 0)
			c->command = commands[i].command;
	}
	if (c->command == 0)
		LH_FAIL(ctx, LH_INVALID, "\"%s\" is no command: " COMMANDS "; try \"lakehouse_cdc --help\"",
				argv[1]);
	for (; environ != NULL && *environ != NULL; environ++)
	{
		if (strncmp(*environ, ENV_PREFIX "CONFIG=", strlen(ENV_PREFIX "CONFIG=")) == 0)
			c->config_file = strchr(*environ, '=') + 1;
	}
	for (int i = 2; i < argc; i++)
	{
		const LhClientSetting *s;
		const char *value;

		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-?") == 0)
		{
			c->command = LH_CLIENT_HELP;
			return LH_OK;
		}
		LH_TRY(split_flag(ctx, argc, argv, &i, &s, &value));
		if (strcmp(s->name, "config") == 0)
			c->config_file = value;
	}
	return LH_OK;
}

static void
set_presets(LhClientConfig *c)
{
	memset(c, 0, sizeof(*c));
	c->format = "json";
	c->topic = "{slot}.{schema}.{table}";
	c->message_topic = "{slot}.messages";
	c->status_s = 10;
	c->heartbeat_s = 60;
	c->heartbeat_bytes = HEARTBEAT_EVERY;
	c->flush_bytes = 8 << 20;
	c->flush_ms = 100;
	c->batch_bytes = BATCH_BYTES;
	c->hold = true;
	c->max_message = (int64_t) 1 << 30;
	c->wait_s = 60;
	c->queue_memory = 16 << 20;
	c->spool_size = 1 << 30;
	c->unfinished_memory = (int64_t) 64 << 20;
	c->unfinished_size = (int64_t) 10 << 30;
	c->dead_after = 3;
	c->jobs = 4;
	c->chunk_blocks = 1024;
	c->chunk_memory = (int64_t) 32 << 20;
}

LhStatus
lh_client_config_parse(LhCtx *ctx, int argc, char *const *argv, char *const *environ,
					   LhClientConfig *config)
{
	Parser p = {.config = config};

	set_presets(config);
	LH_TRY(look_ahead(ctx, config, argc, argv, environ));
	if (config->command == LH_CLIENT_HELP || config->command == LH_CLIENT_VERSION)
		return LH_OK;
	if (config->config_file != NULL)
		LH_TRY(take_file(ctx, &p, config->config_file));
	LH_TRY(take_environment(ctx, &p, environ));
	LH_TRY(take_flags(ctx, &p, argc, argv));
	return lh_client_config_check(ctx, config);
}

/* ---- all together ---- */

static LhStatus
check_slot(LhCtx *ctx, const char *slot)
{
	size_t n = strspn(slot, "abcdefghijklmnopqrstuvwxyz0123456789_");

	if (n == 0 || n > 63 || slot[n] != '\0')
		LH_FAIL(ctx, LH_INVALID,
				"\"%s\" cannot be a slot's name: 1 to 63 lower-case letters, digits, underscores",
				slot);
	return LH_OK;
}

/* The format's place in the list, where it is put if need be. */
static LhStatus
need_format(LhCtx *ctx, LhClientConfig *c, const char *name, size_t n, int *index)
{
	const LhChangeFormat *format = lh_change_format_find(name, n);

	if (format == NULL)
	{
		char all[256] = "";

		for (int i = 0; lh_change_formats[i] != NULL; i++)
			snprintf(all + strlen(all), sizeof(all) - strlen(all), "%s%s", i > 0 ? ", " : "",
					 lh_change_formats[i]->name);
		LH_FAIL(ctx, LH_INVALID, "there is no format \"%.*s\": %s", (int) n, name, all);
	}
	for (*index = 0; *index < c->nformats; ++*index)
	{
		if (strcmp(c->formats[*index], format->name) == 0)
			return LH_OK;
	}
	if (c->nformats == LH_MAX_FORMATS)
		LH_FAIL(ctx, LH_LIMIT, "a stream has at most %d formats", LH_MAX_FORMATS);
	c->formats[c->nformats] = format->name;
	c->text[c->nformats++] = format->text;
	return LH_OK;
}

/* "debezium-json=kafka://..." has a format of its own; '=' behind the scheme is the URI's. */
static LhStatus
take_sinks(LhCtx *ctx, LhClientConfig *c)
{
	if (c->sink_items.n > LH_CLIENT_MAX_SINKS)
		LH_FAIL(ctx, LH_LIMIT, "%d sinks, at most %d are possible", c->sink_items.n,
				LH_CLIENT_MAX_SINKS);
	for (int i = 0; i < c->sink_items.n; i++)
	{
		const char *item = c->sink_items.v[i];
		size_t n = strcspn(item, "=:");
		LhClientSinkSpec *spec = &c->sinks[c->nsinks++];

		spec->uri = item[n] == '=' ? item + n + 1 : item;
		if (item[n] == '=')
			LH_TRY(need_format(ctx, c, item, n, &spec->format));
		else
			LH_TRY(need_format(ctx, c, c->format, strlen(c->format), &spec->format));
	}
	return LH_OK;
}

/* Written as a sink is; letters are JSON whatever the messages in them are. */
static LhStatus
take_dead_letter(LhCtx *ctx, LhClientConfig *c)
{
	const char *item = c->dead_letter;
	size_t n = item != NULL ? strcspn(item, "=:") : 0;

	c->dead_uri = NULL;
	if (item == NULL || c->dead_after == 0)
		return LH_OK;
	if (item[n] == '=' && (n != 4 || memcmp(item, "json", 4) != 0))
		LH_FAIL(ctx, LH_INVALID, "dead letters cannot be in the format \"%.*s\": they are json",
				(int) n, item);
	c->dead_uri = item[n] == '=' ? item + n + 1 : item;
	return LH_OK;
}

static LhStatus
put_option(LhCtx *ctx, LhClientConfig *c, LhChangeOptions *o, const char *name, const char *value)
{
	if (c->noptions == LH_CLIENT_MAX_OPTIONS)
		LH_FAIL(ctx, LH_LIMIT, "more than %d options", LH_CLIENT_MAX_OPTIONS);
	LH_TRY(lh_change_option_set(ctx, o, name, value));
	c->options[c->noptions++] = (LhClientPair){name, value};
	return LH_OK;
}

/* Items with a separator between them; NULL: out of memory. */
static const char *
joined(LhCtx *ctx, int n, const char *const *items)
{
	size_t len = 1;
	char *out, *p;

	for (int i = 0; i < n; i++)
		len += strlen(items[i]) + 1;
	p = out = lh_alloc(ctx, len);
	if (out == NULL)
		return NULL;
	*p = '\0';
	for (int i = 0; i < n; i++)
		p += sprintf(p, "%s%s", i > 0 ? "," : "", items[i]);
	return out;
}

/* Ours, which nobody else may set. */
static const struct
{
	const char *name, *instead;
} reserved[] = {{"frames", "the client always wants frames"},
				{"format", "use --format, or --sink FORMAT=URI"},
				{"formats", "use --format, or --sink FORMAT=URI"},
				{"batch", "use --batch-bytes"},
				{"batch.bytes", "use --batch-bytes"},
				{"zstd", "use --zstd"},
				{"hold", "use --hold=off or --hold"},
				{"snapshot", "the server sets it"},
				{"streaming", "use --streaming"},
				{"two.phase", "use --two-phase"}};

/* name=value as the user gave it; sees to it that heartbeats stay out of the stream. */
static LhStatus
take_option(LhCtx *ctx, LhClientConfig *c, LhChangeOptions *o, const char *item)
{
	const char *equals = strchr(item, '=');
	size_t n = equals != NULL ? (size_t) (equals - item) : strlen(item);
	const char *name = lh_strndup(ctx, item, n);

	if (name == NULL)
		return ctx->error->code;
	for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++)
	{
		char folded[32];

		snprintf(folded, sizeof(folded), "%s", name);
		for (char *p = folded; *p != '\0'; p++)
			*p = *p == '_' || *p == '-' ? '.' : (char) tolower((unsigned char) *p);
		if (strcmp(folded, reserved[i].name) == 0)
			LH_FAIL(ctx, LH_INVALID, "option \"%s\" cannot be given: %s", name,
					reserved[i].instead);
	}
	return put_option(ctx, c, o, name, equals != NULL ? equals + 1 : "on");
}

/* Bytes as they are would break what is written line by line. */
static LhStatus
check_payloads(LhCtx *ctx, const LhClientConfig *c, const LhChangeOptions *o)
{
	if (o->outbox_tables == NULL || o->outbox_value != LH_OUTBOX_RAW)
		return LH_OK;
	for (int i = 0; i < c->nsinks; i++)
	{
		if (c->text[c->sinks[i].format] && lh_sink_writes_lines(c->sinks[i].uri))
			LH_FAIL(ctx, LH_INVALID,
					"option \"outbox.payload\" raw: sink %.*s writes values of format \"%s\" on "
					"lines, which such payloads would break",
					(int) strcspn(c->sinks[i].uri, "?"), c->sinks[i].uri,
					c->formats[c->sinks[i].format]);
	}
	return LH_OK;
}

/* A sink that leaves out tombstones would keep deleted rows for ever. */
static LhStatus
check_tombstones(LhCtx *ctx, const LhClientConfig *c)
{
	for (int i = 0; i < c->nsinks; i++)
	{
		const char *name = c->formats[c->sinks[i].format];

		if (lh_change_format_find(name, strlen(name))->tombstones &&
			lh_sink_writes_lines(c->sinks[i].uri))
		{
			lh_fail(ctx, LH_INVALID,
					"format \"%s\": sink %.*s leaves out messages without a value, which say that "
					"rows are gone",
					name, (int) strcspn(c->sinks[i].uri, "?"), c->sinks[i].uri);
			lh_hint(ctx, "Use a sink with keys, as kafka:, or the format \"flat\".");
			return LH_INVALID;
		}
	}
	return LH_OK;
}

/* All that the plugin is told, checked here with the same table as there. */
static LhStatus
take_options(LhCtx *ctx, LhClientConfig *c)
{
	LhChangeOptions o;
	const char *formats = joined(ctx, c->nformats, c->formats);
	const char *batch = lh_sprintf(ctx, "%lld", (long long) c->batch_bytes);

	if (formats == NULL || batch == NULL)
		return ctx->error->code;
	LH_TRY(lh_change_options_init(ctx, &o));
	LH_TRY(put_option(ctx, c, &o, "format", formats));
	LH_TRY(put_option(ctx, c, &o, "frames", "on"));
	LH_TRY(put_option(ctx, c, &o, "batch.bytes", batch));
	/* they repeat with each connection, and few consumers of rows expect them among these */
	LH_TRY(put_option(ctx, c, &o, "schema.events", "off"));
	if (c->zstd)
		LH_TRY(put_option(ctx, c, &o, "zstd", "on"));
	if (c->hold)
		LH_TRY(put_option(ctx, c, &o, "hold", "on"));
	if (c->ddl)
		LH_TRY(put_option(ctx, c, &o, "ddl", "on"));
	if (c->streaming)
		LH_TRY(put_option(ctx, c, &o, "streaming", "on"));
	if (c->two_phase)
		LH_TRY(put_option(ctx, c, &o, "two_phase", "on"));
	if (c->publications.n > 0)
		LH_TRY(put_option(ctx, c, &o, "publication_names",
						  joined(ctx, c->publications.n, c->publications.v)));
	if (c->tables.n > 0)
		LH_TRY(put_option(ctx, c, &o, "table.include.list", joined(ctx, c->tables.n, c->tables.v)));
	for (int i = 0; i < c->option_items.n; i++)
		LH_TRY(take_option(ctx, c, &o, c->option_items.v[i]));
	if (o.messages)
	{
		const char *theirs = o.message_prefixes_filter;
		const char *all = theirs != NULL && *theirs != '\0'
							  ? lh_sprintf(ctx, "%s," LH_HEARTBEAT_PREFIX, theirs)
							  : LH_HEARTBEAT_PREFIX;

		if (all == NULL)
			return ctx->error->code;
		LH_TRY(put_option(ctx, c, &o, "filter-msg-prefixes", all));
	}
	LH_TRY(lh_change_options_check(ctx, &o));
	/* one that came in blocks has no such events, whether it does is the server's choice */
	if (o.transactions && lh_change_unfinished(&o))
		LH_FAIL(
			ctx, LH_INVALID,
			"--%s contradicts the option \"provide.transaction.metadata\": begin and commit of a "
			"transaction that is told before its commit are no events",
			o.streaming ? "streaming" : "two-phase");
	LH_TRY(check_payloads(ctx, c, &o));
	return check_tombstones(ctx, c);
}

LhStatus
lh_client_config_check(LhCtx *ctx, LhClientConfig *c)
{
	c->nsinks = c->nformats = c->noptions = 0;
	if (c->source == NULL)
		LH_FAIL(ctx, LH_INVALID,
				"no source: --source 'host=... dbname=...' says which database is meant");
	if (c->slot != NULL)
		LH_TRY(check_slot(ctx, c->slot));
	LH_TRY(take_sinks(ctx, c));
	if (c->command != LH_CLIENT_STATUS && c->slot == NULL)
		LH_FAIL(ctx, LH_INVALID, "no slot: --slot NAME");
	if (c->command == LH_CLIENT_STATUS && c->slot == NULL && c->nsinks > 0)
		LH_FAIL(ctx, LH_INVALID, "sinks hold the position of one slot: --slot NAME");
	if (c->command == LH_CLIENT_STATUS || c->command == LH_CLIENT_DROP)
		return LH_OK;
	if (c->command != LH_CLIENT_STREAM)
		c->create = true;
	if (c->nsinks == 0)
		LH_FAIL(ctx, LH_INVALID, "no sink: --sink URI, \"--sink stdout:\" to look at the stream");
	LH_TRY(take_dead_letter(ctx, c));
	c->renew = c->on_lost != NULL && strcmp(c->on_lost, "snapshot") == 0;
	if (c->on_lost != NULL && !c->renew && strcmp(c->on_lost, "fail") != 0)
		LH_FAIL(ctx, LH_INVALID, "--on-lost is fail or snapshot, not \"%s\"", c->on_lost);
	if (c->once && c->until != 0)
		LH_FAIL(ctx, LH_INVALID, "--once and --until exclude each other");
	if (c->failover && !c->create)
		LH_FAIL(ctx, LH_INVALID, "--failover says how a slot is made, so it needs --create");
	LH_TRY(lh_renames_compile(ctx, c->rename_items.n, c->rename_items.v, &c->renames));
	return take_options(ctx, c);
}
