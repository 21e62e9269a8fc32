/*
 * files.h
 *		Internal: the file sink's parts.  files.c tells how it keeps its promise.
 */
#ifndef LH_SINK_FILES_H
#define LH_SINK_FILES_H

#include "codec/codec.h"
#include "sink/internal.h"

#define LH_FILES_JOURNAL  "_position.jsonl"
#define LH_FILES_MANIFEST "_manifest.jsonl"
#define LH_FILES_LOCK     "_lock"
#define LH_FILES_TEMP     ".tmp-"

/* Files that may be open at once (per=topic); beyond, all are finished. */
#define LH_FILES_OPEN_MAX    256
/* The journal is written anew when it is so long. */
#define LH_FILES_JOURNAL_MAX ((uint64_t) 1 << 20)

/* What is known of a file, and stands in the journal and in the manifest. */
typedef struct LhFilesEntry
{
	const char *name;  /* as it is called when finished */
	const char *topic; /* NULL: of the whole stream */
	LhChangePos first;
	LhChangePos last;
	uint64_t messages;
	uint64_t bytes;
	uint32_t crc;
} LhFilesEntry;

typedef struct LhFilesFile
{
	LhArena *arena; /* of this struct and all it holds */
	int fd;
	LhFilesEntry now;
	LhFilesEntry recorded; /* as the journal has it; bytes 0: not at all */
	LhBuf buf;             /* messages not yet written */
	int64_t opened_ms;
} LhFilesFile;

typedef struct LhFiles
{
	LhSink sink;
	LhArena *arena;
	const char *path; /* of the directory */
	const char *stream;
	bool text;
	bool per_topic;
	bool verify;
	LhCodec codec;
	uint64_t rotate_bytes;
	uint64_t rotate_seconds; /* 0: never by age */
	int dir;                 /* descriptors; -1: closed */
	int lock;
	int journal;
	int manifest;
	bool ready;     /* recovered, and nothing failed since */
	LhChangePos at; /* all up to here was put */
	uint64_t journal_bytes;
	LhFilesFile *files[LH_FILES_OPEN_MAX];
	int nfiles;
	LhFilesEntry newest; /* finished last; name NULL: none */
	char newest_name[256];
	LhBuf line;
	LhBuf packed;
	LhCodecs *codecs;
} LhFiles;

/* What the journal's last good record says; strings are of ctx->arena. */
typedef struct LhFilesRecord
{
	const char *stream;
	LhChangePos pos;
	int nopen;
	LhFilesEntry open[LH_FILES_OPEN_MAX];
	LhFilesEntry newest; /* name NULL: none */
} LhFilesRecord;

/* files_manifest.c */
extern LhStatus lh_files_journal_read(LhCtx *ctx, LhFiles *s, LhFilesRecord *out, bool *found);
/* Append the present state; durable when it returns. */
extern LhStatus lh_files_journal_write(LhCtx *ctx, LhFiles *s);
/* Replace the journal by the present state. */
extern LhStatus lh_files_journal_rewrite(LhCtx *ctx, LhFiles *s);
/* Open the manifest, cut off what a crash left of a line; entries that it does not have yet are added. */
extern LhStatus lh_files_manifest_open(LhCtx *ctx, LhFiles *s, const LhFilesRecord *record);
extern LhStatus lh_files_manifest_add(LhCtx *ctx, LhFiles *s, const LhFilesEntry *entries, int n);

/* files_recover.c */
extern LhStatus lh_files_recover(LhCtx *ctx, LhFiles *s, LhChangePos *durable, bool *known);

/* files.c */
extern LhStatus lh_files_fail(LhCtx *ctx, const LhFiles *s, const char *what, const char *name);
extern LhStatus lh_files_write(LhCtx *ctx, const LhFiles *s, int fd, const char *name,
							   const void *bytes, size_t len);
extern LhStatus lh_files_sync(LhCtx *ctx, const LhFiles *s, int fd, const char *name);
extern LhStatus lh_files_rename(LhCtx *ctx, const LhFiles *s, const char *name);
extern void lh_files_temp_name(const char *name, char out[256]);
extern void lh_files_drop_all(LhFiles *s);
extern void lh_files_set_newest(LhFiles *s, const LhFilesEntry *entry);

#endif
