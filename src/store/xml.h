/*
 * xml.h
 *		Internal: as much XML as S3 speaks.
 */
#ifndef LH_STORE_XML_H
#define LH_STORE_XML_H

#include "core/core.h"

#define LH_XML_DEPTH 16

typedef enum LhXmlKind
{
	LH_XML_OPEN,  /* name */
	LH_XML_CLOSE, /* name, and the text since its element was opened, if it has no elements */
	LH_XML_END
} LhXmlKind;

typedef struct LhXml
{
	const char *p, *end;
	int depth;
	LhSlice names[LH_XML_DEPTH]; /* open elements, without their namespace prefix */
	bool close;                  /* of "<x/>" */
	bool begun;                  /* the root element was seen */
	LhBuf text;                  /* a NUL follows */
	LhSlice name;                /* of the event */
} LhXml;

/* Over bytes that outlive it; memory is ctx->arena's. */
extern LhStatus lh_xml_init(LhCtx *ctx, LhXml *xml, const void *bytes, size_t len);
/*
 * The next element begun or ended.  What is not well-formed is LH_CORRUPT;
 * document type declarations are refused, and with them all entities but the
 * five of XML.
 */
extern LhStatus lh_xml_next(LhCtx *ctx, LhXml *xml, LhXmlKind *kind);
extern bool lh_xml_is(const LhXml *xml, const char *name);

#endif
