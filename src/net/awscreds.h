/*
 * awscreds.h
 *		Credentials of AWS, for key providers.  Internal to net/.
 */
#ifndef LH_NET_AWSCREDS_H
#define LH_NET_AWSCREDS_H

#include "net/net.h"

/* All in secret memory but the id; session_token NULL: none. */
typedef struct LhAwsCredentials
{
	const char *access_key_id;
	const char *secret_access_key;
	const char *session_token;
} LhAwsCredentials;

/*
 * Of a profile in a file, read by the rules of files of keys.  LH_INVALID: the file has no such section, or it has no
 * key; names the line of what is no such file.  what: "credentials file".
 */
extern LhStatus lh_aws_credentials(LhCtx *ctx, const char *path, const char *profile, LhAwsCredentials *out);

#endif
