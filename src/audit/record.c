/*
 * record.c
 *		Audit records as bytes.
 *
 * A record goes through a ring from the process that runs a statement to the one that logs, so
 * encoding is on every statement's way: one pass measures, one writes, nothing else is allocated.
 *
 *	head		92 bytes: version, kind, result, 1 when cut, length of all, numbers, SQLSTATE and the lengths
 *				of eleven texts (below), all little-endian
 *	texts		the bytes of these
 *	relations	oid, relkind, number of columns, lengths of three texts; the texts; the columns: written,
 *				lengths of three texts; the texts
 *	uses		use, values, length of a text; the text
 *
 * Decoding believes nothing: a record is taken only when every length fits and nothing is left over.
 */
#include "audit/internal.h"

#define VERSION  1
#define TEXTS    11
#define HEAD     92
#define RELATION 13
#define COLUMN   7
#define USED     11

/* Where numbers stand in the head. */
enum
{
	AT_VERSION = 0,
	AT_KIND = 1,
	AT_RESULT = 2,
	AT_CUT = 3,
	AT_LENGTH = 4,
	AT_TIME = 8,
	AT_SESSION = 16,
	AT_TRANSACTION = 24,
	AT_STATEMENT = 32,
	AT_ROWS = 40,
	AT_COUNT = 48,
	AT_PID = 56,
	AT_RELATIONS = 60,
	AT_USED = 62,
	AT_SQLSTATE = 64,
	AT_TEXTS = 70
};

_Static_assert(AT_TEXTS + 2 * TEXTS == HEAD, "the head is what it says");

/* The texts of a record, in the order of their lengths. */
static void
texts_of(LhAuditRecord *r, LhSlice *texts[TEXTS])
{
	LhSlice *const all[TEXTS] = {&r->database,    &r->session_user, &r->role,    &r->roles,
								 &r->application, &r->address,      &r->purpose, &r->command,
								 &r->fingerprint, &r->object,       &r->detail};

	memcpy(texts, all, sizeof(all));
}

/*
 * Encoding
 */

/* How much of a record there is room for. */
typedef struct Plan
{
	int nrelations, nused;
	size_t columns; /* of all relations together, from the first on */
	size_t length;
	bool cut;
} Plan;

static size_t
clip(LhSlice s, bool *cut)
{
	size_t n = lh_utf8_clip(s.data, s.len, LH_AUDIT_TEXT_MOST);

	*cut = *cut || n < s.len;
	return n;
}

static size_t
column_size(const LhAuditColumn *c, bool *cut)
{
	return COLUMN + clip(c->name, cut) + clip(c->policy, cut) + clip(c->mask, cut);
}

static size_t
relation_size(const LhAuditRelation *r, bool *cut)
{
	return RELATION + clip(r->schema, cut) + clip(r->name, cut) + clip(r->filters, cut);
}

/* As many parts as fit; columns come last, as they go first. */
static void
make_plan(const LhAuditRecord *r, LhSlice *const texts[TEXTS], Plan *plan)
{
	size_t parts = 0;

	*plan = (Plan){.length = HEAD, .cut = r->cut};
	for (int i = 0; i < TEXTS; i++)
		plan->length += clip(*texts[i], &plan->cut);
	for (; plan->nused < r->nused; plan->nused++)
	{
		size_t n = USED + clip(r->used[plan->nused].object, &plan->cut);

		if (parts + n > LH_AUDIT_PARTS_MOST / 2)
			break;
		parts += n;
	}
	for (; plan->nrelations < r->nrelations; plan->nrelations++)
	{
		size_t n = relation_size(&r->relations[plan->nrelations], &plan->cut);

		if (parts + n > LH_AUDIT_PARTS_MOST)
			break;
		parts += n;
	}
	plan->length += parts;
	plan->cut = plan->cut || plan->nused < r->nused || plan->nrelations < r->nrelations;
	for (int i = 0; i < plan->nrelations; i++)
		for (int k = 0; k < r->relations[i].ncolumns; k++)
		{
			size_t n = column_size(&r->relations[i].columns[k], &plan->cut);

			if (plan->length + n > LH_AUDIT_RECORD_MOST)
			{
				plan->cut = true;
				return;
			}
			plan->length += n;
			plan->columns++;
		}
}

static inline void
put_u16(uint8_t *p, size_t v)
{
	uint16_t x = (uint16_t) v;

	memcpy(p, &x, sizeof(x));
}

static inline void
put_u32(uint8_t *p, uint32_t v)
{
	memcpy(p, &v, sizeof(v));
}

static inline void
put_u64(uint8_t *p, uint64_t v)
{
	memcpy(p, &v, sizeof(v));
}

/* Texts behind each other, their lengths from lengths on. */
static uint8_t *
put_texts(uint8_t *p, uint8_t *lengths, const LhSlice *const *texts, int n)
{
	bool cut = false;

	for (int i = 0; i < n; i++)
	{
		size_t len = clip(*texts[i], &cut);

		put_u16(lengths + 2 * i, len);
		if (len > 0)
			memcpy(p, texts[i]->data, len);
		p += len;
	}
	return p;
}

static uint8_t *
put_column(uint8_t *p, const LhAuditColumn *c)
{
	const LhSlice *const texts[3] = {&c->name, &c->policy, &c->mask};

	p[0] = c->written;
	return put_texts(p + COLUMN, p + 1, texts, 3);
}

static uint8_t *
put_relation(uint8_t *p, const LhAuditRelation *r, size_t *columns)
{
	const LhSlice *const texts[3] = {&r->schema, &r->name, &r->filters};
	size_t n = (size_t) r->ncolumns < *columns ? (size_t) r->ncolumns : *columns;

	put_u32(p, r->oid);
	p[4] = (uint8_t) r->kind;
	put_u16(p + 5, n);
	p = put_texts(p + RELATION, p + 7, texts, 3);
	for (size_t i = 0; i < n; i++)
		p = put_column(p, &r->columns[i]);
	*columns -= n;
	return p;
}

static uint8_t *
put_used(uint8_t *p, const LhAuditUsed *u)
{
	const LhSlice *const texts[1] = {&u->object};

	p[0] = (uint8_t) u->use;
	put_u64(p + 1, u->values);
	return put_texts(p + USED, p + 9, texts, 1);
}

static void
put_head(uint8_t *p, const LhAuditRecord *r, const Plan *plan)
{
	p[AT_VERSION] = VERSION;
	p[AT_KIND] = (uint8_t) r->kind;
	p[AT_RESULT] = (uint8_t) r->result;
	p[AT_CUT] = plan->cut;
	put_u32(p + AT_LENGTH, (uint32_t) plan->length);
	put_u64(p + AT_TIME, (uint64_t) r->time);
	put_u64(p + AT_SESSION, (uint64_t) r->session_start);
	put_u64(p + AT_TRANSACTION, r->transaction);
	put_u64(p + AT_STATEMENT, r->statement);
	put_u64(p + AT_ROWS, r->rows);
	put_u64(p + AT_COUNT, r->count);
	put_u32(p + AT_PID, (uint32_t) r->pid);
	put_u16(p + AT_RELATIONS, (size_t) plan->nrelations);
	put_u16(p + AT_USED, (size_t) plan->nused);
	memset(p + AT_SQLSTATE, 0, 6);
	memcpy(p + AT_SQLSTATE, r->sqlstate, strnlen(r->sqlstate, 5));
}

/*
 * What both directions ask of a record
 */

static bool
time_valid(int64_t t)
{
	return t >= LH_AUDIT_TIME_LEAST && t <= LH_AUDIT_TIME_MOST;
}

/* Five digits or capitals, or nothing. */
static bool
sqlstate_valid(const char s[6])
{
	static const char none[6];

	if (s[0] == '\0')
		return memcmp(s, none, sizeof(none)) == 0;
	for (int i = 0; i < 5; i++)
		if (!((s[i] >= '0' && s[i] <= '9') || (s[i] >= 'A' && s[i] <= 'Z')))
			return false;
	return s[5] == '\0';
}

bool
lh_audit_valid(const LhAuditRecord *r)
{
	if (r->kind < LH_AUDIT_INTENT || r->kind > LH_AUDIT_STOP || r->result > LH_AUDIT_GONE ||
		(int) r->result < 0)
		return false;
	for (int i = 0; i < r->nrelations; i++)
		if (r->relations[i].kind < '!' || r->relations[i].kind > '~')
			return false;
	for (int i = 0; i < r->nused; i++)
		if ((int) r->used[i].use < 0 || r->used[i].use >= LH_AUDIT_USES)
			return false;
	return time_valid(r->time) && time_valid(r->session_start) && sqlstate_valid(r->sqlstate);
}

LhStatus
lh_audit_encode(LhCtx *ctx, const LhAuditRecord *record, LhBuf *out)
{
	LhSlice *texts[TEXTS];
	size_t columns;
	uint8_t *p;
	Plan plan;

	if (!lh_audit_valid(record))
		LH_FAIL(ctx, LH_INVALID, "an audit record has a kind, a time or a code that is none");
	/* only read through */
	texts_of((LhAuditRecord *) record, texts);
	make_plan(record, texts, &plan);
	LH_TRY(lh_buf_reserve(ctx, out, out->len + plan.length));
	p = out->data + out->len;
	put_head(p, record, &plan);
	p = put_texts(p + HEAD, p + AT_TEXTS, (const LhSlice *const *) texts, TEXTS);
	columns = plan.columns;
	for (int i = 0; i < plan.nrelations; i++)
		p = put_relation(p, &record->relations[i], &columns);
	for (int i = 0; i < plan.nused; i++)
		p = put_used(p, &record->used[i]);
	if (p != out->data + out->len + plan.length)
		LH_FAIL(ctx, LH_BUG, "an audit record was measured as %zu bytes and written as %zu",
				plan.length, (size_t) (p - out->data) - out->len);
	out->len += plan.length;
	return LH_OK;
}

/*
 * Decoding
 */

static LhStatus
damaged(LhCtx *ctx, const char *what)
{
	LH_FAIL(ctx, LH_CORRUPT, "an audit record has %s", what);
}

/* n bytes, if they are there. */
static const uint8_t *
take(LhSlice *rest, size_t n)
{
	const uint8_t *p = rest->data;

	if (rest->len < n)
		return NULL;
	*rest = lh_slice(p + n, rest->len - n);
	return p;
}

static bool
take_texts(LhSlice *rest, const uint8_t *lengths, LhSlice *const *texts, int n)
{
	for (int i = 0; i < n; i++)
	{
		size_t len = lh_load_u16(lengths + 2 * i);
		const uint8_t *p = len <= LH_AUDIT_TEXT_MOST ? take(rest, len) : NULL;

		if (p == NULL)
			return false;
		*texts[i] = lh_slice(p, len);
	}
	return true;
}

static LhStatus
take_columns(LhCtx *ctx, LhSlice *rest, LhAuditRelation *r)
{
	LhAuditColumn *columns;

	if ((size_t) r->ncolumns > rest->len / COLUMN)
		return damaged(ctx, "more columns than bytes");
	LH_NEW_ARRAY(ctx, columns, (size_t) r->ncolumns);
	for (int i = 0; i < r->ncolumns; i++)
	{
		LhSlice *const texts[3] = {&columns[i].name, &columns[i].policy, &columns[i].mask};
		const uint8_t *p = take(rest, COLUMN);

		if (p == NULL || p[0] > 1 || !take_texts(rest, p + 1, texts, 3))
			return damaged(ctx, "a column that is none");
		columns[i].written = p[0];
	}
	r->columns = columns;
	return LH_OK;
}

static LhStatus
take_relations(LhCtx *ctx, LhSlice *rest, LhAuditRecord *out)
{
	LhAuditRelation *relations;

	if ((size_t) out->nrelations > rest->len / RELATION)
		return damaged(ctx, "more relations than bytes");
	LH_NEW_ARRAY(ctx, relations, (size_t) out->nrelations);
	for (int i = 0; i < out->nrelations; i++)
	{
		LhAuditRelation *r = &relations[i];
		LhSlice *const texts[3] = {&r->schema, &r->name, &r->filters};
		const uint8_t *p = take(rest, RELATION);

		if (p == NULL || !take_texts(rest, p + 7, texts, 3))
			return damaged(ctx, "a relation that is none");
		r->oid = lh_load_u32(p);
		r->kind = (char) p[4];
		r->ncolumns = lh_load_u16(p + 5);
		LH_TRY(take_columns(ctx, rest, r));
	}
	out->relations = relations;
	return LH_OK;
}

static LhStatus
take_used(LhCtx *ctx, LhSlice *rest, LhAuditRecord *out)
{
	LhAuditUsed *used;

	if ((size_t) out->nused > rest->len / USED)
		return damaged(ctx, "more uses than bytes");
	LH_NEW_ARRAY(ctx, used, (size_t) out->nused);
	for (int i = 0; i < out->nused; i++)
	{
		LhSlice *const texts[1] = {&used[i].object};
		const uint8_t *p = take(rest, USED);

		if (p == NULL || !take_texts(rest, p + 9, texts, 1))
			return damaged(ctx, "a use that is none");
		used[i].use = (LhAuditUse) p[0];
		used[i].values = lh_load_u64(p + 1);
	}
	out->used = used;
	return LH_OK;
}

static void
take_head(const uint8_t *p, LhAuditRecord *out)
{
	*out = (LhAuditRecord){
		.kind = (LhAuditKind) p[AT_KIND],
		.result = (LhAuditResult) p[AT_RESULT],
		.cut = p[AT_CUT],
		.time = lh_load_i64(p + AT_TIME),
		.session_start = lh_load_i64(p + AT_SESSION),
		.transaction = lh_load_u64(p + AT_TRANSACTION),
		.statement = lh_load_u64(p + AT_STATEMENT),
		.rows = lh_load_u64(p + AT_ROWS),
		.count = lh_load_u64(p + AT_COUNT),
		.pid = lh_load_i32(p + AT_PID),
		.nrelations = lh_load_u16(p + AT_RELATIONS),
		.nused = lh_load_u16(p + AT_USED),
	};
	memcpy(out->sqlstate, p + AT_SQLSTATE, 6);
}

LhStatus
lh_audit_decode(LhCtx *ctx, LhSlice bytes, LhAuditRecord *out)
{
	LhSlice rest = bytes, *texts[TEXTS];
	const uint8_t *head = take(&rest, HEAD);
	Plan plan;

	if (head == NULL || bytes.len > LH_AUDIT_RECORD_MOST)
		LH_FAIL(ctx, LH_CORRUPT, "an audit record has %zu bytes, not %d to %d", bytes.len, HEAD,
				LH_AUDIT_RECORD_MOST);
	if (head[AT_VERSION] != VERSION)
		LH_FAIL(ctx, LH_CORRUPT, "an audit record has version %d; known is %d", head[AT_VERSION],
				VERSION);
	if (lh_load_u32(head + AT_LENGTH) != bytes.len || head[AT_CUT] > 1)
		return damaged(ctx, "another length than it says");
	take_head(head, out);
	texts_of(out, texts);
	if (!take_texts(&rest, head + AT_TEXTS, texts, TEXTS))
		return damaged(ctx, "texts that are longer than it");
	LH_TRY(take_relations(ctx, &rest, out));
	LH_TRY(take_used(ctx, &rest, out));
	if (rest.len != 0)
		return damaged(ctx, "bytes behind its end");
	if (!lh_audit_valid(out))
		return damaged(ctx, "a kind, a time or a code that is none");
	make_plan(out, texts, &plan);
	if (plan.length != bytes.len || plan.cut != out->cut)
		return damaged(ctx, "more parts than one may have");
	return LH_OK;
}
