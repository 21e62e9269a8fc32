/*
 * test_url.c
 *		URLs with one reading only, and which addresses may be connected.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "net/client.h"

static LhCtx *ctx;

static int
set_up(void **state)
{
	(void) state;
	ctx = lh_ctx_create();
	return ctx == NULL;
}

static int
tear_down(void **state)
{
	(void) state;
	lh_ctx_destroy(ctx);
	return 0;
}

static void
takes(const char *text, const char *normal)
{
	LhUrl url;

	assert_int_equal(lh_url_parse(ctx, text, &url), LH_OK);
	assert_string_equal(lh_url_text(ctx, &url), normal);
}

static void
refuses(const char *text)
{
	LhUrl url;

	if (lh_url_parse(ctx, text, &url) == LH_OK)
		fail_msg("%s was taken", text);
	assert_int_equal(ctx->error->code, LH_INVALID);
}

static void
urls_are_normalised(void **state)
{
	(void) state;
	takes("http://h", "http://h/");
	takes("HTTP://Example.COM:80/A?b=c", "http://example.com/A?b=c");
	takes("https://h:443/", "https://h/");
	takes("https://h:80/", "https://h:80/");
	takes("http://[::1]:8080/x", "http://[::1]:8080/x");
	takes("http://1.2.3.4/x%20y", "http://1.2.3.4/x%20y");
	takes("http://h/a b\"<>", "http://h/a%20b%22%3C%3E");
	takes("http://h/\xc3\xa9", "http://h/%C3%A9");
	takes("http://h?x", "http://h/?x");
	takes("http://h/.../..a/a..", "http://h/.../..a/a..");
}

static void
ambiguous_urls_are_refused(void **state)
{
	static const char *const bad[] = {
		"", "h", "ftp://h/", "http:/h", "http://", "http:///x", "http://u@h/", "http://u:p@h/",
		"http://h:0/", "http://h:65536/", "http://h:x/", "http://h:/", "http://h:080800/",
		"http://h/../x", "http://h/x/..", "http://h/.", "http://h/%2e%2E/x", "http://h/.%2e/",
		"http://h/%2fx", "http://h/%5C", "http://h/%00", "http://h/%", "http://h/%4", "http://h/%zz",
		"http://h/a\\b", "http://h\\@evil/", "http://h/#f", "http://h/\n", "http://h/\x7f",
		"http://h /", "http://-h/", "http://h./", "http://h..x/", "http://.h/", "http://127.1/",
		"http://2130706433/", "http://0x7f000001/", "http://1.2.3.256/", "http://0177.0.0.1/",
		"http://h%2e/", "http://[::1/", "http://[1.2.3.4]/", "http://[fe80::1%25eth0]/",
		"http://::1/", "http://\xc3\xa9/", NULL};

	(void) state;
	for (int i = 0; bad[i] != NULL; i++)
		refuses(bad[i]);
}

static void
errors_do_not_repeat_the_url(void **state)
{
	(void) state;
	refuses("http://user:secret@host/");
	assert_null(strstr(ctx->error->message, "secret"));
}

static void
locations_of_redirects_are_resolved(void **state)
{
	LhUrl base, out;

	(void) state;
	assert_int_equal(lh_url_parse(ctx, "https://h:8443/a/b?c", &base), LH_OK);
	assert_int_equal(lh_url_resolve(ctx, &base, "/x?y", &out), LH_OK);
	assert_string_equal(lh_url_text(ctx, &out), "https://h:8443/x?y");
	assert_int_equal(lh_url_resolve(ctx, &base, "//other/x", &out), LH_OK);
	assert_string_equal(lh_url_text(ctx, &out), "https://other/x");
	assert_false(lh_url_same_origin(&base, &out));
	assert_int_equal(lh_url_resolve(ctx, &base, "http://h/", &out), LH_OK);
	assert_false(lh_url_same_origin(&base, &out));
	assert_int_equal(lh_url_resolve(ctx, &base, "x", &out), LH_INVALID);
	assert_int_equal(lh_url_resolve(ctx, &base, "/../x", &out), LH_INVALID);
	assert_int_equal(lh_url_resolve(ctx, &base, "file:///etc/passwd", &out), LH_INVALID);
}

/*
 * Addresses
 */

static LhAddressKind
kind(const char *text)
{
	LhAddress address;

	if (!lh_address_parse(text, &address))
		fail_msg("%s is no address", text);
	return lh_address_kind(&address);
}

static void
addresses_are_classified(void **state)
{
	static const char *const refused[] = {
		"169.254.169.254", "169.254.0.1", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe",
		"2002:a9fe:a9fe::", "::169.254.169.254", "fe80::1", "febf::1", "fd00:ec2::254",
		"100.100.100.200", "224.0.0.1", "255.255.255.255", "ff02::1", NULL};
	static const char *const private[] = {
		"127.0.0.1", "127.255.0.1", "::1", "::", "0.0.0.0", "0.1.2.3", "10.0.0.1", "172.16.0.1",
		"172.31.255.255", "192.168.1.1", "100.64.0.1", "100.127.255.255", "198.18.0.1",
		"::ffff:127.0.0.1", "64:ff9b::7f00:1", "64:ff9b:1::1", "2002:7f00:1::", "fc00::1",
		"fd12::1", "fec0::1", "240.0.0.1", "2001:db8::1", "2001::1", NULL};
	static const char *const public[] = {"1.1.1.1", "172.15.0.1", "172.32.0.1", "100.63.0.1",
										 "100.128.0.1", "169.253.0.1", "2606:4700::1111",
										 "64:ff9b::101:101", "::ffff:8.8.8.8", NULL};

	(void) state;
	for (int i = 0; refused[i] != NULL; i++)
		assert_int_equal(kind(refused[i]), LH_ADDRESS_REFUSED);
	for (int i = 0; private[i] != NULL; i++)
		assert_int_equal(kind(private[i]), LH_ADDRESS_PRIVATE);
	for (int i = 0; public[i] != NULL; i++)
		assert_int_equal(kind(public[i]), LH_ADDRESS_PUBLIC);
}

static bool
allowed(const char *rule, const char *host, const char *address)
{
	LhNetRule parsed;
	LhAddress a;

	assert_int_equal(lh_net_rule_parse(ctx, rule, &parsed), LH_OK);
	assert_true(lh_address_parse(address, &a));
	return lh_address_allowed(&parsed, 1, host, &a);
}

static void
rules_open_private_addresses_only(void **state)
{
	LhNetRule rule;

	(void) state;
	assert_true(allowed("minio.local", "minio.local", "10.0.0.1"));
	assert_true(allowed("MINIO.local", "minio.local", "10.0.0.1"));
	assert_false(allowed("minio.local", "other.local", "10.0.0.1"));
	assert_true(allowed("10.0.0.0/8", "x", "10.255.0.1"));
	assert_true(allowed("10.0.0.0/8", "x", "::ffff:10.255.0.1"));
	assert_true(allowed("10.0.0.0/8", "x", "64:ff9b::a00:1"));
	assert_false(allowed("10.0.0.0/8", "x", "11.0.0.1") && kind("11.0.0.1") == LH_ADDRESS_PRIVATE);
	assert_false(allowed("10.0.0.0/9", "x", "10.128.0.1"));
	assert_true(allowed("127.0.0.1", "x", "127.0.0.1"));
	assert_false(allowed("127.0.0.1", "x", "127.0.0.2"));
	assert_true(allowed("[::1]", "x", "::1"));
	assert_true(allowed("fd00::/8", "x", "fd12::1"));
	/* never, whatever is allowed */
	assert_false(allowed("0.0.0.0/0", "x", "169.254.169.254"));
	assert_false(allowed("::/0", "x", "169.254.169.254"));
	assert_false(allowed("meta", "meta", "169.254.169.254"));
	assert_false(allowed("fd00::/8", "x", "fd00:ec2::254"));
	assert_int_equal(lh_net_rule_parse(ctx, "10.0.0.0/33", &rule), LH_INVALID);
	assert_int_equal(lh_net_rule_parse(ctx, "10.0.0.0/", &rule), LH_INVALID);
	assert_int_equal(lh_net_rule_parse(ctx, "host/8", &rule), LH_INVALID);
	assert_int_equal(lh_net_rule_parse(ctx, "ho st", &rule), LH_INVALID);
	assert_int_equal(lh_net_rule_parse(ctx, "host:80", &rule), LH_INVALID);
}

/*
 * Headers
 */

static void
content_range_is_parsed_strictly(void **state)
{
	int64_t from, to, total;

	(void) state;
	assert_true(lh_http_content_range("bytes 0-9/100", &from, &to, &total));
	assert_true(from == 0 && to == 9 && total == 100);
	assert_true(lh_http_content_range("bytes 5-5/*", &from, &to, &total) && total == -1);
	assert_true(lh_http_content_range("bytes */7", &from, &to, &total) && from == -1 && total == 7);
	assert_false(lh_http_content_range("bytes 9-0/100", &from, &to, &total));
	assert_false(lh_http_content_range("bytes 0-100/100", &from, &to, &total));
	assert_false(lh_http_content_range("bytes 0-9", &from, &to, &total));
	assert_false(lh_http_content_range("items 0-9/100", &from, &to, &total));
	assert_false(lh_http_content_range("bytes 0-9/100x", &from, &to, &total));
	assert_false(
		lh_http_content_range("bytes 0-99999999999999999999/999999999999999999999", &from, &to,
							  &total));
}

static void
retry_after_is_seconds_or_a_date(void **state)
{
	(void) state;
	assert_int_equal(lh_http_retry_after("3", 0), 3000);
	assert_int_equal(lh_http_retry_after("Thu, 01 Jan 1970 00:01:40 GMT", 90), 10000);
	assert_int_equal(lh_http_retry_after("Thu, 01 Jan 1970 00:01:40 GMT", 900), 0);
	assert_int_equal(lh_http_retry_after("999999999999", 0), 1000000000);
	assert_int_equal(lh_http_retry_after("-1", 0), -1);
	assert_int_equal(lh_http_retry_after("soon", 0), -1);
}

static void
a_reply_forgets_what_an_interim_one_said(void **state)
{
	LhHttpReply reply;

	(void) state;
	lh_http_reply_init(&reply);
	lh_http_reply_line(&reply, "HTTP/1.1 103 Early\r\n", 20);
	lh_http_reply_line(&reply, "ETag: \"early\"\r\n", 15);
	lh_http_reply_line(&reply, "HTTP/1.1 206 OK\r\n", 17);
	assert_int_equal(reply.status, 206);
	assert_string_equal(reply.etag, "");
	lh_http_reply_line(&reply, "etag:   \"a\"  \r\n", 15);
	assert_string_equal(reply.etag, "\"a\"");
	lh_http_reply_line(&reply, "Content-Length: 12x\r\n", 21);
	assert_int_equal(reply.length, -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(urls_are_normalised, set_up, tear_down),
		cmocka_unit_test_setup_teardown(ambiguous_urls_are_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(errors_do_not_repeat_the_url, set_up, tear_down),
		cmocka_unit_test_setup_teardown(locations_of_redirects_are_resolved, set_up, tear_down),
		cmocka_unit_test_setup_teardown(addresses_are_classified, set_up, tear_down),
		cmocka_unit_test_setup_teardown(rules_open_private_addresses_only, set_up, tear_down),
		cmocka_unit_test_setup_teardown(content_range_is_parsed_strictly, set_up, tear_down),
		cmocka_unit_test_setup_teardown(retry_after_is_seconds_or_a_date, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_reply_forgets_what_an_interim_one_said, set_up,
										tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
