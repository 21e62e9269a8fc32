/*
 * test_sink_nats_errors.c
 *		What the NATS sink refuses, and how it tells what goes wrong, with a real nats-server.
 */
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "unit/nats_live.h"

/*
 * What is refused, and how it is told
 */

/* The stream as somebody else makes it. */
static void
make_stream(const char *config)
{
	administer("STREAM.CREATE.S",
			   lh_sprintf(ctx, "{\"name\":\"S\",\"subjects\":[\"slot\",\"slot.>\"],%s}", config));
}

#define FILES "\"storage\":\"file\",\"retention\":\"limits\""

static LhStatus
try_recover(const char *options)
{
	LhChangePos pos;
	LhSink *sink;
	LhStatus status;
	bool known;

	LH_TRY(lh_sink_open(ctx, uri(options), "slot", "json", true, &sink));
	status = sink->kind->recover(ctx, sink, &pos, &known);
	(void) sink->kind->close(ctx, sink);
	return status;
}

static void
streams_that_would_break_the_promise_are_refused(void **state)
{
	static const struct
	{
		const char *config, *word;
	} bad[] = {
		{"\"storage\":\"memory\",\"retention\":\"limits\"", "in memory"},
		{"\"storage\":\"file\",\"retention\":\"workqueue\"", "consumed"},
		{"\"storage\":\"file\",\"retention\":\"interest\"", "consumed"},
		{FILES ",\"no_ack\":true", "acknowledge"},
		{FILES ",\"sources\":[{\"name\":\"OTHER\"}]", "other streams"},
	};

	(void) state;
	need_server();
	FAILS(try_recover(""), LH_NOT_FOUND, "create=yes");
	administer("STREAM.CREATE.OTHER", "{\"name\":\"OTHER\",\"subjects\":[\"other\"]," FILES "}");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
	{
		make_stream(bad[i].config);
		FAILS(try_recover(""), LH_INVALID, bad[i].word);
		if (i == 0)
			FINE(try_recover("&durability=trust"));
		administer("STREAM.DELETE.S", "");
	}
	make_stream(FILES);
	FAILS(try_recover("&position.subject=elsewhere"), LH_INVALID, "elsewhere");
	FINE(try_recover(""));
}

/* What the options of create=yes say is what is made. */
static void
the_stream_is_made_as_asked(void **state)
{
	jsStreamInfo *info = NULL;
	jsErrCode code;
	Reader r;

	(void) state;
	need_server();
	FINE(try_recover(
		"&create=yes&subjects=slot._position,a.*,b.>&max.message.size=5000&max.bytes=1000000"
		"&max.age.s=3600&discard=old&duplicate.window.ms=200&replicas=1"));
	r = reader_open();
	assert_int_equal(js_GetStreamInfo(&info, r.js, "S", NULL, &code), NATS_OK);
	assert_int_equal(info->Config->SubjectsLen, 3);
	assert_string_equal(info->Config->Subjects[1], "a.*");
	assert_int_equal(info->Config->MaxMsgSize, 5000);
	assert_true(info->Config->MaxBytes == 1000000 &&
				info->Config->MaxAge == INT64_C(3600000000000));
	assert_true(info->Config->Discard == js_DiscardOld && info->Config->Storage == js_FileStorage);
	assert_true(info->Config->Duplicates == 200000000 && info->Config->AllowRollup);
	jsStreamInfo_Destroy(info);
	reader_close(&r);
	FAILS(try_recover("&replicas=1"), LH_INVALID, "create=yes");
	administer("STREAM.DELETE.S", "");
	FAILS(try_recover("&create=yes&replicas=3"), LH_IO, "replicas");
}

static void
a_stream_that_is_not_ours_is_refused(void **state)
{
	static const char *const forged[][3] = {
		{"slot/json", "0/100 1 0", "Lakehouse-At"},
		{"slot/json", "0/100 1 0 99999999999", "Lakehouse-At"},
		{"slot/json", "0/100 1 0 7", "Lakehouse-Done"},
	};
	LhChangePos pos;
	LhSink *sink;
	bool known;

	(void) state;
	need_server();
	FINE(open_recovered(MAKE, &sink, &pos, &known));
	FINE(one(sink, 0x100));
	FINE(sink->kind->close(ctx, sink));
	FINE(lh_sink_open(ctx, uri(""), "slot2", "json", true, &sink));
	FAILS(sink->kind->recover(ctx, sink, &pos, &known), LH_INVALID, "position.subject");
	FINE(sink->kind->close(ctx, sink));
	FINE(lh_sink_open(ctx, uri("&position.subject=slot.p"), "slot2", "json", true, &sink));
	FAILS(sink->kind->recover(ctx, sink, &pos, &known), LH_INVALID, "slot/json");
	FINE(sink->kind->close(ctx, sink));
	FINE(lh_sink_open(ctx, uri(""), "slot", "debezium-json", true, &sink));
	FAILS(sink->kind->recover(ctx, sink, &pos, &known), LH_INVALID, "slot/debezium-json");
	FINE(sink->kind->close(ctx, sink));
	publish("slot.t", "foreign");
	FAILS(try_recover(""), LH_CORRUPT, "sequence 2");
	for (size_t i = 0; i < sizeof(forged) / sizeof(forged[0]); i++)
	{
		natsConnection *nc;
		natsMsg *msg, *reply = NULL;

		assert_int_equal(
			natsConnection_ConnectTo(&nc, lh_sprintf(ctx, "nats://127.0.0.1:%d", server.port)),
			NATS_OK);
		assert_int_equal(natsMsg_Create(&msg, "slot.t", NULL, "x", 1), NATS_OK);
		natsMsgHeader_Set(msg, "Lakehouse-Stream", forged[i][0]);
		natsMsgHeader_Set(msg, "Lakehouse-At", forged[i][1]);
		natsMsgHeader_Set(msg, "Lakehouse-Done", "0/100 x");
		assert_int_equal(natsConnection_RequestMsg(&reply, nc, msg, 5000), NATS_OK);
		natsMsg_Destroy(reply);
		natsMsg_Destroy(msg);
		natsConnection_Destroy(nc);
		FAILS(try_recover(""), LH_CORRUPT, forged[i][2]);
		FAILS(try_recover(""), LH_CORRUPT, lh_sprintf(ctx, "sequence %d", 3 + (int) i));
	}
}

/* A position that is gone is told, never guessed. */
static void
a_stream_that_lost_its_end_is_not_new(void **state)
{
	LhChangePos pos;
	LhSink *sink;
	bool known;

	(void) state;
	need_server();
	FINE(open_recovered(MAKE, &sink, &pos, &known));
	FINE(one(sink, 0x100));
	FINE(one(sink, 0x200));
	FINE(sink->kind->close(ctx, sink));
	administer("STREAM.MSG.DELETE.S", "{\"seq\":2}");
	FAILS(try_recover(""), LH_NOT_FOUND, "sequence 2");
	administer("STREAM.PURGE.S", "");
	FAILS(try_recover(""), LH_NOT_FOUND, "lost=anew");
	FINE(open_recovered("&lost=anew", &sink, &pos, &known));
	assert_false(known);
	FINE(one(sink, 0x200));
	FINE(sink->kind->close(ctx, sink));
	FINE(open_recovered("", &sink, &pos, &known));
	assert_true(known && pos.commit_end == 0x200);
	FINE(sink->kind->close(ctx, sink));
	assert_string_equal(read_all(), "512");
}

static void
a_message_that_is_too_large_is_refused_alone(void **state)
{
	LhChangePos pos;
	LhSink *sink;
	char *big;
	bool known;

	(void) state;
	need_server();
	big = lh_alloc0(ctx, 300000);
	memset(big, 'x', 299999);
	FINE(open_recovered(MAKE, &sink, &pos, &known));
	FINE(put(sink, 0x100, 1, 0, "slot.t", "a"));
	/* the server's limit */
	assert_int_equal(put(sink, 0x100, 2, 0, "slot.t", big), LH_SINK_REFUSED);
	assert_true(sink->refusals->here && sink->refusals->n == 1);
	assert_true(sink->refusals->v[0].pos.ordinal == 2 && sink->refusals->v[0].sub == 0);
	assert_null(strstr(ctx->error->message, "xxx"));
	FINE(put(sink, 0x100, 3, 0, "slot.t", "c"));
	assert_int_equal(sink->refusals->n, 0);
	/* no subject */
	assert_int_equal(put(sink, 0x100, 4, 0, big, "v"), LH_SINK_REFUSED);
	assert_true(sink->refusals->here);
	FINE(commit(sink, 0x100, 5));
	FINE(flush(sink));
	assert_int_equal(sink->durable.ordinal, 5);
	FINE(sink->kind->close(ctx, sink));
	assert_string_equal(read_all(), "a|c");

	/* the stream's own limit, which changes under us: the server says it */
	FINE(open_recovered("", &sink, &pos, &known));
	administer(
		"STREAM.UPDATE.S",
		"{\"name\":\"S\",\"subjects\":[\"slot\",\"slot.>\"]," FILES
		",\"max_msg_size\":2000,\"discard\":\"new\",\"duplicate_window\":100000000,\"allow_rollup_hdrs\":true,\"allow_direct\":true}");
	big[5000] = '\0';
	FINE(put(sink, 0x200, 1, 0, "slot.t", "d"));
	FINE(put(sink, 0x200, 2, 0, "slot.t", big));
	FINE(put(sink, 0x200, 3, 0, "slot.t", "f"));
	FINE(commit(sink, 0x200, 4));
	assert_int_equal(flush(sink), LH_SINK_REFUSED);
	assert_true(!sink->refusals->here && sink->refusals->n == 1);
	assert_true(sink->refusals->v[0].pos.commit_end == 0x200 &&
				sink->refusals->v[0].pos.ordinal == 2);
	assert_int_equal(put(sink, 0x200, 3, 0, "slot.t", "f"), LH_BUG);
	FINE(sink->kind->recover(ctx, sink, &pos, &known));
	assert_true(pos.commit_end == 0x200 && pos.ordinal == 1);
	assert_int_equal(put(sink, 0x200, 2, 0, "slot.t", big), LH_SINK_REFUSED);
	assert_true(sink->refusals->here);
	FINE(put(sink, 0x200, 3, 0, "slot.t", "f"));
	FINE(commit(sink, 0x200, 4));
	FINE(flush(sink));
	FINE(sink->kind->close(ctx, sink));
	assert_string_equal(read_all(), "a|c|d|f");
}

static void
a_full_stream_loses_nothing(void **state)
{
	LhStatus status = LH_OK;
	LhChangePos pos;
	LhSink *sink;
	uint64_t end;
	bool known;

	(void) state;
	need_server();
	FINE(open_recovered(MAKE "&max.bytes=20000", &sink, &pos, &known));
	for (end = 0x100; end < 0x100000 && status == LH_OK; end += 0x100)
		status = one(sink, end);
	FAILS(status, LH_LIMIT, "full");
	FINE(sink->kind->close(ctx, sink));
	FINE(open_recovered("", &sink, &pos, &known));
	/* the one that failed is not there, all before it are */
	assert_true(known && pos.commit_end == end - 0x200);
	FINE(sink->kind->close(ctx, sink));
}

static void
a_subject_of_no_stream_is_told(void **state)
{
	LhChangePos pos;
	LhSink *sink;
	bool known;

	(void) state;
	need_server();
	FINE(open_recovered(MAKE, &sink, &pos, &known));
	FAILS(put(sink, 0x100, 1, 0, "other.t", "v"), LH_NOT_FOUND, "other.t");
	/* it goes while we write: nobody listens there any more, and recovery says why */
	FINE(sink->kind->recover(ctx, sink, &pos, &known));
	FINE(one(sink, 0x100));
	administer(
		"STREAM.UPDATE.S",
		"{\"name\":\"S\",\"subjects\":[\"slot._position\"]," FILES
		",\"discard\":\"new\",\"duplicate_window\":100000000,\"allow_rollup_hdrs\":true,\"allow_direct\":true}");
	assert_int_equal(one(sink, 0x200), LH_SINK_RESTART);
	FINE(sink->kind->recover(ctx, sink, &pos, &known));
	FAILS(put(sink, 0x200, 1, 0, "slot.t", "v"), LH_NOT_FOUND, "slot.t");
	FINE(sink->kind->close(ctx, sink));
}

/*
 * Connections
 */

static int
set_up_plain(void **state)
{
	(void) state;
	return set_up_with("# no jetstream");
}

static void
a_server_without_jetstream_is_told(void **state)
{
	(void) state;
	need_server();
	FAILS(try_recover("&create=yes"), LH_IO, "JetStream");
}

/* A key for nothing but this test. */
#define NKEY "UBKNGQGKNDFT3PTHOAYDZJHADGE6ZDBEYDF4LFX3PHRD2YI6BGN3YFXN"
#define SEED "SUANKUAKI6RZ7D6GNWR5PF4SUIHUEYSCPFIPSBZF7BDIGNARGVDQLPDFBM"

static int
set_up_users(void **state)
{
	(void) state;
	return set_up_with(
		"authorization { users = ["
		"{ user: admin, password: adminpass },"
		"{ user: full, password: \"sEcReT%&/\" },"
		"{ user: narrow, password: narrow, permissions: { publish: { deny: [\"slot.denied\"] } } },"
		"{ user: deaf, password: deaf, permissions: { publish: { allow: [\"slot.>\"] } } },"
		"{ user: mute, password: mute, permissions: { subscribe: { allow: [\"mine.>\"] } } },"
		"{ nkey: " NKEY " } ] }");
}

static void
write_file(const char *name, const char *text)
{
	FILE *f = fopen(lh_sprintf(ctx, "%s/%s", server.dir, name), "w");

	fputs(text, f);
	fclose(f);
}

static void
assert_no_secret(void)
{
	assert_null(strstr(ctx->error->message, "sEcReT"));
	assert_null(strstr(ctx->error->detail, "sEcReT"));
	assert_null(strstr(ctx->error->hint, "sEcReT"));
}

static void
rights_are_told_and_secrets_are_not(void **state)
{
	LhChangePos pos;
	LhSink *sink;
	bool known;

	(void) state;
	need_server();
	FAILS(try_recover(""), LH_DENIED, "uthorization");
	FAILS(try_recover("&user=full&password=sEcReT"), LH_DENIED, "uthorization");
	assert_no_secret();
	FAILS(try_recover("&user=full&password.file=/nowhere/sEcReTx"), LH_INVALID, "password.file");
	assert_no_secret();
	FAILS(try_recover("&token=sEcReT"), LH_DENIED, "uthorization");
	assert_no_secret();
	FAILS(try_recover("&user=full&password=sEcReT&token=sEcReT"), LH_INVALID, "one of");
	assert_no_secret();
	FINE(try_recover(MAKE "&user=full&password=sEcReT%25%26/"));
	write_file("secret", "sEcReT%&/\n");
	FINE(try_recover(lh_sprintf(ctx, "&user=full&password.file=%s/secret", server.dir)));
	write_file("seed", SEED "\n");
	FINE(try_recover(lh_sprintf(ctx, "&nkey=" NKEY "&nkey.file=%s/seed", server.dir)));
	FAILS(try_recover(lh_sprintf(ctx, "&nkey=" NKEY "&nkey.file=%s/secret", server.dir)), LH_IO,
		  "seed");
	FAILS(try_recover("&credentials.file=/nowhere/creds"), LH_INVALID, "credentials.file");
	/* the API is out of reach, the inbox, a subject: all come as errors that nobody asked for */
	FAILS(try_recover("&user=deaf&password=deaf"), LH_DENIED, "STREAM.INFO");
	FAILS(try_recover("&user=mute&password=mute"), LH_DENIED, "_INBOX");
	FINE(try_recover("&user=mute&password=mute&inbox.prefix=mine"));
	FINE(open_recovered("&user=narrow&password=narrow", &sink, &pos, &known));
	FINE(one(sink, 0x100));
	FINE(put(sink, 0x200, 1, 0, "slot.denied", "v"));
	FINE(commit(sink, 0x200, 2));
	FAILS(flush(sink), LH_DENIED, "slot.denied");
	FAILS(put(sink, 0x300, 1, 0, "slot.t", "v"), LH_BUG, "recovery");
	FINE(sink->kind->recover(ctx, sink, &pos, &known));
	assert_true(pos.commit_end == 0x100);
	FINE(sink->kind->close(ctx, sink));
}

static bool
stop_at_once(void *arg)
{
	return ++*(int *) arg > 3;
}

/* A server that takes connections and says nothing, and one that stops in the middle. */
static void
silent_servers_are_not_waited_for(void **state)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM, 0), asked = 0;
	LhStatus status = LH_OK;
	LhHost host = {0};
	LhChangePos pos;
	LhSink *sink;
	bool known;

	(void) state;
	need_server();
	assert_true(bind(fd, (struct sockaddr *) &a, sizeof(a)) == 0 && listen(fd, 8) == 0);
	getsockname(fd, (struct sockaddr *) &a, &len);
	FINE(lh_sink_open(
		ctx, lh_sprintf(ctx, "nats://127.0.0.1:%d/S?connect.timeout.ms=300", ntohs(a.sin_port)),
		"slot", "json", true, &sink));
	assert_int_equal(sink->kind->recover(ctx, sink, &pos, &known), LH_IO);
	FINE(sink->kind->close(ctx, sink));
	/* one that is asked to stop stops, whatever the library waits for */
	FINE(lh_sink_open(
		ctx, lh_sprintf(ctx, "nats://127.0.0.1:%d/S?connect.timeout.ms=300000", ntohs(a.sin_port)),
		"slot", "json", true, &sink));
	host.interrupted = stop_at_once;
	ctx->host_arg = &asked;
	ctx->host = &host;
	assert_int_equal(sink->kind->recover(ctx, sink, &pos, &known), LH_CANCELLED);
	ctx->host = NULL;
	lh_error_clear(ctx);
	FINE(sink->kind->close(ctx, sink));
	close(fd);
	/* nobody at all */
	FINE(lh_sink_open(ctx, lh_sprintf(ctx, "nats://127.0.0.1:%d/S", nats_free_port()), "slot",
					  "json", true, &sink));
	FAILS(sink->kind->recover(ctx, sink, &pos, &known), LH_IO, "server");
	FINE(sink->kind->close(ctx, sink));

	/* it stops: a time-out, and before it the host's wish */
	FINE(open_recovered(MAKE "&timeout.ms=400", &sink, &pos, &known));
	FINE(one(sink, 0x100));
	kill(server.pid, SIGSTOP);
	asked = 0;
	FINE(put(sink, 0x200, 1, 0, "slot.t", "v"));
	FINE(commit(sink, 0x200, 2));
	ctx->host = &host;
	assert_int_equal(flush(sink), LH_CANCELLED);
	ctx->host = NULL;
	lh_error_clear(ctx);
	FAILS(sink->kind->recover(ctx, sink, &pos, &known), LH_IO, "");
	kill(server.pid, SIGCONT);
	FINE(sink->kind->recover(ctx, sink, &pos, &known));
	assert_true(pos.commit_end == 0x100 || pos.commit_end == 0x200);
	FINE(one(sink, 0x300));
	/* more than every buffer holds, to one that does not read: bounded, and a time-out */
	kill(server.pid, SIGSTOP);
	for (uint64_t end = 0x400; end < 0x100000 && status == LH_OK; end += 0x100)
	{
		status = put(sink, end, 1, 0, "slot.t", lh_sprintf(ctx, "%0100000d", 1));
		if (status == LH_OK)
			status = commit(sink, end, 2);
		assert_true(((LhNats *) sink)->waiting_bytes < (9 << 20));
	}
	FAILS(status, LH_IO, "");
	FINE(sink->kind->close(ctx, sink));
	kill(server.pid, SIGCONT);
}

/* The server goes in peace: what it did not acknowledge comes again. */
static void
a_server_that_ends_is_a_lost_connection(void **state)
{
	LhStatus status = LH_OK;
	LhChangePos pos;
	LhSink *sink;
	uint64_t end;
	bool known;

	(void) state;
	need_server();
	FINE(open_recovered(MAKE, &sink, &pos, &known));
	FINE(one(sink, 0x100));
	nats_server_kill(&server, SIGTERM);
	for (end = 0x200; end < 0x100000 && status == LH_OK; end += 0x100)
		status = one(sink, end);
	assert_int_equal(status, LH_IO);
	FINE(sink->kind->close(ctx, sink));
	assert_true(nats_server_start(&server));
	FINE(open_recovered("", &sink, &pos, &known));
	assert_true(known && pos.commit_end == 0x100);
	FINE(one(sink, 0x200));
	FINE(sink->kind->close(ctx, sink));
	assert_string_equal(read_all(), "256|512");
}

/*
 * TLS
 */

/* A certificate that signs itself, for a name, as NAME.crt and NAME.key. */
static void
make_certificate(const char *file, const char *host)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = X509_new();
	X509_NAME *name = X509_get_subject_name(cert);
	X509_EXTENSION *names =
		X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, lh_sprintf(ctx, "%s", host));
	X509_EXTENSION *ca = X509V3_EXT_conf_nid(NULL, NULL, NID_basic_constraints, "CA:TRUE");
	FILE *f;

	X509_set_version(cert, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
	X509_gmtime_adj(X509_getm_notBefore(cert), -3600);
	X509_gmtime_adj(X509_getm_notAfter(cert), 24 * 3600);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const uint8_t *) file, -1, -1, 0);
	X509_set_issuer_name(cert, name);
	X509_set_pubkey(cert, key);
	X509_add_ext(cert, names, -1);
	X509_add_ext(cert, ca, -1);
	assert_true(X509_sign(cert, key, EVP_sha256()) > 0);
	f = fopen(lh_sprintf(ctx, "%s/%s.crt", server.dir, file), "w");
	PEM_write_X509(f, cert);
	fclose(f);
	f = fopen(lh_sprintf(ctx, "%s/%s.key", server.dir, file), "w");
	PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL);
	fclose(f);
	X509_EXTENSION_free(names);
	X509_EXTENSION_free(ca);
	X509_free(cert);
	EVP_PKEY_free(key);
}

/* The certificates stand in the server's directory, which is made first. */
static int
set_up_tls(void **state)
{
	FILE *f;

	(void) state;
	ctx = lh_ctx_create();
	if (absent)
		return 0;
	nats_server_make(&server, "");
	make_certificate("good", "DNS:localhost,IP:127.0.0.1");
	make_certificate("other", "DNS:elsewhere");
	make_certificate("client", "DNS:client");
	f = fopen(lh_sprintf(ctx, "%s/conf", server.dir), "a");
	fprintf(
		f,
		"tls { cert_file: \"%s/good.crt\", key_file: \"%s/good.key\", ca_file: \"%s/client.crt\", verify: true }\n",
		server.dir, server.dir, server.dir);
	fclose(f);
	return nats_server_start(&server) ? 0 : 1;
}

static LhStatus
try_tls(const char *ca, const char *client, const char *more, uint64_t end)
{
	const char *where = lh_sprintf(
		ctx, "tls://127.0.0.1:%d/S?create=yes&tls.ca.file=%s/%s.crt%s%s", server.port, server.dir,
		ca,
		client != NULL ? lh_sprintf(ctx, "&tls.cert.file=%s/%s.crt&tls.key.file=%s/%s.key",
									server.dir, client, server.dir, client)
					   : "",
		more);
	LhChangePos pos;
	LhSink *sink;
	LhStatus status;
	bool known;

	LH_TRY(lh_sink_open(ctx, where, "slot", "json", true, &sink));
	status = sink->kind->recover(ctx, sink, &pos, &known);
	if (status == LH_OK)
		status = one(sink, end);
	(void) sink->kind->close(ctx, sink);
	return status;
}

static void
certificates_are_checked(void **state)
{
	(void) state;
	need_server();
	FINE(try_tls("good", "client", "", 0x100));
	/* many at once, as both directions share the session */
	for (uint64_t end = 0x200; end < 0x1000; end += 0x100)
		FINE(try_tls("good", "client", "&tls.host=localhost", end));
	FAILS(try_tls("other", "client", "", 0x2000), LH_DENIED, "SSL");
	FAILS(try_tls("good", "client", "&tls.host=elsewhere", 0x2000), LH_DENIED, "SSL");
	assert_true(try_tls("good", NULL, "", 0x2000) != LH_OK);
	FAILS(try_tls("absent", "client", "", 0x2000), LH_INVALID, "tls.ca.file");
	FAILS(lh_sink_open(ctx, "nats://h/S?tls.host=x", "slot", "json", true, &(LhSink *){NULL}),
		  LH_INVALID, "tls://");
	/* without TLS where the server wants it, and with it where the server has none */
	FAILS(try_recover(""), LH_DENIED, "SSL");
}

static void
servers_without_tls_are_refused(void **state)
{
	(void) state;
	need_server();
	make_certificate("good", "DNS:localhost,IP:127.0.0.1");
	FAILS(try_tls("good", NULL, "", 0x100), LH_DENIED, "ecure");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(streams_that_would_break_the_promise_are_refused),
		TEST(the_stream_is_made_as_asked),
		TEST(a_stream_that_is_not_ours_is_refused),
		TEST(a_stream_that_lost_its_end_is_not_new),
		TEST(a_message_that_is_too_large_is_refused_alone),
		TEST(a_full_stream_loses_nothing),
		TEST(a_subject_of_no_stream_is_told),
		TEST_AT(a_server_without_jetstream_is_told, set_up_plain),
		TEST_AT(rights_are_told_and_secrets_are_not, set_up_users),
		TEST(silent_servers_are_not_waited_for),
		TEST(a_server_that_ends_is_a_lost_connection),
		TEST_AT(certificates_are_checked, set_up_tls),
		TEST(servers_without_tls_are_refused),
	};

	look_for_server();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
