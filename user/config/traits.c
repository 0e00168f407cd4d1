/* SPDX-License-Identifier: Apache-2.0 */
#include "config/traits.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "config/text.h"

void traits_fini(struct traits *t)
{
	for (size_t i = 0; i < t->len; i++) {
		free(t->list[i].key);
		free(t->list[i].pattern);
	}
	t->len = 0;
}

/* A part of the text. */
struct slice {
	const char *text;
	size_t len;
};

/* Takes the copies, which may be NULL for want of memory where there is something to copy. */
static int add(struct traits *t, enum trait_kind kind, struct slice key, struct slice pattern)
{
	struct trait *trait = &t->list[t->len];

	*trait = (struct trait){.kind = kind};
	if (key.text)
		trait->key = strndup(key.text, key.len);
	if (pattern.text)
		trait->pattern = strndup(pattern.text, pattern.len);
	t->len++;
	if ((key.text && !trait->key) || (pattern.text && !trait->pattern))
		return -ENOMEM;
	return 0;
}

/* "KEY=VALUE", or "KEY" where a label may have any value. */
static int add_label(struct traits *t, struct slice part, char *why)
{
	const char *equals = memchr(part.text, '=', part.len);
	struct slice key = {part.text, equals ? (size_t)(equals - part.text) : part.len};
	struct slice value = {NULL, 0};

	if (!key.len)
		return config_refuse(why, "'%.*s' names no label; write KEY=VALUE",
				     (int)(part.len < 80 ? part.len : 80), part.text);
	if (equals)
		value = (struct slice){equals + 1, part.len - key.len - 1};
	return add(t, TRAIT_LABEL, key, value);
}

static bool takes_prefix(struct slice *part, const char *prefix)
{
	size_t len = strlen(prefix);

	if (part->len < len || strncmp(part->text, prefix, len) != 0)
		return false;
	part->text += len;
	part->len -= len;
	return true;
}

static int add_of_container(struct traits *t, struct slice part, char *why)
{
	const struct slice whole = part;

	if (takes_prefix(&part, "label="))
		return add_label(t, part, why);
	if (takes_prefix(&part, "image="))
		return add(t, TRAIT_IMAGE, (struct slice){NULL, 0}, part);
	if (!takes_prefix(&part, "name=") && memchr(part.text, '=', part.len))
		return config_refuse(why,
				     "'%.*s' is no trait of a container; write its name, "
				     "image=IMAGE or label=KEY=VALUE",
				     (int)(whole.len < 80 ? whole.len : 80), whole.text);
	return add(t, TRAIT_NAME, (struct slice){NULL, 0}, part);
}

static int add_of_pod(struct traits *t, struct slice part, char *why)
{
	if (memchr(part.text, '=', part.len))
		return add_label(t, part, why);
	return add(t, TRAIT_NAME, (struct slice){NULL, 0}, part);
}

static int add_part(struct traits *t, enum config_target_kind kind, struct slice part, char *why)
{
	if (!part.len)
		return config_refuse(why, "a trait is empty; write something between the commas, "
					  "or one comma less");
	if (t->len == TRAITS_MAX)
		return config_refuse(why, "has more than %d traits; leave some out", TRAITS_MAX);
	return kind == TARGET_POD ? add_of_pod(t, part, why) : add_of_container(t, part, why);
}

/* The namespace of a pod, which the first slash ends; *TEXT is what follows. */
static int add_namespace(struct traits *t, const char **text, char *why)
{
	const char *slash = strchr(*text, '/');
	struct slice name = {*text, slash ? (size_t)(slash - *text) : 0};

	if (!name.len || memchr(name.text, '=', name.len) || memchr(name.text, '.', name.len))
		return config_refuse(why,
				     "'%.80s' names no namespace; write NAMESPACE/KEY=VALUE, as "
				     "in payments/app=rafiki",
				     *text);
	*text = slash + 1;
	return add(t, TRAIT_NAMESPACE, (struct slice){NULL, 0}, name);
}

int traits_parse(enum config_target_kind kind, const char *text, struct traits *out, char *why)
{
	int err = 0;

	*out = (struct traits){.len = 0};
	if (kind == TARGET_POD)
		err = add_namespace(out, &text, why);
	while (!err) {
		size_t len = strcspn(text, ",");

		err = add_part(out, kind, (struct slice){text, len}, why);
		if (!text[len])
			break;
		text += len + 1;
	}
	if (err)
		traits_fini(out);
	return err;
}
