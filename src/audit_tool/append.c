/*
 * append.c
 *		Keys made; lines appended by hand, and signed.
 */
#include "audit_tool/tool.h"

#include <stdio.h>

LhStatus
tool_keygen(LhCtx *ctx, const ToolOptions *o, int *exit)
{
	LhVerifier *verifier;
	LhSigner *signer;
	char *text;

	LH_TRY(tool_need(ctx, "name", o->name));
	LH_TRY(tool_need(ctx, "out", o->out));
	LH_TRY(lh_audit_key_make(ctx, o->out));
	LH_TRY(lh_audit_key_load(ctx, o->out, o->name, &signer));
	LH_TRY(lh_signer_verifier(ctx, signer, &verifier));
	if ((text = lh_verifier_text(ctx, verifier)) == NULL)
		return ctx->error->code;
	puts(text);
	*exit = TOOL_INTACT;
	return LH_OK;
}

/* All lines or, with what is wrong with one, none behind it. */
static LhStatus
append_lines(LhCtx *ctx, LhAuditLog *log)
{
	LhSlice all;

	LH_TRY(tool_read(ctx, "-", &all));
	while (all.len > 0)
	{
		const uint8_t *end = memchr(all.data, '\n', all.len);
		size_t n = end != NULL ? (size_t) (end - all.data) : all.len;

		LH_TRY(lh_audit_log_append(ctx, log, lh_slice(all.data, n), NULL));
		n += end != NULL;
		all = lh_slice(all.data + n, all.len - n);
	}
	return LH_OK;
}

LhStatus
tool_append(LhCtx *ctx, const ToolOptions *o, int *exit)
{
	LhAuditLogOptions options = {0};
	LhSigner *signer;
	LhAuditLog *log;
	LhBuf note;

	LH_TRY(tool_need(ctx, "log", o->log));
	LH_TRY(tool_need(ctx, "origin", o->origin));
	LH_TRY(tool_need(ctx, "key-file", o->key_file));
	options.origin = lh_slice(o->origin, strlen(o->origin));
	LH_TRY(lh_audit_key_load(ctx, o->key_file, o->name != NULL ? o->name : o->origin, &signer));
	LH_TRY(lh_audit_log_open(ctx, o->log, &options, &log));
	LH_TRY(append_lines(ctx, log));
	LH_TRY(lh_buf_init(ctx, &note, false));
	LH_TRY(lh_audit_log_checkpoint(ctx, log, signer, &note));
	printf("%.*s", (int) note.len, (const char *) note.data);
	*exit = TOOL_INTACT;
	return LH_OK;
}
