/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * telltale.bpf.c - the entry points. What they do stands in the headers, in the order of the data
 * flow: tap_socket.h, tap_settle.h and tap_http2.h, or tap_tls.h; stream.h, http1.h, ilp.h, emit.h,
 * record.h. What the taps see is held against what the kernel knows by witness.h.
 */
#include <linux/bpf.h>
#include <linux/ptrace.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "maps.h"

#include "bpf/tap/tap_join.h"
#include "bpf/tap/tap_settle.h"
#include "bpf/tap/tap_socket.h"
#include "bpf/tap/tap_tls.h"
#include "bpf/tap/witness.h"
#include "bpf/tap/dropped.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* Both directions go on in the same programs, so that the verifier walks those once. Recent kernels
 * want programs that call each other to be of one direction. So egress_run says that it is for
 * ingress. The probe half attaches it to egress all the same, which the kernel allows. */
SEC("cgroup_skb/ingress") int ingress_run(struct __sk_buff *skb)
{
	return tap_enter_run(skb, FLOW_IN, &in_socket);
}

SEC("cgroup_skb/ingress") int egress_run(struct __sk_buff *skb)
{
	return tap_enter_run(skb, FLOW_OUT, &out_socket);
}

SEC("cgroup_skb/ingress") int socket_in(struct __sk_buff *skb)
{
	return cost_pass(skb, tap_run(skb, FLOW_IN));
}

SEC("cgroup_skb/ingress") int socket_out(struct __sk_buff *skb)
{
	return cost_pass(skb, tap_run(skb, FLOW_OUT));
}

SEC("cgroup_skb/ingress") int socket_follow(struct __sk_buff *skb)
{
	return cost_pass(skb, tap_follow(skb));
}

SEC("cgroup_skb/ingress") int socket_settle(struct __sk_buff *skb)
{
	return cost_pass(skb, tap_settle(skb));
}

SEC("cgroup_skb/ingress") int socket_turn(struct __sk_buff *skb)
{
	return cost_pass(skb, tap_turn(skb));
}

SEC("cgroup_skb/ingress") int socket_step(struct __sk_buff *skb)
{
	return cost_pass(skb, tap_step(skb));
}

SEC("cgroup_skb/ingress") int socket_walk(struct __sk_buff *skb)
{
	return cost_pass(skb, tap_walk(skb));
}

SEC("cgroup_skb/ingress") int socket_http2_join(struct __sk_buff *skb)
{
	return cost_pass(skb, tap_join(skb));
}

SEC("cgroup_skb/ingress") int socket_http2(struct __sk_buff *skb)
{
	return cost_pass(skb, tap_http2(skb));
}

SEC("cgroup_skb/ingress") int socket_http2_piece(struct __sk_buff *skb)
{
	return cost_pass(skb, tap_http2_piece(skb));
}

SEC("cgroup/sock_release") int socket_released(struct bpf_sock *sk)
{
	return COST_OF(SHARED_PROGRAM_SOCKET_CLOSED, tap_released(sk));
}

static __always_inline int tls_enter_timed(struct pt_regs *ctx, int out)
{
	return COST_OF(SHARED_PROGRAM_TLS_CALL, tls_enter(ctx, out));
}

SEC("uprobe") int tls_write_enter(struct pt_regs *ctx)
{
	return tls_enter_timed(ctx, FLOW_OUT);
}

SEC("uprobe") int tls_read_enter(struct pt_regs *ctx)
{
	return tls_enter_timed(ctx, FLOW_IN);
}

/* Where sessions are used, these four run on entry too, and the two above are not loaded. */
SEC("uretprobe") int tls_write(struct pt_regs *ctx)
{
	return tls_enters(ctx) ? tls_enter_timed(ctx, FLOW_OUT) : tls_leave(ctx, 0, FLOW_OUT);
}

SEC("uretprobe") int tls_write_ex(struct pt_regs *ctx)
{
	return tls_enters(ctx) ? tls_enter_timed(ctx, FLOW_OUT) : tls_leave(ctx, 1, FLOW_OUT);
}

SEC("uretprobe") int tls_read(struct pt_regs *ctx)
{
	return tls_enters(ctx) ? tls_enter_timed(ctx, FLOW_IN) : tls_leave(ctx, 0, FLOW_IN);
}

SEC("uretprobe") int tls_read_ex(struct pt_regs *ctx)
{
	return tls_enters(ctx) ? tls_enter_timed(ctx, FLOW_IN) : tls_leave(ctx, 1, FLOW_IN);
}

SEC("uretprobe") int tls_stepped(struct pt_regs *ctx)
{
	return tls_step(ctx);
}

SEC("uretprobe") int tls_http2_stepped(struct pt_regs *ctx)
{
	return tls_http2(ctx);
}

SEC("uretprobe") int tls_walked(struct pt_regs *ctx)
{
	return tls_walk(ctx);
}

SEC("uprobe") int tls_begun(struct pt_regs *ctx)
{
	return COST_OF(SHARED_PROGRAM_TLS_OBJECT, tls_begin(ctx));
}

SEC("uprobe") int tls_ended(struct pt_regs *ctx)
{
	return COST_OF(SHARED_PROGRAM_TLS_OBJECT, tls_end(ctx));
}

SEC("raw_tp/sched_process_exec") int process_exec(void *ctx)
{
	(void)ctx;
	return COST_OF(SHARED_PROGRAM_EXEC, tls_exec());
}

SEC("iter/task_file") int look_at_file(struct bpf_iter__task_file *ctx)
{
	return COST_OF(SHARED_PROGRAM_LOOK, witness_look(ctx));
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(socket_state, struct sock *sk, int old, int new)
{
	return COST_OF(SHARED_PROGRAM_STATE, witness_state(sk, old, new));
}

SEC("tp_btf/kfree_skb") int socket_dropped(const __u64 *ctx)
{
	return COST_OF(SHARED_PROGRAM_DROPPED, dropped_packet(ctx));
}
