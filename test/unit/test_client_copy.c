/*
 * test_client_copy.c
 *		Binary COPY of one column: whole however it is cut, refused when it lies.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "client/copy.h"

#define MAX     100
#define HEAD    "PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0"
#define TRAILER "\377\377"
#define NONE    "\0\1\377\377\377\377"

typedef struct Made
{
	LhCtx *ctx;
	LhCopyReader r;
	char text[512]; /* values with "|" between them */
} Made;

static int
setup(void **state)
{
	Made *m = calloc(1, sizeof(*m));

	m->ctx = lh_ctx_create();
	assert_int_equal(lh_copy_init(m->ctx, &m->r, MAX), LH_OK);
	*state = m;
	return 0;
}

static int
teardown(void **state)
{
	Made *m = *state;

	lh_ctx_destroy(m->ctx);
	free(m);
	return 0;
}

/* What is at hand goes to m->text. */
static LhStatus
drain(Made *m)
{
	for (;;)
	{
		LhSlice value;
		bool more;

		LH_TRY(lh_copy_next(m->ctx, &m->r, &value, &more));
		if (!more)
			return LH_OK;
		snprintf(m->text + strlen(m->text), sizeof(m->text) - strlen(m->text), "%.*s|",
				 value.data != NULL ? (int) value.len : 4,
				 value.data != NULL ? (const char *) value.data : "null");
	}
}

/* In pieces of so many bytes, each in memory of its own, which is gone before the next. */
static LhStatus
read_all(Made *m, const char *bytes, size_t n, size_t step)
{
	lh_error_clear(m->ctx);
	lh_copy_reset(&m->r);
	m->text[0] = '\0';
	for (size_t at = 0; at < n; at += step)
	{
		size_t len = n - at < step ? n - at : step;
		char *piece = malloc(len);
		LhStatus status;

		memcpy(piece, bytes + at, len);
		lh_copy_feed(&m->r, lh_slice(piece, len));
		status = drain(m);
		free(piece);
		LH_TRY(status);
	}
	return lh_copy_end(m->ctx, &m->r);
}

static void
however_it_is_cut(void **state)
{
	static const char copy[] = HEAD "\0\1\0\0\0\5first" NONE "\0\1\0\0\0\0"
									"\0\1\0\0\0\14and the last" TRAILER;
	static const char extended[] = "PGCOPY\n\377\r\n\0\0\0\0\1\0\0\0\3xyz"
								   "\0\1\0\0\0\1v" TRAILER;
	Made *m = *state;

	for (size_t step = 1; step <= sizeof(copy); step++)
	{
		assert_int_equal(read_all(m, copy, sizeof(copy) - 1, step), LH_OK);
		assert_string_equal(m->text, "first|null||and the last|");
	}
	for (size_t step = 1; step <= sizeof(extended); step++)
	{
		assert_int_equal(read_all(m, extended, sizeof(extended) - 1, step), LH_OK);
		assert_string_equal(m->text, "v|");
	}
	assert_int_equal(read_all(m, HEAD TRAILER, sizeof(HEAD TRAILER) - 1, 7), LH_OK);
	assert_string_equal(m->text, "");
}

/* What a stream lies about, in pieces of any size. */
static void
refused(Made *m, const char *bytes, size_t n, LhStatus code, const char *message)
{
	for (size_t step = 1; step <= n; step++)
	{
		assert_int_equal(read_all(m, bytes, n, step), code);
		if (strstr(m->ctx->error->message, message) == NULL)
			fail_msg("\"%s\" is not in \"%s\"", message, m->ctx->error->message);
	}
}

#define REFUSED(bytes, code, message) refused(m, (bytes), sizeof(bytes) - 1, (code), (message))

static void
lies_are_refused(void **state)
{
	Made *m = *state;

	REFUSED("PGCOPX\n\377\r\n\0\0\0\0\0\0\0\0\0" TRAILER, LH_CORRUPT, "does not begin");
	REFUSED("PGCOPY\n\377\r\n\0\0\1\0\0\0\0\0\0" TRAILER, LH_UNSUPPORTED, "flags 0x10000");
	REFUSED("PGCOPY\n\377\r\n\0\0\0\0\0\377\377\377\377" TRAILER, LH_UNSUPPORTED, "of extension");
	REFUSED(HEAD "\0\2\0\0\0\1v\0\0\0\1v" TRAILER, LH_CORRUPT, "a row of 2 columns");
	REFUSED(HEAD "\0\0" TRAILER, LH_CORRUPT, "a row of 0 columns");
	REFUSED(HEAD "\0\1\377\377\377\376", LH_CORRUPT, "a value of -2 bytes");
	REFUSED(HEAD "\0\1\200\0\0\0", LH_CORRUPT, "a value of -2147483648 bytes");
	REFUSED(HEAD "\0\1\177\377\377\377", LH_LIMIT, "a row has 2147483647 bytes, more than 100");
	REFUSED(HEAD "\0\1\0\0\0\145", LH_LIMIT, "a row has 101 bytes");
	REFUSED(HEAD TRAILER "x", LH_CORRUPT, "goes on behind its end");
	REFUSED(HEAD TRAILER NONE, LH_CORRUPT, "goes on behind its end");
	REFUSED("", LH_CORRUPT, "without its trailer");
}

static void
every_cut_is_noticed(void **state)
{
	static const char copy[] = HEAD "\0\1\0\0\0\5first" NONE TRAILER;
	Made *m = *state;

	for (size_t n = 0; n < sizeof(copy) - 1; n++)
	{
		assert_int_equal(read_all(m, copy, n, 4), LH_CORRUPT);
		assert_non_null(strstr(m->ctx->error->message, "without its trailer"));
	}
}

/* Of a limit of 100 bytes, whatever the stream says. */
static void
memory_is_taken_for_what_came(void **state)
{
	Made *m = *state;

	assert_int_equal(read_all(m, HEAD "\0\1\0\0\0\144abc", sizeof(HEAD "\0\1\0\0\0\144abc") - 1, 1),
					 LH_CORRUPT);
	assert_true(m->r.kept.cap < 4096);
}

/* One large row does not cost its memory for ever. */
static void
memory_is_given_back(void **state)
{
	enum
	{
		LARGE = 3 << 20
	};
	static const char small[] = "\0\1\0\0\0\1v";
	Made *m = *state;
	char *copy = calloc(1, LARGE);
	LhSlice value;
	bool more;

	memcpy(copy, HEAD "\0\1\0\40\0\0", 25); /* 2 MB */
	m->r.max = LARGE;
	lh_copy_feed(&m->r, lh_slice(copy, 100));
	assert_int_equal(lh_copy_next(m->ctx, &m->r, &value, &more), LH_OK);
	assert_false(more);
	lh_copy_feed(&m->r, lh_slice(copy + 100, 25 + (2 << 20) - 100));
	assert_int_equal(lh_copy_next(m->ctx, &m->r, &value, &more), LH_OK);
	assert_true(more && value.len == 2 << 20);
	for (size_t at = 0; at < sizeof(small) - 1; at++)
	{
		lh_copy_feed(&m->r, lh_slice(small + at, 1));
		assert_int_equal(lh_copy_next(m->ctx, &m->r, &value, &more), LH_OK);
	}
	assert_true(more && value.len == 1);
	assert_true(m->r.kept.cap < 4096);
	free(copy);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(however_it_is_cut, setup, teardown),
		cmocka_unit_test_setup_teardown(lies_are_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(every_cut_is_noticed, setup, teardown),
		cmocka_unit_test_setup_teardown(memory_is_taken_for_what_came, setup, teardown),
		cmocka_unit_test_setup_teardown(memory_is_given_back, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
