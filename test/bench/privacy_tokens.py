"""privacy_tokens.py: the runs of test/bench/privacy_tokens, beside its server."""

import argparse
import os
import statistics
import subprocess
import sys
import time
import types

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))

SETUP = """
SET client_min_messages = warning;
CREATE EXTENSION lakehouse;
SELECT lakehouse.key_provider_create('file', 'file', jsonb_build_object('path', '{keys}'));
SELECT lakehouse.key_create('k', provider => 'file', kek => 'app');
SELECT lakehouse.domain_create('digits', 'digits', 'k'), lakehouse.domain_create('card', 'card', 'k'), lakehouse.domain_create('text', 'text', 'k'),
	lakehouse.domain_create('bigint', 'bigint', 'k'), lakehouse.domain_create('uuid', 'uuid', 'k'), lakehouse.domain_create('email', 'email', 'k');
SELECT lakehouse.domain_grant(name, r, current_user) FROM lakehouse.domain_list(), unnest('{{tokenize,detokenize}}'::text[]) r;
SELECT probin FROM pg_proc WHERE oid = 'lakehouse.mask_gate(internal)'::regprocedure \\gset
CREATE FUNCTION gate() RETURNS bigint AS :'probin', 'lakehouse_mask_gate' LANGUAGE C STABLE;
CREATE FUNCTION fpe(text, text, bigint) RETURNS text AS :'probin', 'lakehouse_mask_fpe_text_run' LANGUAGE C STABLE STRICT;
CREATE FUNCTION hash(text, text, bigint) RETURNS text AS :'probin', 'lakehouse_mask_hash_run' LANGUAGE C STABLE STRICT;
CREATE FUNCTION fake(text, text, bigint) RETURNS text AS :'probin', 'lakehouse_mask_fake_name_run' LANGUAGE C STABLE STRICT;
CREATE UNLOGGED TABLE t AS SELECT i, lpad((i * 7919 % 1000000007 * 1000003 % 10000000000000000)::text, 16, '4') AS v,
	'4111-' || lpad((i * 7919 % 100000000)::text, 8, '0') || '-1111' AS dashed,
	(i * 1000003) AS n, md5(i::text)::uuid AS u, 'john.doe' || i || '@example.com' AS m
	FROM generate_series(1::bigint, {rows}) i;
CREATE UNLOGGED TABLE c AS SELECT v || d.d AS v FROM (SELECT left(v, 15) AS v FROM t) x, LATERAL (SELECT (10 - sum(CASE WHEN p % 2 = 1 THEN
	CASE WHEN 2 * g > 9 THEN 2 * g - 9 ELSE 2 * g END ELSE g END) % 10) % 10 AS d FROM (SELECT p, substr(x.v, p, 1)::int AS g FROM generate_series(1, 15) p) y) d;
VACUUM ANALYZE t;
VACUUM ANALYZE c;
"""

# name, query with {x} for the function's call, that call, the same query without it
ROW = "SELECT count({x}) FROM t"
ARRAY = "SELECT sum(cardinality({x})) FROM (SELECT array_agg(%s) AS a FROM t GROUP BY i / 1000) x"
LINES = [
    ("tokenize(text), 16 digits", ROW, "lakehouse.tokenize(v, 'digits')", "v"),
    ("detokenize(text), 16 digits", ROW, "lakehouse.detokenize(v, 'digits')", "v"),
    ("mask_fpe(text), 16 digits", ROW, "fpe(v, 'digits', gate())", "v"),
    ("tokenize(text[]), 16 digits", ARRAY % "v", "lakehouse.tokenize(a, 'digits')", "a"),
    ("tokenize(text), 16 digits and dashes", ROW, "lakehouse.tokenize(dashed, 'digits')", "dashed"),
    ("tokenize(text[]), 16 digits and dashes", ARRAY % "dashed", "lakehouse.tokenize(a, 'digits')", "a"),
    ("tokenize(text), card, last 4 kept", "SELECT count({x}) FROM c", "lakehouse.tokenize(v, 'card')", "v"),
    ("tokenize(text), e-mail", ROW, "lakehouse.tokenize(m, 'email')", "m"),
    ("tokenize(bigint)", ROW, "lakehouse.tokenize(n, 'bigint')", "n"),
    ("tokenize(bigint[])", ARRAY % "n", "lakehouse.tokenize(a, 'bigint')", "a"),
    ("tokenize(uuid)", ROW, "lakehouse.tokenize(u, 'uuid')", "u"),
    ("mask_hash(text)", ROW, "hash(v, 'digits', gate())", "v"),
    ("mask_fake_name(text)", ROW, "fake(v, 'digits', gate())", "v"),
]
PGCRYPTO = [
    ("pgcrypto hmac(text), SHA-256", ROW, "hmac(v, '0123456789abcdef0123456789abcdef', 'sha256')", "v"),
    ("pgcrypto encrypt(bytea), AES-256-ECB",
     ROW, "encrypt(v::bytea, '\\x3031323334353637383961626364656630313233343536373839616263646566', 'aes-ecb')", "v::bytea"),
]


class Session:
    """psql, a query at a time, and the CPU time of its backend."""

    def __init__(self):
        self.psql = subprocess.Popen(["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-f", "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                     universal_newlines=True, bufsize=1)
        self.pid = self.query("SELECT pg_backend_pid()")

    def query(self, sql):
        self.psql.stdin.write(sql + "\n;\n\\echo done\n")
        self.psql.stdin.flush()
        lines = []
        while True:
            line = self.psql.stdout.readline()
            if line == "":
                raise SystemExit("psql ended")
            if line.strip() == "done":
                return "\n".join(lines)
            lines.append(line.strip())

    def cpu(self, sql):
        def now():
            with open("/proc/%s/schedstat" % self.pid) as f:
                return int(f.read().split()[0]) * 1e-9
        start = now()
        self.query(sql)
        return now() - start


def python_lines():
    """Values a second of CPU time: FF1 over AES of python3-cryptography, and HMAC."""
    import hmac
    sys.modules.setdefault("common", types.SimpleNamespace(FIXTURES=None))
    sys.path.insert(0, os.path.join(TOP, "test", "fixtures", "make"))
    lines = [("Python hmac, SHA-256", lambda: hmac.new(bytes(32), b"4111111111111111", "sha256").hexdigest())]
    try:
        import ff1
        lines.append(("Python FF1, python3-cryptography", lambda: ff1.ff1_encrypt(bytes(32), 10, b"8 bytes.", [4] + [1] * 15)))
    except ImportError:
        print("python3-cryptography is not there: no line of it", file=sys.stderr)
    return lines


def python_rate(call):
    n, start = 0, time.process_time()
    while time.process_time() - start < 0.2:
        for _ in range(20):
            call()
        n += 20
    return n / (time.process_time() - start)


def main():
    args = argparse.ArgumentParser()
    args.add_argument("--rows", type=int, default=1000000)
    args.add_argument("--rounds", type=int, default=9)
    args.add_argument("--only", default="")
    args = args.parse_args()
    keys = os.path.join(os.path.dirname(os.environ["PGHOST"]), "tmp", "keys.json")
    with open(keys, "w") as f:
        f.write('{"keys": {"app:1": "%s"}}' % ("0123456789abcdef" * 4))
    os.chmod(keys, 0o600)
    if os.getuid() == 0:
        owner = os.stat(os.path.dirname(keys))
        os.chown(keys, owner.st_uid, owner.st_gid)
    subprocess.run(["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-f", "-"], input=SETUP.format(keys=keys, rows=args.rows), check=True,
                   universal_newlines=True, stdout=subprocess.DEVNULL)
    lines = [l for l in LINES if args.only in l[0]]
    if subprocess.run(["psql", "-XAtqc", "CREATE EXTENSION pgcrypto"], stderr=subprocess.DEVNULL).returncode == 0:
        lines += [l for l in PGCRYPTO if args.only in l[0]]
    else:
        print("pgcrypto is not there: no lines of it", file=sys.stderr)
    python = python_lines() if not args.only else []
    session, rates = Session(), {}
    # the domains' first use, and pages into memory
    for name, query, with_it, without in lines:
        session.query(query.replace("{x}", without))
    for _ in range(args.rounds):
        for name, query, with_it, without in lines:
            net = session.cpu(query.replace("{x}", with_it)) - session.cpu(query.replace("{x}", without))
            rates.setdefault(name, []).append(args.rows / net)
        for name, call in python:
            rates.setdefault(name, []).append(python_rate(call))
    print("| what | M values/s | least | most | ns each |\n| --- | ---: | ---: | ---: | ---: |")
    for name, r in rates.items():
        m = statistics.median(r)
        print("| %s | %.3f | %.3f | %.3f | %.0f |" % (name, m / 1e6, min(r) / 1e6, max(r) / 1e6, 1e9 / m))


if __name__ == "__main__":
    main()
