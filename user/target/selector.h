/* SPDX-License-Identifier: Apache-2.0 */
/*
 * selector.h - a target of the configuration -> which directories of the hierarchy it means, and
 * which lie on the way to them.
 *
 *   cgroup  a path, of which each component may be a pattern of fnmatch(3): `*`, `?`, `[a-z]`
 *   unit    a unit of the system manager, wherever its slices put it, and the `.socket` units that
 *           start it. A user's manager or a container may run a unit of the same name: anybody
 *           could make one, so those are named by `cgroup`.
 *   pid     the cgroup that this process is in
 *   executable  the cgroups that hold this program of the host and nothing else: executable.h
 *   container, pod  the cgroups of the containers, or pods, with these traits: contained.h
 */
#ifndef TELLTALE_SELECTOR_H
#define TELLTALE_SELECTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/config.h"

struct trigger_known;
struct contained;
struct executable;

struct selector {
	enum config_target_kind kind;
	const char *name;  /* the configuration's; borrowed */
	const char *mount; /* of the hierarchy; borrowed */
	char *root;        /* where the search begins: MOUNT, or the system manager's cgroup */
	char **parts;      /* of `cgroup` and `pid`, below ROOT */
	size_t parts_len;
	/* Of `unit`: the `.socket` units that were looked at. */
	struct trigger_known *known;
	size_t known_len;
	int process;                 /* of `pid`: its pidfd; -1: none */
	struct contained *contained; /* of `container` and `pod` */
	struct executable *executable;
	char mixed[128]; /* of `executable`: where it runs together with others; "": nowhere */
};

/* 0, or -errno with a sentence in WHY: the name can be no target here. MOUNT is borrowed. What does
 * not exist yet is no error. */
int selector_init(struct selector *s, const struct config_target *config, const char *mount,
		  char *why, size_t why_len);
void selector_fini(struct selector *s);

/*
 * Brings a `pid` up to date: where that process is now. 0, or -errno with the reason in WHY when
 * there is nothing to look for: -ESRCH, and there never will be. Others: 0.
 */
int selector_refresh(struct selector *s, char *why, size_t why_len);

enum selector_match {
	SELECTOR_NO,
	SELECTOR_WAY,   /* what is meant may lie below it */
	SELECTOR_HIT,   /* is meant */
	SELECTOR_ABOVE, /* the directory that it is in is meant */
};

/* What the directory NAME is, in DIR, which lies on the way, DEPTH components below the root. */
enum selector_match selector_matches(struct selector *s, const char *dir, size_t depth,
				     const char *name);
/* The only name that can match below a directory on the way; NULL: it takes a look at all. */
const char *selector_literal(const struct selector *s, size_t depth);
/* Does the directory DIR lie on the way, and how many components below the root? */
bool selector_leads(const struct selector *s, const char *dir, size_t *depth);
/* Were there looks, since the last call, that may come out otherwise if they are made again? */
bool selector_is_unsure(struct selector *s);
/* Is the directory PATH, which was meant, so no longer? Of an `executable` only. */
bool selector_is_left(struct selector *s, const char *path);
/* Is the root itself meant? */
bool selector_is_root(const struct selector *s);

/* Why nothing was found, for people. */
void selector_explain(const struct selector *s, char *why, size_t why_len);

#endif
