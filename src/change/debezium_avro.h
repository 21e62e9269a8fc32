/*
 * debezium_avro.h
 *		Cells as Avro values of Debezium's types.
 */
#ifndef LH_CHANGE_DEBEZIUM_AVRO_H
#define LH_CHANGE_DEBEZIUM_AVRO_H

#include "change/avro.h"
#include "change/debezium.h"

/* Where a value stands: its union has null first, or last as there is a default, or there is none. */
typedef struct LhDbzAvroField
{
	const LhDbzType *type;
	int8_t		null;			/* branch of null, as an Avro int's byte; -1: it may not be null */
	int8_t		value;			/* branch of the value; -1: there is no union */
	LhSlice		unchanged;		/* with its branch */
	LhSlice		absent;
} LhDbzAvroField;

/* The field of a column. */
extern LhStatus lh_dbz_avro_field(LhCtx *ctx, const LhDbzColumn *column, LhDbzAvroField *out);
/* Any cell with its branch.  *said is false, and nothing of use written, when the type cannot say it and it may not be null. */
extern LhStatus lh_dbz_avro_put(LhCtx *ctx, LhBuf *buf, const LhDbzAvroField *field, const LhCell *cell, bool *said);

#endif
