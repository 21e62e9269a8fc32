/*
 * crypt.c
 *		Modular encryption of a file: algorithm, keys, footer.
 *
 *	1. The algorithm, the parts of the AAD and the name of the footer's key stand
 *	   in clear text: before an encrypted footer (magic PARE), or in the last
 *	   fields of a footer in clear text, which is signed.
 *	2. The host is asked for the footer's key, and for the key of a column when
 *	   its metadata is first needed.  Each is asked for once a file.
 *	3. A host that has no keys at all may read the columns in clear text of a file
 *	   whose footer is; nobody verifies the signature then, as no reader that
 *	   knows nothing of encryption does.  A host with keys must have the
 *	   footer's: otherwise naming another key would turn the check off.
 *	4. Who expects a prefix gets no file that was written without, or with another.
 *	5. A file in clear text says nothing of what it was: only its reader can know
 *	   that it should be encrypted, so the host is asked.
 *
 * Format: https://github.com/apache/parquet-format/blob/master/Encryption.md
 */
#include "parquet/crypt.h"

#include <string.h>

#include "parquet/meta.h"

/* Members of the union EncryptionAlgorithm. */
#define AES_GCM_V1      1
#define AES_GCM_CTR_V1  2
/* Members of the union ColumnCryptoMetaData. */
#define WITH_FOOTER_KEY 1
#define WITH_COLUMN_KEY 2

/* Prefix and number of a file are hashed with every module: they are names, not texts. */
#define MAX_AAD ((size_t) 64 * 1024)

/*
 * Parsing
 */

/* AesGcmV1, AesGcmCtrV1 */
static void
parse_details(LhThrift *r, LhPqCryptInfo *out)
{
	LhThriftField f = {0};

	while (lh_thrift_next(r, &f))
		switch (f.id)
		{
			case 1: lh_thrift_binary(r, &f, &out->prefix); break;
			case 2: lh_thrift_binary(r, &f, &out->unique); break;
			case 3: lh_thrift_bool(r, &f, &out->supply_prefix); break;
			default: lh_thrift_skip(r, f.type);
		}
}

void
lh_pq_crypt_parse(LhThrift *r, const LhThriftField *f, LhPqCryptInfo *out)
{
	LhThriftField inner = {0};

	if (!lh_thrift_struct(r, f))
		return;
	/* a member that we do not know is an algorithm, too */
	out->algorithm = -1;
	while (lh_thrift_next(r, &inner))
	{
		out->algorithm = inner.id;
		if ((inner.id == AES_GCM_V1 || inner.id == AES_GCM_CTR_V1) && lh_thrift_struct(r, &inner))
			parse_details(r, out);
		else if (inner.id != AES_GCM_V1 && inner.id != AES_GCM_CTR_V1)
			lh_thrift_skip(r, inner.type);
	}
}

LhStatus
lh_pq_crypt_parse_file(LhCtx *ctx, LhSlice bytes, LhPqCryptInfo *out, size_t *size)
{
	LhThriftField f = {0};
	LhThrift r;

	*out = (LhPqCryptInfo){0};
	lh_thrift_init(&r, bytes.data, bytes.len);
	while (lh_thrift_next(&r, &f))
		switch (f.id)
		{
			case 1: lh_pq_crypt_parse(&r, &f, out); break;
			case 2: lh_thrift_binary(&r, &f, &out->key_metadata); break;
			default: lh_thrift_skip(&r, f.type);
		}
	LH_TRY(lh_thrift_status(ctx, &r, "encryption metadata of the footer"));
	if (out->algorithm == 0)
		LH_FAIL(ctx, LH_CORRUPT,
				"encryption metadata of the footer: expected an algorithm, found none");
	*size = lh_thrift_at(&r);
	return LH_OK;
}

void
lh_pq_crypt_parse_column(LhThrift *r, const LhThriftField *f, LhPqColumnCrypt *out)
{
	LhThriftField member = {0}, inner = {0};

	if (!lh_thrift_struct(r, f))
		return;
	while (lh_thrift_next(r, &member))
	{
		out->kind = member.id;
		if (member.id != WITH_COLUMN_KEY)
			lh_thrift_skip(r, member.type);
		else if (lh_thrift_struct(r, &member))
		{
			inner = (LhThriftField){0};
			while (lh_thrift_next(r, &inner))
			{
				if (inner.id == 2)
					lh_thrift_binary(r, &inner, &out->key_metadata);
				else
					lh_thrift_skip(r, inner.type);
			}
		}
	}
}

/*
 * Keys
 */

/* Ask the host; that it has no such key is an answer. */
static LhStatus
ask(LhCtx *ctx, const LhPqFile *file, LhPqKey *k, LhSlice *aad_prefix)
{
	LhKeyRequest request = {.path = file->path, .column = k->column};
	const LhFileKey *own = file->options.file_key;
	LhKey key;

	if (own != NULL && k->column == NULL)
	{
		k->name = "of its table";
		if (own->key.aad_prefix.len > 0)
			*aad_prefix = own->key.aad_prefix;
		return lh_key_copy(ctx, &own->key, &k->key);
	}
	LH_TRY(lh_key_reference(ctx, k->metadata, &request.reference, &k->name));
	request.name = k->name;
	k->status = lh_host_key(ctx, &request, &key);
	if (k->status == LH_OK)
	{
		LhStatus status = lh_key_copy(ctx, &key, &k->key);

		*aad_prefix = key.aad_prefix;
		lh_wipe(&key, sizeof(key));
		return status;
	}
	lh_wipe(&key, sizeof(key));
	if (k->status != LH_DENIED && k->status != LH_UNSUPPORTED)
		return k->status;
	k->why = lh_strdup(ctx, ctx->error->message);
	k->hint = lh_strdup(ctx, ctx->error->hint);
	if (k->why == NULL || k->hint == NULL)
		return ctx->error->code;
	lh_error_clear(ctx);
	return LH_OK;
}

static LhStatus
make_key(LhCtx *ctx, const LhPqFile *file, const char *column, LhSlice metadata,
		 LhSlice *aad_prefix, LhPqKey **out)
{
	LhPqKey *k;

	LH_NEW(ctx, k);
	k->column = column;
	if (metadata.len > 0)
	{
		k->metadata = lh_slice(lh_memdup(ctx, metadata.data, metadata.len), metadata.len);
		if (k->metadata.data == NULL)
			return ctx->error->code;
	}
	LH_TRY(ask(ctx, file, k, aad_prefix));
	*out = k;
	return LH_OK;
}

LhStatus
lh_pq_crypt_locked(LhCtx *ctx, const LhPqKey *key)
{
	lh_fail(ctx, key->status, "%s", key->why);
	if (key->hint[0] != '\0')
		lh_hint(ctx, "%s", key->hint);
	return key->status;
}

/* Columns of one key metadata share it; without metadata each column is asked for by itself. */
static LhPqKey *
find_key(const LhPqCrypt *crypt, const char *column, LhSlice metadata)
{
	for (LhPqKey *k = crypt->columns; k != NULL; k = k->next)
		if (k->metadata.len == metadata.len &&
			(metadata.len > 0 ? memcmp(k->metadata.data, metadata.data, metadata.len) == 0
							  : strcmp(k->column, column) == 0))
			return k;
	return NULL;
}

static LhStatus
column_key(LhCtx *ctx, LhPqFile *file, int leaf, LhSlice metadata, const LhPqKey **out)
{
	LhSlice aad_prefix;
	LhPqKey *k = NULL;
	char *column;

	LH_TRY(lh_pq_path(ctx, file->meta, file->meta->leaf_nodes[leaf], &column));
	*out = find_key(file->crypt, column, metadata);
	if (*out != NULL)
		return LH_OK;
	LH_TRY(make_key(ctx, file, column, metadata, &aad_prefix, &k));
	k->next = file->crypt->columns;
	file->crypt->columns = k;
	*out = k;
	return LH_OK;
}

/* A chunk that is said to be encrypted, and nobody says how. */
static LhStatus
no_key(LhCtx *ctx, const char *why, const LhPqKey **out)
{
	LhPqKey *k;

	LH_NEW(ctx, k);
	k->status = LH_CORRUPT;
	k->why = why;
	k->hint = "";
	*out = k;
	return LH_OK;
}

LhStatus
lh_pq_crypt_key(LhCtx *ctx, LhPqFile *file, int leaf, const LhPqColumnCrypt *column,
				const LhPqKey **out)
{
	LhArena *old = lh_use(ctx, file->arena);
	LhStatus status;

	if (file->crypt == NULL)
		status = no_key(ctx, "the column is encrypted, but the footer names no algorithm", out);
	else if (column->kind == WITH_FOOTER_KEY)
	{
		*out = file->crypt->footer;
		status = LH_OK;
	}
	else if (column->kind == WITH_COLUMN_KEY)
		status = column_key(ctx, file, leaf, column->key_metadata, out);
	else
		status = no_key(ctx, "the column is encrypted, but does not say with which key", out);
	lh_use(ctx, old);
	return status;
}

/*
 * The file
 */

/* The prefix that the file's modules are bound to, from what file and host say. */
static LhStatus
choose_prefix(LhCtx *ctx, const LhPqFile *file, const LhPqCryptInfo *info, LhSlice given,
			  LhSlice *out)
{
	*out = info->prefix;
	if (info->prefix.data == NULL && info->supply_prefix)
	{
		if (given.data == NULL)
		{
			lh_fail(ctx, LH_INVALID,
					"\"%s\" can be read only with its AAD prefix, which is not given", file->path);
			lh_hint(ctx, "Name it beside the keys: \"aad_prefix\" or \"aad_prefixes\".");
			return LH_INVALID;
		}
		*out = given;
		return LH_OK;
	}
	if (given.data == NULL)
		return LH_OK;
	if (info->prefix.data == NULL)
		LH_FAIL(ctx, LH_CORRUPT,
				"\"%s\" has no AAD prefix, but one is expected: it may be another file",
				file->path);
	if (info->prefix.len != given.len || memcmp(info->prefix.data, given.data, given.len) != 0)
		LH_FAIL(ctx, LH_CORRUPT,
				"\"%s\" has another AAD prefix than is expected: it may be another file",
				file->path);
	return LH_OK;
}

static LhStatus
make_aad(LhCtx *ctx, const LhPqFile *file, LhSlice prefix, LhSlice unique, LhSlice *out)
{
	size_t len = prefix.len + unique.len;
	uint8_t *aad;

	if (prefix.len > MAX_AAD || unique.len > MAX_AAD)
		LH_FAIL(ctx, LH_LIMIT, "AAD of \"%s\" has %zu bytes, above the limit of %zu", file->path,
				len, MAX_AAD);
	LH_ALLOC(ctx, aad, len + 1);
	if (prefix.len > 0)
		memcpy(aad, prefix.data, prefix.len);
	if (unique.len > 0)
		memcpy(aad + prefix.len, unique.data, unique.len);
	*out = lh_slice(aad, len);
	return LH_OK;
}

static LhStatus
create(LhCtx *ctx, LhPqFile *file, const LhPqCryptInfo *info)
{
	LhSlice given = {0}, prefix = {0};
	LhPqCrypt *crypt;

	if (info->algorithm != AES_GCM_V1 && info->algorithm != AES_GCM_CTR_V1)
		LH_FAIL(ctx, LH_UNSUPPORTED, "encryption algorithm %d of \"%s\" is not supported",
				info->algorithm, file->path);
	/* DuckDB's own way: also, its column chunks do not say that they are encrypted */
	if (info->unique.data == NULL)
	{
		lh_fail(ctx, LH_UNSUPPORTED,
				"\"%s\" is not encrypted as the format says: it has no number of its own",
				file->path);
		lh_detail(ctx, "Nothing binds its modules to their places. DuckDB writes such files.");
		return LH_UNSUPPORTED;
	}
	LH_NEW(ctx, crypt);
	crypt->ctr = info->algorithm == AES_GCM_CTR_V1;
	LH_TRY(make_key(ctx, file, NULL, info->key_metadata, &given, &crypt->footer));
	if (crypt->footer->key != NULL)
		LH_TRY(choose_prefix(ctx, file, info, given, &prefix));
	LH_TRY(make_aad(ctx, file, prefix, info->unique, &crypt->aad));
	file->crypt = crypt;
	return LH_OK;
}

LhStatus
lh_pq_crypt_create(LhCtx *ctx, LhPqFile *file, const LhPqCryptInfo *info)
{
	LhArena *old = lh_use(ctx, file->arena);
	LhStatus status = create(ctx, file, info);

	lh_use(ctx, old);
	return status;
}

/* The footer's key as a cipher, with the AAD of the footer; both in ctx->arena. */
static LhStatus
footer_cipher(LhCtx *ctx, const LhPqFile *file, LhAes **aes, LhSlice *aad)
{
	const LhPqCrypt *crypt = file->crypt;
	uint8_t *bytes;

	LH_ALLOC(ctx, bytes, crypt->aad.len + 1);
	memcpy(bytes, crypt->aad.data, crypt->aad.len);
	bytes[crypt->aad.len] = LH_PQ_M_FOOTER;
	*aad = lh_slice(bytes, crypt->aad.len + 1);
	return lh_aes_create(ctx, LH_AES_GCM, crypt->footer->key, aes);
}

static LhStatus
fail_footer(LhCtx *ctx, const LhPqFile *file, const char *what)
{
	lh_fail(ctx, LH_CORRUPT, "footer of \"%s\" %s with key %s", file->path, what,
			file->crypt->footer->name);
	lh_detail(ctx,
			  "The file was changed or cut, or it was written with another key or AAD prefix.");
	return LH_CORRUPT;
}

static LhStatus
open_footer(LhCtx *ctx, LhPqFile *file, uint8_t *bytes, size_t len, LhSlice *plain)
{
	const size_t extra = LH_PQ_SEAL_HEAD + LH_AES_TAG;
	LhAes *aes;
	LhSlice aad;
	bool authentic;

	if (file->crypt->footer->key == NULL)
	{
		LhStatus status = lh_pq_crypt_locked(ctx, file->crypt->footer);

		lh_error_prefix(ctx, "%s", file->path);
		return status;
	}
	if (len <= extra || lh_load_u32(bytes) != len - LH_PQ_SEAL_LENGTH)
		LH_FAIL(
			ctx, LH_CORRUPT,
			"encrypted footer of \"%s\" is damaged: its length is not that of the %zu bytes before "
			"the end of the file",
			file->path, len);
	LH_TRY(footer_cipher(ctx, file, &aes, &aad));
	LH_TRY(lh_aes_gcm_open(ctx, aes, bytes + LH_PQ_SEAL_LENGTH, aad, bytes + LH_PQ_SEAL_HEAD,
						   len - extra, bytes + len - LH_AES_TAG, bytes + LH_PQ_SEAL_HEAD,
						   &authentic));
	if (!authentic)
		return fail_footer(ctx, file, "does not decrypt");
	LH_COUNT(ctx, MODULES_DECRYPTED, 1);
	*plain = lh_slice(bytes + LH_PQ_SEAL_HEAD, len - extra);
	return LH_OK;
}

static LhStatus
verify_footer(LhCtx *ctx, LhPqFile *file, LhSlice bytes)
{
	uint8_t tag[LH_AES_TAG];
	LhAes *aes;
	LhSlice aad;
	size_t len;

	if (file->crypt->footer->key == NULL)
	{
		LhStatus status = file->crypt->footer->status;

		/* rule 3 */
		if (status == LH_UNSUPPORTED)
			return LH_OK;
		lh_pq_crypt_locked(ctx, file->crypt->footer);
		lh_error_prefix(ctx, "%s: its signature cannot be verified", file->path);
		return status;
	}
	if (bytes.len <= LH_PQ_SIGNATURE)
		LH_FAIL(ctx, LH_CORRUPT, "footer of \"%s\" is not signed", file->path);
	len = bytes.len - LH_PQ_SIGNATURE;
	LH_TRY(footer_cipher(ctx, file, &aes, &aad));
	LH_TRY(lh_aes_gcm_tag(ctx, aes, bytes.data + len, aad, lh_slice(bytes.data, len), tag));
	if (!lh_same_secret(tag, bytes.data + len + LH_AES_NONCE, LH_AES_TAG))
		return fail_footer(ctx, file, "is not signed");
	LH_COUNT(ctx, MODULES_DECRYPTED, 1);
	return LH_OK;
}

LhStatus
lh_pq_crypt_plain(LhCtx *ctx, const LhPqFile *file)
{
	LhKeyRequest request = {.path = file->path, .name = "", .plain = true};
	LhKey key;

	return lh_host_key(ctx, &request, &key);
}

/* The cipher goes when it is done. */
typedef struct Scratch
{
	LhArena *arena;
	LhArena *old;
} Scratch;

static LhStatus
begin_scratch(LhCtx *ctx, Scratch *s)
{
	s->old = ctx->arena;
	s->arena = lh_arena_child(ctx->arena);
	if (s->arena == NULL)
		LH_FAIL(ctx, LH_NO_MEMORY, "out of memory");
	lh_use(ctx, s->arena);
	return LH_OK;
}

static LhStatus
end_scratch(LhCtx *ctx, Scratch *s, LhStatus status)
{
	lh_use(ctx, s->old);
	lh_arena_destroy(s->arena);
	return status;
}

LhStatus
lh_pq_crypt_footer(LhCtx *ctx, LhPqFile *file, uint8_t *bytes, size_t len, LhSlice *plain)
{
	Scratch s;

	LH_TRY(begin_scratch(ctx, &s));
	return end_scratch(ctx, &s, open_footer(ctx, file, bytes, len, plain));
}

LhStatus
lh_pq_crypt_verify(LhCtx *ctx, LhPqFile *file, LhSlice bytes)
{
	Scratch s;

	LH_TRY(begin_scratch(ctx, &s));
	return end_scratch(ctx, &s, verify_footer(ctx, file, bytes));
}
