/*
 * ranges.c
 *		Numbers that were taken back: sorted and merged, asked for in order.
 */
#include "client/ranges.h"

#include <stdlib.h>

/* Fewer new ones are not worth sorting. */
#define UNSETTLED 256

static LhChangeRange *
items_of(const LhRanges *all)
{
	return (LhChangeRange *) all->items.data;
}

static size_t
count_of(const LhRanges *all)
{
	return all->items.len / sizeof(LhChangeRange);
}

LhStatus
lh_ranges_init(LhCtx *ctx, LhRanges *all)
{
	all->settled = 0;
	return lh_buf_init(ctx, &all->items, false);
}

size_t
lh_ranges_bytes(const LhRanges *all)
{
	return all->items.cap;
}

static int
by_start(const void *a, const void *b)
{
	const LhChangeRange *x = a, *y = b;

	return (x->from > y->from) - (x->from < y->from);
}

void
lh_ranges_settle(LhRanges *all)
{
	LhChangeRange *v = items_of(all);
	size_t n = count_of(all), kept = 0;

	if (n == all->settled)
		return;
	qsort(v, n, sizeof(*v), by_start);
	for (size_t i = 1; i < n; i++)
	{
		/* neighbours are one, too; "to" may be the last number that there is */
		if (v[i].from <= v[kept].to || v[i].from - v[kept].to == 1)
		{
			if (v[i].to > v[kept].to)
				v[kept].to = v[i].to;
		}
		else
			v[++kept] = v[i];
	}
	all->settled = kept + 1;
	all->items.len = all->settled * sizeof(*v);
}

LhStatus
lh_ranges_add(LhCtx *ctx, LhRanges *all, uint64_t from, uint64_t to)
{
	const LhChangeRange r = {from, to};

	if (from == 0 || to < from)
		LH_FAIL(ctx, LH_CORRUPT, "changes %llu to %llu of a transaction cannot be taken back",
				(unsigned long long) from, (unsigned long long) to);
	LH_TRY(lh_buf_append(ctx, &all->items, &r, sizeof(r)));
	if (count_of(all) - all->settled > all->settled + UNSETTLED)
		lh_ranges_settle(all);
	return LH_OK;
}

bool
lh_ranges_taken(const LhRanges *all, LhRangesAt *at, uint64_t number, uint64_t *gone)
{
	const LhChangeRange *v = items_of(all);

	for (; at->next < all->settled && v[at->next].to < number; at->next++)
		at->gone += v[at->next].to - v[at->next].from + 1;
	*gone = at->gone;
	return at->next < all->settled && v[at->next].from <= number;
}
