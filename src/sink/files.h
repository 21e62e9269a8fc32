/*
 * files.h
 *		Internal: the file sink's parts.
 *
 *	files.c				how it keeps its promise; put, commit, flush, close
 *	files_open.c		options, directory, lock
 *	files_io.c			bytes, syncs and names
 *	files_manifest.c	the journal of positions and the manifest of files
 *	files_recover.c		what the journal says is made true again
 *	files_container.c	Avro: headers, blocks, the check of what goes into one
 *	files_parquet.c		a row log becomes a Parquet file
 *	files_schemas.c		texts of schemas beside the files
 */
#ifndef LH_SINK_FILES_H
#define LH_SINK_FILES_H

#include "avro/avro.h"
#include "codec/codec.h"
#include "sink/internal.h"

#define LH_FILES_JOURNAL  "_position.jsonl"
#define LH_FILES_MANIFEST "_manifest.jsonl"
#define LH_FILES_LOCK     "_lock"
#define LH_FILES_TEMP     ".tmp-"
#define LH_FILES_LOG      ".rows" /* behind the temporary name: the row log of a Parquet file */
#define LH_FILES_SCHEMAS  "_schemas"

/* Files that may be open at once (per=topic); beyond, all are finished. */
#define LH_FILES_OPEN_MAX    256
/* A block of a container is no larger: an event's messages, or one value. */
#define LH_FILES_BLOCK_MAX   ((size_t) 4 << 30)
/* The journal is written anew when it is so long. */
#define LH_FILES_JOURNAL_MAX ((uint64_t) 1 << 20)

/* What values lie in. */
typedef enum LhFilesContainer
{
	LH_FILES_PLAIN,  /* lines, or values with lengths */
	LH_FILES_AVRO,   /* an Avro object container */
	LH_FILES_PARQUET /* a row log, which is an Avro object container, until the file is made of it */
} LhFilesContainer;

/* What is known of a file, and stands in the journal and in the manifest. */
typedef struct LhFilesEntry
{
	const char *name;  /* as it is called when finished */
	const char *topic; /* NULL: of the whole stream */
	LhFilesContainer container;
	const char *schema; /* of a container: the name of its text (files_schemas.c); NULL: not known */
	bool log;           /* bytes and crc are those of the row log, the file is still to be made */
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
	/* of a container */
	const LhSchema *schema; /* the stream's */
	uint32_t relid;         /* of the last message */
	bool ended;             /* its table has another schema now */
	int64_t rows;           /* in buf */
	uint8_t sync[16];
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
	LhFilesContainer container;
	LhCodec codec; /* of lines and lengths: whole files; of containers: blocks, pages (GZIP in Avro: deflate) */
	uint64_t block_bytes; /* so many wait in memory, and make a block of a container */
	uint64_t rotate_bytes;
	uint64_t rotate_seconds; /* 0: never by age */
	int dir;                 /* descriptors; -1: closed */
	int lock;
	int schemas;
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
	LhBuf block; /* a container of one block, to be read back */
	LhCodecs *codecs;
	LhSinkRefusals refusals; /* of containers */
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

/* files_open.c */
extern LhStatus lh_files_open(LhCtx *ctx, const LhSinkConfig *config, LhSink **out);
/* Forget the open files; what is on the disk stays. */
extern void lh_files_drop_all(LhFiles *s);
/* Give all up, the lock too. */
extern void lh_files_release(void *files);

/* files_io.c */
extern LhStatus lh_files_fail(LhCtx *ctx, const LhFiles *s, const char *what, const char *name);
extern LhStatus lh_files_write(LhCtx *ctx, const LhFiles *s, int fd, const char *name,
							   const void *bytes, size_t len);
extern LhStatus lh_files_sync(LhCtx *ctx, const LhFiles *s, int fd, const char *name);
/* A new file, which must not be there, that is appended to. */
extern LhStatus lh_files_create(LhCtx *ctx, const LhFiles *s, const char *name, int *fd);
/* n bytes from an offset; LH_CORRUPT: there are fewer. */
extern LhStatus lh_files_read(LhCtx *ctx, const LhFiles *s, int fd, const char *name, int64_t at,
							  size_t n, void *out);
/* Remove a file if it is there. */
extern LhStatus lh_files_remove(LhCtx *ctx, const LhFiles *s, const char *name);
/* Give a temporary file its name; nobody else's is ever replaced. */
extern LhStatus lh_files_rename(LhCtx *ctx, const LhFiles *s, const char *name);
/* The name while it is written. */
extern void lh_files_temp_name(const char *name, char out[256]);
/* The name of what is appended to: the temporary file, or the row log of a Parquet file. */
extern void lh_files_growing_name(const LhFilesEntry *e, char out[256]);
extern void lh_files_close(int *fd);

/* files_manifest.c */
extern LhStatus lh_files_journal_read(LhCtx *ctx, LhFiles *s, LhFilesRecord *out, bool *found);
/* Append the present state; durable when it returns. */
extern LhStatus lh_files_journal_write(LhCtx *ctx, LhFiles *s);
/* Replace the journal by the present position and these open files. */
extern LhStatus
lh_files_journal_rewrite(LhCtx *ctx, LhFiles *s, const LhFilesEntry *open, int nopen);
/* Open the manifest, cut off what a crash left of a line; entries that it does not have yet are added. */
extern LhStatus lh_files_manifest_open(LhCtx *ctx, LhFiles *s, const LhFilesRecord *record);
extern LhStatus lh_files_manifest_add(LhCtx *ctx, LhFiles *s, const LhFilesEntry *entries, int n);
extern void lh_files_set_newest(LhFiles *s, const LhFilesEntry *entry);

/* files_recover.c */
extern LhStatus lh_files_recover(LhCtx *ctx, LhFiles *s, LhChangePos *durable, bool *known);

/* files_container.c */
/* LH_SINK_REFUSED, with the reason, for a message that no container can take; nothing has changed. */
extern LhStatus lh_files_accepts(LhCtx *ctx, LhFiles *s, const LhSinkMessage *m);
/* A new file of a container: its schema can be read, written, and is kept. */
extern LhStatus lh_files_container_begin(LhCtx *ctx, LhFiles *s, LhFilesFile *f, const LhSinkMessage *m);
/* What waits in f->buf as a block, and the header before the first one; valid until the next call. */
extern LhStatus lh_files_block(LhCtx *ctx, LhFiles *s, LhFilesFile *f, LhSlice *out);

/* files_parquet.c */
/* Can rows of this schema be written?  LH_UNSUPPORTED and others say why not. */
extern LhStatus lh_files_parquet_check(LhCtx *ctx, LhFiles *s, LhAvroFile *rows);
/*
 * Make the Parquet file of a row log that is as *e says; durable under its temporary
 * name, but for the directory, when it returns, and *e is the file's then.
 */
extern LhStatus lh_files_parquet_make(LhCtx *ctx, LhFiles *s, LhFilesEntry *e);

/* files_schemas.c */
/* Make the folder of schemas durable. */
extern LhStatus lh_files_schemas_open(LhCtx *ctx, LhFiles *s);
/* Keep a schema's text, durable when it returns; its name in ctx->arena. */
extern LhStatus lh_files_schemas_keep(LhCtx *ctx, LhFiles *s, const LhSchema *schema, const char **name);

#endif
