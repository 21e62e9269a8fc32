/*
 * rename.c
 *		Topics by other names.
 *
 *	1. The replacement cannot hold "=", so a rule is cut at its last one.
 *	2. POSIX promises the longest of the leftmost matches: a rule matches the whole
 *	   topic if that match is all of it.
 *	3. References back inside of the expression make matching take exponential time, and
 *	   rows of an outbox choose topics: they are refused.
 */
#include "client/rename.h"

#include <regex.h>

#include "change/transform.h"

#define GROUPS 10

typedef struct Rule
{
	const char *text;        /* as given */
	const char *replacement; /* "\1" where groups go */
	regex_t regex;
} Rule;

struct LhRenames
{
	int n;
	Rule *v;
};

static void
free_regex(void *arg)
{
	regfree(arg);
}

static LhStatus
check_regex(LhCtx *ctx, const Rule *r, const char *regex)
{
	for (const char *p = regex; *p != '\0'; p++)
	{
		if (*p != '\\' || *++p == '\0')
			continue;
		if (*p >= '1' && *p <= '9')
			LH_FAIL(ctx, LH_INVALID,
					"--topic-rename \"%s\": a reference back (\\%c) belongs into the replacement",
					r->text, *p);
	}
	return LH_OK;
}

static LhStatus
check_replacement(LhCtx *ctx, const Rule *r)
{
	if (*r->replacement == '\0')
		LH_FAIL(ctx, LH_INVALID, "--topic-rename \"%s\": the replacement is empty", r->text);
	for (const char *p = r->replacement; *p != '\0'; p++)
	{
		if (*p == '\\' && p[1] >= '0' && p[1] <= '9')
		{
			if ((size_t) (*++p - '0') > r->regex.re_nsub)
				LH_FAIL(ctx, LH_INVALID, "--topic-rename \"%s\": \\%c, but there are %zu groups",
						r->text, *p, r->regex.re_nsub);
		}
		else if (*p != '.' && !lh_topic_valid(p, 1))
			LH_FAIL(ctx, LH_INVALID,
					"--topic-rename \"%s\": \"%c\" in the replacement, where letters, digits, "
					"\".\", \"_\", \"-\" and \\0 to \\9 are allowed",
					r->text, *p);
	}
	return LH_OK;
}

static LhStatus
compile(LhCtx *ctx, const char *item, Rule *r)
{
	const char *equals = strrchr(item, '=');
	char why[128];
	char *regex;
	int code;

	r->text = item;
	if (strlen(item) > LH_RENAME_MAX)
		LH_FAIL(ctx, LH_INVALID,
				"--topic-rename \"%.32s...\" has %zu bytes, at most %d are allowed", item,
				strlen(item), LH_RENAME_MAX);
	if (equals == NULL || equals == item)
		LH_FAIL(ctx, LH_INVALID, "--topic-rename \"%s\" is not REGEX=REPLACEMENT", item);
	r->replacement = equals + 1;
	regex = lh_strndup(ctx, item, (size_t) (equals - item));
	if (regex == NULL)
		return ctx->error->code;
	LH_TRY(check_regex(ctx, r, regex));
	code = regcomp(&r->regex, regex, REG_EXTENDED);
	if (code != 0)
	{
		regerror(code, &r->regex, why, sizeof(why));
		LH_FAIL(ctx, LH_INVALID, "--topic-rename \"%s\": %s", item, why);
	}
	LH_TRY(lh_arena_on_reset(ctx, ctx->arena, free_regex, &r->regex));
	return check_replacement(ctx, r);
}

LhStatus
lh_renames_compile(LhCtx *ctx, int n, const char *const *items, LhRenames **out)
{
	LhRenames *renames;

	*out = NULL;
	if (n == 0)
		return LH_OK;
	LH_NEW(ctx, renames);
	LH_NEW_ARRAY(ctx, renames->v, (size_t) n);
	renames->n = n;
	for (int i = 0; i < n; i++)
		LH_TRY(compile(ctx, items[i], &renames->v[i]));
	*out = renames;
	return LH_OK;
}

/* The replacement with its groups; false: it is no topic. */
static bool
expand(const Rule *r, const char *topic, const regmatch_t *groups, char out[LH_TOPIC_MAX + 1])
{
	size_t n = 0;

	for (const char *p = r->replacement; *p != '\0'; p++)
	{
		const char *from = p;
		size_t len = 1;

		if (*p == '\\')
		{
			const regmatch_t *g = &groups[*++p - '0'];

			from = topic + (g->rm_so >= 0 ? g->rm_so : 0);
			len = g->rm_so >= 0 ? (size_t) (g->rm_eo - g->rm_so) : 0;
		}
		if (len > LH_TOPIC_MAX - n)
			return false;
		memcpy(out + n, from, len);
		n += len;
	}
	out[n] = '\0';
	return lh_topic_valid(out, n);
}

LhStatus
lh_rename_topic(LhCtx *ctx, const LhRenames *renames, const char *topic, const char **out)
{
	*out = topic;
	for (int i = 0; renames != NULL && i < renames->n; i++)
	{
		const Rule *r = &renames->v[i];
		regmatch_t groups[GROUPS];
		char name[LH_TOPIC_MAX + 1];

		if (regexec(&r->regex, topic, GROUPS, groups, 0) != 0 || groups[0].rm_so != 0 ||
			topic[groups[0].rm_eo] != '\0')
			continue;
		if (!expand(r, topic, groups, name))
			LH_FAIL(
				ctx, LH_INVALID,
				"--topic-rename \"%s\" makes no topic of \"%s\": it has 1 to %d letters, digits, "
				"\".\", \"_\" and \"-\"",
				r->text, topic, LH_TOPIC_MAX);
		*out = lh_strdup(ctx, name);
		return *out != NULL ? LH_OK : ctx->error->code;
	}
	return LH_OK;
}
