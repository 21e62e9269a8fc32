/*
 * files_manifest.c
 *		The file sink's two lists: the journal of positions and the manifest of files.
 *
 * Both are lines of JSON, each sealed by the CRC-32 of what stands before it:
 *
 *		{...,"check":"8 hexadecimal digits"}
 *
 * A record is appended only when the one before it is durable.  So what a crash
 * leaves can only be a bad tail: it is cut off.  A bad line with a good one behind it
 * is no crash's work, and an error.
 */
#include "sink/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SEAL             ",\"check\":\""
#define SEAL_SIZE        (sizeof(SEAL) - 1 + 8 + 2) /* with digits, quote and brace */
#define TMP_JOURNAL      ".tmp-" LH_FILES_JOURNAL
/* A journal that we wrote is never longer. */
#define JOURNAL_READ_MAX (64 * LH_FILES_JOURNAL_MAX)
/* Of the manifest only the end is looked at: longer than the lines of all files that can be open. */
#define MANIFEST_TAIL    ((off_t) 1 << 20)

/* End a line that begins at buf->data[begin]. */
static LhStatus
seal(LhCtx *ctx, LhBuf *buf, size_t begin)
{
	uint32_t crc = lh_crc32(buf->data + begin, buf->len - begin);

	return lh_buf_printf(ctx, buf, SEAL "%08x\"}\n", crc);
}

/* Is this line (without its newline) one that we finished? */
static bool
sealed(const char *line, size_t n)
{
	char digits[9];

	if (n < SEAL_SIZE || memcmp(line + n - SEAL_SIZE, SEAL, sizeof(SEAL) - 1) != 0)
		return false;
	snprintf(digits, sizeof(digits), "%08x", lh_crc32(line, n - SEAL_SIZE));
	return memcmp(line + n - 10, digits, 8) == 0 && memcmp(line + n - 2, "\"}", 2) == 0;
}

/*
 * Find the last good line of text; *good is where it ends (0: there is none).
 * lenient_first: text begins within a line.
 */
static LhStatus
last_good_line(LhCtx *ctx, const LhFiles *s, const char *file, const char *text, size_t n,
			   bool lenient_first, const char **line, size_t *len, size_t *good)
{
	size_t at = 0, bad = SIZE_MAX;

	*good = 0;
	while (at < n)
	{
		const char *end = memchr(text + at, '\n', n - at);

		if (end == NULL)
			break;
		if (sealed(text + at, (size_t) (end - text) - at))
		{
			if (bad != SIZE_MAX)
			{
				lh_fail(ctx, LH_CORRUPT, "\"%s/%s\": the line at byte %zu is damaged", s->path,
						file, bad);
				lh_hint(ctx, "Restore the directory as it was, or start the stream anew in an "
							 "empty one.");
				return LH_CORRUPT;
			}
			*line = text + at;
			*len = (size_t) (end - text) - at;
			*good = (size_t) (end - text) + 1;
		}
		else if (bad == SIZE_MAX && !(lenient_first && at == 0))
			bad = at;
		at = (size_t) (end - text) + 1;
	}
	return LH_OK;
}

/* Read a file from an offset to its end; a NUL follows. */
static LhStatus
read_file(LhCtx *ctx, const LhFiles *s, int fd, const char *name, off_t from, off_t size,
		  char **out)
{
	char *text = NULL;

	LH_ALLOC(ctx, text, (size_t) (size - from) + 1);
	LH_TRY(lh_files_read(ctx, s, fd, name, from, (size_t) (size - from), text));
	text[size - from] = '\0';
	*out = text;
	return LH_OK;
}

/*
 * Entries
 */

static const char *const containers[] = {"none", "avro", "parquet"};

static LhStatus
write_entry(LhCtx *ctx, LhBuf *out, const LhFilesEntry *e)
{
	LH_TRY(lh_buf_append_str(ctx, out, "{\"name\":"));
	LH_TRY(lh_json_string(ctx, out, e->name, strlen(e->name)));
	if (e->topic != NULL)
	{
		LH_TRY(lh_buf_append_str(ctx, out, ",\"topic\":"));
		LH_TRY(lh_json_string(ctx, out, e->topic, strlen(e->topic)));
	}
	LH_TRY(lh_buf_append_str(ctx, out, ",\"first\":"));
	LH_TRY(lh_sink_position_write(ctx, out, &e->first));
	LH_TRY(lh_buf_append_str(ctx, out, ",\"last\":"));
	LH_TRY(lh_sink_position_write(ctx, out, &e->last));
	if (e->container != LH_FILES_PLAIN)
		LH_TRY(lh_buf_printf(ctx, out, ",\"container\":\"%s\",\"schema\":\"%s\",\"rows\":%llu%s",
							 containers[e->container], e->schema, (unsigned long long) e->messages,
							 e->log ? ",\"log\":true" : ""));
	return lh_buf_printf(ctx, out, ",\"messages\":%llu,\"bytes\":%llu,\"crc32\":\"%08x\"",
						 (unsigned long long) e->messages, (unsigned long long) e->bytes, e->crc);
}

/* A name of ours, and nothing that leads out of the directory. */
static bool
good_name(const char *name)
{
	size_t n = name == NULL ? 0 : strlen(name);

	return n > 0 && n < 256 - sizeof(LH_FILES_TEMP) && name[0] != '.' && strchr(name, '/') == NULL;
}

/* What a container's entry has besides; without it the entry is of a plain file. */
static LhStatus
read_container(LhCtx *ctx, const json_t *json, LhFilesEntry *e, bool *good)
{
	const char *container = json_string_value(json_object_get(json, "container"));
	const char *schema = json_string_value(json_object_get(json, "schema"));

	*good = container == NULL;
	if (container == NULL)
		return LH_OK;
	for (int i = LH_FILES_AVRO; i <= LH_FILES_PARQUET; i++)
		if (strcmp(container, containers[i]) == 0)
			e->container = (LhFilesContainer) i;
	e->log = json_is_true(json_object_get(json, "log"));
	*good = e->container != LH_FILES_PLAIN && schema != NULL && e->topic != NULL &&
			strspn(schema, "0123456789abcdef-") == strlen(schema) &&
			(!e->log || e->container == LH_FILES_PARQUET);
	if (*good && (e->schema = lh_strdup(ctx, schema)) == NULL)
		return ctx->error->code;
	return LH_OK;
}

static LhStatus
no_entry(LhCtx *ctx, const LhFiles *s)
{
	LH_FAIL(ctx, LH_CORRUPT, "\"%s/%s\": a record does not describe its files", s->path,
			LH_FILES_JOURNAL);
}

static LhStatus
read_entry(LhCtx *ctx, const LhFiles *s, const json_t *json, LhFilesEntry *e)
{
	const char *name = json_string_value(json_object_get(json, "name"));
	const char *topic = json_string_value(json_object_get(json, "topic"));
	const char *crc = json_string_value(json_object_get(json, "crc32"));
	json_int_t messages = json_integer_value(json_object_get(json, "messages"));
	json_int_t bytes = json_integer_value(json_object_get(json, "bytes"));
	bool good;

	*e = (LhFilesEntry){.messages = (uint64_t) messages, .bytes = (uint64_t) bytes};
	if (!good_name(name) || crc == NULL || strlen(crc) != 8 || messages < 1 || bytes < 1 ||
		!lh_sink_position_read(json_object_get(json, "first"), &e->first) ||
		!lh_sink_position_read(json_object_get(json, "last"), &e->last))
		return no_entry(ctx, s);
	e->crc = (uint32_t) strtoul(crc, NULL, 16);
	if ((e->name = lh_strdup(ctx, name)) == NULL)
		return ctx->error->code;
	if (topic != NULL && (e->topic = lh_strdup(ctx, topic)) == NULL)
		return ctx->error->code;
	LH_TRY(read_container(ctx, json, e, &good));
	return good ? LH_OK : no_entry(ctx, s);
}

/*
 * The journal
 */

static LhStatus
read_record(LhCtx *ctx, const LhFiles *s, const json_t *json, LhFilesRecord *out)
{
	const char *stream = json_string_value(json_object_get(json, "stream"));
	const json_t *open = json_object_get(json, "open");
	const json_t *newest = json_object_get(json, "newest");

	if (stream == NULL || !lh_sink_position_read(json_object_get(json, "position"), &out->pos) ||
		!json_is_array(open) || json_array_size(open) > LH_FILES_OPEN_MAX)
		LH_FAIL(ctx, LH_CORRUPT, "\"%s/%s\": its last record has no stream, position or files",
				s->path, LH_FILES_JOURNAL);
	if ((out->stream = lh_strdup(ctx, stream)) == NULL)
		return ctx->error->code;
	out->nopen = (int) json_array_size(open);
	for (int i = 0; i < out->nopen; i++)
		LH_TRY(read_entry(ctx, s, json_array_get(open, (size_t) i), &out->open[i]));
	out->newest.name = NULL;
	return newest == NULL ? LH_OK : read_entry(ctx, s, newest, &out->newest);
}

static LhStatus
read_journal(LhCtx *ctx, const LhFiles *s, int fd, LhFilesRecord *out, bool *found)
{
	const char *line;
	char *text = NULL;
	size_t len, good;
	struct stat st;
	LhStatus status;
	json_t *json;

	if (fstat(fd, &st) != 0)
		return lh_files_fail(ctx, s, "look at", LH_FILES_JOURNAL);
	if (st.st_size > (off_t) JOURNAL_READ_MAX)
		LH_FAIL(ctx, LH_CORRUPT, "\"%s/%s\" is larger than any that a sink writes", s->path,
				LH_FILES_JOURNAL);
	LH_TRY(read_file(ctx, s, fd, LH_FILES_JOURNAL, 0, st.st_size, &text));
	LH_TRY(last_good_line(ctx, s, LH_FILES_JOURNAL, text, (size_t) st.st_size, false, &line, &len,
						  &good));
	*found = good > 0;
	if (good == 0)
		return LH_OK;
	json = json_loadb(line, len, JSON_REJECT_DUPLICATES, NULL);
	if (json == NULL)
		LH_FAIL(ctx, LH_CORRUPT, "\"%s/%s\": its last record is not JSON", s->path,
				LH_FILES_JOURNAL);
	status = read_record(ctx, s, json, out);
	json_decref(json);
	return status;
}

LhStatus
lh_files_journal_read(LhCtx *ctx, LhFiles *s, LhFilesRecord *out, bool *found)
{
	int fd = openat(s->dir, LH_FILES_JOURNAL, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	LhStatus status;

	*found = false;
	if (fd < 0)
		return errno == ENOENT ? LH_OK : lh_files_fail(ctx, s, "open", LH_FILES_JOURNAL);
	status = read_journal(ctx, s, fd, out, found);
	close(fd);
	return status;
}

static LhStatus
write_record(LhCtx *ctx, LhFiles *s, const LhFilesEntry *open, int nopen)
{
	LhBuf *line = &s->line;
	int n = 0;

	line->len = 0;
	LH_TRY(lh_buf_append_str(ctx, line, "{\"stream\":"));
	LH_TRY(lh_json_string(ctx, line, s->stream, strlen(s->stream)));
	LH_TRY(lh_buf_append_str(ctx, line, ",\"position\":"));
	LH_TRY(lh_sink_position_write(ctx, line, &s->at));
	if (s->newest.name != NULL)
	{
		LH_TRY(lh_buf_append_str(ctx, line, ",\"newest\":"));
		LH_TRY(write_entry(ctx, line, &s->newest));
		LH_TRY(lh_buf_putc(ctx, line, '}'));
	}
	LH_TRY(lh_buf_append_str(ctx, line, ",\"open\":["));
	for (int i = 0; i < nopen; i++)
	{
		if (open[i].bytes == 0)
			continue;
		if (n++ > 0)
			LH_TRY(lh_buf_putc(ctx, line, ','));
		LH_TRY(write_entry(ctx, line, &open[i]));
		LH_TRY(lh_buf_putc(ctx, line, '}'));
	}
	LH_TRY(lh_buf_putc(ctx, line, ']'));
	return seal(ctx, line, 0);
}

LhStatus
lh_files_journal_write(LhCtx *ctx, LhFiles *s)
{
	LhFilesEntry open[LH_FILES_OPEN_MAX];

	for (int i = 0; i < s->nfiles; i++)
		open[i] = s->files[i]->now;
	if (s->journal_bytes >= LH_FILES_JOURNAL_MAX || s->journal < 0)
		return lh_files_journal_rewrite(ctx, s, open, s->nfiles);
	LH_TRY(write_record(ctx, s, open, s->nfiles));
	LH_TRY(lh_files_write(ctx, s, s->journal, LH_FILES_JOURNAL, s->line.data, s->line.len));
	s->journal_bytes += s->line.len;
	return lh_files_sync(ctx, s, s->journal, LH_FILES_JOURNAL);
}

LhStatus
lh_files_journal_rewrite(LhCtx *ctx, LhFiles *s, const LhFilesEntry *open, int nopen)
{
	LH_TRY(write_record(ctx, s, open, nopen));
	if (s->journal >= 0)
		close(s->journal);
	if (unlinkat(s->dir, TMP_JOURNAL, 0) != 0 && errno != ENOENT)
		return lh_files_fail(ctx, s, "remove", TMP_JOURNAL);
	s->journal = openat(s->dir, TMP_JOURNAL,
						O_WRONLY | O_APPEND | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0640);
	if (s->journal < 0)
		return lh_files_fail(ctx, s, "create", TMP_JOURNAL);
	LH_TRY(lh_files_write(ctx, s, s->journal, TMP_JOURNAL, s->line.data, s->line.len));
	LH_TRY(lh_files_sync(ctx, s, s->journal, TMP_JOURNAL));
	if (renameat(s->dir, TMP_JOURNAL, s->dir, LH_FILES_JOURNAL) != 0)
		return lh_files_fail(ctx, s, "rename", TMP_JOURNAL);
	s->journal_bytes = s->line.len;
	return lh_files_sync(ctx, s, s->dir, ".");
}

/*
 * The manifest
 */

static bool
has_name(const char *text, const char *name, LhBuf *scratch, LhCtx *ctx)
{
	scratch->len = 0;
	return lh_buf_append_str(ctx, scratch, "{\"name\":") == LH_OK &&
		   lh_json_string(ctx, scratch, name, strlen(name)) == LH_OK &&
		   lh_buf_putc(ctx, scratch, '\0') == LH_OK && strstr(text, (char *) scratch->data) != NULL;
}

/* text: the manifest's end, all of it good lines but perhaps the first. */
static LhStatus
add_missing(LhCtx *ctx, LhFiles *s, const LhFilesRecord *record, const char *text)
{
	const LhFilesEntry *newest = &record->newest;

	if (newest->name != NULL && !has_name(text, newest->name, &s->line, ctx))
	{
		lh_fail(ctx, LH_CORRUPT, "\"%s/%s\" has no line of the file \"%s\", which was finished",
				s->path, LH_FILES_MANIFEST, newest->name);
		lh_hint(ctx, "Restore the directory as it was, or start the stream anew in an empty one.");
		return LH_CORRUPT;
	}
	for (int i = 0; i < record->nopen; i++)
		if (!has_name(text, record->open[i].name, &s->line, ctx))
			LH_TRY(lh_files_manifest_add(ctx, s, &record->open[i], 1));
	return LH_OK;
}

LhStatus
lh_files_manifest_open(LhCtx *ctx, LhFiles *s, const LhFilesRecord *record)
{
	const char *line;
	char *text = NULL;
	size_t len, good;
	struct stat st;
	off_t from;

	if (s->manifest >= 0)
		close(s->manifest);
	s->manifest = openat(s->dir, LH_FILES_MANIFEST,
						 O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
	if (s->manifest < 0)
		return lh_files_fail(ctx, s, "open", LH_FILES_MANIFEST);
	if (fstat(s->manifest, &st) != 0)
		return lh_files_fail(ctx, s, "look at", LH_FILES_MANIFEST);
	from = st.st_size > MANIFEST_TAIL ? st.st_size - MANIFEST_TAIL : 0;
	LH_TRY(read_file(ctx, s, s->manifest, LH_FILES_MANIFEST, from, st.st_size, &text));
	LH_TRY(last_good_line(ctx, s, LH_FILES_MANIFEST, text, (size_t) (st.st_size - from), from > 0,
						  &line, &len, &good));
	if (good == 0 && from > 0)
		LH_FAIL(ctx, LH_CORRUPT, "\"%s/%s\": no good line in its last %lld bytes", s->path,
				LH_FILES_MANIFEST, (long long) MANIFEST_TAIL);
	if (from + (off_t) good < st.st_size && ftruncate(s->manifest, from + (off_t) good) != 0)
		return lh_files_fail(ctx, s, "shorten", LH_FILES_MANIFEST);
	if (good > 0 && record->stream == NULL)
		LH_FAIL(ctx, LH_CORRUPT, "\"%s\" has files in \"%s\", but no position in \"%s\"", s->path,
				LH_FILES_MANIFEST, LH_FILES_JOURNAL);
	text[good] = '\0';
	return add_missing(ctx, s, record, text);
}

LhStatus
lh_files_manifest_add(LhCtx *ctx, LhFiles *s, const LhFilesEntry *entries, int n)
{
	LhBuf *line = &s->line;

	line->len = 0;
	for (int i = 0; i < n; i++)
	{
		size_t begin = line->len;

		LH_TRY(write_entry(ctx, line, &entries[i]));
		LH_TRY(seal(ctx, line, begin));
	}
	LH_TRY(lh_files_write(ctx, s, s->manifest, LH_FILES_MANIFEST, line->data, line->len));
	return lh_files_sync(ctx, s, s->manifest, LH_FILES_MANIFEST);
}

void
lh_files_set_newest(LhFiles *s, const LhFilesEntry *entry)
{
	snprintf(s->newest_name, sizeof(s->newest_name), "%s", entry->name);
	s->newest = *entry;
	s->newest.name = s->newest_name;
	/* these are of another arena; the manifest has them */
	s->newest.topic = NULL;
	s->newest.schema = NULL;
	s->newest.container = LH_FILES_PLAIN;
}
