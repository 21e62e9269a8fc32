/*
 * redis_tls.c
 *		TLS for a Redis link, by OpenSSL over bytes in memory.
 *
 * The library never sees the socket: so it cannot block, nor raise SIGPIPE, and all
 * waiting is the link's.
 */
#include "sink/redis_link.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

#include "net/net.h"

struct LhRedisTls
{
	SSL_CTX *context;
	SSL *ssl;
	BIO *in; /* owned by ssl */
	BIO *out;
};

void
lh_redis_tls_end(LhRedisTls *tls)
{
	if (tls == NULL)
		return;
	SSL_free(tls->ssl);
	SSL_CTX_free(tls->context);
	free(tls);
}

/* The library's reason, which is never a secret; its queue is empty then. */
static const char *
reason(void)
{
	unsigned long code = ERR_peek_error();
	const char *text = code != 0 ? ERR_reason_error_string(code) : NULL;

	ERR_clear_error();
	return text != NULL ? text : "no reason was given";
}

static LhStatus
bad_file(LhCtx *ctx, const LhRedisTarget *target, const char *option, const char *path)
{
	LH_FAIL(ctx, LH_INVALID, "sink \"%s\": %s \"%s\" cannot be used: %s", target->uri, option, path,
			reason());
}

static LhStatus
load_files(LhCtx *ctx, SSL_CTX *context, const LhRedisTarget *t)
{
	if (t->verify != LH_REDIS_VERIFY_NONE)
	{
		if (t->ca != NULL && SSL_CTX_load_verify_locations(context, t->ca, NULL) != 1)
			return bad_file(ctx, t, "tls.ca", t->ca);
		if (t->ca == NULL && SSL_CTX_set_default_verify_paths(context) != 1)
			return bad_file(ctx, t, "the system's certificates", "");
	}
	if (t->cert != NULL && SSL_CTX_use_certificate_chain_file(context, t->cert) != 1)
		return bad_file(ctx, t, "tls.cert", t->cert);
	if (t->key != NULL && SSL_CTX_use_PrivateKey_file(context, t->key, SSL_FILETYPE_PEM) != 1)
		return bad_file(ctx, t, "tls.key", t->key);
	if (t->key != NULL && SSL_CTX_check_private_key(context) != 1)
		return bad_file(ctx, t, "tls.key", t->key);
	return LH_OK;
}

/* A key with a passphrase is an error, not a question on the terminal. */
static int
no_passphrase(char *buf, int size, int rwflag, void *arg)
{
	return 0;
}

static bool
set_name(SSL *ssl, const LhRedisTarget *t)
{
	X509_VERIFY_PARAM *param = SSL_get0_param(ssl);
	LhAddress address;
	bool is_address;

	if (t->host == NULL)
		return true;
	is_address = lh_address_parse(t->host, &address);
	if (!is_address && SSL_set_tlsext_host_name(ssl, t->host) != 1)
		return false;
	if (t->verify != LH_REDIS_VERIFY_FULL)
		return true;
	X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	return is_address ? X509_VERIFY_PARAM_set1_ip_asc(param, t->host) == 1
					  : X509_VERIFY_PARAM_set1_host(param, t->host, 0) == 1;
}

static LhStatus
begin(LhCtx *ctx, const LhRedisTarget *t, LhRedisTls *tls)
{
	ERR_clear_error();
	tls->context = SSL_CTX_new(TLS_client_method());
	if (tls->context == NULL)
		LH_FAIL(ctx, LH_NO_MEMORY, "TLS cannot begin: %s", reason());
	SSL_CTX_set_min_proto_version(tls->context, TLS1_2_VERSION);
	SSL_CTX_set_options(tls->context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
	SSL_CTX_set_default_passwd_cb(tls->context, no_passphrase);
	SSL_CTX_set_verify(tls->context,
					   t->verify == LH_REDIS_VERIFY_NONE ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, NULL);
	LH_TRY(load_files(ctx, tls->context, t));
	tls->ssl = SSL_new(tls->context);
	tls->in = BIO_new(BIO_s_mem());
	tls->out = BIO_new(BIO_s_mem());
	if (tls->ssl == NULL || tls->in == NULL || tls->out == NULL || !set_name(tls->ssl, t))
	{
		BIO_free(tls->in);
		BIO_free(tls->out);
		LH_FAIL(ctx, LH_NO_MEMORY, "TLS cannot begin: %s", reason());
	}
	BIO_set_mem_eof_return(tls->in, -1);
	SSL_set_bio(tls->ssl, tls->in, tls->out);
	SSL_set_connect_state(tls->ssl);
	return LH_OK;
}

LhStatus
lh_redis_tls_begin(LhCtx *ctx, const LhRedisTarget *target, LhRedisTls **out)
{
	LhRedisTls *tls = calloc(1, sizeof(*tls));
	LhStatus status;

	*out = NULL;
	if (tls == NULL)
		LH_FAIL(ctx, LH_NO_MEMORY, "no memory for TLS");
	status = begin(ctx, target, tls);
	if (status == LH_OK)
		*out = tls;
	else
		lh_redis_tls_end(tls);
	return status;
}

/* What went wrong: the certificate, or the protocol. */
static LhStatus
failed(LhCtx *ctx, LhRedisTls *tls, const LhRedisTarget *t, const char *when)
{
	long verified = SSL_get_verify_result(tls->ssl);

	if (verified != X509_V_OK && t->verify != LH_REDIS_VERIFY_NONE)
	{
		ERR_clear_error();
		lh_fail(ctx, LH_DENIED, "sink \"%s\": the server's certificate is not accepted: %s", t->uri,
				X509_verify_cert_error_string(verified));
		lh_hint(ctx, "tls.ca names the file of the authority that signed it; with tls.verify=ca "
					 "the name of the host is not compared.");
		return LH_DENIED;
	}
	lh_fail(ctx, LH_DENIED, "sink \"%s\": TLS failed %s: %s", t->uri, when, reason());
	lh_hint(ctx, "Does the server speak TLS on this port?  One that wants certificates of its "
				 "clients needs tls.cert and tls.key.");
	return LH_DENIED;
}

LhStatus
lh_redis_tls_handshake(LhCtx *ctx, LhRedisTls *tls, const LhRedisTarget *target, bool *done)
{
	int rc, error;

	ERR_clear_error();
	rc = SSL_do_handshake(tls->ssl);
	*done = rc == 1;
	if (*done)
		return LH_OK;
	error = SSL_get_error(tls->ssl, rc);
	if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE)
		return LH_OK;
	return failed(ctx, tls, target, "in its handshake");
}

LhStatus
lh_redis_tls_feed(LhCtx *ctx, LhRedisTls *tls, const void *p, size_t n)
{
	if (n > 0 && BIO_write(tls->in, p, (int) n) != (int) n)
		LH_FAIL(ctx, LH_NO_MEMORY, "no memory for TLS");
	return LH_OK;
}

LhStatus
lh_redis_tls_read(LhCtx *ctx, LhRedisTls *tls, const LhRedisTarget *target, void *p, size_t cap,
				  size_t *n)
{
	int rc, error;

	ERR_clear_error();
	rc = SSL_read_ex(tls->ssl, p, cap, n);
	if (rc == 1)
		return LH_OK;
	*n = 0;
	error = SSL_get_error(tls->ssl, rc);
	if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE)
		return LH_OK;
	if (error == SSL_ERROR_ZERO_RETURN)
		LH_FAIL(ctx, LH_IO, "sink \"%s\": the server closed the connection", target->uri);
	return failed(ctx, tls, target, "while it was read");
}

LhStatus
lh_redis_tls_write(LhCtx *ctx, LhRedisTls *tls, const LhRedisTarget *target, const void *p,
				   size_t n)
{
	size_t done;

	ERR_clear_error();
	/* memory takes all of it */
	if (n > 0 && SSL_write_ex(tls->ssl, p, n, &done) != 1)
		return failed(ctx, tls, target, "while it was written");
	return LH_OK;
}

size_t
lh_redis_tls_pending(LhRedisTls *tls, void *p, size_t cap)
{
	int n = BIO_read(tls->out, p, cap > INT32_MAX ? INT32_MAX : (int) cap);

	return n > 0 ? (size_t) n : 0;
}
