/*
 * stub_registry.c
 *		A registry of schemas for tests: the part of Confluent's API that clients write and
 *		readers read.
 *
 *	POST /subjects/S/versions		{"id":N}; --refuse TEXT: 409 for a schema with that text
 *	POST /subjects/S				{"subject":S,"id":N,"version":V,"schema":...}, or 404
 *	GET /subjects					["S",...]
 *	GET /subjects/S/versions/latest
 *	GET /schemas/ids/N				{"schema":...,"schemaType":...}
 *
 * One text has one id, under however many subjects.
 */
#include "stub.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define MAX_VERSIONS 512
#define MAX_TEXT     ((size_t) 32 << 20)

typedef struct Version
{
	char subject[512];
	char type[16];
	size_t at, len; /* of the text */
	int id, version;
} Version;

typedef struct Registry
{
	int lock;
	int n;
	int ids;
	size_t used;
	Version v[MAX_VERSIONS];
	char text[MAX_TEXT];
} Registry;

static Registry *reg;

void
stub_registry_begin(void)
{
	reg = mmap(NULL, sizeof(*reg), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (reg == MAP_FAILED)
		exit(1);
}

static void
lock(void)
{
	while (__atomic_exchange_n(&reg->lock, 1, __ATOMIC_ACQUIRE))
		usleep(50);
}

static void
unlock(void)
{
	__atomic_store_n(&reg->lock, 0, __ATOMIC_RELEASE);
}

static void
answer(int status, json_t *json)
{
	char *text = json_dumps(json, JSON_COMPACT | JSON_ENCODE_ANY);

	stub_answer(status, "Content-Type: application/vnd.schemaregistry.v1+json\r\n", text,
				strlen(text));
	free(text);
	json_decref(json);
}

static void
answer_error(int status, int code, const char *message)
{
	answer(status, json_pack("{s:i,s:s}", "error_code", code, "message", message));
}

/* With the lock. */
static json_t *
describe(const Version *v)
{
	return json_pack("{s:s,s:i,s:i,s:s%,s:s}", "subject", v->subject, "id", v->id, "version",
					 v->version, "schema", reg->text + v->at, v->len, "schemaType", v->type);
}

static bool
is_text(const Version *v, const char *type, const char *text, size_t len)
{
	return strcmp(v->type, type) == 0 && v->len == len && memcmp(reg->text + v->at, text, len) == 0;
}

/* With the lock: what the subject has of it. */
static Version *
find(const char *subject, const char *type, const char *text, size_t len)
{
	for (int i = 0; i < reg->n; i++)
		if (strcmp(reg->v[i].subject, subject) == 0 && is_text(&reg->v[i], type, text, len))
			return &reg->v[i];
	return NULL;
}

/* With the lock. */
static Version *
add(const char *subject, const char *type, const char *text, size_t len)
{
	Version *v = &reg->v[reg->n];

	if (reg->n == MAX_VERSIONS || reg->used + len > MAX_TEXT)
		return NULL;
	memset(v, 0, sizeof(*v));
	snprintf(v->subject, sizeof(v->subject), "%s", subject);
	snprintf(v->type, sizeof(v->type), "%s", type);
	v->version = 1;
	for (int i = 0; i < reg->n; i++)
	{
		v->version += strcmp(reg->v[i].subject, subject) == 0;
		if (is_text(&reg->v[i], type, text, len))
			v->id = reg->v[i].id;
	}
	if (v->id == 0)
		v->id = ++reg->ids;
	v->at = reg->used;
	v->len = len;
	memcpy(reg->text + v->at, text, len);
	reg->used += len;
	reg->n++;
	return v;
}

static void
post(const StubRequest *r, const char *subject, bool versions)
{
	const char *content = stub_header(r, "Content-Type");
	json_t *body = json_loadb((const char *) r->body, r->body_len, 0, NULL);
	json_t *schema = json_object_get(body, "schema");
	const char *type = json_string_value(json_object_get(body, "schemaType"));
	const char *text = json_string_value(schema);
	size_t len = json_string_length(schema);
	Version *v;
	json_t *result = NULL;

	type = type != NULL ? type : "AVRO";
	if (content == NULL || strcmp(content, "application/vnd.schemaregistry.v1+json") != 0)
		answer_error(415, 415, "HTTP 415 Unsupported Media Type");
	else if (text == NULL)
		answer_error(422, 42201, "Empty schema");
	else if (versions && stub_options.refuse != NULL && strstr(text, stub_options.refuse) != NULL)
		answer_error(409, 409,
					 "Schema being registered is incompatible with an earlier schema for "
					 "subject, details: [{errorType:'READER_FIELD_MISSING_DEFAULT_VALUE'}]");
	else
	{
		lock();
		v = find(subject, type, text, len);
		if (v == NULL && versions)
			v = add(subject, type, text, len);
		if (v != NULL)
			result = versions ? json_pack("{s:i}", "id", v->id) : describe(v);
		unlock();
		if (result != NULL)
			answer(200, result);
		else
			answer_error(404, 40403, "Schema not found");
	}
	json_decref(body);
}

static void
list(void)
{
	json_t *all = json_array();

	lock();
	for (int i = 0; i < reg->n; i++)
		if (reg->v[i].version == 1)
			json_array_append_new(all, json_string(reg->v[i].subject));
	unlock();
	answer(200, all);
}

/* Of an id, or the newest of a subject. */
static void
get(const char *subject, int id)
{
	json_t *result = NULL;

	lock();
	for (int i = reg->n - 1; i >= 0 && result == NULL; i--)
		if (subject != NULL ? strcmp(reg->v[i].subject, subject) == 0 : reg->v[i].id == id)
			result = describe(&reg->v[i]);
	unlock();
	if (result != NULL)
		answer(200, result);
	else
		answer_error(404, subject != NULL ? 40401 : 40403, "not found");
}

void
stub_registry(const StubRequest *r)
{
	const char *rest, *slash;
	char subject[512];

	if (strcmp(r->method, "GET") == 0 && strcmp(r->path, "/subjects") == 0)
	{
		list();
		return;
	}
	if (strcmp(r->method, "GET") == 0 && strncmp(r->path, "/schemas/ids/", 13) == 0)
	{
		get(NULL, atoi(r->path + 13));
		return;
	}
	rest = strncmp(r->path, "/subjects/", 10) == 0 ? r->path + 10 : "";
	slash = strchr(rest, '/');
	if (rest[0] == '\0' ||
		!stub_decode(rest, slash != NULL ? (size_t) (slash - rest) : strlen(rest), subject,
					 sizeof(subject)))
		stub_answer(404, "", "Not Found", 9);
	else if (strcmp(r->method, "GET") == 0 && slash != NULL &&
			 strcmp(slash, "/versions/latest") == 0)
		get(subject, 0);
	else if (strcmp(r->method, "POST") == 0 && (slash == NULL || strcmp(slash, "/versions") == 0))
		post(r, subject, slash != NULL);
	else
		stub_answer(404, "", "Not Found", 9);
}
