/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/libbpf.h>

static _Atomic int threshold = LOG_LEVEL_INFO;

void log_set_level(enum log_level level)
{
	atomic_store(&threshold, level);
}

/* systemd sets JOURNAL_STREAM for a service whose standard error it reads. */
static bool under_journald(void)
{
	static _Atomic int known = -1;
	int value = atomic_load(&known);

	if (value < 0) {
		value = getenv("JOURNAL_STREAM") != NULL;
		atomic_store(&known, value);
	}
	return value;
}

void log_vwrite(enum log_level level, const char *stage, const char *format, va_list args)
{
	char text[1024];

	if ((int)level > atomic_load(&threshold))
		return;
	vsnprintf(text, sizeof(text), format, args);
	text[strcspn(text, "\n")] = '\0';
	if (under_journald())
		fprintf(stderr, "<%d>%s: %s\n", level, stage, text);
	else
		fprintf(stderr, "telltale: %s: %s\n", stage, text);
}

void log_write(enum log_level level, const char *stage, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	log_vwrite(level, stage, format, args);
	va_end(args);
}

/* One level lower. libbpf's DEBUG, a line for each relocation, is then dropped at every level. */
static int libbpf_print(enum libbpf_print_level level, const char *format, va_list args)
{
	static const char prefix[] = "libbpf: ";

	if (level == LIBBPF_DEBUG)
		return 0;
	if (!strncmp(format, prefix, sizeof(prefix) - 1))
		format += sizeof(prefix) - 1;
	log_vwrite(level == LIBBPF_WARN ? LOG_LEVEL_INFO : LOG_LEVEL_DEBUG, "libbpf", format, args);
	return 0;
}

void log_route_libbpf(void)
{
	libbpf_set_print(libbpf_print);
}
