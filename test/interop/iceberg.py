#!/usr/bin/env python3
"""iceberg.py
		Iceberg tables of other programs, read through SQL while they are made.

usage: iceberg.py [--quick] [--only TEXT] [--keep] [pyiceberg | spark]...

The server is the one of PGHOST, PGPORT, PGUSER and PGDATABASE; it must be able to read files of
this machine, and the role must be a superuser.  The catalog's tables (iceberg_tables,
iceberg_namespace_properties) lie in its database, where the writer makes them.

	1. pyiceberg	makes tables by its SQL catalog and commits to them in many ways; at each
				snapshot, ref and moment our rows must be those of PyIceberg (and PyIceberg's those
				of DuckDB, where it reads the table at all): by the metadata file, by the
				catalog in this database, and by IMPORT FOREIGN SCHEMA of a namespace; so must the metadata tables
				(iceberg_inspect.py);
	2. spark	(by name only) iceberg_spark.py: Spark runs the writers of test/fixtures/make/iceberg.py
				(formats 1 to 3, all file formats, deletes, evolution, branches, rewrites) in the same
				catalog: each point as Spark reads it, or, where it cannot, the Java library or PyIceberg;
				then tables to which Spark and PyIceberg commit in turn, renamed and dropped tables,
				and IMPORT FOREIGN SCHEMA of every namespace.

A foreign table on the catalog is made before the first commit and must follow every commit; after
a commit that PyIceberg makes, the next statement sees it, one that had begun before does not.

The last line is 'N passed, N failed, N skipped'.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
for part in ("golden", "golden/iceberg", "golden/make", "fixtures/make"):
    sys.path.insert(0, os.path.join(TOP, "test", part))

import psycopg2                                         # noqa: E402

import iceberg_expect as expect                         # noqa: E402
import iceberg_inspect as inspect                       # noqa: E402
import normal                                           # noqa: E402
import psql                                             # noqa: E402
from psql import Failed, literal                        # noqa: E402

CATALOG = "lake"
SERVER = ["CREATE SERVER interop_files FOREIGN DATA WRAPPER lakehouse",
          "CREATE SERVER interop_catalog FOREIGN DATA WRAPPER lakehouse OPTIONS (catalog 'jdbc',"
          " catalog_schema 'public', catalog_name '%s')" % CATALOG]
REMOTE = ("CREATE SERVER interop_remote FOREIGN DATA WRAPPER lakehouse OPTIONS (catalog 'jdbc', catalog_name '%s',"
          " host '%s', port '%s', dbname '%s')", "CREATE USER MAPPING FOR CURRENT_USER SERVER interop_remote OPTIONS (user '%s')")
COLUMNS = ("SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = '%s'::regclass"
           " AND attnum > 0 AND NOT attisdropped ORDER BY attnum")


class Counts:
    def __init__(self):
        self.passed = self.failed = self.skipped = 0

    def check(self, what, function):
        try:
            why = function()
        except Exception as e:                          # whatever a foreign engine raises
            why = str(e).strip()
        if why:
            self.failed += 1
            print("FAILED %s: %s" % (what, why), flush=True)
        else:
            self.passed += 1


def ours(relation, where=""):
    """(columns, sorted normal rows) of a relation."""
    columns, rows = psql.run(["SET search_path = interop, public"], [COLUMNS % relation, "SELECT * FROM %s %s" % (relation, where)])
    kinds = [c[1] for c in columns]
    return columns, sorted(normal.row(r, kinds) for r in rows)


def make_table(relation, server, **options):
    chosen = ", ".join("%s %s" % (k, literal(str(v))) for k, v in options.items())
    psql.run(["SET search_path = interop, public", "DROP FOREIGN TABLE IF EXISTS " + relation,
              "CREATE FOREIGN TABLE %s () SERVER %s OPTIONS (%s)" % (relation, server, chosen)])


def differ(schema, wanted, got):
    columns, rows = got
    right = [[f["name"], normal.pg_type(f["type"])] for f in schema["fields"]]
    if columns != right:
        return "columns %s, expected %s" % (columns, right)
    if rows != wanted:
        missing = [r for r in wanted if r not in set(rows)][:1]
        extra = [r for r in rows if r not in set(wanted)][:1]
        return "%d rows, expected %d; lacks %s; has %s" % (len(rows), len(wanted), missing, extra)
    return None


def conditions(relation):
    """Do conditions find, with the writer's statistics and partitions, the rows that they find in all rows?"""
    columns, rows = ours(relation)
    rows = [json.loads(r) for r in rows]
    asked = []
    for i, (name, kind) in enumerate(columns):
        if kind == "jsonb" or kind.endswith("[]"):
            continue
        column = psql.identifier(name)
        values = sorted({r[i] for r in rows if r[i] is not None})
        for v in {values[k * (len(values) - 1) // 2] for k in range(3)} if values else ():
            asked += ["%s %s %s::%s" % (column, op, literal(v), kind) for op in ("=", "<", ">=", "<>")]
        asked += [column + " IS NULL", column + " IS NOT NULL"]
    counts = "SELECT (SELECT count(*) FROM %s WHERE %s), (SELECT count(*) FROM (SELECT * FROM %s OFFSET 0) s WHERE %s)"
    found = psql.run(["SET search_path = interop, public"], [counts % (relation, c, relation, c) for c in asked])
    wrong = ["%s finds %s rows of %s" % (c, *r[0]) for c, r in zip(asked, found) if r[0][0] != r[0][1]]
    return "; ".join(wrong[:3]) or None


# ---------------------------------------------------------------- PyIceberg

def uri():
    return "postgresql+psycopg2:///%s?host=%s&port=%s&user=%s" % (
        os.environ["PGDATABASE"], os.environ["PGHOST"], os.environ.get("PGPORT", "5432"), os.environ.get("PGUSER", "postgres"))


class PyIceberg:
    CATALOGS = ("interop_catalog", "interop_remote")    # the one in this database, and the same by a connection

    def __init__(self, folder, counts):
        from pyiceberg.catalog.sql import SqlCatalog
        self.counts = counts
        self.catalog = SqlCatalog(CATALOG, uri=uri(), warehouse="file://" + folder)
        self.catalog.create_namespace("py")
        self.duckdb = expect.duckdb_connection()

    def wanted(self, table, point):
        """(schema, sorted normal rows) of PyIceberg."""
        if not point:
            schema, scan = table.schema(), table.scan()
        elif "ref" in point:
            ref = table.refs()[point["ref"]]
            schema = table.schema() if ref.snapshot_ref_type == "branch" else self.schema_of(table, ref.snapshot_id)
            scan = table.scan().use_ref(point["ref"])
        else:
            snapshot = int(point["snapshot_id"]) if "snapshot_id" in point else self.as_of(table, point["snapshot_time"])
            schema, scan = self.schema_of(table, snapshot), table.scan(snapshot_id=snapshot)
        schema = json.loads(schema.model_dump_json())
        return schema, expect.arrow_lines(schema, scan.to_arrow())

    @staticmethod
    def schema_of(table, snapshot):
        return table.schemas()[table.snapshot_by_id(snapshot).schema_id]

    @staticmethod
    def as_of(table, stamp):
        """PyIceberg's own choice at a moment of the log."""
        ms = next(e.timestamp_ms for e in table.history() if expect.stamp(e.timestamp_ms) == stamp)
        return table.snapshot_as_of_timestamp(ms).snapshot_id

    def points(self, table):
        yield {}
        for s in table.snapshots():
            yield {"snapshot_id": str(s.snapshot_id)}
        for name in table.refs():
            yield {"ref": name}
        for entry in table.history():
            yield {"snapshot_time": expect.stamp(entry.timestamp_ms)}

    def by_location(self, name, table):
        readable(table.location())
        path = table.metadata_location.replace("file://", "")
        self.counts.check("metadata tables of pyiceberg %s" % name, lambda: inspect.differ(table, path))
        for point in self.points(table):
            what = "pyiceberg %s %s" % (name, point or "now")
            schema, wanted = self.wanted(table, point)

            def check():
                make_table("t", "interop_files", location=path, format="iceberg", **point)
                return differ(schema, wanted, ours("t"))
            self.counts.check(what, check)
            if not point:
                self.counts.check("conditions, " + what, lambda: conditions("t"))
            if not set(point) - {"snapshot_id"}:
                said = expect.attempt(lambda: expect.by_duckdb(self.duckdb, path, {"point": point, "schema": schema},
                                                              moved=False))
                if "rows" in said:
                    self.counts.check(what + ", DuckDB", lambda: None if said["rows"] == wanted else
                                      "DuckDB has %d rows, PyIceberg %d, or other values" % (len(said["rows"]), len(wanted)))
                else:
                    self.counts.skipped += 1
                    print("skipped %s, DuckDB: %s" % (what, said["error"][:120]))

    def by_catalog(self, name, table):
        schema, wanted = self.wanted(table, {})
        for server in self.CATALOGS:
            self.counts.check("pyiceberg %s by %s" % (name, server), lambda: differ(schema, wanted, ours("followed_" + server)))

    def run(self):
        import pyarrow as pa
        fixtures_of = fixtures_script()
        rows = fixtures_of.py_values(0, 30)
        table = self.catalog.create_table("py.followed", rows.schema)
        readable(table.location())
        for server in self.CATALOGS:
            self.counts.check("a foreign table on %s, before the first commit" % server, lambda: make_table(
                "followed_" + server, server, namespace="py", table_name="followed"))
        commits = [lambda: table.append(rows), lambda: table.delete("id < 5"), lambda: table.append(fixtures_of.py_values(40, 45)),
                   lambda: table.overwrite(fixtures_of.py_values(50, 52), "id >= 40")]
        for k, commit in enumerate(commits):
            commit()
            readable(table.location())
            self.by_catalog("followed, commit %d" % (k + 1), table)
        self.counts.check("a cursor keeps its snapshot while PyIceberg commits", lambda: self.cursor(table, rows))
        self.by_location("followed", table)
        self.counts.check("reads while PyIceberg commits", lambda: self.storm(table, rows))
        evolved = self.evolve(pa)
        self.by_location("evolved", evolved)
        self.imported(evolved)

    def cursor(self, table, rows):
        con = psycopg2.connect("")
        cur = con.cursor()
        cur.execute("SELECT count(*) FROM interop.followed_interop_catalog")
        before = cur.fetchone()[0]
        cur.execute("DECLARE c CURSOR FOR SELECT id FROM interop.followed_interop_catalog")
        cur.execute("FETCH 1 FROM c")
        table.append(rows)
        readable(table.location())
        cur.execute("FETCH ALL FROM c")
        kept = 1 + len(cur.fetchall())
        cur.execute("SELECT count(*) FROM interop.followed_interop_catalog")
        after = cur.fetchone()[0]
        con.rollback()
        con.close()
        if kept != before or after != before + rows.num_rows:
            return "%d rows before, %d by the cursor, %d after a commit of %d" % (before, kept, after, rows.num_rows)
        return None

    def storm(self, table, rows):
        """Reads beside a writer: whole commits only, never fewer than before; one state in REPEATABLE READ."""
        base = len(table.scan().to_arrow())
        commits, broken = 12, []

        def write():
            try:
                for _ in range(commits):
                    table.append(rows)
            except Exception as e:                      # the thread's failure is the test's
                broken.append(str(e))
        writer = threading.Thread(target=write)
        con, fixed = psycopg2.connect(""), psycopg2.connect("")
        con.autocommit = True
        fixed.set_session(isolation_level="REPEATABLE READ")
        cur, still = con.cursor(), fixed.cursor()
        query = "SELECT count(*), (SELECT count(*) FROM interop.followed_interop_catalog) FROM interop.followed_interop_catalog"
        still.execute(query)
        first, seen = still.fetchone(), [base]
        writer.start()
        while True:
            last = not writer.is_alive()
            cur.execute(query)
            one, two = cur.fetchone()
            still.execute(query)
            kept = still.fetchone()
            if one != two or one < seen[-1] or (one - base) % rows.num_rows or kept != first:
                writer.join()
                return "%d and %d rows after %d, %s in REPEATABLE READ, which began with %s" % (one, two, seen[-1], kept, first)
            seen.append(one)
            if last:
                break
        con.close()
        fixed.close()
        states = len(set(seen))
        print("storm: %d reads beside %d commits saw %d states" % (len(seen) - 1, commits, states))
        return broken[0] if broken else None if seen[-1] == base + commits * rows.num_rows and states > 2 else \
            "%d states, %d rows at the end, %d before" % (states, seen[-1], base)

    def evolve(self, pa):
        from pyiceberg.transforms import BucketTransform, IdentityTransform
        from pyiceberg.types import LongType, StringType
        first = pa.table({"id": pa.array(range(40), pa.int32()), "k": ["a", "b", None, "c"] * 10})
        t = self.catalog.create_table("py.evolved", first.schema)
        with t.update_spec() as update:
            update.add_field("k", IdentityTransform(), "k_part")
        t.append(first)
        with t.update_schema() as update:
            update.rename_column("k", "kind")
            update.update_column("id", field_type=LongType())
            update.add_column("late", StringType())
        with t.update_spec() as update:
            update.remove_field("k_part")
            update.add_field("id", BucketTransform(4), "id_bucket")
        t.append(pa.table({"id": pa.array([10**12 + i for i in range(6)], pa.int64()), "kind": ["a"] * 6, "late": ["l", None] * 3}))
        t.manage_snapshots().create_tag(t.current_snapshot().snapshot_id, "kept").commit()
        t.manage_snapshots().create_branch(t.current_snapshot().snapshot_id, "side").commit()
        t.append(pa.table({"id": pa.array([1], pa.int64()), "kind": ["side"], "late": ["side"]}), branch="side")
        t.delete("kind = 'a'")
        return t

    def imported(self, table):
        schema, wanted = self.wanted(table, {})
        for server in self.CATALOGS:
            psql.run(["DROP SCHEMA IF EXISTS interop_imported CASCADE", "CREATE SCHEMA interop_imported"])
            self.counts.check("IMPORT FOREIGN SCHEMA from " + server, lambda: psql.run(
                ["IMPORT FOREIGN SCHEMA py FROM SERVER %s INTO interop_imported" % server]) and None)
            self.counts.check("an imported table of " + server, lambda: differ(schema, wanted, ours("interop_imported.evolved")))


def fixtures_script():
    """test/fixtures/make/iceberg.py, which has the same name as this file."""
    import importlib.util
    spec = importlib.util.spec_from_file_location("make_iceberg", os.path.join(TOP, "test", "fixtures", "make", "iceberg.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def readable(location):
    """The server runs as another user."""
    folder = location.replace("file://", "")
    for top, folders, files in os.walk(folder):
        os.chmod(top, 0o755)
        for name in files:
            os.chmod(os.path.join(top, name), 0o644)


# ---------------------------------------------------------------- Spark, in a Python of its own

MERGE_ON_READ = ", ".join("'write.%s.mode'='merge-on-read'" % m for m in ("delete", "update", "merge"))


class Spark:
    """Spark as iceberg_spark.py, asked by lines; every point that it can read, read by us."""

    MARK = "ANSWER "

    def __init__(self, folder, counts):
        from pyiceberg.catalog.sql import SqlCatalog
        self.folder, self.counts = folder, counts
        self.agreed, self.notes = 0, []
        self.read = {"spark": 0, "java": 0, "pyiceberg": 0}
        self.side = subprocess.Popen([os.environ.get("LH_PYTHON_SPARK", "python3"), os.path.join(HERE, "iceberg_spark.py"), folder],
                                     stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.answer()
        self.catalog = SqlCatalog(CATALOG, uri=uri(), warehouse="file://" + folder)

    def answer(self):
        for line in self.side.stdout:
            if line.startswith(self.MARK):
                said = json.loads(line[len(self.MARK):])
                if "error" in said:
                    raise Failed("", "Spark: " + said["error"])
                return said
        raise Failed("", "Spark has ended with status %s" % self.side.wait())

    def ask(self, do, **command):
        print(json.dumps({"do": do, **command}), file=self.side.stdin, flush=True)
        said = self.answer()
        readable(self.folder)
        return said

    def sql(self, *statements):
        self.ask("sql", statements=statements)

    def run(self, only):
        said = self.ask("versions")
        print("spark: Spark %s, Iceberg %s, %s" % (said["spark"], said["iceberg"], said["driver"]), flush=True)
        for name in [n for n in said["scenarios"] if only in n]:
            self.counts.check("spark writes " + name, lambda: self.scenario(name))
        for part in (self.live, self.shared, self.moved, self.imported):
            self.counts.check("spark " + part.__name__, part)
        self.side.stdin.close()
        self.counts.check("spark's end", lambda: self.side.wait() and "status %d" % self.side.returncode)
        print("points compared with Spark: %(spark)d, the Java library: %(java)d, PyIceberg: %(pyiceberg)d" % self.read)
        print("PyIceberg read the newest state as Spark did %d times" % self.agreed)
        for note in self.notes:
            print("note: " + note)

    def scenario(self, name):
        made = self.ask("scenario", name=name)["tables"]
        for namespace, table in made:
            before = self.counts.failed
            points = self.points(namespace, table)
            print("%-28s %-24s %3d points, %d failed" % (name, namespace + "." + table, len(points), self.counts.failed - before),
                  flush=True)
        return None if made else "no table is there"

    def points(self, namespace, table, now=False):
        """Checks each point of a table by the catalog; the points."""
        points, unread = self.ask("points", table=[namespace, table], now=now)["points"], []
        for p in points:
            what = "%s.%s %s" % (namespace, table, p["point"] or "now")
            if "error" in p and p["snapshot"]:
                p.update(expect.attempt(lambda: self.python_rows(namespace, table, p)), by="pyiceberg")
            if "rows" not in p:
                unread.append(p["error"].split("\n")[0][:160])
                continue
            self.read[p["by"]] += 1

            def check():
                make_table("t", "interop_catalog", namespace=namespace, table_name=table, **p["point"])
                return differ(p["schema"], p["rows"], ours("t"))
            self.counts.check(what, check)
            if not p["point"] and not now:
                self.counts.check("conditions, " + what, lambda: conditions("t"))
        if unread:
            self.counts.skipped += len(unread)
            self.notes.append("no reader at hand for %d points of %s.%s: %s" % (len(unread), namespace, table, unread[0]))
        self.by_pyiceberg(namespace, table, points[0])
        return points

    def python_rows(self, namespace, table, point):
        scan = self.catalog.load_table((namespace, table)).scan(snapshot_id=int(point["snapshot"]))
        return expect.arrow_lines(point["schema"], scan.to_arrow())

    def by_pyiceberg(self, namespace, table, now):
        """PyIceberg is no judge here: where it differs from Spark, that is a note."""
        if now["by"] == "pyiceberg":
            return
        said = expect.attempt(lambda: expect.arrow_lines(now["schema"], self.catalog.load_table((namespace, table)).scan().to_arrow()))
        if said.get("rows") == now["rows"]:
            self.agreed += 1
            return
        why = said.get("error")
        if not why:
            only = [r for r in said["rows"] if r not in now["rows"]], [r for r in now["rows"] if r not in said["rows"]]
            why = "%d rows, Spark %d; the first that only it has: %s; that only Spark has: %s" % (
                len(said["rows"]), len(now["rows"]), only[0][:1], only[1][:1])
        note = "PyIceberg, %s.%s: %s" % (namespace, table, why.split("\n")[0][:700])
        if note not in self.notes:
            self.notes.append(note)

    def live(self):
        """One table through all its lives, seen after each commit by a new foreign table and by one that was made first."""
        name = "lake.sp.live"
        self.sql("CREATE TABLE %s (id bigint, s string, d decimal(12,2)) USING iceberg PARTITIONED BY (bucket(3, id))"
                 " TBLPROPERTIES ('format-version'='1')" % name)
        make_table("live", "interop_catalog", namespace="sp", table_name="live")
        mor = "ALTER TABLE %s SET TBLPROPERTIES ('format-version'='%s', %s)"
        for statement in (
                "INSERT INTO %s SELECT id, concat('s', id), id / 4 FROM range(0, 100)" % name, mor % (name, 2, MERGE_ON_READ),
                "DELETE FROM %s WHERE id %% 7 = 3" % name,
                "UPDATE %s SET s = 'changed' WHERE id < 10" % name, "ALTER TABLE %s ADD COLUMN late int AFTER id" % name,
                "ALTER TABLE %s REPLACE PARTITION FIELD bucket(3, id) WITH truncate(20, id)" % name,
                "INSERT INTO %s SELECT id, cast(id AS int), 'late', 1 FROM range(100, 130)" % name,
                "ALTER TABLE %s SET TBLPROPERTIES ('write.format.default'='orc')" % name,
                "INSERT INTO %s SELECT id, null, 'orc', 2 FROM range(130, 140)" % name,
                "ALTER TABLE %s SET TBLPROPERTIES ('write.format.default'='avro', 'format-version'='3')" % name,
                "INSERT INTO %s SELECT id, null, 'avro', 3 FROM range(140, 150)" % name,
                "DELETE FROM %s WHERE id BETWEEN 50 AND 105 OR id IN (133, 144)" % name,
                "ALTER TABLE %s CREATE TAG kept" % name, "ALTER TABLE %s CREATE BRANCH side" % name,
                "INSERT INTO %s.branch_side SELECT id, 1, 'side', 4 FROM range(200, 205)" % name,
                "CALL lake.system.rewrite_data_files(table => 'sp.live', options => map('rewrite-all', 'true'))",
                "ALTER TABLE %s RENAME COLUMN s TO text" % name, "ALTER TABLE %s DROP COLUMN d" % name,
                "MERGE INTO %s t USING (SELECT id FROM range(120, 160)) s ON t.id = s.id WHEN MATCHED THEN DELETE"
                " WHEN NOT MATCHED THEN INSERT (id, late, text) VALUES (s.id, null, 'merged')" % name,
                "CALL lake.system.rewrite_manifests('sp.live')", "INSERT OVERWRITE %s VALUES (7, 7, 'over')" % name):
            self.sql(statement)
            now = self.points("sp", "live", now=True)[0]
            ids = sorted(json.dumps([json.loads(r)[0]]) for r in now["rows"])

            def followed():
                rows = psql.run([], ["SELECT id FROM interop.live"])[0]
                return None if sorted(json.dumps(r) for r in rows) == ids else "%d rows, expected %d" % (len(rows), len(ids))
            self.counts.check("the table made before the first commit, after " + statement[:50], followed)
        self.points("sp", "live")

    def shared(self):
        """Tables to which Spark and PyIceberg commit in turn; Spark, PyIceberg and psql see the same."""
        import pyarrow as pa
        rows = pa.table({"id": pa.array(range(100, 110), pa.int64()), "s": ["py"] * 10})
        self.catalog.create_namespace_if_not_exists("both")
        self.catalog.create_table("both.of_python", rows.schema)
        self.sql("CREATE TABLE lake.both.of_spark (id bigint, s string) USING iceberg PARTITIONED BY (bucket(2, id))"
                 " TBLPROPERTIES ('format-version'='2', %s)" % MERGE_ON_READ)
        for name in ("of_python", "of_spark"):
            make_table("followed_" + name, "interop_catalog", namespace="both", table_name=name)
            spark = "lake.both." + name
            for commit in (lambda: self.sql("INSERT INTO %s SELECT id, 'spark' FROM range(0, 20)" % spark),
                           lambda: self.catalog.load_table("both." + name).append(rows),
                           lambda: self.sql("DELETE FROM %s WHERE id %% 4 = 1" % spark),
                           lambda: self.catalog.load_table("both." + name).delete("id < 3"),
                           lambda: self.sql("UPDATE %s SET s = 'both' WHERE id IN (4, 104)" % spark),
                           lambda: self.catalog.load_table("both." + name).overwrite(rows.slice(0, 2), "id >= 105")):
                commit()
                readable(self.folder)
                agreed = self.agreed
                now = self.points("both", name, now=True)[0]
                self.counts.check("a table followed", lambda: differ(now["schema"], now["rows"], ours("followed_" + name)))
                self.counts.check("Spark and PyIceberg", lambda: None if self.agreed > agreed else "they differ")
            self.points("both", name)

    def moved(self):
        """Renamed, dropped and put back."""
        self.sql("CREATE TABLE lake.sp.first AS SELECT id FROM range(5)")
        make_table("first", "interop_catalog", namespace="sp", table_name="first")
        self.sql("ALTER TABLE lake.sp.first RENAME TO sp.second")
        self.points("sp", "second")
        self.counts.check("a table that was renamed", lambda: self.refused("first", "sp.first"))
        self.sql("DROP TABLE lake.sp.second")
        self.counts.check("a table that was dropped", lambda: self.refused("t", "sp.second"))
        self.sql("CREATE TABLE lake.sp.first AS SELECT id FROM range(7)")
        self.counts.check("a table that came back", lambda: None if psql.run([], ["SELECT count(*) FROM interop.first"])[0] == [["7"]]
                          else "other rows")

    @staticmethod
    def refused(relation, named):
        try:
            psql.run([], ["SELECT * FROM interop." + relation])
        except Failed as e:
            return None if named in e.message and e.code != "XX000" else str(e)
        return "it is read all the same"

    def imported(self):
        """IMPORT FOREIGN SCHEMA of each namespace: the tables that Spark shows, without views, with its rows."""
        self.sql("CREATE VIEW lake.sp.a_view AS SELECT id FROM lake.sp.first")
        for namespace in sorted(n[0] for n in self.catalog.list_namespaces()):
            tables = self.ask("tables", namespace=namespace)["tables"]
            psql.run(["DROP SCHEMA IF EXISTS interop_imported CASCADE", "CREATE SCHEMA interop_imported",
                      "IMPORT FOREIGN SCHEMA %s FROM SERVER interop_catalog INTO interop_imported" % psql.identifier(namespace)])
            found = [r[0] for r in psql.run([], ["SELECT relname FROM pg_class WHERE relnamespace = 'interop_imported'::regnamespace"
                                                 " AND relkind = 'f'"])[0]]
            self.counts.check("tables imported of " + namespace, lambda: None if sorted(found) == sorted(tables)
                              else "%s, expected %s" % (sorted(found), sorted(tables)))
            for table in tables:
                now = self.ask("points", table=[namespace, table], now=True)["points"][0]
                if "rows" in now:
                    self.counts.check("imported %s.%s" % (namespace, table), lambda: differ(
                        now["schema"], now["rows"], ours("interop_imported." + psql.identifier(table))))


def versions():
    import importlib.metadata
    names = ("pyiceberg", "pyarrow", "SQLAlchemy", "duckdb")
    print("by " + ", ".join("%s %s" % (n, importlib.metadata.version(n)) for n in names))
    print("reader: PostgreSQL " + psql.run([], ["SELECT current_setting('server_version')"])[0][0][0], flush=True)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--quick", action="store_true", help="is iceberg_run's, and changes nothing here")
    p.add_argument("--only", default="", help="Spark's writers whose name contains this text")
    p.add_argument("--keep", action="store_true")
    p.add_argument("writers", nargs="*", metavar="WRITER", default=["pyiceberg"])
    a = p.parse_args()
    os.umask(0o022)
    folder = tempfile.mkdtemp(prefix="lakehouse_iceberg_")
    os.chmod(folder, 0o755)
    psql.run(["CREATE EXTENSION IF NOT EXISTS lakehouse", "DROP SCHEMA IF EXISTS interop CASCADE", "CREATE SCHEMA interop",
              "DROP SERVER IF EXISTS interop_files CASCADE", "DROP SERVER IF EXISTS interop_catalog CASCADE"])
    counts = Counts()
    versions()
    psql.run(["DROP SERVER IF EXISTS interop_remote CASCADE"])
    for statement in SERVER + [REMOTE[0] % (CATALOG, os.environ["PGHOST"], os.environ.get("PGPORT", "5432"), os.environ["PGDATABASE"]),
                               REMOTE[1] % os.environ.get("PGUSER", "postgres")]:
        counts.check(statement, lambda: psql.run([statement]) and None)
    for writer in a.writers:
        if writer == "pyiceberg":
            PyIceberg(folder, counts).run()
        elif writer == "spark":
            Spark(folder, counts).run(a.only)
        else:
            p.error("no writer %s; there are pyiceberg, spark" % writer)
    if not (a.keep and counts.failed):
        shutil.rmtree(folder)
    else:
        print("kept: " + folder)
    print("%d passed, %d failed, %d skipped" % (counts.passed, counts.failed, counts.skipped))
    sys.exit(1 if counts.failed or not counts.passed else 0)


if __name__ == "__main__":
    main()
