"""canon.py
		Arrow values as the text that PostgreSQL prints for them.

Used by the scripts that write expected values beside the fixtures, by the
oracle of the golden tests and by its comparer, so that "equal" has one
meaning everywhere.  The settings it stands for are DateStyle = ISO,
IntervalStyle = postgres, TimeZone = UTC, bytea_output = hex and
extra_float_digits = 1.

Three renderings, each a function of a whole Arrow array, because Python's own
date and time classes end at the year 9999 and have no nanoseconds:

	1. texts()   top-level values of a flat column: what psql shows;
	2. values()  neutral Python values of any column: JSON is made of these;
	3. jsonb()   one neutral value as jsonb_out would print it.

Type mapping (Parquet as Arrow shows it -> PostgreSQL):

	bool boolean; int8, int16, uint8 smallint; int32, uint16 integer;
	int64, uint32 bigint; uint64 numeric(20); float16, float real; double
	double precision; decimal numeric(p,s); date date; time time; timestamp
	timestamp or timestamptz; string text; json jsonb; binary, fixed bytea;
	uuid uuid; interval interval; null text; list of a flat type: array of it;
	everything else that is nested: jsonb.

Inside jsonb the leaves follow to_jsonb(): numbers for numbers, but strings for
NaN and the infinities, ISO 8601 with a T for timestamps, \\x for bytea; a map
is an object whose keys are the keys' text.
"""

import decimal
import json
import re

import pyarrow as pa

MICROS_PER_SECOND = 1000000
MICROS_PER_DAY = 86400 * MICROS_PER_SECOND
UNIX_EPOCH_JULIAN = 2440588                 # Julian day of 1970-01-01
DBL_DIG, FLT_DIG = 15, 6                    # where PostgreSQL changes to exponents


class Interval:
    """Months, days and microseconds."""

    def __init__(self, months, days, micros):
        self.months, self.days, self.micros = months, days, micros


# ---------------------------------------------------------------- numbers

def _shortest(digits_repr, fixed_digits):
    """PostgreSQL's layout of a float from any repr that has its shortest digits."""
    sign, digits, exponent = decimal.Decimal(digits_repr).as_tuple()
    digits = list(digits)
    while len(digits) > 1 and digits[-1] == 0:
        digits.pop()
        exponent += 1
    text = "".join(map(str, digits))
    point = len(text) + exponent            # digits before the decimal point
    minus = "-" if sign else ""
    if text == "0":
        return minus + "0"
    if -4 <= point - 1 < fixed_digits:
        if point <= 0:
            return minus + "0." + "0" * -point + text
        if point >= len(text):
            return minus + text + "0" * (point - len(text))
        return minus + text[:point] + "." + text[point:]
    mantissa = text[0] + ("." + text[1:] if len(text) > 1 else "")
    return "%s%se%+03d" % (minus, mantissa, point - 1)


def float8(x):
    if x != x:
        return "NaN"
    if x in (float("inf"), float("-inf")):
        return "Infinity" if x > 0 else "-Infinity"
    return _shortest(repr(float(x)), DBL_DIG)


def float4(x):
    import numpy as np
    x = np.float32(x)
    if x != x:
        return "NaN"
    if np.isinf(x):
        return "Infinity" if x > 0 else "-Infinity"
    return _shortest(np.format_float_scientific(x, unique=True, trim="0"), FLT_DIG)


def numeric(d):
    return format(d, "f")


# ---------------------------------------------------------------- dates and times

def _civil(days):
    """Year, month, day of days since 1970 in the proleptic Gregorian calendar."""
    z = days + 719468
    era = z // 146097
    doe = z - era * 146097
    yoe = (doe - doe // 1460 + doe // 36524 - doe // 146096) // 365
    doy = doe - (365 * yoe + yoe // 4 - yoe // 100)
    mp = (5 * doy + 2) // 153
    month = mp + 3 if mp < 10 else mp - 9
    return yoe + era * 400 + (1 if month <= 2 else 0), month, doy - (153 * mp + 2) // 5 + 1


def _date(days):
    year, month, day = _civil(days)
    bc = year <= 0
    return "%04d-%02d-%02d" % (1 - year if bc else year, month, day), " BC" if bc else ""


def date(days):
    return "".join(_date(days))


def time(micros):
    seconds, fraction = divmod(micros, MICROS_PER_SECOND)
    text = "%02d:%02d:%02d" % (seconds // 3600, seconds // 60 % 60, seconds % 60)
    return text + ((".%06d" % fraction).rstrip("0") if fraction else "")


def timestamp(micros, utc, separator=" ", zone="+00"):
    days, rest = divmod(micros, MICROS_PER_DAY)
    day, bc = _date(days)
    return day + separator + time(rest) + (zone if utc else "") + bc


def interval(i):
    """interval_out in the style 'postgres'."""
    out = []

    def part(value, unit, negative_before):
        if value:
            plus = "+" if negative_before and value > 0 else ""
            out.append("%s%d %s%s" % (plus, value, unit, "" if value == 1 else "s"))
            return value < 0
        return negative_before

    years = abs(i.months) // 12 * (1 if i.months >= 0 else -1)
    negative = part(years, "year", False)
    negative = part(i.months - years * 12, "mon", negative)
    negative = part(i.days, "day", negative)
    if i.micros or not out:
        sign = "-" if i.micros < 0 else "+" if negative else ""
        out.append(sign + time(abs(i.micros)))
    return " ".join(out)


_TO_MICROS = {"s": (1000000, 1), "ms": (1000, 1), "us": (1, 1), "ns": (1, 1000)}


def micros(value, unit):
    """A count of units as microseconds; digits below are dropped towards minus infinity."""
    times, by = _TO_MICROS[unit]
    return value * times // by


# ---------------------------------------------------------------- arrays

class Leaf:
    """A flat value with its two texts: as a column and inside JSON."""
    __slots__ = ("text", "json")

    def __init__(self, text, json_text=None):
        self.text = text
        self.json = text if json_text is None else json_text


def _quoted(s):
    """A JSON string as jsonb_out escapes it."""
    out = ['"']
    for c in s:
        if c in '"\\':
            out.append("\\" + c)
        elif c in "\b\f\n\r\t":
            out.append({"\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}[c])
        elif c < " ":
            out.append("\\u%04x" % ord(c))
        else:
            out.append(c)
    return "".join(out) + '"'


def _string_leaf(text, inside=None):
    return Leaf(text, _quoted(text if inside is None else inside))


def _float_leaf(text):
    if text in ("NaN", "Infinity", "-Infinity"):
        return Leaf(text, _quoted(text))
    d = decimal.Decimal(text)
    return Leaf(text, numeric(d if d else abs(d)))


def _bytes_leaf(b):
    return _string_leaf("\\x" + b.hex())


def _json_leaf(text):
    return Leaf(text, jsonb(json_value(text)))


def _uuid(b):
    h = b.hex()
    return "-".join((h[:8], h[8:12], h[12:16], h[16:20], h[20:]))


def is_nested(t):
    return pa.types.is_nested(t)


def _decode(b):
    """Text of a string value; bytes that are no UTF-8 survive as lone surrogates."""
    return b.decode("utf-8", "surrogateescape")


def _storage(array):
    return array.storage if isinstance(array, pa.ExtensionArray) else array


def _leaf_maker(t, name):
    """(Arrow type to cast to or None, function of a Python value) for a flat type."""
    if name == "arrow.uuid":
        return None, lambda v: _string_leaf(_uuid(v))
    if name == "arrow.json":
        return pa.large_binary(), lambda v: _json_leaf(_decode(v))
    if pa.types.is_boolean(t):
        return None, lambda v: Leaf("t" if v else "f", "true" if v else "false")
    if pa.types.is_integer(t):
        return None, lambda v: Leaf(str(v))
    if pa.types.is_float64(t):
        return None, lambda v: _float_leaf(float8(v))
    if pa.types.is_floating(t):
        return pa.float32(), lambda v: _float_leaf(float4(v))
    if pa.types.is_decimal(t):
        return None, lambda v: Leaf(numeric(v))
    if pa.types.is_date(t):
        if pa.types.is_date64(t):
            return pa.int64(), lambda v: _string_leaf(date(v // 86400000))
        return pa.int32(), lambda v: _string_leaf(date(v))
    if pa.types.is_time(t):
        width = pa.int32() if pa.types.is_time32(t) else pa.int64()
        return width, lambda v: _string_leaf(time(micros(v, t.unit)))
    if pa.types.is_timestamp(t):
        utc = t.tz is not None

        def stamp(v):
            us = micros(v, t.unit)
            return _string_leaf(timestamp(us, utc), timestamp(us, utc, "T", "+00:00"))
        return pa.int64(), stamp
    if pa.types.is_interval(t):
        return None, lambda v: _string_leaf(interval(Interval(v.months, v.days,
                                                              v.nanoseconds // 1000)))
    if pa.types.is_string(t) or pa.types.is_large_string(t) or t == pa.string_view():
        return pa.large_binary(), lambda v: _string_leaf(_decode(v))
    if pa.types.is_null(t):
        return None, lambda v: None
    return None, _bytes_leaf                # every kind of binary


def values(array, extension=None):
    """Neutral values of an array: None, Leaf, list, dict, or a list of pairs as Map."""
    if isinstance(array, pa.ChunkedArray):
        return [v for chunk in array.chunks for v in values(chunk, extension)]
    if isinstance(array, pa.ExtensionArray):
        return values(array.storage, array.type.extension_name)
    t = array.type
    if pa.types.is_dictionary(t):
        return values(array.dictionary_decode(), extension)
    if pa.types.is_map(t):
        keys, items, off = values(array.keys), values(array.items), array.offsets.to_pylist()
        return [Map(zip(keys[off[i]:off[i + 1]], items[off[i]:off[i + 1]]))
                if array[i].is_valid else None for i in range(len(array))]
    if pa.types.is_list(t) or pa.types.is_large_list(t):
        inner, off = values(array.values), array.offsets.to_pylist()
        return [inner[off[i]:off[i + 1]] if array[i].is_valid else None
                for i in range(len(array))]
    if pa.types.is_fixed_size_list(t):
        width = t.list_size
        inner = values(array.values)
        start = array.offset * width
        return [inner[start + i * width:start + (i + 1) * width] if array[i].is_valid else None
                for i in range(len(array))]
    if pa.types.is_struct(t):
        names = [t.field(i).name for i in range(t.num_fields)]
        columns = [values(array.field(i)) for i in range(t.num_fields)]
        valid = array.is_valid().to_pylist()
        return [list_to_struct(names, [c[i] for c in columns]) if valid[i] else None
                for i in range(len(array))]
    cast, make = _leaf_maker(t, extension)
    if cast is not None:
        if cast == pa.large_binary() and pa.types.is_string(t) is False and t == pa.string_view():
            array = array.cast(pa.large_string())
        array = array.cast(cast)
    return [None if v is None else make(v) for v in array.to_pylist()]


def list_to_struct(names, members):
    return dict(zip(names, members))


class Map(list):
    """Pairs in file order; the last of equal keys counts."""


def json_value(text):
    """JSON text as neutral values; numbers keep their digits."""
    def neutral(v):
        if isinstance(v, dict):
            return {k: neutral(x) for k, x in v.items()}
        if isinstance(v, list):
            return [neutral(x) for x in v]
        if v is None:
            return None
        if isinstance(v, bool):
            return Leaf("t" if v else "f", "true" if v else "false")
        if isinstance(v, decimal.Decimal):
            return Leaf(numeric(v))
        return _string_leaf(v)
    return neutral(json.loads(text, parse_int=decimal.Decimal, parse_float=decimal.Decimal))


def jsonb(v):
    """A neutral value as jsonb_out prints it: keys by length, then by bytes."""
    if v is None:
        return "null"
    if isinstance(v, Map):
        v = {k.text: x for k, x in v}
    if isinstance(v, dict):
        keys = sorted(v, key=lambda k: (len(k.encode("utf-8", "surrogateescape")),
                                        k.encode("utf-8", "surrogateescape")))
        return "{" + ", ".join(_quoted(k) + ": " + jsonb(v[k]) for k in keys) + "}"
    if isinstance(v, list):
        return "[" + ", ".join(map(jsonb, v)) + "]"
    return v.json


_ARRAY_NEEDS_QUOTES = re.compile(r'[{}",\\\s]|^$|^null$', re.IGNORECASE)


def array_text(v):
    """A list of flat values as array_out prints it."""
    def element(x):
        if x is None:
            return "NULL"
        if _ARRAY_NEEDS_QUOTES.search(x.text):
            return '"' + x.text.replace("\\", "\\\\").replace('"', '\\"') + '"'
        return x.text
    return "{" + ",".join(map(element, v)) + "}"


def is_flat_list(t):
    return ((pa.types.is_list(t) or pa.types.is_large_list(t) or pa.types.is_fixed_size_list(t))
            and not is_nested(t.value_type))


def texts(array):
    """What psql shows for a column: text, or None for NULL."""
    t = array.type
    out = []
    for v in values(array):
        if v is None:
            out.append(None)
        elif isinstance(v, Leaf):
            out.append(v.json if _is_json(t) else v.text)
        elif is_flat_list(t):
            out.append(array_text(v))
        else:
            out.append(jsonb(v))
    return out


def _is_json(t):
    return isinstance(t, pa.BaseExtensionType) and t.extension_name == "arrow.json"


def pg_type(t):
    """Name of the PostgreSQL type that a column of this Arrow type becomes."""
    if isinstance(t, pa.BaseExtensionType):
        known = {"arrow.uuid": "uuid", "arrow.json": "jsonb", "arrow.bool8": "smallint"}
        return known.get(t.extension_name) or pg_type(t.storage_type)
    if pa.types.is_dictionary(t):
        return pg_type(t.value_type)
    if is_flat_list(t):
        return pg_type(t.value_type) + "[]"
    if is_nested(t):
        return "jsonb"
    if pa.types.is_decimal(t):
        return "numeric(%d,%d)" % (t.precision, t.scale)
    if pa.types.is_time(t):
        return "time"
    if pa.types.is_timestamp(t):
        return "timestamp" if t.tz is None else "timestamptz"
    if pa.types.is_date(t):
        return "date"
    if pa.types.is_interval(t):
        return "interval"
    names = {pa.bool_(): "boolean", pa.int8(): "smallint", pa.uint8(): "smallint",
             pa.int16(): "smallint", pa.uint16(): "integer", pa.int32(): "integer",
             pa.uint32(): "bigint", pa.int64(): "bigint", pa.uint64(): "numeric(20,0)",
             pa.float16(): "real", pa.float32(): "real", pa.float64(): "double precision",
             pa.string(): "text", pa.large_string(): "text", pa.string_view(): "text",
             pa.null(): "text"}
    return names.get(t, "bytea")
