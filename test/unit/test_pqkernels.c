/*
 * test_pqkernels.c
 *		Every decoding kernel of every instruction set gives what the plain loop gives.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "parquet/kernels.h"

static uint64_t state = 88172645463325252u;

static uint64_t
next_random(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

/* n random bytes that may be read LH_PADDING bytes beyond their end. */
static uint8_t *
random_bytes(size_t n)
{
	uint8_t *p = malloc(n + LH_PADDING);

	for (size_t i = 0; i < n + LH_PADDING; i++)
		p[i] = (uint8_t) next_random();
	return p;
}

/* An output of exactly n bytes: ASan sees who writes beyond. */
static void *
output(size_t n)
{
	void *p = malloc(n > 0 ? n : 1);

	memset(p, 0xee, n > 0 ? n : 1);
	return p;
}

static const LhPqKernels *tables[3];
static int ntables;

static int
find_tables(void **unused)
{
	tables[ntables++] = lh_pq_kernels_base();
	if (lh_isa_best() >= LH_ISA_AVX2 && lh_pq_kernels_avx2() != NULL)
		tables[ntables++] = lh_pq_kernels_avx2();
	if (lh_isa_best() >= LH_ISA_AVX512 && lh_pq_kernels_avx512() != NULL)
		tables[ntables++] = lh_pq_kernels_avx512();
	return 0;
}

/* Value i of a packed run, bit by bit. */
static uint64_t
slow_bits(const uint8_t *in, size_t bit, int width)
{
	uint64_t v = 0;

	for (int b = 0; b < width; b++, bit++)
		v |= (uint64_t) (in[bit >> 3] >> (bit & 7) & 1) << b;
	return v;
}

static void
unpack32_gives_every_width_shift_and_count(void **unused)
{
	for (int width = 0; width <= 32; width++)
	{
		for (int shift = 0; shift < 8; shift++)
		{
			for (size_t n = 0; n < 80; n += n < 40 ? 1 : 13)
			{
				uint8_t *in = random_bytes((n * (size_t) width + (size_t) shift + 7) / 8);

				for (int t = 0; t < ntables; t++)
				{
					uint32_t *out = output(n * sizeof(uint32_t));
					uint32_t max = 3,
							 most = 3;

					tables[t]->unpack32(in, shift, width, n, out, &max);
					for (size_t i = 0; i < n; i++)
					{
						uint32_t v = (uint32_t) slow_bits(
							in, (size_t) shift + i * (size_t) width, width);

						assert_int_equal(out[i], v);
						most = v > most ? v : most;
					}
					assert_int_equal(max, most);
					free(out);
				}
				free(in);
			}
		}
	}
}

static void
unpack64_gives_every_width_shift_and_count(void **unused)
{
	for (int width = 0; width <= 64; width++)
	{
		for (int shift = 0; shift < 8; shift++)
		{
			for (size_t n = 0; n < 70; n += n < 20 ? 1 : 11)
			{
				uint8_t *in = random_bytes((n * (size_t) width + (size_t) shift + 7) / 8);

				for (int t = 0; t < ntables; t++)
				{
					uint64_t *out = output(n * sizeof(uint64_t));

					tables[t]->unpack64(in, shift, width, n, out);
					for (size_t i = 0; i < n; i++)
						assert_true(out[i] == slow_bits(in, (size_t) shift + i * (size_t) width,
														width));
					free(out);
				}
				free(in);
			}
		}
	}
}

static void
expand_puts_values_on_their_rows(void **unused)
{
	for (int round = 0; round < 600; round++)
	{
		size_t from = next_random() % 100;
		size_t n = next_random() % 200;
		uint64_t *valid = (void *) random_bytes(LH_WORDS(from + n) * 8 + 8);
		uint8_t *in = random_bytes(n * 8);

		if (round % 3 == 0)
			memset(valid, 0xff, LH_WORDS(from + n) * 8);
		for (int t = 0; t < ntables; t++)
		{
			uint32_t *narrow = output(n * 4);
			uint64_t *wide = output(n * 8);
			size_t at = 0;

			tables[t]->expand32((const void *) in, valid, from, n, narrow);
			tables[t]->expand64((const void *) in, valid, from, n, wide);
			for (size_t i = 0; i < n; i++)
			{
				bool set = lh_bit_get(valid, from + i);

				assert_int_equal(narrow[i], set ? lh_load_u32(in + 4 * at) : 0);
				assert_true(wide[i] == (set ? lh_load_u64(in + 8 * at) : 0));
				at += set;
			}
			free(narrow);
			free(wide);
		}
		free(valid);
		free(in);
	}
}

static void
bits_become_bytes(void **unused)
{
	for (size_t n = 0; n < 300; n++)
	{
		int shift = (int) (n % 8);
		uint8_t *in = random_bytes((n + (size_t) shift + 7) / 8);

		for (int t = 0; t < ntables; t++)
		{
			uint8_t *out = output(n);

			tables[t]->bits_to_bytes(in, shift, n, out);
			for (size_t i = 0; i < n; i++)
				assert_int_equal(out[i], slow_bits(in, (size_t) shift + i, 1));
			free(out);
		}
		free(in);
	}
}

static void
bytes_compare_to_bits(void **unused)
{
	for (size_t n = 0; n < 300; n++)
	{
		uint8_t *in = random_bytes(n);
		uint8_t least = (uint8_t) (n % 3 == 0 ? 0 : next_random());

		for (int t = 0; t < ntables; t++)
		{
			uint64_t *bits = output(LH_WORDS(n) * 8);

			tables[t]->at_least(in, n, least, bits);
			for (size_t i = 0; i < LH_WORDS(n) * 64; i++)
				assert_int_equal(lh_bit_get(bits, i), i < n && in[i] >= least);
			free(bits);
		}
		free(in);
	}
}

static void
bits_are_packed_behind_each_other(void **unused)
{
	for (int round = 0; round < 500; round++)
	{
		size_t words = (size_t) round % 9;
		size_t at = next_random() % 130;
		uint64_t *bits = (void *) random_bytes(words * 8);
		uint64_t *mask = (void *) random_bytes(words * 8);

		if (round % 4 == 0)
			memset(mask, round % 8 ? 0xff : 0, words * 8);
		for (int t = 0; t < ntables; t++)
		{
			uint64_t *out = calloc(LH_WORDS(at) + words + 2, 8);
			size_t end = at;

			tables[t]->pack_bits(bits, mask, words, out, at);
			for (size_t i = 0; i < words * 64; i++)
				if (lh_bit_get(mask, i))
					assert_int_equal(lh_bit_get(out, end++), lh_bit_get(bits, i));
			assert_int_equal(lh_bits_count(out, LH_WORDS(at) + words + 2),
							 lh_bits_count(out, LH_WORDS(end)));
			for (size_t i = 0; i < at; i++)
				assert_false(lh_bit_get(out, i));
			free(out);
		}
		free(bits);
		free(mask);
	}
}

static void
join_transposes_streams(void **unused)
{
	static const int widths[] = {2, 4, 8, 1, 3, 12, 16};

	for (size_t w = 0; w < 7; w++)
	{
		for (size_t n = 0; n < 100; n++)
		{
			size_t width = (size_t) widths[w];
			size_t stride = n + n % 5;
			uint8_t *in = random_bytes(width * stride);

			for (int t = 0; t < ntables; t++)
			{
				uint8_t *out = output(n * width);
				const LhPqKernels *k = tables[t];

				if (width == 2)
					k->join2(in, stride, n, out);
				else if (width == 4)
					k->join4(in, stride, n, out);
				else if (width == 8)
					k->join8(in, stride, n, out);
				else
					k->join(in, stride, (int) width, n, out);
				for (size_t i = 0; i < n * width; i++)
					assert_int_equal(out[i], in[i % width * stride + i / width]);
				free(out);
			}
			free(in);
		}
	}
}

static void
sums_wrap_around(void **unused)
{
	for (size_t n = 0; n < 120; n++)
	{
		uint8_t *in = random_bytes(n * 8);
		uint64_t min = next_random();
		uint64_t first = next_random();

		for (int t = 0; t < ntables; t++)
		{
			uint32_t *narrow = output(n * 4);
			uint64_t *wide = output(n * 8);
			uint32_t last32 = (uint32_t) first,
					 want32 = last32;
			uint64_t last64 = first,
					 want64 = first;

			tables[t]->sum32((const void *) in, (uint32_t) min, n, &last32, narrow);
			tables[t]->sum64((const void *) in, min, n, &last64, wide);
			for (size_t i = 0; i < n; i++)
			{
				want32 += lh_load_u32(in + 4 * i) + (uint32_t) min;
				want64 += lh_load_u64(in + 8 * i) + min;
				assert_int_equal(narrow[i], want32);
				assert_true(wide[i] == want64);
			}
			assert_int_equal(last32, want32);
			assert_true(last64 == want64);
			free(narrow);
			free(wide);
		}
		free(in);
	}
}

static void
integers_widen(void **unused)
{
	for (size_t n = 0; n < 60; n++)
	{
		uint8_t *bytes = random_bytes(n * 8 + 1);
		const uint8_t *in = bytes + 1; /* unaligned */

		for (int t = 0; t < ntables; t++)
		{
			const LhPqKernels *k = tables[t];
			int64_t *s = output(n * 8),
					*u = output(n * 8);
			LhI128 *s128 = output(n * 16),
				   *u128 = output(n * 16);
			uint32_t *m = output(n * 4);

			k->widen_i32(in, n, s);
			k->widen_u32(in, n, u);
			k->widen_i64(in, n, s128);
			k->widen_u64(in, n, u128);
			k->mask32(in, 0xff, n, m);
			for (size_t i = 0; i < n; i++)
			{
				assert_true(s[i] == lh_load_i32(in + 4 * i));
				assert_true(u[i] == lh_load_u32(in + 4 * i));
				assert_true(s128[i] == lh_load_i64(in + 8 * i));
				assert_true(u128[i] == (LhI128) lh_load_u64(in + 8 * i));
				assert_int_equal(m[i], in[4 * i]);
			}
			free(s);
			free(u);
			free(s128);
			free(u128);
			free(m);
		}
		free(bytes);
	}
}

/* 1 sign, 5 exponent, 10 mantissa bits, by the book. */
static double
slow_half(uint32_t h)
{
	double sign = h & 0x8000 ? -1 : 1;
	int exponent = (int) (h >> 10 & 31);
	double mantissa = h & 1023;

	if (exponent == 31)
		return mantissa != 0 ? (double) __builtin_nan("") : sign * __builtin_inf();
	if (exponent == 0)
		return sign * mantissa * 0x1p-24;
	return sign * (1024 + mantissa) * 0x1p-25 * (double) (1u << exponent);
}

static void
all_half_floats_are_exact(void **unused)
{
	uint16_t *in = (void *) random_bytes(65536 * 2);
	float *out = output(65536 * 4);

	for (size_t i = 0; i < 65536; i++)
		in[i] = (uint16_t) i;
	for (int t = 0; t < ntables; t++)
	{
		tables[t]->half((const void *) in, 65536, out);
		for (uint32_t i = 0; i < 65536; i++)
		{
			double want = slow_half(i);

			if (want != want)
				assert_true(out[i] != out[i]);
			else
				assert_true(out[i] == want && (__builtin_signbit(out[i]) != 0) == (i >> 15));
		}
	}
	free(in);
	free(out);
}

static void
big_endian_numbers_of_every_width(void **unused)
{
	for (int width = 1; width <= 16; width++)
	{
		for (size_t n = 0; n < 40; n++)
		{
			uint8_t *in = random_bytes(n * (size_t) width);

			for (int t = 0; t < ntables; t++)
			{
				LhI128 *wide = output(n * 16);
				int64_t *narrow = output(n * 8);

				tables[t]->be_to_i128(in, width, n, wide);
				if (width <= 8)
					tables[t]->be_to_i64(in, width, n, narrow);
				for (size_t i = 0; i < n; i++)
				{
					LhI128 v = in[i * (size_t) width] >= 0x80 ? -1 : 0;

					for (int b = 0; b < width; b++)
						v = (LhI128) ((LhU128) v << 8 | in[i * (size_t) width + (size_t) b]);
					assert_true(wide[i] == v);
					if (width <= 8)
						assert_true(narrow[i] == (int64_t) v);
				}
				free(wide);
				free(narrow);
			}
			free(in);
		}
	}
}

static void
gather_looks_up_codes(void **unused)
{
	uint8_t *values = random_bytes(8 * 50);

	for (size_t n = 0; n < 60; n++)
	{
		uint32_t *codes = (void *) random_bytes(n * 4);

		for (size_t i = 0; i < n; i++)
			codes[i] %= 50;
		for (int t = 0; t < ntables; t++)
		{
			uint32_t *narrow = output(n * 4);
			uint64_t *wide = output(n * 8);

			tables[t]->gather32((const void *) values, codes, n, narrow);
			tables[t]->gather64((const void *) values, codes, n, wide);
			for (size_t i = 0; i < n; i++)
			{
				assert_int_equal(narrow[i], lh_load_u32(values + 4 * codes[i]));
				assert_true(wide[i] == lh_load_u64(values + 8 * codes[i]));
			}
			free(narrow);
			free(wide);
		}
		free(codes);
	}
	free(values);
}

static void
the_chosen_set_is_in_use(void **unused)
{
	lh_isa_choose(LH_ISA_BASE);
	assert_ptr_equal(lh_pq_kernels, lh_pq_kernels_base());
	lh_isa_choose(LH_ISA_AVX512);
	assert_ptr_equal(lh_pq_kernels, tables[ntables - 1]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(unpack32_gives_every_width_shift_and_count),
		cmocka_unit_test(unpack64_gives_every_width_shift_and_count),
		cmocka_unit_test(expand_puts_values_on_their_rows),
		cmocka_unit_test(bits_become_bytes),
		cmocka_unit_test(bytes_compare_to_bits),
		cmocka_unit_test(bits_are_packed_behind_each_other),
		cmocka_unit_test(join_transposes_streams),
		cmocka_unit_test(sums_wrap_around),
		cmocka_unit_test(integers_widen),
		cmocka_unit_test(all_half_floats_are_exact),
		cmocka_unit_test(big_endian_numbers_of_every_width),
		cmocka_unit_test(gather_looks_up_codes),
		cmocka_unit_test(the_chosen_set_is_in_use),
	};

	return cmocka_run_group_tests(tests, find_tables, NULL);
}
