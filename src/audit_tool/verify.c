/*
 * verify.c
 *		Logs and documents verified, documents made.
 */
#include "audit_tool/tool.h"

#include <stdio.h>

#include "audit/log_internal.h"

/* One line on what was found; the sentence on what is wrong last. */
static void
print_verdict(const LhAuditVerdict *v, const ToolTrust *t)
{
	printf(
		"%s: %llu entries, lines kept from %llu on; %llu lines hashed, %llu checkpoints of the log, %d kept\n",
		v->intact ? "intact" : "NOT INTACT", (unsigned long long) v->size,
		(unsigned long long) v->first, (unsigned long long) v->lines, (unsigned long long) v->notes,
		t->nnotes);
	printf("the first %llu entries are vouched for by a checkpoint\n",
		   (unsigned long long) v->covered);
	if (v->why != NULL)
		printf("%s\n", v->why);
	else if (t->nnotes == 0)
		puts(
			"no checkpoint was given that somebody kept: this only says that the log agrees with itself");
}

LhStatus
tool_verify(LhCtx *ctx, const ToolOptions *o, int *exit)
{
	uint64_t first = UINT64_MAX;
	LhAuditVerdict v;
	LhAuditLog *log;
	ToolTrust *t;

	LH_NEW(ctx, t);
	LH_TRY(tool_need(ctx, "log", o->log));
	if (o->first != NULL)
		LH_TRY(tool_number(ctx, "first", o->first, &first));
	/* only for the log's own origin: whatever its state is like */
	LH_TRY(lh_audit_log_begin(ctx, o->log, false, &log));
	LH_TRY(tool_trust(ctx, o, log, t));
	LH_TRY(lh_audit_log_verify(ctx, o->log, t->verifiers, t->nverifiers, t->origin, t->notes,
							   t->nnotes, &v));
	if (v.intact && v.first > first)
	{
		v.intact = false;
		v.why = "lines are missing that should be kept";
	}
	print_verdict(&v, t);
	*exit = v.intact ? TOOL_INTACT : TOOL_NOT_INTACT;
	return LH_OK;
}

static LhStatus
verify_document(LhCtx *ctx, const ToolOptions *o, bool inclusion, LhAuditProof *p)
{
	LhSlice document, kept = {0};
	ToolTrust *t;

	LH_NEW(ctx, t);
	LH_TRY(tool_read(ctx, o->files[0], &document));
	LH_TRY(tool_trust(ctx, o, NULL, t));
	if (t->nnotes > 1)
		LH_FAIL(ctx, LH_INVALID, "a document is compared with one kept checkpoint, not with %d",
				t->nnotes);
	if (t->nnotes == 1)
		kept = t->notes[0];
	if (t->origin.len == 0)
		LH_FAIL(ctx, LH_INVALID, "option --origin or --checkpoint has to say which log it is");
	LH_TRY(lh_audit_proof_verify(ctx, document, t->verifiers, t->nverifiers, t->origin, kept, p));
	if (p->holds && p->inclusion != inclusion)
	{
		p->holds = false;
		p->why = "the document is of another type";
	}
	return LH_OK;
}

LhStatus
tool_inclusion(LhCtx *ctx, const ToolOptions *o, int *exit)
{
	LhAuditProof p;

	LH_TRY(verify_document(ctx, o, true, &p));
	*exit = p.holds ? TOOL_INTACT : TOOL_NOT_INTACT;
	if (!p.holds)
		printf("NOT PROVED: %s\n", p.why);
	else
		printf("proved: entry %llu is among the %llu entries of the checkpoint\n%.*s%s",
			   (unsigned long long) p.number, (unsigned long long) p.size, (int) p.line.len,
			   (const char *) p.line.data, p.line.len > 0 ? "\n" : "its line is no longer kept\n");
	return LH_OK;
}

LhStatus
tool_consistency(LhCtx *ctx, const ToolOptions *o, int *exit)
{
	LhAuditProof p;

	LH_TRY(verify_document(ctx, o, false, &p));
	*exit = p.holds ? TOOL_INTACT : TOOL_NOT_INTACT;
	if (!p.holds)
		printf("NOT PROVED: %s\n", p.why);
	else
		printf("proved: the log of %llu entries continues that of %llu\n",
			   (unsigned long long) p.size, (unsigned long long) p.from);
	return LH_OK;
}

LhStatus
tool_prove(LhCtx *ctx, const ToolOptions *o, int *exit)
{
	uint64_t size = UINT64_MAX, n;
	LhAuditLog *log;
	LhBuf out;

	LH_TRY(tool_need(ctx, "log", o->log));
	if (o->size != NULL)
		LH_TRY(tool_number(ctx, "size", o->size, &size));
	if ((o->entry != NULL) == (o->from_size != NULL))
		LH_FAIL(ctx, LH_INVALID, "either --entry or --from-size is needed");
	LH_TRY(lh_audit_log_read(ctx, o->log, &log));
	LH_TRY(lh_buf_init(ctx, &out, false));
	if (o->entry != NULL)
	{
		LH_TRY(tool_number(ctx, "entry", o->entry, &n));
		LH_TRY(lh_audit_proof_inclusion(ctx, log, n, size, &out));
	}
	else
	{
		LH_TRY(tool_number(ctx, "from-size", o->from_size, &n));
		LH_TRY(lh_audit_proof_consistency(ctx, log, n, size, &out));
	}
	printf("%.*s\n", (int) out.len, (const char *) out.data);
	*exit = TOOL_INTACT;
	return LH_OK;
}
