"""The tables of the suite: their columns here and in each consumer, and values that can be compared."""
import json
import math
import struct

import consumers_values as v

# name, PostgreSQL's type, Flink's behind upsert, Flink's behind debezium-json, Spark's behind flat
COLUMNS = [
    ("id", "bigint PRIMARY KEY", "BIGINT", "BIGINT", "bigint"),
    ("i2", "smallint", "SMALLINT", "SMALLINT", "smallint"),
    ("i4", "integer", "INT", "INT", "int"),
    ("f4", "real", "FLOAT", "FLOAT", "float"),
    ("f8", "double precision", "DOUBLE", "DOUBLE", "double"),
    ("b", "boolean", "BOOLEAN", "BOOLEAN", "boolean"),
    ("t", "text", "STRING", "STRING", "string"),
    ("n", "numeric(20,4)", "DECIMAL(20, 4)", "DECIMAL(20, 4)", "decimal(20,4)"),
    # days and microseconds since 1970, as Debezium counts them
    ("d", "date", "DATE", "INT", "date"),
    ("ts", "timestamp(6)", "TIMESTAMP(6)", "BIGINT", "timestamp_ntz"),
    ("tz", "timestamptz", "TIMESTAMP_LTZ(6)", "TIMESTAMP_LTZ(6)", "timestamp"),
    ("raw", "bytea", "BYTES", "BYTES", "binary"),
    ("u", "uuid", "STRING", "STRING", "string"),
    ("j", "jsonb", "STRING", "STRING", "string"),
    ("tags", "text[]", "ARRAY<STRING>", "ARRAY<STRING>", "array<string>"),
    ("big", "text", "STRING", "STRING", "string"),
]
NAMES = [c[0] for c in COLUMNS]
MAKERS = {
    "i2": lambda: v.integer(16), "i4": lambda: v.integer(32), "f4": v.single, "f8": v.double, "b": lambda: v.rnd.random() < 0.5, "t": v.text,
    "n": lambda: v.decimal(20, 4), "d": lambda: v.moment().date(), "ts": v.moment, "tz": v.zoned, "raw": v.raw, "u": v.uuid, "j": v.document,
    "tags": lambda: v.several(lambda: v.text(4)), "big": v.large,
}


def canon(name, value):
    """One text for equal values, whatever a consumer calls them."""
    if value is None:
        return None
    if name in ("id", "i2", "i4"):
        return str(int(value))
    if name in ("f4", "f8"):
        value = float(value)
        return "nan" if math.isnan(value) else struct.pack(">f" if name == "f4" else ">d", value).hex()
    if name == "b":
        return {True: "t", False: "f"}[value]
    if name == "n":
        return format(value, "f") if not isinstance(value, str) else value
    if name == "d":
        return str(value)
    if name in ("ts", "tz"):
        if isinstance(value, str):
            return value.replace("T", " ")
        return value.replace(tzinfo=None).isoformat(sep=" ", timespec="microseconds")
    if name == "raw":
        return bytes(value).hex()
    if name == "j":
        try:
            return json.dumps(json.loads(value, parse_float=str, parse_int=str), sort_keys=True)
        except ValueError:
            return "no JSON: " + value
    if name == "tags":
        # as Flink casts arrays
        return value if isinstance(value, str) else "[" + ", ".join("NULL" if x is None else x for x in value) + "]"
    return value


def dump(path, rows):
    """Rows as lists of canonical values, a line each, in the order of their ids."""
    with open(path, "w", encoding="utf-8") as f:
        for row in sorted(rows, key=lambda r: int(r[0])):
            f.write(json.dumps(row) + "\n")


def load(path):
    with open(path, encoding="utf-8") as f:
        return [json.loads(line) for line in f]
