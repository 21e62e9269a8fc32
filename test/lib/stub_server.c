/*
 * stub_server.c
 *		An HTTP and S3 server for tests, which does as badly as it is told.
 *
 *	stub_server --root DIR [--s3] [--key ID:SECRET[:TOKEN]]... [--vhost HOST]
 *		[--page N] [--require AUTHORIZATION] [--tls CERTIFICATE]
 *		[--instance ROLE --seconds N] [--registry [--refuse TEXT]]
 *		[--vault TOKEN] [--kms]
 *
 * It listens on a free port of 127.0.0.1, says "port N" on standard output, and
 * ends when standard input does, so that no test can leave it behind.  With
 * --tls it makes a certificate for localhost and writes it to that file.  With
 * --instance it is a cloud's metadata service (version 2), with --registry one of
 * schemas (stub_registry.c), with --vault a HashiCorp Vault (stub_vault.c), with --kms AWS's key management (stub_kms.c).  A process serves a connection; what all know lies in shared memory:
 *
 *	GET /_stub/log		a line for each request: METHOD target range auth host key
 *	GET /_stub/reset	forget log and faults
 *	GET /_stub/fault?kind=K&match=TEXT&every=N&times=N&status=N&arg=X
 *
 *	status		answer with this status; arg: Retry-After
 *	reset		close after arg bytes of the body, without a word
 *	slow		wait arg ms between pieces of 1 kB
 *	hang		never answer
 *	truncate	answer a range with its first arg bytes only
 *	etag		say that the object has the ETag arg, whatever is asked for
 *	redirect	to arg
 *	norange		answer a range with the whole object
 *	wrongrange	answer with another range than was asked for
 *	body		answer with the text arg, and with the status when one is given
 *	huge		answer with a JSON object of arg bytes, and the status
 */
#include "stub.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MAX_FAULTS 32
#define MAX_LOG    (8 << 20)
#define MAX_BODY   (256 << 20)

typedef struct Shared
{
	int lock;
	int nfaults;
	StubFault faults[MAX_FAULTS];
	size_t log_len;
	char log[MAX_LOG];
} Shared;

StubOptions stub_options = {.page = 1000};
static Shared *shared;
static SSL_CTX *tls;
static SSL *ssl;
static int conn;

/* A process a connection: what it leaves behind goes with it. */
int __lsan_is_turned_off(void);

int
__lsan_is_turned_off(void)
{
	return 1;
}

static void
die(const char *what)
{
	fprintf(stderr, "stub_server: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void
lock(void)
{
	while (__atomic_exchange_n(&shared->lock, 1, __ATOMIC_ACQUIRE))
		usleep(50);
}

static void
unlock(void)
{
	__atomic_store_n(&shared->lock, 0, __ATOMIC_RELEASE);
}

/*
 * Bytes
 */

static ssize_t
receive(void *p, size_t n)
{
	if (ssl != NULL)
		return SSL_read(ssl, p, (int) n);
	return recv(conn, p, n, 0);
}

/* All of it, or the connection is gone and with it this process. */
static void
transmit(const void *p, size_t n)
{
	const char *at = p;

	while (n > 0)
	{
		ssize_t k = ssl != NULL ? SSL_write(ssl, at, n > 16384 ? 16384 : (int) n)
								: send(conn, at, n, MSG_NOSIGNAL);

		if (k <= 0)
			exit(0);
		at += k;
		n -= (size_t) k;
	}
}

/* End the connection with a reset instead of a farewell. */
static void
reset_connection(void)
{
	struct linger linger = {1, 0};

	setsockopt(conn, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	close(conn);
	exit(0);
}

/*
 * Requests
 */

const char *
stub_header(const StubRequest *r, const char *name)
{
	for (int i = 0; i < r->nheaders; i++)
		if (strcasecmp(r->names[i], name) == 0)
			return r->values[i];
	return NULL;
}

static int
hex_value(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10
										: c >= 'A' && c <= 'F' ? c - 'A' + 10
															   : -1;
}

bool
stub_decode(const char *p, size_t n, char *out, size_t size)
{
	size_t k = 0;

	for (size_t i = 0; i < n && k + 1 < size; i++)
	{
		if (p[i] == '%' && i + 2 < n + 0 && hex_value(p[i + 1]) >= 0 && hex_value(p[i + 2]) >= 0)
		{
			out[k++] = (char) (hex_value(p[i + 1]) << 4 | hex_value(p[i + 2]));
			i += 2;
		}
		else
			out[k++] = p[i];
	}
	out[k] = '\0';
	return k + 1 < size;
}

bool
stub_param(const char *query, const char *name, char *out, size_t size)
{
	size_t len = strlen(name);

	for (const char *p = query; *p;)
	{
		size_t n = strcspn(p, "&");

		if (strncmp(p, name, len) == 0 && (n == len || p[len] == '='))
			return stub_decode(p + len + (n > len), n - len - (n > len), out, size);
		p += n + (p[n] == '&');
	}
	return false;
}

static bool
parse_head(StubRequest *r)
{
	char *save = NULL, *line = strtok_r(r->head, "\r\n", &save);

	if (line == NULL || sscanf(line, "%15s %8191s", r->method, r->target) != 2)
		return false;
	while ((line = strtok_r(NULL, "\r\n", &save)) != NULL && r->nheaders < STUB_HEADERS)
	{
		char *colon = strchr(line, ':');

		if (colon == NULL)
			return false;
		*colon++ = '\0';
		r->names[r->nheaders] = line;
		r->values[r->nheaders++] = colon + strspn(colon, " ");
	}
	r->path = strdup(r->target);
	r->query = strchr(r->path, '?');
	if (r->query != NULL)
		*r->query++ = '\0';
	else
		r->query = strdup("");
	return true;
}

static bool
read_request(StubRequest *r)
{
	size_t n = 0, head, length;
	const char *value;
	char *end = NULL;

	while (end == NULL)
	{
		ssize_t k = n < sizeof(r->head) - 1 ? receive(r->head + n, sizeof(r->head) - 1 - n) : 0;

		if (k <= 0)
			return false;
		n += (size_t) k;
		r->head[n] = '\0';
		end = strstr(r->head, "\r\n\r\n");
	}
	head = (size_t) (end - r->head) + 4;
	r->body = malloc(n - head + 1);
	memcpy(r->body, r->head + head, n - head);
	n -= head;
	*end = '\0';
	if (!parse_head(r))
		return false;
	value = stub_header(r, "Content-Length");
	length = value != NULL ? strtoul(value, NULL, 10) : 0;
	if (length > MAX_BODY)
		return false;
	r->body = realloc(r->body, length + 1);
	while (n < length)
	{
		ssize_t k = receive(r->body + n, length - n);

		if (k <= 0)
			return false;
		n += (size_t) k;
	}
	r->body_len = length;
	value = stub_header(r, "Connection");
	r->close = value != NULL && strcasecmp(value, "close") == 0;
	return true;
}

static void
note(const StubRequest *r)
{
	const char *range = stub_header(r, "Range"), *auth = stub_header(r, "Authorization");
	const char *host = stub_header(r, "Host");
	const char *key = auth != NULL ? strstr(auth, "Credential=") : NULL;
	size_t room;
	int n;

	lock();
	room = MAX_LOG - shared->log_len;
	n = snprintf(shared->log + shared->log_len, room, "%s %s %s %s %s %.*s\n", r->method,
				 r->target, range != NULL ? range : "-", auth != NULL ? "auth" : "-",
				 host != NULL ? host : "-", key != NULL ? (int) strcspn(key, "/") : 1,
				 key != NULL ? key : "-");
	if ((size_t) n < room)
		shared->log_len += (size_t) n;
	unlock();
}

/*
 * Answers
 */

static bool head_only;

static const char *
reason(int status)
{
	return status < 300 ? "OK" : status < 400 ? "Elsewhere" : "Error";
}

static void
send_head(int status, const char *headers, long long length)
{
	char head[8192];
	int n = snprintf(head, sizeof(head), "HTTP/1.1 %d %s\r\n%sContent-Length: %lld\r\n\r\n", status,
					 reason(status), headers, length);

	transmit(head, (size_t) n);
}

void
stub_answer(int status, const char *headers, const void *body, size_t len)
{
	send_head(status, headers, (long long) len);
	if (!head_only)
		transmit(body, len);
}

void
stub_answer_error(int status, const char *code, const char *message)
{
	char body[1024];
	int n = snprintf(body, sizeof(body),
					 "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>%s</Code>"
					 "<Message>%s</Message></Error>",
					 code, message);

	stub_answer(status, "Content-Type: application/xml\r\n", body, (size_t) n);
}

void
stub_etag(const struct stat *st, char *out, size_t size)
{
	snprintf(out, size, "\"%llx-%llx%09lx\"", (long long) st->st_size,
			 (long long) st->st_mtim.tv_sec, (long) st->st_mtim.tv_nsec);
}

/* "bytes=A-B" within size; false: everything is wanted. */
static bool
wanted_range(const StubRequest *r, long long size, long long *from, long long *to)
{
	const char *range = stub_header(r, "Range");

	*from = 0;
	*to = size - 1;
	if (range == NULL || strncmp(range, "bytes=", 6) != 0)
		return false;
	if (range[6] == '-')
		*from = size - atoll(range + 7) > 0 ? size - atoll(range + 7) : 0;
	else if (sscanf(range + 6, "%lld-%lld", from, to) < 2 || *to >= size)
		*to = size - 1;
	return true;
}

static bool
is_fault(const StubFault *fault, const char *kind)
{
	return fault != NULL && strcmp(fault->kind, kind) == 0;
}

static void
send_bytes(int fd, long long from, long long n, const StubFault *fault)
{
	long long cut = is_fault(fault, "reset") ? atoll(fault->arg) : -1;
	size_t piece = is_fault(fault, "slow") ? 1024 : 65536;
	char buf[65536];

	while (n > 0)
	{
		long long want = n < (long long) piece ? n : (long long) piece;
		ssize_t k;

		if (cut >= 0 && want > cut)
			want = cut;
		k = want > 0 ? pread(fd, buf, (size_t) want, from) : 0;
		if (k > 0)
			transmit(buf, (size_t) k);
		if (k <= 0 || (cut >= 0 && (cut -= k) <= 0))
		{
			/* what was sent arrives before the reset does */
			usleep(20000);
			reset_connection();
		}
		from += k;
		n -= k;
		if (is_fault(fault, "slow"))
			usleep((useconds_t) atoi(fault->arg) * 1000);
	}
}

static bool
conditions_hold(const StubRequest *r, const char *etag)
{
	const char *match = stub_header(r, "If-Match");

	return match == NULL || strcmp(match, "*") == 0 || strcmp(match, etag) == 0;
}

void
stub_answer_file(const StubRequest *r, const char *path, const StubFault *fault)
{
	char headers[4096], etag[1024], modified[64], range_header[128] = "";
	long long from, to;
	struct stat st;
	struct tm tm;
	bool ranged;
	int fd = open(path, O_RDONLY);

	if (fd < 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
	{
		stub_answer_error(404, "NoSuchKey", "there is no such object");
		return;
	}
	stub_etag(&st, etag, sizeof(etag));
	if (is_fault(fault, "etag"))
		snprintf(etag, sizeof(etag), "%s", fault->arg);
	else if (!conditions_hold(r, etag))
	{
		close(fd);
		stub_answer_error(412, "PreconditionFailed", "the object is another");
		return;
	}
	ranged = wanted_range(r, st.st_size, &from, &to) && !is_fault(fault, "norange");
	if (ranged && from > to)
	{
		close(fd);
		stub_answer_error(416, "InvalidRange", "the object is shorter");
		return;
	}
	if (ranged && is_fault(fault, "truncate") && to - from + 1 > atoll(fault->arg))
		to = from + atoll(fault->arg) - 1;
	if (ranged && is_fault(fault, "wrongrange") && from > 0)
		from--;
	if (!ranged)
	{
		from = 0;
		to = st.st_size - 1;
	}
	else
		snprintf(range_header, sizeof(range_header), "Content-Range: bytes %lld-%lld/%lld\r\n",
				 from, to, (long long) st.st_size);
	gmtime_r(&st.st_mtim.tv_sec, &tm);
	strftime(modified, sizeof(modified), "%a, %d %b %Y %H:%M:%S GMT", &tm);
	snprintf(headers, sizeof(headers), "%s%s%s%sLast-Modified: %s\r\nAccept-Ranges: bytes\r\n",
			 etag[0] ? "ETag: " : "", etag, etag[0] ? "\r\n" : "", range_header, modified);
	send_head(ranged ? 206 : 200, headers, to - from + 1);
	if (!head_only)
		send_bytes(fd, from, to - from + 1, fault);
	close(fd);
}

/*
 * Faults and the log
 */

static bool
find_fault(const StubRequest *r, StubFault *out)
{
	char line[8300];
	bool found = false;

	snprintf(line, sizeof(line), "%s %s", r->method, r->target);
	lock();
	for (int i = 0; i < shared->nfaults && !found; i++)
	{
		StubFault *f = &shared->faults[i];

		if (strstr(line, f->match) == NULL || ++f->seen % f->every != 0 ||
			(f->times > 0 && f->done >= f->times))
			continue;
		f->done++;
		*out = *f;
		found = true;
	}
	unlock();
	return found;
}

static int
int_param(const char *query, const char *name, int otherwise)
{
	char text[32];

	return stub_param(query, name, text, sizeof(text)) ? atoi(text) : otherwise;
}

static void
control(const StubRequest *r)
{
	StubFault f = {0};

	if (strcmp(r->path, "/_stub/log") == 0)
	{
		lock();
		stub_answer(200, "", shared->log, shared->log_len);
		unlock();
		return;
	}
	lock();
	if (strcmp(r->path, "/_stub/reset") == 0)
	{
		shared->nfaults = 0;
		shared->log_len = 0;
	}
	else if (strcmp(r->path, "/_stub/fault") == 0 && shared->nfaults < MAX_FAULTS)
	{
		stub_param(r->query, "kind", f.kind, sizeof(f.kind));
		stub_param(r->query, "match", f.match, sizeof(f.match));
		stub_param(r->query, "arg", f.arg, sizeof(f.arg));
		f.every = int_param(r->query, "every", 1);
		f.times = int_param(r->query, "times", 0);
		f.status = int_param(r->query, "status", 503);
		shared->faults[shared->nfaults++] = f;
	}
	unlock();
	stub_answer(200, "", "ok\n", 3);
}

/* True when the fault was the answer. */
static bool
do_fault(const StubFault *f)
{
	char headers[2048];

	if (strcmp(f->kind, "hang") == 0)
		for (;;)
			pause();
	if (strcmp(f->kind, "reset") == 0 && f->arg[0] == '\0')
		reset_connection();
	if (strcmp(f->kind, "status") == 0)
	{
		snprintf(headers, sizeof(headers), "%s%s%s", f->arg[0] ? "Retry-After: " : "", f->arg,
				 f->arg[0] ? "\r\n" : "");
		stub_answer(f->status, headers, "no\n", 3);
		return true;
	}
	if (strcmp(f->kind, "redirect") == 0)
	{
		snprintf(headers, sizeof(headers), "Location: %s\r\n", f->arg);
		stub_answer(302, headers, "", 0);
		return true;
	}
	if (strcmp(f->kind, "body") == 0)
	{
		stub_answer(f->status == 503 ? 200 : f->status, "", f->arg, strlen(f->arg));
		return true;
	}
	if (strcmp(f->kind, "huge") == 0)
	{
		static const char head[] = "{\"id\":7,\"error_code\":409,\"message\":\"no";
		size_t n = strtoul(f->arg, NULL, 10);
		char *text = malloc(n + sizeof(head) + 2);

		memset(text, 'x', n + sizeof(head) + 2);
		memcpy(text, head, sizeof(head) - 1);
		memcpy(text + n, "\"}", 2);
		stub_answer(f->status, "", text, n + 2);
		free(text);
		return true;
	}
	return false;
}

/*
 * Metadata service
 */

#define METADATA_TOKEN "c3R1Yg=="

static void
serve_instance(const StubRequest *r)
{
	static const char roles[] = "/latest/meta-data/iam/security-credentials/";
	const StubKey *key = &stub_options.keys[0];
	const char *token = stub_header(r, "X-aws-ec2-metadata-token"), *name;
	time_t end = time(NULL) + stub_options.seconds;
	char text[1024], until[64];

	if (strcmp(r->method, "PUT") == 0 && strcmp(r->path, "/latest/api/token") == 0)
	{
		if (stub_header(r, "X-aws-ec2-metadata-token-ttl-seconds") == NULL)
			stub_answer_error(400, "BadRequest", "for how long?");
		else
			stub_answer(200, "", METADATA_TOKEN, strlen(METADATA_TOKEN));
		return;
	}
	if (token == NULL || strcmp(token, METADATA_TOKEN) != 0)
	{
		stub_answer_error(401, "Unauthorized", "no token");
		return;
	}
	name = strncmp(r->path, roles, strlen(roles)) == 0 ? r->path + strlen(roles) : "?";
	strftime(until, sizeof(until), "%Y-%m-%dT%H:%M:%SZ", gmtime(&end));
	if (name[0] == '\0')
		stub_answer(200, "", stub_options.role, strlen(stub_options.role));
	else if (strcmp(name, stub_options.role) == 0)
	{
		snprintf(text, sizeof(text),
				 "{\"Code\": \"Success\", \"AccessKeyId\": \"%s\", \"SecretAccessKey\": \"%s\", "
				 "\"Token\": \"%s\", \"Expiration\": \"%s\"}",
				 key->id, key->secret, key->token, until);
		stub_answer(200, "", text, strlen(text));
	}
	else
		stub_answer_error(404, "NotFound", "no such thing");
}

/*
 * Connections
 */

static void
serve_request(const StubRequest *r)
{
	StubFault fault;
	bool has_fault;
	const char *auth = stub_header(r, "Authorization");
	char path[4096], file[8192];

	head_only = strcmp(r->method, "HEAD") == 0;
	if (strncmp(r->path, "/_stub/", 7) == 0)
	{
		control(r);
		return;
	}
	note(r);
	has_fault = find_fault(r, &fault);
	if (has_fault && do_fault(&fault))
		return;
	if (stub_options.role != NULL)
	{
		serve_instance(r);
		return;
	}
	if (stub_options.s3)
	{
		stub_s3(r, has_fault ? &fault : NULL);
		return;
	}
	if (stub_options.require != NULL && (auth == NULL || strcmp(auth, stub_options.require) != 0))
	{
		stub_answer_error(401, "Unauthorized", "who are you?");
		return;
	}
	if (stub_options.registry)
	{
		stub_registry(r);
		return;
	}
	if (stub_options.vault != NULL)
	{
		stub_vault(r);
		return;
	}
	if (stub_options.kms)
	{
		stub_kms(r);
		return;
	}
	if (!stub_decode(r->path, strlen(r->path), path, sizeof(path)) || strstr(path, "/..") != NULL)
	{
		stub_answer_error(400, "BadRequest", "no");
		return;
	}
	snprintf(file, sizeof(file), "%s%s", stub_options.root, path);
	stub_answer_file(r, file, has_fault ? &fault : NULL);
}

static void
serve(int fd)
{
	int one = 1;

	conn = fd;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (tls != NULL)
	{
		ssl = SSL_new(tls);
		SSL_set_fd(ssl, fd);
		if (SSL_accept(ssl) != 1)
			exit(0);
	}
	for (;;)
	{
		StubRequest *r = calloc(1, sizeof(*r));

		if (!read_request(r))
			exit(0);
		serve_request(r);
		if (r->close)
			exit(0);
		free(r->body);
		free(r);
	}
}

/* A certificate that only those trust who are given it. */
static void
start_tls(const char *file)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = X509_new();
	X509_NAME *name = X509_get_subject_name(cert);
	X509_EXTENSION *names =
		X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, "DNS:localhost,IP:127.0.0.1");
	FILE *f = fopen(file, "w");

	X509_set_version(cert, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
	X509_gmtime_adj(X509_getm_notBefore(cert), -3600);
	X509_gmtime_adj(X509_getm_notAfter(cert), 24 * 3600);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const uint8_t *) "localhost", -1, -1, 0);
	X509_set_issuer_name(cert, name);
	X509_set_pubkey(cert, key);
	X509_add_ext(cert, names, -1);
	if (f == NULL || X509_sign(cert, key, EVP_sha256()) == 0 || PEM_write_X509(f, cert) != 1 ||
		fclose(f) != 0)
		die(file);
	tls = SSL_CTX_new(TLS_server_method());
	if (SSL_CTX_use_certificate(tls, cert) != 1 || SSL_CTX_use_PrivateKey(tls, key) != 1)
		die("TLS");
}

static int
listen_somewhere(void)
{
	struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(addr);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *) &addr, sizeof(addr)) != 0 || listen(fd, 128) != 0 ||
		getsockname(fd, (struct sockaddr *) &addr, &len) != 0)
		die("listen");
	printf("port %d\n", ntohs(addr.sin_port));
	fflush(stdout);
	return fd;
}

static void
add_key(char *text)
{
	StubKey *key = &stub_options.keys[stub_options.nkeys++];

	if (stub_options.nkeys > STUB_KEYS ||
		sscanf(text, "%63[^:]:%63[^:]:%127s", key->id, key->secret, key->token) < 2)
		die("--key ID:SECRET[:TOKEN]");
}

static void
parse_options(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
	{
		const char *name = argv[i];
		char *value = i + 1 < argc ? argv[i + 1] : NULL;

		if (strcmp(name, "--s3") == 0 || strcmp(name, "--registry") == 0 || strcmp(name, "--kms") == 0)
		{
			*(name[2] == 's'   ? &stub_options.s3
			  : name[2] == 'k' ? &stub_options.kms
							   : &stub_options.registry) = true;
			continue;
		}
		if (value == NULL)
			die(name);
		i++;
		if (strcmp(name, "--root") == 0)
			snprintf(stub_options.root, sizeof(stub_options.root), "%s", value);
		else if (strcmp(name, "--key") == 0)
			add_key(value);
		else if (strcmp(name, "--vhost") == 0)
			stub_options.vhost = value;
		else if (strcmp(name, "--page") == 0)
			stub_options.page = atoi(value);
		else if (strcmp(name, "--require") == 0)
			stub_options.require = value;
		else if (strcmp(name, "--instance") == 0)
			stub_options.role = value;
		else if (strcmp(name, "--refuse") == 0)
			stub_options.refuse = value;
		else if (strcmp(name, "--vault") == 0)
			stub_options.vault = value;
		else if (strcmp(name, "--seconds") == 0)
			stub_options.seconds = atoi(value);
		else if (strcmp(name, "--tls") == 0)
			start_tls(value);
		else
			die(name);
	}
}

int
main(int argc, char **argv)
{
	int fd;

	/* a group of its own, which is ended as a whole */
	setpgid(0, 0);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGCHLD, SIG_IGN);
	parse_options(argc, argv);
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		die("mmap");
	if (stub_options.registry)
		stub_registry_begin();
	if (stub_options.vault != NULL)
		stub_vault_begin();
	if (stub_options.kms)
		stub_kms_begin();
	fd = listen_somewhere();
	for (;;)
	{
		struct pollfd fds[2] = {{.fd = fd, .events = POLLIN}, {.fd = 0, .events = POLLIN}};
		int client;
		char c;

		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			die("poll");
		if (fds[1].revents != 0 && read(0, &c, 1) <= 0)
		{
			/* hanging connections, too */
			signal(SIGTERM, SIG_IGN);
			kill(0, SIGTERM);
			return 0;
		}
		if (fds[0].revents == 0 || (client = accept(fd, NULL, NULL)) < 0)
			continue;
		if (fork() == 0)
		{
			close(fd);
			close(0);
			serve(client);
		}
		close(client);
	}
}
