/*
 * audit_make.h
 *		Audit records for tests: one with everything, and random ones.
 */
#ifndef LH_TEST_AUDIT_MAKE_H
#define LH_TEST_AUDIT_MAKE_H

#include "unit/crypto_check.h"

#include "audit/record.h"

/* 2026-12-01T09:59:06.123456Z */
#define AUDIT_TIME INT64_C(1796119146123456)

static inline LhAuditRecord
full_record(void)
{
	static const LhAuditColumn staff[] = {
		{{(const uint8_t *) "name", 4},
		 {(const uint8_t *) "hide", 4},
		 {(const uint8_t *) "mask_partial", 12},
		 false},
		{{(const uint8_t *) "salary", 6}, {0}, {0}, true},
	};
	static const LhAuditRelation relations[] = {
		{{(const uint8_t *) "hr", 2},
		 {(const uint8_t *) "staff", 5},
		 16385,
		 'r',
		 {(const uint8_t *) "mine", 4},
		 2,
		 staff},
		{{(const uint8_t *) "hr", 2}, {(const uint8_t *) "dept", 4}, 16390, 'v', {0}, 0, NULL},
	};
	static const LhAuditUsed used[] = {
		{LH_AUDIT_DETOKENIZE, {(const uint8_t *) "cards", 5}, 12},
		{LH_AUDIT_SEARCH, {(const uint8_t *) "mail", 4}, 1},
	};

	return (LhAuditRecord){
		.kind = LH_AUDIT_OUTCOME,
		.time = AUDIT_TIME,
		.database = of_text("app"),
		.session_user = of_text("anna"),
		.role = of_text("analyst"),
		.roles = of_text("anna,analyst"),
		.application = of_text("psql"),
		.address = of_text("192.0.2.7:50112"),
		.pid = 4711,
		.session_start = AUDIT_TIME - 60000000,
		.transaction = UINT64_C(3) << 32 | 25,
		.statement = 9,
		.purpose = of_text("billing"),
		.command = of_text("SELECT"),
		.fingerprint = of_text("00c0ffee00c0ffee"),
		.nrelations = 2,
		.relations = relations,
		.result = LH_AUDIT_FAILED,
		.sqlstate = "42501",
		.rows = 7,
		.nused = 2,
		.used = used,
	};
}

#define FULL_LINE                                                                                 \
	"{\"time\":\"2026-12-01T09:59:06.123456Z\",\"kind\":\"outcome\",\"database\":\"app\","        \
	"\"session_user\":\"anna\",\"role\":\"analyst\",\"roles\":\"anna,analyst\","                  \
	"\"application\":\"psql\",\"address\":\"192.0.2.7:50112\",\"pid\":4711,"                      \
	"\"session_start\":\"2026-12-01T09:58:06.123456Z\",\"transaction\":\"3/25\",\"statement\":9," \
	"\"purpose\":\"billing\",\"command\":\"SELECT\",\"fingerprint\":\"00c0ffee00c0ffee\","        \
	"\"relations\":[{\"schema\":\"hr\",\"name\":\"staff\",\"oid\":16385,\"kind\":\"r\","          \
	"\"filters\":\"mine\",\"columns\":[{\"name\":\"name\",\"policy\":\"hide\","                   \
	"\"mask\":\"mask_partial\"},{\"name\":\"salary\",\"written\":true}]},"                        \
	"{\"schema\":\"hr\",\"name\":\"dept\",\"oid\":16390,\"kind\":\"v\"}],\"result\":\"failed\","  \
	"\"sqlstate\":\"42501\",\"rows\":7,\"used\":[{\"use\":\"detokenize\",\"object\":\"cards\","   \
	"\"values\":12},{\"use\":\"search\",\"object\":\"mail\",\"values\":1}]}"

/* A text of up to most bytes: any bytes, or characters only. */
static inline LhSlice
random_text(uint64_t *seed, size_t most, bool any)
{
	static const char *const characters[] = {"a",    "\"",       "\\",           "\n",
											 "\x01", "\xc3\xa4", "\xe2\x82\xac", "\xf0\x9f\x98\x80",
											 " ",    "z",        "\x7f"};
	size_t n = next_random(seed) % (most + 1), len = 0;
	uint8_t *p = lh_alloc(ctx, n + 4);

	assert_non_null(p);
	while (len < n)
	{
		const char *c = characters[next_random(seed) % 11];

		if (any)
			p[len++] = (uint8_t) next_random(seed);
		else
		{
			memcpy(p + len, c, strlen(c));
			len += strlen(c);
		}
	}
	return lh_slice(p, len);
}

static inline LhAuditRecord
random_record(uint64_t *seed, size_t text, int parts, bool any)
{
	LhAuditRecord r = {.kind = (LhAuditKind) (1 + next_random(seed) % 6)};
	LhSlice *texts[] = {&r.database,    &r.session_user, &r.role,    &r.roles,
						&r.application, &r.address,      &r.purpose, &r.command,
						&r.fingerprint, &r.object,       &r.detail};
	LhAuditRelation *relations = lh_alloc_array(ctx, (size_t) parts, sizeof(*relations));
	LhAuditUsed *used = lh_alloc_array(ctx, (size_t) parts, sizeof(*used));

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		*texts[i] = random_text(seed, text, any);
	r.time =
		LH_AUDIT_TIME_LEAST +
		(int64_t) (next_random(seed) % (uint64_t) (LH_AUDIT_TIME_MOST - LH_AUDIT_TIME_LEAST + 1));
	r.session_start = next_random(seed) % 2 == 0 ? 0 : r.time;
	r.pid = (int32_t) next_random(seed);
	r.transaction = next_random(seed);
	r.statement = next_random(seed) >> next_random(seed) % 64;
	r.rows = next_random(seed) >> next_random(seed) % 64;
	r.count = next_random(seed) % 3;
	r.result = (LhAuditResult) (next_random(seed) % 6);
	if (next_random(seed) % 2 == 0)
		strcpy(r.sqlstate, "XX000");
	r.nrelations = (int) (next_random(seed) % (uint64_t) (parts + 1));
	r.relations = relations;
	for (int i = 0; i < r.nrelations; i++)
	{
		int n = (int) (next_random(seed) % (uint64_t) (parts + 1));
		LhAuditColumn *columns = lh_alloc_array(ctx, (size_t) parts, sizeof(*columns));

		relations[i] = (LhAuditRelation){random_text(seed, text, any),
										 random_text(seed, text, any),
										 (uint32_t) next_random(seed),
										 "rvmpf\"\\"[next_random(seed) % 7],
										 random_text(seed, text, any),
										 n,
										 columns};
		for (int k = 0; k < n; k++)
			columns[k] = (LhAuditColumn){random_text(seed, text, any), random_text(seed, text, any),
										 random_text(seed, text, any), next_random(seed) % 2 == 0};
	}
	r.nused = (int) (next_random(seed) % (uint64_t) (parts + 1));
	r.used = used;
	for (int i = 0; i < r.nused; i++)
		used[i] = (LhAuditUsed){(LhAuditUse) (next_random(seed) % LH_AUDIT_USES),
								random_text(seed, text, any), next_random(seed)};
	return r;
}

#endif
