/*
 * policy_internal.h
 *		What the files policy*.c and tags.c share.
 *
 *	policy_options.c	the jsonb of a definition: written, and read with mistrust
 *	policy_parse.c		text to raw expressions and back, errors that tell where
 *	policy_vet.c		what expressions may contain
 *	policy_map.c		expressions of one relation over another of its family
 */
#ifndef LH_PG_PRIVACY_POLICY_INTERNAL_H
#define LH_PG_PRIVACY_POLICY_INTERNAL_H

#include "pg/privacy/policy.h"
#include "pg/privacy/hidden_internal.h"

/* One policy, read. */
typedef struct LhPolicyColumn
{
	AttrNumber	attnum;
	Expr	   *mask;			/* NULL: the value itself */
	int			strength;		/* mask_table.h; 0: the value itself */
} LhPolicyColumn;

typedef struct LhPolicy
{
	const LhHidden *hidden;
	const char *name;
	Oid			relid;			/* InvalidOid: a policy of a tag, which others are made from */
	List	   *columns;		/* of LhPolicyColumn */
	Expr	   *filter;
	const char *wrong;			/* not NULL: it cannot be used, and its relation neither */

	/* options */
	List	   *purposes;		/* it holds while one of these is claimed; NIL: always */
	List	   *except_purposes;	/* it does not while one of these is */
	TimestampTz until;			/* it holds until then */
	TimestampTz except_until;	/* exempt roles are exempt until then */
	bool		superusers;		/* it holds for superusers as well */
	bool		session_user;	/* for whoever is it as outer role or as session user */
	bool		other_paths;	/* files of its foreign tables may be read by other ways than these */
	const char *writes;			/* "allow": who is masked may change what is masked; NULL or "deny": he may not */
	const char *tag;			/* of a policy of a tag */
	const char *tag_mask;		/* its expression over "value" */
	const char *origin;			/* the policy of a tag that this one was made from */
	const char *inherits;		/* the policy of a table that this one of a materialized view stands for */
} LhPolicy;

/* ---- policy.c ---- */

typedef struct LhPolicyRelation
{
	Oid			relid;
	List	   *policies;		/* of LhPolicy, bound to this very relation, by name */
	const LhPolicy *wrong;		/* one that cannot be used, and may be about it */
} LhPolicyRelation;

/* All policies (of LhPolicy), by name; valid as lh_policy_effective's result. */
extern List *lh_policies(void);
/* NULL: no policy has to do with the relation. */
extern const LhPolicyRelation *lh_policy_relation(Oid relid);
/* The same of what was read last, be it stale: nothing that was told before is freed. */
extern const LhPolicyRelation *lh_policy_relation_read(Oid relid);
/* Read one anew, in CurrentMemoryContext; NULL: it is gone. */
extern LhPolicy *lh_policy_read(Oid view);
/* All of them likewise: nothing that happens meanwhile pulls them away from the caller. */
extern List *lh_policies_read(void);
/* Something changed that policies look at, but not they. */
extern void lh_policy_bump(void);
/* Parents, their parents and so on; children likewise.  Without the relation itself. */
extern List *lh_policy_ancestors(Oid relid);
extern List *lh_policy_descendants(Oid relid);

/* ---- policy_effective.c ---- */

/* Raise the error that closes a relation. */
extern void lh_policy_closed(Oid relid, const LhPolicy *policy) __attribute__((noreturn));
/* Does the policy hold for the subject now?  *until comes down to when that may change. */
extern bool lh_policy_holds(const LhPolicy *policy, const LhSubject *subject, TimestampTz now, TimestampTz *until);

/* ---- policy_options.c ---- */

/* What is wrong with them; NULL: nothing. */
extern const char *lh_policy_options_read(LhPolicy *policy, const Jsonb *definition);
/* From the options that a user gives, and what has arguments of its own. */
extern Jsonb *lh_policy_options_write(const Jsonb *options, List *purposes, TimestampTz until, const char *tag_mask,
									  const char *origin, const char *inherits);
/* Options as a user would give them. */
extern Jsonb *lh_policy_options_of(const LhPolicy *policy);

/* ---- policy_vet.c ---- */

typedef struct LhVetted
{
	const char *wrong;			/* NULL: may be used */
	const char *hash;			/* name of an unkeyed hash function in it; NULL: none */
	List	   *tables;			/* Oid: what sub-selects read */
} LhVetted;

/* An expression over varno 1; filter: may have sub-selects.  Catalogs only: nothing of it is run. */
extern LhVetted lh_policy_vet(Node *expr, Oid relid, bool filter);
/* What is wrong with the type of a mask of a column; NULL: nothing. */
extern const char *lh_policy_vet_type(const Node *mask, Oid relid, AttrNumber attnum);
extern int	lh_policy_strength(const Node *mask);

/* ---- policy_map.c ---- */

/* The column of the same name; InvalidAttrNumber: none. */
extern AttrNumber lh_policy_map_column(Oid from, AttrNumber attnum, Oid to);
/* A copy over the other relation; NULL: a column is not there, or of another type. */
extern Node *lh_policy_map(const Node *expr, Oid from, Oid to);

/* ---- policy_admin.c ---- */

typedef struct LhPolicySpec
{
	const char *name;
	Oid			relid;
	List	   *masks;			/* of char *: column, expression, ... */
	const char *filter;			/* NULL: none */
	List	   *for_roles;		/* Oid */
	List	   *except_roles;
	List	   *purposes;		/* of char * */
	TimestampTz until;
	const Jsonb *options;		/* as users give them */
	bool		revoke;			/* floor */
	const char *tag_mask;
	const char *origin;
	const char *inherits;
	/* NULL, or puts the column's name (context) for "value" into a raw mask */
	bool		(*substitute) (Node *raw, void *name);
} LhPolicySpec;

extern void lh_policy_make(const LhPolicySpec *spec);
/* What a policy was made from; names of masks and filter are written so that they read the same anywhere. */
extern LhPolicySpec lh_policy_spec(const LhPolicy *policy);
/* The policy of that name, read anew; ERROR: none. */
extern LhPolicy *lh_policy_named(const char *name);

/* ---- policy_generated.c ---- */

/* WARNINGs: generated columns that are made from what the policy masks, and are shown as they are. */
extern void lh_policy_warn_of_generated(const LhPolicySpec *spec, const LhPolicy *policy);

/* ---- policy_parse.c ---- */

/* While text is worked on, errors tell where in it, and what it is: "mask of column \"ssn\"". */
typedef struct LhPolicyText
{
	const char *text;
	const char *what;
	ErrorContextCallback callback;
} LhPolicyText;

extern void lh_policy_text_begin(LhPolicyText *at, const char *text, const char *what);
extern void lh_policy_text_end(LhPolicyText *at);
/* The one expression that the text is, raw. */
extern Node *lh_policy_parse(const char *text);
/* As users would write it: keyed masks by their names. */
extern char *lh_policy_deparse(const Node *expr, Oid relid);

/* ---- policy_show.c ---- */

/* ERROR unless the user may see policies: an administrator of them, or an auditor. */
extern void lh_policy_require_reader(void);

/* ---- policy_diff.c ---- */

/* Relations that policies are about: their own, and those that have them by descent (List of Oid). */
extern List *lh_policy_governed(void);

/* ---- policy_floor.c ---- */

/*
 * Privileges beneath a policy: take them from those it is for (revoke), or ERROR with the list.
 */
extern void lh_policy_floor(const LhPolicy *policy, bool revoke);

/* ---- tags.c ---- */

extern void lh_tags_init(void);
/* Has the label of a column this tag? */
extern bool lh_tags_contain(const char *label, const char *tag);
/* Make what policies of tags lack on tagged columns; name NULL: all of them.  How many were made. */
extern int	lh_tags_apply(const char *name);
/* Drop what was made from a policy of a tag. */
extern void lh_tags_withdraw(const char *name);

#endif
