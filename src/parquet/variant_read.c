/*
 * variant_read.c
 *		The value of a variant as tokens.
 *
 * A stack holds the objects and arrays that are open, encoded or shredded:
 *
 *	1. What comes next after a name is remembered (a slot, or bytes), so that a
 *	   call gives one token and never recurses.
 *	2. A shredded object gives the fields of its typed_value that are not
 *	   missing; then its frame becomes that of the object in value, if there is
 *	   one, and gives that one's fields.
 *	3. Bytes of one column value are counted when they are read, and all that
 *	   was read may not be more than there are: values that overlap would else
 *	   be read any number of times.
 */
#include "parquet/variant_impl.h"

#include "core/text.h"
#include "vec/value.h"

/* Tokens between two questions whether to go on. */
#define POLL_TOKENS 65536

/* An open object or array. */
typedef struct Frame
{
	bool shredded;
	bool unordered; /* names are not in order; they were checked to be different */
	const LhVariantShape *shape; /* shredded, or once was; NULL: bytes only */
	int slot; /* shredded: of the object; of the next element */
	int end; /* shredded list: behind the last element */
	uint32_t i; /* next field or element */
	LhVariantContainer bytes;
	LhStr name; /* of the field before, encoded object */
} Frame;

typedef enum Pending
{
	NOTHING,
	SLOT, /* of a group */
	BYTES /* an encoded value */
} Pending;

struct LhVariantReader
{
	LhVariantShape shape;
	int metadata_at; /* -1: made without a type */
	const LhVec *metadata;
	LhVariantNames names;

	Pending pending;
	const LhVariantShape *group; /* SLOT */
	int slot;
	LhSlice value; /* BYTES */
	size_t left; /* bytes of the column value that are not read yet */

	int depth;
	LhBuf frames;
	LhBuf scratch;
	uint32_t tokens;
	LhVariantToken token;
};

LhStatus
lh_variant_reader_create(LhCtx *ctx, const LhType *type, LhVariantReader **out)
{
	LhVariantReader *r;

	LH_NEW(ctx, r);
	LH_TRY(lh_buf_init(ctx, &r->frames, true));
	LH_TRY(lh_buf_init(ctx, &r->scratch, false));
	r->metadata_at = -1;
	if (type != NULL)
		LH_TRY(lh_variant_shape_create(ctx, type, &r->shape, &r->metadata_at));
	*out = r;
	return LH_OK;
}

LhStatus
lh_variant_bind(LhCtx *ctx, LhVariantReader *r, const LhVec *vec)
{
	r->pending = NOTHING;
	r->depth = 0;
	r->metadata = NULL;
	if (lh_vec_all_null(vec))
		return LH_OK;
	if (r->metadata_at < 0 || r->metadata_at >= vec->nchildren)
		LH_FAIL(ctx, LH_BUG, "vector of a variant has no metadata");
	r->metadata = &vec->children[r->metadata_at];
	return lh_variant_shape_bind(ctx, &r->shape, vec);
}

static inline LhSlice
bytes_of(const LhVec *vec, int slot)
{
	LhStr str;

	/* most come flat or by code; others the general way */
	if (vec->kind == LH_VEC_DICT)
		memcpy(&str, (const LhStr *) vec->dict->values + vec->codes[slot], sizeof(str));
	else if (vec->kind == LH_VEC_FLAT)
		memcpy(&str, (const LhStr *) vec->data + slot, sizeof(str));
	else
		str = lh_vec_value(vec, slot).str;
	return (LhSlice){str.ptr, str.len};
}

LhStatus
lh_variant_start(LhCtx *ctx, LhVariantReader *r, int slot)
{
	if (r->metadata == NULL || slot < 0 || slot >= r->metadata->n)
		LH_FAIL(ctx, LH_BUG, "slot %d of a variant is not there", slot);
	if (lh_vec_is_null(r->metadata, slot))
		LH_FAIL(ctx, LH_CORRUPT, "metadata of a variant is null");
	LH_TRY(lh_variant_names_open(ctx, bytes_of(r->metadata, slot), &r->names));
	r->depth = 0;
	r->pending = SLOT;
	r->group = &r->shape;
	r->slot = slot;
	return LH_OK;
}

/* A column value begins. */
static LhStatus
begin_bytes(LhCtx *ctx, LhVariantReader *r, LhSlice value)
{
	if (value.len == 0)
		LH_FAIL(ctx, LH_CORRUPT, "value of a variant has no bytes");
	r->value = value;
	r->left = value.len;
	return LH_OK;
}

LhStatus
lh_variant_start_bytes(LhCtx *ctx, LhVariantReader *r, LhSlice metadata, LhSlice value)
{
	LH_TRY(lh_variant_names_open(ctx, metadata, &r->names));
	LH_TRY(begin_bytes(ctx, r, value));
	r->depth = 0;
	r->pending = BYTES;
	return LH_OK;
}

/* ---- frames ---- */

static inline Frame *
top_frame(LhVariantReader *r)
{
	return (Frame *) (void *) r->frames.data + (r->depth - 1);
}

static LhStatus
push(LhCtx *ctx, LhVariantReader *r, LhVariantKind kind, Frame **out)
{
	size_t size = (size_t) (r->depth + 1) * sizeof(Frame);

	if (r->depth == LH_VARIANT_MAX_DEPTH)
		LH_FAIL(ctx, LH_LIMIT, "values of a variant are nested more than %d deep", LH_VARIANT_MAX_DEPTH);
	if (size > r->frames.cap)
	{
		r->frames.len = size - sizeof(Frame);
		LH_TRY(lh_buf_reserve(ctx, &r->frames, size));
	}
	r->depth++;
	*out = top_frame(r);
	**out = (Frame){0};
	r->token.kind = kind;
	return LH_OK;
}

/* The column value has so many bytes less to read. */
static LhStatus
spend(LhCtx *ctx, LhVariantReader *r, size_t size)
{
	if (size > r->left)
		LH_FAIL(ctx, LH_CORRUPT, "values of a variant overlap each other");
	r->left -= size;
	return LH_OK;
}

/* ---- what a value begins with ---- */

/* An encoded value. */
static LhStatus
give_bytes(LhCtx *ctx, LhVariantReader *r, LhSlice value)
{
	Frame *f = NULL;
	size_t size;

	if (!lh_variant_is_container(value.data[0]))
	{
		r->token.kind = LH_VARIANT_VALUE;
		LH_TRY(lh_variant_scalar(ctx, value, &r->token.value, &size));
		return spend(ctx, r, size);
	}
	LH_TRY(push(ctx, r, lh_variant_is_object(value.data[0]) ? LH_VARIANT_OBJECT : LH_VARIANT_ARRAY, &f));
	LH_TRY(lh_variant_container(ctx, value, &f->bytes));
	return spend(ctx, r, f->bytes.header);
}

static LhStatus
conflict(LhCtx *ctx)
{
	LH_FAIL(ctx, LH_CORRUPT, "value and typed_value of a variant are both set, and it is no object");
}

static LhStatus
give_typed_scalar(LhCtx *ctx, LhVariantReader *r, const LhVariantShape *g, int slot)
{
	LhValue *v = &r->token.value;

	r->token.kind = LH_VARIANT_VALUE;
	*v = lh_vec_value(g->typed_value, slot);
	if (v->type.id == LH_T_STRING && !(g->typed_value->dict != NULL && g->typed_value->dict->text_checked) &&
		!lh_utf8_valid(v->str.ptr, v->str.len))
		LH_FAIL(ctx, LH_BAD_TEXT, "a string of a variant is not valid UTF-8 or holds a NUL");
	return LH_OK;
}

/* A typed_value that is not null. */
static LhStatus
give_typed(LhCtx *ctx, LhVariantReader *r, const LhVariantShape *g, int slot, bool has_value)
{
	Frame *f = NULL;

	if (has_value && g->typed != LH_VARIANT_STRUCT)
		return conflict(ctx);
	if (g->typed == LH_VARIANT_SCALAR)
		return give_typed_scalar(ctx, r, g, slot);
	LH_TRY(push(ctx, r, g->typed == LH_VARIANT_LIST ? LH_VARIANT_ARRAY : LH_VARIANT_OBJECT, &f));
	f->shredded = true;
	f->shape = g;
	f->slot = slot;
	if (g->typed == LH_VARIANT_LIST)
	{
		f->slot = (int) g->typed_value->offsets[slot];
		f->end = (int) g->typed_value->offsets[slot + 1];
	}
	return LH_OK;
}

static inline bool
is_set(const LhVec *vec, int slot)
{
	return vec != NULL && !lh_vec_is_null(vec, slot);
}

/* A slot of a group. */
static LhStatus
give_slot(LhCtx *ctx, LhVariantReader *r, const LhVariantShape *g, int slot)
{
	bool has_value = is_set(g->value, slot);

	if (is_set(g->typed_value, slot))
		return give_typed(ctx, r, g, slot, has_value);
	if (has_value)
	{
		LH_TRY(begin_bytes(ctx, r, bytes_of(g->value, slot)));
		return give_bytes(ctx, r, r->value);
	}
	/* missing where a value is required */
	r->token.kind = LH_VARIANT_VALUE;
	r->token.value.type = (LhType){.id = LH_T_NULL, .lane = LH_LANE_NONE};
	r->token.value.null = true;
	return LH_OK;
}

/* ---- what an open object or array goes on with ---- */

static LhStatus
close_frame(LhVariantReader *r, LhVariantKind kind)
{
	r->depth--;
	r->token.kind = kind;
	return LH_OK;
}

/* Names of an object must differ, among themselves and from shredded ones. */
static LhStatus
check_name(LhCtx *ctx, LhVariantReader *r, Frame *f, LhStr name)
{
	int order = f->i == 0 || f->unordered ? 1 : lh_bytes_compare(name, f->name);

	if (order == 0)
		return lh_variant_twice(ctx, name);
	if (order < 0)
	{
		f->unordered = true;
		LH_TRY(lh_variant_check_unique(ctx, &r->names, &f->bytes, &r->scratch));
	}
	if (f->shape != NULL && lh_variant_shape_has(f->shape, name))
		LH_FAIL(ctx, LH_CORRUPT, "field \"%.*s\" of a variant is shredded and in value as well",
				(int) lh_utf8_clip(name.ptr, name.len, 64), (const char *) name.ptr);
	return LH_OK;
}

static LhStatus
next_encoded(LhCtx *ctx, LhVariantReader *r, Frame *f)
{
	LhSlice child;

	if (f->i == f->bytes.n)
		return close_frame(r, f->bytes.object ? LH_VARIANT_END_OBJECT : LH_VARIANT_END_ARRAY);
	LH_TRY(lh_variant_child(ctx, &f->bytes, f->i, &child));
	if (!f->bytes.object)
	{
		f->i++;
		return give_bytes(ctx, r, child);
	}
	r->token.kind = LH_VARIANT_KEY;
	LH_TRY(lh_variant_field(ctx, &r->names, &f->bytes, f->i, &r->token.key));
	LH_TRY(check_name(ctx, r, f, r->token.key));
	f->name = r->token.key;
	f->i++;
	r->pending = BYTES;
	r->value = child;
	return LH_OK;
}

/* The shredded fields were given: on with those in value. */
static LhStatus
begin_residue(LhCtx *ctx, LhVariantReader *r, Frame *f)
{
	LhSlice value = bytes_of(f->shape->value, f->slot);

	LH_TRY(begin_bytes(ctx, r, value));
	if (!lh_variant_is_object(value.data[0]))
		LH_FAIL(ctx, LH_CORRUPT, "value of a variant is no object, but typed_value has fields of one");
	LH_TRY(lh_variant_container(ctx, value, &f->bytes));
	LH_TRY(spend(ctx, r, f->bytes.header));
	f->shredded = false;
	f->i = 0;
	return next_encoded(ctx, r, f);
}

static LhStatus
next_shredded_field(LhCtx *ctx, LhVariantReader *r, Frame *f)
{
	while (f->i < (uint32_t) f->shape->nchildren)
	{
		const LhVariantShape *field = &f->shape->children[f->i++];

		if (!is_set(field->typed_value, f->slot) && !is_set(field->value, f->slot))
			continue;
		r->token.kind = LH_VARIANT_KEY;
		r->token.key = field->name;
		r->pending = SLOT;
		r->group = field;
		r->slot = f->slot;
		return LH_OK;
	}
	if (is_set(f->shape->value, f->slot))
		return begin_residue(ctx, r, f);
	return close_frame(r, LH_VARIANT_END_OBJECT);
}

static LhStatus
next_shredded_element(LhCtx *ctx, LhVariantReader *r, Frame *f)
{
	if (f->slot == f->end)
		return close_frame(r, LH_VARIANT_END_ARRAY);
	return give_slot(ctx, r, &f->shape->children[0], f->slot++);
}

static LhStatus
next_token(LhCtx *ctx, LhVariantReader *r)
{
	Pending pending = r->pending;
	Frame *f;

	r->pending = NOTHING;
	if (pending == SLOT)
		return give_slot(ctx, r, r->group, r->slot);
	if (pending == BYTES)
		return give_bytes(ctx, r, r->value);
	if (r->depth == 0)
	{
		r->token.kind = LH_VARIANT_END;
		return LH_OK;
	}
	f = top_frame(r);
	if (!f->shredded)
		return next_encoded(ctx, r, f);
	return f->shape->typed == LH_VARIANT_LIST ? next_shredded_element(ctx, r, f) : next_shredded_field(ctx, r, f);
}

LhStatus
lh_variant_next(LhCtx *ctx, LhVariantReader *r, const LhVariantToken **out)
{
	if (++r->tokens % POLL_TOKENS == 0)
		LH_TRY(lh_poll(ctx));
	LH_TRY(next_token(ctx, r));
	*out = &r->token;
	return LH_OK;
}
