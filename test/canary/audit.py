"""audit.py
		The audit of the attacked server: what it kept is searched as all else is, and counted.

The server runs with lakehouse.audit_filter = 'all', in both phases.  The harness names each statement in
application_name ("kind.number"), so that records are told apart, and some statements put a masked value there, or in
lakehouse.purpose: without policies the log then has secrets, and each of its readers shows them.

	audit: log				lines, as they lie in the segments
	audit: other files		offsets, checkpoints (also the ones outside), keys' public texts, state
	audit: program ...		lakehouse_audit export (JSON, OCSF), show, prove
	audit: SQL ...			audit_export (JSON, OCSF), audit_read, documents, audit_status

Not searched are the files of hashes: by chance random bytes have five letters of some secret in a row.  lakehouse_audit
verify makes them anew from the lines, so that nothing else can be in them.

Literals are asked for by themselves: statements of all kinds that hold secrets in their text must leave records, and
these must not have them - with policies and without.
"""

import base64
import collections
import glob
import json
import os
import subprocess
import time

import wire

PAGE = 5000

# Kinds of generated statements that leave no intent, and why.
UNRECORDED = {"explain": "only with ANALYZE"}
# Commands that must be among the records.
COMMANDS = ("SELECT", "INSERT", "UPDATE", "DELETE", "MERGE", "COPY", "CREATE TABLE", "CREATE VIEW", "CREATE FUNCTION", "DO")

# Statements with a secret in their text where no name of an object is; %s is the secret.
LITERALS = (
    "SELECT id FROM crm.person WHERE name = '%s'",
    "SELECT id, '%s' AS v FROM crm.person WHERE ssn > 'x'",
    "PREPARE l (text) AS SELECT id FROM crm.person WHERE name = $1; EXECUTE l ('%s'); DEALLOCATE l",
    "CREATE TEMP TABLE l AS SELECT '%s'::text AS v FROM crm.person LIMIT 1; INSERT INTO l VALUES ('%s'); UPDATE l SET v = '%s'; DELETE FROM l WHERE v = '%s'; DROP TABLE l",
    "COPY (SELECT name, '%s' FROM crm.person WHERE name <> '%s') TO STDOUT",
    "DO $$ BEGIN PERFORM name FROM crm.person WHERE name = '%s'; EXECUTE 'SELECT ''%s''::text FROM crm.person LIMIT 1'; END $$",
    "BEGIN; DECLARE l CURSOR FOR SELECT id FROM crm.person WHERE name LIKE '%s%%'; FETCH 2 FROM l; ROLLBACK",
    "SELECT ('%s' || name)::int FROM crm.person",
    "SELECT name FROM crm.person WHERE no_such_column = '%s'",
    "SELECT '%s'::no_such_type",
    "CREATE FUNCTION pg_temp.l() RETURNS text LANGUAGE sql AS $$ SELECT '%s'::text || name FROM crm.person LIMIT 1 $$; SELECT pg_temp.l(); DROP FUNCTION pg_temp.l()",
    "CREATE TEMP VIEW l AS SELECT '%s'::text AS v, name FROM crm.person; TABLE l; COMMENT ON VIEW l IS '%s'; DROP VIEW l",
    "CREATE TEMP TABLE l (v text DEFAULT '%s' CHECK (v <> '%s')); ALTER TABLE l ALTER v SET DEFAULT '%s'; INSERT INTO l DEFAULT VALUES; DROP TABLE l",
    "EXPLAIN ANALYZE SELECT id FROM crm.person WHERE name = '%s'",
    "SET work.l = '%s'; SELECT name FROM crm.person WHERE name = current_setting('work.l'); RESET work.l",
    "MERGE INTO crm.visit v USING (SELECT 1 AS id WHERE 'a' = '%s') q ON v.id = q.id WHEN MATCHED THEN UPDATE SET place = '%s'",
    "INSERT INTO crm.asset (id, grp, label) VALUES (1, 2, '%s') ON CONFLICT (id) DO NOTHING",
    "UPDATE crm.person SET city = 'Rome' WHERE name = '%s' OR id IN (SELECT 1 WHERE 'b' = '%s')",
    "DELETE FROM crm.visit WHERE diag = '%s'",
    "CALL crm.no_such_procedure('%s')",
    "NOTIFY l, '%s'",
    "CREATE ROLE l PASSWORD '%s'",
    "GRANT '%s' TO keeper",
    "SELECT id FROM crm.person WHERE name = '%s",
)


class Audit:
    def __init__(self, run):
        self.run = run
        self.directory, self.outside = os.environ["LH_AUDIT"], os.environ["LH_AUDIT_OUTSIDE"]
        self.program = os.environ["LH_AUDIT_PROGRAM"]
        self.first, self.marks, self.marker = None, 0, "SELECT count(*) FROM crm.vehicle"

    # ---- the log ----

    def size(self):
        """Entries, once all is in the log that statements put into the ring so far: the ring keeps their order."""
        root = self.run.root
        self.marks += 1
        mark = "mark.%d" % self.marks
        root.must("SET application_name = '%s'" % mark)
        root.must(self.marker)
        root.must("SET application_name = ''")
        for _ in range(6000):
            number, tail = self.tail()
            begun = [r for r in tail if r.get("application") == mark]
            if begun and any(r["kind"] == "outcome" and r.get("statement") == begun[0]["statement"] and r["pid"] == begun[0]["pid"] for r in tail):
                return number
            time.sleep(0.05)
        raise RuntimeError("the audit's worker does not come to " + mark)

    def tail(self):
        """(entries, the last of them)"""
        f = sorted(glob.glob(os.path.join(self.directory, "*.jsonl")))[-1]
        with open(f, "rb") as stream:
            data = stream.read()
        whole = data[:data.rfind(b"\n") + 1]
        return int(os.path.basename(f).split(".")[0]) + whole.count(b"\n"), [json.loads(x) for x in whole[-100000:].splitlines()[1:]]

    def begin(self):
        self.first = self.size()

    def lines(self, first, last=None):
        """Lines of the segments from an entry on."""
        out = []
        for f in sorted(glob.glob(os.path.join(self.directory, "*.jsonl"))):
            with open(f, "rb") as stream:
                for number, line in enumerate(stream, int(os.path.basename(f).split(".")[0])):
                    if number >= first and (last is None or number < last):
                        out.append(line)
        return out

    def ask_program(self, *arguments):
        done = subprocess.run([self.program, *arguments], capture_output=True)
        if done.returncode:
            raise RuntimeError("lakehouse_audit %s: %s" % (" ".join(arguments), done.stderr.decode("utf-8", "replace")[:2000]))
        return done.stdout

    def look(self, phase, path, data, marker):
        """Search, in pieces whose hits are counted each, and show that a secret would be found there."""
        pieces = data if isinstance(data, list) else [data]
        for piece in pieces:
            phase.look("audit: " + path, piece)
        middle = pieces[len(pieces) // 2]
        middle = middle[max(0, len(middle) // 2 - 3000):][:6000]
        self.run.check(any(marker in p for p in pieces), "%s: %s: %r is not in it" % (phase.name, path, marker))
        at = middle.find(b"\n", len(middle) // 2) + 1
        secret = next(c.value for c in self.run.needles.text.values() if c.kind == "text").encode()
        for form in (secret, secret[5:10], secret.upper(), secret[::-1], secret.hex().encode(), base64.b64encode(b"a " + secret)):
            hits = self.run.needles.find(middle[:at] + b'{"name":"' + form + b'"}\n' + middle[at:])
            self.run.check(any(abs(h.offset - at) < 60 for h in hits), "%s: %s: a planted %r is not found" % (phase.name, path, form))

    def paged(self, lines):
        return [b"".join(lines[i:i + PAGE]) for i in range(0, len(lines), PAGE)]

    def end(self, phase):
        first, last = self.first, self.size()
        lines = self.lines(first, last)
        self.run.root.must("SELECT lakehouse.audit_checkpoint()")
        self.run.check(len(lines) == last - first, "%s: %d lines of entries %d to %d" % (phase.name, len(lines), first, last))
        self.look(phase, "log", self.paged(lines), b'"name":"person"')
        other = []
        for f in sorted(os.listdir(self.directory)):
            if not f.endswith(".jsonl") and not f.startswith("nodes-"):
                other.append(open(os.path.join(self.directory, f), "rb").read())
        # the worker brings them there by itself
        for _ in range(6000):
            kept = sorted(glob.glob(os.path.join(self.outside, "*.checkpoint")))
            if kept:
                break
            time.sleep(0.05)
        self.run.check(bool(kept), "%s: no checkpoint came outside" % phase.name)
        other += [open(f, "rb").read() for f in kept]
        self.look(phase, "other files", b"\n".join(other), b"canary/audit")

        since = json.loads(lines[0])["time"]
        for name, arguments in (("export", ("export",)), ("export OCSF", ("export", "--format", "ocsf")), ("show", ("show",))):
            text = self.ask_program(arguments[0], "--log", self.directory, "--from", since, *arguments[1:])
            self.look(phase, "program " + name, self.paged(text.splitlines(True)), b'person"')
        with_application = [first + i for i, line in enumerate(lines) if b'"application":"activity.' not in line and b'"application":"' in line]
        named = [first + i for i, line in enumerate(lines) if self.run.needles.find(line, 1)][:5] or with_application[-5:]
        documents = [self.ask_program("prove", "--log", self.directory, "--entry", str(n)) for n in named]
        self.look(phase, "program prove", b"\n".join(documents), b"canary/audit")

        root = self.run.root
        for name, format in (("export", "json"), ("export OCSF", "ocsf")):
            pages = []
            for at in range(first, last, PAGE):
                rows = root.must("SELECT lakehouse.audit_export('%s', %d, %d)" % (format, at, min(PAGE, last - at)))
                pages.append(b"".join(r[0].encode() + b"\n" for r in rows))
            self.run.check(sum(p.count(b"\n") for p in pages) == last - first, "%s: audit_export(%s) has not all entries" % (phase.name, format))
            self.look(phase, "SQL " + name, pages, b'person"')
        pages = []
        for at in range(first, last, PAGE):
            rows = root.must("SELECT r::text FROM lakehouse.audit_read(%d, %d) r" % (at, min(PAGE, last - at)))
            pages.append(b"".join(r[0].encode() + b"\n" for r in rows))
        self.look(phase, "SQL audit_read", pages, b"crm.person")
        rows = [root.must("SELECT lakehouse.audit_inclusion_document(%d)" % n)[0][0] for n in named]
        self.look(phase, "SQL documents", "\n".join(rows).encode(), b"canary/audit")
        self.look(phase, "SQL audit_status", root.must("SELECT s::text FROM lakehouse.audit_status() s")[0][0].encode() + b"\n", b"synchronous")
        self.count(phase, [json.loads(line) for line in lines])
        self.literals(phase)
        self.verify(phase, kept)

    # ---- is it all there ----

    def count(self, phase, records):
        intents = [r for r in records if r["kind"] == "intent"]
        commands = collections.Counter(r.get("command", "-") for r in intents)
        self.run.check(not any(r["kind"] == "lost" for r in records), "%s: records were lost" % phase.name)
        for command in COMMANDS:
            self.run.check(commands[command] > 0, "%s: no record of %s" % (phase.name, command))
        by_statement = collections.Counter(r.get("application", "") for r in intents)
        # what was refused has but an outcome
        denied = collections.Counter(r["application"] for r in records if r.get("result") == "denied" and "application" in r)
        by_kind = collections.Counter()
        for name, n in (by_statement + denied).items():
            by_kind[name.rpartition(".")[0]] += n
        for kind in phase.asked:
            if kind not in UNRECORDED:
                self.run.check(by_kind[kind] > 0, "%s: no record of statements of kind '%s' (%d of them)" % (phase.name, kind, phase.asked[kind]))
        # each read of a masked column that gave rows
        missing = [(q, name) for name, q in phase.audited.items() if not by_statement[name] and q.kind not in UNRECORDED]
        print("  audit: %d records, %d intents, %d commands; %d of %d reads of masked columns that worked have theirs" % (
            len(records), len(intents), len(commands), len(phase.audited) - len(missing), len(phase.audited)))
        for q, name in missing[:5]:
            print("    no record of %s: %s" % (name, q.sql[:500]))
        self.run.check(not missing and phase.audited, "%s: %d reads of masked columns have no record" % (phase.name, len(missing)))
        ends = {(r["pid"], r["session_start"], r["statement"]) for r in records if r["kind"] == "outcome" and "statement" in r}
        open_ones = [r for r in intents if r.get("application") and (r["pid"], r["session_start"], r["statement"]) not in ends]
        self.run.check(not open_ones, "%s: %d intents have no outcome: %r" % (phase.name, len(open_ones), open_ones[:2]))
        synchronous = sum(n for name, n in by_statement.items() if name.startswith("synchronous."))
        self.run.check(synchronous > 0, "%s: no record of the synchronous part" % phase.name)

    def literals(self, phase):
        """Secrets in the text of statements, of the harness's own: no policy can keep them out of the log, their absence is the audit's own."""
        first = self.size()
        c = wire.Connection("postgres", self.run.database)
        c.must(self.run.quiet)
        c.must("SET SESSION AUTHORIZATION analyst")
        secrets = [x.value for x in {id(x): x for x in self.run.needles.text.values()}.values() if x.kind == "text"]
        for n, sql in enumerate(LITERALS):
            c.must("SET application_name = 'literal.%d'" % n)
            secret = secrets[n % len(secrets)]
            c.statement(sql.replace("%s", secret).replace("%%", "%"))
            c.statement("ROLLBACK")
        c.close()
        lines = self.lines(first, self.size())
        phase.look("audit: literals", b"".join(lines))
        seen = {json.loads(line).get("application") for line in lines}
        self.run.check(sum("literal.%d" % n in seen for n in range(len(LITERALS))) >= len(LITERALS) * 2 // 3,
                       "%s: of %d statements with literals only these have records: %s" % (phase.name, len(LITERALS), sorted(filter(None, seen))))
        if phase.name == "without policies":
            self.run.check(phase.paths["audit: literals"].hits == 0, "%s: literals are in the audit" % phase.name)

    def verify(self, phase, kept):
        key = self.run.root.must("SELECT lakehouse.audit_public_key()")[0][0]
        done = subprocess.run([self.program, "verify", "--log", self.directory, "--key", key, "--origin", "canary/audit",
                               *(x for f in kept for x in ("--checkpoint", f))], capture_output=True)
        self.run.check(done.returncode == 0 and done.stdout.startswith(b"intact"), "%s: lakehouse_audit verify: %s" % (
            phase.name, (done.stdout + done.stderr).decode("utf-8", "replace")[-2000:]))

    # ---- synchronous ----

    def switch(self, mode):
        self.run.root.must("ALTER SYSTEM SET lakehouse.audit = %s" % mode)
        self.run.root.must("SELECT pg_reload_conf()")
        for _ in range(3000):
            c = wire.Connection("postgres", self.run.database)
            now = c.must("SHOW lakehouse.audit")[0][0]
            c.close()
            if now == mode:
                return
            time.sleep(0.1)
        raise RuntimeError("lakehouse.audit does not become " + mode)
