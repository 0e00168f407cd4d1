/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fdstore.h - descriptors that the service manager keeps while this service is restarted.
 *
 * A descriptor that is put there (sd_notify(3), FDSTORE=1) stays open when the process ends,
 * however it ends, and the next start of the service gets it back. The manager closes all of them
 * when the service is stopped for good or has failed. The unit says how many it keeps
 * (FileDescriptorStoreMax=); of more, and without that line, it keeps none.
 *
 * Every function accepts NULL for the store, and does nothing then. All but fdstore_open and
 * fdstore_close may be called by any thread.
 */
#ifndef TELLTALE_FDSTORE_H
#define TELLTALE_FDSTORE_H

#include <stdbool.h>
#include <stddef.h>

struct fdstore;

#define FDSTORE_NAME_MAX 96 /* with the NUL; a name has neither colons nor control characters */
#define FDSTORE_FDS_MAX  24 /* put under one name at once */

/* Takes over what the start before has put, from the environment. NULL: there is no service
 * manager, or memory is short. */
struct fdstore *fdstore_open(void);
/* What was put stays with the manager; what was not taken back is closed here. */
void fdstore_close(struct fdstore *s);

/* Hands copies of N descriptors to the manager under NAME. Waits a second at most; after that the
 * store is given up. 0 or -errno. */
int fdstore_put(struct fdstore *s, const char *name, const int *fds, size_t n);
/* The manager closes all that stand under NAME. */
void fdstore_remove(struct fdstore *s, const char *name);

/* Takes up to MAX descriptors that the start before has put and whose name begins with PREFIX: they
 * are the caller's, and stay in the manager's keeping. NAME (FDSTORE_NAME_MAX bytes, or NULL) gets
 * the name of the first, and all have that one. Returns how many. */
size_t fdstore_take(struct fdstore *s, const char *prefix, char *name, int *fds, size_t max);
/* Is there one to be taken? */
bool fdstore_has(struct fdstore *s, const char *prefix);
/* Looks at each that was not taken. EACH returns false to end that, and calls nothing of this. */
void fdstore_each(struct fdstore *s, bool (*each)(void *context, const char *name, int fd),
		  void *context);
/*
 * Of those whose name begins with PREFIX: closes all that were not taken back, here and at the
 * manager; and at the manager what was taken and belongs to another loading: its name has a dot,
 * and does not end with SUFFIX.
 */
void fdstore_settle(struct fdstore *s, const char *prefix, const char *suffix);

#endif
