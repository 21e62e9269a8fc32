/*
 * test_remote.c
 *		Objects and listings over the network: what is covered, how many requests it
 *		takes, and that versions never meet.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "net/client.h"
#include "store/remote.h"
#include "store/xml.h"
#include "stub_client.h"

#define SIZE 400000

static char root[64];
static uint8_t content[SIZE];
static Stub web, s3;

typedef struct Fixture
{
	LhCtx *ctx;
	LhAccess access;
	LhRemoteAccess remote;
	const char *allowed[4];
	LhStore *store;
	char endpoint[64];
	LhBudget budget;
} Fixture;

static void
put(const char *name, const void *bytes, size_t n)
{
	char path[512];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", root, name);
	for (char *p = path + 1; (p = strchr(p, '/')) != NULL; p++)
	{
		*p = '\0';
		mkdir(path, 0755);
		*p = '/';
	}
	f = fopen(path, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(bytes, 1, n, f), n);
	fclose(f);
}

static int
start_group(void **state)
{
	static const char *const args[] = {"--s3", "--key", "ID:SECRET", "--page", "2", NULL};

	(void) state;
	strcpy(root, "/tmp/lakehouse-remote.XXXXXX");
	if (mkdtemp(root) == NULL)
		return 1;
	for (int i = 0; i < SIZE; i++)
		content[i] = (uint8_t) (i * 13 + i / 255);
	put("data", content, SIZE);
	put("b/d/one.parquet", content, SIZE);
	put("b/d/two words+%41&=\xc3\xa9?.parquet", content, 100);
	put("b/d/sub/three.parquet", content, 100);
	put("b/d/_hidden/x.parquet", content, 100);
	put("b/d/.dot", content, 100);
	put("b/d/empty.parquet", content, 0);
	put("b/dx/other.parquet", content, 100);
	put("b/plain", content, 100);
	stub_start(&web, root, NULL);
	stub_start(&s3, root, args);
	return 0;
}

static int
end_group(void **state)
{
	char command[128];

	(void) state;
	stub_stop(&web);
	stub_stop(&s3);
	snprintf(command, sizeof(command), "rm -rf %s", root);
	return system(command);
}

static int
set_up(void **state)
{
	Fixture *f = calloc(1, sizeof(*f));

	f->ctx = lh_ctx_create();
	snprintf(f->endpoint, sizeof(f->endpoint), "http://127.0.0.1:%d", s3.port);
	f->allowed[0] = "127.0.0.1";
	f->allowed[1] = "s3://b/d";
	f->remote = (LhRemoteAccess){.nallowed = 2, .allowed = f->allowed, .endpoint = f->endpoint,
								 .access_key_id = "ID", .secret_access_key = "SECRET",
								 .scope = "me"};
	f->access.remote = &f->remote;
	stub_tell(&web, "reset");
	stub_tell(&s3, "reset");
	*state = f;
	return lh_store_create(f->ctx, &f->access, &f->store);
}

static int
tear_down(void **state)
{
	Fixture *f = *state;

	lh_ctx_destroy(f->ctx);
	free(f);
	return 0;
}

static LhObject *
open_web(Fixture *f)
{
	LhObject *obj;
	char *path = lh_sprintf(f->ctx, "http://127.0.0.1:%d/data", web.port);

	if (lh_object_open(f->ctx, f->store, path, &obj) != LH_OK)
		fail_msg("%s", f->ctx->error->message);
	return obj;
}

static void
checks(Fixture *f, LhObject *obj, int64_t offset, size_t len)
{
	uint8_t *got = malloc(len + 1);

	if (lh_object_read(f->ctx, obj, offset, len, got) != LH_OK)
		fail_msg("%s", f->ctx->error->message);
	assert_memory_equal(got, content + offset, len);
	free(got);
}

static uint64_t
counter(const Fixture *f, LhCounterId id)
{
	return f->ctx->counters->v[id];
}

/*
 * Objects
 */

static void
an_object_is_known_by_size_and_version(void **state)
{
	Fixture *f = *state;
	LhObject *obj = open_web(f);
	const LhObjectId *id = lh_object_id(obj);

	assert_int_equal(id->size, SIZE);
	assert_true(id->etag[0] == '"');
	assert_string_equal(id->scope, "me");
	assert_true(lh_object_is_remote(obj));
	assert_int_equal(counter(f, LH_CTR_HTTP_REQUESTS), 1);
	checks(f, obj, 0, 10);
	checks(f, obj, SIZE - 5, 5);
	assert_int_equal(counter(f, LH_CTR_HTTP_REQUESTS), 3);
	assert_int_equal(counter(f, LH_CTR_BYTES_READ), 15);
	assert_int_equal(lh_object_read(f->ctx, obj, SIZE - 5, 6, content), LH_CORRUPT);
	lh_object_close(obj);
}

static void
a_server_without_head_is_asked_by_range(void **state)
{
	Fixture *f = *state;

	stub_tell(&web, "fault?kind=status&status=405&match=HEAD");
	assert_int_equal(lh_object_id(open_web(f))->size, SIZE);
	assert_int_equal(stub_count(&web, "bytes=0-0"), 1);
}

static void
near_ranges_are_one_request(void **state)
{
	Fixture *f = *state;
	LhObject *obj = open_web(f);
	static uint8_t out[6][60000];
	LhRange ranges[] = {{300000, 1000, out[0]}, {0, 100, out[1]},	   {50000, 60000, out[2]},
						{200, 300, out[3]},     {110001, 20, out[4]}, {399990, 10, out[5]}};

	assert_int_equal(lh_object_read_many(f->ctx, obj, 6, ranges), LH_OK);
	for (int i = 0; i < 6; i++)
		assert_memory_equal(out[i], content + ranges[i].offset, ranges[i].len);
	assert_int_equal(stub_count(&web, "GET"), 3);
	assert_int_equal(stub_count(&web, "bytes=0-110020"), 1);
	assert_int_equal(counter(f, LH_CTR_READS), 6);
}

static void
overlapping_ranges_each_get_their_bytes(void **state)
{
	Fixture *f = *state;
	LhObject *obj = open_web(f);
	uint8_t a[100], b[50], c[100];
	LhRange ranges[] = {{1000, 100, a}, {1020, 50, b}, {1050, 100, c}};

	assert_int_equal(lh_object_read_many(f->ctx, obj, 3, ranges), LH_OK);
	assert_memory_equal(a, content + 1000, 100);
	assert_memory_equal(b, content + 1020, 50);
	assert_memory_equal(c, content + 1050, 100);
	assert_int_equal(stub_count(&web, "GET"), 1);
}

static void
what_is_fetched_ahead_is_not_fetched_again(void **state)
{
	Fixture *f = *state;
	LhObject *obj = open_web(f);
	LhRange ahead[] = {{0, 50000, NULL}, {200000, 50000, NULL}};

	assert_int_equal(lh_object_will_need(f->ctx, obj, 2, ahead), LH_OK);
	assert_int_equal(lh_object_will_need(f->ctx, obj, 2, ahead), LH_OK);
	assert_int_equal(counter(f, LH_CTR_BYTES_AHEAD), 100000);
	/* in any order */
	checks(f, obj, 20000, 30000);
	checks(f, obj, 200000, 50000);
	checks(f, obj, 0, 20000);
	assert_int_equal(stub_count(&web, "GET"), 2);
	/* part of it there, part not */
	assert_int_equal(lh_object_will_need(f->ctx, obj, 1, ahead), LH_OK);
	checks(f, obj, 40000, 20000);
	assert_int_equal(stub_count(&web, "bytes=50000-59999"), 1);
	lh_object_drop_ahead(obj);
	checks(f, obj, 0, 10);
	assert_int_equal(stub_count(&web, "bytes=0-9 "), 1);
}

/* All of them are asked for before the first has answered. */
static void
requests_run_side_by_side(void **state)
{
	Fixture *f = *state;
	LhObject *obj = open_web(f);
	LhRange ahead[] = {{0, 20000, NULL}, {100000, 20000, NULL}, {200000, 20000, NULL}};

	checks(f, obj, 0, 1);
	stub_tell(&web, "reset");
	stub_tell(&web, "fault?kind=hang&match=GET&times=3");
	assert_int_equal(lh_object_will_need(f->ctx, obj, 3, ahead), LH_OK);
	for (int i = 0; i < 6000 && stub_count(&web, "GET") < 3; i++)
	{
		lh_http_progress(f->ctx, f->store->remote->net);
		usleep(5000);
	}
	assert_int_equal(stub_count(&web, "GET"), 3);
	lh_object_close(obj);
	assert_null(f->store->remote->net->first);
}

static void
reading_ahead_stays_within_the_budget(void **state)
{
	Fixture *f = *state;
	LhRange ahead = {0, SIZE, NULL};
	LhArena *arena;
	LhStore *store;
	LhObject *obj;
	LhArena *old;

	f->budget = (LhBudget){.limit = 1 << 20, .setting = "work_mem"};
	arena = lh_arena_create(&f->budget);
	old = lh_use(f->ctx, arena);
	assert_int_equal(lh_store_create(f->ctx, &f->access, &store), LH_OK);
	assert_int_equal(
		lh_object_open(f->ctx, store, lh_sprintf(f->ctx, "http://127.0.0.1:%d/data", web.port), &obj),
		LH_OK);
	assert_int_equal(lh_object_will_need(f->ctx, obj, 1, &ahead), LH_OK);
	assert_true(counter(f, LH_CTR_BYTES_AHEAD) > 0);
	assert_true(counter(f, LH_CTR_BYTES_AHEAD) <= (1 << 20) / 8);
	checks(f, obj, 0, SIZE);
	lh_use(f->ctx, old);
	lh_arena_destroy(arena);
	assert_int_equal(f->budget.used, 0);
}

static void
a_block_that_fails_is_asked_for_again(void **state)
{
	Fixture *f = *state;
	LhObject *obj = open_web(f);
	LhRange ahead = {0, 50000, NULL};

	stub_tell(&web, "fault?kind=status&status=400&match=GET&times=1");
	assert_int_equal(lh_object_will_need(f->ctx, obj, 1, &ahead), LH_OK);
	checks(f, obj, 0, 50000);
	assert_int_equal(stub_count(&web, "GET"), 2);
}

static void
versions_never_meet(void **state)
{
	Fixture *f = *state;
	LhObject *obj = open_web(f);
	LhRange ahead = {100, 50000, NULL};
	uint8_t got[10];

	stub_tell(&web, "fault?kind=etag&match=GET&arg=%22other%22");
	assert_int_equal(lh_object_read(f->ctx, obj, 0, 10, got), LH_CHANGED);
	assert_int_equal(lh_object_will_need(f->ctx, obj, 1, &ahead), LH_OK);
	assert_int_equal(lh_object_read(f->ctx, obj, 100, 10, got), LH_CHANGED);
	/* the server notices by itself what If-Match says */
	stub_tell(&web, "reset");
	put("data", content, SIZE - 1);
	assert_int_equal(lh_object_read(f->ctx, obj, 0, 10, got), LH_CHANGED);
	put("data", content, SIZE);
	/* a weak ETag cannot be asked for, but compared */
	stub_tell(&web, "fault?kind=etag&match=HEAD&arg=W/%22v%22");
	obj = open_web(f);
	assert_string_equal(lh_object_id(obj)->etag, "W/\"v\"");
	assert_int_equal(lh_object_read(f->ctx, obj, 0, 10, got), LH_CHANGED);
	/* without an ETag the time counts, and has to be the same */
	stub_tell(&web, "reset");
	stub_tell(&web, "fault?kind=etag&match=data");
	obj = open_web(f);
	assert_non_null(strstr(lh_object_id(obj)->etag, "GMT"));
	checks(f, obj, 0, 10);
}

/*
 * What is covered
 */

static LhStatus
covers(Fixture *f, const char *entry, const char *path)
{
	const char *allowed[] = {entry};
	LhRemoteAccess access = {.nallowed = 1, .allowed = allowed};

	return lh_remote_covers(f->ctx, &access, path);
}

static void
locations_are_compared_by_their_parts(void **state)
{
	Fixture *f = *state;

	assert_int_equal(covers(f, "https://h/a", "https://h/a/b"), LH_OK);
	assert_int_equal(covers(f, "https://h/a/", "https://h/a"), LH_OK);
	assert_int_equal(covers(f, "https://h/a", "HTTPS://H:443/%61/b"), LH_OK);
	assert_int_equal(covers(f, "https://h", "https://h/x?y=1"), LH_OK);
	assert_int_equal(covers(f, "https://h/a", "https://h/ab"), LH_DENIED);
	assert_int_equal(covers(f, "https://h/a", "https://h/"), LH_DENIED);
	assert_int_equal(covers(f, "https://h/a", "http://h/a"), LH_DENIED);
	assert_int_equal(covers(f, "https://h/a", "https://h:444/a"), LH_DENIED);
	assert_int_equal(covers(f, "https://h/a", "https://h.evil/a"), LH_DENIED);
	assert_int_equal(covers(f, "https://h/a", "https://h/a/../b"), LH_INVALID);
	assert_int_equal(covers(f, "https://h/a", "https://h@evil/a"), LH_INVALID);
	assert_int_equal(covers(f, "h", "https://h/a"), LH_OK);
	assert_int_equal(covers(f, "h", "http://h:8080/a"), LH_OK);
	assert_int_equal(covers(f, "h", "https://x.h/a"), LH_DENIED);
	assert_int_equal(covers(f, "10.0.0.0/8", "http://10.1.2.3/a"), LH_OK);
	assert_int_equal(covers(f, "10.0.0.0/8", "http://11.1.2.3/a"), LH_DENIED);
	assert_int_equal(covers(f, "10.0.0.0/8", "http://host/a"), LH_DENIED);
	assert_int_equal(covers(f, "s3a://b/p", "s3://b/p/x"), LH_OK);
	assert_int_equal(covers(f, "s3://b", "s3n://b/x"), LH_OK);
	assert_int_equal(covers(f, "s3://b/p", "s3://b/p/*.parquet"), LH_OK);
	assert_int_equal(covers(f, "s3://b/p", "s3://b/p*"), LH_DENIED);
	assert_int_equal(covers(f, "s3://b/p", "s3://b/{p,q}/x"), LH_DENIED);
	assert_int_equal(covers(f, "s3://b/p", "s3://b/px"), LH_DENIED);
	assert_int_equal(covers(f, "s3://b/p", "s3://bb/p"), LH_DENIED);
	assert_int_equal(covers(f, "h", "s3://h/p"), LH_DENIED);
	assert_int_equal(covers(f, "https://h/?q", "https://h/"), LH_INVALID);
	assert_int_equal(covers(f, "/local", "https://h/"), LH_INVALID);
	assert_int_equal(covers(f, "s3://b/*", "s3://b/x"), LH_INVALID);
	assert_int_equal(lh_remote_covers(f->ctx, NULL, "https://h/"), LH_DENIED);
}

static void
secrets_in_locations_are_refused(void **state)
{
	Fixture *f = *state;
	LhScheme scheme;
	const char *path;

	assert_int_equal(lh_location_parse(f->ctx, "https://h/x?a=1&X-Amz-Signature=abc", &scheme, &path),
					 LH_INVALID);
	assert_null(strstr(f->ctx->error->message, "abc"));
	assert_int_equal(lh_location_parse(f->ctx, "https://h/x?sig=abc", &scheme, &path), LH_INVALID);
	assert_int_equal(lh_location_parse(f->ctx, "s3://id:secret@b/x", &scheme, &path), LH_INVALID);
	assert_null(strstr(f->ctx->error->message, "secret"));
	assert_int_equal(lh_location_parse(f->ctx, "https://h/x?signed=1", &scheme, &path), LH_OK);
	assert_string_equal(path, "https://h/x\\?signed=1");
	assert_int_equal(scheme, LH_SCHEME_HTTPS);
	assert_int_equal(lh_location_parse(f->ctx, "S3A://b", &scheme, &path), LH_OK);
	assert_string_equal(path, "s3://b/");
	assert_int_equal(lh_location_parse(f->ctx, "s3:/b/x", &scheme, &path), LH_INVALID);
	assert_int_equal(lh_location_parse(f->ctx, "s3://b*/x", &scheme, &path), LH_INVALID);
	assert_int_equal(lh_location_parse(f->ctx, "https://h/*.parquet", &scheme, &path),
					 LH_UNSUPPORTED);
}

static void
credentials_go_over_http_only_when_it_is_said(void **state)
{
	Fixture *f = *state;
	char *path = lh_sprintf(f->ctx, "http://127.0.0.1:%d/data", web.port);
	char *prefix = lh_sprintf(f->ctx, "http://127.0.0.1:%d", web.port);
	LhObject *obj;

	f->remote.bearer_token = "t";
	assert_int_equal(lh_object_open(f->ctx, f->store, path, &obj), LH_DENIED);
	assert_non_null(strstr(f->ctx->error->message, "plain http"));
	assert_int_equal(stub_count(&web, "data"), 0);
	f->allowed[0] = prefix;
	assert_int_equal(lh_object_open(f->ctx, f->store, path, &obj), LH_OK);
	assert_int_equal(stub_count(&web, " auth "), 1);
}

/*
 * S3
 */

static void
lists(Fixture *f, const char *location, int n, ...)
{
	va_list ap;
	LhList list;

	if (lh_store_list(f->ctx, f->store, location, NULL, 0, &list) != LH_OK)
		fail_msg("%s: %s", location, f->ctx->error->message);
	assert_int_equal(list.n, n);
	va_start(ap, n);
	for (int i = 0; i < n; i++)
		assert_string_equal(list.entries[i].path, va_arg(ap, const char *));
	va_end(ap);
}

#define ODD "s3://b/d/two words+%41&=\xc3\xa9?.parquet"

static void
directories_and_globs_are_listed(void **state)
{
	Fixture *f = *state;
	LhList list;

	lists(f, "s3://b/d", 3, "s3://b/d/one.parquet", "s3://b/d/sub/three.parquet", ODD);
	lists(f, "s3a://b/d/", 3, "s3://b/d/one.parquet", "s3://b/d/sub/three.parquet", ODD);
	lists(f, "s3://b/d/*.parquet", 2, "s3://b/d/one.parquet", ODD);
	lists(f, "s3://b/d/t*", 1, ODD);
	assert_int_equal(stub_count(&s3, "prefix=d%2Ft"), 1);
	lists(f, "s3://b/d/**/three.parquet", 1, "s3://b/d/sub/three.parquet");
	lists(f, "s3://b/d/one.parquet", 1, "s3://b/d/one.parquet");
	lists(f, "s3://b/d/_hidden/*", 1, "s3://b/d/_hidden/x.parquet");
	lists(f, "s3://b/d/two words+%41&=\xc3\xa9\\?.parquet", 1, ODD);
	assert_int_equal(lh_store_list(f->ctx, f->store, "s3://b/d/none", NULL, 0, &list), LH_NOT_FOUND);
	assert_int_equal(lh_store_list(f->ctx, f->store, "s3://b/d/no*", NULL, 0, &list), LH_NOT_FOUND);
	assert_int_equal(lh_store_list(f->ctx, f->store, "s3://b/d", NULL, 2, &list), LH_LIMIT);
	assert_int_equal(lh_store_list(f->ctx, f->store, "s3://b/dx", NULL, 0, &list), LH_DENIED);
	assert_int_equal(lh_store_list(f->ctx, f->store, "s3://b/*", NULL, 0, &list), LH_DENIED);
}

static void
children_are_of_one_level(void **state)
{
	Fixture *f = *state;
	LhList list;

	assert_int_equal(lh_store_children(f->ctx, f->store, "s3://b/d", &list), LH_OK);
	assert_int_equal(list.n, 3);
	assert_string_equal(list.entries[0].path, "one.parquet");
	assert_string_equal(list.entries[1].path, "sub/");
	assert_int_equal(stub_count(&s3, "delimiter=%2F"), 3);
}

static void
what_was_listed_opens_without_a_request(void **state)
{
	Fixture *f = *state;
	LhObject *obj;
	uint8_t got[100];

	lists(f, "s3://b/d/t*", 1, ODD);
	stub_tell(&s3, "reset");
	assert_int_equal(lh_object_open(f->ctx, f->store, ODD, &obj), LH_OK);
	assert_int_equal(stub_count(&s3, "/"), 0);
	assert_int_equal(lh_object_read(f->ctx, obj, 0, 100, got), LH_OK);
	assert_memory_equal(got, content, 100);
	assert_int_equal(stub_count(&s3, "/b/d/two%20words%2B%2541%26%3D%C3%A9%3F.parquet"), 1);
}

static void
buckets_may_be_hosts(void **state)
{
	Fixture *f = *state;
	static const char *const args[] = {"--s3", "--key", "ID:SECRET", "--vhost", "localhost", NULL};
	Stub host;

	stub_start(&host, root, args);
	snprintf(f->endpoint, sizeof(f->endpoint), "http://localhost:%d", host.port);
	f->remote.url_style = LH_URL_STYLE_HOST;
	f->allowed[0] = "localhost";
	lists(f, "s3://b/d/*.parquet", 2, "s3://b/d/one.parquet", ODD);
	assert_int_equal(stub_count(&host, "GET /?list-type") + stub_count(&host, "GET /?encoding"), 1);
	assert_int_equal(stub_count(&host, "b.localhost"), 1);
	stub_stop(&host);
}

static void
wrong_signatures_and_regions_are_explained(void **state)
{
	Fixture *f = *state;
	LhList list;

	f->remote.secret_access_key = "WRONG";
	assert_int_equal(lh_store_list(f->ctx, f->store, "s3://b/d/*", NULL, 0, &list), LH_DENIED);
	assert_non_null(strstr(f->ctx->error->message, "SignatureDoesNotMatch"));
	assert_null(strstr(f->ctx->error->message, "WRONG"));
	stub_tell(&s3, "fault?kind=redirect&match=list-type&arg=http://127.0.0.1:1/");
	assert_int_equal(lh_store_list(f->ctx, f->store, "s3://b/d/*", NULL, 0, &list), LH_IO);
	assert_int_equal(stub_count(&s3, "GET"), 2);
}

static void
hostile_listings_are_refused(void **state)
{
	static const char *const bodies[] = {
		"<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>",
		"<ListBucketResult><Contents><Key>other/x</Key><Size>1</Size></Contents></ListBucketResult>",
		"<ListBucketResult><Contents><Key>d/x</Key></Contents></ListBucketResult>",
		"<ListBucketResult><Contents><Key>d/x</Key><Size>-1</Size></Contents></ListBucketResult>",
		"<Error/>", "", "hello", "<ListBucketResult>", NULL};
	Fixture *f = *state;
	LhList list;

	for (int i = 0; bodies[i] != NULL; i++)
	{
		char tell[600];

		stub_tell(&s3, "reset");
		snprintf(tell, sizeof(tell), "fault?kind=body&match=list-type&arg=%s", bodies[i]);
		stub_tell(&s3, tell);
		if (lh_store_list(f->ctx, f->store, "s3://b/d/*", NULL, 0, &list) != LH_CORRUPT)
			fail_msg("%s: %s", bodies[i], f->ctx->error->message);
	}
}

/*
 * XML
 */

static LhStatus
parse_all(LhCtx *ctx, const char *text, char *texts, size_t size)
{
	LhXmlKind kind = LH_XML_OPEN;
	LhXml xml;

	texts[0] = '\0';
	LH_TRY(lh_xml_init(ctx, &xml, text, strlen(text)));
	while (kind != LH_XML_END)
	{
		LH_TRY(lh_xml_next(ctx, &xml, &kind));
		if (kind == LH_XML_CLOSE)
			snprintf(texts + strlen(texts), size - strlen(texts), "%.*s=%s;", (int) xml.name.len,
					 (const char *) xml.name.data, (const char *) xml.text.data);
	}
	return LH_OK;
}

static void
xml_is_parsed_strictly(void **state)
{
	static const char *const bad[] = {
		"", " ", "x", "<a>", "<a></b>", "</a>", "<a/><b/>", "<a>&x;</a>", "<a>&</a>", "<a>&#0;</a>",
		"<a>&#xd800;</a>", "<a>&#x110000;</a>", "<a>&#;</a>", "<!DOCTYPE a><a/>",
		"<a><!ENTITY x \"y\"></a>", "<a", "<a b='>", "<a><![CDATA[x</a>", "<a><!-- </a>", "<a <b/>",
		"<>", "< a/>",
		"<a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a>", NULL};
	Fixture *f = *state;
	char texts[512];

	assert_int_equal(parse_all(f->ctx,
							   "\xef\xbb\xbf<?xml version='1.0'?>\n<n:a x='>' y=\"<\"><b>1 &lt;&#65;"
							   "&#x20AC;</b><!-- <z> --><c/><d><![CDATA[<&]]></d ></n:a>\n",
							   texts, sizeof(texts)),
					 LH_OK);
	assert_string_equal(texts, "b=1 <A\xe2\x82\xac;c=;d=<&;a=<&;");
	for (int i = 0; bad[i] != NULL; i++)
		if (parse_all(f->ctx, bad[i], texts, sizeof(texts)) != LH_CORRUPT)
			fail_msg("%s was taken", bad[i]);
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(an_object_is_known_by_size_and_version),
		T(a_server_without_head_is_asked_by_range),
		T(near_ranges_are_one_request),
		T(overlapping_ranges_each_get_their_bytes),
		T(what_is_fetched_ahead_is_not_fetched_again),
		T(requests_run_side_by_side),
		T(reading_ahead_stays_within_the_budget),
		T(a_block_that_fails_is_asked_for_again),
		T(versions_never_meet),
		T(locations_are_compared_by_their_parts),
		T(secrets_in_locations_are_refused),
		T(credentials_go_over_http_only_when_it_is_said),
		T(directories_and_globs_are_listed),
		T(children_are_of_one_level),
		T(what_was_listed_opens_without_a_request),
		T(buckets_may_be_hosts),
		T(wrong_signatures_and_regions_are_explained),
		T(hostile_listings_are_refused),
		T(xml_is_parsed_strictly),
	};

	return cmocka_run_group_tests(tests, start_group, end_group);
}
