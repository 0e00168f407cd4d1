/* SPDX-License-Identifier: Apache-2.0 */
/*
 * speakers.h - who on this host speaks ILP: what `telltale discover` has seen so far, and how it
 * prints that. It holds programs and cgroups; no amount, address, token or endpoint comes in.
 */
#ifndef TELLTALE_CMD_SPEAKERS_H
#define TELLTALE_CMD_SPEAKERS_H

#include <stddef.h>
#include <stdio.h>

#include "target/naming.h"

#define SPEAKERS_MAX 64 /* more are counted only */

enum speaker_way {
	SPEAKER_PLAIN = 1,  /* HTTP that is followed */
	SPEAKER_TLS = 2,    /* the same in TLS that is read */
	SPEAKER_HTTP2 = 4,  /* that is not followed, because it was open before */
	SPEAKER_UNREAD = 8, /* TLS that is not read: whether it is ILP is not known */
};

enum speaker_part { SPEAKER_SENDS = 1, SPEAKER_RECEIVES = 2 };

struct speaker {
	struct naming naming;
	char program[64];
	unsigned ways;  /* enum speaker_way */
	unsigned parts; /* enum speaker_part */
};

struct speakers {
	struct speaker list[SPEAKERS_MAX];
	size_t len;
	size_t more; /* sightings of others, for which there was no room */
};

/* PROGRAM, in the cgroup NAMING, was seen so. */
void speakers_add(struct speakers *s, const struct naming *naming, const char *program,
		  enum speaker_way way, unsigned parts);

/* How many of them speak ILP as far as is known. */
size_t speakers_known(const struct speakers *s);

/* Prints them, and what to write into the configuration. */
void speakers_print(const struct speakers *s, FILE *out);

#endif
