#!/usr/bin/env python3
"""Compare the rows that pqcat prints with those that pyarrow reads.

    pqcompare.py PQCAT FILE...

Prints one line a file: "same N rows", or what differs first.  Values are
compared by what they are: floats bit by bit (any NaN equals any), decimals by
number, dates and times by the ticks of their lanes.
"""
import json
import struct
import subprocess
import sys
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq


class Float(str):
    pass


def bits(text, single):
    f = float.fromhex(text) if "x" in text else float(text)
    return "nan" if f != f else struct.pack("<f" if single else "<d", f).hex()


def integers(arr, to):
    return [None if v is None else str(v) for v in arr.view(to).to_pylist()]


def canon(arr):
    """An arrow array as a list of None, str, bytes (of a float), Decimal, list, dict."""
    t = arr.type
    if isinstance(arr, pa.ChunkedArray):
        return [v for c in arr.chunks for v in canon(c)]
    if pa.types.is_dictionary(t):
        return canon(arr.dictionary_decode())
    if isinstance(t, pa.BaseExtensionType):
        return canon(arr.storage)
    if pa.types.is_null(t):
        return [None] * len(arr)
    if pa.types.is_map(t):
        keys, items = canon(arr.keys), canon(arr.items)
        off = arr.offsets.to_pylist()
        valid = arr.is_valid().to_pylist()
        base = 0
        return [[[keys[j - base], items[j - base]] for j in range(off[i], off[i + 1])] if valid[i] else None
                for i in range(len(arr))]
    if pa.types.is_list(t) or pa.types.is_large_list(t):
        values = canon(arr.values)
        off = arr.offsets.to_pylist()
        valid = arr.is_valid().to_pylist()
        return [values[off[i]:off[i + 1]] if valid[i] else None for i in range(len(arr))]
    if pa.types.is_fixed_size_list(t):
        n = t.list_size
        values = canon(arr.values)
        valid = arr.is_valid().to_pylist()
        return [values[i * n:(i + 1) * n] if valid[i] else None for i in range(len(arr))]
    if pa.types.is_struct(t):
        cols = [canon(c) for c in arr.flatten()]
        names = [t.field(i).name for i in range(t.num_fields)]
        valid = arr.is_valid().to_pylist()
        return [dict(zip(names, (c[i] for c in cols))) if valid[i] else None for i in range(len(arr))]
    if pa.types.is_timestamp(t) or pa.types.is_time64(t) or pa.types.is_date64(t):
        return integers(arr, pa.int64())
    if pa.types.is_date32(t) or pa.types.is_time32(t):
        return integers(arr, pa.int32())
    out = []
    for v in arr.to_pylist():
        if v is None:
            out.append(None)
        elif isinstance(v, bool):
            out.append("true" if v else "false")
        elif isinstance(v, float):
            out.append(Float(bits(v.hex(), not pa.types.is_float64(t))))
        elif isinstance(v, (bytes, bytearray)):
            out.append(bytes(v))
        elif isinstance(v, Decimal):
            out.append(v)
        else:
            out.append(str(v))
    return out


def same(ours, theirs):
    if ours is None or theirs is None:
        return ours is None and theirs is None
    if isinstance(theirs, list):
        return isinstance(ours, list) and len(ours) == len(theirs) and all(map(same, ours, theirs))
    if isinstance(theirs, dict):
        return isinstance(ours, dict) and list(ours) == list(theirs) and \
            all(same(ours[k], theirs[k]) for k in theirs)
    if isinstance(theirs, Float):
        return theirs == bits(ours, len(theirs) <= 8)
    if isinstance(theirs, Decimal):
        return Decimal(ours) == theirs
    if isinstance(theirs, bytes):
        text = theirs.hex()
        return ours.replace("\\x", "").replace("-", "") == text or ours.encode() == theirs
    return ours == theirs


def compare(pqcat, path):
    ours = subprocess.run([pqcat, "--raw", path], capture_output=True)
    try:
        table = pq.ParquetFile(path, coerce_int96_timestamp_unit="us",
                               arrow_extensions_enabled=False).read()
        names = table.schema.names
        theirs = [canon(table.column(i)) for i in range(len(names))]
    except Exception as e:
        theirs = None
        reason = str(e).split("\n")[0][:150]
    if ours.returncode != 0:
        said = ours.stderr.decode().strip()[:300]
        return ("both refuse: " if theirs is None else "WE REFUSE: ") + said
    lines = ours.stdout.split(b"\n")[:-1]
    if theirs is None:
        return "PYARROW REFUSES: %s; we give %d rows" % (reason, len(lines))
    if len(lines) != table.num_rows:
        return "DIFFERS: %d rows, pyarrow %d" % (len(lines), table.num_rows)
    for i, line in enumerate(lines):
        row = json.loads(line, object_pairs_hook=list if len(set(names)) < len(names) else None)
        if len(row) != len(names):
            return "DIFFERS: %d columns, pyarrow %d" % (len(row), len(names))
        values = [v for _, v in row] if isinstance(row, list) else list(row.values())
        for c, name in enumerate(names):
            if not same(values[c], theirs[c][i]):
                return "DIFFERS: row %d column %s: %s, pyarrow %s" % (
                    i, name, str(values[c])[:120], str(theirs[c][i])[:120])
    return "same %d rows, %d columns" % (len(lines), len(names))


def main():
    bad = 0
    for path in sys.argv[2:]:
        result = compare(sys.argv[1], path)
        bad += not result.startswith(("same", "both refuse"))
        print("%s: %s" % (path, result), flush=True)
    return bad > 0


if __name__ == "__main__":
    sys.exit(main())
