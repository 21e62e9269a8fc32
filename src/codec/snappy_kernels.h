/*
 * snappy_kernels.h
 *		Between snappy.c and the snappy decoders of each instruction set.
 */
#ifndef LH_SNAPPY_KERNELS_H
#define LH_SNAPPY_KERNELS_H

#include "codec/codec.h"

/* The two low bits of a tag. */
enum
{
	LH_SNAPPY_LITERAL,
	LH_SNAPPY_COPY1, /* one more byte: 11 bits of offset */
	LH_SNAPPY_COPY2, /* two more bytes of offset */
	LH_SNAPPY_COPY4  /* four more bytes of offset; no encoder writes it for blocks of 64 kB */
};

/* Initialisers of tables by tag: f(0), f(1), ... */
#define LH_OF4(f, t)  f(t), f(t + 1), f(t + 2), f(t + 3)
#define LH_OF16(f, t) LH_OF4(f, t), LH_OF4(f, t + 4), LH_OF4(f, t + 8), LH_OF4(f, t + 12)
#define LH_OF64(f, t) LH_OF16(f, t), LH_OF16(f, t + 16), LH_OF16(f, t + 32), LH_OF16(f, t + 48)
#define LH_OF256(f)   LH_OF64(f, 0), LH_OF64(f, 64), LH_OF64(f, 128), LH_OF64(f, 192)

/* Literals from this tag on have their length in the bytes that follow. */
#define LH_SNAPPY_LONG_LITERAL 0xf0

/*
 * A decoding in progress.  [ip, end) is what is left of the input, [out, op)
 * is decoded, [op, oend) is still to be made, LH_PADDING bytes behind oend are
 * scratch.  A decoder stops soon after op has reached pause (a kernel finishes
 * its batch, which makes less than 32 kB).
 */
typedef struct LhSnappy
{
	const uint8_t *ip;
	const uint8_t *end;
	uint8_t *op;
	uint8_t *out;
	uint8_t *oend;
	uint8_t *pause;
} LhSnappy;

/*
 * Decode as many tags as the kernel can.  It stops early at a tag it does not
 * know (a long literal, a copy with four bytes of offset), at one that is
 * wrong, and near the end of the input, and leaves ip and op there: what to do
 * then, and what is an error, is decided by snappy.c alone.
 */
typedef void (*LhSnappyKernel)(LhSnappy *s);

extern void lh_snappy_avx2(LhSnappy *s);
extern void lh_snappy_avx512(LhSnappy *s);

/*
 * Kernels want at least this many bytes of input at ip: a window, a tag that
 * begins at its last byte, and the 64 bytes that are read of a literal.
 */
#define LH_SNAPPY_MARGIN 160

/* Is this a tag that kernels leave to snappy.c? */
static inline bool
lh_snappy_is_special(uint8_t tag)
{
	return (tag & 3) == LH_SNAPPY_COPY4 ||
		   ((tag & 3) == LH_SNAPPY_LITERAL && tag >= LH_SNAPPY_LONG_LITERAL);
}

#endif
