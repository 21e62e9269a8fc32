"""search.py
		Secrets that are recognised wherever they come up, and the search for them in bytes.

A canary is a random value of one of these kinds, made so that nothing else looks like it:

	text	letters of LETTERS only, none twice among three: no English, no SQL, no mask has five of
			them in a row
	int		17 digits; as eight bytes its upper half is INT_HIGH
	num		16 digits and two behind the point; as a PostgreSQL numeric it begins with NUM_HIGH
	date	in the years 5200 to 8998, never in January nor on the first day of a month: what masks truncate to
	uuid	random

Needles(canaries).find(data) gives what it sees of them:

	text	pieces of 5 characters: all lower or all upper case, reversed; pieces of 6 as hex digits, and as decimal
			numbers of bytes (as dumps of plans have them); pieces of 8 in base64, whatever the alignment and with
			line breaks
	int		pieces of 12 digits (5 come up by themselves), forwards and backwards, points and commas ignored;
			as hex digits; as eight bytes of either order
	num		likewise; as digits of base 10000 of either order
	date	YYYY-MM-DD, MM/DD/YYYY, DD.MM.YYYY with any of these separators, YYYYMMDD, and seconds since 1970
	uuid	pieces of 10 hex digits, dashes ignored; as 16 bytes

So a hit is one: no threshold is applied to the number of hits.
"""

import base64
import binascii
import collections
import datetime
import re
import uuid

LETTERS = "gjkpqvwxz"
INT_HIGH = 0x00CA9A21
NUM_HIGH = (9173, 2846)
PIECE, HEX_PIECE, BASE64_PIECE, DIGITS_PIECE, UUID_PIECE = 5, 6, 8, 12, 10

Hit = collections.namedtuple("Hit", "form canary offset excerpt")
Canary = collections.namedtuple("Canary", "kind value place")

FORMS = ("as is", "upper case", "reversed", "hex", "base64", "digits", "digits reversed", "int as hex", "int as bytes",
         "numeric as bytes", "date", "date as seconds", "uuid", "uuid as bytes",
         "byte numbers")


class Maker:
    """Canaries of one run: unique, and the same for the same random.Random."""

    def __init__(self, rng):
        self.rng, self.made, self.canaries = rng, set(), []

    def _add(self, kind, make, place):
        while True:
            value = make()
            if value not in self.made:
                self.made.add(value)
                self.canaries.append(Canary(kind, value, place))
                return value

    def text(self, place, length=16):
        def make():
            s = self.rng.choice(LETTERS)
            while len(s) < length:
                c = self.rng.choice(LETTERS)
                # nor alternate two, as numbers in a row do in binary data
                if c not in s[-2:]:
                    s += c
            return s
        return self._add("text", make, place)

    def int(self, place):
        return self._add("int", lambda: (INT_HIGH << 32) + self.rng.randrange(1 << 28, 1 << 32), place)

    def num(self, place):
        return self._add("num", lambda: "%04d%04d%04d%04d.%02d" % (*NUM_HIGH, self.rng.randrange(1000, 10000),
                                                                    self.rng.randrange(1000, 10000),
                                                                    self.rng.randrange(11, 100)), place)

    def date(self, place):
        return self._add("date", lambda: datetime.date(self.rng.randrange(5200, 8999), self.rng.randrange(2, 13),
                                                       self.rng.randrange(2, 29)).isoformat(), place)

    def uuid(self, place):
        return self._add("uuid", lambda: str(uuid.UUID(int=self.rng.getrandbits(128))), place)


SWAP = bytes(c + 32 if 65 <= c <= 90 else 0 if 97 <= c <= 122 else c for c in range(256))


def upper(s):
    """Upper case as lower case, and lower case as nothing that is in a canary: pieces are of one case."""
    return s.translate(SWAP)


def pieces(s, n):
    return (s[i:i + n] for i in range(len(s) - n + 1))


class Needles:
    LETTER_RUN = re.compile(b"[%s]{%d,}" % (LETTERS.encode(), PIECE), re.I)
    HEX_RUN = re.compile(rb"[0-9A-Fa-f]{%d,}" % UUID_PIECE)
    UUID_RUN = re.compile(rb"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
    BASE64_RUN = re.compile(rb"[A-Za-z0-9+/](?:[A-Za-z0-9+/]|\r?\n(?=[A-Za-z0-9+/])){%d,}" % (BASE64_PIECE * 4 // 3))
    NUMBER_RUN = re.compile(rb"(?:\d{2,3},? ){%d,}\d{2,3}" % (HEX_PIECE - 1))
    DIGIT_RUN = re.compile(rb"\d(?:[.,]?\d){%d,}" % (DIGITS_PIECE - 1))
    DATE = re.compile(rb"(?<!\d)(?:([5-8]\d{3})[-/.](\d\d)[-/.](\d\d)|(\d\d)[-/.](\d\d)[-/.]([5-8]\d{3})|([5-8]\d{3})([01]\d)([0-3]\d))(?!\d)")
    # bytes of integers and numerics: their fixed upper halves
    INT_BE, INT_LE = INT_HIGH.to_bytes(4, "big"), INT_HIGH.to_bytes(4, "little")
    NUM_BE = b"".join(d.to_bytes(2, "big") for d in NUM_HIGH)
    NUM_LE = b"".join(d.to_bytes(2, "little") for d in NUM_HIGH)

    def __init__(self, canaries, without=()):
        """without: forms that are not looked for (the self-test shows that each is needed)"""
        self.without = frozenset(without)
        assert self.without <= set(FORMS), "no such form"
        self.text, self.backwards, self.digits, self.digits_backwards = {}, {}, {}, {}
        self.ints, self.int_hex, self.numerics, self.dates, self.seconds = {}, {}, {}, {}, {}
        self.uuids, self.uuid_bytes = {}, {}
        for c in canaries:
            getattr(self, "_add_" + c.kind)(c)

    def _add_text(self, c):
        for p in pieces(c.value.encode(), PIECE):
            self.text.setdefault(p, c)
            self.backwards.setdefault(p[::-1], c)

    def _add_digits(self, c, digits):
        for p in pieces(digits.encode(), DIGITS_PIECE):
            self.digits.setdefault(p, c)
            self.digits_backwards.setdefault(p[::-1], c)

    def _add_int(self, c):
        self._add_digits(c, str(c.value))
        self.ints[c.value & 0xFFFFFFFF] = c
        self.int_hex["%x" % c.value] = c

    def _add_num(self, c):
        self._add_digits(c, c.value.replace(".", ""))
        digits = c.value.split(".")[0]
        self.numerics[(int(digits[8:12]), int(digits[12:16]))] = c

    def _add_date(self, c):
        d = datetime.date.fromisoformat(c.value)
        self.dates[(d.year, d.month, d.day)] = c
        self.seconds[str((d - datetime.date(1970, 1, 1)).days * 86400).encode()] = c

    def _add_uuid(self, c):
        h = c.value.replace("-", "").encode()
        for p in pieces(h, UUID_PIECE):
            self.uuids.setdefault(p, c)
        self.uuid_bytes[uuid.UUID(c.value).bytes] = c

    def find(self, data, limit=20):
        """The first hits of each form."""
        hits = []
        for look in (self._letters, self._hex, self._base64, self._numbers, self._digits, self._dates, self._bytes):
            for n, hit in enumerate(look(data)):
                if n >= limit:
                    break
                hits.append(hit)
        return hits

    def _hit(self, form, canary, data, offset):
        return Hit(form, canary, offset, bytes(data[max(0, offset - 60):offset + 100]))

    def _run(self, data, least):
        """Runs of letters with at least that many characters, all of whose pieces are of canaries.
        -> (form, canary, offset)"""
        for m in self.LETTER_RUN.finditer(data):
            run = m.group()
            for form, run, table in (("as is", run, self.text), ("upper case", upper(run), self.text),
                                     ("reversed", run, self.backwards), ("reversed", upper(run), self.backwards)):
                length = PIECE - 1
                for i, p in enumerate(pieces(run, PIECE)):
                    # pieces that hang together
                    length = length + 1 if p in table else PIECE - 1
                    if length >= least:
                        yield form, table[p], m.start() + max(0, i + PIECE - least)
                        break

    def _letters(self, data):
        for form, canary, offset in self._run(data, PIECE):
            if form not in self.without:
                yield self._hit(form, canary, data, offset)

    def _hex(self, data):
        for m in self.HEX_RUN.finditer(data):
            run = m.group()
            if "hex" not in self.without:
                for shift in (0, 1):
                    part = run[shift:]
                    raw = binascii.unhexlify(part[:len(part) & ~1])
                    for _, canary, _ in self._run(raw, HEX_PIECE):
                        yield self._hit("hex", canary, data, m.start())
            low = run.lower()
            if "uuid" not in self.without:
                for p in pieces(low, UUID_PIECE):
                    if p in self.uuids:
                        yield self._hit("uuid", self.uuids[p], data, m.start())
                        break
            if "int as hex" not in self.without:
                # 0x00CA9A21 without its zeros and eight digits more
                at = low.find(b"%x" % INT_HIGH)
                if at >= 0 and low[at:at + 14].decode() in self.int_hex:
                    yield self._hit("int as hex", self.int_hex[low[at:at + 14].decode()], data, m.start())
        if "uuid" not in self.without:
            for m in self.UUID_RUN.finditer(data):
                for p in pieces(m.group().lower().replace(b"-", b""), UUID_PIECE):
                    if p in self.uuids:
                        yield self._hit("uuid", self.uuids[p], data, m.start())
                        break

    def _base64(self, data):
        if "base64" in self.without:
            return
        for m in self.BASE64_RUN.finditer(data):
            run = m.group().replace(b"\n", b"").replace(b"\r", b"")
            for shift in range(4):
                part = run[shift:]
                raw = base64.b64decode(part[:len(part) & ~3])
                for form, canary, _ in self._run(raw, BASE64_PIECE):
                    yield self._hit("base64", canary, data, m.start())

    def _numbers(self, data):
        if "byte numbers" in self.without:
            return
        for m in self.NUMBER_RUN.finditer(data):
            raw = bytes(n if n < 256 else 0 for n in map(int, m.group().replace(b",", b"").split()))
            for _, canary, _ in self._run(raw, HEX_PIECE):
                yield self._hit("byte numbers", canary, data, m.start())

    def _digits(self, data):
        for m in self.DIGIT_RUN.finditer(data):
            digits = re.sub(rb"[.,]", b"", m.group())
            for form, table in (("digits", self.digits), ("digits reversed", self.digits_backwards)):
                if form in self.without:
                    continue
                for p in pieces(digits, DIGITS_PIECE):
                    if p in table:
                        yield self._hit(form, table[p], data, m.start())
                        break
            if "date as seconds" not in self.without:
                whole = m.group().split(b".")[0]
                if whole in self.seconds:
                    yield self._hit("date as seconds", self.seconds[whole], data, m.start())

    def _dates(self, data):
        if "date" in self.without:
            return
        for m in self.DATE.finditer(data):
            g = m.groups()
            if g[0]:
                found = [(int(g[0]), int(g[1]), int(g[2]))]
            elif g[5]:
                found = [(int(g[5]), int(g[3]), int(g[4])), (int(g[5]), int(g[4]), int(g[3]))]
            else:
                found = [(int(g[6]), int(g[7]), int(g[8]))]
            for f in found:
                if f in self.dates:
                    yield self._hit("date", self.dates[f], data, m.start())
                    break

    def _bytes(self, data):
        for sign, order in ((self.INT_BE, "big"), (self.INT_LE, "little")):
            if "int as bytes" in self.without:
                break
            for at in self._all(data, sign):
                low = data[at + 4:at + 8] if order == "big" else data[max(0, at - 4):at]
                if len(low) == 4 and int.from_bytes(low, order) in self.ints:
                    yield self._hit("int as bytes", self.ints[int.from_bytes(low, order)], data, at)
        for sign, order in ((self.NUM_BE, "big"), (self.NUM_LE, "little")):
            if "numeric as bytes" in self.without:
                break
            for at in self._all(data, sign):
                pair = tuple(int.from_bytes(data[at + i:at + i + 2], order) for i in (4, 6))
                if pair in self.numerics:
                    yield self._hit("numeric as bytes", self.numerics[pair], data, at)
        if "uuid as bytes" not in self.without and len(data) >= 16:
            for raw, canary in self.uuid_bytes.items():
                at = data.find(raw)
                if at >= 0:
                    yield self._hit("uuid as bytes", canary, data, at)

    @staticmethod
    def _all(data, sign):
        at = data.find(sign)
        while at >= 0:
            yield at
            at = data.find(sign, at + 1)
