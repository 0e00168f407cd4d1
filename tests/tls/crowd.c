/* SPDX-License-Identifier: Apache-2.0 */
/*
 * crowd.c - many processes that do nothing, and cost next to nothing.
 *
 *   crowd NUMBER
 *
 * They share their memory, and end with this one. Prints "there" when all are.
 */
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#define STACK 4096

static int idle(void *unused)
{
	(void)unused;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	while (pause())
		;
	return 0;
}

int main(int argc, char **argv)
{
	size_t n = argc > 1 ? strtoul(argv[1], NULL, 10) : 0;
	char *stacks = mmap(NULL, (n + 1) * STACK, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (stacks == MAP_FAILED)
		return 1;
	for (size_t i = 0; i < n; i++) {
		if (clone(idle, stacks + (i + 1) * STACK, CLONE_VM | SIGCHLD, NULL) < 0) {
			perror("crowd");
			return 1;
		}
	}
	puts("there");
	fflush(stdout);
	for (;;)
		pause();
}
