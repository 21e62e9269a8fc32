"""iceberg_services.py
		What iceberg_engines.py runs beside PostgreSQL, each on a free port of 127.0.0.1.

	Relay		a TCP port in front of PostgreSQL's Unix socket, for JDBC
	S3			s3proxy, which checks signatures, over a folder
	Faulty		test/lib's stub_server over the same folder: it does as badly as it is told
	Rest		the Java library's REST catalog on top of its JDBC catalog, in PostgreSQL
	Trino		a server of one node, asked by its HTTP protocol

Each ends with stop(), and with this process.
"""

import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request

KEY, SECRET = "lakekey", "lakesecret"


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def _die_with_parent():
    ctypes.CDLL("libc.so.6").prctl(1, signal.SIGKILL)


class Process:
    """A child, its log, and the wait until it answers."""

    def __init__(self, name, command, log, ready, environment=None, seconds=60):
        self.name, self.log = name, log
        self.child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=open(log, "w"), stderr=subprocess.STDOUT,
                                      env={**os.environ, **(environment or {})}, preexec_fn=_die_with_parent)
        until = time.time() + seconds
        while not ready():
            if self.child.poll() is not None or time.time() > until:
                sys.stderr.write(open(log).read()[-3000:])
                raise RuntimeError("%s did not start (%s)" % (name, log))
            time.sleep(0.2)

    def stop(self):
        self.child.kill()
        self.child.wait()


def answers(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    except OSError:
        return False


class Relay:
    def __init__(self):
        self.target = "%s/.s.PGSQL.%s" % (os.environ["PGHOST"], os.environ.get("PGPORT", "5432"))
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            client, _ = self.listener.accept()
            server = socket.socket(socket.AF_UNIX)
            server.connect(self.target)
            for a, b in ((client, server), (server, client)):
                threading.Thread(target=self._pump, args=(a, b), daemon=True).start()

    @staticmethod
    def _pump(a, b):
        try:
            while data := a.recv(65536):
                b.sendall(data)
        except OSError:
            pass
        try:
            b.shutdown(socket.SHUT_WR)
        except OSError:
            pass


class S3(Process):
    def __init__(self, folder, jars, logs):
        self.port = free_port()
        self.url = "http://127.0.0.1:%d" % self.port
        file = os.path.join(logs, "s3proxy.properties")
        with open(file, "w") as f:
            f.write("s3proxy.endpoint=%s\ns3proxy.authorization=aws-v4\ns3proxy.identity=%s\ns3proxy.credential=%s\n"
                    "s3proxy.ignore-unknown-headers=true\njclouds.provider=filesystem-nio2\njclouds.filesystem.basedir=%s\n"
                    % (self.url, KEY, SECRET, folder))
        super().__init__("s3proxy", ["java", "-Xmx256m", "-XX:+UseSerialGC", "-cp", jars, "org.gaul.s3proxy.Main", "--properties", file],
                         os.path.join(logs, "s3proxy.log"), lambda: answers(self.port))


class Faulty:
    """stub_server: signatures are checked, requests are counted."""

    def __init__(self, program, folder):
        self.child = subprocess.Popen([program, "--root", folder, "--s3", "--key", "%s:%s" % (KEY, SECRET)],
                                      stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.port = int(self.child.stdout.readline().split()[1])
        self.url = "http://127.0.0.1:%d" % self.port

    def tell(self, what):
        return urllib.request.urlopen("%s/_stub/%s" % (self.url, what)).read().decode()

    def fault(self, **f):
        return self.tell("fault?" + "&".join("%s=%s" % (k, urllib.request.quote(str(v), safe="/:")) for k, v in f.items()))

    def requests(self):
        return self.tell("log").splitlines()

    def stop(self):
        self.child.stdin.close()
        self.child.wait()


class Rest(Process):
    def __init__(self, jars, logs, relay, s3, warehouse):
        self.port = free_port()
        self.url = "http://127.0.0.1:%d" % self.port
        settings = {
            "CATALOG_REST_PORT": str(self.port), "CATALOG_CATALOG__IMPL": "org.apache.iceberg.jdbc.JdbcCatalog",
            "CATALOG_URI": "jdbc:postgresql://127.0.0.1:%d/%s" % (relay.port, os.environ["PGDATABASE"]),
            "CATALOG_JDBC_USER": os.environ.get("PGUSER", "postgres"), "CATALOG_JDBC_SCHEMA__VERSION": "V1",
            "CATALOG_WAREHOUSE": warehouse, "CATALOG_IO__IMPL": "org.apache.iceberg.aws.s3.S3FileIO",
            "CATALOG_S3_ENDPOINT": s3.url, "CATALOG_S3_PATH__STYLE__ACCESS": "true", "CATALOG_S3_ACCESS__KEY__ID": KEY,
            "CATALOG_S3_SECRET__ACCESS__KEY": SECRET, "CATALOG_CLIENT_REGION": "us-east-1",
            "AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET}
        super().__init__("the REST catalog", ["java", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", jars,
                                              "org.apache.iceberg.rest.RESTCatalogServer"],
                         os.path.join(logs, "rest.log"), self.ready, settings)

    def ready(self):
        try:
            return urllib.request.urlopen(self.url + "/v1/config", timeout=5).status == 200
        except OSError:
            return False


class TrinoError(Exception):
    pass


class Trino(Process):
    def __init__(self, home, java, logs, relay, s3, catalog, warehouse):
        self.port = free_port()
        self.url = "http://127.0.0.1:%d" % self.port
        etc = os.path.join(logs, "trino_etc")
        plugins = os.path.join(logs, "trino_plugins")
        os.makedirs(os.path.join(etc, "catalog"))
        os.makedirs(plugins)
        os.symlink(os.path.join(home, "plugin", "iceberg"), os.path.join(plugins, "iceberg"))   # the others only cost time
        files = {
            "config.properties": "coordinator=true\nnode-scheduler.include-coordinator=true\nhttp-server.http.port=%d\n"
                                 "discovery.uri=%s\nquery.max-memory=512MB\nquery.max-memory-per-node=512MB\n"
                                 "memory.heap-headroom-per-node=300MB\ncatalog.management=static\nplugin.dir=%s\n"
                                 "failure-detector.enabled=false\ntask.concurrency=1\ntask.min-writer-count=1\n" % (self.port, self.url, plugins),
            "log.properties": "io.trino=WARN\n",
            "catalog/lake.properties":
                "connector.name=iceberg\niceberg.catalog.type=jdbc\niceberg.jdbc-catalog.catalog-name=%s\n"
                "iceberg.jdbc-catalog.driver-class=org.postgresql.Driver\n"
                "iceberg.jdbc-catalog.connection-url=jdbc:postgresql://127.0.0.1:%d/%s\n"
                "iceberg.jdbc-catalog.connection-user=%s\niceberg.jdbc-catalog.connection-password=x\n"
                "iceberg.jdbc-catalog.default-warehouse-dir=%s\niceberg.expire-snapshots.min-retention=0s\n"
                "iceberg.remove-orphan-files.min-retention=0s\n"
                "fs.native-s3.enabled=true\ns3.endpoint=%s\ns3.region=us-east-1\ns3.path-style-access=true\n"
                "s3.aws-access-key=%s\ns3.aws-secret-key=%s\n" % (
                    catalog, relay.port, os.environ["PGDATABASE"], os.environ.get("PGUSER", "postgres"), warehouse, s3.url, KEY, SECRET)}
        for name, text in files.items():
            with open(os.path.join(etc, name), "w") as f:
                f.write(text)
        # without its launcher, whose child would outlive it
        super().__init__("Trino", [
            java + "/bin/java", "-cp", home + "/lib/*", "-server", "-Xmx1500M", "-XX:ReservedCodeCacheSize=256M", "-XX:TieredStopAtLevel=1",
            "-Djdk.attach.allowAttachSelf=true", "-Duser.timezone=UTC", "--enable-native-access=ALL-UNNAMED", "--sun-misc-unsafe-memory-access=allow",
            "-Dnode.environment=test", "-Dnode.id=one", "-Dnode.bind-ip=127.0.0.1", "-Dnode.internal-address=127.0.0.1",
            "-Dnode.data-dir=" + logs + "/trino_data", "-Dconfig=" + etc + "/config.properties", "-Dlog.levels-file=" + etc + "/log.properties",
            "-Dcatalog.config-dir=" + etc + "/catalog", "io.trino.server.TrinoServer"],
            os.path.join(logs, "trino.log"), self.ready, seconds=900)

    def ready(self):
        try:
            said = json.load(urllib.request.urlopen(self.url + "/v1/info", timeout=5))
            if said.get("starting") is not False:
                return False
            return bool(self.query("SELECT 1"))
        except (OSError, TrinoError):
            return False

    def query(self, sql):
        """Rows as lists of what its protocol's JSON holds."""
        request = urllib.request.Request(self.url + "/v1/statement", sql.encode(), {
            "X-Trino-User": "lake", "X-Trino-Time-Zone": "UTC", "X-Trino-Catalog": "lake",
            "X-Trino-Client-Capabilities": "PARAMETRIC_DATETIME"})  # else fractions of seconds are cut
        rows = []
        said = json.load(urllib.request.urlopen(request))
        while True:
            if "error" in said:
                raise TrinoError("%s: %s" % (said["error"].get("errorName"), said["error"].get("message")))
            rows += said.get("data", [])
            if "nextUri" not in said:
                return rows
            said = json.load(urllib.request.urlopen(said["nextUri"]))
