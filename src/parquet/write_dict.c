/*
 * write_dict.c
 *		Dictionaries: values to codes.
 *
 *	1. An open hash table leads from a value to its code; entries are kept dense,
 *	   in the order in which they came, as their page will have them.
 *	2. Values that come as codes of another dictionary are looked up once an
 *	   entry: a map leads from its codes to ours, as long as it stays the same one.
 *	3. When the dictionary would grow beyond its limit the caller gives it up;
 *	   pages that were cut before keep their codes, and the dictionary page stays.
 */
#include "core/hash.h"
#include "parquet/write_internal.h"

#define FIRST_SLOTS 1024
/* Entries are at most half of the slots. */
#define LOAD        2

typedef struct Slot
{
	uint32_t code; /* + 1; 0: free */
	uint32_t tag;  /* of the hash */
} Slot;

LhStatus
lh_pqw_dict_init(LhCtx *ctx, LhPqwLeaf *leaf)
{
	LhPqwDict *d = &leaf->dict;

	LH_TRY(lh_pqw_values_init(ctx, &d->values, leaf->values.width));
	LH_TRY(lh_buf_init(ctx, &d->table, true));
	LH_TRY(lh_buf_init(ctx, &d->stamps, true));
	return lh_buf_init(ctx, &d->map, true);
}

void
lh_pqw_dict_clear(LhPqwDict *d)
{
	d->active = d->used = false;
	lh_pqw_values_free(&d->values);
	lh_buf_free(&d->table);
	lh_buf_free(&d->stamps);
	lh_buf_free(&d->map);
	d->plain_size = 0;
	d->mask = 0;
	d->stamp = 0;
	d->mapped = 0;
}

static inline uint64_t
hash_fixed(const uint8_t *p, size_t width)
{
	switch (width)
	{
		case 4: return lh_hash_u64(lh_load_u32(p));
		case 8: return lh_hash_u64(lh_load_u64(p));
		default: return lh_hash_bytes(p, width, 0);
	}
}

static inline uint64_t
hash_of(const LhPqwDict *d, const uint8_t *p, size_t len)
{
	return d->values.width > 0 ? hash_fixed(p, d->values.width) : lh_hash_bytes(p, len, 0);
}

/* Twice as many slots. */
static LhStatus
grow(LhCtx *ctx, LhPqwDict *d)
{
	size_t slots = d->mask > 0 ? (d->mask + 1) * 2 : FIRST_SLOTS;
	Slot *table;

	d->table.len = 0;
	LH_TRY(lh_buf_fit(ctx, &d->table, slots * sizeof(Slot)));
	memset(d->table.data, 0, slots * sizeof(Slot));
	d->mask = slots - 1;
	table = (Slot *) (void *) d->table.data;
	for (size_t i = 0; i < d->values.n; i++)
	{
		LhSlice s = lh_pqw_value(&d->values, i);
		uint64_t hash = hash_of(d, s.data, s.len);
		size_t at = hash & d->mask;

		while (table[at].code != 0)
			at = (at + 1) & d->mask;
		table[at] = (Slot){(uint32_t) i + 1, (uint32_t) (hash >> 32)};
	}
	return LH_OK;
}

static inline bool
same(const LhPqwDict *d, uint32_t code, const uint8_t *p, size_t len)
{
	LhSlice s;

	switch (d->values.width)
	{
		case 4: return lh_load_u32(d->values.data.data + (size_t) code * 4) == lh_load_u32(p);
		case 8: return lh_load_u64(d->values.data.data + (size_t) code * 8) == lh_load_u64(p);
		default: break;
	}
	s = lh_pqw_value(&d->values, code);
	return s.len == len && (len == 0 || memcmp(s.data, p, len) == 0);
}

/* The code of a value, which may be new; *full instead of growing beyond the limit. */
static inline LhStatus
code_of(LhCtx *ctx, LhPqwDict *d, const uint8_t *p, size_t len, uint32_t *code, bool *full)
{
	size_t size = d->values.width > 0 ? d->values.width : len + 4;
	uint64_t hash = hash_of(d, p, len);
	uint32_t tag = (uint32_t) (hash >> 32);
	const Slot *table;
	uint8_t *to = NULL;
	size_t at;

	if (d->values.n * LOAD >= d->mask)
		LH_TRY(grow(ctx, d));
	table = (const Slot *) (const void *) d->table.data;
	for (at = hash & d->mask; table[at].code != 0; at = (at + 1) & d->mask)
		if (table[at].tag == tag && same(d, table[at].code - 1, p, len))
		{
			*code = table[at].code - 1;
			return LH_OK;
		}
	if (size > d->limit - d->plain_size)
	{
		*full = true;
		return LH_OK;
	}
	*code = (uint32_t) d->values.n;
	if (d->values.width > 0)
	{
		LH_TRY(lh_pqw_values_extend(ctx, &d->values, 1, &to));
		memcpy(to, p, d->values.width);
	}
	else
	{
		LhStr s = {p, (uint32_t) len, 0};

		LH_TRY(lh_pqw_values_add_strs(ctx, &d->values, &s, 1));
	}
	d->plain_size += size;
	((Slot *) (void *) d->table.data)[at] = (Slot){*code + 1, tag};
	return LH_OK;
}

static LhStatus
room(LhCtx *ctx, LhPqwLeaf *leaf, size_t n, uint32_t **codes)
{
	LH_TRY(lh_buf_reserve(ctx, &leaf->codes, leaf->codes.len + n * sizeof(**codes) + 1));
	*codes = (uint32_t *) (void *) (leaf->codes.data + leaf->codes.len);
	return LH_OK;
}

LhStatus
lh_pqw_dict_add(LhCtx *ctx, LhPqwLeaf *leaf, const LhPqwValues *v, size_t *done)
{
	size_t width = v->width, i = 0;
	const uint8_t *p = v->data.data;
	bool full = false;
	uint32_t *codes;

	LH_TRY(room(ctx, leaf, v->n, &codes));
	for (; i < v->n; i++, p += width)
	{
		/* neighbours are often equal */
		if (i > 0 && memcmp(p, p - width, width) == 0)
		{
			codes[i] = codes[i - 1];
			continue;
		}
		LH_TRY(code_of(ctx, &leaf->dict, p, width, &codes[i], &full));
		if (full)
			break;
	}
	*done = i;
	leaf->codes.len += i * sizeof(*codes);
	return LH_OK;
}

LhStatus
lh_pqw_dict_add_strs(LhCtx *ctx, LhPqwLeaf *leaf, const LhStr *v, size_t n, size_t *done)
{
	bool full = false;
	uint32_t *codes;
	size_t i = 0;

	LH_TRY(room(ctx, leaf, n, &codes));
	for (; i < n; i++)
	{
		LH_TRY(code_of(ctx, &leaf->dict, v[i].ptr, v[i].len, &codes[i], &full));
		if (full)
			break;
	}
	*done = i;
	leaf->codes.len += i * sizeof(*codes);
	return LH_OK;
}

/* Begin to map another dictionary's codes. */
static LhStatus
map_begin(LhCtx *ctx, LhPqwDict *d, const LhDict *dict)
{
	if (d->mapped == dict->id && d->nmapped == dict->n)
		return LH_OK;
	LH_TRY(lh_buf_fit(ctx, &d->map, (size_t) dict->n * sizeof(uint32_t) + 1));
	memset(d->map.data, 0xff, (size_t) dict->n * sizeof(uint32_t));
	d->mapped = dict->id;
	d->nmapped = dict->n;
	return LH_OK;
}

/* Our code of entry "old" of another dictionary. */
static LhStatus
map_entry(LhCtx *ctx, LhPqwLeaf *leaf, const LhDict *dict, uint32_t old, uint32_t *code, bool *full)
{
	const LhPqwPicks one = {.n = 1, .first = old};
	LhPqwValues value = {.width = leaf->values.width};
	LhStr s;

	if (leaf->take == LH_PQW_BYTES)
	{
		memcpy(&s, (const uint8_t *) dict->values + old * sizeof(s), sizeof(s));
		return code_of(ctx, &leaf->dict, s.ptr, s.len, code, full);
	}
	value.data = leaf->shared->take;
	value.data.len = 0;
	LH_TRY(lh_pqw_take(ctx, leaf, dict->values, &one, &value));
	leaf->shared->take = value.data;
	return code_of(ctx, &leaf->dict, value.data.data, value.width, code, full);
}

LhStatus
lh_pqw_dict_add_codes(LhCtx *ctx, LhPqwLeaf *leaf, const LhDict *dict, const uint32_t *codes,
					  const LhPqwPicks *picks, size_t *done)
{
	LhPqwDict *d = &leaf->dict;
	bool full = false;
	uint32_t *out, *map;
	size_t i = 0;

	LH_TRY(map_begin(ctx, d, dict));
	LH_TRY(room(ctx, leaf, picks->n, &out));
	map = (uint32_t *) (void *) d->map.data;
	for (; i < picks->n; i++)
	{
		uint32_t old = codes[picks->pos != NULL ? picks->pos[i] : picks->first + i];

		if (map[old] == LH_PQW_UNMAPPED)
		{
			LH_TRY(map_entry(ctx, leaf, dict, old, &map[old], &full));
			if (full)
				break;
		}
		out[i] = map[old];
	}
	*done = i;
	leaf->codes.len += i * sizeof(*out);
	return LH_OK;
}

LhStatus
lh_pqw_dict_give_up(LhCtx *ctx, LhPqwLeaf *leaf)
{
	const uint32_t *codes = (const uint32_t *) (const void *) leaf->codes.data;

	leaf->dict.active = false;
	LH_TRY(lh_pqw_values_pick(ctx, &leaf->values, &leaf->dict.values, codes,
							  leaf->codes.len / sizeof(*codes)));
	leaf->codes.len = 0;
	if (leaf->dict.used)
		return LH_OK;
	/* nothing refers to it: it will not be written */
	lh_pqw_dict_clear(&leaf->dict);
	return LH_OK;
}
