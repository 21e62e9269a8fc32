#!/usr/bin/env python3
"""iceberg_expect.py
		Ask several readers what every Iceberg table holds, and write down what is true.

usage: iceberg_expect.py [--only TEXT] stage | spark | spark4 | pyiceberg | duckdb | metadata | merge

By hand, each step with the Python that has the reader (test/golden/iceberg/README.md has the
commands); Java and its jars as ../../fixtures/make/iceberg_session.py says.

	0. stage	(with fastavro) copies metadata of Impala's tables whose delete files call data files
				hdfs://localhost:20500/test-warehouse/... where manifests, in paths and in the bounds
				of file_path, say /test-warehouse/...: these readers compare the names as text and
				delete nothing.  The copies' manifests say hdfs://... too; that is all that differs;
	1. spark	lists for each table the points at which it can be read (now, each snapshot, each
				ref, each moment of the snapshot log), with the schema of each, and reads them by
				Spark 3.5 and by the Java library's generic reader;
	2. spark4	(with the Java library beside it as "java4", because some of it needs newer
				libraries than Spark 3.5 brings), pyiceberg and duckdb read the same points;
	3. metadata	(Spark 3.5) writes what its metadata tables hold of some of our tables;
	4. merge	takes for each table the oracle that ../iceberg/tables.json names, applies its
				rulings, and writes the expected rows and ../iceberg/readers.json, which says of
				each point who agrees.  A difference among readers that has no ruling ends the
				run with status 1.

The tables are our own of test/fixtures/iceberg, and Impala's and DuckDB's of the shared
fixtures.  None is changed: the readers are given ways to find files where metadata does not say
they are (Anywhere.java, class Moved), and copies by step 0.
"""

import argparse
import decimal
import glob
import gzip
import json
import os
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
GOLDEN = os.path.dirname(HERE)
TOP = os.path.dirname(os.path.dirname(GOLDEN))
for part in (HERE, GOLDEN, GOLDEN + "/iceberg", TOP + "/test/fixtures/make"):
    sys.path.insert(0, part)

import normal                                           # noqa: E402

FIXTURES = os.path.realpath(os.environ.get("LH_FIXTURES", TOP + "/../shared/fixtures")) + "/iceberg"
OWN = TOP + "/test/fixtures/iceberg"
RAW = os.environ.get("LH_RAW", TOP + "/build/golden/iceberg")
LARGE = 250                                             # rows above which only a hash is kept

# Where the tables' writers thought the files would be.
IMPALA = FIXTURES + "/impala/iceberg_test/"
MOVED = [("/tmp/lakehouse_fixtures/warehouse/", OWN + "/warehouse/"),
         ("/persistent/", FIXTURES + "/duckdb/"),
         ("/lineitem_iceberg/", FIXTURES + "/duckdb/iceberg/lineitem_iceberg/"),
         ("/lineitem_iceberg_gz/", FIXTURES + "/duckdb/iceberg/lineitem_iceberg_gz/"),
         ("laura-test-test-bucket/table_name/", FIXTURES + "/duckdb/big_query_error/"),
         ("/test-warehouse/iceberg_test/", IMPALA),
         ("/test-warehouse/trino_nested_variant-40cf1503a2cd4c6b97611cf70338ffa7/",
          IMPALA + "iceberg_v3/trino_nested_variant/")]
MOVED += [("/test-warehouse/%s/" % os.path.basename(d), d + "/")
          for d in glob.glob(IMPALA + "*") + glob.glob(IMPALA + "iceberg_v3/*")]


def local(path):
    """Where a file that metadata names really is."""
    for scheme in ("file://", "file:"):
        if path.startswith(scheme):
            path = path[len(scheme):]
    path = "/" + path if not path.startswith("/") and "://" not in path else path
    if path.startswith((FIXTURES, OWN, RAW)):
        return path
    for needle, folder in MOVED:
        at = path.find(needle)
        if at >= 0:
            return folder + path[at + len(needle):]
    return path


# Points beyond plain reading, of our own tables.  declare: columns that the foreign table names,
# metadata columns among them.  columns_now: an old snapshot through the columns of now.  changes:
# what each commit after the first inserted and deleted.
LINEAGE = ["id", "_row_id", "_last_updated_sequence_number"]
PLACE = ["id", "_pos", "_spec_id"]
DECLARED = {"v3.vectors": LINEAGE, "v3.partitioned": LINEAGE, "v1.upgraded": LINEAGE, "v3.sql_defaults": LINEAGE,
            "v2.mor": PLACE, "v2.partition_evolution": PLACE + ["_partition"], "v2.mixed": PLACE}
COLUMNS_NOW = ("py.evolved", "v2.branches")         # flat: members keep the names of the snapshot
CHANGES = ("v2.changes",)
METADATA_COLUMNS = {"_row_id": "long", "_last_updated_sequence_number": "long", "_pos": "long", "_spec_id": "int"}
CHANGE_COLUMNS = [("_change_type", "string"), ("_change_ordinal", "int"), ("_commit_snapshot_id", "long")]


# ---------------------------------------------------------------- tables and points

def chosen_metadata(folder, named=None):
    """The metadata file of a table folder: the one named, the hint's, or the newest."""
    import iceberg_session
    return os.path.join(folder, "metadata", named) if named else iceberg_session.newest_metadata(folder)


def staged(group, name, metadata):
    """The copy of step 0, where there is one."""
    copy = os.path.join(RAW, "staged", group, name, "metadata", os.path.basename(metadata))
    return copy if os.path.exists(copy) else metadata


HDFS = "hdfs://localhost:20500"
FILE_PATH_ID = 2147483546                               # of file_path in position deletes


def stage(group, name, metadata):
    """Step 0 for a table; how many data files were respelled."""
    import shutil
    import fastavro
    import pyarrow.orc
    import pyarrow.parquet
    out = os.path.join(RAW, "staged", group, name, "metadata")
    shutil.rmtree(os.path.dirname(out), ignore_errors=True)

    def read(path):
        with open(local(path), "rb") as f:
            reader = fastavro.reader(f)
            return reader.writer_schema, dict(reader.metadata), list(reader)

    def write(path, schema, head, records):
        with open(path, "wb") as f:
            fastavro.writer(f, schema, records, codec="null",
                            metadata={k: v for k, v in head.items() if not k.startswith("avro.")})
        return os.path.getsize(path)

    def names_in(path):
        path = local(path)
        table = pyarrow.orc.read_table(path) if path.endswith(".orc") else pyarrow.parquet.read_table(path)
        return table.column("file_path").to_pylist() if "file_path" in table.column_names else []
    with open(metadata) as f:
        m = json.load(f)
    lists = {s["manifest-list"]: read(s["manifest-list"]) for s in m.get("snapshots", []) if "manifest-list" in s}
    manifests = {r["manifest_path"]: read(r["manifest_path"]) for _, _, records in lists.values() for r in records}
    entries = [e["data_file"] for _, _, records in manifests.values() for e in records]
    says = {bool(n) and n.startswith(HDFS) for d in entries if d.get("content") == 1 and not d["file_path"].endswith(".puffin") for n in names_in(d["file_path"])}
    if True not in says or any(d["file_path"].startswith(HDFS) for d in entries):
        return 0
    os.makedirs(out)
    sizes = {}
    for path, (schema, head, records) in manifests.items():
        for r in records:
            d = r["data_file"]
            d["file_path"] = HDFS + d["file_path"]
            for bound in (d.get("lower_bounds") or []) + (d.get("upper_bounds") or []):
                if d.get("content") == 1 and bound["key"] == FILE_PATH_ID and bound["value"].startswith(b"/"):
                    bound["value"] = HDFS.encode() + bound["value"]
        sizes[path] = write(os.path.join(out, os.path.basename(path)), schema, head, records)
    for path, (schema, head, records) in lists.items():
        for r in records:
            r["manifest_length"] = sizes[r["manifest_path"]]
            r["manifest_path"] = os.path.join(out, os.path.basename(r["manifest_path"]))
        write(os.path.join(out, os.path.basename(path)), schema, head, records)
    for s in m["snapshots"]:
        s["manifest-list"] = os.path.join(out, os.path.basename(s["manifest-list"]))
    with open(os.path.join(out, os.path.basename(metadata)), "w") as f:
        json.dump(m, f)
    return len(entries)


def tables():
    """[(set, name, metadata path)], from the folders and ../iceberg/tables.json."""
    with open(GOLDEN + "/iceberg/tables.json") as f:
        known = json.load(f)
    out = []
    for top, folders, _ in sorted(os.walk(OWN + "/warehouse")):
        if "metadata" in folders:
            name = os.path.relpath(top, OWN + "/warehouse").replace("/", ".")
            out.append(("own", name, chosen_metadata(top)))
    for group in ("impala", "duckdb"):
        for name, entry in sorted(known[group].items()):
            out.append((group, name, chosen_metadata(os.path.join(FIXTURES, entry["folder"]), entry.get("metadata"))))
    return out


def raw_path(reader, group, name):
    folder = os.path.join(RAW, reader, group)
    os.makedirs(folder, exist_ok=True)
    return os.path.join(folder, name.replace("/", "_") + ".json")


def save(reader, group, name, results):
    with open(raw_path(reader, group, name), "w", encoding="utf-8", errors="surrogateescape") as f:
        json.dump(results, f, ensure_ascii=False)


def load(reader, group, name):
    path = raw_path(reader, group, name)
    if not os.path.exists(path):
        return None
    with open(path, encoding="utf-8", errors="surrogateescape") as f:
        return json.load(f)


# ---------------------------------------------------------------- values to texts

def arrow_neutral(kind, array):
    """Neutral values (canon.py) of an Arrow column that holds an Iceberg type."""
    import canon
    import pyarrow as pa
    if isinstance(array, pa.ChunkedArray):
        array = pa.concat_arrays(array.chunks) if array.num_chunks else pa.array([], array.type)
    if kind == "unknown":
        return [None] * len(array)
    if kind == "variant":
        import variant
        if isinstance(array, pa.ExtensionArray):
            array = array.storage
        if pa.types.is_struct(array.type):
            return [None if v is None else Document(variant.decode(variant.Metadata(v["metadata"]), v["value"]))
                    for v in array.to_pylist()]
        return [None if v is None else Document(canon.json_value(v)) for v in array.to_pylist()]
    if kind == "uuid" and (pa.types.is_fixed_size_binary(array.type) or pa.types.is_binary(array.type)):
        return [None if v is None else canon._string_leaf(canon._uuid(v)) for v in array.to_pylist()]
    if isinstance(kind, dict) and kind["type"] == "struct" and pa.types.is_struct(array.type):
        members = [arrow_neutral(f["type"], array.field(i)) for i, f in enumerate(kind["fields"])]
        return [dict(zip([f["name"] for f in kind["fields"]], [m[i] for m in members])) if ok else None
                for i, ok in enumerate(array.is_valid().to_pylist())]
    if isinstance(kind, dict) and kind["type"] == "list" and "variant" in json.dumps(kind):
        inner, off = arrow_neutral(kind["element"], array.values), array.offsets.to_pylist()
        return [inner[off[i]:off[i + 1]] if array[i].is_valid else None for i in range(len(array))]
    if isinstance(kind, dict) and kind["type"] == "map" and "variant" in json.dumps(kind):
        keys, items = arrow_neutral(kind["key"], array.keys), arrow_neutral(kind["value"], array.items)
        off = array.offsets.to_pylist()
        return [canon.Map(zip(keys[off[i]:off[i + 1]], items[off[i]:off[i + 1]])) if array[i].is_valid else None
                for i in range(len(array))]
    return canon.values(array)


class Document:
    """A variant: its null is jsonb null, not NULL."""

    def __init__(self, tree):
        self.tree = tree


def java_neutral(kind, v):
    """The same of what Rows.read prints."""
    import canon
    if v is None or kind == "unknown":
        return None
    if isinstance(kind, dict):
        if kind["type"] == "struct":
            return {f["name"]: java_neutral(f["type"], x) for f, x in zip(kind["fields"], v)}
        if kind["type"] == "list":
            return [java_neutral(kind["element"], x) for x in v]
        return canon.Map((java_neutral(kind["key"], k), java_neutral(kind["value"], x)) for k, x in v)
    if kind == "boolean":
        return canon.Leaf("t" if v == "true" else "f", v)
    if kind == "float":
        return canon._float_leaf(canon.float4(float(v)))
    if kind == "double":
        return canon._float_leaf(canon.float8(float(v)))
    if kind == "date":
        return canon._string_leaf(canon.date(int(v)))
    if kind == "time":
        return canon._string_leaf(canon.time(int(v)))
    if kind.startswith("timestamp"):
        us = int(v) // 1000 if kind.endswith("_ns") else int(v)
        utc = kind.startswith("timestamptz")
        return canon._string_leaf(canon.timestamp(us, utc), canon.timestamp(us, utc, "T", "+00:00"))
    if kind.startswith(("fixed", "geo")) or kind == "binary":
        return canon._bytes_leaf(bytes.fromhex(v))
    if kind == "variant":
        import variant
        return Document(variant.decode(variant.Metadata(bytes.fromhex(v[0])), bytes.fromhex(v[1])))
    if kind.startswith("decimal"):
        return canon.Leaf(canon.numeric(decimal.Decimal(v)))
    if kind in ("int", "long"):
        return canon.Leaf(v)
    return canon._string_leaf(v)


def text(kind, v):
    """PostgreSQL's text of a neutral value."""
    import canon
    if v is None:
        return None
    if isinstance(v, Document):
        return canon.jsonb(plain(v.tree))
    if isinstance(v, canon.Leaf):
        return v.text
    if normal.pg_type(kind).endswith("[]"):
        return canon.array_text(v)
    return canon.jsonb(plain(v))


def plain(v):
    """A neutral value without Documents inside."""
    import canon
    if isinstance(v, Document):
        return plain(v.tree)
    if isinstance(v, canon.Map):
        return canon.Map((k, plain(x)) for k, x in v)
    if isinstance(v, dict):
        return {k: plain(x) for k, x in v.items()}
    if isinstance(v, list):
        return [plain(x) for x in v]
    return v


def lines(schema, columns):
    """Sorted normal rows of columns of neutral values."""
    kinds = [f["type"] for f in schema["fields"]]
    names = [normal.pg_type(k) for k in kinds]
    count = len(columns[0]) if columns else 0
    return sorted(normal.row([text(k, c[i]) for k, c in zip(kinds, columns)], names) for i in range(count))


def arrow_lines(schema, table, by_name=True):
    if table is None:
        return []
    fields = schema["fields"]
    if len(table.column_names) != len(fields):
        raise ValueError("columns %s, expected %s" % (table.column_names, [f["name"] for f in fields]))
    if by_name and table.column_names != [f["name"] for f in fields]:
        raise ValueError("columns %s, expected %s" % (table.column_names, [f["name"] for f in fields]))
    return lines(schema, [arrow_neutral(f["type"], table.column(i)) for i, f in enumerate(fields)])


def attempt(function):
    try:
        return {"rows": function()}
    except Exception as e:                              # whatever a foreign reader raises
        return {"error": (type(e).__name__ + ": " + str(e)).split("\n\tat ")[0].strip()[:400]}


# ---------------------------------------------------------------- Spark and the Java library

# Spark's metadata tables of these tables of ours; ours are functions, the last of another name.
METADATA_OF = ("v1.upgraded", "v2.branches", "v2.partition_evolution", "v2.equality", "v3.vectors", "py.evolved")
METADATA_TABLES = {t: t for t in ("snapshots", "history", "refs", "files", "all_files", "manifests", "partitions", "entries",
                                  "delete_files")}
METADATA_TABLES["metadata_log_entries"] = "metadata_log"


class Spark:
    def __init__(self):
        import iceberg_session
        import tempfile
        self.session = iceberg_session
        folder = tempfile.mkdtemp(prefix="lakehouse_oracle_")
        os.chdir(folder)
        anywhere = {"spark.hadoop.fs.%s.impl" % s: "Anywhere" for s in ("file", "hdfs", "gs")}
        anywhere.update({"spark.hadoop.fs.%s.impl.disable.cache" % s: "false" for s in ("file", "hdfs", "gs")})
        self.spark = iceberg_session.session(folder, {
            "spark.hadoop.anywhere.map": "\n".join("=".join(m) for m in MOVED),
            "spark.hadoop.anywhere.root": FIXTURES, **anywhere,
            "spark.sql.catalog.any": "org.apache.iceberg.spark.SparkCatalog",
            "spark.sql.catalog.any.catalog-impl": "org.apache.iceberg.jdbc.JdbcCatalog",
            "spark.sql.catalog.any.uri": "jdbc:sqlite:" + folder + "/catalog.db",
            "spark.sql.catalog.any.cache-enabled": "false",
            "spark.sql.catalog.any.warehouse": folder,
        }, [iceberg_session.jar("org.xerial:sqlite-jdbc:3.46.1.3")])
        self.java = iceberg_session.jvm(self.spark)
        self.rows = iceberg_session.rows_helper(self.spark)
        self.spark.sql("CREATE NAMESPACE IF NOT EXISTS any.n")

    def register(self, number, metadata):
        name = "any.n.t%d" % number
        self.spark.sql("CALL any.system.register_table('n.t%d', '%s')" % (number, metadata))
        return name

    def schema(self, java_schema):
        return json.loads(self.java.org.apache.iceberg.SchemaParser.toJson(java_schema))

    def points(self, table):
        """[{"point", "schema", "snapshot"}] with the Java schemas beside them."""
        snapshot_util = self.java.org.apache.iceberg.util.SnapshotUtil
        current = table.currentSnapshot()
        out = [({}, table.schema(), None if current is None else str(current.snapshotId()))]
        for s in table.snapshots():
            out.append(({"snapshot_id": str(s.snapshotId())}, snapshot_util.schemaFor(table, s.snapshotId()),
                        str(s.snapshotId())))
        refs = dict(table.refs())
        for name in sorted(refs):
            if len(refs) > 1:
                schema = table.schema() if refs[name].isBranch() else snapshot_util.schemaFor(table, refs[name].snapshotId())
                out.append(({"ref": name}, schema, str(refs[name].snapshotId())))
        for entry in table.history():
            at = entry.timestampMillis()
            moment = snapshot_util.snapshotIdAsOfTime(table, at)
            if table.snapshot(moment) is None:          # expired since
                continue
            out.append(({"snapshot_time": stamp(at)}, snapshot_util.schemaFor(table, moment), str(moment)))
        return out

    def special(self, group, name, table):
        """Points of DECLARED, COLUMNS_NOW and CHANGES, without Java schemas."""
        if group != "own" or table.currentSnapshot() is None:
            return []
        now, out = self.schema(table.schema()), []
        current = str(table.currentSnapshot().snapshotId())
        if name in DECLARED:
            by_name = {f["name"]: f for f in now["fields"]}
            partition = {"type": "struct", "fields": [
                {"name": f.name(), "type": str(f.type().toString())} for f in
                self.java.org.apache.iceberg.Partitioning.partitionType(table).fields()]}
            fields = [by_name.get(c) or {"name": c, "id": 0, "type": METADATA_COLUMNS.get(c, partition)} for c in DECLARED[name]]
            out.append(({"declare": ", ".join(DECLARED[name])}, {"fields": fields}, current))
        if name in COLUMNS_NOW:
            for s in list(table.snapshots())[:-1]:
                out.append(({"snapshot_id": str(s.snapshotId()), "columns_now": "true"}, now, str(s.snapshotId())))
        if name in CHANGES:
            ids = [str(e.snapshotId()) for e in table.history()]
            fields = now["fields"] + [{"name": n, "id": 0, "type": t} for n, t in CHANGE_COLUMNS]
            for low, high in [(ids[0], ids[-1]), (ids[1], ids[3])]:
                out.append(({"changes_from": low, "changes_to": high}, {"fields": fields}, None))
        return out

    def by_spark(self, name, point, schema):
        if "changes_from" in point:
            self.spark.sql("CALL any.system.create_changelog_view(table => '%s', changelog_view => 'changes_asked',"
                           " options => map('start-snapshot-id', '%s', 'end-snapshot-id', '%s'))"
                           % (name.replace("any.", ""), point["changes_from"], point["changes_to"]))
            return arrow_lines(schema, self.session.arrow(self.spark.sql("SELECT %s FROM changes_asked" % ", ".join(
                f["name"] for f in schema["fields"]))))
        if "declare" in point:
            return arrow_lines(schema, self.session.arrow(self.spark.sql("SELECT %s FROM %s" % (point["declare"], name))))
        if "columns_now" in point:
            raise NotImplementedError("Spark reads a snapshot with its own columns")
        version = ""
        if "snapshot_id" in point:
            version = " VERSION AS OF " + point["snapshot_id"]
        elif "ref" in point:
            version = " VERSION AS OF '%s'" % point["ref"]
        elif "snapshot_time" in point:
            version = " TIMESTAMP AS OF '%s'" % point["snapshot_time"]
        frame = self.spark.sql("SELECT * FROM %s%s" % (name, version))
        return arrow_lines(schema, self.session.arrow(frame) if frame.columns else None)

    def by_java(self, table, snapshot, java_schema, schema):
        if snapshot is None:
            return []
        kind = {"type": "struct", "fields": schema["fields"]}
        rows = [java_neutral(kind, json.loads(r)) for r in self.rows.read(table, snapshot, java_schema).split("\n") if r]
        columns = [[r[f["name"]] for r in rows] for f in schema["fields"]]
        return lines(schema, columns)

    def metadata(self, number, name, metadata):
        """expected/metadata/NAME.jsonl: each row of a metadata table as one jsonb, paths below the table's folder."""
        import canon
        sql_name = self.register(number, metadata)
        out = []
        for table, function in METADATA_TABLES.items():
            found = self.session.arrow(self.spark.sql("SELECT * FROM %s.%s" % (sql_name, table)))
            rows = []
            if found is not None:
                names = [n for n in found.column_names if n != "readable_metrics"]
                columns = [canon.values(found.column(n)) for n in names]
                rows = [canon.jsonb(dict(zip(names, r))) for r in zip(*columns)]
            rows = sorted(normal.row([normal.within(r)], ["jsonb"]) for r in rows)
            out.append(({"point": {"metadata": function}, "columns": [["row", "jsonb", 0]], "count": len(rows),
                         "hash": normal.digest(rows)[:16]}, rows))
        import iceberg_merge
        path = GOLDEN + "/iceberg/expected/metadata/" + name + ".jsonl"
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as f:
            print(json.dumps({"table": name, "location": iceberg_merge.location("own", metadata), "oracle": ["spark"],
                              "points": len(out)}), file=f)
            for head, rows in out:
                for line in [json.dumps(head)] + rows:
                    print(line, file=f)

    def read(self, number, group, name, metadata, reader):
        points, spark_rows, java_rows = [], [], []
        try:
            table = self.session.static_table(self.spark, metadata)
            found = self.points(table)
        except Exception as e:                          # Java refuses the table: others may read it
            points = points_of_json(metadata)
            said = [{"error": str(e).split("\n\tat ")[0][:400]}] * len(points)
            if reader == "spark":
                save("points", group, name, {"metadata": metadata, "points": points})
            save({"spark": "java", "spark4": "java4"}[reader], group, name, said)
            save(reader, group, name, said)
            return len(points)
        try:
            sql_name = self.register(number, metadata)
        except Exception as e:
            sql_name, refused = None, str(e).split("\n\tat ")[0][:400]
        for point, java_schema, snapshot in found:
            schema = self.schema(java_schema)
            points.append({"point": point, "schema": schema, "snapshot": snapshot})
            spark_rows.append(attempt(lambda: self.by_spark(sql_name, point, schema)) if sql_name else {"error": refused})
            java_rows.append(attempt(lambda: self.by_java(table, snapshot, java_schema, schema)))
        for point, schema, snapshot in self.special(group, name, table):
            points.append({"point": point, "schema": schema, "snapshot": snapshot})
            spark_rows.append(attempt(lambda: self.by_spark(sql_name, point, schema)))
            java_rows.append(attempt(lambda: self.by_java(table, snapshot, table.schema(), schema)) if "columns_now" in point
                             else {"error": "NotImplementedError: not by this reader"})
        if reader == "spark":
            save("points", group, name, {"metadata": metadata, "points": points})
        save({"spark": "java", "spark4": "java4"}[reader], group, name, java_rows)
        save(reader, group, name, spark_rows)
        return len(points)


def points_of_json(metadata):
    """Now and each snapshot, without the Java library."""
    with open(metadata, "rb") as f:
        data = f.read()
    m = json.loads(gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data)
    schemas = {s["schema-id"]: s for s in m["schemas"]}
    now = schemas[m["current-schema-id"]]
    current = m.get("current-snapshot-id", -1)
    out = [{"point": {}, "schema": now, "snapshot": None if current in (-1, None) else str(current)}]
    for s in m.get("snapshots", []):
        out.append({"point": {"snapshot_id": str(s["snapshot-id"])}, "schema": schemas.get(s.get("schema-id"), now),
                    "snapshot": str(s["snapshot-id"])})
    return out


def stamp(ms):
    import canon
    return canon.timestamp(ms * 1000, True)


# ---------------------------------------------------------------- PyIceberg

def pyiceberg_io():
    from pyiceberg.io.pyarrow import PyArrowFileIO

    class Moved(PyArrowFileIO):
        """Finds the files of moved tables."""

        def new_input(self, location):
            return super().new_input(local(location))
    return Moved


def not_plain(point):
    """Readers but Spark are not asked for metadata columns and changes."""
    if set(point) - {"snapshot_id", "ref", "snapshot_time"}:
        raise NotImplementedError("not by this reader")


def by_pyiceberg(metadata, point):
    from pyiceberg.table import StaticTable
    not_plain(point["point"])
    if metadata.endswith(".gz"):                        # PyIceberg knows the newer name only
        import shutil
        import tempfile
        copy = os.path.join(tempfile.gettempdir(), os.path.basename(metadata)[:-len(".metadata.json.gz")] + ".gz.metadata.json")
        metadata = shutil.copy(metadata, copy)
    table = StaticTable.from_metadata(metadata, {"py-io-impl": "iceberg_expect.Moved"})
    if "snapshot_id" in point["point"]:
        scan = table.scan(snapshot_id=int(point["snapshot"]))
    elif "snapshot_time" in point["point"]:
        from datetime import datetime
        text_of = point["point"]["snapshot_time"].replace("+00", "")
        moment = datetime.fromisoformat((text_of + (".000" if "." not in text_of else "")).ljust(23, "0") + "+00:00")
        ms = round(moment.timestamp() * 1000)
        found = table.snapshot_as_of_timestamp(ms)
        scan = table.scan(snapshot_id=found.snapshot_id)
    elif "ref" in point["point"]:
        scan = table.scan().use_ref(point["point"]["ref"])
    else:
        scan = table.scan()
    return arrow_lines(point["schema"], scan.to_arrow())


# ---------------------------------------------------------------- DuckDB

def duckdb_connection():
    import duckdb
    from duckdb_extensions import import_extension
    con = duckdb.connect(config={"extension_directory": RAW + "/duckdb_extensions"})
    for name in ("avro", "httpfs", "iceberg"):
        import_extension(name, con=con)
        con.execute("LOAD " + name)
    con.execute("SET TimeZone = 'UTC'")
    return con


def unmoved(metadata):
    """(path, False) where a table can be given the place that its metadata says, by links; else (path, True)."""
    links = RAW + "/unmoved"
    os.makedirs(links + "/data", exist_ok=True)
    places = {links + "/data/persistent": FIXTURES + "/duckdb", links + "/lineitem_iceberg": FIXTURES + "/duckdb/iceberg/lineitem_iceberg",
              links + "/lineitem_iceberg_gz": FIXTURES + "/duckdb/iceberg/lineitem_iceberg_gz",
              "/tmp/lakehouse_fixtures/warehouse": OWN + "/warehouse"}
    os.makedirs("/tmp/lakehouse_fixtures", exist_ok=True)
    for link, target in places.items():
        if not os.path.exists(link):
            os.symlink(target, link)
    os.chdir(links)
    if metadata.startswith(OWN):
        return metadata.replace(OWN, "/tmp/lakehouse_fixtures"), False
    for name in ("lineitem_iceberg/", "lineitem_iceberg_gz/"):
        if metadata.startswith(FIXTURES + "/duckdb/iceberg/" + name):
            return metadata[len(FIXTURES + "/duckdb/iceberg/"):], False
    if metadata.startswith(FIXTURES + "/duckdb/"):
        return metadata.replace(FIXTURES + "/duckdb", "data/persistent"), False
    return metadata, True


def by_duckdb(con, metadata, point, moved=True):
    wanted = point["point"]
    not_plain(wanted)
    if "ref" in wanted or "snapshot_time" in wanted:
        raise NotImplementedError("asked by snapshot id only")
    chosen = ["snapshot_from_id => " + wanted["snapshot_id"]] if wanted else []
    path, moved = unmoved(metadata) if moved else (metadata, False)
    if moved:                                           # DuckDB finds moved files below a folder only
        path, name = os.path.dirname(os.path.dirname(metadata)), os.path.basename(metadata)
        gzipped = ".gz" in name
        chosen += ["allow_moved_paths => true", "version => '%s'" % name.split(".gz")[0].split(".metadata.json")[0],
                   "version_name_format => '%s%s.metadata.json'"] + ["metadata_compression_codec => 'gzip'"] * gzipped
    elif ".gz" in metadata:
        chosen += ["metadata_compression_codec => 'gzip'"]
    rows = con.execute("SELECT * FROM iceberg_scan(%s)" % ", ".join(["'%s'" % path.replace("'", "''")] + chosen)).to_arrow_table()
    return arrow_lines(point["schema"], rows)


def in_child(function, where):
    """Run where DuckDB may crash; what function returns, or None."""
    pid = os.fork()
    if pid == 0:
        try:
            with open(where, "w", encoding="utf-8", errors="surrogateescape") as f:
                json.dump(function(), f)
            os._exit(0)
        except BaseException:                           # the parent sees the status
            os._exit(1)
    if os.waitpid(pid, 0)[1] != 0:
        return None
    with open(where, encoding="utf-8", errors="surrogateescape") as f:
        return json.load(f)


def duckdb_results(metadata, points):
    """A process for each table, and for each point of a table that crashes it."""
    def read(some):
        con = duckdb_connection()
        return [attempt(lambda: by_duckdb(con, metadata, p)) for p in some]
    where = os.path.join(RAW, "duckdb_child.json")
    whole = in_child(lambda: read(points), where)
    if whole is not None:
        return whole
    return [(in_child(lambda: read([p]), where) or [{"error": "DuckDB crashes"}])[0] for p in points]


# ---------------------------------------------------------------- main

def read_all(reader, only, missing):
    chosen = [t for t in tables() if only in t[0] + "/" + t[1]
              and not (missing and load(reader, t[0], t[1]) is not None)]
    spark = None
    if reader in ("spark", "spark4"):
        spark = Spark()
    for number, (group, name, metadata) in enumerate(chosen):
        metadata = staged(group, name, metadata)
        if spark:
            count = spark.read(number, group, name, metadata, reader)
        else:
            asked = load("points", group, name)
            if reader == "pyiceberg":
                results = [attempt(lambda: by_pyiceberg(metadata, p)) for p in asked["points"]]
            else:
                results = duckdb_results(metadata, asked["points"])
            save(reader, group, name, results)
            count = len(results)
        print("%-10s %s.%s: %d points" % (reader, group, name, count), flush=True)


def main():
    p = argparse.ArgumentParser(description="expected rows of the Iceberg tables")
    p.add_argument("step", choices=("stage", "spark", "spark4", "pyiceberg", "duckdb", "metadata", "merge"))
    p.add_argument("--only", default="", help="tables whose set/name contains this text")
    p.add_argument("--missing", action="store_true", help="tables that this reader was not asked about yet")
    a = p.parse_args()
    if a.step == "merge":
        import iceberg_merge
        sys.exit(iceberg_merge.main(a.only))
    if a.step == "stage":
        for group, name, metadata in tables():
            if group == "impala" and a.only in group + "/" + name:
                count = stage(group, name, metadata)
                if count:
                    print("stage      %s.%s: %d files" % (group, name, count))
        return
    if a.step == "metadata":
        spark = Spark()
        for number, (group, name, metadata) in enumerate(tables()):
            if group == "own" and name in METADATA_OF and a.only in name:
                spark.metadata(number, name, metadata)
                print("metadata   %s" % name, flush=True)
        return
    read_all(a.step, a.only, a.missing)


if __name__ == "__main__":
    main()
else:
    try:
        Moved = pyiceberg_io()                          # PyIceberg imports it by name
    except ImportError:
        pass
