/*
 * kernels_rle.h
 *		Codes of many short runs: a template.
 *
 * Real columns have runs of a dozen values, RLE and packed in turn.  Calling
 * the unpack kernel for each would compute its shuffle each time; here that is
 * done once, since packed runs nearly always begin at a whole byte.  A run is
 * written in whole steps: what is too much is overwritten by the next run, and
 * the caller leaves room behind the last one.
 *
 * The includer defines
 *
 *	Unpacker, unpacker_of(shift, width)		how STEP values are unpacked
 *	Lanes, unpack_step(&unpacker, in)		STEP values from in
 *	lanes_of(value), lanes_store(out, v)
 *	lanes_max(a, b), lanes_max_first(a, b, n)	the latter: of b's first n lanes
 *	lanes_largest(v)
 */

/* Width up to which unpack_step works. */
#define NARROW 25

static size_t
rle_read(LhRle *r, size_t n, uint32_t *out, uint32_t *max)
{
	size_t done = 0;
	size_t bytes = STEP / 8 * (size_t) r->width;
	Unpacker fresh;
	Lanes most = lanes_of(*max);

	if (r->width > NARROW || r->width == 0)
		return lh_rle_read_any(r, n, out, max);
	fresh = unpacker_of(0, r->width);
	while (done < n)
	{
		size_t k;

		if (r->left == 0 && !lh_rle_next(r))
			break;
		k = n - done < r->left ? n - done : (size_t) r->left;
		if (!r->packed)
		{
			Lanes v = lanes_of(r->value);

			for (size_t i = 0; i < k; i += STEP)
				lanes_store(out + done + i, v);
			most = lanes_max(most, v);
		}
		else
		{
			uint64_t bit = r->pos * r->width;
			const uint8_t *in = r->bits + (bit >> 3);
			Unpacker u = bit & 7 ? unpacker_of((int) (bit & 7), r->width) : fresh;
			size_t i = 0;

			for (; i + STEP <= k; i += STEP, in += bytes)
			{
				Lanes v = unpack_step(&u, in);

				lanes_store(out + done + i, v);
				most = lanes_max(most, v);
			}
			if (i < k)
			{
				Lanes v = unpack_step(&u, in);

				lanes_store(out + done + i, v);
				most = lanes_max_first(most, v, k - i);
			}
		}
		lh_rle_take(r, k);
		done += k;
	}
	*max = lanes_largest(most);
	return done;
}

#undef NARROW
