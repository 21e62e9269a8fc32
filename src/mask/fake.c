/*
 * fake.c
 *		Names, places and addresses that nobody has.
 *
 * The bytes of the value's HMAC choose from lists.  Where what comes out is the value itself, they are hashed
 * again and choose anew; after a few times of that another entry is taken, which is in any case not the value.
 */
#include "mask/fake_lists.h"
#include "mask/keyed.h"

#include <stdio.h>
#include <strings.h>

/* Times that chance gets; each is a hit with a probability far below one in a hundred. */
#define TRIES 8

/* Eight bytes of the hash for each choice. */
typedef struct Choice
{
	const uint8_t *bytes;
	int used;
} Choice;

static uint64_t
choose(Choice *c, uint64_t n)
{
	uint64_t x = lh_load_be64(c->bytes + 8 * (c->used++ % 4));

	return (uint64_t) (((LhU128) x * n) >> 64);
}

#define PICK(c, list) ((list)[choose((c), sizeof(list) / sizeof((list)[0]))])

static void
lower(char *p)
{
	for (; *p != '\0'; p++)
	{
		if (*p >= 'A' && *p <= 'Z')
			*p = (char) (*p + ('a' - 'A'));
	}
}

static int
compose(LhFake kind, Choice *c, char *out)
{
	const char *a, *b, *d;
	unsigned number;
	int n;

	switch (kind)
	{
		case LH_FAKE_FIRST_NAME: return snprintf(out, LH_FAKE_MOST, "%s", PICK(c, first_names));
		case LH_FAKE_LAST_NAME: return snprintf(out, LH_FAKE_MOST, "%s", PICK(c, last_names));
		case LH_FAKE_NAME:
			a = PICK(c, first_names);
			b = PICK(c, last_names);
			return snprintf(out, LH_FAKE_MOST, "%s %s", a, b);
		case LH_FAKE_CITY:
			a = PICK(c, city_stems);
			b = PICK(c, city_ends);
			return snprintf(out, LH_FAKE_MOST, "%s%s", a, b);
		case LH_FAKE_COMPANY:
			a = PICK(c, last_names);
			b = PICK(c, company_fields);
			d = PICK(c, company_forms);
			return snprintf(out, LH_FAKE_MOST, "%s %s %s", a, b, d);
		case LH_FAKE_STREET:
			number = (unsigned) choose(c, 199) + 1;
			a = PICK(c, city_stems);
			b = PICK(c, city_ends);
			d = PICK(c, street_ends);
			return snprintf(out, LH_FAKE_MOST, "%u %s%s %s", number, a, b, d);
		case LH_FAKE_EMAIL:
			a = PICK(c, first_names);
			b = PICK(c, last_names);
			number = (unsigned) choose(c, 1000000);
			n = snprintf(out, LH_FAKE_MOST, "%s.%s%06u@example.com", a, b, number);
			lower(out);
			return n;
		case LH_FAKE_PHONE:
			number = (unsigned) choose(c, 800) + 200;
			return snprintf(out, LH_FAKE_MOST, "+1-%03u-555-%04u", number,
							(unsigned) choose(c, 100) + 100);
	}
	out[0] = '\0';
	return 0;
}

static bool
same(LhSlice value, const char *text, size_t len)
{
	return value.len == len && strncasecmp((const char *) value.data, text, len) == 0;
}

size_t
lh_fake(const LhKeyed *keyed, LhFake kind, LhSlice value, char out[LH_FAKE_MOST])
{
	static const char *const purposes[LH_FAKES] = {"first name", "last name", "name",  "city",
												   "company",    "street",    "email", "phone"};
	uint8_t bytes[LH_SHA256];
	size_t n;

	lh_keyed_bytes(keyed, purposes[kind], value, bytes);
	for (int i = 0;; i++)
	{
		Choice c = {bytes, 0};

		n = (size_t) compose(kind, &c, out);
		if (!same(value, out, n))
			return n;
		if (i < TRIES)
		{
			uint8_t last[LH_SHA256];

			memcpy(last, bytes, sizeof(last));
			lh_keyed_bytes(keyed, "again", lh_slice(last, sizeof(last)), bytes);
		}
		else
			bytes[0] ^= 0x80; /* the other half of the first list */
	}
}
