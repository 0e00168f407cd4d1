/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * emit.h - one record for each thing seen, built in the ring's own memory.
 */
#ifndef TELLTALE_EMIT_H
#define TELLTALE_EMIT_H

#include "bpf/tap/source.h"

/* A record found no room. All processors share the count, as it is a rare event. */
static __always_inline void emit_dropped(__u32 type)
{
	__u64 *count = bpf_map_lookup_elem(&dropped, &type);

	if (count)
		__sync_fetch_and_add(count, 1);
}

/* Room in the ring; NULL when there is none, which is counted. From Linux 6.15 on the kernel also
 * stops waiting for the ring's lock after a quarter of a second, when a hypervisor has stopped the
 * processor that holds it: there is room then, so the second call asks again. */
static __always_inline void *emit_reserve(__u32 type, __u64 size)
{
	void *record = bpf_ringbuf_reserve(&ring, size, 0);

	if (!record)
		record = bpf_ringbuf_reserve(&ring, size, 0);
	if (!record)
		emit_dropped(type);
	return record;
}

/* A wake-up costs the sender an interrupt. So the daemon half reads the ring on a timer, and is
 * woken only when it fills faster than that. About one record in eight checks how full it is: those
 * whose time ends in three zero bits. */
static __always_inline void emit_submit(void *record, __u64 now_ns)
{
	__u64 flags = BPF_RB_NO_WAKEUP;

	if (!(now_ns & 7) && bpf_ringbuf_query(&ring, BPF_RB_AVAIL_DATA) > ring_high_water)
		flags = BPF_RB_FORCE_WAKEUP;
	bpf_ringbuf_submit(record, flags);
}

static __always_inline void emit_head(struct record_head *head, const struct flow_common *c,
				      __u8 type, __u16 len)
{
	head->len = len;
	head->version = RECORD_VERSION;
	head->type = type;
	head->tap = c->tap;
	head->role = c->role;
	head->target = c->target;
	head->pad = 0;
}

static __always_inline void emit_flow(struct record_flow *flow, const struct flow_common *c)
{
	flow->id = c->id;
	flow->generation = c->generation;
	flow->pid = c->pid;
}

/* The hash of a message's endpoint. */
static __always_inline __u64 emit_endpoint_of(const struct message *m)
{
	return m->head.host_hash ^ (m->head.path_hash << 1 | m->head.path_hash >> 63);
}

/* What says that this reader knows the endpoint with the token. */
static __always_inline __u64 emit_endpoint_key(const struct message *m, __u64 endpoint)
{
	return endpoint ^ m->head.token ^ reader;
}

/* Reports the endpoint of a request when it is seen for the first time by this reader. A connection
 * remembers its last endpoint, which is nearly always the next one too. */
static __always_inline void emit_endpoint(const struct flow_common *c, struct side *s,
					  __u64 endpoint, __u64 now_ns)
{
	const struct message *m = &s->message;
	__u64 key = emit_endpoint_key(m, endpoint);
	struct record_endpoint *r;
	__u8 seen = 1;

	if (key == s->announced)
		return;
	if (bpf_map_lookup_elem(&endpoints, &key)) {
		s->announced = key;
		return;
	}
	r = emit_reserve(RECORD_ENDPOINT, sizeof(*r));
	if (!r)
		return;
	bpf_map_update_elem(&endpoints, &key, &seen, BPF_ANY);
	emit_head(&r->head, c, RECORD_ENDPOINT, sizeof(*r));
	r->endpoint = endpoint;
	r->token = m->head.token;
	r->host_len = m->head.host_len;
	r->path_len = m->head.path_len;
	__builtin_memset(r->pad, 0, sizeof(r->pad));
	__builtin_memcpy(r->host, m->host, sizeof(r->host));
	__builtin_memcpy(r->path, m->path, sizeof(r->path));
	emit_submit(r, now_ns);
}

_Static_assert(sizeof(struct record_remote) == 24, "it is stored in words");

/* Puts what is known of the far end into R. By words: the compiler would take bytes. */
static __always_inline void emit_remote(struct record_message *r,
					const struct record_remote *remote)
{
	const __u8 *from = (const __u8 *)remote;
	__u8 *to = (__u8 *)&r->remote;

	if (!from) {
		bytes_store(to, 0);
		bytes_store(to + 8, 0);
		bytes_store(to + 16, 0);
		return;
	}
	bytes_store(to, bytes_load(from));
	bytes_store(to + 8, bytes_load(from + 8));
	bytes_store(to + 16, bytes_load(from + 16));
}

static __always_inline void emit_message(const struct source *src, const struct flow_common *c,
					 struct side *s)
{
	const struct message *m = &s->message;
	__u64 endpoint = m->head.request ? emit_endpoint_of(m) : 0;
	struct record_message *r;
	int ilp = m->kind >= RECORD_KIND_PREPARE;

	if (m->head.request)
		emit_endpoint(c, s, endpoint, src->now_ns);
	r = emit_reserve(RECORD_MESSAGE, sizeof(*r));
	if (!r)
		return;
	emit_head(&r->head, c, RECORD_MESSAGE, sizeof(*r));
	emit_flow(&r->flow, c);
	r->stream = m->stream;
	r->flags = m->head.flags;
	r->kind = m->kind;
	r->numbering = c->numbering;
	r->first_ns = m->first_ns;
	r->last_ns = src->now_ns;
	if (m->kind == RECORD_KIND_PREPARE || m->kind == RECORD_KIND_FULFILL)
		__builtin_memcpy(r->fulfillment, m->ilp.fulfillment, sizeof(r->fulfillment));
	else
		__builtin_memset(r->fulfillment, 0, sizeof(r->fulfillment));
	r->endpoint = endpoint;
	r->token = m->head.token;
	r->request_id = m->head.request_id;
	r->data_len = ilp ? m->ilp.data_len : 0;
	r->http_status = m->head.status;
	__builtin_memset(r->reject_code, 0, sizeof(r->reject_code));
	if (m->kind == RECORD_KIND_REJECT)
		__builtin_memcpy(r->reject_code, m->ilp.reject_code, sizeof(r->reject_code));
	__builtin_memset(r->pad1, 0, sizeof(r->pad1));
	r->rtt_min_us = 0;
	r->retransmits = 0;
	r->pad2 = 0;
	emit_remote(r, src->remote);
	if (src->skb) {
		struct bpf_sock *sk = src->skb->sk;
		struct bpf_tcp_sock *tcp = sk ? bpf_tcp_sock(sk) : 0;

		if (tcp) {
			r->rtt_min_us = tcp->rtt_min;
			r->retransmits = tcp->total_retrans;
		}
	}
	emit_submit(r, src->now_ns);
}

/* The same for places that seldom need it: a call, so that the verifier does not walk it again. */
bytes_function void emit_message_apart(const struct source *src, const struct flow_common *c,
				       struct side *s)
{
	emit_message(src, c, s);
}

/* The connection has ended, or its STREAM. */
static __always_inline void emit_close_of(const struct flow_common *c, __u32 stream, __u64 now_ns)
{
	struct record_flow_close *r = emit_reserve(RECORD_FLOW_CLOSE, sizeof(*r));

	if (!r)
		return;
	emit_head(&r->head, c, RECORD_FLOW_CLOSE, sizeof(*r));
	emit_flow(&r->flow, c);
	r->at_ns = now_ns;
	r->stream = stream;
	__builtin_memset(r->pad, 0, sizeof(r->pad));
	emit_submit(r, now_ns);
}

static __always_inline void emit_close(const struct flow_common *c, __u64 now_ns)
{
	emit_close_of(c, 0, now_ns);
}

bytes_function void emit_gap(const struct flow_common *c, __u8 cause, __u8 out, __u64 bytes,
			     __u64 now_ns)
{
	struct record_gap *r = emit_reserve(RECORD_GAP, sizeof(*r));

	if (!r)
		return;
	emit_head(&r->head, c, RECORD_GAP, sizeof(*r));
	emit_flow(&r->flow, c);
	r->at_ns = now_ns;
	r->bytes = bytes;
	r->cause = cause;
	r->ingress = !out;
	r->spoken = c->spoken;
	r->unsure = c->guessing;
	r->stream = 0;
	emit_submit(r, now_ns);
}

/* One message of the connection could not be read; what comes after it can. */
bytes_function void emit_gap_message(const struct flow_common *c, const struct side *s, __u8 cause,
				     __u64 now_ns)
{
	struct record_gap *r = emit_reserve(RECORD_GAP, sizeof(*r));

	if (!r)
		return;
	emit_head(&r->head, c, RECORD_GAP, sizeof(*r));
	emit_flow(&r->flow, c);
	r->at_ns = now_ns;
	r->bytes = 0;
	r->cause = cause;
	r->ingress = !s->out;
	r->spoken = c->spoken;
	r->unsure = c->guessing;
	r->stream = s->message.stream;
	emit_submit(r, now_ns);
}

/* Wakes the daemon half, once or twice for each connection: TLS may be the first thing seen of a
 * process that is not read yet, and the sooner the probe half is asked to look, the less is missed.
 * SAID: enum record_opaque_said. */
bytes_function void emit_opaque(const struct flow_common *c, __u8 reason, __u8 said,
				const struct record_remote *remote, __u64 now_ns)
{
	struct record_opaque *r = emit_reserve(RECORD_OPAQUE, sizeof(*r));

	if (!r)
		return;
	emit_head(&r->head, c, RECORD_OPAQUE, sizeof(*r));
	emit_flow(&r->flow, c);
	r->at_ns = now_ns;
	__builtin_memset(&r->remote, 0, sizeof(r->remote));
	if (remote)
		r->remote = *remote;
	r->reason = reason;
	r->said = said;
	__builtin_memset(r->pad, 0, sizeof(r->pad));
	bpf_ringbuf_submit(r, BPF_RB_FORCE_WAKEUP);
}

static __always_inline void emit_tls(const struct flow_common *c, __u64 now_ns)
{
	struct record_tls *r = emit_reserve(RECORD_TLS, sizeof(*r));

	if (!r)
		return;
	emit_head(&r->head, c, RECORD_TLS, sizeof(*r));
	emit_flow(&r->flow, c);
	r->at_ns = now_ns;
	emit_submit(r, now_ns);
}

static __always_inline void emit_exec(const struct flow_common *c)
{
	struct record_exec *r = bpf_ringbuf_reserve(&execs, sizeof(*r), 0);

	if (!r) {
		emit_dropped(RECORD_EXEC);
		return;
	}
	emit_head(&r->head, c, RECORD_EXEC, sizeof(*r));
	r->at_ns = bpf_ktime_get_ns();
	r->pid = c->pid;
	__builtin_memset(r->pad, 0, sizeof(r->pad));
	bpf_ringbuf_submit(r, BPF_RB_FORCE_WAKEUP);
}

#endif
