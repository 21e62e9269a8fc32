#!/usr/bin/env python3
"""iceberg.py
		Iceberg tables of other programs, read through SQL while they are made.

usage: iceberg.py [--quick] [--keep] [pyiceberg | spark]...

The server is the one of PGHOST, PGPORT, PGUSER and PGDATABASE; it must be able to read files of
this machine, and the role must be a superuser.  The catalog's tables (iceberg_tables,
iceberg_namespace_properties) lie in its database, where the writer makes them.

	1. pyiceberg	makes tables by its SQL catalog and commits to them in many ways; at each
				snapshot, ref and moment our rows must be those of PyIceberg (and, without
				--quick, of DuckDB, where it reads the table at all): by the metadata file, by the
				catalog in this database, and by IMPORT FOREIGN SCHEMA of a namespace;
	2. spark	(by name only) the same with Spark's JDBC catalog, merge-on-read and format 3.

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

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
for part in ("golden", "golden/iceberg", "golden/make", "fixtures/make"):
    sys.path.insert(0, os.path.join(TOP, "test", part))

import psycopg2                                         # noqa: E402

import iceberg_expect as expect                         # noqa: E402
import normal                                           # noqa: E402
import psql                                             # noqa: E402
from psql import Failed, literal                        # noqa: E402

CATALOG = "lake"
SERVER = ["CREATE SERVER interop_files FOREIGN DATA WRAPPER lakehouse",
          "CREATE SERVER interop_catalog FOREIGN DATA WRAPPER lakehouse OPTIONS (catalog 'jdbc',"
          " catalog_schema 'public', catalog_name '%s')" % CATALOG]
COLUMNS = ("SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = '%s'::regclass"
           " AND attnum > 0 AND NOT attisdropped ORDER BY attnum")


class Counts:
    def __init__(self):
        self.passed = self.failed = self.skipped = 0

    def check(self, what, function):
        try:
            why = function()
        except (Failed, psycopg2.Error, ValueError) as e:
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


# ---------------------------------------------------------------- PyIceberg

def uri():
    return "postgresql+psycopg2:///%s?host=%s&port=%s&user=%s" % (
        os.environ["PGDATABASE"], os.environ["PGHOST"], os.environ.get("PGPORT", "5432"), os.environ.get("PGUSER", "postgres"))


class PyIceberg:
    def __init__(self, folder, counts, quick):
        from pyiceberg.catalog.sql import SqlCatalog
        self.counts, self.quick = counts, quick
        self.catalog = SqlCatalog(CATALOG, uri=uri(), warehouse="file://" + folder)
        self.catalog.create_namespace("py")
        self.duckdb = None if quick else expect.duckdb_connection()

    def schema(self, table, point):
        if "snapshot_id" in point:
            found = table.snapshot_by_id(int(point["snapshot_id"])).schema_id
            return json.loads(table.schemas()[found].model_dump_json())
        return json.loads(table.schema().model_dump_json())

    def wanted(self, table, point):
        schema = self.schema(table, point)
        scan = table.scan(snapshot_id=int(point["snapshot_id"])) if "snapshot_id" in point else table.scan()
        if "ref" in point:
            scan = scan.use_ref(point["ref"])
        return schema, expect.arrow_lines(schema, scan.to_arrow())

    def points(self, table):
        yield {}
        for s in table.snapshots():
            yield {"snapshot_id": str(s.snapshot_id)}
        for name, ref in table.refs().items():
            if ref.snapshot_ref_type == "branch":
                yield {"ref": name}

    def by_location(self, name, table):
        readable(table.location())
        path = table.metadata_location.replace("file://", "")
        for point in self.points(table):
            what = "pyiceberg %s %s" % (name, point or "now")
            schema, wanted = self.wanted(table, point)

            def check():
                make_table("t", "interop_files", location=path, format="iceberg", **point)
                return differ(schema, wanted, ours("t"))
            self.counts.check(what, check)
            if self.duckdb and "ref" not in point:
                said = expect.attempt(lambda: expect.by_duckdb(self.duckdb, path, {"point": point, "schema": schema},
                                                              moved=False))
                if "rows" in said:
                    self.counts.check(what + ", DuckDB", lambda: None if said["rows"] == wanted else
                                      "DuckDB has %d rows, PyIceberg %d, or other values" % (len(said["rows"]), len(wanted)))
                else:
                    self.counts.skipped += 1
                    print("skipped %s, DuckDB: %s" % (what, said["error"][:120]))

    def by_catalog(self, name, table, relation):
        schema, wanted = self.wanted(table, {})
        self.counts.check("pyiceberg %s by the catalog" % name, lambda: differ(schema, wanted, ours(relation)))

    def run(self):
        import pyarrow as pa
        fixtures_of = fixtures_script()
        rows = fixtures_of.py_values(0, 30)
        table = self.catalog.create_table("py.followed", rows.schema)
        readable(table.location())
        self.counts.check("a foreign table on the catalog, before the first commit", lambda: make_table(
            "followed", "interop_catalog", namespace="py", table_name="followed"))
        commits = [lambda: table.append(rows), lambda: table.delete("id < 5"), lambda: table.append(fixtures_of.py_values(40, 45)),
                   lambda: table.overwrite(fixtures_of.py_values(50, 52), "id >= 40")]
        for k, commit in enumerate(commits):
            commit()
            readable(table.location())
            self.by_catalog("followed, commit %d" % (k + 1), table, "followed")
        self.counts.check("a cursor keeps its snapshot while PyIceberg commits", lambda: self.cursor(table, rows))
        self.by_location("followed", table)
        evolved = self.evolve(pa)
        self.by_location("evolved", evolved)
        self.imported(evolved)

    def cursor(self, table, rows):
        con = psycopg2.connect("")
        cur = con.cursor()
        cur.execute("SELECT count(*) FROM interop.followed")
        before = cur.fetchone()[0]
        cur.execute("DECLARE c CURSOR FOR SELECT id FROM interop.followed")
        cur.execute("FETCH 1 FROM c")
        table.append(rows)
        readable(table.location())
        cur.execute("FETCH ALL FROM c")
        kept = 1 + len(cur.fetchall())
        cur.execute("SELECT count(*) FROM interop.followed")
        after = cur.fetchone()[0]
        con.rollback()
        con.close()
        if kept != before or after != before + rows.num_rows:
            return "%d rows before, %d by the cursor, %d after a commit of %d" % (before, kept, after, rows.num_rows)
        return None

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
        t.manage_snapshots().create_branch(t.current_snapshot().snapshot_id, "side").commit()
        t.append(pa.table({"id": pa.array([1], pa.int64()), "kind": ["side"], "late": ["side"]}), branch="side")
        t.delete("kind = 'a'")
        return t

    def imported(self, table):
        psql.run(["DROP SCHEMA IF EXISTS interop_imported CASCADE", "CREATE SCHEMA interop_imported"])
        self.counts.check("IMPORT FOREIGN SCHEMA of a namespace", lambda: psql.run(
            ["IMPORT FOREIGN SCHEMA py FROM SERVER interop_catalog INTO interop_imported"]) and None)
        schema, wanted = self.wanted(table, {})
        self.counts.check("an imported table", lambda: differ(schema, wanted, ours("interop_imported.evolved")))


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

def spark_side(folder):
    """Run by LH_PYTHON_SPARK: commits, and prints what Spark reads after each as JSON lines."""
    import iceberg_session
    uri_of = "jdbc:postgresql://127.0.0.1:%s/%s" % (os.environ.get("PGPORT", "5432"), os.environ["PGDATABASE"])
    spark = iceberg_session.session(folder, {
        "spark.sql.catalog.pg": "org.apache.iceberg.spark.SparkCatalog",
        "spark.sql.catalog.pg.catalog-impl": "org.apache.iceberg.jdbc.JdbcCatalog",
        "spark.sql.catalog.pg.uri": uri_of, "spark.sql.catalog.pg.jdbc.user": os.environ.get("PGUSER", "postgres"),
        "spark.sql.catalog.pg.warehouse": folder, "spark.sql.catalog.pg.cache-enabled": "false",
        "spark.sql.catalog.pg.jdbc.schema-version": "V1", "spark.sql.defaultCatalog": "pg",
    }, [iceberg_session.jar("org.postgresql:postgresql:42.7.14")])
    mor = ", ".join("'write.%s.mode'='merge-on-read'" % m for m in ("delete", "update", "merge"))
    name = "pg.sp.live"
    statements = ["CREATE NAMESPACE IF NOT EXISTS pg.sp",
                  "CREATE TABLE %s (id bigint, s string, d decimal(12,2)) USING iceberg PARTITIONED BY (bucket(3, id))"
                  " TBLPROPERTIES ('format-version'='2', %s)" % (name, mor),
                  "INSERT INTO %s SELECT id, concat('s', id), id / 4 FROM range(0, 100)" % name, "DELETE FROM %s WHERE id %% 7 = 3" % name,
                  "UPDATE %s SET s = 'changed' WHERE id < 10" % name, "ALTER TABLE %s ADD COLUMN late int AFTER id" % name,
                  "ALTER TABLE %s REPLACE PARTITION FIELD bucket(3, id) WITH truncate(20, id)" % name,
                  "INSERT INTO %s SELECT id, cast(id AS int), 'late', 1 FROM range(100, 130)" % name,
                  "ALTER TABLE %s SET TBLPROPERTIES ('format-version'='3')" % name, "DELETE FROM %s WHERE id BETWEEN 50 AND 105" % name,
                  "CALL pg.system.rewrite_data_files(table => 'sp.live', options => map('rewrite-all', 'true'))",
                  "MERGE INTO %s t USING (SELECT id FROM range(120, 140)) s ON t.id = s.id WHEN MATCHED THEN DELETE"
                  " WHEN NOT MATCHED THEN INSERT (id, late, s, d) VALUES (s.id, null, 'merged', null)" % name]
    for statement in statements:
        spark.sql(statement)
        if "TABLE" not in statement.upper()[:13] and "CREATE" not in statement:
            table = iceberg_session.java_table(spark, name)
            schema = json.loads(iceberg_session.jvm(spark).org.apache.iceberg.SchemaParser.toJson(table.schema()))
            rows = expect.arrow_lines(schema, iceberg_session.arrow(spark.sql("SELECT * FROM " + name)))
            print("LIVE " + json.dumps({"statement": statement[:60], "schema": schema, "rows": rows,
                                        "snapshot": str(table.currentSnapshot().snapshotId()),
                                        "metadata": table.operations().current().metadataFileLocation()}), flush=True)


def spark(folder, counts):
    done = subprocess.Popen([os.environ.get("LH_PYTHON_SPARK", "python3"), os.path.abspath(__file__), "--spark-side", folder],
                            stdout=subprocess.PIPE, text=True)
    seen = 0
    for line in done.stdout:
        if not line.startswith("LIVE "):
            continue
        seen += 1
        said = json.loads(line[5:])
        path = said["metadata"].replace("file://", "").replace("file:", "")
        readable(folder)

        def check():
            # Spark goes on meanwhile: the snapshot by id, through the metadata file of that moment
            make_table("t", "interop_files", location=path, format="iceberg", snapshot_id=said["snapshot"])
            make_table("t_now", "interop_files", location=path, format="iceberg")
            return differ(said["schema"], said["rows"], ours("t_now"))
        counts.check("spark after " + said["statement"], check)
    if done.wait() != 0 or not seen:
        counts.failed += 1
        print("FAILED spark: its side ended with status %s after %d commits" % (done.returncode, seen))
        return

    def check_catalog():
        make_table("live", "interop_pg", namespace="sp", table_name="live")
        return differ(said["schema"], said["rows"], ours("live"))
    counts.check("spark's table by the catalog", check_catalog)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--quick", action="store_true")
    p.add_argument("--keep", action="store_true")
    p.add_argument("--spark-side", help=argparse.SUPPRESS)
    p.add_argument("writers", nargs="*", metavar="WRITER", default=["pyiceberg"])
    a = p.parse_args()
    if a.spark_side:
        spark_side(a.spark_side)
        return
    folder = tempfile.mkdtemp(prefix="lakehouse_iceberg_")
    os.chmod(folder, 0o755)
    psql.run(["CREATE EXTENSION IF NOT EXISTS lakehouse", "DROP SCHEMA IF EXISTS interop CASCADE", "CREATE SCHEMA interop",
              "DROP SERVER IF EXISTS interop_files CASCADE", "DROP SERVER IF EXISTS interop_catalog CASCADE"])
    counts = Counts()
    psql.run(["DROP SERVER IF EXISTS interop_pg CASCADE"])
    for statement in SERVER + [SERVER[1].replace("interop_catalog", "interop_pg").replace("'%s'" % CATALOG, "'pg'")]:
        counts.check(statement, lambda: psql.run([statement]) and None)
    for writer in a.writers:
        if writer == "pyiceberg":
            PyIceberg(folder, counts, a.quick).run()
        elif writer == "spark":
            spark(folder, counts)
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
