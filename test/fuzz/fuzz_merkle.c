/*
 * fuzz_merkle.c
 *		Merkle proofs: hostile ones never pass, true ones always do.
 *
 * Input: flags (1 byte), two numbers (8 bytes each), then bytes of hashes.  Without flags the
 * hashes are a stranger's proof of numbers and roots; the roots are made here over entries
 * that the stranger does not know.  1: a true proof of a log of up to 2^63 equal entries
 * must pass, and one with a byte changed must not.  2: the rest is the state of a log.
 */
#include "fuzz/fuzz_ctx.h"
#include "crypto/merkle.h"

#define CHECK(condition)  \
	do                    \
	{                     \
		if (!(condition)) \
			abort();      \
	} while (0)

static LhMerkleHash levels[64];

static void
prepare(void)
{
	static bool done;

	if (done)
		return;
	lh_merkle_leaf(lh_slice("same", 4), &levels[0]);
	for (int i = 1; i < 64; i++)
		lh_merkle_node(&levels[i - 1], &levels[i - 1], &levels[i]);
	done = true;
}

/* A node of a log whose entries are all equal. */
static LhStatus
read_node(LhCtx *ctx, void *arg, int level, uint64_t index, LhMerkleHash *out)
{
	uint64_t size = *(uint64_t *) arg;

	(void) ctx;
	CHECK(level >= 0 && level < 63 && index < size >> level);
	*out = levels[level];
	return LH_OK;
}

static LhSlice
of_hash(const LhMerkleHash *h)
{
	return lh_slice(h->b, LH_SHA256);
}

static void
slices_of(const LhMerkleProof *proof, LhSlice *out)
{
	CHECK(proof->n >= 0 && proof->n <= LH_MERKLE_PROOF);
	for (int i = 0; i < proof->n; i++)
		out[i] = of_hash(&proof->hashes[i]);
}

static void
true_proofs(LhCtx *ctx, uint64_t index, uint64_t size, uint8_t change)
{
	LhMerkleHash root, earlier;
	LhMerkleProof proof;
	LhSlice s[LH_MERKLE_PROOF];

	size = size % LH_MERKLE_MOST + 1;
	index %= size;
	CHECK(lh_merkle_root_at(ctx, size, read_node, &size, &root) == LH_OK);
	CHECK(lh_merkle_inclusion(ctx, index, size, read_node, &size, &proof) == LH_OK);
	slices_of(&proof, s);
	CHECK(lh_merkle_verify_inclusion(index, size, of_hash(&levels[0]), s, proof.n, of_hash(&root)));
	if (proof.n > 0)
	{
		proof.hashes[change % proof.n].b[change % LH_SHA256] ^= 1;
		CHECK(!lh_merkle_verify_inclusion(index, size, of_hash(&levels[0]), s, proof.n,
										  of_hash(&root)));
	}
	index++;
	CHECK(lh_merkle_root_at(ctx, index, read_node, &index, &earlier) == LH_OK);
	CHECK(lh_merkle_consistency(ctx, index, size, read_node, &size, &proof) == LH_OK);
	slices_of(&proof, s);
	CHECK(lh_merkle_verify_consistency(index, size, of_hash(&earlier), of_hash(&root), s, proof.n));
	if (proof.n > 0)
	{
		proof.hashes[change % proof.n].b[change % LH_SHA256] ^= 1;
		CHECK(!lh_merkle_verify_consistency(index, size, of_hash(&earlier), of_hash(&root), s,
											proof.n));
	}
}

static void
strange_proofs(LhCtx *ctx, uint64_t a, uint64_t b, LhSlice bytes)
{
	LhSlice s[LH_MERKLE_PROOF + 2], other = lh_slice("no hash of anything that is here", 32);
	LhMerkleHash root;
	uint64_t size = b % LH_MERKLE_MOST + 1;
	int n = 0;

	for (; bytes.len > 0 && n < LH_MERKLE_PROOF + 2; n++)
	{
		s[n] = lh_slice(bytes.data, bytes.len < LH_SHA256 ? bytes.len : LH_SHA256);
		bytes = lh_slice(bytes.data + s[n].len, bytes.len - s[n].len);
	}
	CHECK(lh_merkle_root_at(ctx, size, read_node, &size, &root) == LH_OK);
	CHECK(!lh_merkle_verify_inclusion(a, size, other, s, n, of_hash(&root)));
	CHECK(!lh_merkle_verify_consistency(a, size, other, of_hash(&root), s, n));
	(void) lh_merkle_verify_inclusion(a, b, other, s, n, other);
	(void) lh_merkle_verify_consistency(a, b, other, other, s, n);
}

static void
load_state(LhCtx *ctx, LhSlice bytes)
{
	uint8_t again[LH_MERKLE_STATE];
	LhMerkleHash root;
	LhMerkle tree;
	size_t n;

	if (lh_merkle_load(ctx, bytes, &tree) != LH_OK)
		return;
	n = lh_merkle_save(&tree, again);
	CHECK(n == bytes.len && memcmp(again, bytes.data, n) == 0);
	lh_merkle_root(&tree, &root);
	CHECK(lh_merkle_append(ctx, &tree, &root, NULL, NULL) == LH_OK || tree.size == LH_MERKLE_MOST);
	lh_merkle_root(&tree, &root);
}

extern int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	LhCtx *ctx = fuzz_ctx();

	prepare();
	if (size < 17)
		return 0;
	if (data[0] & 2)
		load_state(ctx, lh_slice(data + 1, size - 1));
	else if (data[0] & 1)
		true_proofs(ctx, lh_load_u64(data + 1), lh_load_u64(data + 9), data[size - 1]);
	else
		strange_proofs(ctx, lh_load_u64(data + 1), lh_load_u64(data + 9),
					   lh_slice(data + 17, size - 17));
	fuzz_ctx_done(ctx);
	return 0;
}
