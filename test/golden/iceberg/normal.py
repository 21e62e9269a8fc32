"""normal.py
		One text for each value, and types of columns, so that rows can be compared and hashed.

Used by the comparer of the Iceberg tables, which gets PostgreSQL's text by COPY, and by the
script that writes what other readers say (../make/iceberg_expect.py).  Standard library only.

The normal form of a row is a JSON list: for each column null, or a string.  A value is the text
that PostgreSQL prints with DateStyle ISO, TimeZone UTC, bytea_output hex and
extra_float_digits 1, except that

	1. floats are what their shortest digits mean in that width: 'repr' of the double that equals
	   them, so 1e10 and 10000000000 are one; NaN and the signs of zeros and infinities stay;
	2. arrays are JSON lists of elements in normal form;
	3. jsonb is JSON with sorted keys, no spaces, and numbers as their shortest decimal digits
	   (1.50 and 1.5 are one: Iceberg's decimals have their scale from the type).

The order of rows does not count: the lines are sorted.
"""

import decimal
import hashlib
import json
import re
import struct

FLAT = {"boolean": "boolean", "int": "integer", "long": "bigint", "float": "real", "double": "double precision",
        "date": "date", "time": "time without time zone", "timestamp": "timestamp without time zone",
        "timestamptz": "timestamp with time zone", "timestamp_ns": "timestamp without time zone",
        "timestamptz_ns": "timestamp with time zone", "string": "text", "uuid": "uuid", "binary": "bytea",
        "unknown": "text", "variant": "jsonb"}


def pg_type(t):
    """The type that CREATE FOREIGN TABLE t () gives a column of this Iceberg type (JSON form)."""
    if isinstance(t, dict):
        if t["type"] == "list" and not isinstance(t["element"], dict) and t["element"] != "variant":
            return pg_type(t["element"]) + "[]"
        return "jsonb"
    if t.startswith("decimal"):
        return "numeric(%s)" % t[8:-1].replace(" ", "")
    if t.startswith("fixed") or t.startswith("geo"):
        return "bytea"
    return FLAT[t]


_ELEMENT = re.compile(r'"((?:[^"\\]|\\.)*)"|([^,{}"]*)', re.S)


def elements(text):
    """Elements of a one-dimensional array literal, None for NULL."""
    if text == "{}":
        return []
    if not (text.startswith("{") and text.endswith("}")):
        raise ValueError("not an array of one dimension: %.60s" % text)
    out, at = [], 1
    while True:
        m = _ELEMENT.match(text, at)
        quoted, bare = m.groups()
        out.append(re.sub(r"\\(.)", r"\1", quoted, flags=re.S) if quoted is not None
                   else None if bare == "NULL" else bare)
        at = m.end()
        if at >= len(text) - 1:
            return out
        if text[at] != ",":
            raise ValueError("not an array of one dimension: %.60s" % text)
        at += 1


def _number(d):
    if not d.is_finite():
        return str(d)
    text = format(d, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def _json(v):
    if isinstance(v, dict):
        return "{" + ",".join(json.dumps(k, ensure_ascii=False) + ":" + _json(v[k]) for k in sorted(v)) + "}"
    if isinstance(v, list):
        return "[" + ",".join(map(_json, v)) + "]"
    if isinstance(v, decimal.Decimal):
        return _number(v)
    return json.dumps(v, ensure_ascii=False)


def value(text, kind):
    """The normal form of a text of PostgreSQL; kind as format_type() names it."""
    if text is None:
        return None
    if kind == "real":
        return repr(struct.unpack("f", struct.pack("f", float(text)))[0])
    if kind == "double precision":
        return repr(float(text))
    if kind.endswith("[]"):
        return json.dumps([value(e, kind[:-2]) for e in elements(text)], ensure_ascii=False)
    if kind in ("jsonb", "json"):
        return _json(json.loads(text, parse_int=decimal.Decimal, parse_float=decimal.Decimal))
    return text


def row(texts, kinds):
    return json.dumps([value(t, k) for t, k in zip(texts, kinds)], ensure_ascii=False)


_FOLDER = re.compile(r'"(?:file:/*)?/[^"]*?/warehouse/')


def within(text):
    """Paths of our own tables in a JSON text, without what is before the warehouse."""
    return _FOLDER.sub('"', text)


def digest(lines):
    """Of sorted lines."""
    return hashlib.sha256("\n".join(lines).encode("utf-8", "surrogateescape")).hexdigest()
