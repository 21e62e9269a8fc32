#!/usr/bin/env python3
"""oracle.py
		What every Parquet file among the shared fixtures holds, by two engines.

usage: oracle.py FIXTURES OUT

FIXTURES is the folder parquet/ of the shared fixtures (apache/parquet-testing
and Iceberg's encodings).  For each file, OUT gets NAME.jsonl:

	line 1      {"file", "path", "expect", "origin", "columns": [{"name", "type"}], "rows", ...}
	the others  one row each: a list of PostgreSQL's texts, null for NULL

and OUT/index.json lists them.  expect is "rows", "error", or "rows or error"
where the format leaves the reader free.

	1. Each file is read by pyarrow and by DuckDB and rendered by canon.py.
	2. Where both agree, that is the truth; where both fail, an error is expected.
	3. Where they differ, RULINGS says who is right and why; a difference that has
	   no ruling ends the run with status 1, so that a new version of an engine
	   cannot change the truth unnoticed.
	4. Encrypted files are decrypted by decrypt.py first, and then read so.
	5. Variants are decoded by variant.py from the binary files beside them.

The differences are printed as a table.
"""

import glob
import json
import os
import sys

sys.dont_write_bytecode = True

import duckdb                                           # noqa: E402
import pyarrow as pa                                    # noqa: E402
import pyarrow.parquet as pq                            # noqa: E402

import canon                                            # noqa: E402
import decrypt                                          # noqa: E402
import variant                                          # noqa: E402
from same import same                                   # noqa: E402

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                os.pardir, "fixtures", "make"))
import rawparquet                                       # noqa: E402

# file: (who is right, why).  Who: pyarrow, duckdb, error, rows (both read, see why).
RULINGS = {
    "bad_data/ARROW-RS-GH-6229-LEVELS.parquet":
        ("error", "DuckDB fills levels that the page does not have"),
    "data/byte_stream_split_extended.gzip.parquet":
        ("pyarrow", "DuckDB has no BYTE_STREAM_SPLIT for fixed-length bytes; every column"
                    " has its PLAIN twin in the file"),
    "iceberg-encodings/BYTE_STREAM_SPLIT/uuid.parquet":
        ("pyarrow", "DuckDB has no BYTE_STREAM_SPLIT for fixed-length bytes"),
    "iceberg-encodings/BYTE_STREAM_SPLIT/uuid_with_nulls.parquet":
        ("pyarrow", "DuckDB has no BYTE_STREAM_SPLIT for fixed-length bytes"),
    "data/incorrect_map_schema.parquet":
        ("duckdb", "pyarrow refuses optional map keys, which Presto and Trino wrote for years"),
    "data/int96_from_spark.parquet":
        ("pyarrow", "both overflow on the year 290000; row 5 is taken from int96_from_spark.md"),
    "data/map_no_value.parquet":
        ("pyarrow", "DuckDB refuses a map without values; map_no_value.md says what it holds"),
    "data/large_string_map.brotli.parquet":
        ("error", "each text has 1 GB, which no value in PostgreSQL can have"),
}

# Values that neither engine gets right: file -> {(row, column): text}.
CORRECTIONS = {
    "data/int96_from_spark.parquet": {(5, 0): "290000-12-30 23:00:00"},
}

# Not read by the engines: 2 GB of memory for nothing.
UNREAD = {"data/large_string_map.brotli.parquet"}

# The README of the fixtures writes them as digits; they are the digits' ASCII.
KEYS_128 = {"kf": b"0123456789012345", "kc1": b"1234567890123450", "kc2": b"1234567890123451"}
KEYS_256 = {"kf": b"01234567890123456789012345678901",
            **{"kc%d" % i: b"1234567890123456789012345678901%d" % (i + 1) for i in range(1, 9)}}
AAD_PREFIX = "tester"


class Table:
    def __init__(self, names, types, columns):
        self.names, self.types, self.columns = names, types, columns

    @property
    def rows(self):
        return len(self.columns[0]) if self.columns else 0

    @classmethod
    def of_arrow(cls, t):
        flat = [c.combine_chunks() for c in t.columns]
        return cls(t.column_names, [canon.pg_type(f.type) for f in t.schema],
                   [canon.texts(c) for c in flat])


def read_pyarrow(path):
    # Nanoseconds of INT96 overflow in the year 2262, microseconds do not.
    return Table.of_arrow(pq.ParquetFile(path, coerce_int96_timestamp_unit="us").read())


def read_duckdb(path):
    con = duckdb.connect(config={"threads": 1})
    con.execute("SET TimeZone = 'UTC'")
    return Table.of_arrow(
    con.sql(
        "FROM read_parquet('%s')" %
        path.replace(
            "'",
             "''")).to_arrow_table())


def attempt(read, path):
    try:
        return read(path), None
    except Exception as e:                              # each engine has its own classes
        return None, "%s" % str(e).split("\n")[0][:200]


def differences(a, b):
    """How two tables differ: (a real difference?, what) lines."""
    if len(a.names) != len(b.names):
        return [(True, "%d columns against %d" % (len(a.names), len(b.names)))]
    if a.rows != b.rows:
        return [(True, "%d rows against %d" % (a.rows, b.rows))]
    out = []
    for name, ta, tb, ca, cb in zip(a.names, a.types, b.types, a.columns, b.columns):
        if ta != tb:
            out.append((False, "%s is %s against %s" % (name, ta, tb)))
        wrong = [i for i, (x, y) in enumerate(zip(ca, cb)) if not same(x, y, ta)]
        written = sum(x != y for x, y in zip(ca, cb)) - len(wrong)
        if wrong:
            out.append((True, "%s differs in %d rows, first in row %d: %s against %s"
                        % (name, len(wrong), wrong[0], ca[wrong[0]], cb[wrong[0]])))
        if written:
            out.append((False, "%s is written otherwise in %d rows" % (name, written)))
    return out


class Oracle:
    def __init__(self, fixtures, out):
        self.fixtures, self.out = fixtures, out
        self.index, self.notes, self.undecided = [], [], []

    def add(self, name, expect, origin, table=None, path=None, **more):
        target = os.path.join(self.out, name + ".jsonl")
        os.makedirs(os.path.dirname(target), exist_ok=True)
        entry = {"file": name, "path": os.path.abspath(path or os.path.join(self.fixtures, name)),
                 "expect": expect, "origin": origin, "oracle": os.path.abspath(target), **more}
        head = dict(entry)
        if table is not None:
            head["columns"] = [{"name": n, "type": t} for n, t in zip(table.names, table.types)]
            head["rows"] = table.rows
        with open(target, "w", encoding="utf-8", errors="surrogateescape", newline="\n") as f:
            f.write(json.dumps(head) + "\n")
            for row in zip(*table.columns) if table is not None else ():
                f.write(json.dumps(row) + "\n")
        self.index.append(entry)

    def note(self, name, what, decision):
        self.notes.append((name, what, decision))

    def plain(self, name, clear=None, **more):
        """Read by both engines; an encrypted file from its decrypted copy 'clear'."""
        source = clear or os.path.join(self.fixtures, name)
        ruling = RULINGS.get(name)
        if name in UNREAD:
            self.note(name, "not read", ruling[1])
            return self.add(name, ruling[0], "ruling", **more)
        a, wrong_a = attempt(read_pyarrow, source)
        b, wrong_b = attempt(read_duckdb, source)
        if a is None and b is None:
            self.note(
    name, "both fail: pyarrow: %s; DuckDB: %s" %
     (wrong_a, wrong_b), "error expected")
            return self.add(name, "error", "both fail", **more)
        found = differences(a, b) if a and b else [(True, "pyarrow fails: " + wrong_a if a is None
                                                    else "DuckDB fails: " + wrong_b)]
        real = [what for is_real, what in found if is_real]
        for is_real, what in found:
            self.note(name, what, ruling[1] if ruling else
                      "undecided" if is_real else "the same value; pyarrow's is kept")
        if real and not ruling:
            self.undecided.append(name)
        if ruling and not real:
            self.undecided.append(name)
            self.note(name, "has a ruling, but the engines agree", "take the ruling out")
        who = ruling[0] if ruling else "pyarrow"
        if who == "error":
            return self.add(name, "error", "ruling", **more)
        table = {"pyarrow": a, "duckdb": b}[who]
        for (row, column), text in CORRECTIONS.get(name, {}).items():
            table.columns[column][row] = text
        self.add(name, "rows", "both agree" if not real else "ruling for " + who, table, **more)

    def encrypted(self, name, keys, aad_prefix):
        source = os.path.join(self.fixtures, name)
        clear = os.path.join(self.out, "decrypted", name.replace("/", "_") + ".parquet")
        os.makedirs(os.path.dirname(clear), exist_ok=True)
        decrypt.decrypt(source, clear, keys, aad_prefix.encode() if aad_prefix else None)
        self.plain(name, clear, keys={k: v.hex() for k, v in keys.items()}, aad_prefix=aad_prefix)

    def variant_pairs(self):
        """Each pair of metadata and value is put into a Parquet file of one row."""
        for value in sorted(glob.glob(os.path.join(self.fixtures, "variant", "*.value"))):
            name = os.path.basename(value)[:-len(".value")]
            with open(value, "rb") as f:
                body = f.read()
            with open(value[:-len("value")] + "metadata", "rb") as f:
                metadata = f.read()
            path = os.path.join(self.out, "variant", name + ".parquet")
            os.makedirs(os.path.dirname(path), exist_ok=True)
            write_variant(path, metadata, body)
            decoded = variant.decode(variant.Metadata(metadata), body)
            self.add("variant/" + name + ".value", "rows", "variant.py",
                     Table(["v"], ["jsonb"], [[canon.jsonb(decoded)]]), path=path,
                     float4=has_float4(decoded))

    def shredded_variants(self):
        folder = os.path.join(self.fixtures, "shredded_variant")
        with open(os.path.join(folder, "cases.json")) as f:
            cases = json.load(f)
        for case in cases:
            if "parquet_file" not in case:
                continue
            name = "shredded_variant/" + case["parquet_file"]
            if "error_message" in case:
                self.add(name, "error", "cases.json", note=case["error_message"])
                continue
            values = []
            for file in case.get("variant_files") or [case["variant_file"]]:
                if file is None:
                    values.append(None)
                    continue
                with open(os.path.join(folder, file), "rb") as f:
                    values.append((variant.decode_joined(f.read()),))
            texts = [None if v is None else canon.jsonb(v[0]) for v in values]
            ids = [canon.texts(pq.ParquetFile(os.path.join(folder, case["parquet_file"]))
                               .read(columns=["id"])["id"].combine_chunks())][0]
            table = Table(["id", "var"], ["integer", "jsonb"], [ids, texts])
            # "Implementations can choose to error": the files named INVALID.
            expect = "rows or error" if "notes" in case else "rows"
            self.add(name, expect, "cases.json", table,
                     float4=any(v and has_float4(v[0]) for v in values))
            self.compare_duckdb_variant(name, folder, case, texts)

    def compare_duckdb_variant(self, name, folder, case, texts):
        try:
            con = duckdb.connect(config={"threads": 1})
            con.execute("SET TimeZone = 'UTC'")
            got = [r[0] for r in con.execute(
                "SELECT var::JSON::VARCHAR FROM read_parquet('%s')"
                % os.path.join(folder, case["parquet_file"])).fetchall()]
        except Exception as e:
            self.note(name, "DuckDB fails: %s" % str(e).split("\n")[0][:120], "cases.json")
            return
        if len(got) != len(texts) or any(not same(x, y, "jsonb", True) for x, y in zip(texts, got)):
            self.note(name, "DuckDB reads %s, cases.json says %s" % (got, texts), "cases.json")

    def run(self):
        def names(pattern):
            found = sorted(glob.glob(os.path.join(self.fixtures, pattern)))
            return [os.path.relpath(f, self.fixtures).replace(os.sep, "/") for f in found]

        for pattern in ("data/*.parquet", "data/geospatial/*.parquet", "bad_data/*.parquet",
                        "iceberg-encodings/*/*.parquet"):
            for name in names(pattern):
                self.plain(name)
        for name in names("data/*.encrypted"):
            if name.endswith("external_key_material_java.parquet.encrypted"):
                keys = decrypt.external_keys(os.path.join(self.fixtures, name), KEYS_128)
                self.encrypted(name, keys, None)
            else:
                self.encrypted(name, KEYS_128, AAD_PREFIX if "aad" in name else None)
        for name in names("data/aes256/*.encrypted"):
            self.encrypted(name, KEYS_256, AAD_PREFIX if "aad" in name else None)
        self.variant_pairs()
        self.shredded_variants()
        with open(os.path.join(self.out, "index.json"), "w") as f:
            json.dump(self.index, f, indent=1)


def has_float4(v):
    if isinstance(v, dict):
        return any(map(has_float4, v.values()))
    if isinstance(v, list):
        return any(map(has_float4, v))
    return isinstance(v, variant.Float4)


def write_variant(path, metadata, value):
    r = rawparquet
    column = lambda name, data: r.Chunk(["v", name], r.BYTE_ARRAY, 1, [     # noqa: E731
        r.data_page(1, r.plain(r.BYTE_ARRAY, [data]))])
    r.write(
    path, [
        r.root(1), r.element(
            "v", None, r.REQUIRED, 2, logical=r.logical(
                16, [
                    (1, "i8", 1)])), r.element(
                        "metadata", r.BYTE_ARRAY), r.element(
                            "value", r.BYTE_ARRAY)], [
                                (1, [
                                    column(
                                        "metadata", metadata), column(
                                            "value", value)])])


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    fixtures, out = sys.argv[1:]
    if not os.path.isdir(os.path.join(fixtures, "data")):
        sys.exit("oracle: no Parquet fixtures in %s" % fixtures)
    pa.set_cpu_count(1)
    oracle = Oracle(os.path.abspath(fixtures), out)
    oracle.run()
    print("| file | difference | decision |")
    print("| --- | --- | --- |")
    for note in oracle.notes:
        print("| %s | %s | %s |" % tuple(x.replace("|", "/") for x in note))
    count = {}
    for entry in oracle.index:
        count[entry["expect"]] = count.get(entry["expect"], 0) + 1
    print("%d files: %s" % (len(oracle.index),
                            ", ".join("%d %s" % (n, e) for e, n in sorted(count.items()))))
    if oracle.undecided:
        sys.exit("oracle: these need a ruling: " + ", ".join(oracle.undecided))


if __name__ == "__main__":
    main()
