#!/usr/bin/env python3
"""compare.py
		What the extension reads from Iceberg tables against what other readers said.

usage: compare.py [--only TEXT] [--stand-in | --wrong] [metadata | own | impala | duckdb]...

For each table and each point at which it can be read (now, a snapshot, a ref, a moment):

	CREATE FOREIGN TABLE t () SERVER golden_iceberg OPTIONS (location '...', format 'iceberg',
		rebase_location 'auto', snapshot_id | ref | snapshot_time '...');
	SELECT * FROM t;

must have the columns and types, and as a set the rows, of the expected file (written by
../make/iceberg_expect.py; "own" ones lie in test/fixtures/iceberg/expected).  Special points:
"declare" names the columns (metadata columns among them) in CREATE FOREIGN TABLE; "columns_now"
makes the table with the columns of now and then adds the option snapshot_id; "where" is a condition; "changes_from" and
"changes_to" are the options of incremental reading, with Spark's changelog columns.  The set "metadata" has the rows
of Spark's metadata tables, for lakehouse.iceberg_history and the like.  Points marked
"error" must fail with a message of ours while the server lives on.

--stand-in puts the expected rows into ordinary tables and reads those: it proves, before any
Iceberg reader exists, that the expected rows are what PostgreSQL prints.  --wrong does the same
with one value of each point altered, or a row too many: each must be found.

known.json: {"set/table point": reason} of what fails for a known reason and must still fail.
LH_FIXTURES names the shared fixtures.  The last line is 'N passed, N failed, N skipped'.
"""

import argparse
import glob
import json
import os
import sys

sys.dont_write_bytecode = True

import normal                                           # noqa: E402
import psql                                             # noqa: E402
from psql import Failed, identifier, literal            # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.abspath(os.path.join(HERE, *[os.pardir] * 3))
SHARED = os.path.realpath(os.environ.get("LH_FIXTURES", TOP + "/../shared/fixtures")) + "/iceberg"
SETS = {"metadata": (HERE + "/expected/metadata", TOP + "/test/fixtures/iceberg/warehouse"), "own": (TOP + "/test/fixtures/iceberg/expected", TOP + "/test/fixtures/iceberg/warehouse"),
        "impala": (HERE + "/expected/impala", SHARED), "duckdb": (HERE + "/expected/duckdb", SHARED)}
SCHEMA = "golden_iceberg"
BEGIN = ["CREATE EXTENSION IF NOT EXISTS lakehouse", "DROP SCHEMA IF EXISTS %s CASCADE" % SCHEMA, "CREATE SCHEMA " + SCHEMA,
         "DROP SERVER IF EXISTS golden_iceberg CASCADE", "CREATE SERVER golden_iceberg FOREIGN DATA WRAPPER lakehouse"]
COLUMNS = ("SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = 't'::regclass"
           " AND attnum > 0 AND NOT attisdropped ORDER BY attnum")


def label(point):
    return " ".join("%s=%s" % kv for kv in sorted(point.items())) or "now"


def read_expected(path):
    """(head, [point with "rows" or None])"""
    with open(path, encoding="utf-8", errors="surrogateescape") as f:
        head = json.loads(f.readline())
        points = []
        for line in f:
            if line.startswith("["):
                points[-1]["rows"].append(line.rstrip("\n"))
            else:
                points.append({**json.loads(line), "rows": []})
    for p in points:
        if "same_as" in p:
            p.update({k: v for k, v in points[p["same_as"]].items() if k not in ("point", "expect")})
    if len(points) != head["points"]:
        raise SystemExit("%s has %d points, its head says %d" % (path, len(points), head["points"]))
    return head, points


def options(folder, head, point):
    point = {k: v for k, v in point.items() if k not in ("declare", "columns_now", "where", "metadata")}
    chosen = {"location": os.path.normpath(os.path.join(folder, head["location"])), "format": "iceberg",
              "rebase_location": "auto", **head.get("options", {}), **point}
    return ", ".join("%s %s" % (k, literal(v)) for k, v in chosen.items())


class Extension:
    """Rows as the extension reads them."""

    def begin(self):
        psql.run(BEGIN)

    def read(self, folder, head, p):
        point, declared, after = p["point"], "", []
        if "metadata" in point:
            rows = psql.run(["SET search_path = %s, public" % SCHEMA, "DROP FOREIGN TABLE IF EXISTS t",
                             "CREATE FOREIGN TABLE t () SERVER golden_iceberg OPTIONS (%s)" % options(folder, head, point)],
                            ["SELECT to_jsonb(m) - 'readable_metrics' FROM lakehouse.iceberg_%s('t') m" % point["metadata"]])[0]
            return [["row", "jsonb"]], [[normal.within(r[0])] for r in rows]
        if "declare" in point:
            declared = ", ".join(identifier(c[0]) + " " + c[1] for c in p["columns"])
        if "columns_now" in point:
            after = ["ALTER FOREIGN TABLE t OPTIONS (ADD snapshot_id %s)" % literal(point["snapshot_id"])]
            point = {}
        return psql.run(["SET search_path = %s, public" % SCHEMA, "DROP FOREIGN TABLE IF EXISTS t",
                         "CREATE FOREIGN TABLE t (%s) SERVER golden_iceberg OPTIONS (%s)" % (declared, options(folder, head, point))]
                        + after, [COLUMNS, "SELECT * FROM t" + (" WHERE " + point["where"] if "where" in point else "")])

    def end(self):
        psql.run(["DROP SCHEMA %s CASCADE" % SCHEMA, "DROP SERVER golden_iceberg CASCADE"])


def input_text(v, kind):
    """A value in normal form as input of its type."""
    if v is None or not kind.endswith("[]"):
        return v
    parts = []
    for e in json.loads(v):
        e = input_text(e, kind[:-2])
        parts.append("NULL" if e is None else '"' + e.replace("\\", "\\\\").replace('"', '\\"') + '"')
    return "{" + ",".join(parts) + "}"


class StandIn:
    """The expected rows through PostgreSQL's own types."""

    def __init__(self, wrong):
        self.wrong = wrong

    def begin(self):
        psql.run(["DROP SCHEMA IF EXISTS %s CASCADE" % SCHEMA, "CREATE SCHEMA " + SCHEMA])

    def altered(self, rows, kinds):
        """One value changed, or a row added where there is nothing to change."""
        for r in rows:
            for i, kind in enumerate(kinds):
                if kind in ("integer", "bigint", "text") and r[i] is not None:
                    r[i] = r[i][:-1] + ("1" if r[i][-1:] != "1" else "2") if r[i] else "2"
                    return rows
        return rows + [[None] * len(kinds)]

    def read(self, folder, head, p):
        kinds = [c[1] for c in p["columns"]]
        rows = [[input_text(v, k) for v, k in zip(json.loads(r), kinds)] for r in p["rows"]]
        if self.wrong:
            rows = self.altered(rows, kinds)
        values = ",\n".join("(" + ", ".join("NULL" if v is None else literal(v) for v in r) + ")" for r in rows)
        make = ["SET search_path = %s, public" % SCHEMA, "DROP TABLE IF EXISTS t",
                "CREATE TABLE t (%s)" % ", ".join(identifier(c[0]) + " " + c[1] for c in p["columns"])]
        if rows:
            make.append("INSERT INTO t VALUES " + values)
        return psql.run(make, [COLUMNS, "SELECT * FROM t"])

    def end(self):
        psql.run(["DROP SCHEMA %s CASCADE" % SCHEMA])


def shown(row):
    return row if len(row) <= 300 else row[:297] + "..."


def sparse(v):
    """JSON without members that are null or empty: a column that Spark leaves out where there is nothing."""
    if isinstance(v, dict):
        left = {k: sparse(x) for k, x in v.items()}
        return {k: x for k, x in left.items() if x not in (None, {})}
    return [sparse(x) for x in v] if isinstance(v, list) else v


def metadata_differences(p, rows):
    """None, or the members of the first rows that differ."""
    def plain(texts):
        return sorted((sparse(json.loads(t)) for t in texts), key=lambda r: json.dumps(r, sort_keys=True))
    got, right = plain(r[0] for r in rows), plain(json.loads(r)[0] for r in p["rows"])
    if len(got) != len(right):
        return "%d rows, expected %d" % (len(got), len(right))
    known = {k for r in right for k in r}               # more columns than Spark has are no difference
    got = [{k: v for k, v in r.items() if k in known} for r in got]
    for a, b in zip(got, right):
        if a != b:
            a, b = ({**x, **x.get("data_file", {})} for x in (a, b))
            return "; ".join("%s: %s, expected %s" % (k, shown(json.dumps(a.get(k))), shown(json.dumps(b.get(k))))
                             for k in sorted(set(a) | set(b)) if a.get(k) != b.get(k) and k != "data_file")
    return None


def differences(p, columns, rows):
    """None, or what is wrong."""
    if "metadata" in p["point"]:
        return metadata_differences(p, rows)
    wanted = [c[:2] for c in p["columns"]]
    if columns != wanted:
        for got, right in zip(columns, wanted):
            if got != right:
                return "column %s, expected %s" % (" ".join(got), " ".join(right))
        return "%d columns, expected %d" % (len(columns), len(wanted))
    kinds = [c[1] for c in p["columns"]]
    lines = sorted(normal.row(r, kinds) for r in rows) if kinds else []
    if len(lines) != p["count"]:
        return "%d rows, expected %d%s" % (len(lines), p["count"], example(lines, p))
    if normal.digest(lines)[:16] != p["hash"]:
        return "other rows%s" % example(lines, p)
    return None


def example(lines, p):
    if len(p["rows"]) != p["count"]:
        return " (too many to keep; only their hash is known)"
    extra, missing = list(lines), []
    for r in p["rows"]:
        if r in extra:
            extra.remove(r)
        else:
            missing.append(r)
    return "".join("; %s %s" % (what, shown(some[0])) for what, some in (("got", extra), ("not", missing)) if some)


def check(source, folder, head, p):
    """None, or why the point fails."""
    expect = p.get("expect", "rows")
    try:
        columns, rows = source.read(folder, head, p)
    except Failed as e:
        if e.code in psql.BROKEN or not e.code:
            return "the server broke or gave an internal error: %s" % e
        return None if expect != "rows" else str(e)
    if expect == "error":
        return "an error was expected, %d rows came" % len(rows)
    try:
        return differences(p, columns, rows)
    except ValueError as e:
        return "a value cannot be read: %s" % e


class Counts:
    def __init__(self, known):
        self.passed = self.failed = self.skipped = 0
        self.known, self.unused = known, set(known)

    def point(self, name, why):
        self.unused.discard(name)
        if why and name in self.known:
            self.skipped += 1
            print("skipped %s: known: %s (%s)" % (name, self.known[name], why), flush=True)
        elif why:
            self.failed += 1
            print("FAILED %s: %s" % (name, why), flush=True)
        elif name in self.known:
            self.failed += 1
            print("FAILED %s: passes, take it out of known.json (%s)" % (name, self.known[name]), flush=True)
        else:
            self.passed += 1


def main():
    p = argparse.ArgumentParser(description="compare the extension with other Iceberg readers")
    p.add_argument("sets", nargs="*", metavar="SET", help=", ".join(SETS))
    p.add_argument("--only", default="", help="tables whose set/name contains this text")
    p.add_argument("--stand-in", action="store_true", help="check the expected rows, not the extension")
    p.add_argument("--wrong", action="store_true", help="alter the stand-in: every point must fail")
    a = p.parse_args()
    if set(a.sets) - set(SETS):
        p.error("the sets are " + ", ".join(SETS))
    stand_in = a.stand_in or a.wrong
    with open(HERE + "/known.json") as f:
        known = {} if stand_in else json.load(f)
    source = StandIn(a.wrong) if stand_in else Extension()
    source.begin()
    counts = Counts(known)
    for group in a.sets or list(SETS):
        expected, folder = SETS[group]
        if not stand_in and not os.path.isdir(folder):
            counts.failed += 1
            print("FAILED %s: THE FIXTURES ARE MISSING: no %s; set LH_FIXTURES" % (group, folder))
            continue
        before, n = (counts.passed, counts.failed), 0
        for path in sorted(glob.glob(expected + "/*.jsonl")):
            head, points = read_expected(path)
            if a.only not in group + "/" + head["table"]:
                continue
            n += 1
            for one in points:
                name = "%s/%s %s" % (group, head["table"], label(one["point"]))
                if stand_in and (one.get("expect") == "error" or len(one["rows"]) != one["count"]):
                    counts.skipped += 1
                    continue
                why = check(source, folder, head, one)
                if a.wrong:
                    why = None if why else "an altered row was not found"
                counts.point(name, why)
        print("%s: %d tables, %d points passed, %d failed" % (group, n, counts.passed - before[0], counts.failed - before[1]),
              flush=True)
    source.end()
    if not a.only and set(a.sets or SETS) == set(SETS):
        for name in sorted(counts.unused):
            counts.failed += 1
            print("FAILED %s: listed in known.json, but there is no such point" % name)
    if counts.passed + counts.failed == 0:
        counts.failed = 1
        print("FAILED: nothing ran")
    print("%d passed, %d failed, %d skipped" % (counts.passed, counts.failed, counts.skipped))
    sys.exit(1 if counts.failed else 0)


if __name__ == "__main__":
    main()
