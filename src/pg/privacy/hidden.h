/*
 * hidden.h
 *		Definitions kept as views that nobody queries.
 *
 * What policies and token domains are made of (expressions, roles, options) has to be
 * dumped by pg_dump, carried by pg_upgrade, follow RENAME, and stop DROP and ALTER TYPE beneath it.
 * PostgreSQL does all that for views, and for nothing that an extension may invent.  So a
 * definition is a view in schema lakehouse_policies or lakehouse_domains:
 *
 *	- its first column, "definition", is a constant jsonb of options;
 *	- the others are pairs cN, mN: a column of the table and the expression that stands for it;
 *	- its WHERE is a row filter;
 *	- its privileges are the roles it is about, in a table of our own meaning (below), so that
 *	  DROP ROLE and REASSIGN OWNED see them.
 *
 * Nobody has USAGE on these schemas, the views belong to the extension's owner, and every
 * change comes through the functions of policies and domains or from pg_restore.
 *
 * Each change sends a relcache invalidation of the anchor (table lakehouse.privacy_anchor), at once here and at
 * commit elsewhere, and on standbys by their log: whoever caches definitions drops them then.
 */
#ifndef LH_PG_PRIVACY_HIDDEN_H
#define LH_PG_PRIVACY_HIDDEN_H

#include "pg/privacy/privacy.h"

#include "nodes/parsenodes.h"
#include "utils/acl.h"
#include "utils/jsonb.h"

struct ParseState;

typedef enum LhHiddenKind
{
	LH_HIDDEN_POLICY,			/* schema lakehouse_policies */
	LH_HIDDEN_DOMAIN			/* schema lakehouse_domains */
} LhHiddenKind;

/*
 * Privileges of the view, used as places for rights.
 *
 *	privilege	policy							domain
 *	SELECT		holds for this role				tokenize
 *	REFERENCES	does not hold for this role		detokenize
 *	INSERT		-								encrypt
 *	UPDATE		-								decrypt
 *	TRIGGER		-								blind index
 *	DELETE		-								search with a guessed constant
 */
#define LH_HIDDEN_FOR    ACL_SELECT
#define LH_HIDDEN_EXCEPT ACL_REFERENCES

/* One that was read; all of it in one memory context. */
typedef struct LhHidden
{
	Oid			view;
	char	   *name;			/* of the view, as users call the policy or domain */
	Jsonb	   *definition;
	Oid			relid;			/* of the one relation in its FROM; InvalidOid: none */
	List	   *pairs;			/* of LhHiddenPair */
	Node	   *filter;			/* varno 1 is the relation; NULL: none */
	List	   *named;			/* Oid: all relations in the view, whatever its shape */
	Acl		   *acl;			/* NULL: as created, for nobody */
	Oid			owner;
} LhHidden;

typedef struct LhHiddenPair
{
	AttrNumber	attnum;			/* of the relation */
	Expr	   *expr;			/* varno 1 is the relation */
} LhHiddenPair;

/*
 * Make or replace one.  over: where the expressions were analysed, with the relation as its first entry, or NULL: there are
 * none; pairs: analysed expressions (a column and what stands for it), alternately; filter: analysed or NULL.
 *
 * They are not parsed again here, where it would be done as the extension's owner: names may mean something else by
 * then, and to read a constant can run code (checks of domains in an array).  The caller has checked rights, and vets what
 * the view then holds (lh_hidden_read) before anybody can use it: an ERROR undoes all.
 */
extern Oid	lh_hidden_put(LhHiddenKind kind, const char *name, Jsonb *definition, const struct ParseState *over, List *pairs,
						  Node *filter, bool replace);
/* ERROR when there is none. */
extern void lh_hidden_drop(LhHiddenKind kind, const char *name);
/* InvalidOid: none of that name. */
extern Oid	lh_hidden_find(LhHiddenKind kind, const char *name);
/* All of a kind (List of Oid). */
extern List *lh_hidden_all(LhHiddenKind kind);
/* ERROR when the view is not what lh_hidden_put makes. */
extern LhHidden *lh_hidden_read(Oid view);
/*
 * The same without an ERROR: *wrong says in a sentence what the view is not, or is NULL; what could be read is there all
 * the same, named at least.  NULL: there is no such view (any more).
 */
extern LhHidden *lh_hidden_look(Oid view, const char **wrong);
/* Set or take back a privilege of a role (ACL_ID_PUBLIC: everybody). */
extern void lh_hidden_grant(Oid view, Oid role, AclMode mode, bool grant);
/*
 * Has the role one of these privileges, by itself, PUBLIC, or a role whose privileges it has?  To be a superuser
 * or the owner gives none: who is exempt is decided elsewhere.
 */
extern bool lh_hidden_has(const LhHidden *hidden, Oid role, AclMode mode);

/* ---- the anchor ---- */

/* Definitions changed: everybody reads them anew. */
extern void lh_hidden_changed(void);
/* Be told of it; cheap, no catalog access within.  Also told on every relcache reset. */
extern void lh_hidden_watch(void (*changed) (void));
/* _PG_init: views that come and go without lh_hidden_put (dumps, cascades) are noticed, or kept from going. */
extern void lh_hidden_init(void);
/* One change of definitions at a time, until the end of the transaction. */
extern void lh_hidden_lock(void);

/* ---- acting as the extension's owner, with names looked up in pg_catalog and lakehouse only ---- */

typedef struct LhHiddenOwner
{
	Oid			user;
	int			context;
	int			settings;
} LhHiddenOwner;

/* role InvalidOid: the extension's owner.  After an ERROR the transaction's end puts things back. */
extern LhHiddenOwner lh_hidden_become(Oid role);
extern void lh_hidden_return(LhHiddenOwner was);

#endif
