/*
 * json.h
 *		What of the format "json" others use, and whether text is JSON at all.
 */
#ifndef LH_CHANGE_JSON_H
#define LH_CHANGE_JSON_H

#include "change/change.h"

/* A cell as the format "json" writes it. */
extern LhStatus lh_json_value(LhCtx *ctx, LhBuf *buf, const LhChangeOptions *options, const LhChangeColumn *column,
							  const LhCell *cell);
/* What an event that is no row has behind its head. */
extern LhStatus lh_json_rest(LhCtx *ctx, LhBuf *buf, const LhChangeEvent *ev);
/* One JSON value with nothing but blanks around it (RFC 8259), nested no deeper than that; the text is valid UTF-8. */
extern bool lh_json_is_valid(const void *text, size_t n, int depth);

#endif
