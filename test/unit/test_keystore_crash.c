/*
 * test_keystore_crash.c
 *		The store of small keys after a kill and after a loss of power at every step (keystore_disk.h).
 */
#include "unit/keystore_check.h"
#include "unit/keystore_disk.h"

/* ---- kills and losses of power ---- */

/* What the child has been told is done: in shared memory. */
typedef struct Acknowledged
{
	bool added_a, added_b, replaced_b, erased_a, erased_b;
	bool began_replace, began_erase_a, began_erase_b, added_c;
	LhErasure a, b;
} Acknowledged;

static Acknowledged *told;

/* Nothing but a disk that is full or broken excuses an error. */
static bool
went_well(LhStatus status)
{
	if (status != LH_OK && disk->fault < DISK_FAIL)
		fail_msg("%s", ctx->error->message);
	lh_error_clear(ctx);
	return status == LH_OK;
}

static bool
try_add(LhKeyStore *store, const LhKeyStoreEntry *e)
{
	bool made = false, well;

	if (!went_well(lh_keystore_lock(ctx, store, LH_KEYSTORE_SHARED)))
		return false;
	well = went_well(lh_keystore_add(ctx, store, e, &made));
	lh_keystore_unlock(store);
	return well && made;
}

static bool
try_replace(LhKeyStore *store, const LhKeyStoreEntry *e)
{
	bool well;

	if (!went_well(lh_keystore_lock(ctx, store, LH_KEYSTORE_EXCLUSIVE)))
		return false;
	well = went_well(lh_keystore_replace(ctx, store, e));
	lh_keystore_unlock(store);
	return well;
}

static bool
try_erase(LhKeyStore *store, LhKeyStoreEntry e, LhErasure *out)
{
	e.erased = 2000;
	return went_well(lh_keystore_erase(ctx, store, &e, false, out));
}

static void
child_work(void)
{
	LhKeyStore *store = open_store();
	LhKeyStoreEntry a = entry_of(ID(1), "SECRET-A"), b = entry_of(ID(2), "SECRET-B1"),
					b2 = entry_of(ID(2), "SECRET-B2");

	told->added_a = try_add(store, &a);
	told->added_b = try_add(store, &b);
	told->began_erase_a = true;
	told->erased_a = try_erase(store, a, &told->a);
	told->began_replace = true;
	told->replaced_b = try_replace(store, &b2);
	told->began_erase_b = true;
	told->erased_b = try_erase(store, b2, &told->b);
}

/* Another one, after the first was killed; of what it has been told to be done nothing may be lost. */
static void
add_more(LhKeyStore *store)
{
	LhKeyStoreEntry a = entry_of(ID(1), "SECRET-A"), b = entry_of(ID(2), "SECRET-B"),
					c = entry_of(ID(0x1001), "SECRET-C");

	/* in the directory of a */
	told->added_c = try_add(store, &c);
	told->added_b |= try_add(store, &b);
	if (told->began_erase_a && try_add(store, &a))
		told->added_a = true;
}

static void
go_on(bool adds)
{
	LhKeyStore *store = open_store();
	LhKeyStoreEntry a = entry_of(ID(1), "SECRET-A"), b = entry_of(ID(2), "SECRET-B");

	/* which syncs directories */
	if (adds)
		add_more(store);
	if (told->began_erase_a)
		told->erased_a = try_erase(store, a, &told->a);
	if (told->began_erase_b)
		told->erased_b = try_erase(store, b, &told->b);
}

/* The fault at this step; whether there was one. */
static bool
run_to(long step, DiskFault fault)
{
	bool happened;
	pid_t pid;
	int status;

	memset(told, 0, sizeof(*told));
	disk->left = step;
	disk->fault = fault;
	disk->steps = 0;
	pid = fork();
	if (pid == 0)
	{
		child_work();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFSIGNALED(status))
	{
		assert_int_equal(WTERMSIG(status), SIGKILL);
		return true;
	}
	assert_int_equal(WEXITSTATUS(status), 0);
	happened = disk->left == 0;
	disk->left = 0;
	return happened;
}

static void
check_key(LhKeyStore *store, const LhKeyStoreEntry *e, bool added, bool began, bool erased,
		  const LhErasure *receipt)
{
	LhKeyStoreEntry found;
	LhErasure now;
	LhStatus status = lh_keystore_get(ctx, store, e->id, &found);

	if (!added && status == LH_NOT_FOUND)
	{
		/* it was not made, and can be */
		lh_error_clear(ctx);
		assert_true(add(store, e));
		return;
	}
	ASSERT_OK(status);
	if (erased)
	{
		assert_int_equal(found.state, LH_KEYSTORE_ERASED);
		now = erase(store, *e);
		assert_memory_equal(now.receipt, receipt->receipt, LH_SHA256);
	}
	else if (!began)
		assert_int_equal(found.state, LH_KEYSTORE_ACTIVE);
}

/* Whatever happened: what was promised holds, and what was interrupted can be done again. */
static void
check_promises(bool lost_power)
{
	LhKeyStore *store = open_store();
	LhKeyStoreEntry a = entry_of(ID(1), "SECRET-A"), b = entry_of(ID(2), "SECRET-B");
	uint64_t n;

	/* before anybody takes the lock */
	if (told->erased_a)
		assert_int_equal(seen("SECRET-A"), 0);
	if (told->erased_b)
		assert_int_equal(seen("SECRET-B2"), 0);
	ASSERT_OK(lh_keystore_lock(ctx, store, LH_KEYSTORE_EXCLUSIVE));
	lh_keystore_unlock(store);
	ASSERT_OK(lh_keystore_log(ctx, store, NULL, NULL, &n));
	assert_true(n >= (uint64_t) told->erased_a + told->erased_b);
	check_key(store, &a, told->added_a, told->began_erase_a, told->erased_a, &told->a);
	check_key(store, &b, told->added_b, told->began_erase_b, told->erased_b, &told->b);
	if (told->replaced_b && !told->began_erase_b)
		assert_int_equal(seen("SECRET-B1"), 0);
	(void) erase(store, a);
	(void) erase(store, b);
	ASSERT_OK(lh_keystore_log(ctx, store, NULL, NULL, &n));
	assert_int_equal(n, 2);
	if (told->added_c)
	{
		LhKeyStoreEntry c = entry_of(ID(0x1001), "SECRET-C");

		assert_memory_equal(get(store, c.id).wrapped, c.wrapped, 64);
		(void) erase(store, c);
	}
	assert_int_equal(seen("SECRET"), 0);
	/* nor in what no name leads to any more */
	if (!lost_power)
		assert_int_equal(seen_in(undo, "SECRET"), 0);
	shell("test -z \"$(ls store/tmp)\"");
}

static void
begin_store(void)
{
	disk = NULL;
	shell("rm -rf store undo && mkdir -m 700 store undo");
	ASSERT_OK(lh_keystore_create(ctx, root));
	disk_create(undo);
}

static void
share_told(void)
{
	if (told == NULL)
		told = mmap(NULL, sizeof(*told), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
}

static void
promises_hold_after_a_kill_at_each_step(void **state)
{
	long step = 1;

	(void) state;
	share_told();
	for (bool more = true; more; step++)
	{
		begin_store();
		more = run_to(step, DISK_KILL);
		disk_lose_power(root, 0);
		disk = NULL;
		check_promises(false);
		lh_arena_reset(ctx->arena);
	}
	/* of what was done there are that many steps at least */
	assert_true(step > 30);
}

static void
promises_hold_after_a_loss_of_power_at_each_step(void **state)
{
	static const int chances[] = {100, 50, 50, 50, 25, 75};
	bool more = true;

	(void) state;
	share_told();
	srand(7);
	for (long step = 1; more; step++)
		for (size_t i = 0; i < sizeof(chances) / sizeof(chances[0]); i++)
		{
			begin_store();
			more = run_to(step, DISK_KILL);
			disk_lose_power(root, chances[i]);
			disk = NULL;
			check_promises(true);
			lh_arena_reset(ctx->arena);
		}
}

/* What a process that was killed left unsynced must not be taken for done by those who come after it. */
static void
promises_hold_when_the_power_goes_after_a_kill(void **state)
{
	static const int chances[] = {100, 100, 50, 50, 75, 75};
	bool more = true;

	(void) state;
	share_told();
	srand(11);
	for (long step = 1; more; step++)
		for (size_t i = 0; i < sizeof(chances) / sizeof(chances[0]); i++)
		{
			begin_store();
			more = run_to(step, DISK_KILL);
			go_on(i % 2 == 0);
			disk_lose_power(root, chances[i]);
			disk = NULL;
			check_promises(true);
			lh_arena_reset(ctx->arena);
		}
}

static void
promises_hold_when_a_step_fails(void **state)
{
	static const DiskFault faults[] = {DISK_FAIL, DISK_FULL};
	bool more = true;

	(void) state;
	share_told();
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++, more = true)
		for (long step = 1; more; step++)
		{
			begin_store();
			more = run_to(step, faults[i]);
			disk_lose_power(root, 0);
			disk = NULL;
			check_promises(false);
			lh_arena_reset(ctx->arena);
		}
}

static void
a_full_disk_does_not_keep_tmp_from_being_cleared(void **state)
{
	LhKeyStore *store;

	(void) state;
	begin_store();
	store = open_store();
	shell(
		"umask 077; : > store/tmp/1-0000000000000001; printf SECRET > store/tmp/1-0000000000000002");
	disk->fault = DISK_FULL;
	disk->full = true;
	ASSERT_OK(lh_keystore_lock(ctx, store, LH_KEYSTORE_EXCLUSIVE));
	shell("test -z \"$(ls store/tmp)\"");
	assert_int_equal(seen_in(undo, "SECRET"), 0);
	disk = NULL;
}

/* ---- two at once ---- */

static pid_t stopped;

/* Who is waited for goes on. */
static bool
wake(void *arg)
{
	(void) arg;
	kill(stopped, SIGCONT);
	return false;
}

/* Makes a store, or takes the one that is there, and tells its number; stops at a step. */
static pid_t
begin_making(long step, uint8_t *id)
{
	int status;
	pid_t pid;

	disk->left = step;
	disk->fault = DISK_STOP;
	pid = fork();
	if (pid == 0)
	{
		LhStatus made = lh_keystore_create(ctx, root);

		disk = NULL;
		if (made != LH_OK && made != LH_EXISTS)
			_exit(1);
		memcpy(id, lh_keystore_id(open_store()), LH_KEYSTORE_ID);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
	return WIFSTOPPED(status) ? pid : 0;
}

static void
of_two_who_make_a_store_one_wins(void **state)
{
	static const LhHost host = {.interrupted = wake};
	uint8_t *id =
		mmap(NULL, LH_KEYSTORE_ID, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	bool more = true;

	(void) state;
	for (long step = 1; more; step++)
	{
		uint8_t mine[LH_KEYSTORE_ID];
		LhStatus made;
		int status;

		disk = NULL;
		shell("rm -rf store undo && mkdir -m 700 store undo");
		disk_create(undo);
		stopped = begin_making(step, id);
		more = stopped != 0;
		ctx->host = &host;
		disk->left = 0;
		made = lh_keystore_create(ctx, root);
		ctx->host = NULL;
		if (made != LH_EXISTS)
			ASSERT_OK(made);
		lh_error_clear(ctx);
		memcpy(mine, lh_keystore_id(open_store()), LH_KEYSTORE_ID);
		if (more)
		{
			kill(stopped, SIGCONT);
			assert_int_equal(waitpid(stopped, &status, 0), stopped);
			assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
		}
		assert_memory_equal(id, mine, LH_KEYSTORE_ID);
		assert_memory_equal(lh_keystore_id(open_store()), mine, LH_KEYSTORE_ID);
		lh_arena_reset(ctx->arena);
	}
	munmap(id, LH_KEYSTORE_ID);
}

static void
a_store_is_made_whole_or_can_be_made_again(void **state)
{
	bool more = true;

	(void) state;
	share_told();
	for (long step = 1; more; step++)
	{
		LhStatus status;
		int result;
		pid_t pid;

		disk = NULL;
		shell("rm -rf store undo && mkdir -m 700 store undo");
		disk_create(undo);
		disk->left = step;
		pid = fork();
		if (pid == 0)
		{
			status = lh_keystore_create(ctx, root);
			_exit(status != LH_OK);
		}
		assert_int_equal(waitpid(pid, &result, 0), pid);
		more = WIFSIGNALED(result);
		disk_lose_power(root, step % 2 == 0 ? 50 : 100);
		disk = NULL;
		status = lh_keystore_create(ctx, root);
		if (!more)
			assert_int_equal(status, LH_EXISTS);
		else if (status != LH_EXISTS)
			ASSERT_OK(status);
		lh_error_clear(ctx);
		(void) open_store();
		lh_arena_reset(ctx->arena);
	}
}

static int
setup_whole(void **state)
{
	disk = NULL;
	return setup_store(state);
}

int
main(void)
{
#define TEST(t) cmocka_unit_test_setup_teardown(t, setup_whole, teardown)
	const struct CMUnitTest tests[] = {
		TEST(promises_hold_after_a_kill_at_each_step),
		TEST(promises_hold_after_a_loss_of_power_at_each_step),
		TEST(promises_hold_when_the_power_goes_after_a_kill),
		TEST(promises_hold_when_a_step_fails),
		TEST(a_full_disk_does_not_keep_tmp_from_being_cleared),
		TEST(a_store_is_made_whole_or_can_be_made_again),
		TEST(of_two_who_make_a_store_one_wins),
	};

	return cmocka_run_group_tests(tests, start_group, end_group);
}
