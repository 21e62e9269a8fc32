"""shapes.py
		More kinds of statements of generator.py: row filters, composite values, own objects made of masked values, and
		what PostgreSQL's list of commands has besides.
"""

TEXT = ("text",)


class Shapes:
    """For Generator, whose pieces they are made of."""

    def kind_filtered(self):
        """A row filter beside masks, and an index on the masked column."""
        s = self.source("crm.branch")
        a = s.alias
        self.touches = True
        code = self.pick("'%02d**************'" % self.rng.randrange(40), "(SELECT x.code FROM crm.branch x WHERE x.id = %d)" % self.rng.randrange(1, 300), "'%02d' || repeat('*', 14)" % self.rng.randrange(40))
        r = self.rng.randrange(7)
        if r == 0: return "SELECT * FROM crm.branch %s WHERE %s.code = %s ORDER BY %s.id" % (a, a, code, a)
        if r == 1: return "SELECT count(*), max(%s.code), min(%s.budget) FROM crm.branch %s WHERE %s.place = '%s'" % (a, a, a, a, self.pick("south", "north", "east"))
        if r == 2: return "SELECT %s FROM crm.branch %s WHERE %s.code IN ('a', %s) OR %s.place IS NULL ORDER BY 1" % (self.outputs([s]), a, a, code, a)
        if r == 3: return "SELECT %s.id, %s.code, p.name FROM crm.branch %s JOIN crm.person p ON p.id = %s.id AND p.grp = %s.grp WHERE %s.code >= %s ORDER BY 1" % (a, a, a, a, a, a, code)
        if r == 4: return "BEGIN; SET LOCAL enable_seqscan = off; SELECT %s FROM crm.branch %s WHERE %s.code LIKE '%02d%%' ORDER BY %s.code, %s.id; COMMIT" % (self.outputs([s]), a, a, self.rng.randrange(99), a, a)
        if r == 5: return "SELECT DISTINCT ON (%s.place) %s.place, %s.code, %s.budget FROM crm.branch %s ORDER BY %s.place, %s.code DESC, %s.id" % ((a,) * 8)
        return "SELECT b.code, c.code, b.budget FROM crm.branch b, crm.branch c WHERE b.code = c.code AND b.id < c.id AND b.grp > c.grp ORDER BY b.id, c.id LIMIT 30"

    def kind_composite(self):
        s = self.source()
        a, t = s.alias, self.table(s)
        self.touches = True
        r = self.rng.randrange(8)
        if r == 0: return "SELECT (array_agg(%s ORDER BY %s.id))[%d] FROM %s" % (a, a, self.rng.randrange(1, 9), t)
        if r == 1: return "SELECT u.* FROM unnest((SELECT array_agg(%s ORDER BY %s.id) FROM %s)) u ORDER BY u.id LIMIT 9" % (a, a, t)
        if r == 2: return "SELECT ROW(%s.*), ARRAY[ROW(%s.*)] FROM %s ORDER BY %s.id LIMIT 20" % (a, a, t, a)
        if r == 3: return "SELECT ARRAY[[%s, 'x'], ['y', %s]] FROM %s ORDER BY %s.id" % (self.text([s], 1), self.text([s], 1), t, a)
        if r == 4: return "SELECT (q.v).* FROM (SELECT %s AS v FROM %s OFFSET 0) q ORDER BY (q.v).id LIMIT 30" % (a, t)
        if r == 5: return "SELECT array_to_json(array_agg(%s ORDER BY %s.id)) FROM %s" % (a, a, t)
        if r == 6: return "SELECT max(ROW(%s, %s.id)::text), (min(ARRAY[%s]))[1] FROM %s" % (self.text([s], 1), a, self.text([s], 1), t)
        return "SELECT %s.id, %s IS NULL, ROW(%s, 1) > ROW('m', 1), ARRAY[%s] @> ARRAY['x'], array_remove(ARRAY[%s, 'b'], 'b') FROM %s ORDER BY 1" % (a, a, self.text([s], 0), self.text([s], 0), self.text([s], 0), t)

    def kind_merge(self):
        """Into a table of one's own, from masked ones."""
        self.reads = False
        s = self.source()
        v, name = self.column([s], TEXT, True), self.name("m")
        source = "(SELECT %s.id, %s AS v FROM %s) q" % (s.alias, v, self.table(s))
        return self.transaction("CREATE TEMP TABLE %s (id int, v text); INSERT INTO %s SELECT g, 'old' FROM generate_series(1, 40) g" % (name, name),
                                "MERGE INTO %s m USING %s ON m.id = q.id WHEN MATCHED AND %s THEN %s WHEN MATCHED THEN DO NOTHING WHEN NOT MATCHED AND q.v > '' THEN INSERT VALUES (q.id, %s)" % (
                                    name, source, self.pick("q.v > 'a'", "length(q.v) > 3", "m.id % 2 = 0"), self.pick("UPDATE SET v = q.v", "DELETE", "UPDATE SET v = m.v || q.v"), self.pick("q.v", "upper(q.v)", "reverse(q.v)")),
                                "SELECT * FROM %s ORDER BY id, v" % name)

    def kind_cursor_loop(self):
        """Cursors of functions: with arguments, returned, held by name, and rows of one's own at their place."""
        self.reads = False
        q, name, f = self.column_query(), self.name("y"), "pg_temp." + self.name("f")
        r = self.rng.randrange(4)
        if r == 0: return "DO $$ DECLARE c CURSOR (n int) FOR SELECT i.v FROM (%s) i ORDER BY 1 LIMIT n; s text := ''; BEGIN FOR r IN c (7) LOOP s := s || r.v; END LOOP; RAISE NOTICE '%%', s; END $$" % q
        if r == 1: return self.transaction("CREATE FUNCTION %s() RETURNS refcursor LANGUAGE plpgsql AS $f$ DECLARE c refcursor := 'cc'; BEGIN OPEN c SCROLL FOR %s ORDER BY 1; RETURN c; END $f$" % (f, q),
                                           "SELECT %s()" % f, "FETCH 4 FROM cc", "FETCH LAST FROM cc", "FETCH ABSOLUTE 2 FROM cc", "CLOSE cc")
        if r == 2: return self.transaction("CREATE TEMP TABLE %s AS SELECT i.v, row_number() OVER (ORDER BY i.v) AS n FROM (%s) i" % (name, q), "DECLARE cc CURSOR FOR SELECT * FROM %s FOR UPDATE" % name,
                                           "FETCH 2 FROM cc", "UPDATE %s SET v = v || '!' WHERE CURRENT OF cc RETURNING v" % name, "DELETE FROM %s WHERE CURRENT OF cc" % name)
        return "BEGIN; DECLARE cc CURSOR WITH HOLD FOR %s ORDER BY 1; COMMIT; FETCH 5 FROM cc; SELECT name, statement FROM pg_cursors; CLOSE cc" % q

    def kind_procedure(self):
        self.reads = False
        q, p = self.column_query() + " ORDER BY 1 LIMIT 1", "pg_temp." + self.name("p")
        if self.chance(0.5):
            return self.transaction("CREATE PROCEDURE %s(INOUT v text) LANGUAGE plpgsql AS $f$ BEGIN v := v || (%s); END $f$" % (p, q), "CALL %s('it is ')" % p)
        return self.transaction("CREATE PROCEDURE %s(INOUT v text) LANGUAGE sql AS $f$ %s $f$" % (p, q), "CALL %s(NULL)" % p, "DO $$ DECLARE x text; BEGIN CALL %s(x); RAISE NOTICE '%%', x; END $$" % p)

    def kind_own_ddl(self):
        """Commands that read what is in an own copy, or keep it elsewhere."""
        self.reads = False
        name, n2 = self.name("y"), self.name("z")
        make = "CREATE TEMP TABLE %s AS SELECT i.v, row_number() OVER (ORDER BY i.v)::int AS n FROM (%s) i" % (name, self.column_query())
        show = "SELECT * FROM %s ORDER BY n" % name
        r = self.rng.randrange(10)
        if r == 0: return self.transaction(make, "ALTER TABLE %s ADD w text GENERATED ALWAYS AS (upper(v)) STORED" % name, show)
        if r == 1: return self.transaction(make, "ALTER TABLE %s ALTER v TYPE varchar(60) USING reverse(v) || v" % name, show)
        if r == 2: return self.transaction(make, "CREATE TEMP TABLE %s (LIKE %s INCLUDING ALL)" % (n2, name), "INSERT INTO %s TABLE %s" % (n2, name), "SELECT v FROM %s ORDER BY n" % n2)
        if r == 3: return self.transaction(make, "CREATE AGGREGATE pg_temp.joined(text) (sfunc = textcat, stype = text, initcond = '')", "SELECT pg_temp.joined(v) FROM (SELECT v FROM %s ORDER BY n LIMIT 9) q" % name)
        if r == 4: return self.transaction(make, "CREATE INDEX %s_i ON %s (v); CLUSTER %s USING %s_i" % (name, name, name, name), "REINDEX TABLE %s" % name, "SELECT v FROM %s" % name + " ORDER BY n")
        if r == 5: return self.transaction(make, "CREATE STATISTICS work.%s_s (mcv) ON v, n FROM %s; ANALYZE %s" % (name, name, name), "SELECT most_common_vals, most_common_base_freqs FROM pg_stats_ext WHERE statistics_name = '%s_s'" % name, show)
        if r == 6: return self.transaction(make, "CREATE TYPE work.pair AS (v text, n int)", "SELECT ROW(v, n)::work.pair FROM %s ORDER BY n" % name, "SELECT array_agg(ROW(v, n)::work.pair ORDER BY n) FROM %s" % name)
        if r == 7: return self.transaction(make, "CREATE TEMP SEQUENCE %s_q; ALTER TABLE %s ADD id int DEFAULT nextval('%s_q')" % (name, name, name), "TRUNCATE %s RESTART IDENTITY" % name, "INSERT INTO %s (v) %s ORDER BY 1 LIMIT 3 RETURNING *" % (name, self.column_query()))
        if r == 8: return self.transaction(make, "CREATE OPERATOR work.### (leftarg = text, rightarg = text, function = textcat)", "SELECT v OPERATOR(work.###) v FROM %s ORDER BY n" % name)
        return self.transaction(make, "ALTER TABLE %s RENAME v TO u; ALTER TABLE %s RENAME TO %s" % (name, name, n2), "SELECT u, upper(u) FROM %s ORDER BY n" % n2, "COPY (TABLE %s) TO STDOUT" % n2)

    def kind_error_details(self):
        """Errors whose detail is a row or a key: partitions, foreign keys, exclusion, domains, generated and cast values."""
        self.honest = self.reads = False
        q, name = self.column_query(), self.name("z")
        r = self.rng.randrange(6)
        if r == 0: return self.transaction("CREATE TEMP TABLE %s (v text) PARTITION BY LIST (v)" % name, "INSERT INTO %s %s" % (name, q))
        if r == 1: return self.transaction("CREATE TEMP TABLE %s_k (v text PRIMARY KEY); CREATE TEMP TABLE %s (v text REFERENCES %s_k)" % (name, name, name), "INSERT INTO %s %s" % (name, q))
        if r == 2: return self.transaction("CREATE TEMP TABLE %s (v text, EXCLUDE USING btree (v WITH =))" % name, "INSERT INTO %s SELECT i.v FROM (%s) i, generate_series(1, 2)" % (name, q))
        if r == 3: return self.transaction("CREATE DOMAIN pg_temp.short AS text CHECK (length(VALUE) < 2)", "SELECT i.v::pg_temp.short FROM (%s) i" % q, "SELECT 1")
        if r == 4: return self.transaction("CREATE TEMP TABLE %s (v text, n int GENERATED ALWAYS AS (v::int) STORED)" % name, "INSERT INTO %s (v) %s" % (name, q))
        return self.transaction("CREATE TEMP TABLE %s AS %s" % (name, q), "ALTER TABLE %s ALTER v TYPE int USING v::int" % name)

    def kind_table_function(self):
        s = self.source()
        a, v, t = s.alias, self.column([s], TEXT, True), self.table(s)
        r = self.rng.randrange(7)
        if r == 0: return "SELECT x.*, %s.id FROM %s, ROWS FROM (unnest(ARRAY[%s, 'z']), generate_series(1, 3)) WITH ORDINALITY x ORDER BY %s.id, x.ordinality" % (a, t, v, a)
        if r == 1: return "SELECT x.w FROM %s, XMLTABLE('/r/v' PASSING xmlelement(name r, xmlelement(name v, %s)) COLUMNS w text PATH '.') x ORDER BY %s.id" % (t, v, a)
        if r == 2: return "WITH RECURSIVE r(id, v) AS (SELECT %s.id, %s FROM %s WHERE %s.id = 1 UNION ALL SELECT %s.id, %s FROM %s JOIN r ON %s.id = r.id + 1 WHERE r.id < 30) SEARCH DEPTH FIRST BY id SET o CYCLE id SET c USING p SELECT v, o, c FROM r ORDER BY id" % (a, v, t, a, a, v, t, a)
        if r == 3: return "SELECT %s AS g, %s.id %% 3, count(*) FROM %s GROUP BY CUBE (1, 2) ORDER BY 1, 2, 3" % (v, a, t)
        if r == 4: return "SELECT rank('m') WITHIN GROUP (ORDER BY %s), max(%s), cume_dist('q') WITHIN GROUP (ORDER BY %s) FROM %s" % (v, v, v, t)
        if r == 5: return "SELECT x.v, x.n FROM json_to_recordset((SELECT json_agg(json_build_object('v', %s, 'n', %s.id) ORDER BY %s.id) FROM %s)) x(v text, n int) ORDER BY 2" % (v, a, a, t)
        return "SELECT array_agg(%s) OVER (ORDER BY %s.id RANGE BETWEEN 1 PRECEDING AND 1 FOLLOWING EXCLUDE CURRENT ROW) FROM %s ORDER BY %s.id" % (v, a, t, a)
