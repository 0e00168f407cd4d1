/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * tap_tls.h - uprobes on OpenSSL's SSL_write, SSL_read and their _ex forms: plaintext where the
 * process hands it to, or gets it from, its TLS library -> (flow, direction, bytes).
 *
 * On entry the arguments are kept for the thread; on return the bytes count, and only those the
 * call says it took or gave: before the handshake is done the same buffer is offered again and
 * again. Node.js drives OpenSSL over memory buffers, so there is no descriptor to ask: the flow is
 * the SSL object, and the peer is known by its Host header.
 *
 * Most calls of a connector that keeps its accounts in a database are not ILP. Of a connection that
 * is not followed, a call that writes something else than the beginning of an HTTP/1 message, and
 * one that reads where this end is the client, cannot begin one: these are left at once, and where
 * the kernel has sessions (one program for entry and return, see uprobe.h) without a stop on
 * return.
 *
 * Who talks through OpenSSL's BIO interface calls none of these: the functions behind it do not.
 * They have no names, and are found through the table that BIO_f_ssl returns; see
 * user/tap/tlslib.c.
 *
 * At its first use a connection is announced, even if that is only its handshake: tlsmatch.c holds
 * these against the TLS connections that the socket tap sees.
 *
 * A connection is whole when it was seen before its handshake began: every SSL object is told first
 * which end it is, by SSL_set_connect_state or SSL_set_accept_state, which SSL_connect and
 * SSL_accept call too, or is cleared for another connection. On any other one, answers to requests
 * that were not seen may be under way (RECORD_UNSURE).
 *
 * SSL_free ends a connection, and so does SSL_clear, after which the object serves another one.
 *
 * Each of the four functions has a program for its return, which only finds the flow. It goes on by
 * tail call in a program that reads bytes, the same for all of them: the verifier has much to walk
 * in that.
 */
#ifndef TELLTALE_TAP_TLS_H
#define TELLTALE_TAP_TLS_H

#include "cost.h"
#include "follow.h"
#include "tap_btp.h"
#include "tap_http2.h"

/* The number of this process as the probe half knows it. Breakpoints are set for one process each,
 * and carry it; where they cannot, the probe half is in the host's PID namespace, as this program
 * is. */
static __always_inline __u32 tls_pid(__u64 cookie)
{
	__u32 pid = cookie >> SHARED_TLS_PID_SHIFT;

	return pid ? pid : (__u32)(bpf_get_current_pid_tgid() >> 32);
}

static __always_inline int tls_target(__u32 pid, __u8 *target)
{
	__u8 *t = bpf_map_lookup_elem(&processes, &pid);

	if (!t)
		return 0;
	*target = *t;
	return 1;
}

/* The call that CTX is in, or is just leaving. A thread may be in several at once: a callback in
 * the midst of a handshake writes to another connection, as Node.js's do. */
static __always_inline struct tls_frame tls_frame(struct pt_regs *ctx, int returned)
{
	struct tls_frame frame = {
		.thread = bpf_get_current_pid_tgid(),
		.stack = PT_REGS_SP(ctx),
	};

#ifdef __TARGET_ARCH_x86
	if (returned) /* has taken its address from the stack */
		frame.stack -= sizeof(__u64);
#endif
	return frame;
}

/* FRAME is the call that was left last on this CPU; NULL: another one begins. */
static __always_inline void tls_note_left(const struct tls_frame *frame)
{
	__u32 zero = 0;
	struct tls_frame *left = tls_sessions ? bpf_map_lookup_elem(&tls_left, &zero) : 0;

	if (!left)
		return;
	left->thread = frame ? frame->thread : 0;
	left->stack = frame ? frame->stack : 0;
}

static __always_inline int tls_was_left(const struct tls_frame *frame)
{
	__u32 zero = 0;
	struct tls_frame *left = bpf_map_lookup_elem(&tls_left, &zero);

	return left && left->thread == frame->thread && left->stack == frame->stack;
}

/* The call that was in FRAME has been dealt with. */
static __always_inline void tls_drop(const struct tls_frame *frame, const struct tls_call *call)
{
	tls_note_left(frame);
	if (call->begun_ns)
		cost_end(SHARED_PROGRAM_TLS_RETURN, call->begun_ns);
	bpf_map_delete_elem(&tls_calls, frame);
}

/* The call's direction, in a program that serves both. */
static __always_inline int tls_out(const struct tls_call *call)
{
	int out = call->out & 1;

	bytes_pin(out);
	return out & 1;
}

/* May a request begin with WORD, as far as its first LEN bytes say, or an answer of this end's to
 * one that was not seen? */
static __always_inline int tls_begins(__u64 word, __u32 len, int out)
{
	if ((__u8)word == 'P' && (http2_is_preface(word) || http1_begins(word, len)))
		return 1;
	if (!http1_may_open(word))
		return 0;
	return (http1_opens(word, len) | http1_opens_late(word, len)) ||
	       (out && http1_answers(word, len));
}

/* Is what CALL is about to write certainly not the beginning of a request? */
static __always_inline int tls_writes_other(struct pt_regs *ctx, const struct tls_call *call)
{
	struct source src = {.user = call->buf};
	__u32 len = PT_REGS_PARM3(ctx);
	__u64 word = len ? source_word(&src, 0, len) : 0;

	/* 0: perhaps it could not be read */
	return word && !tls_begins(word, len, 1) && !http2_may_begin(word) && !btp_may_begin(word);
}

/* Is this end of CALL's connection known to be the client? Its peer sends it no requests. What
 * stands in for a stream of QUIC is another object, and may be anything. */
static __always_inline int tls_reads_as_client(__u64 known, const struct tls_call *call)
{
	__u32 at = known & SHARED_TLS_SERVER_AT, is = 1;

	if (!at)
		return 0;
	if (known & SHARED_TLS_TYPED &&
	    (bpf_probe_read_user(&is, sizeof(is), (void *)call->ssl) || is))
		return 0;
	return !bpf_probe_read_user(&is, sizeof(is), (void *)(call->ssl + at)) && !is;
}

/* The connection KEY is used for the first time; SEEN is what is known of it, if anything, and
 * TARGET its process's. */
static __always_inline void tls_use(struct shared_tls_key *key, __u8 *seen, __u8 target)
{
	struct flow_common c = {.tap = RECORD_TAP_TLS, .id = key->ssl};
	__u8 used = TLS_USED;

	if (seen)
		*seen |= TLS_USED;
	else if (bpf_map_update_elem(&tls_seen, key, &used, BPF_NOEXIST))
		return;
	c.pid = (__u32)key->pid;
	c.target = target;
	emit_tls(&c, bpf_ktime_get_ns());
}

/* Something passed on a connection, which is not followed, that may have been a request. */
static __always_inline void tls_miss(struct shared_tls_key *key)
{
	__u8 *seen = bpf_map_lookup_elem(&tls_seen, key);

	if (seen)
		*seen &= (__u8)~TLS_WHOLE;
}

#define TLS_BIO_TYPE 0x207 /* BIO_TYPE_SSL */

/* The SSL object behind a BIO; 0 when it is not known. In OpenSSL 1.1 a BIO begins with the
 * address of its methods, which begin with its type, and has its data at 56. In 3 something else
 * comes first. */
static __always_inline __u64 tls_of_bio(__u64 bio)
{
	__u64 words[9], ssl = 0;
	__u32 type = 0;

	if (bpf_probe_read_user(words, sizeof(words), (void *)bio))
		return 0;
	if (!bpf_probe_read_user(&type, sizeof(type), (void *)words[0]) && type == TLS_BIO_TYPE)
		bpf_probe_read_user(&ssl, sizeof(ssl), (void *)words[7]);
	else if (!bpf_probe_read_user(&type, sizeof(type), (void *)words[1]) &&
		 type == TLS_BIO_TYPE)
		bpf_probe_read_user(&ssl, sizeof(ssl), (void *)words[8]);
	return ssl;
}

/* Where sessions are used, returns 1 when the return of the call need not be seen; else always 0,
 * for a kernel without them may take the breakpoint away for it. */
static __always_inline int tls_enter(struct pt_regs *ctx, int out)
{
	__u64 known = tls_cookies ? bpf_get_attach_cookie(ctx) : 0;
	struct tls_call call = {
		PT_REGS_PARM1(ctx), PT_REGS_PARM2(ctx), PT_REGS_PARM4(ctx), tls_pid(known), out, 0};
	struct tls_frame frame = tls_frame(ctx, 0);
	struct flow_common c = {.tap = RECORD_TAP_TLS, .pid = call.pid};
	struct shared_tls_key key = {.pid = c.pid};
	int followed;
	__u8 *seen;

	if (known & SHARED_TLS_BIO)
		call.ssl = tls_of_bio(call.ssl);
	c.id = call.ssl;
	key.ssl = call.ssl;
	followed = bpf_map_lookup_elem(&tls_flows, &key) != 0;
	seen = followed ? 0 : bpf_map_lookup_elem(&tls_seen, &key);
	if (seen && out && *seen & TLS_WALKED) {
		followed = 1;
	} else if (!followed && !(seen && *seen & TLS_USED)) {
		if (!tls_target(c.pid, &c.target) || !call.ssl)
			goto other;
		tls_use(&key, seen, c.target);
	}
	if (!followed && (out ? tls_writes_other(ctx, &call) : tls_reads_as_client(known, &call))) {
		if (out && seen)
			*seen &= (__u8)~TLS_WHOLE;
		goto other;
	}
	if (!tls_target(c.pid, &c.target))
		goto other;
	tls_note_left(0);
	if (!bpf_map_update_elem(&tls_calls, &frame, &call, BPF_ANY))
		return 0;
	emit_gap(&c, RECORD_GAP_FULL, (__u8)out, 0, bpf_ktime_get_ns());
other:
	if (tls_sessions)
		return 1;
	/* Its return is seen all the same, and must not be taken for that of an earlier call, of
	 * which the return was not. */
	bpf_map_delete_elem(&tls_calls, &frame);
	return 0;
}

/* Of a program that runs on entry and on return: is this the entry? */
static __always_inline int tls_enters(struct pt_regs *ctx)
{
	return tls_sessions && PT_REGS_IP(ctx) == bpf_get_func_ip(ctx);
}

/* Has the target less than its share of the table? As tap_has_room. */
static __always_inline int tls_has_room(__u32 target, enum tap_room kind)
{
	__u64 *n = bpf_map_lookup_elem(&tls_followed, &target);
	__u64 *gone = bpf_map_lookup_elem(&tls_forgotten, &target);
	__u64 share = tls_share;

	if (kind == TAP_ROOM_ANSWER)
		share += tls_reserve;
	else if (kind == TAP_ROOM_HTTP2)
		share = (share + 1) / 2;
	return !n || !gone || (__s64)(*n - *gone) < (__s64)share;
}

static __always_inline void tls_count(__u32 target, __s64 n)
{
	__u64 *count = bpf_map_lookup_elem(&tls_followed, &target);

	if (count)
		__sync_fetch_and_add(count, n);
}

/* Bytes of a direction of F, a connection in HTTP/2, were missed: as streams_lost has it. Part of
 * its callers: each function takes at least 32 bytes of the stack of Linux 5.10. */
static __always_inline void tls_lose_streams(const struct source *src, struct shared_tls_key *key,
					     struct tls_flow *f, int out, __u64 bytes_and_cause)
{
	struct streams *conn = bpf_map_lookup_elem(&http2_tls_conns, key);

	if (conn)
		streams_lost(&f->flow.common, &f->flow.sides[out & 1], conn, bytes_and_cause,
			     src->now_ns);
}

/* Reports LEN bytes of a call that could not be copied. The connection is followed, or might be one
 * to follow. LEN is 0 when the number is not known either. */
bytes_function void tls_unread(struct shared_tls_key *key, __u32 len, int out, __u8 target)
{
	struct flow_common c = {.tap = RECORD_TAP_TLS, .id = key->ssl, .pid = (__u32)key->pid};
	struct tls_flow *f = bpf_map_lookup_elem(&tls_flows, key);
	struct source src = {.now_ns = bpf_ktime_get_ns()};

	c.target = target;
	if (f && f->flow.sides[out].http1.phase == PHASE_HTTP2) {
		tls_lose_streams(&src, key, f, out, streams_lost_for(RECORD_GAP_LOAD, len));
		return;
	}
	if (f) {
		follow_gap(&src, &f->flow.common, &f->flow.sides[out], RECORD_GAP_LOAD, len);
		return;
	}
	tls_miss(key);
	emit_gap(&c, RECORD_GAP_LOAD, (__u8)out, len, src.now_ns);
}

/* A first word is 0: could it not be read? */
static __always_inline void tls_recheck(const struct source *src, struct shared_tls_key *key,
					__u32 len, int out, __u8 target)
{
	__u8 byte;

	if (source_load(src, 0, &byte, 1))
		tls_unread(key, len, out, target);
}

/* Says which connection F is. */
static __always_inline void tls_name(struct tls_flow *f, const struct flow_common *c)
{
	f->flow.common.tap = c->tap;
	f->flow.common.id = c->id;
	f->flow.common.pid = c->pid;
	f->flow.common.generation = c->generation;
	f->flow.common.target = c->target;
	f->flow.sides[FLOW_OUT].out = 1;
}

/* A TLS connection that is not followed: do these bytes make it one? */
static __always_inline struct tls_flow *
tls_meet(const struct source *src, struct shared_tls_key *key, __u32 len, int out, __u8 target)
{
	struct flow_common c = {.tap = RECORD_TAP_TLS};
	__u8 *seen = bpf_map_lookup_elem(&tls_seen, key);
	struct tls_flow *blank, *f;
	__u32 zero = 0;
	__u64 word = source_word(src, 0, len);
	int answer, whole = seen && *seen & TLS_WHOLE;

	if (http2_is_preface(word) || !tls_begins(word, len, out)) {
		if (!word) /* no HTTP begins so, and few things do */
			tls_recheck(src, key, len, out, target);
		tls_miss(key);
		return 0;
	}
	c.id = key->ssl;
	c.pid = (__u32)key->pid;
	c.generation = (__u32)(src->now_ns >> 10);
	c.target = target;
	answer = (__u8)word == 'H' && http1_answers(word, len);
	c.plain = answer || !http1_begins(word, len);
	blank = bpf_map_lookup_elem(&tls_blank, &zero);
	if (!blank)
		return 0;
	if (!tls_has_room(target, answer ? TAP_ROOM_ANSWER : TAP_ROOM) ||
	    bpf_map_update_elem(&tls_flows, key, blank, BPF_NOEXIST)) {
		tls_miss(key);
		if (!c.plain)
			emit_gap(&c, RECORD_GAP_FULL, (__u8)out, len, src->now_ns);
		return 0;
	}
	tls_count(target, 1);
	f = bpf_map_lookup_elem(&tls_flows, key);
	if (!f)
		return 0;
	tls_name(f, &c);
	f->flow.common.plain = c.plain;
	f->flow.common.guessing = (__u8)(answer || !whole);
	if (answer) /* until that is complete, nothing else is to be waited for */
		f->flow.sides[FLOW_IN].http1.phase = PHASE_START;
	return f;
}

/* --- HTTP/2 ---------------------------------------------------------------------------------- */

/* A piece of LEN bytes of a connection that is not followed: are there frames in it to be walked?
 * An answer is no reason to walk a connection, but goes on with it. */
static __always_inline int tls_walks(const struct source *src, struct shared_tls_key *key,
				     __u32 len, int out)
{
	__u64 word = source_word(src, 0, len);
	struct http2_walk *w = bpf_map_lookup_elem(&http2_tls, key);
	__u8 seen = TLS_USED | TLS_WALKED;
	__u32 zero = 0;

	if (!w) {
		if (!http2_may_begin(word) && !http2_is_preface(word))
			return 0;
		w = bpf_map_lookup_elem(&http2_blank, &zero);
		if (!w || bpf_map_update_elem(&http2_tls, key, w, BPF_NOEXIST))
			return 0;
		bpf_map_update_elem(&tls_seen, key, &seen, BPF_ANY);
		w = bpf_map_lookup_elem(&http2_tls, key);
		if (!w)
			return 0;
	}
	w->sides[out].end = len;
	return http2_is_known(w) || http2_begin(w, out, word, 0, len);
}

/* TARGET is the process's. */
static __always_inline void
tls_walk_announce(struct http2_walk *w, const struct shared_tls_key *key, int out, __u8 target)
{
	struct flow_common c = {.tap = RECORD_TAP_TLS, .id = key->ssl, .pid = (__u32)key->pid};
	__u64 ns;
	int said;

	if (!bytes_forget(w->carries))
		return;
	ns = bpf_ktime_get_ns();
	said = http2_says(w, out, &ns);
	c.target = target;
	c.role = w->role;
	if (said >= 0)
		emit_opaque(&c, RECORD_OPAQUE_HTTP2, (__u8)said, 0, ns);
}

/* May the target have one TLS connection in HTTP/2 more? Anybody can begin one that comes in: these
 * get three quarters of its share, and what it begins itself as ROLE the rest too. */
static __always_inline int tls_has_room_for_streams(__u32 target, __u8 role)
{
	__u64 *n = bpf_map_lookup_elem(&http2_tls_of, &target);
	__u64 *gone = bpf_map_lookup_elem(&http2_tls_gone, &target);
	__u64 share = http2_tls_share;

	if (role != RECORD_ROLE_CLIENT)
		share -= share / 4;
	return n && gone && (__s64)(*n - *gone) < (__s64)share;
}

static __always_inline void tls_count_streams(__u32 target, __s64 n)
{
	__u64 *count = bpf_map_lookup_elem(&http2_tls_of, &target);

	if (count)
		__sync_fetch_and_add(count, n);
}

/* State for the connection KEY, of which nothing is known, and which is to be followed. */
static __always_inline struct streams *tls_new_streams(struct shared_tls_key *key, __u32 target,
						       __u8 role)
{
	__u32 zero = 0;
	struct streams *blank = bpf_map_lookup_elem(&streams_blank, &zero);

	if (!blank || !tls_has_room_for_streams(target, role) ||
	    bpf_map_update_elem(&http2_tls_conns, key, blank, BPF_NOEXIST))
		return 0;
	tls_count_streams(target, 1);
	return bpf_map_lookup_elem(&http2_tls_conns, key);
}

static __always_inline void tls_drop_streams(struct shared_tls_key *key, __u32 target)
{
	if (!bpf_map_delete_elem(&http2_tls_conns, key))
		tls_count_streams(target, -1);
}

/*
 * Begins to follow a connection in HTTP/2: WHOLE with its preface, in direction OUT; else midway,
 * as ROLE. NULL: there is no room, or none is followed.
 */
bytes_function struct tls_flow *tls_join(struct shared_tls_key *key, __u8 target, __u8 role,
					 int whole)
{
	struct flow_common c = {.tap = RECORD_TAP_TLS, .id = key->ssl, .pid = (__u32)key->pid};
	struct tls_flow *blank, *f;
	struct streams *conn;
	__u32 zero = 0;

	c.target = target;
	c.generation = (__u32)(bpf_ktime_get_ns() >> 10);
	blank = bpf_map_lookup_elem(&tls_blank, &zero);
	if (!blank || !(http2_follows & SHARED_HTTP2_TLS) ||
	    !tls_has_room(target, role == RECORD_ROLE_CLIENT ? TAP_ROOM : TAP_ROOM_HTTP2))
		return 0;
	conn = tls_new_streams(key, target, role);
	if (!conn)
		return 0;
	if (bpf_map_update_elem(&tls_flows, key, blank, BPF_NOEXIST)) {
		tls_drop_streams(key, target);
		return 0;
	}
	tls_count(target, 1);
	f = bpf_map_lookup_elem(&tls_flows, key);
	if (!f)
		return 0;
	tls_name(f, &c);
	streams_begin_both(&f->flow, conn, role, whole);
	return f;
}

/* The walk has found ILP: the connection is followed from this piece on, or announced. Returns 1
 * when the piece is to be read. */
static __always_inline int tls_walk_joins(struct http2_walk *w, struct shared_tls_key *key, int out,
					  __u8 target)
{
	struct tls_flow *f;

	if (!bytes_forget(w->carries))
		return 0;
	f = tls_join(key, target, w->role, 0);
	if (!f) {
		tls_walk_announce(w, key, out, target);
		return 0;
	}
	f->flow.sides[out].cursor.off = 0;
	f->flow.sides[out].cursor.end = w->sides[out].end;
	f->flow.sides[out].cursor.now_ns = bpf_ktime_get_ns();
	return 1;
}

/* Comes here by tail call, and again for more of the same piece. */
static __always_inline int tls_walk(struct pt_regs *ctx)
{
	struct tls_frame frame = tls_frame(ctx, 1);
	struct tls_call *call = bpf_map_lookup_elem(&tls_calls, &frame);
	struct shared_tls_key key = {};
	struct source src = {};
	struct http2_walk *w;
	struct http2_side *s;
	__u8 target;
	__u32 i;
	int out;

	if (!call)
		return 0;
	out = tls_out(call);
	key.ssl = call->ssl;
	key.pid = call->pid;
	src.user = call->buf;
	w = bpf_map_lookup_elem(&http2_tls, &key);
	if (!w || !tls_target((__u32)key.pid, &target))
		goto drop;
	s = &w->sides[out];
	BYTES_LOOP
	for (i = 0; i < TAP_WALK_FRAMES && !http2_is_known(w); i++) {
		if (!http2_more(s))
			break;
		http2_step(&src, s);
	}
	if (!http2_is_known(w)) {
		if (http2_more(s))
			bpf_tail_call(ctx, &walk_tls, 0);
		http2_settle(w, out);
	}
	if (tls_walk_joins(w, &key, out, target))
		bpf_tail_call(ctx, &http2_tls_step, 0);
drop:
	tls_drop(&frame, call);
	return 0;
}

/* --- ILP in a WebSocket ---------------------------------------------------------------------- */

/* Is the connection KEY to be announced now? A set of enum record_opaque_said, or -1: as
 * tap_btp_says has it, but it is for a target's connections together that time is kept. */
static __always_inline int tls_btp_says(struct shared_tls_key *key, __u8 target, int answers,
					__u64 now_ns)
{
	volatile __u64 *told = &btp_told_ns[bytes_mask(target, SHARED_TARGETS_MAX - 1)];
	__u8 *seen = bpf_map_lookup_elem(&tls_seen, key);

	if (!seen)
		return -1;
	if (!(*seen & TLS_BTP)) {
		*seen |= TLS_BTP;
		return RECORD_OPAQUE_OURS;
	}
	if (!answers || now_ns - *told <= RECORD_OPAQUE_RENEW_NS)
		return -1;
	*told = now_ns;
	return RECORD_OPAQUE_OURS | RECORD_OPAQUE_AGAIN;
}

/* What has been written, LEN bytes, on a connection that is not followed: see tap_btp. */
bytes_function int tls_btp(const struct source *src, struct shared_tls_key *key, __u32 len,
			   __u8 target)
{
	struct flow_common c = {.tap = RECORD_TAP_TLS, .id = key->ssl, .pid = (__u32)key->pid};
	__u64 word = source_word(src, 0, len);
	__u8 packet = btp_may_begin(word) ? tap_btp_packet(src, word, len) : 0;
	int said;

	if (!packet)
		return 0;
	said = tls_btp_says(key, target, packet != RECORD_KIND_PREPARE, src->now_ns);
	if (said < 0)
		return 0;
	c.target = target;
	c.role = packet == RECORD_KIND_PREPARE ? RECORD_ROLE_CLIENT : RECORD_ROLE_SERVER;
	emit_opaque(&c, RECORD_OPAQUE_WEBSOCKET, (__u8)said, 0, src->now_ns);
	return 0;
}

/* --- HTTP/1 ---------------------------------------------------------------------------------- */

/* The bytes of a call that has returned, LEN of them, on the connection F: is there something to go
 * on with? */
static __always_inline int tls_piece(const struct source *src, struct tls_flow *f, __u32 len,
				     int out)
{
	struct side *s = &f->flow.sides[out];

	s->cursor.off = 0;
	s->cursor.end = len;
	s->cursor.now_ns = src->now_ns;
	return follow_synchronised(src, &f->flow.common, s);
}

/* As tap_let_go: a connection on which no POST has been seen is let go once nothing is under way,
 * or once it cannot be read any more. A part of a message has passed in direction OUT. */
bytes_function int tls_let_go(struct shared_tls_key *key, struct tls_flow *f, int out)
{
	__u8 asking = bytes_forget(f->flow.sides[!out].http1.phase);
	__u8 answering = bytes_forget(f->flow.sides[out & 1].http1.phase);
	__u32 target = f->flow.common.target;
	int idle = asking == PHASE_START && answering == PHASE_START &&
		   f->flow.common.requests == f->flow.common.answers;

	if ((f->flow.common.role == RECORD_ROLE_CLIENT) == out)
		return 0;
	if (!idle && !f->flow.common.tunnel && asking != PHASE_LOST && answering != PHASE_LOST &&
	    answering != PHASE_UNTIL_CLOSE)
		return 0;
	if (!idle)
		tls_miss(key);
	if (!bpf_map_delete_elem(&tls_flows, key))
		tls_count(target, -1);
	return 0;
}

/* A call returns RESULT, and its entry is not known. Where sessions are used, the return is seen
 * only of a call whose entry was kept: so that was evicted since, or its program could not run, and
 * what has passed was not read. It may have been ILP. */
bytes_function int tls_evicted(struct pt_regs *ctx, int result, int out)
{
	struct flow_common c = {.tap = RECORD_TAP_TLS};
	struct tls_frame frame = tls_frame(ctx, 1);

	if (!tls_sessions || !tls_cookies || result <= 0 || tls_was_left(&frame))
		return 0;
	c.pid = tls_pid(bpf_get_attach_cookie(ctx));
	if (tls_target(c.pid, &c.target))
		emit_gap(&c, RECORD_GAP_FULL, (__u8)out, 0, bpf_ktime_get_ns());
	return 0;
}

static __always_inline int tls_leave(struct pt_regs *ctx, int ex, int out)
{
	struct tls_frame frame = tls_frame(ctx, 1);
	struct tls_call *call = bpf_map_lookup_elem(&tls_calls, &frame);
	struct shared_tls_key key = {};
	int result = PT_REGS_RC(ctx);
	struct source src = {};
	struct tls_flow *f;
	__u64 len = result;
	__u8 target;

	if (!call)
		return tls_evicted(ctx, result, out);
	call->begun_ns = cost_draw();
	key.ssl = call->ssl;
	key.pid = call->pid;
	src.user = call->buf;
	if (result <= 0 || !tls_target(call->pid, &target))
		goto drop;
	if (ex && bpf_probe_read_user(&len, sizeof(len), (void *)call->done)) {
		tls_unread(&key, 0, out, target);
		goto drop;
	}
	if (len < 1 || len > 1u << 30)
		goto drop;
	src.now_ns = bpf_ktime_get_ns();
	f = bpf_map_lookup_elem(&tls_flows, &key);
	if (!f && http2_is_preface(source_word(&src, 0, (__u32)len)))
		f = tls_join(&key, target, out ? RECORD_ROLE_CLIENT : RECORD_ROLE_SERVER, 1);
	if (!f && tls_walks(&src, &key, (__u32)len, out)) {
		bpf_tail_call(ctx, &walk_tls, 0);
		goto drop;
	}
	if (!f && out)
		tls_btp(&src, &key, (__u32)len, target);
	if (!f)
		f = tls_meet(&src, &key, (__u32)len, out, target);
	if (f && tls_piece(&src, f, (__u32)len, out)) {
		if (bytes_forget(f->flow.sides[out].http1.phase) == PHASE_HTTP2)
			bpf_tail_call(ctx, &http2_tls_step, 0);
		bpf_tail_call(ctx, &step_tls, 0);
	} else if (f && bytes_forget(f->flow.common.plain)) {
		tls_let_go(&key, f, out);
	}
drop:
	tls_drop(&frame, call);
	return 0;
}

/* The same run, come here by tail call: one step of the piece in hand, then here again for more. */
static __always_inline int tls_step(struct pt_regs *ctx)
{
	struct tls_frame frame = tls_frame(ctx, 1);
	struct tls_call *call = bpf_map_lookup_elem(&tls_calls, &frame);
	struct shared_tls_key key = {};
	struct source src = {};
	struct tls_flow *f;
	struct side *s;
	int out;

	if (!call)
		return 0;
	out = tls_out(call);
	key.ssl = call->ssl;
	key.pid = call->pid;
	src.user = call->buf;
	f = bpf_map_lookup_elem(&tls_flows, &key);
	if (!f)
		goto drop;
	s = &f->flow.sides[out];
	src.now_ns = s->cursor.now_ns;
	if (follow(&src, &f->flow.common, s, 0)) {
		bpf_tail_call(ctx, &step_tls, 0);
		follow_gap(&src, &f->flow.common, s, RECORD_GAP_COMPLEX,
			   s->cursor.end - s->cursor.off);
	}
	if (bytes_forget(f->flow.common.plain))
		tls_let_go(&key, f, out);
drop:
	tls_drop(&frame, call);
	return 0;
}

/* --- HTTP/2 that is followed ----------------------------------------------------------------- */

/* The context as a global function has to name it, for every kernel: see bytes_global. */
struct bpf_user_pt_regs_t {
	struct pt_regs regs;
};

/* One step of the piece in hand. Returns 1 when there is more. */
bytes_global int tls_streams_step(struct bpf_user_pt_regs_t *ctx)
{
	struct tls_frame frame = tls_frame((struct pt_regs *)ctx, 1);
	struct tls_call *call = bpf_map_lookup_elem(&tls_calls, &frame);
	struct shared_tls_key key = {};
	struct source src = {};
	struct streams *conn;
	struct tls_flow *f;
	struct side *s;
	int out;

	if (!call)
		return 0;
	out = tls_out(call);
	key.ssl = call->ssl;
	key.pid = call->pid;
	src.user = call->buf;
	f = bpf_map_lookup_elem(&tls_flows, &key);
	if (!f)
		return 0;
	s = &f->flow.sides[out];
	src.now_ns = s->cursor.now_ns;
	conn = bpf_map_lookup_elem(&http2_tls_conns, &key);
	if (!conn) /* the probe half has just removed both */
		return 0;
	if (!streams_begins(&src, &f->flow.common, s, conn))
		return 0;
	return streams_follow(&src, &f->flow.common, s, conn);
}

/* What is left of the piece in hand is more than a run may look at. */
static __always_inline void tls_streams_complex(const struct tls_call *call)
{
	struct shared_tls_key key = {.ssl = call->ssl, .pid = call->pid};
	struct tls_flow *f = bpf_map_lookup_elem(&tls_flows, &key);
	struct source src = {.now_ns = bpf_ktime_get_ns()};
	struct side *s;

	if (!f)
		return;
	s = &f->flow.sides[tls_out(call)];
	tls_lose_streams(&src, &key, f, tls_out(call),
			 streams_lost_for(RECORD_GAP_COMPLEX, s->cursor.end - s->cursor.off));
}

/* The same run, come here by tail call: steps of the piece in hand, then here again for more. */
static __always_inline int tls_http2(struct pt_regs *ctx)
{
	struct tls_frame frame = tls_frame(ctx, 1);
	struct tls_call *call;
	int more = 1;
	__u32 i;

	BYTES_LOOP
	for (i = 0; more && i < TAP_STEPS; i++)
		more = tls_streams_step((struct bpf_user_pt_regs_t *)ctx);
	if (more)
		bpf_tail_call(ctx, &http2_tls_step, 0);
	call = bpf_map_lookup_elem(&tls_calls, &frame);
	if (!call)
		return 0;
	if (more)
		tls_streams_complex(call);
	tls_drop(&frame, call);
	return 0;
}

static __always_inline struct shared_tls_key tls_key(struct pt_regs *ctx, __u64 known)
{
	struct shared_tls_key key = {.ssl = PT_REGS_PARM1(ctx), .pid = tls_pid(known)};

	return key;
}

/* The connection KEY has yet to begin; SEEN is what is known of it, if anything. */
static __always_inline void tls_await(struct shared_tls_key *key, __u8 *seen)
{
	__u8 whole = TLS_WHOLE;

	if (seen)
		*seen |= TLS_WHOLE;
	else
		bpf_map_update_elem(&tls_seen, key, &whole, BPF_NOEXIST);
}

/* A handshake begins, or goes on; or its object is told which end it is, before that. Without
 * cookies these are one: who asks for a handshake later in a connection is rare. */
static __always_inline int tls_begin(struct pt_regs *ctx)
{
	__u64 known = tls_cookies ? bpf_get_attach_cookie(ctx) : SHARED_TLS_FRESH;
	struct shared_tls_key key = tls_key(ctx, known);
	__u8 *seen = bpf_map_lookup_elem(&tls_seen, &key);
	__u8 target;

	if ((seen && *seen & TLS_USED) || !tls_target((__u32)key.pid, &target))
		return 0;
	if (known & SHARED_TLS_FRESH)
		tls_await(&key, seen);
	if (tls_cookies && known & SHARED_TLS_FRESH)
		return 0;
	tls_use(&key, bpf_map_lookup_elem(&tls_seen, &key), target);
	return 0;
}

/* If the connection F, which has ended, is one in HTTP/2. */
static __always_inline void tls_end_streams(struct shared_tls_key *key, struct tls_flow *f)
{
	struct streams *conn = bpf_map_lookup_elem(&http2_tls_conns, key);
	__u32 last;

	if (!conn)
		return;
	last = conn->sides[FLOW_IN].last | conn->sides[FLOW_OUT].last; /* one of them asks */
	if (last)
		streams_forget(&f->flow.common, last);
	tls_drop_streams(key, f->flow.common.target);
}

static __always_inline int tls_end(struct pt_regs *ctx)
{
	__u64 known = tls_cookies ? bpf_get_attach_cookie(ctx) : 0;
	struct shared_tls_key key = tls_key(ctx, known);
	struct tls_flow *f = bpf_map_lookup_elem(&tls_flows, &key);
	struct source src = {.now_ns = bpf_ktime_get_ns()};
	__u32 i, target;
	__u8 process;

	bpf_map_delete_elem(&http2_tls, &key);
	bpf_map_delete_elem(&tls_seen, &key);
	if (known & SHARED_TLS_FRESH && tls_target((__u32)key.pid, &process))
		tls_await(&key, 0);
	if (!f)
		return 0;
	BYTES_LOOP
	for (i = 0; i < 2; i++) {
		http1_cut(&f->flow.common, &f->flow.sides[i], 1);
		if (http1_take(&f->flow.sides[i]))
			emit_message_apart(&src, &f->flow.common, &f->flow.sides[i]);
	}
	emit_close(&f->flow.common, src.now_ns);
	tls_end_streams(&key, f);
	target = f->flow.common.target;
	if (!bpf_map_delete_elem(&tls_flows, &key))
		tls_count(target, -1);
	return 0;
}

/* The probe half looks at the process before its TLS library has been called. */
static __always_inline int tls_exec(void)
{
	struct flow_common c = {.pid = (__u32)(bpf_get_current_pid_tgid() >> 32)};
	int level;

	BYTES_LOOP
	for (level = 0; level < SHARED_LEVELS_MAX; level++) {
		__u64 cgroup = bpf_get_current_ancestor_cgroup_id(level);
		__u8 *target = bpf_map_lookup_elem(&targets, &cgroup);

		if (!target && cgroup)
			continue;
		if (target) {
			c.target = *target;
			emit_exec(&c);
		}
		break;
	}
	return 0;
}

#endif
