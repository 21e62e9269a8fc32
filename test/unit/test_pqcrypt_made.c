/*
 * test_pqcrypt_made.c
 *		Encrypted files that are made here, page by page: sizes, ordinals, checksums
 *		and what stands before an encrypted footer, right and wrong.
 */
#include "unit/pq_file.h"
#include "unit/pq_seal.h"

#include "core/hash.h"

static LhCtx *ctx;

static int
setup(void **state)
{
	(void) state;
	ctx = lh_ctx_create();
	return ctx == NULL;
}

static int
teardown(void **state)
{
	(void) state;
	lh_ctx_destroy(ctx);
	return 0;
}

#define KEY "0123456789abcdef"

static LhStatus
give_fixed_key(void *arg, LhCtx *c, const LhKeyRequest *request, LhKey *key)
{
	(void) arg;
	(void) c;
	(void) request;
	*key = (LhKey){.len = 16};
	memcpy(key->bytes, KEY, 16);
	return LH_OK;
}

static const LhHost fixed = {.key = give_fixed_key};

/* How one file of a column of int64 is made: pages of these numbers of values, value i is i. */
typedef struct Made
{
	int npages;
	int values; /* of a page */
	bool ctr;
	bool crc;
	int body_extra;    /* added to the size that headers give */
	int skipped;       /* ordinals between two pages; 0 is right */
	int type_of;       /* 0: data page v1, 2: dictionary page instead of the first */
	bool dict_headers; /* headers are encrypted as those of dictionaries */
} Made;

static void
put_page(Tw *w, PqSealer *s, const Made *how, int page)
{
	size_t len = (size_t) how->values * 8;
	int64_t *values = malloc(len);
	LhPqModule module = how->dict_headers ? LH_PQ_M_DICT_HEADER : LH_PQ_M_DATA_HEADER;
	int ordinal = page * (1 + how->skipped);
	Tw body = {0}, header = {0};

	for (int i = 0; i < how->values; i++)
		values[i] = (int64_t) page * how->values + i;
	pq_seal(&body, s, LH_PQ_M_DATA_PAGE, ordinal, values, len);
	tw_open(&header);
	tw_i32(&header, 1, page == 0 ? how->type_of : 0);
	tw_i32(&header, 2, (int64_t) len);
	tw_i32(&header, 3, (int64_t) body.len + how->body_extra);
	if (how->crc)
		tw_i32(&header, 4, (int32_t) lh_crc32(body.p, body.len));
	tw_struct(&header, how->type_of == 2 && page == 0 ? 7 : 5);
	tw_i32(&header, 1, how->values);
	tw_i32(&header, 2, 0);
	tw_i32(&header, 3, 3);
	tw_i32(&header, 4, 3);
	tw_close(&header);
	tw_close(&header);
	pq_seal(w, s, module, ordinal, header.p, header.len);
	tw_bytes(w, body.p, body.len);
	tw_free(&body);
	tw_free(&header);
	free(values);
}

static void
make_file(Tw *w, const Made *how)
{
	static const PqEl els[] = {PQ_ROOT(1), PQ_LEAF("v", PQ_REQ, 2)};
	int64_t values = (int64_t) how->npages * how->values;
	PqSealer s = {.key = KEY, .unique = "unique", .ctr = how->ctr};
	Tw footer = {0};

	tw_bytes(w, "PARE", 4);
	for (int i = 0; i < how->npages; i++)
		put_page(w, &s, how, i);
	{
		PqCol col = {.type = 2,
					 .values = values,
					 .data = 4,
					 .csize = (int64_t) w->len - 4,
					 .usize = (int64_t) w->len - 4,
					 .footer_key = true};
		PqGroup group = {values, 1, &col};
		PqFooter f = {.els = els, .nels = 2, .groups = &group, .ngroups = 1, .rows = values};

		pq_write_footer(&footer, &f);
	}
	pq_seal_end(w, &s, footer.p, footer.len);
	tw_free(&footer);
}

/* Reads all values, which must be right. */
static LhStatus
read_made(const Made *how, bool crc)
{
	int64_t rows = (int64_t) how->npages * how->values;
	LhArena *old = ctx->arena, *arena = lh_arena_child(old);
	LhStatus status;
	LhPqColumn *col;
	LhPqFile *file;
	Tw w = {0};

	make_file(&w, how);
	lh_use(ctx, arena);
	ctx->host = &fixed;
	status = pq_open_bytes(ctx, w.p, w.len, &file);
	tw_free(&w);
	if (status == LH_OK)
	{
		file->options.check_crc = crc;
		status = lh_pq_column_open(ctx, file, 0, 1, &col);
	}
	for (int64_t row = 0; status == LH_OK && row < rows; row += LH_BATCH)
	{
		int n = rows - row < LH_BATCH ? (int) (rows - row) : LH_BATCH;
		LhVec v;

		status = lh_pq_column_read(ctx, col, row, n, NULL, &v);
		for (int i = 0; status == LH_OK && i < n; i++)
			if (lh_vec_value(&v, i).i64 != row + i)
				fail_msg("row %ld is wrong", row + i);
	}
	lh_use(ctx, old);
	lh_arena_destroy(arena);
	return status;
}

#define MADE(...) (&(Made){__VA_ARGS__})

static void
small_and_large_pages_are_decrypted(void **state)
{
	static const int sizes[] = {1, 100, 4080, 4096, 5000, 100000};

	(void) state;
	/* larger ones are read into blocks of their own and decrypted where they lie */
	for (int i = 0; i < 6; i++)
		for (int ctr = 0; ctr < 2; ctr++)
			ASSERT_OK(ctx, read_made(MADE(.npages = 3, .values = sizes[i], .ctr = ctr), false));
}

static void
checksums_are_those_of_the_encrypted_bytes(void **state)
{
	(void) state;
	ASSERT_OK(ctx, read_made(MADE(.npages = 3, .values = 100, .crc = true), true));
	ASSERT_OK(ctx, read_made(MADE(.npages = 3, .values = 10000, .crc = true), true));
}

static void
sizes_in_headers_are_those_of_the_modules(void **state)
{
	static const int wrong[] = {-801, -800, -100, -1, 1, 16};

	(void) state;
	for (int i = 0; i < 6; i++)
		assert_int_equal(read_made(MADE(.npages = 1, .values = 100, .body_extra = wrong[i]), false),
						 LH_CORRUPT);
	/* in counter mode only the length before the page tells */
	for (int i = 0; i < 6; i++)
		assert_int_equal(
			read_made(MADE(.npages = 1, .values = 100, .ctr = true, .body_extra = wrong[i]), false),
			LH_CORRUPT);
}

static void
pages_in_counter_mode_are_bound_by_their_headers(void **state)
{
	(void) state;
	/* headers with other ordinals than their pages have */
	ASSERT_FAILS(ctx, read_made(MADE(.npages = 2, .values = 10, .ctr = true, .skipped = 1), false),
				 LH_CORRUPT, "header of data page 1 does not decrypt");
	ASSERT_FAILS(ctx, read_made(MADE(.npages = 2, .values = 10, .skipped = 255), false), LH_CORRUPT,
				 "header of data page 1 does not decrypt");
	/* a data page's header where the metadata says that there is no dictionary */
	ASSERT_FAILS(ctx, read_made(MADE(.npages = 1, .values = 10, .type_of = 2), false), LH_CORRUPT,
				 "not a data page, but a dictionary page");
	ASSERT_FAILS(ctx, read_made(MADE(.npages = 1, .values = 10, .dict_headers = true), false),
				 LH_CORRUPT, "header of data page 0 does not decrypt");
}

static void
more_pages_than_ordinals_are_refused_when_they_are_reached(void **state)
{
	(void) state;
	ASSERT_FAILS(ctx, read_made(MADE(.npages = 32769, .values = 1), false), LH_LIMIT,
				 "at most 32768 pages");
}

/* A footer's clear text before it is encrypted: open with these bytes and see. */
static LhStatus
open_crypto_meta(const Tw *meta, size_t rest)
{
	LhPqFile *file;
	uint32_t size = (uint32_t) (meta->len + rest);
	LhStatus status;
	Tw w = {0};

	tw_bytes(&w, "PARE", 4);
	tw_bytes(&w, meta->p, meta->len);
	for (size_t i = 0; i < rest; i++)
		tw_byte(&w, 0);
	tw_bytes(&w, &size, 4);
	tw_bytes(&w, "PARE", 4);
	ctx->host = &fixed;
	status = pq_open_bytes(ctx, w.p, w.len, &file);
	tw_free(&w);
	return status;
}

static void
nonsense_before_an_encrypted_footer_is_refused(void **state)
{
	uint8_t *large = calloc(1, 70000);
	Tw none = {0}, unknown = {0}, empty = {0}, unbound = {0}, long_aad = {0}, good = {0};
	PqSealer s = {.unique = "u"};

	(void) state;
	tw_open(&none);
	tw_string(&none, 2, "k");
	tw_close(&none);
	ASSERT_FAILS(ctx, open_crypto_meta(&none, 40), LH_CORRUPT, "expected an algorithm, found none");
	tw_open(&unknown);
	tw_struct(&unknown, 1);
	tw_struct(&unknown, 3);
	tw_close(&unknown);
	tw_close(&unknown);
	tw_close(&unknown);
	ASSERT_FAILS(ctx, open_crypto_meta(&unknown, 40), LH_UNSUPPORTED, "encryption algorithm 3");
	tw_open(&empty);
	tw_struct(&empty, 1);
	tw_close(&empty);
	tw_close(&empty);
	ASSERT_FAILS(ctx, open_crypto_meta(&empty, 40), LH_UNSUPPORTED, "encryption algorithm -1");
	tw_open(&unbound);
	tw_struct(&unbound, 1);
	tw_struct(&unbound, 1);
	tw_close(&unbound);
	tw_close(&unbound);
	tw_close(&unbound);
	ASSERT_FAILS(ctx, open_crypto_meta(&unbound, 40), LH_UNSUPPORTED,
				 "it has no number of its own");
	tw_open(&long_aad);
	tw_struct(&long_aad, 1);
	tw_struct(&long_aad, 1);
	tw_binary(&long_aad, 2, large, 70000);
	tw_close(&long_aad);
	tw_close(&long_aad);
	tw_close(&long_aad);
	ASSERT_FAILS(ctx, open_crypto_meta(&long_aad, 40), LH_LIMIT, "AAD");
	/* too little, or nothing, behind it */
	tw_open(&good);
	pq_seal_algorithm(&good, 1, &s);
	tw_close(&good);
	for (size_t rest = 0; rest < 40; rest++)
		ASSERT_FAILS(ctx, open_crypto_meta(&good, rest), LH_CORRUPT, "its length is not that of");
	tw_free(&none);
	tw_free(&unknown);
	tw_free(&empty);
	tw_free(&unbound);
	tw_free(&long_aad);
	tw_free(&good);
	free(large);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(small_and_large_pages_are_decrypted),
		TEST(checksums_are_those_of_the_encrypted_bytes),
		TEST(sizes_in_headers_are_those_of_the_modules),
		TEST(pages_in_counter_mode_are_bound_by_their_headers),
		TEST(more_pages_than_ordinals_are_refused_when_they_are_reached),
		TEST(nonsense_before_an_encrypted_footer_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
