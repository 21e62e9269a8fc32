/*
 * test_merkle.c
 *		Hash trees: roots and proofs of another implementation, of strangers, of huge logs.
 */
#include "unit/crypto_check.h"

#include <ftw.h>
#include <unistd.h>

#include "crypto/base64.h"
#include "crypto/merkle.h"

#define SHARED  "../shared/fixtures/crypto/merkle"
#define ENTRIES 33

/* ---- a log that keeps its nodes ---- */

typedef struct Log
{
	LhMerkle tree;
	LhMerkleHash *nodes[64]; /* by level */
	size_t cap;
	int reads;
	uint64_t visible; /* nodes complete beyond this size must not be asked for */
} Log;

static LhStatus
store(LhCtx *c, void *arg, int level, uint64_t index, const LhMerkleHash *hash)
{
	Log *log = arg;

	(void) c;
	assert_true(index < log->cap);
	if (log->nodes[level] == NULL)
		log->nodes[level] = calloc(log->cap, sizeof(LhMerkleHash));
	log->nodes[level][index] = *hash;
	return LH_OK;
}

static LhStatus
read_node(LhCtx *c, void *arg, int level, uint64_t index, LhMerkleHash *out)
{
	Log *log = arg;

	(void) c;
	log->reads++;
	assert_true((index + 1) << level <= log->visible);
	*out = log->nodes[level][index];
	return LH_OK;
}

static Log *
log_of(int n)
{
	Log *log = calloc(1, sizeof(*log));

	log->cap = (size_t) n;
	for (int i = 0; i < n; i++)
	{
		LhMerkleHash leaf;

		lh_merkle_leaf(of_text(lh_sprintf(ctx, "entry %d", i)), &leaf);
		ASSERT_OK(lh_merkle_append(ctx, &log->tree, &leaf, store, log));
	}
	return log;
}

static void
free_log(Log *log)
{
	for (int i = 0; i < 64; i++)
		free(log->nodes[i]);
	free(log);
}

static LhSlice
of_hash(const LhMerkleHash *h)
{
	return lh_slice(h->b, LH_SHA256);
}

static void
slices_of(const LhMerkleProof *proof, LhSlice out[LH_MERKLE_PROOF])
{
	for (int i = 0; i < proof->n; i++)
		out[i] = of_hash(&proof->hashes[i]);
}

/* ---- against another implementation ---- */

static void
assert_proof(const LhMerkleProof *proof, const json_t *test)
{
	json_t *hashes = json_object_get(test, "proof"), *hash;
	size_t i;

	assert_int_equal(json_array_size(hashes), proof->n);
	json_array_foreach(hashes, i, hash)
		assert_bytes(of_hash(&proof->hashes[i]), of_hex(json_string_value(hash)));
}

static void
roots_and_proofs_are_those_of_the_definition(void **state)
{
	json_t *root = own_json("merkle.json"), *test;
	Log *log = log_of(ENTRIES);
	LhMerkleHash roots[ENTRIES + 1], leaf;
	LhMerkleProof proof;
	LhSlice slices[LH_MERKLE_PROOF];
	LhMerkle tree = {0};
	size_t i;

	(void) state;
	assert_int_equal(json_array_size(json_object_get(root, "roots")), ENTRIES + 1);
	json_array_foreach(json_object_get(root, "roots"), i, test)
	{
		LhSlice expected = of_hex(json_string_value(test));

		lh_merkle_root(&tree, &roots[i]);
		assert_bytes(of_hash(&roots[i]), expected);
		log->visible = i;
		ASSERT_OK(lh_merkle_root_at(ctx, i, read_node, log, &leaf));
		assert_bytes(of_hash(&leaf), expected);
		lh_merkle_leaf(of_text(lh_sprintf(ctx, "entry %zu", i)), &leaf);
		ASSERT_OK(lh_merkle_append(ctx, &tree, &leaf, NULL, NULL));
	}
	assert_int_equal(json_array_size(json_object_get(root, "inclusion")), 84);
	json_array_foreach(json_object_get(root, "inclusion"), i, test)
	{
		uint64_t index = (uint64_t) number_member(test, "index");
		uint64_t size = (uint64_t) number_member(test, "size");

		log->visible = size;
		ASSERT_OK(lh_merkle_inclusion(ctx, index, size, read_node, log, &proof));
		assert_proof(&proof, test);
		slices_of(&proof, slices);
		assert_true(lh_merkle_verify_inclusion(index, size, of_hash(&log->nodes[0][index]), slices,
											   proof.n, of_hash(&roots[size])));
	}
	assert_int_equal(json_array_size(json_object_get(root, "consistency")), 84);
	json_array_foreach(json_object_get(root, "consistency"), i, test)
	{
		uint64_t from = (uint64_t) number_member(test, "from");
		uint64_t to = (uint64_t) number_member(test, "to");

		log->visible = to;
		ASSERT_OK(lh_merkle_consistency(ctx, from, to, read_node, log, &proof));
		assert_proof(&proof, test);
		slices_of(&proof, slices);
		assert_true(lh_merkle_verify_consistency(from, to, of_hash(&roots[from]),
												 of_hash(&roots[to]), slices, proof.n));
	}
	json_decref(root);
	free_log(log);
}

/* ---- what is wrong ---- */

/* Every proof, with each hash changed, left out, added, and for each other place. */
static void
no_other_proof_passes(void **state)
{
	enum
	{
		N = 20
	};
	Log *log = log_of(N);
	LhMerkleHash roots[N + 1], other, longer, longer_from;
	LhMerkleProof proof;
	LhSlice s[LH_MERKLE_PROOF + 1], extra = of_hex("00");

	(void) state;
	memset(&other, 0xee, sizeof(other));
	log->visible = N;
	for (uint64_t n = 0; n <= N; n++)
		ASSERT_OK(lh_merkle_root_at(ctx, n, read_node, log, &roots[n]));
	for (uint64_t size = 1; size <= N; size++)
		for (uint64_t index = 0; index < size; index++)
		{
			LhSlice leaf = of_hash(&log->nodes[0][index]), root = of_hash(&roots[size]);

			ASSERT_OK(lh_merkle_inclusion(ctx, index, size, read_node, log, &proof));
			slices_of(&proof, s);
			assert_true(lh_merkle_verify_inclusion(index, size, leaf, s, proof.n, root));
			assert_false(
				lh_merkle_verify_inclusion(index, size, of_hash(&other), s, proof.n, root));
			assert_false(
				lh_merkle_verify_inclusion(index, size, leaf, s, proof.n, of_hash(&other)));
			assert_false(
				lh_merkle_verify_inclusion(index, size, lh_slice(leaf.data, 31), s, proof.n, root));
			assert_false(
				lh_merkle_verify_inclusion(index, size, leaf, s, proof.n, lh_slice(root.data, 31)));
			assert_false(lh_merkle_verify_inclusion(index, size, leaf, s, proof.n - 1, root));
			s[proof.n] = of_hash(&other);
			assert_false(lh_merkle_verify_inclusion(index, size, leaf, s, proof.n + 1, root));
			/* not even to a root that the surplus hash leads to */
			lh_merkle_node(&other, &roots[size], &longer);
			assert_false(
				lh_merkle_verify_inclusion(index, size, leaf, s, proof.n + 1, of_hash(&longer)));
			s[proof.n] = extra;
			assert_false(lh_merkle_verify_inclusion(index, size, leaf, s, proof.n + 1, root));
			for (int i = 0; i < proof.n; i++)
			{
				LhSlice right = s[i];

				s[i] = of_hash(&other);
				assert_false(lh_merkle_verify_inclusion(index, size, leaf, s, proof.n, root));
				s[i] = lh_slice(right.data, 31);
				assert_false(lh_merkle_verify_inclusion(index, size, leaf, s, proof.n, root));
				s[i] = right;
			}
			for (uint64_t k = 0; k <= size; k++)
				if (k != index)
					assert_false(lh_merkle_verify_inclusion(k, size, leaf, s, proof.n, root));
		}
	for (uint64_t to = 1; to <= N; to++)
		for (uint64_t from = 1; from <= to; from++)
		{
			LhSlice a = of_hash(&roots[from]), b = of_hash(&roots[to]);

			ASSERT_OK(lh_merkle_consistency(ctx, from, to, read_node, log, &proof));
			slices_of(&proof, s);
			assert_true(lh_merkle_verify_consistency(from, to, a, b, s, proof.n));
			assert_false(lh_merkle_verify_consistency(from, to, of_hash(&other), b, s, proof.n));
			assert_false(lh_merkle_verify_consistency(from, to, a, of_hash(&other), s, proof.n));
			assert_false(lh_merkle_verify_consistency(from, to, a, b, s, proof.n - 1));
			s[proof.n] = of_hash(&other);
			assert_false(lh_merkle_verify_consistency(from, to, a, b, s, proof.n + 1));
			lh_merkle_node(&other, &roots[from], &longer_from);
			lh_merkle_node(&other, &roots[to], &longer);
			assert_false(lh_merkle_verify_consistency(from, to, of_hash(&longer_from),
													  of_hash(&longer), s, proof.n + 1));
			for (int i = 0; i < proof.n; i++)
			{
				LhSlice right = s[i];

				s[i] = of_hash(&other);
				assert_false(lh_merkle_verify_consistency(from, to, a, b, s, proof.n));
				s[i] = right;
			}
			if (from != to)
				assert_false(lh_merkle_verify_consistency(to, from, b, a, s, proof.n));
		}
	free_log(log);
}

/* A node's hash is not a leaf's, so that no subtree passes for an entry. */
static void
a_node_is_no_leaf(void **state)
{
	LhMerkleHash left, right, node, leaf;
	uint8_t both[64];

	(void) state;
	lh_merkle_leaf(of_text("a"), &left);
	lh_merkle_leaf(of_text("b"), &right);
	lh_merkle_node(&left, &right, &node);
	memcpy(both, left.b, 32);
	memcpy(both + 32, right.b, 32);
	lh_merkle_leaf(lh_slice(both, 64), &leaf);
	assert_memory_not_equal(node.b, leaf.b, 32);
}

static void
sizes_without_a_proof_are_errors(void **state)
{
	Log *log = log_of(4);
	LhMerkle full = {.size = LH_MERKLE_MOST};
	LhMerkleHash hash;
	LhMerkleProof proof;

	(void) state;
	log->visible = 4;
	ASSERT_FAILS(lh_merkle_inclusion(ctx, 4, 4, read_node, log, &proof), LH_OUT_OF_RANGE,
				 "no entry 4");
	ASSERT_FAILS(lh_merkle_inclusion(ctx, 0, 0, read_node, log, &proof), LH_OUT_OF_RANGE,
				 "no entry 0");
	ASSERT_FAILS(lh_merkle_consistency(ctx, 5, 4, read_node, log, &proof), LH_OUT_OF_RANGE,
				 "continues one of 5");
	ASSERT_FAILS(lh_merkle_consistency(ctx, 0, 4, read_node, log, &proof), LH_OUT_OF_RANGE,
				 "continues one of 0");
	ASSERT_FAILS(lh_merkle_inclusion(ctx, 0, UINT64_MAX, read_node, log, &proof), LH_OUT_OF_RANGE,
				 "2^63");
	ASSERT_FAILS(lh_merkle_consistency(ctx, 1, UINT64_MAX, read_node, log, &proof), LH_OUT_OF_RANGE,
				 "2^63");
	ASSERT_FAILS(lh_merkle_root_at(ctx, UINT64_MAX, read_node, log, &hash), LH_OUT_OF_RANGE,
				 "2^63");
	ASSERT_FAILS(lh_merkle_append(ctx, &full, &hash, NULL, NULL), LH_LIMIT, "2^63");
	assert_false(lh_merkle_verify_inclusion(0, UINT64_MAX, of_hash(&log->nodes[0][0]), NULL, 0,
											of_hash(&log->nodes[0][0])));
	free_log(log);
}

/* ---- state ---- */

static LhStatus
refuse(LhCtx *c, void *arg, int level, uint64_t index, const LhMerkleHash *hash)
{
	int *left = arg;

	(void) level, (void) index, (void) hash;
	if (--*left < 0)
		LH_FAIL(c, LH_IO, "the disk is full");
	return LH_OK;
}

static void
a_failed_store_changes_nothing(void **state)
{
	Log *log = log_of(7);
	LhMerkle before = log->tree;
	LhMerkleHash leaf;

	(void) state;
	lh_merkle_leaf(of_text("entry 7"), &leaf);
	/* the eighth entry completes four nodes */
	for (int left = 0; left < 4; left++)
	{
		int count = left;

		assert_int_equal(lh_merkle_append(ctx, &log->tree, &leaf, refuse, &count), LH_IO);
		assert_memory_equal(&log->tree, &before, sizeof(before));
	}
	free_log(log);
}

static void
state_goes_to_bytes_and_back(void **state)
{
	uint8_t bytes[LH_MERKLE_STATE];
	LhMerkleHash a, b;

	(void) state;
	for (int n = 0; n <= ENTRIES; n++)
	{
		Log *log = log_of(n > 0 ? n : 1);
		LhMerkle empty = {0}, loaded, *tree = n > 0 ? &log->tree : &empty;
		size_t len = lh_merkle_save(tree, bytes);

		ASSERT_OK(lh_merkle_load(ctx, lh_slice(lh_memdup(ctx, bytes, len), len), &loaded));
		lh_merkle_leaf(of_text("next"), &a);
		ASSERT_OK(lh_merkle_append(ctx, tree, &a, NULL, NULL));
		ASSERT_OK(lh_merkle_append(ctx, &loaded, &a, NULL, NULL));
		lh_merkle_root(tree, &a);
		lh_merkle_root(&loaded, &b);
		assert_memory_equal(a.b, b.b, 32);
		for (size_t cut = 0; cut < len; cut++)
			assert_int_equal(
				lh_merkle_load(ctx, lh_slice(lh_memdup(ctx, bytes, cut), cut), &loaded),
				LH_CORRUPT);
		assert_int_equal(lh_merkle_load(ctx, lh_slice(bytes, len + 1), &loaded), LH_CORRUPT);
		bytes[0] = 2;
		assert_int_equal(lh_merkle_load(ctx, lh_slice(bytes, len), &loaded), LH_UNSUPPORTED);
		bytes[0] = 1;
		bytes[1] |= 0x80;
		assert_int_equal(lh_merkle_load(ctx, lh_slice(bytes, len), &loaded), LH_CORRUPT);
		free_log(log);
	}
}

/* ---- a log that is too large to be there ---- */

/*
 * A node of a log whose entries are all equal depends on its level only: a log of any size
 * can be asked.
 */
static LhStatus
read_equal(LhCtx *c, void *arg, int level, uint64_t index, LhMerkleHash *out)
{
	int *reads = arg;

	(void) c, (void) index;
	++*reads;
	lh_merkle_leaf(of_text("same"), out);
	for (int i = 0; i < level; i++)
		lh_merkle_node(out, out, out);
	return LH_OK;
}

static void
huge_logs_need_few_reads(void **state)
{
	static const uint64_t sizes[] = {1000000000,     1000000007,         (UINT64_C(1) << 40) - 1,
									 LH_MERKLE_MOST, LH_MERKLE_MOST - 1, UINT64_C(1) << 62};
	uint64_t seed = 3;

	(void) state;
	for (int round = 0; round < 300; round++)
	{
		uint64_t size = sizes[round % 6], index = next_random(&seed) % size;
		LhMerkleHash root, earlier, leaf;
		LhSlice slices[LH_MERKLE_PROOF];
		LhMerkleProof proof;
		int reads = 0, most = 2 * (64 - __builtin_clzll(size));

		/* also the edges, where the ranges are uneven */
		if (round % 7 < 3)
			index = size - 1 - (uint64_t) (round % 7);
		lh_merkle_leaf(of_text("same"), &leaf);
		ASSERT_OK(lh_merkle_root_at(ctx, size, read_equal, &reads, &root));
		assert_true(reads <= most);
		reads = 0;
		ASSERT_OK(lh_merkle_inclusion(ctx, index, size, read_equal, &reads, &proof));
		assert_true(reads <= most);
		slices_of(&proof, slices);
		assert_true(lh_merkle_verify_inclusion(index, size, of_hash(&leaf), slices, proof.n,
											   of_hash(&root)));
		reads = 0;
		ASSERT_OK(lh_merkle_root_at(ctx, index + 1, read_equal, &reads, &earlier));
		reads = 0;
		ASSERT_OK(lh_merkle_consistency(ctx, index + 1, size, read_equal, &reads, &proof));
		assert_true(reads <= most);
		slices_of(&proof, slices);
		assert_true(lh_merkle_verify_consistency(index + 1, size, of_hash(&earlier), of_hash(&root),
												 slices, proof.n));
	}
}

/* ---- other people's proofs ---- */

static int passed, refused;

static LhSlice
of_base64(const json_t *text)
{
	const char *s = json_string_value(text);
	size_t len;
	uint8_t *out;

	if (s == NULL)
		return (LhSlice){0};
	out = lh_alloc(ctx, LH_BASE64_BYTES(strlen(s)));
	assert_true(lh_base64_decode(LH_BASE64_STANDARD, s, strlen(s), out, &len));
	return lh_slice(out, len);
}

static uint64_t
of_number(const json_t *test, const char *name)
{
	json_t *v = json_object_get(test, name);

	/* JSON of Go has numbers up to 2^64, which jansson reads as reals */
	if (json_is_real(v))
		return json_real_value(v) >= 18446744073709549568.0 ? UINT64_MAX
															: (uint64_t) json_real_value(v);
	return (uint64_t) json_integer_value(v);
}

static int
check_file(const char *path, const struct stat *st, int kind)
{
	json_t *test, *hash, *hashes;
	LhSlice proof[LH_MERKLE_PROOF * 2];
	bool good;
	size_t i;

	(void) st;
	if (kind != FTW_F || strstr(path, ".json") == NULL)
		return 0;
	test = json_load_file(path, 0, NULL);
	if (test == NULL)
		test = json_load_file(path, JSON_DECODE_INT_AS_REAL, NULL);
	assert_non_null(test);
	hashes = json_object_get(test, "proof");
	assert_true(json_array_size(hashes) <= LH_MERKLE_PROOF * 2);
	json_array_foreach(hashes, i, hash) proof[i] = of_base64(hash);
	if (strstr(path, "/inclusion/") != NULL)
		good = lh_merkle_verify_inclusion(of_number(test, "leafIdx"), of_number(test, "treeSize"),
										  of_base64(json_object_get(test, "leafHash")), proof,
										  (int) json_array_size(hashes),
										  of_base64(json_object_get(test, "root")));
	else
		good = lh_merkle_verify_consistency(of_number(test, "size1"), of_number(test, "size2"),
											of_base64(json_object_get(test, "root1")),
											of_base64(json_object_get(test, "root2")), proof,
											(int) json_array_size(hashes));
	if (good == json_is_true(json_object_get(test, "wantErr")))
		fail_msg("%s: %s", path, json_string_value(json_object_get(test, "desc")));
	*(good ? &passed : &refused) += 1;
	json_decref(test);
	return 0;
}

static void
other_peoples_proofs(void **state)
{
	static const char *const folders[] = {SHARED "/inclusion", SHARED "/consistency"};

	(void) state;
	for (int i = 0; i < 2; i++)
	{
		if (access(folders[i], R_OK) != 0)
		{
			print_message("SKIPPED: %s is not there\n", folders[i]);
			skip();
		}
		passed = refused = 0;
		assert_int_equal(ftw(folders[i], check_file, 16), 0);
		assert_int_equal(passed, 6);
		assert_int_equal(refused, 92);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(roots_and_proofs_are_those_of_the_definition, setup,
										teardown),
		cmocka_unit_test_setup_teardown(no_other_proof_passes, setup, teardown),
		cmocka_unit_test_setup_teardown(a_node_is_no_leaf, setup, teardown),
		cmocka_unit_test_setup_teardown(sizes_without_a_proof_are_errors, setup, teardown),
		cmocka_unit_test_setup_teardown(a_failed_store_changes_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(state_goes_to_bytes_and_back, setup, teardown),
		cmocka_unit_test_setup_teardown(huge_logs_need_few_reads, setup, teardown),
		cmocka_unit_test_setup_teardown(other_peoples_proofs, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
