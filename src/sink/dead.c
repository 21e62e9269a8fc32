/*
 * dead.c
 *		Dead letters.
 *
 * What a sink refused is a sorted list, empty nearly always, so that a message costs
 * one comparison.  Entries at or before the sink's durable position are dropped.
 */
#include "change/outbox.h"
#include "sink/dead.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "change/text.h"
#include "core/core.h"
#include "sink/internal.h"

/* So many messages may be refused beyond the durable position: then it is the sink, not they. */
#define MAX_REFUSED 65536
/* Another thread writes a letter: looked after so often. */
#define LOCK_MS     20

typedef struct Entry
{
	LhSinkRefusal refusal;
	int tries;
	bool guilty;  /* refused at once, or when it was tried alone: by its own fault */
	bool written; /* it is a letter */
} Entry;

struct LhRefused
{
	LhArena *arena; /* its own, as it is used by the sink's thread */
	LhBuf entries;  /* of Entry, in order */
	uint64_t tries;
};

struct LhDeadLetters
{
	LhSink *sink;
	const char *name;
	const char *topic;
	LhArena *arena; /* its own, as several threads use it in turn */
	LhArena *scratch;
	pthread_mutex_t lock;
	LhChangePos at; /* of the last letter */
	uint64_t written;
};

typedef struct Dead
{
	LhSink sink;
	LhSinkKind kind;
	LhSink *inner;
	LhDeadConfig config;
} Dead;

/*
 * What was refused
 */

static void
release_refused(void *arg)
{
	lh_arena_destroy(((LhRefused *) arg)->arena);
}

LhStatus
lh_refused_create(LhCtx *ctx, LhRefused **out)
{
	LhArena *old;
	LhStatus status;
	LhRefused *r;

	LH_NEW(ctx, r);
	r->arena = lh_arena_create(NULL);
	if (r->arena == NULL)
		LH_FAIL(ctx, LH_NO_MEMORY, "out of memory");
	LH_TRY(lh_arena_on_reset(ctx, ctx->arena, release_refused, r));
	old = lh_use(ctx, r->arena);
	status = lh_buf_init(ctx, &r->entries, false);
	lh_use(ctx, old);
	*out = r;
	return status;
}

uint64_t
lh_refused_tries(const LhRefused *refused)
{
	return __atomic_load_n(&refused->tries, __ATOMIC_RELAXED);
}

static size_t
count(const LhRefused *r)
{
	return r->entries.len / sizeof(Entry);
}

static Entry *
entry(LhRefused *r, size_t i)
{
	return (Entry *) r->entries.data + i;
}

static int
compare(const Entry *e, const LhChangePos *pos, int sub)
{
	int order = lh_change_pos_compare(&e->refusal.pos, pos);

	return order != 0 ? order : (e->refusal.sub > sub) - (e->refusal.sub < sub);
}

/* Where it is, or belongs. */
static size_t
search(LhRefused *r, const LhChangePos *pos, int sub)
{
	size_t lo = 0, hi = count(r);

	while (lo < hi)
	{
		size_t middle = (lo + hi) / 2;

		if (compare(entry(r, middle), pos, sub) < 0)
			lo = middle + 1;
		else
			hi = middle;
	}
	return lo;
}

static Entry *
find(LhRefused *r, const LhChangePos *pos, int sub)
{
	size_t i = search(r, pos, sub);

	return i < count(r) && compare(entry(r, i), pos, sub) == 0 ? entry(r, i) : NULL;
}

/* What the sink holds is not put again. */
static void
forget(LhRefused *r, const LhChangePos *durable)
{
	size_t n = search(r, durable, INT32_MAX);

	if (n == 0)
		return;
	r->entries.len -= n * sizeof(Entry);
	memmove(r->entries.data, r->entries.data + n * sizeof(Entry), r->entries.len);
}

/* Another try of a message has failed; what is in the list already was tried alone. */
static LhStatus
note(LhCtx *ctx, Dead *d, const LhSinkRefusal *refusal, bool here, Entry **out)
{
	LhRefused *r = d->config.refused;
	Entry *e = find(r, &refusal->pos, refusal->sub);

	if (e == NULL)
	{
		size_t i;

		forget(r, &d->inner->durable);
		i = search(r, &refusal->pos, refusal->sub);
		if (count(r) >= MAX_REFUSED)
			LH_FAIL(ctx, LH_LIMIT, "more than %d messages were refused, the last one: %s",
					MAX_REFUSED, refusal->reason);
		LH_TRY(lh_buf_reserve(ctx, &r->entries, r->entries.len + sizeof(Entry)));
		e = entry(r, i);
		memmove(e + 1, e, r->entries.len - i * sizeof(Entry));
		r->entries.len += sizeof(Entry);
		*e = (Entry){.guilty = here};
	}
	else
		e->guilty = true;
	e->refusal = *refusal;
	e->tries++;
	__atomic_add_fetch(&r->tries, 1, __ATOMIC_RELAXED);
	*out = e;
	return LH_OK;
}

/*
 * Letters
 */

static LhStatus
put_base64(LhCtx *ctx, LhBuf *out, const char *name, bool there, LhSlice bytes)
{
	if (!there)
		return lh_buf_printf(ctx, out, ",\"%s\":null", name);
	LH_TRY(lh_buf_printf(ctx, out, ",\"%s\":\"", name));
	LH_TRY(lh_put_base64(ctx, out, bytes.data, bytes.len, false));
	return lh_buf_putc(ctx, out, '"');
}

static LhStatus
put_text(LhCtx *ctx, LhBuf *out, const char *name, const char *text)
{
	LH_TRY(lh_buf_printf(ctx, out, "%s\"%s\":", out->len > 1 ? "," : "", name));
	if (text == NULL)
		return lh_buf_append_str(ctx, out, "null");
	return lh_put_json_string(ctx, out, text, strlen(text));
}

/* "headers":[["name","base64"],...]; nothing where there are none. */
static LhStatus
put_headers(LhCtx *ctx, LhBuf *out, LhSlice headers)
{
	size_t at = 0;

	if (headers.len == 0)
		return LH_OK;
	LH_TRY(lh_buf_append_str(ctx, out, ",\"headers\":["));
	while (at < headers.len)
	{
		LhSlice name, value;

		LH_TRY(lh_buf_append_str(ctx, out, at > 0 ? ",[" : "["));
		LH_TRY(lh_header_next(ctx, headers, &at, &name, &value));
		LH_TRY(lh_put_json_string(ctx, out, (const char *) name.data, name.len));
		LH_TRY(lh_buf_append_str(ctx, out, value.data != NULL ? ",\"" : ",null"));
		if (value.data != NULL)
			LH_TRY(lh_put_base64(ctx, out, value.data, value.len, false));
		LH_TRY(lh_buf_append_str(ctx, out, value.data != NULL ? "\"]" : "]"));
	}
	return lh_buf_putc(ctx, out, ']');
}

static LhStatus
render(LhCtx *ctx, const Dead *d, const LhSinkMessage *m, const char *reason, LhBuf *out)
{
	LH_TRY(lh_buf_init(ctx, out, false));
	LH_TRY(lh_buf_putc(ctx, out, '{'));
	LH_TRY(put_text(ctx, out, "topic", m->topic));
	LH_TRY(put_base64(ctx, out, "key", m->has_key, m->key));
	LH_TRY(put_base64(ctx, out, "value", !m->tombstone, m->value));
	LH_TRY(put_headers(ctx, out, m->headers));
	LH_TRY(put_text(ctx, out, "reason", reason));
	LH_TRY(lh_buf_append_str(ctx, out, ",\"position\":"));
	LH_TRY(lh_sink_position_write(ctx, out, &m->pos));
	LH_TRY(lh_buf_printf(ctx, out, ",\"sub\":%d", m->sub));
	LH_TRY(put_text(ctx, out, "sink", d->config.name));
	LH_TRY(put_text(ctx, out, "format", d->config.format));
	return lh_buf_putc(ctx, out, '}');
}

/* Behind all that the sink of letters holds, whatever the order of refusals. */
static LhChangePos
next_position(const LhDeadLetters *l, const LhChangePos *pos)
{
	if (pos->commit_end > l->at.commit_end)
		return (LhChangePos){pos->commit_end, 1, pos->xid};
	return (LhChangePos){l->at.commit_end, l->at.ordinal + 1, pos->xid};
}

/* Durable when it returns. */
static LhStatus
write_letter(LhCtx *ctx, LhDeadLetters *l, const Dead *d, const LhSinkMessage *m,
			 const char *reason)
{
	LhSinkMessage letter = {.op = m->op,
							.pos = next_position(l, &m->pos),
							.lsn = m->lsn,
							.commit_time = m->commit_time,
							.topic = l->topic,
							.has_key = m->has_key,
							.key = m->key};
	LhBuf text;

	LH_TRY(render(ctx, d, m, reason, &text));
	letter.value = lh_slice(text.data, text.len);
	LH_TRY(l->sink->kind->put(ctx, l->sink, &letter));
	LH_TRY(l->sink->kind->commit(ctx, l->sink, &letter.pos));
	LH_TRY(l->sink->kind->flush(ctx, l->sink));
	if (lh_change_pos_compare(&l->sink->durable, &letter.pos) < 0)
		LH_FAIL(ctx, LH_BUG, "a flush made nothing durable");
	l->at = letter.pos;
	__atomic_add_fetch(&l->written, 1, __ATOMIC_RELAXED);
	return LH_OK;
}

/* Another sink's thread may be writing, for long if brokers are gone: cancellable. */
static LhStatus
take_lock(LhCtx *ctx, LhDeadLetters *l)
{
	while (pthread_mutex_trylock(&l->lock) != 0)
	{
		LH_TRY(lh_poll(ctx));
		(void) lh_host_wait(ctx, NULL, 0, LOCK_MS);
	}
	return LH_OK;
}

/* The message is left out: there is a letter of it. */
static LhStatus
bury(LhCtx *ctx, Dead *d, const LhSinkMessage *m, Entry *e)
{
	LhDeadLetters *l = d->config.letters;
	LhArena *old;
	LhStatus status;

	if (e->written)
		return LH_OK;
	LH_TRY(take_lock(ctx, l));
	old = lh_use(ctx, l->scratch);
	status = write_letter(ctx, l, d, m, e->refusal.reason);
	lh_use(ctx, old);
	lh_arena_reset(l->scratch);
	pthread_mutex_unlock(&l->lock);
	if (status != LH_OK)
	{
		lh_error_prefix(ctx, "dead letters to %s", l->name);
		return status;
	}
	e->written = true;
	return LH_OK;
}

static void
release_letters(void *arg)
{
	LhDeadLetters *l = arg;

	lh_arena_destroy(l->arena);
	pthread_mutex_destroy(&l->lock);
}

static LhStatus
open_letters(LhCtx *ctx, LhDeadLetters *l, const char *uri, const char *stream)
{
	bool known;

	l->scratch = lh_arena_child(l->arena);
	l->topic = lh_sprintf(ctx, "%s.dead-letter", stream);
	if (l->scratch == NULL || l->topic == NULL)
		LH_FAIL(ctx, LH_NO_MEMORY, "out of memory");
	/* a stream of its own: its position is no other sink's, nor its transactional id */
	LH_TRY(lh_sink_open(ctx, uri, l->topic, "json", true, &l->sink));
	LH_TRY(l->sink->kind->recover(ctx, l->sink, &l->at, &known));
	if (!known)
		l->at = (LhChangePos){0};
	return LH_OK;
}

LhStatus
lh_dead_open(LhCtx *ctx, const char *uri, const char *name, const char *stream, LhDeadLetters **out)
{
	LhDeadLetters *l;
	LhArena *old;
	LhStatus status;

	LH_NEW(ctx, l);
	l->name = name;
	l->arena = lh_arena_create(NULL);
	if (l->arena == NULL)
		LH_FAIL(ctx, LH_NO_MEMORY, "out of memory");
	pthread_mutex_init(&l->lock, NULL);
	LH_TRY(lh_arena_on_reset(ctx, ctx->arena, release_letters, l));
	old = lh_use(ctx, l->arena);
	status = open_letters(ctx, l, uri, stream);
	lh_use(ctx, old);
	if (status != LH_OK)
		lh_error_prefix(ctx, "dead letters to %s", name);
	*out = l;
	return status;
}

LhStatus
lh_dead_close(LhCtx *ctx, LhDeadLetters *l)
{
	/* NULL: it could not be opened */
	return l->sink != NULL ? l->sink->kind->close(ctx, l->sink) : LH_OK;
}

const char *
lh_dead_name(const LhDeadLetters *l)
{
	return l->name;
}

uint64_t
lh_dead_count(const LhDeadLetters *l)
{
	return __atomic_load_n(&l->written, __ATOMIC_RELAXED);
}

/*
 * The sink around another
 */

static LhStatus
mirror(Dead *d, LhStatus status)
{
	d->sink.durable = d->inner->durable;
	d->sink.messages = d->inner->messages;
	d->sink.bytes = d->inner->bytes;
	return status;
}

/* Messages that were sent are refused, and what was sent with them is lost: all that again. */
static LhStatus
note_all(LhCtx *ctx, Dead *d)
{
	const LhSinkRefusals *all = d->inner->refusals;
	LhError error = *ctx->error;
	Entry *e;

	for (int i = 0; i < all->n; i++)
		LH_TRY(note(ctx, d, &all->v[i], false, &e));
	*ctx->error = error;
	return ctx->error->code = LH_SINK_RESTART;
}

static LhStatus
judge(LhCtx *ctx, Dead *d, LhStatus status)
{
	mirror(d, status);
	if (status != LH_SINK_REFUSED || d->inner->refusals == NULL || d->inner->refusals->n == 0)
		return status;
	return note_all(ctx, d);
}

static LhStatus
dead_recover(LhCtx *ctx, LhSink *sink, LhChangePos *durable, bool *known)
{
	Dead *d = (Dead *) sink;

	LH_TRY(d->inner->kind->recover(ctx, d->inner, durable, known));
	if (*known)
		forget(d->config.refused, durable);
	return mirror(d, LH_OK);
}

static LhStatus
dead_put(LhCtx *ctx, LhSink *sink, const LhSinkMessage *message)
{
	Dead *d = (Dead *) sink;
	const LhSinkRefusals *refusals = d->inner->refusals;
	LhSinkMessage m = *message;
	Entry *e = NULL;

	if (d->config.refused->entries.len > 0)
		e = find(d->config.refused, &m.pos, m.sub);
	m.suspect = e != NULL;
	while (e == NULL || e->tries < d->config.tries || !e->guilty)
	{
		LhStatus status = d->inner->kind->put(ctx, d->inner, &m);

		if (status != LH_SINK_REFUSED || refusals == NULL || !refusals->here)
			return judge(ctx, d, status);
		LH_TRY(note(ctx, d, &refusals->v[0], true, &e));
	}
	LH_TRY(bury(ctx, d, message, e));
	lh_error_clear(ctx);
	return mirror(d, LH_OK);
}

static LhStatus
dead_commit(LhCtx *ctx, LhSink *sink, const LhChangePos *pos)
{
	Dead *d = (Dead *) sink;

	return judge(ctx, d, d->inner->kind->commit(ctx, d->inner, pos));
}

static LhStatus
dead_flush(LhCtx *ctx, LhSink *sink)
{
	Dead *d = (Dead *) sink;

	return judge(ctx, d, d->inner->kind->flush(ctx, d->inner));
}

static LhStatus
dead_close(LhCtx *ctx, LhSink *sink)
{
	Dead *d = (Dead *) sink;

	return d->inner->kind->close(ctx, d->inner);
}

LhStatus
lh_dead_wrap(LhCtx *ctx, LhSink *inner, const LhDeadConfig *config, LhSink **out)
{
	Dead *d;

	LH_NEW(ctx, d);
	d->inner = inner;
	d->config = *config;
	d->kind = (LhSinkKind){.scheme = inner->kind->scheme,
						   .summary = inner->kind->summary,
						   .recover = dead_recover,
						   .put = dead_put,
						   .commit = dead_commit,
						   .flush = dead_flush,
						   .close = dead_close};
	d->sink.kind = &d->kind;
	*out = &d->sink;
	return LH_OK;
}
