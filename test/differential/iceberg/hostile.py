"""hostile.py
		Broken Iceberg tables: each is an error that names the file and what is wrong in it, or has the right rows.

usage: hostile.py [--only TEXT] [--flips N] [--seed S] [--keep]

A small table (history.py writes it, by the specification) has data files of one format and delete files of one:
Parquet, Avro or ORC, and in version 3 a deletion vector.  Each case changes one thing: what a manifest, the list
or the metadata says, the rows of a delete file, or the bytes of a file.  Then it is asked for all rows, for some,
for their number, for what its metadata tables say and for its changes.

	rows		the rows must be these, and so must their number
	an error	must name the file (and a field, where a case says one); no other error will do

Bytes changed at random (--flips of each file) may change rows: there an error must name a file of the table, and
nothing else may happen.  The server must outlive all of it and is restarted by nobody: a crash ends the run.
The last line is 'N passed, N failed, N skipped'.
"""

import argparse
import collections
import json
import os
import random
import re
import shutil
import sys
import tempfile

import psycopg2

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import files
import history

FORMATS = ("parquet", "avro", "orc")
PATH, POS = 2147483546, 2147483545
POSITIONS = history.POSITIONS
ROWS = list(range(2, 13)) + [14] + list(range(16, 19))         # without 0 and 1 (positions), 13 and 15 (vector), 19 (key)
FUNCTIONS = ("files", "entries", "partitions", "manifests", "all_files", "delete_files", "snapshots", "history", "refs", "properties")


class Small(history.Table):
    """20 rows in two files a and b; positions delete 0 and 1 of a, a key id 19, and in version 3 a vector 13 and 15."""

    def __init__(self, directory, data, deletes, version):
        super().__init__(directory, random.Random(7), collections.Counter())
        self.version, self.data_kind, self.delete_kind = version, data, deletes
        self.schemas, self.specs, self.spec, self.last_column, self.mapping = [], [[]], 0, 0, None
        self.set_schema([{"id": self.new_id(), "name": "id", "required": False, "type": "long"},
                         {"id": self.new_id(), "name": "s", "required": False, "type": "string"}])
        self.entries = {}               # name of a file -> what to do with its manifest entry
        self.lines = None               # what to do with a line of the manifest list
        self.positions = [(0, 0), (0, 1)]
        self.plain = False              # no deletes
        self.position_fields, self.key_fields, self.key_rows, self.key_ids = POSITIONS, None, None, [1]

    def format_of(self, fields):
        return self.delete_kind if fields[0]["id"] == PATH or getattr(self, "deleting", False) else self.data_kind

    def path(self, stem, suffix):
        self.made += 1
        return "%s/data/%s.%s" % (self.dir, self.name, suffix)

    def map_names(self, fields):
        return False                    # files have ids

    def entry_record(self, status, d, snapshot):
        record = super().entry_record(status, d, snapshot)
        body = record["data_file"]
        for key in ("lower_bounds", "upper_bounds", "value_counts", "null_value_counts", "nan_value_counts"):
            body[key] = None
        change = self.entries.get(os.path.basename(d.path).split(".")[0])
        if change:
            change(record)
        return record

    def write_list(self, snapshot):
        if self.lines:
            for m in self.manifests:
                self.lines(m)
        return super().write_list(snapshot)

    def build(self):
        rows = [{1: i, 2: "n%d" % i} for i in range(20)]
        for self.name, some in (("a", rows[:10]), ("b", rows[10:])):
            self.commit("append", self.write_data(some, 0))
        self.data[0].deleted, self.data[1].deleted = frozenset((0, 1)), frozenset((9,) + ((3, 5) if self.version == 3 else ()))
        a, b = self.data
        if self.plain:
            a.deleted = b.deleted = frozenset()
            return self.write()
        self.name = "p"
        deletes = [self.delete_file(1, self.position_fields, [{PATH: (a.path, b.path)[f] if f in (0, 1) else f, POS: p}
                                                              for f, p in self.positions], 0, ())]
        self.name, self.deleting = "e", True
        fields = self.key_fields or [self.schemas[-1]["fields"][0]]
        deletes.append(self.delete_file(2, fields, self.key_rows or [{fields[0]["id"]: 19}], 0, (), equality_ids=self.key_ids))
        self.deleting = False
        if self.version == 3:
            path = self.dir + "/data/v.puffin"
            offset, length = files.write_puffin(path, [(b.path, [3, 5])], self.rng)[0]
            deletes.append(history.Data(path=path, format="puffin", spec=0, partition=(), rows=[], cardinality=2, seq=None, file_seq=None,
                                        stats={}, content=1, referenced=b.path, offset=offset, length=length))
        self.commit("delete", deletes=deletes)
        self.write()


def body(**changes):
    """Changes of a manifest entry: of its data_file, or (entry_...) of itself."""
    def change(record):
        for key, value in changes.items():
            place, key = (record, key[6:]) if key.startswith("entry_") else (record["data_file"], key)
            place[key] = value(place[key]) if callable(value) else value
    return change


class Case:
    """name; before (table): changes what is written; after (table): changes what was; file and word of the error, or None: rows."""

    def __init__(self, name, before=None, after=None, file=None, word="", rows=None, either=False):
        self.name, self.before, self.after, self.file, self.word, self.rows, self.either = name, before, after, file, word, rows, either


def entry(file, **changes):
    return lambda t: t.entries.update({file: body(**changes)})


def setting(**changes):
    return lambda t: t.__dict__.update(changes)


def with_bytes(file, change):
    def after(t):
        path = find(t, file)
        with open(path, "rb") as f:
            data = bytearray(f.read())
        data = change(data)
        if data is None:
            os.remove(path)
        else:
            with open(path, "wb") as f:
                f.write(data)
    return after


def find(t, file):
    """The path of a file by its name without what follows the point."""
    for d in ("data", "metadata"):
        for name in sorted(os.listdir("%s/%s" % (t.dir, d))):
            if name.split(".")[0] == file:
                return "%s/%s/%s" % (t.dir, d, name)
    raise KeyError(file)


def metadata(change):
    def after(t):
        path = t.dir + "/metadata/v1.metadata.json"
        with open(path) as f:
            meta = json.load(f)
        change(meta)
        with open(path, "w") as f:
            json.dump(meta, f)
    return after


OTHER_BYTES = {"parquet": b"Obj\x01" + b"x" * 200, "avro": b"PAR1" + b"x" * 200 + b"PAR1", "orc": b"PAR1" + b"x" * 200 + b"PAR1"}
LONG_PATH = [dict(POSITIONS[0], type="long"), POSITIONS[1]]
TEXT_POS = [POSITIONS[0], dict(POSITIONS[1], type="string")]


def cases(data, deletes):
    """The table of cases for a table of these formats."""
    out = []
    for file, kind, rows in (("a", data, 10), ("b", data, 10), ("p", deletes, 2), ("e", deletes, 1)):
        if file == "b":
            continue
        for what, change in (("is gone", lambda d: None), ("is empty", lambda d: b""), ("has a byte", lambda d: d[:1]),
                             ("is cut in the middle", lambda d: d[:len(d) // 2]), ("lacks its last byte", lambda d: d[:-1]),
                             ("has only its last half", lambda d: d[len(d) // 2:]), ("is zeros", lambda d: bytes(len(d))),
                             ("is of another format", lambda d, k=kind: OTHER_BYTES[k])):
            out.append(Case("%s %s" % (file, what), after=with_bytes(file, change), file=file))
        for size in (0, 1, -1, 2**31, 2**62, -2**63):
            out.append(Case("size of %s is %d" % (file, size), before=entry(file, file_size_in_bytes=size), file=file, either=True))
        for count in (0, 1, rows + 1, 2**31 + 1, 2**62, -1, -2**63):
            out.append(Case("records of %s are %d" % (file, count), before=entry(file, record_count=count), file=file, word="record_count|rows|records",
                            either=True))
        out += [Case("format of %s is made up" % file, before=entry(file, file_format="CARBON"), file=file, word="file_format|format"),
                Case("format of %s is another" % file, before=entry(file, file_format={"parquet": "ORC", "orc": "AVRO", "avro": "PARQUET"}[kind]), file=file),
                Case("path of %s is empty" % file, before=entry(file, file_path=""), file="m", word="path", either=True),
                Case("path of %s is a directory" % file, before=entry(file, file_path=lambda p: os.path.dirname(p)), file="data"),
                Case("path of %s has 70,000 bytes" % file, before=entry(file, file_path="/" + "x" * 70000), file="", word="70001 bytes|too long"),
                Case("path of %s is of another host" % file, before=entry(file, file_path="s3://other/x"), file="", word="s3://other/x")]
    for file in ("p", "e"):
        out += [Case("content of %s is 3" % file, before=entry(file, content=3), file="m", word="content"),
                Case("content of %s is -1" % file, before=entry(file, content=-1), file="m", word="content")]
    # sequence numbers: of a file, of a delete, absurd
    out += [Case("a is younger than the list says", before=entry("a", entry_sequence_number=99, entry_status=0), file="a", word="sequence", either=True,
                 rows=[0, 1] + ROWS),
            Case("sequence of a is negative", before=entry("a", entry_sequence_number=-5, entry_status=0), file="m", word="sequence", either=True),
            Case("sequence of p is older than that of a", before=entry("p", entry_sequence_number=0, entry_status=0), rows=[0, 1] + ROWS),
            Case("sequence of e is that of b", before=entry("e", entry_sequence_number=2, entry_status=0), rows=ROWS + [19]),
            Case("status of a is 7", before=entry("a", entry_status=7), file="m", word="status"),
            Case("a stands twice", after=None, before=lambda t: t.entries.update({"b": body(file_path=lambda p: p.replace("/b.", "/a."))}), file="a",
                 either=True, rows="any")]
    # positions
    some = [("a negative position", [(0, -1)], "p", "negative|position"), ("the least position", [(0, -2**63)], "p", "negative|position"),
            ("no position", [(0, None)], "p", "position|null")]
    for what, rows, file, word in some:
        out.append(Case(what, before=setting(positions=rows), file=file, word=word))
    keep = [0, 1] + ROWS
    out += [Case("a position behind the end", before=setting(positions=[(0, 10), (0, 2**40), (0, 2**63 - 1)]), rows=keep),
            Case("no path", before=setting(positions=[(None, 0), (0, 0), (0, 1)]), rows=ROWS),
            Case("paths of no file", before=setting(positions=[("/nowhere/x", 0), ("", 1), ("s3://other/x", 2)]), rows=keep),
            Case("a path of a megabyte", before=setting(positions=[("/" + "x" * 2**20, 0), (0, 0), (0, 1)]), rows=ROWS, file="p", word="work_mem", either=True),
            Case("the same position 20,000 times", before=setting(positions=[(0, 0)] * 20000 + [(0, 1)]), rows=ROWS),
            Case("positions in no order", before=setting(positions=[(1, 3), (0, 1), (1, 5), (0, 0), (1, 3)]),
                 rows=ROWS),
            Case("paths are numbers", before=setting(position_fields=LONG_PATH, positions=[(7, 0)]), file="p", word="file_path|%d" % PATH),
            Case("positions are texts", before=setting(position_fields=TEXT_POS, positions=[(0, "1")]), file="p", word="pos|%d" % POS),
            Case("no column of paths", before=setting(position_fields=[POSITIONS[1]]), file="p", word="%d" % PATH),
            Case("no column of positions", before=setting(position_fields=[POSITIONS[0]]), file="p", word="%d" % POS)]
    # keys
    text_key = {"id": 1, "name": "id", "required": False, "type": "string"}
    other_key = {"id": 2, "name": "s", "required": False, "type": "string"}
    out += [Case("keys are of another type", before=setting(key_fields=[text_key], key_rows=[{1: "19"}]), file="e", word="id"),
            Case("keys are of another column", before=setting(key_fields=[other_key], key_rows=[{2: "n19"}]), file="e", word="field id 1"),
            Case("no key ids", before=setting(key_ids=None), file="e", word="equality_ids"),
            Case("an empty list of key ids", before=setting(key_ids=[]), file="e", word="equality_ids"),
            Case("a key id that nobody has", before=setting(key_ids=[99]), file="e", word="field id 99"),
            Case("10,000 key ids", before=setting(key_ids=[1] * 10000), rows=ROWS, file="e", either=True),
            Case("a null key", before=setting(key_rows=[{1: None}, {1: 19}]), rows=ROWS),
            Case("no keys", before=setting(key_rows=[{1: 777}]), rows=sorted(ROWS + [19]))]
    return out


def shared_cases():
    """Of version 3, Parquet: vectors, the list, the metadata, statistics."""
    out = []
    for what, change in (("is gone", lambda d: None), ("is empty", lambda d: b""), ("is cut", lambda d: d[:20]), ("is zeros", lambda d: bytes(len(d))),
                         ("has another magic", lambda d: d[:8] + b"\0" + d[9:]), ("has another checksum", lambda d: d[:20] + bytes([d[20] ^ 1]) + d[21:])):
        out.append(Case("v " + what, after=with_bytes("v", change), file="v"))
    out += [Case("v is of a file that is not there", before=entry("v", referenced_data_file="/nowhere/x.parquet"), rows=sorted(ROWS + [13, 15])),
            Case("v is of no file", before=entry("v", referenced_data_file=None), file="v", word="referenced_data_file"),
            Case("v is of a file of another host", before=entry("v", referenced_data_file="s3://other/x"), rows=sorted(ROWS + [13, 15]))]
    for key in ("content_offset", "content_size_in_bytes"):
        for value in (None, -1, 0, 1, 10**6, 2**31, 2**62, 2**63 - 1):
            out.append(Case("%s of v is %s" % (key, value), before=entry("v", **{key: value}), file="v"))
    for count in (0, 1, 3, -1, 2**62):
        out.append(Case("v has %d rows" % count, before=entry("v", record_count=count), file="v", word="record_count|deletes 2 rows"))
    # without deletes numbers of rows are answered by metadata
    for count in (0, 1, 9, 11, 2**31 + 1, 2**62, -1):
        def plain(t, count=count):
            t.plain = True
            t.entries["a"] = body(record_count=count)
        out.append(Case("no deletes, records of a are %d" % count, before=plain, file="a", word="record_count|rows|records", rows=list(range(20)), either=True))
    for key, value in (("added_rows_count", 0), ("added_rows_count", 1), ("added_rows_count", 2**62), ("added_files_count", 0), ("added_files_count", 9)):
        def plain(t, key=key, value=value):
            t.plain = True
            t.lines = lambda m: m.update({key: value})
        out.append(Case("no deletes, %s is %d" % (key, value), before=plain, file="", word="m\\.avro", rows=list(range(20)), either=True))
    # the list
    for key, values in (("manifest_length", (0, 1, -1, 2**31, 2**62)), ("partition_spec_id", (7, -1, 2**31 - 1)), ("content", (7, -1)),
                        ("sequence_number", (-1, 2**62)), ("added_snapshot_id", (-1, 7)), ("added_files_count", (-1, 0, 10**9)),
                        ("added_rows_count", (-1, 0, 2**62)), ("first_row_id", (-1, 2**63 - 1)), ("manifest_path", ("", "/nowhere/m.avro", "s3://other/m.avro", "/" + "x" * 70000))):
        for value in values:
            def lines(m, key=key, value=value):
                m[key] = value
            out.append(Case("%s is %s" % (key, str(value)[:20]), before=setting(lines=lines), file="", word="snap-|m\\.avro|70001|other",
                            either=True, rows="any" if key in ("content", "sequence_number", "added_snapshot_id") else None))
    # the metadata: circles, snapshots without a list, statistics
    statistics = {"snapshot-id": 1, "statistics-path": "/etc/passwd", "file-size-in-bytes": 9, "file-footer-size-in-bytes": 9, "blob-metadata": []}

    def parents(meta):
        for s in meta["snapshots"]:
            s["parent-snapshot-id"] = s["snapshot-id"]

    def two_parents(meta):
        a, b = meta["snapshots"][-2:]
        a["parent-snapshot-id"], b["parent-snapshot-id"] = b["snapshot-id"], a["snapshot-id"]

    def set_statistics(**changes):
        return metadata(lambda meta: meta.update({"statistics": [{**statistics, **changes}], "partition-statistics": [statistics]}))

    blob = {"type": "apache-datasketches-theta-v1", "snapshot-id": 1, "sequence-number": 1, "fields": [1]}
    out += [Case("each snapshot is its own parent", after=metadata(parents), rows=ROWS), Case("two snapshots are each other's parents", after=metadata(two_parents), rows=ROWS),
            Case("the list is gone", after=metadata(lambda m: m["snapshots"][-1].update({"manifest-list": m["location"] + "/metadata/none.avro"})), file="none"),
            Case("the list is the metadata", after=metadata(lambda m: m["snapshots"][-1].update({"manifest-list": m["location"] + "/metadata/v1.metadata.json"})), file="v1"),
            Case("a snapshot without a list", after=metadata(lambda m: m["snapshots"][-1].pop("manifest-list")), file="v1", word="manifest-list"),
            Case("the current snapshot is not there", after=metadata(lambda m: m.update({"current-snapshot-id": 5})), file="v1", word="snapshot|main"),
            Case("statistics in another place", after=set_statistics(), rows=ROWS),
            Case("statistics without a path", after=set_statistics(**{"statistics-path": None}), file="v1", word="statistics"),
            Case("statistics of a negative size", after=set_statistics(**{"file-size-in-bytes": -1}), file="v1", word="statistics|size", either=True),
            Case("statistics that are a text", after=metadata(lambda m: m.update({"statistics": "x"})), file="v1", word="statistics"),
            Case("numbers of distinct values that are none", after=set_statistics(**{"blob-metadata": [{**blob, "properties": {"ndv": "many"}}]}), rows=ROWS, file="v1", either=True),
            Case("numbers of distinct values without end", after=set_statistics(**{"blob-metadata": [{**blob, "properties": {"ndv": "9" * 400}}]}), rows=ROWS, file="v1", either=True),
            Case("distinct values of a field that is not there", after=set_statistics(**{"blob-metadata": [{**blob, "fields": [99], "properties": {"ndv": "5"}}]}), rows=ROWS),
            Case("a million levels of statistics", after=lambda t: deepen(t, '"statistics": ', "[", "]"), file="v1", word="statistics.*nested|nested"),
            Case("a million levels of properties", after=lambda t: deepen(t, '"x": ', '{"a":', "}", "1"), file="v1", word="nested")]
    return out


def deepen(t, key, opening, closing, middle=""):
    path = t.dir + "/metadata/v1.metadata.json"
    with open(path) as f:
        text = f.read()
    with open(path, "w") as f:
        f.write("{" + key + opening * 10**6 + middle + closing * 10**6 + ", " + text[1:])


class Hostile:
    def __init__(self, options):
        self.options, self.passed, self.failed, self.errors, self.right = options, 0, 0, 0, 0
        self.work = tempfile.mkdtemp(prefix="lakehouse-hostile-")
        os.chmod(self.work, 0o755)
        base = psycopg2.connect("")
        base.autocommit = True
        self.cursor = base.cursor()
        for s in ("CREATE EXTENSION IF NOT EXISTS lakehouse", "DROP SERVER IF EXISTS lake CASCADE", "CREATE SERVER lake FOREIGN DATA WRAPPER lakehouse",
                  "SET client_min_messages = error", "SET statement_timeout = '120s'"):
            self.cursor.execute(s)

    def answer(self, query):
        """(rows, None) or (None, the error); a server that went away ends the run."""
        try:
            self.cursor.execute(query)
            return self.cursor.fetchall(), None
        except psycopg2.Error as e:
            if e.pgcode is None or e.pgcode.startswith("57P") or e.pgcode in ("XX000", "57014"):
                raise SystemExit("FAILED the server in: %s\n%s" % (query, e))
            return None, str(e)

    def ask(self, table, declare=True):
        """[(query, rows, error)] of all that may be asked."""
        out = []
        self.cursor.execute("DROP FOREIGN TABLE IF EXISTS lake")
        self.cursor.execute("CREATE FOREIGN TABLE lake (id bigint OPTIONS (field_id '1'), s text OPTIONS (field_id '2')) SERVER lake OPTIONS (location '%s')" % table.dir)
        for q in (["SELECT id, s FROM lake ORDER BY id", "SELECT count(*) FROM lake", "SELECT sum(id) FROM lake", "SELECT id FROM lake WHERE id > 15 ORDER BY id"]
                  + ["SELECT count(*) FROM (SELECT * FROM lakehouse.iceberg_%s('lake') OFFSET 0) x" % f for f in FUNCTIONS]
                  + ["SELECT count(*) FROM lakehouse.iceberg_changes(NULL::lake)"]):
            out.append((q,) + self.answer(q))
        return out

    def judge(self, case, answers, table):
        """None, or what is wrong with the answers."""
        rows, error = answers[0][1:]
        if error is None:
            wanted = rows_of(table, case)
            got = [r[0] for r in rows]
            if case.file is not None and not case.either:
                return "rows instead of an error: %s" % got
            if case.rows != "any":
                if got != wanted:
                    return "%s instead of %s" % (got, wanted)
                for q, r, e in answers[1:4]:
                    right = {"count": [(len(wanted),)], "sum": [(sum(wanted),)], "id": [(i,) for i in wanted if i > 15]}
                    if e is None and r != right[re.match(r"SELECT (\w+)", q).group(1)]:
                        return "%s gives %s" % (q, r)
        elif case.file is None:
            return "an error: " + error
        else:
            first = error.split("\n")[0]
            if case.file and not re.search(r'(/|"|^|\b)(%s|[0-9]{5}-%s)\b' % (re.escape(case.file), re.escape(case.file)), first):
                return "an error that does not name %s: %s" % (case.file, first[:300])
            if case.word and not re.search(case.word, error):
                return "an error that does not say %s: %s" % (case.word, first[:300])
        for q, _, e in answers[1:]:
            if e is not None and table.dir not in e and not re.search(case.word or "/", e):
                return "%s: an error that names no file: %s" % (q, e[:300])
        return None

    def case(self, name, case, made):
        table = made()
        if case.before:
            case.before(table)
        try:
            table.build()
        except (OverflowError, ValueError, TypeError) as e:
            raise SystemExit("FAILED %s cannot be written: %s" % (name, e))
        if case.after:
            case.after(table)
        for d in ("", "/data", "/metadata"):
            os.chmod(table.dir + d, 0o755)
        answers = self.ask(table)
        wrong = self.judge(case, answers, table)
        if wrong:
            self.failed += 1
            print("FAILED %s: %s" % (name, wrong), flush=True)
        else:
            self.passed += 1
            self.errors, self.right = self.errors + (answers[0][2] is not None), self.right + (answers[0][2] is None)
        if not self.options.keep:
            shutil.rmtree(table.dir)

    def flips(self, name, made, rng):
        """Bytes of each file changed, one table for all of them."""
        table = made()
        table.build()
        for d in ("", "/data", "/metadata"):
            os.chmod(table.dir + d, 0o755)
        paths = [os.path.join(d, f) for d, _, fs in os.walk(table.dir) for f in fs if not f.startswith("version-hint")]
        for path in sorted(paths):
            with open(path, "rb") as f:
                whole = f.read()
            wrong = None
            for _ in range(self.options.flips):
                data = bytearray(whole)
                for _ in range(rng.choice((1, 1, 2, 8))):
                    at = rng.randrange(len(data))
                    data[at] = rng.choice((data[at] ^ 1 << rng.randrange(8), 0, 0xff, 0x7f, 0x80, rng.randrange(256)))
                if rng.random() < 0.1:
                    del data[rng.randrange(len(data)):]
                with open(path, "wb") as f:
                    f.write(data)
                for q, rows, error in self.ask(table):
                    if error is not None and table.dir not in error and not re.search("path|location|metadata", error):
                        wrong = "%s: an error that names no file: %s" % (q, error[:300])
                        with open(path + ".wrong", "wb") as f:
                            f.write(data)
            with open(path, "wb") as f:
                f.write(whole)
            self.passed, self.failed = self.passed + (wrong is None), self.failed + (wrong is not None)
            if wrong:
                print("FAILED bytes of %s of %s: %s" % (os.path.basename(path), name, wrong), flush=True)
        if not self.options.keep:
            shutil.rmtree(table.dir)

    def all(self):
        number = iter(range(10**9))

        def made(data, deletes, version):
            return lambda: Small("%s/%d" % (self.work, next(number)), data, deletes, version)

        seen = set()
        for kind in FORMATS:
            for version in (2, 3):
                name = "%s, version %d" % (kind, version)
                for case in [Case("healthy", rows=None)] + cases(kind, kind) + (shared_cases() if version == 3 and kind == "parquet" else []):
                    assert (name, case.name) not in seen, case.name
                    seen.add((name, case.name))
                    if self.options.only in name + ": " + case.name:
                        self.case(name + ": " + case.name, case, made(kind, kind, version))
            rng = random.Random("%s %s" % (self.options.seed, kind))
            if self.options.only in "bytes of " + kind:
                self.flips(kind, made(kind, kind, 3), rng)
        if not self.options.keep and not self.failed:
            shutil.rmtree(self.work)
        print("%d cases are an error that names its file, %d have the right rows" % (self.errors, self.right))
        print("%d passed, %d failed, 0 skipped" % (self.passed, self.failed))
        return self.failed


def rows_of(table, case):
    rows = ROWS if case.rows is None or case.rows == "any" else case.rows
    return sorted(set(rows) | ({13, 15} if table.version == 2 and "order" not in case.name else set()))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", default="")
    parser.add_argument("--flips", type=int, default=20)
    parser.add_argument("--seed", default="1")
    parser.add_argument("--keep", action="store_true")
    sys.exit(1 if Hostile(parser.parse_args()).all() else 0)


if __name__ == "__main__":
    main()
