/*
 * test_avro_kept.c
 *		Rows of Avro files of all types are the same, bit for bit, whether their columns were kept
 *		(colcache.h) or not: any columns, conditions and beginnings of batches, with caches of any
 *		size.
 */
#include "test_scan.h"

#include <fcntl.h>

#include "core/hash.h"
#include "scan/colcache.h"
#include "unit/avro_make.h"

#define MOST_COLS 32

static LhKeep *keep;
static uint64_t stamp;
static uint64_t seed;

static uint64_t
any(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed * UINT64_C(0x2545f4914f6cdd1d);
}

static uint64_t
below(uint64_t n)
{
	return (any() >> 16) % n;
}

static int
setup(void **state)
{
	keep = lh_keep_create((size_t) 64 << 20);
	return keep == NULL ? 1 : world_setup(state);
}

static int
teardown(void **state)
{
	lh_use_column_cache(NULL, 0);
	lh_keep_destroy(keep);
	return world_teardown(state);
}

/*
 * Files
 */

typedef enum Kind { BOOLEAN, INT, LONG, FLOAT, DOUBLE, BYTES, STRING, DECIMAL, WIDE, ENUM, FIXED, NOTHING } Kind;

static const struct
{
	const char *name;
	const char *type; /* with %s: the name of a named type */
	Kind kind;
	int size; /* of FIXED, of a DECIMAL's bytes at most */
	bool nullable;
} fields[] = {
	{"l", "\"long\"", LONG, 0, true},
	{"s", "\"string\"", STRING, 0, true},
	{"b", "\"boolean\"", BOOLEAN, 0, true},
	{"i", "\"int\"", INT, 0, true},
	{"i2", "\"int\"", INT, 0, false},
	{"f", "\"float\"", FLOAT, 0, true},
	{"d", "\"double\"", DOUBLE, 0, true},
	{"d2", "\"double\"", DOUBLE, 0, false},
	{"y", "\"bytes\"", BYTES, 0, true},
	{"s2", "\"string\"", STRING, 0, false},
	{"c", "{\"type\": \"bytes\", \"logicalType\": \"decimal\", \"precision\": 18, \"scale\": 2}", DECIMAL, 7, true},
	{"c2", "{\"type\": \"bytes\", \"logicalType\": \"decimal\", \"precision\": 38, \"scale\": 4}", DECIMAL, 15, true},
	{"c3", "{\"type\": \"bytes\", \"logicalType\": \"decimal\", \"precision\": 60, \"scale\": 3}", DECIMAL, 24, true},
	{"dt", "{\"type\": \"int\", \"logicalType\": \"date\"}", INT, 0, true},
	{"tm", "{\"type\": \"long\", \"logicalType\": \"time-micros\"}", WIDE, 0, true},
	{"ts", "{\"type\": \"long\", \"logicalType\": \"timestamp-micros\"}", LONG, 0, false},
	{"x5", "{\"type\": \"fixed\", \"name\": \"x5\", \"size\": 5}", FIXED, 5, true},
	{"x64", "{\"type\": \"fixed\", \"name\": \"x64\", \"size\": 64}", FIXED, 64, false},
	{"u", "{\"type\": \"fixed\", \"name\": \"u16\", \"size\": 16, \"logicalType\": \"uuid\"}", FIXED, 16, true},
	{"du", "{\"type\": \"fixed\", \"name\": \"du\", \"size\": 12, \"logicalType\": \"duration\"}", FIXED, 12, true},
	{"e", "{\"type\": \"enum\", \"name\": \"e3\", \"symbols\": [\"a\", \"bb\", \"c\"]}", ENUM, 0, true},
	{"n", "\"null\"", NOTHING, 0, false},
};

#define NFIELDS ((int) (sizeof(fields) / sizeof(*fields)))

static const char *
schema_text(World *w)
{
	LhBuf b;

	ok(w, lh_buf_init(w->ctx, &b, false));
	ok(w, lh_buf_append_str(w->ctx, &b, "{\"type\": \"record\", \"name\": \"r\", \"fields\": ["));
	for (int i = 0; i < NFIELDS; i++)
		ok(w, lh_buf_printf(w->ctx, &b, fields[i].nullable ? "%s{\"name\": \"%s\", \"type\": [\"null\", %s]}" : "%s{\"name\": \"%s\", \"type\": %s}",
							i > 0 ? ", " : "", fields[i].name, fields[i].type));
	/* members of a struct that may be null */
	ok(w, lh_buf_append_str(w->ctx, &b, ", {\"name\": \"st\", \"type\": [\"null\", {\"type\": \"record\", \"name\": \"st\", \"fields\": ["
										"{\"name\": \"a\", \"type\": [\"long\", \"null\"]}, {\"name\": \"t\", \"type\": \"string\"}]}]}]}"));
	ok(w, lh_buf_putc(w->ctx, &b, '\0'));
	return (const char *) b.data;
}

/* How the values of some rows are: all the same, few, near each other, all bits, or what is special. */
typedef struct Style
{
	int values;
	int nulls; /* of 100 */
	uint64_t base;
} Style;

static Style
any_style(void)
{
	static const int nulls[] = {0, 0, 0, 10, 50, 99, 100};

	return (Style){(int) below(6), nulls[below(7)], any()};
}

static uint64_t
number(const Style *s)
{
	static const uint64_t special[] = {0,
									   UINT64_MAX,
									   (uint64_t) INT64_MAX,
									   (uint64_t) INT64_MIN,
									   UINT64_C(0x7ff8000000000001),
									   UINT64_C(0xfff8000000000000),
									   UINT64_C(0x7ff0000000000000),
									   UINT64_C(0xfff0000000000000),
									   UINT32_MAX,
									   INT32_MAX,
									   (uint64_t) INT32_MIN};

	switch (s->values)
	{
		case 0: return s->base;
		case 1: return s->base + below(5);
		case 2: return s->base + below(70000);
		case 3: return s->base + below(UINT64_C(1) << 33);
		case 4: return any();
		default: return special[below(sizeof(special) / sizeof(*special))];
	}
}

static void
put_bits(AvroMake *m, const Style *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		avro_byte(m, (int) (uint8_t) (number(s) >> 8 * (i % 8)));
}

static void
put_bytes(AvroMake *m, const Style *s)
{
	char text[400];
	int n = 0;

	if (s->values != 5 || below(3) > 0)
		n = snprintf(text, sizeof(text), "%llu", (unsigned long long) number(s));
	else if (below(4) == 0)
		memset(text, 'z', (size_t) (n = (int) below(sizeof(text))));
	avro_bytes(m, text, (size_t) n);
}

static void
put_decimal(AvroMake *m, const Style *s, int most)
{
	uint8_t bytes[32];
	uint64_t x = number(s);
	int n = s->values < 3 ? 4 : 1 + (int) below((uint64_t) most);

	for (int i = 0; i < n; i++)
		bytes[i] = (uint8_t) (x >> 8 * ((n - 1 - i) % 8));
	/* no more digits than there may be */
	if (n == most)
		bytes[0] = bytes[0] & 1 ? 0xff : 0;
	avro_bytes(m, bytes, (size_t) n);
}

static void
put_value(AvroMake *m, int field, const Style *s)
{
	uint64_t x = number(s);

	switch (fields[field].kind)
	{
		case BOOLEAN: avro_byte(m, (int) (x & 1)); break;
		case INT: avro_long(m, (int32_t) x); break;
		case LONG: avro_long(m, (int64_t) x); break;
		case WIDE: avro_long(m, (int64_t) (x % UINT64_C(86400000000))); break;
		case FLOAT:
		case FIXED:
		case DOUBLE:
			put_bits(m, s, fields[field].kind == FLOAT ? 4 : fields[field].kind == DOUBLE ? 8 : (size_t) fields[field].size);
			break;
		case BYTES:
		case STRING: put_bytes(m, s); break;
		case DECIMAL: put_decimal(m, s, fields[field].size); break;
		case ENUM: avro_long(m, (int64_t) (x % 3)); break;
		case NOTHING: break;
	}
}

static void
put_row(AvroMake *m, const Style *styles)
{
	for (int i = 0; i < NFIELDS; i++)
	{
		bool null = fields[i].nullable && below(100) < (uint64_t) styles[i].nulls;

		if (fields[i].nullable)
			avro_long(m, !null);
		if (!null)
			put_value(m, i, &styles[i]);
	}
	if (below(100) < (uint64_t) styles[NFIELDS].nulls)
	{
		avro_long(m, 0);
		return;
	}
	avro_long(m, 1);
	if (below(3) == 0)
		avro_long(m, 1);
	else
	{
		avro_long(m, 0);
		avro_long(m, (int64_t) number(&styles[NFIELDS]));
	}
	put_bytes(m, &styles[NFIELDS + 1]);
}

static const char *
make_file(World *w, const char *name, int64_t rows, int64_t most_in_block)
{
	const char *path = lh_sprintf(w->ctx, "%s/%s", w->dir, name);
	struct timespec times[2] = {{.tv_sec = 1000000000}, {.tv_sec = 1000000000}};
	AvroMake m = avro_new(w->ctx);
	Style styles[NFIELDS + 2];
	int64_t same = 0;
	FILE *f;

	avro_header(&m, schema_text(w), NULL, NULL);
	for (int64_t row = 0; row < rows;)
	{
		AvroMake block = avro_new(w->ctx);
		int64_t n = (int64_t) below((uint64_t) most_in_block + 1);

		n = n > rows - row ? rows - row : n;
		for (int64_t i = 0; i < n; i++)
		{
			if (same-- == 0)
			{
				for (int k = 0; k < NFIELDS + 2; k++)
					styles[k] = any_style();
				same = (int64_t) below(9000);
			}
			put_row(&block, styles);
		}
		avro_block(&m, n, &block.b, NULL);
		lh_buf_free(&block.b);
		row += n;
	}
	f = fopen(path, "wb");
	assert_non_null(f);
	assert_int_equal(fwrite(m.b.data, 1, m.b.len, f), m.b.len);
	fclose(f);
	lh_buf_free(&m.b);
	assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
	return path;
}

/*
 * Statements
 */

typedef struct Statement
{
	const char *path;
	int ncols;
	int cols[MOST_COLS]; /* of fields; NFIELDS, NFIELDS + 1: members of the struct */
	int filter;          /* 0: none, 1: l > x, 2: s > x */
	int64_t x;
	int first_batch;
	int64_t most;
} Statement;

static Statement
any_statement(const char *path)
{
	Statement s = {.path = path, .filter = (int) below(3), .first_batch = (int) below(3) * (int) below(900), .most = INT64_MAX};

	s.cols[s.ncols++] = 0;
	s.cols[s.ncols++] = 1;
	for (int i = 2; i < NFIELDS + 2; i++)
		if (below(3) == 0)
			s.cols[s.ncols++] = i;
	/* the same one twice */
	if (below(3) == 0)
	{
		int twice = s.cols[below((uint64_t) s.ncols)];

		s.cols[s.ncols++] = twice;
	}
	s.x = (int64_t) any();
	if (below(4) == 0)
		s.most = (int64_t) below(70000);
	return s;
}

static uint64_t
hash_of(const LhVec *vec, int i, uint64_t hash)
{
	LhValue v;

	if (vec->type.id == LH_T_NULL || lh_vec_is_null(vec, i))
		return lh_hash_u64(hash + 1);
	v = lh_vec_value(vec, i);
	if (v.null)
		return lh_hash_u64(hash + 1);
	if (v.type.lane == LH_LANE_STR || v.type.lane == LH_LANE_FIX)
		return lh_hash_bytes(v.str.ptr, v.str.len, hash + v.str.len + 2);
	if (v.type.lane == LH_LANE_I128)
		return lh_hash_bytes(&v.i128, sizeof(v.i128), hash + 3);
	return lh_hash_bytes(&v.i64, sizeof(v.i64), hash + 4);
}

typedef struct Rows
{
	int64_t n;
	uint64_t *rows; /* number of the row and its values */
} Rows;

static void
open_scan(World *w, const Statement *s, LhScan **scan)
{
	LhTableOptions options = {.location = s->path};
	LhScanColumn *cols = lh_alloc_array(w->ctx, MOST_COLS, sizeof(*cols));
	LhPred **filters = lh_alloc_array(w->ctx, 1, sizeof(*filters));
	LhScanSpec spec;
	Table t;

	ok(w, lh_table_open(w->ctx, w->store, w->cache, "avro", &options, &t.table));
	ok(w, t.table->schema(w->ctx, t.table, &t.schema));
	spec = spec_of(w, &t, NULL, 0);
	for (int i = 0; i < s->ncols; i++)
	{
		if (s->cols[i] < NFIELDS)
		{
			cols[i] = spec.cols[s->cols[i]];
			continue;
		}
		cols[i] = (LhScanColumn){.name = s->cols[i] == NFIELDS ? "st.a" : "st.t",
								 .source = spec.cols[0].source,
								 .type = t.schema.cols[NFIELDS].type.fields[s->cols[i] - NFIELDS].type};
	}
	spec.ncols = s->ncols;
	spec.cols = cols;
	spec.first_batch = s->first_batch;
	if (s->filter > 0)
	{
		spec.nfilters = 1;
		spec.filters = filters;
		filters[0] = s->filter == 1 ? cmp(w, 0, LH_GT, int_value(s->x))
									: cmp(w, 1, LH_GT, text_value(lh_sprintf(w->ctx, "%llu", (unsigned long long) s->x)));
	}
	ok(w, lh_scan_open(w->ctx, &spec, scan));
}

static Rows
read_rows(World *w, const Statement *s, int64_t room)
{
	LhArena *arena = lh_arena_child(w->ctx->arena), *old = lh_use(w->ctx, arena);
	Rows r = {0, calloc((size_t) room + 1, sizeof(uint64_t))};
	LhHostRequest *request;
	const LhBatch *batch;
	LhScan *scan;

	assert_non_null(r.rows);
	open_scan(w, s, &scan);
	while (r.n < s->most)
	{
		ok(w, lh_scan_next(w->ctx, scan, &batch, &request));
		if (batch == NULL)
			break;
		for (int i = 0; i < batch->n && r.n < s->most; i++)
		{
			uint64_t hash = (uint64_t) (batch->first_row + i);

			if (!lh_bit_get(batch->sel.w, (size_t) i))
				continue;
			for (int c = 0; c < s->ncols; c++)
				hash = hash_of(batch->vecs[c], i, hash);
			assert_true(r.n < room);
			r.rows[r.n++] = hash;
		}
	}
	lh_use(w->ctx, old);
	lh_arena_destroy(arena);
	return r;
}

static int
compare(World *w, const Statement *s, int64_t room)
{
	Rows without, with;

	lh_use_column_cache(NULL, 0);
	without = read_rows(w, s, room);
	reset_counters(w);
	lh_use_column_cache(keep, ++stamp);
	with = read_rows(w, s, room);
	assert_int_equal(without.n, with.n);
	for (int64_t i = 0; i < with.n; i++)
		if (without.rows[i] != with.rows[i])
			fail_msg("row %lld of those that came is another one", (long long) i);
	free(without.rows);
	free(with.rows);
	return (int) counter(w, LH_CTR_COLUMN_CACHE_HITS);
}

static void
rows_are_the_same(void **state)
{
	static const struct { int64_t rows, block; int times; } files[] = {{1, 1, 20}, {5000, 3, 20}, {150000, 9000, 40}, {270000, 200000, 20}};
	World *w = *state;
	int hits = 0;

	seed = UINT64_C(88172645463325252);
	for (int f = 0; f < 4; f++)
	{
		const char *path = make_file(w, lh_sprintf(w->ctx, "f%d", f), files[f].rows, files[f].block);

		for (int i = 0; i < files[f].times; i++)
		{
			Statement s = any_statement(path);

			if (below(8) == 0)
				lh_keep_resize(keep, below(2) == 0 ? (size_t) below(4 << 20) : (size_t) 64 << 20);
			hits += compare(w, &s, files[f].rows);
		}
	}
	assert_true(hits > 500);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(rows_are_the_same, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
