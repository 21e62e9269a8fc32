/*
 * ice_manifest_schema.h
 *		Schemas of manifests and lists, and the metadata of a table, for files made in C.
 */
#ifndef LH_TEST_ICE_MANIFEST_SCHEMA_H
#define LH_TEST_ICE_MANIFEST_SCHEMA_H

#define ICE_MAP(name, id, key, value, type)                                                      \
	"{\"name\":\"" name "\",\"field-id\":" id ",\"type\":[\"null\",{\"type\":\"array\","          \
	"\"logicalType\":\"map\",\"items\":{\"type\":\"record\",\"name\":\"k" key "_v" value "\","    \
	"\"fields\":[{\"name\":\"key\",\"type\":\"int\",\"field-id\":" key "},{\"name\":\"value\","   \
	"\"type\":\"" type "\",\"field-id\":" value "}]}}]}"
#define ICE_OPT(name, id, type)                                                              \
	"{\"name\":\"" name "\",\"field-id\":" id ",\"type\":[\"null\",\"" type "\"]}"

/* partition: the fields of its record. */
#define ICE_ENTRY_SCHEMA(partition)                                                               \
	"{\"type\":\"record\",\"name\":\"manifest_entry\",\"fields\":["                               \
	"{\"name\":\"status\",\"type\":\"int\",\"field-id\":0},"                                      \
	ICE_OPT("snapshot_id", "1", "long") "," ICE_OPT("sequence_number", "3", "long") ","           \
	ICE_OPT("file_sequence_number", "4", "long") ","                                              \
	"{\"name\":\"data_file\",\"field-id\":2,\"type\":{\"type\":\"record\",\"name\":\"r2\","       \
	"\"fields\":[{\"name\":\"content\",\"type\":\"int\",\"field-id\":134},"                       \
	"{\"name\":\"file_path\",\"type\":\"string\",\"field-id\":100},"                              \
	"{\"name\":\"file_format\",\"type\":\"string\",\"field-id\":101},"                            \
	"{\"name\":\"partition\",\"field-id\":102,\"type\":{\"type\":\"record\",\"name\":\"r102\","   \
	"\"fields\":[" partition "]}},"                                                               \
	"{\"name\":\"record_count\",\"type\":\"long\",\"field-id\":103},"                             \
	"{\"name\":\"file_size_in_bytes\",\"type\":\"long\",\"field-id\":104},"                       \
	ICE_MAP("value_counts", "109", "119", "120", "long") ","                                      \
	ICE_MAP("null_value_counts", "110", "121", "122", "long") ","                                 \
	ICE_MAP("nan_value_counts", "137", "138", "139", "long") ","                                  \
	ICE_MAP("lower_bounds", "125", "126", "127", "bytes") ","                                     \
	ICE_MAP("upper_bounds", "128", "129", "130", "bytes") ","                                     \
	"{\"name\":\"equality_ids\",\"field-id\":135,\"type\":[\"null\",{\"type\":\"array\","         \
	"\"items\":\"int\",\"element-id\":136}]},"                                                    \
	ICE_OPT("first_row_id", "142", "long") "," ICE_OPT("referenced_data_file", "143", "string") ","\
	ICE_OPT("content_offset", "144", "long") "," ICE_OPT("content_size_in_bytes", "145", "long")  \
	"]}}]}"

/* Two partition fields; written "s" first, so that their order is not the spec's. */
#define ICE_PARTS ICE_OPT("s", "1001", "string") "," ICE_OPT("p", "1000", "int")

#define ICE_NUMBER(name, id, type) \
	"{\"name\":\"" name "\",\"type\":\"" type "\",\"field-id\":" id "}"

#define ICE_LIST_SCHEMA                                                                           \
	"{\"type\":\"record\",\"name\":\"manifest_file\",\"fields\":["                                \
	ICE_NUMBER("manifest_path", "500", "string") "," ICE_NUMBER("manifest_length", "501", "long")  \
	"," ICE_NUMBER("partition_spec_id", "502", "int") "," ICE_NUMBER("content", "517", "int") ","   \
	ICE_NUMBER("sequence_number", "515", "long") "," ICE_NUMBER("added_snapshot_id", "503", "long") \
	"," ICE_NUMBER("added_files_count", "504", "int") ","                                          \
	"{\"name\":\"partitions\",\"field-id\":507,\"type\":[\"null\",{\"type\":\"array\","              \
	"\"element-id\":508,\"items\":{\"type\":\"record\",\"name\":\"r508\",\"fields\":["               \
	"{\"name\":\"contains_null\",\"type\":\"boolean\",\"field-id\":509},"                            \
	ICE_OPT("contains_nan", "518", "boolean") "," ICE_OPT("lower_bound", "510", "bytes") ","        \
	ICE_OPT("upper_bound", "511", "bytes") "]}}]}," ICE_OPT("first_row_id", "520", "long") "]}"

/*
 * A table: spec 0 is unpartitioned, spec 1 has p = identity of field 2
 * and s = truncate[2] of field 4; id long (1), p int (2), d double (3), s string (4),
 * t timestamp (5).
 */
#define ICE_METADATA \
	"{\"format-version\":3,\"table-uuid\":\"9c12d441-03fe-4693-9a96-a0705ddf69c1\"," \
	"\"location\":\"/t\",\"last-sequence-number\":10,\"last-updated-ms\":1," \
	"\"last-column-id\":5,\"current-schema-id\":0,\"schemas\":[{\"type\":\"struct\"," \
	"\"schema-id\":0,\"fields\":[{\"id\":1,\"name\":\"id\",\"required\":false,\"type\":\"long\"}," \
	"{\"id\":2,\"name\":\"p\",\"required\":false,\"type\":\"int\"}," \
	"{\"id\":3,\"name\":\"d\",\"required\":false,\"type\":\"double\"}," \
	"{\"id\":4,\"name\":\"s\",\"required\":false,\"type\":\"string\"}," \
	"{\"id\":5,\"name\":\"t\",\"required\":false,\"type\":\"timestamp\"}]}]," \
	"\"partition-specs\":[{\"spec-id\":0,\"fields\":[]},{\"spec-id\":1,\"fields\":[" \
	"{\"source-id\":2,\"field-id\":1000,\"name\":\"p\",\"transform\":\"identity\"}," \
	"{\"source-id\":4,\"field-id\":1001,\"name\":\"s\",\"transform\":\"truncate[2]\"}]}]," \
	"\"default-spec-id\":1,\"last-partition-id\":1001,\"sort-orders\":[{\"order-id\":0," \
	"\"fields\":[]}],\"default-sort-order-id\":0,\"properties\":{},\"next-row-id\":100," \
	"\"snapshots\":[],\"snapshot-log\":[],\"metadata-log\":[]}"

#endif
