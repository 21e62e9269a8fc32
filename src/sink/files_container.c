/*
 * files_container.c
 *		Avro object containers, written block by block.
 *
 * A container is a header (schema, codec, a sync marker drawn at random) and blocks:
 * number of rows, number of bytes, rows, sync marker.  So it grows in place, and every
 * end of a block is an end of the file: one ends at each durable position.  The values
 * of the stream are single objects, whose head of ten bytes is left out.
 *
 * Each block is read back by the reader that we have for Avro before it is written: a
 * value that is no record of its schema fails here, where nothing of it is durable yet,
 * and not in everybody's reader, nor when a Parquet file is made of its row log.
 *
 * Format: https://avro.apache.org/docs/1.12.0/specification/#object-container-files
 */
#include "sink/files.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#define MAGIC        "Obj\x01"
/* libdeflate's gzip members have a header without name or extra fields, and a trailer. */
#define GZIP_HEADER  10
#define GZIP_TRAILER 8

static LhStatus
refuse(LhCtx *ctx, LhFiles *s, const LhSinkMessage *m, const char *why)
{
	LhSinkRefusal *r = &s->refusals.v[0];

	*r = (LhSinkRefusal){.pos = m->pos, .sub = m->sub};
	snprintf(r->reason, sizeof(r->reason), "%s", why);
	s->refusals.n = 1;
	s->refusals.here = true;
	lh_fail(ctx, LH_SINK_REFUSED, "sink \"file://%s\": a message was refused: %s", s->path, why);
	lh_hint(ctx,
			"Files with lines or lengths (container=none) take any message; --dead-letter puts "
			"what is refused elsewhere.");
	return LH_SINK_REFUSED;
}

LhStatus
lh_files_accepts(LhCtx *ctx, LhFiles *s, const LhSinkMessage *m)
{
	uint64_t fingerprint;

	if (m->value_schema == NULL || m->value_schema->kind != LH_SCHEMA_AVRO)
		return refuse(ctx, s, m, "a container takes values with an Avro schema only");
	if (!lh_schema_head_read(LH_SCHEMA_AVRO, m->value, &fingerprint) ||
		fingerprint != m->value_schema->fingerprint)
		return refuse(ctx, s, m, "its value does not begin with the head of its schema");
	return LH_OK;
}

/*
 * Headers
 */

static LhStatus
put_long(LhCtx *ctx, LhBuf *out, int64_t x)
{
	uint64_t z = (uint64_t) x << 1 ^ (uint64_t) (x >> 63);

	for (; z >= 0x80; z >>= 7)
		LH_TRY(lh_buf_putc(ctx, out, (char) (z | 0x80)));
	return lh_buf_putc(ctx, out, (char) z);
}

static LhStatus
put_bytes(LhCtx *ctx, LhBuf *out, const void *p, size_t n)
{
	LH_TRY(put_long(ctx, out, (int64_t) n));
	return lh_buf_append(ctx, out, p, n);
}

static LhStatus
put_pair(LhCtx *ctx, LhBuf *out, const char *key, const void *p, size_t n)
{
	LH_TRY(put_bytes(ctx, out, key, strlen(key)));
	return put_bytes(ctx, out, p, n);
}

static const char *
codec_name(LhCodec codec)
{
	switch (codec)
	{
		case LH_CODEC_GZIP: return "deflate";
		case LH_CODEC_ZSTD: return "zstandard";
		case LH_CODEC_SNAPPY: return "snappy";
		default: return "null";
	}
}

static LhStatus
put_header(LhCtx *ctx, const LhFiles *s, const LhFilesFile *f, LhCodec codec, LhBuf *out)
{
	LhSlice schema = f->schema->text;

	LH_TRY(lh_buf_append(ctx, out, MAGIC, sizeof(MAGIC) - 1));
	LH_TRY(put_long(ctx, out, 4)); /* pairs */
	LH_TRY(put_pair(ctx, out, "avro.schema", schema.data, schema.len));
	LH_TRY(put_pair(ctx, out, "avro.codec", codec_name(codec), strlen(codec_name(codec))));
	LH_TRY(put_pair(ctx, out, "lakehouse.slot", s->stream, strlen(s->stream)));
	LH_TRY(put_pair(ctx, out, "lakehouse.topic", f->now.topic, strlen(f->now.topic)));
	LH_TRY(put_long(ctx, out, 0)); /* no more pairs */
	return lh_buf_append(ctx, out, f->sync, sizeof(f->sync));
}

/* A container that begins with a header alone, or has a block of what waits in f->buf. */
static LhStatus
open_in_memory(LhCtx *ctx, const LhFiles *s, const LhFilesFile *f, LhAvroFile **out)
{
	return lh_avro_open_bytes(ctx, lh_slice(s->block.data, s->block.len), f->now.name, out);
}

static LhStatus
check_schema(LhCtx *ctx, LhFiles *s, LhFilesFile *f)
{
	LhAvroFile *avro;

	s->block.len = 0;
	LH_TRY(put_header(ctx, s, f, LH_CODEC_NONE, &s->block));
	LH_TRY(open_in_memory(ctx, s, f, &avro));
	return s->container == LH_FILES_PARQUET ? lh_files_parquet_check(ctx, s, avro) : LH_OK;
}

LhStatus
lh_files_container_begin(LhCtx *ctx, LhFiles *s, LhFilesFile *f, const LhSinkMessage *m)
{
	LhArena *work = lh_arena_child(f->arena), *old;
	LhStatus status;

	if (work == NULL)
		LH_FAIL(ctx, LH_NO_MEMORY, "out of memory");
	f->schema = m->value_schema;
	f->now.container = s->container;
	f->now.log = s->container == LH_FILES_PARQUET;
	/* readers look for the marker where they are sent into the middle: no row must be able to hold it */
	if (getrandom(f->sync, sizeof(f->sync), 0) != (ssize_t) sizeof(f->sync))
		status = lh_fail(ctx, LH_IO, "the system gives no random bytes");
	else
	{
		old = lh_use(ctx, work);
		status = check_schema(ctx, s, f);
		lh_use(ctx, old);
	}
	lh_arena_destroy(work);
	if (status != LH_OK)
	{
		lh_error_prefix(ctx, "schema %016llx of topic \"%.100s\": ",
						(unsigned long long) f->schema->fingerprint, f->now.topic);
		return status;
	}
	return lh_files_schemas_keep(ctx, s, f->schema, &f->now.schema);
}

/*
 * Blocks
 */

static LhStatus
check_text(LhCtx *ctx, const LhVec *v)
{
	if (v->kind == LH_VEC_FLAT && v->type.id == LH_T_STRING)
		for (int i = 0; i < v->n; i++)
		{
			const LhStr *text = (const LhStr *) v->data + i;

			if (!lh_vec_is_null(v, i) && !lh_utf8_valid((const char *) text->ptr, text->len))
				LH_FAIL(ctx, LH_BAD_TEXT, "a text is not valid UTF-8");
		}
	for (int i = 0; i < v->nchildren; i++)
		LH_TRY(check_text(ctx, &v->children[i]));
	return LH_OK;
}

/* All rows of a container in memory are rows of its schema. */
static LhStatus
read_back(LhCtx *ctx, const LhFiles *s, const LhFilesFile *f)
{
	const LhAvroOptions options = {.max_block = LH_FILES_BLOCK_MAX};
	LhAvroWant whole = {.node = 0};
	LhAvroReader *reader;
	LhAvroBatch batch;
	LhAvroFile *avro;
	int64_t rows = 0;

	LH_TRY(open_in_memory(ctx, s, f, &avro));
	LH_TRY(lh_avro_reader_open(ctx, avro, 1, &whole, &options, &reader));
	do
	{
		LH_TRY(lh_poll(ctx));
		LH_TRY(lh_avro_next(ctx, reader, &batch));
		if (batch.n > 0)
			LH_TRY(check_text(ctx, &batch.vecs[0]));
		rows += batch.n;
	} while (batch.n > 0);
	if (rows != f->rows)
		LH_FAIL(ctx, LH_CORRUPT, "%lld rows are %lld when they are read", (long long) f->rows,
				(long long) rows);
	return LH_OK;
}

static LhStatus
put_block(LhCtx *ctx, const LhFilesFile *f, LhSlice bytes, LhBuf *out)
{
	LH_TRY(put_long(ctx, out, f->rows));
	LH_TRY(put_bytes(ctx, out, bytes.data, bytes.len));
	return lh_buf_append(ctx, out, f->sync, sizeof(f->sync));
}

static LhStatus
check_block(LhCtx *ctx, LhFiles *s, LhFilesFile *f)
{
	LhArena *work = lh_arena_child(f->arena), *old;
	LhStatus status;

	if (work == NULL)
		LH_FAIL(ctx, LH_NO_MEMORY, "out of memory");
	old = lh_use(ctx, work);
	s->block.len = 0;
	status = put_header(ctx, s, f, LH_CODEC_NONE, &s->block);
	if (status == LH_OK)
		status = put_block(ctx, f, lh_slice(f->buf.data, f->buf.len), &s->block);
	if (status == LH_OK)
		status = read_back(ctx, s, f);
	lh_use(ctx, old);
	lh_arena_destroy(work);
	if (status != LH_OK && status != LH_CANCELLED)
		lh_error_prefix(ctx, "topic \"%.100s\", values up to %X/%X: ", f->now.topic,
						(unsigned) (f->now.last.commit_end >> 32),
						(unsigned) f->now.last.commit_end);
	return status;
}

/* Compress as Avro wants it. */
static LhStatus
pack(LhCtx *ctx, LhFiles *s, LhSlice bytes, LhBuf *out, LhSlice *packed)
{
	uint32_t crc;

	out->len = 0;
	LH_TRY(lh_compress(ctx, s->codecs, s->codec, 0, bytes.data, bytes.len, out));
	*packed = lh_slice(out->data, out->len);
	if (s->codec == LH_CODEC_SNAPPY)
	{
		crc = __builtin_bswap32(lh_crc32(bytes.data, bytes.len));
		LH_TRY(lh_buf_append(ctx, out, &crc, sizeof(crc)));
		*packed = lh_slice(out->data, out->len);
	}
	if (s->codec == LH_CODEC_GZIP)
	{
		if (packed->len < GZIP_HEADER + GZIP_TRAILER || packed->data[3] != 0)
			LH_FAIL(ctx, LH_BUG, "a gzip member of ours has another header than expected");
		*packed = lh_slice(out->data + GZIP_HEADER, out->len - GZIP_HEADER - GZIP_TRAILER);
	}
	return LH_OK;
}

LhStatus
lh_files_block(LhCtx *ctx, LhFiles *s, LhFilesFile *f, LhSlice *out)
{
	/* a row log is read once and soon: it is not compressed */
	LhCodec codec = s->container == LH_FILES_AVRO ? s->codec : LH_CODEC_NONE;
	LhSlice bytes = {f->buf.data, f->buf.len};

	LH_TRY(check_block(ctx, s, f));
	if (codec != LH_CODEC_NONE)
		LH_TRY(pack(ctx, s, bytes, &s->block, &bytes));
	s->packed.len = 0;
	if (f->now.bytes == 0)
		LH_TRY(put_header(ctx, s, f, codec, &s->packed));
	LH_TRY(put_block(ctx, f, bytes, &s->packed));
	f->rows = 0;
	*out = lh_slice(s->packed.data, s->packed.len);
	return LH_OK;
}
