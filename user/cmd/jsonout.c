/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/jsonout.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <json-c/json.h>

#include "base/escape.h"
#include "base/log.h"

#define STYLE (JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED | JSON_C_TO_STRING_NOSLASHESCAPE)

void jsonout_text(struct json_object *o, const char *key, const char *text)
{
	char shown[4096];

	if (text)
		escape_text(text, shown, sizeof(shown));
	json_object_object_add(o, key, text ? json_object_new_string(shown) : NULL);
}

int jsonout_print(struct json_object *root)
{
	const char *text = root ? json_object_to_json_string_ext(root, STYLE) : NULL;
	int err = text ? 0 : -ENOMEM;

	if (text && (puts(text) < 0 || fflush(stdout)))
		err = -errno;
	json_object_put(root);
	if (err)
		log_err("json", "cannot write: %s", strerror(-err));
	return err;
}
