/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shortcut.bpf.c - takes the bytes between two sockets of this host past TCP, as some meshes do:
 * each connection of a cgroup stands in a sockhash, and what is sent on it goes to the other end's
 * socket.
 */
#include <linux/bpf.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

struct key {
	__u32 here, there, port_here, port_there;
};

struct {
	__uint(type, BPF_MAP_TYPE_SOCKHASH);
	__uint(max_entries, 1024);
	__type(key, struct key);
	__type(value, int);
} shortcuts SEC(".maps");

SEC("sockops") int connection(struct bpf_sock_ops *ops)
{
	struct key key = {ops->local_ip4, ops->remote_ip4, ops->local_port,
			  bpf_ntohl(ops->remote_port)};

	if (ops->family == 2 && (ops->op == BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB ||
				 ops->op == BPF_SOCK_OPS_ACTIVE_ESTABLISHED_CB))
		bpf_sock_hash_update(ops, &shortcuts, &key, BPF_NOEXIST);
	return 0;
}

SEC("sk_msg") int message(struct sk_msg_md *msg)
{
	struct key key = {msg->remote_ip4, msg->local_ip4, bpf_ntohl(msg->remote_port),
			  msg->local_port};

	bpf_msg_redirect_hash(msg, &shortcuts, &key, BPF_F_INGRESS);
	return SK_PASS;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
