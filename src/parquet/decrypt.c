/*
 * decrypt.c
 *		Decrypt the modules of one column chunk.
 *
 * The AAD of a module is that of its file, then
 *
 *	kind (1 byte), row group (2 bytes), column (2), of data pages: page (2)
 *
 * with little-endian ordinals, which therefore end at 32,767.  The length before
 * a module is checked against the bytes that metadata or header promise for it.
 *
 * Format: https://github.com/apache/parquet-format/blob/master/Encryption.md, 4.4 and 5.1
 */
#include "parquet/crypt.h"

#include <stdio.h>
#include <string.h>

#include "parquet/meta.h"

/* The module's part of the AAD. */
#define SUFFIX 7

static const char *const module_name[] = {
	[LH_PQ_M_FOOTER] = "footer",
	[LH_PQ_M_COLUMN] = "metadata of the column",
	[LH_PQ_M_DATA_PAGE] = "data page",
	[LH_PQ_M_DICT_PAGE] = "dictionary page",
	[LH_PQ_M_DATA_HEADER] = "header of data page",
	[LH_PQ_M_DICT_HEADER] = "header of the dictionary page",
	[LH_PQ_M_COLUMN_INDEX] = "column index",
	[LH_PQ_M_OFFSET_INDEX] = "offset index",
	[LH_PQ_M_BLOOM_HEADER] = "header of the bloom filter",
	[LH_PQ_M_BLOOM_BITS] = "bloom filter",
};

static bool
is_page(LhPqModule module)
{
	return module == LH_PQ_M_DATA_PAGE || module == LH_PQ_M_DICT_PAGE;
}

static bool
has_page(LhPqModule module)
{
	return module == LH_PQ_M_DATA_PAGE || module == LH_PQ_M_DATA_HEADER;
}

LhStatus
lh_pq_decrypt_create(LhCtx *ctx, const LhPqFile *file, int group, int leaf, const LhPqKey *key,
					 LhPqDecrypt **out)
{
	const LhPqCrypt *crypt = file->crypt;
	LhPqDecrypt *d;

	LH_NEW(ctx, d);
	d->crypt = crypt;
	d->key = key;
	d->group = file->meta->groups[group].ordinal;
	d->column = leaf;
	if (d->group < 0 || d->group > LH_PQ_MAX_ORDINAL || d->column > LH_PQ_MAX_ORDINAL)
		LH_FAIL(ctx, LH_LIMIT,
				"row group %d, column %d of an encrypted file: numbers must be from 0 to %d",
				d->group, d->column, LH_PQ_MAX_ORDINAL);
	LH_ALLOC(ctx, d->aad, crypt->aad.len + SUFFIX);
	memcpy(d->aad, crypt->aad.data, crypt->aad.len);
	LH_TRY(lh_aes_create(ctx, LH_AES_GCM, key->key, &d->gcm));
	if (crypt->ctr)
		LH_TRY(lh_aes_create(ctx, LH_AES_CTR, key->key, &d->ctr));
	LH_TRY(lh_buf_init(ctx, &d->header, true));
	*out = d;
	return LH_OK;
}

size_t
lh_pq_decrypt_extra(const LhPqDecrypt *d, LhPqModule module)
{
	return LH_PQ_SEAL_HEAD + (d->ctr != NULL && is_page(module) ? 0 : LH_AES_TAG);
}

static LhSlice
make_aad(LhPqDecrypt *d, LhPqModule module, int page)
{
	size_t len = d->crypt->aad.len;
	uint8_t *p = d->aad + len;

	p[0] = (uint8_t) module;
	p[1] = (uint8_t) d->group;
	p[2] = (uint8_t) (d->group >> 8);
	p[3] = (uint8_t) d->column;
	p[4] = (uint8_t) (d->column >> 8);
	p[5] = (uint8_t) page;
	p[6] = (uint8_t) (page >> 8);
	return lh_slice(d->aad, len + (has_page(module) ? 7 : 5));
}

/* "data page 3", "column index" */
static void
format_module(LhPqModule module, int page, char out[64])
{
	if (has_page(module))
		snprintf(out, 64, "%s %d", module_name[module], page);
	else
		snprintf(out, 64, "%s", module_name[module]);
}

static LhStatus
fail_forged(LhCtx *ctx, const LhPqDecrypt *d, LhPqModule module, int page)
{
	char what[64];

	format_module(module, page, what);
	lh_fail(ctx, LH_CORRUPT, "%s does not decrypt with key %s", what, d->key->name);
	lh_detail(ctx, "The file was changed, or it was written with another key.");
	return LH_CORRUPT;
}

LhStatus
lh_pq_decrypt(LhCtx *ctx, LhPqDecrypt *d, LhPqModule module, int page, const uint8_t *in,
			  size_t len, uint8_t *out)
{
	size_t extra = lh_pq_decrypt_extra(d, module);
	bool authentic = true;
	char what[64];

	if (len < extra || lh_load_u32(in) != len - LH_PQ_SEAL_LENGTH)
	{
		format_module(module, page, what);
		LH_FAIL(ctx, LH_CORRUPT,
				"%s is damaged: expected %zu encrypted bytes, found a length of %u", what,
				len < LH_PQ_SEAL_LENGTH ? 0 : len - LH_PQ_SEAL_LENGTH,
				len < LH_PQ_SEAL_LENGTH ? 0 : lh_load_u32(in));
	}
	if (has_page(module) && page > LH_PQ_MAX_ORDINAL)
		LH_FAIL(ctx, LH_LIMIT, "an encrypted column has at most %d pages in a row group",
				LH_PQ_MAX_ORDINAL + 1);
	if (d->ctr != NULL && is_page(module))
		LH_TRY(lh_aes_ctr(ctx, d->ctr, in + LH_PQ_SEAL_LENGTH, in + LH_PQ_SEAL_HEAD, len - extra,
						  out));
	else
		LH_TRY(lh_aes_gcm_open(ctx, d->gcm, in + LH_PQ_SEAL_LENGTH, make_aad(d, module, page),
							   in + LH_PQ_SEAL_HEAD, len - extra, in + len - LH_AES_TAG, out,
							   &authentic));
	if (!authentic)
		return fail_forged(ctx, d, module, page);
	LH_COUNT(ctx, MODULES_DECRYPTED, 1);
	return LH_OK;
}

LhStatus
lh_pq_decrypt_here(LhCtx *ctx, LhPqDecrypt *d, LhPqModule module, uint8_t *bytes, size_t len,
				   LhSlice *plain)
{
	LH_TRY(lh_pq_decrypt(ctx, d, module, 0, bytes, len, bytes + LH_PQ_SEAL_HEAD));
	*plain = lh_slice(bytes + LH_PQ_SEAL_HEAD, len - lh_pq_decrypt_extra(d, module));
	return LH_OK;
}
