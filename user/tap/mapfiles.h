/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mapfiles.h - a process -> the files whose code it has mapped, opened safely.
 *
 * What the process's memory map names is text that the process chooses. A name is opened below the
 * process's own root and nowhere else, whatever symbolic links lie there; only a regular file is
 * opened for reading, so that no device is touched and no pipe waited for; and the number of bytes
 * of the map and of files opened is bounded.
 */
#ifndef TELLTALE_MAPFILES_H
#define TELLTALE_MAPFILES_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define MAPFILES_BYTES_MAX (2u << 20) /* of one process's map: some 20,000 lines */
#define MAPFILES_OPENS_MAX 64         /* files of one process */

/* The program that PID runs, opened for reading; -errno when it cannot be had, -EACCES or -EPERM
 * when this process may not look. */
int mapfiles_program(pid_t pid);

/* What PID has mapped from BEGIN to END, one line of its map, opened for reading; -errno when it
 * cannot be had. Takes CAP_CHECKPOINT_RESTORE or CAP_SYS_ADMIN. */
int mapfiles_at(pid_t pid, uint64_t begin, uint64_t end);

/*
 * Calls EACH with every mapped file with code that WANTED picks by its name; the same file may come
 * more than once. FD is open for reading until EACH returns, or -errno of the attempt; GONE says
 * that the name on disk is no longer this file's. EACH returns false to stop. 0; -E2BIG when a
 * bound was reached before the end; or -errno when the map cannot be read.
 */
int mapfiles_each(pid_t pid, bool (*wanted)(const char *path),
		  bool (*each)(void *context, int fd, const char *path, bool gone), void *context);

#endif
