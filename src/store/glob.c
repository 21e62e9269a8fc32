/*
 * glob.c
 *		Glob patterns as small automata: no pattern makes matching explode.
 *
 *	*			any characters of one path component
 *	?			one character (UTF-8)
 *	[a-z] [!a]	one character of, or not of, a set; ^ is taken as !
 *	{a,b{c,d}}	one of several; may hold slashes and be nested
 *	**			as a whole component: any number of components
 *	\x			the character x
 *
 * A bracket or brace without its partner stands for itself.
 *
 *	1. The pattern is compiled to instructions, each at most once for each of
 *	   its characters (Thompson 1968; "Regular Expression Search Algorithm").
 *	2. Matching keeps the set of instructions that may come next as a bitmap.  A
 *	   character costs at most one step an instruction, so a match costs at most
 *	   (length of path) * (length of pattern), whatever the pattern.
 *	3. A set is kept for each directory of a walk: entries are fed from there,
 *	   and a directory whose set is empty is not entered.
 *
 * With guard_hidden, wildcards do not match a '.' or '_' at the beginning of a
 * component: hidden files are found only by a pattern that names them.
 */
#include "store/local.h"

/* Braces within braces. */
#define MAX_NESTING 32

typedef enum Op
{
	OP_CHAR, /* arg: code point */
	OP_ANY,
	OP_CLASS,     /* arg: index of its first range, alt: one past its last, neg */
	OP_STAR,      /* stays for a character of the component */
	OP_DIRS,      /* "**" and its slash: at a component's beginning */
	OP_DIRS_BODY, /* ... within a component */
	OP_REST,      /* "**" at the end: at a component's beginning */
	OP_REST_BODY,
	OP_SPLIT, /* goes on at arg and at alt */
	OP_JUMP,  /* goes on at arg */
	OP_MATCH
} Op;

typedef struct Instr
{
	Op op;
	bool neg;
	uint32_t arg;
	uint32_t alt;
} Instr;

typedef struct Range
{
	uint32_t lo, hi;
} Range;

struct LhGlob
{
	bool guard_hidden;
	uint32_t n; /* instructions */
	uint32_t cap;
	Instr *code;
	uint32_t nranges;
	Range *ranges;
	uint32_t *stack; /* for add() */
	uint64_t *next;  /* for feed() */
};

/* The next character: its code point, or a byte that is no UTF-8 beyond all code points. */
static size_t
next_char(const char *s, size_t len, uint32_t *c)
{
	const uint8_t *p = (const uint8_t *) s;
	size_t n = p[0] < 0x80 ? 1 : p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : p[0] >= 0xc2 ? 2 : 0;

	if (n == 1)
	{
		*c = p[0];
		return 1;
	}
	if (n == 0 || n > len || !lh_utf8_valid(p, n))
	{
		*c = 0x110000u + p[0];
		return 1;
	}
	*c = p[0] & (0x7fu >> n);
	for (size_t i = 1; i < n; i++)
		*c = *c << 6 | (p[i] & 0x3f);
	return n;
}

/*
 * Compiling
 */

typedef struct Parser
{
	LhGlob *glob;
	const char *s;
	size_t len;
	size_t i;
} Parser;

/* Space for all instructions was reserved: each character makes at most four. */
static Instr *
emit(LhGlob *glob, Op op, uint32_t arg)
{
	Instr *in = &glob->code[glob->n++];

	in->op = op;
	in->arg = arg;
	return in;
}

/* One character of a set, escapes taken; false at the end. */
static bool
class_char(Parser *p, size_t *i, uint32_t *c)
{
	if (*i < p->len && p->s[*i] == '\\' && *i + 1 < p->len)
		(*i)++;
	if (*i >= p->len)
		return false;
	*i += next_char(p->s + *i, p->len - *i, c);
	return true;
}

/* "[...]" at p->i; false when it has no end, then nothing was emitted. */
static bool
parse_class(Parser *p)
{
	LhGlob *glob = p->glob;
	uint32_t first = glob->nranges;
	size_t i = p->i + 1;
	bool neg = i < p->len && (p->s[i] == '!' || p->s[i] == '^');
	bool begin = true;
	Instr *in;

	if (neg)
		i++;
	while (begin || i >= p->len || p->s[i] != ']')
	{
		Range r;

		begin = false;
		if (!class_char(p, &i, &r.lo) || r.lo == '/')
		{
			glob->nranges = first;
			return false;
		}
		r.hi = r.lo;
		if (i + 1 < p->len && p->s[i] == '-' && p->s[i + 1] != ']')
		{
			i++;
			if (!class_char(p, &i, &r.hi))
			{
				glob->nranges = first;
				return false;
			}
		}
		glob->ranges[glob->nranges++] = r;
	}
	in = emit(glob, OP_CLASS, first);
	in->alt = glob->nranges;
	in->neg = neg;
	p->i = i + 1;
	return true;
}

/* Index of the '}' that closes the brace at i, 0 when there is none. */
static size_t
closing_brace(const Parser *p, size_t i, int nesting)
{
	int depth = 0;

	for (; i < p->len; i++)
	{
		if (p->s[i] == '\\')
			i++;
		else if (p->s[i] == '{')
		{
			if (++depth + nesting > MAX_NESTING)
				return 0;
		}
		else if (p->s[i] == '}' && --depth == 0)
			return i;
	}
	return 0;
}

/* A component's beginning or end at this place of the pattern's text. */
static bool
at_edge(const Parser *p, size_t i)
{
	return i >= p->len || strchr("/{},", p->s[i]) != NULL;
}

static void
parse_star(Parser *p)
{
	bool twice = p->i + 1 < p->len && p->s[p->i + 1] == '*';
	bool whole = twice && (p->i == 0 || at_edge(p, p->i - 1)) && at_edge(p, p->i + 2);

	if (!whole)
	{
		while (p->i < p->len && p->s[p->i] == '*')
			p->i++;
		emit(p->glob, OP_STAR, 0);
	}
	else if (p->i + 2 < p->len && p->s[p->i + 2] == '/')
	{
		emit(p->glob, OP_DIRS, 0);
		emit(p->glob, OP_DIRS_BODY, 0);
		p->i += 3;
	}
	else
	{
		emit(p->glob, OP_REST, 0);
		emit(p->glob, OP_REST_BODY, 0);
		p->i += 2;
	}
}

static void parse_sequence(Parser *p, size_t end, int nesting);

/* "{a,b}" up to its brace at end: split, a, jump out, b. */
static void
parse_braces(Parser *p, size_t end, int nesting)
{
	LhGlob *glob = p->glob;
	uint32_t jumps = UINT32_MAX; /* chain of jumps to be aimed at the end, through alt */

	p->i++;
	for (;;)
	{
		size_t stop = p->i;
		int depth = 0;
		uint32_t split;
		Instr *jump;

		while (stop < end && !(depth == 0 && p->s[stop] == ','))
		{
			if (p->s[stop] == '\\')
				stop++;
			else if (p->s[stop] == '{')
				depth++;
			else if (p->s[stop] == '}')
				depth--;
			stop++;
		}
		if (stop >= end)
			break;
		split = glob->n;
		emit(glob, OP_SPLIT, split + 1);
		parse_sequence(p, stop, nesting + 1);
		jump = emit(glob, OP_JUMP, 0);
		jump->alt = jumps;
		jumps = glob->n - 1;
		glob->code[split].alt = glob->n;
		p->i = stop + 1;
	}
	parse_sequence(p, end, nesting + 1);
	p->i = end + 1;
	while (jumps != UINT32_MAX)
	{
		Instr *jump = &glob->code[jumps];

		jumps = jump->alt;
		jump->arg = glob->n;
	}
}

/* The pattern's text up to end; recursion is limited by closing_brace. */
static void
parse_sequence(Parser *p, size_t end, int nesting)
{
	size_t len = p->len;

	p->len = end;
	while (p->i < end)
	{
		char c = p->s[p->i];
		size_t brace;
		uint32_t code;

		if (c == '*')
			parse_star(p);
		else if (c == '?')
		{
			emit(p->glob, OP_ANY, 0);
			p->i++;
		}
		else if (c == '[' && parse_class(p))
			continue;
		else if (c == '{' && (brace = closing_brace(p, p->i, nesting)) != 0)
			parse_braces(p, brace, nesting);
		else
		{
			if (c == '\\' && p->i + 1 < end)
				p->i++;
			p->i += next_char(p->s + p->i, end - p->i, &code);
			emit(p->glob, OP_CHAR, code);
		}
	}
	p->len = len;
}

LhStatus
lh_glob_compile(LhCtx *ctx, const char *pattern, bool guard_hidden, LhGlob **out)
{
	size_t len = strlen(pattern);
	LhGlob *glob;
	Parser parser;

	if (len > LH_PATH_MAX)
		LH_FAIL(ctx, LH_LIMIT, "glob pattern is longer than %d bytes", LH_PATH_MAX);
	LH_NEW(ctx, glob);
	glob->guard_hidden = guard_hidden;
	glob->cap = (uint32_t) (2 * len + 8);
	LH_NEW_ARRAY(ctx, glob->code, glob->cap);
	LH_NEW_ARRAY(ctx, glob->ranges, len + 1);
	LH_NEW_ARRAY(ctx, glob->stack, glob->cap);
	LH_NEW_ARRAY(ctx, glob->next, LH_WORDS(glob->cap));
	parser = (Parser){.glob = glob, .s = pattern, .len = len};
	parse_sequence(&parser, len, 0);
	emit(glob, OP_MATCH, 0);
	*out = glob;
	return LH_OK;
}

/*
 * Matching
 */

size_t
lh_glob_words(const LhGlob *glob)
{
	return LH_WORDS(glob->n);
}

/* Put an instruction, and what follows it without a character, into the set. */
static void
add(const LhGlob *glob, uint64_t *set, uint32_t pc)
{
	uint32_t depth = 0;

	glob->stack[depth++] = pc;
	while (depth > 0)
	{
		const Instr *in;

		pc = glob->stack[--depth];
		if (lh_bit_get(set, pc))
			continue;
		lh_bit_set(set, pc);
		in = &glob->code[pc];
		switch (in->op)
		{
			case OP_SPLIT:
				glob->stack[depth++] = in->alt;
				glob->stack[depth++] = in->arg;
				break;
			case OP_JUMP: glob->stack[depth++] = in->arg; break;
			case OP_STAR:
			case OP_REST_BODY: glob->stack[depth++] = pc + 1; break;
			case OP_DIRS: glob->stack[depth++] = pc + 2; break;
			default: break;
		}
	}
}

static bool
in_class(const LhGlob *glob, const Instr *in, uint32_t c)
{
	for (uint32_t i = in->arg; i < in->alt; i++)
		if (c >= glob->ranges[i].lo && c <= glob->ranges[i].hi)
			return !in->neg;
	return in->neg;
}

/* What follows instruction pc when it meets c. */
static void
step(const LhGlob *glob, uint64_t *set, uint32_t pc, uint32_t c, bool hidden)
{
	const Instr *in = &glob->code[pc];
	bool wild = c != '/' && !hidden;

	switch (in->op)
	{
		case OP_CHAR:
			if (c == in->arg)
				add(glob, set, pc + 1);
			break;
		case OP_ANY:
			if (wild)
				add(glob, set, pc + 1);
			break;
		case OP_CLASS:
			if (wild && in_class(glob, in, c))
				add(glob, set, pc + 1);
			break;
		case OP_STAR:
			if (wild)
				add(glob, set, pc);
			break;
		case OP_DIRS:
		case OP_REST:
			if (wild)
				add(glob, set, pc + 1);
			break;
		case OP_DIRS_BODY:
		case OP_REST_BODY: add(glob, set, c == '/' ? pc - 1 : pc); break;
		default: break;
	}
}

void
lh_glob_start(const LhGlob *glob, uint64_t *set)
{
	memset(set, 0, lh_glob_words(glob) * sizeof(uint64_t));
	add(glob, set, 0);
}

void
lh_glob_feed(LhGlob *glob, const uint64_t *in, const char *s, size_t len, bool at_start,
			 uint64_t *out)
{
	size_t words = lh_glob_words(glob);

	if (out != in)
		memcpy(out, in, words * sizeof(uint64_t));
	for (size_t i = 0; i < len && lh_glob_alive(glob, out);)
	{
		uint32_t c;
		bool hidden;

		i += next_char(s + i, len - i, &c);
		hidden = glob->guard_hidden && at_start && (c == '.' || c == '_');
		memset(glob->next, 0, words * sizeof(uint64_t));
		for (size_t w = 0; w < words; w++)
			for (uint64_t bits = out[w]; bits != 0; bits &= bits - 1)
				step(glob, glob->next, (uint32_t) (w * 64) + (uint32_t) __builtin_ctzll(bits), c,
					 hidden);
		memcpy(out, glob->next, words * sizeof(uint64_t));
		at_start = c == '/';
	}
}

bool
lh_glob_alive(const LhGlob *glob, const uint64_t *set)
{
	for (size_t w = 0; w < lh_glob_words(glob); w++)
		if (set[w] != 0)
			return true;
	return false;
}

bool
lh_glob_accepts(const LhGlob *glob, const uint64_t *set)
{
	return lh_bit_get(set, glob->n - 1);
}

size_t
lh_glob_static_prefix(const char *pattern)
{
	size_t prefix = 0;

	for (size_t i = 0; pattern[i] != '\0'; i++)
	{
		if (pattern[i] == '\\' && pattern[i + 1] != '\0')
			i++;
		else if (strchr("*?[{", pattern[i]) != NULL)
			break;
		if (pattern[i] == '/')
			prefix = i + 1;
	}
	return prefix;
}

bool
lh_glob_match(const char *pattern, const char *path)
{
	LhCtx *ctx = lh_ctx_create();
	LhGlob *glob;
	uint64_t *set;
	bool match = false;

	if (ctx == NULL)
		return false;
	if (lh_glob_compile(ctx, pattern, false, &glob) == LH_OK &&
		(set = lh_alloc_array(ctx, lh_glob_words(glob), sizeof(*set))) != NULL)
	{
		lh_glob_start(glob, set);
		lh_glob_feed(glob, set, path, strlen(path), true, set);
		match = lh_glob_accepts(glob, set);
	}
	lh_ctx_destroy(ctx);
	return match;
}
