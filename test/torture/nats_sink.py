"""nats_sink.py
		The stream of NATS JetStream that cdc.py tortures: its server, which is killed, too, and a
		reader of its own, which speaks NATS's protocol over a socket.

The duplicate window is 100 ms, shorter than any restart, so that it is not what makes the stream
exactly once.
"""

import base64
import json
import os
import shutil
import socket
import urllib.parse

import cdc_check

CONF = """
listen: "127.0.0.1:{port}"
server_name: torture
max_payload: 8388608
jetstream {{ store_dir: "{dir}/nats", max_file: 10GB }}
"""
STREAM = "TORTURE"


def program():
    """None where there is no server on this machine."""
    return os.environ.get("LAKEHOUSE_NATS_SERVER") or shutil.which("nats-server", path="/usr/sbin:/usr/bin:/usr/local/bin")


class Server:
    def __init__(self, directory):
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            self.port = s.getsockname()[1]
        self.conf = f"{directory}/nats.conf"
        with open(self.conf, "w") as f:
            f.write(CONF.format(port=self.port, dir=directory))
        self.command = [program(), "-c", self.conf]
        # few messages under way at once, so that kills find events and transactions in part
        self.uri = (f"nats://127.0.0.1:{self.port}/{STREAM}?create=yes&duplicate.window.ms=100"
                    "&connect.timeout.ms=2000&waiting.messages=200")

    def is_up(self):
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
            return True
        except OSError:
            return False


class Connection:
    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), 60)
        self.file = self.socket.makefile("rb")
        self.send(b'CONNECT {"verbose":false,"headers":true}\r\nSUB me 1\r\n')

    def send(self, data):
        self.socket.sendall(data)

    def ask(self, subject, *bodies):
        """The answers to several requests, in order."""
        self.send(b"".join(b"PUB %s me %d\r\n%s\r\n" % (subject, len(b), b) for b in bodies))
        answers = []
        while len(answers) < len(bodies):
            line = self.file.readline()
            if line.startswith(b"MSG "):
                answers.append(json.loads(self.file.read(int(line.split()[-1]))))
                self.file.read(2)
            elif line.startswith(b"PING"):
                self.send(b"PONG\r\n")
            elif not line or line.startswith(b"-ERR"):
                raise cdc_check.Damaged(f"nats: {line!r}")
        return answers


def headers_of(block):
    lines = base64.b64decode(block).decode("ascii").split("\r\n")
    return dict(line.split(": ", 1) for line in lines[1:] if ": " in line)


def read(format, server):
    """The events of the stream, which has one order."""
    connection = Connection(server.port)
    state = connection.ask(b"$JS.API.STREAM.INFO.%s" % STREAM.encode(), b"")[0]["state"]
    events, last, at, step = [], None, state["first_seq"], 200
    while at <= state["last_seq"]:
        end = min(at + step, state["last_seq"] + 1)
        for seq, answer in zip(range(at, end), connection.ask(b"$JS.API.STREAM.MSG.GET.%s" % STREAM.encode(),
                                                              *(b'{"seq":%d}' % n for n in range(at, end)))):
            if "message" not in answer:
                continue  # a position that gave way to a newer one
            message = answer["message"]
            headers, place = headers_of(message["hdrs"]), f"sequence {seq}"
            if headers.get("Lakehouse-Stream") != f"torture/{format}":
                raise cdc_check.Damaged(f"{place}: of {headers.get('Lakehouse-Stream')}")
            if message["subject"] == "torture._position":
                continue
            value = base64.b64decode(message.get("data", "")).decode()
            position, event = cdc_check.FORMATS[format][1](value)
            if position != (cdc_check.lsn_of(headers["commit"]), int(headers["ordinal"])) or event.op != headers["op"]:
                raise cdc_check.Damaged(f"{place}: the headers say {headers}, the value {event.op} at {position}")
            key = headers.get("Lakehouse-Key")
            key = tuple(cdc_check.parse(urllib.parse.unquote(key)).values()) if key is not None else None
            if key != event.key:
                raise cdc_check.Damaged(f"{place}: the key is {key}, of the value {event.key}")
            if last is not None and position <= last:
                raise cdc_check.Damaged(f"{place}: position {position} behind {last}")
            last = position
            events.append(event)
        at = end
    return events
