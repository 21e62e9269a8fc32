"""redis_sink.py
		Redis Streams as a sink of cdc.py: a server that is killed, too, and what it holds.

The server syncs its log with each command, as the sink wants it, and rewrites it often, so that some
kills hit a rewrite.  Entries are read by a client of our own, which knows nothing of the sink's.
"""

import os
import socket

import cdc_check

PROGRAM = "/usr/bin/redis-server"
SUB_BITS = 22  # of an id's second number; the rest is the ordinal


def is_there():
    return os.access(PROGRAM, os.X_OK)


class Reader:
    """Requests and replies (RESP2) over a socket."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(60)
        self.socket.connect(path)
        self.file = self.socket.makefile("rb")

    def ask(self, *args):
        words = [a.encode() for a in args]
        self.socket.sendall(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in words))
        return self.reply()

    def reply(self):
        line = self.file.readline().rstrip(b"\r\n").decode()
        if not line:
            raise ConnectionError("the server closed the connection")
        kind, rest = line[0], line[1:]
        if kind == "$":
            return None if rest == "-1" else self.file.read(int(rest) + 2)[:-2].decode()
        if kind == "*":
            return [self.reply() for _ in range(int(rest))]
        if kind == "-":
            raise cdc_check.Damaged(f"Redis: {rest}")
        return int(rest) if kind == ":" else rest


class Redis:
    def __init__(self, directory, prefix):
        self.directory, self.prefix = directory, prefix
        self.socket = f"{directory}/redis.sock"
        self.command = [PROGRAM, "--port", "0", "--unixsocket", self.socket, "--dir", f"{directory}/redis", "--save", "", "--appendonly", "yes",
                        "--appendfsync", "always", "--auto-aof-rewrite-min-size", "2mb", "--auto-aof-rewrite-percentage", "50"]
        # a preloaded sanitizer is for our own programs
        self.env = {k: v for k, v in os.environ.items() if k != "LD_PRELOAD"}
        os.mkdir(f"{directory}/redis")

    def sink(self):
        """As a line of SINKS."""
        return "redis", "json", f"redis://{self.socket}?batch.bytes=30000&timeout.ms=20000", self.read

    def is_up(self):
        try:
            return Reader(self.socket).ask("PING") == "PONG"
        except (OSError, cdc_check.Damaged):
            return False

    def read(self, format):
        """The events of all streams, in the order of their positions; each stream's must ascend, and say what the value says."""
        reader, found = Reader(self.socket), []
        for stream in sorted(reader.ask("KEYS", self.prefix + "*")):
            last, start = (0, 0), "-"
            while True:
                entries = reader.ask("XRANGE", stream, start, "+", "COUNT", "1000")
                if not entries:
                    break
                for name, fields in entries:
                    last = self.take(format, found, stream, name, dict(zip(fields[::2], fields[1::2])), last)
                start = "(" + entries[-1][0]
        found.sort(key=lambda f: f[0])
        return [event for _, event in found]

    def take(self, format, found, stream, name, fields, last):
        place = f"{stream}, entry {name}"
        commit, sequence = map(int, name.split("-"))
        position, event = cdc_check.FORMATS[format][1](fields["value"])
        told = cdc_check.parse(fields["position"])
        if position != (commit, sequence >> SUB_BITS) or position != (cdc_check.lsn_of(told["lsn"]), told["ordinal"]):
            raise cdc_check.Damaged(f"{place}: its position is {fields['position']}, that of its value {position}")
        if fields["op"] != event.op or stream != f"{self.prefix}public.{event.table}":
            raise cdc_check.Damaged(f"{place}: {fields['op']}, but its value is {event.op} of {event.table}")
        key = tuple(cdc_check.parse(fields["key"]).values()) if "key" in fields else None
        if key != event.key:
            raise cdc_check.Damaged(f"{place}: the key is {key}, of the value {event.key}")
        if position <= last:
            raise cdc_check.Damaged(f"{place}: position {position} behind {last}")
        found.append((position, event))
        return position
