/*
 * ddl_state.h
 *		What ddl.c (events, texts, messages) and ddl_objects.c (objects) share.
 */
#ifndef LH_PG_CDC_DDL_STATE_H
#define LH_PG_CDC_DDL_STATE_H

#include "pg/cdc/cdc.h"

#include "commands/event_trigger.h"

#include "change/ddl.h"

/* An event at work. */
typedef struct LhDdlEvent
{
	const EventTriggerData *trigger;
	SubTransactionId subid;		/* of the command */
	LhCtx	   *ctx;
	LhBuf	   *message;		/* NULL: none is due */
	List	   *objects;		/* of LhDdlObject * */
} LhDdlEvent;

/* ---- ddl_objects.c; memory of the event ---- */

extern const char *lh_ddl_utf8(LhDdlEvent *e, const char *text);
extern const char *lh_ddl_schema_name(LhDdlEvent *e, Oid namespace);
extern LhDdlObject *lh_ddl_add_object(LhDdlEvent *e, LhDdlType type, Oid oid, const char *schema, const char *name);
extern void lh_ddl_add_relation(LhDdlEvent *e, Oid relid);
/* What a command that has ended made or altered. */
extern void lh_ddl_add_commands(LhDdlEvent *e);
/* What it has just dropped. */
extern void lh_ddl_add_all_dropped(LhDdlEvent *e);

#endif
