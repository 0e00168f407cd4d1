/* SPDX-License-Identifier: Apache-2.0 */
/*
 * streams.h - the programs' table of streams in HTTP/2: takes out what has been there for too long.
 *
 * At the end of a connection the programs remove its streams, as far as they find them. What they
 * do not find would keep its place, so it is removed once no exchange waits for it any more.
 */
#ifndef TELLTALE_STREAMS_H
#define TELLTALE_STREAMS_H

#include <stdint.h>

struct telltale_bpf;

/* Removes streams whose request began more than two minutes before NOW_NS, CLOCK_MONOTONIC: an
 * exchange is given up after one (match.h). SKEL is loaded. */
void streams_sweep(const struct telltale_bpf *skel, uint64_t now_ns);

#endif
