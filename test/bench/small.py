#!/usr/bin/env python3
"""small.py
		Ladder rung L9: wide files, many files, first queries.

usage: small.py [--repeat N] DIRECTORY

Run by test/bench/small, which starts a server.  The files are made in DIRECTORY
when they are missing: wide.parquet (1,000 columns, 2 row groups of 10,000 rows)
and many/ (10,000 files of one row group and 100 rows).

	wide, open and 3 columns	footer and three columns of a thousand: pyarrow's
			ParquetFile(...).read(columns), DuckDB, polars; ours is a statement.
			"cold": without the footer cache (lakehouse.footer_cache = 0)
	many, count and sum		10,000 footers, and one column of each
	first query				a new session: connect, load the library, open one file,
			answer; beside it a new session that answers SELECT 1

CPU milliseconds, best and median, engines in turn (peers.py).
"""

import argparse
import os
import statistics
import sys
import time

import peers                                            # first: it limits polars' threads
import duckdb
import numpy
import psycopg2
import pyarrow
import pyarrow.compute
import pyarrow.parquet

import versus

pyarrow.set_cpu_count(1)
pyarrow.set_io_thread_count(1)


def make(directory):
    wide = os.path.join(directory, "wide.parquet")
    if not os.path.exists(wide):
        rng = numpy.random.default_rng(1)
        table = pyarrow.table({"c%d" % i: rng.integers(0, 1000, 20000) for i in range(1000)})
        pyarrow.parquet.write_table(table, wide, row_group_size=10000)
    many = os.path.join(directory, "many")
    if not os.path.exists(many):
        os.makedirs(many + ".new")
        for i in range(10000):
            table = pyarrow.table({"id": numpy.arange(i * 100, i * 100 + 100), "v": numpy.arange(100) * 0.5,
                                   "t": ["t%d" % (k % 7) for k in range(100)]})
            pyarrow.parquet.write_table(table, "%s.new/f%05d.parquet" % (many, i))
        os.rename(many + ".new", many)
    return wide, many


def take_turns(engines, repeat):
    """{name: (function, clock)} -> {name: times}; the answers have to be equal."""
    answers = {name: f() for name, (f, _) in engines.items()}
    if len({round(float(a), 3) for a in answers.values()}) != 1:
        sys.exit("the engines disagree: %s" % answers)
    times = {name: [] for name in engines}
    for _ in range(repeat):
        for name, (f, clock) in engines.items():
            before = clock()
            f()
            times[name].append((clock() - before) * peers.MS)
    return times


def show(what, times):
    ours = statistics.median(times["lakehouse"])
    for name, t in times.items():
        ratio = "" if name.startswith("lakehouse") else "%.2f" % (ours / statistics.median(t))
        print("| %s | %s | %.1f / %.1f | %s |" % (what, name, min(t), statistics.median(t), ratio), flush=True)


def first_query(sql):
    """CPU time of a whole backend, as the kernel counts its life."""
    con = psycopg2.connect("")
    con.autocommit = True
    cur = con.cursor()
    cur.execute("SELECT pg_backend_pid()")
    pid = cur.fetchone()[0]
    cur.execute(sql)
    answer = cur.fetchone()[0]
    with open("/proc/%d/schedstat" % pid) as f:
        used = int(f.read().split()[0]) / 1e6
    con.close()
    return used, answer


def main():
    p = argparse.ArgumentParser(description="wide files, many files, first queries")
    p.add_argument("directory")
    p.add_argument("--repeat", type=int, default=7)
    a = p.parse_args()
    wide, many = make(a.directory)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    lake = versus.Lakehouse([])
    duck = duckdb.connect(config={"threads": 1})
    cpu = peers.cpu_seconds
    cur = lake.cur
    cur.execute("CREATE FOREIGN TABLE wide () SERVER bench OPTIONS (location '%s')" % wide)
    cur.execute("CREATE FOREIGN TABLE many () SERVER bench OPTIONS (location '%s')" % many)

    def ask(sql):
        cur.execute(sql)
        return cur.fetchone()[0]

    def cold(sql):
        cur.execute("SET lakehouse.footer_cache = 0")
        try:
            return ask(sql)
        finally:
            cur.execute("RESET lakehouse.footer_cache")

    def arrow():
        t = pyarrow.parquet.ParquetFile(wide).read(columns=["c3", "c500", "c998"], use_threads=False)
        return sum(pyarrow.compute.sum(t.column(c)).as_py() for c in t.column_names)

    print("%s; one thread, CPU milliseconds, best / median of %d" % (peers.cpu_model(), a.repeat))
    print("| what | engine | ms | lakehouse / it |\n| --- | --- | ---: | ---: |")
    sql = "SELECT sum(c3) + sum(c500) + sum(c998) FROM %s"
    show("1,000 columns, 3 read", take_turns({
        "lakehouse": (lambda: ask(sql % "wide"), lake.cpu_seconds),
        "lakehouse, cold": (lambda: cold(sql % "wide"), lake.cpu_seconds),
        "pyarrow": (arrow, cpu),
        "duckdb": (lambda: duck.execute(sql % ("'%s'" % wide)).fetchone()[0], cpu)}, a.repeat))
    for what, sql in (("count(*) of 10,000 files", "SELECT count(*) FROM %s"),
                      ("sum(id) of 10,000 files", "SELECT sum(id) FROM %s")):
        show(what, take_turns({
            "lakehouse": (lambda s=sql: ask(s % "many"), lake.cpu_seconds),
            "lakehouse, cold": (lambda s=sql: cold(s % "many"), lake.cpu_seconds),
            "duckdb": (lambda s=sql: duck.execute(s % ("'%s/*.parquet'" % many)).fetchone()[0], cpu)},
            max(a.repeat // 2, 3)))
    for what, sql in (("first query of a session", "SELECT sum(c3) FROM wide"),
                      ("first query of a session, lakehouse.read of a small file",
                       "SELECT sum(id) FROM lakehouse.read('%s/f00000.parquet') AS t(id bigint)" % many),
                      ("a session with SELECT 1", "SELECT 1")):
        times = [first_query(sql)[0] for _ in range(a.repeat)]
        print("| %s | lakehouse | %.1f / %.1f | |" % (what, min(times), statistics.median(times)), flush=True)
        time.sleep(0.1)


if __name__ == "__main__":
    main()
