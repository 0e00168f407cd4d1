/* SPDX-License-Identifier: Apache-2.0 */
#include "processes.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "log.h"
#include "tlslib.h"

/* Processes looked after at once: as many as the programs have room for. */
#define PROCESSES_MAX 4096
/* Scans between two looks at a process that had no TLS library: it may load one late. */
#define LOOK_AGAIN   5
#define SCAN_SOON_NS 100000000u

struct process {
	pid_t pid;
	unsigned target;
	enum process_tls state;
	dev_t exe_dev; /* of the program it runs: another one after exec */
	ino_t exe_ino;
	uint64_t seen; /* the scan that saw it last */
	unsigned age;  /* scans since it was looked at */
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
	unsigned target;  /* while its processes are listed */
	bool full;        /* said so already */
	uint64_t soon_ns; /* when it was last done out of turn */
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

static void detach(struct processes *ps, struct process *p)
{
	for (size_t i = 0; i < p->libraries_len; i++)
		probe_detach_tls(ps->probe, p->pid, p->libraries[i]);
	p->libraries_len = 0;
}

void processes_free(struct processes *ps)
{
	if (!ps)
		return;
	for (size_t i = 0; i < ps->len; i++)
		detach(ps, &ps->list[i]);
	tlslib_cache_free(ps->cache);
	free(ps->found);
	free(ps->list);
	free(ps);
}

/* Which program does the process run? False when it is gone, or a kernel thread; nulls when this
 * may not be asked, which look_at then says. */
static bool program_of(pid_t pid, dev_t *dev, ino_t *ino)
{
	char path[64];
	struct stat st = {0};

	snprintf(path, sizeof(path), "/proc/%d/exe", (int)pid);
	if (stat(path, &st) && errno != EACCES && errno != EPERM)
		return false;
	*dev = st.st_dev;
	*ino = st.st_ino;
	return true;
}

/* Finds the process's libraries and attaches to them. */
static void look_at(struct processes *ps, struct process *p)
{
	int n = tlslib_find(ps->cache, p->pid, ps->found, TLSLIB_MAX);
	enum process_tls before = p->state;
	char why[256] = "";

	p->age = 0;
	p->state = PROCESS_NO_LIBRARY;
	if (n == -EACCES || n == -EPERM) {
		p->state = PROCESS_UNATTACHED;
		snprintf(why, sizeof(why), "cannot look into process %d: CAP_SYS_PTRACE is needed",
			 (int)p->pid);
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
	if (p->state == PROCESS_UNATTACHED)
		log_warn("processes", "%s; its TLS cannot be read", why);
	else if (p->state == PROCESS_TAPPED)
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

static void meet(void *context, pid_t pid)
{
	struct processes *ps = context;
	struct process *p = find(ps, pid);
	bool met = p;
	dev_t dev;
	ino_t ino;

	if (!program_of(pid, &dev, &ino))
		return;
	if (!p) {
		if (ps->len == PROCESSES_MAX) {
			if (!ps->full)
				log_warn("processes",
					 "more than %d processes; the TLS of the "
					 "others cannot be read",
					 PROCESSES_MAX);
			ps->full = true;
			return;
		}
		p = &ps->list[ps->len++];
		memset(p, 0, sizeof(*p));
		p->pid = pid;
		p->target = ps->target;
	}
	p->seen = ps->scan;
	if (!met || p->exe_dev != dev || p->exe_ino != ino) {
		detach(ps, p);
		p->exe_dev = dev;
		p->exe_ino = ino;
		look_at(ps, p);
	} else if (p->state != PROCESS_TAPPED && ++p->age >= LOOK_AGAIN) {
		look_at(ps, p);
	}
}

void processes_scan(struct processes *ps)
{
	ps->scan++;
	for (ps->target = 0; ps->target < ps->targets_len; ps->target++)
		target_each_process(&ps->targets[ps->target], meet, ps);
	for (size_t i = 0; i < ps->len;) {
		if (ps->list[i].seen == ps->scan) {
			i++;
			continue;
		}
		detach(ps, &ps->list[i]);
		ps->list[i] = ps->list[--ps->len];
	}
}

void processes_scan_soon(struct processes *ps, uint64_t now_ns)
{
	if (now_ns - ps->soon_ns < SCAN_SOON_NS)
		return;
	ps->soon_ns = now_ns;
	processes_scan(ps);
}

size_t processes_tapped(const struct processes *ps)
{
	size_t n = 0;

	for (size_t i = 0; i < ps->len; i++)
		n += ps->list[i].state == PROCESS_TAPPED;
	return n;
}

size_t processes_len(const struct processes *ps)
{
	return ps->len;
}

int processes_each(const struct processes *ps, unsigned target,
		   int (*each)(void *context, pid_t pid, enum process_tls state), void *context)
{
	int result = 0;

	for (size_t i = 0; i < ps->len && !result; i++) {
		if (ps->list[i].target == target)
			result = each(context, ps->list[i].pid, ps->list[i].state);
	}
	return result;
}
