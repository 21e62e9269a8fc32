/*
 * distinct.c
 *		Sets of values, for count(distinct).
 *
 * Numbers that are no 64-bit key are kept as bytes with a tag in front:
 *
 *	TAG_INT		16 bytes, in the scale of the set
 *	TAG_TRIMMED	16 bytes without trailing decimal zeros and their scale: in the
 *				scale of the set they would need more than 128 bits
 *	TAG_WIDE	big-endian bytes of a decimal beyond 128 bits
 *
 * When a table outgrows its share of the budget, its entries go to one of 64
 * partitions of a temporary file by their hash, and it begins anew; equal values
 * meet in one partition, which is counted by a set of its own that may spill
 * again, by another hash.  When not even a small table is to be had, values go to
 * the partitions at once.
 */
#include <string.h>

#include "exec/distinct_impl.h"
#include "vec/value.h"

/* A bitmap of this many bits is always worth trying (128 kB). */
#define SMALL_WINDOW          ((uint64_t) 1 << 20)
/* Beyond that, bits a value offered so far: a hash table takes 128 to 256. */
#define WINDOW_BITS_PER_VALUE 32
#define TAG_INT               1
#define TAG_TRIMMED           2
#define TAG_WIDE              3

/* A table may take this part of the budget: the rest is the scan's. */
#define BUDGET_SHARE 2

/* Strings are copied to blocks of this size. */
#define BYTES_BLOCK 65536

static LhStatus
create_set(LhCtx *ctx, int level, LhDistinct **out)
{
	LhDistinct *d;

	LH_NEW(ctx, d);
	d->home = ctx->arena;
	d->level = level;
	d->arena = lh_arena_child(ctx->arena);
	if (d->arena == NULL)
		LH_FAIL(ctx, LH_NO_MEMORY, "out of memory");
	LH_TRY(lh_buf_init(ctx, &d->bitmap, false));
	LH_TRY(lh_buf_init(ctx, &d->keys, false));
	LH_TRY(lh_buf_init(ctx, &d->strs, false));
	LH_TRY(lh_buf_init(ctx, &d->wide, false));
	*out = d;
	return LH_OK;
}

void
lh_distinct_keep_in_memory(LhDistinct *d, bool keep)
{
	d->in_memory = keep;
}

LhStatus
lh_distinct_create(LhCtx *ctx, LhDistinct **out)
{
	return create_set(ctx, 0, out);
}

void
lh_distinct_reset(LhDistinct *d)
{
	lh_spill_destroy(d->key_spill);
	lh_spill_destroy(d->str_spill);
	d->key_spill = d->str_spill = NULL;
	lh_arena_reset(d->arena);
	lh_buf_free(&d->bitmap);
	lh_buf_free(&d->keys);
	lh_buf_free(&d->strs);
	d->hashing = d->has_zero = false;
	d->nbits = d->offered = d->nkeys = d->key_mask = d->nstrs = d->str_mask = 0;
	d->block_left = 0;
}

/* Would a table of these bytes take more than its share of the budget? */
static LhStatus
check_share(LhCtx *ctx, const LhDistinct *d, size_t bytes)
{
	const LhBudget *budget = lh_arena_budget(d->home);

	if (budget == NULL || budget->limit == 0 || bytes <= budget->limit / BUDGET_SHARE)
		return LH_OK;
	LH_FAIL(ctx, LH_NO_MEMORY, "count(distinct) needs more memory than its share of %s",
			budget->setting != NULL ? budget->setting : "the budget");
}

/*
 * Tables
 */

/* Put a zeroed buffer of bytes in the place of *buf, which moves to *old. */
static LhStatus
exchange(LhCtx *ctx, LhBuf *buf, size_t bytes, LhBuf *old)
{
	LhArena *arena = lh_use(ctx, buf->arena);
	LhStatus status;

	*old = *buf;
	status = lh_buf_init(ctx, buf, false);
	if (status == LH_OK && bytes > 0)
		status = lh_buf_reserve(ctx, buf, bytes);
	lh_use(ctx, arena);
	if (status != LH_OK)
		*buf = *old;
	else if (bytes > 0)
		memset(buf->data, 0, bytes);
	return status;
}

/* Insert into a table that has room. */
static void
put_key(LhDistinct *d, int64_t key)
{
	int64_t *slots = (int64_t *) d->keys.data;
	uint64_t h = lh_hash_u64((uint64_t) key);

	if (key == 0)
	{
		d->has_zero = true;
		return;
	}
	for (;; h++)
	{
		int64_t at = slots[h & d->key_mask];

		if (at == key)
			return;
		if (at == 0)
			break;
	}
	slots[h & d->key_mask] = key;
	d->nkeys++;
}

/* Room for more keys: at most half of the slots are taken. */
static LhStatus
reserve_keys(LhCtx *ctx, LhDistinct *d, uint64_t more)
{
	uint64_t size = d->keys.cap == 0 ? 0 : d->key_mask + 1, old = size;
	LhBuf keys;

	if ((d->nkeys + more) * 2 <= size)
		return LH_OK;
	size = size == 0 ? 4096 : size;
	while ((d->nkeys + more) * 2 > size)
		size *= 2;
	LH_TRY(check_share(ctx, d, size * sizeof(int64_t)));
	LH_TRY(exchange(ctx, &d->keys, size * sizeof(int64_t), &keys));
	d->key_mask = size - 1;
	d->nkeys = 0;
	for (uint64_t i = 0; i < old; i++)
	{
		int64_t key = ((const int64_t *) keys.data)[i];

		if (key != 0)
			put_key(d, key);
	}
	lh_buf_free(&keys);
	return LH_OK;
}

/* Room for n more keys in the table, which may have to be emptied; *direct: there is none, use the file. */
static LhStatus
room_for_keys(LhCtx *ctx, LhDistinct *d, uint64_t n, bool *direct)
{
	LhStatus status = reserve_keys(ctx, d, n);

	*direct = false;
	if (!lh_distinct_may_spill(ctx, d, status))
		return status;
	LH_TRY(lh_distinct_flush_keys(ctx, d));
	status = reserve_keys(ctx, d, n);
	if (!lh_distinct_may_spill(ctx, d, status))
		return status;
	*direct = true;
	return LH_OK;
}

static LhStatus
take_key(LhCtx *ctx, LhDistinct *d, bool direct, int64_t key)
{
	if (direct)
		return lh_distinct_spill_key(ctx, d, key);
	put_key(d, key);
	return LH_OK;
}

/* Give the bitmap up: its keys move to the hash table, or to the file. */
static LhStatus
start_hashing(LhCtx *ctx, LhDistinct *d)
{
	const uint64_t *w = (const uint64_t *) d->bitmap.data;
	size_t nwords = (size_t) (d->nbits / 64);
	bool direct;

	LH_TRY(room_for_keys(ctx, d, lh_bits_count(w, nwords), &direct));
	for (size_t i = 0; i < nwords; i++)
	{
		for (uint64_t bits = w[i]; bits != 0; bits &= bits - 1)
			LH_TRY(take_key(ctx, d, direct, d->base + (int64_t) (i * 64) + __builtin_ctzll(bits)));
	}
	lh_buf_free(&d->bitmap);
	d->nbits = 0;
	d->hashing = true;
	return LH_OK;
}

/* Move the bitmap to a window from..to (multiples of 64) around the old one. */
static LhStatus
move_window(LhCtx *ctx, LhDistinct *d, int64_t from, uint64_t nbits)
{
	size_t old = (size_t) (d->nbits / 8), bytes = (size_t) (nbits / 8),
		   shift = d->nbits == 0 ? 0 : (size_t) ((uint64_t) d->base - (uint64_t) from) / 8;

	d->bitmap.len = old; /* what has to be kept */
	LH_TRY(lh_buf_reserve(ctx, &d->bitmap, bytes));
	if (old > 0)
		memmove(d->bitmap.data + shift, d->bitmap.data, old);
	memset(d->bitmap.data, 0, shift);
	memset(d->bitmap.data + shift + old, 0, bytes - shift - old);
	d->base = from;
	d->nbits = nbits;
	return LH_OK;
}

/* Make the bitmap hold min..max, or change to hashing. */
static LhStatus
reserve_window(LhCtx *ctx, LhDistinct *d, int64_t min, int64_t max)
{
	uint64_t limit = d->offered * WINDOW_BITS_PER_VALUE;
	LhI128 from = min, to = max, slack;

	limit = limit < SMALL_WINDOW ? SMALL_WINDOW : limit;
	if (d->nbits > 0)
	{
		LhI128 end = (LhI128) d->base + (LhI128) d->nbits - 1;

		if (min >= d->base && max <= end)
			return LH_OK;
		/* grow by a quarter more than needed, on the side that grows */
		slack = (LhI128) (d->nbits / 4);
		from = min < d->base ? min - slack : d->base;
		to = max > end ? max + slack : end;
	}
	from = from < INT64_MIN ? INT64_MIN : from;
	to = to > INT64_MAX ? INT64_MAX : to;
	from -= ((from % 64) + 64) % 64;
	to += 63 - ((to % 64) + 64) % 64;
	if (to - from + 1 <= (LhI128) limit)
	{
		LhStatus status = move_window(ctx, d, (int64_t) from, (uint64_t) (to - from + 1));

		if (status != LH_NO_MEMORY)
			return status;
		lh_error_clear(ctx); /* the hash table may still fit */
	}
	return start_hashing(ctx, d);
}

LhStatus
lh_distinct_add_keys(LhCtx *ctx, LhDistinct *d, const int64_t *keys, int n)
{
	bool direct;

	d->offered += (uint64_t) n;
	if (!d->hashing)
	{
		int64_t min = INT64_MAX, max = INT64_MIN;

		for (int i = 0; i < n; i++)
		{
			min = keys[i] < min ? keys[i] : min;
			max = keys[i] > max ? keys[i] : max;
		}
		LH_TRY(reserve_window(ctx, d, min, max));
	}
	if (!d->hashing)
	{
		uint64_t *w = (uint64_t *) d->bitmap.data;

		/* a store to a word that is loaded next would be waited for: most bits are set already */
		for (int i = 0; i < n; i++)
		{
			size_t bit = (size_t) ((uint64_t) keys[i] - (uint64_t) d->base);

			if (!lh_bit_get(w, bit))
				lh_bit_set(w, bit);
		}
		return LH_OK;
	}
	LH_TRY(room_for_keys(ctx, d, (uint64_t) n, &direct));
	for (int i = 0; direct && i < n; i++)
		LH_TRY(lh_distinct_spill_key(ctx, d, keys[i]));
	if (direct)
		return LH_OK;
	for (int i = 0; i < n; i++)
		__builtin_prefetch((int64_t *) d->keys.data +
						   (lh_hash_u64((uint64_t) keys[i]) & d->key_mask));
	for (int i = 0; i < n; i++)
		put_key(d, keys[i]);
	return LH_OK;
}

static LhStatus
copy_bytes(LhCtx *ctx, LhDistinct *d, LhStr s, uint32_t hash, LhStr *out)
{
	uint8_t *p;

	if (s.len > d->block_left)
	{
		size_t size = s.len > BYTES_BLOCK / 4 ? s.len : BYTES_BLOCK;
		LhArena *old;

		LH_TRY(check_share(ctx, d, d->strs.cap + lh_arena_used(d->arena) + size));
		old = lh_use(ctx, d->arena);
		p = lh_alloc(ctx, size > 0 ? size : 1);
		lh_use(ctx, old);
		if (p == NULL)
			return ctx->error->code;
		if (size == s.len)
		{
			memcpy(p, s.ptr, s.len);
			*out = (LhStr){p, s.len, hash};
			return LH_OK;
		}
		d->block = p;
		d->block_left = size;
	}
	/* an empty string is any pointer but NULL */
	p = s.len > 0 ? d->block : (uint8_t *) d;
	if (s.len > 0)
		memcpy(p, s.ptr, s.len);
	*out = (LhStr){p, s.len, hash};
	d->block += s.len;
	d->block_left -= s.len;
	return LH_OK;
}

LhStatus
lh_distinct_reserve_strs(LhCtx *ctx, LhDistinct *d, uint64_t more)
{
	uint64_t size = d->strs.cap == 0 ? 0 : d->str_mask + 1, old = size;
	LhBuf strs;
	LhStr *slots;

	if ((d->nstrs + more) * 2 <= size)
		return LH_OK;
	size = size == 0 ? 1024 : size;
	while ((d->nstrs + more) * 2 > size)
		size *= 2;
	LH_TRY(check_share(ctx, d, size * sizeof(LhStr) + lh_arena_used(d->arena)));
	LH_TRY(exchange(ctx, &d->strs, size * sizeof(LhStr), &strs));
	d->str_mask = size - 1;
	slots = (LhStr *) d->strs.data;
	for (uint64_t i = 0; i < old; i++)
	{
		LhStr s = ((const LhStr *) strs.data)[i];
		uint64_t h = s.spare;

		if (s.ptr == NULL)
			continue;
		while (slots[h & d->str_mask].ptr != NULL)
			h++;
		slots[h & d->str_mask] = s;
	}
	lh_buf_free(&strs);
	return LH_OK;
}

LhStatus
lh_distinct_put_bytes(LhCtx *ctx, LhDistinct *d, LhStr s, uint32_t hash)
{
	LhStr *slots = (LhStr *) d->strs.data;

	for (uint64_t h = hash;; h++)
	{
		LhStr *at = &slots[h & d->str_mask];

		if (at->ptr == NULL)
		{
			LH_TRY(copy_bytes(ctx, d, s, hash, at));
			d->nstrs++;
			return LH_OK;
		}
		if (at->spare == hash && at->len == s.len &&
			(s.len == 0 || memcmp(at->ptr, s.ptr, s.len) == 0))
			return LH_OK;
	}
}

static LhStatus
try_bytes(LhCtx *ctx, LhDistinct *d, LhStr s, uint32_t hash)
{
	LH_TRY(lh_distinct_reserve_strs(ctx, d, 1));
	return lh_distinct_put_bytes(ctx, d, s, hash);
}

/* Into the table, which may have to be emptied, or into the file. */
static LhStatus
store_bytes(LhCtx *ctx, LhDistinct *d, LhStr s, uint32_t hash)
{
	LhStatus status = try_bytes(ctx, d, s, hash);

	if (status == LH_OK || !lh_distinct_may_spill(ctx, d, status))
		return status;
	LH_TRY(lh_distinct_flush_strs(ctx, d));
	status = try_bytes(ctx, d, s, hash);
	if (!lh_distinct_may_spill(ctx, d, status))
		return status;
	return lh_distinct_spill_bytes(ctx, d, s);
}

static LhStatus
add_bytes(LhCtx *ctx, LhDistinct *d, LhStr s)
{
	return store_bytes(ctx, d, s, (uint32_t) lh_hash_bytes(s.ptr, s.len, 0));
}

/* Many at once: all slots are on their way from memory before the first is looked at. */
static LhStatus
add_strs(LhCtx *ctx, LhDistinct *d, const LhStr *strs, const uint32_t *items, int n)
{
	uint32_t hash[LH_BATCH];

	LhStatus status = lh_distinct_reserve_strs(ctx, d, (uint64_t) n);

	if (status != LH_OK && !lh_distinct_may_spill(ctx, d, status))
		return status;
	for (int i = 0; i < n; i++)
	{
		LhStr s = strs[items[i]];

		hash[i] = (uint32_t) lh_hash_bytes(s.ptr, s.len, 0);
		if (status == LH_OK)
			__builtin_prefetch((LhStr *) d->strs.data + (hash[i] & d->str_mask));
	}
	for (int i = 0; i < n; i++)
		LH_TRY(store_bytes(ctx, d, strs[items[i]], hash[i]));
	return LH_OK;
}

/* x * 10^-scale that does not fit 128 bits in the set's scale. */
static LhStatus
add_trimmed(LhCtx *ctx, LhDistinct *d, LhI128 x, int scale)
{
	uint8_t bytes[1 + sizeof(x) + sizeof(scale)] = {TAG_TRIMMED};

	for (; x != 0 && x % 10 == 0; x /= 10)
		scale--;
	memcpy(bytes + 1, &x, sizeof(x));
	memcpy(bytes + 1 + sizeof(x), &scale, sizeof(scale));
	return add_bytes(ctx, d, (LhStr){bytes, sizeof(bytes), 0});
}

/* x * 10^-scale, where the set's scale is larger by the digits of factor. */
LhStatus
lh_distinct_add_i128(LhCtx *ctx, LhDistinct *d, LhI128 x, int scale, LhI128 factor)
{
	uint8_t bytes[1 + sizeof(x)] = {TAG_INT};
	LhI128 y;
	int64_t key;

	if (!lh_mul_i128(x, factor, &y))
		return add_trimmed(ctx, d, x, scale);
	key = (int64_t) y;
	if (key == y)
		return lh_distinct_add_keys(ctx, d, &key, 1);
	memcpy(bytes + 1, &y, sizeof(y));
	return add_bytes(ctx, d, (LhStr){bytes, sizeof(bytes), 0});
}

/* An entry of the old byte table in the new scale. */
LhStatus
lh_distinct_add_rescaled(LhCtx *ctx, LhDistinct *d, LhStr s, int old_scale, LhI128 factor)
{
	LhI128 x;

	if (s.ptr[0] == TAG_TRIMMED)
		return add_bytes(ctx, d, s);
	if (s.ptr[0] == TAG_WIDE)
		LH_FAIL(ctx, LH_UNSUPPORTED,
				"count(distinct) over decimals beyond 38 digits of several scales");
	memcpy(&x, s.ptr + 1, sizeof(x));
	return lh_distinct_add_i128(ctx, d, x, old_scale, factor);
}

/* What rescaling has to know of records of the old scale. */
typedef struct Rescale
{
	LhDistinct *d;
	LhI128 factor;
} Rescale;

static LhStatus
rescale_keys(LhCtx *ctx, void *arg, const uint8_t *records, size_t len)
{
	const Rescale *r = arg;

	for (size_t i = 0; i < len; i += sizeof(int64_t))
		LH_TRY(lh_distinct_add_i128(ctx, r->d, lh_load_i64(records + i), r->d->scale, r->factor));
	return LH_OK;
}

static LhStatus
rescale_strs(LhCtx *ctx, void *arg, const uint8_t *records, size_t len)
{
	const Rescale *r = arg;

	for (size_t i = 0; i < len;)
	{
		uint32_t n = (uint32_t) lh_load_i32(records + i);

		LH_TRY(lh_distinct_add_rescaled(ctx, r->d, (LhStr){records + i + sizeof(n), n, 0},
										r->d->scale, r->factor));
		i += sizeof(n) + n;
	}
	return LH_OK;
}

static LhStatus
rescale_spill(LhCtx *ctx, Rescale *r, LhSpill *spill, LhSpillFn fn)
{
	for (int part = 0; spill != NULL && part < LH_SPILL_PARTS; part++)
		LH_TRY(lh_spill_read(ctx, spill, part, fn, r));
	lh_spill_destroy(spill);
	return LH_OK;
}

/* Keys in the old scale become keys in a larger one. */
LhStatus
lh_distinct_rescale(LhCtx *ctx, LhDistinct *d, int scale)
{
	LhI128 factor = lh_pow10[scale - d->scale];
	Rescale r = {d, factor};
	LhSpill *key_spill, *str_spill;
	LhBuf keys, strs;
	uint64_t nkeys, nstrs;

	/* the sets are small when this happens: after a file of another scale */
	if (!d->hashing)
		LH_TRY(start_hashing(ctx, d));
	nkeys = d->keys.cap == 0 ? 0 : d->key_mask + 1;
	nstrs = d->strs.cap == 0 ? 0 : d->str_mask + 1;
	/* tables in the file need no second place in memory */
	if (d->key_spill != NULL || d->str_spill != NULL)
	{
		LH_TRY(lh_distinct_flush_keys(ctx, d));
		LH_TRY(lh_distinct_flush_strs(ctx, d));
		nkeys = nstrs = 0;
	}
	key_spill = d->key_spill;
	str_spill = d->str_spill;
	d->key_spill = d->str_spill = NULL;
	LH_TRY(exchange(ctx, &d->keys, 0, &keys));
	LH_TRY(exchange(ctx, &d->strs, 0, &strs));
	d->nkeys = d->key_mask = d->nstrs = d->str_mask = 0;
	for (uint64_t i = 0; i < nkeys; i++)
	{
		int64_t key = ((const int64_t *) keys.data)[i];

		if (key != 0)
			LH_TRY(lh_distinct_add_i128(ctx, d, key, d->scale, factor));
	}
	for (uint64_t i = 0; i < nstrs; i++)
	{
		LhStr s = ((const LhStr *) strs.data)[i];

		if (s.ptr != NULL)
			LH_TRY(lh_distinct_add_rescaled(ctx, d, s, d->scale, factor));
	}
	lh_buf_free(&keys);
	lh_buf_free(&strs);
	LH_TRY(rescale_spill(ctx, &r, key_spill, rescale_keys));
	LH_TRY(rescale_spill(ctx, &r, str_spill, rescale_strs));
	d->scale = scale;
	return LH_OK;
}

LhStatus
lh_distinct_set_type(LhCtx *ctx, LhDistinct *d, const LhType *type)
{
	LhFamily family = lh_type_family(type);
	int scale = type->id == LH_T_DECIMAL ? type->scale : 0;

	if (family == LH_FAMILY_NONE && type->id != LH_T_NULL)
		LH_FAIL(ctx, LH_UNSUPPORTED, "count(distinct) of type %s is not supported",
				lh_type_name(type));
	d->type = *type;
	d->factor = 1;
	if (family != LH_FAMILY_NUMBER)
		return LH_OK;
	if (scale > d->scale)
	{
		if (scale - d->scale > LH_DECIMAL_MAX_PRECISION)
			LH_FAIL(ctx, LH_UNSUPPORTED, "count(distinct) over decimals of too different scales");
		return lh_distinct_rescale(ctx, d, scale);
	}
	if (d->scale - scale > LH_DECIMAL_MAX_PRECISION)
		LH_FAIL(ctx, LH_UNSUPPORTED, "count(distinct) over decimals of too different scales");
	d->factor = lh_pow10[d->scale - scale];
	return LH_OK;
}

/* Time in units of PostgreSQL's resolution; what overflows it cannot hold either. */
static int64_t
microseconds(const LhType *type, int64_t x)
{
	switch (type->unit)
	{
		case LH_UNIT_S: return (int64_t) ((uint64_t) x * 1000000);
		case LH_UNIT_MS: return (int64_t) ((uint64_t) x * 1000);
		case LH_UNIT_NS: return lh_floor_div(x, 1000);
		default: return x;
	}
}

/* Keys of numbers that are 64 bits or less. */
static void
make_keys(const LhDistinct *d, const void *values, const uint32_t *items, int n, int64_t *keys)
{
	const uint8_t *p = values;

#define KEYS(EXPR)              \
	for (int i = 0; i < n; i++) \
	keys[i] = (EXPR)
	switch (d->type.lane)
	{
		case LH_LANE_U8: KEYS(p[items[i]] != 0); break;
		case LH_LANE_I32: KEYS(lh_load_i32(p + (size_t) items[i] * 4)); break;
		case LH_LANE_I64: KEYS(lh_load_i64(p + (size_t) items[i] * 8)); break;
		case LH_LANE_F32: KEYS(lh_float_key(lh_load_f32(p + (size_t) items[i] * 4))); break;
		default: KEYS(lh_float_key(lh_load_f64(p + (size_t) items[i] * 8))); break;
	}
	if (d->type.id == LH_T_TIME || d->type.id == LH_T_TIMESTAMP)
		KEYS(microseconds(&d->type, keys[i]));
#undef KEYS
}

static LhStatus
add_numbers(LhCtx *ctx, LhDistinct *d, const void *values, const uint32_t *items, int n)
{
	int scale = d->type.id == LH_T_DECIMAL ? d->type.scale : 0;
	int64_t keys[LH_BATCH];

	if (d->type.lane != LH_LANE_I128 && d->factor == 1)
	{
		make_keys(d, values, items, n, keys);
		return lh_distinct_add_keys(ctx, d, keys, n);
	}
	for (int i = 0; i < n; i++)
		LH_TRY(lh_distinct_add_i128(ctx, d, lh_lane_key(d->type.lane, values, items[i]), scale,
									d->factor));
	return LH_OK;
}

/* A decimal of any width; needless sign bytes do not make it another one. */
static LhStatus
add_wide(LhCtx *ctx, LhDistinct *d, LhStr s)
{
	LhI128 x;

	if (lh_i128_from_be_wide(s.ptr, s.len, &x))
		return lh_distinct_add_i128(ctx, d, x, d->type.scale, d->factor);
	if (d->factor != 1)
		LH_FAIL(ctx, LH_UNSUPPORTED,
				"count(distinct) over decimals beyond 38 digits of several scales");
	while (s.len > 1 && (s.ptr[0] == 0 || s.ptr[0] == 0xFF) && (s.ptr[0] ^ s.ptr[1]) < 0x80)
	{
		s.ptr++;
		s.len--;
	}
	LH_TRY(lh_buf_fit(ctx, &d->wide, (size_t) s.len + 1));
	d->wide.data[0] = TAG_WIDE;
	memcpy(d->wide.data + 1, s.ptr, s.len);
	return add_bytes(ctx, d, (LhStr){d->wide.data, s.len + 1, 0});
}

LhStatus
lh_distinct_add(LhCtx *ctx, LhDistinct *d, const void *values, const uint32_t *items, int n)
{
	if (n == 0)
		return LH_OK;
	if (lh_lane_is_number(d->type.lane))
		return add_numbers(ctx, d, values, items, n);
	if (d->type.lane == LH_LANE_STR && d->type.id != LH_T_DECIMAL)
		return add_strs(ctx, d, values, items, n);
	for (int i = 0; i < n; i++)
	{
		LhValue v = lh_lane_value(&d->type, values, items[i]);

		if (d->type.id == LH_T_DECIMAL)
			LH_TRY(add_wide(ctx, d, v.str));
		else
			LH_TRY(add_bytes(ctx, d, v.str));
	}
	return LH_OK;
}

/*
 * Counting
 */

static int64_t
count_tables(const LhDistinct *d)
{
	return (int64_t) (d->nkeys + d->has_zero + d->nstrs +
					  lh_bits_count((const uint64_t *) d->bitmap.data, (size_t) (d->nbits / 64)));
}

static LhStatus
count_keys(LhCtx *ctx, void *arg, const uint8_t *records, size_t len)
{
	int64_t keys[LH_BATCH];

	for (size_t i = 0; i < len;)
	{
		size_t n = (len - i) / sizeof(int64_t);

		n = n < LH_BATCH ? n : LH_BATCH;
		memcpy(keys, records + i, n * sizeof(int64_t));
		LH_TRY(lh_distinct_add_keys(ctx, arg, keys, (int) n));
		i += n * sizeof(int64_t);
	}
	return LH_OK;
}

static LhStatus
count_strs(LhCtx *ctx, void *arg, const uint8_t *records, size_t len)
{
	for (size_t i = 0; i < len;)
	{
		uint32_t n = (uint32_t) lh_load_i32(records + i);

		LH_TRY(add_bytes(ctx, arg, (LhStr){records + i + sizeof(n), n, 0}));
		i += sizeof(n) + n;
	}
	return LH_OK;
}

/* Each partition has a set of its own, one after the other. */
static LhStatus
count_spill(LhCtx *ctx, LhDistinct *d, LhSpill *spill, LhSpillFn fn, int64_t *sum)
{
	LhArena *arena = lh_arena_child(d->home), *old = ctx->arena;
	LhDistinct *set = NULL;
	LhStatus status = LH_OK;

	if (arena == NULL)
		LH_FAIL(ctx, LH_NO_MEMORY, "out of memory");
	lh_arena_as_floor(arena); /* the set, not its tables */
	for (int part = 0; part < LH_SPILL_PARTS && status == LH_OK; part++)
	{
		int64_t n = 0;

		if (lh_spill_is_empty(spill, part))
			continue;
		lh_use(ctx, arena);
		status = create_set(ctx, d->level + 1, &set);
		if (status == LH_OK)
		{
			set->hashing = true;
			status = lh_spill_read(ctx, spill, part, fn, set);
		}
		if (status == LH_OK)
			status = lh_distinct_count(ctx, set, &n);
		lh_use(ctx, old);
		lh_arena_reset(arena);
		*sum += n;
	}
	lh_arena_destroy(arena);
	return status;
}

LhStatus
lh_distinct_count(LhCtx *ctx, LhDistinct *d, int64_t *out)
{
	if (d->key_spill != NULL)
		LH_TRY(lh_distinct_flush_keys(ctx, d));
	if (d->str_spill != NULL)
		LH_TRY(lh_distinct_flush_strs(ctx, d));
	*out = count_tables(d);
	if (d->key_spill != NULL)
		LH_TRY(count_spill(ctx, d, d->key_spill, count_keys, out));
	if (d->str_spill != NULL)
		LH_TRY(count_spill(ctx, d, d->str_spill, count_strs, out));
	return LH_OK;
}
