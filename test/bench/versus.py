#!/usr/bin/env python3
"""versus.py
		lakehouse beside DuckDB and polars on the queries of peers.py.

usage: versus.py [--repeat N] [--only NAME] [--codec snappy|uncompressed] [--sf01]
                 [--json FILE] DIRECTORY

The protocol is that of peers.py: the engines take turns, one thread each, CPU
time, best and median.  Ours is a backend of the server that PGHOST leads to
(test/bench/run starts one); its CPU time is what the kernel counted for that
process (/proc/PID/schedstat), so parsing, planning and the executor are part
of it.  Whole rows are produced and thrown away inside the server (EXPLAIN
ANALYZE without timing), as the other engines keep them in their own tables.

The last column is lakehouse / DuckDB by medians; the bar is 0.7 for aggregates
and filters, 1.0 for the point look-up.  "emission" compares a scan of four
columns with a heap table of the same four columns instead.
"""

import argparse
import decimal
import json
import os
import statistics
import sys

import peers                                            # first: it limits polars' threads
import psycopg2


class Lakehouse:
    name = "lakehouse"

    def __init__(self, files):
        self.con = psycopg2.connect("")
        self.con.autocommit = True
        self.cur = self.con.cursor()
        self.cur.execute("CREATE EXTENSION IF NOT EXISTS lakehouse")
        self.cur.execute("CREATE SERVER IF NOT EXISTS bench FOREIGN DATA WRAPPER lakehouse")
        # one thread of one process, as the other engines
        self.cur.execute("SET lakehouse.threads = 1")
        self.cur.execute("SET max_parallel_workers_per_gather = 0")
        for path in files:
            self.cur.execute("DROP FOREIGN TABLE IF EXISTS %s" % self.table(path))
            self.cur.execute("CREATE FOREIGN TABLE %s () SERVER bench OPTIONS (location '%s')"
                             % (self.table(path), path))
        self.cur.execute("SELECT pg_backend_pid()")
        self.pid = self.cur.fetchone()[0]

    @staticmethod
    def table(path):
        return os.path.basename(path).replace(".parquet", "")

    def cpu_seconds(self):
        with open("/proc/%d/schedstat" % self.pid) as f:
            return int(f.read().split()[0]) / 1e9

    def statement(self, query, path):
        sql = query[1].replace("'{f}'", self.table(path)).replace("{f}", self.table(path))
        return "EXPLAIN (ANALYZE, TIMING OFF) " + sql if query[3] == "rows" else sql

    def run(self, query, path):
        self.cur.execute(self.statement(query, path))
        return self.cur.fetchall()

    @staticmethod
    def answer(rows, kind):
        if kind == "rows":
            return int(rows[0][0].split("rows=")[2].split()[0])
        return rows[0][0]


def measure(engines, query, path, repeat):
    answers = {e.name: e.answer(e.run(query, path), query[3]) for e in engines}
    if len({decimal.Decimal(str(a)) for a in answers.values()}) != 1:
        sys.exit("the engines disagree on %s of %s: %s" % (query[0], path, answers))
    times = {e.name: [] for e in engines}
    for _ in range(repeat):
        for e in engines:
            clock = getattr(e, "cpu_seconds", peers.cpu_seconds)
            before = clock()
            result = e.run(query, path)
            times[e.name].append((clock() - before) * peers.MS)
            del result
    return times, next(iter(answers.values()))


EMISSION = ["l_orderkey", "l_extendedprice", "l_shipdate", "l_shipmode"]


def emission(lake, path, repeat):
    """Four columns through the executor: foreign scan against heap scan.

    "used" counts each column above a fence, so that the heap scan has to take
    its tuples apart as ours has to make values; "discarded" throws rows away
    unseen, which spares the heap scan that work and us nothing.
    """
    cur, table = lake.cur, lake.table(path)
    columns = ", ".join(EMISSION)
    cur.execute("DROP TABLE IF EXISTS heap4")
    cur.execute("CREATE TABLE heap4 AS SELECT %s FROM %s" % (columns, table))
    cur.execute("VACUUM (ANALYZE, FREEZE) heap4")
    used = "SELECT %s FROM (SELECT %s FROM {rel} OFFSET 0) s" % (
        ", ".join("count(%s)" % c for c in EMISSION), columns)
    forms = {"used": used, "discarded": "EXPLAIN (ANALYZE, TIMING OFF) SELECT %s FROM {rel}" % columns}
    times = {}
    for i in range(repeat + 1):
        for form, sql in forms.items():
            for name, rel in (("lakehouse", table), ("heap", "heap4")):
                before = lake.cpu_seconds()
                cur.execute(sql.format(rel=rel))
                cur.fetchall()
                if i > 0:
                    times.setdefault((form, name), []).append((lake.cpu_seconds() - before) * peers.MS)
    return times


def main():
    p = argparse.ArgumentParser(description="lakehouse, DuckDB and polars on the bench files")
    p.add_argument("directory")
    p.add_argument("--repeat", type=int, default=7)
    p.add_argument("--only")
    p.add_argument("--codec", choices=["snappy", "uncompressed"])
    p.add_argument("--sf01", action="store_true")
    p.add_argument("--json")
    a = p.parse_args()

    scale = 0.1 if a.sf01 else 1
    codecs = [a.codec] if a.codec else ["snappy", "uncompressed"]
    files = {c: os.path.join(a.directory, "lineitem_%s%s.parquet" % ("sf01_" if a.sf01 else "", c))
             for c in codecs}
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    lake = Lakehouse(files.values())
    engines = [lake, peers.DuckDB(), peers.Polars("streaming"), peers.Polars("in-memory")]
    record = {"cpu": peers.cpu_model(), "scale": scale, "repeat": a.repeat, "cpu_ms": []}
    print("%s; one thread, CPU milliseconds, best / median of %d" % (record["cpu"], a.repeat))
    print("| file | query | %s | lakehouse / DuckDB |" % " | ".join(e.name for e in engines))
    print("| --- | --- | %s | ---: |" % " | ".join("---:" for _ in engines))
    for codec, path in files.items():
        for query in peers.queries(scale):
            if a.only and a.only not in query[0]:
                continue
            times, answer = measure(engines, query, path, a.repeat)
            med = {n: statistics.median(t) for n, t in times.items()}
            cells = ["%.1f / %.1f" % (min(t), med[n]) for n, t in times.items()]
            print("| %s | %s | %s | %.2f |" % (codec, query[0], " | ".join(cells),
                                               med[lake.name] / med[engines[1].name]), flush=True)
            record["cpu_ms"].append({"codec": codec, "query": query[0], "answer": str(answer), "times": times})
        if not a.only or a.only == "emission":
            times = emission(lake, path, a.repeat)
            for form in ("used", "discarded"):
                ours, heap = times[form, "lakehouse"], times[form, "heap"]
                print("| %s | emission of 4 columns, %s | %.1f / %.1f | heap: %.1f / %.1f | | | %.2f (to heap) |"
                      % (codec, form, min(ours), statistics.median(ours), min(heap), statistics.median(heap),
                         statistics.median(ours) / statistics.median(heap)), flush=True)
                record["cpu_ms"].append({"codec": codec, "query": "emission, " + form,
                                         "times": {"lakehouse": ours, "heap": heap}})
    if a.json:
        with open(a.json, "w") as f:
            json.dump(record, f, indent=1)


if __name__ == "__main__":
    main()
