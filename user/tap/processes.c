/* SPDX-License-Identifier: Apache-2.0 */
#include "tap/processes.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/table.h"
#include "bpf/shared.h"
#include "tap/procfs.h"
#include "tap/tlslib.h"

/* Processes remembered at once. Of those without a TLS library the ones looked at longest ago are
 * forgotten first, and found again. */
#define PROCESSES_MAX 16384

/* A new process is looked at so often, at first after 2 ms and then after twice as long each time:
 * it takes some milliseconds to load its libraries, and some more to speak TLS. */
#define FIRST_LOOKS 11
#define FIRST_NS    (2 * NS_PER_MS)
/* After that so often; and closely, whatever it looks like, so often: where a library could not be
 * attached to, or else, as that is most of the work. */
#define AGAIN_NS (10000 * NS_PER_MS)
#define MANY     500 /* processes; where there are N times as many, looks are N times as seldom */
#define RETRY_NS (60000 * NS_PER_MS)
#define CLOSE_NS (300000 * NS_PER_MS)
/* How long one that has ended is remembered: until its last records have come through the ring. */
#define REMEMBER_NS (2000 * NS_PER_MS)
/* All targets together have one part in so many of the time for looks; one may be so much ahead;
 * and one call takes so long. */
#define LOOK_SHARE 10
#define AHEAD_NS   (100 * NS_PER_MS)
#define STALL_NS   (10 * NS_PER_MS)
#define START_NS   (2000 * NS_PER_MS)
#define PUT_OFF_NS (50 * NS_PER_MS)

enum list { FRESH, OTHERS, TAPPED, LISTS };

struct library {
	struct probe_tls *tls;
	dev_t dev;
	ino_t ino;
};

struct process {
	struct table_node node;
	struct table_hook by_pid;
	struct table_place place;
	enum list list;
	pid_t pid;
	unsigned target;
	enum process_tls state;
	struct procfs_identity identity;
	unsigned long long size; /* of its address space when it was looked at closely */
	uint64_t seen;           /* the scan of its target that saw it last */
	uint64_t gone_ns;        /* when it was seen no more; 0: it is there */
	uint64_t due_ns;         /* when it is to be looked at */
	uint64_t close_ns;       /* ... and closely */
	unsigned looks;          /* at it so far */
	struct library libraries[TLSLIB_MAX];
	size_t libraries_len;
};

struct of_target {
	uint64_t scan;      /* counts the listings */
	uint64_t listed_ns; /* when the last one began */
	uint64_t at_ns;     /* when left_ns held */
	int64_t left_ns;    /* time of a processor for looks, which a busy host does not use up */
	bool soon;          /* a listing and close looks were put off */
	size_t hidden, counting;
};

struct processes {
	struct probe *probe;
	const struct target *targets;
	size_t targets_len;
	struct tlslib_cache *cache;
	struct tlslib *found; /* room for one process's libraries */
	struct table table;
	struct table_index by_pid;
	struct table_shares lists[LISTS];
	size_t libraries_len, libraries_max; /* attached to */
	unsigned listed;                     /* targets, of the scan that goes on */
	unsigned target;                     /* while its processes are listed */
	unsigned first;                      /* whose turn it is to be looked at first */
	uint64_t due_ns;   /* when the next look is due that does not wait for a scan */
	uint64_t until_ns; /* no look of this turn begins later */
	int timer;         /* runs out then */
	bool full;         /* said so already */
	struct of_target *of;
};

struct processes *processes_new(struct probe *probe, const struct target *targets,
				size_t targets_len)
{
	struct processes *ps = calloc(1, sizeof(*ps));

	if (!ps)
		return NULL;
	ps->probe = probe;
	ps->targets = targets;
	ps->targets_len = targets_len;
	ps->listed = (unsigned)targets_len;
	ps->libraries_max = probe_tls_max(probe);
	ps->timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	ps->cache = tlslib_cache_new();
	ps->found = calloc(TLSLIB_MAX, sizeof(*ps->found));
	ps->of = calloc(targets_len + 1, sizeof(*ps->of));
	if (ps->timer < 0 || !ps->cache || !ps->found || !ps->of ||
	    table_init(&ps->table, PROCESSES_MAX, sizeof(struct process)) ||
	    table_index_init(&ps->by_pid, &ps->table, offsetof(struct process, by_pid))) {
		processes_free(ps);
		return NULL;
	}
	for (size_t i = 0; i < LISTS; i++)
		table_shares_init(&ps->lists[i], &ps->table, offsetof(struct process, place));
	return ps;
}

/* --- entries ---------------------------------------------------------------------------------- */

static struct process *find(const struct processes *ps, pid_t pid)
{
	struct process *p = table_index_first(&ps->by_pid, table_hash((uint64_t)pid, 0));

	while (p && p->pid != pid)
		p = table_index_next(&ps->by_pid, p);
	return p;
}

/* Puts it at the end of the list that it belongs to now. */
static void relist(struct processes *ps, struct process *p, unsigned target)
{
	enum list list = p->libraries_len ? TAPPED : p->state ? OTHERS : FRESH;

	table_list_remove(table_shares_of(&ps->lists[p->list], p->target), p);
	p->list = list;
	p->target = target;
	table_list_append(table_shares_of(&ps->lists[list], target), p);
}

/* ENDED: the program it ran is no more. */
static void detach(struct processes *ps, struct process *p, bool ended)
{
	for (size_t i = 0; i < p->libraries_len; i++)
		probe_detach_tls(ps->probe, p->pid, p->libraries[i].tls, ended);
	ps->libraries_len -= p->libraries_len;
	p->libraries_len = 0;
	relist(ps, p, p->target);
}

static void forget(struct processes *ps, struct process *p)
{
	detach(ps, p, false);
	table_list_remove(table_shares_of(&ps->lists[p->list], p->target), p);
	table_index_remove(&ps->by_pid, p);
	table_release(&ps->table, p);
}

/* Those without a library go first: they are found again. */
static void make_room(struct processes *ps, unsigned target)
{
	for (size_t i = 0; i < LISTS; i++) {
		enum list order[LISTS] = {OTHERS, FRESH, TAPPED};
		struct table_list *longest = table_shares_longest(&ps->lists[order[i]], target);

		if (!longest->len)
			continue;
		forget(ps, table_list_first(longest));
		return;
	}
}

static struct process *add(struct processes *ps, pid_t pid, unsigned target)
{
	struct process *p;

	if (ps->table.used == ps->table.capacity) {
		if (!ps->full)
			log_warn("processes",
				 "more than %d processes: those without a TLS library are "
				 "forgotten and looked at again",
				 PROCESSES_MAX);
		ps->full = true;
		make_room(ps, target);
	}
	p = table_take(&ps->table);
	if (!p)
		return NULL;
	p->pid = pid;
	p->target = target;
	table_index_add(&ps->by_pid, p, table_hash((uint64_t)pid, 0));
	table_list_append(table_shares_of(&ps->lists[FRESH], target), p);
	return p;
}

void processes_free(struct processes *ps)
{
	struct process *p;

	if (!ps)
		return;
	for (size_t i = 0; i < LISTS; i++) {
		for (unsigned t = 0; t < ps->lists[i].len; t++) {
			while ((p = table_list_first(table_shares_of(&ps->lists[i], t))))
				forget(ps, p);
		}
	}
	table_index_fini(&ps->by_pid);
	table_fini(&ps->table);
	tlslib_cache_free(ps->cache);
	if (ps->timer >= 0)
		close(ps->timer);
	free(ps->found);
	free(ps->of);
	free(ps);
}

/* --- a close look ------------------------------------------------------------------------------
 */

bool processes_tls_refused(const struct processes *ps)
{
	return probe_tls_refused(ps->probe) != NULL;
}

static bool to_be_spared(const struct processes *ps, pid_t pid)
{
	return probe_harms_filtered(ps->probe) && procfs_filtered(pid);
}

static void spare(struct processes *ps, struct process *p)
{
	detach(ps, p, false);
	p->state = PROCESS_SPARED;
	relist(ps, p, p->target);
	log_warn("processes",
		 "process %d is under a seccomp filter, and this kernel would kill it when its TLS "
		 "is read: it is left alone; run a kernel with the fix (6.12.14, 6.13.3, 6.14 or "
		 "newer)",
		 (int)p->pid);
}

/* What keeps telltale from looking, if anything. */
static void explain(int err, pid_t pid, char *why, size_t why_len)
{
	if (err == -EACCES || err == -EPERM)
		snprintf(why, why_len, "cannot look into process %d: CAP_SYS_PTRACE is needed",
			 (int)pid);
	else if (err == -ESTALE)
		snprintf(why, why_len,
			 "the TLS library of process %d was replaced on disk after the process "
			 "started; restart the process, or give telltale CAP_CHECKPOINT_RESTORE",
			 (int)pid);
	else if (err == -E2BIG)
		snprintf(why, why_len,
			 "process %d has more files mapped than telltale looks at, and none of the "
			 "first ones is a TLS library",
			 (int)pid);
}

static bool has_library(const struct process *p, const struct tlslib *lib)
{
	for (size_t i = 0; i < p->libraries_len; i++) {
		if (p->libraries[i].dev == lib->dev && p->libraries[i].ino == lib->ino)
			return true;
	}
	return false;
}

/* Room for another library to be attached to. The target that has most gives up its newest, unless
 * that is the one who asks. */
static bool has_room(struct processes *ps, unsigned target)
{
	struct table_list *longest = table_shares_longest(&ps->lists[TAPPED], target);
	struct process *p = NULL, *next;

	if (ps->libraries_len < ps->libraries_max)
		return true;
	if (longest->len <= table_shares_of(&ps->lists[TAPPED], target)->len + 1)
		return false;
	for (next = table_list_first(longest); next; next = table_list_next(longest, next))
		p = !p || next->identity.started >= p->identity.started ? next : p;
	if (!p)
		return false;
	log_warn("processes",
		 "%zu TLS libraries are read, which is all there is room for: %s has most, and "
		 "process %d of it is read no more",
		 ps->libraries_len, ps->targets[p->target].name, (int)p->pid);
	p->state = PROCESS_UNATTACHED;
	detach(ps, p, false);
	return true;
}

static int attach(struct processes *ps, struct process *p, const struct tlslib *lib, char *why,
		  size_t why_len)
{
	struct probe_tls *tls;
	int err;

	if (has_library(p, lib))
		return 0;
	if (p->libraries_len == TLSLIB_MAX || !has_room(ps, p->target)) {
		snprintf(why, why_len,
			 "%zu TLS libraries are read, which is all there is room for, and that of "
			 "process %d is one more",
			 ps->libraries_len, (int)p->pid);
		return -ENOSPC;
	}
	err = probe_attach_tls(ps->probe, p->pid, p->target, lib->path, &lib->offsets, &tls, why,
			       why_len);
	if (err)
		return err;
	p->libraries[p->libraries_len++] =
		(struct library){.tls = tls, .dev = lib->dev, .ino = lib->ino};
	ps->libraries_len++;
	return 0;
}

/* Its files take longer to read than this turn has time for: the next turn goes on at once. */
static void put_off(struct processes *ps, struct process *p)
{
	p->due_ns = clock_mono_ns();
	p->close_ns = 0;
	p->looks--;
	relist(ps, p, p->target);
}

/* Finds the process's libraries and attaches to those that are not yet. */
static void look_at(struct processes *ps, struct process *p)
{
	int n = tlslib_find(ps->cache, p->pid, ps->found, TLSLIB_MAX, ps->until_ns);
	enum process_tls before = p->state;
	size_t had = p->libraries_len;
	char why[256] = "";

	if (n == -EAGAIN) {
		put_off(ps, p);
		return;
	}
	explain(n, p->pid, why, sizeof(why));
	p->state = why[0] ? PROCESS_UNATTACHED : PROCESS_NO_LIBRARY;
	if (n > 0 && to_be_spared(ps, p->pid)) {
		tlslib_release(ps->found, (size_t)n);
		spare(ps, p);
		return;
	}
	for (int i = 0; i < n; i++) {
		if (attach(ps, p, &ps->found[i], why, sizeof(why)))
			p->state = PROCESS_UNATTACHED;
	}
	tlslib_release(ps->found, n > 0 ? (size_t)n : 0);
	if (p->libraries_len)
		p->state = PROCESS_TAPPED;
	relist(ps, p, p->target);
	if (why[0] && p->state != before)
		log_warn("processes", "%s; its TLS cannot be read%s", why,
			 p->state == PROCESS_TAPPED ? " in full" : "");
	if (p->libraries_len > had)
		log_info("processes", "reading the TLS library of process %d in %s", (int)p->pid,
			 ps->targets[p->target].name);
}

/* --- any look ---------------------------------------------------------------------------------
 */

static uint64_t wait_of(const struct processes *ps, const struct process *p)
{
	if (p->state == PROCESS_TAPPED || p->looks >= FIRST_LOOKS)
		return ps->table.used > MANY ? AGAIN_NS * ps->table.used / MANY : AGAIN_NS;
	return (uint64_t)FIRST_NS << p->looks;
}

/* Is it as it was? Where the kernel tells of programs that begin, its size alone says so, which is
 * half the work. */
static bool is_unchanged(const struct processes *ps, const struct process *p, uint64_t now)
{
	unsigned long long size;

	return p->state && !p->gone_ns && now < p->close_ns && probe_sees_execs(ps->probe) &&
	       probe_pids_are_ours(ps->probe) && !probe_harms_filtered(ps->probe) &&
	       procfs_size(p->pid, &size) && size == p->size;
}

static void check(struct processes *ps, struct process *p)
{
	unsigned long long size = 0;
	struct procfs_identity id;
	uint64_t now = clock_mono_ns();
	bool same = is_unchanged(ps, p, now), there = same || procfs_look(p->pid, &id, &size);

	p->due_ns = now + wait_of(ps, p);
	p->looks++;
	if (same)
		relist(ps, p, p->target);
	if (same || !there || p->gone_ns) /* the next listing does not have it, or has it again */
		return;
	if (p->state && !procfs_same(&p->identity, &id)) {
		p->state = PROCESS_NEW;
		p->looks = 0;
		detach(ps, p, true);
	}
	p->identity = id;
	if (p->state == PROCESS_SPARED)
		return;
	if (p->state == PROCESS_TAPPED && to_be_spared(ps, p->pid)) {
		spare(ps, p); /* a filter that it gave itself late */
	} else if (!p->state || size != p->size || now >= p->close_ns) {
		p->size = size;
		p->close_ns = now + CLOSE_NS;
		look_at(ps, p);
		if (p->close_ns && p->state == PROCESS_UNATTACHED)
			p->close_ns = now + RETRY_NS;
	} else {
		relist(ps, p, p->target);
	}
}

/* Has the target time left for looks? */
static bool may_look(const struct processes *ps, unsigned target, uint64_t now)
{
	struct of_target *of = &ps->of[target];

	int64_t more = (int64_t)((now - of->at_ns) / LOOK_SHARE / ps->targets_len);

	if (of->left_ns < (int64_t)AHEAD_NS)
		of->left_ns = of->left_ns + more < (int64_t)AHEAD_NS ? of->left_ns + more
								     : (int64_t)AHEAD_NS;
	of->at_ns = now;
	return of->left_ns > 0;
}

/* The next look is due at AT_NS, or before. */
static void note_due(struct processes *ps, uint64_t at_ns)
{
	ps->due_ns = at_ns < ps->due_ns ? at_ns : ps->due_ns;
}

/* The next look at P is. One that is neither put off nor one of the first waits for a scan. */
static void note_look(struct processes *ps, const struct process *p)
{
	if (!p->close_ns || wait_of(ps, p) < AGAIN_NS)
		note_due(ps, p->due_ns);
}

/* Those of one list of a target that are due. */
static void check_due(struct processes *ps, enum list list, unsigned target)
{
	struct table_list *l = table_shares_of(&ps->lists[list], target);
	struct process *p = table_list_first(l), *next;
	uint64_t begun = clock_mono_ns(), used = clock_thread_ns();

	for (uint32_t i = l->len; i > 0 && p; i--, p = next) {
		uint64_t spent;

		next = table_list_next(l, p); /* a look may put P at the end, or elsewhere */
		if (p->target != target || p->gone_ns)
			continue;
		if (p->due_ns > begun) {
			note_look(ps, p);
			continue;
		}
		if (begun >= ps->until_ns || !may_look(ps, target, begun)) {
			/* The next turn goes on at once; a target without time waits a while. */
			note_due(ps, begun >= ps->until_ns ? begun : begun + PUT_OFF_NS);
			return;
		}
		check(ps, p);
		note_look(ps, p);
		spent = clock_thread_ns() - used;
		ps->of[target].left_ns -= (int64_t)spent;
		used += spent;
		begun = clock_mono_ns();
	}
}

static bool is_listing(const struct processes *ps)
{
	return ps->listed < ps->targets_len;
}

/* Is there a target whose time is used up, or that was not listed yet? */
static bool has_put_off(const struct processes *ps)
{
	for (unsigned i = 0; i < ps->targets_len; i++) {
		if (ps->of[i].soon)
			return true;
	}
	return is_listing(ps);
}

static void set_timer(const struct processes *ps)
{
	uint64_t now = clock_mono_ns(), wait = ps->due_ns > now ? ps->due_ns - now : 1;
	struct itimerspec at = {0};

	if (wait > AGAIN_NS)
		wait = AGAIN_NS;
	if (wait > PUT_OFF_NS && has_put_off(ps))
		wait = PUT_OFF_NS;
	at.it_value.tv_sec = (time_t)(wait / NS_PER_S);
	at.it_value.tv_nsec = (long)(wait % NS_PER_S);
	timerfd_settime(ps->timer, 0, &at, NULL);
}

/* New ones first. The targets take turns in who is first. */
static void look_around(struct processes *ps)
{
	ps->due_ns = UINT64_MAX;
	ps->first++;
	for (enum list list = 0; list < LISTS; list++) {
		for (size_t i = 0; i < ps->targets_len; i++)
			check_due(ps, list, (unsigned)((ps->first + i) % ps->targets_len));
	}
	set_timer(ps);
}

/* --- the targets' lists ------------------------------------------------------------------------
 */

static void meet(void *context, pid_t pid)
{
	struct processes *ps = context;
	struct process *p = pid ? find(ps, pid) : NULL;

	if (!pid)
		ps->of[ps->target].counting++;
	else if (!p)
		p = add(ps, pid, ps->target);
	if (!p)
		return;
	if (p->target != ps->target || p->gone_ns) {
		p->gone_ns = 0;
		p->state = PROCESS_NEW;
		p->looks = 0;
		p->due_ns = 0;
		detach(ps, p, false);
		relist(ps, p, ps->target);
	}
	p->seen = ps->of[ps->target].scan;
	if (!probe_sees_execs(ps->probe))
		p->due_ns = 0; /* it may be another program by now */
}

static bool has_ended(const struct process *p)
{
	struct procfs_identity id;
	unsigned long long size;

	return !procfs_look(p->pid, &id, &size) || !procfs_same(&id, &p->identity);
}

/* Not in the list of its target. One that is there all the same is given another listing: to detach
 * it for nothing would lose what it says meanwhile. */
static void miss(struct processes *ps, struct process *p, uint64_t now)
{
	bool ended = has_ended(p);

	if (!ended && p->seen + 1 >= ps->of[p->target].scan)
		return;
	p->gone_ns = now;
	detach(ps, p, ended);
}

static void miss_of(struct processes *ps, enum list list, unsigned target, uint64_t now)
{
	struct table_list *l = table_shares_of(&ps->lists[list], target);
	struct process *p = table_list_first(l), *next;

	for (uint32_t i = l->len; i > 0 && p; i--, p = next) {
		next = table_list_next(l, p);
		if (p->target != target || p->seen == ps->of[target].scan)
			continue;
		if (!p->gone_ns)
			miss(ps, p, now);
		else if (now - p->gone_ns > REMEMBER_NS)
			forget(ps, p);
	}
}

static void say_hidden(struct processes *ps, unsigned target)
{
	struct of_target *of = &ps->of[target];

	if (of->counting && !of->hidden)
		log_warn("processes",
			 "%zu processes of %s are in a PID namespace that is not seen from here: "
			 "their TLS cannot be read; run telltale in the host's (--pid=host)",
			 of->counting, ps->targets[target].name);
	of->hidden = of->counting;
}

static void list_target(struct processes *ps, unsigned target)
{
	struct of_target *of = &ps->of[target];

	of->scan++;
	of->listed_ns = clock_mono_ns();
	of->counting = 0;
	ps->target = target;
	target_each_process(&ps->targets[target], meet, ps);
	say_hidden(ps, target);
	for (enum list list = 0; list < LISTS; list++)
		miss_of(ps, list, target, of->listed_ns);
}

void processes_turn(struct processes *ps)
{
	ps->until_ns = clock_mono_ns() + STALL_NS;
}

/* Some more targets of the scan. Half of the turn is for looks. */
static void list_more(struct processes *ps)
{
	uint64_t until_ns = ps->until_ns - STALL_NS / 2;

	while (is_listing(ps) && clock_mono_ns() < until_ns)
		list_target(ps, ps->listed++);
}

void processes_scan(struct processes *ps)
{
	processes_turn(ps);
	if (!is_listing(ps))
		ps->listed = 0;
	list_more(ps);
	look_around(ps);
}

void processes_start(struct processes *ps)
{
	for (unsigned i = 0; i < ps->targets_len; i++) {
		ps->of[i].at_ns = clock_mono_ns();
		ps->of[i].left_ns = START_NS;
		list_target(ps, i);
	}
	ps->until_ns = clock_mono_ns() + START_NS;
	look_around(ps);
}

/* --- out of turn -------------------------------------------------------------------------------
 */

static void scan_closely(struct processes *ps, unsigned target)
{
	struct table_list *others = table_shares_of(&ps->lists[OTHERS], target);

	ps->of[target].soon = false;
	list_target(ps, target);
	for (struct process *p = table_list_first(others); p; p = table_list_next(others, p)) {
		p->due_ns = 0;
		p->close_ns = 0;
	}
	look_around(ps);
}

/* Is there time in this turn, and has the target time left? */
static bool may_scan(const struct processes *ps, unsigned target)
{
	uint64_t now = clock_mono_ns();

	return now < ps->until_ns && may_look(ps, target, now);
}

static void scan_soon(struct processes *ps, unsigned target, uint64_t seen_ns)
{
	if (seen_ns < ps->of[target].listed_ns)
		return;
	if (may_scan(ps, target))
		scan_closely(ps, target);
	else
		ps->of[target].soon = true;
	set_timer(ps);
}

void processes_exec(struct processes *ps, pid_t pid, unsigned target)
{
	uint64_t begun = clock_mono_ns(), used = clock_thread_ns();
	struct process *p;

	if (target >= ps->targets_len)
		return;
	if (!probe_pids_are_ours(ps->probe)) {
		scan_soon(ps, target, begun);
		return;
	}
	p = find(ps, pid);
	if (p && p->target == target && !p->gone_ns) {
		/* Whatever it was has ended, also when it goes on with the same program. */
		p->state = PROCESS_NEW;
		p->looks = 0;
		detach(ps, p, true);
	} else if (!p) {
		p = add(ps, pid, target);
		if (p)
			p->seen = ps->of[target].scan;
	}
	if (!p || p->gone_ns)
		return; /* the next listing has it */
	p->due_ns = begun;
	if (begun >= ps->until_ns) {
		note_due(ps, begun);
	} else if (!may_look(ps, target, begun)) {
		note_due(ps, begun + PUT_OFF_NS);
	} else {
		check(ps, p);
		ps->of[target].left_ns -= (int64_t)(clock_thread_ns() - used);
		note_look(ps, p);
	}
	set_timer(ps);
}

void processes_scan_soon(struct processes *ps, unsigned target, uint64_t seen_ns)
{
	processes_turn(ps);
	if (target < ps->targets_len)
		scan_soon(ps, target, seen_ns);
}

void processes_catch_up(struct processes *ps)
{
	uint64_t ran_out;

	processes_turn(ps);
	for (unsigned i = 0; i < ps->targets_len; i++) {
		if (ps->of[i].soon && may_scan(ps, i))
			scan_closely(ps, i);
	}
	list_more(ps);
	(void)!read(ps->timer, &ran_out, sizeof(ran_out));
	if (clock_mono_ns() >= ps->due_ns)
		look_around(ps);
	else
		set_timer(ps);
}

int processes_fd(const struct processes *ps)
{
	return ps->timer;
}

/* --- what is known ----------------------------------------------------------------------------
 */

struct count {
	enum process_tls state;
	size_t tapped, all;
};

static int count_one(void *context, pid_t pid, enum process_tls state)
{
	struct count *c = context;

	c->all += pid != 0;
	c->tapped += pid && state == PROCESS_TAPPED;
	return 0;
}

static struct count count(const struct processes *ps)
{
	struct count c = {0};

	for (unsigned i = 0; i < ps->targets_len; i++)
		processes_each(ps, i, count_one, &c);
	return c;
}

size_t processes_tapped(const struct processes *ps)
{
	return count(ps).tapped;
}

size_t processes_len(const struct processes *ps)
{
	return count(ps).all;
}

size_t processes_hidden(const struct processes *ps, unsigned target)
{
	return target < ps->targets_len ? ps->of[target].hidden : 0;
}

int processes_each(const struct processes *ps, unsigned target,
		   int (*each)(void *context, pid_t pid, enum process_tls state), void *context)
{
	int result = 0;

	for (enum list list = 0; list < LISTS; list++) {
		const struct table_list *l = table_shares_see(&ps->lists[list], target);
		const struct process *p = table_list_first(l);

		for (; p && !result; p = table_list_next(l, p)) {
			if (p->target == target)
				result = each(context, p->gone_ns ? 0 : p->pid, p->state);
		}
	}
	return result;
}
