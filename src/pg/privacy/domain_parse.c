/*
 * domain_parse.c
 *		What a domain's definition says.
 *
 * Definitions come from domain_create and from dumps that somebody may have edited: each key is known, of
 * the type expected and in its range, or the domain is refused.
 */
#include "pg/privacy/domain_state.h"

#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/datetime.h"
#include "utils/fmgrprotos.h"
#include "utils/numeric.h"

/* What separates groups of digits or letters as people write them. */
#define SEPARATORS   " -./_,:+()"
#define SHIFT_DAYS   180
/* Digits of the shortest card number that is in use. */
#define CARD_DIGITS  13

const char *const lh_domain_kind_names[LH_DOMAIN_KINDS] = {
	[LH_DOMAIN_TEXT] = "text",
	[LH_DOMAIN_DIGITS] = "digits",
	[LH_DOMAIN_NUMERIC] = "numeric",
	[LH_DOMAIN_BIGINT] = "bigint",
	[LH_DOMAIN_UUID] = "uuid",
	[LH_DOMAIN_DATE] = "date",
	[LH_DOMAIN_EMAIL] = "email",
	[LH_DOMAIN_CARD] = "card",
};

/* ---- values of options ---- */

static void
bad_option(const LhDomain *domain, const char *option, const char *expected)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("token domain \"%s\": option \"%s\" %s", NameStr(domain->name), option, expected)));
}

static int64
integer(const LhDomain *domain, const char *option, const JsonbValue *v, int64 least, int64 most)
{
	int64		x = 0;
	bool		fits = v->type == jbvNumeric;

	if (fits)
	{
		/* by comparison, as the cast would round */
		Numeric		n = v->val.numeric;

		fits = DatumGetBool(DirectFunctionCall2(numeric_ge, NumericGetDatum(n), NumericGetDatum(int64_to_numeric(least)))) &&
			DatumGetBool(DirectFunctionCall2(numeric_le, NumericGetDatum(n), NumericGetDatum(int64_to_numeric(most))));
		if (fits)
		{
			x = DatumGetInt64(DirectFunctionCall1(numeric_int8, NumericGetDatum(n)));
			fits = DatumGetBool(DirectFunctionCall2(numeric_eq, NumericGetDatum(n), NumericGetDatum(int64_to_numeric(x))));
		}
	}
	if (!fits)
		bad_option(domain, option, psprintf("must be an integer from " INT64_FORMAT " to " INT64_FORMAT, least, most));
	return x;
}

static bool
boolean(const LhDomain *domain, const char *option, const JsonbValue *v)
{
	if (v->type != jbvBool)
		bad_option(domain, option, "must be true or false");
	return v->val.boolean;
}

static char *
string(const LhDomain *domain, const char *option, const JsonbValue *v)
{
	if (v->type != jbvString)
		bad_option(domain, option, "must be a string");
	return pnstrdup(v->val.string.val, v->val.string.len);
}

/* Characters of a text, in order. */
static LhAlphabet
characters(const char *text)
{
	char	   *utf8 = pg_server_to_any(pstrdup(text), (int) strlen(text), PG_UTF8);
	int			len = (int) strlen(utf8);
	pg_wchar   *points = palloc((len + 1) * sizeof(pg_wchar));

	StaticAssertStmt(sizeof(pg_wchar) == sizeof(uint32_t), "code points have 32 bits");
	/* SQL_ASCII lets anything pass */
	(void) pg_verify_mbstr(PG_UTF8, utf8, len, false);
	return (LhAlphabet) {(const uint32_t *) points, (size_t) pg_encoding_mb2wchar_with_len(PG_UTF8, utf8, points, len)};
}

static LhAlphabet
character_class(const char *text)
{
	if (strcmp(text, "digits") == 0)
		return lh_alphabet_digits;
	if (strcmp(text, "upper") == 0)
		return lh_alphabet_upper;
	if (strcmp(text, "lower") == 0)
		return lh_alphabet_lower;
	if (strcmp(text, "alnum") == 0)
		return lh_alphabet_alnum;
	return characters(text);
}

/* ["digits", "upper", "ΑΒΓ..."] */
static void
take_classes(const LhDomain *domain, const char *option, const JsonbValue *v, LhTemplateSpec *spec)
{
	LhAlphabet *classes = palloc(LH_TEMPLATE_MAX_CLASSES * sizeof(LhAlphabet));
	JsonbIterator *it;
	JsonbIteratorToken token;
	JsonbValue	item;

	if (v->type != jbvBinary || !JsonContainerIsArray(v->val.binary.data))
		bad_option(domain, option, "must be an array of strings");
	spec->classes = classes;
	spec->nclasses = 0;
	it = JsonbIteratorInit(v->val.binary.data);
	while ((token = JsonbIteratorNext(&it, &item, true)) != WJB_DONE)
	{
		if (token != WJB_ELEM)
			continue;
		if (spec->nclasses == LH_TEMPLATE_MAX_CLASSES)
			bad_option(domain, option, psprintf("must be an array of at most %d strings", LH_TEMPLATE_MAX_CLASSES));
		classes[spec->nclasses++] = character_class(string(domain, option, &item));
	}
	if (spec->nclasses == 0)
		bad_option(domain, option, "must be an array of at least one string");
}

static int64
day(const LhDomain *domain, const char *option, const JsonbValue *v)
{
	char	   *text = string(domain, option, v);
	int			y,
				m,
				d,
				end = 0;

	/* not by date_in: that heeds DateStyle */
	if (sscanf(text, "%4d-%2d-%2d%n", &y, &m, &d, &end) != 3 || end != 10 || text[end] != '\0' || y < 1 || m < 1 ||
		m > 12 || d < 1 || d > day_tab[isleap(y)][m - 1])
		bad_option(domain, option, "must be a date as \"YYYY-MM-DD\", of the years 1 to 9999");
	return date2j(y, m, d) - UNIX_EPOCH_JDATE;
}

static void
take_keep(const LhDomain *domain, const char *option, const JsonbValue *v, LhTemplateSpec *spec)
{
	char	   *what = string(domain, option, v);

	spec->keep_local = strcmp(what, "local") == 0;
	spec->keep_domain = strcmp(what, "domain") == 0;
	if (!spec->keep_local && !spec->keep_domain && strcmp(what, "none") != 0)
		bad_option(domain, option, "must be \"none\", \"local\" or \"domain\"");
}

/* ---- the template ---- */

#define KIND(k)    (1 << LH_DOMAIN_##k)
#define CHARACTERS (KIND(TEXT) | KIND(DIGITS) | KIND(CARD))

typedef enum Option
{
	CLASSES, SEPARATOR, ANY_SEPARATOR, KEEP_FIRST, KEEP_LAST, MIN_CHARACTERS, MAX_CHARACTERS, LUHN, KEEP, LEAST, MOST, DAYS
} Option;

static const struct
{
	const char *name;
	Option		option;
	int			kinds;
} options[] = {
	{"alphabet", CLASSES, KIND(TEXT) | KIND(EMAIL)},
	{"separators", SEPARATOR, CHARACTERS},
	{"any_separator", ANY_SEPARATOR, CHARACTERS},
	{"keep_first", KEEP_FIRST, CHARACTERS | KIND(EMAIL)},
	{"keep_last", KEEP_LAST, CHARACTERS | KIND(EMAIL)},
	{"min_characters", MIN_CHARACTERS, CHARACTERS | KIND(EMAIL)},
	{"max_characters", MAX_CHARACTERS, CHARACTERS | KIND(EMAIL) | KIND(NUMERIC)},
	{"luhn", LUHN, KIND(CARD)},
	{"keep", KEEP, KIND(EMAIL)},
	{"least", LEAST, KIND(BIGINT) | KIND(DATE)},
	{"most", MOST, KIND(BIGINT) | KIND(DATE)},
	{"shift_days", DAYS, KIND(DATE)},
};

static int64
bound(const LhDomain *domain, const char *option, const JsonbValue *v)
{
	return domain->kind == LH_DOMAIN_DATE ? day(domain, option, v) :
		integer(domain, option, v, PG_INT64_MIN, PG_INT64_MAX);
}

static size_t
count(const LhDomain *domain, const char *option, const JsonbValue *v)
{
	return (size_t) integer(domain, option, v, 0, LH_TEMPLATE_MAX_CHARACTERS);
}

static void
take_option(LhDomain *domain, const char *name, const JsonbValue *v, LhTemplateSpec *spec)
{
	int			i = 0;

	while (i < lengthof(options) && strcmp(options[i].name, name) != 0)
		i++;
	if (i == lengthof(options) || (options[i].kinds & 1 << domain->kind) == 0)
		bad_option(domain, name, psprintf("is not known for kind \"%s\"", lh_domain_kind_names[domain->kind]));
	switch (options[i].option)
	{
		case CLASSES:
			take_classes(domain, name, v, spec);
			break;
		case SEPARATOR:
			spec->separators = characters(string(domain, name, v));
			break;
		case ANY_SEPARATOR:
			spec->any_separator = boolean(domain, name, v);
			break;
		case KEEP_FIRST:
			spec->keep_first = count(domain, name, v);
			break;
		case KEEP_LAST:
			spec->keep_last = count(domain, name, v);
			break;
		case MIN_CHARACTERS:
			spec->min_characters = count(domain, name, v);
			break;
		case MAX_CHARACTERS:
			spec->max_characters = (size_t) integer(domain, name, v, 1, LH_TEMPLATE_MAX_CHARACTERS);
			break;
		case LUHN:
			spec->luhn = boolean(domain, name, v);
			break;
		case KEEP:
			take_keep(domain, name, v, spec);
			break;
		case LEAST:
			spec->least = bound(domain, name, v);
			break;
		case MOST:
			spec->most = bound(domain, name, v);
			break;
		case DAYS:
			domain->shift_days = integer(domain, name, v, 1, LH_TEMPLATE_LAST_DAY);
			break;
	}
}

static void
defaults(LhDomain *domain, LhTemplateSpec *spec)
{
	static const LhTemplateKind kinds[LH_DOMAIN_KINDS] = {
		[LH_DOMAIN_TEXT] = LH_TEMPLATE_TEXT,
		[LH_DOMAIN_DIGITS] = LH_TEMPLATE_TEXT,
		[LH_DOMAIN_NUMERIC] = LH_TEMPLATE_NUMERIC,
		[LH_DOMAIN_BIGINT] = LH_TEMPLATE_RANGE,
		[LH_DOMAIN_UUID] = LH_TEMPLATE_UUID,
		[LH_DOMAIN_DATE] = LH_TEMPLATE_DATE,
		[LH_DOMAIN_EMAIL] = LH_TEMPLATE_EMAIL,
		[LH_DOMAIN_CARD] = LH_TEMPLATE_TEXT,
	};
	LhAlphabet *classes = palloc(3 * sizeof(LhAlphabet));

	classes[0] = lh_alphabet_digits;
	classes[1] = lh_alphabet_upper;
	classes[2] = lh_alphabet_lower;
	spec->kind = kinds[domain->kind];
	spec->legacy = domain->legacy;
	if (spec->kind == LH_TEMPLATE_TEXT)
	{
		spec->classes = classes;
		spec->nclasses = domain->kind == LH_DOMAIN_TEXT ? 3 : 1;
		spec->separators = characters(SEPARATORS);
	}
	domain->shift_days = SHIFT_DAYS;
	switch (domain->kind)
	{
		case LH_DOMAIN_CARD:
			spec->keep_last = 4;
			spec->min_characters = CARD_DIGITS;
			spec->luhn = true;
			break;
		case LH_DOMAIN_BIGINT:
			spec->least = PG_INT64_MIN;
			spec->most = PG_INT64_MAX;
			break;
		case LH_DOMAIN_DATE:
			spec->least = LH_TEMPLATE_FIRST_DAY;
			spec->most = LH_TEMPLATE_LAST_DAY;
			break;
		default:
			break;
	}
}

static void
read_template(LhDomain *domain, const JsonbValue *template, LhTemplateSpec *spec)
{
	JsonbIterator *it;
	JsonbIteratorToken token;
	JsonbValue	key,
				value;

	if (template->type != jbvBinary || !JsonContainerIsObject(template->val.binary.data))
		bad_option(domain, "template", "must be an object");
	it = JsonbIteratorInit(template->val.binary.data);
	while ((token = JsonbIteratorNext(&it, &key, true)) != WJB_DONE)
	{
		if (token != WJB_KEY)
			continue;
		(void) JsonbIteratorNext(&it, &value, true);
		take_option(domain, pnstrdup(key.val.string.val, key.val.string.len), &value, spec);
	}
}

/* ---- the definition ---- */

static LhDomainKind
read_kind(const LhDomain *domain, const JsonbValue *v)
{
	char	   *name = string(domain, "kind", v);

	for (int i = 0; i < LH_DOMAIN_KINDS; i++)
	{
		if (strcmp(lh_domain_kind_names[i], name) == 0)
			return (LhDomainKind) i;
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("token domain \"%s\": there is no kind \"%.64s\"", NameStr(domain->name), name),
			 errhint("Kinds are text, digits, numeric, bigint, uuid, date, email and card.")));
}

static JsonbValue *
member(const LhDomain *domain, const char *name)
{
	JsonbValue *v = getKeyJsonValueFromContainer(&domain->hidden->definition->root, name, (int) strlen(name), NULL);

	if (v == NULL)
		bad_option(domain, name, "is missing");
	return v;
}

/* {"detokenize": [values, seconds], ...} */
static void
read_limits(LhDomain *domain, const JsonbValue *v)
{
	static const LhDomainRight rights[LH_DOMAIN_RIGHTS] = {LH_DOMAIN_TOKENIZE, LH_DOMAIN_DETOKENIZE, LH_DOMAIN_ENCRYPT,
	LH_DOMAIN_DECRYPT, LH_DOMAIN_INDEX, LH_DOMAIN_SEARCH};
	uint32		known = 0;

	if (v->type != jbvBinary || !JsonContainerIsObject(v->val.binary.data))
		bad_option(domain, "limits", "must be an object");
	for (int i = 0; i < LH_DOMAIN_RIGHTS; i++)
	{
		JsonbValue *limit = getKeyJsonValueFromContainer(v->val.binary.data, lh_domain_right_names[i],
														 (int) strlen(lh_domain_right_names[i]), NULL);

		if (limit == NULL)
			continue;
		if (limit->type != jbvBinary || !JsonContainerIsArray(limit->val.binary.data) || JsonContainerSize(limit->val.binary.data) != 2)
			bad_option(domain, "limits", "has a limit that is not two numbers");
		domain->limits[i].values = integer(domain, "limits", getIthJsonbValueFromContainer(limit->val.binary.data, 0), 0, PG_INT64_MAX);
		domain->limits[i].window = integer(domain, "limits", getIthJsonbValueFromContainer(limit->val.binary.data, 1), 1,
										   366 * SECS_PER_DAY) * USECS_PER_SEC;
		domain->limited |= (AclMode) rights[i];
		known++;
	}
	if (JsonContainerSize(v->val.binary.data) != known)
		bad_option(domain, "limits", "names something that is no right");
}

void
lh_domain_parse(LhDomain *domain, LhTemplateSpec *spec)
{
	Jsonb	   *definition = domain->hidden->definition;

	const JsonbValue *limits;

	limits = JB_ROOT_IS_OBJECT(definition) ? getKeyJsonValueFromContainer(&definition->root, "limits", 6, NULL) : NULL;
	if (!JB_ROOT_IS_OBJECT(definition) || JB_ROOT_COUNT(definition) != 5 + (limits != NULL))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("token domain \"%s\": its definition is none of a domain", NameStr(domain->name))));
	domain->kind = read_kind(domain, member(domain, "kind"));
	domain->key.id = (uint64) integer(domain, "key", member(domain, "key"), 1, PG_INT64_MAX);
	domain->key.version = (uint32) integer(domain, "version", member(domain, "version"), 1, PG_INT32_MAX);
	domain->legacy = boolean(domain, "legacy", member(domain, "legacy"));
	for (int i = 0; i < LH_DOMAIN_RIGHTS; i++)
		domain->limits[i].values = -1;
	if (limits != NULL)
		read_limits(domain, limits);
	defaults(domain, spec);
	read_template(domain, member(domain, "template"), spec);
	domain->least = spec->least;
	domain->most = spec->most;
}
