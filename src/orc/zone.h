/*
 * zone.h
 *		Internal: time zones from the system's zoneinfo files.
 */
#ifndef LH_ORC_ZONE_H
#define LH_ORC_ZONE_H

#include "core/core.h"

#define LH_ZONEINFO "/usr/share/zoneinfo"

typedef struct LhZone LhZone;

/*
 * The zone of a name as a file has it ("America/Los_Angeles", "GMT+02:00"; NULL
 * and "": UTC), from a file below dir (NULL: LH_ZONEINFO).  UTC, GMT and
 * offsets from them need no file.  Zones are kept for the life of the process, for
 * all threads, while there is room for more, else in ctx->arena; LH_UNSUPPORTED
 * with a remedy for one that is not known.
 */
extern LhStatus lh_zone_get(LhCtx *ctx, const char *dir, const char *name, const LhZone **out);

/* A zone from the bytes of a TZif file, in ctx->arena; LH_CORRUPT when it is none. */
extern LhStatus
lh_zone_parse(LhCtx *ctx, const char *name, const uint8_t *p, size_t len, LhZone **out);

/* Always UTC? */
extern bool lh_zone_is_utc(const LhZone *zone);

/*
 * Seconds that local time is ahead of UTC at a moment (seconds since 1970 in
 * UTC); the same holds for all moments in [*from, *until).
 */
extern int32_t lh_zone_offset(const LhZone *zone, int64_t utc, int64_t *from, int64_t *until);

/* The moment at which clocks there show local seconds since 1970. */
extern int64_t lh_zone_to_utc(const LhZone *zone, int64_t local);

#endif
