/*
 * eqset_state.h
 *		Internal: what the files of eqset share.
 *
 *	eqset.c			a set: how keys come in, and where they stay
 *	eqset_column.c	columns of a batch in canonical form, and their hashes
 *	eqset_hash.c	keys of any kind, in a hash table
 *	eqset_dense.c	numbers that lie close together, in a bitmap
 *	eqset_probe.c	rows looked up
 */
#ifndef LH_SCAN_EQSET_STATE_H
#define LH_SCAN_EQSET_STATE_H

#include "scan/eqset.h"

typedef enum LhKeyForm
{
	LH_KEY_64,
	LH_KEY_128,
	LH_KEY_BYTES
} LhKeyForm;

/* One column of a batch in canonical form. */
typedef struct LhKeyColumn
{
	LhType type; /* of the set */
	LhKeyForm form;
	LhVecScratch *scratch;
	uint64_t low[LH_BATCH];
	int64_t high[LH_BATCH]; /* KEY_128 */
	LhStr str[LH_BATCH];    /* KEY_BYTES */
	uint64_t null[LH_BATCH_WORDS];
	uint64_t other[LH_BATCH_WORDS]; /* values that no key of the type can equal */
} LhKeyColumn;

/* A batch that is added or looked up. */
typedef struct LhKeyWork
{
	LhKeyColumn **cols;
	uint64_t hash[LH_BATCH];
} LhKeyWork;

typedef struct LhKeyEntry
{
	uint64_t key; /* KEY_64 alone: itself; else its place in the heap */
	uint32_t owner;
	uint32_t next; /* of the same key and another owner; 0: none */
} LhKeyEntry;

/*
 * A simple set, of one column of KEY_64, begins without a hash: keys of its
 * first file are gathered as they come, and from time to time folded into a
 * bitmap.  When they lie too far apart for one, or a second file comes, all of
 * them move into the hash table.
 */
struct LhEqSet
{
	int ncols;
	const LhType *types;
	bool simple;     /* one column of KEY_64 */
	bool hashed;     /* the hash table holds all keys; else the bitmap and "loose" do */
	LhKeyWork *work; /* of adding */

	/* hash table */
	uint32_t nentries;
	uint64_t nkeys;  /* that differ */
	LhBuf entries;   /* LhKeyEntry, from 1 on */
	LhBuf heap;
	size_t nslots;   /* a power of 2 */
	LhBuf slots;     /* half of the hash << 32 | entry; 0: free */
	LhBuf bloom;     /* 16 bits for a key at least */
	uint32_t null_entry; /* simple: the key null; 0: none */

	/* bitmap */
	bool owned;      /* a file's keys came: */
	uint32_t owner;
	bool null_key;
	LhBuf loose;     /* uint64, not in the bitmap yet */
	uint64_t base;   /* lh_eqdense_place of the first bit; a multiple of 64 */
	uint64_t ndense; /* bits that are set; 0: there is no bitmap */
	LhBuf dense;
};

/* eqset_column.c */
extern LhKeyForm lh_key_form(const LhType *t);
extern LhStatus lh_keys_work_create(LhCtx *ctx, const LhEqSet *set, LhKeyWork **out);
extern LhStatus lh_keys_load_column(LhCtx *ctx, LhKeyColumn *col, const LhVec *vec);
/* Are the vector's numbers canonical as they lie there? */
extern bool lh_keys_canonical(const LhKeyColumn *col, const LhVec *flat);
/* Load the columns and hash the rows whose bit is set in rows. */
extern LhStatus lh_keys_load(LhCtx *ctx, const LhEqSet *set, LhKeyWork *work, const LhVec *const *vecs, int n,
							 const uint64_t *rows);
/* The same for n numbers, of a simple set. */
extern void lh_keys_load_numbers(LhKeyWork *work, const uint64_t *numbers, int n);
/* Has row i a value that no key can equal? */
extern bool lh_keys_other(const LhEqSet *set, const LhKeyWork *work, int i);
/* The hash of a key in the heap. */
extern uint64_t lh_keys_hash_stored(const LhEqSet *set, const uint8_t *stored);

/* eqset_hash.c */
extern LhStatus lh_eqhash_reserve(LhCtx *ctx, LhEqSet *set, uint64_t nkeys);
/* The n rows of set->work; room for them is reserved. */
extern LhStatus lh_eqhash_add(LhCtx *ctx, LhEqSet *set, uint32_t owner, int n);
/* The null key of a simple set. */
extern LhStatus lh_eqhash_add_null(LhCtx *ctx, LhEqSet *set, uint32_t owner);
/* The slot of row i's key, or the free one where it belongs. */
extern size_t lh_eqhash_find(const LhEqSet *set, const LhKeyWork *work, int i);

static inline LhKeyEntry *
lh_eqhash_entry(const LhEqSet *set, uint32_t number)
{
	return (LhKeyEntry *) set->entries.data + number;
}

static inline uint64_t *
lh_eqhash_slots(const LhEqSet *set)
{
	return (uint64_t *) set->slots.data;
}

/* Bits of a key, all in one word of the filter. */
static inline uint64_t
lh_eqhash_bloom_bits(uint64_t hash)
{
	return UINT64_C(1) << (hash & 63) | UINT64_C(1) << (hash >> 6 & 63) | UINT64_C(1) << (hash >> 12 & 63);
}

/* A word of the filter is for so many slots. */
#define LH_EQHASH_SLOTS_OF_WORD 8

static inline uint64_t *
lh_eqhash_bloom_word(const LhEqSet *set, uint64_t hash)
{
	return (uint64_t *) set->bloom.data + (hash >> 32 & (set->nslots / LH_EQHASH_SLOTS_OF_WORD - 1));
}

/* eqset_dense.c */
/* More keys of the set's one file. */
extern LhStatus lh_eqdense_add(LhCtx *ctx, LhEqSet *set, const LhVec *vec, int n);
/* Everything into the bitmap, or, when it would be too large, into the hash table. */
extern LhStatus lh_eqdense_fold(LhCtx *ctx, LhEqSet *set);
/* Everything into the hash table.  When memory is refused, the set still has all keys that it had been sealed with. */
extern LhStatus lh_eqdense_to_hash(LhCtx *ctx, LhEqSet *set);

/* Signed numbers in unsigned order. */
static inline uint64_t
lh_eqdense_place(uint64_t key)
{
	return key ^ UINT64_C(1) << 63;
}

#endif
