/*
 * hash.c
 *		Hashes of bytes, the CRC of pages, and a map from names to numbers.
 *
 * The map is open addressing over a power of two of slots, at most half full,
 * so that a look-up of an absent name ends soon.  Names are borrowed.
 */
#include "core/hash.h"

#include <libdeflate.h>
#include <xxhash.h>

typedef struct NameSlot
{
	const char *name; /* NULL: free */
	size_t len;
	uint32_t hash;
	int value;
} NameSlot;

struct LhNameMap
{
	NameSlot *slots;
	size_t mask; /* number of slots - 1 */
	size_t used;
};

uint64_t
lh_hash_bytes(const void *p, size_t n, uint64_t seed)
{
	return XXH3_64bits_withSeed(p, n, seed);
}

uint64_t
lh_xxh64(const void *p, size_t n)
{
	return XXH64(p, n, 0);
}

uint32_t
lh_crc32(const void *p, size_t n)
{
	/* libdeflate takes a NULL pointer as a question for the first value: 0 as well */
	return libdeflate_crc32(0, p, n);
}

uint32_t
lh_crc32_more(uint32_t crc, const void *p, size_t n)
{
	return n > 0 ? libdeflate_crc32(crc, p, n) : crc;
}

LhStatus
lh_namemap_create(LhCtx *ctx, size_t expected, LhNameMap **out)
{
	LhNameMap *map;
	size_t size = 16;

	LH_NEW(ctx, map);
	while (size < LH_ALLOC_MAX / sizeof(NameSlot) && size / 2 < expected)
		size *= 2;
	LH_NEW_ARRAY(ctx, map->slots, size);
	map->mask = size - 1;
	*out = map;
	return LH_OK;
}

/* The slot that holds the name, or the free one where it belongs. */
static NameSlot *
find(const LhNameMap *map, const char *name, size_t len, uint32_t hash)
{
	for (size_t i = hash & map->mask;; i = (i + 1) & map->mask)
	{
		NameSlot *slot = &map->slots[i];

		if (slot->name == NULL)
			return slot;
		if (slot->hash == hash && slot->len == len && memcmp(slot->name, name, len) == 0)
			return slot;
	}
}

static LhStatus
grow(LhCtx *ctx, LhNameMap *map)
{
	NameSlot *old = map->slots;
	size_t n = map->mask + 1;

	LH_NEW_ARRAY(ctx, map->slots, n * 2);
	map->mask = n * 2 - 1;
	for (size_t i = 0; i < n; i++)
	{
		if (old[i].name != NULL)
			*find(map, old[i].name, old[i].len, old[i].hash) = old[i];
	}
	return LH_OK;
}

LhStatus
lh_namemap_put(LhCtx *ctx, LhNameMap *map, const char *name, size_t len, int value)
{
	uint32_t hash = (uint32_t) lh_hash_bytes(name, len, 0);
	NameSlot *slot = find(map, name, len, hash);

	if (slot->name != NULL)
		return LH_OK;
	if (map->used >= (map->mask + 1) / 2)
	{
		LH_TRY(grow(ctx, map));
		slot = find(map, name, len, hash);
	}
	*slot = (NameSlot){.name = name, .len = len, .hash = hash, .value = value};
	map->used++;
	return LH_OK;
}

int
lh_namemap_get(const LhNameMap *map, const char *name, size_t len)
{
	const NameSlot *slot = find(map, name, len, (uint32_t) lh_hash_bytes(name, len, 0));

	return slot->name != NULL ? slot->value : -1;
}
