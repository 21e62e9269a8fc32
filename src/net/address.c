/*
 * address.c
 *		Which addresses may be connected.
 *
 * Who may name a location must not thereby reach what only the server's own
 * network reaches: the cloud's metadata service above all, which hands out the
 * machine's credentials.  It is the address of the connection that is judged,
 * because a name can change what it means between two look-ups:
 *
 *	1. link-local addresses, the metadata addresses that are not link-local, and
 *	   multicast and broadcast are refused, whoever asks;
 *	2. loopback, private, shared (carrier NAT) and reserved addresses only for a
 *	   host, or in a network, that a rule names;
 *	3. an IPv4 address inside an IPv6 one (mapped, compatible, NAT64, 6to4) is
 *	   judged as what it is.
 *
 * Source: IANA's registries of special-purpose addresses (RFC 6890, RFC 8190)
 */
#include "net/net.h"

#include <arpa/inet.h>
#include <stdio.h>

/* One line of the registry. */
typedef struct Block
{
	uint8_t b[16];
	int bits;
	LhAddressKind kind;
} Block;

#define V4(a, b_, c, d, bits_, kind_) \
	{ {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a, b_, c, d}, 96 + (bits_), kind_ }
#define V6(a, b_, c, d, bits_, kind_) { {a, b_, c, d}, bits_, kind_ }

static const uint8_t mapped_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
static const uint8_t nat64_prefix[12] = {0x00, 0x64, 0xff, 0x9b};

/* The first that holds the address decides. */
static const Block blocks[] = {
	V4(169, 254, 0, 0, 16, LH_ADDRESS_REFUSED),     /* link-local; metadata services */
	V4(100, 100, 100, 200, 32, LH_ADDRESS_REFUSED), /* a metadata service in shared space */
	V4(192, 0, 0, 192, 32, LH_ADDRESS_REFUSED),     /* another, in IETF's */
	V4(224, 0, 0, 0, 4, LH_ADDRESS_REFUSED),        /* multicast */
	V4(255, 255, 255, 255, 32, LH_ADDRESS_REFUSED), /* broadcast */
	V4(0, 0, 0, 0, 8, LH_ADDRESS_PRIVATE),          /* "this host": Linux connects to itself */
	V4(10, 0, 0, 0, 8, LH_ADDRESS_PRIVATE),
	V4(100, 64, 0, 0, 10, LH_ADDRESS_PRIVATE), /* carrier-grade NAT */
	V4(127, 0, 0, 0, 8, LH_ADDRESS_PRIVATE),
	V4(172, 16, 0, 0, 12, LH_ADDRESS_PRIVATE),
	V4(192, 0, 0, 0, 24, LH_ADDRESS_PRIVATE),
	V4(192, 0, 2, 0, 24, LH_ADDRESS_PRIVATE), /* documentation */
	V4(192, 168, 0, 0, 16, LH_ADDRESS_PRIVATE),
	V4(198, 18, 0, 0, 15, LH_ADDRESS_PRIVATE),    /* benchmarks */
	V4(198, 51, 100, 0, 24, LH_ADDRESS_PRIVATE),  /* documentation */
	V4(203, 0, 113, 0, 24, LH_ADDRESS_PRIVATE),   /* documentation */
	V4(240, 0, 0, 0, 4, LH_ADDRESS_PRIVATE),      /* reserved */
	V6(0xfe, 0x80, 0, 0, 10, LH_ADDRESS_REFUSED), /* link-local */
	V6(0xff, 0x00, 0, 0, 8, LH_ADDRESS_REFUSED),  /* multicast */
	/* fd00:ec2::254, a metadata service */
	{{0xfd, 0x00, 0x0e, 0xc2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x02, 0x54}, 128, LH_ADDRESS_REFUSED},
	/* fd20:ce::254, another */
	{{0xfd, 0x20, 0x00, 0xce, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x02, 0x54}, 128, LH_ADDRESS_REFUSED},
	V6(0xfc, 0x00, 0, 0, 7, LH_ADDRESS_PRIVATE),         /* unique local */
	V6(0xfe, 0xc0, 0, 0, 10, LH_ADDRESS_PRIVATE),        /* site-local, deprecated */
	V6(0x01, 0x00, 0, 0, 64, LH_ADDRESS_PRIVATE),        /* discard */
	V6(0x20, 0x01, 0x0d, 0xb8, 32, LH_ADDRESS_PRIVATE),  /* documentation */
	V6(0x20, 0x01, 0x00, 0x00, 23, LH_ADDRESS_PRIVATE),  /* IETF's, Teredo among them */
	V6(0x00, 0x64, 0xff, 0x9b, 32, LH_ADDRESS_PRIVATE),  /* NAT64 of local use */
	V6(0x3f, 0xff, 0, 0, 20, LH_ADDRESS_PRIVATE),        /* documentation */
	V6(0x5f, 0x00, 0, 0, 16, LH_ADDRESS_PRIVATE),        /* segment routing */
	V6(0x00, 0x00, 0x00, 0x00, 96, LH_ADDRESS_PRIVATE),  /* unspecified, loopback, compatible */
};

static bool
in_block(const uint8_t *a, const uint8_t *b, int bits)
{
	int bytes = bits / 8, rest = bits % 8;

	if (memcmp(a, b, (size_t) bytes) != 0)
		return false;
	return rest == 0 || ((a[bytes] ^ b[bytes]) >> (8 - rest)) == 0;
}

bool
lh_address_parse(const char *text, LhAddress *out)
{
	memcpy(out->b, mapped_prefix, sizeof(mapped_prefix));
	if (inet_pton(AF_INET, text, out->b + 12) == 1)
		return true;
	return inet_pton(AF_INET6, text, out->b) == 1;
}

void
lh_address_format(const LhAddress *address, char *out, size_t size)
{
	bool v4 = memcmp(address->b, mapped_prefix, sizeof(mapped_prefix)) == 0;

	if (inet_ntop(v4 ? AF_INET : AF_INET6, v4 ? address->b + 12 : address->b, out,
				  (socklen_t) size) == NULL)
		snprintf(out, size, "?");
}

/* The IPv4 address that an IPv6 one carries, as a mapped one. */
static LhAddress
unwrap(const LhAddress *address)
{
	static const uint8_t zero[12] = {0};
	LhAddress inner = *address;
	const uint8_t *b = address->b;

	memcpy(inner.b, mapped_prefix, sizeof(mapped_prefix));
	if (memcmp(b, nat64_prefix, 12) == 0)
		memcpy(inner.b + 12, b + 12, 4);
	else if (b[0] == 0x20 && b[1] == 0x02) /* 6to4 */
		memcpy(inner.b + 12, b + 2, 4);
	else if (memcmp(b, zero, 12) == 0 && (b[12] | b[13]) != 0) /* compatible */
		memcpy(inner.b + 12, b + 12, 4);
	else
		return *address;
	return inner;
}

LhAddressKind
lh_address_kind(const LhAddress *address)
{
	LhAddress inner = unwrap(address);

	for (size_t i = 0; i < sizeof(blocks) / sizeof(blocks[0]); i++)
		if (in_block(inner.b, blocks[i].b, blocks[i].bits))
			return blocks[i].kind;
	return LH_ADDRESS_PUBLIC;
}

/*
 * Rules
 */

static LhStatus
bad_rule(LhCtx *ctx, const char *text)
{
	lh_fail(ctx, LH_INVALID, "\"%s\" is neither a host nor a network", text);
	lh_hint(ctx, "Write a host name, an address, or a network as 10.0.0.0/8.");
	return LH_INVALID;
}

/* The bits behind the '/', as bits of 128; -1 when there are none or too many. */
static int
parse_bits(const char *text, bool v4)
{
	int bits = 0;

	if (text[0] == '\0' || strlen(text) > 3 || text[strspn(text, "0123456789")] != '\0')
		return -1;
	for (; *text; text++)
		bits = bits * 10 + (*text - '0');
	if (bits > (v4 ? 32 : 128))
		return -1;
	return v4 ? bits + 96 : bits;
}

LhStatus
lh_net_rule_parse(LhCtx *ctx, const char *text, LhNetRule *out)
{
	size_t len = strcspn(text, "/");
	bool bracket = len > 2 && text[0] == '[' && text[len - 1] == ']';
	char *host = bracket ? lh_strndup(ctx, text + 1, len - 2) : lh_strndup(ctx, text, len);
	LhUrl url;
	char *probe;

	if (host == NULL)
		return ctx->error->code;
	*out = (LhNetRule){0};
	if (lh_address_parse(host, &out->network))
	{
		out->bits = 128;
		if (text[len] == '/')
			out->bits = parse_bits(text + len + 1, strchr(host, ':') == NULL);
		if (out->bits < 0)
			return bad_rule(ctx, text);
		return LH_OK;
	}
	if (text[len] == '/' || bracket)
		return bad_rule(ctx, text);
	probe = lh_sprintf(ctx, "http://%s/", host);
	if (probe == NULL)
		return ctx->error->code;
	if (strchr(host, ':') != NULL || lh_url_parse(ctx, probe, &url) != LH_OK)
		return bad_rule(ctx, text);
	out->host = url.host;
	return LH_OK;
}

bool
lh_net_rule_covers(const LhNetRule *rule, const LhAddress *address)
{
	return rule->host == NULL && in_block(address->b, rule->network.b, rule->bits);
}

bool
lh_address_is_metadata(const LhAddress *address)
{
	static const uint8_t service[4] = {169, 254, 169, 254};

	return memcmp(address->b, mapped_prefix, sizeof(mapped_prefix)) == 0 &&
		   memcmp(address->b + 12, service, 4) == 0;
}

bool
lh_address_allowed(const LhNetRule *rules, int nrules, const char *host, const LhAddress *address)
{
	LhAddressKind kind = lh_address_kind(address);
	LhAddress inner = unwrap(address);

	if (kind != LH_ADDRESS_PRIVATE)
		return kind == LH_ADDRESS_PUBLIC;
	for (int i = 0; i < nrules; i++)
	{
		if (rules[i].host != NULL ? strcmp(rules[i].host, host) == 0
								  : lh_net_rule_covers(&rules[i], address) ||
										lh_net_rule_covers(&rules[i], &inner))
			return true;
	}
	return false;
}
