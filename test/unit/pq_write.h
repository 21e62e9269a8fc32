/*
 * pq_write.h
 *		Write Thrift structures and Parquet footers byte by byte, right or wrong.
 *
 * For tests of the metadata half of src/parquet: a footer is described by plain
 * structs, in which -1 (numbers) or NULL (bytes) leaves a field out.
 */
#ifndef PQ_WRITE_H
#define PQ_WRITE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum
{
	TW_I8 = 3,
	TW_I16 = 4,
	TW_I32 = 5,
	TW_I64 = 6,
	TW_DOUBLE = 7,
	TW_BINARY = 8,
	TW_LIST = 9,
	TW_MAP = 11,
	TW_STRUCT = 12
};

/* Writer of the compact protocol. */
typedef struct Tw
{
	uint8_t *p;
	size_t len, cap;
	int last[64]; /* field before, a structure each */
	int depth;
} Tw;

static inline void
tw_bytes(Tw *w, const void *p, size_t n)
{
	if (w->len + n > w->cap)
	{
		w->cap = (w->len + n) * 2 + 64;
		w->p = realloc(w->p, w->cap);
	}
	if (n > 0)
		memcpy(w->p + w->len, p, n);
	w->len += n;
}

static inline void
tw_byte(Tw *w, int b)
{
	uint8_t v = (uint8_t) b;

	tw_bytes(w, &v, 1);
}

static inline void
tw_varint(Tw *w, uint64_t v)
{
	for (; v >= 0x80; v >>= 7)
		tw_byte(w, (int) (v & 0x7f) | 0x80);
	tw_byte(w, (int) v);
}

static inline void
tw_zigzag(Tw *w, int64_t v)
{
	tw_varint(w, ((uint64_t) v << 1) ^ (uint64_t) (v >> 63));
}

static inline void
tw_field(Tw *w, int id, int type)
{
	int delta = id - w->last[w->depth];

	if (delta > 0 && delta < 16)
		tw_byte(w, delta << 4 | type);
	else
	{
		tw_byte(w, type);
		tw_zigzag(w, id);
	}
	w->last[w->depth] = id;
}

/* A structure begins: of a list, or at the top. */
static inline void
tw_open(Tw *w)
{
	w->last[++w->depth] = 0;
}

static inline void
tw_close(Tw *w)
{
	w->depth--;
	tw_byte(w, 0);
}

/* A structure as a field. */
static inline void
tw_struct(Tw *w, int id)
{
	tw_field(w, id, TW_STRUCT);
	tw_open(w);
}

static inline void
tw_i32(Tw *w, int id, int64_t v)
{
	tw_field(w, id, TW_I32);
	tw_zigzag(w, v);
}

static inline void
tw_i64(Tw *w, int id, int64_t v)
{
	tw_field(w, id, TW_I64);
	tw_zigzag(w, v);
}

static inline void
tw_i8(Tw *w, int id, int v)
{
	tw_field(w, id, TW_I8);
	tw_byte(w, v);
}

static inline void
tw_bool(Tw *w, int id, bool v)
{
	tw_field(w, id, v ? 1 : 2);
}

static inline void
tw_binary_item(Tw *w, const void *p, size_t n)
{
	tw_varint(w, n);
	tw_bytes(w, p, n);
}

static inline void
tw_binary(Tw *w, int id, const void *p, size_t n)
{
	tw_field(w, id, TW_BINARY);
	tw_binary_item(w, p, n);
}

static inline void
tw_string(Tw *w, int id, const char *s)
{
	tw_binary(w, id, s, strlen(s));
}

static inline void
tw_list(Tw *w, int id, int type, uint64_t n)
{
	tw_field(w, id, TW_LIST);
	if (n < 15)
		tw_byte(w, (int) n << 4 | type);
	else
	{
		tw_byte(w, 0xf0 | type);
		tw_varint(w, n);
	}
}

static inline void
tw_free(Tw *w)
{
	free(w->p);
	*w = (Tw){0};
}

/* A schema element. */
typedef struct PqEl
{
	const char *name;
	int rep;       /* -1 none */
	int type;      /* -1 group */
	int children;  /* -1 none */
	int converted; /* -1 none */
	int logical;   /* 0 none */
	int length;    /* 0 none */
	int precision, scale;
	int unit;  /* 1 ms, 2 us, 3 ns; also bits of an integer */
	bool flag; /* UTC, signed */
	int id;    /* 0 none */
} PqEl;

#define PQ_REQ 0
#define PQ_OPT 1
#define PQ_REP 2
#define PQ_ROOT(n)              \
	{                           \
		"schema", -1, -1, n, -1 \
	}
#define PQ_GROUP_(name, rep, n) \
	{                           \
		name, rep, -1, n, -1    \
	}
#define PQ_GROUP_AS(name, rep, n, converted) \
	{                                        \
		name, rep, -1, n, converted          \
	}
#define PQ_LEAF(name, rep, type) \
	{                            \
		name, rep, type, -1, -1  \
	}
#define PQ_LEAF_AS(name, rep, type, converted) \
	{                                          \
		name, rep, type, -1, converted         \
	}

/* A column chunk. */
typedef struct PqCol
{
	int type;
	int64_t values;
	int64_t data, dict;   /* 0: dict left out */
	int64_t csize, usize; /* 0: 100 */
	int codec;
	const char *min, *max;             /* deprecated */
	const char *min_value, *max_value; /* NULL: left out */
	int len;                           /* of all four; 0: strlen */
	int64_t nulls, nans;               /* -1 left out, stored + 1: 0 means left out */
	int min_exact, max_exact;          /* 0 left out, 1 true, 2 false */
	int64_t bloom;                     /* 0 left out */
	int bloom_length;
	int64_t offset_index, column_index;
	int offset_index_length, column_index_length;
	bool no_meta, encrypted, stats;
	bool footer_key; /* encrypted with the footer's key */
	const double *box; /* of GeospatialStatistics, eight axes; NaN leaves one out */
	const int *shapes; /* its types, ended by -1 */
	const int *encodings; /* ended by -1 */
	const int *pages;     /* type, encoding, count ..., ended by -1 */
} PqCol;

typedef struct PqGroup
{
	int64_t rows;
	int ncols;
	const PqCol *cols;
} PqGroup;

typedef struct PqFooter
{
	const PqEl *els;
	int nels;
	const PqGroup *groups;
	int ngroups;
	int64_t rows;
	const int *orders; /* field of the union for each leaf; NULL: left out */
	int norders;
	const char *created_by;
	bool groups_first; /* row groups before the schema */
	bool no_groups, no_schema;
	bool encrypted;
} PqFooter;

static inline void
pq_write_logical(Tw *w, const PqEl *e)
{
	tw_struct(w, 10);
	tw_struct(w, e->logical);
	switch (e->logical)
	{
		case 5: /* decimal */
			tw_i32(w, 1, e->scale);
			tw_i32(w, 2, e->precision);
			break;
		case 7: /* time, timestamp */
		case 8:
			tw_bool(w, 1, e->flag);
			tw_struct(w, 2);
			tw_struct(w, e->unit);
			tw_close(w);
			tw_close(w);
			break;
		case 10: /* integer */
			tw_i8(w, 1, e->unit);
			tw_bool(w, 2, e->flag);
			break;
		case 16: tw_i8(w, 1, 1); break;
		default: break;
	}
	tw_close(w);
	tw_close(w);
}

static inline void
pq_write_el(Tw *w, const PqEl *e)
{
	tw_open(w);
	if (e->type >= 0)
		tw_i32(w, 1, e->type);
	if (e->length != 0)
		tw_i32(w, 2, e->length);
	if (e->rep >= 0)
		tw_i32(w, 3, e->rep);
	tw_string(w, 4, e->name);
	if (e->children >= 0)
		tw_i32(w, 5, e->children);
	if (e->converted >= 0)
		tw_i32(w, 6, e->converted);
	if (e->precision != 0 && e->logical == 0)
	{
		tw_i32(w, 7, e->scale);
		tw_i32(w, 8, e->precision);
	}
	if (e->id != 0)
		tw_i32(w, 9, e->id);
	if (e->logical != 0)
		pq_write_logical(w, e);
	tw_close(w);
}

static inline void
pq_write_bound(Tw *w, int id, const char *s, int len)
{
	if (s != NULL)
		tw_binary(w, id, s, len > 0 ? (size_t) len : strlen(s));
}

static inline void
pq_write_stats(Tw *w, const PqCol *c)
{
	tw_struct(w, 12);
	pq_write_bound(w, 1, c->max, c->len);
	pq_write_bound(w, 2, c->min, c->len);
	if (c->nulls != 0)
		tw_i64(w, 3, c->nulls - 1);
	pq_write_bound(w, 5, c->max_value, c->len);
	pq_write_bound(w, 6, c->min_value, c->len);
	if (c->max_exact != 0)
		tw_bool(w, 7, c->max_exact == 1);
	if (c->min_exact != 0)
		tw_bool(w, 8, c->min_exact == 1);
	if (c->nans != 0)
		tw_i64(w, 9, c->nans - 1);
	tw_close(w);
}

static inline void
pq_write_pages(Tw *w, const int *pages)
{
	int n = 0;

	while (pages[n] >= 0)
		n++;
	tw_list(w, 13, TW_STRUCT, (uint64_t) n / 3);
	for (int i = 0; i < n; i += 3)
	{
		tw_open(w);
		for (int k = 0; k < 3; k++)
			tw_i32(w, k + 1, pages[i + k]);
		tw_close(w);
	}
}

static inline void
pq_write_geo(Tw *w, const PqCol *c)
{
	int n = 0;

	tw_struct(w, 17);
	if (c->box != NULL)
	{
		tw_struct(w, 1);
		for (int i = 0; i < 8; i++)
			if (c->box[i] == c->box[i])
			{
				tw_field(w, i + 1, TW_DOUBLE);
				tw_bytes(w, &c->box[i], 8);
			}
		tw_close(w);
	}
	if (c->shapes != NULL)
	{
		while (c->shapes[n] >= 0)
			n++;
		tw_list(w, 2, TW_I32, (uint64_t) n);
		for (int i = 0; i < n; i++)
			tw_zigzag(w, c->shapes[i]);
	}
	tw_close(w);
}

static inline void
pq_write_meta_data(Tw *w, const PqCol *c)
{
	static const int plain[] = {0, 3, -1};
	const int *encodings = c->encodings != NULL ? c->encodings : plain;
	int n = 0;

	while (encodings[n] >= 0)
		n++;
	tw_struct(w, 3);
	tw_i32(w, 1, c->type);
	tw_list(w, 2, TW_I32, (uint64_t) n);
	for (int i = 0; i < n; i++)
		tw_zigzag(w, encodings[i]);
	tw_list(w, 3, TW_BINARY, 1);
	tw_binary_item(w, "x", 1);
	tw_i32(w, 4, c->codec);
	tw_i64(w, 5, c->values);
	tw_i64(w, 6, c->usize != 0 ? c->usize : 100);
	tw_i64(w, 7, c->csize != 0 ? c->csize : 100);
	tw_i64(w, 9, c->data);
	if (c->dict != 0)
		tw_i64(w, 11, c->dict);
	if (c->stats)
		pq_write_stats(w, c);
	if (c->pages != NULL)
		pq_write_pages(w, c->pages);
	if (c->bloom != 0)
		tw_i64(w, 14, c->bloom);
	if (c->bloom_length != 0)
		tw_i32(w, 15, c->bloom_length);
	if (c->box != NULL || c->shapes != NULL)
		pq_write_geo(w, c);
	tw_close(w);
}

static inline void
pq_write_col(Tw *w, const PqCol *c)
{
	tw_open(w);
	tw_i64(w, 2, 4);
	if (!c->no_meta)
		pq_write_meta_data(w, c);
	if (c->offset_index != 0)
	{
		tw_i64(w, 4, c->offset_index);
		tw_i32(w, 5, c->offset_index_length);
	}
	if (c->column_index != 0)
	{
		tw_i64(w, 6, c->column_index);
		tw_i32(w, 7, c->column_index_length);
	}
	if (c->footer_key)
	{
		tw_struct(w, 8);
		tw_struct(w, 1);
		tw_close(w);
		tw_close(w);
	}
	if (c->encrypted)
		tw_binary(w, 9, "secret", 6);
	tw_close(w);
}

static inline void
pq_write_groups(Tw *w, const PqFooter *f)
{
	tw_list(w, 4, TW_STRUCT, (uint64_t) f->ngroups);
	for (int g = 0; g < f->ngroups; g++)
	{
		tw_open(w);
		tw_list(w, 1, TW_STRUCT, (uint64_t) f->groups[g].ncols);
		for (int i = 0; i < f->groups[g].ncols; i++)
			pq_write_col(w, &f->groups[g].cols[i]);
		tw_i64(w, 2, 1000);
		tw_i64(w, 3, f->groups[g].rows);
		tw_i64(w, 6, 500);
		tw_close(w);
	}
}

static inline void
pq_write_footer(Tw *w, const PqFooter *f)
{
	tw_open(w);
	tw_i32(w, 1, 2);
	if (f->groups_first)
		pq_write_groups(w, f);
	if (!f->no_schema)
	{
		tw_list(w, 2, TW_STRUCT, (uint64_t) f->nels);
		for (int i = 0; i < f->nels; i++)
			pq_write_el(w, &f->els[i]);
	}
	tw_i64(w, 3, f->rows);
	if (!f->groups_first && !f->no_groups)
		pq_write_groups(w, f);
	if (f->created_by != NULL)
		tw_string(w, 6, f->created_by);
	if (f->orders != NULL)
	{
		tw_list(w, 7, TW_STRUCT, (uint64_t) f->norders);
		for (int i = 0; i < f->norders; i++)
		{
			tw_open(w);
			if (f->orders[i] > 0)
			{
				tw_struct(w, f->orders[i]);
				tw_close(w);
			}
			tw_close(w);
		}
	}
	if (f->encrypted)
	{
		tw_struct(w, 8);
		tw_struct(w, 1);
		tw_close(w);
		tw_close(w);
	}
	tw_close(w);
}

/* "PAR1", body, footer, length, magic. */
static inline void
pq_write_file(Tw *w, const void *body, size_t body_len, const Tw *footer, const char *magic)
{
	uint32_t len = (uint32_t) footer->len;

	tw_bytes(w, "PAR1", 4);
	tw_bytes(w, body, body_len);
	tw_bytes(w, footer->p, footer->len);
	tw_bytes(w, &len, 4);
	tw_bytes(w, magic, 4);
}

#endif
