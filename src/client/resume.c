/*
 * resume.c
 *		The state of a snapshot as a list of texts, and what sinks make of it.
 */
#include "client/resume.h"

#include <stdio.h>
#include <stdlib.h>

#define FORMAT "1"

/* ---- lists of texts ---- */

LhStatus
lh_texts_add(LhCtx *ctx, LhTexts *t, const char *text)
{
	if (t->n == t->capacity)
	{
		int capacity = t->capacity == 0 ? 8 : t->capacity * 2;
		const char **v;

		LH_NEW_ARRAY(ctx, v, capacity);
		if (t->n > 0)
			memcpy(v, t->v, (size_t) t->n * sizeof(*v));
		t->v = v;
		t->capacity = capacity;
	}
	t->v[t->n++] = text;
	return LH_OK;
}

bool
lh_texts_have(const LhTexts *t, const char *text)
{
	for (int i = 0; i < t->n; i++)
	{
		if (strcmp(t->v[i], text) == 0)
			return true;
	}
	return false;
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\v' || c == '\f';
}

/* One element into out, which is large enough; *p is behind it. */
static bool
take_element(const char **p, char *out)
{
	const char *c = *p;
	bool quoted = *c == '"';
	char *start = out;

	if (quoted)
		c++;
	while (quoted ? *c != '"' : *c != ',' && *c != '}' && *c != '{' && *c != '"' && !is_blank(*c))
	{
		if (*c == '\\')
			c++;
		if (*c == '\0')
			return false;
		*out++ = *c++;
	}
	*out = '\0';
	*p = quoted ? c + 1 : c;
	return quoted || (out > start && strcmp(start, "NULL") != 0);
}

LhStatus
lh_texts_parse(LhCtx *ctx, const char *literal, LhTexts *t)
{
	const char *p = literal;
	char *out;
	bool good = *p++ == '{';

	memset(t, 0, sizeof(*t));
	LH_ALLOC(ctx, out, strlen(literal) + 1);
	while (good && *p != '}')
	{
		const char *from = p;

		good = take_element(&p, out) && (*p == '}' || (*p == ',' && p[1] != '}'));
		if (!good)
			break;
		LH_TRY(lh_texts_add(ctx, t, out));
		/* an element is never longer than its text and a character behind it */
		out += p - from;
		if (*p == '}')
			break;
		p++;
		out++;
	}
	if (!good || strcmp(p, "}") != 0)
		LH_FAIL(ctx, LH_CORRUPT, "a list of texts is damaged at its character %d",
				(int) (p - literal) + 1);
	return LH_OK;
}

LhStatus
lh_texts_write(LhCtx *ctx, LhBuf *out, const LhTexts *t)
{
	LH_TRY(lh_buf_putc(ctx, out, '{'));
	for (int i = 0; i < t->n; i++)
	{
		LH_TRY(lh_buf_append_str(ctx, out, i > 0 ? ",\"" : "\""));
		for (const char *c = t->v[i]; *c != '\0'; c++)
		{
			if (*c == '"' || *c == '\\')
				LH_TRY(lh_buf_putc(ctx, out, '\\'));
			LH_TRY(lh_buf_putc(ctx, out, *c));
		}
		LH_TRY(lh_buf_putc(ctx, out, '"'));
	}
	return lh_buf_putc(ctx, out, '}');
}

/* ---- progress as a list ---- */

static LhStatus
add_number(LhCtx *ctx, LhTexts *out, uint64_t n)
{
	const char *text = lh_sprintf(ctx, "%llu", (unsigned long long) n);

	return text != NULL ? lh_texts_add(ctx, out, text) : ctx->error->code;
}

static LhStatus
add_list(LhCtx *ctx, LhTexts *out, const LhTexts *list)
{
	LH_TRY(add_number(ctx, out, (uint64_t) list->n));
	for (int i = 0; i < list->n; i++)
		LH_TRY(lh_texts_add(ctx, out, list->v[i]));
	return LH_OK;
}

LhStatus
lh_progress_encode(LhCtx *ctx, const LhProgress *p, LhTexts *out)
{
	memset(out, 0, sizeof(*out));
	LH_TRY(lh_texts_add(ctx, out, FORMAT));
	LH_TRY(add_number(ctx, out, p->end));
	LH_TRY(add_number(ctx, out, p->moved));
	LH_TRY(add_number(ctx, out, p->pass));
	LH_TRY(add_number(ctx, out, p->pending));
	LH_TRY(add_number(ctx, out, p->point));
	LH_TRY(add_number(ctx, out, p->next_end));
	LH_TRY(add_list(ctx, out, &p->last));
	LH_TRY(add_list(ctx, out, &p->again));
	LH_TRY(add_list(ctx, out, &p->next));
	LH_TRY(add_list(ctx, out, &p->next_again));
	LH_TRY(add_list(ctx, out, &p->holders));
	return lh_texts_add(ctx, out, p->snapshot != NULL ? p->snapshot : "");
}

/* The next text is a number up to max. */
static bool
take_number(const LhTexts *in, int *at, uint64_t max, uint64_t *n)
{
	const char *text = *at < in->n ? in->v[*at] : "";
	char *end;

	if (*text < '0' || *text > '9')
		return false;
	*n = strtoull(text, &end, 10);
	++*at;
	return *end == '\0' && *n <= max;
}

static bool
take_flag(const LhTexts *in, int *at, bool *flag)
{
	uint64_t n;

	if (!take_number(in, at, 1, &n))
		return false;
	*flag = n != 0;
	return true;
}

/* Texts stay where they are. */
static bool
take_list(const LhTexts *in, int *at, LhTexts *list)
{
	uint64_t n;

	if (!take_number(in, at, (uint64_t) in->n, &n) || (int) n > in->n - *at)
		return false;
	*list = (LhTexts){.n = (int) n, .capacity = (int) n, .v = in->v + *at};
	*at += (int) n;
	return true;
}

LhStatus
lh_progress_decode(LhCtx *ctx, const LhTexts *in, LhProgress *p)
{
	uint64_t pass = 0;
	int at = 1;

	memset(p, 0, sizeof(*p));
	p->snapshot = "";
	if (in->n == 0)
		return LH_OK;
	if (strcmp(in->v[0], FORMAT) != 0 || !take_flag(in, &at, &p->end) ||
		!take_flag(in, &at, &p->moved) || !take_number(in, &at, UINT32_MAX, &pass) ||
		!take_flag(in, &at, &p->pending) || !take_number(in, &at, UINT64_MAX, &p->point) ||
		!take_flag(in, &at, &p->next_end) || !take_list(in, &at, &p->last) ||
		!take_list(in, &at, &p->again) || !take_list(in, &at, &p->next) ||
		!take_list(in, &at, &p->next_again) || !take_list(in, &at, &p->holders) || at + 1 != in->n)
		LH_FAIL(ctx, LH_CORRUPT, "the state of a snapshot is damaged, or of another version");
	p->pass = (uint32_t) pass;
	p->snapshot = in->v[at];
	return LH_OK;
}

static LhStatus
copy_list(LhCtx *ctx, const LhTexts *from, LhTexts *to)
{
	LhTexts copy = {0};

	for (int i = 0; i < from->n; i++)
	{
		const char *text = lh_strdup(ctx, from->v[i]);

		if (text == NULL)
			return ctx->error->code;
		LH_TRY(lh_texts_add(ctx, &copy, text));
	}
	*to = copy;
	return LH_OK;
}

LhStatus
lh_progress_copy(LhCtx *ctx, const LhProgress *from, LhProgress *to)
{
	LhProgress copy = *from;

	LH_TRY(copy_list(ctx, &from->last, &copy.last));
	LH_TRY(copy_list(ctx, &from->again, &copy.again));
	LH_TRY(copy_list(ctx, &from->next, &copy.next));
	LH_TRY(copy_list(ctx, &from->next_again, &copy.next_again));
	LH_TRY(copy_list(ctx, &from->holders, &copy.holders));
	copy.snapshot = lh_strdup(ctx, from->snapshot != NULL ? from->snapshot : "");
	*to = copy;
	return copy.snapshot != NULL ? LH_OK : ctx->error->code;
}

/* ---- who holds what ---- */

static void
forget_pending(LhProgress *p)
{
	p->pending = p->next_end = false;
	p->point = 0;
	p->next = p->next_again = p->holders = (LhTexts){0};
}

void
lh_progress_advance(LhProgress *p)
{
	p->last = p->next;
	p->end = p->next_end;
	p->again = p->next_again;
	forget_pending(p);
}

static bool
holds(const LhProgress *p, uint64_t ordinal, const LhHolder *s)
{
	LhChangePos point = {.commit_end = p->point, .ordinal = ordinal};

	if (lh_texts_have(&p->holders, s->name))
		return true;
	return p->point != 0 && s->known &&
		   (s->pos.commit_end > point.commit_end ||
			(s->pos.commit_end == point.commit_end && s->pos.ordinal >= ordinal));
}

LhStatus
lh_progress_resolve(LhCtx *ctx, LhProgress *p, uint64_t ordinal, int n, const LhHolder *sinks,
					LhHeld *held)
{
	LhTexts names = {0};

	*held = LH_HELD_NONE;
	if (!p->pending)
		return LH_OK;
	for (int i = 0; i < n; i++)
	{
		if (holds(p, ordinal, &sinks[i]))
			LH_TRY(lh_texts_add(ctx, &names, sinks[i].name));
	}
	if (names.n == 0)
	{
		forget_pending(p);
		p->snapshot = "";
	}
	else if (names.n == n)
	{
		*held = LH_HELD_ALL;
		lh_progress_advance(p);
	}
	else
	{
		*held = LH_HELD_SOME;
		p->holders = names;
		p->point = 0;
	}
	return LH_OK;
}
