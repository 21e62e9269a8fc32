/*
 * cell.h
 *		Datums as cells (vec/cell.h): values of rows that leave one at a time.
 *
 * What a column's values need is compiled once into an LhCellType; making a cell
 * then looks nothing up, neither in a system cache nor for a function.  Cells
 * point into the tuple, into constants of the type, or into the maker's scratch
 * memory, which the caller resets once a row.
 *
 *	1. Known types are read straight from the Datum (cell.c, cell_array.c,
 *	   cell_jsonb.c); domains as what lies beneath them.
 *	2. All others become OTHER by their output function, which the caller calls
 *	   under lh_cell_settings, so that they look the same in every session.
 *	3. Text becomes UTF-8; what cannot is RAW.
 */
#ifndef LH_PG_CELL_H
#define LH_PG_CELL_H

#include "pg/util/util.h"

#include "vec/cell.h"

typedef struct LhCellMaker LhCellMaker;
typedef struct LhCellType LhCellType;

typedef void (*LhCellFn) (LhCellMaker *maker, const LhCellType *type, Datum d, LhCell *cell);

struct LhCellType
{
	LhCellFn	make;
	LhCellKind	kind;			/* of values that are not RAW */
	Oid			typid;			/* as declared */
	Oid			base;			/* beneath domains */
	int32		typmod;			/* beneath domains */
	bool		has_settings;	/* OTHER whose text may depend on them */
	bool		guarded;		/* its output function is a user's, and may raise an error */
	FmgrInfo	output;			/* OTHER */
	const LhCellType *elem;		/* ARRAY */
	int16		typlen;			/* of the type itself, for arrays of it */
	bool		typbyval;
	char		typalign;
	char		delim;			/* of arrays of it */
	struct LhCellLabels *labels;	/* enumerations */
};

struct LhCellMaker
{
	LhCtx	   *ctx;			/* its arena is scratch memory of the row */
	MemoryContext scratch;		/* the same of PostgreSQL */
	bool		session;		/* values look as this session shows them */
	Oid			conversion;		/* from another encoding */
	size_t		bytes;			/* of all values without fixed size, for the caller to reset */
	size_t		grown;			/* how much longer their text may be where that is no matter of escapes; the same */
	LhBuf		json;			/* where texts of jsonb grow; lives as long as the maker */
};

/*
 * Begin: which encoding, which settings.  Reads the catalog when the server's
 * encoding is to be converted.  ctx->arena as it is now is where the maker lives;
 * when cells are made it is the scratch memory.
 */
extern void lh_cell_maker_init(LhCellMaker *maker, LhCtx *ctx, MemoryContext scratch, bool session);

/* Compile a type; the result and all it needs live in mcxt. */
extern LhCellType *lh_cell_type(LhCellMaker *maker, MemoryContext mcxt, Oid typid, int32 typmod);

/* One value, not NULL.  CurrentMemoryContext must be maker->scratch. */
static inline void
lh_cell_make(LhCellMaker *maker, const LhCellType *type, Datum d, LhCell *cell)
{
	type->make(maker, type, d, cell);
}

/* Labels of an enumeration in its order, UTF-8, NULL-terminated, in ctx->arena; NULL: no enumeration. */
extern const char *const *lh_cell_enum_labels(LhCtx *ctx, const LhCellType *type);

/*
 * Settings under which output functions write the same text in every session;
 * the level is for AtEOXact_GUC.
 */
extern int	lh_cell_settings(void);
/* Would they change nothing now? */
extern bool lh_cell_settings_hold(void);

/* Text in the server's encoding (a name, a comment) as UTF-8 in ctx->arena; what cannot be converted becomes '?'. */
extern const char *lh_cell_utf8(LhCtx *ctx, const char *text);

/*
 * More text than this cannot be made of values whose text is far longer than they
 * are: 1e131071 has six bytes.  Once maker->grown is beyond it, cells are not whole
 * and the row cannot be shown.
 */
#define LH_CELL_GROWN_MAX ((size_t) 1 << 30)

/* ---- between the files of cells ---- */

/* Text of the server as a cell of this kind, or RAW. */
extern void lh_cell_text_of(LhCellMaker *maker, LhCellKind kind, const char *p, size_t len, LhCell *cell);
extern void lh_cell_numeric_of(const void *p, size_t len, LhCell *cell);
/* About how long its text is. */
extern size_t lh_cell_numeric_room(const LhCell *cell);
extern void lh_cell_make_array(LhCellMaker *maker, const LhCellType *type, Datum d, LhCell *cell);
extern void lh_cell_make_jsonb(LhCellMaker *maker, const LhCellType *type, Datum d, LhCell *cell);

#endif
