/*
 * meta.c
 *		Postscript, footer and stripe statistics -> LhOrcMeta.
 *
 * A file ends so:
 *
 *	statistics of encrypted columns, stripe statistics, footer		each compressed
 *	postscript					never compressed; says how long those are
 *	its length					one byte
 */
#include "orc/meta.h"

/* Fields, which may be as small as two bytes, between two questions whether to go on. */
#define POLL_FIELDS 65536

/* A stripe, a type and a node take more memory than bytes in the file. */
#define ALLOWANCE(bytes) ((LhOrcAllowance){32 * (size_t) (bytes) + ((size_t) 64 << 20)})

LhStatus
lh_orc_take(LhCtx *ctx, LhOrcAllowance *allowance, size_t n, size_t size, void **out)
{
	if (size > 0 && n > allowance->left / size)
		LH_FAIL(ctx, LH_LIMIT, "metadata would take far more memory than the file's size explains");
	allowance->left -= n * size;
	*out = lh_alloc_array(ctx, n > 0 ? n : 1, size);
	return *out != NULL ? LH_OK : ctx->error->code;
}

LhStatus
lh_orc_text(LhCtx *ctx, LhOrcAllowance *allowance, LhSlice text, const char **out)
{
	static const char replacement[3] = {(char) 0xEF, (char) 0xBF, (char) 0xBD};
	size_t bad, to = 0;
	void *mem;
	char *p;

	if (lh_utf8_check(text.data, text.len, &bad))
	{
		LH_TRY(lh_orc_take(ctx, allowance, text.len + 1, 1, &mem));
		if (text.len > 0)
			memcpy(mem, text.data, text.len);
		*out = mem;
		return LH_OK;
	}
	LH_TRY(lh_orc_take(ctx, allowance, text.len * 3 + 1, 1, &mem));
	p = mem;
	while (text.len > 0 && !lh_utf8_check(text.data, text.len, &bad))
	{
		memcpy(p + to, text.data, bad);
		memcpy(p + to + bad, replacement, 3);
		to += bad + 3;
		text = lh_slice(text.data + bad + 1, text.len - bad - 1);
	}
	if (text.len > 0)
		memcpy(p + to, text.data, text.len);
	*out = p;
	return LH_OK;
}

/*
 * Postscript
 */

static void
read_version(const LhProtoField *f, int version[2])
{
	LhProtoPacked packed;
	uint64_t v;

	/* not packed: one call a number */
	lh_proto_packed(f, &packed);
	if (packed.single)
	{
		if (version[0] < 0)
			version[0] = (int) (f->number & 0xffff);
		else
			version[1] = (int) (f->number & 0xffff);
		return;
	}
	for (int i = 0; i < 2 && lh_proto_packed_next(&packed, &v); i++)
		version[i] = (int) (v & 0xffff);
}

static void
read_postscript(LhProto *r, LhOrcPostscript *ps)
{
	LhProtoField f;
	LhSlice magic;

	ps->version[0] = ps->version[1] = -1;
	while (lh_proto_next(r, &f))
		switch (f.id)
		{
			case 1: lh_proto_i64(r, &f, &ps->footer_length); break;
			case 2: lh_proto_int(r, &f, INT32_MAX, &ps->compression); break;
			case 3: lh_proto_i64(r, &f, &ps->block_size); break;
			case 4: read_version(&f, ps->version); break;
			case 5: lh_proto_i64(r, &f, &ps->metadata_length); break;
			case 6: lh_proto_int(r, &f, INT32_MAX, &ps->writer_version); break;
			case 7: lh_proto_i64(r, &f, &ps->stats_length); break;
			case 8000:
				ps->magic = lh_proto_bytes(&f, &magic) && magic.len == 3 &&
							memcmp(magic.data, "ORC", 3) == 0;
				break;
			default: break;
		}
	for (int i = 0; i < 2; i++)
		if (ps->version[i] < 0)
			ps->version[i] = 0;
}

static bool
is_length(int64_t n, int64_t room)
{
	return n >= 0 && n <= room && n <= LH_ORC_MAX_SECTION;
}

LhStatus
lh_orc_postscript(LhCtx *ctx, const uint8_t *end, size_t len, int64_t file_size,
				  LhOrcPostscript *out)
{
	LhProto r;
	int64_t room;

	*out = (LhOrcPostscript){.block_size = LH_ORC_BLOCK_SIZE};
	if (len < 2 || end[len - 1] == 0 || (size_t) end[len - 1] + 1 > len)
		LH_FAIL(ctx, LH_CORRUPT, "expected the length of a postscript in its last byte");
	out->size = end[len - 1] + 1;
	lh_proto_init(&r, lh_slice(end + len - out->size, (size_t) out->size - 1));
	read_postscript(&r, out);
	LH_TRY(lh_proto_status(ctx, &r, "postscript"));
	room = file_size - out->size;
	if (!is_length(out->footer_length, room) || !is_length(out->metadata_length, room) ||
		!is_length(out->stats_length, room) ||
		out->footer_length + out->metadata_length + out->stats_length > room ||
		out->footer_length == 0)
		LH_FAIL(
			ctx, LH_CORRUPT,
			"postscript is damaged: expected at most %lld bytes before it, found a footer of %lld, "
			"statistics of %lld and %lld",
			(long long) room, (long long) out->footer_length, (long long) out->metadata_length,
			(long long) out->stats_length);
	out->tail = out->footer_length + out->metadata_length + out->stats_length + out->size;
	LH_TRY(lh_orc_check_compression(ctx, out->compression));
	if (out->block_size < 1 || out->block_size > LH_ORC_MAX_BLOCK_SIZE)
		LH_FAIL(ctx, LH_LIMIT,
				"compression chunks of up to %lld bytes are more than our limit of %lld",
				(long long) out->block_size, (long long) LH_ORC_MAX_BLOCK_SIZE);
	return LH_OK;
}

/*
 * Footer
 */

/* Messages of the footer that are repeated, as bytes: first counted, then kept. */
typedef struct Lists
{
	int ntypes, nstripes, nkv;
	LhSlice *types, *stripes, *kv;
	int calendar; /* 0: not said */
	LhSlice encryption;
	LhSlice software;
	bool encrypted;
} Lists;

static LhStatus
count(LhCtx *ctx, LhProto *r, Lists *lists)
{
	LhProtoField f;

	for (size_t n = 0; lh_proto_next(r, &f); n++)
	{
		if (n % POLL_FIELDS == 0)
			LH_TRY(lh_poll(ctx));
		if (f.wire != LH_PROTO_BYTES)
			continue;
		lists->nstripes += f.id == 3;
		lists->ntypes += f.id == 4;
		lists->nkv += f.id == 5;
	}
	return lh_proto_status(ctx, r, "footer");
}

static LhStatus
keep(LhCtx *ctx, LhProto *r, Lists *lists, LhOrcMeta *meta)
{
	int types = 0, stripes = 0, kv = 0;
	LhProtoField f;

	for (size_t n = 0; lh_proto_next(r, &f); n++)
	{
		if (n % POLL_FIELDS == 0)
			LH_TRY(lh_poll(ctx));
		switch (f.id)
		{
			case 3:
				if (f.wire == LH_PROTO_BYTES)
					lists->stripes[stripes++] = f.bytes;
				break;
			case 4:
				if (f.wire == LH_PROTO_BYTES)
					lists->types[types++] = f.bytes;
				break;
			case 5:
				if (f.wire == LH_PROTO_BYTES)
					lists->kv[kv++] = f.bytes;
				break;
			case 6: lh_proto_i64(r, &f, &meta->num_rows); break;
			case 8: lh_proto_int(r, &f, INT32_MAX, &meta->row_index_stride); break;
			case 9: lh_proto_int(r, &f, INT32_MAX, &meta->writer); break;
			case 10: lists->encrypted = lh_proto_bytes(&f, &lists->encryption); break;
			case 11: lh_proto_int(r, &f, INT32_MAX, &lists->calendar); break;
			case 12: lh_proto_bytes(&f, &lists->software); break;
			default: break;
		}
	}
	return lh_proto_status(ctx, r, "footer");
}

static LhStatus
read_stripe(LhCtx *ctx, const LhOrcMeta *meta, int number, LhSlice bytes, int64_t first_row,
			LhOrcStripe *s)
{
	int64_t left = meta->priv->body_end;
	LhProto r;
	LhProtoField f;

	s->first_row = first_row;
	lh_proto_init(&r, bytes);
	while (lh_proto_next(&r, &f))
		switch (f.id)
		{
			case 1: lh_proto_i64(&r, &f, &s->offset); break;
			case 2: lh_proto_i64(&r, &f, &s->index_length); break;
			case 3: lh_proto_i64(&r, &f, &s->data_length); break;
			case 4: lh_proto_i64(&r, &f, &s->footer_length); break;
			case 5: lh_proto_i64(&r, &f, &s->rows); break;
			default: break;
		}
	LH_TRY(lh_proto_status(ctx, &r, "footer, a stripe"));
	if (s->offset > left || s->index_length > left - s->offset ||
		s->data_length > left - s->offset - s->index_length ||
		s->footer_length > left - s->offset - s->index_length - s->data_length)
		LH_FAIL(
			ctx, LH_CORRUPT,
			"stripe %d reaches beyond the tail: expected at most %lld bytes, found offset %lld, index %lld, "
			"data %lld and footer %lld",
			number, (long long) left, (long long) s->offset, (long long) s->index_length,
			(long long) s->data_length, (long long) s->footer_length);
	if (s->rows > INT64_MAX - first_row)
		LH_FAIL(ctx, LH_CORRUPT, "stripe %d has %lld rows", number, (long long) s->rows);
	return LH_OK;
}

static LhStatus
read_stripes(LhCtx *ctx, LhOrcAllowance *allowance, LhOrcMeta *meta, const Lists *lists)
{
	int64_t rows = 0;
	void *mem;

	LH_TRY(lh_orc_take(ctx, allowance, (size_t) lists->nstripes, sizeof(*meta->stripes), &mem));
	meta->stripes = mem;
	for (int i = 0; i < lists->nstripes; i++)
	{
		if (i % LH_ORC_POLL == 0)
			LH_TRY(lh_poll(ctx));
		LH_TRY(read_stripe(ctx, meta, i, lists->stripes[i], rows, &meta->stripes[i]));
		rows += meta->stripes[i].rows;
	}
	meta->nstripes = lists->nstripes;
	if (meta->num_rows < 0)
		meta->num_rows = rows;
	if (rows != meta->num_rows)
		LH_FAIL(ctx, LH_CORRUPT,
				"expected %lld rows in the stripes, as the footer says, found %lld",
				(long long) meta->num_rows, (long long) rows);
	return LH_OK;
}

static LhStatus
read_kv(LhCtx *ctx, LhOrcAllowance *allowance, LhOrcMeta *meta, const Lists *lists)
{
	const char **kv;
	void *mem;

	LH_TRY(lh_orc_take(ctx, allowance, 2 * (size_t) lists->nkv, sizeof(*kv), &mem));
	kv = mem;
	for (int i = 0; i < lists->nkv; i++)
	{
		LhSlice name = {0}, value = {0};
		LhProto r;
		LhProtoField f;

		lh_proto_init(&r, lists->kv[i]);
		while (lh_proto_next(&r, &f))
		{
			if (f.id == 1)
				lh_proto_bytes(&f, &name);
			else if (f.id == 2)
				lh_proto_bytes(&f, &value);
		}
		LH_TRY(lh_proto_status(ctx, &r, "footer, user metadata"));
		LH_TRY(lh_orc_text(ctx, allowance, name, &kv[2 * i]));
		LH_TRY(lh_orc_text(ctx, allowance, value, &kv[2 * i + 1]));
		if (strncmp(kv[2 * i], "hive.acid.", 10) == 0)
			meta->acid = true;
	}
	meta->nkv = lists->nkv;
	meta->kv = kv;
	return LH_OK;
}

/* The columns a transactional table's rows are wrapped in. */
static void
find_acid(LhOrcMeta *meta)
{
	static const char *const names[] = {"operation", "originalTransaction", "bucket",
										"rowId",     "currentTransaction",  "row"};
	const LhOrcNode *root = &meta->nodes[0];
	int n = 0;

	if (root->kind != LH_ORC_STRUCT || root->nchildren != 6)
		return;
	for (int i = root->first_child; i >= 0; i = meta->nodes[i].next, n++)
		if (strcmp(meta->nodes[i].name, names[n]) != 0)
			return;
	meta->acid = true;
}

/* The roots of encryption variants: they and what is below and above cannot be read. */
static LhStatus
mark_encrypted(LhCtx *ctx, LhOrcMeta *meta, const Lists *lists)
{
	LhProto r;
	LhProtoField f;

	if (!lists->encrypted)
		return LH_OK;
	lh_proto_init(&r, lists->encryption);
	while (lh_proto_next(&r, &f))
	{
		LhProto v;
		LhProtoField g;
		int root = 0;

		if (f.id != 3 || f.wire != LH_PROTO_BYTES)
			continue;
		lh_proto_init(&v, f.bytes);
		while (lh_proto_next(&v, &g))
			if (g.id == 1)
				lh_proto_int(&v, &g, INT32_MAX, &root);
		LH_TRY(lh_proto_status(ctx, &v, "footer, encryption"));
		if (root >= meta->priv->ncolumns || meta->column_nodes[root] < 0)
			LH_FAIL(ctx, LH_CORRUPT, "footer is damaged: column %d is encrypted, but there is none",
					root);
		meta->nodes[meta->column_nodes[root]].encrypted = true;
	}
	LH_TRY(lh_proto_status(ctx, &r, "footer, encryption"));
	/* depth first: downwards in order, upwards backwards */
	for (int i = 1; i < meta->nnodes; i++)
		if (meta->nodes[meta->nodes[i].parent].encrypted)
			meta->nodes[i].encrypted = true;
	for (int i = meta->nnodes - 1; i > 0; i--)
		if (meta->nodes[i].encrypted)
			meta->nodes[meta->nodes[i].parent].encrypted = true;
	return LH_OK;
}

/*
 * Whose days before 1582 are Julian?  Java writers say so, or said nothing when
 * that was the only way.  Iceberg's writers leave Java's default in the file and
 * count days in the Gregorian calendar all the same, and its readers convert nothing.
 */
static bool
is_hybrid(const LhOrcMeta *meta, int calendar)
{
	if (meta->priv->iceberg)
		return false;
	return calendar == 1 || (calendar == 0 && meta->writer == LH_ORC_JAVA);
}

static LhStatus
read_footer(LhCtx *ctx, LhOrcAllowance *allowance, LhOrcMeta *meta, LhSlice footer)
{
	Lists lists = {0};
	LhProto r;
	void *mem;

	lh_proto_init(&r, footer);
	LH_TRY(count(ctx, &r, &lists));
	LH_TRY(lh_orc_take(ctx, allowance, (size_t) (lists.ntypes + lists.nstripes + lists.nkv),
					   sizeof(LhSlice), &mem));
	lists.types = mem;
	lists.stripes = lists.types + lists.ntypes;
	lists.kv = lists.stripes + lists.nstripes;
	meta->num_rows = -1; /* not said */
	lh_proto_init(&r, footer);
	LH_TRY(keep(ctx, &r, &lists, meta));
	LH_TRY(lh_orc_schema_make(ctx, allowance, meta, lists.ntypes, lists.types));
	LH_TRY(lh_orc_names_make(ctx, meta));
	meta->hybrid = is_hybrid(meta, lists.calendar);
	if (lists.software.len > 0)
		LH_TRY(lh_orc_text(ctx, allowance, lists.software, &meta->software));
	LH_TRY(read_stripes(ctx, allowance, meta, &lists));
	LH_TRY(read_kv(ctx, allowance, meta, &lists));
	find_acid(meta);
	return mark_encrypted(ctx, meta, &lists);
}

/* The statistics of the stripes: where each one's lie.  Fewer than stripes: none is believed. */
static LhStatus
read_stripe_stats(LhCtx *ctx, LhOrcAllowance *allowance, LhOrcMeta *meta, LhSlice section)
{
	LhOrcMetaPrivate *priv = meta->priv;
	int n = 0;
	LhProto r;
	LhProtoField f;
	void *mem;

	LH_TRY(lh_orc_take(ctx, allowance, (size_t) meta->nstripes, sizeof(LhSlice), &mem));
	priv->stripe_stats = mem;
	lh_proto_init(&r, section);
	while (n < meta->nstripes && lh_proto_next(&r, &f))
		if (f.id == 1 && f.wire == LH_PROTO_BYTES)
			priv->stripe_stats[n++] = f.bytes;
	LH_TRY(lh_proto_status(ctx, &r, "stripe statistics"));
	priv->nstats = n == meta->nstripes ? n : 0;
	return LH_OK;
}

/* Both sections, decompressed into ctx->arena. */
static LhStatus
read_sections(LhCtx *ctx, const uint8_t *tail, const LhOrcPostscript *ps, LhSlice *footer,
			  LhSlice *stats)
{
	LhBlocks *blocks;

	*footer = lh_slice(tail + ps->tail - ps->size - ps->footer_length, (size_t) ps->footer_length);
	*stats = lh_slice(footer->data - ps->metadata_length, (size_t) ps->metadata_length);
	LH_TRY(lh_blocks_create(ctx, &blocks));
	LH_TRY(lh_orc_section(ctx, blocks, ps->compression, ps->block_size, *footer, footer));
	return lh_orc_section(ctx, blocks, ps->compression, ps->block_size, *stats, stats);
}

/* Of the bytes only the statistics are kept, which are parsed when they are asked for. */
static LhStatus
keep_stats(LhCtx *ctx, LhOrcAllowance *allowance, LhOrcMeta *meta, LhSlice stats)
{
	const uint8_t *copy;

	if (stats.len == 0)
		return LH_OK;
	copy = lh_memdup(ctx, stats.data, stats.len);
	if (copy == NULL)
		return ctx->error->code;
	return read_stripe_stats(ctx, allowance, meta, lh_slice(copy, stats.len));
}

static LhStatus
make(LhCtx *ctx, const uint8_t *tail, const LhOrcPostscript *ps, const LhOrcOptions *options,
	 LhOrcMeta *meta)
{
	LhOrcAllowance allowance = ALLOWANCE(ps->tail);
	LhSlice footer = {0}, stats = {0};
	LhArena *old, *scratch = lh_arena_child(ctx->arena);
	LhStatus status;

	if (scratch == NULL)
		LH_FAIL(ctx, LH_NO_MEMORY, "out of memory");
	meta->priv->nanoseconds = options != NULL && options->nanoseconds;
	old = lh_use(ctx, scratch);
	status = read_sections(ctx, tail, ps, &footer, &stats);
	lh_use(ctx, old);
	if (status != LH_OK && status != LH_CANCELLED)
		lh_error_prefix(ctx, "footer");
	if (status == LH_OK)
		status = read_footer(ctx, &allowance, meta, footer);
	if (status == LH_OK)
		status = keep_stats(ctx, &allowance, meta, stats);
	lh_arena_destroy(scratch);
	return status;
}

LhStatus
lh_orc_meta_make(LhCtx *ctx, LhArena *arena, const uint8_t *tail, const LhOrcPostscript *ps,
				 int64_t file_size, const LhOrcOptions *options, LhOrcMeta **out)
{
	LhArena *old = lh_use(ctx, arena);
	LhOrcMeta *meta = lh_alloc0(ctx, sizeof(*meta));
	LhStatus status = LH_NO_MEMORY;

	if (meta != NULL)
		meta->priv = lh_alloc0(ctx, sizeof(*meta->priv));
	if (meta != NULL && meta->priv != NULL)
	{
		meta->priv->arena = arena;
		meta->priv->refs = 1;
		meta->priv->file_size = file_size;
		meta->priv->body_end = file_size - ps->tail;
		meta->version[0] = ps->version[0];
		meta->version[1] = ps->version[1];
		meta->writer_version = ps->writer_version;
		meta->compression = (LhOrcCompression) ps->compression;
		meta->block_size = ps->block_size;
		status = make(ctx, tail, ps, options, meta);
	}
	lh_use(ctx, old);
	*out = meta;
	return status;
}

void
lh_orc_meta_ref(LhOrcMeta *meta)
{
	__atomic_add_fetch(&meta->priv->refs, 1, __ATOMIC_RELAXED);
}

void
lh_orc_meta_unref(void *arg)
{
	LhOrcMeta *meta = arg;

	if (__atomic_sub_fetch(&meta->priv->refs, 1, __ATOMIC_ACQ_REL) == 0)
		lh_arena_destroy(meta->priv->arena);
}

LhStatus
lh_orc_meta_parse(LhCtx *ctx, const uint8_t *tail, size_t len, int64_t file_size,
				  const LhOrcOptions *options, LhOrcMeta **out)
{
	LhOrcPostscript ps;
	LhArena *arena;
	LhOrcMeta *meta;
	LhStatus status;

	LH_TRY(lh_orc_postscript(ctx, tail, len, file_size, &ps));
	if (ps.tail > (int64_t) len)
		LH_FAIL(ctx, LH_CORRUPT, "expected a tail of %lld bytes, found %zu", (long long) ps.tail,
				len);
	arena = lh_arena_create(NULL);
	if (arena == NULL)
		LH_FAIL(ctx, LH_NO_MEMORY, "out of memory for the footer");
	status = lh_orc_meta_make(ctx, arena, tail + len - ps.tail, &ps, file_size, options, &meta);
	if (status != LH_OK)
	{
		lh_arena_destroy(arena);
		return status;
	}
	LH_TRY(lh_arena_on_reset(ctx, ctx->arena, lh_orc_meta_unref, meta));
	*out = meta;
	return LH_OK;
}
