#!/usr/bin/env python3
"""compare.py
		Compare what the extension reads with what the oracle says, row by row.

usage: compare.py [--only TEXT] [--heap] [--keep] ORACLE

ORACLE is the folder that oracle.py filled.  The server is the one that libpq
finds (PGHOST, PGPORT, PGUSER, PGDATABASE), it must be able to read the files,
and the role must be a superuser.  For each file:

	CREATE FOREIGN TABLE t () SERVER lake OPTIONS (location '<file>');
	SELECT * FROM t;

and every value is taken as PostgreSQL's text.  A file whose oracle says
"error" passes when the statement fails with a message of ours, and the server
still answers; "rows or error" accepts both.

known.json lists files that fail for a known reason.  They must still fail: a
listed file that passes makes the run red, so that the list can only shrink.

--heap puts the oracle's rows into ordinary tables of the types it names and
reads them back.  That needs no extension and proves that the oracle writes
values as PostgreSQL does.

The closing line is 'N passed, N failed, N skipped'; a run of nothing fails.
"""

import argparse
import json
import os
import sys
import tempfile

sys.dont_write_bytecode = True

import psycopg2                                         # noqa: E402
import psycopg2.extensions                              # noqa: E402

from same import same                                   # noqa: E402

SCHEMA = "golden"
SETTINGS = ["DateStyle = 'ISO, MDY'", "IntervalStyle = postgres", "TimeZone = 'UTC'",
            "bytea_output = hex", "extra_float_digits = 1", "statement_timeout = '120s'",
            "client_min_messages = error", "search_path = %s, public" % SCHEMA]
# A failure that is never the expected one: the connection or the server broke.
BROKEN = ("57P01", "57P02", "57P03", "08000", "08003", "08006", "XX000", "57014")


class Mismatch(Exception):
    pass


def connect():
    con = psycopg2.connect("")
    con.autocommit = True
    cur = con.cursor()
    cur.execute("SELECT oid FROM pg_type")
    oids = tuple(row[0] for row in cur.fetchall())
    as_text = psycopg2.extensions.new_type(oids, "TEXT", lambda value, _: value)
    psycopg2.extensions.register_type(as_text, con)
    for setting in SETTINGS:
        cur.execute("SET " + setting)
    return con


def read_oracle(path):
    with open(path, encoding="utf-8", errors="surrogateescape") as f:
        head = json.loads(f.readline())
        return head, [json.loads(line) for line in f]


def literal(text):
    return "'" + text.replace("'", "''") + "'"


class Extension:
    """Rows as the extension reads them."""

    def __init__(self, con):
        self.con = con
        cur = con.cursor()
        cur.execute("CREATE EXTENSION IF NOT EXISTS lakehouse")
        cur.execute("DROP SCHEMA IF EXISTS %s CASCADE" % SCHEMA)
        cur.execute("CREATE SCHEMA %s" % SCHEMA)
        cur.execute("DROP SERVER IF EXISTS golden_lake CASCADE")
        cur.execute("CREATE SERVER golden_lake FOREIGN DATA WRAPPER lakehouse")

    def rows(self, head):
        cur = self.con.cursor()
        cur.execute("DROP FOREIGN TABLE IF EXISTS t")
        with KeyFile(cur, head):
            cur.execute("CREATE FOREIGN TABLE t () SERVER golden_lake OPTIONS (location %s)"
                        % literal(head["path"]))
            cur.execute("SELECT * FROM t")
            return cur.fetchall()

    def close(self):
        cur = self.con.cursor()
        cur.execute("DROP SCHEMA IF EXISTS %s CASCADE" % SCHEMA)
        cur.execute("DROP SERVER IF EXISTS golden_lake CASCADE")


class KeyFile:
    """The keys of an encrypted file in a file of the server option parquet_keys_file.

	{"keys": {"<key id>": "<hex>", ...}, "aad_prefix": "..."}

    The file must be the server's own or root's, and be readable by the server: when
    root runs this beside a server of another user, it is given to the owner of the
    server's socket directory.
    """

    def __init__(self, cur, head):
        self.cur, self.head, self.path = cur, head, None

    def __enter__(self):
        if self.head.get("keys"):
            handle, self.path = tempfile.mkstemp(prefix="golden_keys_", suffix=".json")
            if os.geteuid() == 0 and os.path.isdir(os.environ.get("PGHOST", "")):
                os.chown(self.path, os.stat(os.environ["PGHOST"]).st_uid, -1)
            with os.fdopen(handle, "w") as f:
                json.dump({"keys": self.head["keys"], "aad_prefix": self.head.get("aad_prefix")}, f)
            self.cur.execute("ALTER SERVER golden_lake OPTIONS (ADD parquet_keys_file %s)"
                             % literal(self.path))

    def __exit__(self, *_):
        if self.path:
            os.remove(self.path)
            if not self.cur.connection.closed:
                self.cur.execute("ALTER SERVER golden_lake OPTIONS (DROP parquet_keys_file)")


class Heap:
    """The oracle's own rows through PostgreSQL's types."""

    def __init__(self, con):
        self.con = con
        cur = con.cursor()
        cur.execute("DROP SCHEMA IF EXISTS %s CASCADE" % SCHEMA)
        cur.execute("CREATE SCHEMA %s" % SCHEMA)

    def rows(self, head):
        _, rows = read_oracle(head["oracle"])
        if "columns" not in head:
            raise psycopg2.DataError("no rows are expected")
        cur = self.con.cursor()
        cur.execute("DROP TABLE IF EXISTS t")
        names = ["c%d" % i for i in range(len(head["columns"]))]
        cur.execute("CREATE TABLE t (n serial, %s)" % ", ".join(
            "%s %s" % (n, c["type"]) for n, c in zip(names, head["columns"])))
        for start in range(0, len(rows), 500):
            part = rows[start:start + 500]
            marks = ", ".join("(" + ", ".join("%s" for _ in row) + ")" for row in part)
            cur.execute("INSERT INTO t (%s) VALUES %s" % (", ".join(names), marks),
                        [v for row in part for v in row])
        cur.execute("SELECT %s FROM t ORDER BY n" % ", ".join(names))
        return cur.fetchall()

    def close(self):
        self.con.cursor().execute("DROP SCHEMA IF EXISTS %s CASCADE" % SCHEMA)


def check_rows(head, expected, got):
    columns = head["columns"]
    if got and len(got[0]) != len(columns):
        raise Mismatch("%d columns, expected %d" % (len(got[0]), len(columns)))
    if len(got) != len(expected):
        raise Mismatch("%d rows, expected %d" % (len(got), len(expected)))
    for i, (row, right) in enumerate(zip(got, expected)):
        for column, value, wanted in zip(columns, row, right):
            if not same(wanted, value, column["type"], head.get("float4", False)):
                raise Mismatch("row %d, column %s (%s): got %s, expected %s"
                               % (i, column["name"], column["type"], shown(value), shown(wanted)))


def shown(value):
    text = "NULL" if value is None else value
    return text if len(text) <= 120 else text[:117] + "..."


def check(source, head):
    """None, or why the file fails."""
    _, expected = read_oracle(head["oracle"])
    try:
        got = source.rows(head)
    except psycopg2.Error as e:
        if source.con.closed or e.pgcode in BROKEN:
            return "the server broke or gave an internal error: %s %s" % (e.pgcode, str(e).strip())
        if head["expect"] in ("error", "rows or error"):
            return None
        return "%s %s" % (e.pgcode, str(e).strip().split("\n")[0])
    if head["expect"] == "error":
        return "an error was expected, %d rows came" % len(got)
    try:
        check_rows(head, expected, got)
    except Mismatch as e:
        return str(e)
    return None


def main():
    p = argparse.ArgumentParser(description="compare the extension with the oracle")
    p.add_argument("oracle")
    p.add_argument("--only", help="files whose name contains this text")
    p.add_argument("--heap", action="store_true", help="check the oracle, not the extension")
    p.add_argument("--keep", action="store_true", help="leave the schema and the server behind")
    a = p.parse_args()

    with open(os.path.join(a.oracle, "index.json")) as f:
        index = json.load(f)
    here = os.path.dirname(os.path.abspath(__file__))
    with open(os.path.join(here, "known.json")) as f:
        known = {} if a.heap else json.load(f)
    unknown = sorted(set(known) - {e["file"] for e in index})

    con = connect()
    make = Heap if a.heap else Extension
    source = make(con)
    passed = failed = skipped = 0
    for name in unknown:
        failed += 1
        print("FAILED %s: listed in known.json, but there is no such file" % name)
    for entry in index:
        name = entry["file"]
        if a.only and a.only not in name:
            continue
        if a.heap and entry["expect"] == "error":
            skipped += 1
            continue
        head, _ = read_oracle(entry["oracle"])
        why = check(source, head)
        if con.closed:
            con = connect()
            source = make(con)
        if why and name in known:
            skipped += 1
            print("skipped %s: known: %s (%s)" % (name, known[name], why))
        elif why:
            failed += 1
            print("FAILED %s: %s" % (name, why))
        elif name in known:
            failed += 1
            print("FAILED %s: passes, take it out of known.json (%s)" % (name, known[name]))
        else:
            passed += 1
    if not a.keep:
        source.close()
    if passed + failed == 0:
        failed = 1
        print("FAILED: nothing ran")
    print("%d passed, %d failed, %d skipped" % (passed, failed, skipped))
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
