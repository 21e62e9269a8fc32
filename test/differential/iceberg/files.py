"""files.py
		Data and delete files in Parquet, Avro and ORC with field ids, their statistics, and Puffin
		files of deletion vectors, for the random tables of history.py.

What a file holds is given as fields (a schema's list of fields) and rows (dicts by field id).
"""

import json
import math
import os
import re
import struct
import time
import zlib

import fastavro
from cryptography.hazmat.primitives.ciphers import aead
import pyarrow as pa
import pyarrow.orc as orc
import pyarrow.parquet as pq

import values as v


# ---------------------------------------------------------------- Arrow: Parquet and ORC

def arrow_type(kind, ids, mark, rng):
    b = v.base(kind)
    if b == "struct":
        return pa.struct([arrow_field(f, ids, mark, rng) for f in kind["fields"]])
    if b == "list":
        element = {"id": kind["element-id"], "name": "element", "type": kind["element"]}
        return pa.list_(arrow_field(element, ids, mark, rng))
    if b == "decimal":
        return pa.decimal128(*v.numbers(kind))
    if b == "fixed":
        return pa.binary(v.numbers(kind)[0])
    return {"boolean": pa.bool_(), "int": pa.int32(), "long": pa.int64(), "float": pa.float32(), "double": pa.float64(),
            "date": pa.date32(), "time": pa.time64("us"), "timestamp": pa.timestamp("us"),
            "timestamptz": pa.timestamp("us", tz="UTC"), "timestamp_ns": pa.timestamp("ns"),
            "timestamptz_ns": pa.timestamp("ns", tz="UTC"), "string": pa.string(), "uuid": pa.binary(16),
            "binary": pa.binary()}[b]


def arrow_field(field, ids, mark, rng):
    metadata = {}
    if ids:
        metadata[mark] = str(field["id"])
    if mark == "iceberg.id" and field["type"] == "uuid":
        metadata["iceberg.binary-type"] = "UUID"
    return pa.field(field["name"], arrow_type(field["type"], ids, mark, rng), metadata=metadata or None)


def arrow_value(kind, value):
    b = v.base(kind)
    if value is None:
        return None
    if b == "decimal":
        return v.as_decimal(kind, value)
    if b == "struct":
        return {f["name"]: arrow_value(f["type"], value.get(f["id"])) for f in kind["fields"]}
    if b == "list":
        return [arrow_value(kind["element"], x) for x in value]
    return value


def arrow_table(fields, rows, ids, mark, rng):
    schema = pa.schema([arrow_field(f, ids, mark, rng) for f in fields])
    columns = [pa.array([arrow_value(f["type"], r.get(f["id"])) for r in rows], type=schema.field(i).type)
               for i, f in enumerate(fields)]
    return pa.Table.from_arrays(columns, schema=schema)


def write_parquet(path, fields, rows, rng, ids=True):
    pq.write_table(arrow_table(fields, rows, ids, "PARQUET:field_id", rng), path,
                   row_group_size=rng.choice((7, 20, 50, 10000)), compression=rng.choice(("snappy", "zstd", "gzip", "none")),
                   use_dictionary=rng.random() < 0.6, write_statistics=rng.random() < 0.85, data_page_size=rng.choice((128, 2000, 10**6)),
                   write_page_index=rng.random() < 0.4, data_page_version=rng.choice(("1.0", "1.0", "2.0")),
                   write_batch_size=rng.choice((5, 16, 1024)), store_schema=rng.random() < 0.2)


def write_orc(path, fields, rows, rng, ids=True):
    orc.write_table(arrow_table(fields, rows, ids, "iceberg.id", rng), path, compression=rng.choice(("zlib", "zstd", "uncompressed")))


# What pyarrow's ORC writer can say of Iceberg's types: no annotation of longs as times, no fixed.
def orc_can(fields):
    def can(kind):
        b = v.base(kind)
        if b == "struct":
            return all(can(f["type"]) for f in kind["fields"])
        return can(kind["element"]) if b == "list" else b in ("boolean", "int", "long", "float", "double", "decimal", "date", "string", "binary", "uuid")
    return all(can(f["type"]) for f in fields)


# ---------------------------------------------------------------- Avro

def decimal_bytes(precision):
    n = 1
    while (1 << 8 * n - 1) - 1 < 10**precision - 1:
        n += 1
    return n


def avro_name(name):
    """Names as the Java library writes them into Avro."""
    out = "".join(c if re.match("[A-Za-z0-9_]", c) else "_x%X" % ord(c) for c in name)
    return "_" + out if out[0].isdigit() else out


class AvroTypes:
    """Avro types of Iceberg's; names of fixed and record types differ within a schema."""

    def __init__(self):
        self.seen = set()

    def named(self, made):
        if made["name"] in self.seen:
            return made["name"]
        self.seen.add(made["name"])
        return made

    def of(self, kind, ident):
        b = v.base(kind)
        if b == "struct":
            return {"type": "record", "name": "r%d" % ident, "fields": [self.field(f) for f in kind["fields"]]}
        if b == "list":
            return {"type": "array", "items": ["null", self.of(kind["element"], kind["element-id"])], "element-id": kind["element-id"]}
        if b == "decimal":
            p, s = v.numbers(kind)
            return self.named({"type": "fixed", "size": decimal_bytes(p), "logicalType": "decimal", "precision": p, "scale": s,
                               "name": "decimal_%d_%d" % (p, s)})
        if b == "fixed":
            return self.named({"type": "fixed", "size": v.numbers(kind)[0], "name": "fixed_%d" % v.numbers(kind)[0]})
        if b == "uuid":
            return self.named({"type": "fixed", "size": 16, "logicalType": "uuid", "name": "uuid_fixed"})
        if b.startswith("timestamp"):
            return {"type": "long", "logicalType": "timestamp-nanos" if b.endswith("_ns") else "timestamp-micros",
                    "adjust-to-utc": "tz" in b}
        return {"boolean": "boolean", "int": "int", "long": "long", "float": "float", "double": "double", "string": "string",
                "date": {"type": "int", "logicalType": "date"}, "time": {"type": "long", "logicalType": "time-micros"},
                "binary": "bytes"}[b]

    def field(self, f):
        out = {"name": avro_name(f["name"]), "type": ["null", self.of(f["type"], f["id"])], "default": None, "field-id": f["id"]}
        if out["name"] != f["name"]:
            out["iceberg-field-name"] = f["name"]
        return out


def avro_value(kind, value):
    b = v.base(kind)
    if value is None:
        return None
    if b == "decimal":
        return value.to_bytes(decimal_bytes(v.numbers(kind)[0]), "big", signed=True)
    if b == "struct":
        return {avro_name(f["name"]): avro_value(f["type"], value.get(f["id"])) for f in kind["fields"]}
    if b == "list":
        return [avro_value(kind["element"], x) for x in value]
    return value


def write_avro(path, fields, rows, rng, ids=True):
    types = AvroTypes()
    schema = {"type": "record", "name": "table", "fields": [types.field(f) for f in fields]}
    records = [{avro_name(f["name"]): avro_value(f["type"], r.get(f["id"])) for f in fields} for r in rows]
    with open(path, "wb") as out:
        fastavro.writer(out, schema, records, codec=rng.choice(("null", "deflate")), sync_interval=rng.choice((200, 16000)))
    # so old that its columns are kept between statements (lakehouse.column_cache)
    os.utime(path, ns=(time.time_ns() - 3600 * 10**9,) * 2)


WRITERS = {"parquet": write_parquet, "avro": write_avro, "orc": write_orc}


def encrypt(path, rng):
    """Make an AES GCM stream of the file, and give the standard key metadata that opens it."""
    key, prefix = rng.randbytes(rng.choice((16, 24, 32))), rng.randbytes(rng.choice((0, 16)))
    block = rng.choice((7, 64, 1000, 1 << 20))
    with open(path, "rb") as f:
        plain = f.read()
    cipher = aead.AESGCM(key)
    out = [b"AGS1", struct.pack("<I", block)]
    for i in range(max(1, -(-len(plain) // block))):
        nonce = rng.randbytes(12)
        out += [nonce, cipher.encrypt(nonce, plain[i * block:(i + 1) * block], prefix + struct.pack("<I", i))]
    with open(path, "wb") as f:
        f.write(b"".join(out))
    length = sum(map(len, out)) if rng.random() < 0.5 else None
    return b"\1" + avro_long(len(key)) + key + b"\2" + avro_long(len(prefix)) + prefix + (b"\0" if length is None else b"\2" + avro_long(length))


def avro_long(n):
    n, out = n << 1 ^ n >> 63, b""
    while n >= 0x80:
        out, n = out + bytes([n & 0x7F | 0x80]), n >> 7
    return out + bytes([n])


# ---------------------------------------------------------------- statistics of files

def leaves(fields, rows):
    """(id, type, values) of the scalar leaves that have statistics: not those of lists."""
    for f in fields:
        column = [r.get(f["id"]) if r is not None else None for r in rows]
        if v.base(f["type"]) == "struct":
            yield from leaves(f["type"]["fields"], column)
        elif v.base(f["type"]) != "list":
            yield f["id"], f["type"], column


def statistics(fields, rows, rng):
    """Counts and bounds of a file's columns, as complete as some writer might make them."""
    out = {"value_counts": {}, "null_value_counts": {}, "nan_value_counts": {}, "lower_bounds": {}, "upper_bounds": {}, "column_sizes": {}}
    completeness = rng.choice((1.0, 1.0, 0.7, 0.0))
    width = rng.choice((None, 16, 2, 1))
    zeros = rng.random() < 0.8		# as the specification has it; else as min and max come
    for ident, kind, column in leaves(fields, rows):
        known = [x for x in column if x is not None]
        floating = v.base(kind) in ("float", "double")
        if rng.random() < completeness:
            out["value_counts"][ident] = len(column)
        if rng.random() < completeness:
            out["null_value_counts"][ident] = len(column) - len(known)
        if floating and rng.random() < completeness:
            out["nan_value_counts"][ident] = sum(map(math.isnan, known))
        if rng.random() < completeness:
            out["column_sizes"][ident] = 100 + len(column)
        if floating:
            known = [x for x in known if not math.isnan(x)]
        if known and rng.random() < completeness:
            known.sort(key=lambda x: v.order_key(kind, x))
            low, high = v.truncated_bounds(kind, known[0], known[-1], width)
            if floating and zeros:
                low, high = -0.0 if low == 0 else low, 0.0 if high == 0 else high
            if rng.random() < 0.97:
                out["lower_bounds"][ident] = v.single_value(kind, low)
            if high is not None and rng.random() < 0.97:
                out["upper_bounds"][ident] = v.single_value(kind, high)
    return {k: sorted(m.items()) for k, m in out.items()}


# ---------------------------------------------------------------- deletion vectors

def roaring(positions, rng):
    """A set of positions below 2^32 in the portable format of 32-bit Roaring bitmaps."""
    containers = {}
    for p in positions:
        containers.setdefault(p >> 16, []).append(p & 0xffff)
    keys = sorted(containers)
    bodies, runs = [], []
    for k in keys:
        items = sorted(containers[k])
        spans = []
        for i in items:
            if spans and spans[-1][0] + spans[-1][1] + 1 == i:
                spans[-1][1] += 1
            else:
                spans.append([i, 0])
        run = rng.random() < 0.4
        runs.append(run)
        if run:
            bodies.append(struct.pack("<H", len(spans)) + b"".join(struct.pack("<HH", *s) for s in spans))
        elif len(items) > 4096:
            bits = bytearray(8192)
            for i in items:
                bits[i >> 3] |= 1 << (i & 7)
            bodies.append(bytes(bits))
        else:
            bodies.append(b"".join(struct.pack("<H", i) for i in items))
    if any(runs):
        flags = bytearray((len(keys) + 7) // 8)
        for i, run in enumerate(runs):
            flags[i >> 3] |= run << (i & 7)
        head = struct.pack("<I", 12347 | len(keys) - 1 << 16) + bytes(flags)
    else:
        head = struct.pack("<II", 12346, len(keys))
    head += b"".join(struct.pack("<HH", k, len(containers[k]) - 1) for k in keys)
    if not any(runs) or len(keys) >= 4:
        at = len(head) + 4 * len(keys)
        for body in bodies:
            head += struct.pack("<I", at)
            at += len(body)
    return head + b"".join(bodies)


def deletion_vector(positions, rng):
    """A blob of type deletion-vector-v1."""
    high = {}
    for p in positions:
        high.setdefault(p >> 32, []).append(p & 0xffffffff)
    body = b"\xd1\xd3\x39\x64" + struct.pack("<q", len(high))
    for k in sorted(high):
        body += struct.pack("<i", k) + roaring(high[k], rng)
    return struct.pack(">I", len(body)) + body + struct.pack(">I", zlib.crc32(body))


def write_puffin(path, vectors, rng):
    """A Puffin file of (data file, positions); the offset and length of each blob."""
    out, blobs, places = b"PFA1", [], []
    for data_file, positions in vectors:
        blob = deletion_vector(positions, rng)
        places.append((len(out), len(blob)))
        blobs.append({"type": "deletion-vector-v1", "fields": [], "snapshot-id": -1, "sequence-number": -1, "offset": len(out),
                      "length": len(blob), "properties": {"referenced-data-file": data_file, "cardinality": str(len(positions))}})
        out += blob
    payload = json.dumps({"blobs": blobs, "properties": {"created-by": "differential"}}).encode()
    out += b"PFA1" + payload + struct.pack("<i", len(payload)) + b"\0\0\0\0PFA1"
    with open(path, "wb") as f:
        f.write(out)
    return places
