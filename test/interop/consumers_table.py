"""The tables of the suite: their columns here and in each consumer, and values that can be compared."""
import json
import math
import struct

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


def canon(name, v):
    """One text for equal values, whatever a consumer calls them."""
    if v is None:
        return None
    if name in ("id", "i2", "i4"):
        return str(int(v))
    if name in ("f4", "f8"):
        v = float(v)
        return "nan" if math.isnan(v) else struct.pack(">f" if name == "f4" else ">d", v).hex()
    if name == "b":
        return {True: "t", False: "f"}[v]
    if name == "n":
        return format(v, "f") if not isinstance(v, str) else v
    if name == "d":
        return str(v)
    if name in ("ts", "tz"):
        if isinstance(v, str):
            return v.replace("T", " ")
        return v.replace(tzinfo=None).isoformat(sep=" ", timespec="microseconds")
    if name == "raw":
        return bytes(v).hex()
    if name == "j":
        try:
            return json.dumps(json.loads(v, parse_float=str, parse_int=str), sort_keys=True)
        except ValueError:
            return "no JSON: " + v
    if name == "tags":
        # as Flink casts arrays
        return v if isinstance(v, str) else "[" + ", ".join("NULL" if x is None else x for x in v) + "]"
    return v


def dump(path, rows):
    """Rows as lists of canonical values, a line each, in the order of their ids."""
    with open(path, "w", encoding="utf-8") as f:
        for row in sorted(rows, key=lambda r: int(r[0])):
            f.write(json.dumps(row) + "\n")


def load(path):
    with open(path, encoding="utf-8") as f:
        return [json.loads(line) for line in f]
