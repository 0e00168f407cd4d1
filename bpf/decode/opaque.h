/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * opaque.h - announces a connection whose protocol is not decoded, and says which end showed that.
 * HTTP/2 is recognised (RFC 9113, section 3.4) by the first bytes of the client, which anybody can
 * send, or of the server, which only a server that speaks it sends.
 */
#ifndef TELLTALE_OPAQUE_H
#define TELLTALE_OPAQUE_H

#include "bytes.h"
#include "bpf/record.h"

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
 * Returns a set of enum record_opaque_said when the connection is to be announced now, and -1 when
 * it is not. WORD holds the first bytes that were sent in direction OUT. KNOWN holds what was seen
 * of this connection before, and is updated. Bytes of another protocol may look like SETTINGS: they
 * announce nothing unless a client's first bytes were seen too.
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
