/* SPDX-License-Identifier: Apache-2.0 */
/*
 * watch.h - is notified of directories that come and go in those it watches, by inotify.
 *
 * A watch is on one directory, not on those below it, and ends with it: whoever is notified of a
 * new directory watches that and lists it afterwards, for what was made in it before the watch.
 */
#ifndef TELLTALE_WATCH_H
#define TELLTALE_WATCH_H

#include <stdbool.h>
#include <stddef.h>

struct watch;

struct watch *watch_new(void);
void watch_free(struct watch *w); /* accepts NULL */

/* Watches the directory PATH; does nothing when it does already, or when there is none. A watch
 * that the kernel refuses is said once, see watch_is_whole. */
void watch_add(struct watch *w, const char *path);
/* Watches for programs that begin from the file PATH, which whoever opens it may be. Does nothing
 * when it does already, or when there is none. */
void watch_add_program(struct watch *w, const char *path);
/* Is every directory watched that was to be? */
bool watch_is_whole(const struct watch *w);

/* Readable when there are events. */
int watch_fd(const struct watch *w);

/* MADE: the directory NAME in DIR has come, else it has gone. NAME is NULL when DIR is a program
 * that may have begun. */
typedef void watch_event(void *context, const char *dir, const char *name, bool made);
/* Hands over the events that are there, in order. False: some were lost, and everything is to be
 * listed again. */
bool watch_read(struct watch *w, watch_event *each, void *context);

#endif
