/*
 * util.h
 *		What every feature under src/pg shares: core contexts tied to memory
 *		contexts, errors, settings.
 */
#ifndef LH_PG_UTIL_H
#define LH_PG_UTIL_H

#include "postgres.h"

#include "core/core.h"
#include "pg/util/compat.h"

/*
 * A core context whose arena dies with a MemoryContext (reset or delete), so
 * that an ERROR leaks neither memory nor descriptors.  budget_kb 0: no limit;
 * setting names it in hints ("work_mem").  The host asks PostgreSQL's
 * interrupt flags and waits on the process latch.
 */
extern LhCtx *lh_pg_ctx(MemoryContext mcxt, size_t budget_kb, const char *setting);

/*
 * Where the keys of encrypted files are: a file of keys (crypto/crypto.h) that
 * is read when the first encrypted file is met, and wiped with the context.  NULL:
 * there are none.
 */
extern void lh_pg_use_keys(LhCtx *ctx, const char *path);

/* Budget of a context made by lh_pg_ctx. */
extern LhBudget *lh_pg_budget(LhCtx *ctx);

/* Report to this as the scans of a context go on, and end it with the context (progress.h). */
struct LhProgress;
extern void lh_pg_watch(LhCtx *ctx, struct LhProgress *progress);

/* Status of a core call -> nothing, or an error raised with its SQLSTATE. LH_CANCELLED runs CHECK_FOR_INTERRUPTS first. Never returns on failure. */
extern void lh_pg_check(LhCtx *ctx, LhStatus status);
/* Same without returning on failure being conditional: raise ctx->error. */
extern void lh_pg_raise(LhCtx *ctx) __attribute__((noreturn));
/* Raise what made core return LH_CANCELLED. */
extern void lh_pg_cancelled(LhCtx *ctx) __attribute__((noreturn));
/* UTF-8 of the core (names, paths, perhaps not even valid) as text in the server's encoding, for messages; palloc'd. */
extern char *lh_pg_text(const char *utf8);

/* Settings (guc.c). */
extern bool lakehouse_pushdown;			/* evaluate and prune in the reader */
extern bool lakehouse_metadata_order;	/* rely on the order that Iceberg's metadata says */
extern bool lakehouse_require_vector;	/* a fallback from the vector engine is an error */
extern int	lakehouse_footer_cache_kb;	/* memory of parsed footers per backend */
extern int	lakehouse_dictionary_cache_kb;	/* memory of inflated dictionary pages per backend */
extern int	lakehouse_column_cache_kb;	/* memory of columns of row files per backend */
extern int	lakehouse_manifest_cache_kb;	/* memory of decoded manifests per backend */
extern char *lakehouse_as_of;			/* timestamp, branch or tag for all tables with snapshots; empty: none */
extern bool lakehouse_check_crc;
extern bool lakehouse_float_fast;		/* float sums in any order (setting float_order) */
extern int	lakehouse_threads;			/* with the leader; 1: none but it */
extern int	lakehouse_max_threads;	/* helpers of all sessions, when preloaded */
extern int	lakehouse_threads_min_kb;	/* of columns, for each helper thread */
extern char *lakehouse_instance_endpoint;	/* of the metadata service; "": the real one */
extern char *lakehouse_cdc_mask_key_file;	/* key of the hash masks of change streams; "": none */
extern char *lakehouse_purpose;				/* claimed purpose of the session; "": none */
extern bool lakehouse_decrypt_shown;			/* output of encrypted types decrypts for who may */
extern int	lakehouse_project;		/* constants beside columns: 0 off, 1 on, 2 told */
extern char *lakehouse_encryption_domain;	/* of encrypted values that no column says a domain of; "": none */
extern int	lakehouse_key_timeout_ms;	/* for a key provider's answer */
extern int	lakehouse_key_cache;	/* keys in shared memory, when preloaded */
extern char *lakehouse_subject_key_store;	/* directory of keys of subjects; "": none */
extern void lh_pg_define_settings(void);
extern int	lakehouse_delete_cache_kb;	/* memory of keys of equality deletes per backend */
/* Told when lakehouse.manifest_cache or lakehouse.delete_cache is set (init.c). */
extern void (*lh_pg_manifest_cache_changed) (void);
/* Called when lakehouse.purpose becomes another; must not fail. */
extern void (*lh_pg_purpose_changed) (void);
/* lakehouse.mask_plans: how tables with masks are planned; each gives the same rows */
typedef enum LhMaskPlans
{
	LH_MASK_PLANS_SUBQUERY,		/* each stays a subquery, and is scanned by itself */
	LH_MASK_PLANS_SCAN,			/* masks stay at the scan */
	LH_MASK_PLANS_INDEX			/* and tokens are looked up in indexes of raw columns */
} LhMaskPlans;
extern int	lakehouse_mask_plans;

/*
 * Helper threads for work over so many bytes of columns, as far as settings go;
 * parallel workers have none (threads.c).
 */
extern int	lh_pg_helpers(double bytes);

/* The backend's footer cache. */
struct LhPqCache;
extern struct LhPqCache *lh_pg_footer_cache(void);
extern void lh_pg_footer_cache_resize(size_t max_bytes);
/* Its caches of dictionaries and of columns: named to the readers, before a statement reads. */
extern void lh_pg_use_data_caches(void);
extern void lh_pg_dictionary_cache_resize(size_t max_bytes);
extern void lh_pg_column_cache_resize(size_t max_bytes);

#endif
