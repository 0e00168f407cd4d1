/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "record.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

SEC("cgroup_skb/ingress") int socket_ingress(struct __sk_buff *skb)
{
	return 1;
}
