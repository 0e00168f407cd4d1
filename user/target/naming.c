/* SPDX-License-Identifier: Apache-2.0 */
#include "target/naming.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#define ID_MIN   12 /* digits of a container's id, at least; and as many are shown */
#define ID_DIGIT "0123456789abcdef"

/* A component of a path. */
struct part {
	const char *text;
	size_t len;
};

/* The component of PATH that begins after *AT; false: there is none. */
static bool next_part(const char **at, struct part *part)
{
	*at += strspn(*at, "/");
	*part = (struct part){*at, strcspn(*at, "/")};
	*at += part->len;
	return part->len > 0;
}

static bool begins(const struct part *p, const char *with)
{
	size_t len = strlen(with);

	return p->len > len && !strncmp(p->text, with, len);
}

static bool ends(const struct part *p, const char *with)
{
	size_t len = strlen(with);

	return p->len > len && !strncmp(p->text + p->len - len, with, len);
}

/* Whether the component is PREFIX, an id and perhaps ".scope"; *ID is where the id begins. */
static bool has_id(const struct part *p, const char *prefix, const char **id)
{
	size_t before = strlen(prefix), digits;

	if (p->len < before + ID_MIN || strncmp(p->text, prefix, before) != 0)
		return false;
	*id = p->text + before;
	digits = strspn(*id, ID_DIGIT);
	return digits >= ID_MIN &&
	       (before + digits == p->len || (ends(p, ".scope") && before + digits + 6 == p->len));
}

/* The container that PART is, below BEFORE, into the remark. */
static bool is_container(const struct part *part, const struct part *before, char *remark,
			 size_t len)
{
	static const struct {
		const char *prefix, *below, *runtime;
	} layouts[] = {
		{"docker-", "", "docker"},      {"libpod-", "", "podman"},
		{"cri-containerd-", "", "CRI"}, {"crio-", "", "CRI"},
		{"", "docker", "docker"},
	};
	const char *id;

	for (size_t i = 0; i < sizeof(layouts) / sizeof(layouts[0]); i++) {
		size_t below = strlen(layouts[i].below);

		if ((below && (before->len != below ||
			       strncmp(before->text, layouts[i].below, below) != 0)) ||
		    !has_id(part, layouts[i].prefix, &id))
			continue;
		snprintf(remark, len, "%s container %.*s, until it is made anew",
			 layouts[i].runtime, ID_MIN, id);
		return true;
	}
	if (begins(part, "lxc.payload.")) {
		snprintf(remark, len, "lxc container %.*s", (int)part->len - 12, part->text + 12);
		return true;
	}
	return false;
}

/* kubepods/burstable/podUID, kubepods-burstable-podUID.slice */
static bool is_pod(const struct part *part, bool below_kubepods)
{
	const char *pod = memmem(part->text, part->len, "-pod", 4);

	return below_kubepods && (begins(part, "pod") || (pod && ends(part, ".slice")));
}

static void name_path(struct naming *n, const char *path, const struct part *last)
{
	n->kind = TARGET_CGROUP;
	snprintf(n->name, sizeof(n->name), "%.*s", (int)(last->text + last->len - path), path);
}

/* The first component that is no slice is a service: one of the system manager's, as a user's
 * manager and what it runs lie below user@UID.service. */
static bool is_service(const struct part *part, bool slices_only)
{
	return slices_only && ends(part, ".service") && !begins(part, "user@");
}

void naming_of(const char *path, struct naming *out)
{
	struct part part, before = {"", 0};
	bool slices = true, kubepods = false;
	const char *at = path;

	*out = (struct naming){.kind = TARGET_CGROUP};
	while (next_part(&at, &part)) {
		kubepods = kubepods || begins(&part, "kubepods") ||
			   (part.len == 8 && !strncmp(part.text, "kubepods", 8));
		if (is_pod(&part, kubepods)) {
			snprintf(out->remark, sizeof(out->remark), "a pod");
			name_path(out, path, &part);
			return;
		}
		if (is_container(&part, &before, out->remark, sizeof(out->remark))) {
			name_path(out, path, &part);
			return;
		}
		if (is_service(&part, slices)) {
			out->kind = TARGET_UNIT;
			snprintf(out->name, sizeof(out->name), "%.*s", (int)part.len, part.text);
			return;
		}
		slices = slices && ends(&part, ".slice");
		if (ends(&part, ".scope") && begins(&part, "session-"))
			snprintf(out->remark, sizeof(out->remark),
				 "a login session, until it ends");
		before = part;
	}
	snprintf(out->name, sizeof(out->name), "%s", path);
	if (!before.len)
		snprintf(out->remark, sizeof(out->remark),
			 "the whole host: start the connector in a cgroup of its own");
}
