/*
 * registry_subject.c
 *		Under which subject a schema is registered: Confluent's strategies.
 *
 *	topic			TopicNameStrategy: "TOPIC-key" and "TOPIC-value"
 *	record			RecordNameStrategy: the record's full name
 *	topic-record	TopicRecordNameStrategy: "TOPIC-" and the record's full name
 *
 * The record of an Avro schema is its outermost type, which must have a name; that of a
 * .proto file is its first message: the one that a value is written with.
 */
#include "sink/registry.h"

/* Of a full name; what a URL can hold with its topic. */
#define MAX_NAME 1024

/* Letters, digits and '_', not begun by a digit, with dots between: Avro's and Protobuf's names. */
static bool
is_full_name(LhSlice name)
{
	bool begin = true;

	if (name.len == 0 || name.len > MAX_NAME)
		return false;
	for (size_t i = 0; i < name.len; i++)
	{
		uint8_t c = name.data[i];
		bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';

		if (c == '.' && begin)
			return false;
		if (c != '.' && !letter && (begin || c < '0' || c > '9'))
			return false;
		begin = c == '.';
	}
	return !begin;
}

static LhStatus
no_name(LhCtx *ctx)
{
	lh_fail(ctx, LH_INVALID, "the schema has no record with a name");
	lh_hint(ctx, "Its subject can only come from the topic: registry.subject=topic.");
	return LH_INVALID;
}

static LhStatus
join(LhCtx *ctx, LhSlice space, LhSlice name, const char **out)
{
	if (!is_full_name(name) || (space.len > 0 && !is_full_name(space)))
		return no_name(ctx);
	*out = lh_sprintf(ctx, "%.*s%s%.*s", (int) space.len, (const char *) space.data,
					  space.len > 0 ? "." : "", (int) name.len, (const char *) name.data);
	return *out != NULL ? LH_OK : ctx->error->code;
}

/* A member that is a string, without its quotes. */
static bool
string_member(LhSlice object, const char *name, LhSlice *out)
{
	if (!lh_registry_member(object, name, out) || out->len < 2 || out->data[0] != '"')
		return false;
	*out = lh_slice(out->data + 1, out->len - 2);
	return true;
}

/* A name with dots has its namespace with it. */
static LhStatus
avro_name(LhCtx *ctx, LhSlice text, const char **out)
{
	LhSlice name, space;

	if (!string_member(text, "name", &name))
		return no_name(ctx);
	if (memchr(name.data, '.', name.len) != NULL || !string_member(text, "namespace", &space))
		space = lh_slice("", 0);
	return join(ctx, space, name, out);
}

/*
 * .proto files, by tokens
 */

typedef struct Tokens
{
	const uint8_t *p;
	const uint8_t *end;
	LhSlice token; /* a word with dots, a string, or one other character */
} Tokens;

static bool
is_word(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
		   c == '.';
}

static bool
starts(const Tokens *t, const char *two)
{
	return t->end - t->p >= 2 && t->p[0] == (uint8_t) two[0] && t->p[1] == (uint8_t) two[1];
}

static void
skip_space(Tokens *t)
{
	while (t->p < t->end)
	{
		if (starts(t, "//"))
			while (t->p < t->end && *t->p != '\n')
				t->p++;
		else if (starts(t, "/*"))
		{
			for (t->p += 2; t->p < t->end && !starts(t, "*/");)
				t->p++;
			t->p += t->end - t->p >= 2 ? 2 : 0;
		}
		else if (*t->p <= ' ')
			t->p++;
		else
			return;
	}
}

/* false: the end. */
static bool
next(Tokens *t)
{
	const uint8_t *from;

	skip_space(t);
	from = t->p;
	if (from == t->end)
		return false;
	t->p++;
	if (*from == '"' || *from == '\'')
	{
		while (t->p < t->end && *t->p != *from)
			t->p += *t->p == '\\' && t->end - t->p >= 2 ? 2 : 1;
		t->p += t->p < t->end;
	}
	else if (is_word(*from))
		while (t->p < t->end && is_word(*t->p))
			t->p++;
	t->token = lh_slice(from, (size_t) (t->p - from));
	return true;
}

static bool
is(const Tokens *t, const char *word)
{
	return t->token.len == strlen(word) && memcmp(t->token.data, word, t->token.len) == 0;
}

/* "package NAME;" and the first "message NAME {", outside of other blocks and at a statement's begin. */
static LhStatus
proto_name(LhCtx *ctx, LhSlice text, const char **out)
{
	Tokens t = {.p = text.data, .end = text.data + text.len};
	LhSlice package = lh_slice("", 0);
	bool begin = true;
	int depth = 0;

	while (next(&t))
	{
		bool message = begin && depth == 0 && is(&t, "message");

		if (message || (begin && depth == 0 && is(&t, "package")))
		{
			if (!next(&t))
				break;
			if (message)
				return join(ctx, package, t.token, out);
			package = t.token;
			begin = false;
			continue;
		}
		depth += is(&t, "{");
		depth -= is(&t, "}") && depth > 0;
		begin = is(&t, ";") || is(&t, "{") || is(&t, "}");
	}
	return no_name(ctx);
}

LhStatus
lh_registry_record_name(LhCtx *ctx, const LhSchema *schema, const char **out)
{
	if (schema->kind == LH_SCHEMA_AVRO)
		return avro_name(ctx, schema->text, out);
	return proto_name(ctx, schema->text, out);
}

LhStatus
lh_registry_subject(LhCtx *ctx, LhSubjects subjects, const char *topic, bool key,
					const LhSchema *schema, const char **out)
{
	const char *name;

	if (subjects == LH_SUBJECTS_TOPIC)
	{
		*out = lh_sprintf(ctx, "%s-%s", topic, key ? "key" : "value");
		return *out != NULL ? LH_OK : ctx->error->code;
	}
	LH_TRY(lh_registry_record_name(ctx, schema, &name));
	*out = subjects == LH_SUBJECTS_RECORD ? name : lh_sprintf(ctx, "%s-%s", topic, name);
	return *out != NULL ? LH_OK : ctx->error->code;
}
