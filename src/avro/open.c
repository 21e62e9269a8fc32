/*
 * open.c
 *		Open a container: its header.
 *
 *	1. Four bytes of magic.
 *	2. Metadata, an Avro map of bytes: blocks of a count (when negative, its
 *	   absolute value, and the block's size follows) and as many pairs, until a
 *	   count of 0.  avro.schema and avro.codec are ours, the rest the writer's.
 *	3. The sync marker that ends each block.
 *
 * How long the header is nobody says: when it does not fit into what was read,
 * more is read and it is parsed again.
 *
 * Format: https://avro.apache.org/docs/1.12.0/specification/#object-container-files
 */
#include <string.h>

#include "avro/file.h"

/* Bytes of memory that JSON takes for each of its text, roughly. */
#define JSON_FACTOR 16

const uint8_t *
lh_avro_long(const uint8_t *p, const uint8_t *end, int64_t *out)
{
	uint64_t x = 0;

	for (int i = 0; i < LH_AVRO_MAX_VARINT && p < end; i++)
	{
		uint8_t byte = *p++;

		x |= (uint64_t) (byte & 0x7f) << (7 * i);
		if (byte < 0x80)
		{
			*out = lh_unzigzag(x);
			return p;
		}
	}
	return NULL;
}

/* Where parsing stands.  short_of: the bytes end here, more may help. */
typedef struct Header
{
	const uint8_t *p;
	const uint8_t *end;
	bool short_of;
	LhBuf pairs; /* LhAvroKv, pointing into the header */
} Header;

static LhStatus
cut_off(LhCtx *ctx, LhAvroFile *file, Header *h)
{
	h->short_of = true;
	return lh_fail(ctx, LH_CORRUPT, "\"%s\": the header is cut off or damaged", file->meta.path);
}

static LhStatus
get_long(LhCtx *ctx, LhAvroFile *file, Header *h, int64_t *out)
{
	const uint8_t *p = lh_avro_long(h->p, h->end, out);

	if (p == NULL && h->end - h->p >= LH_AVRO_MAX_VARINT)
		LH_FAIL(ctx, LH_CORRUPT, "\"%s\": a number in the header does not end", file->meta.path);
	if (p == NULL)
		return cut_off(ctx, file, h);
	h->p = p;
	return LH_OK;
}

static LhStatus
get_bytes(LhCtx *ctx, LhAvroFile *file, Header *h, LhSlice *out)
{
	int64_t len = 0;

	LH_TRY(get_long(ctx, file, h, &len));
	if (len < 0 || len > LH_AVRO_MAX_HEADER)
		LH_FAIL(ctx, LH_CORRUPT, "\"%s\": a text in the header has %lld bytes", file->meta.path,
				(long long) len);
	if (len > h->end - h->p)
		return cut_off(ctx, file, h);
	*out = lh_slice(h->p, (size_t) len);
	h->p += len;
	return LH_OK;
}

/* One pair; keys and values are copied later. */
static LhStatus
get_pair(LhCtx *ctx, LhAvroFile *file, Header *h)
{
	LhSlice pair[2];

	LH_TRY(get_bytes(ctx, file, h, &pair[0]));
	LH_TRY(get_bytes(ctx, file, h, &pair[1]));
	return lh_buf_append(ctx, &h->pairs, pair, sizeof(pair));
}

static LhStatus
get_pairs(LhCtx *ctx, LhAvroFile *file, Header *h)
{
	for (;;)
	{
		int64_t count = 0, size = 0;

		LH_TRY(get_long(ctx, file, h, &count));
		if (count == 0)
			return LH_OK;
		if (count < 0)
			LH_TRY(get_long(ctx, file, h, &size));
		if (count == INT64_MIN || (count < 0 ? -count : count) > LH_AVRO_MAX_HEADER)
			LH_FAIL(ctx, LH_CORRUPT, "\"%s\": the header promises %lld entries", file->meta.path,
					(long long) count);
		for (int64_t n = count < 0 ? -count : count; n > 0; n--)
		{
			if (n % 1024 == 0)
				LH_TRY(lh_poll(ctx));
			LH_TRY(get_pair(ctx, file, h));
		}
	}
}

static LhStatus
parse(LhCtx *ctx, LhAvroFile *file, Header *h)
{
	LhSlice head = file->source.head;

	h->p = head.data;
	h->end = head.data + head.len;
	h->short_of = false;
	h->pairs.len = 0;
	if (head.len < LH_AVRO_MAGIC_SIZE || memcmp(head.data, LH_AVRO_MAGIC, LH_AVRO_MAGIC_SIZE) != 0)
		LH_FAIL(ctx, LH_CORRUPT, "\"%s\" is not an Avro file: it does not begin with \"Obj\" and 1",
				file->meta.path);
	h->p += LH_AVRO_MAGIC_SIZE;
	LH_TRY(get_pairs(ctx, file, h));
	if (h->end - h->p < LH_AVRO_SYNC_SIZE)
		return cut_off(ctx, file, h);
	memcpy(file->meta.sync, h->p, LH_AVRO_SYNC_SIZE);
	h->p += LH_AVRO_SYNC_SIZE;
	file->meta.first_block = h->p - head.data;
	return LH_OK;
}

/* Metadata with NULs behind, in ctx->arena: the header's bytes may move. */
static LhStatus
keep_pairs(LhCtx *ctx, LhAvroFile *file, const Header *h)
{
	const LhSlice *pairs = (const LhSlice *) (const void *) h->pairs.data;
	int n = (int) (h->pairs.len / (2 * sizeof(LhSlice)));
	LhAvroKv *kv;

	LH_NEW_ARRAY(ctx, kv, (size_t) n);
	for (int i = 0; i < n; i++)
	{
		const LhSlice *value = &pairs[2 * i + 1];
		const char *text;

		if ((kv[i].key = lh_strndup(ctx, (const char *) pairs[2 * i].data, pairs[2 * i].len)) ==
				NULL ||
			(text = lh_strndup(ctx, (const char *) value->data, value->len)) == NULL)
			return ctx->error->code;
		kv[i].value = lh_slice(text, value->len);
	}
	file->meta.kv = kv;
	file->meta.nkv = n;
	return LH_OK;
}

static LhStatus
read_header(LhCtx *ctx, LhAvroFile *file)
{
	Header h = {0};
	LhStatus status;

	LH_TRY(lh_buf_init(ctx, &h.pairs, false));
	for (;;)
	{
		size_t more = file->source.head.len * 4 + 4096;

		status = parse(ctx, file, &h);
		if (status == LH_OK || !h.short_of || file->source.obj == NULL ||
			(int64_t) file->source.head.len >= file->meta.size ||
			(int64_t) file->source.head.len >= LH_AVRO_MAX_HEADER)
			break;
		lh_error_clear(ctx);
		if (more > (size_t) LH_AVRO_MAX_HEADER)
			more = (size_t) LH_AVRO_MAX_HEADER;
		LH_TRY(lh_avro_source_extend(ctx, &file->source, &file->head, more));
	}
	LH_TRY(status);
	LH_TRY(keep_pairs(ctx, file, &h));
	lh_buf_free(&h.pairs);
	return LH_OK;
}

static LhStatus
choose_codec(LhCtx *ctx, LhAvroFile *file)
{
	static const char *const names[] = {"null", "deflate", "snappy", "zstandard"};
	const LhSlice *codec = lh_avro_meta_value(file, "avro.codec");

	file->meta.codec = codec == NULL || codec->len == 0 ? "null" : (const char *) codec->data;
	for (int i = 0; i < (int) (sizeof(names) / sizeof(names[0])); i++)
		if (strcmp(file->meta.codec, names[i]) == 0)
		{
			file->codec = (LhAvroCodec) i;
			return LH_OK;
		}
	LH_FAIL(ctx, LH_UNSUPPORTED,
			"\"%s\" is compressed by \"%.100s\", expected null, deflate, snappy "
			"or zstandard",
			file->meta.path, file->meta.codec);
}

/* A schema in JSON, which is the library's memory: counted by an estimate. */
typedef struct Schema
{
	json_t *json;
	LhArena *arena;
	size_t counted;
	bool floor;
} Schema;

static void
release_schema(void *arg)
{
	Schema *schema = arg;

	json_decref(schema->json);
	if (schema->counted > 0)
		lh_arena_uncount(schema->arena, schema->counted, schema->floor);
}

/* The library's own limit (JSON_PARSER_MAX_DEPTH of jansson), looked at before memory is counted for what it would refuse. */
#define JSON_DEPTH 2048

/* Is text that may be JSON nested deeper? */
static bool
too_deep(const LhSlice *text)
{
	bool quoted = false;
	int depth = 0;

	for (size_t i = 0; i < text->len; i++)
	{
		uint8_t c = text->data[i];

		if (c == '\\' && quoted)
			i++;
		else if (c == '"')
			quoted = !quoted;
		else if (quoted)
			continue;
		else if (c == '[' || c == '{')
		{
			if (++depth > JSON_DEPTH)
				return true;
		}
		else if (c == ']' || c == '}')
			depth--;
	}
	return false;
}

/* The text as JSON, which lives as long as ctx->arena. */
static LhStatus
parse_schema(LhCtx *ctx, LhAvroFile *file, const LhSlice *text, json_t **out)
{
	size_t size = text->len * JSON_FACTOR;
	json_error_t error;
	Schema *schema;

	if (too_deep(text))
		LH_FAIL(ctx, LH_CORRUPT, "\"%s\": the schema is no JSON that can be read: maximum parsing depth of %d exceeded",
				file->meta.path, JSON_DEPTH);
	LH_NEW(ctx, schema);
	schema->arena = ctx->arena;
	schema->floor = size <= LH_AVRO_FLOOR;
	LH_TRY(lh_arena_on_reset(ctx, ctx->arena, release_schema, schema));
	LH_TRY(lh_arena_count(ctx, ctx->arena, size, schema->floor));
	schema->counted = size;
	schema->json = json_loadb((const char *) text->data, text->len, JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
	if (schema->json == NULL)
		LH_FAIL(ctx, LH_CORRUPT, "\"%s\": the schema is no JSON that can be read: %s, at byte %d",
				file->meta.path, error.text, error.position);
	*out = schema->json;
	return LH_OK;
}

static LhStatus
read_schema(LhCtx *ctx, LhAvroFile *file)
{
	const LhSlice *text = lh_avro_meta_value(file, "avro.schema");
	json_t *json = NULL;
	int64_t *sizes;

	if (text == NULL)
		LH_FAIL(ctx, LH_CORRUPT, "\"%s\": the header has no avro.schema", file->meta.path);
	file->meta.schema = (const char *) text->data;
	LH_TRY(parse_schema(ctx, file, text, &json));
	LH_TRY(lh_avro_schema_build(ctx, file->meta.path, json, &file->meta));
	LH_TRY(lh_avro_min_sizes(ctx, &file->meta, &sizes));
	file->min_row = sizes[0];
	return LH_OK;
}

static LhStatus
open_source(LhCtx *ctx, LhAvroFile *file)
{
	file->meta.path = file->source.path;
	file->meta.size = file->source.size;
	LH_TRY(lh_buf_init(ctx, &file->blocks, true));
	LH_TRY(lh_avro_source_open(ctx, &file->source, &file->head));
	LH_TRY(read_header(ctx, file));
	LH_TRY(choose_codec(ctx, file));
	return read_schema(ctx, file);
}

LhStatus
lh_avro_open(LhCtx *ctx, LhObject *obj, LhAvroFile **out)
{
	const LhObjectId *id = lh_object_id(obj);
	LhAvroFile *file;

	LH_NEW(ctx, file);
	file->source = (LhAvroSource){.obj = obj, .path = id->path, .size = id->size};
	LH_TRY(open_source(ctx, file));
	*out = file;
	return LH_OK;
}

LhStatus
lh_avro_open_bytes(LhCtx *ctx, LhSlice bytes, const char *name, LhAvroFile **out)
{
	LhAvroFile *file;

	LH_NEW(ctx, file);
	if ((name = lh_strdup(ctx, name)) == NULL)
		return ctx->error->code;
	file->source = (LhAvroSource){.path = name, .size = (int64_t) bytes.len, .head = bytes};
	LH_TRY(open_source(ctx, file));
	*out = file;
	return LH_OK;
}

const LhAvroMeta *
lh_avro_meta(const LhAvroFile *file)
{
	return &file->meta;
}

const LhSlice *
lh_avro_meta_value(const LhAvroFile *file, const char *key)
{
	for (int i = 0; i < file->meta.nkv; i++)
		if (strcmp(file->meta.kv[i].key, key) == 0)
			return &file->meta.kv[i].value;
	return NULL;
}
