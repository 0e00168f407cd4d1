/* SPDX-License-Identifier: Apache-2.0 */
/*
 * commands.h - the subcommands: each takes its own argv (argv[0] is "telltale <name>") and returns
 * the exit status.
 *
 * 0: done. 1: it did not work, or the check found a fault. 2: wrong usage.
 */
#ifndef TELLTALE_COMMANDS_H
#define TELLTALE_COMMANDS_H

#define EXIT_USAGE 2

int cmd_run(int argc, char **argv);
int cmd_check(int argc, char **argv);
int cmd_peers(int argc, char **argv);
int cmd_rates(int argc, char **argv);
int cmd_privacy(int argc, char **argv);

#endif
