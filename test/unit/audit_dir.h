/*
 * audit_dir.h
 *		Audit logs for tests: in a directory that comes and goes with the test.
 */
#ifndef LH_TEST_AUDIT_DIR_H
#define LH_TEST_AUDIT_DIR_H

#include "unit/crypto_check.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/log_internal.h"

#define ORIGIN "example.com/audit"

static char root[64];

/* Nothing here outlives a power failure: what a sync promises is simulated. */
static inline int
no_sync(int fd, bool data)
{
	(void) fd;
	(void) data;
	return 0;
}

static inline int
make_root(void **state)
{
	/* thousands of logs come and go: in memory where that is possible */
	strcpy(root, access("/dev/shm", W_OK) == 0 ? "/dev/shm/lakehouse-audit.XXXXXX" : "/tmp/lakehouse-audit.XXXXXX");
	lh_audit_io.sync = no_sync;
	return setup(state) != 0 || mkdtemp(root) == NULL;
}

static inline int
remove_root(void **state)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf %s", root);
	return teardown(state) != 0 || system(command) != 0;
}

static inline const char *
path_of(const char *dir, const char *name)
{
	return lh_sprintf(ctx, "%s/%s/%s", root, dir, name);
}

static inline const char *
dir_of(const char *dir)
{
	return lh_sprintf(ctx, "%s/%s", root, dir);
}

static inline void
shell(const char *fmt, ...)
{
	char command[1024];
	va_list args;

	va_start(args, fmt);
	vsnprintf(command, sizeof(command), fmt, args);
	va_end(args);
	if (system(command) != 0)
		fail_msg("failed: %s", command);
}

static inline LhAuditLog *
open_log(const char *dir, uint64_t segment_bytes)
{
	LhAuditLogOptions options = {of_text(ORIGIN), segment_bytes};
	LhAuditLog *log;

	ASSERT_OK(lh_audit_log_open(ctx, dir_of(dir), &options, &log));
	return log;
}

/* The line of an entry: a record, so that retention finds its time, of a length that differs. */
static inline LhSlice
line_at(uint64_t i)
{
	int64_t second = (int64_t) i % 60, minute = (int64_t) i / 60 % 60, hour = (int64_t) i / 3600;

	return of_text(lh_sprintf(
		ctx,
		"{\"time\":\"2026-01-01T%02d:%02d:%02d.000000Z\",\"kind\":\"event\",\"command\":\"%.*s\","
		"\"statement\":%d}",
		(int) hour, (int) minute, (int) second, (int) (i * 7 % 50),
		"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", (int) i + 1));
}

/* Microseconds since 1970 of line_at(i). */
static inline int64_t
time_at(uint64_t i)
{
	return INT64_C(1767225600000000) + (int64_t) i * 1000000;
}

static inline void
append_lines(LhAuditLog *log, uint64_t from, uint64_t to)
{
	for (uint64_t i = from; i < to; i++)
	{
		uint64_t number;

		ASSERT_OK(lh_audit_log_append(ctx, log, line_at(i), &number));
		assert_int_equal(number, i);
	}
}

static inline LhSigner *
signer_of(uint8_t byte)
{
	uint8_t seed[LH_ED25519_SEED];
	LhSigner *s;

	memset(seed, byte, sizeof(seed));
	ASSERT_OK(lh_signer_create(ctx, "audit.example.com", lh_slice(seed, sizeof(seed)), &s));
	return s;
}

static inline LhVerifier *
verifier_of(uint8_t byte)
{
	LhVerifier *v;

	ASSERT_OK(lh_signer_verifier(ctx, signer_of(byte), &v));
	return v;
}

static inline LhSlice
checkpoint_of(LhAuditLog *log, uint8_t key)
{
	LhBuf note;

	ASSERT_OK(lh_buf_init(ctx, &note, false));
	ASSERT_OK(lh_audit_log_checkpoint(ctx, log, signer_of(key), &note));
	return lh_slice(note.data, note.len);
}

/* The root that the first n lines have, by a tree of its own. */
static inline LhMerkleHash
expected_root(uint64_t n)
{
	LhMerkle tree = {0};
	LhMerkleHash leaf, out;

	for (uint64_t i = 0; i < n; i++)
	{
		lh_merkle_leaf(line_at(i), &leaf);
		ASSERT_OK(lh_merkle_append(ctx, &tree, &leaf, NULL, NULL));
	}
	lh_merkle_root(&tree, &out);
	return out;
}

static inline void
assert_root(LhAuditLog *log, uint64_t n)
{
	LhMerkleHash root_now, expected = expected_root(n);

	ASSERT_OK(lh_audit_log_root(ctx, log, n, &root_now));
	assert_memory_equal(&root_now, &expected, sizeof(expected));
}

/* All entries from first on, and their proofs of inclusion and of consistency at this size. */
static inline void
assert_log(LhAuditLog *log, uint64_t first, uint64_t size)
{
	LhMerkleHash top, leaf, early;
	LhSlice hashes[LH_MERKLE_PROOF], line;
	LhMerkleProof proof;

	assert_int_equal(lh_audit_log_synced(log), size);
	assert_int_equal(lh_audit_log_first(log), first);
	assert_root(log, size);
	ASSERT_OK(lh_audit_log_root(ctx, log, size, &top));
	for (uint64_t i = 0; i < size; i += 1 + size / 64)
	{
		ASSERT_OK(lh_audit_log_leaf(ctx, log, i, &leaf));
		if (i < first)
			assert_int_equal(lh_audit_log_entry(ctx, log, i, &line), LH_OUT_OF_RANGE);
		else
		{
			ASSERT_OK(lh_audit_log_entry(ctx, log, i, &line));
			assert_bytes(line, line_at(i));
		}
		ASSERT_OK(lh_audit_log_inclusion(ctx, log, i, size, &proof));
		for (int k = 0; k < proof.n; k++)
			hashes[k] = lh_slice(proof.hashes[k].b, LH_SHA256);
		assert_true(lh_merkle_verify_inclusion(i, size, lh_slice(leaf.b, LH_SHA256), hashes,
											   proof.n, lh_slice(top.b, LH_SHA256)));
		ASSERT_OK(lh_audit_log_consistency(ctx, log, i + 1, size, &proof));
		ASSERT_OK(lh_audit_log_root(ctx, log, i + 1, &early));
		for (int k = 0; k < proof.n; k++)
			hashes[k] = lh_slice(proof.hashes[k].b, LH_SHA256);
		assert_true(lh_merkle_verify_consistency(i + 1, size, lh_slice(early.b, LH_SHA256),
												 lh_slice(top.b, LH_SHA256), hashes, proof.n));
	}
	assert_int_equal(lh_audit_log_leaf(ctx, log, size, &leaf), LH_OUT_OF_RANGE);
	assert_int_equal(lh_audit_log_root(ctx, log, size + 1, &leaf), LH_OUT_OF_RANGE);
}

#endif
