/*
 * stub_s3.c
 *		The S3 part of the test server: signatures, listings, objects, uploads.
 *
 * A bucket is a directory of the root, a key a path below it.  Signatures are
 * made anew from what came and compared; so are the hash of the body, the token
 * and the time.  Parts of uploads lie in ".uploads" until they are completed.
 */
#include "stub.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include "net/net.h"

/*
 * Signatures
 */

static const StubKey *
find_key(const char *id, size_t len)
{
	for (int i = 0; i < stub_options.nkeys; i++)
		if (strlen(stub_options.keys[i].id) == len &&
			memcmp(stub_options.keys[i].id, id, len) == 0)
			return &stub_options.keys[i];
	return NULL;
}

/* Seconds since 1970 of "20130524T000000Z". */
static time_t
time_of(const char *text)
{
	struct tm tm = {0};

	return strptime(text, "%Y%m%dT%H%M%SZ", &tm) != NULL ? timegm(&tm) : 0;
}

/* The Authorization header that the request should have. */
static bool
expected(LhCtx *ctx, const StubRequest *r, const char *wanted, const StubKey *key, const char *auth,
		 char **out)
{
	const char *headers[STUB_HEADERS];
	char hash[65];
	char region[64], day[16], service[16], names[2048], *save = NULL;
	const char *scope = strchr(strstr(auth, "Credential="), '/');
	const char *list = strstr(auth, "SignedHeaders=");
	LhSigV4 in = {.method = r->method, .path = r->path, .query = r->query, .headers = headers,
				  .access_key_id = key->id, .secret_access_key = key->secret, .region = region,
				  .service = service};

	if (scope == NULL || list == NULL ||
		sscanf(scope, "/%15[^/]/%63[^/]/%15[^/]/aws4_request", day, region, service) != 3 ||
		sscanf(list, "SignedHeaders=%2047[^,]", names) != 1)
		return false;
	for (char *name = strtok_r(names, ";", &save); name; name = strtok_r(NULL, ";", &save))
	{
		const char *value = stub_header(r, name);

		if (value == NULL)
			return false;
		headers[in.nheaders++] = lh_sprintf(ctx, "%s:%s", name, value);
	}
	in.time = stub_header(r, "x-amz-date");
	/* S3 alone has a header for it */
	lh_sha256_hex(r->body, r->body_len, hash);
	in.payload_hash = strcmp(wanted, "s3") == 0 ? stub_header(r, "x-amz-content-sha256") : hash;
	return strcmp(service, wanted) == 0 && in.time != NULL && in.payload_hash != NULL && lh_sigv4_sign(ctx, &in, out) == LH_OK;
}

const char *
stub_check_signature(LhCtx *ctx, const StubRequest *r, const char *service)
{
	const char *auth = stub_header(r, "Authorization");
	const char *id, *token = stub_header(r, "x-amz-security-token");
	const StubKey *key;
	char hash[65], *want = NULL;

	if (stub_options.nkeys == 0)
		return NULL;
	if (auth == NULL || (id = strstr(auth, "Credential=")) == NULL)
		return "AccessDenied";
	id += strlen("Credential=");
	key = find_key(id, strcspn(id, "/"));
	if (key == NULL)
		return "InvalidAccessKeyId";
	if (strcmp(key->token, token != NULL ? token : "") != 0)
		return "InvalidToken";
	if (!expected(ctx, r, service, key, auth, &want) || strcmp(want, auth) != 0)
		return "SignatureDoesNotMatch";
	if (llabs((long long) time_of(stub_header(r, "x-amz-date")) - (long long) time(NULL)) > 900)
		return "RequestTimeTooSkewed";
	if (strcmp(service, "s3") != 0)
		return NULL;
	lh_sha256_hex(r->body, r->body_len, hash);
	return strcmp(hash, stub_header(r, "x-amz-content-sha256")) == 0 ? NULL
																	 : "XAmzContentSHA256Mismatch";
}

/*
 * Listings
 */

typedef struct Keys
{
	size_t n, cap;
	char **keys;
} Keys;

static void
collect(const char *dir, const char *below, Keys *out)
{
	DIR *d = opendir(dir);
	struct dirent *de;

	while (d != NULL && (de = readdir(d)) != NULL)
	{
		char path[4096], key[4096];
		struct stat st;

		if (strcmp(de->d_name, ".") == 0 || strcmp(de->d_name, "..") == 0)
			continue;
		snprintf(path, sizeof(path), "%s/%s", dir, de->d_name);
		snprintf(key, sizeof(key), "%s%s", below, de->d_name);
		if (stat(path, &st) != 0)
			continue;
		if (S_ISDIR(st.st_mode))
		{
			strncat(key, "/", sizeof(key) - strlen(key) - 1);
			collect(path, key, out);
			continue;
		}
		if (out->n == out->cap)
			out->keys = realloc(out->keys, (out->cap = 2 * out->cap + 64) * sizeof(char *));
		out->keys[out->n++] = strdup(key);
	}
	if (d != NULL)
		closedir(d);
}

static int
by_bytes(const void *a, const void *b)
{
	return strcmp(*(char *const *) a, *(char *const *) b);
}

typedef struct Text
{
	char *p;
	size_t n, cap;
} Text;

static void __attribute__((format(printf, 2, 3)))
say(Text *t, const char *fmt, ...)
{
	va_list ap;
	int n;

	if (t->n + 16384 > t->cap)
		t->p = realloc(t->p, t->cap = 2 * t->cap + 32768);
	va_start(ap, fmt);
	n = vsnprintf(t->p + t->n, t->cap - t->n, fmt, ap);
	va_end(ap);
	t->n += (size_t) n;
}

/* As encoding-type=url has it: a space is a plus sign. */
static void
say_key(Text *t, const char *key)
{
	for (; *key; key++)
	{
		if ((*key >= '0' && *key <= '9') || (*key >= 'a' && *key <= 'z') ||
			(*key >= 'A' && *key <= 'Z') || strchr("-._~/", *key) != NULL)
			say(t, "%c", *key);
		else if (*key == ' ')
			say(t, "+");
		else
			say(t, "%%%02X", (uint8_t) *key);
	}
}

static void
list(const StubRequest *r, const char *bucket)
{
	char dir[2048], prefix[2048] = "", delimiter[8] = "", after[4096] = "", max[32] = "";
	char last_common[4096] = "";
	Text body = {0}, common = {0};
	Keys keys = {0};
	int count = 0, most = stub_options.page;
	bool more = false;

	snprintf(dir, sizeof(dir), "%s/%s", stub_options.root, bucket);
	if (access(dir, X_OK) != 0)
	{
		stub_answer_error(404, "NoSuchBucket", "there is no such bucket");
		return;
	}
	stub_param(r->query, "prefix", prefix, sizeof(prefix));
	stub_param(r->query, "delimiter", delimiter, sizeof(delimiter));
	stub_param(r->query, "continuation-token", after, sizeof(after));
	if (stub_param(r->query, "max-keys", max, sizeof(max)) && atoi(max) < most)
		most = atoi(max);
	collect(dir, "", &keys);
	if (keys.n > 0)
		qsort(keys.keys, keys.n, sizeof(char *), by_bytes);
	say(&body, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<ListBucketResult "
			   "xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><!-- stub -->"
			   "<EncodingType>url</EncodingType><Name>%s</Name>",
		bucket);
	say(&common, "%s", "");
	for (size_t i = 0; i < keys.n; i++)
	{
		const char *key = keys.keys[i];
		const char *cut = delimiter[0] && strlen(key) > strlen(prefix)
							  ? strstr(key + strlen(prefix), delimiter)
							  : NULL;
		char path[8192], etag[128], entry[4096];
		struct stat st;

		if (strncmp(key, prefix, strlen(prefix)) != 0)
			continue;
		snprintf(entry, sizeof(entry), "%.*s", cut ? (int) (cut - key) + 1 : (int) strlen(key), key);
		if (strcmp(entry, after) <= 0 || (cut != NULL && strcmp(entry, last_common) == 0))
			continue;
		if (count == most)
		{
			more = true;
			break;
		}
		count++;
		snprintf(last_common, sizeof(last_common), "%s", entry);
		if (cut != NULL)
		{
			say(&common, "<CommonPrefixes><Prefix>");
			say_key(&common, entry);
			say(&common, "</Prefix></CommonPrefixes>");
			continue;
		}
		snprintf(path, sizeof(path), "%s/%s", dir, key);
		if (stat(path, &st) != 0)
			continue;
		stub_etag(&st, etag, sizeof(etag));
		say(&body, "<Contents><Key>");
		say_key(&body, key);
		say(&body, "</Key><LastModified>2024-01-02T03:04:05.000Z</LastModified><ETag>&quot;%.*s"
				   "&quot;</ETag><Size>%lld</Size></Contents>",
			(int) strlen(etag) - 2, etag + 1, (long long) st.st_size);
	}
	say(&body, "%s<IsTruncated>%s</IsTruncated>", common.p, more ? "true" : "false");
	if (more)
	{
		say(&body, "<NextContinuationToken>");
		for (const char *c = last_common; *c; c++)
			say(&body, strchr("<>&", *c) != NULL ? "&#%d;" : "%c", *c);
		say(&body, "</NextContinuationToken>");
	}
	say(&body, "</ListBucketResult>");
	stub_answer(200, "Content-Type: application/xml\r\n", body.p, body.n);
}

/*
 * Writing
 */

static void
make_parents(char *path)
{
	for (char *p = path + 1; (p = strchr(p, '/')) != NULL; p++)
	{
		*p = '\0';
		mkdir(path, 0777);
		*p = '/';
	}
}

static bool
store(char *path, const void *bytes, size_t n, bool append)
{
	int fd;
	bool ok;

	make_parents(path);
	fd = open(path, O_WRONLY | O_CREAT | (append ? O_APPEND : O_TRUNC), 0666);
	ok = fd >= 0 && write(fd, bytes, n) == (ssize_t) n;
	if (fd >= 0)
		close(fd);
	return ok;
}

static bool
may_create(const StubRequest *r, const char *path)
{
	const char *none = stub_header(r, "If-None-Match");

	if (none == NULL || strcmp(none, "*") != 0 || access(path, F_OK) != 0)
		return true;
	stub_answer_error(412, "PreconditionFailed", "the object exists");
	return false;
}

static void
answer_etag(const char *path)
{
	char headers[256], etag[128];
	struct stat st;

	if (stat(path, &st) != 0)
	{
		stub_answer_error(500, "InternalError", "could not write");
		return;
	}
	stub_etag(&st, etag, sizeof(etag));
	snprintf(headers, sizeof(headers), "ETag: %s\r\n", etag);
	stub_answer(200, headers, "", 0);
}

static void
part_path(char *out, size_t size, const char *upload, int part)
{
	snprintf(out, size, "%s/.uploads/%s.%05d", stub_options.root, upload, part);
}

static void
remove_parts(const char *upload)
{
	for (int i = 1; i <= 10000; i++)
	{
		char path[4096];

		part_path(path, sizeof(path), upload, i);
		if (unlink(path) != 0)
			return;
	}
}

/* Join the parts that the body names, in order; each ETag must be the part's. */
static void
complete(const StubRequest *r, const char *upload, char *path)
{
	char *body = strndup((const char *) r->body, r->body_len);
	char *p = body, answer[512];
	int number, n = 0;
	Text all = {0};

	if (!may_create(r, path))
		return;
	all.p = malloc(1);
	while ((p = strstr(p, "<PartNumber>")) != NULL && sscanf(p, "<PartNumber>%d", &number) == 1)
	{
		char part[4096], etag[128];
		struct stat st;
		int fd;

		part_path(part, sizeof(part), upload, number);
		fd = open(part, O_RDONLY);
		if (fd < 0 || number != ++n || fstat(fd, &st) != 0)
		{
			stub_answer_error(400, "InvalidPart", "no such part");
			return;
		}
		stub_etag(&st, etag, sizeof(etag));
		etag[strlen(etag) - 1] = '\0';
		if (strstr(p, etag + 1) == NULL)
		{
			stub_answer_error(400, "InvalidPart", "another ETag");
			return;
		}
		all.p = realloc(all.p, all.n + (size_t) st.st_size + 1);
		if (read(fd, all.p + all.n, (size_t) st.st_size) != st.st_size)
			return;
		all.n += (size_t) st.st_size;
		close(fd);
		p++;
	}
	if (n == 0 || !store(path, all.p, all.n, false))
	{
		stub_answer_error(400, "MalformedXML", "no parts");
		return;
	}
	remove_parts(upload);
	snprintf(answer, sizeof(answer), "<CompleteMultipartUploadResult><ETag>&quot;%d&quot;</ETag>"
									 "</CompleteMultipartUploadResult>",
			 n);
	stub_answer(200, "", answer, strlen(answer));
}

static void
write_object(const StubRequest *r, char *path)
{
	char upload[128], number[32], part[4096], body[512];
	bool has_upload = stub_param(r->query, "uploadId", upload, sizeof(upload));

	if (strcmp(r->method, "POST") == 0 && stub_param(r->query, "uploads", body, sizeof(body)))
	{
		snprintf(body, sizeof(body), "<?xml version=\"1.0\"?><InitiateMultipartUploadResult>"
									 "<UploadId>up%d&amp;%ld</UploadId>"
									 "</InitiateMultipartUploadResult>",
				 (int) getpid(), (long) random());
		stub_answer(200, "", body, strlen(body));
	}
	else if (strcmp(r->method, "POST") == 0 && has_upload)
		complete(r, upload, path);
	else if (strcmp(r->method, "DELETE") == 0)
	{
		if (has_upload)
			remove_parts(upload);
		else
			unlink(path);
		stub_answer(204, "", "", 0);
	}
	else if (strcmp(r->method, "PUT") == 0 && has_upload &&
			 stub_param(r->query, "partNumber", number, sizeof(number)))
	{
		part_path(part, sizeof(part), upload, atoi(number));
		store(part, r->body, r->body_len, false);
		answer_etag(part);
	}
	else if (strcmp(r->method, "PUT") == 0)
	{
		if (!may_create(r, path))
			return;
		store(path, r->body, r->body_len, false);
		answer_etag(path);
	}
	else
		stub_answer_error(405, "MethodNotAllowed", "no");
}

/* Bucket and key of a request, by path or by host. */
static bool
split_target(const StubRequest *r, char *bucket, size_t size, char *key, size_t key_size)
{
	const char *host = stub_header(r, "Host"), *path = r->path + 1;
	size_t n;

	if (stub_options.vhost != NULL && host != NULL)
	{
		n = strcspn(host, ".");
		if (strncmp(host + n, ".", 1) != 0 ||
			strncmp(host + n + 1, stub_options.vhost, strlen(stub_options.vhost)) != 0)
			return false;
		snprintf(bucket, size, "%.*s", (int) n, host);
	}
	else
	{
		n = strcspn(path, "/");
		snprintf(bucket, size, "%.*s", (int) n, path);
		path += n + (path[n] == '/');
	}
	return bucket[0] != '\0' && bucket[0] != '.' && stub_decode(path, strlen(path), key, key_size);
}

void
stub_s3(const StubRequest *r, const StubFault *fault)
{
	LhCtx *ctx = lh_ctx_create();
	const char *wrong = stub_check_signature(ctx, r, "s3");
	char bucket[128], key[4096], path[8192];

	lh_ctx_destroy(ctx);
	if (wrong != NULL)
		stub_answer_error(403, wrong, "the request is not who it says it is");
	else if (!split_target(r, bucket, sizeof(bucket), key, sizeof(key)))
		stub_answer_error(400, "InvalidURI", "no bucket");
	else if (key[0] == '\0')
		list(r, bucket);
	else
	{
		snprintf(path, sizeof(path), "%s/%s/%s", stub_options.root, bucket, key);
		if (strcmp(r->method, "GET") == 0 || strcmp(r->method, "HEAD") == 0)
			stub_answer_file(r, path, fault);
		else
			write_object(r, path);
	}
}
