/*
 * test_kernels.c
 *		Every kernel of every instruction set against a loop.
 */
#include "test_vec_gen.h"

#include "vec/kernels.h"

#define MAX 700

/* Tables that this machine can run. */
static int
tables(const LhVecKernels **out, const char **names)
{
	int n = 0;

	out[n] = &lh_vec_kernels_base;
	names[n++] = "base";
#if defined(__x86_64__)
	if (lh_isa_best() >= LH_ISA_AVX2)
	{
		out[n] = &lh_vec_kernels_avx2;
		names[n++] = "avx2";
	}
	if (lh_isa_best() >= LH_ISA_AVX512)
	{
		out[n] = &lh_vec_kernels_avx512;
		names[n++] = "avx512";
	}
#endif
	return n;
}

/* Arrays end where their memory ends, so that ASan sees a kernel that reads on. */
static void *
at_end(void **base, const void *data, size_t bytes)
{
	*base = malloc(bytes > 0 ? bytes : 1);
	if (bytes > 0)
		memcpy(*base, data, bytes);
	return *base;
}

static int64_t
edge_i64(void)
{
	switch (gen_int(8))
	{
		case 0: return INT64_MIN;
		case 1: return INT64_MAX;
		case 2: return (int64_t) gen_u64();
		default: return gen_int(9) - 4;
	}
}

static int32_t
edge_i32(void)
{
	switch (gen_int(8))
	{
		case 0: return INT32_MIN;
		case 1: return INT32_MAX;
		case 2: return (int32_t) gen_u64();
		default: return gen_int(9) - 4;
	}
}

static void
expect_words(const uint64_t *got, const uint64_t *want, size_t n, const char *what, const char *isa)
{
	for (size_t i = 0; i < LH_WORDS(n); i++)
	{
		if (got[i] != want[i])
			fail_msg("%s (%s): word %zu of %zu values is %llx, not %llx", what, isa, i, n,
					 (unsigned long long) got[i], (unsigned long long) want[i]);
	}
}

#define FOR_TABLES                    \
	const LhVecKernels *table[3];     \
	const char *isa[3];               \
	int ntables = tables(table, isa); \
	for (int t = 0; t < ntables; t++)

/* One test of a range kernel: type, edge values, comparison as written. */
#define RANGE_TEST(name, kernel, type, edge, ordered)               \
	static void name(void **state)                                  \
	{                                                               \
		for (int round = 0; round < 4000; round++)                  \
		{                                                           \
			size_t n = (size_t) gen_int(MAX);                       \
			type x[MAX], lo = edge(), hi = edge();                  \
			uint64_t want[LH_WORDS(MAX)] = {0}, got[LH_WORDS(MAX)]; \
			void *base;                                             \
			if (ordered && lo > hi)                                 \
			{                                                       \
				type swap = lo;                                     \
				lo = hi;                                            \
				hi = swap;                                          \
			}                                                       \
			for (size_t i = 0; i < n; i++)                          \
			{                                                       \
				x[i] = edge();                                      \
				if (x[i] >= lo && x[i] <= hi)                       \
					lh_bit_set(want, i);                            \
			}                                                       \
			at_end(&base, x, n * sizeof(type));                     \
			FOR_TABLES                                              \
			{                                                       \
				memset(got, 0xAA, sizeof(got));                     \
				table[t]->kernel(base, n, lo, hi, got);             \
				expect_words(got, want, n, #kernel, isa[t]);        \
			}                                                       \
			free(base);                                             \
		}                                                           \
	}

static float
edge_f32(void)
{
	return (float) gen_float();
}

RANGE_TEST(range_i32_agrees, range_i32, int32_t, edge_i32, true)
RANGE_TEST(range_i64_agrees, range_i64, int64_t, edge_i64, true)
RANGE_TEST(range_f32_agrees, range_f32, float, edge_f32, false)
RANGE_TEST(range_f64_agrees, range_f64, double, gen_float, false)

#define IN_TEST(name, kernel, type, edge)                           \
	static void name(void **state)                                  \
	{                                                               \
		for (int round = 0; round < 3000; round++)                  \
		{                                                           \
			size_t n = (size_t) gen_int(MAX);                       \
			int nset = 1 + gen_int(12);                             \
			type x[MAX], set[12];                                   \
			uint64_t want[LH_WORDS(MAX)] = {0}, got[LH_WORDS(MAX)]; \
			void *base;                                             \
			for (int i = 0; i < nset; i++)                          \
				set[i] = edge();                                    \
			for (size_t i = 0; i < n; i++)                          \
			{                                                       \
				x[i] = edge();                                      \
				for (int k = 0; k < nset; k++)                      \
				{                                                   \
					if (x[i] == set[k])                             \
						lh_bit_set(want, i);                        \
				}                                                   \
			}                                                       \
			at_end(&base, x, n * sizeof(type));                     \
			FOR_TABLES                                              \
			{                                                       \
				table[t]->kernel(base, n, set, nset, got);          \
				expect_words(got, want, n, #kernel, isa[t]);        \
			}                                                       \
			free(base);                                             \
		}                                                           \
	}

IN_TEST(in_i32_agrees, in_i32, int32_t, edge_i32)
IN_TEST(in_i64_agrees, in_i64, int64_t, edge_i64)

static void
nonzero_u8_agrees(void **state)
{
	for (int round = 0; round < 2000; round++)
	{
		size_t n = (size_t) gen_int(MAX);
		uint8_t x[MAX];
		uint64_t want[LH_WORDS(MAX)] = {0}, got[LH_WORDS(MAX)];
		void *base;

		for (size_t i = 0; i < n; i++)
		{
			x[i] = gen_chance(2) ? 0 : (uint8_t) gen_u64();
			if (x[i] != 0)
				lh_bit_set(want, i);
		}
		at_end(&base, x, n);
		FOR_TABLES
		{
			table[t]->nonzero_u8(base, n, got);
			expect_words(got, want, n, "nonzero_u8", isa[t]);
		}
		free(base);
	}
}

static void
codes_agree_for_every_size_of_dictionary(void **state)
{
	static const int sizes[] = {1, 2, 31, 63, 64, 65, 255, 256, 257, 1000, 1024, 1025, 5000, 70000};

	for (int round = 0; round < 3000; round++)
	{
		size_t n = (size_t) gen_int(MAX);
		int nbits = sizes[gen_int(14)];
		uint32_t x[MAX];
		uint64_t want[LH_WORDS(MAX)] = {0}, got[LH_WORDS(MAX)];
		uint64_t *bits = malloc(LH_WORDS(nbits) * 8);
		void *base;

		for (size_t i = 0; i < LH_WORDS(nbits); i++)
			bits[i] = gen_u64();
		for (size_t i = 0; i < n; i++)
		{
			x[i] = gen_chance(10) ? (uint32_t) nbits - 1 : (uint32_t) gen_int(nbits);
			if (lh_bit_get(bits, x[i]))
				lh_bit_set(want, i);
		}
		at_end(&base, x, n * 4);
		FOR_TABLES
		{
			table[t]->codes(base, n, bits, (size_t) nbits, got);
			expect_words(got, want, n, "codes", isa[t]);
		}
		free(base);
		free(bits);
	}
}

static void
members_agree_for_every_size_of_table(void **state)
{
	static const uint64_t firsts[] = {0, 1, UINT64_MAX - 70, UINT64_C(1) << 63, (UINT64_C(1) << 63) - 64, 12345};

	for (int round = 0; round < 3000; round++)
	{
		size_t n = (size_t) gen_int(MAX), nwords = (size_t) gen_int(round % 2 ? 4 : 2000) + 1;
		uint64_t first = firsts[gen_int(6)], nbits = nwords * 64;
		uint64_t x[MAX];
		uint64_t want[LH_WORDS(MAX)] = {0}, got[LH_WORDS(MAX)], fill[2000];
		void *base, *bits;

		for (size_t i = 0; i < nwords; i++)
			fill[i] = gen_u64();
		for (size_t i = 0; i < n; i++)
		{
			switch (gen_int(5))
			{
				case 0: x[i] = gen_u64(); break;
				case 1: x[i] = first - 1; break;
				case 2: x[i] = first + nbits - (uint64_t) gen_int(2); break;
				default: x[i] = first + (uint64_t) gen_int((int) nbits); break;
			}
			if (x[i] - first < nbits && lh_bit_get(fill, x[i] - first))
				lh_bit_set(want, i);
		}
		at_end(&base, x, n * 8);
		at_end(&bits, fill, nwords * 8);
		FOR_TABLES
		{
			table[t]->member_i64(base, n, (int64_t) first, nbits, bits, got);
			expect_words(got, want, n, "members", isa[t]);
		}
		free(base);
		free(bits);
	}
}

/* Random selection: NULL, all, some, few. */
static const uint64_t *
some_rows(uint64_t *w, size_t n)
{
	int mode = gen_int(4);

	memset(w, 0, LH_WORDS(MAX) * 8);
	for (size_t i = 0; i < n; i++)
	{
		if (mode < 2 || (mode == 2 ? gen_chance(2) : gen_chance(40)))
			lh_bit_set(w, i);
	}
	return mode == 0 ? NULL : w;
}

static bool
is_selected(const uint64_t *sel, size_t i)
{
	return sel == NULL || lh_bit_get(sel, i);
}

static void
sums_agree(void **state)
{
	for (int round = 0; round < 4000; round++)
	{
		size_t n = (size_t) gen_int(MAX);
		int32_t a[MAX];
		int64_t b[MAX];
		uint32_t codes[MAX];
		uint64_t w[LH_WORDS(MAX)];
		const uint64_t *sel = some_rows(w, n);
		LhI128 want32 = 0, want64 = 0, codes32 = 0, codes64 = 0;
		void *base[3];

		for (size_t i = 0; i < n; i++)
		{
			a[i] = edge_i32();
			b[i] = edge_i64();
			codes[i] = (uint32_t) gen_int((int) n);
		}
		for (size_t i = 0; i < n; i++)
		{
			if (!is_selected(sel, i))
				continue;
			want32 += a[i];
			want64 += b[i];
			codes32 += a[codes[i]];
			codes64 += b[codes[i]];
		}
		at_end(&base[0], a, n * 4);
		at_end(&base[1], b, n * 8);
		at_end(&base[2], codes, n * 4);
		FOR_TABLES
		{
			assert_true(table[t]->sum_i32(base[0], n, sel) == (int64_t) want32);
			assert_true(table[t]->sum_i64(base[1], n, sel) == want64);
			assert_true(table[t]->sum_codes_i32(base[2], n, base[0], sel) == (int64_t) codes32);
			assert_true(table[t]->sum_codes_i64(base[2], n, base[1], sel) == codes64);
		}
		for (int i = 0; i < 3; i++)
			free(base[i]);
	}
}

#define MINMAX_TEST(name, kernel, type, edge)                                                      \
	static void name(void **state)                                                                 \
	{                                                                                              \
		for (int round = 0; round < 4000; round++)                                                 \
		{                                                                                          \
			size_t n = (size_t) gen_int(MAX);                                                      \
			type x[MAX], start_min = edge(), start_max = edge(), min = start_min, max = start_max; \
			uint64_t w[LH_WORDS(MAX)];                                                             \
			const uint64_t *sel = some_rows(w, n);                                                 \
			void *base;                                                                            \
			for (size_t i = 0; i < n; i++)                                                         \
			{                                                                                      \
				x[i] = edge();                                                                     \
				if (is_selected(sel, i))                                                           \
				{                                                                                  \
					min = x[i] < min ? x[i] : min;                                                 \
					max = x[i] > max ? x[i] : max;                                                 \
				}                                                                                  \
			}                                                                                      \
			at_end(&base, x, n * sizeof(type));                                                    \
			FOR_TABLES                                                                             \
			{                                                                                      \
				type lo = start_min, hi = start_max;                                               \
				table[t]->kernel(base, n, sel, &lo, &hi);                                          \
				assert_true(lo == min && hi == max);                                               \
			}                                                                                      \
			free(base);                                                                            \
		}                                                                                          \
	}

MINMAX_TEST(minmax_i32_agrees, minmax_i32, int32_t, edge_i32)
MINMAX_TEST(minmax_i64_agrees, minmax_i64, int64_t, edge_i64)

#define FLOAT_MINMAX_TEST(name, kernel, type, edge)                              \
	static void name(void **state)                                               \
	{                                                                            \
		for (int round = 0; round < 4000; round++)                               \
		{                                                                        \
			size_t n = (size_t) gen_int(MAX);                                    \
			type x[MAX], min = INFINITY, max = -INFINITY;                        \
			int saw = 0;                                                         \
			uint64_t w[LH_WORDS(MAX)];                                           \
			const uint64_t *sel = some_rows(w, n);                               \
			void *base;                                                          \
			for (size_t i = 0; i < n; i++)                                       \
			{                                                                    \
				x[i] = edge();                                                   \
				if (!is_selected(sel, i))                                        \
					continue;                                                    \
				saw |= isnan(x[i]) ? LH_SAW_NAN : LH_SAW_NUMBER;                 \
				min = x[i] < min ? x[i] : min;                                   \
				max = x[i] > max ? x[i] : max;                                   \
			}                                                                    \
			at_end(&base, x, n * sizeof(type));                                  \
			FOR_TABLES                                                           \
			{                                                                    \
				type lo = INFINITY, hi = -INFINITY;                              \
				assert_int_equal(table[t]->kernel(base, n, sel, &lo, &hi), saw); \
				assert_true(lo == min && hi == max);                             \
			}                                                                    \
			free(base);                                                          \
		}                                                                        \
	}

FLOAT_MINMAX_TEST(minmax_f32_agrees, minmax_f32, float, edge_f32)
FLOAT_MINMAX_TEST(minmax_f64_agrees, minmax_f64, double, gen_float)

static void
histogram_agrees(void **state)
{
	for (int round = 0; round < 2000; round++)
	{
		size_t n = (size_t) gen_int(MAX), stride = (size_t) (1 + gen_int(100));
		uint32_t codes[MAX], want[100] = {0};
		uint64_t w[LH_WORDS(MAX)];
		const uint64_t *sel = some_rows(w, n);

		for (size_t i = 0; i < n; i++)
		{
			codes[i] = (uint32_t) gen_int((int) stride);
			want[codes[i]] += is_selected(sel, i);
		}
		FOR_TABLES
		{
			uint32_t got[400] = {0};

			table[t]->histogram(codes, n, sel, got, stride);
			for (size_t i = 0; i < stride; i++)
				assert_int_equal(
					got[i] + got[stride + i] + got[2 * stride + i] + got[3 * stride + i], want[i]);
		}
	}
}

/* Few letters, so that near misses abound; nothing is readable behind hay and needle. */
static void
find_agrees(void **state)
{
	for (int round = 0; round < 60000; round++)
	{
		size_t n = (size_t) gen_int(gen_chance(4) ? MAX : 90),
			   m = (size_t) (1 + gen_int(gen_chance(5) ? 100 : 6));
		int letters = 1 + gen_int(3);
		char hay[MAX], needle[128];
		const char *want = NULL;
		void *h, *p;

		for (size_t i = 0; i < n; i++)
			hay[i] = (char) ('a' + gen_int(letters));
		for (size_t i = 0; i < m; i++)
			needle[i] = (char) ('a' + gen_int(letters));
		if (m < n && gen_chance(2))
			memcpy(needle, hay + gen_int((int) (n - m + 1)), m);
		at_end(&h, hay, n);
		at_end(&p, needle, m);
		for (size_t i = 0; want == NULL && i + m <= n; i++)
		{
			if (memcmp((char *) h + i, needle, m) == 0)
				want = (char *) h + i;
		}
		FOR_TABLES
		{
			LhNeedle needle_of = lh_needle(p, m);

			assert_true(needle_of.a < m && needle_of.b < m && needle_of.c < m);
			assert_true(m < 3 || (needle_of.a != needle_of.b && needle_of.b != needle_of.c));
			if ((const char *) table[t]->find(h, n, &needle_of) != want)
				fail_msg("find (%s): n %zu, m %zu", isa[t], n, m);
		}
		free(h);
		free(p);
	}
}

/* What lies behind the string must not be taken for a part of it. */
static void
find_ends_with_the_string(void **state)
{
	uint8_t s[256];
	LhNeedle needle = lh_needle((const uint8_t *) "needle", 6);

	memset(s, 'x', sizeof(s));
	for (size_t from = 0; from < 70; from++)
	{
		for (size_t n = 0; n < 140; n++)
		{
			FOR_TABLES
			{
				memcpy(s + from + n, "needle", 6);
				assert_null(table[t]->find(s + from, n, &needle));
				for (size_t cut = 1; cut < 6 && cut <= n; cut++)
				{
					memcpy(s + from + n - cut, "needle", 6);
					assert_null(table[t]->find(s + from, n, &needle));
					memset(s + from + n - cut, 'x', 8);
				}
				memset(s + from + n, 'x', 6);
			}
		}
	}
}

static void
utf8_length_agrees(void **state)
{
	for (int round = 0; round < 20000; round++)
	{
		uint8_t s[MAX];
		size_t n = (size_t) gen_int(gen_chance(4) ? MAX : 80), want = 0;
		void *base;

		for (size_t i = 0; i < n; i++)
		{
			s[i] = (uint8_t) gen_u64();
			want += (s[i] & 0xC0) != 0x80;
		}
		at_end(&base, s, n);
		FOR_TABLES
		assert_int_equal(table[t]->utf8_length(base, n), want);
		free(base);
	}
}

static void
is_ascii_agrees(void **state)
{
	for (int round = 0; round < 20000; round++)
	{
		uint8_t s[MAX];
		size_t n = (size_t) gen_int(MAX);
		bool want = true;
		void *base;

		for (size_t i = 0; i < n; i++)
			s[i] = (uint8_t) gen_int(128);
		if (n > 0 && gen_chance(2))
		{
			s[gen_int((int) n)] |= 0x80;
			want = false;
		}
		at_end(&base, s, n);
		FOR_TABLES
		assert_int_equal(table[t]->is_ascii(base, n), want);
		free(base);
	}
}

static void
sums_of_small_tables_agree(void **state)
{
	for (int round = 0; round < 4000; round++)
	{
		size_t n = (size_t) gen_int(MAX);
		int32_t values[64] = {0};
		uint32_t codes[MAX];
		uint64_t w[LH_WORDS(MAX)];
		const uint64_t *sel = some_rows(w, n);
		int nvalues = 1 + gen_int(64);
		int64_t want = 0;

		for (int i = 0; i < nvalues; i++)
			values[i] = edge_i32();
		for (size_t i = 0; i < n; i++)
		{
			codes[i] = (uint32_t) gen_int(nvalues);
			want += is_selected(sel, i) ? values[codes[i]] : 0;
		}
		FOR_TABLES
		{
			if (table[t]->sum_small != NULL)
				assert_true(table[t]->sum_small(codes, n, values, sel) == want);
		}
	}
}

static void
the_chosen_set_is_used(void **state)
{
	lh_isa_choose(LH_ISA_BASE);
	assert_ptr_equal(lh_vec_kernels(), &lh_vec_kernels_base);
	lh_isa_choose(LH_ISA_AVX512);
#if defined(__x86_64__)
	if (lh_isa_best() >= LH_ISA_AVX512)
		assert_ptr_equal(lh_vec_kernels(), &lh_vec_kernels_avx512);
#endif
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(range_i32_agrees),
		cmocka_unit_test(range_i64_agrees),
		cmocka_unit_test(range_f32_agrees),
		cmocka_unit_test(range_f64_agrees),
		cmocka_unit_test(in_i32_agrees),
		cmocka_unit_test(in_i64_agrees),
		cmocka_unit_test(nonzero_u8_agrees),
		cmocka_unit_test(codes_agree_for_every_size_of_dictionary),
		cmocka_unit_test(members_agree_for_every_size_of_table),
		cmocka_unit_test(sums_agree),
		cmocka_unit_test(minmax_i32_agrees),
		cmocka_unit_test(minmax_i64_agrees),
		cmocka_unit_test(minmax_f32_agrees),
		cmocka_unit_test(minmax_f64_agrees),
		cmocka_unit_test(histogram_agrees),
		cmocka_unit_test(find_agrees),
		cmocka_unit_test(find_ends_with_the_string),
		cmocka_unit_test(utf8_length_agrees),
		cmocka_unit_test(is_ascii_agrees),
		cmocka_unit_test(sums_of_small_tables_agree),
		cmocka_unit_test(the_chosen_set_is_used),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
