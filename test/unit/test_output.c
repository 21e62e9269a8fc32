/*
 * test_output.c
 *		Outputs: a file appears whole or not at all, and only where it may.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store/output_internal.h"

typedef struct Fixture
{
	LhCtx *ctx;
	char root[64], base[80];
	const char *bases[1];
	LhAccess any, below, reader;
	LhStore *store, *below_store, *reader_store;
	int polls; /* until the host interrupts; -1: never */
	LhHost host;
} Fixture;

static bool
interrupted(void *arg)
{
	Fixture *f = arg;

	return f->polls >= 0 && f->polls-- == 0;
}

static const char *
at(const Fixture *f, const char *name)
{
	return lh_sprintf(f->ctx, "%s/%s", f->root, name);
}

static void
put(const Fixture *f, const char *name, const char *content)
{
	FILE *file = fopen(at(f, name), "w");

	assert_non_null(file);
	assert_true(fputs(content, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static void
assert_content(const Fixture *f, const char *name, const char *content)
{
	char buf[256] = {0};
	FILE *file = fopen(at(f, name), "r");

	assert_non_null(file);
	assert_int_equal(fread(buf, 1, sizeof(buf) - 1, file), strlen(content));
	fclose(file);
	assert_string_equal(buf, content);
}

/* Names in a directory, but for "." and "..". */
static int
count_names(const Fixture *f, const char *name)
{
	DIR *dir = opendir(at(f, name));
	int n = -2;

	assert_non_null(dir);
	while (readdir(dir) != NULL)
		n++;
	closedir(dir);
	return n;
}

static int
setup(void **state)
{
	Fixture *f = calloc(1, sizeof(*f));

	*state = f;
	f->ctx = lh_ctx_create();
	f->polls = -1;
	f->host.interrupted = interrupted;
	f->ctx->host = &f->host;
	f->ctx->host_arg = f;
	strcpy(f->root, "/tmp/lh_output_XXXXXX");
	assert_non_null(mkdtemp(f->root));
	snprintf(f->base, sizeof(f->base), "%s/base", f->root);
	assert_int_equal(mkdir(f->base, 0755), 0);
	assert_int_equal(mkdir(at(f, "base/dir"), 0755), 0);
	assert_int_equal(mkdir(at(f, "beside"), 0755), 0);
	f->bases[0] = f->base;
	f->any = (LhAccess){.write_any = true};
	f->below = (LhAccess){.nwrite_bases = 1, .write_bases = f->bases};
	f->reader = (LhAccess){.local_any = true, .nbases = 1, .bases = f->bases};
	assert_int_equal(lh_store_create(f->ctx, &f->any, &f->store), LH_OK);
	assert_int_equal(lh_store_create(f->ctx, &f->below, &f->below_store), LH_OK);
	assert_int_equal(lh_store_create(f->ctx, &f->reader, &f->reader_store), LH_OK);
	return 0;
}

static int
teardown(void **state)
{
	Fixture *f = *state;
	char command[128];

	snprintf(command, sizeof(command), "rm -rf '%s'", f->root);
	assert_int_equal(system(command), 0);
	lh_ctx_destroy(f->ctx);
	free(f);
	return 0;
}

#define OK(f, call)                                   \
	do                                                \
	{                                                 \
		if ((call) != LH_OK)                          \
			fail_msg("%s", (f)->ctx->error->message); \
	} while (0)

static void
assert_fails(Fixture *f, LhStatus got, LhStatus code, const char *part)
{
	assert_int_equal(got, code);
	if (strstr(f->ctx->error->message, part) == NULL)
		fail_msg("no \"%s\" in: %s", part, f->ctx->error->message);
	lh_error_clear(f->ctx);
}

static LhStatus
create(Fixture *f, LhStore *store, const char *name, bool overwrite, LhOutput **out)
{
	return lh_output_create(f->ctx, store, at(f, name), &(LhOutputOptions){overwrite}, out);
}

static void
a_file_appears_when_it_is_finished(void **state)
{
	Fixture *f = *state;
	LhObjectId id;
	LhOutput *o;
	struct stat st;

	OK(f, create(f, f->store, "base/new", false, &o));
	OK(f, lh_output_write(f->ctx, o, "hello ", 6));
	assert_int_equal(access(at(f, "base/new"), F_OK), -1);
	OK(f, lh_output_write(f->ctx, o, "world", 5));
	assert_int_equal(lh_output_position(o), 11);
	OK(f, lh_output_finish(f->ctx, o, &id));
	assert_content(f, "base/new", "hello world");
	assert_int_equal(count_names(f, "base"), 2);
	assert_int_equal(stat(at(f, "base/new"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0644);
	assert_int_equal(id.size, 11);
	assert_int_equal(id.ino, st.st_ino);
	assert_string_equal(id.path, at(f, "base/new"));
}

static void
the_temporary_file_is_hidden_and_beside_it(void **state)
{
	Fixture *f = *state;
	LhOutput *o;
	LhList list;

	put(f, "base/seen", "x");
	OK(f, create(f, f->store, "base/new", false, &o));
	assert_int_equal(count_names(f, "base"), 3);
	OK(f, lh_store_list(f->ctx, f->reader_store, f->base, NULL, 10, &list));
	assert_int_equal(list.n, 1);
	lh_output_abort(o);
	assert_int_equal(count_names(f, "base"), 2);
}

static void
reset_of_the_arena_leaves_nothing(void **state)
{
	Fixture *f = *state;
	LhArena *arena = lh_arena_child(f->ctx->arena), *old = lh_use(f->ctx, arena);
	LhOutput *o;

	OK(f, create(f, f->store, "base/new", false, &o));
	OK(f, lh_output_write(f->ctx, o, "x", 1));
	assert_int_equal(count_names(f, "base"), 2);
	lh_use(f->ctx, old);
	lh_arena_destroy(arena);
	assert_int_equal(count_names(f, "base"), 1);
}

static void
an_existing_file_is_refused_before_anything_is_written(void **state)
{
	Fixture *f = *state;
	LhOutput *o;

	put(f, "base/old", "old");
	assert_fails(f, create(f, f->store, "base/old", false, &o), LH_EXISTS, "already exists");
	assert_content(f, "base/old", "old");
	assert_int_equal(count_names(f, "base"), 2);
}

static void
a_file_that_appears_meanwhile_is_not_replaced(void **state)
{
	Fixture *f = *state;
	LhOutput *o;

	OK(f, create(f, f->store, "base/new", false, &o));
	put(f, "base/new", "theirs");
	assert_fails(f, lh_output_finish(f->ctx, o, NULL), LH_EXISTS, "already exists");
	assert_content(f, "base/new", "theirs");
	assert_int_equal(count_names(f, "base"), 2);
}

static void
overwrite_replaces_a_file(void **state)
{
	Fixture *f = *state;
	LhOutput *o;

	put(f, "base/old", "old");
	OK(f, create(f, f->store, "base/old", true, &o));
	OK(f, lh_output_write(f->ctx, o, "new", 3));
	assert_content(f, "base/old", "old");
	OK(f, lh_output_finish(f->ctx, o, NULL));
	assert_content(f, "base/old", "new");
	assert_int_equal(count_names(f, "base"), 2);
}

static void
overwrite_replaces_files_only(void **state)
{
	Fixture *f = *state;
	LhOutput *o;

	assert_int_equal(symlink("dir", at(f, "base/link")), 0);
	assert_int_equal(mkfifo(at(f, "base/fifo"), 0600), 0);
	assert_fails(f, create(f, f->store, "base/dir", true, &o), LH_INVALID, "is a directory");
	assert_fails(f, create(f, f->store, "base/dir", false, &o), LH_INVALID, "is a directory");
	assert_fails(f, create(f, f->store, "base/link", true, &o), LH_INVALID, "no regular file");
	assert_fails(f, create(f, f->store, "base/fifo", true, &o), LH_INVALID, "no regular file");
	/* one that becomes a link meanwhile */
	OK(f, create(f, f->store, "base/late", true, &o));
	assert_int_equal(symlink("dir", at(f, "base/late")), 0);
	assert_fails(f, lh_output_finish(f->ctx, o, NULL), LH_INVALID, "no regular file");
	assert_int_equal(count_names(f, "base/dir"), 0);
}

static void
what_names_no_file_is_refused(void **state)
{
	Fixture *f = *state;
	LhOutput *o;

	assert_fails(f, create(f, f->store, "base/none/new", false, &o), LH_NOT_FOUND,
				 "does not exist");
	assert_fails(f, create(f, f->store, "base/", false, &o), LH_INVALID, "is a directory");
	assert_fails(f, create(f, f->store, "base/*.parquet", false, &o), LH_INVALID, "is a pattern");
	assert_fails(f, create(f, f->store, "base/..", false, &o), LH_INVALID, "names no file");
	assert_fails(f, lh_output_create(f->ctx, f->store, "new", NULL, &o), LH_INVALID, "absolute");
	put(f, "base/file", "x");
	assert_fails(f, create(f, f->store, "base/file/new", false, &o), LH_NOT_FOUND,
				 "does not exist");
}

static void
what_is_not_local_has_rights_of_its_own(void **state)
{
	Fixture *f = *state;
	LhOutput *o;

	assert_fails(f, lh_output_create(f->ctx, f->store, "s3://bucket/new", NULL, &o), LH_DENIED,
				 "no right to use network locations");
	assert_fails(f, lh_output_create(f->ctx, f->store, "http://host/new", NULL, &o),
				 LH_UNSUPPORTED, "only read");
	assert_fails(f, lh_output_create(f->ctx, f->store, "https://host/new", NULL, &o),
				 LH_UNSUPPORTED, "only read");
}

static void
an_escaped_name_is_a_name(void **state)
{
	Fixture *f = *state;
	LhOutput *o;

	OK(f, create(f, f->store, "base/a\\*b", false, &o));
	OK(f, lh_output_write(f->ctx, o, "x", 1));
	OK(f, lh_output_finish(f->ctx, o, NULL));
	assert_content(f, "base/a*b", "x");
}

static void
the_right_to_read_is_no_right_to_write(void **state)
{
	Fixture *f = *state;
	LhOutput *o;

	assert_fails(f, create(f, f->reader_store, "base/new", false, &o), LH_DENIED,
				 "no right to write");
	assert_int_equal(count_names(f, "base"), 1);
}

static void
a_base_directory_is_entered_and_not_left(void **state)
{
	Fixture *f = *state;
	LhOutput *o;

	OK(f, create(f, f->below_store, "base/new", false, &o));
	OK(f, lh_output_finish(f->ctx, o, NULL));
	OK(f, create(f, f->below_store, "base/dir/new", false, &o));
	OK(f, lh_output_finish(f->ctx, o, NULL));
	assert_int_equal(count_names(f, "base/dir"), 1);
	assert_fails(f, create(f, f->below_store, "beside/new", false, &o), LH_DENIED,
				 "no right to write");
	assert_fails(f, create(f, f->below_store, "base/../beside/new", false, &o), LH_DENIED,
				 "leads out of base directory");
	assert_int_equal(symlink("../beside", at(f, "base/out")), 0);
	assert_fails(f, create(f, f->below_store, "base/out/new", false, &o), LH_DENIED,
				 "leads out of base directory");
	assert_int_equal(count_names(f, "beside"), 0);
}

static void
a_full_disk_is_an_error_and_leaves_nothing(void **state)
{
	Fixture *f = *state;
	struct rlimit old, small;
	static char bytes[100000];
	LhStatus status;
	LhOutput *o;

	/* a limit of the process does what a full file system would: write(2) fails half-way */
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	small = old;
	small.rlim_cur = 65536;
	OK(f, create(f, f->store, "base/new", false, &o));
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	status = lh_output_write(f->ctx, o, bytes, sizeof(bytes));
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	assert_fails(f, status, LH_IO, "could not write");
	assert_int_equal(count_names(f, "base"), 1);
	/* and what failed stays failed */
	assert_fails(f, lh_output_write(f->ctx, o, "x", 1), LH_BUG, "after its end");
	assert_fails(f, lh_output_finish(f->ctx, o, NULL), LH_BUG, "after its end");
}

static void
a_device_without_space_says_so(void **state)
{
	Fixture *f = *state;
	LhStatus status;
	LhOutput *o;
	int full = open("/dev/full", O_WRONLY | O_CLOEXEC), fd;
	char link[64], target[128];

	if (full < 0)
		skip();
	OK(f, create(f, f->store, "base/new", false, &o));
	/* the temporary file's descriptor becomes one of a full device */
	for (fd = 3; fd < 64; fd++)
	{
		ssize_t n;

		snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
		n = readlink(link, target, sizeof(target) - 1);
		if (n > 0 && (target[n] = '\0', strstr(target, "._lakehouse-") != NULL))
			break;
	}
	assert_true(fd < 64);
	assert_true(dup2(full, fd) == fd);
	close(full);
	status = lh_output_write(f->ctx, o, "x", 1);
	assert_non_null(strstr(f->ctx->error->hint, "Free space"));
	assert_fails(f, status, LH_IO, "No space left on device");
	assert_int_equal(count_names(f, "base"), 1);
}

/* In a child without root's powers. */
static void
a_directory_that_may_not_be_written_is_denied(void **state)
{
	Fixture *f = *state;
	int wstatus;
	pid_t pid;

	assert_int_equal(chmod(f->root, 0755), 0);
	assert_int_equal(chmod(f->base, 0555), 0);
	pid = fork();
	if (pid == 0)
	{
		LhOutput *o;

		if (geteuid() == 0 && setuid(65534) != 0)
			_exit(255);
		_exit((int) create(f, f->store, "base/new", false, &o));
	}
	assert_int_equal(waitpid(pid, &wstatus, 0), pid);
	assert_int_equal(chmod(f->base, 0755), 0);
	assert_true(WIFEXITED(wstatus));
	assert_int_equal(WEXITSTATUS(wstatus), LH_DENIED);
}

/* In a child in which a system call fails with err: status of writing a file, 255 when that cannot be had. */
static int
write_without(Fixture *f, int call, unsigned err, bool overwrite)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned) call, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (err & SECCOMP_RET_DATA)),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {sizeof(code) / sizeof(code[0]), code};
	int wstatus;
	pid_t pid = fork();

	if (pid == 0)
	{
		LhStatus status;
		LhOutput *o;

		if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
			prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
			_exit(255);
		status = create(f, f->store, "base/new", overwrite, &o);
		if (status == LH_OK)
			status = lh_output_write(f->ctx, o, "new", 3);
		if (status == LH_OK)
			status = lh_output_finish(f->ctx, o, NULL);
		_exit((int) status);
	}
	assert_int_equal(waitpid(pid, &wstatus, 0), pid);
	assert_true(WIFEXITED(wstatus));
	return WEXITSTATUS(wstatus);
}

/* File systems that know no RENAME_NOREPLACE. */
static void
without_renameat2_a_link_does(void **state)
{
	Fixture *f = *state;
	int status = write_without(f, SYS_renameat2, EINVAL, false);

	if (status == 255)
		skip();
	assert_int_equal(status, LH_OK);
	assert_content(f, "base/new", "new");
	assert_int_equal(count_names(f, "base"), 2);
	put(f, "base/new", "theirs");
	assert_int_equal(write_without(f, SYS_renameat2, EINVAL, false), LH_EXISTS);
	assert_content(f, "base/new", "theirs");
}

static void
what_cannot_be_synced_does_not_appear(void **state)
{
	Fixture *f = *state;
	int status = write_without(f, SYS_fsync, EIO, true);

	if (status == 255)
		skip();
	assert_int_equal(status, LH_IO);
	assert_int_equal(count_names(f, "base"), 1);
}

/* Removal proof: a fallback to openat would create the file. */
static void
without_openat2_a_base_is_not_entered(void **state)
{
	Fixture *f = *state;
	LhStore *any = f->store;
	int status;

	f->store = f->below_store;
	status = write_without(f, SYS_openat2, ENOSYS, false);
	f->store = any;
	if (status == 255)
		skip();
	assert_int_equal(status, LH_UNSUPPORTED);
	assert_int_equal(count_names(f, "base"), 1);
}

static void
large_writes_can_be_cancelled(void **state)
{
	Fixture *f = *state;
	size_t len = (size_t) 12 << 20;
	char *bytes = calloc(1, len);
	LhOutput *o;

	assert_non_null(bytes);
	OK(f, create(f, f->store, "base/new", false, &o));
	f->polls = 2;
	assert_int_equal(lh_output_write(f->ctx, o, bytes, len), LH_CANCELLED);
	f->polls = -1;
	assert_int_equal(lh_output_position(o), (int64_t) 8 << 20);
	assert_int_equal(count_names(f, "base"), 1);
	free(bytes);
}

typedef struct Taken
{
	char bytes[64];
	size_t len;
	bool fail;
} Taken;

static LhStatus
take(LhCtx *ctx, void *arg, const uint8_t *bytes, size_t len)
{
	Taken *t = arg;

	if (t->fail)
		LH_FAIL(ctx, LH_IO, "the client is gone");
	memcpy(t->bytes + t->len, bytes, len);
	t->len += len;
	return LH_OK;
}

static void
a_function_gets_all_bytes(void **state)
{
	Fixture *f = *state;
	Taken t = {.len = 0};
	LhOutput *o;
	LhObjectId id;

	OK(f, lh_output_to(f->ctx, take, &t, &o));
	OK(f, lh_output_write(f->ctx, o, "abc", 3));
	OK(f, lh_output_write(f->ctx, o, "", 0));
	OK(f, lh_output_write(f->ctx, o, "def", 3));
	OK(f, lh_output_finish(f->ctx, o, &id));
	assert_memory_equal(t.bytes, "abcdef", 6);
	assert_int_equal(id.size, 6);
	t.fail = true;
	OK(f, lh_output_to(f->ctx, take, &t, &o));
	assert_fails(f, lh_output_write(f->ctx, o, "abc", 3), LH_IO, "the client is gone");
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_file_appears_when_it_is_finished),
		TEST(the_temporary_file_is_hidden_and_beside_it),
		TEST(reset_of_the_arena_leaves_nothing),
		TEST(an_existing_file_is_refused_before_anything_is_written),
		TEST(a_file_that_appears_meanwhile_is_not_replaced),
		TEST(overwrite_replaces_a_file),
		TEST(overwrite_replaces_files_only),
		TEST(what_names_no_file_is_refused),
		TEST(what_is_not_local_has_rights_of_its_own),
		TEST(an_escaped_name_is_a_name),
		TEST(the_right_to_read_is_no_right_to_write),
		TEST(a_base_directory_is_entered_and_not_left),
		TEST(a_full_disk_is_an_error_and_leaves_nothing),
		TEST(a_device_without_space_says_so),
		TEST(a_directory_that_may_not_be_written_is_denied),
		TEST(without_renameat2_a_link_does),
		TEST(what_cannot_be_synced_does_not_appear),
		TEST(without_openat2_a_base_is_not_entered),
		TEST(large_writes_can_be_cancelled),
		TEST(a_function_gets_all_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
