/* SPDX-License-Identifier: Apache-2.0 */
/*
 * edit.h - gives or withdraws consent in the text of a configuration, and leaves the rest of it as
 * it is: comments, order, blank lines and every other key.
 *
 * Values are replaced where they stand, and lines are added. What comes out is read again and held
 * against what was there; a text in which anything else would change is not edited.
 */
#ifndef TELLTALE_CONFIG_EDIT_H
#define TELLTALE_CONFIG_EDIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "config/target.h"
#include "release/network.h"

struct config_edit {
	bool enabled;
	/* With ENABLED only. TARGETS are added where they are not there yet. */
	enum network network;
	const struct config_target *targets;
	size_t targets_len; /* at most CONFIG_TARGETS_MAX */
};

/*
 * TEXT, of LEN bytes, with EDIT made. *OUT is malloc'ed, has *OUT_LEN bytes and a NUL after them,
 * and equals TEXT when that says all of it already. 0, -ENOMEM, or -EINVAL with the reason in WHY
 * (CONFIG_WHY bytes of text.h): it cannot be edited safely. The livenet_enabled of a file follows:
 * only consent for livenet leaves it true.
 */
int config_edit(const char *text, size_t len, const struct config_edit *edit, char **out,
		size_t *out_len, char *why);

/* The same as lines that the operator may write. */
void config_edit_print(const struct config_edit *edit, FILE *out);

#endif
