/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * witness.h - what the kernel itself knows of the targets' sockets, held against what the socket
 * tap has seen of them.
 *
 * The tap counts the bytes that pass it on a connection that it follows, TCP counts those that it
 * has delivered, and here is where the two are compared: by a look at all sockets that the targets'
 * processes have open, which user/tap/witness.c asks for, and when a connection ends. Of a
 * connection that is not followed the tap notes, for next to nothing, that it has looked at the
 * first bytes of each direction: that is when it decides. A look also finds the sockets whose bytes
 * never reach the tap: those that were made in a cgroup of no target, and Unix sockets on which
 * something comes in.
 *
 * The two counts agree to the byte but for a SYN and a FIN, which TCP counts too. What TCP sends or
 * gets twice is counted twice by the tap, so that as many bytes may be missed there unnoticed.
 */
#ifndef TELLTALE_WITNESS_H
#define TELLTALE_WITNESS_H

#include <bpf/bpf_core_read.h>
#include <linux/in.h>

#include "bpf/emit.h"
#include "tap_begin.h"

/* --- the kernel's own structures, as far as they are read here ------------------------------- */

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct kernfs_node {
	__u64 id;
};

struct cgroup_subsys_state {
	struct cgroup *cgroup;
	struct cgroup_subsys_state *parent;
};

struct bpf_map {
	enum bpf_map_type map_type;
};

struct bpf_prog_aux {
	__u32 used_map_cnt;
	struct bpf_map **used_maps;
};

struct bpf_prog {
	struct bpf_prog_aux *aux;
};

struct bpf_prog_array_item {
	struct bpf_prog *prog;
};

struct bpf_prog_array {
	struct bpf_prog_array_item items[1];
};

struct cgroup_bpf {
	struct bpf_prog_array *effective[1];
};

enum cgroup_bpf_attach_type { CGROUP_SOCK_OPS };

struct cgroup {
	struct cgroup_subsys_state self;
	struct kernfs_node *kn;
	struct cgroup_bpf bpf;
};

struct css_set {
	struct cgroup *dfl_cgrp;
};

struct task_struct {
	int tgid;
	struct css_set *cgroups;
};

struct sock_cgroup_data {
	struct cgroup *cgroup;
};

struct sock_common {
	unsigned short skc_family;
	volatile unsigned char skc_state;
	__u16 skc_dport; /* network order */
	__u16 skc_num;   /* the local port, in host order */
};

struct sock {
	struct sock_common __sk_common;
	__u16 sk_type;
	__u16 sk_protocol;
	unsigned char sk_shutdown;
	void *sk_user_data;
	struct sock_cgroup_data sk_cgrp_data;
};

struct tcp_options_received {
	__u32 ts_recent;
};

struct tcp_sock {
	struct tcp_options_received rx_opt;
	__u64 bytes_received;
	__u64 bytes_acked;
	__u32 rcv_nxt;
};

struct socket {
	struct sock *sk;
};

/* Times of last access and change: the names have changed in 6.7 and 6.11. */
struct inode {
	unsigned int i_flags;
	__s64 i_atime_sec, i_mtime_sec;
	__u32 i_atime_nsec, i_mtime_nsec;
};

struct timespec64 {
	__s64 tv_sec;
	long tv_nsec;
};

struct inode___named {
	struct timespec64 __i_atime, __i_mtime;
};

struct inode___plain {
	struct timespec64 i_atime, i_mtime;
};

struct super_block {
	unsigned long s_flags;
};

struct dentry {
	struct inode *d_inode;
	struct super_block *d_sb;
};

struct vfsmount {
	int mnt_flags;
};

struct path {
	struct vfsmount *mnt;
	struct dentry *dentry;
};

struct unix_sock {
	void *addr;
	struct path path;
};

struct seq_file;

struct bpf_iter_meta {
	struct seq_file *seq;
};

struct bpf_iter__task_file {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
	__u32 fd;
	void *file;
};

#pragma clang attribute pop

/* --- targets --------------------------------------------------------------------------------- */

/* The target of a cgroup, or -1: that of the outermost of those around it, as tap_target finds. */
bytes_function int witness_target(struct cgroup *cgroup)
{
	struct cgroup_subsys_state *above;
	int level, found = -1;
	__u8 *target;
	__u64 id;

	BYTES_LOOP
	for (level = 0; level < SHARED_LEVELS_MAX && cgroup; level++) {
		id = cgroup->kn->id;
		target = bpf_map_lookup_elem(&targets, &id);
		if (target)
			found = *target;
		above = cgroup->self.parent;
		if (!above)
			break;
		cgroup = above->cgroup;
	}
	return found;
}

/* A socket that is first seen so soon after the programs were attached may have carried bytes
 * before, unless it was seen to begin. */
#define WITNESS_SETTLED_NS 2000000000ULL

static __always_inline int witness_is_settling(__u32 target)
{
	__u64 attached = attached_ns[bytes_mask(target, SHARED_TARGETS_MAX - 1)];

	return looked_ns < attached + WITNESS_SETTLED_NS;
}

/* --- bytes ----------------------------------------------------------------------------------- */

/* A SYN and a FIN. */
#define WITNESS_SLACK 2

struct witness_bytes {
	__u64 in, out; /* TCP has them, the tap has not */
};

/*
 * What is missing on a connection of a target: of one that is followed each byte counts; of any
 * other, whether the first bytes of each direction were looked at. TCP's counts are read first: the
 * tap is ahead of them. F and MARK may be NULL.
 */
static __always_inline void witness_compare(struct tcp_sock *tcp, struct socket_flow *f,
					    struct socket_mark *mark, struct witness_bytes *missing)
{
	__s64 in = (__s64)tcp->bytes_received, out = (__s64)tcp->bytes_acked;

	if (f) {
		in -= (__s64)bytes_forget(f->walked[FLOW_IN]);
		out -= (__s64)bytes_forget(f->walked[FLOW_OUT]);
	} else if (mark) {
		__u8 begun = bytes_forget(mark->begun);

		in = begun & 1 << FLOW_IN ? 0 : in - (__s64)mark->excused[FLOW_IN];
		out = begun & 1 << FLOW_OUT ? 0 : out - (__s64)mark->excused[FLOW_OUT];
	}
	missing->in = in > WITNESS_SLACK ? in : 0;
	missing->out = out > WITNESS_SLACK ? out : 0;
}

/* The same bytes are not missing again. */
static __always_inline void witness_excuse(struct socket_flow *f, struct socket_mark *mark,
					   const struct witness_bytes *missing)
{
	if (f) {
		__sync_fetch_and_add(&f->walked[FLOW_IN], missing->in);
		__sync_fetch_and_add(&f->walked[FLOW_OUT], missing->out);
	}
	mark->excused[FLOW_IN] += missing->in;
	mark->excused[FLOW_OUT] += missing->out;
	mark->suspect = 0;
}

/* Has the tap look at the next segment of a connection that may be older than the programs, as if
 * an early segment had come before it (tap_early.h): that shows that it sees it, at no cost for
 * others. ACTIVE: bytes have just passed. Then it takes the place of another connection whose ports
 * fall together with these, for which the tap may wait as long as that is idle. */
static __always_inline void witness_challenge(struct sock *sk, struct tcp_sock *tcp,
					      const struct socket_mark *mark, int active)
{
	__u32 slot = sk->__sk_common.skc_num ^ bpf_ntohs(sk->__sk_common.skc_dport);
	__u32 *next = &ports[bytes_mask(slot, PORTS_SLOTS - 1)][PORTS_EARLY];

	if (mark->begun != TAP_BEGUN && (active || !*next))
		*next = tcp->rcv_nxt;
}

/* --- ways past TCP --------------------------------------------------------------------------- */

#define WITNESS_PSOCK 4 /* the kernel's SK_USER_DATA_PSOCK */

/* Is the socket in a sockmap? Then a program decides where its bytes go. */
static __always_inline int witness_in_sockmap(struct sock *sk)
{
	return ((unsigned long)sk->sk_user_data & WITNESS_PSOCK) != 0;
}

#define WITNESS_MAPS_MAX 16 /* of one program that are looked at */

static __always_inline int witness_uses_sockmap(struct bpf_prog *program)
{
	__u32 i, n = BPF_CORE_READ(program, aux, used_map_cnt);
	struct bpf_map **maps = BPF_CORE_READ(program, aux, used_maps), *map;
	enum bpf_map_type type;

	BYTES_LOOP
	for (i = 0; i < WITNESS_MAPS_MAX && i < n; i++) {
		if (bpf_probe_read_kernel(&map, sizeof(map), maps + i))
			return 0;
		type = BPF_CORE_READ(map, map_type);
		if (type == BPF_MAP_TYPE_SOCKMAP || type == BPF_MAP_TYPE_SOCKHASH)
			return 1;
	}
	return 0;
}

/* Does the first program that is called for connections of the cgroup fill a sockmap? */
bytes_function int witness_shortcuts(struct cgroup *cgroup)
{
	int type = (int)bpf_core_enum_value(enum cgroup_bpf_attach_type, CGROUP_SOCK_OPS);
	struct bpf_prog_array *programs;
	struct bpf_prog *program;

	if (bpf_probe_read_kernel(&programs, sizeof(programs), &cgroup->bpf.effective[type]) ||
	    !programs)
		return 0;
	program = BPF_CORE_READ(programs, items[0].prog);
	return program && witness_uses_sockmap(program);
}

/* --- a connection that ends ------------------------------------------------------------------ */

#define WITNESS_ESTABLISHED 1
#define WITNESS_CLOSE_WAIT  8
#define WITNESS_LISTEN      10

static __always_inline void witness_report(struct sock *sk, __u32 target, __u8 kind,
					   const struct witness_bytes *missing)
{
	struct record_unseen *r = emit_reserve(RECORD_UNSEEN, sizeof(*r));
	struct flow_common c = {.tap = RECORD_TAP_SOCKET, .target = (__u8)target};

	if (!r)
		return;
	c.id = bpf_get_socket_cookie(sk);
	emit_head(&r->head, &c, RECORD_UNSEEN, sizeof(*r));
	emit_flow(&r->flow, &c);
	r->at_ns = bpf_ktime_get_ns();
	r->bytes = missing->in + missing->out;
	r->kind = kind;
	__builtin_memset(r->pad, 0, sizeof(r->pad));
	emit_submit(r, r->at_ns);
}

/* Bytes that nobody needs to have seen: those of a connection that was old when the programs were
 * attached. */
static __always_inline int witness_is_excused(const struct socket_mark *mark, __u32 target)
{
	return !(mark && mark->met) && witness_is_settling(target);
}

/* The connection is there now: while the programs have not been attached for long, it is noted that
 * all of its bytes have to pass the tap. A socket may have had another connection before. */
static __always_inline int witness_born(struct sock *sk)
{
	struct socket_mark *mark = bpf_sk_storage_get(&socket_marks, sk, 0, 0);
	struct tcp_sock *tcp;
	int target;

	if (mark)
		mark->quiet = mark->database = mark->ended = 0;
	if (looked_ns >= attached_last_ns + WITNESS_SETTLED_NS)
		return 0;
	target = witness_target(sk->sk_cgrp_data.cgroup);
	tcp = bpf_skc_to_tcp_sock(sk);
	if (target < 0 || !tcp || tcp->bytes_received > WITNESS_SLACK ||
	    tcp->bytes_acked > WITNESS_SLACK ||
	    bpf_ktime_get_ns() < attached_ns[bytes_mask((__u32)target, SHARED_TARGETS_MAX - 1)])
		return 0;
	mark = tap_storage(&socket_marks, sk);
	if (mark)
		mark->met = 1;
	return 0;
}

/*
 * Of any connection of the host. While its process still has it, or has just closed it: the other
 * end's FIN may come much later, of a connection that ended before the programs were attached too.
 * One on which TCP saw no byte at all is unusual; with a sockmap it is what others look like.
 */
static __always_inline int witness_state(struct sock *sk, int old, int new)
{
	struct witness_bytes missing;
	struct socket_mark *mark;
	struct socket_flow *f;
	struct tcp_sock *tcp;
	int target, idle;

	if (new == WITNESS_ESTABLISHED)
		return witness_born(sk);
	if (old != WITNESS_ESTABLISHED && old != WITNESS_CLOSE_WAIT)
		return 0;
	tcp = bpf_skc_to_tcp_sock(sk);
	if (!tcp)
		return 0;
	mark = bpf_sk_storage_get(&socket_marks, sk, 0, 0);
	f = bpf_sk_storage_get(&socket_flows, sk, 0, 0);
	witness_compare(tcp, f, mark, &missing);
	idle = tcp->bytes_received <= WITNESS_SLACK && tcp->bytes_acked <= WITNESS_SLACK &&
	       new != WITNESS_CLOSE_WAIT;
	if (!idle && !missing.in && !missing.out && !witness_in_sockmap(sk))
		return 0;
	target = witness_target(sk->sk_cgrp_data.cgroup);
	if (target < 0)
		return 0;
	if (witness_in_sockmap(sk) || (idle && witness_shortcuts(sk->sk_cgrp_data.cgroup))) {
		if (!mark || !mark->counted)
			witness_report(sk, (__u32)target, RECORD_UNSEEN_SHORTCUT, &missing);
		if (mark)
			mark->counted = 1;
	}
	if ((!missing.in && !missing.out) || witness_is_excused(mark, (__u32)target))
		return 0;
	mark = tap_storage(&socket_marks, sk);
	if (mark)
		witness_excuse(f, mark, &missing);
	witness_report(sk, (__u32)target, RECORD_UNSEEN_BYTES, &missing);
	return 0;
}

/* --- a look at what is open ------------------------------------------------------------------ */

static __always_inline int witness_say(struct bpf_iter__task_file *ctx, struct shared_sight *sight,
				       struct sock *sk, __u8 kind)
{
	sight->kind = kind;
	if (!sight->key)
		sight->key = bpf_get_socket_cookie(sk);
	return bpf_seq_write(ctx->meta->seq, sight, sizeof(*sight));
}

/* 1 the first time that a socket is said to carry what is not read. */
static __always_inline __u8 witness_first(struct sock *sk)
{
	struct socket_mark *mark = tap_storage(&socket_marks, sk);

	if (!mark || mark->counted)
		return 0;
	mark->counted = 1;
	return 1;
}

/* A connection whose bytes are to pass the tap. Those of an early segment are the tap's only with
 * the next one, so bytes have to be missing twice. */
static __always_inline int witness_look_inside(struct bpf_iter__task_file *ctx, struct sock *sk,
					       struct tcp_sock *tcp, struct shared_sight *sight)
{
	struct socket_mark *mark = bpf_sk_storage_get(&socket_marks, sk, 0, 0);
	struct socket_flow *f = bpf_sk_storage_get(&socket_flows, sk, 0, 0);
	struct witness_bytes missing;
	int excused;

	if (witness_in_sockmap(sk)) {
		sight->first = witness_first(sk);
		return witness_say(ctx, sight, sk, SHARED_SHORTCUT);
	}
	witness_compare(tcp, f, mark, &missing);
	if (!missing.in && !missing.out) {
		if (mark) {
			mark->met = 1;
			mark->suspect = 0;
			if (mark->excused[FLOW_IN] | mark->excused[FLOW_OUT])
				witness_challenge(sk, tcp, mark, 0);
		}
		return 0;
	}
	mark = tap_storage(&socket_marks, sk);
	if (!mark)
		return 0;
	excused = witness_is_excused(mark, sight->target);
	mark->met = 1;
	if (!excused && !mark->suspect) {
		mark->suspect = 1;
		witness_challenge(sk, tcp, mark, 1);
		return witness_say(ctx, sight, sk, SHARED_SUSPECT);
	}
	witness_excuse(f, mark, &missing);
	witness_challenge(sk, tcp, mark, !excused);
	if (excused)
		return 0;
	sight->bytes = missing.in + missing.out;
	sight->first = 1;
	return witness_say(ctx, sight, sk, SHARED_UNSEEN);
}

#define WITNESS_POSTGRESQL 5432
#define WITNESS_REDIS      6379

static __always_inline int witness_is_database(struct sock *sk)
{
	__u16 port = bpf_ntohs(sk->__sk_common.skc_dport);

	return port == WITNESS_POSTGRESQL || port == WITNESS_REDIS;
}

/* A connection that was made in a cgroup of no target. Idle ones matter to nobody. */
static __always_inline int witness_look_outside(struct bpf_iter__task_file *ctx, struct sock *sk,
						struct tcp_sock *tcp, struct shared_sight *sight)
{
	struct socket_mark *mark = tap_storage(&socket_marks, sk);
	__u64 bytes, before;
	__u8 met;

	if (!mark)
		return 0;
	bytes = tcp->bytes_received + tcp->bytes_acked;
	before = mark->excused[FLOW_IN];
	mark->excused[FLOW_IN] = bytes;
	met = mark->met;
	mark->met = 1;
	if (!met || bytes <= before + WITNESS_SLACK || witness_is_database(sk))
		return 0;
	sight->first = !mark->counted;
	mark->counted = 1;
	return witness_say(ctx, sight, sk, SHARED_CONNECTION);
}

static __always_inline int witness_look_inet(struct bpf_iter__task_file *ctx, struct sock *sk,
					     struct shared_sight *sight)
{
	int inside = witness_target(sk->sk_cgrp_data.cgroup) >= 0;
	struct tcp_sock *tcp;

	if (sk->__sk_common.skc_state == WITNESS_LISTEN) {
		if (inside)
			return 0;
		sight->first = witness_first(sk);
		return witness_say(ctx, sight, sk, SHARED_LISTENER);
	}
	tcp = bpf_skc_to_tcp_sock(sk);
	if (!tcp)
		return 0;
	return inside ? witness_look_inside(ctx, sk, tcp, sight)
		      : witness_look_outside(ctx, sk, tcp, sight);
}

/* --- Unix sockets ---------------------------------------------------------------------------- */

/* The kernel's MNT_NOATIME, MNT_READONLY; SB_RDONLY, SB_NOATIME; S_NOATIME */
#define WITNESS_MNT_STILL   (0x08 | 0x40)
#define WITNESS_SB_STILL    (1 | 1024)
#define WITNESS_INODE_STILL 2

static __always_inline int witness_is_later(__s64 sec, __s64 nsec, __s64 than_sec, __s64 than_nsec)
{
	return sec > than_sec || (sec == than_sec && nsec > than_nsec);
}

/* Was the file used since it was made? */
static __always_inline int witness_was_used(struct inode *inode)
{
	struct inode___named *named = (void *)inode;
	struct inode___plain *plain = (void *)inode;
	struct timespec64 used, made;

	if (bpf_core_field_exists(inode->i_atime_sec))
		return witness_is_later(
			BPF_CORE_READ(inode, i_atime_sec), BPF_CORE_READ(inode, i_atime_nsec),
			BPF_CORE_READ(inode, i_mtime_sec), BPF_CORE_READ(inode, i_mtime_nsec));
	if (bpf_core_field_exists(named->__i_atime)) {
		used = BPF_CORE_READ(named, __i_atime);
		made = BPF_CORE_READ(named, __i_mtime);
	} else {
		used = BPF_CORE_READ(plain, i_atime);
		made = BPF_CORE_READ(plain, i_mtime);
	}
	return witness_is_later(used.tv_sec, used.tv_nsec, made.tv_sec, made.tv_nsec);
}

/* Who connects to a path changes the time that its file was used last: once, and then once a day.
 * Where file systems keep no such times, it may have been used. */
bytes_function int witness_unix_used(struct unix_sock *u)
{
	struct dentry *dentry = BPF_CORE_READ(u, path.dentry);
	struct inode *inode;

	if (!dentry)
		return 0; /* a name in no file system */
	inode = BPF_CORE_READ(dentry, d_inode);
	if (!inode)
		return 0;
	if ((BPF_CORE_READ(u, path.mnt, mnt_flags) & WITNESS_MNT_STILL) ||
	    (BPF_CORE_READ(dentry, d_sb, s_flags) & WITNESS_SB_STILL) ||
	    (BPF_CORE_READ(inode, i_flags) & WITNESS_INODE_STILL))
		return 1;
	return witness_was_used(inode);
}

/* What is accepted shares the address of its listener; it is made by who connects, in the cgroup of
 * that. A socket without an address is one end of a pair, or has connected to another. */
static __always_inline int witness_look_unix(struct bpf_iter__task_file *ctx, struct sock *sk,
					     struct shared_sight *sight)
{
	struct unix_sock *u = (void *)sk;

	sight->key = (__u64)(long)BPF_CORE_READ(u, addr);
	if (!sight->key)
		return 0;
	if (sk->__sk_common.skc_state == WITNESS_LISTEN)
		return witness_say(ctx, sight, sk,
				   witness_unix_used(u) ? SHARED_UNIX_USED : SHARED_UNIX);
	if (sk->__sk_common.skc_state != WITNESS_ESTABLISHED)
		return 0;
	if (witness_target(sk->sk_cgrp_data.cgroup) == sight->target)
		return witness_say(ctx, sight, sk, SHARED_UNIX_INSIDE);
	sight->first = witness_first(sk);
	return witness_say(ctx, sight, sk, SHARED_UNIX_OUTSIDE);
}

#define WITNESS_AF_UNIX   1
#define WITNESS_AF_INET   2
#define WITNESS_AF_INET6  10
#define WITNESS_STREAM    1
#define WITNESS_SEQPACKET 5

/* One open file of a process. */
static __always_inline int witness_look(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = ctx->task;
	void *file = ctx->file; /* a null pointer is found out in this variable alone */
	struct shared_sight sight = {};
	struct socket *socket;
	struct sock *sk;
	int target;

	if (!task || !file)
		return 0;
	socket = bpf_sock_from_file(file);
	sk = socket ? socket->sk : 0;
	if (!sk || (sk->sk_type != WITNESS_STREAM && sk->sk_type != WITNESS_SEQPACKET))
		return 0;
	target = witness_target(task->cgroups->dfl_cgrp);
	if (target < 0)
		return 0;
	sight.target = (__u8)target;
	sight.pid = (__u32)task->tgid;
	switch (sk->__sk_common.skc_family) {
	case WITNESS_AF_UNIX: witness_look_unix(ctx, sk, &sight); break;
	case WITNESS_AF_INET:
	case WITNESS_AF_INET6: witness_look_inet(ctx, sk, &sight); break;
	default: break;
	}
	return 0;
}

#endif
