/*
 * cell_jsonb.c
 *		jsonb as JSON text, byte for byte as jsonb_out writes it.
 *
 * A walk over the containers as they lie in the value, into one buffer: no
 * iterator, no copies of strings and numbers.  Each container has a word of
 * flags and count, then a word for each child (of an object first the keys, then
 * the values), then their bytes.  A child's word has its length or, now and then,
 * where it ends.
 *
 * Format: src/include/utils/jsonb.h
 */
#include "pg/bridge/cell.h"

#include "miscadmin.h"
#include "utils/jsonb.h"

#include "change/text.h"

typedef struct Walk
{
	LhCtx	   *ctx;
	LhBuf	   *buf;
	bool		full;			/* LH_CELL_GROWN_MAX, as much as jsonb_out could write */
} Walk;

static void walk_container(Walk *w, const JsonbContainer *c);

static inline void
put(Walk *w, const void *p, size_t n)
{
	if (unlikely(w->buf->len + n > LH_CELL_GROWN_MAX))
		w->full = true;
	if (likely(!w->full))
		lh_pg_check(w->ctx, lh_put(w->ctx, w->buf, p, n));
}

#define PUT(w, literal) put(w, literal, sizeof(literal) - 1)

/* Strings as escape_json() writes them; the server's encoding, so bytes above 127 are none of our business. */
static void
put_string(Walk *w, const char *p, size_t n)
{
	static const char hex[] = "0123456789abcdef";
	size_t		done = 0;

	PUT(w, "\"");
	for (size_t i = 0; i < n; i++)
	{
		unsigned char c = (unsigned char) p[i];
		char		escape[6] = {'\\', 'u', '0', '0', 0, 0};
		size_t		len = 2;

		if (likely(c >= ' ' && c != '"' && c != '\\'))
			continue;
		switch (c)
		{
			case '\b':
				escape[1] = 'b';
				break;
			case '\f':
				escape[1] = 'f';
				break;
			case '\n':
				escape[1] = 'n';
				break;
			case '\r':
				escape[1] = 'r';
				break;
			case '\t':
				escape[1] = 't';
				break;
			case '"':
			case '\\':
				escape[1] = (char) c;
				break;
			default:
				escape[4] = hex[c >> 4];
				escape[5] = hex[c & 15];
				len = 6;
		}
		put(w, p + done, i - done);
		put(w, escape, len);
		done = i + 1;
	}
	put(w, p + done, n - done);
	PUT(w, "\"");
}

/* A child whose bytes begin at offset of base; numbers and containers are aligned. */
static void
walk_child(Walk *w, JEntry entry, const char *base, uint32 offset, uint32 len)
{
	if (JBE_ISSTRING(entry))
		put_string(w, base + offset, len);
	else if (JBE_ISNUMERIC(entry))
	{
		const char *v = base + INTALIGN(offset);
		LhCell		cell = {0};

		lh_cell_numeric_of(VARDATA_ANY(v), VARSIZE_ANY_EXHDR(v), &cell);
		if (unlikely(w->buf->len + lh_cell_numeric_room(&cell) > LH_CELL_GROWN_MAX))
			w->full = true;
		if (likely(!w->full))
			lh_pg_check(w->ctx, lh_put_numeric(w->ctx, w->buf, &cell));
	}
	else if (JBE_ISBOOL_TRUE(entry))
		PUT(w, "true");
	else if (JBE_ISBOOL_FALSE(entry))
		PUT(w, "false");
	else if (JBE_ISNULL(entry))
		PUT(w, "null");
	else
		walk_container(w, (const JsonbContainer *) (base + INTALIGN(offset)));
}

/* Steps along the words of children: where each begins and how long it is.  Zero where there are none. */
typedef struct Child
{
	const JEntry *entry;
	uint32		offset;
	uint32		len;
} Child;

static inline void
child_at(Child *child, const JEntry *entry, uint32 offset)
{
	child->entry = entry;
	child->offset = offset;
	child->len = JBE_HAS_OFF(*entry) ? JBE_OFFLENFLD(*entry) - offset : JBE_OFFLENFLD(*entry);
}

static inline void
child_next(Child *child)
{
	child_at(child, child->entry + 1, child->offset + child->len);
}

static void
walk_object(Walk *w, const JsonbContainer *c, uint32 n)
{
	const char *base = (const char *) &c->children[n * 2];
	Child		key = {0},
				value = {0};

	if (n > 0)
	{
		child_at(&key, c->children, 0);
		child_at(&value, &c->children[n], getJsonbOffset(c, (int) n));
	}
	PUT(w, "{");
	for (uint32 i = 0; i < n; i++)
	{
		if (i > 0)
		{
			PUT(w, ", ");
			child_next(&key);
			child_next(&value);
		}
		put_string(w, base + key.offset, key.len);
		PUT(w, ": ");
		walk_child(w, *value.entry, base, value.offset, value.len);
	}
	PUT(w, "}");
}

static void
walk_array(Walk *w, const JsonbContainer *c, uint32 n)
{
	const char *base = (const char *) &c->children[n];
	bool		scalar = JsonContainerIsScalar(c);
	Child		item = {0};

	if (n > 0)
		child_at(&item, c->children, 0);
	if (!scalar)
		PUT(w, "[");
	for (uint32 i = 0; i < n; i++)
	{
		if (i > 0)
		{
			PUT(w, ", ");
			child_next(&item);
		}
		walk_child(w, *item.entry, base, item.offset, item.len);
	}
	if (!scalar)
		PUT(w, "]");
}

static void
walk_container(Walk *w, const JsonbContainer *c)
{
	uint32		n = JsonContainerSize(c);

	check_stack_depth();
	if (JsonContainerIsObject(c))
		walk_object(w, c, n);
	else
		walk_array(w, c, n);
}

/* Texts up to this size are made in the maker's own buffer and copied from it: no block is taken and freed a row. */
#define KEPT (64 * 1024)

void
lh_cell_make_jsonb(LhCellMaker *maker, const LhCellType *type, Datum d, LhCell *cell)
{
	Jsonb	   *json = DatumGetJsonbP(d);
	bool		kept = VARSIZE(json) <= KEPT / 8;
	LhBuf		own;
	LhBuf	   *buf = kept ? &maker->json : &own;
	Walk		w = {maker->ctx, buf, false};
	const char *text;
	size_t		len;

	if (kept)
		buf->len = 0;
	else
		lh_pg_check(maker->ctx, lh_buf_init(maker->ctx, buf, false));
	lh_pg_check(maker->ctx, lh_buf_reserve(maker->ctx, buf, VARSIZE(json) * 2));
	walk_container(&w, &json->root);
	/* numbers, and nothing else, grow further than escapes make strings */
	if (unlikely(buf->len > (size_t) VARSIZE(json) * 8))
		maker->grown += buf->len;
	if (unlikely(w.full))
	{
		maker->grown += LH_CELL_GROWN_MAX + 1;
		*cell = lh_cell_null();
		return;
	}
	text = (const char *) buf->data;
	len = buf->len;
	if (kept)
	{
		text = lh_memdup(maker->ctx, buf->data, len);
		if (text == NULL)
			lh_pg_raise(maker->ctx);
		if (unlikely(buf->cap > KEPT * 2))
			lh_buf_free(buf);
	}
	lh_cell_text_of(maker, LH_CELL_JSON, text, len, cell);
}
