"""noninterference.py
		Two databases whose masked values differ, but not what masks make of them: to a masked role they are one.

usage: noninterference.py [--queries N] [--seed S] [--show N]

The pair has the same rows in the same order, and values of the same width.  What is masked differs in the ways that
statistics see: in one database all values are distinct, in the other they repeat, and their order is another.  Parts
that a mask keeps are equal.  Both are analysed.  As the masked role each generated statement (generator.py, the
repeatable ones) is run in both, and where it is a query EXPLAIN of it as well, with costs: every byte that comes back
must be the same - rows, errors, notices, plans, estimates.

As the table's owner, whom no policy concerns, most of the same statements must differ: else the pair is
no pair.  The last line is 'N passed, N failed, N skipped'.
"""

import argparse
import collections
import datetime
import os
import random
import re
import struct
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import database
import generator
import policies
import wire

LETTERS = "gjkpqvwxz"
DISTINCT, REPEATED = "pair_a", "pair_b"
# Of the statements that touch masked columns, how many have to differ for the owner.
TELLING = 0.4


def values(which):
    """values() of database.build: what masks keep comes from (relation, column, row) alone, the rest from the database."""
    def value(relation, column, type, i):
        kept = random.Random("%s %s %d" % (relation, column, i))
        # the second database knows 12 values, and has them backwards
        n = i if which == DISTINCT else 100000 - i % 12
        secret = random.Random("%s %s %s %d" % (which, relation, column, n))
        letters = lambda rng, k: "".join(rng.choice(LETTERS) for _ in range(k))
        if type == "text":
            return letters(kept, 2) + letters(secret, 10) + letters(kept, 4)
        if type == "int8":
            return 57000000000000000 + kept.randrange(1, 50) * 10 ** 13 + secret.randrange(10 ** 11, 9 * 10 ** 11)
        if type == "num":
            # digits of base 10000 decide the width
            return "9173%04d%04d%04d.%02d" % (kept.randrange(1000, 9999), secret.randrange(1000, 9999), secret.randrange(1000, 9999),
                                              secret.randrange(11, 99))
        if type == "date":
            return datetime.date(kept.randrange(5200, 8999), secret.randrange(1, 13), secret.randrange(2, 29)).isoformat()
        if type == "uuid":
            h = "%032x" % (secret.getrandbits(127) | 1 << 127)
            return "-".join((h[:8], h[8:12], h[12:16], h[16:20], h[20:]))
        if type == "text[]":
            return [letters(secret, 8), letters(secret, 8)]
        if type == "bytea":
            return "\\x" + letters(secret, 16).encode().hex()
        if type == "jsonb":
            return '{"code": "%s", "number": %d, "list": ["%s", 1], "day": "x"}' % (
                letters(secret, 12), secret.randrange(10 ** 15, 10 ** 16), letters(secret, 12))
        raise AssertionError(type)
    return value


class Run:
    def __init__(self, options):
        self.options = options
        self.passed = self.failed = 0

    def check(self, good, what):
        if good:
            self.passed += 1
        else:
            self.failed += 1
            print("FAILED: " + what)

    def prepare(self):
        root = wire.Connection("postgres", "postgres")
        root.must(database.ROLES)
        for name in (DISTINCT, REPEATED):
            files = os.path.join(os.environ["LH_FILES"], name)
            os.mkdir(files)
            os.chmod(files, 0o777)
            # a copy has the same oids: of tables in results, of all that a query's identifier is made of
            root.must("CREATE DATABASE %s%s" % (name, "" if name == DISTINCT else " TEMPLATE " + DISTINCT))
            own = wire.Connection("postgres", name)
            if name == DISTINCT:
                database.build(own, values(name), files, name)
                own.must(database.GRANT_READ)
                own.must(database.GRANT_WRITE)
                policies.apply(own)
                # whether it inherits them is the canary's to say
                policies.close_materialized(own)
                self.last_oid = int(own.must("SELECT max(oid) FROM (SELECT oid FROM pg_class UNION ALL SELECT oid FROM pg_type) x")[0][0])
            else:
                own.must("GRANT CREATE, TEMPORARY ON DATABASE %s TO analyst" % name)
                database.refill(own, values(name), files)
            own.close()
        root.close()
        sizes = {os.path.getsize(os.path.join(os.environ["LH_FILES"], name, "person.parquet")) for name in (DISTINCT, REPEATED)}
        self.sizes_differ = len(sizes) > 1
        if self.sizes_differ:
            print("the lake table's files have sizes %s: its costs, made of them, are not compared" % sorted(sizes))

    def statements(self):
        for q in generator.generate(self.options.seed, self.options.queries, repeatable=True):
            yield q, q.sql, q.way
            if q.reads and q.sql.startswith(("SELECT", "WITH", "TABLE", "VALUES")):
                yield q, "EXPLAIN " + q.sql, "simple"

    def answers(self, user, name):
        """One session after the other, so that both have the same temporary schema; reconnecting alike."""
        out, connection = [], None
        for n, (q, sql, way) in enumerate(self.statements()):
            if n % 400 == 0:
                if connection:
                    connection.close()
                connection = wire.Connection(user, name)
                connection.statement("SET extra_float_digits = 1; SET max_parallel_workers_per_gather = 0")
            try:
                reply = connection.statement(sql) if way == "simple" else connection.extended(sql, binary=way == "binary")
                # the number of a session's temporary schema is that of its place in the server
                answer = re.sub(rb"pg_(toast_)?temp_\d+", rb"pg_\1temp", self.normal(reply, name))
                if "CREATE" in sql:
                    # made of the oids of what the session created
                    answer = re.sub(rb".Query Identifier: -?\d+", b"", answer, flags=re.S)
                if self.sizes_differ and "crm.person_lake" in q.relations:
                    answer = re.sub(rb"cost=[0-9.]+", b"cost", answer)
                out.append(answer)
                if reply.messages[-1][1] != b"I":
                    connection.statement("ROLLBACK")
            except wire.Gone as e:
                self.check(False, "connection lost: %s: %s" % (e, sql[:1000]))
                out.append(b"gone")
                connection = wire.Connection(user, name)
        connection.close()
        return out

    def normal(self, reply, name):
        """What may differ: the database's name, and oids of tables and types that the session made."""
        out = []
        for kind, body in reply.messages:
            if kind == b"T":
                at, fixed = 2, bytearray(body)
                for _ in range(struct.unpack_from(">H", body)[0]):
                    at = body.index(b"\0", at) + 1
                    for oid in (at, at + 6):
                        if struct.unpack_from(">I", body, oid)[0] > self.last_oid:
                            fixed[oid:oid + 4] = b"\0\0\0\0"
                    at += 18
                body = bytes(fixed)
            out.append(kind + body.replace(name.encode(), b"pair_x"))
        return b"".join(out)

    def compare(self):
        a, b = self.answers("analyst", DISTINCT), self.answers("analyst", REPEATED)
        same, kinds = collections.Counter(), collections.Counter()
        shown = collections.Counter()
        for (q, sql, _), x, y in zip(self.statements(), a, b):
            kind = ("plan of " if sql.startswith("EXPLAIN ") and not q.sql.startswith("EXPLAIN ") else "") + q.kind
            kinds[kind] += 1
            if x == y:
                same[kind] += 1
            else:
                shown[kind] += 1
                if shown[kind] <= self.options.show:
                    at = next((i for i, (p, r) in enumerate(zip(x, y)) if p != r), min(len(x), len(y)))
                    print("DIFFERS %s: %s\n    %r\n    %r" % (kind, sql[:900], x[max(0, at - 150):at + 150], y[max(0, at - 150):at + 150]))
        for kind in sorted(kinds):
            self.check(same[kind] == kinds[kind], "%d of %d answers of '%s' differ" % (kinds[kind] - same[kind], kinds[kind], kind))
        print("%d statements compared, %d bytes, %d differ" % (len(a), sum(map(len, a)), len(a) - sum(same.values())))

    def telling(self):
        """The owner, whom no policy concerns, sees the difference."""
        a, b = self.answers("keeper", DISTINCT), self.answers("keeper", REPEATED)
        touching = [x != y for (q, _, _), x, y in zip(self.statements(), a, b) if q.touches]
        print("for the owner %d of %d statements that touch masked columns differ" % (sum(touching), len(touching)))
        self.check(sum(touching) > TELLING * len(touching), "the pair is too much alike to tell anything")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--queries", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--show", type=int, default=1, help="so many differences of each kind are printed")
    run = Run(parser.parse_args())
    run.prepare()
    run.compare()
    run.telling()
    print("%d passed, %d failed, 0 skipped" % (run.passed, run.failed))
    return 1 if run.failed else 0


if __name__ == "__main__":
    sys.exit(main())
