/*
 * merkle.h
 *		Hash trees of logs that only grow, and their proofs.
 *
 * The tree over n entries has a root that a few people keep (sign.h); from then on
 *
 *	- an inclusion proof shows that an entry is the one at its place, and
 *	- a consistency proof shows that an earlier tree is the beginning of a later one,
 *
 * both with at most 64 hashes.  A leaf's hash begins with a byte 0, an inner node's with a
 * byte 1, so that neither passes for the other.
 *
 * A tree of n entries is complete subtrees, one for each bit of n.  Their roots are all
 * that appending needs.  Node (level, index) is the complete subtree over the entries
 * [index << level, (index + 1) << level); once it is complete it never changes, and whoever
 * stores these nodes can prove everything.
 *
 * Format: RFC 6962, section 2.1; RFC 9162, section 2.1
 */
#ifndef LH_CRYPTO_MERKLE_H
#define LH_CRYPTO_MERKLE_H

#include "crypto/sha256.h"

/* Entries of the largest tree. */
#define LH_MERKLE_MOST ((UINT64_C(1) << 63) - 1)
/* Hashes of the longest proof. */
#define LH_MERKLE_PROOF 64

typedef struct LhMerkleHash
{
	uint8_t		b[LH_SHA256];
} LhMerkleHash;

extern void lh_merkle_leaf(LhSlice entry, LhMerkleHash *out);
extern void lh_merkle_node(const LhMerkleHash *left, const LhMerkleHash *right, LhMerkleHash *out);

/* ---- appending ---- */

/* All zeros: an empty tree. */
typedef struct LhMerkle
{
	uint64_t	size;
	LhMerkleHash peaks[63];		/* by level; those of the bits of size are set */
} LhMerkle;

/* Takes each node as it is completed, leaves (level 0) included. */
typedef LhStatus (*LhMerkleStoreFn) (LhCtx *ctx, void *arg, int level, uint64_t index,
									 const LhMerkleHash *hash);

/*
 * Append an entry by its leaf's hash.  store may be NULL; when it fails, the tree is as it
 * was.  LH_LIMIT: the tree is full.
 */
extern LhStatus lh_merkle_append(LhCtx *ctx, LhMerkle *tree, const LhMerkleHash *leaf, LhMerkleStoreFn store,
								 void *arg);
extern void lh_merkle_root(const LhMerkle *tree, LhMerkleHash *out);

/* The state as bytes: version 1, size (8 bytes, big-endian), the peaks from the largest subtree on. */
#define LH_MERKLE_STATE (9 + 63 * LH_SHA256)
extern size_t lh_merkle_save(const LhMerkle *tree, uint8_t out[LH_MERKLE_STATE]);
/* LH_CORRUPT, LH_UNSUPPORTED.  The bytes are believed: compare the root with a signed one. */
extern LhStatus lh_merkle_load(LhCtx *ctx, LhSlice state, LhMerkle *out);

/* ---- making proofs ---- */

/* Gives a node that is complete in a tree of the size asked for. */
typedef LhStatus (*LhMerkleReadFn) (LhCtx *ctx, void *arg, int level, uint64_t index, LhMerkleHash *out);

typedef struct LhMerkleProof
{
	int			n;
	LhMerkleHash hashes[LH_MERKLE_PROOF];
} LhMerkleProof;

/*
 * All read at most 2 * LH_MERKLE_PROOF nodes.  LH_OUT_OF_RANGE: no such entry, or
 * sizes of which there is no proof: every tree continues the empty one.
 */
extern LhStatus lh_merkle_root_at(LhCtx *ctx, uint64_t size, LhMerkleReadFn read, void *arg, LhMerkleHash *out);
extern LhStatus lh_merkle_inclusion(LhCtx *ctx, uint64_t index, uint64_t size, LhMerkleReadFn read, void *arg,
									LhMerkleProof *out);
extern LhStatus lh_merkle_consistency(LhCtx *ctx, uint64_t from, uint64_t to, LhMerkleReadFn read, void *arg,
									  LhMerkleProof *out);

/* ---- verifying: everything is a stranger's, lengths too ---- */

extern bool lh_merkle_verify_inclusion(uint64_t index, uint64_t size, LhSlice leaf, const LhSlice *proof, int n,
									   LhSlice root);
/* Of equal sizes: are the roots equal?  False from 0 to another size, which would show nothing. */
extern bool lh_merkle_verify_consistency(uint64_t from, uint64_t to, LhSlice from_root, LhSlice to_root,
										 const LhSlice *proof, int n);

#endif
