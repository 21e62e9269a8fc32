/*
 * stub.h
 *		The test server's own: one request, its answer, and what all connections share.
 */
#ifndef LH_TEST_STUB_H
#define LH_TEST_STUB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#define STUB_HEADERS 64
#define STUB_KEYS    8

typedef struct StubKey
{
	char id[64];
	char secret[64];
	char token[128]; /* "": none */
} StubKey;

typedef struct StubOptions
{
	char root[1024];
	bool s3;
	const char *require; /* value of the Authorization header */
	const char *vhost;   /* buckets are names below this host */
	int page;            /* keys of one page of a listing */
	int nkeys;
	StubKey keys[STUB_KEYS];
	const char *role; /* a cloud's metadata service: this role has the first key ... */
	int seconds;      /* ... for so long */
	bool registry;    /* of schemas */
	const char *refuse; /* it takes no schema that holds this text */
	const char *vault;  /* HashiCorp Vault, with this token */
	bool kms;           /* of AWS; requests are signed with one of the keys */
} StubOptions;

typedef struct StubRequest
{
	char method[16];
	char target[8192]; /* as it came */
	char *path;        /* of target, encoded */
	char *query;       /* "": none */
	int nheaders;
	char *names[STUB_HEADERS];
	char *values[STUB_HEADERS];
	uint8_t *body;
	size_t body_len;
	char head[65536];
	bool close; /* the client wants no other request here */
} StubRequest;

/* A fault to be done to requests whose "METHOD target" holds the text match. */
typedef struct StubFault
{
	char kind[16];
	char match[128];
	char arg[1024];
	int every; /* each nth matching request; 1: all */
	int times; /* so often; 0: always */
	int status;
	int seen, done;
} StubFault;

extern StubOptions stub_options;

extern const char *stub_header(const StubRequest *r, const char *name); /* NULL: absent */
/* A parameter of the query, decoded into out; false when it is absent. */
extern bool stub_param(const char *query, const char *name, char *out, size_t size);
extern bool stub_decode(const char *p, size_t n, char *out, size_t size);

/* An answer without faults; headers end with "\r\n" each. */
extern void stub_answer(int status, const char *headers, const void *body, size_t len);
extern void stub_answer_error(int status, const char *code, const char *message);
/* A file, with ranges, conditions and the fault that is to be done. */
extern void stub_answer_file(const StubRequest *r, const char *path, const StubFault *fault);
extern void stub_etag(const struct stat *st, char *out, size_t size);

/* Serve an S3 request; the signature is checked before. */
extern void stub_s3(const StubRequest *r, const StubFault *fault);

/* The signature of a request to a service of AWS: NULL when all is well, else the code of the error. */
struct LhCtx;
extern const char *stub_check_signature(struct LhCtx *ctx, const StubRequest *r, const char *service);

/* A registry of schemas: its memory, before connections come; and a request. */
extern void stub_registry_begin(void);
extern void stub_registry(const StubRequest *r);

/* The same of a Vault. */
extern void stub_vault_begin(void);
extern void stub_vault(const StubRequest *r);

/* ... of AWS's key management. */
extern void stub_kms_begin(void);
extern void stub_kms(const StubRequest *r);

#endif
