/*
 * meta.c
 *		Footer -> LhPqMeta.
 *
 * A footer of a wide file is megabytes of column chunks of which a query needs
 * three.  So a footer is parsed in two halves:
 *
 *	1. at open: schema, key-value metadata, and of each row group its own few
 *	   numbers; column chunks are stepped over and only their places noted;
 *	2. when a chunk is asked for (chunk.c): that chunk.
 *
 * The bytes of the footer are therefore kept with the metadata; names, bounds
 * and the like point into them or are copies where a C string is promised.
 *
 * A LhPqMeta never changes after it is made.  It lives in an arena of its own
 * and is counted: open files and the cache each hold a reference.
 *
 * Format: parquet.thrift, FileMetaData
 */
#include "parquet/meta.h"

#include <string.h>

/*
 * No column chunk is smaller: stop bytes and one field with a value.  Checked
 * so that tables with one entry a chunk stay within the allowance.
 */
#define MIN_CHUNK 4

LhStatus
lh_pq_spend(LhCtx *ctx, LhPqAllowance *allowance, size_t bytes)
{
	if (bytes > allowance->left)
		LH_FAIL(ctx, LH_LIMIT,
				"footer needs %zu bytes of memory more, found %zu left of what its size allows",
				bytes, allowance->left);
	allowance->left -= bytes;
	return LH_OK;
}

LhStatus
lh_pq_take(LhCtx *ctx, LhPqAllowance *allowance, size_t n, size_t size, void **out)
{
	if (n > LH_ALLOC_MAX / size)
		LH_FAIL(ctx, LH_LIMIT, "footer asks for %zu entries of %zu bytes", n, size);
	LH_TRY(lh_pq_spend(ctx, allowance, n * size));
	*out = lh_alloc_array(ctx, n > 0 ? n : 1, size);
	return *out != NULL ? LH_OK : ctx->error->code;
}

/* Copy text, replacing every byte that does not belong by U+FFFD. */
static LhStatus
repair(LhCtx *ctx, LhPqAllowance *allowance, LhSlice text, const char **out)
{
	static const char replacement[] = "\xef\xbf\xbd";
	void *p = NULL;
	char *to;

	LH_TRY(lh_pq_take(ctx, allowance, 3 * text.len + 1, 1, &p));
	to = p;
	while (text.len > 0)
	{
		size_t good;

		if (lh_utf8_check(text.data, text.len, &good))
			good = text.len;
		memcpy(to, text.data, good);
		to += good;
		text.data += good;
		text.len -= good;
		if (text.len == 0)
			break;
		memcpy(to, replacement, 3);
		to += 3;
		text.data++;
		text.len--;
	}
	*to = '\0';
	*out = p;
	return LH_OK;
}

LhStatus
lh_pq_text(LhCtx *ctx, LhPqAllowance *allowance, LhSlice text, const char **out)
{
	void *p = NULL;

	if (text.len > 0 && !lh_utf8_valid(text.data, text.len))
		return repair(ctx, allowance, text, out);
	LH_TRY(lh_pq_take(ctx, allowance, text.len + 1, 1, &p));
	if (text.len > 0)
		memcpy(p, text.data, text.len);
	*out = p;
	return LH_OK;
}

static LhStatus
key_value(LhCtx *ctx, LhPqAllowance *allowance, LhThrift *r, const char **pair)
{
	LhThriftField f = {0};
	LhSlice key = {0}, value = {0};
	bool has_value = false;

	while (lh_thrift_next(r, &f))
		switch (f.id)
		{
			case 1: lh_thrift_binary(r, &f, &key); break;
			case 2: has_value = lh_thrift_binary(r, &f, &value); break;
			default: lh_thrift_skip(r, f.type);
		}
	LH_TRY(lh_thrift_status(ctx, r, "footer, key-value metadata"));
	LH_TRY(lh_pq_text(ctx, allowance, key, &pair[0]));
	if (has_value)
		LH_TRY(lh_pq_text(ctx, allowance, value, &pair[1]));
	return LH_OK;
}

LhStatus
lh_pq_key_values(LhCtx *ctx, LhPqAllowance *allowance, LhThrift *r, const LhThriftField *f, int *n,
				 const char *const **out)
{
	LhThriftList list;
	const char **pairs;
	void *p = NULL;

	if (!lh_thrift_list(r, f, LH_THRIFT_STRUCT, &list))
		return LH_OK;
	LH_TRY(lh_pq_take(ctx, allowance, 2 * (size_t) list.n, sizeof(char *), &p));
	pairs = p;
	for (uint32_t i = 0; i < list.n; i++)
		LH_TRY(key_value(ctx, allowance, r, pairs + 2 * (size_t) i));
	*n = (int) list.n;
	*out = pairs;
	return LH_OK;
}

/* What is known while a footer is parsed. */
typedef struct Parse
{
	LhPqAllowance allowance;
	LhPqMeta *meta;
	LhThrift *r;
	bool has_schema;
	bool has_groups;
	LhThrift groups_at; /* the list of row groups, when it comes before the schema */
	LhThriftField groups_field;
} Parse;

static LhStatus
parse_schema(LhCtx *ctx, Parse *parse, const LhThriftField *f)
{
	LhThriftList list;

	if (parse->has_schema)
		LH_FAIL(ctx, LH_CORRUPT, "footer: expected one schema, found a second");
	if (!lh_thrift_list(parse->r, f, LH_THRIFT_STRUCT, &list))
		return LH_OK;
	parse->has_schema = true;
	return lh_pq_schema_parse(ctx, &parse->allowance, parse->r, list.n, parse->meta);
}

/* Note where each column chunk of a row group lies. */
static LhStatus
note_chunks(LhCtx *ctx, Parse *parse, int group, const LhThriftField *f, uint32_t *chunk_at)
{
	const LhPqMeta *meta = parse->meta;
	LhThrift *r = parse->r;
	LhThriftList list;

	if (!lh_thrift_list(r, f, LH_THRIFT_STRUCT, &list))
		return LH_OK;
	if (list.n != (uint32_t) meta->nleaves)
		LH_FAIL(ctx, LH_CORRUPT,
				"footer, row group %d: expected %d columns as in the schema, found %u", group,
				meta->nleaves, list.n);
	for (int i = 0; i < meta->nleaves; i++)
	{
		size_t at = lh_thrift_at(r);

		if (i % LH_PQ_POLL == 0)
			LH_TRY(lh_poll(ctx));
		chunk_at[i] = (uint32_t) at;
		lh_thrift_skip_struct(r);
		if (lh_thrift_ok(r) && lh_thrift_at(r) - at < MIN_CHUNK)
			LH_FAIL(ctx, LH_CORRUPT,
					"footer, row group %d, column %d: expected metadata, found none", group, i);
	}
	return LH_OK;
}

/* (leaf, descending, nulls first) of each sorting column; none when one of them is nonsense. */
static LhStatus
parse_sorting(LhCtx *ctx, Parse *parse, const LhThriftField *f, LhPqRowGroup *group)
{
	LhThrift *r = parse->r;
	LhThriftList list;
	bool sound = true;
	int *triple;
	void *p = NULL;

	if (!lh_thrift_list(r, f, LH_THRIFT_STRUCT, &list))
		return LH_OK;
	LH_TRY(lh_pq_take(ctx, &parse->allowance, 3 * (size_t) list.n, sizeof(int), &p));
	triple = p;
	for (uint32_t i = 0; i < list.n && lh_thrift_ok(r); i++, triple += 3)
	{
		LhThriftField inner = {0};
		int32_t column = -1;
		bool descending = false, nulls_first = false;

		while (lh_thrift_next(r, &inner))
			switch (inner.id)
			{
				case 1: lh_thrift_i32(r, &inner, &column); break;
				case 2: lh_thrift_bool(r, &inner, &descending); break;
				case 3: lh_thrift_bool(r, &inner, &nulls_first); break;
				default: lh_thrift_skip(r, inner.type);
			}
		sound = sound && column >= 0 && column < parse->meta->nleaves;
		triple[0] = column;
		triple[1] = descending;
		triple[2] = nulls_first;
	}
	group->nsorting = sound ? (int) list.n : 0;
	group->sorting = p;
	return LH_OK;
}

static LhStatus
parse_group(LhCtx *ctx, Parse *parse, int index, uint32_t *chunk_at)
{
	LhPqRowGroup *group = &parse->meta->groups[index];
	LhThrift *r = parse->r;
	LhThriftField f = {0};
	bool has_columns = false, has_rows = false;

	group->ordinal = index;
	while (lh_thrift_next(r, &f))
		switch (f.id)
		{
			case 1:
				LH_TRY(note_chunks(ctx, parse, index, &f, chunk_at));
				has_columns = true;
				break;
			case 2: lh_thrift_i64(r, &f, &group->total_byte_size); break;
			case 3: has_rows = lh_thrift_i64(r, &f, &group->num_rows); break;
			case 4: LH_TRY(parse_sorting(ctx, parse, &f, group)); break;
			case 6: lh_thrift_i64(r, &f, &group->compressed_size); break;
			case 7: lh_thrift_i16(r, &f, &group->ordinal); break;
			default: lh_thrift_skip(r, f.type);
		}
	LH_TRY(lh_thrift_status(ctx, r, "footer, row groups"));
	if (!has_rows || group->num_rows < 0)
		LH_FAIL(ctx, LH_CORRUPT, "footer, row group %d: expected a number of rows, found %s", index,
				has_rows ? "a negative one" : "none");
	if (!has_columns && parse->meta->nleaves > 0)
		LH_FAIL(ctx, LH_CORRUPT, "footer, row group %d: expected %d columns, found none", index,
				parse->meta->nleaves);
	return LH_OK;
}

static LhStatus
parse_groups(LhCtx *ctx, Parse *parse, const LhThriftField *f)
{
	LhPqMeta *meta = parse->meta;
	LhThriftList list;
	int64_t rows = 0;
	size_t nchunks;
	uint32_t *chunk_at;
	void *p = NULL;

	if (parse->has_groups)
		LH_FAIL(ctx, LH_CORRUPT, "footer: expected one list of row groups, found a second");
	if (!parse->has_schema)
	{
		parse->groups_at = *parse->r;
		parse->groups_field = *f;
		lh_thrift_skip(parse->r, f->type);
		return LH_OK;
	}
	if (!lh_thrift_list(parse->r, f, LH_THRIFT_STRUCT, &list))
		return LH_OK;
	parse->has_groups = true;
	/* cannot overflow: both below 2^31; with lies for counts it exceeds the allowance */
	nchunks = (size_t) list.n * (size_t) meta->nleaves;
	if (nchunks > meta->priv->footer_len / MIN_CHUNK)
		LH_FAIL(ctx, LH_CORRUPT,
				"footer: expected %u row groups of %d columns each, found only %zu bytes", list.n,
				meta->nleaves, meta->priv->footer_len);
	LH_TRY(lh_pq_take(ctx, &parse->allowance, list.n, sizeof(LhPqRowGroup), &p));
	meta->groups = p;
	meta->ngroups = (int) list.n;
	LH_TRY(lh_pq_take(ctx, &parse->allowance, nchunks, sizeof(uint32_t), &p));
	chunk_at = p;
	meta->priv->chunk_at = chunk_at;
	for (int i = 0; i < meta->ngroups; i++)
	{
		if (i % LH_PQ_POLL == 0)
			LH_TRY(lh_poll(ctx));
		LH_TRY(parse_group(ctx, parse, i, chunk_at + (size_t) i * (size_t) meta->nleaves));
		meta->groups[i].first_row = rows;
		if (__builtin_add_overflow(rows, meta->groups[i].num_rows, &rows))
			LH_FAIL(ctx, LH_CORRUPT, "footer, row group %d: the number of rows overflows", i);
	}
	return LH_OK;
}

/* list<ColumnOrder>: of each leaf the field of the union that is set. */
static LhStatus
parse_orders(LhCtx *ctx, Parse *parse, const LhThriftField *f)
{
	LhThrift *r = parse->r;
	LhThriftList list;
	uint8_t *orders;
	void *p = NULL;

	if (!lh_thrift_list(r, f, LH_THRIFT_STRUCT, &list))
		return LH_OK;
	LH_TRY(lh_pq_take(ctx, &parse->allowance, list.n, 1, &p));
	orders = p;
	for (uint32_t i = 0; i < list.n && lh_thrift_ok(r); i++)
	{
		LhThriftField inner = {0};

		while (lh_thrift_next(r, &inner))
		{
			if (inner.id >= LH_PQ_ORDER_TYPE && inner.id <= LH_PQ_ORDER_INT96)
				orders[i] = (uint8_t) inner.id;
			lh_thrift_skip(r, inner.type);
		}
	}
	/* orders that do not match the columns say nothing */
	if (!parse->has_schema || list.n != (uint32_t) parse->meta->nleaves)
		return LH_OK;
	parse->meta->has_column_orders = true;
	parse->meta->priv->orders = orders;
	return LH_OK;
}

static LhStatus
parse_footer(LhCtx *ctx, Parse *parse)
{
	LhPqMeta *meta = parse->meta;
	LhThrift *r = parse->r;
	LhThriftField f = {0};
	LhSlice created_by = {0};
	int32_t version = 0;

	while (lh_thrift_next(r, &f))
		switch (f.id)
		{
			case 1: lh_thrift_i32(r, &f, &version); break;
			case 2: LH_TRY(parse_schema(ctx, parse, &f)); break;
			case 4: LH_TRY(parse_groups(ctx, parse, &f)); break;
			case 5:
				LH_TRY(lh_pq_key_values(ctx, &parse->allowance, r, &f, &meta->nkv, &meta->kv));
				break;
			case 6: lh_thrift_binary(r, &f, &created_by); break;
			case 7: LH_TRY(parse_orders(ctx, parse, &f)); break;
			case 8: lh_pq_crypt_parse(r, &f, &meta->priv->crypt); break;
			case 9: lh_thrift_binary(r, &f, &meta->priv->crypt.key_metadata); break;
			default: lh_thrift_skip(r, f.type);
		}
	LH_TRY(lh_thrift_status(ctx, r, "footer"));
	meta->version = version;
	if (created_by.data != NULL)
		LH_TRY(lh_pq_text(ctx, &parse->allowance, created_by, &meta->created_by));
	if (parse->has_schema && parse->groups_at.p != NULL && !parse->has_groups)
	{
		*r = parse->groups_at;
		LH_TRY(parse_groups(ctx, parse, &parse->groups_field));
		LH_TRY(lh_thrift_status(ctx, r, "footer, row groups"));
	}
	return LH_OK;
}

static LhStatus
check_footer(LhCtx *ctx, const Parse *parse)
{
	LhPqMeta *meta = parse->meta;

	if (!parse->has_schema)
		LH_FAIL(ctx, LH_CORRUPT, "footer: expected a schema, found none");
	if (!parse->has_groups)
		LH_FAIL(ctx, LH_CORRUPT, "footer: expected a list of row groups, found none");
	/*
	 * The footer has a count of its own, which some writers leave 0.  The row
	 * groups decide: their rows are what a scan gives.
	 */
	meta->num_rows = 0;
	if (meta->ngroups > 0)
		meta->num_rows =
			meta->groups[meta->ngroups - 1].first_row + meta->groups[meta->ngroups - 1].num_rows;
	return LH_OK;
}

/* Everything is allocated in ctx->arena here. */
static LhStatus
make(LhCtx *ctx, LhArena *arena, const uint8_t *footer, size_t len, int64_t file_size,
	 LhPqMeta **out)
{
	Parse parse = {.allowance = LH_PQ_ALLOWANCE(len)};
	LhPqMeta *meta;
	LhThrift r;

	LH_NEW(ctx, meta);
	LH_NEW(ctx, meta->priv);
	meta->priv->arena = arena;
	meta->priv->refs = 1;
	meta->priv->file_size = file_size;
	meta->priv->footer = footer;
	meta->priv->footer_len = len;
	meta->footer_size = (int64_t) len;
	lh_thrift_init(&r, footer, len);
	parse.meta = meta;
	parse.r = &r;
	LH_TRY(parse_footer(ctx, &parse));
	LH_TRY(check_footer(ctx, &parse));
	LH_TRY(lh_pq_names_make(ctx, &parse.allowance, meta));
	lh_pq_calendar_mark(meta);
	*out = meta;
	return LH_OK;
}

LhStatus
lh_pq_meta_make(LhCtx *ctx, LhArena *arena, const uint8_t *footer, size_t len, int64_t file_size,
				LhPqMeta **out)
{
	LhArena *old = lh_use(ctx, arena);
	LhStatus status = make(ctx, arena, footer, len, file_size, out);

	lh_use(ctx, old);
	return status;
}

void
lh_pq_meta_ref(LhPqMeta *meta)
{
	__atomic_add_fetch(&meta->priv->refs, 1, __ATOMIC_RELAXED);
}

void
lh_pq_meta_unref(void *arg)
{
	LhPqMeta *meta = arg;

	if (__atomic_sub_fetch(&meta->priv->refs, 1, __ATOMIC_ACQ_REL) == 0)
		lh_arena_destroy(meta->priv->arena);
}

LhStatus
lh_pq_meta_parse(LhCtx *ctx, const uint8_t *footer, size_t len, int64_t file_size, LhPqMeta **out)
{
	LhArena *arena = lh_arena_child(ctx->arena);
	LhArena *old;
	uint8_t *copy;

	if ((int64_t) len > LH_PQ_MAX_FOOTER)
		LH_FAIL(ctx, LH_LIMIT, "footer of %zu bytes is above the limit of %lld", len,
				(long long) LH_PQ_MAX_FOOTER);
	if (arena == NULL)
		LH_FAIL(ctx, LH_NO_MEMORY, "out of memory for a footer of %zu bytes", len);
	old = lh_use(ctx, arena);
	copy = lh_memdup(ctx, footer, len);
	lh_use(ctx, old);
	if (copy == NULL)
		return ctx->error->code;
	return lh_pq_meta_make(ctx, arena, copy, len, file_size, out);
}
