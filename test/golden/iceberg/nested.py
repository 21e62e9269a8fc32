"""nested.py
		Impala's joins with nested collections, in PostgreSQL's words.

Impala joins a table with the lists and maps of its own rows: FROM t, t.a.b (or FROM t.a.b), where a path goes
through members of structs and, in one step each, through lists (item) and maps (value).  A collection has the columns pos and
item, or key and value, and the members of an item or value that is a struct.  unnest() gives the same as a
subquery for LATERAL.  Types come from the table's metadata, so that the extension is not asked what it should say.
"""

import glob
import json
import os
import re

TYPES = {"int": "integer", "long": "bigint", "float": "real", "double": "double precision", "string": "text", "boolean": "boolean",
         "date": "date"}


def schema(location):
    """{lower name: type} of a table's current schema."""
    if os.path.isdir(location):
        location = max(glob.glob(location + "/metadata/*.metadata.json"),
                       key=lambda p: [int(x) if x.isdigit() else x for x in re.findall(r"^\D*(\d+)", os.path.basename(p))])
    with open(location, encoding="utf-8") as f:
        meta = json.load(f)
    now = [s for s in meta.get("schemas", [meta.get("schema")]) if s.get("schema-id", 0) == meta.get("current-schema-id", 0)][0]
    return members(now)


def members(kind):
    return {f["name"].lower(): f["type"] for f in kind["fields"]} if isinstance(kind, dict) and kind["type"] == "struct" else {}


def is_collection(kind):
    return isinstance(kind, dict) and kind["type"] in ("list", "map")


def element(kind):
    return kind["element"] if kind["type"] == "list" else kind["value"]


def _typed(value, kind):
    """A jsonb value as a column of its type."""
    if isinstance(kind, dict):
        return value
    return "(%s #>> '{}')::%s" % (value, TYPES.get(kind, "text"))


def _rows(value, kind, alias):
    """FROM item of a collection's elements, as columns o (counted from 1), k and v."""
    if kind["type"] == "list":
        return ("(SELECT o, NULL::text AS k, v FROM jsonb_array_elements(CASE jsonb_typeof(%s) WHEN 'array' THEN %s END)"
                " WITH ORDINALITY AS x(v, o)) AS %s" % (value, value, alias))
    return ("(SELECT 0::bigint AS o, k, v FROM jsonb_each(CASE jsonb_typeof(%s) WHEN 'object' THEN %s END) AS x(k, v)) AS %s"
            % (value, value, alias))


def step(value, kind, name):
    """(value, type) of a struct's member, or None."""
    inner = members(kind)
    return ("(%s -> '%s')" % (value, name), inner[name]) if name in inner else None


def unnest(value, kind, path):
    """(SELECT of the collection at a path, its type), or None where the path leads to none."""
    path, joins = list(path), []
    while path:
        name = path.pop(0)
        if is_collection(kind):
            if name != ("item" if kind["type"] == "list" else "value"):
                return None
            alias = "n%d" % len(joins)
            joins.append(_rows(value, kind, alias))
            value, kind = alias + ".v", element(kind)
        else:
            found = step(value, kind, name)
            if found is None:
                return None
            value, kind = found
    if not is_collection(kind):
        return None
    joins.append(_rows(value, kind, "n"))
    inner = element(kind)
    columns = ["n.o - 1 AS pos", _typed("n.v", inner) + " AS item"] if kind["type"] == "list" else [
        "n.k::%s AS key" % TYPES.get(kind["key"], "text"), _typed("n.v", inner) + " AS value"]
    columns += ["%s AS \"%s\"" % (_typed("(n.v -> '%s')" % m, t), m) for m, t in members(inner).items()]
    return "SELECT %s FROM %s" % (", ".join(columns), " CROSS JOIN LATERAL ".join(joins)), kind
