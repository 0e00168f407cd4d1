/* SPDX-License-Identifier: Apache-2.0 */
#include "target/follow.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/privilege.h"
#include "base/signals.h"
#include "target/executable.h"
#include "target/watch.h"

#define STAGE       "target"
#define TICK_MS     1000   /* between two looks whether what is attached is still there ... */
#define CALM_MS     5000   /* ... where events would say so, and nothing else is waited for */
#define LIST_MS     10000  /* between two listings; a tick where not everything is watched */
#define LINGER_MS   180000 /* for sockets of a removed cgroup: longer than TCP keeps one alone */
#define LINGERS_MAX 512
/* After a program may have begun: the file is opened before its process runs it. */
static const unsigned begun_ms[] = {1, 5, 20, 50, 100, 250, 500};
#define BEGUN_LEN (sizeof(begun_ms) / sizeof(begun_ms[0]))
#define TURN_NS   100000 /* the shortest that the kernel gives */

struct follow {
	struct target *targets;
	size_t len;
	const char *mount;
	struct follow_hooks hooks;
	bool attaching; /* the hooks are there */
	bool locking;   /* what is found is taken for this instance alone */
	struct watch *watch;
	size_t cgroups, leaving; /* of all targets */
	uint64_t listed_ns;
	uint64_t begun_ns; /* when a program may have begun */
	size_t looks;      /* that are due after that; BEGUN_LEN: none */
	bool begun_again;  /* meanwhile */
	bool calm;         /* events say all that is to be known */
	int wake, changed; /* eventfds */
	atomic_bool stopping;
	bool started;
	pthread_t thread;
};

static void ring(int fd)
{
	const uint64_t one = 1;

	if (write(fd, &one, sizeof(one)) < 0)
		log_debug(STAGE, "eventfd: %s", strerror(errno));
}

static void answer(int fd)
{
	uint64_t count;

	if (read(fd, &count, sizeof(count)) < 0 && errno != EAGAIN)
		log_debug(STAGE, "eventfd: %s", strerror(errno));
}

/* --- the state of a target -------------------------------------------------------------------- */

static unsigned number_of(const struct follow *f, const struct target *t)
{
	return (unsigned)(t - f->targets);
}

static unsigned count_attached(const struct target *t)
{
	unsigned n = 0;

	for (size_t i = 0; i < t->cgroups_len; i++)
		n += t->cgroups[i]->attached && !t->cgroups[i]->left_ns;
	return n;
}

static enum target_state state_of(const struct target *t, unsigned attached)
{
	if (attached)
		return TARGET_ATTACHED;
	return t->been ? TARGET_GONE : TARGET_WAITING;
}

/* Says why a target is in the state it is in. REASON is what selector_refresh had to say, or "". */
static void explain(const struct target *t, const struct target_status *s, const char *reason,
		    char *why, size_t why_len)
{
	if (s->state == TARGET_ATTACHED && s->refused)
		snprintf(why, why_len, "%u of its cgroups cannot be attached: %.240s", s->refused,
			 t->refusal);
	else if (s->state == TARGET_ATTACHED)
		why[0] = '\0';
	else if (reason[0])
		snprintf(why, why_len, "%s", reason);
	else if (s->refused)
		snprintf(why, why_len, "%s", t->refusal);
	else if (s->state == TARGET_GONE && t->selector.kind != TARGET_EXECUTABLE)
		snprintf(why, why_len,
			 "its cgroup was removed; one that is made under its name is attached at "
			 "once");
	else
		selector_explain(&t->selector, why, why_len);
}

/* Brings the status up to date with the cgroups, and says what has changed. */
static void settle(struct follow *f, struct target *t, const char *reason)
{
	struct target_status s = t->status;
	bool changed;

	s.cgroups = count_attached(t);
	s.refused = t->refused;
	s.error = t->error;
	s.state = state_of(t, s.cgroups);
	explain(t, &s, reason, s.reason, sizeof(s.reason));
	changed = s.state != t->status.state || !t->status.since_ns;
	if (changed)
		s.since_ns = clock_wall_ns();
	if (s.state != TARGET_ATTACHED && (changed || strcmp(s.reason, t->status.reason) != 0) &&
	    f->attaching)
		log_warn(STAGE, "%s: %s: %s", t->name, target_states[s.state], s.reason);
	changed |= s.cgroups != t->status.cgroups || s.refused != t->status.refused ||
		   strcmp(s.reason, t->status.reason) != 0;
	pthread_mutex_lock(t->lock);
	t->status = s;
	pthread_mutex_unlock(t->lock);
	if (changed)
		ring(f->changed);
}

/* A cgroup that is meant and cannot be had; each reason is said once in a row. */
static void refuse(struct follow *f, struct target *t, const char *path, int err, const char *why)
{
	char words[sizeof(t->refusal)];

	snprintf(words, sizeof(words), "%.100s: %.210s", path, why);
	if (f->attaching && strcmp(words, t->refusal) != 0)
		log_warn(STAGE, "%s: cannot attach to %s", t->name, words);
	snprintf(t->refusal, sizeof(t->refusal), "%s", words);
	t->refused++;
	t->error = err;
}

/* --- cgroups come and go ---------------------------------------------------------------------- */

static void drop(struct follow *f, struct target *t, size_t i)
{
	struct target_cgroup *c = t->cgroups[i];

	if (c->attached)
		f->hooks.detach(f->hooks.context, c->handle);
	f->cgroups--;
	f->leaving -= c->left_ns != 0;
	pthread_mutex_lock(t->lock);
	t->cgroups[i] = t->cgroups[--t->cgroups_len];
	pthread_mutex_unlock(t->lock);
	cgroup_close(&c->cgroup);
	free(c);
}

/* The cgroup was removed. Its sockets go on until TCP is done with them, and stay attached. */
static void leave(struct follow *f, struct target *t, size_t i)
{
	struct target_cgroup *c = t->cgroups[i];
	unsigned left = count_attached(t) - c->attached;

	if (left)
		log_info(STAGE, "%s: %s was removed, %u left", t->name, c->cgroup.path, left);
	if (!c->attached || f->leaving == LINGERS_MAX) {
		drop(f, t, i);
		return;
	}
	f->leaving++;
	pthread_mutex_lock(t->lock);
	c->left_ns = clock_mono_ns();
	pthread_mutex_unlock(t->lock);
	close(c->cgroup.fd);
	c->cgroup.fd = -1;
}

/* Lets go what left long enough ago. */
static void let_go(struct follow *f, struct target *t)
{
	uint64_t now = clock_mono_ns();

	for (size_t i = t->cgroups_len; i > 0; i--) {
		struct target_cgroup *c = t->cgroups[i - 1];

		if (c->left_ns && (now - c->left_ns > LINGER_MS * 1000000ull ||
				   !f->hooks.lingers(f->hooks.context, c->handle)))
			drop(f, t, i - 1);
	}
}

/* Looks whether the cgroups at PATH and below it are still those that were attached. Has one gone?
 */
static bool verify(struct follow *f, struct target *t, const char *path)
{
	bool gone = false;

	for (size_t i = t->cgroups_len; i > 0; i--) {
		struct target_cgroup *c = t->cgroups[i - 1];

		if (!c->left_ns && cgroup_contains(path, c->cgroup.path) &&
		    !cgroup_is_there(&c->cgroup)) {
			leave(f, t, i - 1);
			gone = true;
		}
	}
	return gone;
}

/* 0, -EEXIST when it is one of T's already, or -EINVAL with a sentence in WHY when another target,
 * or another cgroup of T's, has processes of it. */
static int find_overlap(const struct follow *f, const struct target *t, const char *path, char *why,
			size_t why_len)
{
	for (size_t k = 0; k < f->len; k++) {
		const struct target *other = &f->targets[k];

		for (size_t i = 0; i < other->cgroups_len; i++) {
			const struct target_cgroup *c = other->cgroups[i];

			if (c->left_ns || (!cgroup_contains(c->cgroup.path, path) &&
					   !cgroup_contains(path, c->cgroup.path)))
				continue;
			if (other == t && cgroup_contains(c->cgroup.path, path))
				return -EEXIST;
			snprintf(why, why_len,
				 "shares its processes with the target %s: they would be counted "
				 "twice; name the upper one only",
				 other->name);
			return -EINVAL;
		}
	}
	return 0;
}

static int attach(struct follow *f, struct target *t, struct target_cgroup *c, char *why,
		  size_t why_len)
{
	int err = f->hooks.attach(f->hooks.context, number_of(f, t), &c->cgroup, &c->handle, why,
				  why_len);

	if (err)
		return err;
	pthread_mutex_lock(t->lock);
	c->attached = true;
	pthread_mutex_unlock(t->lock);
	t->been = true;
	log_info(STAGE, "%s: attached to %s", t->name, c->cgroup.path);
	return 0;
}

static int keep(struct follow *f, struct target *t, struct target_cgroup *c)
{
	struct target_cgroup **more;

	pthread_mutex_lock(t->lock);
	more = realloc(t->cgroups, (t->cgroups_len + 1) * sizeof(*more));
	if (more) {
		t->cgroups = more;
		t->cgroups[t->cgroups_len++] = c;
		f->cgroups++;
	}
	pthread_mutex_unlock(t->lock);
	return more ? 0 : -ENOMEM;
}

/* Opens, locks and attaches; one that has gone meanwhile is no error. */
static int take(struct follow *f, struct target *t, const char *path, char *why, size_t why_len)
{
	struct target_cgroup *c = calloc(1, sizeof(*c));
	int err = c ? cgroup_open(path, &c->cgroup, why, why_len) : -ENOMEM;

	if (err) {
		free(c);
		return err;
	}
	err = f->locking ? cgroup_lock(&c->cgroup, f->mount, why, why_len) : 0;
	if (!err && f->attaching)
		err = attach(f, t, c, why, why_len);
	if ((!err || (err == -EBUSY && !f->attaching)) && !keep(f, t, c))
		return err;
	if (c->attached)
		f->hooks.detach(f->hooks.context, c->handle);
	if (!cgroup_is_there(&c->cgroup))
		err = -ENOENT;
	else if (!err)
		err = -ENOMEM;
	cgroup_close(&c->cgroup);
	free(c);
	return err;
}

/* A directory that is meant, if it is there. */
static void meet(struct follow *f, struct target *t, const char *path)
{
	char why[256] = "";
	int err;

	verify(f, t, path);
	if (access(path, F_OK))
		return;
	err = find_overlap(f, t, path, why, sizeof(why));
	if (err == -EEXIST)
		return;
	if (!err && f->cgroups >= FOLLOW_CGROUPS_MAX) {
		snprintf(why, sizeof(why), "more than %d cgroups are not followed; name one above",
			 FOLLOW_CGROUPS_MAX);
		err = -E2BIG;
	}
	if (!err)
		err = take(f, t, path, why, sizeof(why));
	if (err && err != -ENOENT)
		refuse(f, t, path, err, why[0] ? why : strerror(-err));
}

/* --- looking ---------------------------------------------------------------------------------- */

static void visit(struct follow *f, struct target *t, const char *dir, size_t depth);

/* False: the directory is of no interest. */
static bool look_at(struct follow *f, struct target *t, const char *dir, size_t depth,
		    const char *name)
{
	enum selector_match match = selector_matches(&t->selector, dir, depth, name);
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	switch (match) {
	case SELECTOR_HIT: meet(f, t, path); break;
	case SELECTOR_WAY: visit(f, t, path, depth + 1); break;
	case SELECTOR_ABOVE: meet(f, t, dir); break;
	case SELECTOR_NO: break;
	}
	return match != SELECTOR_NO;
}

/* A directory on the way: watched before it is listed, so that nothing comes between. */
static void visit(struct follow *f, struct target *t, const char *dir, size_t depth)
{
	const char *only = selector_literal(&t->selector, depth);
	struct dirent *entry;
	DIR *d;

	if (t->selector.kind != TARGET_EXECUTABLE)
		watch_add(f->watch, dir);
	if (only) {
		look_at(f, t, dir, depth, only);
		return;
	}
	d = opendir(dir);
	while (d && (entry = readdir(d))) {
		if (entry->d_type == DT_DIR && entry->d_name[0] != '.')
			look_at(f, t, dir, depth, entry->d_name);
	}
	if (d)
		closedir(d);
}

/* All of a target's cgroups that lie elsewhere than the process is now. */
static void leave_others(struct follow *f, struct target *t)
{
	for (size_t i = t->cgroups_len; i > 0; i--) {
		struct target_cgroup *c = t->cgroups[i - 1];
		size_t depth;

		if (!c->left_ns && (!selector_leads(&t->selector, c->cgroup.path, &depth) ||
				    depth != t->selector.parts_len))
			drop(f, t, i - 1);
	}
}

/* Cgroups in which other programs run by now. */
static void leave_mixed(struct follow *f, struct target *t)
{
	for (size_t i = t->cgroups_len; i > 0; i--) {
		struct target_cgroup *c = t->cgroups[i - 1];

		if (c->left_ns || !selector_is_left(&t->selector, c->cgroup.path))
			continue;
		log_warn(STAGE, "%s: detached from %s: something else runs there", t->name,
			 c->cgroup.path);
		drop(f, t, i - 1);
	}
}

/* Everything of a target again. */
static void list(struct follow *f, struct target *t)
{
	char reason[sizeof(t->status.reason)] = "";
	int err = selector_refresh(&t->selector, reason, sizeof(reason));

	verify(f, t, f->mount);
	leave_mixed(f, t);
	t->refused = 0;
	if (err) {
		/* Of a process that is no more nothing is left to be seen. */
		for (size_t i = t->cgroups_len; i > 0; i--)
			drop(f, t, i - 1);
		t->been |= err == -ESRCH;
	} else {
		if (t->selector.kind == TARGET_PID)
			leave_others(f, t);
		if (selector_is_root(&t->selector))
			meet(f, t, f->mount);
		else
			visit(f, t, t->selector.root, 0);
	}
	if (t->selector.kind == TARGET_EXECUTABLE)
		watch_add_program(f->watch, t->selector.executable->path);
	settle(f, t, reason);
}

static void list_all(struct follow *f)
{
	for (size_t i = 0; i < f->len; i++)
		list(f, &f->targets[i]);
	f->listed_ns = clock_mono_ns();
}

static void on_made(struct follow *f, struct target *t, const char *dir, const char *name)
{
	size_t depth;

	if (selector_leads(&t->selector, dir, &depth) && look_at(f, t, dir, depth, name))
		settle(f, t, "");
}

/* --- programs --------------------------------------------------------------------------------- */

/* Looks that are under way go on, and are made once more: whoever opens the file again and again
 * does not cause more of them. */
static void on_begun(struct follow *f)
{
	if (f->looks < BEGUN_LEN) {
		f->begun_again = true;
		return;
	}
	f->begun_ns = clock_mono_ns();
	f->looks = 0;
}

/* When the next look is due, in ms from now; -1: none. */
static int due_ms(const struct follow *f)
{
	uint64_t since = (clock_mono_ns() - f->begun_ns) / NS_PER_MS;

	if (f->looks == BEGUN_LEN)
		return -1;
	return since < begun_ms[f->looks] ? (int)(begun_ms[f->looks] - since) : 0;
}

static void look_for_programs(struct follow *f)
{
	if (due_ms(f) != 0)
		return;
	for (size_t i = 0; i < f->len; i++) {
		if (f->targets[i].selector.kind == TARGET_EXECUTABLE)
			list(f, &f->targets[i]);
	}
	if (++f->looks == BEGUN_LEN && f->begun_again) {
		f->begun_again = false;
		on_begun(f);
	}
}

/* A directory has come or gone. Of a `pid` only that its cgroup was removed is of interest, and the
 * process has ended before. */
static void on_event(void *context, const char *dir, const char *name, bool made)
{
	struct follow *f = context;
	char path[PATH_MAX];

	if (!name) {
		on_begun(f);
		return;
	}
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	for (size_t i = 0; i < f->len; i++) {
		struct target *t = &f->targets[i];

		if (made && t->selector.kind != TARGET_PID)
			on_made(f, t, dir, name);
		if (made || !verify(f, t, path))
			continue;
		if (t->selector.kind == TARGET_PID)
			list(f, t);
		else
			settle(f, t, "");
	}
}

/* What is attached is looked after at each tick, in case no event said that it went. */
static void tick(struct follow *f)
{
	bool calm = true;

	for (size_t i = 0; i < f->len; i++) {
		struct target *t = &f->targets[i];

		let_go(f, t);
		if (t->selector.kind == TARGET_PID || t->selector.kind == TARGET_EXECUTABLE ||
		    t->refused || selector_is_unsure(&t->selector)) {
			list(f, t);
			calm = false;
			continue;
		}
		verify(f, t, f->mount);
		settle(f, t, "");
	}
	f->calm = calm && !f->leaving && watch_is_whole(f->watch);
}

void follow_once(struct follow *f, bool all)
{
	f->calm = false;
	all |= !watch_read(f->watch, on_event, f);
	look_for_programs(f);
	if (all) {
		tick(f);
		list_all(f);
	}
}

/* --- the thread ------------------------------------------------------------------------------- */

static unsigned tick_ms(const struct follow *f)
{
	return f->calm ? CALM_MS : TICK_MS;
}

static uint64_t list_every_ns(const struct follow *f)
{
	return (watch_is_whole(f->watch) ? LIST_MS : TICK_MS) * 1000000ull;
}

/* What the thread does is short and not to wait behind others. Kernels from 6.12 on let a thread
 * ask for short turns that come soon, which takes no privilege; others ignore it. */
static void ask_for_short_turns(void)
{
	/* As in linux/sched/types.h, which defines struct sched_param anew. */
	struct {
		uint32_t size, policy;
		uint64_t flags;
		int32_t nice;
		uint32_t priority;
		uint64_t runtime, deadline, period;
	} attr = {.size = sizeof(attr), .policy = SCHED_OTHER, .runtime = TURN_NS};

	if (syscall(SYS_sched_setattr, 0, &attr, 0))
		log_debug(STAGE, "sched_setattr: %s", strerror(errno));
}

/* Until there are events, a look is due (true), or LEFT_MS are over. */
static bool wait_for_news(const struct follow *f, struct pollfd *fds, int left_ms)
{
	int due = due_ms(f);
	bool first = due >= 0 && due < left_ms;

	return poll(fds, 2, first ? due : left_ms) > 0 || first;
}

/* Whose program a process runs, only CAP_SYS_PTRACE tells. */
static void give_up_privileges(const struct follow *f)
{
	static const cap_value_t needed[] = {CAP_BPF, CAP_NET_ADMIN, CAP_DAC_READ_SEARCH,
					     CAP_SYS_PTRACE};
	size_t len = sizeof(needed) / sizeof(needed[0]) - 1;

	for (size_t i = 0; i < f->len; i++) {
		if (f->targets[i].selector.kind == TARGET_EXECUTABLE)
			len = sizeof(needed) / sizeof(needed[0]);
	}
	if (privilege_keep(needed, len))
		log_warn(STAGE, "cannot give up privileges");
}

static void *body(void *context)
{
	struct follow *f = context;
	struct pollfd fds[2] = {{.fd = watch_fd(f->watch), .events = POLLIN},
				{.fd = f->wake, .events = POLLIN}};
	uint64_t ticked = clock_mono_ns();

	give_up_privileges(f);
	ask_for_short_turns();
	while (!f->stopping) {
		uint64_t now = clock_mono_ns(), since = (now - ticked) / NS_PER_MS;

		if (since < tick_ms(f) && wait_for_news(f, fds, (int)(tick_ms(f) - since))) {
			follow_once(f, false);
			continue;
		}
		tick(f);
		ticked = clock_mono_ns();
		if (ticked - f->listed_ns >= list_every_ns(f))
			list_all(f);
	}
	return NULL;
}

int follow_start(struct follow *f)
{
	int err = signals_thread(&f->thread, body, f);

	f->started = !err;
	if (!err)
		pthread_setname_np(f->thread, "telltale-follow");
	return err;
}

/* --- until there are hooks -------------------------------------------------------------------- */

static int attach_nothing(void *context, unsigned target, const struct cgroup *c, void **handle,
			  char *why, size_t why_len)
{
	(void)context;
	(void)target;
	(void)c;
	(void)why;
	(void)why_len;
	*handle = NULL;
	return 0;
}

static void detach_nothing(void *context, void *handle)
{
	(void)context;
	(void)handle;
}

static bool nothing_lingers(void *context, void *handle)
{
	(void)context;
	(void)handle;
	return false;
}

/* --- from beginning to end -------------------------------------------------------------------- */

static int make(struct target *targets, size_t len, const char *mount, bool locking,
		struct follow **out)
{
	struct follow *f = calloc(1, sizeof(*f));

	if (!f)
		return -ENOMEM;
	f->targets = targets;
	f->len = len;
	f->mount = mount;
	f->locking = locking;
	f->looks = BEGUN_LEN;
	f->hooks = (struct follow_hooks){attach_nothing, detach_nothing, nothing_lingers, NULL};
	f->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	f->changed = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	f->watch = watch_new();
	if (!f->watch || f->wake < 0 || f->changed < 0) {
		int err = -errno;

		follow_free(f);
		return err;
	}
	list_all(f);
	*out = f;
	return 0;
}

int follow_new(struct target *targets, size_t len, const char *mount, struct follow **out)
{
	return make(targets, len, mount, true, out);
}

int follow_beside(struct target *targets, size_t len, const char *mount, struct follow **out)
{
	return make(targets, len, mount, false, out);
}

void follow_unlock(struct follow *f)
{
	for (size_t k = 0; k < f->len; k++) {
		const struct target *t = &f->targets[k];

		for (size_t i = 0; i < t->cgroups_len; i++)
			flock(t->cgroups[i]->cgroup.fd, LOCK_UN);
	}
}

int follow_attach(struct follow *f, const struct follow_hooks *hooks, size_t *which, char *why,
		  size_t why_len)
{
	f->hooks = *hooks;
	f->attaching = true;
	for (size_t k = 0; k < f->len; k++) {
		struct target *t = &f->targets[k];

		for (size_t i = t->cgroups_len; i > 0; i--) {
			int err = attach(f, t, t->cgroups[i - 1], why, why_len);

			if (err && cgroup_is_there(&t->cgroups[i - 1]->cgroup)) {
				*which = k;
				return err;
			}
			if (err)
				drop(f, t, i - 1);
		}
		t->status.since_ns = 0; /* the state begins now */
		list(f, t);
	}
	return 0;
}

int follow_fd(const struct follow *f)
{
	return f->changed;
}

void follow_changed(struct follow *f)
{
	answer(f->changed);
}

void follow_stop(struct follow *f)
{
	if (!f)
		return;
	if (f->started) {
		f->stopping = true;
		ring(f->wake);
		pthread_join(f->thread, NULL);
		f->started = false;
	}
	for (size_t k = 0; k < f->len; k++) {
		while (f->targets[k].cgroups_len)
			drop(f, &f->targets[k], f->targets[k].cgroups_len - 1);
	}
}

void follow_free(struct follow *f)
{
	if (!f)
		return;
	follow_stop(f);
	watch_free(f->watch);
	if (f->wake >= 0)
		close(f->wake);
	if (f->changed >= 0)
		close(f->changed);
	free(f);
}
