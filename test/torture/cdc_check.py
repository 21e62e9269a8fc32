"""cdc_check.py
		What a sink of cdc.py holds, and whether it is the history.

The oracle has two parts that know nothing of us: triggers say what each transaction did (the table
history), and test_decoding says in which order transactions committed, and where.  Together they are
the exact list of events.  A sink's messages are made events, too; then

	1. each event of the history is there, and none twice or invented: by (xid, table, operation, key),
	   counted;
	2. the order is the history's, event by event: of transactions, in them, and so of each key;
	3. the values are the history's.

Files have one order.  Kafka has one a partition: there each partition's positions must ascend, each
key must be in one partition, and all partitions merged by position are the list.
"""

import collections
import glob
import hashlib
import json
import os
import subprocess

KEYS = {"acct": ("id",), "doc": ("a", "b"), "ledger": ("id",), "bulk": ("id",)}
WHOLE = ("ledger",)  # REPLICA IDENTITY FULL
PLACEHOLDER = "__debezium_unavailable_value"
UNCHANGED = object()
SHOWN = 3

# commit: end of the commit record, where the sink tells it; new, old: rows, or None
Event = collections.namedtuple("Event", "xid commit table op key old new")


class Damaged(Exception):
    """A sink's content is not what its format promises."""


def parse(text):
    return json.loads(text, parse_float=str)


def key_of(table, row):
    return tuple(row[c] for c in KEYS[table])


def noted(row):
    """As the history has it: large values by their MD5, those that are not in the log as UNCHANGED."""
    if row is not None and row.get("big") is not None:
        big = row["big"]
        row["big"] = UNCHANGED if big == PLACEHOLDER else hashlib.md5(big.encode()).hexdigest()
    return row


def lsn_of(text):
    high, low = text.split("/")
    return int(high, 16) << 32 | int(low, 16)


# ---- the history

def history(psql):
    """The list of events, as one that sees all would write them."""
    order = {}
    for line in psql("SELECT lsn, data FROM pg_logical_slot_peek_changes('oracle', NULL, NULL) WHERE data LIKE 'COMMIT %'").splitlines():
        lsn, data = line.split("|")
        order[int(data.split()[1])] = lsn_of(lsn)
    events = []
    for line in psql("SELECT json_build_array(xid::text::bigint, tbl, op, old, new) FROM history ORDER BY seq").splitlines():
        xid, table, op, old, new = parse(line)
        if xid not in order:
            raise Damaged(f"transaction {xid} is in the history, and test_decoding has no commit of it")
        row = old if old is not None else new
        events.append(Event(xid, order[xid], table, op, key_of(table, row) if row is not None else None, old, new))
    events.sort(key=lambda e: e.commit)  # stable: seq in a transaction
    return events


def as_json(events):
    """As the format "json" shows them: old rows are the key's columns where it changed, unless the identity is the whole row."""
    for e in events:
        old = e.old
        if old is not None and e.table not in WHOLE:
            changed = e.op == "delete" or key_of(e.table, old) != key_of(e.table, e.new)
            old = {c: old[c] for c in KEYS[e.table]} if changed else None
        yield e._replace(old=old)


def as_debezium(events):
    """As "debezium-json" shows them: a changed key is a delete and an insert; deletes are compared by the key, or whole."""
    for e in as_json(events):
        if e.op == "update" and key_of(e.table, e.old or e.new) != key_of(e.table, e.new):
            yield e._replace(commit=None, op="delete", new=None)
            yield e._replace(commit=None, op="insert", key=key_of(e.table, e.new), old=None)
        else:
            yield e._replace(commit=None)


def as_avro(events):
    """As "avro" shows them: rows alone, without a transaction's number; a changed key is a delete and an update."""
    for e in as_json(events):
        if e.op == "update":
            moved = e.old is not None and key_of(e.table, e.old) != key_of(e.table, e.new)
            if moved:
                yield e._replace(xid=None, op="delete", new=None)
            yield e._replace(xid=None, key=key_of(e.table, e.new), old=None)
        else:
            yield e._replace(xid=None)


# ---- messages of sinks

def from_json(line):
    """(position, event)"""
    m = parse(line)
    new = noted(m.get("new"))
    for column in m.get("unchanged", ()):
        new[column] = UNCHANGED
    key = tuple(m["key"].values()) if m.get("key") is not None else None
    # a stream of transactions that are told before their commit does not say where that is
    lsn = lsn_of(m["lsn"]) if "lsn" in m else None
    return (lsn, m["n"]) if lsn is not None else None, Event(m["xid"], lsn, m["table"], m["op"], key, noted(m.get("old")), new)


def from_debezium(line):
    m = parse(line)
    table, op = m["source"]["table"], {"c": "insert", "u": "update", "d": "delete", "t": "truncate"}[m["op"]]
    old, new = noted(m.get("before")), noted(m.get("after"))
    row = old if old is not None else new
    if op == "delete" and table not in WHOLE:
        old = {c: old[c] for c in KEYS[table]}
    return None, Event(m["source"]["txId"], None, table, op, key_of(table, row) if row is not None else None, old, new)


def from_avro(table, line):
    m = parse(line)
    meta = {c: m.pop(c) for c in list(m) if c.startswith("__")}
    op = {"c": "insert", "u": "update", "d": "delete", "t": "truncate"}[meta["__op"]]
    row = None if op == "truncate" else noted(m)
    for column in meta["__unchanged"] or ():
        row[column] = UNCHANGED
    if op == "delete" and table not in WHOLE:
        row = {c: row[c] for c in KEYS[table]}
    key = key_of(table, row) if row is not None else None
    old, new = (row, None) if op == "delete" else (None, row)
    return (meta["__lsn"], meta["__seq"]), Event(None, meta["__lsn"], table, op, key, old, new)


FORMATS = {"json": (as_json, from_json), "debezium-json": (as_debezium, from_debezium), "avro": (as_avro, None)}


def read_files(format, directory):
    """The events of a directory of the file sink."""
    events, last = [], None
    for path in sorted(glob.glob(os.path.join(glob.escape(directory), "[0-9A-F]*.ndjson"))):
        with open(path, encoding="utf-8") as f:
            for line in f:
                position, event = FORMATS[format][1](line)
                if position is not None and last is not None and position <= last:
                    raise Damaged(f"{path}: position {position} behind {last}")
                last = position
                events.append(event)
    return events


def read_containers(psql, directory, container):
    """The events of the containers of a directory, topic by topic, as our own foreign tables read them."""
    found = []
    for table in KEYS:
        pattern = os.path.join(glob.escape(directory), f"*-torture.public.{table}.{container}")
        if not glob.glob(pattern):
            continue
        last = (0, 0)
        lines = psql(f"""
            SET client_min_messages = error; SET max_parallel_workers_per_gather = 0;
            CREATE EXTENSION IF NOT EXISTS lakehouse;
            CREATE SERVER IF NOT EXISTS lake FOREIGN DATA WRAPPER lakehouse;
            CREATE FOREIGN TABLE files () SERVER lake OPTIONS (location '{pattern}');
            SELECT row_to_json(f) FROM files f;
            DROP FOREIGN TABLE files""")
        for line in lines.splitlines():
            position, event = from_avro(table, line)
            if position < last:
                raise Damaged(f"{pattern}: position {position} behind {last}")
            last = position
            found.append((position, event))
    found.sort(key=lambda f: f[0])  # stable: the two rows of a changed key
    return [event for _, event in found]


def read_kafka(format, program, brokers, prefix):
    """Those that a read_committed reader finds in the topics of a prefix."""
    found, last, where = [], {}, {}
    out = subprocess.run([program, brokers, prefix], stdout=subprocess.PIPE, check=True, timeout=600).stdout.decode()
    for line in out.splitlines():
        topic, partition, offset, commit, ordinal, op, key, value = line.split("\t")
        place = f"{topic}, partition {partition}, offset {offset}"
        position, event = FORMATS[format][1](value)
        if position is None:
            position = (lsn_of(commit), int(ordinal))
        if position != (lsn_of(commit), int(ordinal)) or event.op != op:
            raise Damaged(f"{place}: the headers say {op} at {commit}, {ordinal}, the value {event.op} at {position}")
        if (key == "\\N") != (event.key is None) or event.key is not None and tuple(parse(key).values()) != event.key:
            raise Damaged(f"{place}: the key is {key}, of the value {event.key}")
        if position <= last.get((topic, partition), (0, 0)):
            raise Damaged(f"{place}: position {position} behind {last[topic, partition]}")
        if event.key is not None and where.setdefault((topic, key), partition) != partition:
            raise Damaged(f"{place}: key {key} is in partition {where[topic, key]}, too")
        last[topic, partition] = position
        found.append((position, event))
    found.sort(key=lambda f: f[0])
    return [event for _, event in found]


# ---- comparison

def identity(e):
    return e.xid, e.table, e.op, e.key


def same(want, got):
    """UNCHANGED is right where the history has one value before and after: then the log need not have it."""
    if got.commit is None:
        want = want._replace(commit=None)
    if want._replace(new=None) != got._replace(new=None) or (want.new is None) != (got.new is None):
        return False
    if want.new is None:
        return True
    return want.new.keys() == got.new.keys() and all(
        got.new[c] == v or got.new[c] is UNCHANGED and c == "big" for c, v in want.new.items())


def compare(format, events, got):
    """[(what is promised, whether it is kept, why not)]"""
    want = list(FORMATS[format][0](events))
    wanted, found = collections.Counter(map(identity, want)), collections.Counter(map(identity, got))
    lost, more = wanted - found, found - wanted
    results = [
        ("none lost", not lost, f"{sum(lost.values())} of {len(want)} are missing: {list(lost)[:SHOWN]}"),
        ("none twice", not more, f"{sum(more.values())} are there twice, or were never made: {list(more)[:SHOWN]}")]
    pairs = list(zip(want, got))
    at = next((i for i, (w, g) in enumerate(pairs) if identity(w) != identity(g)), None)
    results.append(("in order", at is None and len(want) == len(got),
                    f"event {at} of {len(want)}: {pairs[at]}" if at is not None else f"{len(got)} events for {len(want)}"))
    bad = [p for p in pairs if identity(p[0]) == identity(p[1]) and not same(*p)]
    results.append(("with their values", not bad, f"{len(bad)} differ: {bad[:SHOWN]}"))
    return results
