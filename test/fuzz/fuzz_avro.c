/*
 * fuzz_avro.c
 *		Avro containers: whatever they say, they are refused, or mean the same however
 *		they are read.
 *
 * Input: byte 0 says what follows it.
 *	bit 7 set		a whole container
 *	else			byte 1: codec (2 bits) and number of the schema; byte 2: rows; byte 3:
 *					bytes of the block before the last marker; then the block's bytes,
 *					with a second block of the rest where byte 3 is not 0
 * Low bits of byte 0 choose what is wanted of the schema.
 *
 * When all of a file can be read, then also any part of it, with the same values,
 * and from any row on.
 */
#include <stdlib.h>
#include <string.h>

#include "fuzz/fuzz_ctx.h"
#include "fuzz/fuzz_json.h"
#include "unit/avro_show.h"

#define MAX_BLOCK       ((size_t) 1 << 20)
#define MAX_BATCHES     24
#define MAX_WANTS       4
#define MAX_KEYS        3
/* Rows whose text is compared. */
#define MAX_SHOWN       64
/* Files whose rows may have more values than this are not compared as text. */
#define MAX_SHOWN_BYTES 4096

#define CHECK(x)     \
	do               \
	{                \
		if (!(x))    \
			abort(); \
	} while (0)

extern int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const schemas[] = {
	"{\"type\":\"record\",\"name\":\"r\",\"fields\":[{\"name\":\"a\",\"type\":\"int\"},"
	"{\"name\":\"b\",\"type\":[\"null\",\"string\"]},{\"name\":\"c\",\"type\":{\"type\":\"array\",\"items\":"
	"[\"long\",\"null\"]}},{\"name\":\"d\",\"type\":{\"type\":\"map\",\"values\":\"bytes\"}},"
	"{\"name\":\"e\",\"type\":\"double\"}]}",
	"{\"type\":\"record\",\"name\":\"m\",\"fields\":[{\"name\":\"s\",\"type\":\"int\"},{\"name\":\"f\",\"type\":"
	"[\"null\",{\"type\":\"record\",\"name\":\"f\",\"fields\":[{\"name\":\"p\",\"type\":\"string\"},"
	"{\"name\":\"lo\",\"type\":[\"null\",{\"type\":\"array\",\"logicalType\":\"map\",\"items\":{\"type\":\"record\","
	"\"name\":\"kb\",\"fields\":[{\"name\":\"key\",\"type\":\"int\"},{\"name\":\"value\",\"type\":\"bytes\"}]}}]},"
	"{\"name\":\"n\",\"type\":{\"type\":\"array\",\"logicalType\":\"map\",\"items\":{\"type\":\"record\","
	"\"name\":\"kl\",\"fields\":[{\"name\":\"key\",\"type\":\"int\"},{\"name\":\"value\",\"type\":\"long\"}]}}},"
	"{\"name\":\"o\",\"type\":{\"type\":\"array\",\"logicalType\":\"map\",\"items\":{\"type\":\"record\","
	"\"name\":\"kd\",\"fields\":[{\"name\":\"key\",\"type\":\"long\"},{\"name\":\"value\",\"type\":"
	"[\"double\",\"null\"]}]}}}]}]},{\"name\":\"z\",\"type\":\"long\"}]}",
	"{\"type\":\"record\",\"name\":\"u\",\"fields\":[{\"name\":\"x\",\"type\":[\"int\",\"null\",\"string\","
	"{\"type\":\"array\",\"items\":{\"type\":\"record\",\"name\":\"q\",\"fields\":[{\"name\":\"v\",\"type\":"
	"[\"float\",\"boolean\"]}]}}]},{\"name\":\"y\",\"type\":{\"type\":\"enum\",\"name\":\"e\",\"symbols\":"
	"[\"A\",\"B\"]}},{\"name\":\"n\",\"type\":\"null\"},{\"name\":\"w\",\"type\":[\"null\",\"e\"]}]}",
	"{\"type\":\"record\",\"name\":\"t\",\"fields\":[{\"name\":\"a\",\"type\":{\"type\":\"bytes\",\"logicalType\":"
	"\"decimal\",\"precision\":9,\"scale\":2}},{\"name\":\"b\",\"type\":{\"type\":\"fixed\",\"name\":\"x\",\"size\":"
	"17,\"logicalType\":\"decimal\",\"precision\":38,\"scale\":9}},{\"name\":\"c\",\"type\":{\"type\":\"bytes\","
	"\"logicalType\":\"decimal\",\"precision\":50,\"scale\":0}},{\"name\":\"d\",\"type\":{\"type\":\"string\","
	"\"logicalType\":\"uuid\"}},{\"name\":\"e\",\"type\":[\"null\",{\"type\":\"int\",\"logicalType\":\"time-millis\"}]},"
	"{\"name\":\"f\",\"type\":{\"type\":\"fixed\",\"name\":\"y\",\"size\":3}},{\"name\":\"g\",\"type\":\"boolean\"}]}",
	"{\"type\":\"array\",\"items\":{\"type\":\"array\",\"items\":\"null\"}}",
	("[\"null\",{\"type\":\"map\",\"values\":{\"type\":\"map\",\"values\":[\"null\",{\"type\":\"record\","
	 "\"name\":\"e\",\"fields\":[]}]}}]"),
};
#define N_SCHEMAS (sizeof(schemas) / sizeof(schemas[0]))

static const char *const codecs[] = {"null", "deflate", "snappy", "zstandard"};
static const uint8_t sync_marker[16] = "0123456789abcdef";

static LhStatus
put_long(LhCtx *ctx, LhBuf *b, int64_t x)
{
	uint64_t z = (uint64_t) x << 1 ^ (uint64_t) (x >> 63);

	for (; z >= 0x80; z >>= 7)
		LH_TRY(lh_buf_putc(ctx, b, (char) (z | 0x80)));
	return lh_buf_putc(ctx, b, (char) z);
}

static LhStatus
put_text(LhCtx *ctx, LhBuf *b, const char *s)
{
	LH_TRY(put_long(ctx, b, (int64_t) strlen(s)));
	return lh_buf_append_str(ctx, b, s);
}

static LhStatus
put_block(LhCtx *ctx, LhBuf *b, int rows, const uint8_t *p, size_t n)
{
	LH_TRY(put_long(ctx, b, rows));
	LH_TRY(put_long(ctx, b, (int64_t) n));
	LH_TRY(lh_buf_append(ctx, b, p, n));
	return lh_buf_append(ctx, b, sync_marker, 16);
}

/* A container of one of the schemas around the bytes. */
static LhStatus
make(LhCtx *ctx, LhBuf *b, const uint8_t *data, size_t size)
{
	size_t first = data[3] < size - 4 ? data[3] : size - 4;

	LH_TRY(lh_buf_append(ctx, b, "Obj\1\4", 5));
	LH_TRY(put_text(ctx, b, "avro.schema"));
	LH_TRY(put_text(ctx, b, schemas[(data[1] >> 2) % N_SCHEMAS]));
	LH_TRY(put_text(ctx, b, "avro.codec"));
	LH_TRY(put_text(ctx, b, codecs[data[1] & 3]));
	LH_TRY(lh_buf_putc(ctx, b, 0));
	LH_TRY(lh_buf_append(ctx, b, sync_marker, 16));
	if (first > 0)
		LH_TRY(put_block(ctx, b, data[2] & 15, data + 4, first));
	return put_block(ctx, b, data[2] >> 4, data + 4 + first, size - 4 - first);
}

/* Everything that a vector points to can be read, and is in order. */
static uint64_t
check_vec(const LhVec *v, int n)
{
	uint64_t sum = 0;

	CHECK(v->n == n);
	if (v->kind == LH_VEC_CONST)
	{
		CHECK(v->type.id == LH_T_NULL && lh_vec_all_null(v));
		return 0;
	}
	CHECK(v->kind == LH_VEC_FLAT || v->kind == LH_VEC_DICT);
	CHECK(v->valid == NULL || n % 64 == 0 || (v->valid[n / 64] & ~lh_low_bits(n % 64)) == 0);
	if (v->offsets != NULL)
	{
		CHECK(v->offsets[0] == 0);
		for (int i = 0; i < n; i++)
		{
			CHECK(v->offsets[i] <= v->offsets[i + 1]);
			CHECK(!lh_vec_is_null(v, i) || v->offsets[i] == v->offsets[i + 1]);
		}
		n = (int) v->offsets[n];
	}
	CHECK(v->nchildren == v->type.nfields);
	for (int c = 0; c < v->nchildren; c++)
		sum += check_vec(&v->children[c], n);
	for (int i = 0; i < n && v->kind == LH_VEC_DICT; i++)
	{
		CHECK(v->codes[i] < v->dict->n);
		CHECK(!lh_vec_is_null(v, i) || v->codes[i] == 0);
	}
	if (v->type.lane == LH_LANE_STR && v->kind == LH_VEC_FLAT)
		for (int i = 0; i < n; i++)
		{
			const LhStr *s = (const LhStr *) v->data + i;

			for (uint32_t k = 0; k < s->len; k++)
				sum += s->ptr[k];
		}
	else if (v->kind == LH_VEC_FLAT && v->data != NULL)
		for (size_t k = 0; k < (size_t) n * lh_lane_size(v->type.lane, v->type.width); k++)
			sum += ((const uint8_t *) v->data)[k];
	return sum;
}

/* Types are trees whose leaves have lanes; children lie behind their parents. */
static void
check_nodes(const LhAvroMeta *m)
{
	CHECK(m->nnodes >= 1 && m->nnodes <= LH_AVRO_MAX_NODES);
	for (int i = 0; i < m->nnodes; i++)
	{
		const LhAvroNode *n = &m->nodes[i];
		int children = 0;

		CHECK(n->index == i && n->parent < i && (i == 0) == (n->parent < 0));
		CHECK(n->depth <= LH_AVRO_MAX_DEPTH + 1);
		CHECK(lh_type_is_nested(&n->type) ==
			  (n->type.lane == LH_LANE_NONE && n->type.id != LH_T_NULL));
		for (int c = n->first_child; c >= 0; c = m->nodes[c].next)
		{
			CHECK(c > i && c < m->nnodes && m->nodes[c].parent == i);
			CHECK(strcmp(n->type.fields[children].name, m->nodes[c].name) == 0);
			children++;
		}
		CHECK(children == n->nchildren && children == n->type.nfields);
	}
}

static bool
failed(LhCtx *ctx, LhStatus status)
{
	if (status == LH_OK)
		return false;
	CHECK(status == ctx->error->code && status != LH_BUG && ctx->error->message[0] != '\0');
	lh_error_clear(ctx);
	return true;
}

/* Rows read, -1: not to the end; text: of the first ones, one text each slot and row. */
static int64_t
read_rows(LhCtx *ctx, LhAvroReader *r, LhBuf *text)
{
	int64_t rows = 0;

	for (int b = 0; b < MAX_BATCHES; b++)
	{
		LhAvroBatch batch;

		CHECK(lh_avro_row(r) >= rows);
		if (failed(ctx, lh_avro_next(ctx, r, &batch)))
			return -1;
		CHECK(batch.n <= LH_BATCH);
		if (batch.n == 0)
			return rows;
		CHECK(lh_avro_row(r) == batch.first_row + batch.n);
		for (int s = 0; s < batch.nvecs; s++)
			check_vec(&batch.vecs[s], batch.n);
		for (int i = 0; text != NULL && i < batch.n && rows + i < MAX_SHOWN; i++)
			for (int s = 0; s < batch.nvecs && text->len < MAX_SHOWN_BYTES; s++)
			{
				CHECK(avro_show_vec(ctx, text, &batch.vecs[s], i) == LH_OK);
				CHECK(lh_buf_putc(ctx, text, '\n') == LH_OK);
			}
		rows += batch.n;
	}
	return -1;
}

/* Nodes and keys that a seed chooses; whole nodes only when keys is false. */
static int
choose(const LhAvroMeta *m, uint32_t seed, bool keys, LhAvroWant *wants)
{
	static const int32_t some_keys[MAX_KEYS] = {1, 0, 300};
	int n = (int) (seed % (MAX_WANTS + 1));

	for (int i = 0; i < n; i++)
	{
		seed = seed * 1664525 + 1013904223;
		wants[i] = (LhAvroWant){.node = (int) ((seed >> 8) % (uint32_t) m->nnodes)};
		if (keys && seed >> 30 != 0 && m->nodes[wants[i].node].type.id == LH_T_MAP)
		{
			wants[i].nkeys = 1 + (int) (seed >> 28) % MAX_KEYS;
			wants[i].keys = some_keys;
		}
	}
	return n;
}

/* The same wants, each slot's text taken from the whole row. */
static void
show_from_whole(LhCtx *ctx, LhAvroFile *file, int nwants, const LhAvroWant *wants, LhBuf *text)
{
	const LhAvroNode *nodes = lh_avro_meta(file)->nodes;
	LhAvroWant all = {0};
	LhAvroReader *r;
	LhAvroBatch batch;
	int64_t rows = 0;

	CHECK(lh_avro_reader_open(ctx, file, 1, &all, &(LhAvroOptions){MAX_BLOCK}, &r) == LH_OK);
	while (rows < MAX_SHOWN && lh_avro_next(ctx, r, &batch) == LH_OK && batch.n > 0)
	{
		for (int i = 0; i < batch.n && rows + i < MAX_SHOWN; i++)
			for (int w = 0; w < nwants && text->len < MAX_SHOWN_BYTES; w++)
			{
				int chain[LH_AVRO_MAX_DEPTH + 2];
				int n = 0;
				const LhVec *v = &batch.vecs[0];

				for (int node = wants[w].node; node > 0; node = nodes[node].parent)
					chain[n++] = node;
				while (n-- > 0)
				{
					int c = nodes[nodes[chain[n]].parent].first_child;
					int k = 0;

					for (; c != chain[n]; c = nodes[c].next)
						k++;
					v = &v->children[k];
				}
				CHECK(avro_show_vec(ctx, text, v, i) == LH_OK);
				CHECK(lh_buf_putc(ctx, text, '\n') == LH_OK);
			}
		rows += batch.n;
	}
	lh_avro_reader_close(r);
}

static void
read_file(LhCtx *ctx, LhAvroFile *file, uint32_t seed)
{
	const LhAvroOptions options = {MAX_BLOCK};
	LhAvroWant wants[MAX_WANTS], all = {0};
	LhAvroReader *r;
	LhBuf a, b;
	const LhAvroBlock *blocks;
	int64_t rows, count;
	int n;

	check_nodes(lh_avro_meta(file));
	CHECK(!failed(ctx, lh_avro_reader_open(ctx, file, 1, &all, &options, &r)));
	rows = read_rows(ctx, r, NULL);
	lh_avro_reader_close(r);
	if (rows >= 0)
	{
		CHECK(!failed(ctx, lh_avro_blocks(ctx, file, &n, &blocks)));
		CHECK(rows == (n > 0 ? blocks[n - 1].first_row + blocks[n - 1].rows : 0));
	}

	/* parts, keys of maps among them */
	n = choose(lh_avro_meta(file), seed, true, wants);
	if (!failed(ctx, lh_avro_reader_open(ctx, file, n, wants, &options, &r)))
	{
		count = read_rows(ctx, r, NULL);
		CHECK(rows < 0 || count == rows);
		lh_avro_reader_close(r);
	}

	/* whole nodes have the values that they have in the whole row */
	n = choose(lh_avro_meta(file), seed, false, wants);
	CHECK(lh_buf_init(ctx, &a, false) == LH_OK && lh_buf_init(ctx, &b, false) == LH_OK);
	if (rows > 0 && !failed(ctx, lh_avro_reader_open(ctx, file, n, wants, &options, &r)))
	{
		CHECK(read_rows(ctx, r, &a) == rows);
		lh_avro_reader_close(r);
		show_from_whole(ctx, file, n, wants, &b);
		CHECK(a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0));
	}

	/* from some row on */
	if (!failed(ctx, lh_avro_reader_open(ctx, file, 1, &all, &options, &r)))
	{
		int64_t skip = rows > 0 ? (int64_t) (seed % (uint64_t) (rows + 2)) : 3;
		bool bad = failed(ctx, lh_avro_skip_rows(ctx, r, skip));

		CHECK(rows < 0 || !bad);
		if (!bad)
		{
			count = read_rows(ctx, r, NULL);
			CHECK(rows < 0 || count == (skip < rows ? rows - skip : 0));
		}
		lh_avro_reader_close(r);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	LhCtx *ctx;
	LhAvroFile *file;
	LhBuf made;
	LhSlice bytes;

	if (size < 4)
		return 0;
	fuzz_json_begin();
	ctx = fuzz_ctx();
	CHECK(lh_buf_init(ctx, &made, false) == LH_OK);
	bytes = lh_slice(data + 1, size - 1);
	if (data[0] < 0x80)
	{
		CHECK(make(ctx, &made, data, size) == LH_OK);
		bytes = lh_slice(made.data, made.len);
	}
	if (!failed(ctx, lh_avro_open_bytes(ctx, bytes, "input", &file)))
		read_file(ctx, file, (uint32_t) (data[0] * 2654435761u + data[size - 1]));
	fuzz_ctx_done(ctx);
	fuzz_json_done();
	return 0;
}
