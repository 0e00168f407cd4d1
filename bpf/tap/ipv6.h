/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * ipv6.h - the extension headers of an IPv6 packet -> where its TCP header begins (RFC 8200, 4).
 *
 * Options for the destination or for every hop come before TCP, routing headers, the header of a
 * packet that is the only fragment of itself, and what Linux puts before more than 64 KiB that
 * leave as one (a jumbo option). Fragments have been put together before this hook, or are made
 * after it.
 */
#ifndef TELLTALE_IPV6_H
#define TELLTALE_IPV6_H

#include <linux/bpf.h>
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/ipv6.h>

#include <bpf/bpf_helpers.h>

#include "bpf/decode/bytes.h"

#define IPV6_HEADERS 8    /* looked through; nobody sends more than four */
#define IPV6_REACH   4095 /* bytes they may take */

static __always_inline int ipv6_is_extension(__u8 protocol)
{
	return protocol == IPPROTO_HOPOPTS || protocol == IPPROTO_ROUTING ||
	       protocol == IPPROTO_FRAGMENT || protocol == IPPROTO_DSTOPTS;
}

/* Bytes before the TCP header of a packet whose first header announces PROTOCOL; 0: there is none,
 * or it lies further away than is looked. */
bytes_function __u32 ipv6_find_tcp(struct __sk_buff *skb, __u8 protocol)
{
	__u32 at = sizeof(struct ipv6hdr), i;
	__u8 begin[2];

	BYTES_LOOP
	for (i = 0; i < IPV6_HEADERS && ipv6_is_extension(protocol); i++) {
		if (bpf_skb_load_bytes(skb, at, begin, sizeof(begin)))
			return 0;
		at += protocol == IPPROTO_FRAGMENT ? 8 : (begin[1] + 1) * 8;
		protocol = begin[0];
		/* What is known of a place is the same after each turn. */
		bytes_pin(at);
		if (at > IPV6_REACH)
			return 0;
		at = bytes_mask(at, IPV6_REACH);
	}
	return protocol == IPPROTO_TCP ? at : 0;
}

#endif
