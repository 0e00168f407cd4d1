/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * stacks.bpf.c - where the connector's threads are, many times a second.
 *
 * An object of its own: it takes BTF and Linux 5.15, which nothing else does. The program runs at
 * the ticks of a clock that counts the time of a watched thread on a CPU, and follows the chain of
 * frame pointers. V8 keeps it in all its code, and Node.js in its own.
 */
#include <linux/bpf.h>
#include <linux/bpf_perf_event.h>
#include <linux/ptrace.h>
#include <stdbool.h>
#include <stddef.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "bpf/stacks.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define V8_TAGS         3 /* the low bits of a word ... */
#define V8_POINTER      1 /* ... that points to an object */
#define V8_FUNCTION_LEN 8 /* words of a JSFunction that matter here */

struct task_struct;

/* Processes that run V8. Written by the reader. A process that ended leaves its entry until the
 * session ends. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, STACKS_PROCESSES);
	__type(key, __u32);
	__type(value, struct stacks_v8);
} v8_processes SEC(".maps");

/* The sample that is being taken. The clock's interrupt does not nest. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct stacks_sample);
} sample_room SEC(".maps");

/* Samples for the reader. It reads on a timer and is not woken. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4 << 20);
} samples SEC(".maps");

/* Samples that found no room. Two CPUs may count at once. */
__u64 dropped;

/* What stands round a frame pointer, from the lowest address on. */
struct frame_words {
	__u64 bytecode_offset;
	__u64 bytecode_array;
	__u64 arguments;
	__u64 function;
	__u64 context; /* of other frames of V8, their kind as a small number */
	__u64 caller;  /* the frame pointer points here */
	__u64 back;
};

#define WORDS_BELOW offsetof(struct frame_words, caller)

static __always_inline bool is_object(__u64 word)
{
	return (word & V8_TAGS) == V8_POINTER;
}

static __always_inline void *object_at(__u64 word, __u32 offset)
{
	return (void *)(word - V8_POINTER + offset); /* NOLINT(performance-no-int-to-ptr) */
}

/* What the frame is of, when it is JavaScript. */
static __always_inline void follow_function(const struct stacks_v8 *v8, const struct frame_words *w,
					    struct stacks_frame *frame)
{
	__u64 map, word;
	__u16 type;

	if (!is_object(w->context) || !is_object(w->function) ||
	    bpf_probe_read_user(&map, sizeof(map), object_at(w->function, 0)) || !is_object(map) ||
	    bpf_probe_read_user(&type, sizeof(type), object_at(map, v8->map_type)) ||
	    type < v8->function_first || type > v8->function_last ||
	    bpf_probe_read_user(&word, sizeof(word), object_at(w->function, v8->shared)))
		return;
	frame->shared = word;
	frame->bytecode = w->bytecode_array;
	frame->offset = w->bytecode_offset;
	if (v8->code && !bpf_probe_read_user(&word, sizeof(word), object_at(w->function, v8->code)))
		frame->code = word;
}

/* The frames of the program, from PC and FP outwards. */
static __always_inline void walk(struct stacks_sample *s, __u64 pc, __u64 fp)
{
	const struct stacks_v8 *v8 = bpf_map_lookup_elem(&v8_processes, &s->pid);
	struct frame_words w;

	for (__u32 i = 0; i < STACKS_FRAMES; i++) {
		struct stacks_frame *frame = &s->list[i];

		*frame = (struct stacks_frame){.pc = pc};
		s->frames = i + 1;
		/* NOLINTNEXTLINE(performance-no-int-to-ptr) */
		if (!fp || bpf_probe_read_user(&w, sizeof(w), (void *)(fp - WORDS_BELOW)))
			return;
		if (v8)
			follow_function(v8, &w, frame);
		/* The stack grows downwards: a chain that does not go up is none. */
		if (w.caller <= fp || !w.back)
			return;
		pc = w.back;
		fp = w.caller;
	}
}

SEC("perf_event") int sample(struct bpf_perf_event_data *ctx)
{
	__u64 begin_ns = bpf_ktime_get_ns(), id = bpf_get_current_pid_tgid();
	__u32 zero = 0, len;
	struct stacks_sample *s = bpf_map_lookup_elem(&sample_room, &zero);
	struct task_struct *task = bpf_get_current_task_btf();
	/* NOLINTNEXTLINE(performance-no-int-to-ptr): the helper's type is a number */
	const struct pt_regs *regs = (void *)bpf_task_pt_regs(task);
	long kernel;

	if (!s)
		return 0;
	s->at_ns = begin_ns;
	s->tid = (__u32)id;
	s->pid = (__u32)(id >> 32);
	kernel = bpf_get_stack(ctx, s->kernel_pcs, sizeof(s->kernel_pcs), 0);
	s->kernel = kernel > 0 ? (__u16)(kernel / sizeof(s->kernel_pcs[0])) : 0;
	walk(s, PT_REGS_IP(regs), PT_REGS_FP(regs));
	len = s->frames;
	if (len > STACKS_FRAMES)
		return 0;
	s->cost_ns = (__u32)(bpf_ktime_get_ns() - begin_ns);
	if (bpf_ringbuf_output(&samples, s,
			       offsetof(struct stacks_sample, list) + len * sizeof(s->list[0]),
			       BPF_RB_NO_WAKEUP))
		__sync_fetch_and_add(&dropped, 1);
	return 0;
}
