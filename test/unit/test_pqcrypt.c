/*
 * test_pqcrypt.c
 *		Modular encryption: what was encrypted reads as what was not; whatever is
 *		changed, moved or exchanged is noticed; who has no key reads the rest.
 *
 * The files are test/fixtures/encrypted: one table, in clear text (plain) and
 * encrypted in several ways, each with a list of its modules.
 */
#include "unit/pq_file.h"

#include <limits.h>

#include "parquet/indexes.h"
#include "core/hash.h"

static LhCtx *ctx;

/* What the tests' host knows, and what it was asked. */
typedef struct Keys
{
	LhKeySet *set;      /* NULL: no keys at all */
	const char *deny;   /* a key that is not there */
	const char *wrong;  /* a key that is another */
	const char *prefix; /* what the footer's key says; NULL: what the set says */
	bool require;       /* plain files are refused */
	int asked;
	LhKeyRequest last;
} Keys;

static Keys keys;

static LhStatus
give_key(void *arg, LhCtx *c, const LhKeyRequest *request, LhKey *key)
{
	Keys *k = arg;

	if (request->plain && k->require)
		LH_FAIL(c, LH_DENIED, "it is plain");
	if (request->plain)
		return LH_OK;
	k->asked++;
	k->last = *request;
	if (k->set == NULL)
		LH_FAIL(c, LH_UNSUPPORTED, "no keys are given");
	if (k->deny != NULL && strstr(request->name, k->deny) != NULL)
	{
		lh_fail(c, LH_DENIED, "key %s is missing", request->name);
		lh_hint(c, "Find it.");
		return LH_DENIED;
	}
	LH_TRY(lh_keyset_find(c, k->set, request, key));
	if (k->wrong != NULL && strstr(request->name, k->wrong) != NULL)
		key->bytes[3] ^= 0x10;
	if (k->prefix != NULL && request->column == NULL)
		key->aad_prefix = lh_slice(k->prefix, strlen(k->prefix));
	return LH_OK;
}

static const LhHost host = {.key = give_key};

/* Absolute path of a fixture. */
static const char *
fixture(const char *name)
{
	const char *root = getenv("LAKEHOUSE_FIXTURES");
	char *real = realpath(root != NULL ? root : "test/fixtures", NULL);
	char *path;

	if (real == NULL)
		fail_msg("no fixtures: set LAKEHOUSE_FIXTURES or run in the top folder");
	path = lh_sprintf(ctx, "%s/encrypted/%s", real, name);
	free(real);
	return path;
}

static LhSlice
slurp(const char *name)
{
	FILE *f = fopen(fixture(name), "rb");
	uint8_t *bytes;
	long n;

	if (f == NULL)
		fail_msg("no fixture %s", name);
	fseek(f, 0, SEEK_END);
	n = ftell(f);
	rewind(f);
	bytes = lh_alloc(ctx, (size_t) n + 1);
	assert_int_equal(fread(bytes, 1, (size_t) n, f), n);
	bytes[n] = '\0';
	fclose(f);
	return lh_slice(bytes, (size_t) n);
}

static int
setup(void **state)
{
	LhSlice text;
	void *p;

	(void) state;
	ctx = lh_ctx_create();
	if (ctx == NULL)
		return 1;
	text = slurp("keys.json");
	ASSERT_OK(ctx, lh_secret_alloc(ctx, text.len, &p));
	memcpy(p, text.data, text.len);
	keys = (Keys){0};
	ASSERT_OK(ctx, lh_keyset_parse(ctx, "keys.json", p, text.len, &keys.set));
	ctx->host = &host;
	ctx->host_arg = &keys;
	return 0;
}

static int
teardown(void **state)
{
	(void) state;
	lh_ctx_destroy(ctx);
	return 0;
}

static const char *const files[] = {"footer", "other", "signed", "ctr", "uniform", "nameless"};
enum
{
	NFILES = 6,
	MAX_MODULES = 200
};

typedef struct Module
{
	int kind, group, column, page;
	int64_t offset, length;
} Module;

static int
modules_of(const char *name, Module *out)
{
	LhSlice csv = slurp(lh_sprintf(ctx, "%s.modules.csv", name));
	const char *p = strchr((const char *) csv.data, '\n') + 1;
	int n = 0;

	while (*p != '\0')
	{
		Module *m = &out[n++];

		assert_true(n < MAX_MODULES);
		assert_int_equal(sscanf(p, "%d,%d,%d,%d,%ld,%ld", &m->kind, &m->group, &m->column, &m->page,
								&m->offset, &m->length),
						 6);
		p = strchr(p, '\n') + 1;
	}
	return n;
}

/*
 * Reading everything
 */

static uint64_t
digest_vec(const LhVec *v, uint64_t h)
{
	for (int k = 0; k < v->nchildren; k++)
	{
		if (v->offsets != NULL)
			h = lh_hash_bytes(v->offsets, sizeof(*v->offsets) * ((size_t) v->n + 1), h);
		h = digest_vec(&v->children[k], h);
	}
	for (int i = 0; i < v->n; i++)
	{
		bool null = lh_vec_is_null(v, i);
		LhValue value;

		h = lh_hash_u64(h + null);
		if (null || v->nchildren > 0)
			continue;
		value = lh_vec_value(v, i);
		if (v->type.lane == LH_LANE_STR)
			h = lh_hash_bytes(value.str.ptr, value.str.len, h);
		else
			h = lh_hash_bytes(&value.i64, sizeof(value.i64), h);
	}
	return h;
}

static LhStatus
digest_column(LhPqFile *file, int group, int node, uint64_t *h)
{
	int64_t rows = lh_pq_meta(file)->groups[group].num_rows;
	LhPqColumn *col;
	LhVec v;

	LH_TRY(lh_pq_column_open(ctx, file, group, node, &col));
	for (int64_t row = 0; row < rows; row += 64)
	{
		int n = rows - row < 64 ? (int) (rows - row) : 64;

		LH_TRY(lh_pq_column_read(ctx, col, row, n, NULL, &v));
		*h = digest_vec(&v, *h);
	}
	lh_pq_column_close(col);
	return LH_OK;
}

/* Everything that there is of a file: values, statistics, indexes, filters. */
static LhStatus
digest_file(LhPqFile *file, uint64_t *h)
{
	const LhPqMeta *meta = lh_pq_meta(file);

	*h = lh_hash_u64((uint64_t) meta->num_rows);
	for (int g = 0; g < meta->ngroups; g++)
	{
		for (int leaf = 0; leaf < meta->nleaves; leaf++)
		{
			const LhPqPageIndex *index;
			const LhPqBloom *bloom;
			LhBounds b;

			LH_TRY(lh_pq_bounds(ctx, file, g, leaf, &b));
			LH_TRY(lh_pq_page_index(ctx, file, g, leaf, &index));
			LH_TRY(lh_pq_bloom(ctx, file, g, leaf, &bloom));
			*h = lh_hash_u64(*h + (b.known ? (uint64_t) b.nulls + 2 : 0));
			*h = lh_hash_u64(*h + (index != NULL ? (uint64_t) index->npages : 0) +
							 (index != NULL && index->bounds));
			*h = lh_hash_u64(*h + (bloom != NULL));
		}
		for (int i = meta->nodes[0].first_child; i >= 0; i = meta->nodes[i].next)
			LH_TRY(digest_column(file, g, i, h));
	}
	return LH_OK;
}

static LhStatus
digest_bytes(LhSlice bytes, uint64_t *h)
{
	LhArena *old = ctx->arena, *arena = lh_arena_child(old);
	LhPqFile *file;
	LhStatus status;

	assert_non_null(arena);
	lh_use(ctx, arena);
	status = pq_open_bytes(ctx, bytes.data, bytes.len, &file);
	if (status == LH_OK)
		status = digest_file(file, h);
	lh_use(ctx, old);
	lh_arena_destroy(arena);
	return status;
}

/* Prefixes are kept by file name; files of these tests have other names. */
static void
expect_prefix(const char *name)
{
	keys.prefix = strcmp(name, "uniform") == 0 ? "lakehouse fixtures" : NULL;
}

static LhPqFile *
open_fixture(const char *name)
{
	LhPqFile *file;

	ASSERT_OK(ctx, pq_open_path(ctx, fixture(lh_sprintf(ctx, "%s.parquet", name)), NULL, &file));
	return file;
}

/*
 * What was encrypted reads as what was not
 */

static void
encrypted_files_read_as_the_plain_one(void **state)
{
	uint64_t plain, h;

	(void) state;
	ASSERT_OK(ctx, digest_file(open_fixture("plain"), &plain));
	assert_int_equal(ctx->counters->v[LH_CTR_MODULES_DECRYPTED], 0);
	assert_int_equal(keys.asked, 0);
	for (int i = 0; i < NFILES; i++)
	{
		Module m[MAX_MODULES];
		int n = modules_of(files[i], m);

		ctx->counters->v[LH_CTR_MODULES_DECRYPTED] = 0;
		ASSERT_OK(ctx, digest_file(open_fixture(files[i]), &h));
		if (h != plain)
			fail_msg("%s does not read as the plain file", files[i]);
		/* each module at least once; the metadata of columns beside those that are listed */
		assert_true(ctx->counters->v[LH_CTR_MODULES_DECRYPTED] >= (uint64_t) n);
	}
}

static void
pages_are_reached_through_the_encrypted_page_index(void **state)
{
	(void) state;
	for (int i = 0; i < NFILES; i++)
	{
		LhPqFile *file = open_fixture(files[i]);
		int node = lh_pq_find(lh_pq_meta(file), "id");
		uint64_t skipped = ctx->counters->v[LH_CTR_PAGES_SKIPPED],
				 read = ctx->counters->v[LH_CTR_PAGES_READ];
		LhPqColumn *col;
		LhVec v;

		ASSERT_OK(ctx, lh_pq_column_open(ctx, file, 1, node, &col));
		ASSERT_OK(ctx, lh_pq_column_read(ctx, col, 250, 1, NULL, &v));
		assert_int_equal(lh_vec_value(&v, 0).i64, 3 * 550);
		assert_int_equal(ctx->counters->v[LH_CTR_PAGES_SKIPPED] - skipped, 2);
		assert_int_equal(ctx->counters->v[LH_CTR_PAGES_READ] - read, 1);
	}
}

static void
statistics_come_from_the_decrypted_metadata(void **state)
{
	LhPqFile *file = open_fixture("signed");
	int leaf = lh_pq_meta(file)->nodes[lh_pq_find(lh_pq_meta(file), "code")].leaf;
	const LhPqChunk *chunk;
	LhBounds b;

	(void) state;
	ASSERT_OK(ctx, lh_pq_chunk(ctx, file, 0, leaf, &chunk));
	assert_true(chunk->encrypted && !chunk->locked);
	ASSERT_OK(ctx, lh_pq_bounds(ctx, file, 0, leaf, &b));
	assert_true(b.known && b.has_min && b.has_max);
	assert_memory_equal(b.min.str.ptr, "code 00", 7);
	assert_memory_equal(b.max.str.ptr, "code 22", 7);
	/* in clear text there are none */
	keys.deny = "b-16";
	file = open_fixture("signed");
	ASSERT_OK(ctx, lh_pq_chunk(ctx, file, 0, leaf, &chunk));
	assert_true(chunk->encrypted && chunk->locked);
	assert_false(chunk->stats.has_min);
	assert_true(chunk->num_values == 300);
}

static void
filters_are_decrypted(void **state)
{
	(void) state;
	for (int i = 0; i < NFILES; i++)
	{
		LhPqFile *file = open_fixture(files[i]);
		const LhPqNode *node = &lh_pq_meta(file)->nodes[lh_pq_find(lh_pq_meta(file), "code")];

		/* one row group says how long its filter is, the other does not */
		for (int g = 0; g < 2; g++)
		{
			const LhPqBloom *bloom;
			LhValue v = {.type = node->type};
			int absent = 0;

			ASSERT_OK(ctx, lh_pq_bloom(ctx, file, g, node->leaf, &bloom));
			assert_non_null(bloom);
			for (int k = 0; k < 100; k++)
			{
				char text[16];

				v.str = (LhStr){.ptr = (uint8_t *) text,
								.len = (uint32_t) snprintf(text, 16, "code %02d", k)};
				if (k < 23)
					assert_true(lh_pq_bloom_may_hold(bloom, node, &v));
				absent += !lh_pq_bloom_may_hold(bloom, node, &v);
			}
			assert_true(absent > 60);
		}
	}
}

/*
 * Whatever is changed is noticed
 */

/* The file with one byte changed. */
static void
changed_byte_fails(const char *name, LhSlice file, const Module *m, int64_t at)
{
	uint8_t *bytes = (uint8_t *) file.data + m->offset + at;
	LhStatus status;
	uint64_t h;

	*bytes ^= 0x04;
	status = digest_bytes(file, &h);
	*bytes ^= 0x04;
	if (status != LH_CORRUPT)
		fail_msg("%s: byte %ld of module %d (%d, %d, %d) is changed: %s %s", name, at, m->kind,
				 m->group, m->column, m->page, lh_status_name(status), ctx->error->message);
}

static void
every_changed_module_is_noticed(void **state)
{
	bool kinds[10] = {false};

	(void) state;
	for (int i = 0; i < NFILES; i++)
	{
		LhSlice file = slurp(lh_sprintf(ctx, "%s.parquet", files[i]));
		Module m[MAX_MODULES];
		int n = modules_of(files[i], m);

		expect_prefix(files[i]);
		for (int k = 0; k < n; k++)
		{
			bool ctr_page = strcmp(files[i], "ctr") == 0 && (m[k].kind == 2 || m[k].kind == 3);

			kinds[m[k].kind] = true;
			changed_byte_fails(files[i], file, &m[k], 0);
			/* pages in counter mode have no tag: their content is not protected */
			if (ctr_page)
				continue;
			changed_byte_fails(files[i], file, &m[k], 4);
			changed_byte_fails(files[i], file, &m[k], LH_PQ_SEAL_HEAD);
			changed_byte_fails(files[i], file, &m[k], m[k].length - LH_AES_TAG - 1);
			changed_byte_fails(files[i], file, &m[k], m[k].length - 1);
		}
	}
	for (int k = 0; k < 10; k++)
		assert_true(kinds[k]);
}

static void
put_module(LhSlice file, const Module *m, const uint8_t *bytes)
{
	memcpy((uint8_t *) file.data + m->offset, bytes, (size_t) m->length);
}

/* Modules of one kind, one key and one length, in each other's places. */
static void
modules_do_not_change_places(void **state)
{
	int swaps = 0;

	(void) state;
	for (int i = 0; i < NFILES; i++)
	{
		LhSlice file = slurp(lh_sprintf(ctx, "%s.parquet", files[i]));
		const uint8_t *as_it_was = lh_memdup(ctx, file.data, file.len);
		Module m[MAX_MODULES];
		int n = modules_of(files[i], m);

		expect_prefix(files[i]);
		for (int a = 0; a < n; a++)
			for (int b = a + 1; b < n; b++)
			{
				uint64_t h;
				LhStatus status;

				/* pages in counter mode are bound to nothing but their headers */
				if (m[a].kind != m[b].kind || m[a].length != m[b].length ||
					(strcmp(files[i], "ctr") == 0 && (m[a].kind == 2 || m[a].kind == 3)))
					continue;
				put_module(file, &m[a], as_it_was + m[b].offset);
				put_module(file, &m[b], as_it_was + m[a].offset);
				status = digest_bytes(file, &h);
				put_module(file, &m[a], as_it_was + m[a].offset);
				put_module(file, &m[b], as_it_was + m[b].offset);
				if (status != LH_CORRUPT)
					fail_msg("%s: modules %d and %d of kind %d change places: %s", files[i], a, b,
							 m[a].kind, lh_status_name(status));
				swaps++;
			}
	}
	assert_true(swaps > 200);
}

static void
modules_of_another_file_are_noticed(void **state)
{
	LhSlice file = slurp("footer.parquet"), other = slurp("other.parquet");
	const uint8_t *as_it_was = lh_memdup(ctx, file.data, file.len);
	Module m[MAX_MODULES];
	int n = modules_of("footer", m);
	uint64_t h;

	(void) state;
	assert_int_equal(file.len, other.len);
	for (int k = 0; k < n; k++)
	{
		put_module(file, &m[k], other.data + m[k].offset);
		assert_int_equal(digest_bytes(file, &h), LH_CORRUPT);
		put_module(file, &m[k], as_it_was + m[k].offset);
	}
	ASSERT_OK(ctx, digest_bytes(file, &h));
}

static void
no_byte_of_a_signed_footer_can_be_changed(void **state)
{
	LhSlice file = slurp("signed.parquet");
	uint32_t size = lh_load_u32(file.data + file.len - 8);
	uint8_t *footer = (uint8_t *) file.data + file.len - 8 - size;

	(void) state;
	/* a change may also take away what says that there is a signature */
	keys.require = true;
	for (uint32_t i = 0; i < size; i++)
	{
		LhPqFile *opened;

		footer[i] ^= 0x01;
		if (pq_open_bytes(ctx, file.data, file.len, &opened) == LH_OK)
			fail_msg("byte %u of %u of the footer is changed, and nobody minds", i, size);
		footer[i] ^= 0x01;
	}
	/* without keys nobody can tell */
	keys.set = NULL;
	footer[size - 1] ^= 0x01;
	{
		LhPqFile *opened;

		ASSERT_OK(ctx, pq_open_bytes(ctx, file.data, file.len, &opened));
	}
}

static void
footers_of_wrong_lengths_are_noticed(void **state)
{
	static const char *const names[] = {"footer", "signed"};

	(void) state;
	for (int i = 0; i < 2; i++)
	{
		LhSlice file = slurp(lh_sprintf(ctx, "%s.parquet", names[i]));
		uint8_t *trailer = (uint8_t *) file.data + file.len - 8;
		uint32_t size = lh_load_u32(trailer);

		for (uint32_t len = 1; len < size + 60; len += len < 60 || len + 60 > size ? 1 : 97)
		{
			LhPqFile *opened;

			if (len == size)
				continue;
			memcpy(trailer, &len, 4);
			if (pq_open_bytes(ctx, file.data, file.len, &opened) == LH_OK)
				fail_msg("%s: a footer of %u instead of %u bytes is taken", names[i], len, size);
		}
	}
}

static void
plain_files_are_refused_where_encryption_is_required(void **state)
{
	LhPqCache *cache = lh_pq_cache_create(1 << 20);
	LhPqFile *file;

	(void) state;
	ASSERT_OK(ctx, pq_open_path(ctx, fixture("plain.parquet"), cache, &file));
	keys.require = true;
	for (int i = 0; i < 2; i++)
		ASSERT_FAILS(ctx, pq_open_path(ctx, fixture("plain.parquet"), i == 0 ? cache : NULL, &file),
					 LH_DENIED, "it is plain");
	for (int i = 0; i < NFILES; i++)
		(void) open_fixture(files[i]);
	lh_pq_cache_destroy(cache);
}

/*
 * Keys
 */

static void
wrong_keys_are_said_to_be_wrong(void **state)
{
	uint64_t h;

	(void) state;
	keys.wrong = "footer-16";
	ASSERT_FAILS(ctx, digest_bytes(slurp("footer.parquet"), &h), LH_CORRUPT,
				 "does not decrypt with key \"footer-16\"");
	ASSERT_FAILS(ctx, digest_bytes(slurp("signed.parquet"), &h), LH_CORRUPT,
				 "is not signed with key \"footer-16\"");
	keys.wrong = "a-16";
	ASSERT_FAILS(
		ctx, digest_bytes(slurp("footer.parquet"), &h), LH_CORRUPT,
		"row group 0, column name: metadata of the column does not decrypt with key \"a-16\"");
}

/* The status of reading a whole column of a fixture. */
static LhStatus
read_column(LhPqFile *file, const char *name)
{
	uint64_t h = 0;
	int node = lh_pq_find(lh_pq_meta(file), name);

	assert_true(node > 0);
	return digest_column(file, 0, node, &h);
}

static void
a_column_without_key_is_an_error_only_when_it_is_read(void **state)
{
	static const char *const names[] = {"footer", "signed"};

	(void) state;
	keys.deny = "a-16";
	for (int i = 0; i < 2; i++)
	{
		LhPqFile *file = open_fixture(names[i]);
		int leaf = lh_pq_meta(file)->nodes[lh_pq_find(lh_pq_meta(file), "name")].leaf;
		const LhPqPageIndex *index;
		const LhPqBloom *bloom;
		LhBounds b;

		ASSERT_OK(ctx, read_column(file, "id"));
		ASSERT_OK(ctx, read_column(file, "code"));
		ASSERT_OK(ctx, read_column(file, "note"));
		/* nothing is known of it */
		ASSERT_OK(ctx, lh_pq_bounds(ctx, file, 0, leaf, &b));
		assert_false(b.known || b.has_min || b.has_max);
		assert_int_equal(b.nulls, -1);
		ASSERT_OK(ctx, lh_pq_page_index(ctx, file, 0, leaf, &index));
		assert_null(index);
		ASSERT_OK(ctx, lh_pq_bloom(ctx, file, 0, leaf, &bloom));
		assert_null(bloom);
		assert_int_equal(read_column(file, "name"), LH_DENIED);
		assert_non_null(
			strstr(ctx->error->message, "row group 0, column name: key \"a-16\" is missing"));
		assert_string_equal(ctx->error->hint, "Find it.");
	}
	assert_int_equal(read_column(open_fixture("footer"), "tags"), LH_DENIED);
	/* a filter whose place stands in clear text */
	keys.deny = "b-16";
	{
		LhPqFile *file = open_fixture("signed");
		const LhPqBloom *bloom;

		ASSERT_OK(ctx, lh_pq_bloom(ctx, file, 0, 2, &bloom));
		assert_null(bloom);
	}
	keys.deny = "a-16";
	ASSERT_OK(ctx, read_column(open_fixture("signed"), "tags"));
}

static LhStatus
ignore_page(LhCtx *c, void *arg, const LhPqPageInfo *page)
{
	(void) c;
	++*(int *) arg;
	assert_true(page->header_size > LH_PQ_SEAL_HEAD + LH_AES_TAG);
	return LH_OK;
}

static void
pages_are_listed_with_the_key_only(void **state)
{
	LhPqFile *file = open_fixture("footer");
	int pages = 0;

	(void) state;
	ASSERT_OK(ctx, lh_pq_walk_pages(ctx, file, 0, 2, ignore_page, &pages));
	assert_int_equal(pages, 4); /* with the dictionary */
	keys.deny = "b-16";
	file = open_fixture("footer");
	ASSERT_FAILS(ctx, lh_pq_walk_pages(ctx, file, 0, 2, ignore_page, &pages), LH_UNSUPPORTED,
				 "encrypted with a key");
}

static void
without_any_keys_a_signed_footer_is_read_and_an_encrypted_one_not(void **state)
{
	LhPqFile *file;

	(void) state;
	keys.set = NULL;
	file = open_fixture("signed");
	ASSERT_OK(ctx, read_column(file, "id"));
	ASSERT_OK(ctx, read_column(file, "note"));
	ASSERT_FAILS(ctx, read_column(file, "name"), LH_UNSUPPORTED, "column name: no keys are given");
	/* with the key of the footer */
	ASSERT_FAILS(ctx, read_column(file, "tags"), LH_UNSUPPORTED, "no keys are given");
	ASSERT_FAILS(ctx, pq_open_path(ctx, fixture("footer.parquet"), NULL, &file), LH_UNSUPPORTED,
				 "footer.parquet: no keys are given");
	/* the same of a host that knows nothing of keys */
	ctx->host = NULL;
	ASSERT_FAILS(ctx, pq_open_path(ctx, fixture("footer.parquet"), NULL, &file), LH_UNSUPPORTED,
				 "the footer is encrypted with key \"footer-16\", and no keys are given");
	file = open_fixture("signed");
	ASSERT_FAILS(ctx, read_column(file, "name"), LH_UNSUPPORTED,
				 "the column is encrypted with key \"a-16\", and no keys are given");
}

static void
who_has_keys_must_have_that_of_the_signature(void **state)
{
	LhPqFile *file;

	(void) state;
	keys.deny = "footer-16";
	ASSERT_FAILS(ctx, pq_open_path(ctx, fixture("signed.parquet"), NULL, &file), LH_DENIED,
				 "signature cannot be verified: key \"footer-16\" is missing");
}

static void
keys_are_asked_for_once_and_by_what_the_file_says(void **state)
{
	LhPqFile *file = open_fixture("footer");

	(void) state;
	assert_int_equal(keys.asked, 1);
	assert_null(keys.last.column);
	assert_memory_equal(keys.last.reference.data, "footer-16", 9);
	assert_string_equal(keys.last.name, "\"footer-16\"");
	assert_string_equal(keys.last.path, fixture("footer.parquet"));
	ASSERT_OK(ctx, read_column(file, "id"));
	ASSERT_OK(ctx, read_column(file, "note"));
	assert_int_equal(keys.asked, 1);
	ASSERT_OK(ctx, read_column(file, "name"));
	ASSERT_OK(ctx, read_column(file, "tags"));
	assert_int_equal(keys.asked, 2);
	assert_string_equal(keys.last.column, "name");
	file = open_fixture("nameless");
	ASSERT_OK(ctx, read_column(file, "id"));
	assert_int_equal(keys.last.reference.len, 0);
	assert_string_equal(keys.last.column, "id");
}

static void
prefixes_bind_a_file_to_its_name(void **state)
{
	LhPqFile *file;
	uint64_t h;

	(void) state;
	/* stored in the file, and expected */
	keys.prefix = "lakehouse fixtures";
	ASSERT_OK(ctx, digest_file(open_fixture("footer"), &h));
	keys.prefix = "lakehouse fixtures.";
	ASSERT_FAILS(ctx, pq_open_path(ctx, fixture("footer.parquet"), NULL, &file), LH_CORRUPT,
				 "another AAD prefix");
	keys.prefix = "lakehouse";
	ASSERT_FAILS(ctx, pq_open_path(ctx, fixture("footer.parquet"), NULL, &file), LH_CORRUPT,
				 "another AAD prefix");
	/* expected, but the file was written without */
	ASSERT_FAILS(ctx, pq_open_path(ctx, fixture("ctr.parquet"), NULL, &file), LH_CORRUPT,
				 "has no AAD prefix");
	ASSERT_FAILS(ctx, pq_open_path(ctx, fixture("signed.parquet"), NULL, &file), LH_CORRUPT,
				 "has no AAD prefix");
	/* not in the file: another one does not fit, none is an error of its own */
	ASSERT_FAILS(ctx, pq_open_path(ctx, fixture("uniform.parquet"), NULL, &file), LH_CORRUPT,
				 "does not decrypt");
	keys.prefix = NULL;
	ASSERT_FAILS(ctx, digest_bytes(slurp("uniform.parquet"), &h), LH_INVALID,
				 "only with its AAD prefix");
	assert_int_equal(ctx->error->hint[0], 0); /* cleared by ASSERT_FAILS */
}

/*
 * The cache of footers
 */

static LhStatus
open_cached(LhPqCache *cache, const char *name, LhPqFile **file)
{
	return pq_open_path(ctx, fixture(lh_sprintf(ctx, "%s.parquet", name)), cache, file);
}

static void
encrypted_footers_are_never_cached(void **state)
{
	LhPqCache *cache = lh_pq_cache_create(1 << 20);
	LhPqFile *file;

	(void) state;
	ASSERT_OK(ctx, open_cached(cache, "footer", &file));
	ASSERT_OK(ctx, open_cached(cache, "footer", &file));
	assert_int_equal(lh_pq_cache_bytes(cache), 0);
	assert_int_equal(ctx->counters->v[LH_CTR_FOOTER_CACHE_HITS], 0);
	keys.set = NULL;
	ASSERT_FAILS(ctx, open_cached(cache, "footer", &file), LH_UNSUPPORTED, "no keys are given");
	lh_pq_cache_destroy(cache);
}

static void
signatures_of_cached_footers_are_verified_at_each_open(void **state)
{
	LhPqCache *cache = lh_pq_cache_create(1 << 20);
	LhKeySet *set = keys.set;
	LhPqFile *file;

	(void) state;
	/* somebody without keys puts it there */
	keys.set = NULL;
	ASSERT_OK(ctx, open_cached(cache, "signed", &file));
	assert_int_equal(ctx->counters->v[LH_CTR_MODULES_DECRYPTED], 0);
	keys.set = set;
	ASSERT_OK(ctx, open_cached(cache, "signed", &file));
	assert_int_equal(ctx->counters->v[LH_CTR_FOOTER_CACHE_HITS], 1);
	assert_int_equal(ctx->counters->v[LH_CTR_MODULES_DECRYPTED], 1);
	ASSERT_OK(ctx, read_column(file, "name"));
	keys.wrong = "footer-16";
	ASSERT_FAILS(ctx, open_cached(cache, "signed", &file), LH_CORRUPT, "is not signed");
	lh_pq_cache_destroy(cache);
}

static void
ordinals_above_32767_are_refused(void **state)
{
	LhPqFile *file = open_fixture("footer");
	uint8_t module[64] = {60};
	const LhPqChunk *chunk;
	LhPqDecrypt *d;

	(void) state;
	ASSERT_OK(ctx, lh_pq_chunk(ctx, file, 0, 1, &chunk));
	ASSERT_OK(ctx, lh_pq_decrypt_create(ctx, file, 0, 1, chunk->key, &d));
	ASSERT_FAILS(ctx, lh_pq_decrypt(ctx, d, LH_PQ_M_DATA_PAGE, 32767, module, 64, module + 16),
				 LH_CORRUPT, "data page 32767 does not decrypt");
	ASSERT_FAILS(ctx, lh_pq_decrypt(ctx, d, LH_PQ_M_DATA_PAGE, 32768, module, 64, module + 16),
				 LH_LIMIT, "at most 32768 pages");
	ASSERT_FAILS(ctx, lh_pq_decrypt_create(ctx, file, 0, 32768, chunk->key, &d), LH_LIMIT,
				 "from 0 to 32767");
	file->meta->groups[1].ordinal = 32768;
	ASSERT_FAILS(ctx, lh_pq_decrypt_create(ctx, file, 1, 1, chunk->key, &d), LH_LIMIT,
				 "from 0 to 32767");
	file->meta->groups[1].ordinal = -1;
	ASSERT_FAILS(ctx, lh_pq_decrypt_create(ctx, file, 1, 1, chunk->key, &d), LH_LIMIT,
				 "from 0 to 32767");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(encrypted_files_read_as_the_plain_one),
		TEST(pages_are_reached_through_the_encrypted_page_index),
		TEST(statistics_come_from_the_decrypted_metadata),
		TEST(filters_are_decrypted),
		TEST(every_changed_module_is_noticed),
		TEST(modules_do_not_change_places),
		TEST(modules_of_another_file_are_noticed),
		TEST(no_byte_of_a_signed_footer_can_be_changed),
		TEST(footers_of_wrong_lengths_are_noticed),
		TEST(plain_files_are_refused_where_encryption_is_required),
		TEST(wrong_keys_are_said_to_be_wrong),
		TEST(a_column_without_key_is_an_error_only_when_it_is_read),
		TEST(pages_are_listed_with_the_key_only),
		TEST(without_any_keys_a_signed_footer_is_read_and_an_encrypted_one_not),
		TEST(who_has_keys_must_have_that_of_the_signature),
		TEST(keys_are_asked_for_once_and_by_what_the_file_says),
		TEST(prefixes_bind_a_file_to_its_name),
		TEST(encrypted_footers_are_never_cached),
		TEST(signatures_of_cached_footers_are_verified_at_each_open),
		TEST(ordinals_above_32767_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
