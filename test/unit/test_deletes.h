/*
 * test_deletes.h
 *		A table of one file, and files of deletes of each kind for it.
 */
#ifndef TEST_DELETES_H
#define TEST_DELETES_H

#include "test_lake.h"

#include "scan/deletes.h"
#include "scan/state.h"

#define ROWS 20000

/* id ascending, key = id % 100 (null every 10th row), name "n" and id % 10 */
static inline LhValue
data_value(World *w, int64_t row, int col)
{
	switch (col)
	{
		case 0: return num(row);
		case 1: return row % 10 == 9 ? null_value() : num(row % 100);
		default: return text_value(lh_sprintf(w->ctx, "n%d", (int) (row % 10)));
	}
}

static inline LakeFile
data_file(World *w, const char *name, int64_t rows, int64_t group_rows, int page_rows)
{
	LhField fields[] = {field("id", lake_long, 1), field("key", lake_int, 2), field("name", lake_text, 3)};

	return lake_file(w, name, 3, fields, rows, group_rows, page_rows, data_value);
}

/* A table of one file of ROWS rows in row groups of 5,000 and pages of 500. */
static inline LhFileTask *
one_file(World *w, Lake *lake)
{
	lake_init(w, lake);
	lake_column(lake, "id", lake_long, 1);
	lake_column(lake, "key", lake_int, 2);
	lake_column(lake, "name", lake_text, 3);
	return lake_task(lake, data_file(w, "data.parquet", ROWS, 5000, 500));
}

typedef struct Position
{
	const char *path;
	int64_t pos;
} Position;

static const Position *positions;

static inline LhValue
position_value(World *w, int64_t row, int col)
{
	return col == 1 ? num(positions[row].pos)
		   : positions[row].path == NULL ? null_value() : text_value(positions[row].path);
}

static inline LakeFile
position_file(World *w, const char *name, const Position *p, int n, int64_t group_rows)
{
	LhField fields[] = {field("file_path", lake_text, LH_ID_DELETE_PATH), field("pos", lake_long, LH_ID_DELETE_POS)};

	positions = p;
	return lake_file(w, name, 2, fields, n, group_rows, 0, position_value);
}

static inline int64_t
sum_of(World *w, const LhScanSpec *spec, int64_t *rows)
{
	LhHostRequest *request;
	const LhBatch *batch;
	LhScan *scan;
	int64_t sum = 0;

	*rows = 0;
	ok(w, lh_scan_open(w->ctx, spec, &scan));
	for (;;)
	{
		ok(w, lh_scan_next(w->ctx, scan, &batch, &request));
		if (batch == NULL)
			return sum;
		for (int i = 0; i < batch->n; i++)
			if (lh_bit_get(batch->sel.w, (size_t) i))
				sum += lh_vec_value(batch->vecs[0], i).i64;
		*rows += batch->sel.count;
	}
}

#define SUM ((int64_t) ROWS * (ROWS - 1) / 2)

typedef struct Meta
{
	int64_t alive;
	int calls;
} Meta;

static inline LhStatus
take_meta(LhCtx *ctx, void *arg, const LhMetaGroup *group, bool *taken)
{
	Meta *meta = arg;

	meta->alive += group->alive;
	meta->calls++;
	*taken = true;
	return LH_OK;
}

static inline Meta
ask_meta(World *w, const LhScanSpec *spec, int64_t *rows)
{
	Meta meta = {0};
	LhHostRequest *request;
	const LhBatch *batch;
	LhScan *scan;

	*rows = 0;
	ok(w, lh_scan_open(w->ctx, spec, &scan));
	lh_scan_set_meta(scan, take_meta, &meta);
	for (;;)
	{
		ok(w, lh_scan_next(w->ctx, scan, &batch, &request));
		if (batch == NULL)
			return meta;
		*rows += batch->sel.count;
	}
}

static const LhValue *keys;
static int key_width;

static inline LhValue
key_value(World *w, int64_t row, int col)
{
	return keys[row * key_width + col];
}

static inline LhDeleteFile *
equality_file(World *w, Lake *lake, const char *name, int ncols, const LhField *fields, const LhValue *values, int n)
{
	static int ids[LAKE_MAX][LAKE_MAX];
	LhDeleteFile *d;

	keys = values;
	key_width = ncols;
	d = lake_delete(lake, LH_DELETE_EQUALITY, lake_file(w, name, ncols, fields, n, 0, 0, key_value));
	for (int i = 0; i < ncols; i++)
		ids[lake->list.ndeletes][i] = fields[i].field_id;
	d->nids = ncols;
	d->ids = ids[lake->list.ndeletes];
	return d;
}

#endif
