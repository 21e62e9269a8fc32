/*
 * secret_json.h
 *		Members of JSON that holds secrets.  Internal to net/.
 *
 * A library would leave copies of what it reads in memory that nobody wipes.  This looks at
 * the bytes where they are, and points there.
 */
#ifndef LH_NET_SECRET_JSON_H
#define LH_NET_SECRET_JSON_H

#include "core/core.h"

/*
 * The value of the member path[0] of the document, of path[1] in that, and so on to n: the
 * bytes of a string between its quotes, or those of a number (*number).  False: the bytes are not
 * exactly one JSON object, nested at most 32 deep; there is no such member, or two of a
 * name on the path; it is something else; or the string, or a name beside the path's, has an
 * escape, which nothing that we want needs.
 */
extern bool lh_secret_json_find(LhSlice json, const char *const *path, int n, LhSlice *out, bool *number);

#endif
