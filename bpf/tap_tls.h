/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * tap_tls.h - uprobes on OpenSSL's SSL_write, SSL_read and their _ex forms: plaintext where the
 * process hands it to, or gets it from, its TLS library -> (flow, direction, bytes).
 *
 * On entry the arguments are kept for the thread; on return the bytes count, and only those the
 * call says it took or gave: before the handshake is done the same buffer is offered again and
 * again. Node.js drives OpenSSL over memory buffers, so there is no descriptor to ask: the flow is
 * the SSL object, and the peer is known by its Host header.
 */
#ifndef TELLTALE_TAP_TLS_H
#define TELLTALE_TAP_TLS_H

#include "follow.h"

static __always_inline int tls_target(__u8 *target)
{
	__u32 pid = (__u32)(bpf_get_current_pid_tgid() >> 32);
	__u8 *t = bpf_map_lookup_elem(&processes, &pid);

	if (!t)
		return 0;
	*target = *t;
	return 1;
}

static __always_inline int tls_enter(__u64 ssl, __u64 buf, __u64 done)
{
	struct tls_call call = {.ssl = ssl, .buf = buf, .done = done};
	__u64 thread = bpf_get_current_pid_tgid();
	__u8 target;

	if (tls_target(&target))
		bpf_map_update_elem(&tls_calls, &thread, &call, BPF_ANY);
	return 0;
}

/* A TLS connection that is not followed: do these bytes make it one? */
static __always_inline struct tls_flow *
tls_meet(const struct source *src, struct shared_tls_key *key, __u32 len, int out, __u8 target)
{
	struct flow_common c = {.tap = RECORD_TAP_TLS};
	struct tls_flow *blank, *f;
	__u32 zero = 0;
	__u64 word = source_word(src, 0, len);

	if ((__u8)word != 'P')
		return 0;
	c.id = key->ssl;
	c.pid = (__u32)key->pid;
	c.generation = (__u32)(src->now_ns >> 10);
	c.target = target;
	if (word == BYTES_WORD('P', 'R', 'I', ' ', '*', ' ', 'H', 'T')) {
		c.role = out ? RECORD_ROLE_CLIENT : RECORD_ROLE_SERVER;
		emit_opaque(&c, RECORD_OPAQUE_HTTP2, 0, src->now_ns);
		return 0;
	}
	if (!http1_begins(word, len))
		return 0;
	blank = bpf_map_lookup_elem(&tls_blank, &zero);
	if (!blank)
		return 0;
	if (bpf_map_update_elem(&tls_flows, key, blank, BPF_NOEXIST)) {
		emit_gap(&c, RECORD_GAP_FULL, (__u8)out, len, src->now_ns);
		return 0;
	}
	f = bpf_map_lookup_elem(&tls_flows, key);
	if (!f)
		return 0;
	f->flow.common.tap = c.tap;
	f->flow.common.id = c.id;
	f->flow.common.pid = c.pid;
	f->flow.common.generation = c.generation;
	f->flow.common.target = c.target;
	f->flow.sides[FLOW_OUT].out = 1;
	return f;
}

/* The piece in hand of F, which is in CALL's buffer. */
static __always_inline void tls_follow(void *ctx, struct tls_flow *f, const struct source *src,
				       __u64 thread, int out, void *more)
{
	struct flow_common *c = &f->flow.common;
	struct side *s = &f->flow.sides[out];

	if (follow(src, c, s)) {
		bpf_tail_call(ctx, more, 0);
		follow_gap(src, c, s, RECORD_GAP_COMPLEX, s->end - s->off);
	}
	bpf_map_delete_elem(&tls_calls, &thread);
}

static __always_inline int tls_leave(void *ctx, long result, int ex, int out, void *more)
{
	__u64 thread = bpf_get_current_pid_tgid(), len = (__u32)result; /* an int */
	struct tls_call *call = bpf_map_lookup_elem(&tls_calls, &thread);
	struct source src = {};
	struct shared_tls_key key = {.pid = thread >> 32};
	struct tls_flow *f;
	__u8 target;

	if (!call)
		return 0;
	if (!tls_target(&target) || (int)result <= 0)
		goto drop;
	if (ex && (!call->done || bpf_probe_read_user(&len, sizeof(len), (void *)call->done)))
		goto drop;
	if (len < 1 || len > 1u << 30)
		goto drop;
	src.user = call->buf;
	src.now_ns = bpf_ktime_get_ns();
	key.ssl = call->ssl;
	f = bpf_map_lookup_elem(&tls_flows, &key);
	if (!f)
		f = tls_meet(&src, &key, (__u32)len, out, target);
	if (!f)
		goto drop;
	f->flow.sides[out].off = 0;
	f->flow.sides[out].end = (__u32)len;
	if (!follow_synchronised(&src, &f->flow.sides[out]))
		goto drop;
	tls_follow(ctx, f, &src, thread, out, more);
	return 0;
drop:
	bpf_map_delete_elem(&tls_calls, &thread);
	return 0;
}

/* The same run, come back by tail call. */
static __always_inline int tls_resume(void *ctx, int out, void *more)
{
	__u64 thread = bpf_get_current_pid_tgid();
	struct tls_call *call = bpf_map_lookup_elem(&tls_calls, &thread);
	struct source src = {.now_ns = bpf_ktime_get_ns()};
	struct shared_tls_key key = {.pid = thread >> 32};
	struct tls_flow *f;

	if (!call)
		return 0;
	src.user = call->buf;
	key.ssl = call->ssl;
	f = bpf_map_lookup_elem(&tls_flows, &key);
	if (f)
		tls_follow(ctx, f, &src, thread, out, more);
	return 0;
}

static __always_inline int tls_free(__u64 ssl)
{
	struct shared_tls_key key = {.ssl = ssl, .pid = bpf_get_current_pid_tgid() >> 32};
	struct tls_flow *f = bpf_map_lookup_elem(&tls_flows, &key);
	struct source src = {.now_ns = bpf_ktime_get_ns()};
	__u32 i;

	if (!f)
		return 0;
	BYTES_LOOP
	for (i = 0; i < 2; i++) {
		http1_cut(&f->flow.common, &f->flow.sides[i], 1);
		if (http1_take(&f->flow.sides[i]))
			emit_message_apart(&src, &f->flow.common, &f->flow.sides[i]);
	}
	emit_close(&f->flow.common, src.now_ns);
	bpf_map_delete_elem(&tls_flows, &key);
	return 0;
}

#endif
