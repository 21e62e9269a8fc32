/*
 * registry.c
 *		Ask a registry for ids, and remember them.
 *
 *	1. An id is looked for in the table, by what the subject is made of and the
 *	   schema's fingerprint; the last one of keys and of values comes first.
 *	2. Else the registry is asked (net/): time-outs, retries with pauses and cancels
 *	   are the HTTP client's.  Asking twice does no harm: the id is the same.
 *	3. What an answer means is said in judge: a schema that is refused, a registry that
 *	   fails, or a mistake that a person must mend.
 *
 * Credentials are read for each attempt anew, from files that nobody else may read, and
 * are in no message.  They go to the registry's own address only: a POST is never redirected.
 */
#include "sink/registry.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "change/text.h"
#include "net/net.h"
#include "sink/internal.h"

#define START_CAPACITY 64
/* Beyond that the table begins anew: ids are asked for once more. */
#define MAX_ENTRIES    65536
/* A refusal is believed for so long. */
#define REFUSED_MS     10000
/* What an answer may have besides a schema, which is escaped and perhaps spelled out. */
#define ANSWER_ROOM    ((size_t) 64 << 10)
#define MAX_SECRET     8192

typedef struct Entry
{
	uint64_t hash; /* of all that follows up to the name */
	uint64_t fingerprint;
	uint64_t text_hash;
	LhSchemaKind kind;
	bool key;
	const char *name; /* the topic, as far as subjects have it; NULL: free */
	uint32_t id;      /* 0: refused */
	int64_t until_ms; /* refused so long */
	LhError *error;   /* then */
} Entry;

struct LhRegistry
{
	LhRegistryOptions options;
	const char *base; /* without a slash at its end */
	LhNetRule rule;
	LhNet *net;
	LhArena *names;   /* of the entries */
	LhArena *scratch; /* of one question */
	Entry *v;         /* open addressing */
	uint32_t n, capacity;
	const Entry *last[2]; /* of values, of keys */
};

static LhRegistryCounts counts;

static void
count(uint64_t *counter)
{
	__atomic_add_fetch(counter, 1, __ATOMIC_RELAXED);
}

void
lh_registry_counts(LhRegistryCounts *out)
{
	out->requests = __atomic_load_n(&counts.requests, __ATOMIC_RELAXED);
	out->hits = __atomic_load_n(&counts.hits, __ATOMIC_RELAXED);
	out->refused = __atomic_load_n(&counts.refused, __ATOMIC_RELAXED);
	out->failures = __atomic_load_n(&counts.failures, __ATOMIC_RELAXED);
}

/*
 * The table
 */

static bool
same(const Entry *a, const Entry *b)
{
	return a->hash == b->hash && a->fingerprint == b->fingerprint && a->text_hash == b->text_hash &&
		   a->kind == b->kind && a->key == b->key && strcmp(a->name, b->name) == 0;
}

/* Where it is, or belongs. */
static Entry *
place_of(Entry *v, uint32_t capacity, const Entry *wanted)
{
	uint32_t i = (uint32_t) wanted->hash & (capacity - 1);

	while (v[i].name != NULL && !same(&v[i], wanted))
		i = (i + 1) & (capacity - 1);
	return &v[i];
}

static LhStatus
begin_table(LhCtx *ctx, LhRegistry *r)
{
	LhArena *old;

	lh_arena_reset(r->names);
	r->last[0] = r->last[1] = NULL;
	r->n = 0;
	r->capacity = START_CAPACITY;
	old = lh_use(ctx, r->names);
	r->v = lh_alloc_array(ctx, r->capacity, sizeof(Entry));
	lh_use(ctx, old);
	return r->v != NULL ? LH_OK : ctx->error->code;
}

static LhStatus
grow(LhCtx *ctx, LhRegistry *r)
{
	Entry *more;

	LH_NEW_ARRAY(ctx, more, r->capacity * 2);
	for (uint32_t i = 0; i < r->capacity; i++)
		if (r->v[i].name != NULL)
			*place_of(more, r->capacity * 2, &r->v[i]) = r->v[i];
	r->v = more;
	r->capacity *= 2;
	r->last[0] = r->last[1] = NULL;
	return LH_OK;
}

/* In the entries' arena; its name is copied. */
static LhStatus
insert(LhCtx *ctx, LhRegistry *r, const Entry *wanted, Entry **out)
{
	const char *name = lh_strdup(ctx, wanted->name);

	if (name == NULL)
		return ctx->error->code;
	if (r->n * 2 >= r->capacity)
		LH_TRY(grow(ctx, r));
	*out = place_of(r->v, r->capacity, wanted);
	**out = *wanted;
	(*out)->name = name;
	r->n++;
	return LH_OK;
}

static LhStatus
find_or_insert(LhCtx *ctx, LhRegistry *r, const Entry *wanted, Entry **out)
{
	LhArena *old;
	LhStatus status;

	*out = place_of(r->v, r->capacity, wanted);
	if ((*out)->name != NULL)
		return LH_OK;
	if (r->n == MAX_ENTRIES)
		LH_TRY(begin_table(ctx, r));
	old = lh_use(ctx, r->names);
	status = insert(ctx, r, wanted, out);
	lh_use(ctx, old);
	return status;
}

/*
 * Credentials
 */

static void
close_file(void *arg)
{
	close(*(int *) arg);
}

/* The descriptor that is open is asked, so swapping the file changes nothing. */
static LhStatus
check_file(LhCtx *ctx, const char *path, int fd)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		LH_FAIL(ctx, LH_INVALID, "cannot examine file \"%s\": %s", path, lh_errno_text(errno));
	if (!S_ISREG(st.st_mode))
		LH_FAIL(ctx, LH_INVALID, "file \"%s\" of credentials is not a regular file", path);
	if (st.st_uid != geteuid() && st.st_uid != 0)
		LH_FAIL(ctx, LH_INVALID,
				"file \"%s\" of credentials must belong to the client's user or to root", path);
	if ((st.st_mode & (S_IRWXG | S_IRWXO)) != 0)
	{
		lh_fail(ctx, LH_INVALID, "file \"%s\" of credentials gives rights to others than its owner",
				path);
		lh_hint(ctx, "Its mode should be 0600 or 0400.");
		return LH_INVALID;
	}
	return LH_OK;
}

/* Its first line; printable ASCII, so that it cannot be more than one header. */
static LhStatus
read_line(LhCtx *ctx, const char *path, int fd, char **out)
{
	size_t n = 0, len;
	ssize_t k;
	char *text;

	LH_ALLOC(ctx, text, MAX_SECRET + 1);
	while (n < MAX_SECRET && (k = read(fd, text + n, MAX_SECRET - n)) != 0)
	{
		if (k < 0 && errno == EINTR)
			continue;
		if (k < 0)
			LH_FAIL(ctx, LH_INVALID, "cannot read file \"%s\": %s", path, lh_errno_text(errno));
		n += (size_t) k;
	}
	text[n] = '\0';
	len = strcspn(text, "\r\n");
	if (len == 0 || len == MAX_SECRET || strspn(text + len, "\r\n") != n - len)
		LH_FAIL(ctx, LH_INVALID, "file \"%s\" of credentials must have one line, up to %d bytes",
				path, MAX_SECRET - 1);
	text[len] = '\0';
	for (size_t i = 0; i < len; i++)
		if ((uint8_t) text[i] < ' ' || text[i] == 0x7f)
			LH_FAIL(ctx, LH_INVALID, "file \"%s\" of credentials has a control character", path);
	*out = text;
	return LH_OK;
}

LhStatus
lh_sink_read_secret(LhCtx *ctx, const char *path, char **out)
{
	int *fd;

	LH_NEW(ctx, fd);
	*fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (*fd < 0)
		LH_FAIL(ctx, LH_INVALID, "cannot open file \"%s\": %s", path, lh_errno_text(errno));
	LH_TRY(lh_arena_on_reset(ctx, ctx->arena, close_file, fd));
	LH_TRY(check_file(ctx, path, *fd));
	return read_line(ctx, path, *fd, out);
}

static LhStatus
basic(LhCtx *ctx, const char *pair, const char **header)
{
	LhBuf text;

	if (strchr(pair, ':') == NULL)
		LH_FAIL(ctx, LH_INVALID, "credentials of the registry must be \"user:password\"");
	LH_TRY(lh_buf_init(ctx, &text, false));
	LH_TRY(lh_buf_append_str(ctx, &text, "Authorization: Basic "));
	LH_TRY(lh_put_base64(ctx, &text, pair, strlen(pair), false));
	LH_TRY(lh_buf_putc(ctx, &text, '\0'));
	*header = (const char *) text.data;
	return LH_OK;
}

/* LhHttpSignFn */
static LhStatus
sign(LhCtx *ctx, void *arg, const LhHttp *http, const char **headers, int max, int *n)
{
	const LhRegistryOptions *o = &((const LhRegistry *) arg)->options;
	char *secret;

	(void) http;
	(void) max;
	if (o->user != NULL)
	{
		secret = lh_sprintf(ctx, "%s:%s", o->user, o->password);
		if (secret == NULL)
			return ctx->error->code;
		return basic(ctx, secret, &headers[(*n)++]);
	}
	if (o->auth_file != NULL)
	{
		LH_TRY(lh_sink_read_secret(ctx, o->auth_file, &secret));
		return basic(ctx, secret, &headers[(*n)++]);
	}
	if (o->token_file != NULL)
	{
		LH_TRY(lh_sink_read_secret(ctx, o->token_file, &secret));
		headers[*n] = lh_sprintf(ctx, "Authorization: Bearer %s", secret);
		if (headers[(*n)++] == NULL)
			return ctx->error->code;
	}
	return LH_OK;
}

/*
 * Open
 */

static LhStatus
copy_text(LhCtx *ctx, const char **text)
{
	if (*text == NULL)
		return LH_OK;
	*text = lh_strdup(ctx, *text);
	return *text != NULL ? LH_OK : ctx->error->code;
}

static LhStatus
check_url(LhCtx *ctx, const char *text, LhUrl *url)
{
	if (lh_url_parse(ctx, text, url) != LH_OK)
	{
		lh_error_prefix(ctx, "address of the registry");
		lh_hint(ctx, "Write it as http://host:port/path or https://host:port/path; names and "
					 "passwords have options of their own.");
		return ctx->error->code;
	}
	if (url->query != NULL)
		LH_FAIL(ctx, LH_INVALID, "address of the registry: it cannot have a query");
	return LH_OK;
}

LhStatus
lh_registry_open(LhCtx *ctx, const LhRegistryOptions *options, LhRegistry **out)
{
	LhNetOptions net = {.ca_file = options->ca_file,
						.connect_timeout_ms = options->timeout_ms,
						.stall_timeout_ms = options->timeout_ms,
						.total_timeout_ms = options->timeout_ms,
						.attempts = options->attempts,
						.backoff_max_ms = 5000};
	LhRegistry *r;
	LhUrl url;
	char *base;

	LH_TRY(check_url(ctx, options->url, &url));
	LH_NEW(ctx, r);
	r->options = *options;
	if (r->options.refused_ms == 0)
		r->options.refused_ms = REFUSED_MS;
	LH_TRY(copy_text(ctx, &r->options.user));
	LH_TRY(copy_text(ctx, &r->options.password));
	LH_TRY(copy_text(ctx, &r->options.auth_file));
	LH_TRY(copy_text(ctx, &r->options.token_file));
	LH_TRY(copy_text(ctx, &net.ca_file));
	base = lh_url_text(ctx, &url);
	if (base == NULL)
		return ctx->error->code;
	for (size_t n = strlen(base); n > 0 && base[n - 1] == '/'; n--)
		base[n - 1] = '\0';
	r->base = base;
	/* who writes the address down may mean a private one; link-local ones are refused all the same */
	r->rule.host = url.host;
	net.rules = &r->rule;
	net.nrules = 1;
	r->names = lh_arena_child(ctx->arena);
	r->scratch = lh_arena_child(ctx->arena);
	if (r->names == NULL || r->scratch == NULL)
		LH_FAIL(ctx, LH_NO_MEMORY, "out of memory");
	LH_TRY(begin_table(ctx, r));
	LH_TRY(lh_net_create(ctx, &net, &r->net));
	*out = r;
	return LH_OK;
}

/*
 * Asking
 */

/* "BASE/subjects/SUBJECT[/versions][?normalize=true]" */
static LhStatus
make_url(LhCtx *ctx, const LhRegistry *r, const char *subject, LhUrl *url)
{
	LhBuf text;

	LH_TRY(lh_buf_init(ctx, &text, false));
	LH_TRY(lh_buf_printf(ctx, &text, "%s/subjects/", r->base));
	LH_TRY(lh_url_encode(ctx, &text, subject, strlen(subject), false));
	LH_TRY(lh_buf_printf(ctx, &text, "%s%s", r->options.look_up ? "" : "/versions",
						 r->options.normalize ? "?normalize=true" : ""));
	if (lh_url_parse(ctx, (const char *) text.data, url) == LH_OK)
		return LH_OK;
	lh_error_prefix(ctx, "subject \"%s\"", subject);
	return ctx->error->code;
}

static LhStatus
make_body(LhCtx *ctx, const LhSchema *schema, LhBuf *body)
{
	LH_TRY(lh_buf_init(ctx, body, false));
	LH_TRY(lh_buf_append_str(ctx, body, "{\"schema\":"));
	LH_TRY(lh_put_json_string(ctx, body, schema->text.data, schema->text.len));
	if (schema->kind == LH_SCHEMA_PROTOBUF)
		LH_TRY(lh_buf_append_str(ctx, body, ",\"schemaType\":\"PROTOBUF\""));
	return lh_buf_putc(ctx, body, '}');
}

/* The schema will never do under its subject, or not before somebody has changed something. */
static LhStatus
fail_refused(LhCtx *ctx, const LhRegistry *r, const char *subject, int status, const char *text)
{
	const char *colon = text[0] != '\0' ? ": " : "";

	if (status == 404)
	{
		lh_fail(ctx, LH_NOT_FOUND, "the schema is not registered under subject \"%s\"%s%s", subject,
				colon, text);
		lh_hint(ctx, "Register it there, or let registry.register=on do so.");
		return LH_NOT_FOUND;
	}
	if (status != 409)
	{
		lh_fail(ctx, LH_MISMATCH, "the registry takes no such schema under subject \"%s\"%s%s",
				subject, colon, text);
		lh_hint(ctx, "Look at the registry's rules and mode for this subject at %s.", r->base);
		return LH_MISMATCH;
	}
	lh_fail(ctx, LH_MISMATCH, "the schema is incompatible with what subject \"%s\" has%s%s",
			subject, colon, text);
	lh_hint(
		ctx,
		"Change the table so that older readers can follow, or allow the change for this subject, "
		"as with PUT %s/config/%s and {\"compatibility\":\"NONE\"}; what was not written comes "
		"again.",
		r->base, subject);
	return LH_MISMATCH;
}

static LhStatus
fail_other(LhCtx *ctx, const LhRegistry *r, int status, int code, const char *text)
{
	const char *colon = text[0] != '\0' ? ": " : "";
	bool down = status == 408 || status == 429 || status >= 500;
	bool denied = status == 401 || status == 403;

	lh_fail(ctx,
			down     ? LH_IO
			: denied ? LH_DENIED
					 : LH_INVALID,
			"the registry answered with status %d%s%s", status, colon, text);
	if (code != 0)
		lh_detail(ctx, "Its own code of the error is %d.", code);
	if (denied)
		lh_hint(ctx, "Look at registry.user and registry.password, registry.auth.file or "
					 "registry.token.file.");
	else if (status >= 300 && status < 400)
		lh_hint(ctx,
				"Redirects are not followed: give option registry the address that it leads to.");
	else if (!down)
		lh_hint(ctx,
				"Look whether %s is the address of the API itself, such as http://host:8081 or "
				"http://host:8080/apis/ccompat/v7.",
				r->base);
	return ctx->error->code;
}

/* An answer came. */
static LhStatus
judge(LhCtx *ctx, const LhRegistry *r, const LhHttp *http, const char *subject, uint32_t *id)
{
	LhSlice body = lh_slice(http->text.data, http->text.len);
	int status = http->reply.status, code;
	char text[LH_REGISTRY_TEXT];

	if (status >= 200 && status < 300)
	{
		LH_TRY(lh_registry_read_id(ctx, body, id));
		return LH_OK;
	}
	lh_registry_read_error(body, &code, text);
	/* without a code of its own it is some server's answer to a wrong address */
	if (status == 409 || status == 422 || (status == 404 && r->options.look_up && code != 0))
		return fail_refused(ctx, r, subject, status, text);
	return fail_other(ctx, r, status, code, text);
}

/* In the scratch arena. */
static LhStatus
ask(LhCtx *ctx, LhRegistry *r, const char *topic, bool key, const LhSchema *schema, uint32_t *id)
{
	LhHttp http = {.method = LH_HTTP_POST,
				   .nheaders = 2,
				   .headers = {"Content-Type: application/vnd.schemaregistry.v1+json",
							   "Accept: application/vnd.schemaregistry.v1+json, application/json"},
				   .sign = sign,
				   .sign_arg = r,
				   .max_body = (int64_t) (ANSWER_ROOM + 4 * schema->text.len)};
	const char *subject;
	LhBuf body;

	LH_TRY(lh_registry_subject(ctx, r->options.subjects, topic, key, schema, &subject));
	LH_TRY(make_url(ctx, r, subject, &http.url));
	LH_TRY(make_body(ctx, schema, &body));
	http.body = body.data;
	http.body_len = body.len;
	LH_TRY(lh_http_run(ctx, r->net, &http));
	return judge(ctx, r, &http, subject, id);
}

/* A cancel is nobody's failure. */
static LhStatus
ask_and_keep(LhCtx *ctx, LhRegistry *r, const char *topic, const LhSchema *schema, Entry *e)
{
	LhArena *old = lh_use(ctx, r->scratch);
	LhStatus status = ask(ctx, r, topic, e->key, schema, &e->id);

	lh_arena_reset(r->scratch);
	lh_use(ctx, old);
	if (status == LH_OK)
	{
		count(&counts.requests);
		return LH_OK;
	}
	e->id = 0;
	e->until_ms = 0;
	if (status != LH_CANCELLED)
		lh_error_prefix(ctx, "schema registry");
	if (status == LH_MISMATCH || status == LH_NOT_FOUND)
	{
		count(&counts.refused);
		old = lh_use(ctx, r->names);
		if (e->error == NULL)
			e->error = lh_alloc(ctx, sizeof(LhError));
		lh_use(ctx, old);
		if (e->error == NULL)
			return ctx->error->code;
		*e->error = *ctx->error;
		e->until_ms = lh_sink_now_ms() + r->options.refused_ms;
	}
	else if (status != LH_CANCELLED)
		count(&counts.failures);
	return status;
}

LhStatus
lh_registry_id(LhCtx *ctx, LhRegistry *r, const char *topic, bool key, const LhSchema *schema,
			   uint32_t *id)
{
	LhSubjects subjects = r->options.subjects;
	Entry wanted = {.fingerprint = schema->fingerprint,
					.text_hash = schema->text_hash,
					.kind = schema->kind,
					.key = key && subjects == LH_SUBJECTS_TOPIC,
					.name = subjects == LH_SUBJECTS_RECORD ? "" : topic};
	const Entry *last = r->last[key];
	Entry *e;

	if (last != NULL && last->fingerprint == wanted.fingerprint &&
		last->text_hash == wanted.text_hash && last->kind == wanted.kind &&
		strcmp(last->name, wanted.name) == 0)
	{
		count(&counts.hits);
		*id = last->id;
		return LH_OK;
	}
	wanted.hash =
		lh_hash_bytes(wanted.name, strlen(wanted.name),
					  wanted.fingerprint ^ (uint64_t) wanted.key ^ (uint64_t) wanted.kind << 1);
	LH_TRY(find_or_insert(ctx, r, &wanted, &e));
	if (e->id == 0 && e->until_ms > lh_sink_now_ms())
	{
		*ctx->error = *e->error;
		return ctx->error->code;
	}
	if (e->id != 0)
		count(&counts.hits);
	else
		LH_TRY(ask_and_keep(ctx, r, topic, schema, e));
	r->last[key] = e;
	*id = e->id;
	return LH_OK;
}
