/*
 * orc_make.h
 *		Bytes of ORC files made by hand, and files opened through a real file.
 */
#ifndef ORC_MAKE_H
#define ORC_MAKE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "orc/meta.h"

#define ASSERT_OK(ctx, call)                       \
	do                                             \
	{                                              \
		if ((call) != LH_OK)                       \
			fail_msg("%s", (ctx)->error->message); \
	} while (0)

#define ASSERT_FAILS(ctx, call, code_, part)                                         \
	do                                                                               \
	{                                                                                \
		LhStatus status_ = (call);                                                   \
		if (status_ != (code_) || strstr((ctx)->error->message, (part)) == NULL)     \
			fail_msg("%s: \"%s\" without \"%s\"", lh_status_name(status_),           \
					 (ctx)->error->message, (part));                                 \
		lh_error_clear(ctx);                                                         \
	} while (0)

/* Growing bytes; all are freed together by ob_free_all. */
typedef struct Ob
{
	uint8_t *p;
	size_t len;
	size_t cap;
} Ob;

typedef struct ObBlock
{
	struct ObBlock *next;
} ObBlock;

static ObBlock *ob_blocks;

static inline void
ob_free_all(void)
{
	while (ob_blocks != NULL)
	{
		ObBlock *next = ob_blocks->next;

		free(ob_blocks);
		ob_blocks = next;
	}
}

static inline void
ob_put(Ob *b, const void *p, size_t n)
{
	if (b->len + n + LH_PADDING > b->cap)
	{
		ObBlock *block = malloc(sizeof(*block) + 2 * (b->len + n + LH_PADDING));

		block->next = ob_blocks;
		ob_blocks = block;
		if (b->len > 0)
			memcpy(block + 1, b->p, b->len);
		b->p = (uint8_t *) (block + 1);
		b->cap = 2 * (b->len + n + LH_PADDING);
	}
	if (n > 0)
		memcpy(b->p + b->len, p, n);
	b->len += n;
	memset(b->p + b->len, 0xee, LH_PADDING);
}

static inline void
ob_byte(Ob *b, unsigned v)
{
	uint8_t byte = (uint8_t) v;

	ob_put(b, &byte, 1);
}

static inline void
ob_varint(Ob *b, uint64_t v)
{
	for (; v >= 0x80; v >>= 7)
		ob_byte(b, (unsigned) (v & 0x7f) | 0x80);
	ob_byte(b, (unsigned) v);
}

static inline void
ob_zigzag(Ob *b, int64_t v)
{
	ob_varint(b, (uint64_t) v << 1 ^ (uint64_t) (v >> 63));
}

/* Fields of messages. */
static inline void
ob_num(Ob *b, unsigned id, uint64_t v)
{
	ob_varint(b, id << 3);
	ob_varint(b, v);
}

static inline void
ob_msg(Ob *b, unsigned id, const Ob *m)
{
	ob_varint(b, id << 3 | 2);
	ob_varint(b, m->len);
	ob_put(b, m->p, m->len);
}

static inline void
ob_str(Ob *b, unsigned id, const char *s)
{
	Ob m = {(uint8_t *) s, strlen(s), 0};

	ob_msg(b, id, &m);
}

/* A stream of a stripe, in the order they are written. */
typedef struct OrcStream
{
	int kind;
	int column;
	Ob bytes;
} OrcStream;

typedef struct OrcType
{
	int kind;
	int nchildren;
	int children[8];
	const char *names[8];
	int precision,
		scale;
	const char *attributes[6]; /* pairs */
} OrcType;

/* One stripe, without compression. */
typedef struct OrcFileMaker
{
	int ntypes;
	OrcType types[12];
	int nstreams;
	OrcStream streams[24];
	int encodings[12];
	int dictionary_sizes[12];
	uint64_t rows;
	int stride;
	const char *zone;
	int calendar;
	int writer;
	int writer_version;
	const char *kv[2];
	int encrypted; /* column + 1; 0: none */
	Ob stats[12];  /* ColumnStatistics of the stripe */
	bool has_stats;
	uint64_t footer_rows; /* 0: rows */
} OrcFileMaker;

static inline void
orc_type_message(Ob *out, const OrcType *t)
{
	ob_num(out, 1, (uint64_t) t->kind);
	for (int i = 0; i < t->nchildren; i++)
		ob_num(out, 2, (uint64_t) t->children[i]);
	for (int i = 0; i < t->nchildren && t->kind == LH_ORC_STRUCT; i++)
		ob_str(out, 3, t->names[i]);
	if (t->precision > 0)
	{
		ob_num(out, 5, (uint64_t) t->precision);
		ob_num(out, 6, (uint64_t) t->scale);
	}
	for (int i = 0; i < 6 && t->attributes[i] != NULL; i += 2)
	{
		Ob pair = {0};

		ob_str(&pair, 1, t->attributes[i]);
		ob_str(&pair, 2, t->attributes[i + 1]);
		ob_msg(out, 7, &pair);
	}
}

static inline void
orc_make(Ob *out, const OrcFileMaker *m)
{
	Ob stripe_footer = {0}, footer = {0}, info = {0}, metadata = {0}, ps = {0}, stats = {0};
	size_t begin, index = 0;

	ob_put(out, "ORC", 3);
	begin = out->len;
	for (int i = 0; i < m->nstreams; i++)
	{
		Ob s = {0};

		ob_num(&s, 1, (uint64_t) m->streams[i].kind);
		ob_num(&s, 2, (uint64_t) m->streams[i].column);
		ob_num(&s, 3, m->streams[i].bytes.len);
		ob_msg(&stripe_footer, 1, &s);
		ob_put(out, m->streams[i].bytes.p, m->streams[i].bytes.len);
	}
	for (int i = 0; i < m->ntypes; i++)
	{
		Ob e = {0};

		ob_num(&e, 1, (uint64_t) m->encodings[i]);
		ob_num(&e, 2, (uint64_t) m->dictionary_sizes[i]);
		ob_msg(&stripe_footer, 2, &e);
	}
	if (m->zone != NULL)
		ob_str(&stripe_footer, 3, m->zone);
	ob_num(&info, 1, begin);
	ob_num(&info, 2, index);
	ob_num(&info, 3, out->len - begin);
	ob_num(&info, 4, stripe_footer.len);
	ob_num(&info, 5, m->rows);
	ob_put(out, stripe_footer.p, stripe_footer.len);
	ob_msg(&footer, 3, &info);
	for (int i = 0; i < m->ntypes; i++)
	{
		Ob t = {0};

		orc_type_message(&t, &m->types[i]);
		ob_msg(&footer, 4, &t);
	}
	if (m->kv[0] != NULL)
	{
		Ob kv = {0};

		ob_str(&kv, 1, m->kv[0]);
		ob_str(&kv, 2, m->kv[1]);
		ob_msg(&footer, 5, &kv);
	}
	ob_num(&footer, 6, m->footer_rows > 0 ? m->footer_rows : m->rows);
	ob_num(&footer, 8, (uint64_t) m->stride);
	ob_num(&footer, 9, (uint64_t) m->writer);
	if (m->encrypted > 0)
	{
		Ob encryption = {0}, variant = {0};

		ob_num(&variant, 1, (uint64_t) m->encrypted - 1);
		ob_msg(&encryption, 3, &variant);
		ob_msg(&footer, 10, &encryption);
	}
	ob_num(&footer, 11, (uint64_t) m->calendar);
	if (m->has_stats)
	{
		for (int i = 0; i < m->ntypes; i++)
			ob_msg(&stats, 1, &m->stats[i]);
		ob_msg(&metadata, 1, &stats);
	}
	ob_put(out, metadata.p, metadata.len);
	ob_put(out, footer.p, footer.len);
	ob_num(&ps, 1, footer.len);
	ob_num(&ps, 2, 0);
	ob_num(&ps, 4, 0);
	ob_num(&ps, 4, 12);
	ob_num(&ps, 5, metadata.len);
	ob_num(&ps, 6, (uint64_t) m->writer_version);
	ob_str(&ps, 8000, "ORC");
	ob_put(out, ps.p, ps.len);
	ob_byte(out, (unsigned) ps.len);
}

/* struct<a: kind> and the stream DATA of column 1. */
static inline OrcFileMaker
orc_one(int kind, int encoding, uint64_t rows, const void *data, size_t len)
{
	OrcFileMaker m = {.ntypes = 2, .rows = rows, .nstreams = 1, .calendar = 2, .writer_version = 9};

	m.types[0] = (OrcType){.kind = LH_ORC_STRUCT, .nchildren = 1, .children = {1}, .names = {"a"}};
	m.types[1] = (OrcType){.kind = kind};
	m.encodings[1] = encoding;
	m.streams[0] = (OrcStream){.kind = LH_ORC_DATA, .column = 1};
	ob_put(&m.streams[0].bytes, data, len);
	return m;
}

static inline void
orc_add(OrcFileMaker *m, int kind, int column, const void *data, size_t len)
{
	m->streams[m->nstreams] = (OrcStream){.kind = kind, .column = column};
	ob_put(&m->streams[m->nstreams++].bytes, data, len);
}

static inline LhStatus
orc_open_path(LhCtx *ctx, const char *path, const LhOrcOptions *options, LhOrcFile **out)
{
	static const LhAccess access = {.local_any = true};
	LhStore *store;
	LhObject *obj;

	LH_TRY(lh_store_create(ctx, &access, &store));
	LH_TRY(lh_object_open(ctx, store, path, &obj));
	return lh_orc_open(ctx, obj, NULL, options, out);
}

/* The file is gone from the directory afterwards, and open until ctx is destroyed. */
static inline LhStatus
orc_open_bytes(LhCtx *ctx, const void *p, size_t n, const LhOrcOptions *options, LhOrcFile **out)
{
	char path[] = "/tmp/lh_orc_XXXXXX";
	int fd = mkstemp(path);
	LhStatus status;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, p, n), n);
	close(fd);
	status = orc_open_path(ctx, path, options, out);
	unlink(path);
	return status;
}

static inline LhStatus
orc_open_made(LhCtx *ctx, const OrcFileMaker *m, const LhOrcOptions *options, LhOrcFile **out)
{
	Ob bytes = {0};
	LhStatus status;

	orc_make(&bytes, m);
	status = orc_open_bytes(ctx, bytes.p, bytes.len, options, out);
	return status;
}

/* A fixture's path, absolute; NULL: not there. */
static inline char *
orc_fixture(const char *name)
{
	const char *root = getenv("LAKEHOUSE_FIXTURES");
	char path[512];

	snprintf(path, sizeof(path), "%s/orc/%s", root != NULL ? root : "test/fixtures", name);
	return realpath(path, NULL);
}

#endif
