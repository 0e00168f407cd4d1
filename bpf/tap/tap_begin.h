/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * tap_begin.h - a socket's connection becomes one that is followed.
 */
#ifndef TELLTALE_TAP_BEGIN_H
#define TELLTALE_TAP_BEGIN_H

#include "tap_streams.h"
#include "segment.h"

#define TAP_PASS 1

/* What a run that goes on in tap_settle.h is about. */
enum tap_mode {
	TAP_KEEP = 1, /* its segment's bytes are to be kept, and what waits is to be settled */
	TAP_SETTLE,   /* the segment has been dealt with */
	/* A connection that is not followed, so far: */
	TAP_EARLY,    /* a listening socket's: see tap_early.h */
	TAP_ADOPT,    /* there may have been an early request on it */
	TAP_OVERTOOK, /* the segment has overtaken the connection's first */
	/* One that is not followed, for it speaks HTTP/2: */
	TAP_WALK,    /* its direction is claimed, and the piece in hand is not done with */
	TAP_PREFACE, /* it begins with this segment */
	TAP_MIDWAY,  /* ILP has been found in this segment, or in an earlier one */
	/* A direction is claimed that is given over to another protocol, HTTP/2 perhaps: */
	TAP_UPGRADE,       /* with the next byte of the segment */
	TAP_UPGRADE_PIECE, /* with that of a piece that was kept */
	TAP_FRESH,         /* a connection's next segment, perhaps, of which nothing is known yet */
};

/* The state that a run hands from one program to the next. It lies over skb->cb: the kernel clears
 * that before a hook's first program runs, and restores it afterwards. */
struct tap_state {
	__u16 mode;  /* enum tap_mode */
	__u16 dir;   /* enum flow_direction: the one that is claimed */
	__u32 kept;  /* bytes of the segment that have been dealt with */
	__u32 out;   /* enum flow_direction: the segment's */
	__u32 base;  /* where its payload lies in the socket buffer */
	__u32 begun; /* the lower half of the time when the run began, if it is timed: see cost.h */
};

_Static_assert(sizeof(struct tap_state) <= sizeof(((struct __sk_buff *)0)->cb),
	       "it lies over skb->cb");

static __always_inline struct tap_state *tap_state(struct __sk_buff *skb)
{
	return (struct tap_state *)skb->cb;
}

/* The segment's direction, in a program that serves both. */
static __always_inline int tap_out(struct __sk_buff *skb)
{
	int out = tap_state(skb)->out & 1;

	bytes_pin(out);
	return out & 1;
}

/* Goes on in tap_join.h. */
static __always_inline void tap_go_over(struct __sk_buff *skb, enum tap_mode mode)
{
	tap_state(skb)->mode = mode;
	bpf_tail_call(skb, &http2_join, 0);
}

#define tap_lock(f)   bpf_spin_lock(&(f)->lock)
#define tap_unlock(f) bpf_spin_unlock(&(f)->lock)

/* The time in CLOCK_MONOTONIC. TCP notes on each segment it sends when the segment is to leave;
 * asking for the time is one of the more expensive calls. */
static __always_inline __u64 tap_now(const struct __sk_buff *skb, int out)
{
	/* Without a branch, after which the verifier would walk everything twice. */
	__u64 ns = skb->tstamp & -(__u64)out;

	return ns ? ns : bpf_ktime_get_ns();
}

static __always_inline void tap_remote(struct __sk_buff *skb, const struct segment *seg, int out,
				       struct record_remote *r)
{
	r->family = seg->family;
	r->port = out ? seg->dport : seg->sport;
	r->local_port = out ? seg->sport : seg->dport;
	segment_remote(skb, seg, out, r->addr);
}

#define tap_storage_try(map, sk) bpf_sk_storage_get(map, sk, 0, BPF_SK_STORAGE_GET_F_CREATE)

/* What MAP keeps of a socket, made where it keeps nothing yet; NULL: no memory. When two processors
 * are at the same socket, the kernel refuses one of them twice at most: once as each makes the
 * first thing that any map keeps of the socket, and once as each makes this one. */
#define tap_storage(map, sk)                                                                       \
	(tap_storage_try(map, sk) ?: (tap_storage_try(map, sk) ?: tap_storage_try(map, sk)))

/* Which target a socket belongs to: once for each connection. How deep the target's cgroup lies is
 * not known, for in a cgroup namespace no half can see it; 0 is below the socket's own. */
bytes_global int tap_target(struct __sk_buff *skb)
{
	int level;

	BYTES_LOOP
	for (level = 0; level < SHARED_LEVELS_MAX; level++) {
		__u64 cgroup = bpf_skb_ancestor_cgroup_id(skb, level);
		__u8 *target = bpf_map_lookup_elem(&targets, &cgroup);

		if (target)
			return *target;
		if (!cgroup)
			break;
	}
	return 0;
}

/* May the target have one connection more? Where it ANSWERS on one, there is some more room: who
 * only asks cannot take that. Connections in HTTP/2 that come in, of which nothing is known when
 * they begin, get half of it. */
enum tap_room { TAP_ROOM = 0, TAP_ROOM_ANSWER, TAP_ROOM_HTTP2 };

static __always_inline int tap_has_room(__u32 target, enum tap_room kind)
{
	__u64 max = flows_max;
	__u64 *n = bpf_map_lookup_elem(&followed, &target);

	if (kind == TAP_ROOM_ANSWER)
		max += max / 8;
	else if (kind == TAP_ROOM_HTTP2)
		max = (max + 1) / 2;
	return !max || !n || (__s64)*n < (__s64)max;
}

/* A connection is counted once and counted down once, though its end and its process closing it may
 * meet.
 */
enum tap_counted { TAP_COUNTED = 1, TAP_UNCOUNTED };

bytes_function int tap_count(struct socket_flow *f, __u32 how)
{
	__u32 target = f->flow.common.target, was;
	__u64 *n = bpf_map_lookup_elem(&followed, &target);

	tap_lock(f);
	was = f->counted;
	if (was < how)
		f->counted = how;
	tap_unlock(f);
	if (n && how == TAP_COUNTED && !was)
		__sync_fetch_and_add(n, 1);
	if (n && how == TAP_UNCOUNTED && was == TAP_COUNTED)
		__sync_fetch_and_add(n, -1);
	return 0;
}

/* Is it a connection in HTTP/2, or one that goes over to it? */
static __always_inline int tap_has_streams(const struct socket_flow *f)
{
	return bytes_forget(f->flow.sides[FLOW_IN].http1.phase) == PHASE_HTTP2 ||
	       bytes_forget(f->flow.common.tunnel) == PHASE_UPGRADED;
}

/* Such a connection has ended. */
bytes_function int tap_forget_streams(struct bpf_sock *sk, struct socket_flow *f)
{
	struct streams *conn = bpf_sk_storage_get(&http2_conns, sk, 0, 0);
	__u32 last;

	if (!conn)
		return 0;
	last = conn->sides[FLOW_IN].last | conn->sides[FLOW_OUT].last; /* one of them asks */
	if (last)
		streams_forget(&f->flow.common, last);
	return 0;
}

/* The process has closed the socket. A client then reads no more replies, and the other side's FIN
 * may meet a socket in TIME_WAIT, for which no program runs. */
static __always_inline int tap_released(struct bpf_sock *sk)
{
	struct socket_walk *walk = bpf_sk_storage_get(&http2_sockets, sk, 0, 0);
	struct socket_flow *f = bpf_sk_storage_get(&socket_flows, sk, 0, 0);

	if (walk && walk->counted == TAP_COUNTED)
		__sync_fetch_and_add(&ports[bytes_mask(walk->slot, PORTS_SLOTS - 1)][PORTS_WALKING],
				     -1);
	if (walk)
		walk->counted = TAP_UNCOUNTED;
	if (!f)
		return TAP_PASS;
	tap_count(f, TAP_UNCOUNTED);
	if (tap_has_streams(f))
		tap_forget_streams(sk, f);
	if (f->flow.common.role == RECORD_ROLE_CLIENT && !f->closed)
		emit_close(&f->flow.common, bpf_ktime_get_ns());
	return TAP_PASS;
}

#define TAP_BEGUN (1 << FLOW_IN | 1 << FLOW_OUT) /* struct socket_mark */

/* The first bytes of one direction, or of both, have passed: for witness.h. Returns those that have
 * by now. */
bytes_function int tap_note_begun(struct bpf_sock *sk, __u8 directions)
{
	struct socket_mark *mark = tap_storage(&socket_marks, sk);

	if (!mark)
		return 0;
	mark->begun |= directions;
	return mark->begun;
}

/* The connection is not followed any more. */
static __always_inline void tap_forget(struct bpf_sock *sk, struct socket_flow *f)
{
	struct socket_mark *mark;

	tap_count(f, TAP_UNCOUNTED);
	tap_note_begun(sk, TAP_BEGUN);
	mark = bpf_sk_storage_get(&socket_marks, sk, 0, 0);
	if (mark) {
		mark->left = 1;
		mark->followed = 0; /* before it is: another run may begin to follow it anew */
	}
	bpf_sk_storage_delete(&http2_conns, sk);
	bpf_sk_storage_delete(&socket_flows, sk);
}

/* What is noted of a connection that is followed: HTTP/2's segments go another way. */
enum tap_followed { TAP_FOLLOWED = 1, TAP_FOLLOWED_HTTP2 };

/* The connection is in socket_flows now. Where this cannot be noted, it is not quiet either. */
bytes_function int tap_note_followed(struct bpf_sock *sk, __u32 how)
{
	struct socket_mark *mark = tap_storage(&socket_marks, sk);

	if (mark)
		mark->followed = (__u8)how;
	return 0;
}

/* The beginning of a direction is over, of a connection that is not followed. */
bytes_function int tap_note_quiet(struct bpf_sock *sk, int out)
{
	struct socket_mark *mark = tap_storage(&socket_marks, sk);

	if (mark)
		mark->quiet |= 1 << (out & 1);
	return 0;
}

/* Nearly all segments are of a connection that is known not to be followed and of whose beginning
 * nothing is to be noted any more. One look-up says so. */
static __always_inline int tap_is_quiet(struct bpf_sock *sk, int out)
{
	struct socket_mark *mark = bpf_sk_storage_get(&socket_marks, sk, 0, 0);

	return mark && !bytes_forget(mark->followed) && bytes_forget(mark->quiet) & 1 << out &&
	       sk->state != BPF_TCP_LISTEN;
}

/* No request is shorter, also where a SYN counts as one byte. */
#define TAP_REQUEST_MIN 16

/* Are there no requests on this connection, before the segment that brings one, whose answers may
 * be under way? None are when it was read from its first byte on, up to where nothing was under
 * way, and was then let go. */
static __always_inline int tap_is_whole(struct bpf_sock *sk, int out)
{
	struct bpf_tcp_sock *tcp = bpf_tcp_sock(sk);
	struct socket_mark *mark = bpf_sk_storage_get(&socket_marks, sk, 0, 0);

	if (mark && mark->whole)
		return 1;
	if (!tcp)
		return 0;
	if (out)
		return tcp->snd_nxt - tcp->snd_una + tcp->bytes_acked < TAP_REQUEST_MIN;
	return tcp->bytes_received < TAP_REQUEST_MIN;
}

/* Has no byte passed on the connection yet, either way? A SYN may count as one. */
static __always_inline int tap_is_first(struct bpf_sock *sk)
{
	struct bpf_tcp_sock *tcp = bpf_tcp_sock(sk);

	return tcp && tcp->bytes_received <= 1 &&
	       tcp->snd_nxt - tcp->snd_una + tcp->bytes_acked <= 1;
}

/* Why a connection begins to be followed. */
enum tap_why {
	TAP_POST,      /* it carries ILP, perhaps */
	TAP_TENTATIVE, /* its first bytes came out of order: they may be no HTTP */
	TAP_PLAIN,     /* a request that is no POST: what comes behind it may be one */
	TAP_ANSWER,    /* an answer of this end to a request that was not seen */
	TAP_PROXY,     /* what a proxy says of it: requests follow (http1_proxy) */
};

/* The bytes of what a proxy says of its connection at OFF, where LEN bytes are; of a line, the most
 * that it can have: see http1_proxy. 0 when all of a header is there and nothing behind it, or too
 * little of it to know. */
static __always_inline __u32 tap_proxied(const struct source *src, __u32 off, __u32 len)
{
	__u64 word = source_word(src, off, len);
	__u32 header;

	if (http1_is_proxy(word))
		return HTTP1_PROXY_LINE;
	if (len < HTTP1_PROXY_FIXED)
		return 0;
	header = http1_proxy(word, source_word(src, off + 8, len - 8));
	return header != len ? header : 0;
}

/* A connection begins so, with HEADER bytes, sent by who asks therefore. In version 2 they are
 * passed over as a body is. */
static __always_inline void tap_begins_proxied(struct socket_flow *f, __u32 header, int binary,
					       int out)
{
	struct http1 *h = &f->flow.sides[out & 1].http1;

	f->flow.common.role = out ? RECORD_ROLE_CLIENT : RECORD_ROLE_SERVER;
	h->phase = binary ? PHASE_SKIP : PHASE_START;
	h->left = header;
}

/* Of those that begin to follow a connection at once, one says what it is. Returns 1 to that one.
 */
static __always_inline int tap_begins(struct socket_flow *f, int how, int whole)
{
	int answer = how == TAP_ANSWER, first;

	tap_lock(f);
	first = !f->begun;
	f->begun = 1;
	if (first)
		f->tentative = how == TAP_TENTATIVE;
	tap_unlock(f);
	if (!first)
		return 0;
	f->flow.common.plain = how == TAP_PLAIN || how == TAP_PROXY || answer;
	f->flow.common.guessing = answer || !whole;
	if (answer) /* until that is complete, nothing else is to be waited for */
		f->flow.sides[FLOW_IN].http1.phase = PHASE_START;
	return 1;
}

#define TAP_FIRST 2

/* Begins to follow the segment's connection because of HOW (enum tap_why), or finds that another
 * run has done so. Returns 1 when the connection is followed, TAP_FIRST to the run that began. */
bytes_function int tap_begin(struct __sk_buff *skb, const struct segment *seg, int out, int how)
{
	struct flow_common c = {.tap = RECORD_TAP_SOCKET};
	struct bpf_sock *sk = skb->sk;
	struct socket_flow *f;
	struct socket_mark *mark;
	int first;

	if (!sk)
		return 0;
	c.target = (__u8)tap_target(skb);
	if (tap_has_room(c.target, how == TAP_ANSWER ? TAP_ROOM_ANSWER : TAP_ROOM))
		f = tap_storage(&socket_flows, sk);
	else
		f = bpf_sk_storage_get(&socket_flows, sk, 0, 0);
	if (f) {
		tap_note_followed(sk, TAP_FOLLOWED);
		first = tap_begins(f, how, tap_is_whole(sk, out));
		if (first && how == TAP_PLAIN) { /* also where its first bytes do not say so yet */
			f->flow.sides[out & 1].http1.phase = PHASE_START;
			/* Nor may the other direction look as if it were lost: tap_let_go. */
			if (tap_is_first(sk))
				f->flow.sides[(out & 1) ^ 1].http1.phase = PHASE_START;
		}
		return first ? TAP_FIRST : 1;
	}
	tap_note_begun(sk, TAP_BEGUN); /* it was seen */
	mark = bpf_sk_storage_get(&socket_marks, sk, 0, 0);
	if (mark)
		mark->whole = 0;
	if (how == TAP_PLAIN || how == TAP_ANSWER || how == TAP_PROXY)
		return 0;
	c.id = bpf_get_socket_cookie(skb);
	emit_gap(&c, RECORD_GAP_FULL, (__u8)out, seg->len, bpf_ktime_get_ns());
	return 0;
}

/* How far TCP has got in a direction. Going out that is what it has sent, or with SETTLED what has
 * been acknowledged; coming in, what it has received. Each field is read by an offset known to the
 * verifier. */
static __always_inline __u32 tap_tcp(struct bpf_tcp_sock *tcp, int out, int settled)
{
	__u32 in = bytes_forget(tcp->rcv_nxt);
	__u32 sent = bytes_forget(tcp->snd_nxt), done = bytes_forget(tcp->snd_una);

	if (settled)
		sent = done;
	return out ? sent : in;
}

/* Does TCP have these bytes already, or has it sent them before? A request that comes again must
 * not begin a connection anew that has been closed. */
static __always_inline int tap_is_old(struct bpf_sock *sk, const struct segment *seg, int out)
{
	struct bpf_tcp_sock *tcp = bpf_tcp_sock(sk);

	return tcp && (__s32)(seg->seq + seg->len - tap_tcp(tcp, out, 0)) <= 0;
}

static __always_inline __u32 tap_slot(const struct segment *seg)
{
	return bytes_mask(seg->sport ^ seg->dport, PORTS_SLOTS - 1);
}

static __always_inline __u32 *tap_early_next(const struct segment *seg)
{
	return &ports[tap_slot(seg)][PORTS_EARLY];
}

/* May there have been an early segment just before this one, on the same connection? EARLY: of its
 * ports. */
static __always_inline int tap_follows(const struct segment *seg, __u32 early, int out)
{
	return early && (out ? seg->ack : seg->seq) - early + EARLY_REACH < 2 * EARLY_REACH;
}

static __always_inline int tap_follows_early(const struct segment *seg, int out)
{
	return tap_follows(seg, *tap_early_next(seg), out);
}

/* Counts bytes that come in. Two processors may have such segments of one connection at once. */
static __always_inline void tap_walk_in(struct socket_flow *f, __u32 len)
{
	__sync_fetch_and_add(&f->walked[FLOW_IN], len);
}

/* Have all bytes that go out to pass here, and have none so far? Then those that TCP has of them
 * went by unseen: for witness.h. It is not asked of what comes in, which may have come early. */
static __always_inline int tap_is_unseen(const struct socket_mark *mark)
{
	return mark && mark->met && !(mark->begun & 1 << FLOW_OUT) && !mark->excused[FLOW_OUT];
}

/* Counts what passed before the segment, the first one of a connection that is followed; MARK may
 * be NULL. TCP may not have taken yet what came just before it. */
static __always_inline void tap_walk_from(struct socket_flow *f, struct bpf_tcp_sock *tcp,
					  const struct socket_mark *mark, const struct segment *seg,
					  int out)
{
	/* Each field is read by an offset known to the verifier. */
	__u32 next = bytes_forget(tcp->rcv_nxt), done = bytes_forget(tcp->snd_una);
	__s32 ahead = (__s32)(seg->seq - (out ? done : next));

	f->walked[FLOW_IN] = tcp->bytes_received;
	f->walked[FLOW_OUT] = tcp->bytes_acked + tcp->snd_nxt - tcp->snd_una;
	if (seg->opening)
		return;
	if (out) {
		f->walked[FLOW_OUT] = tcp->bytes_acked + ahead;
		return;
	}
	f->walked[FLOW_IN] += ahead;
	if (tap_is_unseen(mark))
		f->walked[FLOW_OUT] = 0;
}

/* The first segment of a direction is seen: TCP knows how far that direction has got. Two runs may
 * be here at once; they write the same values. */
bytes_function int tap_know(struct __sk_buff *skb, struct socket_flow *f, const struct segment *seg,
			    int from_out, int out)
{
	struct bpf_sock *sk = skb->sk;
	struct bpf_tcp_sock *tcp = sk ? bpf_tcp_sock(sk) : 0;
	struct socket_mark *mark = sk ? bpf_sk_storage_get(&socket_marks, sk, 0, 0) : 0;
	struct stream *st = &f->streams[out & 1];
	__u32 next = seg->seq;

	if (tcp && !seg->opening)
		next = tap_tcp(tcp, out, 0);
	if (!f->flow.common.id) { /* else the other direction's first segment was here */
		f->flow.common.tap = RECORD_TAP_SOCKET;
		f->flow.common.target = (__u8)tap_target(skb);
		f->flow.sides[FLOW_OUT].out = 1;
		tap_remote(skb, seg, from_out, &f->remote);
		tap_count(f, TAP_COUNTED);
		f->flow.common.id = bpf_get_socket_cookie(skb);
	}
	tap_lock(f);
	if (tcp && !f->streams[FLOW_IN].known && !f->streams[FLOW_OUT].known) {
		f->sent = tap_tcp(tcp, FLOW_OUT, 0);
		tap_walk_from(f, tcp, mark, seg, from_out);
	}
	if (!st->known) {
		if (out || !f->adopted) /* see tap_adopt */
			st->next = next;
		st->known = 1;
	}
	tap_unlock(f);
	return 0;
}

/* The segment says that its direction ends. TCP believes an RST only where it expects the next byte
 * (RFC 5961), or at the end of what came out of order. */
bytes_function int tap_note_end(struct __sk_buff *skb, struct socket_flow *f,
				const struct segment *seg, int out)
{
	struct bpf_sock *sk = skb->sk;
	struct bpf_tcp_sock *tcp = sk ? bpf_tcp_sock(sk) : 0;
	struct stream *st = &f->streams[out & 1];
	__u32 expected = bytes_forget(seg->seq);

	if (tcp)
		expected = bytes_forget(tcp->rcv_nxt);
	tap_lock(f);
	if (out || seg->ending != STREAM_RST || seg->seq == expected || seg->seq == st->next ||
	    (f->stash.waiting & 1 << FLOW_IN)) {
		if (stream_note_end(st, seg->seq + seg->len, seg->ending))
			f->stash.waiting |= 1 << (out & 1);
	}
	tap_unlock(f);
	return 0;
}

/* What TCP accepts of acknowledgements of more than that is behind the largest window there is. */
#define TAP_WINDOW_MAX (1u << 30)

/*
 * Will TCP take the data or the FIN of this segment, which came in, as far as its flags and the
 * number that it acknowledges say (RFC 9293, 3.10.7.4; RFC 5961, 5)? F: NULL, or what is followed,
 * which knows of bytes that TCP notes as sent only after they have left.
 *
 * Checked before this hook: TCP-MD5 and TCP-AO. Checked after it, by what a program here cannot
 * see: old timestamps (PAWS), data outside the window that was announced, and numbers that are
 * older than the largest window of the other end, though not older than all that was sent. For
 * these see dropped.h.
 */
bytes_function int tap_takes(struct bpf_sock *sk, const struct socket_flow *f,
			     const struct segment *seg)
{
	struct bpf_tcp_sock *tcp = bpf_tcp_sock(sk);
	__u32 done, sent, old = TAP_WINDOW_MAX;

	if (!tcp || sk->state == BPF_TCP_LISTEN || sk->state == BPF_TCP_SYN_SENT)
		return 1;
	if (!seg->acking || seg->opening)
		return 0;
	done = bytes_forget(tcp->snd_una);
	sent = bytes_forget(tcp->snd_nxt);
	if (f && (__s32)(f->sent - sent) > 0)
		sent = f->sent;
	if (tcp->bytes_acked < old)
		old = (__u32)tcp->bytes_acked;
	return seg->ack - (done - old) <= sent - (done - old);
}

/* Is the segment one that TCP will take? */
static __always_inline int tap_sound(struct __sk_buff *skb, struct bpf_sock *sk,
				     struct socket_flow *f, const struct segment *seg)
{
	/* Nearly every segment acknowledges all that was sent: that spares the call. */
	__u64 other = (seg->ack ^ f->sent) | seg->opening | (seg->acking ^ 1);

	if (other && (seg->len || seg->ending == STREAM_FIN) && !tap_takes(sk, f, seg))
		return 0;
	if (f->trusting || segment_sound(skb, seg))
		return 1;
	f->doubted = seg->seq;
	return 0;
}

#endif
