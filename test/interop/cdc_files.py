"""cdc_files.py
		Foreign readers of the file sink's containers (by test/interop/cdc_files).

One stream goes into all containers and codecs at once.  Then, by the manifests,

	1. fastavro reads each Avro file, pyarrow and DuckDB each Parquet file; the rows of a topic and
	   schema are the same in all, value for value and in order;
	2. the rows of the last schema, applied in the order of (__lsn, __seq), are the table;
	3. each file has the rows that the manifest says, and the schema beside it is the one in it.
"""

import argparse
import datetime
import decimal
import json
import os
import shutil
import subprocess
import sys
import tempfile
import uuid

import duckdb
import fastavro
import pyarrow.parquet

AVRO = ["none", "deflate", "zstd", "snappy"]
PARQUET = ["zstd", "none", "snappy", "gzip"]

TABLE = """
CREATE TABLE t (id bigint PRIMARY KEY, i int, s smallint, b bool, n numeric(12, 2), f float8, r real, v text, d date,
	z timestamptz, p timestamp, tt time, u uuid, j jsonb, y bytea, a int[], ta text[]);
INSERT INTO t SELECT g, g * 3, g % 100, g % 2 = 0, (g % 1000) / 7.0, g / 3.0, g / 9.0::real, 'text ' || g || ' ä€', date '2026-01-01' + g % 3000,
	timestamptz '2026-01-01 12:00:00.123456Z' + g * interval '1 s', timestamp '2026-01-01 00:00:00' + g * interval '1 us', time '00:00:01' + g % 80000 * interval '1 s',
	md5(g::text)::uuid, jsonb_build_object('g', g), decode(md5(g::text), 'hex'), ARRAY[g, NULL, 3], ARRAY['a', g::text]
	FROM generate_series(1, {rows}) g;
INSERT INTO t (id) VALUES (0);
CREATE TABLE keyless (v text, x float8);
INSERT INTO keyless VALUES ('one', 1), ('two', 'NaN'), (NULL, '-Infinity');
"""
CHANGES = """
UPDATE t SET i = i + 1, v = NULL WHERE id % 10 = 0;
DELETE FROM t WHERE id % 25 = 3;
UPDATE t SET id = -id WHERE id % 31 = 4;
ALTER TABLE t ADD later text;
UPDATE t SET later = 'x' || id;
INSERT INTO keyless VALUES ('three', 3);
"""

passed = failed = 0


def check(what, ok, why=""):
    global passed, failed
    passed, failed = passed + bool(ok), failed + (not ok)
    if not ok:
        print(f"not ok: {what}: {str(why)[:600]}")


def psql(query):
    return subprocess.run(["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-c", query], stdout=subprocess.PIPE, check=True).stdout.decode().strip()


def client(command, directory, *more):
    arguments = [os.environ["LH_CLIENT"], command, "--source", f"host={os.environ['PGHOST']} user={os.environ['PGUSER']} dbname={os.environ['PGDATABASE']}", "--slot", "s", "--table", "public.t", "--table", "public.keyless"]
    for container, codecs in (("avro", AVRO), ("parquet", PARQUET)):
        for codec in codecs:
            arguments += ["--sink", f"avro=file:{directory}/{container}-{codec}?container={container}&compress={codec}&rotate.bytes=200000&block.bytes=20000"]
    done = subprocess.run(arguments + list(more), stderr=subprocess.PIPE)
    if done.returncode != 0:
        raise SystemExit(f"lakehouse_cdc {command} ended with {done.returncode}: {done.stderr.decode()[-2000:]}")


def plain(x):
    """A value as all readers have it: moments in UTC, numbers that can be compared, NaN as itself."""
    if isinstance(x, datetime.datetime):
        return ("moment" if x.tzinfo else "local", x.astimezone(datetime.timezone.utc).replace(tzinfo=None).isoformat() if x.tzinfo else x.isoformat())
    if isinstance(x, (datetime.date, datetime.time)):
        return x.isoformat()
    if isinstance(x, decimal.Decimal):
        return ("decimal", str(x))
    if isinstance(x, uuid.UUID):
        return ("uuid", str(x))
    if isinstance(x, float):
        return ("float", repr(x))
    if isinstance(x, dict):
        return {k: plain(v) for k, v in sorted(x.items())}
    if isinstance(x, (list, tuple)):
        return [plain(v) for v in x]
    return x


def pairs(rows, maps):
    """pyarrow gives maps as lists of pairs, the others as dictionaries."""
    return [{k: dict(v) if k in maps and isinstance(v, list) else v for k, v in row.items()} for row in rows]


def by_fastavro(path):
    with open(path, "rb") as f:
        reader = fastavro.reader(f)
        return list(reader), reader.metadata


def rows_of(table, uuids):
    """Of an Arrow table; what is a UUID it may have as bytes or as text."""
    maps = {f.name for f in table.schema if pyarrow.types.is_map(f.type)}
    rows = pairs(table.to_pylist(), maps)
    for row in rows:
        for name in uuids:
            if isinstance(row[name], bytes):
                row[name] = uuid.UUID(bytes=row[name])
            elif isinstance(row[name], str):
                row[name] = uuid.UUID(row[name])
    return rows


def by_pyarrow(path):
    schema = pyarrow.parquet.ParquetFile(path).schema
    uuids = [schema.column(i).name for i in range(len(schema)) if "UUID" in str(schema.column(i).logical_type)]
    return rows_of(pyarrow.parquet.read_table(path), uuids)


def by_duckdb(path):
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    cursor = connection.execute("SELECT * FROM read_parquet(?)", [path])
    uuids = [d[0] for d in cursor.description if str(d[1]) == "UUID"]
    return rows_of(cursor.to_arrow_table(), uuids)


def read_sink(directory, container):
    """{(topic, schema): [rows by one reader, rows by another...]}"""
    found = {}
    with open(f"{directory}/_manifest.jsonl", encoding="utf-8") as f:
        entries = [json.loads(line) for line in f]
    for e in sorted(entries, key=lambda e: e["name"]):
        path = f"{directory}/{e['name']}"
        with open(f"{directory}/_schemas/{e['schema']}.avsc", "rb") as f:
            text = f.read()
        if container == "avro":
            rows, metadata = by_fastavro(path)
            readers = [rows]
            stored = metadata["avro.schema"]
            check(f"{path}: the schema beside it is its own", json.loads(stored) == json.loads(text))
        else:
            readers = [by_pyarrow(path), by_duckdb(path)]
            metadata = pyarrow.parquet.read_metadata(path).metadata
            check(f"{path}: it names its schema", metadata[b"lakehouse.schema"].decode() == e["schema"], metadata)
            check(f"{path}: and its slot", metadata[b"lakehouse.slot"] == b"s", metadata)
        for i, rows in enumerate(readers):
            check(f"{path}: reader {i}: as many rows as the manifest says", len(rows) == e["rows"], f"{len(rows)}, not {e['rows']}")
            found.setdefault((e["topic"], e["schema"]), [[] for _ in readers])[i].extend(plain(r) for r in rows)
    return found


def first_difference(a, b):
    for i, (x, y) in enumerate(zip(a, b)):
        if x != y:
            return f"row {i}: " + ", ".join(f"{k}: {x.get(k)!r} {y.get(k)!r}" for k in x.keys() | y.keys() if x.get(k) != y.get(k))
    return f"{len(a)} rows, {len(b)} rows"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--rows", type=int)
    parser.add_argument("--keep", action="store_true")
    options = parser.parse_args()
    rows = options.rows or (2000 if options.quick else 50000)
    directory = tempfile.mkdtemp(prefix="cdc_files.")
    psql("CREATE EXTENSION lakehouse")
    psql(TABLE.format(rows=rows))
    client("snapshot", directory)
    psql(CHANGES)
    client("stream", directory, "--once")

    sinks = {(c, codec): read_sink(f"{directory}/{c}-{codec}", c) for c, codecs in (("avro", AVRO), ("parquet", PARQUET)) for codec in codecs}
    oracle = sinks["avro", "none"]
    check("two schemas of t and one of keyless", sorted(t for t, _ in oracle) == ["s.public.keyless", "s.public.t", "s.public.t"], list(oracle))
    for name, found in sinks.items():
        check(f"{name}: the same topics and schemas", found.keys() == oracle.keys(), found.keys())
        for k, readers in found.items():
            for i, got in enumerate(readers):
                check(f"{name}: {k}, reader {i}: {len(got)} rows, as fastavro has them", got == oracle[k][0], first_difference(oracle[k][0], got))

    # what the rows leave: ids, and the columns that JSON says as Python does
    all_rows = [r for (t, _), readers in oracle.items() if t == "s.public.t" for r in readers[0]]
    state = {}
    for r in sorted(all_rows, key=lambda r: (r["__lsn"], r["__seq"], r["__op"] != "d")):
        if r["__op"] == "d":
            state.pop(r["id"], None)
        else:
            state[r["id"]] = r
    want = {r["id"]: r for r in map(json.loads, psql("SELECT row_to_json(t) FROM t").splitlines())}
    check("the rows leave the table's keys", state.keys() == want.keys(), len(state))
    for column in ("i", "s", "b", "v", "d", "a", "ta", "later"):
        bad = [(k, state[k].get(column), r[column]) for k, r in want.items() if k in state and state[k].get(column) != r[column]]
        check(f"and its values of {column}", not bad, bad[:3])
    bad = [(k, state[k]["n"], r["n"]) for k, r in want.items() if k in state and r["n"] is not None and decimal.Decimal(state[k]["n"][1]) != decimal.Decimal(str(r["n"]))]
    check("and its decimals", not bad, bad[:3])
    if options.keep:
        print(f"kept: {directory}")
    else:
        shutil.rmtree(directory)
    print(f"{len(all_rows)} rows of t in {len(sinks)} sinks")
    print(f"{passed} passed, {failed} failed, 0 skipped")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
