/*
 * write_rle_loops.h
 *		Internal: the hybrid encoder for one type of input; included by write_rle.c.
 *
 * VALUE is the type, NAME(x) makes the names of its functions.
 */

/* How many values from v on, at most n, are equal to *v. */
static inline size_t
NAME(run_length)(const VALUE *v, size_t n)
{
	size_t i = 1;

	while (i < n && v[i] == v[0])
		i++;
	return i;
}

#include "parquet/write_pack_loops.h"

/*
 * Runs begin at groups of 8 only, so that what was packed before stays whole:
 *
 *	1. a run of at least MIN_RUN equal values that begins at a group is written
 *	   as such, whatever its length;
 *	2. everything else is collected and packed before the next run.
 */
static uint8_t *
NAME(encode)(const VALUE *v, size_t n, int width, uint8_t *out)
{
	size_t from = 0, at = 0;

	while (at < n)
	{
		size_t run = NAME(run_length)(v + at, n - at);

		if (run < MIN_RUN)
		{
			at += 8;
			continue;
		}
		if (at > from)
			out = NAME(pack)(v + from, at - from, width, put_packed_header(out, at - from));
		out = put_run(out, v[at], run, width);
		at += run;
		from = at;
	}
	if (from < n)
		out = NAME(pack)(v + from, n - from, width, put_packed_header(out, n - from));
	return out;
}
