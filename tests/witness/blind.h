/* SPDX-License-Identifier: Apache-2.0 */
/*
 * blind.h - makes the socket tap blind to some traffic, as a fault of its own would: for the test
 * of the witness alone, in a program of its own.
 *
 * Which fault a connection meets depends on its server's port, so that one program has all: the
 * port's remainder by TAP_BLIND_FAULTS, if the port is below those that the kernel gives to
 * clients.
 */
enum tap_blind_fault {
	TAP_BLIND_PORT = 1, /* it looks at other ports only */
	TAP_BLIND_FAMILY,   /* it takes IPv4 for no TCP */
	TAP_BLIND_FIRST,    /* it skips segments until TCP has some bytes */
	TAP_BLIND_LATER,    /* it sees no more once TCP has 2,000 bytes */
	TAP_BLIND_OUT,      /* it does not see what goes out */
	TAP_BLIND_FAULTS = 8,
};

#define TAP_BLIND_PORTS 32768
#define TAP_BLIND_AFTER 2000

static __always_inline int tap_blind(struct __sk_buff *skb, const struct segment *seg, int out)
{
	__u16 port = seg->sport < seg->dport ? seg->sport : seg->dport;
	struct bpf_sock *sk = skb->sk;
	struct bpf_tcp_sock *tcp = sk ? bpf_tcp_sock(sk) : 0;

	if (port >= TAP_BLIND_PORTS || !tcp)
		return 0;
	switch (port % TAP_BLIND_FAULTS) {
	case TAP_BLIND_PORT: return 1;
	case TAP_BLIND_FAMILY: return seg->family == 4;
	case TAP_BLIND_FIRST: return tcp->bytes_received + tcp->bytes_acked <= 1;
	case TAP_BLIND_LATER: return tcp->bytes_received > TAP_BLIND_AFTER;
	case TAP_BLIND_OUT: return out;
	default: return 0;
	}
}
