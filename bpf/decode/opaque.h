/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * opaque.h - announces a connection whose protocol is not decoded, and says which end showed that:
 * the other one's bytes, anybody can send.
 */
#ifndef TELLTALE_OPAQUE_H
#define TELLTALE_OPAQUE_H

#include "bytes.h"
#include "bpf/record.h"

/*
 * Returns a set of enum record_opaque_said when the connection is to be announced now, and -1 when
 * it is not. Bytes of its protocol were sent in direction OUT. KNOWN holds what was seen of this
 * connection before, and is updated.
 */
static __always_inline int opaque_says(__u8 *known, int out)
{
	__u8 seen = RECORD_OPAQUE_AGAIN, before = *known;

	*known = before | seen | (out ? RECORD_OPAQUE_OURS : 0);
	if (*known == before)
		return -1;
	return (*known & RECORD_OPAQUE_OURS) | (before & seen);
}

#endif
