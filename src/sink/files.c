/*
 * files.c
 *		"file:///directory": messages to files that appear whole, exactly once.
 *
 * Text formats: a value a line (NDJSON); others: u32 little-endian length and
 * value; containers: Avro object containers or Parquet files, each of one topic and
 * one schema (files_container.c, files_parquet.c).  Messages without a value
 * (tombstones) are left out.  A file's name begins with its first position, so that a
 * listing stands in the stream's order:
 *
 *		000000000A2B3C40-0000000000000001[-topic].ndjson[.gz|.zst]
 *
 * How it is exactly once across kill -9 and power loss:
 *
 *	1. Messages go to a temporary file.  A flush writes what there is, syncs the
 *	   files (and the directory, for new ones), and only then appends one record to
 *	   the journal: the position, and of each open file its bytes and CRC-32.
 *	   That record, synced, is the durable position.
 *	2. A file that is large or old enough gets its name after a flush, in this
 *	   order: rename, sync of the directory, line in the manifest, record in the
 *	   journal.  A crash between any two leaves what recovery completes.
 *	3. Recovery (files_recover.c) believes the journal's last record: a temporary
 *	   file is cut back to the bytes recorded and finished, others are removed.
 *	   Compressed files consist of whole gzip members or zstd frames, Avro containers
 *	   of whole blocks, one or more for each flush, so that the cut never stands inside
 *	   one.  A Parquet file is made at its end, of a log that is such a container.
 *	4. A lock on "_lock" keeps a second writer out.
 *
 * Files change between events only, and between transactions unless one is
 * larger than rotate.bytes.  When a table's schema changes, the file of the old one is
 * finished with the event that brings the new one.
 */
#include "sink/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* Of a topic's name so many bytes go into a file's; the whole stands in the manifest. */
#define TOPIC_MAX 140

static void
release_file(void *arg)
{
	lh_files_close(&((LhFilesFile *) arg)->fd);
}

static LhStatus
files_recover(LhCtx *ctx, LhSink *sink, LhChangePos *durable, bool *known)
{
	LhFiles *s = (LhFiles *) sink;

	if (s->dir < 0)
		LH_FAIL(ctx, LH_BUG, "a sink was used after its end");
	s->ready = false;
	LH_TRY(lh_files_recover(ctx, s, durable, known));
	sink->durable = *durable;
	s->ready = true;
	return LH_OK;
}

static LhStatus
check_ready(LhCtx *ctx, LhFiles *s)
{
	s->refusals.n = 0;
	s->refusals.here = false;
	if (!s->ready)
		LH_FAIL(ctx, LH_BUG, "sink \"file://%s\" was used before its recovery or after a failure",
				s->path);
	return LH_OK;
}

/*
 * Files
 */

/* The part of a file's name that says its topic: plain characters, others as %XX. */
static void
add_topic(char *name, size_t cap, const char *topic)
{
	size_t n = strlen(name), begin = n;

	name[n++] = '-';
	for (const char *p = topic; *p != '\0' && n - begin < TOPIC_MAX; p++)
	{
		bool plain = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') ||
					 (*p >= '0' && *p <= '9') || *p == '.' || *p == '_' || *p == '-';

		n += (size_t) snprintf(name + n, cap - n, plain ? "%c" : "%%%02X", (uint8_t) *p);
	}
	if (n - begin >= TOPIC_MAX)
		snprintf(name + n, cap - n, "~%016llx",
				 (unsigned long long) lh_hash_bytes(topic, strlen(topic), 0));
	else
		name[n] = '\0';
}

/* What names end with. */
static const char *
file_end(const LhFiles *s)
{
	static const char *const plain[2][3] = {{".bin", ".bin.gz", ".bin.zst"},
											{".ndjson", ".ndjson.gz", ".ndjson.zst"}};

	if (s->container != LH_FILES_PLAIN)
		return s->container == LH_FILES_AVRO ? ".avro" : ".parquet";
	return plain[s->text][s->codec == LH_CODEC_GZIP ? 1 : s->codec == LH_CODEC_ZSTD ? 2 : 0];
}

static LhStatus
fill_file(LhCtx *ctx, LhFiles *s, LhFilesFile *f, const LhSinkMessage *m, const char *topic)
{
	const LhChangePos *pos = &m->pos;
	char name[256], temp[256];
	size_t n;

	n = (size_t) snprintf(name, sizeof(name), "%016llX-%016llX",
						  (unsigned long long) pos->commit_end, (unsigned long long) pos->ordinal);
	if (topic != NULL)
		add_topic(name, sizeof(name), topic);
	n = strlen(name);
	snprintf(name + n, sizeof(name) - n, "%s", file_end(s));
	if ((f->now.name = lh_strdup(ctx, name)) == NULL)
		return ctx->error->code;
	if (topic != NULL && (f->now.topic = lh_strdup(ctx, topic)) == NULL)
		return ctx->error->code;
	LH_TRY(lh_buf_init(ctx, &f->buf, false));
	f->now.first = *pos;
	f->opened_ms = lh_sink_now_ms();
	LH_TRY(lh_arena_on_reset(ctx, f->arena, release_file, f));
	if (s->container != LH_FILES_PLAIN)
		LH_TRY(lh_files_container_begin(ctx, s, f, m));
	lh_files_growing_name(&f->now, temp);
	return lh_files_create(ctx, s, temp, &f->fd);
}

/* A table has begun a file: those of its older schemas are complete. */
static void
end_older(LhFiles *s, uint32_t relid, const char *topic)
{
	for (int i = 0; i < s->nfiles; i++)
		if (relid != 0 && s->files[i]->relid == relid && strcmp(s->files[i]->now.topic, topic) == 0)
			s->files[i]->ended = true;
}

static LhStatus
new_file(LhCtx *ctx, LhFiles *s, const LhSinkMessage *m, const char *topic, LhFilesFile **out)
{
	LhArena *arena = lh_arena_child(s->arena), *old;
	LhStatus status;
	LhFilesFile *f;

	if (topic != NULL && !lh_utf8_valid(topic, strlen(topic)))
		LH_FAIL(ctx, LH_BAD_TEXT, "the name of a topic is not UTF-8");
	if (arena == NULL)
		LH_FAIL(ctx, LH_NO_MEMORY, "out of memory");
	old = lh_use(ctx, arena);
	f = lh_alloc0(ctx, sizeof(*f));
	if (f != NULL)
	{
		f->arena = arena;
		f->fd = -1;
	}
	status = f == NULL ? ctx->error->code : fill_file(ctx, s, f, m, topic);
	lh_use(ctx, old);
	if (status != LH_OK)
	{
		lh_arena_destroy(arena);
		return status;
	}
	if (s->container != LH_FILES_PLAIN)
		end_older(s, m->relid, topic);
	s->files[s->nfiles++] = f;
	*out = f;
	return LH_OK;
}

static bool
same_schema(const LhSchema *a, const LhSchema *b)
{
	return a == b || (a->fingerprint == b->fingerprint && a->text.len == b->text.len &&
					  memcmp(a->text.data, b->text.data, a->text.len) == 0);
}

static LhFilesFile *
find_file(const LhFiles *s, const char *topic, const LhSchema *schema)
{
	for (int i = 0; i < s->nfiles; i++)
		if ((topic == NULL || strcmp(s->files[i]->now.topic, topic) == 0) &&
			(s->container == LH_FILES_PLAIN || same_schema(s->files[i]->schema, schema)))
			return s->files[i];
	return NULL;
}

/* Messages that wait in memory go to the file, as one gzip member, zstd frame or block. */
static LhStatus
write_out(LhCtx *ctx, LhFiles *s, LhFilesFile *f)
{
	LhSlice bytes = {f->buf.data, f->buf.len};

	if (bytes.len == 0 && f->rows == 0)
		return LH_OK;
	LH_TRY(lh_poll(ctx));
	if (s->container != LH_FILES_PLAIN)
		LH_TRY(lh_files_block(ctx, s, f, &bytes));
	else if (s->codec != LH_CODEC_NONE)
	{
		s->packed.len = 0;
		LH_TRY(lh_compress(ctx, s->codecs, s->codec, 0, bytes.data, bytes.len, &s->packed));
		bytes = lh_slice(s->packed.data, s->packed.len);
	}
	LH_TRY(lh_files_write(ctx, s, f->fd, f->now.name, bytes.data, bytes.len));
	f->now.crc = lh_crc32_more(f->now.crc, bytes.data, bytes.len);
	f->now.bytes += bytes.len;
	f->buf.len = 0;
	return LH_OK;
}

/*
 * Durable positions
 */

/* All that was put becomes durable. */
static LhStatus
record(LhCtx *ctx, LhFiles *s)
{
	bool new_names = false;

	if (lh_change_pos_compare(&s->at, &s->sink.durable) == 0)
		return LH_OK;
	for (int i = 0; i < s->nfiles; i++)
	{
		LhFilesFile *f = s->files[i];

		LH_TRY(write_out(ctx, s, f));
		if (f->now.bytes == f->recorded.bytes)
			continue;
		LH_TRY(lh_files_sync(ctx, s, f->fd, f->now.name));
		new_names |= f->recorded.bytes == 0;
	}
	if (new_names)
		LH_TRY(lh_files_sync(ctx, s, s->dir, "."));
	LH_TRY(lh_files_journal_write(ctx, s));
	for (int i = 0; i < s->nfiles; i++)
		s->files[i]->recorded = s->files[i]->now;
	s->sink.durable = s->at;
	return LH_OK;
}

static bool
due(const LhFiles *s, const LhFilesFile *f, uint64_t bytes, bool all)
{
	return all || f->ended || f->now.bytes + f->buf.len >= bytes ||
		   (s->rotate_seconds > 0 &&
			lh_sink_now_ms() - f->opened_ms >= (int64_t) s->rotate_seconds * 1000);
}

/* Files are made of their row logs, and the journal says so. */
static LhStatus
make_files(LhCtx *ctx, LhFiles *s, LhFilesFile **files, int n)
{
	char log[256];

	for (int i = 0; i < n; i++)
		LH_TRY(lh_files_parquet_make(ctx, s, &files[i]->now));
	LH_TRY(lh_files_sync(ctx, s, s->dir, "."));
	LH_TRY(lh_files_journal_write(ctx, s));
	for (int i = 0; i < n; i++)
	{
		LhFilesEntry was = files[i]->now;

		was.log = true;
		lh_files_growing_name(&was, log);
		LH_TRY(lh_files_remove(ctx, s, log));
	}
	return LH_OK;
}

/* Give files their names; all they hold is recorded. */
static LhStatus
finish(LhCtx *ctx, LhFiles *s, LhFilesFile **files, int n)
{
	LhFilesEntry entries[LH_FILES_OPEN_MAX];

	if (s->container == LH_FILES_PARQUET)
		LH_TRY(make_files(ctx, s, files, n));
	for (int i = 0; i < n; i++)
	{
		LH_TRY(lh_files_rename(ctx, s, files[i]->now.name));
		entries[i] = files[i]->now;
	}
	LH_TRY(lh_files_sync(ctx, s, s->dir, "."));
	LH_TRY(lh_files_manifest_add(ctx, s, entries, n));
	lh_files_set_newest(s, &entries[n - 1]);
	for (int i = 0; i < n; i++)
	{
		for (int k = 0; k < s->nfiles; k++)
			if (s->files[k] == files[i])
				s->files[k] = s->files[--s->nfiles];
		lh_arena_destroy(files[i]->arena); /* closes it */
	}
	return lh_files_journal_write(ctx, s);
}

/* Finish the files that have so many bytes or are old enough, or all. */
static LhStatus
rotate(LhCtx *ctx, LhFiles *s, uint64_t bytes, bool all)
{
	LhFilesFile *files[LH_FILES_OPEN_MAX];
	int n = 0;

	for (int i = 0; i < s->nfiles; i++)
		if (due(s, s->files[i], bytes, all))
			files[n++] = s->files[i];
	if (n == 0)
		return LH_OK;
	LH_TRY(record(ctx, s));
	return finish(ctx, s, files, n);
}

/*
 * The vtable
 */

/* A new event: may files change here? */
static LhStatus
before_event(LhCtx *ctx, LhFiles *s)
{
	if (s->nfiles == LH_FILES_OPEN_MAX)
		return rotate(ctx, s, 0, true);
	return rotate(ctx, s, 2 * s->rotate_bytes, false);
}

static LhStatus
add_value(LhCtx *ctx, LhFiles *s, LhFilesFile *f, LhSlice value)
{
	if (s->container != LH_FILES_PLAIN)
	{
		f->rows++;
		return lh_buf_append(ctx, &f->buf, value.data + LH_SCHEMA_HEAD, value.len - LH_SCHEMA_HEAD);
	}
	if (s->text)
	{
		LH_TRY(lh_buf_append(ctx, &f->buf, value.data, value.len));
		LH_TRY(lh_buf_putc(ctx, &f->buf, '\n'));
	}
	else
	{
		if (value.len > UINT32_MAX)
			LH_FAIL(ctx, LH_LIMIT, "a value of %zu bytes is too long for a length of 32 bits",
					value.len);
		LH_TRY(lh_buf_append(ctx, &f->buf, &(uint32_t){(uint32_t) value.len}, 4));
		LH_TRY(lh_buf_append(ctx, &f->buf, value.data, value.len));
	}
	return LH_OK;
}

static LhStatus
put(LhCtx *ctx, LhFiles *s, const LhSinkMessage *m)
{
	const char *topic = s->per_topic ? m->topic != NULL ? m->topic : "" : NULL;
	LhFilesFile *f;

	if (s->container != LH_FILES_PLAIN && !m->tombstone)
		LH_TRY(lh_files_accepts(ctx, s, m));
	if (lh_change_pos_compare(&m->pos, &s->at) != 0)
		LH_TRY(before_event(ctx, s));
	s->at = m->pos;
	if (m->tombstone)
		return LH_OK;
	f = find_file(s, topic, m->value_schema);
	if (f == NULL && s->nfiles == LH_FILES_OPEN_MAX)
		LH_FAIL(ctx, LH_LIMIT, "one event has messages for more than %d files", LH_FILES_OPEN_MAX);
	if (f == NULL)
		LH_TRY(new_file(ctx, s, m, topic, &f));
	LH_TRY(add_value(ctx, s, f, m->value));
	f->now.last = m->pos;
	f->now.messages++;
	f->relid = m->relid;
	s->sink.messages++;
	s->sink.bytes += m->key.len + m->value.len;
	return f->buf.len >= s->block_bytes ? write_out(ctx, s, f) : LH_OK;
}

static LhStatus
commit(LhCtx *ctx, LhFiles *s, const LhChangePos *pos)
{
	if (lh_change_pos_compare(pos, &s->at) > 0)
		s->at = *pos;
	return rotate(ctx, s, s->rotate_bytes, false);
}

/* A failure leaves files and journal in a state that only recovery knows. */
static LhStatus
remember(LhFiles *s, LhStatus status)
{
	s->ready = status == LH_OK || s->refusals.here;
	return status;
}

static LhStatus
files_put(LhCtx *ctx, LhSink *sink, const LhSinkMessage *message)
{
	LhFiles *s = (LhFiles *) sink;

	LH_TRY(check_ready(ctx, s));
	return remember(s, put(ctx, s, message));
}

static LhStatus
files_commit(LhCtx *ctx, LhSink *sink, const LhChangePos *pos)
{
	LhFiles *s = (LhFiles *) sink;

	LH_TRY(check_ready(ctx, s));
	return remember(s, commit(ctx, s, pos));
}

static LhStatus
flush(LhCtx *ctx, LhFiles *s)
{
	LH_TRY(record(ctx, s));
	return rotate(ctx, s, 2 * s->rotate_bytes, false);
}

static LhStatus
files_flush(LhCtx *ctx, LhSink *sink)
{
	LhFiles *s = (LhFiles *) sink;

	LH_TRY(check_ready(ctx, s));
	return remember(s, flush(ctx, s));
}

/* Files that hold something recorded get their names, cut back to that; others go. */
static LhStatus
finish_recorded(LhCtx *ctx, LhFiles *s)
{
	LhFilesFile *files[LH_FILES_OPEN_MAX];
	char temp[256];
	int n = 0;

	s->at = s->sink.durable;
	for (int i = s->nfiles - 1; i >= 0; i--)
	{
		LhFilesFile *f = s->files[i];

		lh_files_growing_name(&f->now, temp);
		if (f->recorded.bytes == 0)
		{
			LH_TRY(lh_files_remove(ctx, s, temp));
			s->files[i] = s->files[--s->nfiles];
			lh_arena_destroy(f->arena);
			continue;
		}
		if (ftruncate(f->fd, (off_t) f->recorded.bytes) != 0)
			return lh_files_fail(ctx, s, "shorten", temp);
		LH_TRY(lh_files_sync(ctx, s, f->fd, temp));
		f->now = f->recorded;
		files[n++] = f;
	}
	return n > 0 ? finish(ctx, s, files, n) : LH_OK;
}

static LhStatus
files_close(LhCtx *ctx, LhSink *sink)
{
	LhFiles *s = (LhFiles *) sink;
	LhStatus status = s->ready ? finish_recorded(ctx, s) : LH_OK;

	s->ready = false;
	lh_files_drop_all(s);
	lh_files_release(s);
	return status;
}

const LhSinkKind lh_sink_file = {
	.scheme = "file",
	.lines = true,
	.summary = "files in a directory: lines, Avro, Parquet, each whole (exactly once)",
	.open = lh_files_open,
	.recover = files_recover,
	.put = files_put,
	.commit = files_commit,
	.flush = files_flush,
	.close = files_close,
};
