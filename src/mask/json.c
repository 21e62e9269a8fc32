/*
 * json.c
 *		Paths into documents as one automaton, and what stands in place of members.
 */
#include "mask/json.h"

#include <string.h>

/* ---- paths ---- */

typedef struct Reader
{
	const uint8_t *p, *end;
} Reader;

static bool
take(Reader *r, uint8_t c)
{
	if (r->p == r->end || *r->p != c)
		return false;
	r->p++;
	return true;
}

/* "name", or up to the next step; nothing is escaped. */
static bool
read_name(Reader *r, LhMaskStep *step)
{
	const uint8_t *from = r->p;

	step->kind = LH_MASK_STEP_KEY;
	if (take(r, '"'))
	{
		while (r->p < r->end && *r->p != '"')
			r->p++;
		step->key = lh_slice(from + 1, (size_t) (r->p - from - 1));
		return take(r, '"');
	}
	while (r->p < r->end && *r->p != '.' && *r->p != '[' && *r->p != '"' && *r->p != ']')
		r->p++;
	step->key = lh_slice(from, (size_t) (r->p - from));
	if (step->key.len == 1 && from[0] == '*')
		step->kind = LH_MASK_STEP_ANY_KEY;
	return step->key.len > 0;
}

/* After [ */
static bool
read_index(Reader *r, LhMaskStep *step)
{
	uint64_t n = 0;
	int digits = 0;

	if (take(r, '*'))
	{
		step->kind = LH_MASK_STEP_ANY_INDEX;
		return take(r, ']');
	}
	step->kind = LH_MASK_STEP_INDEX;
	for (; r->p < r->end && *r->p >= '0' && *r->p <= '9' && digits < 9; digits++)
		n = n * 10 + (*r->p++ - '0');
	step->index = (uint32_t) n;
	return digits > 0 && take(r, ']');
}

static bool
read_step(Reader *r, bool first, LhMaskStep *step)
{
	if (take(r, '['))
		return read_index(r, step);
	if (take(r, '.'))
	{
		step->deep = take(r, '.');
		if (step->deep && take(r, '['))
			return read_index(r, step);
		return read_name(r, step);
	}
	return first && read_name(r, step);
}

LhMaskOutcome
lh_mask_paths_add(LhMaskPaths *paths, LhSlice path)
{
	Reader r = {path.data, path.data + path.len};
	size_t n = paths->n;
	bool first;

	if (path.len == 0)
		return LH_MASK_ARGUMENT;
	/* "$" alone, or before a step, is the document; else it begins a name */
	first = !(path.data[0] == '$' && (path.len == 1 || path.data[1] == '.' || path.data[1] == '['));
	if (!first)
		r.p++;
	for (; r.p < r.end; first = false)
	{
		LhMaskStep step = {0};

		if (n + 1 >= LH_MASK_JSON_STEPS || !read_step(&r, first, &step))
			return LH_MASK_ARGUMENT;
		paths->steps[n++] = step;
	}
	if (n >= LH_MASK_JSON_STEPS)
		return LH_MASK_ARGUMENT;
	paths->steps[n] = (LhMaskStep){0};
	paths->start |= UINT64_C(1) << paths->n;
	paths->ends |= UINT64_C(1) << n;
	paths->n = n + 1;
	return LH_MASK_DONE;
}

/* ---- states ---- */

uint64_t
lh_mask_paths_key(const LhMaskPaths *paths, uint64_t state, LhSlice key)
{
	uint64_t next = 0;

	for (uint64_t left = state & ~paths->ends; left != 0; left &= left - 1)
	{
		int i = __builtin_ctzll(left);
		const LhMaskStep *step = &paths->steps[i];

		if (step->kind == LH_MASK_STEP_ANY_KEY ||
			(step->kind == LH_MASK_STEP_KEY && step->key.len == key.len &&
			 memcmp(step->key.data, key.data, key.len) == 0))
			next |= UINT64_C(2) << i;
		if (step->deep)
			next |= UINT64_C(1) << i;
	}
	return next;
}

uint64_t
lh_mask_paths_index(const LhMaskPaths *paths, uint64_t state, uint64_t index)
{
	uint64_t next = 0;

	for (uint64_t left = state & ~paths->ends; left != 0; left &= left - 1)
	{
		int i = __builtin_ctzll(left);
		const LhMaskStep *step = &paths->steps[i];

		if (step->kind == LH_MASK_STEP_ANY_INDEX ||
			(step->kind == LH_MASK_STEP_INDEX && step->index == index))
			next |= UINT64_C(2) << i;
		/* a name waits for an object among the elements */
		if (step->deep || step->kind == LH_MASK_STEP_KEY || step->kind == LH_MASK_STEP_ANY_KEY)
			next |= UINT64_C(1) << i;
	}
	return next;
}

/* ---- what stands there ---- */

static bool
starts(LhSlice s, const char *word, LhSlice *rest)
{
	size_t n = strlen(word);

	if (s.len < n || memcmp(s.data, word, n) != 0)
		return false;
	*rest = lh_slice(s.data + n, s.len - n);
	return true;
}

static bool
read_count(const uint8_t *p, const uint8_t *end, int64_t *out)
{
	int64_t n = 0;

	if (p == end || end - p > 9)
		return false;
	for (; p < end; p++)
	{
		if (*p < '0' || *p > '9')
			return false;
		n = n * 10 + (*p - '0');
	}
	*out = n;
	return true;
}

LhMaskOutcome
lh_mask_member(LhSlice how, LhMaskMember *member)
{
	const uint8_t *from, *to;
	LhSlice rest;

	*member = (LhMaskMember){0};
	if (how.len == 4 && memcmp(how.data, "null", 4) == 0)
		return LH_MASK_DONE;
	if (starts(how, "constant:", &member->text))
	{
		member->kind = LH_MASK_MEMBER_CONSTANT;
		return member->text.len <= LH_MASK_MAX_FILL ? LH_MASK_DONE : LH_MASK_ARGUMENT;
	}
	if (!starts(how, "partial:", &rest) || rest.len == 0)
		return LH_MASK_ARGUMENT;
	member->kind = LH_MASK_MEMBER_PARTIAL;
	from = memchr(rest.data, ':', rest.len);
	to = memrchr(rest.data, ':', rest.len);
	if (from == NULL || from == to || !read_count(rest.data, from, &member->first) ||
		!read_count(to + 1, rest.data + rest.len, &member->last))
		return LH_MASK_ARGUMENT;
	member->text = lh_slice(from + 1, (size_t) (to - from - 1));
	return member->text.len <= LH_MASK_MAX_FILL ? LH_MASK_DONE : LH_MASK_ARGUMENT;
}
