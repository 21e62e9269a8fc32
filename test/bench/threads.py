#!/usr/bin/env python3
"""threads.py
		What helper threads and parallel workers gain and cost, over lineitem.

usage: threads.py [--repeat N] [--codec snappy|uncompressed] DIRECTORY

For each query: wall time and CPU time of the session with 1 and 2 threads, and
wall time of a parallel plan with one worker.  CPU time is that of the process
with all of its threads, those that have ended included (clock_gettime of its
CPU clock); "leader" is the part of the session's own thread: on a machine with
nothing else to do, the wall time is about that.  Settings take turns, best and
median in milliseconds.  Run it by test/lib/with_server.
"""

import argparse
import os
import statistics
import time

import psycopg2

QUERIES = [
    ("sum(l_quantity)", "SELECT sum(l_quantity) FROM {t}"),
    ("sum(l_extendedprice)", "SELECT sum(l_extendedprice) FROM {t}"),
    ("sum(l_partkey)", "SELECT sum(l_partkey) FROM {t}"),
    ("l_comment LIKE", "SELECT count(*) FROM {t} WHERE l_comment LIKE '%special%requests%'"),
    ("sum(length(l_comment))", "SELECT sum(length(l_comment)) FROM {t}"),
    ("count(distinct l_partkey)", "SELECT count(DISTINCT l_partkey) FROM {t}"),
    ("TPC-H Q6", "SELECT sum(l_extendedprice * l_discount) FROM {t} WHERE l_shipdate >= '1994-01-01' "
     "AND l_shipdate < '1995-01-01' AND l_discount BETWEEN 0.05 AND 0.07 AND l_quantity < 24"),
    ("sum of floats", "SELECT sum(l_extendedprice), avg(l_discount) FROM {t}_floats"),
    ("emission of 4 columns", "SELECT count(a), count(b), count(c), count(d) FROM (SELECT l_orderkey a, l_extendedprice b, "
     "l_shipdate c, l_shipmode d FROM {t} OFFSET 0) s"),
]


def leader_seconds(pid):
    with open("/proc/%d/schedstat" % pid) as f:
        return int(f.read().split()[0]) / 1e9


def cpu_clock(pid):
    return (~pid << 3) | 2                      # the kernel's id of another process's CPU clock


SETTINGS = [
    ("1 thread", "SET lakehouse.threads = 1; SET max_parallel_workers_per_gather = 0"),
    ("2 threads", "SET lakehouse.threads = 2; SET max_parallel_workers_per_gather = 0"),
    ("1 worker", "SET lakehouse.threads = 1; SET max_parallel_workers_per_gather = 1; SET parallel_setup_cost = 0"),
]


def floats_of(path):
    """The same file with two decimals as doubles, made once."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    out = path.replace(".parquet", "_floats.parquet")
    if os.path.exists(out):
        return out
    source = pq.ParquetFile(path)
    names = ["l_extendedprice", "l_discount"]
    writer = None
    for i in range(source.num_row_groups):
        t = source.read_row_group(i, columns=names)
        t = pa.table({n: t[n].cast(pa.float64()) for n in names})
        writer = writer or pq.ParquetWriter(out, t.schema, compression="snappy", use_dictionary=False)
        writer.write_table(t, row_group_size=t.num_rows)
    writer.close()
    return out


def main():
    args = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    args.add_argument("--repeat", type=int, default=5)
    args.add_argument("--codec", default="snappy")
    args.add_argument("directory")
    args = args.parse_args()

    con = psycopg2.connect("")
    con.autocommit = True
    cur = con.cursor()
    path = os.path.join(args.directory, "lineitem_%s.parquet" % args.codec)
    cur.execute("CREATE EXTENSION IF NOT EXISTS lakehouse; CREATE SERVER IF NOT EXISTS bench FOREIGN DATA WRAPPER lakehouse")
    for name, file in (("lineitem", path), ("lineitem_floats", floats_of(path))):
        cur.execute("CREATE FOREIGN TABLE %s () SERVER bench OPTIONS (location '%s')" % (name, file))
    cur.execute("SELECT pg_backend_pid()")
    pid = cur.fetchone()[0]
    clock = cpu_clock(pid)

    print("| query | 1 thread: wall | CPU | 2 threads: wall | CPU | leader | 1 worker: wall |")
    print("| --- |" + " ---: |" * 6)
    for name, sql in QUERIES:
        took = {s: ([], [], []) for s, _ in SETTINGS}
        answers = set()
        for _ in range(args.repeat + 1):
            for setting, commands in SETTINGS:
                cur.execute(commands)
                wall, cpu, leader = time.monotonic(), time.clock_gettime(clock), leader_seconds(pid)
                cur.execute(sql.format(t="lineitem"))
                answers.add(tuple(map(str, cur.fetchone())))
                took[setting][0].append(time.monotonic() - wall)
                took[setting][1].append(time.clock_gettime(clock) - cpu)
                took[setting][2].append(leader_seconds(pid) - leader)
        assert len(answers) == 1, (name, answers)
        cells = []
        for setting, _ in SETTINGS:
            for which in {"1 thread": (0, 1), "2 threads": (0, 1, 2), "1 worker": (0,)}[setting]:
                ms = [1000 * x for x in took[setting][which][1:]]
                cells.append("%.1f / %.1f" % (min(ms), statistics.median(ms)))
        print("| %s | %s |" % (name, " | ".join(cells)), flush=True)


if __name__ == "__main__":
    main()
