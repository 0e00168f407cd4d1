/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tracekey.h - the key of traces: the operator's own, the same on all nodes whose traces are to
 * join. Whoever has it can test whether a trace belongs to an ILP address that he knows.
 */
#ifndef TELLTALE_TRACEKEY_H
#define TELLTALE_TRACEKEY_H

#include <stddef.h>

#include "bpf/decode/siphash.h"

#define TRACEKEY_DIGITS 32

/* Reads *KEY from the file PATH: 32 hexadecimal digits, perhaps with white space round them. 0, or
 * -errno with WHY, which continues PATH: -EPERM, others than its owner may read it; -EINVAL, it
 * holds no key. */
int tracekey_load(const char *path, struct siphash_key *key, char *why, size_t why_len);

#endif
