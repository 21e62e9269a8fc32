/*
 * fuzz_like.c
 *		LIKE: the compiled matcher of every instruction set, the plain matcher
 *		and PostgreSQL's own algorithm must agree; and the search through many
 *		strings with the compiled matcher.
 *
 * Input: one byte of flags, one byte with the pattern's length, pattern, string.
 */
#include <stdio.h>
#include <stdlib.h>

#include "fuzz/fuzz_ctx.h"
#include "unit/test_like_postgres.h"
#include "vec/like.h"
#include "vec/pred.h"

#define FLAG_TEXT 1

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
differ(const char *who)
{
	fprintf(stderr, "%s disagrees with PostgreSQL\n", who);
	abort();
}

/* Lines of s, one behind the other as in a page, searched in one go. */
static void
check_scan(const LhLike *like, const uint8_t *s, size_t slen)
{
	LhStr strs[64];
	uint64_t hit;
	size_t n = 0, from = 0;

	for (size_t i = 0; i <= slen && n < 64; i++)
	{
		if (i == slen || s[i] == '\n')
		{
			strs[n++] = (LhStr){s + from, (uint32_t) (i - from), 0};
			from = i + 1;
		}
	}
	if (!lh_like_scan(like, strs, n, NULL, &hit))
		return;
	for (size_t i = 0; i < n; i++)
	{
		if (lh_like_test(like, strs[i].ptr, strs[i].len) != lh_bit_get(&hit, i))
			differ("lh_like_scan");
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	LhCtx *ctx = fuzz_ctx();
	LhLike *like;
	const uint8_t *p, *s;
	size_t plen, slen;
	bool text, want;
	Match match;

	if (size < 2)
		return 0;
	text = data[0] & FLAG_TEXT;
	p = data + 2;
	plen = data[1] < size - 2 ? data[1] : size - 2;
	s = p + plen;
	slen = size - 2 - plen;
	/* text is valid UTF-8 in PostgreSQL; what others do with the rest is their affair */
	if (text && !(lh_utf8_valid(p, plen) && lh_utf8_valid(s, slen)))
		return 0;
	if (lh_like_ends_in_escape(p, plen, '\\'))
		return 0;
	match = match_text(s, slen, p, plen, text);
	if (match == MATCH_ERROR)
		differ("lh_like_ends_in_escape");
	want = match == MATCH_TRUE;
	if (lh_like_match(s, slen, p, plen, '\\', text) != want)
		differ("lh_like_match");
	if (lh_like_compile(ctx, p, plen, '\\', text, &like) != LH_OK)
		abort();
	for (int isa = LH_ISA_BASE; isa <= (int) lh_isa_best(); isa++)
	{
		lh_isa_choose((LhIsa) isa);
		if (lh_like_test(like, s, slen) != want)
			differ(lh_isa_name((LhIsa) isa));
		check_scan(like, s, slen);
	}
	fuzz_ctx_done(ctx);
	return 0;
}
