/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * opaque.h - what is not decoded is announced, and by whose words it is known. HTTP/2 (RFC 9113,
 * section 3.4) is told by how a client begins, which anybody can send, and by how a server does,
 * which only one that speaks it sends.
 */
#ifndef TELLTALE_OPAQUE_H
#define TELLTALE_OPAQUE_H

#include "bytes.h"
#include "record.h"

/* WORD: the first 8 bytes, the first of them lowest. */
static __always_inline int http2_is_preface(__u64 word)
{
	return word == BYTES_WORD('P', 'R', 'I', ' ', '*', ' ', 'H', 'T');
}

/* A SETTINGS frame that is no acknowledgement: of any length, for the whole connection. */
static __always_inline int http2_is_settings(__u64 word)
{
	return word >> 24 == 4;
}

/*
 * Not negative: a connection is to be announced now, as this set of enum record_opaque_said. WORD:
 * how what its end OUT says begins. KNOWN: what was said before, and now this too. Others' words
 * may look like SETTINGS: without a client's they announce nothing.
 */
static __always_inline int opaque_says(__u8 *known, __u64 word, int out)
{
	__u8 seen = RECORD_OPAQUE_AGAIN, before = *known;
	__u8 said = http2_is_settings(word) ? RECORD_OPAQUE_OURS
		    : out                   ? RECORD_OPAQUE_OURS | seen
					    : seen;

	*known = before | said;
	if (*known == before || !(*known & seen))
		return -1;
	return (*known & RECORD_OPAQUE_OURS) | (before & seen);
}

#endif
