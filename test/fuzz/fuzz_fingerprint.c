/*
 * fuzz_fingerprint.c
 *		Fingerprints of any text.
 *
 * A literal with the input as its content, in quotes that it does not contain, must not be told from an empty one; and a comment
 * before a text must not be seen.
 */
#include <stdlib.h>
#include <string.h>

#include "audit/fingerprint.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t
of(const char *before, const uint8_t *p, size_t n, const char *after)
{
	size_t head = strlen(before), tail = strlen(after);
	char *text = malloc(head + n + tail + 1);
	uint64_t hash;

	memcpy(text, before, head);
	if (n > 0)
		memcpy(text + head, p, n);
	memcpy(text + head + n, after, tail);
	hash = lh_audit_fingerprint(text, head + n + tail);
	free(text);
	return hash;
}

static void
check_literal(const uint8_t *p, size_t n)
{
	static const char *const quotes[][2] = {
		{"SELECT $q$", "$q$, a"}, {"SELECT B'", "', a"}, {"SELECT a IN (U&'", "') AND a"}};

	for (size_t i = 0; i < sizeof(quotes) / sizeof(quotes[0]); i++)
	{
		size_t most = n;

		if (n > 0 && memchr(p, i == 0 ? '$' : '\'', n) != NULL)
			continue;
		if (most > LH_AUDIT_FINGERPRINT_MOST / 2)
			most = LH_AUDIT_FINGERPRINT_MOST / 2;
		if (of(quotes[i][0], p, most, quotes[i][1]) != of(quotes[i][0], NULL, 0, quotes[i][1]))
			abort();
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint64_t plain;

	plain = of("", data, size, "");
	/* the same again, behind a comment and white space */
	if (size < LH_AUDIT_FINGERPRINT_MOST / 2 &&
		of("/* /* */ ' */\n --$$\n", data, size, "") != plain)
		abort();
	check_literal(data, size);
	return 0;
}
