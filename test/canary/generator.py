"""generator.py
		Hostile and ordinary statements over COLUMNS of database.py, from a seed.

generate(seed, n) yields Query(kind, sql, touches, relations, reads, honest, way):

	kind		the way the values take; KINDS says all
	touches		a masked column is used
	relations	relations of crm that are named
	reads		a statement that only reads (those that write, lock or define are counted by themselves)
	honest		not meant to end in an error
	way			"simple", "extended" or "binary": the protocol

Statements that leave something behind are in a transaction that is rolled back.  No statement holds a secret by
itself.  With repeatable=True only statements are made whose answer depends on the rows alone: no random order, no
times, no process ids.
"""

import collections
import random

import database
import shapes

Query = collections.namedtuple("Query", "kind sql touches relations reads honest way")

NUMBER = ("int", "int8", "num")
TEXT = shapes.TEXT


class Source:
    """Something in FROM: an alias and its columns."""

    def __init__(self, alias, columns, relation=None):
        self.alias, self.columns, self.relation = alias, columns, relation


class Generator(shapes.Shapes):
    def __init__(self, seed, repeatable=False):
        self.rng = random.Random(seed)
        self.repeatable = repeatable
        self.names = sorted(database.COLUMNS)
        # person is where most is; the rest has to come up often enough
        self.weights = [6 if n == "crm.person" else 2 for n in self.names]
        self.kinds = [name[5:] for name in dir(self) if name.startswith("kind_")]
        self.serial = 0

    def generate(self, n):
        """The kinds in turn, so that each has its share."""
        order = list(self.kinds)
        made = 0
        while made < n:
            self.rng.shuffle(order)
            for kind in order:
                if made == n:
                    return
                query = self.query(kind)
                if query is not None:
                    made += 1
                    yield query

    def query(self, kind):
        self.touches, self.relations = False, set()
        self.reads = self.honest = True
        self.repeat = True
        way = self.rng.choices(("simple", "extended", "binary"), (8, 2, 1))[0]
        sql = getattr(self, "kind_" + kind)()
        if self.repeatable and not self.repeat:
            return None
        if ";" in sql.rstrip(";") or kind in ("copy",):
            way = "simple"
        return Query(kind, sql, self.touches, frozenset(self.relations), self.reads, self.honest, way)

    # ---- pieces ----

    def pick(self, *choices):
        return self.rng.choice(choices)

    def chance(self, p):
        return self.rng.random() < p

    def name(self, prefix="x"):
        self.serial += 1
        return "%s%d" % (prefix, self.serial % 1000)

    def source(self, relation=None, alias=None):
        relation = relation or self.rng.choices(self.names, self.weights)[0]
        self.relations.add(relation)
        return Source(alias or self.name("t"), database.COLUMNS[relation], relation)

    def table(self, s, sample=False):
        only = "ONLY " if s.relation in ("crm.asset", "crm.vehicle") and self.chance(0.2) else ""
        return "%s%s AS %s" % (only, s.relation, s.alias)

    def column(self, sources, types=None, masked=None):
        """A column reference, or None."""
        found = [(s, c) for s in sources for c in s.columns
                 if (types is None or c[1] in types) and (masked is None or c[2] == masked) and c[0] != "pad"]
        if not found:
            return None
        # masked ones are what this is about
        weights = [4 if c[2] else 1 for _, c in found]
        s, c = self.rng.choices(found, weights)[0]
        if c[2]:
            self.touches = True
        return "%s.%s" % (s.alias, c[0])

    def text(self, sources, depth=2):
        c = self.column(sources, TEXT) or "'plain'"
        if depth <= 0 or self.chance(0.35):
            return c
        t = lambda: self.text(sources, depth - 1)
        i = lambda: self.rng.randrange(1, 9)
        r = self.rng.randrange(44)
        if r == 0: return "upper(%s)" % t()
        if r == 1: return "reverse(%s)" % t()
        if r == 2: return "substr(%s, %d, %d)" % (t(), i(), 4 + i())
        if r == 3: return "left(%s, %d)" % (t(), 4 + i())
        if r == 4: return "%s || %s" % (t(), t())
        if r == 5: return "coalesce(%s, %s)" % (t(), t())
        if r == 6: return "concat_ws('-', %s, %s)" % (t(), self.column(sources))
        if r == 7: return "format('%%s:%%L', %s, %s)" % (t(), t())
        if r == 8: return "quote_literal(%s)" % t()
        if r == 9: return "lpad(%s, 30, '.')" % t()
        if r == 10: return "initcap(%s)" % t()
        if r == 11: return "encode(convert_to(%s, 'UTF8'), '%s')" % (t(), self.pick("hex", "base64", "escape"))
        if r == 12: return "CASE WHEN %s THEN %s ELSE %s END" % (self.condition(sources, depth - 1), t(), t())
        if r == 13: return "nullif(%s, 'a')" % t()
        if r == 14: return "greatest(%s, %s)" % (t(), t())
        if r == 15: return "regexp_replace(%s, '(.)(.)', '\\1\\2')" % t()
        if r == 16: return "(%s)::text" % (self.column(sources) or "1")
        if r == 17: return "to_json(%s)::text" % (self.column(sources) or "1")
        if r == 18: return "row(%s, %s)::text" % (t(), t())
        if r == 19: return "md5(%s)" % t()
        if r == 20: return "to_tsvector('simple', %s)::text" % t()
        if r == 21: return "pg_typeof(%s)::text" % t()
        if r == 22: return "(string_to_array(%s, ' '))[1]" % t()
        if r == 23: return "overlay(%s PLACING '-' FROM 3)" % t()
        if r == 24: return "xmlelement(name v, %s)::text" % t()
        if r == 25: return "convert_from(convert_to(%s, 'UTF8'), 'UTF8')" % t()
        if r == 26: return "%s COLLATE \"C\"" % t()
        if r == 27: return "repeat(%s, 2)" % t()
        if r == 28: return "translate(%s, 'a', 'b')" % t()
        if r == 29: return "(array[%s, %s])[%d]" % (t(), t(), self.pick(1, 2))
        if r == 30:
            c = self.column(sources, ("jsonb",))
            return "(%s ->> 'code')" % c if c else t()
        if r == 31:
            c = self.column(sources, ("text[]",))
            return "array_to_string(%s, '/')" % c if c else t()
        if r == 32:
            c = self.column(sources, ("bytea",))
            return "encode(%s, '%s')" % (c, self.pick("hex", "base64", "escape")) if c else t()
        if r == 33:
            c = self.column(sources, ("date",))
            return "to_char(%s, '%s')" % (c, self.pick("YYYY-MM-DD", "DD.MM.YYYY", "YYYYMMDD")) if c else t()
        if r == 34:
            c = self.column(sources, ("num", "int8"))
            return "to_char(%s, 'FM99999999999999999999.99')" % c if c else t()
        if r == 35:
            c = self.column(sources, ("int8",))
            return "to_hex(%s)" % c if c else t()
        if r == 36: return "(SELECT %s)" % t()
        if r == 37: return "current_setting('search_path') || %s" % t()
        if r == 38: return "normalize(%s)" % t()
        if r == 39: return "substring(%s from '.+')" % t()
        if r == 40: return "btrim(quote_nullable(%s), '''')" % t()
        if r == 41: return "(jsonb_build_object('k', %s) ->> 'k')" % t()
        if r == 42: return "ltrim(%s, ' ')::varchar(40)::text" % t()
        return "replace(%s, 'y', 'z')" % t()

    def number(self, sources, depth=2):
        c = self.column(sources, NUMBER) or "1"
        if depth <= 0 or self.chance(0.4):
            return c
        n = lambda: self.number(sources, depth - 1)
        r = self.rng.randrange(14)
        if r == 0: return "(%s + 1)" % n()
        if r == 1: return "abs(%s)" % n()
        if r == 2: return "(%s)::numeric" % n()
        if r == 3: return "round((%s)::numeric, 1)" % n()
        if r == 4: return "length(%s)" % self.text(sources, 0)
        if r == 5: return "ascii(%s)" % self.text(sources, 0)
        if r == 6: return "coalesce(%s, 0)" % n()
        if r == 7: return "greatest(%s, 3)" % n()
        if r == 8: return "hashtext(%s)" % self.text(sources, 0)
        if r == 9: return "(- %s)" % n()
        if r == 10: return "CASE WHEN %s THEN %s END" % (self.condition(sources, depth - 1), n())
        if r == 11:
            c = self.column(sources, ("date",))
            return "extract(%s FROM %s)" % (self.pick("year", "doy", "epoch", "julian"), c) if c else n()
        if r == 12: return "mod((%s)::numeric, 97)" % n()
        return "(%s)::text::numeric" % n()

    def value(self, sources, depth=2):
        r = self.rng.randrange(10)
        if r < 5:
            return self.text(sources, depth)
        if r < 7:
            return self.number(sources, depth)
        return self.column(sources) or "1"

    def condition(self, sources, depth=1):
        r = self.rng.randrange(14)
        t = lambda: self.text(sources, depth - 1)
        n = lambda: self.number(sources, depth - 1)
        if r == 0: return "%s LIKE '%s%%'" % (t(), self.pick("g", "x", "X", "a", ""))
        if r == 1: return "%s > %s" % (t(), t())
        if r == 2: return "%s IS NOT NULL" % (self.column(sources) or "1")
        if r == 3: return "%s IS NULL" % (self.column(sources) or "1")
        if r == 4: return "%s %s %d" % (n(), self.pick("<", ">", "<>", ">="), self.rng.randrange(1000))
        if r == 5: return "%s ~ '^[a-m]'" % t()
        if r == 6: return "%s IN ('a', 'b', %s)" % (t(), t())
        if r == 7: return "%s BETWEEN 'a' AND 'z'" % t()
        if r == 8 and depth > 0: return "(%s OR %s)" % (self.condition(sources, depth - 1), self.condition(sources, depth - 1))
        if r == 9 and depth > 0: return "NOT (%s)" % self.condition(sources, depth - 1)
        if r == 10:
            c = self.column(sources, ("date",))
            return "%s > DATE '2026-03-01'" % c if c else "true"
        if r == 11: return "%s %% 3 = %d" % (self.column(sources, ("int",)) or "1", self.rng.randrange(3))
        if r == 12: return "length(%s) > %d" % (t(), self.rng.randrange(20))
        return "%s IS DISTINCT FROM %s" % (t(), t())

    def outputs(self, sources, least=1, most=4, depth=2):
        return ", ".join("%s AS c%d" % (self.value(sources, depth), i + 1) for i in range(self.rng.randint(least, most)))

    def tail(self, ordered=True):
        """ORDER BY over all outputs, so that the order is one; LIMIT."""
        out = ""
        if ordered and self.chance(0.5) or self.repeatable:
            out += " ORDER BY 1"
        if self.chance(0.3):
            out += " LIMIT %d" % self.rng.randrange(1, 40)
        return out

    def simple(self, least=1, most=4):
        """A SELECT of one relation."""
        s = self.source()
        sql = "SELECT %s FROM %s" % (self.outputs([s], least, most), self.table(s))
        if self.chance(0.6):
            sql += " WHERE " + self.condition([s])
        return sql

    def column_query(self):
        """A SELECT of one masked text column."""
        s = self.source()
        c = self.column([s], TEXT, True)
        return "SELECT %s AS v FROM %s" % (c, self.table(s))

    def transaction(self, *statements):
        return "BEGIN; %s; ROLLBACK" % "; ".join(statements)

    # ---- kinds ----

    def kind_select(self):
        return self.simple() + self.tail()

    def kind_distinct(self):
        s = self.source()
        if self.chance(0.5):
            return "SELECT DISTINCT %s FROM %s ORDER BY 1" % (self.outputs([s], 1, 2), self.table(s))
        c = self.value([s], 1)
        return "SELECT DISTINCT ON (1) %s AS k, %s FROM %s ORDER BY 1, %s.id" % (c, self.outputs([s], 1, 2), self.table(s), s.alias)

    def kind_join(self):
        a, b = self.source(), self.source()
        how = self.pick("JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN", "CROSS JOIN")
        sql = "SELECT %s FROM %s %s %s" % (self.outputs([a, b]), self.table(a), how, self.table(b))
        if how != "CROSS JOIN":
            on = ["%s.id = %s.id" % (a.alias, b.alias)]
            if self.chance(0.3) and how != "FULL JOIN":
                on.append("%s = %s" % (self.text([a], 1), self.text([b], 1)))
            sql += " ON " + " AND ".join(on)
        if self.chance(0.4):
            sql += " WHERE " + self.condition([a, b])
        return sql + " LIMIT %d" % self.rng.randrange(5, 200) if not self.repeatable else sql + " ORDER BY %s.id, %s.id LIMIT 50" % (a.alias, b.alias)

    def kind_join_masked(self):
        """Joined by the masked column itself."""
        a, b = self.source("crm.person"), self.source(self.pick("crm.person", "crm.person_view", "crm.person_lake", "crm.person_mat"))
        c = self.pick("name", "ssn", "account", "born")
        if b.relation == "crm.person_lake" and c == "salary":
            c = "name"
        self.touches = True
        using = "USING (%s)" % c if self.chance(0.3) else "ON %s.%s = %s.%s" % (a.alias, c, b.alias, c)
        out = c if using[0] == "U" else "%s.%s" % (a.alias, c)
        return "SELECT %s, %s.id FROM %s %s %s %s ORDER BY %s.id, %s.id LIMIT %d" % (
            out, b.alias, self.table(a), self.pick("JOIN", "LEFT JOIN", "FULL JOIN"), self.table(b), using, b.alias, a.alias, self.rng.randrange(20, 200))

    def kind_cte(self):
        s = self.source()
        materialized = self.pick("", "MATERIALIZED ", "NOT MATERIALIZED ")
        if self.chance(0.2):
            self.touches = True
            self.relations.add("crm.person")
            return ("WITH RECURSIVE r(i, v) AS (SELECT 1, (SELECT name FROM crm.person WHERE id = 1) UNION ALL "
                    "SELECT i + 1, (SELECT p.ssn FROM crm.person p WHERE p.id = i + 1) FROM r WHERE i < %d) SELECT * FROM r" % self.rng.randrange(3, 20))
        return "WITH q AS %s(SELECT %s FROM %s) SELECT q.*, (SELECT count(*) FROM q) FROM q ORDER BY 1%s" % (
            materialized, self.outputs([s], 1, 3), self.table(s), self.pick("", " LIMIT 7"))

    def kind_window(self):
        s = self.source()
        f = self.pick("lag(%s) OVER w", "lead(%s, 2) OVER w", "first_value(%s) OVER w", "max(%s) OVER w", "nth_value(%s, 2) OVER w",
                      "string_agg(%s, ',') OVER w") % self.text([s], 1)
        frame = self.pick("", " ROWS BETWEEN 1 PRECEDING AND 2 FOLLOWING", " GROUPS CURRENT ROW")
        return "SELECT %s AS f, row_number() OVER w, rank() OVER (ORDER BY %s) FROM %s WINDOW w AS (PARTITION BY %s.id %% 5 ORDER BY %s.id%s) ORDER BY 2, 1, 3" % (
            f, self.value([s], 1), self.table(s), s.alias, s.alias, frame)

    def kind_sublink(self):
        a, b = self.source(), self.source()
        r = self.rng.randrange(6)
        inner = "FROM %s WHERE %s.id = %s.id" % (self.table(b), b.alias, a.alias)
        if r == 0: return "SELECT %s FROM %s WHERE EXISTS (SELECT %s %s AND %s)%s" % (self.outputs([a]), self.table(a), self.text([b], 1), inner, self.condition([b]), self.tail())
        if r == 1: return "SELECT (SELECT %s %s LIMIT 1) AS v, %s FROM %s%s" % (self.text([b], 1), inner, self.outputs([a], 1, 2), self.table(a), self.tail())
        if r == 2: return "SELECT ARRAY(SELECT %s FROM %s ORDER BY 1 LIMIT 5)" % (self.text([b]), self.table(b))
        if r == 3: return "SELECT %s FROM %s WHERE %s IN (SELECT %s FROM %s)%s" % (self.outputs([a]), self.table(a), self.text([a], 1), self.text([b], 1), self.table(b), self.tail())
        if r == 4: return "SELECT %s FROM %s WHERE %s >= ALL (SELECT %s FROM %s)%s" % (self.outputs([a]), self.table(a), self.text([a], 1), self.text([b], 1), self.table(b), self.tail())
        return "SELECT (SELECT (%s, %s)::text FROM %s ORDER BY %s.id LIMIT 1)" % (self.text([b], 1), self.text([b], 1), self.table(b), b.alias)

    def kind_setop(self):
        a, b = self.source(), self.source()
        op = self.pick("UNION", "UNION ALL", "INTERSECT", "EXCEPT", "EXCEPT ALL")
        return "SELECT %s AS v FROM %s %s SELECT %s FROM %s ORDER BY 1" % (self.text([a]), self.table(a), op, self.text([b]), self.table(b))

    def kind_aggregate(self):
        s = self.source()
        v = self.text([s], 1)
        f = self.pick("string_agg(%s, ',' ORDER BY %s.id)" % (v, s.alias), "array_agg(%s ORDER BY %s.id)" % (v, s.alias), "max(%s)" % v, "min(%s)" % v,
                      "json_agg(%s ORDER BY %s.id)" % (self.value([s], 1), s.alias), "jsonb_object_agg(coalesce(%s, '-'), 1)" % v,
                      "mode() WITHIN GROUP (ORDER BY %s)" % v, "percentile_disc(0.5) WITHIN GROUP (ORDER BY %s)" % self.number([s], 1),
                      "count(DISTINCT %s)" % v, "max(%s) FILTER (WHERE %s)" % (v, self.condition([s])), "xmlagg(xmlelement(name e, %s) ORDER BY %s.id)" % (v, s.alias),
                      "sum(%s)" % self.number([s], 1), "array_agg(%s ORDER BY %s.id)" % (s.alias, s.alias))
        if f.endswith("array_agg(%s ORDER BY %s.id)" % (s.alias, s.alias)):
            self.touches = True
        return "SELECT %s AS f, count(*) FROM %s" % (f, self.table(s))

    def kind_group(self):
        s = self.source()
        g = self.text([s], 1)
        r = self.rng.randrange(4)
        if r == 0: return "SELECT %s AS g, count(*) FROM %s GROUP BY 1 ORDER BY 1" % (g, self.table(s))
        if r == 1:
            return "SELECT %s AS g, %s.id %% 2 AS h, count(*), grouping(%s) FROM %s GROUP BY GROUPING SETS ((1), (2), ()) ORDER BY 1, 2" % (g, s.alias, g, self.table(s))
        if r == 2: return "SELECT %s AS g, max(%s) FROM %s GROUP BY ROLLUP (1) HAVING count(*) > 0 ORDER BY 1" % (g, self.text([s], 1), self.table(s))
        return "SELECT %s AS g, min(%s) FROM %s GROUP BY 1 ORDER BY 2 LIMIT 5" % (g, self.text([s], 1), self.table(s))

    def kind_whole_row(self):
        s = self.source()
        self.touches = True
        a = s.alias
        v = self.pick(a, "%s::text" % a, "row_to_json(%s)" % a, "to_jsonb(%s)" % a, "(%s).*" % a, "%s.*" % a, "json_build_array(%s)" % a,
                      "(%s).%s" % (a, self.rng.choice(s.columns)[0]), "ROW(%s.*)" % a, "hash_record(%s)" % a, "jsonb_pretty(to_jsonb(%s))" % a,
                      "pg_column_size(%s)" % a, "CASE WHEN true THEN %s END" % a, "coalesce(%s, NULL)" % a, "(SELECT x FROM (SELECT %s.*) x)" % a,
                      "xmlforest(%s::text AS w)" % a, "quote_literal(%s::text)" % a, "concat(%s)" % a, "format('%%s', %s)" % a, "array[%s]::text" % a)
        where = " WHERE %s" % self.pick("%s IS NOT NULL" % a, "%s::text LIKE '%%5%%'" % a, "%s.id < 30" % a, "%s = %s" % (a, a))
        if "crm.person" == s.relation and "= " in where:
            where = ""
        return "SELECT %s FROM %s%s ORDER BY %s.id" % (v, self.table(s), where, a)

    def kind_star(self):
        s = self.source()
        self.touches = True
        r = self.rng.randrange(4)
        if r == 0: return "TABLE %s" % s.relation if not self.repeatable else "SELECT * FROM %s ORDER BY id" % s.relation
        if r == 1: return "SELECT * FROM %s ORDER BY id DESC" % s.relation
        if r == 2: return "SELECT *, ctid IS NULL FROM %s ORDER BY id" % s.relation if s.relation in ("crm.person", "crm.visit", "crm.asset") else "SELECT * FROM %s ORDER BY id" % s.relation
        return "SELECT x.* FROM (SELECT * FROM %s) x ORDER BY id OFFSET 3" % s.relation

    def kind_system_columns(self):
        s = self.source(self.pick("crm.person", "crm.visit", "crm.event", "crm.asset", "crm.person_mat"))
        return "SELECT tableoid::regclass, ctid, %s FROM %s ORDER BY %s.id, 1, 2" % (self.outputs([s], 1, 2), self.table(s), s.alias)

    def kind_json(self):
        s = self.source()
        r = self.rng.randrange(8)
        a = s.alias
        if r == 0: return "SELECT json_build_object('a', %s, 'b', %s) FROM %s%s" % (self.value([s]), self.value([s]), self.table(s), "" if not self.repeatable else " ORDER BY %s.id" % a)
        if r == 1:
            self.touches = True
            return "SELECT %s.id, e.key, e.value FROM %s, jsonb_each(to_jsonb(%s)) e ORDER BY 1, 2" % (a, self.table(s), a)
        if r == 2:
            self.touches = True
            self.relations.add("crm.person")
            return "SELECT jsonb_path_query(doc, '%s') FROM crm.person ORDER BY id" % self.pick("$.*", "$.code", "$.list[*]", "$.number", "strict $.code")
        if r == 3:
            self.touches = True
            return "SELECT e.value FROM %s, json_each_text(row_to_json(%s)) e ORDER BY %s.id, 1" % (self.table(s), a, a)
        if r == 4:
            self.touches = True
            self.relations.add("crm.person")
            return "SELECT x.code, x.number FROM crm.person p, jsonb_to_record(p.doc) AS x(code text, number int8, list jsonb) ORDER BY p.id"
        if r == 5:
            self.touches = True
            return "SELECT jsonb_agg(%s ORDER BY %s.id) FROM %s" % (a, a, self.table(s))
        if r == 6:
            self.touches = True
            self.relations.add("crm.person")
            return "SELECT doc %s FROM crm.person ORDER BY id LIMIT %d" % (self.pick("-> 'code'", "->> 'number'", "#>> '{list,0}'", "#- '{day}'", "|| '{\"x\": 1}'", "- 'code'"), self.rng.randrange(1, 100))
        self.touches = True
        self.relations.add("crm.person")
        return "SELECT r.* FROM crm.person p, jsonb_populate_record(NULL::crm.person, to_jsonb(p)) r ORDER BY 1"

    def kind_xml(self):
        s = self.source()
        r = self.rng.randrange(5)
        if r == 0: return "SELECT query_to_xml($q$%s$q$, true, false, '')" % (self.simple(1, 2) + self.tail())
        if r == 1:
            self.touches = True
            if s.relation == "crm.event":
                self.repeat = True
            return "SELECT table_to_xml('%s', true, true, '')" % s.relation
        if r == 2: return "SELECT xmlforest(%s AS a, %s AS b) FROM %s ORDER BY %s.id" % (self.value([s], 1), self.value([s], 1), self.table(s), s.alias)
        if r == 3: return "SELECT (xpath('//text()', xmlelement(name x, %s)))[1] FROM %s ORDER BY %s.id" % (self.text([s], 1), self.table(s), s.alias)
        return "SELECT query_to_xml_and_xmlschema($q$%s$q$, false, true, 'u')" % (self.column_query() + " ORDER BY 1 LIMIT 9")

    def kind_array(self):
        self.touches = True
        self.relations.add("crm.person")
        r = self.rng.randrange(5)
        if r == 0: return "SELECT unnest(tags) FROM crm.person ORDER BY id LIMIT %d" % self.rng.randrange(1, 300)
        if r == 1: return "SELECT id, tags[%d], tags[1:2], array_length(tags, 1) FROM crm.person ORDER BY id" % self.pick(1, 2)
        if r == 2: return "SELECT t, o FROM crm.person p, unnest(p.tags) WITH ORDINALITY u(t, o) ORDER BY p.id, 2"
        if r == 3: return "SELECT array_agg(tags ORDER BY id) FROM crm.person"
        return "SELECT array_cat(tags, ARRAY[name]), array_position(tags, 'a') FROM crm.person WHERE NOT (tags && ARRAY['a']) ORDER BY id"

    def kind_lateral(self):
        a, b = self.source(), self.source()
        return "SELECT %s.id, l.* FROM %s, LATERAL (SELECT %s, %s AS o FROM %s WHERE %s.id = %s.id ORDER BY %s.id LIMIT 2) l ORDER BY 1" % (
            a.alias, self.table(a), self.outputs([b], 1, 2), self.text([a], 1), self.table(b), a.alias, b.alias, b.alias)

    def kind_cursor(self):
        name = self.name("k")
        hold = self.pick("", "WITH HOLD ")
        scroll = self.pick("", "SCROLL ", "NO SCROLL ")
        steps = ["FETCH %s FROM %s" % (self.pick("1", "5", "ALL", "FORWARD 3"), name)]
        if scroll == "SCROLL ":
            steps.append("FETCH BACKWARD 2 FROM %s" % name)
        steps.append("MOVE 1 IN %s" % name)
        steps.append("FETCH 20 FROM %s" % name)
        if self.chance(0.3):
            steps.append("SELECT cursor_to_xml('%s', 5, true, false, '')" % name)
        binary = "BINARY " if self.chance(0.15) else ""
        return "BEGIN; DECLARE %s %s%sCURSOR %sFOR %s; %s; CLOSE %s; ROLLBACK" % (name, binary, scroll, hold, self.column_query() if self.chance(0.5) else self.simple() + self.tail(), "; ".join(steps), name)

    def kind_prepare(self):
        name = self.name("q")
        s = self.source()
        plans = self.pick("", "SET LOCAL plan_cache_mode = force_generic_plan; ", "SET LOCAL plan_cache_mode = force_custom_plan; ")
        return "BEGIN; %sPREPARE %s(int) AS SELECT %s FROM %s WHERE %s.id > $1 ORDER BY %s.id; EXECUTE %s(%d); EXECUTE %s(%d); DEALLOCATE %s; COMMIT" % (
            plans, name, self.outputs([s]), self.table(s), s.alias, s.alias, name, self.rng.randrange(0, 100), name, self.rng.randrange(0, 100), name)

    def kind_do(self):
        r = self.rng.randrange(6)
        q = self.column_query()
        level = self.pick("NOTICE", "WARNING", "INFO", "LOG", "DEBUG")
        if level in ("LOG", "DEBUG") and self.chance(0.7):
            level = "NOTICE"
        if r == 0: return "DO $$ DECLARE r record; BEGIN FOR r IN %s ORDER BY 1 LIMIT 9 LOOP RAISE %s '%%', r.v; END LOOP; END $$" % (q, level)
        if r == 1: return "DO $$ DECLARE v text; BEGIN EXECUTE $q$%s ORDER BY 1 LIMIT 1$q$ INTO v; RAISE %s 'it is %%', v USING DETAIL = v, HINT = upper(v); END $$" % (q, level)
        if r == 2: return "DO $$ DECLARE v text[]; BEGIN v := ARRAY(%s ORDER BY 1); RAISE %s '%%', v[1:5]; END $$" % (q, level)
        if r == 3: return "DO $$ DECLARE c refcursor; v text; BEGIN OPEN c FOR %s ORDER BY 1; FETCH c INTO v; RAISE %s '%%', v; CLOSE c; END $$" % (q, level)
        if r == 4:
            self.touches = True
            self.relations.add("crm.person")
            return "DO $$ DECLARE p crm.person%%ROWTYPE; BEGIN SELECT * INTO p FROM crm.person WHERE id = %d; RAISE %s '%%', p; PERFORM p.ssn; END $$" % (self.rng.randrange(1, 240), level)
        return "DO $$ DECLARE v text; BEGIN SELECT x.v INTO STRICT v FROM (%s ORDER BY 1 LIMIT 1) x; PERFORM set_config('work.it', v, true); RAISE %s '%%', current_setting('work.it'); END $$" % (q, level)

    def kind_function(self):
        self.touches = True
        self.relations.add("crm.person")
        i = self.rng.randrange(1, 240)
        return self.pick("SELECT crm.ssn_of(%d), crm.name_of(%d)" % (i, i), "SELECT crm.ssn_definer(%d)" % i, "SELECT * FROM crm.persons() ORDER BY id",
                         "SELECT p.name, p.ssn FROM crm.persons() p WHERE p.id < %d ORDER BY p.id" % i, "SELECT * FROM crm.persons_atomic(%d) ORDER BY id" % (i % 12),
                         "SELECT * FROM crm.persons_definer() ORDER BY id LIMIT 20", "SELECT crm.name_loop(%d)" % (i % 12),
                         "SELECT id, crm.ssn_of(id) FROM crm.person WHERE id < 20 ORDER BY 1", "SELECT (crm.persons()).ssn LIMIT 9",
                         "SELECT a.name, b.ssn FROM crm.persons() a JOIN crm.persons_definer() b USING (id) ORDER BY a.id")

    def kind_own_function(self):
        self.reads = False
        name = "pg_temp." + self.name("f")
        q = self.column_query() + " ORDER BY 1 LIMIT 1"
        r = self.rng.randrange(6)
        if r == 0: make = "CREATE FUNCTION %s() RETURNS text LANGUAGE sql STABLE AS $f$%s$f$" % (name, q)
        elif r == 1: make = "CREATE FUNCTION %s() RETURNS text LANGUAGE sql BEGIN ATOMIC %s; END" % (name, q)
        elif r == 2: make = "CREATE FUNCTION %s() RETURNS text LANGUAGE plpgsql SECURITY DEFINER AS $f$ DECLARE x text; BEGIN SELECT i.v INTO x FROM (%s) i; RETURN x; END $f$" % (name, q)
        elif r == 3: make = "CREATE FUNCTION %s() RETURNS text LANGUAGE sql IMMUTABLE AS $f$%s$f$" % (name, q)
        elif r == 4: make = "CREATE FUNCTION %s() RETURNS text LANGUAGE plpgsql AS $f$ BEGIN RETURN (%s); END $f$" % (name, q)
        else: make = "CREATE FUNCTION %s() RETURNS SETOF text LANGUAGE sql STABLE ROWS 10 AS $f$%s$f$" % (name, q.replace(" LIMIT 1", ""))
        return self.transaction(make, "SELECT %s()" % name, "SELECT * FROM %s() x WHERE x IS NOT NULL" % name)

    def kind_copy(self):
        s = self.source()
        form = self.pick("", " WITH (FORMAT csv, HEADER)", " WITH (FORMAT csv, FORCE_QUOTE *)", " WITH (FORMAT binary)", " WITH (DELIMITER '|')")
        heap = s.relation in ("crm.person", "crm.visit", "crm.event_1", "crm.event_2", "crm.asset", "crm.vehicle")
        if heap and self.chance(0.6):
            self.touches = True
            if self.chance(0.4):
                columns = self.rng.sample([c[0] for c in s.columns], 3)
                self.touches = any(c[2] and c[0] in columns for c in s.columns)
                return "COPY %s (%s) TO STDOUT%s" % (s.relation, ", ".join(columns), form)
            return "COPY %s TO STDOUT%s" % (s.relation, form)
        return "COPY (%s) TO STDOUT%s" % (self.simple() + self.tail(), form)

    def kind_explain(self):
        option = self.pick("", "VERBOSE ", "(FORMAT json) ", "(COSTS OFF) ", "(FORMAT xml, VERBOSE) ", "(GENERIC) ", "(SETTINGS) ", "(ANALYZE, TIMING OFF, SUMMARY OFF) ", "(ANALYZE, BUFFERS, VERBOSE) ")
        if option == "(GENERIC) ":
            option = "(FORMAT yaml) "
        if "BUFFERS" in option:
            self.repeat = False
        inner = self.pick(self.kind_select, self.kind_join, self.kind_group, self.kind_setop, self.kind_sublink, self.kind_cte, self.kind_join_masked, self.kind_distinct)()
        return "EXPLAIN %s%s" % (option, inner)

    def kind_explain_folded(self):
        """A function that says IMMUTABLE is folded: its result is in the plan."""
        self.reads = False
        name = "pg_temp." + self.name("f")
        q = self.column_query() + " ORDER BY 1 LIMIT 1"
        return self.transaction("CREATE FUNCTION %s() RETURNS text LANGUAGE sql IMMUTABLE AS $f$%s$f$" % (name, q),
                                "EXPLAIN %sSELECT id FROM crm.visit WHERE place = %s()" % (self.pick("", "VERBOSE "), name))

    def kind_error(self):
        """Values that want to be in the text of an error."""
        self.honest = False
        s = self.source(self.pick("crm.person", "crm.person_view", "crm.visit", "crm.event", "crm.person_lake", "crm.person_mat", "crm.asset"))
        t = self.column([s], TEXT, True)
        r = self.rng.randrange(24)
        v = (("(%s)::int" % t), ("(%s)::numeric" % t), ("(%s)::date" % t), ("(%s)::json" % t), ("(%s)::crm.color" % t), ("(%s)::regclass" % t),
             ("(%s)::uuid" % t), ("(%s)::inet" % t), ("to_date(%s, 'YYYY-MM-DD')" % t), ("'x' ~ ('(' || %s)" % t), ("(%s)::bool" % t),
             ("('<' || %s)::xml" % t), ("(%s)::regrole" % t), ("(%s)::point" % t), ("(%s || '{')::text[]" % t), ("('{' || %s)::int[]" % t), ("currval(%s)" % t),
             ("('[' || %s || ')')::int4range" % t), ("jsonb_path_query('{}', (%s || ' [[')::jsonpath)" % t), ("to_tsquery(%s || ' & & x !')" % t),
             ("set_config(%s || ' ', 'x', true)" % t), ("decode(%s || '!', 'hex')" % t), ("(%s)::interval" % t), ("to_number(%s, '9') / 0" % t))[r]
        if self.chance(0.25):
            return "SELECT count(*) FROM %s WHERE %s IS NOT NULL" % (self.table(s), v)
        if self.chance(0.2):
            c = self.column([s], ("int8", "num", "date", "bytea", "text[]"), True)
            if c:
                v = self.pick("(%s::text || 'x')::int" % c, "(%s)::text::int" % c, "(%s::text)::bool" % c, "(%s::text)::crm.color" % c)
        return "SELECT %s FROM %s" % (v, self.table(s)) + (" ORDER BY %s.id" % s.alias if self.repeatable else "")

    def kind_error_constraint(self):
        self.honest = self.reads = False
        s = self.source()
        t = self.column([s], TEXT, True)
        name = self.name("z")
        r = self.rng.randrange(5)
        columns = ("v text UNIQUE", "v text CHECK (length(v) < 0)", "v varchar(3)", "v int, w text NOT NULL", "v crm.color")[r]
        value = "%s" % t
        q = "INSERT INTO pg_temp.%s SELECT %s FROM %s" % (name, value, self.table(s))
        if r == 0:
            q += "; INSERT INTO pg_temp.%s SELECT %s FROM %s" % (name, value, self.table(s))
        if r == 3:
            q = "INSERT INTO pg_temp.%s (v, w) SELECT 1, nullif(%s, %s) FROM %s" % (name, value, value, self.table(s))
        if r == 4:
            q = "INSERT INTO pg_temp.%s SELECT (%s)::crm.color FROM %s" % (name, value, self.table(s))
        return "BEGIN; CREATE TEMP TABLE %s (%s); %s; ROLLBACK" % (name, columns, q)

    def kind_error_raise(self):
        self.honest = False
        q = self.column_query()
        how = self.pick("RAISE EXCEPTION '%', v", "RAISE EXCEPTION 'x' USING DETAIL = v", "RAISE EXCEPTION 'x' USING HINT = v, COLUMN = v",
                        "ASSERT false, v", "PERFORM v::int", "EXECUTE v", "EXECUTE format('SELECT %I', v)", "PERFORM 1 / (length(v) - length(v))", "RAISE SQLSTATE 'ZZ999' USING MESSAGE = v",
                        "v := v::json ->> 'a'", "EXECUTE 'SET work.it = ' || v || ' x y'")
        return "DO $$ DECLARE v text; BEGIN SELECT i.v INTO v FROM (%s) i ORDER BY 1 LIMIT 1; %s; END $$" % (q, how)

    def kind_sample(self):
        s = self.source(self.pick("crm.person", "crm.visit", "crm.event", "crm.asset", "crm.person_mat"))
        return "SELECT %s FROM %s AS %s TABLESAMPLE %s (%d)%s" % (self.outputs([s]), s.relation, s.alias, self.pick("SYSTEM", "BERNOULLI"), self.pick(30, 70, 100),
                                                                " REPEATABLE (%d)" % self.rng.randrange(9) if self.repeatable or self.chance(0.7) else "") + self.tail()

    def kind_lock(self):
        self.reads = False
        s = self.source(self.pick("crm.person", "crm.visit", "crm.event", "crm.asset"))
        how = self.pick("FOR UPDATE", "FOR SHARE", "FOR NO KEY UPDATE", "FOR KEY SHARE", "FOR UPDATE SKIP LOCKED", "FOR SHARE NOWAIT", "FOR UPDATE OF %s" % s.alias)
        return self.transaction("SELECT %s FROM %s WHERE %s ORDER BY %s.id %s" % (self.outputs([s]), self.table(s), self.condition([s]), s.alias, how))

    def kind_write(self):
        self.reads = False
        s = self.source(self.rng.choice(database.WRITABLE))
        m = [c for c in s.columns if c[2] and c[1] == "text"][0][0]
        self.touches = True
        r = self.rng.randrange(8)
        a, rel, i = s.alias, s.relation, self.rng.randrange(1, 100)
        if r == 0: w = "UPDATE %s AS %s SET id = id WHERE %s.id = %d RETURNING %s" % (rel, a, a, i, self.pick("*", "%s.%s" % (a, m), a))
        elif r == 1: w = "UPDATE %s AS %s SET %s = %s.%s || 'x' WHERE %s.id = %d RETURNING %s.%s" % (rel, a, m, a, m, a, i, a, m)
        elif r == 2: w = "UPDATE %s AS %s SET id = id WHERE %s RETURNING id, %s" % (rel, a, self.condition([s]), m)
        elif r == 3: w = "DELETE FROM %s AS %s WHERE %s.id = %d + 100000 OR %s.%s > 'zzz' RETURNING %s" % (rel, a, a, i, a, m, self.pick("*", m))
        elif r == 4: w = "MERGE INTO %s AS %s USING (SELECT %d AS k) q ON %s.id = q.k WHEN MATCHED THEN UPDATE SET %s = upper(%s.%s)" % (rel, a, i, a, m, a, m)
        elif r == 5: w = "INSERT INTO %s (id, %s) VALUES (%d, 'n') ON CONFLICT DO NOTHING RETURNING *" % (rel, m, 5000 + i)
        elif r == 6:
            b = self.source("crm.person")
            w = "UPDATE %s AS %s SET %s = 'q' FROM %s WHERE %s.id = %s.id AND %s.id < 5 RETURNING %s" % (rel, a, m, self.table(b), a, b.alias, b.alias, self.outputs([b], 1, 2))
        else: w = "WITH d AS (DELETE FROM %s AS %s WHERE id < %d AND id <> 0 AND %s IS NULL RETURNING *), u AS (UPDATE %s SET id = id WHERE id = %d RETURNING *) SELECT * FROM d UNION ALL SELECT * FROM u" % (rel, a, i, m, rel, 210 + i % 20)
        return self.transaction(w)

    def kind_into(self):
        self.reads = False
        name = self.name("y")
        q = self.column_query() if self.chance(0.5) else self.simple()
        r = self.rng.randrange(4)
        show = "SELECT * FROM pg_temp.%s ORDER BY 1" % name
        if r == 0: return self.transaction("CREATE TEMP TABLE %s AS %s" % (name, q), show)
        if r == 1: return self.transaction(q.replace(" FROM ", " INTO TEMP %s FROM " % name, 1) if q.count(" FROM ") == 1 else "CREATE TEMP TABLE %s AS %s" % (name, q), show)
        if r == 2: return self.transaction("CREATE TEMP VIEW %s AS %s" % (name, q), show)
        return self.transaction("CREATE TEMP TABLE %s AS %s WITH NO DATA" % (name, q), "INSERT INTO pg_temp.%s %s" % (name, q), show, "ANALYZE pg_temp.%s" % name,
                                "SELECT most_common_vals::text, histogram_bounds::text FROM pg_stats WHERE tablename = '%s' ORDER BY attname" % name)

    def kind_into_prepared(self):
        self.reads = False
        name, p = self.name("y"), self.name("q")
        return self.transaction("PREPARE %s AS %s" % (p, self.column_query()), "CREATE TEMP TABLE %s AS EXECUTE %s" % (name, p), "SELECT * FROM pg_temp.%s ORDER BY 1" % name,
                                "COPY pg_temp.%s TO STDOUT" % name, "DEALLOCATE %s" % p)

    def kind_rule(self):
        """What the role makes on its own tables, and uses on others'."""
        self.reads = False
        name = self.name("y")
        q = self.column_query()
        r = self.rng.randrange(4)
        if r == 0:
            return self.transaction("CREATE TEMP TABLE %s (v text)" % name, "CREATE RULE r AS ON INSERT TO %s DO ALSO %s ORDER BY 1 LIMIT 3" % (name, q), "INSERT INTO %s VALUES ('a')" % name)
        if r == 1:
            return self.transaction("CREATE TEMP TABLE %s (v text)" % name, "CREATE FUNCTION pg_temp.tr() RETURNS trigger LANGUAGE plpgsql AS $f$ BEGIN NEW.v := (%s ORDER BY 1 LIMIT 1); RAISE NOTICE '%%', NEW; RETURN NEW; END $f$" % q,
                                    "CREATE TRIGGER t BEFORE INSERT ON %s FOR EACH ROW EXECUTE FUNCTION pg_temp.tr()" % name, "INSERT INTO %s VALUES ('a') RETURNING v" % name)
        if r == 2:
            return self.transaction("CREATE MATERIALIZED VIEW work.%s AS %s" % (name, q), "SELECT * FROM work.%s ORDER BY 1" % name, "REFRESH MATERIALIZED VIEW work.%s" % name,
                                    "SELECT max(v) FROM work.%s" % name)
        return self.transaction("CREATE VIEW work.%s AS %s" % (name, q), "SELECT v FROM work.%s ORDER BY 1" % name, "CREATE VIEW work.%s_2 AS SELECT upper(v) AS v FROM work.%s" % (name, name),
                                "TABLE work.%s_2" % name)

    def kind_index(self):
        """Expressions over own copies: index, statistics, generated columns."""
        self.reads = False
        name = self.name("y")
        return self.transaction("CREATE TEMP TABLE %s AS %s" % (name, self.column_query()), "CREATE INDEX ON pg_temp.%s (v)" % name, "SET LOCAL enable_seqscan = off",
                                "SELECT v FROM pg_temp.%s WHERE v > '' ORDER BY v" % name, "CREATE INDEX ON pg_temp.%s ((left(v, 0)))" % name)

    def kind_stats(self):
        self.repeat = False
        self.touches = True
        self.honest = False
        t = self.pick("person", "visit", "event", "event_1", "asset", "vehicle", "person_mat", "person_lake")
        self.relations.add("crm." + t)
        return self.pick("SELECT * FROM pg_stats WHERE schemaname = 'crm' AND tablename = '%s'" % t,
                         "SELECT attname, most_common_vals, histogram_bounds FROM pg_stats WHERE tablename = '%s'" % t,
                         "SELECT * FROM pg_stats_ext WHERE schemaname = 'crm'", "SELECT * FROM pg_stats_ext_exprs",
                         "SELECT most_common_vals::text FROM pg_catalog.pg_stats WHERE schemaname = 'crm'",
                         "SELECT m.* FROM pg_statistic_ext_data d, pg_mcv_list_items(d.stxdmcv) m",
                         "SELECT stavalues1 FROM pg_statistic WHERE starelid = 'crm.%s'::regclass" % t)

    def kind_activity(self):
        self.repeat = False
        q = self.column_query() + " ORDER BY 1 LIMIT 1"
        name = self.pick("application_name", "application_name", "lakehouse.purpose")
        return self.transaction("SELECT set_config('%s', (%s), true)" % (name, q), "SELECT application_name, query FROM pg_stat_activity WHERE pid = pg_backend_pid()",
                                "SELECT count(*) FROM crm.visit", "SHOW " + name)

    def kind_setting(self):
        q = self.column_query() + " ORDER BY 1 LIMIT 1"
        return self.transaction("SELECT set_config('work.v', (%s), true)" % q, "SHOW work.v", "SELECT current_setting('work.v')")

    def kind_notify(self):
        q = self.column_query() + " ORDER BY 1 LIMIT 2"
        self.repeat = False
        return "LISTEN c; BEGIN; SELECT pg_notify('c', coalesce(i.v, '-')) FROM (%s) i; COMMIT" % q

    def kind_utility_dynamic(self):
        """A value in the text of another statement: logs, pg_stat_statements and errors have it."""
        q = self.column_query()
        self.reads = False
        self.honest = False
        what = self.pick("CREATE TEMP TABLE %I (a int)", "COMMENT ON SCHEMA work IS %L", "SET work.it = %L", "DEALLOCATE %I", "NOTIFY %I", "DROP TABLE %I", "SAVEPOINT %I", "LISTEN %I",
                         "CREATE VIEW work.w AS SELECT %L::text AS v", "DO %L", "COPY work.w FROM %L", "SET LOCAL ROLE %I", "CREATE TABLE work.u (a text DEFAULT %L)", "PREPARE %I AS SELECT 1", "ALTER TABLE %I RENAME TO x",
                         "LOCK TABLE %I", "SELECT %L::int", "ANALYZE %I", "TRUNCATE %I", "EXPLAIN SELECT %L::text")
        return "BEGIN; DO $$ DECLARE v text; BEGIN SELECT i.v INTO v FROM (%s) i ORDER BY 1 LIMIT 1; EXECUTE format($f$%s$f$, v); END $$; ROLLBACK" % (q, what)

    def kind_large_object(self):
        self.repeat = False
        self.reads = False
        q = self.column_query() + " ORDER BY 1 LIMIT 1"
        return self.transaction("SELECT encode(loread(lo_open(lo_from_bytea(0, convert_to((%s), 'UTF8')), 393216), 1000), '%s')" % (q, self.pick("hex", "base64", "escape")))

    def kind_search(self):
        s = self.source()
        t = self.column([s], TEXT, True)
        r = self.rng.randrange(5)
        o = " ORDER BY %s.id" % s.alias
        if r == 0: return "SELECT ts_headline('simple', %s, 'a | b') FROM %s%s" % (t, self.table(s), o)
        if r == 1: return "SELECT word, ndoc FROM ts_stat($q$SELECT to_tsvector('simple', %s) FROM %s$q$) ORDER BY 1" % (t, self.table(s))
        if r == 2: return "SELECT regexp_split_to_table(%s, ' ') FROM %s%s" % (t, self.table(s), o)
        if r == 3: return "SELECT (regexp_matches(%s, '(.*)', 'g'))[1] FROM %s%s" % (t, self.table(s), o)
        return "SELECT parse.token FROM %s, ts_parse('default', %s) parse%s" % (self.table(s), t, o + ", 1")

    def kind_values(self):
        a, b = self.column_query(), self.column_query()
        return "VALUES (1, (%s ORDER BY 1 LIMIT 1)), (2, (%s ORDER BY 1 DESC LIMIT 1))" % (a, b)

    def kind_set_role(self):
        """Plans and cursors across SET ROLE; the session of app has to say it, that of analyst may."""
        name = self.name("q")
        q = self.column_query() + " ORDER BY 1"
        return "BEGIN; PREPARE %s AS %s; EXECUTE %s; SET LOCAL ROLE analyst; EXECUTE %s; DEALLOCATE %s; COMMIT" % (name, q, name, name, name)

    def kind_parallel(self):
        s = self.source()
        return ("BEGIN; SET LOCAL max_parallel_workers_per_gather = 2; SET LOCAL parallel_setup_cost = 0; SET LOCAL parallel_tuple_cost = 0; "
                "SET LOCAL min_parallel_table_scan_size = 0; SELECT %s FROM %s ORDER BY %s.id; SELECT max(%s) FROM %s; COMMIT" % (
                    self.outputs([s]), self.table(s), s.alias, self.text([s], 1), self.table(s)))

    def kind_spill(self):
        """Sorts, hashes and materialised rows that do not fit in work_mem."""
        s = self.source(self.pick("crm.person", "crm.visit", "crm.event", "crm.person_view", "crm.person_mat", "crm.person_lake"))
        a = s.alias
        t = self.column([s], TEXT, True)
        wide = "repeat('w', 300) || %s.id" % a
        b = self.source(self.pick("crm.person", "crm.visit"))
        r = self.rng.randrange(6)
        if r == 0: sql = "SELECT %s AS v, %s AS w FROM %s ORDER BY w DESC" % (t, wide, self.table(s))
        elif r == 1: sql = "SELECT %s AS v, %s.id FROM %s ORDER BY md5(%s.id::text)" % (self.text([s], 1), a, self.table(s), a)
        elif r == 2: sql = "SELECT x.v, %s.id FROM (SELECT %s AS v, %s.id, %s AS w FROM %s) x JOIN %s ON %s.id = x.id ORDER BY 2, 1" % (b.alias, t, a, wide, self.table(s), self.table(b), b.alias)
        elif r == 3: sql = "WITH m AS MATERIALIZED (SELECT %s AS v, %s AS w FROM %s) SELECT max(a.v), max(b.v), count(*) FROM m a JOIN m b ON a.w = b.w" % (t, wide, self.table(s))
        elif r == 4: sql = "SELECT %s AS v, %s AS w, count(*) FROM %s GROUP BY 1, 2 ORDER BY 1, 2" % (t, wide, self.table(s))
        else: sql = "SELECT * FROM (SELECT %s.*, row_number() OVER (ORDER BY %s DESC) AS rn, count(*) OVER () FROM %s) x ORDER BY rn" % (a, wide, self.table(s)); self.touches = True
        return "BEGIN; SET LOCAL enable_nestloop = off; %s%s; COMMIT" % (self.pick("", "SET LOCAL enable_mergejoin = off; ", "SET LOCAL enable_hashjoin = off; ", "SET LOCAL enable_hashagg = off; "), sql)


def generate(seed, n, repeatable=False):
    return Generator(seed, repeatable).generate(n)
