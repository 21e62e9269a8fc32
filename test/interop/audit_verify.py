#!/usr/bin/env python3
"""Verify an audit log of lakehouse with nothing of lakehouse: hashlib, and python3-cryptography for Ed25519.

    audit_verify.py LOG KEY [CHECKPOINTS]...

LOG is the log's directory, KEY the public text of its key ("name+hash+base64"), CHECKPOINTS files of checkpoints that
were kept outside.  Only KEY and CHECKPOINTS are trusted.  Exit status: 0 intact, 1 not, 2 it could not be read.

What it does (docs/audit_log.md): the hash of an entry is SHA-256 of a byte 0 and its line, that of two neighbours SHA-256 of
a byte 1 and both (RFC 6962); at the size of each checkpoint the root must be the signed one.
"""
import base64
import hashlib
import os
import re
import sys

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


class NotIntact(Exception):
    pass


def sha256(data):
    return hashlib.sha256(data).digest()


class Tree:
    """Roots of the complete subtrees, the largest first, as (size, hash)."""

    def __init__(self):
        self.size, self.peaks = 0, []

    def add(self, leaf):
        self.size += 1
        self.peaks.append((1, leaf))
        while len(self.peaks) > 1 and self.peaks[-1][0] == self.peaks[-2][0]:
            (n, right), (_, left) = self.peaks.pop(), self.peaks.pop()
            self.peaks.append((2 * n, sha256(b"\x01" + left + right)))

    def root(self):
        if not self.peaks:
            return sha256(b"")
        result = self.peaks[-1][1]
        for _, left in reversed(self.peaks[:-1]):
            result = sha256(b"\x01" + left + result)
        return result


def read_key(text):
    name, key_hash, data = text.strip().split("+", 2)
    data = base64.b64decode(data, validate=True)
    if data[0] != 1 or sha256(name.encode() + b"\n" + data)[:4].hex() != key_hash:
        sys.exit("KEY is none")
    return name, bytes.fromhex(key_hash), Ed25519PublicKey.from_public_bytes(data[1:])


def read_notes(path, key):
    """(size, root) of each signed note: three lines or more, an empty line, signatures, an empty line."""
    name, key_hash, public = key
    with open(path, encoding="utf-8", newline="") as f:
        blocks = f.read().rstrip("\n").split("\n\n")
    if len(blocks) % 2:
        raise NotIntact(f"{path}: a checkpoint is torn")
    for text, signatures in zip(blocks[::2], blocks[1::2]):
        good = False
        for line in signatures.split("\n"):
            if not line.startswith("\u2014 " + name + " "):
                continue
            data = base64.b64decode(line.rsplit(" ", 1)[1], validate=True)
            try:
                public.verify(data[4:], (text + "\n").encode())
                good = data[:4] == key_hash
            except InvalidSignature:
                pass
        if not good:
            raise NotIntact(f"{path}: a checkpoint is not signed by this key")
        size, root = text.split("\n")[1:3]
        yield int(size), base64.b64decode(root, validate=True)


def leaves(log):
    """Hashes of all entries: of lines, and before the first that is kept those that the log remembers."""
    segments = sorted(n for n in os.listdir(log) if re.fullmatch(r"\d{20}\.jsonl", n))
    number = 0
    if segments and int(segments[0][:20]) > 0:
        with open(os.path.join(log, "nodes-00"), "rb") as f:
            for number in range(1, int(segments[0][:20]) + 1):
                yield f.read(32)
    for name in segments:
        if int(name[:20]) != number:
            raise NotIntact(f"{name}: entry {number} is missing")
        with open(os.path.join(log, name), "rb") as f:
            for line in f:
                if line.endswith(b"\n"):  # else it is being written
                    yield sha256(b"\x00" + line[:-1])
                    number += 1


def verify(log, key, kept):
    own = list(read_notes(os.path.join(log, "checkpoints"), key))
    notes = sorted(set(own + [n for path in kept for n in read_notes(path, key)]))
    if len({size for size, _ in notes}) != len(notes):
        raise NotIntact("two checkpoints of one size differ")
    if {size for size, _ in notes} != {size for size, _ in own}:
        raise NotIntact("a checkpoint was kept that the log does not have")
    if not notes:
        raise NotIntact("there is no checkpoint")
    tree, marks = Tree(), dict(notes)

    def compare():
        if tree.size in marks and marks[tree.size] != tree.root():
            raise NotIntact(f"the first {tree.size} entries are not those of the checkpoint")

    compare()
    for leaf in leaves(log):
        tree.add(leaf)
        compare()
    if tree.size < notes[-1][0]:
        raise NotIntact(f"a checkpoint covers {notes[-1][0]} entries, the log has {tree.size}")
    return tree.size, notes[-1][0]


if __name__ == "__main__":
    if len(sys.argv) < 3:
        print(__doc__, file=sys.stderr)
        sys.exit(2)
    try:
        print("intact: %d entries, %d vouched for" % verify(sys.argv[1], read_key(sys.argv[2]), sys.argv[3:]))
    except NotIntact as e:
        print(f"NOT INTACT: {e}")
        sys.exit(1)
    except (OSError, ValueError) as e:
        print(f"{e}", file=sys.stderr)
        sys.exit(2)
