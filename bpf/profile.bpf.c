/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * profile.bpf.c - the programs of `telltale profile`, and of `profile: {columns: true}`: what the
 * connector's threads do, and when.
 *
 * An object of its own. It needs BTF, which the taps do not: where the kernel refuses it, they work
 * as ever. The programs on sched_* run at every switch on the host, so a thread that is not watched
 * costs one load each. They keep no state: the reader derives it (user/profile/tape.h).
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "bpf/tape.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define TASK_DEAD 0x80 /* the kernel's; it has been so since Linux 4.14 */

/* The parts of the kernel's structs that are read here; the loader finds where they lie. */
#define KERNEL __attribute__((preserve_access_index))

struct task_struct {
	int pid;
	int tgid;
	unsigned int __state; /* since 5.14 */
} KERNEL;

struct task_struct___old {
	long state;
} KERNEL;

struct sock {
	struct {
		struct {
			long long counter;
		} skc_cookie;
	} __sk_common;
} KERNEL;

/* Which dependency listens on a port; 0: none. Set before loading. */
const volatile __u8 class_of_port[65536];

/* Threads whose events are written: at the lower bits of a thread's number, its upper bits plus one
 * (tape_watch_value). Of two threads with the same lower bits one is not seen. Written by user
 * space for threads that are there, here for those that these start. */
__u8 watched[TAPE_WATCHED];

/* What writing events takes, by kind: of one run in TAPE_SAMPLED. Two CPUs may count at once. */
struct tape_cost costs[TAPE_KINDS];

/* Events that found no room. Two CPUs may count at once. A reader without privileges maps it. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} tape_dropped SEC(".maps");

/* Events for the reader. It reads on a timer and is not woken. The loader sets the size. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 20);
} tape SEC(".maps");

static __always_inline __u8 *watch_of(int tid)
{
	return &watched[(__u32)tid & (TAPE_WATCHED - 1)];
}

static __always_inline int is_watched(int tid)
{
	return *watch_of(tid) == tape_watch_value((__u32)tid);
}

static __always_inline void count_dropped(void)
{
	__u32 first = 0;
	__u64 *dropped = bpf_map_lookup_elem(&tape_dropped, &first);

	if (dropped)
		__sync_fetch_and_add(dropped, 1);
}

/* The event's own time says which run is sampled: that costs nothing. */
static __always_inline void count_cost(const struct tape_event *event)
{
	struct tape_cost *cost = &costs[event->kind & (TAPE_KINDS - 1)];

	__sync_fetch_and_add(&cost->ns, bpf_ktime_get_ns() - event->at_ns);
	__sync_fetch_and_add(&cost->runs, 1);
}

static __always_inline void write_event(const struct tape_event *event)
{
	if (bpf_ringbuf_output(&tape, (void *)event, sizeof(*event), BPF_RB_NO_WAKEUP))
		count_dropped();
	if (!((event->at_ns >> 4) & (TAPE_SAMPLED - 1)))
		count_cost(event);
}

static __always_inline void write_state(const struct task_struct *task, __u8 kind)
{
	const struct tape_event event = {
		.at_ns = bpf_ktime_get_ns(),
		.tid = (__u32)task->pid,
		.pid = (__u32)task->tgid,
		.kind = kind,
	};

	write_event(&event);
}

/* A thread that was woken on another CPU while it was on its way to sleep is running again here,
 * and waits for a CPU: that is what its state says. */
static __always_inline long state_of(struct task_struct *task)
{
	if (bpf_core_field_exists(task->__state))
		return task->__state;
	return ((struct task_struct___old *)task)->state;
}

static __always_inline void leaves(struct task_struct *prev, int preempted)
{
	long state = state_of(prev);

	write_state(prev, preempted || !state ? TAPE_PREEMPTED : TAPE_BLOCKED);
	if (state & TASK_DEAD)
		*watch_of(prev->pid) = 0;
}

/* NOLINTBEGIN(performance-no-int-to-ptr): the kernel hands addresses over as numbers */

SEC("tp_btf/sched_switch") int switched(__u64 *ctx)
{
	struct task_struct *prev = (void *)ctx[1], *next = (void *)ctx[2];

	if (is_watched(prev->pid))
		leaves(prev, (int)ctx[0] & 1);
	if (is_watched(next->pid))
		write_state(next, TAPE_ON);
	return 0;
}

/* The first says when; a thread that was still on its way to sleep then is seen by the second. */
SEC("tp_btf/sched_waking") int waking(__u64 *ctx)
{
	struct task_struct *task = (void *)ctx[0];

	if (is_watched(task->pid))
		write_state(task, TAPE_WOKEN);
	return 0;
}

SEC("tp_btf/sched_wakeup") int woken(__u64 *ctx)
{
	struct task_struct *task = (void *)ctx[0];

	if (is_watched(task->pid))
		write_state(task, TAPE_WOKEN);
	return 0;
}

/* Runs in the thread that starts the new one. */
SEC("tp_btf/sched_wakeup_new") int started(__u64 *ctx)
{
	struct task_struct *task = (void *)ctx[0];

	if (!is_watched((int)(__u32)bpf_get_current_pid_tgid()))
		return 0;
	*watch_of(task->pid) = tape_watch_value((__u32)task->pid);
	write_state(task, TAPE_PREEMPTED);
	return 0;
}

/* The kernel calls it when a read has taken bytes out of a socket, in the thread that reads. */
SEC("tp_btf/tcp_rcv_space_adjust") int was_read(__u64 *ctx)
{
	const struct sock *sk = (void *)ctx[0];
	__u64 id = bpf_get_current_pid_tgid();
	struct tape_event event = {.tid = (__u32)id, .pid = (__u32)(id >> 32), .kind = TAPE_READ};

	if (!is_watched((int)event.tid))
		return 0;
	event.at_ns = bpf_ktime_get_ns();
	event.socket = (__u64)sk->__sk_common.skc_cookie.counter;
	write_event(&event);
	return 0;
}

/* The TCP header of a segment; NULL: it is none, or lies behind IPv6 extension headers. */
static __always_inline struct tcphdr *tcp_of(struct __sk_buff *skb, __u32 *off)
{
	void *data = (void *)(long)skb->data, *data_end = (void *)(long)skb->data_end;
	struct ipv6hdr *ip6 = data;
	struct iphdr *ip = data;
	struct tcphdr *tcp;

	if (skb->protocol == bpf_htons(ETH_P_IP)) {
		if ((void *)(ip + 1) > data_end || ip->protocol != IPPROTO_TCP)
			return NULL;
		*off = ip->ihl * 4;
	} else {
		if ((void *)(ip6 + 1) > data_end || skb->protocol != bpf_htons(ETH_P_IPV6) ||
		    ip6->nexthdr != IPPROTO_TCP)
			return NULL;
		*off = sizeof(*ip6);
	}
	tcp = data + *off;
	return (void *)(tcp + 1) > data_end ? NULL : tcp;
}

/* NOLINTEND(performance-no-int-to-ptr) */

/* PORT is as it stands in the header. An older verifier knows no bound of a number whose bytes were
 * swapped. */
static __always_inline __u8 class_at(__be16 port)
{
	__u32 at = bpf_ntohs(port);

	asm volatile("" : "+r"(at));
	return class_of_port[at & (sizeof(class_of_port) - 1)];
}

static __always_inline int write_segment(struct __sk_buff *skb, __u8 kind)
{
	struct tape_event event = {.kind = kind};
	struct tcphdr *tcp;
	__u32 off;

	tcp = tcp_of(skb, &off);
	if (!tcp)
		return 1;
	event.class = class_at(kind == TAPE_SENT ? tcp->dest : tcp->source);
	off += tcp->doff * 4;
	if (!event.class || skb->len <= off)
		return 1;
	event.at_ns = bpf_ktime_get_ns();
	event.socket = bpf_get_socket_cookie(skb);
	event.end = bpf_ntohl(tcp->seq) + tcp->syn + (skb->len - off);
	write_event(&event);
	return 1;
}

SEC("cgroup_skb/egress") int dependency_out(struct __sk_buff *skb)
{
	return write_segment(skb, TAPE_SENT);
}

SEC("cgroup_skb/ingress") int dependency_in(struct __sk_buff *skb)
{
	return write_segment(skb, TAPE_CAME);
}
