/*
 * test_pqwrite_column.h
 *		A file of one column, written and opened again, for the tests of the writer.
 */
#ifndef TEST_PQWRITE_COLUMN_H
#define TEST_PQWRITE_COLUMN_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "core/hash.h"
#include "parquet/meta.h"
#include "unit/test_pqwrite.h"

#define OK(t, call)                                   \
	do                                                \
	{                                                 \
		if ((call) != LH_OK)                          \
			fail_msg("%s", (t)->ctx->error->message); \
	} while (0)

/* A file of one column. */
typedef struct Test
{
	LhCtx *ctx;
	LhField col;
	LhPqColumnOptions column;
	LhPqWriteOptions options;
	PqwSink sink;
	LhOutput *out;
	LhPqWriter *w;
	LhPqWritten written;
	LhPqFile *file;
	int polls;
	LhHost host;
} Test;

static inline bool
interrupted(void *arg)
{
	Test *t = arg;

	return t->polls >= 0 && t->polls-- == 0;
}

static inline int
setup(void **state)
{
	Test *t = calloc(1, sizeof(*t));

	*state = t;
	t->ctx = lh_ctx_create();
	t->polls = -1;
	t->host.interrupted = interrupted;
	t->ctx->host = &t->host;
	t->ctx->host_arg = t;
	lh_pq_write_defaults(&t->options);
	return 0;
}

static inline int
teardown(void **state)
{
	Test *t = *state;

	lh_ctx_destroy(t->ctx);
	free(t->sink.p);
	free(t);
	return 0;
}

static inline LhStatus
create(Test *t, LhType type, bool required)
{
	t->col = (LhField){.name = "c", .type = type, .required = required, .field_id = -1};
	LH_TRY(lh_output_to(t->ctx, pqw_sink, &t->sink, &t->out));
	return lh_pq_writer_create(t->ctx, t->out, 1, &t->col, &t->column, &t->options, &t->w);
}

static inline LhStatus
add(Test *t, int n, const void *data, const uint64_t *valid)
{
	const LhVec vec = {.type = t->col.type, .n = n, .data = data, .valid = valid};
	const LhVec *vecs[] = {&vec};

	return lh_pq_writer_write(t->ctx, t->w, n, vecs);
}

static inline void
finish(Test *t)
{
	OK(t, lh_pq_writer_finish(t->ctx, t->w, &t->written));
	OK(t, lh_output_finish(t->ctx, t->out, NULL));
	OK(t, pqw_open(t->ctx, &t->sink, &t->file));
}

static inline void
write_all(Test *t, LhType type, int n, const void *data, const uint64_t *valid)
{
	OK(t, create(t, type, false));
	OK(t, add(t, n, data, valid));
	finish(t);
}

static inline const LhPqChunk *
chunk(Test *t)
{
	const LhPqChunk *c;

	OK(t, lh_pq_chunk(t->ctx, t->file, 0, 0, &c));
	return c;
}

static inline LhStr
str(const char *s)
{
	return (LhStr){(const uint8_t *) s, (uint32_t) strlen(s), 0};
}

#define ASSERT_BYTES(slice, literal)                             \
	do                                                           \
	{                                                            \
		assert_int_equal((slice).len, sizeof(literal) - 1);      \
		assert_memory_equal((slice).data, literal, (slice).len); \
	} while (0)

static const __attribute__((unused)) LhType int32_type = {.id = LH_T_INT32, .lane = LH_LANE_I32};
static const __attribute__((unused)) LhType int64_type = {.id = LH_T_INT64, .lane = LH_LANE_I64};
static const __attribute__((unused)) LhType double_type = {.id = LH_T_DOUBLE, .lane = LH_LANE_F64};
static const __attribute__((unused)) LhType string_type = {.id = LH_T_STRING, .lane = LH_LANE_STR};
static const __attribute__((unused)) LhType binary_type = {.id = LH_T_BINARY, .lane = LH_LANE_STR};

static inline void
write_ramp(Test *t, int rows, int step)
{
	OK(t, create(t, int64_type, true));
	for (int from = 0; from < rows; from += 1000)
	{
		int64_t v[1000];

		for (int i = 0; i < 1000; i++)
			v[i] = (int64_t) (from + i) * step;
		OK(t, add(t, 1000, v, NULL));
	}
	finish(t);
}

#endif
