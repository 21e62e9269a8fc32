/*
 * test_audit_tool.c
 *		lakehouse_audit, as an auditor runs it; and the same logs verified by a script that has nothing of it.
 */
#include "unit/audit_dir.h"

#include "audit/proof.h"

#include <libgen.h>
#include <sys/wait.h>

static char tool[4200];
static char output[1 << 20];
static char key[256];

/* A command in the test's directory, $T being the program and $K the key: its exit status; what it says is in output. */
static int __attribute__((format(printf, 1, 2))) run(const char *fmt, ...)
{
	char command[10240], text[4096];
	va_list args;
	size_t n;
	FILE *f;
	int status;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	snprintf(command, sizeof(command),
			 "T='%s'; K='%s'; V=\"$PWD/test/interop/audit_verify.py\"; cd %s && { %s; } 2>&1", tool,
			 key, root, text);
	f = popen(command, "r");
	assert_non_null(f);
	n = fread(output, 1, sizeof(output) - 1, f);
	output[n] = '\0';
	status = pclose(f);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void
says(const char *part)
{
	if (strstr(output, part) == NULL)
		fail_msg("no \"%s\" in: %s", part, output);
}

#define EVENT(second, command, role)                                                        \
	"{\"time\":\"2026-12-01T10:00:" second ".000000Z\",\"kind\":\"event\",\"role\":\"" role \
	"\",\"command\":\"" command "\","                                                       \
	"\"object\":\"key/customer\",\"result\":\"ok\"}\\n"

/* Twelve entries, checkpoints kept of six and of twelve. */
static int
make_log(void **state)
{
	char *end;
	ssize_t len;

	if (make_root(state) != 0 || (len = readlink("/proc/self/exe", tool, 4096)) < 0)
		return 1;
	tool[len] = '\0';
	strcat(dirname(tool), "/lakehouse_audit");
	if (run("$T keygen --name example.com/audit --out key") != 0)
		return 1;
	snprintf(key, sizeof(key), "%.200s", output);
	if ((end = strchr(key, '\n')) == NULL)
		return 1;
	*end = '\0';
	for (int i = 0; i < 2; i++)
		if (run("printf '" EVENT("01", "key_create", "anna") EVENT(
					"02", "key_rotate", "anna") EVENT("03", "key_rotate", "bob")
					EVENT("04", "key_rotate", "anna") EVENT("05", "key_rotate", "bob") EVENT(
						"06", "key_drop",
						"anna") "' | $T append --log log --origin example.com/audit --key-file key > kept%d",
				i) != 0)
			return 1;
	return 0;
}

static void
keys_are_for_their_owner(void **state)
{
	(void) state;
	assert_int_equal(run("stat -c %%a key; wc -c < key"), 0);
	says("600\n65\n");
	assert_int_equal(run("$T keygen --name example.com/audit --out key"), 2);
	says("already exists");
	assert_int_equal(run("$T keygen --name 'two words' --out other"), 2);
	assert_int_equal(
		run("chmod 644 key; printf x | $T append --log log --origin example.com/audit --key-file key"),
		2);
	says("gives rights to others");
}

static void
logs_are_verified(void **state)
{
	(void) state;
	assert_int_equal(run("$T verify --log log --key \"$K\" --checkpoint kept0 --checkpoint kept1"),
					 0);
	says("intact: 12 entries");
	says("the first 12 entries are vouched for");
	assert_int_equal(run("$T verify --log log --key log/public --checkpoint log/checkpoints"), 0);
	assert_int_equal(
		run("mkdir d && cp kept0 d/1.checkpoint && cp kept1 d/2.checkpoint && $T verify --log log --key \"$K\" --checkpoint d"),
		0);
	says("2 kept");
	assert_int_equal(run("$T verify --log log --key \"$K\""), 0);
	says("agrees with itself");
	assert_int_equal(run("$T verify --log log --key \"$K\" --origin example.com/other"), 1);
	says("NOT INTACT");
	assert_int_equal(
		run("$T keygen --name example.com/audit --out key2 > public2; $T verify --log log --key public2"),
		1);
	says("is not signed by");
	assert_int_equal(
		run("sed -i 4s/rotate/retire/ log/*.jsonl; $T verify --log log --key \"$K\" --checkpoint kept1"),
		1);
	says("the line of entry 3 is not the one that was hashed");
}

static void
documents_are_verified(void **state)
{
	(void) state;
	assert_int_equal(
		run("$T prove --log log --entry 4 > doc; $T inclusion doc --key \"$K\" --checkpoint kept1"),
		0);
	says("proved: entry 4 is among the 12 entries");
	says("\"role\":\"bob\"");
	assert_int_equal(run("$T inclusion doc --key \"$K\" --checkpoint kept0"), 1);
	assert_int_equal(run("$T consistency doc --key \"$K\" --checkpoint kept1"), 1);
	says("of another type");
	assert_int_equal(run("sed s/bob/bab/ doc | $T inclusion - --key \"$K\" --checkpoint kept1"), 1);
	says("NOT PROVED");
	assert_int_equal(
		run("$T prove --log log --entry 4 --size 6 | $T inclusion - --key \"$K\" --checkpoint kept0"),
		0);
	assert_int_equal(
		run("$T prove --log log --from-size 6 > doc; $T consistency doc --key \"$K\" --checkpoint kept0"),
		0);
	says("the log of 12 entries continues that of 6");
	assert_int_equal(run("$T prove --log log --from-size 7"), 2);
	assert_int_equal(run("$T prove --log log --entry 12"), 2);
	says("no checkpoint");
}

static void
entries_are_shown(void **state)
{
	(void) state;
	assert_int_equal(run("$T export --log log | cmp - log/*.jsonl"), 0);
	assert_int_equal(
		run("$T show --log log --where role=bob --where command=key_rotate | cut -d' ' -f1 | xargs"),
		0);
	says("2 4 8 10\n");
	assert_int_equal(
		run("$T show --log log --from 2026-12-01T10:00:02Z --to 2026-12-01T10:00:04Z | cut -d' ' -f1 | xargs"),
		0);
	says("1 2 7 8\n");
	assert_int_equal(
		run("$T export --log log --format ocsf --where command=key_drop | grep -c '\"type_uid\":300404'"),
		0);
	says("2\n");
	assert_int_equal(run("$T show --log log --where nothing=bob"), 2);
	assert_int_equal(run("$T show --log log --from yesterday"), 2);
	assert_int_equal(run("$T export --log log --format xml"), 2);
	/* a full disk is no success */
	assert_int_equal(run("$T export --log log > /dev/full"), 2);
}

static void
wrong_usage_is_said(void **state)
{
	(void) state;
	assert_int_equal(run("$T"), 2);
	assert_int_equal(run("$T --help"), 0);
	says("Exit status: 0 intact");
	assert_int_equal(run("$T --version"), 0);
	assert_int_equal(run("$T eat"), 2);
	assert_int_equal(run("$T verify --log log"), 2);
	says("--key is needed");
	assert_int_equal(run("$T verify --log log --key x"), 2);
	assert_int_equal(run("$T verify --log none --key \"$K\""), 2);
	assert_int_equal(run("$T verify --log log --key \"$K\" --log log"), 2);
	assert_int_equal(run("$T verify --log log --key \"$K\" --checkpoint key"), 2);
	says("is no file of checkpoints");
	assert_int_equal(run("$T verify --log log --key"), 2);
	assert_int_equal(run("$T inclusion --key \"$K\""), 2);
}

/* Two programs, written apart, agree about each log. */
static void
a_script_comes_to_the_same_verdict(void **state)
{
	static const struct
	{
		const char *damage;
		int verdict;
	} cases[] = {
		{"true", 0},
		{"sed -i 4s/rotate/retire/ log/*.jsonl", 1},
		{"sed -i 4d log/*.jsonl", 1},
		{"sed -i 12d log/*.jsonl", 1},
		{"sed -i '3{h;d};4G' log/*.jsonl", 1},
		{"sed -i 3p log/*.jsonl", 1},
		{"rm log/*.jsonl", 1},
		{"sed -i 1,5d log/checkpoints", 1},
		{"sed -i 2s/6/7/ log/checkpoints", 1},
		{"sed -i 2s/6/5/ kept0", 1},
		{"mv log/00000000000000000000.jsonl log/00000000000000000001.jsonl", 1},
		{"rm -r log; printf '" EVENT(
			 "01", "key_create",
			 "eve") "' | $T append --log log --origin example.com/audit --key-file key >/dev/null",
		 1},
	};

	(void) state;
	if (run("python3 -c 'import cryptography'") != 0)
	{
		print_message(
			"PYTHON3-CRYPTOGRAPHY IS NOT HERE: the script that verifies logs without us was not compared\n");
		skip();
	}
	assert_int_equal(run("cp -a log whole; cp kept0 kept0.whole"), 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		int ours, theirs;

		assert_int_equal(
			run("rm -rf log; cp -a whole log; cp kept0.whole kept0; %s", cases[i].damage), 0);
		ours = run("$T verify --log log --key \"$K\" --checkpoint kept0 --checkpoint kept1");
		theirs = run("python3 $V log \"$K\" kept0 kept1");
		if (ours != cases[i].verdict || theirs != cases[i].verdict)
			fail_msg("%s: ours %d, the script's %d: %s", cases[i].damage, ours, theirs, output);
	}
}

/* Lines that a retention removed: their hashes still count for the script, too. */
static void
a_script_knows_removed_lines(void **state)
{
	LhAuditLogOptions options = {of_text("example.com/audit"), 500};
	LhSigner *signer;
	LhAuditLog *log;
	uint64_t removed;

	(void) state;
	if (run("python3 -c 'import cryptography'") != 0)
		skip();
	ASSERT_OK(
		lh_audit_key_load(ctx, lh_sprintf(ctx, "%s/key", root), "example.com/audit", &signer));
	ASSERT_OK(lh_audit_log_open(ctx, dir_of("log"), &options, &log));
	append_lines(log, 12, 60);
	ASSERT_OK(lh_audit_log_checkpoint(ctx, log, signer, NULL));
	append_lines(log, 60, 70);
	ASSERT_OK(lh_audit_log_sync(ctx, log));
	ASSERT_OK(lh_audit_log_retain(ctx, log, INT64_MAX, &removed));
	assert_true(removed > 40);
	lh_audit_log_close(log);
	assert_int_equal(run("$T verify --log log --key \"$K\" --checkpoint kept0 --checkpoint kept1"),
					 0);
	assert_int_equal(run("$T verify --log log --key \"$K\" --checkpoint kept0 --first 30"), 1);
	says("lines are missing that should be kept");
	assert_int_equal(run("$T verify --log log --key \"$K\" --checkpoint kept0 --first 60"), 0);
	assert_int_equal(run("python3 $V log \"$K\" kept0 kept1"), 0);
	says("intact: 70 entries, 60 vouched for");
	assert_int_equal(run("printf x | dd of=log/nodes-00 bs=1 seek=100 conv=notrunc status=none"),
					 0);
	assert_int_equal(run("$T verify --log log --key \"$K\" --checkpoint kept0"), 1);
	assert_int_equal(run("python3 $V log \"$K\" kept0"), 1);
}

#define test(f) cmocka_unit_test_setup_teardown(f, make_log, remove_root)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		test(keys_are_for_their_owner),     test(logs_are_verified),
		test(documents_are_verified),       test(entries_are_shown),
		test(wrong_usage_is_said),          test(a_script_comes_to_the_same_verdict),
		test(a_script_knows_removed_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
