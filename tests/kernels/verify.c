/* SPDX-License-Identifier: Apache-2.0 */
/*
 * verify.c - measures how much work each program is for the running kernel's verifier. Loads the
 * programs one by one, with the parameters of a daemon with the maximum number of targets, and
 * prints
 *
 *   NAME INSTRUCTIONS, NAME refused: the verifier's last words, or NAME done without
 *
 * Exit status: 1 when a program was refused or took more than the share of the limit given as the
 * first argument, in percent.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "bpf/shared.h"
#include "bpf/decode/siphash.h"
#include "tap/load.h"
#include "bpf/telltale.skel.h"

#define LIMIT     1000000 /* the kernel's limit for privileged programs */
#define LOG_BYTES (1u << 20)

static int quiet(enum libbpf_print_level level, const char *format, va_list args)
{
	(void)level;
	(void)format;
	(void)args;
	return 0;
}

/* The last line before the closing statistics, which is the verifier's complaint. */
static const char *last_words(char *log)
{
	static const char *const closing[] = {"verification time ", "stack depth ", "processed "};
	char *line = NULL;

	for (size_t i = 0; i < sizeof(closing) / sizeof(closing[0]); i++) {
		char *end = strstr(log, closing[i]);

		if (end)
			*end = '\0';
	}
	for (size_t len = strlen(log); len && log[len - 1] == '\n';)
		log[--len] = '\0';
	line = strrchr(log, '\n');
	return line ? line + 1 : log;
}

/* The programs that look at sockets need helpers of Linux 5.16. */
static bool has_witness(const struct load_plan *plan)
{
	unsigned major = 0, minor = 0;
	struct utsname name;

	if (uname(&name) || sscanf(name.release, "%u.%u", &major, &minor) != 2)
		return plan->witness;
	return plan->witness && (major > 5 || (major == 5 && minor >= 16));
}

/* Loads the program number WHICH alone. Returns 0 past the last one, -errno when it is refused. */
static int verify(unsigned which, const struct load_plan *plan, char *log, char *name,
		  size_t name_len, unsigned *instructions)
{
	struct telltale_bpf *skel = telltale_bpf__open();
	struct bpf_program *p, *chosen = NULL;
	const char *said = NULL;
	unsigned i = 0;
	int err;

	if (!skel)
		return -errno;
	skel->rodata->tls_share = 64;
	bpf_object__for_each_program(p, skel->obj)
	{
		bpf_program__set_autoload(p, i == which);
		if (i++ == which)
			chosen = p;
	}
	if (!chosen) {
		telltale_bpf__destroy(skel);
		return 0;
	}
	snprintf(name, name_len, "%s", bpf_program__name(chosen));
	if ((bpf_program__type(chosen) == BPF_PROG_TYPE_RAW_TRACEPOINT && !plan->execs) ||
	    (bpf_program__type(chosen) == BPF_PROG_TYPE_TRACING && !has_witness(plan))) {
		telltale_bpf__destroy(skel);
		return 1;
	}
	log[0] = '\0';
	bpf_program__set_log_buf(chosen, log, LOG_BYTES);
	bpf_program__set_log_level(chosen, 4); /* statistics only */
	err = telltale_bpf__load(skel);
	/* The last one: newer kernels say before it what each function of the program took. */
	for (const char *at = log; (at = strstr(at, "processed ")); at++)
		said = at;
	*instructions = said ? (unsigned)strtoul(said + strlen("processed "), NULL, 10) : 0;
	telltale_bpf__destroy(skel);
	return err ? err : said ? 1 : -ENODATA;
}

int main(int argc, char **argv)
{
	double percent = argc > 1 ? strtod(argv[1], NULL) : 100;
	char *log = calloc(1, LOG_BYTES), name[64];
	int status = EXIT_SUCCESS, err = 1;
	struct load_plan plan;

	if (!log)
		return EXIT_FAILURE;
	libbpf_set_print(quiet);
	load_keep_user_reads();
	load_plan(&plan);
	for (unsigned i = 0; err; i++) {
		unsigned instructions = 0;

		name[0] = '\0';
		err = verify(i, &plan, log, name, sizeof(name), &instructions);
		if (err > 0 && !instructions)
			printf("%s done without\n", name);
		else if (err < 0)
			printf("%s refused: %s: %s\n", name, strerror(-err), last_words(log));
		else if (err)
			printf("%s %u\n", name, instructions);
		if (err < 0 || 100.0 * instructions > LIMIT * percent)
			status = EXIT_FAILURE;
		fflush(stdout);
		if (!name[0])
			break;
	}
	free(log);
	return status;
}
