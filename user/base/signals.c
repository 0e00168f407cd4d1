/* SPDX-License-Identifier: Apache-2.0 */
#include "base/signals.h"

#include <unistd.h>

static sigset_t set_of(bool reload, bool end)
{
	sigset_t set;

	sigemptyset(&set);
	if (reload)
		sigaddset(&set, SIGHUP);
	if (end) {
		sigaddset(&set, SIGINT);
		sigaddset(&set, SIGTERM);
	}
	return set;
}

void signals_hold_reload(void)
{
	const sigset_t reload = set_of(true, false);

	if (!isatty(STDERR_FILENO))
		pthread_sigmask(SIG_BLOCK, &reload, NULL);
}

void signals_hold(void)
{
	const sigset_t all = set_of(true, true);

	pthread_sigmask(SIG_BLOCK, &all, NULL);
}

bool signals_reload_waits(void)
{
	sigset_t waiting;

	return !sigpending(&waiting) && sigismember(&waiting, SIGHUP) == 1;
}

void signals_take(void)
{
	const sigset_t all = set_of(true, true);

	pthread_sigmask(SIG_UNBLOCK, &all, NULL);
}

sigset_t signals_while_waiting(void)
{
	sigset_t mask;

	pthread_sigmask(SIG_SETMASK, NULL, &mask);
	sigdelset(&mask, SIGINT);
	sigdelset(&mask, SIGTERM);
	if (isatty(STDERR_FILENO))
		sigdelset(&mask, SIGHUP);
	return mask;
}

int signals_thread(pthread_t *thread, void *(*body)(void *), void *arg)
{
	sigset_t all, before;
	int err;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	err = -pthread_create(thread, NULL, body, arg);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return err;
}
