/*
 * segment.c
 *		Files of lines, and the offsets of these lines.
 */
#include "audit/log_internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Digits of a segment's name, and bytes of an offset. */
#define DIGITS 20
#define OFFSET 8
/* A line is looked for in pieces of this size first. */
#define PIECE  4096

void
lh_audit_segment_name(uint64_t first, bool index, char name[LH_AUDIT_NAME])
{
	snprintf(name, LH_AUDIT_NAME, "%020llu.%s", (unsigned long long) first,
			 index ? "index" : "jsonl");
}

static bool
parse_name(const char *name, uint64_t *first)
{
	char again[LH_AUDIT_NAME];

	*first = 0;
	for (int i = 0; i < DIGITS; i++)
	{
		uint64_t d = (uint64_t) (name[i] - '0');

		if (name[i] < '0' || name[i] > '9' || *first > (LH_MERKLE_MOST - d) / 10)
			return false;
		*first = *first * 10 + d;
	}
	lh_audit_segment_name(*first, false, again);
	return strcmp(name, again) == 0;
}

static int
by_number(const void *a, const void *b)
{
	uint64_t x = lh_load_u64(a), y = lh_load_u64(b);

	return x < y ? -1 : x > y;
}

static void
close_list(void *arg)
{
	closedir(arg);
}

static LhStatus
read_names(LhCtx *ctx, LhAuditLog *log, DIR *list)
{
	const struct dirent *e;
	uint64_t first;

	log->segments.len = 0;
	for (errno = 0; (e = readdir(list)) != NULL; errno = 0)
		if (parse_name(e->d_name, &first))
			LH_TRY(lh_buf_append(ctx, &log->segments, &first, sizeof(first)));
	if (errno != 0)
		return lh_audit_fail(ctx, log, "list", ".", errno);
	if (log->segments.len > 0)
		qsort(log->segments.data, log->segments.len / 8, 8, by_number);
	return LH_OK;
}

LhStatus
lh_audit_segments_list(LhCtx *ctx, LhAuditLog *log)
{
	int fd = openat(log->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *list = fd >= 0 ? fdopendir(fd) : NULL;
	LhStatus status;

	if (list == NULL)
	{
		int error = errno;

		lh_audit_close_fd(&fd);
		return lh_audit_fail(ctx, log, "list", ".", error);
	}
	LH_TRY(lh_arena_on_reset(ctx, ctx->arena, close_list, list));
	status = read_names(ctx, log, list);
	lh_arena_forget(ctx->arena, close_list, list);
	closedir(list);
	return status;
}

int
lh_audit_segment_count(const LhAuditLog *log)
{
	return (int) (log->segments.len / 8);
}

uint64_t
lh_audit_segment_at(const LhAuditLog *log, int i)
{
	return lh_load_u64(log->segments.data + (size_t) i * 8);
}

static bool
is_listed(const LhAuditLog *log, uint64_t first)
{
	for (int i = lh_audit_segment_count(log) - 1; i >= 0; i--)
		if (lh_audit_segment_at(log, i) == first)
			return true;
	return false;
}

LhStatus
lh_audit_segment_use(LhCtx *ctx, LhAuditLog *log, uint64_t first)
{
	char lines[LH_AUDIT_NAME], index[LH_AUDIT_NAME];
	int lines_fd = -1, index_fd = -1;
	LhStatus status;

	lh_audit_segment_name(first, false, lines);
	lh_audit_segment_name(first, true, index);
	status = lh_audit_open(ctx, log, lines, true, true, &lines_fd);
	if (status == LH_OK)
		status = lh_audit_open(ctx, log, index, true, true, &index_fd);
	/* a line is durable only if its file's name is */
	if (status == LH_OK && log->entered)
		status = lh_audit_sync_dir(ctx, log);
	if (status == LH_OK && !is_listed(log, first))
		status = lh_buf_append(ctx, &log->segments, &first, sizeof(first));
	if (status != LH_OK)
	{
		lh_audit_close_fd(&lines_fd);
		lh_audit_close_fd(&index_fd);
		return status;
	}
	lh_audit_close_fd(&log->lines_fd);
	lh_audit_close_fd(&log->index_fd);
	log->lines_fd = lines_fd;
	log->index_fd = index_fd;
	log->segment = first;
	log->bytes = 0;
	return LH_OK;
}

LhStatus
lh_audit_index_write(LhCtx *ctx, LhAuditLog *log)
{
	char name[LH_AUDIT_NAME];

	lh_audit_segment_name(log->segment, true, name);
	return lh_audit_write(ctx, log, log->index_fd, name,
						  lh_slice(log->offsets.data, log->offsets.len),
						  (log->hashed - log->segment) * OFFSET);
}

bool
lh_audit_line_valid(LhSlice line)
{
	uint8_t low = 0xff;

	if (line.len == 0 || line.len > LH_AUDIT_LINE_MOST)
		return false;
	for (size_t i = 0; i < line.len; i++)
		low = line.data[i] < low ? line.data[i] : low;
	return low >= ' ' && lh_utf8_valid(line.data, line.len);
}

/*
 * Reading
 */

static LhStatus
open_segment(LhCtx *ctx, LhAuditLog *log, uint64_t first)
{
	char name[LH_AUDIT_NAME];

	if (log->read_segment == first && log->read_fd >= 0 && log->read_index_fd >= 0)
		return LH_OK;
	log->read_segment = first;
	lh_audit_segment_name(first, true, name);
	LH_TRY(lh_audit_open(ctx, log, name, false, false, &log->read_index_fd));
	lh_audit_segment_name(first, false, name);
	LH_TRY(lh_audit_open(ctx, log, name, false, false, &log->read_fd));
	if (log->read_fd < 0 || log->read_index_fd < 0)
		LH_FAIL(ctx, LH_OUT_OF_RANGE, "segment %llu of audit log \"%s\" is no longer there",
				(unsigned long long) first, log->path);
	return LH_OK;
}

static LhStatus
damaged(LhCtx *ctx, const LhAuditLog *log, uint64_t number, const char *how)
{
	LH_FAIL(ctx, LH_CORRUPT, "entry %llu of audit log \"%s\" %s", (unsigned long long) number,
			log->path, how);
}

/* The line that begins at a place: a piece first, then as much as the longest line has. */
static LhStatus
read_line(LhCtx *ctx, LhAuditLog *log, const char *name, uint64_t number, uint64_t at,
		  LhSlice *line)
{
	static const size_t pieces[] = {PIECE, LH_AUDIT_LINE_MOST + 1};

	for (int i = 0; i < 2; i++)
	{
		const uint8_t *end;
		uint8_t *p;
		size_t n;

		LH_ALLOC(ctx, p, pieces[i]);
		LH_TRY(lh_audit_read_at(ctx, log, log->read_fd, name, p, pieces[i], at, &n));
		end = memchr(p, '\n', n);
		if (end != NULL)
		{
			*line = lh_slice(p, (size_t) (end - p));
			return LH_OK;
		}
	}
	return damaged(ctx, log, number, "has no end where the index says that it is");
}

/* The last segment that begins at or before an entry. */
static bool
find_segment(const LhAuditLog *log, uint64_t number, uint64_t *first)
{
	int low = 0, high = lh_audit_segment_count(log);

	while (low < high)
	{
		int middle = low + (high - low) / 2;

		if (lh_audit_segment_at(log, middle) <= number)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == 0)
		return false;
	*first = lh_audit_segment_at(log, low - 1);
	return true;
}

LhStatus
lh_audit_segment_line(LhCtx *ctx, LhAuditLog *log, uint64_t number, LhSlice *line)
{
	char name[LH_AUDIT_NAME];
	uint8_t offset[OFFSET];
	uint64_t first;
	size_t n;

	if (!find_segment(log, number, &first))
		return damaged(ctx, log, number, "is in no segment");
	LH_TRY(open_segment(ctx, log, first));
	lh_audit_segment_name(first, true, name);
	LH_TRY(lh_audit_read_at(ctx, log, log->read_index_fd, name, offset, OFFSET,
							(number - first) * OFFSET, &n));
	if (n != OFFSET)
		return damaged(ctx, log, number, "is not in the index of its segment");
	lh_audit_segment_name(first, false, name);
	return read_line(ctx, log, name, number, lh_load_u64(offset), line);
}
