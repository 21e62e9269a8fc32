"""writers.py
		Foreign engines that write Parquet files, and what each can say.

A writer has

	columns(kind)		names of the columns of tables.py that it can hold; kind is "flat" or "nested"
	matrix(full)		settings to write with, as dictionaries; all of them or a sample
	write(table, path, settings)
	given(table)		the table as the writer was given it, where that differs

A setting that an engine does not have is not in its matrix.
"""

import itertools

import pyarrow as pa
import pyarrow.parquet as pq

from tables import FLAT_NAMES, NESTED_NAMES

INTEGERS = ("id", "i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64", "day", "t", "ms", "us", "utc", "runs")
TEXTS = ("s", "near", "bin")
FIXED = ("f32", "f64", "fix", "d38")


def product(**axes):
    return [dict(zip(axes, values)) for values in itertools.product(*axes.values())]


def sample(settings, n):
    """n of them, evenly, and such that every value of every axis occurs."""
    step = max(1, len(settings) // n)
    chosen = settings[::step][:n]
    for axis in settings[0]:
        for value in {str(s[axis]): s for s in settings}.values():
            if not any(s[axis] == value[axis] for s in chosen):
                chosen.append(value)
    return chosen


class Writer:
    quick = 12

    def columns(self, kind):
        return FLAT_NAMES if kind == "flat" else NESTED_NAMES

    def matrix(self, full):
        settings = self.axes()
        return settings if full else sample(settings, self.quick)

    def given(self, table):
        return table


class PyArrow(Writer):
    name = "pyarrow"
    quick = 30

    def axes(self):
        return product(
            kind=["flat", "nested"], nulls=["some", "none", "all"],
            encoding=["dictionary", "plain", "delta", "split", "mixed"],
            codec=["none", "snappy", "gzip", "brotli", "zstd", "lz4"], page=["1.0", "2.0"],
            sizes=[(1000, 1 << 20), (300, 400)])

    def encodings(self, table, encoding, int96):
        """use_dictionary, column_encoding"""
        flat = [f.name for f in table.schema if not pa.types.is_nested(f.type) and
                not (int96 and pa.types.is_timestamp(f.type))]
        if encoding == "dictionary":
            return True, None
        if encoding == "mixed":
            return [n for n in flat if n in TEXTS or n in ("i64", "runs", "d9")], None
        if encoding == "plain" or len(flat) == 1:
            return False, None
        if encoding == "delta":
            special = {n: "DELTA_BINARY_PACKED" for n in flat if n in INTEGERS}
            special.update({n: "DELTA_LENGTH_BYTE_ARRAY" if n == "near" else "DELTA_BYTE_ARRAY"
                            for n in flat if n in TEXTS})
            special.update({n: "RLE" for n in flat if n == "b"})
            return False, special
        return False, {n: "BYTE_STREAM_SPLIT" for n in flat if n in FIXED or n in ("i32", "i64")}

    def write(self, table, path, s):
        rows, page = s["sizes"]
        old = s["page"] == "1.0" and s["codec"] == "gzip"
        dictionary, encoding = self.encodings(table, s["encoding"], old)
        pq.write_table(table, path, compression=s["codec"], use_dictionary=dictionary, column_encoding=encoding,
                       data_page_version=s["page"], row_group_size=rows, data_page_size=page,
                       write_batch_size=64 if page < 1000 else 1024, store_schema=False,
                       dictionary_pagesize_limit=300 if s["encoding"] == "mixed" else None,
                       write_page_index=page < 1000, write_page_checksum=s["page"] == "2.0",
                       use_deprecated_int96_timestamps=old, use_compliant_nested_type=not old)


class DuckDB(Writer):
    name = "duckdb"

    def axes(self):
        return product(kind=["flat", "nested"], nulls=["some", "none", "all"],
                       codec=["uncompressed", "snappy", "gzip", "zstd", "lz4_raw", "brotli"],
                       version=["V1", "V2"], rows=[2048, 100000], dictionary=[None, 1])

    def write(self, table, path, s):
        import duckdb
        options = ["FORMAT parquet", "COMPRESSION " + s["codec"], "PARQUET_VERSION " + s["version"],
                   "ROW_GROUP_SIZE %d" % s["rows"]]
        if s["dictionary"] is not None:
            options.append("DICTIONARY_SIZE_LIMIT %d" % s["dictionary"])
        with duckdb.connect() as con:
            con.execute("SET TimeZone = 'UTC'")
            con.register("given", table)
            con.execute("COPY (SELECT * FROM given) TO '%s' (%s)" % (path, ", ".join(options)))


class Polars(Writer):
    name = "polars"

    def columns(self, kind):
        # it has no maps: they become lists of structs
        return [n for n in super().columns(kind) if n not in ("m", "ml")]

    def axes(self):
        return product(kind=["flat", "nested"], nulls=["some", "none", "all"],
                       codec=["uncompressed", "snappy", "gzip", "zstd", "lz4", "brotli"],
                       rows=[None, 300], page=[None, 500])

    def write(self, table, path, s):
        import polars
        polars.from_arrow(table).write_parquet(path, compression=s["codec"], row_group_size=s["rows"],
                                               data_page_size=s["page"], statistics="full")


class FastParquet(Writer):
    name = "fastparquet"

    def columns(self, kind):
        return ["b", "i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64", "f64", "us", "s", "near", "bin", "runs"]

    def axes(self):
        return product(kind=["flat"], nulls=["some", "none"], codec=[None, "SNAPPY", "GZIP", "ZSTD", "LZ4_RAW", "BROTLI"],
                       rows=[100000, 300], times=["int64", "int96"], category=[False, True])

    def write(self, table, path, s):
        import fastparquet
        import pandas
        kinds = {pa.bool_(): pandas.BooleanDtype(), pa.int8(): pandas.Int8Dtype(), pa.int16(): pandas.Int16Dtype(),
                 pa.int32(): pandas.Int32Dtype(), pa.int64(): pandas.Int64Dtype(), pa.uint8(): pandas.UInt8Dtype(),
                 pa.uint16(): pandas.UInt16Dtype(), pa.uint32(): pandas.UInt32Dtype(), pa.uint64(): pandas.UInt64Dtype()}
        frame = table.to_pandas(types_mapper=kinds.get)
        for name in ("s", "near", "bin"):
            frame[name] = frame[name].astype(object).where(frame[name].notna(), None)
        if s["times"] == "int96":
            # it takes every count for nanoseconds
            frame["us"] = frame["us"].astype("datetime64[ns]")
        if s["category"]:
            frame["s"] = frame["s"].astype("category")
        text = {n: "utf8" for n in ("s", "near")}
        text["bin"] = "bytes"
        fastparquet.write(path, frame, compression=s["codec"], row_group_offsets=s["rows"], times=s["times"],
                          object_encoding=text, write_index=False, has_nulls=True)

    def given(self, table):
        """pandas has no null beside NaN: they are one."""
        f64 = table.column("f64").combine_chunks()
        values = [None if v is None or v != v else v for v in f64.to_pylist()]
        return table.set_column(table.schema.get_field_index("f64"), "f64", pa.array(values, pa.float64()))


class Spark(Writer):
    """By hand only: needs Java, and pyspark of requirements_spark.txt."""
    name = "spark"
    session = None

    def columns(self, kind):
        skip = ("u8", "u16", "u32", "u64", "t", "fix", "ms")
        return [n for n in super().columns(kind) if n not in skip]

    def axes(self):
        return product(kind=["flat", "nested"], nulls=["some", "none", "all"],
                       codec=["uncompressed", "snappy", "gzip", "zstd", "lz4_raw", "brotli"][:5],
                       version=["v1", "v2"], legacy=["false", "true"], times=["INT96", "TIMESTAMP_MICROS"])

    def spark(self):
        from pyspark.sql import SparkSession
        if Spark.session is None:
            Spark.session = (SparkSession.builder.master("local[1]").appName("interop")
                             .config("spark.ui.enabled", "false").config("spark.sql.session.timeZone", "UTC")
                             .config("spark.driver.host", "127.0.0.1").config("spark.driver.bindAddress", "127.0.0.1")
                             .config("spark.sql.parquet.datetimeRebaseModeInWrite", "CORRECTED")
                             .config("spark.sql.parquet.int96RebaseModeInWrite", "CORRECTED")
                             .config("spark.sql.timestampType", "TIMESTAMP_LTZ").getOrCreate())
            Spark.session.sparkContext.setLogLevel("ERROR")
        return Spark.session

    def write(self, table, path, s):
        import glob
        import os
        import shutil
        from pyspark.sql.pandas.types import from_arrow_schema
        spark = self.spark()
        spark.conf.set("spark.sql.parquet.outputTimestampType", s["times"])
        spark.conf.set("spark.sql.parquet.writeLegacyFormat", s["legacy"])
        spark.conf.set("parquet.writer.version", s["version"])
        schema = from_arrow_schema(table.schema, prefer_timestamp_ntz=True)
        rows = [tuple(dict(v) if isinstance(v, list) and pa.types.is_map(f.type) else
                      bytearray(v) if isinstance(v, bytes) else v for v, f in zip(row.values(), table.schema))
                for row in table.to_pylist()]
        frame = spark.createDataFrame(rows, schema).coalesce(1)
        frame.write.mode("overwrite").option("compression", s["codec"]) \
            .option("parquet.writer.version", s["version"]).parquet(path + ".d")
        parts = glob.glob(os.path.join(path + ".d", "part-*"))
        shutil.move(parts[0], path)
        shutil.rmtree(path + ".d")


WRITERS = {w.name: w for w in (PyArrow(), DuckDB(), Polars(), FastParquet(), Spark())}
