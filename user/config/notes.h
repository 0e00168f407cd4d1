/* SPDX-License-Identifier: Apache-2.0 */
/* notes.h - reports errors in a configuration, and remembers where each value came from. */
#ifndef TELLTALE_CONFIG_NOTES_H
#define TELLTALE_CONFIG_NOTES_H

#include "config/internal.h"

/* LINE and COLUMN count from 1. */
void config_error(struct config_loader *l, size_t line, size_t column, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
void config_error_env(struct config_loader *l, const char *variable, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Adds a remark to the configuration; beyond CONFIG_REMARKS_MAX they are dropped. */
void config_remark(struct config_loader *l, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Notes that the value called NAME ("rates.operator", "peers.0.token") came from SOURCE. A later
 * note replaces an earlier one. 0 or -ENOMEM. */
int config_note(struct config *c, const char *name, struct config_source source);
/* Where the value called NAME came from; all zero when it is a default. */
struct config_source config_noted(const struct config *c, const char *name);
void config_provenance_free(struct config_provenance *p);

#endif
