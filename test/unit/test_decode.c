/*
 * test_decode.c
 *		Decoders of values: every encoding against a slow encoder, read and skipped
 *		in any pieces, and what each refuses.
 */
#include "unit/test_page_make.h"

#include "parquet/decode.h"

typedef struct Fixture
{
	LhCtx *ctx;
	LhPqPool pool;
	LhPqDecoder d;
	uint8_t *bytes;
} Fixture;

static void
begin(Fixture *f, LhCtx *ctx, LhPqPhysical physical, int length)
{
	f->ctx = ctx;
	f->bytes = NULL;
	lh_pq_pool_init(&f->pool, ctx->arena);
	lh_pq_decoder_init(&f->d, &f->pool, physical, length);
}

/* Start on a copy of w's bytes, exact but for the padding that pages have; w is freed. */
static LhStatus
start(Fixture *f, int encoding, Tw *w)
{
	size_t len = w->len;

	free(f->bytes);
	f->bytes = malloc(len + LH_PADDING);
	memset(f->bytes, 0xee, len + LH_PADDING);
	if (len > 0)
		memcpy(f->bytes, w->p, len);
	tw_free(w);
	return lh_pq_decoder_start(f->ctx, &f->d, encoding, f->bytes, len);
}

static void
end(Fixture *f)
{
	lh_pq_decoder_close(&f->d);
	lh_pq_pool_drop(&f->pool);
	free(f->bytes);
}

/* Read all n values in random pieces with gaps; want has width bytes a value. */
static void
check_fixed(Fixture *f, const void *want, size_t n)
{
	size_t width = f->d.width;
	uint8_t *out = malloc((n + 1) * width);

	for (size_t at = 0; at < n;)
	{
		size_t k = 1 + below(below(2) ? 9 : 700);

		k = k < n - at ? k : n - at;
		if (below(4) == 0)
			ASSERT_OK(f->ctx, f->d.ops->skip(f->ctx, &f->d, k));
		else
		{
			ASSERT_OK(f->ctx, f->d.ops->read(f->ctx, &f->d, k, out));
			assert_memory_equal(out, (const uint8_t *) want + at * width, k * width);
		}
		at += k;
	}
	/* one more there is not */
	assert_int_equal(f->d.ops->read(f->ctx, &f->d, 9, out), LH_CORRUPT);
	free(out);
}

static void
check_strings(Fixture *f, const LhStr *want, size_t n)
{
	LhStr *out = malloc((n + 1) * sizeof(*out));

	for (size_t at = 0; at < n;)
	{
		size_t k = 1 + below(below(2) ? 9 : 700);

		k = k < n - at ? k : n - at;
		lh_pq_pool_unpin(&f->pool);
		if (below(4) == 0)
			ASSERT_OK(f->ctx, f->d.ops->skip(f->ctx, &f->d, k));
		else
		{
			ASSERT_OK(f->ctx, f->d.ops->read(f->ctx, &f->d, k, out));
			for (size_t i = 0; i < k; i++)
			{
				assert_int_equal(out[i].len, want[at + i].len);
				assert_memory_equal(out[i].ptr, want[at + i].ptr, out[i].len);
			}
		}
		at += k;
	}
	assert_int_equal(f->d.ops->read(f->ctx, &f->d, 1, out), LH_CORRUPT);
	free(out);
}

static void
plain_fixed_width(void **state)
{
	static const LhPqPhysical types[] = {LH_PQ_INT32, LH_PQ_INT64, LH_PQ_INT96,
										 LH_PQ_FLOAT, LH_PQ_DOUBLE, LH_PQ_FLBA};

	for (int t = 0; t < 6; t++)
	{
		Fixture f;
		Tw w = {0};

		begin(&f, *state, types[t], 5);
		for (size_t i = 0; i < 1000 * f.d.width; i++)
			tw_byte(&w, (int) below(256));
		ASSERT_OK(f.ctx, start(&f, LH_PQ_PLAIN, &w));
		check_fixed(&f, f.bytes, 1000);
		end(&f);
	}
}

static void
plain_values_are_lent_where_they_lie(void **state)
{
	Fixture f;
	Tw w = {0};

	begin(&f, *state, LH_PQ_INT64, 0);
	for (int i = 0; i < 10 * 8; i++)
		tw_byte(&w, i);
	ASSERT_OK(f.ctx, start(&f, LH_PQ_PLAIN, &w));
	assert_ptr_equal(f.d.ops->borrow(&f.d, 4), f.bytes);
	assert_ptr_equal(f.d.ops->borrow(&f.d, 6), f.bytes + 32);
	assert_null(f.d.ops->borrow(&f.d, 1));
	end(&f);
}

/* n random strings; *bytes must be freed. */
static LhStr *
random_strings(size_t n, bool prefixes, uint8_t **bytes)
{
	LhStr *s = malloc(n * sizeof(*s));
	uint8_t *p = malloc(n * 60 + 1);

	*bytes = p;
	for (size_t i = 0; i < n; i++)
	{
		uint32_t len = below(8) == 0 ? 0 : below(60);
		uint32_t shared = i > 0 && prefixes && below(3) ? below(s[i - 1].len + 1) : 0;

		shared = shared < len ? shared : len;
		for (uint32_t k = 0; k < len; k++)
			p[k] = k < shared ? s[i - 1].ptr[k] : (uint8_t) ('a' + below(3));
		s[i] = (LhStr) {p, len, 0};
		p += len;
	}
	return s;
}

static void
plain_byte_arrays(void **state)
{
	uint8_t *bytes;
	LhStr *s = random_strings(2000, false, &bytes);
	Fixture f;
	Tw w = {0};

	begin(&f, *state, LH_PQ_BYTE_ARRAY, 0);
	for (size_t i = 0; i < 2000; i++)
	{
		tw_bytes(&w, &s[i].len, 4);
		tw_bytes(&w, s[i].ptr, s[i].len);
	}
	ASSERT_OK(f.ctx, start(&f, LH_PQ_PLAIN, &w));
	check_strings(&f, s, 2000);
	end(&f);
	free(s);
	free(bytes);
}

static void
plain_byte_array_lengths_are_checked(void **state)
{
	static const struct
	{
		const char *bytes;
		size_t len;
	} bad[] = {{"\x05\x00\x00\x00" "abcd", 8}, /* one byte short */
			   {"\xff\xff\xff\xff" "abcd", 8},
			   {"\x00\x00\x00\x80" "abcd", 8},
			   {"\x01\x00\x00", 3}, /* the length itself is cut off */
			   {"", 0}};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
	{
		Fixture f;
		LhStr out;
		Tw w = {0};

		begin(&f, *state, LH_PQ_BYTE_ARRAY, 0);
		tw_bytes(&w, bad[i].bytes, bad[i].len);
		ASSERT_OK(f.ctx, start(&f, LH_PQ_PLAIN, &w));
		assert_int_equal(f.d.ops->skip(f.ctx, &f.d, 1), LH_CORRUPT);
		assert_int_equal(f.d.ops->read(f.ctx, &f.d, 1, &out), LH_CORRUPT);
		end(&f);
	}
}

static void
booleans_plain_and_rle(void **state)
{
	for (int rle = 0; rle < 2; rle++)
	{
		static uint8_t want[4000];
		uint32_t value[8];
		Tw w = {0},
		   runs = {0};
		Fixture f;

		begin(&f, *state, LH_PQ_BOOLEAN, 0);
		for (size_t i = 0; i < 4000; i += 8)
		{
			int kind = (int) below(3);
			BitWriter b = {&w, 0, 0};

			for (int k = 0; k < 8; k++)
				want[i + (size_t) k] = (uint8_t) (value[k] = kind < 2 ? (uint32_t) kind : below(2));
			for (int k = 0; k < 8 && !rle; k++)
				put_bits(&b, value[k], 1);
			if (rle && kind < 2)
				put_rle(&runs, 1, value[0], 8);
			else if (rle)
				put_packed(&runs, 1, value, 8);
		}
		if (rle)
		{
			uint32_t len = (uint32_t) runs.len;

			tw_bytes(&w, &len, 4);
			tw_bytes(&w, runs.p, runs.len);
		}
		tw_free(&runs);
		ASSERT_OK(f.ctx, start(&f, rle ? LH_PQ_RLE : LH_PQ_PLAIN, &w));
		check_fixed(&f, want, 4000);
		end(&f);
	}
}

static void
rle_booleans_check_their_length(void **state)
{
	Fixture f;
	uint8_t out[8];
	Tw w = {0};

	begin(&f, *state, LH_PQ_BOOLEAN, 0);
	tw_bytes(&w, "\x03\x00\x00\x00\x10\x01", 6); /* 3 bytes promised, 2 there */
	assert_int_equal(start(&f, LH_PQ_RLE, &w), LH_CORRUPT);
	tw_bytes(&w, "\x02\x00", 2);
	assert_int_equal(start(&f, LH_PQ_RLE, &w), LH_CORRUPT);
	tw_bytes(&w, "\x02\x00\x00\x00\x10\x02", 6); /* a run of twos */
	ASSERT_OK(f.ctx, start(&f, LH_PQ_RLE, &w));
	assert_int_equal(f.d.ops->read(f.ctx, &f.d, 8, out), LH_CORRUPT);
	/* a page of nulls: no values, not even their length */
	ASSERT_OK(f.ctx, start(&f, LH_PQ_RLE, &w));
	ASSERT_OK(f.ctx, f.d.ops->skip(f.ctx, &f.d, 0));
	end(&f);
}

/* Integers of several habits: small steps, jumps over the whole range, constants. */
static int64_t
next_integer(int habit, int64_t last, bool wide)
{
	uint64_t v;

	switch (habit)
	{
		case 0: v = (uint64_t) last + below(7); break;
		case 1: v = (uint64_t) below(UINT32_MAX) << 33 ^ (uint64_t) below(UINT32_MAX) << 8; break;
		case 2: v = (uint64_t) last; break;
		default: v = below(2) ? (uint64_t) INT64_MIN : (uint64_t) INT64_MAX; break;
	}
	if (wide)
		return (int64_t) v;
	return habit == 3 ? (below(2) ? INT32_MIN : INT32_MAX) : (int32_t) (uint32_t) v;
}

/* 6.3 (5): sums wrap around, so deltas of any width give every value back. */
static void
rule_5_delta_arithmetic_wraps_around(void **state)
{
	static const int blocks[][2] = {{128, 4}, {128, 1}, {256, 8}, {1024, 4}, {128, 2}};

	for (int round = 0; round < 200; round++)
	{
		bool wide = round % 2;
		size_t n = round < 10 ? (size_t) round / 2 : 1 + below(3000);
		int habit = round / 2 % 4;
		int64_t *v = malloc((n + 1) * sizeof(*v));
		int32_t *narrow = malloc((n + 1) * sizeof(*narrow));
		Tw w = {0};
		Fixture f;

		lh_isa_choose((LhIsa) (round % 3));
		for (size_t i = 0; i < n; i++)
		{
			v[i] = next_integer(habit, i > 0 ? v[i - 1] : -5, wide);
			narrow[i] = (int32_t) v[i];
		}
		begin(&f, *state, wide ? LH_PQ_INT64 : LH_PQ_INT32, 0);
		put_delta(&w, v, n, wide, blocks[round % 5][0], blocks[round % 5][1]);
		ASSERT_OK(f.ctx, start(&f, LH_PQ_DELTA_BINARY_PACKED, &w));
		check_fixed(&f, wide ? (const void *) v : narrow, n);
		end(&f);
		free(v);
		free(narrow);
	}
	lh_isa_choose(LH_ISA_AVX512);
}

/* 6.3 (5): sizes of blocks and miniblocks, widths, counts. */
static void
rule_5_delta_sizes_are_validated(void **state)
{
	static const struct
	{
		int block, minis, count, width;
	} bad[] = {{0, 1, 2, 1},   {100, 4, 2, 1},	{128, 0, 2, 1},	 {128, 3, 2, 1},
			   {128, 8, 2, 1}, {128, 4, 2, 65}, {128, 4, 200, 1}};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
	{
		int32_t out[256];
		Tw w = {0};
		Fixture f;
		LhStatus status;

		begin(&f, *state, LH_PQ_INT32, 0);
		tw_varint(&w, (uint64_t) bad[i].block);
		tw_varint(&w, (uint64_t) bad[i].minis);
		tw_varint(&w, (uint64_t) bad[i].count);
		tw_zigzag(&w, 1);
		tw_zigzag(&w, 0);
		for (int k = 0; k < 4; k++)
			tw_byte(&w, bad[i].width);
		tw_bytes(&w, "\1\2\3\4\5\6\7", 7);
		status = start(&f, LH_PQ_DELTA_BINARY_PACKED, &w);
		if (status == LH_OK)
			status = f.d.ops->read(f.ctx, &f.d, (size_t) bad[i].count, out);
		assert_int_equal(status, LH_CORRUPT);
		end(&f);
	}
}

/* 6.3 (5): put_delta gives miniblocks without values the width 77. */
static void
rule_5_widths_of_unused_miniblocks_may_be_anything(void **state)
{
	int64_t v[40];
	int32_t out[40];
	Tw w = {0};
	Fixture f;

	for (int i = 0; i < 40; i++)
		v[i] = i * i;
	begin(&f, *state, LH_PQ_INT32, 0);
	put_delta(&w, v, 40, false, 128, 4);
	assert_non_null(memchr(w.p, 77, w.len));
	ASSERT_OK(f.ctx, start(&f, LH_PQ_DELTA_BINARY_PACKED, &w));
	ASSERT_OK(f.ctx, f.d.ops->read(f.ctx, &f.d, 40, out));
	assert_int_equal(out[39], 39 * 39);
	end(&f);
}

/* 6.3 (5): differences counted in 64 bits need more of them than the type has. */
static void
rule_5_differences_may_be_wider_than_the_type(void **state)
{
	static const int32_t want[4] = {INT32_MAX, INT32_MIN, INT32_MAX, -7};

	for (int isa = 0; isa < 3; isa++)
	{
		const int64_t min = (int64_t) INT32_MIN - INT32_MAX;
		uint8_t packed[34 * 32 / 8 + 8] = {0};
		int32_t out[4];
		Tw w = {0};
		Fixture f;

		lh_isa_choose((LhIsa) isa);
		begin(&f, *state, LH_PQ_INT32, 0);
		tw_varint(&w, 128);
		tw_varint(&w, 4);
		tw_varint(&w, 4);
		tw_zigzag(&w, want[0]);
		tw_zigzag(&w, min);
		tw_byte(&w, 34);
		for (int k = 0; k < 3; k++)
			tw_byte(&w, 0);
		for (int k = 0; k < 3; k++)
		{
			uint64_t delta = (uint64_t) ((int64_t) want[k + 1] - want[k] - min);

			for (int b = 0; b < 34; b++)
				packed[(k * 34 + b) / 8] |= (uint8_t) ((delta >> b & 1) << (k * 34 + b) % 8);
		}
		tw_bytes(&w, packed, 34 * 32 / 8);
		ASSERT_OK(f.ctx, start(&f, LH_PQ_DELTA_BINARY_PACKED, &w));
		ASSERT_OK(f.ctx, f.d.ops->read(f.ctx, &f.d, 4, out));
		assert_memory_equal(out, want, sizeof(want));
		end(&f);
	}
	lh_isa_choose(LH_ISA_AVX512);
}

static void
the_last_miniblock_may_end_with_its_last_value(void **state)
{
	int64_t v[10];
	int32_t out[10];
	Tw w = {0};
	Fixture f;

	for (int i = 0; i < 10; i++)
		v[i] = i % 2 * 200; /* deltas of 9 bits */
	begin(&f, *state, LH_PQ_INT32, 0);
	put_delta(&w, v, 10, false, 128, 4);
	w.len -= 36 - (9 * 9 + 7) / 8; /* of 32 deltas, 9 are needed */
	ASSERT_OK(f.ctx, start(&f, LH_PQ_DELTA_BINARY_PACKED, &w));
	ASSERT_OK(f.ctx, f.d.ops->read(f.ctx, &f.d, 10, out));
	assert_int_equal(out[9], 200);
	put_delta(&w, v, 10, false, 128, 4);
	w.len -= 36 - (9 * 9 + 7) / 8 + 2; /* now two bytes are missing */
	ASSERT_OK(f.ctx, start(&f, LH_PQ_DELTA_BINARY_PACKED, &w));
	assert_int_equal(f.d.ops->read(f.ctx, &f.d, 10, out), LH_CORRUPT);
	end(&f);
}

static void
put_lengths(Tw *w, const LhStr *s, size_t n, const uint32_t *prefix)
{
	int64_t *v = malloc((n + 1) * sizeof(*v));

	for (size_t i = 0; i < n; i++)
		v[i] = (int64_t) s[i].len - (prefix != NULL ? prefix[i] : 0);
	put_delta(w, v, n, false, 128, 4);
	free(v);
}

static void
delta_length_byte_arrays(void **state)
{
	uint8_t *bytes;
	LhStr *s = random_strings(3000, false, &bytes);
	Tw w = {0};
	Fixture f;

	begin(&f, *state, LH_PQ_BYTE_ARRAY, 0);
	put_lengths(&w, s, 3000, NULL);
	for (int i = 0; i < 3000; i++)
		tw_bytes(&w, s[i].ptr, s[i].len);
	ASSERT_OK(f.ctx, start(&f, LH_PQ_DELTA_LENGTH_BYTE_ARRAY, &w));
	check_strings(&f, s, 3000);
	end(&f);
	free(s);
	free(bytes);
}

static void
put_delta_bytes(Tw *w, const LhStr *s, size_t n)
{
	uint32_t *prefix = calloc(n + 1, sizeof(*prefix));
	int64_t *v = calloc(n + 1, sizeof(*v));

	for (size_t i = 1; i < n; i++)
	{
		while (prefix[i] < s[i].len && prefix[i] < s[i - 1].len &&
			   s[i].ptr[prefix[i]] == s[i - 1].ptr[prefix[i]])
			prefix[i]++;
	}
	for (size_t i = 0; i < n; i++)
		v[i] = prefix[i];
	put_delta(w, v, n, false, 128, 4);
	put_lengths(w, s, n, prefix);
	for (size_t i = 0; i < n; i++)
		tw_bytes(w, s[i].ptr + prefix[i], s[i].len - prefix[i]);
	free(prefix);
	free(v);
}

static void
delta_byte_arrays(void **state)
{
	for (int round = 0; round < 20; round++)
	{
		uint8_t *bytes;
		LhStr *s = random_strings(3000, round % 2, &bytes);
		Tw w = {0};
		Fixture f;

		begin(&f, *state, LH_PQ_BYTE_ARRAY, 0);
		put_delta_bytes(&w, s, 3000);
		ASSERT_OK(f.ctx, start(&f, LH_PQ_DELTA_BYTE_ARRAY, &w));
		check_strings(&f, s, 3000);
		end(&f);
		free(s);
		free(bytes);
	}
}

static void
delta_byte_arrays_of_fixed_length(void **state)
{
	uint8_t values[2000 * 6];
	LhStr s[2000];
	Tw w = {0};
	Fixture f;

	begin(&f, *state, LH_PQ_FLBA, 6);
	for (size_t i = 0; i < sizeof(values); i++)
		values[i] = (uint8_t) below(3);
	for (size_t i = 0; i < 2000; i++)
		s[i] = (LhStr) {values + 6 * i, 6, 0};
	put_delta_bytes(&w, s, 2000);
	ASSERT_OK(f.ctx, start(&f, LH_PQ_DELTA_BYTE_ARRAY, &w));
	check_fixed(&f, values, 2000);

	/* a value of another length */
	s[7].len = 5;
	put_delta_bytes(&w, s, 2000);
	ASSERT_OK(f.ctx, start(&f, LH_PQ_DELTA_BYTE_ARRAY, &w));
	assert_int_equal(f.d.ops->skip(f.ctx, &f.d, 2000), LH_CORRUPT);
	end(&f);
}

static void
delta_byte_arrays_check_prefixes_and_lengths(void **state)
{
	static const int64_t prefixes[][3] = {{1, 0, 0}, {0, 4, 0}, {0, -1, 0}, {0, 3, 0}};
	static const int64_t suffixes[][3] = {{1, 1, 1}, {3, 1, 1}, {1, 1, 1}, {3, -1, 0}};

	for (int i = 0; i < 4; i++)
	{
		LhStr out[3];
		Tw w = {0};
		Fixture f;

		begin(&f, *state, LH_PQ_BYTE_ARRAY, 0);
		put_delta(&w, prefixes[i], 3, false, 128, 4);
		put_delta(&w, suffixes[i], 3, false, 128, 4);
		tw_bytes(&w, "abcdefghij", 10);
		ASSERT_OK(f.ctx, start(&f, LH_PQ_DELTA_BYTE_ARRAY, &w));
		assert_int_equal(f.d.ops->read(f.ctx, &f.d, 3, out), LH_CORRUPT);
		end(&f);
	}
}

/* 100 values of 1 MB each from a page of 1 MB are a batch; 2,000 of them are a bomb. */
static void
delta_byte_array_bombs_are_refused(void **state)
{
	enum {LEN = 1 << 20, N = 2000};
	int64_t *prefix = malloc(N * sizeof(*prefix));
	int64_t *suffix = calloc(N, sizeof(*suffix));
	LhStr *out = malloc(N * sizeof(*out));
	uint8_t *zeros = calloc(1, LEN);
	Tw w = {0};
	Fixture f;

	for (int i = 0; i < N; i++)
		prefix[i] = i > 0 ? LEN : 0;
	suffix[0] = LEN;
	begin(&f, *state, LH_PQ_BYTE_ARRAY, 0);
	put_delta(&w, prefix, N, false, 2048, 4);
	put_delta(&w, suffix, N, false, 2048, 4);
	tw_bytes(&w, zeros, LEN);
	ASSERT_OK(f.ctx, start(&f, LH_PQ_DELTA_BYTE_ARRAY, &w));
	ASSERT_OK(f.ctx, f.d.ops->read(f.ctx, &f.d, 100, out));
	assert_int_equal(out[99].len, LEN);
	assert_int_equal(f.d.ops->read(f.ctx, &f.d, N - 100, out), LH_LIMIT);
	end(&f);
	free(prefix);
	free(suffix);
	free(out);
	free(zeros);
}

static void
byte_stream_split_on_all_types(void **state)
{
	static const struct
	{
		LhPqPhysical type;
		int length;
	} types[] = {{LH_PQ_INT32, 0}, {LH_PQ_INT64, 0}, {LH_PQ_FLOAT, 0}, {LH_PQ_DOUBLE, 0},
				 {LH_PQ_FLBA, 2},  {LH_PQ_FLBA, 16}, {LH_PQ_FLBA, 7},  {LH_PQ_FLBA, 1}};

	for (size_t t = 0; t < sizeof(types) / sizeof(types[0]); t++)
	{
		for (int isa = 0; isa < 3; isa++)
		{
			size_t n = 1 + below(500);
			uint8_t *want;
			Tw w = {0};
			Fixture f;

			lh_isa_choose((LhIsa) isa);
			begin(&f, *state, types[t].type, types[t].length);
			want = malloc(n * f.d.width);
			for (size_t i = 0; i < n * f.d.width; i++)
				want[i] = (uint8_t) below(256);
			for (size_t k = 0; k < f.d.width; k++)
				for (size_t i = 0; i < n; i++)
					tw_byte(&w, want[i * f.d.width + k]);
			ASSERT_OK(f.ctx, start(&f, LH_PQ_BYTE_STREAM_SPLIT, &w));
			check_fixed(&f, want, n);
			end(&f);
			free(want);
		}
	}
}

static void
byte_stream_split_needs_whole_values(void **state)
{
	Tw w = {0};
	Fixture f;

	begin(&f, *state, LH_PQ_INT32, 0);
	tw_bytes(&w, "1234567", 7);
	assert_int_equal(start(&f, LH_PQ_BYTE_STREAM_SPLIT, &w), LH_CORRUPT);
	end(&f);
}

/* Which encodings a type may have; all others, and unknown ones, are refused with the right code. */
static void
encodings_that_a_type_cannot_have_are_refused(void **state)
{
	static const char *const allowed[] = {
		[LH_PQ_BOOLEAN] = "0 3",  [LH_PQ_INT32] = "0 5 9", [LH_PQ_INT64] = "0 5 9",
		[LH_PQ_INT96] = "0 9",	  [LH_PQ_FLOAT] = "0 9",   [LH_PQ_DOUBLE] = "0 9",
		[LH_PQ_BYTE_ARRAY] = "0 6 7", [LH_PQ_FLBA] = "0 7 9"};

	for (int type = 0; type <= 7; type++)
	{
		for (int encoding = -1; encoding < 12; encoding++)
		{
			char digit[16];
			Tw w = {0};
			Fixture f;
			LhStatus status;

			if (encoding == LH_PQ_PLAIN_DICTIONARY || encoding == LH_PQ_RLE_DICTIONARY)
				continue; /* no decoder's business */
			begin(&f, *state, (LhPqPhysical) type, 3);
			status = start(&f, encoding, &w);
			snprintf(digit, sizeof(digit), "%d", encoding);
			if (encoding >= 0 && encoding <= 9 && strstr(allowed[type], digit) != NULL)
				assert_int_equal(status, LH_OK);
			else if (encoding < 0 || encoding > 9 || encoding == 1)
				assert_int_equal(status, LH_UNSUPPORTED);
			else
				assert_int_equal(status, LH_CORRUPT);
			end(&f);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(plain_fixed_width),
		TEST(plain_values_are_lent_where_they_lie),
		TEST(plain_byte_arrays),
		TEST(plain_byte_array_lengths_are_checked),
		TEST(booleans_plain_and_rle),
		TEST(rle_booleans_check_their_length),
		TEST(rule_5_delta_arithmetic_wraps_around),
		TEST(rule_5_delta_sizes_are_validated),
		TEST(rule_5_widths_of_unused_miniblocks_may_be_anything),
		TEST(rule_5_differences_may_be_wider_than_the_type),
		TEST(the_last_miniblock_may_end_with_its_last_value),
		TEST(delta_length_byte_arrays),
		TEST(delta_byte_arrays),
		TEST(delta_byte_arrays_of_fixed_length),
		TEST(delta_byte_arrays_check_prefixes_and_lengths),
		TEST(delta_byte_array_bombs_are_refused),
		TEST(byte_stream_split_on_all_types),
		TEST(byte_stream_split_needs_whole_values),
		TEST(encodings_that_a_type_cannot_have_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
