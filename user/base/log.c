/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/libbpf.h>

#include "base/escape.h"

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
	char said[1024], text[2048];
	int len;

	if ((int)level > atomic_load(&threshold))
		return;
	len = vsnprintf(said, sizeof(said), format, args);
	if (len > 0 && (size_t)len < sizeof(said) && said[len - 1] == '\n')
		said[len - 1] = '\0';
	escape_text(said, text, sizeof(text));
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
	char text[1024];

	if (level == LIBBPF_DEBUG)
		return 0;
	if (!strncmp(format, prefix, sizeof(prefix) - 1))
		format += sizeof(prefix) - 1;
	/* Of several lines, such as the verifier's words, the first says what happened. */
	vsnprintf(text, sizeof(text), format, args);
	text[strcspn(text, "\n")] = '\0';
	log_write(level == LIBBPF_WARN ? LOG_LEVEL_INFO : LOG_LEVEL_DEBUG, "libbpf", "%s", text);
	return 0;
}

void log_route_libbpf(void)
{
	libbpf_set_print(libbpf_print);
}
