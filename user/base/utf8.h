/* SPDX-License-Identifier: Apache-2.0 */
/*
 * utf8.h - keeps text that came from outside valid where a format demands UTF-8.
 *
 * Protobuf strings and the Prometheus text format must be UTF-8: one bad byte in one label makes a
 * collector refuse the whole export.
 */
#ifndef TELLTALE_UTF8_H
#define TELLTALE_UTF8_H

#include <stddef.h>

/* Length of the valid UTF-8 sequence (RFC 3629) that TEXT begins with, 1 to 4; 0 when there is none
 * or TEXT is empty. Reads no further than the first byte that does not fit. */
size_t utf8_sequence(const char *text);

/* TEXT with each byte that is no part of a valid sequence replaced by '?', in place. */
void utf8_clean(char *text);

#endif
