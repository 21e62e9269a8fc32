/*
 * internal.h
 *		What the files of audit/ share.
 */
#ifndef LH_AUDIT_INTERNAL_H
#define LH_AUDIT_INTERNAL_H

#include "audit/record.h"

/* Are kind, result, uses, relkinds, times and SQLSTATE what they can be? */
extern bool lh_audit_valid(const LhAuditRecord *record);

/* Names of enumerations, by their values, as lines have them; kinds and results begin with NULL. */
extern const char *const lh_audit_kind_name[LH_AUDIT_STOP + 1];
extern const char *const lh_audit_result_name[LH_AUDIT_GONE + 1];
extern const char *const lh_audit_use_name[LH_AUDIT_USES];

/* Append a string; bytes that are no UTF-8, and NUL, become U+FFFD. */
extern LhStatus lh_audit_put_string(LhCtx *ctx, LhBuf *out, LhSlice text);
/* Append a member, behind others or an opening bracket; texts that are empty are left out. */
extern LhStatus lh_audit_put_name(LhCtx *ctx, LhBuf *out, const char *name);
extern LhStatus lh_audit_put_text(LhCtx *ctx, LhBuf *out, const char *name, LhSlice text);
extern LhStatus lh_audit_put_word(LhCtx *ctx, LhBuf *out, const char *name, const char *word);
extern LhStatus lh_audit_put_number(LhCtx *ctx, LhBuf *out, const char *name, uint64_t v);
/* "relations" and "used", if there are any. */
extern LhStatus lh_audit_put_relations(LhCtx *ctx, LhBuf *out, const LhAuditRecord *record);
extern LhStatus lh_audit_put_uses(LhCtx *ctx, LhBuf *out, const LhAuditRecord *record);
/* "2026-12-01T09:59:06.123456Z" of a time that a record can have; 28 bytes with the NUL. */
#define LH_AUDIT_TIME_TEXT 28
extern void lh_audit_time_text(int64_t time, char out[LH_AUDIT_TIME_TEXT]);
/* False: it is none. */
extern bool lh_audit_time_parse(LhSlice text, int64_t *out);

#endif
