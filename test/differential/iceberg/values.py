"""values.py
		Iceberg's types, values, single-value serialisations and partition transforms, for the
		random tables of history.py.  Written from the specification (https://iceberg.apache.org/spec),
		Appendices A to D; nothing here comes from the extension.

A value is what a file would hold: bool, int (dates in days, times and timestamps in micro- or
nanoseconds, decimals unscaled), float, str, bytes (uuid, fixed, binary), a dict by field id for a
struct, a list for a list.  None is null.  A type is its name in schemas, or a dict for nested ones.
"""

import datetime
import decimal
import json
import math
import re
import struct
import uuid

DECIMALS = decimal.Context(prec=60)
EPOCH = datetime.datetime(1970, 1, 1)
DAY = 86400 * 10**6
FIRST_DAY, LAST_DAY = -719162, 2932896		# years 1 to 9999


def base(kind):
    if isinstance(kind, dict):
        return kind["type"]
    return re.match(r"[a-z_]+", kind).group()


def numbers(kind):
    """Precision and scale of a decimal, length of a fixed, width of a transform."""
    return [int(n) for n in re.findall(r"\d+", kind)]


def single(value):
    """The value as float has it."""
    try:
        return struct.unpack("<f", struct.pack("<f", value))[0]
    except OverflowError:
        return math.copysign(math.inf, value)


# ---------------------------------------------------------------- making values

def ordered(kind, k):
    """The k-th value of a type, growing with k; k about -50 to 1000."""
    b = base(kind)
    if b == "boolean":
        return k % 2 == 0
    if b == "int":
        return k * 7 - 200
    if b == "long":
        return k * 1000000007 - 10**10
    if b in ("float", "double"):
        return k / 8.0 - 3
    if b == "decimal":
        return k * 137 - 1000
    if b == "date":
        return 19000 + k * 11
    if b == "time":
        return (k * 61 * 10**6 + k) % DAY
    if b in ("timestamp", "timestamptz"):
        return 1700000000000000 + k * 4700 * 10**6 + k
    if b in ("timestamp_ns", "timestamptz_ns"):
        return (1700000000000000 + k * 4700 * 10**6 + k) * 1000
    if b == "string":
        return "%s%03d%s" % (chr(97 + (k + 50) // 50 % 26), k + 50, ("", "x", "é", "-long tail of it")[k % 4])
    if b == "uuid":
        return uuid.UUID(int=((k + 50) << 112) + k * k).bytes
    if b == "fixed":
        return struct.pack(">I", (k + 50) << 8).ljust(numbers(kind)[0], b"\x07")[:numbers(kind)[0]]
    if b == "binary":
        return struct.pack(">H", k + 50) + b"\xff" * (k % 3)
    raise ValueError(kind)


def special(kind, rng):
    """An odd value of a type."""
    b = base(kind)
    if b == "boolean":
        return rng.random() < 0.5
    if b == "int":
        return rng.choice((2**31 - 1, -2**31, 0, -1, 1))
    if b == "long":
        return rng.choice((2**63 - 1, -2**63, 0, -1, 2**31, -2**31 - 1))
    if b == "float":
        return single(rng.choice((math.nan, math.nan, math.inf, -math.inf, -0.0, 0.0, 1e-45, 3.4028234663852886e38, 0.1)))
    if b == "double":
        return rng.choice((math.nan, math.nan, math.inf, -math.inf, -0.0, 0.0, 5e-324, 1.7976931348623157e308, 0.1))
    if b == "decimal":
        top = 10**numbers(kind)[0] - 1
        return rng.choice((0, top, -top, 1, -1))
    if b == "date":
        return rng.choice((-1, 0, FIRST_DAY, LAST_DAY, -719))
    if b == "time":
        return rng.choice((0, DAY - 1, 1))
    if b in ("timestamp", "timestamptz"):
        return rng.choice((-1, 0, 1, FIRST_DAY * DAY, LAST_DAY * DAY + DAY - 1, -3600 * 10**6 - 1))
    if b in ("timestamp_ns", "timestamptz_ns"):
        return rng.choice((-1000, 0, 1000, -9 * 10**18, 9 * 10**18))
    if b == "string":
        return rng.choice(("", "", "a", "ünïcödé", "日本語の長い文字列です", "\U0001F600" * 3, "z" * 40, "\uffff\uffff", "%_\\'\"", "\x7f"))
    if b == "uuid":
        return rng.choice((b"\0" * 16, b"\xff" * 16, b"\x7f" + b"\xff" * 15, b"\x80" + b"\0" * 15))
    if b == "fixed":
        return rng.choice((b"\0", b"\xff", b"\x80")) * numbers(kind)[0]
    if b == "binary":
        return rng.choice((b"", b"\0", b"\xff" * 5, b"\x80\0"))
    raise ValueError(kind)


def random_value(kind, rng, low, width):
    """A value near the low-th one of its type; now and then an odd one."""
    if isinstance(kind, dict):
        if kind["type"] == "struct":
            return {f["id"]: None if rng.random() < 0.15 else random_value(f["type"], rng, low, width) for f in kind["fields"]}
        return [None if rng.random() < 0.1 else random_value(kind["element"], rng, low, width) for _ in range(rng.randrange(4))]
    if rng.random() < 0.04:
        return special(kind, rng)
    return ordered(kind, low + rng.randrange(width))


def order_key(kind, value):
    """Sorts values of a scalar type as bounds order them: -0.0 before 0.0, strings by their bytes."""
    if base(kind) in ("float", "double"):
        return (value, math.copysign(1, value))
    if isinstance(value, str):
        return value.encode()
    return value


# ---------------------------------------------------------------- serialisations

def unscaled_bytes(value):
    n = 1
    while not -(1 << 8 * n - 1) <= value < 1 << 8 * n - 1:
        n += 1
    return value.to_bytes(n, "big", signed=True)


def single_value(kind, value):
    """Appendix D, binary: bounds and partition summaries."""
    b = base(kind)
    if b == "boolean":
        return b"\1" if value else b"\0"
    if b in ("int", "date"):
        return struct.pack("<i", value)
    if b in ("long", "time") or b.startswith("timestamp"):
        return struct.pack("<q", value)
    if b == "float":
        return struct.pack("<f", value)
    if b == "double":
        return struct.pack("<d", value)
    if b == "decimal":
        return unscaled_bytes(value)
    return value.encode() if b == "string" else bytes(value)


def iso_time(micros):
    text = "%02d:%02d:%02d" % (micros // 3600000000, micros // 60000000 % 60, micros // 1000000 % 60)
    return text + ".%06d" % (micros % 1000000)


def iso_timestamp(micros, sep="T"):
    return (EPOCH + datetime.timedelta(days=micros // DAY)).date().isoformat() + sep + iso_time(micros % DAY)


def json_value(kind, value):
    """Appendix D, JSON: default values."""
    b = base(kind)
    if b in ("boolean", "int", "long", "float", "double", "string"):
        return value
    if b == "decimal":
        return str(as_decimal(kind, value))
    if b == "date":
        return (EPOCH + datetime.timedelta(days=value)).date().isoformat()
    if b == "time":
        return iso_time(value)
    if b in ("timestamp", "timestamptz"):
        return iso_timestamp(value) + ("+00:00" if b == "timestamptz" else "")
    if b in ("timestamp_ns", "timestamptz_ns"):
        return iso_timestamp(value // 1000) + "%03d" % (value % 1000) + ("+00:00" if b == "timestamptz_ns" else "")
    if b == "uuid":
        return str(uuid.UUID(bytes=value))
    if b in ("fixed", "binary"):
        return value.hex()
    raise ValueError(kind)


def as_decimal(kind, value):
    return decimal.Decimal(value).scaleb(-numbers(kind)[1], DECIMALS)


# ---------------------------------------------------------------- PostgreSQL

POSTGRES = {"boolean": "boolean", "int": "integer", "long": "bigint", "float": "real", "double": "double precision",
            "date": "date", "time": "time without time zone", "timestamp": "timestamp without time zone",
            "timestamptz": "timestamp with time zone", "timestamp_ns": "timestamp without time zone",
            "timestamptz_ns": "timestamp with time zone", "string": "text", "uuid": "uuid", "fixed": "bytea",
            "binary": "bytea", "struct": "jsonb"}


def sql_type(kind):
    b = base(kind)
    if b == "decimal":
        return "numeric(%d,%d)" % tuple(numbers(kind))
    if b == "list":
        return sql_type(kind["element"]) + "[]"
    return POSTGRES[b]


def sql_text(kind, value):
    """A value as PostgreSQL's input functions take it; None is null."""
    if value is None:
        return None
    b = base(kind)
    if b == "boolean":
        return "t" if value else "f"
    if b in ("int", "long"):
        return str(value)
    if b in ("float", "double"):
        return "NaN" if math.isnan(value) else "%sInfinity" % "-"[:value < 0] if math.isinf(value) else repr(value)
    if b in ("fixed", "binary"):
        return "\\x" + value.hex()
    if b == "struct":
        return json.dumps(plain_json(kind, value))
    if b == "list":
        return "{%s}" % ",".join("NULL" if v is None else '"%s"' % re.sub(r'(["\\])', r"\\\1", sql_text(kind["element"], v)) for v in value)
    return str(json_value(kind, value))


def plain_json(kind, value):
    if value is None or base(kind) not in ("struct", "list"):
        return None if value is None else value if base(kind) in ("int", "long", "string", "boolean") else json_value(kind, value)
    if base(kind) == "list":
        return [plain_json(kind["element"], v) for v in value]
    return {f["name"]: plain_json(f["type"], value.get(f["id"])) for f in kind["fields"]}


# ---------------------------------------------------------------- transforms

def murmur3(data):
    """Murmur3, 32 bits, x86 variant, seed 0; signed."""
    mask, h = 0xffffffff, 0
    whole = len(data) // 4 * 4

    def mixed(k):
        k = k * 0xcc9e2d51 & mask
        return ((k << 15 | k >> 17) & mask) * 0x1b873593 & mask

    for i in range(0, whole, 4):
        h ^= mixed(int.from_bytes(data[i:i + 4], "little"))
        h = ((h << 13 | h >> 19) & mask) * 5 + 0xe6546b64 & mask
    if data[whole:]:
        h ^= mixed(int.from_bytes(data[whole:], "little"))
    h ^= len(data)
    h = (h ^ h >> 16) * 0x85ebca6b & mask
    h = (h ^ h >> 13) * 0xc2b2ae35 & mask
    return h ^ h >> 16


def hashed(kind, value):
    b = base(kind)
    if b in ("int", "long", "date", "time", "timestamp", "timestamptz"):
        return murmur3(struct.pack("<q", value))
    if b in ("timestamp_ns", "timestamptz_ns"):
        return murmur3(struct.pack("<q", value // 1000))
    if b == "decimal":
        return murmur3(unscaled_bytes(value))
    return murmur3(value.encode() if b == "string" else value)


def transform_choices(kind):
    b = base(kind)
    if b in ("float", "double", "struct", "list"):
        return ()
    out = ["identity", "void"]
    if b != "boolean":
        out += ["bucket[%d]" % n for n in (2, 5)]
    if b in ("int", "long", "decimal", "string", "binary"):
        out += ["truncate[%d]" % n for n in ((1, 2, 4) if b in ("string", "binary") else (10, 1000))]
    if b in ("date",) or b.startswith("timestamp"):
        out += ["year", "month", "day"]
    if b.startswith("timestamp"):
        out += ["hour"]
    return out


def transformed_type(transform, kind):
    t = base(transform)
    if t in ("identity", "truncate", "void"):
        return kind
    return "date" if t == "day" else "int"


def transformed(transform, kind, value):
    t, b = base(transform), base(kind)
    if value is None or t == "void":
        return None
    if t == "identity":
        return value
    if t == "bucket":
        return (hashed(kind, value) & 0x7fffffff) % numbers(transform)[0]
    if t == "truncate":
        w = numbers(transform)[0]
        return value[:w] if b in ("string", "binary") else value - value % w
    micros = value * DAY if b == "date" else value if not b.endswith("_ns") else value // 1000
    if t == "hour":
        return micros // 3600000000
    days = micros // DAY
    if t == "day":
        return days
    day = EPOCH.date() + datetime.timedelta(days=days)
    return day.year - 1970 if t == "year" else (day.year - 1970) * 12 + day.month - 1


def truncated_bounds(kind, low, high, width):
    """Bounds of strings and bytes cut to a width; the upper one counted up, None where that cannot be."""
    if width is None or base(kind) not in ("string", "binary"):
        return low, high
    lower = low[:width]
    if len(high) <= width:
        return lower, high
    cut = list(high[:width])
    while cut:
        last = cut[-1] if isinstance(cut[-1], int) else ord(cut[-1])
        if last + 1 <= (255 if base(kind) == "binary" else 0x10ffff):
            last += 1
            if base(kind) == "string" and 0xd800 <= last <= 0xdfff:
                last = 0xe000
            cut[-1] = last if base(kind) == "binary" else chr(last)
            return lower, bytes(cut) if base(kind) == "binary" else "".join(cut)
        cut.pop()
    return lower, None
