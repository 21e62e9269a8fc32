/*
 * test_codec.c
 *		All codecs behind lh_decompress and lh_compress.  Snappy's decoder has
 *		its own test_snappy.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <libdeflate.h>
#include <lz4.h>
#include <lz4frame.h>
#include <zstd.h>

#include "codec/codec_internal.h"

#define MB ((size_t) 1024 * 1024)

typedef struct World
{
	LhCtx *ctx;
	LhCodecs *codecs;
	LhBuf packed;
	LhBuf out;
} World;

static const LhCodec all[] = {LH_CODEC_NONE, LH_CODEC_SNAPPY,  LH_CODEC_GZIP,
							  LH_CODEC_ZSTD, LH_CODEC_LZ4_RAW, LH_CODEC_BROTLI};

#define NALL     (sizeof(all) / sizeof(all[0]))
#define ok(call) assert_int_equal((call), LH_OK)

static int
setup(void **state)
{
	static World w;

	w.ctx = lh_ctx_create();
	*state = &w;
	return w.ctx == NULL || lh_codecs_create(w.ctx, &w.codecs) != LH_OK ||
		   lh_buf_init(w.ctx, &w.packed, false) != LH_OK ||
		   lh_buf_init(w.ctx, &w.out, false) != LH_OK;
}

static int
teardown(void **state)
{
	lh_ctx_destroy(((World *) *state)->ctx);
	return 0;
}

/* Half regular, half noise; the same for the same i. */
static uint8_t
sample(size_t i)
{
	return (uint8_t) (i / 100 % 2 ? lh_hash_u64(i) : i % 11);
}

static uint8_t *
samples(World *w, size_t n)
{
	uint8_t *p = lh_alloc(w->ctx, n);

	for (size_t i = 0; i < n; i++)
		p[i] = sample(i);
	return p;
}

/* Decompress from and to memory of exactly the promised sizes. */
static LhStatus
unpack(World *w, LhCodec codec, const void *in, size_t len, size_t out_len)
{
	uint8_t *copy = malloc(len + 1);
	uint8_t *out = malloc(out_len + LH_PADDING);
	LhStatus status;

	copy = realloc(copy, len > 0 ? len : 1);
	if (len > 0)
		memcpy(copy, in, len);
	memset(out, 0, out_len + LH_PADDING);
	status = lh_decompress(w->ctx, w->codecs, codec, copy, len, out, out_len);
	w->out.len = 0;
	if (status == LH_OK)
		ok(lh_buf_append(w->ctx, &w->out, out, out_len));
	free(copy);
	free(out);
	return status;
}

static bool
out_is_samples(const World *w, size_t n)
{
	if (w->out.len != n)
		return false;
	for (size_t i = 0; i < n; i++)
	{
		if (w->out.data[i] != sample(i))
			return false;
	}
	return true;
}

/* ---- every codec ---- */

static void
what_was_compressed_comes_back(void **state)
{
	World *w = *state;
	static const size_t sizes[] = {0, 1, 2, 63, 64, 65, 1000, 65535, 65536, 65537, 300000};

	for (size_t c = 0; c < NALL; c++)
	{
		for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		{
			w->packed.len = 0;
			ok(lh_compress(w->ctx, w->codecs, all[c], 0, samples(w, sizes[i]), sizes[i],
						   &w->packed));
			ok(unpack(w, all[c], w->packed.data, w->packed.len, sizes[i]));
			assert_true(out_is_samples(w, sizes[i]));
		}
	}
}

static void
compression_appends(void **state)
{
	World *w = *state;

	for (size_t c = 0; c < NALL; c++)
	{
		w->packed.len = 0;
		ok(lh_buf_append_str(w->ctx, &w->packed, "before"));
		ok(lh_compress(w->ctx, w->codecs, all[c], 0, samples(w, 500), 500, &w->packed));
		assert_memory_equal(w->packed.data, "before", 6);
		ok(unpack(w, all[c], w->packed.data + 6, w->packed.len - 6, 500));
		assert_true(out_is_samples(w, 500));
	}
}

static void
more_or_fewer_bytes_than_promised_are_corrupt(void **state)
{
	World *w = *state;

	for (size_t c = 0; c < NALL; c++)
	{
		static const size_t wrong[] = {0, 1, 4999, 5001, 9000};

		w->packed.len = 0;
		ok(lh_compress(w->ctx, w->codecs, all[c], 0, samples(w, 5000), 5000, &w->packed));
		for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		{
			assert_int_equal(unpack(w, all[c], w->packed.data, w->packed.len, wrong[i]),
							 LH_CORRUPT);
			assert_non_null(strstr(w->ctx->error->message, lh_codec_name(all[c])));
		}
	}
}

static void
truncated_input_is_corrupt(void **state)
{
	World *w = *state;

	for (size_t c = 0; c < NALL; c++)
	{
		w->packed.len = 0;
		ok(lh_compress(w->ctx, w->codecs, all[c], 0, samples(w, 3000), 3000, &w->packed));
		for (size_t n = 0; n < w->packed.len; n++)
			assert_int_equal(unpack(w, all[c], w->packed.data, n, 3000), LH_CORRUPT);
	}
}

static void
bytes_behind_the_end_are_corrupt(void **state)
{
	World *w = *state;

	for (size_t c = 0; c < NALL; c++)
	{
		for (int byte = 0; byte < 256; byte += 15)
		{
			w->packed.len = 0;
			ok(lh_compress(w->ctx, w->codecs, all[c], 0, samples(w, 3000), 3000, &w->packed));
			ok(lh_buf_putc(w->ctx, &w->packed, (char) byte));
			assert_int_equal(unpack(w, all[c], w->packed.data, w->packed.len, 3000), LH_CORRUPT);
		}
	}
}

static void
damage_never_reaches_beyond_the_buffers(void **state)
{
	World *w = *state;
	uint64_t seed = 5;

	for (size_t c = 0; c < NALL; c++)
	{
		w->packed.len = 0;
		ok(lh_compress(w->ctx, w->codecs, all[c], 0, samples(w, 2000), 2000, &w->packed));
		for (int round = 0; round < 500; round++)
		{
			size_t at = lh_hash_u64(++seed) % w->packed.len;
			uint8_t old = w->packed.data[at];
			LhStatus status;

			w->packed.data[at] = (uint8_t) lh_hash_u64(++seed);
			status = unpack(w, all[c], w->packed.data, w->packed.len, 2000);
			assert_true(status == LH_OK || status == LH_CORRUPT);
			w->packed.data[at] = old;
		}
		/* the library's state survived all that */
		ok(unpack(w, all[c], w->packed.data, w->packed.len, 2000));
		assert_true(out_is_samples(w, 2000));
	}
}

static void
nothing_decompresses_to_nothing(void **state)
{
	World *w = *state;

	for (int codec = LH_CODEC_NONE; codec < LH_CODEC_LZO; codec++)
	{
		ok(lh_decompress(w->ctx, w->codecs, (LhCodec) codec, NULL, 0, NULL, 0));
		assert_int_equal(unpack(w, (LhCodec) codec, "", 0, 1), LH_CORRUPT);
	}
	/* and so do the codecs' own ways to say it, also without a buffer */
	ok(lh_decompress(w->ctx, w->codecs, LH_CODEC_SNAPPY, (const uint8_t *) "\0", 1, NULL, 0));
	ok(lh_decompress(w->ctx, w->codecs, LH_CODEC_LZ4_RAW, (const uint8_t *) "\0", 1, NULL, 0));
	ok(lh_decompress(w->ctx, w->codecs, LH_CODEC_LZ4_HADOOP, (const uint8_t *) "\0", 1, NULL, 0));
	for (size_t c = 0; c < NALL; c++)
	{
		w->packed.len = 0;
		ok(lh_compress(w->ctx, w->codecs, all[c], 0, NULL, 0, &w->packed));
		ok(lh_decompress(w->ctx, w->codecs, all[c], w->packed.data, w->packed.len, NULL, 0));
	}
}

static void
unknown_codecs_are_unsupported_not_corrupt(void **state)
{
	World *w = *state;

	assert_int_equal(unpack(w, LH_CODEC_LZO, "abc", 3, 3), LH_UNSUPPORTED);
	assert_non_null(strstr(w->ctx->error->message, "lzo"));
	assert_string_not_equal(w->ctx->error->hint, "");
	assert_int_equal(unpack(w, (LhCodec) 99, "abc", 3, 3), LH_UNSUPPORTED);
	assert_int_equal(unpack(w, (LhCodec) -1, "abc", 3, 3), LH_UNSUPPORTED);
	assert_int_equal(
		lh_compress(w->ctx, w->codecs, LH_CODEC_LZO, 0, (const uint8_t *) "a", 1, &w->packed),
		LH_UNSUPPORTED);
	assert_int_equal(lh_compress(w->ctx, w->codecs, LH_CODEC_LZ4_HADOOP, 0, (const uint8_t *) "a",
								 1, &w->packed),
					 LH_UNSUPPORTED);
	assert_string_equal(lh_codec_name((LhCodec) 99), "unknown");
	assert_string_equal(lh_codec_name(LH_CODEC_ZSTD), "zstd");
}

static void
levels_are_checked_and_matter(void **state)
{
	World *w = *state;
	static const LhCodec leveled[] = {LH_CODEC_GZIP, LH_CODEC_ZSTD, LH_CODEC_BROTLI,
									  LH_CODEC_LZ4_RAW};
	uint8_t *data = samples(w, 100000);

	for (size_t c = 0; c < 4; c++)
	{
		static const int levels[] = {9, 1, 9, 5};
		size_t sizes[4];

		for (int i = 0; i < 4; i++)
		{
			w->packed.len = 0;
			ok(lh_compress(w->ctx, w->codecs, leveled[c], levels[i], data, 100000, &w->packed));
			ok(unpack(w, leveled[c], w->packed.data, w->packed.len, 100000));
			sizes[i] = w->packed.len;
		}
		assert_true(sizes[0] == sizes[2]);
		assert_true(sizes[0] <= sizes[1]);
		assert_int_equal(lh_compress(w->ctx, w->codecs, leveled[c], 99, data, 10, &w->packed),
						 LH_INVALID);
		assert_non_null(strstr(w->ctx->error->message, "level 99"));
	}
	assert_int_equal(lh_compress(w->ctx, w->codecs, LH_CODEC_SNAPPY, 5, data, 10, &w->packed),
					 LH_INVALID);
}

static void
decompressed_bytes_are_counted(void **state)
{
	World *w = *state;

	ok(lh_compress(w->ctx, w->codecs, LH_CODEC_ZSTD, 0, samples(w, 5000), 5000, &w->packed));
	ok(unpack(w, LH_CODEC_ZSTD, w->packed.data, w->packed.len, 5000));
	ok(unpack(w, LH_CODEC_ZSTD, w->packed.data, w->packed.len, 5000));
	assert_int_equal(w->ctx->counters->v[LH_CTR_BYTES_DECOMPRESSED], 10000);
}

/* ---- cancelling ---- */

static bool
count_down(void *arg)
{
	return (*(int *) arg)-- <= 0;
}

static void
large_outputs_can_be_cancelled(void **state)
{
	World *w = *state;
	static const LhHost host = {.interrupted = count_down};
	static const LhCodec pausing[] = {LH_CODEC_SNAPPY, LH_CODEC_ZSTD, LH_CODEC_BROTLI,
									  LH_CODEC_GZIP, LH_CODEC_LZ4_RAW};
	const size_t size = 80 * MB;
	LhBuf data;

	ok(lh_buf_init(w->ctx, &data, false));
	ok(lh_buf_fit(w->ctx, &data, size));
	memset(data.data, 'r', size);
	for (size_t c = 0; c < sizeof(pausing) / sizeof(pausing[0]); c++)
	{
		int polls = 1000;

		w->ctx->host = NULL;
		w->packed.len = 0;
		ok(lh_compress(w->ctx, w->codecs, pausing[c], 1, data.data, size, &w->packed));
		w->ctx->host = &host;
		w->ctx->host_arg = &polls;
		data.data[size - 1] = 0;
		ok(lh_decompress(w->ctx, w->codecs, pausing[c], w->packed.data, w->packed.len, data.data,
						 size));
		assert_in_range(1000 - polls, 5, 80);
		assert_int_equal(data.data[size - 1], 'r');
		polls = 3;
		assert_int_equal(lh_decompress(w->ctx, w->codecs, pausing[c], w->packed.data, w->packed.len,
									   data.data, size),
						 LH_CANCELLED);
		/* and the next call works */
		polls = 1000;
		ok(lh_decompress(w->ctx, w->codecs, pausing[c], w->packed.data, w->packed.len, data.data,
						 size));
	}
	w->ctx->host = NULL;
}

/* ---- gzip ---- */

static void
gzip_may_have_several_members_of_both_kinds(void **state)
{
	World *w = *state;
	struct libdeflate_compressor *z = libdeflate_alloc_compressor(6);
	uint8_t *data = samples(w, 9000);
	uint8_t packed[20000];
	size_t n = 0;

	n += libdeflate_gzip_compress(z, data, 3000, packed + n, sizeof(packed) - n);
	n += libdeflate_gzip_compress(z, data, 0, packed + n, sizeof(packed) - n);
	n += libdeflate_zlib_compress(z, data + 3000, 3000, packed + n, sizeof(packed) - n);
	n += libdeflate_gzip_compress(z, data + 6000, 3000, packed + n, sizeof(packed) - n);
	libdeflate_free_compressor(z);
	ok(unpack(w, LH_CODEC_GZIP, packed, n, 9000));
	assert_true(out_is_samples(w, 9000));
	assert_int_equal(unpack(w, LH_CODEC_GZIP, packed, n, 8999), LH_CORRUPT);
	assert_int_equal(unpack(w, LH_CODEC_GZIP, packed, n, 9001), LH_CORRUPT);
	packed[2] ^= 0xff; /* the method */
	assert_int_equal(unpack(w, LH_CODEC_GZIP, packed, n, 9000), LH_CORRUPT);
}

static void
a_wrong_gzip_checksum_is_found(void **state)
{
	World *w = *state;

	ok(lh_compress(w->ctx, w->codecs, LH_CODEC_GZIP, 0, samples(w, 1000), 1000, &w->packed));
	w->packed.data[w->packed.len - 6] ^= 1;
	assert_int_equal(unpack(w, LH_CODEC_GZIP, w->packed.data, w->packed.len, 1000), LH_CORRUPT);
}

/* Pages of more than 16 MB are zlib's. */
static void
huge_gzip_pages_are_decoded_as_small_ones_are(void **state)
{
	World *w = *state;
	struct libdeflate_compressor *z = libdeflate_alloc_compressor(1);
	const size_t size = 20 * MB, part = size / 2;
	uint8_t *data = samples(w, size), *packed = lh_alloc(w->ctx, size + MB);
	size_t n, first;

	n = first = libdeflate_gzip_compress(z, data, part, packed, size + MB);
	n += libdeflate_gzip_compress(z, data, 0, packed + n, size + MB - n);
	n += libdeflate_zlib_compress(z, data + part, size - part, packed + n, size + MB - n);
	libdeflate_free_compressor(z);
	ok(unpack(w, LH_CODEC_GZIP, packed, n, size));
	assert_true(out_is_samples(w, size));
	assert_int_equal(unpack(w, LH_CODEC_GZIP, packed, n, size + 1), LH_CORRUPT);
	assert_non_null(strstr(w->ctx->error->message, "fewer"));
	assert_int_equal(unpack(w, LH_CODEC_GZIP, packed, n, size - 1), LH_CORRUPT);
	assert_non_null(strstr(w->ctx->error->message, "more"));
	assert_int_equal(unpack(w, LH_CODEC_GZIP, packed, n - 1, size), LH_CORRUPT);
	assert_int_equal(unpack(w, LH_CODEC_GZIP, packed, first - 1, part), LH_CORRUPT);
	packed[n] = 'x';
	assert_int_equal(unpack(w, LH_CODEC_GZIP, packed, n + 1, size), LH_CORRUPT);
	assert_non_null(strstr(w->ctx->error->message, "neither"));
	packed[n - 1] ^= 1; /* the checksum */
	assert_int_equal(unpack(w, LH_CODEC_GZIP, packed, n, size), LH_CORRUPT);
	packed[n - 1] ^= 1;
	packed[first / 2] ^= 1;
	assert_int_equal(unpack(w, LH_CODEC_GZIP, packed, n, size), LH_CORRUPT);
}

/* Much input for little output is as slow. */
static void
huge_gzip_input_can_be_cancelled(void **state)
{
	World *w = *state;
	static const LhHost host = {.interrupted = count_down};
	static const uint8_t head[] = {0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff};
	static const uint8_t empty[] = {0, 0, 0, 0xff, 0xff}; /* a stored block, not the last */
	static const uint8_t tail[] = {1, 0, 0, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0};
	int polls = 3;

	ok(lh_buf_append(w->ctx, &w->packed, head, sizeof(head)));
	while (w->packed.len < 20 * MB)
		ok(lh_buf_append(w->ctx, &w->packed, empty, sizeof(empty)));
	ok(lh_buf_append(w->ctx, &w->packed, tail, sizeof(tail)));
	ok(unpack(w, LH_CODEC_GZIP, w->packed.data, w->packed.len, 0));
	w->ctx->host = &host;
	w->ctx->host_arg = &polls;
	assert_int_equal(unpack(w, LH_CODEC_GZIP, w->packed.data, w->packed.len, 0), LH_CANCELLED);
	w->ctx->host = NULL;
}

/* ---- zstd ---- */

static void
zstd_may_have_several_frames_and_skippable_ones(void **state)
{
	World *w = *state;
	static const uint8_t skippable[] = {0x57, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 'a', 'b', 'c'};
	uint8_t *data = samples(w, 9000);
	uint8_t packed[20000];
	size_t n = 0;

	memcpy(packed, skippable, sizeof(skippable));
	n += sizeof(skippable);
	n += ZSTD_compress(packed + n, sizeof(packed) - n, data, 4000, 1);
	n += ZSTD_compress(packed + n, sizeof(packed) - n, data, 0, 1);
	memcpy(packed + n, skippable, sizeof(skippable));
	n += sizeof(skippable);
	n += ZSTD_compress(packed + n, sizeof(packed) - n, data + 4000, 5000, 1);
	ok(unpack(w, LH_CODEC_ZSTD, packed, n, 9000));
	assert_true(out_is_samples(w, 9000));
	ok(unpack(w, LH_CODEC_ZSTD, skippable, sizeof(skippable), 0));
	assert_int_equal(unpack(w, LH_CODEC_ZSTD, packed, n, 4000), LH_CORRUPT);
}

static void
old_zstd_formats_are_refused(void **state)
{
	World *w = *state;
	/* a frame of version 0.7 that holds nothing */
	static const uint8_t v07[] = {0x27, 0xb5, 0x2f, 0xfd, 0x20, 0x00, 0xc0, 0x00, 0x00};

	assert_int_equal(unpack(w, LH_CODEC_ZSTD, v07, sizeof(v07), 0), LH_CORRUPT);
	assert_non_null(strstr(w->ctx->error->message, "magic"));
}

static void
zstd_frames_without_their_size_work_small_and_large(void **state)
{
	World *w = *state;
	static const size_t sizes[] = {1000, 20 * MB};

	for (size_t i = 0; i < 2; i++)
	{
		uint8_t *data = samples(w, sizes[i]);
		size_t bound = ZSTD_compressBound(sizes[i]);
		uint8_t *packed = lh_alloc(w->ctx, bound);
		ZSTD_CCtx *z = ZSTD_createCCtx();
		ZSTD_inBuffer from = {data, sizes[i], 0};
		ZSTD_outBuffer to = {packed, bound, 0};

		ZSTD_CCtx_setParameter(z, ZSTD_c_contentSizeFlag, 0);
		ZSTD_CCtx_setParameter(z, ZSTD_c_checksumFlag, 1);
		ZSTD_compressStream2(z, &to, &from, ZSTD_e_continue);
		assert_int_equal(ZSTD_compressStream2(z, &to, &from, ZSTD_e_end), 0);
		ZSTD_freeCCtx(z);
		ok(unpack(w, LH_CODEC_ZSTD, packed, to.pos, sizes[i]));
		assert_true(out_is_samples(w, sizes[i]));
		assert_int_equal(unpack(w, LH_CODEC_ZSTD, packed, to.pos, sizes[i] + 1), LH_CORRUPT);
		assert_int_equal(unpack(w, LH_CODEC_ZSTD, packed, to.pos, sizes[i] - 1), LH_CORRUPT);
		assert_int_equal(unpack(w, LH_CODEC_ZSTD, packed, to.pos - 1, sizes[i]), LH_CORRUPT);
		packed[to.pos - 1] ^= 1; /* the checksum */
		assert_int_equal(unpack(w, LH_CODEC_ZSTD, packed, to.pos, sizes[i]), LH_CORRUPT);
	}
}

static void
a_small_zstd_window_serves_a_large_frame(void **state)
{
	World *w = *state;
	const size_t size = 40 * MB;
	uint8_t *data = samples(w, size);
	size_t bound = ZSTD_compressBound(size);
	uint8_t *packed = lh_alloc(w->ctx, bound);
	ZSTD_CCtx *z = ZSTD_createCCtx();
	size_t n;

	ZSTD_CCtx_setParameter(z, ZSTD_c_windowLog, 12);
	n = ZSTD_compress2(z, packed, bound, data, size);
	assert_false(ZSTD_isError(n));
	ZSTD_freeCCtx(z);
	ok(unpack(w, LH_CODEC_ZSTD, packed, n, size));
	assert_true(out_is_samples(w, size));
}

/* ---- lz4 ---- */

/* A Hadoop frame of n bytes in blocks of at most "block" bytes; returns its length. */
static size_t
hadoop_frame(uint8_t *out, const uint8_t *data, size_t n, size_t block)
{
	size_t len = 4;
	uint32_t be = __builtin_bswap32((uint32_t) n);

	memcpy(out, &be, 4);
	for (size_t i = 0; i < n; i += block)
	{
		size_t part = n - i < block ? n - i : block;
		int packed = LZ4_compress_default((const char *) data + i, (char *) out + len + 4,
										  (int) part, LZ4_compressBound((int) part));

		be = __builtin_bswap32((uint32_t) packed);
		memcpy(out + len, &be, 4);
		len += 4 + (size_t) packed;
	}
	return len;
}

/*
 * Our decoder of huge blocks, asked directly: as the library in everything but
 * offsets of 0.
 */
static void
expect_as_the_library(World *w, const uint8_t *in, size_t len, size_t room, bool all_alike)
{
	uint8_t *copy = malloc(len + 1), *ours = malloc(room + LH_PADDING),
			*theirs = malloc(room + LH_PADDING);
	int64_t made, expected;

	copy = realloc(copy, len > 0 ? len : 1);
	if (len > 0)
		memcpy(copy, in, len);
	expected = LZ4_decompress_safe((const char *) copy, (char *) theirs, (int) len, (int) room);
	ok(lh_lz4_block(w->ctx, copy, len, ours, room, &made));
	if (all_alike || made >= 0)
		assert_int_equal(made, expected < 0 ? -1 : expected);
	if (made > 0)
		assert_memory_equal(ours, theirs, (size_t) made);
	free(copy);
	free(ours);
	free(theirs);
}

static void
our_lz4_decoder_is_as_the_library(void **state)
{
	World *w = *state;
	static const size_t sizes[] = {1, 4, 5, 12, 13, 14, 30, 300, 5000, 70000, 600000};

	for (int kind = 0; kind < 4; kind++)
		for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		{
			size_t n = sizes[i];
			uint8_t *data = samples(w, n);

			for (size_t k = 0; k < n; k++)
				data[k] = kind == 0 ? 'x' : kind == 1 ? (uint8_t) (k % 3) : data[k];
			w->packed.len = 0;
			ok(lh_compress(w->ctx, w->codecs, LH_CODEC_LZ4_RAW, kind == 3 ? 9 : 1, data, n,
						   &w->packed));
			for (size_t room = n > 3 ? n - 3 : 0; room < n + 20; room++)
				expect_as_the_library(w, w->packed.data, w->packed.len, room, true);
			for (size_t cut = 1; cut < 25 && cut < w->packed.len; cut++)
				expect_as_the_library(w, w->packed.data, w->packed.len - cut, n, true);
		}
}

static void
our_lz4_decoder_takes_damage_as_the_library_does(void **state)
{
	World *w = *state;
	uint8_t *data = samples(w, 400);

	ok(lh_compress(w->ctx, w->codecs, LH_CODEC_LZ4_RAW, 1, data, 400, &w->packed));
	for (size_t i = 0; i < w->packed.len; i++)
		for (int bit = 0; bit < 8; bit++)
		{
			w->packed.data[i] ^= (uint8_t) (1 << bit);
			expect_as_the_library(w, w->packed.data, w->packed.len, 400, false);
			expect_as_the_library(w, w->packed.data, w->packed.len, 3000, false);
			w->packed.data[i] ^= (uint8_t) (1 << bit);
		}
	for (uint64_t seed = 0; seed < 20000; seed++)
	{
		uint8_t in[64];
		size_t n = 1 + lh_hash_u64(seed) % sizeof(in);

		for (size_t i = 0; i < n; i++)
			in[i] = (uint8_t) (lh_hash_u64(seed << 8 | i) & (i % 3 ? 0x3f : 0xff));
		expect_as_the_library(w, in, n, 200, false);
	}
}

static void
our_lz4_decoder_refuses_offsets_of_nothing(void **state)
{
	World *w = *state;
	uint8_t in[] = {0x10, 'a', 1, 0, 0xc0, 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k', 'l', 'm'};
	uint8_t out[100 + LH_PADDING];
	int64_t made;

	ok(lh_lz4_block(w->ctx, in, sizeof(in), out, 17, &made));
	assert_int_equal(made, 17);
	assert_memory_equal(out, "aaaaabcdefghijklm", 17);
	in[2] = 0;
	ok(lh_lz4_block(w->ctx, in, sizeof(in), out, 17, &made));
	assert_int_equal(made, -1);
	in[2] = 2; /* before the first byte */
	ok(lh_lz4_block(w->ctx, in, sizeof(in), out, 17, &made));
	assert_int_equal(made, -1);
}

static void
huge_lz4_pages_are_decoded_as_small_ones_are(void **state)
{
	World *w = *state;
	const size_t size = 20 * MB;
	uint8_t *data = samples(w, size), *frame = lh_alloc(w->ctx, size + MB);
	size_t n;

	ok(lh_compress(w->ctx, w->codecs, LH_CODEC_LZ4_RAW, 0, data, size, &w->packed));
	ok(unpack(w, LH_CODEC_LZ4_RAW, w->packed.data, w->packed.len, size));
	assert_true(out_is_samples(w, size));
	ok(unpack(w, LH_CODEC_LZ4_HADOOP, w->packed.data, w->packed.len, size));
	assert_true(out_is_samples(w, size));
	n = hadoop_frame(frame, data, size, size);
	ok(unpack(w, LH_CODEC_LZ4_HADOOP, frame, n, size));
	assert_true(out_is_samples(w, size));
	assert_int_equal(unpack(w, LH_CODEC_LZ4_RAW, w->packed.data, w->packed.len, size + 1),
					 LH_CORRUPT);
	assert_int_equal(unpack(w, LH_CODEC_LZ4_RAW, w->packed.data, w->packed.len, size - 1),
					 LH_CORRUPT);
	assert_int_equal(unpack(w, LH_CODEC_LZ4_RAW, w->packed.data, w->packed.len - 1, size),
					 LH_CORRUPT);
}

static void
old_lz4_is_hadoop_frames_of_any_shape(void **state)
{
	World *w = *state;
	uint8_t *data = samples(w, 10000);
	uint8_t packed[30000];
	size_t n;

	n = hadoop_frame(packed, data, 10000, 10000);
	ok(unpack(w, LH_CODEC_LZ4_HADOOP, packed, n, 10000));
	assert_true(out_is_samples(w, 10000));
	n = hadoop_frame(packed, data, 10000, 999);
	ok(unpack(w, LH_CODEC_LZ4_HADOOP, packed, n, 10000));
	assert_true(out_is_samples(w, 10000));
	n = hadoop_frame(packed, data, 4000, 1500);
	n += hadoop_frame(packed + n, data + 4000, 6000, 6000);
	ok(unpack(w, LH_CODEC_LZ4_HADOOP, packed, n, 10000));
	assert_true(out_is_samples(w, 10000));
	assert_int_equal(unpack(w, LH_CODEC_LZ4_HADOOP, packed, n, 9999), LH_CORRUPT);
	assert_int_equal(unpack(w, LH_CODEC_LZ4_HADOOP, packed, n, 10001), LH_CORRUPT);
	assert_int_equal(unpack(w, LH_CODEC_LZ4_HADOOP, packed, n - 1, 10000), LH_CORRUPT);
	assert_int_equal(unpack(w, LH_CODEC_LZ4_HADOOP, packed, n + 1, 10000), LH_CORRUPT);
}

static void
old_lz4_is_raw_blocks_too(void **state)
{
	World *w = *state;

	ok(lh_compress(w->ctx, w->codecs, LH_CODEC_LZ4_RAW, 0, samples(w, 10000), 10000, &w->packed));
	ok(unpack(w, LH_CODEC_LZ4_HADOOP, w->packed.data, w->packed.len, 10000));
	assert_true(out_is_samples(w, 10000));
	assert_int_equal(unpack(w, LH_CODEC_LZ4_HADOOP, w->packed.data, w->packed.len, 10001),
					 LH_CORRUPT);
}

static void
old_lz4_is_lz4_frames_too(void **state)
{
	World *w = *state;
	uint8_t *data = samples(w, 200000);
	size_t bound = LZ4F_compressFrameBound(200000, NULL);
	uint8_t *packed = lh_alloc(w->ctx, 2 * bound);
	size_t n = LZ4F_compressFrame(packed, bound, data, 150000, NULL);

	n += LZ4F_compressFrame(packed + n, bound, data + 150000, 50000, NULL);
	ok(unpack(w, LH_CODEC_LZ4_HADOOP, packed, n, 200000));
	assert_true(out_is_samples(w, 200000));
	assert_int_equal(unpack(w, LH_CODEC_LZ4_HADOOP, packed, n - 1, 200000), LH_CORRUPT);
	assert_int_equal(unpack(w, LH_CODEC_LZ4_HADOOP, packed, n, 199999), LH_CORRUPT);
	assert_int_equal(unpack(w, LH_CODEC_LZ4_HADOOP, packed, n, 200001), LH_CORRUPT);
}

static void
absurd_hadoop_lengths_are_corrupt(void **state)
{
	World *w = *state;
	uint8_t in[64];

	memset(in, 0xff, sizeof(in));
	assert_int_equal(unpack(w, LH_CODEC_LZ4_HADOOP, in, sizeof(in), 100), LH_CORRUPT);
	memset(in, 0, sizeof(in));
	in[3] = 100;
	in[4] = 0x7f;
	assert_int_equal(unpack(w, LH_CODEC_LZ4_HADOOP, in, sizeof(in), 100), LH_CORRUPT);
	memset(in, 0, sizeof(in)); /* blocks of nothing must not go on for ever */
	in[3] = 100;
	assert_int_equal(unpack(w, LH_CODEC_LZ4_HADOOP, in, sizeof(in), 100), LH_CORRUPT);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(what_was_compressed_comes_back),
		TEST(compression_appends),
		TEST(more_or_fewer_bytes_than_promised_are_corrupt),
		TEST(truncated_input_is_corrupt),
		TEST(bytes_behind_the_end_are_corrupt),
		TEST(damage_never_reaches_beyond_the_buffers),
		TEST(nothing_decompresses_to_nothing),
		TEST(unknown_codecs_are_unsupported_not_corrupt),
		TEST(levels_are_checked_and_matter),
		TEST(decompressed_bytes_are_counted),
		TEST(large_outputs_can_be_cancelled),
		TEST(gzip_may_have_several_members_of_both_kinds),
		TEST(a_wrong_gzip_checksum_is_found),
		TEST(huge_gzip_pages_are_decoded_as_small_ones_are),
		TEST(huge_gzip_input_can_be_cancelled),
		TEST(zstd_may_have_several_frames_and_skippable_ones),
		TEST(old_zstd_formats_are_refused),
		TEST(zstd_frames_without_their_size_work_small_and_large),
		TEST(a_small_zstd_window_serves_a_large_frame),
		TEST(our_lz4_decoder_is_as_the_library),
		TEST(our_lz4_decoder_takes_damage_as_the_library_does),
		TEST(our_lz4_decoder_refuses_offsets_of_nothing),
		TEST(huge_lz4_pages_are_decoded_as_small_ones_are),
		TEST(old_lz4_is_hadoop_frames_of_any_shape),
		TEST(old_lz4_is_raw_blocks_too),
		TEST(old_lz4_is_lz4_frames_too),
		TEST(absurd_hadoop_lengths_are_corrupt),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
