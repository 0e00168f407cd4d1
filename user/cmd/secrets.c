/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/secrets.h"

#include <errno.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fetch.h"
#include "config/config.h"
#include "page/guard.h"

#define SHORTEST 5 /* what is shorter would be found in half of all words */

static const char mask[] = "***";

struct secrets {
	char **list;
	size_t len, room;
	int err;
};

static void note(struct secrets *s, const char *text)
{
	if (!text || strlen(text) < SHORTEST || s->err)
		return;
	if (s->len == s->room) {
		size_t room = s->room ? 2 * s->room : 16;
		char **more = realloc(s->list, room * sizeof(*more));

		s->err = more ? 0 : -ENOMEM;
		if (!more)
			return;
		s->list = more;
		s->room = room;
	}
	s->list[s->len] = strdup(text);
	if (s->list[s->len])
		s->len++;
	else
		s->err = -ENOMEM;
}

/* The longest first: one may be a part of another. */
static int by_length(const void *a, const void *b)
{
	size_t x = strlen(*(char *const *)a), y = strlen(*(char *const *)b);

	return (x < y) - (x > y);
}

static void note_token(struct secrets *s, const char *path)
{
	char token[PAGE_TOKEN_MAX + 1], why[192];

	if (path && !page_token_load(path, token, why, sizeof(why)))
		note(s, token);
	explicit_bzero(token, sizeof(token));
}

/* A URL that is not shown as it is has something secret in it. */
static void note_location(struct secrets *s, const char *location)
{
	char *shown = location ? fetch_location_shown(location) : NULL;

	if (shown && strcmp(shown, location) != 0)
		note(s, location);
	free(shown);
}

static void note_peer(struct secrets *s, const struct peer *peer)
{
	char fingerprint[17];

	note(s, peer->endpoint);
	note(s, peer->name);
	if (!peer->has_token)
		return;
	snprintf(fingerprint, sizeof(fingerprint), "%016" PRIx64, peer->token);
	note(s, fingerprint);
}

struct secrets *secrets_of(const struct config *config)
{
	struct secrets *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	for (size_t i = 0; i < config->endpoints_len; i++) {
		for (size_t k = 0; k < config->endpoints[i].headers_len; k++)
			note(s, config->endpoints[i].headers[k].value);
	}
	for (size_t i = 0; i < config->peers_len; i++)
		note_peer(s, &config->peers[i]);
	for (size_t i = 0; i < RATES_SOURCES; i++)
		note_location(s, config->rates[i].location);
	note_token(s, config->listen_token);
	if (s->err) {
		secrets_free(s);
		return NULL;
	}
	if (s->len)
		qsort(s->list, s->len, sizeof(*s->list), by_length);
	return s;
}

void secrets_free(struct secrets *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->len; i++) {
		explicit_bzero(s->list[i], strlen(s->list[i]));
		free(s->list[i]);
	}
	free(s->list);
	free(s);
}

/* Replaces WORD in place, since the mask is shorter. */
static void hide_word(char *text, size_t *len, const char *word)
{
	size_t word_len = strlen(word), mask_len = sizeof(mask) - 1, at = 0;
	char *found;

	while ((found = memmem(text + at, *len - at, word, word_len))) {
		memset(found, '*', mask_len);
		at = (size_t)(found - text) + mask_len;
		memmove(text + at, found + word_len, *len - (size_t)(found - text) - word_len);
		*len -= word_len - mask_len;
	}
}

void secrets_hide(const struct secrets *s, char *text, size_t *len)
{
	for (size_t i = 0; i < s->len; i++)
		hide_word(text, len, s->list[i]);
	text[*len] = '\0';
}

int secrets_hide_peers(struct config *config)
{
	for (size_t i = 0; i < config->peers_len; i++) {
		struct peer *peer = &config->peers[i];

		free(peer->name);
		free(peer->endpoint);
		peer->name = NULL;
		peer->endpoint = strdup(mask);
		peer->token = 0;
		if (!peer->endpoint)
			return -ENOMEM;
	}
	return 0;
}
