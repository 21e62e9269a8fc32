/*
 * orc_rows.c
 *		Rows of an ORC file as lines of JSON, for comparisons with other readers (test/golden/orc.py).
 *
 *	orc_rows FILE			a line with the schema, then one a row
 *	orc_rows --meta FILE	what the metadata says: stripes, bounds, indexes
 *
 * Floats come as their bits, strings and bytes as hexadecimal digits, decimals as text, days and
 * time stamps (us, or ns with --ns) as numbers since 1970, unions as the value of the branch
 * that was chosen.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "orc/orc.h"

static LhCtx *ctx;

static void
check(LhStatus status)
{
	if (status == LH_OK)
		return;
	fprintf(stderr, "%s: %s\n", lh_status_name(status), ctx->error->message);
	if (ctx->error->hint[0] != '\0')
		fprintf(stderr, "HINT: %s\n", ctx->error->hint);
	exit(1);
}

static void
put_bytes(LhStr s)
{
	putchar('"');
	for (uint32_t i = 0; i < s.len; i++)
		printf("%02x", s.ptr[i]);
	putchar('"');
}

static void
put_scalar(const LhValue *v)
{
	uint64_t bits;
	char text[64];

	switch (v->type.id)
	{
		case LH_T_BOOL: fputs(v->i64 ? "true" : "false", stdout); break;
		case LH_T_FLOAT:
		case LH_T_DOUBLE:
			memcpy(&bits, &v->f64, 8);
			printf("\"%016llx\"", (unsigned long long) bits);
			break;
		case LH_T_DECIMAL:
			lh_decimal_format(v->type.lane == LH_LANE_I64 ? v->i64 : v->i128, v->type.scale, text);
			printf("\"%s\"", text);
			break;
		default:
			if (v->type.lane == LH_LANE_STR || v->type.lane == LH_LANE_FIX)
				put_bytes(v->str);
			else
				printf("%lld", (long long) v->i64);
			break;
	}
}

static void put_value(const LhOrcMeta *meta, int node, const LhVec *v, int i);

static int
child_node(const LhOrcMeta *meta, int node, int k)
{
	int c = meta->nodes[node].first_child;

	while (k-- > 0)
		c = meta->nodes[c].next;
	return c;
}

static void
put_struct(const LhOrcMeta *meta, int node, const LhVec *v, int i)
{
	bool is_union = meta->nodes[node].kind == LH_ORC_UNION;

	if (!is_union)
		putchar('[');
	for (int k = 0; k < v->nchildren; k++)
	{
		if (is_union && lh_vec_is_null(&v->children[k], i))
			continue;
		if (k > 0 && !is_union)
			putchar(',');
		put_value(meta, child_node(meta, node, k), &v->children[k], i);
		if (is_union)
			return;
	}
	fputs(is_union ? "null" : "]", stdout);
}

static void
put_list(const LhOrcMeta *meta, int node, const LhVec *v, int i)
{
	putchar('[');
	for (uint32_t k = v->offsets[i]; k < v->offsets[i + 1]; k++)
	{
		if (k > v->offsets[i])
			putchar(',');
		if (v->nchildren == 2)
			putchar('[');
		for (int c = 0; c < v->nchildren; c++)
		{
			if (c > 0)
				putchar(',');
			put_value(meta, child_node(meta, node, c), &v->children[c], (int) k);
		}
		if (v->nchildren == 2)
			putchar(']');
	}
	putchar(']');
}

static void
put_value(const LhOrcMeta *meta, int node, const LhVec *v, int i)
{
	LhValue value;

	if (lh_vec_is_null(v, i))
	{
		fputs("null", stdout);
		return;
	}
	switch (meta->nodes[node].kind)
	{
		case LH_ORC_LIST:
		case LH_ORC_MAP: put_list(meta, node, v, i); return;
		case LH_ORC_STRUCT:
		case LH_ORC_UNION: put_struct(meta, node, v, i); return;
		default: value = lh_vec_value(v, i); put_scalar(&value); return;
	}
}

static void
put_rows(LhOrcFile *file)
{
	const LhOrcMeta *meta = lh_orc_meta(file);

	for (int s = 0; s < meta->nstripes; s++)
	{
		LhOrcColumn *col;
		int n;

		check(lh_orc_column_open(ctx, file, s, 0, &col));
		for (int64_t row = 0; row < meta->stripes[s].rows; row += n)
		{
			int64_t rest = meta->stripes[s].rows - row;
			LhVec vec;

			n = lh_orc_column_natural(col, row, rest < LH_BATCH ? (int) rest : LH_BATCH);
			check(lh_orc_column_read(ctx, col, row, n, NULL, &vec));
			for (int i = 0; i < n; i++)
			{
				put_value(meta, 0, &vec, i);
				putchar('\n');
			}
		}
		lh_orc_column_close(col);
	}
}

static void
put_bounds(const LhBounds *b)
{
	printf("{\"rows\":%lld,\"nulls\":%lld", (long long) b->rows, (long long) b->nulls);
	if (b->has_min)
	{
		printf(",\"min%s\":", b->min_exact ? "" : "~");
		put_scalar(&b->min);
	}
	if (b->has_max)
	{
		printf(",\"max%s\":", b->max_exact ? "" : "~");
		put_scalar(&b->max);
	}
	printf("%s}", b->may_nan ? "" : ",\"nan\":false");
}

static void
put_meta(LhOrcFile *file)
{
	const LhOrcMeta *meta = lh_orc_meta(file);

	printf("format %d.%d, writer %s %d %s, compression %s of %lld, %lld rows, stride %d, hybrid %d\n", meta->version[0],
		   meta->version[1], lh_orc_writer_name(meta->writer), meta->writer_version,
		   meta->software ? meta->software : "-", lh_orc_compression_name(meta->compression),
		   (long long) meta->block_size, (long long) meta->num_rows, meta->row_index_stride, meta->hybrid);
	for (int i = 0; i < meta->nkv; i++)
		printf("metadata %s = %s\n", meta->kv[2 * i], meta->kv[2 * i + 1]);
	for (int i = 0; i < meta->nnodes; i++)
	{
		const LhOrcNode *n = &meta->nodes[i];
		LhBuf type;

		check(lh_buf_init(ctx, &type, false));
		check(lh_type_format(ctx, &n->type, &type));
		printf("node %d column %d parent %d \"%s\" %s: %.*s id %d%s\n", i, n->column, n->parent, n->name,
			   lh_orc_kind_name(n->kind), (int) type.len, (char *) type.data, n->field_id, n->required ? " required" : "");
	}
	for (int s = 0; s < meta->nstripes; s++)
	{
		const LhOrcStripeInfo *info;

		check(lh_orc_stripe(ctx, file, s, &info));
		printf("stripe %d: offset %lld, %lld rows, zone %s\n", s, (long long) meta->stripes[s].offset,
			   (long long) meta->stripes[s].rows, info->timezone ? info->timezone : "-");
		for (int i = 0; i < info->nstreams; i++)
			printf("  stream %s of column %d: %lld bytes at %lld\n", lh_orc_stream_name(info->streams[i].kind),
				   info->streams[i].column, (long long) info->streams[i].length, (long long) info->streams[i].offset);
		for (int i = 0; i < meta->nnodes; i++)
		{
			LhBounds b;
			const LhOrcRowIndex *index;
			const LhOrcBloom *bloom;

			check(lh_orc_bounds(ctx, file, s, i, &b));
			printf("  node %d %s %u: ", i, lh_orc_encoding_name(info->encodings[meta->nodes[i].column]),
				   info->dictionary_sizes[meta->nodes[i].column]);
			put_bounds(&b);
			check(lh_orc_row_index(ctx, file, s, i, &index));
			for (int e = 0; index != NULL && e < index->nentries; e++)
			{
				printf("\n    entry %d row %lld: ", e, (long long) index->first_row[e]);
				put_bounds(&index->bounds[e]);
			}
			check(lh_orc_bloom(ctx, file, s, i, &bloom));
			printf("%s\n", bloom != NULL ? " bloom" : "");
		}
	}
}

int
main(int argc, char **argv)
{
	static const LhAccess access = {.local_any = true};
	LhOrcOptions options = {.any_acid = true};
	bool meta = false;
	LhStore *store;
	LhObject *obj;
	LhOrcFile *file;
	int i = 1;

	for (; i < argc - 1; i++)
	{
		meta |= strcmp(argv[i], "--meta") == 0;
		options.nanoseconds |= strcmp(argv[i], "--ns") == 0;
	}
	if (i != argc - 1)
	{
		fprintf(stderr, "usage: orc_rows [--meta] [--ns] FILE\n");
		return 2;
	}
	ctx = lh_ctx_create();
	check(lh_store_create(ctx, &access, &store));
	check(lh_object_open(ctx, store, argv[i], &obj));
	check(lh_orc_open(ctx, obj, NULL, &options, &file));
	if (meta)
		put_meta(file);
	else
		put_rows(file);
	lh_ctx_destroy(ctx);
	return 0;
}
