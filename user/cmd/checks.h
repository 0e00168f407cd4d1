/* SPDX-License-Identifier: Apache-2.0 */
/* checks.h - what the files of `telltale check` share. */
#ifndef TELLTALE_CMD_CHECKS_H
#define TELLTALE_CMD_CHECKS_H

#include <stdbool.h>

#include "tap/host.h"

struct config;

/* From now on lines are kept, and check_sum prints them as JSON. 0 or -ENOMEM. */
int check_as_json(void);

/* Prints one line about WHAT, escaped, and counts it. */
void check_say(enum host_verdict verdict, const char *what, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* On a terminal, shows until the next line that WHAT takes a while. */
void check_wait(const char *what, const char *words);

/* Prints how many failed and warned; whether any failed. */
bool check_sum(void);

/* Says what the telltale that runs with CONFIG has loaded. False when none answers. */
bool check_running(const struct config *config);

/* Fetches the exchange rates, and prices each asset of the configuration. */
void check_rates(const struct config *config);

#endif
