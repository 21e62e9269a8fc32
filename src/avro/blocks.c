/*
 * blocks.c
 *		Headers of blocks: how many rows lie where.
 *
 * A block is the number of its rows, the number of its bytes, these, and the
 * sync marker of the file.  Its rows can be counted, and passed, without them.
 */
#include <string.h>

#include "avro/file.h"

/* Two varints. */
#define MAX_HEADER (2 * LH_AVRO_MAX_VARINT)

LhStatus
lh_avro_block_header(LhCtx *ctx, const LhAvroFile *file, LhAvroSource *s, int64_t number,
					 int64_t offset, LhAvroBlock *out, int64_t *data)
{
	int64_t left = s->size - offset;
	size_t n = left < MAX_HEADER ? (size_t) left : MAX_HEADER;
	const uint8_t *p, *end, *at;
	bool stays;

	LH_TRY(lh_avro_source_get(ctx, s, offset, n, &p, &stays));
	end = p + n;
	at = lh_avro_long(p, end, &out->rows);
	if (at != NULL)
		at = lh_avro_long(at, end, &out->size);
	if (at == NULL)
		LH_FAIL(ctx, LH_CORRUPT,
				"\"%s\": block %lld at offset %lld: its header is cut off or damaged", s->path,
				(long long) number, (long long) offset);
	left -= at - p;
	if (out->rows < 0 || out->size < 0)
		LH_FAIL(ctx, LH_CORRUPT, "\"%s\": block %lld at offset %lld says %lld rows in %lld bytes",
				s->path, (long long) number, (long long) offset, (long long) out->rows,
				(long long) out->size);
	if (left < LH_AVRO_SYNC_SIZE || out->size > left - LH_AVRO_SYNC_SIZE)
		LH_FAIL(ctx, LH_CORRUPT,
				"\"%s\": block %lld at offset %lld says %lld bytes and a sync marker, "
				"but the file has %lld more",
				s->path, (long long) number, (long long) offset, (long long) out->size,
				(long long) left);
	if (file->min_row == 0 && out->rows > LH_AVRO_MAX_EMPTY)
		LH_FAIL(ctx, LH_LIMIT,
				"\"%s\": block %lld at offset %lld says %lld rows of no bytes, the "
				"limit is %lld",
				s->path, (long long) number, (long long) offset, (long long) out->rows,
				(long long) LH_AVRO_MAX_EMPTY);
	out->offset = offset;
	out->number = number;
	*data = offset + (at - p);
	return LH_OK;
}

LhStatus
lh_avro_check_sync(LhCtx *ctx, const LhAvroFile *file, int64_t number, int64_t offset,
				   const uint8_t *found)
{
	if (memcmp(found, file->meta.sync, LH_AVRO_SYNC_SIZE) != 0)
		LH_FAIL(ctx, LH_CORRUPT,
				"\"%s\": block %lld at offset %lld does not end with the file's sync "
				"marker",
				file->meta.path, (long long) number, (long long) offset);
	return LH_OK;
}

/* All blocks, whose headers and sync markers alone are read. */
static LhStatus
scan(LhCtx *ctx, LhAvroFile *file, LhAvroSource *s)
{
	int64_t offset = file->meta.first_block;
	int64_t rows = 0;

	for (int64_t number = 0; offset < file->meta.size; number++)
	{
		LhAvroBlock block = {.first_row = rows};
		const uint8_t *sync;
		int64_t data;
		bool stays;

		LH_TRY(lh_poll(ctx));
		LH_TRY(lh_avro_block_header(ctx, file, s, number, offset, &block, &data));
		LH_TRY(lh_avro_source_get(ctx, s, data + block.size, LH_AVRO_SYNC_SIZE, &sync, &stays));
		LH_TRY(lh_avro_check_sync(ctx, file, number, offset, sync));
		if (block.rows > INT64_MAX - rows || number >= INT32_MAX)
			LH_FAIL(ctx, LH_CORRUPT,
					"\"%s\": block %lld at offset %lld says %lld rows, too many after "
					"%lld",
					file->meta.path, (long long) number, (long long) offset, (long long) block.rows,
					(long long) rows);
		rows += block.rows;
		offset = data + block.size + LH_AVRO_SYNC_SIZE;
		file->blocks.floor = file->blocks.len < LH_AVRO_FLOOR / 2;
		LH_TRY(lh_buf_append(ctx, &file->blocks, &block, sizeof(block)));
	}
	return LH_OK;
}

/* Fill file->blocks once. */
static LhStatus
need_blocks(LhCtx *ctx, LhAvroFile *file)
{
	LhAvroSource s;
	LhStatus status;

	if (file->scanned)
		return LH_OK;
	file->blocks.len = 0;
	LH_TRY(lh_avro_source_copy(ctx, &file->source, &s));
	s.jumping = true;
	status = scan(ctx, file, &s);
	lh_buf_free(&s.window);
	file->scanned = status == LH_OK;
	return status;
}

LhStatus
lh_avro_blocks(LhCtx *ctx, LhAvroFile *file, int *n, const LhAvroBlock **out)
{
	LH_TRY(need_blocks(ctx, file));
	*n = (int) (file->blocks.len / sizeof(LhAvroBlock));
	*out = (const LhAvroBlock *) (const void *) file->blocks.data;
	return LH_OK;
}

void
lh_avro_blocks_drop(LhAvroFile *file)
{
	lh_buf_free(&file->blocks);
	file->scanned = false;
}
