/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log.h - messages on standard error, one line each, with the name of the stage first.
 *
 * Under journald each line begins with its syslog level ("<4>"); elsewhere it does not. Never log a
 * payload, an ILP address, a token or a true amount.
 */
#ifndef TELLTALE_LOG_H
#define TELLTALE_LOG_H

#include <stdarg.h>

/* The values are syslog's severities. */
enum log_level { LOG_LEVEL_ERR = 3, LOG_LEVEL_WARN = 4, LOG_LEVEL_INFO = 6, LOG_LEVEL_DEBUG = 7 };

/* Messages less severe than LEVEL are dropped. The level is INFO until the first call. */
void log_set_level(enum log_level level);

/* Writes one message of STAGE, escaped (escape.h) so that it stays one line whatever it contains.
 * FORMAT does not end in a newline. Thread-safe. */
void log_write(enum log_level level, const char *stage, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void log_vwrite(enum log_level level, const char *stage, const char *format, va_list args)
	__attribute__((format(printf, 3, 0)));

/* Routes libbpf's messages here, one level lower than libbpf says. */
void log_route_libbpf(void);

#define log_err(stage, ...)   log_write(LOG_LEVEL_ERR, stage, __VA_ARGS__)
#define log_warn(stage, ...)  log_write(LOG_LEVEL_WARN, stage, __VA_ARGS__)
#define log_info(stage, ...)  log_write(LOG_LEVEL_INFO, stage, __VA_ARGS__)
#define log_debug(stage, ...) log_write(LOG_LEVEL_DEBUG, stage, __VA_ARGS__)

#endif
