/*
 * test_audit_verify.c
 *		A log that was tampered with is not intact, whatever the tampering.
 */
#include "unit/audit_dir.h"

#define FIRST "00000000000000000000.jsonl"

static LhSlice kept[3]; /* checkpoints of 40, 80 and 120 entries */

/* A log of 130 entries in several segments, with three checkpoints kept outside. */
static void
make_log(const char *dir)
{
	LhAuditLog *log = open_log(dir, 1500);

	for (uint64_t i = 0; i < 3; i++)
	{
		append_lines(log, 40 * i, 40 * i + 40);
		kept[i] = checkpoint_of(log, 1);
	}
	append_lines(log, 120, 130);
	ASSERT_OK(lh_audit_log_sync(ctx, log));
	lh_audit_log_close(log);
}

static LhAuditVerdict
verdict(const char *dir, const LhSlice *notes, int n, uint8_t key)
{
	LhVerifier *verifier = verifier_of(key);
	LhAuditVerdict v;

	ASSERT_OK(lh_audit_log_verify(ctx, dir_of(dir), &verifier, 1, of_text(ORIGIN), notes, n, &v));
	assert_int_equal(v.intact, v.why == NULL);
	return v;
}

static void
assert_intact(const char *dir, const LhSlice *notes, int n, uint64_t first, uint64_t size,
			  uint64_t covered)
{
	LhAuditVerdict v = verdict(dir, notes, n, 1);

	if (!v.intact)
		fail_msg("not intact: %s", v.why);
	assert_int_equal(v.size, size);
	assert_int_equal(v.first, first);
	assert_int_equal(v.lines, size - first);
	assert_int_equal(v.covered, covered);
}

static void
assert_broken(const char *what, const LhAuditVerdict *v, const char *why)
{
	if (v->intact)
		fail_msg("intact in spite of: %s", what);
	if (strstr(v->why, why) == NULL)
		fail_msg("%s: no \"%s\" in: %s", what, why, v->why);
}

static void
an_honest_log_is_intact(void **state)
{
	LhAuditLog *log;
	uint64_t removed;

	(void) state;
	make_log("log");
	assert_intact("log", kept, 3, 0, 130, 120);
	assert_intact("log", kept, 1, 0, 130, 120);
	assert_intact("log", NULL, 0, 0, 130, 120);
	/* it is verified while it is written */
	log = open_log("log", 1500);
	append_lines(log, 130, 140);
	assert_intact("log", kept, 3, 0, lh_audit_log_synced(log), 120);
	ASSERT_OK(lh_audit_log_sync(ctx, log));
	assert_intact("log", kept, 3, 0, 140, 120);
	/* lines may go, hashes prove the rest */
	ASSERT_OK(lh_audit_log_retain(ctx, log, time_at(60), &removed));
	assert_true(removed > 30);
	assert_intact("log", kept, 3, removed, 140, 120);
}

/* One bit of any file but the lock's. */
static void
any_flipped_bit_is_found(void **state)
{
	char command[256], name[256];
	int tried = 0;
	FILE *list;

	(void) state;
	make_log("log");
	snprintf(command, sizeof(command), "cd %s/log && ls | grep -v lock", root);
	list = popen(command, "r");
	while (fscanf(list, "%255s", name) == 1)
	{
		int fd = open(path_of("log", name), O_RDWR);
		uint64_t seed = 7;
		struct stat st;

		assert_int_equal(fstat(fd, &st), 0);
		/* each byte of short files, many of long ones */
		for (off_t at = 0; at<st.st_size; at += st.st_size> 1200 ? 7 : 1)
		{
			LhArena *keep = ctx->arena, *scratch = lh_arena_child(keep);
			LhAuditVerdict v;
			uint8_t byte, changed;

			lh_use(ctx, scratch);
			assert_int_equal(pread(fd, &byte, 1, at), 1);
			changed = byte ^ (uint8_t) (1 << next_random(&seed) % 8);
			assert_int_equal(pwrite(fd, &changed, 1, at), 1);
			v = verdict("log", kept, 3, 1);
			if (v.intact)
				fail_msg("byte %d of %s", (int) at, name);
			assert_int_equal(pwrite(fd, &byte, 1, at), 1);
			tried++;
			lh_use(ctx, keep);
			lh_arena_destroy(scratch);
		}
		close(fd);
	}
	pclose(list);
	assert_true(tried > 3000);
	assert_intact("log", kept, 3, 0, 130, 120);
}

/* What a shell does to files is found, and said. */
static void
changed_files_are_found(void **state)
{
	static const char *const damages[][2] = {
		{"sed -i 5d " FIRST, "the line of entry 4 is not the one"},
		{"sed -i '5{h;d};6G' " FIRST, "entry 4"},
		{"sed -i '5p' " FIRST, "entry 5"},
		{"sed -i '5s/event/Event/' " FIRST, "the line of entry 4 is not the one"},
		{"truncate -s -1 $(ls *.jsonl | tail -1)", "entry 129 is missing"},
		{"truncate -s 100 $(ls *.jsonl | tail -1)", "is missing from"},
		{"rm " FIRST, "no segment has the line of entry 0"},
		{"rm $(ls *.jsonl | sed -n 3p)", "more lines than entries\nno segment\nis missing from"},
		{"rm $(ls *.jsonl | tail -1)", "missing"},
		{"rm *.jsonl", "no segment"},
		{"echo x >> " FIRST, "more lines than entries"},
		{"echo x >> $(ls *.index | head -1)", "more offsets"},
		{"truncate -s 96 nodes-02", "does not follow"},
		{"rm nodes-03", "\"nodes-03\" is missing"},
		{"rm state", "\"state\" is missing"},
		{"rm public", "\"public\" is missing"},
		{"rm $(ls *.index | tail -1)", "is missing"},
		{"truncate -s 3200 nodes-00", "\"nodes-00\" has 100 hashes, \"state\" says"},
		{"echo 'audit.example.com+00000000+AAAA' >> public", "a key that is not trusted"},
		{"head -c 20 public > x; mv x public", "a key that is not trusted"},
		{"rm checkpoints", "that the log does not have"},
		{"sed -i '8,$d' checkpoints", "that the log does not have\npart of one"},
		{"truncate -s -9 checkpoints", "part of one"},
		{"cat checkpoints checkpoints > x; mv x checkpoints", "the one before"},
	};

	(void) state;
	make_log("whole");
	for (size_t i = 0; i < sizeof(damages) / sizeof(damages[0]); i++)
	{
		bool found = false;
		LhAuditVerdict v;
		char *save = NULL, *says = lh_strdup(ctx, damages[i][1]);

		shell("rm -rf %s/log && cp -a %s/whole %s/log && cd %s/log && %s", root, root, root, root,
			  damages[i][0]);
		v = verdict("log", kept, 3, 1);
		if (v.intact)
			fail_msg("intact in spite of: %s", damages[i][0]);
		for (char *s = strtok_r(says, "\n", &save); s != NULL; s = strtok_r(NULL, "\n", &save))
			found = found || strstr(v.why, s) != NULL;
		if (!found)
			fail_msg("%s: %s", damages[i][0], v.why);
	}
}

/* Somebody with the server's rights makes a whole new log: with other lines, all hashes right, and old checkpoints. */
static void
a_rewritten_log_is_found(void **state)
{
	LhAuditLog *log;
	LhAuditVerdict v;

	(void) state;
	make_log("log");
	log = open_log("forged", 1500);
	append_lines(log, 0, 50);
	ASSERT_OK(lh_audit_log_append(ctx, log, of_text("{\"nothing\":\"happened\"}"), NULL));
	for (uint64_t i = 51; i < 130; i++)
		ASSERT_OK(lh_audit_log_append(ctx, log, line_at(i), NULL));
	ASSERT_OK(lh_audit_log_sync(ctx, log));
	lh_audit_log_close(log);
	/* the old notes: the log's own give it away */
	shell("cp %s/log/checkpoints %s/log/public %s/forged/", root, root, root);
	shell("cp -a %s/forged %s/second", root, root);
	v = verdict("forged", NULL, 0, 1);
	assert_broken("old notes", &v,
				  "the first 80 entries are not those of the log's own checkpoint");
	assert_int_equal(v.covered, 40);
	/* none of its own: the kept ones do */
	shell("rm %s/second/checkpoints", root);
	v = verdict("second", kept, 3, 1);
	assert_broken("no notes", &v, "that the log does not have");
	/* the same key signs again: only who kept a note knows */
	log = open_log("second", 1500);
	(void) checkpoint_of(log, 1);
	lh_audit_log_close(log);
	assert_true(verdict("second", NULL, 0, 1).intact);
	v = verdict("second", kept, 1, 1);
	assert_broken("signed again", &v, "that the log does not have");
}

/* ... and with checkpoints of the same sizes, by the real key. */
static void
a_rewritten_log_with_new_checkpoints_is_found(void **state)
{
	LhAuditVerdict v;
	LhAuditLog *log;

	(void) state;
	make_log("log");
	log = open_log("forged", 1500);
	for (uint64_t i = 0; i < 130; i++)
	{
		ASSERT_OK(lh_audit_log_append(
			ctx, log, i == 90 ? of_text("{\"nothing\":\"happened\"}") : line_at(i), NULL));
		if ((i + 1) % 40 == 0)
			(void) checkpoint_of(log, 1);
	}
	ASSERT_OK(lh_audit_log_sync(ctx, log));
	lh_audit_log_close(log);
	assert_true(verdict("forged", NULL, 0, 1).intact);
	assert_true(verdict("forged", kept, 2, 1).intact);
	v = verdict("forged", kept, 3, 1);
	assert_broken("new notes", &v, "the first 120 entries are not those of the");
	assert_int_equal(v.covered, 80);
}

static void
a_log_that_was_put_back_is_found(void **state)
{
	LhAuditLog *log;
	LhAuditVerdict v;
	LhSlice newer;

	(void) state;
	make_log("log");
	shell("cp -a %s/log %s/old", root, root);
	log = open_log("log", 1500);
	append_lines(log, 130, 140);
	newer = checkpoint_of(log, 1);
	lh_audit_log_close(log);
	assert_intact("log", &newer, 1, 0, 140, 140);
	assert_intact("old", kept, 3, 0, 130, 120);
	v = verdict("old", &newer, 1, 1);
	assert_broken("put back", &v, "it was put back to an earlier state");
	/* it goes on with other lines, to the same size */
	log = open_log("old", 1500);
	for (int i = 130; i < 140; i++)
		ASSERT_OK(lh_audit_log_append(ctx, log, of_text("{}"), NULL));
	(void) checkpoint_of(log, 1);
	lh_audit_log_close(log);
	v = verdict("old", &newer, 1, 1);
	assert_broken("put back and gone on", &v, "the first 140 entries are not those of the");
}

static void
other_keys_and_logs_are_found(void **state)
{
	LhVerifier *verifiers[2] = {verifier_of(1), verifier_of(2)};
	LhSlice foreign, torn = lh_slice(NULL, 0);
	LhAuditVerdict v;
	LhAuditLog *log;

	(void) state;
	make_log("log");
	v = verdict("log", NULL, 0, 2);
	assert_broken("another key", &v, "is not signed by");
	v = verdict("log", kept, 1, 2);
	assert_broken("another key", &v, "is not signed by");
	/* a log of another key, with its own notes */
	log = open_log("other", 1500);
	append_lines(log, 0, 40);
	foreign = checkpoint_of(log, 2);
	lh_audit_log_close(log);
	v = verdict("other", NULL, 0, 1);
	assert_broken("another key", &v, "is not signed by");
	v = verdict("log", &foreign, 1, 1);
	assert_broken("foreign note", &v, "is not signed by");
	v = verdict("log", &torn, 1, 1);
	assert_broken("no note", &v, "kept checkpoint");
	/* a new key signs on: both are trusted */
	log = open_log("log", 1500);
	append_lines(log, 130, 131);
	(void) checkpoint_of(log, 2);
	lh_audit_log_close(log);
	v = verdict("log", kept, 3, 1);
	assert_broken("new key", &v, "is not signed by");
	ASSERT_OK(lh_audit_log_verify(ctx, dir_of("log"), verifiers, 2, of_text(ORIGIN), kept, 3, &v));
	assert_true(v.intact);
	ASSERT_OK(lh_audit_log_verify(ctx, dir_of("log"), verifiers, 2, of_text("example.com/x"), kept,
								  3, &v));
	assert_broken("another origin", &v, "is of another log");
}

/* Hashes of lines that are gone are evidence, too. */
static void
removed_lines_are_still_proved(void **state)
{
	uint64_t removed;
	LhAuditVerdict v;
	LhAuditLog *log;
	int fd;

	(void) state;
	make_log("log");
	log = open_log("log", 1500);
	ASSERT_OK(lh_audit_log_retain(ctx, log, time_at(60), &removed));
	lh_audit_log_close(log);
	assert_intact("log", kept, 3, removed, 130, 120);
	fd = open(path_of("log", "nodes-00"), O_RDWR);
	assert_int_equal(pwrite(fd, "x", 1, 32 * 20 + 3), 1);
	close(fd);
	v = verdict("log", kept, 3, 1);
	assert_broken("leaf of a removed line", &v, "does not follow from the lines");
	/* all nodes made consistent with it: the roots are not */
	shell("rm -rf %s/log/nodes-0[1-9]", root);
	v = verdict("log", kept, 3, 1);
	assert_broken("leaf of a removed line", &v, "\"nodes-01\" is missing");
	/* lines that went without a retention */
	make_log("gone");
	shell("cd %s/gone && rm 00000000000000000000.*", root);
	v = verdict("gone", kept, 3, 1);
	assert_broken("segment removed", &v, "no segment has the line of entry 0");
}

static void
an_unsigned_or_missing_log(void **state)
{
	LhVerifier *verifier = verifier_of(1);
	LhAuditVerdict v;
	LhAuditLog *log = open_log("log", 0);

	(void) state;
	append_lines(log, 0, 5);
	ASSERT_OK(lh_audit_log_sync(ctx, log));
	v = verdict("log", NULL, 0, 1);
	assert_broken("no note", &v, "no checkpoint vouches for it");
	assert_int_equal(
		lh_audit_log_verify(ctx, dir_of("none"), &verifier, 1, of_text(ORIGIN), NULL, 0, &v),
		LH_NOT_FOUND);
	shell("mkdir %s/empty", root);
	v = verdict("empty", NULL, 0, 1);
	assert_broken("empty", &v, "\"state\" is missing");
}

#define test(f) cmocka_unit_test_setup_teardown(f, make_root, remove_root)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		test(an_honest_log_is_intact),
		test(any_flipped_bit_is_found),
		test(changed_files_are_found),
		test(a_rewritten_log_is_found),
		test(a_rewritten_log_with_new_checkpoints_is_found),
		test(a_log_that_was_put_back_is_found),
		test(other_keys_and_logs_are_found),
		test(removed_lines_are_still_proved),
		test(an_unsigned_or_missing_log),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
