/*
 * masks.c
 *		Which columns of a stream may not be seen as they are.
 *
 * Masks are rows of lakehouse.cdc_masks, bound to a table's oid and a column's
 * number, so that they hold for what was written long before the mask was set and
 * before a column got its present name.  They are read once, when a stream
 * begins, with the present catalog:
 *
 *	1. A walsender reads them in a transaction of its own, an SQL function in the
 *	   caller's.  The lock waits for cdc_mask_set and cdc_mask_drop of others, and
 *	   the function's keeps them waiting until its transaction ends; running
 *	   walsenders are ended by them (setup.c).  So once a change of masks is
 *	   committed, no stream with the old ones runs.
 *	2. A mask whose column no longer has the recorded name is an error: it may have
 *	   been meant for another column.
 *	3. The consumer's option can only add.
 *
 * The lock is one against writers, too: PostgreSQL's own horizon does not heed the
 * snapshot of a walsender that is about to decode, so rows could otherwise be
 * vacuumed away beneath it.
 */
#include "pg/cdc/cdc.h"
#include "pg/util/catalog.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "access/sysattr.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xlog.h"
#include "catalog/dependency.h"
#include "catalog/namespace.h"
#include "catalog/partition.h"
#include "catalog/pg_attribute.h"
#include "catalog/pg_class.h"
#include "catalog/pg_extension.h"
#include "commands/extension.h"
#include "executor/tuptable.h"
#include "nodes/bitmapset.h"
#include "optimizer/optimizer.h"
#include "storage/fd.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

/* Of lakehouse.cdc_masks. */
enum
{
	COLUMN_RELATION = 1, COLUMN_ATTNUM, COLUMN_NAME, COLUMN_MASK
};

typedef struct TableMask
{
	Oid			relid;
	AttrNumber	attnum;
	LhMask	   *mask;
} TableMask;

typedef struct ConsumerMask
{
	char	   *column;			/* schema.table.column */
	LhMask	   *mask;
} ConsumerMask;

struct LhCdcMasks
{
	Oid			table;			/* lakehouse.cdc_masks; invalid: the extension is not here */
	List	   *own;			/* relations of the extension (Oid): their changes are nobody's data */
	List	   *masks;			/* of TableMask */
	List	   *consumer;		/* of ConsumerMask */
	LhMask	   *derived;		/* of generated columns made from masked ones: null; NULL: there are no masks */
	LhSlice		key;
	bool		key_read;
};

/* ---- the key of hashes ---- */

#define KEY_FILE_MAX 4096

static int
open_key_file(const char *path)
{
	int			fd = OpenTransientFile(path, O_RDONLY | PG_BINARY);
	struct stat st;

	if (fd < 0)
		ereport(ERROR, (errcode_for_file_access(), errmsg("could not open file of setting \"%s\": %m", "lakehouse.cdc_mask_key_file")));
	if (fstat(fd, &st) != 0)
		ereport(ERROR, (errcode_for_file_access(), errmsg("could not stat file of setting \"%s\": %m", "lakehouse.cdc_mask_key_file")));
	if (!S_ISREG(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & (S_IRWXG | S_IRWXO)) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_CONFIG_FILE_ERROR),
				 errmsg("the file of setting \"%s\" may be read by others than the server", "lakehouse.cdc_mask_key_file"),
				 errhint("It must be a file of the server's user, with mode 0600.")));
	return fd;
}

/* The file's bytes without a last newline, in the stream's memory until they are copied. */
static void
read_key(LhCdcMasks *masks)
{
	char	   *bytes;
	int			fd;
	ssize_t		n;

	if (masks->key_read)
		return;
	masks->key_read = true;
	if (lakehouse_cdc_mask_key_file == NULL || lakehouse_cdc_mask_key_file[0] == '\0')
		return;
	fd = open_key_file(lakehouse_cdc_mask_key_file);
	bytes = palloc0(KEY_FILE_MAX + 1);
	n = read(fd, bytes, KEY_FILE_MAX + 1);
	CloseTransientFile(fd);
	if (n > 0 && bytes[n - 1] == '\n')
		n--;
	if (n < 16 || n > KEY_FILE_MAX)
	{
		explicit_bzero(bytes, KEY_FILE_MAX + 1);
		ereport(ERROR,
				(errcode(ERRCODE_CONFIG_FILE_ERROR),
				 errmsg("the file of setting \"%s\" does not have between 16 and %d bytes", "lakehouse.cdc_mask_key_file",
						KEY_FILE_MAX)));
	}
	masks->key = lh_slice(bytes, (size_t) n);
}

/* text: UTF-8 */
static LhMask *
make_mask(LhCtx *ctx, LhCdcMasks *masks, const char *text)
{
	LhMask	   *mask;

	if (strncmp(text, "hash", 4) == 0)
		read_key(masks);
	lh_pg_check(ctx, lh_mask_create(ctx, text, masks->key.data != NULL ? &masks->key : NULL, &mask));
	return mask;
}

/* Masks have copies of their own, in memory that is wiped. */
static void
forget_key(LhCdcMasks *masks)
{
	if (masks->key.data != NULL)
		explicit_bzero((void *) masks->key.data, KEY_FILE_MAX + 1);
	masks->key = lh_slice(NULL, 0);
}

void
lh_cdc_check_mask(const char *text)
{
	LhCtx	   *ctx = lh_pg_ctx(CurrentMemoryContext, 0, NULL);
	LhCdcMasks	masks = {0};

	(void) make_mask(ctx, &masks, lh_cell_utf8(ctx, text));
	forget_key(&masks);
}

/* ---- the table ---- */

/* An error when the column has another name now; one that is gone still has values in the log. */
static void
check_name(Oid relid, AttrNumber attnum, const char *recorded)
{
	HeapTuple	tuple;
	Form_pg_attribute a;
	char	   *now;

	if (!SearchSysCacheExists1(RELOID, ObjectIdGetDatum(relid)))
		return;
	tuple = SearchSysCache2(ATTNUM, ObjectIdGetDatum(relid), Int16GetDatum(attnum));
	a = HeapTupleIsValid(tuple) ? (Form_pg_attribute) GETSTRUCT(tuple) : NULL;
	if (a != NULL && (a->attisdropped || strcmp(NameStr(a->attname), recorded) == 0))
	{
		ReleaseSysCache(tuple);
		return;
	}
	now = a != NULL ? pstrdup(NameStr(a->attname)) : NULL;
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("the mask of column \"%s\" of table \"%s.%s\" fits no column", recorded,
					get_namespace_name(get_rel_namespace(relid)), get_rel_name(relid)),
			 now != NULL ? errdetail("It was set for column number %d, which is \"%s\" now.", attnum, now) :
			 errdetail("It was set for column number %d, which does not exist.", attnum),
			 errhint("Call lakehouse.cdc_mask_set for the column that is to be masked, or lakehouse.cdc_mask_drop with the old name.")));
}

static void
read_row(LhCdc *cdc, LhCdcMasks *masks, TupleTableSlot *slot)
{
	TableMask  *m = palloc(sizeof(TableMask));
	char	   *description;

	slot_getallattrs(slot);
	for (int i = COLUMN_RELATION; i <= COLUMN_MASK; i++)
	{
		if (slot->tts_isnull[i - 1])
			elog(ERROR, "a row of lakehouse.cdc_masks has NULLs");
	}
	m->relid = DatumGetObjectId(slot->tts_values[COLUMN_RELATION - 1]);
	m->attnum = DatumGetInt16(slot->tts_values[COLUMN_ATTNUM - 1]);
	check_name(m->relid, m->attnum, NameStr(*DatumGetName(slot->tts_values[COLUMN_NAME - 1])));
	description = TextDatumGetCString(slot->tts_values[COLUMN_MASK - 1]);
	m->mask = make_mask(cdc->ctx, masks, lh_cell_utf8(cdc->ctx, description));
	masks->masks = lappend(masks->masks, m);
}

static void
read_table(LhCdc *cdc, LhCdcMasks *masks)
{
	/* a standby takes no locks that conflict with writers, and has none */
	LOCKMODE	lock = RecoveryInProgress() ? AccessShareLock : ShareLock;
	Relation	rel = table_open(masks->table, lock);
	TupleTableSlot *slot = table_slot_create(rel, NULL);
	Snapshot	snapshot = RegisterSnapshot(GetLatestSnapshot());
	TableScanDesc scan = table_beginscan(rel, snapshot, 0, NULL);

	while (table_scan_getnextslot(scan, ForwardScanDirection, slot))
		read_row(cdc, masks, slot);
	table_endscan(scan);
	UnregisterSnapshot(snapshot);
	ExecDropSingleTupleTableSlot(slot);
	/* kept until the transaction ends */
	table_close(rel, NoLock);
}

/* Our own tables, where the extension is; an extension without it is older than the library. */
static void
find_tables(LhCdcMasks *masks)
{
	Oid			extension = get_extension_oid("lakehouse", true);
	Oid			schema;

	if (!OidIsValid(extension))
		return;
	masks->own = lh_pg_dependents(ExtensionRelationId, extension, RelationRelationId, DEPENDENCY_EXTENSION);
	schema = get_namespace_oid("lakehouse", true);
	if (OidIsValid(schema))
		masks->table = get_relname_relid("cdc_masks", schema);
	if (!OidIsValid(masks->table))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("extension \"lakehouse\" of this database has no table lakehouse.cdc_masks"),
				 errhint("Run ALTER EXTENSION lakehouse UPDATE.")));
}

/* ---- the consumer's ---- */

/* "schema.table.column:mask;..." */
static void
read_consumer(LhCdc *cdc, LhCdcMasks *masks)
{
	const char *list = cdc->options.masks;
	char	   *item;

	while ((item = lh_cdc_next_item(&list, ';')) != NULL)
	{
		ConsumerMask *m = palloc(sizeof(ConsumerMask));
		char	   *colon = strchr(item, ':');

		if (*item == '\0')
			continue;
		if (colon == NULL || colon == item)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("option \"masks\" has an item that is not schema.table.column:mask"),
					 errhint("For example \"public.person.ssn:null;public.person.name:truncate:1\".")));
		*colon = '\0';
		m->column = item;
		m->mask = make_mask(cdc->ctx, masks, colon + 1);
		masks->consumer = lappend(masks->consumer, m);
	}
}

LhCdcMasks *
lh_cdc_read_masks(LhCdc *cdc)
{
	MemoryContext old = MemoryContextSwitchTo(cdc->mcxt);
	LhCdcMasks *masks = palloc0(sizeof(LhCdcMasks));

	find_tables(masks);
	if (OidIsValid(masks->table))
		read_table(cdc, masks);
	read_consumer(cdc, masks);
	if (masks->masks != NIL || masks->consumer != NIL)
		lh_pg_check(cdc->ctx, lh_mask_create(cdc->ctx, "null", NULL, &masks->derived));
	forget_key(masks);
	MemoryContextSwitchTo(old);
	return masks;
}

/* ---- questions ---- */

bool
lh_cdc_is_own_table(LhCdc *cdc, Oid relid)
{
	return list_member_oid(cdc->masks->own, relid);
}

List *
lh_cdc_own_tables(LhCdc *cdc)
{
	return cdc->masks->own;
}

static const LhMask *
stricter(const LhMask *a, const LhMask *b)
{
	return a == NULL ? b : b == NULL ? a : lh_mask_stricter(a, b);
}

static const LhMask *
table_mask(LhCdcMasks *masks, Oid relid, AttrNumber attnum)
{
	ListCell   *lc;

	foreach(lc, masks->masks)
	{
		TableMask  *m = lfirst(lc);

		if (m->relid == relid && m->attnum == attnum)
			return m->mask;
	}
	return NULL;
}

static const LhMask *
consumer_mask(LhCdcMasks *masks, const char *schema, const char *table, const char *column)
{
	char	   *full;
	const LhMask *mask = NULL;
	ListCell   *lc;

	if (masks->consumer == NIL)
		return NULL;
	full = psprintf("%s.%s.%s", schema, table, column);
	foreach(lc, masks->consumer)
	{
		ConsumerMask *m = lfirst(lc);

		if (strcmp(m->column, full) == 0)
			mask = stricter(mask, m->mask);
	}
	return mask;
}

/* The masks that were set for a column, whatever it is made from. */
static const LhMask *
set_mask(LhCdc *cdc, Relation relation, AttrNumber attnum, const char *schema, const char *table,
		 const char *column)
{
	LhCdcMasks *masks = cdc->masks;
	const LhMask *mask = stricter(table_mask(masks, RelationGetRelid(relation), attnum),
								  consumer_mask(masks, schema, table, column));

	/* a partition's columns have the names of those above, not always their numbers */
	if (masks->masks != NIL && relation->rd_rel->relispartition)
	{
		const char *name = NameStr(TupleDescAttr(RelationGetDescr(relation), attnum - 1)->attname);
		List	   *ancestors = get_partition_ancestors(RelationGetRelid(relation));
		ListCell   *lc;

		foreach(lc, ancestors)
			mask = stricter(mask, table_mask(masks, lfirst_oid(lc), get_attnum(lfirst_oid(lc), name)));
	}
	return mask;
}

/* Is a generated column made from one that has a mask? */
static bool
shows_masked(LhCdc *cdc, Relation relation, AttrNumber attnum, const char *schema, const char *table)
{
	TupleDesc	desc = RelationGetDescr(relation);
	Bitmapset  *used = NULL;
	int			k = -1;

	for (int i = 0; desc->constr != NULL && i < desc->constr->num_defval; i++)
	{
		if (desc->constr->defval[i].adnum == attnum)
			pull_varattnos(stringToNode(desc->constr->defval[i].adbin), 1, &used);
	}
	while ((k = bms_next_member(used, k)) >= 0)
	{
		AttrNumber	from = k + FirstLowInvalidHeapAttributeNumber;

		if (from > 0 && set_mask(cdc, relation, from, schema, table,
								 lh_cell_utf8(cdc->ctx, NameStr(TupleDescAttr(desc, from - 1)->attname))) != NULL)
			return true;
	}
	return false;
}

const LhMask *
lh_cdc_mask_of(LhCdc *cdc, Relation relation, AttrNumber attnum, const char *schema, const char *table,
			   const char *column)
{
	const LhMask *mask;

	if (cdc->masks->derived == NULL)
		return NULL;
	mask = set_mask(cdc, relation, attnum, schema, table, column);
	if (TupleDescAttr(RelationGetDescr(relation), attnum - 1)->attgenerated != '\0' && mask == NULL &&
		shows_masked(cdc, relation, attnum, schema, table))
		mask = cdc->masks->derived;
	return mask;
}

bool
lh_cdc_has_masks(LhCdc *cdc)
{
	return cdc->masks->derived != NULL || lh_cdc_has_policies(cdc);
}

bool
lh_cdc_masks_table(LhCdc *cdc, Oid relid, const char *schema, const char *table)
{
	const char *full = schema != NULL ? psprintf("%s.%s.", schema, table) : NULL;
	ListCell   *lc;

	if (lh_cdc_policies_hide(cdc, relid))
		return true;
	foreach(lc, cdc->masks->masks)
	{
		if (((TableMask *) lfirst(lc))->relid == relid)
			return true;
	}
	foreach(lc, cdc->masks->consumer)
	{
		if (full != NULL && strncmp(((ConsumerMask *) lfirst(lc))->column, full, strlen(full)) == 0)
			return true;
	}
	return false;
}
