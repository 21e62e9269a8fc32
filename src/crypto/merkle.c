/*
 * merkle.c
 *		Hash trees of logs, and their proofs.
 *
 * Making a proof goes down from the root of [0, size): a range of more than one entry is
 * split after the largest power of two that is smaller than it.  A range that begins at
 * a multiple of its size, a power of two, is a stored node.  Ranges at the right edge are no
 * nodes; they are made of one node for each bit of their size.  At most one of the
 * ranges of a proof is such a one, so that reads stay below two for each level.
 *
 * Verifying is the algorithm of RFC 9162: it goes up and knows from the bits of index and
 * size on which side the next hash stands.
 */
#include "crypto/merkle.h"

#define STATE_VERSION 1

void
lh_merkle_leaf(LhSlice entry, LhMerkleHash *out)
{
	static const uint8_t kind = 0;
	LhSha256 hash;

	lh_sha256_begin(&hash);
	lh_sha256_add(&hash, &kind, 1);
	lh_sha256_add(&hash, entry.data, entry.len);
	lh_sha256_end(&hash, out->b);
}

void
lh_merkle_node(const LhMerkleHash *left, const LhMerkleHash *right, LhMerkleHash *out)
{
	uint8_t bytes[1 + 2 * LH_SHA256];

	bytes[0] = 1;
	memcpy(bytes + 1, left->b, LH_SHA256);
	memcpy(bytes + 1 + LH_SHA256, right->b, LH_SHA256);
	lh_sha256(lh_slice(bytes, sizeof(bytes)), out->b);
}

/*
 * Appending
 */

LhStatus
lh_merkle_append(LhCtx *ctx, LhMerkle *tree, const LhMerkleHash *leaf, LhMerkleStoreFn store,
				 void *arg)
{
	LhMerkleHash h = *leaf;
	int level = 0;

	if (tree->size >= LH_MERKLE_MOST)
		LH_FAIL(ctx, LH_LIMIT, "a log holds at most 2^63 - 1 entries");
	for (;; level++)
	{
		if (store != NULL)
			LH_TRY(store(ctx, arg, level, tree->size >> level, &h));
		if ((tree->size >> level & 1) == 0)
			break;
		lh_merkle_node(&tree->peaks[level], &h, &h);
	}
	tree->peaks[level] = h;
	tree->size++;
	return LH_OK;
}

void
lh_merkle_root(const LhMerkle *tree, LhMerkleHash *out)
{
	bool any = false;

	lh_sha256((LhSlice){0}, out->b);
	for (int level = 0; level < 63; level++)
	{
		if ((tree->size >> level & 1) == 0)
			continue;
		if (any)
			lh_merkle_node(&tree->peaks[level], out, out);
		else
			*out = tree->peaks[level];
		any = true;
	}
}

size_t
lh_merkle_save(const LhMerkle *tree, uint8_t out[LH_MERKLE_STATE])
{
	uint64_t size = __builtin_bswap64(tree->size);
	size_t n = 9;

	out[0] = STATE_VERSION;
	memcpy(out + 1, &size, sizeof(size));
	for (int level = 62; level >= 0; level--)
	{
		if ((tree->size >> level & 1) == 0)
			continue;
		memcpy(out + n, tree->peaks[level].b, LH_SHA256);
		n += LH_SHA256;
	}
	return n;
}

LhStatus
lh_merkle_load(LhCtx *ctx, LhSlice state, LhMerkle *out)
{
	const uint8_t *p = state.data + 9;
	uint64_t size;

	if (state.len < 1)
		LH_FAIL(ctx, LH_CORRUPT, "the state of a log is empty");
	if (state.data[0] != STATE_VERSION)
		LH_FAIL(ctx, LH_UNSUPPORTED, "the state of a log has version %d; known is version %d",
				state.data[0], STATE_VERSION);
	size = state.len >= 9 ? lh_load_be64(state.data + 1) : 0;
	if (state.len < 9 || size > LH_MERKLE_MOST ||
		state.len != 9 + (size_t) __builtin_popcountll(size) * LH_SHA256)
		LH_FAIL(ctx, LH_CORRUPT, "the state of a log has %zu bytes, which do not fit its size",
				state.len);
	memset(out, 0, sizeof(*out));
	out->size = size;
	for (int level = 62; level >= 0; level--)
	{
		if ((size >> level & 1) == 0)
			continue;
		memcpy(out->peaks[level].b, p, LH_SHA256);
		p += LH_SHA256;
	}
	return LH_OK;
}

/*
 * Making proofs
 */

typedef struct Reader
{
	LhMerkleReadFn read;
	void *arg;
} Reader;

/* Largest power of two below n, n > 1; as its exponent. */
static int
split_level(uint64_t n)
{
	return 63 - __builtin_clzll(n - 1);
}

/*
 * Hash of the entries [begin, end), begin < end, where begin is a multiple of the largest
 * power of two within: of one node for each bit, the smallest first.
 */
static LhStatus
range_hash(LhCtx *ctx, const Reader *r, uint64_t begin, uint64_t end, LhMerkleHash *out)
{
	uint64_t size = end - begin;
	bool any = false;

	for (int level = 0; level < 63; level++)
	{
		LhMerkleHash node;

		if ((size >> level & 1) == 0)
			continue;
		/* what is left of this node has only higher bits */
		LH_TRY(r->read(ctx, r->arg, level, (begin >> level) + (size >> (level + 1) << 1), &node));
		if (any)
			lh_merkle_node(&node, out, out);
		else
			*out = node;
		any = true;
	}
	return LH_OK;
}

/* The way down meets the largest hash first; a proof begins with the smallest. */
static void
reverse(LhMerkleProof *proof)
{
	for (int i = 0, k = proof->n - 1; i < k; i++, k--)
	{
		LhMerkleHash h = proof->hashes[i];

		proof->hashes[i] = proof->hashes[k];
		proof->hashes[k] = h;
	}
}

static LhStatus
check_size(LhCtx *ctx, uint64_t size)
{
	if (size > LH_MERKLE_MOST)
		LH_FAIL(ctx, LH_OUT_OF_RANGE, "a log holds at most 2^63 - 1 entries");
	return LH_OK;
}

LhStatus
lh_merkle_root_at(LhCtx *ctx, uint64_t size, LhMerkleReadFn read, void *arg, LhMerkleHash *out)
{
	Reader r = {read, arg};

	LH_TRY(check_size(ctx, size));
	lh_sha256((LhSlice){0}, out->b);
	return size == 0 ? LH_OK : range_hash(ctx, &r, 0, size, out);
}

LhStatus
lh_merkle_inclusion(LhCtx *ctx, uint64_t index, uint64_t size, LhMerkleReadFn read, void *arg,
					LhMerkleProof *out)
{
	Reader r = {read, arg};
	uint64_t begin = 0, end = size;

	LH_TRY(check_size(ctx, size));
	if (index >= size)
		LH_FAIL(ctx, LH_OUT_OF_RANGE, "a log of %llu entries has no entry %llu",
				(unsigned long long) size, (unsigned long long) index);
	out->n = 0;
	while (end - begin > 1)
	{
		uint64_t middle = begin + (UINT64_C(1) << split_level(end - begin));
		bool left = index < middle;

		LH_TRY(range_hash(ctx, &r, left ? middle : begin, left ? end : middle,
						  &out->hashes[out->n++]));
		*(left ? &end : &begin) = middle;
	}
	reverse(out);
	return LH_OK;
}

LhStatus
lh_merkle_consistency(LhCtx *ctx, uint64_t from, uint64_t to, LhMerkleReadFn read, void *arg,
					  LhMerkleProof *out)
{
	Reader r = {read, arg};
	uint64_t begin = 0, end = to;

	LH_TRY(check_size(ctx, to));
	if (from > to || (from == 0 && to > 0))
		LH_FAIL(ctx, LH_OUT_OF_RANGE,
				"there is no proof that a log of %llu entries continues one of %llu",
				(unsigned long long) to, (unsigned long long) from);
	out->n = 0;
	while (end != from)
	{
		uint64_t middle = begin + (UINT64_C(1) << split_level(end - begin));
		bool left = from <= middle;

		LH_TRY(range_hash(ctx, &r, left ? middle : begin, left ? end : middle,
						  &out->hashes[out->n++]));
		*(left ? &end : &begin) = middle;
	}
	/* the earlier root itself is known, unless the way led to the right */
	if (begin > 0)
		LH_TRY(range_hash(ctx, &r, begin, end, &out->hashes[out->n++]));
	reverse(out);
	return LH_OK;
}

/*
 * Verifying
 */

/* A copy of a stranger's hash; false: it is none. */
static bool
take(LhSlice s, LhMerkleHash *out)
{
	if (s.len != LH_SHA256)
		return false;
	memcpy(out->b, s.data, LH_SHA256);
	return true;
}

static bool
same(const LhMerkleHash *a, LhSlice b)
{
	return b.len == LH_SHA256 && memcmp(a->b, b.data, LH_SHA256) == 0;
}

bool
lh_merkle_verify_inclusion(uint64_t index, uint64_t size, LhSlice leaf, const LhSlice *proof, int n,
						   LhSlice root)
{
	uint64_t fn = index, sn = size - 1;
	LhMerkleHash r, p;

	if (size == 0 || size > LH_MERKLE_MOST || index >= size || n < 0 || n > LH_MERKLE_PROOF ||
		!take(leaf, &r))
		return false;
	for (int i = 0; i < n; i++)
	{
		if (sn == 0 || !take(proof[i], &p))
			return false;
		if ((fn & 1) != 0 || fn == sn)
		{
			lh_merkle_node(&p, &r, &r);
			while ((fn & 1) == 0 && fn != 0)
			{
				fn >>= 1;
				sn >>= 1;
			}
		}
		else
			lh_merkle_node(&r, &p, &r);
		fn >>= 1;
		sn >>= 1;
	}
	return sn == 0 && same(&r, root);
}

/* The proof's hashes [i, n) after the one that both roots begin with. */
static bool
climb(uint64_t from, uint64_t to, const LhMerkleHash *start, const LhSlice *proof, int i, int n,
	  LhSlice from_root, LhSlice to_root)
{
	uint64_t fn = from - 1, sn = to - 1;
	LhMerkleHash fr = *start, sr = *start, p;

	for (; (fn & 1) != 0; fn >>= 1)
		sn >>= 1;
	for (; i < n; i++)
	{
		if (sn == 0 || !take(proof[i], &p))
			return false;
		if ((fn & 1) != 0 || fn == sn)
		{
			lh_merkle_node(&p, &fr, &fr);
			lh_merkle_node(&p, &sr, &sr);
			while ((fn & 1) == 0 && fn != 0)
			{
				fn >>= 1;
				sn >>= 1;
			}
		}
		else
			lh_merkle_node(&sr, &p, &sr);
		fn >>= 1;
		sn >>= 1;
	}
	return sn == 0 && same(&fr, from_root) && same(&sr, to_root);
}

bool
lh_merkle_verify_consistency(uint64_t from, uint64_t to, LhSlice from_root, LhSlice to_root,
							 const LhSlice *proof, int n)
{
	LhMerkleHash start;
	bool power = (from & (from - 1)) == 0;

	if (from > to || to > LH_MERKLE_MOST || n < 0 || n > LH_MERKLE_PROOF)
		return false;
	if (from == to)
	{
		lh_sha256((LhSlice){0}, start.b);
		return n == 0 && from_root.len == to_root.len && from_root.len > 0 &&
			   memcmp(from_root.data, to_root.data, from_root.len) == 0 &&
			   (from > 0 || same(&start, from_root));
	}
	if (from == 0)
		return false;
	/* a tree of a power of two is a node of the later one: its root is not repeated */
	if (n == 0 || !take(power ? from_root : proof[0], &start))
		return false;
	return climb(from, to, &start, proof, power ? 0 : 1, n, from_root, to_root);
}
