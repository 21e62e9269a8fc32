/*
 * guc.c
 *		Settings: lakehouse.*
 */
#include "pg/util/util.h"

#include <limits.h>
#include <unistd.h>

#include "miscadmin.h"
#include "utils/guc.h"

#include "parquet/parquet.h"

bool		lakehouse_pushdown = true;
bool		lakehouse_metadata_order = true;
bool		lakehouse_require_vector = false;
int			lakehouse_footer_cache_kb = 64 * 1024;
int			lakehouse_dictionary_cache_kb = 64 * 1024;
int			lakehouse_column_cache_kb = 64 * 1024;
int			lakehouse_manifest_cache_kb = 64 * 1024;
int			lakehouse_delete_cache_kb = 16 * 1024;
char	   *lakehouse_as_of = NULL;
void		(*lh_pg_manifest_cache_changed) (void) = NULL;
bool		lakehouse_check_crc = false;
bool		lakehouse_float_fast = false;
static int	float_order = 0;
int			lakehouse_threads = 1;
int			lakehouse_threads_min_kb = 4 * 1024;
int			lakehouse_max_threads = 1;
char	   *lakehouse_instance_endpoint = NULL;
char	   *lakehouse_cdc_mask_key_file = NULL;
char	   *lakehouse_purpose = NULL;
int			lakehouse_mask_plans = LH_MASK_PLANS_INDEX;
void		(*lh_pg_purpose_changed) (void) = NULL;
bool		lakehouse_decrypt_shown = false;
int			lakehouse_project = 1;
char	   *lakehouse_encryption_domain = NULL;
int			lakehouse_key_timeout_ms = 30 * 1000;
int			lakehouse_key_cache = 1024;
char	   *lakehouse_subject_key_store = NULL;
static int	simd = LH_ISA_AVX512;

/* As many threads as there are cores, but so many at most unless somebody asks for more. */
#define DEFAULT_THREADS 4
/* All sessions together: enough to keep the cores busy while some threads wait for the disk. */
#define MAX_THREADS_PER_CORE 4

/* off, on, tell: project.c */
static const struct config_enum_entry projects[] = {
	{"off", 0, false},
	{"on", 1, false},
	{"tell", 2, false},
	{NULL, 0, false}
};

/* "auto" is the best that the machine has, as is any set that it has not. */
static const struct config_enum_entry simd_values[] = {
	{"auto", LH_ISA_AVX512 + 1, false},
	{"avx512", LH_ISA_AVX512, false},
	{"avx2", LH_ISA_AVX2, false},
	{"base", LH_ISA_BASE, false},
	{NULL, 0, false},
};

static const struct config_enum_entry float_orders[] = {
	{"rows", 0, false},
	{"fast", 1, false},
	{NULL, 0, false},
};

static const struct config_enum_entry mask_plans[] = {
	{"subquery", LH_MASK_PLANS_SUBQUERY, false},
	{"scan", LH_MASK_PLANS_SCAN, false},
	{"index", LH_MASK_PLANS_INDEX, false},
	{NULL, 0, false}
};

static void
assign_float_order(int value, void *extra)
{
	lakehouse_float_fast = value == 1;
}

static void
assign_simd(int value, void *extra)
{
	lh_isa_choose(value > LH_ISA_AVX512 ? LH_ISA_AVX512 : (LhIsa) value);
}

static void
assign_footer_cache(int kb, void *extra)
{
	lh_pg_footer_cache_resize((size_t) kb * 1024);
}

static void
assign_dictionary_cache(int kb, void *extra)
{
	lh_pg_dictionary_cache_resize((size_t) kb * 1024);
}

static void
assign_column_cache(int kb, void *extra)
{
	lh_pg_column_cache_resize((size_t) kb * 1024);
}

static void
assign_manifest_cache(int kb, void *extra)
{
	lakehouse_manifest_cache_kb = kb;
	if (lh_pg_manifest_cache_changed != NULL)
		lh_pg_manifest_cache_changed();
}

static void
assign_delete_cache(int kb, void *extra)
{
	lakehouse_delete_cache_kb = kb;
	if (lh_pg_manifest_cache_changed != NULL)
		lh_pg_manifest_cache_changed();
}

/* Also when a transaction or function that had set it ends. */
static void
assign_purpose(const char *value, void *extra)
{
	if (lh_pg_purpose_changed != NULL &&
		strcmp(value != NULL ? value : "", lakehouse_purpose != NULL ? lakehouse_purpose : "") != 0)
		lh_pg_purpose_changed();
}

/* What can be said of a path without looking: where it leads is seen when it is used (privacy/subject_store.c). */
static bool
check_subject_key_store(char **value, void **extra, GucSource source)
{
	const char *path = *value;
	size_t		len = DataDir != NULL ? strlen(DataDir) : 0;

	if (path == NULL || path[0] == '\0')
		return true;
	if (path[0] != '/')
	{
		GUC_check_errdetail("It must be an absolute path.");
		return false;
	}
	if (len > 0 && strncmp(path, DataDir, len) == 0 && (path[len] == '/' || path[len] == '\0'))
	{
		GUC_check_errdetail("Base backups have the data directory, so keys of subjects must be elsewhere.");
		return false;
	}
	return true;
}

void
lh_pg_define_settings(void)
{
	long		cores = sysconf(_SC_NPROCESSORS_ONLN);

	DefineCustomBoolVariable("lakehouse.pushdown",
							 "Filter and prune in the reader.",
							 "When off, the reader gives all rows and PostgreSQL evaluates every condition.",
							 &lakehouse_pushdown, true,
							 PGC_USERSET, GUC_EXPLAIN, NULL, NULL, NULL);
	DefineCustomBoolVariable("lakehouse.metadata_order",
							 "Rely on the order of rows that the metadata of Iceberg tables says.",
							 "Rows are compared while they are read; when files have no order any more, they are sorted.",
							 &lakehouse_metadata_order, true,
							 PGC_USERSET, GUC_EXPLAIN, NULL, NULL, NULL);
	DefineCustomEnumVariable("lakehouse.simd",
							 "Best instruction set that the decoding kernels may use.",
							 NULL,
							 &simd, LH_ISA_AVX512 + 1, simd_values,
							 PGC_USERSET, 0, NULL, assign_simd, NULL);
	DefineCustomBoolVariable("lakehouse.require_vector",
							 "Make it an error when a query cannot be answered by the vector engine alone.",
							 "For tests: a fallback is otherwise visible only in EXPLAIN.",
							 &lakehouse_require_vector, false,
							 PGC_USERSET, GUC_NOT_IN_SAMPLE, NULL, NULL, NULL);
	DefineCustomIntVariable("lakehouse.footer_cache",
							"Memory of a session for metadata of files it has read.",
							"0 keeps nothing.",
							&lakehouse_footer_cache_kb, 64 * 1024, 0, INT_MAX / 2,
							PGC_USERSET, GUC_UNIT_KB, NULL, assign_footer_cache, NULL);
	DefineCustomIntVariable("lakehouse.dictionary_cache",
							"Memory of a session for dictionaries of Parquet files it has read.",
							"0 keeps nothing.",
							&lakehouse_dictionary_cache_kb, 64 * 1024, 0, INT_MAX / 2,
							PGC_USERSET, GUC_UNIT_KB, NULL, assign_dictionary_cache, NULL);
	DefineCustomIntVariable("lakehouse.column_cache",
							"Memory of a session for columns of Avro files it has read.",
							"0 keeps nothing.",
							&lakehouse_column_cache_kb, 64 * 1024, 0, INT_MAX / 2,
							PGC_USERSET, GUC_UNIT_KB, NULL, assign_column_cache, NULL);
	DefineCustomIntVariable("lakehouse.manifest_cache",
							"Memory of a session for decoded manifests and metadata files of Iceberg tables.",
							"0 keeps nothing.",
							&lakehouse_manifest_cache_kb, 64 * 1024, 0, INT_MAX / 2,
							PGC_USERSET, GUC_UNIT_KB, NULL, assign_manifest_cache, NULL);
	DefineCustomIntVariable("lakehouse.delete_cache",
							"Memory of a session for keys of equality delete files.",
							"0 keeps nothing.",
							&lakehouse_delete_cache_kb, 16 * 1024, 0, INT_MAX / 2,
							PGC_USERSET, GUC_UNIT_KB, NULL, assign_delete_cache, NULL);
	DefineCustomStringVariable("lakehouse.as_of",
							   "The past state that all Iceberg tables are read in.",
							   "A timestamp, or the name of a branch or tag (\"ref:\" before it, where it begins with a digit). Options of a table come first.",
							   &lakehouse_as_of, "",
							   PGC_USERSET, GUC_EXPLAIN, NULL, NULL, NULL);
	DefineCustomBoolVariable("lakehouse.check_crc",
							 "Verify the checksums of pages that carry one.",
							 "The table option check_crc overrides it.",
							 &lakehouse_check_crc, false,
							 PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("lakehouse.threads",
							"Threads of a session that read, decompress and decode for one statement.",
							"1: the session's own only. Parallel workers have no others.",
							&lakehouse_threads, (int) Max(1, Min(cores, DEFAULT_THREADS)), 1, LH_POOL_MAX,
							PGC_USERSET, GUC_EXPLAIN, NULL, NULL, NULL);
	/* more than this only take the cores from each other, and memory */
	DefineCustomIntVariable("lakehouse.max_threads",
							"Helper threads of all sessions together.",
							"Needs lakehouse in shared_preload_libraries; there is no limit without.",
							&lakehouse_max_threads, (int) Max(1, Min(cores * MAX_THREADS_PER_CORE, INT_MAX / 2)), 0, INT_MAX / 2,
							PGC_SIGHUP, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("lakehouse.threads_min_size",
							"Bytes of columns that are worth one more thread.",
							NULL,
							&lakehouse_threads_min_kb, 4 * 1024, 0, INT_MAX / 2,
							PGC_USERSET, GUC_UNIT_KB | GUC_NOT_IN_SAMPLE, NULL, NULL, NULL);
	DefineCustomEnumVariable("lakehouse.float_order",
							 "Order in which sums and averages of floats are made.",
							 "\"rows\" gives the bits of PostgreSQL's serial plan; with \"fast\" threads and parallel workers add parts of their own.",
							 &float_order, 0, float_orders,
							 PGC_USERSET, GUC_EXPLAIN, NULL, assign_float_order, NULL);
	/* a superuser's: who chooses it chooses where the server connects, private addresses included */
	DefineCustomStringVariable("lakehouse.instance_metadata_endpoint",
							   "Where credential_chain 'instance' asks for the role of the machine.",
							   "Empty: http://169.254.169.254.",
							   &lakehouse_instance_endpoint, "",
							   PGC_SUSET, GUC_NOT_IN_SAMPLE | GUC_SUPERUSER_ONLY, NULL, NULL, NULL);
	DefineCustomStringVariable("lakehouse.cdc_mask_key_file",
							   "File whose bytes are the key of hash masks of change streams.",
							   "16 to 4096 bytes without a last newline; of the server's user, with mode 0600.",
							   &lakehouse_cdc_mask_key_file, "",
							   PGC_SUSET, GUC_SUPERUSER_ONLY, NULL, NULL, NULL);
	DefineCustomStringVariable("lakehouse.purpose",
							   "What the data is asked for, where policies tell purposes apart.",
							   "A claim of the session, not a proof; the audit log has it.",
							   &lakehouse_purpose, "",
							   PGC_USERSET, 0, NULL, assign_purpose, NULL);
	DefineCustomBoolVariable("lakehouse.decrypt",
							 "Show values of encrypted columns to who has the right to decrypt them.",
							 "Off: they are shown as armoured text, which can be put back.",
							 &lakehouse_decrypt_shown, false,
							 PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomEnumVariable("lakehouse.project",
							 "Put constants beside columns with a function of its own, where a scan does no more.",
							 "\"tell\" is for tests: a NOTICE for each scan that does.",
							 &lakehouse_project, 1, projects,
							 PGC_USERSET, 0, NULL, NULL, NULL);
	/* a superuser's: who chooses it chooses who can decrypt what others write */
	DefineCustomStringVariable("lakehouse.encryption_domain",
							   "Domain of encrypted values that no column says one of.",
							   "Literals of encrypted types are in it until they are cast to a column's. For ALTER DATABASE.",
							   &lakehouse_encryption_domain, "",
							   PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("lakehouse.key_timeout",
							"Time that a key provider has for its answer.",
							"A statement that needs a key waits so long for it at most.",
							&lakehouse_key_timeout_ms, 30 * 1000, 100, 3600 * 1000,
							PGC_SUSET, GUC_UNIT_MS, NULL, NULL, NULL);
	DefineCustomStringVariable("lakehouse.subject_key_store",
							   "Directory of the keys of subjects.",
							   "Outside of the data directory and of tablespaces, and not in backups of these.",
							   &lakehouse_subject_key_store, "",
							   PGC_SIGHUP, GUC_SUPERUSER_ONLY, check_subject_key_store, NULL, NULL);
	DefineCustomEnumVariable("lakehouse.mask_plans",
							 "How tables with masks are planned: for tests of the planner.",
							 "Rows are the same with each.",
							 &lakehouse_mask_plans, LH_MASK_PLANS_INDEX, mask_plans,
							 PGC_SUSET, GUC_NOT_IN_SAMPLE, NULL, NULL, NULL);
	/* of the size of shared memory, which is there for those alone who ask while the server starts */
	if (process_shared_preload_libraries_in_progress)
		DefineCustomIntVariable("lakehouse.key_cache",
								"Keys that are kept in shared memory, each wrapped.",
								"0 keeps none: each is asked for whenever it is needed.",
								&lakehouse_key_cache, 1024, 0, 1024 * 1024,
								PGC_POSTMASTER, 0, NULL, NULL, NULL);
	MarkGUCPrefixReserved("lakehouse");
}
