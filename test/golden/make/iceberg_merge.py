"""iceberg_merge.py
		The last step of iceberg_expect.py: from what readers said to what is true.

../iceberg/tables.json says of tables, by set ("own", "impala", "duckdb") and name:

	oracle	the reader whose rows are the truth, where it is not the first that has rows of Spark 3.5,
			the Java library, Spark 4.0, the library beside it, PyIceberg; with "why"
	differ	{reader: why} for readers that gave other rows at some point, all of them wrong
	points	{point: {...}} the same for single points, named as in readers.json, or "#3" for the
			third after "now", which is "#0"
	expect	"error": no rows can be right, with "why"; "rows or error": both are
	options	{option: value} that the foreign table needs
	names	{column: name} where the extension must number names that differ in case only
	rows	the rows themselves (lists of texts), where no reader is right, with "why"
	rows_of	a table of the same set that has the same rows at the same points
	remove	rows (as lists of texts) that the oracle has and should not have
	where	a condition beside the rows that it lets through (of the first column: "id <> 23"), asked
			in addition, where not all rows can be shown

Written are expected/SET/NAME.jsonl (test/fixtures/iceberg/expected for our own tables):

	line 1		{"table", "location", "oracle", "points"}
	each point	{"point", "columns": [[name, type, field id]], "count", "hash"}, and then its rows,
				normal form (normal.py), sorted; or "same_as": the number of an earlier point of the
				same columns and rows; of more than 250 rows just the hash
"""

import json
import os

import iceberg_expect as expect
import normal

ORDER = ("spark", "java", "spark4", "java4", "pyiceberg")
READERS = ("spark", "java", "spark4", "java4", "pyiceberg", "duckdb")


def label(point):
    return " ".join("%s=%s" % kv for kv in sorted(point.items())) or "now"


def location(group, metadata):
    """What users would name: the folder, or the metadata file where no version says which."""
    root = expect.OWN + "/warehouse" if group == "own" else expect.FIXTURES
    folder = os.path.dirname(os.path.dirname(metadata))
    by_version = os.path.basename(metadata).startswith("v") and os.path.basename(metadata)[1:2].isdigit()
    return os.path.relpath(folder if by_version else metadata, root)


def told(error):
    """The first line of a message; of paths what lies below the fixtures or this tree."""
    line = error.split("\n")[0]
    for folder in (expect.FIXTURES, expect.TOP):
        line = line.replace(folder + "/", "")
    return line[:160]


class Table:
    def __init__(self, group, name, metadata, entries):
        self.group, self.name, self.metadata, self.entries = group, name, metadata, entries
        self.entry = entries.get(name, {})
        self.asked = expect.load("points", group, name)
        self.said = {r: expect.load(r, group, name) for r in READERS}
        self.problems, self.report, self.used = [], {}, set()

    def rule(self, key, point):
        number = next(k for k, p in enumerate(self.asked["points"]) if p["point"] == point)
        points = self.entry.get("points", {})
        one = {**points.get("#%d" % number, {}), **points.get(label(point), {})}
        return one.get(key, self.entry.get(key))

    def truth(self, k, point):
        """(oracle, rows or None for an error, why) of point k."""
        wanted = self.rule("expect", point)
        if wanted == "error":
            return "specification", None, self.rule("why", point)
        if self.rule("rows", point) is not None:
            kinds = [normal.pg_type(f["type"]) for f in self.asked["points"][k]["schema"]["fields"]]
            return "specification", sorted(normal.row(r, kinds) for r in self.rule("rows", point)), self.rule("why", point)
        if self.rule("rows_of", point):
            other = Table(self.group, self.rule("rows_of", point), None, self.entries)
            return "specification", other.truth(k, other.asked["points"][k]["point"])[1], self.rule("why", point)
        named = self.rule("oracle", point)
        for reader in [named] if named else ORDER:
            said = self.said[reader] and self.said[reader][k]
            if said and "rows" in said:
                gone = {json.dumps(r, ensure_ascii=False) for r in self.rule("remove", point) or ()}
                return reader, [r for r in said["rows"] if r not in gone], self.rule("why", point)
        self.problems.append("%s: no oracle has rows: %s" % (label(point), "; ".join(
            "%s: %s" % (r, self.said[r][k].get("error", "rows")[:100]) for r in READERS if self.said[r])))
        return None, None, None

    def check(self, k, point, oracle, rows):
        """Who agrees; differences without a ruling are problems."""
        out = {"oracle": oracle, "rows": None if rows is None else len(rows)}
        for reader in READERS:
            said = self.said[reader] and self.said[reader][k]
            if not said:
                continue
            if "error" in said:
                if not said["error"].startswith("NotImplementedError"):
                    out.setdefault("fails", {})[reader] = told(said["error"])
            elif said["rows"] == rows:
                out.setdefault("agrees", []).append(reader)
            else:
                why = (self.rule("differ", point) or {}).get(reader)
                out.setdefault("differs", {})[reader] = why or "?"
                self.used.add(reader)
                if not why:
                    self.problems.append("%s: %s differs from %s: %s" % (label(point), reader, oracle, first(rows, said["rows"])))
        return out

    def allowed(self, written, k, point, columns):
        """Beside an error: the rows that can be shown."""
        if not self.rule("where", point):
            return
        name, sign, number = self.rule("where", point).split()
        reader = self.rule("oracle", point)
        rows = [r for r in self.said[reader][k]["rows"] if (json.loads(r)[[c[0] for c in columns].index(name)] == number) == (sign == "=")]
        written.append(({"point": {**point, "where": self.rule("where", point)}, "columns": columns, "count": len(rows),
                         "hash": normal.digest(rows)[:16]}, rows))

    def write(self, path):
        written, seen = [], {}
        points = self.asked["points"]
        for k, one in enumerate(points):
            point = one["point"]
            oracle, rows, why = self.truth(k, point)
            self.report[label(point)] = self.check(k, point, oracle, rows)
            if why:
                self.report[label(point)]["why"] = why
            columns = [[self.entry.get("names", {}).get(f["name"], f["name"]), normal.pg_type(f["type"]), f["id"]]
                       for f in one["schema"]["fields"]]
            head = {"point": point, "columns": columns}
            if rows is None:
                head["expect"] = "error"
                written.append((head, []))
                self.allowed(written, k, point, columns)
                continue
            if self.rule("expect", point):
                head["expect"] = self.rule("expect", point)
            head.update(count=len(rows), hash=normal.digest(rows)[:16])
            key = (json.dumps(columns), head["hash"])
            if key in seen:
                written.append(({"point": point, "same_as": seen[key], **({"expect": head["expect"]} if "expect" in head else {})}, []))
                continue
            seen[key] = len(written)
            written.append((head, rows if len(rows) <= expect.LARGE else []))
        os.makedirs(os.path.dirname(path), exist_ok=True)
        oracles = sorted({r["oracle"] for r in self.report.values() if r["oracle"]})
        with open(path, "w", encoding="utf-8", errors="surrogateescape") as f:
            print(json.dumps({"table": self.name, "location": location(self.group, self.metadata), "oracle": oracles,
                              "points": len(written), **{k: self.entry[k] for k in ("options",) if k in self.entry}},
                             ensure_ascii=False), file=f)
            for head, rows in written:
                print(json.dumps(head, ensure_ascii=False), file=f)
                for r in rows:
                    print(r, file=f)
        for reader in set(self.entry.get("differ", {})) - self.used:
            self.problems.append("a ruling on %s is not needed" % reader)


def first(right, other):
    """A difference in few words."""
    if right is None:
        return "%d rows, such as %s" % (len(other), other[:1])
    missing = [r for r in right if r not in set(other)]
    extra = [r for r in other if r not in set(right)]
    return "%d rows against %d; lacks %s; has %s" % (len(other), len(right), (missing or [""])[0][:300], (extra or [""])[0][:300])


FAMILY = {"spark": "Java", "java": "Java", "spark4": "Java", "java4": "Java", "pyiceberg": "PyIceberg", "duckdb": "DuckDB"}


def summary(report):
    """Of each set: who is the oracle of how many points, and how many others confirm."""
    for group in ("own", "impala", "duckdb"):
        points = [p for name, t in report.items() if name.startswith(group + "/") for p in t.values()]
        oracles, families = {}, {}
        for p in points:
            oracle = p["oracle"] or "none"
            oracles[oracle] = oracles.get(oracle, 0) + 1
            n = len({FAMILY[r] for r in p.get("agrees", [])})
            families[n] = families.get(n, 0) + 1
        print("%-7s %3d tables, %4d points; oracle: %s; agreed on by independent programs: %s" % (
            group, sum(n.startswith(group + "/") for n in report), len(points),
            ", ".join("%s %d" % kv for kv in sorted(oracles.items())), ", ".join("%d: %d points" % kv for kv in sorted(families.items()))))


def main(only):
    with open(expect.GOLDEN + "/iceberg/tables.json") as f:
        entries = json.load(f)
    report_path = expect.GOLDEN + "/iceberg/readers.json"
    report, bad = {}, 0
    if only and os.path.exists(report_path):
        with open(report_path) as f:
            report = json.load(f)
    for group, name, metadata in expect.tables():
        if only not in group + "/" + name:
            continue
        t = Table(group, name, metadata, entries.get(group, {}))
        folder = expect.OWN + "/expected/" if group == "own" else expect.GOLDEN + "/iceberg/expected/" + group + "/"
        t.write(folder + name + ".jsonl")
        report[group + "/" + name] = t.report
        for p in t.problems:
            bad += 1
            print("%s/%s: %s" % (group, name, p))
    with open(report_path, "w") as f:
        f.write("{\n")
        f.write(",\n".join("%s: {\n%s}" % (json.dumps(k), ",\n".join(
            " %s: %s" % (json.dumps(p), json.dumps(v, ensure_ascii=False)) for p, v in report[k].items()))
            for k in sorted(report)))
        f.write("\n}\n")
    summary(report)
    print("%d tables, %d problems" % (len(report), bad))
    return 1 if bad else 0
