/*
 * settings.c
 *		Settings of the audit.
 *
 * All are the server's: who is recorded has no say in it.
 *
 * lakehouse.audit_filter is a list of
 *
 *	policies			statements that use a relation with a policy, of whomever (the default)
 *	relations			statements that use any relation but the system's and temporary ones
 *	all					every statement
 *	schema NAME			statements that use a relation of this schema
 *	role NAME			statements of who logged in as, became, or runs a function of this role
 *
 * separated by commas; what any of them asks for is recorded.  Administrative events, denied statements and what
 * was detokenized or decrypted are recorded always.
 */
#include "pg/audit/audit.h"

#include <limits.h>

#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "parser/scansup.h"
#include "utils/varlena.h"

/* What check hooks hand to assign hooks is PostgreSQL's to free: malloc until 15. */
#if PG_VERSION_NUM >= 160000
#define EXTRA_ALLOC(n) guc_malloc(LOG, n)
#define EXTRA_FREE(p) guc_free(p)
#else
#define EXTRA_ALLOC(n) malloc(n)
#define EXTRA_FREE(p) free(p)
#endif

int			lakehouse_audit = LH_AUDIT_OFF;
int			lakehouse_audit_ring_kb = 8 * 1024;
bool		lakehouse_audit_drop = false;
int			lakehouse_audit_timeout_ms = 30 * 1000;
char	   *lakehouse_audit_directory = NULL;
char	   *lakehouse_audit_origin = NULL;
char	   *lakehouse_audit_key = NULL;
int			lakehouse_audit_checkpoint_s = 60;
int			lakehouse_audit_checkpoint_entries = 100000;
char	   *lakehouse_audit_checkpoint_target = NULL;
char	   *lakehouse_audit_checkpoint_credentials = NULL;
char	   *lakehouse_audit_checkpoint_ca = NULL;
int			lakehouse_audit_retention_min = 0;
static char *filter_text = NULL;
static int	full = 0;

static const struct config_enum_entry modes[] = {
	{"off", LH_AUDIT_OFF, false},
	{"asynchronous", LH_AUDIT_ASYNCHRONOUS, false},
	{"synchronous", LH_AUDIT_SYNCHRONOUS, false},
	{NULL, 0, false},
};

static const struct config_enum_entry fulls[] = {
	{"wait", 0, false},
	{"drop", 1, false},
	{NULL, 0, false},
};

/* ---- the filter ---- */

/* What the setting says; the names follow each other: 's' or 'r', the name, a NUL. */
typedef struct Filter
{
	LhAuditWanted wanted;
	size_t		len;
	char		names[FLEXIBLE_ARRAY_MEMBER];
} Filter;

static Filter *filter = NULL;
static uint32 filter_version = 1;

LhAuditWanted
lh_audit_wanted(void)
{
	return filter != NULL ? filter->wanted : (LhAuditWanted) {.policies = true};
}

static bool
has_name(char kind, const char *name)
{
	if (filter == NULL)
		return false;
	for (size_t at = 0; at < filter->len; at += strlen(filter->names + at) + 1)
	{
		if (filter->names[at] == kind && strcmp(filter->names + at + 1, name) == 0)
			return true;
	}
	return false;
}

bool
lh_audit_wants_schema(const char *schema)
{
	return has_name('s', schema);
}

bool
lh_audit_wants_role(const char *role)
{
	return has_name('r', role);
}

bool
lh_audit_wants_only_policies(void)
{
	return filter == NULL || (!filter->wanted.all && !filter->wanted.relations && filter->len == 0);
}

uint32
lh_audit_filter_version(void)
{
	return filter_version;
}

/* The next word, folded to lower case, or quoted identifier; false: neither. */
static bool
take_word(const char **at, char *word, size_t room)
{
	const char *p = *at;
	size_t		n = 0;
	bool		quoted = *p == '"';

	p += quoted;
	for (; *p != '\0' && n + 1 < room; p++)
	{
		if (quoted && *p == '"')
		{
			if (p[1] != '"')
				break;
			p++;
		}
		else if (!quoted && (*p == ',' || *p == '"' || scanner_isspace(*p)))
			break;
		word[n++] = quoted ? *p : (char) pg_tolower((unsigned char) *p);
	}
	if (quoted && *p != '"')
		return false;
	*at = p + quoted;
	word[n] = '\0';
	return n > 0;
}

static void
skip_space(const char **at)
{
	while (scanner_isspace(**at))
		(*at)++;
}

/* One item of the list; out->names has room for the whole text. */
static bool
take_item(const char **at, Filter *out)
{
	char		word[NAMEDATALEN];
	char		kind;

	skip_space(at);
	if (**at == '"' || !take_word(at, word, sizeof(word)))
		return false;
	if (strcmp(word, "policies") == 0)
		out->wanted.policies = true;
	else if (strcmp(word, "relations") == 0)
		out->wanted.relations = true;
	else if (strcmp(word, "all") == 0)
		out->wanted.all = true;
	else if (strcmp(word, "schema") == 0 || strcmp(word, "role") == 0)
	{
		kind = word[0];
		skip_space(at);
		if (!take_word(at, word, sizeof(word)))
			return false;
		out->names[out->len++] = kind;
		memcpy(out->names + out->len, word, strlen(word) + 1);
		out->len += strlen(word) + 1;
	}
	else
		return false;
	skip_space(at);
	return **at == ',' || **at == '\0';
}

static bool
check_filter(char **value, void **extra, GucSource source)
{
	const char *at = *value;
	/* each name is preceded by a longer word */
	size_t		size = offsetof(Filter, names) + strlen(at) + 2;
	Filter	   *out = EXTRA_ALLOC(size);

	if (out == NULL)
		return false;
	memset(out, 0, size);
	for (;;)
	{
		if (!take_item(&at, out))
		{
			GUC_check_errdetail("It is a list of policies, relations, all, schema NAME and role NAME.");
			EXTRA_FREE(out);
			return false;
		}
		if (*at == '\0')
			break;
		at++;
	}
	*extra = out;
	return true;
}

static void
assign_filter(const char *value, void *extra)
{
	filter = extra;
	filter_version++;
}

/* ---- others ---- */

static void
assign_full(int value, void *extra)
{
	lakehouse_audit_drop = value == 1;
}

/* Part of signed notes: one word. */
static bool
check_origin(char **value, void **extra, GucSource source)
{
	for (const char *p = *value; *p != '\0'; p++)
	{
		if ((unsigned char) *p <= ' ' || *p == '+' || *p == 0x7f)
		{
			GUC_check_errdetail("It is a name such as \"example.com/audit\", without blanks and \"+\".");
			return false;
		}
	}
	return strlen(*value) <= 200;
}

static char *
in_data_directory(const char *path, const char *name)
{
	if (path != NULL && is_absolute_path(path))
		return pstrdup(path);
	return psprintf("%s/%s", DataDir, path != NULL && path[0] != '\0' ? path : name);
}

char *
lh_audit_directory(void)
{
	return in_data_directory(lakehouse_audit_directory, "lakehouse_audit");
}

char *
lh_audit_key_path(void)
{
	return in_data_directory(lakehouse_audit_key, "lakehouse_audit.key");
}

static void
define_places(void)
{
	DefineCustomStringVariable("lakehouse.audit_directory",
							   "Where the audit log is.",
							   "Empty: lakehouse_audit in the data directory. Each server has its own, outside of what is copied to standbys.",
							   &lakehouse_audit_directory, "",
							   PGC_POSTMASTER, GUC_SUPERUSER_ONLY, NULL, NULL, NULL);
	DefineCustomStringVariable("lakehouse.audit_origin",
							   "Name of this server's log in signed checkpoints.",
							   "Such as \"example.com/audit\"; not to be changed once the log is there.",
							   &lakehouse_audit_origin, "lakehouse/audit",
							   PGC_POSTMASTER, 0, check_origin, NULL, NULL);
	DefineCustomStringVariable("lakehouse.audit_key",
							   "File with the key that signs checkpoints.",
							   "64 hexadecimal digits, mode 0600. Empty: lakehouse_audit.key in the data directory. Made at the first start when it is not there.",
							   &lakehouse_audit_key, "",
							   PGC_POSTMASTER, GUC_SUPERUSER_ONLY, NULL, NULL, NULL);
	DefineCustomStringVariable("lakehouse.audit_checkpoint_target",
							   "Where checkpoints also go, outside of this server.",
							   "A file that is appended to, a directory (with \"/\" at its end), or an https URL that they are posted to.",
							   &lakehouse_audit_checkpoint_target, "",
							   PGC_SIGHUP, GUC_SUPERUSER_ONLY, NULL, NULL, NULL);
	DefineCustomStringVariable("lakehouse.audit_checkpoint_credentials_file",
							   "File whose line is the header Authorization for the URL of checkpoints.",
							   "Of the server's user, with mode 0600.",
							   &lakehouse_audit_checkpoint_credentials, "",
							   PGC_SIGHUP, GUC_SUPERUSER_ONLY, NULL, NULL, NULL);
	DefineCustomStringVariable("lakehouse.audit_checkpoint_ca_file",
							   "Certificates that the URL of checkpoints is trusted by.",
							   "Empty: the system's.",
							   &lakehouse_audit_checkpoint_ca, "",
							   PGC_SIGHUP, GUC_SUPERUSER_ONLY, NULL, NULL, NULL);
}

static void
define_numbers(void)
{
	DefineCustomIntVariable("lakehouse.audit_ring_size",
							"Shared memory of audit records on their way to the log.",
							"Rounded up to a power of two.",
							&lakehouse_audit_ring_kb, 8 * 1024, 256, 1024 * 1024,
							PGC_POSTMASTER, GUC_UNIT_KB, NULL, NULL, NULL);
	DefineCustomIntVariable("lakehouse.audit_timeout",
							"Time that a statement waits for its audit record to be durable.",
							"It then fails. With lakehouse.audit = synchronous.",
							&lakehouse_audit_timeout_ms, 30 * 1000, 100, 3600 * 1000,
							PGC_SIGHUP, GUC_UNIT_MS, NULL, NULL, NULL);
	DefineCustomIntVariable("lakehouse.audit_checkpoint_interval",
							"Longest time between signed checkpoints, when there is something new.",
							NULL,
							&lakehouse_audit_checkpoint_s, 60, 1, 24 * 3600,
							PGC_SIGHUP, GUC_UNIT_S, NULL, NULL, NULL);
	DefineCustomIntVariable("lakehouse.audit_checkpoint_entries",
							"Most entries between signed checkpoints.",
							NULL,
							&lakehouse_audit_checkpoint_entries, 100000, 1, INT_MAX,
							PGC_SIGHUP, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("lakehouse.audit_retention",
							"How long lines of the audit log are kept.",
							"0: for good. Hashes stay, so that what is left can still be proved.",
							&lakehouse_audit_retention_min, 0, 0, INT_MAX,
							PGC_SIGHUP, GUC_UNIT_MIN, NULL, NULL, NULL);
}

void
lh_audit_define_settings(void)
{
	/* of a library that is not preloaded nothing is recorded, so nothing can be set */
	if (!process_shared_preload_libraries_in_progress)
		return;
	DefineCustomEnumVariable("lakehouse.audit",
							 "Record what statements read and write.",
							 "\"synchronous\" makes the record of a statement durable before its first row.",
							 &lakehouse_audit, LH_AUDIT_OFF, modes,
							 PGC_SIGHUP, 0, NULL, NULL, NULL);
	DefineCustomStringVariable("lakehouse.audit_filter",
							   "Which statements are recorded.",
							   "A list of policies, relations, all, schema NAME, role NAME.",
							   &filter_text, "policies",
							   PGC_SIGHUP, 0, check_filter, assign_filter, NULL);
	DefineCustomEnumVariable("lakehouse.audit_full",
							 "What a statement does while the ring of records is full.",
							 "\"drop\" loses records; the log says how many.",
							 &full, 0, fulls,
							 PGC_SIGHUP, 0, NULL, assign_full, NULL);
	define_places();
	define_numbers();
}
