/*
 * test_lake.h
 *		Tables whose files are found by field id, made for one test: files from
 *		values, tasks and delete files from lists.
 */
#ifndef TEST_LAKE_H
#define TEST_LAKE_H

#include "test_scan.h"

#include "parquet/write.h"
#include "store/output.h"

#define LAKE_MAX 16

static const LhType lake_int = {.id = LH_T_INT32, .lane = LH_LANE_I32};
static const LhType lake_long = {.id = LH_T_INT64, .lane = LH_LANE_I64};
static const LhType lake_float = {.id = LH_T_FLOAT, .lane = LH_LANE_F32};
static const LhType lake_double = {.id = LH_T_DOUBLE, .lane = LH_LANE_F64};
static const LhType lake_text = {.id = LH_T_STRING, .lane = LH_LANE_STR};
static const LhType lake_bool = {.id = LH_T_BOOL, .lane = LH_LANE_U8};
static const LhType lake_date = {.id = LH_T_DATE, .lane = LH_LANE_I32};
static const LhType lake_stamp = {.id = LH_T_TIMESTAMP, .lane = LH_LANE_I64, .unit = LH_UNIT_US};

static inline LhField
field(const char *name, LhType type, int id)
{
	return (LhField){.name = name, .type = type, .field_id = id};
}

/* Values; all of these end up in the lane of the column they are given for. */
static inline LhValue
num(int64_t v)
{
	return (LhValue){.type = lake_long, .i64 = v};
}

static inline LhValue
real(double v)
{
	return (LhValue){.type = lake_double, .f64 = v};
}

static inline LhValue
null_value(void)
{
	return (LhValue){.type = lake_long, .null = true};
}

typedef LhValue (*LakeValueFn)(World *w, int64_t row, int col);

/* A flat vector of values of a leaf type. */
static inline void
lake_vec(World *w, LhType type, int n, const LhValue *values, LhVec *out)
{
	size_t size = lh_lane_size(type.lane, type.width);
	uint8_t *data = lh_alloc0(w->ctx, size * (size_t) n + 16);
	uint64_t *valid = lh_alloc0(w->ctx, LH_WORDS(n) * 8 + 8);
	bool nulls = false;

	for (int i = 0; i < n; i++)
	{
		const LhValue *v = &values[i];
		uint8_t *p = data + size * (size_t) i;

		if (v->null)
		{
			nulls = true;
			if (type.lane == LH_LANE_STR)
				*(LhStr *) p = (LhStr){(const uint8_t *) "", 0, 0};
			continue;
		}
		lh_bit_set(valid, (size_t) i);
		switch (type.lane)
		{
			case LH_LANE_F32: *(float *) p = (float) v->f64; break;
			case LH_LANE_F64: *(double *) p = v->f64; break;
			case LH_LANE_STR: *(LhStr *) p = v->str; break;
			case LH_LANE_FIX: memcpy(p, v->str.ptr, size); break;
			case LH_LANE_I128: *(LhI128 *) p = v->i64; break;
			default: memcpy(p, &v->i64, size); break;
		}
	}
	*out = (LhVec){.type = type, .kind = LH_VEC_FLAT, .n = n, .valid = nulls ? valid : NULL,
				   .data = data};
}

typedef struct LakeFile
{
	const char *path;
	int64_t size;
} LakeFile;

static inline LhStatus
lake_put(LhCtx *ctx, void *arg, const uint8_t *bytes, size_t len)
{
	return fwrite(bytes, 1, len, arg) == len ? LH_OK : lh_fail(ctx, LH_IO, "cannot write");
}

static inline LhPqWriter *
lake_begin(World *w, const char *path, int ncols, const LhField *fields, int64_t group_rows,
		   int page_rows, LhOutput **output, FILE **f)
{
	LhPqWriteOptions options;
	LhPqWriter *writer;

	lh_pq_write_defaults(&options);
	options.row_group_rows = group_rows;
	options.page_rows = page_rows;
	*f = fopen(path, "wb");
	assert_non_null(*f);
	ok(w, lh_output_to(w->ctx, lake_put, *f, output));
	ok(w, lh_pq_writer_create(w->ctx, *output, ncols, fields, NULL, &options, &writer));
	return writer;
}

static inline LakeFile
lake_end(World *w, const char *path, LhPqWriter *writer, LhOutput *output, FILE *f)
{
	struct stat st;

	ok(w, lh_pq_writer_finish(w->ctx, writer, NULL));
	ok(w, lh_output_finish(w->ctx, output, NULL));
	fclose(f);
	assert_int_equal(stat(path, &st), 0);
	return (LakeFile){path, st.st_size};
}

/* A Parquet file of rows that fn makes; group_rows, page_rows 0: the writer's own. */
static inline LakeFile
lake_file(World *w, const char *name, int ncols, const LhField *fields, int64_t rows,
		  int64_t group_rows, int page_rows, LakeValueFn fn)
{
	const char *path = lh_sprintf(w->ctx, "%s/%s", w->dir, name);
	LhOutput *output;
	FILE *f;
	LhPqWriter *writer = lake_begin(w, path, ncols, fields, group_rows, page_rows, &output, &f);

	for (int64_t row = 0; row < rows; row += LH_BATCH)
	{
		int n = rows - row < LH_BATCH ? (int) (rows - row) : LH_BATCH;
		LhVec vecs[LAKE_MAX];
		const LhVec *ptrs[LAKE_MAX];
		LhValue values[LH_BATCH];

		for (int c = 0; c < ncols; c++)
		{
			for (int i = 0; i < n; i++)
				values[i] = fn(w, row + i, c);
			lake_vec(w, fields[c].type, n, values, &vecs[c]);
			ptrs[c] = &vecs[c];
		}
		ok(w, lh_pq_writer_write(w->ctx, writer, n, ptrs));
	}
	return lake_end(w, path, writer, output, f);
}

/* One batch of vectors, for nested columns. */
static inline LakeFile
lake_file_of(World *w, const char *name, int ncols, const LhField *fields, int n,
			 const LhVec *const *vecs)
{
	const char *path = lh_sprintf(w->ctx, "%s/%s", w->dir, name);
	LhOutput *output;
	FILE *f;
	LhPqWriter *writer = lake_begin(w, path, ncols, fields, 0, 0, &output, &f);

	ok(w, lh_pq_writer_write(w->ctx, writer, n, vecs));
	return lake_end(w, path, writer, output, f);
}

/* A table: columns by field id, tasks, delete files. */
typedef struct Lake
{
	LhTable table;
	LhColumn columns[LAKE_MAX];
	LhTableSchema schema;
	LhFileTask tasks[LAKE_MAX];
	LhDeleteFile deletes[LAKE_MAX];
	uint32_t applied[LAKE_MAX][LAKE_MAX];
	LhTaskList list;
	LhScanColumn cols[LAKE_MAX];
	LhScanSpec spec;
} Lake;

static inline void
lake_init(World *w, Lake *lake)
{
	memset(lake, 0, sizeof(*lake));
	lake->table.store = w->store;
	lake->table.cache = w->cache;
	lake->schema.by_id = true;
	lake->schema.cols = lake->columns;
	lake->list.tasks = lake->tasks;
	lake->list.deletes = lake->deletes;
	lake->spec = (LhScanSpec){.table = &lake->table, .schema = &lake->schema, .cols = lake->cols,
							  .prune = true, .tasks = &lake->list};
}

/* A column of the table that the scan gives, too. */
static inline int
lake_column(Lake *lake, const char *name, LhType type, int id)
{
	lake->columns[lake->schema.ncols++] =
		(LhColumn){.name = name, .type = type, .source = LH_SRC_DATA, .field_id = id};
	lake->cols[lake->spec.ncols] =
		(LhScanColumn){.name = name, .type = type, .source = LH_SRC_DATA, .field_id = id};
	return lake->spec.ncols++;
}

static inline int
lake_meta(Lake *lake, LhColumnSource source, LhType type)
{
	lake->cols[lake->spec.ncols] =
		(LhScanColumn){.name = "_meta", .type = type, .source = source, .field_id = -1};
	return lake->spec.ncols++;
}

static inline LhFileTask *
lake_task(Lake *lake, LakeFile file)
{
	LhFileTask *task = &lake->tasks[lake->list.n];

	*task = (LhFileTask){.path = file.path, .size = file.size,
						 .deletes = lake->applied[lake->list.n]};
	lake->list.n++;
	return task;
}

static inline LhDeleteFile *
lake_delete(Lake *lake, LhDeleteKind kind, LakeFile file)
{
	LhDeleteFile *d = &lake->deletes[lake->list.ndeletes++];

	*d = (LhDeleteFile){.kind = kind, .path = file.path, .size = file.size, .records = -1};
	return d;
}

static inline void
lake_applies(Lake *lake, int task, int del)
{
	lake->applied[task][lake->tasks[task].ndeletes++] = (uint32_t) del;
}

/* A deletion vector of rows below 65536, ascending, in a Puffin file of its own. */
static inline LhDeleteFile *
vector_file(World *w, Lake *lake, const char *name, const int64_t *rows, int n)
{
	const char *path = lh_sprintf(w->ctx, "%s/%s", w->dir, name);
	FILE *f = fopen(path, "wb");
	LhBuf map, b;
	uint32_t crc;
	int64_t one = 1;
	uint32_t key = 0;

	/* array and bitset containers of the portable form, no runs */
	ok(w, lh_buf_init(w->ctx, &map, false));
	ok(w, lh_buf_init(w->ctx, &b, false));
	ok(w, lh_buf_append(w->ctx, &b, "\xD1\xD3\x39\x64", 4));
	ok(w, lh_buf_append(w->ctx, &b, &one, 8));
	ok(w, lh_buf_append(w->ctx, &b, &key, 4));
	{
		uint32_t cookie = 12346, count = 1, offset = 16;
		uint16_t head[2] = {0, (uint16_t) (n - 1)};
		uint64_t *bits = lh_alloc0(w->ctx, 8192);

		assert_true(n > 0 && rows[n - 1] < 65536);
		ok(w, lh_buf_append(w->ctx, &b, &cookie, 4));
		ok(w, lh_buf_append(w->ctx, &b, &count, 4));
		ok(w, lh_buf_append(w->ctx, &b, head, 4));
		ok(w, lh_buf_append(w->ctx, &b, &offset, 4));
		for (int i = 0; i < n; i++)
		{
			uint16_t low = (uint16_t) rows[i];

			lh_bit_set(bits, low);
			if (n <= 4096)
				ok(w, lh_buf_append(w->ctx, &b, &low, 2));
		}
		if (n > 4096)
			ok(w, lh_buf_append(w->ctx, &b, bits, 8192));
	}
	crc = lh_crc32(b.data, b.len);
	fwrite("PFA1", 1, 4, f);
	for (int i = 0; i < 4; i++)
		fputc((int) (b.len >> (24 - 8 * i) & 0xFF), f);
	fwrite(b.data, 1, b.len, f);
	for (int i = 0; i < 4; i++)
		fputc((int) (crc >> (24 - 8 * i) & 0xFF), f);
	fclose(f);
	{
		LhDeleteFile *d = lake_delete(lake, LH_DELETE_VECTOR, (LakeFile){path, -1});

		d->offset = 4;
		d->length = (int64_t) b.len + 8;
		d->records = n;
		return d;
	}
}

/* Rows [from, to) deleted. */
static inline int
stretch(int64_t *rows, int n, int64_t from, int64_t to)
{
	while (from < to)
		rows[n++] = from++;
	return n;
}

/* All rows as text, values by ',' and rows by ' '. */
static inline const char *
lake_rows(World *w, const LhScanSpec *spec)
{
	LhHostRequest *request;
	const LhBatch *batch;
	LhScan *scan;
	LhBuf out;

	ok(w, lh_buf_init(w->ctx, &out, false));
	ok(w, lh_scan_open(w->ctx, spec, &scan));
	for (;;)
	{
		ok(w, lh_scan_next(w->ctx, scan, &batch, &request));
		if (batch == NULL)
			break;
		for (int i = 0; i < batch->n; i++)
		{
			if (!lh_bit_get(batch->sel.w, (size_t) i))
				continue;
			if (out.len > 0)
				ok(w, lh_buf_putc(w->ctx, &out, ' '));
			for (int c = 0; c < spec->ncols; c++)
			{
				LhValue v = {.null = true};

				if (batch->vecs[c] != NULL)
					v = lh_vec_value(batch->vecs[c], i);
				if (c > 0)
					ok(w, lh_buf_putc(w->ctx, &out, ','));
				if (v.null)
					ok(w, lh_buf_append_str(w->ctx, &out, "null"));
				else if (v.type.lane == LH_LANE_STR)
					ok(w, lh_buf_append(w->ctx, &out, v.str.ptr, v.str.len));
				else
					ok(w, lh_value_format(w->ctx, &v, &out));
			}
		}
	}
	ok(w, lh_buf_append(w->ctx, &out, "", 1));
	return (const char *) out.data;
}

#endif
