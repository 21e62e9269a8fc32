"""tables.py
		The values that foreign writers are given.

Arrow tables whose columns have the edges of their types among random values.
The random generator is seeded by the number of rows and the kind of nulls, so a
failure can be repeated by its name alone.
"""

import datetime
import decimal
import random

import pyarrow as pa

UTC = datetime.timezone.utc
EPOCH = datetime.date(1970, 1, 1)
NULLS = ("none", "some", "all")
DATES = (datetime.date(1, 1, 1), datetime.date(1969, 12, 31), EPOCH, datetime.date(9999, 12, 31))
# What every writer's clock can say: nanoseconds of 64 bits end in 1677 and 2262.
FIRST, LAST = datetime.datetime(1700, 1, 1), datetime.datetime(2250, 1, 1)
WORDS = ("", "a", "apple", "Zebra", "ünïcödé", "日本語", "quo\"te", "back\\slash", "tab\there", "x" * 300)


def integers(bits, signed):
    low, high = (-2**(bits - 1), 2**(bits - 1) - 1) if signed else (0, 2**bits - 1)
    return lambda r: r.choice((low, high, 0, 1, low // 2, r.randint(low, high), r.randint(0, 9)))


def decimals(precision, scale):
    top = 10**precision - 1

    def one(r):
        digits = r.choice((top, -top, 0, r.randint(-top, top), r.randint(-999, 999)))
        digits = max(-top, min(top, digits))
        return decimal.Decimal(digits).scaleb(-scale, decimal.Context(prec=60))
    return one


def floats(width):
    finite = (0.0, -0.0, 1.5, -2.25, 1e30, 1e-30) if width == 4 else (0.0, -0.0, 1.5, 0.1, 1e300, 5e-324)
    return lambda r: r.choice(finite + (float("nan"), float("inf"), float("-inf"), float(r.randint(-10**6, 10**6))))


def moment(r):
    span = int((LAST - FIRST).total_seconds())
    return FIRST + datetime.timedelta(seconds=r.randrange(span), microseconds=r.choice((0, 1, 999999, 123000)))


def milli(r):
    t = moment(r)
    return t.replace(microsecond=t.microsecond // 1000 * 1000)


# name, Arrow type, function of a random generator
FLAT = [
    ("b", pa.bool_(), lambda r: r.random() < 0.5),
    ("i8", pa.int8(), integers(8, True)), ("i16", pa.int16(), integers(16, True)),
    ("i32", pa.int32(), integers(32, True)), ("i64", pa.int64(), integers(64, True)),
    ("u8", pa.uint8(), integers(8, False)), ("u16", pa.uint16(), integers(16, False)),
    ("u32", pa.uint32(), integers(32, False)), ("u64", pa.uint64(), integers(64, False)),
    ("f32", pa.float32(), floats(4)), ("f64", pa.float64(), floats(8)),
    ("d9", pa.decimal128(9, 2), decimals(9, 2)), ("d18", pa.decimal128(18, 4), decimals(18, 4)),
    ("d38", pa.decimal128(38, 10), decimals(38, 10)),
    ("day", pa.date32(), lambda r: r.choice(DATES + (EPOCH + datetime.timedelta(r.randint(-90000, 90000)),))),
    ("t", pa.time64("us"), lambda r: datetime.time(r.randrange(24), r.randrange(60), r.randrange(60), r.choice((0, 1, 999999)))),
    ("ms", pa.timestamp("ms"), milli), ("us", pa.timestamp("us"), moment),
    ("utc", pa.timestamp("us", "UTC"), lambda r: moment(r).replace(tzinfo=UTC)),
    ("s", pa.string(), lambda r: r.choice(WORDS)), ("near", pa.string(), lambda r: "%030x" % r.getrandbits(64)),
    ("bin", pa.binary(), lambda r: r.choice((b"", b"\0", b"\xff\xfe", r.randbytes(5)))),
    ("fix", pa.binary(7), lambda r: r.randbytes(7)),
    ("runs", pa.int32(), lambda r: 7 if r.random() < 0.98 else r.randrange(3)),
]


def _maybe(r, make, p=0.2):
    return None if r.random() < p else make()


def _list(r, make):
    return [make() for _ in range(r.choice((0, 1, 2, 5)))]


def _point(r):
    return {"x": _maybe(r, lambda: r.randint(-9, 9)), "name": _maybe(r, lambda: r.choice(WORDS))}


_POINT = pa.struct([("x", pa.int32()), ("name", pa.string())])
NESTED = [
    ("li", pa.list_(pa.int64()), lambda r: _list(r, lambda: _maybe(r, lambda: r.randint(-5, 5)))),
    ("ls", pa.list_(pa.string()), lambda r: _list(r, lambda: _maybe(r, lambda: r.choice(WORDS)))),
    ("ll", pa.list_(pa.list_(pa.int32())),
     lambda r: _list(r, lambda: _maybe(r, lambda: _list(r, lambda: _maybe(r, lambda: r.randint(0, 9)))))),
    ("st", _POINT, _point),
    ("deep", pa.struct([("p", _POINT), ("l", pa.list_(pa.float64()))]),
     lambda r: {"p": _maybe(r, lambda: _point(r)), "l": _maybe(r, lambda: _list(r, lambda: r.randint(0, 9) / 4))}),
    ("lp", pa.list_(_POINT), lambda r: _list(r, lambda: _maybe(r, lambda: _point(r)))),
    ("m", pa.map_(pa.string(), pa.int32()),
     lambda r: [("k%d" % k, _maybe(r, lambda: r.randint(0, 99))) for k in range(r.randrange(4))]),
    ("ml", pa.map_(pa.string(), pa.list_(pa.int32())),
     lambda r: [("k%d" % k, _maybe(r, lambda: _list(r, lambda: r.randint(0, 9)))) for k in range(r.randrange(3))]),
]


def make(columns, rows, nulls):
    """A table of the named columns beside 'id', which counts and is never null."""
    arrays = {"id": pa.array(range(rows), pa.int32())}
    for name, kind, one in FLAT + NESTED:
        if name in columns:
            r = random.Random("%s %d %s" % (name, rows, nulls))
            share = {"none": 0, "some": 0.3, "all": 1}[nulls]
            arrays[name] = pa.array([None if r.random() < share else one(r) for _ in range(rows)], kind)
    return pa.table(arrays)


FLAT_NAMES = [n for n, _, _ in FLAT]
NESTED_NAMES = [n for n, _, _ in NESTED]
