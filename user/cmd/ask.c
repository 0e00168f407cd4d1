/* SPDX-License-Identifier: Apache-2.0 */
/* ask.c - asks the operator before a command does what needs consent. */
#include <stdio.h>
#include <unistd.h>

#include "base/log.h"
#include "cmd/commands.h"

bool command_may_ask(const char *stage, bool yes)
{
	if (yes || isatty(STDIN_FILENO))
		return true;
	log_err(stage, "there is no terminal to ask on; agree with --yes");
	return false;
}

bool command_is_agreed(bool yes)
{
	char answer[16];

	if (yes)
		return true;
	printf("\nDo you agree? [y/N] ");
	fflush(stdout);
	return fgets(answer, sizeof(answer), stdin) && (answer[0] == 'y' || answer[0] == 'Y');
}
