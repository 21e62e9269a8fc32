/*
 * test_orcrle.c
 *		Run lengths: the specification's examples, every width, any pieces, chunks, damage.
 */
#include "unit/orc_make.h"

#include "orc/kernels.h"
#include "orc/rle.h"

static LhCtx *ctx;
static uint64_t seed = 1;

static int
setup(void **state)
{
	(void) state;
	ctx = lh_ctx_create();
	return ctx == NULL;
}

static int
teardown(void **state)
{
	(void) state;
	lh_ctx_destroy(ctx);
	ob_free_all();
	return 0;
}

static uint64_t
random64(void)
{
	seed += UINT64_C(0x9e3779b97f4a7c15);
	return lh_hash_u64(seed);
}

static uint64_t
below(uint64_t n)
{
	return random64() % n;
}

/* A stream over bytes, of a file without compression, or in snappy chunks of "chunk" bytes. */
static void
open_stream(LhOrcStream *s, const void *p, size_t n, size_t chunk)
{
	LhOrcStreamInfo info = {.kind = LH_ORC_DATA};
	OrcFileMaker m = orc_one(LH_ORC_LONG, LH_ORC_DIRECT_V2, 0, "", 0);
	LhCodecs *codecs;
	LhOrcFile *file;
	Ob stored = {0};

	if (chunk == 0)
		ob_put(&stored, p, n);
	ASSERT_OK(ctx, lh_codecs_create(ctx, &codecs));
	for (size_t at = 0; chunk > 0 && at < n; at += chunk)
	{
		size_t k = n - at < chunk ? n - at : chunk;
		bool original = below(3) == 0;
		LhBuf packed;
		uint32_t header;

		ASSERT_OK(ctx, lh_buf_init(ctx, &packed, false));
		if (original)
			ASSERT_OK(ctx, lh_buf_append(ctx, &packed, (const uint8_t *) p + at, k));
		else
			ASSERT_OK(ctx, lh_compress(ctx, codecs, LH_CODEC_SNAPPY, 0, (const uint8_t *) p + at, k, &packed));
		header = (uint32_t) packed.len << 1 | original;
		ob_put(&stored, &header, 3);
		ob_put(&stored, packed.data, packed.len);
	}
	orc_add(&m, LH_ORC_DATA, 1, stored.p, stored.len);
	ASSERT_OK(ctx, orc_open_made(ctx, &m, NULL, &file));
	if (chunk > 0)
	{
		file->meta->compression = LH_ORC_SNAPPY;
		file->meta->block_size = (int64_t) chunk;
	}
	info.offset = 3;
	info.length = (int64_t) stored.len;
	ASSERT_OK(ctx, lh_orc_stream_init(ctx, s, file, LH_ORC_DATA, &info));
}

static void
expect_ints(const void *p, size_t len, bool is_signed, bool v2, const int64_t *want, size_t n)
{
	int64_t got[600];
	LhOrcStream s;
	LhOrcRle r;

	open_stream(&s, p, len, 0);
	lh_orc_rle_init(&r, &s, is_signed, v2);
	ASSERT_OK(ctx, lh_orc_rle_read(ctx, &r, n, got));
	for (size_t i = 0; i < n; i++)
		if (got[i] != want[i])
			fail_msg("value %zu: %lld, not %lld", i, (long long) got[i], (long long) want[i]);
	ASSERT_FAILS(ctx, lh_orc_rle_read(ctx, &r, 1, got), LH_CORRUPT, "ends early");
}

/* The vectors of ORCv1.md. */
static void
the_specifications_examples(void **unused)
{
	static const uint8_t repeat[] = {0x0a, 0x27, 0x10};
	static const uint8_t direct[] = {0x5e, 0x03, 0x5c, 0xa1, 0xab, 0x1e, 0xde, 0xad, 0xbe, 0xef};
	static const uint8_t patched[] = {0x8e, 0x13, 0x2b, 0x21, 0x07, 0xd0, 0x1e, 0x00, 0x14, 0x70, 0x28, 0x32, 0x3c, 0x46,
									  0x50, 0x5a, 0x64, 0x6e, 0x78, 0x82, 0x8c, 0x96, 0xa0, 0xaa, 0xb4, 0xbe, 0xfc, 0xe8};
	static const uint8_t delta[] = {0xc6, 0x09, 0x02, 0x02, 0x22, 0x42, 0x42, 0x46};
	static const int64_t tens[] = {10000, 10000, 10000, 10000, 10000};
	static const int64_t beef[] = {23713, 43806, 57005, 48879};
	static const int64_t patches[] = {2030, 2000, 2020, 1000000, 2040, 2050, 2060, 2070, 2080, 2090,
									  2100, 2110, 2120, 2130,	 2140, 2150, 2160, 2170, 2180, 2190};
	static const int64_t primes[] = {2, 3, 5, 7, 11, 13, 17, 19, 23, 29};
	static const uint8_t run1[] = {0x61, 0xff, 0x64};
	static const uint8_t literals1[] = {0xfb, 0x02, 0x03, 0x06, 0x07, 0x0b};
	static const int64_t few[] = {2, 3, 6, 7, 11};
	int64_t down[100];

	expect_ints(repeat, sizeof(repeat), false, true, tens, 5);
	expect_ints(direct, sizeof(direct), false, true, beef, 4);
	expect_ints(patched, sizeof(patched), false, true, patches, 20);
	expect_ints(delta, sizeof(delta), false, true, primes, 10);
	for (int i = 0; i < 100; i++)
		down[i] = 100 - i;
	expect_ints(run1, sizeof(run1), false, false, down, 100);
	expect_ints(literals1, sizeof(literals1), false, false, few, 5);
}

/* A patch list's gap of 255 with a patch of 0 goes on; a negative base has its sign in the highest bit. */
static void
patches_far_apart_and_negative_bases(void **unused)
{
	/* 300 values of 1 bit; base -5 in 1 byte; patch of 7 bits, gap of 8 bits, two entries of 15 bits */
	Ob b = {0};
	int64_t want[300];

	ob_byte(&b, 0x80 | 0 << 1 | 1);
	ob_byte(&b, 0x2b); /* 300 - 1 */
	ob_byte(&b, 0 << 5 | 6);
	ob_byte(&b, 7 << 5 | 2);
	ob_byte(&b, 0x85);
	for (int i = 0; i < 38; i++)
		ob_byte(&b, 0);
	/* (255, 0), (3, 5): 30 bits */
	{
		uint32_t list = (255u << 7 | 0) << 15 | (3u << 7 | 5);

		list <<= 2;
		ob_byte(&b, list >> 24);
		ob_byte(&b, list >> 16 & 255);
		ob_byte(&b, list >> 8 & 255);
		ob_byte(&b, list & 255);
	}
	for (int i = 0; i < 300; i++)
		want[i] = i == 258 ? -5 + (5 << 1) : -5;
	expect_ints(b.p, b.len, true, true, want, 300);
}

static int
code_of(int width)
{
	static const int wide[8] = {26, 28, 30, 32, 40, 48, 56, 64};

	if (width <= 24)
		return width - 1;
	for (int i = 0; i < 8; i++)
		if (wide[i] == width)
			return 24 + i;
	return -1;
}

static void
put_bits(Ob *b, const uint64_t *values, size_t n, int width)
{
	unsigned byte = 0, bits = 0;

	for (size_t i = 0; i < n; i++)
		for (int k = width - 1; k >= 0; k--)
		{
			byte = byte << 1 | (values[i] >> k & 1);
			if (++bits == 8)
			{
				ob_byte(b, byte);
				byte = bits = 0;
			}
		}
	if (bits > 0)
		ob_byte(b, byte << (8 - bits));
}

static uint64_t
zigzag(int64_t v)
{
	return (uint64_t) v << 1 ^ (uint64_t) (v >> 63);
}

/* A run of n values of random kind; returns how many were made. */
static size_t
put_run(Ob *b, bool is_signed, int64_t *want)
{
	static const int widths[] = {1, 2, 3, 4, 5, 7, 8, 9, 13, 16, 17, 23, 24, 26, 28, 30, 32, 40, 48, 56, 64};
	size_t n = 1 + below(below(2) ? 10 : 512);
	int width = widths[below(sizeof(widths) / sizeof(widths[0]))];
	uint64_t mask = width == 64 ? ~UINT64_C(0) : (UINT64_C(1) << width) - 1;
	uint64_t raw[512];
	int64_t v, step;

	for (size_t i = 0; i < n; i++)
		raw[i] = random64() & mask;
	switch (below(3))
	{
		case 0: /* short repeat */
			n = 3 + n % 8;
			ob_byte(b, 7 << 3 | (unsigned) (n - 3));
			v = (int64_t) random64();
			raw[0] = is_signed ? zigzag(v) : (uint64_t) v;
			put_bits(b, raw, 1, 64);
			for (size_t i = 0; i < n; i++)
				want[i] = v;
			return n;
		case 1: /* direct */
			ob_byte(b, 0x40 | (unsigned) code_of(width) << 1 | (unsigned) (n - 1) >> 8);
			ob_byte(b, (n - 1) & 255);
			put_bits(b, raw, n, width);
			for (size_t i = 0; i < n; i++)
				want[i] = is_signed ? lh_unzigzag(raw[i]) : (int64_t) raw[i];
			return n;
		default: /* delta; width 1 cannot be said */
		{
			bool fixed = below(3) == 0 || width == 1;

			ob_byte(b, 0xc0 | (unsigned) (fixed ? 0 : code_of(width)) << 1 | (unsigned) (n - 1) >> 8);
			ob_byte(b, (n - 1) & 255);
			v = (int64_t) random64();
			step = (int64_t) random64() >> below(64);
			ob_varint(b, is_signed ? zigzag(v) : (uint64_t) v);
			ob_varint(b, zigzag(step));
			if (!fixed && n > 2)
				put_bits(b, raw, n - 2, width);
			for (size_t i = 0; i < n; i++)
			{
				if (i > 1 && !fixed)
					v = (int64_t) (step < 0 ? (uint64_t) v - raw[i - 2] : (uint64_t) v + raw[i - 2]);
				else if (i > 0)
					v = (int64_t) ((uint64_t) v + (uint64_t) step);
				want[i] = v;
			}
			return n;
		}
	}
}

/* Read and skip by random pieces, with any instruction set, from plain bytes and from chunks. */
static void
runs_read_and_skip_in_any_pieces(void **unused)
{
	for (int round = 0; round < 200; round++)
	{
		bool is_signed = round & 1;
		size_t chunk = round % 3 == 0 ? 0 : 1 + below(300);
		int64_t *want = malloc(6000 * sizeof(*want)), got[2048];
		size_t n = 0, pos = 0;
		Ob b = {0};
		LhOrcStream s;
		LhOrcRle r;

		while (n < 5000)
			n += put_run(&b, is_signed, want + n);
		lh_isa_choose((LhIsa) (round % 3));
		open_stream(&s, b.p, b.len, chunk);
		lh_orc_rle_init(&r, &s, is_signed, true);
		while (pos < n)
		{
			size_t k = 1 + below(below(3) ? 700 : 2048);
			int64_t value;
			size_t same = 0;

			if (k > n - pos)
				k = n - pos;
			switch (below(4))
			{
				case 0: ASSERT_OK(ctx, lh_orc_rle_skip(ctx, &r, k)); break;
				case 1:
					ASSERT_OK(ctx, lh_orc_rle_same(ctx, &r, k, &value, &same));
					assert_true(same >= 1 && same <= k);
					for (size_t i = 0; i < same; i++)
						assert_int_equal(value, want[pos + i]);
					k = 0;
					break;
				default:
					ASSERT_OK(ctx, lh_orc_rle_read(ctx, &r, k, got));
					assert_memory_equal(got, want + pos, k * sizeof(*got));
					break;
			}
			pos += k;
		}
		assert_int_not_equal(lh_orc_rle_skip(ctx, &r, 1), LH_OK);
		lh_error_clear(ctx);
		free(want);
	}
	lh_isa_choose(lh_isa_best());
}

static void
values_outside_their_type_are_damage(void **unused)
{
	Ob b = {0};
	int32_t out[4];
	LhOrcStream s;
	LhOrcRle r;

	ob_byte(&b, 256 - 3);
	ob_zigzag(&b, 32767);
	ob_zigzag(&b, -32768);
	ob_zigzag(&b, 32768);
	open_stream(&s, b.p, b.len, 0);
	lh_orc_rle_init(&r, &s, true, false);
	ASSERT_OK(ctx, lh_orc_rle_read32(ctx, &r, 2, INT16_MIN, INT16_MAX, out));
	assert_int_equal(out[1], -32768);
	ASSERT_FAILS(ctx, lh_orc_rle_read32(ctx, &r, 1, INT16_MIN, INT16_MAX, out), LH_CORRUPT, "column's type");
}

static void
bytes_and_bits_in_any_pieces(void **unused)
{
	static const uint8_t hundred[] = {0x61, 0x00}, two[] = {0xfe, 0x44, 0x45}, bits[] = {0xff, 0x80};
	uint8_t out[100];
	uint64_t word;
	LhOrcStream s;
	LhOrcBytes bytes;
	LhOrcBits r;

	open_stream(&s, hundred, 2, 0);
	lh_orc_bytes_init(&bytes, &s);
	ASSERT_OK(ctx, lh_orc_bytes_read(ctx, &bytes, 100, out));
	assert_int_equal(out[99], 0);
	assert_int_not_equal(lh_orc_bytes_read(ctx, &bytes, 1, out), LH_OK);
	open_stream(&s, two, 3, 0);
	lh_orc_bytes_init(&bytes, &s);
	ASSERT_OK(ctx, lh_orc_bytes_read(ctx, &bytes, 2, out));
	assert_memory_equal(out, "\x44\x45", 2);
	open_stream(&s, bits, 2, 0);
	lh_orc_bits_init(&r, &s);
	ASSERT_OK(ctx, lh_orc_bits_read(ctx, &r, 8, &word));
	assert_int_equal(word, 1);

	for (int round = 0; round < 60; round++)
	{
		size_t n = 500 + below(9000), pos = 0;
		uint8_t *want = malloc(n + 8);
		Ob b = {0};

		for (size_t at = 0; at < (n + 7) / 8;)
		{
			size_t k = below(2) ? 3 + below(128) : 1 + below(128);
			uint8_t v = below(3) ? (uint8_t) random64() : 0xff;
			bool run = k >= 3 && below(2);

			ob_byte(&b, run ? (unsigned) k - 3 : 256 - (unsigned) (k > 128 ? 128 : k));
			if (!run && k > 128)
				k = 128;
			if (run)
				ob_byte(&b, v);
			for (size_t i = 0; i < k; i++, at++)
			{
				uint8_t x = run ? v : (uint8_t) random64();

				if (!run)
					ob_byte(&b, x);
				for (int bit = 0; bit < 8; bit++)
					if (at * 8 + (size_t) bit < n)
						want[at * 8 + (size_t) bit] = x >> (7 - bit) & 1;
			}
		}
		open_stream(&s, b.p, b.len, round % 2 ? 1 + below(50) : 0);
		lh_orc_bits_init(&r, &s);
		while (pos < n)
		{
			uint64_t words[64], set;
			size_t k = 1 + below(below(2) ? 70 : 4096);

			if (k > n - pos)
				k = n - pos;
			if (below(3) == 0)
			{
				uint64_t count = 0;

				ASSERT_OK(ctx, lh_orc_bits_skip(ctx, &r, k, &set));
				for (size_t i = 0; i < k; i++)
					count += want[pos + i];
				assert_int_equal(set, count);
			}
			else
			{
				ASSERT_OK(ctx, lh_orc_bits_read(ctx, &r, k, words));
				for (size_t i = 0; i < LH_WORDS(k) * 64; i++)
					assert_int_equal(lh_bit_get(words, i), i < k ? want[pos + i] : 0);
			}
			pos += k;
		}
		free(want);
	}
}

/* Chunks that lie, and places that the stream has not. */
static void
chunks_and_places_are_checked(void **unused)
{
	static const uint64_t beyond[] = {1000, 0}, within[] = {0, 500}, end[] = {0, 5};
	static const uint8_t five[] = {0x0b, 0, 0, 1, 2, 3, 4, 5};
	LhOrcStream s;

	open_stream(&s, "", 0, 7);
	s.length = 8;
	s.raw_len = 8;
	ASSERT_OK(ctx, lh_buf_append(ctx, &s.raw, five, 8));
	ASSERT_OK(ctx, lh_orc_stream_seek(ctx, &s, end));
	assert_int_equal(lh_orc_stream_have(&s), 0);
	ASSERT_FAILS(ctx, lh_orc_stream_need(ctx, &s, 1), LH_CORRUPT, "ends early");
	ASSERT_FAILS(ctx, lh_orc_stream_seek(ctx, &s, beyond), LH_CORRUPT, "row index names");
	ASSERT_FAILS(ctx, lh_orc_stream_seek(ctx, &s, within), LH_CORRUPT, "row index names");
	s.raw.data[0] = 0xff; /* a longer chunk than the stream */
	lh_orc_stream_rewind(&s);
	ASSERT_FAILS(ctx, lh_orc_stream_need(ctx, &s, 1), LH_CORRUPT, "chunk that ends within");
	s.length = 2;
	lh_orc_stream_rewind(&s);
	ASSERT_FAILS(ctx, lh_orc_stream_need(ctx, &s, 1), LH_CORRUPT, "chunk header");
}

/* LZO1X: literals, near and far copies, the end. */
static void
lzo_blocks_are_decoded_within_bounds(void **unused)
{
	/* 21 = 17 + 4 literals "abcd"; a copy of 3 from 4 back (0x4c: 01 0 011 00), then the end */
	static const uint8_t block[] = {21, 'a', 'b', 'c', 'd', 0x4c, 0x00, 0x11, 0, 0};
	uint8_t out[64];

	assert_int_equal(lh_lzo_decode(block, sizeof(block), out, 64), 7);
	assert_memory_equal(out, "abcdabc", 7);
	assert_int_equal(lh_lzo_decode(block, sizeof(block), out, 6), -1);
	for (size_t n = 1; n < sizeof(block) - 3; n++)
		(void) lh_lzo_decode(block, n, out, 64);
	assert_int_equal(lh_lzo_decode((const uint8_t *) "\x15" "abcd\x4c\xff\x11\0\0", 10, out, 64), -1);
}

/* The kernels agree with slow loops. */
static void
varints_of_all_sizes_are_found(void **unused)
{
	for (int round = 0; round < 300; round++)
	{
		int64_t want[300], got[300];
		size_t n = 1 + below(300), done = 0, used;
		Ob b = {0};

		lh_isa_choose((LhIsa) (round % 3));
		for (size_t i = 0; i < n; i++)
		{
			want[i] = (int64_t) random64() >> (10 + below(54));
			ob_zigzag(&b, want[i]);
		}
		used = lh_orc_kernels->varints(b.p, b.len, n, got, &done);
		assert_int_equal(done, n);
		assert_int_equal(used, b.len);
		assert_memory_equal(got, want, n * sizeof(*got));
		/* cut off: all but the last one */
		used = lh_orc_kernels->varints(b.p, b.len - 1, n, got, &done);
		assert_int_equal(done, n - 1);
		/* one that is too long stops it */
		b.len = 0;
		ob_zigzag(&b, 5);
		ob_zigzag(&b, INT64_MAX);
		used = lh_orc_kernels->varints(b.p, b.len, 2, got, &done);
		assert_int_equal(done, 1);
		assert_int_equal(used, 1);
	}
	lh_isa_choose(lh_isa_best());
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_specifications_examples),
		cmocka_unit_test(patches_far_apart_and_negative_bases),
		cmocka_unit_test(runs_read_and_skip_in_any_pieces),
		cmocka_unit_test(values_outside_their_type_are_damage),
		cmocka_unit_test(bytes_and_bits_in_any_pieces),
		cmocka_unit_test(chunks_and_places_are_checked),
		cmocka_unit_test(lzo_blocks_are_decoded_within_bounds),
		cmocka_unit_test(varints_of_all_sizes_are_found),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
