"""Flink reads upsert (upsert-kafka), debezium-json and debezium-avro-confluent (kafka): what it has goes to files of canonical rows.

usage: consumers_flink.py BOOTSTRAP JARS OUT REGISTRY
"""
import datetime
import glob
import sys

from pyflink.table import EnvironmentSettings, TableEnvironment

import consumers_types as types
from consumers_table import COLUMNS, NAMES, canon, dump

bootstrap, jars, out, registry = sys.argv[1:]
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


def avro(name, columns, key=""):
    env.execute_sql(f"""CREATE TABLE {name} ({', '.join(f'`{c}` {t}' for c, t in columns)}{key}) WITH (
        'connector' = 'kafka', {COMMON % 'avro.avro.public.typed'}, 'scan.startup.mode' = 'earliest-offset',
        'value.format' = 'debezium-avro-confluent', 'value.debezium-avro-confluent.url' = '{registry}')""")


def fold(table, expressions, made, whole):
    """The rows that a changelog leaves; made: a list of canonical texts of a row, its key first; whole: old rows are all there."""
    rows = {}
    changes = 0
    with env.execute_sql(f"SELECT {', '.join(expressions)} FROM {table}").collect() as result:
        for row in result:
            changes += 1
            values = made(list(row))
            if row.get_row_kind().name in ("DELETE", "UPDATE_BEFORE"):
                if rows.pop(values[0], None) != values and whole:
                    raise SystemExit(f"{table}: {values} goes, which was not there")
            else:
                rows[values[0]] = values
    print(f"flink: {table}: {changes} changes leave {len(rows)} rows", flush=True)
    dump(f"{out}/{table}", rows.values())


def read(table, counted):
    # what PyFlink cannot fetch, or not exactly, comes as text
    texts = {"f4", "f8", "n", "tz", "tags"} | (set() if counted else {"d", "ts"})

    def made(values):
        if counted:
            for name, unit in (("d", "days"), ("ts", "microseconds")):
                i = NAMES.index(name)
                if values[i] is not None:
                    values[i] = EPOCH + datetime.timedelta(**{unit: values[i]})
                    if name == "d":
                        values[i] = values[i].date()
        return [canon(n, v) for n, v in zip(NAMES, values)]

    fold(table, [f"CAST(`{n}` AS STRING)" if n in texts else f"`{n}`" for n in NAMES], made, counted)


for t in ("whole", "keyed"):
    upsert(t)
    read("upsert_" + t, False)
debezium("whole")
read("debezium_whole", True)
avro("avro_typed", [(c[0], c[2]) for c in types.COLUMNS + [types.LATER]], ", PRIMARY KEY (id) NOT ENFORCED")
fold("avro_typed", types.expressions(2), lambda values: types.canon(2, values), True)
# by name: some columns, in another order, and one that no schema has
avro("avro_few", [("nowhere", "STRING"), ("later", "STRING"), ("i4", "INT"), ("id", "BIGINT")])
fold("avro_few", ["CAST(id AS STRING)", "CAST(i4 AS STRING)", "later", "nowhere"], lambda values: values, True)
for n, refused in enumerate(types.REFUSED):
    # what the docs say of these; taken off the list when Flink takes them
    avro(f"refused_{n}", [("id", "BIGINT"), ("ts", refused)])
    try:
        env.execute_sql(f"SELECT CAST(ts AS STRING) FROM refused_{n}").collect().close()
    except Exception as e:      # noqa: whatever Java throws
        print(f"flink: {refused} is refused:", next((line for line in str(e).splitlines() if "not support" in line or "Unsupported" in line), e))
    else:
        raise SystemExit(f"{refused} is read: the docs say that it is not")
