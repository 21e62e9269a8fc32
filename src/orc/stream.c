/*
 * stream.c
 *		The bytes of one stream of a column, decompressed as they are asked for.
 *
 * A stream of a large stripe is never held whole:
 *
 *	1. a window of 256 kB (1 MB from remote stores) moves over its bytes in the
 *	   file and grows to a chunk where one is larger;
 *	2. chunks are decompressed one at a time, behind what was left of the one
 *	   before, so that values which lie in two chunks come in one piece;
 *	3. chunks that are stored as they are, and streams without compression, are read
 *	   from the window itself.
 *
 * Whoever needs more at once than a chunk (the strings of a batch) asks for it, and the
 * buffer grows as far as there are bytes, never by what a length alone promises.
 */
#include "orc/stream.h"

#define WINDOW        ((size_t) 256 * 1024)
#define WINDOW_REMOTE ((size_t) 1024 * 1024)
/* Of a chunk: enough to see how large it says it becomes. */
#define CHUNK_PEEK    18

LhStatus
lh_orc_floor(LhCtx *ctx, size_t n, size_t size, void **out)
{
	LhBuf mem;

	LH_TRY(lh_buf_init(ctx, &mem, true));
	LH_TRY(lh_buf_fit(ctx, &mem, n * size + 1));
	*out = memset(mem.data, 0, n * size);
	return LH_OK;
}

LhStatus
lh_orc_buf_grow(LhCtx *ctx, LhBuf *buf, size_t cap, size_t keep)
{
	LhBuf bigger;

	if (cap <= buf->cap)
		return LH_OK;
	if (cap <= LH_ORC_FLOOR || !buf->floor)
	{
		buf->len = keep;
		return lh_buf_reserve(ctx, buf, cap);
	}
	bigger = (LhBuf){.arena = buf->arena, .floor = false};
	LH_TRY(lh_buf_reserve(ctx, &bigger, cap));
	if (keep > 0)
		memcpy(bigger.data, buf->data, keep);
	lh_buf_free(buf);
	*buf = bigger;
	return LH_OK;
}

LhStatus
lh_orc_stream_init(LhCtx *ctx, LhOrcStream *s, LhOrcFile *file, int kind,
				   const LhOrcStreamInfo *info)
{
	static const uint8_t nothing[LH_PADDING];

	*s = (LhOrcStream){.file = file, .kind = kind, .p = nothing, .end = nothing, .chunk = -1};
	if (info != NULL)
	{
		s->offset = info->offset;
		s->length = info->length;
	}
	s->compressed = lh_orc_codec(file->meta->compression, &s->codec);
	LH_TRY(lh_buf_init(ctx, &s->raw, true));
	return lh_buf_init(ctx, &s->out, true);
}

LhStatus
lh_orc_stream_bad(LhCtx *ctx, const LhOrcStream *s, const char *expected)
{
	LH_FAIL(ctx, LH_CORRUPT, "stream %s is damaged before offset %lld: expected %s",
			lh_orc_stream_name(s->kind), (long long) (s->offset + s->next), expected);
}

LhStatus
lh_orc_stream_short(LhCtx *ctx, const LhOrcStream *s, size_t need)
{
	LH_FAIL(ctx, LH_CORRUPT,
			"stream %s of %lld bytes at offset %lld ends early: expected %zu more bytes, found %zu",
			lh_orc_stream_name(s->kind), (long long) s->length, (long long) s->offset, need,
			lh_orc_stream_have(s));
}

/* As much as the window should hold at once; little when the budget is tight. */
static size_t
window_size(const LhOrcStream *s, size_t need)
{
	size_t want = lh_object_is_remote(s->file->obj) ? WINDOW_REMOTE : WINDOW;
	size_t room = lh_arena_room(s->raw.arena);

	while (want > need && want > room / 8)
		want /= 2;
	return want > need ? want : need;
}

/* Have the bytes [at, at + need) of the stream in the window; *p is the first. */
static LhStatus
window(LhCtx *ctx, LhOrcStream *s, int64_t at, size_t need, const uint8_t **p)
{
	size_t keep = 0, want;

	if (at >= s->raw_at && at + (int64_t) need <= s->raw_at + (int64_t) s->raw_len)
	{
		*p = s->raw.data + (at - s->raw_at);
		return LH_OK;
	}
	LH_TRY(lh_poll(ctx));
	want = window_size(s, need);
	if ((int64_t) want > s->length - at)
		want = (size_t) (s->length - at);
	if (at >= s->raw_at && at < s->raw_at + (int64_t) s->raw_len)
	{
		keep = (size_t) (s->raw_at + (int64_t) s->raw_len - at);
		if (keep > want)
			keep = want;
		memmove(s->raw.data, s->raw.data + (at - s->raw_at), keep);
	}
	s->raw_at = at;
	s->raw_len = keep;
	LH_TRY(lh_orc_buf_grow(ctx, &s->raw, want, keep));
	LH_TRY(lh_object_read(ctx, s->file->obj, s->offset + at + (int64_t) keep, want - keep,
						  s->raw.data + keep));
	s->raw_len = want;
	*p = s->raw.data;
	return LH_OK;
}

/* Without compression the window is what is read. */
static LhStatus
fill_plain(LhCtx *ctx, LhOrcStream *s, size_t n)
{
	size_t have = lh_orc_stream_have(s);
	int64_t at = s->next - (int64_t) have;
	size_t left = (size_t) (s->length - at);
	const uint8_t *p = NULL;

	if (n > left)
		n = left;
	if (n <= have)
		return LH_OK;
	LH_TRY(window(ctx, s, at, n, &p));
	s->p = p;
	s->end = s->raw.data + s->raw_len;
	s->next = s->raw_at + (int64_t) s->raw_len;
	LH_COUNT(ctx, PAGES_READ, 1);
	return LH_OK;
}

/* The chunk at "next": its bytes' length, and are they the original ones? */
static LhStatus
chunk_header(LhCtx *ctx, LhOrcStream *s, size_t *len, bool *original)
{
	const uint8_t *p = NULL;
	uint32_t header;

	if (s->length - s->next < LH_ORC_CHUNK_HEADER)
		return lh_orc_stream_bad(ctx, s, "a chunk header of 3 bytes");
	LH_TRY(window(ctx, s, s->next, LH_ORC_CHUNK_HEADER, &p));
	header = p[0] | (uint32_t) p[1] << 8 | (uint32_t) p[2] << 16;
	*len = header >> 1;
	*original = header & 1;
	if ((int64_t) *len > s->length - s->next - LH_ORC_CHUNK_HEADER)
		return lh_orc_stream_bad(ctx, s, "a chunk that ends within the stream");
	return LH_OK;
}

/* Decompress a chunk behind "keep" bytes of out. */
static LhStatus
decompress(LhCtx *ctx, LhOrcStream *s, const uint8_t *in, size_t len, size_t keep, size_t *made)
{
	size_t cap = lh_block_room(s->codec, in, len, (size_t) s->file->meta->block_size);
	LhStatus status;

	LH_TRY(lh_orc_buf_grow(ctx, &s->out, keep + cap + 1, keep));
	status =
		lh_block_decompress(ctx, s->file->blocks, s->codec, in, len, s->out.data + keep, cap, made);
	if (status == LH_CORRUPT)
		lh_error_prefix(ctx, "stream %s, chunk at offset %lld", lh_orc_stream_name(s->kind),
						(long long) (s->offset + s->next));
	return status;
}

/* The next chunk, behind what is left. */
static LhStatus
next_chunk(LhCtx *ctx, LhOrcStream *s)
{
	size_t keep = lh_orc_stream_have(s);
	size_t len = 0, made = 0;
	bool original = false;
	const uint8_t *in = NULL;

	/* before the window moves: what is left may lie in it */
	if (keep > 0 && s->p != s->out.data)
	{
		if (s->out.data != NULL && s->p > s->out.data && s->p < s->out.data + s->out.cap)
			memmove(s->out.data, s->p, keep);
		else
		{
			LH_TRY(lh_orc_buf_grow(ctx, &s->out, keep, 0));
			memcpy(s->out.data, s->p, keep);
		}
	}
	if (keep > 0)
	{
		s->p = s->out.data;
		s->end = s->out.data + keep;
	}
	s->chunk = -1;
	LH_TRY(chunk_header(ctx, s, &len, &original));
	LH_TRY(window(ctx, s, s->next, LH_ORC_CHUNK_HEADER + len, &in));
	in += LH_ORC_CHUNK_HEADER;
	if (original && keep == 0)
	{
		s->p = s->chunk_begin = in;
		made = len;
	}
	else
	{
		if (original)
		{
			LH_TRY(lh_orc_buf_grow(ctx, &s->out, keep + len + 1, keep));
			memcpy(s->out.data + keep, in, len);
			made = len;
		}
		else
			LH_TRY(decompress(ctx, s, in, len, keep, &made));
		s->p = s->out.data;
		s->chunk_begin = s->out.data + keep;
	}
	s->end = s->chunk_begin + made;
	s->chunk = s->next;
	s->next += LH_ORC_CHUNK_HEADER + (int64_t) len;
	LH_COUNT(ctx, PAGES_READ, 1);
	return LH_OK;
}

LhStatus
lh_orc_stream_fill(LhCtx *ctx, LhOrcStream *s, size_t n)
{
	if (!s->compressed)
		return fill_plain(ctx, s, n);
	while (lh_orc_stream_have(s) < n && s->next < s->length)
	{
		LH_TRY(lh_poll(ctx));
		LH_TRY(next_chunk(ctx, s));
	}
	return LH_OK;
}

LhStatus
lh_orc_stream_need_more(LhCtx *ctx, LhOrcStream *s, size_t n)
{
	LH_TRY(lh_orc_stream_fill(ctx, s, n));
	return lh_orc_stream_have(s) >= n ? LH_OK : lh_orc_stream_short(ctx, s, n);
}

/* Pass the chunk at "next" unseen, when it says that it has no more than *n bytes. */
static LhStatus
skip_chunk(LhCtx *ctx, LhOrcStream *s, uint64_t *n, bool *passed)
{
	size_t len = 0, peek;
	bool original = false;
	const uint8_t *in = NULL;
	int64_t size;

	*passed = false;
	LH_TRY(chunk_header(ctx, s, &len, &original));
	size = (int64_t) len;
	if (!original)
	{
		peek = len < CHUNK_PEEK ? len : CHUNK_PEEK;
		LH_TRY(window(ctx, s, s->next, LH_ORC_CHUNK_HEADER + peek, &in));
		size = lh_block_size(s->codec, in + LH_ORC_CHUNK_HEADER, peek);
	}
	if (size < 0 || (uint64_t) size > *n)
		return LH_OK;
	s->next += LH_ORC_CHUNK_HEADER + (int64_t) len;
	s->chunk = -1;
	*n -= (uint64_t) size;
	*passed = true;
	LH_COUNT(ctx, PAGES_SKIPPED, 1);
	return LH_OK;
}

LhStatus
lh_orc_stream_skip(LhCtx *ctx, LhOrcStream *s, uint64_t n)
{
	while (n > lh_orc_stream_have(s))
	{
		bool passed = false;

		LH_TRY(lh_poll(ctx));
		n -= lh_orc_stream_have(s);
		s->p = s->end;
		if (!s->compressed)
		{
			if (n > (uint64_t) (s->length - s->next))
				return lh_orc_stream_short(ctx, s, n);
			s->next += (int64_t) n;
			return LH_OK;
		}
		if (s->next >= s->length)
			return lh_orc_stream_short(ctx, s, n);
		LH_TRY(skip_chunk(ctx, s, &n, &passed));
		if (!passed)
			LH_TRY(next_chunk(ctx, s));
	}
	s->p += n;
	return LH_OK;
}

static LhStatus
bad_place(LhCtx *ctx, const LhOrcStream *s, uint64_t at, uint64_t within)
{
	LH_FAIL(ctx, LH_CORRUPT,
			"row index names byte %llu of the chunk at %llu in stream %s of %lld bytes",
			(unsigned long long) within, (unsigned long long) at, lh_orc_stream_name(s->kind),
			(long long) s->length);
}

static LhStatus
seek_plain(LhCtx *ctx, LhOrcStream *s, uint64_t at)
{
	if (at > (uint64_t) s->length)
		return bad_place(ctx, s, at, 0);
	if ((int64_t) at >= s->raw_at && (int64_t) at <= s->raw_at + (int64_t) s->raw_len &&
		s->raw_len > 0)
	{
		s->p = s->raw.data + ((int64_t) at - s->raw_at);
		s->end = s->raw.data + s->raw_len;
		s->next = s->raw_at + (int64_t) s->raw_len;
		return LH_OK;
	}
	s->p = s->end;
	s->next = (int64_t) at;
	return LH_OK;
}

LhStatus
lh_orc_stream_seek(LhCtx *ctx, LhOrcStream *s, const uint64_t *place)
{
	if (!s->compressed)
		return seek_plain(ctx, s, place[0]);
	if (place[0] > (uint64_t) s->length)
		return bad_place(ctx, s, place[0], place[1]);
	if (s->chunk != (int64_t) place[0])
	{
		s->p = s->end;
		s->chunk = -1;
		s->next = (int64_t) place[0];
		if (place[1] == 0)
			return LH_OK;
		if (s->next == s->length)
			return bad_place(ctx, s, place[0], place[1]);
		LH_TRY(next_chunk(ctx, s));
	}
	if (place[1] > (uint64_t) (s->end - s->chunk_begin))
		return bad_place(ctx, s, place[0], place[1]);
	s->p = s->chunk_begin + place[1];
	return LH_OK;
}

void
lh_orc_stream_rewind(LhOrcStream *s)
{
	s->p = s->end;
	s->chunk = -1;
	s->next = 0;
}
