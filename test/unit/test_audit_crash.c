/*
 * test_audit_crash.c
 *		The audit log when it breaks off: at every system call, at every byte.
 *
 *	- At the nth call that changes something the process "dies": the call is done in part or not at all, and
 *	  all later ones fail.  Opened again, the log has what was synced, in order, and goes on.
 *	- Calls that fail once, and are repeated.
 *	- Syncs that fail: nothing is pretended.
 *	- Files cut at each length, filled with zeros, or missing.
 */
#include "unit/audit_dir.h"

#include <errno.h>

typedef enum Fault
{
	NONE,
	DIE,  /* at this call, and at all that follow */
	FULL, /* writes fail from this call on, until it is over */
	ONCE, /* this call alone */
	SYNC  /* the first sync from this call on */
} Fault;

#define ROUNDS 16

static LhAuditIo plain;
static Fault fault;
static int calls, at, failed;
static size_t part; /* bytes that a write still does */

/* Of each descriptor: bytes written, and whether they, or a name, were not synced since. */
#define FDS 256
static size_t written[FDS];
static bool dirty[FDS];

static bool
fails(bool write, bool sync)
{
	bool now = false;

	calls++;
	switch (fault)
	{
		case NONE: break;
		case DIE: now = calls >= at; break;
		case FULL: now = write && calls >= at; break;
		case ONCE: now = calls == at; break;
		case SYNC: now = sync && calls >= at && failed == 0; break;
	}
	failed += now;
	errno = fault == FULL || fault == ONCE ? ENOSPC : EIO;
	return now;
}

static ssize_t
bad_write(int fd, const void *p, size_t n, off_t to)
{
	if (!fails(true, false))
	{
		written[fd] += n;
		dirty[fd] = true;
		return plain.write(fd, p, n, to);
	}
	if (calls == at && part > 0)
		(void) !plain.write(fd, p, part < n ? part : n, to);
	return -1;
}

static int
bad_sync(int fd, bool data)
{
	if (fails(false, true))
		return -1;
	dirty[fd] = false;
	return plain.sync(fd, data);
}

static int
bad_cut(int fd, off_t size)
{
	return fails(false, false) ? -1 : plain.cut(fd, size);
}

static int
bad_create(int dir, const char *name, int flags)
{
	int fd;

	if (fails(true, false))
		return -1;
	fd = plain.create(dir, name, flags);
	written[fd] = 0;
	dirty[fd] = false;
	dirty[dir] = true;
	return fd;
}

static int
bad_rename(int dir, const char *from, const char *to)
{
	if (fails(false, false))
		return -1;
	dirty[dir] = true;
	return plain.rename(dir, from, to);
}

static int
bad_unlink(int dir, const char *name)
{
	return fails(false, false) ? -1 : plain.unlink(dir, name);
}

static void
begin_faults(Fault f, int n, size_t bytes)
{
	lh_audit_io = (LhAuditIo){bad_write, bad_sync, bad_cut, bad_create, bad_rename, bad_unlink};
	memset(written, 0, sizeof(written));
	memset(dirty, 0, sizeof(dirty));
	fault = f;
	calls = failed = 0;
	at = n;
	part = bytes;
}

static void
end_faults(void)
{
	lh_audit_io = plain;
}

static int
start(void **state)
{
	int status = make_root(state);

	plain = lh_audit_io;
	return status;
}

static int
finish(void **state)
{
	lh_audit_io = plain;
	return remove_root(state);
}

/* What the outside knows of a log. */
typedef struct Known
{
	uint64_t size;  /* synced */
	uint64_t tried; /* appended */
	uint64_t first; /* retention may have gone so far */
	LhSlice note;   /* the last one given away */
} Known;

/* Does as the worker does, until something fails. */
static LhStatus
work(LhAuditLog *log, Known *k, int rounds)
{
	for (int i = 0; i < rounds; i++)
	{
		uint64_t removed;
		LhBuf note;

		for (int n = 0; n < 1 + i * 3 % 7; n++)
		{
			LH_TRY(lh_audit_log_append(ctx, log, line_at(k->tried), NULL));
			k->tried++;
		}
		LH_TRY(lh_audit_log_sync(ctx, log));
		k->size = lh_audit_log_size(log);
		assert_int_equal(k->size, k->tried);
		if (i % 3 == 2)
		{
			LH_TRY(lh_buf_init(ctx, &note, false));
			LH_TRY(lh_audit_log_checkpoint(ctx, log, signer_of(1), &note));
			k->note = lh_slice(note.data, note.len);
		}
		if (i % 5 == 4)
		{
			k->first = k->tried;
			LH_TRY(lh_audit_log_retain(ctx, log, time_at(k->tried / 2), &removed));
			k->first = lh_audit_log_first(log);
		}
	}
	return LH_OK;
}

/* After it broke off: nothing that was promised is missing, nothing foreign is there, and it goes on. */
static void
assert_recovers(const char *dir, Known *k)
{
	LhAuditLog *log;
	LhAuditVerdict v;
	LhVerifier *verifier = verifier_of(1);
	LhSlice note;
	uint64_t size;

	end_faults();
	log = open_log(dir, 700);
	size = lh_audit_log_size(log);
	if (size < k->size || size > k->tried + 1)
		fail_msg("%llu entries, of %llu synced and %llu appended", (unsigned long long) size,
				 (unsigned long long) k->size, (unsigned long long) k->tried);
	assert_true(lh_audit_log_first(log) <= k->first);
	assert_log(log, lh_audit_log_first(log), size);
	append_lines(log, size, size + 9);
	note = checkpoint_of(log, 1);
	assert_log(log, lh_audit_log_first(log), size + 9);
	lh_audit_log_close(log);
	{
		LhSlice kept[2] = {note, k->note};

		ASSERT_OK(lh_audit_log_verify(ctx, dir_of(dir), &verifier, 1, of_text(ORIGIN), kept,
									  k->note.len > 0 ? 2 : 1, &v));
		if (!v.intact)
			fail_msg("after a crash: %s", v.why);
		assert_int_equal(v.size, size + 9);
		assert_int_equal(v.covered, size + 9);
	}
}

/* How many calls it makes when nothing fails. */
static int
count_calls(int rounds)
{
	LhAuditLogOptions options = {of_text(ORIGIN), 700};
	Known k = {0};
	LhAuditLog *log;
	int n;

	begin_faults(NONE, 0, 0);
	ASSERT_OK(lh_audit_log_open(ctx, dir_of("count"), &options, &log));
	ASSERT_OK(work(log, &k, rounds));
	n = calls;
	lh_audit_log_close(log);
	end_faults();
	return n;
}

static void
dying_at_each_call(void **state)
{
	LhAuditLogOptions options = {of_text(ORIGIN), 700};
	static const size_t parts[] = {0, 1, 33, 100};
	int n = count_calls(ROUNDS);

	(void) state;
	assert_true(n > 200);
	for (int i = 1; i <= n; i++)
	{
		LhArena *keep = ctx->arena, *scratch = lh_arena_child(keep);
		Known k = {0};
		LhAuditLog *log;

		lh_use(ctx, scratch);
		begin_faults(DIE, i, parts[i % 4]);
		if (lh_audit_log_open(ctx, dir_of("log"), &options, &log) == LH_OK)
		{
			assert_int_not_equal(work(log, &k, ROUNDS), LH_OK);
			lh_audit_log_close(log);
		}
		assert_recovers("log", &k);
		shell("rm -rf %s/log", root);
		lh_use(ctx, keep);
		lh_arena_destroy(scratch);
	}
}

/* Dying while it is put in order, again and again. */
static void
dying_in_recovery(void **state)
{
	LhAuditLogOptions options = {of_text(ORIGIN), 700};

	(void) state;
	for (int broken = 5; broken < 200; broken += 17)
	{
		Known k = {0};
		LhAuditLog *log;

		begin_faults(DIE, broken, 20);
		if (lh_audit_log_open(ctx, dir_of("log"), &options, &log) == LH_OK)
		{
			(void) work(log, &k, ROUNDS);
			lh_audit_log_close(log);
		}
		for (int i = 1; i < 60; i++)
		{
			begin_faults(DIE, i, (size_t) i);
			if (lh_audit_log_open(ctx, dir_of("log"), &options, &log) == LH_OK)
				lh_audit_log_close(log);
		}
		assert_recovers("log", &k);
		shell("rm -rf %s/log", root);
	}
}

/* A full disk: everything is tried again when there is room, and nothing is there twice or lost. */
static void
a_full_disk_is_waited_for(void **state)
{
	LhAuditLogOptions options = {of_text(ORIGIN), 700};
	int n = count_calls(ROUNDS), refused = 0;

	(void) state;
	for (int i = 1; i <= n; i += 2)
	{
		LhArena *keep = ctx->arena, *scratch = lh_arena_child(keep);
		Known k = {0};
		LhAuditLog *log;
		LhStatus status;

		lh_use(ctx, scratch);
		begin_faults(FULL, i, 7);
		status = lh_audit_log_open(ctx, dir_of("log"), &options, &log);
		if (status != LH_OK)
		{
			end_faults();
			ASSERT_OK(lh_audit_log_open(ctx, dir_of("log"), &options, &log));
		}
		while (work(log, &k, ROUNDS) != LH_OK)
		{
			assert_int_equal(ctx->error->code, LH_IO);
			assert_non_null(strstr(ctx->error->hint, "Free space"));
			assert_int_equal(lh_audit_log_size(log), k.tried);
			refused++;
			end_faults();
		}
		lh_audit_log_close(log);
		assert_recovers("log", &k);
		shell("rm -rf %s/log", root);
		lh_use(ctx, keep);
		lh_arena_destroy(scratch);
	}
	assert_true(refused > 50);
}

static void
any_call_that_fails_once(void **state)
{
	LhAuditLogOptions options = {of_text(ORIGIN), 700};
	int n = count_calls(ROUNDS);

	(void) state;
	for (int i = 1; i <= n; i++)
	{
		LhArena *keep = ctx->arena, *scratch = lh_arena_child(keep);
		Known k = {0};
		LhAuditLog *log;

		lh_use(ctx, scratch);
		begin_faults(ONCE, i, 1);
		if (lh_audit_log_open(ctx, dir_of("log"), &options, &log) != LH_OK)
			ASSERT_OK(lh_audit_log_open(ctx, dir_of("log"), &options, &log));
		for (int tries = 0; tries < 3 && work(log, &k, ROUNDS) != LH_OK; tries++)
			if (log->broken)
				break;
		lh_audit_log_close(log);
		assert_recovers("log", &k);
		shell("rm -rf %s/log", root);
		lh_use(ctx, keep);
		lh_arena_destroy(scratch);
	}
}

/* After a failed sync the kernel may say that all is well: we do not. */
static void
a_failed_sync_is_final(void **state)
{
	LhAuditLogOptions options = {of_text(ORIGIN), 700};
	int n = count_calls(ROUNDS), seen = 0;

	(void) state;
	for (int i = 1; i <= n; i += 3)
	{
		LhArena *keep = ctx->arena, *scratch = lh_arena_child(keep);
		Known k = {0};
		LhAuditLog *log;

		lh_use(ctx, scratch);
		begin_faults(SYNC, i, 0);
		if (lh_audit_log_open(ctx, dir_of("log"), &options, &log) == LH_OK)
		{
			if (work(log, &k, ROUNDS) != LH_OK)
			{
				LhBuf note;
				uint64_t removed;

				seen++;
				ASSERT_OK(lh_buf_init(ctx, &note, false));
				ASSERT_FAILS(lh_audit_log_append(ctx, log, line_at(0), NULL), LH_IO,
							 "has failed before");
				ASSERT_FAILS(lh_audit_log_sync(ctx, log), LH_IO, "has failed before");
				ASSERT_FAILS(lh_audit_log_checkpoint(ctx, log, signer_of(1), &note), LH_IO,
							 "has failed before");
				ASSERT_FAILS(lh_audit_log_retain(ctx, log, INT64_MAX, &removed), LH_IO,
							 "has failed before");
				assert_int_equal(note.len, 0);
				assert_non_null(strstr(ctx->error->hint, "opened anew"));
			}
			lh_audit_log_close(log);
		}
		assert_recovers("log", &k);
		shell("rm -rf %s/log", root);
		lh_use(ctx, keep);
		lh_arena_destroy(scratch);
	}
	assert_true(seen > 20);
}

/* A recovery writes and syncs the lines that a failed sync left in doubt. */
static void
doubtful_lines_are_written_again(void **state)
{
	LhAuditLog *log = open_log("log", 0);
	size_t bytes = 0;

	(void) state;
	append_lines(log, 0, 10);
	begin_faults(SYNC, 1, 0);
	assert_int_equal(lh_audit_log_sync(ctx, log), LH_IO);
	assert_int_equal(lh_audit_log_synced(log), 0);
	lh_audit_log_close(log);
	for (uint64_t i = 0; i < 10; i++)
		bytes += line_at(i).len + 1;
	begin_faults(NONE, 0, 0);
	log = open_log("log", 0);
	assert_int_equal(written[log->lines_fd], bytes);
	assert_false(dirty[log->lines_fd]);
	assert_log(log, 0, 10);
	end_faults();
}

/* What is said to be durable was synced: of lines always, of all else at a checkpoint. */
static void
nothing_is_said_before_it_is_synced(void **state)
{
	LhAuditLogOptions options = {of_text(ORIGIN), 700};
	LhAuditLog *log;

	(void) state;
	begin_faults(NONE, 0, 0);
	ASSERT_OK(lh_audit_log_open(ctx, dir_of("log"), &options, &log));
	for (uint64_t i = 0; i < 40; i++)
	{
		append_lines(log, 3 * i, 3 * i + 3);
		ASSERT_OK(lh_audit_log_sync(ctx, log));
		assert_false(dirty[log->lines_fd]);
		/* the name of a new segment, before its first line: those of hashes may wait */
		if (i % 4 != 3)
			continue;
		(void) checkpoint_of(log, 1);
		assert_false(dirty[log->dir]);
		assert_false(dirty[log->lines_fd]);
		assert_false(dirty[log->index_fd]);
		assert_false(dirty[log->notes_fd]);
		for (int level = 0; level < LH_AUDIT_LEVELS; level++)
			assert_false(log->node_fd[level] >= 0 && dirty[log->node_fd[level]]);
	}
	assert_true(lh_audit_segment_count(log) > 5);
	end_faults();
}

/* A copy of the log as it was after a state, and as it is now with lines, hashes and offsets behind it. */
static void
make_tail(uint64_t saved, uint64_t size)
{
	LhAuditLog *log = open_log("log", 0);

	append_lines(log, 0, saved);
	(void) checkpoint_of(log, 1);
	append_lines(log, saved, size);
	ASSERT_OK(lh_audit_log_sync(ctx, log));
	lh_audit_log_close(log);
}

#define LINES "00000000000000000000.jsonl"

static off_t
size_of(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 ? st.st_size : -1;
}

/* Whole lines of the first "bytes" bytes of the log's lines. */
static uint64_t
lines_within(off_t bytes)
{
	uint64_t n = 0;
	off_t end = 0;

	while ((end += (off_t) line_at(n).len + 1) <= bytes)
		n++;
	return n;
}

static void
lines_cut_at_each_byte(void **state)
{
	const char *lines = path_of("log", LINES);
	off_t covered = 0, size;

	(void) state;
	make_tail(8, 12);
	for (uint64_t i = 0; i < 8; i++)
		covered += (off_t) line_at(i).len + 1;
	size = size_of(lines);
	shell("cp -a %s/log %s/whole", root, root);
	for (off_t to = 0; to <= size; to++)
	{
		LhArena *keep = ctx->arena, *scratch = lh_arena_child(keep);
		LhAuditLogOptions options = {of_text(ORIGIN), 0};
		LhAuditLog *log;

		lh_use(ctx, scratch);
		shell("cp -a %s/whole/. %s/log/", root, root);
		assert_int_equal(truncate(lines, to), 0);
		/* the kernel lost what was not synced: hashes are behind lines, never ahead */
		shell(
			"cd %s/log && truncate -s 256 nodes-00 && truncate -s 128 nodes-01 && truncate -s 64 nodes-02 && "
			"truncate -s 64 *.index",
			root);
		if (to < covered)
		{
			ASSERT_FAILS(lh_audit_log_open(ctx, dir_of("log"), &options, &log), LH_CORRUPT,
						 "has lost lines");
			assert_int_equal(size_of(lines), to);
		}
		else
		{
			uint64_t n = lines_within(to);

			log = open_log("log", 0);
			assert_log(log, 0, n);
			append_lines(log, n, n + 3);
			(void) checkpoint_of(log, 1);
			assert_log(log, 0, n + 3);
			lh_audit_log_close(log);
			shell("rm -rf %s/log/torn-*", root);
		}
		lh_use(ctx, keep);
		lh_arena_destroy(scratch);
	}
}

/* Blocks that never reached the disk read as zeros, also before others that did. */
static void
holes_end_the_log(void **state)
{
	off_t from = 0, size;
	LhAuditLog *log;
	int fd;

	(void) state;
	make_tail(8, 40);
	for (uint64_t i = 0; i < 20; i++)
		from += (off_t) line_at(i).len + 1;
	size = size_of(path_of("log", LINES));
	fd = open(path_of("log", LINES), O_WRONLY);
	for (off_t p = from + 5; p < from + 400; p++)
		assert_int_equal(pwrite(fd, "", 1, p), 1);
	close(fd);
	shell("cd %s/log && truncate -s 256 nodes-00", root);
	log = open_log("log", 0);
	assert_log(log, 0, 20);
	/* what was cut off is kept */
	assert_int_equal(size_of(path_of("log", "torn-00000000000000000020")), size - from);
}

static void
hashes_and_offsets_are_made_anew(void **state)
{
	static const char *const damages[] = {
		"truncate -s 256 nodes-00",
		"truncate -s 300 nodes-00 && truncate -s 64 *.index",
		"for f in nodes-0? *.index; do head -c 64 /dev/urandom | dd of=$f bs=64 seek=4 conv=notrunc status=none; done; truncate -s 1280 nodes-00",
		"truncate -s 64 *.index",
		"truncate -s 3 *.index",
		"rm *.index",
		"rm nodes-0?",
		"truncate -s 32 nodes-02",
		"rm state",
		"rm state nodes-0? *.index",
		"echo torn > state.new",
		"truncate -s -5 checkpoints",
		"truncate -s +70 *.index",
	};

	(void) state;
	make_tail(8, 40);
	shell("cp -a %s/log %s/whole", root, root);
	for (size_t i = 0; i < sizeof(damages) / sizeof(damages[0]); i++)
	{
		LhVerifier *verifier = verifier_of(1);
		LhAuditVerdict v;
		LhAuditLog *log;

		shell("rm -rf %s/log && cp -a %s/whole %s/log && cd %s/log && %s", root, root, root, root,
			  damages[i]);
		log = open_log("log", 0);
		assert_log(log, 0, 40);
		append_lines(log, 40, 41);
		(void) checkpoint_of(log, 1);
		assert_log(log, 0, 41);
		lh_audit_log_close(log);
		ASSERT_OK(
			lh_audit_log_verify(ctx, dir_of("log"), &verifier, 1, of_text(ORIGIN), NULL, 0, &v));
		if (!v.intact)
			fail_msg("%s: %s", damages[i], v.why);
	}
}

/* No crash does this: opening refuses, and changes nothing. */
static void
other_damage_is_refused(void **state)
{
	static const char *const damages[][2] = {
		{"truncate -s 300 *.jsonl", "has lost lines"},
		{"rm *.jsonl", "has lost the segment"},
		{"rm *.jsonl state", "has lost lines whose hashes"},
		{"rm *.jsonl state nodes-0?", "newest checkpoint covers"},
		{"mv 00000000000000000000.jsonl 00000000000000000001.jsonl", "has lost the segment"},
		{"cp 00000000000000000000.jsonl 00000000000000000099.jsonl", "do not follow each other"},
		{"echo x > state", "is none"},
		{"printf X | dd of=state bs=1 seek=70 conv=notrunc status=none", "is damaged"},
		{"rm state; sed -i 3s/x/y/ *.jsonl", "is not the one that its newest checkpoint covers"},
		{"printf X | dd of=nodes-03 bs=1 seek=7 conv=notrunc status=none",
		 "is not the one that its"},
		{"rm checkpoints; printf X | dd of=nodes-03 bs=1 seek=7 conv=notrunc status=none",
		 "is not the one that its state covers"},
		{"rm state && mkfifo state", "no regular file"},
		{"rm nodes-00 && ln -s /dev/zero nodes-00", "could not open"},
	};
	LhAuditLogOptions options = {of_text(ORIGIN), 0};

	(void) state;
	make_tail(8, 40);
	shell("cp -a %s/log %s/whole", root, root);
	for (size_t i = 0; i < sizeof(damages) / sizeof(damages[0]); i++)
	{
		LhStatus status;
		LhAuditLog *log;

		shell("rm -rf %s/log && cp -a %s/whole %s/log && cd %s/log && %s", root, root, root, root,
			  damages[i][0]);
		shell("rm -rf %s/before && cp -a %s/log %s/before", root, root, root);
		status = lh_audit_log_open(ctx, dir_of("log"), &options, &log);
		if (status == LH_OK || strstr(ctx->error->message, damages[i][1]) == NULL)
			fail_msg("%s: %s", damages[i][0], status == LH_OK ? "taken" : ctx->error->message);
		shell(
			"cd %s && rm -f log/lock before/lock && for f in before/*.jsonl before/nodes-0* before/checkpoints; do "
			"[ ! -f $f ] || [ -p $f ] || cmp $f log/${f#before/}; done",
			root);
	}
}

#define test(f) cmocka_unit_test_setup_teardown(f, start, finish)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		test(dying_at_each_call),
		test(dying_in_recovery),
		test(a_full_disk_is_waited_for),
		test(any_call_that_fails_once),
		test(a_failed_sync_is_final),
		test(doubtful_lines_are_written_again),
		test(nothing_is_said_before_it_is_synced),
		test(lines_cut_at_each_byte),
		test(holes_end_the_log),
		test(hashes_and_offsets_are_made_anew),
		test(other_damage_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
