/* SPDX-License-Identifier: Apache-2.0 */
/* unpack.h - a rate document as some servers and disks have it: compressed unasked, with a mark of
 * byte order. */
#ifndef TELLTALE_RATES_UNPACK_H
#define TELLTALE_RATES_UNPACK_H

#include <stddef.h>

/*
 * *OUT is the text in LEN bytes, without a UTF-8 mark before it, and unpacked when it is gzip. It
 * points into TEXT or into *OWNED, which the caller frees (NULL: nothing to free). 0, or -errno
 * with a sentence in WHY: damaged gzip, or more than RATES_DOCUMENT_MAX bytes.
 */
int rates_unpack(const char *text, size_t len, const char **out, size_t *out_len, char **owned,
		 char *why, size_t why_len);

#endif
