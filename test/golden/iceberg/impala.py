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
	5. virtual columns that we have under other names; * is then all columns but those.
"""

import decimal
import json
import re
import struct

RESERVED = set("""all and any as asc between by case cross desc distinct else end except exists false from full group having
 in inner intersect interval into is join left like limit not null nulls offset on or order outer over partition right rows
 select set then true union using values when where with semi anti tablesample system repeatable for cast div rlike regexp ilike
 minus first last preceding following unbounded current row range""".split())
TYPES = {"string": "text", "double": "double precision", "tinyint": "smallint", "float": "real", "binary": "bytea"}
FUNCTIONS = {"nvl": "coalesce", "ifnull": "coalesce", "isnull": "coalesce", "strright": "right", "strleft": "left",
             "ucase": "upper", "lcase": "lower", "char_length": "char_length"}
VIRTUAL = {"file__position": "_pos", "input__file__name": "_file", "partition__spec__id": "_spec_id",
           "_row_id": "_row_id", "_last_updated_sequence_number": "_last_updated_sequence_number"}
IMPALA_ONLY = {"iceberg__data__sequence__number": "a virtual column that only Impala has",
               "iceberg__first__row__id": "a virtual column that only Impala has",
               "iceberg__partition__serialized": "a virtual column that only Impala has",
               "_file_row_id": "a virtual column that only Impala has",
               "_file_last_updated_sequence_number": "a virtual column that only Impala has",
               "tablesample": "a random sample", "rand": "a random number", "typeof": "Impala's names of types",
               "json_object": "Impala's functions on variants", "variant_get": "Impala's functions on variants",
               "get_json_object": "Impala's functions on JSON"}
METADATA_TABLES = set("history snapshots files all_files data_files all_data_files delete_files all_delete_files entries all_entries"
                      " manifests all_manifests partitions refs metadata_log_entries position_deletes".split())


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
        in_from = 0
        while i < len(low):
            k, t = low[i]
            if k == "word" and t in ("from", "join") or k == "sign" and t == "," and in_from:
                in_from = 1
                i = self.reference(low, i + 1, common)
                continue
            if k == "word" and t in ("where", "group", "order", "limit", "union", "on", "having", "select") or t in "()":
                in_from = 0
            i += 1

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
        known = [j for j, n in enumerate(names) if self.aliases.get(n, n) in self.tables]
        if names[0] == "berg":                          # a second catalog of Impala's tests
            known = []
        if not known:
            if names[0] in self.names:
                raise Untranslatable("a nested collection in FROM")
            raise Untranslatable("a table that is made by the tests: " + ".".join(names))
        if names[known[-1] + 1:]:
            rest = names[known[-1] + 1:]
            raise Untranslatable("a metadata table" if rest[0] in METADATA_TABLES else "a nested collection in FROM")
        shown = names[known[-1]]
        name = self.aliases.get(shown, shown)
        point, i = self.version(low, i)
        relation = "i%d" % len(self.used)
        self.used.append((name, point, relation))
        for lower, column in self.tables[name].columns(point).items():
            self.columns.setdefault(lower, column)
        alias = ""
        if i < len(low) and low[i] == ("word", "as"):
            pass
        elif not (i < len(low) and low[i][0] in ("word", "quoted") and low[i][1] not in RESERVED):
            alias = " AS " + _quoted(shown)
        nickname = low[i + 1][1] if i < len(low) and low[i] == ("word", "as") else low[i][1] if i < len(low) else shown
        self.names |= {shown, nickname}
        self.of_name[nickname] = [c for c, _ in self.tables[name].columns(point).values()]
        self.references[start] = (i, relation + alias)
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

    def name(self, kind):
        w = self.word()
        before = self.t[self.at - 1] if self.at else None
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
        known = self.columns.get(w)
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
        v = json.loads(text, parse_int=decimal.Decimal, parse_float=decimal.Decimal)
    except (ValueError, TypeError):
        return None
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
        if found is None:
            return "lacks %s; has %s" % (w, left[:1])
        if kind != "VERIFY_IS_SUPERSET":
            del left[found]
    if left and kind not in ("VERIFY_IS_SUBSET", "VERIFY_IS_SUPERSET"):
        return "has %d rows too many: %s" % (len(left), left[0])
    return None
