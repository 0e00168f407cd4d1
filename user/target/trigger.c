/* SPDX-License-Identifier: Apache-2.0 */
#include "target/trigger.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Where systemd looks for units, what is found first first: systemd.unit(5). */
static const char *const places[] = {
	"/etc/systemd/system.control", "/run/systemd/system.control",
	"/run/systemd/transient",      "/run/systemd/generator.early",
	"/etc/systemd/system",         "/etc/systemd/system.attached",
	"/run/systemd/system",         "/run/systemd/system.attached",
	"/run/systemd/generator",      "/usr/local/lib/systemd/system",
	"/usr/lib/systemd/system",     "/lib/systemd/system",
	"/run/systemd/generator.late",
};

#define PLACES (sizeof(places) / sizeof(places[0]))

/* Bytes of what is assigned to one key, all lines of it together. */
#define VALUE_MAX 1024

/* What is assigned to KEY. A list adds up, and an empty line empties it; else the last line is what
 * holds. */
struct wanted {
	const char *key;
	bool list;
	char value[VALUE_MAX];
};

static void take_line(char *line, struct wanted *w)
{
	size_t len = strlen(w->key), used = w->list ? strlen(w->value) : 0;
	char *value;

	line += strspn(line, " \t");
	if (strncmp(line, w->key, len))
		return;
	value = line + len + strspn(line + len, " \t");
	if (*value++ != '=')
		return;
	value += strspn(value, " \t");
	value[strcspn(value, "\r\n")] = '\0';
	if (!*value)
		used = 0;
	snprintf(w->value + used, sizeof(w->value) - used, "%s%s", used ? " " : "", value);
}

static bool read_file(const char *path, struct wanted *w)
{
	FILE *f = fopen(path, "re");
	char line[1024];

	if (!f)
		return false;
	while (fgets(line, sizeof(line), f))
		take_line(line, w);
	fclose(f);
	return true;
}

static void read_drop_ins(const char *dir, struct wanted *w)
{
	struct dirent **names;
	int n = scandir(dir, &names, NULL, alphasort);
	char path[PATH_MAX + NAME_MAX + 2];

	for (int i = 0; i < n; i++) {
		const char *end = strrchr(names[i]->d_name, '.');

		if (end && !strcmp(end, ".conf")) {
			snprintf(path, sizeof(path), "%s/%s", dir, names[i]->d_name);
			read_file(path, w);
		}
		free(names[i]);
	}
	if (n >= 0)
		free(names);
}

/* The unit's file that holds, then its drop-ins: those in /etc come last. */
static void read_unit(const char *root, const char *unit, struct wanted *w)
{
	char path[PATH_MAX];
	bool found = false;

	for (size_t i = 0; i < PLACES && !found; i++) {
		snprintf(path, sizeof(path), "%s%s/%s", root, places[i], unit);
		found = read_file(path, w);
	}
	for (size_t i = PLACES; i > 0; i--) {
		snprintf(path, sizeof(path), "%s%s/%s.d", root, places[i - 1], unit);
		read_drop_ins(path, w);
	}
}

static bool list_has(const char *list, const char *name)
{
	size_t len = strlen(name);

	for (list += strspn(list, " \t"); *list; list += strspn(list, " \t")) {
		size_t word = strcspn(list, " \t");

		if (word == len && !strncmp(list, name, len))
			return true;
		list += word;
	}
	return false;
}

/* "x.socket" and "x.service", "x@1.socket" and "x@1.service". */
static bool same_stem(const char *socket, const char *service)
{
	size_t len = strlen(socket) - strlen(".socket");

	return !strncmp(socket, service, len) && !strcmp(service + len, ".service");
}

bool trigger_starts(const char *root, const char *socket, const char *service)
{
	struct wanted starts = {.key = "Service"}, takes = {.key = "Sockets", .list = true};

	read_unit(root, socket, &starts);
	if (starts.value[0] ? !strcmp(starts.value, service) : same_stem(socket, service))
		return true;
	read_unit(root, service, &takes);
	return list_has(takes.value, socket);
}
