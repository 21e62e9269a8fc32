/*
 * key.c
 *		The file of the key that signs checkpoints: 64 hexadecimal digits, the seed, on a line.
 */
#include "audit/proof.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "crypto/crypto.h"

#define DIGITS (2 * LH_ED25519_SEED)

/* All of it, durable. */
static int
write_text(int fd, const char *text, size_t n)
{
	while (n > 0)
	{
		ssize_t k = write(fd, text, n);

		if (k < 0 && errno == EINTR)
			continue;
		if (k <= 0)
			return k < 0 ? errno : ENOSPC;
		text += k;
		n -= (size_t) k;
	}
	return fsync(fd) == 0 ? 0 : errno;
}

LhStatus
lh_audit_key_make(LhCtx *ctx, const char *path)
{
	static const char digits[] = "0123456789abcdef";
	uint8_t *seed;
	void *memory;
	char *text;
	int fd, error;

	LH_TRY(lh_ed25519_seed(ctx, &seed));
	LH_TRY(lh_secret_alloc(ctx, DIGITS + 1, &memory));
	text = memory;
	for (int i = 0; i < LH_ED25519_SEED; i++)
	{
		text[2 * i] = digits[seed[i] >> 4];
		text[2 * i + 1] = digits[seed[i] & 15];
	}
	text[DIGITS] = '\n';
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0 && errno == EEXIST)
		LH_FAIL(ctx, LH_EXISTS, "\"%s\" already exists", path);
	if (fd < 0)
		LH_FAIL(ctx, LH_IO, "could not create \"%s\": %s", path, lh_errno_text(errno));
	error = write_text(fd, text, DIGITS + 1);
	close(fd);
	if (error == 0)
		return LH_OK;
	unlink(path);
	LH_FAIL(ctx, LH_IO, "could not write \"%s\": %s", path, lh_errno_text(error));
}

LhStatus
lh_audit_key_load(LhCtx *ctx, const char *path, const char *name, LhSigner **out)
{
	uint8_t *bytes = NULL, *seed;
	void *memory;
	size_t len = 0;

	LH_TRY(lh_secret_file(ctx, "signing key", path, &bytes, &len));
	LH_TRY(lh_secret_alloc(ctx, LH_ED25519_SEED, &memory));
	seed = memory;
	if (len == DIGITS + 1 && bytes[DIGITS] == '\n')
		len--;
	if (len != DIGITS)
		LH_FAIL(ctx, LH_INVALID, "signing key \"%s\" must hold %d hexadecimal digits", path,
				DIGITS);
	for (size_t i = 0; i < LH_ED25519_SEED; i++)
	{
		int high = lh_hex_digit(bytes[2 * i]), low = lh_hex_digit(bytes[2 * i + 1]);

		if (high < 0 || low < 0)
			LH_FAIL(ctx, LH_INVALID, "signing key \"%s\" must hold %d hexadecimal digits", path,
					DIGITS);
		seed[i] = (uint8_t) (high << 4 | low);
	}
	return lh_signer_create(ctx, name, lh_slice(seed, LH_ED25519_SEED), out);
}
