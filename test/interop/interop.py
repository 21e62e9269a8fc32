#!/usr/bin/env python3
"""interop.py
		Files that foreign engines write, read through SQL.

usage: interop.py [--quick] [--only TEXT] [--keep] [WRITER...]

The server is the one of PGHOST, PGPORT, PGUSER and PGDATABASE; it must be able to
read files of this machine, and the role must be a superuser.  For each writer
and each of its settings:

	1. the writer writes a table of tables.py;
	2. SELECT through CREATE FOREIGN TABLE t () must give the values it was given,
	   as jsonb prints them (../golden/canon.py), in their order;
	3. so must lakehouse.create_types and the composite types of nested columns;
	4. conditions must find the rows that Python finds, with statistics, page index
	   and dictionaries as this writer makes them.

--quick takes a sample of the settings.  --only takes settings whose name holds
TEXT.  --keep leaves the files of failures.  The last line is
'N passed, N failed, N skipped'.
"""

import argparse
import decimal
import json
import os
import shutil
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "golden"))

import psycopg2                                         # noqa: E402

import canon                                            # noqa: E402
import tables                                           # noqa: E402
from same import _same_json                             # noqa: E402
from writers import WRITERS                             # noqa: E402

ROWS = 1000
DEFAULT = ("pyarrow", "duckdb", "polars", "fastparquet")
SETTINGS = ("TimeZone = 'UTC'", "extra_float_digits = 1", "client_min_messages = error",
            "statement_timeout = '60s'", "search_path = interop, public")
SHOWN_FAILURES = 3


class Differs(Exception):
    pass


def connect():
    con = psycopg2.connect("")
    con.autocommit = True
    cur = con.cursor()
    cur.execute("CREATE EXTENSION IF NOT EXISTS lakehouse")
    cur.execute("DROP SERVER IF EXISTS interop_lake CASCADE")
    cur.execute("CREATE SERVER interop_lake FOREIGN DATA WRAPPER lakehouse")
    for setting in SETTINGS:
        cur.execute("SET " + setting)
    return con


def begin(cur):
    """A schema for one file: its table, its types."""
    cur.execute("DROP SCHEMA IF EXISTS interop CASCADE")
    cur.execute("CREATE SCHEMA interop")


def expected(table):
    """By column: the jsonb text of each value."""
    return {f.name: [None if v is None else canon.jsonb(v) for v in canon.values(c.combine_chunks())]
            for f, c in zip(table.schema, table.columns)}


def equal(a, b):
    if a == b or a is None or b is None:
        return a == b
    number = dict(parse_int=decimal.Decimal, parse_float=decimal.Decimal)
    return _same_json(json.loads(a, **number), json.loads(b, **number), False)


def compare_rows(cur, want, what):
    names = list(want)
    cur.execute("SELECT %s FROM t" % ", ".join('to_jsonb("%s")::text' % n for n in names))
    rows = cur.fetchall()
    if len(rows) != len(want["id"]):
        raise Differs("%s: %d rows instead of %d" % (what, len(rows), len(want["id"])))
    for k, name in enumerate(names):
        for i, row in enumerate(rows):
            if not equal(row[k], want[name][i]):
                raise Differs("%s: column %s, row %d: %.120s instead of %.120s"
                              % (what, name, i, row[k], want[name][i]))


def conditions(table):
    """(SQL, number of rows) for what Python can decide alone."""
    yield "id >= 700", sum(1 for v in table.column("id").to_pylist() if v >= 700)
    yield "id = 5 OR id = 998", 2
    for name, sql, test in (("i64", "i64 > 3", lambda v: v > 3), ("i32", "i32 < 0", lambda v: v < 0),
                            ("runs", "runs = 7", lambda v: v == 7), ("s", "s = 'apple'", lambda v: v == "apple"),
                            ("us", "us >= '2000-01-01'", lambda v: v.year >= 2000),
                            ("d9", "d9 <= 0.5", lambda v: v <= decimal.Decimal("0.5"))):
        if name in table.column_names:
            values = table.column(name).to_pylist()
            yield sql, sum(1 for v in values if v is not None and test(v))
            yield name + " IS NULL", sum(1 for v in values if v is None)


def check_conditions(cur, table):
    for sql, want in conditions(table):
        cur.execute("SELECT count(*) FROM t WHERE " + sql)
        got = cur.fetchone()[0]
        if got != want:
            raise Differs("%s finds %d rows instead of %d" % (sql, got, want))


def check_composites(cur, path, want):
    cur.execute("SELECT count(*) FROM lakehouse.create_types(%s, 'interop', 't')", [path])
    if cur.fetchone()[0] == 0:
        raise Differs("no composite types are made")
    cur.execute("SELECT lakehouse.ddl(%s, 't', 'interop_lake', types => 'interop')", [path])
    statement = cur.fetchone()[0]
    cur.execute("DROP FOREIGN TABLE t")
    cur.execute(statement)
    compare_rows(cur, want, "composite types")


def check_file(cur, path, given):
    want = expected(given)
    begin(cur)
    cur.execute("CREATE FOREIGN TABLE t () SERVER interop_lake OPTIONS (location %s)", [path])
    compare_rows(cur, want, "rows")
    check_conditions(cur, given)
    if "st" in want:
        check_composites(cur, path, want)


def title(writer, settings):
    return " ".join([writer.name] + ["%s=%s" % (k, v) for k, v in settings.items()])


class Run:
    def __init__(self, con, folder, keep):
        self.cur, self.folder, self.keep = con.cursor(), folder, keep
        self.passed = self.failed = self.skipped = 0

    def one(self, writer, settings):
        name = title(writer, settings)
        path = os.path.join(self.folder, "%d.parquet" % (self.passed + self.failed))
        table = tables.make(writer.columns(settings["kind"]), ROWS, settings["nulls"])
        try:
            writer.write(table, path, settings)
        except Exception as e:                          # whatever a foreign engine raises
            self.failed += 1
            print("FAILED %s: cannot be written: %s" % (name, str(e).strip()), flush=True)
            return
        try:
            os.chmod(path, 0o644)
            check_file(self.cur, path, writer.given(table))
            self.passed += 1
        except (Differs, psycopg2.Error) as e:
            self.failed += 1
            print("FAILED %s: %s" % (name, str(e).strip()), flush=True)
            if self.keep:
                print("       " + path)
                return
        os.remove(path)

    def writer(self, writer, full, only):
        before = self.passed, self.failed
        chosen = [s for s in writer.matrix(full) if only in title(writer, s)]
        for settings in chosen:
            self.one(writer, settings)
        print("%-12s %4d files, %d failed" % (writer.name, len(chosen), self.failed - before[1]), flush=True)

    def versions(self, names):
        import importlib.metadata
        modules = {"spark": "pyspark"}
        print("writers: " + ", ".join("%s %s" % (n, importlib.metadata.version(modules.get(n, n))) for n in names))
        self.cur.execute("SHOW server_version")
        print("reader: PostgreSQL " + self.cur.fetchone()[0])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", default="")
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("writers", nargs="*", default=DEFAULT, metavar="WRITER")
    args = parser.parse_args()
    unknown = [n for n in args.writers if n not in WRITERS]
    if unknown:
        parser.error("no writer %s; there are %s" % (unknown[0], ", ".join(WRITERS)))
    folder = tempfile.mkdtemp(prefix="lakehouse_interop_")
    os.chmod(folder, 0o755)
    run = Run(connect(), folder, args.keep)
    run.versions(args.writers)
    for name in args.writers:
        run.writer(WRITERS[name], not args.quick, args.only)
    if not (args.keep and run.failed):
        shutil.rmtree(folder)
    print("%d passed, %d failed, %d skipped" % (run.passed, run.failed, run.skipped))
    sys.exit(1 if run.failed or not run.passed else 0)


if __name__ == "__main__":
    main()
