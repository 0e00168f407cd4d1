/* SPDX-License-Identifier: Apache-2.0 */
#include "tap/detacher.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/signals.h"

#define THREADS_MAX 8

struct job {
	struct uprobe uprobe;
	struct job *next;
};

struct detacher {
	pthread_mutex_t lock;
	pthread_cond_t idle; /* no thread is left */
	struct job *jobs;
	unsigned threads;
};

struct detacher *detacher_new(void)
{
	struct detacher *d = calloc(1, sizeof(*d));
	pthread_condattr_t attr;

	if (!d)
		return NULL;
	pthread_mutex_init(&d->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&d->idle, &attr);
	pthread_condattr_destroy(&attr);
	return d;
}

static void *work(void *context)
{
	struct detacher *d = context;
	struct job *job;

	pthread_mutex_lock(&d->lock);
	while ((job = d->jobs)) {
		d->jobs = job->next;
		pthread_mutex_unlock(&d->lock);
		uprobe_detach(&job->uprobe);
		free(job);
		pthread_mutex_lock(&d->lock);
	}
	if (--d->threads == 0)
		pthread_cond_signal(&d->idle);
	pthread_mutex_unlock(&d->lock);
	return NULL;
}

static void start_thread(struct detacher *d)
{
	pthread_t thread;

	d->threads++;
	if (signals_thread(&thread, work, d))
		d->threads--;
	else
		pthread_detach(thread);
}

void detacher_take(struct detacher *d, struct uprobe *u)
{
	struct job *job = malloc(sizeof(*job));
	bool taken = false;

	if (job) {
		job->uprobe = *u;
		pthread_mutex_lock(&d->lock);
		job->next = d->jobs;
		d->jobs = job;
		if (d->threads < THREADS_MAX)
			start_thread(d);
		taken = d->threads > 0;
		if (!taken)
			d->jobs = job->next;
		pthread_mutex_unlock(&d->lock);
	}
	if (!taken) {
		free(job);
		uprobe_detach(u);
	}
	u->fds_len = 0;
}

void detacher_free(struct detacher *d, unsigned timeout_ms)
{
	struct timespec until = clock_mono_after(timeout_ms);
	int err = 0;

	if (!d)
		return;
	pthread_mutex_lock(&d->lock);
	while (d->threads > 0 && !err)
		err = pthread_cond_timedwait(&d->idle, &d->lock, &until);
	pthread_mutex_unlock(&d->lock);
	if (err)
		return; /* its threads go on using it */
	pthread_cond_destroy(&d->idle);
	pthread_mutex_destroy(&d->lock);
	free(d);
}
