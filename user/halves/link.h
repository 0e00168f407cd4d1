/* SPDX-License-Identifier: Apache-2.0 */
/*
 * link.h - the socket between the two halves: messages (wire.h) and descriptors over it.
 *
 * Nothing here blocks. A message is sent whole or not at all.
 */
#ifndef TELLTALE_LINK_H
#define TELLTALE_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "halves/wire.h"

#define LINK_FDS 3 /* descriptors with one message, at most */

/* The two ends of a new connection. 0 or -errno. */
int link_pair(int fds[2]);

/*
 * Sends M, and N descriptors (at most LINK_FDS) with it, which stay the caller's. 0; -EAGAIN: the
 * other half has not read enough yet; -EPIPE: it is gone.
 */
int link_send(int fd, const struct wire_message *m, const int *fds, size_t n);

/* What came along with a message: descriptors that are the receiver's, -1 where there is none. */
struct link_fds {
	int fd[LINK_FDS];
};
void link_fds_close(struct link_fds *fds);

/*
 * Receives one message that FROM has sent. 0; -EAGAIN: there is none; -EPIPE: the other half is
 * gone; as wire_decode: it is none. FDS is set in any case, and empty but on 0.
 */
int link_receive(int fd, enum wire_side from, struct wire_message *out, struct link_fds *fds);

/* A socket at PATH, mode 0660, whose group is that of the directory. A socket that nobody listens
 * on is replaced. 0 or -errno with a sentence in WHY. */
int link_listen(const char *path, int *out, char *why, size_t why_len);
/* The next connection to LISTENER. 0, -EAGAIN, or -errno. */
int link_accept(int listener, int *out);
/* 0 or -errno; -EAGAIN: somebody listens, and is busy. */
int link_connect(const char *path, int *out);

/* Is the process at the other end of FD root's, this user's, or USER's? */
bool link_is_by(int fd, uid_t user);

#endif
