/* SPDX-License-Identifier: Apache-2.0 */
#include "tap/processes.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "bpf/shared.h"
#include "base/clock.h"
#include "base/log.h"
#include "tap/tlslib.h"

/* Processes looked after at once. */
#define PROCESSES_MAX SHARED_PROCESSES_MAX
/* Scans between two looks at a process that had no TLS library, after the first few looks. It may
 * load one late; when it then speaks TLS it is looked at out of turn. */
#define LOOK_AGAIN  5
#define FIRST_LOOKS 10
/* How long one that has ended is remembered: until its last records have come through the ring. */
#define REMEMBER_NS (2 * NS_PER_S)
/* Scans out of turn take no larger share of the time than one in so many. */
#define SCAN_SHARE 10

/* What tells a process from the next one with its number, and from itself after exec. */
struct identity {
	unsigned long long started; /* clock ticks since boot */
	dev_t exe_dev;              /* of the program it runs; 0 when that may not be seen */
	ino_t exe_ino;
};

struct process {
	pid_t pid;
	unsigned target;
	enum process_tls state;
	struct identity identity;
	uint64_t seen;    /* the scan that saw it last */
	uint64_t gone_ns; /* when it was seen no more; 0: it is there */
	unsigned looks;   /* at it so far */
	unsigned age;     /* scans since the last one */
	struct probe_tls *libraries[TLSLIB_MAX];
	size_t libraries_len;
};

struct processes {
	struct probe *probe;
	const struct target *targets;
	size_t targets_len;
	struct tlslib_cache *cache;
	struct tlslib *found; /* room for one process's libraries */
	struct process *list;
	size_t len;
	uint64_t scan;
	unsigned target; /* while its processes are listed */
	bool full;       /* said so already */
	bool all;        /* this scan looks at all that are not tapped */
	bool put_off;
	uint64_t begun_ns, ended_ns; /* of the last scan */
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
	ps->cache = tlslib_cache_new();
	ps->found = calloc(TLSLIB_MAX, sizeof(*ps->found));
	ps->list = calloc(PROCESSES_MAX, sizeof(*ps->list));
	if (!ps->cache || !ps->found || !ps->list) {
		processes_free(ps);
		return NULL;
	}
	return ps;
}

/* ENDED: the program it ran is no more. */
static void detach(struct processes *ps, struct process *p, bool ended)
{
	for (size_t i = 0; i < p->libraries_len; i++)
		probe_detach_tls(ps->probe, p->pid, p->libraries[i], ended);
	p->libraries_len = 0;
}

void processes_free(struct processes *ps)
{
	if (!ps)
		return;
	for (size_t i = 0; i < ps->len; i++)
		detach(ps, &ps->list[i], false);
	tlslib_cache_free(ps->cache);
	free(ps->found);
	free(ps->list);
	free(ps);
}

/* 0 when it cannot be told: the process is gone. */
static unsigned long long started(pid_t pid)
{
	unsigned long long ticks;
	char path[64], line[1024], *after;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	f = fopen(path, "re");
	if (!f)
		return 0;
	if (!fgets(line, sizeof(line), f))
		line[0] = '\0';
	fclose(f);
	/* The name may hold anything, a bracket too; the 22nd field is the 20th after it. */
	after = strrchr(line, ')');
	if (!after ||
	    sscanf(after,
		   ") %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s "
		   "%llu",
		   &ticks) != 1)
		return 0;
	return ticks;
}

/* False when the process is gone, or is a kernel thread. */
static bool identify(pid_t pid, struct identity *id)
{
	char path[64];
	struct stat st = {0};

	memset(id, 0, sizeof(*id));
	id->started = started(pid);
	snprintf(path, sizeof(path), "/proc/%d/exe", (int)pid);
	if (!stat(path, &st)) {
		id->exe_dev = st.st_dev;
		id->exe_ino = st.st_ino;
		return true;
	}
	return errno == EACCES || errno == EPERM; /* look_at says what is missing */
}

static bool same(const struct identity *a, const struct identity *b)
{
	return a->started == b->started && a->exe_dev == b->exe_dev && a->exe_ino == b->exe_ino;
}

static bool thread_filtered(pid_t pid, const char *thread)
{
	char path[96], line[256];
	unsigned mode = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/task/%.20s/status", (int)pid, thread);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "Seccomp: %u", &mode) == 1)
			break;
	}
	if (f)
		fclose(f);
	return mode != 0;
}

bool processes_filtered(pid_t pid)
{
	struct dirent *entry;
	bool filtered = false;
	char path[64];
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	dir = opendir(path);
	while (dir && !filtered && (entry = readdir(dir))) {
		if (entry->d_name[0] != '.')
			filtered = thread_filtered(pid, entry->d_name);
	}
	if (dir)
		closedir(dir);
	return filtered;
}

bool processes_tls_refused(const struct processes *ps)
{
	return probe_tls_refused(ps->probe) != NULL;
}

static bool to_be_spared(const struct processes *ps, pid_t pid)
{
	return probe_harms_filtered(ps->probe) && processes_filtered(pid);
}

static void spare(struct processes *ps, struct process *p)
{
	detach(ps, p, false);
	p->state = PROCESS_SPARED;
	log_warn("processes",
		 "process %d is under a seccomp filter, and this kernel would kill it when its TLS "
		 "is "
		 "read: it is left alone; run a kernel with the fix (6.12.14, 6.13.3, 6.14 or "
		 "newer)",
		 (int)p->pid);
}

/* Finds the process's libraries and attaches to them. */
static void look_at(struct processes *ps, struct process *p)
{
	int n = tlslib_find(ps->cache, p->pid, ps->found, TLSLIB_MAX);
	enum process_tls before = p->state;
	char why[256] = "";

	p->age = 0;
	p->looks++;
	p->state = PROCESS_NO_LIBRARY;
	if (n == -EACCES || n == -EPERM) {
		p->state = PROCESS_UNATTACHED;
		snprintf(why, sizeof(why), "cannot look into process %d: CAP_SYS_PTRACE is needed",
			 (int)p->pid);
	} else if (n == -ESTALE) {
		p->state = PROCESS_UNATTACHED;
		snprintf(why, sizeof(why),
			 "the TLS library of process %d was replaced on disk after the process "
			 "started; restart the process, or give telltale "
			 "CAP_CHECKPOINT_RESTORE",
			 (int)p->pid);
	}
	if (n > 0 && to_be_spared(ps, p->pid)) {
		spare(ps, p);
		return;
	}
	for (int i = 0; i < n; i++) {
		struct probe_tls *tls;

		if (probe_attach_tls(ps->probe, p->pid, p->target, ps->found[i].path,
				     &ps->found[i].offsets, &tls, why, sizeof(why))) {
			p->state = PROCESS_UNATTACHED;
			continue;
		}
		p->libraries[p->libraries_len++] = tls;
	}
	if (p->libraries_len)
		p->state = PROCESS_TAPPED;
	if (p->state == before)
		return;
	if (why[0])
		log_warn("processes", "%s; its TLS cannot be read%s", why,
			 p->state == PROCESS_TAPPED ? " in full" : "");
	if (p->state == PROCESS_TAPPED)
		log_info("processes", "reading the TLS library of process %d in %s", (int)p->pid,
			 ps->targets[p->target].name);
}

static struct process *find(const struct processes *ps, pid_t pid)
{
	for (size_t i = 0; i < ps->len; i++) {
		if (ps->list[i].pid == pid)
			return &ps->list[i];
	}
	return NULL;
}

static struct process *add(struct processes *ps, pid_t pid)
{
	struct process *p;

	if (ps->len == PROCESSES_MAX) {
		if (!ps->full)
			log_warn("processes",
				 "more than %d processes; the TLS of the others cannot be read",
				 PROCESSES_MAX);
		ps->full = true;
		return NULL;
	}
	p = &ps->list[ps->len++];
	memset(p, 0, sizeof(*p));
	p->pid = pid;
	return p;
}

static void meet(void *context, pid_t pid)
{
	struct processes *ps = context;
	struct process *p = find(ps, pid);
	struct identity id;

	if (!identify(pid, &id))
		return;
	if (!p)
		p = add(ps, pid);
	if (!p)
		return;
	p->seen = ps->scan;
	if (!p->state || p->gone_ns || p->target != ps->target || !same(&p->identity, &id)) {
		detach(ps, p, !same(&p->identity, &id));
		p->state = 0;
		p->gone_ns = 0;
		p->looks = 0;
		p->identity = id;
		p->target = ps->target;
		look_at(ps, p);
	} else if (p->state == PROCESS_TAPPED) {
		if (to_be_spared(ps, pid)) /* a filter it gave itself late */
			spare(ps, p);
	} else if (p->state != PROCESS_SPARED &&
		   (++p->age >= LOOK_AGAIN || p->looks < FIRST_LOOKS || ps->all)) {
		look_at(ps, p);
	}
}

static bool has_ended(const struct process *p)
{
	struct identity id;

	return !identify(p->pid, &id) || !same(&id, &p->identity);
}

/* Not in the list of any target in this scan. One that is there all the same is given another scan:
 * to detach it for nothing would lose what it says meanwhile. */
static void miss(struct processes *ps, struct process *p)
{
	bool ended = has_ended(p);

	if (!ended && p->seen + 1 >= ps->scan)
		return;
	detach(ps, p, ended);
	p->gone_ns = ps->begun_ns;
}

void processes_scan(struct processes *ps)
{
	ps->scan++;
	ps->begun_ns = clock_mono_ns();
	for (ps->target = 0; ps->target < ps->targets_len; ps->target++)
		target_each_process(&ps->targets[ps->target], meet, ps);
	for (size_t i = 0; i < ps->len;) {
		struct process *p = &ps->list[i];

		if (p->seen != ps->scan && !p->gone_ns)
			miss(ps, p);
		if (p->gone_ns && ps->begun_ns - p->gone_ns > REMEMBER_NS)
			*p = ps->list[--ps->len];
		else
			i++;
	}
	ps->ended_ns = clock_mono_ns();
}

void processes_scan_soon(struct processes *ps, uint64_t seen_ns)
{
	if (seen_ns >= ps->begun_ns) {
		ps->put_off = true;
		processes_catch_up(ps);
	}
}

void processes_catch_up(struct processes *ps)
{
	if (!ps->put_off ||
	    clock_mono_ns() - ps->ended_ns < (ps->ended_ns - ps->begun_ns) * SCAN_SHARE)
		return;
	ps->put_off = false;
	ps->all = true;
	processes_scan(ps);
	ps->all = false;
}

size_t processes_tapped(const struct processes *ps)
{
	size_t n = 0;

	for (size_t i = 0; i < ps->len; i++)
		n += ps->list[i].state == PROCESS_TAPPED && !ps->list[i].gone_ns;
	return n;
}

size_t processes_len(const struct processes *ps)
{
	size_t n = 0;

	for (size_t i = 0; i < ps->len; i++)
		n += !ps->list[i].gone_ns;
	return n;
}

int processes_each(const struct processes *ps, unsigned target,
		   int (*each)(void *context, pid_t pid, enum process_tls state), void *context)
{
	int result = 0;

	for (size_t i = 0; i < ps->len && !result; i++) {
		const struct process *p = &ps->list[i];

		if (p->target == target)
			result = each(context, p->gone_ns ? 0 : p->pid, p->state);
	}
	return result;
}
