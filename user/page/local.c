/* SPDX-License-Identifier: Apache-2.0 */
#include "page/local.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "config/config.h"
#include "base/log.h"
#include "page/page.h"
#include "page/guard.h"
#include "page/json.h"
#include "base/privilege.h"
#include "base/signals.h"

#define STAGE    "page"
#define STALE_MS 30000 /* a busy host may be late by that */

struct local {
	const struct config *config;
	struct page_options options;
	char token[PAGE_TOKEN_MAX + 1];
	struct page *page;
	int wake; /* eventfd */
	bool started;
	pthread_t thread;
	pthread_mutex_t use;  /* held by the thread while it answers: protects config, options and
				 facts */
	pthread_mutex_t lock; /* protects what follows, except for the last two members, which the
				 thread owns */
	struct released *mail;
	char *mail_notes; /* notes that go with it; NULL: none */
	bool stopping;
	struct history_stats stats;
	int64_t begin_ms;        /* when the thread started, and so about when the counters did */
	struct released *newest; /* what the facts show */
	struct page_facts facts;
};

static char *answer_data(void *context, const char *path, const char *window, const char *view)
{
	struct local *l = context;

	return page_json(&l->facts, path, window, view);
}

static int load_token(struct local *l, char *why, size_t why_len)
{
	char reason[192] = "";
	int err;

	if (!l->config->listen_token)
		return 0;
	err = page_token_load(l->config->listen_token, l->token, reason, sizeof(reason));
	if (err)
		snprintf(why, why_len, "listen_token: %s %s", l->config->listen_token, reason);
	else
		l->options.token = l->token;
	return err;
}

/* A daemon that lives makes a snapshot at each export. */
static int64_t stale_ms(const struct config *config)
{
	return 3 * (int64_t)config->export_interval_ms + STALE_MS;
}

int local_open(const struct config *config, struct local **out, char *why, size_t why_len)
{
	struct local *l = calloc(1, sizeof(*l));
	int err;

	if (!l) {
		snprintf(why, why_len, "out of memory");
		return -ENOMEM;
	}
	l->config = config;
	l->facts.config = config;
	l->options.listen = config->listen;
	l->options.group = config->listen_group;
	l->options.stale_ms = stale_ms(config);
	l->options.data = answer_data;
	l->options.context = l;
	pthread_mutex_init(&l->lock, NULL);
	pthread_mutex_init(&l->use, NULL);
	l->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	err = l->wake < 0 ? -errno : 0;
	if (err)
		snprintf(why, why_len, "cannot make an eventfd: %s", strerror(-err));
	else
		err = load_token(l, why, why_len);
	if (!err)
		err = page_start(&l->options, &l->page, why, why_len);
	if (err)
		local_stop(l);
	else
		*out = l;
	return err;
}

/* --- the thread --------------------------------------------------------------------------------
 */

/* Takes a new snapshot out of the mailbox and shows it to all readers. Returns whether to stop. */
static bool take_mail(struct local *l)
{
	struct released *mail;
	char *notes;
	bool stopping;

	pthread_mutex_lock(&l->lock);
	mail = l->mail;
	notes = l->mail_notes;
	l->mail = NULL;
	l->mail_notes = NULL;
	stopping = l->stopping;
	pthread_mutex_unlock(&l->lock);
	if (!mail)
		return stopping;
	history_take(l->facts.history, mail, clock_mono_ms() - l->begin_ms);
	page_post(l->page, mail);
	page_set_notes(l->page, notes);
	released_unref(l->newest);
	l->newest = mail;
	l->facts.snapshot = mail;
	pthread_mutex_lock(&l->lock);
	l->stats = history_stats(l->facts.history);
	pthread_mutex_unlock(&l->lock);
	return stopping;
}

static void wait_for_work(struct local *l, int timeout_ms)
{
	struct pollfd fds[3] = {{.fd = l->wake, .events = POLLIN}};
	int page[2];
	size_t n = page_fds(l->page, page, 2);
	uint64_t count;

	for (size_t i = 0; i < n; i++)
		fds[i + 1] = (struct pollfd){.fd = page[i], .events = POLLIN};
	poll(fds, n + 1, timeout_ms);
	if (fds[0].revents && read(l->wake, &count, sizeof(count)) < 0)
		log_debug(STAGE, "eventfd: %s", strerror(errno));
}

/* Returns as page_run. */
static int answer_all(struct local *l)
{
	int wait_ms;

	pthread_mutex_lock(&l->use);
	wait_ms = page_run(l->page);
	pthread_mutex_unlock(&l->use);
	return wait_ms;
}

/* The history is in the same directory as the network's counters, one for each network, so that
 * figures of testnet are never shown as livenet's. */
static int open_history(struct local *l)
{
	char dir[PATH_MAX];

	config_state_dir(l->config, dir, sizeof(dir));
	if (l->config->network == NETWORK_LIVENET)
		mkdir(dir, 0700); /* if that fails, history_open says so */
	return history_open(dir, &l->config->privacy, &l->facts.history);
}

static void *body(void *context)
{
	struct local *l = context;
	int err = privilege_drop_all();

	if (err)
		log_err(STAGE, "cannot give up privileges: %s; there is no page", strerror(-err));
	if (!err)
		err = open_history(l);
	if (err) {
		if (err == -ENOMEM)
			log_err(STAGE, "out of memory; there is no page");
		return NULL;
	}
	while (!take_mail(l))
		wait_for_work(l, answer_all(l));
	return NULL;
}

int local_start(struct local *l, struct exporter *x, const struct target *targets,
		size_t targets_len)
{
	int err;

	l->facts.exporter = x;
	l->facts.targets = targets;
	l->facts.targets_len = targets_len;
	l->begin_ms = clock_mono_ms();
	err = signals_thread(&l->thread, body, l);
	l->started = !err;
	if (!err)
		pthread_setname_np(l->thread, "telltale-page");
	return err;
}

void local_change(struct local *l, const struct config *config, struct exporter *x, bool failed)
{
	pthread_mutex_lock(&l->use);
	l->facts.config = config;
	l->facts.exporter = x;
	l->facts.export_failed = failed;
	l->options.stale_ms = stale_ms(config);
	pthread_mutex_unlock(&l->use);
}

static void wake(struct local *l)
{
	const uint64_t one = 1;

	if (write(l->wake, &one, sizeof(one)) < 0)
		log_debug(STAGE, "eventfd: %s", strerror(errno));
}

void local_post(struct local *l, struct released *snapshot, char *notes)
{
	struct released *old;
	char *old_notes;

	pthread_mutex_lock(&l->lock);
	old = l->mail;
	old_notes = l->mail_notes;
	l->mail = released_ref(snapshot);
	l->mail_notes = notes;
	pthread_mutex_unlock(&l->lock);
	released_unref(old);
	free(old_notes);
	wake(l);
}

struct history_stats local_stats(struct local *l)
{
	struct history_stats s;

	pthread_mutex_lock(&l->lock);
	s = l->stats;
	pthread_mutex_unlock(&l->lock);
	return s;
}

void local_stop(struct local *l)
{
	if (!l)
		return;
	if (l->started) {
		pthread_mutex_lock(&l->lock);
		l->stopping = true;
		pthread_mutex_unlock(&l->lock);
		wake(l);
		pthread_join(l->thread, NULL);
	}
	page_stop(l->page);
	history_close(l->facts.history);
	released_unref(l->newest);
	released_unref(l->mail);
	free(l->mail_notes);
	pthread_mutex_destroy(&l->lock);
	pthread_mutex_destroy(&l->use);
	if (l->wake >= 0)
		close(l->wake);
	explicit_bzero(l->token, sizeof(l->token));
	free(l);
}
