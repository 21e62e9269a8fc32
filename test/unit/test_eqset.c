/*
 * test_eqset.c
 *		Keys of equality deletes: what is found in a set is what brute force finds,
 *		whichever way the set is looked up (hash, or bitmap of a dense span), and
 *		however it came by its keys.
 */
#include "test_scan.h"

#include <sys/resource.h>

#include "scan/eqset.h"

#define MOST 4096

static uint64_t seed = 1;

static uint64_t
rnd(void)
{
	return lh_hash_u64(seed++);
}

typedef struct Keys
{
	int n;
	int64_t keys[MOST];
	uint32_t owners[MOST];
	bool nulls[MOST];
} Keys;

static const LhType int64_type = {.id = LH_T_INT64, .lane = LH_LANE_I64};

static LhVec
vec_of(const int64_t *values, const uint64_t *valid, int n)
{
	return (LhVec){.type = int64_type, .kind = LH_VEC_FLAT, .n = n, .data = values, .valid = valid};
}

/* A key of the set; keys of one owner come one after the other. */
static void
put(World *w, LhEqSet *set, Keys *keys, uint32_t owner, int64_t key, bool null)
{
	uint64_t valid = null ? 0 : 1;
	LhVec vec = vec_of(&key, &valid, 1);
	const LhVec *vecs[] = {&vec};

	assert_true(keys->n < MOST);
	keys->keys[keys->n] = key;
	keys->owners[keys->n] = owner;
	keys->nulls[keys->n++] = null;
	ok(w, lh_eqset_add(w->ctx, set, owner, vecs, 1));
}

static bool
is_deleted(const Keys *keys, uint64_t owners, int64_t value, bool null)
{
	for (int i = 0; i < keys->n; i++)
		if (lh_bit_get(&owners, keys->owners[i]) && keys->nulls[i] == null &&
			(null || keys->keys[i] == value))
			return true;
	return false;
}

/* Look up rows, as values and as codes of a dictionary: all must agree with brute force. */
static void
assert_finds(World *w, LhEqSet *set, const Keys *keys, uint64_t owners, const int64_t *values,
			 const uint64_t *valid, int n)
{
	uint64_t hits[LH_BATCH_WORDS];
	uint32_t codes[LH_BATCH];
	LhDict dict = {.type = int64_type, .n = (uint32_t) n, .values = values, .id = lh_dict_new_id()};
	LhVec forms[2] = {vec_of(values, valid, n), {.type = int64_type, .kind = LH_VEC_DICT, .n = n}};
	LhEqFilter *filter;
	LhSel sel;

	forms[1].dict = &dict;
	forms[1].codes = codes;
	forms[1].valid = valid;
	for (int i = 0; i < n; i++)
		codes[i] = lh_bit_get(valid, (size_t) i) ? (uint32_t) i : 0;
	lh_sel_all(&sel, n);
	sel.w[0] &= ~UINT64_C(2); /* a row that is not asked for */
	sel.count = (int) lh_bits_count(sel.w, LH_WORDS(n));
	ok(w, lh_eqfilter_create(w->ctx, set, &owners, &filter));
	for (int form = 0; form < 2; form++)
	{
		const LhVec *vecs[] = {&forms[form]};

		memset(hits, 0xAA, sizeof(hits));
		ok(w, lh_eqfilter_probe(w->ctx, filter, vecs, &sel, hits));
		for (int i = 0; i < (int) LH_WORDS(n) * 64; i++)
			assert_int_equal(lh_bit_get(hits, (size_t) i),
							 i < n && i != 1 &&
								 is_deleted(keys, owners, values[i], !lh_bit_get(valid, (size_t) i)));
	}
}

/* Values near the keys, others, the ends of the range, and nulls. */
static void
assert_like_brute_force(World *w, LhEqSet *set, const Keys *keys, uint64_t owners)
{
	int64_t values[LH_BATCH];
	uint64_t valid[LH_BATCH_WORDS];

	memset(valid, 0xFF, sizeof(valid));
	for (int i = 0; i < LH_BATCH; i++)
	{
		int64_t key = keys->n > 0 ? keys->keys[rnd() % (uint64_t) keys->n] : 0;

		switch (i % 8)
		{
			case 0: values[i] = key; break;
			case 1: values[i] = (int64_t) ((uint64_t) key + 1); break;
			case 2: values[i] = (int64_t) ((uint64_t) key - 1); break;
			case 3: values[i] = (int64_t) ((uint64_t) key + (rnd() % 200)); break;
			case 4: values[i] = INT64_MIN + (int64_t) (rnd() % 3); break;
			case 5: values[i] = INT64_MAX - (int64_t) (rnd() % 3); break;
			case 6: values[i] = (int64_t) rnd(); break;
			default: values[i] = key; valid[i / 64] &= ~(UINT64_C(1) << (i % 64)); break;
		}
	}
	assert_finds(w, set, keys, owners, values, valid, 3);
	assert_finds(w, set, keys, owners, values, valid, 64);
	assert_finds(w, set, keys, owners, values, valid, LH_BATCH - 1);
	assert_finds(w, set, keys, owners, values, valid, LH_BATCH);
}

static LhEqSet *
empty(World *w, Keys *keys)
{
	LhEqSet *set;

	keys->n = 0;
	ok(w, lh_eqset_create(w->ctx, 1, &int64_type, &set));
	return set;
}

static Keys keys;

static uint64_t
count_distinct(const Keys *keys)
{
	uint64_t n = 0;

	for (int i = 0; i < keys->n; i++)
	{
		bool seen = false;

		for (int k = 0; k < i && !seen; k++)
			seen = keys->nulls[k] == keys->nulls[i] && (keys->nulls[i] || keys->keys[k] == keys->keys[i]);
		n += !seen;
	}
	return n;
}

static void
assert_sealed(World *w, LhEqSet *set, uint64_t owners)
{
	ok(w, lh_eqset_seal(w->ctx, set));
	assert_int_equal(lh_eqset_keys(set), count_distinct(&keys));
	assert_like_brute_force(w, set, &keys, owners);
}

static void
dense_keys_are_found(void **state)
{
	World *w = *state;
	const int64_t bases[] = {0, -300, INT64_MIN, INT64_MAX - 3999, INT64_C(1) << 40};

	for (size_t b = 0; b < sizeof(bases) / sizeof(bases[0]); b++)
		for (int step = 1; step <= 63; step += 31)
		{
			LhEqSet *set = empty(w, &keys);

			for (int64_t k = 0; k < 4000; k += step)
				put(w, set, &keys, 0, bases[b] + k, false);
			assert_sealed(w, set, 1);
			assert_sealed(w, set, 0); /* the file does not apply */
		}
}

/* Far apart: the span has more bits than are worth it, up to all that there are. */
static void
sparse_keys_are_found(void **state)
{
	World *w = *state;
	LhEqSet *set = empty(w, &keys);

	put(w, set, &keys, 0, INT64_MIN, false);
	put(w, set, &keys, 0, INT64_MAX, false);
	put(w, set, &keys, 0, 0, false);
	assert_sealed(w, set, 1);
	for (int i = 0; i < 300; i++)
		put(w, set, &keys, 0, (int64_t) rnd(), false);
	assert_sealed(w, set, 1);
}

static void
null_keys_are_found(void **state)
{
	World *w = *state;
	LhEqSet *set = empty(w, &keys);

	put(w, set, &keys, 0, 0, true);
	assert_sealed(w, set, 1);
	assert_sealed(w, set, 0);
	for (int i = 0; i < 100; i++)
		put(w, set, &keys, 0, i * 2, false);
	assert_sealed(w, set, 1);
	assert_sealed(w, set, 0);
	/* the null key is no number of the span */
	set = empty(w, &keys);
	put(w, set, &keys, 0, 0, true);
	for (int i = -50; i <= 50; i++)
		if (i != 0)
			put(w, set, &keys, 0, i, false);
	assert_sealed(w, set, 1);
}

/* Of several delete files only those that apply count, dense or not. */
static void
owners_are_told_apart(void **state)
{
	World *w = *state;
	LhEqSet *set = empty(w, &keys);

	for (int i = 0; i < 200; i++)
		put(w, set, &keys, 0, i, false);
	assert_sealed(w, set, 1);
	/* another file comes after the seal */
	for (int i = 150; i < 350; i++)
		put(w, set, &keys, 1, i, false);
	put(w, set, &keys, 1, 0, true);
	for (uint64_t owners = 0; owners < 4; owners++)
		assert_sealed(w, set, owners);
}

/* A set that grows after it was sealed forgets nothing and invents nothing. */
static void
a_sealed_set_may_grow(void **state)
{
	World *w = *state;
	LhEqSet *set = empty(w, &keys);

	for (int round = 0; round < 6; round++)
	{
		for (int i = 0; i < 50; i++)
			put(w, set, &keys, 3, (int64_t) (rnd() % 2000) - 1000 * round, false);
		assert_sealed(w, set, 1 << 3);
	}
}

/* Keys of one file that are too far apart for a bitmap after all move into the hash table. */
static void
a_bitmap_may_turn_into_a_hash_table(void **state)
{
	World *w = *state;
	LhEqSet *set = empty(w, &keys);

	for (int i = 0; i < 1000; i++)
		put(w, set, &keys, 2, i * 3, false);
	put(w, set, &keys, 2, 0, true);
	assert_sealed(w, set, 4);
	put(w, set, &keys, 2, INT64_MAX, false);
	assert_sealed(w, set, 4);
	put(w, set, &keys, 2, -1, false);
	assert_sealed(w, set, 4);
	assert_sealed(w, set, 1);
}

/* Rows of many batches are folded before the seal: they are all there, and a key that comes again takes no place. */
static void
very_many_keys_are_found(void **state)
{
	World *w = *state;
	const int64_t strides[] = {3, 1000}; /* a bitmap, a hash table */
	static int64_t values[LH_BATCH];

	for (size_t s = 0; s < sizeof(strides) / sizeof(strides[0]); s++)
	{
		const int batches = 1200, distinct = 600;
		LhEqSet *set = empty(w, &keys);
		uint64_t hits[LH_BATCH_WORDS], owners = 1;
		LhVec vec = vec_of(values, NULL, LH_BATCH);
		const LhVec *vecs[] = {&vec};
		LhEqFilter *filter;
		LhSel all;

		/* from the highest to the lowest, twice */
		for (int b = 0; b < batches; b++)
		{
			int64_t first = (int64_t) (distinct - 1 - b % distinct) * LH_BATCH;

			for (int i = 0; i < LH_BATCH; i++)
				values[i] = (first + i) * strides[s];
			ok(w, lh_eqset_add(w->ctx, set, 0, vecs, LH_BATCH));
		}
		ok(w, lh_eqset_seal(w->ctx, set));
		assert_int_equal(lh_eqset_keys(set), distinct * LH_BATCH);
		ok(w, lh_eqfilter_create(w->ctx, set, &owners, &filter));
		lh_sel_all(&all, LH_BATCH);
		for (int b = -1; b <= distinct; b++)
		{
			bool within = b >= 0 && b < distinct;

			for (int i = 0; i < LH_BATCH; i++)
				values[i] = ((int64_t) b * LH_BATCH + i) * strides[s] + i % 2;
			ok(w, lh_eqfilter_probe(w->ctx, filter, vecs, &all, hits));
			for (size_t word = 0; word < LH_BATCH_WORDS; word++)
				assert_int_equal(hits[word], within ? UINT64_C(0x5555555555555555) : 0);
		}
	}
}

/* Values of the dictionary are looked up as a whole or row by row: both find the same, also in runs. */
static void
dictionaries_of_every_size_are_looked_up(void **state)
{
	World *w = *state;
	static int64_t values[20000];
	uint32_t codes[LH_BATCH];
	LhRun runs[LH_BATCH / 4];
	LhEqSet *set = empty(w, &keys);

	for (int i = 0; i < 300; i++)
		put(w, set, &keys, 0, i * 7, false);
	for (int second = 0; second < 2; second++)
	{
		uint64_t hits[LH_BATCH_WORDS], owners = 1;
		LhEqFilter *filter;
		LhSel all;

		if (second)
			put(w, set, &keys, 1, 3, false); /* another file: from now on it is the hash table */
		ok(w, lh_eqset_seal(w->ctx, set));
		ok(w, lh_eqfilter_create(w->ctx, set, &owners, &filter));
		lh_sel_all(&all, LH_BATCH);
		for (uint32_t n = 1; n <= 20000; n = n * 3 + 1)
		{
			LhDict dict = {.type = int64_type, .n = n, .values = values, .id = lh_dict_new_id()};
			LhVec forms[2] = {{.type = int64_type, .kind = LH_VEC_DICT, .n = LH_BATCH},
							  {.type = int64_type, .kind = LH_VEC_RUNS, .n = LH_BATCH}};

			for (uint32_t i = 0; i < n; i++)
				values[i] = (int64_t) (rnd() % 2500);
			for (int batch = 0; batch < 6; batch++)
			{
				for (int i = 0; i < LH_BATCH; i++)
					codes[i] = batch % 2 == 1 && i % 4 != 0 ? codes[i - 1] : (uint32_t) (rnd() % n);
				forms[0].dict = forms[1].dict = &dict;
				forms[0].codes = codes;
				forms[1].runs = runs;
				forms[1].nruns = LH_BATCH / 4;
				for (int r = 0; r < LH_BATCH / 4; r++)
					runs[r] = (LhRun){codes[r * 4], (uint32_t) (r + 1) * 4};
				for (int form = 0; form < (batch % 2 == 1 ? 2 : 1); form++)
				{
					const LhVec *vecs[] = {&forms[form]};

					ok(w, lh_eqfilter_probe(w->ctx, filter, vecs, &all, hits));
					for (int i = 0; i < LH_BATCH; i++)
						assert_int_equal(lh_bit_get(hits, (size_t) i),
										 values[codes[i]] % 7 == 0 && values[codes[i]] < 2100);
				}
			}
		}
	}
}

/* Memory for more slots is refused: what the set has is still found. */
static void
a_set_stays_whole_without_memory(void **state)
{
	World *w = *state;
	int64_t values[] = {1, INT64_C(1) << 40, 3, 4};
	uint64_t valid = 15;
	Keys keys = {0};
	LhEqSet *set;
	struct rlimit before, small;

#ifdef __SANITIZE_ADDRESS__
	print_message("skipped: the sanitizer's malloc does not bear a limit of the address space\n");
	skip();
#endif
	ok(w, lh_eqset_create(w->ctx, 1, &int64_type, &set));
	put(w, set, &keys, 1, 1, false);
	put(w, set, &keys, 1, INT64_C(1) << 40, false);
	ok(w, lh_eqset_seal(w->ctx, set)); /* too far apart: the hash table */
	assert_int_equal(getrlimit(RLIMIT_AS, &before), 0);
	small = before;
	small.rlim_cur = (rlim_t) 2 << 30;
	assert_int_equal(setrlimit(RLIMIT_AS, &small), 0);
	/* slots of 4 GB */
	assert_int_equal(lh_eqset_reserve(w->ctx, set, 1 << 28), LH_NO_MEMORY);
	lh_error_clear(w->ctx);
	assert_int_equal(setrlimit(RLIMIT_AS, &before), 0);
	assert_finds(w, set, &keys, 2, values, &valid, 4);
	put(w, set, &keys, 1, 4, false);
	assert_finds(w, set, &keys, 2, values, &valid, 4);
}

static size_t
address_space(void)
{
	unsigned long pages = 0;
	FILE *f = fopen("/proc/self/statm", "r");

	assert_non_null(f);
	assert_int_equal(fscanf(f, "%lu", &pages), 1);
	fclose(f);
	return pages * 4096;
}

/* A second file comes, and there is no memory to turn the bitmap into a hash table. */
static void
a_bitmap_stays_whole_without_memory(void **state)
{
	World *w = *state;
	static int64_t values[LH_BATCH];
	const int batches = 2000; /* slots of 64 MB */
	LhVec vec = vec_of(values, NULL, LH_BATCH);
	const LhVec *vecs[] = {&vec};
	uint64_t hits[LH_BATCH_WORDS], owners = 1;
	struct rlimit before, small;
	LhEqFilter *filter;
	LhEqSet *set = empty(w, &keys);
	LhSel all;

#ifdef __SANITIZE_ADDRESS__
	print_message("skipped: the sanitizer's malloc does not bear a limit of the address space\n");
	skip();
#endif
	for (int b = 0; b < batches; b++)
	{
		for (int i = 0; i < LH_BATCH; i++)
			values[i] = (int64_t) b * LH_BATCH + i;
		ok(w, lh_eqset_add(w->ctx, set, 0, vecs, LH_BATCH));
	}
	ok(w, lh_eqset_seal(w->ctx, set));
	ok(w, lh_eqfilter_create(w->ctx, set, &owners, &filter));
	assert_int_equal(getrlimit(RLIMIT_AS, &before), 0);
	small = before;
	small.rlim_cur = address_space() + (8 << 20);
	assert_int_equal(setrlimit(RLIMIT_AS, &small), 0);
	for (int i = 0; i < LH_BATCH; i++)
		values[i] = -1 - i;
	assert_int_equal(lh_eqset_add(w->ctx, set, 1, vecs, LH_BATCH), LH_NO_MEMORY);
	lh_error_clear(w->ctx);
	assert_int_equal(setrlimit(RLIMIT_AS, &before), 0);
	lh_sel_all(&all, LH_BATCH);
	for (int again = 0; again < 2; again++)
	{
		for (int b = -1; b <= batches; b++)
		{
			bool within = b >= 0 && b < batches;

			for (int i = 0; i < LH_BATCH; i++)
				values[i] = (int64_t) b * LH_BATCH + i;
			ok(w, lh_eqfilter_probe(w->ctx, filter, vecs, &all, hits));
			for (size_t word = 0; word < LH_BATCH_WORDS; word++)
				assert_int_equal(hits[word], within ? ~UINT64_C(0) : 0);
		}
		/* now there is memory */
		for (int i = 0; i < LH_BATCH; i++)
			values[i] = -1 - i;
		ok(w, lh_eqset_add(w->ctx, set, 1, vecs, LH_BATCH));
		ok(w, lh_eqset_seal(w->ctx, set));
		assert_int_equal(lh_eqset_keys(set), (batches + 1) * LH_BATCH);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(dense_keys_are_found),
		TEST(sparse_keys_are_found),
		TEST(null_keys_are_found),
		TEST(owners_are_told_apart),
		TEST(a_sealed_set_may_grow),
		TEST(a_bitmap_may_turn_into_a_hash_table),
		TEST(very_many_keys_are_found),
		TEST(dictionaries_of_every_size_are_looked_up),
		TEST(a_set_stays_whole_without_memory),
		TEST(a_bitmap_stays_whole_without_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
