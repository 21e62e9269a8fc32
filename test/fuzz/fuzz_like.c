/*
 * fuzz_like.c
 *		LIKE: the compiled matcher of every instruction set, the plain matcher
 *		and PostgreSQL's own algorithm must agree.
 *
 * Input: one byte of flags, one byte with the pattern's length, pattern, string.
 */
#include <stdio.h>
#include <stdlib.h>

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

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static LhCtx *ctx;
	LhLike *like;
	const uint8_t *p, *s;
	size_t plen, slen;
	bool text, want;
	Match match;

	if (ctx == NULL)
		ctx = lh_ctx_create();
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
	for (int isa = LH_ISA_BASE; isa <= LH_ISA_AVX512; isa++)
	{
		lh_isa_choose((LhIsa) isa);
		if (lh_like_test(like, s, slen) != want)
			differ(lh_isa_name((LhIsa) isa));
	}
	lh_arena_reset(ctx->arena);
	return 0;
}
