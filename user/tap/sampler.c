/* SPDX-License-Identifier: Apache-2.0 */
#include "tap/sampler.h"

#include <dirent.h>
#include <errno.h>
#include <linux/perf_event.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <bpf/libbpf.h>

#include "base/clock.h"
#include "bpf/stacks.h"
#include "bpf/stacks.skel.h"
#include "tap/namespaces.h"
#include "tap/natives.h"
#include "tap/v8.h"

#define EVENTS_MAX 1024 /* threads that are there when their process is seen */

struct process {
	pid_t pid;
	struct v8 *v8; /* NULL: it does not run V8 */
};

struct sampler {
	struct stacks_bpf *skel;
	struct ring_buffer *ring;
	unsigned hz;
	int events[EVENTS_MAX];
	size_t events_len;
	struct process processes[STACKS_PROCESSES];
	size_t processes_len;
	struct natives *natives;
	struct stacks *into; /* while sampler_consume runs */
	struct sampler_stats stats;
	char unknown[32];
};

/* --- opening -----------------------------------------------------------------------------------
 */

static int open_event(pid_t tid, unsigned hz)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE,
		.size = sizeof(attr),
		.config = PERF_COUNT_SW_CPU_CLOCK,
		.sample_period = (uint64_t)NS_PER_S / hz,
		.inherit = 1,
		.inherit_thread = 1, /* and processes that are started are seen by themselves */
	};
	int fd = (int)syscall(SYS_perf_event_open, &attr, tid, -1, -1, PERF_FLAG_FD_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

int sampler_paranoid(void)
{
	FILE *f = fopen("/proc/sys/kernel/perf_event_paranoid", "re");
	int level = 0;

	if (f && fscanf(f, "%d", &level) != 1)
		level = 0;
	if (f)
		fclose(f);
	return level;
}

static void explain(int err, char *why, size_t why_len)
{
	if (access("/sys/kernel/btf/vmlinux", R_OK))
		snprintf(why, why_len,
			 "this kernel has no BTF (/sys/kernel/btf/vmlinux); a kernel built with "
			 "CONFIG_DEBUG_INFO_BTF=y has");
	else if ((err == -EPERM || err == -EACCES) && sampler_paranoid() > 2)
		snprintf(why, why_len,
			 "kernel.perf_event_paranoid is %d, which refuses samples to all but root; "
			 "set it to 2, or run as root with CAP_SYS_ADMIN",
			 sampler_paranoid());
	else if (err == -EPERM || err == -EACCES)
		snprintf(why, why_len,
			 "the kernel refuses samples (%s): run as root, or with CAP_BPF, "
			 "CAP_PERFMON and CAP_SYS_PTRACE; lockdown=confidentiality forbids them",
			 strerror(-err));
	else
		snprintf(why, why_len,
			 "the kernel does not take the program that samples (%s); it needs Linux "
			 "5.15",
			 strerror(-err));
}

static int take_sample(void *context, void *data, size_t size);

static int open_programs(struct sampler *s)
{
	int err, fd;

	s->natives = natives_new();
	if (!s->natives)
		return -ENOMEM;
	/* Whether the policy allows it is seen at once. */
	fd = open_event(getpid(), s->hz);
	if (fd < 0)
		return fd;
	close(fd);
	s->skel = stacks_bpf__open_and_load();
	if (!s->skel)
		return errno ? -errno : -ENOMEM;
	s->ring = ring_buffer__new(bpf_map__fd(s->skel->maps.samples), take_sample, s, NULL);
	err = s->ring ? 0 : errno ? -errno : -ENOMEM;
	return err;
}

int sampler_open(unsigned hz, struct sampler **out, char *why, size_t why_len)
{
	struct sampler *s;
	int err;

	if (!namespaces_pids_are_hosts()) {
		snprintf(why, why_len,
			 "the kernel numbers threads as the host does, and this is a PID namespace "
			 "of its own; run it in the host's (--pid=host)");
		return -EOPNOTSUPP;
	}
	s = calloc(1, sizeof(*s));
	if (s)
		s->hz = hz;
	err = s ? open_programs(s) : -ENOMEM;
	if (err) {
		explain(err, why, why_len);
		sampler_close(s);
		return err;
	}
	*out = s;
	return 0;
}

void sampler_close(struct sampler *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->events_len; i++)
		close(s->events[i]);
	for (size_t i = 0; i < s->processes_len; i++)
		v8_close(s->processes[i].v8);
	ring_buffer__free(s->ring);
	stacks_bpf__destroy(s->skel);
	natives_free(s->natives);
	free(s);
}

/* --- threads -----------------------------------------------------------------------------------
 */

static void watch_thread(struct sampler *s, pid_t tid)
{
	int fd = s->events_len < EVENTS_MAX ? open_event(tid, s->hz) : -ENOSPC;

	if (fd == -ESRCH)
		return;
	if (fd >= 0 && !ioctl(fd, PERF_EVENT_IOC_SET_BPF, bpf_program__fd(s->skel->progs.sample)))
		s->events[s->events_len++] = fd;
	else
		s->stats.unwatched++;
	if (fd >= 0 && (!s->events_len || s->events[s->events_len - 1] != fd))
		close(fd);
}

static void watch_threads(struct sampler *s, pid_t pid)
{
	const struct dirent *entry;
	char path[64];
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	dir = opendir(path);
	while (dir && (entry = readdir(dir))) {
		unsigned long tid = strtoul(entry->d_name, NULL, 10);

		if (tid)
			watch_thread(s, (pid_t)tid);
	}
	if (dir)
		closedir(dir);
}

static struct process *find_process(struct sampler *s, pid_t pid)
{
	for (size_t i = 0; i < s->processes_len; i++) {
		if (s->processes[i].pid == pid)
			return &s->processes[i];
	}
	return NULL;
}

/* Frames of JavaScript are followed from the first sample on. */
static void open_v8(struct sampler *s, struct process *p)
{
	char version[sizeof(s->unknown)] = "";
	__u32 key = (__u32)p->pid;
	int err = v8_open(p->pid, &p->v8, version, sizeof(version));

	if (err == -ENOTSUP)
		memcpy(s->unknown, version, sizeof(version));
	else if (err && err != -ENOENT && err != -ESRCH)
		s->stats.unwatched++;
	if (!err)
		bpf_map__update_elem(s->skel->maps.v8_processes, &key, sizeof(key),
				     v8_for_kernel(p->v8), sizeof(struct stacks_v8), BPF_ANY);
}

void sampler_watch(struct sampler *s, pid_t pid)
{
	struct process *p;

	if (find_process(s, pid))
		return;
	if (s->processes_len == STACKS_PROCESSES) {
		s->stats.unwatched++;
		return;
	}
	p = &s->processes[s->processes_len++];
	*p = (struct process){.pid = pid};
	open_v8(s, p);
	watch_threads(s, pid);
}

/* --- samples -----------------------------------------------------------------------------------
 */

/* The numbers of one frame, the innermost first. */
static size_t number_frame(struct sampler *s, const struct process *p, pid_t pid,
			   const struct stacks_frame *frame, bool innermost, uint32_t *numbers,
			   size_t room)
{
	size_t n = 0;

	if (frame->shared && p && p->v8) {
		s->stats.scripts++;
		n = v8_name(p->v8, s->into, frame, innermost, numbers, room);
		if (!n) {
			s->stats.unnamed++;
			numbers[0] = stacks_at(s->into, STACKS_OF_SCRIPT, 0, 0);
		}
		return n ? n : 1;
	}
	numbers[0] = natives_frame(s->natives, s->into, pid, frame->pc - !innermost);
	return 1;
}

static void add_sample(struct sampler *s, const struct stacks_sample *sample)
{
	const struct process *p = find_process(s, (pid_t)sample->pid);
	uint32_t numbers[STACKS_DEPTH_MAX], outwards[STACKS_DEPTH_MAX];
	size_t len = 0;

	while (len < sample->kernel && len < STACKS_KERNEL) {
		numbers[len] = stacks_at(s->into, STACKS_OF_KERNEL, 0, sample->kernel_pcs[len]);
		len++;
	}
	for (size_t i = 0; i < sample->frames && len < STACKS_DEPTH_MAX; i++)
		len += number_frame(s, p, (pid_t)sample->pid, &sample->list[i], i == 0,
				    numbers + len, STACKS_DEPTH_MAX - len);
	for (size_t i = 0; i < len; i++)
		outwards[i] = numbers[len - 1 - i];
	stacks_add(s->into, sample->at_ns, sample->pid, sample->tid, outwards, len);
	s->stats.cut += sample->frames == STACKS_FRAMES;
}

static int take_sample(void *context, void *data, size_t size)
{
	const struct stacks_sample *sample = data;
	struct sampler *s = context;

	if (size < offsetof(struct stacks_sample, list) || sample->frames > STACKS_FRAMES ||
	    size != offsetof(struct stacks_sample, list) + sample->frames * sizeof(sample->list[0]))
		return 0;
	s->stats.samples++;
	s->stats.cost_ns += sample->cost_ns;
	add_sample(s, sample);
	return 0;
}

void sampler_consume(struct sampler *s, struct stacks *stacks)
{
	s->into = stacks;
	ring_buffer__consume(s->ring);
}

void sampler_name(struct sampler *s, struct stacks *stacks)
{
	natives_name(s->natives, stacks);
}

struct sampler_stats sampler_stats(const struct sampler *s)
{
	struct sampler_stats stats = s->stats;

	stats.dropped = __atomic_load_n(&s->skel->bss->dropped, __ATOMIC_RELAXED);
	return stats;
}

const char *sampler_unknown(const struct sampler *s)
{
	return s->unknown;
}
