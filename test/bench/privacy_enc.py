"""privacy_enc.py: the runs of test/bench/privacy_enc, beside its server."""

import argparse
import os
import statistics
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from privacy_tokens import Session  # noqa: E402

SETUP = """
SET client_min_messages = warning;
CREATE EXTENSION lakehouse;
SELECT lakehouse.key_provider_create('file', 'file', jsonb_build_object('path', '{keys}'));
SELECT lakehouse.key_create('k', provider => 'file', kek => 'app');
SELECT lakehouse.domain_create('d', 'text', 'k');
CREATE ROLE clerk SUPERUSER;
SELECT lakehouse.domain_grant('d', r, 'clerk') FROM unnest('{{encrypt,decrypt,search}}'::text[]) r;
CREATE UNLOGGED TABLE t AS SELECT i, 'john.doe' || i || '@example.com' AS m, repeat(md5(i::text), 8) AS long FROM generate_series(1::bigint, {rows}) i;
CREATE UNLOGGED TABLE e (i bigint, r lakehouse.enc_text('d'), s lakehouse.enc_text('d', 'search'), l lakehouse.enc_text('d'));
SET ROLE clerk;
INSERT INTO e SELECT i, m, m, long FROM t;
CREATE INDEX ON e (s);
RESET ROLE;
VACUUM ANALYZE t;
VACUUM ANALYZE e;
"""

# name, query, the same without encryption; {n}: rows
LINES = [
    ("encrypt, 25 bytes, random", "SELECT count(lakehouse.encrypt(m, 'd')) FROM t", "SELECT count(m) FROM t"),
    ("encrypt, 25 bytes, searchable", "SELECT count(lakehouse.encrypt(m, 'd', true)) FROM t", "SELECT count(m) FROM t"),
    ("encrypt, 256 bytes, random", "SELECT count(lakehouse.encrypt(long, 'd')) FROM t", "SELECT count(long) FROM t"),
    ("decrypt, 25 bytes, random", "SELECT count(lakehouse.decrypt(r)) FROM e", "SELECT count(r) FROM e"),
    ("decrypt, 25 bytes, searchable", "SELECT count(lakehouse.decrypt(s)) FROM e", "SELECT count(s) FROM e"),
    ("decrypt, 256 bytes, random", "SELECT count(lakehouse.decrypt(l)) FROM e", "SELECT count(l) FROM e"),
    ("hashed for a join or DISTINCT", "SELECT count(*) FROM (SELECT DISTINCT s FROM e) x", "SELECT count(*) FROM (SELECT DISTINCT i FROM e) x"),
    ("found by index, each", "SELECT count(e.i) FROM t, LATERAL (SELECT i FROM e WHERE s = t.m OFFSET 0) e", "SELECT count(m) FROM t"),
]


def main():
    args = argparse.ArgumentParser()
    args.add_argument("--rows", type=int, default=300000)
    args.add_argument("--rounds", type=int, default=5)
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
    session, rates = Session(), {}
    session.query("SET search_path = public, lakehouse")
    for _ in range(args.rounds):
        for name, query, without in LINES:
            net = session.cpu(query) - session.cpu(without)
            rates.setdefault(name, []).append(args.rows / net)
    print("| what | M values/s | least | most | ns each |\n| --- | ---: | ---: | ---: | ---: |")
    for name, r in rates.items():
        m = statistics.median(r)
        print("| %s | %.3f | %.3f | %.3f | %.0f |" % (name, m / 1e6, min(r) / 1e6, max(r) / 1e6, 1e9 / m))
    session.query("RESET ROLE; SELECT lakehouse.key_rotate('k')")
    size = int(session.query("SELECT pg_relation_size('e')"))
    took = session.cpu("CALL lakehouse.encryption_rotate('e', 'l')")
    print("\nencryption_rotate: %.0f MB/s of CPU time, %.0f ns a row" % (size / took / 1e6, took / args.rows * 1e9))


if __name__ == "__main__":
    main()
