#!/usr/bin/env python3
"""queries.py
		Impala's own query tests over the tables that we have, in PostgreSQL.

usage: queries.py [--only TEXT] [--stand-in | --wrong] [--skips]

Of each QUERY block of the shared fixtures' impala/queries/*.test: a single SELECT (after SETs)
over golden tables that no earlier statement of the file has changed is translated (impala.py),
run, and compared with the block's RESULTS.  Everything else is not asked, for a reason; the reasons
are counted at the end, --skips lists each block.  A translated statement that fails is a failure.

--stand-in runs the queries on ordinary tables with the expected rows (see compare.py), before
any reader exists; tables of which only a hash is kept are skipped.  --wrong does so with an
altered value in each table: prints how many queries still pass (some do: they ask for other
columns), and fails if more than half do.

known_queries.json: {"file.test number": reason} of what must still fail.  Skipped are these, and
queries of tables that may be refused (tables.json).  The last line is 'N passed, N failed, N skipped'.
"""

import argparse
import collections
import glob
import json
import os
import sys

sys.dont_write_bytecode = True

import compare                                          # noqa: E402
import impala                                           # noqa: E402
import nested                                           # noqa: E402
import psql                                             # noqa: E402
from psql import Failed, identifier, literal            # noqa: E402

# The names that Impala's own data load gives tables, where they are not the folder's.
ALIASES = {"iceberg_partitioned_orc_external": "iceberg_partitioned_orc",
           "iceberg_partitioned_orc_external_old_fileformat": "iceberg_partitioned_orc",
           "hadoop_catalog_test_external": "hadoop_catalog_test",
           "iceberg_hadoop_catalog_test_external": "hadoop_catalog_test",
           "iceberg_resolution_test_external": "iceberg_resolution_test"}
# Files whose RESULTS are not what the tables hold.
OTHER_ROWS = {"iceberg-rest-fgac.test": "rows that a REST server filters and masks"}

class Golden:
    """A table of the expected files."""

    def __init__(self, path):
        self.head, self.points = compare.read_expected(path)

    def point(self, point):
        for p in self.points:
            if p["point"] == point:
                return p
        return self.points[0] if "snapshot_time" in point else None

    def schema(self):
        return nested.schema(os.path.join(compare.SETS["impala"][1], self.head["location"]))

    def columns(self, point):
        p = self.point(point)
        if p is None:
            raise impala.Untranslatable("a snapshot that the table does not have")
        return {c[0].lower(): (c[0], c[1]) for c in p.get("columns", [])}


def tables():
    out = {}
    for path in glob.glob(compare.SETS["impala"][0] + "/*.jsonl"):
        table = Golden(path)
        out[table.head["table"].lower()] = table
    return out


def foreign_table(relation, table, point, virtual):
    more = ", metadata_columns 'true'" if virtual else ""
    return ["CREATE FOREIGN TABLE %s () SERVER golden_iceberg OPTIONS (%s%s)"
            % (relation, compare.options(compare.SETS["impala"][1], table.head, point), more)]


def heap_table(relation, table, point, wrong):
    p = table.point(point)
    if p.get("expect") == "error" or len(p["rows"]) != p["count"]:
        raise impala.Untranslatable("no rows to stand in")
    if "snapshot_time" in point and p["point"] != point:
        raise impala.Untranslatable("no rows of that moment to stand in")
    kinds = [c[1] for c in p["columns"]]
    rows = [[compare.input_text(v, k) for v, k in zip(json.loads(r), kinds)] for r in p["rows"]]
    if wrong:
        rows = compare.StandIn(True).altered(rows, kinds)
    out = ["CREATE TABLE %s (%s)" % (relation, ", ".join(identifier(c[0]) + " " + c[1] for c in p["columns"]))]
    if rows:
        out.append("INSERT INTO %s VALUES %s" % (relation, ", ".join(
            "(" + ", ".join("NULL" if v is None else literal(v) for v in r) + ")" for r in rows)))
    return out


class Run:
    def __init__(self, stand_in, wrong, skips):
        self.stand_in, self.wrong, self.skips = stand_in, wrong, skips
        self.tables = tables()
        self.reasons = collections.Counter()
        self.not_asked = collections.Counter()
        with open(compare.HERE + "/known_queries.json") as f:
            self.counts = compare.Counts(json.load(f))

    def changed(self, statement, touched):
        """Remembers the table whose rows a statement may have changed."""
        name = impala.target(statement)
        name = ALIASES.get(name, name)
        if name in self.tables:
            touched.add(name)

    def prepare(self, file, block, touched):
        """(SQL, statements before, whether an error is right too; None: nothing else is) of a block, or Untranslatable."""
        if file in OTHER_ROWS:
            raise impala.Untranslatable(OTHER_ROWS[file])
        parts = impala.statements(block["query"])
        if not parts:
            raise impala.Untranslatable("no statement")
        for s in parts[:-1]:
            if impala.words(s)[:1] not in (["set"], ["use"]):
                raise impala.Untranslatable("statements that write or define, beside a SELECT or not")
        last = parts[-1]
        if impala.words(last)[:1] not in (["select"], ["with"]):
            raise impala.Untranslatable("no SELECT but " + " ".join(impala.words(last)[:1]).upper())
        wrong = "catch" in block and "Cannot find a snapshot older than" in block["catch"]
        if "results" not in block and not wrong:
            raise impala.Untranslatable("Impala refuses it" if "catch" in block else "no RESULTS, a plan or a profile")
        sql, used, virtual = impala.translate(last, self.tables, ALIASES)
        if not used:
            raise impala.Untranslatable("no table")
        for name, _, _ in used:
            if name in touched:
                raise impala.Untranslatable("a table that the tests have changed before")
        if self.stand_in and virtual:
            raise impala.Untranslatable("no virtual columns to stand in")
        before = ["SET search_path = %s, public" % compare.SCHEMA, "BEGIN"]
        before += ["SET TimeZone = %s" % literal(z) for z in map(impala.time_zone, parts[:-1]) if z]
        for name, point, relation in used:
            before += (heap_table(relation, self.tables[name], point, self.wrong) if self.stand_in
                       else foreign_table(relation, self.tables[name], point, virtual))
        if wrong:
            return sql, before, None
        impala.expected_rows(block)
        free = any("error" in self.tables[name].point(point).get("expect", "") for name, point, _ in used)
        return sql, before, free

    def block(self, name, block, touched):
        try:
            sql, before, free = self.prepare(name.split(" ")[0], block, touched)
        except impala.Untranslatable as e:
            self.not_asked[str(e).split(":")[0].split(" but ")[0]] += 1
            if self.skips:
                print("not asked %s: %s" % (name, e))
            return
        try:
            rows = psql.run(before, [sql])[0]
            why = impala.same_results(block, rows) if free is not None else "rows, where Impala has an error"
        except Failed as e:
            why = str(e)
            if free is None and "no snapshot" in e.message:
                why = None
            if free and e.code and e.code not in psql.BROKEN:
                self.counts.skipped += 1
                self.reasons["an error, as tables.json allows"] += 1
                if self.skips:
                    print("skipped %s: %s\n       %s" % (name, why, sql[:400]))
                return
        except (ValueError, ArithmeticError) as e:
            why = "a value cannot be read: %s" % e
        self.counts.point(name, why and "%s\n       %s" % (why, sql[:400]))

    def file(self, path, only):
        touched = set()
        with open(path, encoding="utf-8") as f:
            blocks = impala.parse(f.read())
        for number, block in enumerate(blocks, 1):
            if "query" not in block:
                continue
            name = "%s %d" % (os.path.basename(path), number)
            if only in name:
                self.block(name, block, touched)
            for s in impala.statements(block["query"]) if "catch" not in block else []:
                self.changed(s, touched)


def main():
    p = argparse.ArgumentParser(description="Impala's queries in PostgreSQL")
    p.add_argument("--only", default="", help="blocks whose 'file.test number' contains this text")
    p.add_argument("--stand-in", action="store_true")
    p.add_argument("--wrong", action="store_true")
    p.add_argument("--skips", action="store_true", help="list each block that is skipped")
    a = p.parse_args()
    stand_in = a.stand_in or a.wrong
    (compare.StandIn(False) if stand_in else compare.Extension()).begin()
    run = Run(stand_in, a.wrong, a.skips)
    found = sorted(glob.glob(compare.SHARED + "/impala/queries/*.test"))
    for path in found:
        run.file(path, a.only)
    counts = run.counts
    if not found:
        counts.failed += 1
        print("FAILED: THE FIXTURES ARE MISSING: no %s/impala/queries; set LH_FIXTURES" % compare.SHARED)
    for reason, n in run.reasons.most_common():
        print("skipped %4d: %s" % (n, reason))
    print("not asked: %d blocks that are no query over these tables (each with --skips)" % sum(run.not_asked.values()))
    for reason, n in run.not_asked.most_common():
        print("    %4d: %s" % (n, reason))
    if a.wrong:
        print("of %d queries %d saw nothing of an altered value" % (counts.passed + counts.failed, counts.passed))
        sys.exit(0 if counts.failed > counts.passed else 1)
    if not a.only and not stand_in:
        for name in sorted(counts.unused):
            counts.failed += 1
            print("FAILED %s: listed in known_queries.json, but not run" % name)
    if counts.passed + counts.failed == 0:
        counts.failed = 1
        print("FAILED: nothing ran")
    print("%d passed, %d failed, %d skipped" % (counts.passed, counts.failed, counts.skipped))
    sys.exit(1 if counts.failed else 0)


if __name__ == "__main__":
    main()
