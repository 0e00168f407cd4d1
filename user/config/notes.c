/* SPDX-License-Identifier: Apache-2.0 */
#include "config/notes.h"

#include <errno.h>
#include <search.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* --- errors ------------------------------------------------------------------------------ */

void config_error(struct config_loader *l, size_t line, size_t column, const char *format, ...)
{
	va_list args;

	l->errors_len++;
	fprintf(l->errors, "%s:%zu:%zu: ", l->file, line, column);
	va_start(args, format);
	vfprintf(l->errors, format, args);
	va_end(args);
	fputc('\n', l->errors);
}

void config_error_env(struct config_loader *l, const char *variable, const char *format, ...)
{
	va_list args;

	l->errors_len++;
	fprintf(l->errors, "environment: %s: ", variable);
	va_start(args, format);
	vfprintf(l->errors, format, args);
	va_end(args);
	fputc('\n', l->errors);
}

void config_remark(struct config_loader *l, const char *format, ...)
{
	struct config *c = l->config;
	va_list args;
	int len;

	if (c->remarks_len == CONFIG_REMARKS_MAX)
		return;
	va_start(args, format);
	len = vasprintf(&c->remarks[c->remarks_len], format, args);
	va_end(args);
	if (len < 0)
		l->no_memory = true;
	else
		c->remarks_len++;
}

/* --- where values came from -------------------------------------------------------------- */

struct note {
	struct config_source source;
	char name[];
};

static int note_compare(const void *a, const void *b)
{
	const struct note *x = a, *y = b;

	return strcmp(x->name, y->name);
}

static struct note *note_new(const char *name, struct config_source source)
{
	size_t size = strlen(name) + 1;
	struct note *note = malloc(sizeof(*note) + size);

	if (!note)
		return NULL;
	note->source = source;
	memcpy(note->name, name, size);
	return note;
}

int config_note(struct config *c, const char *name, struct config_source source)
{
	struct note *note = note_new(name, source), **found;

	if (!note)
		return -ENOMEM;
	found = tsearch(note, &c->provenance->notes, note_compare);
	if (!found) {
		free(note);
		return -ENOMEM;
	}
	if (*found != note) {
		(*found)->source = source;
		free(note);
	}
	return 0;
}

struct config_source config_noted(const struct config *c, const char *name)
{
	struct config_source none = {0};
	struct note *key = note_new(name, none), **found;

	found = key ? tfind(key, &c->provenance->notes, note_compare) : NULL;
	free(key);
	return found ? (*found)->source : none;
}

void config_provenance_free(struct config_provenance *p)
{
	if (!p)
		return;
	tdestroy(p->notes, free);
	free(p->file);
	free(p);
}

const char *config_file(const struct config *c)
{
	return c->provenance->file ? c->provenance->file
				   : "none: there is no " CONFIG_DEFAULT_PATH ", and no --config";
}
