/*
 * key.h
 *		What core asks its host for when it meets something encrypted (DESIGN D11).
 *
 * Keys never travel as arguments of statements or options: a file names its key
 * by reference, core hands the reference to LhHost.key, and wipes what it gets
 * when the arena that it lies in is reset.
 */
#ifndef LH_CORE_KEY_H
#define LH_CORE_KEY_H

#include "core/buffer.h"

/* AES-256 */
#define LH_KEY_MAX 32

struct LhKeyRequest
{
	const char *path;			/* of the file */
	const char *column;			/* dotted path; NULL: the key of the footer */
	LhSlice		reference;		/* bytes by which the file calls the key; empty when it has no name for it */
	const char *name;			/* the same for messages, behind the word "key" */
	bool		plain;			/* no key is needed: may the file be neither encrypted nor signed? */
};

struct LhKey
{
	size_t		len;			/* 16, 24 or 32 */
	uint8_t		bytes[LH_KEY_MAX];
	LhSlice		aad_prefix;		/* what files are bound to, of a footer's key; data NULL: the host knows none */
};

/* Ask the host; see LhHost.key.  Without one, plain files are right.  The caller wipes the key. */
extern LhStatus lh_host_key(LhCtx *ctx, const LhKeyRequest *request, LhKey *key);

#endif
