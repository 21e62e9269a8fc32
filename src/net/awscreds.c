/*
 * awscreds.c
 *		Credentials of AWS in a file: sections, and names with values, a line each.
 *
 * Lines are cut where they lie, in secret memory: what comes out points there.
 *
 * Format: "Configuration and credential file settings", AWS documentation
 */
#include "net/awscreds.h"

#include "crypto/crypto.h"

typedef struct Line
{
	char *name, *value; /* value NULL: the head of a section */
} Line;

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static char *
trim(char *from, char *to)
{
	while (from < to && is_blank(*from))
		from++;
	while (from < to && is_blank(to[-1]))
		to--;
	*to = '\0';
	return from;
}

/* One line without its end; *line has names that are empty for what is to be passed over. */
static bool
read_line(char *p, char *end, Line *line)
{
	char *equal;

	*line = (Line){.name = "", .value = ""};
	p = trim(p, end);
	end = p + strlen(p);
	if (*p == '\0' || *p == '#' || *p == ';')
		return true;
	if (*p == '[')
	{
		if (end[-1] != ']')
			return false;
		line->name = trim(p + 1, end - 1);
		line->value = NULL;
		return true;
	}
	equal = strchr(p, '=');
	if (equal == NULL || equal == p)
		return false;
	line->value = trim(equal + 1, end);
	line->name = trim(p, equal);
	return true;
}

/* Values go into headers: printable ASCII without blanks. */
static bool
is_word(const char *s)
{
	for (const char *p = s; *p != '\0'; p++)
		if (*p <= ' ' || *p > '~')
			return false;
	return s[0] != '\0';
}

static const char **
field_of(LhAwsCredentials *c, const char *name)
{
	return strcmp(name, "aws_access_key_id") == 0       ? &c->access_key_id
		   : strcmp(name, "aws_secret_access_key") == 0 ? &c->secret_access_key
		   : strcmp(name, "aws_session_token") == 0     ? &c->session_token
														: NULL;
}

static LhStatus
read_profile(LhCtx *ctx, const char *path, char *p, char *end, const char *profile,
			 LhAwsCredentials *out)
{
	bool inside = false;
	int number = 0;

	for (char *next; p < end; p = next)
	{
		char *stop = memchr(p, '\n', (size_t) (end - p));
		const char **field;
		Line line;

		number++;
		stop = stop != NULL ? stop : end;
		next = stop + 1;
		if (memchr(p, '\0', (size_t) (stop - p)) != NULL || !read_line(p, stop, &line))
			LH_FAIL(
				ctx, LH_INVALID,
				"line %d of credentials file \"%s\" is neither \"[profile]\" nor \"name = value\"",
				number, path);
		if (line.value == NULL)
			inside = strcmp(line.name, profile) == 0;
		else if (inside && (field = field_of(out, line.name)) != NULL)
		{
			if (*field != NULL || !is_word(line.value))
				LH_FAIL(ctx, LH_INVALID,
						"line %d of credentials file \"%s\" has \"%s\" twice, or no usable value",
						number, path, line.name);
			*field = line.value;
		}
	}
	return LH_OK;
}

LhStatus
lh_aws_credentials(LhCtx *ctx, const char *path, const char *profile, LhAwsCredentials *out)
{
	uint8_t *bytes = NULL;
	size_t len = 0;
	void *text;

	*out = (LhAwsCredentials){0};
	LH_TRY(lh_secret_file(ctx, "credentials file", path, &bytes, &len));
	/* a NUL after the last line */
	LH_TRY(lh_secret_alloc(ctx, len + 1, &text));
	memcpy(text, bytes, len);
	LH_TRY(read_profile(ctx, path, text, (char *) text + len, profile, out));
	if (out->access_key_id == NULL || out->secret_access_key == NULL)
		LH_FAIL(ctx, LH_INVALID,
				"credentials file \"%s\" has no aws_access_key_id and aws_secret_access_key in "
				"section [%s]",
				path, profile);
	return LH_OK;
}
