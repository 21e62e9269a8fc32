/*
 * test_store.c
 *		Local files: listing, opening, reading, and what may not be reached.
 *
 * The tests of rights are removal proofs: without RESOLVE_BENEATH, the check
 * for regular files or the check for changes, they find the secret.
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
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store/local.h"

/* A scratch tree: root/base is the base directory, root/secret lies beside it. */
typedef struct Fixture
{
	LhCtx *ctx;
	char root[64];
	char base[80];
	const char *bases[2];
	LhAccess any, below;
	LhStore *any_store, *below_store;
	int polls; /* until the host interrupts; -1: never */
	LhHost host;
} Fixture;

static char path_buf[8][LH_PATH_MAX];

/* A path below the root; a few live at a time. */
static const char *
at(const Fixture *f, const char *name)
{
	static int turn;
	char *buf = path_buf[turn++ % 8];

	snprintf(buf, LH_PATH_MAX, "%s/%s", f->root, name);
	return buf;
}

static void
put(const Fixture *f, const char *name, const char *content)
{
	FILE *file = fopen(at(f, name), "w");

	assert_non_null(file);
	fputs(content, file);
	fclose(file);
}

static void
make_dir(const Fixture *f, const char *name)
{
	assert_int_equal(mkdir(at(f, name), 0755), 0);
}

static void
make_link(const Fixture *f, const char *target, const char *name)
{
	assert_int_equal(symlink(target, at(f, name)), 0);
}

static bool
interrupted(void *arg)
{
	Fixture *f = arg;

	return f->polls >= 0 && f->polls-- == 0;
}

static int
setup(void **state)
{
	Fixture *f = calloc(1, sizeof(*f));

	strcpy(f->root, "/tmp/lh_store_XXXXXX");
	if (mkdtemp(f->root) == NULL)
		return 1;
	snprintf(f->base, sizeof(f->base), "%s/base", f->root);
	make_dir(f, "base");
	put(f, "secret", "secret");
	f->ctx = lh_ctx_create();
	f->polls = -1;
	f->host.interrupted = interrupted;
	f->ctx->host = &f->host;
	f->ctx->host_arg = f;
	f->any.local_any = true;
	f->bases[0] = f->base;
	f->below.nbases = 1;
	f->below.bases = f->bases;
	if (lh_store_create(f->ctx, &f->any, &f->any_store) != LH_OK ||
		lh_store_create(f->ctx, &f->below, &f->below_store) != LH_OK)
		return 1;
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	Fixture *f = *state;
	char command[128];

	lh_ctx_destroy(f->ctx);
	snprintf(command, sizeof(command), "rm -rf %s", f->root);
	if (system(command) != 0)
		return 1;
	free(f);
	return 0;
}

static int
open_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	while (readdir(dir) != NULL)
		n++;
	closedir(dir);
	return n;
}

static LhStatus
open_as(Fixture *f, LhStore *store, const char *name, LhObject **obj)
{
	lh_error_clear(f->ctx);
	return lh_object_open(f->ctx, store, at(f, name), obj);
}

/* Names of a listing below the root, joined by spaces; the error's name on failure. */
static const char *
listed(Fixture *f, LhStore *store, const char *pattern, const char *suffix)
{
	static char out[4096];
	LhList list;
	LhStatus status;

	lh_error_clear(f->ctx);
	status = lh_store_list(f->ctx, store, at(f, pattern), suffix, 0, &list);
	if (status != LH_OK)
		return lh_status_name(status);
	out[0] = '\0';
	for (size_t i = 0; i < list.n; i++)
	{
		assert_memory_equal(list.entries[i].path, f->root, strlen(f->root));
		assert_true(list.entries[i].size >= 0 && list.entries[i].mtime_ns > 0);
		snprintf(out + strlen(out), sizeof(out) - strlen(out), "%s%s", i ? " " : "",
				 list.entries[i].path + strlen(f->root) + 1);
	}
	return out;
}

/*
 * Reading
 */

static void
ranges_are_read_and_counted(void **state)
{
	Fixture *f = *state;
	LhObject *obj;
	uint8_t out[8] = {0};

	put(f, "a", "0123456789");
	assert_int_equal(open_as(f, f->any_store, "a", &obj), LH_OK);
	assert_int_equal(lh_object_id(obj)->size, 10);
	assert_true(lh_object_id(obj)->ino != 0 && lh_object_id(obj)->mtime_ns > 0);
	assert_null(lh_object_id(obj)->etag);
	assert_string_equal(lh_object_id(obj)->path, at(f, "a"));
	assert_int_equal(lh_object_read(f->ctx, obj, 3, 4, out), LH_OK);
	assert_memory_equal(out, "3456", 5);
	assert_int_equal(lh_object_read(f->ctx, obj, 10, 0, out), LH_OK);
	assert_int_equal(f->ctx->counters->v[LH_CTR_BYTES_READ], 4);
	assert_int_equal(f->ctx->counters->v[LH_CTR_READS], 2);
	lh_object_close(obj);
}

static void
a_file_url_opens(void **state)
{
	Fixture *f = *state;
	LhObject *obj;
	char url[128];

	put(f, "a*b c", "x");
	snprintf(url, sizeof(url), "file://%s/a*b%%20c", f->root);
	assert_int_equal(lh_object_open(f->ctx, f->any_store, url, &obj), LH_OK);
}

static void
ranges_beyond_the_end_are_errors(void **state)
{
	static const int64_t ranges[][2] = {{11, 0}, {8, 3}, {-1, 1}, {INT64_MAX, 1}, {0, 11}};
	Fixture *f = *state;
	LhObject *obj;
	uint8_t out[16];

	put(f, "a", "0123456789");
	assert_int_equal(open_as(f, f->any_store, "a", &obj), LH_OK);
	for (size_t i = 0; i < 5; i++)
	{
		lh_error_clear(f->ctx);
		assert_int_equal(lh_object_read(f->ctx, obj, ranges[i][0], (size_t) ranges[i][1], out),
						 LH_CORRUPT);
		assert_non_null(strstr(f->ctx->error->message, "/a\""));
	}
	assert_int_equal(lh_object_read(f->ctx, obj, 0, SIZE_MAX, out), LH_CORRUPT);
}

static void
a_file_that_changed_is_noticed(void **state)
{
	Fixture *f = *state;
	LhObject *obj;
	uint8_t out[4];
	struct timespec times[2] = {{1, 0}, {1, 0}};

	/* grown */
	put(f, "a", "0123456789");
	assert_int_equal(open_as(f, f->any_store, "a", &obj), LH_OK);
	put(f, "a", "0123456789+");
	assert_int_equal(lh_object_read(f->ctx, obj, 0, 4, out), LH_CHANGED);
	/* shortened below the range */
	lh_error_clear(f->ctx);
	assert_int_equal(open_as(f, f->any_store, "a", &obj), LH_OK);
	assert_int_equal(truncate(at(f, "a"), 2), 0);
	assert_int_equal(lh_object_read(f->ctx, obj, 0, 4, out), LH_CHANGED);
	lh_error_clear(f->ctx);
	assert_int_equal(lh_object_read(f->ctx, obj, 100, 4, out), LH_CHANGED);
	/* same size, other time */
	lh_error_clear(f->ctx);
	put(f, "a", "0123");
	assert_int_equal(open_as(f, f->any_store, "a", &obj), LH_OK);
	assert_int_equal(lh_object_read(f->ctx, obj, 0, 4, out), LH_OK);
	assert_int_equal(utimensat(AT_FDCWD, at(f, "a"), times, 0), 0);
	assert_int_equal(lh_object_read(f->ctx, obj, 0, 4, out), LH_CHANGED);
	assert_non_null(strstr(f->ctx->error->message, "changed"));
}

static void
a_replaced_file_is_read_as_it_was(void **state)
{
	Fixture *f = *state;
	LhObject *obj;
	uint8_t out[4];

	put(f, "a", "old!");
	assert_int_equal(open_as(f, f->any_store, "a", &obj), LH_OK);
	put(f, "b", "new!");
	assert_int_equal(rename(at(f, "b"), at(f, "a")), 0);
	assert_int_equal(lh_object_read(f->ctx, obj, 0, 4, out), LH_OK);
	assert_memory_equal(out, "old!", 4);
}

static void
descriptors_go_with_the_arena(void **state)
{
	Fixture *f = *state;
	int before = open_fds();
	LhArena *child = lh_arena_child(f->ctx->arena), *old;
	LhObject *obj;

	put(f, "a", "x");
	old = lh_use(f->ctx, child);
	for (int i = 0; i < 10; i++)
		assert_int_equal(open_as(f, f->any_store, "a", &obj), LH_OK);
	lh_object_close(obj);
	assert_int_equal(open_fds(), before + 9);
	lh_use(f->ctx, old);
	lh_arena_destroy(child);
	assert_int_equal(open_fds(), before);
	/* a listing keeps none, nor does one that fails half-way */
	make_dir(f, "base/d");
	put(f, "base/d/f", "x");
	assert_string_equal(listed(f, f->any_store, "base", NULL), "base/d/f");
	for (int polls = 0; polls < 10; polls++)
	{
		f->polls = polls;
		listed(f, f->any_store, "base", NULL);
	}
	f->polls = -1;
	assert_int_equal(open_fds(), before);
}

static void
descriptors_are_not_inherited(void **state)
{
	Fixture *f = *state;
	LhObject *obj;
	int fd;

	put(f, "base/a", "x");
	assert_int_equal(lh_local_open(f->ctx, f->any_store, at(f, "base/a"), O_RDONLY, &fd), LH_OK);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	close(fd);
	assert_int_equal(lh_local_open(f->ctx, f->below_store, at(f, "base/a"), O_RDONLY, &fd), LH_OK);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	close(fd);
	assert_true(fcntl(f->below_store->base_fds[0], F_GETFD) & FD_CLOEXEC);
	assert_int_equal(open_as(f, f->below_store, "base/a", &obj), LH_OK);
}

static void
reads_can_be_cancelled_between_pieces(void **state)
{
	Fixture *f = *state;
	LhObject *obj;
	size_t size = (size_t) 20 << 20;
	uint8_t *out = malloc(size);

	put(f, "big", "x");
	assert_int_equal(truncate(at(f, "big"), (off_t) size), 0);
	assert_int_equal(open_as(f, f->any_store, "big", &obj), LH_OK);
	assert_int_equal(lh_object_read(f->ctx, obj, 0, size, out), LH_OK);
	f->polls = 3;
	assert_int_equal(lh_object_read(f->ctx, obj, 0, size, out), LH_CANCELLED);
	free(out);
}

static void
only_regular_files_are_opened(void **state)
{
	Fixture *f = *state;
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	LhObject *obj;
	int before, sock = socket(AF_UNIX, SOCK_STREAM, 0);

	make_dir(f, "base/dir");
	assert_int_equal(mkfifo(at(f, "base/fifo"), 0644), 0);
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/s", f->base);
	assert_int_equal(bind(sock, (struct sockaddr *) &addr, sizeof(addr)), 0);
	/* the base directory's own descriptor */
	assert_int_equal(open_as(f, f->below_store, "base/dir", &obj), LH_INVALID);
	before = open_fds();
	alarm(20); /* a fifo must not block */
	assert_int_equal(open_as(f, f->any_store, "base/fifo", &obj), LH_INVALID);
	assert_non_null(strstr(f->ctx->error->message, "fifo"));
	assert_int_equal(open_as(f, f->below_store, "base/fifo", &obj), LH_INVALID);
	alarm(0);
	assert_int_equal(open_as(f, f->any_store, "base/dir", &obj), LH_INVALID);
	assert_int_equal(open_as(f, f->any_store, "base/s", &obj), LH_IO);
	lh_error_clear(f->ctx);
	assert_int_equal(lh_object_open(f->ctx, f->any_store, "/dev/zero", &obj), LH_INVALID);
	assert_non_null(strstr(f->ctx->error->message, "device"));
	assert_int_equal(open_fds(), before);
	/* nor listed */
	put(f, "base/file", "x");
	assert_string_equal(listed(f, f->any_store, "base", NULL), "base/file");
	assert_string_equal(listed(f, f->any_store, "base/*", NULL), "base/file");
	assert_string_equal(listed(f, f->any_store, "base/fifo", NULL), lh_status_name(LH_INVALID));
	close(sock);
}

static void
a_lost_file_is_named(void **state)
{
	Fixture *f = *state;
	LhObject *obj;

	assert_int_equal(open_as(f, f->any_store, "base/gone", &obj), LH_NOT_FOUND);
	assert_non_null(strstr(f->ctx->error->message, at(f, "base/gone")));
	assert_int_equal(open_as(f, f->below_store, "base/gone", &obj), LH_NOT_FOUND);
	assert_int_equal(open_as(f, f->any_store, "secret/x", &obj), LH_NOT_FOUND);
}

/* LH_OK: it is there; LH_NOT_FOUND: it is not; else the error. */
static LhStatus
there(Fixture *f, LhStore *store, const char *name)
{
	bool yes;
	LhStatus status;

	lh_error_clear(f->ctx);
	status = lh_object_exists(f->ctx, store, at(f, name), &yes);
	return status != LH_OK ? status : yes ? LH_OK : LH_NOT_FOUND;
}

static void
what_is_there_is_told_to_those_who_may_see_it(void **state)
{
	Fixture *f = *state;
	LhStore *const stores[] = {f->any_store, f->below_store};

	put(f, "base/a", "x");
	make_link(f, "a", "base/link");
	make_link(f, "gone", "base/to_nothing");
	make_link(f, "circle", "base/circle");
	make_link(f, "../secret", "base/out");
	for (int i = 0; i < 2; i++)
	{
		assert_int_equal(there(f, stores[i], "base"), LH_OK);
		assert_int_equal(there(f, stores[i], "base/a"), LH_OK);
		assert_int_equal(there(f, stores[i], "base/link"), LH_OK);
		assert_int_equal(there(f, stores[i], "base/gone"), LH_NOT_FOUND);
		assert_int_equal(there(f, stores[i], "base/a/b"), LH_NOT_FOUND);
		assert_int_equal(there(f, stores[i], "base/to_nothing"), LH_NOT_FOUND);
		assert_int_equal(there(f, stores[i], "base/circle"), LH_NOT_FOUND);
	}
	/* no way leads out of a base, not even to see what is there */
	assert_int_equal(there(f, f->any_store, "base/out"), LH_OK);
	assert_int_equal(there(f, f->below_store, "base/out"), LH_DENIED);
	assert_int_equal(there(f, f->any_store, "secret"), LH_OK);
	assert_int_equal(there(f, f->below_store, "secret"), LH_DENIED);
	assert_int_equal(there(f, f->below_store, "base/../secret"), LH_DENIED);
}

/*
 * Base directories
 */

static void
files_below_a_base_are_read(void **state)
{
	Fixture *f = *state;
	LhObject *obj;

	make_dir(f, "base/d");
	put(f, "base/d/a", "x");
	make_link(f, "d/a", "base/link");
	make_link(f, "../base/d/a", "base/outside_and_back");
	assert_int_equal(open_as(f, f->below_store, "base/d/a", &obj), LH_OK);
	assert_int_equal(open_as(f, f->below_store, "base/d/../d/a", &obj), LH_OK);
	assert_int_equal(open_as(f, f->below_store, "base//./d/a", &obj), LH_OK);
	assert_int_equal(open_as(f, f->below_store, "base/link", &obj), LH_OK);
	assert_int_equal(open_as(f, f->below_store, "base/outside_and_back", &obj), LH_DENIED);
	assert_string_equal(listed(f, f->below_store, "base/d", NULL), "base/d/a");
	assert_string_equal(listed(f, f->below_store, "base/*/a", NULL), lh_status_name(LH_DENIED));
}

/* Removal proof: each of these reads the secret when RESOLVE_BENEATH is taken away. */
static void
no_way_leads_out_of_a_base(void **state)
{
	Fixture *f = *state;
	LhObject *obj;

	make_dir(f, "base/d");
	make_link(f, "../secret", "base/relative");
	make_link(f, at(f, "secret"), "base/absolute");
	make_link(f, "..", "base/updir");
	make_link(f, "/", "base/rootdir");
	make_link(f, "/proc/self/root", "base/magic");
	assert_int_equal(open_as(f, f->below_store, "base/../secret", &obj), LH_DENIED);
	assert_int_equal(open_as(f, f->below_store, "base/d/../../secret", &obj), LH_DENIED);
	assert_int_equal(open_as(f, f->below_store, "base/relative", &obj), LH_DENIED);
	assert_int_equal(open_as(f, f->below_store, "base/absolute", &obj), LH_DENIED);
	assert_int_equal(open_as(f, f->below_store, "base/updir/secret", &obj), LH_DENIED);
	assert_int_equal(open_as(f, f->below_store, "base/rootdir/etc/passwd", &obj), LH_DENIED);
	assert_int_equal(open_as(f, f->below_store, "base/magic/etc/passwd", &obj), LH_DENIED);
	assert_non_null(strstr(f->ctx->error->message, "leads out of base directory"));
	/* all of them are there */
	assert_int_equal(open_as(f, f->any_store, "base/../secret", &obj), LH_OK);
	assert_int_equal(open_as(f, f->any_store, "base/updir/secret", &obj), LH_OK);
	assert_int_equal(open_as(f, f->any_store, "base/absolute", &obj), LH_OK);
}

static void
no_listing_leads_out_of_a_base(void **state)
{
	Fixture *f = *state;
	LhList list;

	make_dir(f, "base/d");
	put(f, "base/d/f", "x");
	assert_string_equal(listed(f, f->below_store, "base/..", NULL), lh_status_name(LH_DENIED));
	assert_string_equal(listed(f, f->below_store, "base/../*", NULL), lh_status_name(LH_DENIED));
	assert_string_equal(listed(f, f->below_store, "base/{..,d}/*", NULL), "base/d/f");
	assert_string_equal(listed(f, f->below_store, "*/f", NULL), lh_status_name(LH_DENIED));
	assert_string_equal(listed(f, f->below_store, "secret", NULL), lh_status_name(LH_DENIED));
	/* a link that leaves is an error, not a shorter list */
	make_link(f, "../..", "base/d/up");
	assert_string_equal(listed(f, f->below_store, "base", NULL), lh_status_name(LH_DENIED));
	assert_string_equal(listed(f, f->below_store, "base/**", NULL), lh_status_name(LH_DENIED));
	assert_string_equal(listed(f, f->below_store, "base/d/up", NULL), lh_status_name(LH_DENIED));
	lh_error_clear(f->ctx);
	assert_int_equal(lh_store_children(f->ctx, f->below_store, at(f, "base/d"), &list), LH_DENIED);
	assert_string_equal(listed(f, f->below_store, "base/d/f", NULL), "base/d/f");
}

static void
names_that_only_begin_like_a_base_are_outside(void **state)
{
	Fixture *f = *state;
	LhObject *obj;

	make_dir(f, "base2");
	put(f, "base2/a", "x");
	assert_int_equal(open_as(f, f->below_store, "base2/a", &obj), LH_DENIED);
	assert_int_equal(open_as(f, f->below_store, "secret", &obj), LH_DENIED);
	/* and nothing is said about what is there */
	assert_int_equal(open_as(f, f->below_store, "nothing", &obj), LH_DENIED);
}

static void
without_rights_nothing_is_read(void **state)
{
	Fixture *f = *state;
	LhAccess none = {0};
	LhStore *store;
	LhObject *obj;

	assert_int_equal(lh_store_create(f->ctx, &none, &store), LH_OK);
	assert_int_equal(open_as(f, store, "secret", &obj), LH_DENIED);
	assert_string_equal(listed(f, store, "base", NULL), lh_status_name(LH_DENIED));
	assert_string_equal(listed(f, store, "*", NULL), lh_status_name(LH_DENIED));
}

static void
several_bases_work_side_by_side(void **state)
{
	Fixture *f = *state;
	const char *bases[3];
	char trailing[128];
	LhAccess access = {.nbases = 3, .bases = bases};
	LhStore *store;
	LhObject *obj;

	make_dir(f, "base/inner");
	make_dir(f, "other");
	put(f, "base/a", "x");
	put(f, "other/b", "x");
	make_link(f, "../a", "base/inner/up");
	snprintf(trailing, sizeof(trailing), "%s/other//", f->root);
	bases[0] = at(f, "base/inner");
	bases[1] = trailing;
	bases[2] = at(f, "base");
	assert_int_equal(lh_store_create(f->ctx, &access, &store), LH_OK);
	assert_int_equal(open_as(f, store, "base/a", &obj), LH_OK);
	assert_int_equal(open_as(f, store, "other/b", &obj), LH_OK);
	assert_int_equal(open_as(f, store, "base/inner/up", &obj), LH_OK); /* by the outer base */
	assert_int_equal(open_as(f, store, "other/../secret", &obj), LH_DENIED);
	bases[0] = "relative";
	lh_error_clear(f->ctx);
	assert_int_equal(lh_store_create(f->ctx, &access, &store), LH_INVALID);
}

static void
the_root_directory_can_be_a_base(void **state)
{
	Fixture *f = *state;
	const char *bases[] = {"/"};
	LhAccess access = {.nbases = 1, .bases = bases};
	LhStore *store;
	LhObject *obj;

	assert_int_equal(lh_store_create(f->ctx, &access, &store), LH_OK);
	assert_int_equal(open_as(f, store, "secret", &obj), LH_OK);
}

static void
a_missing_base_is_named(void **state)
{
	Fixture *f = *state;
	LhObject *obj;

	assert_int_equal(rmdir(f->base), 0);
	assert_int_equal(open_as(f, f->below_store, "base/a", &obj), LH_NOT_FOUND);
	assert_non_null(strstr(f->ctx->error->message, f->base));
}

/* In a child whose kernel refuses openat2 with the given errno: the status of an open. */
static int
open_without_openat2(Fixture *f, unsigned err)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat2, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (err & SECCOMP_RET_DATA)),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {sizeof(code) / sizeof(code[0]), code};
	int wstatus;
	pid_t pid = fork();

	if (pid == 0)
	{
		LhObject *obj;

		if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
			prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
			_exit(255);
		_exit((int) lh_object_open(f->ctx, f->below_store, at(f, "base/a"), &obj));
	}
	assert_int_equal(waitpid(pid, &wstatus, 0), pid);
	assert_true(WIFEXITED(wstatus));
	return WEXITSTATUS(wstatus);
}

/* Removal proof: a fallback to openat would open the file. */
static void
without_openat2_there_is_no_fallback(void **state)
{
	Fixture *f = *state;
	int status;

	put(f, "base/a", "x");
	status = open_without_openat2(f, ENOSYS);
	if (status == 255)
		skip();
	assert_int_equal(status, LH_UNSUPPORTED);
	assert_int_equal(open_without_openat2(f, EPERM), LH_UNSUPPORTED);
}

/*
 * Listing
 */

static void
fill(Fixture *f)
{
	make_dir(f, "base/b");
	make_dir(f, "base/b/c");
	make_dir(f, "base/_hidden");
	make_dir(f, "base/.hidden");
	put(f, "base/b.parquet", "x");
	put(f, "base/b/2.parquet", "x");
	put(f, "base/b/10.parquet", "x");
	put(f, "base/b/c/x.csv", "x");
	put(f, "base/b/empty.parquet", "");
	put(f, "base/b/_SUCCESS", "x");
	put(f, "base/b/.x.crc", "x");
	put(f, "base/_hidden/a.parquet", "x");
	put(f, "base/.hidden/a.parquet", "x");
}

static void
a_directory_gives_its_data_files_in_byte_order(void **state)
{
	Fixture *f = *state;

	fill(f);
	assert_string_equal(listed(f, f->any_store, "base", NULL),
						"base/b.parquet base/b/10.parquet base/b/2.parquet base/b/c/x.csv");
	assert_string_equal(listed(f, f->below_store, "base/", ".parquet"),
						"base/b.parquet base/b/10.parquet base/b/2.parquet");
	assert_string_equal(listed(f, f->below_store, "base/b/c", ".parquet"),
						lh_status_name(LH_NOT_FOUND));
}

static void
a_file_is_its_own_list_even_when_hidden_or_empty(void **state)
{
	Fixture *f = *state;

	fill(f);
	assert_string_equal(listed(f, f->any_store, "base/b/empty.parquet", ".csv"),
						"base/b/empty.parquet");
	assert_string_equal(listed(f, f->any_store, "base/b/_SUCCESS", NULL), "base/b/_SUCCESS");
	assert_string_equal(listed(f, f->any_store, "base/b/no", NULL), lh_status_name(LH_NOT_FOUND));
}

static void
globs_give_the_files_that_match(void **state)
{
	Fixture *f = *state;

	fill(f);
	assert_string_equal(listed(f, f->below_store, "base/*.parquet", NULL), "base/b.parquet");
	assert_string_equal(listed(f, f->below_store, "base/**/*.parquet", NULL),
						"base/b.parquet base/b/10.parquet base/b/2.parquet");
	assert_string_equal(listed(f, f->below_store, "base/**", NULL),
						"base/b.parquet base/b/10.parquet base/b/2.parquet base/b/c/x.csv");
	assert_string_equal(listed(f, f->below_store, "base/b/{c/*,?.parquet}", NULL),
						"base/b/2.parquet base/b/c/x.csv");
	assert_string_equal(listed(f, f->below_store, "base/_hidden/*", NULL),
						"base/_hidden/a.parquet");
	assert_string_equal(listed(f, f->below_store, "base/b/_*", NULL), "base/b/_SUCCESS");
	assert_string_equal(listed(f, f->below_store, "base/.*/*", NULL), "base/.hidden/a.parquet");
	assert_string_equal(listed(f, f->below_store, "base/b/e*", NULL), lh_status_name(LH_NOT_FOUND));
	assert_string_equal(listed(f, f->below_store, "base/no/*", NULL), lh_status_name(LH_NOT_FOUND));
	assert_string_equal(listed(f, f->below_store, "base/b.parquet/*", NULL),
						lh_status_name(LH_NOT_FOUND));
	assert_string_equal(listed(f, f->below_store, "base/?", NULL), lh_status_name(LH_NOT_FOUND));
	assert_non_null(strstr(f->ctx->error->hint, "**"));
	assert_string_equal(listed(f, f->any_store, "*/b.parquet", NULL), "base/b.parquet");
}

static void
escaped_names_are_found(void **state)
{
	Fixture *f = *state;

	make_dir(f, "base/a[1]");
	put(f, "base/a[1]/x*", "x");
	put(f, "base/a[1]/xy", "x");
	put(f, "base/back\\slash", "x");
	assert_string_equal(listed(f, f->any_store, "base/a\\[1\\]/x\\*", NULL), "base/a[1]/x*");
	assert_string_equal(listed(f, f->any_store, "base/a\\[1]/*", NULL),
						"base/a[1]/x* base/a[1]/xy");
	assert_string_equal(listed(f, f->any_store, "base/a\\[1\\]", NULL),
						"base/a[1]/x* base/a[1]/xy");
	assert_string_equal(listed(f, f->any_store, "base/back\\\\slash", NULL), "base/back\\slash");
}

static void
links_are_followed_but_not_in_circles(void **state)
{
	Fixture *f = *state;

	make_dir(f, "base/d");
	make_dir(f, "base/e");
	put(f, "base/d/f", "x");
	make_link(f, "../d", "base/e/d"); /* a second way is a second name */
	make_link(f, "..", "base/d/up");  /* a circle */
	make_link(f, ".", "base/d/self");
	make_link(f, "loop", "base/d/loop"); /* leads nowhere */
	make_link(f, "gone", "base/d/dangling");
	make_link(f, "f", "base/d/g");
	assert_string_equal(listed(f, f->below_store, "base", NULL),
						"base/d/f base/d/g base/e/d/f base/e/d/g");
	assert_string_equal(listed(f, f->below_store, "base/**", NULL),
						"base/d/f base/d/g base/e/d/f base/e/d/g");
}

static void
depth_and_number_of_files_are_limited(void **state)
{
	Fixture *f = *state;
	char path[1024] = "base";
	LhList list;

	put(f, "base/a", "x");
	put(f, "base/b", "x");
	put(f, "base/c", "x");
	assert_int_equal(lh_store_list(f->ctx, f->any_store, f->base, NULL, 3, &list), LH_OK);
	assert_int_equal(list.n, 3);
	assert_int_equal(lh_store_list(f->ctx, f->any_store, f->base, NULL, 2, &list), LH_LIMIT);
	for (int i = 0; i < LH_LIST_MAX_DEPTH + 2; i++)
	{
		strcat(path, "/d");
		make_dir(f, path);
	}
	assert_string_equal(listed(f, f->any_store, "base", NULL), lh_status_name(LH_LIMIT));
	assert_string_equal(listed(f, f->any_store, "base/**", NULL), lh_status_name(LH_LIMIT));
}

/* Each level has two links to the next: 2^40 directories, which no limit of files would end. */
static void
a_listing_can_always_be_cancelled(void **state)
{
	Fixture *f = *state;
	char name[32], target[32];

	for (int i = 0; i < 40; i++)
	{
		snprintf(name, sizeof(name), "base/l%d", i);
		make_dir(f, name);
		snprintf(target, sizeof(target), "../l%d", i + 1);
		snprintf(name, sizeof(name), "base/l%d/a", i);
		make_link(f, target, name);
		snprintf(name, sizeof(name), "base/l%d/b", i);
		make_link(f, target, name);
	}
	f->polls = 5000;
	assert_string_equal(listed(f, f->any_store, "base/l0", NULL), lh_status_name(LH_CANCELLED));
}

/* ... and ends by itself. */
static void
entries_looked_at_are_limited(void **state)
{
	Fixture *f = *state;
	LhList list;

	fill(f);
	for (int i = 0; i < 30; i++)
	{
		char name[32], target[32];

		snprintf(name, sizeof(name), "base/b/l%d", i);
		make_dir(f, name);
		snprintf(target, sizeof(target), "../l%d", i + 1);
		for (int k = 0; k < 8; k++)
		{
			snprintf(name, sizeof(name), "base/b/l%d/%d", i, k);
			make_link(f, target, name);
		}
	}
	assert_int_equal(lh_store_list(f->ctx, f->any_store, at(f, "base/b/l0"), NULL, 1, &list),
					 LH_LIMIT);
	assert_non_null(strstr(f->ctx->error->message, "entries"));
}

static void
names_that_are_no_text_are_refused(void **state)
{
	Fixture *f = *state;

	put(f, "base/\xff\xfe", "x");
	assert_string_equal(listed(f, f->any_store, "base", NULL), lh_status_name(LH_BAD_TEXT));
	assert_true(lh_utf8_valid(f->ctx->error->message, strlen(f->ctx->error->message)));
}

static void
children_are_names(void **state)
{
	Fixture *f = *state;
	LhList list;

	fill(f);
	put(f, "base/z", "");
	make_link(f, "b", "base/to_b");
	assert_int_equal(lh_store_children(f->ctx, f->below_store, f->base, &list), LH_OK);
	assert_int_equal(list.n, 3);
	assert_string_equal(list.entries[0].path, "b.parquet");
	assert_int_equal(list.entries[0].size, 1);
	assert_string_equal(list.entries[1].path, "b/");
	assert_string_equal(list.entries[2].path, "to_b/");
	assert_int_equal(lh_store_children(f->ctx, f->any_store, at(f, "secret"), &list), LH_NOT_FOUND);
	assert_int_equal(lh_store_children(f->ctx, f->below_store, f->root, &list), LH_DENIED);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(ranges_are_read_and_counted),
		TEST(a_file_url_opens),
		TEST(ranges_beyond_the_end_are_errors),
		TEST(a_file_that_changed_is_noticed),
		TEST(a_replaced_file_is_read_as_it_was),
		TEST(descriptors_go_with_the_arena),
		TEST(descriptors_are_not_inherited),
		TEST(reads_can_be_cancelled_between_pieces),
		TEST(only_regular_files_are_opened),
		TEST(a_lost_file_is_named),
		TEST(what_is_there_is_told_to_those_who_may_see_it),
		TEST(files_below_a_base_are_read),
		TEST(no_way_leads_out_of_a_base),
		TEST(no_listing_leads_out_of_a_base),
		TEST(names_that_only_begin_like_a_base_are_outside),
		TEST(without_rights_nothing_is_read),
		TEST(several_bases_work_side_by_side),
		TEST(the_root_directory_can_be_a_base),
		TEST(a_missing_base_is_named),
		TEST(without_openat2_there_is_no_fallback),
		TEST(a_directory_gives_its_data_files_in_byte_order),
		TEST(a_file_is_its_own_list_even_when_hidden_or_empty),
		TEST(globs_give_the_files_that_match),
		TEST(escaped_names_are_found),
		TEST(links_are_followed_but_not_in_circles),
		TEST(depth_and_number_of_files_are_limited),
		TEST(a_listing_can_always_be_cancelled),
		TEST(entries_looked_at_are_limited),
		TEST(names_that_are_no_text_are_refused),
		TEST(children_are_names),
	};

	return cmocka_run_group_tests_name("store", tests, NULL, NULL);
}
