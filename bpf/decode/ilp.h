/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * ilp.h - the first bytes of an HTTP body -> what an ILPv4 packet says (RFC 27, OER by RFC 30).
 *
 * Takes what connectors take, not what the specification allows: like ilp-packet it accepts bytes
 * after the packet and inside it, dates that no calendar has, and data longer than 32,768 bytes;
 * like interledger-rs lengths that are not minimal. It refuses what both refuse: an unknown type, a
 * length that runs past its container, an expiry that is not seventeen digits. Addresses are
 * hashed, not read: their grammar is not checked. tests/ilp-packet holds it and ilp-packet side by
 * side and lists each difference.
 *
 * Only the packet's head is needed, up to the length of its data field, so a 30 kB packet is known
 * from its first segment. What the head promises is held against the body's true length by the
 * caller (ilp->size).
 */
#ifndef TELLTALE_ILP_H
#define TELLTALE_ILP_H

#include <linux/types.h>

#include "bytes.h"
#include "bpf/record.h"

/* Enough for a Prepare with the longest address, 1,023 bytes, and every length in its widest form.
 */
#define ILP_HEAD_MAX 1152
/* Bytes that may be read past ILP_HEAD_MAX: the buffer must have them. */
#define ILP_SLACK 8

#define ILP_ADDRESS_MAX 1023

enum ilp_verdict {
	ILP_DONE = 0,
	ILP_MORE, /* the head is not complete in what was given */
	ILP_BAD,  /* no ILPv4 packet */
};

struct ilp {
	__u64 size; /* bytes of the whole packet, as its head promises */
	union {
		struct { /* Prepare */
			__u64 amount;
			__u64 expires_at;  /* seventeen digits as a decimal number */
			__u64 destination; /* keyed hashes */
			__u64 condition;
		};
		__u64 fulfillment[RECORD_FULFILLMENT_LEN / 8]; /* Fulfill: as it stands there */
	};
	__u32 data_len;
	__u16 address_at; /* where the destination lies in the buffer, and its length */
	__u16 address_len;
	__u8 kind; /* enum record_kind */
	__u16 contents_at;
	__u8 peer; /* destination begins "peer." */
	__u8 verdict;
	__u8 reject_code[3];
	__u8 pad[4];
};

/* The longest destination that is remembered: those of payments are shorter. */
#define ILP_KNOWN_MAX   128
#define ILP_KNOWN_BLOCK 32 /* bytes compared in one turn: what is shorter is not remembered */

/* The destination of a direction's last Prepare, and its hash. The packets of a payment go to the
 * same one, and comparing bytes is much cheaper than hashing them. */
struct ilp_known {
	__u64 hash;
	__u32 len; /* of the text; 0: none */
	__u32 pad;
	__u64 text[ILP_KNOWN_MAX / 8]; /* as it stood in the packet */
};

static __always_inline __u64 ilp_be64(__u64 word)
{
	return __builtin_bswap64(word);
}

/*
 * Reads an OER length at *POS and moves past it. One byte below 128; else 0x80|n and n big-endian
 * bytes, n up to 8, zeros in front included: interledger-rs takes them. ILP_MORE when HAVE ends
 * inside it.
 */
static __always_inline int ilp_length(const __u8 *buf, __u32 have, __u32 *pos, __u64 *len)
{
	__u32 at = *pos, n;

	bytes_pin(at);
	if (at >= have)
		return ILP_MORE;
	if (at > ILP_HEAD_MAX - 16)
		return ILP_BAD;
	n = buf[at];
	if (n < 0x80) {
		*len = n;
		*pos = at + 1;
		return ILP_DONE;
	}
	n &= 0x7f;
	if (n == 0 || n > 8)
		return ILP_BAD;
	if (at + 1 + n > have)
		return ILP_MORE;
	*len = ilp_be64(bytes_load(buf + at + 1)) >> (64 - 8 * n);
	*pos = at + 1 + n;
	return ILP_DONE;
}

/* Eight ASCII digits in memory order -> their number; *OK is cleared when one is no digit. */
static __always_inline __u64 ilp_digits(__u64 word, __u8 *ok)
{
	__u64 d = word ^ (BYTES_ONES * '0');

	if ((d | (d + BYTES_ONES * (0x7f - 9))) & BYTES_TOPS)
		*ok = 0;
	d = (d * 10) + (d >> 8); /* pairs, in every second byte */
	return (((d & 0x000000ff000000ffULL) * (100 + (1000000ULL << 32))) +
		(((d >> 16) & 0x000000ff000000ffULL) * (1 + (10000ULL << 32)))) >>
	       32;
}

/* SipHash of the 32-byte condition at BUF[at]. */
static __always_inline __u64 ilp_condition(const __u8 *buf, __u32 at,
					   const volatile struct siphash_key *key)
{
	struct siphash s;

	siphash_begin(&s, key);
	siphash_word(&s, bytes_load(buf + at));
	siphash_word(&s, bytes_load(buf + at + 8));
	siphash_word(&s, bytes_load(buf + at + 16));
	siphash_word(&s, bytes_load(buf + at + 24));
	return siphash_end(&s, 0, 32);
}

/* The length of the data, which come last, at POS. */
static __always_inline int ilp_data(const __u8 *buf, __u32 have, __u32 pos, __u64 end,
				    struct ilp *out)
{
	__u64 len;
	int err = ilp_length(buf, have, &pos, &len);

	if (err)
		return err;
	if (pos > end || len > end - pos)
		return ILP_BAD;
	out->data_len = (__u32)len;
	return ILP_DONE;
}

#define ILP_PREPARE_FIXED 57 /* amount 8, expiry 17, condition 32 */

static __always_inline int ilp_prepare(const __u8 *buf, __u32 have, __u32 pos, __u64 end,
				       struct ilp *out)
{
	__u8 ok = 1;
	__u64 len;
	int err;

	if ((__u64)pos + ILP_PREPARE_FIXED > end)
		return ILP_BAD;
	if (pos + ILP_PREPARE_FIXED > have)
		return ILP_MORE;
	if (pos > 16)
		return ILP_BAD;
	out->amount = ilp_be64(bytes_load(buf + pos));
	out->expires_at = ilp_digits(bytes_load(buf + pos + 8), &ok) * 1000000000ULL +
			  ilp_digits(bytes_load(buf + pos + 16), &ok) * 10;
	out->expires_at += buf[pos + 24] - '0';
	if (!ok || buf[pos + 24] < '0' || buf[pos + 24] > '9')
		return ILP_BAD;
	pos += ILP_PREPARE_FIXED;
	err = ilp_length(buf, have, &pos, &len);
	if (err)
		return err;
	if (len > ILP_ADDRESS_MAX || pos + len > end)
		return ILP_BAD;
	if (pos + len > have)
		return ILP_MORE;
	if (pos > 96)
		return ILP_BAD;
	out->address_at = (__u16)pos;
	out->address_len = (__u16)len;

	pos += (__u32)len;
	if (pos == end)
		return ILP_BAD;
	return ilp_data(buf, have, pos, end, out);
}

static __always_inline int ilp_fulfill(const __u8 *buf, __u32 have, __u32 pos, __u64 end,
				       struct ilp *out)
{
	__u32 at = pos + RECORD_FULFILLMENT_LEN, i;
	int err;

	if (at >= end)
		return ILP_BAD;
	err = ilp_data(buf, have, at, end, out);
	if (err)
		return err;
	if (pos > 16)
		return ILP_BAD;
	for (i = 0; i < RECORD_FULFILLMENT_LEN / 8; i++)
		out->fulfillment[i] = bytes_load(buf + pos + i * 8);
	return ILP_DONE;
}

/*
 * The code, then the lengths of triggeredBy, message and data. A message so long that the data lies
 * past the window hides the data's length: it is then 0, and not held against the packet.
 */
static __always_inline int ilp_reject(const __u8 *buf, __u32 have, __u32 pos, __u64 end,
				      struct ilp *out)
{
	__u64 word, len;
	int err;

	if ((__u64)pos + 3 >= end)
		return ILP_BAD;
	if (pos + 3 > have)
		return ILP_MORE;
	if (pos > 16)
		return ILP_BAD;
	word = bytes_load(buf + pos);
	out->reject_code[0] = (__u8)word;
	out->reject_code[1] = (__u8)(word >> 8);
	out->reject_code[2] = (__u8)(word >> 16);

	pos += 3;
	err = ilp_length(buf, have, &pos, &len);
	if (err)
		return err;
	if (len > ILP_ADDRESS_MAX || pos + len >= end)
		return ILP_BAD;
	pos += (__u32)len;
	err = ilp_length(buf, have, &pos, &len);
	if (err)
		return err;
	if (pos > end || len >= end - pos)
		return ILP_BAD;
	out->data_len = 0;
	if (len > ILP_HEAD_MAX - 16 - pos)
		return ILP_DONE;
	pos += (__u32)len;
	return ilp_data(buf, have, pos, end, out);
}

static __always_inline int ilp_head(const __u8 *buf, __u32 have, struct ilp *out)
{
	__u32 pos = 1;
	__u64 len;
	int err;

	if (have < 1)
		return ILP_MORE;
	out->kind = buf[0];
	if (out->kind < RECORD_KIND_PREPARE || out->kind > RECORD_KIND_REJECT)
		return ILP_BAD;
	err = ilp_length(buf, have, &pos, &len);
	if (err)
		return err;
	if (len > 1ULL << 32)
		return ILP_BAD;
	out->size = pos + len;
	out->contents_at = (__u16)pos;
	if (out->kind == RECORD_KIND_PREPARE)
		return ilp_prepare(buf, have, pos, out->size, out);
	if (out->kind == RECORD_KIND_FULFILL)
		return ilp_fulfill(buf, have, pos, out->size, out);
	return ilp_reject(buf, have, pos, out->size, out);
}

/* Not 0 when the block at AT is another one in the destination that is remembered. */
static __always_inline __u64 ilp_differ(const __u8 *buf, const struct ilp_known *known, __u32 at)
{
	const __u8 *a = buf + at, *b = (const __u8 *)known->text + at;

	return (bytes_load(a) ^ bytes_load(b)) | (bytes_load(a + 8) ^ bytes_load(b + 8)) |
	       (bytes_load(a + 16) ^ bytes_load(b + 16)) |
	       (bytes_load(a + 24) ^ bytes_load(b + 24));
}

/* Are the LEN bytes of BUF the destination that is remembered? The last block may overlap. */
static __always_inline int ilp_is_known(const __u8 *buf, __u32 len, const struct ilp_known *known)
{
	__u64 differ = 0;
	__u32 i;

	if (len != bytes_forget(known->len) || len < ILP_KNOWN_BLOCK || len > ILP_KNOWN_MAX)
		return 0;
	BYTES_LOOP
	for (i = 0; i < ILP_KNOWN_MAX - ILP_KNOWN_BLOCK; i += ILP_KNOWN_BLOCK) {
		if (i > len - ILP_KNOWN_BLOCK)
			break;
		differ |= ilp_differ(buf, known, i);
	}
	i = bytes_mask(len - ILP_KNOWN_BLOCK, ILP_KNOWN_MAX - 1);
	return !(differ | ilp_differ(buf, known, i));
}

/* Remembers them, with what is read along behind them, and their hash. */
static __always_inline void ilp_know(const __u8 *buf, __u32 len, __u64 hash,
				     struct ilp_known *known)
{
	__u32 i;

	known->len = 0;
	if (len > ILP_KNOWN_MAX)
		return;
	for (i = 0; i < ILP_KNOWN_MAX / 8; i++)
		known->text[i] = bytes_load(buf + i * 8);
	known->hash = hash;
	known->len = len;
}

/* The hash of the destination, which lies in BUF where OUT says. What the verifier learns of that
 * in the loops must not be carried on: so it is read from memory for each. */
static __always_inline __u64 ilp_destination(const __u8 *buf, const struct ilp *out,
					     const volatile struct siphash_key *key,
					     struct ilp_known *known)
{
	__u32 at = bytes_mask(bytes_forget(out->address_at), 127);
	__u32 len = bytes_forget(out->address_len);
	__u64 hash;

	if (ilp_is_known(buf + at, bytes_forget(out->address_len), known))
		return bytes_forget(known->hash);
	hash = bytes_hash(buf, ILP_HEAD_MAX + ILP_SLACK, at, len, 1024, 0, 0, key);
	ilp_know(buf + at, bytes_forget(out->address_len), hash, known);
	return hash;
}

/*
 * BUF holds the first HAVE bytes of a body (and is readable to ILP_HEAD_MAX + ILP_SLACK whatever
 * HAVE is); COMPLETE says that there are no more. KEY hashes the destination and the condition.
 * *OUT must be in a map's value. KNOWN: NULL, or the last destination hashed with KEY.
 */
static __always_inline int ilp_parse_next(const __u8 *buf, __u32 have, int complete,
					  const volatile struct siphash_key *key,
					  struct ilp_known *known, struct ilp *out)
{
	__u32 at, len;

	if (have > ILP_HEAD_MAX)
		have = ILP_HEAD_MAX;
	out->verdict = (__u8)ilp_head(buf, have, out);
	if (bytes_forget(out->verdict) == ILP_MORE && (complete || have == ILP_HEAD_MAX))
		out->verdict = ILP_BAD;
	if (bytes_forget(out->verdict) != ILP_DONE || out->kind != RECORD_KIND_PREPARE)
		return out->verdict;
	at = bytes_forget(out->contents_at);
	if (at > 16)
		return ILP_BAD;
	out->condition = ilp_condition(buf, at + 25, key);
	at = bytes_forget(out->address_at);
	len = bytes_forget(out->address_len);
	if (at > 96)
		return ILP_BAD;
	at = bytes_mask(at, 127);
	out->peer = len >= 5 && bytes_low(bytes_load(buf + at), 5) ==
					BYTES_WORD('p', 'e', 'e', 'r', '.', 0, 0, 0);
	if (known)
		out->destination = ilp_destination(buf, out, key, known);
	else
		out->destination =
			bytes_hash(buf, ILP_HEAD_MAX + ILP_SLACK, at, len, 1024, 0, 0, key);
	return ILP_DONE;
}

/* The same of a packet by itself. */
static __always_inline int ilp_parse(const __u8 *buf, __u32 have, int complete,
				     const volatile struct siphash_key *key, struct ilp *out)
{
	return ilp_parse_next(buf, have, complete, key, 0, out);
}

#endif
