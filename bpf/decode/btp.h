/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * btp.h - recognises ILP in a WebSocket: a packet in a message of the Bilateral Transfer Protocol
 * (RFC 23). It is not decoded.
 *
 * A message is one binary frame (RFC 6455), and begins where a segment or a write does: so the
 * libraries that are in use write it. What a client sends is masked, with a key that comes along.
 */
#ifndef TELLTALE_BTP_H
#define TELLTALE_BTP_H

#include "bytes.h"
#include "bpf/record.h"

#define BTP_WORDS 3 /* of a message: as far as the type of its packet lies */

/* May a segment whose first bytes are WORD be such a frame? */
static __always_inline int btp_may_begin(__u64 word)
{
	return (__u8)word == 0x82;
}

/* A frame's first 8 bytes -> where its message begins, or 0: it is longer than a packet of ILP. */
static __always_inline __u32 btp_offset(__u64 word)
{
	__u32 len = (word >> 8) & 0x7f;
	__u32 masked = (word >> 15) & 1;

	return len == 127 ? 0 : (len == 126 ? 4 : 2) + 4 * masked;
}

/* ... -> what each word of the message is masked with. */
static __always_inline __u64 btp_mask(__u64 word)
{
	__u32 at = ((word >> 8) & 0x7f) == 126 ? 32 : 16;
	__u64 key = (word >> at) & 0xffffffff;

	return (word >> 15) & 1 ? key << 32 | key : 0;
}

/* How many bytes the length takes that begins with FIRST (OER): 1 to 3, or more than ILP needs. */
static __always_inline __u32 btp_length(__u8 first)
{
	return first < 0x80 ? 1 : 1 + (first & 0x7f);
}

#define BTP_RESPONSE 1
#define BTP_MESSAGE  6
#define BTP_NAME     0x706c6903 /* 3, "ilp" */

/*
 * The first BTP_WORDS words of a message, unmasked -> the type of the ILP packet in it (enum
 * record_kind), which is the first thing that it carries; 0: there is none. A message is: its type;
 * 4 bytes of a number; lengths of all, and how many things it carries; a name, how it is encoded,
 * and its length.
 */
static __always_inline __u8 btp_packet(const __u64 *words)
{
	__u8 type = (__u8)words[0], packet;
	__u32 all = btp_length((__u8)(words[0] >> 40)), own, at;
	__u64 name;

	if ((type != BTP_RESPONSE && type != BTP_MESSAGE) || all > 3)
		return 0;
	name = words[1] >> 8 * (all - 1);
	if ((__u32)name != BTP_NAME)
		return 0;
	own = btp_length((__u8)(name >> 40));
	if (own > 3)
		return 0;
	at = all - 1 + 5 + own;
	packet = (__u8)(at < 8 ? words[1] >> 8 * at : words[2] >> 8 * (at - 8));
	return packet >= RECORD_KIND_PREPARE && packet <= RECORD_KIND_REJECT ? packet : 0;
}

#endif
