/*
 * fuzz_codecs.h
 *		One set of codecs for all inputs of a target, as a scan has one for all pages:
 *		the libraries' states are large.
 */
#ifndef FUZZ_CODECS_H
#define FUZZ_CODECS_H

#include <stdlib.h>

#include "codec/codec.h"

static inline LhCodecs *
fuzz_codecs(void)
{
	static LhCodecs *codecs;
	static LhCtx *own;

	if (codecs != NULL)
		return codecs;
	if ((own = lh_ctx_create()) == NULL || lh_codecs_create(own, &codecs) != LH_OK)
		abort();
	return codecs;
}

#endif
