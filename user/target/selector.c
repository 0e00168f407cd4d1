/* SPDX-License-Identifier: Apache-2.0 */
#include "target/selector.h"

#include <errno.h>
#include <fnmatch.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "target/cgroup.h"
#include "target/contained.h"
#include "target/container.h"
#include "target/executable.h"
#include "target/trigger.h"

#define PARTS_MAX 32  /* as deep as the programs look for a target */
#define KNOWN_MAX 256 /* `.socket` units remembered; the others are looked up again each time */

/* A `.socket` unit, and whether it starts the target. One that is made anew may have changed. */
struct trigger_known {
	char *name;
	ino_t ino;
	bool starts;
};

/* --- components of a path --------------------------------------------------------------------- */

static void free_parts(struct selector *s)
{
	for (size_t i = 0; i < s->parts_len; i++)
		free(s->parts[i]);
	free(s->parts);
	s->parts = NULL;
	s->parts_len = 0;
}

static int split(struct selector *s, const char *path, char *why, size_t why_len)
{
	free_parts(s);
	s->parts = calloc(PARTS_MAX, sizeof(*s->parts));
	if (!s->parts)
		return -ENOMEM;
	for (path += strspn(path, "/"); *path; path += strspn(path, "/")) {
		size_t len = strcspn(path, "/");
		char *part;

		if ((len == 1 && path[0] == '.') || (len == 2 && !strncmp(path, "..", 2))) {
			snprintf(why, why_len,
				 "'%.2s' in the path of a cgroup is not followed; write the path "
				 "without it",
				 path);
			return -EINVAL;
		}
		if (s->parts_len == PARTS_MAX) {
			snprintf(why, why_len, "is more than %d cgroups deep; name one above it",
				 PARTS_MAX);
			return -EINVAL;
		}
		part = strndup(path, len);
		if (!part)
			return -ENOMEM;
		s->parts[s->parts_len++] = part;
		path += len;
	}
	return 0;
}

static bool is_pattern(const char *part)
{
	return strpbrk(part, "*?[") != NULL;
}

/* systemd writes backslashes into names: they are no escapes here. A name that looks like a pattern
 * matches itself. */
static bool part_matches(const struct selector *s, size_t depth, const char *name)
{
	if (depth >= s->parts_len)
		return false;
	return !strcmp(s->parts[depth], name) ||
	       (s->kind == TARGET_CGROUP && !fnmatch(s->parts[depth], name, FNM_NOESCAPE));
}

/* --- units ------------------------------------------------------------------------------------ */

static bool ends_in(const char *name, const char *end)
{
	size_t len = strlen(name), end_len = strlen(end);

	return len > end_len && !strcmp(name + len - end_len, end);
}

static struct trigger_known *find_known(const struct selector *s, const char *socket)
{
	for (size_t i = 0; i < s->known_len; i++) {
		if (!strcmp(s->known[i].name, socket))
			return &s->known[i];
	}
	return NULL;
}

static void remember(struct selector *s, const char *socket, ino_t ino, bool starts)
{
	struct trigger_known *k = find_known(s, socket), *more;
	char *name;

	if (k) {
		k->ino = ino;
		k->starts = starts;
		return;
	}
	if (s->known_len == KNOWN_MAX)
		return;
	more = realloc(s->known, (s->known_len + 1) * sizeof(*more));
	if (more)
		s->known = more;
	name = more ? strdup(socket) : NULL;
	if (name)
		s->known[s->known_len++] = (struct trigger_known){name, ino, starts};
}

static bool starts_unit(struct selector *s, const char *dir, const char *socket)
{
	struct trigger_known *k = find_known(s, socket);
	char path[PATH_MAX];
	struct stat st;
	bool starts;

	snprintf(path, sizeof(path), "%s/%s", dir, socket);
	if (stat(path, &st))
		return false;
	if (k && k->ino == st.st_ino)
		return k->starts;
	starts = trigger_starts("", socket, s->name);
	remember(s, socket, st.st_ino, starts);
	return starts;
}

/* systemd puts an underscore before names that the kernel could take for its own files. */
static bool is_unit(const char *unit, const char *name)
{
	return !strcmp(name, unit) || (name[0] == '_' && !strcmp(name + 1, unit));
}

static enum selector_match match_unit(struct selector *s, const char *dir, const char *name)
{
	if (is_unit(s->name, name) || (ends_in(name, ".socket") && starts_unit(s, dir, name)))
		return SELECTOR_HIT;
	return ends_in(name, ".slice") ? SELECTOR_WAY : SELECTOR_NO;
}

/* The system manager lives in init.scope, directly below its root. */
static char *manager_root(const char *mount)
{
	char path[PATH_MAX], why[256], *end;

	if (cgroup_of_pid("1", mount, path, sizeof(path), why, sizeof(why)))
		return strdup(mount);
	end = strrchr(path, '/');
	if (!end || strcmp(end, "/init.scope"))
		return strdup(mount);
	*end = '\0';
	return strdup(path);
}

/* --- containers and pods ---------------------------------------------------------------------- */

static bool is_by_traits(const struct selector *s)
{
	return s->kind == TARGET_CONTAINER || s->kind == TARGET_POD;
}

static enum selector_match match_contained(struct selector *s, const char *dir, const char *name)
{
	switch (contained_look(s->contained, dir, name)) {
	case CONTAINED_WAY: return SELECTOR_WAY;
	case CONTAINED_HIT: return SELECTOR_HIT;
	case CONTAINED_ABOVE: return SELECTOR_ABOVE;
	case CONTAINED_NO: break;
	}
	return SELECTOR_NO;
}

/* --- programs --------------------------------------------------------------------------------- */

static int begin_executable(struct selector *s)
{
	s->executable = calloc(1, sizeof(*s->executable));
	if (!s->executable)
		return -ENOMEM;
	s->executable->name = s->name;
	executable_refresh(s->executable);
	return 0;
}

static enum selector_match match_executable(struct selector *s, const char *dir, const char *name)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	switch (executable_look(s->executable, path)) {
	case EXECUTABLE_BELOW: return SELECTOR_WAY;
	case EXECUTABLE_ONLY: return SELECTOR_HIT;
	case EXECUTABLE_MIXED: snprintf(s->mixed, sizeof(s->mixed), "%.120s", path); break;
	case EXECUTABLE_EMPTY:
	case EXECUTABLE_NO: break;
	}
	return SELECTOR_NO;
}

bool selector_is_left(struct selector *s, const char *path)
{
	enum executable_match match;

	if (s->kind != TARGET_EXECUTABLE)
		return false;
	match = executable_look(s->executable, path);
	return match == EXECUTABLE_MIXED || match == EXECUTABLE_NO;
}

/* --- all kinds -------------------------------------------------------------------------------- */

static int refresh_pid(struct selector *s, char *why, size_t why_len)
{
	struct pollfd alive = {.fd = s->process, .events = POLLIN};
	char path[PATH_MAX];
	int err;

	if (s->process < 0 || poll(&alive, 1, 0) != 0) {
		snprintf(why, why_len,
			 s->process < 0 ? "there is no process %s; give the pid of a connector "
					  "that runs, or its cgroup"
					: "process %s has ended; name its unit or its cgroup to "
					  "have its successor followed",
			 s->name);
		return -ESRCH;
	}
	err = cgroup_of_pid(s->name, s->mount, path, sizeof(path), why, why_len);
	if (err)
		return err == -ESRCH ? -EAGAIN : err;
	return split(s, path + strlen(s->mount), why, why_len);
}

int selector_refresh(struct selector *s, char *why, size_t why_len)
{
	if (s->kind == TARGET_EXECUTABLE) {
		executable_refresh(s->executable);
		s->mixed[0] = '\0';
	}
	return s->kind == TARGET_PID ? refresh_pid(s, why, why_len) : 0;
}

/* The mount's path may be given with it or left out. */
static const char *below_mount(const char *path, const char *mount)
{
	return cgroup_contains(mount, path) ? path + strlen(mount) : path;
}

int selector_init(struct selector *s, const struct config_target *config, const char *mount,
		  char *why, size_t why_len)
{
	int err = 0;

	*s = (struct selector){.kind = config->kind, .name = config->name, .mount = mount};
	s->process = -1;
	s->root = s->kind == TARGET_UNIT ? manager_root(mount) : strdup(mount);
	if (!s->root)
		err = -ENOMEM;
	else if (s->kind == TARGET_CGROUP)
		err = split(s, below_mount(s->name, mount), why, why_len);
	else if (s->kind == TARGET_PID)
		s->process = (int)syscall(SYS_pidfd_open, atoi(s->name), 0);
	else if (is_by_traits(s))
		err = contained_new(s->kind, s->name, "", &s->contained, why, why_len);
	else if (s->kind == TARGET_EXECUTABLE)
		err = begin_executable(s);
	if (err)
		selector_fini(s);
	return err;
}

void selector_fini(struct selector *s)
{
	free_parts(s);
	for (size_t i = 0; i < s->known_len; i++)
		free(s->known[i].name);
	free(s->known);
	free(s->root);
	contained_free(s->contained);
	free(s->executable);
	if (s->process >= 0)
		close(s->process);
	*s = (struct selector){.process = -1};
}

enum selector_match selector_matches(struct selector *s, const char *dir, size_t depth,
				     const char *name)
{
	if (s->kind == TARGET_UNIT)
		return match_unit(s, dir, name);
	if (is_by_traits(s))
		return match_contained(s, dir, name);
	if (s->kind == TARGET_EXECUTABLE)
		return match_executable(s, dir, name);
	if (!part_matches(s, depth, name))
		return SELECTOR_NO;
	return depth + 1 == s->parts_len ? SELECTOR_HIT : SELECTOR_WAY;
}

static bool is_by_path(const struct selector *s)
{
	return s->kind == TARGET_CGROUP || s->kind == TARGET_PID;
}

const char *selector_literal(const struct selector *s, size_t depth)
{
	if (!is_by_path(s) || depth >= s->parts_len)
		return NULL;
	return s->kind == TARGET_PID || !is_pattern(s->parts[depth]) ? s->parts[depth] : NULL;
}

/* Can what is meant lie below a directory NAME that lies DEPTH components below the root? */
static bool leads_on(const struct selector *s, size_t depth, const char *name)
{
	if (s->kind == TARGET_UNIT)
		return ends_in(name, ".slice");
	if (is_by_traits(s))
		return !container_id(name);
	/* A program is looked for by listing alone. */
	return s->kind != TARGET_EXECUTABLE && part_matches(s, depth, name);
}

bool selector_leads(const struct selector *s, const char *dir, size_t *depth)
{
	char name[NAME_MAX + 1];

	*depth = 0;
	if (!cgroup_contains(s->root, dir))
		return false;
	for (dir += strlen(s->root); *dir == '/'; (*depth)++) {
		size_t len = strcspn(++dir, "/");

		snprintf(name, sizeof(name), "%.*s", (int)len, dir);
		if (!leads_on(s, *depth, name))
			return false;
		dir += len;
	}
	return true;
}

bool selector_is_root(const struct selector *s)
{
	return is_by_path(s) && !s->parts_len;
}

bool selector_is_unsure(struct selector *s)
{
	return is_by_traits(s) && contained_is_unsure(s->contained);
}

void selector_explain(const struct selector *s, char *why, size_t why_len)
{
	if (is_by_traits(s))
		contained_explain(s->contained, why, why_len);
	else if (s->kind == TARGET_EXECUTABLE && s->mixed[0])
		snprintf(why, why_len,
			 "%s runs in %s, together with other programs; start it in a cgroup of its "
			 "own, as a unit of systemd has",
			 s->name, s->mixed);
	else if (s->kind == TARGET_EXECUTABLE)
		snprintf(why, why_len,
			 "no process of this host runs %s in a cgroup of root's; `ls -l "
			 "/proc/PID/exe` tells what a process runs (one in a container is named by "
			 "`container:`)",
			 s->executable->path);
	else if (s->kind == TARGET_UNIT)
		snprintf(why, why_len,
			 "there is no cgroup of this unit; is it running? `systemctl status %s` "
			 "tells (a unit of a user's manager or in a container is named by "
			 "`cgroup:`)",
			 s->name);
	else
		snprintf(why, why_len,
			 "there is no cgroup v2 %s%s%s; /proc/PID/cgroup names the one of a "
			 "process, after `0::`",
			 cgroup_contains(s->mount, s->name) ? "" : s->mount,
			 s->name[0] == '/' ? "" : "/", s->name);
}
