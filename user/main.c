/* SPDX-License-Identifier: Apache-2.0 */
/* main.c - finds the subcommand and runs it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/commands.h"

#ifndef TELLTALE_VERSION
#error "TELLTALE_VERSION comes from the Makefile"
#endif

/* Where it is made outside of a repository. */
#ifndef TELLTALE_COMMIT
#define TELLTALE_COMMIT "not known"
#endif

static int cmd_help(int argc, char **argv);

static int cmd_version(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	version_print(TELLTALE_COMMIT);
	return EXIT_SUCCESS;
}

static const struct command {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *summary;
} commands[] = {
	{"run", cmd_run, "observe the configured targets and export"},
	{"probe", cmd_probe, "the half of `run` that attaches, as a service of its own"},
	{"daemon", cmd_daemon, "the half of `run` that counts and exports, without privileges"},
	{"discover", cmd_discover, "find out who on this host speaks ILP; asks first"},
	{"enable", cmd_enable, "give consent: show what will leave, ask, and start"},
	{"disable", cmd_disable, "take consent back: stop, and detach"},
	{"check", cmd_check, "say what works on this host, what does not, and how to fix it"},
	{"top", cmd_top, "show what a running telltale measures, live in a terminal"},
	{"profile", cmd_profile, "show where a packet's time goes in a running connector"},
	{"peers", cmd_peers, "show the endpoints seen and their assets; import the peer list"},
	{"rates", cmd_rates, "show the exchange rates in use; publish the network's"},
	{"privacy", cmd_privacy, "try, audit or plan the privacy mechanism"},
	{"report", cmd_report, "write an archive for whoever helps you, without secrets"},
	{"version", cmd_version, "print the version, the commit and the libraries"},
	{"help", cmd_help, "print this help, or the help of a command"},
};

#define COMMANDS_LEN (sizeof(commands) / sizeof(commands[0]))

static void usage(FILE *out)
{
	fputs("Usage: telltale COMMAND [OPTION...]\n\n"
	      "Opt-in telemetry for Interledger connectors: watches ILP-over-HTTP from outside\n"
	      "the connector and exports privacy-preserving totals over OTLP/gRPC.\n\n"
	      "Commands:\n",
	      out);
	for (size_t i = 0; i < COMMANDS_LEN; i++)
		fprintf(out, "  %-10s%s\n", commands[i].name, commands[i].summary);
	fputs("\nBegin with `telltale check`. `telltale COMMAND --help` explains each command;\n"
	      "telltale(8) explains all of it, telltale.yaml(5) the configuration.\n",
	      out);
}

static const struct command *find(const char *name)
{
	for (size_t i = 0; i < COMMANDS_LEN; i++) {
		if (!strcmp(commands[i].name, name))
			return &commands[i];
	}
	return NULL;
}

/* Output that could not be written, as to a full disk, makes the command fail. */
static int flushed(int status)
{
	if ((fflush(stdout) || ferror(stdout)) && status == EXIT_SUCCESS) {
		fprintf(stderr, "telltale: cannot write to standard output: %s\n", strerror(errno));
		status = EXIT_FAILURE;
	}
	return status;
}

/* Runs COMMAND with argv[0] set to "telltale <name>", which its messages begin with. */
static int dispatch(const struct command *command, int argc, char **argv)
{
	static char title[32];

	snprintf(title, sizeof(title), "telltale %s", command->name);
	argv[0] = title;
	return flushed(command->run(argc, argv));
}

static int cmd_help(int argc, char **argv)
{
	const struct command *command = argc > 1 ? find(argv[1]) : NULL;
	char *help[] = {NULL, "--help", NULL};

	if (argc > 1 && !command) {
		fprintf(stderr, "telltale: no command '%s'; `telltale help` lists them\n", argv[1]);
		return EXIT_USAGE;
	}
	if (command && command->run != cmd_help && command->run != cmd_version)
		return dispatch(command, 2, help);
	usage(stdout);
	return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	const struct command *command;

	argp_err_exit_status = EXIT_USAGE;
	/* Without this, argp adds a note on the arguments of short options to every help. */
	setenv("ARGP_HELP_FMT", "no-dup-args-note", 0);
	if (argc < 2) {
		usage(stderr);
		return EXIT_USAGE;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))
		return flushed(cmd_help(1, argv));
	if (!strcmp(argv[1], "--version") || !strcmp(argv[1], "-V"))
		return flushed(cmd_version(1, argv));
	command = find(argv[1]);
	if (!command) {
		fprintf(stderr, "telltale: no command '%s'; `telltale help` lists them\n", argv[1]);
		return EXIT_USAGE;
	}
	return dispatch(command, argc - 1, argv + 1);
}
