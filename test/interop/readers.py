#!/usr/bin/env python3
"""readers.py
		Do other engines read our files as they were written?

usage: readers.py DIRECTORY [ENGINE...]

DIRECTORY holds what test/tools/pqwrite.c wrote: NAME.parquet and, from the
vectors that were given to the writer, NAME.json.  Each engine reads each column
by itself; values are compared as text with one meaning for all engines (floats
bit by bit, times in nanoseconds, bytes in hexadecimal).

What an engine does not know is listed in UNKNOWN with what it does instead, and
is not asked for; everything else that differs or fails is a failure.  One line a
file and engine, a table at the end; status 1 when anything failed.
"""

import collections
import json
import os
import re
import struct
import sys
import uuid

os.environ.setdefault("POLARS_MAX_THREADS", "1")
os.environ.setdefault("RUST_BACKTRACE", "0")

import pyarrow as pa                                    # noqa: E402
import pyarrow.parquet as pq                            # noqa: E402

NS = {"s": 10**9, "ms": 10**6, "us": 1000, "ns": 1}

# (engine, regular expression of the type) or (engine, of the type, of the file) -> what
# the engine does with it
FIXED = r"(decimal\((2\d|3\d)|fixed|uuid|float16|interval)"
UNKNOWN = {
    ("duckdb", FIXED, ".*-split"): "knows no BYTE_STREAM_SPLIT of fixed-length bytes",
    ("polars", FIXED, ".*-(split|delta_bytes)"): "knows neither on fixed-length bytes",
    ("duckdb", "bson"): "refuses the whole file",
    ("duckdb", r"decimal\((60|40),"): "reads more than 38 digits as double",
    ("duckdb", r"time\(ns"): "cuts times to microseconds",
    ("polars", r"decimal\((60|40),"): "refuses more than 38 digits",
    ("polars", "geo"): "refuses the whole file",
    ("polars", "interval"): "panics",
    ("spark", "(uuid|interval|float16)"): "refuses the columns",
    ("spark", r"time\("): "has no times of day",
    ("spark", r"timestamp\(ns"): "reads nanoseconds by a setting only, as numbers",
    ("spark", "geo"): "fails",
    ("spark", r"decimal\((60|40),"): "refuses more than 38 digits",
    ("fastparquet", "(bson|json)"): "parses them, or wants a package for it",
    ("fastparquet", "decimal"): "reads decimals as floats",
    ("fastparquet", "(fixed|interval)"): "reads fixed bytes as numpy strings, which end at a zero",
    ("fastparquet", "(uuid|float16)"): "reads them as fixed bytes",
    ("fastparquet", "geo"): "refuses the whole file",
    ("fastparquet", "time\\("): "reads times of day as durations of microseconds",
    ("fastparquet", "(list|map|struct)"): "flattens nested columns its own way",
}


# Files that an engine cannot read whoever wrote them: fastparquet loses rows or
# crashes on files of pyarrow's, too, where pages of version 2 have nulls, chunks
# of one column differ in having a dictionary, and in delta encodings.
UNREADABLE = {
    # no codec comes with Spark 3.5, and its vectorised reader has no BYTE_STREAM_SPLIT
    "spark": r".*-(brotli|split)",
    "fastparquet": r".*(-v2|-small|-delta|-split)",
}


def bits(value, arrow_type):
    if value != value:
        return "nan"
    if pa.types.is_float64(arrow_type):
        return struct.pack(">d", value).hex()
    return struct.pack(">f", value).hex()


def canon(arr):
    """An Arrow array as a list of None, str, list and dict."""
    t = arr.type
    if isinstance(arr, pa.ChunkedArray):
        return [v for c in arr.chunks for v in canon(c)]
    if isinstance(t, pa.BaseExtensionType):
        return canon(arr.storage)
    if pa.types.is_dictionary(t):
        return canon(arr.dictionary_decode())
    if pa.types.is_null(t):
        return [None] * len(arr)
    if pa.types.is_map(t):
        pairs = list(zip(canon(arr.keys), canon(arr.items)))
        return runs(arr, [list(p) for p in pairs], arr.keys)
    if pa.types.is_list(t) or pa.types.is_large_list(t):
        return runs(arr, canon(arr.values), arr.values)
    if pa.types.is_struct(t):
        fields = [canon(f) for f in arr.flatten()]
        valid = arr.is_valid().to_pylist()
        return [dict(zip([f.name for f in t], v)) if ok else None
                for v, ok in zip(zip(*fields), valid)]
    if pa.types.is_date32(t):
        return texts(arr.view(pa.int32()))
    if pa.types.is_time(t) or pa.types.is_timestamp(t):
        wide = pa.int32() if pa.types.is_time32(t) else pa.int64()
        return [None if v is None else str(v * NS[t.unit]) for v in arr.view(wide).to_pylist()]
    if pa.types.is_floating(t):
        return [None if v is None else bits(float(v), t) for v in arr.to_pylist()]
    if pa.types.is_decimal(t):
        return [None if v is None else format(v, "f") for v in arr.to_pylist()]
    if pa.types.is_boolean(t):
        return [None if v is None else "true" if v else "false" for v in arr.to_pylist()]
    if pa.types.is_interval(t):
        return [None if v is None else struct.pack("<III", v.months, v.days, v.nanoseconds // 10**6).hex()
                for v in arr.to_pylist()]
    return texts(arr)


def runs(arr, values, child):
    off, valid = arr.offsets.to_pylist(), arr.is_valid().to_pylist()
    return [values[off[i]:off[i + 1]] if valid[i] else None for i in range(len(arr))]


def texts(arr):
    return [None if v is None else v.hex() if isinstance(v, bytes) else str(v) for v in arr.to_pylist()]


def read_pyarrow(path, name):
    return canon(pq.read_table(path, columns=[name]).column(name))


def read_duckdb(path, name):
    import duckdb
    global _duck
    try:
        _duck
    except NameError:
        _duck = duckdb.connect()
        _duck.execute("SET threads = 1; SET TimeZone = 'UTC'")
    return canon(_duck.sql('SELECT "%s" FROM read_parquet(\'%s\')' % (name, path)).to_arrow_table().column(0))


def read_polars(path, name):
    import polars
    return canon(polars.read_parquet(path, columns=[name]).to_arrow().column(0))


def fastparquet_value(v):
    import numpy
    if v is None:
        return None
    if isinstance(v, (bool, numpy.bool_)):
        return "true" if v else "false"
    return v.hex() if isinstance(v, bytes) else str(v)


def read_fastparquet(path, name):
    """Through pandas, where a null float is a NaN and times are nanoseconds or microseconds."""
    import fastparquet
    import numpy
    t = type_of(name)
    column = fastparquet.ParquetFile(path).to_pandas(columns=[name])[name]
    null = column.isna()
    if t == "date":
        ticks = column.astype("datetime64[s]").astype("int64") // 86400
    elif column.dtype.kind == "M":
        unit = getattr(column.dtype, "unit", None) or numpy.datetime_data(column.dtype)[0]
        ticks = column.astype("int64").astype(object) * NS[unit]
    elif column.dtype.kind == "m":
        ticks = column.astype("timedelta64[ns]").astype("int64")
    elif column.dtype.kind == "f":
        wide = pa.float32() if t == "float" else pa.float64()
        return ["nan" if n else bits(float(v), wide) for v, n in zip(column, null)]
    else:
        return [None if n else fastparquet_value(v) for v, n in zip(column, null)]
    return [None if n else str(int(v)) for v, n in zip(ticks, null)]


SPARK_TYPES = {
    "bool": "boolean", "int8": "byte", "int16": "short", "int32": "int", "int64": "long", "uint8": "short",
    "uint16": "int", "uint32": "long", "uint64": "decimal(20,0)", "float": "float", "double": "double",
    "string": "string", "enum": "string", "json": "string", "binary": "binary", "bson": "binary",
    "fixed(1)": "binary", "fixed(5)": "binary", "date": "date", "timestamp(ms)": "timestamp_ntz",
    "timestamp(us, utc)": "timestamp", "geometry": "binary", "geography": "binary",
    "list<int32>": "array<int>", "list<list<string>>": "array<array<string>>",
    "list<struct<a: string, b: list<int64>>>": "array<struct<a: string, b: array<bigint>>>",
    "map<int32, string>": "map<int, string>",
    "map<int64, struct<a: list<int32>, b: string>>": "map<bigint, struct<a: array<int>, b: string>>",
    "struct<a: int64, b: string>": "struct<a: bigint, b: string>",
}


def spark_session():
    from pyspark.sql import SparkSession
    return (SparkSession.builder.master("local[1]").appName("readers")
            .config("spark.driver.memory", "1g").config("spark.ui.enabled", "false")
            .config("spark.driver.bindAddress", "127.0.0.1").config("spark.driver.host", "127.0.0.1")
            .config("spark.driver.extraJavaOptions", "-XX:+UseSerialGC -XX:TieredStopAtLevel=1")
            .config("spark.sql.codegen.wholeStage", "false").config("spark.sql.session.timeZone", "UTC")
            .config("spark.sql.parquet.datetimeRebaseModeInRead", "CORRECTED")
            .getOrCreate())


def spark_columns(path, names):
    """By name; a job costs more than a column, so a file is one job where that succeeds."""
    kind = lambda n: SPARK_TYPES.get(type_of(n), type_of(n))
    schema = ", ".join("`%s` %s" % (n, kind(n)) for n in names)
    frame = _spark.read.schema(schema).parquet(path)
    table = pa.Table.from_batches(frame._collect_as_arrow())
    return {n: canon(table.column(k)) for k, n in enumerate(names)}


def read_spark(path, name):
    """Its vectorised reader."""
    global _spark, _spark_file
    try:
        _spark
    except NameError:
        _spark, _spark_file = spark_session(), (None, {})
        _spark.sparkContext.setLogLevel("OFF")
    if _spark_file[0] != path:
        names = [n for n in pq.read_schema(path).names
                 if not unknown("spark", n, os.path.basename(path)[:-8])]
        try:
            _spark_file = path, spark_columns(path, names)
        except Exception:
            _spark_file = path, {}
    if name not in _spark_file[1]:
        _spark_file[1].update(spark_columns(path, [name]))
    return _spark_file[1][name]


# Without a name all but Spark, which needs Java and the package of requirements_spark.txt.
DEFAULT = ("pyarrow", "duckdb", "polars", "fastparquet")
ENGINES = {"spark": read_spark, "pyarrow": read_pyarrow, "duckdb": read_duckdb, "polars": read_polars,
           "fastparquet": read_fastparquet}


def type_of(name):
    return name.split(" ", 1)[1].removesuffix(" required")


def expected(name, values, engine):
    """The truth in the units of canon()."""
    t = type_of(name)
    unit = re.match(r"(time|timestamp)\((\w+)", t)
    if unit:
        return [None if v is None else str(int(v) * NS[unit[2]]) for v in values]
    if t == "uuid" and engine == "duckdb":
        return [None if v is None else str(uuid.UUID(v)) for v in values]
    if engine == "fastparquet" and t in ("float", "double"):
        return ["nan" if v is None else v for v in values]
    # no type of theirs: they give its bytes
    if (t, engine) in (("enum", "pyarrow"), ("enum", "fastparquet"), ("json", "polars")):
        return [None if v is None else v.encode().hex() for v in values]
    return values


def unknown(engine, column, file):
    for e, pattern, *files in UNKNOWN:
        if e == engine and re.match(pattern, type_of(column)) and re.match((files or [""])[0], file):
            return True
    return False


def check_column(engine, path, name, truth):
    """None when it is read as it was written, else what happened."""
    try:
        got = ENGINES[engine](path, name)
    except BaseException as e:          # polars panics with a BaseException
        if isinstance(e, KeyboardInterrupt):
            raise
        return ("%s: %s" % (type(e).__name__, e)).split("\n")[0][:160]
    want = expected(name, truth, engine)
    if len(got) != len(want):
        return "%d rows, expected %d" % (len(got), len(want))
    for row, (a, b) in enumerate(zip(got, want)):
        if a != b:
            return "row %d: %.60r, expected %.60r" % (row, a, b)
    return None


def main(directory, engines):
    files = sorted(f[:-5] for f in os.listdir(directory) if f.endswith(".json"))
    table = collections.Counter()
    bad = False
    for name in files:
        with open(os.path.join(directory, name + ".json"), encoding="utf-8") as f:
            truth = json.load(f)
        for engine in engines:
            same = skipped = 0
            if re.match(UNREADABLE.get(engine, "(?!)"), name):
                table[engine, "unknown"] += len(truth)
                continue
            for column, values in truth.items():
                if unknown(engine, column, name):
                    skipped += 1
                    continue
                what = check_column(engine, os.path.join(directory, name + ".parquet"), column, values)
                if what is None:
                    same += 1
                else:
                    bad = True
                    table[engine, "failed"] += 1
                    print("FAILED %s %s \"%s\": %s" % (engine, name, column, what))
            table[engine, "same"] += same
            table[engine, "unknown"] += skipped
            print("%-12s %-34s %3d columns the same, %2d of types it does not know" %
                  (engine, name, same, skipped), flush=True)
    print()
    for engine in engines:
        print("%-12s %5d columns the same, %4d of types it does not know, %d failed" %
              (engine, table[engine, "same"], table[engine, "unknown"], table[engine, "failed"]))
    passed = sum(table[e, "same"] for e in engines)
    failed = sum(table[e, "failed"] for e in engines)
    print("interop writer: %d passed, %d failed, %d skipped" %
          (passed, failed, sum(table[e, "unknown"] for e in engines)))
    return 1 if bad or passed == 0 else 0


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1], sys.argv[2:] or list(DEFAULT)))
