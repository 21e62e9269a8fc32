/*
 * bench_audit_log.c
 *		The audit log: records encoded, lines written, appended, verified.
 *
 *	bench_audit_log [-n ENTRIES] [-b BATCH] [DIRECTORY]
 *
 * A log of ENTRIES lines (1,000,000) of about 300 bytes is made in DIRECTORY (/tmp), synced after each BATCH lines
 * (1,000), signed at the end, verified against that checkpoint, and 1,000 proofs of inclusion are made and verified.
 * Numbers are of CPU time, and of wall-clock time where the disk takes part.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "audit/proof.h"

#define ORIGIN "example.com/audit"
#define PROOFS 1000
/* Where a line has its microseconds. */
#define MICROS 29

static LhCtx *ctx;

static void
check(LhStatus status, const char *what)
{
	if (status == LH_OK)
		return;
	fprintf(stderr, "bench_audit_log: %s: %s\n", what, ctx->error->message);
	exit(1);
}

static double
now(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (double) t.tv_sec + 1e-9 * (double) t.tv_nsec;
}

static double cpu_began, wall_began;

static void
begin(void)
{
	cpu_began = now(CLOCK_PROCESS_CPUTIME_ID);
	wall_began = now(CLOCK_MONOTONIC);
}

static void
end(const char *what, double n)
{
	double cpu = now(CLOCK_PROCESS_CPUTIME_ID) - cpu_began,
		   wall = now(CLOCK_MONOTONIC) - wall_began;

	printf("%-34s %10.0f/s CPU %10.0f/s wall   %.3f s CPU\n", what, n / cpu, n / wall, cpu);
}

static LhSlice
text(const char *s)
{
	return lh_slice(s, strlen(s));
}

static LhAuditColumn columns[2];
static LhAuditRelation relation;

static LhAuditRecord
statement(uint64_t i)
{
	columns[0] = (LhAuditColumn){text("name"), text("hide_names"), text("mask_partial"), false};
	columns[1] = (LhAuditColumn){text("city"), {0}, {0}, false};
	relation = (LhAuditRelation){text("sales"), text("customers"), 16385, 'r', {0}, 1, columns};
	return (LhAuditRecord){.kind = LH_AUDIT_OUTCOME,
						   .time = INT64_C(1796119146123456) + (int64_t) i,
						   .database = text("app"),
						   .session_user = text("anna"),
						   .role = text("anna"),
						   .address = text("local"),
						   .pid = 4711,
						   .statement = i + 1,
						   .command = text("SELECT"),
						   .fingerprint = text("00c0ffee00c0ffee"),
						   .nrelations = 1,
						   .relations = &relation,
						   .result = LH_AUDIT_OK,
						   .rows = 1};
}

static void
records(uint64_t n)
{
	LhBuf bytes, line;
	LhAuditRecord back;
	uint64_t size = 0;

	check(lh_buf_init(ctx, &bytes, false), "records");
	check(lh_buf_init(ctx, &line, false), "records");
	begin();
	for (uint64_t i = 0; i < n; i++)
	{
		LhAuditRecord r = statement(i);

		bytes.len = 0;
		check(lh_audit_encode(ctx, &r, &bytes), "encode");
	}
	end("records encoded", (double) n);
	begin();
	for (uint64_t i = 0; i < n; i++)
	{
		if (i % 1000 == 0)
			lh_arena_reset(ctx->arena);
		if (i % 1000 == 0)
		{
			LhAuditRecord r = statement(i);

			check(lh_buf_init(ctx, &bytes, false), "records");
			check(lh_buf_init(ctx, &line, false), "records");
			check(lh_audit_encode(ctx, &r, &bytes), "encode");
		}
		check(lh_audit_decode(ctx, lh_slice(bytes.data, bytes.len), &back), "decode");
		line.len = 0;
		check(lh_audit_line(ctx, &back, &line), "line");
		size += line.len;
	}
	end("records decoded, made lines", (double) n);
	printf("(records of %zu bytes, lines of %.0f)\n", bytes.len, (double) size / (double) n);
}

static size_t
make_line(char line[400], uint64_t i)
{
	return (size_t) snprintf(
		line, 400,
		"{\"time\":\"2026-12-01T09:59:06.%06uZ\",\"kind\":\"outcome\",\"database\":\"app\",\"session_user\":\"anna\","
		"\"role\":\"anna\",\"address\":\"local\",\"pid\":4711,\"statement\":%010u,\"command\":\"SELECT\","
		"\"fingerprint\":\"00c0ffee00c0ffee\",\"relations\":[{\"schema\":\"sales\",\"name\":\"customers\","
		"\"oid\":16385,\"kind\":\"r\",\"columns\":[{\"name\":\"name\"}]}],\"result\":\"ok\",\"rows\":1}",
		(unsigned) (i % 1000000), (unsigned) i);
}

/* In ctx, which may be reset before: the log lives in another. */
static LhSlice
fill(const char *dir, uint64_t n, uint64_t batch, bool sync)
{
	LhAuditLogOptions options = {text(ORIGIN), 0};
	static const uint8_t seed[LH_ED25519_SEED] = {1};
	LhSigner *signer;
	LhAuditLog *log;
	char line[400];
	size_t len = make_line(line, 0);
	LhBuf note;

	check(lh_audit_log_open(ctx, dir, &options, &log), "open");
	begin();
	for (uint64_t i = 0; i < n; i++)
	{
		/* each line differs; printf is no part of this */
		for (uint64_t d = i, k = 0; k < 6; k++, d /= 10)
			line[MICROS + 5 - k] = (char) ('0' + d % 10);
		check(lh_audit_log_append(ctx, log, lh_slice(line, len), NULL), "append");
		if (sync && (i + 1) % batch == 0)
			check(lh_audit_log_sync(ctx, log), "sync");
	}
	end(sync ? "lines appended and synced" : "lines appended", (double) n);
	check(lh_buf_init(ctx, &note, false), "note");
	check(lh_signer_create(ctx, ORIGIN, lh_slice(seed, sizeof(seed)), &signer), "signer");
	check(lh_audit_log_checkpoint(ctx, log, signer, &note), "checkpoint");
	lh_audit_log_close(log);
	printf("(lines of %zu bytes)\n", len);
	return lh_slice(note.data, note.len);
}

static void
verify(const char *dir, LhSlice note, uint64_t n)
{
	static const uint8_t seed[LH_ED25519_SEED] = {1};
	LhVerifier *verifier;
	LhSigner *signer;
	LhAuditVerdict v;
	LhAuditLog *log;
	LhBuf document;

	check(lh_signer_create(ctx, ORIGIN, lh_slice(seed, sizeof(seed)), &signer), "signer");
	check(lh_signer_verifier(ctx, signer, &verifier), "verifier");
	begin();
	check(lh_audit_log_verify(ctx, dir, &verifier, 1, text(ORIGIN), &note, 1, &v), "verify");
	end("entries verified", (double) n);
	if (!v.intact)
	{
		fprintf(stderr, "bench_audit_log: not intact: %s\n", v.why);
		exit(1);
	}
	check(lh_audit_log_read(ctx, dir, &log), "read");
	check(lh_buf_init(ctx, &document, false), "proof");
	begin();
	for (uint64_t i = 0; i < PROOFS; i++)
	{
		LhAuditProof proof;

		document.len = 0;
		check(lh_audit_proof_inclusion(ctx, log, i * (n / PROOFS), UINT64_MAX, &document), "prove");
		check(lh_audit_proof_verify(ctx, lh_slice(document.data, document.len), &verifier, 1,
									text(ORIGIN), note, &proof),
			  "proof");
		if (!proof.holds)
		{
			fprintf(stderr, "bench_audit_log: a proof does not hold: %s\n", proof.why);
			exit(1);
		}
	}
	end("proofs made and verified", PROOFS);
}

int
main(int argc, char **argv)
{
	uint64_t n = 1000000, batch = 1000;
	const char *where = "/tmp";
	char dir[512], command[1100];
	LhSlice note;

	for (int i = 1; i < argc; i++)
	{
		if (strcmp(argv[i], "-n") == 0 && i + 1 < argc)
			n = strtoull(argv[++i], NULL, 10);
		else if (strcmp(argv[i], "-b") == 0 && i + 1 < argc)
			batch = strtoull(argv[++i], NULL, 10);
		else
			where = argv[i];
	}
	ctx = lh_ctx_create();
	if (ctx == NULL || n < PROOFS || batch == 0)
		return 2;
	snprintf(dir, sizeof(dir), "%s/bench_audit_log.%d", where, (int) getpid());
	snprintf(command, sizeof(command), "rm -rf '%s' '%s.memory'", dir, dir);
	records(n);
	{
		char other[600];

		snprintf(other, sizeof(other), "%s.memory", dir);
		(void) fill(other, n / 10, batch, false);
	}
	note = fill(dir, n, batch, true);
	verify(dir, note, n);
	lh_ctx_destroy(ctx);
	return system(command) == 0 ? 0 : 1;
}
