/*
 * registry.h
 *		The client of a schema registry (Confluent's API, which Apicurio, Karapace and
 *		Redpanda speak, too): which id has a schema under a subject.
 *
 *	1. The subject comes from the topic, the record's name, or both, as Confluent's
 *	   strategies have it (registry_subject.c).
 *	2. POST /subjects/SUBJECT/versions registers the schema, unless it is there; where
 *	   that is not wanted, POST /subjects/SUBJECT looks it up and never registers.
 *	3. An id never changes: it is asked for once for each subject and fingerprint.  A
 *	   refusal is believed for some seconds.
 *
 * Requests are made in the calling thread, which waits through its host (net/net.h):
 * so it can be cancelled, and the client's own thread has its turn meanwhile.
 *
 * The registry is an outside party like any other.  No redirect is followed, answers are
 * bounded, and what they say is shown cut and without controls.
 *
 * API: https://docs.confluent.io/platform/current/schema-registry/develop/api.html
 */
#ifndef LH_SINK_REGISTRY_H
#define LH_SINK_REGISTRY_H

#include "change/schema.h"
#include "core/core.h"

typedef enum LhSubjects
{
	LH_SUBJECTS_TOPIC,			/* "TOPIC-key", "TOPIC-value" */
	LH_SUBJECTS_RECORD,			/* "NAMESPACE.NAME" */
	LH_SUBJECTS_TOPIC_RECORD	/* "TOPIC-NAMESPACE.NAME" */
} LhSubjects;

typedef struct LhRegistryOptions
{
	const char *url;			/* of the API: "https://host:8081", "http://host:8080/apis/ccompat/v7" */
	LhSubjects	subjects;
	bool		look_up;		/* only what is registered is used */
	bool		normalize;		/* let the registry compare schemas in its normal form */
	const char *user;			/* with password; NULL: none */
	const char *password;
	const char *auth_file;		/* "user:password"; NULL: none */
	const char *token_file;		/* of a bearer token; NULL: none */
	const char *ca_file;		/* instead of the system's certificates; NULL: these */
	int			timeout_ms;		/* of one attempt */
	int			attempts;
	int			refused_ms;		/* a refusal is believed so long; 0: 10 s */
} LhRegistryOptions;

typedef struct LhRegistry LhRegistry;

/* Nothing is connected yet; in ctx->arena, options are copied.  Files are read for each request anew. */
extern LhStatus lh_registry_open(LhCtx *ctx, const LhRegistryOptions *options, LhRegistry **out);
/*
 * The id of a schema, of keys or of values, of a topic.
 *
 * LH_MISMATCH: the registry refuses the schema (incompatible, or invalid to it);
 * LH_NOT_FOUND: it is not registered, and shall not be.  These concern this schema alone;
 * LH_IO: the registry cannot be reached or has failed; LH_DENIED, LH_INVALID,
 * LH_CORRUPT: a person is needed.
 */
extern LhStatus lh_registry_id(LhCtx *ctx, LhRegistry *registry, const char *topic, bool key,
							   const LhSchema *schema, uint32_t *id);

/* Of all registries of the process, from any thread. */
typedef struct LhRegistryCounts
{
	uint64_t	requests;		/* answered with an id */
	uint64_t	hits;			/* ids that were known */
	uint64_t	refused;		/* schemas, LH_MISMATCH and LH_NOT_FOUND */
	uint64_t	failures;		/* any other */
} LhRegistryCounts;

extern void lh_registry_counts(LhRegistryCounts *out);

/* ---- registry_subject.c ---- */

/* The full name of an Avro schema's record, or package and name of a .proto file's first message. */
extern LhStatus lh_registry_record_name(LhCtx *ctx, const LhSchema *schema, const char **out);
extern LhStatus lh_registry_subject(LhCtx *ctx, LhSubjects subjects, const char *topic, bool key,
									const LhSchema *schema, const char **out);

/* ---- registry_reply.c: what a registry answered ---- */

#define LH_REGISTRY_TEXT 400

/* {"id":N,...}; LH_CORRUPT: it is nothing like that. */
extern LhStatus lh_registry_read_id(LhCtx *ctx, LhSlice body, uint32_t *id);
/*
 * {"error_code":N,"message":"..."}, perhaps cut anywhere: 0 and "" for what is not there.
 * The message is cut, valid UTF-8 and has no controls.
 */
extern void lh_registry_read_error(LhSlice body, int *code, char text[LH_REGISTRY_TEXT]);
/* The value of an object's member as it is written; false: it is not there, or cut. */
extern bool lh_registry_member(LhSlice object, const char *name, LhSlice *value);

#endif
