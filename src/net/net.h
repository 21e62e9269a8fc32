/*
 * net.h
 *		HTTP for everything that reads or writes remote bytes.
 *
 *	url.c		URLs, parsed strictly
 *	address.c	which addresses may be connected
 *	resolve.c	host names, resolved where a cancel can stop it
 *	client.c	transfers over libcurl, driven by the calling thread alone
 *	request.c	one request: headers, retries, redirects
 *	reply.c		what a server answered
 *	sigv4.c		signatures of AWS
 *	instance.c	credentials of the machine's role
 *	vault.h		HashiCorp Vault as a key provider
 *	awskms.h	AWS KMS as a key provider
 *
 * There is no thread here, and no blocking call: transfers move on while
 * somebody waits in lh_http_wait, which waits through the host (core/ctx.h) and
 * so ends as soon as the host wants it.
 *
 * Secrets live in headers that a request is given; no message repeats them.
 */
#ifndef LH_NET_NET_H
#define LH_NET_NET_H

#include "core/core.h"

/* ---- URLs (url.c) ---- */

/* Longest URL that is accepted, in bytes. */
#define LH_URL_MAX 8192

typedef struct LhUrl
{
	bool		https;
	const char *host;			/* lower case; IPv6 without its brackets */
	bool		ipv6;			/* host is an IPv6 address */
	int			port;
	const char *path;			/* as written, percent-encoded; begins with '/' */
	const char *query;			/* without '?'; NULL: none */
} LhUrl;

/*
 * Parse "http://" or "https://".  Refused (LH_INVALID) are user names, other
 * characters than RFC 3986 knows (but bytes beyond ASCII, which are encoded), a
 * path with "." or ".." in any spelling, and names that are no host names.
 * Messages do not repeat the URL.
 */
extern LhStatus lh_url_parse(LhCtx *ctx, const char *text, LhUrl *out);
/* A Location header: absolute, or relative to base. */
extern LhStatus lh_url_resolve(LhCtx *ctx, const LhUrl *base, const char *reference, LhUrl *out);
/* "https://host:port/path?query"; the port where it is not the scheme's. */
extern char *lh_url_text(LhCtx *ctx, const LhUrl *url);
/* "host" or "host:port", as the Host header has it. */
extern char *lh_url_authority(LhCtx *ctx, const LhUrl *url);
/* Same scheme, host and port? */
extern bool lh_url_same_origin(const LhUrl *a, const LhUrl *b);
/* "." or "..", spelled with or without %2e, as a segment of n bytes? */
extern bool lh_url_is_dots(const char *segment, size_t n);
/* Append with all but A-Z a-z 0-9 - . _ ~ (and '/' when kept) as %XX. */
extern LhStatus lh_url_encode(LhCtx *ctx, LhBuf *out, const char *p, size_t n, bool keep_slash);

/* ---- addresses (address.c) ---- */

/* An address as 16 bytes, IPv4 mapped into IPv6. */
typedef struct LhAddress
{
	uint8_t		b[16];
} LhAddress;

typedef enum LhAddressKind
{
	LH_ADDRESS_PUBLIC,
	LH_ADDRESS_PRIVATE,			/* loopback, private, shared, reserved: only by name */
	LH_ADDRESS_REFUSED			/* link-local, metadata services, multicast: never */
} LhAddressKind;

/* "10.1.2.3" or "fe80::1", nothing else (no "10.1", no octal). */
extern bool lh_address_parse(const char *text, LhAddress *out);
extern LhAddressKind lh_address_kind(const LhAddress *address);
/* 46 bytes are enough. */
extern void lh_address_format(const LhAddress *address, char *out, size_t size);

/* A host or network whose private addresses may be connected. */
typedef struct LhNetRule
{
	const char *host;			/* lower case; NULL: a network */
	LhAddress	network;
	int			bits;			/* of the 128 */
} LhNetRule;

/* "10.0.0.0/8", "fd00::/8", "10.1.2.3", "[fd00::1]" or a host name; LH_INVALID for what is neither. */
extern LhStatus lh_net_rule_parse(LhCtx *ctx, const char *text, LhNetRule *out);
extern bool lh_net_rule_covers(const LhNetRule *rule, const LhAddress *address);
/* 169.254.169.254, where clouds have the service that hands out a machine's credentials. */
extern bool lh_address_is_metadata(const LhAddress *address);
/* May a connection made for host go to this address? */
extern bool lh_address_allowed(const LhNetRule *rules, int nrules, const char *host,
							   const LhAddress *address);

/* ---- signatures of AWS (sigv4.c) ---- */

extern void lh_sha256_hex(const void *p, size_t n, char out[65]);

typedef struct LhSigV4
{
	const char *method;
	const char *path;			/* encoded as it is sent */
	const char *query;			/* encoded as it is sent, in any order; NULL: none */
	int			nheaders;
	const char *const *headers; /* "Name: value"; all of them are signed, host and date among them */
	const char *payload_hash;
	const char *time;			/* "20130524T000000Z" */
	const char *region;
	const char *service;
	const char *access_key_id;
	const char *secret_access_key;
} LhSigV4;

/* The value of the Authorization header. */
extern LhStatus lh_sigv4_sign(LhCtx *ctx, const LhSigV4 *in, char **out);
/* "20130524T000000Z" of a time; 17 bytes. */
extern void lh_sigv4_time(int64_t unix_seconds, char out[17]);

/* ---- HTTP (client.c, request.c) ---- */

/* All of a client's limits; a 0 means the default named here. */
typedef struct LhNetOptions
{
	const LhNetRule *rules;		/* borrowed */
	int			nrules;
	const char *ca_file;		/* instead of the system's certificates */
	int			connect_timeout_ms; /* 10 s; names and TLS included */
	int			stall_timeout_ms;	/* 30 s without a byte */
	int			total_timeout_ms;	/* 10 min for one attempt */
	int			attempts;		/* 6 */
	int			backoff_ms;		/* 100: the first pause at most, doubled each time */
	int			backoff_max_ms; /* 10 s; a longer Retry-After is an error */
	const char *resolver;		/* for tests: a program instead of getent */
	bool		metadata_service;	/* connect to 169.254.169.254 and nothing else: instance.c */
} LhNetOptions;

/* Connections of one scan, and the requests under way on them. */
typedef struct LhNet LhNet;
extern LhStatus lh_net_create(LhCtx *ctx, const LhNetOptions *options, LhNet **out);
/* Its options, with the defaults filled in. */
extern const LhNetOptions *lh_net_options(const LhNet *net);

/* Requests that are under way at a time; others wait for their turn. */
#define LH_NET_PARALLEL 6

typedef enum LhHttpMethod
{
	LH_HTTP_HEAD, LH_HTTP_GET, LH_HTTP_PUT, LH_HTTP_POST, LH_HTTP_DELETE
} LhHttpMethod;

typedef struct LhHttp LhHttp;

/*
 * Makes the credentials' headers for one attempt ("Name: value", at most max,
 * in ctx->arena).  Not asked again once a redirect led to another origin.
 */
typedef LhStatus (*LhHttpSignFn) (LhCtx *ctx, void *arg, const LhHttp *http, const char **headers,
								  int max, int *n);

/* Bytes of the body, in order; at counts from the first byte wanted. */
typedef LhStatus (*LhHttpBodyFn) (LhCtx *ctx, void *arg, int64_t at, const uint8_t *bytes, size_t n);

/* Headers that a request may be given, and that a signature adds. */
#define LH_HTTP_MAX_HEADERS 12

/* A header of an answer that may be asked for; cut at this length. */
#define LH_HTTP_TEXT 1024

/* What a server answered, as far as we care. */
typedef struct LhHttpReply
{
	int			status;			/* 0: none came */
	int64_t		length;			/* Content-Length, -1: not said */
	int64_t		range_from;		/* Content-Range; -1: none */
	int64_t		range_to;		/* inclusive */
	int64_t		total;			/* size of the whole object by Content-Range; -1: not said */
	int			retry_after_ms; /* -1: not said */
	bool		encoded;		/* Content-Encoding other than identity */
	char		etag[LH_HTTP_TEXT];
	char		modified[64];	/* Last-Modified */
	char		location[LH_URL_MAX + 1];
	char		region[64];		/* x-amz-bucket-region */
	char		error_code[64]; /* of an XML error body: <Code> */
} LhHttpReply;

typedef enum LhHttpState
{
	LH_HTTP_IDLE,				/* not submitted, or taken back */
	LH_HTTP_WAITING,			/* for its turn, its host's address, or the end of a pause */
	LH_HTTP_RUNNING,
	LH_HTTP_DONE
} LhHttpState;

/*
 * One request; zero what is not needed.  It stays where it is, and in memory,
 * until it is done or lh_http_cancel took it back.
 */
struct LhHttp
{
	LhHttpMethod method;
	LhUrl		url;
	int			nheaders;
	const char *headers[LH_HTTP_MAX_HEADERS];	/* "Name: value" */
	LhHttpSignFn sign;			/* NULL: anonymous */
	void	   *sign_arg;
	const uint8_t *body;		/* PUT, POST; borrowed */
	size_t		body_len;

	/* GET: only the bytes [range_from, range_from + range_len); a reply without range is refused */
	int64_t		range_from;
	int64_t		range_len;		/* 0: everything */
	const char *etag;			/* what the answer must be of, unless it does not say; NULL: any */
	const char *modified;		/* the same by Last-Modified */

	LhHttpBodyFn on_body;		/* NULL: up to max_body bytes are kept in text */
	void	   *on_body_arg;
	int64_t		max_body;		/* 0: 1 MB; not for ranges */
	bool		no_redirect;	/* a redirect is an answer like another */

	/* results, once done */
	LhStatus	result;			/* LH_OK: a server answered, with any status */
	LhHttpReply reply;
	LhBuf		text;			/* the body, if nobody else took it; a NUL follows */
	LhError		error;			/* unless LH_OK */

	/* the client's own */
	LhHttpState state;
	LhNet	   *net;
	struct LhHttpWork *work;
	LhHttp	   *next;
};

/*
 * Begin.  Memory of the request's own is a child of ctx->arena, which must live
 * as long as the request does.  It moves on whenever somebody waits.
 */
extern LhStatus lh_http_submit(LhCtx *ctx, LhNet *net, LhHttp *http);
/* Until it is done: http->result, with its error in ctx.  LH_CANCELLED leaves it under way. */
extern LhStatus lh_http_wait(LhCtx *ctx, LhHttp *http);
/* Let all requests move on as far as they can without waiting. */
extern LhStatus lh_http_progress(LhCtx *ctx, LhNet *net);
/* Take back a request in any state, and free what it held.  Never fails. */
extern void lh_http_cancel(LhHttp *http);
/* Submit and wait; after a failure the request is taken back. */
extern LhStatus lh_http_run(LhCtx *ctx, LhNet *net, LhHttp *http);
/* Seconds since 1970 of a header such as Last-Modified; 0 when it is none. */
extern int64_t lh_http_date(const char *text);
/* An answer's status as an error of ours: what was done to whom ("could not read \"...\""). */
extern LhStatus lh_http_fail(LhCtx *ctx, const LhHttp *http, const char *fmt,...)
			__attribute__((format(printf, 3, 4)));

/* ---- the machine's role (instance.c) ---- */

#define LH_INSTANCE_ENDPOINT "http://169.254.169.254"

typedef struct LhInstanceCredentials
{
	const char *access_key_id;
	const char *secret_access_key;
	const char *session_token;
	int64_t		expires;		/* seconds since 1970 */
} LhInstanceCredentials;

/*
 * Ask the metadata service, in three requests; what it says is in ctx->arena, as
 * is the connection.  endpoint NULL: the real one; else another, whose host may
 * be a private address ("http://127.0.0.1:1234"), for who may choose it.
 */
extern LhStatus lh_instance_credentials(LhCtx *ctx, const char *endpoint, LhInstanceCredentials *out);

#endif
