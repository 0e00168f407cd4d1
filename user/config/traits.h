/* SPDX-License-Identifier: Apache-2.0 */
/*
 * traits.h - by what a target names a container or a pod, as the operator writes it.
 *
 *   container  TRAIT[,TRAIT...], where a trait is a name, name=NAME, image=IMAGE or
 *              label=KEY[=VALUE]
 *   pod        NAMESPACE/TRAIT[,TRAIT...], where a trait is a pod's name, or KEY=VALUE of a label
 *
 * All of them must hold. Names, images, values and the namespace are patterns of fnmatch(3), of
 * which a `*` takes in slashes too.
 */
#ifndef TELLTALE_CONFIG_TRAITS_H
#define TELLTALE_CONFIG_TRAITS_H

#include <stddef.h>

#include "config/target.h"

#define TRAITS_MAX 16

enum trait_kind { TRAIT_NAME, TRAIT_IMAGE, TRAIT_LABEL, TRAIT_NAMESPACE };

struct trait {
	enum trait_kind kind;
	char *key;     /* of a label; else NULL */
	char *pattern; /* NULL: the label has any value */
};

struct traits {
	struct trait list[TRAITS_MAX];
	size_t len;
};

/* TEXT of a target of KIND, CONTAINER or POD. 0, -ENOMEM, or -EINVAL with "what; fix" in WHY
 * (CONFIG_WHY bytes). traits_fini is due after 0 only. */
int traits_parse(enum config_target_kind kind, const char *text, struct traits *out, char *why);
void traits_fini(struct traits *t); /* a second time it does nothing */

#endif
