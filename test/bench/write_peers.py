#!/usr/bin/env python3
"""write_peers.py
		CPU time of pyarrow and DuckDB for what bench_write.c does.

usage: write_peers.py [--repeat N] [--codec zstd|snappy|none] [--rows N] [--each] [FILE]

The first rows of FILE (default: lineitem of $LH_BENCH_DATA) are in memory, as an
Arrow table or a DuckDB table; one thread, the engine's own settings but for the
codec.  The least CPU time of all repeats counts.  DuckDB's includes the scan of
its table, as that of a query would be.
"""

import argparse
import os
import resource
import tempfile

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq


def cpu_seconds():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def best(repeat, f):
    times = []
    for _ in range(repeat):
        start = cpu_seconds()
        f()
        times.append(cpu_seconds() - start)
    return min(times)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--repeat", type=int, default=3)
    p.add_argument("--codec", default="zstd")
    p.add_argument("--rows", type=int, default=1 << 20)
    p.add_argument("--each", action="store_true")
    p.add_argument("file", nargs="?", default=os.path.join(
        os.environ.get("LH_BENCH_DATA", "/tmp/lakehouse-bench"), "lineitem_snappy.parquet"))
    a = p.parse_args()
    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)
    pieces, rows = [], 0
    for batch in pq.ParquetFile(a.file).iter_batches(batch_size=1 << 17):
        pieces.append(batch)
        rows += len(batch)
        if rows >= a.rows:
            break
    table = pa.Table.from_batches(pieces).slice(0, a.rows).combine_chunks()
    db = duckdb.connect()
    db.execute("SET threads = 1")
    db.register("arrow", table)
    db.execute("CREATE TABLE t AS SELECT * FROM arrow")
    fd, path = tempfile.mkstemp(suffix=".parquet")
    os.close(fd)
    codec = "uncompressed" if a.codec == "none" else a.codec

    def show(engine, what, seconds):
        print("%-8s %-18s %8.3f s %8.2f M rows/s %12d bytes" %
              (engine, what, seconds, len(table) / seconds / 1e6, os.path.getsize(path)), flush=True)

    for what in [None] + (table.column_names if a.each else []):
        columns = table if what is None else table.select([what])
        name = what or "all columns"
        show("pyarrow", name, best(a.repeat, lambda: pq.write_table(columns, path, compression=a.codec)))
        show("duckdb", name, best(a.repeat, lambda: db.execute(
            "COPY (SELECT %s FROM t) TO '%s' (FORMAT parquet, CODEC '%s')" % (what or "*", path, codec))))
    os.unlink(path)


if __name__ == "__main__":
    main()
