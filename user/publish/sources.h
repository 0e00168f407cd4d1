/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sources.h - the files and URLs that `telltale rates publish` reads rates from. They are read at
 * the same time, each with limits on its time, size and age.
 */
#ifndef TELLTALE_SOURCES_H
#define TELLTALE_SOURCES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "publish/publish.h"
#include "publish/quotes_parse.h"

#define SOURCES_WHY 256

struct fetch;

struct source_place {
	enum quotes_format format;
	char *location; /* a path, or an http(s) URL */
	bool is_url;
	uint32_t timeout_ms, max_age_ms;
	size_t max_size;
	char name[128]; /* for messages; holds no secret */
	struct fetch *fetch;
	struct quotes *quotes; /* NULL: not read yet, or failed */
	char why[SOURCES_WHY]; /* the reason when it failed */
};

struct sources {
	struct source_place items[PUBLISH_SOURCES_MAX];
	size_t len;
};

/*
 * Adds the source FORMAT[,timeout=10s][,max-size=BYTES][,max-age=168h]:LOCATION. 0, or -EINVAL or
 * -ENOMEM with a sentence in WHY (SOURCES_WHY bytes).
 */
int sources_add(struct sources *s, const char *spec, char *why);
/* Reads all sources; each then has quotes, or the reason why not. NOW is seconds since 1970.
 * Returns how many have quotes. */
size_t sources_read(struct sources *s, int64_t now);
void sources_fini(struct sources *s);

#endif
