"""variant.py
		Decode Parquet's binary VARIANT into neutral values (see canon.py).

A second, slow and obvious implementation: the oracle for shredded and plain
variants.  A value is metadata (a dictionary of names) and value bytes:

	byte 0 of metadata   version in bits 0-3, bit 4 sorted, bits 6-7 width of offsets - 1
	byte 0 of a value    basic type in bits 0-1 (primitive, short string, object,
	                     array), the rest is a header of that type

JSON follows the mapping of the specification: binary is base64, dates and
timestamps are ISO 8601, instants end with +00:00, nanoseconds keep nine digits.

Format: https://github.com/apache/parquet-format/blob/master/VariantEncoding.md
"""

import base64
import decimal
import struct

import canon

_FIXED = {3: "<b", 4: "<h", 5: "<i", 6: "<q"}
_DECIMAL_BYTES = {8: 4, 9: 8, 10: 16}


def _uint(data, at, width):
    return int.from_bytes(data[at:at + width], "little")


class Float4(canon.Leaf):
    """A float: readers may print it with a float's digits or a double's."""


class Metadata:
    def __init__(self, data):
        width = (data[0] >> 6) + 1
        count = _uint(data, 1, width)
        start = 1 + width * (count + 2)
        offsets = [_uint(data, 1 + width * (i + 1), width) for i in range(count + 1)]
        self.names = [data[start + a:start + b].decode() for a, b in zip(offsets, offsets[1:])]
        self.size = start + (offsets[-1] if offsets else 0)


def _string(text):
    return canon._string_leaf(text)


def _nanos(value, utc):
    text = canon.timestamp(value // 1000, False, "T")
    rest = value % 1000
    if rest:
        head, _, fraction = text.partition(".")
        text = "%s.%s%03d" % (head, (fraction or "").ljust(6, "0"), rest)
        text = text.rstrip("0")
    return text + ("+00:00" if utc else "")


def _primitive(kind, data, at):
    if kind == 0:
        return None
    if kind in (1, 2):
        return canon.Leaf("t" if kind == 1 else "f", "true" if kind == 1 else "false")
    if kind in _FIXED:
        return canon.Leaf(str(struct.unpack_from(_FIXED[kind], data, at)[0]))
    if kind == 7:
        return canon._float_leaf(canon.float8(struct.unpack_from("<d", data, at)[0]))
    if kind == 14:
        leaf = canon._float_leaf(canon.float4(struct.unpack_from("<f", data, at)[0]))
        return Float4(leaf.text, leaf.json)
    if kind in _DECIMAL_BYTES:
        unscaled = int.from_bytes(data[at + 1:at + 1 + _DECIMAL_BYTES[kind]], "little", signed=True)
        with decimal.localcontext() as c:
            c.prec = 60
            return canon.Leaf(canon.numeric(decimal.Decimal(unscaled).scaleb(-data[at])))
    if kind == 11:
        return _string(canon.date(struct.unpack_from("<i", data, at)[0]))
    if kind in (12, 13):
        micros = struct.unpack_from("<q", data, at)[0]
        return _string(canon.timestamp(micros, kind == 12, "T", "+00:00"))
    if kind in (15, 16):
        size = _uint(data, at, 4)
        body = data[at + 4:at + 4 + size]
        return _string(base64.b64encode(body).decode() if kind == 15 else body.decode())
    if kind == 17:
        return _string(canon.time(struct.unpack_from("<q", data, at)[0]))
    if kind in (18, 19):
        return _string(_nanos(struct.unpack_from("<q", data, at)[0], kind == 18))
    if kind == 20:
        return _string(canon._uuid(bytes(data[at:at + 16])))
    raise ValueError("primitive type %d" % kind)


def decode(metadata, data, at=0):
    """The neutral value that starts at data[at]."""
    basic, header = data[at] & 3, data[at] >> 2
    if basic == 0:
        return _primitive(header, data, at + 1)
    if basic == 1:
        return _string(bytes(data[at + 1:at + 1 + header]).decode())
    offset_width = (header & 3) + 1
    if basic == 2:
        id_width = (header >> 2 & 3) + 1
        count_width = 4 if header >> 4 & 1 else 1
        count = _uint(data, at + 1, count_width)
        ids = at + 1 + count_width
        offsets = ids + count * id_width
        values = offsets + (count + 1) * offset_width
        return {metadata.names[_uint(data,
    ids + i * id_width,
    id_width)]: decode(metadata,
    data,
    values + _uint(data,
    offsets + i * offset_width,
     offset_width)) for i in range(count)}
    count_width = 4 if header >> 2 & 1 else 1
    count = _uint(data, at + 1, count_width)
    offsets = at + 1 + count_width
    values = offsets + (count + 1) * offset_width
    return [decode(metadata, data, values + _uint(data, offsets + i * offset_width, offset_width))
            for i in range(count)]


def decode_joined(data):
    """A file of the shredded cases: metadata directly followed by the value."""
    metadata = Metadata(data)
    return decode(metadata, data, metadata.size)
