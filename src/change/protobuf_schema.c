/*
 * protobuf_schema.c
 *		Names, and the text of .proto files.
 *
 * A table has two files, one for its values and one for its keys, both of the package
 * PREFIX.SCHEMA.TABLE.  So no two tables' messages have one name, whatever they are
 * called, and the key's schema stays what it is when another column comes.
 *
 * Names that are no identifiers have each other character as "_U" and its hexadecimal
 * number between underscores ("a b" is a_U20_b); two names never become one.  Names of
 * fields are made to differ also where letters' case and underscores do not count, as
 * compilers ask for.  Whatever is given another name has its own beside it in a comment.
 */
#include "change/protobuf.h"

#include <stdlib.h>

#define PUT(ctx, buf, literal) lh_put((ctx), (buf), (literal), sizeof(literal) - 1)

/* ---- names ---- */

static bool
is_letter(uint32_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool
is_digit(uint32_t c)
{
	return c >= '0' && c <= '9';
}

static bool
is_hex(uint32_t c)
{
	return is_digit(c) || (c >= 'a' && c <= 'f');
}

/* The character at p, and how many bytes it has; bytes that are no UTF-8 are characters of their own. */
static uint32_t
character(const char *p, size_t left, size_t *n)
{
	const uint8_t *b = (const uint8_t *) p;
	size_t len = b[0] < 0xc0 ? 1 : b[0] < 0xe0 ? 2 : b[0] < 0xf0 ? 3 : 4;
	uint32_t c;

	*n = 1;
	if (len == 1 || len > left)
		return b[0];
	c = b[0] & (0xffu >> (len + 1));
	for (size_t i = 1; i < len; i++)
		c = c << 6 | (b[i] & 0x3f);
	*n = len;
	return c;
}

/* Would the underscore at p, left as it is, be read as the begin of an escape? */
static bool
looks_escaped(const char *p, size_t left)
{
	size_t i = 2;

	if (left < 3 || p[1] != 'U' || !is_hex((uint8_t) p[2]))
		return false;
	while (i < left && is_hex((uint8_t) p[i]))
		i++;
	return i < left && (p[i] == '_' || (!is_letter((uint8_t) p[i]) && !is_digit((uint8_t) p[i])));
}

static LhStatus
put_identifier(LhCtx *ctx, LhBuf *buf, const char *name, size_t len)
{
	size_t n;

	for (size_t i = 0; i < len; i += n)
	{
		uint32_t c = character(name + i, len - i, &n);

		if ((is_letter(c) || (is_digit(c) && i > 0)) &&
			!(c == '_' && looks_escaped(name + i, len - i)))
			LH_TRY(lh_put(ctx, buf, name + i, n));
		else
			LH_TRY(lh_buf_printf(ctx, buf, "_U%x_", c));
	}
	return len > 0 ? LH_OK : PUT(ctx, buf, "_U_");
}

/* Keywords of Java and C++, where a package is a namespace as it stands; sorted. */
static const char *const words[] = {"abstract",
									"alignas",
									"alignof",
									"and",
									"and_eq",
									"asm",
									"assert",
									"auto",
									"bitand",
									"bitor",
									"bool",
									"boolean",
									"break",
									"byte",
									"case",
									"catch",
									"char",
									"char16_t",
									"char32_t",
									"char8_t",
									"class",
									"co_await",
									"co_return",
									"co_yield",
									"compl",
									"concept",
									"const",
									"const_cast",
									"consteval",
									"constexpr",
									"constinit",
									"continue",
									"decltype",
									"default",
									"delete",
									"do",
									"double",
									"dynamic_cast",
									"else",
									"enum",
									"explicit",
									"export",
									"extends",
									"extern",
									"false",
									"final",
									"finally",
									"float",
									"for",
									"friend",
									"goto",
									"if",
									"implements",
									"import",
									"inline",
									"instanceof",
									"int",
									"interface",
									"long",
									"mutable",
									"namespace",
									"native",
									"new",
									"noexcept",
									"not",
									"not_eq",
									"null",
									"nullptr",
									"operator",
									"or",
									"or_eq",
									"package",
									"private",
									"protected",
									"public",
									"register",
									"reinterpret_cast",
									"requires",
									"return",
									"short",
									"signed",
									"sizeof",
									"static",
									"static_assert",
									"static_cast",
									"strictfp",
									"struct",
									"super",
									"switch",
									"synchronized",
									"template",
									"this",
									"thread_local",
									"throw",
									"throws",
									"transient",
									"true",
									"try",
									"typedef",
									"typeid",
									"typename",
									"union",
									"unsigned",
									"using",
									"virtual",
									"void",
									"volatile",
									"wchar_t",
									"while",
									"xor",
									"xor_eq"};

static int
compare_words(const void *a, const void *b)
{
	return strcmp(a, *(const char *const *) b);
}

/* One with underscores behind it counts, too: each gets one more. */
static bool
is_word(const char *name, size_t len)
{
	char word[24] = "";

	while (len > 0 && name[len - 1] == '_')
		len--;
	if (len == 0 || len >= sizeof(word))
		return false;
	memcpy(word, name, len);
	return bsearch(word, words, sizeof(words) / sizeof(words[0]), sizeof(words[0]),
				   compare_words) != NULL;
}

/* A part of a package's name. */
static LhStatus
put_part(LhCtx *ctx, LhBuf *buf, const char *name, size_t len)
{
	LH_TRY(put_identifier(ctx, buf, name, len));
	return is_word(name, len) ? PUT(ctx, buf, "_") : LH_OK;
}

/* "package prefix." */
static LhStatus
put_prefix(LhCtx *ctx, LhBuf *buf, const LhChangeOptions *options)
{
	const char *p = options->topic_prefix;

	LH_TRY(PUT(ctx, buf, "syntax = \"proto3\";\n\npackage "));
	for (;;)
	{
		size_t n = strcspn(p, ".");

		LH_TRY(put_part(ctx, buf, p, n));
		LH_TRY(PUT(ctx, buf, "."));
		if (p[n] == '\0')
			return LH_OK;
		p += n + 1;
	}
}

static LhStatus
put_package(LhCtx *ctx, LhBuf *buf, const LhChangeOptions *options, const LhChangeRel *rel)
{
	LH_TRY(put_prefix(ctx, buf, options));
	LH_TRY(put_part(ctx, buf, rel->schema, strlen(rel->schema)));
	LH_TRY(PUT(ctx, buf, "."));
	LH_TRY(put_part(ctx, buf, rel->name, strlen(rel->name)));
	return PUT(ctx, buf, ";\n");
}

/* ---- names of fields ---- */

/* Letters without their case, no underscores: what has to differ. */
static size_t
fold(const char *name, size_t len, char *out)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++)
	{
		if (name[i] != '_')
			out[n++] = name[i] >= 'A' && name[i] <= 'Z' ? (char) (name[i] - 'A' + 'a') : name[i];
	}
	return n;
}

/* Takes the name unless it is taken. */
static LhStatus
take(LhCtx *ctx, LhNameMap *taken, const char *name, size_t len, int column, bool *free)
{
	char *folded;
	size_t n;

	LH_ALLOC(ctx, folded, len + 1);
	n = fold(name, len, folded);
	*free = lh_namemap_get(taken, folded, n) < 0;
	return *free ? lh_namemap_put(ctx, taken, folded, n, column) : LH_OK;
}

/*
 * Names of a message's fields.  The first in the table has its name, those that collide
 * with it have theirs with their attnum: so a new column changes no other's name.
 */
static LhStatus
name_fields(LhCtx *ctx, const LhChangeRel *rel, const LhPbRow *row, const char ***out)
{
	const char **names;
	LhNameMap *taken;
	LhBuf buf;
	bool free;

	LH_NEW_ARRAY(ctx, names, (size_t) row->n + 1);
	LH_TRY(lh_namemap_create(ctx, (size_t) row->n + LH_N_PB_TYPES + 2, &taken));
	LH_TRY(take(ctx, taken, "LakehouseText", 13, 0, &free));
	LH_TRY(take(ctx, taken, "lakehouse_texts", 15, 0, &free));
	for (int i = 0; i < LH_N_PB_TYPES; i++)
		LH_TRY(take(ctx, taken, lh_pb_types[i].array, strlen(lh_pb_types[i].array), 0, &free));
	LH_TRY(lh_buf_init(ctx, &buf, false));
	for (int i = 0; i < row->n; i++)
	{
		const char *name = rel->columns[row->columns[i]].name;
		size_t len;

		buf.len = 0;
		LH_TRY(put_identifier(ctx, &buf, name, strlen(name)));
		len = buf.len;
		LH_TRY(take(ctx, taken, (char *) buf.data, buf.len, i, &free));
		/* somebody may have called a column so */
		for (int k = 0; !free; k++)
		{
			buf.len = len;
			LH_TRY(lh_buf_printf(ctx, &buf, k == 0 ? "_%d" : "_%d_%d", row->fields[i].attnum, k));
			LH_TRY(take(ctx, taken, (char *) buf.data, buf.len, i, &free));
		}
		names[i] = lh_strndup(ctx, (char *) buf.data, buf.len);
		if (names[i] == NULL)
			return ctx->error->code;
	}
	lh_buf_free(&buf);
	*out = names;
	return LH_OK;
}

/* ---- messages ---- */

/* " // "Größe": numeric, masked" */
static LhStatus
put_comment(LhCtx *ctx, LhBuf *buf, const LhChangeColumn *c, const char *name)
{
	LH_TRY(PUT(ctx, buf, " // "));
	if (strcmp(c->name, name) != 0)
	{
		LH_TRY(lh_put_json_string(ctx, buf, c->name, strlen(c->name)));
		LH_TRY(PUT(ctx, buf, ": "));
	}
	LH_TRY(lh_put_json_escaped(ctx, buf, c->type_name, strlen(c->type_name)));
	return c->masked ? PUT(ctx, buf, ", masked\n") : PUT(ctx, buf, "\n");
}

static LhStatus
put_array_message(LhCtx *ctx, LhBuf *buf, const LhPbTypeInfo *type)
{
	return lh_buf_printf(ctx, buf,
						 "  message %s {\n"
						 "    repeated %s values = 1;\n"
						 "    repeated int32 nulls = 2;\n"
						 "    repeated int32 dimensions = 3;\n"
						 "    repeated sint32 lower_bounds = 4;\n"
						 "  }\n",
						 type->array, type->name);
}

static LhStatus
put_fields(LhCtx *ctx, LhBuf *buf, const LhChangeRel *rel, const LhPbRow *row)
{
	const char **names = NULL;

	LH_TRY(name_fields(ctx, rel, row, &names));
	for (int i = 0; i < row->n; i++)
	{
		const LhPbField *f = &row->fields[i];

		LH_TRY(lh_buf_printf(ctx, buf, "  optional %s %s = %d;",
							 f->type == LH_PB_ARRAY ? lh_pb_types[f->elem_type].array
													: lh_pb_types[f->type].name,
							 names[i], f->attnum));
		LH_TRY(put_comment(ctx, buf, &rel->columns[row->columns[i]], names[i]));
	}
	return LH_OK;
}

/* Names are needed until they are written: not in the relation's memory. */
static LhStatus
put_fields_apart(LhCtx *ctx, LhBuf *buf, const LhChangeRel *rel, const LhPbRow *row)
{
	LhArena *names = lh_arena_child(ctx->arena);
	LhArena *old;
	LhStatus status;

	if (names == NULL)
		LH_FAIL(ctx, LH_NO_MEMORY, "out of memory for names of fields");
	old = lh_use(ctx, names);
	status = put_fields(ctx, buf, rel, row);
	lh_use(ctx, old);
	lh_arena_destroy(names);
	return status;
}

/* message Row { ... }, with the messages of arrays that it has. */
static LhStatus
put_message(LhCtx *ctx, LhBuf *buf, const LhChangeRel *rel, const LhPbRow *row, const char *name)
{
	bool arrays[LH_N_PB_TYPES] = {false};

	LH_TRY(lh_buf_printf(ctx, buf, "message %s {\n", name));
	for (int i = 0; i < row->n; i++)
	{
		if (row->fields[i].type == LH_PB_ARRAY)
			arrays[row->fields[i].elem_type] = true;
	}
	for (int i = 0; i < LH_N_PB_TYPES; i++)
	{
		if (arrays[i])
			LH_TRY(put_array_message(ctx, buf, &lh_pb_types[i]));
	}
	LH_TRY(PUT(ctx, buf,
			   "  message LakehouseText {\n"
			   "    int32 column = 1;\n"
			   "    bytes text = 2;\n"
			   "  }\n"));
	LH_TRY(put_fields_apart(ctx, buf, rel, row));
	return lh_buf_printf(ctx, buf,
						 "  // Values that the fields above cannot hold.\n"
						 "  repeated LakehouseText lakehouse_texts = %d;\n}\n",
						 LH_PB_TEXTS);
}

#define SOURCE                                                                       \
	"message Source {\n"                                                             \
	"  // The position: end of the commit record, and ordinal in the transaction.\n" \
	"  uint64 commit_end = 1;\n"                                                     \
	"  uint32 xid = 2;\n"                                                            \
	"  // Microseconds since 1970-01-01 UTC.\n"                                      \
	"  optional sfixed64 commit_time = 3;\n"                                         \
	"  // Name of the replication origin; none: the change was made here.\n"         \
	"  optional string origin = 4;\n"                                                \
	"  uint64 ordinal = 5;\n"                                                        \
	"  // Of the change's own record.\n"                                             \
	"  uint64 lsn = 6;\n"                                                            \
	"  // Place among those events of the transaction that are in the stream.\n"     \
	"  uint64 total_order = 7;\n"

static const char envelope[] =
	"\n"
	"message Envelope {\n"
	"  enum Op {\n"
	"    OP_NONE = 0;\n"
	"    OP_INSERT = 1;\n"
	"    OP_UPDATE = 2;\n"
	"    OP_DELETE = 3;\n"
	"    OP_READ = 4;\n"
	"    OP_TRUNCATE = 5;\n"
	"    OP_QUARANTINE = 6;\n"
	"  }\n"
	"  Op op = 1;\n"
	"  // The old row, or its key alone.\n"
	"  Row before = 2;\n"
	"  Row after = 3;\n"
	"  // Numbers of those fields of after that were not touched and are not in the log.\n"
	"  repeated int32 unchanged = 4;\n"
	"  Source source = 5;\n"
	"  // An update that changed the key is a delete and an insert; both have this.\n"
	"  bool key_changed = 6;\n"
	"  Truncate truncate = 7;\n"
	"  // Of a row in quarantine: why it could not be written.\n"
	"  string reason = 8;\n"
	"}\n"
	"\n"
	"message Truncate {\n"
	"  // Tables that the command named together.\n"
	"  uint32 tables = 1;\n"
	"  bool cascade = 2;\n"
	"  bool restart_identity = 3;\n"
	"}\n"
	"\n" SOURCE "  bool snapshot = 8;\n"
	"  string schema = 9;\n"
	"  string table = 10;\n"
	"}\n"
	"\n"
	"// A number is that of the column; a field that is not there is null.\n";

LhStatus
lh_pb_value_schema(LhCtx *ctx, LhBuf *buf, const LhChangeOptions *options, const LhChangeRel *rel,
				   const LhPbRow *row)
{
	LH_TRY(put_package(ctx, buf, options, rel));
	LH_TRY(PUT(ctx, buf, envelope));
	return put_message(ctx, buf, rel, row, "Row");
}

LhStatus
lh_pb_key_schema(LhCtx *ctx, LhBuf *buf, const LhChangeOptions *options, const LhChangeRel *rel,
				 const LhPbRow *row)
{
	LH_TRY(put_package(ctx, buf, options, rel));
	LH_TRY(PUT(ctx, buf, "\n"));
	return put_message(ctx, buf, rel, row, "Key");
}

/* Nobody can make a schema whose name begins with pg_: no table is in this package. */
LhStatus
lh_pb_event_schema(LhCtx *ctx, LhBuf *buf, const LhChangeOptions *options)
{
	LH_TRY(put_prefix(ctx, buf, options));
	return PUT(ctx, buf,
			   "pg_lakehouse;\n"
			   "\n"
			   "message Event {\n"
			   "  enum Kind {\n"
			   "    KIND_NONE = 0;\n"
			   "    KIND_BEGIN = 1;\n"
			   "    KIND_COMMIT = 2;\n"
			   "    KIND_MESSAGE = 3;\n"
			   "  }\n"
			   "  Kind kind = 1;\n"
			   "  Source source = 2;\n"
			   "  // Of a commit: events of the transaction that are in the stream.\n"
			   "  uint64 changes = 3;\n"
			   "  // Of a logical message.\n"
			   "  string prefix = 4;\n"
			   "  bytes content = 5;\n"
			   "  bool transactional = 6;\n"
			   "}\n"
			   "\n" SOURCE "}\n");
}
