/* SPDX-License-Identifier: Apache-2.0 */
#include "publish/sources.h"

#include <curl/curl.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/text.h"
#include "base/fetch.h"
#include "rates/rates.h"

#define TIMEOUT_MS 10000u
#define AGE_MAX_MS (7u * 24 * 3600 * 1000) /* longer than any run of bank holidays */
#define STEP_MS    20u
#define DAY_S      86400

/* --- what the operator wrote --- */

static int refuse_spec(const char *spec, char *why)
{
	/* The message does not show the location, which may hold a key. */
	snprintf(why, SOURCES_WHY,
		 "the source '%.*s…' is not FORMAT:LOCATION with a format of rafiki, merchant or "
		 "ecb",
		 (int)strnlen(spec, strcspn(spec, ":") < 30 ? strcspn(spec, ":") : 30), spec);
	return -EINVAL;
}

static int set_limit(struct source_place *s, const char *name, const char *value, char *why)
{
	char reason[CONFIG_WHY] = "";
	uint64_t bytes = 0;
	int error;

	if (!strcmp(name, "timeout")) {
		error = config_parse_duration(value, 100, 600000, &s->timeout_ms, reason);
	} else if (!strcmp(name, "max-size")) {
		error = config_parse_number(value, 1, RATES_DOCUMENT_MAX, &bytes, reason);
		s->max_size = bytes;
	} else if (!strcmp(name, "max-age")) {
		error = config_parse_duration(value, 3600000, UINT32_MAX, &s->max_age_ms, reason);
	} else {
		snprintf(why, SOURCES_WHY,
			 "a source has no setting '%.30s'; there are timeout, max-size and max-age",
			 name);
		return -EINVAL;
	}
	if (error)
		snprintf(why, SOURCES_WHY, "the source's %s: %.200s", name, reason);
	return error;
}

/* Reads TEXT, such as "ecb,timeout=5s", and changes it. */
static int set_format(struct source_place *s, char *text, const char *spec, char *why)
{
	char *format = strsep(&text, ","), *setting, *value;
	int error = -EINVAL;

	for (int i = 0; i < QUOTES_FORMATS; i++) {
		if (!strcmp(format, quotes_format_names[i])) {
			s->format = (enum quotes_format)i;
			error = 0;
		}
	}
	if (error)
		return refuse_spec(spec, why);
	while (!error && (setting = strsep(&text, ","))) {
		value = strchr(setting, '=');
		if (value)
			*value++ = '\0';
		error = set_limit(s, setting, value ? value : "", why);
	}
	return error;
}

static int set_location(struct source_place *s, const char *location, char *why)
{
	s->is_url = !strncasecmp(location, "http:", 5) || !strncasecmp(location, "https:", 6);
	/* Only Rafiki's services take ?base=. */
	if (s->is_url && s->format == QUOTES_RAFIKI)
		s->location = fetch_url_with_base(location, RATES_BASE_CODE);
	else if (!strncasecmp(location, "file:", 5))
		s->location = fetch_path_of_url(location);
	else if (s->is_url || (*location && !strstr(location, "://")))
		s->location = strdup(location);
	if (s->location)
		return 0;
	snprintf(why, SOURCES_WHY,
		 "a source's location is not a path and not a file, http or https URL");
	return -EINVAL;
}

/* Names S for messages: by a URL's host, or a file's path. */
static void set_name(struct source_place *s, size_t number)
{
	CURLU *u = s->is_url ? curl_url() : NULL;
	char *host = NULL;

	if (u && (curl_url_set(u, CURLUPART_URL, s->location, 0) ||
		  curl_url_get(u, CURLUPART_HOST, &host, 0)))
		host = NULL;
	snprintf(s->name, sizeof(s->name), "source %zu (%s, %.80s)", number,
		 quotes_format_names[s->format],
		 !s->is_url ? s->location
		 : host     ? host
			    : "an invalid URL");
	curl_free(host);
	curl_url_cleanup(u);
}

int sources_add(struct sources *s, const char *spec, char *why)
{
	const char *colon = strchr(spec, ':');
	struct source_place *item;
	char *head = NULL;
	int error;

	if (!colon)
		return refuse_spec(spec, why);
	if (s->len == PUBLISH_SOURCES_MAX) {
		snprintf(why, SOURCES_WHY, "more than %d sources", PUBLISH_SOURCES_MAX);
		return -EINVAL;
	}
	item = &s->items[s->len];
	*item = (struct source_place){
		.timeout_ms = TIMEOUT_MS, .max_age_ms = AGE_MAX_MS, .max_size = RATES_DOCUMENT_MAX};
	head = strndup(spec, (size_t)(colon - spec));
	if (!head) {
		snprintf(why, SOURCES_WHY, "out of memory");
		return -ENOMEM;
	}
	error = set_format(item, head, spec, why);
	free(head);
	if (!error)
		error = set_location(item, colon + 1, why);
	/* A source listed twice would confirm itself. */
	for (size_t i = 0; !error && i < s->len; i++) {
		if (!strcmp(s->items[i].location, item->location)) {
			snprintf(why, SOURCES_WHY,
				 "sources %zu and %zu are the same place; leave one out", i + 1,
				 s->len + 1);
			error = -EINVAL;
		}
	}
	if (error) {
		free(item->location);
		item->location = NULL;
		return error;
	}
	s->len++;
	set_name(item, s->len);
	return 0;
}

/* --- reading --- */

static void check_age(struct source_place *s, int64_t now)
{
	int64_t age = now - s->quotes->dated, max = s->max_age_ms / 1000;

	if (!s->quotes->dated || (age <= max && age >= -DAY_S))
		return;
	if (age < 0)
		snprintf(s->why, sizeof(s->why),
			 "its rates are of a day in the future; check this host's clock");
	else
		snprintf(s->why, sizeof(s->why),
			 "its rates are %" PRId64 " days old, and max-age is %" PRId64
			 " hours; is it still updated?",
			 age / DAY_S, max / 3600);
	free(s->quotes);
	s->quotes = NULL;
}

static void take(struct source_place *s, const char *text, size_t len, int64_t now)
{
	if (!quotes_parse(s->format, text, len, &s->quotes, s->why, sizeof(s->why)))
		check_age(s, now);
}

static void read_file(struct source_place *s, int64_t now)
{
	char *text = NULL;
	size_t len = 0;

	if (!fetch_file(s->location, s->max_size, &text, &len, s->why, sizeof(s->why)))
		take(s, text, len, now);
	free(text);
}

/* Returns whether the fetch has not ended yet. */
static bool step_url(struct source_place *s, int64_t now)
{
	const char *text = NULL;
	size_t len = 0;
	int error;

	if (!s->fetch)
		return false;
	error = fetch_step(s->fetch, &text, &len, s->why, sizeof(s->why));
	if (error == -EAGAIN)
		return true;
	if (!error)
		take(s, text, len, now);
	fetch_free(s->fetch);
	s->fetch = NULL;
	return false;
}

size_t sources_read(struct sources *s, int64_t now)
{
	struct source_place *waiting;
	size_t good = 0;

	for (size_t i = 0; i < s->len; i++) {
		struct source_place *item = &s->items[i];

		if (!item->is_url)
			read_file(item, now);
		else if (fetch_start(item->location, item->max_size, item->timeout_ms, &item->fetch,
				     item->why, sizeof(item->why)))
			item->fetch = NULL;
	}
	do {
		waiting = NULL;
		for (size_t i = 0; i < s->len; i++) {
			if (step_url(&s->items[i], now))
				waiting = &s->items[i];
		}
		if (waiting)
			fetch_wait(waiting->fetch, STEP_MS);
	} while (waiting);
	for (size_t i = 0; i < s->len; i++)
		good += s->items[i].quotes != NULL;
	return good;
}

void sources_fini(struct sources *s)
{
	for (size_t i = 0; i < s->len; i++) {
		fetch_free(s->items[i].fetch);
		free(s->items[i].quotes);
		free(s->items[i].location);
	}
	s->len = 0;
}
