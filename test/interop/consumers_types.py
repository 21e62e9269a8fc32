"""The table "typed": a column of each type that Flink can read behind debezium-avro-confluent.

Each side is asked for the same texts: a kind has the expressions for PostgreSQL and for Flink, and what makes one text of their
values.  {} is the column.
"""
import datetime
import json
import math
import struct
from fractions import Fraction

import consumers_values as v


def text(values):
    return None if values[0] is None else str(values[0])


def real(layout):
    def made(values):
        if values[0] is None:
            return None
        f = float(values[0])
        return "nan" if math.isnan(f) else struct.pack(layout, f).hex()
    return made


def octets(values):
    return None if values[0] is None else bytes(values[0]).hex()


def bits_there(values):
    """Debezium's bytes: the last bit is the lowest of the first byte; zeros at the end are left out."""
    if values[0] is None:
        return None
    n = int(values[0], 2)
    return n.to_bytes((n.bit_length() + 7) // 8, "little").hex()


def document(values):
    return None if values[0] is None else json.dumps(json.loads(values[0], parse_float=str, parse_int=str), sort_keys=True)


def moment(values):
    return None if values[0] is None else datetime.datetime.fromisoformat(values[0]).replace(tzinfo=None).isoformat(" ", "microseconds")


def clock(values):
    return None if values[0] is None else datetime.time.fromisoformat(values[0]).replace(tzinfo=None).isoformat("microseconds")


def number(values):
    return None if values[0] in (None, "NaN") else str(Fraction(values[0]))


def number_here(values):
    if values[0] is None:
        return None
    unscaled = Fraction(int.from_bytes(bytes(values[1]), "big", signed=True))
    return str(unscaled / 10 ** values[0] if values[0] >= 0 else unscaled * 10 ** -values[0])


def both(values):
    return None if values[0] is None else " ".join(real(">d")([x]) for x in values)


def parts(one):
    """How many, and each of them."""
    def made(values):
        return None if values[0] is None else json.dumps([int(values[0])] + [one([x]) for x in values[1:]])
    return made


def array(kind):
    there, of_there, here, of_here = KINDS[kind]
    def ask(expressions, count):
        return [count] + [expressions[0].format(f"{{0}}[{i}]") for i in (1, 2, 3)]
    return ask(there, "cardinality({0})"), parts(of_there), ask(here, "CARDINALITY({0})"), parts(of_here)


TEXT = "CAST({0} AS STRING)"
MICROS = "(extract(epoch FROM {0}) * 1000000)::bigint::text"
KINDS = {
    "text": (["{0}"], text, ["{0}"], text),
    "shown": (["{0}::text"], text, [TEXT], text),
    "stated": (["{0}::text"], text, ["{0}"], text),
    "boolean": (["upper({0}::text)"], text, [f"UPPER({TEXT})"], text),
    "bit": (["upper(({0} = B'1')::text)"], text, [f"UPPER({TEXT})"], text),
    "real": (["{0}::float8"], real(">f"), [TEXT], real(">f")),
    "double": (["{0}"], real(">d"), [TEXT], real(">d")),
    "decimal": (["{0}::numeric::text"], number, [TEXT], number),
    "any decimal": (["{0}::text"], number, ["{0}.`scale`", "{0}.`value`"], number_here),
    "moment": (["to_char({0}, 'YYYY-MM-DD HH24:MI:SS.US')"], moment, [TEXT], moment),
    "zoned": (["to_char({0} AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US')"], moment, ["{0}"], moment),
    "clock": (["{0}::text"], clock, [TEXT], clock),
    "zoned clock": (["({0} AT TIME ZONE 'UTC')::time::text"], clock, ["{0}"], clock),
    "millis": (["(extract(epoch FROM {0}) * 1000)::integer::text"], text, [TEXT], text),
    "micros": ([MICROS], text, [TEXT], text),
    "bytes": (["{0}"], octets, ["{0}"], octets),
    "bits": (["{0}::text"], bits_there, ["{0}"], octets),
    "json": (["{0}::text"], document, ["{0}"], document),
    "point": (["{0}[0]", "{0}[1]"], both, ["CAST({0}.`x` AS STRING)", "CAST({0}.`y` AS STRING)"], both),
    "map": (["cardinality(akeys({0}))", "{0} -> 'a'", "{0} -> 'b'", "{0} -> 'c'"], parts(text),
            ["CARDINALITY({0})", "{0}['a']", "{0}['b']", "{0}['c']"], parts(text)),
}
KINDS.update({f"{k}s": array(k) for k in ("text", "shown", "boolean", "double", "moment")})

# name, PostgreSQL's type, Flink's, kind, what makes a value
COLUMNS = [
    ("id", "bigint", "BIGINT", "shown", None),
    ("i2", "smallint", "SMALLINT", "shown", lambda: v.integer(16)),
    ("i4", "integer", "INT", "shown", lambda: v.integer(32)),
    ("i8", "bigint", "BIGINT", "shown", lambda: v.integer(64)),
    ("f4", "real", "FLOAT", "real", v.single),
    ("f8", "double precision", "DOUBLE", "double", v.double),
    ("b", "boolean", "BOOLEAN", "boolean", lambda: v.rnd.random() < 0.5),
    ("n", "numeric(20,4)", "DECIMAL(20, 4)", "decimal", lambda: v.rnd.choice([v.decimal(20, 4), "NaN"])),
    ("n38", "numeric(38,10)", "DECIMAL(38, 10)", "decimal", lambda: v.decimal(38, 10)),
    ("na", "numeric", "ROW<`scale` INT, `value` BYTES>", "any decimal", v.any_decimal),
    ("m", "money", "DECIMAL(19, 2)", "decimal", lambda: v.decimal(15, 2)),
    ("t", "text", "STRING", "text", v.text),
    ("vc", "varchar(20)", "STRING", "text", v.text),
    ("ch", "char(10)", "STRING", "text", lambda: v.text(9)),
    ("en", "mood", "STRING", "text", lambda: v.rnd.choice(["sad", "ok", "very, \"happy\""])),
    ("dom", "small", "INT", "shown", lambda: v.rnd.randrange(100)),
    ("d", "date", "DATE", "shown", lambda: v.moment().date()),
    ("ts3", "timestamp(3)", "TIMESTAMP(3)", "moment", v.moment_ms),
    ("ts", "timestamp", "BIGINT", "micros", v.moment),
    ("tz", "timestamptz", "STRING", "zoned", v.zoned),
    # Flink's TIME has whole seconds, whatever its precision is: milliseconds are read as they are counted
    ("tm0", "time(0)", "TIME", "clock", lambda: v.moment().replace(microsecond=0).time()),
    ("tm3", "time(3)", "INT", "millis", lambda: v.moment_ms().time()),
    ("tm", "time", "BIGINT", "micros", lambda: v.moment().time()),
    ("ttz", "timetz", "STRING", "zoned clock", v.zoned_time),
    ("iv", "interval", "BIGINT", "micros", lambda: f"{v.rnd.randrange(-999, 999)} days {v.moment().time()}"),
    ("raw", "bytea", "BYTES", "bytes", v.raw),
    ("b1", "bit(1)", "BOOLEAN", "bit", lambda: v.bits(1)),
    ("bits", "bit(11)", "BYTES", "bits", lambda: v.bits(11)),
    ("u", "uuid", "STRING", "text", v.uuid),
    ("j", "json", "STRING", "json", v.document),
    ("jb", "jsonb", "STRING", "json", v.document),
    ("x", "xml", "STRING", "text", lambda: f"<{v.word()}/>"),
    ("ip", "inet", "STRING", "text", lambda: f"{v.rnd.randrange(256)}.1.2.{v.rnd.randrange(256)}/{v.rnd.randrange(8, 32)}"),
    ("mac", "macaddr", "STRING", "text", lambda: ":".join(f"{v.rnd.randrange(256):02x}" for _ in range(6))),
    ("r", "int4range", "STRING", "stated", lambda: f"[{v.rnd.randrange(99)},{v.rnd.randrange(100, 999)})"),
    ("pt", "point", "ROW<`x` DOUBLE, `y` DOUBLE>", "point", lambda: f"({v.rnd.random()},{v.rnd.randrange(-9, 9)})"),
    ("hs", "hstore", "MAP<STRING, STRING>", "map", v.pairs),
    ("tags", "text[]", "ARRAY<STRING>", "texts", lambda: v.several(lambda: v.text(4))),
    ("i4s", "integer[]", "ARRAY<INT>", "showns", lambda: v.several(lambda: v.integer(32))),
    ("i8s", "bigint[]", "ARRAY<BIGINT>", "showns", lambda: v.several(lambda: v.integer(64))),
    ("f8s", "double precision[]", "ARRAY<DOUBLE>", "doubles", lambda: v.several(v.double)),
    ("bs", "boolean[]", "ARRAY<BOOLEAN>", "booleans", lambda: v.several(lambda: v.rnd.random() < 0.5)),
    ("ns", "numeric(10,2)[]", "ARRAY<DECIMAL(10, 2)>", "showns", lambda: v.several(lambda: v.decimal(10, 2))),
    ("ds", "date[]", "ARRAY<DATE>", "showns", lambda: v.several(lambda: v.moment().date())),
    ("tss", "timestamp(3)[]", "ARRAY<TIMESTAMP(3)>", "moments", lambda: v.several(v.moment_ms)),
    ("big", "text", "STRING", "text", v.large),
]
LATER = ("later", "text", "STRING", "text", v.text)     # is added while the stream runs
NAMES = [c[0] for c in COLUMNS] + [LATER[0]]
SETUP = """CREATE EXTENSION hstore; CREATE TYPE mood AS ENUM ('sad', 'ok', 'very, "happy"');
    CREATE DOMAIN small AS integer CHECK (VALUE >= 0)"""
# Flink's types that the format refuses
REFUSED = ["TIMESTAMP(6)", "TIMESTAMP_LTZ(3)", "TIMESTAMP_LTZ(6)"]


def canon(side, answers):
    """A row of answers to expressions(side): one text for each column."""
    answers = iter(answers)
    return [KINDS[c[3]][side + 1]([next(answers) for _ in KINDS[c[3]][side]]) for c in COLUMNS + [LATER]]


def expressions(side):
    """Of PostgreSQL (0) or Flink (2)."""
    quote = '"' if side == 0 else "`"
    return [e.format(f"{quote}{c[0]}{quote}") for c in COLUMNS + [LATER] for e in KINDS[c[3]][side]]
