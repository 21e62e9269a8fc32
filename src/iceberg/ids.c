/*
 * ids.c
 *		Sets of field ids: ascending, each once.
 */
#include "iceberg/ids.h"

#include <stdlib.h>

int
lh_ice_ids_compare(const void *a, const void *b)
{
	int32_t x = *(const int32_t *) a, y = *(const int32_t *) b;

	return x < y ? -1 : x > y;
}

bool
lh_ice_ids_has(const LhIceIds *set, int32_t id)
{
	return set->n > 0 &&
		   bsearch(&id, set->ids, (size_t) set->n, sizeof(id), lh_ice_ids_compare) != NULL;
}

LhStatus
lh_ice_ids_add(LhCtx *ctx, LhIceIds *set, int n, const int32_t *ids)
{
	int32_t *all;
	int have = 0, used = 0, total = set->n;

	while (have < n && lh_ice_ids_has(set, ids[have]))
		have++;
	if (have == n)
		return LH_OK;
	LH_NEW_ARRAY(ctx, all, (size_t) set->n + (size_t) n);
	if (set->n > 0)
		memcpy(all, set->ids, (size_t) set->n * sizeof(*all));
	for (; have < n; have++)
		all[total++] = ids[have];
	qsort(all, (size_t) total, sizeof(*all), lh_ice_ids_compare);
	for (int i = 0; i < total; i++)
	{
		if (i == 0 || all[i] != all[i - 1])
			all[used++] = all[i];
	}
	*set = (LhIceIds){used, all};
	return LH_OK;
}
