/* SPDX-License-Identifier: Apache-2.0 */
#include "rates/rates.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/clock.h"
#include "base/fetch.h"
#include "base/log.h"
#include "base/proxy.h"
#include "rates/unpack.h"

#define STAGE          "rates"
#define TIMEOUT_MS     10000u
#define RETRY_FIRST_MS 5000u
#define RETRY_LAST_MS  300000u
#define LIFETIME_MIN   1000u /* ms; a shorter one would only burden the service */
#define LOOK_MS        1000u /* ms between two checks whether a file has changed */
#define STEP_MS        20    /* ms between two steps of a fetch */

enum kind { KIND_NONE, KIND_FILE, KIND_URL, KIND_BAD };

/* The attributes that differ when a file has changed. */
struct file_state {
	dev_t dev;
	ino_t ino;
	off_t size;
	struct timespec changed;
};

struct source {
	const char *name;
	enum kind kind;
	char *location; /* path, or URL with ?base= */
	uint32_t lifetime_ms;
	struct rates_document *document;
	uint64_t fetched_ms;
	uint64_t due_ms;   /* when to fetch (again) */
	uint32_t retry_ms; /* the wait after the next failure */
	uint64_t look_ms;
	struct file_state seen;
	struct fetch *fetch;
	bool proxy_said;
	struct rates_refused refused; /* of the document */
	uint64_t refreshes, failures;
	int last; /* 0 or -errno of the last fetch */
	char error[256];
};

struct rates {
	struct source sources[RATES_SOURCES];
};

/* --- sources --- */

static int source_init(struct source *s, const char *name, const struct rates_source_config *config)
{
	const char *location = config->location;

	*s = (struct source){.name = name, .retry_ms = RETRY_FIRST_MS};
	s->lifetime_ms = config->lifetime_ms < LIFETIME_MIN ? LIFETIME_MIN : config->lifetime_ms;
	if (!location)
		return 0;
	if (!strncasecmp(location, "http:", 5) || !strncasecmp(location, "https:", 6)) {
		s->kind = KIND_URL;
		s->location = fetch_url_with_base(location, RATES_BASE_CODE);
	} else if (!strncasecmp(location, "file:", 5)) {
		s->kind = KIND_FILE;
		s->location = fetch_path_of_url(location);
	} else if (!strstr(location, "://")) {
		s->kind = KIND_FILE;
		s->location = strdup(location);
		if (!s->location)
			return -ENOMEM;
	}
	if (!s->location)
		s->kind = KIND_BAD;
	return 0;
}

struct rates *rates_new(const struct rates_source_config config[RATES_SOURCES])
{
	static const char *const names[RATES_SOURCES] = {"operator's", "network's"};
	struct rates *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	for (int i = 0; i < RATES_SOURCES; i++) {
		if (source_init(&r->sources[i], names[i], &config[i])) {
			rates_free(r);
			return NULL;
		}
	}
	return r;
}

static bool same_place(const struct source *a, const struct source *b)
{
	return a->kind == b->kind &&
	       (a->location == b->location ||
		(a->location && b->location && !strcmp(a->location, b->location)));
}

/* NEW takes over from OLD. Of the two, what is left in OLD is to be freed. */
static void succeed(struct source *new, struct source *old)
{
	struct source before = *old;

	if (same_place(new, old)) {
		old->lifetime_ms = new->lifetime_ms;
		return;
	}
	if (new->kind != KIND_NONE) {
		new->document = before.document;
		new->fetched_ms = before.fetched_ms;
		new->refused = before.refused;
		before.document = NULL;
	}
	new->refreshes = before.refreshes;
	new->failures = before.failures;
	*old = *new;
	*new = before;
}

int rates_change(struct rates *r, const struct rates_source_config config[RATES_SOURCES])
{
	struct rates *other = rates_new(config);

	if (!other)
		return -ENOMEM;
	for (int i = 0; i < RATES_SOURCES; i++)
		succeed(&other->sources[i], &r->sources[i]);
	rates_free(other);
	return 0;
}

void rates_free(struct rates *r)
{
	if (!r)
		return;
	for (int i = 0; i < RATES_SOURCES; i++) {
		fetch_free(r->sources[i].fetch);
		rates_document_free(r->sources[i].document);
		free(r->sources[i].location);
	}
	free(r);
}

/* --- fetching --- */

/* Notes that a fetch of S ended with ERROR and, if that is not 0, for the reason WHY. */
static void finish(struct source *s, int error, const char *why, uint64_t now_ms)
{
	bool said = s->error[0] && s->last == error;

	fetch_free(s->fetch);
	s->fetch = NULL;
	s->last = error;
	if (!error) {
		if (s->error[0])
			log_info(STAGE, "the %s rates can be fetched again", s->name);
		s->error[0] = '\0';
		s->refreshes++;
		s->fetched_ms = now_ms;
		s->due_ms = now_ms + s->lifetime_ms;
		s->retry_ms = RETRY_FIRST_MS;
		return;
	}
	s->failures++;
	/* Logged once, not at each try. The text is not compared, because it can contain the
	 * milliseconds that a try took. */
	if (!said)
		log_warn(STAGE, "the %s rates could not be fetched: %s%s", s->name, why,
			 s->document ? "; the last good ones stay in use" : "");
	snprintf(s->error, sizeof(s->error), "%s", why);
	s->due_ms = now_ms + s->retry_ms;
	s->retry_ms = s->retry_ms > RETRY_LAST_MS / 2 ? RETRY_LAST_MS : s->retry_ms * 2;
}

/* Names rates that cannot be used once, not at each fetch. */
static void say_refused(struct source *s, const struct rates_refused *refused)
{
	if (refused->count && strcmp(refused->why, s->refused.why) != 0)
		log_warn(STAGE, "%zu of the %s rates cannot be used and %s left out: %s",
			 refused->count, s->name, refused->count == 1 ? "is" : "are", refused->why);
	s->refused = *refused;
}

static int take(struct source *s, const char *text, size_t len, char *why, size_t why_len)
{
	struct rates_document *fresh = NULL;
	struct rates_refused refused;
	const char *plain = NULL;
	char *owned = NULL;
	size_t plain_len = 0;
	int error = rates_unpack(text, len, &plain, &plain_len, &owned, why, why_len);

	if (!error)
		error = rates_judge(plain, plain_len, &fresh, &refused, why, why_len);
	free(owned);
	if (error)
		return error;
	say_refused(s, &refused);
	rates_document_free(s->document);
	s->document = fresh;
	return 0;
}

static struct file_state file_look(const char *path)
{
	struct stat st = {0};

	if (stat(path, &st))
		return (struct file_state){0};
	return (struct file_state){st.st_dev, st.st_ino, st.st_size, st.st_mtim};
}

static bool file_same(const struct file_state *a, const struct file_state *b)
{
	return a->dev == b->dev && a->ino == b->ino && a->size == b->size &&
	       a->changed.tv_sec == b->changed.tv_sec && a->changed.tv_nsec == b->changed.tv_nsec;
}

static void tick_file(struct source *s, uint64_t now_ms)
{
	char why[256] = "", *body = NULL;
	struct file_state seen = s->seen;
	size_t len = 0;
	int error;

	if (now_ms < s->due_ms && now_ms < s->look_ms)
		return;
	s->look_ms = now_ms + LOOK_MS;
	/* Attributes are read before the file, so that a change in between is seen next time. */
	seen = file_look(s->location);
	if (now_ms < s->due_ms && file_same(&seen, &s->seen))
		return;
	s->seen = seen;
	error = fetch_file(s->location, RATES_DOCUMENT_MAX, &body, &len, why, sizeof(why));
	if (!error)
		error = take(s, body, len, why, sizeof(why));
	free(body);
	finish(s, error, why, now_ms);
}

/* Once: who uses a proxy that the environment names has to be able to know it. */
static void say_proxy(struct source *s)
{
	struct proxy proxy;

	if (!s->proxy_said && proxy_find_for_url(s->location, &proxy))
		log_info(STAGE, "the %s rates are fetched through the proxy %s (%s)", s->name,
			 proxy.shown, proxy.variable);
	s->proxy_said = true;
}

static void tick_url(struct source *s, uint64_t now_ms)
{
	char why[256] = "";
	const char *body = NULL;
	size_t len = 0;
	int error = 0;

	if (!s->fetch) {
		if (now_ms < s->due_ms)
			return;
		say_proxy(s);
		error = fetch_start(s->location, RATES_DOCUMENT_MAX, TIMEOUT_MS, &s->fetch, why,
				    sizeof(why));
	}
	if (!error)
		error = fetch_step(s->fetch, &body, &len, why, sizeof(why));
	if (error == -EAGAIN)
		return;
	if (!error)
		error = take(s, body, len, why, sizeof(why));
	finish(s, error, why, now_ms);
}

static void tick_source(struct source *s, uint64_t now_ms)
{
	switch (s->kind) {
	case KIND_NONE: break;
	case KIND_FILE: tick_file(s, now_ms); break;
	case KIND_URL: tick_url(s, now_ms); break;
	case KIND_BAD:
		if (now_ms >= s->due_ms)
			finish(s, -EINVAL, "not a path and not an http, https or file URL", now_ms);
		break;
	}
}

void rates_tick(struct rates *r, uint64_t now_ms)
{
	for (int i = 0; i < RATES_SOURCES; i++)
		tick_source(&r->sources[i], now_ms);
}

int rates_wait_ms(const struct rates *r, uint64_t now_ms)
{
	uint64_t wait = UINT64_MAX;

	for (int i = 0; i < RATES_SOURCES; i++) {
		const struct source *s = &r->sources[i];
		uint64_t at = s->due_ms;

		if (s->kind == KIND_NONE)
			continue;
		if (s->kind == KIND_FILE && s->look_ms < at)
			at = s->look_ms;
		if (s->fetch)
			at = now_ms + STEP_MS;
		at = at > now_ms ? at - now_ms : 0;
		if (at < wait)
			wait = at;
	}
	if (wait == UINT64_MAX)
		return -1;
	return wait > INT32_MAX ? INT32_MAX : (int)wait;
}

int rates_load(struct rates *r, unsigned timeout_ms)
{
	uint64_t start = clock_mono_ms(), now = start;
	bool waiting;
	int error = 0;

	for (int i = 0; i < RATES_SOURCES; i++)
		r->sources[i].due_ms = 0;
	rates_tick(r, now);
	do {
		waiting = false;
		for (int i = 0; i < RATES_SOURCES; i++) {
			struct source *s = &r->sources[i];

			if (!s->fetch)
				continue;
			fetch_wait(s->fetch, STEP_MS);
			now = clock_mono_ms();
			tick_source(s, now);
			if (s->fetch && now - start >= timeout_ms)
				finish(s, -ETIMEDOUT, "no complete answer in time", now);
			waiting = waiting || s->fetch;
		}
	} while (waiting);
	for (int i = 0; i < RATES_SOURCES; i++) {
		if (r->sources[i].last)
			error = r->sources[i].last;
	}
	return error;
}

/* --- use --- */

enum rates_result rates_convert(const struct rates *r, uint64_t amount, const struct asset *asset,
				uint64_t *value)
{
	enum rates_result result = RATES_UNKNOWN;

	for (int i = 0; i < RATES_SOURCES && result == RATES_UNKNOWN; i++)
		result = rates_document_convert(r->sources[i].document, amount, asset, value);
	return result;
}

struct rates_status rates_status(const struct rates *r, enum rates_source source, uint64_t now_ms)
{
	const struct source *s = &r->sources[source];
	struct rates_status status = {
		.configured = s->kind != KIND_NONE,
		.loaded = s->document != NULL,
		.refreshes = s->refreshes,
		.failures = s->failures,
		.refused = s->refused,
	};

	snprintf(status.error, sizeof(status.error), "%s", s->error);
	if (s->document) {
		status.age_ms = now_ms > s->fetched_ms ? now_ms - s->fetched_ms : 0;
		status.assets = rates_document_len(s->document);
		snprintf(status.base, sizeof(status.base), "%s", rates_document_base(s->document));
	}
	return status;
}

const struct rates_document *rates_in_use(const struct rates *r, enum rates_source source)
{
	return r->sources[source].document;
}

void rates_each(const struct rates *r, enum rates_source source,
		void (*each)(void *context, const char *code, struct rate rate), void *context)
{
	if (r->sources[source].document)
		rates_document_each(r->sources[source].document, each, context);
}
