/*
 * zone.c
 *		Time zones from the system's zoneinfo files.
 *
 * A TZif file holds moments at which local time types change, and behind them a
 * rule in the manner of POSIX's variable TZ for all later ones:
 *
 *	1. between two moments the type of the first holds; before the first the
 *	   type 0;
 *	2. behind the last the rule holds: standard time, or summer time between two
 *	   dates a year.
 *
 * Files of version 1, whose moments have 32 bits and which have no rule, are
 * read, too.  Zones with leap seconds ("right/...") are not: ORC's writers do
 * not count these.
 *
 * Format: RFC 8536 (TZif), POSIX.1 chapter 8.3 (TZ).
 */
#include "orc/zone.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define DAY         86400
#define MAX_FILE    (256 * 1024)
#define MAX_NAME    64
#define HEADER_SIZE 44
#define MAX_TYPES   256
#define MAX_ZONES   128 /* that are kept; later ones are read anew */
#define MAX_YEAR    INT64_C(1000000)

/* A date of a rule. */
typedef enum RuleKind
{
	RULE_JULIAN, /* day 1 to 365, without the 29th of February */
	RULE_DAY,    /* day 0 to 365 */
	RULE_WEEK    /* weekday day of week (5: the last) of month */
} RuleKind;

typedef struct RuleDate
{
	RuleKind kind;
	int month, week, day;
	int32_t time; /* seconds of local time before the change */
} RuleDate;

struct LhZone
{
	char name[MAX_NAME + 1];
	const char *dir; /* where it was found; for the cache */
	int ntimes;
	const int64_t *times; /* ascending */
	const uint8_t *types; /* that hold from there on */
	int ntypes;
	int32_t offsets[MAX_TYPES];
	bool has_rule;
	bool has_summer;
	int32_t standard, summer; /* offsets of the rule */
	RuleDate begin, end;      /* of summer time */
};

/*
 * Rules
 */

typedef struct Text
{
	const char *p;
	const char *end;
} Text;

static bool
take(Text *t, char c)
{
	if (t->p == t->end || *t->p != c)
		return false;
	t->p++;
	return true;
}

/* A number of at most most; false: none. */
static bool
number(Text *t, int most, int *out)
{
	int v = 0;
	const char *begin = t->p;

	while (t->p < t->end && *t->p >= '0' && *t->p <= '9')
	{
		v = v * 10 + (*t->p++ - '0');
		if (v > most)
			return false;
	}
	*out = v;
	return t->p > begin;
}

/* [+-]hh[:mm[:ss]] */
static bool
clock_time(Text *t, int32_t *out)
{
	int sign = take(t, '-') ? -1 : (take(t, '+'), 1);
	int h, m = 0, s = 0;

	if (!number(t, 167, &h))
		return false;
	if (take(t, ':') && (!number(t, 59, &m) || (take(t, ':') && !number(t, 59, &s))))
		return false;
	*out = sign * (h * 3600 + m * 60 + s);
	return true;
}

/* An abbreviation: letters, or anything in angle brackets. */
static bool
abbreviation(Text *t)
{
	const char *begin = t->p;

	if (take(t, '<'))
	{
		while (t->p < t->end && *t->p != '>')
			t->p++;
		return take(t, '>');
	}
	while (t->p < t->end && ((*t->p >= 'A' && *t->p <= 'Z') || (*t->p >= 'a' && *t->p <= 'z')))
		t->p++;
	return t->p - begin >= 3;
}

static bool
rule_date(Text *t, RuleDate *out)
{
	*out = (RuleDate){.kind = RULE_DAY, .time = 2 * 3600};
	if (!take(t, ','))
		return false;
	if (take(t, 'J'))
	{
		out->kind = RULE_JULIAN;
		if (!number(t, 365, &out->day) || out->day == 0)
			return false;
	}
	else if (take(t, 'M'))
	{
		out->kind = RULE_WEEK;
		if (!number(t, 12, &out->month) || !take(t, '.') || !number(t, 5, &out->week) ||
			!take(t, '.') || !number(t, 6, &out->day) || out->month == 0 || out->week == 0)
			return false;
	}
	else if (!number(t, 365, &out->day))
		return false;
	return !take(t, '/') || clock_time(t, &out->time);
}

/* POSIX counts offsets westwards. */
static bool
parse_rule(LhZone *z, const char *p, size_t len)
{
	Text t = {p, p + len};

	if (!abbreviation(&t) || !clock_time(&t, &z->standard))
		return false;
	z->standard = -z->standard;
	z->has_rule = true;
	if (t.p == t.end)
		return true;
	z->has_summer = true;
	z->summer = z->standard + 3600;
	if (!abbreviation(&t))
		return false;
	if (t.p < t.end && *t.p != ',')
	{
		if (!clock_time(&t, &z->summer))
			return false;
		z->summer = -z->summer;
	}
	return rule_date(&t, &z->begin) && rule_date(&t, &z->end) && t.p == t.end;
}

/* Local seconds since 1970 of a rule's date in a year, by the clock before the change. */
static int64_t
rule_seconds(const RuleDate *d, int64_t year)
{
	int64_t first = lh_days_from_civil(year, 1, 1);
	int64_t day;

	switch (d->kind)
	{
		case RULE_DAY: day = first + d->day; break;
		case RULE_JULIAN:
			day = first + d->day - 1;
			/* behind February a leap year is a day longer */
			if (d->day >= 60 && lh_days_from_civil(year, 3, 1) - first == 60)
				day++;
			break;
		default:
		{
			int64_t month = lh_days_from_civil(year, d->month, 1);
			int64_t next = d->month == 12 ? lh_days_from_civil(year + 1, 1, 1)
										  : lh_days_from_civil(year, d->month + 1, 1);

			/* the 1st of January 1970 was a Thursday */
			day = month + lh_floor_mod(d->day - lh_floor_mod(month + 4, 7), 7) + 7 * (d->week - 1);
			while (day >= next)
				day -= 7;
			break;
		}
	}
	return day * DAY + d->time;
}

/* By the rule; [*from, *until) is narrowed. */
static int32_t
rule_offset(const LhZone *z, int64_t utc, int64_t *from, int64_t *until)
{
	int32_t offset = z->standard;
	int64_t year, last = INT64_MIN;
	int m, d;

	if (!z->has_summer)
		return z->standard;
	lh_civil_from_days(lh_floor_div(utc, DAY), &year, &m, &d);
	if (year > MAX_YEAR || year < -MAX_YEAR)
		return z->standard;
	/* the changes of the years around it; the last one before utc decides */
	for (int64_t y = year - 1; y <= year + 1; y++)
	{
		const int64_t change[2] = {rule_seconds(&z->begin, y) - z->standard,
								   rule_seconds(&z->end, y) - z->summer};

		for (int i = 0; i < 2; i++)
		{
			if (change[i] > utc && change[i] < *until)
				*until = change[i];
			if (change[i] <= utc && change[i] >= last)
			{
				last = change[i];
				offset = i == 0 ? z->summer : z->standard;
			}
		}
	}
	if (last > *from)
		*from = last;
	return offset;
}

int32_t
lh_zone_offset(const LhZone *z, int64_t utc, int64_t *from, int64_t *until)
{
	int low = -1, high = z->ntimes;

	/* low: the last change at or before utc */
	while (high - low > 1)
	{
		int mid = low + (high - low) / 2;

		if (z->times[mid] <= utc)
			low = mid;
		else
			high = mid;
	}
	*from = low >= 0 ? z->times[low] : INT64_MIN;
	*until = high < z->ntimes ? z->times[high] : INT64_MAX;
	if (high == z->ntimes && z->has_rule)
		return rule_offset(z, utc, from, until);
	return z->offsets[low >= 0 ? z->types[low] : 0];
}

int64_t
lh_zone_to_utc(const LhZone *z, int64_t local)
{
	int64_t from, until;
	int64_t utc = local - lh_zone_offset(z, local, &from, &until);

	return local - lh_zone_offset(z, utc, &from, &until);
}

bool
lh_zone_is_utc(const LhZone *z)
{
	return z->ntimes == 0 && z->has_rule && !z->has_summer && z->standard == 0;
}

/*
 * Files
 */

typedef struct Header
{
	uint64_t isut, isstd, leap, time, type, chars;
	uint8_t version;
} Header;

static bool
read_header(const uint8_t *p, size_t len, Header *h)
{
	if (len < HEADER_SIZE || memcmp(p, "TZif", 4) != 0)
		return false;
	*h = (Header){lh_load_be32(p + 20), lh_load_be32(p + 24), lh_load_be32(p + 28),
				  lh_load_be32(p + 32), lh_load_be32(p + 36), lh_load_be32(p + 40),
				  p[4]};
	return true;
}

/* Bytes behind a header whose moments have so many bytes; none of the counts has more than 32 bits. */
static uint64_t
body_size(const Header *h, unsigned width)
{
	return h->time * width + h->time + h->type * 6 + h->chars + h->leap * (width + 4) + h->isstd +
		   h->isut;
}

static LhStatus
corrupt(LhCtx *ctx, const char *name, const char *expected)
{
	LH_FAIL(ctx, LH_CORRUPT, "time zone file of \"%s\" is damaged: expected %s", name, expected);
}

static LhStatus
read_body(LhCtx *ctx, LhZone *z, const uint8_t *p, const Header *h, unsigned width)
{
	const uint8_t *types = p + h->time * width;
	const uint8_t *infos = types + h->time;
	int64_t *times;
	uint8_t *kept;

	if (h->leap > 0)
		LH_FAIL(ctx, LH_UNSUPPORTED, "time zone \"%s\" counts leap seconds", z->name);
	if (h->type == 0 || h->type > MAX_TYPES)
		return corrupt(ctx, z->name, "1 to 256 local time types");
	for (uint64_t i = 0; i < h->type; i++)
	{
		z->offsets[i] = (int32_t) lh_load_be32(infos + 6 * i);
		if (z->offsets[i] < -2 * DAY || z->offsets[i] > 2 * DAY)
			return corrupt(ctx, z->name, "offsets of less than two days");
	}
	z->ntypes = (int) h->type;
	LH_NEW_ARRAY(ctx, times, h->time + 1);
	LH_NEW_ARRAY(ctx, kept, h->time + 1);
	for (uint64_t i = 0; i < h->time; i++)
	{
		times[i] = width == 8 ? (int64_t) lh_load_be64(p + 8 * i)
							  : (int32_t) lh_load_be32(p + 4 * i);
		if (i > 0 && times[i] <= times[i - 1])
			return corrupt(ctx, z->name, "ascending moments");
		if (types[i] >= h->type)
			return corrupt(ctx, z->name, "types that exist");
		kept[i] = types[i];
	}
	z->times = times;
	z->types = kept;
	z->ntimes = (int) h->time;
	return LH_OK;
}

/* The line behind the body of version 2 and later: "\n" rule "\n"; an empty rule is none. */
static LhStatus
read_rule(LhCtx *ctx, LhZone *z, const uint8_t *p, size_t len)
{
	const uint8_t *end;

	if (len < 2 || p[0] != '\n')
		return corrupt(ctx, z->name, "a rule behind the moments");
	end = memchr(p + 1, '\n', len - 1);
	if (end == NULL)
		return corrupt(ctx, z->name, "an end of the rule");
	if (end > p + 1 && !parse_rule(z, (const char *) p + 1, (size_t) (end - p - 1)))
		return corrupt(ctx, z->name, "a rule as POSIX has it");
	return LH_OK;
}

LhStatus
lh_zone_parse(LhCtx *ctx, const char *name, const uint8_t *p, size_t len, LhZone **out)
{
	LhZone *z;
	Header h;

	LH_NEW(ctx, z);
	snprintf(z->name, sizeof(z->name), "%s", name);
	if (len > MAX_FILE || !read_header(p, len, &h) || body_size(&h, 4) > len - HEADER_SIZE)
		return corrupt(ctx, name, "a TZif header");
	*out = z;
	if (h.version == 0)
		return read_body(ctx, z, p + HEADER_SIZE, &h, 4);
	p += HEADER_SIZE + body_size(&h, 4);
	len -= HEADER_SIZE + body_size(&h, 4);
	if (!read_header(p, len, &h) || body_size(&h, 8) > len - HEADER_SIZE)
		return corrupt(ctx, name, "a second TZif header");
	LH_TRY(read_body(ctx, z, p + HEADER_SIZE, &h, 8));
	return read_rule(ctx, z, p + HEADER_SIZE + body_size(&h, 8),
					 len - HEADER_SIZE - body_size(&h, 8));
}

/*
 * Names
 */

/* UTC, GMT and offsets from them, as Java writes them: "GMT+2", "UTC-03:30", "Z". */
static bool
fixed_zone(const char *name, int32_t *offset)
{
	Text t = {name, name + strlen(name)};

	*offset = 0;
	if (strcmp(name, "Z") == 0 || strcmp(name, "Etc/UTC") == 0 || strcmp(name, "Etc/GMT") == 0 ||
		strcmp(name, "UCT") == 0 || strcmp(name, "Etc/UCT") == 0 || strcmp(name, "Zulu") == 0)
		return true;
	if (strncmp(name, "UTC", 3) == 0 || strncmp(name, "GMT", 3) == 0)
		t.p += 3;
	if (t.p == t.end)
		return true;
	if (*t.p != '+' && *t.p != '-')
		return false;
	return clock_time(&t, offset) && t.p == t.end && *offset > -DAY && *offset < DAY;
}

/* Only what cannot leave the directory. */
static bool
is_safe(const char *name)
{
	size_t len = strlen(name);

	if (len == 0 || len > MAX_NAME || name[0] == '/' || strstr(name, "..") != NULL)
		return false;
	for (size_t i = 0; i < len; i++)
	{
		char c = name[i];

		if (!((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
			  c == '/' || c == '_' || c == '-' || c == '+'))
			return false;
	}
	return true;
}

static LhStatus
unknown(LhCtx *ctx, const char *dir, const char *name, const char *why)
{
	lh_fail(ctx, LH_UNSUPPORTED, "time zone \"%s\" of the writer is not known: %s", name, why);
	lh_hint(ctx, "Install the package tzdata (zones are read from %s), or write the file in UTC.",
			dir);
	return LH_UNSUPPORTED;
}

static LhStatus
read_file(LhCtx *ctx, const char *dir, const char *name, uint8_t *out, size_t *len)
{
	char path[512];
	int fd;

	if (!is_safe(name))
		return unknown(ctx, dir, name, "it is no name of a zone");
	if (snprintf(path, sizeof(path), "%s/%s", dir, name) >= (int) sizeof(path))
		return unknown(ctx, dir, name, "its path is too long");
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return unknown(ctx, dir, name, lh_errno_text(errno));
	*len = 0;
	for (;;)
	{
		ssize_t n = read(fd, out + *len, MAX_FILE + 1 - *len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
		{
			int error = errno;

			close(fd);
			return n < 0 ? unknown(ctx, dir, name, lh_errno_text(error)) : LH_OK;
		}
		*len += (size_t) n;
		if (*len > MAX_FILE)
		{
			close(fd);
			return unknown(ctx, dir, name, "its file is too large");
		}
	}
}

/*
 * Zones of the process
 */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static const LhZone *zones[MAX_ZONES];
static int nzones;

static const LhZone *
find_kept(const char *dir, const char *name)
{
	const LhZone *found = NULL;

	pthread_mutex_lock(&lock);
	for (int i = 0; i < nzones && found == NULL; i++)
		if (strcmp(zones[i]->name, name) == 0 && strcmp(zones[i]->dir, dir) == 0)
			found = zones[i];
	pthread_mutex_unlock(&lock);
	return found;
}

/* Bytes of a zone with all that it points to. */
static size_t
size_of(const LhZone *z, const char *dir)
{
	return sizeof(*z) + (size_t) z->ntimes * (sizeof(int64_t) + 1) + strlen(dir) + 1;
}

/* A zone in one piece, to size_of() bytes at out. */
static const LhZone *
copy(const LhZone *z, const char *dir, LhZone *out)
{
	size_t times = (size_t) z->ntimes * sizeof(int64_t);
	uint8_t *p = (uint8_t *) (out + 1);

	*out = *z;
	if (times > 0)
	{
		out->times = memcpy(p, z->times, times);
		out->types = memcpy(p + times, z->types, (size_t) z->ntimes);
	}
	out->dir = strcpy((char *) p + times + z->ntimes, dir);
	return out;
}

/* A copy that is never freed; NULL when there is no room for more. */
static const LhZone *
keep(const LhZone *z, const char *dir)
{
	const LhZone *kept = NULL;
	LhZone *mem;

	pthread_mutex_lock(&lock);
	if (nzones < MAX_ZONES && (mem = malloc(size_of(z, dir))) != NULL)
		zones[nzones++] = kept = copy(z, dir, mem);
	pthread_mutex_unlock(&lock);
	return kept;
}

/* Parsed in ctx->arena, which is scratch. */
static LhStatus
load(LhCtx *ctx, const char *dir, const char *name, LhZone **out)
{
	int32_t offset;
	uint8_t *bytes;
	size_t len = 0;

	if (fixed_zone(name, &offset))
	{
		LH_NEW(ctx, *out);
		snprintf((*out)->name, sizeof((*out)->name), "%s", name);
		(*out)->has_rule = true;
		(*out)->standard = offset;
		return LH_OK;
	}
	LH_ALLOC(ctx, bytes, MAX_FILE + 1);
	LH_TRY(read_file(ctx, dir, name, bytes, &len));
	return lh_zone_parse(ctx, name, bytes, len, out);
}

/* To where it is kept, else to memory of "arena". */
static LhStatus
load_and_keep(LhCtx *ctx, LhArena *arena, const char *dir, const char *name, const LhZone **out)
{
	LhZone *zone = NULL, *mem;

	LH_TRY(load(ctx, dir, name, &zone));
	/* a longer one ("GMT+0000...") would not be found again */
	*out = strlen(name) <= MAX_NAME ? keep(zone, dir) : NULL;
	if (*out != NULL)
		return LH_OK;
	lh_use(ctx, arena);
	LH_ALLOC(ctx, mem, size_of(zone, dir));
	*out = copy(zone, dir, mem);
	return LH_OK;
}

LhStatus
lh_zone_get(LhCtx *ctx, const char *dir, const char *name, const LhZone **out)
{
	LhArena *scratch, *old;
	LhStatus status;

	if (dir == NULL)
		dir = LH_ZONEINFO;
	if (name == NULL || *name == '\0')
		name = "UTC";
	*out = find_kept(dir, name);
	if (*out != NULL)
		return LH_OK;
	/* a file and what is parsed of it are many times the zone, which a column keeps as long as it is read */
	scratch = lh_arena_child(ctx->arena);
	if (scratch == NULL)
		LH_FAIL(ctx, LH_NO_MEMORY, "out of memory for a time zone");
	old = lh_use(ctx, scratch);
	status = load_and_keep(ctx, old, dir, name, out);
	lh_use(ctx, old);
	lh_arena_destroy(scratch);
	return status;
}
