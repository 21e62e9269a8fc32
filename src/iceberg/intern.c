/*
 * intern.c
 *		Byte strings, each kept once and known by a number: directories of data
 *		files, partition tuples, lists of deletes.
 */
#include "iceberg/intern.h"

#define MIN_SLOTS 64

static uint32_t *
slots_of(const LhIceIntern *in)
{
	return (uint32_t *) (void *) in->slots.data;
}

static LhIceInternEntry *
entries_of(const LhIceIntern *in)
{
	return (LhIceInternEntry *) (void *) in->entries.data;
}

static LhStatus
resize(LhCtx *ctx, LhIceIntern *in, size_t nslots)
{
	uint32_t *slots;

	LH_TRY(lh_buf_reserve(ctx, &in->slots, nslots * sizeof(uint32_t)));
	in->slots.len = nslots * sizeof(uint32_t);
	memset(in->slots.data, 0, in->slots.len);
	slots = slots_of(in);
	for (uint32_t i = 0; i < in->n; i++)
	{
		size_t at = entries_of(in)[i].hash & (nslots - 1);

		while (slots[at] != 0)
			at = (at + 1) & (nslots - 1);
		slots[at] = i + 1;
	}
	return LH_OK;
}

LhStatus
lh_ice_intern_init(LhCtx *ctx, LhIceIntern *in)
{
	in->n = 0;
	LH_TRY(lh_buf_init(ctx, &in->heap, true));
	/* so that the empty string has an address */
	LH_TRY(lh_buf_reserve(ctx, &in->heap, 1));
	LH_TRY(lh_buf_init(ctx, &in->entries, true));
	LH_TRY(lh_buf_init(ctx, &in->slots, true));
	return LH_OK;
}

/* The slot where the string stands or would stand. */
static size_t
slot_of(const LhIceIntern *in, const void *p, size_t n, uint32_t hash)
{
	size_t mask = in->slots.len / sizeof(uint32_t) - 1, at = hash & mask;
	const uint32_t *slots = slots_of(in);

	for (; slots[at] != 0; at = (at + 1) & mask)
	{
		const LhIceInternEntry *e = &entries_of(in)[slots[at] - 1];

		if (e->hash == hash && e->len == n && memcmp(in->heap.data + e->offset, p, n) == 0)
			break;
	}
	return at;
}

LhStatus
lh_ice_intern_put(LhCtx *ctx, LhIceIntern *in, const void *p, size_t n, uint32_t *number,
				  bool *added)
{
	LhIceInternEntry e = {.offset = in->heap.len, .len = (uint32_t) n};
	size_t at;

	if (n > INT32_MAX || in->n >= INT32_MAX)
		LH_FAIL(ctx, LH_LIMIT, "too many or too long strings");
	if ((in->n + 1) * (size_t) 2 * sizeof(uint32_t) > in->slots.len)
		LH_TRY(resize(ctx, in, in->n == 0 ? MIN_SLOTS : in->slots.len / sizeof(uint32_t) * 2));
	e.hash = (uint32_t) lh_hash_bytes(p, n, 0);
	at = slot_of(in, p, n, e.hash);
	*number = slots_of(in)[at] - 1;
	if (added != NULL)
		*added = slots_of(in)[at] == 0;
	if (slots_of(in)[at] != 0)
		return LH_OK;
	LH_TRY(lh_buf_append(ctx, &in->heap, p, n));
	LH_TRY(lh_buf_append(ctx, &in->entries, &e, sizeof(e)));
	*number = in->n++;
	slots_of(in)[at] = in->n;
	return LH_OK;
}

int64_t
lh_ice_intern_find(const LhIceIntern *in, const void *p, size_t n)
{
	if (in->n == 0)
		return -1;
	return (int64_t) slots_of(in)[slot_of(in, p, n, (uint32_t) lh_hash_bytes(p, n, 0))] - 1;
}
