/*
 * change_text.c
 *		Speed of cells as text, and of the text formats.
 *
 *	change_text [NAME]		only lines whose name contains NAME
 *
 *	1. ns of CPU for each kind of cell as a JSON value in an array of 1,000 of
 *	   them (float8: short decimals, and all 17 digits).
 *	2. ns a row and rows a second for an insert of ten columns: bigint, int,
 *	   float8, numeric(12,2), text, timestamptz, bool, uuid, jsonb, date.
 *
 * Best of 9 runs.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "change/change.h"
#include "change/text.h"
#include "mask/mask.h"

#define N       1000
#define ROUNDS  9
#define SECONDS 0.05

static LhCtx *ctx;
static const char *only;

static double
cpu_seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double) t.tv_sec + (double) t.tv_nsec * 1e-9;
}

static uint64_t
next_random(void)
{
	static uint64_t x = 88172645463325252u;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return x;
}

/* Least ns of one of "units" that fn does in a call. */
static double
best_ns(void (*fn)(void *), void *arg, double units)
{
	double best = 1e18;

	for (int round = 0; round < ROUNDS; round++)
	{
		double start = cpu_seconds(), took;
		int calls = 0;

		do
		{
			fn(arg);
			calls++;
			took = cpu_seconds() - start;
		} while (took < SECONDS);
		if (took / units / calls * 1e9 < best)
			best = took / units / calls * 1e9;
	}
	return best;
}

/* ---- cells ---- */

typedef struct Run
{
	LhEncoder *enc;
	LhChangeEvent ev;
	LhChangeOut out;
	LhCell (*rows)[10];
	const LhMask *mask;
	LhBuf scratch;
} Run;

static LhCell
text_cell(LhCellKind kind, const char *s)
{
	return (LhCell){
		.kind = kind, .len = (uint32_t) strlen(s), .ptr = lh_memdup(ctx, s, strlen(s) + 1)};
}

static LhCell
numeric_cell(void)
{
	/* 0 .. 9,999,999,999.99 in three or four digits */
	uint64_t v = next_random() % UINT64_C(1000000000000) >> next_random() % 30;
	int16_t d[4] = {(int16_t) (v / UINT64_C(10000000000)), (int16_t) (v / 1000000 % 10000),
					(int16_t) (v / 100 % 10000), (int16_t) (v % 100 * 100)};
	int first = 0;

	while (first < 3 && d[first] == 0)
		first++;
	return (LhCell){.kind = LH_CELL_NUMERIC,
					.weight = (int16_t) (2 - first),
					.dscale = 2,
					.ndigits = (uint16_t) (4 - first),
					.ptr = lh_memdup(ctx, d + first, sizeof(d))};
}

static LhCell
cell(const char *what)
{
	uint64_t r = next_random();
	char s[200];

	if (strcmp(what, "bigint") == 0)
		return (LhCell){.kind = LH_CELL_INT, .i64 = (int64_t) (r >> 24)};
	if (strcmp(what, "int") == 0)
		return (LhCell){.kind = LH_CELL_INT, .i64 = (int32_t) (r % 2000000) - 1000000};
	if (strcmp(what, "float8 short") == 0)
		return (LhCell){.kind = LH_CELL_FLOAT8, .f64 = (double) (r % 1000000) / 100};
	if (strcmp(what, "float8 17 digits") == 0)
		return (LhCell){.kind = LH_CELL_FLOAT8, .f64 = (double) (r >> 11) / 9007199254740992.0};
	if (strcmp(what, "float4") == 0)
		return (LhCell){.kind = LH_CELL_FLOAT4,
						.f64 = (float) ((double) (r >> 11) / 9007199254740992.0)};
	if (strcmp(what, "numeric(12,2)") == 0)
		return numeric_cell();
	if (strcmp(what, "bool") == 0)
		return (LhCell){.kind = LH_CELL_BOOL, .i64 = (int64_t) (r & 1)};
	if (strcmp(what, "uuid") == 0)
		return (LhCell){.kind = LH_CELL_UUID,
						.len = 16,
						.ptr = lh_memdup(ctx, &(uint64_t[]){r, next_random()}, 16)};
	if (strcmp(what, "date") == 0)
		return (LhCell){.kind = LH_CELL_DATE, .i64 = (int64_t) (r % 12000)};
	if (strcmp(what, "timestamptz") == 0)
		return (LhCell){.kind = LH_CELL_TIMESTAMPTZ,
						.i64 = (int64_t) (r % UINT64_C(900000000000000))};
	if (strcmp(what, "interval") == 0)
		return (LhCell){.kind = LH_CELL_INTERVAL,
						.i64 = (int64_t) (r % UINT64_C(90000000000)),
						.len = r % 30,
						.aux = (int32_t) (r % 50)};
	if (strcmp(what, "text 10") == 0)
		snprintf(s, sizeof(s), "%010u", (uint32_t) r);
	else if (strcmp(what, "text 32") == 0)
		snprintf(s, sizeof(s), "%016llx%016llx", (unsigned long long) r,
				 (unsigned long long) next_random());
	else if (strcmp(what, "text 100 escaped") == 0)
		snprintf(s, sizeof(s), "%060u\"%015u\n%030u", (uint32_t) r, (uint32_t) r, (uint32_t) r);
	else
	{
		snprintf(s, sizeof(s), "{\"a\": %u, \"tag\": \"x%u\", \"list\": [1, 2, 3]}", (uint32_t) r,
				 (uint32_t) r % 100);
		return text_cell(LH_CELL_JSON, s);
	}
	return text_cell(strncmp(what, "text", 4) == 0 ? LH_CELL_TEXT : LH_CELL_BYTES, s);
}

static void
write_event(void *arg)
{
	Run *r = arg;

	r->out.buf.len = 0;
	if (r->enc->format->event(ctx, r->enc, &r->ev, &r->out) != LH_OK)
		abort();
}

static void
write_boundary(Run *r, LhChangeOp op)
{
	LhChangeEvent ev = r->ev;

	ev.op = op;
	if (r->enc->format->event(ctx, r->enc, &ev, &r->out) != LH_OK)
		abort();
}

static void
write_rows(void *arg)
{
	Run *r = arg;

	r->out.buf.len = 0;
	write_boundary(r, LH_CHANGE_BEGIN);
	for (int i = 0; i < N; i++)
	{
		r->ev.new_cells = r->rows[i];
		r->ev.pos.ordinal = (uint64_t) i + 1;
		if (r->enc->format->event(ctx, r->enc, &r->ev, &r->out) != LH_OK)
			abort();
	}
	write_boundary(r, LH_CHANGE_COMMIT);
}

static void
mask_cells(void *arg)
{
	Run *r = arg;
	LhArena *arena = lh_arena_create(NULL), *old = lh_use(ctx, arena);

	for (int i = 0; i < N; i++)
	{
		LhCell c = r->rows[i][4];

		if (lh_mask_apply(ctx, r->mask, lh_put_cell_text, &r->scratch, &c) != LH_OK)
			abort();
	}
	lh_use(ctx, old);
	lh_arena_destroy(arena);
}

static LhChangeTxn txn = {
	.xid = 735, .commit_end = 0x16b3748, .commit_time = INT64_C(849301200123456)};

static void
start(Run *r, const char *format, const LhChangeOptions *options, const LhChangeRel *rel)
{
	*r = (Run){.ev = {.op = LH_CHANGE_INSERT,
					  .pos = {0x16b3748, 1, 735},
					  .txn = &txn,
					  .rel = rel,
					  .lsn = 0x16b3000}};
	r->out.newline = true;
	if (lh_change_format_find(format, strlen(format))->create(ctx, options, &r->enc) != LH_OK ||
		lh_buf_init(ctx, &r->out.buf, false) != LH_OK ||
		lh_buf_init(ctx, &r->scratch, false) != LH_OK ||
		r->enc->format->relation(ctx, r->enc, rel, &r->ev.plan) != LH_OK)
		abort();
}

static void
bench_kinds(const LhChangeOptions *options)
{
	static const char *const kinds[] = {"bigint",       "int",
										"float8 short", "float8 17 digits",
										"float4",       "numeric(12,2)",
										"bool",         "uuid",
										"date",         "timestamptz",
										"interval",     "text 10",
										"text 32",      "text 100 escaped",
										"jsonb",        "bytes 32"};

	for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++)
	{
		LhCell *items = lh_alloc(ctx, sizeof(LhCell) * N);
		LhCellArray array = {
			.ndim = 1, .dims = {N}, .lbound = {1}, .nitems = N, .delim = ',', .items = items};
		LhCell c = {.kind = LH_CELL_ARRAY, .array = &array};
		LhChangeColumn col = {.name = "v", .kind = LH_CELL_ARRAY, .type_text = "x"};
		LhChangeRel rel = {.schema = "public",
						   .name = "t",
						   .identity = LH_IDENTITY_NOTHING,
						   .ncolumns = 1,
						   .columns = &col};
		Run r;

		if (only != NULL && strstr(kinds[k], only) == NULL)
			continue;
		for (int i = 0; i < N; i++)
			items[i] = cell(kinds[k]);
		start(&r, "json", options, &rel);
		r.ev.new_cells = &c;
		printf("%-24s %8.1f ns\n", kinds[k], best_ns(write_event, &r, N));
	}
}

static void
bench_rows(const char *format, const LhChangeOptions *options, const char *f8, const char *name)
{
	const char *const types[10] = {"bigint",      "int",  f8,     "numeric(12,2)", "text 32",
								   "timestamptz", "bool", "uuid", "jsonb",         "date"};
	static const char *const names[10] = {"id", "i4", "f8", "n", "s", "ts", "b", "u", "j", "d"};
	static const struct
	{
		uint32_t oid;
		const char *bare, *text;
	} pg[10] = {{20, "int8", "bigint"},
				{23, "int4", "integer"},
				{701, "float8", "double precision"},
				{1700, "numeric", "numeric(12,2)"},
				{25, "text", "text"},
				{1184, "timestamptz", "timestamp with time zone"},
				{16, "bool", "boolean"},
				{2950, "uuid", "uuid"},
				{3802, "jsonb", "jsonb"},
				{1082, "date", "date"}};
	LhChangeColumn cols[10] = {0};
	LhChangeRel rel = {.relid = 1,
					   .generation = 1,
					   .schema = "public",
					   .name = "t",
					   .identity = LH_IDENTITY_DEFAULT,
					   .ncolumns = 10,
					   .columns = cols,
					   .nkeys = 1,
					   .keys = (int[]){0},
					   .npk = 1,
					   .pk = (int[]){0}};
	double ns;
	Run r;

	if (only != NULL && strstr(name, only) == NULL)
		return;
	for (int i = 0; i < 10; i++)
		cols[i] = (LhChangeColumn){.name = names[i],
								   .attnum = i + 1,
								   .typid = pg[i].oid,
								   .base_typid = pg[i].oid,
								   .typmod = pg[i].oid == 1700 ? (12 << 16 | 2) + 4 : -1,
								   .type_bare = pg[i].bare,
								   .type_text = pg[i].text};
	cols[0].key = cols[0].pk = 1;
	start(&r, format, options, &rel);
	r.rows = lh_alloc(ctx, sizeof(LhCell[10]) * N);
	for (int i = 0; i < N; i++)
	{
		for (int k = 0; k < 10; k++)
			r.rows[i][k] = cell(types[k]);
	}
	ns = best_ns(write_rows, &r, N);
	printf("%-24s %8.1f ns a row %10.0f rows/s %6.0f bytes a row\n", name, ns, 1e9 / ns,
		   (double) r.out.buf.len / N);
	if (strcmp(name, "row json") == 0)
	{
		LhSlice key = lh_slice("0123456789abcdef", 16);
		LhMask *mask;

		if (lh_mask_create(ctx, "hash", &key, &mask) != LH_OK)
			abort();
		r.mask = mask;
		printf("%-24s %8.1f ns\n", "mask hash, text 32", best_ns(mask_cells, &r, N));
	}
}

int
main(int argc, char **argv)
{
	LhChangeOptions options;

	only = argc > 1 ? argv[1] : NULL;
	ctx = lh_ctx_create();
	if (ctx == NULL || lh_change_options_init(ctx, &options) != LH_OK)
		return 1;
	bench_kinds(&options);
	bench_rows("json", &options, "float8 short", "row json");
	bench_rows("json", &options, "float8 17 digits", "row json, 17 digits");
	bench_rows("flat", &options, "float8 short", "row flat");
	bench_rows("upsert", &options, "float8 short", "row upsert");
	bench_rows("wal2json-v1", &options, "float8 short", "row wal2json-v1");
	bench_rows("wal2json-v2", &options, "float8 short", "row wal2json-v2");
	bench_rows("debezium-json", &options, "float8 short", "row debezium-json");
	options.schemas_enable = true;
	bench_rows("debezium-json", &options, "float8 short", "row debezium, schema");
	lh_ctx_destroy(ctx);
	return 0;
}
