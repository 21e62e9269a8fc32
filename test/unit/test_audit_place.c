/*
 * test_audit_place.c
 *		Whose is a directory that the audit writes to?
 */
#include "unit/audit_dir.h"

#include "audit/place.h"

static LhStatus
own(const char *dir)
{
	return lh_audit_place_check(ctx, dir, LH_AUDIT_PLACE_OWN, "the_setting");
}

static void
only_the_owner_may_write(void **state)
{
	const char *dir = dir_of("place");

	(void) state;
	assert_int_equal(mkdir(dir, 0700), 0);
	for (mode_t mode = 0700; mode <= 0777; mode++)
	{
		assert_int_equal(chmod(dir, mode), 0);
		if ((mode & 022) == 0)
			ASSERT_OK(own(dir));
		else
			ASSERT_FAILS(own(dir), LH_DENIED, "may be written to by others");
	}
	/* who sets the sticky bit lets others make files all the same */
	assert_int_equal(chmod(dir, 01777), 0);
	ASSERT_FAILS(own(dir), LH_DENIED, "may be written to by others");
	assert_non_null(strstr(ctx->error->hint, "the_setting"));
}

static void
links_are_not_followed(void **state)
{
	const char *dir = dir_of("place"), *link = dir_of("link"), *nowhere = dir_of("nowhere");

	(void) state;
	assert_int_equal(mkdir(dir, 0700), 0);
	assert_int_equal(symlink(dir, link), 0);
	assert_int_equal(symlink("/no/such/place", nowhere), 0);
	ASSERT_FAILS(own(link), LH_DENIED, "is a symbolic link");
	ASSERT_FAILS(own(lh_sprintf(ctx, "%s//", link)), LH_DENIED, "is a symbolic link");
	ASSERT_FAILS(own(nowhere), LH_DENIED, "is a symbolic link");
}

static void
others_directories_are_refused(void **state)
{
	const char *dir = dir_of("place");

	(void) state;
	if (geteuid() == 0)
	{
		assert_int_equal(mkdir(dir, 0755), 0);
		assert_int_equal(chown(dir, 65534, 65534), 0);
		ASSERT_FAILS(own(dir), LH_DENIED, "belongs to another user");
		ASSERT_FAILS(lh_audit_place_check(ctx, dir, LH_AUDIT_PLACE_OWN_OR_ROOT, "s"), LH_DENIED,
					 "belongs to another user");
		return;
	}
	ASSERT_FAILS(own("/"), LH_DENIED, "belongs to another user");
	ASSERT_OK(lh_audit_place_check(ctx, "/", LH_AUDIT_PLACE_OWN_OR_ROOT, "s"));
	ASSERT_FAILS(own("///"), LH_DENIED, "belongs to another user");
}

static void
what_is_not_there_can_be_made(void **state)
{
	const char *file = path_of("", "file");
	FILE *f = fopen(file, "w");

	(void) state;
	assert_non_null(f);
	fclose(f);
	ASSERT_OK(own(dir_of("nothing")));
	ASSERT_FAILS(own(file), LH_IO, "could not open directory");
	ASSERT_FAILS(own(path_of("file", "below")), LH_IO, "could not open directory");
}

static void
parents_of_files_are_looked_at(void **state)
{
	const char *dir = dir_of("place");

	(void) state;
	assert_int_equal(mkdir(dir, 0700), 0);
	assert_int_equal(chmod(dir, 0770), 0);
	ASSERT_FAILS(
		lh_audit_place_check_parent(ctx, path_of("place", "file"), LH_AUDIT_PLACE_OWN_OR_ROOT, "s"),
		LH_DENIED, "may be written to by others");
	ASSERT_FAILS(
		lh_audit_place_check_parent(ctx, path_of("place", ""), LH_AUDIT_PLACE_OWN_OR_ROOT, "s"),
		LH_DENIED, "may be written to by others");
	assert_int_equal(chmod(dir, 0700), 0);
	ASSERT_OK(lh_audit_place_check_parent(ctx, path_of("place", "file"), LH_AUDIT_PLACE_OWN_OR_ROOT,
										  "s"));
	ASSERT_OK(
		lh_audit_place_check_parent(ctx, path_of("place", ""), LH_AUDIT_PLACE_OWN_OR_ROOT, "s"));
	ASSERT_OK(lh_audit_place_check_parent(ctx, "/file", LH_AUDIT_PLACE_OWN_OR_ROOT, "s"));
}

#define test(f) cmocka_unit_test_setup_teardown(f, make_root, remove_root)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		test(only_the_owner_may_write),       test(links_are_not_followed),
		test(others_directories_are_refused), test(what_is_not_there_can_be_made),
		test(parents_of_files_are_looked_at),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
