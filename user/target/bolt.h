/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bolt.h - reads single values out of a database of bbolt's, while its owner may be writing it:
 * containerd and podman keep there what they call their containers.
 *
 * The file is a tree of pages. A writer puts new pages into room that the newest tree does not use,
 * and then names the new root in one of two meta pages. So what is read is whole if the newest meta
 * page is the same afterwards; else it is read again. No lock is taken, and nothing is written.
 *
 * The file is not trusted: sizes and places are checked, and one look reads a bounded number of
 * bytes.
 */
#ifndef TELLTALE_BOLT_H
#define TELLTALE_BOLT_H

#include <stddef.h>
#include <stdint.h>

#define BOLT_BYTES_MAX (16u << 20) /* read at most in one look */
#define BOLT_VALUE_MAX (1u << 20)  /* of a value */

/*
 * The value at PATH of LEN names, of which all but the last are buckets, in the database that is
 * open as FD. *VALUE is malloc'ed and has a NUL after its *VALUE_LEN bytes. 0; -ENOENT: there is no
 * such value; -EBADMSG: this is no such database, or it is damaged; -EAGAIN: it changed all the
 * time; else -errno.
 */
int bolt_get(int fd, const char *const *path, size_t len, char **value, size_t *value_len);

/* What to do with each value of a bucket. Neither text has a NUL after it. */
struct bolt_each {
	void (*each)(void *context, const char *name, size_t name_len, const char *value,
		     size_t value_len);
	/* Comes before the first one: forget those of before, since the database has changed. */
	void (*again)(void *context);
	void *context;
};

/* Hands over each value in the bucket at PATH, in the order of their names. The errors are those of
 * bolt_get; then what was handed over counts for nothing. */
int bolt_list(int fd, const char *const *path, size_t len, const struct bolt_each *each);

#endif
