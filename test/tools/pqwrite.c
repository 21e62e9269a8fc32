/*
 * pqwrite.c
 *		Write a matrix of Parquet files, and beside each what is in it.
 *
 *	pqwrite DIRECTORY		types x encodings x codecs x page versions x nesting
 *	pqwrite --copy [OPTION...] FROM TO		the columns of another file, as they come
 *		options: codec=zstd level=0 page=1 rows=0 group=0 plain
 *
 * DIRECTORY/NAME.parquet comes with DIRECTORY/NAME.json: an object of columns, each
 * a list of values as they were given to the writer.  Scalars are strings (numbers
 * of lanes for dates and times, bits in hexadecimal for floats, hexadecimal bytes for
 * what is no text), null is null, lists are lists, maps lists of [key, value], structs
 * objects.  Used by test/interop/readers.py and by hand.
 */
#include <sys/stat.h>

#include "unit/test_pqwrite.h"

#define ROWS    LH_BATCH
#define BATCHES 2

static LhStatus put(LhCtx *ctx, const LhVec *v, uint32_t i, LhBuf *out);

static LhStatus
put_hex(LhCtx *ctx, const uint8_t *p, size_t n, LhBuf *out)
{
	LH_TRY(lh_buf_putc(ctx, out, '"'));
	for (size_t i = 0; i < n; i++)
		LH_TRY(lh_buf_printf(ctx, out, "%02x", p[i]));
	return lh_buf_putc(ctx, out, '"');
}

static LhStatus
put_float(LhCtx *ctx, const LhValue *v, LhBuf *out)
{
	uint64_t bits;
	uint32_t narrow;
	float f = (float) v->f64;

	if (isnan(v->f64))
		return lh_buf_append_str(ctx, out, "\"nan\"");
	memcpy(&bits, &v->f64, sizeof(bits));
	memcpy(&narrow, &f, sizeof(narrow));
	if (v->type.lane == LH_LANE_F32)
		return lh_buf_printf(ctx, out, "\"%08x\"", narrow);
	return lh_buf_printf(ctx, out, "\"%016llx\"", (unsigned long long) bits);
}

static LhStatus
put_scalar(LhCtx *ctx, const LhValue *v, LhBuf *out)
{
	LhBuf text;

	switch (v->type.id)
	{
		case LH_T_FLOAT16:
		case LH_T_FLOAT:
		case LH_T_DOUBLE: return put_float(ctx, v, out);
		case LH_T_DATE:
		case LH_T_TIME:
		case LH_T_TIMESTAMP: return lh_buf_printf(ctx, out, "\"%lld\"", (long long) v->i64);
		case LH_T_STRING:
		case LH_T_ENUM:
		case LH_T_JSON: return lh_json_string(ctx, out, v->str.ptr, v->str.len);
		case LH_T_BSON:
		case LH_T_BINARY:
		case LH_T_GEOMETRY:
		case LH_T_GEOGRAPHY:
		case LH_T_INTERVAL:
		case LH_T_FIXED:
		case LH_T_UUID: return put_hex(ctx, v->str.ptr, v->str.len, out);
		default: break;
	}
	LH_TRY(lh_buf_init(ctx, &text, false));
	LH_TRY(lh_value_format(ctx, v, &text));
	LH_TRY(lh_json_string(ctx, out, text.data, text.len));
	lh_buf_free(&text);
	return LH_OK;
}

static LhStatus
put_list(LhCtx *ctx, const LhVec *v, uint32_t i, LhBuf *out)
{
	LH_TRY(lh_buf_putc(ctx, out, '['));
	for (uint32_t k = v->offsets[i]; k < v->offsets[i + 1]; k++)
	{
		if (k > v->offsets[i])
			LH_TRY(lh_buf_putc(ctx, out, ','));
		if (v->nchildren == 2)
			LH_TRY(lh_buf_putc(ctx, out, '['));
		LH_TRY(put(ctx, &v->children[0], k, out));
		if (v->nchildren == 2)
		{
			LH_TRY(lh_buf_putc(ctx, out, ','));
			LH_TRY(put(ctx, &v->children[1], k, out));
			LH_TRY(lh_buf_putc(ctx, out, ']'));
		}
	}
	return lh_buf_putc(ctx, out, ']');
}

static LhStatus
put(LhCtx *ctx, const LhVec *v, uint32_t i, LhBuf *out)
{
	LhValue value;

	if (v->type.id == LH_T_NULL || lh_vec_is_null(v, (int) i))
		return lh_buf_append_str(ctx, out, "null");
	switch (v->type.id)
	{
		case LH_T_LIST:
		case LH_T_MAP: return put_list(ctx, v, i, out);
		case LH_T_STRUCT:
			LH_TRY(lh_buf_putc(ctx, out, '{'));
			for (int k = 0; k < v->nchildren; k++)
			{
				const char *name = v->type.fields[k].name;

				if (k > 0)
					LH_TRY(lh_buf_putc(ctx, out, ','));
				LH_TRY(lh_json_string(ctx, out, (const uint8_t *) name, strlen(name)));
				LH_TRY(lh_buf_putc(ctx, out, ':'));
				LH_TRY(put(ctx, &v->children[k], i, out));
			}
			return lh_buf_putc(ctx, out, '}');
		default: value = lh_vec_value(v, (int) i); return put_scalar(ctx, &value, out);
	}
}

/*
 * A file of the matrix
 */

#define MAX_COLS 160

typedef struct Matrix
{
	const char *directory;
	int ncols;
	LhField cols[MAX_COLS];
	PqwColumn columns[MAX_COLS];
	LhVec vecs[BATCHES][MAX_COLS];
} Matrix;

static const char *
column_name(LhCtx *ctx, int i, const LhType *type, bool required)
{
	LhBuf text;

	if (lh_buf_init(ctx, &text, false) != LH_OK || lh_type_format(ctx, type, &text) != LH_OK)
		return NULL;
	return lh_sprintf(ctx, "c%d %.*s%s", i, (int) text.len, (const char *) text.data,
					  required ? " required" : "");
}

static void
add(LhCtx *ctx, PqwSource *s, Matrix *m, LhType type, bool required)
{
	LhField *f = &m->cols[m->ncols];

	*f = (LhField){.name = column_name(ctx, m->ncols, &type, required),
				   .type = type,
				   .required = required,
				   .field_id = m->ncols + 1};
	pqw_column(ctx, s, f, &m->columns[m->ncols++]);
}

static LhType
list_of(LhCtx *ctx, LhType element, bool required)
{
	LhField *f = pqw_alloc(ctx, sizeof(*f));

	*f = (LhField){.name = "element", .type = element, .required = required, .field_id = -1};
	return (LhType){.id = LH_T_LIST, .nfields = 1, .fields = f};
}

static LhType
pair_of(LhCtx *ctx, LhTypeId id, LhType a, LhType b)
{
	LhField *f = pqw_alloc(ctx, 2 * sizeof(*f));

	f[0] = (LhField){.name = id == LH_T_MAP ? "key" : "a",
					 .type = a,
					 .required = id == LH_T_MAP,
					 .field_id = -1};
	f[1] = (LhField){.name = id == LH_T_MAP ? "value" : "b", .type = b, .field_id = -1};
	return (LhType){.id = id, .nfields = 2, .fields = f};
}

/*
 * Files hold types that all engines know, nested ones, or a single type of those
 * that make some engine refuse the whole file.
 */
#define SET_FLAT   (-1)
#define SET_NESTED (-2)

static const int rare[] = {9, 19, 28, 32, 36, 37, 38, 42};
#define N_RARE ((int) (sizeof(rare) / sizeof(rare[0])))

static bool
is_rare(int k)
{
	for (int i = 0; i < N_RARE; i++)
		if (rare[i] == k)
			return true;
	return false;
}

static void
add_leaf(LhCtx *ctx, PqwSource *s, Matrix *m, int k)
{
	LhType t = pqw_leaf_type(k);

	add(ctx, s, m, t, false);
	if (t.id != LH_T_NULL)
		add(ctx, s, m, t, true);
}

static void
add_nested(LhCtx *ctx, PqwSource *s, Matrix *m, bool required)
{
	LhType i32 = pqw_leaf_type(3), i64 = pqw_leaf_type(4), str = pqw_leaf_type(29);
	LhType items = pair_of(ctx, LH_T_STRUCT, str, list_of(ctx, i64, false));
	LhType values = pair_of(ctx, LH_T_STRUCT, list_of(ctx, i32, true), str);

	add(ctx, s, m, list_of(ctx, i32, required), required);
	add(ctx, s, m, list_of(ctx, list_of(ctx, str, required), !required), required);
	add(ctx, s, m, pair_of(ctx, LH_T_STRUCT, i64, str), required);
	add(ctx, s, m, pair_of(ctx, LH_T_MAP, i32, str), required);
	add(ctx, s, m, list_of(ctx, items, required), required);
	add(ctx, s, m, pair_of(ctx, LH_T_MAP, i64, values), required);
}

/* The columns of a set: SET_FLAT, SET_NESTED or a rare type. */
static void
add_columns(LhCtx *ctx, PqwSource *s, Matrix *m, int set)
{
	if (set >= 0)
		add_leaf(ctx, s, m, set);
	for (int k = 0; set == SET_FLAT && k < PQW_LEAF_TYPES; k++)
		if (!is_rare(k))
			add_leaf(ctx, s, m, k);
	for (int required = 0; set == SET_NESTED && required < 2; required++)
		add_nested(ctx, s, m, required);
}

static LhStatus
write_file(LhCtx *ctx, Matrix *m, const char *name, const LhPqWriteOptions *options,
		   const LhPqColumnOptions *column_options)
{
	static const LhAccess access = {.write_any = true};
	LhStore *store;
	LhOutput *out;
	LhPqWriter *w;

	LH_TRY(lh_store_create(ctx, &access, &store));
	LH_TRY(lh_output_create(ctx, store, lh_sprintf(ctx, "%s/%s.parquet", m->directory, name),
							&(LhOutputOptions){.overwrite = true}, &out));
	LH_TRY(lh_pq_writer_create(ctx, out, m->ncols, m->cols, column_options, options, &w));
	for (int b = 0; b < BATCHES; b++)
	{
		const LhVec *vecs[MAX_COLS];

		for (int i = 0; i < m->ncols; i++)
			vecs[i] = &m->vecs[b][i];
		LH_TRY(lh_pq_writer_write(ctx, w, ROWS, vecs));
	}
	LH_TRY(lh_pq_writer_finish(ctx, w, NULL));
	return lh_output_finish(ctx, out, NULL);
}

static LhStatus
write_truth(LhCtx *ctx, Matrix *m, const char *name)
{
	LhBuf out;
	FILE *f;

	LH_TRY(lh_buf_init(ctx, &out, false));
	for (int i = 0; i < m->ncols; i++)
	{
		LH_TRY(lh_buf_append_str(ctx, &out, i == 0 ? "{" : ",\n"));
		LH_TRY(
			lh_json_string(ctx, &out, (const uint8_t *) m->cols[i].name, strlen(m->cols[i].name)));
		for (uint32_t row = 0; row < BATCHES * ROWS; row++)
		{
			LH_TRY(lh_buf_append_str(ctx, &out, row == 0 ? ":[" : ","));
			LH_TRY(put(ctx, &m->vecs[row / ROWS][i], row % ROWS, &out));
		}
		LH_TRY(lh_buf_append_str(ctx, &out, "]"));
	}
	LH_TRY(lh_buf_append_str(ctx, &out, "}\n"));
	f = fopen(lh_sprintf(ctx, "%s/%s.json", m->directory, name), "w");
	if (f == NULL || fwrite(out.data, 1, out.len, f) != out.len || fclose(f) != 0)
		LH_FAIL(ctx, LH_IO, "could not write the truth of \"%s\"", name);
	return LH_OK;
}

/* How a file of the matrix is written. */
typedef struct Cell
{
	int set;
	LhPqWriteEncoding encoding;
	LhCodec codec;
	int page;
	bool small; /* pages, row groups and dictionaries */
} Cell;

static const char *
cell_name(LhCtx *ctx, const Cell *c)
{
	static const char *const encodings[] = {"auto",  "plain",       "dictionary",
											"delta", "delta_bytes", "split"};
	LhType type = pqw_leaf_type(c->set > 0 ? c->set : 0);
	const char *set = c->set == SET_FLAT     ? "flat"
					  : c->set == SET_NESTED ? "nested"
											 : lh_type_name(&type);

	return lh_sprintf(ctx, "%s%d-%s-%s-v%d%s", set, c->set < 0 ? 0 : c->set, encodings[c->encoding],
					  lh_codec_name(c->codec), c->page, c->small ? "-small" : "");
}

static LhStatus
make_file(const char *directory, const Cell *c)
{
	LhPqColumnOptions columns[MAX_COLS] = {{0}};
	LhPqWriteOptions options = {.codec = c->codec, .data_page = c->page};
	PqwSource s = {.state = (uint64_t) c->encoding * 1000 + (uint64_t) c->codec * 100 +
							(uint64_t) c->page * 10 + (uint64_t) c->small * 4 + 1,
				   .tame = true};
	Matrix *m = calloc(1, sizeof(*m));
	LhCtx *ctx = lh_ctx_create();
	const char *name = cell_name(ctx, c);
	LhStatus status;

	m->directory = directory;
	add_columns(ctx, &s, m, c->set);
	for (int b = 0; b < BATCHES; b++)
		for (int i = 0; i < m->ncols; i++)
			pqw_vec(ctx, &s, &m->columns[i], ROWS, &m->vecs[b][i]);
	for (int i = 0; i < m->ncols; i++)
		columns[i] = (LhPqColumnOptions){.encoding = c->encoding, .bloom = true};
	if (c->small)
	{
		options.page_rows = 111;
		options.row_group_rows = 1500;
		options.dictionary_bytes = 300;
	}
	status = write_file(ctx, m, name, &options, columns);
	if (status == LH_OK)
		status = write_truth(ctx, m, name);
	if (status != LH_OK)
		fprintf(stderr, "%s: %s\n", name, ctx->error->message);
	lh_ctx_destroy(ctx);
	free(m);
	return status;
}

static int
make_matrix(const char *directory)
{
	static const LhCodec codecs[] = {LH_CODEC_ZSTD, LH_CODEC_NONE,    LH_CODEC_SNAPPY,
									 LH_CODEC_GZIP, LH_CODEC_LZ4_RAW, LH_CODEC_BROTLI};
	int bad = 0, k = 0;

	mkdir(directory, 0755);
	for (int e = LH_PQ_WRITE_AUTO; e <= LH_PQ_WRITE_SPLIT; e++)
		for (int page = 1; page <= 2; page++)
			for (int small = 0; small < 2; small++, k++)
				for (int set = SET_NESTED; set <= SET_FLAT; set++)
				{
					Cell c = {set, (LhPqWriteEncoding) e, codecs[k % 6], page, small};

					bad += make_file(directory, &c) != LH_OK;
				}
	for (int i = 0; i < 6; i++)
		bad += make_file(directory,
						 &(Cell){SET_FLAT, LH_PQ_WRITE_AUTO, codecs[i], 1 + i % 2, i % 3}) != LH_OK;
	for (int i = 0; i < N_RARE; i++)
		bad +=
			make_file(directory, &(Cell){rare[i], LH_PQ_WRITE_AUTO, codecs[0], 1, false}) != LH_OK;
	return bad > 0;
}

/*
 * Copies
 */

static LhStatus
copy_rows(LhCtx *ctx, LhPqFile *file, int group, LhPqWriter *w)
{
	const LhPqMeta *meta = lh_pq_meta(file);
	int ncols = meta->nodes[0].nchildren, i = 0;
	int64_t rows = meta->groups[group].num_rows;
	LhArena *arena = lh_arena_child(ctx->arena), *old = lh_use(ctx, arena);
	LhPqColumn **columns = pqw_alloc(ctx, (size_t) ncols * sizeof(*columns));
	LhVec *vecs = pqw_alloc(ctx, (size_t) ncols * sizeof(*vecs));
	const LhVec **views = pqw_alloc(ctx, (size_t) ncols * sizeof(*views));

	for (int node = meta->nodes[0].first_child; node >= 0; node = meta->nodes[node].next, i++)
		LH_TRY(lh_pq_column_open(ctx, file, group, node, &columns[i]));
	for (int64_t row = 0; row < rows; row += LH_BATCH)
	{
		int n = rows - row < LH_BATCH ? (int) (rows - row) : LH_BATCH;

		for (i = 0; i < ncols; i++)
		{
			LH_TRY(lh_pq_column_read(ctx, columns[i], row, n, NULL, &vecs[i]));
			views[i] = &vecs[i];
		}
		LH_TRY(lh_pq_writer_write(ctx, w, n, views));
	}
	lh_use(ctx, old);
	lh_arena_destroy(arena);
	return LH_OK;
}

static void
set_option(LhPqWriteOptions *o, const char *word)
{
	const char *value = strchr(word, '=');

	if (strcmp(word, "plain") == 0)
		o->no_dictionary = true;
	else if (value == NULL)
		fprintf(stderr, "pqwrite: what is \"%s\"?\n", word);
	else if (strncmp(word, "codec=", 6) == 0)
		for (int c = 0; c < LH_N_CODECS; c++)
			o->codec = strcmp(lh_codec_name((LhCodec) c), value + 1) == 0 ? (LhCodec) c : o->codec;
	else if (strncmp(word, "level=", 6) == 0)
		o->level = atoi(value + 1);
	else if (strncmp(word, "page=", 5) == 0)
		o->data_page = atoi(value + 1);
	else if (strncmp(word, "rows=", 5) == 0)
		o->page_rows = atoi(value + 1);
	else if (strncmp(word, "group=", 6) == 0)
		o->row_group_rows = atoll(value + 1);
}

static LhStatus
copy_file(LhCtx *ctx, const char *from, const char *to, const LhPqWriteOptions *options)
{
	static const LhAccess access = {.local_any = true, .write_any = true};
	const LhPqMeta *meta;
	LhStore *store;
	LhObject *obj;
	LhPqFile *file;
	LhOutput *out;
	LhPqWriter *w;

	LH_TRY(lh_store_create(ctx, &access, &store));
	LH_TRY(lh_object_open(ctx, store, from, &obj));
	LH_TRY(lh_pq_open(ctx, obj, NULL, NULL, &file));
	meta = lh_pq_meta(file);
	LH_TRY(lh_output_create(ctx, store, to, &(LhOutputOptions){.overwrite = true}, &out));
	LH_TRY(lh_pq_writer_create(ctx, out, meta->nodes[0].nchildren, meta->nodes[0].type.fields, NULL,
							   options, &w));
	for (int g = 0; g < meta->ngroups; g++)
		LH_TRY(copy_rows(ctx, file, g, w));
	LH_TRY(lh_pq_writer_finish(ctx, w, NULL));
	return lh_output_finish(ctx, out, NULL);
}

static int
copy(int argc, char **argv)
{
	LhPqWriteOptions options;
	LhCtx *ctx = lh_ctx_create();
	LhStatus status;

	lh_pq_write_defaults(&options);
	for (int i = 2; i < argc - 2; i++)
		set_option(&options, argv[i]);
	status = copy_file(ctx, argv[argc - 2], argv[argc - 1], &options);
	if (status != LH_OK)
		fprintf(stderr, "pqwrite: %s\n", ctx->error->message);
	lh_ctx_destroy(ctx);
	return status != LH_OK;
}

int
main(int argc, char **argv)
{
	if (argc >= 4 && strcmp(argv[1], "--copy") == 0)
		return copy(argc, argv);
	if (argc == 2)
		return make_matrix(argv[1]);
	fprintf(stderr, "usage: pqwrite DIRECTORY | pqwrite --copy [OPTION...] FROM TO\n");
	return 2;
}
