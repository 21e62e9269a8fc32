/*
 * keystore_check.h
 *		What the tests of the key store share: a directory, entries, a look for bytes in all files.
 */
#ifndef KEYSTORE_CHECK_H
#define KEYSTORE_CHECK_H

#include "unit/crypto_check.h"

#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "crypto/keystore.h"

#define CHECK_PATH 300

static char base[] = "/tmp/lakehouse-keystore.XXXXXX";
static char root[CHECK_PATH], undo[CHECK_PATH];

#define ID(n)  (LH_KEYSTORE_SUBJECT | (UINT64_C(0x1000000000000000) + (n)))
#define PARENT UINT64_C(77)

static inline int
start_group(void **state)
{
	(void) state;
	return mkdtemp(base) == NULL;
}

static inline void
shell(const char *command)
{
	char line[2 * CHECK_PATH + 200];

	snprintf(line, sizeof(line), "cd %s && %s", base, command);
	assert_int_equal(system(line), 0);
}

static inline int
end_group(void **state)
{
	(void) state;
	shell("rm -rf ../$(basename $PWD)/*");
	return rmdir(base);
}

/* An empty directory each time. */
static inline int
setup_store(void **state)
{
	snprintf(root, sizeof(root), "%s/store", base);
	snprintf(undo, sizeof(undo), "%s/undo", base);
	shell("rm -rf store undo && mkdir -m 700 store undo");
	return setup(state);
}

static inline LhKeyStore *
open_store(void)
{
	LhKeyStore *store;

	ASSERT_OK(lh_keystore_open(ctx, root, &store));
	return store;
}

static inline LhKeyStore *
new_store(void)
{
	ASSERT_OK(lh_keystore_create(ctx, root));
	return open_store();
}

/* An entry with a wrapped key that is found in no other file. */
static inline LhKeyStoreEntry
entry_of(uint64_t id, const char *wrapped)
{
	LhKeyStoreEntry e = {.state = LH_KEYSTORE_ACTIVE, .id = id, .parent = PARENT, .created = 1000};

	memset(e.blind, (int) (id & 0xff), LH_SHA256);
	e.wrapped_len = 64;
	snprintf((char *) e.wrapped, LH_KEYSTORE_WRAPPED, "%-63s", wrapped);
	return e;
}

static inline bool
add(LhKeyStore *store, const LhKeyStoreEntry *e)
{
	bool made = false;

	ASSERT_OK(lh_keystore_lock(ctx, store, LH_KEYSTORE_SHARED));
	ASSERT_OK(lh_keystore_add(ctx, store, e, &made));
	lh_keystore_unlock(store);
	return made;
}

static inline LhErasure
erase(LhKeyStore *store, LhKeyStoreEntry e)
{
	LhErasure out;

	e.erased = 2000;
	ASSERT_OK(lh_keystore_erase(ctx, store, &e, false, &out));
	return out;
}

static inline LhKeyStoreEntry
get(LhKeyStore *store, uint64_t id)
{
	LhKeyStoreEntry e;

	ASSERT_OK(lh_keystore_get(ctx, store, id, &e));
	return e;
}

/* In how many files of the store are these bytes?  Not only where they should be. */
static const char *sought;
static int sightings;

static inline int
look_for(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	uint8_t bytes[65536];
	FILE *f;
	size_t n;

	(void) ftw;
	if (type != FTW_F || st->st_size == 0 || (f = fopen(path, "r")) == NULL)
		return 0;
	n = fread(bytes, 1, sizeof(bytes), f);
	fclose(f);
	sightings += memmem(bytes, n, sought, strlen(sought)) != NULL;
	return 0;
}

static inline int
seen_in(const char *where, const char *bytes)
{
	sought = bytes;
	sightings = 0;
	nftw(where, look_for, 16, FTW_PHYS);
	return sightings;
}

static inline int
seen(const char *bytes)
{
	return seen_in(root, bytes);
}

#endif
