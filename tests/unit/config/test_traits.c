/* SPDX-License-Identifier: Apache-2.0 */
/* traits: by what a target names a container or a pod. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "config/text.h"
#include "config/traits.h"

/* What was understood, as "name:x label:k=v label:k". */
static void shows(enum config_target_kind kind, const char *text, const char *want)
{
	static const char *const kinds[] = {"name", "image", "label", "namespace"};
	char why[CONFIG_WHY], all[512] = "";
	struct traits t;

	if (traits_parse(kind, text, &t, why))
		fail_msg("%s: %s", text, why);
	for (size_t i = 0; i < t.len; i++) {
		const struct trait *trait = &t.list[i];

		snprintf(all + strlen(all), sizeof(all) - strlen(all), "%s%s:%s%s%s", i ? " " : "",
			 kinds[trait->kind], trait->key ? trait->key : "",
			 trait->key && trait->pattern ? "=" : "",
			 trait->pattern ? trait->pattern : "");
	}
	traits_fini(&t);
	assert_string_equal(all, want);
}

static void refused(enum config_target_kind kind, const char *text, const char *words)
{
	char why[CONFIG_WHY] = "";
	struct traits t;

	assert_int_equal(traits_parse(kind, text, &t, why), -EINVAL);
	if (!strstr(why, words))
		fail_msg("'%s' does not say '%s'", why, words);
}

static void a_container_is_named_by_name_image_and_labels(void **state)
{
	(void)state;
	shows(TARGET_CONTAINER, "alice", "name:alice");
	shows(TARGET_CONTAINER, "name=alice", "name:alice");
	shows(TARGET_CONTAINER, "image=ghcr.io/x/rafiki:1", "image:ghcr.io/x/rafiki:1");
	shows(TARGET_CONTAINER, "label=a.b/c=d=e", "label:a.b/c=d=e");
	shows(TARGET_CONTAINER, "label=a", "label:a");
	shows(TARGET_CONTAINER, "label=a=", "label:a=");
	shows(TARGET_CONTAINER, "rafiki-*,image=r,label=a=b", "name:rafiki-* image:r label:a=b");
	refused(TARGET_CONTAINER, "", "is empty");
	refused(TARGET_CONTAINER, "alice,", "is empty");
	refused(TARGET_CONTAINER, "labels=a", "no trait of a container");
	refused(TARGET_CONTAINER, "label==b", "names no label");
	refused(TARGET_CONTAINER, "a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a", "more than 16");
}

static void a_pod_is_named_by_namespace_and_labels(void **state)
{
	(void)state;
	shows(TARGET_POD, "payments/app=rafiki", "namespace:payments label:app=rafiki");
	shows(TARGET_POD, "payments/app.kubernetes.io/name=rafiki,tier=b",
	      "namespace:payments label:app.kubernetes.io/name=rafiki label:tier=b");
	shows(TARGET_POD, "*/rafiki-*", "namespace:* name:rafiki-*");
	refused(TARGET_POD, "app=rafiki", "names no namespace");
	refused(TARGET_POD, "app.kubernetes.io/name=rafiki", "names no namespace");
	refused(TARGET_POD, "/app=rafiki", "names no namespace");
	refused(TARGET_POD, "payments/", "is empty");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_container_is_named_by_name_image_and_labels),
		cmocka_unit_test(a_pod_is_named_by_namespace_and_labels),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
