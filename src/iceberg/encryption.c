/*
 * encryption.c
 *		Keys of encrypted tables.
 *
 * Format: https://iceberg.apache.org/spec/#table-metadata-fields (encryption keys),
 * https://iceberg.apache.org/gcm-stream-spec/
 */
#include "iceberg/meta.h"

static int
base64_digit(uint8_t c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '+' || c == '-')
		return 62;
	return c == '/' || c == '_' ? 63 : -1;
}

LhStatus
lh_ice_base64(LhCtx *ctx, LhSlice text, LhSlice *out, bool *good)
{
	uint32_t bits = 0;
	size_t n = 0, len = text.len;
	int have = 0;
	uint8_t *bytes;

	while (len > 0 && text.len - len < 2 && text.data[len - 1] == '=')
		len--;
	*good = len % 4 != 1;
	LH_ALLOC(ctx, bytes, len / 4 * 3 + 3);
	for (size_t i = 0; i < len; i++)
	{
		int d = base64_digit(text.data[i]);

		*good &= d >= 0;
		bits = bits << 6 | (uint32_t) (d & 63);
		have += 6;
		if (have >= 8)
		{
			have -= 8;
			bytes[n++] = (uint8_t) (bits >> have);
		}
	}
	*out = lh_slice(bytes, n);
	return LH_OK;
}
