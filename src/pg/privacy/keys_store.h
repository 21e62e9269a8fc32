/*
 * keys_store.h
 *		Rows of the catalog of keys, and how a key is wrapped: what the files keys*.c share.
 *
 *	keys_store.c	rows, read by the newest snapshot and without SQL
 *	keys_wrap.c		keys wrapped and unwrapped
 *	keys_sql.c		statements of the functions that change keys
 *	keys_use.c		what uses a version
 */
#ifndef LH_PG_PRIVACY_KEYS_STORE_H
#define LH_PG_PRIVACY_KEYS_STORE_H

#include "pg/privacy/keys.h"

/* Bytes of the longest name of a key or provider. */
#define LH_KEY_NAME 128
/* Bytes by which an unwrapped key is known. */
#define LH_KEY_CHECK 16

typedef enum LhKeyKind
{
	LH_KEY_KIND_DOMAIN = 1,		/* wraps data keys */
	LH_KEY_KIND_DATA = 2
} LhKeyKind;

typedef enum LhKeyState
{
	LH_KEY_ACTIVE, LH_KEY_RETIRED, LH_KEY_DESTROYED
} LhKeyState;

/* Of lakehouse.keys; palloc'd. */
typedef struct LhKeyRow
{
	uint64		id;
	char	   *name;
	LhKeyKind	kind;
	uint64		parent;			/* 0: a provider's key wraps it */
	char	   *provider, *kek; /* NULL: a parent does */
} LhKeyRow;

/* Of lakehouse.key_versions; palloc'd. */
typedef struct LhKeyVersion
{
	LhKeyRef	ref;
	LhKeyState	state;
	LhSlice		wrapped;		/* empty: destroyed */
	uint8_t		check[LH_KEY_CHECK];
} LhKeyVersion;

/* ---- keys_store.c: false where there is none ---- */

extern Oid	lh_keys_table(const char *name, bool missing_ok);	/* of schema lakehouse */
extern bool lh_key_row(uint64 id, LhKeyRow *out);
extern bool lh_key_row_named(const char *name, LhKeyRow *out);
extern bool lh_key_version(LhKeyRef ref, LhKeyVersion *out);
extern uint32 lh_key_newest(uint64 id);	/* the newest active version; 0: none is */
/* Fills kind and options; ERROR: no such provider. */
extern void lh_key_provider(const char *name, LhKeyringCall *call);
/* NULLs ("null" in jsonb) are left out; ERROR for what is neither text nor a number. */
extern void lh_key_provider_options(Datum jsonb, LhKeyringCall *call);

/* ---- keys.c ---- */

/*
 * As lh_key_load, for what it wraps; a retired version, too: who read a row before it was wrapped anew may come when
 * the old parent has been retired already.
 */
extern LhSlice lh_key_load_parent(LhCtx *ctx, LhKeyRef ref);

/* ---- keys_wrap.c ---- */

/*
 * Wrapped, a key has its kind, id and version beside it, so that one row's wrapped key does not open in the place of
 * another's, whoever wrapped it.  Under a parent it is an AES-SIV envelope, bound to the same; a provider wraps it whole.
 */
typedef struct LhKeyWrapped
{
	LhSlice		wrapped;		/* in ctx->arena */
	uint8_t		check[LH_KEY_CHECK];
	int64		under;			/* version of the parent or of the provider's key; -1: not told */
} LhKeyWrapped;

extern void lh_key_make(LhCtx *ctx, LhSlice *key);	/* random, in secret memory */
/* Under the newest version, and unwrapped again to see that it can be. */
extern void lh_key_wrap(LhCtx *ctx, const LhKeyRow *row, LhKeyRef ref, LhSlice key, LhKeyWrapped *out);
/* Likewise what is wrapped already. */
extern void lh_key_rewrap(LhCtx *ctx, const LhKeyRow *row, const LhKeyVersion *version, LhKeyWrapped *out);
/* In secret memory of ctx->arena.  ERROR: it is not this version's. */
extern LhSlice lh_key_unwrap_version(LhCtx *ctx, const LhKeyRow *row, const LhKeyVersion *version);
/* Is this the key? */
extern bool lh_key_checks(LhCtx *ctx, const LhKeyRow *row, const LhKeyVersion *version, LhSlice key);
/* The provider's status of the key that wraps this one. */
extern LhProviderStatus lh_key_provider_status(LhCtx *ctx, const LhKeyRow *row);

/* ---- keys_sql.c ---- */

typedef struct LhKeysSql
{
	Oid			user;
	int			security, nest;
} LhKeysSql;

/*
 * As the tables' owner, with a search_path that nobody else can write to, connected to SPI; ended by an error, too.
 * what: the function, for messages.  write: refuses where nothing can be written, and snapshots that do not
 * see what others have committed meanwhile.
 */
extern void lh_keys_begin(LhKeysSql *sql, const char *what, bool write, bool atomic);
extern void lh_keys_end(LhKeysSql *sql);
/* Rows that were returned or changed.  types: letters: i int4, l int8, t text, b bytea, j jsonb, o bool, z timestamptz */
extern uint64 lh_keys_sql(const char *text, const char *types, const Datum *values, const char *nulls);
/* The same of what only reads: it sees what is committed by now, whatever snapshot the transaction has. */
extern uint64 lh_keys_sql_now(const char *text, const char *types, const Datum *values);
/* Of a row that was returned; false: NULL. */
extern bool lh_keys_get(uint64 row, int column, Datum *out);
/* Hand all returned rows to a set-returning function's caller. */
extern void lh_keys_return(ReturnSetInfo *result);
extern Datum lh_keys_bytea(LhSlice bytes);

/* ERROR unless it is a name for a key or provider. */
extern void lh_keys_check_name(const char *what, const char *name);

/* ---- keys_use.c ---- */

/* What uses this version, for people; NULL: nothing does.  Wrapped keys are not asked after. */
extern char *lh_key_users(LhKeyRef ref);

#endif
