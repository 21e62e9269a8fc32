/*
 * sel.c
 *		Selections: which rows of a batch are alive.
 */
#include <string.h>

#include "vec/vec.h"

void
lh_sel_all(LhSel *sel, int n)
{
	memset(sel->w, 0, sizeof(sel->w));
	lh_bits_set_range(sel->w, 0, (size_t) n);
	sel->n = n;
	sel->count = n;
}

void
lh_sel_none(LhSel *sel, int n)
{
	memset(sel->w, 0, sizeof(sel->w));
	sel->n = n;
	sel->count = 0;
}

void
lh_sel_and(LhSel *sel, const uint64_t *w)
{
	int count = 0;

	for (size_t i = 0; i < LH_WORDS(sel->n); i++)
	{
		sel->w[i] &= w[i];
		count += (int) lh_bits_count_word(sel->w[i]);
	}
	sel->count = count;
}

int
lh_sel_rows(const LhSel *sel, uint16_t *rows)
{
	int count = 0;

	for (size_t i = 0; i < LH_WORDS(sel->n); i++)
	{
		for (uint64_t w = sel->w[i]; w != 0; w &= w - 1)
			rows[count++] = (uint16_t) (i * 64 + (size_t) __builtin_ctzll(w));
	}
	return count;
}
