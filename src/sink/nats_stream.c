/*
 * nats_stream.c
 *		The stream in JetStream: found or made, checked, and what its last message says.
 *
 *	1. STREAM.INFO says how it is configured.  What would break the promise of nats.c is refused:
 *	   other writers that we can see (a mirror, sources), no acknowledgements, a retention
 *	   that removes what was consumed, memory instead of files.
 *	2. A stream that is empty and always was is new.  Else its last message must be there and
 *	   ours: it has the position.  Where it is not there any more (an age, a purge) nobody
 *	   knows how far the stream was, and that is told, not guessed.
 *
 * Requests are messages with an inbox, as all of NATS: answers come through nats_link.c.
 *
 * Format: https://docs.nats.io/reference/reference-protocols/nats_api_reference
 */
#include "sink/nats.h"

#include <openssl/evp.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* JetStream's own numbers of errors */
enum
{
	NO_MESSAGE = 10037,
	NOT_ENABLED = 10076,
	NOT_ENABLED_FOR_ACCOUNT = 10039,
	NO_STREAM = 10059,
	TEMPORARILY_NOT = 10008
};

void
lh_nats_error_of(const json_t *json, LhNatsError *error)
{
	const json_t *e = json_object_get(json, "error");
	const char *text = json_string_value(json_object_get(e, "description"));

	memset(error, 0, sizeof(*error));
	if (!json_is_object(e))
		return;
	error->code = (int) json_integer_value(json_object_get(e, "code"));
	if (error->code == 0)
		error->code = 500;
	error->number = (int) json_integer_value(json_object_get(e, "err_code"));
	snprintf(error->text, sizeof(error->text), "%s", text != NULL ? text : "an error without text");
}

/*
 * Requests
 */

static LhStatus
nobody_answers(LhCtx *ctx, const LhNats *n)
{
	lh_fail(ctx, LH_IO, "sink \"%s\": nobody there answers for JetStream", n->config.uri);
	lh_hint(ctx, "Is JetStream enabled in the server and for this account (nats-server -js), and "
				 "has its cluster a leader?");
	return LH_IO;
}

static LhStatus
send_request(LhCtx *ctx, LhNats *n, const char *subject, const char *body)
{
	char inbox[LH_NATS_INBOX];
	natsMsg *msg;

	lh_nats_link_inbox(n->link, ++n->token, inbox);
	if (natsMsg_Create(&msg, subject, inbox, body, (int) strlen(body)) != NATS_OK)
		LH_FAIL(ctx, LH_NO_MEMORY, "out of memory");
	return lh_nats_link_send(ctx, n->link, msg);
}

static LhStatus
await_reply(LhCtx *ctx, LhNats *n, const char *what, LhNatsReply **out)
{
	int64_t until = lh_sink_now_ms() + (int64_t) n->o.timeout_ms;

	for (;;)
	{
		LhNatsReply *reply;

		while ((reply = lh_nats_link_take(n->link)) != NULL)
		{
			if (reply->token == n->token)
			{
				*out = reply;
				return LH_OK;
			}
			free(reply); /* to what nobody asks for any more */
		}
		LH_TRY(lh_nats_link_check(ctx, n->link));
		if (lh_sink_now_ms() >= until)
			return lh_nats_timeout(ctx, n, what, n->o.timeout_ms);
		LH_TRY(lh_nats_link_wait(ctx, n->link, LH_NATS_SLICE_MS));
	}
}

/* "STREAM.INFO.name" and its answer, to be decref'ed.  what: for messages. */
static LhStatus
ask(LhCtx *ctx, LhNats *n, const char *verb, const char *body, const char *what, json_t **out,
	LhNatsError *error)
{
	const char *subject = lh_sprintf(ctx, "%s.%s.%s", n->o.api, verb, n->o.stream);
	LhNatsReply *reply = NULL;
	bool nobody;

	*out = NULL;
	if (subject == NULL)
		return ctx->error->code;
	LH_TRY(send_request(ctx, n, subject, body));
	LH_TRY(await_reply(ctx, n, what, &reply));
	nobody = reply->nobody;
	if (!nobody)
		*out = json_loadb(reply->text, reply->len, 0, NULL);
	free(reply);
	if (nobody)
		return nobody_answers(ctx, n);
	if (!json_is_object(*out))
	{
		json_decref(*out);
		LH_FAIL(ctx, LH_CORRUPT, "sink \"%s\": %s: the answer is no JSON object", n->config.uri,
				what);
	}
	lh_nats_error_of(*out, error);
	return LH_OK;
}

/* An error that is not expected there. */
static LhStatus
refused(LhCtx *ctx, const LhNats *n, const char *what, const LhNatsError *error)
{
	bool off = error->number == NOT_ENABLED || error->number == NOT_ENABLED_FOR_ACCOUNT;
	LhStatus status = off                  ? LH_UNSUPPORTED
					  : error->code >= 500 ? LH_IO
					  : error->code == 404 ? LH_NOT_FOUND
										   : LH_INVALID;

	lh_fail(ctx, status, "sink \"%s\": %s: %s (%d)", n->config.uri, what, error->text,
			error->number);
	if (off)
		lh_hint(ctx, "Enable JetStream for this account.");
	return status;
}

/*
 * The stream
 */

static int64_t
number_of(const json_t *object, const char *name, int64_t preset)
{
	const json_t *v = json_object_get(object, name);

	return json_is_integer(v) ? (int64_t) json_integer_value(v) : preset;
}

static bool
has(const json_t *object, const char *name, const char *value)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text != NULL && strcmp(text, value) == 0;
}

static LhStatus
wrong(LhCtx *ctx, const LhNats *n, const char *what, const char *hint)
{
	lh_fail(ctx, LH_INVALID, "sink \"%s\": stream \"%s\" %s", n->config.uri, n->o.stream, what);
	lh_hint(ctx, "%s", hint);
	return LH_INVALID;
}

static LhStatus
check_config(LhCtx *ctx, const LhNats *n, const json_t *c)
{
	if (!has(c, "retention", "limits"))
		return wrong(
			ctx, n, "removes messages when they were consumed",
			"The position is in the stream's last message: let its retention be "
			"\"limits\", and consumers of another stream that has it as a source take what "
			"they like.");
	if (json_is_object(json_object_get(c, "mirror")) ||
		json_array_size(json_object_get(c, "sources")) > 0)
		return wrong(ctx, n, "takes messages from other streams",
					 "A stream that this client writes to must be its alone.");
	if (json_is_true(json_object_get(c, "no_ack")))
		return wrong(ctx, n, "does not acknowledge messages", "Set no_ack to false.");
	if (json_is_true(json_object_get(c, "sealed")))
		return wrong(ctx, n, "is sealed", "Name another one.");
	if (!has(c, "storage", "file") && !n->o.trust)
		return wrong(ctx, n, "keeps its messages in memory",
					 "What is acknowledged would be lost with the server: use file storage, or "
					 "durability=trust where enough replicas are trusted.");
	return LH_OK;
}

static LhStatus
keep_config(LhCtx *ctx, LhNats *n, const json_t *config)
{
	const json_t *subjects = json_object_get(config, "subjects");
	LhArena *old;
	LhStatus status = LH_OK;

	n->max_msg_size = number_of(config, "max_msg_size", -1);
	n->rollup = json_is_true(json_object_get(config, "allow_rollup_hdrs"));
	/* subjects may be others now */
	lh_arena_reset(n->found);
	n->nsubjects = n->ntopics = n->topics_cap = 0;
	n->topics = NULL;
	old = lh_use(ctx, n->found);
	n->subjects = lh_alloc_array(ctx, json_array_size(subjects) + 1, sizeof(*n->subjects));
	if (n->subjects == NULL || lh_namemap_create(ctx, 64, &n->topic_of) != LH_OK)
		status = ctx->error->code;
	for (size_t i = 0; i < json_array_size(subjects) && status == LH_OK; i++)
	{
		const char *subject = json_string_value(json_array_get(subjects, i));

		if (subject == NULL)
			continue;
		n->subjects[n->nsubjects] = lh_strdup(ctx, subject);
		if (n->subjects[n->nsubjects++] == NULL)
			status = ctx->error->code;
	}
	lh_use(ctx, old);
	return status;
}

static LhStatus
create_stream(LhCtx *ctx, LhNats *n, json_t **info)
{
	const LhNatsOptions *o = &n->o;
	json_t *subjects = json_array();
	LhNatsError error;
	json_t *config;
	LhStatus status;
	char *body;

	for (int i = 0; i < o->nsubjects; i++)
		json_array_append_new(subjects, json_string(o->subjects[i]));
	/* durations are in nanoseconds; what is no limit is -1 */
	config = json_pack(
		"{s:s, s:o, s:s, s:s, s:i, s:I, s:i, s:I, s:I, s:s, s:I, s:b, s:b}", "name", o->stream,
		"subjects", subjects, "retention", "limits", "storage", "file", "max_consumers", -1,
		"max_age", (json_int_t) o->max_age_s * 1000000000, "max_msgs", -1, "max_bytes",
		o->max_bytes == 0 ? (json_int_t) -1 : (json_int_t) o->max_bytes, "max_msg_size",
		o->max_msg_size == 0 ? (json_int_t) -1 : (json_int_t) o->max_msg_size, "discard",
		o->discard_new ? "new" : "old", "duplicate_window", (json_int_t) o->window_ms * 1000000,
		"allow_rollup_hdrs", 1, "allow_direct", 1);
	if (config == NULL ||
		json_object_set_new(config, "num_replicas", json_integer((json_int_t) o->replicas)) != 0 ||
		(body = json_dumps(config, JSON_COMPACT)) == NULL)
	{
		json_decref(config);
		LH_FAIL(ctx, LH_NO_MEMORY, "out of memory");
	}
	json_decref(config);
	status = ask(ctx, n, "STREAM.CREATE", body, "making the stream", info, &error);
	free(body);
	LH_TRY(status);
	if (error.code == 0)
		return LH_OK;
	json_decref(*info);
	return refused(ctx, n, "the stream could not be made", &error);
}

/* Its information, made if there is none and that is wanted; to be decref'ed. */
static LhStatus
look(LhCtx *ctx, LhNats *n, json_t **info)
{
	LhNatsError error;

	LH_TRY(ask(ctx, n, "STREAM.INFO", "", "asking for the stream", info, &error));
	if (error.code == 0)
		return LH_OK;
	json_decref(*info);
	if (error.number != NO_STREAM)
		return refused(ctx, n, "the stream is not told of", &error);
	if (n->o.create)
		return create_stream(ctx, n, info);
	lh_fail(ctx, LH_NOT_FOUND, "sink \"%s\": there is no stream \"%s\"", n->config.uri,
			n->o.stream);
	lh_hint(ctx, "Make it, or let the sink do it: create=yes.");
	return LH_NOT_FOUND;
}

static LhStatus
check_position_subject(LhCtx *ctx, const LhNats *n)
{
	for (int i = 0; i < n->nsubjects; i++)
		if (lh_nats_subject_in(n->subjects[i], n->o.position_subject))
			return LH_OK;
	lh_fail(ctx, LH_INVALID, "sink \"%s\": subject \"%s\" is not one of stream \"%s\"",
			n->config.uri, n->o.position_subject, n->o.stream);
	lh_hint(ctx, "It is for positions without a message: add it to the stream's subjects, or name "
				 "another one by position.subject.");
	return LH_INVALID;
}

/*
 * The last message
 */

static LhStatus
damaged(LhCtx *ctx, const LhNats *n, uint64_t sequence, const char *what)
{
	lh_fail(ctx, LH_CORRUPT, "sink \"%s\": stream \"%s\", sequence %llu: %s", n->config.uri,
			n->o.stream, (unsigned long long) sequence, what);
	lh_hint(ctx,
			"The stream's last message must be one of this client's. What was put behind it by "
			"hand can be purged; lost=anew begins without a position.");
	return LH_CORRUPT;
}

static LhStatus
gone(LhCtx *ctx, const LhNats *n, uint64_t last, LhNatsFound *found)
{
	if (n->o.anew)
	{
		found->last = last;
		found->anew = true;
		return LH_OK;
	}
	lh_fail(ctx, LH_NOT_FOUND,
			"sink \"%s\": the last message of stream \"%s\", sequence %llu, is not "
			"there any more",
			n->config.uri, n->o.stream, (unsigned long long) last);
	lh_detail(ctx, "It had the position: an age, a purge or somebody has removed it.");
	lh_hint(ctx, "Delete the stream and load it anew, or go on behind what the slot has confirmed: "
				 "lost=anew, and --allow-gap; what was not confirmed then comes again.");
	return LH_NOT_FOUND;
}

static LhStatus
read_headers(LhCtx *ctx, const LhNats *n, const json_t *message, LhNatsFound *found)
{
	const char *text = json_string_value(json_object_get(message, "hdrs"));
	size_t len = text != NULL ? strlen(text) : 0;
	const char *stream, *at, *done;
	uint8_t *block;
	int bytes = 0;

	if (len > 2 * LH_NATS_HEADERS_MAX)
		return damaged(ctx, n, found->last, "too many headers");
	LH_ALLOC(ctx, block, len + 4);
	if (len > 0 && (bytes = EVP_DecodeBlock(block, (const uint8_t *) text, (int) len)) < 0)
		return damaged(ctx, n, found->last, "its headers are not base64");
	block[bytes] = '\0';
	stream = lh_nats_find_header(ctx, (const char *) block, LH_NATS_H_STREAM);
	if (stream == NULL)
		return damaged(ctx, n, found->last, "a message that no client of ours has written");
	if (strcmp(stream, n->identity) != 0)
	{
		lh_fail(ctx, LH_INVALID, "sink \"%s\": stream \"%s\" is that of \"%.128s\", not of \"%s\"",
				n->config.uri, n->o.stream, stream, n->identity);
		lh_hint(ctx, "One slot and format has one stream: name another one.");
		return LH_INVALID;
	}
	at = lh_nats_find_header(ctx, (const char *) block, LH_NATS_H_AT);
	done = lh_nats_find_header(ctx, (const char *) block, LH_NATS_H_DONE);
	if (at == NULL || !lh_nats_at_read(at, &found->pos, &found->sub, &found->unit))
		return damaged(ctx, n, found->last, "its header " LH_NATS_H_AT " is no place in a stream");
	if (done == NULL || !lh_nats_done_read(done, &found->done))
		return damaged(ctx, n, found->last, "its header " LH_NATS_H_DONE " is no position");
	found->known = found->done.commit_end != 0;
	return LH_OK;
}

static LhStatus
read_last(LhCtx *ctx, LhNats *n, uint64_t last, LhNatsFound *found)
{
	const char *body = lh_sprintf(ctx, "{\"seq\":%llu}", (unsigned long long) last);
	LhNatsError error;
	LhStatus status;
	json_t *json;

	if (body == NULL)
		return ctx->error->code;
	LH_TRY(ask(ctx, n, "STREAM.MSG.GET", body, "reading the last message", &json, &error));
	if (error.number == NO_MESSAGE)
		status = gone(ctx, n, last, found);
	else if (error.number == NO_STREAM)
		/* it was there a moment ago: servers of a cluster do not learn all at once */
		status = lh_fail(ctx, LH_IO, "sink \"%s\": stream \"%s\" is just being made or deleted",
						 n->config.uri, n->o.stream);
	else if (error.code != 0)
		status = refused(ctx, n, "the last message is not told", &error);
	else
	{
		found->last = last;
		status = read_headers(ctx, n, json_object_get(json, "message"), found);
		if (status == LH_CORRUPT && n->o.anew)
		{
			lh_error_clear(ctx);
			*found = (LhNatsFound){.last = last, .sub = -1, .anew = true};
			status = LH_OK;
		}
	}
	json_decref(json);
	return status;
}

LhStatus
lh_nats_find(LhCtx *ctx, LhNats *n, LhNatsFound *found)
{
	const json_t *config, *state;
	int64_t last = 0, messages = 0;
	LhStatus status;
	json_t *info;

	*found = (LhNatsFound){.sub = -1};
	LH_TRY(look(ctx, n, &info));
	config = json_object_get(info, "config");
	state = json_object_get(info, "state");
	status = check_config(ctx, n, config);
	if (status == LH_OK)
		status = keep_config(ctx, n, config);
	last = number_of(state, "last_seq", -1);
	messages = number_of(state, "messages", -1);
	json_decref(info);
	LH_TRY(status);
	LH_TRY(check_position_subject(ctx, n));
	if (last < 0 || messages < 0)
		LH_FAIL(ctx, LH_CORRUPT, "sink \"%s\": the server does not tell the state of stream \"%s\"",
				n->config.uri, n->o.stream);
	if (last == 0)
		return LH_OK;
	return messages == 0 ? gone(ctx, n, (uint64_t) last, found)
						 : read_last(ctx, n, (uint64_t) last, found);
}
