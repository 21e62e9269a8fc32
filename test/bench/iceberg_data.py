#!/usr/bin/env python3
"""iceberg_data.py
		The Iceberg tables of iceberg.py: TPC-H lineitem, and what may be deleted from it.

usage: iceberg_data.py DIRECTORY

DIRECTORY has lineitem_snappy.parquet (setup.sh) and li_snappy.parquet, li_snappy.orc
(orc_data.py); below DIRECTORY/iceberg come these tables, each a folder with one data file
of 6,001,215 rows (hard links where tables share it) and metadata of our own making, which
PyIceberg and DuckDB read as well:

	none3				format 3, the file of setup.sh, nothing deleted
	dv_random_P			the same with a deletion vector of P = 1, 10, 50 % of the rows, at random
	dv_10k_P, dv_100k_P	stretches of 10,000 or 100,000 rows, spread over the file
	dv_half_50			one stretch of half the file, from a quarter on
	none2, equality		format 2; an equality delete file of 10^6 distinct keys, l_orderkey, drawn
						evenly from 1..6,000,000: a quarter of them meet an order
	shuffled, shuffled_equality		the same rows in random order: the keys come in no order
	parquet, orc, avro, avro_zstd	the same rows in one writer's Parquet and ORC (snappy), and as Avro
						with deflate (Iceberg's default) and zstd

A table that exists is kept.  Needs numpy, pyarrow, fastavro, pyroaring, backports.zstd.
"""

import json
import os
import shutil
import struct
import sys
import uuid
import zlib

import fastavro
import numpy
import pyarrow as pa
import pyarrow.parquet as pq
import pyroaring

import iceberg_plan

ROWS = 6001215
SNAPSHOT = (1000, 2000)
NOW = 1700000000000
COLUMNS = [("l_orderkey", "long"), ("l_partkey", "long"), ("l_suppkey", "long"), ("l_linenumber", "int"),
           ("l_quantity", "decimal(15, 2)"), ("l_extendedprice", "decimal(15, 2)"), ("l_discount", "decimal(15, 2)"),
           ("l_tax", "decimal(15, 2)"), ("l_returnflag", "string"), ("l_linestatus", "string"), ("l_shipdate", "date"),
           ("l_commitdate", "date"), ("l_receiptdate", "date"), ("l_shipinstruct", "string"), ("l_shipmode", "string"),
           ("l_comment", "string")]


# ---------------------------------------------------------------- deletes

def puffin(path, data_file, positions):
    """One deletion vector; returns (offset, length, cardinality)."""
    vector = struct.pack("<QI", 1, 0) + pyroaring.BitMap(positions).serialize()
    body = bytes.fromhex("d1d33964") + vector
    blob = struct.pack(">I", len(body)) + body + struct.pack(">I", zlib.crc32(body))
    footer = json.dumps({"blobs": [{
        "type": "deletion-vector-v1", "fields": [2147483646], "snapshot-id": -1, "sequence-number": -1, "offset": 4,
        "length": len(blob), "properties": {"referenced-data-file": data_file, "cardinality": str(len(positions))}}],
        "properties": {}}).encode()
    with open(path, "wb") as f:
        f.write(b"PFA1" + blob + b"PFA1" + footer + struct.pack("<II", len(footer), 0) + b"PFA1")
    return 4, len(blob), len(positions)


def at_random(percent):
    return numpy.sort(numpy.random.default_rng(percent).choice(ROWS, ROWS * percent // 100, replace=False)).astype(numpy.uint32)


def in_stretches(percent, rows):
    stretches = -(-ROWS // rows)
    chosen = numpy.random.default_rng(percent).choice(stretches, max(round(stretches * percent / 100), 1), replace=False)
    starts = numpy.sort(chosen) * rows
    every = (starts[:, None] + numpy.arange(rows)).ravel()
    return every[every < ROWS].astype(numpy.uint32)


def equality_file(path):
    keys = numpy.random.default_rng(7).choice(6000000, 1000000, replace=False) + 1
    field = pa.field("l_orderkey", pa.int64(), nullable=False, metadata={"PARQUET:field_id": "1"})
    pq.write_table(pa.table([keys], schema=pa.schema([field])), path, compression="zstd")


# ---------------------------------------------------------------- metadata

def write_table(root, name, version, extension, link, deletes=None, mapped=False, make=None):
    """A table of one data file; deletes(location, data) gives the fields of the delete's entry."""
    location = os.path.join(root, name)
    if os.path.exists(location):
        return
    print("making", location, flush=True)
    making = location + ".making"
    shutil.rmtree(making, ignore_errors=True)
    os.makedirs(making + "/data")
    os.makedirs(making + "/metadata")
    data = "%s/data/lineitem.%s" % (location, extension)
    here = data.replace(location, making, 1)
    if make is None:
        os.link(link, here)
    else:
        make(here)
    low, high = struct.pack("<q", 1), struct.pack("<q", 6000000)
    entries = [("data", 0, {"content": 0, "file_path": data, "file_format": extension.upper(), "record_count": ROWS,
                            "file_size_in_bytes": os.path.getsize(here),
                            "null_value_counts": [{"key": 1, "value": 0}], "value_counts": [{"key": 1, "value": ROWS}],
                            "lower_bounds": [{"key": 1, "value": low}], "upper_bounds": [{"key": 1, "value": high}]})]
    if deletes is not None:
        entries.append(("deletes", 1, deletes(making, location, data)))
    schema = {"type": "struct", "schema-id": 0, "fields": [
        {"id": i + 1, "name": c, "required": True, "type": t} for i, (c, t) in enumerate(COLUMNS)]}
    entry = json.loads(json.dumps(iceberg_plan.ENTRY))
    fields = entry["fields"][4]["type"]["fields"]
    next(f for f in fields if f["name"] == "partition")["type"]["fields"] = []
    fields += [{"name": n, "field-id": i, "default": None, "type": ["null", t]} for n, i, t in (
        ("first_row_id", 142, "long"), ("referenced_data_file", 143, "string"), ("content_offset", 144, "long"),
        ("content_size_in_bytes", 145, "long")) if version == 3]
    list_schema = json.loads(json.dumps(iceberg_plan.LIST))
    if version == 3:
        list_schema["fields"].append({"name": "first_row_id", "field-id": 520, "default": None, "type": ["null", "long"]})
    lines = []
    for kind, content, file in entries:
        path = "%s/metadata/%s.avro" % (location, kind)
        length = iceberg_plan.write_avro(
            path.replace(location, making, 1), entry,
            [{"status": 1, "snapshot_id": SNAPSHOT[content], "data_file": dict(file, partition={})}],
            {"schema": json.dumps(schema), "schema-id": "0", "partition-spec": "[]", "partition-spec-id": "0",
             "format-version": str(version), "content": kind})
        lines.append({"manifest_path": path, "manifest_length": length, "partition_spec_id": 0, "content": content,
                      "sequence_number": content + 1, "min_sequence_number": content + 1,
                      "added_snapshot_id": SNAPSHOT[content], "added_files_count": 1, "existing_files_count": 0,
                      "deleted_files_count": 0, "added_rows_count": file["record_count"], "existing_rows_count": 0,
                      "deleted_rows_count": 0, "partitions": None, "first_row_id": 0 if content == 0 else None})
    snapshots = []
    for k in range(len(lines)):
        path = "%s/metadata/snap-%d.avro" % (location, SNAPSHOT[k])
        iceberg_plan.write_avro(path.replace(location, making, 1), list_schema, lines[:k + 1], {
            "format-version": str(version), "snapshot-id": str(SNAPSHOT[k]), "sequence-number": str(k + 1)})
        snapshots.append({"snapshot-id": SNAPSHOT[k], "sequence-number": k + 1, "timestamp-ms": NOW + k, "schema-id": 0,
                          "manifest-list": path, "summary": {"operation": ("append", "delete")[k]}})
        if k > 0:
            snapshots[k]["parent-snapshot-id"] = SNAPSHOT[k - 1]
        if version == 3:
            snapshots[k].update({"first-row-id": 0 if k == 0 else ROWS, "added-rows": ROWS if k == 0 else 0})
    properties = {}
    if mapped:
        properties["schema.name-mapping.default"] = json.dumps(
            [{"field-id": i + 1, "names": [c]} for i, (c, _) in enumerate(COLUMNS)])
    metadata = {
        "format-version": version, "table-uuid": str(uuid.uuid5(uuid.NAMESPACE_URL, name)), "location": location,
        "last-sequence-number": len(lines), "last-updated-ms": NOW, "last-column-id": len(COLUMNS), "schemas": [schema],
        "current-schema-id": 0, "partition-specs": [{"spec-id": 0, "fields": []}], "default-spec-id": 0,
        "last-partition-id": 999, "sort-orders": [{"order-id": 0, "fields": []}], "default-sort-order-id": 0,
        "properties": properties, "current-snapshot-id": snapshots[-1]["snapshot-id"],
        "refs": {"main": {"snapshot-id": snapshots[-1]["snapshot-id"], "type": "branch"}}, "snapshots": snapshots,
        "snapshot-log": [{"snapshot-id": s["snapshot-id"], "timestamp-ms": s["timestamp-ms"]} for s in snapshots],
        "metadata-log": []}
    if version == 3:
        metadata["next-row-id"] = ROWS
    with open(making + "/metadata/v1.metadata.json", "w") as f:
        json.dump(metadata, f)
    with open(making + "/metadata/version-hint.text", "w") as f:
        f.write("1")
    os.rename(making, location)     # a name appears only when it is whole


# ---------------------------------------------------------------- data files

def shuffled(source):
    def make(path):
        table = pq.read_table(source)
        schema = pa.schema([pa.field(f.name, pa.string() if pa.types.is_string_view(f.type) else f.type, False,
                                     {"PARQUET:field_id": str(i + 1)}) for i, f in enumerate(table.schema)])
        order = numpy.random.default_rng(3).permutation(ROWS)
        pq.write_table(table.cast(schema).take(order), path, compression="snappy", row_group_size=1 << 17,
                       store_decimal_as_integer=True)
    return make


AVRO_TYPES = {"decimal(15, 2)": {"type": "fixed", "size": 7, "name": "decimal_15_2", "logicalType": "decimal",
                                 "precision": 15, "scale": 2},
              "date": {"type": "int", "logicalType": "date"}}


def avro(source, codec):
    """The rows of source as Avro, blocks of some 64,000 bytes as Java writes them."""
    named = set()

    def type_of(t):
        kind = AVRO_TYPES.get(t, t)
        if isinstance(kind, dict) and "name" in kind:
            if kind["name"] in named:
                return kind["name"]
            named.add(kind["name"])
        return kind

    schema = {"type": "record", "name": "table", "fields": [
        {"name": c, "type": type_of(t), "field-id": i + 1} for i, (c, t) in enumerate(COLUMNS)]}

    def records():
        for batch in pq.ParquetFile(source).iter_batches(batch_size=1 << 16):
            columns = []
            for (_, t), column in zip(COLUMNS, batch.columns):
                if t.startswith("decimal"):
                    # the low half of each 128-bit value, which is none below zero
                    low = numpy.frombuffer(column.buffers()[1], "<u8")[column.offset * 2::2][:len(column)]
                    raw = low.astype(">u8").tobytes()
                    column = [raw[k + 1:k + 8] for k in range(0, len(raw), 8)]
                elif t == "date":
                    column = column.cast(pa.int32()).to_pylist()
                else:
                    column = column.to_pylist()
                columns.append(column)
            names = [c for c, _ in COLUMNS]
            for row in zip(*columns):
                yield dict(zip(names, row))

    def make(path):
        with open(path, "wb") as f:
            fastavro.writer(f, fastavro.parse_schema(schema), records(), codec=codec, sync_interval=64000)
    return make


def main():
    folder = os.path.abspath(sys.argv[1])
    root = os.path.join(folder, "iceberg")
    os.makedirs(root, exist_ok=True)
    first = os.path.join(folder, "lineitem_snappy.parquet")

    def vector(positions):
        def entry(making, location, data):
            offset, length, count = puffin(making + "/data/deletes.puffin", data, positions())
            return {"content": 1, "file_path": location + "/data/deletes.puffin", "file_format": "PUFFIN",
                    "record_count": count, "file_size_in_bytes": os.path.getsize(making + "/data/deletes.puffin"),
                    "referenced_data_file": data, "content_offset": offset, "content_size_in_bytes": length}
        return entry

    def keys(making, location, data):
        path = making + "/data/equality.parquet"
        equality_file(path)
        return {"content": 2, "file_path": location + "/data/equality.parquet", "file_format": "PARQUET",
                "record_count": 1000000, "file_size_in_bytes": os.path.getsize(path), "equality_ids": [1]}

    write_table(root, "none3", 3, "parquet", first)
    for percent in (1, 10, 50):
        write_table(root, "dv_random_%d" % percent, 3, "parquet", first, vector(lambda: at_random(percent)))
        for name, rows in (("10k", 10000), ("100k", 100000)):
            write_table(root, "dv_%s_%d" % (name, percent), 3, "parquet", first,
                        vector(lambda: in_stretches(percent, rows)))
    write_table(root, "dv_half_50", 3, "parquet", first, vector(
        lambda: numpy.arange(ROWS // 4, ROWS // 4 + ROWS // 2, dtype=numpy.uint32)))
    write_table(root, "none2", 2, "parquet", first)
    write_table(root, "equality", 2, "parquet", first, keys)
    write_table(root, "parquet", 2, "parquet", folder + "/li_snappy.parquet", mapped=True)
    write_table(root, "orc", 2, "orc", folder + "/li_snappy.orc", mapped=True)
    write_table(root, "shuffled", 2, "parquet", None, make=shuffled(first))
    write_table(root, "shuffled_equality", 2, "parquet", root + "/shuffled/data/lineitem.parquet", keys)
    write_table(root, "avro", 2, "avro", None, make=avro(first, "deflate"))
    write_table(root, "avro_zstd", 2, "avro", None, make=avro(first, "zstandard"))


if __name__ == "__main__":
    main()
