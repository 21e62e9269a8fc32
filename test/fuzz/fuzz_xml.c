/*
 * fuzz_xml.c
 *		The XML of object stores: whatever an endpoint answers.
 *
 * Elements end as they began, and text never grows beyond what came.
 */
#include <stdlib.h>

#include "fuzz/fuzz_ctx.h"
#include "store/xml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	LhCtx *ctx = fuzz_ctx();
	LhXmlKind kind = LH_XML_OPEN;
	int open = 0;
	LhXml xml;

	if (lh_xml_init(ctx, &xml, data, size) != LH_OK)
		abort();
	while (kind != LH_XML_END && lh_xml_next(ctx, &xml, &kind) == LH_OK)
	{
		open += kind == LH_XML_OPEN ? 1 : kind == LH_XML_CLOSE ? -1 : 0;
		if (open < 0 || open > LH_XML_DEPTH || open != xml.depth || xml.text.len > size)
			abort();
		if (kind == LH_XML_CLOSE && xml.text.data[xml.text.len] != '\0')
			abort();
		if (kind == LH_XML_END && open != 0)
			abort();
	}
	fuzz_ctx_done(ctx);
	return 0;
}
