#!/usr/bin/env python3
"""iceberg_spark.py
		Spark beside iceberg.py: makes Iceberg tables in the shared JDBC catalog, and says what it reads.

usage: iceberg_spark.py WAREHOUSE

iceberg.py runs it by a Python that has pyspark (LH_PYTHON_SPARK).  The catalog "lake" is the JDBC
catalog in the database of PGPORT and PGDATABASE, by TCP on 127.0.0.1.  Commands are lines of JSON
on standard input, each answered by one line that begins with MARK:

	{"do": "versions"}					of Spark and the Java library, and the scenarios of this Spark
	{"do": "sql", "statements": [...]}
	{"do": "scenario", "name": ...}		a writer of test/fixtures/make/iceberg.py; the tables it made
	{"do": "tables", "namespace": ...}	what Spark shows there, without views
	{"do": "points", "table": ..., "now": true or false}
										each time-travel point with schema and rows, or only the first

An answer with "error" says what Spark said.
"""

import json
import os
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
for part in ("golden", "golden/iceberg", "golden/make", "fixtures/make"):
    sys.path.insert(0, os.path.join(TOP, "test", part))

import iceberg_expect as expect                         # noqa: E402
import iceberg_session                                  # noqa: E402
import iceberg as fixtures                              # noqa: E402  of fixtures/make: its folder comes first

MARK = "ANSWER "
NAMESPACES = ("v1", "v2", "v3", "demo", "sp")
DRIVER = "org.postgresql:postgresql:42.7.14"


class Lake(fixtures.Lake):
    """The fixtures' writers on a JDBC catalog."""

    def __init__(self, warehouse):
        fixtures.WAREHOUSE = warehouse
        uri = "jdbc:postgresql://127.0.0.1:%s/%s" % (os.environ.get("PGPORT", "5432"), os.environ["PGDATABASE"])
        self.session = iceberg_session
        self.spark = iceberg_session.session(warehouse, {
            "spark.sql.sources.partitionOverwriteMode": "dynamic",
            "spark.sql.catalog.lake.type": "jdbc", "spark.sql.catalog.lake.uri": uri,
            "spark.sql.catalog.lake.jdbc.user": os.environ.get("PGUSER", "postgres"),
            "spark.sql.catalog.lake.jdbc.schema-version": "V1",
        }, [iceberg_session.jar(DRIVER)])
        self.spark.sparkContext.setLogLevel("OFF")      # what Spark cannot read is in the answers
        self.rows = iceberg_session.rows_helper(self.spark)
        self.sql(*["CREATE NAMESPACE IF NOT EXISTS lake." + n for n in NAMESPACES])

    def create(self, name, schema, spec=None, **more):
        j = self.session.jvm(self.spark)
        parsed = j.org.apache.iceberg.SchemaParser.fromJson(json.dumps(schema))
        builder = j.org.apache.iceberg.PartitionSpec.builderFor(parsed)
        for transform, column, *width in spec or ():
            builder = getattr(builder, transform)(column, *width)
        chosen = j.java.util.HashMap()
        for k, v in more.items():
            chosen.put(k.replace("__", ".").replace("_", "-"), v)
        catalog = j.org.apache.iceberg.spark.Spark3Util.loadIcebergCatalog(self.spark._jsparkSession, "lake")
        catalog.buildTable(j.org.apache.iceberg.catalog.TableIdentifier.parse(name), parsed) \
            .withPartitionSpec(builder.build()).withProperties(chosen).create()


class Oracle(expect.Spark):
    """Points and rows of a table, by the session of a Lake."""

    def __init__(self, lake):
        self.session, self.spark, self.rows = lake.session, lake.spark, lake.rows
        self.java = iceberg_session.jvm(lake.spark)

    def ask(self, name, now):
        table = iceberg_session.java_table(self.spark, name)
        found, out = self.points(table), []
        for point, java_schema, snapshot in found[:1] if now else found:
            schema = self.schema(java_schema)
            said, by = expect.attempt(lambda: self.by_spark(name, point, schema)), "spark"
            if "error" in said:                         # types that Spark lacks
                said, by = expect.attempt(lambda: self.by_java(table, snapshot, java_schema, schema)), "java"
            out.append({"point": point, "schema": schema, "snapshot": snapshot, "by": by, **said})
        return out


class Side:
    def __init__(self, warehouse):
        self.lake = Lake(warehouse)
        self.oracle = Oracle(self.lake)
        self.known = set()
        self.scenarios = {f.__name__: f for f in
                          (fixtures.SPARK4 if iceberg_session.spark_version().startswith("4.") else fixtures.SPARK)}

    def versions(self, command):
        return {"spark": iceberg_session.spark_version(), "iceberg": iceberg_session.ICEBERG, "driver": DRIVER,
                "scenarios": list(self.scenarios)}

    def sql(self, command):
        self.lake.sql(*command["statements"])
        return {}

    def scenario(self, command):
        self.scenarios[command["name"]](self.lake)
        made = {(n, t) for n in NAMESPACES for t in self.names(n)} - self.known
        self.known |= made
        return {"tables": sorted(made)}

    def names(self, namespace):
        return [r.tableName for r in self.lake.spark.sql("SHOW TABLES IN lake." + namespace).collect()]

    def tables(self, command):
        return {"tables": self.names(command["namespace"])}

    def points(self, command):
        namespace, table = command["table"]
        return {"points": self.oracle.ask("lake.%s.`%s`" % (namespace, table), command["now"])}


def main():
    side = Side(sys.argv[1])
    print(MARK + "{}", flush=True)
    for line in sys.stdin:
        command = json.loads(line)
        try:
            said = getattr(side, command["do"])(command)
        except Exception as e:                          # whatever Spark raises
            said = {"error": str(e).split("\n\tat ")[0].strip()[:600]}
        print(MARK + json.dumps(said), flush=True)


if __name__ == "__main__":
    main()
