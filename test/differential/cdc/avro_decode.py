"""Records of our Avro formats, read by fastavro, against the lines of our JSON formats.

usage: avro_decode.py avro|debezium-avro SCHEMAS RECORDS LINES PAIRS

SCHEMAS has part, fingerprint, schema in hex, a line each; RECORDS and LINES messages in hex.
PAIRS gets type, text of the record, text of the line, for COPY: values of "avro" that
PostgreSQL has to compare.
"""
import base64
import datetime
import decimal
import io
import json
import math
import struct
import sys
import uuid

import fastavro

FORMAT, SCHEMAS, RECORDS, LINES, PAIRS = sys.argv[1:]
MARKS = ("__op", "__lsn", "__seq", "__ts_us", "__unchanged", "__special")
# years before 1 and beyond 9999 are never dates here; time zones of Python are not asked
decimal.getcontext().prec = 2000


def fail(text):
    sys.exit(text[:3000])


def plain(schema):
    """The schema without logical types: debezium-json has what lies beneath them."""
    if isinstance(schema, list):
        return [plain(s) for s in schema]
    if not isinstance(schema, dict):
        return schema
    return {k: plain(v) if k in ("type", "items", "values", "fields") else v
            for k, v in schema.items() if k not in ("logicalType", "precision", "scale")}


def read_schemas():
    out = {}
    for line in open(SCHEMAS):
        part, fingerprint, text = line.rstrip("\n").split("\t")
        schema = json.loads(bytes.fromhex(text))
        form = fastavro.schema.to_parsing_canonical_form(json.loads(bytes.fromhex(text)))
        computed = fastavro.schema.fingerprint(form, "CRC-64-AVRO")
        # fastavro says the number, single objects have it with its lowest byte first
        if computed not in (fingerprint, bytes.fromhex(fingerprint)[::-1].hex()):
            fail(f"fastavro computes {computed}, not {fingerprint}, of {form}")
        used = schema if FORMAT == "avro" else plain(schema)
        out[fingerprint] = (part, schema, fastavro.parse_schema(used))
    return out


def read_records(schemas):
    for line in open(RECORDS):
        message = bytes.fromhex(line.strip())
        if message[:2] != b"\xc3\x01":
            fail(f"a message begins with {message[:2].hex()}")
        if message[2:10].hex() not in schemas:
            fail(f"nobody tells of schema {message[2:10].hex()}")
        part, schema, parsed = schemas[message[2:10].hex()]
        rest = io.BytesIO(message[10:])
        try:
            record = fastavro.schemaless_reader(rest, parsed)
        except Exception as e:
            fail(f"{e!r} for {message.hex()} of {json.dumps(schema)}")
        if rest.read(1):
            fail(f"bytes are left of {message.hex()} of {json.dumps(schema)}")
        yield part, schema, record


def read_lines():
    for line in open(LINES):
        yield json.loads(bytes.fromhex(line.strip()), parse_float=str if FORMAT == "avro" else float,
                         parse_int=str if FORMAT == "avro" else int)


# ---- avro against json

def element(v):
    if v is None:
        return "NULL"
    if isinstance(v, list):
        return literal(v)
    return '"' + text(v).replace("\\", "\\\\").replace('"', '\\"') + '"'


def literal(v):
    return "{" + ",".join(element(e) for e in v) + "}"


def text(v):
    """A value of a record as text that PostgreSQL reads."""
    if isinstance(v, bool):
        return "true" if v else "false"
    if isinstance(v, float):
        return "NaN" if math.isnan(v) else "Infinity" if v > 0 and math.isinf(v) else "-Infinity" if math.isinf(v) else repr(v)
    if isinstance(v, bytes):
        return "\\x" + v.hex()
    if isinstance(v, decimal.Decimal):
        return format(v, "f")
    if isinstance(v, datetime.datetime):
        return v.isoformat(" ")
    if isinstance(v, list):
        return literal(v)
    return v if isinstance(v, str) else v.isoformat() if hasattr(v, "isoformat") else str(v)


def json_text(v, sql_type):
    """The same of a line; bytea is hex there."""
    if isinstance(v, list):
        if sql_type == "bytea[]":
            return literal([None if e is None else "\\x" + e if isinstance(e, str) else e for e in v])
        return literal(v)
    if isinstance(v, bool):
        return "true" if v else "false"
    return "\\x" + v if sql_type == "bytea" else v


def original(field):
    return field.get("lakehouse.column", field["name"])


def compare_avro(schemas):
    pairs = set()
    counts = [0, 0]
    groups = []
    for part, schema, record in read_records(schemas):
        counts[0] += 1
        at = (record["__lsn"], record["__seq"])
        if groups and groups[-1][0] == at:
            groups[-1][1].append((part, schema, record))
        else:
            groups.append((at, [(part, schema, record)]))
    events = [e for e in read_lines() if e["op"] not in ("schema",)]
    if len(events) != len(groups):
        fail(f"{len(groups)} positions of records, {len(events)} events")
    for (at, group), event in zip(groups, events):
        lsn = "%X/%X" % (at[0] >> 32, at[0] & 0xFFFFFFFF)
        if (lsn, str(at[1])) != (event["lsn"], event["n"]):
            fail(f"a record at {at} for {event}")
        compare_event([g[0] for g in group], [g[1] for g in group], [g[2] for g in group], event, pairs, counts)
    with open(PAIRS, "w") as out:
        for pair in pairs:
            out.write("\t".join(p.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r") for p in pair) + "\n")
    return counts


def compare_event(parts, schemas, records, event, pairs, counts):
    ops = "".join(r["__op"] for r in records)
    wanted = {"insert": ("c",), "update": ("u", "du"), "delete": ("d",), "truncate": ("t",), "message": ("m",)}[event["op"]]
    if ops not in wanted:
        fail(f"records {ops} for {event}")
    for schema, record in zip(schemas, records):
        if record["__op"] == "m":
            content = event.get("content", "").encode() if "content" in event else base64.b64decode(event["content_base64"])
            if (record["prefix"], record["content"], record["transactional"]) != (event["prefix"], content, event["transactional"]):
                fail(f"{record} is not {event}")
        elif record["__op"] == "t":
            if any(v is not None for k, v in record.items() if k not in MARKS):
                fail(f"{record} for a truncate")
        elif record["__op"] == "d":
            compare_row(schema, record, event.get("old", {}), [], event, pairs, counts)
        else:
            new = dict(event["new"])
            unchanged = list(event.get("unchanged", []))
            # what the log lacks is in the whole old row
            for name in event.get("unchanged", []):
                if event.get("identity") != "nothing" and is_whole(schema, event) and name in event["old"]:
                    new[name] = event["old"][name]
                    unchanged.remove(name)
            compare_row(schema, record, new, unchanged, event, pairs, counts)


def is_whole(schema, event):
    return "old" in event and len(event["old"]) == len(schema["fields"]) - len(MARKS)


def compare_row(schema, record, row, unchanged, event, pairs, counts):
    names = {}
    for field in schema["fields"]:
        if field["name"] in MARKS:
            continue
        name = original(field)
        names[field["name"]] = name
        sql_type = field["lakehouse.type"]
        value = record["__special"].get(field["name"], record[field["name"]])
        if field["name"] in record["__special"] and record[field["name"]] is not None:
            fail(f"{name} is there twice: {record}")
        expected = row.get(name)
        counts[1] += 1
        if (value is None) != (expected is None):
            fail(f"{name} is {value!r}, not {expected!r}: {event}")
        if value is not None:
            pairs.add((sql_type, text(value), json_text(expected, sql_type)))
    if set(row) - set(names.values()):
        fail(f"{set(row) - set(names.values())} are missing: {event}")
    if sorted(names[n] for n in record["__unchanged"]) != sorted(unchanged):
        fail(f"unchanged are {record['__unchanged']}, not {unchanged}: {event}")


# ---- debezium-avro against debezium-json

def same(path, ours, theirs):
    """A record against a line: bytes are base64 there, what is no number a string."""
    if isinstance(ours, bytes):
        ours = base64.b64encode(ours).decode()
    if isinstance(ours, float) and not isinstance(theirs, str):
        return theirs is not None and (ours == theirs or struct.pack("f", ours) == struct.pack("f", theirs))
    if isinstance(ours, float):
        return {"NaN": math.isnan(ours), "Infinity": ours == math.inf, "-Infinity": ours == -math.inf}.get(theirs, False)
    # lists of lists have no Avro type; a struct that may not be null has nothing in it
    if ours is None and isinstance(theirs, list) and theirs and isinstance(theirs[0], list):
        return True
    if theirs is None and isinstance(ours, dict):
        return all(v is None for v in ours.values())
    if isinstance(ours, dict) and isinstance(theirs, dict):
        return len(ours) == len(theirs) and all(same(path + "." + k, v, theirs[k]) if k in theirs else False for k, v in ours.items())
    if isinstance(ours, list) and isinstance(theirs, list):
        return len(ours) == len(theirs) and all(same(path, a, b) for a, b in zip(ours, theirs))
    return ours == theirs and isinstance(ours, bool) == isinstance(theirs, bool)


def without_clock(v):
    """What two runs say alike: not when they ran."""
    v = {k: w for k, w in v.items() if k not in ("ts_ms", "ts_us", "ts_ns") or "source" not in v}
    if v.get("source", {}).get("txId", 0) is None:
        v["source"] = {k: w for k, w in v["source"].items() if not k.startswith("ts_")}
    return v


def is_quarantine(record):
    """A value that its schema has no form for, and that may not be null."""
    if not record.get("message") or record["message"]["prefix"] != "lakehouse.quarantine":
        return False
    content = record["message"]["content"]
    return b"has no form in its Avro schema" in (content if isinstance(content, bytes) else decoded(content))


def decoded(content):
    try:
        return bytes.fromhex(content)
    except ValueError:
        return base64.b64decode(content)


def compare_debezium(schemas):
    counts = [0, 0]
    lines = list(read_lines())
    quarantined = False
    for part, schema, record in read_records(schemas):
        if counts[0] == len(lines):
            fail(f"{counts[0]} lines, but more records")
        line = without_clock(lines[counts[0]])
        counts[0] += 1
        if is_quarantine(record) and "message" not in line:
            quarantined = True
            continue
        for k, v in without_clock(record).items():
            # messages do not count among a table's events
            if quarantined and k in ("transaction", "data_collections"):
                continue
            counts[1] += 1
            if not same(k, v, line[k] if k in line else "missing"):
                fail(f"{k}: {v!r} is not {line.get(k)!r}")
    if counts[0] != len(lines):
        fail(f"{counts[0]} records, {len(lines)} lines")
    return counts


schemas = read_schemas()
records, values = compare_avro(schemas) if FORMAT == "avro" else compare_debezium(schemas)
print(f"{records} records")
print(f"{values} values")
