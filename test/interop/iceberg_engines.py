#!/usr/bin/env python3
"""iceberg_engines.py
		Iceberg tables in an object store, written by Trino and DuckDB, read through SQL.

usage: iceberg_engines.py [--keep] [trino | duckdb | faults]...		(iceberg_engines calls it)

One JDBC catalog in PostgreSQL is shared by all; files lie in s3proxy.

	1. trino	makes tables, fills, changes and evolves them.  After each statement psql has the rows
				that Trino has, by a foreign table made before the first commit where its columns
				stay, and by a new one; at the end each snapshot, as Trino and PyIceberg read it.
				Then tables to which Trino and PyIceberg commit in turn, and Trino reads what
				PyIceberg wrote;
	2. duckdb	writes through the Java library's REST catalog, whose tables are those of the JDBC
				catalog: psql reads them there, PyIceberg is the second reader;
	3. faults	the tables of 1. and 2. once more, by a server that fails: an object of each kind, a
				fault of each kind; the same rows, or an error that names the object.

The last line is 'N passed, N failed, N skipped'.
"""

import argparse
import base64
import datetime
import importlib.util
import json
import os
import re
import shutil
import sys
import tempfile

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
for part in ("golden", "golden/iceberg", "golden/make", "fixtures/make"):
    sys.path.insert(0, os.path.join(TOP, "test", part))

import iceberg_expect as expect                         # noqa: E402
sys.path.insert(0, HERE)
import iceberg_services as services                     # noqa: E402
import psql                                             # noqa: E402
from psql import Failed                                 # noqa: E402

# iceberg.py of this folder: a writer of fixtures has the same name
_spec = importlib.util.spec_from_file_location("interop_iceberg", os.path.join(HERE, "iceberg.py"))
iceberg = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(iceberg)
differ, make_table, ours = iceberg.differ, iceberg.make_table, iceberg.ours

CATALOG, REST_CATALOG = "lake", "rest_backend"
BUCKET = "s3://warehouse"
DAY = datetime.date(1970, 1, 1)


def servers(name, endpoint, catalog):
    return ["CREATE SERVER %s FOREIGN DATA WRAPPER lakehouse OPTIONS (catalog 'jdbc', catalog_schema 'public', catalog_name '%s',"
            " allowed_locations '%s, 127.0.0.1', endpoint '%s', region 'us-east-1')" % (name, catalog, BUCKET, endpoint),
            "CREATE USER MAPPING FOR CURRENT_USER SERVER %s OPTIONS (access_key_id '%s', secret_access_key '%s')"
            % (name, services.KEY, services.SECRET)]


# ---------------------------------------------------------------- what Trino's protocol says, in neutral form

def microseconds(text):
    h, m, s = text.split(":")
    return (int(h) * 60 + int(m)) * 60 * 10**6 + int(s.replace(".", "").ljust(8, "0"))


def java_form(kind, v):
    """Trino's JSON value as Rows.java would print it."""
    if v is None:
        return None
    if isinstance(kind, dict):
        if kind["type"] == "struct":
            return [java_form(f["type"], x) for f, x in zip(kind["fields"], v)]
        if kind["type"] == "list":
            return [java_form(kind["element"], x) for x in v]
        return [(java_form(kind["key"], k), java_form(kind["value"], x)) for k, x in v.items()]
    if kind == "boolean":
        return "true" if v else "false"
    if kind == "date":
        return (datetime.date.fromisoformat(v) - DAY).days
    if kind == "time":
        return microseconds(v)
    if kind.startswith("timestamp"):
        day, clock = v.replace(" UTC", "").split(" ")
        return (datetime.date.fromisoformat(day) - DAY).days * 86400 * 10**6 + microseconds(clock)
    if kind == "binary" or kind.startswith("fixed"):
        return base64.b64decode(v).hex()
    return str(v)


def trino_lines(schema, rows):
    kinds = [f["type"] for f in schema["fields"]]
    return expect.lines(schema, [[expect.java_neutral(k, java_form(k, r[i])) for r in rows] for i, k in enumerate(kinds)]) if rows else []


class Lake:
    """PostgreSQL, the store and PyIceberg's view of a catalog."""

    def __init__(self, counts, s3, folder):
        from pyiceberg.catalog.sql import SqlCatalog
        self.counts, self.s3, self.folder = counts, s3, folder
        store = {"s3.endpoint": s3.url, "s3.access-key-id": services.KEY, "s3.secret-access-key": services.SECRET, "s3.region": "us-east-1"}
        self.catalogs = {c: SqlCatalog(c, uri=iceberg.uri(), warehouse=BUCKET + "/" + c, **store) for c in (CATALOG, REST_CATALOG)}

    def table(self, name, catalog=CATALOG):
        return self.catalogs[catalog].load_table(name)

    def conditions(self, what, table):
        """iceberg.conditions, on the store's own files: a thousand scans."""
        def check():
            iceberg.readable(self.folder)
            make_table("c", "engines_local", location=table.metadata_location.replace("s3://", self.folder + "/"), format="iceberg",
                       rebase_location="auto")
            return iceberg.conditions("c")
        self.counts.check("conditions, " + what, check)

    @staticmethod
    def wanted(table, snapshot=None):
        """(schema, rows) of PyIceberg; it reads no Avro: then None."""
        schema = iceberg.PyIceberg.schema_of(table, snapshot) if snapshot else table.schema()
        scan = table.scan(snapshot_id=snapshot) if snapshot else table.scan()
        schema = json.loads(schema.model_dump_json())
        try:
            return schema, expect.arrow_lines(schema, scan.to_arrow())
        except ValueError as e:
            if "FileFormat.AVRO" in str(e):
                return schema, None
            raise

    def alike(self, what, engine, theirs, by_python):
        """Is another engine's word PyIceberg's?"""
        if by_python is None:
            self.counts.skipped += 1
            print("skipped %s: PyIceberg reads no Avro" % what)
            return
        self.counts.check("%s: %s and PyIceberg" % (what, engine), lambda: None if theirs == by_python else
                          "%s %d rows, PyIceberg %d; %s, %s" % (engine, len(theirs), len(by_python), theirs[:1], by_python[:1]))


# ---------------------------------------------------------------- Trino

TYPES = """CREATE TABLE lake.tr.types WITH (format = 'PARQUET', partitioning = ARRAY['bucket(id, 3)', 'year(ts)'], format_version = 2) AS
SELECT CAST(id AS integer) id, CAST(id AS bigint) * 1000000000000 l, id % 2 = 0 b, CAST(id AS real) / 3 f, CAST(id AS double) / 7 d,
 CAST(id AS decimal(30,6)) / 8 dec, CAST('s' || CAST(id AS varchar) AS varchar) s, date '1969-12-28' + id * interval '1' day day,
 CAST(time '01:02:03.000004' AS time(6)) t,
 CAST(timestamp '1969-12-31 23:00:00.000001' + id * interval '9' day AS timestamp(6)) ts,
 CAST(timestamp '2024-02-28 22:00:00.5 UTC' + id * interval '1' hour AS timestamp(6) with time zone) tz,
 CAST(lpad(to_hex(to_big_endian_64(id)), 16, '0') AS varbinary) bin,
 CAST('00000000-0000-0000-0000-' || lpad(CAST(id AS varchar), 12, '0') AS uuid) u,
 ARRAY[CAST(id AS integer), NULL] li, CAST(ROW(id / 2e0, 'n' || CAST(id AS varchar)) AS ROW(x double, name varchar)) st,
 MAP(ARRAY['k', 'l'], ARRAY[CAST(id AS bigint), NULL]) m
FROM UNNEST(sequence(0, 39)) AS q(id)"""

# one table, and what follows: (statement, do its columns change)
LIFE = [
    ("INSERT INTO lake.tr.live SELECT CAST(id AS bigint), 's' || CAST(id AS varchar), CAST(id AS decimal(12,2)) / 4 FROM UNNEST(sequence(0, 99)) AS q(id)", False),
    ("DELETE FROM lake.tr.live WHERE id % 7 = 3", False),
    ("UPDATE lake.tr.live SET s = 'changed' WHERE id < 10", False),
    ("ALTER TABLE lake.tr.live ADD COLUMN late integer", True),
    ("ALTER TABLE lake.tr.live SET PROPERTIES partitioning = ARRAY['truncate(s, 2)']", False),
    ("INSERT INTO lake.tr.live SELECT CAST(id AS bigint), 'late', DECIMAL '1.00', CAST(id AS integer) FROM UNNEST(sequence(100, 129)) AS q(id)", False),
    ("ALTER TABLE lake.tr.live SET PROPERTIES format = 'ORC'", False),
    ("INSERT INTO lake.tr.live SELECT CAST(id AS bigint), 'orc', DECIMAL '2.00', NULL FROM UNNEST(sequence(130, 139)) AS q(id)", False),
    ("ALTER TABLE lake.tr.live SET PROPERTIES format = 'AVRO'", False),
    ("INSERT INTO lake.tr.live SELECT CAST(id AS bigint), 'avro', NULL, 3 FROM UNNEST(sequence(140, 149)) AS q(id)", False),
    ("ALTER TABLE lake.tr.live SET PROPERTIES format = 'PARQUET'", False),
    ("DELETE FROM lake.tr.live WHERE id BETWEEN 50 AND 105 OR id IN (133, 144)", False),
    ("MERGE INTO lake.tr.live t USING (SELECT CAST(id AS bigint) id FROM UNNEST(sequence(120, 160)) AS q(id)) s ON t.id = s.id"
     " WHEN MATCHED AND s.id % 2 = 0 THEN DELETE WHEN MATCHED THEN UPDATE SET s = 'merged'"
     " WHEN NOT MATCHED THEN INSERT (id, s, d, late) VALUES (s.id, 'new', NULL, NULL)", False),
    ("ALTER TABLE lake.tr.live RENAME COLUMN s TO text", True),
    ("ALTER TABLE lake.tr.live ALTER COLUMN late SET DATA TYPE bigint", True),
    ("ALTER TABLE lake.tr.live DROP COLUMN d", True),
    ("ALTER TABLE lake.tr.live EXECUTE optimize", False),
    ("DELETE FROM lake.tr.live WHERE id = 1", False),
    ("INSERT INTO lake.tr.live VALUES (7, 'last', 7)", False)]


class ByTrino:
    def __init__(self, lake, trino):
        self.lake, self.counts, self.trino = lake, lake.counts, trino

    def sql(self, statement):
        self.trino.query(statement)

    def agree(self, what, name, relation=None, server="engines"):
        """Trino, PyIceberg and psql, now."""
        table = self.lake.table(name)
        schema, by_python = self.lake.wanted(table)
        by_trino = trino_lines(schema, self.trino.query("SELECT * FROM lake.%s" % name))
        self.lake.alike(what, "Trino", by_trino, by_python)
        if not relation:
            namespace, short = name.split(".")
            make_table("t", server, namespace=namespace, table_name=short)
        self.counts.check(what + ": psql", lambda: differ(schema, by_trino, ours(relation or "t")))

    def run(self):
        self.sql("CREATE SCHEMA IF NOT EXISTS lake.tr")
        self.counts.check("Trino makes a table of its types", lambda: self.sql(TYPES))
        self.agree("types", "tr.types")
        self.lake.conditions("Trino's types", self.lake.table("tr.types"))
        self.sql("CREATE TABLE lake.tr.live (id bigint, s varchar, d decimal(12,2)) WITH (partitioning = ARRAY['bucket(id, 4)'])")
        self.follow()
        for statement, evolves in LIFE:
            self.counts.check(statement[:70], lambda: self.sql(statement))
            if evolves:
                self.follow()
            self.agree("after " + statement[:60], "tr.live", "followed")
        self.agree("a new foreign table", "tr.live")
        self.lake.conditions("Trino's live", self.lake.table("tr.live"))
        for name in ("tr.types", "tr.live"):
            self.snapshots(name)
        self.shared()
        self.roll_back()
        self.imported()
        print("Trino: %s" % self.trino.query("SELECT version()")[0][0])

    def follow(self):
        make_table("followed", "engines", namespace="tr", table_name="live")

    def snapshots(self, name):
        """Each snapshot of a table, as Trino and as PyIceberg read it."""
        table, (namespace, short) = self.lake.table(name), name.split(".")
        for s in table.snapshots():
            what, point = "%s at %d" % (name, s.snapshot_id), str(s.snapshot_id)
            schema, by_python = self.lake.wanted(table, s.snapshot_id)
            by_trino = trino_lines(schema, self.trino.query("SELECT * FROM lake.%s FOR VERSION AS OF %s" % (name, point)))
            self.lake.alike(what, "Trino", by_trino, by_python)

            def check():
                make_table("t", "engines", namespace=namespace, table_name=short, snapshot_id=point)
                return differ(schema, by_trino, ours("t"))
            self.counts.check(what + ": psql", check)
        kept = [r[0] for r in self.trino.query('SELECT snapshot_id FROM lake.%s."%s$snapshots"' % (namespace, short))]
        found = psql.run([], ["SELECT snapshot_id FROM lakehouse.iceberg_snapshots('interop.t')"])[0]
        self.counts.check("snapshots of " + name, lambda: None if sorted(str(k) for k in kept) == sorted(r[0] for r in found)
                          else "%d of psql, %d of Trino" % (len(found), len(kept)))

    def shared(self):
        """Trino and PyIceberg commit in turn to each other's tables."""
        import pyarrow as pa
        rows = pa.table({"id": pa.array(range(100, 110), pa.int64()), "s": ["py"] * 10})
        catalog = self.lake.catalogs[CATALOG]
        catalog.create_namespace_if_not_exists("both")
        catalog.create_table("both.of_python", rows.schema)
        self.sql("CREATE TABLE lake.both.of_trino (id bigint, s varchar) WITH (partitioning = ARRAY['bucket(id, 2)'])")
        for name in ("both.of_python", "both.of_trino"):
            short = name.split(".")[1]
            make_table("followed_" + short, "engines", namespace="both", table_name=short)
            steps = {
                "Trino inserts": lambda: self.sql("INSERT INTO lake.%s SELECT CAST(id AS bigint), 'trino' FROM UNNEST(sequence(0, 19)) AS q(id)" % name),
                "PyIceberg appends": lambda: self.lake.table(name).append(rows),
                "Trino deletes": lambda: self.sql("DELETE FROM lake.%s WHERE id %% 4 = 1" % name),
                "PyIceberg deletes": lambda: self.lake.table(name).delete("id < 3"),
                "Trino updates": lambda: self.sql("UPDATE lake.%s SET s = 'both' WHERE id IN (4, 104)" % name),
                "PyIceberg overwrites": lambda: self.lake.table(name).overwrite(rows.slice(0, 2), "id >= 105")}
            for what, step in steps.items():
                self.counts.check("%s, %s" % (name, what), step)
                self.agree("%s after %s" % (name, what), name, "followed_" + short)
            self.snapshots(name)

    def roll_back(self):
        """Back to a snapshot; old ones expire; a table that is dropped and comes back."""
        first = self.lake.table("both.of_trino").history()[0].snapshot_id
        self.sql("ALTER TABLE lake.both.of_trino EXECUTE rollback_to_snapshot(%d)" % first)
        self.agree("rolled back", "both.of_trino", "followed_of_trino")
        self.sql("ALTER TABLE lake.tr.live EXECUTE expire_snapshots(retention_threshold => '0s')")
        self.agree("expired", "tr.live", "followed")
        self.sql("DROP TABLE lake.both.of_python")

        def refused():
            try:
                psql.run([], ["SELECT * FROM interop.followed_of_python"])
            except Failed as e:
                return None if "both.of_python" in e.message and e.code != "XX000" else str(e)
            return "it is read all the same"
        self.counts.check("a table that Trino dropped", refused)
        self.sql("CREATE TABLE lake.both.of_python AS SELECT bigint '5' id, 'again' s")
        self.counts.check("a table that came back", lambda: None if psql.run([], ["SELECT s FROM interop.followed_of_python"])[0]
                          else "no rows")

    def imported(self):
        psql.run(["DROP SCHEMA IF EXISTS interop_imported CASCADE", "CREATE SCHEMA interop_imported",
                  "IMPORT FOREIGN SCHEMA tr FROM SERVER engines INTO interop_imported"])
        found = [r[0] for r in psql.run([], ["SELECT relname FROM pg_class WHERE relnamespace = 'interop_imported'::regnamespace"
                                             " AND relkind = 'f'"])[0]]
        shown = [r[0] for r in self.trino.query("SHOW TABLES FROM lake.tr")]
        self.counts.check("IMPORT FOREIGN SCHEMA shows Trino's tables", lambda: None if sorted(found) == sorted(shown) else "%s, %s" % (found, shown))


# ---------------------------------------------------------------- DuckDB by REST

DUCKDB_LIFE = [
    "INSERT INTO duck.live SELECT i, 's' || i, i / 4 FROM range(0, 100) t(i)",
    "DELETE FROM duck.live WHERE id % 7 = 3",
    "UPDATE duck.live SET s = 'changed' WHERE id < 10",
    "INSERT INTO duck.live SELECT i, NULL, NULL FROM range(100, 130) t(i)",
    "DELETE FROM duck.live WHERE s IS NULL AND id > 120"]
DUCKDB_TYPES = """CREATE TABLE duck.types AS SELECT i::INTEGER id, i * 1000000000000::BIGINT l, i % 2 = 0 b, (i / 3)::FLOAT f, i / 7 d,
 (i / 8)::DECIMAL(30,6) AS "dec", 's' || i s, DATE '1969-12-28' + i::INTEGER AS "day", TIME '01:02:03.000004' t,
 TIMESTAMP '1969-12-31 23:00:00.000001' + INTERVAL (i * 9) DAY ts, TIMESTAMPTZ '2024-02-28 22:00:00.5+00' + INTERVAL (i) HOUR tz,
 ('b' || i)::BLOB bin, ('00000000-0000-0000-0000-' || lpad(i::VARCHAR, 12, '0'))::UUID u, [i::INTEGER, NULL] li,
 {'x': i / 2, 'name': 'n' || i} st FROM range(0, 40) q(i)"""


class ByDuckDB:
    def __init__(self, lake, rest):
        self.lake, self.counts = lake, lake.counts
        self.con = expect.duckdb_connection()
        host = lake.s3.url.replace("http://", "")
        self.con.execute("CREATE SECRET (TYPE s3, KEY_ID '%s', SECRET '%s', REGION 'us-east-1', ENDPOINT '%s', USE_SSL false, URL_STYLE 'path')"
                         % (services.KEY, services.SECRET, host))
        self.con.execute("ATTACH 'warehouse' AS lake (TYPE iceberg, ENDPOINT '%s', AUTHORIZATION_TYPE 'none', ACCESS_DELEGATION_MODE 'none')"
                         % rest.url)
        self.con.execute("CREATE SCHEMA IF NOT EXISTS lake.duck")
        self.con.execute("USE lake.duck")

    def statement(self, sql):
        def run():
            self.con.execute(sql)
        before = self.counts.failed
        self.counts.check("DuckDB: " + sql[:60], run)
        return self.counts.failed == before

    def agree(self, what, name, relation):
        table = self.lake.table("duck." + name, REST_CATALOG)
        schema, by_python = self.lake.wanted(table)
        by_duckdb = expect.arrow_lines(schema, self.con.execute("SELECT * FROM duck." + name).to_arrow_table())
        self.lake.alike(what, "DuckDB", by_duckdb, by_python)
        self.counts.check(what + ": psql", lambda: differ(schema, by_duckdb, ours(relation)))

    def run(self):
        print("DuckDB: %s" % self.con.execute("SELECT version()").fetchone()[0])
        if self.statement(DUCKDB_TYPES):
            make_table("t", "engines_rest", namespace="duck", table_name="types")
            self.agree("types", "types", "t")
            self.lake.conditions("DuckDB's types", self.lake.table("duck.types", REST_CATALOG))
        self.statement("CREATE TABLE duck.live (id BIGINT, s VARCHAR, d DECIMAL(12,2))")
        make_table("duckdb_followed", "engines_rest", namespace="duck", table_name="live")
        for sql in DUCKDB_LIFE:
            if self.statement(sql):
                self.agree("after " + sql[:60], "live", "duckdb_followed")
        table = self.lake.table("duck.live", REST_CATALOG)
        for s in table.snapshots():
            schema, wanted = self.lake.wanted(table, s.snapshot_id)

            def check():
                make_table("t", "engines_rest", namespace="duck", table_name="live", snapshot_id=str(s.snapshot_id))
                return differ(schema, wanted, ours("t"))
            self.counts.check("duck.live at %d" % s.snapshot_id, check)


# ---------------------------------------------------------------- faults

KINDS = {"metadata": r"\.metadata\.json", "list": r"/snap-[^/]*\.avro", "manifest": r"-m\d+\.avro", "delete": r"delete[^/]*\.(parquet|orc|avro|puffin)|\.puffin",
         "data": r"/data/"}
PASSING = {"503": dict(kind="status", status=503, times=2), "reset": dict(kind="reset", times=1), "reset in the body": dict(kind="reset", arg=50, times=2),
           "slow": dict(kind="slow", arg=1), "cut short": dict(kind="truncate", arg=700)}
FAILING = {"503 for ever": dict(kind="status", status=503, arg=100), "gone": dict(kind="status", status=404), "another ETag": dict(kind="etag", arg='"x"'),
           "another body": dict(kind="body", arg="no such file")}


class Faults:
    def __init__(self, lake, folder):
        self.counts = lake.counts
        self.stub = services.Faulty(os.path.join(TOP, "build", "unit", "stub_server"), folder)
        for name, catalog in (("faulty", CATALOG), ("faulty_rest", REST_CATALOG)):
            psql.run(["DROP SERVER IF EXISTS %s CASCADE" % name] + servers(name, self.stub.url, catalog))

    def run(self, tables):
        rows = errors = 0
        for server, namespace, name, good in tables:
            make_table("f", server, namespace=namespace, table_name=name)
            right = ours(good)
            self.stub.tell("reset")
            self.counts.check("%s.%s by another server" % (namespace, name), lambda: None if ours("f") == right else "other rows")
            paths = list(dict.fromkeys(r.split()[1] for r in self.stub.requests() if r.startswith("GET ")))
            for kind, pattern in KINDS.items():
                found = [p for p in paths if re.search(pattern, p) and not (kind == "data" and re.search(KINDS["delete"], p))]
                if not found:
                    print("note: %s.%s has no object of kind %s" % (namespace, name, kind))
                    continue
                for what, fault in {**PASSING, **FAILING}.items():
                    self.stub.tell("reset")
                    self.stub.fault(match="GET " + found[0], **fault)

                    def check():
                        nonlocal rows, errors
                        try:
                            same = ours("f") == right
                        except Failed as e:
                            errors += 1
                            return None if what in FAILING and os.path.basename(found[0]) in e.message else str(e)
                        rows += 1
                        return "other rows" if not same else "no error" if what in FAILING else None
                    self.counts.check("%s.%s, %s, %s" % (namespace, name, kind, what), check)
        self.stub.stop()
        print("faults: %d answers with the rows, %d errors" % (rows, errors))


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--keep", action="store_true")
    p.add_argument("engines", nargs="*", metavar="ENGINE", default=["trino", "duckdb", "faults"])
    a = p.parse_args()
    os.umask(0o022)
    folder = tempfile.mkdtemp(prefix="lakehouse_engines_")
    os.chmod(folder, 0o755)
    store, logs = folder + "/store", folder + "/logs"
    for path in (store, store + "/warehouse", logs):
        os.mkdir(path)
    counts = iceberg.Counts()
    iceberg.versions()
    relay, s3 = services.Relay(), services.S3(store, os.environ["LH_S3_JARS"], logs)
    running = [s3]
    try:
        psql.run(["CREATE EXTENSION IF NOT EXISTS lakehouse", "DROP SCHEMA IF EXISTS interop CASCADE", "CREATE SCHEMA interop"])
        lake = Lake(counts, s3, store)                  # PyIceberg makes the catalog's tables
        psql.run(["DROP SERVER IF EXISTS engines_local CASCADE", "CREATE SERVER engines_local FOREIGN DATA WRAPPER lakehouse"])
        for name, catalog in (("engines", CATALOG), ("engines_rest", REST_CATALOG)):
            psql.run(["DROP SERVER IF EXISTS %s CASCADE" % name] + servers(name, s3.url, catalog))
        tables = []
        if "trino" in a.engines:
            trino = services.Trino(os.environ["LH_TRINO"], os.environ["LH_JAVA_TRINO"], logs, relay, s3, CATALOG, BUCKET + "/" + CATALOG)
            running.append(trino)
            counts.check("Trino", ByTrino(lake, trino).run)
            tables += [("faulty", "tr", "live", "followed")]
        if "duckdb" in a.engines:
            rest = services.Rest(os.environ["LH_REST_JARS"], logs, relay, s3, BUCKET + "/" + REST_CATALOG)
            running.append(rest)
            counts.check("DuckDB", lambda: ByDuckDB(lake, rest).run())
            tables += [("faulty_rest", "duck", "live", "duckdb_followed")]
        if "faults" in a.engines:
            counts.check("faults", lambda: Faults(lake, store).run(tables))
    finally:
        for service in reversed(running):
            service.stop()
    if a.keep:
        print("kept: " + folder)
    else:
        shutil.rmtree(folder)
    print("%d passed, %d failed, %d skipped" % (counts.passed, counts.failed, counts.skipped))
    sys.exit(1 if counts.failed or not counts.passed else 0)


if __name__ == "__main__":
    main()
