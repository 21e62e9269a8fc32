/*
 * json_row.h
 *		Rows as JSON objects: what the formats "json", "flat" and "upsert" have in common.
 *
 * A plan is made once a relation and holds each column's name as it stands in the
 * text.  Values are those of docs/cdc-formats.md, "json".
 */
#ifndef LH_CHANGE_JSON_ROW_H
#define LH_CHANGE_JSON_ROW_H

#include "change/change.h"
#include "change/text.h"

/* Pieces are followed by so many readable bytes, so that short ones are copied in one go. */
#define LH_JSON_SLACK 32

/* Text that was rendered before. */
typedef struct LhJsonPiece
{
	const char *text;
	uint32_t	len;
} LhJsonPiece;

typedef struct LhJsonColumn
{
	LhJsonPiece name;			/* ,"name": */
	bool		int_string;
	size_t		room;			/* for this column's name and bounded value, and those after it */
} LhJsonColumn;

typedef struct LhJsonRow
{
	const LhChangeRel *rel;
	const LhChangeOptions *options;
	LhJsonColumn columns[];		/* one more than there are */
} LhJsonRow;

/* names: what the columns are called, ncolumns of them; NULL: by their names.  Lives in ctx->arena. */
extern LhStatus lh_json_row_plan(LhCtx *ctx, const LhChangeOptions *options, const LhChangeRel *rel,
								 const char *const *names, LhJsonRow **out);
/* {"id":1,"name":"x"} of the columns that are there; *unchanged counts those that are not in the log. */
extern LhStatus lh_json_put_row(LhCtx *ctx, LhBuf *buf, const LhJsonRow *row, const LhCell *cells, int *unchanged);
/* ["big","other"]: names of the columns that are not in the log. */
extern LhStatus lh_json_put_unchanged(LhCtx *ctx, LhBuf *buf, const LhJsonRow *row, const LhCell *cells);
/* The cells that hold a row's key: the old one where it differs or is all there is.  NULL: there is none. */
extern const LhCell *lh_json_key_cells(const LhChangeEvent *ev);
/* {"id":1}, in the index's order.  A large key that was not touched is taken from the event's old row. */
extern LhStatus lh_json_put_key(LhCtx *ctx, LhBuf *buf, const LhJsonRow *row, const LhChangeEvent *ev, const LhCell *cells);
/* Keep what buf holds, in ctx->arena and with its slack, and empty buf. */
extern LhStatus lh_json_keep(LhCtx *ctx, LhBuf *buf, LhJsonPiece *out);

/* There is room for the piece and its slack. */
static inline char *
lh_json_put_piece(char *p, LhJsonPiece piece)
{
	if (piece.len <= LH_JSON_SLACK)
		memcpy(p, piece.text, LH_JSON_SLACK);
	else
		memcpy(p, piece.text, piece.len);
	return p + piece.len;
}

#endif
