/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_edit.c - any bytes as a configuration in which consent is given and taken back: no crash, no
 * leak; what was edited says what was wanted, and edited again does not change. edit.c itself holds
 * everything else in the text against what was there.
 */
#include <stdint.h>

#include "base/fetch.c"
#include "base/proxy.c"
#include "base/url.c"
#include "base/utf8.c"
#include "config/config.c"
#include "config/edit.c"
#include "config/notes.c"
#include "config/print.c"
#include "config/text.c"
#include "privacy/params.c"

/* Edits TEXT, and what comes out of that once more. False: it cannot be edited. */
static bool edit_twice(const char *text, size_t len, const struct config_edit *edit, char **out,
		       size_t *out_len)
{
	char why[CONFIG_WHY] = "", *again = NULL;
	size_t again_len;

	if (config_edit(text, len, edit, out, out_len, why)) {
		if (!*why || *out)
			abort();
		return false;
	}
	if (!*out || config_edit(*out, *out_len, edit, &again, &again_len, why) || !again ||
	    again_len != *out_len || memcmp(*out, again, again_len) != 0)
		abort();
	free(again);
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct config_target target = {.kind = TARGET_CGROUP,
						    .name = (char *)"/a: '*/b"};
	static const struct config_edit on = {
		.enabled = true, .network = NETWORK_LIVENET, .targets = &target, .targets_len = 1};
	static const struct config_edit off = {.enabled = false};
	char *given = NULL, *taken = NULL;
	size_t given_len = 0, taken_len = 0;

	if (edit_twice((const char *)data, size, &on, &given, &given_len))
		edit_twice(given, given_len, &off, &taken, &taken_len);
	free(given);
	free(taken);
	return 0;
}
