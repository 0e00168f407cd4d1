/* SPDX-License-Identifier: Apache-2.0 */
/* check_running.c - what the telltale that runs says of its programs. */
#include <stdio.h>
#include <sys/un.h>

#include <json-c/json.h>

#include "cmd/checks.h"
#include "config/config.h"
#include "top/data.h"

#define ANSWER_MS 2000

static bool flag(struct json_object *answer, const char *key)
{
	struct json_object *value = NULL;

	return json_object_object_get_ex(answer, key, &value) && json_object_get_boolean(value);
}

static void say(struct json_object *answer)
{
	check_say(HOST_OK, "programs", "loaded and attached, by the telltale that runs");
	if (flag(answer, "tls_refused"))
		check_say(HOST_WARN, "programs",
			  "TLS cannot be read, as the log of the telltale that runs says; let the "
			  "connector speak plain HTTP to a local proxy that does the TLS");
	if (!flag(answer, "witness"))
		check_say(HOST_WARN, "programs",
			  "what passes the taps by is not noticed, as the log of the telltale that "
			  "runs says");
}

bool check_running(const struct config *config)
{
	char listen[sizeof(((struct sockaddr_un *)0)->sun_path) + 32], why[256];
	struct top_source *source = NULL;
	struct json_object *answer = NULL;
	const char *text;

	snprintf(listen, sizeof(listen), "unix:%s/control.sock", config->run_dir);
	if (!top_source_open(listen, NULL, &source, why, sizeof(why)) &&
	    !top_source_text(source, "programs", ANSWER_MS, &text, why, sizeof(why)))
		answer = json_tokener_parse(text);
	if (answer)
		say(answer);
	json_object_put(answer);
	top_source_close(source);
	return answer;
}
