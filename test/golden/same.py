"""same.py
		When two texts of a value mean the same value.

Text that is equal is the same.  Otherwise floats are compared by value, NaN
being equal to NaN and -0 not to 0; jsonb as JSON, with numbers by value; arrays
element by element; timestamps without regard to the zone +00, because INT96 and
old converted types leave open whether they are instants.
"""

import decimal
import json
import math
import re
import struct

import numpy as np

_STAMP = re.compile(r"^(\d{4,6}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d)(\.\d+)?(Z|\+00(:?00)?)?( BC)?$")


def _plain_stamp(text):
    """A timestamp without zone and without zeros at the end; other text as it is."""
    m = _STAMP.match(text)
    if not m:
        return text
    return m.group(1) + " " + m.group(2) + (m.group(3)
                   or "").rstrip("0").rstrip(".") + (m.group(6) or "")


def _same_float(a, b, code):
    try:
        x, y = float(a), float(b)
    except ValueError:
        return False
    if math.isnan(x) or math.isnan(y):
        return math.isnan(x) and math.isnan(y)
    with np.errstate(over="ignore"):
        if code == "f":
            x, y = float(np.float32(x)), float(np.float32(y))
    return struct.pack("d", x) == struct.pack("d", y)


def _same_json(a, b, float4):
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(_same_json(a[k], b[k], float4) for k in a)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(_same_json(x, y, float4) for x, y in zip(a, b))
    if isinstance(a, decimal.Decimal) and isinstance(b, decimal.Decimal):
        return a == b or float4 and np.float32(float(a)) == np.float32(float(b))
    if isinstance(a, str) and isinstance(b, str):
        return a == b or _plain_stamp(a) == _plain_stamp(b)
    return type(a) is type(b) and a == b


def _json(text):
    return json.loads(text, parse_int=decimal.Decimal, parse_float=decimal.Decimal)


_ELEMENT = re.compile(r'"((?:[^"\\]|\\.)*)"|([^,{}"]*)')


def _elements(text):
    """Elements of a one-dimensional array literal, None for NULL; None if it is none."""
    if not (text.startswith("{") and text.endswith("}")):
        return None
    out, at = [], 1
    if text == "{}":
        return out
    while True:
        m = _ELEMENT.match(text, at)
        quoted, bare = m.group(1), m.group(2)
        if quoted is not None:
            out.append(re.sub(r"\\(.)", r"\1", quoted, flags=re.S))
        else:
            out.append(None if bare == "NULL" else bare)
        at = m.end()
        if at >= len(text) - 1:
            return out
        if text[at] != ",":
            return None
        at += 1


def same(a, b, kind, float4=False):
    """kind: the PostgreSQL type as canon.pg_type() names it."""
    if a is None or b is None:
        return a is b
    if a == b:
        return True
    if kind == "real":
        return _same_float(a, b, "f")
    if kind == "double precision":
        return _same_float(a, b, "d")
    if kind.startswith("timestamp"):
        return _plain_stamp(a) == _plain_stamp(b)
    if kind.endswith("[]"):
        x, y = _elements(a), _elements(b)
        return (x is not None and y is not None and len(x) == len(y)
                and all(same(p, q, kind[:-2], float4) for p, q in zip(x, y)))
    if kind == "jsonb":
        try:
            return _same_json(_json(a), _json(b), float4)
        except ValueError:
            return False
    return False
