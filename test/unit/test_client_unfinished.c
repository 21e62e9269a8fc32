/*
 * test_client_unfinished.c
 *		What is kept of transactions before their end: ranges of numbers against a list of
 *		flags, frames through memory and files, limits, disks that lie, frames in wrong
 *		places, and what may be confirmed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#include "client/ranges.h"
#include "client/unfinished_store.h"

#define NUMBERS 600

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
says(LhCtx *ctx, const char *text)
{
	if (strstr(ctx->error->message, text) == NULL && strstr(ctx->error->hint, text) == NULL)
		fail_msg("\"%s\" is not in \"%s\" (%s)", text, ctx->error->message, ctx->error->hint);
	lh_error_clear(ctx);
}

/* ---- ranges ---- */

static void
ranges_agree_with_flags(void **state)
{
	LhCtx *ctx = *state;

	srand(7);
	for (int round = 0; round < 3000; round++)
	{
		bool taken[NUMBERS + 1] = {false};
		LhArena *arena = lh_arena_child(ctx->arena), *old = lh_use(ctx, arena);
		int n = rand() % 400, most = 1 + rand() % 12;
		LhRangesAt at = {0};
		LhRanges r;
		uint64_t below = 0;

		assert_int_equal(lh_ranges_init(ctx, &r), LH_OK);
		for (int i = 0; i < n; i++)
		{
			int from = 1 + rand() % NUMBERS, to = from + rand() % most;

			to = to > NUMBERS ? NUMBERS : to;
			assert_int_equal(lh_ranges_add(ctx, &r, (uint64_t) from, (uint64_t) to), LH_OK);
			for (int k = from; k <= to; k++)
				taken[k] = true;
			if (rand() % 50 == 0)
				lh_ranges_settle(&r);
		}
		lh_ranges_settle(&r);
		for (int k = 1; k <= NUMBERS; k++)
		{
			uint64_t gone;

			/* not each number is asked for, and some twice */
			for (int twice = rand() % 3; twice > 0; twice--)
			{
				assert_int_equal(lh_ranges_taken(&r, &at, (uint64_t) k, &gone), taken[k]);
				if (!taken[k])
					assert_int_equal(gone, below);
			}
			below += taken[k];
		}
		/* merged: no more than there are runs, and room for as many */
		assert_true(r.settled <= NUMBERS / 2 + 1);
		lh_use(ctx, old);
		lh_arena_destroy(arena);
	}
}

static void
ranges_have_ends(void **state)
{
	LhCtx *ctx = *state;
	LhRangesAt at = {0};
	LhRanges r;
	uint64_t gone;

	assert_int_equal(lh_ranges_init(ctx, &r), LH_OK);
	assert_int_equal(lh_ranges_add(ctx, &r, 0, 3), LH_CORRUPT);
	assert_int_equal(lh_ranges_add(ctx, &r, 4, 3), LH_CORRUPT);
	assert_int_equal(lh_ranges_add(ctx, &r, 5, UINT64_MAX), LH_OK);
	assert_int_equal(lh_ranges_add(ctx, &r, 9, 9), LH_OK);
	lh_ranges_settle(&r);
	assert_int_equal(r.settled, 1);
	assert_false(lh_ranges_taken(&r, &at, 4, &gone));
	assert_true(lh_ranges_taken(&r, &at, UINT64_MAX, &gone));
	/* the same again and again takes no more room */
	for (int i = 0; i < 100000; i++)
		assert_int_equal(lh_ranges_add(ctx, &r, 5, 6), LH_OK);
	assert_true(lh_ranges_bytes(&r) < 32768);
}

/* ---- frames in memory and files ---- */

typedef struct Kept
{
	LhUnfinishedRoom room;
	LhUnfinishedStore store;
} Kept;

static Kept *
keep(LhCtx *ctx, size_t memory, uint64_t size, const char *dir)
{
	Kept *k = lh_alloc0(ctx, sizeof(*k));

	k->room.config = (LhUnfinishedConfig){.dir = dir, .memory = memory, .size = size};
	assert_int_equal(lh_unfinished_store_init(ctx, &k->room, &k->store), LH_OK);
	return k;
}

/* The i-th frame, its body of n bytes. */
static LhFrame
frame_of(uint64_t i, size_t n)
{
	static uint8_t body[1 << 20];

	memset(body, (int) (i * 37), n);
	return (LhFrame){.kind = LH_CHANGE_INSERT,
					 .flags = LH_FRAME_UNFINISHED | (i % 2 ? LH_FRAME_INCOMPLETE : 0),
					 .nmessages = (uint16_t) i,
					 .pos = {0, i, 7},
					 .lsn = i * 3,
					 .relid = (uint32_t) i + 5,
					 .generation = (uint32_t) i + 6,
					 .body = lh_slice(body, n)};
}

static size_t
size_of(uint64_t i)
{
	return i % 97 == 0 ? 700000 : (size_t) (i * 7919) % 3000;
}

static void
comes_back(LhCtx *ctx, Kept *k, uint64_t n)
{
	LhFrame f;
	bool over;

	for (uint64_t i = 1; i <= n; i++)
	{
		LhFrame want;

		if (lh_unfinished_store_next(ctx, &k->store, &f, &over) != LH_OK)
			fail_msg("%s", ctx->error->message);
		want = frame_of(i, size_of(i));
		assert_false(over);
		assert_int_equal(f.kind, want.kind);
		assert_int_equal(f.flags, want.flags);
		assert_int_equal(f.nmessages, want.nmessages);
		assert_int_equal(f.pos.ordinal, want.pos.ordinal);
		assert_int_equal(f.lsn, want.lsn);
		assert_int_equal(f.relid, want.relid);
		assert_int_equal(f.generation, want.generation);
		assert_int_equal(f.body.len, want.body.len);
		assert_memory_equal(f.body.data, want.body.data, want.body.len);
	}
	assert_int_equal(lh_unfinished_store_next(ctx, &k->store, &f, &over), LH_OK);
	assert_true(over);
}

static void
add(LhCtx *ctx, Kept *k, uint64_t n)
{
	for (uint64_t i = 1; i <= n; i++)
	{
		LhFrame f = frame_of(i, size_of(i));

		if (lh_unfinished_store_add(ctx, &k->store, &f) != LH_OK)
			fail_msg("%s", ctx->error->message);
		if (i % 250 == 0)
			assert_int_equal(lh_unfinished_store_spill(ctx, &k->store), LH_OK);
	}
}

static void
frames_come_back_as_they_came(void **state)
{
	LhCtx *ctx = *state;
	Kept *k = keep(ctx, 1 << 24, 1 << 30, "/tmp");

	add(ctx, k, 1100);
	assert_true(k->room.spooled > 0 && k->store.tail.len > 0);
	assert_int_equal(lseek(k->store.file.fd, 0, SEEK_END), k->room.spooled);
	comes_back(ctx, k, 1100);
	/* without a file it is all in memory */
	k = keep(ctx, 1 << 30, 0, NULL);
	for (uint64_t i = 1; i <= 200; i++)
	{
		LhFrame f = frame_of(i, size_of(i));

		assert_int_equal(lh_unfinished_store_add(ctx, &k->store, &f), LH_OK);
	}
	assert_int_equal(k->room.spooled, 0);
	comes_back(ctx, k, 200);
	lh_unfinished_store_leave(&k->store);
	assert_int_equal(k->room.memory, 0);
}

/* Until it fails or ends. */
static LhStatus
drain(LhCtx *ctx, Kept *k)
{
	LhStatus status;
	LhFrame f;
	bool over = false;

	while ((status = lh_unfinished_store_next(ctx, &k->store, &f, &over)) == LH_OK && !over)
		;
	return status;
}

static void
a_disk_that_lies_is_told(void **state)
{
	LhCtx *ctx = *state;

	for (int where = 0; where < 40; where++)
	{
		Kept *k = keep(ctx, 1 << 24, 1 << 30, "/tmp");
		uint8_t byte;
		off_t at;

		add(ctx, k, 500);
		/* the first bytes are lengths, which nobody may believe */
		at = where < 8 ? where : (off_t) ((uint64_t) rand() % k->room.spooled);
		assert_int_equal(pread(k->store.file.fd, &byte, 1, at), 1);
		byte ^= (uint8_t) (1 << where % 8);
		assert_int_equal(pwrite(k->store.file.fd, &byte, 1, at), 1);
		assert_int_equal(drain(ctx, k), LH_IO);
		says(ctx, "does not hold what was written");
	}
	for (int cut = 1; cut < 4; cut++)
	{
		Kept *k = keep(ctx, 1 << 24, 1 << 30, "/tmp");

		add(ctx, k, 500);
		assert_int_equal(
			ftruncate(k->store.file.fd, (off_t) (k->room.spooled * (uint64_t) cut / 4)), 0);
		assert_int_equal(drain(ctx, k), LH_IO);
		says(ctx, "does not hold what was written");
	}
}

static void
a_full_disk_is_told_with_its_remedy(void **state)
{
	const struct rlimit small = {300000, RLIM_INFINITY};
	LhCtx *ctx = *state;
	struct rlimit was;
	Kept *k = keep(ctx, 1 << 24, 1 << 30, "/tmp");
	LhStatus status = LH_OK;
	char text[64];

	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	for (uint64_t i = 1; i < 1000 && status == LH_OK; i++)
	{
		LhFrame f = frame_of(i, 2000);

		status = lh_unfinished_store_add(ctx, &k->store, &f);
		if (status == LH_OK && k->store.tail.len > 100000)
			status = lh_unfinished_store_spill(ctx, &k->store);
	}
	setrlimit(RLIMIT_FSIZE, &was);
	assert_int_equal(status, LH_IO);
	snprintf(text, sizeof(text), "which take %llu there", (unsigned long long) k->room.spooled);
	if (strstr(ctx->error->message, text) == NULL)
		fail_msg("%s", ctx->error->message);
	if (strstr(ctx->error->message, "\"/tmp\" has no room for ") == NULL)
		fail_msg("%s", ctx->error->message);
	says(ctx, "another directory by --spool");
	/* a directory that is none */
	k = keep(ctx, 1 << 24, 1 << 30, "/proc/nonexistent");
	add(ctx, k, 10);
	assert_int_equal(lh_unfinished_store_spill(ctx, &k->store), LH_INVALID);
	says(ctx, "could not make a spool file in \"/proc/nonexistent\"");
}

/* ---- transactions ---- */

typedef struct Made
{
	LhCtx *ctx;
	LhUnfinished *u;
	LhUnfinishedEnd end;
} Made;

static Made
make(LhCtx *ctx, size_t memory, uint64_t size, const char *dir)
{
	const LhUnfinishedConfig config = {.dir = dir, .memory = memory, .size = size};
	Made m = {.ctx = ctx};

	assert_int_equal(lh_unfinished_create(ctx, &config, &m.u), LH_OK);
	return m;
}

/* A frame's one message of format LH_MESSAGE_UNFINISHED. */
static LhSlice
message(LhCtx *ctx, const char *gid, int n, const LhChangeRange *back)
{
	const uint32_t key = (uint32_t) strlen(gid), value = (uint32_t) n * 16;
	uint8_t *p = lh_alloc0(ctx, LH_FRAME_MESSAGE_HEAD + key + value);

	p[0] = LH_MESSAGE_UNFINISHED;
	p[1] = LH_MESSAGE_KEY;
	memcpy(p + 4, &key, 4);
	memcpy(p + 8, &value, 4);
	memcpy(p + LH_FRAME_MESSAGE_HEAD, gid, key);
	if (n > 0)
		memcpy(p + LH_FRAME_MESSAGE_HEAD + key, back, value);
	return lh_slice(p, LH_FRAME_MESSAGE_HEAD + key + value);
}

static LhStatus
take(Made *m, LhFrame f, const char *gid, int n, const LhChangeRange *back)
{
	if (gid != NULL || n > 0)
	{
		f.body = message(m->ctx, gid != NULL ? gid : "", n, back);
		f.nmessages = 1;
	}
	return lh_unfinished_take(m->ctx, m->u, &f, &m->end);
}

#define START(x)                                              \
	((LhFrame){.kind = LH_CHANGE_STREAM_START,                \
			   .flags = LH_FRAME_FIRST | LH_FRAME_UNFINISHED, \
			   .pos.xid = (x),                                \
			   .commit_time = (x)})
#define MORE(x)                                \
	((LhFrame){.kind = LH_CHANGE_STREAM_START, \
			   .flags = LH_FRAME_UNFINISHED,   \
			   .pos.xid = (x),                 \
			   .commit_time = (x)})
#define STOP(x) \
	((LhFrame){.kind = LH_CHANGE_STREAM_STOP, .flags = LH_FRAME_UNFINISHED, .pos.xid = (x)})
#define ROW(x, n) \
	((LhFrame){   \
		.kind = LH_CHANGE_INSERT, .flags = LH_FRAME_UNFINISHED, .pos = {0, (n), (x)}, .relid = 1})
#define ABORT(x, s)                            \
	((LhFrame){.kind = LH_CHANGE_STREAM_ABORT, \
			   .flags = LH_FRAME_UNFINISHED,   \
			   .pos.xid = (x),                 \
			   .commit_time = (s)})
#define COMMIT(x, e) \
	((LhFrame){.kind = LH_CHANGE_STREAM_COMMIT, .pos = {(e), 9, (x)}, .commit_time = 77})
#define PREPARE(x, l) \
	((LhFrame){.kind = LH_CHANGE_PREPARE, .pos = {(l) + 8, 9, (x)}, .lsn = (l), .commit_time = 66})
#define DECIDED(x, e)                             \
	((LhFrame){.kind = LH_CHANGE_COMMIT_PREPARED, \
			   .pos = {(e), 0, (x)},              \
			   .lsn = (e) -8,                     \
			   .commit_time = 77})
#define UNDONE(x, e) \
	((LhFrame){.kind = LH_CHANGE_ROLLBACK_PREPARED, .pos = {(e), 0, (x)}, .lsn = (e) -8})

static void
fine(Made *m, LhFrame f, const char *gid)
{
	if (take(m, f, gid, 0, NULL) != LH_OK)
		fail_msg("%s", m->ctx->error->message);
}

static void
misplaced(Made *m, LhFrame f, const char *gid, const char *why)
{
	assert_int_equal(take(m, f, gid, 0, NULL), LH_CORRUPT);
	says(m->ctx, why);
	assert_null(m->end.txn);
}

static void
frames_in_wrong_places_are_errors(void **state)
{
	Made made = make(*state, 1 << 20, 1 << 30, "/tmp"), *m = &made;
	LhFrame f;

	misplaced(m, START(0), NULL, "no number");
	misplaced(m, MORE(7), NULL, "was not begun");
	misplaced(m, STOP(7), NULL, "was not begun");
	misplaced(m, ROW(7, 1), NULL, "outside of its block");
	misplaced(m, ABORT(7, 8), NULL, "was not told");
	misplaced(m, COMMIT(7, 0x20), NULL, "was not told");
	misplaced(m, PREPARE(7, 0x20), NULL, "a name and a position");
	misplaced(m, DECIDED(7, 0x20), NULL, "a name and a position");
	fine(m, START(7), NULL);
	misplaced(m, START(8), NULL, "in a block");
	misplaced(m, COMMIT(7, 0x20), NULL, "in a block");
	misplaced(m, ABORT(7, 7), NULL, "in a block");
	misplaced(m, PREPARE(7, 0x20), "g", "in a block");
	misplaced(m, STOP(8), NULL, "was not begun");
	misplaced(m, ROW(8, 1), NULL, "outside of its block");
	misplaced(m, ROW(7, 0), NULL, "numbers ascend");
	fine(m, ROW(7, 5), NULL);
	fine(m, ROW(7, 5), NULL);
	misplaced(m, ROW(7, 4), NULL, "numbers ascend");
	f = ROW(7, 6);
	f.flags = 0;
	misplaced(m, f, NULL, "none of a block");
	f = ROW(7, 6);
	f.kind = LH_CHANGE_COMMIT;
	misplaced(m, f, NULL, "none of a block");
	f.kind = LH_CHANGE_MESSAGE;
	misplaced(m, f, NULL, "none of a block");
	f = ROW(7, 6);
	f.pos.commit_end = 0x20;
	misplaced(m, f, NULL, "none of a block");
	assert_int_equal(lh_unfinished_block(m->u), 7);
	fine(m, STOP(7), NULL);
	assert_int_equal(lh_unfinished_block(m->u), 0);
	misplaced(m, COMMIT(7, 0), NULL, "was not told");
	/* a message that is none */
	f = ABORT(7, 8);
	f.body = message(m->ctx, "", 0, NULL);
	f.nmessages = 2;
	misplaced(m, f, NULL, "more than one message");
	for (int i = 0; i < 3; i++)
	{
		const LhChangeRange one = {1, 1};
		uint8_t *p;

		/* of a format; half a range; a name that has two ends */
		f.body = message(m->ctx, "na", 1, &one);
		f.nmessages = 1;
		p = (uint8_t *) f.body.data;
		if (i == 0)
			p[0] = 0;
		if (i == 1)
			p[8] = 8, f.body.len -= 8;
		if (i == 2)
			p[LH_FRAME_MESSAGE_HEAD + 1] = 0;
		misplaced(m, f, NULL, "no name and no ranges");
	}
	/* what is prepared is decided by its name, and not gone on with */
	fine(m, PREPARE(7, 0x20), "g");
	misplaced(m, MORE(7), NULL, "was not begun");
	misplaced(m, ABORT(7, 7), NULL, "was not told");
	misplaced(m, COMMIT(7, 0x40), NULL, "was not told");
	misplaced(m, DECIDED(7, 0x40), "h", "by that name");
	misplaced(m, UNDONE(7, 0x40), "h", "by that name");
	fine(m, START(9), NULL);
	fine(m, STOP(9), NULL);
	misplaced(m, DECIDED(9, 0x40), "h", "by that name");
	fine(m, DECIDED(7, 0x40), "g");
	assert_non_null(m->end.txn);
	assert_int_equal(m->end.pos.ordinal, 9);
	/* nothing came of it: rolled back, that does not matter; committed, it does */
	fine(m, UNDONE(10, 0x50), "x");
	assert_false(m->end.unknown);
	fine(m, DECIDED(10, 0x50), "x");
	assert_true(m->end.unknown);
	assert_string_equal(m->end.gid, "x");
}

/* Numbers of what survives. */
static void
survives(Made *m, const char *want)
{
	char got[200] = "";
	LhFrame f;
	bool over;

	assert_non_null(m->end.txn);
	for (;;)
	{
		assert_int_equal(lh_unfinished_next(m->ctx, &m->end, &f, &over), LH_OK);
		if (over)
			break;
		assert_int_equal(f.flags & LH_FRAME_UNFINISHED, 0);
		assert_int_equal(f.commit_time, 77);
		snprintf(got + strlen(got), sizeof(got) - strlen(got), "%llx/%llu ",
				 (unsigned long long) f.pos.commit_end, (unsigned long long) f.pos.ordinal);
	}
	assert_string_equal(got, want);
	assert_int_equal(lh_unfinished_end(m->ctx, m->u, &m->end), LH_OK);
}

static void
what_was_taken_back_is_left_out(void **state)
{
	const LhChangeRange first[] = {{1, 2}}, later[] = {{9, 9}, {5, 6}};
	Made made = make(*state, 1 << 20, 1 << 30, "/tmp"), *m = &made;

	/* void by the next first block */
	fine(m, START(7), NULL);
	fine(m, ROW(7, 1), NULL);
	fine(m, STOP(7), NULL);
	assert_int_equal(take(m, START(7), NULL, 1, first), LH_OK);
	for (uint64_t n = 3; n <= 9; n++)
		fine(m, ROW(7, n), NULL);
	fine(m, STOP(7), NULL);
	assert_int_equal(take(m, ABORT(7, 8), NULL, 2, later), LH_OK);
	fine(m, START(20), NULL);
	fine(m, ROW(20, 1), NULL);
	fine(m, STOP(20), NULL);
	fine(m, ABORT(20, 20), NULL);
	fine(m, MORE(7), NULL);
	fine(m, ROW(7, 10), NULL);
	fine(m, STOP(7), NULL);
	fine(m, COMMIT(7, 0x40), NULL);
	survives(m, "40/1 40/2 40/3 40/4 40/5 ");
	/* it is gone, and so is the other */
	misplaced(m, COMMIT(7, 0x40), NULL, "was not told");
	misplaced(m, COMMIT(20, 0x40), NULL, "was not told");
}

static void
room_is_bounded(void **state)
{
	LhCtx *ctx = *state;
	LhUnfinishedStats stats;
	LhStatus status = LH_OK;
	Made made = make(ctx, 1 << 20, 50 << 20, "/tmp"), *m = &made;
	size_t before = lh_arena_used(ctx->arena);
	LhFrame f = frame_of(1, 1000);
	uint64_t n = 0;

	/* memory stays where it is while the file grows, over several transactions */
	for (uint32_t xid = 7; xid < 12; xid++)
	{
		fine(m, START(xid), NULL);
		for (uint64_t i = 1; i <= 6000 && status == LH_OK; i++)
		{
			f.pos = (LhChangePos){0, i, xid};
			status = lh_unfinished_take(ctx, m->u, &f, &m->end);
		}
		assert_int_equal(status, LH_OK);
		fine(m, STOP(xid), NULL);
		lh_unfinished_stats(m->u, &stats);
		assert_true(stats.memory < (3 << 20) / 2);
	}
	assert_int_equal(stats.running, 5);
	assert_true(stats.spooled > 25 << 20 && lh_arena_used(ctx->arena) - before < 3 << 20);
	/* the limit of all files, with what to do */
	for (uint64_t i = 6001; i <= 100000 && status == LH_OK; i++)
	{
		if (i == 6001)
			fine(m, MORE(7), NULL);
		f.pos = (LhChangePos){0, i, 7};
		status = lh_unfinished_take(ctx, m->u, &f, &m->end);
		n = i;
	}
	assert_int_equal(status, LH_LIMIT);
	assert_true(n < 40000);
	says(ctx, "--unfinished-size");
	/* a new connection begins with nothing */
	lh_unfinished_forget(m->u);
	lh_unfinished_stats(m->u, &stats);
	assert_int_equal(stats.memory + stats.spooled + stats.running, 0);
	/* without a place for files, that of memory */
	made = make(ctx, 1 << 20, 0, NULL);
	fine(m, START(7), NULL);
	status = LH_OK;
	for (uint64_t i = 1; i <= 5000 && status == LH_OK; i++)
	{
		f.pos = (LhChangePos){0, i, 7};
		status = lh_unfinished_take(ctx, m->u, &f, &m->end);
	}
	assert_int_equal(status, LH_LIMIT);
	says(ctx, "--spool DIR");
}

/* Each sub-transaction that is rolled back leaves a range, which no file takes. */
static void
ranges_are_bounded(void **state)
{
	Made made = make(*state, 1 << 20, 1 << 30, "/tmp"), *m = &made;
	LhStatus status = LH_OK;

	fine(m, START(7), NULL);
	fine(m, STOP(7), NULL);
	for (uint64_t i = 1; i < 1000000 && status == LH_OK; i += 2)
	{
		const LhChangeRange one = {i, i};

		status = take(m, ABORT(7, 8), NULL, 1, &one);
	}
	assert_int_equal(status, LH_LIMIT);
	says(m->ctx, "--unfinished-memory");
}

/* ---- what may be confirmed ---- */

static void
no_position_passes_a_prepare(void **state)
{
	Made made = make(*state, 1 << 20, 1 << 30, "/tmp"), *m = &made;
	LhUnfinishedStats stats;

	assert_int_equal(lh_unfinished_clamp(m->u, 0x99), 0x99);
	fine(m, PREPARE(7, 0x20), "g");
	fine(m, PREPARE(8, 0x40), "h");
	assert_int_equal(lh_unfinished_clamp(m->u, 0x18), 0x18);
	assert_int_equal(lh_unfinished_clamp(m->u, 0x20), 0x20);
	assert_int_equal(lh_unfinished_clamp(m->u, 0x21), 0x20);
	assert_int_equal(lh_unfinished_clamp(m->u, 0x99), 0x20);
	lh_unfinished_stats(m->u, &stats);
	assert_int_equal(stats.prepared, 2);
	assert_int_equal(stats.held_lsn, 0x20);
	assert_int_equal(stats.held_time, 66);
	assert_string_equal(stats.held_gid, "g");
	/* rolled back, it is nobody's any more */
	fine(m, PREPARE(9, 0x10), "i");
	fine(m, UNDONE(9, 0x50), "i");
	assert_int_equal(lh_unfinished_clamp(m->u, 0x99), 0x20);
	/* committed: what is between the two would send the end alone */
	fine(m, DECIDED(7, 0x60), "g");
	survives(m, "");
	assert_int_equal(lh_unfinished_clamp(m->u, 0x99), 0x20);
	fine(m, DECIDED(8, 0x80), "h");
	survives(m, "");
	/* the second holds, and then the first does, too */
	assert_int_equal(lh_unfinished_clamp(m->u, 0x70), 0x20);
	assert_int_equal(lh_unfinished_clamp(m->u, 0x7f), 0x20);
	assert_int_equal(lh_unfinished_clamp(m->u, 0x80), 0x80);
	lh_unfinished_confirmed(m->u, 0x20);
	lh_unfinished_stats(m->u, &stats);
	assert_int_equal(stats.held_lsn, 0x20);
	assert_null(stats.held_gid);
	lh_unfinished_confirmed(m->u, 0x80);
	lh_unfinished_stats(m->u, &stats);
	assert_int_equal(stats.held_lsn, 0);
	/* a new connection knows nothing of the old one's */
	fine(m, PREPARE(7, 0x90), "g");
	lh_unfinished_forget(m->u);
	assert_int_equal(lh_unfinished_clamp(m->u, 0x99), 0x99);
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(ranges_agree_with_flags),
		T(ranges_have_ends),
		T(frames_come_back_as_they_came),
		T(a_disk_that_lies_is_told),
		T(a_full_disk_is_told_with_its_remedy),
		T(frames_in_wrong_places_are_errors),
		T(what_was_taken_back_is_left_out),
		T(room_is_bounded),
		T(ranges_are_bounded),
		T(no_position_passes_a_prepare),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
