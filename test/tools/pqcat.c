/*
 * pqcat.c
 *		Print the rows of a Parquet file as JSON lines, and check that the reader
 *		agrees with itself.
 *
 *	pqcat FILE [column...]		rows, one a line
 *	pqcat --raw FILE			dates, times and floats as numbers of their lanes
 *	pqcat --check SEED FILE		read every column again in random batches, with
 *								random gaps and selections, and compare
 *
 * Every scalar is a JSON string of lh_value_format, null is null; lists are
 * arrays, maps arrays of [key, value], structs objects.  Used by
 * test/golden and by hand.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "parquet/parquet.h"

static bool raw;

static LhStatus
put_scalar(LhCtx *ctx, const LhValue *v, LhBuf *out)
{
	LhBuf text;
	LhStatus status;

	LH_TRY(lh_buf_init(ctx, &text, false));
	if (raw && (v->type.id == LH_T_DATE || v->type.id == LH_T_TIME || v->type.id == LH_T_TIMESTAMP))
		status = lh_buf_printf(ctx, &text, "%lld", (long long) v->i64);
	else if (raw && (v->type.lane == LH_LANE_F32 || v->type.lane == LH_LANE_F64))
		status = lh_buf_printf(ctx, &text, "%a", v->f64);
	else
		status = lh_value_format(ctx, v, &text);
	if (status == LH_OK)
		status = lh_json_string(ctx, out, text.data, text.len);
	lh_buf_free(&text);
	return status;
}

static LhStatus put(LhCtx *ctx, const LhVec *v, uint32_t i, LhBuf *out);

static LhStatus
put_entries(LhCtx *ctx, const LhVec *v, uint32_t i, LhBuf *out)
{
	bool map = v->nchildren == 2;

	LH_TRY(lh_buf_putc(ctx, out, '['));
	for (uint32_t k = v->offsets[i]; k < v->offsets[i + 1]; k++)
	{
		if (k > v->offsets[i])
			LH_TRY(lh_buf_putc(ctx, out, ','));
		if (map)
			LH_TRY(lh_buf_putc(ctx, out, '['));
		LH_TRY(put(ctx, &v->children[0], k, out));
		if (map)
		{
			LH_TRY(lh_buf_putc(ctx, out, ','));
			LH_TRY(put(ctx, &v->children[1], k, out));
			LH_TRY(lh_buf_putc(ctx, out, ']'));
		}
	}
	return lh_buf_putc(ctx, out, ']');
}

static LhStatus
put_fields(LhCtx *ctx, const LhVec *v, uint32_t i, LhBuf *out)
{
	LH_TRY(lh_buf_putc(ctx, out, '{'));
	for (int k = 0; k < v->nchildren; k++)
	{
		const char *name = v->type.fields[k].name;

		if (k > 0)
			LH_TRY(lh_buf_putc(ctx, out, ','));
		LH_TRY(lh_json_string(ctx, out, name, strlen(name)));
		LH_TRY(lh_buf_putc(ctx, out, ':'));
		LH_TRY(put(ctx, &v->children[k], i, out));
	}
	return lh_buf_putc(ctx, out, '}');
}

/* Value i of v. */
static LhStatus
put(LhCtx *ctx, const LhVec *v, uint32_t i, LhBuf *out)
{
	LhValue value;

	if (lh_vec_is_null(v, (int) i))
		return lh_buf_append_str(ctx, out, "null");
	if (v->type.id == LH_T_LIST || v->type.id == LH_T_MAP)
		return put_entries(ctx, v, i, out);
	if (lh_type_is_nested(&v->type))
		return put_fields(ctx, v, i, out);
	value = lh_vec_value(v, (int) i);
	return put_scalar(ctx, &value, out);
}

static LhStatus
cat_group(LhCtx *ctx, LhPqFile *file, int group, int ncols, const int *nodes)
{
	const LhPqMeta *meta = lh_pq_meta(file);
	LhPqColumn **cols;
	LhVec *vecs;
	LhBuf line;

	LH_NEW_ARRAY(ctx, cols, (size_t) ncols);
	LH_NEW_ARRAY(ctx, vecs, (size_t) ncols);
	LH_TRY(lh_buf_init(ctx, &line, false));
	for (int c = 0; c < ncols; c++)
		LH_TRY(lh_pq_column_open(ctx, file, group, nodes[c], &cols[c]));
	for (int64_t row = 0; row < meta->groups[group].num_rows;)
	{
		int64_t rest = meta->groups[group].num_rows - row;
		int n = rest < LH_BATCH ? (int) rest : LH_BATCH;

		for (int c = 0; c < ncols; c++)
			n = lh_pq_column_natural(cols[c], row, n);
		for (int c = 0; c < ncols; c++)
			LH_TRY(lh_pq_column_read(ctx, cols[c], row, n, NULL, &vecs[c]));
		for (uint32_t i = 0; i < (uint32_t) n; i++)
		{
			line.len = 0;
			LH_TRY(lh_buf_putc(ctx, &line, '{'));
			for (int c = 0; c < ncols; c++)
			{
				const char *name = meta->nodes[nodes[c]].name;

				if (c > 0)
					LH_TRY(lh_buf_putc(ctx, &line, ','));
				LH_TRY(lh_json_string(ctx, &line, name, strlen(name)));
				LH_TRY(lh_buf_putc(ctx, &line, ':'));
				LH_TRY(put(ctx, &vecs[c], i, &line));
			}
			LH_TRY(lh_buf_append_str(ctx, &line, "}\n"));
			fwrite(line.data, 1, line.len, stdout);
		}
		row += n;
	}
	for (int c = 0; c < ncols; c++)
		lh_pq_column_close(cols[c]);
	return LH_OK;
}

/* A column's values as text, and what a second reading must give. */
static LhStatus
read_all(LhCtx *ctx, LhPqFile *file, int group, int node, char **texts)
{
	int64_t rows = lh_pq_meta(file)->groups[group].num_rows;
	LhPqColumn *col;
	LhBuf text;
	LhVec v;

	LH_TRY(lh_buf_init(ctx, &text, false));
	LH_TRY(lh_pq_column_open(ctx, file, group, node, &col));
	for (int64_t row = 0; row < rows;)
	{
		int n = rows - row < LH_BATCH ? (int) (rows - row) : LH_BATCH;

		n = lh_pq_column_natural(col, row, n);
		LH_TRY(lh_pq_column_read(ctx, col, row, n, NULL, &v));
		for (int i = 0; i < n; i++)
		{
			text.len = 0;
			LH_TRY(put(ctx, &v, (uint32_t) i, &text));
			texts[row + i] = lh_strndup(ctx, (char *) text.data, text.len);
		}
		row += n;
	}
	lh_pq_column_close(col);
	return LH_OK;
}

static LhStatus
random_sel(LhSel *sel, int n)
{
	int kind = rand() % 4;
	int a = rand() % (n + 1);
	int b = rand() % (n + 1);

	lh_sel_none(sel, n);
	for (int i = 0; i < n; i++)
	{
		bool in = kind == 0 ? rand() % 100 == 0 : kind == 1 ? rand() % 2 : kind == 2 ? i >= a && i < b : 1;

		if (in)
		{
			lh_bit_set(sel->w, (size_t) i);
			sel->count++;
		}
	}
	return LH_OK;
}

static LhStatus
check_column(LhCtx *ctx, LhPqFile *file, int group, int node, char **texts)
{
	int64_t rows = lh_pq_meta(file)->groups[group].num_rows;
	int most = rand() % 3 == 0 ? 7 : rand() % 2 ? 300 : LH_BATCH;
	int64_t gap = rand() % 3 == 0 ? 0 : rand() % 2 ? 50 : rows / 4;
	LhPqColumn *col;
	const LhDict *dict;
	LhBuf text;
	LhVec v;
	LhSel sel;

	LH_TRY(lh_buf_init(ctx, &text, false));
	LH_TRY(lh_pq_column_open(ctx, file, group, node, &col));
	if (rand() % 4 == 0)
		LH_TRY(lh_pq_column_dict(ctx, col, &dict));
	for (int64_t row = gap > 0 ? rand() % (gap + 1) : 0; row < rows;)
	{
		int n = 1 + rand() % most;
		bool all = rand() % 2;

		if (n > rows - row)
			n = (int) (rows - row);
		if (rand() % 2)
			n = lh_pq_column_natural(col, row, n);
		random_sel(&sel, n);
		LH_TRY(lh_pq_column_read(ctx, col, row, n, all ? NULL : &sel, &v));
		if (v.n != n || (v.kind == LH_VEC_RUNS && v.valid != NULL))
			LH_FAIL(ctx, LH_BUG, "vector of %d rows, expected %d, or runs with nulls", v.n, n);
		for (int i = 0; i < n; i++)
		{
			text.len = 0;
			LH_TRY(put(ctx, &v, (uint32_t) i, &text));
			LH_TRY(lh_buf_putc(ctx, &text, 0));
			if ((all || lh_bit_get(sel.w, (size_t) i)) && strcmp((char *) text.data, texts[row + i]) != 0)
				LH_FAIL(ctx, LH_BUG, "row %lld of column %d: %.200s, expected %.200s",
						(long long) row + i, node, (char *) text.data, texts[row + i]);
		}
		row += n;
		if (gap > 0 && rand() % 3 == 0)
			row += rand() % gap;
	}
	lh_pq_column_close(col);
	return LH_OK;
}

static LhStatus
check_group(LhCtx *ctx, LhPqFile *file, int group, int ncols, const int *nodes)
{
	LhArena *outer = ctx->arena;
	char **texts;

	for (int c = 0; c < ncols; c++)
	{
		LhArena *arena = lh_arena_child(outer);

		lh_use(ctx, arena);
		LH_NEW_ARRAY(ctx, texts, (size_t) lh_pq_meta(file)->groups[group].num_rows);
		LH_TRY(read_all(ctx, file, group, nodes[c], texts));
		for (int k = 0; k < 12; k++)
			LH_TRY(check_column(ctx, file, group, nodes[c], texts));
		lh_use(ctx, outer);
		lh_arena_destroy(arena);
	}
	return LH_OK;
}

static LhStatus
run(LhCtx *ctx, const char *path, int nnames, char **names, bool check)
{
	LhAccess access = {.local_any = true};
	LhStore *store;
	LhObject *obj;
	LhPqFile *file;
	const LhPqMeta *meta;
	LhPqOptions options = {.check_crc = getenv("PQCAT_CRC") != NULL};
	int ncols = 0;
	int *nodes;

	LH_TRY(lh_store_create(ctx, &access, &store));
	LH_TRY(lh_object_open(ctx, store, path, &obj));
	LH_TRY(lh_pq_open(ctx, obj, NULL, &options, &file));
	meta = lh_pq_meta(file);
	LH_NEW_ARRAY(ctx, nodes, (size_t) meta->nnodes + (size_t) nnames);
	for (int i = 0; i < nnames; i++)
	{
		nodes[ncols] = lh_pq_find(meta, names[i]);
		if (nodes[ncols++] < 0)
			LH_FAIL(ctx, LH_NOT_FOUND, "no column \"%s\"", names[i]);
	}
	for (int i = meta->nodes[0].first_child; nnames == 0 && i >= 0; i = meta->nodes[i].next)
		nodes[ncols++] = i;
	for (int g = 0; g < meta->ngroups; g++)
	{
		LhArena *outer = ctx->arena;
		LhArena *arena = lh_arena_child(outer);

		lh_use(ctx, arena);
		LH_TRY(check ? check_group(ctx, file, g, ncols, nodes)
					 : cat_group(ctx, file, g, ncols, nodes));
		lh_use(ctx, outer);
		lh_arena_destroy(arena);
	}
	return LH_OK;
}

int
main(int argc, char **argv)
{
	LhCtx *ctx = lh_ctx_create();
	LhArena *root = ctx != NULL ? ctx->arena : NULL;
	char path[4096];
	bool check = false;
	int at = 1;

	if (at < argc && strcmp(argv[at], "--raw") == 0)
	{
		raw = true;
		at++;
	}
	if (at + 1 < argc && strcmp(argv[at], "--check") == 0)
	{
		check = true;
		srand((unsigned) atoi(argv[at + 1]));
		at += 2;
	}
	if (ctx == NULL || at >= argc || realpath(argv[at], path) == NULL)
	{
		fprintf(stderr, "usage: pqcat [--raw] [--check SEED] FILE [column...]\n");
		return 2;
	}
	if (getenv("PQCAT_SIMD") != NULL)
		lh_isa_choose((LhIsa) atoi(getenv("PQCAT_SIMD")));
	if (run(ctx, path, argc - at - 1, argv + at + 1, check) != LH_OK)
	{
		fprintf(stderr, "%s: %s\n", lh_status_name(ctx->error->code), ctx->error->message);
		lh_use(ctx, root);
		lh_ctx_destroy(ctx);
		return 1;
	}
	if (getenv("PQCAT_COUNTERS") != NULL)
		for (int i = 0; i < LH_N_COUNTERS; i++)
			if (ctx->counters->v[i] > 0)
				fprintf(stderr, "%s %llu\n", lh_counter_name[i], (unsigned long long) ctx->counters->v[i]);
	lh_ctx_destroy(ctx);
	return 0;
}
