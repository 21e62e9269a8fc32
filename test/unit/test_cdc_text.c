/*
 * test_cdc_text.c
 *		Cells as text, each writer against a slow and obvious one.
 */
#include <inttypes.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cdc_make.h"
#include "change/text.h"

#define ROUNDS 20000

static int
setup(void **state)
{
	*state = lh_ctx_create();
	return *state == NULL;
}

static int
teardown(void **state)
{
	lh_ctx_destroy(*state);
	return 0;
}

/* What a raw writer wrote, in a buffer of exactly the bytes that it may touch. */
#define WRITTEN(room, call)                       \
	({                                            \
		static char written_[512];                \
		char *exact_ = malloc(room), *p = exact_; \
		char *end_ = (call);                      \
                                                  \
		assert_true(end_ - exact_ <= (room));     \
		memcpy(written_, exact_, end_ - exact_);  \
		written_[end_ - exact_] = '\0';           \
		free(exact_);                             \
		written_;                                 \
	})

static const char *
buf_text(LhCtx *ctx, LhBuf *buf)
{
	assert_int_equal(lh_buf_putc(ctx, buf, '\0'), LH_OK);
	buf->len = 0;
	return (const char *) buf->data;
}

#define PUT(ctx, buf, call) \
	({                      \
		LH_OK_(ctx, call);  \
		buf_text(ctx, buf); \
	})

static const char *
cell_text(LhCtx *ctx, LhBuf *buf, LhCell c)
{
	return PUT(ctx, buf, lh_put_cell_text(ctx, buf, &c));
}

/* ---- integers ---- */

static void
check_integer(uint64_t v)
{
	char slow[32];

	snprintf(slow, sizeof(slow), "%" PRIu64, v);
	assert_string_equal(WRITTEN(LH_TEXT_INT, lh_text_u64(p, v)), slow);
	snprintf(slow, sizeof(slow), "%" PRId64, (int64_t) v);
	assert_string_equal(WRITTEN(LH_TEXT_INT, lh_text_i64(p, (int64_t) v)), slow);
	snprintf(slow, sizeof(slow), "%X/%X", (uint32_t) (v >> 32), (uint32_t) v);
	assert_string_equal(WRITTEN(LH_TEXT_INT, lh_text_lsn(p, v)), slow);
}

static void
integers_are_as_printf_writes_them(void **state)
{
	for (uint64_t i = 0; i < 120000; i++)
		check_integer(i);
	for (uint64_t power = 1; power <= UINT64_C(1000000000000000000); power *= 10)
	{
		for (int d = -2; d <= 2; d++)
		{
			check_integer(power + (uint64_t) d);
			check_integer(0 - power + (uint64_t) d);
			check_integer(power * 9 + (uint64_t) d);
		}
	}
	check_integer(UINT64_MAX);
	check_integer((uint64_t) INT64_MIN);
	check_integer((uint64_t) INT64_MAX);
	for (int i = 0; i < ROUNDS * 5; i++)
		check_integer(cdc_random() >> cdc_random() % 64);
}

static void
all_four_digit_groups_are_right_in_both_halves(void **state)
{
	for (uint32_t i = 0; i < 10000; i++)
	{
		check_integer(UINT64_C(1234000000000000) + i);
		check_integer(UINT64_C(1234) + (uint64_t) i * 10000);
		check_integer(UINT64_C(1000000000000000) + (uint64_t) i * 100000000);
	}
}

/* ---- numeric ---- */

/* Slowly: all digits, then cut. */
static void
slow_numeric(const LhCell *c, char *out)
{
	char *o = out;
	int i = c->weight >= 0 ? 0 : c->weight + 1;

	if (c->sign == LH_SIGN_MINUS)
		*o++ = '-';
	if (c->weight < 0)
		o += sprintf(o, "0");
	for (; i <= c->weight; i++)
	{
		int16_t d = 0;

		if (i < c->ndigits)
			memcpy(&d, c->ptr + 2 * i, 2);
		o += sprintf(o, i == 0 ? "%d" : "%04d", d);
	}
	if (c->dscale > 0)
	{
		char *start;

		*o++ = '.';
		start = o;
		for (; o - start < c->dscale; i++)
		{
			int16_t d = 0;

			if (i >= 0 && i < c->ndigits)
				memcpy(&d, c->ptr + 2 * i, 2);
			o += sprintf(o, "%04d", d);
		}
		o = start + c->dscale;
	}
	*o = '\0';
}

static void
numerics_are_as_numeric_out_writes_them(void **state)
{
	static const struct
	{
		const char *text;
		int weight, dscale, n;
		int16_t digits[4];
		LhCellSign sign;
	} known[] = {
		{"0", 0, 0, 0, {0}, LH_SIGN_PLUS},
		{"0.00", 0, 2, 0, {0}, LH_SIGN_PLUS},
		{"12.30", 0, 2, 2, {12, 3000}, LH_SIGN_PLUS},
		{"-12.30", 0, 2, 2, {12, 3000}, LH_SIGN_MINUS},
		{"0.0001", -1, 4, 1, {1}, LH_SIGN_PLUS},
		{"0.00001", -2, 5, 1, {1000}, LH_SIGN_PLUS},
		{"-0.5", -1, 1, 1, {5000}, LH_SIGN_MINUS},
		{"10000", 1, 0, 1, {1}, LH_SIGN_PLUS},
		{"100000000000000000000", 5, 0, 1, {1}, LH_SIGN_PLUS},
		{"12345678.90", 1, 2, 3, {1234, 5678, 9000}, LH_SIGN_PLUS},
		{"1.000000", 0, 6, 1, {1}, LH_SIGN_PLUS},
		{"NaN", 0, 0, 0, {0}, LH_SIGN_NAN},
		{"Infinity", 0, 0, 0, {0}, LH_SIGN_INFINITY},
		{"-Infinity", 0, 0, 0, {0}, LH_SIGN_MINUS_INFINITY},
	};
	LhCtx *ctx = *state;
	LhBuf buf;

	lh_buf_init(ctx, &buf, false);
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
	{
		LhCell c = cdc_numeric(known[i].sign, known[i].weight, known[i].dscale, known[i].n,
							   known[i].digits);

		assert_string_equal(PUT(ctx, &buf, lh_put_numeric(ctx, &buf, &c)), known[i].text);
	}
}

static void
random_numerics_are_as_the_slow_writer_writes_them(void **state)
{
	LhCtx *ctx = *state;
	LhBuf buf;
	char slow[2048];

	lh_buf_init(ctx, &buf, false);
	for (int i = 0; i < ROUNDS; i++)
	{
		/* at an odd address, in memory that ends with the digits */
		int n = (int) (cdc_random() % 12);
		uint8_t *odd = malloc((size_t) n * 2 + 1);
		LhCell c = {.kind = LH_CELL_NUMERIC,
					.sign = n > 0 && cdc_random() % 2 ? LH_SIGN_MINUS : LH_SIGN_PLUS,
					.weight = n == 0 ? 0 : (int16_t) ((int) (cdc_random() % 40) - 20),
					.dscale = (uint16_t) (cdc_random() % 60),
					.ndigits = (uint16_t) n,
					.ptr = odd + 1};

		for (int k = 0; k < n; k++)
		{
			int16_t d = (int16_t) (k == 0 ? 1 + cdc_random() % 9999 : cdc_random() % 10000);

			memcpy(odd + 1 + 2 * k, &d, 2);
		}
		slow_numeric(&c, slow);
		assert_string_equal(PUT(ctx, &buf, lh_put_numeric(ctx, &buf, &c)), slow);
		/* the raw writer, in room of exactly what it says */
		assert_string_equal(WRITTEN((ptrdiff_t) lh_text_numeric_room(&c), lh_text_numeric(p, &c)),
							slow);
		free(odd);
	}
}

static void
digits_of_a_numeric_that_are_none_do_no_harm(void **state)
{
	LhCtx *ctx = *state;
	static const int16_t bad[] = {-1, 10000, INT16_MAX, INT16_MIN};
	LhCell c = cdc_numeric(LH_SIGN_PLUS, 1, 8, 4, bad);
	LhBuf buf;

	lh_buf_init(ctx, &buf, false);
	assert_string_equal(PUT(ctx, &buf, lh_put_numeric(ctx, &buf, &c)), "00000.00000000");
	c = cdc_numeric(LH_SIGN_PLUS, INT16_MAX, UINT16_MAX, 0, NULL);
	LH_OK_(ctx, lh_put_numeric(ctx, &buf, &c));
	assert_int_equal(buf.len, 1 + 4 * 32767 + 1 + 65535);
}

/* ---- dates and times ---- */

static void
slow_date(int64_t days, char *out)
{
	int64_t y;
	int m, d;

	if (days == INT32_MAX || days == INT32_MIN)
	{
		strcpy(out, days > 0 ? "infinity" : "-infinity");
		return;
	}
	lh_civil_from_days(days + LH_PG_EPOCH_DAYS, &y, &m, &d);
	sprintf(out, "%04" PRId64 "-%02d-%02d%s", y > 0 ? y : 1 - y, m, d, y > 0 ? "" : " BC");
}

static void
check_date(int64_t days)
{
	char slow[64];

	slow_date(days, slow);
	assert_string_equal(WRITTEN(LH_TEXT_TIME, lh_text_date(p, days)), slow);
}

static void
dates_are_as_date_out_writes_them(void **state)
{
	static const struct
	{
		const char *text;
		int64_t days;
	} known[] = {
		{"2000-01-01", 0},
		{"2024-02-29", 8825},
		{"1999-12-31", -1},
		{"1970-01-01", -10957},
		{"0001-01-01", -730119},
		{"0001-12-31 BC", -730120},
		{"0044-03-15 BC", -746117},
		{"4714-11-24 BC", -2451545},
		{"9999-12-31", 2921939},
		{"10000-01-01", 2921940},
		{"5874897-12-31", 2145031948},
		{"infinity", INT32_MAX},
		{"-infinity", INT32_MIN},
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
	{
		assert_string_equal(WRITTEN(LH_TEXT_TIME, lh_text_date(p, known[i].days)), known[i].text);
		check_date(known[i].days);
	}
	for (int64_t days = -740000; days < 160000; days += 1 + (days > -700000 && days < -30000) * 12)
		check_date(days);
	for (int i = 0; i < ROUNDS * 5; i++)
		check_date((int32_t) cdc_random());
	/* what no PostgreSQL has, but does no harm */
	WRITTEN(LH_TEXT_TIME, lh_text_date(p, INT64_MIN));
	WRITTEN(LH_TEXT_TIME, lh_text_date(p, INT64_MAX));
}

static void
slow_time(int64_t us, char *out)
{
	int n = sprintf(out, "%02d:%02d:%02d", (int) (us / 3600000000), (int) (us / 60000000 % 60),
					(int) (us / 1000000 % 60));

	if (us % 1000000 == 0)
		return;
	n += sprintf(out + n, ".%06d", (int) (us % 1000000));
	while (out[n - 1] == '0')
		out[--n] = '\0';
}

static void
times_are_as_time_out_writes_them(void **state)
{
	char slow[64];

	assert_string_equal(WRITTEN(LH_TEXT_TIME, lh_text_time(p, INT64_C(86400000000))), "24:00:00");
	assert_string_equal(WRITTEN(LH_TEXT_TIME, lh_text_time(p, 1)), "00:00:00.000001");
	assert_string_equal(WRITTEN(LH_TEXT_TIME, lh_text_time(p, 500000)), "00:00:00.5");
	assert_string_equal(WRITTEN(LH_TEXT_TIME, lh_text_time(p, INT64_C(86399999999))),
						"23:59:59.999999");
	for (int64_t us = 0; us < 1000000; us++)
	{
		slow_time(us, slow);
		assert_string_equal(WRITTEN(LH_TEXT_TIME, lh_text_time(p, us)), slow);
	}
	for (int i = 0; i < ROUNDS; i++)
	{
		int64_t us = (int64_t) (cdc_random() % UINT64_C(86400000001));

		us -= us % (int64_t[]){1, 10, 1000, 1000000}[cdc_random() % 4];
		slow_time(us, slow);
		assert_string_equal(WRITTEN(LH_TEXT_TIME, lh_text_time(p, us)), slow);
	}
	WRITTEN(LH_TEXT_TIME, lh_text_time(p, INT64_MIN));
	WRITTEN(LH_TEXT_TIME, lh_text_time(p, INT64_MAX));
}

static void
zones_are_as_timetz_out_writes_them(void **state)
{
	static const struct
	{
		const char *text;
		int32_t west;
	} known[] = {{"+00", 0},           {"+01", -3600},    {"-05", 18000},
				 {"+05:30", -19800},   {"-03:30", 12600}, {"+15:59:59", -57599},
				 {"-15:59:59", 57599}, {"+00:00:01", -1}, {"-00:19:32", 1172}};
	char text[64];

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
	{
		sprintf(text, "04:05:06.789%s", known[i].text);
		assert_string_equal(
			WRITTEN(LH_TEXT_TIME, lh_text_timetz(p, INT64_C(14706789000), known[i].west)), text);
	}
	WRITTEN(LH_TEXT_TIME, lh_text_timetz(p, 0, INT32_MIN));
	WRITTEN(LH_TEXT_TIME, lh_text_timetz(p, 0, INT32_MAX));
}

static void
timestamps_are_as_timestamp_out_writes_them(void **state)
{
	char slow[128], part[64];

	assert_string_equal(WRITTEN(LH_TEXT_TIME, lh_text_timestamp(p, 0, ' ', NULL)),
						"2000-01-01 00:00:00");
	assert_string_equal(WRITTEN(LH_TEXT_TIME, lh_text_timestamp(p, -1, ' ', "+00")),
						"1999-12-31 23:59:59.999999+00");
	assert_string_equal(
		WRITTEN(LH_TEXT_TIME, lh_text_timestamp(p, INT64_C(849301261123456), 'T', "Z")),
		"2026-11-29T21:01:01.123456Z");
	assert_string_equal(
		WRITTEN(LH_TEXT_TIME, lh_text_timestamp(p, INT64_C(-211813488000000000), ' ', "+00")),
		"4714-11-24 00:00:00+00 BC");
	assert_string_equal(
		WRITTEN(LH_TEXT_TIME, lh_text_timestamp(p, INT64_C(-211813488000000000), 'T', "Z")),
		"4714-11-24T00:00:00Z BC");
	assert_string_equal(
		WRITTEN(LH_TEXT_TIME, lh_text_timestamp(p, INT64_C(9223371331199999999), ' ', NULL)),
		"294276-12-31 23:59:59.999999");
	assert_string_equal(
		WRITTEN(LH_TEXT_TIME, lh_text_timestamp(p, INT64_C(9223371331199999999), 'T', NULL)),
		"294276-12-31T23:59:59.999999");
	assert_string_equal(WRITTEN(LH_TEXT_TIME, lh_text_timestamp(p, INT64_MAX, ' ', "+00")),
						"infinity");
	assert_string_equal(WRITTEN(LH_TEXT_TIME, lh_text_timestamp(p, INT64_MIN, 'T', "Z")),
						"-infinity");
	for (int i = 0; i < ROUNDS * 3; i++)
	{
		int64_t us = (int64_t) cdc_random() >> cdc_random() % 12;
		int64_t days = lh_floor_div(us, INT64_C(86400000000));
		char *bc;

		slow_date(days, slow);
		bc = strstr(slow, " BC");
		if (bc != NULL)
			*bc = '\0';
		strcat(slow, " ");
		slow_time(lh_floor_mod(us, INT64_C(86400000000)), part);
		strcat(slow, part);
		strcat(slow, bc != NULL ? "+00 BC" : "+00");
		assert_string_equal(WRITTEN(LH_TEXT_TIME, lh_text_timestamp(p, us, ' ', "+00")), slow);
	}
}

static void
intervals_are_as_iso_8601_style_writes_them(void **state)
{
	static const struct
	{
		const char *text;
		int64_t us;
		int32_t days, months;
	} known[] = {
		{"PT0S", 0, 0, 0},
		{"P1Y2M3DT4H5M6.789S", INT64_C(14706789000), 3, 14},
		{"P-1Y-2M3DT-4H-5M-6S", INT64_C(-14706000000), 3, -14},
		{"PT-0.000001S", -1, 0, 0},
		{"PT0.5S", 500000, 0, 0},
		{"PT1M", 60000000, 0, 0},
		{"P1D", 0, 1, 0},
		{"PT100H", INT64_C(360000000000), 0, 0},
		{"P-178956970Y-8M-2147483648DT-2562047788H-54.775808S", INT64_MIN, INT32_MIN,
		 INT32_MIN + 0},
		{"P178956970Y7M2147483646DT2562047788H54.775807S", INT64_MAX, INT32_MAX - 1, INT32_MAX},
		{"infinity", INT64_MAX, INT32_MAX, INT32_MAX},
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
	{
		const char *wanted = known[i].text;

		if (known[i].us == INT64_MIN)
			wanted = "-infinity";
		assert_string_equal(
			WRITTEN(LH_TEXT_TIME, lh_text_interval(p, known[i].us, known[i].days, known[i].months)),
			wanted);
	}
	assert_string_equal(
		WRITTEN(LH_TEXT_TIME, lh_text_interval(p, INT64_MIN, INT32_MIN, INT32_MIN + 1)),
		"P-178956970Y-7M-2147483648DT-2562047788H-54.775808S");
}

/* ---- bytes ---- */

static void
uuids_hex_and_base64_are_as_the_slow_writers_write_them(void **state)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
	LhCtx *ctx = *state;
	LhBuf buf;

	lh_buf_init(ctx, &buf, false);
	for (size_t n = 0; n < 200; n++)
	{
		uint8_t *in = malloc(n + 1);
		char hex[512] = "", base[2][512];

		for (size_t i = 0; i < n; i++)
		{
			in[i] = (uint8_t) cdc_random();
			sprintf(hex + 2 * i, "%02x", in[i]);
		}
		for (int url = 0; url < 2; url++)
		{
			size_t o = 0;

			for (size_t bit = 0; bit < n * 8; bit += 6)
			{
				uint32_t v = 0;

				for (size_t k = bit; k < bit + 6; k++)
					v = v << 1 | (k < n * 8 ? in[k / 8] >> (7 - k % 8) & 1 : 0);
				base[url][o++] = v < 62 ? digits[v] : v == 62 ? (url ? '-' : '+') : url ? '_' : '/';
			}
			while (o % 4 != 0)
				base[url][o++] = '=';
			base[url][o] = '\0';
		}
		in = realloc(in, n > 0 ? n : 1);
		assert_string_equal(PUT(ctx, &buf, lh_put_hex(ctx, &buf, in, n)), hex);
		assert_string_equal(PUT(ctx, &buf, lh_put_base64(ctx, &buf, in, n, false)), base[0]);
		assert_string_equal(PUT(ctx, &buf, lh_put_base64(ctx, &buf, in, n, true)), base[1]);
		if (n >= 16)
		{
			char uuid[64];

			snprintf(uuid, sizeof(uuid), "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12,
					 hex + 16, hex + 20);
			assert_string_equal(WRITTEN(36, lh_text_uuid(p, in)), uuid);
		}
		free(in);
	}
}

/* ---- JSON ---- */

static void
slow_escape(const uint8_t *s, size_t n, char *o)
{
	for (size_t i = 0; i < n; i++)
	{
		switch (s[i])
		{
			case '"': o += sprintf(o, "\\\""); break;
			case '\\': o += sprintf(o, "\\\\"); break;
			case '\b': o += sprintf(o, "\\b"); break;
			case '\f': o += sprintf(o, "\\f"); break;
			case '\n': o += sprintf(o, "\\n"); break;
			case '\r': o += sprintf(o, "\\r"); break;
			case '\t': o += sprintf(o, "\\t"); break;
			default: o += s[i] < 0x20 ? sprintf(o, "\\u%04x", s[i]) : sprintf(o, "%c", s[i]);
		}
	}
	*o = '\0';
}

static void
check_string(LhCtx *ctx, LhBuf *buf, const uint8_t *s, size_t n)
{
	uint8_t *exact = malloc(n > 0 ? n : 1);
	char *slow = malloc(6 * n + 3);

	memcpy(exact, s, n);
	slow[0] = '"';
	slow_escape(s, n, slow + 1);
	assert_string_equal(PUT(ctx, buf, lh_put_json_escaped(ctx, buf, exact, n)), slow + 1);
	strcat(slow, "\"");
	assert_string_equal(PUT(ctx, buf, lh_put_json_string(ctx, buf, exact, n)), slow);
	free(exact);
	free(slow);
}

static void
json_strings_escape_what_must_be_at_every_place(void **state)
{
	LhCtx *ctx = *state;
	uint8_t s[80];
	LhBuf buf;

	lh_buf_init(ctx, &buf, false);
	for (size_t n = 0; n <= 70; n++)
	{
		memset(s, 'x', sizeof(s));
		check_string(ctx, &buf, s, n);
		for (size_t at = 0; at < n; at++)
		{
			for (int c = 1; c < 256;
				 c += c < 0x24 || c == 0x5a || c == 0x5b || c == 0x5c || c > 0x7c ? 1 : 8)
			{
				s[at] = (uint8_t) c;
				check_string(ctx, &buf, s, n);
			}
			s[at] = 'x';
		}
	}
}

static void
json_strings_of_many_escapes_grow_as_they_must(void **state)
{
	LhCtx *ctx = *state;

	for (int i = 0; i < 3000; i++)
	{
		size_t n = cdc_random() % 700;
		uint32_t often = 1 + (uint32_t) (cdc_random() % 40);
		uint8_t s[700];
		LhBuf buf;

		for (size_t k = 0; k < n; k++)
			s[k] = (uint8_t) (cdc_random() % often == 0 ? "\"\\\n\x01\x1f"[cdc_random() % 5]
														: 'a' + k % 26);
		lh_buf_init(ctx, &buf, false);
		check_string(ctx, &buf, s, n);
		lh_buf_free(&buf);
	}
}

static void
json_text_gets_on_one_line(void **state)
{
	static const char text[] = "{\n\t\"a\": [1,\r\n2],   \"b\": \"x\\ny\"\n\n}";
	LhCtx *ctx = *state;
	LhBuf buf;

	lh_buf_init(ctx, &buf, false);
	assert_string_equal(PUT(ctx, &buf, lh_put_json_line(ctx, &buf, text, strlen(text))),
						"{ \t\"a\": [1,  2],   \"b\": \"x\\ny\"  }");
}

/* ---- cells ---- */

static void
cells_are_as_output_functions_write_them(void **state)
{
	static const uint8_t bytes[] = {0, 10, 255};
	LhCtx *ctx = *state;
	LhBuf buf;

	lh_buf_init(ctx, &buf, false);
	assert_string_equal(cell_text(ctx, &buf, cdc_bool(true)), "t");
	assert_string_equal(cell_text(ctx, &buf, cdc_int(-42)), "-42");
	assert_string_equal(cell_text(ctx, &buf, cdc_float8(1e20)), "1e+20");
	assert_string_equal(cell_text(ctx, &buf, cdc_float8(-INFINITY)), "-Infinity");
	assert_string_equal(cell_text(ctx, &buf, cdc_float4(0.1f)), "0.1");
	assert_string_equal(cell_text(ctx, &buf, lh_cell_text("a\"b", 3)), "a\"b");
	assert_string_equal(cell_text(ctx, &buf, cdc_bytes(LH_CELL_BYTES, bytes, 3)), "\\x000aff");
	assert_string_equal(cell_text(ctx, &buf, cdc_bytes(LH_CELL_RAW, bytes, 3)), "\\x000aff");
	assert_string_equal(cell_text(ctx, &buf, cdc_time(LH_CELL_TIMESTAMPTZ, 0)),
						"2000-01-01 00:00:00+00");
	assert_string_equal(cell_text(ctx, &buf, cdc_interval(1000000, -1, 1)), "P1M-1DT1S");
	assert_string_equal(cell_text(ctx, &buf, lh_cell_null()), "");
}

static void
cells_in_json_strings_are_escaped(void **state)
{
	static const uint8_t bytes[] = {0, 10, 255};
	LhCell items[] = {lh_cell_text("a\"b", 3), lh_cell_null()};
	LhCellArray array = {
		.ndim = 1, .dims = {2}, .lbound = {1}, .nitems = 2, .delim = ',', .items = items};
	const int16_t one[] = {1};
	LhCtx *ctx = *state;
	LhCell c;
	LhBuf buf;

	lh_buf_init(ctx, &buf, false);
#define JSON(cell) (c = (cell), PUT(ctx, &buf, lh_put_cell_text_json(ctx, &buf, &c)))
	assert_string_equal(JSON(cdc_int(-42)), "\"-42\"");
	assert_string_equal(JSON(cdc_bool(false)), "\"f\"");
	assert_string_equal(JSON(lh_cell_text("a\"b\n", 4)), "\"a\\\"b\\n\"");
	assert_string_equal(JSON(cdc_bytes(LH_CELL_BYTES, bytes, 3)), "\"\\\\x000aff\"");
	assert_string_equal(JSON(cdc_numeric(LH_SIGN_MINUS, 0, 1, 1, one)), "\"-1.0\"");
	assert_string_equal(JSON(cdc_array(&array)), "\"{\\\"a\\\\\\\"b\\\",NULL}\"");
	assert_string_equal(JSON(lh_cell_null()), "null");
	assert_string_equal(JSON(cdc_time(LH_CELL_DATE, 0)), "\"2000-01-01\"");
#undef JSON
}

/* Literals of PostgreSQL 15: SELECT ARRAY[...]. */
static void
arrays_are_as_array_out_writes_them(void **state)
{
	LhCell texts[] = {lh_cell_text("a", 1),     lh_cell_text("", 0),    lh_cell_text("NULL", 4),
					  lh_cell_text("nUll", 4),  lh_cell_text("a b", 3), lh_cell_text("a,b", 3),
					  lh_cell_text("a\"\\", 3), lh_cell_text("{x}", 3), lh_cell_text("nulls", 5),
					  lh_cell_text("\v", 1),    lh_cell_null()};
	LhCell numbers[] = {cdc_int(1), cdc_int(2), cdc_int(3), lh_cell_null(), cdc_int(5), cdc_int(6)};
	LhCell times[] = {cdc_time(LH_CELL_TIMESTAMP, 0), cdc_time(LH_CELL_DATE, -746117),
					  cdc_time(LH_CELL_DATE, 0)};
	LhCell boxes[] = {lh_cell_text("(1,1),(0,0)", 11), lh_cell_text("(2,2),(1,1)", 11)};
	LhCell bytes[] = {cdc_bytes(LH_CELL_BYTES, (const uint8_t *) "\n", 1)};
	LhCellArray of_texts = {
		.ndim = 1, .dims = {11}, .lbound = {1}, .nitems = 11, .delim = ',', .items = texts};
	LhCellArray of_numbers = {
		.ndim = 2, .dims = {2, 3}, .lbound = {1, 1}, .nitems = 6, .delim = ',', .items = numbers};
	LhCellArray of_times = {
		.ndim = 1, .dims = {3}, .lbound = {1}, .nitems = 3, .delim = ',', .items = times};
	LhCellArray of_boxes = {
		.ndim = 1, .dims = {2}, .lbound = {1}, .nitems = 2, .delim = ';', .items = boxes};
	LhCellArray of_bytes = {
		.ndim = 1, .dims = {1}, .lbound = {1}, .nitems = 1, .delim = ',', .items = bytes};
	LhCellArray empty = {.ndim = 0, .delim = ','};
	LhCell nested[] = {cdc_array(&of_numbers)};
	LhCellArray of_arrays = {
		.ndim = 1, .dims = {1}, .lbound = {1}, .nitems = 1, .delim = ',', .items = nested};
	LhCtx *ctx = *state;
	LhBuf buf;

	lh_buf_init(ctx, &buf, false);
	assert_string_equal(
		cell_text(ctx, &buf, cdc_array(&of_texts)),
		"{a,\"\",\"NULL\",\"nUll\",\"a b\",\"a,b\",\"a\\\"\\\\\",\"{x}\",nulls,\"\v\",NULL}");
	assert_string_equal(cell_text(ctx, &buf, cdc_array(&of_numbers)), "{{1,2,3},{NULL,5,6}}");
	of_numbers.lbound[0] = 0;
	of_numbers.lbound[1] = -2;
	assert_string_equal(cell_text(ctx, &buf, cdc_array(&of_numbers)),
						"[0:1][-2:0]={{1,2,3},{NULL,5,6}}");
	assert_string_equal(cell_text(ctx, &buf, cdc_array(&of_times)),
						"{\"2000-01-01 00:00:00\",\"0044-03-15 BC\",2000-01-01}");
	assert_string_equal(cell_text(ctx, &buf, cdc_array(&of_boxes)), "{(1,1),(0,0);(2,2),(1,1)}");
	assert_string_equal(cell_text(ctx, &buf, cdc_array(&of_bytes)), "{\"\\\\x0a\"}");
	assert_string_equal(cell_text(ctx, &buf, cdc_array(&empty)), "{}");
	of_numbers.lbound[0] = of_numbers.lbound[1] = 1;
	assert_string_equal(cell_text(ctx, &buf, cdc_array(&of_arrays)), "{\"{{1,2,3},{NULL,5,6}}\"}");
}

static void
arrays_nested_without_end_are_refused(void **state)
{
	LhCtx *ctx = *state;
	LhCellArray array = {.ndim = 1, .dims = {1}, .lbound = {1}, .nitems = 1, .delim = ','};
	LhCell item = cdc_array(&array);
	LhBuf buf;

	array.items = &item;
	lh_buf_init(ctx, &buf, false);
	assert_int_equal(lh_put_cell_text(ctx, &buf, &item), LH_LIMIT);
}

static void
cells_are_equal_when_their_text_is(void **state)
{
	LhCtx *ctx = *state;
	LhBuf a, b;

	lh_buf_init(ctx, &a, false);
	lh_buf_init(ctx, &b, false);
	for (int i = 0; i < ROUNDS; i++)
	{
		LhCell x = cdc_any_cell(ctx, 0), y = cdc_random() % 4 ? cdc_any_cell(ctx, 0) : x;
		bool same;

		a.len = b.len = 0;
		LH_OK_(ctx, lh_put_cell_text(ctx, &a, &x));
		LH_OK_(ctx, lh_put_cell_text(ctx, &b, &y));
		same = x.kind == y.kind && a.len == b.len &&
			   (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
		assert_int_equal(lh_cell_equal(&x, &y), same);
		assert_true(lh_cell_equal(&x, &x));
		if (i % 1000 == 999)
			lh_arena_reset(ctx->arena), lh_buf_init(ctx, &a, false), lh_buf_init(ctx, &b, false);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(integers_are_as_printf_writes_them),
		cmocka_unit_test(all_four_digit_groups_are_right_in_both_halves),
		cmocka_unit_test(numerics_are_as_numeric_out_writes_them),
		cmocka_unit_test(random_numerics_are_as_the_slow_writer_writes_them),
		cmocka_unit_test(digits_of_a_numeric_that_are_none_do_no_harm),
		cmocka_unit_test(dates_are_as_date_out_writes_them),
		cmocka_unit_test(times_are_as_time_out_writes_them),
		cmocka_unit_test(zones_are_as_timetz_out_writes_them),
		cmocka_unit_test(timestamps_are_as_timestamp_out_writes_them),
		cmocka_unit_test(intervals_are_as_iso_8601_style_writes_them),
		cmocka_unit_test(uuids_hex_and_base64_are_as_the_slow_writers_write_them),
		cmocka_unit_test(json_strings_escape_what_must_be_at_every_place),
		cmocka_unit_test(json_strings_of_many_escapes_grow_as_they_must),
		cmocka_unit_test(json_text_gets_on_one_line),
		cmocka_unit_test(cells_are_as_output_functions_write_them),
		cmocka_unit_test(cells_in_json_strings_are_escaped),
		cmocka_unit_test(arrays_are_as_array_out_writes_them),
		cmocka_unit_test(arrays_nested_without_end_are_refused),
		cmocka_unit_test(cells_are_equal_when_their_text_is),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
