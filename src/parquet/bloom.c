/*
 * bloom.c
 *		Split-block bloom filters.
 *
 * A filter is an array of blocks of 8 words of 32 bits.  The upper half of a
 * value's hash chooses the block, the lower half times eight constants one bit
 * in each word; the value is absent when one of them is not set.
 *
 * The hash is XXH64 of the value's PLAIN bytes in its *physical* type: a date is
 * hashed as 4 bytes, a decimal as its column stores it.  Where PostgreSQL calls
 * values equal that have different bytes (zeros of floats) all are asked for;
 * where they cannot be listed (NaN, intervals, decimals in BYTE_ARRAY) the
 * answer is "may be".
 *
 * Like page indexes, a filter that is damaged or of another kind counts as
 * absent, and so does one that the memory budget has no room for.
 *
 * Format: https://parquet.apache.org/docs/file-format/bloomfilter/
 */
#include <math.h>
#include <string.h>

#include "core/hash.h"
#include "parquet/indexes.h"

#define BLOCK_WORDS  8
#define BLOCK_SIZE   32
/* parquet-java writes no larger ones. */
#define MAX_BITS     (INT32_C(128) << 20)
/* Enough for a header, when the file does not say how long header and bits are. */
#define HEADER_GUESS 1024
/* Longer headers are damage. */
#define MAX_HEADER   4096

struct LhPqBloom
{
	uint32_t nblocks;
	const uint8_t *blocks;
};

typedef struct Header
{
	int32_t nbytes;
	int algorithm, hash, compression; /* fields of the unions; 1 is the one we know, 0 none */
} Header;

static int
parse_union(LhThrift *r, const LhThriftField *f)
{
	LhThriftField inner = {0};
	int id = 0;

	if (!lh_thrift_struct(r, f))
		return 0;
	while (lh_thrift_next(r, &inner))
	{
		id = inner.id;
		lh_thrift_skip(r, inner.type);
	}
	return id;
}

static void
parse_header(LhThrift *r, Header *h)
{
	LhThriftField f = {0};

	while (lh_thrift_next(r, &f))
		switch (f.id)
		{
			case 1: lh_thrift_i32(r, &f, &h->nbytes); break;
			case 2: h->algorithm = parse_union(r, &f); break;
			case 3: h->hash = parse_union(r, &f); break;
			case 4: h->compression = parse_union(r, &f); break;
			default: lh_thrift_skip(r, f.type);
		}
}

LhStatus
lh_pq_bloom_parse(LhCtx *ctx, const uint8_t *p, size_t len, size_t *need, LhPqBloom **out)
{
	Header h = {0};
	LhThrift r;
	size_t whole;

	*out = NULL;
	*need = 0;
	lh_thrift_init(&r, p, len < MAX_HEADER ? len : MAX_HEADER);
	parse_header(&r, &h);
	if (!lh_thrift_ok(&r) || h.algorithm != 1 || h.hash != 1 || h.compression != 1)
		return LH_OK;
	if (h.nbytes < BLOCK_SIZE || h.nbytes > MAX_BITS || h.nbytes % BLOCK_SIZE != 0)
		return LH_OK;
	whole = lh_thrift_at(&r) + (size_t) h.nbytes;
	*need = whole;
	if (whole > len)
		return LH_OK;
	LH_NEW(ctx, *out);
	(*out)->nblocks = (uint32_t) h.nbytes / BLOCK_SIZE;
	(*out)->blocks = p + lh_thrift_at(&r);
	return LH_OK;
}

/* Would so many bytes more stay within the budget? */
static bool
has_room(LhCtx *ctx, size_t bytes)
{
	const LhBudget *budget = lh_arena_budget(ctx->arena);
	size_t used = budget == NULL ? 0 : __atomic_load_n(&budget->used, __ATOMIC_RELAXED);

	return budget == NULL || budget->limit == 0 ||
		   (used < budget->limit && bytes <= budget->limit - used);
}

/* Bytes at the filter's place in ctx->arena; *out NULL when there is no room for them. */
static LhStatus
read_bytes(LhCtx *ctx, LhPqFile *file, int64_t offset, int64_t len, uint8_t **out)
{
	*out = NULL;
	if (!has_room(ctx, (size_t) len))
		return LH_OK;
	LH_ALLOC(ctx, *out, (size_t) len);
	return lh_object_read(ctx, file->obj, offset, (size_t) len, *out);
}

/* A filter that begins at chunk->bloom_offset; everything goes to ctx->arena. */
static LhStatus
make_bloom(LhCtx *ctx, LhPqFile *file, const LhPqChunk *chunk, LhPqBloom **out)
{
	int64_t offset = chunk->bloom_offset;
	int64_t room = lh_pq_data_end(file->meta) - offset;
	int64_t len = chunk->bloom_length;
	size_t need;
	uint8_t *bytes;

	*out = NULL;
	if (offset < LH_PQ_MAGIC_SIZE || room <= 0)
		return LH_OK;
	if (len <= 0 || len > (int64_t) MAX_BITS + MAX_HEADER)
		len = HEADER_GUESS;
	LH_TRY(read_bytes(ctx, file, offset, len < room ? len : room, &bytes));
	if (bytes == NULL)
		return LH_OK;
	len = len < room ? len : room;
	LH_TRY(lh_pq_bloom_parse(ctx, bytes, (size_t) len, &need, out));
	if (*out != NULL || need <= (size_t) len || (int64_t) need > room)
		return LH_OK;
	LH_TRY(read_bytes(ctx, file, offset, (int64_t) need, &bytes));
	if (bytes == NULL)
		return LH_OK;
	return lh_pq_bloom_parse(ctx, bytes, need, &need, out);
}

/* Bytes of the two modules that begin here, as far as these bytes tell; LH_CORRUPT for nonsense. */
static LhStatus
sealed_size(LhCtx *ctx, const uint8_t *p, int64_t len, int64_t *header, int64_t *whole)
{
	const int64_t most = LH_PQ_SEAL_HEAD + LH_AES_TAG;

	*header = *whole = LH_PQ_SEAL_LENGTH;
	if (len < *whole)
		return LH_OK;
	*header += lh_load_u32(p);
	*whole = *header + LH_PQ_SEAL_LENGTH;
	if (*header > MAX_HEADER + most)
		LH_FAIL(ctx, LH_CORRUPT, "encrypted header of the bloom filter has %lld bytes", (long long) *header);
	if (len < *whole)
		return LH_OK;
	*whole += lh_load_u32(p + *header);
	if (*whole > *header + MAX_BITS + most)
		LH_FAIL(ctx, LH_CORRUPT, "encrypted bloom filter has %lld bytes", (long long) *whole);
	return LH_OK;
}

/* Decrypt both modules so that the bits lie behind their header. */
static LhStatus
open_sealed(LhCtx *ctx, LhPqDecrypt *d, uint8_t *bytes, size_t header, size_t whole, LhPqBloom **out)
{
	LhSlice head = {0}, bits = {0};
	size_t need;
	uint8_t *both;

	LH_TRY(lh_pq_decrypt_here(ctx, d, LH_PQ_M_BLOOM_HEADER, bytes, header, &head));
	LH_TRY(lh_pq_decrypt_here(ctx, d, LH_PQ_M_BLOOM_BITS, bytes + header, whole - header, &bits));
	both = (uint8_t *) bits.data - head.len;
	memmove(both, head.data, head.len);
	return lh_pq_bloom_parse(ctx, both, head.len + bits.len, &need, out);
}

/*
 * As make_bloom, of an encrypted chunk: header and bits are two modules.  When
 * the file does not say how long they are, their own lengths do, step by step.
 */
static LhStatus
make_sealed(LhCtx *ctx, LhPqFile *file, int group, int leaf, const LhPqChunk *chunk, LhPqBloom **out)
{
	int64_t offset = chunk->bloom_offset;
	int64_t room = lh_pq_data_end(file->meta) - offset;
	int64_t len = chunk->bloom_length, header, whole;
	uint8_t *bytes;
	LhPqDecrypt *d;

	*out = NULL;
	if (offset < LH_PQ_MAGIC_SIZE || room <= 0)
		return LH_OK;
	if (len <= 0 || len > (int64_t) MAX_BITS + MAX_HEADER)
		len = HEADER_GUESS;
	for (;;)
	{
		len = len < room ? len : room;
		LH_TRY(read_bytes(ctx, file, offset, len, &bytes));
		if (bytes == NULL)
			return LH_OK;
		LH_TRY(sealed_size(ctx, bytes, len, &header, &whole));
		if (whole <= len)
			break;
		if (len == room)
			LH_FAIL(ctx, LH_CORRUPT, "encrypted bloom filter reaches beyond the end of the data");
		len = whole;
	}
	LH_TRY(lh_pq_decrypt_create(ctx, file, group, leaf, chunk->key, &d));
	return open_sealed(ctx, d, bytes, (size_t) header, (size_t) whole, out);
}

LhStatus
lh_pq_bloom(LhCtx *ctx, LhPqFile *file, int group, int leaf, const LhPqBloom **out)
{
	const LhPqChunk *chunk;
	LhPqFileIndex *e;
	LhPqBloom *bloom;
	LhArena *old;
	LhStatus status;

	*out = NULL;
	LH_TRY(lh_pq_chunk(ctx, file, group, leaf, &chunk));
	if (chunk->bloom_offset < 0 || chunk->locked || chunk->file_path != NULL)
		return LH_OK;
	LH_TRY(lh_pq_index_entry(ctx, file, group, leaf, &e));
	if (!e->bloom_read)
	{
		old = lh_use(ctx, file->arena);
		status = chunk->key != NULL ? make_sealed(ctx, file, group, leaf, chunk, &bloom)
									: make_bloom(ctx, file, chunk, &bloom);
		lh_use(ctx, old);
		LH_TRY(status);
		e->bloom = bloom;
		e->bloom_read = true;
	}
	*out = e->bloom;
	return LH_OK;
}

/* May a value with these PLAIN bytes be in the filter? */
static bool
holds(const LhPqBloom *bloom, const void *bytes, size_t len)
{
	static const uint32_t salt[BLOCK_WORDS] = {0x47b6137b, 0x44974d91, 0x8824ad5b, 0xa2b7289d,
											   0x705495c7, 0x2df1424b, 0x9efc4947, 0x5c6bfb31};
	uint64_t hash = lh_xxh64(bytes, len);
	uint64_t block = ((hash >> 32) * bloom->nblocks) >> 32;
	const uint8_t *words = bloom->blocks + block * BLOCK_SIZE;

	for (int i = 0; i < BLOCK_WORDS; i++)
	{
		uint32_t bit = ((uint32_t) hash * salt[i]) >> 27;

		if (((lh_load_u32(words + 4 * i) >> bit) & 1) == 0)
			return false;
	}
	return true;
}

/* Integers, as INT32 or INT64; a value that the column cannot hold is absent. */
static bool
holds_integer(const LhPqBloom *bloom, const LhPqNode *node, LhI128 v, bool is_unsigned)
{
	int64_t wide = (int64_t) v;
	int32_t narrow = (int32_t) wide;

	if (node->physical == LH_PQ_INT32)
	{
		if (is_unsigned ? v < 0 || v > UINT32_MAX : v < INT32_MIN || v > INT32_MAX)
			return false;
		return holds(bloom, &narrow, sizeof(narrow));
	}
	if (is_unsigned ? v < 0 || v > UINT64_MAX : v < INT64_MIN || v > INT64_MAX)
		return false;
	return holds(bloom, &wide, sizeof(wide));
}

/* Decimals in FIXED_LEN_BYTE_ARRAY: big-endian, sign-extended to the width. */
static bool
holds_fixed_decimal(const LhPqBloom *bloom, const LhPqNode *node, LhI128 v)
{
	uint8_t bytes[64];
	size_t width = (size_t) node->type_length;

	if (width > sizeof(bytes))
		return true;
	for (size_t i = width; i-- > 0; v >>= 8)
		bytes[i] = (uint8_t) v;
	/* what is left must be sign only, and the sign that was written */
	if (v != (width > 0 && (bytes[0] & 0x80) ? -1 : 0))
		return false;
	return holds(bloom, bytes, width);
}

/* Exact halves only; others cannot be in the column. */
static bool
holds_half(const LhPqBloom *bloom, double v)
{
	int exponent;
	double m = frexp(fabs(v), &exponent); /* v = m * 2^exponent, m in [1/2, 1) */
	uint16_t sign = signbit(v) ? 0x8000 : 0;
	uint16_t h;
	double bits;

	if (v == 0)
		h = 0;
	else if (isinf(v))
		h = 0x7c00;
	else if (exponent > 16)
		return false;
	else if (exponent >= -13)
	{
		bits = ldexp(m, 11); /* 1024..2047 when exact */
		if (bits != floor(bits))
			return false;
		h = (uint16_t) (((exponent + 14) << 10) + ((int) bits - 1024));
	}
	else
	{
		bits = ldexp(fabs(v), 24);
		if (bits != floor(bits))
			return false;
		h = (uint16_t) bits;
	}
	h |= sign;
	return holds(bloom, &h, sizeof(h));
}

static bool
holds_float(const LhPqBloom *bloom, const LhPqNode *node, double v)
{
	float f = (float) v;

	if (node->physical == LH_PQ_DOUBLE)
		return holds(bloom, &v, sizeof(v));
	if (node->physical == LH_PQ_FLOAT)
		return (double) f == v && holds(bloom, &f, sizeof(f));
	return holds_half(bloom, v);
}

/* Is the value in the leaf's very type, so that its bytes are those of the column? */
static bool
same_type(const LhType *a, const LhType *b)
{
	return a->id == b->id && a->lane == b->lane && a->unit == b->unit && a->scale == b->scale &&
		   a->int96 == b->int96;
}

bool
lh_pq_bloom_may_hold(const LhPqBloom *bloom, const LhPqNode *node, const LhValue *value)
{
	const LhType *t = &value->type;

	/* the filter knows values as they are in the file: two Julian days may have become one */
	if (bloom == NULL || value->null || !same_type(t, lh_pq_value_type(node)) || node->hybrid)
		return true;
	switch (t->id)
	{
		case LH_T_INT8:
		case LH_T_INT16:
		case LH_T_INT32:
		case LH_T_INT64:
		case LH_T_DATE:
		case LH_T_TIME: return holds_integer(bloom, node, value->i64, false);
		case LH_T_UINT8:
		case LH_T_UINT16:
		case LH_T_UINT32: return holds_integer(bloom, node, value->i64, true);
		case LH_T_UINT64: return holds_integer(bloom, node, value->i128, true);
		case LH_T_TIMESTAMP: return t->int96 || holds_integer(bloom, node, value->i64, false);
		case LH_T_DECIMAL:
			if (node->physical == LH_PQ_BYTE_ARRAY || t->lane == LH_LANE_STR)
				return true;
			if (node->physical == LH_PQ_FLBA)
				return holds_fixed_decimal(bloom, node,
										   t->lane == LH_LANE_I128 ? value->i128 : value->i64);
			return holds_integer(bloom, node, value->i64, false);
		case LH_T_FLOAT16:
		case LH_T_FLOAT:
		case LH_T_DOUBLE:
			if (isnan(value->f64))
				return true;
			if (value->f64 == 0)
				return holds_float(bloom, node, 0.0) || holds_float(bloom, node, -0.0);
			return holds_float(bloom, node, value->f64);
		case LH_T_STRING:
		case LH_T_ENUM:
		case LH_T_JSON:
		case LH_T_BSON:
		case LH_T_BINARY: return holds(bloom, value->str.ptr, value->str.len);
		case LH_T_FIXED:
		case LH_T_UUID:
			return value->str.len == (uint32_t) node->type_length &&
				   holds(bloom, value->str.ptr, value->str.len);
		default: return true;
	}
}
