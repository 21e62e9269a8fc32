/*
 * awskms.h
 *		AWS Key Management Service as a key provider (crypto/provider.h).
 *
 *	awskms.c	the provider: requests, answers, versions
 *	awscreds.c	credentials: a file as AWS's own programs have it, or the machine's role (awscreds.h)
 *
 * Options:
 *
 *	region				"eu-central-1"
 *	endpoint			another than https://kms.REGION.amazonaws.com; http:// only to this machine
 *	credentials_file	"[profile]" sections with aws_access_key_id, aws_secret_access_key, aws_session_token
 *	profile				"default"
 *	instance_role		"on": of the machine's role, instead of a file
 *	metadata_endpoint	another service of roles than the machine's (containers)
 *	ca_file				certificates instead of the system's
 *	timeout_ms			of one attempt; 10000
 *	attempts			5
 *
 * A key of the provider is named by its id ("1234abcd-12ab-...", "mrk-..."), or else by its alias without "alias/".
 *
 * A wrapped key is "awskms:vN:KEY:" and the service's text in base64.  KEY is the id of the key that wrapped it, which
 * unwraps it as well when the alias names another by then.  N is how often that key had been rotated, and one: the service itself tells no
 * versions.  All requests have the encryption context {"application": "lakehouse"}.
 *
 * API: https://docs.aws.amazon.com/kms/latest/APIReference
 */
#ifndef LH_NET_AWSKMS_H
#define LH_NET_AWSKMS_H

#include "crypto/provider.h"

extern const LhProviderKind lh_provider_awskms;

#endif
