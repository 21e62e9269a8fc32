/*
 * columns.c
 *		Which relations and columns a statement uses, and what policies made of them.
 *
 * From the privileges that its final plan has checked: they name each column that is read or written, also in conditions,
 * once for all the entries that views, rules and inheritance made of a relation.  Columns of a relation under policies come from
 * privacy instead (LhFeatures.policy_uses), which has replaced it.
 *
 * Describing takes dozens of look-ups in catalogs, so descriptions are kept.  What they depend on is the key, compared as a whole: who asks, for
 * what purpose, under which name of an application; the statement's fingerprint; relations with their columns, and the marks that policies
 * left.  Names change rarely: all are forgotten when a role, a schema or a relation does.
 */
#include "pg/audit/audit.h"

#include "access/htup_details.h"
#include "access/sysattr.h"
#include "catalog/catalog.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_namespace.h"
#include "commands/dbcommands.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "nodes/bitmapset.h"
#include "nodes/nodeFuncs.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

#include "pg/util/features.h"

/* Its header asks for one of Kerberos that need not be there; without, the struct is the same. */
#undef ENABLE_GSS
#include "libpq/libpq-be.h"

#define COLUMN(attnum) ((attnum) - FirstLowInvalidHeapAttributeNumber)
#define ATTNUM(member) ((AttrNumber) ((member) + FirstLowInvalidHeapAttributeNumber))

/* A relation that a statement uses. */
typedef struct Used
{
	Oid			relid;
	Bitmapset  *read;
	Bitmapset  *written;
} Used;

static MemoryContext kept;		/* descriptions, and core's context */
static LhCtx *ctx;				/* its arena is reset for each description */
static LhCtx *uses_ctx;			/* of uses: a buffer that never grows */
static LhBuf uses_bytes;

/* ---- descriptions that are kept ---- */

typedef struct Slot
{
	char	   *key;			/* the description follows; NULL: empty */
	uint32		key_len;
	uint32		len;
	uint32		version;
	bool		wanted;
} Slot;

#define SLOTS 256				/* a power of two */
#define KEY_MOST 2048

static Slot slots[SLOTS];
static uint32 version = 1;		/* older ones are not good any more */

typedef struct Key
{
	size_t		len;
	bool		full;
	char		bytes[KEY_MOST];
} Key;

static inline void
put(Key *key, const void *p, size_t n)
{
	if (unlikely(key->len + n > KEY_MOST))
	{
		key->full = true;
		return;
	}
	memcpy(key->bytes + key->len, p, n);
	key->len += n;
}

static inline void
put_text(Key *key, const char *text)
{
	put(key, text != NULL ? text : "", text != NULL ? strlen(text) + 1 : 1);
}

static inline void
put_columns(Key *key, const Bitmapset *columns)
{
	int			words = columns != NULL ? columns->nwords : 0;

	put(key, &words, sizeof(words));
	if (words > 0)
		put(key, columns->words, sizeof(bitmapword) * words);
}

static void
plan_key(Key *key, const PlannedStmt *plan, LhAuditPrint print, const char *command, const LhAuditChain *chain, bool force)
{
	struct
	{
		uint64		print;
		uint32		filter;
		Oid			session;
		int			command;
		int			roles;
		int			force;
		int			of_text;
	}			head = {print.hash, lh_audit_filter_version(), GetSessionUserId(), plan->commandType, chain->n, force, print.of_text};
	ListCell   *lc;

	key->len = 0;
	key->full = false;
	put(key, &head, sizeof(head));
	put(key, chain->roles, sizeof(Oid) * chain->n);
	put_text(key, command);
	put_text(key, lakehouse_purpose);
	put_text(key, application_name);
	foreach(lc, plan->rtable)
	{
		RangeTblEntry *rte = lfirst(lc);
		LhPrivileges p;

		if (!OidIsValid(rte->relid))
			continue;
		put(key, &rte->relid, sizeof(Oid));
		if (!lh_privileges(LH_PLAN_PRIVILEGES(plan), rte, &p))
			continue;
		put(key, p.required, sizeof(AclMode));
		put_columns(key, *p.selected);
		put_columns(key, *p.inserted);
		put_columns(key, *p.updated);
		put_text(key, rte->rtekind == RTE_RELATION ? rte->enrname : NULL);
	}
}

static Slot *
slot_of(const Key *key)
{
	return &slots[lh_hash_bytes(key->bytes, key->len, 0) & (SLOTS - 1)];
}

static inline bool
is_kept(const Slot *slot, const Key *key)
{
	return slot->key != NULL && slot->version == version && slot->key_len == key->len &&
		memcmp(slot->key, key->bytes, key->len) == 0;
}

static void
keep(Slot *slot, const Key *key, uint32 as_of, const LhAuditBody *body)
{
	char	   *old = slot->key;
	char	   *copy = MemoryContextAlloc(kept, key->len + body->bytes.len);

	memcpy(copy, key->bytes, key->len);
	if (body->bytes.len > 0)
		memcpy(copy + key->len, body->bytes.data, body->bytes.len);
	*slot = (Slot) {copy, (uint32) key->len, (uint32) body->bytes.len, as_of, body->wanted};
	if (old != NULL)
		pfree(old);
}

static void
relation_changed(Datum arg, Oid relid)
{
	version++;
}

static void
name_changed(Datum arg, int cache, uint32 hash)
{
	version++;
}

void
lh_audit_columns_init(void)
{
	if (kept != NULL)
		return;
	kept = AllocSetContextCreate(TopMemoryContext, "lakehouse audit", ALLOCSET_DEFAULT_SIZES);
	CacheRegisterRelcacheCallback(relation_changed, (Datum) 0);
	CacheRegisterSyscacheCallback(AUTHOID, name_changed, (Datum) 0);
	CacheRegisterSyscacheCallback(NAMESPACEOID, name_changed, (Datum) 0);
	ctx = lh_pg_ctx(kept, 0, NULL);
	uses_ctx = lh_pg_ctx(kept, 0, NULL);
	lh_pg_check(uses_ctx, lh_buf_init(uses_ctx, &uses_bytes, false));
	lh_pg_check(uses_ctx, lh_buf_reserve(uses_ctx, &uses_bytes, LH_AUDIT_RECORD_MOST));
}

/* ---- who ---- */

static LhSlice
utf8(const char *text)
{
	char	   *converted;

	if (text == NULL)
		return (LhSlice) {0};
	converted = pg_server_to_any(text, (int) strlen(text), PG_UTF8);
	return lh_slice(converted, strlen(converted));
}

static char *
role_name(Oid role)
{
	char	   *name = OidIsValid(role) ? GetUserNameFromId(role, true) : NULL;

	return name != NULL ? name : pstrdup("");
}

static const char *
address(void)
{
	if (MyProcPort == NULL)
		return NULL;
	if (MyProcPort->remote_host == NULL || MyProcPort->remote_host[0] == '\0' || strcmp(MyProcPort->remote_host, "[local]") == 0)
		return "local";
	return psprintf(strchr(MyProcPort->remote_host, ':') != NULL ? "[%s]:%s" : "%s:%s", MyProcPort->remote_host,
					MyProcPort->remote_port != NULL ? MyProcPort->remote_port : "");
}

/* Names are as they are, but for those that would be taken for two. */
static char *
chain_text(const LhAuditChain *chain)
{
	StringInfoData s;

	initStringInfo(&s);
	for (int i = 0; i < chain->n; i++)
	{
		const char *name = role_name(chain->roles[i]);

		appendStringInfo(&s, "%s%s", i > 0 ? "," : "", strpbrk(name, ",\"") != NULL ? quote_identifier(name) : name);
	}
	return s.data;
}

static void
describe_who(LhAuditRecord *r, const LhAuditChain *chain)
{
	r->database = utf8(get_database_name(MyDatabaseId));
	r->session_user = utf8(role_name(GetSessionUserId()));
	r->role = utf8(role_name(chain->n > 0 ? chain->roles[0] : InvalidOid));
	r->roles = utf8(chain_text(chain));
	r->application = utf8(application_name);
	r->address = utf8(address());
	r->purpose = utf8(lakehouse_purpose);
}

/* ---- what ---- */

static Used *
used_of(List **all, Oid relid)
{
	Used	   *u;
	ListCell   *lc;

	foreach(lc, *all)
	{
		u = lfirst(lc);
		if (u->relid == relid)
			return u;
	}
	u = palloc0(sizeof(Used));
	u->relid = relid;
	*all = lappend(*all, u);
	return u;
}

/* A partition, say, that has policies and is read by its parent's name: nobody asks for privileges on it. */
static bool
is_child_with_policy(const RangeTblEntry *rte)
{
	return rte->rtekind == RTE_RELATION && lh_features.has_policy != NULL && lh_features.has_policy(rte->relid);
}

/* Entries whose privileges are checked; of those that policies have replaced only what is written. */
static void
collect(List **all, List *rtable, List *infos)
{
	ListCell   *lc;

	foreach(lc, rtable)
	{
		RangeTblEntry *rte = lfirst(lc);
		LhPrivileges p;
		bool		asked;
		Used	   *u;

		if (!OidIsValid(rte->relid) ||
			(rte->rtekind == RTE_RELATION && lh_features.policy_entry != NULL && lh_features.policy_entry(rte)))
			continue;
		asked = lh_privileges(infos, rte, &p);
		if ((!asked || *p.required == 0) && !is_child_with_policy(rte))
			continue;
		u = used_of(all, rte->relid);
		if (!asked)
			continue;
		u->read = bms_add_members(u->read, *p.selected);
		u->written = bms_add_members(bms_add_members(u->written, *p.inserted), *p.updated);
	}
}

static void
collect_uses(List **all, List *uses)
{
	ListCell   *lc;

	foreach(lc, uses)
	{
		const LhPolicyUse *use = lfirst(lc);
		Used	   *u = used_of(all, use->relid);

		if (use->attnum > 0)
			u->read = bms_add_member(u->read, COLUMN(use->attnum));
	}
}

/* Of PostgreSQL, or of this extension. */
static bool
is_system(Oid relid, const char *schema)
{
	Oid			namespace = get_rel_namespace(relid);

	return namespace == PG_CATALOG_NAMESPACE || isAnyTempNamespace(namespace) || IsToastNamespace(namespace) ||
		(schema != NULL && (strcmp(schema, "information_schema") == 0 || strcmp(schema, "lakehouse") == 0 ||
							strcmp(schema, "lakehouse_policies") == 0 || strcmp(schema, "lakehouse_domains") == 0));
}

/* Does the filter ask for this relation? */
static bool
wants(const LhAuditWanted *wanted, Oid relid)
{
	const char *schema = get_namespace_name(get_rel_namespace(relid));

	if (wanted->policies && lh_features.has_policy != NULL && lh_features.has_policy(relid))
		return true;
	if (schema != NULL && lh_audit_wants_schema(schema))
		return true;
	return wanted->relations && !is_system(relid, schema);
}

static bool
wants_any(List *all, const LhAuditChain *chain)
{
	LhAuditWanted wanted = lh_audit_wanted();
	ListCell   *lc;

	if (wanted.all || lh_audit_wants_role(role_name(GetSessionUserId())))
		return true;
	for (int i = 0; i < chain->n; i++)
	{
		if (lh_audit_wants_role(role_name(chain->roles[i])))
			return true;
	}
	foreach(lc, all)
	{
		if (wants(&wanted, ((Used *) lfirst(lc))->relid))
			return true;
	}
	return false;
}

static const LhPolicyUse *
policy_of(List *uses, Oid relid, AttrNumber attnum)
{
	ListCell   *lc;

	foreach(lc, uses)
	{
		const LhPolicyUse *use = lfirst(lc);

		if (use->relid == relid && use->attnum == attnum)
			return use;
	}
	return NULL;
}

/* One column read, or written; dropped ones and those of the system are not told. */
static void
describe_column(LhAuditColumn *columns, int *n, const Used *u, AttrNumber attnum, bool written, List *uses)
{
	const LhPolicyUse *use = written ? NULL : policy_of(uses, u->relid, attnum);
	const char *name = attnum > 0 ? get_attname(u->relid, attnum, true) : NULL;

	if (name == NULL)
		return;
	columns[*n].name = utf8(name);
	columns[*n].written = written;
	if (use != NULL)
	{
		columns[*n].policy = utf8(use->policy);
		columns[*n].mask = utf8(use->mask);
	}
	(*n)++;
}

static AttrNumber
number_of_columns(Oid relid)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	AttrNumber	natts;

	if (!HeapTupleIsValid(tuple))
		return 0;
	natts = ((Form_pg_class) GETSTRUCT(tuple))->relnatts;
	ReleaseSysCache(tuple);
	return natts;
}

static void
describe_columns(LhAuditRelation *r, const Used *u, List *uses)
{
	AttrNumber	natts = number_of_columns(u->relid);
	LhAuditColumn *columns = palloc0(sizeof(LhAuditColumn) * (2 * natts + 1));
	bool		whole_read = bms_is_member(COLUMN(InvalidAttrNumber), u->read);
	bool		whole_written = bms_is_member(COLUMN(InvalidAttrNumber), u->written);

	for (AttrNumber attnum = 1; attnum <= natts; attnum++)
	{
		if (whole_read || bms_is_member(COLUMN(attnum), u->read))
			describe_column(columns, &r->ncolumns, u, attnum, false, uses);
		if (whole_written || bms_is_member(COLUMN(attnum), u->written))
			describe_column(columns, &r->ncolumns, u, attnum, true, uses);
	}
	r->columns = columns;
}

static LhSlice
filters_of(Oid relid, List *uses)
{
	StringInfoData s;
	ListCell   *lc;

	initStringInfo(&s);
	foreach(lc, uses)
	{
		const LhPolicyUse *use = lfirst(lc);

		if (use->relid == relid && use->attnum == InvalidAttrNumber && use->policy != NULL)
			appendStringInfo(&s, "%s%s", s.len > 0 ? "," : "", use->policy);
	}
	return utf8(s.data);
}

static void
describe_relation(LhAuditRelation *r, const Used *u, List *uses)
{
	r->schema = utf8(get_namespace_name(get_rel_namespace(u->relid)));
	r->name = utf8(get_rel_name(u->relid));
	r->oid = u->relid;
	r->kind = get_rel_relkind(u->relid);
	/* it was dropped meanwhile */
	if (r->kind == '\0')
		r->kind = RELKIND_RELATION;
	r->filters = filters_of(u->relid, uses);
	describe_columns(r, u, uses);
}

static void
describe_made(LhAuditRelation *r, const RangeVar *into)
{
	*r = (LhAuditRelation) {.schema = utf8(into->schemaname), .name = utf8(into->relname), .kind = RELKIND_RELATION};
}

/* Catalogs are the noise of every tool. */
bool
lh_audit_is_told(Oid relid)
{
	char	   *schema = get_namespace_name(get_rel_namespace(relid));

	return !is_system(relid, schema) || (schema != NULL && lh_audit_wants_schema(schema)) ||
		(lh_features.has_policy != NULL && lh_features.has_policy(relid));
}

static void
describe_relations(LhAuditRecord *r, List *all, List *uses, const RangeVar *into)
{
	LhAuditRelation *relations = palloc0(sizeof(LhAuditRelation) * (list_length(all) + 1));
	ListCell   *lc;

	foreach(lc, all)
	{
		const Used *u = lfirst(lc);

		if (lh_audit_is_told(u->relid))
			describe_relation(&relations[r->nrelations++], u, uses);
	}
	if (into != NULL)
		describe_made(&relations[r->nrelations++], into);
	r->relations = relations;
}

/* ---- as bytes ---- */

static LhSlice
encode(const LhAuditRecord *r)
{
	LhBuf		out;

	lh_arena_reset(ctx->arena);
	lh_pg_check(ctx, lh_buf_init(ctx, &out, false));
	lh_pg_check(ctx, lh_audit_encode(ctx, r, &out));
	return lh_slice(out.data, out.len);
}

static const char *
command_of(CmdType type)
{
	switch (type)
	{
		case CMD_SELECT:
			return "SELECT";
		case CMD_INSERT:
			return "INSERT";
		case CMD_UPDATE:
			return "UPDATE";
		case CMD_DELETE:
			return "DELETE";
		case CMD_MERGE:
			return "MERGE";
		default:
			return "UTILITY";
	}
}

/* In the present context, which the caller throws away.  more: relations that it is about, too. */
static LhAuditBody
describe_part(const char *command, LhAuditPrint print, List *all, uint64 more, List *uses, const RangeVar *into, const LhAuditChain *chain, bool force)
{
	LhAuditBody body = {.wanted = wants_any(all, chain)};
	LhAuditRecord r = {.kind = LH_AUDIT_INTENT};

	if (!body.wanted && !force)
		return body;
	describe_who(&r, chain);
	r.command = utf8(command);
	r.fingerprint = utf8(lh_audit_print_text(print));
	if (more > 0)
	{
		r.detail = utf8(psprintf("and " UINT64_FORMAT " more relations", more));
		r.cut = true;
	}
	describe_relations(&r, all, uses, into);
	body.bytes = encode(&r);
	return body;
}

static LhAuditBody
describe(const char *command, LhAuditPrint print, List *all, List *uses, const RangeVar *into, const LhAuditChain *chain, bool force)
{
	return describe_part(command, print, all, 0, uses, into, chain, force);
}

static MemoryContext
work_begin(MemoryContext *old)
{
	MemoryContext work;

	lh_audit_columns_init();
	work = AllocSetContextCreate(CurrentMemoryContext, "lakehouse audit description", ALLOCSET_SMALL_SIZES);
	*old = MemoryContextSwitchTo(work);
	return work;
}

static void
work_end(MemoryContext work, MemoryContext old)
{
	MemoryContextSwitchTo(old);
	MemoryContextDelete(work);
}

/* The usual answer for the usual filter, as cheap as it can be: no relation of it has policies, and nothing else is asked for. */
bool
lh_audit_clearly_unwanted(const PlannedStmt *plan)
{
	ListCell   *lc;

	if (!lh_audit_wants_only_policies() || lh_features.has_policy == NULL)
		return false;
	foreach(lc, plan->rtable)
	{
		const RangeTblEntry *rte = lfirst(lc);

		if (OidIsValid(rte->relid) && lh_features.has_policy(rte->relid))
			return false;
	}
	return true;
}

LhAuditBody
lh_audit_plan_body(PlannedStmt *plan, const char *source, const char *command, const RangeVar *into, const LhAuditChain *chain, bool force)
{
	static Key	key;
	LhAuditPrint print = lh_audit_print(source, plan->stmt_location, plan->stmt_len, (uint64) plan->queryId);
	MemoryContext old;
	MemoryContext work;
	LhAuditBody body;
	List	   *all = NIL;
	List	   *uses = NIL;
	Slot	   *slot;
	uint32		as_of = version;

	plan_key(&key, plan, print, command, chain, force);
	slot = slot_of(&key);
	if (likely(into == NULL && !key.full && is_kept(slot, &key)))
		return (LhAuditBody) {slot->wanted, lh_slice(slot->key + slot->key_len, slot->len)};
	work = work_begin(&old);
	as_of = version;
	if (lh_features.policy_uses != NULL)
		uses = lh_features.policy_uses(plan);
	collect(&all, plan->rtable, LH_PLAN_PRIVILEGES(plan));
	collect_uses(&all, uses);
	body = describe(command != NULL ? command : command_of(plan->commandType), print, all, uses, into, chain, force);
	/* describing may have called for descriptions itself; the key is as it was */
	if (into == NULL && !key.full)
		keep(slot, &key, as_of, &body);
	work_end(work, old);
	return body;
}

static bool
collect_query(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, Query))
	{
		Query	   *query = (Query *) node;

		check_stack_depth();
		collect(context, query->rtable, LH_QUERY_PRIVILEGES(query));
		return query_tree_walker(query, collect_query, context, 0);
	}
	return expression_tree_walker(node, collect_query, context);
}

LhAuditBody
lh_audit_query_body(Query *query, const char *source, const LhAuditChain *chain)
{
	LhAuditPrint print = lh_audit_print(source, query->stmt_location, query->stmt_len, (uint64) query->queryId);
	MemoryContext old;
	MemoryContext work = work_begin(&old);
	LhAuditBody body;
	List	   *all = NIL;

	(void) collect_query((Node *) query, &all);
	body = describe(command_of(query->commandType), print, all, NIL, NULL, chain, true);
	work_end(work, old);
	return body;
}

LhAuditBody
lh_audit_relations_body(const char *command, List *relations, List *columns, bool written, const LhAuditChain *chain, bool force)
{
	MemoryContext old;
	MemoryContext work = work_begin(&old);
	LhAuditBody body;
	List	   *all = NIL;
	ListCell   *lc;

	foreach(lc, relations)
	{
		Used	   *u = used_of(&all, lfirst_oid(lc));
		ListCell   *column;

		if (foreach_current_index(lc) > 0)
			continue;
		foreach(column, columns)
		{
			Bitmapset **to = written ? &u->written : &u->read;

			*to = bms_add_member(*to, COLUMN(lfirst_int(column)));
		}
	}
	body = describe(command, (LhAuditPrint) {0}, all, NIL, NULL, chain, force);
	work_end(work, old);
	return body;
}

static List *
used_relations(const List *relations)
{
	List	   *all = NIL;
	ListCell   *lc;

	foreach(lc, relations)
	{
		Used	   *u = palloc0(sizeof(Used));

		u->relid = lfirst_oid(lc);
		all = lappend(all, u);
	}
	return all;
}

LhAuditBody
lh_audit_utility_body(const LhAuditUtility *what, const LhAuditChain *chain)
{
	MemoryContext old;
	MemoryContext work;
	LhAuditBody body = {0};
	uint64		more;
	List	   *told;

	if (list_length(what->relations) <= 1)
		return lh_audit_relations_body(what->command, what->relations, what->columns, what->written, chain, false);
	work = work_begin(&old);
	/* the filter is asked about all */
	if (wants_any(used_relations(what->relations), chain))
	{
		told = lh_audit_told(what, &more);
		body = describe_part(what->command, (LhAuditPrint) {0}, used_relations(told), more, NIL, NULL, chain, true);
		body.wanted = true;
	}
	work_end(work, old);
	return body;
}

LhAuditBody
lh_audit_event_body(const char *action, const char *kind, const char *name, const char *detail, const LhAuditChain *chain)
{
	MemoryContext old;
	MemoryContext work = work_begin(&old);
	LhAuditRecord r = {.kind = LH_AUDIT_EVENT, .result = LH_AUDIT_OK};
	LhAuditBody body = {.wanted = true};

	describe_who(&r, chain);
	r.command = utf8(action);
	r.object = utf8(psprintf("%s/%s", kind, name != NULL ? name : ""));
	r.detail = utf8(detail);
	body.bytes = encode(&r);
	work_end(work, old);
	return body;
}

/* ---- without catalogs ---- */

/* Texts as they are: the line has U+FFFD for what is no UTF-8. */
static LhSlice
raw(const char *text)
{
	return text != NULL ? lh_slice(text, strlen(text)) : (LhSlice) {0};
}

static LhSlice
encode_aside(const LhAuditRecord *r)
{
	/* its room is there since the beginning, so nothing is allocated */
	uses_bytes.len = 0;
	if (uses_ctx == NULL || lh_audit_encode(uses_ctx, r, &uses_bytes) != LH_OK)
		return (LhSlice) {0};
	return lh_slice(uses_bytes.data, uses_bytes.len);
}

LhSlice
lh_audit_uses_body(const LhAuditUsed *used, int n)
{
	LhAuditRecord r = {.kind = LH_AUDIT_OUTCOME, .result = LH_AUDIT_OK, .nused = n, .used = used};

	return n > 0 ? encode_aside(&r) : (LhSlice) {0};
}

LhSlice
lh_audit_session_body(const char *command)
{
	LhAuditRecord r = {.kind = LH_AUDIT_OUTCOME, .result = LH_AUDIT_DENIED};

	if (MyProcPort != NULL)
	{
		r.database = raw(MyProcPort->database_name);
		r.session_user = raw(MyProcPort->user_name);
		r.application = raw(application_name);
		r.address = raw(MyProcPort->remote_host != NULL && strcmp(MyProcPort->remote_host, "[local]") == 0 ? "local" :
						MyProcPort->remote_host);
	}
	r.purpose = raw(lakehouse_purpose);
	r.command = raw(command);
	return encode_aside(&r);
}
