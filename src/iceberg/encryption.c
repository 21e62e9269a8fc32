/*
 * encryption.c
 *		Keys of encrypted tables, and the files of their metadata.
 *
 * A manifest list's key is found through two others:
 *
 *	master key		the host's, by its id (property encryption.key-id)
 *	  wraps a KEK	"encryption-keys" of the metadata file; a key service may be the only one
 *					that can unwrap it: then the host may hold the KEK itself, by its id
 *	  wraps the list's key metadata	"encryption-keys", by "key-id" of the snapshot; bound to the
 *					time at which the KEK was made (property KEY_TIMESTAMP)
 *
 * What stands in a list and its manifests is key metadata as it is, because those files are
 * encrypted themselves, as AES GCM streams.
 *
 * Format: https://iceberg.apache.org/spec/#encryption-keys,
 * https://iceberg.apache.org/gcm-stream-spec/
 */
#include "iceberg/meta.h"

#include "crypto/crypto.h"

#define TIMESTAMP_PROPERTY "KEY_TIMESTAMP"

/*
 * Base64
 */

static int
base64_digit(uint8_t c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '+' || c == '-')
		return 62;
	return c == '/' || c == '_' ? 63 : -1;
}

LhStatus
lh_ice_base64(LhCtx *ctx, LhSlice text, LhSlice *out, bool *good)
{
	uint32_t bits = 0;
	size_t n = 0, len = text.len;
	int have = 0;
	uint8_t *bytes;

	while (len > 0 && text.len - len < 2 && text.data[len - 1] == '=')
		len--;
	*good = len % 4 != 1;
	LH_ALLOC(ctx, bytes, len / 4 * 3 + 3);
	for (size_t i = 0; i < len; i++)
	{
		int d = base64_digit(text.data[i]);

		*good &= d >= 0;
		bits = bits << 6 | (uint32_t) (d & 63);
		have += 6;
		if (have >= 8)
		{
			have -= 8;
			bytes[n++] = (uint8_t) (bits >> have);
		}
	}
	*out = lh_slice(bytes, n);
	return LH_OK;
}

/*
 * Keys
 */

static const LhIceEncryptionKey *
find_key(const LhIceMetadata *m, const char *key_id)
{
	for (int i = 0; i < m->nkeys; i++)
		if (strcmp(m->keys[i].key_id, key_id) == 0)
			return &m->keys[i];
	return NULL;
}

static LhStatus
missing_key(LhCtx *ctx, const LhIceMetadata *m, const char *key_id)
{
	LH_FAIL(ctx, LH_CORRUPT, "metadata file \"%s\": field \"encryption-keys\" has no key \"%s\"",
			m->path, key_id);
}

/* The host has no keys at all, and says so as of a file's footer; its hint is right. */
static LhStatus
no_keys(LhCtx *ctx, const LhIceMetadata *m, const char *id)
{
	char *hint = lh_strdup(ctx, ctx->error->hint);
	const char *master = lh_ice_property(m, "encryption.key-id");

	if (hint == NULL)
		return ctx->error->code;
	lh_error_clear(ctx);
	lh_fail(ctx, LH_UNSUPPORTED, "the table of \"%s\" is encrypted with key \"%s\", and no keys are given", m->path,
			master != NULL ? master : id);
	lh_hint(ctx, "%s", hint);
	return LH_UNSUPPORTED;
}

/* Ask the host for a key by name; *has false: it does not have this one. */
static LhStatus
ask(LhCtx *ctx, const LhIceMetadata *m, const char *id, const LhKey **out, bool *has)
{
	LhKeyRequest request = {
		.path = m->path,
		.reference = lh_slice(id, strlen(id)),
		.name = lh_sprintf(ctx, "\"%s\"", id),
	};
	LhStatus status;
	LhKey key;

	*has = false;
	if (request.name == NULL)
		return ctx->error->code;
	status = lh_host_key(ctx, &request, &key);
	if (status == LH_OK)
	{
		status = lh_key_copy(ctx, &key, out);
		*has = status == LH_OK;
	}
	else if (status == LH_DENIED)
	{
		lh_error_clear(ctx);
		status = LH_OK;
	}
	else if (status == LH_UNSUPPORTED)
		status = no_keys(ctx, m, id);
	lh_wipe(&key, sizeof(key));
	return status;
}

/* Bytes as a key; false: they are none. */
static LhStatus
as_key(LhCtx *ctx, LhSlice bytes, const LhKey **out, bool *good)
{
	LhKey key = {.len = bytes.len};
	LhStatus status;

	*good = bytes.len == 16 || bytes.len == 24 || bytes.len == 32;
	if (!*good)
		return LH_OK;
	memcpy(key.bytes, bytes.data, bytes.len);
	status = lh_key_copy(ctx, &key, out);
	lh_wipe(&key, sizeof(key));
	return status;
}

/* The key that wraps others: the host's by its own id, else unwrapped by the host's master key. */
static LhStatus
open_kek(LhCtx *ctx, const LhIceMetadata *m, const LhIceEncryptionKey *kek, const LhKey **out)
{
	const char *master =
		kek->encrypted_by != NULL ? kek->encrypted_by : lh_ice_property(m, "encryption.key-id");
	const LhKey *key;
	bool good;
	LhSlice bytes;

	LH_TRY(ask(ctx, m, kek->key_id, out, &good));
	if (good)
		return LH_OK;
	if (master == NULL)
		LH_FAIL(ctx, LH_CORRUPT, "metadata file \"%s\": nothing says which key encrypts key \"%s\"",
				m->path, kek->key_id);
	LH_TRY(ask(ctx, m, master, &key, &good));
	if (!good)
	{
		lh_fail(ctx, LH_DENIED,
				"the table of \"%s\" is encrypted with key \"%s\", which is not among the keys",
				m->path, master);
		lh_hint(
			ctx,
			"If only a key service has it, let that unwrap key \"%s\" of the table, and add that.",
			kek->key_id);
		return LH_DENIED;
	}
	LH_TRY(lh_key_unwrap(ctx, key, kek->encrypted, (LhSlice){0}, &bytes, &good));
	if (!good)
	{
		lh_fail(ctx, LH_DENIED, "key \"%s\" does not unwrap key \"%s\" of \"%s\"", master,
				kek->key_id, m->path);
		lh_detail(ctx, "It is another key, or a key service wraps keys in its own way.");
		lh_hint(ctx, "Let the key service unwrap key \"%s\", and add that to the keys.",
				kek->key_id);
		return LH_DENIED;
	}
	LH_TRY(as_key(ctx, bytes, out, &good));
	if (!good)
		LH_FAIL(ctx, LH_CORRUPT, "metadata file \"%s\": key \"%s\" has %zu bytes", m->path,
				kek->key_id, bytes.len);
	return LH_OK;
}

static LhStatus
list_key(LhCtx *ctx, const LhIceMetadata *m, const LhIceSnapshot *snapshot, const LhFileKey **out)
{
	const LhIceEncryptionKey *wrapped = find_key(m, snapshot->key_id), *kek;
	LhSlice aad = {0}, bytes;
	const LhKey *key;
	bool good;

	if (wrapped == NULL)
		return missing_key(ctx, m, snapshot->key_id);
	if (wrapped->encrypted_by == NULL)
		LH_FAIL(ctx, LH_CORRUPT,
				"metadata file \"%s\": key \"%s\" does not say which key encrypts it", m->path,
				wrapped->key_id);
	kek = find_key(m, wrapped->encrypted_by);
	if (kek == NULL)
		return missing_key(ctx, m, wrapped->encrypted_by);
	for (int i = 0; i < kek->nproperties; i++)
		if (strcmp(kek->properties[2 * i], TIMESTAMP_PROPERTY) == 0)
			aad = lh_slice(kek->properties[2 * i + 1], strlen(kek->properties[2 * i + 1]));
	LH_TRY(open_kek(ctx, m, kek, &key));
	LH_TRY(lh_key_unwrap(ctx, key, wrapped->encrypted, aad, &bytes, &good));
	if (!good)
		LH_FAIL(
			ctx, LH_CORRUPT,
			"metadata file \"%s\": key \"%s\" was not encrypted by key \"%s\", or its time was changed",
			m->path, wrapped->key_id, kek->key_id);
	return lh_file_key_parse(ctx, snapshot->manifest_list, bytes, out);
}

/*
 * Files
 */

/* The whole file, decrypted, in ctx->arena. */
static LhStatus
decrypt(LhCtx *ctx, LhObject *object, const LhFileKey *key, LhSlice *out)
{
	const LhObjectId *id = lh_object_id(object);
	LhBuf file, text;

	if (id->size > LH_ICE_METADATA_MAX)
		LH_FAIL(ctx, LH_LIMIT, "encrypted file \"%s\" has %lld bytes, more than %lld", id->path,
				(long long) id->size, (long long) LH_ICE_METADATA_MAX);
	LH_TRY(lh_buf_init(ctx, &file, true));
	LH_TRY(lh_buf_init(ctx, &text, true));
	LH_TRY(lh_buf_fit(ctx, &file, (size_t) id->size));
	LH_TRY(lh_object_read(ctx, object, 0, (size_t) id->size, file.data));
	LH_TRY(lh_gcm_stream_open(ctx, id->path, lh_slice(file.data, (size_t) id->size), key, &text));
	lh_buf_free(&file);
	*out = lh_slice(text.data, text.len);
	return LH_OK;
}

LhStatus
lh_ice_decrypt_list(LhCtx *ctx, const LhIceMetadata *m, const LhIceSnapshot *snapshot,
					LhObject *object, LhSlice *out)
{
	const LhFileKey *key;

	LH_TRY(list_key(ctx, m, snapshot, &key));
	return decrypt(ctx, object, key, out);
}

LhStatus
lh_ice_decrypt(LhCtx *ctx, LhObject *object, LhSlice key_metadata, LhSlice *out)
{
	const LhFileKey *key;

	LH_TRY(lh_file_key_parse(ctx, lh_object_id(object)->path, key_metadata, &key));
	return decrypt(ctx, object, key, out);
}
