/*
 * xml.c
 *		As much XML as S3 speaks: elements and their text.
 *
 * Answers come from whoever the endpoint leads to, so nothing is trusted:
 *
 *	1. elements nest at most LH_XML_DEPTH deep, and end as they began;
 *	2. there are no entities but &lt; &gt; &amp; &quot; &apos; and characters by
 *	   number; a document type declaration is refused before it is read;
 *	3. attributes, comments, processing instructions are skipped, CDATA is text;
 *	4. time and memory grow with the length of the answer, no faster.
 *
 * Source: Extensible Markup Language (XML) 1.0
 */
#include "store/xml.h"

#include <string.h>

LhStatus
lh_xml_init(LhCtx *ctx, LhXml *xml, const void *bytes, size_t len)
{
	*xml = (LhXml){.p = bytes, .end = (const char *) bytes + len};
	/* the mark of UTF-8 */
	if (len >= 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0)
		xml->p += 3;
	return lh_buf_init(ctx, &xml->text, true);
}

bool
lh_xml_is(const LhXml *xml, const char *name)
{
	return strlen(name) == xml->name.len && memcmp(name, xml->name.data, xml->name.len) == 0;
}

static LhStatus
malformed(LhCtx *ctx, const char *what)
{
	LH_FAIL(ctx, LH_CORRUPT, "the XML of the answer is malformed: %s", what);
}

static bool
starts(const LhXml *xml, const char *text)
{
	size_t n = strlen(text);

	return (size_t) (xml->end - xml->p) >= n && memcmp(xml->p, text, n) == 0;
}

/* Behind the next occurrence of text. */
static LhStatus
skip_past(LhCtx *ctx, LhXml *xml, const char *text)
{
	const char *at = memmem(xml->p, (size_t) (xml->end - xml->p), text, strlen(text));

	if (at == NULL)
		return malformed(ctx, "it ends too early");
	xml->p = at + strlen(text);
	return LH_OK;
}

/*
 * Text
 */

static LhStatus
add_char(LhCtx *ctx, LhXml *xml, uint32_t c)
{
	char out[4];
	size_t n;

	if (c == 0 || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return malformed(ctx, "a character by a number that is none");
	if (c < 0x80)
	{
		out[0] = (char) c;
		n = 1;
	}
	else
	{
		n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
		for (size_t i = n - 1; i > 0; i--, c >>= 6)
			out[i] = (char) (0x80 | (c & 0x3f));
		out[0] = (char) ((n == 2 ? 0xc0 : n == 3 ? 0xe0 : 0xf0) | c);
	}
	return lh_buf_append(ctx, &xml->text, out, n);
}

/* "&#65;" or "&#x41;"; p is behind the '#'. */
static LhStatus
add_number(LhCtx *ctx, LhXml *xml, const char *p, const char *end)
{
	uint32_t base = p < end && *p == 'x' ? 16 : 10, c = 0;

	if (base == 16)
		p++;
	if (p == end || end - p > 8)
		return malformed(ctx, "a character by a number that is none");
	for (; p < end; p++)
	{
		uint32_t digit = *p >= '0' && *p <= '9'   ? (uint32_t) (*p - '0')
						 : *p >= 'a' && *p <= 'f' ? (uint32_t) (*p - 'a' + 10)
						 : *p >= 'A' && *p <= 'F' ? (uint32_t) (*p - 'A' + 10)
												  : 99;

		if (digit >= base)
			return malformed(ctx, "a character by a number that is none");
		c = c * base + digit;
		if (c > 0x10ffff)
			return malformed(ctx, "a character by a number that is none");
	}
	return add_char(ctx, xml, c);
}

static LhStatus
add_entity(LhCtx *ctx, LhXml *xml)
{
	static const struct
	{
		const char *name;
		char c;
	} known[] = {{"lt", '<'}, {"gt", '>'}, {"amp", '&'}, {"quot", '"'}, {"apos", '\''}};
	const char *p = xml->p + 1, *end;
	size_t most = (size_t) (xml->end - p);

	end = memchr(p, ';', most < 16 ? most : 16);
	if (end == NULL)
		return malformed(ctx, "an entity without an end");
	xml->p = end + 1;
	if (*p == '#')
		return add_number(ctx, xml, p + 1, end);
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strlen(known[i].name) == (size_t) (end - p) &&
			memcmp(known[i].name, p, (size_t) (end - p)) == 0)
			return lh_buf_putc(ctx, &xml->text, known[i].c);
	return malformed(ctx, "an entity that is not known");
}

/* Up to the next '<'. */
static LhStatus
take_text(LhCtx *ctx, LhXml *xml)
{
	while (xml->p < xml->end && *xml->p != '<')
	{
		const char *stop = xml->p;

		if (*xml->p == '&')
		{
			LH_TRY(add_entity(ctx, xml));
			continue;
		}
		while (stop < xml->end && *stop != '<' && *stop != '&')
			stop++;
		if (memchr(xml->p, '\0', (size_t) (stop - xml->p)) != NULL)
			return malformed(ctx, "a zero byte");
		LH_TRY(lh_buf_append(ctx, &xml->text, xml->p, (size_t) (stop - xml->p)));
		xml->p = stop;
	}
	return LH_OK;
}

static LhStatus
take_cdata(LhCtx *ctx, LhXml *xml)
{
	const char *from = xml->p + strlen("<![CDATA[");

	xml->p = from;
	LH_TRY(skip_past(ctx, xml, "]]>"));
	if (memchr(from, '\0', (size_t) (xml->p - from)) != NULL)
		return malformed(ctx, "a zero byte");
	return lh_buf_append(ctx, &xml->text, from, (size_t) (xml->p - 3 - from));
}

/*
 * Tags
 */

static bool
is_name_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
		   c == '-' || c == '.' || c == ':' || (c & 0x80) != 0;
}

/* A name without its namespace prefix. */
static LhStatus
take_name(LhCtx *ctx, LhXml *xml, LhSlice *out)
{
	const char *from = xml->p;

	while (xml->p < xml->end && is_name_char(*xml->p))
	{
		if (*xml->p++ == ':')
			from = xml->p;
	}
	*out = lh_slice(from, (size_t) (xml->p - from));
	return out->len > 0 ? LH_OK : malformed(ctx, "a tag without a name");
}

static LhStatus
open_tag(LhCtx *ctx, LhXml *xml)
{
	char quote = '\0';

	if (xml->depth == 0 && xml->begun)
		return malformed(ctx, "a second root");
	if (xml->depth == LH_XML_DEPTH)
		return malformed(ctx, "it is nested too deeply");
	xml->p++;
	LH_TRY(take_name(ctx, xml, &xml->name));
	/* attributes may hold a '>' in quotes */
	while (xml->p < xml->end && (quote != '\0' || *xml->p != '>'))
	{
		if (quote == '\0' && (*xml->p == '"' || *xml->p == '\''))
			quote = *xml->p;
		else if (*xml->p == quote)
			quote = '\0';
		else if (quote == '\0' && *xml->p == '<')
			return malformed(ctx, "a tag within a tag");
		xml->p++;
	}
	if (xml->p == xml->end)
		return malformed(ctx, "it ends too early");
	xml->close = xml->p[-1] == '/';
	xml->p++;
	xml->begun = true;
	xml->names[xml->depth++] = xml->name;
	xml->text.len = 0;
	return LH_OK;
}

static LhStatus
end_element(LhCtx *ctx, LhXml *xml)
{
	xml->name = xml->names[--xml->depth];
	LH_TRY(lh_buf_putc(ctx, &xml->text, '\0'));
	xml->text.len--;
	return LH_OK;
}

static LhStatus
close_tag(LhCtx *ctx, LhXml *xml)
{
	LhSlice name;

	xml->p += 2;
	LH_TRY(take_name(ctx, xml, &name));
	while (xml->p < xml->end && (*xml->p == ' ' || *xml->p == '\n' || *xml->p == '\r' || *xml->p == '\t'))
		xml->p++;
	if (xml->p == xml->end || *xml->p != '>')
		return malformed(ctx, "a tag without an end");
	xml->p++;
	if (xml->depth == 0 || xml->names[xml->depth - 1].len != name.len ||
		memcmp(xml->names[xml->depth - 1].data, name.data, name.len) != 0)
		return malformed(ctx, "an element ends that did not begin");
	return end_element(ctx, xml);
}

LhStatus
lh_xml_next(LhCtx *ctx, LhXml *xml, LhXmlKind *kind)
{
	*kind = LH_XML_CLOSE;
	if (xml->close)
	{
		xml->close = false;
		return end_element(ctx, xml);
	}
	/* text behind an inner element belongs to nobody */
	for (;;)
	{
		LH_TRY(take_text(ctx, xml));
		if (xml->p == xml->end)
			break;
		if (starts(xml, "<![CDATA["))
			LH_TRY(take_cdata(ctx, xml));
		else if (starts(xml, "<!--"))
			LH_TRY(skip_past(ctx, xml, "-->"));
		else if (starts(xml, "<?"))
			LH_TRY(skip_past(ctx, xml, "?>"));
		else if (starts(xml, "<!"))
			return malformed(ctx, "a document type declaration");
		else if (starts(xml, "</"))
			return close_tag(ctx, xml);
		else
		{
			*kind = LH_XML_OPEN;
			return open_tag(ctx, xml);
		}
	}
	if (xml->depth > 0 || !xml->begun)
		return malformed(ctx, "it ends too early");
	*kind = LH_XML_END;
	return LH_OK;
}
