/*
 * eqset_hash.c
 *		Keys of any kind: open addressing over 64-bit hashes, with a Bloom filter.
 *
 * A slot holds half of the hash and the number of an entry.  Keys of one 64-bit
 * column lie in the entries, all others in a heap of bytes.
 */
#include <string.h>

#include "scan/eqset_state.h"

/* Slots for each key at least 2: most rows are not deleted, and these shall soon meet a free one. */
#define FIRST_SLOTS 64

/* A key in the heap: of each column a byte that says whether it is null, then the value. */
static LhStatus
store_key(LhCtx *ctx, LhEqSet *set, const LhKeyWork *work, int i, uint64_t *place)
{
	*place = set->heap.len;
	for (int c = 0; c < set->ncols; c++)
	{
		const LhKeyColumn *col = work->cols[c];
		uint8_t null = lh_bit_get(col->null, (size_t) i);

		LH_TRY(lh_buf_append(ctx, &set->heap, &null, 1));
		if (null)
			continue;
		if (col->form == LH_KEY_BYTES)
		{
			LH_TRY(lh_buf_append(ctx, &set->heap, &col->str[i].len, sizeof(uint32_t)));
			LH_TRY(lh_buf_append(ctx, &set->heap, col->str[i].ptr, col->str[i].len));
			continue;
		}
		LH_TRY(lh_buf_append(ctx, &set->heap, &col->low[i], sizeof(uint64_t)));
		if (col->form == LH_KEY_128)
			LH_TRY(lh_buf_append(ctx, &set->heap, &col->high[i], sizeof(int64_t)));
	}
	return LH_OK;
}

static bool
key_equal(const LhEqSet *set, const LhKeyWork *work, const LhKeyEntry *entry, int i)
{
	const uint8_t *p = set->heap.data + entry->key;

	for (int c = 0; c < set->ncols; c++)
	{
		const LhKeyColumn *col = work->cols[c];
		bool null = lh_bit_get(col->null, (size_t) i);

		if (*p++ != null)
			return false;
		if (null)
			continue;
		if (col->form == LH_KEY_BYTES)
		{
			uint32_t len = lh_load_u32(p);

			if (len != col->str[i].len || memcmp(p + 4, col->str[i].ptr, len) != 0)
				return false;
			p += 4 + len;
			continue;
		}
		if (lh_load_u64(p) != col->low[i] || (col->form == LH_KEY_128 && lh_load_i64(p + 8) != col->high[i]))
			return false;
		p += col->form == LH_KEY_128 ? 16 : 8;
	}
	return true;
}

size_t
lh_eqhash_find(const LhEqSet *set, const LhKeyWork *work, int i)
{
	const uint64_t *slots = lh_eqhash_slots(set);
	uint64_t hash = work->hash[i];
	size_t mask = set->nslots - 1;

	for (size_t s = hash & mask;; s = (s + 1) & mask)
	{
		const LhKeyEntry *entry;

		if (slots[s] == 0)
			return s;
		if (slots[s] >> 32 != hash >> 32)
			continue;
		entry = lh_eqhash_entry(set, (uint32_t) slots[s]);
		if (set->simple ? entry->key == work->cols[0]->low[i] : key_equal(set, work, entry, i))
			return s;
	}
}

/* The low half of an entry's hash is lost, so it is made again from the key. */
static uint64_t
hash_of_entry(const LhEqSet *set, const LhKeyEntry *entry)
{
	return set->simple ? lh_hash_u64(entry->key) : lh_keys_hash_stored(set, set->heap.data + entry->key);
}

/* A buffer of n zeros where another one lies. */
static LhStatus
new_words(LhCtx *ctx, const LhBuf *beside, size_t n, LhBuf *out)
{
	*out = (LhBuf){.arena = beside->arena, .floor = beside->floor};
	LH_TRY(lh_buf_fit(ctx, out, n * sizeof(uint64_t)));
	memset(out->data, 0, n * sizeof(uint64_t));
	return LH_OK;
}

/* When memory is refused the set stays as it was: others may still use it. */
static LhStatus
grow(LhCtx *ctx, LhEqSet *set, size_t nslots)
{
	LhBuf old = set->slots, new_slots, new_bloom;
	size_t nold = set->nslots;
	uint64_t *slots;
	LhStatus status;

	LH_TRY(new_words(ctx, &set->slots, nslots, &new_slots));
	status = new_words(ctx, &set->bloom, nslots / LH_EQHASH_SLOTS_OF_WORD, &new_bloom);
	if (status != LH_OK)
		lh_buf_free(&new_slots);
	LH_TRY(status);
	lh_buf_free(&set->bloom);
	set->slots = new_slots;
	set->bloom = new_bloom;
	set->nslots = nslots;
	slots = lh_eqhash_slots(set);
	for (size_t s = 0; s < nold; s++)
	{
		uint64_t slot = ((const uint64_t *) old.data)[s], hash;
		size_t to;

		if (slot == 0)
			continue;
		hash = hash_of_entry(set, lh_eqhash_entry(set, (uint32_t) slot));
		for (to = hash & (nslots - 1); slots[to] != 0; to = (to + 1) & (nslots - 1))
			;
		slots[to] = slot;
		*lh_eqhash_bloom_word(set, hash) |= lh_eqhash_bloom_bits(hash);
	}
	lh_buf_free(&old);
	return LH_OK;
}

/* Another entry; next: the one it is put before. */
static LhStatus
new_entry(LhCtx *ctx, LhEqSet *set, uint64_t key, uint32_t owner, uint32_t next, uint32_t *out)
{
	LhKeyEntry entry = {key, owner, next};

	if (set->entries.len == 0)
	{
		LhKeyEntry none = {0};

		LH_TRY(lh_buf_append(ctx, &set->entries, &none, sizeof(none)));
	}
	if (set->nentries >= UINT32_MAX - 1)
		LH_FAIL(ctx, LH_LIMIT, "equality deletes have too many keys");
	if (set->entries.cap - set->entries.len < sizeof(entry))
		LH_TRY(lh_buf_reserve(ctx, &set->entries, set->entries.len + sizeof(entry)));
	memcpy(set->entries.data + set->entries.len, &entry, sizeof(entry));
	set->entries.len += sizeof(entry);
	*out = ++set->nentries;
	return LH_OK;
}

LhStatus
lh_eqhash_add_null(LhCtx *ctx, LhEqSet *set, uint32_t owner)
{
	bool first = set->null_entry == 0;

	if (!first && lh_eqhash_entry(set, set->null_entry)->owner == owner)
		return LH_OK;
	LH_TRY(new_entry(ctx, set, 0, owner, set->null_entry, &set->null_entry));
	set->nkeys += first;
	return LH_OK;
}

static LhStatus
add_row(LhCtx *ctx, LhEqSet *set, uint32_t owner, int i)
{
	const LhKeyWork *work = set->work;
	size_t s;
	uint64_t key;
	uint32_t first, number = 0;

	if (set->simple && lh_bit_get(work->cols[0]->null, (size_t) i))
		return lh_eqhash_add_null(ctx, set, owner);
	if (lh_keys_other(set, work, i))
		return LH_OK; /* equal to nothing */
	s = lh_eqhash_find(set, work, i);
	first = (uint32_t) lh_eqhash_slots(set)[s];
	if (first != 0 && lh_eqhash_entry(set, first)->owner == owner)
		return LH_OK;
	if (first != 0)
		key = lh_eqhash_entry(set, first)->key;
	else if (set->simple)
		key = work->cols[0]->low[i];
	else
		LH_TRY(store_key(ctx, set, work, i, &key));
	LH_TRY(new_entry(ctx, set, key, owner, first, &number));
	lh_eqhash_slots(set)[s] = (work->hash[i] >> 32) << 32 | number;
	*lh_eqhash_bloom_word(set, work->hash[i]) |= lh_eqhash_bloom_bits(work->hash[i]);
	set->nkeys += first == 0;
	return LH_OK;
}

LhStatus
lh_eqhash_add(LhCtx *ctx, LhEqSet *set, uint32_t owner, int n)
{
	for (int i = 0; i < n; i++)
		__builtin_prefetch(&lh_eqhash_slots(set)[set->work->hash[i] & (set->nslots - 1)]);
	for (int i = 0; i < n; i++)
		LH_TRY(add_row(ctx, set, owner, i));
	return LH_OK;
}

LhStatus
lh_eqhash_reserve(LhCtx *ctx, LhEqSet *set, uint64_t nkeys)
{
	size_t nslots = set->nslots ? set->nslots : FIRST_SLOTS;

	if (nkeys > UINT32_MAX)
		nkeys = UINT32_MAX;
	while (nslots / 2 < nkeys)
		nslots *= 2;
	return nslots > set->nslots ? grow(ctx, set, nslots) : LH_OK;
}
