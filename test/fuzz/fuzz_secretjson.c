/*
 * fuzz_secretjson.c
 *		JSON answers that hold secrets: what is found must be what jansson finds.
 *
 * The target asks for data.plaintext of the input as it is.  Ours takes less than jansson
 * (escapes in the value, doubles of the wanted member, deep nesting) and must agree with it
 * wherever it takes something that is JSON; it is not as strict about what it only passes
 * over (numbers, UTF-8, escapes), so jansson may refuse what ours took.
 */
#include <jansson.h>

#include "fuzz/fuzz_ctx.h"
#include "net/secret_json.h"

#define CHECK(condition)  \
	do                    \
	{                     \
		if (!(condition)) \
			abort();      \
	} while (0)

extern int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const path[2] = {"data", "plaintext"};
	/* exactly as long: a byte too far is seen */
	uint8_t *copy = malloc(size > 0 ? size : 1);
	LhSlice value = {0};
	bool number = false;

	memcpy(copy, data, size);
	if (lh_secret_json_find(lh_slice(copy, size), path, 2, &value, &number))
	{
		json_t *root = json_loadb((const char *) copy, size, JSON_ALLOW_NUL, NULL);
		json_t *found = json_object_get(json_object_get(root, path[0]), path[1]);

		CHECK(value.data >= copy && value.data + value.len <= copy + size);
		if (json_is_string(found) && !number)
			CHECK(json_string_length(found) == value.len &&
				  memcmp(json_string_value(found), value.data, value.len) == 0);
		else if (root != NULL && found != NULL)
			CHECK(json_is_number(found) && number);
		json_decref(root);
	}
	free(copy);
	return 0;
}
