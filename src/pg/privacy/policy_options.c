/*
 * policy_options.c
 *		The jsonb of a policy's definition.
 *
 *	{"purposes": ["billing"], "until": "2027-01-01T00:00:00Z",
 *	 "except_purposes": ["fraud"], "except_until": "2026-12-24T18:00:00Z", "superusers": true, "session_user": true,
 *	 "other_paths": true,
 *	 "writes": "allow",
 *	 "tag": "pii.ssn", "tag_mask": "lakehouse.mask_null(value)", "origin": "name of a policy of a tag",
 *	 "inherits": "name of a policy of a table"}
 *
 * Users give the second and third line and "tag" as options; what has arguments of its own is put beside it.
 * A key that is not in the list makes the policy unusable: it may have been written by a later version that
 * means something by it.
 */
#include "pg/privacy/policy_internal.h"

#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/timestamp.h"

typedef enum OptionType
{
	OPTION_BOOL, OPTION_TEXT, OPTION_LIST, OPTION_TIME
} OptionType;

static const struct
{
	const char *name;
	OptionType	type;
	bool		given;			/* by users, in options */
	size_t		at;				/* in LhPolicy */
}			table[] = {
	{"purposes", OPTION_LIST, false, offsetof(LhPolicy, purposes)},
	{"until", OPTION_TIME, false, offsetof(LhPolicy, until)},
	{"except_purposes", OPTION_LIST, true, offsetof(LhPolicy, except_purposes)},
	{"except_until", OPTION_TIME, true, offsetof(LhPolicy, except_until)},
	{"superusers", OPTION_BOOL, true, offsetof(LhPolicy, superusers)},
	{"session_user", OPTION_BOOL, true, offsetof(LhPolicy, session_user)},
	{"other_paths", OPTION_BOOL, true, offsetof(LhPolicy, other_paths)},
	{"writes", OPTION_TEXT, true, offsetof(LhPolicy, writes)},
	{"tag", OPTION_TEXT, true, offsetof(LhPolicy, tag)},
	{"tag_mask", OPTION_TEXT, false, offsetof(LhPolicy, tag_mask)},
	{"origin", OPTION_TEXT, false, offsetof(LhPolicy, origin)},
	{"inherits", OPTION_TEXT, false, offsetof(LhPolicy, inherits)},
};

/* ---- read ---- */

/* An absolute time, without an ERROR for what is none. */
static bool
read_time(const char *text, TimestampTz *time)
{
	struct pg_tm tm;
	fsec_t		fsec;
	int			dtype,
				nf,
				tz = 0;
	char	   *field[MAXDATEFIELDS];
	int			ftype[MAXDATEFIELDS];
	char		work[MAXDATELEN + MAXDATEFIELDS];
#if PG_VERSION_NUM >= 160000
	DateTimeErrorExtra extra;
#endif

	/* neither "tomorrow" nor what else would be another time at the next reading */
	if (!(text[0] >= '0' && text[0] <= '9') && strcmp(text, "infinity") != 0)
		return false;
	if (ParseDateTime(text, work, sizeof(work), field, ftype, MAXDATEFIELDS, &nf) != 0)
		return false;
#if PG_VERSION_NUM >= 160000
	if (DecodeDateTime(field, ftype, nf, &dtype, &tm, &fsec, &tz, &extra) != 0)
		return false;
#else
	if (DecodeDateTime(field, ftype, nf, &dtype, &tm, &fsec, &tz) != 0)
		return false;
#endif
	if (dtype == DTK_LATE)
		*time = DT_NOEND;
	else if (dtype != DTK_DATE || tm2timestamp(&tm, fsec, &tz, time) != 0)
		return false;
	return true;
}

static char *
value_text(const JsonbValue *value)
{
	return pnstrdup(value->val.string.val, value->val.string.len);
}

static bool
read_list(const JsonbValue *value, List **list)
{
	JsonbIterator *it;
	JsonbIteratorToken token;
	JsonbValue	member;

	*list = NIL;
	if (value->type != jbvBinary || !JsonContainerIsArray(value->val.binary.data))
		return false;
	it = JsonbIteratorInit(value->val.binary.data);
	while ((token = JsonbIteratorNext(&it, &member, true)) != WJB_DONE)
	{
		if (token != WJB_ELEM)
			continue;
		if (member.type != jbvString || member.val.string.len == 0)
			return false;
		*list = lappend(*list, value_text(&member));
	}
	return true;
}

static bool
read_value(LhPolicy *policy, int i, const JsonbValue *value)
{
	char	   *at = (char *) policy + table[i].at;

	switch (table[i].type)
	{
		case OPTION_BOOL:
			*(bool *) at = value->type == jbvBool && value->val.boolean;
			return value->type == jbvBool;
		case OPTION_TEXT:
			if (value->type != jbvString || value->val.string.len == 0)
				return false;
			*(const char **) at = value_text(value);
			return true;
		case OPTION_LIST:
			return read_list(value, (List **) at);
		case OPTION_TIME:
			return value->type == jbvString && value->val.string.len < MAXDATELEN &&
				read_time(value_text(value), (TimestampTz *) at);
	}
	return false;
}

static int
find_option(const JsonbValue *key)
{
	for (int i = 0; i < (int) lengthof(table); i++)
		if ((size_t) key->val.string.len == strlen(table[i].name) &&
			memcmp(key->val.string.val, table[i].name, key->val.string.len) == 0)
			return i;
	return -1;
}

const char *
lh_policy_options_read(LhPolicy *policy, const Jsonb *definition)
{
	JsonbIterator *it = JsonbIteratorInit(unconstify(JsonbContainer *, &definition->root));
	JsonbIteratorToken token;
	JsonbValue	value;
	int			i = -1;

	policy->until = DT_NOEND;
	policy->except_until = DT_NOEND;
	while ((token = JsonbIteratorNext(&it, &value, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
		{
			i = find_option(&value);
			if (i < 0)
				return psprintf("it has an option \"%s\", which this version does not know", value_text(&value));
		}
		else if (token == WJB_VALUE && i >= 0 && !read_value(policy, i, &value))
			return psprintf("its option \"%s\" is not valid", table[i].name);
	}
	if (policy->writes != NULL && strcmp(policy->writes, "allow") != 0 && strcmp(policy->writes, "deny") != 0)
		return "its option \"writes\" is neither \"allow\" nor \"deny\"";
	if (policy->tag != NULL && policy->relid != InvalidOid)
		return "it is of a tag and of a relation at once";
	if ((policy->tag != NULL) != (policy->tag_mask != NULL))
		return "it has a tag without a mask, or a mask for a tag without one";
	return NULL;
}

/* ---- written ---- */

static void
push_key(JsonbParseState **state, const char *key)
{
	JsonbValue	value = {.type = jbvString};

	value.val.string.val = unconstify(char *, key);
	value.val.string.len = (int) strlen(key);
	(void) pushJsonbValue(state, WJB_KEY, &value);
}

static void
push_text(JsonbParseState **state, JsonbIteratorToken token, const char *text)
{
	JsonbValue	value = {.type = jbvString};

	value.val.string.val = unconstify(char *, text);
	value.val.string.len = (int) strlen(text);
	(void) pushJsonbValue(state, token, &value);
}

static void
push_list(JsonbParseState **state, const char *key, const List *texts)
{
	ListCell   *cell;

	push_key(state, key);
	(void) pushJsonbValue(state, WJB_BEGIN_ARRAY, NULL);
	foreach(cell, texts)
		push_text(state, WJB_ELEM, lfirst(cell));
	(void) pushJsonbValue(state, WJB_END_ARRAY, NULL);
}

/* In UTC, so that it means the same whatever TimeZone and DateStyle are. */
static char *
time_text(TimestampTz time)
{
	struct pg_tm tm;
	fsec_t		fsec;
	char		out[MAXDATELEN + 1];

	if (timestamp2tm(time, NULL, &tm, &fsec, NULL, NULL) != 0)
		ereport(ERROR, (errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE), errmsg("timestamp out of range")));
	EncodeDateTime(&tm, fsec, false, 0, NULL, USE_XSD_DATES, out);
	return psprintf("%sZ", out);
}

static void
push_value(JsonbParseState **state, const char *key, const LhPolicy *policy, int i)
{
	const char *at = (const char *) policy + table[i].at;
	JsonbValue	flag = {.type = jbvBool};

	switch (table[i].type)
	{
		case OPTION_BOOL:
			if (!*(const bool *) at)
				return;
			push_key(state, key);
			flag.val.boolean = true;
			(void) pushJsonbValue(state, WJB_VALUE, &flag);
			return;
		case OPTION_TEXT:
			if (*(const char *const *) at == NULL)
				return;
			push_key(state, key);
			push_text(state, WJB_VALUE, *(const char *const *) at);
			return;
		case OPTION_LIST:
			if (*(List *const *) at != NIL)
				push_list(state, key, *(List *const *) at);
			return;
		case OPTION_TIME:
			if (*(const TimestampTz *) at == DT_NOEND)
				return;
			push_key(state, key);
			push_text(state, WJB_VALUE, time_text(*(const TimestampTz *) at));
			return;
	}
}

static Jsonb *
write_all(const LhPolicy *policy, bool given_only)
{
	JsonbParseState *state = NULL;

	(void) pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	for (int i = 0; i < (int) lengthof(table); i++)
		if (table[i].given || !given_only)
			push_value(&state, table[i].name, policy, i);
	return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
}

/* Of what a user gives: ERROR for what is not his to give, or not valid. */
static void
check_given(const Jsonb *options)
{
	JsonbIterator *it;
	JsonbIteratorToken token;
	JsonbValue	value;

	if (!JB_ROOT_IS_OBJECT(unconstify(Jsonb *, options)))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("options of a policy are not an object")));
	it = JsonbIteratorInit(unconstify(JsonbContainer *, &options->root));
	while ((token = JsonbIteratorNext(&it, &value, true)) != WJB_DONE)
	{
		int			i = token == WJB_KEY ? find_option(&value) : -1;

		if (token == WJB_KEY && (i < 0 || !table[i].given))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("policies have no option \"%s\"", value_text(&value)),
					 errhint("Options are except_purposes, except_until, superusers, session_user, other_paths, writes and tag.")));
	}
}

Jsonb *
lh_policy_options_write(const Jsonb *options, List *purposes, TimestampTz until, const char *tag_mask, const char *origin,
						const char *inherits)
{
	LhPolicy	policy = {0};
	const char *wrong;

	check_given(options);
	wrong = lh_policy_options_read(&policy, options);
	if (wrong != NULL && policy.tag == NULL)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("options of a policy are wrong: %s", wrong)));
	policy.purposes = purposes;
	policy.until = until;
	policy.tag_mask = tag_mask;
	policy.origin = origin;
	policy.inherits = inherits;
	return write_all(&policy, false);
}

Jsonb *
lh_policy_options_of(const LhPolicy *policy)
{
	return write_all(policy, true);
}
