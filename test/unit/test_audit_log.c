/*
 * test_audit_log.c
 *		The audit log: appending, reading, checkpoints, retention.
 */
#include "unit/audit_dir.h"

static void
what_is_synced_is_read(void **state)
{
	static const uint64_t sizes[] = {0, 1, 2, 3, 7, 64, 65, 300};
	LhAuditLog *log = open_log("log", 0), *reader;
	uint64_t done = 0;

	(void) state;
	ASSERT_OK(lh_audit_log_read(ctx, dir_of("log"), &reader));
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
	{
		append_lines(log, done, sizes[i]);
		assert_int_equal(lh_audit_log_size(log), sizes[i]);
		assert_int_equal(lh_audit_log_synced(log), done);
		ASSERT_OK(lh_audit_log_refresh(ctx, reader));
		assert_log(reader, 0, done);
		ASSERT_OK(lh_audit_log_sync(ctx, log));
		done = sizes[i];
		assert_log(log, 0, done);
		ASSERT_OK(lh_audit_log_refresh(ctx, reader));
		assert_log(reader, 0, done);
	}
}

static void
a_log_is_opened_again(void **state)
{
	uint64_t done = 0;

	(void) state;
	for (int i = 0; i < 12; i++)
	{
		LhAuditLog *log = open_log("log", 1000);

		assert_log(log, 0, done);
		append_lines(log, done, done + 13);
		done += 13;
		ASSERT_OK(lh_audit_log_sync(ctx, log));
		if (i % 3 == 0)
			(void) checkpoint_of(log, 1);
		lh_audit_log_close(log);
	}
	/* segments were left behind */
	shell("[ $(ls %s/log/*.jsonl | wc -l) -gt 5 ]", root);
	shell("[ $(cat %s/log/*.jsonl | wc -l) = 156 ]", root);
}

static void
one_process_appends(void **state)
{
	LhAuditLogOptions options = {of_text(ORIGIN), 0};
	LhAuditLog *log = open_log("log", 0), *other;

	(void) state;
	ASSERT_FAILS(lh_audit_log_open(ctx, dir_of("log"), &options, &other), LH_DENIED,
				 lh_sprintf(ctx, "by process %d", (int) getpid()));
	lh_audit_log_close(log);
	ASSERT_OK(lh_audit_log_open(ctx, dir_of("log"), &options, &other));
}

static void
lines_and_origins_are_checked(void **state)
{
	static const char *const bad[] = {"", "a\nb", "a\tb", "\x01", "a\xff", "caf\xc3"};
	static const char *const origins[] = {"", "a b", "\xe2\x80\x94x", "a\nb"};
	LhAuditLogOptions options = {of_text(ORIGIN), 0};
	LhAuditLog *log = open_log("log", 0), *other;
	char *longest = lh_alloc(ctx, LH_AUDIT_LINE_MOST + 1);
	LhSlice line;

	(void) state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ASSERT_FAILS(lh_audit_log_append(ctx, log, of_text(bad[i]), NULL), LH_INVALID, "a line");
	assert_int_equal(lh_audit_log_append(ctx, log, lh_slice("a\0b", 3), NULL), LH_INVALID);
	memset(longest, 'x', LH_AUDIT_LINE_MOST + 1);
	assert_int_equal(lh_audit_log_append(ctx, log, lh_slice(longest, LH_AUDIT_LINE_MOST + 1), NULL),
					 LH_INVALID);
	ASSERT_OK(lh_audit_log_append(ctx, log, lh_slice(longest, LH_AUDIT_LINE_MOST), NULL));
	ASSERT_OK(lh_audit_log_append(ctx, log, of_text("x"), NULL));
	ASSERT_OK(lh_audit_log_sync(ctx, log));
	ASSERT_OK(lh_audit_log_entry(ctx, log, 0, &line));
	assert_bytes(line, lh_slice(longest, LH_AUDIT_LINE_MOST));
	ASSERT_OK(lh_audit_log_entry(ctx, log, 1, &line));
	assert_bytes(line, of_text("x"));
	(void) checkpoint_of(log, 1);
	lh_audit_log_close(log);
	options.origin = of_text("example.com/other");
	ASSERT_FAILS(lh_audit_log_open(ctx, dir_of("log"), &options, &other), LH_MISMATCH, ORIGIN);
	for (size_t i = 0; i < sizeof(origins) / sizeof(origins[0]); i++)
	{
		options.origin = of_text(origins[i]);
		assert_int_equal(lh_audit_log_open(ctx, dir_of("new"), &options, &other), LH_INVALID);
	}
	ASSERT_FAILS(lh_audit_log_read(ctx, dir_of("none"), &log), LH_NOT_FOUND, "no audit log");
	ASSERT_FAILS(lh_audit_log_read(ctx, root, &log), LH_NOT_FOUND, "no audit log");
}

static void
checkpoints_are_signed_and_found(void **state)
{
	LhAuditLog *log = open_log("log", 2000);
	LhSlice notes[40], note;
	LhVerifier *v = verifier_of(1);
	LhCheckpoint c;

	(void) state;
	ASSERT_FAILS(lh_audit_log_note(ctx, log, UINT64_MAX, &note), LH_NOT_FOUND,
				 "no such checkpoint");
	for (uint64_t i = 0; i < 40; i++)
	{
		notes[i] = checkpoint_of(log, 1);
		ASSERT_OK(lh_checkpoint_open(ctx, "test", notes[i], v, of_text(ORIGIN), &c));
		assert_int_equal(c.size, 5 * i);
		{
			LhMerkleHash expected = expected_root(5 * i);

			assert_memory_equal(&c.root, &expected, sizeof(expected));
		}
		/* nothing new: the same again, and once in the file */
		assert_bytes(checkpoint_of(log, 1), notes[i]);
		append_lines(log, 5 * i, 5 * i + 5);
	}
	shell("[ $(grep -c ^%s$ %s/log/checkpoints) = 40 ]", ORIGIN, root);
	for (uint64_t size = 0; size < 200; size++)
	{
		ASSERT_OK(lh_audit_log_note(ctx, log, size, &note));
		assert_bytes(note, notes[size / 5]);
	}
	ASSERT_OK(lh_audit_log_note(ctx, log, UINT64_MAX, &note));
	assert_bytes(note, notes[39]);
	/* another key signs the same size, and both are public */
	(void) checkpoint_of(log, 1);
	note = checkpoint_of(log, 2);
	ASSERT_OK(lh_checkpoint_open(ctx, "test", note, verifier_of(2), of_text(ORIGIN), &c));
	(void) checkpoint_of(log, 2);
	shell("[ $(wc -l < %s/log/public) = 2 ]", root);
}

/* More notes than are looked at for the newest one. */
static void
the_newest_of_many_checkpoints(void **state)
{
	LhAuditLog *log = open_log("log", 0);
	LhSlice last = {0}, note;

	(void) state;
	for (uint64_t i = 0; i < 1200; i++)
	{
		append_lines(log, i, i + 1);
		last = checkpoint_of(log, 1);
	}
	ASSERT_OK(lh_audit_log_note(ctx, log, UINT64_MAX, &note));
	assert_bytes(note, last);
	lh_audit_log_close(log);
	log = open_log("log", 0);
	assert_log(log, 0, 1200);
	assert_bytes(checkpoint_of(log, 1), last);
}

static void
retention_keeps_hashes(void **state)
{
	LhAuditLog *log = open_log("log", 1500), *reader;
	uint64_t removed, first;

	(void) state;
	append_lines(log, 0, 200);
	/* nothing that no checkpoint covers */
	ASSERT_OK(lh_audit_log_retain(ctx, log, INT64_MAX, &removed));
	assert_int_equal(removed, 0);
	(void) checkpoint_of(log, 1);
	append_lines(log, 200, 300);
	ASSERT_OK(lh_audit_log_retain(ctx, log, time_at(0), &removed));
	assert_int_equal(removed, 0);
	ASSERT_OK(lh_audit_log_retain(ctx, log, time_at(100), &removed));
	first = removed;
	assert_in_range(first, 80, 100);
	assert_log(log, first, 300);
	ASSERT_OK(lh_audit_log_retain(ctx, log, INT64_MAX, &removed));
	first += removed;
	assert_in_range(first, 180, 200);
	assert_log(log, first, 300);
	ASSERT_OK(lh_audit_log_read(ctx, dir_of("log"), &reader));
	assert_log(reader, first, 300);
	lh_audit_log_close(log);
	log = open_log("log", 1500);
	assert_log(log, first, 300);
	append_lines(log, 300, 310);
	ASSERT_OK(lh_audit_log_sync(ctx, log));
	assert_log(log, first, 310);
}

static void
a_changed_line_is_not_read(void **state)
{
	LhAuditLog *log = open_log("log", 0);
	LhSlice line;

	(void) state;
	append_lines(log, 0, 20);
	ASSERT_OK(lh_audit_log_sync(ctx, log));
	shell("sed -i '8s/event/Event/' %s/log/*.jsonl", root);
	ASSERT_OK(lh_audit_log_read(ctx, dir_of("log"), &log));
	ASSERT_OK(lh_audit_log_entry(ctx, log, 6, &line));
	ASSERT_FAILS(lh_audit_log_entry(ctx, log, 7, &line), LH_CORRUPT,
				 "not the line that was hashed");
	ASSERT_OK(lh_audit_log_entry(ctx, log, 8, &line));
}

#define test(f) cmocka_unit_test_setup_teardown(f, make_root, remove_root)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		test(what_is_synced_is_read),
		test(a_log_is_opened_again),
		test(one_process_appends),
		test(lines_and_origins_are_checked),
		test(checkpoints_are_signed_and_found),
		test(the_newest_of_many_checkpoints),
		test(retention_keeps_hashes),
		test(a_changed_line_is_not_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
