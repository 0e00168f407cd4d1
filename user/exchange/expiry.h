/* SPDX-License-Identifier: Apache-2.0 */
/* expiry.h - when a Prepare expires. */
#ifndef TELLTALE_EXPIRY_H
#define TELLTALE_EXPIRY_H

#include <stdint.h>

/* An expiry as records carry it (YYYYMMDDHHMMSSmmm UTC, decimal) in ns since 1970, or INT64_MAX
 * when it is no possible date: connectors take such packets, so they never expire here. */
int64_t expiry_unix_ns(uint64_t expires_at);

#endif
