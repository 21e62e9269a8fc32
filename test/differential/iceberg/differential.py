"""differential.py
		Random Iceberg tables (history.py) and random predicates (predicates.py): the rows that the
		extension reads, with and without pushdown, are those of a heap copy of what the writer's
		model says is alive.  Each is asked three times, for what a session keeps of a file comes in with the
		second and is used by the third; a quarter of the tables are Avro's, whose columns are kept so.

usage: differential.py [--predicates N] [--seed S] [--table T] [--per N] [--keep]

Tables T = 0, 1, ... of seed S are made until N predicates were asked, --per of them of each state of
a table; --table makes that one only.  For each predicate the rows (some columns of them, as text) are
compared as multisets, and aggregates: heap, pushdown, no pushdown.  The server is that of PGHOST.

What failed is printed with the seed, the table's number and directory, and the statement; the
directory stays.  The last line is 'N passed, N failed, N skipped', one passing or failing a table.
"""

import argparse
import collections
import io
import json
import os
import random
import shutil
import sys
import tempfile
import time
import traceback

import psycopg2

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import history
import predicates
import values as v

# What has to happen somewhere, or the run proves little.
EXPECTED = ("Files Pruned by Partition Tuple", "Files Pruned by Bounds", "Manifests Pruned", "Rows Deleted by Position",
            "Rows Deleted by Equality", "Delete Files Read", "Deletion Vectors Read", "Column Cache Hits")


METADATA = (("_file", "string"), ("_pos", "long"), ("_spec_id", "int"), ("_row_id", "long"), ("_last_updated_sequence_number", "long"))
LINEAGE = ("_row_id", "_last_updated_sequence_number")
PARALLEL = ("parallel_setup_cost", "parallel_tuple_cost", "min_parallel_table_scan_size")


def moment(ms):
    return "%s.%03d+00" % (time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(ms // 1000)), ms % 1000)


class Crash(Exception):
    """The server went away in this query."""


class Differential:
    def __init__(self, options):
        self.options = options
        self.connect()
        self.counts, self.counters = collections.Counter(), collections.Counter()
        self.asked = self.selected = 0

    def connect(self):
        """A session; after a crash the server needs a moment."""
        for attempt in range(60):
            try:
                self.base = psycopg2.connect("")
                break
            except psycopg2.OperationalError:
                if attempt == 59:
                    raise
                time.sleep(0.5)
        self.base.autocommit = True
        self.cursor = self.base.cursor()
        self.run("SET timezone = 'UTC'", "SET client_min_messages = warning", "SET jit = off",
                 "CREATE EXTENSION IF NOT EXISTS lakehouse", "DROP SERVER IF EXISTS lake CASCADE",
                 "CREATE SERVER lake FOREIGN DATA WRAPPER lakehouse")

    def run(self, *statements):
        for s in statements:
            self.cursor.execute(s)

    def answer(self, query):
        """The one row of a query as text, or its error."""
        try:
            self.cursor.execute(query)
            return str(self.cursor.fetchone())
        except psycopg2.Error as e:
            if self.base.closed:
                raise Crash(query)
            return "ERROR %s: %s" % (e.pgcode, str(e).strip())

    # ------------------------------------------------------------ a table

    def table(self, number):
        """Makes the table and asks of some of its states; the failures, as text."""
        rng = random.Random("%s %d" % (self.options.seed, number))
        directory = "%s/%d" % (self.work, number)
        made = history.Table(directory, rng, self.counts)
        made.rows_alone = number % 4 == 3
        made.append()
        for _ in range(rng.randrange(2, 16)):
            made.step()
        made.write()
        self.counts["tables"] += 1
        self.counts["version %d" % made.version] += 1
        self.counts["snapshots"] += len(made.snapshots)
        for d in ("", "/data", "/metadata"):
            os.chmod(directory + d, 0o755)
        failures = self.state(made, None, rng)
        if len(made.snapshots) > 1 and not failures:
            failures = self.state(made, rng.choice(made.snapshots[:-1]), rng)
        if len(made.schemas) > 1 and not failures:
            failures = self.bound(made, rng)
        if len(made.snapshots) > 1 and not failures:
            failures = self.changes(made, rng)
        if not failures and not self.options.keep:
            shutil.rmtree(directory)
        return failures

    def state(self, made, snapshot, rng):
        """A state of the table, the current one for None, beside its heap copy."""
        fields = (made.schemas[-1] if snapshot is None else snapshot.schema)["fields"]
        rows = made.rows_of(snapshot or made.snapshots[-1], fields)
        option = "" if snapshot is None else rng.choice((", snapshot_id '%d'" % snapshot.id, ", ref 'tag %d'" % made.snapshots.index(snapshot),
                                                        ", snapshot_time '%s'" % moment(snapshot.time)))
        self.counts["states by " + (option.split(" ")[1] if option else "now")] += 1
        self.run("DROP FOREIGN TABLE IF EXISTS lake",
                 "CREATE FOREIGN TABLE lake () SERVER lake OPTIONS (location '%s'%s)" % (made.dir, option))
        self.run("SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = 'lake'::regclass AND attnum > 0 ORDER BY attnum")
        columns = [(f["name"], f["type"]) for f in fields]
        seen = list(self.cursor.fetchall())
        if seen != [(n, v.sql_type(k)) for n, k in columns]:
            return ["columns of %s: %s instead of %s" % (made.dir, seen, columns)]
        values = [r[0] for r in rows]
        # members of structs as columns of their own, and row lineage
        for i, f in enumerate(fields):
            if v.base(f["type"]) == "struct":
                for m in f["type"]["fields"]:
                    name = "%s.%s" % (f["name"], m["name"])
                    # names are looked up in the current schema, also where a snapshot's is read
                    by_name = snapshot is None and rng.random() < 0.5
                    self.run("ALTER FOREIGN TABLE lake ADD COLUMN %s %s OPTIONS (%s)"
                             % (predicates.quoted(name), v.sql_type(m["type"]),
                                "column_name %s" % predicates.text(name) if by_name else "field_id '%d'" % m["id"]))
                    columns.append((name, m["type"]))
                    for r in values:
                        r.append(None if r[i] is None else r[i][m["id"]])
        for name, kind in METADATA:
            if rng.random() < 0.4 and (made.version == 3 or name not in LINEAGE):
                self.run("ALTER FOREIGN TABLE lake ADD COLUMN %s %s" % (name, v.sql_type(kind)))
                columns.append((name, kind))
                self.counts["states with %s" % name] += 1
                for r in rows:
                    r[0].append(r[1][name])
        return self.beside(made, columns, values, option, rng)

    def changes(self, made, rng):
        """What some commits changed, in the columns of now."""
        end = rng.randrange(len(made.snapshots)) if rng.random() < 0.5 else len(made.snapshots) - 1
        start, net, said = rng.randrange(-1, end), rng.random() < 0.4, end < len(made.snapshots) - 1 or rng.random() < 0.3
        fields = made.schemas[-1]["fields"]
        ids = [s.id for s in made.snapshots]
        option = ", changes_from '%d'%s%s" % (ids[start] if start >= 0 else 0, ", changes_to '%d'" % ids[end] if said else "",
                                              ", net_changes 'true'" if net else "")
        self.run("DROP FOREIGN TABLE IF EXISTS lake",
                 "CREATE FOREIGN TABLE lake () SERVER lake OPTIONS (location '%s'%s)" % (made.dir, option))
        columns = [(f["name"], f["type"]) for f in fields] + [("_change_type", "string"), ("_change_ordinal", "int"), ("_commit_snapshot_id", "long")]
        values = [list(c[0]) + list(c[1:]) for c in made.changes(start, end, fields, net)]
        self.counts["tables asked for changes"] += 1
        self.counts["changed rows"] += len(values)
        return self.beside(made, columns, values, option, rng)

    def bound(self, made, rng):
        """The current state through columns that were made of an earlier schema, by field id."""
        now = {f["id"]: f for f in made.schemas[-1]["fields"]}
        then = [f for f in rng.choice(made.schemas[:-1])["fields"]
                if not isinstance(f["type"], dict) and (f["id"] not in now or now[f["id"]]["type"] == f["type"])]
        rows = made.rows_of(made.snapshots[-1], [now.get(f["id"], f) for f in then])
        values = [[x if f["id"] in now else None for f, x in zip(then, r[0])] for r in rows]
        self.run("DROP FOREIGN TABLE IF EXISTS lake", "CREATE FOREIGN TABLE lake (%s) SERVER lake OPTIONS (location '%s', dropped_columns 'null')"
                 % (", ".join("%s %s OPTIONS (field_id '%d')" % (predicates.quoted(f["name"]), v.sql_type(f["type"]), f["id"]) for f in then), made.dir))
        self.counts["tables by columns of an earlier schema"] += 1
        return self.beside(made, [(f["name"], f["type"]) for f in then], values, " (by an earlier schema)", rng)

    def beside(self, made, columns, values, option, rng):
        """The foreign table beside a heap table of these values."""
        self.run("DROP TABLE IF EXISTS heap", "CREATE UNLOGGED TABLE heap (%s)"
                 % ", ".join("%s %s" % (predicates.quoted(n), v.sql_type(k)) for n, k in columns))
        copy = io.StringIO()
        for r in values:
            texts = [v.sql_text(k, x) for (_, k), x in zip(columns, r)]
            copy.write("\t".join("\\N" if t is None else t.replace("\\", "\\\\") for t in texts) + "\n")
        copy.seek(0)
        self.cursor.copy_expert("COPY heap FROM STDIN", copy)
        self.counts["rows"] += len(values)
        asked = predicates.Predicates([predicates.Column(n, k, [r[i] for r in values], rng) for i, (n, k) in enumerate(columns)], rng)
        threads = rng.choice((1, 1, 1, 3))
        self.run("SET lakehouse.threads = %d" % threads, "SET lakehouse.threads_min_size = 0")
        parallel = rng.random() < 0.25
        self.run(*("SET %s = 0" % p if parallel else "RESET " + p for p in PARALLEL))
        self.counts["states with parallel plans"] += parallel
        return self.ask(asked, made, option, rng)

    # ------------------------------------------------------------ predicates

    def ask(self, asked, made, option, rng):
        failures = []
        where = "TRUE"
        for i in range(self.options.per):
            if i:
                where = asked.condition()
            listed = "SELECT %s FROM %%s WHERE %s" % (asked.projection().replace("%", "%%"), where.replace("%", "%%"))
            rows = ("SELECT count(*), md5(string_agg(t::text, E'\\n' ORDER BY t::text COLLATE \"C\")) FROM (%s OFFSET 0) t" % listed)
            aggregates = ("SELECT count(*), %s FROM %%s WHERE %s" % (", ".join(asked.aggregate() for _ in range(rng.randrange(1, 4))).replace("%", "%%"),
                                                                   where.replace("%", "%%")))
            self.asked += 1
            for query in (rows, aggregates) if i % 2 else (rows,):
                heap = self.answer(query % "heap")
                answers = [("pushdown, time %d" % n, self.answer(query % "lake")) for n in (1, 2, 3)]
                self.run("SET lakehouse.pushdown = off")
                answers.append(("no pushdown", self.answer(query % "lake")))
                self.run("RESET lakehouse.pushdown")
                if query is rows and not heap.startswith("(0,"):
                    self.selected += 1
                for how, answer in answers:
                    if answer != heap:
                        failures.append("seed %s table %d%s, %s, %s\n  query: %s\n  heap:  %s\n  lake:  %s%s"
                                        % (self.options.seed, self.number, option, made.dir, how, query % "lake", heap, answer,
                                           self.difference(listed) if query is rows else ""))
            if i % 8 == 0:
                self.count(rows % "lake")
            if len(failures) >= 4:
                break
        return failures

    def difference(self, listed):
        """Rows that only one of the two has."""
        both = [listed % name for name in ("heap", "lake")]
        out = ""
        for how, (one, other) in (("missing", both), ("too much", reversed(both))):
            try:
                self.cursor.execute("SELECT t::text FROM (%s) t EXCEPT ALL SELECT t::text FROM (%s) t LIMIT 3" % (one, other))
                out += "".join("\n  %s: %s" % (how, r[0]) for r in self.cursor.fetchall())
            except psycopg2.Error as e:
                out += "\n  " + str(e).strip()
        return out

    def count(self, query):
        """Adds what EXPLAIN counted."""
        try:
            self.cursor.execute("EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) " + query)
        except psycopg2.Error:
            return
        plans = [self.cursor.fetchone()[0][0]["Plan"]]
        while plans:
            plan = plans.pop()
            plans += plan.get("Plans", ())
            for name, value in plan.items():
                if isinstance(value, (int, float)) and name[:1].isupper():
                    self.counters[name] += value

    # ------------------------------------------------------------ the run

    def all(self):
        started, failed, passed = time.time(), 0, 0
        self.work = tempfile.mkdtemp(prefix="lakehouse-iceberg-")
        os.chmod(self.work, 0o755)
        numbers = range(10**9) if self.options.table is None else [self.options.table]
        for self.number in numbers:
            if self.asked >= self.options.predicates:
                break
            try:
                failures = self.table(self.number)
            except KeyboardInterrupt:
                print("stopped by hand in table %d" % self.number)
                break
            except Exception:
                failures = ["seed %s table %d, %s: %s" % (self.options.seed, self.number, self.work, traceback.format_exc())]
                if self.base.closed:
                    self.connect()
            passed, failed = passed + (not failures), failed + bool(failures)
            if self.options.predicates > 20000 and self.number % 100 == 99:
                print("%d predicates, %d tables, %d failed, %.0f s" % (self.asked, self.number + 1, failed, time.time() - started), flush=True)
            for f in failures[:4]:
                print("FAILED " + f, flush=True)
            if failed >= self.options.failures:
                print("stopped after %d failures" % failed)
                break
        print("made: " + ", ".join("%d %s" % (n, k) for k, n in sorted(self.counts.items())))
        print("counters of one in eight: " + ", ".join("%s %d" % kn for kn in sorted(self.counters.items()) if "Pruned" in kn[0] or "Delet" in kn[0] or kn[0] in ("Files", "Column Cache Hits")))
        missing = [name for name in EXPECTED if not self.counters[name]]
        if self.options.table is None and self.options.predicates >= 1000:
            for name in missing:
                print("FAILED never counted: " + name)
                failed += 1
            if not self.asked / 10 < self.selected < self.asked:
                print("FAILED %d of %d predicates select rows" % (self.selected, self.asked))
                failed += 1
        if not failed and not self.options.keep:
            shutil.rmtree(self.work)
        print("%d predicates, %d of them select rows, seed %s, %.0f s" % (self.asked, self.selected, self.options.seed, time.time() - started))
        print("%d passed, %d failed, 0 skipped" % (passed, failed))
        return failed


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--predicates", type=int, default=5000)
    parser.add_argument("--seed", default="1")
    parser.add_argument("--table", type=int)
    parser.add_argument("--per", type=int, default=30)
    parser.add_argument("--failures", type=int, default=10)
    parser.add_argument("--keep", action="store_true")
    sys.exit(1 if Differential(parser.parse_args()).all() else 0)


if __name__ == "__main__":
    main()
