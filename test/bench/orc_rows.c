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

#include "lib/orc_text.h"

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
				orc_put_value(stdout, meta, 0, &vec, i);
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
		orc_put_scalar(stdout, &b->min);
	}
	if (b->has_max)
	{
		printf(",\"max%s\":", b->max_exact ? "" : "~");
		orc_put_scalar(stdout, &b->max);
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
