/*
 * debezium_default.h
 *		Defaults of columns as their schemas show them.
 */
#ifndef LH_CHANGE_DEBEZIUM_DEFAULT_H
#define LH_CHANGE_DEBEZIUM_DEFAULT_H

#include "change/debezium.h"

/*
 * The default as a JSON value of the type; length 0 where there is none, where it
 * is an expression, or where Debezium shows none for the type.  A call of a
 * function is shown as the type's zero, as there.
 */
extern LhStatus
lh_dbz_default(LhCtx *ctx, const LhChangeColumn *column, const LhDbzType *type, LhSlice *out);

#endif
