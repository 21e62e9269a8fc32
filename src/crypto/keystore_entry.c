/*
 * keystore_entry.c
 *		The bytes of an entry of the key store, and of a record of erasure.
 *
 * Numbers are big-endian.  An entry:
 *
 *	offset	bytes
 *	0		4		"LHSK"
 *	4		1		version of the format: 1
 *	5		1		state: 1 active, 2 erased
 *	6		2		0
 *	8		8		id
 *	16		8		parent
 *	24		8		created
 *	32		8		erased
 *	40		4		ordinal
 *	44		4		bytes of the wrapped key
 *	48		8		number of the erasure
 *	56		32		blind index
 *	88		32		receipt of the erasure
 *	120		104		wrapped key, then zeros
 *	224		32		SHA-256 of what stands before
 *
 * A record of erasure:
 *
 *	0		4		"LHER"
 *	4		1		version of the format: 1
 *	5		3		0
 *	8		8		number, from 1
 *	16		8		id
 *	24		8		parent
 *	32		8		erased
 *	40		4		ordinal
 *	44		4		0
 *	48		32		blind index
 *	80		32		receipt of the record before
 *	112		32		receipt: SHA-256 of a label and what stands before
 *
 * There is one way to write each, and no other is read.
 */
#include "crypto/keystore.h"

#define ENTRY_SUM    224
#define RECORD_SUM   112
#define RECORD_LABEL "lakehouse erasure 1"

static void
put32(uint8_t *p, uint32_t v)
{
	v = __builtin_bswap32(v);
	memcpy(p, &v, sizeof(v));
}

static void
put64(uint8_t *p, uint64_t v)
{
	v = __builtin_bswap64(v);
	memcpy(p, &v, sizeof(v));
}

void
lh_keystore_entry_write(const LhKeyStoreEntry *e, uint8_t out[LH_KEYSTORE_ENTRY])
{
	memset(out, 0, LH_KEYSTORE_ENTRY);
	memcpy(out, "LHSK\1", 5);
	out[5] = (uint8_t) e->state;
	put64(out + 8, e->id);
	put64(out + 16, e->parent);
	put64(out + 24, (uint64_t) e->created);
	put64(out + 32, (uint64_t) e->erased);
	put32(out + 40, e->ordinal);
	put32(out + 44, e->wrapped_len);
	put64(out + 48, e->seq);
	memcpy(out + 56, e->blind, LH_SHA256);
	memcpy(out + 88, e->receipt, LH_SHA256);
	memcpy(out + 120, e->wrapped, e->wrapped_len);
	lh_sha256(lh_slice(out, ENTRY_SUM), out + ENTRY_SUM);
}

/* The fields, without a look at what they say. */
static void
fields(const uint8_t *p, LhKeyStoreEntry *e)
{
	*e = (LhKeyStoreEntry){.state = p[5],
						   .id = lh_load_be64(p + 8),
						   .parent = lh_load_be64(p + 16),
						   .created = (int64_t) lh_load_be64(p + 24),
						   .erased = (int64_t) lh_load_be64(p + 32),
						   .ordinal = lh_load_be32(p + 40),
						   .wrapped_len = lh_load_be32(p + 44),
						   .seq = lh_load_be64(p + 48)};
	memcpy(e->blind, p + 56, LH_SHA256);
	memcpy(e->receipt, p + 88, LH_SHA256);
}

static bool
is_whole(const LhKeyStoreEntry *e)
{
	if (e->wrapped_len > LH_KEYSTORE_WRAPPED)
		return false;
	if (e->state == LH_KEYSTORE_ACTIVE)
		return e->wrapped_len > 0 && e->erased == 0 && e->seq == 0;
	return e->state == LH_KEYSTORE_ERASED && e->wrapped_len == 0 && e->seq > 0;
}

LhStatus
lh_keystore_entry_read(LhCtx *ctx, LhSlice bytes, LhKeyStoreEntry *out)
{
	uint8_t sum[LH_SHA256], again[LH_KEYSTORE_ENTRY];

	if (bytes.len != LH_KEYSTORE_ENTRY)
		LH_FAIL(ctx, LH_CORRUPT, "an entry has %zu bytes, not %d", bytes.len, LH_KEYSTORE_ENTRY);
	if (memcmp(bytes.data, "LHSK", 4) != 0)
		LH_FAIL(ctx, LH_CORRUPT, "it is no entry of a key store");
	lh_sha256(lh_slice(bytes.data, ENTRY_SUM), sum);
	if (memcmp(sum, bytes.data + ENTRY_SUM, LH_SHA256) != 0)
		LH_FAIL(ctx, LH_CORRUPT, "its checksum is wrong");
	if (bytes.data[4] != 1)
		LH_FAIL(ctx, LH_UNSUPPORTED, "version %d of entries is not known", bytes.data[4]);
	fields(bytes.data, out);
	if (!is_whole(out))
		LH_FAIL(ctx, LH_CORRUPT, "its fields contradict each other");
	memcpy(out->wrapped, bytes.data + 120, out->wrapped_len);
	lh_keystore_entry_write(out, again);
	if (memcmp(again, bytes.data, LH_KEYSTORE_ENTRY) != 0)
		LH_FAIL(ctx, LH_CORRUPT, "it has bytes that mean nothing");
	return LH_OK;
}

static void
sum_record(const uint8_t *record, uint8_t out[LH_SHA256])
{
	LhSha256 hash;

	lh_sha256_begin(&hash);
	lh_sha256_add(&hash, RECORD_LABEL, sizeof(RECORD_LABEL));
	lh_sha256_add(&hash, record, RECORD_SUM);
	lh_sha256_end(&hash, out);
}

void
lh_erasure_write(LhErasure *e, uint8_t out[LH_KEYSTORE_RECORD])
{
	memset(out, 0, LH_KEYSTORE_RECORD);
	memcpy(out, "LHER\1", 5);
	put64(out + 8, e->seq);
	put64(out + 16, e->id);
	put64(out + 24, e->parent);
	put64(out + 32, (uint64_t) e->erased);
	put32(out + 40, e->ordinal);
	memcpy(out + 48, e->blind, LH_SHA256);
	memcpy(out + 80, e->before, LH_SHA256);
	sum_record(out, e->receipt);
	memcpy(out + RECORD_SUM, e->receipt, LH_SHA256);
}

LhStatus
lh_erasure_read(LhCtx *ctx, LhSlice bytes, LhErasure *out)
{
	uint8_t again[LH_KEYSTORE_RECORD];
	const uint8_t *p = bytes.data;

	if (bytes.len != LH_KEYSTORE_RECORD)
		LH_FAIL(ctx, LH_CORRUPT, "a record of erasure has %zu bytes, not %d", bytes.len,
				LH_KEYSTORE_RECORD);
	*out = (LhErasure){.seq = lh_load_be64(p + 8),
					   .id = lh_load_be64(p + 16),
					   .parent = lh_load_be64(p + 24),
					   .erased = (int64_t) lh_load_be64(p + 32),
					   .ordinal = lh_load_be32(p + 40)};
	memcpy(out->blind, p + 48, LH_SHA256);
	memcpy(out->before, p + 80, LH_SHA256);
	lh_erasure_write(out, again);
	if (memcmp(again, p, LH_KEYSTORE_RECORD) != 0)
		LH_FAIL(ctx, LH_CORRUPT, "a record of erasure is not what was written");
	return LH_OK;
}
