/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * tap_socket.h - cgroup_skb: each segment of the opted-in cgroups' sockets -> (flow, direction,
 * bytes).
 *
 * Passive: every path returns 1, "let it pass". Nearly all traffic of a connector's host is not ILP
 * (a Rafiki node sends some 200 database segments for each ILP one): it leaves after the first word
 * of its payload has been looked at.
 *
 * Here is what happens to nearly every segment of a connection that is followed: it has the next
 * bytes, nobody else is at work, and they are read where they lie. Of a connection in HTTP/1 the
 * run goes from its beginning straight to the program that reads (tap_follow), which comes back to
 * tap_run with what is not as usual. The rest is tap_settle.h's.
 *
 * A run goes on by tail call, in programs that serve both directions: the verifier walks each of
 * them once.
 */
#ifndef TELLTALE_TAP_SOCKET_H
#define TELLTALE_TAP_SOCKET_H

#include "bpf/decode/opaque.h"
#include "cost.h"
#include "tap_btp.h"
#include "tap_http2.h"

/* See stream.h. x86 keeps loads and stores in order around an atomic addition. */
#ifdef __TARGET_ARCH_x86
#define tap_lock_order(f)   ((void)(f))
#define tap_unlock_order(f) ((void)(f))
#else
#define tap_lock_order(f)   tap_lock(f)
#define tap_unlock_order(f) tap_unlock(f)
#endif

/* TLS records: handshake or application data, version 3.x, a length that exists. */
static __always_inline int tap_is_tls(__u64 word, __u32 len)
{
	__u8 type = (__u8)word;
	__u32 size = (__u32)(((word >> 24) & 0xff) << 8 | ((word >> 32) & 0xff));

	return len >= 8 && (type == 0x16 || type == 0x17) && ((word >> 8) & 0xff) == 3 &&
	       ((word >> 16) & 0xff) <= 4 && size > 0 && size <= 16384 + 256;
}

/* Which end this one is, as far as WORD says; on a TLS connection already open nothing does. */
static __always_inline __u8 tap_role(__u64 word, int out)
{
	int hello = (__u8)word == 0x16 ? (__u8)(word >> 40) : 0;

	if (hello == 1) /* ClientHello */
		return out ? RECORD_ROLE_CLIENT : RECORD_ROLE_SERVER;
	if (hello == 2) /* ServerHello */
		return out ? RECORD_ROLE_SERVER : RECORD_ROLE_CLIENT;
	return RECORD_ROLE_UNKNOWN;
}

/* Is a connection that was announced to be announced again, because bytes came in on it? */
static __always_inline int tap_renews(const struct socket_mark *mark, int out, __u64 now_ns)
{
	return !out && (mark->known & RECORD_OPAQUE_OURS) && !mark->client &&
	       now_ns - mark->announced_ns > RECORD_OPAQUE_RENEW_NS;
}

/* Announces a connection as TLS, as WORD shows. */
static __always_inline void tap_announce(struct __sk_buff *skb, struct bpf_sock *sk,
					 const struct segment *seg, __u64 word, int out)
{
	struct flow_common c = {.tap = RECORD_TAP_SOCKET};
	struct record_remote remote;
	struct socket_mark *mark = tap_storage(&socket_marks, sk);
	__u64 now_ns = bpf_ktime_get_ns();
	__u8 known;
	int said;

	if (!mark)
		return;
	known = mark->known;
	said = opaque_says(&known, out);
	mark->known = known;
	c.role = tap_role(word, out);
	if (c.role == RECORD_ROLE_CLIENT)
		mark->client = 1;
	if (said < 0 && tap_renews(mark, out, now_ns))
		said = RECORD_OPAQUE_OURS | RECORD_OPAQUE_AGAIN;
	if (said < 0)
		return;
	mark->announced_ns = now_ns;
	c.id = bpf_get_socket_cookie(skb);
	c.target = (__u8)tap_target(skb);
	__builtin_memset(&remote, 0, sizeof(remote));
	tap_remote(skb, seg, out, &remote);
	emit_opaque(&c, RECORD_OPAQUE_TLS, (__u8)said, &remote, now_ns);
}

/* --- meeting --------------------------------------------------------------------------------- */

/* A connection with at most so many bytes received is young: its first segments may still be on
 * their way through here. */
#define TAP_YOUNG 4096

static __always_inline void tap_go_settle(struct __sk_buff *skb, int mode, int out)
{
	tap_state(skb)->mode = mode;
	tap_state(skb)->kept = 0;
	tap_state(skb)->out = out;
	bpf_tail_call(skb, &settle_socket, 0);
}

/*
 * Has this segment overtaken the connection's first one? Then the run goes on in tap_settle.h. Or
 * has another run seen the first one meanwhile? Returns not 0 when it is worth looking again. Later
 * in a connection neither matters.
 */
static __always_inline int tap_is_young(struct __sk_buff *skb, struct bpf_sock *sk,
					const struct segment *seg)
{
	struct bpf_tcp_sock *tcp = bpf_tcp_sock(sk);

	if (!tcp)
		return 0;
	if (tcp->bytes_received > TAP_YOUNG) {
		tap_note_quiet(sk, FLOW_IN);
		return 0;
	}
	if (!tcp->bytes_received)
		tap_note_begun(sk, 1 << FLOW_IN);
	if (sk->state == BPF_TCP_LISTEN)
		tap_go_settle(skb, TAP_EARLY, FLOW_IN);
	else if (!tcp->bytes_received && seg->seq != tcp->rcv_nxt &&
		 seg->seq - tcp->rcv_nxt < STREAM_REACH)
		tap_go_settle(skb, TAP_OVERTOOK, FLOW_IN);
	return 1;
}

/*
 * Does a request begin here that is no POST, or a blank line before one, or may one with the first
 * bytes of the connection, of which there are only a few? A POST may follow it in the same segment,
 * and its answer comes before that of a POST. So the connection is followed until nothing is under
 * way any more (tap_let_go): a server of web pages costs memory only for as long as it answers.
 */
static __always_inline int tap_is_plain(struct bpf_sock *sk, const struct segment *seg, __u64 word,
					int out)
{
	if (seg->len < 8)
		return http1_opens_short(word, seg->len) && sk->state != BPF_TCP_LISTEN &&
		       tap_is_first(sk);
	if (!http1_may_open(word))
		return 0;
	return sk->state != BPF_TCP_LISTEN &&
	       (http1_opens(word, seg->len) | http1_opens_late(word, seg->len)) &&
	       !tap_is_old(sk, seg, out);
}

/* Does the connection begin with what a proxy says of it? */
static __always_inline int tap_is_proxied(struct bpf_sock *sk, const struct segment *seg,
					  __u64 word, int out)
{
	return (word == HTTP1_PROXY_HEADER || http1_is_proxy(word) ||
		http1_is_proxy_cut(word, seg->len)) &&
	       sk->state != BPF_TCP_LISTEN && !tap_is_old(sk, seg, out);
}

/* It does, and where that ends cannot be known: so a request behind it may be hidden. */
bytes_function int tap_miss_proxied(struct __sk_buff *skb, const struct segment *seg, int out)
{
	struct flow_common c = {.tap = RECORD_TAP_SOCKET};

	c.role = out ? RECORD_ROLE_CLIENT : RECORD_ROLE_SERVER;
	c.target = (__u8)tap_target(skb);
	c.id = bpf_get_socket_cookie(skb);
	emit_gap(&c, RECORD_GAP_HTTP, (__u8)out, seg->len, bpf_ktime_get_ns());
	return 0;
}

#define TAP_LINE_WORDS (HTTP1_PROXY_LINE / 8 + 1)

/* Is one line of the PROXY protocol all that there is in LEN bytes at OFF? */
bytes_global int tap_is_line(struct __sk_buff *skb, __u32 off, __u32 len)
{
	__u64 line[TAP_LINE_WORDS] = {0}, others = 0;
	__u8 last;
	__u32 i;

	if (!bytes_from_1_to(&len, HTTP1_PROXY_LINE) || bpf_skb_load_bytes(skb, off, line, len) ||
	    bpf_skb_load_bytes(skb, off + len - 1, &last, 1))
		return 0;
	_Pragma("clang loop unroll(full)") for (i = 0; i < TAP_LINE_WORDS; i++) others +=
		bytes_other(line[i], '\n') >> 7;
	return last == '\n' && others * BYTES_ONES >> 56 == sizeof(line) - 1; /* one is */
}

/* It does. A request may come behind it in the same segment, or what the proxy says is cut; in
 * another segment behind it anything may begin, as if there were no proxy. */
bytes_function int tap_meet_proxied(struct __sk_buff *skb, const struct segment *seg, int out)
{
	struct source src = {.skb = skb, .base = seg->off};
	__u64 word = source_word(&src, 0, seg->len);
	struct bpf_sock *sk = skb->sk;
	struct socket_mark *mark;
	struct socket_flow *f;
	__u32 header;
	int how;

	if (!sk)
		return 0;
	if (http1_is_proxy_cut(word, seg->len))
		return tap_miss_proxied(skb, seg, out);
	header = tap_proxied(&src, 0, seg->len);
	if (header && !(http1_is_proxy(word) && tap_is_line(skb, seg->off, seg->len))) {
		how = tap_begin(skb, seg, out, TAP_PROXY);
		f = how == TAP_FIRST ? bpf_sk_storage_get(&socket_flows, sk, 0, 0) : 0;
		if (f)
			tap_begins_proxied(f, header, !http1_is_proxy(word), out);
		return how;
	}
	mark = tap_storage(&socket_marks, sk);
	if (mark)
		mark->whole = (__u8)tap_is_whole(sk, out);
	return 0;
}

/* The segment leaves on a connection that is not followed: TCP has sent at most a SYN before, or
 * no answer to that has come yet. */
static __always_inline void tap_leaves(struct bpf_sock *sk)
{
	struct bpf_tcp_sock *tcp = bpf_tcp_sock(sk);

	if (!tcp)
		return;
	if (tcp->bytes_acked <= 1)
		tap_note_begun(sk, 1 << FLOW_OUT);
	else
		tap_note_quiet(sk, FLOW_OUT);
}

static __always_inline void tap_go_walk(struct __sk_buff *skb, int out)
{
	tap_state(skb)->out = out;
	bpf_tail_call(skb, &walk_socket, 0);
}

/* The segment may hold frames of HTTP/2. One that has overtaken the preface is kept. */
static __always_inline void tap_may_walk(struct __sk_buff *skb, struct bpf_sock *sk,
					 const struct segment *seg, int quiet, int out)
{
	if (!out && !quiet)
		tap_is_young(skb, sk, seg);
	tap_go_walk(skb, out);
}

/* Does the connection speak HTTP/2 from here on, where WORD begins? */
static __always_inline int tap_is_preface(struct bpf_sock *sk, const struct segment *seg,
					  __u64 word, int out)
{
	return http2_is_preface(word) ||
	       (http2_is_short_preface(word, seg->len) && tap_is_whole(sk, out));
}

/* --- databases -------------------------------------------------------------------------------- */

/*
 * Does a connection that begins with WORD, in a segment of LEN bytes, speak a database's protocol?
 * PostgreSQL: a length and a version (3.x), the whole segment. Redis: an array with a string in it,
 * "*2\r\n$4\r\n". No protocol that carries ILP has such first bytes in it, nor begins behind them.
 */
static __always_inline int tap_is_database(__u64 word, __u32 len)
{
	const __u64 redis = BYTES_WORD('*', 0, '\r', '\n', '$', 0, 0, 0);

	return (bpf_ntohl((__u32)word) == len && bytes_low(word >> 32, 3) == 0x300) ||
	       (len >= 8 && (word & 0xffffff00ff) == redis);
}

/* Such a segment leaves. Is it the first of its connection, either way, and is nothing else known
 * of that? Then the connection is looked at no more. */
bytes_function int tap_note_database(struct bpf_sock *sk, const struct segment *seg)
{
	struct bpf_tcp_sock *tcp = bpf_tcp_sock(sk);
	struct socket_mark *mark;

	if (!tcp || sk->state != BPF_TCP_ESTABLISHED || tcp->bytes_acked > 1 ||
	    tcp->bytes_received || seg->seq != tcp->snd_una || seg->ending)
		return 0;
	mark = tap_storage(&socket_marks, sk);
	if (!mark || mark->followed || bpf_sk_storage_get(&http2_sockets, sk, 0, 0))
		return 0;
	mark->begun = TAP_BEGUN;
	mark->database = 1;
	return 0;
}

/* A connection begins on the socket, which may have had another one before. */
bytes_function int tap_note_opening(struct bpf_sock *sk)
{
	struct socket_mark *mark = bpf_sk_storage_get(&socket_marks, sk, 0, 0);

	if (mark)
		mark->quiet = mark->database = mark->ended = 0;
	return 0;
}

/* A connection that is not followed: does this segment make it one? QUIET: see tap_is_quiet. */
static __always_inline int tap_meet(struct __sk_buff *skb, struct bpf_sock *sk,
				    const struct segment *seg, int quiet, int out)
{
	struct source src = {.skb = skb, .base = seg->off};
	__u64 known = bytes_load(ports[tap_slot(seg)]); /* both facts; mostly 0 */
	__u64 word;

	if (!seg->len && !out)
		return 0;
	if (tap_follows(seg, (__u32)known, out) && sk->state != BPF_TCP_LISTEN)
		tap_go_settle(skb, TAP_ADOPT, out);
	if (!seg->len)
		return 0;
	if (out && !quiet)
		tap_leaves(sk);
	word = source_word(&src, 0, seg->len);
	if (out && !quiet && tap_is_database(word, seg->len))
		tap_note_database(sk, seg);
	/* The server's first frames may come before the client's preface. */
	if (known >> 32 && !tap_is_preface(sk, seg, word, out) &&
	    bpf_sk_storage_get(&http2_sockets, sk, 0, 0))
		tap_may_walk(skb, sk, seg, quiet, out);
	if ((__u8)word != 'P') {
		if (http2_may_begin(word) && sk->state != BPF_TCP_LISTEN)
			tap_may_walk(skb, sk, seg, quiet, out);
		if (out && btp_may_begin(word))
			tap_btp(skb, seg, word);
		if (tap_is_tls(word, seg->len))
			tap_announce(skb, sk, seg, word, out);
		/* Of a request that was not seen: it was under way before this program was
		 * attached, or there was no room for it. */
		else if (out && http1_answers(word, seg->len))
			return !tap_is_old(sk, seg, out) && tap_begin(skb, seg, out, TAP_ANSWER);
		else if (tap_is_plain(sk, seg, word, out))
			return tap_begin(skb, seg, out, TAP_PLAIN);
		else if (tap_is_proxied(sk, seg, word, out))
			return tap_meet_proxied(skb, seg, out);
		return !out && !quiet && tap_is_young(skb, sk, seg);
	}
	if (tap_is_preface(sk, seg, word, out)) {
		if (sk->state == BPF_TCP_LISTEN) {
			if (http2_follows & SHARED_HTTP2_SOCKETS)
				tap_go_settle(skb, TAP_EARLY, out);
			return 0;
		}
		tap_note_begun(sk, 1 << out);
		tap_state(skb)->out = out;
		tap_go_join(skb, TAP_PREFACE);
		tap_state(skb)->mode = 0;
		tap_go_walk(skb, out);
		return 0;
	}
	if (!http1_begins(word, seg->len)) {
		if (tap_is_plain(sk, seg, word, out))
			return tap_begin(skb, seg, out, TAP_PLAIN);
		if (tap_is_proxied(sk, seg, word, out))
			return tap_meet_proxied(skb, seg, out);
		return !out && !quiet && tap_is_young(skb, sk, seg);
	}
	if (sk->state == BPF_TCP_LISTEN) {
		tap_go_settle(skb, TAP_EARLY, out);
		return 0;
	}
	return !tap_is_old(sk, seg, out) && tap_begin(skb, seg, out, 0);
}

/* --- following ------------------------------------------------------------------------------- */

static __always_inline int tap_claim(struct socket_flow *f, const struct segment *seg, int out,
				     __u32 *skip)
{
	int verdict;

	tap_lock_order(f);
	verdict = stream_claim(&f->streams[out], seg->seq, seg->len, skip);
	tap_unlock_order(f);
	return verdict;
}

static __always_inline void tap_release(struct socket_flow *f, int out)
{
	tap_lock_order(f);
	stream_leave(&f->streams[out]);
	tap_unlock_order(f);
}

/* The kernel allows no more tail calls: what is left of the segment is not read. A function,
 * because it seldom runs, and with a source of its own, so that a large program's stack has none.
 */
bytes_function int tap_give_up(struct __sk_buff *skb, struct socket_flow *f, int out)
{
	struct source src = {.skb = skb, .now_ns = tap_now(skb, out & 1), .remote = &f->remote};
	struct flow_common *c = &f->flow.common;
	struct side *s = &f->flow.sides[out & 1];

	http1_cut(c, s, 0);
	if (http1_take(s))
		emit_message(&src, c, s);
	if (!bytes_forget(c->plain))
		emit_gap(c, RECORD_GAP_COMPLEX, s->out, s->cursor.end - s->cursor.off, src.now_ns);
	return 0;
}

/* There are bytes to be read in the segment, of a claimed direction. A program of its own does
 * that, for both directions: the verifier has much to walk in it. */
static __always_inline void tap_go_follow(struct __sk_buff *skb, struct socket_flow *f,
					  const struct source *src, int out)
{
	struct side *s = &f->flow.sides[out];

	tap_state(skb)->out = out;
	tap_state(skb)->base = src->base;
	if (bytes_forget(s->http1.phase) >= PHASE_HTTP2) {
		if (bytes_forget(s->http1.phase) == PHASE_UPGRADED)
			tap_go_over(skb, TAP_UPGRADE);
		bpf_tail_call(skb, &http2_socket, 0);
		tap_release(f, out);
		return;
	}
	bpf_tail_call(skb, &follow_socket, 0);
	tap_give_up(skb, f, out);
	tap_release(f, out);
}

/* A connection on which no POST has been seen: lets it go once nothing is under way, or once it
 * cannot be read any more. A part of an answer passes in direction OUT just now, which who asks has
 * not seen yet: no request follows it meanwhile. */
bytes_function int tap_let_go(struct bpf_sock *sk, struct socket_flow *f, int out)
{
	__u8 asking = bytes_forget(f->flow.sides[!out].http1.phase);
	__u8 answering = bytes_forget(f->flow.sides[out & 1].http1.phase);
	int idle = asking == PHASE_START && answering == PHASE_START &&
		   f->flow.common.requests == f->flow.common.answers;
	struct socket_mark *mark;

	if (f->stash.waiting || bytes_forget(f->streams[!out].inside))
		return 0;
	if (!idle && !f->flow.common.tunnel && asking != PHASE_LOST && answering != PHASE_LOST &&
	    answering != PHASE_UNTIL_CLOSE)
		return 0;
	mark = tap_storage(&socket_marks, sk);
	if (mark)
		mark->whole = idle && !f->flow.common.guessing;
	tap_forget(sk, f);
	return 1;
}

/* The same for every segment of a connection: nearly all are not of that kind. */
static __always_inline int tap_passes_by(struct bpf_sock *sk, struct socket_flow *f, int out)
{
	return bytes_forget(f->flow.common.plain) &&
	       (bytes_forget(f->flow.common.role) == RECORD_ROLE_CLIENT) != out &&
	       tap_let_go(sk, f, out);
}

/* The segment leaves. See tap_takes. */
static __always_inline void tap_sends(struct socket_flow *f, const struct segment *seg)
{
	__u32 end = seg->seq + seg->len + (seg->ending & STREAM_FIN);

	if ((__s32)(end - f->sent) > 0)
		f->sent = end;
	f->walked[FLOW_OUT] += seg->len;
}

/* For tests: see tests/witness/blind.h and tests/targets/other.h. */
#ifdef TAP_BLIND
#include TAP_BLIND
#else
#define tap_blind(skb, seg, out) 0
#endif

/* --- glancing --------------------------------------------------------------------------------- */

/* What a first look at a segment says. */
enum tap_glance {
	GLANCE_UNSURE,               /* nothing */
	GLANCE_LOUD,                 /* its connection is not quiet (tap_is_quiet) */
	GLANCE_QUIET,                /* it is, and the segment may matter all the same */
	GLANCE_DONE,                 /* the segment does not matter */
	GLANCE_FOLLOWED = TAP_FRESH, /* its connection is followed, and speaks HTTP/1 */
};

/* May a segment matter that begins with WORD, though its connection is quiet? Whatever tap_meet
 * then looks at must be in this. */
static __always_inline int tap_may_matter(__u64 word, int out)
{
	return http1_may_open(word) || http2_may_begin(word) || tap_is_tls(word, 8) ||
	       (out && btp_may_begin(word));
}

/* Where the TCP header lies; or 0, and *GLANCE is what to make of that. */
static __always_inline __u32 tap_glance_ip(struct __sk_buff *skb, enum tap_glance *glance)
{
	void *data = (void *)(long)skb->data, *data_end = (void *)(long)skb->data_end;

	*glance = GLANCE_DONE;
	if (skb->protocol == bpf_htons(ETH_P_IP)) {
		struct iphdr *ip = data;

		return (void *)(ip + 1) > data_end || ip->protocol != IPPROTO_TCP ? 0 : ip->ihl * 4;
	}
	if (skb->protocol == bpf_htons(ETH_P_IPV6)) {
		struct ipv6hdr *ip = data;

		if ((void *)(ip + 1) > data_end)
			return 0;
		if (ip->nexthdr == IPPROTO_TCP)
			return sizeof(*ip);
		*glance = GLANCE_UNSURE;
	}
	return 0;
}

/* A segment with WORD bytes or more at OFF. */
static __always_inline enum tap_glance tap_glance_at(struct __sk_buff *skb, __u32 off, __u64 ports,
						     int out)
{
	struct bpf_sock *sk = skb->sk;
	struct socket_mark *mark;
	__u8 followed;
	__u64 word;

	if (!sk)
		return GLANCE_DONE;
	mark = bpf_sk_storage_get(&socket_marks, sk, 0, 0);
	if (!mark)
		return GLANCE_LOUD;
	followed = bytes_forget(mark->followed);
	if (followed)
		return followed == TAP_FOLLOWED ? GLANCE_FOLLOWED : GLANCE_LOUD;
	if (bytes_forget(mark->database))
		return GLANCE_DONE;
	if (!(bytes_forget(mark->quiet) & 1 << out) || sk->state == BPF_TCP_LISTEN)
		return GLANCE_LOUD;
	if (ports || bpf_skb_load_bytes(skb, off, &word, sizeof(word)) || tap_may_matter(word, out))
		return GLANCE_QUIET;
	return GLANCE_DONE;
}

/*
 * Nearly all segments are of a database's connection, or of another one that is quiet, or have no
 * payload. This finds them, by as few steps as there can be, and changes nothing.
 */
static __always_inline enum tap_glance tap_glance(struct __sk_buff *skb, int out)
{
	void *data = (void *)(long)skb->data, *data_end = (void *)(long)skb->data_end;
	enum tap_glance glance;
	__u32 off = tap_glance_ip(skb, &glance);
	struct tcphdr *tcp = data + off;
	__u64 facts;

	if (!off)
		return glance;
	if ((void *)(tcp + 1) > data_end)
		return GLANCE_DONE;
	if (tcp->fin | tcp->syn | tcp->rst)
		return GLANCE_UNSURE;
	off += tcp->doff * 4;
	facts = bytes_load(ports[bpf_ntohs(tcp->source ^ tcp->dest)]);
	if (skb->len <= off) /* see tap_run */
		return out && facts ? GLANCE_UNSURE : GLANCE_DONE;
	if (skb->len < off + sizeof(__u64))
		return GLANCE_UNSURE;
	cost_begin(skb, bpf_ntohl(tcp->seq), out);
	return tap_glance_at(skb, off, facts, out);
}

/* The segment is of a followed connection. Nearly all of these are read at once, in one program. */
static __always_inline void tap_go_fresh(struct __sk_buff *skb, int out)
{
	tap_state(skb)->out = out;
	bpf_tail_call(skb, &follow_socket, 0);
}

/* Where a run begins. A program of its own, with nothing else in it: in a large one the same steps
 * take half as long again. It goes on in the program that the map REST holds. */
#define tap_enter_run(skb, out, rest)                                                              \
	({                                                                                         \
		enum tap_glance tap_glanced = tap_glance(skb, out);                                \
                                                                                                   \
		if (tap_glanced != GLANCE_DONE) {                                                  \
			bytes_pin(tap_glanced); /* keeps what follows behind all else */           \
			tap_state(skb)->mode = tap_glanced;                                        \
			if (tap_glanced == GLANCE_FOLLOWED)                                        \
				tap_go_fresh(skb, out);                                            \
			bpf_tail_call(skb, rest, 0);                                               \
		}                                                                                  \
		cost_pass(skb, TAP_PASS);                                                          \
	})

static __always_inline int tap_run(struct __sk_buff *skb, int out)
{
	struct segment seg;
	struct source src = {.skb = skb};
	struct socket_flow *f;
	struct bpf_sock *sk;
	__u32 skip;
	int mode, clean, verdict, quiet, glance = tap_state(skb)->mode;

	if (!segment_read(skb, &seg) || tap_blind(skb, &seg, out))
		return TAP_PASS;
	if (seg.opening && out && skb->sk)
		tap_note_opening(skb->sk);
	/* TCP acknowledges an early request as soon as it has it. */
	if (!seg.len && !seg.ending && !(out && tap_follows_early(&seg, out)))
		return TAP_PASS;
	cost_begin(skb, seg.seq, out);
	sk = skb->sk;
	if (!sk)
		return TAP_PASS;
	quiet = glance == GLANCE_UNSURE ? tap_is_quiet(sk, out) : glance == GLANCE_QUIET;
	f = quiet ? 0 : bpf_sk_storage_get(&socket_flows, sk, 0, 0);
	if (!f) {
		if (!tap_meet(skb, sk, &seg, quiet, out))
			return TAP_PASS;
		f = bpf_sk_storage_get(&socket_flows, sk, 0, 0);
		if (!f)
			return TAP_PASS;
	}
	/* Before what TCP drops is left out: if TCP takes it all the same, bytes are missed. */
	if (!bytes_forget(f->streams[out].known)) {
		if (!out && tap_follows_early(&seg, out))
			tap_go_settle(skb, TAP_ADOPT, out);
		tap_know(skb, f, &seg, out, out);
	}
	if (out)
		tap_sends(f, &seg);
	else
		tap_walk_in(f, seg.len);
	if (!out && !tap_sound(skb, sk, f, &seg))
		return TAP_PASS;
	/* A request is read before its answer. What a tentative connection begins with is kept:
	 * tap_settle.h finds out what it is. */
	clean = seg.len && !bytes_forget(f->tentative) &&
		!(out && (bytes_forget(f->stash.waiting) & 1 << FLOW_IN));
	mode = seg.len ? TAP_KEEP : TAP_SETTLE;
	if (seg.ending)
		tap_note_end(skb, f, &seg, out);
	if (clean) {
		src.base = seg.off;
		src.now_ns = tap_now(skb, out);
		src.remote = &f->remote;
		verdict = tap_claim(f, &seg, out, &skip);
		if (verdict == STREAM_NEXT) {
			f->flow.sides[out].cursor.off = skip;
			f->flow.sides[out].cursor.end = seg.len - seg.urgent;
			if (follow_synchronised(&src, &f->flow.common, &f->flow.sides[out]))
				tap_go_follow(skb, f, &src, out);
			else
				tap_release(f, out);
		}
		if (verdict == STREAM_NEXT || verdict == STREAM_OLD)
			mode = TAP_SETTLE;
	}
	if (tap_passes_by(sk, f, out))
		return TAP_PASS;
	if (mode == TAP_KEEP || bytes_forget(f->stash.waiting))
		tap_go_settle(skb, mode, out);
	return TAP_PASS;
}

/* What is known of HTTP/1 in the segment's direction; NULL: the connection is not followed. */
static __always_inline struct http1 *tap_http1(struct __sk_buff *skb)
{
	struct bpf_sock *sk = skb->sk;
	struct socket_flow *f = sk ? bpf_sk_storage_get(&socket_flows, sk, 0, 0) : 0;

	return f ? &f->flow.sides[tap_out(skb)].http1 : 0;
}

bytes_global int tap_recall_tamely(struct __sk_buff *skb)
{
	struct http1 *h = tap_http1(skb);

	return h ? http1_recall_tamely(h) : 0;
}

bytes_global int tap_tame_others(struct __sk_buff *skb)
{
	struct http1 *h = tap_http1(skb);

	return h ? http1_tame_others(h) : 0;
}

/* May the next bytes of the direction be read where they lie, as far as is known without the claim
 * on it? An answer may not where requests wait: they are read before it. */
static __always_inline int tap_is_usual(struct socket_flow *f, int out)
{
	__u8 phase = bytes_forget(f->flow.sides[out].http1.phase);

	return bytes_forget(f->streams[out].known) && !bytes_forget(f->tentative) &&
	       phase - 1u < PHASE_IGNORE - 1u &&
	       !(bytes_forget(f->stash.waiting) & (out << FLOW_IN));
}

/* Claims the segment's bytes for this run, where they are the next ones of direction OUT and
 * everything is as usual: nearly always. Else nothing has been changed, and tap_run is to judge. */
static __always_inline int tap_claim_fresh(struct __sk_buff *skb, struct socket_flow *f, int out)
{
	struct side *s = &f->flow.sides[out];
	struct segment seg;
	__u32 skip;

	if (!segment_read_plain(skb, &seg) || !seg.len || seg.ending || !tap_is_usual(f, out) ||
	    tap_blind(skb, &seg, out))
		return 0;
	/* See tap_sound, which may note something. */
	if (!out && ((seg.ack ^ f->sent) | seg.opening | (seg.acking ^ 1) ||
		     !(f->trusting || segment_sound(skb, &seg))))
		return 0;
	if (tap_claim(f, &seg, out, &skip) != STREAM_NEXT)
		return 0;
	if (!tap_is_usual(f, out)) { /* since then */
		f->streams[out].next = seg.seq + skip;
		tap_release(f, out);
		return 0;
	}
	if (out)
		tap_sends(f, &seg);
	else
		tap_walk_in(f, seg.len);
	s->cursor.off = skip;
	s->cursor.end = seg.len - seg.urgent;
	tap_state(skb)->base = seg.off;
	return 1;
}

static __always_inline void tap_go_run(struct __sk_buff *skb, int out)
{
	if (out)
		bpf_tail_call(skb, &out_socket, 0);
	else
		bpf_tail_call(skb, &in_socket, 0);
}

/* One step of what a segment holds of its direction. Comes here by tail call, and again for more of
 * it; straight from where the run began (TAP_FRESH), or when the direction has been claimed. */
static __always_inline int tap_follow(struct __sk_buff *skb)
{
	struct source src = {.skb = skb};
	struct bpf_sock *sk = skb->sk;
	int out = tap_out(skb);
	struct flow_common *c;
	struct socket_flow *f;
	struct side *s;

	f = sk ? bpf_sk_storage_get(&socket_flows, sk, 0, 0) : 0;
	if (tap_state(skb)->mode == TAP_FRESH) {
		tap_state(skb)->mode = GLANCE_LOUD;
		if (!f || !tap_claim_fresh(skb, f, out)) {
			tap_go_run(skb, out);
			return TAP_PASS;
		}
	}
	if (!f)
		return TAP_PASS;
	/* Anew: else verifiers walk the rest once more for each direction that was claimed here. */
	out = tap_out(skb);
	c = &f->flow.common;
	s = &f->flow.sides[out];
	src.base = tap_state(skb)->base;
	src.now_ns = tap_now(skb, out);
	src.remote = &f->remote;
	if (follow(&src, c, s, 1)) {
		if (bytes_forget(s->http1.phase) == PHASE_UPGRADED)
			tap_go_over(skb, TAP_UPGRADE);
		bpf_tail_call(skb, &follow_socket, 0);
		tap_give_up(skb, f, out);
	}
	tap_release(f, out);
	if (tap_passes_by(sk, f, out))
		return TAP_PASS;
	if (bytes_forget(f->stash.waiting))
		tap_go_settle(skb, TAP_SETTLE, out);
	return TAP_PASS;
}

#endif
