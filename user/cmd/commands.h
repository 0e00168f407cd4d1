/* SPDX-License-Identifier: Apache-2.0 */
/*
 * commands.h - the subcommands. Each gets its own argv (argv[0] is "telltale <name>") and returns
 * the exit status.
 *
 * 0: done. 1: it failed, or the check found a fault. 2: wrong usage. 3: see rates publish.
 */
#ifndef TELLTALE_COMMANDS_H
#define TELLTALE_COMMANDS_H

#include <argp.h>
#include <stdbool.h>

#include "config/target.h"

#define EXIT_USAGE 2

int cmd_run(int argc, char **argv);
int cmd_probe(int argc, char **argv);
int cmd_daemon(int argc, char **argv);
int cmd_enable(int argc, char **argv);
int cmd_disable(int argc, char **argv);
int cmd_discover(int argc, char **argv);
int cmd_check(int argc, char **argv);
int cmd_report(int argc, char **argv);
int cmd_top(int argc, char **argv);
int cmd_profile(int argc, char **argv);
int cmd_peers(int argc, char **argv);
int cmd_rates(int argc, char **argv);
int cmd_rates_publish(int argc, char **argv);
int cmd_privacy(int argc, char **argv);
/* Prints the version, the COMMIT that it was made from, and the versions of the libraries in use.
 */
void version_print(const char *commit);
/* Actions of `privacy`. */
int cmd_privacy_audit(int argc, char **argv);
int cmd_privacy_suggest(int argc, char **argv);

/* --config and the targets of the command line: an argp child of `run` and `check`. */
struct command_config {
	const char *path;                                 /* NULL: the default file, if it exists */
	struct config_target targets[CONFIG_TARGETS_MAX]; /* names point into argv */
	size_t targets_len;
};

extern const struct argp command_config_argp;

struct config;

/* The configuration with the command line's targets added; NULL after logging an error. */
struct config *command_config_load(const struct command_config *a);
/* The same, for commands that observe: consent is given, and nothing that they need is missing. */
struct config *command_config_consented(struct command_config *a);
/* As command_config_load, of the struct command_config A, and logs the remarks. */
struct config *command_config_again(void *a);

/* Whether the operator can be asked, or has agreed on the command line (YES); if not, says so. */
bool command_may_ask(const char *stage, bool yes);
/* Asks whether what was shown is agreed to, unless YES. */
bool command_is_agreed(bool yes);

/* Gives up every privilege, as the daemon half does before anything else: root's process takes the
 * rights of the packaged user where it can (daemon/account.h). Before, it joins listen_group where
 * it may, to give the page's socket to it. 0 or -errno, logged. */
int command_give_up_privileges(const struct config *config);

#endif
