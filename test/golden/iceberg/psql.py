"""psql.py
		PostgreSQL by the psql program: rows as text, without any Python package.

The server is the one of PGHOST, PGPORT, PGUSER and PGDATABASE.  A script is run in a session of
its own; rows come by COPY, so NULL and every text survive.
"""

import os
import subprocess

SETTINGS = ["DateStyle = 'ISO, MDY'", "IntervalStyle = postgres", "TimeZone = 'UTC'", "bytea_output = hex",
            "extra_float_digits = 1", "client_min_messages = error"]
# A failure that is never the expected one: the connection or the server broke.
BROKEN = ("XX000", "57P01", "57P02", "57P03", "08000", "08003", "08006", "57014")
_MARK = "--8<-- end of rows --8<--"
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "v": "\v"}


class Failed(Exception):
    """A statement failed: code is its SQLSTATE, or '' when the connection broke."""

    def __init__(self, code, message):
        super().__init__("%s %s" % (code, message))
        self.code, self.message = code, message


def literal(text):
    if "\\" in text:
        return " E'" + text.replace("\\", "\\\\").replace("'", "''") + "'"
    return "'" + text.replace("'", "''") + "'"


def identifier(text):
    return '"' + text.replace('"', '""') + '"'


def _unescape(field):
    if field == "\\N":
        return None
    if "\\" not in field:
        return field
    out, at = [], 0
    while True:
        back = field.find("\\", at)
        if back < 0:
            return "".join(out) + field[at:]
        out.append(field[at:back])
        out.append(_ESCAPES.get(field[back + 1], field[back + 1]))
        at = back + 2


def run(statements, queries=(), timeout="120s"):
    """Run statements, then the rows of each query: a list of lists of texts for each."""
    script = ["\\set ON_ERROR_STOP on", "\\set VERBOSITY verbose"]
    script += ["SET %s;" % s for s in SETTINGS] + ["SET statement_timeout = '%s';" % timeout]
    script += [s + ";" for s in statements]
    for q in queries:
        script += ["COPY (%s) TO STDOUT;" % q, "\\echo '%s'" % _MARK]
    done = subprocess.run(["psql", "-XqAt", "-f", "-"], input="\n".join(script) + "\n", capture_output=True,
                          text=True, errors="surrogateescape", env={**os.environ, "PGCLIENTENCODING": "UTF8"})
    if done.returncode != 0:
        raise _failure(done.stderr)
    out, rows = [], []
    # not splitlines(): texts may hold other line ends
    for line in done.stdout.split("\n")[:-1]:
        if line == _MARK:
            out.append(rows)
            rows = []
        else:
            rows.append([_unescape(f) for f in line.split("\t")])
    if len(out) != len(queries):
        raise Failed("", "psql gave %d results for %d queries" % (len(out), len(queries)))
    return out


def _failure(errors):
    for line in errors.split("\n"):
        for level in ("ERROR:", "FATAL:", "PANIC:"):
            at = line.find(level)
            if at >= 0:
                code, _, message = line[at + len(level):].strip().partition(":")
                return Failed(code.strip(), message.strip())
    return Failed("", errors.strip()[:500])
