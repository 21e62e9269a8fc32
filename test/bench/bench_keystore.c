/*
 * bench_keystore.c
 *		Keys of the key store made, read and erased a second; with and without waiting for the disk.
 *
 * usage: bench_keystore [DIRECTORY [KEYS]]
 *
 * The directory, /tmp without one, says which file system is measured.  CPU seconds are ours and the kernel's for us; the time that passes
 * is mostly the disk's, as each key that is made or erased is synced: two files and a directory to make one, two files to erase it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "crypto/keystore.h"

static LhCtx *ctx;

static void
must(LhStatus status)
{
	if (status == LH_OK)
		return;
	fprintf(stderr, "%s\n", ctx->error->message);
	exit(1);
}

static double
now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double) ts.tv_sec + (double) ts.tv_nsec / 1e9;
}

static double
cpu(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (double) (u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
		   (double) (u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static double began, began_cpu;

static void
start(void)
{
	began = now();
	began_cpu = cpu();
}

static void
stop(const char *what, long n)
{
	double passed = now() - began, used = cpu() - began_cpu;

	printf("%-28s %10.0f /s   %8.1f us of CPU each\n", what, (double) n / passed,
		   used / (double) n * 1e6);
}

static LhKeyStoreEntry *
make_entries(LhEnvelopeKey *parent, const LhHmac *index, long n)
{
	LhKeyStoreEntry *all = lh_alloc_array(ctx, (size_t) n, sizeof(*all));
	LhArena *keep = ctx->arena, *scratch = lh_arena_child(keep);

	for (long i = 0; i < n; i++)
	{
		LhKeyStoreEntry *e = &all[i];
		LhSlice key;
		char name[32];
		int len = snprintf(name, sizeof(name), "person %ld", i);

		e->state = LH_KEYSTORE_ACTIVE;
		e->parent = 77;
		e->created = 1;
		lh_use(ctx, scratch);
		must(lh_subject_blind(ctx, index, lh_slice(name, (size_t) len), e->blind));
		e->id = lh_subject_id(index, e->blind, 0);
		must(lh_subject_make(ctx, &key));
		must(lh_subject_wrap(ctx, parent, key, e));
		lh_use(ctx, keep);
		lh_arena_reset(scratch);
	}
	return all;
}

static void
measure(const char *path, long n)
{
	LhEnvelopeKey *parent;
	LhHmac *index;
	LhKeyStoreEntry *all, found;
	LhKeyStore *store;
	LhErasure erasure;
	uint64_t erasures;
	LhArena *keep = ctx->arena, *scratch;
	bool made;

	must(lh_envelope_key_create(ctx, (LhKeyRef){77, 1},
								lh_slice("0123456789abcdef0123456789abcdef", 32), 0, &parent));
	must(lh_hmac_create(ctx, lh_slice("index", 5), &index));
	must(lh_keystore_create(ctx, path));
	must(lh_keystore_open(ctx, path, &store));
	start();
	all = make_entries(parent, index, n);
	stop("wrap, no file", n);
	start();
	for (long i = 0; i < n; i++)
	{
		must(lh_keystore_lock(ctx, store, LH_KEYSTORE_SHARED));
		must(lh_keystore_add(ctx, store, &all[i], &made));
		lh_keystore_unlock(store);
	}
	stop("make", n);
	start();
	for (long i = 0; i < n; i++)
		must(lh_keystore_get(ctx, store, all[i].id, &found));
	stop("read", n);
	scratch = lh_arena_child(keep);
	start();
	for (long i = 0; i < n; i++)
	{
		LhSlice key;

		must(lh_keystore_get(ctx, store, all[i].id, &found));
		lh_use(ctx, scratch);
		must(lh_subject_unwrap(ctx, parent, &found, &key));
		lh_use(ctx, keep);
		lh_arena_reset(scratch);
	}
	stop("read and unwrap", n);
	start();
	for (long i = 0; i < n; i++)
		must(lh_keystore_erasures(ctx, store, &erasures));
	stop("look for erasures", n);
	start();
	for (long i = 0; i < n; i++)
	{
		all[i].erased = 2;
		must(lh_keystore_erase(ctx, store, &all[i], false, &erasure));
	}
	stop("erase", n);
	start();
	must(lh_keystore_log(ctx, store, NULL, NULL, &erasures));
	stop("verify the log", (long) erasures);
}

int
main(int argc, char **argv)
{
	char path[4096], command[4200];
	long n = argc > 2 ? atol(argv[2]) : 2000;

	ctx = lh_ctx_create();
	snprintf(path, sizeof(path), "%.4000s/bench-keystore.XXXXXX", argc > 1 ? argv[1] : "/tmp");
	if (ctx == NULL || n <= 0 || mkdtemp(path) == NULL)
		return 1;
	measure(path, n);
	snprintf(command, sizeof(command), "rm -rf '%s'", path);
	return system(command);
}
