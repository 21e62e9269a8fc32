/*
 * fuzz_nested.c
 *		Lists, maps and structs from hostile levels: never a crash, offsets that
 *		ascend, children that fit.
 *
 * Input: shape, codec, rows, values of each leaf (2 bytes each), where the
 * second and third leaf's pages begin (2 bytes each), order of reading,
 * instruction set; then the pages.
 */
#include "fuzz/fuzz_column_file.h"

extern int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define HEADER 16

static const LhType int32_type = {.id = LH_T_INT32, .lane = LH_LANE_I32};
static const LhType string_type = {.id = LH_T_STRING, .lane = LH_LANE_STR};

typedef struct Input
{
	FuzzFile *f;
	const uint8_t *head;
	int64_t size; /* of the pages */
	int next; /* leaf */
} Input;

/* Leaves are int32, string, int32 in turn. */
static LhType
add_leaf(Input *in, int node)
{
	int i = in->next++;
	int64_t start = i == 0 ? 0 : lh_load_u16(in->head + 8 + 2 * i) % in->size;

	fuzz_leaf(in->f, node, i % 2 ? LH_PQ_BYTE_ARRAY : LH_PQ_INT32, 0, i % 2 ? string_type : int32_type,
			  in->head[1] % 8 == 3 ? 0 : in->head[1] % 8, lh_load_u16(in->head + 4 + 2 * i), start,
			  in->size - start);
	return in->f->nodes[node].type;
}

static LhType
nested_type(LhTypeId id, LhField *fields, int n, const LhType *types)
{
	for (int i = 0; i < n; i++)
		fields[i] = (LhField) {.name = "f", .type = types[i]};
	return (LhType) {.id = id, .nfields = n, .fields = fields};
}

/*
 * The shapes: list of int; list in two levels; bare repeated int; map of int to
 * string; struct of int and list of struct of string and int; list of list.
 */
static int
make_shape(Input *in, LhField *fields)
{
	FuzzFile *f = in->f;
	int shape = in->head[0] % 6;
	LhPqRepetition outer = in->head[0] & 0x80 ? LH_PQ_REQUIRED : LH_PQ_OPTIONAL;
	LhPqRepetition inner = in->head[0] & 0x40 ? LH_PQ_REQUIRED : LH_PQ_OPTIONAL;
	int root = fuzz_node(f, -1, LH_PQ_REQUIRED);
	LhType types[3];
	int top,
		entry,
		a,
		b;

	if (shape == 2)
	{
		top = fuzz_node(f, root, LH_PQ_REPEATED);
		types[0] = add_leaf(in, top);
		f->nodes[top].type = nested_type(LH_T_LIST, fields, 1, types);
		f->nodes[top].element = f->nodes[top].repeated = top;
		return top;
	}
	top = fuzz_node(f, root, outer);
	if (shape == 4)
	{
		int list,
			element;

		a = fuzz_node(f, top, inner);
		types[0] = add_leaf(in, a);
		list = fuzz_node(f, top, LH_PQ_OPTIONAL);
		entry = fuzz_node(f, list, LH_PQ_REPEATED);
		element = fuzz_node(f, entry, inner);
		a = fuzz_node(f, element, LH_PQ_OPTIONAL);
		b = fuzz_node(f, element, LH_PQ_REQUIRED);
		types[1] = add_leaf(in, a);
		types[2] = add_leaf(in, b);
		types[1] = f->nodes[element].type = nested_type(LH_T_STRUCT, fields, 2, types + 1);
		types[1] = f->nodes[list].type = nested_type(LH_T_LIST, fields + 2, 1, types + 1);
		f->nodes[list].element = element;
		f->nodes[list].repeated = entry;
		f->nodes[top].type = nested_type(LH_T_STRUCT, fields + 3, 2, types);
		return top;
	}
	entry = fuzz_node(f, top, LH_PQ_REPEATED);
	f->nodes[top].repeated = entry;
	if (shape == 1)
	{
		types[0] = add_leaf(in, entry);
		f->nodes[top].element = entry;
		f->nodes[top].type = nested_type(LH_T_LIST, fields, 1, types);
		return top;
	}
	if (shape == 3)
	{
		a = fuzz_node(f, entry, LH_PQ_REQUIRED);
		b = fuzz_node(f, entry, inner);
		types[0] = add_leaf(in, a);
		types[1] = add_leaf(in, b);
		f->nodes[top].element = a;
		f->nodes[top].value = b;
		f->nodes[top].type = nested_type(LH_T_MAP, fields, 2, types);
		return top;
	}
	a = fuzz_node(f, entry, inner);
	f->nodes[top].element = a;
	if (shape == 5)
	{
		int entry2 = fuzz_node(f, a, LH_PQ_REPEATED);

		b = fuzz_node(f, entry2, inner);
		types[0] = add_leaf(in, b);
		f->nodes[a].element = b;
		f->nodes[a].repeated = entry2;
		types[0] = f->nodes[a].type = nested_type(LH_T_LIST, fields + 1, 1, types);
	}
	else
		types[0] = add_leaf(in, a);
	f->nodes[top].type = nested_type(LH_T_LIST, fields, 1, types);
	return top;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	FuzzFile f;
	Input in = {&f, data, (int64_t) size - HEADER, 0};
	LhField fields[8];
	int64_t rows;
	int node;

	if (size <= HEADER)
		return 0;
	lh_isa_choose((LhIsa) (data[15] % 3));
	fuzz_open(&f, data + HEADER, size - HEADER);
	rows = lh_load_u16(data + 2);
	node = make_shape(&in, fields);
	f.group.num_rows = rows;
	f.meta.num_rows = rows;
	fuzz_read(&f, node, rows, data[14]);
	fuzz_close(&f);
	return 0;
}
