/*
 * test_ctx.c
 *		Errors, counters and what core asks of its host.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/core.h"

static int
setup(void **state)
{
	*state = lh_ctx_create();
	return *state == NULL;
}

static int
teardown(void **state)
{
	lh_ctx_destroy(*state);
	return 0;
}

static void
a_failure_carries_code_and_message(void **state)
{
	LhCtx *ctx = *state;

	assert_int_equal(lh_fail(ctx, LH_CORRUPT, "page %d of \"%s\"", 3, "x"), LH_CORRUPT);
	assert_int_equal(ctx->error->code, LH_CORRUPT);
	assert_string_equal(ctx->error->message, "page 3 of \"x\"");
	assert_string_equal(ctx->error->detail, "");
	assert_string_equal(ctx->error->hint, "");
}

static void
failing_with_ok_is_a_bug(void **state)
{
	LhCtx *ctx = *state;

	assert_int_equal(lh_fail(ctx, LH_OK, "no"), LH_BUG);
	assert_int_equal(ctx->error->code, LH_BUG);
}

static void
a_new_failure_replaces_all_of_the_old_one(void **state)
{
	LhCtx *ctx = *state;

	lh_fail(ctx, LH_IO, "first");
	lh_detail(ctx, "Detail.");
	lh_hint(ctx, "Hint.");
	lh_fail(ctx, LH_LIMIT, "second");
	assert_string_equal(ctx->error->message, "second");
	assert_string_equal(ctx->error->detail, "");
	assert_string_equal(ctx->error->hint, "");
}

static void
the_first_detail_and_hint_win(void **state)
{
	LhCtx *ctx = *state;

	lh_fail(ctx, LH_IO, "m");
	lh_detail(ctx, "Column %d.", 1);
	lh_detail(ctx, "Column %d.", 2);
	lh_hint(ctx, "Try %s.", "a");
	lh_hint(ctx, "Try %s.", "b");
	assert_string_equal(ctx->error->detail, "Column 1.");
	assert_string_equal(ctx->error->hint, "Try a.");
}

static void
a_prefix_goes_before_the_message(void **state)
{
	LhCtx *ctx = *state;

	lh_fail(ctx, LH_CORRUPT, "page is short");
	lh_error_prefix(ctx, "column \"%s\"", "c");
	lh_error_prefix(ctx, "%s", "f.parquet");
	assert_string_equal(ctx->error->message, "f.parquet: column \"c\": page is short");
	assert_int_equal(ctx->error->code, LH_CORRUPT);
}

/* A text of n two-byte characters. */
static char *
many(LhCtx *ctx, size_t n)
{
	char *text = lh_alloc(ctx, 2 * n + 1);

	for (size_t i = 0; i < n; i++)
		memcpy(text + 2 * i, "\xc3\xa4", 2);
	text[2 * n] = '\0';
	return text;
}

static void
a_long_text_is_cut_at_a_character(void **state)
{
	LhCtx *ctx = *state;
	const char *message = ctx->error->message;

	lh_fail(ctx, LH_IO, "%s", many(ctx, 2000));
	assert_int_equal(strlen(message), LH_ERROR_TEXT - 2);
	assert_true(lh_utf8_valid(message, strlen(message)));
	lh_fail(ctx, LH_IO, "x%s", many(ctx, 2000));
	assert_int_equal(strlen(message), LH_ERROR_TEXT - 1);
	assert_true(lh_utf8_valid(message, strlen(message)));
	lh_hint(ctx, "%s", many(ctx, 2000));
	assert_true(lh_utf8_valid(ctx->error->hint, strlen(ctx->error->hint)));
}

static void
a_long_prefix_leaves_a_valid_text(void **state)
{
	LhCtx *ctx = *state;
	const char *message = ctx->error->message;

	for (size_t n = 370; n < 390; n++)
	{
		for (size_t m = 370; m < 390; m++)
		{
			lh_fail(ctx, LH_IO, "%s", many(ctx, m));
			lh_error_prefix(ctx, "%s", many(ctx, n));
			assert_true(strlen(message) < LH_ERROR_TEXT);
			assert_true(lh_utf8_valid(message, strlen(message)));
			assert_non_null(strstr(message, ": "));
		}
	}
}

static void
clearing_leaves_nothing(void **state)
{
	LhCtx *ctx = *state;

	lh_fail(ctx, LH_IO, "m");
	lh_hint(ctx, "h");
	lh_error_clear(ctx);
	assert_int_equal(ctx->error->code, LH_OK);
	assert_string_equal(ctx->error->message, "");
	assert_string_equal(ctx->error->hint, "");
}

static LhStatus
inner(LhCtx *ctx)
{
	LH_FAIL(ctx, LH_NOT_FOUND, "no column %d", 7);
}

static LhStatus
outer(LhCtx *ctx, bool *went_on)
{
	LH_TRY(inner(ctx));
	*went_on = true;
	return LH_OK;
}

static void
try_returns_the_status_at_once(void **state)
{
	bool went_on = false;

	assert_int_equal(outer(*state, &went_on), LH_NOT_FOUND);
	assert_false(went_on);
}

static void
every_status_has_a_name(void **state)
{
	(void) state;
	for (int a = LH_OK; a <= LH_BUG; a++)
	{
		assert_string_not_equal(lh_status_name(a), "unknown status");
		for (int b = LH_OK; b < a; b++)
			assert_string_not_equal(lh_status_name(a), lh_status_name(b));
	}
	assert_string_equal(lh_status_name((LhStatus) 999), "unknown status");
	assert_string_equal(lh_status_name((LhStatus) -1), "unknown status");
}

static void
every_counter_has_its_own_name_and_label(void **state)
{
	(void) state;
	for (int a = 0; a < LH_N_COUNTERS; a++)
	{
		assert_non_null(lh_counter_name[a]);
		assert_non_null(lh_counter_label[a]);
		for (int b = 0; b < a; b++)
		{
			assert_string_not_equal(lh_counter_name[a], lh_counter_name[b]);
			assert_string_not_equal(lh_counter_label[a], lh_counter_label[b]);
		}
	}
	assert_string_equal(lh_counter_name[LH_CTR_PAGES_READ], "pages_read");
}

static bool
yes(void *arg)
{
	++*(int *) arg;
	return true;
}

static void
poll_asks_the_host(void **state)
{
	static const LhHost host = {.interrupted = yes};
	static const LhHost silent = {.interrupted = NULL};
	LhCtx *ctx = *state;
	int asked = 0;

	assert_int_equal(lh_poll(ctx), LH_OK);
	ctx->host = &silent;
	assert_int_equal(lh_poll(ctx), LH_OK);
	ctx->host = &host;
	ctx->host_arg = &asked;
	assert_int_equal(lh_poll(ctx), LH_CANCELLED);
	assert_int_equal(asked, 1);
	assert_int_equal(ctx->error->code, LH_CANCELLED);
	assert_string_not_equal(ctx->error->message, "");
}

static void
without_a_host_wait_is_poll(void **state)
{
	LhCtx *ctx = *state;
	LhWaitFd fd = {.events = POLLIN};
	LhWaitFd many_fds[65] = {{.fd = -1}};
	int ends[2];

	assert_int_equal(pipe(ends), 0);
	fd.fd = ends[0];
	assert_int_equal(lh_host_wait(ctx, &fd, 1, 0), 0);
	assert_int_equal(fd.revents, 0);
	assert_int_equal(write(ends[1], "x", 1), 1);
	assert_int_equal(lh_host_wait(ctx, &fd, 1, 1000), 1);
	assert_true(fd.revents & POLLIN);
	assert_int_equal(lh_host_wait(ctx, many_fds, 65, 0), -1);
	close(ends[0]);
	close(ends[1]);
}

static void
without_a_host_a_temporary_file_has_no_name(void **state)
{
	LhCtx *ctx = *state;
	char byte = 0;
	int fd;

	assert_int_equal(lh_host_temp_file(ctx, &fd), LH_OK);
	assert_int_equal(lh_host_temp_write(ctx, fd, "y", 1, 100), LH_OK);
	assert_int_equal(pread(fd, &byte, 1, 100), 1);
	assert_int_equal(byte, 'y');
	byte = 0;
	assert_int_equal(lh_host_temp_read(ctx, fd, &byte, 1, 100), LH_OK);
	assert_int_equal(byte, 'y');
	assert_int_equal(lh_host_temp_read(ctx, fd, &byte, 1, 101), LH_IO);
	lh_host_temp_close(NULL, NULL, fd);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
}

static int
no_file(void *arg)
{
	(void) arg;
	errno = ENOSPC;
	return -1;
}

static void
a_host_without_room_is_an_io_error(void **state)
{
	static const LhHost host = {.temp_file = no_file};
	LhCtx *ctx = *state;
	int fd;

	ctx->host = &host;
	assert_int_equal(lh_host_temp_file(ctx, &fd), LH_IO);
	assert_non_null(strstr(ctx->error->message, "No space left on device"));
}

/* A file of a host's own, of which it allows ten bytes before it wants to stop. */
typedef struct Small
{
	char bytes[10];
	int closed;
	bool stop;
} Small;

static int
small_file(void *arg)
{
	(void) arg;
	return 77;
}

static ssize_t
small_write(void *arg, int file, const void *p, size_t n, int64_t at)
{
	Small *s = arg;

	assert_int_equal(file, 77);
	s->stop = at + 1 > 10;
	errno = ECANCELED;
	if (s->stop || n == 0)
		return -1;
	s->bytes[at] = *(const char *) p; /* as little as is allowed */
	return 1;
}

static ssize_t
small_read(void *arg, int file, void *p, size_t n, int64_t at)
{
	assert_int_equal(file, 77);
	if (n == 0 || at >= 10)
		return 0;
	*(char *) p = ((Small *) arg)->bytes[at];
	return 1;
}

static void
small_close(void *arg, int file)
{
	((Small *) arg)->closed += file;
}

static bool
small_stops(void *arg)
{
	return ((Small *) arg)->stop;
}

static void
temporary_files_are_the_hosts(void **state)
{
	static const LhHost host = {.temp_file = small_file,
								.temp_write = small_write,
								.temp_read = small_read,
								.temp_close = small_close,
								.interrupted = small_stops};
	LhCtx *ctx = *state;
	Small small = {.closed = 0};
	char text[10];
	int file;

	ctx->host = &host;
	ctx->host_arg = &small;
	assert_int_equal(lh_host_temp_file(ctx, &file), LH_OK);
	assert_int_equal(lh_host_temp_write(ctx, file, "0123456789", 10, 0), LH_OK);
	assert_int_equal(lh_host_temp_read(ctx, file, text, 10, 0), LH_OK);
	assert_memory_equal(text, "0123456789", 10);
	assert_int_equal(lh_host_temp_read(ctx, file, text, 2, 9), LH_IO);
	assert_non_null(strstr(ctx->error->message, "ends early"));
	assert_int_equal(lh_host_temp_write(ctx, file, "ab", 2, 9), LH_CANCELLED);
	lh_host_temp_close(&host, &small, file);
	assert_int_equal(small.closed, 77);
}

static void
note_progress(void *arg, const char *what, int64_t done, int64_t total)
{
	assert_string_equal(what, "rows");
	*(int64_t *) arg = total - done;
}

static void
progress_reaches_the_host_if_it_cares(void **state)
{
	static const LhHost host = {.progress = note_progress};
	LhCtx *ctx = *state;
	int64_t left = 0;

	lh_progress(ctx, "rows", 1, 2);
	ctx->host = &host;
	ctx->host_arg = &left;
	lh_progress(ctx, "rows", 3, 10);
	assert_int_equal(left, 7);
}

static void
errno_texts_are_english_and_never_null(void **state)
{
	(void) state;
	assert_string_equal(lh_errno_text(ENOENT), "No such file or directory");
	assert_string_equal(lh_errno_text(123456), "unknown error");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(a_failure_carries_code_and_message),
		TEST(failing_with_ok_is_a_bug),
		TEST(a_new_failure_replaces_all_of_the_old_one),
		TEST(the_first_detail_and_hint_win),
		TEST(a_prefix_goes_before_the_message),
		TEST(a_long_text_is_cut_at_a_character),
		TEST(a_long_prefix_leaves_a_valid_text),
		TEST(clearing_leaves_nothing),
		TEST(try_returns_the_status_at_once),
		TEST(every_status_has_a_name),
		TEST(every_counter_has_its_own_name_and_label),
		TEST(poll_asks_the_host),
		TEST(without_a_host_wait_is_poll),
		TEST(without_a_host_a_temporary_file_has_no_name),
		TEST(a_host_without_room_is_an_io_error),
		TEST(temporary_files_are_the_hosts),
		TEST(progress_reaches_the_host_if_it_cares),
		TEST(errno_texts_are_english_and_never_null),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
