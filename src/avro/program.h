/*
 * program.h
 *		Internal: a schema and what is wanted of it, compiled.
 *
 * A program is the list of operations that pass over one row (or one item of a
 * list): each either writes a value into a column or skips bytes.
 *
 *	1. What nobody wants becomes skips; neighbours are fused, so that a run of
 *	   numbers or of fixed sizes is one operation.
 *	2. A nullable value is its branch, then its operations, which are jumped over
 *	   when it is null.
 *	3. Lists, maps and unions have programs of their own for their items and
 *	   branches.
 *
 * Columns that have one slot for each row, or for each item of one list, are on
 * one level: they grow together.
 *
 * Bytes are read from blocks behind which LH_PADDING more are readable, so an
 * operation may read a number first and look for the end afterwards.
 */
#ifndef LH_AVRO_PROGRAM_H
#define LH_AVRO_PROGRAM_H

#include "avro/file.h"

typedef enum LhAvroOpCode
{
	/* nothing is wanted */
	LH_AVRO_OP_SKIP_FIXED,   /* n bytes */
	LH_AVRO_OP_SKIP_VARINTS, /* n of them */
	LH_AVRO_OP_SKIP_BYTES,   /* n times a length and its bytes */
	LH_AVRO_OP_SKIP_ITEMS,   /* items: an array or map */
	LH_AVRO_OP_SKIP_UNION,   /* branches */

	LH_AVRO_OP_NULLABLE, /* nullable: a branch; null jumps over n operations */

	/* into column */
	LH_AVRO_OP_BOOL,
	LH_AVRO_OP_INT,      /* to I32 */
	LH_AVRO_OP_INT_LONG, /* to I64 */
	LH_AVRO_OP_LONG,
	LH_AVRO_OP_FLOAT,
	LH_AVRO_OP_DOUBLE,
	LH_AVRO_OP_BYTES,     /* to STR */
	LH_AVRO_OP_FIXED,     /* n bytes to FIX */
	LH_AVRO_OP_ENUM,      /* a code below n */
	LH_AVRO_OP_UUID_TEXT, /* 36 characters to FIX 16 */
	LH_AVRO_OP_DEC64,     /* big-endian bytes to I64 */
	LH_AVRO_OP_DEC128,
	LH_AVRO_OP_DEC_WIDE, /* to STR */
	LH_AVRO_OP_FDEC64,   /* n bytes */
	LH_AVRO_OP_FDEC128,
	LH_AVRO_OP_FDEC_WIDE,
	LH_AVRO_OP_LIST,  /* items */
	LH_AVRO_OP_UNION, /* branches */
	LH_AVRO_OP_PICK   /* pick */
} LhAvroOpCode;

typedef struct LhAvroColumn LhAvroColumn;
typedef struct LhAvroLevel LhAvroLevel;
typedef struct LhAvroProg LhAvroProg;

struct LhAvroColumn
{
	LhType type;
	const LhDict *dict; /* codes into it */
	size_t width;       /* bytes a slot of data; 0: none */
	bool has_valid;
	uint8_t *data; /* of the buffers below, as they lie now */
	uint64_t *valid;
	uint32_t *offsets;
	LhBuf data_buf;
	LhBuf valid_buf;
	LhBuf offsets_buf;
	LhAvroLevel *items; /* LIST, MAP: of the children */
	int nchildren;
	LhAvroColumn **children;
	LhVec *vecs; /* of the children */
};

struct LhAvroLevel
{
	size_t n; /* slots used */
	size_t cap;
	size_t width;  /* of its widest column */
	LhBuf columns; /* LhAvroColumn * */
	LhAvroLevel *next;
};

/* Columns to be set null together with all below them. */
typedef struct LhAvroNullable
{
	uint16_t null_byte; /* branches as they lie in the file; no byte: there is none */
	uint16_t value_byte;
	int ncolumns;
	LhAvroColumn **columns;
} LhAvroNullable;

/* How items are skipped, or decoded: then VARINTS is an int and a long. */
typedef enum LhAvroShape
{
	LH_AVRO_ITEMS_FIXED,        /* n bytes each */
	LH_AVRO_ITEMS_VARINTS,      /* n numbers each */
	LH_AVRO_ITEMS_VARINT_BYTES, /* a number, and bytes with their length */
	LH_AVRO_ITEMS_ANY
} LhAvroShape;

typedef struct LhAvroItems
{
	LhAvroProg *body;
	int64_t min; /* bytes an item takes at least */
	LhAvroShape shape;
	size_t n;
	LhAvroLevel *level;   /* LIST */
	LhAvroColumn *column; /* LIST */
} LhAvroItems;

typedef struct LhAvroBranches
{
	int n;
	int null_branch;
	LhAvroProg **progs;   /* NULL: null */
	LhAvroColumn *column; /* UNION: the STRUCT, whose children are the other branches */
} LhAvroBranches;

#define LH_AVRO_SMALL_KEYS 256

/* Some keys of a map. */
typedef struct LhAvroPick
{
	LhAvroItems skip; /* of the entries that are not wanted: as items, for messages and shape */
	bool narrow;      /* keys are INT32 */
	LhAvroOpCode
		value; /* LONG or BYTES: the fast ways, only when values are not null; PICK: by program */
	LhAvroProg *skip_value;
	int n;
	const int32_t *keys;               /* ascending */
	const int *slots;                  /* of keys */
	int16_t small[LH_AVRO_SMALL_KEYS]; /* slot of a key below; -1: not wanted */
	LhAvroColumn **columns;            /* by slot */
	LhAvroProg **progs;                /* by slot */
} LhAvroPick;

typedef struct LhAvroOp
{
	uint8_t code;
	int node; /* for messages */
	size_t n;
	union
	{
		LhAvroColumn *column;
		LhAvroItems *items;
		LhAvroBranches *branches;
		LhAvroNullable *nullable;
		LhAvroPick *pick;
	};
} LhAvroOp;

struct LhAvroProg
{
	int n;
	const LhAvroOp *ops;
	size_t weight; /* columns of the level that it fills, and 1: what a null may cost */
	LhBuf buf;   /* while it is compiled */
	int barrier; /* operations from here on may be fused: no jump leads behind them */
};

typedef struct LhAvroProgram
{
	LhAvroProg rows;
	LhAvroProg skip;     /* rows nobody wants */
	LhAvroLevel *levels; /* the rows' first */
	int nslots;
	LhAvroColumn **slots;
	LhVec *vecs;
} LhAvroProgram;

/* compile.c */
extern LhStatus lh_avro_compile(LhCtx *ctx, LhAvroFile *file, int nwants, const LhAvroWant *wants,
								LhAvroProgram *out);

/* column.c */
extern LhStatus lh_avro_level_create(LhCtx *ctx, LhAvroProgram *program, LhAvroLevel **out);
extern LhStatus lh_avro_column_create(LhCtx *ctx, LhAvroLevel *level, const LhType *type,
									  const LhDict *dict, bool has_valid, LhAvroColumn **out);
/* Room for n slots on a level. */
extern LhStatus lh_avro_level_reserve(LhCtx *ctx, LhAvroLevel *level, size_t n);
/* No slots are used; a first room is there. */
extern LhStatus lh_avro_columns_begin(LhCtx *ctx, LhAvroProgram *program);
extern void lh_avro_column_null(LhAvroColumn *column, size_t slot);
/* The first n slots as a vector. */
extern void lh_avro_column_vec(LhAvroColumn *column, size_t n, LhVec *out);

typedef enum LhAvroFail
{
	LH_AVRO_FAIL_NONE,
	LH_AVRO_FAIL_CUT_OFF,
	LH_AVRO_FAIL_VARINT,
	LH_AVRO_FAIL_LENGTH,
	LH_AVRO_FAIL_BRANCH,
	LH_AVRO_FAIL_COUNT,
	LH_AVRO_FAIL_SIZE,
	LH_AVRO_FAIL_EMPTY,
	LH_AVRO_FAIL_ITEMS,
	LH_AVRO_FAIL_BOOL,
	LH_AVRO_FAIL_INT,
	LH_AVRO_FAIL_ENUM,
	LH_AVRO_FAIL_UUID,
	LH_AVRO_FAIL_DECIMAL,
	LH_AVRO_FAIL_STATUS /* the error is written */
} LhAvroFail;

/* run.c */
typedef struct LhAvroRun
{
	LhCtx *ctx;
	const LhAvroFile *file;
	const uint8_t *begin; /* of the block's bytes */
	const uint8_t *end;
	size_t items; /* of lists, since the batch began */
	size_t empty; /* ... that took no bytes */
	size_t work;  /* items since the host was asked */

	/* what went wrong */
	LhAvroFail fail;
	int fail_node;
	const uint8_t *fail_at;
	int64_t fail_value;
	LhStatus status;
} LhAvroRun;

/* fail.c: note it, returns NULL; and the error of what was noted, with its field and byte. */
extern const uint8_t *lh_avro_fail(LhAvroRun *run, int node, const uint8_t *at, LhAvroFail what,
								   int64_t value) __attribute__((cold));
extern LhStatus lh_avro_report(LhAvroRun *run);

/* scalar.c: 8-4-4-4-12 hexadecimal digits as 16 bytes; false when they are not. */
extern bool lh_avro_get_uuid(const uint8_t *p, size_t len, uint8_t *out);
/* Big-endian bytes into a column of decimals; false when they do not fit its lane. */
extern bool lh_avro_put_decimal(LhAvroColumn *column, size_t slot, const uint8_t *p, size_t n);

/* Items of lists after which a batch ends. */
#define LH_AVRO_BATCH_ITEMS 65536

/*
 * *n rows from *p on, which they move; fewer when lists hold very many items.
 * slot is the first row's on the level of rows.
 */
extern LhStatus
lh_avro_run(LhAvroRun *run, const LhAvroProg *prog, const uint8_t **p, size_t slot, size_t *n);

#endif
