/*
 * registry_stub.h
 *		For unit tests: a registry of the test server's, a context, and schemas for it.
 */
#ifndef LH_TEST_REGISTRY_STUB_H
#define LH_TEST_REGISTRY_STUB_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "sink/internal.h"
#include "sink/registry.h"
#include "unit/fine.h"
#include "unit/stub_client.h"

static char root[64];
static Stub stub;
static LhCtx *ctx;

/* A directory of the program's own, and a registry that refuses schemas with "incompatible_column". */
static inline int
registry_start(void **state)
{
	static const char *const args[] = {"--registry", "--refuse", "incompatible_column", NULL};

	(void) state;
	strcpy(root, "/tmp/lakehouse-registry.XXXXXX");
	if (mkdtemp(root) == NULL)
		return 1;
	stub_start(&stub, root, args);
	return 0;
}

static inline int
registry_end(void **state)
{
	char command[128];

	(void) state;
	stub_stop(&stub);
	snprintf(command, sizeof(command), "rm -rf %s", root);
	return system(command);
}

static inline int
context_start(void **state)
{
	(void) state;
	ctx = lh_ctx_create();
	stub_tell(&stub, "reset");
	return 0;
}

static inline int
context_end(void **state)
{
	(void) state;
	lh_ctx_destroy(ctx);
	return 0;
}

static inline LhSchema
schema(LhSchemaKind kind, const char *text)
{
	LhSlice bytes = lh_slice(text, strlen(text));

	return (LhSchema){kind, lh_schema_fingerprint(bytes.data, bytes.len), bytes,
					  lh_hash_bytes(bytes.data, bytes.len, 0)};
}

static inline LhSchema
avro(const char *name)
{
	return schema(LH_SCHEMA_AVRO,
				  lh_sprintf(ctx,
							 "{\"type\":\"record\",\"name\":\"%s\",\"namespace\":\"shop.public\","
							 "\"fields\":[{\"name\":\"a\",\"type\":\"int\"}]}",
							 name));
}

static inline LhRegistryOptions
options_of(const Stub *s)
{
	return (LhRegistryOptions){
		.url = lh_sprintf(ctx, "http://127.0.0.1:%d", s->port), .timeout_ms = 20000, .attempts = 3};
}

static inline LhRegistry *
open_with(const LhRegistryOptions *o)
{
	LhRegistry *r;

	FINE(lh_registry_open(ctx, o, &r));
	return r;
}

static inline LhRegistry *
open_plain(void)
{
	LhRegistryOptions o = options_of(&stub);

	return open_with(&o);
}

#endif
