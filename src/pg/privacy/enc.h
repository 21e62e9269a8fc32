/*
 * enc.h
 *		Typed columns whose values are encrypted wherever they are kept.
 *
 *	enc_domain.c	a domain's keys at hand, rights in it, who seals under a version (enc_domain.h)
 *	enc_value.c		a datum's bytes; sealed and opened under the keys of a domain
 *	enc_type.c		the types: input, output, type modifiers, casts, lakehouse.encrypt and decrypt
 *	enc_plain.c		values of PostgreSQL's types as bytes to be encrypted, and back
 *	enc_compare.c	equality: operators, indexes, what a search for a constant becomes in a plan, statistics
 *	enc_scan.c		columns of these types and the versions of keys in them: what uses a key, lakehouse.encryption_status
 *	enc_inside.c	encrypted values within arrays, composite types and ranges
 *	enc_rotate.c	values of a column under the newest version of their key: lakehouse.encryption_rotate (enc_rotate.h)
 *	enc_job.c		what is to be rotated, and how far that is: lakehouse.encryption_jobs
 *	enc_worker.c	the worker that does it
 *
 * A value belongs to an encryption domain, which is a token domain (domain.h): its name, its data key and its rights.  The column
 * says which: enc_text('customers'), enc_text('customers', 'search').  There are three forms:
 *
 *	random		another cipher text each time; nothing can be compared
 *	search		the same cipher text for the same value and version of the key, and a blind index before it by which values are equal,
 *				whatever version of the key encrypts them
 *	open		what input makes when it is not told of a domain: under the database's own (setting lakehouse.encryption_domain); the cast to
 *				a column's domain follows.  It has a mark by which the same session and role know that they sealed it.
 *
 * and a fourth that is no value: the needle, a blind index alone, which a search compares with.  It cannot be stored.
 *
 *	offset	bytes
 *	0		1		version of this layout: 1
 *	1		1		form (LhEncForm)
 *	2		1		type (LhEncType)
 *	3		1		0
 *	4		4		number of the domain, big-endian: from its name (lh_enc_number)
 *	8		16		random, open: random bytes				search, needle: blind index
 *	24		8		open: mark								search, needle: version of the key of the blind index, big-endian; 4 zeros
 *	24, 32	n		envelope of AES-SIV (crypto/envelope.h), bound to the domain's name and all bytes before it; not in a needle
 *
 * AES-SIV serves all forms: with 16 random bytes in what it is bound to, cipher texts are as random as those of GCM, without GCM's
 * limit of 2^32 values of a key and the counting that it asks for on all servers, read-only ones included.
 *
 * The blind index is made with the version of the key that the domain has for its tokens: key_rotate does not touch it, domain_rotate does.
 *
 * As text a value is "lhc1:" and URL-safe base64 of these bytes.
 */
#ifndef LH_PG_PRIVACY_ENC_H
#define LH_PG_PRIVACY_ENC_H

#include "pg/privacy/domain_state.h"

#include "crypto/envelope.h"
#include "fmgr.h"

typedef enum LhEncForm
{
	LH_ENC_RANDOM = 1, LH_ENC_SEARCH, LH_ENC_OPEN, LH_ENC_NEEDLE
} LhEncForm;

/* Numbers are stored: they keep their meaning. */
typedef enum LhEncType
{
	LH_ENC_TEXT = 1, LH_ENC_BYTEA, LH_ENC_BIGINT, LH_ENC_NUMERIC, LH_ENC_DATE, LH_ENC_TIMESTAMPTZ, LH_ENC_JSONB
} LhEncType;
#define LH_ENC_TYPES LH_ENC_JSONB

#define LH_ENC_BLIND     16
#define LH_ENC_MARK      8
#define LH_ENC_TEXT_MARK "lhc1:"

/* A datum taken apart; borrows its bytes. */
typedef struct LhEnc
{
	LhEncForm	form;
	LhEncType	type;
	uint32		number;
	const uint8 *blind;			/* or random bytes */
	uint32		search_version;	/* of search and needle */
	LhSlice		header;			/* what the envelope is bound to */
	LhEnvelope	envelope;		/* not of a needle */
} LhEnc;

/* ---- type modifiers: the domain's number and whether it can be searched ---- */

#define LH_ENC_TYPMOD(number, search) ((int32) ((number) << 1 | ((search) ? 1 : 0)))
#define LH_ENC_TYPMOD_NUMBER(typmod)  ((uint32) (typmod) >> 1)
#define LH_ENC_TYPMOD_SEARCH(typmod)  (((typmod) & 1) != 0)

/* ---- enc_domain.c ---- */

/*
 * The number of a domain of this name: 30 bits of SHA-256, so that a column of it can be made, by a dump for instance, before the domain
 * is.  Never 0.
 */
extern uint32 lh_enc_number(const char *name);
/* The name of the domain that has the number, palloc'd; NULL: none.  ERROR: two have. */
extern char *lh_enc_domain_name(uint32 number);

/* Another number in each transaction, once a domain was asked for. */
extern uint64 lh_enc_transaction(void);
/* A domain's keys at hand; valid until the next call that asks for one. */
typedef struct LhEncDomain LhEncDomain;
/* ERROR: there is none of that number. */
extern LhEncDomain *lh_enc_domain(uint32 number);
/* The database's own.  ERROR: none is set, or it is not there. */
extern LhEncDomain *lh_enc_default(void);
extern const char *lh_enc_name(const LhEncDomain *domain);
extern uint32 lh_enc_number_of(const LhEncDomain *domain);
/* The version that encrypts, and that of the blind index. */
extern LhKeyRef lh_enc_current(const LhEncDomain *domain);
extern uint32 lh_enc_search_version(const LhEncDomain *domain);

/* Has the subject the right?  Remembered while neither it nor rights change. */
extern bool lh_enc_may(LhEncDomain *domain, LhDomainRight right);
extern void lh_enc_require(LhEncDomain *domain, LhDomainRight right);
/* As lh_domain_spend: one value, by who has the right. */
extern void lh_enc_spend(const LhEncDomain *domain, LhDomainRight right);

/* Can the version of its key be used?  One that is gone is no ERROR. */
extern bool lh_enc_key_usable(const LhEnc *value);
/*
 * Can it be opened, to see that it is one?  Not where the domain, its key or all versions of that are not there yet, as in a restore, and not when
 * the version is gone.  ERROR: it is under another key than the domain's, or a version that there is not.
 */
extern bool lh_enc_can_verify(const LhEnc *value);
/*
 * Has some transaction that is not over sealed under the version?  When none has, and the version is not the newest, nobody does until
 * this transaction ends.
 */
extern bool lh_enc_seals_now(LhKeyRef ref);

/* ---- enc_value.c ---- */

/* What a datum of any of these types is made of; detoasted.  ERROR unless it is one. */
extern void lh_enc_parse(Datum value, LhEnc *out);
/* All but the envelope's bytes, of the first bytes of the datum alone. */
extern void lh_enc_parse_head(Datum value, LhEnc *out);
/* The same as lh_enc_parse of bytes; false: they are none. */
extern bool lh_enc_parse_bytes(LhSlice bytes, LhEnc *out);

/*
 * A value under the newest version of the domain's key, palloc'd.  canonical: the bytes that equal values have in common.  Rights are
 * the caller's to check.  The version is held until the transaction ends: nobody finds it unused meanwhile.
 */
extern struct varlena *lh_enc_seal(LhEncDomain *domain, LhEncType type, LhEncForm form, LhSlice plain, LhSlice canonical);
/* What a search compares with. */
extern struct varlena *lh_enc_needle(LhEncDomain *domain, LhEncType type, LhSlice canonical);
/* Its bytes, palloc'd; ERROR: they are not what the key sealed for this domain, form and type.  Rights are the caller's to check. */
extern LhSlice lh_enc_open(LhEncDomain *domain, const LhEnc *value);
/* Sealed by this session for the present subject: it has seen the value already. */
extern bool lh_enc_ours(const LhEnc *value);
/* Opens it if the subject may see it in any case: it made it, or has the right to decrypt.  Else ERROR. */
extern LhSlice lh_enc_open_as_subject(const LhEnc *value);

/* ---- enc_plain.c ---- */

typedef struct LhEncPlain
{
	const char *name;			/* of the encrypted type */
	Oid			base;
	bool		searchable;
	LhSlice		(*pack) (Datum value);	/* palloc'd or borrowed */
	Datum		(*unpack) (LhSlice plain);	/* ERROR: it is none */
	LhSlice		(*canonical) (Datum value); /* NULL: as packed */
} LhEncPlain;

/* By type. */
extern const LhEncPlain lh_enc_plain[LH_ENC_TYPES + 1];
/* The bytes of equality, from bytes of a value. */
extern LhSlice lh_enc_canonical(LhEncType type, LhSlice plain);
/* Oids of the SQL types, InvalidOid where there is none. */
extern Oid	lh_enc_type_oid(LhEncType type);

/* ---- enc_type.c ---- */

/* A text: is it armoured, and the value that it is then, for a column of this modifier (or -1); ERROR: it is none. */
extern bool lh_enc_is_armoured(Datum value);
extern Datum lh_enc_from_armour(LhEncType type, Datum value, int32 typmod);
/* Under another version than the newest, or with the blind index of another than the domain's?  As lh_enc_parse_head has it. */
extern bool lh_enc_stale(const LhEnc *value);
/* The value under the newest version; as it is if it is. */
extern Datum lh_enc_renew_value(Datum datum);
/* Output has decrypted in this transaction: what errors say of rows may have it. */
extern bool lh_enc_shown(void);

/* ---- enc_inside.c ---- */

typedef struct LhEncWalk
{
	bool		(*see) (void *arg, const LhEnc *value); /* as lh_enc_parse_head has it; false: enough seen */
	void	   *arg;
	Oid			types[LH_ENC_TYPES + 1];
} LhEncWalk;

/* Learns the types; "see" and "arg" are the caller's. */
extern void lh_enc_walk_begin(LhEncWalk *walk);
/* Could a value of the type have encrypted ones in it? */
extern bool lh_enc_walk_holds(const LhEncWalk *walk, Oid type);
/* All of them in a value; leaves its memory in the current context.  False: "see" did not want more. */
extern bool lh_enc_walk(LhEncWalk *walk, Oid type, Datum datum);
/* Set when lakehouse.enc_row_renew has raised an error: its message has no value in it. */
extern bool lh_enc_row_failed;

/* ---- enc_scan.c ---- */

/* "column c of table t", palloc'd, when some value is under this version; NULL: none is. */
extern char *lh_enc_users(LhKeyRef ref);

/* Rows of a column with values that are stale. */
typedef struct LhEncStale
{
	int64		rows;
	uint32		from, to;		/* the oldest version of them, and the newest that they will be under; 0: none */
} LhEncStale;

/* Adds those of a table that has rows of its own, if it is still there; key 0: of whatever key; enough: rows after which it stops, 0: none. */
extern void lh_enc_count_stale(Oid relid, const char *column, uint64 key, int64 enough, LhEncStale *out);
/*
 * Tables with rows of a table: itself, or its partitions and children (List of Oid); ERROR unless the column is of a type that can have
 * encrypted values.
 */
extern List *lh_enc_tables(Oid relid, const char *column);

/* A column that can have encrypted values, of a table or materialized view. */
typedef struct LhEncColumn
{
	Oid			relid;
	AttrNumber	attnum;
} LhEncColumn;

/* All of the database, palloc'd. */
extern LhEncColumn *lh_enc_columns(int *n);

#endif
