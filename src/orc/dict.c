/*
 * dict.c
 *		Dictionary columns: codes, and the strings they stand for.
 *
 * DICTIONARY_DATA has the bytes of all strings, LENGTH how long each is, DATA the
 * codes.  The dictionary is read when the first value is, and holds for the whole
 * stripe.
 */
#include "orc/kernels.h"
#include "orc/reader.h"

/* Entries between two questions whether to go on: a few bytes of lengths stand for 512. */
#define POLL_ENTRIES 65536

static LhStatus
open_codes(LhCtx *ctx, LhOrcReader *r)
{
	r->by_code = true;
	LH_TRY(lh_orc_leaf_stream(ctx, r, &r->data, LH_ORC_DATA));
	return lh_orc_leaf_rle(ctx, &r->data, false, r->v2, &r->first_rle);
}

/*
 * Lengths of the strings to r->dict_values; *total.  Memory grows with the lengths that
 * are there, not with the number that the stripe footer promises.
 */
static LhStatus
read_lengths(LhCtx *ctx, LhOrcReader *r, size_t n, size_t *total)
{
	LhOrcStream stream;
	LhOrcRle *rle;
	int64_t lengths[LH_ORC_MAX_RUN];

	LH_TRY(lh_orc_leaf_stream(ctx, r, &stream, LH_ORC_LENGTH));
	LH_TRY(lh_orc_leaf_rle(ctx, &stream, false, r->v2, &rle));
	*total = 0;
	for (size_t at = 0; at < n; at += LH_ORC_MAX_RUN)
	{
		size_t k = n - at < LH_ORC_MAX_RUN ? n - at : LH_ORC_MAX_RUN;
		LhStr *values;

		if (at % POLL_ENTRIES == 0)
			LH_TRY(lh_poll(ctx));
		LH_TRY(lh_orc_rle_read(ctx, rle, k, lengths));
		LH_TRY(lh_orc_buf_grow(ctx, &r->dict_values, (at + k + 1) * sizeof(*values),
							   at * sizeof(*values)));
		values = (LhStr *) (void *) r->dict_values.data;
		for (size_t i = 0; i < k; i++)
		{
			if (lengths[i] < 0 || lengths[i] > INT32_MAX)
				return lh_orc_stream_bad(ctx, &stream, "lengths of at most 2^31 - 1");
			values[at + i].len = (uint32_t) lengths[i];
			*total += (size_t) lengths[i];
		}
	}
	lh_buf_free(&stream.raw);
	lh_buf_free(&stream.out);
	return LH_OK;
}

/* Entries of a FIXED or UUID column lie one behind the other already. */
static LhStatus
fixed_values(LhCtx *ctx, LhOrcReader *r, size_t n, const LhStr *values)
{
	for (size_t i = 0; i < n; i++)
	{
		if (i % POLL_ENTRIES == 0)
			LH_TRY(lh_poll(ctx));
		if ((int64_t) values[i].len != r->type.width)
			LH_FAIL(ctx, LH_CORRUPT, "dictionary: expected %d bytes a value, found %u",
					r->type.width, values[i].len);
	}
	return LH_OK;
}

static LhStatus
load(LhCtx *ctx, LhOrcReader *r)
{
	size_t n = r->stripe->info.dictionary_sizes[r->node->column];
	size_t total = 0;
	LhOrcStream stream;
	LhStr *values;
	const uint8_t *p;

	LH_TRY(lh_orc_buf_grow(ctx, &r->dict_values, sizeof(LhStr), 0));
	LH_TRY(read_lengths(ctx, r, n, &total));
	values = (LhStr *) (void *) r->dict_values.data;
	LH_TRY(lh_orc_leaf_stream(ctx, r, &stream, LH_ORC_DICTIONARY_DATA));
	LH_TRY(lh_orc_stream_need(ctx, &stream, total));
	/* it stays in the buffer that it was decompressed to */
	p = stream.p;
	if (stream.p >= stream.raw.data && stream.raw.data != NULL &&
		stream.p < stream.raw.data + stream.raw.cap)
	{
		r->dict_bytes = stream.raw;
		lh_buf_free(&stream.out);
	}
	else
	{
		r->dict_bytes = stream.out;
		lh_buf_free(&stream.raw);
	}
	LH_COUNT(ctx, DICT_PAGES_READ, 1);
	r->dict_space = (LhDict){.type = r->type, .n = (uint32_t) n, .values = values};
	if (r->type.lane == LH_LANE_FIX)
	{
		LH_TRY(fixed_values(ctx, r, n, values));
		r->dict_space.values = p;
	}
	for (size_t i = 0; i < n; i++)
	{
		if (i % POLL_ENTRIES == 0)
			LH_TRY(lh_poll(ctx));
		values[i] = (LhStr){p, values[i].len, 0};
		p += values[i].len;
	}
	/* code 0 of an empty dictionary must be readable */
	values[n] = (LhStr){p, 0, 0};
	r->dict_space.id = lh_dict_new_id();
	r->dict = &r->dict_space;
	return LH_OK;
}

LhStatus
lh_orc_dict_load(LhCtx *ctx, LhOrcReader *r)
{
	LhStatus status;

	if (r->dict != NULL)
		return LH_OK;
	status = load(ctx, r);
	if (status != LH_OK && status != LH_CANCELLED)
		lh_error_prefix(ctx, "dictionary");
	return status;
}

static LhStatus
read_codes(LhCtx *ctx, LhOrcReader *r, size_t n, void *out)
{
	LH_TRY(lh_orc_dict_load(ctx, r));
	if (r->dict->n == 0 && n > 0)
		return lh_orc_stream_bad(ctx, &r->data, "no codes of an empty dictionary");
	return lh_orc_rle_read32(ctx, r->first_rle, n, 0, (int64_t) r->dict->n - 1, out);
}

static LhStatus
bad_code(LhCtx *ctx, const LhOrcReader *r)
{
	return lh_orc_stream_bad(ctx, &r->data, "codes of entries of the dictionary");
}

LhStatus
lh_orc_dict_runs(LhCtx *ctx, LhOrcReader *r, size_t n, LhRun *runs, int most, int *nruns,
				 size_t *done)
{
	*nruns = 0;
	*done = 0;
	LH_TRY(lh_orc_dict_load(ctx, r));
	while (*done < n)
	{
		int64_t code = 0;
		size_t count = 0;

		LH_TRY(lh_orc_rle_same(ctx, r->first_rle, n - *done, &code, &count));
		if (code < 0 || code >= (int64_t) r->dict->n)
			return bad_code(ctx, r);
		if (*nruns > 0 && runs[*nruns - 1].code == (uint32_t) code)
			runs[*nruns - 1].end += (uint32_t) count;
		else if (*nruns == most)
			return LH_OK;
		else
			runs[(*nruns)++] = (LhRun){(uint32_t) code, (uint32_t) (*done + count)};
		LH_TRY(lh_orc_rle_skip(ctx, r->first_rle, count));
		*done += count;
	}
	return LH_OK;
}

static LhStatus
skip_codes(LhCtx *ctx, LhOrcReader *r, uint64_t n)
{
	return lh_orc_rle_skip(ctx, r->first_rle, n);
}

static LhStatus
seek_codes(LhCtx *ctx, LhOrcReader *r, const uint64_t **place, size_t *left)
{
	LH_TRY(lh_orc_places(ctx, &r->data, 1, left));
	LH_TRY(lh_orc_rle_seek(ctx, r->first_rle, *place));
	*place += lh_orc_stream_places(&r->data) + 1;
	return LH_OK;
}

static void
rewind_codes(LhOrcReader *r)
{
	lh_orc_stream_rewind(&r->data);
	lh_orc_rle_reset(r->first_rle);
}

const LhOrcLeafOps lh_orc_dict_ops = {open_codes, read_codes, NULL,
									  skip_codes, seek_codes, rewind_codes};
