"""history.py
		A random Iceberg table, written by the specification, and what it holds by a model of its own.

Table(directory, rng) makes commits one after another: appends, overwrites, compactions, changes of
schema, partition spec and format version, position deletes, equality deletes, deletion vectors.
Beside the files it keeps which rows are alive: the sequence-number rules are applied at the moment
of each commit, to what is there then, and not by any reader.  write() leaves the metadata file.

	Data		a data file: fields as they were when it was written, rows, positions that are deleted
	Snapshot	what a commit left: (data file, deleted positions) and the schema of the time
"""

import collections
import copy
import json
import os
import uuid

import fastavro

import files
import values as v

SCALARS = ("boolean", "int", "long", "float", "double", "decimal(9,2)", "decimal(18,4)", "decimal(38,10)", "date", "time",
           "timestamp", "timestamptz", "string", "string", "uuid", "fixed[5]", "binary", "int", "long", "date", "timestamp")
NANOS = ("timestamp_ns", "timestamptz_ns")
NAMES = ("a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "Mixed", "select", "with space", "naïve")
KEYS = ("boolean", "int", "long", "decimal", "date", "timestamp", "timestamptz", "string", "uuid", "binary", "fixed", "time")
POSITIONS = [{"id": 2147483546, "name": "file_path", "type": "string"}, {"id": 2147483545, "name": "pos", "type": "long"}]


ROW_ID, ROW_SEQUENCE = 2147483540, 2147483539
LINEAGE = [{"id": ROW_ID, "name": "_row_id", "type": "long"}, {"id": ROW_SEQUENCE, "name": "_last_updated_sequence_number", "type": "long"}]


class Data:
    def __init__(self, **known):
        self.deleted = frozenset()			# by whatever
        self.by_position = frozenset()		# by position deletes and vectors
        self.first_row_id = None
        self.delete_entry = None		# its deletion vector
        self.__dict__.update(known)


class Snapshot:
    def __init__(self, **known):
        self.__dict__.update(known)


class Table:
    def __init__(self, directory, rng, counts):
        self.rng, self.dir, self.counts = rng, directory, counts
        self.defaults, self.plain_days = {}, False
        self.mapping = None
        os.makedirs(directory + "/metadata")
        os.makedirs(directory + "/data")
        self.version = rng.choice((1, 2, 2, 2, 3, 3, 3))
        self.last_column = self.last_seq = self.next_row_id = 0
        self.last_field = 999
        self.schemas, self.specs, self.snapshots, self.manifests = [], [], [], []
        self.data, self.made, self.clock = [], 0, 1700000000000
        self.rows_alone = False     # Avro in the place of Parquet
        fields = [{"id": self.new_id(), "name": "id", "required": False, "type": "long"}]
        for _ in range(rng.randrange(3, 8)):
            fields.append(self.new_field(fields))
        self.set_schema(fields)
        self.specs.append([])
        self.spec = 0
        if rng.random() < 0.7:
            self.change_spec()
        self.next_id = 0

    # ------------------------------------------------------------ schemas

    def new_id(self):
        self.last_column += 1
        return self.last_column

    def new_type(self, depth=0):
        r = self.rng.random()
        if depth == 0 and r < 0.12:
            members = []
            for _ in range(self.rng.randrange(1, 4)):
                members.append(self.new_field(members, 1))
            return {"type": "struct", "fields": members}
        if depth == 0 and r < 0.18:
            return {"type": "list", "element-id": self.new_id(), "element-required": False,
                    "element": self.rng.choice(("int", "string", "long", "date"))}
        if depth == 1:
            return self.rng.choice(("int", "long", "string", "boolean", "date"))
        if self.version == 3 and r < 0.25:
            return self.rng.choice(NANOS)
        return self.rng.choice(SCALARS)

    def new_field(self, beside, depth=0):
        taken = {f["name"] for f in beside}
        name = self.rng.choice([n for n in NAMES if n not in taken])
        ident = self.new_id()
        return {"id": ident, "name": name, "required": False, "type": self.new_type(depth)}

    def set_schema(self, fields):
        self.fields = fields
        self.schemas.append({"type": "struct", "schema-id": len(self.schemas), "fields": copy.deepcopy(fields)})

    def partition_sources(self):
        return {f["source-id"] for f in self.specs[self.spec]}

    def change_schema(self):
        """One to three changes of the columns."""
        fields = copy.deepcopy(self.fields)
        for _ in range(self.rng.randrange(1, 4)):
            self.change_field(fields, 0)
        self.set_schema(fields)

    def change_field(self, fields, depth):
        rng = self.rng
        structs = [f for f in fields if v.base(f["type"]) == "struct"]
        if structs and rng.random() < 0.3:
            return self.change_field(rng.choice(structs)["type"]["fields"], 1)
        kind = rng.choice(("add", "add", "drop", "rename", "promote", "promote", "move", "swap"))
        used = self.partition_sources() if depth == 0 else ()
        loose = [f for f in fields if f["name"] != "id" and f["id"] not in used]
        if kind == "add" and len(fields) < 12:
            field = self.new_field(fields, depth)
            if self.version == 3 and rng.random() < 0.6 and not isinstance(field["type"], dict):
                value = self.finite(field["type"])
                field["initial-default"] = field["write-default"] = v.json_value(field["type"], value)
                self.defaults[field["id"]] = value
                self.counts["initial defaults"] += 1
            fields.insert(rng.randrange(len(fields) + 1), field)
        elif kind == "drop" and len(loose) > 1:
            gone = rng.choice(loose)
            fields.remove(gone)
            self.counts["dropped columns"] += 1
            if rng.random() < 0.5:
                again = self.new_field(fields, depth)
                again["name"] = gone["name"]
                if all(f["name"] != gone["name"] for f in fields):
                    fields.append(again)
                    self.counts["names added again"] += 1
        elif kind == "rename" and fields:
            one = rng.choice(fields)
            free = [n for n in NAMES if all(f["name"] != n for f in fields)]
            if free and one["name"] != "id":
                one["name"] = rng.choice(free)
                self.counts["renamed columns"] += 1
        elif kind == "swap" and len(loose) > 1:
            one, two = rng.sample(loose, 2)
            one["name"], two["name"] = two["name"], one["name"]
        elif kind == "move":
            fields.insert(rng.randrange(len(fields)), fields.pop(rng.randrange(len(fields))))
        elif kind == "promote":
            wider = {"int": "long", "float": "double", "decimal(9,2)": "decimal(18,2)", "decimal(18,2)": "decimal(30,2)",
                     "decimal(18,4)": "decimal(38,4)"}
            can = [f for f in fields if not isinstance(f["type"], dict) and f["type"] in wider]
            if can:
                one = rng.choice(can)
                one["type"] = wider[one["type"]]
                self.counts["promoted columns"] += 1

    def finite(self, kind):
        return v.ordered(kind, self.rng.randrange(40)) if self.rng.random() < 0.8 or v.base(kind) in ("float", "double") else v.special(kind, self.rng)

    # ------------------------------------------------------------ partition specs

    def change_spec(self):
        rng = self.rng
        spec = []
        flat = [f for f in self.fields if not isinstance(f["type"], dict)]
        for _ in range(rng.choice((0, 1, 1, 1, 2))):
            source = rng.choice(flat)
            choices = v.transform_choices(source["type"])
            if not choices or any(s["source-id"] == source["id"] for s in spec):
                continue
            transform = rng.choice(choices)
            known = [f for s in self.specs for f in s if (f["source-id"], f["transform"]) == (source["id"], transform)]
            if known and self.version > 1:
                spec.append(known[0])
                continue
            self.last_field += 1
            spec.append({"source-id": source["id"], "field-id": self.last_field, "transform": transform,
                         "name": "p%d" % self.last_field})
        if self.version == 1 and self.specs and self.specs[self.spec]:
            # version 1 keeps the fields before, as void
            spec = [dict(f, transform="void") for f in self.specs[self.spec]] + \
                [f for f in spec if f["field-id"] not in {g["field-id"] for g in self.specs[self.spec]}]
        if spec in self.specs:
            self.spec = self.specs.index(spec)
        else:
            self.specs.append(spec)
            self.spec = len(self.specs) - 1
        self.counts["partition specs"] += 1

    def field_ever(self, ident):
        for schema in reversed(self.schemas):
            for f in schema["fields"]:
                if f["id"] == ident:
                    return f
        raise KeyError(ident)

    def partition_of(self, spec, row):
        """The row's tuple by a spec; None where a transform leaves its type."""
        out = []
        for p in self.specs[spec]:
            kind = self.field_ever(p["source-id"])["type"]
            value = v.transformed(p["transform"], kind, row.get(p["source-id"]))
            if v.base(p["transform"]) == "truncate" and isinstance(value, int):
                lowest = {"int": -2**31, "long": -2**63}.get(v.base(kind)) or 1 - 10**v.numbers(kind)[0]
                if value < lowest:
                    return None
            out.append(value)
        return tuple(out)

    # ------------------------------------------------------------ rows

    def new_rows(self, n):
        rng = self.rng
        low = rng.randrange(0, 400)
        width = rng.choice((1, 5, 20, 100))
        nulls = {f["id"]: rng.choice((0, 0, 0.1, 0.5, 1)) if f["name"] != "id" else 0 for f in self.fields}
        rows = []
        for _ in range(n):
            row = {}
            for f in self.fields:
                if f["name"] == "id":
                    row[f["id"]] = self.next_id
                    self.next_id += 1
                else:
                    row[f["id"]] = None if rng.random() < nulls[f["id"]] else v.random_value(f["type"], rng, low, width)
            rows.append(row)
        return rows

    def value_of(self, data, row, field):
        """What a field is worth in a row of a file: written, else its initial default."""
        if field["id"] in data.written:
            value = row.get(field["id"])
            if value is not None and v.base(field["type"]) == "struct":
                return {m["id"]: self.value_of(data, value, m) for m in field["type"]["fields"]}
            return value
        if "initial-default" in field:
            return self.defaults[field["id"]]
        return None

    def alive(self):
        return [(d, i) for d in self.data for i in range(len(d.rows)) if i not in d.deleted]

    # ------------------------------------------------------------ files

    def path(self, stem, suffix):
        self.made += 1
        return "%s/data/%05d-%s.%s" % (self.dir, self.made, stem, suffix)

    def format_of(self, fields):
        kind = self.rng.choice(("parquet",) * 8 + ("avro", "orc"))
        if self.rows_alone and kind == "parquet":
            kind = "avro"
        return "parquet" if kind == "orc" and not files.orc_can(fields) else kind

    def map_names(self, fields):
        """Take the fields' names into the name mapping; False where they mean other fields there."""
        def entries(fields):
            out = []
            for f in fields:
                one = {"field-id": f["id"], "names": [f["name"]]}
                if v.base(f["type"]) == "struct":
                    one["fields"] = entries(f["type"]["fields"])
                if v.base(f["type"]) == "list":
                    one["fields"] = [{"field-id": f["type"]["element-id"], "names": ["element"]}]
                out.append(one)
            return out

        def merged(old, new):
            for n in new:
                for o in old:
                    if o["field-id"] != n["field-id"] and set(o["names"]) & set(n["names"]):
                        return False
                same = [o for o in old if o["field-id"] == n["field-id"]]
                if not same:
                    old.append(n)
                    continue
                same[0]["names"] = sorted(set(same[0]["names"]) | set(n["names"]))
                if not merged(same[0].setdefault("fields", []), n.get("fields", [])):
                    return False
            return True

        mapping = copy.deepcopy(self.mapping or [])
        if not merged(mapping, entries(fields)):
            return False
        self.mapping = mapping
        return True

    def write_data(self, rows, spec, seq=None, lineage=None):
        """Data files of rows, one or more a partition; lineage: what a row's id() has of it."""
        groups = {}
        for row in rows:
            key = self.partition_of(spec, row)
            if key is None:
                changed = {i: x for i, x in row.items() if i not in {p["source-id"] for p in self.specs[spec]}}
                if lineage is not None:
                    lineage[id(changed)] = lineage[id(row)]
                row = changed
                key = self.partition_of(spec, row)
            groups.setdefault(key, []).append(row)
        out = []
        for key, mine in groups.items():
            fields = copy.deepcopy(self.fields)
            # as files that were added from Hive: identity columns are in the partition only
            omitted = set()
            if self.rng.random() < 0.1:
                omitted = {p["source-id"] for p in self.specs[spec] if p["transform"] == "identity"}
            stored = [f for f in fields if f["id"] not in omitted]
            kind = self.format_of(stored)
            path = self.path("data", kind)
            # as files that were added: names only, and the table's name mapping
            ids = self.rng.random() >= 0.15 or not self.map_names(stored)
            if not ids:
                self.counts["data files without ids"] += 1
            # a rewrite keeps the ids of its rows
            hidden, extra = [], mine
            if ids and lineage is not None:
                hidden = LINEAGE
                extra = [dict(r) for r in mine]
                for r, given in zip(extra, (lineage[id(r)] for r in mine)):
                    r.update(given)
            files.WRITERS[kind](path, stored + hidden, extra, self.rng, ids)
            keys = self.encrypted(kind, path)
            written = set()
            for f in fields:
                written.add(f["id"])
                if v.base(f["type"]) == "struct":
                    written.update(m["id"] for m in f["type"]["fields"])
            out.append(Data(path=path, format=kind, spec=spec, partition=key, rows=mine, seq=seq, file_seq=None, written=written,
                            stats=files.statistics(stored, mine, self.rng), content=0, keys=keys,
                            lineage=[lineage[id(r)] for r in mine] if hidden else None))
            self.counts["%s data files" % kind] += 1
            if omitted:
                self.counts["identity columns left out"] += 1
        return out

    def encrypted(self, kind, path):
        """One file in four becomes an AES GCM stream, if it is no Parquet: the metadata of its key."""
        if kind == "parquet" or self.rng.random() < 0.75:
            return None
        self.counts["encrypted %s files" % kind] += 1
        return files.encrypt(path, self.rng)

    def delete_file(self, content, fields, rows, spec, partition, **more):
        kind = self.format_of(fields)
        path = self.path(("pos", "eq")[content - 1] + "-deletes", kind)
        files.WRITERS[kind](path, fields, rows, self.rng)
        more["keys"] = self.encrypted(kind, path)
        stats = files.statistics(fields, rows, self.rng)
        return Data(path=path, format=kind, spec=spec, partition=partition, rows=rows, seq=None, file_seq=None, stats=stats, content=content, **more)

    # ------------------------------------------------------------ manifests

    def partition_type(self, spec):
        out = []
        for p in self.specs[spec]:
            kind = v.transformed_type(p["transform"], self.field_ever(p["source-id"])["type"])
            if kind == "date" and p["transform"] == "day" and self.plain_days:
                kind = "int"
            out.append({"id": p["field-id"], "name": p["name"], "type": kind})
        return out

    def entry_schema(self, spec):
        types = files.AvroTypes()
        partition = {"type": "record", "name": "r102", "fields": [types.field(f) for f in self.partition_type(spec)]}

        def opt(ident, name, kind):
            return {"name": name, "type": ["null", kind], "default": None, "field-id": ident}

        def counted(ident, name, key, value, kind):
            return opt(ident, name, {"type": "array", "logicalType": "map", "items": {
                "type": "record", "name": "k%d_v%d" % (key, value), "fields": [
                    {"name": "key", "type": "int", "field-id": key}, {"name": "value", "type": kind, "field-id": value}]}})

        fields = [{"name": "content", "type": "int", "field-id": 134}] if self.version > 1 else []
        fields += [{"name": "file_path", "type": "string", "field-id": 100}, {"name": "file_format", "type": "string", "field-id": 101},
                   {"name": "partition", "type": partition, "field-id": 102}, {"name": "record_count", "type": "long", "field-id": 103},
                   {"name": "file_size_in_bytes", "type": "long", "field-id": 104}]
        if self.version == 1:
            fields.append({"name": "block_size_in_bytes", "type": "long", "field-id": 105})
        fields += [counted(108, "column_sizes", 117, 118, "long"), counted(109, "value_counts", 119, 120, "long"),
                   counted(110, "null_value_counts", 121, 122, "long"), counted(137, "nan_value_counts", 138, 139, "long"),
                   counted(125, "lower_bounds", 126, 127, "bytes"), counted(128, "upper_bounds", 129, 130, "bytes"),
                   opt(131, "key_metadata", "bytes"),
                   opt(132, "split_offsets", {"type": "array", "items": "long", "element-id": 133})]
        if self.version > 1:
            fields += [opt(135, "equality_ids", {"type": "array", "items": "int", "element-id": 136}), opt(140, "sort_order_id", "int"),
                       opt(143, "referenced_data_file", "string")]
        if self.version > 2:
            fields += [opt(142, "first_row_id", "long"), opt(144, "content_offset", "long"), opt(145, "content_size_in_bytes", "long")]
        entry = [{"name": "status", "type": "int", "field-id": 0},
                 opt(1, "snapshot_id", "long") if self.version > 1 else {"name": "snapshot_id", "type": "long", "field-id": 1}]
        if self.version > 1:
            entry += [opt(3, "sequence_number", "long"), opt(4, "file_sequence_number", "long")]
        entry.append({"name": "data_file", "field-id": 2, "type": {"type": "record", "name": "r2", "fields": fields}})
        return {"type": "record", "name": "manifest_entry", "fields": entry}

    def entry_record(self, status, d, snapshot):
        partition = {f["name"]: files.avro_value(f["type"], x) for f, x in zip(self.partition_type(d.spec), d.partition)}
        size = os.path.getsize(d.path)
        format = d.format if self.rng.random() < 0.3 else d.format.upper()
        body = {"content": d.content, "file_path": d.path, "file_format": format, "partition": partition,
                "record_count": getattr(d, "cardinality", len(d.rows)), "file_size_in_bytes": size, "block_size_in_bytes": 67108864,
                "equality_ids": getattr(d, "equality_ids", None), "referenced_data_file": getattr(d, "referenced", None),
                "content_offset": getattr(d, "offset", None), "content_size_in_bytes": getattr(d, "length", None), "key_metadata": getattr(d, "keys", None),
                "first_row_id": d.first_row_id if status != 1 else None}
        for name, entries in d.stats.items():
            body[name] = [{"key": k, "value": x} for k, x in entries] or None
        # what is added may leave its sequence number to its manifest
        inherited = status == 1 and d.explicit is None
        return {"status": status, "snapshot_id": None if status == 1 and self.version > 1 and self.rng.random() < 0.5 else d.snapshot if status != 2 else snapshot,
                "sequence_number": None if inherited else d.seq, "file_sequence_number": None if status == 1 else d.file_seq, "data_file": body}

    def write_manifest(self, content, spec, entries, snapshot):
        """A manifest of [(status, file)]; what the manifest list says of it."""
        self.made += 1
        path = "%s/metadata/%05d-m.avro" % (self.dir, self.made)
        schema = self.schemas[-1]
        metadata = {"schema": json.dumps(schema), "partition-spec": json.dumps(self.specs[spec]), "partition-spec-id": str(spec),
                    "format-version": str(self.version)}
        if self.version > 1 or self.rng.random() < 0.5:
            metadata["schema-id"] = str(schema["schema-id"])
            metadata["content"] = ("data", "deletes")[content]
        self.plain_days = self.rng.random() < 0.3
        with open(path, "wb") as out:
            fastavro.writer(out, self.entry_schema(spec), [self.entry_record(s, d, snapshot) for s, d in entries],
                            metadata=metadata, codec=self.rng.choice(("deflate", "null")))
        live = [d for s, d in entries if s != 2]
        count = {s: sum(1 for x, _ in entries if x == s) for s in (0, 1, 2)}
        rows = {s: sum(getattr(d, "cardinality", len(d.rows)) for x, d in entries if x == s) for s in (0, 1, 2)}
        return {"manifest_path": path, "manifest_length": os.path.getsize(path), "partition_spec_id": spec, "content": content,
                "sequence_number": self.last_seq, "min_sequence_number": min([d.seq for d in live] or [self.last_seq]),
                "added_snapshot_id": snapshot, "added_files_count": count[1], "existing_files_count": count[0],
                "deleted_files_count": count[2], "added_rows_count": rows[1], "existing_rows_count": rows[0],
                "deleted_rows_count": rows[2], "partitions": self.summaries(spec, [d for _, d in entries]), "key_metadata": None,
                "first_row_id": None, "entries": [(0, d) for d in live], "spec": spec}

    def summaries(self, spec, entries):
        if self.rng.random() < 0.15:
            return None
        out = []
        for i, f in enumerate(self.partition_type(spec)):
            known = sorted((d.partition[i] for d in entries if d.partition[i] is not None), key=lambda x: v.order_key(f["type"], x))
            # no bounds say that all values are null
            out.append({"contains_null": len(known) < len(entries), "contains_nan": self.rng.choice((None, False)),
                        "lower_bound": v.single_value(f["type"], known[0]) if known else None,
                        "upper_bound": v.single_value(f["type"], known[-1]) if known else None})
        return out

    def list_schema(self):
        def opt(ident, name, kind):
            return {"name": name, "type": ["null", kind], "default": None, "field-id": ident}

        def req(ident, name, kind):
            return {"name": name, "type": kind, "field-id": ident}

        summary = {"type": "record", "name": "r508", "fields": [
            req(509, "contains_null", "boolean"), opt(518, "contains_nan", "boolean"), opt(510, "lower_bound", "bytes"), opt(511, "upper_bound", "bytes")]}
        partitions = opt(507, "partitions", {"type": "array", "items": summary, "element-id": 508})
        head = [req(500, "manifest_path", "string"), req(501, "manifest_length", "long"), req(502, "partition_spec_id", "int")]
        if self.version == 1:
            fields = head + [req(503, "added_snapshot_id", "long"), opt(504, "added_files_count", "int"), opt(505, "existing_files_count", "int"),
                             opt(506, "deleted_files_count", "int"), partitions, opt(512, "added_rows_count", "long"),
                             opt(513, "existing_rows_count", "long"), opt(514, "deleted_rows_count", "long")]
        else:
            fields = head + [req(517, "content", "int"), req(515, "sequence_number", "long"), req(516, "min_sequence_number", "long"),
                             req(503, "added_snapshot_id", "long"), req(504, "added_files_count", "int"), req(505, "existing_files_count", "int"),
                             req(506, "deleted_files_count", "int"), req(512, "added_rows_count", "long"), req(513, "existing_rows_count", "long"),
                             req(514, "deleted_rows_count", "long"), partitions, opt(519, "key_metadata", "bytes")]
            if self.version == 3:
                fields.append(opt(520, "first_row_id", "long"))
        return {"type": "record", "name": "manifest_file", "fields": fields}

    # ------------------------------------------------------------ commits

    def commit(self, operation, added=(), removed=(), deletes=(), gone_deletes=()):
        """A snapshot that adds and removes data files and delete files."""
        rng = self.rng
        snapshot = rng.randrange(1, 2**62)
        if self.version > 1:
            self.last_seq += 1
        for d in list(added) + list(deletes):
            d.explicit = d.seq if d.seq is not None else self.last_seq if self.version > 1 and rng.random() < 0.2 else None
            d.seq = self.last_seq if d.seq is None else d.seq
            d.file_seq, d.snapshot = self.last_seq, snapshot
        removed = set(removed) | set(gone_deletes)
        kept, fresh = [], []
        for m in self.manifests:
            mine = [(2 if d in removed else 0, d) for _, d in m["entries"]]
            if not mine and rng.random() < 0.7:
                continue
            if any(s == 2 for s, _ in mine) or (mine and rng.random() < 0.05):
                mine.sort(key=lambda e: e[0])
                fresh.append(self.write_manifest(m["content"], m["spec"], mine, snapshot))
            else:
                kept.append(m)
        for content, new in ((0, added), (1, deletes)):
            by_spec = {}
            for d in new:
                by_spec.setdefault(d.spec, []).append((1, d))
            for spec, entries in by_spec.items():
                # now and then as one manifest with one that is there
                same = [m for m in kept if m["spec"] == spec and m["content"] == content]
                if same and rng.random() < 0.25:
                    old = rng.choice(same)
                    kept.remove(old)
                    entries = [(0, d) for _, d in old["entries"]] + entries
                    self.counts["merged manifests"] += 1
                fresh.append(self.write_manifest(content, spec, entries, snapshot))
        self.manifests = fresh + kept
        if rng.random() < 0.3:
            rng.shuffle(self.manifests)
        first = self.next_row_id
        if self.version == 3:
            self.give_row_ids()
        self.data = [d for d in self.data if d not in removed] + list(added)
        self.clock += rng.randrange(1, 10**7)
        self.snapshots.append(Snapshot(
            id=snapshot, seq=self.last_seq, time=self.clock, operation=operation, list=self.write_list(snapshot), schema=self.schemas[-1],
            rows=[(d, d.deleted, d.first_row_id) for d in self.data], first=first, paths=[m["manifest_path"] for m in self.manifests], added=self.next_row_id - first, version=self.version,
            counts=(len(added), sum(len(d.rows) for d in added))))

    def give_row_ids(self):
        for m in self.manifests:
            if m["content"] == 0 and m["first_row_id"] is None:
                m["first_row_id"] = self.next_row_id
                at = self.next_row_id
                for _, d in m["entries"]:
                    if d.first_row_id is None:
                        d.first_row_id = at
                        at += len(d.rows)
                self.next_row_id += m["added_rows_count"] + m["existing_rows_count"]

    def write_list(self, snapshot):
        self.made += 1
        path = "%s/metadata/snap-%d-%05d.avro" % (self.dir, snapshot, self.made)
        manifests = self.manifests
        if self.version == 1 and self.rng.random() < 0.3:
            # the counts are optional there
            manifests = [{k: x for k, x in m.items() if not k.endswith("_count")} for m in manifests]
        metadata = {"format-version": str(self.version), "snapshot-id": str(snapshot), "sequence-number": str(self.last_seq)}
        with open(path, "wb") as out:
            fastavro.writer(out, self.list_schema(), manifests, metadata=metadata, codec=self.rng.choice(("deflate", "null")))
        return path

    # ------------------------------------------------------------ operations

    def append(self):
        self.commit("append", self.write_data(self.new_rows(self.rng.choice((1, 5, 20, 40, 60))), self.spec))

    def overwrite(self):
        """Some files give way to new rows."""
        gone = [d for d in self.data if self.rng.random() < 0.2]
        self.commit("overwrite", self.write_data(self.new_rows(self.rng.randrange(1, 25)), self.spec), gone, gone_deletes=self.vectors_of(gone))

    def vectors_of(self, gone):
        return [d.delete_entry for d in gone if d.delete_entry is not None]

    def compact(self):
        """Some files' rows, as they are now, in the current schema and spec, under the sequence number that was."""
        gone = [d for d in self.data if self.rng.random() < 0.4]
        if not gone:
            return
        places = [(d, i) for d in gone for i in range(len(d.rows)) if i not in d.deleted]
        rows = [{f["id"]: self.value_of(d, d.rows[i], f) for f in self.fields} for d, i in places]
        seq = self.last_seq if self.version > 1 else None
        lineage = None
        if self.version == 3 and self.rng.random() < 0.7:
            lineage = {id(r): dict(zip((ROW_ID, ROW_SEQUENCE), self.lineage_of(d, i))) for r, (d, i) in zip(rows, places)}
            self.counts["rewrites with row ids"] += 1
        self.commit("replace", self.write_data(rows, self.spec, seq, lineage), gone, gone_deletes=self.vectors_of(gone))

    @staticmethod
    def lineage_of(d, i):
        """Row id and sequence number of a row, as stored or inherited."""
        given = d.lineage[i] if d.lineage is not None else {}
        row_id, seq = given.get(ROW_ID), given.get(ROW_SEQUENCE)
        if row_id is None and d.first_row_id is not None:
            row_id = d.first_row_id + i
        return row_id, seq

    def copy_on_write(self):
        """A delete that writes files anew."""
        gone = [d for d in self.data if self.rng.random() < 0.3]
        rows = [{f["id"]: self.value_of(d, d.rows[i], f) for f in self.fields} for d in gone for i in range(len(d.rows))
                if i not in d.deleted and self.rng.random() < 0.7]
        if gone:
            self.commit("overwrite" if rows else "delete", self.write_data(rows, self.spec), gone, gone_deletes=self.vectors_of(gone))

    def some_positions(self, data):
        """Positions to delete in a file: few, many, a span, all."""
        n, rng = len(data.rows), self.rng
        kind = rng.choice(("few", "half", "span", "all", "few"))
        if kind == "few":
            return {rng.randrange(n) for _ in range(3)}
        if kind == "half":
            return {i for i in range(n) if rng.random() < 0.5}
        if kind == "span":
            low = rng.randrange(n)
            return set(range(low, min(n, low + rng.randrange(1, 30))))
        return set(range(n))

    def position_deletes(self, added=()):
        rng = self.rng
        chosen = [d for d in list(self.data) + list(added) if d.rows and rng.random() < 0.4 and d.delete_entry is None]
        groups = {}
        for d in chosen:
            groups.setdefault((d.spec, d.partition) + ((d.path,) if rng.random() < 0.4 else ()), []).append(d)
        deletes = []
        for key, mine in groups.items():
            rows = []
            for d in mine:
                gone = self.some_positions(d)
                rows += [(d.path, i) for i in gone]
                d.deleted |= gone
                d.by_position |= gone
            rows = [{2147483546: p, 2147483545: i} for p, i in sorted(rows)]
            if rows:
                one = rng.random() < 0.7 and len(mine) == 1
                deletes.append(self.delete_file(1, POSITIONS, rows, key[0], key[1], referenced=mine[0].path if one else None))
                self.counts["position delete files"] += 1
        if deletes or added:
            self.commit("overwrite" if added else "delete", added, deletes=deletes)

    def vectors(self, added=()):
        """Deletion vectors: one a data file, which takes over what was deleted by position before."""
        rng = self.rng
        chosen = [d for d in list(self.data) + list(added) if d.rows and rng.random() < 0.4]
        new, old = [], []
        for d in chosen:
            positions = self.some_positions(d) | d.by_position
            if positions:
                new.append((d, positions))
        if new:
            self.made += 1
            path = "%s/data/%05d-deletes.puffin" % (self.dir, self.made)
            places = files.write_puffin(path, [(d.path, sorted(p)) for d, p in new], rng)
            keys = self.encrypted("puffin", path)
            deletes = []
            for (d, positions), (offset, length) in zip(new, places):
                if d.delete_entry is not None:
                    old.append(d.delete_entry)
                d.deleted |= positions
                d.by_position = frozenset(positions)
                d.delete_entry = Data(path=path, format="puffin", spec=d.spec, partition=d.partition, rows=[], cardinality=len(positions),
                                      seq=None, file_seq=None, stats={}, content=1, referenced=d.path, offset=offset, length=length,
                                      keys=keys)
                deletes.append(d.delete_entry)
                self.counts["deletion vectors"] += 1
            self.commit("delete", added, deletes=deletes, gone_deletes=old)
        elif added:
            self.commit("append", added)

    def equality_deletes(self, added=()):
        """By keys of some rows, and some of none; for a partition or, unpartitioned, for all."""
        rng = self.rng
        usable = [f for f in self.fields if v.base(f["type"]) in KEYS]
        rows = self.alive()
        keys = rng.sample(usable, min(len(usable), rng.choice((1, 1, 2))))
        wide = [s for s, spec in enumerate(self.specs) if not spec]
        deletes = []
        for _ in range(rng.choice((1, 1, 2))):
            if not rows:
                break
            if wide and rng.random() < 0.5:
                spec, partition = wide[0], ()
                pool = rows
            else:
                d = rng.choice(rows)[0]
                spec, partition = d.spec, d.partition
                if self.specs[spec] and all(p["transform"] == "void" for p in self.specs[spec]):
                    continue
                pool = [(e, i) for e, i in rows if not self.specs[spec] or (e.spec, e.partition) == (spec, partition)]
            gone = {tuple(self.value_of(*self.at(rng.choice(pool)), f) for f in keys) for _ in range(rng.randrange(1, 5))}
            if rng.random() < 0.3:
                gone.add(tuple(v.random_value(f["type"], rng, 0, 400) for f in keys))
            if rng.random() < 0.2:
                gone.add((None,) * len(keys))
            records = [dict(zip([f["id"] for f in keys], key)) for key in gone]
            if v.base(keys[0]["type"]) not in ("boolean",):
                records.sort(key=repr)
            fields = [f for f in copy.deepcopy(self.fields) if f in keys]
            deletes.append(self.delete_file(2, fields, records, spec, partition, equality_ids=[f["id"] for f in keys]))
            self.counts["equality delete files"] += 1
            for e in self.data:
                if self.specs[spec] and (e.spec, e.partition) != (spec, partition):
                    continue
                hit = {i for i in range(len(e.rows)) if tuple(self.value_of(e, e.rows[i], f) for f in keys) in gone}
                e.deleted |= hit
        if deletes or added:
            self.commit("overwrite", added, deletes=deletes)

    @staticmethod
    def at(place):
        return place[0], place[0].rows[place[1]]

    def upgrade(self):
        if self.version < 3 and self.rng.random() < 0.4:
            self.version += 1
            self.counts["upgrades"] += 1

    def upsert(self):
        """Rows and deletes in one commit: by equality they spare these rows, by position they may not."""
        added = self.write_data(self.new_rows(self.rng.randrange(1, 20)), self.spec)
        self.rng.choice((self.equality_deletes, self.vectors if self.version == 3 else self.position_deletes))(added)

    def step(self):
        ops = [self.append] * 5 + [self.change_schema] * 4 + [self.change_spec] * 2 + [self.overwrite, self.compact, self.copy_on_write, self.upgrade]
        if self.version > 1:
            ops += [self.equality_deletes] * 3 + [self.vectors if self.version == 3 else self.position_deletes] * 4 + [self.upsert] * 2
        self.rng.choice(ops)()

    # ------------------------------------------------------------ the metadata file

    def write(self):
        out = {"format-version": self.version, "table-uuid": str(uuid.UUID(int=self.rng.getrandbits(128))), "location": self.dir,
               "last-updated-ms": self.clock + 1, "last-column-id": self.last_column,
               "schemas": self.schemas, "current-schema-id": len(self.schemas) - 1,
               "partition-specs": [{"spec-id": i, "fields": s} for i, s in enumerate(self.specs)], "default-spec-id": self.spec,
               "last-partition-id": self.last_field, "properties": {} if self.mapping is None else {"schema.name-mapping.default": json.dumps(self.mapping)}, "sort-orders": [{"order-id": 0, "fields": []}], "default-sort-order-id": 0,
               "current-snapshot-id": self.snapshots[-1].id if self.snapshots else -1, "snapshots": [],
               "snapshot-log": [{"timestamp-ms": s.time, "snapshot-id": s.id} for s in self.snapshots], "metadata-log": []}
        if self.version == 1:
            out["schema"] = self.schemas[-1]
            out["partition-spec"] = self.specs[self.spec]
        else:
            out["last-sequence-number"] = self.last_seq
        if self.snapshots:
            out["refs"] = {"main": {"snapshot-id": self.snapshots[-1].id, "type": "branch"}}
            out["refs"].update({"tag %d" % i: {"snapshot-id": s.id, "type": "tag"} for i, s in enumerate(self.snapshots[:-1])})
        if self.version == 3:
            out["next-row-id"] = self.next_row_id
        parent = None
        for s in self.snapshots:
            one = {"snapshot-id": s.id, "timestamp-ms": s.time, "manifest-list": s.list, "schema-id": s.schema["schema-id"],
                   "summary": {"operation": s.operation}}
            if parent is not None:
                one["parent-snapshot-id"] = parent
            if s.version == 1 and self.version == 1 and self.rng.random() < 0.2:
                # as the first writers did
                del one["manifest-list"]
                one["manifests"] = s.paths
                self.counts["snapshots without manifest list"] += 1
            if self.version > 1:
                one["sequence-number"] = s.seq
            if s.version == 3:
                one["first-row-id"], one["added-rows"] = s.first, s.added
            out["snapshots"].append(one)
            parent = s.id
        with open(self.dir + "/metadata/v1.metadata.json", "w") as f:
            json.dump(out, f)
        with open(self.dir + "/metadata/version-hint.text", "w") as f:
            f.write("1")

    def rows_of(self, snapshot, fields):
        """[(values by fields, metadata columns by name)] that a reader has to see."""
        out = []
        for d, deleted, first in snapshot.rows:
            for i, row in enumerate(d.rows):
                if i not in deleted:
                    given = d.lineage[i] if d.lineage is not None else {}
                    row_id, sequence = given.get(ROW_ID), given.get(ROW_SEQUENCE)
                    if first is not None:
                        row_id = first + i if row_id is None else row_id
                        sequence = d.seq if sequence is None else sequence
                    out.append(([self.value_of(d, row, f) for f in fields],
                                {"_file": d.path, "_pos": i, "_spec_id": d.spec, "_row_id": row_id, "_last_updated_sequence_number": sequence}))
        return out

    def changes(self, start, end, fields, net):
        """[(values by fields, type, ordinal, snapshot id)]: what the snapshots behind number start up to end changed.

        A row that a commit takes out of one file and puts into another is none; net: of what happened to a row,
        file by file, whatever undoes itself goes, the earliest first, as Spark has it."""
        def alive(s):
            return {(id(d), i): [self.value_of(d, d.rows[i], f) for f in fields] for d, deleted, _ in s.rows
                    for i in range(len(d.rows)) if i not in deleted}

        events, ordinal = {}, 0
        before = alive(self.snapshots[start]) if start >= 0 else {}
        for s in self.snapshots[start + 1:end + 1]:
            after = alive(s)
            if s.operation != "replace":
                for kind, one, other in (("DELETE", before, after), ("INSERT", after, before)):
                    for place in sorted(one.keys() - other.keys()):
                        key = tuple(v.sql_text(f["type"], x) for f, x in zip(fields, one[place]))
                        events.setdefault(key, []).append((one[place], kind, ordinal, s.id))
                ordinal += 1
            before = after
        out = []
        for mine in events.values():
            left = []
            for e in mine:
                if left and left[-1][1] != e[1] and (net or left[-1][2] == e[2]):
                    left.pop()
                else:
                    left.append(e)
            out += left
        return out
