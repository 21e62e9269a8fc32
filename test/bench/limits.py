"""
limits.py: how much memory a scan takes, and how soon it can be cancelled.

usage: test/lib/with_server limits PYTHON test/bench/limits.py memory|cancel|pages [DIRECTORY]

memory	a file whose only row group has 2 GB, through several values of work_mem: the
		memory that EXPLAIN reports (floor and peak), and by how much the process grew
cancel	the time from a cancel request to the error, at random moments of scans of
		that file
pages	the same for files with one page of 512 MB in each codec

DIRECTORY (default: lakehouse-limits under $TMPDIR or /tmp) gets the files, 2.2 GB,
and loses them at the end.  PYTHON needs pyarrow and psycopg2
(test/interop/requirements.txt).  docs/evidence has logs.
"""
import json
import os
import random
import shutil
import statistics
import sys
import threading
import time

import numpy
import psycopg2
import pyarrow
import pyarrow.parquet as pq

BATCH = 1 << 18
ROWS = 140 * BATCH              # of the large file: 2.2 GB in three columns
PAGE_VALUES = 64 << 20          # int64: 512 MB
CODECS = ["snappy", "gzip", "zstd", "lz4", "brotli"]
SAMPLES = 25


def write_large(path):
    """One row group, plain values that do not compress: id, x, and 44 bytes of text."""
    schema = pyarrow.schema([("id", pyarrow.int64()), ("x", pyarrow.float64()), ("t", pyarrow.string())])
    rng = numpy.random.default_rng(1)
    batches = []
    for i in range(ROWS // BATCH):
        letters = rng.integers(97, 123, BATCH * 44, dtype=numpy.uint8)
        text = pyarrow.StringArray.from_buffers(
            BATCH, pyarrow.py_buffer(numpy.arange(BATCH + 1, dtype=numpy.int32) * 44), pyarrow.py_buffer(letters))
        ids = pyarrow.array(numpy.arange(i * BATCH, (i + 1) * BATCH))
        batches.append(pyarrow.record_batch([ids, pyarrow.array(rng.random(BATCH)), text], schema=schema))
    pq.write_table(pyarrow.Table.from_batches(batches), path, compression="none", use_dictionary=False,
                   row_group_size=2 * ROWS)
    meta = pq.read_metadata(path)
    assert meta.num_row_groups == 1, meta.num_row_groups
    return meta.row_group(0).total_byte_size


def write_page(path, codec):
    """One page of 512 MB, which takes little room on disk."""
    table = pyarrow.table({"v": numpy.zeros(PAGE_VALUES, dtype=numpy.int64)})
    pq.write_table(table, path, compression=codec, use_dictionary=False, row_group_size=PAGE_VALUES,
                   data_page_size=1 << 30, write_batch_size=PAGE_VALUES, max_rows_per_page=PAGE_VALUES,
                   write_statistics=False)


def check_page(cursor, path):
    """Writers have limits of their own: what was wanted is not always what was written."""
    cursor.execute("SELECT count(*), max(uncompressed_size) FROM lakehouse.parquet_pages(%s)", [path])
    pages, size = cursor.fetchone()
    if pages != 1 or size < PAGE_VALUES * 8:
        sys.exit(f"{path}: {pages} pages, the largest of {size} bytes, but one of {PAGE_VALUES * 8} is wanted")


def kilobytes(pid):
    with open(f"/proc/{pid}/status") as status:
        values = dict(line.split(":", 1) for line in status)
    return int(values["VmRSS"].split()[0]), int(values["VmHWM"].split()[0])


def connect():
    session = psycopg2.connect("")
    session.autocommit = True
    return session, session.cursor()


def prepare(directory, tables):
    _, cursor = connect()
    cursor.execute("CREATE EXTENSION IF NOT EXISTS lakehouse; CREATE SERVER IF NOT EXISTS lake FOREIGN DATA WRAPPER lakehouse")
    for table in tables:
        cursor.execute(f"CREATE FOREIGN TABLE {table} () SERVER lake OPTIONS (location %s)", [f"{directory}/{table}.parquet"])


MEMORY_QUERIES = [
    ("sum(id)", "SELECT sum(id) FROM large"),
    ("sum of lengths", "SELECT sum(length(t)) FROM large"),
    ("filter on text", "SELECT count(*) FROM large WHERE t LIKE '%lakehouse%'"),
    ("filter, then payload", "SELECT * FROM large WHERE x < 0.0001"),
    ("all rows", "SELECT * FROM large"),
]


def memory(directory):
    size = write_large(f"{directory}/large.parquet")
    prepare(directory, ["large"])
    print(f"one row group of {size} bytes, {ROWS} rows")
    print("| query | work_mem | floor | peak | process |\n| --- | ---: | ---: | ---: | ---: |")
    worst = 0
    for name, query in MEMORY_QUERIES:
        for setting in ("64kB", "1MB", "4MB", "64MB"):
            session, cursor = connect()
            cursor.execute(f"SET work_mem = '{setting}'; SELECT id, x, t FROM large LIMIT 1; SELECT pg_backend_pid()")
            pid = cursor.fetchone()[0]
            before, _ = kilobytes(pid)
            cursor.execute("EXPLAIN (ANALYZE, VERBOSE, TIMING OFF, FORMAT JSON) " + query)
            plan = json.dumps(cursor.fetchone()[0])
            floor, peak = (int(plan.split(f'"{p}": ')[1].split(",")[0].split("}")[0]) for p in ("Memory Floor", "Memory Peak"))
            _, most = kilobytes(pid)
            limit = max(1024, {"64kB": 64, "1MB": 1024, "4MB": 4096, "64MB": 65536}[setting])
            worst = max(worst, peak - limit - floor)
            print(f"| {name} | {setting} | {floor} kB | {peak} kB | +{most - before} kB |", flush=True)
            session.close()
    print(f"most over work_mem (1 MB at least) + floor: {max(worst, 0)} kB")
    return worst <= 0


def cancel_once(session, cursor, query, delay):
    """Seconds from the request to the error; None when the query was faster."""
    asked = []

    def ask():
        asked.append(time.monotonic())
        session.cancel()

    timer = threading.Timer(delay, ask)
    timer.start()
    try:
        cursor.execute(query)
        cursor.fetchall()
        return None
    except psycopg2.errors.QueryCanceled:
        return time.monotonic() - asked[0]
    finally:
        timer.cancel()
        timer.join()


def latencies(queries):
    session, cursor = connect()
    random.seed(1)
    ok = True
    print("| scan | takes | cancelled | median | worst |\n| --- | ---: | ---: | ---: | ---: |")
    for name, query in queries:
        start = time.monotonic()
        cursor.execute(query)
        cursor.fetchall()
        takes = time.monotonic() - start
        delays = [cancel_once(session, cursor, query, random.uniform(0.01, 0.9) * takes) for _ in range(SAMPLES)]
        delays = [d * 1000 for d in delays if d is not None]
        ok &= len(delays) > SAMPLES / 2
        print(f"| {name} | {takes * 1000:.0f} ms | {len(delays)} of {SAMPLES} | {statistics.median(delays):.1f} ms | "
              f"{max(delays):.1f} ms |", flush=True)
    return ok


def cancel(directory):
    write_large(f"{directory}/large.parquet")
    prepare(directory, ["large"])
    return latencies(MEMORY_QUERIES[:3] + [
        ("rows, all columns", "SELECT count(*) FROM (SELECT * FROM large OFFSET 0) s WHERE t > 'zzz'"),
        ("condition of PostgreSQL", "SELECT count(*) FROM large WHERE upper(t) = 'X'")])


def pages(directory):
    _, cursor = connect()
    cursor.execute("CREATE EXTENSION IF NOT EXISTS lakehouse")
    for codec in CODECS:
        write_page(f"{directory}/{codec}.parquet", codec)
        check_page(cursor, f"{directory}/{codec}.parquet")
    prepare(directory, CODECS)
    return latencies([(codec, f"SELECT sum(v) FROM {codec}") for codec in CODECS])


MODES = {"memory": memory, "cancel": cancel, "pages": pages}


def main():
    what = sys.argv[1] if len(sys.argv) > 1 else ""
    if what not in MODES:
        sys.exit(__doc__)
    directory = sys.argv[2] if len(sys.argv) > 2 else os.path.join(os.environ.get("TMPDIR", "/tmp"), "lakehouse-limits")
    os.makedirs(directory, mode=0o755)
    try:
        ok = MODES[what](directory)
    finally:
        shutil.rmtree(directory)
    sys.exit(0 if ok else 1)


main()
