/*
 * redis_server.c
 *		What the Redis sink says to a server besides messages, and what its errors mean.
 *
 * The position is a hash, whose key has the stream's name:
 *
 *		version 1, lsn 0/16B3748, ordinal 3, xid 735	all up to there is in the streams
 *		owner											who may write: the client that recovered last
 *		part											only within one EXEC: how much of it is done
 */
#include "sink/redis.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

/*
 * Append messages and move the position, or do neither.
 *
 * KEYS: the position, streams.  ARGV: owner, lsn, ordinal and part as they must be, "" where
 * they are not there; lsn, ordinal, xid and part as they become (part alone where it is not
 * ""); how to trim and to what; the field that may differ in an entry that is there.  Then for
 * each message: number of its stream in KEYS, id, number of texts, names and values in turn.
 *
 *	1. Another owner, or another position than the one we go on from: nothing is done.
 *	2. Everything that XADD could refuse is looked at before anything is written: the
 *	   server would not take the written part back.
 *	3. Ids up to a stream's top must be there as entries of ours; they are left as they
 *	   are.  So what an attempt wrote before it failed is not written twice.
 *	4. Should XADD fail nevertheless, the position stays, and 3 does the rest next time.
 *
 * Ids are compared as texts: numbers of Lua lose digits beyond 2^53.
 */
const char lh_redis_append_script[] =
	"local p = redis.call('HMGET', KEYS[1], 'owner', 'lsn', 'ordinal', 'part')\n"
	"if p[1] ~= ARGV[1] then return redis.error_reply('LHFENCED another client has the position, or it was removed') "
	"end\n"
	"for i = 2, 4 do\n"
	" if (p[i] or '') ~= ARGV[i] then\n"
	"  return redis.error_reply('LHSTALE the position is not the one that was left there')\n"
	" end\n"
	"end\n"
	"local function name(key)\n"
	" return (string.gsub(string.sub(key, 1, 100), '[^%w%p]', '?'))\n"
	"end\n"
	"local function after(a, b)\n"
	" local am, as = string.match(a, '^(%d+)%-(%d+)$')\n"
	" local bm, bs = string.match(b, '^(%d+)%-(%d+)$')\n"
	" if #am ~= #bm then return #am > #bm end\n"
	" if am ~= bm then return am > bm end\n"
	" if #as ~= #bs then return #as > #bs end\n"
	" return as > bs\n"
	"end\n"
	"local top = {}\n"
	"for k = 2, #KEYS do\n"
	" local t = redis.call('TYPE', KEYS[k]).ok\n"
	" if t == 'stream' then\n"
	"  local info = redis.call('XINFO', 'STREAM', KEYS[k])\n"
	"  for j = 1, #info, 2 do\n"
	"   if info[j] == 'last-generated-id' then top[k] = info[j + 1] end\n"
	"  end\n"
	" elseif t ~= 'none' then\n"
	"  return redis.error_reply('LHTYPE key ' .. name(KEYS[k]) .. ' is a ' .. t)\n"
	" end\n"
	"end\n"
	"local there, i = {}, 12\n"
	"while i <= #ARGV do\n"
	" local k, id, n = tonumber(ARGV[i]), ARGV[i + 1], tonumber(ARGV[i + 2])\n"
	" if top[k] then\n"
	"  if after(id, top[k]) then\n"
	"   top[k] = nil\n"
	"  else\n"
	"   local e = redis.call('XRANGE', KEYS[k], id, id)[1]\n"
	"   local f = e and e[2]\n"
	"   local same = e and #f == n\n"
	"   if same then\n"
	"    for j = 1, n, 2 do\n"
	"     same = same and f[j] == ARGV[i + 2 + j] and\n"
	"      (f[j + 1] == ARGV[i + 3 + j] or f[j] == ARGV[11])\n"
	"    end\n"
	"   end\n"
	"   if not same then\n"
	"    return redis.error_reply('LHORDER stream ' .. name(KEYS[k]) .. ' goes up to ' .. top[k] ..\n"
	"     (e and ', and something else is under ' or ', without ') .. id)\n"
	"   end\n"
	"   there[i] = true\n"
	"  end\n"
	" end\n"
	" i = i + 3 + n\n"
	"end\n"
	"i = 12\n"
	"while i <= #ARGV do\n"
	" local k, n = tonumber(ARGV[i]), tonumber(ARGV[i + 2])\n"
	" if not there[i] then\n"
	"  local done\n"
	"  if ARGV[9] ~= '' then\n"
	"   done = redis.pcall('XADD', KEYS[k], ARGV[9], '~', ARGV[10], ARGV[i + 1],\n"
	"    unpack(ARGV, i + 3, i + 2 + n))\n"
	"  else\n"
	"   done = redis.pcall('XADD', KEYS[k], ARGV[i + 1], unpack(ARGV, i + 3, i + 2 + n))\n"
	"  end\n"
	"  if type(done) == 'table' and done.err then return redis.error_reply(done.err) end\n"
	" end\n"
	" i = i + 3 + n\n"
	"end\n"
	"if ARGV[8] ~= '' then\n"
	" redis.call('HSET', KEYS[1], 'part', ARGV[8])\n"
	"else\n"
	" redis.call('HSET', KEYS[1], 'lsn', ARGV[5], 'ordinal', ARGV[6], 'xid', ARGV[7])\n"
	" redis.call('HDEL', KEYS[1], 'part')\n"
	"end\n"
	"return 'OK'\n";

/* Become the owner; the position as it is.  One that is not ours stays as it is. */
static const char take_over_script[] =
	"local t = redis.call('TYPE', KEYS[1]).ok\n"
	"if t ~= 'none' and t ~= 'hash' then return redis.error_reply('LHPOSITION it is a ' .. t) end\n"
	"local p = redis.call('HMGET', KEYS[1], 'version', 'lsn', 'ordinal', 'xid')\n"
	"if t == 'hash' and p[1] ~= '1' then\n"
	" return redis.error_reply('LHPOSITION its version is not 1')\n"
	"end\n"
	"redis.call('HSET', KEYS[1], 'version', '1', 'owner', ARGV[1])\n"
	"redis.call('HDEL', KEYS[1], 'part')\n"
	"return p\n";

/*
 * Errors
 */

typedef struct ErrorClass
{
	const char *code; /* the first word, or the beginning */
	LhStatus status;
	const char *hint;
} ErrorClass;

#define RIGHTS                                                                      \
	"The user needs the keys of the streams and of the position, and the commands " \
	"EVAL, TYPE, HMGET, HSET, HDEL, XINFO, XRANGE, XADD, MULTI, EXEC, WAIT."
#define NODE                                                                       \
	"One node of a cluster is written to: give all keys one slot, by a prefix as " \
	"prefix={cdc}: (and position), and name the node that has it."

static const ErrorClass classes[] = {
	{"LHFENCED", LH_DENIED,
	 "Another client recovered from this position; run one only, or give each its own: "
	 "prefix or position."},
	{"LHSTALE", LH_CORRUPT,
	 "Somebody else wrote to the position: look which one is true before the next start."},
	{"LHTYPE", LH_INVALID, "Another prefix keeps the streams apart from other keys."},
	{"LHORDER", LH_EXISTS,
	 "Somebody else writes to this stream, or entries behind a position that was lost were removed "
	 "from it.  Ids must grow: remove the stream, or take another prefix."},
	{"LHPOSITION", LH_CORRUPT,
	 "Without this key the stream begins anew; the option position names another."},
	{"LOADING", LH_IO, "The server reads its data; this ends by itself."},
	{"BUSY", LH_IO, "A script runs there for long; this ends with it."},
	{"MASTERDOWN", LH_IO, NULL},
	{"TRYAGAIN", LH_IO, NULL},
	{"CLUSTERDOWN", LH_IO, NULL},
	{"NOREPLICAS", LH_IO, "Replicas that min-replicas-to-write asks for are missing."},
	{"READONLY", LH_IO,
	 "The server is a replica: the address has to lead to the primary, after a failover, too."},
	{"OOM", LH_IO,
	 "The server is at its maxmemory: trim streams that were read, by maxlen or minid say, or "
	 "raise it."},
	{"MISCONF", LH_IO, "The server cannot write its own files: look at its disk and its log."},
	{"NOAUTH", LH_DENIED, "It wants a password: options user and password.file."},
	{"WRONGPASS", LH_DENIED, "Look at user and password."},
	{"NOPERM", LH_DENIED, RIGHTS},
	{"DENIED", LH_DENIED,
	 "Protected mode: the server wants a password, or connections from its "
	 "own machine only."},
	{"MOVED", LH_INVALID, NODE},
	{"ASK", LH_INVALID, NODE},
	{"CROSSSLOT", LH_INVALID, NODE},
	{"WRONGTYPE", LH_INVALID, "Another prefix keeps the streams apart from other keys."},
	{"ERR max number of clients", LH_IO, "The server's maxclients is reached."},
	{"ERR DB index", LH_INVALID, "The server has no such database."},
	{"ERR SELECT is not allowed", LH_INVALID, "A cluster has database 0 alone."},
	{"ERR invalid DB", LH_INVALID, "The server has no such database."},
	{"ERR invalid password", LH_DENIED, "Look at user and password."},
	{"ERR Client sent AUTH", LH_DENIED, "The server has no password."},
	{"ERR AUTH", LH_DENIED, "The server has no password for this user."},
	{"ERR Protocol error: invalid bulk length", LH_INVALID,
	 "The option max.bulk.bytes must not be larger than the server's proto-max-bulk-len."},
	{"ERR The user executing the script", LH_DENIED, RIGHTS},
	{"ERR unknown command", LH_UNSUPPORTED,
	 "The sink needs Redis 5 or later, with EVAL (MINID: 6.2)."},
	{"ERR syntax error", LH_UNSUPPORTED, "The option minid needs Redis 6.2 or later."},
	{"EXECABORT", LH_IO, NULL},
};

/* A code that stands somewhere in the text as a word: servers before 7 put words of theirs before it. */
static bool
has_word(const char *text, const char *code)
{
	size_t n = strlen(code);

	for (const char *p = strstr(text, code); p != NULL; p = strstr(p + 1, code))
		if ((p == text || !isalnum((unsigned char) p[-1])) && !isalnum((unsigned char) p[n]))
			return true;
	return false;
}

static const ErrorClass *
class_of(const char *text)
{
	const int n = (int) (sizeof(classes) / sizeof(classes[0]));

	for (int i = 0; i < n; i++)
		if (strncmp(text, classes[i].code, strlen(classes[i].code)) == 0 &&
			!isalnum((unsigned char) text[strlen(classes[i].code)]))
			return &classes[i];
	if (strstr(text, "script") == NULL)
		return NULL;
	for (int i = 0; i < n; i++)
		if (strncmp(classes[i].code, "ERR", 3) != 0 && has_word(text, classes[i].code))
			return &classes[i];
	return NULL;
}

LhStatus
lh_redis_error(LhCtx *ctx, const LhRedis *r, const char *text, const char *what)
{
	const ErrorClass *class = class_of(text);
	LhStatus status = class != NULL ? class->status : LH_IO;
	bool ours = class != NULL && strncmp(class->code, "LH", 2) == 0;

	/* our scripts' errors say it all behind their code */
	if (ours)
		text = strstr(text, class->code) + strlen(class->code);
	lh_fail(ctx, status, "sink \"%s\": %s: %s", r->uri, what, text[0] == ' ' ? text + 1 : text);
	if (ours && (strcmp(class->code, "LHFENCED") == 0 || strcmp(class->code, "LHSTALE") == 0 ||
				 strcmp(class->code, "LHPOSITION") == 0))
		lh_detail(ctx, "The position is key \"%s\" of database %s.", r->position_key, r->db);
	if (class != NULL && class->hint != NULL)
		lh_hint(ctx, "%s", class->hint);
	return status;
}

LhStatus
lh_redis_odd(LhCtx *ctx, const LhRedis *r, const char *what)
{
	LH_FAIL(ctx, LH_CORRUPT, "sink \"%s\": an answer to %s that no Redis server gives", r->uri,
			what);
}

/*
 * Requests
 */

/* The arguments end with NULL. */
static LhStatus
ask(LhCtx *ctx, LhRedis *r, const LhRedisReply **reply, const char *const *args)
{
	LhStatus status;
	LhBuf out;
	int n = 0;

	while (args[n] != NULL)
		n++;
	LH_TRY(lh_buf_init(ctx, &out, false));
	status = lh_redis_put_count(ctx, &out, '*', (uint64_t) n);
	for (int i = 0; i < n && status == LH_OK; i++)
		status = lh_redis_put_text(ctx, &out, args[i]);
	if (status == LH_OK)
		status = lh_redis_link_send(ctx, r->link, out.data, out.len);
	/* a password was in it, perhaps */
	if (out.data != NULL)
		explicit_bzero(out.data, out.len);
	lh_buf_free(&out);
	LH_TRY(status);
	return lh_redis_link_reply(ctx, r->link, reply);
}

#define ASK(ctx, r, reply, ...) ask(ctx, r, reply, (const char *const[]){__VA_ARGS__, NULL})

static LhStatus
find_password(LhCtx *ctx, LhRedis *r, const char **password)
{
	char *line;

	*password = r->password;
	if (r->password_file != NULL)
	{
		LH_TRY(lh_sink_read_secret(ctx, r->password_file, &line));
		*password = line;
	}
	if (r->password_env != NULL)
	{
		*password = getenv(r->password_env);
		if (*password == NULL || (*password)[0] == '\0')
			LH_FAIL(ctx, LH_INVALID, "sink \"%s\": there is no environment variable \"%s\"", r->uri,
					r->password_env);
	}
	return LH_OK;
}

/* *reply NULL: there is no password. */
static LhStatus
ask_auth(LhCtx *ctx, LhRedis *r, const LhRedisReply **reply)
{
	const char *password;

	*reply = NULL;
	LH_TRY(find_password(ctx, r, &password));
	if (password == NULL)
		return LH_OK;
	return r->user != NULL ? ASK(ctx, r, reply, "AUTH", r->user, password)
						   : ASK(ctx, r, reply, "AUTH", password);
}

/* What the server says is not shown: one that knows no AUTH repeats the password. */
static LhStatus
log_in(LhCtx *ctx, LhRedis *r)
{
	const LhRedisReply *reply;
	const ErrorClass *class;
	LhArena *scratch = lh_arena_child(r->arena), *old;
	LhStatus status;

	if (scratch == NULL)
		LH_FAIL(ctx, LH_NO_MEMORY, "no memory for a password");
	/* the password and its file are needed no longer than this */
	old = lh_use(ctx, scratch);
	status = ask_auth(ctx, r, &reply);
	lh_use(ctx, old);
	lh_arena_destroy(scratch);
	LH_TRY(status);
	if (reply == NULL || (reply->errors == 0 && reply->top.kind == LH_REDIS_STATUS))
		return LH_OK;
	class = reply->errors > 0 ? class_of(reply->error) : NULL;
	lh_fail(ctx, class != NULL ? class->status : LH_DENIED, "sink \"%s\": could not log in%s%s",
			r->uri, class != NULL ? ": " : "", class != NULL ? class->code : "");
	if (class != NULL && class->hint != NULL)
		lh_hint(ctx, "%s", class->hint);
	return ctx->error->code;
}

/* *value: "" where the server does not tell. */
static LhStatus
get_setting(LhCtx *ctx, LhRedis *r, const char *name, const char **value)
{
	const LhRedisReply *reply;

	*value = "";
	LH_TRY(ASK(ctx, r, &reply, "CONFIG", "GET", name));
	if (reply->errors > 0)
	{
		const ErrorClass *class = class_of(reply->error);

		/* who may not look has to know */
		if (class == NULL || class->status != LH_IO)
			return LH_OK;
		return lh_redis_error(ctx, r, reply->error, "could not look at its settings");
	}
	if (reply->top.kind != LH_REDIS_ARRAY || (reply->elements != 2 && reply->elements != 0))
		return lh_redis_odd(ctx, r, "CONFIG GET");
	if (reply->elements == 2)
		*value = lh_redis_text(r->link, &reply->v[1]);
	return LH_OK;
}

static LhStatus
check_setting(LhCtx *ctx, LhRedis *r, const char *name, const char *want, const char *why)
{
	const char *value;
	char shown[33];

	LH_TRY(get_setting(ctx, r, name, &value));
	if (value[0] == '\0' || strcmp(value, want) == 0)
		return LH_OK;
	snprintf(shown, sizeof(shown), "%s", value);
	for (char *p = shown; *p != '\0'; p++)
		if (*p < ' ' || *p > '~')
			*p = '?';
	lh_fail(ctx, LH_INVALID, "sink \"%s\": the server has %s %s, so %s", r->uri, name, shown, why);
	lh_hint(ctx, "Set \"%s %s\" there, or take the risk: durability=trust.", name, want);
	return LH_INVALID;
}

/* With a limit, a policy that evicts any key evicts streams and the position. */
static LhStatus
check_eviction(LhCtx *ctx, LhRedis *r)
{
	const char *value;

	LH_TRY(get_setting(ctx, r, "maxmemory", &value));
	if (value[0] == '\0' || strcmp(value, "0") == 0)
		return LH_OK;
	LH_TRY(get_setting(ctx, r, "maxmemory-policy", &value));
	if (strncmp(value, "allkeys-", 8) != 0)
		return LH_OK;
	return check_setting(ctx, r, "maxmemory-policy", "noeviction",
						 "it removes streams when memory is short");
}

static LhStatus
check_settings(LhCtx *ctx, LhRedis *r)
{
	const char *value;
	uint64_t n;

	LH_TRY(get_setting(ctx, r, "proto-max-bulk-len", &value));
	n = strtoull(value, NULL, 10);
	if (n > 0 && n < r->bulk_max)
		r->bulk_max = n;
	if (r->trust)
		return LH_OK;
	LH_TRY(
		check_setting(ctx, r, "appendonly", "yes", "what it was given is gone with its process"));
	LH_TRY(check_setting(ctx, r, "appendfsync", "always",
						 "what it confirmed may be lost with its machine"));
	LH_TRY(check_setting(ctx, r, "no-appendfsync-on-rewrite", "no",
						 "what it confirmed meanwhile may be lost with its machine"));
	return check_eviction(ctx, r);
}

static LhStatus
greet(LhCtx *ctx, LhRedis *r)
{
	const LhRedisReply *reply;

	LH_TRY(log_in(ctx, r));
	LH_TRY(ASK(ctx, r, &reply, "SELECT", r->db));
	if (reply->errors > 0)
		return lh_redis_error(ctx, r, reply->error, "could not begin");
	if (reply->top.kind != LH_REDIS_STATUS)
		return lh_redis_odd(ctx, r, "SELECT");
	/* a name in the server's list of clients; it may not have such */
	LH_TRY(ASK(ctx, r, &reply, "CLIENT", "SETNAME", "lakehouse_cdc"));
	return check_settings(ctx, r);
}

LhStatus
lh_redis_connect(LhCtx *ctx, LhRedis *r)
{
	LhStatus status;

	LH_TRY(lh_redis_link_connect(ctx, r->link));
	status = greet(ctx, r);
	if (status != LH_OK)
		lh_redis_link_close(r->link);
	return status;
}

/*
 * Recovery
 */

static LhStatus
make_owner(LhCtx *ctx, LhRedis *r)
{
	uint8_t random[16];

	if (getrandom(random, sizeof(random), 0) != (ssize_t) sizeof(random))
		LH_FAIL(ctx, LH_IO, "no random numbers: %s", lh_errno_text(errno));
	for (size_t i = 0; i < sizeof(random); i++)
		snprintf(r->owner + 2 * i, 3, "%02x", random[i]);
	return LH_OK;
}

static bool
read_number(const char *text, uint64_t max, uint64_t *out)
{
	*out = 0;
	if (text[0] == '\0')
		return false;
	for (; *text != '\0'; text++)
		if (*text < '0' || *text > '9' || __builtin_mul_overflow(*out, 10, out) ||
			__builtin_add_overflow(*out, (uint64_t) (*text - '0'), out))
			return false;
	return *out <= max;
}

static LhStatus
read_position(LhCtx *ctx, LhRedis *r, const LhRedisReply *reply, LhChangePos *pos, bool *known)
{
	uint64_t xid;
	int n = 0;

	if (reply->top.kind != LH_REDIS_ARRAY || reply->elements != 4)
		return lh_redis_odd(ctx, r, "a script");
	for (int i = 1; i < 4; i++)
		n += reply->v[i].kind == LH_REDIS_STRING;
	*known = n > 0;
	if (n == 0)
		return LH_OK;
	if (n == 3 && lh_sink_lsn_parse(lh_redis_text(r->link, &reply->v[1]), &pos->commit_end) &&
		read_number(lh_redis_text(r->link, &reply->v[2]), UINT64_MAX, &pos->ordinal) &&
		read_number(lh_redis_text(r->link, &reply->v[3]), UINT32_MAX, &xid))
	{
		pos->xid = (uint32_t) xid;
		return LH_OK;
	}
	return lh_redis_error(ctx, r, "LHPOSITION its lsn, ordinal and xid are no position",
						  "the position cannot be read");
}

LhStatus
lh_redis_check_replicas(LhCtx *ctx, const LhRedis *r, const LhRedisReply *reply)
{
	if (reply->errors > 0)
		return lh_redis_error(ctx, r, reply->error, "could not wait for replicas");
	if (reply->top.kind != LH_REDIS_INTEGER)
		return lh_redis_odd(ctx, r, "WAIT");
	if (reply->top.integer >= (int64_t) r->replicas)
		return LH_OK;
	lh_fail(ctx, LH_IO, "sink \"%s\": %lld of %llu replicas have what was written, after %llu ms",
			r->uri, (long long) reply->top.integer, (unsigned long long) r->replicas,
			(unsigned long long) LH_REDIS_WAIT_MS(r));
	lh_hint(ctx, "Look at the server's replicas; the option wait says how many it must be.");
	return LH_IO;
}

LhStatus
lh_redis_take_over(LhCtx *ctx, LhRedis *r, LhChangePos *pos, bool *known)
{
	const LhRedisReply *reply;
	char replicas[24], ms[24];

	*pos = (LhChangePos){0};
	LH_TRY(make_owner(ctx, r));
	LH_TRY(ASK(ctx, r, &reply, "EVAL", take_over_script, "1", r->position_key, r->owner));
	if (reply->errors > 0)
		return lh_redis_error(ctx, r, reply->error, "the position cannot be read");
	LH_TRY(read_position(ctx, r, reply, pos, known));
	if (r->replicas == 0)
		return LH_OK;
	/* what was read is on the replicas, too, before anybody relies on it */
	snprintf(replicas, sizeof(replicas), "%llu", (unsigned long long) r->replicas);
	snprintf(ms, sizeof(ms), "%llu", (unsigned long long) LH_REDIS_WAIT_MS(r));
	LH_TRY(ASK(ctx, r, &reply, "WAIT", replicas, ms));
	return lh_redis_check_replicas(ctx, r, reply);
}
