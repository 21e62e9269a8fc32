#!/usr/bin/env python3
"""Make an Iceberg table of very many files that are not there, for planning.

    iceberg_plan.py DIR [--files N] [--manifests M]

Manifests are deflated and hold bounds of 20 columns (some 860 bytes an entry
before compression).  Needs fastavro; PyIceberg reads the result:

    StaticTable.from_metadata(DIR + "/metadata/v1.metadata.json").scan().plan_files()

Columns that predicates are made for, of file i of n:

    c0  long     i * 1000 .. i * 1000 + 999    (c0 between 5000999 and 5001000: 2 files)
    c1  int      i % 25 * 10 .. + 9            (c1 < 20: 2 of 25 files, 16,000 of 200,000)
    day of c18   i * 2500 / n days after 2020-01-01: the partition
"""
import argparse
import json
import os
import struct

import fastavro

DAY = 86400 * 10**6
FIRST_DAY = 18262
TYPES = (["long", "int"] + ["long"] * 6 + ["double"] * 4 + ["string"] * 4 +
         ["decimal(18, 2)"] * 2 + ["timestamp"] * 2)

STATS = {
    "column_sizes": (108, 117, 118, "long"),
    "value_counts": (109, 119, 120, "long"),
    "null_value_counts": (110, 121, 122, "long"),
    "nan_value_counts": (137, 138, 139, "long"),
    "lower_bounds": (125, 126, 127, "bytes"),
    "upper_bounds": (128, 129, 130, "bytes"),
}


def stats_field(name):
    field, key, value, kind = STATS[name]
    record = {"type": "record", "name": f"k{key}_v{value}", "fields": [
        {"name": "key", "type": "int", "field-id": key},
        {"name": "value", "type": kind, "field-id": value}]}
    return {"name": name, "field-id": field, "default": None,
            "type": ["null", {"type": "array", "items": record, "logicalType": "map"}]}


ENTRY = {"type": "record", "name": "manifest_entry", "fields": [
    {"name": "status", "type": "int", "field-id": 0},
    {"name": "snapshot_id", "type": ["null", "long"], "default": None, "field-id": 1},
    {"name": "sequence_number", "type": ["null", "long"], "default": None, "field-id": 3},
    {"name": "file_sequence_number", "type": ["null", "long"], "default": None, "field-id": 4},
    {"name": "data_file", "field-id": 2, "type": {"type": "record", "name": "r2", "fields": [
        {"name": "content", "type": "int", "field-id": 134},
        {"name": "file_path", "type": "string", "field-id": 100},
        {"name": "file_format", "type": "string", "field-id": 101},
        {"name": "partition", "field-id": 102, "type": {"type": "record", "name": "r102", "fields": [
            {"name": "c18_day", "field-id": 1000, "default": None,
             "type": ["null", {"type": "int", "logicalType": "date"}]}]}},
        {"name": "record_count", "type": "long", "field-id": 103},
        {"name": "file_size_in_bytes", "type": "long", "field-id": 104},
        *[stats_field(name) for name in STATS],
        {"name": "key_metadata", "type": ["null", "bytes"], "default": None, "field-id": 131},
        {"name": "split_offsets", "field-id": 132, "default": None,
         "type": ["null", {"type": "array", "items": "long", "element-id": 133}]},
        {"name": "equality_ids", "field-id": 135, "default": None,
         "type": ["null", {"type": "array", "items": "int", "element-id": 136}]},
        {"name": "sort_order_id", "type": ["null", "int"], "default": None, "field-id": 140},
    ]}}]}

LIST = {"type": "record", "name": "manifest_file", "fields": [
    {"name": "manifest_path", "type": "string", "field-id": 500},
    {"name": "manifest_length", "type": "long", "field-id": 501},
    {"name": "partition_spec_id", "type": "int", "field-id": 502},
    {"name": "content", "type": "int", "field-id": 517},
    {"name": "sequence_number", "type": "long", "field-id": 515},
    {"name": "min_sequence_number", "type": "long", "field-id": 516},
    {"name": "added_snapshot_id", "type": "long", "field-id": 503},
    {"name": "added_files_count", "type": "int", "field-id": 504},
    {"name": "existing_files_count", "type": "int", "field-id": 505},
    {"name": "deleted_files_count", "type": "int", "field-id": 506},
    {"name": "added_rows_count", "type": "long", "field-id": 512},
    {"name": "existing_rows_count", "type": "long", "field-id": 513},
    {"name": "deleted_rows_count", "type": "long", "field-id": 514},
    {"name": "partitions", "field-id": 507, "default": None, "type": ["null", {
        "type": "array", "element-id": 508, "items": {"type": "record", "name": "r508", "fields": [
            {"name": "contains_null", "type": "boolean", "field-id": 509},
            {"name": "contains_nan", "type": ["null", "boolean"], "default": None, "field-id": 518},
            {"name": "lower_bound", "type": ["null", "bytes"], "default": None, "field-id": 510},
            {"name": "upper_bound", "type": ["null", "bytes"], "default": None, "field-id": 511},
        ]}}]},
]}


def day_of(i, n):
    return FIRST_DAY + i * 2500 // n


def bounds(column, kind, i, n):
    x = (i * 2654435761 + column * 40503) & 0xFFFFFFFF
    if column == 0:
        return struct.pack("<q", i * 1000), struct.pack("<q", i * 1000 + 999)
    if column == 1:
        return struct.pack("<i", i % 25 * 10), struct.pack("<i", i % 25 * 10 + 9)
    if column == 18:
        start = day_of(i, n) * DAY
        return struct.pack("<q", start + x % 1000), struct.pack("<q", start + DAY - 1 - x % 1000)
    if kind in ("long", "timestamp"):
        return struct.pack("<q", x * 1000), struct.pack("<q", x * 1000 + 10**9)
    if kind == "double":
        return struct.pack("<d", x / 7), struct.pack("<d", x / 7 + 1e6)
    if kind == "string":
        return b"name-%011d" % x, b"nbme-%011d" % x
    return (x * 100).to_bytes(6, "big"), (x * 100 + 9999).to_bytes(6, "big")


def entry(i, n, location):
    day = day_of(i, n)
    stats = [bounds(c, TYPES[c], i, n) for c in range(20)]
    x = (i * 40503 + 12345) & 0xFFFFF
    return {
        "status": 1, "snapshot_id": 1, "sequence_number": None, "file_sequence_number": None,
        "data_file": {
            "content": 0,
            "file_path": f"{location}/data/c18_day={day}/{i:05d}-{x:06d}-5f6c3a9e-2a4b-4c0e-9d0d-"
                         f"{(i * 7919) & 0xFFFFFFFFFFFF:012x}-0-00001.parquet",
            "file_format": "PARQUET", "partition": {"c18_day": day},
            "record_count": 1000, "file_size_in_bytes": 100000 + x,
            "column_sizes": [{"key": c + 1, "value": 4000 + (x >> c & 0xFFF)} for c in range(20)],
            "value_counts": [{"key": c + 1, "value": 1000} for c in range(20)],
            "null_value_counts": [{"key": c + 1, "value": 0} for c in range(20)],
            "nan_value_counts": [{"key": c + 1, "value": 0} for c in range(8, 12)],
            "lower_bounds": [{"key": c + 1, "value": stats[c][0]} for c in range(20)],
            "upper_bounds": [{"key": c + 1, "value": stats[c][1]} for c in range(20)],
            "key_metadata": None, "split_offsets": [4], "equality_ids": None, "sort_order_id": 0,
        }}


def write_avro(path, schema, records, metadata):
    with open(path, "wb") as f:
        fastavro.writer(f, fastavro.parse_schema(schema), records, codec="deflate",
                        metadata=metadata, sync_interval=64000)
    return os.path.getsize(path)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("dir")
    parser.add_argument("--files", type=int, default=200000)
    parser.add_argument("--manifests", type=int, default=20)
    args = parser.parse_args()
    location = os.path.abspath(args.dir)
    os.makedirs(location + "/metadata", exist_ok=True)
    schema = {"type": "struct", "schema-id": 0, "fields": [
        {"id": c + 1, "name": f"c{c}", "required": False, "type": TYPES[c]} for c in range(20)]}
    spec = [{"source-id": 19, "field-id": 1000, "name": "c18_day", "transform": "day"}]
    n, m = args.files, args.manifests
    lines = []
    for k in range(m):
        first, end = k * n // m, (k + 1) * n // m
        path = f"{location}/metadata/manifest-{k:04d}.avro"
        length = write_avro(path, ENTRY, (entry(i, n, location) for i in range(first, end)), {
            "schema": json.dumps(schema), "schema-id": "0", "partition-spec": json.dumps(spec),
            "partition-spec-id": "0", "format-version": "2", "content": "data"})
        lines.append({
            "manifest_path": path, "manifest_length": length, "partition_spec_id": 0, "content": 0,
            "sequence_number": 1, "min_sequence_number": 1, "added_snapshot_id": 1,
            "added_files_count": end - first, "existing_files_count": 0, "deleted_files_count": 0,
            "added_rows_count": (end - first) * 1000, "existing_rows_count": 0,
            "deleted_rows_count": 0,
            "partitions": [{"contains_null": False, "contains_nan": None,
                            "lower_bound": struct.pack("<i", day_of(first, n)),
                            "upper_bound": struct.pack("<i", day_of(end - 1, n))}]})
    snapshot_list = f"{location}/metadata/snap-1.avro"
    write_avro(snapshot_list, LIST, lines, {"format-version": "2", "snapshot-id": "1",
                                            "sequence-number": "1"})
    now = 1700000000000
    metadata = {
        "format-version": 2, "table-uuid": "9c12d441-03fe-4693-9a96-a0705ddf69c1",
        "location": location, "last-sequence-number": 1, "last-updated-ms": now,
        "last-column-id": 20, "schemas": [schema], "current-schema-id": 0,
        "partition-specs": [{"spec-id": 0, "fields": spec}], "default-spec-id": 0,
        "last-partition-id": 1000, "sort-orders": [{"order-id": 0, "fields": []}],
        "default-sort-order-id": 0, "properties": {}, "current-snapshot-id": 1,
        "refs": {"main": {"snapshot-id": 1, "type": "branch"}},
        "snapshots": [{"snapshot-id": 1, "sequence-number": 1, "timestamp-ms": now, "schema-id": 0,
                       "manifest-list": snapshot_list,
                       "summary": {"operation": "append", "total-data-files": str(n)}}],
        "snapshot-log": [{"snapshot-id": 1, "timestamp-ms": now}], "metadata-log": []}
    with open(location + "/metadata/v1.metadata.json", "w") as f:
        json.dump(metadata, f)
    with open(location + "/metadata/version-hint.text", "w") as f:
        f.write("1")


if __name__ == "__main__":
    main()
