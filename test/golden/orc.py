#!/usr/bin/env python3
"""orc.py
		Every ORC file below some folders, row for row against pyarrow.

usage: orc.py ORC_ROWS FOLDER_OR_FILE...

ORC_ROWS is build/bench/orc_rows (make bench T=orc_rows).  Both sides come to one
form: floats as bits, strings and bytes as hexadecimal digits, decimals as text, days
and time stamps as numbers since 1970, maps as lists of pairs, unions as
the value that was chosen.  A file that pyarrow refuses must be refused, or is said to be
read by us alone; one that we refuse and pyarrow reads fails, unless REFUSED names it.

What differs on purpose:

	- time stamps come as microseconds here and nanoseconds there, and are cut;
	- time stamps with a fraction of at least a millisecond, of a writer whose zone is not UTC: pyarrow
	  (26) corrects for moments before 1970 after it has moved them to another zone, which
	  makes some a second wrong; Java's reader and this one do it before;
	- decimals of Hive 0.11, which have no scale, keep 10 digits here and are cut to 6 there;
	- days and time stamps before 1582-10-15 in files of the hybrid calendar are the
	  date that was written here, a day of the other calendar there: they are compared by
	  converting pyarrow's.

The closing line is 'N passed, N failed, N skipped'; a run of nothing fails.
"""

import decimal
import json
import os
import struct
import subprocess
import sys

import pyarrow as pa
import pyarrow.orc as po

# What we refuse although pyarrow reads it, and why.
REFUSED = {
    "is encrypted": "columns are encrypted: pyarrow gives their masks",
}

GREGORIAN_START = -141427
DAY_US = 86400 * 10**6


def julian_day_to_gregorian(days):
    """Days since 1970 whose date is Julian -> the same date, Gregorian."""
    j = days + 2440588
    c = j + 32082
    d = (4 * c + 3) // 1461
    e = c - 1461 * d // 4
    m = (5 * e + 2) // 153
    day = e - (153 * m + 2) // 5 + 1
    month = m + 3 - 12 * (m // 10)
    year = d - 4800 + m // 10
    a = (14 - month) // 12
    y = year + 4800 - a
    n = month + 12 * a - 3
    return day + (153 * n + 2) // 5 + 365 * y + y // 4 - y // 100 + y // 400 - 32045 - 2440588


def days_of(v, hybrid):
    return julian_day_to_gregorian(v) if hybrid and v < GREGORIAN_START else v


def micros_of(v, hybrid):
    if hybrid and v < GREGORIAN_START * DAY_US:
        return julian_day_to_gregorian(v // DAY_US) * DAY_US + v % DAY_US
    return v


def same(a, b, zoned=False):
    """Values of ours and of pyarrow."""
    if a == b:
        return True
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(same(x, y, zoned) for x, y in zip(a, b))
    if zoned and isinstance(a, int) and isinstance(b, int):
        return abs(a - b) == 10**6 and a % 10**6 >= 1000 and abs(a) < DAY_US
    if isinstance(a, str) and isinstance(b, str) and a[-11:-10] == "." and b[-7:-6] == ".":
        return format(decimal.Decimal(a).quantize(decimal.Decimal("1e-6"), decimal.ROUND_DOWN), "f") == b
    return False


def converter(t, hybrid):
    """A function from a pyarrow array of type t to a list of canonical values."""
    def nullable(array, values):
        return [v if ok else None for v, ok in zip(values, array.is_valid().to_pylist())]

    if pa.types.is_struct(t):
        subs = [converter(t.field(i).type, hybrid) for i in range(t.num_fields)]

        def run(a):
            cols = [s(c) for s, c in zip(subs, a.flatten())]
            return nullable(a, [list(r) for r in zip(*cols)] if cols else [[]] * len(a))
        return run
    if pa.types.is_list(t) or pa.types.is_large_list(t):
        sub = converter(t.value_type, hybrid)

        def run(a):
            offsets = a.offsets.to_pylist()
            values = sub(a.values)
            return nullable(a, [values[offsets[i]:offsets[i + 1]] for i in range(len(a))])
        return run
    if pa.types.is_map(t):
        key, item = converter(t.key_type, hybrid), converter(t.item_type, hybrid)

        def run(a):
            offsets = a.offsets.to_pylist()
            pairs = [list(p) for p in zip(key(a.keys), item(a.items))]
            return nullable(a, [pairs[offsets[i]:offsets[i + 1]] for i in range(len(a))])
        return run
    if pa.types.is_union(t):
        subs = [converter(t.field(i).type, hybrid) for i in range(t.num_fields)]

        def run(a):
            cols = [s(a.field(i)) for i, s in enumerate(subs)]
            codes = a.type_codes.to_pylist()
            where = a.offsets.to_pylist() if t.mode == "dense" else range(len(a))
            return [cols[c][w] for c, w in zip(codes, where)]
        return run
    if pa.types.is_dictionary(t):
        sub = converter(t.value_type, hybrid)
        return lambda a: sub(a.dictionary_decode())

    def scalar(f):
        return lambda a: [None if v is None else f(v) for v in a.to_pylist()]

    if pa.types.is_boolean(t) or pa.types.is_integer(t):
        return lambda a: a.to_pylist()
    if pa.types.is_floating(t):
        return scalar(lambda v: "%016x" % struct.unpack("<Q", struct.pack("<d", v))[0])
    if pa.types.is_string(t) or pa.types.is_large_string(t):
        return lambda a: [None if v is None else v.hex() for v in a.cast(pa.binary()).to_pylist()]
    if pa.types.is_binary(t) or pa.types.is_large_binary(t) or pa.types.is_fixed_size_binary(t):
        return scalar(lambda v: v.hex())
    if pa.types.is_decimal(t):
        return scalar(lambda v: format(v.quantize(decimal.Decimal(1).scaleb(-t.scale)), "f"))
    if pa.types.is_date32(t):
        return lambda a: [None if v is None else days_of(v, hybrid)
                          for v in a.cast(pa.int32()).to_pylist()]
    if pa.types.is_timestamp(t):
        per = {"s": 1, "ms": 1000, "us": 10**6, "ns": 10**9}[t.unit]
        return lambda a: [None if v is None else micros_of(v * 10**6 // per, hybrid)
                          for v in a.cast(pa.int64()).to_pylist()]
    raise NotImplementedError(str(t))


def theirs(path, hybrid):
    decimal.getcontext().prec = 60
    f = po.ORCFile(path)
    runs = [converter(field.type, hybrid) for field in f.schema]
    for s in range(f.nstripes):
        batch = f.read_stripe(s)
        cols = [run(c) for run, c in zip(runs, batch.columns)]
        if not cols:
            yield from ([] for _ in range(batch.num_rows))
        else:
            yield from (list(r) for r in zip(*cols))


def ours(tool, path):
    with subprocess.Popen([tool, path], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as p:
        for line in p.stdout:
            row = json.loads(line)
            yield row if isinstance(row, list) else [row]
        error = p.stderr.read().strip()
        if p.wait() != 0:
            raise RuntimeError(error or "exit code %d" % p.returncode)


def compare(tool, path):
    """(verdict, text): passed, failed or skipped."""
    meta = subprocess.run([tool, "--meta", path], capture_output=True, text=True)
    hybrid = "hybrid 1" in meta.stdout
    zoned = any(not line.endswith(("zone -", "zone UTC", "zone GMT"))
                for line in meta.stdout.split("\n") if line.startswith("stripe "))
    if meta.returncode < 0:
        return "failed", "--meta died of signal %d" % -meta.returncode
    try:
        mine, my_error = list(ours(tool, path)), None
    except RuntimeError as e:
        mine, my_error = None, str(e)
    if my_error is not None and my_error.startswith("exit code -"):
        return "failed", my_error
    try:
        other, their_error = list(theirs(path, hybrid)), None
    except Exception as e:                              # noqa: BLE001
        other, their_error = None, "%s: %s" % (type(e).__name__, str(e).split("\n")[0])
    if my_error is not None and their_error is not None:
        return "passed", "both refuse: %s | %s" % (my_error.split("\n")[0], their_error)
    if my_error is not None:
        for text, why in REFUSED.items():
            if text in my_error:
                return "skipped", why
        return "failed", "we alone refuse: %s" % my_error
    if their_error is not None:
        return "skipped", "%d rows read by us alone (%s)" % (len(mine), their_error)
    if len(mine) != len(other):
        return "failed", "%d rows, pyarrow has %d" % (len(mine), len(other))
    for i, (a, b) in enumerate(zip(mine, other)):
        if not same(a, b, zoned):
            return "failed", "row %d: %s, pyarrow has %s" % (i, a, b)
    return "passed", "%d rows" % len(mine)


def files(places):
    for place in places:
        if os.path.isfile(place):
            yield place
        for folder, _, names in sorted(os.walk(place)):
            for name in sorted(names):
                if name.endswith(".orc"):
                    yield os.path.join(folder, name)


def main():
    tool, places = sys.argv[1], sys.argv[2:]
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    for path in files(places):
        verdict, text = compare(tool, path)
        counts[verdict] += 1
        print("%-7s %s: %s" % (verdict, path, text))
    print("%(passed)d passed, %(failed)d failed, %(skipped)d skipped" % counts)
    return 0 if counts["failed"] == 0 and counts["passed"] > 0 else 1


if __name__ == "__main__":
    sys.exit(main())
