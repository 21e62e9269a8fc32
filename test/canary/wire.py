"""wire.py
		A client of PostgreSQL's protocol that keeps every byte the server sends.

Nothing is decoded on the way and nothing is dropped: rows, notices, errors, notifications, parameter
changes and COPY data are in what statement() gives, in the server's framing.  What is made of them here
(errors, fields) is for whoever steers the run, not for the search.
"""

import os
import socket
import struct


class Gone(Exception):
    """The server closed the connection, or did not answer in time."""

    def __init__(self, why, received):
        super().__init__(why)
        self.received = received


class Reply:
    """What came back of one statement: raw, and messages as (type, body)."""

    def __init__(self, raw, messages):
        self.raw, self.messages = raw, messages

    def errors(self):
        return [fields(body) for kind, body in self.messages if kind == b"E"]

    @property
    def failed(self):
        return any(kind == b"E" for kind, _ in self.messages)

    @property
    def sqlstate(self):
        errors = self.errors()
        return errors[0].get("C", "?????") if errors else "00000"

    def rows(self):
        """Text rows; for what the harness itself asks."""
        out = []
        for kind, body in self.messages:
            if kind == b"D":
                row, at = [], 2
                for _ in range(struct.unpack_from(">H", body)[0]):
                    length, = struct.unpack_from(">i", body, at)
                    at += 4
                    row.append(None if length < 0 else body[at:at + length].decode("utf-8", "replace"))
                    at += max(length, 0)
                out.append(row)
        return out


def fields(body):
    """Of an ErrorResponse or NoticeResponse."""
    out = {}
    for part in body.split(b"\0"):
        if part:
            out[chr(part[0])] = part[1:].decode("utf-8", "replace")
    return out


class Connection:
    TIMEOUT = 120

    def __init__(self, user, database=None, options=None):
        host, port = os.environ["PGHOST"], os.environ.get("PGPORT", "5432")
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(self.TIMEOUT)
        self.socket.connect("%s/.s.PGSQL.%s" % (host, port))
        self.buffer = bytearray()
        self.user = user
        self.transaction = b"I"         # for whoever keeps count: the last ReadyForQuery
        pairs = ["user", user, "database", database or os.environ.get("PGDATABASE", "postgres"), "client_encoding", "UTF8"]
        if options:
            pairs += ["options", options]
        body = struct.pack(">I", 196608) + b"".join(p.encode() + b"\0" for p in pairs) + b"\0"
        self.socket.sendall(struct.pack(">I", len(body) + 4) + body)
        self.greeting = self._answer()
        if self.greeting.failed:
            raise Gone(self.greeting.errors()[0].get("M", "?"), self.greeting.raw)

    def close(self):
        try:
            self._send(b"X", b"")
        except OSError:
            pass
        self.socket.close()

    def _send(self, kind, body):
        self.socket.sendall(kind + struct.pack(">I", len(body) + 4) + body)

    def _answer(self):
        """All up to ReadyForQuery."""
        raw, messages = bytearray(), []
        while True:
            at = 0
            while len(self.buffer) - at >= 5:
                length, = struct.unpack_from(">I", self.buffer, at + 1)
                if len(self.buffer) - at < length + 1:
                    break
                kind, body = bytes(self.buffer[at:at + 1]), bytes(self.buffer[at + 5:at + 1 + length])
                raw += self.buffer[at:at + 1 + length]
                at += 1 + length
                messages.append((kind, body))
                if kind == b"R" and body[:4] != b"\0\0\0\0":
                    raise Gone("the server asks for a password", bytes(raw))
                if kind in (b"G", b"W"):
                    # COPY FROM STDIN: the harness has no data
                    self._send(b"c", b"")
                if kind == b"Z":
                    del self.buffer[:at]
                    return Reply(bytes(raw), messages)
            del self.buffer[:at]
            try:
                more = self.socket.recv(1 << 16)
            except (OSError, socket.timeout) as e:
                raise Gone(str(e), bytes(raw + self.buffer))
            if not more:
                raise Gone("connection closed", bytes(raw + self.buffer))
            self.buffer += more

    def statement(self, sql):
        """By the simple protocol; sql may be several statements."""
        self._send(b"Q", sql.encode() + b"\0")
        return self._answer()

    def extended(self, sql, binary=False, fetch=0):
        """Parse, Bind, Describe, Execute; results as text or binary; fetch: rows of a first Execute."""
        self._send(b"P", b"\0" + sql.encode() + b"\0\0\0")
        self._send(b"B", b"\0\0" + struct.pack(">HHHH", 0, 0, 1, 1 if binary else 0))
        self._send(b"D", b"P\0")
        if fetch:
            self._send(b"E", b"\0" + struct.pack(">I", fetch))
        self._send(b"E", b"\0" + struct.pack(">I", 0))
        self._send(b"S", b"")
        return self._answer()

    def must(self, sql):
        """For the harness's own work: the rows, or an exception."""
        reply = self.statement(sql)
        if reply.failed:
            e = reply.errors()[0]
            raise RuntimeError("%s\n%s %s" % (sql[:2000], e.get("C"), e.get("M")))
        return reply.rows()
