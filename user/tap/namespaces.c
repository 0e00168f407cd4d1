/* SPDX-License-Identifier: Apache-2.0 */
#include "tap/namespaces.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define PID_INITIAL 0xEFFFFFFCu /* inode of the first PID namespace, a kernel constant */

bool namespaces_pids_are_hosts(void)
{
	struct stat st;

	return !stat("/proc/self/ns/pid", &st) && st.st_ino == PID_INITIAL;
}

bool namespaces_proc_is_ours(void)
{
	char link[32] = "";
	ssize_t n = readlink("/proc/self", link, sizeof(link) - 1);

	return n > 0 && strtol(link, NULL, 10) == getpid();
}
