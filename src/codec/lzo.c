/*
 * lzo.c
 *		LZO1X blocks: a decoder of our own; nothing writes them any more.
 *
 * A block is a sequence of instructions; each is a byte, more bytes that
 * lengthen its numbers, perhaps a copy from what was made before, and then 0 to
 * 3 literal bytes, as the two low bits of its (second) byte say.
 *
 *	0000LLLL	what it means depends on the literals before it:
 *				none: 3 + L literals (0: longer, see extend);
 *				1 to 3: a copy of 2 bytes from up to 1 kB back;
 *				4 or more: a copy of 3 bytes from 2 to 3 kB back
 *	0001HLLL	a copy of 2 + L bytes from 16 to 48 kB back; distance 16 kB: the end
 *	001LLLLL	a copy of 2 + L bytes from up to 16 kB back
 *	01LDDDSS	a copy of 3 + L bytes from up to 2 kB back
 *	1LLDDDSS	a copy of 5 + L bytes from up to 2 kB back
 *
 * The first byte may also be 18 or more: that many less 17 literals.
 *
 * Format: https://docs.kernel.org/staging/lzo.html (version 0)
 */
#include "codec/block.h"

typedef struct Lzo
{
	const uint8_t *in;
	const uint8_t *end;
	uint8_t *out;
	size_t made;
	size_t cap;
} Lzo;

/* n literal bytes; false when there are none, or no room. */
static bool
literals(Lzo *z, size_t n)
{
	if (n > (size_t) (z->end - z->in) || n > z->cap - z->made)
		return false;
	memcpy(z->out + z->made, z->in, n);
	z->in += n;
	z->made += n;
	return true;
}

/* n bytes that begin distance bytes back; they may overlap. */
static bool
copy(Lzo *z, size_t distance, size_t n)
{
	uint8_t *to = z->out + z->made;

	if (distance == 0 || distance > z->made || n > z->cap - z->made)
		return false;
	for (size_t i = 0; i < n; i++)
		to[i] = to[i - distance];
	z->made += n;
	return true;
}

/* A length whose field is zero goes on: 255 for each zero byte, and the byte behind them. */
static bool
extend(Lzo *z, size_t most, size_t *n)
{
	if (*n != 0)
		return true;
	*n = most;
	while (z->in < z->end && *z->in == 0)
	{
		*n += 255;
		z->in++;
	}
	if (z->in == z->end)
		return false;
	*n += *z->in++;
	return true;
}

/* The two bytes of a far distance; their low bits are the literals that follow. */
static bool
far(Lzo *z, size_t *distance, size_t *after)
{
	unsigned v;

	if (z->end - z->in < 2)
		return false;
	v = lh_load_u16(z->in);
	z->in += 2;
	*distance = v >> 2;
	*after = v & 3;
	return true;
}

/* An instruction below 16; *state is the number of literals before it, and then behind it. */
static bool
low(Lzo *z, unsigned op, size_t *state)
{
	size_t n = op;

	if (*state == 0)
	{
		*state = 4;
		return extend(z, 15, &n) && literals(z, n + 3);
	}
	if (z->in == z->end)
		return false;
	n = (size_t) *z->in++ << 2 | op >> 2;
	if (!(*state >= 4 ? copy(z, n + 2049, 3) : copy(z, n + 1, 2)))
		return false;
	*state = op & 3;
	return literals(z, *state);
}

/* One of the others; *done: it was the end. */
static bool
high(Lzo *z, unsigned op, size_t *state, bool *done)
{
	size_t n, distance;

	if (op >= 64)
	{
		n = op >= 128 ? 5 + (op >> 5 & 3) : 3 + (op >> 5 & 1);
		if (z->in == z->end)
			return false;
		distance = ((size_t) *z->in++ << 3) + (op >> 2 & 7) + 1;
		*state = op & 3;
	}
	else if (op >= 32)
	{
		n = op & 31;
		if (!extend(z, 31, &n) || !far(z, &distance, state))
			return false;
		n += 2;
		distance += 1;
	}
	else
	{
		n = op & 7;
		if (!extend(z, 7, &n) || !far(z, &distance, state))
			return false;
		n += 2;
		distance += 16384 + ((size_t) (op & 8) << 11);
		*done = distance == 16384;
		if (*done)
			return true;
	}
	return copy(z, distance, n) && literals(z, *state);
}

int64_t
lh_lzo_decode(const uint8_t *in, size_t len, uint8_t *out, size_t cap)
{
	Lzo z = {.in = in, .end = in + len, .out = out, .cap = cap};
	size_t state = 0;
	bool done = false;

	if (len > 0 && *in > 17)
	{
		state = *z.in++ - 17u;
		if (!literals(&z, state))
			return -1;
		if (state > 4)
			state = 4;
	}
	while (!done && z.in < z.end)
	{
		unsigned op = *z.in++;

		if (!(op < 16 ? low(&z, op, &state) : high(&z, op, &state, &done)))
			return -1;
	}
	/* some writers leave the end instruction out */
	return z.in == z.end ? (int64_t) z.made : -1;
}
