/*
 * files_parquet.c
 *		A row log becomes a Parquet file.
 *
 * A Parquet file has its index at the end, so it cannot grow in place and be cut back.
 * Its rows wait in a row log, an Avro container beside it, with the promise of all
 * files that grow (files.c).  When it is time to finish the file:
 *
 *	1. the log, which is durable as the journal has it, is read, and the file is
 *	   written under its temporary name and synced;
 *	2. the journal says that the file is made: its bytes, its CRC-32;
 *	3. the log is removed, the file gets its name as any other.
 *
 * A crash before 2 leaves a log, of which the file is made anew; one behind it a whole
 * file.  Nobody sees the file before 3, so what is made twice is seen once.
 *
 * Rows stand in the stream's order, columns are the fields of the record, in order.
 * Memory: a batch of rows and a row group, of one file at a time.
 */
#include "sink/files.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "parquet/write.h"
#include "store/object.h"

/* Of the rows in memory: much less than a row group of the writer's own default, for a client is small. */
#define GROUP_BYTES ((int64_t) 32 << 20)

/* The columns of a record, and what the reader is asked for to get them. */
typedef struct Columns
{
	int n;
	LhField *fields;
	LhAvroWant *wants;
} Columns;

static LhStatus
find_columns(LhCtx *ctx, const LhAvroFile *avro, Columns *out)
{
	const LhAvroMeta *meta = lh_avro_meta(avro);
	const LhAvroNode *root = &meta->nodes[0];

	if (root->kind != LH_AVRO_RECORD || root->nullable)
		LH_FAIL(ctx, LH_UNSUPPORTED, "values of type %s have no columns, only records have",
				lh_avro_kind_name(root->kind));
	LH_NEW_ARRAY(ctx, out->fields, (size_t) root->nchildren + 1);
	LH_NEW_ARRAY(ctx, out->wants, (size_t) root->nchildren + 1);
	for (int i = root->nchildren > 0 ? root->first_child : -1; i >= 0; i = meta->nodes[i].next)
	{
		const LhAvroNode *node = &meta->nodes[i];

		out->fields[out->n] = (LhField){.name = node->name,
										.type = node->type,
										.required = !node->nullable && node->type.id != LH_T_NULL,
										.field_id = node->field_id};
		out->wants[out->n++].node = i;
	}
	return LH_OK;
}

/*
 * Where the file goes
 */

typedef struct Target
{
	const LhFiles *s;
	const char *name;
	int fd;
	uint64_t bytes;
	uint32_t crc;
} Target;

static LhStatus
write_target(LhCtx *ctx, void *arg, const uint8_t *bytes, size_t len)
{
	Target *t = arg;

	LH_TRY(lh_poll(ctx));
	if (t->fd < 0)
		return LH_OK; /* it is only asked whether the file could be written */
	t->crc = lh_crc32_more(t->crc, bytes, len);
	t->bytes += len;
	return lh_files_write(ctx, t->s, t->fd, t->name, bytes, len);
}

static LhStatus
open_writer(LhCtx *ctx, const LhFiles *s, Target *t, const Columns *columns,
			const LhPqWriteOptions *more, LhPqWriter **out)
{
	LhPqWriteOptions options;
	LhOutput *output;

	lh_pq_write_defaults(&options);
	options.codec = s->container == LH_FILES_PARQUET ? s->codec : LH_CODEC_ZSTD;
	options.row_group_bytes = GROUP_BYTES;
	options.nkv = more->nkv;
	options.kv = more->kv;
	LH_TRY(lh_output_to(ctx, write_target, t, &output));
	return lh_pq_writer_create(ctx, output, columns->n, columns->fields, NULL, &options, out);
}

LhStatus
lh_files_parquet_check(LhCtx *ctx, LhFiles *s, LhAvroFile *rows)
{
	LhPqWriteOptions none = {0};
	Columns columns = {0};
	LhPqWriter *writer;
	Target nowhere = {.s = s, .fd = -1};

	LH_TRY(find_columns(ctx, rows, &columns));
	return open_writer(ctx, s, &nowhere, &columns, &none, &writer);
}

/*
 * Where rows come from
 */

typedef struct Log
{
	LhObject base;
	const LhFiles *s;
	int fd;
} Log;

static LhStatus
read_log(LhCtx *ctx, LhObject *obj, int64_t offset, size_t len, uint8_t *out)
{
	Log *log = (Log *) obj;

	if (offset < 0 || (uint64_t) offset > (uint64_t) obj->id.size ||
		len > (uint64_t) (obj->id.size - offset))
		LH_FAIL(ctx, LH_BUG, "bytes behind the end of \"%s\" were asked for", obj->id.path);
	LH_TRY(lh_poll(ctx));
	return lh_files_read(ctx, log->s, log->fd, obj->id.path, offset, len, out);
}

static LhStatus
read_log_many(LhCtx *ctx, LhObject *obj, int n, const LhRange *ranges)
{
	for (int i = 0; i < n; i++)
		LH_TRY(read_log(ctx, obj, ranges[i].offset, ranges[i].len, ranges[i].out));
	return LH_OK;
}

static void
release_log(void *arg)
{
	lh_files_close(&((Log *) arg)->fd);
}

static const LhObjectVtable log_vtable = {
	.read = read_log,
	.read_many = read_log_many,
	.release = release_log,
};

/* The log as it was recorded: what may stand behind that is not of this file. */
static LhStatus
open_log(LhCtx *ctx, const LhFiles *s, const LhFilesEntry *e, LhAvroFile **out)
{
	char name[256];
	Log *log;

	LH_NEW(ctx, log);
	lh_files_growing_name(e, name);
	log->s = s;
	log->fd = openat(s->dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (log->fd < 0)
		return lh_files_fail(ctx, s, "open", name);
	LH_TRY(lh_arena_on_reset(ctx, ctx->arena, release_log, log));
	log->base = (LhObject){.vtable = &log_vtable, .arena = ctx->arena};
	log->base.id.size = (int64_t) e->bytes;
	if ((log->base.id.path = lh_strdup(ctx, name)) == NULL)
		return ctx->error->code;
	return lh_avro_open(ctx, &log->base, out);
}

/*
 * From one to the other
 */

static LhStatus
position_text(LhCtx *ctx, const LhChangePos *pos, const char **out)
{
	LhBuf text;

	LH_TRY(lh_buf_init(ctx, &text, false));
	LH_TRY(lh_sink_position_write(ctx, &text, pos));
	LH_TRY(lh_buf_putc(ctx, &text, '\0'));
	*out = (const char *) text.data;
	return LH_OK;
}

/* What the file says of itself. */
static LhStatus
make_metadata(LhCtx *ctx, const LhFiles *s, const LhFilesEntry *e, LhPqWriteOptions *options)
{
	const char *first, *last, **kv;

	LH_TRY(position_text(ctx, &e->first, &first));
	LH_TRY(position_text(ctx, &e->last, &last));
	LH_NEW_ARRAY(ctx, kv, 10);
	kv[0] = "lakehouse.slot";
	kv[1] = s->stream;
	kv[2] = "lakehouse.topic";
	kv[3] = e->topic;
	kv[4] = "lakehouse.schema";
	kv[5] = e->schema;
	kv[6] = "lakehouse.first";
	kv[7] = first;
	kv[8] = "lakehouse.last";
	kv[9] = last;
	options->nkv = 5;
	options->kv = kv;
	return LH_OK;
}

static LhStatus
copy_rows(LhCtx *ctx, LhAvroFile *avro, const Columns *columns, LhPqWriter *writer, int64_t *rows)
{
	const LhAvroOptions options = {.max_block = LH_FILES_BLOCK_MAX};
	const LhVec **vecs;
	LhAvroReader *reader;
	LhAvroBatch batch;

	LH_NEW_ARRAY(ctx, vecs, (size_t) columns->n);
	LH_TRY(lh_avro_reader_open(ctx, avro, columns->n, columns->wants, &options, &reader));
	for (;;)
	{
		LH_TRY(lh_poll(ctx));
		LH_TRY(lh_avro_next(ctx, reader, &batch));
		if (batch.n == 0)
			return LH_OK;
		for (int i = 0; i < columns->n; i++)
			vecs[i] = &batch.vecs[i];
		LH_TRY(lh_pq_writer_write(ctx, writer, batch.n, vecs));
		*rows += batch.n;
	}
}

static LhStatus
convert(LhCtx *ctx, const LhFiles *s, const LhFilesEntry *e, Target *t)
{
	LhPqWriteOptions options = {0};
	Columns columns = {0};
	LhAvroFile *avro;
	LhPqWriter *writer;
	int64_t rows = 0;

	LH_TRY(open_log(ctx, s, e, &avro));
	LH_TRY(find_columns(ctx, avro, &columns));
	LH_TRY(make_metadata(ctx, s, e, &options));
	LH_TRY(open_writer(ctx, s, t, &columns, &options, &writer));
	LH_TRY(copy_rows(ctx, avro, &columns, writer, &rows));
	if ((uint64_t) rows != e->messages)
		LH_FAIL(ctx, LH_CORRUPT, "it has %lld rows where %llu were recorded", (long long) rows,
				(unsigned long long) e->messages);
	LH_TRY(lh_pq_writer_finish(ctx, writer, NULL));
	return lh_files_sync(ctx, s, t->fd, t->name);
}

static LhStatus
make(LhCtx *ctx, LhFiles *s, LhFilesEntry *e)
{
	char name[256], log[256];
	Target t = {.s = s, .name = name};
	LhStatus status;

	lh_files_temp_name(e->name, name);
	lh_files_growing_name(e, log);
	/* one that a crash left half made */
	LH_TRY(lh_files_remove(ctx, s, name));
	LH_TRY(lh_files_create(ctx, s, name, &t.fd));
	status = convert(ctx, s, e, &t);
	lh_files_close(&t.fd);
	if (status != LH_OK && status != LH_CANCELLED && status != LH_IO)
	{
		lh_error_prefix(ctx, "\"%s/%s\" could not be made a Parquet file: ", s->path, log);
		lh_hint(ctx, "It is an Avro container with %llu rows, and stays until it can be.",
				(unsigned long long) e->messages);
	}
	LH_TRY(status);
	e->log = false;
	e->bytes = t.bytes;
	e->crc = t.crc;
	return LH_OK;
}

LhStatus
lh_files_parquet_make(LhCtx *ctx, LhFiles *s, LhFilesEntry *e)
{
	LhArena *work = lh_arena_child(s->arena), *old;
	LhStatus status;

	if (work == NULL)
		LH_FAIL(ctx, LH_NO_MEMORY, "out of memory");
	old = lh_use(ctx, work);
	status = make(ctx, s, e);
	lh_use(ctx, old);
	lh_arena_destroy(work);
	return status;
}
