#!/usr/bin/env python3
"""peers.py
		What DuckDB and polars need for the queries of our bench.

usage: peers.py [--repeat N] [--only NAME] [--codec snappy|uncompressed] [--sf01]
                [--json FILE] DIRECTORY

DIRECTORY holds the files that setup.sh made.  For every query and file the
engines take turns, so that a busy moment of the machine hits all of them
alike:

	1. one unmeasured run of each engine warms the page cache and compares the
	   answers of the engines; a difference ends the run with status 1;
	2. N rounds (default 7) run each engine once and take the CPU time of the
	   process, user and system, over all of its threads;
	3. the table shows best and median in milliseconds.

Every engine has one thread and the process is pinned to one core.  A query
starts from the path of the file: opening it, reading the footer and planning
are part of the time, as they are in a PostgreSQL statement.  Whole rows go
into the engine's own result table and are not printed.
"""

import argparse
import datetime
import decimal
import json
import os
import platform
import resource
import statistics
import sys

# Both must stand before polars is imported.
os.environ["POLARS_MAX_THREADS"] = "1"
os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")

import duckdb                                           # noqa: E402
import polars as pl                                     # noqa: E402

MS = 1000.0


def cpu_seconds():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def q6_polars(t):
    # Polars rounds a product of decimals to the larger scale of its operands.
    exact = pl.Decimal(38, 4)
    return (t.filter((pl.col("l_shipdate") >= datetime.date(1994, 1, 1))
                     & (pl.col("l_shipdate") < datetime.date(1995, 1, 1))
                     & (pl.col("l_discount") >= decimal.Decimal("0.05"))
                     & (pl.col("l_discount") <= decimal.Decimal("0.07"))
                     & (pl.col("l_quantity") < 24))
            .select((pl.col("l_extendedprice").cast(exact) * pl.col("l_discount")).sum()))


def queries(scale):
    """(name, SQL for DuckDB with the file as {f}, polars plan, rows or scalar).

    Suppliers are drawn uniformly for every row, so a range over 1 % of their
    keys picks 1 % of the rows, spread over every row group and page.
    """
    suppliers = int(10000 * scale)
    low, high = suppliers * 40 // 100 + 1, suppliers * 41 // 100
    point = 3000001 if scale == 1 else 300001
    return [
        ("sum(l_quantity)",
         "SELECT sum(l_quantity) FROM '{f}'",
         lambda t: t.select(pl.col("l_quantity").sum()), "scalar"),
        ("sum(l_extendedprice)",
         "SELECT sum(l_extendedprice) FROM '{f}'",
         lambda t: t.select(pl.col("l_extendedprice").sum()), "scalar"),
        ("sum(l_partkey)",
         "SELECT sum(l_partkey) FROM '{f}'",
         lambda t: t.select(pl.col("l_partkey").sum()), "scalar"),
        ("l_returnflag =",
         "SELECT count(*) FROM '{f}' WHERE l_returnflag = 'R'",
         lambda t: t.filter(pl.col("l_returnflag") == "R").select(pl.len()), "scalar"),
        ("l_shipmode IN (2)",
         "SELECT count(*) FROM '{f}' WHERE l_shipmode IN ('MAIL', 'SHIP')",
         lambda t: t.filter(pl.col("l_shipmode").is_in(["MAIL", "SHIP"])).select(pl.len()),
         "scalar"),
        ("l_comment LIKE",
         "SELECT count(*) FROM '{f}' WHERE l_comment LIKE '%special%'",
         lambda t: t.filter(pl.col("l_comment").str.contains("special", literal=True))
                    .select(pl.len()),
         "scalar"),
        ("sum(length(l_comment))",
         "SELECT sum(length(l_comment)) FROM '{f}'",
         lambda t: t.select(pl.col("l_comment").str.len_chars().cast(pl.Int64).sum()), "scalar"),
        ("count(distinct l_partkey)",
         "SELECT count(DISTINCT l_partkey) FROM '{f}'",
         lambda t: t.select(pl.col("l_partkey").n_unique()), "scalar"),
        ("TPC-H Q6",
         "SELECT sum(l_extendedprice * l_discount) FROM '{f}'"
         " WHERE l_shipdate >= DATE '1994-01-01' AND l_shipdate < DATE '1995-01-01'"
         " AND l_discount BETWEEN 0.05 AND 0.07 AND l_quantity < 24",
         q6_polars, "scalar"),
        ("point look-up, *",
         f"SELECT * FROM '{{f}}' WHERE l_orderkey = {point}",
         lambda t: t.filter(pl.col("l_orderkey") == point), "rows"),
        ("1 % random rows, *",
         f"SELECT * FROM '{{f}}' WHERE l_suppkey BETWEEN {low} AND {high}",
         lambda t: t.filter(pl.col("l_suppkey").is_between(low, high)), "rows"),
    ]


class DuckDB:
    name = "duckdb " + duckdb.__version__

    def __init__(self):
        self.con = duckdb.connect(config={"threads": 1})
        self.con.execute("SET enable_progress_bar = false")

    def run(self, query, path):
        return self.con.sql(query[1].format(f=path)).to_arrow_table()

    @staticmethod
    def answer(table, kind):
        return table.num_rows if kind == "rows" else table.column(0)[0].as_py()


class Polars:
    def __init__(self, engine):
        self.engine = engine
        self.name = "polars %s %s" % (pl.__version__, engine)

    def run(self, query, path):
        return query[2](pl.scan_parquet(path)).collect(engine=self.engine)

    @staticmethod
    def answer(frame, kind):
        return frame.height if kind == "rows" else frame.item()


def measure(engines, query, path, repeat):
    """CPU milliseconds of every run, by engine name, after checking answers."""
    answers = {e.name: e.answer(e.run(query, path), query[3]) for e in engines}
    if len({decimal.Decimal(str(a)) for a in answers.values()}) != 1:
        sys.exit("the engines disagree on %s of %s: %s" % (query[0], path, answers))
    times = {e.name: [] for e in engines}
    for _ in range(repeat):
        for e in engines:
            before = cpu_seconds()
            result = e.run(query, path)
            times[e.name].append((cpu_seconds() - before) * MS)
            del result
    return times, next(iter(answers.values()))


def cpu_model():
    try:
        with open("/proc/cpuinfo") as f:
            return next(line.split(":")[1].strip() for line in f if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or "unknown"


def main():
    p = argparse.ArgumentParser(description="DuckDB and polars on the bench files")
    p.add_argument("directory")
    p.add_argument("--repeat", type=int, default=7)
    p.add_argument("--only", help="run the queries whose name contains this")
    p.add_argument("--codec", choices=["snappy", "uncompressed"], help="default: both")
    p.add_argument("--sf01", action="store_true", help="the files of scale factor 0.1")
    p.add_argument("--json", help="also write every measured value to this file")
    a = p.parse_args()

    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    engines = [DuckDB(), Polars("streaming"), Polars("in-memory")]
    scale = 0.1 if a.sf01 else 1
    record = {"cpu": cpu_model(), "python": platform.python_version(), "scale": scale,
              "engines": [e.name for e in engines], "repeat": a.repeat, "cpu_ms": []}

    print("%s; one thread, CPU milliseconds, best / median of %d" % (record["cpu"], a.repeat))
    print("| file | query | %s | answer |" % " | ".join(e.name for e in engines))
    print("| --- | --- | %s | --- |" % " | ".join("---:" for _ in engines))
    ran = 0
    for codec in [a.codec] if a.codec else ["snappy", "uncompressed"]:
        path = os.path.join(a.directory,
                            "lineitem_%s%s.parquet" % ("sf01_" if a.sf01 else "", codec))
        if not os.path.exists(path):
            sys.exit("%s is missing: run setup.sh first" % path)
        for query in queries(scale):
            if a.only and a.only not in query[0]:
                continue
            ran += 1
            times, answer = measure(engines, query, path, a.repeat)
            cells = ["%.1f / %.1f" % (min(t), statistics.median(t)) for t in times.values()]
            print("| %s | %s | %s | %s |" % (codec, query[0], " | ".join(cells), answer),
                  flush=True)
            record["cpu_ms"].append({"codec": codec, "query": query[0], "answer": str(answer),
                                     "times": times})
    if ran == 0:
        sys.exit("no query matches --only")
    if a.json:
        with open(a.json, "w") as f:
            json.dump(record, f, indent=1)


if __name__ == "__main__":
    main()
