"""Flink reads upsert (upsert-kafka) and debezium-json (kafka): what it has goes to files of canonical rows.

usage: consumers_flink.py BOOTSTRAP JARS OUT
"""
import datetime
import glob
import sys

from pyflink.table import EnvironmentSettings, TableEnvironment

from consumers_table import COLUMNS, NAMES, canon, dump

bootstrap, jars, out = sys.argv[1:]
EPOCH = datetime.datetime(1970, 1, 1)

env = TableEnvironment.create(EnvironmentSettings.in_streaming_mode())
config = env.get_config()
config.set("pipeline.jars", ";".join("file://" + j for j in glob.glob(jars + "/*.jar")))
config.set("parallelism.default", "1")
config.set("taskmanager.memory.managed.size", "64m")
config.set("table.local-time-zone", "UTC")

COMMON = f"""'topic' = '%s', 'properties.bootstrap.servers' = '{bootstrap}',
    'properties.isolation.level' = 'read_committed', 'scan.bounded.mode' = 'latest-offset'"""


def upsert(table):
    columns = ", ".join(f"`{c[0]}` {c[2]}" for c in COLUMNS)
    env.execute_sql(f"""CREATE TABLE upsert_{table} ({columns}, PRIMARY KEY (id) NOT ENFORCED) WITH (
        'connector' = 'upsert-kafka', {COMMON % ('up.lake.public.' + table)},
        'key.format' = 'json', 'value.format' = 'json', 'value.json.fail-on-missing-field' = 'true',
        'value.json.timestamp-format.standard' = 'ISO-8601')""")


def debezium(table):
    columns = ", ".join(f"`{c[0]}` {c[3]}" for c in COLUMNS)
    env.execute_sql(f"""CREATE TABLE debezium_{table} ({columns}, PRIMARY KEY (id) NOT ENFORCED) WITH (
        'connector' = 'kafka', {COMMON % ('dbz.dbz.public.' + table)},
        'scan.startup.mode' = 'earliest-offset', 'value.format' = 'debezium-json',
        'value.debezium-json.timestamp-format.standard' = 'ISO-8601')""")


def read(table, counted):
    """The rows that a changelog leaves."""
    # what PyFlink cannot fetch, or not exactly, comes as text
    texts = {"f4", "f8", "n", "tz", "tags"} | (set() if counted else {"d", "ts"})
    columns = ", ".join(f"CAST(`{n}` AS STRING)" if n in texts else f"`{n}`" for n in NAMES)
    rows = {}
    changes = 0
    with env.execute_sql(f"SELECT {columns} FROM {table}").collect() as result:
        for row in result:
            changes += 1
            values = list(row)
            if row.get_row_kind().name in ("DELETE", "UPDATE_BEFORE"):
                rows.pop(values[0], None)
                continue
            if counted:
                for name, unit in (("d", "days"), ("ts", "microseconds")):
                    i = NAMES.index(name)
                    if values[i] is not None:
                        values[i] = EPOCH + datetime.timedelta(**{unit: values[i]})
                        if name == "d":
                            values[i] = values[i].date()
            rows[values[0]] = [canon(n, v) for n, v in zip(NAMES, values)]
    print(f"flink: {table}: {changes} changes leave {len(rows)} rows", flush=True)
    dump(f"{out}/{table}", rows.values())


for t in ("whole", "keyed"):
    upsert(t)
    read("upsert_" + t, False)
debezium("whole")
read("debezium_whole", True)
