/*
 * pqdump.c
 *		Print what the core understands of Parquet files: for developers and tests.
 *
 *	pqdump [-i] [-p] FILE...
 *
 * One fact a line, tab-separated, the kind of fact first, so that grep, cut and
 * scripts can use it: file, kv, node, group, chunk, stats; with -i also index
 * (bounds of each page) and bloom; with -p also page.  The exit status is 1 when
 * a file could not be read to its end.
 *
 *	make -f core.mk lib && gcc -std=gnu11 -D_GNU_SOURCE -Isrc -o build/pqdump \
 *		test/tools/pqdump.c build/unit/libcore.a $(CORE_LIBS of sources.mk)
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "parquet/parquet.h"

static bool show_indexes;
static bool show_pages;

/* Text without what would break a line. */
static void
put_text(const char *s)
{
	for (; *s != '\0'; s++)
		putchar(*s == '\t' || *s == '\n' ? ' ' : *s);
}

static void
put_hex(LhSlice s)
{
	if (s.data == NULL)
	{
		putchar('-');
		return;
	}
	putchar('x');
	for (size_t i = 0; i < s.len; i++)
		printf("%02x", s.data[i]);
}

static LhStatus
put_value(LhCtx *ctx, bool present, const LhValue *v)
{
	LhBuf buf;

	if (!present)
	{
		putchar('-');
		return LH_OK;
	}
	LH_TRY(lh_buf_init(ctx, &buf, false));
	LH_TRY(lh_value_format(ctx, v, &buf));
	fwrite(buf.data, 1, buf.len, stdout);
	lh_buf_free(&buf);
	return LH_OK;
}

static LhStatus
print_bounds(LhCtx *ctx, const LhBounds *b)
{
	printf("\tmin=");
	LH_TRY(put_value(ctx, b->has_min, &b->min));
	printf("\tmax=");
	LH_TRY(put_value(ctx, b->has_max, &b->max));
	printf("\texact=%d%d\trows=%lld\tnulls=%lld\tmay_nan=%d\n", b->min_exact, b->max_exact,
		   (long long) b->rows, (long long) b->nulls, b->may_nan);
	return LH_OK;
}

static LhStatus
print_node(LhCtx *ctx, const LhPqMeta *meta, int i)
{
	const LhPqNode *n = &meta->nodes[i];
	char *path;
	LhBuf type;

	LH_TRY(lh_pq_path(ctx, meta, i, &path));
	LH_TRY(lh_buf_init(ctx, &type, false));
	LH_TRY(lh_type_format(ctx, &n->type, &type));
	LH_TRY(lh_buf_putc(ctx, &type, '\0'));
	printf("node\t%d\t", i);
	put_text(path);
	printf("\tleaf=%d\t%s\t%s\ttype=", n->leaf, lh_pq_repetition_name(n->repetition),
		   lh_pq_physical_name(n->physical));
	put_text((const char *) type.data);
	printf("\tlogical=");
	put_text(n->logical != NULL ? n->logical : "-");
	printf("\tconverted=%s\tdef=%d\trep=%d\tid=%d\tlength=%d\telement=%d\tvalue=%d\trepeated=%d\n",
		   n->converted >= 0 && lh_pq_converted_name(n->converted) != NULL
			   ? lh_pq_converted_name(n->converted)
			   : "-",
		   n->max_def, n->max_rep, n->field_id, n->type_length, n->element, n->value, n->repeated);
	return LH_OK;
}

static LhStatus
print_page(LhCtx *ctx, void *arg, const LhPqPageInfo *p)
{
	(void) ctx;
	(void) arg;
	printf("page\t%s\tat=%lld\theader=%d\tsize=%d\tuncompressed=%d\t%s\tvalues=%lld\trows=%lld\t"
		   "nulls=%lld\tcrc=%s\n",
		   lh_pq_page_type_name(p->type), (long long) p->offset, p->header_size, p->compressed_size,
		   p->uncompressed_size, lh_pq_encoding_name(p->encoding), (long long) p->num_values,
		   (long long) p->num_rows, (long long) p->num_nulls, p->has_crc ? "yes" : "no");
	return LH_OK;
}

static LhStatus
print_index(LhCtx *ctx, LhPqFile *file, int group, int leaf)
{
	const LhPqPageIndex *index;
	const LhPqBloom *bloom;

	LH_TRY(lh_pq_page_index(ctx, file, group, leaf, &index));
	for (int i = 0; index != NULL && i < index->npages; i++)
	{
		printf("index\t%d\t%d\t%d\tat=%lld\tsize=%d\tfirst_row=%lld", group, leaf, i,
			   (long long) index->offset[i], index->size[i], (long long) index->first_row[i]);
		if (index->bounds == NULL)
			printf("\n");
		else
			LH_TRY(print_bounds(ctx, &index->bounds[i]));
	}
	LH_TRY(lh_pq_bloom(ctx, file, group, leaf, &bloom));
	if (bloom != NULL)
		printf("bloom\t%d\t%d\n", group, leaf);
	return LH_OK;
}

static void
print_raw_stats(int group, int leaf, const LhPqStats *s)
{
	printf("stats\t%d\t%d\tpresent=%d\tnulls=%lld\tdistinct=%lld\tnans=%lld\traw_min=", group, leaf,
		   s->present, (long long) s->nulls, (long long) s->distinct, (long long) s->nans);
	put_hex(s->raw_min);
	printf("\traw_max=");
	put_hex(s->raw_max);
	printf("\n");
}

static LhStatus
print_chunk(LhCtx *ctx, LhPqFile *file, int group, int leaf)
{
	const LhPqMeta *meta = lh_pq_meta(file);
	const LhPqChunk *c;
	LhBounds bounds;
	char *path;

	LH_TRY(lh_pq_chunk(ctx, file, group, leaf, &c));
	LH_TRY(lh_pq_path(ctx, meta, meta->leaf_nodes[leaf], &path));
	printf("chunk\t%d\t%d\t", group, leaf);
	put_text(path);
	printf("\t%s\tencodings=", lh_pq_codec_name(c->codec));
	for (int e = 0, n = 0; e < 32; e++)
		if (c->encodings >> e & 1)
			printf("%s%s", n++ > 0 ? "," : "", lh_pq_encoding_name(e));
	printf("\tvalues=%lld\tcompressed=%lld\tuncompressed=%lld\tdata=%lld\tdict=%lld\tstart=%lld\t"
		   "all_dictionary=%d\tbloom=%lld+%d\toffset_index=%lld+%d\tcolumn_index=%lld+%d\t"
		   "encrypted=%d\n",
		   (long long) c->num_values, (long long) c->compressed_size,
		   (long long) c->uncompressed_size, (long long) c->data_offset, (long long) c->dict_offset,
		   (long long) c->start, c->all_dictionary, (long long) c->bloom_offset, c->bloom_length,
		   (long long) c->offset_index_offset, c->offset_index_length,
		   (long long) c->column_index_offset, c->column_index_length, c->encrypted);
	for (int i = 0; i < c->nkv; i++)
		printf("chunk_kv\t%d\t%d\t%s\t%s\n", group, leaf, c->kv[2 * i],
			   c->kv[2 * i + 1] != NULL ? c->kv[2 * i + 1] : "-");
	print_raw_stats(group, leaf, &c->stats);
	LH_TRY(lh_pq_bounds(ctx, file, group, leaf, &bounds));
	printf("bounds\t%d\t%d", group, leaf);
	LH_TRY(print_bounds(ctx, &bounds));
	if (show_indexes)
		LH_TRY(print_index(ctx, file, group, leaf));
	return show_pages ? lh_pq_walk_pages(ctx, file, group, leaf, print_page, NULL) : LH_OK;
}

static LhStatus
print_file(LhCtx *ctx, LhPqFile *file, const char *path)
{
	const LhPqMeta *meta = lh_pq_meta(file);

	printf("file\t%s\tversion=%d\trows=%lld\tgroups=%d\tleaves=%d\tfooter=%lld\torders=%d\tby=",
		   path, meta->version, (long long) meta->num_rows, meta->ngroups, meta->nleaves,
		   (long long) meta->footer_size, meta->has_column_orders);
	put_text(meta->created_by != NULL ? meta->created_by : "-");
	printf("\n");
	for (int i = 0; i < meta->nkv; i++)
	{
		printf("kv\t");
		put_text(meta->kv[2 * i]);
		printf("\t%zu\n", meta->kv[2 * i + 1] != NULL ? strlen(meta->kv[2 * i + 1]) : 0);
	}
	for (int i = 0; i < meta->nnodes; i++)
		LH_TRY(print_node(ctx, meta, i));
	for (int g = 0; g < meta->ngroups; g++)
	{
		printf("group\t%d\trows=%lld\tfirst_row=%lld\tbytes=%lld\tcompressed=%lld\tsorting=", g,
			   (long long) meta->groups[g].num_rows, (long long) meta->groups[g].first_row,
			   (long long) meta->groups[g].total_byte_size,
			   (long long) meta->groups[g].compressed_size);
		for (int i = 0; i < 3 * meta->groups[g].nsorting; i += 3)
			printf("%d/%d/%d ", meta->groups[g].sorting[i], meta->groups[g].sorting[i + 1],
				   meta->groups[g].sorting[i + 2]);
		printf("\n");
		for (int leaf = 0; leaf < meta->nleaves; leaf++)
			LH_TRY(print_chunk(ctx, file, g, leaf));
	}
	return LH_OK;
}

static LhStatus
dump(LhCtx *ctx, const char *path)
{
	static const LhAccess access = {.local_any = true};
	LhStore *store;
	LhObject *obj;
	LhPqFile *file;

	LH_TRY(lh_store_create(ctx, &access, &store));
	LH_TRY(lh_object_open(ctx, store, path, &obj));
	LH_TRY(lh_pq_open(ctx, obj, NULL, NULL, &file));
	return print_file(ctx, file, path);
}

int
main(int argc, char **argv)
{
	int failed = 0;

	for (int i = 1; i < argc; i++)
	{
		LhCtx *ctx;
		char *path;

		if (strcmp(argv[i], "-i") == 0 || strcmp(argv[i], "-p") == 0)
		{
			*(argv[i][1] == 'i' ? &show_indexes : &show_pages) = true;
			continue;
		}
		ctx = lh_ctx_create();
		path = realpath(argv[i], NULL);
		if (ctx == NULL || dump(ctx, path != NULL ? path : argv[i]) != LH_OK)
		{
			fflush(stdout);
			fprintf(stderr, "%s: %s%s%s%s%s\n", argv[i],
					ctx != NULL ? ctx->error->message : "out of memory",
					ctx != NULL && ctx->error->detail[0] ? "\n\t" : "",
					ctx != NULL ? ctx->error->detail : "",
					ctx != NULL && ctx->error->hint[0] ? "\n\t" : "",
					ctx != NULL ? ctx->error->hint : "");
			failed = 1;
		}
		free(path);
		lh_ctx_destroy(ctx);
	}
	return failed;
}
