/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/services.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"

#define ENVIRONMENT "/etc/telltale/environment"
#define LINE_LEN    8192
/* The daemon half is stopped first: it leaves what it has in hand to the probe half. */
#define BOTH "telltale.service", "telltale-probe.service"

/* 0, -errno, or -EIO when systemctl ended with another status than 0. QUIET: it prints nothing. */
static int run(const char *const *arguments, bool quiet)
{
	posix_spawn_file_actions_t files;
	pid_t pid;
	int status = 0, err = posix_spawn_file_actions_init(&files);

	if (err)
		return -err;
	for (int fd = STDOUT_FILENO; quiet && fd <= STDERR_FILENO && !err; fd++)
		err = posix_spawn_file_actions_addopen(&files, fd, "/dev/null", O_WRONLY, 0);
	if (!err)
		err = posix_spawnp(&pid, "systemctl", &files, NULL, (char *const *)arguments,
				   environ);
	posix_spawn_file_actions_destroy(&files);
	if (err)
		return -err;
	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			return -errno;
	}
	return status ? -EIO : 0;
}

bool services_there(void)
{
	const char *const cat[] = {"systemctl", "cat", BOTH, NULL};

	return !access("/run/systemd/system", F_OK) && !run(cat, true);
}

/* TEXT without the blanks around it. */
static char *trim(char *text)
{
	static const char blanks[] = " \t\r\n";
	size_t len;

	text += strspn(text, blanks);
	len = strlen(text);
	while (len && strchr(blanks, text[len - 1]))
		text[--len] = '\0';
	return text;
}

/* VALUE without the quotes around it; NULL: it has more of systemd's syntax than is read here. */
static char *unquote(char *value)
{
	size_t len = strlen(value);
	char quote = value[0];

	if ((quote == '"' || quote == '\'') && len > 1 && value[len - 1] == quote) {
		value[len - 1] = '\0';
		value++;
	}
	return value[strcspn(value, "\"'\\")] ? NULL : value;
}

/* False: LINE cannot be read. */
static bool take_line(char *line)
{
	char *name = trim(line), *value = strchr(name, '=');

	if (!*name || *name == '#' || *name == ';')
		return true;
	if (!value || value == name)
		return false;
	*value++ = '\0';
	value = unquote(trim(value));
	return value && !setenv(name, value, 1);
}

int services_take_environment(void)
{
	const char *path = getenv("PATH");
	char line[LINE_LEN], *kept = path ? strdup(path) : NULL;
	unsigned number = 0;
	FILE *file;
	int err = 0;

	clearenv();
	if (kept)
		setenv("PATH", kept, 1);
	free(kept);
	file = fopen(ENVIRONMENT, "re");
	while (file && !err && fgets(line, sizeof(line), file)) {
		number++;
		if (take_line(line))
			continue;
		log_err("consent",
			"%s:%u: cannot be read here; write NAME=VALUE in one line, without quotes "
			"in it or backslashes",
			ENVIRONMENT, number);
		err = -EINVAL;
	}
	if (file)
		fclose(file);
	return err;
}

int services_start(bool again)
{
	const char *const enable[] = {"systemctl", "--quiet", "enable", BOTH, NULL};
	const char *const start[] = {"systemctl", again ? "restart" : "start", BOTH, NULL};
	int err = run(enable, false);

	return err ? err : run(start, false);
}

int services_stop(bool at_once)
{
	const char *const kill[] = {"systemctl", "kill", "--signal=SIGKILL", BOTH, NULL};
	const char *const disable[] = {"systemctl", "--quiet", "disable", "--now", BOTH, NULL};

	/* Those that do not run cannot be killed. */
	if (at_once)
		run(kill, true);
	return run(disable, false);
}
