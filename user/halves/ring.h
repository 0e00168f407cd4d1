/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ring.h - reads a BPF ring of which only the descriptor is there, without any call of bpf().
 *
 * Before Linux 5.16 a process without capabilities may be refused every call of bpf(), and the
 * daemon half's filter refuses it everywhere. Mapping a descriptor needs neither. The layout is the
 * kernel's: a page with the position up to which records were read, which
 * the reader writes; then, for reading only, a page with the position up to which they were
 * written, and the data, twice in a row, so that no record is cut at the end. The positions are
 * kept by the kernel with the ring: whoever maps it goes on where the last reader stopped.
 */
#ifndef TELLTALE_RING_H
#define TELLTALE_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ring;

typedef void ring_sink(void *context, const void *record, size_t size);

/* FD, which is borrowed, is a ring of BYTES, a power of two and at least a page. 0 or -errno. */
int ring_open(int fd, uint32_t bytes, struct ring **out);
void ring_close(struct ring *r); /* accepts NULL */

/* Hands over every record that is there, in order, up to one that is still being written; returns
 * how many. */
size_t ring_consume(struct ring *r, ring_sink *sink, void *context);
/* Did that stop at one? Records behind it, which are complete, wait for it: its processor may have
 * been stopped in the middle, for as long as a host keeps its guest waiting. */
bool ring_is_behind(const struct ring *r);
/* Has something been found that leads beyond what was written? The kernel writes no such thing, so
 * it is no ring; nothing more is read from it. */
bool ring_is_broken(const struct ring *r);

/* A page of LEN 64-bit counters in the map FD, which can be mapped: their sum. */
struct ring_counters;
int ring_counters_open(int fd, size_t len, struct ring_counters **out);
void ring_counters_close(struct ring_counters *c); /* accepts NULL */
uint64_t ring_counters_sum(const struct ring_counters *c);

#endif
