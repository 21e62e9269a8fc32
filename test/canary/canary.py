"""canary.py
		Secrets in masked columns, hostile statements as a masked role, and a search of all that comes out.

usage: canary.py [--queries N] [--seed S] [--no-policies] [--leaks FILE] [--show N] [--corpus DIR]

First without policies: the role holds SELECT, and a secret must come up on every path, or the harness is
blind there and the run fails.  Then with policies: no secret may come up on any, and of the honest reads that touch
masked columns and worked before at least 90 % must work.

Paths: each kind of generated statement (generator.py), each file of corpus/, each relation; the server's log, by
what wrote to it; temporary files; pg_stat_statements; pg_dump as the role; the decoded change stream, which
is reported and not judged.

The last line is 'N passed, N failed, N skipped'.
"""

import argparse
import collections
import os
import random
import re
import struct
import subprocess
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import audit
import database
import generator
import policies
import search
import wire

HERE = os.path.dirname(os.path.abspath(__file__))
LIBRARIES = os.environ["LH_LIBRARIES"].split(", ")
# Of the honest reads that touch masked columns, how many must work.
USABLE = 0.90
QUIET = ("SET log_statement = none; SET log_min_error_statement = panic; SET log_min_messages = panic; SET log_duration = off; "
         "SET track_activities = off" + ("; SET pg_stat_statements.track = none" if "pg_stat_statements" in LIBRARIES else ""))


class Path:
    """One way out: what was searched and what was found."""

    def __init__(self, name, judged=True):
        self.name, self.judged = name, judged
        self.searched = self.bytes = self.hits = 0
        self.places = collections.Counter()


class Leak:
    def __init__(self, path, hit, sql):
        self.path, self.hit, self.sql = path, hit, sql


class Phase:
    """All statements once."""

    def __init__(self, run, name):
        self.run, self.name = run, name
        self.paths, self.leaks = {}, []
        self.answers = {}               # number of generated query -> sqlstate
        self.crashes = []
        self.asked, self.audited = collections.Counter(), {}    # for the audit: kinds; names of reads that worked -> query

    def look(self, path, data, sql=None, judged=True):
        p = self.paths.get(path)
        if p is None:
            p = self.paths[path] = Path(path, judged)
        p.searched += 1
        p.bytes += len(data)
        hits = self.run.needles.find(data)
        p.hits += len(hits)
        for h in hits:
            p.places[h.canary.place] += 1
        if hits and len(self.leaks) < 5000:
            self.leaks.append(Leak(path, hits[0], sql))
        return hits

    # ---- the statements ----

    def connect(self, user):
        c = wire.Connection(user, self.run.database)
        if user == "app":
            c.statement("SET ROLE analyst")
        return c

    def ask(self, connection, user, path, query_sql, way="simple"):
        """-> (connection, reply or None); what arrives is searched whatever happens."""
        try:
            if way == "simple":
                reply = connection.statement(query_sql)
            else:
                reply = connection.extended(query_sql, binary=way == "binary")
        except wire.Gone as e:
            self.look(path, e.received, query_sql)
            self.crashes.append((str(e), query_sql))
            connection.socket.close()
            for _ in range(100):
                try:
                    return self.connect(user), None
                except (OSError, wire.Gone):
                    time.sleep(0.2)
            raise
        self.look(path, reply.raw, query_sql)
        if reply.messages[-1][1] != b"I":
            connection.statement("ROLLBACK")
        return connection, reply

    def generated(self):
        """Sessions of analyst and of app in turn; the same ones in both phases."""
        user, connection = None, None
        for n, q in enumerate(generator.generate(self.run.options.seed, self.run.options.queries)):
            if n % 250 == 0:
                if connection:
                    connection.close()
                user = "app" if n // 250 % 4 == 1 else "analyst"
                connection = self.connect(user)
            name = "%s.%d" % (q.kind, n)
            connection.must("SET application_name = '%s'" % name)
            connection, reply = self.ask(connection, user, "query: " + q.kind, q.sql, q.way)
            self.answers[n] = reply.sqlstate if reply else "crash"
            self.asked[q.kind] += 1
            if q.touches and q.reads and q.honest and self.answers[n] == "00000":
                self.audited[name] = q
            hits_of = self.leaks[-1] if self.leaks and self.leaks[-1].sql is q.sql else None
            if len(q.relations) == 1:
                relation, = q.relations
                p = self.paths.setdefault("relation: " + relation, Path("relation: " + relation))
                p.searched += 1
                p.hits += 1 if hits_of else 0
        connection.close()

    def corpus(self):
        for name in sorted(os.listdir(os.path.join(HERE, "corpus"))):
            connection = self.connect("analyst")
            for n, sql in enumerate(statements(os.path.join(HERE, "corpus", name))):
                connection.must("SET application_name = 'corpus.%s.%d'" % (name[:2], n))
                connection, reply = self.ask(connection, "analyst", "corpus: " + name, sql)
                self.run.corpus_seen[(self.name, name, sql)] = reply.sqlstate if reply else "crash"
            connection.close()

    def synchronous(self):
        """Some more, each of which waits until its record is durable."""
        self.run.audit.switch("synchronous")
        connection = self.connect("analyst")
        for n, q in enumerate(generator.generate(self.run.options.seed + 1000003, max(60, self.run.options.queries // 50))):
            connection.must("SET application_name = 'synchronous.%d'" % n)
            connection, _ = self.ask(connection, "analyst", "synchronous audit", q.sql, q.way)
        connection.close()
        self.run.audit.switch("asynchronous")

    def activity(self):
        """What others see of a session that says masked values of itself."""
        c = self.connect("analyst")
        for say in ("SELECT set_config('application_name', (SELECT name FROM crm.person WHERE id = %d), false)",
                    "PREPARE a AS SELECT name, %d FROM crm.person; EXECUTE a",
                    "BEGIN; DECLARE a CURSOR FOR SELECT ssn, %d FROM crm.person; FETCH 3 FROM a"):
            for i in (3, 70):
                self.look("client of activity", c.statement(say % i).raw, say % i)
                pid = c.must("SELECT pg_backend_pid()")[0][0]
                seen = self.run.root.must("SELECT to_jsonb(a)::text FROM pg_stat_activity a")
                self.look("pg_stat_activity", b"\n".join(r[0].encode() for r in seen), say)
                for title in ("cmdline", "stat"):
                    with open("/proc/%s/%s" % (pid, title), "rb") as f:
                        self.look("process titles", f.read(), say)
                for view in ("pg_stat_activity", "pg_cursors", "pg_prepared_statements", "pg_locks", "pg_stat_progress_copy"):
                    self.look("activity, by its own", c.statement("SELECT to_jsonb(a) FROM %s a" % view).raw, view)
                c.statement("ROLLBACK; DEALLOCATE ALL")
        c.close()

    def crossing(self):
        """Plans that the owner made, whom no policy concerns, run by the masked role of the same session."""
        for name, run in CROSSINGS:
            for mode in ("auto", "force_generic_plan", "force_custom_plan"):
                c = wire.Connection("pooled", self.run.database)
                # what the owner's own runs leave in temporary files would be values as they are
                c.must("SET plan_cache_mode = %s; SET work_mem = '512MB'; SET ROLE keeper" % mode)
                if name.startswith("PREPARE"):
                    c.must(name)
                for _ in range(7):
                    c.must(run)
                for back in ("SET ROLE analyst", "BEGIN; SET LOCAL ROLE analyst"):
                    c.must("RESET work_mem; " + back)
                    self.look("plans of the owner", c.statement(run).raw, "%s; %s" % (back, run))
                    c.statement("ROLLBACK; SET work_mem = '512MB'; SET ROLE keeper")
                    c.must(run)
                c.close()

    def dumps(self):
        for title, options in (("pg_dump", ["-n", "crm"]), ("pg_dump --inserts", ["-n", "crm", "--inserts", "--data-only"]),
                               ("pg_dump --column-inserts -t", ["-t", "crm.person", "--column-inserts"]), ("pg_dump -Fc", ["-n", "crm", "-Fc", "-Z0"]),
                               ("pg_dump foreign data", ["-n", "crm", "--include-foreign-data=lake", "--data-only"])):
            done = subprocess.run([os.path.join(os.environ["LH_PG_BIN"], "pg_dump"), "-U", "analyst", "--no-sync", *options, self.run.database],
                                  capture_output=True)
            self.look("dump: " + title, done.stdout + done.stderr, title)
            self.run.dump_status[(self.name, title)] = (done.returncode, done.stderr.decode("utf-8", "replace")[-400:])

    # ---- what the server keeps ----

    def begin(self):
        root = self.run.root
        if "pg_stat_statements" in LIBRARIES:
            root.must("SELECT pg_stat_statements_reset()")
        for f in os.listdir(os.environ["LH_TEMP"]):
            os.unlink(os.path.join(os.environ["LH_TEMP"], f))
        root.must("SELECT pg_create_logical_replication_slot('canary', 'lakehouse')")
        self.log_from = os.path.getsize(os.environ["LH_SERVER_LOG"])
        self.run.audit.begin()

    def end(self):
        root = self.run.root
        self.log()
        self.temp()
        self.run.audit.end(self)
        if "pg_stat_statements" in LIBRARIES:
            self.look("pg_stat_statements", b"\n".join(r[0].encode() for r in root.must("SELECT query FROM pg_stat_statements")))
        # changes of rows with secrets, as a stream has them
        root.must("UPDATE crm.person SET grp = grp WHERE id < 40; UPDATE crm.visit SET place = place WHERE id < 40;"
                  "UPDATE crm.event SET kind = kind WHERE id < 40; UPDATE crm.branch SET grp = grp WHERE id < 40")
        rows = root.must("SELECT data FROM pg_logical_slot_get_changes('canary', NULL, NULL)")
        self.look("change stream", b"\n".join((r[0] or "").encode() for r in rows))
        root.must("SELECT pg_drop_replication_slot('canary')")

    def log(self):
        """Entry by entry: what wrote it, and whose it is."""
        with open(os.environ["LH_SERVER_LOG"], "rb") as f:
            f.seek(self.log_from)
            data = f.read()
        kept = collections.defaultdict(list)
        for entry in re.split(rb"\n(?=\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+ \w+ \[\d+\] )", data):
            if b"plan:\n" in entry and b"duration:" in entry:
                kept["auto_explain"].append(entry)
            elif re.search(rb"\] \S* ?(ERROR|FATAL|DETAIL|HINT|CONTEXT|STATEMENT|QUERY):", entry):
                kept["errors"].append(entry)
            elif re.search(rb"\] \S* ?(NOTICE|WARNING|INFO|LOG:  00000: (?!statement|execute|duration|temporary))", entry):
                kept["messages"].append(entry)
            else:
                kept["rest"].append(entry)
        for kind in ("auto_explain", "errors", "messages", "rest"):
            for entry in kept[kind]:
                self.look("log: " + kind, entry, entry.decode("utf-8", "replace")[:600])
        self.temp_logged = len(re.findall(rb"LOG:  00000: temporary file: path", data))

    def temp_writers(self):
        """Which statement wrote which temporary file, by the file's name without its prefix."""
        with open(os.environ["LH_SERVER_LOG"], "rb") as f:
            f.seek(self.log_from)
            data = f.read().decode("utf-8", "replace")
        return dict(re.findall(r'temporary file: path "[^"]*pgsql_tmp([0-9]+\.[^"]*)", size[^\n]*\n(?:[^\n]*(?:LOCATION|CONTEXT):[^\n]*\n)*[^\n]*STATEMENT: *([^\n]*)', data))

    def temp(self):
        self.temp_kept = 0
        writers = self.temp_writers()
        for f in sorted(os.listdir(os.environ["LH_TEMP"])):
            full = os.path.join(os.environ["LH_TEMP"], f)
            with open(full, "rb") as stream:
                data = stream.read()
            os.unlink(full)
            if data:
                written, ends = split_tapes(data)
                self.temp_kept += 1
                self.look("temporary files", written, f"{f}: {writers.get(f, 'written by whom?')[:300]}")
                # what the server's memory held before: PostgreSQL writes whole blocks
                self.look("temporary files: unused ends of blocks", ends, f, judged=False)


BLOCK, TRAILER = 8192, 16


def split_tapes(data):
    """
    What a sort wrote, and what lies behind the end of its tapes: each block ends with the numbers of the block before and the
    next one, or, of the last, less the number of its bytes (PostgreSQL's logtape.c).  Other files have no such ends.
    """
    blocks = len(data) // BLOCK
    if len(data) % BLOCK or not blocks:
        return data, b""
    written, ends = [], []
    for at in range(0, len(data), BLOCK):
        previous, following = struct.unpack_from("<qq", data, at + BLOCK - TRAILER)
        used = BLOCK - TRAILER if following >= 0 else -following
        if not -1 <= previous < blocks or following >= blocks or used > BLOCK - TRAILER:
            return data, b""
        written.append(data[at:at + used])
        ends.append(data[at + used:at + BLOCK - TRAILER])
    return b"".join(written), b"\n".join(e for e in ends if e)


def statements(path):
    """Of a corpus file: a statement begins where a line does, and what is indented goes on with it."""
    found = []
    with open(path, encoding="utf-8") as f:
        for line in f:
            if not line.strip() or line.startswith("--"):
                continue
            if line[0].isspace():
                found[-1] += line
            else:
                found.append(line)
    return found


class Run:
    def __init__(self, options):
        self.options = options
        self.database = "canary"
        self.passed = self.failed = self.skipped = 0
        self.corpus_seen, self.dump_status, self.before = {}, {}, None
        self.quiet, self.audit = QUIET, audit.Audit(self)

    def check(self, good, what):
        if good:
            self.passed += 1
        else:
            self.failed += 1
            print("FAILED: " + what)
        return good

    def prepare(self):
        root = wire.Connection("postgres", "postgres")
        root.must(database.ROLES)
        root.must("CREATE DATABASE canary")
        root.close()
        self.root = wire.Connection("postgres", self.database)
        self.root.must("LOAD 'auto_explain'" if "auto_explain" in LIBRARIES else "SELECT 1")
        maker = search.Maker(random.Random("canary %d" % self.options.seed))
        self.root.must(QUIET)
        if "pg_stat_statements" in LIBRARIES:
            self.root.must("CREATE EXTENSION pg_stat_statements")
        database.build(self.root, database.secrets(maker), os.environ["LH_FILES"], self.database)
        self.root.must(QUIET)
        if "auto_explain" in LIBRARIES:
            self.root.must("ALTER ROLE app SET auto_explain.log_min_duration = 0")
        self.root.must(database.GRANT_READ)
        self.root.must(database.GRANT_WRITE)
        self.needles = search.Needles(maker.canaries)
        print("%d secrets in %d columns" % (len(maker.canaries), len({c.place for c in maker.canaries})))

    def phase(self, name):
        p = Phase(self, name)
        started = time.time()
        p.begin()
        for step in (p.corpus, p.generated, p.synchronous, p.activity, p.crossing, p.dumps, p.end):
            t = time.time()
            step()
            print("  %s: %.0f s" % (step.__name__, time.time() - t))
        print("%s: %.0f s" % (name, time.time() - started))
        for crash in p.crashes[:5]:
            print("  connection lost: %s: %s" % (crash[0], crash[1][:2000]))
        self.check(not p.crashes, "%s: %d connections lost" % (name, len(p.crashes)))
        self.check(p.temp_kept > 0 and p.temp_kept == p.temp_logged,
                   "%s: %d temporary files were searched, the log has %d" % (name, p.temp_kept, p.temp_logged))
        return p

    def without_policies(self):
        print("\n-- without policies: secrets must come up on each path")
        p = self.before = self.phase("without policies")
        for path in sorted(p.paths.values(), key=lambda x: x.name):
            if path.name not in BLIND:
                self.check(path.hits > 0, "no secret on path '%s' (%d searched, %d bytes)" % (path.name, path.searched, path.bytes))
        table(p)
        worked = sum(1 for s in p.answers.values() if s == "00000")
        print("%d of %d generated statements worked" % (worked, len(p.answers)))
        honest = collections.Counter()
        for n, q in enumerate(generator.generate(self.options.seed, self.options.queries)):
            if q.honest and p.answers[n] != "00000":
                honest[(q.kind, p.answers[n])] += 1
                if self.options.show and honest[(q.kind, p.answers[n])] <= self.options.show:
                    print("  %s %s: %s" % (q.kind, p.answers[n], q.sql[:600]))
        for (kind, state), n in honest.most_common(12):
            print("  honest, yet failed without policies: %s %s: %d" % (kind, state, n))
        for (phase, title), (status, text) in self.dump_status.items():
            self.check(status == 0, "%s of %s: %s" % (title, phase, text))

    def with_policies(self):
        print("\n-- with policies: none may")
        policies.apply(self.root)
        own = wire.Connection("analyst", self.database)
        seen = own.statement("TABLE crm.person_mat").raw
        own.close()
        if not self.check(not self.needles.find(seen), "the materialized view did not inherit the policies of its table"):
            policies.close_materialized(self.root)
        p = self.phase("with policies")
        for path in sorted(p.paths.values(), key=lambda x: x.name):
            if path.judged:
                self.check(path.hits == 0, "path '%s': %d secrets of %s" % (path.name, path.hits, ", ".join(sorted(path.places)[:6])))
        table(p)
        self.report(p)
        good = total = every = every_good = 0
        lost = collections.Counter()
        for n, q in enumerate(generator.generate(self.options.seed, self.options.queries)):
            if q.touches:
                every += 1
                every_good += p.answers[n] == "00000"
                if q.reads and q.honest and (self.before is None or self.before.answers[n] == "00000"):
                    total += 1
                    if p.answers[n] == "00000":
                        good += 1
                    else:
                        lost[(q.kind, p.answers[n])] += 1
                        if self.options.show and lost[(q.kind, p.answers[n])] <= self.options.show:
                            print("  lost: %s %s: %s" % (q.kind, p.answers[n], q.sql[:600]))
        for (kind, state), n in lost.most_common(15):
            print("  worked without policies only: %s %s: %d" % (kind, state, n))
        print("%d of %d honest reads of masked columns that worked without policies work: %.1f %%" % (good, total, 100 * good / max(total, 1)))
        print("%d of all %d statements that touch masked columns work, errors by intent and refused writes among them" % (every_good, every))
        self.check(total > 0 and good >= USABLE * total, "fewer than %.0f %% of reads of masked columns work" % (100 * USABLE))
        for (phase, title), (status, text) in self.dump_status.items():
            if phase == "with policies":
                self.check(status == 0, "%s %s: %s" % (title, phase, text))

    def report(self, phase):
        """Each leak once by what leaked where; all of them in the file."""
        judged = [x for x in phase.leaks if phase.paths[x.path].judged]
        seen = collections.Counter()
        for leak in judged:
            key = (leak.path, leak.hit.canary.place, leak.hit.form)
            seen[key] += 1
            if seen[key] <= 1 and len(seen) <= 60:
                print("LEAK %s: %s of %s\n    %s\n    %r" % (leak.path, leak.hit.form, leak.hit.canary.place, (leak.sql or "")[:700], leak.hit.excerpt))
        if self.options.leaks:
            with open(self.options.leaks, "w") as f:
                for leak in judged:
                    f.write("%s\t%s\t%s\t%r\t%r\n" % (leak.path, leak.hit.canary.place, leak.hit.form, leak.sql, leak.hit.excerpt))


CROSSINGS = (
    ("PREPARE q AS SELECT name, ssn, doc FROM crm.person ORDER BY id LIMIT 9", "EXECUTE q"),
    ("PREPARE q AS SELECT p FROM crm.person_view p WHERE id < 9", "EXECUTE q"),
    ("PREPARE q (int) AS SELECT v.diag, p.name FROM crm.visit v JOIN crm.person p ON p.id = v.person_id WHERE v.id = $1", "EXECUTE q (7)"),
    ("PREPARE q AS SELECT payload, amount FROM crm.event WHERE id < 9", "EXECUTE q"),
    ("PREPARE q AS SELECT name, account FROM crm.person_lake WHERE id < 9", "EXECUTE q"),
    ("SQL function", "SELECT crm.ssn_of(3), crm.name_of(4)"),
    ("definer's", "SELECT crm.ssn_definer(3), d.name FROM crm.persons_definer() d WHERE d.id = 4"),
    ("PL/pgSQL", "SELECT crm.name_loop(4)"),
    ("inlined", "SELECT name, account FROM crm.persons_atomic(4)"),
)

# Paths that have no secret without policies either, and why.
BLIND = {
    "temporary files: unused ends of blocks": "by chance",
    "log: rest": "the client's own statements, which hold no secrets",
    "process titles": "titles have commands, not values",
    "audit: other files": "offsets, checkpoints and keys",
    "audit: SQL audit_status": "numbers",
    "audit: literals": "a check of its own",
    "query: explain": "plans hold values only where a function was folded: explain_folded",
}


def table(phase):
    print("  %-34s %9s %12s %9s" % ("path", "searched", "bytes", "secrets"))
    for p in sorted(phase.paths.values(), key=lambda x: x.name):
        print("  %-34s %9d %12d %9d%s" % (p.name, p.searched, p.bytes, p.hits, "" if p.judged else "  (not judged)"))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--queries", type=int, default=20000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--no-policies", action="store_true", help="the first half only")
    parser.add_argument("--policies-only", action="store_true", help="the second half only: for those who look for a leak")
    parser.add_argument("--leaks", help="file for all leaks")
    parser.add_argument("--show", type=int, default=0, help="so many examples of statements that failed, by kind")
    parser.add_argument("--corpus", help="a source tree of PostgreSQL: its regression scripts instead of all else")
    parser.add_argument("--scripts", help="of these, only some: a,b,c")
    run = Run(parser.parse_args())
    if run.options.corpus:
        import upstream
        upstream.Upstream(run, run.options.corpus).go()
        print("%d passed, %d failed, %d skipped" % (run.passed, run.failed, run.skipped))
        return 1 if run.failed else 0
    run.prepare()
    if not run.options.policies_only:
        run.without_policies()
    if run.options.no_policies:
        run.skipped += 1
    else:
        run.with_policies()
    print("%d passed, %d failed, %d skipped" % (run.passed, run.failed, run.skipped))
    return 1 if run.failed else 0


if __name__ == "__main__":
    sys.exit(main())
