"""decrypt.py
		Turn a file with Parquet modular encryption into a plain one.

pyarrow cannot be given column keys directly and DuckDB knows one key a file,
so neither reads the encrypted fixtures.  This rewrites them with the same
pages in the clear; then both can.  It checks every tag on the way.

	1. The footer is decrypted (magic PARE), or its signature is checked (PAR1).
	2. For every column chunk with crypto metadata, the column metadata and then
	   each page header and page are decrypted with the key of that column.
	3. Headers, offsets and sizes are written anew; page index and bloom filters
	   are left out.

Format: https://github.com/apache/parquet-format/blob/master/Encryption.md
"""

import base64
import json
import os
import struct
import sys

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                os.pardir, "fixtures", "make"))
import rawparquet                                       # noqa: E402

NONCE, TAG = 12, 16
FOOTER, COLUMN_METADATA, DATA_PAGE, DICTIONARY_PAGE, DATA_HEADER, DICTIONARY_HEADER = range(6)


# ---------------------------------------------------------------- reading thrift

def _varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7f) << shift
        at, shift = at + 1, shift + 7
        if not byte & 0x80:
            return value, at


def _zigzag(data, at):
    value, at = _varint(data, at)
    return value >> 1 ^ -(value & 1), at


_KINDS = {1: "bool", 2: "bool", 3: "i8", 4: "i16", 5: "i32", 6: "i64", 7: "double", 8: "binary",
          12: "struct"}


def _read(data, at, code):
    if code in (4, 5, 6):
        return _zigzag(data, at)
    if code == 3:
        return struct.unpack_from("b", data, at)[0], at + 1
    if code == 7:
        return struct.unpack_from("<d", data, at)[0], at + 8
    if code == 8:
        size, at = _varint(data, at)
        return bytes(data[at:at + size]), at + size
    if code == 12:
        return read_struct(data, at)
    if code == 9:
        head, at = data[at], at + 1
        count, inner = head >> 4, head & 15
        if count == 15:
            count, at = _varint(data, at)
        out = []
        for _ in range(count):
            if inner in (1, 2):
                out.append(data[at] == 1)
                at += 1
            else:
                value, at = _read(data, at, inner)
                out.append(value)
        return ("list:" + _KINDS[inner], out), at
    raise ValueError("thrift type %d" % code)


def read_struct(data, at=0):
    """The fields as rawparquet.struct() takes them, and the place behind them."""
    fields, last = [], 0
    while data[at]:
        head, at = data[at], at + 1
        code = head & 15
        if head >> 4:
            last += head >> 4
        else:
            last, at = _zigzag(data, at)
        if code in (1, 2):
            fields.append((last, "bool", code == 1))
            continue
        value, at = _read(data, at, code)
        if code == 9:
            fields.append((last,) + value)
        else:
            fields.append((last, _KINDS[code], value))
    return fields, at + 1


def get(fields, fid, default=None):
    return next((v for i, _, v in fields if i == fid), default)


def put(fields, fid, kind, value):
    """A copy with the field replaced; None takes it out."""
    return [f for f in fields if f[0] != fid] + ([] if value is None else [(fid, kind, value)])


# ---------------------------------------------------------------- modules

class Decryptor:
    def __init__(self, algorithm, aad_prefix):
        member, _, details = algorithm[0]
        self.ctr_pages = member == 2                    # 1 is AES_GCM_V1, 2 AES_GCM_CTR_V1
        prefix = get(details, 1)
        if prefix is None:
            prefix = (aad_prefix or b"") if get(details, 3) else b""
        self.aad = prefix + get(details, 2)

    def _aad(self, module, ordinals):
        return self.aad + bytes([module]) + b"".join(struct.pack("<h", o) for o in ordinals)

    def open(self, data, at, key, module, *ordinals):
        """The module at data[at], which begins with its length; and the place behind it."""
        size = struct.unpack_from("<I", data, at)[0]
        body = bytes(data[at + 4:at + 4 + size])
        return self._decrypt(body, key, module, ordinals), at + 4 + size

    def _decrypt(self, body, key, module, ordinals):
        nonce, rest = body[:NONCE], body[NONCE:]
        if self.ctr_pages and module in (DATA_PAGE, DICTIONARY_PAGE):
            counter = algorithms.AES(key), modes.CTR(nonce + b"\0\0\0\1")
            return Cipher(*counter).decryptor().update(rest)
        return AESGCM(key).decrypt(nonce, rest, self._aad(module, ordinals))

    def check_signature(self, footer, nonce, tag, key):
        sealed = AESGCM(key).encrypt(nonce, footer, self._aad(FOOTER, ()))
        if sealed[-TAG:] != tag:
            raise ValueError("the footer's signature is wrong")


def _pages(data, crypto, key, meta, ordinals):
    """Plain pages of an encrypted chunk: (is a dictionary, header fields, body)."""
    first_data, dictionary = get(meta, 9), get(meta, 11)
    at = dictionary if dictionary else first_data
    end, page = at + get(meta, 7), 0
    while at < end:
        is_dictionary = bool(dictionary) and at == dictionary
        where = ordinals if is_dictionary else ordinals + (page,)
        head, at = crypto.open(
    data, at, key, DICTIONARY_HEADER if is_dictionary else DATA_HEADER, *where)
        body, at = crypto.open(
    data, at, key, DICTIONARY_PAGE if is_dictionary else DATA_PAGE, *where)
        page += not is_dictionary
        yield is_dictionary, read_struct(head)[0], body


def decrypt(source, target, keys, aad_prefix=None):
    """keys: key id (or name of the key material) -> bytes."""
    with open(source, "rb") as f:
        data = f.read()
    size = struct.unpack("<I", data[-8:-4])[0]
    start = len(data) - 8 - size
    if data[-4:] == b"PARE":
        crypto_meta, at = read_struct(data, start)
        crypto = Decryptor(get(crypto_meta, 1), aad_prefix)
        footer_key = _key(keys, get(crypto_meta, 2))
        footer, _ = crypto.open(data, at, footer_key, FOOTER)
        meta = read_struct(footer)[0]
    else:
        meta, end = read_struct(data, start)
        crypto = Decryptor(get(meta, 8), aad_prefix)
        footer_key = _key(keys, get(meta, 9))
        crypto.check_signature(data[start:end], data[end:end + NONCE], data[end + NONCE:end + 28],
                               footer_key)

    out, groups = bytearray(b"PAR1"), []
    for g, group in enumerate(get(meta, 4)):
        columns, ordinal = [], get(group, 7, g)
        for c, chunk in enumerate(get(group, 1)):
            columns.append(_chunk(data, out, crypto, keys, footer_key, chunk, (ordinal, c)))
        group = put(group, 1, "list:struct", columns)
        groups.append(put(group, 5, "i64", None))
    meta = put(put(put(meta, 4, "list:struct", groups), 8, "", None), 9, "", None)
    footer = rawparquet.struct(meta)
    out += footer + struct.pack("<I", len(footer)) + b"PAR1"
    with open(target, "wb") as f:
        f.write(out)


def _key(keys, metadata):
    """Key metadata is a key id, or JSON of the key tools that refers to key material."""
    name = metadata.decode()
    return keys[json.loads(name)["keyReference"] if name.startswith("{") else name]


def _chunk(data, out, crypto, keys, footer_key, chunk, ordinals):
    how, meta = get(chunk, 8), get(chunk, 3)
    begin = len(out)
    if how is None:
        start = get(meta, 11) or get(meta, 9)
        out += data[start:start + get(meta, 7)]
        shift = begin - start
        meta = put(meta, 9, "i64", get(meta, 9) + shift)
        if get(meta, 11):
            meta = put(meta, 11, "i64", get(meta, 11) + shift)
    else:
        member, _, details = how[0]
        key = footer_key if member == 1 else _key(keys, get(details, 2))
        if get(chunk, 9) is not None:
            sealed, _ = crypto.open(get(chunk, 9), 0, key, COLUMN_METADATA, *ordinals)
            meta = read_struct(sealed)[0]
        first = None
        pages = list(_pages(data, crypto, key, meta, ordinals))
        for is_dictionary, header, body in pages:
            if not is_dictionary and first is None:
                first = len(out)
            out += rawparquet.struct(put(header, 3, "i32", len(body))) + body
        meta = put(meta, 9, "i64", first)
        meta = put(meta, 11, "i64", begin if pages[0][0] else None)
        meta = put(meta, 7, "i64", len(out) - begin)
    for fid in (10, 14, 15):                            # index page and bloom filter
        meta = put(meta, fid, "", None)
    return [(2, "i64", begin), (3, "struct", meta)]


# ---------------------------------------------------------------- keys kept outside

def external_keys(source, master_keys):
    """Data keys of a file whose key material lies beside it, by the name of the material.

    The material was wrapped by a test KMS of parquet-java: key encryption keys
    under its master keys, data keys under those.
    """
    folder, name = os.path.split(source)
    with open(os.path.join(folder, "_KEY_MATERIAL_FOR_" + name + ".json")) as f:
        material = json.load(f)

    def unwrap(text, key, aad):
        raw = base64.b64decode(text)
        return AESGCM(key).decrypt(raw[:NONCE], raw[NONCE:], aad)

    out = {}
    for key_id, text in material.items():
        m = json.loads(text)
        master = m["masterKeyID"]
        if m["doubleWrapping"]:
            kek = unwrap(m["wrappedKEK"], master_keys[master], master.encode())
            out[key_id] = unwrap(m["wrappedDEK"], kek, base64.b64decode(m["keyEncryptionKeyID"]))
        else:
            out[key_id] = unwrap(m["wrappedDEK"], master_keys[master], master.encode())
    return out
