"""predicates.py
		Random SQL conditions and aggregates over the columns of a table.

A column is (name, Iceberg type, values to compare with).  Conditions raise no errors: what may
overflow or fail to parse is left to sql/differential.sql.
"""

import values as v

OPERATORS = ("=", "<>", "<", "<=", ">", ">=", "=", "<")


def quoted(name):
    return '"%s"' % name.replace('"', '""')


def text(value):
    return "NULL" if value is None else "'%s'" % value.replace("'", "''")


def literal(kind, value):
    return "%s::%s" % (text(v.sql_text(kind, value)), v.sql_type(kind))


class Column:
    def __init__(self, name, kind, seen, rng):
        self.name, self.kind, self.base = name, kind, v.base(kind)
        self.sql = quoted(name)
        seen = [x for x in seen if x is not None]
        self.values = rng.sample(seen, min(len(seen), 12))
        if not isinstance(kind, dict):
            self.values += [v.special(kind, rng) for _ in range(3)] + [v.random_value(kind, rng, 0, 400) for _ in range(2)]


class Predicates:
    def __init__(self, columns, rng):
        self.columns, self.rng = columns, rng

    def value(self, c):
        return literal(c.kind, self.rng.choice(c.values))

    def leaf(self):
        rng = self.rng
        c = rng.choice(self.columns)
        op = rng.choice(OPERATORS)
        kind = rng.random()
        if kind < 0.12 or not c.values:
            return "%s IS %sNULL" % (c.sql, rng.choice(("", "NOT ")))
        if c.base == "struct":
            return self.member(c, op)
        if c.base == "list":
            if kind < 0.5:
                element = rng.choice([x for x in rng.choice(c.values) if x is not None] or [v.ordered(c.kind["element"], 3)])
                return "%s = ANY (%s)" % (literal(c.kind["element"], element), c.sql)
            return "cardinality(%s) %s %d" % (c.sql, op, rng.randrange(4))
        if c.base == "boolean" and kind < 0.7:
            return rng.choice(("%s", "NOT %s", "%s IS TRUE", "%s IS NOT TRUE", "%s IS FALSE", "%s IS NOT FALSE", "%s IS UNKNOWN")) % c.sql
        if kind < 0.24:
            return "%s IN (%s)" % (c.sql, ", ".join(self.value(c) for _ in range(rng.randrange(1, 7))))
        if kind < 0.29:
            return "%s NOT IN (%s, %s%s)" % (c.sql, self.value(c), self.value(c), rng.choice(("", "", ", NULL")))
        if kind < 0.38:
            return "%s BETWEEN %s AND %s" % (c.sql, self.value(c), self.value(c))
        if kind < 0.44:
            return "%s IS %sDISTINCT FROM %s" % (c.sql, rng.choice(("", "NOT ")), rng.choice((self.value(c), self.value(c), "NULL")))
        if kind < 0.60:
            special = self.by_type(c, op)
            if special:
                return special
        if kind < 0.66:
            others = [d for d in self.columns if d is not c and d.kind == c.kind]
            if others:
                return "%s %s %s" % (c.sql, op, rng.choice(others).sql)
        if kind < 0.72:
            return "%s %s %s" % (self.value(c), op, c.sql)
        return "%s %s %s" % (c.sql, op, self.value(c))

    def member(self, c, op):
        m = self.rng.choice(c.kind["fields"]) if c.kind["fields"] else None
        seen = [x[m["id"]] for x in c.values if m and x.get(m["id"]) is not None]
        if not seen:
            return "%s IS NOT NULL" % c.sql
        return "%s ->> %s %s %s" % (c.sql, text(m["name"]), op, text(str(v.plain_json(m["type"], self.rng.choice(seen)))))

    def by_type(self, c, op):
        rng = self.rng
        if c.base == "string":
            # without what a pattern may not end with
            some = rng.choice(c.values).replace("\\", "")
            return rng.choice(("%s LIKE %s" % (c.sql, text(some[:2] + "%")), "%s NOT LIKE %s" % (c.sql, text(some[:1] + "%")),
                               "%s LIKE %s" % (c.sql, text("%" + some[-2:])), "starts_with(%s, %s)" % (c.sql, text(some[:3])),
                               "length(%s) %s %d" % (c.sql, op, rng.randrange(8)), "%s LIKE %s" % (c.sql, text("_" + some[1:]))))
        if c.base in ("timestamp", "timestamp_ns"):
            return rng.choice(("%s::date %s %s::date" % (c.sql, op, self.value(c)),
                               "date_trunc('%s', %s) %s %s" % (rng.choice(("hour", "day", "month", "year")), c.sql, op, self.value(c)),
                               "extract(year FROM %s) %s %d" % (c.sql, op, rng.choice((2023, 2024, 1970, 1969)))))
        if c.base == "date":
            return rng.choice(("%s %s %s::timestamp" % (c.sql, op, self.value(c)), "extract(year FROM %s) %s 2023" % (c.sql, op)))
        if c.base in ("int", "long"):
            other = "integer" if c.base == "long" else "bigint"
            value = rng.choice(c.values)
            if other == "integer" and not -2**31 <= value < 2**31:
                return None
            return "%s %s '%d'::%s" % (c.sql, op, value, other)
        if c.base in ("float", "double"):
            return "%s %s %s::real" % (c.sql, op, text(v.sql_text("double", v.single(rng.choice(c.values)))))
        if c.base == "decimal":
            return "%s %s %s" % (c.sql, op, text(v.sql_text(c.kind, rng.choice(c.values))) + "::numeric / 3")
        return None

    def condition(self, depth=3):
        kind = self.rng.random()
        if depth == 0 or kind < 0.45:
            return self.leaf()
        if kind < 0.62:
            return "(%s OR %s)" % (self.condition(depth - 1), self.condition(depth - 1))
        if kind < 0.90:
            return "(%s AND %s)" % (self.condition(depth - 1), self.condition(depth - 1))
        return "NOT (%s)" % self.condition(depth - 1)

    def aggregate(self):
        c = self.rng.choice(self.columns)
        if c.base in ("int", "long", "decimal"):
            forms = ("count(%s)", "sum(%s)", "min(%s)", "max(%s)", "count(DISTINCT %s)", "avg(%s)")
        elif c.base in ("float", "double"):
            # of equal values the first comes out, and sums depend on the order
            forms = ("count(%s)", "min(%s) + 0", "max(%s) + 0")
        elif c.base in ("boolean",):
            forms = ("count(%s)", "bool_and(%s)", "bool_or(%s)")
        elif c.base in ("uuid", "fixed", "binary", "struct", "list"):
            forms = ("count(%s)", "count(DISTINCT %s)")
        else:
            forms = ("count(%s)", "min(%s)", "max(%s)", "count(DISTINCT %s)")
        return self.rng.choice(forms) % c.sql

    def projection(self):
        if self.rng.random() < 0.3:
            return "*"
        return ", ".join(c.sql for c in self.rng.sample(self.columns, self.rng.randrange(1, len(self.columns) + 1)))
