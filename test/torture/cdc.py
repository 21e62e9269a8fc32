"""cdc.py
		kill -9 of client, walsender, server, broker and Redis at random moments while writers run; then each
		sink is compared with the history (cdc_check.py).

usage: cdc.py [--kills N] [--seed S] [--writers N] [--early]		(by test/torture/cdc, which makes the place)

One thread a process keeps it running as an init system would: it starts it, waits for its end, and
starts it again.  The main thread kills.  The parts are

	client	lakehouse_cdc stream with all sinks of SINKS
	walsender	the client's backend; the postmaster then ends all others and recovers
	server	the postmaster, and in half of the cases all its processes in the same moment
	broker	one Kafka node
	nats	one server of NATS JetStream (nats_sink.py)
	redis	one Redis server (redis_sink.py)

Every other kill waits until the slot's position has moved since the one before, so that most hit a
stream that runs; a stream that does not move for two minutes, though nobody kills, is a failure.
A crashed server has the slot's position of its last checkpoint, which may lie far behind the sinks;
some kills follow a checkpoint, so that the way back does not become longer and longer.

Half of the kills of client, broker, Redis and nats-server wait for a flush of the file sink, and then up to 30 ms: the
moments when positions become durable are short and matter most.

A client that ends by itself is started again, but for reasons that no restart mends (usage, a gap
before a sink, a refused plugin, a crash), which are failures.  (A client that just began takes a
server that is not up yet for a wrong address, and ends with 2.)

With --early the client takes transactions before their commit (--streaming, --two-phase), into the sinks
of the formats that can be had so, and one more writer prepares what it does.

The server runs with fsync off: what was written outlives a killed process, and the loss of power is
not what is tested here.
"""

import argparse
import base64
import collections
import ctypes
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import cdc_check
import nats_sink
import redis_sink

HERE = os.path.dirname(os.path.abspath(__file__))
DIR = os.environ["TORTURE_DIR"]
LIBS = os.environ["TORTURE_KAFKA_LIBS"]
PORT = 5432  # of the socket in DIR
PATIENCE_S = 120
# how often each is killed, of all together
SHARES = {"client": 9, "walsender": 5, "server": 3, "broker": 3, "redis": 3, "nats": 3}
# exit codes of the client that no restart mends
HOPELESS = {1: "usage", 3: "slot, or a gap before a sink", 5: "the server refuses the plugin", 6: "no room for transactions before their commit"}

CONF = f"""
listen_addresses = ''
unix_socket_directories = '{DIR}'
port = {PORT}
max_wal_senders = 10
max_replication_slots = 10
max_prepared_transactions = 10
wal_sender_timeout = 10s
logical_decoding_work_mem = 256kB
checkpoint_timeout = 30s
max_wal_size = 256MB
deadlock_timeout = 50ms
restart_after_crash = on
log_min_messages = warning
log_checkpoints = off
"""

BROKER_CONF = """
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{control}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{control}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={dir}/kafka
num.partitions=3
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
auto.create.topics.enable=true
"""

# name, format, URI, how it is read.  Another sink is another line; a broker of its own, a Part.
SINKS = [
    ("file", "json", f"file:{DIR}/json?rotate.bytes=1000000", lambda f: cdc_check.read_files(f, f"{DIR}/json")),
    ("file", "debezium-json", f"file:{DIR}/debezium?rotate.seconds=5", lambda f: cdc_check.read_files(f, f"{DIR}/debezium")),
    ("file of Avro containers", "avro", f"file:{DIR}/avro?container=avro&rotate.bytes=300000&compress=snappy", lambda f: cdc_check.read_containers(psql, f"{DIR}/avro", "avro")),
    ("file of Parquet", "avro", f"file:{DIR}/parquet?container=parquet&rotate.seconds=5", lambda f: cdc_check.read_containers(psql, f"{DIR}/parquet", "parquet")),
]


class Failure(Exception):
    pass


def say(text):
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


def note(text):
    """For whoever asks afterwards what stood still, and when."""
    with open(f"{DIR}/log/events.log", "a") as f:
        now = time.time()
        f.write(f"{time.strftime('%H:%M:%S', time.localtime(now))}.{int(now * 1000) % 1000:03d} {text}\n")


def die_with_parent():
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG: whoever ends us leaves nothing behind


def children_of(pid):
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/stat") as f:
                    if int(f.read().rsplit(")", 1)[1].split()[1]) == pid:
                        found.append(int(entry))
            except (OSError, IndexError):
                pass  # it is gone
    return found


def kill(pid):
    try:
        os.kill(pid, signal.SIGKILL)
        return True
    except ProcessLookupError:
        return False


def wait_for(seconds, what, condition):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise Failure(f"{what}: not within {seconds} s")
        time.sleep(0.05)


def psql(query, database="torture", timeout=600):
    out = subprocess.run(["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-h", DIR, "-p", str(PORT), "-U", "postgres", "-d", database, "-c", query],
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=timeout)
    if out.returncode != 0:
        raise subprocess.SubprocessError(out.stderr.decode())
    return out.stdout.decode().strip()


def asks(query):
    """The answer, or None where the server is not there."""
    try:
        return psql(query, timeout=20)
    except subprocess.SubprocessError:
        return None


class Part:
    """A process that is there again whenever it is gone."""

    def __init__(self, name, command, pause=0.1, env=None):
        self.name, self.command, self.pause, self.env = name, command, pause, env
        self.process = None
        self.stopping = False
        self.starts = 0
        self.ends = collections.Counter()  # by itself: exit codes
        self.hopeless = None
        self.killed = set()
        self.log = open(f"{DIR}/log/{name}.log", "ab")
        self.thread = threading.Thread(target=self.keep, daemon=True)
        self.lock = threading.Lock()

    def start(self):
        self.thread.start()
        return self

    def keep(self):
        while not self.stopping:
            with self.lock:
                if self.stopping:
                    return
                self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log,
                                                preexec_fn=die_with_parent, cwd=DIR, env=self.env)
                self.starts += 1
            note(f"{self.name} starts")
            code = self.process.wait()
            note(f"{self.name} ended: {code}")
            if not self.stopping and self.process.pid not in self.killed:
                self.ends[code] += 1
                if self.name == "client" and code in HOPELESS:
                    self.hopeless = f"the client ended with {code}: {HOPELESS[code]}; see client.log"
                    return
                if self.name == "client" and code < 0:
                    self.hopeless = f"the client died of signal {-code}, which was not ours"
                    return
            time.sleep(self.pause)

    def kill(self):
        with self.lock:
            pid = self.process.pid
            if self.process.poll() is not None:
                return False
            self.killed.add(pid)
            note(f"{self.name} is killed")
            return kill(pid)

    def stop(self, how=signal.SIGTERM, seconds=60):
        """Its exit code."""
        with self.lock:
            self.stopping = True
        if self.process is None:
            return None
        if self.process.poll() is None:
            self.process.send_signal(how)
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()


class Torture:
    def __init__(self, options):
        self.options = options
        self.random = random.Random(options.seed)
        self.parts = {}
        self.sinks = [s for s in SINKS if not options.early or s[1] == "json"]
        self.kills = collections.Counter()
        self.errors = collections.Counter()  # of writers
        self.prepared = 0  # transactions in two phases
        self.running = 0  # kills that hit a stream that ran
        self.moved = None  # the slot's position at the last kill
        self.stop_writing = threading.Event()
        self.passed = self.failed = self.skipped = 0

    def check(self, what, ok, why=""):
        if ok:
            self.passed += 1
            say(f"ok: {what}")
        else:
            self.failed += 1
            say(f"FAILED: {what}: {why}")

    # ---- the parts

    def start_server(self):
        subprocess.run(["initdb", "-D", f"{DIR}/data", "-U", "postgres", "--auth=trust", "--no-locale", "--encoding=UTF8", "--no-sync"],
                       stdout=subprocess.DEVNULL, check=True)
        with open(f"{DIR}/data/postgresql.conf", "a") as f, open(os.environ["TORTURE_CONF"]) as conf:
            f.write(conf.read() + CONF + ("logical_decoding_work_mem = 64kB\n" if self.options.early else ""))
        self.parts["server"] = Part("server", ["postgres", "-D", f"{DIR}/data"], pause=0.3).start()
        wait_for(60, "the server starts", lambda: self.server_is_up("postgres"))
        psql("CREATE DATABASE torture", "postgres")
        subprocess.run(["psql", "-Xq", "-v", "ON_ERROR_STOP=1", "-h", DIR, "-p", str(PORT), "-U", "postgres", "-d", "torture", "-f", f"{HERE}/cdc.sql"], check=True)

    def server_is_up(self, database="torture"):
        try:
            return psql("SELECT 1", database, 20) == "1"
        except subprocess.SubprocessError:
            return False

    def start_broker(self):
        sockets = [socket.socket() for _ in range(2)]
        for s in sockets:
            s.bind(("127.0.0.1", 0))
        self.port, control = [s.getsockname()[1] for s in sockets]
        for s in sockets:
            s.close()
        with open(f"{DIR}/server.properties", "w") as f:
            f.write(BROKER_CONF.format(port=self.port, control=control, dir=DIR))
        java = ["java", "-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", f"{LIBS}/*"]
        # a preloaded sanitizer is for our own programs
        env = {k: v for k, v in os.environ.items() if k != "LD_PRELOAD"}
        identifier = base64.urlsafe_b64encode(self.random.randbytes(16)).decode().rstrip("=").replace("-", "_")
        with open(f"{DIR}/log/format.log", "wb") as log:
            subprocess.run(java + ["kafka.tools.StorageTool", "format", "-t", identifier, "-c", f"{DIR}/server.properties"], stdout=log, stderr=log, check=True, env=env)
        # a first life leaves an archive of classes, with which all others begin twice as fast
        kafka, archive = ["kafka.Kafka", f"{DIR}/server.properties"], f"{DIR}/kafka.jsa"
        first = Part("broker", java[:1] + [f"-XX:ArchiveClassesAtExit={archive}"] + java[1:] + kafka, env=env).start()
        wait_for(PATIENCE_S, "the broker listens", self.broker_is_up)
        first.stop(seconds=PATIENCE_S)
        self.parts["broker"] = Part("broker", java[:1] + [f"-XX:SharedArchiveFile={archive}"] + java[1:] + kafka, env=env).start()
        wait_for(PATIENCE_S, "the broker is back", self.broker_is_up)
        self.sinks.append(("kafka", "json", f"kafka://127.0.0.1:{self.port}?linger.ms=1&retry.backoff.ms=50&reconnect.backoff.max.ms=500&split.bytes=150000",
                           lambda f: cdc_check.read_kafka(f, os.environ["TORTURE_KAFKA_READ"], f"127.0.0.1:{self.port}", "torture.")))

    def broker_is_up(self):
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
            return True
        except OSError:
            return False

    def start_nats(self):
        self.nats = nats_sink.Server(DIR)
        self.parts["nats"] = Part("nats", self.nats.command, pause=0.3, env={k: v for k, v in os.environ.items() if k != "LD_PRELOAD"}).start()
        wait_for(PATIENCE_S, "the nats-server is there", self.nats.is_up)
        self.sinks.append(("nats", "json", self.nats.uri, lambda f: nats_sink.read(f, self.nats)))

    def start_redis(self):
        self.redis = redis_sink.Redis(DIR, "torture.")
        self.parts["redis"] = Part("redis", self.redis.command, env=self.redis.env).start()
        wait_for(PATIENCE_S, "Redis listens", self.redis.is_up)
        self.sinks.append(self.redis.sink())

    def client(self, *more):
        command = [os.environ["TORTURE_CLIENT"], "stream", "--source", f"host={DIR} port={PORT} user=postgres dbname=torture",
                   "--slot", "torture", "--log", "json", "--status-interval", "1", "--flush-ms", "30", "--batch-bytes", "8kB",
                   "--option", "decimal.handling.mode=string"]
        if self.options.early:
            command += ["--streaming", "--two-phase", "--unfinished-memory", "1MB"]
        for table in cdc_check.KEYS:
            command += ["--table", f"public.{table}"]
        for _, format, uri, _ in self.sinks:
            command += ["--sink", f"{format}={uri}"]
        return command + list(more)

    def run_client(self, *more):
        with open(f"{DIR}/log/client.log", "ab") as log:
            return subprocess.run(self.client(*more), stdin=subprocess.DEVNULL, stdout=log, stderr=log, timeout=600).returncode

    def write(self):
        """Transactions until the end; crashes, deadlocks and conflicts of keys end a call, and another one follows."""
        while not self.stop_writing.is_set():
            # a stream that is far behind gets time: what is killed shall be the stream, not its backlog
            if asks("SELECT pg_current_wal_lsn() - confirmed_flush_lsn > 50000000 FROM pg_replication_slots WHERE slot_name = 'torture'") == "t":
                time.sleep(0.5)
                continue
            try:
                psql("CALL work(3)", timeout=120)
            except subprocess.SubprocessError as e:
                text = str(e)
                self.errors["deadlock" if "deadlock" in text else "key" if "duplicate key" in text else "server"] += 1
                if not any(known in text for known in ("deadlock", "duplicate key", "connection", "starting up", "shutting down", "recovery", "not yet accepting", "No such file")):
                    say(f"a writer: {text.strip()}")
                    self.errors["unknown"] += 1
                time.sleep(0.1)

    def decide(self):
        """Whatever is prepared: committed mostly."""
        for gid in (asks("SELECT gid FROM pg_prepared_xacts") or "").splitlines():
            psql(f"{'COMMIT' if random.random() < 0.8 else 'ROLLBACK'} PREPARED '{gid}'", timeout=120)

    def prepare(self):
        """Transactions in two phases, some of them large; who is interrupted in between decides later."""
        while not self.stop_writing.is_set():
            try:
                self.decide()
                psql("BEGIN; CALL step(); CALL step(); CALL step(); PREPARE TRANSACTION 'two phases'", timeout=120)
                self.prepared += 1
                time.sleep(random.uniform(0, 0.3))
            except subprocess.SubprocessError:
                time.sleep(0.1)

    # ---- kills

    def position(self):
        return asks("SELECT confirmed_flush_lsn FROM pg_replication_slots WHERE slot_name = 'torture'")

    def is_running(self):
        return bool(asks("SELECT 1 FROM pg_replication_slots WHERE slot_name = 'torture' AND active"))

    def look_for_hopeless(self):
        if self.parts["client"].hopeless is not None:
            raise Failure(self.parts["client"].hopeless)

    def absent(self):
        """What is not back yet: on a loaded machine a broker takes a minute to listen again."""
        up = {"server": self.server_is_up, "broker": getattr(self, "port", None) and self.broker_is_up,
              "redis": "redis" in self.parts and self.redis.is_up, "nats": "nats" in self.parts and self.nats.is_up}
        return [name for name, ask in up.items() if ask and not ask()]

    def wait_for_progress(self):
        """For PATIENCE_S since all was there, and five times as long in all."""
        started = since = time.monotonic()
        gone = set()
        while True:
            self.look_for_hopeless()
            now = self.position()
            if now is not None and now != self.moved:
                break
            absent = self.absent()
            if absent:
                since = time.monotonic()
                gone.update(absent)
            if time.monotonic() - since > PATIENCE_S or time.monotonic() - started > 5 * PATIENCE_S:
                raise Failure(f"the stream moves on: not within {PATIENCE_S} s; events.log and client.log tell what happened")
            time.sleep(0.05)
        if time.monotonic() - started > 10:
            note(f"the stream stood still for {time.monotonic() - started:.0f} s, "
                 f"{time.monotonic() - since:.0f} of them with all there" + (f"; not there: {', '.join(sorted(gone))}" if gone else ""))

    def wait_for_flush(self):
        """Until a moment after the file sink has become durable: then the sinks behind it do."""
        def stamp():
            try:
                return os.stat(f"{DIR}/{'json' if self.options.early else 'debezium'}/_position.jsonl").st_mtime_ns
            except OSError:
                return 0
        was, end = stamp(), time.monotonic() + 2
        while stamp() == was and time.monotonic() < end:
            time.sleep(0.0005)
        time.sleep(self.random.uniform(0, 0.03))

    def kill_one(self, what):
        """False where it is not there now."""
        if what in ("client", "broker", "redis", "nats") and self.random.random() < 0.5:
            self.wait_for_flush()
        if what == "client":
            return self.parts["client"].kill()
        if what == "broker":
            return self.broker_is_up() and self.parts["broker"].kill()
        if what == "nats":
            return self.nats.is_up() and self.parts["nats"].kill()
        if what == "redis":
            return self.redis.is_up() and self.parts["redis"].kill()
        if what == "walsender":
            pid = asks("SELECT active_pid FROM pg_replication_slots WHERE slot_name = 'torture' AND active_pid IS NOT NULL")
            return bool(pid) and kill(int(pid))
        if not self.server_is_up():
            return False
        others = children_of(self.parts["server"].process.pid) if self.random.random() < 0.5 else []
        if not self.parts["server"].kill():
            return False
        for pid in others:
            kill(pid)
        return True

    def shares(self):
        return {k: n for k, n in SHARES.items() if k not in ("broker", "redis", "nats") or k in self.parts}

    def schedule(self):
        shares = self.shares()
        total = sum(shares.values())
        plan = [k for k, n in shares.items() for _ in range(round(self.options.kills * n / total))]
        plan += ["client"] * (self.options.kills - len(plan))
        self.random.shuffle(plan)
        return plan[:self.options.kills]

    def torture(self):
        plan = self.schedule()
        self.planned = collections.Counter(plan)
        done, started = 0, time.monotonic()
        while plan:
            if self.random.random() < 0.5:
                self.wait_for_progress()
            if self.random.random() < 0.3:
                asks("CHECKPOINT")
            time.sleep(min(self.random.expovariate(1.2), 5))
            self.look_for_hopeless()
            self.moved = self.position() or self.moved
            running = self.is_running()
            # the next of the plan that is there
            for i, what in enumerate(plan):
                if what not in plan[:i] and self.kill_one(what):
                    self.kills[what] += 1
                    self.running += running
                    done += 1
                    del plan[i]
                    if done % 20 == 0:
                        say(f"{done} kills in {time.monotonic() - started:.0f} s, stream at {self.moved}")
                    break
        say(f"{done} kills in {time.monotonic() - started:.0f} s: " + ", ".join(f"{n} {k}" for k, n in sorted(self.kills.items())))

    # ---- the end

    def settle(self, writers):
        """All that was committed gets into the sinks."""
        self.stop_writing.set()
        for w in writers:
            w.join(PATIENCE_S)
        wait_for(PATIENCE_S, "the server is back", self.server_is_up)
        self.decide()
        if "broker" in self.parts:
            wait_for(PATIENCE_S, "the broker is back", self.broker_is_up)
        if "nats" in self.parts:
            wait_for(PATIENCE_S, "the nats-server is back", self.nats.is_up)
        if "redis" in self.parts:
            wait_for(PATIENCE_S, "Redis is back", self.redis.is_up)
        self.moved = None
        self.wait_for_progress()
        code = self.parts["client"].stop()
        self.check("the client stops at SIGTERM", code in (0, 130), f"exit code {code}")
        code = self.run_client("--once")
        self.check("and delivers the rest", code == 0, f"exit code {code}; see client.log")

    def compare(self):
        events = cdc_check.history(psql)
        counts = collections.Counter(e.op for e in events)
        say(f"history: {len(events)} events in {len({e.xid for e in events})} transactions: " + ", ".join(f"{n} {k}" for k, n in sorted(counts.items())))
        self.check("the history is long enough to mean something", len(events) > 20 * self.options.kills, f"{len(events)} events")
        for name, format, _, read in self.sinks:
            try:
                got = read(format)
                for what, ok, why in cdc_check.compare(format, events, got):
                    self.check(f"{name} {format}: {len(got)} events, {what}", ok, why)
            except cdc_check.Damaged as e:
                self.check(f"{name} {format}", False, str(e))

    def lacks(self, text):
        say(text)
        if os.environ["TORTURE_SKIP"] == "yes":
            self.skipped += 1
        else:
            self.failed += 1

    def run(self):
        self.start_server()
        if LIBS:
            self.start_broker()
        else:
            self.lacks("NO KAFKA: the other sinks are tortured alone")
        if redis_sink.is_there():
            self.start_redis()
        else:
            self.lacks("NO REDIS: there is no " + redis_sink.PROGRAM)
        if nats_sink.program():
            self.start_nats()
        else:
            self.lacks("NO NATS: there is no nats-server")
        code = self.run_client("--create", "--once")
        if code != 0:
            raise Failure(f"the slot cannot be made: exit code {code}; see client.log")
        # made later, so that all it misses is what nobody has written yet
        psql("SELECT pg_create_logical_replication_slot('oracle', 'test_decoding')")
        self.parts["client"] = Part("client", self.client()).start()
        writers = [threading.Thread(target=self.write, daemon=True) for _ in range(self.options.writers)]
        if self.options.early:
            writers.append(threading.Thread(target=self.prepare, daemon=True))
        for w in writers:
            w.start()
        self.torture()
        self.settle(writers)
        client = self.parts["client"]
        say(f"the client was started {client.starts} times" + "".join(f", ended {n} times by itself with {k}" for k, n in sorted(client.ends.items())))
        say("writers were interrupted: " + ", ".join(f"{n} by {k}" for k, n in sorted(self.errors.items())))
        self.check("no error of a writer that was not expected", self.errors["unknown"] == 0, f"{self.errors['unknown']}")
        if self.options.early:
            self.check(f"{self.prepared} transactions were prepared", self.prepared > self.options.kills, "too few")
        total = sum(self.kills.values())
        self.check(f"{self.running} of {total} kills hit a stream that ran", self.running * 3 > total, "too few")
        for k, n in sorted(self.planned.items()):
            self.check(f"{k}: killed {n} times", self.kills[k] == n, f"{self.kills[k]}")
        self.compare()

    def stop(self):
        self.stop_writing.set()
        for name in ("client", "broker", "redis", "nats", "server"):
            if name in self.parts:
                self.parts[name].stop(signal.SIGINT if name == "server" else signal.SIGTERM, 20)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1000000))
    parser.add_argument("--writers", type=int, default=4)
    parser.add_argument("--early", action="store_true")
    options = parser.parse_args()
    say(f"seed {options.seed}, {options.kills} kills, {options.writers} writers")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    torture = Torture(options)
    try:
        torture.run()
    except Failure as e:
        torture.check("the run", False, str(e))
    finally:
        torture.stop()
    print(f"{torture.passed} passed, {torture.failed} failed, {torture.skipped} skipped")
    return 1 if torture.failed or not torture.passed else 0


if __name__ == "__main__":
    sys.exit(main())
