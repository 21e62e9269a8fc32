#!/usr/bin/env python3
"""registry.py
		A table rebuilt from a topic by readers that know nothing but the registry.

usage: registry.py [--changes N] [--seed N] [avro | debezium-avro | protobuf]...

LAKEHOUSE_KAFKA is the broker, LAKEHOUSE_REGISTRY the registry's address (Confluent's API, no
general rule), LAKEHOUSE_CLIENT the client; the server is the one of PGHOST, PGPORT, PGUSER
and PGDATABASE.  For each format:

	1. snapshot and stream of two tables go to topics, with random changes and, in the middle, a
		new nullable column;
	2. all is read back, read_committed, by Confluent's deserialisers, which fetch the schemas by id;
		applied in order it must give the tables as they are in the source, each key its own row's;
	3. Avro is read once more by fastavro alone, header and all;
	4. a column changes its type in a way that the registry calls incompatible: the client stops with
		exit code 4, subject and remedy; nothing of it is in the topic; when the subject's rule
		is relaxed the same command goes on, and the rebuilt tables equal the source again.

The last line is 'N passed, N failed, N skipped'.
"""

import argparse
import datetime
import decimal
import io
import json
import os
import random
import struct
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request

import fastavro
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.schema_registry.protobuf import ProtobufDeserializer
from confluent_kafka.serialization import MessageField, SerializationContext
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

KAFKA = os.environ["LAKEHOUSE_KAFKA"]
REGISTRY = os.environ["LAKEHOUSE_REGISTRY"]
CLIENT = os.environ["LAKEHOUSE_CLIENT"]
SOURCE = "host=%s port=%s user=%s dbname=%s" % tuple(os.environ[v] for v in ("PGHOST", "PGPORT", "PGUSER", "PGDATABASE"))
EPOCH = datetime.date(1970, 1, 1)
UTC = datetime.timezone.utc
TYPES = {"id": "int", "big": "bigint", "flag": "boolean", "real8": "float8", "price": "numeric(12, 2)", "note": "text", "day": "date",
         "at": "timestamp", "tz": "timestamptz", "tag": "uuid", "raw": "bytea", "doc": "jsonb", "more": "int"}
# as the source itself says it, one way of writing each
AS_TEXT = {"day": "day - date '1970-01-01'", "at": "(extract(epoch FROM at) * 1000000)::bigint", "tz": "(extract(epoch FROM tz) * 1000000)::bigint",
           "raw": "encode(raw, 'hex')", "price": "price::text", "doc": "doc::text", "tag": "tag::text"}

passed = failed = 0


def check(good, what, detail=""):
    global passed, failed
    passed, failed = passed + bool(good), failed + (not good)
    print("%s %s" % ("ok" if good else "not ok", what), flush=True)
    if not good and detail:
        print("   " + str(detail)[:3000].replace("\n", "\n   "), flush=True)
    return good


def psql(text):
    return subprocess.run(["psql", "-XAtq", "-v", "ON_ERROR_STOP=1"], input=text, text=True, check=True, capture_output=True).stdout


def request(method, path, body=None):
    data = None if body is None else json.dumps(body).encode()
    r = urllib.request.Request(REGISTRY + path, data, {"Content-Type": "application/vnd.schemaregistry.v1+json"}, method=method)
    with urllib.request.urlopen(r, timeout=30) as answer:
        return json.load(answer)


def client(*args):
    r = subprocess.run([CLIENT, *args], capture_output=True, text=True, timeout=300)
    return r.returncode, r.stderr


# ---- what comes back, one way of writing each

def days(v):
    return (v - EPOCH).days if isinstance(v, datetime.date) else v


def micros(v):
    if isinstance(v, str):
        v = datetime.datetime.fromisoformat(v.replace("Z", "+00:00"))
    if isinstance(v, datetime.datetime):
        v = v if v.tzinfo else v.replace(tzinfo=UTC)
        d = v - datetime.datetime(1970, 1, 1, tzinfo=UTC)
        return (d.days * 86400 + d.seconds) * 1000000 + d.microseconds
    return v


def number(v):
    return str(v) if isinstance(v, decimal.Decimal) else v


READ = {"day": days, "at": micros, "tz": micros, "raw": lambda v: bytes(v).hex(), "price": number, "tag": str,
        "doc": lambda v: json.dumps(json.loads(v), sort_keys=True)}


def plain(row):
    return {k: None if v is None else READ.get(k, lambda x: x)(v) for k, v in row.items()}


def source_rows(table):
    columns = psql("SELECT string_agg(attname, ',' ORDER BY attnum) FROM pg_attribute WHERE attrelid = '%s'::regclass AND attnum > 0 "
                   "AND NOT attisdropped" % table).strip().split(",")
    text = psql("SELECT json_build_object(%s) FROM %s ORDER BY id" % (", ".join("'%s', %s" % (c, AS_TEXT.get(c, c)) for c in columns), table))
    rows = [json.loads(line) for line in text.splitlines()]
    for row in rows:
        if row.get("doc") is not None:
            row["doc"] = json.dumps(json.loads(row["doc"]), sort_keys=True)
    return {row["id"]: row for row in rows}


# ---- readers: (op, old key, new row) of a value

def row_of_avro(value):
    row = {k: v for k, v in value.items() if not k.startswith("__")}
    return value["__op"], row, value.get("__unchanged") or []


def row_of_debezium(value):
    return value["op"], value["after"] if value["op"] != "d" else value["before"], []


def row_of_protobuf(value):
    op = {1: "c", 2: "u", 3: "d", 4: "r"}[value.op]
    message = value.before if op == "d" else value.after
    row = {f.name: (getattr(message, f.name) if message.HasField(f.name) else None)
           for f in message.DESCRIPTOR.fields if f.name in TYPES}
    texts = {t.column: t.text.decode() for t in message.lakehouse_texts}
    assert not texts, texts
    by_number = {f.number: f.name for f in message.DESCRIPTOR.fields}
    return op, row, [by_number[n] for n in value.unchanged]


def compile_proto(text, cache={}):
    """The first message of a .proto file, by protoc."""
    if text not in cache:
        from grpc_tools import protoc
        with tempfile.TemporaryDirectory() as d:
            with open(d + "/x%d.proto" % len(cache), "w") as f:
                f.write(text)
            assert protoc.main(["protoc", "-I" + d, "--descriptor_set_out=" + d + "/out", f.name]) == 0
            files = descriptor_pb2.FileDescriptorSet.FromString(open(d + "/out", "rb").read())
        pool = descriptor_pool.DescriptorPool()
        for file in files.file:
            pool.Add(file)
        name = ".".join(filter(None, (files.file[0].package, files.file[0].message_type[0].name)))
        cache[text] = message_factory.GetMessageClass(pool.FindMessageTypeByName(name))
    return cache[text]


class Reader:
    def __init__(self, name, registry):
        self.name, self.registry = name, registry
        self.avro = AvroDeserializer(registry)
        self.by_hand = {}

    def protobuf(self, data, context):
        schema = self.registry.get_schema(struct.unpack(">I", data[1:5])[0])
        assert schema.schema_type == "PROTOBUF", schema.schema_type
        kind = compile_proto(schema.schema_str)
        # given the registry it would ask for schemas compiled there (format=serialized), which Apicurio has not
        return ProtobufDeserializer(kind, {"use.deprecated.format": False})(data, context)

    def read(self, data, topic, field):
        if data is None:
            return None
        context = SerializationContext(topic, field)
        return self.protobuf(data, context) if self.name == "protobuf" else self.avro(data, context)

    def fastavro(self, data):
        """By the wire format's description alone."""
        zero, number = struct.unpack(">bI", data[:5])
        assert zero == 0
        if number not in self.by_hand:
            self.by_hand[number] = fastavro.parse_schema(json.loads(request("GET", "/schemas/ids/%d" % number)["schema"]))
        rest = io.BytesIO(data[5:])
        value = fastavro.schemaless_reader(rest, self.by_hand[number])
        assert rest.read() == b""
        return value

    def key_id(self, key):
        return key["id"] if self.name != "protobuf" else key.id


def consume(topic):
    c = Consumer({"bootstrap.servers": KAFKA, "group.id": "registry", "isolation.level": "read_committed", "enable.auto.commit": False})
    low, high = c.get_watermark_offsets(TopicPartition(topic, 0), timeout=30)
    c.assign([TopicPartition(topic, 0, low)])
    messages = []
    while c.position([TopicPartition(topic, 0)])[0].offset < high:
        m = c.poll(5)
        if m is None:
            continue
        assert m.error() is None, m.error()
        messages.append((m.key(), m.value()))
    c.close()
    return messages


def rebuild(reader, topic):
    """The table that the topic says."""
    rows, ops = {}, {}
    split = {"avro": row_of_avro, "debezium-avro": row_of_debezium, "protobuf": row_of_protobuf}[reader.name]
    for key, value in consume(topic):
        k = reader.read(key, topic, MessageField.KEY)
        v = reader.read(value, topic, MessageField.VALUE)
        if v is None:
            continue
        op, row, unchanged = split(v)
        ops[op] = ops.get(op, 0) + 1
        assert reader.key_id(k) == row["id"], (k, row)
        if op == "d":
            del rows[row["id"]]
            continue
        row = plain(row)
        for name in unchanged:
            row[name] = rows[row["id"]][name]
        rows[row["id"]] = row
    return rows, ops


def same(rows, source):
    """Columns that a reader of an older schema has not are null."""
    def whole(row, like):
        return {k: row.get(k) for k in like}
    if set(rows) != set(source):
        return "keys differ: %s" % sorted(set(rows) ^ set(source))[:10]
    for k, row in source.items():
        if whole(rows[k], row) != row:
            return "row %s: read %s, is %s" % (k, whole(rows[k], row), row)
    return None


# ---- the source

def literal(column):
    r = random.random()
    if column in ("note", "raw", "doc") and r < 0.2 or r < 0.1:
        return "NULL"
    return {"big": lambda: str(random.choice([0, -1, 2**63 - 1, -2**63, random.randint(-10**12, 10**12)])),
            "flag": lambda: random.choice(["true", "false"]),
            "real8": lambda: "'%r'::float8" % random.choice([0.1, -1e300, 5e-324, random.random()]),
            "price": lambda: "%d.%02d" % (random.randint(-10**9, 10**9), random.randint(0, 99)),
            "note": lambda: "'%s'" % random.choice(["", "plain", "\u00e4\u20ac\U0001f600", "x" * 3000, "it''s"]),
            "day": lambda: "date '2000-01-01' + %d" % random.randint(-40000, 40000),
            "at": lambda: "timestamp '2020-01-01' + %d * interval '1 microsecond'" % random.randint(-10**15, 10**15),
            "tz": lambda: "timestamptz '2020-01-01 00:00+00' + %d * interval '1 microsecond'" % random.randint(-10**15, 10**15),
            "tag": lambda: "gen_random_uuid()", "raw": lambda: "'\\x%s'" % random.randbytes(random.randint(0, 40)).hex(),
            "doc": lambda: "'{\"a\": %d, \"b\": [true, null]}'" % random.randint(0, 99),
            "more": lambda: str(random.randint(-2**31, 2**31 - 1))}[column]()


def make_changes(table, columns, ids, n):
    lines = []
    for _ in range(n):
        r = random.random()
        if r < 0.5 or not ids:
            i = len(lines) + random.randint(10**6, 2 * 10**9 - 10**6)
            while i in ids:
                i += 1
            ids.add(i)
            lines.append("INSERT INTO %s (id, %s) VALUES (%d, %s);" % (table, ", ".join(columns), i, ", ".join(map(literal, columns))))
        elif r < 0.85:
            some = random.sample(columns, random.randint(1, min(3, len(columns))))
            lines.append("UPDATE %s SET %s WHERE id = %d;" % (table, ", ".join("%s = %s" % (c, literal(c)) for c in some), random.choice(sorted(ids))))
        else:
            i = random.choice(sorted(ids))
            ids.remove(i)
            lines.append("DELETE FROM %s WHERE id = %d;" % (table, i))
        if random.random() < 0.1:
            lines.append("COMMIT; BEGIN;")
    psql("BEGIN;\n" + "\n".join(lines) + "\nCOMMIT;")


# ---- a format

def run(name, changes):
    slot = name.replace("-", "_")
    prefix = "it."
    columns = [c for c in TYPES if c not in ("id", "more")]
    topics = {t: "%s%s.public.%s" % (prefix, slot, t) for t in ("orders", "plain")}
    sink = "%s=kafka://%s?topic.prefix=%s&registry=%s" % (name, KAFKA, prefix, REGISTRY)
    args = ["--source", SOURCE, "--slot", slot, "--sink", sink, "--table", "public.*"]
    reader = Reader(name, SchemaRegistryClient({"url": REGISTRY}))
    ids = {t: set() for t in topics}

    psql("DROP TABLE IF EXISTS orders, plain; CREATE TABLE orders (id int PRIMARY KEY, %s); CREATE TABLE plain (id int PRIMARY KEY, big bigint, note text);"
         " ALTER TABLE orders REPLICA IDENTITY FULL;" % ", ".join("%s %s" % (c, TYPES[c]) for c in columns))
    make_changes("orders", columns, ids["orders"], changes // 4)
    make_changes("plain", ["big", "note"], ids["plain"], changes // 4)
    code, err = client("run", *args, "--once")
    if not check(code == 0, "%s: snapshot" % name, err):
        return
    # of the subject: in this registry NONE takes a subject's rule away, and then the general one would hold
    for topic in topics.values():
        request("PUT", "/config/%s-value" % topic, {"compatibility": "BACKWARD"})
    make_changes("orders", columns, ids["orders"], changes // 2)
    make_changes("plain", ["big", "note"], ids["plain"], changes // 4)
    psql("ALTER TABLE orders ADD more int")
    make_changes("orders", columns + ["more"], ids["orders"], changes // 2)
    code, err = client("run", *args, "--once")
    check(code == 0, "%s: stream, with a new column" % name, err)

    for table, topic in topics.items():
        rows, ops = rebuild(reader, topic)
        source = source_rows(table)
        difference = same(rows, source)
        check(difference is None, "%s: %s rebuilt, %d rows of %s" % (name, table, len(source), ops), difference)
        check(all(ops.get(o, 0) > 0 for o in "rcud"), "%s: %s has every kind of change" % (name, table), ops)
        if name != "protobuf":
            n = 0
            for key, value in consume(topic):
                for data, field in ((key, MessageField.KEY), (value, MessageField.VALUE)):
                    if data is not None:
                        assert reader.fastavro(data) == reader.read(data, topic, field)
                        n += 1
            check(n > 0, "%s: %s by fastavro, %d keys and values" % (name, table, n))
    subjects = set(request("GET", "/subjects"))
    for topic in topics.values():
        check({topic + "-key", topic + "-value"} <= subjects, "%s: subjects of %s" % (name, topic), subjects)
    versions = request("GET", "/subjects/%s-value/versions" % topics["orders"])
    check(versions == [1, 2], "%s: the new column is the second version" % name, versions)
    versions = request("GET", "/subjects/%s-key/versions" % topics["orders"])
    check(versions == [1], "%s: the key's schema is still the first" % name, versions)

    # ---- incompatible
    before = len(consume(topics["orders"]))
    psql("ALTER TABLE orders ALTER more TYPE text USING more::text")
    psql("INSERT INTO orders (id, more) VALUES (7, 'seven')")
    for attempt in ("", " again"):
        code, err = client("run", *args, "--once")
        check(code == 4, "%s: an incompatible change stops the client%s" % (name, attempt), (code, err))
    subject = topics["orders"] + "-value"
    check('the schema is incompatible with what subject "%s" has: ' % subject in err, "%s: subject and reason" % name, err)
    check("allow the change for this subject, as with PUT %s/config/%s" % (REGISTRY, subject) in err, "%s: the remedy" % name, err)
    print("   " + err.strip().replace("\n", "\n   "))
    check(len(consume(topics["orders"])) == before, "%s: nothing of it is in the topic" % name)
    request("PUT", "/config/" + subject, {"compatibility": "NONE"})
    code, err = client("run", *args, "--once")
    check(code == 0, "%s: it goes on when the rule is relaxed" % name, err)
    rows, _ = rebuild(reader, topics["orders"])
    source = source_rows("orders")
    # rows that were not touched since are as the topic has them: of the column's old type
    for k, row in rows.items():
        if row.get("more") is not None:
            row["more"] = str(row["more"])
    difference = same(rows, source)
    check(difference is None, "%s: rebuilt once more" % name, difference)
    code, err = client("drop", "--source", SOURCE, "--slot", slot, "--yes")
    check(code == 0, "%s: the slot is dropped" % name, err)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--changes", type=int, default=400)
    parser.add_argument("--seed", type=int, default=random.randrange(2**31))
    parser.add_argument("formats", nargs="*", default=["avro", "debezium-avro", "protobuf"])
    options = parser.parse_args()
    random.seed(options.seed)
    print("seed %d, %d changes" % (options.seed, options.changes), flush=True)
    psql("CREATE EXTENSION IF NOT EXISTS lakehouse")
    for name in options.formats:
        try:
            run(name, options.changes)
        except (AssertionError, subprocess.CalledProcessError, urllib.error.URLError, KeyError) as e:
            import traceback
            check(False, "%s: to the end" % name, traceback.format_exc() + getattr(e, "stderr", "") if getattr(e, "stderr", None) else traceback.format_exc())
    print("%d passed, %d failed, 0 skipped" % (passed, failed))
    return failed > 0


sys.exit(main())
