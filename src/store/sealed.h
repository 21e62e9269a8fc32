/*
 * sealed.h
 *		Objects that hold an AES GCM stream, read as what was encrypted.
 */
#ifndef LH_STORE_SEALED_H
#define LH_STORE_SEALED_H

#include "crypto/crypto.h"
#include "store/store.h"

/*
 * The plain content of under, any part of which can be read: each read decrypts the blocks that it
 * touches, and the last one stays.  It lives in ctx->arena, under must stay open as long, and the key is copied.
 * LH_CORRUPT when under is no such stream, or has another length than the key says; later
 * when a block does not belong to the key and its place.  Its identity is under's,
 * with the plain size, and is never certain: nothing of it is kept by caches.
 */
extern LhStatus lh_sealed_open(LhCtx *ctx, LhObject *under, const LhFileKey *key, LhObject **out);

#endif
