/*
 * chunk_make.c
 *		Vectors become a chunk (chunk.h).
 *
 *	1. Fixed lanes gather until a segment is full, which is then encoded.  A null takes a
 *	   value that the segment has, so that it makes nothing wider.
 *	2. Strings go through a hash table at once, for their bytes are gone with the batch.
 *	   When too many differ, which is looked at after each segment, what the codes
 *	   stand for is written out, and the table is done with.
 *	3. The parts are put together when all rows are there.
 */
#include <string.h>

#include "core/hash.h"
#include "scan/bitslice.h"
#include "scan/chunk.h"

#define ALIGNMENT 64
#define ALIGN(n)  (((n) + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT)

/* Codes have two bytes; and a dictionary has at most one entry for so many rows. */
#define MOST_ENTRIES   65536
#define ROWS_PER_ENTRY 4
#define FIRST_TABLE    1024

struct LhChunkMaker
{
	LhType type;
	int64_t rows; /* promised */
	int64_t n;    /* added */
	int64_t nulls;
	LhVecScratch *scratch;
	LhBuf valid;    /* words for all rows */
	LhBuf segments; /* LhChunkSegment */
	LhBuf data;

	/* fixed lanes */
	size_t size;
	int npending;
	LhBuf pending;
	uint64_t pending_valid[LH_BATCH_WORDS];

	/* strings */
	bool coded;
	LhBuf table;           /* uint32_t: entry + 1, 0: free; a power of two */
	LhBuf codes;           /* uint16_t a row */
	LhBuf entries;         /* LhStr, whose spare is a hash; where they lie is said by starts */
	LhBuf starts;          /* size_t of each entry in text */
	LhBuf text;            /* of the entries, or of all rows */
	LhBuf lengths;         /* uint32_t a row of the segment */
	uint64_t segment_text; /* where its bytes begin */
};

bool
lh_chunk_can(const LhType *type)
{
	if (lh_type_is_nested(type))
		return false;
	return type->lane != LH_LANE_FIX || (type->width > 0 && type->width <= LH_CHUNK_MOST_FIXED);
}

static bool
is_text(const LhChunkMaker *m)
{
	return m->type.lane == LH_LANE_STR;
}

static size_t
count_entries(const LhChunkMaker *m)
{
	return m->entries.len / sizeof(LhStr);
}

static LhStatus
make_buffers(LhCtx *ctx, LhChunkMaker *m)
{
	LhBuf *bufs[] = {&m->valid, &m->segments, &m->data,   &m->pending, &m->table,
					 &m->codes, &m->entries,  &m->starts, &m->text,    &m->lengths};
	size_t words = LH_WORDS((size_t) m->rows) + 1;

	for (size_t i = 0; i < sizeof(bufs) / sizeof(*bufs); i++)
		LH_TRY(lh_buf_init(ctx, bufs[i], false));
	LH_TRY(lh_vec_scratch_create(ctx, &m->scratch));
	LH_TRY(lh_buf_reserve(ctx, &m->valid, words * sizeof(uint64_t)));
	memset(m->valid.data, 0, words * sizeof(uint64_t));
	if (!is_text(m))
		return lh_buf_reserve(ctx, &m->pending, m->size * LH_BATCH + 1);
	LH_TRY(lh_buf_reserve(ctx, &m->codes, (size_t) m->rows * sizeof(uint16_t) + 1));
	return lh_buf_reserve(ctx, &m->lengths, LH_BATCH * sizeof(uint32_t));
}

/* An empty hash table of n places, filled with the entries there are. */
static LhStatus
make_table(LhCtx *ctx, LhChunkMaker *m, size_t n)
{
	const LhStr *entries = (const LhStr *) (const void *) m->entries.data;
	uint32_t *table;

	LH_TRY(lh_buf_reserve(ctx, &m->table, n * sizeof(uint32_t)));
	m->table.len = n * sizeof(uint32_t);
	memset(m->table.data, 0, m->table.len);
	table = (uint32_t *) (void *) m->table.data;
	for (size_t i = 0; i < count_entries(m); i++)
	{
		size_t place = entries[i].spare & (n - 1);

		while (table[place] != 0)
			place = (place + 1) & (n - 1);
		table[place] = (uint32_t) i + 1;
	}
	return LH_OK;
}

LhStatus
lh_chunk_maker_create(LhCtx *ctx, const LhType *type, int64_t rows, LhChunkMaker **out)
{
	LhChunkMaker *m;

	if (!lh_chunk_can(type) || rows < 0 || rows > LH_CHUNK_MOST_ROWS)
		LH_FAIL(ctx, LH_BUG, "a chunk of %lld rows of this type cannot be made", (long long) rows);
	LH_NEW(ctx, m);
	m->type = lh_type_bare(type);
	m->rows = rows;
	m->size = lh_lane_size(type->lane, type->width);
	m->coded = is_text(m);
	LH_TRY(make_buffers(ctx, m));
	if (is_text(m))
		LH_TRY(make_table(ctx, m, FIRST_TABLE));
	*out = m;
	return LH_OK;
}

/*
 * Fixed lanes
 */

/* Room in data for n bytes at a multiple of 64. */
static LhStatus
take(LhCtx *ctx, LhChunkMaker *m, size_t n, uint8_t **out)
{
	size_t at = ALIGN(m->data.len);

	LH_TRY(lh_buf_reserve(ctx, &m->data, at + n + 1));
	memset(m->data.data + m->data.len, 0, at - m->data.len);
	*out = m->data.data + at;
	m->data.len = at + n;
	return LH_OK;
}

static LhStatus
add_segment(LhCtx *ctx, LhChunkMaker *m, LhChunkSegment segment, size_t bytes, uint8_t **out)
{
	LH_TRY(take(ctx, m, bytes, out));
	segment.at = (uint64_t) (*out - m->data.data);
	return lh_buf_append(ctx, &m->segments, &segment, sizeof(segment));
}

/* Nulls take the first value that is there. */
static void
fill_nulls(LhChunkMaker *m)
{
	size_t size = m->size;
	uint8_t *data = m->pending.data;
	int first = 0;

	if (lh_bits_count(m->pending_valid, LH_BATCH_WORDS) == (size_t) m->npending)
		return;
	while (first < m->npending && !lh_bit_get(m->pending_valid, (size_t) first))
		first++;
	if (first == m->npending)
	{
		memset(data, 0, size * (size_t) m->npending);
		return;
	}
	for (int i = 0; i < m->npending; i++)
		if (!lh_bit_get(m->pending_valid, (size_t) i))
			memcpy(data + size * (size_t) i, data + size * (size_t) first, size);
}

#define RANGE(type)                                                    \
	do                                                                 \
	{                                                                  \
		const type *v = (const type *) (const void *) m->pending.data; \
		type least = v[0], most = v[0];                                \
                                                                       \
		for (int i = 1; i < m->npending; i++)                          \
		{                                                              \
			least = v[i] < least ? v[i] : least;                       \
			most = v[i] > most ? v[i] : most;                          \
		}                                                              \
		*min = least;                                                  \
		*max = most;                                                   \
	} while (0)

static void
get_range(const LhChunkMaker *m, LhI128 *min, LhI128 *max)
{
	switch (m->type.lane)
	{
		case LH_LANE_U8: RANGE(uint8_t); break;
		case LH_LANE_I32: RANGE(int32_t); break;
		case LH_LANE_I64: RANGE(int64_t); break;
		default: RANGE(LhI128); break;
	}
}

static uint32_t
width_of(uint64_t range)
{
	return range == 0            ? 0
		   : range <= UINT8_MAX  ? 1
		   : range <= UINT16_MAX ? 2
		   : range <= UINT32_MAX ? 4
								 : 8;
}

#define PACK(type, to_type)                                            \
	do                                                                 \
	{                                                                  \
		const type *v = (const type *) (const void *) m->pending.data; \
		to_type *to = (to_type *) (void *) out;                        \
                                                                       \
		for (int i = 0; i < m->npending; i++)                          \
			to[i] = (to_type) ((uint64_t) v[i] - (uint64_t) base);     \
	} while (0)

#define PACK_LANE(to_type)                                   \
	do                                                       \
	{                                                        \
		switch (m->type.lane)                                \
		{                                                    \
			case LH_LANE_U8: PACK(uint8_t, to_type); break;  \
			case LH_LANE_I32: PACK(int32_t, to_type); break; \
			case LH_LANE_I64: PACK(int64_t, to_type); break; \
			default: PACK(LhI128, to_type); break;           \
		}                                                    \
	} while (0)

static void
pack(const LhChunkMaker *m, int64_t base, uint32_t width, uint8_t *out)
{
	switch (width)
	{
		case 1: PACK_LANE(uint8_t); break;
		case 2: PACK_LANE(uint16_t); break;
		case 4: PACK_LANE(uint32_t); break;
		case 8: PACK_LANE(uint64_t); break;
		default: break;
	}
}

/* The n values as they are; one value stands for all where they are the same. */
static LhStatus
add_raw(LhCtx *ctx, LhChunkMaker *m, bool same)
{
	LhChunkSegment segment = {.width = same ? 0 : (uint32_t) m->size};
	size_t bytes = m->size * (same ? 1 : (size_t) m->npending);
	uint8_t *to;

	LH_TRY(add_segment(ctx, m, segment, bytes, &to));
	memcpy(to, m->pending.data, bytes);
	return LH_OK;
}

static LhStatus
flush_numbers(LhCtx *ctx, LhChunkMaker *m)
{
	LhI128 min, max;
	LhChunkSegment segment;
	uint8_t *to;

	get_range(m, &min, &max);
	if (min < INT64_MIN || max > INT64_MAX)
		return add_raw(ctx, m, false);
	segment = (LhChunkSegment){.base = (int64_t) min, .width = width_of((uint64_t) (max - min))};
	/* as wide as a lane: as they are */
	if (segment.width == m->size)
		segment.base = 0;
	LH_TRY(add_segment(ctx, m, segment, (size_t) m->npending * segment.width, &to));
	pack(m, segment.base, segment.width, to);
	return LH_OK;
}

static LhStatus
flush_raw(LhCtx *ctx, LhChunkMaker *m)
{
	const uint8_t *data = m->pending.data;
	int i = 1;

	while (i < m->npending && memcmp(data + m->size * (size_t) i, data, m->size) == 0)
		i++;
	return add_raw(ctx, m, i == m->npending);
}

static bool
are_numbers(const LhType *type)
{
	return type->lane == LH_LANE_U8 || type->lane == LH_LANE_I32 || type->lane == LH_LANE_I64 ||
		   type->lane == LH_LANE_I128;
}

/* What is pending becomes a segment. */
static LhStatus
flush(LhCtx *ctx, LhChunkMaker *m)
{
	if (m->npending == 0 || m->size == 0)
		return LH_OK;
	fill_nulls(m);
	LH_TRY(are_numbers(&m->type) ? flush_numbers(ctx, m) : flush_raw(ctx, m));
	m->npending = 0;
	memset(m->pending_valid, 0, sizeof(m->pending_valid));
	return LH_OK;
}

static LhStatus
add_fixed(LhCtx *ctx, LhChunkMaker *m, const LhVec *flat)
{
	for (int done = 0; done < flat->n;)
	{
		int n = LH_BATCH - m->npending;

		if (n > flat->n - done)
			n = flat->n - done;
		lh_bits_put(m->pending_valid, (size_t) m->npending, flat->valid, (size_t) done, (size_t) n);
		memcpy(m->pending.data + m->size * (size_t) m->npending,
			   (const uint8_t *) flat->data + m->size * (size_t) done, m->size * (size_t) n);
		m->npending += n;
		done += n;
		if (m->npending == LH_BATCH)
			LH_TRY(flush(ctx, m));
	}
	return LH_OK;
}

/*
 * Strings
 */

static LhStatus
add_entry(LhCtx *ctx, LhChunkMaker *m, const LhStr *s, uint32_t hash)
{
	LhStr entry = {.len = s->len, .spare = hash};
	size_t start = m->text.len, places = m->table.len / sizeof(uint32_t);

	LH_TRY(lh_buf_append(ctx, &m->entries, &entry, sizeof(entry)));
	LH_TRY(lh_buf_append(ctx, &m->starts, &start, sizeof(start)));
	LH_TRY(lh_buf_append(ctx, &m->text, s->ptr, s->len));
	return count_entries(m) * 2 > places ? make_table(ctx, m, places * 2) : LH_OK;
}

/* *code of a string; MOST_ENTRIES: it would be one too many. */
static LhStatus
find_code(LhCtx *ctx, LhChunkMaker *m, const LhStr *s, uint32_t *code)
{
	const LhStr *entries = (const LhStr *) (const void *) m->entries.data;
	const size_t *starts = (const size_t *) (const void *) m->starts.data;
	uint32_t *table = (uint32_t *) (void *) m->table.data;
	size_t mask = m->table.len / sizeof(uint32_t) - 1;
	uint32_t hash = (uint32_t) lh_hash_bytes(s->ptr, s->len, 0);
	size_t place = hash & mask;

	for (; table[place] != 0; place = (place + 1) & mask)
	{
		uint32_t i = table[place] - 1;

		*code = i;
		if (entries[i].spare == hash && entries[i].len == s->len &&
			(s->len == 0 || memcmp(m->text.data + starts[i], s->ptr, s->len) == 0))
			return LH_OK;
	}
	*code = (uint32_t) count_entries(m);
	if (*code == MOST_ENTRIES)
		return LH_OK;
	table[place] = *code + 1;
	return add_entry(ctx, m, s, hash);
}

/* Lengths of the rows of a segment, whose bytes begin at "text". */
static LhStatus
flush_lengths(LhCtx *ctx, LhChunkMaker *m, uint64_t text)
{
	const uint32_t *lengths = (const uint32_t *) (const void *) m->lengths.data;
	size_t n = m->lengths.len / sizeof(uint32_t);
	uint32_t least = UINT32_MAX, most = 0;
	LhChunkSegment segment = {.text = text};
	uint8_t *to;

	if (n == 0)
		return LH_OK;
	for (size_t i = 0; i < n; i++)
	{
		least = lengths[i] < least ? lengths[i] : least;
		most = lengths[i] > most ? lengths[i] : most;
	}
	segment.base = least == most ? least : 0;
	segment.width = least == most ? 0 : width_of(most);
	LH_TRY(add_segment(ctx, m, segment, n * segment.width, &to));
	for (size_t i = 0; i < n && segment.width > 0; i++)
		switch (segment.width)
		{
			case 1: to[i] = (uint8_t) lengths[i]; break;
			case 2: ((uint16_t *) (void *) to)[i] = (uint16_t) lengths[i]; break;
			default: ((uint32_t *) (void *) to)[i] = lengths[i]; break;
		}
	m->lengths.len = 0;
	return LH_OK;
}

/* A row's string, behind those before it. */
static LhStatus
add_plain(LhCtx *ctx, LhChunkMaker *m, LhBuf *text, const uint8_t *p, uint32_t len, uint64_t *begin)
{
	if (m->lengths.len == 0)
		*begin = text->len;
	LH_TRY(lh_buf_append(ctx, &m->lengths, &len, sizeof(len)));
	LH_TRY(lh_buf_append(ctx, text, p, len));
	return m->lengths.len == LH_BATCH * sizeof(uint32_t) ? flush_lengths(ctx, m, *begin) : LH_OK;
}

/* Codes of the first n rows become what they stand for. */
static LhStatus
stop_coding(LhCtx *ctx, LhChunkMaker *m, int64_t n)
{
	const uint16_t *codes = (const uint16_t *) (const void *) m->codes.data;
	const LhStr *entries = (const LhStr *) (const void *) m->entries.data;
	const size_t *starts = (const size_t *) (const void *) m->starts.data;
	const uint64_t *valid = (const uint64_t *) (const void *) m->valid.data;
	LhBuf text;

	LH_TRY(lh_buf_init(ctx, &text, false));
	for (int64_t i = 0; i < n; i++)
	{
		uint32_t len = 0;
		const uint8_t *p = m->text.data;

		if (lh_bit_get(valid, (size_t) i))
		{
			len = entries[codes[i]].len;
			p += starts[codes[i]];
		}
		LH_TRY(add_plain(ctx, m, &text, p, len, &m->segment_text));
	}
	lh_buf_free(&m->text);
	lh_buf_free(&m->table);
	lh_buf_free(&m->codes);
	lh_buf_free(&m->entries);
	lh_buf_free(&m->starts);
	m->text = text;
	m->coded = false;
	return LH_OK;
}

static bool
repeats_little(const LhChunkMaker *m, int64_t n)
{
	return n >= LH_BATCH && (int64_t) count_entries(m) * ROWS_PER_ENTRY > n;
}

static LhStatus
add_strings(LhCtx *ctx, LhChunkMaker *m, const LhVec *flat)
{
	static const LhStr nothing = {(const uint8_t *) "", 0, 0};
	const LhStr *strs = flat->data;

	for (int i = 0; i < flat->n; i++)
	{
		bool there = flat->valid == NULL || lh_bit_get(flat->valid, (size_t) i);
		const LhStr *s = there ? &strs[i] : &nothing;
		uint32_t code = 0;

		if (m->coded && there)
			LH_TRY(find_code(ctx, m, s, &code));
		if (code == MOST_ENTRIES)
			LH_TRY(stop_coding(ctx, m, m->n + i));
		if (m->coded)
			((uint16_t *) (void *) m->codes.data)[m->n + i] = (uint16_t) code;
		else
			LH_TRY(add_plain(ctx, m, &m->text, s->ptr, s->len, &m->segment_text));
	}
	if (m->coded && repeats_little(m, m->n + flat->n))
		LH_TRY(stop_coding(ctx, m, m->n + flat->n));
	return LH_OK;
}

/*
 * The whole
 */

LhStatus
lh_chunk_add(LhCtx *ctx, LhChunkMaker *m, const LhVec *vec)
{
	LhVec flat;

	if (vec->n > LH_BATCH || vec->n > m->rows - m->n)
		LH_FAIL(ctx, LH_BUG, "a chunk is given more rows than were promised");
	if (vec->type.id != m->type.id || vec->type.lane != m->type.lane ||
		vec->type.width != m->type.width)
		LH_FAIL(ctx, LH_BUG, "a chunk is given values of another type");
	if (m->type.lane != LH_LANE_NONE)
	{
		LH_TRY(lh_vec_flatten(ctx, vec, m->scratch, &flat));
		lh_bits_put((uint64_t *) (void *) m->valid.data, (size_t) m->n, flat.valid, 0,
					(size_t) flat.n);
		LH_TRY(is_text(m) ? add_strings(ctx, m, &flat) : add_fixed(ctx, m, &flat));
	}
	m->n += vec->n;
	return LH_OK;
}

size_t
lh_chunk_so_far(const LhChunkMaker *m)
{
	return m->data.len + m->segments.len + m->text.len + m->entries.len +
		   (m->coded ? (size_t) m->n : 0);
}

/*
 * Parts of a chunk, each at a multiple of 64: itself, the bitmap, segments, data (or codes),
 * text, dictionary.
 */
typedef struct Plan
{
	size_t valid, segments, data, text, dict, end;
} Plan;

static uint32_t
code_width(const LhChunkMaker *m)
{
	return count_entries(m) <= 256 ? 1 : 2;
}

static Plan
plan(const LhChunkMaker *m)
{
	size_t words = m->nulls > 0 ? LH_WORDS(m->rows) * sizeof(uint64_t) : 0;
	Plan p = {.valid = ALIGN(sizeof(LhChunk))};

	if (m->nulls == m->rows)
	{
		p.segments = p.data = p.text = p.dict = p.end = p.valid;
		return p;
	}
	p.segments = p.valid + ALIGN(words);
	p.data = p.segments + ALIGN(m->segments.len);
	p.text = p.data + ALIGN(m->coded ? (size_t) m->rows * code_width(m) : m->data.len);
	p.dict = p.text + ALIGN(m->text.len);
	p.end = p.dict + (m->coded ? ALIGN(m->entries.len) : 0);
	return p;
}

LhStatus
lh_chunk_seal(LhCtx *ctx, LhChunkMaker *m, size_t *size)
{
	if (m->n != m->rows)
		LH_FAIL(ctx, LH_BUG, "a chunk has %lld rows instead of %lld", (long long) m->n,
				(long long) m->rows);
	m->nulls = m->rows - (int64_t) lh_bits_count((const uint64_t *) (const void *) m->valid.data,
												 LH_WORDS(m->rows));
	if (!is_text(m))
		LH_TRY(flush(ctx, m));
	else if (!m->coded)
		LH_TRY(flush_lengths(ctx, m, m->segment_text));
	*size = plan(m).end;
	return LH_OK;
}

static LhChunkShape
shape_of(const LhChunkMaker *m)
{
	if (m->nulls == m->rows)
		return LH_CHUNK_NULLS;
	if (is_text(m))
		return m->coded ? LH_CHUNK_CODES : LH_CHUNK_STRINGS;
	return are_numbers(&m->type) ? LH_CHUNK_NUMBERS : LH_CHUNK_RAW;
}

/* What is empty has no address. */
static void
put(uint8_t *to, size_t at, const LhBuf *buf, size_t len)
{
	if (len > 0)
		memcpy(to + at, buf->data, len);
}

static void
put_codes(const LhChunkMaker *m, uint8_t *to)
{
	const uint16_t *codes = (const uint16_t *) (const void *) m->codes.data;

	if (code_width(m) == 2)
		memcpy(to, codes, (size_t) m->rows * 2);
	else
		for (int64_t i = 0; i < m->rows; i++)
			to[i] = (uint8_t) codes[i];
}

static void
put_dict(const LhChunkMaker *m, uint8_t *to, const Plan *p, LhDict *dict)
{
	const LhStr *entries = (const LhStr *) (const void *) m->entries.data;
	const size_t *starts = (const size_t *) (const void *) m->starts.data;
	LhStr *values = (LhStr *) (void *) (to + p->dict);
	size_t n = count_entries(m);

	for (size_t i = 0; i < n; i++)
		values[i] = (LhStr){to + p->text + starts[i], entries[i].len, 0};
	*dict = (LhDict){.type = m->type, .n = (uint32_t) n, .values = values, .id = lh_dict_new_id()};
}

void
lh_chunk_write(const LhChunkMaker *m, void *at)
{
	LhChunk *chunk = at;
	uint8_t *to = at;
	Plan p = plan(m);

	memset(to, 0, p.end);
	*chunk = (LhChunk){.type = m->type,
					   .shape = shape_of(m),
					   .rows = m->rows,
					   .nulls = m->nulls,
					   .data = to + p.data,
					   .text = to + p.text,
					   .segments = (const LhChunkSegment *) (const void *) (to + p.segments)};
	if (chunk->shape == LH_CHUNK_NULLS)
		return;
	if (m->nulls > 0)
	{
		put(to, p.valid, &m->valid, LH_WORDS(m->rows) * sizeof(uint64_t));
		chunk->valid = (const uint64_t *) (const void *) (to + p.valid);
	}
	put(to, p.segments, &m->segments, m->segments.len);
	put(to, p.text, &m->text, m->text.len);
	if (chunk->shape != LH_CHUNK_CODES)
		put(to, p.data, &m->data, m->data.len);
	else
	{
		chunk->code_width = code_width(m);
		put_codes(m, to + p.data);
		put_dict(m, to, &p, &chunk->dict);
	}
}
