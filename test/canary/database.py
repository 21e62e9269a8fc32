"""database.py
		The database that is attacked: relations of every kind with columns to be masked, roles, functions.

	keeper		owns everything in schema crm; not a superuser
	analyst		the role that policies are about; may write some tables, and make temporary things
	app			logs in, inherits nothing, and says SET ROLE analyst
	pooled		a pool's session: SET ROLE keeper, then analyst, with the plans of the one still there

COLUMNS says what there is: relation -> ((column, type, masked), ...).  Values of masked columns come from
values(), a function of (relation, column, type, row number): secrets here, equal masks in noninterference.py.
"""

ROWS = {"person": 240, "visit": 700, "event": 500, "asset": 120, "vehicle": 60, "branch": 300}

PERSON = (("id", "int", False), ("name", "text", True), ("ssn", "text", True), ("account", "int8", True),
          ("salary", "num", True), ("born", "date", True), ("doc", "jsonb", True), ("tags", "text[]", True),
          ("blob", "bytea", True), ("uid", "uuid", True), ("city", "text", False), ("grp", "int", False),
          ("note", "text", False), ("pad", "text", False))
VISIT = (("id", "int", False), ("person_id", "int", False), ("diag", "text", True), ("cost", "num", True),
         ("seen", "timestamptz", False), ("place", "text", False), ("pad", "text", False))
EVENT = (("id", "int", False), ("kind", "int", False), ("payload", "text", True), ("amount", "int8", True),
         ("day", "date", False))
ASSET = (("id", "int", False), ("label", "text", True), ("size", "int8", True), ("grp", "int", False))
# With a row filter beside its masks, and an index on a masked column.
BRANCH = (("id", "int", False), ("code", "text", True), ("budget", "int8", True), ("place", "text", False), ("grp", "int", False))


def some(columns, names):
    by = {c[0]: c for c in columns}
    return tuple(by[n] for n in names.split())


# The views and copies show these columns of person.
SHOWN = some(PERSON, "id name ssn account salary born city grp")
LAKE = some(PERSON, "id name ssn account born city grp")

COLUMNS = {
    "crm.person": PERSON, "crm.visit": VISIT, "crm.event": EVENT, "crm.event_1": EVENT, "crm.event_2": EVENT,
    "crm.asset": ASSET, "crm.vehicle": ASSET + (("wheels", "int", False),),
    "crm.branch": BRANCH,
    "crm.person_view": SHOWN, "crm.person_invoker": SHOWN, "crm.person_barrier": SHOWN, "crm.person_mat": SHOWN,
    "crm.person_lake": LAKE,
}
TABLES = ("person", "visit", "event", "asset", "vehicle", "branch")
WRITABLE = ("crm.person", "crm.visit", "crm.event", "crm.asset")
SQL_TYPES = {"int": "int", "int8": "int8", "num": "numeric(20,2)", "text": "text", "date": "date", "jsonb": "jsonb",
             "text[]": "text[]", "bytea": "bytea", "uuid": "uuid", "timestamptz": "timestamptz"}

ROLES = """
CREATE ROLE keeper LOGIN;
CREATE ROLE analyst LOGIN;
CREATE ROLE app LOGIN NOINHERIT;
GRANT analyst TO app;
CREATE ROLE pooled LOGIN NOINHERIT;
GRANT keeper, analyst TO pooled;
"""


def declared(columns):
    return ", ".join("%s %s%s" % (n, SQL_TYPES[t], " PRIMARY KEY" if n == "id" else "") for n, t, _ in columns)


SCHEMA = """
CREATE EXTENSION IF NOT EXISTS lakehouse;
CREATE SCHEMA crm AUTHORIZATION keeper;
SET ROLE keeper;
SET search_path = crm;
CREATE TYPE color AS ENUM ('red', 'green', 'blue');
CREATE TABLE person (%(person)s);
CREATE TABLE visit (%(visit)s);
ALTER TABLE visit ADD FOREIGN KEY (person_id) REFERENCES person;
CREATE TABLE event (%(event)s) PARTITION BY RANGE (id);
CREATE TABLE event_1 PARTITION OF event FOR VALUES FROM (0) TO (200);
CREATE TABLE event_2 PARTITION OF event FOR VALUES FROM (200) TO (400);
CREATE TABLE event_rest PARTITION OF event DEFAULT;
CREATE TABLE asset (%(asset)s);
CREATE TABLE vehicle (wheels int) INHERITS (asset);
CREATE TABLE branch (%(branch)s);
ALTER TABLE branch REPLICA IDENTITY FULL;
RESET ROLE;
""" % {"person": declared(PERSON), "visit": declared(VISIT), "event": declared(EVENT), "asset": declared(ASSET), "branch": declared(BRANCH)}

# After the rows: what is made of them.
DERIVED = """
SET ROLE keeper;
SET search_path = crm;
CREATE INDEX ON person (ssn) WITH (deduplicate_items = off);
CREATE INDEX ON person (grp);
CREATE INDEX ON person (lower(name)) WITH (deduplicate_items = off);
CREATE INDEX ON visit (person_id);
CREATE INDEX ON branch (code) WITH (deduplicate_items = off);
CREATE INDEX ON branch (place, id) WITH (deduplicate_items = off);
CREATE STATISTICS person_stats (dependencies, mcv) ON name, ssn FROM person;
CREATE VIEW person_view AS SELECT %(shown)s FROM person;
CREATE VIEW person_invoker WITH (security_invoker) AS SELECT %(shown)s FROM person;
CREATE VIEW person_barrier WITH (security_barrier) AS SELECT %(shown)s FROM person WHERE grp < 90;
CREATE MATERIALIZED VIEW person_mat AS SELECT %(shown)s FROM person;
CREATE FUNCTION ssn_of(int) RETURNS text STABLE LANGUAGE sql AS 'SELECT ssn FROM crm.person WHERE id = $1';
CREATE FUNCTION name_of(int) RETURNS text STABLE LANGUAGE sql BEGIN ATOMIC SELECT name FROM crm.person WHERE id = $1; END;
CREATE FUNCTION ssn_definer(int) RETURNS text STABLE SECURITY DEFINER LANGUAGE sql
	AS 'SELECT ssn FROM crm.person WHERE id = $1';
CREATE FUNCTION persons() RETURNS SETOF crm.person STABLE LANGUAGE sql AS 'SELECT * FROM crm.person';
CREATE FUNCTION persons_atomic(g int) RETURNS TABLE (id int, name text, account int8) STABLE LANGUAGE sql
	BEGIN ATOMIC SELECT id, name, account FROM crm.person WHERE grp = g; END;
CREATE FUNCTION persons_definer() RETURNS SETOF crm.person STABLE SECURITY DEFINER LANGUAGE plpgsql
	AS 'BEGIN RETURN QUERY SELECT * FROM crm.person; END';
CREATE FUNCTION name_loop(int) RETURNS text LANGUAGE plpgsql AS $$
	DECLARE r record; s text := '';
	BEGIN FOR r IN SELECT * FROM crm.person p WHERE p.grp = $1 ORDER BY p.id LOOP s := s || r.name || ','; END LOOP;
	RETURN s; END $$;
RESET ROLE;
CREATE SERVER lake FOREIGN DATA WRAPPER lakehouse;
SELECT * FROM lakehouse.write_parquet('SELECT %(lake)s FROM crm.person ORDER BY id', '%(files)s/person.parquet', '%(options)s');
CREATE FOREIGN TABLE crm.person_lake (%(lake_declared)s) SERVER lake OPTIONS (location '%(files)s/person.parquet');
GRANT SELECT ON crm.person_lake TO keeper;
GRANT USAGE ON SCHEMA crm TO analyst;
GRANT USAGE ON TYPE crm.color TO analyst;
GRANT CREATE, TEMPORARY ON DATABASE %(database)s TO analyst;
GRANT USAGE ON SCHEMA lakehouse TO PUBLIC;
CREATE SCHEMA work AUTHORIZATION analyst;
ANALYZE;
"""

# What the role holds while there are no policies.
GRANT_READ = "GRANT SELECT ON ALL TABLES IN SCHEMA crm TO analyst;"
GRANT_WRITE = "GRANT INSERT, UPDATE, DELETE ON %s TO analyst;" % ", ".join(WRITABLE)


# The size of a file is seen in costs: what is hidden must not change it (noninterference.py).
PARQUET = '{"compression": "none", "dictionary": false}'


def literal(value, type):
    if value is None:
        return "NULL"
    if type == "text[]":
        return "ARRAY[%s]" % ", ".join("'%s'" % v for v in value)
    if type in ("int", "int8", "num"):
        return str(value)
    return "'%s'::%s" % (str(value).replace("'", "''"), SQL_TYPES[type])


def plain(relation, column, type, i):
    """Values that are no secret, the same in every database."""
    if column == "id":
        return i if relation != "vehicle" else 1000 + i
    if column == "person_id":
        return 1 + i * 7 % ROWS["person"]
    if column == "pad":
        return "p%d " % (i % 3) * 24
    if column == "city":
        return ("Berlin", "Lisbon", "Oslo", "Turin", "Prague")[i % 5]
    if column == "place":
        return ("north", "south", None, "east")[i % 4]
    if column == "note":
        return None if i % 3 else "note %d" % (i % 11)
    if type == "date":
        return "2026-0%d-11" % (1 + i % 9)
    if type == "timestamptz":
        return "2026-03-0%d 12:00:00+00" % (1 + i % 9)
    return i % 12


def rows(relation, columns, values):
    """INSERT statements; values(relation, column, type, i) gives masked columns."""
    out = []
    for i in range(1, ROWS[relation] + 1):
        row = [literal(values(relation, n, t, i) if masked else plain(relation, n, t, i), t) for n, t, masked in columns]
        out.append("(%s)" % ", ".join(row))
    return "INSERT INTO crm.%s (%s) VALUES\n%s;" % (relation, ", ".join(c[0] for c in columns), ",\n".join(out))


def build(connection, values, files, database):
    """In an empty database, as superuser; roles are there."""
    connection.must("SET log_statement = none; SET log_min_duration_statement = -1; SET log_min_error_statement = panic;"
                    "SET client_min_messages = warning")
    connection.must(SCHEMA)
    for relation in TABLES:
        connection.must(rows(relation, COLUMNS["crm." + relation], values))
    names = {"shown": ", ".join(c[0] for c in SHOWN), "lake": ", ".join(c[0] for c in LAKE), "files": files,
             "lake_declared": ", ".join("%s %s" % (n, SQL_TYPES[t]) for n, t, _ in LAKE), "database": database, "options": PARQUET}
    connection.must(DERIVED % names)
    connection.must("VACUUM ANALYZE")
    connection.must("RESET search_path; RESET log_statement; RESET log_min_error_statement; RESET client_min_messages")


def refill(connection, values, files):
    """The same database, copied with all its oids, with other values."""
    connection.must("TRUNCATE %s" % ", ".join("crm." + t for t in TABLES))
    for relation in TABLES:
        connection.must(rows(relation, COLUMNS["crm." + relation], values))
    connection.must("REFRESH MATERIALIZED VIEW crm.person_mat")
    connection.must("SELECT * FROM lakehouse.write_parquet('SELECT %s FROM crm.person ORDER BY id', '%s/person.parquet', '%s')" % (
        ", ".join(c[0] for c in LAKE), files, PARQUET))
    connection.must("ALTER FOREIGN TABLE crm.person_lake OPTIONS (SET location '%s/person.parquet')" % files)
    connection.must("VACUUM ANALYZE")


KEPT = {"crm.person.ssn": ("", "%04d"), "crm.visit.diag": ("%02d", ""), "crm.branch.code": ("%02d", ""), "crm.asset.label": ("%d", "%04d"), "crm.vehicle.label": ("%d", "%04d")}


def secrets(maker):
    """values() of canaries."""
    def value(relation, column, type, i):
        place = "crm.%s.%s" % (relation, column)
        if type == "text":
            # what masks keep is no part of the secret, so that kept parts side by side are none either
            before, after = KEPT.get(place, ("", ""))
            return (before and before % (i % 100)) + maker.text(place) + (after and after % (i * 7919 % 10000))
        if type == "int8":
            return maker.int(place)
        if type == "num":
            return maker.num(place)
        if type == "date":
            return maker.date(place)
        if type == "uuid":
            return maker.uuid(place)
        if type == "text[]":
            return [maker.text(place), maker.text(place)]
        if type == "bytea":
            return "\\x" + maker.text(place).encode().hex()
        if type == "jsonb":
            return '{"code": "%s", "number": %d, "list": ["%s", 1], "day": "%s"}' % (
                maker.text(place), maker.int(place), maker.text(place), maker.date(place))
        raise AssertionError(type)
    return value
