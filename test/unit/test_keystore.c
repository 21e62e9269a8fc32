/*
 * test_keystore.c
 *		The store of small keys: entries, erasure, hostile directories, several processes at once.
 */
#include <sys/file.h>

#include "unit/keystore_check.h"

#include <sys/mman.h>

/* ---- entries ---- */

static void
keys_are_made_once_and_found(void **state)
{
	LhKeyStore *store = new_store();
	LhKeyStoreEntry a = entry_of(ID(1), "key a"), b = entry_of(ID(1), "key b"), found;

	(void) state;
	ASSERT_FAILS(lh_keystore_get(ctx, store, ID(1), &found), LH_NOT_FOUND, "No such file");
	assert_true(add(store, &a));
	assert_false(add(store, &b));
	found = get(store, ID(1));
	assert_memory_equal(found.wrapped, a.wrapped, 64);
	assert_int_equal(found.created, 1000);
	assert_int_equal(found.parent, PARENT);
	ASSERT_OK(lh_keystore_settle(ctx, store, &found, 5000));
	ASSERT_OK(lh_keystore_settle(ctx, store, &found, INT64_C(1) << 40));
	/* without the lock, or under the wrong one, nothing is made */
	bool made;
	ASSERT_FAILS(lh_keystore_add(ctx, store, &b, &made), LH_BUG, "not locked");
	ASSERT_FAILS(lh_keystore_replace(ctx, store, &b), LH_BUG, "not locked");
	assert_int_equal(seen("key b"), 0);
	/* another process sees it */
	found = get(open_store(), ID(1));
	assert_int_equal(found.id, ID(1));
}

static void
bytes_of_entries_are_strict(void **state)
{
	LhKeyStoreEntry e = entry_of(ID(3), "key"), back;
	uint8_t bytes[LH_KEYSTORE_ENTRY], changed[LH_KEYSTORE_ENTRY];

	(void) state;
	e.ordinal = 7;
	lh_keystore_entry_write(&e, bytes);
	ASSERT_OK(lh_keystore_entry_read(ctx, lh_slice(bytes, sizeof(bytes)), &back));
	assert_memory_equal(&back, &e, sizeof(e));
	for (size_t i = 0; i < sizeof(bytes); i++)
	{
		memcpy(changed, bytes, sizeof(bytes));
		changed[i] ^= 1;
		assert_int_equal(lh_keystore_entry_read(ctx, lh_slice(changed, sizeof(bytes)), &back),
						 LH_CORRUPT);
		assert_int_equal(lh_keystore_entry_read(ctx, lh_slice(bytes, i), &back), LH_CORRUPT);
	}
	/* with a checksum that fits, and fields that do not */
	memcpy(changed, bytes, sizeof(bytes));
	changed[4] = 2;
	lh_sha256(lh_slice(changed, 224), changed + 224);
	ASSERT_FAILS(lh_keystore_entry_read(ctx, lh_slice(changed, sizeof(bytes)), &back),
				 LH_UNSUPPORTED, "version 2");
	for (int i = 0; i < 4; i++)
	{
		static const struct
		{
			size_t at;
			uint8_t to;
		} wrong[] = {{5, 2}, {5, 9}, {47, 200}, {223, 1}};

		memcpy(changed, bytes, sizeof(bytes));
		changed[wrong[i].at] = wrong[i].to;
		lh_sha256(lh_slice(changed, 224), changed + 224);
		assert_int_equal(lh_keystore_entry_read(ctx, lh_slice(changed, sizeof(bytes)), &back),
						 LH_CORRUPT);
	}
}

/* ---- erasure ---- */

static void
an_erased_key_is_in_no_file(void **state)
{
	LhKeyStore *store = new_store();
	LhKeyStoreEntry a = entry_of(ID(1), "SECRET-A"), b = entry_of(ID(2), "SECRET-B"), found;
	LhErasure first, again, second;
	uint64_t n, before;
	int held;

	(void) state;
	assert_true(add(store, &a));
	assert_true(add(store, &b));
	/* whoever has it open, or another name of it, sees it go, too: it is the same file that is written */
	shell("cp -l store/keys/001/*0001 linked");
	held = open(lh_sprintf(ctx, "%s/linked", base), O_RDONLY);
	assert_int_equal(seen("SECRET-A"), 1);
	ASSERT_OK(lh_keystore_erasures(ctx, store, &before));
	first = erase(store, a);
	ASSERT_OK(lh_keystore_erasures(ctx, store, &n));
	assert_int_equal(n, before + 1);
	assert_int_equal(seen("SECRET-A"), 0);
	assert_int_equal(seen("SECRET-B"), 1);
	{
		char bytes[LH_KEYSTORE_ENTRY];

		assert_int_equal(pread(held, bytes, sizeof(bytes), 0), sizeof(bytes));
		assert_null(memmem(bytes, sizeof(bytes), "SECRET-A", 8));
		close(held);
	}
	found = get(store, ID(1));
	assert_int_equal(found.state, LH_KEYSTORE_ERASED);
	assert_int_equal(found.wrapped_len, 0);
	assert_int_equal(found.erased, 2000);
	assert_memory_equal(found.blind, a.blind, LH_SHA256);
	/* again: the same receipt, no new record; and no new key in its place */
	again = erase(store, a);
	assert_memory_equal(&again, &first, sizeof(first));
	assert_false(add(store, &a));
	second = erase(store, b);
	assert_int_equal(second.seq, 2);
	assert_memory_equal(second.before, first.receipt, LH_SHA256);
	ASSERT_OK(lh_keystore_log(ctx, store, NULL, NULL, &n));
	assert_int_equal(n, 2);
	shell("rm linked");
}

static void
only_the_right_entry_is_erased(void **state)
{
	LhKeyStore *store = new_store();
	LhKeyStoreEntry a = entry_of(ID(1), "SECRET-A"), other = a;
	LhErasure e;

	(void) state;
	assert_true(add(store, &a));
	other.blind[0] ^= 1;
	ASSERT_FAILS(lh_keystore_erase(ctx, store, &other, false, &e), LH_MISMATCH, "another subject");
	other = a;
	other.parent++;
	ASSERT_FAILS(lh_keystore_erase(ctx, store, &other, false, &e), LH_MISMATCH, "another subject");
	other = entry_of(ID(2), "");
	ASSERT_FAILS(lh_keystore_erase(ctx, store, &other, false, &e), LH_NOT_FOUND, "No such file");
	other.id = PARENT;
	ASSERT_FAILS(lh_keystore_erase(ctx, store, &other, true, &e), LH_INVALID,
				 "only keys of subjects");
	assert_int_equal(get(store, ID(1)).state, LH_KEYSTORE_ACTIVE);
	/* one that is not there gets a tombstone on demand: no new key takes its number */
	other.id = ID(2);
	other.erased = 3000;
	ASSERT_OK(lh_keystore_erase(ctx, store, &other, true, &e));
	assert_int_equal(get(store, ID(2)).state, LH_KEYSTORE_ERASED);
	assert_false(add(store, &other));
}

static void
a_damaged_entry_is_erased_as_well(void **state)
{
	LhKeyStore *store = new_store();
	LhKeyStoreEntry a = entry_of(ID(1), "SECRET-A"), found;

	(void) state;
	assert_true(add(store, &a));
	shell("printf x | dd of=$(echo store/keys/001/*0001) bs=1 seek=130 conv=notrunc status=none");
	ASSERT_FAILS(lh_keystore_get(ctx, store, ID(1), &found), LH_CORRUPT, "checksum");
	(void) erase(store, a);
	assert_int_equal(get(store, ID(1)).state, LH_KEYSTORE_ERASED);
	/* and one that was made longer */
	a = entry_of(ID(0x1001), "SECRET-B");
	assert_true(add(store, &a));
	shell("echo more >> $(echo store/keys/001/*1001)");
	ASSERT_FAILS(lh_keystore_get(ctx, store, ID(0x1001), &found), LH_CORRUPT, "261 bytes");
	(void) erase(store, a);
	assert_int_equal(get(store, ID(0x1001)).state, LH_KEYSTORE_ERASED);
	assert_int_equal(seen("SECRET"), 0);
}

static void
a_changed_log_is_noticed(void **state)
{
	LhKeyStore *store = new_store();
	uint64_t n;
	LhErasure e;

	(void) state;
	for (uint64_t i = 0; i < 3; i++)
	{
		LhKeyStoreEntry a = entry_of(ID(i), "key");

		assert_true(add(store, &a));
		(void) erase(store, a);
	}
	ASSERT_OK(lh_keystore_log(ctx, store, NULL, NULL, &n));
	/* the second record is the first */
	shell(
		"cp store/erased log && dd if=log of=store/erased bs=144 count=1 seek=1 conv=notrunc status=none");
	ASSERT_FAILS(lh_keystore_log(ctx, store, NULL, NULL, &n), LH_CORRUPT, "does not follow");
	ASSERT_FAILS(lh_keystore_erasure(ctx, store, 2, &e), LH_CORRUPT, "another number");
	shell(
		"cat log > store/erased && printf x | dd of=store/erased bs=1 seek=200 conv=notrunc status=none");
	ASSERT_FAILS(lh_keystore_log(ctx, store, NULL, NULL, &n), LH_CORRUPT, "not what was written");
	ASSERT_FAILS(lh_keystore_erasure(ctx, store, 4, &e), LH_NOT_FOUND, "no number 4");
	ASSERT_FAILS(lh_keystore_erasure(ctx, store, 0, &e), LH_NOT_FOUND, "no number 0");
	shell("rm log");
}

/* ---- replacing, marks, listing ---- */

static void
what_is_replaced_is_gone(void **state)
{
	LhKeyStore *store = new_store();
	LhKeyStoreEntry old = entry_of(ID(5), "UNDER-1"), new = entry_of(ID(5), "UNDER-2");
	char bytes[LH_KEYSTORE_ENTRY];
	int held;

	(void) state;
	assert_true(add(store, &old));
	held = open(lh_sprintf(ctx, "%s/keys/005/%016llx", root, (unsigned long long) ID(5)), O_RDONLY);
	assert_true(held >= 0);
	ASSERT_OK(lh_keystore_lock(ctx, store, LH_KEYSTORE_EXCLUSIVE));
	ASSERT_OK(lh_keystore_replace(ctx, store, &new));
	lh_keystore_unlock(store);
	assert_memory_equal(get(store, ID(5)).wrapped, new.wrapped, 64);
	assert_int_equal(seen("UNDER-1"), 0);
	/* not only the name is gone: the file was overwritten */
	assert_int_equal(pread(held, bytes, sizeof(bytes), 0), sizeof(bytes));
	assert_null(memmem(bytes, sizeof(bytes), "UNDER-1", 7));
	close(held);
}

/* A kill between link and unlink leaves an entry with a second name: clearing up must not overwrite it. */
static void
clearing_up_spares_entries(void **state)
{
	LhKeyStore *store = new_store();
	LhKeyStoreEntry a = entry_of(ID(1), "SECRET-A");

	(void) state;
	assert_true(add(store, &a));
	shell("ln store/keys/001/*0001 store/tmp/1-0000000000000001");
	shell(
		"umask 077; echo SECRET-C > store/tmp/2-0000000000000002; ln -P store/tmp/2-0000000000000002 c; rm c");
	ASSERT_OK(lh_keystore_lock(ctx, store, LH_KEYSTORE_EXCLUSIVE));
	lh_keystore_unlock(store);
	shell("test -z \"$(ls store/tmp)\"");
	assert_memory_equal(get(store, ID(1)).wrapped, a.wrapped, 64);
	assert_int_equal(seen("SECRET-C"), 0);
}

static void
marks_and_lists(void **state)
{
	LhKeyStore *store = new_store();
	LhKeyRef one = {PARENT, 1}, two = {PARENT, 2}, *marks;
	LhKeyStoreEntry index = entry_of(PARENT, "index"), a = entry_of(ID(1), "a"),
					b = entry_of(ID(0x1001), "b");
	uint64_t *ids;
	size_t n, strange;
	bool yes;

	(void) state;
	ASSERT_FAILS(lh_keystore_mark(ctx, store, one), LH_BUG, "not locked");
	ASSERT_OK(lh_keystore_lock(ctx, store, LH_KEYSTORE_SHARED));
	ASSERT_OK(lh_keystore_mark(ctx, store, one));
	ASSERT_OK(lh_keystore_mark(ctx, store, one));
	ASSERT_OK(lh_keystore_mark(ctx, store, two));
	lh_keystore_unlock(store);
	ASSERT_OK(lh_keystore_unmark(ctx, store, one));
	ASSERT_OK(lh_keystore_unmark(ctx, store, one));
	ASSERT_OK(lh_keystore_marked(ctx, store, one, &yes));
	assert_false(yes);
	shell(
		"umask 077; touch store/versions/nonsense store/versions/4d-2 store/versions/000000000000004d-2x");
	ASSERT_OK(lh_keystore_marks(ctx, store, &marks, &n));
	assert_int_equal(n, 1);
	assert_int_equal(marks[0].id, PARENT);
	assert_int_equal(marks[0].version, 2);

	assert_true(add(store, &index));
	assert_true(add(store, &a));
	assert_true(add(store, &b));
	shell("umask 077; touch store/keys/001/nonsense store/keys/001/8000000000000002");
	ASSERT_OK(lh_keystore_list(ctx, store, 1, &ids, &n, &strange));
	assert_int_equal(n, 2);
	assert_int_equal(ids[0] ^ ids[1], ID(1) ^ ID(0x1001));
	assert_int_equal(strange, 2);
	ASSERT_OK(lh_keystore_list(ctx, store, 2, &ids, &n, &strange));
	assert_int_equal(n, 0);
	ASSERT_OK(lh_keystore_list(ctx, store, -1, &ids, &n, &strange));
	assert_int_equal(n, 1);
	assert_int_equal(ids[0], PARENT);
}

/* ---- keys ---- */

static void
a_wrapped_key_opens_in_its_entry_alone(void **state)
{
	LhEnvelopeKey *parent;
	LhHmac *index, *other;
	LhKeyStoreEntry e = {.state = LH_KEYSTORE_ACTIVE, .parent = PARENT}, moved;
	LhSlice key, back;
	LhKeyRef ref;

	(void) state;
	ASSERT_OK(lh_envelope_key_create(ctx, (LhKeyRef){PARENT, 3},
									 of_text("0123456789abcdef0123456789abcdef"), 0, &parent));
	ASSERT_OK(lh_hmac_create(ctx, of_text("index key"), &index));
	ASSERT_OK(lh_hmac_create(ctx, of_text("index key of another parent"), &other));
	ASSERT_OK(lh_subject_blind(ctx, index, of_text("ann@example.com"), e.blind));
	ASSERT_OK(lh_subject_blind(ctx, other, of_text("ann@example.com"), moved.blind));
	assert_memory_not_equal(e.blind, moved.blind, LH_SHA256);
	ASSERT_FAILS(lh_subject_blind(ctx, index, of_text(""), moved.blind), LH_INVALID,
				 "1 to 1024 bytes");
	e.id = lh_subject_id(index, e.blind, 0);
	assert_true((e.id & LH_KEYSTORE_SUBJECT) != 0);
	assert_true(e.id != lh_subject_id(index, e.blind, 1));
	assert_int_equal(e.id, lh_subject_id(index, e.blind, 0));
	ASSERT_OK(lh_subject_make(ctx, &key));
	ASSERT_OK(lh_subject_wrap(ctx, parent, key, &e));
	ASSERT_OK(lh_subject_wrapped_by(ctx, &e, &ref));
	assert_int_equal(ref.version, 3);
	ASSERT_OK(lh_subject_unwrap(ctx, parent, &e, &back));
	assert_bytes(back, key);
	for (int i = 0; i < 4; i++)
	{
		moved = e;
		moved.id ^= i == 0;
		moved.ordinal ^= i == 1;
		moved.blind[31] ^= i == 2;
		moved.wrapped[40] ^= i == 3;
		ASSERT_FAILS(lh_subject_unwrap(ctx, parent, &moved, &back), LH_CORRUPT, "another's");
	}
	moved = e;
	moved.parent++;
	ASSERT_FAILS(lh_subject_unwrap(ctx, parent, &moved, &back), LH_CORRUPT,
				 "no key that its parent wrapped");
	moved = e;
	moved.wrapped_len--;
	ASSERT_FAILS(lh_subject_unwrap(ctx, parent, &moved, &back), LH_CORRUPT,
				 "no key that its parent wrapped");
}

/* ---- hostile directories ---- */

static void
what_others_could_change_is_refused(void **state)
{
	static const struct
	{
		const char *change, *undo, *says;
		LhStatus status;
	} cases[] = {
		{"chmod 750 store", "chmod 700 store", "gives rights to others", LH_INVALID},
		{"chmod 701 store/keys", "chmod 700 store/keys", "gives rights to others", LH_INVALID},
		{"chmod 644 store/store", "chmod 600 store/store", "gives rights to others", LH_INVALID},
		{"chmod 640 store/erased", "chmod 600 store/erased", "gives rights to others", LH_INVALID},
		{"mv store away && ln -s away store", "rm store && mv away store", "is a link", LH_INVALID},
		{"mv store/keys k && ln -s ../k store/keys", "rm store/keys && mv k store/keys",
		 "is a link", LH_INVALID},
		{"mv store/erased e && ln -s ../e store/erased", "rm store/erased && mv e store/erased",
		 "is a link", LH_INVALID},
		{"mv store/erased e && mkdir -m 700 store/erased",
		 "rmdir store/erased && mv e store/erased", "no file", LH_INVALID},
		{"mv store/store s && mkfifo -m 600 store/store", "rm store/store && mv s store/store",
		 "no file", LH_INVALID},
		{"cp store/store s && head -c 63 s > store/store", "cat s > store/store", "damaged",
		 LH_CORRUPT},
		{"cp store/store s && printf x | dd of=store/store bs=1 seek=10 conv=notrunc status=none",
		 "cat s > store/store", "damaged", LH_CORRUPT},
		{"mv store/store s", "mv s store/store", "is no key store", LH_NOT_FOUND},
		{"mv store/tmp t", "mv t store/tmp", "No such file", LH_NOT_FOUND},
		{"mv store away", "mv away store", "No such file", LH_NOT_FOUND},
	};
	LhKeyStore *store;

	(void) state;
	(void) new_store();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		shell(cases[i].change);
		ASSERT_FAILS(lh_keystore_open(ctx, root, &store), cases[i].status, cases[i].says);
		shell(cases[i].undo);
		(void) open_store();
	}
	ASSERT_FAILS(lh_keystore_open(ctx, "store", &store), LH_INVALID, "absolute");
	if (geteuid() == 0)
	{
		shell("chown 12345 store/keys");
		ASSERT_FAILS(lh_keystore_open(ctx, root, &store), LH_INVALID,
					 "belong to the server's user");
		shell("chown 0 store/keys");
	}
}

static void
hostile_entries_are_refused(void **state)
{
	static const struct
	{
		const char *change;
		const char *says;
		LhStatus status;
	} cases[] = {
		{"mv $K real && ln -s $PWD/real $K", "is a link", LH_INVALID},
		{"rm $K && mkdir -m 700 $K", "no file", LH_INVALID},
		{"rmdir $K && mkfifo -m 600 $K", "no file", LH_INVALID},
		{"rm $K && cp real $K && chmod 604 $K", "gives rights", LH_INVALID},
		{"chmod 600 $K && cat real real > $K", "512 bytes", LH_CORRUPT},
		{"head -c 255 real > $K", "255 bytes", LH_CORRUPT},
		{": > $K", "0 bytes", LH_CORRUPT},
		{"head -c 256 /dev/zero > $K", "no entry", LH_CORRUPT},
		{"cat store/keys/002/*0002 > $K", "another key", LH_CORRUPT},
		{"cat real > $K && chmod 755 store/keys/001", "gives rights", LH_INVALID},
		{"chmod 700 store/keys/001 && mv store/keys/001 d && ln -s ../../d store/keys/001",
		 "is a link", LH_INVALID},
	};
	LhKeyStore *store = new_store();
	LhKeyStoreEntry a = entry_of(ID(1), "a"), b = entry_of(ID(2), "b"), found;

	(void) state;
	assert_true(add(store, &a));
	assert_true(add(store, &b));
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		shell(lh_sprintf(ctx, "K=$(echo store/keys/001/*0001) && %s", cases[i].change));
		ASSERT_FAILS(lh_keystore_get(ctx, store, ID(1), &found), cases[i].status, cases[i].says);
	}
	shell("rm store/keys/001 && mv d store/keys/001 && rm real");
	assert_int_equal(get(store, ID(1)).id, ID(1));
}

static void
a_store_is_made_of_an_empty_directory(void **state)
{
	LhKeyStore *store;

	(void) state;
	shell("touch store/file");
	ASSERT_FAILS(lh_keystore_create(ctx, root), LH_INVALID, "not empty");
	shell("rm store/file");
	(void) new_store();
	ASSERT_FAILS(lh_keystore_create(ctx, root), LH_EXISTS, "already");
	shell("chmod 770 store");
	ASSERT_FAILS(lh_keystore_create(ctx, root), LH_INVALID, "gives rights");
	shell("chmod 700 store && rm -r store");
	ASSERT_FAILS(lh_keystore_create(ctx, root), LH_NOT_FOUND, "No such file");
	ASSERT_FAILS(lh_keystore_open(ctx, root, &store), LH_NOT_FOUND, "No such file");
	shell("mkdir -m 700 store");
}

/* ---- several processes ---- */

static void
wait_for(pid_t *pids, int n)
{
	for (int i = 0; i < n; i++)
	{
		int status;

		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_true(WIFEXITED(status));
		assert_int_equal(WEXITSTATUS(status), 0);
	}
}

static void
of_many_makers_one_wins(void **state)
{
	pid_t pids[8];
	int wins = 0;

	(void) state;
	(void) new_store();
	for (int i = 0; i < 8; i++)
	{
		pids[i] = fork();
		if (pids[i] == 0)
		{
			LhKeyStore *store = open_store();
			FILE *f = fopen(lh_sprintf(ctx, "%s/won-%d", base, i), "w");

			for (uint64_t id = 0; id < 50; id++)
			{
				LhKeyStoreEntry e = entry_of(ID(id), lh_sprintf(ctx, "maker %d", i)), found;
				bool made = add(store, &e);

				found = get(store, ID(id));
				if (made && memcmp(found.wrapped, e.wrapped, 64) != 0)
					_exit(1);
				fprintf(f, "%d\n", made);
			}
			fclose(f);
			_exit(0);
		}
	}
	wait_for(pids, 8);
	for (int i = 0; i < 8; i++)
	{
		FILE *f = fopen(lh_sprintf(ctx, "%s/won-%d", base, i), "r");
		int made;

		while (fscanf(f, "%d", &made) == 1)
			wins += made;
		fclose(f);
	}
	assert_int_equal(wins, 50);
	shell("rm won-*; test -z \"$(ls store/tmp)\"");
}

/* Readers beside erasures and replacements see entries before or after, never in between. */
static void
readers_never_see_half_an_entry(void **state)
{
	LhKeyStore *store = new_store();
	pid_t pids[2];
	int *stop = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	(void) state;
	for (uint64_t id = 0; id < 60; id++)
	{
		LhKeyStoreEntry e = entry_of(ID(id), "before");

		assert_true(add(store, &e));
	}
	for (int i = 0; i < 2; i++)
	{
		pids[i] = fork();
		if (pids[i] == 0)
		{
			LhKeyStore *mine = open_store();
			LhKeyStoreEntry e;

			while (!__atomic_load_n(stop, __ATOMIC_RELAXED))
				for (uint64_t id = 0; id < 60; id++)
					if (lh_keystore_get(ctx, mine, ID(id), &e) != LH_OK)
						_exit(2);
			_exit(0);
		}
	}
	for (uint64_t id = 0; id < 60; id++)
	{
		LhKeyStoreEntry e = entry_of(ID(id), "after");

		ASSERT_OK(lh_keystore_lock(ctx, store, LH_KEYSTORE_EXCLUSIVE));
		ASSERT_OK(lh_keystore_replace(ctx, store, &e));
		lh_keystore_unlock(store);
		(void) erase(store, e);
	}
	__atomic_store_n(stop, 1, __ATOMIC_RELAXED);
	wait_for(pids, 2);
	munmap(stop, 4096);
}

static bool interrupt_now;

static bool
interrupted(void *arg)
{
	(void) arg;
	return interrupt_now;
}

static void
the_lock_is_waited_for_and_can_be_cancelled(void **state)
{
	static const LhHost host = {.interrupted = interrupted};
	LhKeyStore *a = new_store(), *b = open_store();

	(void) state;
	ASSERT_OK(lh_keystore_lock(ctx, a, LH_KEYSTORE_SHARED));
	ASSERT_OK(lh_keystore_lock(ctx, b, LH_KEYSTORE_SHARED));
	ASSERT_FAILS(lh_keystore_lock(ctx, b, LH_KEYSTORE_SHARED), LH_BUG, "already");
	lh_keystore_unlock(b);
	ctx->host = &host;
	interrupt_now = true;
	assert_int_equal(lh_keystore_lock(ctx, b, LH_KEYSTORE_EXCLUSIVE), LH_CANCELLED);
	interrupt_now = false;
	lh_keystore_unlock(a);
	ASSERT_OK(lh_keystore_lock(ctx, b, LH_KEYSTORE_EXCLUSIVE));
	ctx->host = NULL;
}

/* Somebody waits for the exclusive lock: who wants the shared one comes after him. */
static void
who_erases_is_not_kept_out_by_who_makes_keys(void **state)
{
	static const LhHost host = {.interrupted = interrupted};
	LhKeyStore *a = new_store(), *b = open_store();
	pid_t pid;
	int gate = open(lh_sprintf(ctx, "%s/store", root), O_RDONLY | O_CLOEXEC);

	(void) state;
	ASSERT_OK(lh_keystore_lock(ctx, a, LH_KEYSTORE_SHARED));
	pid = fork();
	if (pid == 0)
	{
		/* what was inherited keeps the lock of a */
		lh_keystore_unlock(a);
		close(gate);
		_exit(lh_keystore_lock(ctx, open_store(), LH_KEYSTORE_EXCLUSIVE) != LH_OK);
	}
	for (int i = 0; flock(gate, LOCK_SH | LOCK_NB) == 0; i++)
	{
		flock(gate, LOCK_UN);
		assert_true(i < 60000);
		usleep(1000);
	}
	ctx->host = &host;
	interrupt_now = true;
	assert_int_equal(lh_keystore_lock(ctx, b, LH_KEYSTORE_SHARED), LH_CANCELLED);
	ctx->host = NULL;
	lh_error_clear(ctx);
	lh_keystore_unlock(a);
	wait_for(&pid, 1);
	ASSERT_OK(lh_keystore_lock(ctx, b, LH_KEYSTORE_SHARED));
	close(gate);
}

static LhKeyStore *holder;

/* While the lock is waited for, its file is exchanged and the old one given free. */
static bool
exchange(void *arg)
{
	(void) arg;
	if (holder != NULL)
	{
		shell("umask 077; mv store/lock old && : > store/lock");
		lh_keystore_unlock(holder);
		holder = NULL;
	}
	return false;
}

static void
a_lock_that_was_exchanged_is_none(void **state)
{
	static const LhHost host = {.interrupted = exchange};
	LhKeyStore *b;

	(void) state;
	holder = new_store();
	b = open_store();
	ASSERT_OK(lh_keystore_lock(ctx, holder, LH_KEYSTORE_SHARED));
	ctx->host = &host;
	ASSERT_FAILS(lh_keystore_lock(ctx, b, LH_KEYSTORE_EXCLUSIVE), LH_IO, "was exchanged");
	ctx->host = NULL;
	lh_error_clear(ctx);
	ASSERT_OK(lh_keystore_lock(ctx, b, LH_KEYSTORE_EXCLUSIVE));
}

int
main(void)
{
#define TEST(t) cmocka_unit_test_setup_teardown(t, setup_store, teardown)
	const struct CMUnitTest tests[] = {
		TEST(keys_are_made_once_and_found),
		TEST(bytes_of_entries_are_strict),
		TEST(an_erased_key_is_in_no_file),
		TEST(only_the_right_entry_is_erased),
		TEST(a_damaged_entry_is_erased_as_well),
		TEST(a_changed_log_is_noticed),
		TEST(what_is_replaced_is_gone),
		TEST(clearing_up_spares_entries),
		TEST(marks_and_lists),
		TEST(a_wrapped_key_opens_in_its_entry_alone),
		TEST(what_others_could_change_is_refused),
		TEST(hostile_entries_are_refused),
		TEST(a_store_is_made_of_an_empty_directory),
		TEST(of_many_makers_one_wins),
		TEST(readers_never_see_half_an_entry),
		TEST(the_lock_is_waited_for_and_can_be_cancelled),
		TEST(who_erases_is_not_kept_out_by_who_makes_keys),
		TEST(a_lock_that_was_exchanged_is_none),
	};

	return cmocka_run_group_tests(tests, start_group, end_group);
}
