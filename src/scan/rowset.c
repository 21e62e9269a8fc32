/*
 * rowset.c
 *		Sets of row numbers over libroaring's 32-bit bitmaps.
 *
 *	1. A bitmap from a file is read by the library's safe deserialiser, which keeps
 *	   within the bytes, and then checked container by container, because the
 *	   library trusts what it has read: numbers that do not ascend or runs that
 *	   leave their container would make it write where it should not, and containers
 *	   without runs make it read where there is nothing.
 *	2. A scan asks for the bits of a batch.  They are taken out of the containers
 *	   directly: whole words of bitsets, runs filled, arrays from the place that a
 *	   binary search finds.  Asking value by value costs more than the column's
 *	   decoding.
 */
#include "scan/rowset.h"

#include <roaring/containers/containers.h>
#include <roaring/roaring.h>
#include <stdlib.h>
#include <string.h>

#define CONTAINER_BITS 16
#define CONTAINER_ROWS (1 << CONTAINER_BITS)

typedef struct Part
{
	uint32_t key;
	roaring_bitmap_t *map;
} Part;

struct LhRowSet
{
	LhArena *arena;
	bool floor;
	size_t counted;
	int n;
	int cap;
	Part *parts; /* ascending by key; of malloc */
};

static void
release(void *arg)
{
	LhRowSet *set = arg;

	for (int i = 0; i < set->n; i++)
		roaring_bitmap_free(set->parts[i].map);
	free(set->parts);
	lh_arena_uncount(set->arena, set->counted, set->floor);
}

LhStatus
lh_rowset_create(LhCtx *ctx, bool floor, LhRowSet **out)
{
	LhRowSet *set;

	LH_NEW(ctx, set);
	set->arena = ctx->arena;
	set->floor = floor;
	LH_TRY(lh_arena_on_reset(ctx, ctx->arena, release, set));
	*out = set;
	return LH_OK;
}

static LhStatus
no_memory(LhCtx *ctx)
{
	LH_FAIL(ctx, LH_NO_MEMORY, "out of memory: the operating system refused a set of deleted rows");
}

/* Place of the first part whose key is not below the given one. */
static int
find_part(const LhRowSet *set, uint32_t key)
{
	int low = 0, high = set->n;

	while (low < high)
	{
		int mid = (low + high) / 2;

		if (set->parts[mid].key < key)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

/* Put a bitmap into the set, which owns it from now on. */
static LhStatus
put_part(LhCtx *ctx, LhRowSet *set, int at, uint32_t key, roaring_bitmap_t *map)
{
	if (set->n == set->cap)
	{
		int cap = set->cap ? 2 * set->cap : 1;
		Part *parts = realloc(set->parts, (size_t) cap * sizeof(*parts));

		if (parts == NULL)
		{
			roaring_bitmap_free(map);
			return no_memory(ctx);
		}
		set->parts = parts;
		set->cap = cap;
	}
	memmove(&set->parts[at + 1], &set->parts[at], (size_t) (set->n - at) * sizeof(Part));
	set->parts[at] = (Part){key, map};
	set->n++;
	return LH_OK;
}

static LhStatus
need_part(LhCtx *ctx, LhRowSet *set, uint32_t key, roaring_bitmap_t **out)
{
	int at = find_part(set, key);

	if (at == set->n || set->parts[at].key != key)
	{
		roaring_bitmap_t *map = roaring_bitmap_create();

		if (map == NULL)
			return no_memory(ctx);
		LH_TRY(put_part(ctx, set, at, key, map));
	}
	*out = set->parts[at].map;
	return LH_OK;
}

LhStatus
lh_rowset_add(LhCtx *ctx, LhRowSet *set, const int64_t *rows, int n)
{
	uint32_t low[256];
	int i = 0;

	while (i < n)
	{
		uint32_t key = (uint32_t) (rows[i] >> 32);
		roaring_bitmap_t *map;
		size_t k = 0;

		for (; i < n && k < 256 && (uint32_t) (rows[i] >> 32) == key; i++)
			low[k++] = (uint32_t) rows[i];
		LH_TRY(need_part(ctx, set, key, &map));
		roaring_bitmap_add_many(map, k, low);
	}
	return LH_OK;
}

LhStatus
lh_rowset_or(LhCtx *ctx, LhRowSet *set, const LhRowSet *other)
{
	for (int i = 0; i < other->n; i++)
	{
		roaring_bitmap_t *map;

		LH_TRY(need_part(ctx, set, other->parts[i].key, &map));
		roaring_bitmap_or_inplace(map, other->parts[i].map);
	}
	return LH_OK;
}

static LhStatus
count_memory(LhCtx *ctx, LhRowSet *set)
{
	size_t bytes = (size_t) set->cap * sizeof(Part);

	for (int i = 0; i < set->n; i++)
	{
		/* containers as they are stored, and what the library keeps of each */
		bytes += roaring_bitmap_portable_size_in_bytes(set->parts[i].map) +
				 (size_t) set->parts[i].map->high_low_container.size * 32;
	}
	if (bytes <= set->counted)
		return LH_OK;
	LH_TRY(lh_arena_count(ctx, set->arena, bytes - set->counted, set->floor));
	set->counted = bytes;
	return LH_OK;
}

LhStatus
lh_rowset_finish(LhCtx *ctx, LhRowSet *set)
{
	for (int i = 0; i < set->n; i++)
	{
		roaring_bitmap_run_optimize(set->parts[i].map);
		roaring_bitmap_shrink_to_fit(set->parts[i].map);
	}
	return count_memory(ctx, set);
}

/*
 * Checks of what was read
 */

static const char *
check_array(const array_container_t *c)
{
	for (int i = 1; i < c->cardinality; i++)
		if (c->array[i] <= c->array[i - 1])
			return "has an array that does not ascend";
	return NULL;
}

static const char *
check_bitset(const bitset_container_t *c)
{
	uint64_t count = lh_bits_count(c->array, CONTAINER_ROWS / 64);

	return count == (uint64_t) c->cardinality ? NULL : "has a bitset of another cardinality";
}

static const char *
check_run(const run_container_t *c)
{
	int64_t end = -1; /* last row of the run before */

	if (c->n_runs <= 0)
		return "has a container without runs";
	for (int i = 0; i < c->n_runs; i++)
	{
		if (c->runs[i].value <= end)
			return "has runs that do not ascend";
		end = (int64_t) c->runs[i].value + c->runs[i].length;
		if (end >= CONTAINER_ROWS)
			return "has a run that leaves its container";
	}
	return NULL;
}

/* What is wrong with a bitmap; NULL: nothing. */
static const char *
check_bitmap(const roaring_bitmap_t *map)
{
	const roaring_array_t *ra = &map->high_low_container;

	for (int i = 0; i < ra->size; i++)
	{
		const char *wrong = NULL;

		if (i > 0 && ra->keys[i] <= ra->keys[i - 1])
			return "has containers that do not ascend";
		switch (ra->typecodes[i])
		{
			case ARRAY_CONTAINER_TYPE_CODE: wrong = check_array(ra->containers[i]); break;
			case BITSET_CONTAINER_TYPE_CODE: wrong = check_bitset(ra->containers[i]); break;
			case RUN_CONTAINER_TYPE_CODE: wrong = check_run(ra->containers[i]); break;
			default: wrong = "has a container of no known kind"; break;
		}
		if (wrong != NULL)
			return wrong;
	}
	return NULL;
}

/* One bitmap at the beginning of bytes; *used: its length. */
static LhStatus
parse_part(LhCtx *ctx, LhRowSet *set, uint32_t key, LhSlice bytes, const char *what, size_t *used)
{
	const char *data = (const char *) bytes.data, *wrong;
	roaring_bitmap_t *map;

	*used = roaring_bitmap_portable_deserialize_size(data, bytes.len);
	map = *used > 0 ? roaring_bitmap_portable_deserialize_safe(data, bytes.len) : NULL;
	if (map == NULL)
		LH_FAIL(ctx, LH_CORRUPT, "%s: bitmap %u is no Roaring bitmap, or ends early", what, key);
	wrong = check_bitmap(map);
	LH_TRY(put_part(ctx, set, set->n, key, map));
	if (wrong != NULL)
		LH_FAIL(ctx, LH_CORRUPT, "%s: bitmap %u %s", what, key, wrong);
	return LH_OK;
}

LhStatus
lh_rowset_parse(LhCtx *ctx, LhSlice bytes, bool floor, const char *what, LhRowSet **out)
{
	int64_t n, last = -1;

	if (bytes.len < 8)
		LH_FAIL(ctx, LH_CORRUPT, "%s: %zu bytes are too few for a 64-bit bitmap", what, bytes.len);
	n = lh_load_i64(bytes.data);
	bytes = lh_slice(bytes.data + 8, bytes.len - 8);
	if (n < 0 || n > INT32_MAX)
		LH_FAIL(ctx, LH_CORRUPT, "%s: it claims %lld bitmaps", what, (long long) n);
	LH_TRY(lh_rowset_create(ctx, floor, out));
	for (int64_t i = 0; i < n; i++)
	{
		size_t used = 0;
		int64_t key;

		LH_TRY(lh_poll(ctx));
		if (bytes.len < 4)
			LH_FAIL(ctx, LH_CORRUPT, "%s: it ends before bitmap %lld of %lld", what, (long long) i + 1,
					(long long) n);
		key = lh_load_i32(bytes.data);
		if (key < 0)
			LH_FAIL(ctx, LH_CORRUPT, "%s: key %lld has its high bit set", what, (long long) key);
		if (key <= last)
			LH_FAIL(ctx, LH_CORRUPT, "%s: key %lld follows key %lld, keys must ascend", what,
					(long long) key, (long long) last);
		last = key;
		LH_TRY(parse_part(ctx, *out, (uint32_t) key, lh_slice(bytes.data + 4, bytes.len - 4), what,
						  &used));
		bytes = lh_slice(bytes.data + 4 + used, bytes.len - 4 - used);
	}
	if (bytes.len > 0)
		LH_FAIL(ctx, LH_CORRUPT, "%s: %zu bytes follow its last bitmap", what, bytes.len);
	return count_memory(ctx, *out);
}

/*
 * Asking
 */

uint64_t
lh_rowset_count(const LhRowSet *set)
{
	uint64_t count = 0;

	for (int i = 0; i < set->n; i++)
		count += roaring_bitmap_get_cardinality(set->parts[i].map);
	return count;
}

uint64_t
lh_rowset_count_range(const LhRowSet *set, int64_t from, int64_t to)
{
	uint64_t count = 0;

	if (from >= to)
		return 0;
	for (int i = find_part(set, (uint32_t) (from >> 32)); i < set->n; i++)
	{
		int64_t base = (int64_t) set->parts[i].key << 32;
		uint64_t low = from > base ? (uint64_t) (from - base) : 0;
		uint64_t high = (uint64_t) (to - base);

		if (base >= to)
			break;
		count += roaring_bitmap_range_cardinality(
			set->parts[i].map, low, high < (uint64_t) 1 << 32 ? high : (uint64_t) 1 << 32);
	}
	return count;
}

/* Bits [from, to) of a bitset become bits at and after "at", which are 0 yet: a word at a time, then what is left. */
static void
copy_bitset(const uint64_t *bits, int from, int to, uint64_t *words, int at)
{
	int down = from % 64, up = at % 64;

	for (; to - from >= 64; from += 64, at += 64)
	{
		const uint64_t *in = &bits[from / 64];
		uint64_t word = down == 0 ? in[0] : in[0] >> down | in[1] << (64 - down);

		words[at / 64] |= word << up;
		if (up != 0)
			words[at / 64 + 1] |= word >> (64 - up);
	}
	while (from < to)
	{
		int have = 64 - from % 64, room = 64 - at % 64;
		int n = have < room ? have : room;

		n = n < to - from ? n : to - from;
		words[at / 64] |= (bits[from / 64] >> (from % 64) & ((UINT64_C(1) << n) - 1)) << (at % 64);
		from += n;
		at += n;
	}
}

static void
copy_array(const array_container_t *c, int from, int to, uint64_t *words, int at)
{
	int low = 0, high = c->cardinality;

	while (low < high)
	{
		int mid = (low + high) / 2;

		if (c->array[mid] < from)
			low = mid + 1;
		else
			high = mid;
	}
	for (; low < c->cardinality && c->array[low] < to; low++)
	{
		int bit = at + c->array[low] - from;

		words[bit / 64] |= UINT64_C(1) << (bit % 64);
	}
}

static void
copy_runs(const run_container_t *c, int from, int to, uint64_t *words, int at)
{
	int low = 0, high = c->n_runs;

	while (low < high)
	{
		int mid = (low + high) / 2;

		if (c->runs[mid].value + c->runs[mid].length < from)
			low = mid + 1;
		else
			high = mid;
	}
	for (; low < c->n_runs && c->runs[low].value < to; low++)
	{
		int first = c->runs[low].value, end = first + c->runs[low].length + 1;

		first = first > from ? first : from;
		end = end < to ? end : to;
		lh_bits_set_range(words, (size_t) (at + first - from), (size_t) (at + end - from));
	}
}

/* Rows [from, to) of one bitmap, of one container. */
static void
copy_container(const roaring_bitmap_t *map, uint32_t from, uint32_t n, uint64_t *words, int at)
{
	const roaring_array_t *ra = &map->high_low_container;
	int i = ra_get_index(ra, (uint16_t) (from >> CONTAINER_BITS));
	int low = (int) (from & (CONTAINER_ROWS - 1));

	if (i < 0)
		return;
	switch (ra->typecodes[i])
	{
		case BITSET_CONTAINER_TYPE_CODE:
			copy_bitset(((const bitset_container_t *) ra->containers[i])->array, low, low + (int) n,
						words, at);
			break;
		case ARRAY_CONTAINER_TYPE_CODE:
			copy_array(ra->containers[i], low, low + (int) n, words, at);
			break;
		case RUN_CONTAINER_TYPE_CODE:
			copy_runs(ra->containers[i], low, low + (int) n, words, at);
			break;
		default: break;
	}
}

void
lh_rowset_words(const LhRowSet *set, int64_t from, int n, uint64_t *words)
{
	int at = 0;

	memset(words, 0, LH_WORDS(n) * sizeof(*words));
	while (at < n)
	{
		uint32_t key = (uint32_t) ((from + at) >> 32), low = (uint32_t) (from + at);
		int piece = CONTAINER_ROWS - (int) (low & (CONTAINER_ROWS - 1));
		int i = find_part(set, key);

		piece = piece < n - at ? piece : n - at;
		if (i < set->n && set->parts[i].key == key)
			copy_container(set->parts[i].map, low, (uint32_t) piece, words, at);
		at += piece;
	}
}
