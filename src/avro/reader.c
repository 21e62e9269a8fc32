/*
 * reader.c
 *		Blocks become batches.
 *
 *	1. The header of the next block says how many rows it holds: when all of them
 *	   are to be passed, nothing else of it is looked at but its sync marker.
 *	2. Else its bytes are decompressed into a buffer; uncompressed bytes that stay
 *	   where they are are used there.
 *	3. Writers make blocks of some 64 kB, which may be few rows: a batch goes on
 *	   into the next block, and the buffers of all its blocks are held until the
 *	   next call, for strings lie in them.
 *	4. A block must end where its last row ends.
 */
#include <string.h>

#include "avro/program.h"

/* What is held for one batch: beyond either, it ends with its block. */
#define MAX_HELD   64
#define HOLD_BYTES ((size_t) 4 << 20)

/* A batch has fewer rows when a column of them would take more than this. */
#define COLUMN_BYTES ((size_t) 8 << 20)

/* Buffers larger than this are not kept for later batches, but for two: such blocks come one by one. */
#define KEEP_BYTES HOLD_BYTES
#define KEEP_LARGE 2

/* Rows that are passed between two looks at the host. */
#define SKIP_ROWS 65536

struct LhAvroReader
{
	LhArena *arena; /* of its own */
	LhAvroFile *file;
	LhAvroSource source;
	LhAvroInflater *inflater;
	LhAvroProgram program;
	size_t max_block;

	int64_t offset; /* of the next block */
	int64_t number;
	int64_t blocks; /* that may still be begun */
	int64_t row;    /* the next one */

	LhAvroBlock block; /* the current one; left == 0: none */
	int64_t data;      /* where its bytes begin */
	int64_t left;      /* rows not passed */
	bool loaded;
	const uint8_t *begin;
	const uint8_t *p;
	const uint8_t *end;
	int held_in; /* the buffer it lies in; -1: in the file's own bytes */

	int nheld;
	LhBuf held[MAX_HELD];
};

static void
begin_at(LhAvroReader *r, int64_t offset, int64_t number, int64_t blocks, int64_t row)
{
	r->offset = offset;
	r->number = number;
	r->blocks = blocks;
	r->row = row;
	r->left = 0;
	r->loaded = false;
	r->held_in = -1;
	r->nheld = 0;
}

static LhStatus
make(LhCtx *ctx, LhAvroReader *r, int nwants, const LhAvroWant *wants, size_t limit)
{
	LhAvroFile *file = r->file;

	r->max_block = limit;
	LH_TRY(lh_avro_source_copy(ctx, &file->source, &r->source));
	LH_TRY(lh_avro_inflater_create(ctx, file->codec, limit, &r->inflater));
	for (int i = 0; i < MAX_HELD; i++)
		LH_TRY(lh_buf_init(ctx, &r->held[i], true));
	LH_TRY(lh_avro_compile(ctx, file, nwants, wants, &r->program));
	return LH_OK;
}

LhStatus
lh_avro_reader_open(LhCtx *ctx, LhAvroFile *file, int nwants, const LhAvroWant *wants,
					const LhAvroOptions *options, LhAvroReader **out)
{
	size_t limit =
		options != NULL && options->max_block > 0 ? options->max_block : LH_AVRO_MAX_BLOCK;
	LhAvroReader *r;
	LhArena *old;
	LhStatus status;

	LH_NEW(ctx, r);
	r->file = file;
	r->arena = lh_arena_child(ctx->arena);
	if (r->arena == NULL)
		LH_FAIL(ctx, LH_NO_MEMORY, "out of memory for a reader of Avro blocks");
	old = lh_use(ctx, r->arena);
	status = make(ctx, r, nwants, wants, limit < LH_AVRO_MAX_BLOCK ? limit : LH_AVRO_MAX_BLOCK);
	lh_use(ctx, old);
	if (status != LH_OK)
	{
		lh_avro_reader_close(r);
		return status;
	}
	begin_at(r, file->meta.first_block, 0, INT64_MAX, 0);
	*out = r;
	return LH_OK;
}

void
lh_avro_reader_close(LhAvroReader *r)
{
	if (r->arena != NULL)
		lh_arena_destroy(r->arena);
	r->arena = NULL;
}

int64_t
lh_avro_row(const LhAvroReader *r)
{
	return r->row;
}

LhStatus
lh_avro_read_blocks(LhCtx *ctx, LhAvroReader *r, const LhAvroBlock *first, int n)
{
	if (n > 0)
		begin_at(r, first->offset, first->number, n, first->first_row);
	else
		begin_at(r, r->file->meta.size, 0, 0, r->row);
	return LH_OK;
}

/* Errors of what is in a block say which. */
static LhStatus
in_block(LhCtx *ctx, LhAvroReader *r, LhStatus status)
{
	if (status != LH_OK && status != LH_CANCELLED)
		lh_error_prefix(ctx, "\"%s\": block %lld at offset %lld", r->file->meta.path,
						(long long) (r->number - 1), (long long) r->block.offset);
	return status;
}

/* The next block that has rows becomes the current one, not loaded; left stays 0 at the end. */
static LhStatus
next_block(LhCtx *ctx, LhAvroReader *r)
{
	while (r->left == 0 && r->blocks > 0 && r->offset < r->file->meta.size)
	{
		LH_TRY(lh_poll(ctx));
		LH_TRY(lh_avro_block_header(ctx, r->file, &r->source, r->number, r->offset, &r->block,
									&r->data));
		if (r->block.rows > INT64_MAX - r->row)
			LH_FAIL(ctx, LH_CORRUPT, "\"%s\": block %lld at offset %lld says %lld rows",
					r->file->meta.path, (long long) r->number, (long long) r->offset,
					(long long) r->block.rows);
		r->left = r->block.rows;
		r->loaded = false;
		r->number++;
		r->blocks--;
		r->offset = r->data + r->block.size + LH_AVRO_SYNC_SIZE;
		if (r->left == 0)
		{
			const uint8_t *sync;
			bool stays;

			LH_TRY(lh_avro_source_get(ctx, &r->source, r->offset - LH_AVRO_SYNC_SIZE,
									  LH_AVRO_SYNC_SIZE, &sync, &stays));
			LH_TRY(lh_avro_check_sync(ctx, r->file, r->number - 1, r->block.offset, sync));
			if (r->block.size != 0 && r->file->codec == LH_AVRO_CODEC_NULL)
				return in_block(ctx, r, lh_fail(ctx, LH_CORRUPT, "it has bytes but no rows"));
		}
	}
	return LH_OK;
}

static LhStatus
inflate(LhCtx *ctx, LhAvroReader *r, const uint8_t *bytes, bool stays)
{
	LhBuf *buf;

	if (r->file->codec == LH_AVRO_CODEC_NULL && stays)
	{
		r->held_in = -1;
		r->begin = bytes;
		r->end = bytes + r->block.size;
		return LH_OK;
	}
	r->held_in = r->nheld++;
	buf = &r->held[r->held_in];
	LH_TRY(lh_avro_inflate(ctx, r->inflater, bytes, (size_t) r->block.size, buf));
	r->begin = buf->data;
	r->end = buf->data + buf->len;
	return LH_OK;
}

/* No codec makes bytes that do not shrink longer by more than a sixth. */
static LhStatus
check_size(LhCtx *ctx, const LhAvroReader *r)
{
	size_t most = r->max_block;

	if (r->file->codec != LH_AVRO_CODEC_NULL)
		most += most / 4 + 64;
	if ((uint64_t) r->block.size > most)
		LH_FAIL(ctx, LH_LIMIT, "it has %lld bytes, the limit is %zu", (long long) r->block.size,
				r->max_block);
	return LH_OK;
}

/* The bytes of the current block. */
static LhStatus
load(LhCtx *ctx, LhAvroReader *r)
{
	const uint8_t *bytes;
	int64_t min = r->file->min_row;
	bool stays;

	LH_TRY(in_block(ctx, r, check_size(ctx, r)));
	LH_TRY(lh_avro_source_get(ctx, &r->source, r->data, (size_t) r->block.size + LH_AVRO_SYNC_SIZE,
							  &bytes, &stays));
	LH_TRY(lh_avro_check_sync(ctx, r->file, r->number - 1, r->block.offset, bytes + r->block.size));
	LH_TRY(in_block(ctx, r, inflate(ctx, r, bytes, stays)));
	r->p = r->begin;
	if (min > 0 && r->block.rows > (r->end - r->begin) / min)
		return in_block(ctx, r,
						lh_fail(ctx, LH_CORRUPT, "%lld rows do not fit its %lld bytes",
								(long long) r->block.rows, (long long) (r->end - r->begin)));
	r->loaded = true;
	return LH_OK;
}

/* n rows were passed by a program, which must end where the block does. */
static LhStatus
passed(LhCtx *ctx, LhAvroReader *r, size_t n)
{
	r->left -= (int64_t) n;
	r->row += (int64_t) n;
	if (r->left == 0 && r->p != r->end)
		return in_block(ctx, r,
						lh_fail(ctx, LH_CORRUPT, "%lld bytes are left after its last row",
								(long long) (r->end - r->p)));
	return LH_OK;
}

static LhAvroRun
new_run(LhCtx *ctx, const LhAvroReader *r)
{
	return (LhAvroRun){
		.ctx = ctx, .file = r->file, .begin = r->begin, .end = r->end, .fail_node = -1};
}

/* The buffers of the last batch are free, but for that of a block which goes on. */
static void
release_held(LhAvroReader *r)
{
	bool goes_on = r->left > 0 && r->loaded && r->held_in >= 0;

	if (goes_on && r->held_in > 0)
	{
		LhBuf buf = r->held[0];

		r->held[0] = r->held[r->held_in];
		r->held[r->held_in] = buf;
		r->held_in = 0;
	}
	r->nheld = goes_on ? 1 : 0;
	for (int i = KEEP_LARGE; i < MAX_HELD; i++)
		if (r->held[i].cap > KEEP_BYTES)
			lh_buf_free(&r->held[i]);
}

/* May a batch that has rows go on into another block? */
static bool
can_hold_more(const LhAvroReader *r)
{
	size_t bytes = 0;

	for (int i = 0; i < r->nheld; i++)
		bytes += r->held[i].len;
	return r->nheld < MAX_HELD && bytes < HOLD_BYTES;
}

/* Rows of a batch at most. */
static size_t
most_rows(const LhAvroReader *r)
{
	size_t width = r->program.levels->width;

	return width * LH_BATCH <= COLUMN_BYTES ? LH_BATCH : COLUMN_BYTES / width;
}

static LhStatus
fill(LhCtx *ctx, LhAvroReader *r, size_t *rows)
{
	size_t most = most_rows(r);
	size_t items = 0, empty = 0;

	while (*rows < most && items < LH_AVRO_BATCH_ITEMS)
	{
		LhAvroRun run;
		size_t n;

		LH_TRY(next_block(ctx, r));
		if (r->left == 0 || (*rows > 0 && !r->loaded && !can_hold_more(r)))
			return LH_OK;
		if (!r->loaded)
			LH_TRY(load(ctx, r));
		n = most - *rows;
		if ((int64_t) n > r->left)
			n = (size_t) r->left;
		LH_TRY(lh_avro_level_reserve(ctx, r->program.levels, *rows + n));
		run = new_run(ctx, r);
		run.items = items;
		run.empty = empty;
		LH_TRY(in_block(ctx, r, lh_avro_run(&run, &r->program.rows, &r->p, *rows, &n)));
		items = run.items;
		empty = run.empty;
		*rows += n;
		r->program.levels->n = *rows;
		LH_TRY(passed(ctx, r, n));
	}
	return LH_OK;
}

LhStatus
lh_avro_next(LhCtx *ctx, LhAvroReader *r, LhAvroBatch *out)
{
	LhAvroProgram *program = &r->program;
	size_t rows = 0;

	*out = (LhAvroBatch){.first_row = r->row};
	release_held(r);
	LH_TRY(lh_poll(ctx));
	LH_TRY(lh_avro_columns_begin(ctx, program));
	LH_TRY(fill(ctx, r, &rows));
	for (int i = 0; i < program->nslots; i++)
		lh_avro_column_vec(program->slots[i], rows, &program->vecs[i]);
	out->n = (int) rows;
	out->nvecs = program->nslots;
	out->vecs = program->vecs;
	return LH_OK;
}

/* The current block is passed wholly, unseen. */
static LhStatus
pass_block(LhCtx *ctx, LhAvroReader *r)
{
	const uint8_t *sync;
	bool stays;

	LH_TRY(lh_avro_source_get(ctx, &r->source, r->data + r->block.size, LH_AVRO_SYNC_SIZE, &sync,
							  &stays));
	LH_TRY(lh_avro_check_sync(ctx, r->file, r->number - 1, r->block.offset, sync));
	r->row += r->left;
	r->left = 0;
	return LH_OK;
}

/* n rows of the current block, which has more. */
static LhStatus
pass_rows(LhCtx *ctx, LhAvroReader *r, int64_t n)
{
	if (!r->loaded)
		LH_TRY(load(ctx, r));
	while (n > 0)
	{
		size_t some = n < SKIP_ROWS ? (size_t) n : SKIP_ROWS;
		LhAvroRun run = new_run(ctx, r);

		LH_TRY(lh_poll(ctx));
		LH_TRY(in_block(ctx, r, lh_avro_run(&run, &r->program.skip, &r->p, 0, &some)));
		LH_TRY(passed(ctx, r, some));
		n -= (int64_t) some;
	}
	return LH_OK;
}

/* Pass whole blocks; *n: rows of the current block that remain to be passed. */
static LhStatus
pass_blocks(LhCtx *ctx, LhAvroReader *r, int64_t *n)
{
	while (*n > 0)
	{
		int64_t left;

		LH_TRY(next_block(ctx, r));
		left = r->left;
		if (left == 0)
			*n = 0; /* the end */
		if (left == 0 || *n < left)
			return LH_OK;
		LH_TRY(pass_block(ctx, r));
		*n -= left;
	}
	return LH_OK;
}

LhStatus
lh_avro_skip_rows(LhCtx *ctx, LhAvroReader *r, int64_t n)
{
	LhStatus status;

	release_held(r);
	r->source.jumping = true;
	status = pass_blocks(ctx, r, &n);
	r->source.jumping = false;
	LH_TRY(status);
	return n > 0 ? pass_rows(ctx, r, n) : LH_OK;
}
