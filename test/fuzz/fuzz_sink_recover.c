/*
 * fuzz_sink_recover.c
 *		The file sink after a start in a directory that says anything.
 *
 * The first byte of an input says what it is:
 *
 *	even	lines of the journal and, behind an empty line, of the manifest; each is sealed
 *			here, so that it is believed, and the files are good ones
 *	odd		the bytes of a row log that a good journal tells of, with its length and CRC-32;
 *			the second byte is the number of rows
 *
 * Whatever comes, recovery ends with a position or an error.  Where it is a position, no
 * temporary file is left, the journal is readable and says the same the next time.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fuzz/fuzz_ctx.h"
#include "sink/files.h"
#include "unit/avro_make.h"

#define CHECK(condition)  \
	do                    \
	{                     \
		if (!(condition)) \
			abort();      \
	} while (0)

#define NAME "0000000000000010-0000000000000001-t"
#define SCHEMA                                                                            \
	"{\"type\":\"record\",\"name\":\"r\",\"fields\":[{\"name\":\"a\",\"type\":\"long\"}," \
	"{\"name\":\"b\",\"type\":[\"null\",\"string\"]}]}"

static char dir[64];
static int dir_fd;

static void
put_file(const char *name, const void *bytes, size_t n)
{
	int fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	CHECK(fd >= 0 && write(fd, bytes, n) == (ssize_t) n);
	close(fd);
}

static void
empty_dir(void)
{
	DIR *d = opendir(dir);
	struct dirent *e;

	while ((e = readdir(d)) != NULL)
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 &&
			strcmp(e->d_name, LH_FILES_SCHEMAS) != 0)
			unlinkat(dir_fd, e->d_name, 0);
	closedir(d);
}

static void
put_sealed(LhCtx *ctx, LhBuf *out, const void *line, size_t n)
{
	avro_must(lh_buf_append(ctx, out, line, n));
	avro_must(lh_buf_printf(ctx, out, ",\"check\":\"%08x\"}\n", lh_crc32(line, n)));
}

/* A row log with two rows. */
static AvroMake
good_log(LhCtx *ctx)
{
	AvroMake m = avro_new(ctx), rows = avro_new(ctx);

	for (int i = 0; i < 2; i++)
	{
		avro_long(&rows, i);
		avro_long(&rows, 1);
		avro_text(&rows, "text");
	}
	avro_header(&m, SCHEMA, "null", NULL);
	avro_block(&m, 2, &rows.b, NULL);
	return m;
}

static void
make_lists(LhCtx *ctx, const uint8_t *data, size_t size)
{
	static const char *const names[] = {LH_FILES_JOURNAL, LH_FILES_MANIFEST};
	AvroMake log = good_log(ctx);
	int which = 0;
	LhBuf list;

	put_file(LH_FILES_TEMP NAME ".parquet" LH_FILES_LOG, log.b.data, log.b.len);
	put_file(LH_FILES_TEMP NAME ".avro", log.b.data, log.b.len);
	put_file(NAME ".ndjson", "{}\n", 3);
	avro_must(lh_buf_init(ctx, &list, false));
	while (size > 0 && which < 2)
	{
		const uint8_t *end = memchr(data, '\n', size);
		size_t n = end == NULL ? size : (size_t) (end - data);

		if (n > 0)
			put_sealed(ctx, &list, data, n);
		if (n == 0 || end == NULL)
		{
			put_file(names[which++], list.data, list.len);
			list.len = 0;
		}
		data += n + (end != NULL);
		size -= n + (end != NULL);
	}
}

static void
make_log(LhCtx *ctx, const uint8_t *data, size_t size)
{
	LhBuf line, list;

	if (size < 2)
		return;
	put_file(LH_FILES_TEMP NAME ".parquet" LH_FILES_LOG, data + 1, size - 1);
	avro_must(lh_buf_init(ctx, &line, false));
	avro_must(lh_buf_init(ctx, &list, false));
	avro_must(lh_buf_printf(
		ctx, &line,
		"{\"stream\":\"slot\",\"position\":{\"lsn\":\"0/10\",\"ordinal\":9,\"xid\":1},\"open\":[{"
		"\"name\":\"" NAME ".parquet\",\"topic\":\"t\",\"first\":{\"lsn\":\"0/10\",\"ordinal\":1,"
		"\"xid\":1},\"last\":{\"lsn\":\"0/10\",\"ordinal\":8,\"xid\":1},\"container\":\"parquet\","
		"\"schema\":\"00ff\",\"log\":true,\"messages\":%d,\"bytes\":%zu,\"crc32\":\"%08x\"}]",
		data[0], size - 1, lh_crc32(data + 1, size - 1)));
	put_sealed(ctx, &list, line.data, line.len);
	put_file(LH_FILES_JOURNAL, list.data, list.len);
}

static LhStatus
recover(LhCtx *ctx, LhChangePos *pos, bool *known)
{
	LhSinkConfig config = {.stream = "slot", .format = "avro", .schemas = LH_SCHEMA_AVRO};
	LhSinkOption options[] = {{"container", "parquet"}, {"verify", "no"}};
	LhStatus status;
	LhSink *sink;

	config.uri = "file:fuzz";
	config.host = "";
	config.path = dir;
	config.noptions = 2;
	config.options = options;
	CHECK(lh_sink_file.open(ctx, &config, &sink) == LH_OK);
	status = lh_sink_file.recover(ctx, sink, pos, known);
	CHECK(lh_sink_file.close(ctx, sink) == LH_OK);
	return status;
}

static void
check_settled(LhCtx *ctx, const LhChangePos *pos, bool known)
{
	LhChangePos again;
	bool known_again;
	DIR *d = opendir(dir);
	struct dirent *e;

	while ((e = readdir(d)) != NULL)
		CHECK(strncmp(e->d_name, LH_FILES_TEMP, strlen(LH_FILES_TEMP)) != 0);
	closedir(d);
	CHECK(recover(ctx, &again, &known_again) == LH_OK && known_again == known);
	CHECK(memcmp(&again.commit_end, &pos->commit_end, sizeof(again.commit_end)) == 0 &&
		  again.ordinal == pos->ordinal);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	LhChangePos pos;
	bool known;
	LhCtx *ctx;

	if (size < 1 || size > 65536)
		return 0;
	if (dir[0] == '\0')
	{
		strcpy(dir,
			   access("/dev/shm", W_OK) == 0 ? "/dev/shm/lh_fuzz_XXXXXX" : "/tmp/lh_fuzz_XXXXXX");
		CHECK(mkdtemp(dir) != NULL);
		dir_fd = open(dir, O_RDONLY | O_DIRECTORY);
	}
	ctx = fuzz_ctx();
	empty_dir();
	if (data[0] & 1)
		make_log(ctx, data + 1, size - 1);
	else
		make_lists(ctx, data + 1, size - 1);
	if (recover(ctx, &pos, &known) == LH_OK)
		check_settled(ctx, &pos, known);
	else
		CHECK(ctx->error->code != LH_BUG && ctx->error->message[0] != '\0');
	fuzz_ctx_done(ctx);
	return 0;
}
