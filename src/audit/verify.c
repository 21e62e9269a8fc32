/*
 * verify.c
 *		Is a directory the log that somebody kept checkpoints of?
 *
 * Trusted are the verifiers' keys and the notes that they verify.  Everything else has to follow:
 *
 *	1. Notes are opened, the kept ones and the log's own.  A kept one that the log no longer has is a log that was
 *	   put back, or whose checkpoints were.
 *	2. All lines are hashed, in one pass from the first segment on, and the tree is built.  Where lines are no longer
 *	   kept their hashes are taken from the leaves' file: a wrong one gives a wrong root, too.
 *	3. At the size of each note the root must be that of the note.
 *	4. On the way each offset, each node and the state are compared with what follows from the lines: a flipped bit in
 *	   one of these files changes no evidence, but somebody has been there.
 *
 * The names of files are read before the number of leaves: what is appended meanwhile is not looked at.
 */
#include "audit/log_internal.h"

#include <stdio.h>
#include <stdlib.h>

#define PIECE       ((size_t) 1 << 20)
#define NODE_PIECE  ((size_t) 1 << 16)
#define PUBLIC_MOST 65536
#define NOTES_MOST  ((uint64_t) 1 << 32)

/* A file, read from its beginning on. */
typedef struct Stream
{
	int fd;
	char name[LH_AUDIT_NAME];
	uint8_t *bytes;
	size_t size, len, used;
	uint64_t at; /* of the byte behind len */
} Stream;

/* What a note says; kept by somebody, or the log's own. */
typedef struct Mark
{
	uint64_t size;
	LhMerkleHash root;
	bool kept;
} Mark;

typedef struct Check
{
	LhAuditLog *log;
	LhAuditVerdict *v;
	LhVerifier *const *verifiers;
	int nverifiers;
	LhSlice origin;
	LhBuf marks; /* Mark, by size */
	size_t mark; /* the next one */
	LhAuditState state;
	LhMerkle tree;
	Stream lines, index, nodes[LH_AUDIT_LEVELS];
} Check;

/* It is not intact: the sentence that says why ends the check. */
static LhStatus __attribute__((format(printf, 3, 4)))
differs(LhCtx *ctx, Check *c, const char *fmt, ...)
{
	char text[LH_ERROR_TEXT];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	LH_FAIL(ctx, LH_CORRUPT, "%s", text);
}

/*
 * Streams
 */

static LhStatus
open_stream(LhCtx *ctx, Check *c, Stream *s, size_t size)
{
	if (s->bytes == NULL)
		LH_ALLOC(ctx, s->bytes, size);
	s->size = size;
	s->len = s->used = 0;
	s->at = 0;
	LH_TRY(lh_audit_open(ctx, c->log, s->name, false, false, &s->fd));
	if (s->fd < 0)
		return differs(ctx, c, "file \"%s\" is missing", s->name);
	return LH_OK;
}

/* More bytes behind those that are not used yet; *more false: there are none. */
static LhStatus
fill(LhCtx *ctx, Check *c, Stream *s, bool *more)
{
	size_t n;

	memmove(s->bytes, s->bytes + s->used, s->len - s->used);
	s->len -= s->used;
	s->used = 0;
	LH_TRY(lh_audit_read_at(ctx, c->log, s->fd, s->name, s->bytes + s->len, s->size - s->len, s->at,
							&n));
	s->len += n;
	s->at += n;
	*more = n > 0;
	return LH_OK;
}

/* The next n bytes; *p NULL: the file ends before. */
static LhStatus
next_bytes(LhCtx *ctx, Check *c, Stream *s, size_t n, const uint8_t **p)
{
	bool more;

	if (s->len - s->used < n)
		LH_TRY(fill(ctx, c, s, &more));
	*p = s->len - s->used < n ? NULL : s->bytes + s->used;
	s->used += *p != NULL ? n : 0;
	return LH_OK;
}

/* The next line; *there false: the file ends before its end. */
static LhStatus
next_line(LhCtx *ctx, Check *c, LhSlice *line, bool *there)
{
	Stream *s = &c->lines;

	for (bool more = true;;)
	{
		const uint8_t *from = s->bytes + s->used;
		const uint8_t *end = s->len > s->used ? memchr(from, '\n', s->len - s->used) : NULL;

		*there = end != NULL;
		if (end != NULL)
		{
			*line = lh_slice(from, (size_t) (end - from));
			s->used += line->len + 1;
			return LH_OK;
		}
		if (!more || (s->used == 0 && s->len == s->size))
			return LH_OK;
		LH_TRY(fill(ctx, c, s, &more));
	}
}

/*
 * Notes
 */

static LhStatus
open_note(LhCtx *ctx, Check *c, const char *where, LhSlice note, LhCheckpoint *out)
{
	LhStatus status = LH_DENIED;

	for (int i = 0; i < c->nverifiers && status == LH_DENIED; i++)
		status = lh_checkpoint_open(ctx, where, note, c->verifiers[i], c->origin, out);
	/* whatever is wrong with it */
	if (status != LH_OK && status != LH_NO_MEMORY && status != LH_BUG)
		status = ctx->error->code = LH_CORRUPT;
	return status;
}

static LhStatus
add_note(LhCtx *ctx, Check *c, LhSlice note, bool kept)
{
	LhCheckpoint point;
	Mark m;

	LH_TRY(open_note(ctx, c, kept ? "kept checkpoint" : "checkpoints", note, &point));
	m = (Mark){point.size, point.root, kept};
	return lh_buf_append(ctx, &c->marks, &m, sizeof(m));
}

/* Notes of the log, in the order of their sizes; *newest of them. */
static LhStatus
read_notes(LhCtx *ctx, Check *c)
{
	uint64_t before = 0;
	LhSlice all, note;
	bool there;

	LH_TRY(lh_audit_load(ctx, c->log, "checkpoints", NOTES_MOST, &there, &all));
	while (lh_audit_note_next(&all, &note))
	{
		const Mark *m;

		if (++c->v->notes % 256 == 0)
			LH_TRY(lh_poll(ctx));
		LH_TRY(add_note(ctx, c, note, false));
		m = (const Mark *) (c->marks.data + c->marks.len) - 1;
		if (m->size < before)
			return differs(ctx, c,
						   "checkpoint %llu of the log covers %llu entries, the one before %llu",
						   (unsigned long long) c->v->notes, (unsigned long long) m->size,
						   (unsigned long long) before);
		before = m->size;
	}
	if (all.len > 0)
		return differs(
			ctx, c,
			"\"checkpoints\" ends in a part of one (a crash leaves that, too, until the log is "
			"opened again)");
	return LH_OK;
}

/* A note that was given away is in the file: it was durable before. */
static LhStatus
add_kept(LhCtx *ctx, Check *c, const LhSlice *kept, int nkept)
{
	size_t own = c->marks.len / sizeof(Mark);

	for (int i = 0; i < nkept; i++)
	{
		bool found = false;
		const Mark *all;
		uint64_t size;

		LH_TRY(add_note(ctx, c, kept[i], true));
		all = (const Mark *) c->marks.data;
		size = all[own + (size_t) i].size;
		for (size_t k = 0; k < own && !found; k++)
			found = all[k].size == size;
		if (!found)
			return differs(
				ctx, c,
				"a checkpoint of %llu entries was kept that the log does not have: it was put back to "
				"an earlier state, or its checkpoints were",
				(unsigned long long) size);
	}
	return LH_OK;
}

static int
by_size(const void *a, const void *b)
{
	const Mark *x = a, *y = b;

	return x->size != y->size ? (x->size < y->size ? -1 : 1) : (int) y->kept - (int) x->kept;
}

/* "public" names keys that are trusted, and no other. */
static LhStatus
check_public(LhCtx *ctx, Check *c)
{
	bool there;
	LhSlice all;

	if (c->v->notes == 0)
		return LH_OK;
	LH_TRY(lh_audit_load(ctx, c->log, "public", PUBLIC_MOST, &there, &all));
	if (!there || all.len == 0)
		return differs(ctx, c, "file \"public\" is missing");
	while (all.len > 0)
	{
		const uint8_t *end = memchr(all.data, '\n', all.len);
		size_t n = end != NULL ? (size_t) (end - all.data) : 0;
		bool known = false;

		for (int i = 0; i < c->nverifiers && end != NULL && !known; i++)
		{
			const char *text = lh_verifier_text(ctx, c->verifiers[i]);

			if (text == NULL)
				return ctx->error->code;
			known = strlen(text) == n && memcmp(text, all.data, n) == 0;
		}
		if (!known)
			return differs(ctx, c, "\"public\" names a key that is not trusted");
		all = lh_slice(end + 1, all.len - n - 1);
	}
	return LH_OK;
}

/*
 * Lines and hashes
 */

/* LhMerkleStoreFn: a node that follows from the lines is the one that is stored. */
static LhStatus
compare_node(LhCtx *ctx, void *arg, int level, uint64_t index, const LhMerkleHash *hash)
{
	Check *c = arg;
	const uint8_t *stored;

	if (level == 0 && index < c->v->first)
		return LH_OK;
	if (c->nodes[level].fd < 0)
	{
		lh_audit_nodes_name(level, c->nodes[level].name);
		LH_TRY(open_stream(ctx, c, &c->nodes[level], NODE_PIECE));
	}
	LH_TRY(next_bytes(ctx, c, &c->nodes[level], LH_SHA256, &stored));
	if (stored != NULL && memcmp(stored, hash->b, LH_SHA256) == 0)
		return LH_OK;
	if (level == 0)
	{
		c->v->wrong = index;
		return differs(ctx, c, "the line of entry %llu is not the one that was hashed",
					   (unsigned long long) index);
	}
	return differs(ctx, c, "node %llu of \"%s\" does not follow from the lines",
				   (unsigned long long) index, c->nodes[level].name);
}

/* Where the tree is as large as a note says. */
static LhStatus
compare_marks(LhCtx *ctx, Check *c)
{
	const Mark *marks = (const Mark *) c->marks.data;
	size_t n = c->marks.len / sizeof(Mark);
	LhMerkleHash root;
	bool made = false;

	for (; c->mark < n && marks[c->mark].size == c->tree.size; c->mark++)
	{
		if (!made)
			lh_merkle_root(&c->tree, &root);
		made = true;
		if (memcmp(&root, &marks[c->mark].root, sizeof(root)) != 0)
			return differs(
				ctx, c,
				"the first %llu entries are not those of the %s checkpoint of that size (the first %llu are "
				"what an earlier one says)",
				(unsigned long long) c->tree.size, marks[c->mark].kept ? "kept" : "log's own",
				(unsigned long long) c->v->covered);
	}
	if (made)
		c->v->covered = c->tree.size;
	if (c->tree.size == c->state.tree.size &&
		memcmp(&c->tree.peaks, &c->state.tree.peaks, sizeof(c->tree.peaks)) != 0)
	{
		LhMerkleHash said;

		/* peaks that no bit of the size asks for may be anything */
		lh_merkle_root(&c->tree, &root);
		lh_merkle_root(&c->state.tree, &said);
		if (memcmp(&root, &said, sizeof(root)) != 0)
			return differs(ctx, c, "\"state\" has another tree than the lines");
	}
	return LH_OK;
}

static LhStatus
add_leaf(LhCtx *ctx, Check *c, const LhMerkleHash *leaf)
{
	if (c->tree.size % 4096 == 0)
		LH_TRY(lh_poll(ctx));
	LH_TRY(lh_merkle_append(ctx, &c->tree, leaf, compare_node, c));
	return compare_marks(ctx, c);
}

/* Entries whose lines are gone: hashes from the leaves' file. */
static LhStatus
take_removed(LhCtx *ctx, Check *c)
{
	Stream *s = &c->nodes[0];

	lh_audit_nodes_name(0, s->name);
	LH_TRY(open_stream(ctx, c, s, NODE_PIECE));
	while (c->tree.size < c->v->first)
	{
		const uint8_t *p;
		LhMerkleHash leaf;

		LH_TRY(next_bytes(ctx, c, s, LH_SHA256, &p));
		if (p == NULL)
			return differs(ctx, c, "\"%s\" ends before entry %llu", s->name,
						   (unsigned long long) c->tree.size);
		memcpy(leaf.b, p, LH_SHA256);
		LH_TRY(add_leaf(ctx, c, &leaf));
	}
	return LH_OK;
}

static LhStatus
check_offset(LhCtx *ctx, Check *c, uint64_t at)
{
	const uint8_t *p;

	LH_TRY(next_bytes(ctx, c, &c->index, sizeof(at), &p));
	if (p == NULL || lh_load_u64(p) != at)
		return differs(ctx, c, "\"%s\" has another offset than the line of entry %llu",
					   c->index.name, (unsigned long long) c->tree.size);
	return LH_OK;
}

/* Lines of one segment, up to the log's size or to the next one. */
static LhStatus
take_segment(LhCtx *ctx, Check *c, uint64_t first, uint64_t until)
{
	uint64_t at = 0;
	const uint8_t *p;

	lh_audit_segment_name(first, false, c->lines.name);
	lh_audit_segment_name(first, true, c->index.name);
	LH_TRY(open_stream(ctx, c, &c->lines, PIECE));
	LH_TRY(open_stream(ctx, c, &c->index, NODE_PIECE));
	while (c->tree.size < until)
	{
		LhMerkleHash leaf;
		LhSlice line;
		bool there;

		LH_TRY(next_line(ctx, c, &line, &there));
		if (!there || line.len > LH_AUDIT_LINE_MOST)
		{
			c->v->wrong = c->tree.size;
			return differs(ctx, c, "the line of entry %llu is missing from \"%s\"",
						   (unsigned long long) c->tree.size, c->lines.name);
		}
		LH_TRY(check_offset(ctx, c, at));
		at += line.len + 1;
		lh_merkle_leaf(line, &leaf);
		LH_TRY(add_leaf(ctx, c, &leaf));
		c->v->lines++;
	}
	if (until == c->v->size)
		return LH_OK;
	LH_TRY(next_bytes(ctx, c, &c->lines, 1, &p));
	if (p != NULL)
		return differs(ctx, c, "\"%s\" has more lines than entries", c->lines.name);
	LH_TRY(next_bytes(ctx, c, &c->index, 1, &p));
	if (p != NULL)
		return differs(ctx, c, "\"%s\" has more offsets than entries", c->index.name);
	return LH_OK;
}

static LhStatus
take_segments(LhCtx *ctx, Check *c)
{
	int n = lh_audit_segment_count(c->log), i = 0;

	/* left over by a retention */
	while (i < n && lh_audit_segment_at(c->log, i) < c->v->first)
		i++;
	for (; i < n; i++)
	{
		uint64_t first = lh_audit_segment_at(c->log, i);
		uint64_t until = i + 1 < n ? lh_audit_segment_at(c->log, i + 1) : c->v->size;

		if (first != c->tree.size || until > c->v->size)
			break;
		LH_TRY(take_segment(ctx, c, first, until));
	}
	if (i < n || c->tree.size != c->v->size)
	{
		c->v->wrong = c->tree.size;
		return differs(ctx, c, "no segment has the line of entry %llu",
					   (unsigned long long) c->tree.size);
	}
	return LH_OK;
}

/*
 * All of it
 */

static LhStatus
begin(LhCtx *ctx, Check *c, const LhSlice *kept, int nkept)
{
	bool there;

	LH_TRY(lh_buf_init(ctx, &c->marks, false));
	LH_TRY(read_notes(ctx, c));
	LH_TRY(add_kept(ctx, c, kept, nkept));
	LH_TRY(check_public(ctx, c));
	if (c->marks.len > 0)
		qsort(c->marks.data, c->marks.len / sizeof(Mark), sizeof(Mark), by_size);
	LH_TRY(lh_audit_state_load(ctx, c->log, &there, &c->state));
	if (!there)
		return differs(ctx, c, "file \"state\" is missing");
	c->v->first = c->state.first;
	LH_TRY(lh_audit_segments_list(ctx, c->log));
	LH_TRY(lh_audit_nodes_count(ctx, c->log, &c->v->size));
	if (c->v->size < c->state.tree.size)
		return differs(ctx, c, "\"nodes-00\" has %llu hashes, \"state\" says %llu",
					   (unsigned long long) c->v->size, (unsigned long long) c->state.tree.size);
	return LH_OK;
}

static LhStatus
check(LhCtx *ctx, Check *c, const LhSlice *kept, int nkept)
{
	const Mark *marks;

	LH_TRY(begin(ctx, c, kept, nkept));
	LH_TRY(compare_marks(ctx, c));
	if (c->v->first > 0)
		LH_TRY(take_removed(ctx, c));
	LH_TRY(take_segments(ctx, c));
	marks = (const Mark *) c->marks.data;
	if (c->mark < c->marks.len / sizeof(Mark))
		return differs(ctx, c, "a checkpoint covers %llu entries, but the log has %llu",
					   (unsigned long long) marks[c->mark].size, (unsigned long long) c->v->size);
	if (c->marks.len == 0)
		return differs(ctx, c, "no checkpoint vouches for it, neither kept nor its own");
	return LH_OK;
}

static void
close_streams(Check *c)
{
	lh_audit_close_fd(&c->lines.fd);
	lh_audit_close_fd(&c->index.fd);
	for (int i = 0; i < LH_AUDIT_LEVELS; i++)
		lh_audit_close_fd(&c->nodes[i].fd);
}

LhStatus
lh_audit_log_verify(LhCtx *ctx, const char *dir, LhVerifier *const *verifiers, int nverifiers,
					LhSlice origin, const LhSlice *kept, int nkept, LhAuditVerdict *out)
{
	LhArena *keep = ctx->arena;
	LhStatus status;
	Check *c;

	*out = (LhAuditVerdict){.wrong = UINT64_MAX};
	LH_NEW(ctx, c);
	*c = (Check){.v = out,
				 .verifiers = verifiers,
				 .nverifiers = nverifiers,
				 .origin = origin,
				 .lines.fd = -1,
				 .index.fd = -1};
	for (int i = 0; i < LH_AUDIT_LEVELS; i++)
		c->nodes[i].fd = -1;
	LH_TRY(lh_audit_log_begin(ctx, dir, false, &c->log));
	lh_use(ctx, c->log->arena);
	status = check(ctx, c, kept, nkept);
	lh_use(ctx, keep);
	close_streams(c);
	lh_audit_log_close(c->log);
	out->intact = status == LH_OK;
	if (status != LH_CORRUPT)
		return status;
	out->why = lh_strdup(ctx, ctx->error->message);
	lh_error_clear(ctx);
	return out->why != NULL ? LH_OK : ctx->error->code;
}
