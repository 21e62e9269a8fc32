#!/usr/bin/env python3
"""orc_data.py
		The bench data of setup.sh once more, as Parquet and as ORC by one writer.

usage: orc_data.py [DIRECTORY]

DIRECTORY (default: $LH_BENCH_DATA, else lakehouse-bench under $TMPDIR or /tmp) has
lineitem_snappy.parquet; beside it come li_CODEC.parquet and li_CODEC.orc for
CODEC snappy and zstd: the same 6,001,215 rows, written by pyarrow with its defaults
(decimals of Parquet as integers, as tpchgen-cli has them).  A file that exists is kept.
"""

import os
import sys

import pyarrow as pa
import pyarrow.orc as po
import pyarrow.parquet as pq


def main():
    folder = sys.argv[1] if len(sys.argv) > 1 else os.environ.get(
        "LH_BENCH_DATA", os.path.join(os.environ.get("TMPDIR", "/tmp"), "lakehouse-bench"))
    source = pq.ParquetFile(os.path.join(folder, "lineitem_snappy.parquet"))
    schema = pa.schema([pa.field(f.name, pa.string() if pa.types.is_string_view(f.type) else f.type)
                        for f in source.schema_arrow])
    for codec in ("snappy", "zstd"):
        base = os.path.join(folder, "li_" + codec)
        if os.path.exists(base + ".orc"):
            continue
        parquet = pq.ParquetWriter(base + ".parquet", schema, compression=codec, store_decimal_as_integer=True)
        orc = po.ORCWriter(base + ".making", compression=codec)
        for batch in source.iter_batches(batch_size=1 << 20):
            table = pa.table(batch.columns, schema=batch.schema).cast(schema)
            parquet.write_table(table)
            orc.write(table)
        parquet.close()
        orc.close()
        os.rename(base + ".making", base + ".orc")


if __name__ == "__main__":
    main()
