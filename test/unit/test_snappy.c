/*
 * test_snappy.c
 *		Our snappy decoder, with every instruction set, against a slow one.
 *
 * Input and output stand on the heap in exactly their size (the output with
 * its LH_PADDING of scratch), so that the sanitizers see every step beyond.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <snappy-c.h>

#include "codec/codec.h"

/* ---- the slow obvious reference ---- */

static bool
slow_decode(const uint8_t *in, size_t len, uint8_t *out, size_t out_len)
{
	uint64_t promised = 0;
	size_t i = 0, o = 0;

	for (int shift = 0;; shift += 7)
	{
		if (i == len || shift > 28)
			return false;
		promised |= (uint64_t) (in[i] & 0x7f) << shift;
		if (in[i++] < 0x80)
			break;
	}
	if (promised > UINT32_MAX || promised != out_len)
		return false;
	while (i < len)
	{
		uint8_t tag = in[i++];
		size_t n = (size_t) (tag >> 2) + 1;
		size_t extra = (tag & 3) == 3 ? 4 : tag & 3;
		uint64_t value = 0;

		if ((tag & 3) == 0)
			extra = n > 60 ? n - 60 : 0;
		if (len - i < extra)
			return false;
		for (size_t k = 0; k < extra; k++)
			value |= (uint64_t) in[i + k] << (8 * k);
		i += extra;
		if ((tag & 3) == 0)
		{
			if (extra > 0)
				n = value + 1;
			if (len - i < n || out_len - o < n)
				return false;
			for (size_t k = 0; k < n; k++)
				out[o++] = in[i++];
			continue;
		}
		if ((tag & 3) == 1)
		{
			n = 4 + ((tag >> 2) & 7);
			value |= (uint64_t) (tag >> 5) << 8;
		}
		if (value == 0 || value > o || out_len - o < n)
			return false;
		for (size_t k = 0; k < n; k++, o++)
			out[o] = out[o - value];
	}
	return o == out_len;
}

/* ---- streams made by hand ---- */

typedef struct Stream
{
	uint8_t *bytes;
	size_t n;
	size_t cap;
	size_t out; /* bytes the tags make */
} Stream;

static uint64_t seed;

static uint32_t
below(uint32_t n)
{
	seed++;
	return (uint32_t) (((lh_hash_u64(seed) >> 32) * n) >> 32);
}

static void
put(Stream *s, const void *p, size_t n)
{
	if (s->n + n > s->cap)
	{
		s->cap = (s->n + n) * 2;
		s->bytes = realloc(s->bytes, s->cap);
	}
	memcpy(s->bytes + s->n, p, n);
	s->n += n;
}

static void
put_byte(Stream *s, uint32_t b)
{
	uint8_t byte = (uint8_t) b;

	put(s, &byte, 1);
}

/* A literal of n random bytes; bytes > 0: its length in so many bytes. */
static void
put_literal(Stream *s, uint32_t n, uint32_t bytes)
{
	if (bytes == 0 && n <= 60)
		put_byte(s, (n - 1) << 2);
	else
	{
		uint32_t value = n - 1;

		if (bytes == 0)
			bytes = 2;
		put_byte(s, (59 + bytes) << 2);
		put(s, &value, bytes);
	}
	for (uint32_t i = 0; i < n; i++)
		put_byte(s, below(256));
	s->out += n;
}

static void
put_copy(Stream *s, int type, uint32_t n, uint32_t offset)
{
	if (type == 1)
	{
		put_byte(s, 1 | (n - 4) << 2 | (offset >> 8) << 5);
		put_byte(s, offset);
	}
	else
	{
		put_byte(s, (uint32_t) type | (n - 1) << 2);
		put(s, &offset, type == 2 ? 2 : 4);
	}
	s->out += n;
}

/* The stream with its length before it; frees s. */
static Stream
with_length(Stream *s, uint64_t length)
{
	Stream whole = {.out = s->out};

	while (length >= 0x80)
	{
		put_byte(&whole, (uint32_t) length | 0x80);
		length >>= 7;
	}
	put_byte(&whole, (uint32_t) length);
	put(&whole, s->bytes, s->n);
	free(s->bytes);
	*s = (Stream){NULL, 0, 0, 0};
	return whole;
}

/* What kinds of tags a random stream has, in parts of 256. */
typedef struct Mix
{
	const char *name;
	uint32_t literals;
	uint32_t long_literals; /* of the literals */
	uint32_t near;          /* of the copies: offsets below 20 */
	uint32_t long_copies;   /* of the copies: up to 64, else up to 16 */
	uint32_t copies4;       /* of the copies */
} Mix;

static const Mix mixes[] = {
	{"literals alone", 256, 4, 0, 0, 0}, {"columns of numbers", 128, 0, 10, 0, 0},
	{"near copies", 100, 0, 200, 20, 0}, {"runs", 10, 0, 250, 250, 0},
	{"text", 32, 2, 2, 10, 0},           {"long matches", 40, 10, 10, 200, 0},
	{"everything", 80, 30, 60, 60, 20},  {"copies with four bytes", 60, 0, 60, 60, 200},
};

#define NMIXES (sizeof(mixes) / sizeof(mixes[0]))

static void
put_random_tag(Stream *s, const Mix *mix)
{
	uint32_t reach = s->out < 65535 ? (uint32_t) s->out : 65535;
	uint32_t n, offset;

	if (s->out == 0 || below(256) < mix->literals)
	{
		if (below(256) < mix->long_literals)
			put_literal(s, 1 + below(300), 2 + below(3));
		else
			put_literal(s, below(4) ? 1 + below(16) : 1 + below(60), 0);
		return;
	}
	offset = below(256) < mix->near ? 1 + below(20) : 1 + below(below(2) ? 2048 : 65535);
	if (offset > reach)
		offset = 1 + below(reach);
	n = below(256) < mix->long_copies ? 1 + below(64) : 4 + below(13);
	if (below(256) < mix->copies4)
		put_copy(s, 3, n, offset);
	else if (offset < 2048 && n >= 4 && n <= 11 && below(8) > 0)
		put_copy(s, 1, n, offset);
	else
		put_copy(s, 2, n, offset);
}

static Stream
random_stream(const Mix *mix, size_t size)
{
	Stream s = {NULL, 0, 0, 0};

	while (s.out < size)
		put_random_tag(&s, mix);
	return with_length(&s, s.out);
}

/* ---- checking ---- */

#define CANARY 0xa5

/* Decode with every instruction set and compare with the reference. */
static bool
check(const uint8_t *bytes, size_t len, size_t out_len)
{
	uint8_t *in = malloc(len > 0 ? len : 1);
	uint8_t *slow = malloc(out_len + 1);
	uint8_t *out = malloc(out_len + LH_PADDING);
	bool expected;

	memcpy(in, bytes, len);
	memset(slow, 0, out_len + 1);
	expected = slow_decode(in, len, slow, out_len);
	for (int isa = LH_ISA_BASE; isa <= (int) lh_isa_best(); isa++)
	{
		lh_isa_choose((LhIsa) isa);
		memset(out, CANARY, out_len + LH_PADDING);
		assert_int_equal(lh_snappy_decode(in, len, out, out_len), expected);
		if (expected)
			assert_memory_equal(out, slow, out_len);
	}
	free(in);
	free(slow);
	free(out);
	return expected;
}

static void
check_stream(Stream s, bool expected)
{
	assert_int_equal(check(s.bytes, s.n, s.out), expected);
	free(s.bytes);
}

/* ---- tests ---- */

static void
random_tags_decode_as_by_the_slow_reference(void **state)
{
	(void) state;
	for (size_t m = 0; m < NMIXES; m++)
	{
		for (size_t size = 1; size < 300000; size = size * 5 / 3 + below(50))
			check_stream(random_stream(&mixes[m], size), true);
	}
}

/* Byte i of data of some kind. */
static char
some_byte(int kind, const char *data, size_t i)
{
	switch (kind)
	{
		case 0: return 0;
		case 1: return (char) below(256);
		case 2: return "carefully final deposits sleep "[below(31)];
		case 3: /* as integers of eight bytes */ return (char) (i % 8 < 2 ? below(256) : 0);
		case 4: return (char) (i / 7 % 3);
		default: /* long matches */
			return i % 100 < 90 && i >= 1000 ? data[i - 1000] : (char) below(64);
	}
}

static void
what_libsnappy_compresses_comes_back(void **state)
{
	static char data[200000];
	static char packed[300000];

	(void) state;
	for (int kind = 0; kind < 6; kind++)
	{
		for (size_t size = 0; size <= sizeof(data); size = size * 2 + 1)
		{
			size_t n = sizeof(packed);

			for (size_t i = 0; i < size; i++)
				data[i] = some_byte(kind, data, i);
			assert_int_equal(snappy_compress(data, size, packed, &n), SNAPPY_OK);
			assert_true(check((uint8_t *) packed, n, size));
		}
	}
}

static void
copies_of_every_length_overlap_at_every_offset(void **state)
{
	(void) state;
	for (uint32_t offset = 1; offset <= 70; offset++)
	{
		for (uint32_t n = 1; n <= 64; n++)
		{
			Stream s = {NULL, 0, 0, 0};

			put_literal(&s, 60, 0);
			put_literal(&s, 20, 0);
			put_copy(&s, 2, n, offset);
			for (int i = 0; i < 100; i++)
				put_literal(&s, 3, 0);
			put_copy(&s, 2, n, offset);
			check_stream(with_length(&s, s.out), true);
		}
	}
}

static void
near_copies_at_the_begin_of_the_output_work(void **state)
{
	(void) state;
	for (uint32_t first = 1; first <= 20; first++)
	{
		Stream s = {NULL, 0, 0, 0};

		put_literal(&s, first, 0);
		for (int i = 0; i < 200; i++)
			put_copy(&s, 1, 4 + (uint32_t) i % 8, 1 + below(first));
		check_stream(with_length(&s, s.out), true);
	}
}

static void
offsets_reach_exactly_the_begin_of_the_output(void **state)
{
	static const uint32_t sizes[] = {1, 15, 16, 17, 100, 2047, 2048, 65534, 65535, 65536, 70000};

	(void) state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
	{
		for (uint32_t more = 0; more < 2; more++)
		{
			Stream s = {NULL, 0, 0, 0};
			uint32_t reach = sizes[i] + more;

			put_literal(&s, sizes[i], sizes[i] > 60 ? 3 : 0);
			put_copy(&s, reach < 65536 ? 2 : 3, 10, reach);
			for (int k = 0; k < 100; k++)
				put_literal(&s, 5, 0);
			check_stream(with_length(&s, s.out), more == 0);
		}
	}
}

static void
a_wrong_tag_is_found_wherever_it_stands(void **state)
{
	static const struct
	{
		int type;
		uint32_t n, offset;
	} wrong[] = {{1, 5, 0},    {2, 60, 0},          {2, 7, 60000},
				 {1, 4, 2047}, {3, 9, 0x80000000u}, {3, 1, 0}};

	(void) state;
	for (size_t w = 0; w < sizeof(wrong) / sizeof(wrong[0]); w++)
	{
		for (int at = 0; at < 300; at += at < 70 ? 1 : 13)
		{
			Stream s = {NULL, 0, 0, 0};

			put_literal(&s, 30, 0);
			for (int i = 0; i < 600; i++)
			{
				if (i == at)
					put_copy(&s, wrong[w].type, wrong[w].n, wrong[w].offset);
				put_copy(&s, 1, 4, 1 + below(30));
			}
			check_stream(with_length(&s, s.out), wrong[w].offset == 2047 && at > 520);
		}
	}
}

static void
every_truncation_is_refused(void **state)
{
	(void) state;
	for (size_t m = 0; m < NMIXES; m++)
	{
		Stream s = random_stream(&mixes[m], 1500);

		for (size_t n = 0; n < s.n; n++)
			assert_false(check(s.bytes, n, s.out));
		free(s.bytes);
	}
}

static void
bytes_behind_the_end_are_refused(void **state)
{
	(void) state;
	for (size_t m = 0; m < NMIXES; m++)
	{
		Stream s = random_stream(&mixes[m], 1000);

		put_byte(&s, 0);
		assert_false(check(s.bytes, s.n, s.out));
		put_byte(&s, 'x');
		assert_false(check(s.bytes, s.n, s.out));
		free(s.bytes);
	}
}

static void
another_length_than_promised_is_refused(void **state)
{
	(void) state;
	for (size_t m = 0; m < NMIXES; m++)
	{
		Stream s = random_stream(&mixes[m], 3000);
		size_t out = s.out;

		assert_false(check(s.bytes, s.n, out - 1));
		assert_false(check(s.bytes, s.n, out + 1));
		assert_false(check(s.bytes, s.n, 0));
		free(s.bytes);
		/* a stream that lies about itself */
		for (int delta = -70; delta <= 70; delta += 7)
		{
			s = (Stream){NULL, 0, 0, 0};
			while (s.out < 3000)
				put_random_tag(&s, &mixes[m]);
			s = with_length(&s, s.out + (size_t) delta);
			check_stream((Stream){s.bytes, s.n, s.cap, s.out + (size_t) delta}, delta == 0);
		}
	}
}

static void
a_stream_of_far_more_than_promised_stays_inside(void **state)
{
	static const size_t promises[] = {1, 10, 63, 64, 200, 1000, 3000, 5000};

	(void) state;
	for (size_t m = 0; m < NMIXES; m++)
	{
		for (size_t i = 0; i < sizeof(promises) / sizeof(promises[0]); i++)
		{
			Stream s = {NULL, 0, 0, 0};

			while (s.out < 9000)
				put_random_tag(&s, &mixes[m]);
			put_literal(&s, 500, 2);
			s = with_length(&s, promises[i]);
			s.out = promises[i];
			check_stream(s, false);
			s = (Stream){NULL, 0, 0, 0};
			/* and by one long literal alone */
			put_literal(&s, 500, 2);
			s = with_length(&s, promises[i]);
			assert_int_equal(check(s.bytes, s.n, promises[i]), false);
			free(s.bytes);
		}
	}
}

static void
odd_lengths_are_judged_right(void **state)
{
	(void) state;
	assert_true(check((const uint8_t *) "\0", 1, 0));
	assert_false(check((const uint8_t *) "", 0, 0));
	assert_true(check((const uint8_t *) "\x80\x00", 2, 0)); /* a varint longer than needed */
	assert_false(check((const uint8_t *) "\x80", 1, 0));
	assert_true(check((const uint8_t *) "\x80\x80\x80\x80\x00", 5, 0));
	assert_false(check((const uint8_t *) "\x80\x80\x80\x80\x80\x00", 6, 0));
	assert_false(check((const uint8_t *) "\x80\x80\x80\x80\x10", 5, 0)); /* 2^32 */
	/* a literal of 2^32 bytes */
	assert_false(check((const uint8_t *) "\x01\xfc\xff\xff\xff\xff"
										 "abcdef",
					   12, 1));
	/* lengths in more bytes than they need */
	assert_true(check((const uint8_t *) "\x01\xfc\0\0\0\0a", 7, 1));
}

static void
damaged_streams_are_judged_as_by_the_slow_reference(void **state)
{
	size_t accepted = 0;

	(void) state;
	for (int round = 0; round < 3000; round++)
	{
		Stream s = random_stream(&mixes[below(NMIXES)], 1 + below(4000));

		for (uint32_t k = 1 + below(3); k > 0; k--)
			s.bytes[below((uint32_t) s.n)] = (uint8_t) below(256);
		accepted += check(s.bytes, s.n, s.out);
		free(s.bytes);
	}
	assert_true(accepted > 0);
}

static void
nothing_is_written_before_the_output_or_behind_the_scratch(void **state)
{
	(void) state;
	for (int isa = LH_ISA_BASE; isa <= (int) lh_isa_best(); isa++)
	{
		lh_isa_choose((LhIsa) isa);
		for (int round = 0; round < 300; round++)
		{
			Stream s = random_stream(&mixes[round % NMIXES], 1 + below(1000));
			uint8_t *memory = malloc(64 + s.out + LH_PADDING + 64);
			uint8_t *behind = memory + 64 + s.out + LH_PADDING;

			memset(memory, CANARY, 64 + s.out + LH_PADDING + 64);
			if (round % 2 == 1)
				s.bytes[below((uint32_t) s.n)] ^= (uint8_t) (1 + below(255));
			lh_snappy_decode(s.bytes, s.n, memory + 64, s.out);
			for (int i = 0; i < 64; i++)
			{
				assert_int_equal(memory[i], CANARY);
				assert_int_equal(behind[i], CANARY);
			}
			free(memory);
			free(s.bytes);
		}
	}
}

static bool
count_down(void *arg)
{
	int *left = arg;

	return (*left)-- <= 0;
}

static void
a_large_block_can_be_cancelled(void **state)
{
	static const LhHost host = {.interrupted = count_down};
	LhCtx *ctx = lh_ctx_create();
	LhCodecs *codecs;
	LhBuf packed, out;
	const size_t size = (size_t) 100 << 20;
	int polls = 1000;

	(void) state;
	assert_int_equal(lh_codecs_create(ctx, &codecs), LH_OK);
	assert_int_equal(lh_buf_init(ctx, &packed, false), LH_OK);
	assert_int_equal(lh_buf_init(ctx, &out, false), LH_OK);
	assert_int_equal(lh_buf_fit(ctx, &out, size), LH_OK);
	memset(out.data, 'z', size);
	assert_int_equal(lh_compress(ctx, codecs, LH_CODEC_SNAPPY, 0, out.data, size, &packed), LH_OK);
	ctx->host = &host;
	ctx->host_arg = &polls;
	for (int isa = LH_ISA_BASE; isa <= (int) lh_isa_best(); isa++)
	{
		lh_isa_choose((LhIsa) isa);
		polls = 1000;
		assert_int_equal(
			lh_decompress(ctx, codecs, LH_CODEC_SNAPPY, packed.data, packed.len, out.data, size),
			LH_OK);
		assert_in_range(1000 - polls, 6, 9);
		polls = 3;
		assert_int_equal(
			lh_decompress(ctx, codecs, LH_CODEC_SNAPPY, packed.data, packed.len, out.data, size),
			LH_CANCELLED);
	}
	lh_ctx_destroy(ctx);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_tags_decode_as_by_the_slow_reference),
		cmocka_unit_test(what_libsnappy_compresses_comes_back),
		cmocka_unit_test(copies_of_every_length_overlap_at_every_offset),
		cmocka_unit_test(near_copies_at_the_begin_of_the_output_work),
		cmocka_unit_test(offsets_reach_exactly_the_begin_of_the_output),
		cmocka_unit_test(a_wrong_tag_is_found_wherever_it_stands),
		cmocka_unit_test(every_truncation_is_refused),
		cmocka_unit_test(bytes_behind_the_end_are_refused),
		cmocka_unit_test(another_length_than_promised_is_refused),
		cmocka_unit_test(a_stream_of_far_more_than_promised_stays_inside),
		cmocka_unit_test(odd_lengths_are_judged_right),
		cmocka_unit_test(damaged_streams_are_judged_as_by_the_slow_reference),
		cmocka_unit_test(nothing_is_written_before_the_output_or_behind_the_scratch),
		cmocka_unit_test(a_large_block_can_be_cancelled),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
