/* SPDX-License-Identifier: Apache-2.0 */
/* jsonout.h - prints JSON for `--json`, as every command does it. */
#ifndef TELLTALE_CMD_JSONOUT_H
#define TELLTALE_CMD_JSONOUT_H

#include <stdbool.h>

struct json_object;

/* Adds KEY to the object O. A TEXT of NULL becomes null; one that somebody else chose is escaped
 * first, so that the whole is valid UTF-8. */
void jsonout_text(struct json_object *o, const char *key, const char *text);
/* Prints ROOT, ends the line and frees ROOT. 0 or -errno, logged. A ROOT of NULL is -ENOMEM. */
int jsonout_print(struct json_object *root);

#endif
