/*
 * filekey.c
 *		A key of one file, as an encrypted table keeps it.
 *
 * Iceberg calls this standard key metadata:
 *
 *	1 byte		version, 1
 *	Avro		encryption_key bytes, aad_prefix [null, bytes], file_length [null, long]
 *
 * It lies in manifests and manifest lists, which are encrypted themselves, and for a
 * manifest list in the table's metadata file, wrapped: nonce, ciphertext, tag of AES
 * GCM.
 *
 * Format: StandardKeyMetadata of Iceberg's Java library, which the specification leaves to it
 */
#include "crypto/crypto.h"

#define VERSION 1

typedef struct Reader
{
	const uint8_t *p, *end;
	bool bad;
} Reader;

static int64_t
take_long(Reader *r)
{
	uint64_t v = 0;

	for (int shift = 0; shift < 64; shift += 7)
	{
		uint8_t byte;

		if (r->p == r->end)
			break;
		byte = *r->p++;
		v |= (uint64_t) (byte & 0x7f) << shift;
		if (byte < 0x80)
			return (int64_t) (v >> 1) ^ -(int64_t) (v & 1);
	}
	r->bad = true;
	return 0;
}

static LhSlice
take_bytes(Reader *r)
{
	int64_t n = take_long(r);
	LhSlice out;

	if (n < 0 || n > r->end - r->p)
	{
		r->bad = true;
		return (LhSlice){0};
	}
	out = lh_slice(r->p, (size_t) n);
	r->p += n;
	return out;
}

/* Of [null, T]: is there a T? */
static bool
take_optional(Reader *r)
{
	int64_t branch = take_long(r);

	r->bad |= branch != 0 && branch != 1;
	return branch == 1;
}

bool
lh_file_key_is(LhSlice metadata)
{
	return metadata.len > 0 && metadata.data[0] == VERSION;
}

LhStatus
lh_file_key_parse(LhCtx *ctx, const char *where, LhSlice metadata, const LhFileKey **out)
{
	Reader r = {0};
	LhSlice key, prefix = {0};
	int64_t length = -1;
	LhFileKey *k;
	uint8_t *copy;
	void *memory;

	if (!lh_file_key_is(metadata))
		LH_FAIL(ctx, LH_UNSUPPORTED,
				"the key metadata of \"%s\" is not Iceberg's standard key metadata", where);
	r.p = metadata.data + 1;
	r.end = metadata.data + metadata.len;
	key = take_bytes(&r);
	if (!r.bad && take_optional(&r))
		prefix = take_bytes(&r);
	if (!r.bad && take_optional(&r))
		length = take_long(&r);
	if (r.bad || r.p != r.end || length < -1 || (key.len != 16 && key.len != 24 && key.len != 32))
		LH_FAIL(ctx, LH_CORRUPT, "the key metadata of \"%s\" is damaged", where);
	LH_TRY(lh_secret_alloc(ctx, sizeof(*k) + prefix.len, &memory));
	k = memory;
	copy = (uint8_t *) (k + 1);
	k->length = length;
	k->key.len = key.len;
	memcpy(k->key.bytes, key.data, key.len);
	if (prefix.len > 0)
		memcpy(copy, prefix.data, prefix.len);
	k->key.aad_prefix = lh_slice(copy, prefix.len);
	*out = k;
	return LH_OK;
}

LhStatus
lh_key_unwrap(LhCtx *ctx, const LhKey *key, LhSlice wrapped, LhSlice aad, LhSlice *out,
			  bool *authentic)
{
	size_t n;
	void *memory;
	LhAes *aes;

	*authentic = false;
	*out = (LhSlice){0};
	if (wrapped.len < LH_AES_NONCE + LH_AES_TAG)
		return LH_OK;
	n = wrapped.len - LH_AES_NONCE - LH_AES_TAG;
	LH_TRY(lh_secret_alloc(ctx, n, &memory));
	LH_TRY(lh_aes_create(ctx, LH_AES_GCM, key, &aes));
	LH_TRY(lh_aes_gcm_open(ctx, aes, wrapped.data, aad, wrapped.data + LH_AES_NONCE, n,
						   wrapped.data + LH_AES_NONCE + n, memory, authentic));
	*out = lh_slice(memory, n);
	return LH_OK;
}
