/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_config.c - any bytes as configuration file and environment: no crash, no leak; an error has
 * a message, and what loads prints as a configuration that loads again.
 *
 * A line "%%" separates the file from the environment, which has one variable a line.
 */
#include <stdint.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "privacy/budget.c"
#include "config/config.c"
#include "config/endpoint.c"
#include "config/env.c"
#include "config/env_otel.c"
#include "config/env_rafiki.c"
#include "config/env_sdk.c"
#include "config/lists.c"
#include "config/load.c"
#include "config/networks.c"
#include "config/notes.c"
#include "config/print.c"
#include "config/profiling.c"
#include "config/schema.c"
#include "config/setters.c"
#include "config/text.c"
#include "config/traits.c"
#include "config/url.c"
#include "config/walk.c"
#include "config/writers.c"
#include "profile/dependencies.c"
#include "base/fetch.c"
#include "base/proxy.c"
#include "privacy/params.c"
#include "base/utf8.c"
#include "base/url.c"

#define VARIABLES_MAX 64

/* Privacy's check has its own tests; here it only has to accept and refuse. */
int bucket_laplace_check(const struct bucket_laplace *params, char *why, size_t why_len)
{
	if (params->min_bucket <= params->max_bucket)
		return 0;
	snprintf(why, why_len, "min_bucket is above max_bucket; lower it");
	return -EINVAL;
}

static int load(const void *yaml, size_t len, char *const *variables, struct config **c)
{
	int fd = memfd_create("config", 0), err;
	char path[32], *errors = NULL;
	size_t errors_len = 0;
	FILE *out = open_memstream(&errors, &errors_len);

	/* A file that anybody can write is refused. */
	if (fd < 0 || fchmod(fd, 0600) || !out || write(fd, yaml, len) != (ssize_t)len)
		abort();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	err = config_load(path, variables, out, c);
	fclose(out);
	if (!err != !errors_len)
		abort();
	free(errors);
	close(fd);
	return err;
}

static void print_and_load(const struct config *c)
{
	struct config *again = NULL;
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	if (!out)
		abort();
	config_print(c, out);
	fclose(out);
	if (len < CONFIG_FILE_MAX && load(text, len, NULL, &again)) {
		fputs(text, stderr);
		abort();
	}
	config_free(again);
	free(text);
}

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A target that refuses every file whatever it says would find nothing. */
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct config *c = NULL;

	(void)argc;
	(void)argv;
	if (load("{}\n", 3, NULL, &c))
		abort();
	config_free(c);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *copy = strndup((const char *)data, size), *rest, *line;
	char *variables[VARIABLES_MAX + 1] = {NULL};
	struct config *c = NULL;
	size_t len = 0, yaml_len = size;
	const uint8_t *part = memmem(data, size, "\n%%\n", 4);

	if (!copy)
		abort();
	if (part) {
		yaml_len = (size_t)(part - data) + 1;
		rest = strlen(copy) > yaml_len + 3 ? copy + yaml_len + 3 : NULL;
		while (rest && len < VARIABLES_MAX && (line = strsep(&rest, "\n")))
			variables[len++] = line;
	}
	if (!load(data, yaml_len, variables, &c)) {
		config_consent(c);
		config_runnable(c);
		print_and_load(c);
		config_free(c);
	}
	free(copy);
	return 0;
}
