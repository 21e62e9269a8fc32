/*
 * test_page_make.h
 *		Make Parquet files page by page, right or wrong, for the tests of the data half.
 *
 * A Maker gathers the bytes of pages behind "PAR1", then writes a footer
 * (pq_write.h) that points to them.  Encoders here are slow and obvious.
 */
#ifndef TEST_PAGE_MAKE_H
#define TEST_PAGE_MAKE_H

#include "unit/pq_file.h"

#undef skip /* of cmocka, but decoders have a member of this name */

/* Types of parquet.thrift. */
enum
{
	T_BOOL, T_INT32, T_INT64, T_INT96, T_FLOAT, T_DOUBLE, T_BYTES, T_FLBA
};

/* Converted types. */
enum
{
	C_UTF8 = 0, C_MAP = 1, C_LIST = 3, C_DECIMAL = 5, C_TIME_MILLIS = 7, C_UINT8 = 11,
	C_UINT16 = 12, C_UINT32 = 13, C_UINT64 = 14
};

/* Bits, least significant first. */
typedef struct BitWriter
{
	Tw *w;
	uint64_t acc;
	int n;
} BitWriter;

static inline void
put_bits(BitWriter *b, uint64_t v, int width)
{
	for (int i = 0; i < width; i++)
	{
		b->acc |= (v >> i & 1) << b->n;
		if (++b->n == 8)
		{
			tw_byte(b->w, (int) b->acc);
			b->acc = 0;
			b->n = 0;
		}
	}
}

static inline void
flush_bits(BitWriter *b)
{
	while (b->n > 0)
		put_bits(b, 0, 1);
}

/* Hybrid runs. */
static inline void
put_rle(Tw *w, int width, uint32_t value, uint64_t count)
{
	tw_varint(w, count << 1);
	tw_bytes(w, &value, (size_t) (width + 7) / 8);
}

static inline void
put_packed(Tw *w, int width, const uint32_t *values, size_t n)
{
	BitWriter b = {w, 0, 0};

	tw_varint(w, (n + 7) / 8 << 1 | 1);
	for (size_t i = 0; i < (n + 7) / 8 * 8; i++)
		put_bits(&b, i < n ? values[i] : 0, width);
	flush_bits(&b);
}

/* Codes of a page: width, then one run of each kind given. */
static inline void
put_codes(Tw *w, int width, const uint32_t *values, size_t n)
{
	tw_byte(w, width);
	put_packed(w, width, values, n);
}

/* Levels of a v1 page: length, then packed. */
static inline void
put_levels(Tw *w, int width, const uint32_t *levels, size_t n)
{
	Tw runs = {0};
	uint32_t len;

	put_packed(&runs, width, levels, n);
	len = (uint32_t) runs.len;
	tw_bytes(w, &len, 4);
	tw_bytes(w, runs.p, runs.len);
	tw_free(&runs);
}

static inline void
put_string(Tw *w, const char *s)
{
	uint32_t len = (uint32_t) strlen(s);

	tw_bytes(w, &len, 4);
	tw_bytes(w, s, len);
}

/* DELTA_BINARY_PACKED of n values; deltas of 32 bits unless wide. */
static inline void
put_delta(Tw *w, const int64_t *v, size_t n, bool wide, int block, int minis)
{
	int per_mini = block / minis;

	tw_varint(w, (uint64_t) block);
	tw_varint(w, (uint64_t) minis);
	tw_varint(w, n);
	tw_zigzag(w, n > 0 ? v[0] : 0);
	for (size_t at = 1; at < n; at += (size_t) block)
	{
		size_t k = n - at < (size_t) block ? n - at : (size_t) block;
		int64_t min = INT64_MAX;
		uint64_t *d = calloc((size_t) block, sizeof(*d));

		for (size_t i = 0; i < k; i++)
		{
			uint64_t delta = (uint64_t) v[at + i] - (uint64_t) v[at + i - 1];

			d[i] = wide ? delta : (uint64_t) (int64_t) (int32_t) (uint32_t) delta;
			if ((int64_t) d[i] < min)
				min = (int64_t) d[i];
		}
		tw_zigzag(w, min);
		for (size_t i = 0; i < k; i++)
			d[i] = wide ? d[i] - (uint64_t) min : (uint32_t) (d[i] - (uint64_t) min);
		for (int m = 0; m < minis; m++)
		{
			uint64_t all = 0;

			for (int i = 0; i < per_mini; i++)
				all |= d[m * per_mini + i];
			/* a miniblock without values may have any width */
			tw_byte(w, (size_t) (m * per_mini) >= k ? 77 : all == 0 ? 0 : 64 - __builtin_clzll(all));
		}
		for (int m = 0; m < minis && (size_t) (m * per_mini) < k; m++)
		{
			BitWriter b = {w, 0, 0};
			uint64_t all = 0;
			int width;

			for (int i = 0; i < per_mini; i++)
				all |= d[m * per_mini + i];
			width = all == 0 ? 0 : 64 - __builtin_clzll(all);
			for (int i = 0; i < per_mini; i++)
				put_bits(&b, d[m * per_mini + i], width);
		}
		free(d);
	}
}

#define MAKER_COLS 8

typedef struct Maker
{
	LhCtx *ctx;
	LhCodecs *codecs;
	int codec; /* of parquet.thrift, for pages made from now on */
	bool crc; /* write checksums */
	int64_t rows;
	Tw body;
	PqEl els[24];
	int nels;
	PqCol cols[MAKER_COLS];
	int ncols;
	int64_t page_at; /* where the last page's header lies in the file */
	int page_size; /* of the last page, with header */
} Maker;

static inline void
maker_init(Maker *m, LhCtx *ctx)
{
	*m = (Maker){.ctx = ctx};
	ASSERT_OK(ctx, lh_codecs_create(ctx, &m->codecs));
	m->els[m->nels++] = (PqEl) PQ_ROOT(1);
}

/* A schema element behind the root; for the root's children the root counts. */
static inline PqEl *
maker_el(Maker *m, PqEl el)
{
	m->els[m->nels] = el;
	return &m->els[m->nels++];
}

static inline int64_t
maker_at(const Maker *m)
{
	return 4 + (int64_t) m->body.len;
}

static inline void
maker_begin(Maker *m, int type)
{
	m->cols[m->ncols] = (PqCol){.type = type, .data = maker_at(m), .codec = m->codec};
}

static inline void
maker_end(Maker *m)
{
	PqCol *c = &m->cols[m->ncols++];

	c->csize = maker_at(m) - c->data;
	c->usize = c->csize;
}

/* Compressed with the maker's codec. */
static inline void
maker_compress(Maker *m, const void *p, size_t n, LhBuf *out)
{
	static const LhCodec codecs[] = {LH_CODEC_NONE, LH_CODEC_SNAPPY, LH_CODEC_GZIP,
									 LH_CODEC_LZO,	LH_CODEC_BROTLI, LH_CODEC_LZ4_RAW,
									 LH_CODEC_ZSTD, LH_CODEC_LZ4_RAW};

	ASSERT_OK(m->ctx, lh_buf_init(m->ctx, out, false));
	if (m->codec == 5)
		ASSERT_OK(m->ctx, lh_buf_append(m->ctx, out, "\0\0\0\0\0\0\0\0", 8));
	if (m->codec == 0)
		ASSERT_OK(m->ctx, lh_buf_append(m->ctx, out, p, n));
	else
		ASSERT_OK(m->ctx, lh_compress(m->ctx, m->codecs, codecs[m->codec], 0, p, n, out));
	/* Hadoop's frame: both sizes, big-endian */
	for (int i = 0; i < 4 && m->codec == 5; i++)
	{
		out->data[i] = (uint8_t) (n >> (24 - 8 * i));
		out->data[4 + i] = (uint8_t) ((out->len - 8) >> (24 - 8 * i));
	}
}

/* The fields of a page header that all kinds have. */
static inline void
maker_header(Maker *m, Tw *w, int type, size_t usize, const void *body, size_t csize)
{
	tw_open(w);
	tw_i32(w, 1, type);
	tw_i32(w, 2, (int64_t) usize);
	tw_i32(w, 3, (int64_t) csize);
	if (m->crc)
		tw_i32(w, 4, (int32_t) lh_crc32(body, csize));
}

static inline void
maker_page(Maker *m, Tw *header, const void *body, size_t n)
{
	m->page_at = maker_at(m);
	tw_bytes(&m->body, header->p, header->len);
	tw_bytes(&m->body, body, n);
	m->page_size = (int) (maker_at(m) - m->page_at);
	tw_free(header);
}

/* A v1 page of given bytes (levels and values), which are freed. */
static inline void
maker_v1(Maker *m, Tw *content, int values, int encoding)
{
	Tw h = {0};
	LhBuf out;

	maker_compress(m, content->p, content->len, &out);
	maker_header(m, &h, 0, content->len, out.data, out.len);
	tw_struct(&h, 5);
	tw_i32(&h, 1, values);
	tw_i32(&h, 2, encoding);
	tw_i32(&h, 3, 3);
	tw_i32(&h, 4, 3);
	tw_close(&h);
	tw_close(&h);
	maker_page(m, &h, out.data, out.len);
	m->cols[m->ncols].values += values;
	tw_free(content);
	lh_buf_free(&out);
}

/* A v2 page; compressed: -1 leaves the flag out (the default is true). All three contents are freed. */
static inline void
maker_v2(Maker *m, Tw *rep, Tw *def, Tw *content, int values, int nulls, int rows, int encoding,
		 int compressed)
{
	Tw h = {0},
	   all = {0};
	LhBuf out;

	tw_bytes(&all, rep->p, rep->len);
	tw_bytes(&all, def->p, def->len);
	if (compressed != 0 && content->len > 0)
	{
		maker_compress(m, content->p, content->len, &out);
		tw_bytes(&all, out.data, out.len);
		lh_buf_free(&out);
	}
	else
		tw_bytes(&all, content->p, content->len);
	maker_header(m, &h, 3, rep->len + def->len + content->len, all.p, all.len);
	tw_struct(&h, 8);
	tw_i32(&h, 1, values);
	tw_i32(&h, 2, nulls);
	tw_i32(&h, 3, rows);
	tw_i32(&h, 4, encoding);
	tw_i32(&h, 5, (int64_t) def->len);
	tw_i32(&h, 6, (int64_t) rep->len);
	if (compressed >= 0)
		tw_bool(&h, 7, compressed);
	tw_close(&h);
	tw_close(&h);
	maker_page(m, &h, all.p, all.len);
	m->cols[m->ncols].values += values;
	tw_free(rep);
	tw_free(def);
	tw_free(content);
	tw_free(&all);
}

/* A dictionary page of PLAIN bytes, which are freed. */
static inline void
maker_dict(Maker *m, Tw *content, int n)
{
	Tw h = {0};
	LhBuf out;

	maker_compress(m, content->p, content->len, &out);
	maker_header(m, &h, 2, content->len, out.data, out.len);
	tw_struct(&h, 7);
	tw_i32(&h, 1, n);
	tw_i32(&h, 2, 0);
	tw_close(&h);
	tw_close(&h);
	maker_page(m, &h, out.data, out.len);
	tw_free(content);
	lh_buf_free(&out);
}

/* An offset index for column "col" of n pages. */
static inline void
maker_index(Maker *m, int col, int n, const int64_t *at, const int *size, const int64_t *first)
{
	Tw w = {0};

	tw_open(&w);
	tw_list(&w, 1, TW_STRUCT, (uint64_t) n);
	for (int i = 0; i < n; i++)
	{
		tw_open(&w);
		tw_i64(&w, 1, at[i]);
		tw_i32(&w, 2, size[i]);
		tw_i64(&w, 3, first[i]);
		tw_close(&w);
	}
	tw_close(&w);
	m->cols[col].offset_index = maker_at(m);
	m->cols[col].offset_index_length = (int) w.len;
	tw_bytes(&m->body, w.p, w.len);
	tw_free(&w);
}

/* Write it all and open it; the maker is done with. */
static inline LhStatus
maker_open(Maker *m, LhPqFile **out)
{
	PqGroup group = {.rows = m->rows, .ncols = m->ncols, .cols = m->cols};
	PqFooter f = {.els = m->els, .nels = m->nels, .groups = &group, .ngroups = 1, .rows = m->rows};
	LhStatus status;

	status = pq_open_footer(m->ctx, &f, m->body.p, m->body.len, out);
	tw_free(&m->body);
	return status;
}

/* A random number below n. */
static inline uint32_t
below(uint32_t n)
{
	static uint64_t state = UINT64_C(0x9e3779b97f4a7c15);

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t) (state >> 20) % n;
}

static inline int
make_ctx(void **state)
{
	*state = lh_ctx_create();
	return *state == NULL;
}

static inline int
drop_ctx(void **state)
{
	lh_ctx_destroy(*state);
	return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_ctx, drop_ctx)

#endif
