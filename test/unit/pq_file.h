/*
 * pq_file.h
 *		Open bytes as a Parquet file: through a real file, as everybody does.
 */
#ifndef PQ_FILE_H
#define PQ_FILE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <unistd.h>

#include "parquet/meta.h"
#include "unit/pq_write.h"

/* Write bytes to path. */
static inline void
pq_put_file(const char *path, const void *p, size_t n)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_int_equal(fwrite(p, 1, n, f), n);
	assert_int_equal(fclose(f), 0);
}

static inline LhStatus
pq_open_path(LhCtx *ctx, const char *path, LhPqCache *cache, LhPqFile **out)
{
	static const LhAccess access = {.local_any = true};
	LhStore *store;
	LhObject *obj;

	LH_TRY(lh_store_create(ctx, &access, &store));
	LH_TRY(lh_object_open(ctx, store, path, &obj));
	return lh_pq_open(ctx, obj, cache, NULL, out);
}

/* The file is gone from the directory afterwards, and open until ctx is destroyed. */
static inline LhStatus
pq_open_bytes(LhCtx *ctx, const void *p, size_t n, LhPqFile **out)
{
	char path[] = "/tmp/lh_pq_XXXXXX";
	int fd = mkstemp(path);
	LhStatus status;

	assert_true(fd >= 0);
	close(fd);
	pq_put_file(path, p, n);
	status = pq_open_path(ctx, path, NULL, out);
	unlink(path);
	return status;
}

/* "PAR1", body, and this footer.  Places in the footer count from the begin of the file. */
static inline LhStatus
pq_open_footer(LhCtx *ctx, const PqFooter *f, const void *body, size_t body_len, LhPqFile **out)
{
	Tw footer = {0}, w = {0};
	LhStatus status;

	pq_write_footer(&footer, f);
	pq_write_file(&w, body, body_len, &footer, "PAR1");
	status = pq_open_bytes(ctx, w.p, w.len, out);
	tw_free(&footer);
	tw_free(&w);
	return status;
}

#define ASSERT_OK(ctx, call)                       \
	do                                             \
	{                                              \
		if ((call) != LH_OK)                       \
			fail_msg("%s", (ctx)->error->message); \
	} while (0)

#define ASSERT_FAILS(ctx, call, code, part)                            \
	do                                                                 \
	{                                                                  \
		assert_int_equal(call, code);                                  \
		if (strstr((ctx)->error->message, part) == NULL)               \
			fail_msg("no \"%s\" in: %s", part, (ctx)->error->message); \
		lh_error_clear(ctx);                                           \
	} while (0)

#endif
