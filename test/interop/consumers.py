"""Drives test/interop/consumers: random transactions, the client into Kafka, the consumers, the comparison."""
import argparse
import datetime
import json
import os
import random
import struct
import subprocess
import sys
import time

import confluent_kafka
import psycopg2

from consumers_table import COLUMNS, NAMES, canon, load

parser = argparse.ArgumentParser()
for name in ("bootstrap", "client", "made", "dir"):
    parser.add_argument("--" + name, required=True)
parser.add_argument("--seed", type=int, default=1)
parser.add_argument("--rounds", type=int, default=400)
parser.add_argument("only", nargs="?", choices=("flink", "spark"))
args = parser.parse_args()
here = os.path.dirname(os.path.abspath(__file__))
rnd = random.Random(args.seed)
passed = failed = 0
started = time.time()
TABLES = {"whole": "FULL", "keyed": "DEFAULT"}


def check(what, ok, why=""):
    global passed, failed
    passed, failed = passed + bool(ok), failed + (not ok)
    print(f"{'ok' if ok else 'FAILED'}  {what}{'' if ok else ': ' + str(why)}", flush=True)


def say(what):
    print(f"{time.time() - started:6.1f} s  {what}", flush=True)


# ---- values

def character():
    kind = rnd.random()
    if kind < 0.3:
        return chr(rnd.randrange(1, 0x20))
    if kind < 0.5:
        return rnd.choice('"\\/\u007f\u0085\u2028\u2029\ufeff\ufffe\uffff<>&\'')
    while True:
        c = rnd.randrange(0x20, 0x110000 if kind > 0.75 else 0x3000)
        if not 0xD800 <= c < 0xE000:
            return chr(c)


def text(n=12):
    return "".join(character() for _ in range(rnd.randrange(n)))


def single():
    v = struct.unpack(">f", struct.pack(">I", rnd.getrandbits(32)))[0]
    return rnd.choice([v, 0.1, -0.0, 1e-45, 3.4028235e38, float("nan"), float("inf"), float("-inf")])


def double():
    v = struct.unpack(">d", struct.pack(">Q", rnd.getrandbits(64)))[0]
    return rnd.choice([v, 0.1, -0.0, 5e-324, 1.7976931348623157e308, float("nan"), float("inf"), float("-inf")])


def moment():
    return datetime.datetime(1900, 1, 1) + datetime.timedelta(microseconds=rnd.randrange(300 * 365 * 86400 * 10**6))


def document():
    text_of = lambda: text(5).replace("\u0000", "")
    return json.dumps(rnd.choice([{"a": [1, 2.50, None, True], text_of(): text_of()}, [], "x", {"big": 12345678901234567890}]))


def large():
    """Stored out of line, uncompressed, at times; short ones are in the row."""
    return rnd.choice([None, text(), "".join(chr(rnd.randrange(0x20, 0x250)) for _ in range(5)) * rnd.randrange(600, 900)])


MAKERS = {
    "i2": lambda: rnd.randrange(-2**15, 2**15), "i4": lambda: rnd.randrange(-2**31, 2**31), "f4": single, "f8": double,
    "b": lambda: rnd.random() < 0.5, "t": text, "n": lambda: f"{rnd.randrange(-10**16, 10**16)}.{rnd.randrange(10000):04}",
    "d": lambda: moment().date(), "ts": moment, "tz": lambda: moment().replace(tzinfo=datetime.timezone.utc),
    "raw": lambda: bytes(rnd.getrandbits(8) for _ in range(rnd.randrange(9))), "u": lambda: f"{rnd.getrandbits(128):032x}",
    "j": document, "tags": lambda: [rnd.choice([None, text(4)]) for _ in range(rnd.randrange(4))], "big": large,
}


def value(name):
    return None if rnd.random() < 0.15 else MAKERS[name]()


# ---- the source

db = psycopg2.connect("")
db.autocommit = True
cursor = db.cursor()
cursor.execute("SET timezone = 'UTC'; CREATE EXTENSION lakehouse")
for table, identity in TABLES.items():
    cursor.execute(f"CREATE TABLE {table} ({', '.join(c[0] + ' ' + c[1] for c in COLUMNS)}); "
                   f"ALTER TABLE {table} ALTER big SET STORAGE EXTERNAL, REPLICA IDENTITY {identity}")
rows = {t: {} for t in TABLES}      # id: does it have a value out of line
fresh = 0
untouched = 0                       # updates of keyed that left one alone
counts = {}


def is_large(v):
    return v is not None and len(v.encode()) > 2100


def insert(table):
    global fresh
    fresh += rnd.randrange(1, 2**33)
    v = {n: value(n) for n in NAMES[1:]}
    cursor.execute(f"INSERT INTO {table} VALUES ({', '.join(['%s'] * len(NAMES))})", [fresh] + [v[n] for n in NAMES[1:]])
    rows[table][fresh] = is_large(v["big"])


def change(table):
    """One random change of a row that is there."""
    global fresh, untouched
    if not rows[table] or rnd.random() < 0.3:
        return insert(table)
    key = rnd.choice(list(rows[table]))
    kind = rnd.random()
    counts[table] = counts.get(table, 0) + 1
    if kind < 0.15:
        cursor.execute(f"DELETE FROM {table} WHERE id = %s", [key])
        del rows[table][key]
        return
    new = key
    names = rnd.sample(NAMES[1:], rnd.randrange(1, 5))
    if kind < 0.35:
        fresh += 1
        new = fresh
        if table == "keyed" and "big" not in names:
            names.append("big")
    v = {n: value(n) for n in names}
    cursor.execute(f"UPDATE {table} SET id = %s, {', '.join(n + ' = %s' for n in names)} WHERE id = %s", [new] + list(v.values()) + [key])
    large_before = rows[table].pop(key)
    rows[table][new] = is_large(v["big"]) if "big" in v else large_before
    untouched += table == "keyed" and large_before and "big" not in v


def transactions(n):
    """With some that are rolled back, in whole or to a savepoint."""
    global untouched
    for _ in range(n):
        kept = {t: dict(r) for t, r in rows.items()}, untouched
        cursor.execute("BEGIN")
        for _ in range(rnd.randrange(1, 6)):
            change(rnd.choice(list(TABLES)))
        if rnd.random() < 0.15:
            inner = {t: dict(r) for t, r in rows.items()}, untouched
            cursor.execute("SAVEPOINT s")
            change(rnd.choice(list(TABLES)))
            cursor.execute("ROLLBACK TO s")
            rows.update(inner[0])
            untouched = inner[1]
        if rnd.random() < 0.1:
            cursor.execute("ROLLBACK")
            rows.update(kept[0])
            untouched = kept[1]
        else:
            cursor.execute("COMMIT")


def source(table):
    casts = {"j": "j::text", "u": "u::text", "f4": "f4::float8"}
    cursor.execute(f"SELECT {', '.join(casts.get(n, n) for n in NAMES)} FROM {table} ORDER BY id")
    # a real as a double is the double, as those of the consumers are
    return [[canon(n, v) for n, v in zip(NAMES, row)] for row in cursor.fetchall()]


# ---- the client

def sink(name, fmt, prefix):
    return ["--sink", f"{fmt}=kafka://{args.bootstrap}?topic.prefix={prefix}.&transactional.id={name}-{fmt}&position.topic=__positions_{fmt}"]


def client(name, *more):
    dsn = f"host={os.environ['PGHOST']} port={os.environ['PGPORT']} user={os.environ['PGUSER']} dbname={os.environ['PGDATABASE']}"
    log = open(f"{args.dir}/client_{name}.log", "a")
    return subprocess.Popen([args.client, "run", "--source", dsn, "--slot", name, "--table", "public.(whole|keyed)", *more], stdout=log, stderr=log)


def settle(p, name):
    if p.wait() != 0:
        sys.stdout.write(open(f"{args.dir}/client_{name}.log").read()[-3000:])
        raise SystemExit(f"the client of {name} ended with {p.returncode}\n0 passed, 1 failed, 0 skipped")


LAKE = sink("lake", "upsert", "up") + sink("lake", "flat", "fl") + ["--option", "json.native=off"]
DBZ = sink("dbz", "debezium-json", "dbz") + ["--option", "decimal.handling.mode=string"]

for table in TABLES:
    for _ in range(300):
        insert(table)
untouched = 0
say("600 rows are there; the client takes them and what changes meanwhile")
running = [client("lake", "--once", *LAKE), client("dbz", "--once", *DBZ)]
transactions(args.rounds)
for p, name in zip(running, ("lake", "dbz")):
    settle(p, name)
transactions(args.rounds // 4)
settle(client("lake", "--once", *LAKE), "lake")
settle(client("dbz", "--once", *DBZ), "dbz")
say(f"all is delivered: {len(rows['whole'])} and {len(rows['keyed'])} rows are left")

# ---- what is in the topics

def messages(topic):
    c = confluent_kafka.Consumer({"bootstrap.servers": args.bootstrap, "group.id": "suite", "isolation.level": "read_committed",
                                  "enable.auto.commit": False, "enable.partition.eof": True})
    c.assign([confluent_kafka.TopicPartition(topic, 0, confluent_kafka.OFFSET_BEGINNING)])
    out = []
    while True:
        m = c.poll(30)
        if m is None or (m.error() and m.error().code() != confluent_kafka.KafkaError._PARTITION_EOF):
            raise SystemExit(f"topic {topic} cannot be read\n0 passed, 1 failed, 0 skipped")
        if m.error():
            c.close()
            return out
        out.append((m.key(), m.value()))


for table in TABLES:
    up, flat = messages(f"up.lake.public.{table}"), messages(f"fl.lake.public.{table}")
    check(f"{table}: each of {len(up)} upserts has a key", up and all(k for k, _ in up))
    check(f"{table}: there are tombstones, and rows are whole", any(v is None for _, v in up) and
          all(v is None or set(json.loads(v)) == set(NAMES) for _, v in up))
    fields = [json.loads(v) for _, v in flat]
    order = [(r["__lsn"], r["__seq"]) for r in fields]
    check(f"{table}: {len(flat)} flat rows in the order of their positions", order == sorted(order))
    check(f"{table}: reads, inserts, updates and deletes", {r["__op"] for r in fields} == set("rcud"), {r["__op"] for r in fields})
    without = sum("__unchanged" in r for r in fields)
    check(f"{table}: {without} updates lack a value, which is named", (without > 0) == (table == "keyed"))
aside = [json.loads(v) for _, v in messages("up.lake.messages")]
quarantined = [a for a in aside if a["op"] == "quarantine" and a["table"] == "keyed" and '"big"' in a["reason"]]
check(f"{len(quarantined)} upserts that could not be said are in the topic of messages", len(aside) == len(quarantined) == without,
      f"{len(aside)}, {without}")

# ---- the consumers

def compare(what, table, stale=()):
    try:
        there = {r[0]: r for r in load(f"{args.dir}/{what}")}
    except OSError as e:
        return check(f"{what} is the source", False, e)
    here_ = {r[0]: r for r in source(table)}
    if stale:
        # those that the topic of messages told of are as they were; all others are equal
        there, here_ = ({k: r for k, r in x.items() if int(k) not in stale} for x in (there, here_))
    differ = [k for k in here_.keys() | there.keys() if here_.get(k) != there.get(k)]
    why = ""
    if differ:
        a, b = here_.get(differ[0]), there.get(differ[0])
        why = f"{len(differ)} rows, the first is {differ[0]}: " + (
            "; ".join(f"{n}: {x!r} is {y!r}"[:300] for n, x, y in zip(NAMES, a, b) if x != y) if a and b else f"source {bool(a)}, consumer {bool(b)}")
    check(f"{what} is the source: {len(here_)} rows of {len(NAMES)} columns", here_ and not differ, why)


def consumer(name, *more):
    env = dict(os.environ, TZ="UTC", PYTHONPATH=here, SPARK_LOCAL_IP="127.0.0.1")
    log = f"{args.dir}/{name}.log"
    with open(log, "w") as f:
        status = subprocess.call([f"{args.made}/{name}/bin/python", f"{here}/consumers_{name}.py", args.bootstrap, f"{args.made}/{name}_jars", args.dir, *more],
                                 stdout=f, stderr=subprocess.STDOUT, env=env)
    lines = [line for line in open(log, errors="replace").read().splitlines() if "[Stage" not in line and line.strip()]
    print("\n".join(line for line in lines if line.startswith(name)), flush=True)
    check(f"{name} ends well", status == 0, "\n" + "\n".join(lines[-60:]))
    say(f"{name} is done")


# keys of rows whose last update could not be told: those that flat names at the end
last = {}
for k, v in messages("fl.lake.public.keyed"):
    r = json.loads(v)
    last.setdefault(r["id"], set())
    if "__unchanged" in r:
        last[r["id"]].add(True)
    else:
        last[r["id"]] = set()
stale = {k for k, s in last.items() if s}

if args.only != "spark":
    consumer("flink")
    compare("upsert_whole", "whole")
    compare("upsert_keyed", "keyed", stale)
    compare("debezium_whole", "whole")
if args.only != "flink":
    consumer("spark", *TABLES)
    for table in TABLES:
        compare(f"flat_{table}", table)
say(f"seed {args.seed}")
print(f"{passed} passed, {failed} failed, 0 skipped")
sys.exit(failed > 0)
