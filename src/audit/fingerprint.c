/*
 * fingerprint.c
 *		Fingerprints of statements (see fingerprint.h).
 *
 * PostgreSQL's lexical rules, in one pass without allocation:
 *
 *	1. Tokens are written to a small buffer in their normal form, each with a byte behind it that no token has, and hashed when it is full.
 *	   Literals are one byte there, parameters another.
 *	2. A plain literal means one thing with standard_conforming_strings, another without, once a quote in it follows an odd
 *	   number of backslashes.  There the fingerprint ends, so it depends on no setting.
 *	3. TRUE, FALSE and NULL are literals but for IS [NOT] ...; a sign before a number is part of it.
 *	4. Elements of a list are hashed for themselves, and one that was there before in it is left out.
 *	5. What cannot be a statement ends the fingerprint, too; so does the bound.  An element that was begun is then left out.
 */
#include "audit/fingerprint.h"

#include <stdbool.h>
#include <string.h>

#include "core/hash.h"

typedef unsigned char Byte;

/* None of them is in a text that PostgreSQL takes. */
#define SPACE     '\1'
#define LITERAL   '\2'
#define PARAMETER '\3'

/* Lists within lists, and shapes of elements that are told apart; beyond, elements are what other text is, or left out. */
#define LISTS_MOST  4
#define SHAPES_MOST 8

/* Bytes after which the buffer is hashed, which takes no more than a token's; and of a word, of which PostgreSQL compares 63. */
#define CHUNK     256
#define NAME_MOST 64

typedef struct List
{
	uint64_t before; /* hash of what is before the element */
	int depth;       /* of its commas */
	bool rows;       /* of VALUES: without brackets of its own */
	int nshapes;
	uint64_t shapes[SHAPES_MOST];
} List;

/* What was before: does a sign belong to the number behind it, is NULL an operator's? */
typedef enum Before
{
	BEFORE_OPERATOR, /* or an opening bracket, a comma, nothing */
	BEFORE_OPERAND,
	BEFORE_WORD
} Before;

typedef struct Word
{
	const Byte *p;
	size_t len;
} Word;

typedef struct Lexer
{
	const Byte *p;
	const Byte *end;
	uint64_t hash; /* of what was in bytes before */
	size_t n;
	Before before;
	Word word, word_before; /* of those in a row without another token */
	int depth;              /* of brackets */
	bool between;           /* rows of the last list: behind one */
	int nlists;
	List lists[LISTS_MOST];
	Byte bytes[CHUNK + NAME_MOST + 1];
} Lexer;

/* Bytes of words as they are hashed; 0: of no word.  Letters, digits, _, $, and all above ASCII. */
/* clang-format off */
#define LETTERS 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k', 'l', 'm', 'n', 'o', 'p', 'q', 'r', 's', 't', 'u', 'v', 'w', 'x', 'y', 'z'
#define EIGHT(b) b, b + 1, b + 2, b + 3, b + 4, b + 5, b + 6, b + 7
#define THIRTY_TWO(b) EIGHT(b), EIGHT(b + 8), EIGHT(b + 16), EIGHT(b + 24)
static const Byte word_byte[256] = {
	['$'] = '$', ['_'] = '_', ['0'] = '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', ['A'] = LETTERS, ['a'] = LETTERS,
	[128] = THIRTY_TWO(128), THIRTY_TWO(160), THIRTY_TWO(192), THIRTY_TWO(224),
};

/* 2: an operator that ends in a sign has to have one of them. */
static const Byte operator_byte[256] = {
	['+'] = 1, ['-'] = 1, ['*'] = 1, ['/'] = 1, ['<'] = 1, ['>'] = 1, ['='] = 1,
	['~'] = 2, ['!'] = 2, ['@'] = 2, ['#'] = 2, ['^'] = 2, ['&'] = 2, ['|'] = 2, ['`'] = 2, ['?'] = 2, ['%'] = 2,
};
/* clang-format on */

/* ---- what is hashed ---- */

static void
flush(Lexer *lx)
{
	if (lx->n > 0)
		lx->hash = lh_hash_bytes(lx->bytes, lx->n, lx->hash);
	lx->n = 0;
}

static inline void
put_byte(Lexer *lx, Byte b)
{
	lx->bytes[lx->n++] = b;
	if (lx->n >= CHUNK)
		flush(lx);
}

static inline void
put_token(Lexer *lx, Byte b, Before before)
{
	put_byte(lx, b);
	lx->before = before;
	lx->word = lx->word_before = (Word){NULL, 0};
}

static void
put_bytes(Lexer *lx, const Byte *from, const Byte *to)
{
	while (from < to)
		put_byte(lx, *from++);
}

/* ---- lists ---- */

static void
begin_element(Lexer *lx)
{
	flush(lx);
	lx->lists[lx->nlists - 1].before = lx->hash;
	lx->hash = 0;
}

static void
end_element(Lexer *lx)
{
	List *list = &lx->lists[lx->nlists - 1];
	uint64_t shape;

	flush(lx);
	shape = lx->hash;
	lx->hash = list->before;
	for (int i = 0; i < list->nshapes; i++)
	{
		if (list->shapes[i] == shape)
			return;
	}
	if (list->nshapes == SHAPES_MOST)
		return;
	list->shapes[list->nshapes++] = shape;
	lx->hash = lh_hash_bytes(&shape, sizeof(shape), lx->hash);
}

static void
push_list(Lexer *lx, bool rows)
{
	List *list = &lx->lists[lx->nlists++];

	list->depth = lx->depth;
	list->rows = rows;
	list->nshapes = 0;
	begin_element(lx);
}

/* Ends here what is not within an element: what was begun of one is left out. */
static uint64_t
finish(Lexer *lx)
{
	if (lx->nlists > 0 && !(lx->nlists == 1 && lx->between))
		return lx->lists[0].before;
	flush(lx);
	return lx->hash;
}

/* ---- words ---- */

/* lower: in small letters */
static bool
is_word(Word word, const char *lower)
{
	size_t n = strlen(lower);

	if (word.len != n)
		return false;
	for (size_t i = 0; i < n; i++)
	{
		if (word_byte[word.p[i]] != (Byte) lower[i])
			return false;
	}
	return true;
}

/* Words before which no operand is complete, so that a sign behind them is a number's. */
static bool
wants_operand(Word word)
{
	static const char *const words[] = {
		"select", "and",     "or",        "not",    "in",     "between",  "then",   "else",
		"when",   "case",    "limit",     "offset", "values", "by",       "return", "returning",
		"like",   "ilike",   "where",     "having", "on",     "distinct", "all",    "from",
		"to",     "for",     "symmetric", "set",    "next",   "first",    "is",     "as",
		"with",   "default", "any",       "some"};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
	{
		if (is_word(word, words[i]))
			return true;
	}
	return false;
}

static inline bool
is_constant(const Lexer *lx, Word word)
{
	Byte first = word_byte[word.p[0]];

	if (word.len == 4 ? first != 'n' && first != 't' : word.len != 5 || first != 'f')
		return false;
	if (!is_word(word, "null") && !is_word(word, "true") && !is_word(word, "false"))
		return false;
	return !(is_word(lx->word, "is") ||
			 (is_word(lx->word, "not") && is_word(lx->word_before, "is")));
}

static bool string(Lexer *lx, bool backslashes, bool plain);
static bool quoted_name(Lexer *lx);

/* What looked like a word is the letter before a literal, or a name. */
static bool
prefixed(Lexer *lx, const Byte *start, bool *done)
{
	*done = true;
	if (lx->p == lx->end)
		*done = false;
	else if (lx->p == start + 1 && *lx->p == '\'' && strchr("ebxn", word_byte[*start]) != NULL)
		return string(lx, word_byte[*start] == 'e', word_byte[*start] == 'n');
	else if (lx->p == start + 1 && word_byte[*start] == 'u' && lx->end - lx->p >= 2 &&
			 lx->p[0] == '&' && lx->p[1] == '\'')
	{
		lx->p++;
		return string(lx, false, false);
	}
	else if (lx->p == start + 1 && word_byte[*start] == 'u' && lx->end - lx->p >= 2 &&
			 lx->p[0] == '&' && lx->p[1] == '"')
	{
		put_byte(lx, '&');
		lx->p++;
		return quoted_name(lx);
	}
	else
		*done = false;
	return true;
}

static bool
word(Lexer *lx)
{
	const Byte *p = lx->p, *end;
	Word w = {p, 0};
	Byte *out = lx->bytes + lx->n;
	bool done, ok;
	Byte b;

	/* into the buffer as it is read, but there only when it is known to be a word */
	end = lx->end - p > NAME_MOST ? p + NAME_MOST : lx->end;
	for (; p < end && (b = word_byte[*p]) != 0; p++)
		*out++ = b;
	while (p < lx->end && word_byte[*p] != 0)
		p++;
	lx->p = p;
	w.len = (size_t) (p - w.p);
	if (w.len == 1)
	{
		ok = prefixed(lx, w.p, &done);
		if (done)
			return ok;
	}
	if (is_constant(lx, w))
	{
		put_token(lx, LITERAL, BEFORE_OPERAND);
		return true;
	}
	lx->n = (size_t) (out - lx->bytes);
	put_byte(lx, SPACE);
	lx->word_before = lx->word;
	lx->word = w;
	lx->before = BEFORE_WORD;
	return true;
}

/* "..." as it is. */
static bool
quoted_name(Lexer *lx)
{
	const Byte *start = lx->p, *p = start + 1;

	for (;;)
	{
		p = p < lx->end ? memchr(p, '"', (size_t) (lx->end - p)) : NULL;
		if (p == NULL)
			return false;
		p++;
		if (p == lx->end || *p != '"')
			break;
		p++;
	}
	put_bytes(lx, start, p);
	lx->p = p;
	put_token(lx, SPACE, BEFORE_OPERAND);
	return true;
}

/* ---- white space and comments ---- */

static inline bool
is_space(Byte c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static void
line_comment(Lexer *lx)
{
	while (lx->p < lx->end && *lx->p != '\n' && *lx->p != '\r')
		lx->p++;
}

/* False: it has no end. */
static bool
block_comment(Lexer *lx)
{
	size_t depth = 0;

	for (; lx->end - lx->p >= 2; lx->p++)
	{
		if (lx->p[0] == '/' && lx->p[1] == '*')
			depth++;
		else if (lx->p[0] == '*' && lx->p[1] == '/')
			depth--;
		else
			continue;
		lx->p++;
		if (depth == 0)
		{
			lx->p++;
			return true;
		}
	}
	return false;
}

static inline bool
at_comment(const Byte *p, const Byte *end)
{
	return end - p >= 2 && ((p[0] == '-' && p[1] == '-') || (p[0] == '/' && p[1] == '*'));
}

static bool
skip_comments(Lexer *lx)
{
	while (at_comment(lx->p, lx->end))
	{
		if (*lx->p == '-')
			line_comment(lx);
		else if (!block_comment(lx))
			return false;
		while (lx->p < lx->end && is_space(*lx->p))
			lx->p++;
	}
	return true;
}

/* To the next token.  False: a comment has no end. */
static inline bool
skip_space(Lexer *lx)
{
	const Byte *p = lx->p;

	while (p < lx->end && is_space(*p))
		p++;
	lx->p = p;
	return p == lx->end || (*p != '-' && *p != '/') || skip_comments(lx);
}

/* ---- literals ---- */

/* Backslashes right before p, down to start. */
static bool
is_escaped(const Byte *start, const Byte *p)
{
	size_t n = 0;

	while (p - n > start && p[-1 - (ptrdiff_t) n] == '\\')
		n++;
	return n % 2 != 0;
}

/* One part of it: from the quote to behind the other.  False: there is none, or it is not known which it is. */
static bool
string_part(Lexer *lx, bool backslashes, bool plain)
{
	const Byte *start = lx->p + 1, *p = start;

	for (;;)
	{
		p = p < lx->end ? memchr(p, '\'', (size_t) (lx->end - p)) : NULL;
		if (p == NULL)
			return false;
		if ((backslashes || plain) && is_escaped(start, p))
		{
			if (plain)
				return false;
			p++;
			start = p;
			continue;
		}
		p++;
		if (p == lx->end || *p != '\'')
			break;
		p++;
		start = p;
	}
	lx->p = p;
	return true;
}

/* At the quote.  Parts that lines divide are one literal, with the rules of the first. */
static bool
string(Lexer *lx, bool backslashes, bool plain)
{
	do
	{
		if (!string_part(lx, backslashes, plain) || !skip_space(lx))
			return false;
	} while (lx->p < lx->end && *lx->p == '\'');
	put_token(lx, LITERAL, BEFORE_OPERAND);
	return true;
}

static inline bool
is_digit(Byte c)
{
	return c >= '0' && c <= '9';
}

static inline bool
at_number(const Byte *p, const Byte *end)
{
	return p < end && (is_digit(*p) || (*p == '.' && end - p >= 2 && is_digit(p[1])));
}

/* With what hangs on to it, whatever that is, so that no digit is left over. */
static bool
number(Lexer *lx)
{
	const Byte *p = lx->p;
	bool decimal = !(*p == '0' && lx->end - p >= 2 && strchr("xob", word_byte[p[1]]) != NULL &&
					 word_byte[p[1]] != 0);

	for (; p < lx->end; p++)
	{
		if (*p == '.' && decimal)
		{
			/* 1..2 are two */
			if (lx->end - p >= 2 && p[1] == '.')
				break;
		}
		else if (word_byte[*p] == 0)
			break;
		else if (decimal && word_byte[*p] == 'e' && lx->end - p >= 3 &&
				 (p[1] == '+' || p[1] == '-') && is_digit(p[2]))
			p++;
	}
	lx->p = p;
	put_token(lx, LITERAL, BEFORE_OPERAND);
	return true;
}

/* $1, or $tag$...$tag$ */
static bool
dollar(Lexer *lx)
{
	const Byte *start = lx->p, *p = start + 1;
	size_t n;

	if (p < lx->end && is_digit(*p))
	{
		while (p < lx->end && word_byte[*p] != 0)
			p++;
		lx->p = p;
		put_token(lx, PARAMETER, BEFORE_OPERAND);
		return true;
	}
	while (p < lx->end && *p != '$' && word_byte[*p] != 0)
		p++;
	if (p == lx->end || *p != '$')
		return false;
	n = (size_t) (++p - start);
	for (; (size_t) (lx->end - p) >= n; p++)
	{
		p = memchr(p, '$', (size_t) (lx->end - p) - n + 1);
		if (p == NULL)
			return false;
		if (memcmp(p, start, n) == 0)
		{
			lx->p = p + n;
			put_token(lx, LITERAL, BEFORE_OPERAND);
			return true;
		}
	}
	return false;
}

/* ---- operators and brackets ---- */

static bool
operator(Lexer *lx)
{
	const Byte *start = lx->p, *p = start;
	bool free_end = false; /* it may end in a sign */

	for (; p < lx->end && operator_byte[*p] != 0 && !at_comment(p, lx->end); p++)
		free_end = free_end || operator_byte[*p] == 2;
	while (!free_end && p - start > 1 && (p[-1] == '+' || p[-1] == '-'))
		p--;
	lx->p = p;
	if (p - start == 1 && (*start == '-' || *start == '+') && lx->before != BEFORE_OPERAND &&
		(lx->before == BEFORE_OPERATOR || wants_operand(lx->word)))
	{
		if (!skip_space(lx))
			return false;
		if (at_number(lx->p, lx->end))
			return true;
	}
	put_bytes(lx, start, p);
	put_token(lx, SPACE, BEFORE_OPERATOR);
	return true;
}

static void
open_bracket(Lexer *lx, Byte c)
{
	bool rows = c == '(' && is_word(lx->word, "values");
	bool in = c == '[' || (c == '(' && is_word(lx->word, "in"));

	if (rows && lx->nlists < LISTS_MOST)
		push_list(lx, true);
	put_token(lx, c, BEFORE_OPERATOR);
	lx->depth++;
	if (in && lx->nlists < LISTS_MOST)
		push_list(lx, false);
}

static void
close_bracket(Lexer *lx, Byte c)
{
	List *list = lx->nlists > 0 ? &lx->lists[lx->nlists - 1] : NULL;

	if (list != NULL && !list->rows && list->depth == lx->depth)
	{
		end_element(lx);
		lx->nlists--;
		list = NULL;
	}
	lx->depth--;
	put_token(lx, c, BEFORE_OPERAND);
	if (list != NULL && list->rows && list->depth == lx->depth)
	{
		end_element(lx);
		lx->between = true;
	}
}

static void
comma(Lexer *lx)
{
	const List *list = lx->nlists > 0 ? &lx->lists[lx->nlists - 1] : NULL;

	if (list != NULL && !list->rows && list->depth == lx->depth)
	{
		end_element(lx);
		begin_element(lx);
		lx->before = BEFORE_OPERATOR;
		lx->word = lx->word_before = (Word){NULL, 0};
		return;
	}
	put_token(lx, ',', BEFORE_OPERATOR);
}

/* Behind a row of VALUES: another one, or the list has ended.  True: the token is taken. */
static bool
after_row(Lexer *lx)
{
	if (*lx->p == ',')
	{
		lx->p++;
		return true;
	}
	lx->between = false;
	if (*lx->p == '(')
		begin_element(lx);
	else
		lx->nlists--;
	return false;
}

/* One token.  False: the fingerprint ends. */
static bool
token(Lexer *lx)
{
	Byte c = *lx->p;

	/* most of them */
	if (word_byte[c] >= 'a' || c == '_')
		return word(lx);
	switch (c)
	{
		case '\'': return string(lx, false, true);
		case '"': return quoted_name(lx);
		case '$': return dollar(lx);
		case '(':
		case '[': open_bracket(lx, c); break;
		case ')':
		case ']': close_bracket(lx, c); break;
		case ',': comma(lx); break;
		case ';': break;
		case '.':
			if (at_number(lx->p, lx->end))
				return number(lx);
			put_token(lx, c, BEFORE_OPERATOR);
			/* .. is one: no number begins with its second half */
			if (lx->end - lx->p >= 2 && lx->p[1] == '.')
			{
				put_token(lx, c, BEFORE_OPERATOR);
				lx->p++;
			}
			break;
		case ':': put_token(lx, c, BEFORE_OPERATOR); break;
		default:
			if (operator_byte[c] != 0)
				return operator(lx);
			if (is_digit(c))
				return number(lx);
			/* a backslash, a byte of control, NUL */
			return false;
	}
	lx->p++;
	return true;
}

uint64_t
lh_audit_fingerprint(const char *text, size_t len)
{
	Lexer lx;
	uint64_t hash;

	lx.p = (const Byte *) text;
	lx.end = lx.p + (len < LH_AUDIT_FINGERPRINT_MOST ? len : LH_AUDIT_FINGERPRINT_MOST);
	lx.hash = 0;
	lx.n = 0;
	lx.before = BEFORE_OPERATOR;
	lx.word = lx.word_before = (Word){NULL, 0};
	lx.depth = 0;
	lx.between = false;
	lx.nlists = 0;
	while (skip_space(&lx) && lx.p < lx.end)
	{
		if (lx.between && after_row(&lx))
			continue;
		if (!token(&lx))
			break;
	}
	hash = finish(&lx);
	return hash;
}
