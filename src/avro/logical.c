/*
 * logical.c
 *		Types of nodes: Avro's logical types and Iceberg's attributes.
 *
 * A logical type that is unknown or does not fit what it stands on is ignored,
 * as the specification asks: the value keeps the type that it is stored in.
 *
 * Format: https://avro.apache.org/docs/1.12.0/specification/#logical-types
 */
#include <string.h>

#include "avro/file.h"

/* Digits that fit the lanes. */
#define DIGITS_I64  18
#define DIGITS_I128 38

#define UUID_SIZE     16
#define DURATION_SIZE 12

static LhType
simple(LhTypeId id, LhLane lane)
{
	return (LhType){.id = id, .lane = lane};
}

static LhType
fixed(LhTypeId id, int width)
{
	return (LhType){.id = id, .lane = LH_LANE_FIX, .width = width};
}

/* The type that a kind has without annotations. */
static LhType
plain_type(const LhAvroNode *node)
{
	switch (node->kind)
	{
		case LH_AVRO_NULL: return simple(LH_T_NULL, LH_LANE_NONE);
		case LH_AVRO_BOOLEAN: return simple(LH_T_BOOL, LH_LANE_U8);
		case LH_AVRO_INT: return simple(LH_T_INT32, LH_LANE_I32);
		case LH_AVRO_LONG: return simple(LH_T_INT64, LH_LANE_I64);
		case LH_AVRO_FLOAT: return simple(LH_T_FLOAT, LH_LANE_F32);
		case LH_AVRO_DOUBLE: return simple(LH_T_DOUBLE, LH_LANE_F64);
		case LH_AVRO_BYTES: return simple(LH_T_BINARY, LH_LANE_STR);
		case LH_AVRO_STRING: return simple(LH_T_STRING, LH_LANE_STR);
		case LH_AVRO_ENUM: return simple(LH_T_ENUM, LH_LANE_STR);
		case LH_AVRO_FIXED: return fixed(LH_T_FIXED, node->size);
		case LH_AVRO_ARRAY: return simple(node->pairs ? LH_T_MAP : LH_T_LIST, LH_LANE_NONE);
		case LH_AVRO_MAP: return simple(LH_T_MAP, LH_LANE_NONE);
		default: return simple(LH_T_STRUCT, LH_LANE_NONE);
	}
}

static LhType
moment(LhUnit unit, bool utc, const json_t *attributes)
{
	const json_t *adjust = json_object_get(attributes, "adjust-to-utc");
	LhType t = simple(LH_T_TIMESTAMP, LH_LANE_I64);

	t.unit = (uint8_t) unit;
	t.utc = utc;
	if (json_is_boolean(adjust))
		t.utc = json_is_true(adjust);
	else if (json_is_string(adjust))
		t.utc = strcmp(json_string_value(adjust), "true") == 0;
	return t;
}

static LhType
time_of_day(LhUnit unit)
{
	LhType t = simple(LH_T_TIME, LH_LANE_I64);

	t.unit = (uint8_t) unit;
	return t;
}

/* False when the annotation makes no sense. */
static bool
decimal(const json_t *attributes, LhType *out)
{
	json_int_t precision = json_integer_value(json_object_get(attributes, "precision"));
	json_int_t scale = json_integer_value(json_object_get(attributes, "scale"));

	if (precision < 1 || precision > INT16_MAX || scale < 0 || scale > precision)
		return false;
	*out = simple(LH_T_DECIMAL, precision <= DIGITS_I64    ? LH_LANE_I64
								: precision <= DIGITS_I128 ? LH_LANE_I128
														   : LH_LANE_STR);
	out->precision = (int16_t) precision;
	out->scale = (int16_t) scale;
	return true;
}

static bool
is_text(const char *a, const char *b)
{
	return strcmp(a, b) == 0;
}

static void
apply_long(const char *logical, const json_t *attributes, LhType *t)
{
	static const struct
	{
		const char *name;
		LhUnit unit;
		bool utc;
	} moments[] = {
		{"timestamp-millis", LH_UNIT_MS, true},
		{"timestamp-micros", LH_UNIT_US, true},
		{"timestamp-nanos", LH_UNIT_NS, true},
		{"local-timestamp-millis", LH_UNIT_MS, false},
		{"local-timestamp-micros", LH_UNIT_US, false},
		{"local-timestamp-nanos", LH_UNIT_NS, false},
	};

	if (is_text(logical, "time-micros"))
		*t = time_of_day(LH_UNIT_US);
	for (size_t i = 0; i < sizeof(moments) / sizeof(moments[0]); i++)
		if (is_text(logical, moments[i].name))
			*t = moment(moments[i].unit, moments[i].utc, attributes);
}

/* What the annotation makes of *t, the plain type. */
static void
apply_logical(const LhAvroNode *node, const char *logical, const json_t *attributes, LhType *t)
{
	switch (node->kind)
	{
		case LH_AVRO_INT:
			if (is_text(logical, "date"))
				*t = simple(LH_T_DATE, LH_LANE_I32);
			else if (is_text(logical, "time-millis"))
				*t = time_of_day(LH_UNIT_MS);
			return;
		case LH_AVRO_LONG: apply_long(logical, attributes, t); return;
		case LH_AVRO_STRING:
			if (is_text(logical, "uuid"))
				*t = fixed(LH_T_UUID, UUID_SIZE);
			return;
		case LH_AVRO_BYTES:
			if (is_text(logical, "decimal"))
				(void) decimal(attributes, t);
			return;
		case LH_AVRO_FIXED:
			if (is_text(logical, "decimal") && node->size > 0)
				(void) decimal(attributes, t);
			else if (is_text(logical, "uuid") && node->size == UUID_SIZE)
				*t = fixed(LH_T_UUID, UUID_SIZE);
			else if (is_text(logical, "duration") && node->size == DURATION_SIZE)
				*t = fixed(LH_T_INTERVAL, DURATION_SIZE);
			return;
		default: return;
	}
}

/* A record of metadata and value, both bytes, in this order. */
static bool
is_variant(const LhAvroNode *nodes, const LhAvroNode *node)
{
	const LhAvroNode *metadata, *value;

	if (node->kind != LH_AVRO_RECORD || node->nchildren != 2)
		return false;
	metadata = &nodes[node->first_child];
	value = &nodes[metadata->next];
	return metadata->kind == LH_AVRO_BYTES && value->kind == LH_AVRO_BYTES &&
		   is_text(metadata->avro_name, "metadata") && is_text(value->avro_name, "value");
}

static LhStatus
make_fields(LhCtx *ctx, LhAvroNode *nodes, LhAvroNode *node)
{
	LhField *fields;
	int i = 0;

	LH_NEW_ARRAY(ctx, fields, (size_t) node->nchildren);
	for (int c = node->first_child; c >= 0; c = nodes[c].next, i++)
		fields[i] = (LhField){.name = nodes[c].name,
							  .type = nodes[c].type,
							  .required = !nodes[c].nullable,
							  .field_id = nodes[c].field_id};
	node->type.nfields = node->nchildren;
	node->type.fields = fields;
	return LH_OK;
}

LhStatus
lh_avro_node_type(LhCtx *ctx, LhAvroNode *nodes, int i, const json_t *attributes)
{
	LhAvroNode *node = &nodes[i];

	node->logical = json_string_value(json_object_get(attributes, "logicalType"));
	node->type = plain_type(node);
	if (node->logical != NULL)
		apply_logical(node, node->logical, attributes, &node->type);
	if (node->logical != NULL && is_text(node->logical, "variant") && is_variant(nodes, node))
		node->type.id = LH_T_VARIANT;
	return node->nchildren > 0 ? make_fields(ctx, nodes, node) : LH_OK;
}
