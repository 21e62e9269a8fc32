"""selftest.py
		The search is searched: each form of each kind of canary is found where it was planted, nothing is
		found where nothing was, and a search without one form misses what was planted in it.

usage: selftest.py [--seed S]

The last line is 'N passed, N failed, 0 skipped'.
"""

import argparse
import base64
import datetime
import random
import sys
import uuid

sys.dont_write_bytecode = True

import search


def noise(rng, n):
    """What servers send, without secrets: English, SQL, numbers, hex, base64 and bytes.
    (Random base64 has five letters of a canary now and then: no server sends that much of it.)"""
    words = ["SELECT", "lengths", "catchphrase", "NOTICE:  relation", "XXXXXXXX", "pg_catalog", "width=36", "rows=200",
             "2026-12-01 03:24:44.123456+00", "{\"a\": 1}", "abcdefghijklmnopqrstuvwxyz", "0.000123456789", "***-**-1234"]
    out = bytearray()
    while len(out) < n:
        k = rng.randrange(8)
        if k < 4:
            out += rng.choice(words).encode() + b" "
        elif k == 4:
            out += rng.randbytes(16).hex().encode()
        elif k == 5:
            out += base64.b64encode(b" ".join(rng.choice(words).encode() for _ in range(3)))
        elif k == 6:
            out += b"%d" % rng.randrange(1 << 40)
        else:
            out += rng.randbytes(32)
        out += b"|"
    return bytes(out)


def planted(rng, c):
    """(form, bytes) of one canary, pieces where pieces count."""
    if c.kind == "text":
        s = c.value.encode()
        def piece(n):
            i = rng.randrange(len(s) - n + 1)
            return s[i:i + n]
        yield "as is", s
        yield "as is", piece(search.PIECE)
        yield "upper case", s.upper()
        yield "upper case", piece(search.PIECE).upper()
        yield "as is", s.capitalize()
        yield "reversed", s[::-1]
        yield "reversed", piece(search.PIECE)[::-1]
        yield "byte numbers", b":constvalue 20 [ 80 0 0 0 %s ]" % b" ".join(b"%d" % x for x in s)
        yield "byte numbers", b", ".join(b"%d" % x for x in piece(search.HEX_PIECE))
        yield "hex", s.hex().encode()
        yield "hex", s.hex().upper().encode()
        yield "hex", b"7" + piece(search.HEX_PIECE).hex().encode()
        for before in (b"", b"a", b"ab", b"abc"):
            yield "base64", base64.b64encode(before + s + b"?")
            yield "base64", base64.b64encode(before + piece(search.BASE64_PIECE) + b"..")
        whole = base64.b64encode(s + s)
        yield "base64", whole[:9] + b"\n" + whole[9:]
    elif c.kind == "int":
        s = b"%d" % c.value
        yield "digits", s
        yield "digits", s[4:4 + search.DIGITS_PIECE]
        yield "digits", b"{:,}".replace(b"{:,}", "{:,}".format(c.value).encode())
        yield "digits", b"5.%s" % s[1:]
        yield "digits reversed", s[::-1]
        yield "int as hex", b"%x" % c.value
        yield "int as bytes", c.value.to_bytes(8, "big")
        yield "int as bytes", c.value.to_bytes(8, "little")
    elif c.kind == "num":
        digits = c.value.replace(".", "")
        groups = [int(digits[i:i + 4]) for i in range(0, 16, 4)]
        yield "digits", c.value.encode()
        yield "digits", digits.encode()[-search.DIGITS_PIECE:]
        yield "digits reversed", c.value.encode()[::-1]
        yield "numeric as bytes", b"".join(g.to_bytes(2, "big") for g in groups)
        yield "numeric as bytes", b"".join(g.to_bytes(2, "little") for g in groups)
    elif c.kind == "date":
        d = datetime.date.fromisoformat(c.value)
        for form in ("%Y-%m-%d", "%Y/%m/%d", "%m/%d/%Y", "%d.%m.%Y", "%d-%m-%Y", "%Y%m%d", "%Y-%m-%d 00:00:00"):
            yield "date", d.strftime(form).encode()
        seconds = (d - datetime.date(1970, 1, 1)).days * 86400
        yield "date as seconds", b"%d" % seconds
        yield "date as seconds", b"%d.000000" % seconds
    else:
        yield "uuid", c.value.encode()
        yield "uuid", c.value.upper().encode()
        yield "uuid", c.value.replace("-", "").encode()[7:7 + search.UUID_PIECE]
        yield "uuid as bytes", uuid.UUID(c.value).bytes


class Tally:
    def __init__(self):
        self.passed = self.failed = 0

    def check(self, good, what):
        if good:
            self.passed += 1
        else:
            self.failed += 1
            print("FAILED: %s" % what)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=1)
    rng = random.Random(parser.parse_args().seed)
    maker = search.Maker(rng)
    for i in range(300):
        for kind in ("text", "int", "num", "date", "uuid"):
            getattr(maker, kind)("self-test")
    needles = search.Needles(maker.canaries)
    blind = {form: search.Needles(maker.canaries, without=[form]) for form in search.FORMS}
    tally = Tally()

    quiet = noise(rng, 1_000_000)
    hits = needles.find(quiet)
    tally.check(not hits, "found in noise: %s" % hits[:3])

    seen = set()
    chosen = [c for c in maker.canaries[:100]]
    for c in chosen:
        for form, plant in planted(rng, c):
            seen.add(form)
            stream = noise(rng, 300) + b"<" + plant + b">" + noise(rng, 300)
            found = needles.find(stream)
            tally.check(any(h.form == form for h in found), "%s of %s not found: %r" % (form, c.value, plant))
            tally.check(any(abs(h.offset - stream.index(b"<" + plant)) < len(plant) + 20 for h in found),
                        "%s of %s found elsewhere" % (form, c.value))
            # a search that lacks a form goes through what was planted in that form only
            tally.check(not any(h.form == form for h in blind[form].find(stream)),
                        "%s still found where it is not looked for" % form)
    tally.check(seen == set(search.FORMS), "forms without a test: %s" % (set(search.FORMS) - seen))

    # The first and the last bytes of a stream count as all others do.
    s = chosen[0].value.encode()
    tally.check(bool(needles.find(s)) and bool(needles.find(b"x " + s)) and bool(needles.find(s + b" x")), "at the edges")
    tally.check(not needles.find(b""), "in nothing")
    print("%d passed, %d failed, 0 skipped" % (tally.passed, tally.failed))
    return 1 if tally.failed else 0


if __name__ == "__main__":
    sys.exit(main())
