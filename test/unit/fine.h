/*
 * fine.h
 *		For unit tests with a context "ctx": calls that must not fail, texts that must say something.
 */
#ifndef LH_TEST_FINE_H
#define LH_TEST_FINE_H

#define FINE(call)                                                                   \
	do                                                                               \
	{                                                                                \
		if ((call) != LH_OK)                                                         \
			fail_msg("%s: %s (%s)", #call, ctx->error->message, ctx->error->detail); \
	} while (0)

static inline void
holds(const char *text, const char *part)
{
	if (strstr(text, part) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", text, part);
}

#endif
