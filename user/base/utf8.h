/* SPDX-License-Identifier: Apache-2.0 */
/*
 * utf8.h - makes text from outside valid UTF-8, for formats that require it.
 *
 * Protobuf strings and the Prometheus text format must be UTF-8. One invalid byte in one label
 * makes a collector refuse the whole export.
 */
#ifndef TELLTALE_UTF8_H
#define TELLTALE_UTF8_H

#include <stddef.h>

/* The length, 1 to 4, of the valid UTF-8 sequence (RFC 3629) at the start of TEXT; 0 when there is
 * none or TEXT is empty. Does not read past the first invalid byte. */
size_t utf8_sequence(const char *text);

/* Replaces each byte of TEXT that is not part of a valid sequence by '?', in place. */
void utf8_clean(char *text);

#endif
