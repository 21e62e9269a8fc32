/*
 * fuzz_audit_log.c
 *		A directory that says it is an audit log: opened, read, verified, appended to.
 *
 * Input: files, each a number of its name (1 byte), its length (2 bytes, little-endian) and its bytes.  Above 127 the number means an
 * honest log first, whose file of that number gets these bytes at its end, or in the middle of it.  A state gets the sum that it has to
 * have.  Whatever stands there is refused
 * or taken; what is taken can be appended to, proved, and read again.
 */
#include "fuzz/fuzz_ctx.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "audit/log_internal.h"

#define CHECK(condition)  \
	do                    \
	{                     \
		if (!(condition)) \
			abort();      \
	} while (0)

#define ORIGIN "example.com/audit"

static const char *const names[] = {"state",
									"00000000000000000000.jsonl",
									"00000000000000000000.index",
									"nodes-00",
									"nodes-01",
									"checkpoints",
									"public",
									"00000000000000000002.jsonl",
									"00000000000000000002.index",
									"nodes-02",
									"lock",
									"state.new"};
#define NAMES (sizeof(names) / sizeof(names[0]))

static char dir[64];

static int
no_sync(int fd, bool data)
{
	(void) fd;
	(void) data;
	return 0;
}

static void
remove_dir(void)
{
	rmdir(dir);
}

static void
prepare(void)
{
	if (dir[0] != '\0')
		return;
	lh_audit_io.sync = no_sync;
	strcpy(dir,
		   access("/dev/shm", W_OK) == 0 ? "/dev/shm/fuzz-audit.XXXXXX" : "/tmp/fuzz-audit.XXXXXX");
	CHECK(mkdtemp(dir) != NULL);
	atexit(remove_dir);
}

static const char *
path_of(const char *name)
{
	static char path[256];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

static void
clear(void)
{
	char command[32];

	for (size_t i = 0; i < NAMES; i++)
		unlink(path_of(names[i]));
	for (int i = 0; i < 12; i++)
	{
		snprintf(command, sizeof(command), "nodes-%02d", i);
		unlink(path_of(command));
		snprintf(command, sizeof(command), "torn-%020d", i);
		unlink(path_of(command));
		snprintf(command, sizeof(command), "%020d.jsonl", i);
		unlink(path_of(command));
		snprintf(command, sizeof(command), "%020d.index", i);
		unlink(path_of(command));
	}
	unlink(path_of("public.new"));
}

static LhSigner *
signer(LhCtx *ctx)
{
	static const uint8_t seed[LH_ED25519_SEED] = {1};
	LhSigner *s;

	CHECK(lh_signer_create(ctx, ORIGIN, lh_slice(seed, sizeof(seed)), &s) == LH_OK);
	return s;
}

static void
honest_log(LhCtx *ctx)
{
	LhAuditLogOptions options = {lh_slice(ORIGIN, sizeof(ORIGIN) - 1), 40};
	LhAuditLog *log;

	CHECK(lh_audit_log_open(ctx, dir, &options, &log) == LH_OK);
	for (int i = 0; i < 5; i++)
		CHECK(lh_audit_log_append(ctx, log, lh_slice("{\"a\":\"some line\"}", 17), NULL) == LH_OK);
	CHECK(lh_audit_log_checkpoint(ctx, log, signer(ctx), NULL) == LH_OK);
	CHECK(lh_audit_log_append(ctx, log, lh_slice("{}", 2), NULL) == LH_OK);
	CHECK(lh_audit_log_sync(ctx, log) == LH_OK);
	lh_audit_log_close(log);
}

/* A state that says anything, with the sum that it has to have. */
static void
write_state(const uint8_t *data, size_t n)
{
	uint8_t bytes[4096 + 8 + LH_SHA256] = "LHAUDIT1";
	int fd = open(path_of("state"), O_WRONLY | O_CREAT | O_TRUNC, 0600);

	CHECK(fd >= 0 && n <= 4096);
	memcpy(bytes + 8, data, n);
	lh_sha256(lh_slice(bytes, 8 + n), bytes + 8 + n);
	CHECK(pwrite(fd, bytes, 8 + n + LH_SHA256, 0) == (ssize_t) (8 + n + LH_SHA256));
	close(fd);
}

static void
write_file(const char *name, const uint8_t *data, size_t n, off_t at)
{
	int fd = open(path_of(name), O_WRONLY | O_CREAT, 0600);

	CHECK(fd >= 0);
	CHECK(pwrite(fd, data, n, at < 0 ? lseek(fd, 0, SEEK_END) : at) == (ssize_t) n);
	close(fd);
}

/* Nothing that is read leads anywhere else; what is proved is proved. */
static void
read_log(LhCtx *ctx)
{
	LhAuditVerdict v;
	LhVerifier *verifier;
	LhMerkleProof proof;
	LhMerkleHash root;
	LhAuditLog *log;
	LhSlice line;

	CHECK(lh_signer_verifier(ctx, signer(ctx), &verifier) == LH_OK);
	(void) lh_audit_log_verify(ctx, dir, &verifier, 1, lh_slice(ORIGIN, sizeof(ORIGIN) - 1), NULL,
							   0, &v);
	if (lh_audit_log_read(ctx, dir, &log) != LH_OK)
		return;
	for (uint64_t i = 0; i < 8; i++)
	{
		(void) lh_audit_log_entry(ctx, log, i, &line);
		(void) lh_audit_log_root(ctx, log, i, &root);
		(void) lh_audit_log_inclusion(ctx, log, i / 2, i, &proof);
		(void) lh_audit_log_note(ctx, log, i, &line);
	}
	lh_audit_log_close(log);
}

static void
write_log(LhCtx *ctx)
{
	LhAuditLogOptions options = {lh_slice(ORIGIN, sizeof(ORIGIN) - 1), 100};
	LhAuditLog *log;
	uint64_t number, removed;
	LhSlice line;
	LhStatus status;

	if (lh_audit_log_open(ctx, dir, &options, &log) != LH_OK)
		return;
	CHECK(lh_audit_log_synced(log) == lh_audit_log_size(log));
	status = lh_audit_log_append(ctx, log, lh_slice("{\"b\":2}", 7), &number);
	CHECK(status == LH_OK || log->tree.size == LH_MERKLE_MOST);
	if (status == LH_OK && lh_audit_log_sync(ctx, log) == LH_OK)
	{
		CHECK(lh_audit_log_entry(ctx, log, number, &line) == LH_OK);
		CHECK(line.len == 7 && memcmp(line.data, "{\"b\":2}", 7) == 0);
		(void) lh_audit_log_checkpoint(ctx, log, signer(ctx), NULL);
		(void) lh_audit_log_retain(ctx, log, INT64_MAX, &removed);
	}
	lh_audit_log_close(log);
}

extern int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	LhCtx *ctx = fuzz_ctx();

	prepare();
	clear();
	if (size > 0 && data[0] > 127)
		honest_log(ctx);
	for (int i = 0; i < 8 && size >= 3; i++)
	{
		size_t n = (size_t) data[1] | (size_t) data[2] << 8, name = data[0] % 128 % NAMES;
		off_t at = data[0] > 127 ? (data[0] % 3 == 0 ? -1 : data[1] % 64) : 0;

		data += 3;
		size -= 3;
		n = n < size ? n : size;
		if (n > 4096)
			n = 4096;
		if (name == 0)
			write_state(data, n);
		else
			write_file(names[name], data, n, at);
		data += n;
		size -= n;
	}
	read_log(ctx);
	write_log(ctx);
	read_log(ctx);
	fuzz_ctx_done(ctx);
	clear();
	return 0;
}
