#!/usr/bin/env python3
"""iceberg.py
		Iceberg tables: what deletes, formats and very many files cost, beside DuckDB and PyIceberg.

usage: iceberg.py [--repeat N] [--only NAME] [--cold] [--short N] [--no-peers] [--no-plan] [--json FILE] DIRECTORY

Run by test/bench/iceberg, which starts a server.  DIRECTORY is that of setup.sh with the
tables of iceberg_data.py; DIRECTORY/plan (or LH_BENCH_PLAN) is the table of iceberg_plan.py.

	scans		each variant against the same rows without it, ours; and every engine that can
				read it.  "sum": one column; "key": the sum of the column that equality deletes
				read; "emission": four columns, "discarded" (EXPLAIN ANALYZE throws the rows
				away) or "used" (counted above a fence), versus.py says why; "all": 16 columns,
				discarded.  DuckDB and PyIceberg make Arrow tables of the columns.
	planning	200,000 files, which are not there: a statement in a new backend plans them all,
				opens the first that is left, and fails.  CPU and memory of the whole backend
				until then, its start taken off (an idle backend measured alike: SELECT 1).
				PyIceberg: plan_files() in a new process; DuckDB: a count in a new process that
				fails likewise; both above the process just before it.

	--short N	nothing but one-column aggregates on an Iceberg table and on its bare file, N of each in
				turn: statements of 50 us need so many.  Planning and execution, CPU of the backend
				by the scheduler's clock; the same of EXECUTE of prepared statements (a generic plan).

	--cold		each of our scans in a new backend, which has read the footer of the table but
				no dictionary (lakehouse.dictionary_cache keeps them from the second time on; without
				--cold each statement runs twice before it is measured).

One thread, CPU time (ours: of the backend), variants and engines in turn, medians.  The sums
of all engines have to be equal.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys

import duckdb
import psycopg2
import pyarrow
import pyarrow.compute

MS = 1000.0
ROWS = 6001215
FOUR = ["l_orderkey", "l_extendedprice", "l_shipdate", "l_shipmode"]
SLOW = 3000                     # an engine that takes longer is asked once

# (what, query, variant, the same without it, bar of variant / the same or None)
DV = ["dv_%s_%d" % (kind, percent) for kind in ("random", "10k", "100k") for percent in (1, 10, 50)] + ["dv_half_50"]
BARS = {"dv_random_50": 1.2, "dv_10k_50": 0.65, "dv_100k_50": 0.65, "dv_half_50": 0.65}
QUERIES = ["sum", "discarded", "used"]
SCANS = (
    [(q, v, "none3", BARS.get(v)) for v in DV for q in QUERIES]
    + [(q, v, b, 1.5 if q in ("discarded", "used") else None)
       for v, b in (("equality", "none2"), ("shuffled_equality", "shuffled")) for q in QUERIES + ["key"]]
    + [(q, "none2", "bare", 1.0) for q in ("sum", "sum(l_quantity)", "sum(l_partkey)", "key", "min(l_shipdate)",
                                           "count(l_returnflag)")]
    + [(q, v, "parquet", bar) for v, bar in (("orc", 1.5), ("avro", 4), ("avro_zstd", 4)) for q in QUERIES + ["all"]])


def model():
    with open("/proc/cpuinfo") as f:
        return next(line.split(":")[1].strip() for line in f if line.startswith("model name"))


def own_cpu():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def column_of(query):
    return {"sum": "l_extendedprice", "key": "l_orderkey"}.get(query, query.partition("(")[2].rstrip(")"))


def sql_of(query):
    return "SELECT %s FROM {t}" % {"sum": "sum(l_extendedprice)", "key": "sum(l_orderkey)"}.get(query, query)


class Lakehouse:
    name = "lakehouse"

    def __init__(self, folder, tables):
        self.connect()
        self.cur.execute("CREATE EXTENSION IF NOT EXISTS lakehouse")
        self.cur.execute("CREATE SERVER IF NOT EXISTS bench FOREIGN DATA WRAPPER lakehouse")
        for t in tables:
            where = "none2/data/lineitem.parquet" if t == "bare" else t
            self.cur.execute("DROP FOREIGN TABLE IF EXISTS %s" % t)
            self.cur.execute("CREATE FOREIGN TABLE %s () SERVER bench OPTIONS (location '%s/iceberg/%s')"
                             % (t, folder, where))

    def connect(self):
        self.con = psycopg2.connect("")
        self.con.autocommit = True
        self.cur = self.con.cursor()
        self.cur.execute("SET lakehouse.threads = 1")
        self.cur.execute("SET max_parallel_workers_per_gather = 0")
        self.cur.execute("SELECT pg_backend_pid()")
        self.pid = self.cur.fetchone()[0]

    def fresh(self, table):
        """A new backend that knows the table's metadata."""
        self.con.close()
        self.connect()
        self.cur.execute("SELECT count(*) FROM %s WHERE l_orderkey IS NULL" % table)

    def cpu(self):
        with open("/proc/%d/schedstat" % self.pid) as f:
            return int(f.read().split()[0]) / 1e9

    def run(self, query, table):
        columns = ", ".join(FOUR) if query != "all" else "*"
        if query in ("discarded", "all"):
            sql = "EXPLAIN (ANALYZE, TIMING OFF) SELECT %s FROM {t}" % columns
        elif query == "used":
            sql = "SELECT %s FROM (SELECT %s FROM {t} OFFSET 0) s" % (", ".join("count(%s)" % c for c in FOUR), columns)
        else:
            sql = sql_of(query)
        self.cur.execute(sql.format(t=table))
        rows = self.cur.fetchall()
        return int(rows[0][0].split("rows=")[2].split()[0]) if query in ("discarded", "all") else rows[0][0]


SHORT = ["count(*)", "count(l_returnflag)", "min(l_shipdate)", "max(l_shipdate)", "sum(l_extendedprice)",
         "sum(l_quantity)", "sum(l_partkey)", "sum(l_orderkey)"]


def short(lake, n):
    """One-column aggregates, many of each: Iceberg against the bare file."""
    tables = ["none2", "bare"]
    lake.cur.execute("SET plan_cache_mode = force_generic_plan")
    record = []
    print("\n| statement | Iceberg us: median (least) | bare file | ratio of medians | of the least | prepared: Iceberg | bare | ratios |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    for what in SHORT:
        sql = {t: "SELECT %s FROM %s" % (what, t) for t in tables}
        for t in tables:
            lake.cur.execute("PREPARE p_%s AS %s" % (t, sql[t]))
        times = {}
        for kind in ("simple", "prepared"):
            run = sql if kind == "simple" else {t: "EXECUTE p_" + t for t in tables}
            answers = set()
            for k in range(n + 3):
                for t in tables if k % 2 == 0 else reversed(tables):
                    before = lake.cpu()
                    lake.cur.execute(run[t])
                    answers.add(str(lake.cur.fetchall()))
                    if k >= 3:                          # footers, dictionaries and plans are kept by then
                        times.setdefault((kind, t), []).append((lake.cpu() - before) * 1e6)
            if len(answers) != 1:
                sys.exit("%s differs: %s" % (what, answers))
        for t in tables:
            lake.cur.execute("DEALLOCATE p_" + t)
        med = {key: statistics.median(v) for key, v in times.items()}
        least = {key: min(v) for key, v in times.items()}
        print("| %s |" % what + "".join(
            "%s %.0f (%.0f) | %.0f (%.0f) |%s" % (
                "", med[k, "none2"], least[k, "none2"], med[k, "bare"], least[k, "bare"],
                " %.2f | %.2f |" % (med[k, "none2"] / med[k, "bare"], least[k, "none2"] / least[k, "bare"])
                if k == "simple" else " %.2f, %.2f |" % (med[k, "none2"] / med[k, "bare"],
                                                         least[k, "none2"] / least[k, "bare"]))
            for k in ("simple", "prepared")), flush=True)
        for (k, t), v in times.items():
            record.append({"short": what, "kind": k, "table": t, "us": v})
    return record


class DuckDB:
    name = "DuckDB " + duckdb.__version__
    cpu = staticmethod(own_cpu)

    def __init__(self, folder):
        self.folder = folder
        self.con = duckdb.connect(config={"threads": 1})
        self.con.execute("SET enable_progress_bar = false")
        self.con.execute("LOAD iceberg")

    def run(self, query, table):
        if table == "bare":
            name = "'%s/iceberg/none2/data/lineitem.parquet'" % self.folder
        else:
            name = "iceberg_scan('%s/iceberg/%s/metadata/v1.metadata.json')" % (self.folder, table)
        if query in ("discarded", "used", "all"):
            got = self.con.sql("SELECT %s FROM %s" % (", ".join(FOUR) if query != "all" else "*", name)).to_arrow_table()
            return got.num_rows
        return self.con.sql(sql_of(query).format(t=name)).fetchone()[0]


class PyIceberg:
    cpu = staticmethod(own_cpu)

    def __init__(self, folder):
        import pyiceberg
        self.name = "PyIceberg " + pyiceberg.__version__
        self.folder = folder
        pyarrow.set_cpu_count(1)
        pyarrow.set_io_thread_count(1)

    def run(self, query, table):
        from pyiceberg.table import StaticTable
        if table == "bare":
            raise NotImplementedError("no bare files")
        t = StaticTable.from_metadata("%s/iceberg/%s/metadata/v1.metadata.json" % (self.folder, table))
        if query in ("discarded", "used", "all"):
            return t.scan(selected_fields=tuple(FOUR) if query != "all" else ("*",)).to_arrow().num_rows
        column = t.scan(selected_fields=(column_of(query),)).to_arrow().column(0)
        what = {"sum": "sum", "key": "sum"}.get(query, query.partition("(")[0])
        return getattr(pyarrow.compute, what)(column).as_py()


def scans(lake, peers, repeat, only, cold):
    record = []
    print("\n| query | variant | lakehouse | the same without | ratio | bar |%s" % "".join(
        " %s: variant, without |" % p.name for p in peers))
    print("| --- | --- | ---: | ---: | ---: | --- |" + " ---: |" * len(peers))
    for query, variant, base, bar in SCANS:
        if only and only not in variant and only not in query:
            continue
        # ours: both forms of emission; peers have one
        turns = [(lake, variant), (lake, base)]
        why, slow = {}, {}
        answers = {(lake.name, t): lake.run(query, t) for _, t in turns}
        for _, t in turns:
            lake.run(query, t)                          # dictionaries are kept the second time
        for p in peers if query != "used" else ():
            for t in (variant, base):
                before = p.cpu()
                try:
                    answers[p.name, t] = p.run(query, t)
                    spent = (p.cpu() - before) * MS
                    if spent > SLOW:
                        slow[p.name, t] = [spent]
                    else:
                        turns.append((p, t))
                except Exception as e:          # what an engine cannot read is part of the result
                    why[p.name, t] = str(e).strip().split("\n")[0][:100]
        for t in (variant, base):
            seen = {str(a) for (_, table), a in answers.items() if table == t}
            if len(seen) != 1:
                sys.exit("the engines disagree on %s of %s: %s" % (query, t, answers))
        times = {(e.name, t): [] for e, t in turns}
        for k in range(repeat):
            for e, t in turns if k % 2 == 0 else reversed(turns):
                if cold and e is lake:
                    lake.fresh(t)
                before = e.cpu()
                e.run(query, t)
                times[e.name, t].append((e.cpu() - before) * MS)
        times.update(slow)
        med = {key: statistics.median(t) for key, t in times.items()}

        def cell(engine):
            return ", ".join("%.0f" % med[engine.name, t] if (engine.name, t) in med else "-" for t in (variant, base))

        ours, same = med[lake.name, variant], med[lake.name, base]
        limit = "" if bar is None else "%s%s" % (bar, "" if ours / same <= bar else " missed")
        if query == "key" and "equality" in variant:
            ns = ours * 1e6 / ROWS
            limit = "%.1f ns/row (%.1f above without), 15%s" % (ns, (ours - same) * 1e6 / ROWS,
                                                                "" if ns <= 15 else " missed")
        print("| %s | %s | %.1f | %s %.1f | %.2f | %s |%s" % (query, variant, ours, base, same, ours / same, limit, "".join(
              " %s |" % cell(p) if query != "used" else " |" for p in peers)), flush=True)
        for (name, t), text in why.items():
            record.append({"query": query, "table": t, "engine": name, "cannot": text})
        for (name, t), values in times.items():
            record.append({"query": query, "table": t, "engine": name, "ms": values})
    cannot = sorted({(r["engine"], r["table"], r["cannot"]) for r in record if "cannot" in r and r["table"] != "bare"})
    for name, t, text in cannot:
        print("\n%s cannot read %s: %s" % (name, t, text))
    return record


# ---------------------------------------------------------------- planning

PREDICATES = [("all files", "", None), ("16,000 files", "c1 < 20", 16000),
              ("2 files", "c0 BETWEEN 5000999 AND 5001000", 2)]


def status_kb(pid, what):
    with open("/proc/%d/status" % pid) as f:
        return next(int(line.split()[1]) for line in f if line.startswith(what + ":"))


def process_cpu(pid):
    """All threads, those that have ended too; the kernel's ticks of 10 ms."""
    with open("/proc/%d/stat" % pid) as f:
        fields = f.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def plan_ours(sql):
    """(CPU ms, peak kB) of a new backend that runs sql."""
    con = psycopg2.connect("")
    con.autocommit = True
    cur = con.cursor()
    cur.execute("SELECT pg_backend_pid()")
    pid = cur.fetchone()[0]
    cur.execute("SELECT 1")
    try:
        cur.execute(sql)
    except psycopg2.Error as e:
        if not ("/data/c18_day=" in str(e) and "does not exist" in str(e)):
            raise
    got = process_cpu(pid) * MS, status_kb(pid, "VmHWM")
    con.close()
    return got


PEER = """
import resource, sys
def used():
    u = resource.getrusage(resource.RUSAGE_SELF)
    return (u.ru_utime + u.ru_stime) * 1000, u.ru_maxrss
metadata, where, which = sys.argv[1:]
if which == "pyiceberg":
    from pyiceberg.table import StaticTable
    import pyiceberg.expressions.parser
    t = StaticTable.from_metadata(metadata)
    before = used()
    files = list((t.scan(row_filter=where.replace("c0 BETWEEN 5000999 AND 5001000", "c0 >= 5000999 AND c0 <= 5001000"))
                  if where else t.scan()).plan_files())
    print(len(files), file=sys.stderr)
else:
    import duckdb
    con = duckdb.connect(config={"threads": 1})
    con.execute("LOAD iceberg")
    before = used()
    try:
        print(con.sql("SELECT count(c2) FROM iceberg_scan('%s') %s" % (metadata, where and "WHERE " + where)).fetchall(), file=sys.stderr)
    except Exception as e:
        print(str(e)[:300], file=sys.stderr)
after = used()
print(after[0] - before[0], after[1] - before[1])
"""


def plan_peer(which, metadata, where):
    done = subprocess.run([sys.executable, "-c", PEER, metadata, where, which], capture_output=True, text=True, timeout=900)
    if done.returncode != 0:
        return None, done.stderr.strip().split("\n")[-1][:200]
    return tuple(float(x) for x in done.stdout.split()), done.stderr.strip()


def planning(lake, folder, repeat, peers):
    cur = lake.cur
    cur.execute("DROP FOREIGN TABLE IF EXISTS plan")
    cur.execute("CREATE FOREIGN TABLE plan () SERVER bench OPTIONS (location '%s')" % folder)
    metadata = folder + "/metadata/v1.metadata.json"
    record = []
    print("\n| planning of | lakehouse CPU ms | MB | bars | PyIceberg CPU ms | MB | DuckDB CPU ms | MB |")
    print("| --- | ---: | ---: | --- | ---: | ---: | ---: | ---: |")
    said = []
    for what, where, _ in PREDICATES:
        ours, idle, others = [], [], {}
        sql = "SELECT c2 FROM plan " + (where and "WHERE " + where)
        plan_ours(sql)                                  # warms the page cache
        for k in range(repeat):
            idle.append(plan_ours("SELECT 1"))
            ours.append(plan_ours(sql))
        for which in ("pyiceberg", "duckdb") if peers else ():
            got, text = plan_peer(which, metadata, where)
            others[which] = got
            said.append("%s, %s: %s" % (which, what, text))
        cpu = statistics.median(o[0] for o in ours) - statistics.median(i[0] for i in idle)
        mb = (statistics.median(o[1] for o in ours) - statistics.median(i[1] for i in idle)) / 1024
        print("| %s | %.0f | %.1f | %s | %s |" % (
            what, cpu, mb, "met" if cpu <= 1000 and mb <= 128 else "missed", " | ".join(
                "%.0f | %.0f" % (others[w][0], others[w][1] / 1024) if others.get(w) else "- | -"
                for w in ("pyiceberg", "duckdb"))), flush=True)
        record.append({"plan": what, "ours": ours, "idle": idle, "peers": others})
    for text in said:
        print("\n" + text)
    return record


def main():
    p = argparse.ArgumentParser(description="Iceberg: deletes, formats, planning")
    p.add_argument("directory")
    p.add_argument("--repeat", type=int, default=5)
    p.add_argument("--only")
    p.add_argument("--cold", action="store_true")
    p.add_argument("--short", type=int, default=0)
    p.add_argument("--no-peers", action="store_true")
    p.add_argument("--no-scans", action="store_true")
    p.add_argument("--no-plan", action="store_true")
    p.add_argument("--json")
    a = p.parse_args()
    folder = os.path.abspath(a.directory)
    tables = ["bare", "none2"] if a.short else sorted({t for s in SCANS if not a.only or a.only in s[1] or a.only in s[0] for t in s[1:3]})
    lake = Lakehouse(folder, tables)
    peers = [] if a.no_peers or a.short else [DuckDB(folder), PyIceberg(folder)]
    print("%s; one thread, CPU %s, medians of %d" % (
        model(), "microseconds" if a.short else "milliseconds", a.short or a.repeat))
    record = {"cpu": model(), "repeat": a.repeat}
    if a.short:
        record["short"] = short(lake, a.short)
    elif not a.no_scans:
        record["scans"] = scans(lake, peers, a.repeat, a.only, a.cold)
    if not a.short and not a.no_plan:
        record["plans"] = planning(lake, os.environ.get("LH_BENCH_PLAN", folder + "/plan"), a.repeat, not a.no_peers)
    if a.json:
        with open(a.json, "w") as f:
            json.dump(record, f, indent=1)


if __name__ == "__main__":
    main()
