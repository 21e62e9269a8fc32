/*
 * privacy.h
 *		Keys, masks and policies: what the files of this folder share.
 *
 *	rights.c		who may administer keys, policies, audit
 *	subject.c		for whom a statement is planned and run
 *	hidden.c		definitions that PostgreSQL tracks, dumps and upgrades (hidden.h)
 *	keyring*.c		keys in shared memory, and the worker that asks providers (keyring.h)
 *	keys*.c			the catalog of keys, their versions and rotation (keys.h)
 *	subject_*.c		keys of subjects, outside of the database, and their erasure (subject_keys.h)
 *	domain*.c		token domains: what is tokenized how, under which key, by whom (domain.h)
 *	mask_*.c		mask functions of SQL
 *	limits.c		how many values a role may turn in a while
 *	vault.c			tokens that are drawn and kept
 *	token*.c		tokenize, detokenize and the masks that need keys
 *	enc_*.c			encrypted columns: types, search, rotation (enc.h)
 *	policy*.c		policies and what holds for a subject (policy.h)
 *	location_*.c	files of foreign tables with policies (location_closed.h)
 *	stream_policy.c	policies made ready for change streams (stream.h)
 *	enforce*.c		planner and executor: policies applied
 *	project.c		constant masks beside columns: the projection of a scan (project.h)
 *	static*.c		tables copied with the masks of a role, foreign keys kept (static.h)
 *	utility*.c		COPY, LOCK, DDL, copies: statements that the planner does not see
 *	selftest_pg.c	self-tests of cryptography before the first key is used
 *
 * docs/adr/0013-privacy.md has the decisions, docs/threat_model.md what is and is not kept.
 */
#ifndef LH_PG_PRIVACY_H
#define LH_PG_PRIVACY_H

#include "pg/util/util.h"

#include "nodes/pg_list.h"

/* The library is in shared_preload_libraries: else no policy can be enforced, and none is made. */
extern bool lh_privacy_loaded(void);
extern bool lh_privacy_preloaded;	/* set by init.c */
/* ERROR with what to set, unless it is. */
extern void lh_privacy_require(void);

/* ---- rights.c ---- */

/*
 * Three rights that neither ownership of tables nor each other implies.  Each is
 * EXECUTE on a function of its name in schema lakehouse, which does nothing: so GRANT, DROP ROLE, pg_dump and
 * pg_upgrade know them.  lakehouse.right_grant gives it together with the functions it is about.
 */
typedef enum LhRight
{
	LH_RIGHT_POLICY_ADMIN,		/* lakehouse.policy_admin() */
	LH_RIGHT_KEY_ADMIN,			/* lakehouse.key_admin() */
	LH_RIGHT_AUDITOR			/* lakehouse.auditor() */
} LhRight;

extern bool lh_right_has(LhRight right, Oid role);
/* ERROR unless GetUserId() has it; what: "to create keys" */
extern void lh_right_require(LhRight right, const char *what);

/* ---- subject.c ---- */

/*
 * For whom values are shown.  The outer role (GetOuterUserId: SET ROLE counts, SECURITY DEFINER does not), and the
 * session's for policies that ask for it.  Where PostgreSQL works for a table (SECURITY_RESTRICTED_OPERATION:
 * REFRESH, ANALYZE, index builds; SECURITY_NOFORCE_RLS: checks of foreign keys) it is GetUserId(), and stays so in
 * whatever code of users such a statement calls.
 */
typedef struct LhSubject
{
	Oid			role;
	Oid			session;
	bool		superuser;		/* role is one: outside of what policies can keep */
	bool		integrity;		/* a check of a foreign key: values are compared, never shown; no policy holds */
	/* a SECURITY DEFINER function within PostgreSQL's own work: for whom is not known; tables with policies are an error */
	bool		unknown;
	const char *purpose;		/* setting lakehouse.purpose; "": none claimed */
} LhSubject;

extern LhSubject lh_subject(void);
/* Who would be the subject if the role had logged in and claimed the present purpose. */
extern LhSubject lh_subject_of(Oid role);
/* purposes compared, too */
extern bool lh_subject_same(const LhSubject *a, const LhSubject *b);

/*
 * Around planning and running each statement: when PostgreSQL works for a table, all statements that
 * this one calls have its subject.  True: lh_subject_unpin has to be called, also after an ERROR.
 */
extern bool lh_subject_pin(void);
extern void lh_subject_unpin(void);

/*
 * From now on statements are planned and run as if the role had logged in; InvalidOid: for whoever they are again, which has to be
 * said after an ERROR, too.  Privileges stay those of the user.  Cached plans are to be dropped by the caller.
 */
extern void lh_subject_assume(Oid role);

#endif
