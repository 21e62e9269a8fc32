/*
 * fuzz_column.c
 *		A flat column from hostile pages: never a crash, and vectors that keep
 *		their contract (vec.h) when there is no error.
 *
 * Input: physical type, logical type, repetition and codec, length of fixed
 * values, rows (2 bytes), order of reading, instruction set; then the pages.
 */
#include "fuzz/fuzz_column_file.h"

extern int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static LhType
decimal(LhLane lane)
{
	return (LhType) {.id = LH_T_DECIMAL, .lane = lane, .precision = 9, .scale = 2};
}

/* One of the types that a physical type may have. */
static LhType
choose_type(LhPqPhysical physical, int length, int kind)
{
	const LhType int32s[] = {{.id = LH_T_INT32, .lane = LH_LANE_I32},
							 {.id = LH_T_UINT8, .lane = LH_LANE_I32},
							 {.id = LH_T_UINT16, .lane = LH_LANE_I32},
							 {.id = LH_T_UINT32, .lane = LH_LANE_I64},
							 {.id = LH_T_TIME, .lane = LH_LANE_I64},
							 decimal(LH_LANE_I32),
							 decimal(LH_LANE_I128),
							 {.id = LH_T_NULL}};
	const LhType int64s[] = {{.id = LH_T_INT64, .lane = LH_LANE_I64},
							 {.id = LH_T_UINT64, .lane = LH_LANE_I128},
							 decimal(LH_LANE_I64),
							 decimal(LH_LANE_I128)};
	const LhType bytes[] = {{.id = LH_T_STRING, .lane = LH_LANE_STR},
							decimal(LH_LANE_I64),
							decimal(LH_LANE_I128),
							decimal(LH_LANE_STR),
							decimal(LH_LANE_I32),
							{.id = LH_T_UUID, .lane = LH_LANE_FIX, .width = 16}};
	const LhType fixed[] = {{.id = LH_T_FIXED, .lane = LH_LANE_FIX, .width = length},
							decimal(LH_LANE_I64),
							decimal(LH_LANE_I128),
							decimal(LH_LANE_STR),
							decimal(LH_LANE_I32),
							{.id = LH_T_FLOAT16, .lane = LH_LANE_F32}};

	switch (physical)
	{
		case LH_PQ_BOOLEAN: return (LhType) {.id = LH_T_BOOL, .lane = LH_LANE_U8};
		case LH_PQ_INT32: return int32s[kind % 8];
		case LH_PQ_INT64: return int64s[kind % 4];
		case LH_PQ_INT96:
			return (LhType) {.id = LH_T_TIMESTAMP, .lane = LH_LANE_I64, .unit = LH_UNIT_US};
		case LH_PQ_FLOAT: return (LhType) {.id = LH_T_FLOAT, .lane = LH_LANE_F32};
		case LH_PQ_DOUBLE: return (LhType) {.id = LH_T_DOUBLE, .lane = LH_LANE_F64};
		case LH_PQ_BYTE_ARRAY: return bytes[kind % 6];
		default: return fixed[kind % 6];
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const int codecs[] = {0, 0, 1, 2, 5, 6, 7, 0};
	LhPqPhysical physical;
	int64_t rows;
	FuzzFile f;
	int length, node;

	if (size < 8)
		return 0;
	lh_isa_choose((LhIsa) (data[7] % 3));
	fuzz_open(&f, data + 8, size - 8);
	physical = (LhPqPhysical) (data[0] % 8);
	length = data[3] == 0 ? 5000 : data[3];
	rows = lh_load_u16(data + 4);
	f.file.options.check_crc = data[7] & 0x80;
	f.file.options.raw_int96 = data[7] & 0x40;
	fuzz_node(&f, -1, LH_PQ_REQUIRED);
	node = fuzz_node(&f, 0, (LhPqRepetition) (data[2] & 1));
	/* levels of a leaf in structs */
	f.nodes[node].max_def += (data[2] >> 1 & 3) * (data[2] & 1);
	fuzz_leaf(&f, node, physical, length, choose_type(physical, length, data[1]), codecs[data[2] >> 5],
			  rows, 0, (int64_t) size - 8);
	f.group.num_rows = rows;
	f.meta.num_rows = rows;
	fuzz_read(&f, node, rows, data[6]);
	fuzz_close(&f);
	return 0;
}
