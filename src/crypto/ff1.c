/*
 * ff1.c
 *		FF1: parameters, tweaks, and the calls.
 *
 * All parameters are integers from integers.  b, the bytes of a half, is made of the
 * bits of radix^v - 1 itself: a logarithm in floating point is off by one at powers (radix 256 is
 * the well-known case).
 *
 * The state: the first block P depends on radix, length and the tweak's length, so that it
 * is encrypted once.  Of Q, only the end changes from round to round; blocks
 * of the tweak in front of that are encrypted once a call, or once a value with a tweak of its own.
 */
#include "crypto/ff1_internal.h"

/* Groups between two polls. */
#define POLL_GROUPS 64

/* ---- keys ---- */

static void
release_key(void *arg)
{
	LhFf1Key *key = arg;

	EVP_CIPHER_CTX_free(key->evp);
	EVP_CIPHER_free(key->cipher);
}

LhStatus
lh_ff1_key_create(LhCtx *ctx, const LhKey *key, LhFf1Key **out)
{
	LhFf1Key *k;
	void *memory;

	if (key->len != 16 && key->len != 24 && key->len != 32)
		LH_FAIL(ctx, LH_INVALID, "a key of AES has 16, 24 or 32 bytes, not %zu", key->len);
	LH_TRY(lh_secret_alloc(ctx, sizeof(*k), &memory));
	k = memory;
	LH_TRY(lh_arena_on_reset(ctx, ctx->arena, release_key, k));
	k->cipher = EVP_CIPHER_fetch(NULL,
								 key->len == 16   ? "AES-128-ECB"
								 : key->len == 24 ? "AES-192-ECB"
												  : "AES-256-ECB",
								 NULL);
	k->evp = EVP_CIPHER_CTX_new();
	if (k->cipher == NULL || k->evp == NULL ||
		EVP_EncryptInit_ex2(k->evp, k->cipher, key->bytes, NULL, NULL) != 1 ||
		EVP_CIPHER_CTX_set_padding(k->evp, 0) != 1)
		return lh_ff1_fail_library(ctx);
#if defined(__x86_64__)
	if (lh_cpu_has_aes())
		lh_ff1_expand_aesni(k, key->bytes, key->len);
#endif
	*out = k;
	return LH_OK;
}

/* ---- parameters ---- */

bool
lh_ff1_domain_allowed(uint32_t radix, size_t length, bool legacy)
{
	uint64_t least = legacy ? LH_FF1_DOMAIN_LEGACY : LH_FF1_DOMAIN, domain = 1;

	for (size_t i = 0; i < length && domain < least; i++)
		domain *= radix;
	return length >= LH_FF1_MIN_LENGTH && domain >= least;
}

static LhStatus
check(LhCtx *ctx, const LhFf1Spec *spec)
{
	if (spec->radix < LH_FF1_MIN_RADIX || spec->radix > LH_FF1_MAX_RADIX)
		LH_FAIL(ctx, LH_INVALID, "FF1 takes alphabets of %d to %d characters, not %u",
				LH_FF1_MIN_RADIX, LH_FF1_MAX_RADIX, spec->radix);
	if (spec->length > LH_FF1_MAX_LENGTH)
		LH_FAIL(ctx, LH_INVALID, "FF1 takes strings of at most %zu characters, not %zu",
				LH_FF1_MAX_LENGTH, spec->length);
	if (spec->tweak_len > LH_FF1_MAX_TWEAK)
		LH_FAIL(ctx, LH_INVALID, "FF1 takes tweaks of at most %d bytes, not %zu", LH_FF1_MAX_TWEAK,
				spec->tweak_len);
	if (!lh_ff1_domain_allowed(spec->radix, spec->length, spec->legacy))
	{
		lh_fail(ctx, LH_INVALID,
				"%zu characters of an alphabet of %u are too few for FF1: fewer than %d values",
				spec->length, spec->radix, spec->legacy ? LH_FF1_DOMAIN_LEGACY : LH_FF1_DOMAIN);
		lh_hint(ctx, spec->legacy ? "Use a vaulted token."
								  : "Use a vaulted token, or keep fewer characters in clear text.");
		return LH_INVALID;
	}
	return LH_OK;
}

static void
init_fused(LhFf1 *f)
{
	f->is_fused = f->n == 1;
	f->fused.b = (unsigned) f->b;
	for (int i = 0; i < 2; i++)
	{
		uint64_t m = f->modulus[i].limbs[0];
		LhFf1Small *s = &f->fused.small[i];

		if (!f->is_fused || m > LH_FF1_SMALL)
		{
			f->is_fused = false;
			return;
		}
		s->m = m;
		s->c = (UINT64_C(1) << 32) % m;
		s->inverse = 1.0 / (double) m;
		f->fused.barrett[i] = UINT64_MAX / m;
		/* what the bound on t needs (ff1_internal.h): few moduli lack it */
		if (s->c + 2 > m)
			f->is_fused = false;
	}
	/* y must have 8 bytes */
	f->is_fused = f->is_fused && f->d == 8;
}

/* P, encrypted. */
static LhStatus
init_first(LhCtx *ctx, LhFf1 *f)
{
	uint32_t n = (uint32_t) f->spec.length, t = (uint32_t) f->spec.tweak_len;
	uint8_t *p = f->first;
	LhFf1Call call;
	bool done;

	p[0] = 1;
	p[1] = 2;
	p[2] = 1;
	p[3] = (uint8_t) (f->spec.radix >> 16);
	p[4] = (uint8_t) (f->spec.radix >> 8);
	p[5] = (uint8_t) f->spec.radix;
	p[6] = LH_FF1_ROUNDS;
	p[7] = (uint8_t) f->u;
	for (int i = 0; i < 4; i++)
	{
		p[8 + i] = (uint8_t) (n >> (24 - 8 * i));
		p[12 + i] = (uint8_t) (t >> (24 - 8 * i));
	}
	LH_TRY(lh_ff1_call_begin(ctx, f->key, &call));
	done = call.kernels->blocks(&call, p, 1);
	lh_ff1_call_end(&call);
	return done ? LH_OK : lh_ff1_fail_library(ctx);
}

static void
wipe_ff1(void *arg)
{
	lh_wipe(arg, sizeof(LhFf1));
}

LhStatus
lh_ff1_create(LhCtx *ctx, const LhFf1Key *key, const LhFf1Spec *spec, LhFf1 **out)
{
	LhFf1 *f;

	LH_TRY(check(ctx, spec));
	LH_NEW(ctx, f);
	LH_TRY(lh_arena_on_reset(ctx, ctx->arena, wipe_ff1, f));
	f->key = key;
	f->spec = *spec;
	f->u = spec->length / 2;
	f->v = spec->length - f->u;
	lh_ff1_radix_init(&f->radix, spec->radix);
	LH_TRY(lh_ff1_power(ctx, &f->radix, f->u, &f->modulus[0]));
	LH_TRY(lh_ff1_power(ctx, &f->radix, f->v, &f->modulus[1]));
	f->b = (lh_ff1_bits_below(&f->modulus[1]) + 7) / 8;
	f->d = 4 * ((f->b + 3) / 4) + 4;
	f->n = f->b / 8 + 1;
	f->q = (spec->tweak_len + f->b + 1 + LH_FF1_BLOCK - 1) / LH_FF1_BLOCK * LH_FF1_BLOCK;
	f->lead = (f->q - f->b - 1) / LH_FF1_BLOCK;
	LH_TRY(lh_ff1_modulus_finish(ctx, &f->modulus[0], f->n));
	LH_TRY(lh_ff1_modulus_finish(ctx, &f->modulus[1], f->n));
	init_fused(f);
	LH_TRY(init_first(ctx, f));
	*out = f;
	return LH_OK;
}

/* ---- tweaks ---- */

static void
mix_tweak(uint8_t *state, const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		state[i] ^= p[i];
}

LhStatus
lh_ff1_states(LhCtx *ctx, const LhFf1 *ff1, const LhFf1Call *call, LhFf1Tweaks tweaks, size_t count,
			  uint8_t *states)
{
	size_t t = ff1->spec.tweak_len;

	count = tweaks.stride == 0 ? 1 : count;
	for (size_t j = 0; j < count; j++)
		memcpy(states + j * LH_FF1_BLOCK, ff1->first, LH_FF1_BLOCK);
	/* the last time round: what of the tweak is in the round's own block, not encrypted yet */
	for (size_t at = 0, block = 0; block <= ff1->lead; block++, at += LH_FF1_BLOCK)
	{
		size_t k = at >= t ? 0 : t - at < LH_FF1_BLOCK ? t - at : LH_FF1_BLOCK;

		if (block > 0 && !call->kernels->blocks(call, states, count))
			return lh_ff1_fail_library(ctx);
		for (size_t j = 0; k > 0 && j < count; j++)
			mix_tweak(states + j * LH_FF1_BLOCK, tweaks.data + j * tweaks.stride + at, k);
	}
	return LH_OK;
}

/* ---- calls ---- */

/* What one call works with; the halves of a group of one or two limbs lie here. */
typedef struct Group
{
	LhFf1Call call;
	size_t size;   /* values of a group */
	size_t stride; /* of states */
	uint64_t *left, *right;
	uint8_t *work;
	LhArena *arena; /* of larger halves */
	size_t bytes;   /* there, from left on */
	uint8_t states[LH_FF1_GROUP * LH_FF1_BLOCK];
	uint64_t small[2][LH_FF1_GROUP * 2];
} Group;

static void
end_group(Group *g)
{
	lh_ff1_call_end(&g->call);
	if (g->arena != NULL)
	{
		if (g->left != NULL)
			lh_wipe(g->left, g->bytes);
		lh_arena_destroy(g->arena);
	}
	lh_wipe(g->states, g->stride == 0 ? LH_FF1_BLOCK : g->size * LH_FF1_BLOCK);
	if (g->left == g->small[0])
	{
		lh_wipe(g->small[0], g->size * 16);
		lh_wipe(g->small[1], g->size * 16);
	}
}

/* Large halves: as many values together as their numbers fill about 64 kB with. */
static LhStatus
begin_large(LhCtx *ctx, const LhFf1 *ff1, size_t count, Group *g)
{
	size_t one = ff1->n * 16, most = 65536 / one;
	LhArena *old;
	uint8_t *p;

	most = most < 1 ? 1 : most > LH_FF1_GROUP ? LH_FF1_GROUP : most;
	g->size = count < most ? count : most;
	g->arena = lh_arena_child(ctx->arena);
	if (g->arena == NULL)
		LH_FAIL(ctx, LH_NO_MEMORY, "out of memory for FF1");
	g->bytes = g->size * one + lh_ff1_work_size(ff1, g->size);
	old = lh_use(ctx, g->arena);
	p = lh_alloc(ctx, g->bytes);
	(void) lh_use(ctx, old);
	if (p == NULL)
		return ctx->error->code;
	g->left = (uint64_t *) (void *) p;
	g->right = g->left + g->size * ff1->n;
	g->work = p + g->size * one;
	return LH_OK;
}

static LhStatus
begin_group(LhCtx *ctx, const LhFf1 *ff1, LhFf1Tweaks *tweaks, size_t count, Group *g)
{
	g->size = count < LH_FF1_GROUP ? count : LH_FF1_GROUP;
	g->arena = NULL;
	g->work = NULL;
	if (ff1->spec.tweak_len == 0)
		tweaks->stride = 0;
	g->stride = tweaks->stride == 0 ? 0 : LH_FF1_BLOCK;
	g->left = g->small[0];
	g->right = g->small[1];
	LH_TRY(lh_ff1_call_begin(ctx, ff1->key, &g->call));
	if (ff1->n > 2)
	{
		g->left = g->right = NULL;
		LH_TRY(begin_large(ctx, ff1, count, g));
	}
	return g->stride == 0 ? lh_ff1_states(ctx, ff1, &g->call, *tweaks, 1, g->states) : LH_OK;
}

/* Values at .. at + k: their rounds, halves being in g or elsewhere. */
static LhStatus
run_group(LhCtx *ctx, const LhFf1 *ff1, LhFf1Way way, LhFf1Tweaks tweaks, size_t at, size_t k,
		  Group *g, uint64_t *left, uint64_t *right)
{
	if (at / LH_FF1_GROUP % POLL_GROUPS == POLL_GROUPS - 1)
		LH_TRY(lh_poll(ctx));
	if (g->stride != 0)
	{
		tweaks.data += at * tweaks.stride;
		LH_TRY(lh_ff1_states(ctx, ff1, &g->call, tweaks, k, g->states));
	}
	return lh_ff1_rounds(ctx, ff1, &g->call, way, g->states, g->stride, left, right, k, g->work);
}

static LhStatus
check_numerals(LhCtx *ctx, const LhFf1 *ff1, const uint16_t *in, size_t at, size_t count)
{
	uint32_t most = ff1->spec.radix - 1;
	size_t n = ff1->spec.length * count;
	uint32_t bad = 0;

	for (size_t i = 0; i < n; i++)
		bad |= most - in[i];
	/* the sign: somewhere it was below 0 */
	if (bad >> 31 == 0)
		return LH_OK;
	for (size_t i = 0; i < n; i++)
	{
		if (in[i] > most)
			LH_FAIL(ctx, LH_INVALID, "character %zu of value %zu is not in FF1's alphabet of %u",
					i % ff1->spec.length, at + i / ff1->spec.length, ff1->spec.radix);
	}
	return LH_OK;
}

static LhStatus
numerals(LhCtx *ctx, const LhFf1 *ff1, LhFf1Way way, LhFf1Tweaks tweaks, const uint16_t *in,
		 uint16_t *out, size_t count, Group *g)
{
	size_t length = ff1->spec.length, n = ff1->n;

	for (size_t at = 0; at < count; at += g->size)
	{
		size_t k = count - at < g->size ? count - at : g->size;
		const uint16_t *from = in + at * length;
		uint16_t *to = out + at * length;

		LH_TRY(check_numerals(ctx, ff1, from, at, k));
		for (size_t j = 0; j < k; j++, from += length)
		{
			LH_TRY(lh_ff1_number(ctx, &ff1->radix, from, ff1->u, g->left + j * n, n));
			LH_TRY(lh_ff1_number(ctx, &ff1->radix, from + ff1->u, ff1->v, g->right + j * n, n));
		}
		LH_TRY(run_group(ctx, ff1, way, tweaks, at, k, g, g->left, g->right));
		for (size_t j = 0; j < k; j++, to += length)
		{
			LH_TRY(lh_ff1_numerals_of(ctx, &ff1->radix, g->left + j * n, n, to, ff1->u));
			LH_TRY(lh_ff1_numerals_of(ctx, &ff1->radix, g->right + j * n, n, to + ff1->u, ff1->v));
		}
	}
	return LH_OK;
}

LhStatus
lh_ff1_numerals(LhCtx *ctx, const LhFf1 *ff1, LhFf1Way way, LhFf1Tweaks tweaks, const uint16_t *in,
				uint16_t *out, size_t count)
{
	LhStatus status;
	Group g;

	if (count == 0)
		return LH_OK;
	status = begin_group(ctx, ff1, &tweaks, count, &g);
	if (status == LH_OK)
		status = numerals(ctx, ff1, way, tweaks, in, out, count, &g);
	end_group(&g);
	return status;
}

bool
lh_ff1_has_halves(const LhFf1 *ff1)
{
	return ff1->n == 1;
}

static LhStatus
halves(LhCtx *ctx, const LhFf1 *ff1, LhFf1Way way, LhFf1Tweaks tweaks, uint64_t *left,
	   uint64_t *right, size_t count, Group *g)
{
	uint64_t m[2] = {ff1->modulus[0].limbs[0], ff1->modulus[1].limbs[0]};

	for (size_t i = 0; i < count; i++)
	{
		if (left[i] >= m[0] || right[i] >= m[1])
			LH_FAIL(ctx, LH_INVALID, "value %zu is no number of %zu characters", i,
					ff1->spec.length);
	}
	for (size_t at = 0; at < count; at += g->size)
	{
		size_t k = count - at < g->size ? count - at : g->size;

		LH_TRY(run_group(ctx, ff1, way, tweaks, at, k, g, left + at, right + at));
	}
	return LH_OK;
}

LhStatus
lh_ff1_halves(LhCtx *ctx, const LhFf1 *ff1, LhFf1Way way, LhFf1Tweaks tweaks, uint64_t *left,
			  uint64_t *right, size_t count)
{
	LhStatus status;
	Group g;

	if (!lh_ff1_has_halves(ff1))
		LH_FAIL(ctx, LH_INVALID, "halves of %zu characters are no numbers of 56 bits", ff1->v);
	if (count == 0)
		return LH_OK;
	status = begin_group(ctx, ff1, &tweaks, count, &g);
	if (status == LH_OK)
		status = halves(ctx, ff1, way, tweaks, left, right, count, &g);
	end_group(&g);
	return status;
}

/* ---- decimal digits ---- */

static LhStatus
digits(LhCtx *ctx, const LhFf1 *ff1, LhFf1Way way, LhFf1Tweaks tweaks, const char *in, char *out,
	   size_t count, Group *g)
{
	size_t length = ff1->spec.length;

	for (size_t at = 0; at < count; at += g->size)
	{
		size_t k = count - at < g->size ? count - at : g->size, bad;

		bad = lh_ff1_parse_digits(g->call.kernels, in + at * length, k, ff1->u, ff1->v, g->left,
								  g->right);
		if (bad < k)
			LH_FAIL(ctx, LH_INVALID, "value %zu is no string of %zu decimal digits", at + bad,
					length);
		LH_TRY(run_group(ctx, ff1, way, tweaks, at, k, g, g->left, g->right));
		lh_ff1_format_digits(g->call.kernels, out + at * length, k, ff1->u, ff1->v, g->left,
							 g->right);
	}
	return LH_OK;
}

/* Strings that are too long for numbers of 64 bits: as numerals, a group at a time. */
static LhStatus
long_digits(LhCtx *ctx, const LhFf1 *ff1, LhFf1Way way, LhFf1Tweaks tweaks, const char *in,
			char *out, size_t count, uint16_t *buffer, size_t group)
{
	size_t length = ff1->spec.length;

	for (size_t at = 0; at < count; at += group)
	{
		size_t k = count - at < group ? count - at : group;

		for (size_t i = 0; i < k * length; i++)
		{
			buffer[i] = (uint16_t) ((uint8_t) in[at * length + i] - '0');
			if (buffer[i] > 9)
				LH_FAIL(ctx, LH_INVALID, "value %zu is no string of %zu decimal digits",
						at + i / length, length);
		}
		LH_TRY(lh_ff1_numerals(ctx, ff1, way, tweaks, buffer, buffer, k));
		for (size_t i = 0; i < k * length; i++)
			out[at * length + i] = (char) ('0' + buffer[i]);
		if (tweaks.stride > 0 && ff1->spec.tweak_len > 0)
			tweaks.data += k * tweaks.stride;
	}
	return LH_OK;
}

static LhStatus
begin_long_digits(LhCtx *ctx, const LhFf1 *ff1, LhFf1Way way, LhFf1Tweaks tweaks, const char *in,
				  char *out, size_t count)
{
	size_t length = ff1->spec.length, group = 65536 / length;
	LhArena *arena = lh_arena_child(ctx->arena), *old;
	LhStatus status;
	uint16_t *buffer;

	group = group < 1 ? 1 : group > count ? count : group;
	if (arena == NULL)
		LH_FAIL(ctx, LH_NO_MEMORY, "out of memory for FF1");
	old = lh_use(ctx, arena);
	buffer = lh_alloc_array(ctx, group * length, sizeof(*buffer));
	status = buffer == NULL ? ctx->error->code
							: long_digits(ctx, ff1, way, tweaks, in, out, count, buffer, group);
	(void) lh_use(ctx, old);
	if (buffer != NULL)
		lh_wipe(buffer, group * length * sizeof(*buffer));
	lh_arena_destroy(arena);
	return status;
}

LhStatus
lh_ff1_digits(LhCtx *ctx, const LhFf1 *ff1, LhFf1Way way, LhFf1Tweaks tweaks, const char *in,
			  char *out, size_t count)
{
	LhStatus status;
	Group g;

	if (ff1->spec.radix != 10)
		LH_FAIL(ctx, LH_INVALID, "FF1 over an alphabet of %u characters takes no decimal digits",
				ff1->spec.radix);
	if (count == 0)
		return LH_OK;
	if (ff1->v > LH_FF1_MOST_DIGITS)
		return begin_long_digits(ctx, ff1, way, tweaks, in, out, count);
	status = begin_group(ctx, ff1, &tweaks, count, &g);
	if (status == LH_OK)
		status = digits(ctx, ff1, way, tweaks, in, out, count, &g);
	end_group(&g);
	return status;
}

/* ---- one string ---- */

LhStatus
lh_ff1_tweak(LhCtx *ctx, const LhFf1 *ff1, const uint8_t *tweak, LhFf1Tweaked *out)
{
	LhFf1Tweaks tweaks = {tweak, 0};
	LhStatus status;
	LhFf1Call call;

	LH_TRY(lh_ff1_call_begin(ctx, ff1->key, &call));
	status = lh_ff1_states(ctx, ff1, &call, tweaks, 1, out->state);
	lh_ff1_call_end(&call);
	return status;
}

bool
lh_ff1_digits_one(const LhFf1 *ff1, LhFf1Way way, const LhFf1Tweaked *tweaked, const char *in,
				  char *out)
{
	const LhFf1Kernels *k = lh_ff1_kernels();
	uint64_t left, right;

	if (k->fused_one == NULL || !ff1->is_fused || ff1->spec.radix != 10)
		return false;
	if (lh_ff1_parse_digits(k, in, 1, ff1->u, ff1->v, &left, &right) == 0)
		return false;
	k->fused_one(ff1->key, &ff1->fused, way, tweaked->state, &left, &right);
	lh_ff1_format_digits(k, out, 1, ff1->u, ff1->v, &left, &right);
	return true;
}
