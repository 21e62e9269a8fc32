"""Drives test/interop/consumers: random transactions, the client into Kafka, the consumers, the comparison."""
import argparse
import json
import os
import re
import subprocess
import sys
import time

import confluent_kafka
import psycopg2
from confluent_kafka.admin import AdminClient, NewTopic

import consumers_types as types
from consumers_table import COLUMNS, MAKERS, NAMES, canon, load
from consumers_values import is_large, rnd

parser = argparse.ArgumentParser()
for name in ("bootstrap", "registry", "client", "made", "dir"):
    parser.add_argument("--" + name, required=True)
parser.add_argument("--seed", type=int, default=1)
parser.add_argument("--rounds", type=int, default=400)
parser.add_argument("--partitions", type=int, default=3)
parser.add_argument("only", nargs="?", choices=("flink", "spark"))
args = parser.parse_args()
here = os.path.dirname(os.path.abspath(__file__))
rnd.seed(args.seed)
passed = failed = 0
started = time.time()


def check(what, ok, why=""):
    global passed, failed
    passed, failed = passed + bool(ok), failed + (not ok)
    print(f"{'ok' if ok else 'FAILED'}  {what}{'' if ok else ': ' + str(why)}", flush=True)


def say(what):
    print(f"{time.time() - started:6.1f} s  {what}", flush=True)


# ---- the tables

def value(name, table):
    if rnd.random() < 0.15:
        return None
    return table.makers[name]()


class Table:
    def __init__(self, name, identity, columns, makers):
        self.name, self.identity, self.makers = name, identity, makers
        self.names = [c[0] for c in columns]
        self.types = {c[0]: c[1].removesuffix(" PRIMARY KEY") for c in columns}
        self.rows = {}      # the key: has the row a value out of line; None: the row is gone
        self.untouched = 0  # updates that left such a value alone, which the log does not have then

    def create(self):
        cursor.execute(f"CREATE TABLE {self.name} ({', '.join(n + ' ' + t for n, t in self.types.items())}, PRIMARY KEY (id)); "
                       f"ALTER TABLE {self.name} ALTER big SET STORAGE EXTERNAL, REPLICA IDENTITY {self.identity}")

    def live(self):
        return [k for k, large in self.rows.items() if large is not None]

    def new_key(self):
        """One that was never there, or one that is gone."""
        global fresh
        gone = [k for k, large in self.rows.items() if large is None]
        if gone and rnd.random() < 0.3:
            return rnd.choice(gone)
        fresh += rnd.randrange(1, 2**33)
        return fresh

    def place(self, name):
        return f"CAST(%s AS {self.types[name]})"

    def insert(self):
        key = self.new_key()
        v = {n: value(n, self) for n in self.names[1:]}
        cursor.execute(f"INSERT INTO {self.name} ({', '.join(self.names)}) VALUES ({', '.join(self.place(n) for n in self.names)})", [key] + list(v.values()))
        self.rows[key] = is_large(v["big"])

    def change(self):
        """One random change of a row that is there."""
        live = self.live()
        if not live or rnd.random() < 0.3:
            return self.insert()
        key = rnd.choice(live)
        kind = rnd.random()
        if kind < 0.15:
            cursor.execute(f"DELETE FROM {self.name} WHERE id = %s", [key])
            self.rows[key] = None
            return
        new = key
        names = rnd.sample(self.names[1:], rnd.randrange(1, 5))
        if kind < 0.35:
            new = self.new_key()
            # a value that the log does not have would be another row's
            if self.identity == "DEFAULT" and "big" not in names:
                names.append("big")
        v = {n: value(n, self) for n in names}
        cursor.execute(f"UPDATE {self.name} SET id = %s, {', '.join(f'{n} = {self.place(n)}' for n in names)} WHERE id = %s", [new] + list(v.values()) + [key])
        before = self.rows[key]
        self.rows[key] = None
        self.rows[new] = is_large(v["big"]) if "big" in v else before
        self.untouched += bool(self.identity == "DEFAULT" and before and "big" not in v)


# ---- the source

db = psycopg2.connect("")
db.autocommit = True
cursor = db.cursor()
cursor.execute("SET timezone = 'UTC'; CREATE EXTENSION lakehouse; " + types.SETUP)
fresh = 0
tables = {name: Table(name, identity, COLUMNS, MAKERS) for name, identity in (("whole", "FULL"), ("keyed", "DEFAULT"))}
tables["typed"] = Table("typed", "FULL", types.COLUMNS, {c[0]: c[4] for c in types.COLUMNS + [types.LATER]})
for table in tables.values():
    table.create()


def state():
    return [(dict(t.rows), t.untouched) for t in tables.values()]


def restore(kept):
    for t, (rows, untouched) in zip(tables.values(), kept):
        t.rows, t.untouched = dict(rows), untouched


def transactions(n):
    """With some that are rolled back, in whole or to a savepoint."""
    for _ in range(n):
        kept = state()
        cursor.execute("BEGIN")
        for _ in range(rnd.randrange(1, 6)):
            rnd.choice(list(tables.values())).change()
        if rnd.random() < 0.15:
            inner = state()
            cursor.execute("SAVEPOINT s")
            rnd.choice(list(tables.values())).change()
            cursor.execute("ROLLBACK TO s")
            restore(inner)
        if rnd.random() < 0.1:
            cursor.execute("ROLLBACK")
            restore(kept)
        else:
            cursor.execute("COMMIT")


def source(table):
    if table == "typed":
        cursor.execute(f"SELECT {', '.join(types.expressions(0))} FROM typed ORDER BY id")
        return [types.canon(0, row) for row in cursor.fetchall()]
    casts = {"j": "j::text", "u": "u::text", "f4": "f4::float8"}
    cursor.execute(f"SELECT {', '.join(casts.get(n, n) for n in NAMES)} FROM {table} ORDER BY id")
    # a real as a double is the double, as those of the consumers are
    return [[canon(n, v) for n, v in zip(NAMES, row)] for row in cursor.fetchall()]


# ---- the client

def sink(name, fmt, prefix, *more):
    options = [f"topic.prefix={prefix}.", f"transactional.id={name}-{fmt}", f"position.topic=__positions_{fmt}", *more]
    return ["--sink", f"{fmt}=kafka://{args.bootstrap}?{'&'.join(options)}"]


class Client:
    """What delivers one slot: a run ends when all of the log is delivered."""

    def __init__(self, name, tables, *more):
        dsn = f"host={os.environ['PGHOST']} port={os.environ['PGPORT']} user={os.environ['PGUSER']} dbname={os.environ['PGDATABASE']}"
        self.log = f"{args.dir}/client_{name}.log"
        self.name = name
        self.command = [args.client, "run", "--source", dsn, "--slot", name, "--table", f"public.({tables})", "--once", *more]

    def start(self):
        with open(self.log, "a") as log:
            self.process = subprocess.Popen(self.command, stdout=log, stderr=log)

    def settle(self):
        if self.process.wait() != 0:
            sys.stdout.write(open(self.log).read()[-3000:])
            raise SystemExit(f"the client of {self.name} ended with {self.process.returncode}\n0 passed, 1 failed, 0 skipped")


clients = [
    Client("lake", "whole|keyed", *sink("lake", "upsert", "up"), *sink("lake", "flat", "fl"), "--option", "json.native=off"),
    Client("dbz", "whole", *sink("dbz", "debezium-json", "dbz"), "--option", "decimal.handling.mode=string"),
    Client("avro", "typed", *sink("avro", "debezium-avro", "avro", "registry=" + args.registry), "--option", "hstore.handling.mode=map"),
]


def deliver(n):
    """n transactions, while the clients take them, and all that is left of them."""
    for c in clients:
        c.start()
    transactions(n)
    for c in clients:
        c.settle()
    for c in clients:
        c.start()
        c.settle()


# ---- the consumers

class Consumer:
    def __init__(self, name, *more):
        self.name = name
        self.log = f"{args.dir}/{name}.log"
        env = dict(os.environ, TZ="UTC", PYTHONPATH=here, SPARK_LOCAL_IP="127.0.0.1")
        with open(self.log, "w") as log:
            self.process = subprocess.Popen([f"{args.made}/{name}/bin/python", f"{here}/consumers_{name}.py", args.bootstrap, f"{args.made}/{name}_jars",
                                             args.dir, *more], stdout=log, stderr=subprocess.STDOUT, env=env)

    def wait_for(self, path):
        """A file that it makes, or its end."""
        while not os.path.exists(path) and self.process.poll() is None:
            time.sleep(0.2)

    def settle(self):
        status = self.process.wait()
        with open(self.log, errors="replace") as log:
            lines = [line for line in log.read().splitlines() if "[Stage" not in line and line.strip()]
        told = [line for line in lines if line.startswith(self.name)]
        print("\n".join(told), flush=True)
        check(f"{self.name} ends well", status == 0, "\n" + "\n".join(lines[-60:]))
        say(f"{self.name} is done")
        return told


# ---- the run

LAKE = ("whole", "keyed")
topics = [f"{prefix}.{t}" for t in LAKE for prefix in ("up.lake.public", "fl.lake.public")] + ["dbz.dbz.public.whole", "avro.avro.public.typed"]
admin = AdminClient({"bootstrap.servers": args.bootstrap})
for made in admin.create_topics([NewTopic(t, args.partitions, 1) for t in topics]).values():
    made.result()
for table in tables.values():
    for _ in range(300):
        table.insert()
say(f"{300 * len(tables)} rows are there; the clients take them and what changes meanwhile")
deliver(args.rounds // 2)
# what was there before the slot is in the snapshot; from here on all is in the log
snapshot = {t.name: t.untouched for t in tables.values()}
deliver(args.rounds // 2)
if args.only != "flink":
    spark = Consumer("spark", *LAKE)
    spark.wait_for(f"{args.dir}/caught_up")
    say("spark has all that is there, more is to come")
cursor.execute(f"ALTER TABLE typed ADD {types.LATER[0]} {types.LATER[1]}")
tables["typed"].names.append(types.LATER[0])
tables["typed"].types[types.LATER[0]] = types.LATER[1]
deliver(args.rounds // 4)
open(f"{args.dir}/delivered", "w").close()
say("all is delivered: " + ", ".join(f"{len(t.live())} rows of {t.name}" for t in tables.values()) + " are left")

# ---- what is in the topics

def messages(topic):
    c = confluent_kafka.Consumer({"bootstrap.servers": args.bootstrap, "group.id": "suite", "isolation.level": "read_committed",
                                  "enable.auto.commit": False, "enable.partition.eof": True})
    partitions = len(c.list_topics(topic, 30).topics[topic].partitions)
    c.assign([confluent_kafka.TopicPartition(topic, i, confluent_kafka.OFFSET_BEGINNING) for i in range(partitions)])
    out = [[] for _ in range(partitions)]
    ended = set()
    while len(ended) < partitions:
        m = c.poll(30)
        if m is None or (m.error() and m.error().code() != confluent_kafka.KafkaError._PARTITION_EOF):
            raise SystemExit(f"topic {topic} cannot be read\n0 passed, 1 failed, 0 skipped")
        if m.error():
            ended.add(m.partition())
        else:
            out[m.partition()].append((m.key(), m.value()))
    c.close()
    return out


for table in LAKE:
    parts = messages(f"fl.lake.public.{table}")
    up, flat = sum(messages(f"up.lake.public.{table}"), []), sum(parts, [])
    check(f"{table}: each of {len(up)} upserts has a key", up and all(k for k, _ in up))
    check(f"{table}: there are tombstones, and rows are whole", any(v is None for _, v in up) and
          all(v is None or set(json.loads(v)) == set(NAMES) for _, v in up))
    check(f"{table}: {len(flat)} flat rows are in {len(parts)} partitions", len(parts) == args.partitions and all(parts), [len(p) for p in parts])
    orders = [[(r["__lsn"], r["__seq"]) for r in (json.loads(v) for _, v in p)] for p in parts]
    check(f"{table}: each partition in the order of positions", all(o == sorted(o) for o in orders))
    homes = {}
    for i, p in enumerate(parts):
        for k, _ in p:
            homes.setdefault(k, set()).add(i)
    check(f"{table}: each of {len(homes)} keys is in one partition", all(len(h) == 1 for h in homes.values()))
    fields = [json.loads(v) for _, v in flat]
    check(f"{table}: reads, inserts, updates and deletes", {r["__op"] for r in fields} == set("rcud"), {r["__op"] for r in fields})
    without = sum("__unchanged" in r for r in fields)
    most = tables[table].untouched
    check(f"{table}: {without} updates lack a value, which is named", most - snapshot[table] <= without <= most and (without > 0) == (table == "keyed"), most)
# keys of rows whose last update could not be told as an upsert: those that flat names at the end
stale = set()
for _, v in flat:
    r = json.loads(v)
    (stale.add if "__unchanged" in r else stale.discard)(r["id"])
aside = [json.loads(v) for _, v in sum(messages("up.lake.messages"), [])]
quarantined = [a for a in aside if a["op"] == "quarantine" and a["table"] == "keyed" and '"big"' in a["reason"]]
check(f"{len(quarantined)} upserts that could not be said are in the topic of messages", len(aside) == len(quarantined) == without,
      f"{len(aside)}, {without}")

# ---- what the consumers have

def compare(what, table, without=()):
    names = tables[table].names
    try:
        there = {r[0]: r for r in load(f"{args.dir}/{what}")}
    except OSError as e:
        return check(f"{what} is the source", False, e)
    here_ = {r[0]: r for r in source(table)}
    if without:
        # those that the topic of messages told of are as they were; all others are equal
        there, here_ = ({k: r for k, r in x.items() if int(k) not in without} for x in (there, here_))
    differ = [k for k in here_.keys() | there.keys() if here_.get(k) != there.get(k)]
    why = ""
    if differ:
        a, b = here_.get(differ[0]), there.get(differ[0])
        why = f"{len(differ)} rows, the first is {differ[0]}: " + (
            "; ".join(f"{n}: {x!r} is {y!r}"[:300] for n, x, y in zip(names, a, b) if x != y) if a and b else f"source {bool(a)}, consumer {bool(b)}")
    check(f"{what} is the source: {len(here_)} rows of {len(names)} columns", here_ and not differ, why)


if args.only != "flink":
    told = spark.settle()
    for table in LAKE:
        batches = [int(n) for line in told for pair in re.findall(rf"{table}: (\d+) batches and (\d+) when", line) for n in pair]
        check(f"spark merges {table} in several batches, and goes on when more comes", len(batches) == 2 and batches[0] > 1 and batches[1] > 0, batches)
        compare(f"flat_{table}", table)
if args.only != "spark":
    Consumer("flink", args.registry).settle()
    compare("upsert_whole", "whole")
    compare("upsert_keyed", "keyed", stale)
    compare("debezium_whole", "whole")
    compare("avro_typed", "typed")
    cursor.execute("SELECT id::text, i4::text, later, NULL FROM typed ORDER BY id")
    check("avro_few has columns by their names", load(f"{args.dir}/avro_few") == [list(r) for r in cursor.fetchall()])
say(f"seed {args.seed}")
print(f"{passed} passed, {failed} failed, 0 skipped")
sys.exit(failed > 0)
