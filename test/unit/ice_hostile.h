/*
 * ice_hostile.h
 *		A small healthy table of format 3, of which a test alters one thing.
 *
 *	1. house_setup makes data and delete files and fills a House with what the
 *	   metadata says of them.
 *	2. The test changes a word of the metadata file, a line of the list, an entry
 *	   of a manifest or the bytes of a file.
 *	3. stands or falls write it all, open the table as a user does and read
 *	   every row of every column.
 *
 * Healthy, the table gives HOUSE_ROWS: a.parquet has 0 to 9, b.parquet 10 to 19;
 * positions delete 0 and 1, a vector 13 and 15, a key 19.
 */
#ifndef LH_TEST_ICE_HOSTILE_H
#define LH_TEST_ICE_HOSTILE_H

#include "test_lake.h"

#include "iceberg/ice.h"
#include "unit/avro_make.h"
#include "unit/ice_manifest_make.h"

#define HOUSE_ROWS "2 3 4 5 6 7 8 9 10 11 12 14 16 17 18"
#define HOUSE_MAX  6
#define AUTO       (INT64_MIN + 1) /* a length: the file's own */

/* A line of the manifest list; path NULL: of the manifest made from the entries below. */
typedef struct HouseLine
{
	const char *path;
	int64_t length, spec, content, sequence, snapshot, added;
	int64_t first_row_id; /* ICE_NULL */
} HouseLine;

typedef struct House
{
	World *w;
	const char *dir; /* of the table */
	char *json;
	const char *list; /* bytes of the list instead of the lines; NULL */
	size_t list_len;
	int nlines;
	HouseLine lines[HOUSE_MAX];
	int ndata, ndeletes;
	IceEntry data[HOUSE_MAX], deletes[HOUSE_MAX];
	bool parts;					/* the data manifest has partition fields, of spec 1 */
	const char *schema;			/* of both manifests' entries instead of the right one; NULL */
	const char *const *extra;	/* keys of the data manifest's header instead of the right ones; NULL */
	bool no_manifests;			/* the test writes them */
	LhTableOptions options;
} House;

#define HOUSE_JSON                                                                                \
	"{\"format-version\":3,\"table-uuid\":\"9c12d441-03fe-4693-9a96-a0705ddf69c1\","              \
	"\"location\":\"@\",\"last-sequence-number\":3,\"last-updated-ms\":1,\"next-row-id\":100,"    \
	"\"last-column-id\":8,\"current-schema-id\":0,\"schemas\":[{\"type\":\"struct\","             \
	"\"schema-id\":0,\"fields\":[{\"id\":1,\"name\":\"id\",\"required\":false,\"type\":\"long\"}," \
	"{\"id\":2,\"name\":\"name\",\"required\":false,\"type\":\"string\"},"                        \
	"{\"id\":3,\"name\":\"list\",\"required\":false,\"type\":{\"type\":\"list\",\"element-id\":4," \
	"\"element\":\"int\",\"element-required\":false}},"                                           \
	"{\"id\":5,\"name\":\"struct\",\"required\":false,\"type\":{\"type\":\"struct\",\"fields\":["  \
	"{\"id\":6,\"name\":\"x\",\"required\":false,\"type\":\"int\"}]}},"                           \
	"{\"id\":7,\"name\":\"p\",\"required\":false,\"type\":\"int\"},"                              \
	"{\"id\":8,\"name\":\"s\",\"required\":false,\"type\":\"string\"}]}],"                        \
	"\"partition-specs\":[{\"spec-id\":0,\"fields\":[]},{\"spec-id\":1,\"fields\":["              \
	"{\"source-id\":7,\"field-id\":1000,\"name\":\"p\",\"transform\":\"identity\"},"              \
	"{\"source-id\":8,\"field-id\":1001,\"name\":\"s\",\"transform\":\"truncate[2]\"}]}],"         \
	"\"default-spec-id\":0,\"last-partition-id\":1001,\"sort-orders\":[{\"order-id\":0,"          \
	"\"fields\":[]}],\"default-sort-order-id\":0,\"properties\":{\"owner\":\"me\"},"              \
	"\"current-snapshot-id\":7,\"refs\":{\"main\":{\"snapshot-id\":7,\"type\":\"branch\"}},"      \
	"\"snapshots\":[{\"snapshot-id\":6,\"sequence-number\":1,\"timestamp-ms\":1,"                 \
	"\"manifest-list\":\"@/metadata/gone.avro\",\"summary\":{\"operation\":\"append\"},"           \
	"\"schema-id\":0,\"first-row-id\":0,\"added-rows\":20},"                                      \
	"{\"snapshot-id\":7,\"parent-snapshot-id\":6,\"sequence-number\":3,\"timestamp-ms\":2,"       \
	"\"manifest-list\":\"@/metadata/list.avro\",\"summary\":{\"operation\":\"delete\",\"total-data-files\":\"2\"},"           \
	"\"schema-id\":0,\"first-row-id\":20,\"added-rows\":0}],"                                     \
	"\"snapshot-log\":[{\"snapshot-id\":6,\"timestamp-ms\":1},{\"snapshot-id\":7,"                \
	"\"timestamp-ms\":2}],\"metadata-log\":[]}"

/* text with every old replaced; one must be there. */
static inline char *
house_replaced(World *w, const char *text, const char *old, const char *with)
{
	const char *at = strstr(text, old);
	LhBuf out;

	if (at == NULL)
		fail_msg("\"%s\" is not in the metadata", old);
	ok(w, lh_buf_init(w->ctx, &out, false));
	for (; at != NULL; at = strstr(text, old))
	{
		ok(w, lh_buf_append(w->ctx, &out, text, (size_t) (at - text)));
		ok(w, lh_buf_append_str(w->ctx, &out, with));
		text = at + strlen(old);
	}
	ok(w, lh_buf_append(w->ctx, &out, text, strlen(text) + 1));
	return (char *) out.data;
}

/* The same in the healthy metadata: one thing is altered at a time. */
static inline void
house_says(House *h, const char *old, const char *with)
{
	h->json = house_replaced(h->w, house_replaced(h->w, HOUSE_JSON, old, with), "@", h->dir);
}

static inline char *
house_path(const House *h, const char *name)
{
	return lh_sprintf(h->w->ctx, "%s/%s", h->dir, name);
}

static inline void
house_put(const House *h, const char *name, const void *p, size_t n)
{
	FILE *f = fopen(house_path(h, name), "wb");

	assert_non_null(f);
	assert_int_equal(fwrite(p, 1, n, f), n);
	assert_int_equal(fclose(f), 0);
}

static inline int64_t
house_size(const char *path)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return st.st_size;
}

static int64_t house_from; /* id of a file's first row */

static inline LhValue
house_value(World *w, int64_t row, int col)
{
	return col == 0 ? num(house_from + row) : text_value(lh_sprintf(w->ctx, "n%d", (int) row));
}

static inline void
house_data(const House *h, const char *name, int64_t from)
{
	LhField fields[] = {field("id", lake_long, 1), field("name", lake_text, 2)};

	house_from = from;
	lake_file(h->w, lh_sprintf(h->w->ctx, "t/data/%s", name), 2, fields, 10, 0, 0, house_value);
}

/* Rows of a position delete file. */
typedef struct HousePosition
{
	const char *path;
	int64_t pos;
} HousePosition;

static const HousePosition *house_positions_of;

static inline LhValue
house_position(World *w, int64_t row, int col)
{
	const HousePosition *p = &house_positions_of[row];

	(void) w;
	return col == 1 ? num(p->pos) : p->path == NULL ? null_value() : text_value(p->path);
}

static inline void
house_positions(const House *h, const HousePosition *p, int n)
{
	LhField fields[] = {field("file_path", lake_text, LH_ID_DELETE_PATH),
						field("pos", lake_long, LH_ID_DELETE_POS)};

	house_positions_of = p;
	lake_file(h->w, "t/data/p.parquet", 2, fields, n, 0, 0, house_position);
}

static inline LhValue
house_key(World *w, int64_t row, int col)
{
	(void) w, (void) row, (void) col;
	return num(19);
}

/* Keys in a column of this id: 19, an int in a struct's member (6). */
static inline void
house_keys(const House *h, int id)
{
	LhField fields[] = {field("id", id == 6 ? lake_int : lake_long, id)};

	lake_file(h->w, "t/data/e.parquet", 1, fields, 1, 0, 0, house_key);
}

/* The paths as entries have them. */
static inline void
house_entries(House *h)
{
	h->ndata = 2;
	h->data[0] = (IceEntry){ICE_ENTRY, .path = house_path(h, "data/a.parquet"), .sequence = 1};
	h->data[1] = (IceEntry){ICE_ENTRY, .path = house_path(h, "data/b.parquet"), .sequence = 1};
	h->ndeletes = 3;
	h->deletes[0] = (IceEntry){ICE_ENTRY, .content = 1, .path = house_path(h, "data/p.parquet"),
							   .sequence = 2, .records = 2};
	h->deletes[1] = (IceEntry){ICE_ENTRY, .content = 1, .path = house_path(h, "data/v.puffin"),
							   .format = "PUFFIN", .sequence = 2, .records = 2,
							   .referenced = h->data[1].path, .offset = 4};
	h->deletes[2] = (IceEntry){ICE_ENTRY, .content = 2, .path = house_path(h, "data/e.parquet"),
							   .sequence = 3, .records = 1, .nids = 1, .ids = {1}};
	for (int i = 0; i < h->ndata; i++)
		h->data[i].size = house_size(h->data[i].path);
	for (int i = 0; i < h->ndeletes; i++)
		h->deletes[i].size = house_size(h->deletes[i].path);
}

/* All as it was, but for files that a test has changed on disk. */
static inline void
house_healthy(House *h)
{
	World *w = h->w;
	static Lake lake;
	LhDeleteFile *v;
	int64_t rows[] = {3, 5};

	h->json = house_replaced(w, HOUSE_JSON, "@", h->dir);
	h->list = NULL;
	h->parts = h->no_manifests = false;
	h->schema = NULL;
	h->extra = NULL;
	h->options = (LhTableOptions){.location = h->dir};
	house_data(h, "a.parquet", 0);
	house_data(h, "b.parquet", 10);
	house_positions(h,
					(HousePosition[]){{house_path(h, "data/a.parquet"), 0},
									  {house_path(h, "data/a.parquet"), 1}},
					2);
	house_keys(h, 1);
	memset(&lake, 0, sizeof(lake));
	v = vector_file(w, &lake, "t/data/v.puffin", rows, 2);
	house_entries(h);
	h->deletes[1].length = v->length;
	h->nlines = 2;
	for (int i = 0; i < 2; i++)
		h->lines[i] = (HouseLine){.length = AUTO, .content = i, .sequence = 1 + 2 * i, .snapshot = 6 + i,
								  .added = i == 0 ? 2 : 3, .first_row_id = ICE_NULL};
}

static inline House
house_setup(World *w)
{
	House h = {.w = w, .dir = lh_sprintf(w->ctx, "%s/t", w->dir)};

	assert_int_equal(system(lh_sprintf(w->ctx, "mkdir -p %s/data %s/metadata", h.dir, h.dir)), 0);
	house_healthy(&h);
	return h;
}

static inline void
house_write_manifest(const House *h, bool deletes)
{
	bool parts = h->parts && !deletes;
	const IceEntry *entries = deletes ? h->deletes : h->data;
	int n = deletes ? h->ndeletes : h->ndata;
	AvroMake m = avro_new(h->w->ctx), rows = avro_new(h->w->ctx);
	const char *const right[] = {"partition-spec-id", parts ? "1" : "0", "content",
								 deletes ? "deletes" : "data", NULL};

	avro_header(&m, h->schema != NULL ? h->schema : parts ? ICE_ENTRY_SCHEMA(ICE_PARTS) : ICE_ENTRY_SCHEMA(""),
				"deflate", h->extra != NULL && !deletes ? h->extra : right);
	for (int i = 0; i < n; i++)
		ice_put_entry(&rows, &entries[i], parts);
	avro_block(&m, n, &rows.b, "deflate");
	house_put(h, deletes ? "metadata/deletes.avro" : "metadata/data.avro", m.b.data, m.b.len);
}

static inline void
house_write_list(const House *h)
{
	AvroMake m = avro_new(h->w->ctx), rows = avro_new(h->w->ctx);

	avro_header(&m, ICE_LIST_SCHEMA, "deflate", NULL);
	for (int i = 0; i < h->nlines; i++)
	{
		const HouseLine *line = &h->lines[i];
		const char *path = line->path != NULL ? line->path
						   : house_path(h, line->content == 1 ? "metadata/deletes.avro" : "metadata/data.avro");

		avro_text(&rows, path);
		avro_long(&rows, line->length == AUTO ? house_size(path) : line->length);
		avro_long(&rows, line->spec);
		avro_long(&rows, line->content);
		avro_long(&rows, line->sequence);
		avro_long(&rows, line->snapshot);
		avro_long(&rows, line->added);
		avro_long(&rows, 0); /* no summaries */
		ice_put_long(&rows, line->first_row_id);
	}
	avro_block(&m, h->nlines, &rows.b, "deflate");
	house_put(h, "metadata/list.avro", m.b.data, m.b.len);
}

static inline void
house_write(const House *h)
{
	house_put(h, "metadata/v1.metadata.json", h->json, strlen(h->json));
	if (!h->no_manifests)
	{
		house_write_manifest(h, false);
		house_write_manifest(h, true);
	}
	if (h->list != NULL)
		house_put(h, "metadata/list.avro", h->list, h->list_len);
	else
		house_write_list(h);
}

/* Every column of every row; the ids as text. */
static inline LhStatus
house_scan(const House *h, LhBuf *ids)
{
	World *w = h->w;
	LhScanSpec spec = {.prune = true};
	LhHostRequest *request;
	const LhBatch *batch;
	LhTableSchema schema;
	LhScanColumn *cols;
	LhScan *scan;

	LH_TRY(lh_table_open(w->ctx, w->store, w->cache, "iceberg", &h->options, &spec.table));
	LH_TRY(spec.table->schema(w->ctx, spec.table, &schema));
	spec.schema = &schema;
	cols = lh_alloc_array(w->ctx, (size_t) schema.ncols + 1, sizeof(*cols));
	for (int i = 0; i < schema.ncols; i++)
		cols[spec.ncols++] = (LhScanColumn){.name = schema.cols[i].name, .source = schema.cols[i].source,
											.type = schema.cols[i].type,
											.field_id = schema.cols[i].field_id};
	spec.cols = cols;
	LH_TRY(lh_scan_open(w->ctx, &spec, &scan));
	for (;;)
	{
		LH_TRY(lh_scan_next(w->ctx, scan, &batch, &request));
		if (batch == NULL)
			return LH_OK;
		for (int i = 0; i < batch->n; i++)
		{
			/* the column _deleted makes deleted rows come, too */
			bool gone = false;

			for (int c = 0; c < spec.ncols; c++)
				gone |= cols[c].source == LH_SRC_DELETED && lh_vec_value(batch->vecs[c], i).i64 != 0;
			if (lh_bit_get(batch->sel.w, (size_t) i) && !gone)
				LH_TRY(lh_buf_printf(w->ctx, ids, "%s%lld", ids->len > 0 ? " " : "",
									 (long long) lh_vec_value(batch->vecs[0], i).i64));
		}
	}
}

/* Memory that one adversity may take beside the metadata's own text: the files have some kilobytes. */
#define HOUSE_MEMORY ((size_t) 32 << 20)

static inline LhStatus
house_read(const House *h, LhBuf *ids)
{
	World *w = h->w;
	size_t most = HOUSE_MEMORY + 4 * strlen(h->json);
	LhBudget budget = {.limit = most, .setting = "the test's"};
	LhArena *arena = lh_arena_create(&budget), *old;
	LhStatus status;

	house_write(h);
	old = lh_use(w->ctx, arena);
	status = house_scan(h, ids);
	assert_true(budget.peak <= most);
	lh_use(w->ctx, old);
	lh_arena_destroy(arena);
	return status;
}

/* The table has these rows. */
static inline void
stands(const House *h, const char *rows)
{
	LhBuf ids;

	ok(h->w, lh_buf_init(h->w->ctx, &ids, false));
	ok(h->w, house_read(h, &ids));
	ok(h->w, lh_buf_putc(h->w->ctx, &ids, '\0'));
	assert_string_equal(ids.data, rows);
}

/* The table gives an error that names these: file and field. */
static inline void
falls(const House *h, LhStatus code, const char *a, const char *b, const char *c)
{
	LhBuf ids;

	ok(h->w, lh_buf_init(h->w->ctx, &ids, false));
	refused(h->w, house_read(h, &ids), code, a, b, c);
}

static inline int
house_main(const struct CMUnitTest *tests, size_t n)
{
	lh_format_register(&lh_iceberg_format);
	return _cmocka_run_group_tests(NULL, tests, n, NULL, NULL);
}

#endif
