"""Random values for the columns of the suite: edges of each type, and nulls."""
import datetime
import json
import random
import struct
from decimal import Decimal

rnd = random.Random()


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


def word():
    return "".join(rnd.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(rnd.randrange(1, 9)))


def integer(bits):
    half = 2 ** (bits - 1)
    return rnd.choice([rnd.randrange(-half, half), -half, half - 1, 0, rnd.randrange(-100, 100)])


def single():
    v = struct.unpack(">f", struct.pack(">I", rnd.getrandbits(32)))[0]
    return rnd.choice([v, 0.1, -0.0, 1e-45, 3.4028235e38, float("nan"), float("inf"), float("-inf")])


def double():
    v = struct.unpack(">d", struct.pack(">Q", rnd.getrandbits(64)))[0]
    return rnd.choice([v, 0.1, -0.0, 5e-324, 1.7976931348623157e308, float("nan"), float("inf"), float("-inf")])


def decimal(precision, scale):
    """Of numeric(precision, scale): all of its digits, or few."""
    digits = rnd.choice([precision, precision, rnd.randrange(1, precision + 1)])
    return Decimal(rnd.randrange(-10**digits + 1, 10**digits)).scaleb(-scale)


def any_decimal():
    return rnd.choice([decimal(30, 12), decimal(10, 0), decimal(5, 5), Decimal(rnd.randrange(1, 999)).scaleb(rnd.randrange(60))])


def moment():
    return datetime.datetime(1900, 1, 1) + datetime.timedelta(microseconds=rnd.randrange(300 * 365 * 86400 * 10**6))


def moment_ms():
    m = moment()
    return m.replace(microsecond=m.microsecond // 1000 * 1000)


def zoned():
    return moment().replace(tzinfo=datetime.timezone.utc)


def zoned_time():
    return f"{moment().time()}{rnd.choice('+-')}{rnd.randrange(14):02}:{rnd.choice(['00', '30', '45'])}"


def raw(n=9):
    return bytes(rnd.getrandbits(8) for _ in range(rnd.randrange(n)))


def bits(n):
    return "".join(rnd.choice("01") for _ in range(n))


def uuid():
    return f"{rnd.getrandbits(128):032x}"


def document():
    return json.dumps(rnd.choice([{"a": [1, 2.50, None, True], text(5): text(5)}, [], "x", {"big": 12345678901234567890}]))


def large():
    """Stored out of line, uncompressed, at times; short ones are in the row."""
    return rnd.choice([None, text(), "".join(chr(rnd.randrange(0x20, 0x250)) for _ in range(5)) * rnd.randrange(600, 900)])


def is_large(v):
    return v is not None and len(v.encode()) > 2100


def several(make):
    """Up to three elements with nulls."""
    return [rnd.choice([None, make(), make()]) for _ in range(rnd.randrange(4))]


def pairs():
    """Of hstore: the keys a, b, c, or some of them."""
    quoted = ('"' + text(5).replace("\\", "\\\\").replace('"', '\\"') + '"' for _ in iter(int, 1))
    return ", ".join(f"{k} => {next(quoted)}" for k in "abc" if rnd.random() < 0.6)
