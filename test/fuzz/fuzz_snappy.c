/*
 * fuzz_snappy.c
 *		Our snappy decoder, with every instruction set, against libsnappy.
 *
 * Both must accept the same blocks and make the same bytes.  The one known
 * difference: a literal whose length field says 2^32 (0xfc ff ff ff ff) is
 * nothing to libsnappy, whose sum wraps, and an error to us.
 *
 * The input is a block; its first byte, when odd, makes us promise one byte
 * too many instead.  The input is put behind itself several times when that
 * byte's second bit is set, so that the kernels' batches are filled by small
 * inputs.
 */
#include <stdlib.h>
#include <string.h>

#include <snappy-c.h>

#include "codec/codec.h"

/* Larger outputs only cost time. */
#define MAX_OUTPUT 300000
#define REPEATS    40

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool
has_wrapped_literal(const uint8_t *in, size_t len)
{
	for (size_t i = 0; i + 5 <= len; i++)
	{
		if (memcmp(in + i, "\xfc\xff\xff\xff\xff", 5) == 0)
			return true;
	}
	return false;
}

/* What is said to be stored is what it decompresses to, and only the head of it was looked at. */
static void
check_stored(const uint8_t *in, size_t len, size_t promised, bool expected, const uint8_t *theirs)
{
	size_t n = len < LH_CODEC_STORED_HEAD ? len : LH_CODEC_STORED_HEAD, at;
	uint8_t *head = malloc(n + 1);

	head = memcpy(head, in, n);
	head = realloc(head, n > 0 ? n : 1);
	if (lh_codec_stored(LH_CODEC_SNAPPY, head, len, promised, &at) &&
		(!expected || len - at != promised || memcmp(in + at, theirs, promised) != 0))
		abort();
	free(head);
}

static void
check(const uint8_t *in, size_t len, size_t promised)
{
	uint8_t *theirs = malloc(promised + 1);
	uint8_t *ours = malloc(promised + LH_PADDING);
	size_t n = promised;
	size_t said = 0;
	bool expected = snappy_uncompressed_length((const char *) in, len, &said) == SNAPPY_OK &&
					said == promised &&
					snappy_uncompress((const char *) in, len, (char *) theirs, &n) == SNAPPY_OK;

	for (int isa = LH_ISA_BASE; isa <= (int) lh_isa_best(); isa++)
	{
		bool accepted;

		lh_isa_choose((LhIsa) isa);
		accepted = lh_snappy_decode(in, len, ours, promised);
		if (accepted != expected && !(expected && has_wrapped_literal(in, len)))
			abort();
		if (accepted && memcmp(ours, theirs, promised) != 0)
			abort();
	}
	check_stored(in, len, promised, expected, theirs);
	free(theirs);
	free(ours);
}

/* A length, then the block's tags many times. */
static void
check_repeated(const uint8_t *tags, size_t n, size_t each)
{
	size_t promised = each * REPEATS;
	uint8_t *block = malloc(5 + n * REPEATS);
	size_t len = 0;

	for (size_t v = promised; v >= 0x80 || len == 0; v >>= 7)
	{
		block[len++] = (uint8_t) (v & 0x7f) | (v >= 0x80 ? 0x80 : 0);
		if (v < 0x80)
			break;
		if (v >> 7 < 0x80)
		{
			block[len++] = (uint8_t) (v >> 7);
			break;
		}
	}
	for (int i = 0; i < REPEATS; i++, len += n)
		memcpy(block + len, tags, n);
	block = realloc(block, len);
	check(block, len, promised);
	free(block);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t said = 0;
	uint8_t options;

	if (size == 0)
		return 0;
	options = data[0];
	data++;
	size--;
	if (snappy_uncompressed_length((const char *) data, size, &said) != SNAPPY_OK)
	{
		check(data, size, options);
		return 0;
	}
	if (said > MAX_OUTPUT)
		return 0;
	check(data, size, said + (options & 1));
	if ((options & 2) != 0 && said < MAX_OUTPUT / REPEATS)
	{
		size_t head = 1;

		while (data[head - 1] >= 0x80)
			head++;
		check_repeated(data + head, size - head, said);
	}
	return 0;
}
