"""Keys of "awskms" and of AWS's own client, at a service that others wrote (test/interop/awskms)."""

import base64
import os
import socket
import subprocess
import sys
import tempfile
import time

import boto3

passed = failed = 0


def check(what, ok, detail=""):
    global passed, failed
    print(("ok" if ok else "not ok"), "-", what, "" if ok else f"({detail})")
    if ok:
        passed += 1
    else:
        failed += 1


def sql(text):
    r = subprocess.run(["psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", text], capture_output=True, text=True)
    return r.stdout.strip() if r.returncode == 0 else "ERROR " + r.stderr.strip()


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def start_service(port, log):
    process = subprocess.Popen([sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)], stdout=log, stderr=log)
    for _ in range(600):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return process
        except OSError:
            time.sleep(0.1)
    process.kill()
    sys.exit("awskms: the service does not listen")


def run(url, credentials):
    kms = boto3.client("kms", region_name="eu-central-1", endpoint_url=url, aws_access_key_id="AKID", aws_secret_access_key="secret")
    first = kms.create_key()["KeyMetadata"]["KeyId"]
    kms.create_alias(AliasName="alias/app", TargetKeyId=first)
    sql("CREATE EXTENSION lakehouse")
    options = f'{{"region": "eu-central-1", "endpoint": "{url}", "credentials_file": "{credentials}"}}'
    r = sql(f"SELECT lakehouse.key_provider_create('kms', 'awskms', '{options}')")
    check("a provider", r == "", r)
    r = sql("SELECT lakehouse.key_create('tenant', 'domain', provider => 'kms', kek => 'app') > 0")
    check("a key by its alias", r == "t", r)
    r = sql(f"SELECT lakehouse.key_create('byid', 'domain', provider => 'kms', kek => '{first}') > 0")
    check("a key by its id", r == "t", r)
    r = sql("SELECT wrapped_under || ' of ' || newest FROM lakehouse.key_status('tenant')")
    check("its first version", r == "1 of 1", r)

    stored = sql("SELECT convert_from(wrapped, 'UTF8') FROM lakehouse.key_versions v JOIN lakehouse.keys k ON k.id = v.id WHERE k.name = 'tenant'")
    blob = stored.split(":")[3] if stored.count(":") == 3 else ""
    opened = kms.decrypt(CiphertextBlob=base64.b64decode(blob), EncryptionContext={"application": "lakehouse"})["Plaintext"] if blob else b""
    check("AWS's client opens what was wrapped", len(opened) >= 32, f"{len(opened)} bytes of {stored[:40]}")
    try:
        kms.decrypt(CiphertextBlob=base64.b64decode(blob))
        check("... and not without the context", False, "it did")
    except kms.exceptions.ClientError:
        check("... and not without the context", True)

    kms.rotate_key_on_demand(KeyId=first)
    r = sql("SELECT wrapped_under || ' of ' || newest FROM lakehouse.key_status('tenant')")
    check("a rotation is seen", r == "1 of 2", r)
    r = sql("CALL lakehouse.key_rewrap()")
    check("keys are wrapped anew", not r.startswith("ERROR"), r)
    r = sql("SELECT wrapped_under || ' of ' || newest FROM lakehouse.key_status('tenant')")
    check("... under the new version", r == "2 of 2", r)
    r = sql("SELECT lakehouse.key_verify('tenant')")
    check("... and open", r == "1", r)

    second = kms.create_key()["KeyMetadata"]["KeyId"]
    kms.update_alias(AliasName="alias/app", TargetKeyId=second)
    r = sql("SELECT lakehouse.key_verify('tenant')")
    check("an alias names another key: the former opens what it wrapped", r == "1", r)
    r = sql("CALL lakehouse.key_rewrap()")
    check("... and the new one wraps it anew", not r.startswith("ERROR"), r)
    stored = sql("SELECT convert_from(wrapped, 'UTF8') FROM lakehouse.key_versions v JOIN lakehouse.keys k ON k.id = v.id WHERE k.name = 'tenant'")
    check("... as its id says", stored.split(":")[2] == second, stored[:60])
    r = sql("SELECT lakehouse.key_create('x', 'domain', provider => 'kms', kek => 'missing')")
    check("a key that is not there is an error that says so", "there is no such key" in r, r)


def main():
    with tempfile.TemporaryDirectory() as directory:
        os.chmod(directory, 0o755)
        credentials = os.path.join(directory, "credentials")
        with open(credentials, "w") as f:
            f.write("[default]\naws_access_key_id = AKID\naws_secret_access_key = secret\n")
        os.chmod(credentials, 0o600)
        if os.geteuid() == 0:
            # the server's user has to read it
            owner = os.stat(os.environ["PGHOST"]).st_uid
            os.chown(credentials, owner, -1)
        with open(os.path.join(directory, "log"), "w") as log:
            port = free_port()
            process = start_service(port, log)
            try:
                run(f"http://127.0.0.1:{port}", credentials)
            finally:
                process.terminate()
                process.wait()
    print(f"{passed} passed, {failed} failed, 0 skipped")
    return failed != 0


sys.exit(main())
