"""upstream.py
		PostgreSQL's own regression scripts as a masked role: canary.py --corpus DIR, DIR being a source tree of PostgreSQL.

The database is made as these tests make it, by their own scripts (SETUP), as a superuser.  Then secrets are planted in
columns of the tables that the scripts read (PLANTED), and the database is copied: one has policies, the other has not.
In both each statement of each script is sent by analyst, who holds SELECT on all and may make what it wants in schema public.
What psql does for its users (variables, \\gset, data of COPY) is left out; statements that fail without policies for that or
for missing rights do not count.

The audit says which statements use a masked column: filter 'all', the statement's name in application_name.
"""

import collections
import json
import os
import random
import re
import subprocess
import time

import canary
import search
import wire

SETUP = ("test_setup", "create_misc", "create_operator", "create_type", "create_aggregate", "create_function_sql", "create_index", "create_view")
# Not sent: it wants a server of its own, sleeps, or fills memory by intent.
LEFT_OUT = {"test_setup", "infinite_recurse", "tablespace", "stats", "psql"}

LIKE_ROLE, TEXT, NUMBER = "name", "text", "int4"
# relation -> column -> (type, mask); children and views have none of their own.  Of int4 no value would be recognised: such
# columns are masked for what it does to the statements, and hold no secrets.
PLANTED = {
    "onek": {"unique1": (NUMBER, "lakehouse.mask_floor(unique1, 10)"), "ten": (NUMBER, "lakehouse.mask_null(ten)"), "stringu1": (LIKE_ROLE, "lakehouse.mask_constant(stringu1, 'u1'::name)"), "stringu2": (LIKE_ROLE, "NULL"), "string4": (LIKE_ROLE, "lakehouse.mask_null(string4)")},
    "onek2": {"stringu1": (LIKE_ROLE, "lakehouse.mask_constant(stringu1, 'u1'::name)")},
    "tenk1": {"unique1": (NUMBER, "lakehouse.mask_floor(unique1, 10)"), "hundred": (NUMBER, "lakehouse.mask_null(hundred)"), "two": (NUMBER, "lakehouse.mask_constant(two, 7)"),
              "stringu1": (LIKE_ROLE, "lakehouse.mask_constant(stringu1, 'u1'::name)"), "stringu2": (LIKE_ROLE, "lakehouse.mask_null(stringu2)"),
              "string4": (LIKE_ROLE, "lakehouse.mask_constant(string4, 's4'::name)")},
    "tenk2": {"stringu1": (LIKE_ROLE, "lakehouse.mask_constant(stringu1, 'u1'::name)"), "string4": (LIKE_ROLE, "NULL")},
    "person": {"name": (TEXT, "lakehouse.mask_constant(name, 'somebody'::text)")},
    "int4_tbl": {"f1": (NUMBER, "lakehouse.mask_floor(f1, 1000)")},
    "emp": {"manager": (LIKE_ROLE, "lakehouse.mask_constant(manager, 'boss'::name)")},
    "road": {"name": (TEXT, "lakehouse.mask_partial(name, 2, '*', 0)")},
    "text_tbl": {"f1": (TEXT, "lakehouse.mask_partial(f1, 3, '*', 0)")},
    "int8_tbl": {"q1": ("int8", "lakehouse.mask_floor(q1, 1000000000000)"), "q2": ("int8", "lakehouse.mask_null(q2)")},
}


def split(text):
    """Statements of a script of psql: (line, statement).  Quotes, dollar quotes, comments, BEGIN ATOMIC; data of COPY is passed over."""
    token = re.compile(r"--[^\n]*|/\*|'(?:[^']|'')*'|\"[^\"]*\"|\$([A-Za-z_]\w*)?\$|;|\\(?:gset|gexec|gdesc|g|gx|crosstabview|watch|bind)\b[^\n]*|\n\\[^\n]*|\\;|\b[eE]'(?:[^'\\]|\\.|'')*'"
                       r"|\bBEGIN\s+ATOMIC\b|\bCASE\b|\bEND\b", re.I | re.S)
    at = start = 0
    atomic = 0
    text = "\n" + text
    while True:
        m = token.search(text, at)
        if not m:
            return
        word, at = m.group(), m.end()
        if word.startswith("/*"):
            depth = 1
            while depth:
                n = re.compile(r"/\*|\*/").search(text, at)
                if not n:
                    return
                depth, at = depth + (1 if n.group() == "/*" else -1), n.end()
        elif word.startswith("$"):
            close = text.find(word, at)
            if close < 0:
                return
            at = close + len(word)
        elif word.upper().startswith("BEGIN") or atomic and word.upper() == "CASE":
            atomic += 1
        elif atomic and word.upper() == "END":
            atomic -= 1
        elif (word == ";" and not atomic) or (word.startswith("\\") and word != "\\;"):
            sql = text[start:m.start()].strip()
            line = text.count("\n", 0, m.start())
            start, atomic = at, 0
            code = re.sub(r"--[^\n]*|/\*.*?\*/", "", sql, flags=re.S).strip()
            if code and word == ";":
                if re.match(r"copy\b.*\bfrom\s+stdin\b", code, re.I | re.S):
                    end = re.compile(r"^\\\.$", re.M).search(text, at)
                    start = at = end.end() if end else len(text)
                else:
                    yield line, sql
            elif code:
                yield line, sql
        elif word.startswith("\n\\"):
            # a line of psql's own; what stood before it, without an end, goes on
            text = text[:m.start()] + "\n" + " " * (len(word) - 1) + text[m.end():]


# The scripts bring no value into errors, notices, names or the audit: these do, so that it is seen that they would be found there.
OWN = (
    "SELECT name::int FROM person",
    "DO $$ DECLARE v text; BEGIN SELECT name INTO v FROM person ORDER BY 1 LIMIT 1; RAISE WARNING 'it is %', v; END $$",
    "DO $$ DECLARE v text; BEGIN SELECT name INTO v FROM person ORDER BY 1 LIMIT 1; EXECUTE format('CREATE TEMP TABLE %I (a int)', v); END $$",
    "BEGIN; SELECT set_config('application_name', (SELECT name FROM person ORDER BY 1 LIMIT 1), true); SELECT count(*) FROM onek; ROLLBACK",
)


class Upstream:
    def __init__(self, run, directory):
        self.run = run
        self.tests = os.path.join(directory, "src/test/regress")
        self.scripts = sorted(f[:-4] for f in os.listdir(os.path.join(self.tests, "sql")) if f.endswith(".sql"))
        if run.options.scripts:
            self.scripts = [s for s in self.scripts if s in run.options.scripts.split(",")]

    # ---- the databases ----

    def prepare(self):
        root = wire.Connection("postgres", "postgres")
        root.must(canary.QUIET)
        root.must("CREATE ROLE analyst LOGIN")
        root.must("CREATE DATABASE corpus_plain")
        copy = os.path.join(os.environ["LH_FILES"], "regress")
        subprocess.run(["cp", "-r", self.tests, copy], check=True)
        subprocess.run(["chmod", "-R", "a+rX", copy], check=True)
        include = subprocess.run([os.environ.get("PG_CONFIG", "pg_config"), "--includedir-server"], capture_output=True, text=True).stdout.strip()
        built = subprocess.run(["gcc", "-w", "-O1", "-shared", "-fPIC", "-I", include, "-o", copy + "/regress.so", copy + "/regress.c"], capture_output=True, text=True)
        print("functions in C of the scripts: %s" % ("built" if built.returncode == 0 else "not built: " + built.stderr[:300]))
        environment = dict(os.environ, PG_ABS_SRCDIR=copy, PG_LIBDIR=copy, PG_DLSUFFIX=".so",
                           PGOPTIONS="-c log_statement=none -c log_min_messages=panic -c log_min_error_statement=panic")
        for script in SETUP:
            done = subprocess.run([os.path.join(os.environ["LH_PG_BIN"], "psql"), "-XAtq", "-U", "postgres", "-d", "corpus_plain", "-v", "ON_ERROR_STOP=0",
                                   "-v", "HIDE_TABLEAM=on", "-f", os.path.join(copy, "sql", script + ".sql")], env=environment, capture_output=True, text=True, timeout=600)
            errors = len(re.findall(r"ERROR:", done.stderr))
            print("  %s.sql: %d errors, as its own tests have and for what is not here" % (script, errors))
        own = wire.Connection("postgres", "corpus_plain")
        own.must(canary.QUIET)
        own.must("CREATE EXTENSION lakehouse")
        if "pg_stat_statements" in canary.LIBRARIES:
            own.must("CREATE EXTENSION pg_stat_statements")
        maker = search.Maker(random.Random("upstream %d" % self.run.options.seed))
        for relation, columns in PLANTED.items():
            for column, (type, _) in columns.items():
                if type == NUMBER:
                    continue
                place = "%s.%s" % (relation, column)
                if type == "int8":
                    secrets = [str(maker.int(place)) for _ in range(20)]
                    value = "(ARRAY[%s]::int8[])[1 + (row_number() OVER ()) %% 20]" % ", ".join(secrets)
                else:
                    secrets = [maker.text(place) for _ in range(300)]
                    value = "(left(%s::text, 2) || ' ' || (ARRAY[%s])[1 + (row_number() OVER ()) %% 300])::%s" % (column, ", ".join("'%s'" % s for s in secrets), type)
                own.must("SET session_replication_role = replica")
                own.must("UPDATE %s x SET %s = y.v FROM (SELECT tableoid AS t, ctid AS c, %s AS v FROM %s WHERE %s IS NOT NULL) y WHERE x.tableoid = y.t AND x.ctid = y.c"
                         % (relation, column, value, relation, column))
        own.must("RESET session_replication_role")
        own.must("VACUUM ANALYZE")
        own.must("GRANT ALL ON SCHEMA public TO analyst; GRANT SELECT ON ALL TABLES IN SCHEMA public TO analyst; GRANT CREATE, TEMPORARY ON DATABASE corpus_plain TO analyst")
        own.close()
        root.must("CREATE DATABASE corpus_masked TEMPLATE corpus_plain")
        root.must("GRANT CREATE, TEMPORARY ON DATABASE corpus_masked TO analyst")
        own = wire.Connection("postgres", "corpus_masked")
        own.must(canary.QUIET)
        for relation, columns in PLANTED.items():
            masks = ", ".join("'%s', $m$%s$m$" % (c, m) for c, (_, m) in columns.items())
            own.must("SELECT lakehouse.policy_create('%s', 'public.%s', ARRAY[%s], for_roles => '{analyst}')" % (relation, relation, masks))
        own.close()
        root.close()
        self.run.needles = search.Needles(maker.canaries)
        print("%d secrets in %d columns" % (len(maker.canaries), len({c.place for c in maker.canaries})))

    def statements(self, script):
        with open(os.path.join(self.tests, "sql", script + ".sql"), encoding="utf-8", errors="replace") as f:
            return [sql for _, sql in split(f.read())]

    # ---- a phase ----

    def phase(self, name, database):
        run = self.run
        run.database = database
        run.audit.marker = "SELECT count(*) FROM public.emp"
        run.root = wire.Connection("postgres", database)
        run.root.must(canary.QUIET)
        p = canary.Phase(run, name)
        if "pg_stat_statements" in canary.LIBRARIES:
            run.root.must("SELECT pg_stat_statements_reset()")
        for f in os.listdir(os.environ["LH_TEMP"]):
            os.unlink(os.path.join(os.environ["LH_TEMP"], f))
        p.log_from = os.path.getsize(os.environ["LH_SERVER_LOG"])
        first = run.audit.size()
        started = time.time()
        states, own = {}, collections.Counter()
        for script in self.scripts + ["own"]:
            if script in LEFT_OUT:
                continue
            c = wire.Connection("analyst", database)
            for n, sql in enumerate(OWN if script == "own" else self.statements(script)):
                key = "%s.%d" % (script, n)
                # what scripts say themselves is no leak
                if run.needles.find(sql.encode()):
                    own[script] += 1
                    continue
                try:
                    if c.transaction != b"E":
                        c.statement("SET application_name = '%s'" % key)
                    reply = c.statement(sql)
                    p.look("scripts, at the client", reply.raw, "%s: %s" % (key, sql))
                    states[key] = (reply.sqlstate, sql, reply.errors())
                    c.transaction = reply.messages[-1][1]
                except wire.Gone as e:
                    p.look("scripts, at the client", e.received, sql)
                    p.crashes.append((str(e), sql))
                    states[key] = ("gone", sql, [])
                    c = wire.Connection("analyst", database)
            c.close()
        if own:
            print("  left out for words of their own that look like secrets: %s" % dict(own))
        p.log()
        p.temp()
        lines = run.audit.lines(first, run.audit.size())
        run.audit.look(p, "log", run.audit.paged(lines), b'"name":"tenk1"')
        if "pg_stat_statements" in canary.LIBRARIES:
            p.look("pg_stat_statements", b"\n".join(r[0].encode() for r in run.root.must("SELECT query FROM pg_stat_statements")))
        run.check(not p.crashes, "%s: %d connections lost: %s" % (name, len(p.crashes), p.crashes[:3]))
        print("%s: %d statements, %.0f s" % (name, len(states), time.time() - started))
        return p, states, [json.loads(x) for x in lines]

    def touching(self, records):
        """Names of statements that read a masked column, by the audit's word."""
        out = set()
        for r in records:
            for relation in r.get("relations", ()):
                masked = PLANTED.get(relation.get("name", ""), {})
                if relation.get("schema") == "public" and any(c["name"] in masked and not c.get("written") for c in relation.get("columns", ())):
                    out.add(r.get("application", ""))
        return out

    def go(self):
        run = self.run
        self.prepare()
        print("\n-- without policies")
        p, plain, records = self.phase("without policies", "corpus_plain")
        touched = self.touching(records)
        for path in p.paths.values():
            if path.name not in canary.BLIND and path.judged:
                run.check(path.hits > 0, "no secret on path '%s'" % path.name)
        canary.table(p)
        print("\n-- with policies")
        p, masked, records = self.phase("with policies", "corpus_masked")
        for path in p.paths.values():
            if path.judged:
                run.check(path.hits == 0, "path '%s': %d secrets of %s" % (path.name, path.hits, ", ".join(sorted(path.places)[:6])))
        canary.table(p)
        run.report(p)
        counted = [k for k, (state, _, _) in plain.items() if state == "00000" and k in touched]
        lost = [k for k in counted if masked.get(k, ("-",))[0] != "00000"]
        scripts = collections.Counter(k.rpartition(".")[0] for k in counted)
        print("%d statements of %d scripts read masked columns and worked without policies; %d work with them: %.1f %%" % (
            len(counted), len(scripts), len(counted) - len(lost), 100 * (1 - len(lost) / max(1, len(counted)))))
        print("  by script: %s" % ", ".join("%s %d" % x for x in scripts.most_common(20)))
        why = collections.Counter((masked[k][0], (masked[k][2] or [{}])[0].get("M", "")[:100]) for k in lost if k in masked)
        for (state, message), n in why.most_common(15):
            print("  worked without policies only: %s %s: %d" % (state, message, n))
        for k in lost[:run.options.show * 10]:
            print("  lost: %s: %s" % (k, " ".join(masked[k][1].split())[:300]))
        other = sum(1 for k, (s, _, _) in plain.items() if s == "00000" and k not in touched)
        same = sum(1 for k, (s, _, _) in plain.items() if s == "00000" and k not in touched and masked.get(k, ("-",))[0] == "00000")
        print("%d of %d statements that worked and read no masked column work with policies" % (same, other))
        run.check(len(counted) >= 500 or run.options.scripts, "only %d statements read masked columns" % len(counted))
        run.check(len(lost) <= (1 - canary.USABLE) * len(counted), "%d of %d statements do not work with policies" % (len(lost), len(counted)))
