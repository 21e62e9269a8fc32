/*
 * avro_make.h
 *		Write Avro containers byte by byte, right or wrong.
 *
 * Slow and obvious; out of memory aborts.
 */
#ifndef AVRO_MAKE_H
#define AVRO_MAKE_H

#include <stdlib.h>
#include <string.h>

#include <libdeflate.h>
#include <zstd.h>

#include "avro/avro.h"
#include "codec/codec.h"

typedef struct AvroMake
{
	LhCtx *ctx;
	LhBuf b;
} AvroMake;

static const uint8_t avro_sync[16] = "<sync marker 16>";

static inline void
avro_must(LhStatus status)
{
	if (status != LH_OK)
		abort();
}

static inline AvroMake
avro_new(LhCtx *ctx)
{
	AvroMake m = {.ctx = ctx};

	avro_must(lh_buf_init(ctx, &m.b, false));
	return m;
}

static inline void
avro_raw(AvroMake *m, const void *p, size_t n)
{
	avro_must(lh_buf_append(m->ctx, &m->b, p, n));
}

static inline void
avro_byte(AvroMake *m, int x)
{
	avro_must(lh_buf_putc(m->ctx, &m->b, (char) x));
}

/* int, long, lengths, counts, branches and symbols */
static inline void
avro_long(AvroMake *m, int64_t x)
{
	uint64_t z = (uint64_t) x << 1 ^ (uint64_t) (x >> 63);

	for (; z >= 0x80; z >>= 7)
		avro_byte(m, (int) (z | 0x80));
	avro_byte(m, (int) z);
}

static inline void
avro_bytes(AvroMake *m, const void *p, size_t n)
{
	avro_long(m, (int64_t) n);
	avro_raw(m, p, n);
}

static inline void
avro_text(AvroMake *m, const char *s)
{
	avro_bytes(m, s, strlen(s));
}

static inline void
avro_float(AvroMake *m, float x)
{
	avro_raw(m, &x, sizeof(x));
}

static inline void
avro_double(AvroMake *m, double x)
{
	avro_raw(m, &x, sizeof(x));
}

/* The header; extra: key, value, key, value, NULL; or NULL. */
static inline void
avro_header(AvroMake *m, const char *schema, const char *codec, const char *const *extra)
{
	int n = 1 + (codec != NULL);

	for (int i = 0; extra != NULL && extra[i] != NULL; i += 2)
		n++;
	avro_raw(m, "Obj\1", 4);
	avro_long(m, n);
	avro_text(m, "avro.schema");
	avro_text(m, schema);
	if (codec != NULL)
	{
		avro_text(m, "avro.codec");
		avro_text(m, codec);
	}
	for (int i = 0; extra != NULL && extra[i] != NULL; i++)
		avro_text(m, extra[i]);
	avro_long(m, 0);
	avro_raw(m, avro_sync, 16);
}

/* A block of bytes as they are. */
static inline void
avro_raw_block(AvroMake *m, int64_t rows, const void *p, size_t n)
{
	avro_long(m, rows);
	avro_long(m, (int64_t) n);
	avro_raw(m, p, n);
	avro_raw(m, avro_sync, 16);
}

static inline void
avro_deflate(AvroMake *m, const LhBuf *rows)
{
	struct libdeflate_compressor *c = libdeflate_alloc_compressor(6);
	size_t room = libdeflate_deflate_compress_bound(c, rows->len);

	avro_must(lh_buf_reserve(m->ctx, &m->b, m->b.len + room));
	m->b.len += libdeflate_deflate_compress(c, rows->data, rows->len, m->b.data + m->b.len, room);
	libdeflate_free_compressor(c);
}

static inline void
avro_snappy(AvroMake *m, const LhBuf *rows)
{
	uint32_t crc = __builtin_bswap32(lh_crc32(rows->data, rows->len));
	LhCodecs *codecs;

	avro_must(lh_codecs_create(m->ctx, &codecs));
	avro_must(lh_compress(m->ctx, codecs, LH_CODEC_SNAPPY, 0, rows->data, rows->len, &m->b));
	avro_raw(m, &crc, 4);
}

static inline void
avro_zstd(AvroMake *m, const LhBuf *rows)
{
	LhCodecs *codecs;

	avro_must(lh_codecs_create(m->ctx, &codecs));
	avro_must(lh_compress(m->ctx, codecs, LH_CODEC_ZSTD, 0, rows->data, rows->len, &m->b));
}

/* A block of rows, compressed by the codec of the header. */
static inline void
avro_block(AvroMake *m, int64_t rows, const LhBuf *bytes, const char *codec)
{
	AvroMake packed = avro_new(m->ctx);

	if (codec == NULL || strcmp(codec, "null") == 0)
		avro_raw(&packed, bytes->data, bytes->len);
	else if (strcmp(codec, "deflate") == 0)
		avro_deflate(&packed, bytes);
	else if (strcmp(codec, "snappy") == 0)
		avro_snappy(&packed, bytes);
	else if (strcmp(codec, "zstandard") == 0)
		avro_zstd(&packed, bytes);
	else
		abort();
	avro_raw_block(m, rows, packed.b.data, packed.b.len);
	lh_buf_free(&packed.b);
}

/* Rows of a file, by the headers of its blocks. */
static inline LhStatus
avro_count(LhCtx *ctx, LhAvroFile *file, int64_t *rows)
{
	const LhAvroBlock *blocks;
	int n;

	LH_TRY(lh_avro_blocks(ctx, file, &n, &blocks));
	*rows = n > 0 ? blocks[n - 1].first_row + blocks[n - 1].rows : 0;
	return LH_OK;
}

#endif
