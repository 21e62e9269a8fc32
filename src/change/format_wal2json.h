/*
 * format_wal2json.h
 *		What the two versions of wal2json's format share.
 */
#ifndef LH_CHANGE_FORMAT_WAL2JSON_H
#define LH_CHANGE_FORMAT_WAL2JSON_H

#include "change/change.h"
#include "change/formats.h"
#include "change/text.h"

#define LH_W2J_MOST ((size_t) 256 << 20)

/* How values of a type are written; everything else is a string of its text. */
typedef enum LhW2jMode
{
	LH_W2J_TEXT,
	LH_W2J_NUMBER, /* bare digits; NaN and infinities are null */
	LH_W2J_BOOL,
	LH_W2J_BYTES /* a string of hex digits without the \x */
} LhW2jMode;

/* JSON text that is the same for every row. */
typedef struct LhW2jColumn
{
	LhW2jMode mode;
	bool number_string; /* NUMBER in quotes, NaN too */
	bool identity;      /* in the replica identity's index; all columns of FULL */
	bool pk;
	LhSlice name;
	LhSlice type;
	/* version 1 */
	LhSlice oid;
	LhSlice position;
	LhSlice optional;
	LhSlice preset;
	/* version 2, with the comma before it */
	LhSlice change_head; /* ,{"name":"a","type":"integer","value": */
	LhSlice change_tail; /* ,"optional":false} */
	LhSlice pk_item;     /* ,{"name":"a","type":"integer"} */
} LhW2jColumn;

/* Lists of version 1 with all columns of a set in them, up to the values. */
typedef struct LhW2jLists
{
	LhSlice columns; /* of a new row */
	LhSlice old_all; /* of an old row */
	LhSlice old_key;
	LhSlice pk; /* whole */
} LhW2jLists;

typedef struct LhW2jPlan
{
	const LhChangeRel *rel;
	int ncolumns;
	LhW2jColumn *columns;
	bool has_index;    /* an index is the replica identity */
	bool has_identity; /* or the whole row */
	bool has_pk;
	LhSlice table; /* version 1: from "kind" on, by operation; version 2: ,"schema":..,"table":.. */
	LhSlice kinds[3]; /* version 1: insert, update, delete */
	LhSlice pk_list;  /* version 2 */
	LhW2jLists lists;
} LhW2jPlan;

typedef struct LhW2jEncoder
{
	LhEncoder base;
	int version;
	LhBuf text; /* scratch of relation; lives with the encoder */
	/* version 1 */
	LhBuf txn; /* the transaction's value so far */
	uint64_t nchanges;
	size_t most;    /* bytes after which the value goes out in pieces */
	const char *ht; /* tab, newline and blank of pretty-print, or nothing */
	const char *nl;
	const char *sp;
	LhSlice item[2]; /* what comes before the first item of "change" and before the others */
	LhSlice item_end;
	LhSlice old_end; /* what closes "oldkeys" */
	/* version 2: xid, timestamp and origin of the running transaction */
	bool alone; /* the facts are those of an event outside of it */
	char facts[256];
	size_t nfacts;
} LhW2jEncoder;

/* What printf makes, in ctx->arena. */
extern LhStatus
lh_w2j_print(LhCtx *ctx, LhSlice *out, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
extern LhStatus lh_w2j_keep(LhCtx *ctx, const LhBuf *buf, LhSlice *out);
/* False, as wal2json passes over it: nothing tells which row it was. */
extern bool lh_w2j_told(const LhW2jEncoder *enc, const LhW2jPlan *plan, const LhChangeEvent *ev);
extern LhStatus lh_w2j_value(LhCtx *ctx, LhBuf *buf, const LhW2jColumn *column, const LhCell *cell);
/* Content of a logical message as a JSON string. */
extern LhStatus lh_w2j_content(LhCtx *ctx, LhBuf *buf, LhSlice content);
/* A row that could not be encoded is told of as a message with this prefix; its content says why. */
#define LH_W2J_QUARANTINE "lakehouse.quarantine"
extern LhStatus lh_w2j_reason(LhCtx *ctx, LhBuf *buf, const LhChangeEvent *ev);
/* The commit's time as timestamptz_to_str writes it; LH_TEXT_TIME bytes at least. */
extern char *lh_w2j_time(char *p, const LhChangeTxn *txn);

extern LhStatus lh_w2j_v1_plan(LhCtx *ctx, LhW2jEncoder *enc, LhW2jPlan *plan);
extern LhStatus
lh_w2j_v1_event(LhCtx *ctx, LhW2jEncoder *enc, const LhChangeEvent *ev, LhChangeOut *out);
extern LhStatus lh_w2j_v2_plan(LhCtx *ctx, LhW2jEncoder *enc, LhW2jPlan *plan);
extern LhStatus
lh_w2j_v2_event(LhCtx *ctx, LhW2jEncoder *enc, const LhChangeEvent *ev, LhChangeOut *out);

static inline LhStatus
lh_w2j_put(LhCtx *ctx, LhBuf *buf, LhSlice s)
{
	return lh_put(ctx, buf, s.data, s.len);
}

#endif
