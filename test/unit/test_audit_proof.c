/*
 * test_audit_proof.c
 *		Proofs as documents, checkpoints brought outside, events of OCSF.
 */
#include "unit/audit_dir.h"

#include "audit/proof.h"
#include "unit/audit_make.h"
#include "stub_client.h"

static LhBuf
inclusion(LhAuditLog *log, uint64_t number, uint64_t size)
{
	LhBuf out;

	ASSERT_OK(lh_buf_init(ctx, &out, false));
	ASSERT_OK(lh_audit_proof_inclusion(ctx, log, number, size, &out));
	return out;
}

static LhAuditProof
verified(LhSlice document, LhSlice kept, uint8_t key)
{
	LhVerifier *v = verifier_of(key);
	LhAuditProof p;

	ASSERT_OK(lh_audit_proof_verify(ctx, document, &v, 1, of_text(ORIGIN), kept, &p));
	assert_int_equal(p.holds, p.why == NULL);
	return p;
}

static void
documents_prove_entries(void **state)
{
	LhAuditLog *log = open_log("log", 1000);
	LhSlice first, second;
	uint64_t removed;
	LhAuditProof p;
	LhBuf doc;

	(void) state;
	append_lines(log, 0, 50);
	first = checkpoint_of(log, 1);
	append_lines(log, 50, 73);
	ASSERT_OK(lh_buf_init(ctx, &doc, false));
	ASSERT_FAILS(lh_audit_proof_inclusion(ctx, log, 50, UINT64_MAX, &doc), LH_OUT_OF_RANGE,
				 "no checkpoint");
	second = checkpoint_of(log, 1);
	for (uint64_t i = 0; i < 73; i++)
	{
		doc = inclusion(log, i, UINT64_MAX);
		p = verified(lh_slice(doc.data, doc.len), second, 1);
		if (!p.holds)
			fail_msg("%s", p.why);
		assert_true(p.inclusion);
		assert_int_equal(p.number, i);
		assert_int_equal(p.size, 73);
		assert_bytes(p.line, line_at(i));
		if (i >= 50)
			continue;
		doc = inclusion(log, i, 60);
		p = verified(lh_slice(doc.data, doc.len), first, 1);
		assert_true(p.holds);
		assert_int_equal(p.size, 50);
		p = verified(lh_slice(doc.data, doc.len), second, 1);
		assert_false(p.holds);
	}
	ASSERT_OK(lh_audit_log_retain(ctx, log, time_at(30), &removed));
	assert_true(removed > 0);
	doc = inclusion(log, 3, UINT64_MAX);
	p = verified(lh_slice(doc.data, doc.len), second, 1);
	assert_true(p.holds);
	assert_int_equal(p.line.len, 0);
	{
		LhMerkleHash leaf;

		lh_merkle_leaf(line_at(3), &leaf);
		assert_memory_equal(&leaf, &p.leaf, sizeof(leaf));
	}
	doc.len = 0;
	ASSERT_OK(lh_audit_proof_consistency(ctx, log, 50, UINT64_MAX, &doc));
	assert_true(verified(lh_slice(doc.data, doc.len), first, 1).holds);
	assert_true(verified(lh_slice(doc.data, doc.len), second, 1).holds);
	p = verified(lh_slice(doc.data, doc.len), (LhSlice){0}, 1);
	assert_true(p.holds && !p.inclusion);
	assert_int_equal(p.from, 50);
	assert_int_equal(p.size, 73);
	ASSERT_FAILS(lh_audit_proof_consistency(ctx, log, 51, UINT64_MAX, &doc), LH_NOT_FOUND,
				 "no checkpoint of 51");
}

/* No change of a document still proves something else. */
static void
changed_documents_prove_nothing(void **state)
{
	LhAuditLog *log = open_log("log", 0);
	LhBuf doc;
	int held = 0;

	(void) state;
	append_lines(log, 0, 21);
	(void) checkpoint_of(log, 1);
	doc = inclusion(log, 13, UINT64_MAX);
	for (size_t at = 0; at < doc.len; at++)
		for (int bit = 0; bit < 8; bit++)
		{
			LhArena *keep = ctx->arena, *scratch = lh_arena_child(keep);
			LhAuditProof p;

			lh_use(ctx, scratch);
			doc.data[at] ^= (uint8_t) (1 << bit);
			p = verified(lh_slice(doc.data, doc.len), (LhSlice){0}, 1);
			if (p.holds)
			{
				/* it may only say the same in other letters */
				held++;
				assert_int_equal(p.number, 13);
				assert_int_equal(p.size, 21);
				assert_bytes(p.line, line_at(13));
			}
			doc.data[at] ^= (uint8_t) (1 << bit);
			lh_use(ctx, keep);
			lh_arena_destroy(scratch);
		}
	assert_true(held < 20);
	assert_false(verified(lh_slice(doc.data, doc.len), (LhSlice){0}, 2).holds);
	assert_false(verified(of_text("{}"), (LhSlice){0}, 1).holds);
	assert_false(verified(of_text(""), (LhSlice){0}, 1).holds);
	for (size_t n = 0; n < doc.len; n++)
		assert_false(verified(lh_slice(doc.data, n), (LhSlice){0}, 1).holds);
}

/* ---- checkpoints outside ---- */

static LhAuditPublisher *
publisher_of(const char *target, const char *credentials)
{
	LhAuditPublishOptions o = {
		.target = target, .credentials_file = credentials, .attempts = 1, .timeout_ms = 3000};
	LhAuditPublisher *p;

	ASSERT_OK(lh_audit_publisher_open(ctx, &o, &p));
	return p;
}

static void
targets_are_checked(void **state)
{
	static const char *const bad[] = {"",
									  "file",
									  "http://example.com/x",
									  "https://user@example.com/",
									  "ftp://x/",
									  "http://127.0.0.1.example.com/"};

	(void) state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
	{
		LhAuditPublishOptions o = {.target = bad[i]};
		LhAuditPublisher *p;

		assert_int_equal(lh_audit_publisher_open(ctx, &o, &p), LH_INVALID);
	}
}

static void
notes_go_to_a_file(void **state)
{
	LhAuditLog *log = open_log("log", 0);
	const char *path = lh_sprintf(ctx, "%s/kept", root);
	LhAuditPublisher *p = publisher_of(path, NULL);
	uint64_t sent;

	(void) state;
	ASSERT_OK(lh_audit_publish(ctx, p, log, &sent));
	assert_true(sent == UINT64_MAX);
	for (uint64_t i = 0; i < 5; i++)
	{
		append_lines(log, 3 * i, 3 * i + 3);
		(void) checkpoint_of(log, 1);
		ASSERT_OK(lh_audit_publish(ctx, p, log, &sent));
		assert_int_equal(sent, 3 * i + 3);
		ASSERT_OK(lh_audit_publish(ctx, p, log, &sent));
		shell("[ $(grep -c ^%s$ %s) = %d ]", ORIGIN, path, (int) i + 1);
		/* also when it is not remembered */
		shell("rm %s/log/sent-*", root);
		ASSERT_OK(lh_audit_publish(ctx, p, log, NULL));
		shell("[ $(grep -c ^%s$ %s) = %d ]", ORIGIN, path, (int) i + 1);
	}
	shell("cmp %s %s/log/checkpoints", path, root);
	/* torn by a crash: cut and sent again */
	shell("truncate -s -20 %s && rm %s/log/sent-*", path, root);
	ASSERT_OK(lh_audit_publish(ctx, p, log, &sent));
	shell("cmp %s %s/log/checkpoints", path, root);
	/* the target was away for a while: the newest counts */
	shell("mv %s %s.away && mkdir %s", path, path, path);
	append_lines(log, 15, 17);
	(void) checkpoint_of(log, 1);
	ASSERT_FAILS(lh_audit_publish(ctx, p, log, &sent), LH_IO, "for audit checkpoints");
	append_lines(log, 17, 19);
	(void) checkpoint_of(log, 1);
	ASSERT_FAILS(lh_audit_publish(ctx, p, log, &sent), LH_IO, "for audit checkpoints");
	shell("rmdir %s && mv %s.away %s", path, path, path);
	ASSERT_OK(lh_audit_publish(ctx, p, log, &sent));
	assert_int_equal(sent, 19);
	shell("cd %s && tail -n 6 kept > a && tail -n 6 log/checkpoints > b && cmp a b", root);
	/* other people's files are left alone */
	shell("echo precious > %s/other", root);
	ASSERT_FAILS(
		lh_audit_publish(ctx, publisher_of(lh_sprintf(ctx, "%s/other", root), NULL), log, &sent),
		LH_INVALID, "something else");
	shell("[ \"$(cat %s/other)\" = precious ]", root);
	shell("ln -s %s/other %s/link", root, root);
	assert_int_equal(
		lh_audit_publish(ctx, publisher_of(lh_sprintf(ctx, "%s/link", root), NULL), log, &sent),
		LH_IO);
}

static void
notes_go_to_a_directory(void **state)
{
	LhAuditLog *log = open_log("log", 0);
	LhAuditPublisher *p;
	uint64_t sent;

	(void) state;
	shell("mkdir %s/kept", root);
	p = publisher_of(lh_sprintf(ctx, "%s/kept/", root), NULL);
	append_lines(log, 0, 3);
	(void) checkpoint_of(log, 1);
	ASSERT_OK(lh_audit_publish(ctx, p, log, &sent));
	append_lines(log, 3, 5);
	(void) checkpoint_of(log, 1);
	ASSERT_OK(lh_audit_publish(ctx, p, log, &sent));
	shell(
		"[ \"$(echo $(ls -A %s/kept))\" = '00000000000000000003.checkpoint 00000000000000000005.checkpoint' ]",
		root);
	shell("rm %s/log/sent-*", root);
	ASSERT_OK(lh_audit_publish(ctx, p, log, &sent));
	assert_int_equal(sent, 5);
	/* another log of the same size is not taken for this one, nor put over it */
	shell(
		"cp %s/kept/00000000000000000003.checkpoint %s/kept/00000000000000000005.checkpoint && rm %s/log/sent-*",
		root, root, root);
	ASSERT_FAILS(lh_audit_publish(ctx, p, log, &sent), LH_EXISTS,
				 "another checkpoint of the same size");
	shell("cmp %s/kept/00000000000000000003.checkpoint %s/kept/00000000000000000005.checkpoint",
		  root, root);
}

static void
notes_go_over_http(void **state)
{
	LhAuditLog *log = open_log("log", 0);
	const char *const args[] = {"--s3", NULL};
	const char *credentials = lh_sprintf(ctx, "%s/credentials", root);
	LhAuditPublisher *put, *post;
	uint64_t sent;
	Stub stub;

	(void) state;
	shell("mkdir -p %s/www/bucket/kept && (umask 077; echo 'Bearer one-time' > %s)", root,
		  credentials);
	stub_start(&stub, lh_sprintf(ctx, "%s/www", root), args);
	put = publisher_of(lh_sprintf(ctx, "http://127.0.0.1:%d/bucket/kept/", stub.port), NULL);
	append_lines(log, 0, 3);
	(void) checkpoint_of(log, 1);
	ASSERT_OK(lh_audit_publish(ctx, put, log, &sent));
	assert_int_equal(sent, 3);
	shell("sed '$d' %s/log/checkpoints | cmp - %s/www/bucket/kept/00000000000000000003.checkpoint",
		  root, root);
	ASSERT_OK(lh_audit_publish(ctx, put, log, &sent));
	assert_int_equal(stub_count(&stub, "PUT /bucket/kept/"), 1);
	/* down, refusing, redirecting: remembered, and the newest is sent when it is back */
	append_lines(log, 3, 5);
	(void) checkpoint_of(log, 1);
	stub_tell(&stub, "fault?kind=status&match=PUT&every=1&times=1&status=503");
	ASSERT_FAILS(lh_audit_publish(ctx, put, log, &sent), LH_IO, "127.0.0.1");
	stub_tell(&stub, "fault?kind=status&match=PUT&every=1&times=1&status=403");
	ASSERT_FAILS(lh_audit_publish(ctx, put, log, &sent), LH_DENIED, "status 403");
	stub_tell(&stub, "fault?kind=redirect&match=PUT&every=1&times=1&arg=http://127.0.0.1:1/");
	ASSERT_FAILS(lh_audit_publish(ctx, put, log, &sent), LH_IO, "did not take");
	append_lines(log, 5, 8);
	(void) checkpoint_of(log, 1);
	ASSERT_OK(lh_audit_publish(ctx, put, log, &sent));
	assert_int_equal(sent, 8);
	shell(
		"[ \"$(echo $(ls %s/www/bucket/kept))\" = '00000000000000000003.checkpoint 00000000000000000008.checkpoint' ]",
		root);
	/* with credentials, which no message repeats */
	post = publisher_of(lh_sprintf(ctx, "http://127.0.0.1:%d/take", stub.port), credentials);
	stub_tell(&stub, "fault?kind=status&match=POST&every=1&times=1&status=201");
	ASSERT_OK(lh_audit_publish(ctx, post, log, &sent));
	assert_int_equal(stub_count(&stub, "POST /take"), 1);
	append_lines(log, 8, 9);
	(void) checkpoint_of(log, 1);
	shell("chmod 644 %s", credentials);
	ASSERT_FAILS(lh_audit_publish(ctx, post, log, &sent), LH_INVALID, "gives rights to others");
	assert_null(strstr(ctx->error->message, "one-time"));
	/* link-local addresses are refused, however they are named */
	ASSERT_FAILS(lh_audit_publish(ctx, publisher_of("https://169.254.169.254/x", NULL), log, &sent),
				 LH_DENIED, "169.254");
	stub_stop(&stub);
}

/* ---- OCSF ---- */

static json_t *
parsed(const LhAuditRecord *r, size_t flags)
{
	json_error_t error;
	json_t *event;
	LhBuf out;

	ASSERT_OK(lh_buf_init(ctx, &out, false));
	ASSERT_OK(lh_audit_ocsf(ctx, r, 17, &out));
	event = json_loadb((const char *) out.data, out.len, flags | JSON_REJECT_DUPLICATES, &error);
	if (event == NULL)
		fail_msg("%s: %.*s", error.text, (int) out.len, (const char *) out.data);
	return event;
}

static json_t *
event_of(const LhAuditRecord *r)
{
	return parsed(r, 0);
}

static void
statements_are_datastore_activity(void **state)
{
	LhAuditRecord r = full_record();
	json_t *e = event_of(&r), *meta = json_object_get(e, "metadata");

	(void) state;
	assert_int_equal(number_member(e, "class_uid"), 6005);
	assert_int_equal(number_member(e, "category_uid"), 6);
	assert_int_equal(number_member(e, "activity_id"), 4);
	assert_int_equal(number_member(e, "type_uid"), 600504);
	assert_int_equal(number_member(e, "time"), AUDIT_TIME / 1000);
	assert_int_equal(number_member(e, "status_id"), 2);
	assert_string_equal(member(e, "status_code"), "42501");
	assert_string_equal(member(meta, "version"), "1.4.0");
	assert_int_equal(number_member(meta, "sequence"), 17);
	assert_string_equal(member(json_object_get(meta, "product"), "name"), "lakehouse");
	assert_string_equal(member(json_object_get(json_object_get(e, "actor"), "user"), "name"),
						"anna");
	assert_string_equal(member(json_object_get(e, "src_endpoint"), "ip"), "192.0.2.7");
	assert_int_equal(number_member(json_object_get(e, "src_endpoint"), "port"), 50112);
	assert_string_equal(member(json_object_get(e, "database"), "name"), "app");
	assert_string_equal(member(json_object_get(e, "table"), "name"), "hr.staff");
	assert_string_equal(member(json_object_get(e, "query_info"), "uid"), "00c0ffee00c0ffee");
	assert_int_equal(json_array_size(json_object_get(json_object_get(e, "unmapped"), "relations")),
					 2);
	json_decref(e);
	r.address = of_text("local");
	r.kind = LH_AUDIT_INTENT;
	r.result = 0;
	e = event_of(&r);
	assert_string_equal(member(json_object_get(e, "src_endpoint"), "name"), "local");
	assert_int_equal(number_member(e, "status_id"), 0);
	json_decref(e);
}

static void
other_records_have_their_classes(void **state)
{
	static const struct
	{
		LhAuditKind kind;
		const char *action;
		int class, activity;
	} cases[] = {
		{LH_AUDIT_EVENT, "key_create", 3004, 1},
		{LH_AUDIT_EVENT, "key_rotate", 3004, 3},
		{LH_AUDIT_EVENT, "policy_drop", 3004, 4},
		{LH_AUDIT_EVENT, "shred", 3004, 99},
		{LH_AUDIT_LOST, "", 6008, 1},
		{LH_AUDIT_START, "", 6002, 3},
		{LH_AUDIT_STOP, "", 6002, 4},
		{LH_AUDIT_INTENT, "DO", 6005, 99},
		{LH_AUDIT_OUTCOME, "DELETE", 6005, 7},
	};

	(void) state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		LhAuditRecord r = {.kind = cases[i].kind,
						   .time = AUDIT_TIME,
						   .command = of_text(cases[i].action),
						   .object = of_text("key/customer"),
						   .count = 3};
		json_t *e = event_of(&r);

		assert_int_equal(number_member(e, "class_uid"), cases[i].class);
		assert_int_equal(number_member(e, "activity_id"), cases[i].activity);
		assert_int_equal(number_member(e, "type_uid"), cases[i].class * 100 + cases[i].activity);
		if (cases[i].class == 3004)
		{
			assert_string_equal(member(json_object_get(e, "entity"), "type"), "key");
			assert_string_equal(member(json_object_get(e, "entity"), "name"), "customer");
		}
		json_decref(e);
	}
}

static void
any_record_is_an_event(void **state)
{
	uint64_t seed = 3;

	(void) state;
	for (int i = 0; i < 500; i++)
	{
		LhAuditRecord r = random_record(&seed, 30, 4, i % 2 == 0);

		json_decref(parsed(&r, JSON_DECODE_INT_AS_REAL));
		lh_arena_reset(ctx->arena);
	}
}

#define test(f) cmocka_unit_test_setup_teardown(f, make_root, remove_root)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		test(documents_prove_entries),
		test(changed_documents_prove_nothing),
		test(targets_are_checked),
		test(notes_go_to_a_file),
		test(notes_go_to_a_directory),
		test(notes_go_over_http),
		test(statements_are_datastore_activity),
		test(other_records_have_their_classes),
		test(any_record_is_an_event),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
