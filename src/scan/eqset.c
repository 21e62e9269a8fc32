/*
 * eqset.c
 *		Open addressing over 64-bit hashes, looked up a batch at a time.
 *
 *	1. A batch's key columns are brought to canonical form column by column: a
 *	   64-bit number, a 128-bit one, or bytes; and hashed.
 *	2. A small Bloom filter answers for most rows that are not deleted.  For the
 *	   others all slots are prefetched, then looked at: with very many keys the
 *	   table is larger than the caches, and the waits overlap.
 *	3. A slot holds half of the hash and the number of an entry; only where that
 *	   half agrees the entry is compared.  Keys of one 64-bit column lie in an
 *	   array, all others in a heap of bytes.
 *	4. A key of a single column is looked up once for each entry of the column's
 *	   dictionary and remembered.
 *	5. Where numbers of one column lie close together, as ids do, a bitmap of the
 *	   span says all: steps 2 and 3 are left out.  Not for rows of several delete
 *	   files, of which some may not apply.
 */
#include "scan/eqset.h"

#include <math.h>
#include <string.h>

#include "vec/value.h"

/* Slots for each key at least 2: most rows are not deleted, and these shall soon meet a free one. */
#define FIRST_SLOTS 64
#define SLOTS_OF_WORD 8
#define DENSE_BITS  64 /* for each key at most: what a slot and an entry take is more */
#define NULL_HASH   UINT64_C(0x9E3779B97F4A7C15)

typedef enum KeyForm
{
	KEY_64,
	KEY_128,
	KEY_BYTES
} KeyForm;

/* One column of a batch in canonical form. */
typedef struct KeyColumn
{
	LhType type; /* of the set */
	KeyForm form;
	LhVecScratch *scratch;
	uint64_t low[LH_BATCH];
	int64_t high[LH_BATCH]; /* KEY_128 */
	LhStr str[LH_BATCH];    /* KEY_BYTES */
	uint64_t null[LH_BATCH_WORDS];
	uint64_t other[LH_BATCH_WORDS]; /* values that no key of the type can equal */
} KeyColumn;

/* A batch that is added or looked up. */
typedef struct Work
{
	KeyColumn **cols;
	uint64_t hash[LH_BATCH];
} Work;

typedef struct Entry
{
	uint64_t key; /* KEY_64 alone: itself; else its place in the heap */
	uint32_t owner;
	uint32_t next; /* of the same key and another owner; 0: none */
} Entry;

struct LhEqSet
{
	int ncols;
	const LhType *types;
	bool simple; /* one column of KEY_64 */
	Work *work;  /* of adding */
	uint32_t nentries;
	uint64_t nkeys;  /* that differ */
	LhBuf entries;   /* Entry, from 1 on */
	LhBuf heap;
	size_t nslots;   /* a power of 2 */
	LhBuf slots;     /* half of the hash << 32 | entry; 0: free */
	LhBuf bloom;     /* a word for SLOTS_OF_WORD slots: 16 bits for a key at least */
	uint32_t null_entry; /* simple: the key null; 0: none */
	bool one_owner;  /* all entries are of owner */
	uint32_t owner;
	uint64_t lowest, highest; /* simple: of the keys but null, as unsigned offsets from INT64_MIN */
	LhBuf dense;     /* a bit for each number from lowest to highest, of dense_of entries */
	uint32_t dense_of;
};

struct LhEqFilter
{
	LhEqSet *set;
	Work *work;
	const uint64_t *owners;
	LhBuf known; /* of a dictionary's entries: 0 not looked up, 1 not deleted, 2 deleted */
	uint64_t dict_id;
};

static KeyForm
form_of(const LhType *t)
{
	switch (lh_type_family(t))
	{
		case LH_FAMILY_NUMBER:
			if (t->id == LH_T_DECIMAL)
				return t->precision <= 18 ? KEY_64 : KEY_128;
			return t->id == LH_T_UINT64 ? KEY_128 : KEY_64;
		case LH_FAMILY_BYTES: return KEY_BYTES;
		default: return KEY_64;
	}
}

static LhStatus
make_work(LhCtx *ctx, const LhEqSet *set, Work **out)
{
	Work *work;

	LH_NEW(ctx, work);
	LH_NEW_ARRAY(ctx, work->cols, (size_t) set->ncols + 1);
	for (int i = 0; i < set->ncols; i++)
	{
		LH_NEW(ctx, work->cols[i]);
		work->cols[i]->type = set->types[i];
		work->cols[i]->form = form_of(&set->types[i]);
		LH_TRY(lh_vec_scratch_create(ctx, &work->cols[i]->scratch));
	}
	*out = work;
	return LH_OK;
}

LhStatus
lh_eqset_create(LhCtx *ctx, int ncols, const LhType *types, LhEqSet **out)
{
	LhEqSet *set;

	for (int i = 0; i < ncols; i++)
		if (lh_type_family(&types[i]) == LH_FAMILY_NONE)
			LH_FAIL(ctx, LH_UNSUPPORTED, "a column of type %s cannot be a key of equality deletes",
					lh_type_name(&types[i]));
	LH_NEW(ctx, set);
	set->ncols = ncols;
	set->types = types;
	set->simple = ncols == 1 && form_of(&types[0]) == KEY_64;
	LH_TRY(make_work(ctx, set, &set->work));
	LH_TRY(lh_buf_init(ctx, &set->entries, true));
	LH_TRY(lh_buf_init(ctx, &set->heap, true));
	LH_TRY(lh_buf_init(ctx, &set->slots, true));
	LH_TRY(lh_buf_init(ctx, &set->bloom, true));
	LH_TRY(lh_buf_init(ctx, &set->dense, true));
	set->lowest = UINT64_MAX;
	set->one_owner = true;
	*out = set;
	return LH_OK;
}

static int
scale_of(const LhType *t)
{
	return t->id == LH_T_DECIMAL ? t->scale : 0;
}

bool
lh_eqset_fits(const LhEqSet *set, int i, const LhType *type)
{
	const LhType *t = &set->types[i];

	if (type->id == LH_T_NULL)
		return true;
	if (lh_type_family(t) != lh_type_family(type))
		return false;
	return lh_type_family(t) != LH_FAMILY_NUMBER || scale_of(t) == scale_of(type);
}

uint64_t
lh_eqset_keys(const LhEqSet *set)
{
	return set->nkeys;
}

/*
 * Canonical form
 */

static int64_t
unit_size(const LhType *t)
{
	if (t->id == LH_T_DATE)
		return INT64_C(86400000000000);
	switch (t->unit)
	{
		case LH_UNIT_S: return 1000000000;
		case LH_UNIT_MS: return 1000000;
		case LH_UNIT_US: return 1000;
		default: return 1;
	}
}

/* Moments in another unit than the set's. */
static void
convert_moments(KeyColumn *col, const LhType *from, int n)
{
	int64_t have = unit_size(from), want = unit_size(&col->type);

	for (int i = 0; i < n; i++)
	{
		int64_t v = (int64_t) col->low[i], scaled;

		if (have >= want ? __builtin_mul_overflow(v, have / want, &scaled) : v % (want / have) != 0)
			lh_bit_set(col->other, (size_t) i);
		else
			col->low[i] = (uint64_t) (have >= want ? scaled : v / (want / have));
	}
}

static uint64_t
float_bits(double x)
{
	uint64_t bits;

	if (isnan(x))
		return UINT64_C(0x7FF8000000000000);
	memcpy(&bits, &x, sizeof(bits));
	return bits;
}

/* A number of any lane that is not a plain 64-bit one. */
static void
set_wide(KeyColumn *col, const LhVec *flat, int i)
{
	LhValue v = lh_lane_value(&flat->type, flat->data, (size_t) i);
	LhI128 x;

	if (!lh_value_unscaled(&v, &x) || (col->form == KEY_64 && x != (LhI128) (int64_t) x))
	{
		lh_bit_set(col->other, (size_t) i);
		return;
	}
	col->low[i] = (uint64_t) x;
	col->high[i] = (int64_t) (x >> 64);
}

static void
set_numbers(KeyColumn *col, const LhVec *flat)
{
	const uint8_t *p = flat->data;

	switch (flat->type.lane)
	{
		case LH_LANE_U8:
			for (int i = 0; i < flat->n; i++)
				col->low[i] = p[i] != 0;
			break;
		case LH_LANE_I32:
			for (int i = 0; i < flat->n; i++)
				col->low[i] = (uint64_t) (int64_t) lh_load_i32(p + (size_t) i * 4);
			break;
		case LH_LANE_I64:
			for (int i = 0; i < flat->n; i++)
				col->low[i] = lh_load_u64(p + (size_t) i * 8);
			break;
		case LH_LANE_F32:
			for (int i = 0; i < flat->n; i++)
				col->low[i] = float_bits((double) lh_load_f32(p + (size_t) i * 4));
			break;
		case LH_LANE_F64:
			for (int i = 0; i < flat->n; i++)
				col->low[i] = float_bits(lh_load_f64(p + (size_t) i * 8));
			break;
		default:
			for (int i = 0; i < flat->n; i++)
				if (flat->valid == NULL || lh_bit_get(flat->valid, (size_t) i))
					set_wide(col, flat, i);
			return;
	}
	if (col->form == KEY_128)
		for (int i = 0; i < flat->n; i++)
			col->high[i] = (int64_t) col->low[i] >> 63;
}

static void
set_bytes(KeyColumn *col, const LhVec *flat)
{
	if (flat->type.lane == LH_LANE_STR)
		memcpy(col->str, flat->data, (size_t) flat->n * sizeof(LhStr));
	else
		for (int i = 0; i < flat->n; i++)
			col->str[i] = (LhStr){(const uint8_t *) flat->data + (size_t) i * (size_t) flat->type.width,
								  (uint32_t) flat->type.width, 0};
}

static LhStatus
load_column(LhCtx *ctx, KeyColumn *col, const LhVec *vec)
{
	size_t words = LH_WORDS(vec->n);
	LhVec flat;

	memset(col->other, 0, words * sizeof(uint64_t));
	memset(col->null, 0xFF, words * sizeof(uint64_t));
	if (vec->type.id == LH_T_NULL || lh_vec_all_null(vec))
		return LH_OK;
	LH_TRY(lh_vec_flatten(ctx, vec, col->scratch, &flat));
	if (col->form == KEY_BYTES)
		set_bytes(col, &flat);
	else
		set_numbers(col, &flat);
	if (lh_type_family(&col->type) == LH_FAMILY_MOMENT || lh_type_family(&col->type) == LH_FAMILY_TIME)
		if (unit_size(&flat.type) != unit_size(&col->type))
			convert_moments(col, &flat.type, flat.n);
	for (size_t w = 0; w < words; w++)
		col->null[w] = flat.valid != NULL ? ~flat.valid[w] : 0;
	return LH_OK;
}

static inline uint64_t
hash_at(const KeyColumn *col, int i)
{
	if (lh_bit_get(col->null, (size_t) i))
		return NULL_HASH;
	switch (col->form)
	{
		case KEY_64: return col->low[i];
		case KEY_128: return col->low[i] ^ lh_hash_u64((uint64_t) col->high[i]);
		default: return lh_hash_bytes(col->str[i].ptr, col->str[i].len, 0);
	}
}

/* Load the columns and hash the rows whose bit is set in rows. */
static LhStatus
load_batch(LhCtx *ctx, const LhEqSet *set, Work *work, const LhVec *const *vecs, int n, const uint64_t *rows)
{
	for (int c = 0; c < set->ncols; c++)
		LH_TRY(load_column(ctx, work->cols[c], vecs[c]));
	if (set->simple)
	{
		const uint64_t *low = work->cols[0]->low;

		for (int i = 0; i < n; i++)
			work->hash[i] = lh_hash_u64(low[i]);
		return LH_OK;
	}
	for (int c = 0; c < set->ncols; c++)
		LH_FOR_ROWS(rows, n, row)
		work->hash[row] = lh_hash_u64((c == 0 ? 0 : work->hash[row]) * 31 + hash_at(work->cols[c], (int) row));
	return LH_OK;
}

static bool
row_is_other(const LhEqSet *set, const Work *work, int i)
{
	for (int c = 0; c < set->ncols; c++)
		if (lh_bit_get(work->cols[c]->other, (size_t) i) && !lh_bit_get(work->cols[c]->null, (size_t) i))
			return true;
	return false;
}

/*
 * Entries
 */

static inline Entry *
entry_at(const LhEqSet *set, uint32_t number)
{
	return (Entry *) set->entries.data + number;
}

static inline uint64_t *
slots_of(const LhEqSet *set)
{
	return (uint64_t *) set->slots.data;
}

/* Bits of a key, all in one word of the filter. */
static inline uint64_t
bloom_bits(uint64_t hash)
{
	return UINT64_C(1) << (hash & 63) | UINT64_C(1) << (hash >> 6 & 63) | UINT64_C(1) << (hash >> 12 & 63);
}

static inline uint64_t *
bloom_word(const LhEqSet *set, uint64_t hash)
{
	return (uint64_t *) set->bloom.data + (hash >> 32 & (set->nslots / SLOTS_OF_WORD - 1));
}

/* A key in the heap: of each column a byte that says whether it is null, then the value. */
static LhStatus
store_key(LhCtx *ctx, LhEqSet *set, const Work *work, int i, uint64_t *place)
{
	*place = set->heap.len;
	for (int c = 0; c < set->ncols; c++)
	{
		const KeyColumn *col = work->cols[c];
		uint8_t null = lh_bit_get(col->null, (size_t) i);

		LH_TRY(lh_buf_append(ctx, &set->heap, &null, 1));
		if (null)
			continue;
		if (col->form == KEY_BYTES)
		{
			LH_TRY(lh_buf_append(ctx, &set->heap, &col->str[i].len, sizeof(uint32_t)));
			LH_TRY(lh_buf_append(ctx, &set->heap, col->str[i].ptr, col->str[i].len));
			continue;
		}
		LH_TRY(lh_buf_append(ctx, &set->heap, &col->low[i], sizeof(uint64_t)));
		if (col->form == KEY_128)
			LH_TRY(lh_buf_append(ctx, &set->heap, &col->high[i], sizeof(int64_t)));
	}
	return LH_OK;
}

static bool
key_equal(const LhEqSet *set, const Work *work, const Entry *entry, int i)
{
	const uint8_t *p = set->heap.data + entry->key;

	for (int c = 0; c < set->ncols; c++)
	{
		const KeyColumn *col = work->cols[c];
		bool null = lh_bit_get(col->null, (size_t) i);

		if (*p++ != null)
			return false;
		if (null)
			continue;
		if (col->form == KEY_BYTES)
		{
			uint32_t len = lh_load_u32(p);

			if (len != col->str[i].len || memcmp(p + 4, col->str[i].ptr, len) != 0)
				return false;
			p += 4 + len;
			continue;
		}
		if (lh_load_u64(p) != col->low[i] || (col->form == KEY_128 && lh_load_i64(p + 8) != col->high[i]))
			return false;
		p += col->form == KEY_128 ? 16 : 8;
	}
	return true;
}

/* The slot of row i's key, or the free one where it belongs. */
static inline size_t
find_slot(const LhEqSet *set, const Work *work, int i)
{
	const uint64_t *slots = slots_of(set);
	uint64_t hash = work->hash[i];
	size_t mask = set->nslots - 1;

	for (size_t s = hash & mask;; s = (s + 1) & mask)
	{
		const Entry *entry;

		if (slots[s] == 0)
			return s;
		if (slots[s] >> 32 != hash >> 32)
			continue;
		entry = entry_at(set, (uint32_t) slots[s]);
		if (set->simple ? entry->key == work->cols[0]->low[i] : key_equal(set, work, entry, i))
			return s;
	}
}

/* The low half of an entry's hash is lost, so it is made again from the key. */
static uint64_t
hash_of_entry(const LhEqSet *set, const Entry *entry)
{
	const uint8_t *p;
	uint64_t hash = 0;

	if (set->simple)
		return lh_hash_u64(entry->key);
	p = set->heap.data + entry->key;
	for (int c = 0; c < set->ncols; c++)
	{
		uint64_t part = NULL_HASH;

		if (*p++ == 0)
			switch (form_of(&set->types[c]))
			{
				case KEY_64: part = lh_load_u64(p); p += 8; break;
				case KEY_128:
					part = lh_load_u64(p) ^ lh_hash_u64(lh_load_u64(p + 8));
					p += 16;
					break;
				default:
					part = lh_hash_bytes(p + 4, lh_load_u32(p), 0);
					p += 4 + lh_load_u32(p);
					break;
			}
		hash = lh_hash_u64(hash * 31 + part);
	}
	return hash;
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
	status = new_words(ctx, &set->bloom, nslots / SLOTS_OF_WORD, &new_bloom);
	if (status != LH_OK)
		lh_buf_free(&new_slots);
	LH_TRY(status);
	lh_buf_free(&set->bloom);
	set->slots = new_slots;
	set->bloom = new_bloom;
	set->nslots = nslots;
	slots = slots_of(set);
	for (size_t s = 0; s < nold; s++)
	{
		uint64_t slot = ((const uint64_t *) old.data)[s], hash;
		size_t to;

		if (slot == 0)
			continue;
		hash = hash_of_entry(set, entry_at(set, (uint32_t) slot));
		for (to = hash & (nslots - 1); slots[to] != 0; to = (to + 1) & (nslots - 1))
			;
		slots[to] = slot;
		*bloom_word(set, hash) |= bloom_bits(hash);
	}
	lh_buf_free(&old);
	return LH_OK;
}

/* Signed numbers in unsigned order. */
static inline uint64_t
from_lowest(uint64_t key)
{
	return key ^ UINT64_C(1) << 63;
}

/* Another entry; next: the one it is put before. */
static LhStatus
new_entry(LhCtx *ctx, LhEqSet *set, uint64_t key, uint32_t owner, uint32_t next, uint32_t *out)
{
	Entry entry = {key, owner, next};

	if (set->nentries == 0)
	{
		Entry none = {0};

		LH_TRY(lh_buf_append(ctx, &set->entries, &none, sizeof(none)));
	}
	else
		set->one_owner &= owner == set->owner;
	set->owner = owner;
	if (set->nentries >= UINT32_MAX - 1)
		LH_FAIL(ctx, LH_LIMIT, "equality deletes have too many keys");
	if (set->entries.cap - set->entries.len < sizeof(entry))
		LH_TRY(lh_buf_reserve(ctx, &set->entries, set->entries.len + sizeof(entry)));
	memcpy(set->entries.data + set->entries.len, &entry, sizeof(entry));
	set->entries.len += sizeof(entry);
	*out = ++set->nentries;
	return LH_OK;
}

static LhStatus
add_null(LhCtx *ctx, LhEqSet *set, uint32_t owner)
{
	if (set->null_entry != 0 && entry_at(set, set->null_entry)->owner == owner)
		return LH_OK;
	set->nkeys += set->null_entry == 0;
	return new_entry(ctx, set, 0, owner, set->null_entry, &set->null_entry);
}

static LhStatus
add_row(LhCtx *ctx, LhEqSet *set, uint32_t owner, int i)
{
	const Work *work = set->work;
	size_t s;
	uint64_t key;
	uint32_t first, number = 0;

	if (set->simple && lh_bit_get(work->cols[0]->null, (size_t) i))
		return add_null(ctx, set, owner);
	if (row_is_other(set, work, i))
		return LH_OK; /* equal to nothing */
	s = find_slot(set, work, i);
	first = (uint32_t) slots_of(set)[s];
	if (first != 0 && entry_at(set, first)->owner == owner)
		return LH_OK;
	if (first != 0)
		key = entry_at(set, first)->key;
	else if (set->simple)
		key = work->cols[0]->low[i];
	else
		LH_TRY(store_key(ctx, set, work, i, &key));
	LH_TRY(new_entry(ctx, set, key, owner, first, &number));
	slots_of(set)[s] = (work->hash[i] >> 32) << 32 | number;
	*bloom_word(set, work->hash[i]) |= bloom_bits(work->hash[i]);
	set->nkeys += first == 0;
	if (set->simple)
	{
		uint64_t v = from_lowest(key);

		set->lowest = v < set->lowest ? v : set->lowest;
		set->highest = v > set->highest ? v : set->highest;
	}
	return LH_OK;
}

LhStatus
lh_eqset_reserve(LhCtx *ctx, LhEqSet *set, int64_t n)
{
	uint64_t keys = set->nkeys + (n > 0 ? (uint64_t) n : 0);
	size_t nslots = set->nslots ? set->nslots : FIRST_SLOTS;

	if (keys > UINT32_MAX)
		keys = UINT32_MAX;
	while (nslots / 2 < keys)
		nslots *= 2;
	return nslots > set->nslots ? grow(ctx, set, nslots) : LH_OK;
}

LhStatus
lh_eqset_add(LhCtx *ctx, LhEqSet *set, uint32_t owner, const LhVec *const *vecs, int n)
{
	LhSel all;

	lh_sel_all(&all, n);
	LH_TRY(load_batch(ctx, set, set->work, vecs, n, all.w));
	LH_TRY(lh_eqset_reserve(ctx, set, n));
	for (int i = 0; i < n; i++)
		__builtin_prefetch(&slots_of(set)[set->work->hash[i] & (set->nslots - 1)]);
	for (int i = 0; i < n; i++)
		LH_TRY(add_row(ctx, set, owner, i));
	return LH_OK;
}

/* Step 5, when all keys are there. */
LhStatus
lh_eqset_seal(LhCtx *ctx, LhEqSet *set)
{
	uint64_t span = set->highest - set->lowest;
	uint64_t *bits;

	if (set->dense_of == set->nentries)
		return LH_OK;
	set->dense_of = 0;
	if (!set->simple || !set->one_owner || set->lowest > set->highest ||
		span / DENSE_BITS >= set->nentries)
		return LH_OK;
	LH_TRY(lh_buf_fit(ctx, &set->dense, LH_WORDS(span + 1) * sizeof(uint64_t)));
	bits = (uint64_t *) set->dense.data;
	memset(bits, 0, LH_WORDS(span + 1) * sizeof(uint64_t));
	for (uint32_t e = 1; e <= set->nentries; e++)
		if (e != set->null_entry)
			lh_bit_set(bits, from_lowest(entry_at(set, e)->key) - set->lowest);
	set->dense_of = set->nentries;
	return LH_OK;
}

/*
 * Looking up
 */

LhStatus
lh_eqfilter_create(LhCtx *ctx, LhEqSet *set, const uint64_t *owners, LhEqFilter **out)
{
	LH_NEW(ctx, *out);
	(*out)->set = set;
	(*out)->owners = owners;
	LH_TRY(make_work(ctx, set, &(*out)->work));
	return lh_buf_init(ctx, &(*out)->known, true);
}

/* Does one of the files that hold the key apply? */
static bool
applies(const LhEqFilter *filter, uint32_t number)
{
	for (; number != 0; number = entry_at(filter->set, number)->next)
		if (lh_bit_get(filter->owners, entry_at(filter->set, number)->owner))
			return true;
	return false;
}

/* Is there an entry whose half of the hash agrees?  Then it is prefetched. */
static inline bool
is_candidate(const LhEqSet *set, uint64_t hash)
{
	const uint64_t *slots = slots_of(set);
	size_t mask = set->nslots - 1;

	for (size_t s = hash & mask; slots[s] != 0; s = (s + 1) & mask)
		if (slots[s] >> 32 == hash >> 32)
		{
			__builtin_prefetch(entry_at(set, (uint32_t) slots[s]));
			return true;
		}
	return false;
}

/* Step 5 */
static LhStatus
probe_dense(LhCtx *ctx, LhEqFilter *filter, const LhVec *vec, int n, const uint64_t *rows, uint64_t *hits)
{
	const LhEqSet *set = filter->set;
	KeyColumn *col = filter->work->cols[0];
	const uint64_t *bits = (const uint64_t *) set->dense.data;
	uint64_t span = set->highest - set->lowest;
	uint64_t null_hit = applies(filter, set->null_entry) ? ~UINT64_C(0) : 0;

	if (!lh_bit_get(filter->owners, set->owner))
		return LH_OK;
	LH_TRY(load_column(ctx, col, vec));
	for (int w = 0; w * 64 < n; w++)
	{
		int end = n - w * 64 < 64 ? n - w * 64 : 64;
		uint64_t found = 0;

		for (int i = 0; i < end; i++)
		{
			uint64_t at = from_lowest(col->low[w * 64 + i]) - set->lowest;

			/* a bit within the span, else one that is there: no branch to guess */
			found |= (uint64_t) (at <= span && lh_bit_get(bits, at <= span ? at : 0)) << i;
		}
		hits[w] = rows[w] & ((found & ~col->null[w] & ~col->other[w]) | (null_hit & col->null[w]));
	}
	return LH_OK;
}

/* Rows of the bitmap, of vectors of any kind: steps 1 to 3. */
static LhStatus
probe_rows(LhCtx *ctx, LhEqFilter *filter, const LhVec *const *vecs, int n, const uint64_t *rows,
		   uint64_t *hits)
{
	const LhEqSet *set = filter->set;
	Work *work = filter->work;
	bool null_hit = set->simple && applies(filter, set->null_entry);
	uint16_t candidates[LH_BATCH];
	int some = 0, ncandidates = 0;

	if (set->dense_of != 0 && set->dense_of == set->nentries)
		return probe_dense(ctx, filter, vecs[0], n, rows, hits);
	LH_TRY(load_batch(ctx, set, work, vecs, n, rows));
	LH_FOR_ROWS(rows, n, row)
	{
		uint64_t hash = work->hash[row];

		if (set->simple && lh_bit_get(work->cols[0]->null, row))
		{
			if (null_hit)
				lh_bit_set(hits, row);
		}
		else if (set->nslots > 0 && (*bloom_word(set, hash) & bloom_bits(hash)) == bloom_bits(hash))
		{
			__builtin_prefetch(&slots_of(set)[hash & (set->nslots - 1)]);
			candidates[some++] = (uint16_t) row;
		}
	}
	for (int k = 0; k < some; k++)
		if (is_candidate(set, work->hash[candidates[k]]))
			candidates[ncandidates++] = candidates[k];
	for (int k = 0; k < ncandidates; k++)
	{
		int i = candidates[k];

		if (!row_is_other(set, work, i) &&
			applies(filter, (uint32_t) slots_of(set)[find_slot(set, work, i)]))
			lh_bit_set(hits, (size_t) i);
	}
	return LH_OK;
}

/* Look up the entries of the dictionary whose codes are given, at most LH_BATCH. */
static LhStatus
learn(LhCtx *ctx, LhEqFilter *filter, const LhDict *dict, const uint32_t *codes, int n)
{
	uint8_t *known = filter->known.data;
	uint64_t hits[LH_BATCH_WORDS] = {0};
	LhVec vec = {.type = dict->type, .kind = LH_VEC_DICT, .n = n, .dict = dict, .codes = codes};
	const LhVec *vecs[] = {&vec};
	LhSel all;

	lh_sel_all(&all, n);
	LH_TRY(probe_rows(ctx, filter, vecs, n, all.w, hits));
	for (int i = 0; i < n; i++)
		known[codes[i]] = lh_bit_get(hits, (size_t) i) ? 2 : 1;
	return LH_OK;
}

static LhStatus
forget_dict(LhCtx *ctx, LhEqFilter *filter, const LhDict *dict)
{
	if (filter->dict_id == dict->id)
		return LH_OK;
	LH_TRY(lh_buf_fit(ctx, &filter->known, dict->n));
	memset(filter->known.data, 0, dict->n);
	filter->dict_id = dict->id;
	return LH_OK;
}

/* Step 4, of runs */
static LhStatus
probe_runs(LhCtx *ctx, LhEqFilter *filter, const LhVec *vec, const LhSel *sel, uint64_t *hits)
{
	uint32_t from = 0;

	LH_TRY(forget_dict(ctx, filter, vec->dict));
	for (int r = 0; r < vec->nruns; r++)
	{
		const LhRun *run = &vec->runs[r];

		if (filter->known.data[run->code] == 0)
			LH_TRY(learn(ctx, filter, vec->dict, &run->code, 1));
		if (filter->known.data[run->code] == 2)
			lh_bits_set_range(hits, from, run->end);
		from = run->end;
	}
	for (size_t w = 0; w < LH_WORDS(sel->n); w++)
		hits[w] &= sel->w[w];
	return LH_OK;
}

/* Step 4, of codes */
static LhStatus
probe_codes(LhCtx *ctx, LhEqFilter *filter, const LhVec *vec, const LhSel *sel, uint64_t *hits)
{
	const uint32_t *codes = vec->codes;
	uint32_t unknown[LH_BATCH];
	uint64_t rows[LH_BATCH_WORDS];
	bool null_hit = applies(filter, filter->set->null_entry);
	uint8_t *known;
	int n = 0;

	LH_TRY(forget_dict(ctx, filter, vec->dict));
	known = filter->known.data;
	for (size_t w = 0; w < LH_WORDS(sel->n); w++)
	{
		uint64_t valid = vec->valid != NULL ? vec->valid[w] : ~UINT64_C(0);

		rows[w] = sel->w[w] & valid;
		if (null_hit && filter->set->simple)
			hits[w] |= sel->w[w] & ~valid;
	}
	LH_FOR_ROWS(rows, sel->n, row)
	if (known[codes[row]] == 0)
	{
		known[codes[row]] = 1; /* once in the list */
		unknown[n++] = codes[row];
	}
	if (n > 0)
		LH_TRY(learn(ctx, filter, vec->dict, unknown, n));
	LH_FOR_ROWS(rows, sel->n, row)
	if (known[codes[row]] == 2)
		lh_bit_set(hits, row);
	return LH_OK;
}

LhStatus
lh_eqfilter_probe(LhCtx *ctx, LhEqFilter *filter, const LhVec *const *vecs, const LhSel *sel,
				  uint64_t *hits)
{
	const LhEqSet *set = filter->set;
	const LhVec *vec = vecs[0];

	memset(hits, 0, LH_WORDS(sel->n) * sizeof(*hits));
	if (set->nentries == 0)
		return LH_OK;
	if (set->ncols == 1 && vec->kind == LH_VEC_RUNS)
		return probe_runs(ctx, filter, vec, sel, hits);
	if (set->ncols == 1 && vec->kind == LH_VEC_DICT && (vec->valid == NULL || set->simple) &&
		vec->dict->n > 0)
		return probe_codes(ctx, filter, vec, sel, hits);
	return probe_rows(ctx, filter, vecs, sel->n, sel->w, hits);
}
