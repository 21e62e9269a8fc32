"""impala.py
		Impala's query tests: their files taken apart, their SELECTs in PostgreSQL's words.

A file is a list of blocks between lines of ====; a block has sections that begin with
---- NAME.  parse() gives the blocks; translate() gives PostgreSQL's text for a SELECT over known
tables, or raises Untranslatable with a reason; same_results() compares rows with a RESULTS
section by its TYPES.

What the translation knows:

	1. "..." is text, `...` an identifier; # and -- comments, hints in / * + * / and STRAIGHT_JOIN go;
	2. db.table FOR SYSTEM_VERSION | SYSTEM_TIME AS OF x becomes a foreign table of its own with
	   the snapshot as an option, under the name that the query uses;
	3. identifiers mean columns whatever their case; a.b.c into a struct becomes (a->'b'->>'c');
	4. functions, types and operators of the tables below;
	5. virtual columns that we have under other names; * is then all columns but those;
	6. lists and maps in FROM (nested.py);
	7. metadata tables: t.files becomes lakehouse.iceberg_files of a foreign table of its own.
"""

import base64
import decimal
import json
import re
import struct

import nested

RESERVED = set("""all and any as asc between by case cross desc distinct else end except exists false from full group having
 in inner intersect interval into is join left like limit not null nulls offset on or order outer over partition right rows
 select set then true union using values when where with semi anti tablesample system repeatable for cast div rlike regexp ilike
 minus first last preceding following unbounded current row range""".split())
TYPES = {"string": "text", "double": "double precision", "tinyint": "smallint", "float": "real", "binary": "bytea"}
FUNCTIONS = {"nvl": "coalesce", "ifnull": "coalesce", "isnull": "coalesce", "strright": "right", "strleft": "left",
             "ucase": "upper", "lcase": "lower", "char_length": "char_length"}
VIRTUAL = {"file__position": "_pos", "input__file__name": "_file", "partition__spec__id": "_spec_id",
           "_row_id": "_row_id", "_last_updated_sequence_number": "_last_updated_sequence_number"}
IMPALA_ONLY = {"iceberg__first__row__id": "a virtual column that only Impala has",
               "iceberg__partition__serialized": "a virtual column that only Impala has",
               "_file_row_id": "a virtual column that only Impala has",
               "_file_last_updated_sequence_number": "a virtual column that only Impala has",
               "tablesample": "a random sample", "rand": "a random number", "typeof": "Impala's names of types",
               "json_object": "Impala's functions on variants", "variant_get": "Impala's functions on variants",
               "get_json_object": "Impala's functions on JSON"}
METADATA_TABLES = set("history snapshots files all_files data_files all_data_files delete_files all_delete_files entries all_entries"
                      " manifests all_manifests partitions refs metadata_log_entries position_deletes".split())
METADATA_FUNCTIONS = set("snapshots history refs files all_files manifests partitions entries delete_files metadata_log".split())
JSON_OF_METADATA = ["partition", "readable_metrics", "data_file"]


CHANGES = {"insert", "update", "delete", "merge", "alter", "truncate", "drop", "optimize", "load", "upsert", "create"}
# What Impala has no name of its own for, and we have.
LINEAGE = {"coalesce ( _file_row_id , iceberg__first__row__id + file__position )": "_row_id",
           "coalesce ( _file_last_updated_sequence_number , iceberg__data__sequence__number )": "_last_updated_sequence_number"}


class Untranslatable(Exception):
    pass


# ---------------------------------------------------------------- files

def parse(text):
    """[{section: body}] with the sections in lower case, and "kind" of the results."""
    blocks = []
    for part in re.split(r"^====.*$", text, flags=re.M):
        pieces = re.split(r"^---- *(.+?) *$", part, flags=re.M)
        block = {}
        for name, body in zip(pieces[1::2], pieces[2::2]):
            name, _, kind = name.partition(":")
            name = name.strip().lower()
            body = body[1:] if body.startswith("\n") else body
            if name in block:
                name = name + "+"                       # a second RESULTS section
            block[name] = body
            if name == "results":
                block["kind"] = kind.strip()
        if block:
            blocks.append(block)
    return blocks


_TOKEN = re.compile(r"""(?P<space>\s+|--[^\n]*|/\*.*?\*/)|(?P<string>'(?:[^'\\]|\\.|'')*'|"(?:[^"\\]|\\.|"")*")|(?P<quoted>`[^`]*`)
    |(?P<number>\d+\.\d*(?:[eE][+-]?\d+)?|\.\d+|\d+(?:[eE][+-]?\d+)?)|(?P<word>\$?[A-Za-z_][A-Za-z0-9_$]*)
    |(?P<sign><=>|<=|>=|<>|!=|==|\|\||&&|.)""", re.X | re.S)


def tokens(sql):
    out = []
    for m in _TOKEN.finditer(sql):
        if m.lastgroup != "space":
            out.append((m.lastgroup, m.group()))
    return out


def statements(query):
    """The statements of a QUERY section, without comments."""
    text = "\n".join(line for line in query.split("\n") if not line.lstrip().startswith("#"))
    out, current = [], []
    for kind, t in tokens(text):
        if kind == "sign" and t == ";":
            out.append(current)
            current = []
        else:
            current.append((kind, t))
    return [s for s in out + [current] if s]


def time_zone(statement):
    """The zone of SET TIMEZONE = x, else None."""
    if words(statement)[:2] == ["set", "timezone"] and len(statement) > 3:
        return "".join(t for _, t in statement[3:]).strip("'\"")
    return None


def words(statement):
    return [t.strip("`").lower() for kind, t in statement if kind in ("word", "quoted")]


def target(statement):
    """The table whose rows a statement may change, in lower case, or None."""
    w = words(statement)
    if not w or w[0] not in CHANGES or "tblproperties" in w and w[0] == "alter" or w[1:2] == ["stats"]:
        return None
    w = [x for x in w[1:] if x not in ("into", "overwrite", "table", "external", "view", "if", "not", "exists", "from", "inpath")]
    signs = [t for _, t in statement]
    first = next((i for i, (k, t) in enumerate(statement) if k in ("word", "quoted") and w and t.strip("`").lower() == w[0]), 0)
    return w[1] if len(w) > 1 and signs[first + 1:first + 2] == ["."] else w[0] if w else None


# ---------------------------------------------------------------- translation

def _text(t):
    body = t[1:-1].replace(t[0] * 2, t[0])
    body = re.sub(r"\\(.)", lambda m: {"n": "\n", "t": "\t"}.get(m.group(1), ("\\" if m.group(1) in "%_" else "") + m.group(1)), body)
    return ("E'" + body.replace("\\", "\\\\").replace("'", "''") + "'") if "\\" in body else "'" + body.replace("'", "''") + "'"


def _quoted(name):
    return '"' + name.replace('"', '""') + '"'


class Translation:
    """One SELECT.  tables: {name: object with .columns(point) -> {lower name: (name, type)}}."""

    def __init__(self, statement, tables, aliases):
        self.t, self.tables, self.aliases = statement, tables, aliases
        self.at, self.out = 0, []
        self.used = []                                  # [(name, point, relation)]
        self.columns, self.virtual, self.names = {}, set(), set()
        self.of_name, self.stars = {}, []               # name in the query -> its columns; (place in out, qualifier)
        self.collections = {}                           # name in the query -> type of a list or map in FROM
        self.of_table = {}                              # name in the query -> name of its table

    def word(self, offset=0):
        i = self.at + offset
        return self.t[i][1].strip("`").lower() if i < len(self.t) and self.t[i][0] in ("word", "quoted") else None

    def sign(self, offset=0):
        i = self.at + offset
        return self.t[i][1] if i < len(self.t) and self.t[i][0] == "sign" else None

    def run(self):
        self.find_tables()
        self.at = 0
        while self.at < len(self.t):
            self.step()
        for place, name in self.stars if self.virtual else []:
            if name is None and len(self.used) > 1:
                raise Untranslatable("a virtual column beside * of more than one table")
            columns = self.of_name[name] if name else list(self.of_name.values())[0]
            self.out[place] = " , ".join((_quoted(name) + " . " if name and i else "") + _quoted(c)
                                         for i, c in enumerate(columns))
        return " ".join(self.out)

    def star(self):
        """Remembers a * that stands for columns."""
        before = self.t[self.at - 1] if self.at else ("", "")
        name = self.word(-2) if before[1] == "." else None
        if name in self.of_name or before[1] == "," or before[1].lower() in ("select", "distinct"):
            self.stars.append((len(self.out), name))

    def find_tables(self):
        """Marks each table reference; columns must be known before the select list is seen."""
        self.references = {}
        i, common = 0, set()
        low = [(k, t.strip("`").lower() if k in ("word", "quoted") else t) for k, t in self.t]
        for j, (k, t) in enumerate(low):
            if t == "as" and j and low[j - 1][0] in ("word", "quoted") and low[j + 1:j + 2] == [("sign", "(")]:
                common.add(low[j - 1][1])               # WITH name AS (
        in_from, outer, subqueries = 0, [], []
        while i < len(low):
            k, t = low[i]
            if k == "word" and t in ("from", "join") or k == "sign" and t == "," and in_from:
                in_from = 1
                if low[i + 1:i + 2] == [("sign", "(")]:
                    subqueries.append(i + 1)
                i = self.reference(low, i + 1, common)
                continue
            if k == "word" and t in ("where", "group", "order", "limit", "union", "on", "having", "select"):
                in_from = 0
            elif k == "sign" and t == "(":
                outer.append(in_from)
                in_from = 0
            elif k == "sign" and t == ")":
                in_from = outer.pop() if outer else 0
            i += 1
        for at in subqueries if self.collections else []:
            self.references[at] = (at + 1, "LATERAL (")

    def reference(self, low, i, common):
        if i >= len(low) or low[i][0] not in ("word", "quoted"):
            return i
        start, names = i, [low[i][1]]
        i += 1
        while i + 1 < len(low) and low[i] == ("sign", ".") and low[i + 1][0] in ("word", "quoted"):
            names.append(low[i + 1][1])
            i += 2
        if names[0] in common and len(names) == 1:
            return i
        if names[0] in self.names and len(names) > 1:   # a collection of a row that stands before it
            return self.collection(low, start, i, "", names[0], names[1:])
        known = [j for j, n in enumerate(names) if self.aliases.get(n, n) in self.tables]
        if names[0] == "berg":                          # a second catalog of Impala's tests
            known = []
        if not known:
            raise Untranslatable("a table that is made by the tests: " + ".".join(names))
        shown, rest = names[known[0]], names[known[0] + 1:]
        name = self.aliases.get(shown, shown)
        point, i = self.version(low, i)
        relation = "i%d" % len(self.used)
        self.used.append((name, point, relation))
        if rest and rest[0] in METADATA_TABLES:
            return self.metadata_table(low, start, i, relation, rest)
        for lower, column in self.tables[name].columns(point).items():
            self.columns.setdefault(lower, column)
        if rest:
            self.of_table[shown] = name
            return self.collection(low, start, i, relation, shown, rest)
        alias = ""
        if i < len(low) and low[i] == ("word", "as"):
            pass
        elif not (i < len(low) and low[i][0] in ("word", "quoted") and low[i][1] not in RESERVED):
            alias = " AS " + _quoted(shown)
        nickname = low[i + 1][1] if i < len(low) and low[i] == ("word", "as") else low[i][1] if i < len(low) else shown
        self.names |= {shown, nickname}
        self.of_table[shown] = self.of_table[nickname] = name
        self.of_name[nickname] = [c for c, _ in self.tables[name].columns(point).values()]
        self.references[start] = (i, relation + alias)
        return i

    def nickname(self, low, i, default):
        """(the name of a FROM item, the place behind it)"""
        if low[i:i + 1] == [("word", "as")]:
            return low[i + 1][1], i + 2
        if i < len(low) and low[i][0] in ("word", "quoted") and low[i][1] not in RESERVED:
            return low[i][1], i + 1
        return default, i

    def collection(self, low, start, i, relation, of, path):
        """A list or map: of a row that stands before it, or (relation) of all rows of a table."""
        if of in self.collections:
            kind = self.collections[of]
            name = "item" if kind["type"] == "list" else "value"
            value, kind = ("%s . %s" % (_quoted(of), name), nested.element(kind)) if path[0] == name else (None, None)
        else:
            kind = self.tables[self.of_table[of]].schema().get(path[0])
            column = self.columns.get(path[0], (path[0],))[0]
            value = "to_jsonb(%s . %s)" % (relation or _quoted(of), _quoted(column))
        found = nested.unnest(value, kind, path[1:]) if kind else None
        if found is None:
            raise Untranslatable("no collection: " + ".".join(path))
        sql, kind = found
        shown, i = self.nickname(low, i, path[-1])
        if relation:
            sql = "SELECT u.* FROM %s CROSS JOIN LATERAL (%s) AS u" % (relation, sql)
        self.names.add(shown)
        self.collections[shown] = kind
        for lower in ("item", "value"):
            self.columns.setdefault(lower, (lower, "jsonb"))
        self.references[start] = (i, "LATERAL (%s) AS %s" % (sql, _quoted(shown)))
        return i

    def metadata_table(self, low, start, i, relation, rest):
        if len(rest) > 1:
            raise Untranslatable("a collection of a metadata table")
        shown, i = self.nickname(low, i, rest[0])
        self.names.add(shown)
        for lower in JSON_OF_METADATA:
            self.columns.setdefault(lower, (lower, "jsonb"))
        function = {"metadata_log_entries": "metadata_log", "data_files": "files", "all_data_files": "all_files"}.get(rest[0], rest[0])
        if function not in METADATA_FUNCTIONS:
            raise Untranslatable("a metadata table that we do not have: " + rest[0])
        rows = "lakehouse.iceberg_%s('%s')" % (function, relation)
        if "data_files" in rest[0]:
            rows = "(SELECT * FROM %s AS f WHERE f.content = 0)" % rows
        self.references[start] = (i, "%s AS %s" % (rows, _quoted(shown)))
        return i

    def version(self, low, i):
        if low[i:i + 2] and low[i][1] == "for" and low[i + 1][1] in ("system_version", "system_time"):
            kind, i = low[i + 1][1], i + 4              # FOR SYSTEM_x AS OF
            if kind == "system_version":
                return {"snapshot_id": low[i][1]}, i + 1
            if low[i][0] == "string":
                return {"snapshot_time": self.t[i][1][1:-1] + "+00"}, i + 1
            if low[i][1] == "now":
                return {}, i + 3                        # now ( )
            raise Untranslatable("a computed moment")
        return {}, i

    def step(self):
        if self.at in self.references:
            self.at, text = self.references[self.at]
            behind = 2 if self.word() == "as" else 1 if self.word() and self.word() not in RESERVED and self.word() != "using" else 0
            if self.out[-1:] == ["join"] and self.word(behind) not in ("on", "using"):
                self.out[-1] = "cross join"
            self.out.append(text)
            return
        kind, t = self.t[self.at]
        if kind == "string":
            self.put(_text(t))
        elif kind == "sign" and t == "*":
            self.star()
            self.put(t)
        elif kind == "number" or kind == "sign" and t not in ("<=>", "==", "!=", "&&"):
            self.put(t)
        elif kind == "sign":
            self.put({"<=>": "IS NOT DISTINCT FROM", "==": "=", "!=": "<>", "&&": "AND"}[t])
        else:
            self.name(kind)

    def put(self, text, width=1):
        self.out.append(text)
        self.at += width

    def lineage(self):
        """Impala's words for a column of row lineage: true, and done."""
        for text, column in LINEAGE.items():
            n = len(text.split(" "))
            if " ".join(t.lower() for _, t in self.t[self.at:self.at + n]) == text:
                self.virtual.add(column)
                self.put(column, n)
                return True
        return False

    def sequence_number(self):
        """The data sequence number of a row's file stands in the manifest."""
        if len(self.used) != 1:
            raise Untranslatable("a virtual column that only Impala has")
        self.virtual.add("_file")
        self.put("(SELECT e.sequence_number FROM lakehouse.iceberg_entries('i0') AS e WHERE e.status < 2"
                 " AND regexp_replace(e.data_file ->> 'file_path', '.*/', '') = regexp_replace(_file, '.*/', ''))")

    def name(self, kind):
        w = self.word()
        before = self.t[self.at - 1] if self.at else None
        if w == "coalesce" and self.lineage():
            return None
        if w == "iceberg__data__sequence__number":
            return self.sequence_number()
        if w in IMPALA_ONLY:
            raise Untranslatable(IMPALA_ONLY[w])
        if w in VIRTUAL and w not in self.columns:
            self.virtual.add(VIRTUAL[w])
            return self.put(VIRTUAL[w])
        if self.sign(1) == "(" and kind == "word" and w not in RESERVED:
            return self.function(w)
        if kind == "word" and w == "straight_join":
            self.at += 1
            return None
        if kind == "word" and w in ("rlike", "regexp"):
            return self.put("~")
        if kind == "word" and w == "div":
            return self.put("/")
        if kind == "word" and w in TYPES and before and before[1].lower() in ("as",) and self.sign(1) == ")":
            return self.put(TYPES[w])
        if kind == "word" and w == "interval" and self.at + 2 < len(self.t) and self.t[self.at + 1][0] == "number":
            return self.put("interval '%s %s'" % (self.t[self.at + 1][1], self.word(2)), 3)
        if kind == "word" and w == "minus":
            return self.put("EXCEPT")
        if w in RESERVED and kind == "word":
            return self.put(w)
        return self.column(w)

    def column(self, w):
        known = self.columns.get(w) if w not in self.collections or self.sign(1) != "." else None
        qualifier = ""
        if known is None and self.sign(1) == "." and w in self.names and self.word(2):
            qualifier, w = _quoted(w) + " . ", self.word(2)
            if w in IMPALA_ONLY:
                raise Untranslatable(IMPALA_ONLY[w])
            if w in VIRTUAL and w not in self.columns:
                self.virtual.add(VIRTUAL[w])
                return self.put(qualifier + VIRTUAL[w], 3)
            self.at += 2
            known = self.columns.get(w)
        if known is None:
            return self.put(qualifier + (_quoted(w) if w not in ("user",) or qualifier else _quoted(w)))
        name, type_name = known
        path = []
        if type_name == "jsonb":
            while self.sign(1) == "." and self.word(2):
                path.append(self.word(2))
                self.at += 2
        text = qualifier + _quoted(name)
        if path:
            text = "(%s%s ->> '%s')" % (text, "".join(" -> '%s'" % p for p in path[:-1]), path[-1])
        return self.put(text)

    def function(self, w):
        if w == "base64decode":
            depth, i, inner = 0, self.at + 1, []
            while True:
                depth += {"(": 1, ")": -1}.get(self.t[i][1], 0)
                if depth == 0:
                    break
                inner.append(self.t[i])
                i += 1
            part = Translation(inner[1:], self.tables, self.aliases)
            part.columns, part.names, part.references = self.columns, self.names, {}
            while part.at < len(part.t):
                part.step()
            self.virtual |= part.virtual
            self.out.append("convert_from(decode(%s, 'base64'), 'UTF8')" % " ".join(part.out))
            self.at = i + 1
            return
        if w == "to_timestamp":                         # its pattern is Java's
            for i in range(self.at, min(self.at + 8, len(self.t))):
                if self.t[i][0] == "string" and "yyyy" in self.t[i][1]:
                    self.t[i] = ("string", self.t[i][1].replace("yyyy", "YYYY").replace("MM", "MO").replace("mm", "MI")
                                 .replace("MO", "MM").replace("dd", "DD").replace("HH", "HH24").replace("ss", "SS"))
        self.put(FUNCTIONS.get(w, w))


def translate(statement, tables, aliases):
    t = Translation(statement, tables, aliases)
    return t.run(), t.used, t.virtual


# ---------------------------------------------------------------- results

def fields(line):
    """The fields of a line of RESULTS: quoted by ', '' being one of them."""
    out, at = [], 0
    while True:
        if line[at:at + 1] == "'":
            end = at + 1
            while True:
                end = line.find("'", end)
                if end < 0:
                    raise ValueError("a quote has no end: %s" % line)
                if line[end + 1:end + 2] != "'":
                    break
                end += 2
            out.append(line[at + 1:end].replace("''", "'"))
            at = end + 1
        else:
            end = line.find(",", at)
            end = len(line) if end < 0 else end
            out.append(line[at:end])
            at = end
        if at >= len(line):
            return out
        if line[at] != ",":
            raise ValueError("no comma after a field: %s" % line)
        at += 1


def _container(text):
    try:
        text = re.sub(r"([{,])(\d+):", r'\1"\2":', text) if re.match(r"\{\d+:", text) else text
        v = json.loads(text, parse_int=decimal.Decimal, parse_float=decimal.Decimal)
    except (ValueError, TypeError):
        return None
    if isinstance(v, dict):                             # bytes are base64 there, hex here
        v = {k: base64.b64encode(bytes.fromhex(x[2:])).decode() if isinstance(x, str) and re.fullmatch(r"\\x([0-9a-f]{2})*", x) else x
             for k, x in v.items()}
    return v if isinstance(v, (dict, list)) else None


def normal(text, kind):
    """One text for one value of a type of Impala, from either side."""
    if text is None or text == "NULL":
        return None
    kind = kind.strip().lower().partition("(")[0]
    if kind == "boolean":
        return {"t": "true", "f": "false"}.get(text, text)
    if kind == "float":
        return repr(struct.unpack("f", struct.pack("f", float(text)))[0])
    if kind == "double":
        return repr(float(text))
    if kind == "decimal":
        return str(decimal.Decimal(text).normalize())
    if kind == "timestamp":
        text = re.sub(r"[+-]\d\d(:\d\d)?$", "", text[:10].replace("T", " ") + text[10:].replace("T", " "))
        return text.rstrip("0").rstrip(".") if "." in text else text
    if kind == "binary" and re.fullmatch(r"\\x([0-9a-f]{2})*", text):
        return bytes.fromhex(text[2:]).decode("utf-8", "surrogateescape")
    v = _container(text)
    if v is not None:
        return json.dumps(v, sort_keys=True, default=str, separators=(",", ":"))
    return text


def _expression(field):
    """regex:'...' of one field, whose paths begin where the fixtures lie."""
    return re.compile(field[len("regex:"):].strip("'").replace("$NAMENODE/test-warehouse", ".*"))


def expected_rows(block):
    """[normal row, or an expression in the place of a value] or [compiled expression] of each line."""
    types = [t for t in block["types"].strip().replace("\n", "").split(",")] if block.get("types", "").strip() else []
    out = []
    for line in block["results"].split("\n"):
        if not line.strip() and (len(types) != 1 or types[0].strip().lower() != "string"):
            continue
        if line == "":
            continue
        if line.startswith("row_regex:"):
            out.append(re.compile(line[len("row_regex:"):].strip()))
        else:
            got = fields(line)
            if len(got) != len(types):
                raise Untranslatable("a line of RESULTS that does not fit TYPES")
            out.append([_expression(f) if f.startswith("regex:") else normal(f, t) for f, t in zip(got, types)])
    return types, out


def same_row(got, wanted):
    return len(got) == len(wanted) and all(
        g == w if not isinstance(w, re.Pattern) else g is not None and w.fullmatch(g) for g, w in zip(got, wanted))


def same_results(block, rows):
    """None, or how the rows differ from the RESULTS section."""
    types, wanted = expected_rows(block)
    if rows and len(rows[0]) != len(types):
        return "%d columns, expected %d" % (len(rows[0]), len(types))
    got = [[normal(f, t) for f, t in zip(r, types)] for r in rows]
    kind = block.get("kind", "")
    left = list(got)
    for w in wanted:
        found = None
        for i, g in enumerate(left):
            if same_row(g, w) if isinstance(w, list) else w.fullmatch(",".join("NULL" if x is None else x for x in g)):
                found = i
                break
        if kind == "VERIFY_IS_NOT_IN":
            if found is not None:
                return "has %s" % left[found]
            continue
        if found is None:
            return "lacks %s; has %s" % (w, left[:1])
        if kind != "VERIFY_IS_SUPERSET":
            del left[found]
    if left and kind not in ("VERIFY_IS_SUBSET", "VERIFY_IS_SUPERSET", "VERIFY_IS_NOT_IN"):
        return "has %d rows too many: %s" % (len(left), left[0])
    return None
