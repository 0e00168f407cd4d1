/* SPDX-License-Identifier: Apache-2.0 */
/* internal.h - what the files of the configuration share: limits, where a value came from, and the
 * state of a load. */
#ifndef TELLTALE_CONFIG_INTERNAL_H
#define TELLTALE_CONFIG_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "config/config.h"

#define CONFIG_PATH 160 /* room for a value's name, such as "endpoints.0.headers.x" */

#define CONFIG_LIFETIME_OPERATOR_MS 15000    /* Rafiki's default for its own rates */
#define CONFIG_LIFETIME_NETWORK_MS  86400000 /* ... and for the network's */
#define CONFIG_LIFETIME_MIN_MS      1000
#define CONFIG_LIFETIME_MAX_MS      2592000000u
#define CONFIG_INTERVAL_MS          15000
#define CONFIG_INTERVAL_MIN_MS      1000
#define CONFIG_INTERVAL_MAX_MS      3600000

/* --- where values came from -------------------------------------------------------------- */

struct config_source {
	unsigned line;        /* in the file; 0: not from there */
	const char *variable; /* static text; NULL: not from the environment */
};

struct config_provenance {
	char *file;
	void *notes; /* a tree of tsearch(3), by the value's name */
};

/* --- loading ----------------------------------------------------------------------------- */

struct config_loader {
	struct config *config;
	const char *file; /* NULL: none */
	FILE *errors;
	unsigned errors_len;
	bool no_memory; /* the load ends in -ENOMEM */
};

#endif
