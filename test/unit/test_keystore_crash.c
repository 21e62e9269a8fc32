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
	bool began_replace, began_erase_a, began_erase_b;
	LhErasure a, b;
} Acknowledged;

static Acknowledged *told;

static void
child_work(void)
{
	LhKeyStore *store = open_store();
	LhKeyStoreEntry a = entry_of(ID(1), "SECRET-A"), b = entry_of(ID(2), "SECRET-B1"),
					b2 = entry_of(ID(2), "SECRET-B2");

	told->added_a = add(store, &a);
	told->added_b = add(store, &b);
	told->began_erase_a = true;
	told->a = erase(store, a);
	told->erased_a = true;
	told->began_replace = true;
	ASSERT_OK(lh_keystore_lock(ctx, store, LH_KEYSTORE_EXCLUSIVE));
	ASSERT_OK(lh_keystore_replace(ctx, store, &b2));
	lh_keystore_unlock(store);
	told->replaced_b = true;
	told->began_erase_b = true;
	told->b = erase(store, b2);
	told->erased_b = true;
}

/* Kill at this step; whether there was one. */
static bool
run_to(long step)
{
	pid_t pid;
	int status;

	memset(told, 0, sizeof(*told));
	disk->left = step;
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
	return false;
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
check_promises(void)
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
	assert_int_equal(seen("SECRET"), 0);
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
		more = run_to(step);
		disk_lose_power(root, 0);
		disk = NULL;
		check_promises();
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
			more = run_to(step);
			disk_lose_power(root, chances[i]);
			disk = NULL;
			check_promises();
			lh_arena_reset(ctx->arena);
		}
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
		TEST(a_store_is_made_whole_or_can_be_made_again),
	};

	return cmocka_run_group_tests(tests, start_group, end_group);
}
