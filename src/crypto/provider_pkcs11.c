/*
 * provider_pkcs11.c
 *		Hardware security modules as key providers.
 *
 *	1. Modules are loaded once a process; a table of them is guarded by a mutex.
 *	2. Each operation has a session of its own, and logs in when the token is not logged in yet: a login is the
 *	   process's, and others may be using it, so nobody logs out.
 *	3. A PIN that the token refused is not given to it again, as it locks itself after a few: until the file of the PIN is
 *	   another or the process is.
 *	4. A token that was taken away and came back, or a session that has ended, is an error of this operation; the
 *	   next opens another session.
 */
#include "crypto/provider_pkcs11.h"

#include <dlfcn.h>
#include <errno.h>
#include <openssl/rand.h>
#include <p11-kit/pkcs11.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crypto/base64.h"
#include "crypto/provider_job.h"

#define PREFIX      "pkcs11:v"
#define NONCE       12
#define TAG         16
#define MAX_WRAPPED ((size_t) 16384)
#define MAX_PIN     255
#define MAX_SLOTS   256
#define PAGE_KEYS   256   /* asked for at once */
#define MAX_KEYS    65536 /* of one label */
/* of 3.0; older declarations have it not */
#ifndef CKR_AEAD_DECRYPT_FAILED
#define CKR_AEAD_DECRYPT_FAILED 0x42UL
#endif

typedef struct Hsm
{
	LhProvider base;
	const char *module, *token, *pin_file;
} Hsm;

/*
 * Messages
 */

typedef struct Code
{
	CK_RV rv;
	LhStatus status;
	const char *text;
} Code;

static const Code codes[] = {
	{CKR_PIN_INCORRECT, LH_DENIED, "the PIN is wrong"},
	{CKR_PIN_INVALID, LH_DENIED, "the PIN is wrong"},
	{CKR_PIN_LEN_RANGE, LH_DENIED, "the PIN is wrong"},
	{CKR_PIN_LOCKED, LH_DENIED, "the PIN is locked"},
	{CKR_PIN_EXPIRED, LH_DENIED, "the PIN has expired"},
	{CKR_USER_PIN_NOT_INITIALIZED, LH_DENIED, "the token has no PIN of a user yet"},
	{CKR_USER_NOT_LOGGED_IN, LH_DENIED, "nobody is logged in"},
	{CKR_KEY_FUNCTION_NOT_PERMITTED, LH_DENIED, "the key may not be used for it"},
	{CKR_TOKEN_NOT_PRESENT, LH_IO, "the token is not there"},
	{CKR_DEVICE_REMOVED, LH_IO, "the token was taken away"},
	{CKR_DEVICE_ERROR, LH_IO, "the device reports an error"},
	{CKR_DEVICE_MEMORY, LH_IO, "the device is out of memory"},
	{CKR_SESSION_COUNT, LH_IO, "the token has too many sessions"},
	{CKR_HOST_MEMORY, LH_NO_MEMORY, "out of memory"},
	{CKR_MECHANISM_INVALID, LH_UNSUPPORTED, "the token cannot do AES-GCM"},
	{CKR_ENCRYPTED_DATA_INVALID, LH_CORRUPT, "it is not what this key wrapped"},
	{CKR_ENCRYPTED_DATA_LEN_RANGE, LH_CORRUPT, "it is not what this key wrapped"},
};

static LhStatus
fail(LhCtx *ctx, CK_RV rv, const char *what)
{
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		if (codes[i].rv == rv)
			LH_FAIL(ctx, codes[i].status, "key provider \"pkcs11\" could not %s: %s (0x%lx)", what,
					codes[i].text, rv);
	LH_FAIL(ctx, LH_IO, "key provider \"pkcs11\" could not %s: the module answered 0x%lx", what,
			rv);
}

/*
 * Modules
 */

typedef struct Module
{
	struct Module *next;
	char *path;
	CK_FUNCTION_LIST_PTR calls;
} Module;

static pthread_mutex_t modules_lock = PTHREAD_MUTEX_INITIALIZER;
static Module *modules; /* for as long as the process lives */

/* It is code that runs in the server: nobody else may have written it. */
static LhStatus
check_module(LhCtx *ctx, const char *path)
{
	struct stat st;

	if (stat(path, &st) != 0)
		LH_FAIL(ctx, LH_IO, "cannot open module \"%s\" of key provider \"pkcs11\": %s", path,
				lh_errno_text(errno));
	if (!S_ISREG(st.st_mode) || (st.st_uid != 0 && st.st_uid != geteuid()) ||
		(st.st_mode & 022) != 0)
		LH_FAIL(ctx, LH_INVALID,
				"module \"%s\" of key provider \"pkcs11\" must be a file that only root or the "
				"server's user may change",
				path);
	return LH_OK;
}

static LhStatus
load_module(LhCtx *ctx, const char *path, CK_FUNCTION_LIST_PTR *out)
{
	CK_C_INITIALIZE_ARGS args = {.flags = CKF_OS_LOCKING_OK};
	CK_C_GetFunctionList get;
	CK_FUNCTION_LIST_PTR calls = NULL;
	Module *m;
	void *library;
	CK_RV rv;

	LH_TRY(check_module(ctx, path));
	library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	*(void **) &get = library != NULL ? dlsym(library, "C_GetFunctionList") : NULL;
	if (get == NULL || get(&calls) != CKR_OK || calls == NULL)
	{
		if (library != NULL)
			dlclose(library);
		LH_FAIL(ctx, LH_INVALID, "\"%s\" is no module of PKCS#11, or could not be loaded", path);
	}
	rv = calls->C_Initialize(&args);
	if (rv != CKR_OK && rv != CKR_CRYPTOKI_ALREADY_INITIALIZED)
	{
		dlclose(library);
		return fail(ctx, rv, "start its module");
	}
	m = calloc(1, sizeof(*m));
	if (m == NULL || (m->path = strdup(path)) == NULL)
	{
		free(m);
		LH_FAIL(ctx, LH_NO_MEMORY, "out of memory for key provider \"pkcs11\"");
	}
	m->calls = *out = calls;
	m->next = modules;
	modules = m;
	return LH_OK;
}

static LhStatus
module_of(LhCtx *ctx, const char *path, CK_FUNCTION_LIST_PTR *out)
{
	LhStatus status = LH_OK;

	*out = NULL;
	pthread_mutex_lock(&modules_lock);
	for (Module *m = modules; m != NULL && *out == NULL; m = m->next)
		if (strcmp(m->path, path) == 0)
			*out = m->calls;
	if (*out == NULL)
		status = load_module(ctx, path, out);
	pthread_mutex_unlock(&modules_lock);
	return status;
}

/*
 * Opening
 */

static const LhProviderSteps steps; /* at the end */

static LhStatus
hsm_open(LhCtx *ctx, const LhProviderOption *options, int n, LhProvider **out)
{
	Hsm *h;

	LH_NEW(ctx, h);
	h->base.kind = &lh_provider_pkcs11;
	h->base.steps = &steps;
	{
		const LhProviderField fields[] = {{"module", &h->module, true},
										  {"token", &h->token, true},
										  {"pin_file", &h->pin_file, true}};

		LH_TRY(lh_provider_options(ctx, &lh_provider_pkcs11, options, n, fields, 3));
		for (int i = 0; i < 3; i++)
			if ((*fields[i].value = lh_strdup(ctx, *fields[i].value)) == NULL)
				return ctx->error->code;
	}
	if (h->module[0] != '/')
		LH_FAIL(ctx, LH_INVALID,
				"option \"module\" of key provider \"pkcs11\" must be an absolute path");
	if (strlen(h->token) > 32)
		LH_FAIL(ctx, LH_INVALID,
				"option \"token\" of key provider \"pkcs11\" must be a label of at most 32 bytes");
	*out = &h->base;
	return LH_OK;
}

/*
 * Sessions
 */

typedef struct Session
{
	CK_FUNCTION_LIST_PTR calls;
	CK_SESSION_HANDLE handle;
} Session;

/* Labels are padded with blanks to 32 bytes. */
static bool
has_label(const CK_TOKEN_INFO *info, const char *label)
{
	size_t len = strlen(label);

	if (memcmp(info->label, label, len) != 0)
		return false;
	for (size_t i = len; i < sizeof(info->label); i++)
		if (info->label[i] != ' ')
			return false;
	return true;
}

static LhStatus
find_slot(LhCtx *ctx, CK_FUNCTION_LIST_PTR calls, const char *token, CK_SLOT_ID *out)
{
	CK_SLOT_ID slots[MAX_SLOTS];
	CK_ULONG n = MAX_SLOTS;
	CK_RV rv = calls->C_GetSlotList(CK_TRUE, slots, &n);
	int found = 0;

	if (rv != CKR_OK)
		return fail(ctx, rv, "list tokens");
	for (CK_ULONG i = 0; i < n && i < MAX_SLOTS; i++)
	{
		CK_TOKEN_INFO info;

		if (calls->C_GetTokenInfo(slots[i], &info) != CKR_OK || !has_label(&info, token))
			continue;
		*out = slots[i];
		found++;
	}
	if (found != 1)
		LH_FAIL(ctx, LH_NOT_FOUND, "key provider \"pkcs11\" found %s token \"%s\"",
				found == 0 ? "no" : "more than one", token);
	return LH_OK;
}

static LhStatus
read_pin(LhCtx *ctx, const char *path, LhSlice *out)
{
	uint8_t *bytes = NULL;
	size_t len = 0;

	LH_TRY(lh_secret_file(ctx, "PIN file", path, &bytes, &len));
	while (len > 0 && (bytes[len - 1] == '\n' || bytes[len - 1] == '\r'))
		len--;
	if (len == 0 || len > MAX_PIN || memchr(bytes, '\n', len) != NULL ||
		memchr(bytes, '\0', len) != NULL)
		LH_FAIL(ctx, LH_INVALID, "PIN file \"%s\" must hold one line of at most %d bytes", path,
				MAX_PIN);
	*out = lh_slice(bytes, len);
	return LH_OK;
}

/* A token of the process, and the file whose PIN it refused last.  One thread logs in at a time: several would try a wrong PIN at once. */
typedef struct Login
{
	struct Login *next;
	char *module, *token;
	pthread_mutex_t lock;
	bool refused;
	struct stat file;
} Login;

static pthread_mutex_t logins_lock = PTHREAD_MUTEX_INITIALIZER;
static Login *logins; /* for as long as the process lives */

static Login *
login_of(const Hsm *h)
{
	Login *l;

	pthread_mutex_lock(&logins_lock);
	for (l = logins; l != NULL; l = l->next)
		if (strcmp(l->module, h->module) == 0 && strcmp(l->token, h->token) == 0)
			break;
	if (l == NULL && (l = calloc(1, sizeof(*l))) != NULL)
	{
		l->module = strdup(h->module);
		l->token = strdup(h->token);
		if (l->module == NULL || l->token == NULL || pthread_mutex_init(&l->lock, NULL) != 0)
		{
			free(l->module);
			free(l->token);
			free(l);
			l = NULL;
		}
		else
		{
			l->next = logins;
			logins = l;
		}
	}
	pthread_mutex_unlock(&logins_lock);
	return l;
}

static bool
is_same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
		   a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
		   a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

static bool
is_logged_in(const Session *s)
{
	CK_SESSION_INFO info;

	return s->calls->C_GetSessionInfo(s->handle, &info) == CKR_OK &&
		   (info.state == CKS_RO_USER_FUNCTIONS || info.state == CKS_RW_USER_FUNCTIONS);
}

static LhStatus
try_pin(LhCtx *ctx, const Hsm *h, const Session *s, Login *l)
{
	struct stat file = {0};
	LhSlice pin = {0};
	CK_RV rv;

	if (is_logged_in(s))
		return LH_OK;
	/* looked at before it is read: what is put there meanwhile is another */
	if (stat(h->pin_file, &file) == 0 && l->refused && is_same_file(&file, &l->file))
	{
		lh_fail(
			ctx, LH_DENIED,
			"key provider \"pkcs11\" does not log in to token \"%s\": it refused the PIN of file "
			"\"%s\" before",
			h->token, h->pin_file);
		lh_detail(ctx, "A token locks itself after a few wrong PINs.");
		lh_hint(ctx, "Correct the PIN file.");
		return LH_DENIED;
	}
	LH_TRY(read_pin(ctx, h->pin_file, &pin));
	rv = s->calls->C_Login(s->handle, CKU_USER, (CK_UTF8CHAR_PTR) pin.data, pin.len);
	l->refused = rv == CKR_PIN_INCORRECT || rv == CKR_PIN_INVALID || rv == CKR_PIN_LEN_RANGE;
	l->file = file;
	return rv == CKR_OK || rv == CKR_USER_ALREADY_LOGGED_IN ? LH_OK : fail(ctx, rv, "log in");
}

/* Unless somebody of this process is logged in already. */
static LhStatus
log_in(LhCtx *ctx, const Hsm *h, const Session *s)
{
	LhStatus status;
	Login *l;

	if (is_logged_in(s))
		return LH_OK;
	l = login_of(h);
	if (l == NULL)
		LH_FAIL(ctx, LH_NO_MEMORY, "out of memory for key provider \"pkcs11\"");
	pthread_mutex_lock(&l->lock);
	status = try_pin(ctx, h, s, l);
	pthread_mutex_unlock(&l->lock);
	return status;
}

static LhStatus
begin(LhCtx *ctx, const Hsm *h, Session *s)
{
	CK_SLOT_ID slot = 0;
	LhStatus status;
	CK_RV rv;

	LH_TRY(lh_poll(ctx));
	LH_TRY(module_of(ctx, h->module, &s->calls));
	LH_TRY(find_slot(ctx, s->calls, h->token, &slot));
	rv = s->calls->C_OpenSession(slot, CKF_SERIAL_SESSION, NULL, NULL, &s->handle);
	if (rv != CKR_OK)
		return fail(ctx, rv, "open a session");
	status = log_in(ctx, h, s);
	if (status != LH_OK)
		s->calls->C_CloseSession(s->handle);
	return status;
}

/*
 * Keys of the token
 */

typedef struct TokenKey
{
	CK_OBJECT_HANDLE handle;
	uint32_t version;
} TokenKey;

/* Its CKA_ID as a number; 0: it is none. */
static uint32_t
version_of(const Session *s, CK_OBJECT_HANDLE object)
{
	uint8_t id[8] = {0};
	CK_ATTRIBUTE attribute = {CKA_ID, id, sizeof(id)};
	uint64_t v = 0;

	if (s->calls->C_GetAttributeValue(s->handle, object, &attribute, 1) != CKR_OK ||
		attribute.ulValueLen == 0 || attribute.ulValueLen > sizeof(id))
		return 0;
	for (CK_ULONG i = 0; i < attribute.ulValueLen; i++)
		v = v << 8 | id[i];
	return v <= INT32_MAX ? (uint32_t) v : 0;
}

/* Of one label: the newest, the oldest, and the one of a version, where it is wanted. */
typedef struct Found
{
	TokenKey latest, oldest, wanted;
} Found;

static LhStatus
take_key(LhCtx *ctx, const Session *s, const char *name, CK_OBJECT_HANDLE object, uint32_t wanted,
		 Found *out)
{
	TokenKey key = {object, version_of(s, object)};

	if (key.version == 0)
		LH_FAIL(ctx, LH_INVALID,
				"key provider \"pkcs11\" has a key \"%s\" whose CKA_ID is no number from 1 on",
				name);
	if (key.version == out->latest.version || (wanted != 0 && key.version == out->wanted.version))
		LH_FAIL(ctx, LH_INVALID, "key provider \"pkcs11\" has two keys \"%s\" of version %u", name,
				key.version);
	if (key.version > out->latest.version)
		out->latest = key;
	if (out->oldest.version == 0 || key.version < out->oldest.version)
		out->oldest = key;
	if (key.version == wanted)
		out->wanted = key;
	return LH_OK;
}

/* Handles of all of them; a token may give fewer at once than it is asked for. */
static LhStatus
list_keys(LhCtx *ctx, const Session *s, const char *name, LhBuf *handles)
{
	CK_OBJECT_HANDLE page[PAGE_KEYS];
	CK_ULONG n;

	for (;;)
	{
		CK_RV rv = s->calls->C_FindObjects(s->handle, page, PAGE_KEYS, &n);

		if (rv != CKR_OK)
			return fail(ctx, rv, "look for keys");
		if (n == 0)
			return LH_OK;
		LH_TRY(lh_poll(ctx));
		if (n > PAGE_KEYS || handles->len / sizeof(page[0]) + n > MAX_KEYS)
			LH_FAIL(ctx, LH_LIMIT, "key provider \"pkcs11\" has more than %d keys \"%s\"", MAX_KEYS,
					name);
		LH_TRY(lh_buf_append(ctx, handles, page, n * sizeof(page[0])));
	}
}

static LhStatus
find_keys(LhCtx *ctx, const Session *s, const char *name, uint32_t wanted, Found *out)
{
	CK_OBJECT_CLASS class = CKO_SECRET_KEY;
	CK_KEY_TYPE type = CKK_AES;
	CK_ATTRIBUTE template[] = {{CKA_CLASS, &class, sizeof(class)},
							   {CKA_KEY_TYPE, &type, sizeof(type)},
							   {CKA_LABEL, (void *) name, strlen(name)}};
	const CK_OBJECT_HANDLE *objects;
	LhStatus status;
	LhBuf handles;
	CK_RV rv;

	*out = (Found){0};
	LH_TRY(lh_buf_init(ctx, &handles, false));
	rv = s->calls->C_FindObjectsInit(s->handle, template, 3);
	if (rv != CKR_OK)
		return fail(ctx, rv, "look for keys");
	status = list_keys(ctx, s, name, &handles);
	s->calls->C_FindObjectsFinal(s->handle);
	LH_TRY(status);
	objects = (const CK_OBJECT_HANDLE *) handles.data;
	for (size_t i = 0; i < handles.len / sizeof(*objects); i++)
		LH_TRY(take_key(ctx, s, name, objects[i], wanted, out));
	if (out->latest.version == 0)
		LH_FAIL(ctx, LH_NOT_FOUND, "key provider \"pkcs11\" has no key \"%s\"", name);
	if (wanted != 0 && out->wanted.version == 0)
		LH_FAIL(ctx, LH_NOT_FOUND, "key provider \"pkcs11\" has no version %u of key \"%s\"",
				wanted, name);
	return LH_OK;
}

/*
 * Wrapped keys
 */

static bool
parse_wrapped(LhSlice wrapped, uint32_t *version, LhSlice *text)
{
	const size_t n = sizeof(PREFIX) - 1;
	uint64_t v = 0;
	size_t i;

	if (wrapped.len <= n || wrapped.len > MAX_WRAPPED || memcmp(wrapped.data, PREFIX, n) != 0)
		return false;
	for (i = n;
		 i < wrapped.len && wrapped.data[i] >= '0' && wrapped.data[i] <= '9' && v <= INT32_MAX; i++)
		v = v * 10 + (uint64_t) (wrapped.data[i] - '0');
	if (i == n || v == 0 || v > INT32_MAX || i + 1 >= wrapped.len || wrapped.data[i] != ':')
		return false;
	*version = (uint32_t) v;
	*text = lh_slice(wrapped.data + i + 1, wrapped.len - i - 1);
	return true;
}

static bool
hsm_version(LhSlice wrapped, uint32_t *out)
{
	LhSlice text = {0};

	return parse_wrapped(wrapped, out, &text);
}

/* What a wrapped key is bound to. */
static LhStatus
bind(LhCtx *ctx, const char *name, uint32_t version, LhSlice *out)
{
	char *text = lh_sprintf(ctx, "lakehouse pkcs11 1|%s|%u", name, version);

	if (text == NULL)
		return ctx->error->code;
	*out = lh_slice(text, strlen(text));
	return LH_OK;
}

static CK_MECHANISM
mechanism_of(CK_GCM_PARAMS *params, uint8_t *nonce, LhSlice bound)
{
	*params = (CK_GCM_PARAMS){nonce, NONCE, NONCE * 8, (uint8_t *) bound.data, bound.len, TAG * 8};
	return (CK_MECHANISM){CKM_AES_GCM, params, sizeof(*params)};
}

static LhStatus
seal(LhCtx *ctx, const TokenKey *token, LhProviderJob *job)
{
	CK_GCM_PARAMS params;
	CK_MECHANISM mechanism;
	const Session *s = job->session;
	LhSlice key = job->key, bound = {0};
	CK_ULONG len = key.len + TAG;
	uint8_t *bytes;
	char *text;
	int head;
	CK_RV rv;

	LH_TRY(bind(ctx, job->name, token->version, &bound));
	LH_NEW_ARRAY(ctx, bytes, NONCE + key.len + TAG);
	/* a token that makes nonces itself writes its own there */
	if (RAND_bytes(bytes, NONCE) != 1)
		LH_FAIL(ctx, LH_IO, "no random numbers could be had");
	mechanism = mechanism_of(&params, bytes, bound);
	rv = s->calls->C_EncryptInit(s->handle, &mechanism, token->handle);
	if (rv == CKR_OK)
		rv = s->calls->C_Encrypt(s->handle, (CK_BYTE_PTR) key.data, key.len, bytes + NONCE, &len);
	if (rv != CKR_OK)
		return fail(ctx, rv, "wrap a key");
	if (len != key.len + TAG)
		LH_FAIL(ctx, LH_IO, "key provider \"pkcs11\" wrapped %zu bytes to %lu", key.len, len);
	text = lh_provider_keep(ctx, job, sizeof(PREFIX) + 12 + LH_BASE64_TEXT(NONCE + len));
	if (text == NULL)
		return ctx->error->code;
	head = sprintf(text, PREFIX "%u:", token->version);
	job->wrapped = lh_slice(text, (size_t) head + lh_base64_encode(LH_BASE64_STANDARD, bytes,
																   NONCE + len, text + head));
	return LH_OK;
}

static LhStatus
unseal(LhCtx *ctx, const TokenKey *token, LhSlice text, LhProviderJob *job)
{
	const Session *s = job->session;
	CK_GCM_PARAMS params;
	CK_MECHANISM mechanism;
	CK_ULONG len;
	LhSlice bound = {0};
	uint8_t *bytes;
	void *memory;
	size_t n;
	CK_RV rv;

	LH_NEW_ARRAY(ctx, bytes, LH_BASE64_BYTES(text.len) + 1);
	if (!lh_base64_decode(LH_BASE64_STANDARD, (const char *) text.data, text.len, bytes, &n) ||
		n <= NONCE + TAG || n > NONCE + TAG + LH_PROVIDER_MOST)
		LH_FAIL(ctx, LH_CORRUPT, "a wrapped key is none of key provider \"pkcs11\"");
	LH_TRY(bind(ctx, job->name, token->version, &bound));
	/* some tokens want room for the tag as well */
	LH_TRY(lh_secret_alloc(ctx, n, &memory));
	len = n;
	mechanism = mechanism_of(&params, bytes, bound);
	rv = s->calls->C_DecryptInit(s->handle, &mechanism, token->handle);
	if (rv != CKR_OK)
		return fail(ctx, rv, "unwrap a key");
	rv = s->calls->C_Decrypt(s->handle, bytes + NONCE, n - NONCE, memory, &len);
	/* what a failed check of the tag is called differs between tokens */
	if (rv == CKR_GENERAL_ERROR || rv == CKR_FUNCTION_FAILED || rv == CKR_AEAD_DECRYPT_FAILED)
		rv = CKR_ENCRYPTED_DATA_INVALID;
	if (rv != CKR_OK)
		return fail(ctx, rv, "unwrap a key");
	if (len != n - NONCE - TAG)
		LH_FAIL(ctx, LH_IO, "key provider \"pkcs11\" unwrapped %zu bytes to %lu", n, len);
	job->key = lh_slice(memory, len);
	return LH_OK;
}

/*
 * Operations
 */

static LhStatus
begin_step(LhCtx *ctx, LhProviderJob *job)
{
	Session *s;

	LH_NEW(ctx, s);
	job->session = s;
	return begin(ctx, (const Hsm *) job->provider, s);
}

static void
end_step(LhProviderJob *job)
{
	const Session *s = job->session;

	s->calls->C_CloseSession(s->handle);
}

static LhStatus
wrap_step(LhCtx *ctx, LhProviderJob *job)
{
	Found found;

	LH_TRY(find_keys(ctx, job->session, job->name, 0, &found));
	return seal(ctx, &found.latest, job);
}

/* To job->key, in memory that goes with the call. */
static LhStatus
open_key(LhCtx *ctx, LhProviderJob *job)
{
	uint32_t version;
	LhSlice text = {0};
	Found found;

	if (!parse_wrapped(job->wrapped, &version, &text))
		LH_FAIL(ctx, LH_CORRUPT, "a wrapped key is none of key provider \"pkcs11\"");
	LH_TRY(find_keys(ctx, job->session, job->name, version, &found));
	return unseal(ctx, &found.wanted, text, job);
}

static LhStatus
unwrap_step(LhCtx *ctx, LhProviderJob *job)
{
	void *memory;

	LH_TRY(open_key(ctx, job));
	LH_TRY(lh_provider_keep_secret(ctx, job, job->key.len, &memory));
	memcpy(memory, job->key.data, job->key.len);
	job->key.data = memory;
	return LH_OK;
}

static LhStatus
rewrap_step(LhCtx *ctx, LhProviderJob *job)
{
	LH_TRY(open_key(ctx, job));
	return wrap_step(ctx, job);
}

static LhStatus
generate_step(LhCtx *ctx, LhProviderJob *job)
{
	const Session *s = job->session;
	void *memory;
	CK_RV rv;

	LH_TRY(lh_provider_keep_secret(ctx, job, LH_PROVIDER_KEY, &memory));
	rv = s->calls->C_GenerateRandom(s->handle, memory, LH_PROVIDER_KEY);
	if (rv != CKR_OK)
		return fail(ctx, rv, "make a data key");
	job->key = lh_slice(memory, LH_PROVIDER_KEY);
	return wrap_step(ctx, job);
}

static LhStatus
status_step(LhCtx *ctx, LhProviderJob *job)
{
	Found found;

	LH_TRY(find_keys(ctx, job->session, job->name, 0, &found));
	job->status =
		(LhProviderStatus){.latest = found.latest.version, .oldest = found.oldest.version};
	return LH_OK;
}

static const LhProviderSteps steps = {
	.begin = begin_step,
	.end = end_step,
	.wrap = wrap_step,
	.unwrap = unwrap_step,
	.rewrap = rewrap_step,
	.generate = generate_step,
	.status = status_step,
};

const LhProviderKind lh_provider_pkcs11 = {
	.name = "pkcs11",
	.open = hsm_open,
	LH_PROVIDER_CALLS,
	.version = hsm_version,
};
