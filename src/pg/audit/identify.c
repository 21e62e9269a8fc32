/*
 * identify.c
 *		Fingerprints of statements.
 *
 * Of their texts (audit/fingerprint.h), whatever identifier a query has otherwise: so a statement has one fingerprint, with pg_stat_statements
 * and without, and no setting takes it away.  Only what is recorded has one.  Where there is no text, as within functions
 * whose body was parsed when they were made, PostgreSQL's identifier of the query takes its place, if there is one.
 */
#include "pg/audit/audit.h"

#include "utils/memutils.h"

#include "audit/fingerprint.h"

/* Texts of statements that are run again and again, such as prepared ones, by where they are. */
#define KEPT 64					/* a power of two */
#define KEPT_TEXT_MOST 4096

typedef struct Kept
{
	const char *at;
	size_t		len;
	size_t		room;
	char	   *text;			/* a copy: another may be there meanwhile */
	uint64		hash;
} Kept;

static Kept kept[KEPT];

static uint64
hash_of(const char *text, size_t len)
{
	Kept	   *k = &kept[((uintptr_t) text >> 3 ^ (uintptr_t) text >> 9) & (KEPT - 1)];

	if (len > KEPT_TEXT_MOST)
		return lh_audit_fingerprint(text, len);
	if (k->at == text && k->len == len && memcmp(k->text, text, len) == 0)
		return k->hash;
	if (k->room < len)
	{
		size_t		room = Max(len, 256);

		k->at = NULL;
		k->text = k->text != NULL ? repalloc(k->text, room) : MemoryContextAlloc(TopMemoryContext, room);
		k->room = room;
	}
	memcpy(k->text, text, len);
	k->at = text;
	k->len = len;
	return k->hash = lh_audit_fingerprint(text, len);
}

/* Of several statements in one text that of the one; of what a rule made of it, all. */
static LhSlice
part_of(const char *source, int location, int len)
{
	size_t		most = LH_AUDIT_FINGERPRINT_MOST;

	if (source == NULL)
		return (LhSlice) {0};
	if (location <= 0)
		return lh_slice(source, location == 0 && len > 0 ? strnlen(source, Min((size_t) len, most)) : strnlen(source, most));
	/* who made the plan may have told of another text */
	if (strnlen(source, location) < (size_t) location)
		return (LhSlice) {0};
	return lh_slice(source + location, strnlen(source + location, len > 0 ? Min((size_t) len, most) : most));
}

LhAuditPrint
lh_audit_print(const char *source, int location, int len, uint64 query)
{
	LhSlice		text = part_of(source, location, len);
	uint64		hash = text.len > 0 ? hash_of((const char *) text.data, text.len) : 0;

	return hash != 0 ? (LhAuditPrint) {hash, true} : (LhAuditPrint) {query, false};
}

char *
lh_audit_print_text(LhAuditPrint print)
{
	if (print.hash == 0)
		return NULL;
	return psprintf("%s%016llx", print.of_text ? LH_AUDIT_FINGERPRINT_PREFIX : "", (unsigned long long) print.hash);
}
