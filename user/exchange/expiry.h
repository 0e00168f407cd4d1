/* SPDX-License-Identifier: Apache-2.0 */
/* expiry.h - when a Prepare expires. */
#ifndef TELLTALE_EXPIRY_H
#define TELLTALE_EXPIRY_H

#include <stdint.h>

/* An expiry as records carry it (YYYYMMDDHHMMSSmmm UTC, decimal) in ns since 1970, or INT64_MAX
 * when it is no possible date: connectors take such packets, so they never expire here. */
int64_t expiry_unix_ns(uint64_t expires_at);

/* The minute that was asked for last: nearly all Prepares of a moment expire in the same one or
 * two. All zero at first. */
struct expiry_minute {
	uint64_t minute; /* YYYYMMDDHHMM; 0: none */
	int64_t unix_ns;
};

/* The same as expiry_unix_ns, in less time where LAST knows the minute. */
int64_t expiry_find(struct expiry_minute *last, uint64_t expires_at);

#endif
