#!/usr/bin/env python3
"""Reads frames that have "json" and "protobuf" of each event, with Google's classes.

usage: protobuf.py FRAMES LINES [EARLIER]

FRAMES is a file of COPY (FORMAT binary) with a batch a row.  Each protobuf message has
to parse by the schema that its head names, to be written again as the same bytes, and
to say what json says.  What was read goes to LINES, as lines of json for COPY.  Messages
of EARLIER, frames of the same tables before their schemas changed, have to read by the
schemas of FRAMES, too, with the same values in the columns that both have.
"""
import json
import os
import re
import struct
import sys
import tempfile

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from grpc_tools import protoc

KINDS = ("begin commit insert update delete read truncate message schema quarantine signal").split()
PG_EPOCH = 946684800000000


def rows_of_copy(path):
    data = open(path, "rb").read()
    assert data[:11] == b"PGCOPY\n\xff\r\n\0", "no binary COPY"
    at = 19
    while True:
        (n,) = struct.unpack_from(">h", data, at)
        if n < 0:
            return
        (size,) = struct.unpack_from(">i", data, at + 2)
        yield data[at + 6:at + 6 + size]
        at += 6 + size


def frames(path):
    """(kind, head, [(format, key or None, value or None)])"""
    for batch in rows_of_copy(path):
        assert batch[:5] == b"LHF1\0", "no plain batch"
        at = 12
        while at < len(batch):
            length, kind, flags, n = struct.unpack_from("<IBBH", batch, at)
            commit_end, ordinal, lsn, xid, relid = struct.unpack_from("<QQQII", batch, at + 8)
            (time,) = struct.unpack_from("<q", batch, at + 52)
            head = dict(flags=flags, commit_end=commit_end, ordinal=ordinal, lsn=lsn, xid=xid, relid=relid, time=time)
            body = at + 60
            at += 4 + length
            messages = []
            for _ in range(n):
                form, what, _, k, v = struct.unpack_from("<BBHII", batch, body)
                key = batch[body + 12:body + 12 + k] if what & 1 else None
                value = None if what & 2 else batch[body + 12 + k:body + 12 + k + v]
                messages.append((form, key, value))
                body += 12 + k + v
            assert body == at, "a frame ends elsewhere than its messages"
            yield KINDS[kind], head, messages


# ---- schemas

FIELD = re.compile(r'  optional (\S+) (\S+) = (\d+); // (?:("(?:[^"\\]|\\.)*"): )?(.*)$')


def compile_files(files):
    with tempfile.TemporaryDirectory() as d:
        names = []
        for i, text in enumerate(files):
            names.append("f%d.proto" % i)
            with open(os.path.join(d, names[-1]), "w", encoding="utf-8", newline="\n") as f:
                f.write(text)
        out = os.path.join(d, "set")
        if protoc.main(["protoc", "-I", d, "--descriptor_set_out=" + out] + names) != 0:
            raise SystemExit("protoc refuses\n" + "\n".join(files))
        return descriptor_pb2.FileDescriptorSet.FromString(open(out, "rb").read())


class Schema:
    def __init__(self, text):
        self.text = text
        (self.file,) = compile_files([text]).file
        pool = descriptor_pool.DescriptorPool()
        pool.Add(self.file)
        self.package = self.file.package
        # a registry's index of the message is 0
        self.name = self.file.message_type[0].name
        self.cls = message_factory.GetMessageClass(pool.FindMessageTypeByName(self.package + "." + self.name))
        self.columns = {}
        for line in text.split("\n"):
            m = FIELD.match(line)
            if m:
                self.columns[int(m[3])] = (json.loads(m[4]) if m[4] else m[2], m[5])

    def parse(self, data):
        message = self.cls()
        assert message.ParseFromString(data) == len(data)
        return message


# ---- values as json has them (native off, bytea in hexadecimal digits)


def date_text(days):
    """Days since 1970 (civil_from_days)."""
    if days in (2**31 - 1, -2**31):
        return "infinity" if days > 0 else "-infinity", ""
    z = days + 719468
    era = z // 146097
    doe = z - era * 146097
    yoe = (doe - doe // 1460 + doe // 36524 - doe // 146096) // 365
    doy = doe - (365 * yoe + yoe // 4 - yoe // 100)
    mp = (5 * doy + 2) // 153
    d = doy - (153 * mp + 2) // 5 + 1
    m = mp + 3 if mp < 10 else mp - 9
    y = yoe + era * 400 + (m <= 2)
    return "%04d-%02d-%02d" % (y if y > 0 else 1 - y, m, d), "" if y > 0 else " BC"


def time_text(us):
    text = "%02d:%02d:%02d" % (us // 3600000000, us // 60000000 % 60, us // 1000000 % 60)
    return text + (".%06d" % (us % 1000000)).rstrip("0") if us % 1000000 else text


def stamp_text(us, zone):
    if us in (2**63 - 1, -2**63):
        return "infinity" if us > 0 else "-infinity"
    day, bc = date_text(us // 86400000000)
    return day + "T" + time_text(us % 86400000000) + zone + bc


def nearest(text):
    """The single-precision number."""
    try:
        return struct.unpack("<f", struct.pack("<f", float(text)))[0]
    except OverflowError:
        return float("inf")


def float_text(v, single):
    """The shortest that reads back."""
    text = repr(v)
    for digits in range(9, 0, -1) if single and v - v == 0 else ():
        less = "%.*g" % (digits, v)
        if nearest(less) != v:
            break
        text = less
    return {"inf": "Infinity", "-inf": "-Infinity", "nan": "NaN"}.get(text, text)


def scalar(v, type_name):
    if type_name == "date":
        return "".join(date_text(v))
    if type_name == "time without time zone":
        return time_text(v)
    if type_name == "timestamp without time zone":
        return stamp_text(v, "")
    if type_name == "timestamp with time zone":
        return stamp_text(v, "Z")
    if isinstance(v, bool):
        return v
    if isinstance(v, bytes):
        return v.hex()
    if isinstance(v, float):
        return float_text(v, type_name == "real")
    return str(v)


def element_text(v, type_name):
    """As in the literal of an array."""
    if v is None:
        return "NULL"
    if v is True or v is False:
        return "t" if v else "f"
    if type_name == "bytea":
        v = "\\x" + v
    if type_name.startswith("timestamp"):
        v = v.replace("T", " ").replace("Z", "+00")
    return '"' + v.replace("\\", "\\\\").replace('"', '\\"') + '"'


def array(a, type_name):
    nulls = set(a.nulls)
    items = [None if i in nulls else scalar(v, type_name) for i, v in enumerate(a.values)]
    assert len(nulls) == len(a.nulls) and all(not v for i, v in enumerate(a.values) if i in nulls)
    dims = list(a.dimensions) or ([len(items)] if items else [])
    literal = bool(a.lower_bounds)

    def nest(items, dims):
        if len(dims) > 1:
            n = len(items) // dims[0]
            items = [nest(items[i * n:(i + 1) * n], dims[1:]) for i in range(dims[0])]
        if literal:
            return "{" + ",".join(i if len(dims) > 1 else element_text(i, type_name) for i in items) + "}"
        return items

    if literal:
        return "".join("[%d:%d]" % (l, l + d - 1) for l, d in zip(a.lower_bounds, dims)) + "=" + nest(items, dims)
    return nest(items, dims)


def row(message, columns, leave=()):
    """A dict by names; columns of leave are not there."""
    out = {}
    texts = {t.column: t.text.decode() for t in message.lakehouse_texts}
    by_number = {f.number: f for f in message.DESCRIPTOR.fields}
    for number, (name, type_name) in columns.items():
        field = by_number[number]
        if number in leave:
            assert not message.HasField(field.name)
        elif number in texts:
            out[name] = texts[number]
        elif not message.HasField(field.name):
            out[name] = None
        elif type_name.endswith("[]"):
            out[name] = array(getattr(message, field.name), type_name[:-2])
        else:
            out[name] = scalar(getattr(message, field.name), type_name)
    return out


# ---- comparison with json


class Number(str):
    """A number of json, with its digits."""


def parse_json(text):
    return json.loads(text, parse_int=Number, parse_float=Number)


def same_scalar(ours, theirs):
    if isinstance(theirs, Number):
        if ours == theirs:
            return True
        return struct.pack("<d", float(ours)) == struct.pack("<d", float(theirs))
    return ours == theirs and type(ours) == type(theirs)


def same(ours, theirs):
    if isinstance(theirs, list):
        return isinstance(ours, list) and len(ours) == len(theirs) and all(map(same, ours, theirs))
    # a literal of an array quotes what need not be quoted
    return same_scalar(ours, theirs) or isinstance(theirs, str) and theirs.startswith("[") and \
        isinstance(ours, str) and literal_items(ours) == literal_items(theirs)


def literal_items(text):
    if not re.match(r"(\[-?\d+:-?\d+\])+=\{", text):
        return None
    items = re.findall(r'"((?:[^"\\]|\\.)*)"|([^{},"]+)|([{}])', text.split("=", 1)[1])
    items = [re.sub(r"\\(.)", r"\1", q) if not (p or b) else p or b for q, p, b in items]
    try:
        items = [repr(float(i)) if re.match(r"[-\d.]|NaN|-?Inf", i) else i for i in items]
    except ValueError:
        pass
    return text.split("=", 1)[0], items


class Differs(Exception):
    pass


def compare_rows(where, ours, theirs):
    if (ours is None) != (theirs is None):
        raise Differs("%s: %r here, %r in json" % (where, ours, theirs))
    if ours is None:
        return
    if set(ours) != set(theirs):
        raise Differs("%s: columns %s here, %s in json" % (where, sorted(ours), sorted(theirs)))
    for name in ours:
        if not same(ours[name], theirs[name]):
            raise Differs("%s, %s: %r here, %r in json" % (where, name, ours[name], theirs[name]))


def lsn_text(lsn):
    return "%X/%X" % (lsn >> 32, lsn & 0xFFFFFFFF)


class Reader:
    def __init__(self):
        self.schemas = {}
        self.count = {}
        self.lines = []

    def seen(self, what):
        self.count[what] = self.count.get(what, 0) + 1

    def add_schema(self, key, text):
        fingerprint, kind = struct.unpack("<QB", key[:9])
        assert kind == 2 and len(key) == 12
        if fingerprint not in self.schemas:
            self.schemas[fingerprint] = Schema(text.decode())
            self.seen("schemas")

    def parse(self, data):
        assert data[:2] == b"\xc3\x02", "no head of a schema"
        schema = self.schemas[struct.unpack_from("<Q", data, 2)[0]]
        message = schema.parse(data[10:])
        if message.SerializeToString(deterministic=True) != data[10:]:
            raise Differs("other bytes are written again: %s" % data[10:].hex())
        message.DiscardUnknownFields()
        if message.SerializeToString(deterministic=True) != data[10:]:
            raise Differs("fields that the schema does not have: %s" % data[10:].hex())
        self.seen("messages")
        return schema, message

    def source(self, s, head, line, rel):
        assert s.commit_end == head["commit_end"] and lsn_text(s.commit_end) == line["lsn"]
        assert s.lsn == head["lsn"] and s.xid == head["xid"] == int(line.get("xid", 0))
        if head["time"]:
            assert s.commit_time == head["time"] + PG_EPOCH
            assert stamp_text(s.commit_time, "Z") == line["ts"]
        else:
            assert not s.HasField("commit_time")
        assert s.origin == line.get("origin", "")
        if "n" in line:
            assert s.ordinal == head["ordinal"] == int(line["n"])
        if rel:
            assert (s.schema, s.table) == (line["schema"], line["table"]) and not s.snapshot

    def event(self, kind, head, line, messages):
        """An event of json and all of protobuf's messages of it."""
        parsed = []
        for key, value in messages:
            k = self.parse(key) if key is not None else None
            v = self.parse(value) if value is not None else None
            parsed.append((k, v))
        values = [p for p in parsed if p[1] is not None]
        assert values, "no message"
        for _, (schema, m) in values:
            self.source(m.source, head, line, schema.name == "Envelope")
        self.seen(line["op"])
        schema, m = values[-1][1]
        if schema.name == "Event":
            assert len(parsed) == 1 and parsed[0][0] is None
            assert m.Kind.Name(m.kind) == "KIND_" + kind.upper()
            if kind == "commit":
                assert m.changes == int(line["changes"])
            if kind == "message":
                assert m.prefix == line["prefix"] and m.transactional == line["transactional"]
                assert "content" not in line or m.content == line["content"].encode()
            return
        assert m.source.total_order > 0
        if kind == "truncate":
            assert m.op == m.OP_TRUNCATE and len(parsed) == 1 and not m.HasField("before") and not m.HasField("after")
            assert m.truncate.cascade == line["cascade"] and m.truncate.restart_identity == line["restart_identity"]
            assert m.truncate.tables >= 1
            return
        self.row_event(kind, line, parsed, values)

    def row_event(self, kind, line, parsed, values):
        schema, m = values[-1][1]
        keys = [row(p[0][1], p[0][0].columns) if p[0] else None for p in parsed]
        if m.key_changed:
            # the delete, its tombstone, the insert: an update, in other words
            first = values[0][1][1]
            assert kind == "update" and len(values) == 2 and m.op == m.OP_INSERT
            assert first.op == first.OP_DELETE and first.key_changed and first.before == m.before and not first.HasField("after")
            assert keys[0] is None and len(parsed) == 2 or len(parsed) == 3 and keys[1] == keys[0] and parsed[1][1] is None
            self.seen("changed keys")
        else:
            assert len(values) == 1 and m.Op.Name(m.op) == "OP_" + kind.upper()
            assert len(parsed) == (2 if kind == "delete" and keys[0] is not None else 1)
            if len(parsed) == 2:
                assert keys[0] == keys[1] and parsed[1][1] is None
        ours = {"op": kind, "schema": m.source.schema, "table": m.source.table, "key": keys[0]}
        if m.HasField("after"):
            ours["new"] = row(m.after, schema.columns, m.unchanged)
        if m.HasField("before"):
            old = row(m.before, schema.columns)
            # where the log has the key alone, the row has nothing else
            if "old" in line:
                assert all(old[c] is None for c in old if c not in line["old"])
                old = {c: v for c, v in old.items() if c in line["old"]}
            ours["old"] = old
        where = "%s of %s.%s" % (kind, m.source.schema, m.source.table)
        for part in "key", "new", "old":
            compare_rows(where + ", " + part, ours.get(part), line.get(part))
        if m.key_changed and keys[0] is not None:
            # the key of the insert is that of the new row
            for c, v in keys[-1].items():
                assert c not in ours["new"] or ours["new"][c] == v, "key of the new row"
        unchanged = [schema.columns[n][0] for n in m.unchanged]
        if unchanged != line.get("unchanged", []):
            raise Differs("%s: unchanged %s here, %s in json" % (where, unchanged, line.get("unchanged")))
        if unchanged:
            self.seen("unchanged")
        self.lines.append(ours)

    def read(self, path):
        for kind, head, messages in frames(path):
            line, protobuf = None, []
            for form, key, value in messages:
                if form == 252:
                    self.add_schema(key, value)
                elif form == 0:
                    assert line is None
                    line = parse_json(value.decode())
                elif form == 1:
                    protobuf.append((key, value))
            if kind == "schema" or line is None:
                assert not protobuf
                continue
            self.event(kind, head, line, protobuf)
            if kind == "truncate":
                self.lines.append({"op": kind, "schema": line["schema"], "table": line["table"]})

    def latest(self):
        """The last schema of each name."""
        return {(s.package, s.name): s for s in self.schemas.values()}


def read_earlier(reader, path):
    """Rows of an earlier schema by the schema of now."""
    earlier = Reader()
    latest = reader.latest()
    for _, _, messages in frames(path):
        for form, key, value in messages:
            if form == 252:
                earlier.add_schema(key, value)
            elif form == 1 and value is not None:
                was, m = earlier.parse(value)
                now = latest.get((was.package, was.name))
                if was.name != "Envelope" or now is None or now is was:
                    continue
                again = now.parse(value[10:])
                for part in "before", "after":
                    a, b = getattr(m, part), getattr(again, part)
                    old = dict(zip(was.columns, row(a, was.columns).values()))
                    new = dict(zip(now.columns, row(b, now.columns).values()))
                    for number in old:
                        if number in new and old[number] != new[number]:
                            raise Differs("column %d was %r, reads %r" % (number, old[number], new[number]))
                    assert all(new[n] is None for n in new if n not in old)
                if was.text != now.text:
                    reader.seen("messages read by a later schema")


def main():
    reader = Reader()
    try:
        reader.read(sys.argv[1])
        # all tables' files fit beside one another
        compile_files([s.text for s in reader.latest().values()])
        if len(sys.argv) > 3:
            read_earlier(reader, sys.argv[3])
    except Differs as e:
        raise SystemExit(str(e))
    with open(sys.argv[2], "w", encoding="utf-8") as f:
        for line in reader.lines:
            f.write(json.dumps(line, ensure_ascii=False).replace("\\", "\\\\") + "\n")
    for what, n in sorted(reader.count.items()):
        print(n, what)


main()
