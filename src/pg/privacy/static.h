/*
 * static.h
 *		Static copies: tables copied with the masks of a role, foreign keys kept.
 *
 *	static_plan.c	what is copied and how; what stands in the way
 *	static_keys.c	keys: one mask for all columns that foreign keys make equal
 *	static_read.c	tables, columns, keys and indexes read from the catalogs
 *	static_make.c	tables made, and what comes to them when the rows are there
 *	static_load.c	rows
 *	static_copy.c	the SQL functions, and their report
 *
 *	1. All is planned before anything is made.  What would not come out right is a problem with its remedy; a plan with
 *	   problems is not carried out.
 *	2. Rows are read by one statement a table, all with one snapshot, as policies show them to the role: raw values go through
 *	   masks where the table is scanned, and nothing else is written, be it to tables, their log or temporary files.
 *	3. Columns that foreign keys make equal have one mask, or keys would not be found again.  Where a policy masks only
 *	   some of them the others get that mask ("derived"); where policies say different things, that is a problem.  As one of
 *	   them is unique the mask has to be a bijection: mask_fpe, or mask_hash.  So it is where the foreign key itself does not come along.
 *	4. Constraints and indexes come when the rows are there.
 */
#ifndef LH_PG_PRIVACY_STATIC_H
#define LH_PG_PRIVACY_STATIC_H

#include "pg/privacy/policy.h"

#include "utils/snapshot.h"

/* What to do about rows whose foreign key is not in the copy, as a filter hid what it refers to. */
typedef enum LhStaticOrphans
{
	LH_ORPHANS_ERROR, LH_ORPHANS_DROP, LH_ORPHANS_NULL
} LhStaticOrphans;

typedef struct LhStaticOptions
{
	Oid			role;
	const char *schema;			/* where the copies go */
	LhStaticOrphans orphans;
	bool		not_valid;		/* CHECKs that masked values do not satisfy are made NOT VALID; else an ERROR */
	bool		flatten;		/* partitioned tables become plain ones */
	List	   *without;		/* char *: constraints and indexes that are left out */
} LhStaticOptions;

typedef struct LhStaticColumn
{
	AttrNumber	attnum;
	const char *name;
	Oid			type;
	int32		typmod;
	const char *definition;		/* type and collation, as SQL */
	bool		not_null;
	char		identity;		/* as in pg_attribute */
	char		generated;
	const char *expression;		/* default, or what generates it; NULL: none */
	bool		foreign_code;	/* the expression calls functions of somebody else */
	Oid			sequence;		/* that it owns: serial or identity */
	Oid			takes;			/* the sequence that its default takes numbers of */
	/* what is shown of it to the role; masks over varno 1, ready for a plan; NULL: the value */
	Expr	   *mask;
	const char *policy;			/* whose mask; NULL: none */
	const char *masked_for_others;	/* a policy that masks it, for other roles; NULL: none */
	bool		role_may_read;
	Expr	   *derived;		/* the mask of a column that a foreign key makes it equal to, over this one */
	const char *derived_from;	/* "table.column" */
	const char *refers_masked;	/* a masked "table.column" that it refers to, whose mask it cannot have, by a key that is left out */
} LhStaticColumn;

typedef struct LhStaticTable
{
	Oid			relid;
	char		relkind;
	const char *name;
	const char *source;			/* qualified, quoted */
	const char *copy;			/* likewise */
	List	   *columns;		/* of LhStaticColumn */
	bool		copied;			/* false: only referred to, by a copied one */
	List	   *parents;		/* Oid: copied tables that it inherits from, or is a partition of */
	const char *partition_key;	/* NULL: the copy is not partitioned */
	const char *bound;			/* NULL: no partition */
	bool		filtered;
	double		rows;			/* copied; of partitions none, they are counted with the root */
} LhStaticTable;

/* A constraint, or an index that is none. */
typedef struct LhStaticObject
{
	LhStaticTable *table;
	Oid			oid;
	char		kind;			/* contype, or 'i': an index */
	const char *name;
	const char *definition;
	bool		unique;
	bool		valid;			/* constraints: not NOT VALID */
	bool		expression;		/* indexes: has expressions or a condition */
	bool		foreign_code;
	List	   *columns;		/* attribute numbers, of foreign keys in their order */
	LhStaticTable *refers;		/* foreign keys: the other table */
	List	   *refers_columns;
	List	   *operators;		/* char *: qualified, referenced = referencing */
	const char *left_out;		/* why it is not made; NULL: it is */
} LhStaticObject;

typedef struct LhStaticNote
{
	const char *kind;			/* "table", "column", "constraint", ... */
	const LhStaticTable *table;
	const char *object;			/* NULL: the table */
	const char *treatment;
	const char *policy;
	double		rows;			/* -1: none are counted */
} LhStaticNote;

typedef struct LhStaticPlan
{
	const LhStaticOptions *options;
	LhSubject	subject;
	List	   *tables;			/* of LhStaticTable */
	List	   *referred;		/* of LhStaticTable: those that are not copied, with what the role sees of them */
	List	   *objects;		/* of LhStaticObject, in the order in which they can be made */
	List	   *notes;			/* of LhStaticNote: the report */
	List	   *problems;		/* of LhStaticNote */
} LhStaticPlan;

/* ---- static_plan.c; the caller has connected to SPI and pinned search_path ---- */

/* Locks the tables.  relations: Oid. */
extern LhStaticPlan *lh_static_plan(List *relations, const LhStaticOptions *options);
extern void lh_static_note(LhStaticPlan *plan, const char *kind, const LhStaticTable *table, const char *object,
						   const char *treatment, const char *policy, double rows);
extern void lh_static_problem(LhStaticPlan *plan, const char *kind, const LhStaticTable *table, const char *object,
							  const char *remedy);
extern LhStaticTable *lh_static_table(const LhStaticPlan *plan, Oid relid);
/* One that a foreign key refers to, copied or not. */
extern LhStaticTable *lh_static_referred(LhStaticPlan *plan, Oid relid);
extern LhStaticColumn *lh_static_column(const LhStaticTable *table, AttrNumber attnum);

/* The mask that the copy's column gets; NULL: the value. */
static inline Expr *
lh_static_mask(const LhStaticColumn *column)
{
	return column->mask != NULL ? column->mask : column->derived;
}

/* Computed anew from the copy's row, not copied. */
static inline bool
lh_static_computed(const LhStaticColumn *column)
{
	return column->generated != '\0' && lh_static_mask(column) == NULL && !column->foreign_code;
}

/* Its default is nextval of a sequence of its own, and nothing more. */
static inline bool
lh_static_serial(const LhStaticColumn *column)
{
	return column->identity == '\0' && OidIsValid(column->sequence) && column->takes == column->sequence &&
		strncmp(column->expression, "nextval('", 9) == 0 &&
		strcmp(column->expression + strlen(column->expression) - 12, "'::regclass)") == 0;
}

/* Why the copy's column has not the default that it could have; NULL: it has it, or there is none. */
extern const char *lh_static_no_default(const LhStaticColumn *column);

/* ---- static_read.c ---- */

extern void lh_static_read_columns(LhStaticTable *table);
/* All of a table that could come to the copy, into plan->objects. */
extern void lh_static_read_objects(LhStaticPlan *plan, LhStaticTable *table);

/* ---- static_keys.c ---- */

/* Is it one value for one value, as far as it can be known? */
extern bool lh_static_injective(const Expr *mask);
/* Masks are derived; problems are noted. */
extern void lh_static_keys(LhStaticPlan *plan);

/* ---- static_make.c ---- */

extern void lh_static_make_tables(LhStaticPlan *plan);
extern void lh_static_make_objects(LhStaticPlan *plan);
/* In PG_CATCH: raise the error again, without values of rows in it. */
extern void lh_static_raise(MemoryContext caller) __attribute__((noreturn));
/* Utility statements and writes to the copies, as the invoker; %s and the like are the caller's to quote. */
extern void lh_static_run(const char *format, ...) pg_attribute_printf(1, 2);
/* The one value of a query, as text; NULL: none, or null. */
extern char *lh_static_ask(const char *format, ...) pg_attribute_printf(1, 2);

/* ---- static_load.c ---- */

extern void lh_static_load(LhStaticPlan *plan, Snapshot snapshot);
/* Rows that refer to none of the copy. */
extern void lh_static_orphans(LhStaticPlan *plan);

#endif
