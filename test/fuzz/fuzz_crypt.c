/*
 * fuzz_crypt.c
 *		Encrypted files: hostile bytes before, around and inside the modules.
 *
 * Bytes that do not decrypt end at the first tag, so the target is a writer with
 * the key: it encrypts pieces of its input as the modules of a file.  Input:
 * flags (1: counter mode, 2: signed instead of encrypted footer, 4: the host has
 * no key, 8: the input is a file of keys, 16: one byte of the file is changed
 * afterwards, 32: metadata of the column is sealed), a seed (2 bytes), rows
 * (1 byte), then pieces: kind of module (1 byte; above 9 the piece is put there in
 * clear text), length (2 bytes), bytes.  Pieces of kind 0 are the footer, of kind 1
 * the column's metadata; the column is of required int64.
 */
#include "fuzz/fuzz_column_file.h"
#include "parquet/meta.h"
#include "unit/pq_seal.h"

#define KEY "0123456789abcdef"

typedef struct Places
{
	int64_t start, offset_index, column_index, bloom;
	int offset_index_length, column_index_length, bloom_length;
	LhSlice footer, column; /* clear text of the last ones; data NULL: the target's own */
} Places;

static LhStatus
give_key(void *arg, LhCtx *ctx, const LhKeyRequest *request, LhKey *key)
{
	if (request->plain)
		return LH_OK;
	if (*(const bool *) arg)
		LH_FAIL(ctx, LH_UNSUPPORTED, "no key");
	*key = (LhKey){.len = 16};
	memcpy(key->bytes, KEY, 16);
	return LH_OK;
}

static const LhHost host = {.key = give_key};

/* Clear text of the pieces to modules; indexes and filters are noted where they lie. */
static void
put_pieces(Tw *w, PqSealer *s, const uint8_t *p, size_t size, Places *at)
{
	int page = 0;

	at->start = (int64_t) w->len;
	while (size >= 3)
	{
		int kind = p[0] % 12;
		size_t len = lh_load_u16(p + 1);
		int64_t begin = (int64_t) w->len;

		p += 3;
		size -= 3;
		if (len > size)
			len = size;
		if (kind == LH_PQ_M_FOOTER)
			at->footer = lh_slice(p, len);
		else if (kind == LH_PQ_M_COLUMN)
			at->column = lh_slice(p, len);
		else if (kind > LH_PQ_M_BLOOM_BITS)
			tw_bytes(w, p, len);
		else
			pq_seal(w, s, (LhPqModule) kind, page, p, len);
		page += kind == LH_PQ_M_DATA_PAGE;
		if (kind == LH_PQ_M_OFFSET_INDEX)
		{
			at->offset_index = begin;
			at->offset_index_length = (int) ((int64_t) w->len - begin);
		}
		if (kind == LH_PQ_M_COLUMN_INDEX)
		{
			at->column_index = begin;
			at->column_index_length = (int) ((int64_t) w->len - begin);
		}
		if (kind == LH_PQ_M_BLOOM_HEADER)
			at->bloom = begin;
		p += len;
		size -= len;
	}
}

/* ColumnMetaData as the target would have it. */
static void
put_meta_data(Tw *w, const Places *at, int64_t rows, int64_t end)
{
	tw_i32(w, 1, 2);
	tw_list(w, 2, TW_I32, 1);
	tw_zigzag(w, 0);
	tw_list(w, 3, TW_BINARY, 1);
	tw_binary_item(w, "v", 1);
	tw_i32(w, 4, 0);
	tw_i64(w, 5, rows);
	tw_i64(w, 6, end - at->start);
	tw_i64(w, 7, end - at->start);
	tw_i64(w, 9, at->start);
	if (at->bloom > 0)
		tw_i64(w, 14, at->bloom);
}

static void
put_chunk(Tw *w, PqSealer *s, const Places *at, int64_t rows, int64_t end, bool sealed)
{
	Tw meta = {0}, module = {0};

	tw_open(w);
	tw_i64(w, 2, at->start);
	if (!sealed)
	{
		tw_struct(w, 3);
		put_meta_data(w, at, rows, end);
		tw_close(w);
	}
	if (at->offset_index > 0)
	{
		tw_i64(w, 4, at->offset_index);
		tw_i32(w, 5, at->offset_index_length);
	}
	if (at->column_index > 0)
	{
		tw_i64(w, 6, at->column_index);
		tw_i32(w, 7, at->column_index_length);
	}
	tw_struct(w, 8);
	tw_struct(w, 2);
	tw_list(w, 1, TW_BINARY, 1);
	tw_binary_item(w, "v", 1);
	tw_string(w, 2, "k");
	tw_close(w);
	tw_close(w);
	if (sealed)
	{
		tw_open(&meta);
		put_meta_data(&meta, at, rows, end);
		tw_close(&meta);
		pq_seal(&module, s, LH_PQ_M_COLUMN, 0, at->column.data ? at->column.data : meta.p,
				at->column.data ? at->column.len : meta.len);
		tw_binary(w, 9, module.p, module.len);
		tw_free(&meta);
		tw_free(&module);
	}
	tw_close(w);
}

static void
put_footer(Tw *w, PqSealer *s, const Places *at, int64_t rows, int64_t end, int flags)
{
	static const PqEl root = PQ_ROOT(1), leaf = PQ_LEAF("v", PQ_REQ, 2);

	tw_open(w);
	tw_i32(w, 1, 1);
	tw_list(w, 2, TW_STRUCT, 2);
	pq_write_el(w, &root);
	pq_write_el(w, &leaf);
	tw_i64(w, 3, rows);
	tw_list(w, 4, TW_STRUCT, 1);
	tw_open(w);
	tw_list(w, 1, TW_STRUCT, 1);
	put_chunk(w, s, at, rows, end, flags & 32);
	tw_i64(w, 2, end);
	tw_i64(w, 3, rows);
	tw_close(w);
	if (flags & 2)
	{
		pq_seal_algorithm(w, 8, s);
		tw_string(w, 9, "k");
	}
	tw_close(w);
}

/* The signature of a footer in clear text: nonce and tag of its module. */
static void
put_signed(Tw *w, PqSealer *s, const void *footer, size_t len)
{
	uint32_t size = (uint32_t) (len + LH_PQ_SIGNATURE);
	Tw module = {0};

	pq_seal(&module, s, LH_PQ_M_FOOTER, 0, footer, len);
	tw_bytes(w, footer, len);
	tw_bytes(w, module.p + LH_PQ_SEAL_LENGTH, LH_AES_NONCE);
	tw_bytes(w, module.p + module.len - LH_AES_TAG, LH_AES_TAG);
	tw_bytes(w, &size, 4);
	tw_bytes(w, "PAR1", 4);
	tw_free(&module);
}

static void
make_file(Tw *w, int flags, int64_t rows, const uint8_t *data, size_t size)
{
	PqSealer s = {.key = KEY, .unique = "fuzz", .ctr = flags & 1};
	Places at = {0};
	Tw footer = {0};

	tw_bytes(w, flags & 2 ? "PAR1" : "PARE", 4);
	put_pieces(w, &s, data, size, &at);
	put_footer(&footer, &s, &at, rows, (int64_t) w->len, flags);
	if (at.footer.data != NULL)
	{
		footer.len = 0;
		tw_bytes(&footer, at.footer.data, at.footer.len);
	}
	if (flags & 2)
		put_signed(w, &s, footer.p, footer.len);
	else
		pq_seal_end(w, &s, footer.p, footer.len);
	tw_free(&footer);
}

static LhStatus
ignore_page(LhCtx *ctx, void *arg, const LhPqPageInfo *page)
{
	(void) ctx;
	(void) arg;
	CHECK(page->header_size > 0 && page->compressed_size >= 0);
	return LH_OK;
}

/* All that readers ask of a file. */
static void
read_file(LhCtx *ctx, LhPqFile *file, uint32_t seed)
{
	const LhPqMeta *meta = lh_pq_meta(file);
	FuzzFile f = {.ctx = ctx};

	for (int g = 0; g < meta->ngroups && g < 4; g++)
		for (int leaf = 0; leaf < meta->nleaves && leaf < 4; leaf++)
		{
			const LhPqPageIndex *index;
			const LhPqBloom *bloom;
			LhBounds bounds;

			(void) lh_pq_bounds(ctx, file, g, leaf, &bounds);
			(void) lh_pq_page_index(ctx, file, g, leaf, &index);
			(void) lh_pq_bloom(ctx, file, g, leaf, &bloom);
			(void) lh_pq_walk_pages(ctx, file, g, leaf, ignore_page, NULL);
		}
	f.file = *file;
	if (meta->ngroups > 0 && meta->nnodes > 1 && meta->groups[0].num_rows < 5000)
		fuzz_read(&f, 1, meta->groups[0].num_rows, seed);
}

static void
parse_keys(LhCtx *ctx, const uint8_t *data, size_t size)
{
	LhKeyRequest request = {.path = "/d/f", .name = "\"k\""};
	LhKeySet *set;
	void *p;
	LhKey key;

	CHECK(lh_secret_alloc(ctx, size + 1, &p) == LH_OK);
	memcpy(p, data, size);
	if (lh_keyset_parse(ctx, "keys", p, size, &set) != LH_OK)
	{
		CHECK(ctx->error->code == LH_INVALID);
		return;
	}
	if (lh_keyset_find(ctx, set, &request, &key) == LH_OK)
		CHECK(key.len == 16 || key.len == 24 || key.len == 32);
	request.column = "c";
	request.reference = lh_slice("k", 1);
	if (lh_keyset_find(ctx, set, &request, &key) == LH_OK)
		CHECK(key.len == 16 || key.len == 24 || key.len == 32);
}

static void
open_file(LhCtx *ctx, const Tw *w, uint32_t seed)
{
	LhPqFile *file;

	if (lh_pq_open(ctx, fuzz_object(ctx, w->p, w->len), NULL, NULL, &file) == LH_OK)
		read_file(ctx, file, seed);
}

extern int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	LhBudget budget = {.limit = 64 << 20, .setting = "work_mem"};
	LhCtx *ctx = fuzz_ctx();
	LhArena *root;
	Tw w = {0};
	bool without;

	if (size < 4)
		return 0;
	without = data[0] & 4;
	root = ctx->arena;
	ctx->arena = lh_arena_create(&budget);
	ctx->host = &host;
	ctx->host_arg = &without;
	if (data[0] & 8)
		parse_keys(ctx, data + 4, size - 4);
	else
	{
		make_file(&w, data[0], data[3], data + 4, size - 4);
		if (data[0] & 16)
			w.p[lh_load_u16(data + 1) % w.len] ^= 0x10;
		open_file(ctx, &w, lh_load_u16(data + 1));
		tw_free(&w);
	}
	lh_arena_destroy(ctx->arena);
	ctx->arena = root;
	fuzz_ctx_done(ctx);
	return 0;
}
