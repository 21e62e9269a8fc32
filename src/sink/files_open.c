/*
 * files_open.c
 *		The file sink's options, its directory and the lock that keeps a second writer out.
 */
#include "sink/files.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

void
lh_files_drop_all(LhFiles *s)
{
	for (int i = 0; i < s->nfiles; i++)
	{
		lh_files_close(&s->files[i]->fd);
		lh_arena_destroy(s->files[i]->arena);
	}
	s->nfiles = 0;
	lh_files_close(&s->journal);
	lh_files_close(&s->manifest);
}

/* Children of the arena are gone by then, perhaps: only descriptors are left to close. */
void
lh_files_release(void *files)
{
	LhFiles *s = files;

	lh_files_close(&s->journal);
	lh_files_close(&s->manifest);
	lh_files_close(&s->schemas);
	lh_files_close(&s->lock);
	lh_files_close(&s->dir);
}

/* The option "compress": what it may be depends on the container; the first is the preset. */
static LhStatus
read_compress(LhCtx *ctx, const LhSinkConfig *config, LhFiles *s)
{
	static const char *const names[][5] = {
		[LH_FILES_PLAIN] = {"none", "gzip", "zstd", NULL},
		[LH_FILES_AVRO] = {"none", "deflate", "zstd", "snappy", NULL},
		[LH_FILES_PARQUET] = {"zstd", "none", "snappy", "gzip", NULL},
	};
	static const LhCodec codecs[][4] = {
		[LH_FILES_PLAIN] = {LH_CODEC_NONE, LH_CODEC_GZIP, LH_CODEC_ZSTD},
		[LH_FILES_AVRO] = {LH_CODEC_NONE, LH_CODEC_GZIP, LH_CODEC_ZSTD, LH_CODEC_SNAPPY},
		[LH_FILES_PARQUET] = {LH_CODEC_ZSTD, LH_CODEC_NONE, LH_CODEC_SNAPPY, LH_CODEC_GZIP},
	};
	int choice;

	LH_TRY(lh_sink_option_choice(ctx, config, "compress", names[s->container], &choice));
	s->codec = codecs[s->container][choice];
	return LH_OK;
}

/* The option "container", and what it asks of the format and of other options. */
static LhStatus
read_container(LhCtx *ctx, const LhSinkConfig *config, LhFiles *s)
{
	static const char *const names[] = {"none", "avro", "parquet", NULL};
	static const char *const per[] = {"stream", "topic", NULL};
	int choice;

	LH_TRY(lh_sink_option_choice(ctx, config, "container", names, &choice));
	s->container = (LhFilesContainer) choice;
	LH_TRY(lh_sink_option_choice(ctx, config, "per", per, &choice));
	s->per_topic = choice == 1 || s->container != LH_FILES_PLAIN;
	LH_TRY(lh_sink_option_number(ctx, config, "block.bytes", (uint64_t) 256 << 10, 1,
								 (uint64_t) 64 << 20, &s->block_bytes));
	if (s->container == LH_FILES_PLAIN)
	{
		if (lh_sink_option(config, "block.bytes", NULL) != NULL)
			LH_FAIL(ctx, LH_INVALID,
					"sink \"%s\": only containers have blocks, see option \"container\"",
					config->uri);
		return LH_OK;
	}
	s->sink.refusals = &s->refusals;
	if (choice == 0 && lh_sink_option(config, "per", NULL) != NULL)
		LH_FAIL(
			ctx, LH_INVALID,
			"sink \"%s\": a container has one schema, so its files are those of a topic each (per=topic)",
			config->uri);
	if (config->schemas == LH_SCHEMA_AVRO)
		return LH_OK;
	lh_fail(ctx, LH_INVALID, "sink \"%s\": container=%s needs a format with Avro schemas%s%s",
			config->uri, names[s->container], config->format != NULL ? ", not " : "",
			config->format != NULL ? config->format : "");
	lh_hint(ctx, "Formats with Avro schemas are avro and debezium-avro.");
	return LH_INVALID;
}

static LhStatus
read_options(LhCtx *ctx, const LhSinkConfig *config, LhFiles *s)
{
	static const char *const known[] = {"rotate.bytes", "rotate.seconds", "compress",    "per",
										"verify",       "container",      "block.bytes", NULL};
	static const char *const verify[] = {"yes", "no", NULL};
	int choice;

	LH_TRY(lh_sink_check_options(ctx, config, known));
	if (config->host[0] != '\0' || config->path[0] != '/' || config->path[1] == '\0')
		LH_FAIL(
			ctx, LH_INVALID,
			"sink \"%s\": write \"file:///directory\", without a host and with an absolute path",
			config->uri);
	LH_TRY(lh_sink_option_number(ctx, config, "rotate.bytes", UINT64_C(128) << 20, 1,
								 UINT64_C(1) << 40, &s->rotate_bytes));
	LH_TRY(lh_sink_option_number(ctx, config, "rotate.seconds", 60, 0, 86400 * 366,
								 &s->rotate_seconds));
	LH_TRY(read_container(ctx, config, s));
	LH_TRY(read_compress(ctx, config, s));
	LH_TRY(lh_sink_option_choice(ctx, config, "verify", verify, &choice));
	s->verify = choice == 0;
	return LH_OK;
}

static LhStatus
open_directory(LhCtx *ctx, LhFiles *s)
{
	if (mkdir(s->path, 0750) != 0 && errno != EEXIST)
		return lh_files_fail(ctx, s, "create", "");
	s->dir = open(s->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->dir < 0)
		return lh_files_fail(ctx, s, "open", "");
	s->lock = openat(s->dir, LH_FILES_LOCK, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
	if (s->lock < 0)
		return lh_files_fail(ctx, s, "open", LH_FILES_LOCK);
	if (flock(s->lock, LOCK_EX | LOCK_NB) == 0)
		return LH_OK;
	if (errno != EWOULDBLOCK)
		return lh_files_fail(ctx, s, "lock", LH_FILES_LOCK);
	lh_fail(ctx, LH_DENIED, "\"%s\" is being written by another program", s->path);
	lh_hint(ctx, "Each stream needs a directory of its own, and one client at a time.");
	return LH_DENIED;
}

LhStatus
lh_files_open(LhCtx *ctx, const LhSinkConfig *config, LhSink **out)
{
	LhFiles *s;

	LH_NEW(ctx, s);
	s->arena = ctx->arena;
	s->dir = s->lock = s->schemas = s->journal = s->manifest = -1;
	s->text = config->text;
	LH_TRY(read_options(ctx, config, s));
	if ((s->path = lh_strdup(ctx, config->path)) == NULL ||
		(s->stream = lh_strdup(ctx, config->stream)) == NULL)
		return ctx->error->code;
	if (!lh_utf8_valid(s->stream, strlen(s->stream)))
		LH_FAIL(ctx, LH_BAD_TEXT, "the name of the stream is not UTF-8");
	LH_TRY(lh_buf_init(ctx, &s->line, false));
	LH_TRY(lh_buf_init(ctx, &s->packed, false));
	LH_TRY(lh_buf_init(ctx, &s->block, false));
	LH_TRY(lh_codecs_create(ctx, &s->codecs));
	LH_TRY(lh_arena_on_reset(ctx, ctx->arena, lh_files_release, s));
	LH_TRY(open_directory(ctx, s));
	*out = &s->sink;
	return LH_OK;
}
