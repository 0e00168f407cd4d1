/* SPDX-License-Identifier: Apache-2.0 */
#include "halves/ring.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/bpf.h>

struct ring {
	unsigned long *read_to; /* position; the reader writes it */
	const unsigned long *written_to;
	const uint8_t *data;
	void *pages; /* written_to and data */
	size_t page, pages_len;
	unsigned long mask;
	bool broken, behind;
};

int ring_open(int fd, uint32_t bytes, struct ring **out)
{
	struct ring *r = calloc(1, sizeof(*r));
	int err = 0;

	if (!r)
		return -ENOMEM;
	r->page = (size_t)sysconf(_SC_PAGESIZE);
	r->pages_len = r->page + 2 * (size_t)bytes;
	r->mask = bytes - 1;
	r->read_to = mmap(NULL, r->page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	r->pages = mmap(NULL, r->pages_len, PROT_READ, MAP_SHARED, fd, (off_t)r->page);
	if (r->read_to == MAP_FAILED || r->pages == MAP_FAILED) {
		err = -errno;
		ring_close(r);
		return err;
	}
	r->written_to = r->pages;
	r->data = (const uint8_t *)r->pages + r->page;
	*out = r;
	return 0;
}

void ring_close(struct ring *r)
{
	if (!r)
		return;
	if (r->read_to != MAP_FAILED)
		munmap(r->read_to, r->page);
	if (r->pages != MAP_FAILED)
		munmap(r->pages, r->pages_len);
	free(r);
}

/* The next record takes so many bytes of the ring, its header included. */
static unsigned long place_of(uint32_t header)
{
	unsigned long len = header & ~(BPF_RINGBUF_BUSY_BIT | BPF_RINGBUF_DISCARD_BIT);

	return (len + BPF_RINGBUF_HDR_SZ + 7) & ~7UL;
}

/* Those between the positions, up to one that is being written. */
static size_t consume_to(struct ring *r, unsigned long end, bool *busy, ring_sink *sink,
			 void *context)
{
	unsigned long at = __atomic_load_n(r->read_to, __ATOMIC_ACQUIRE);
	size_t n = 0;

	while (at < end) {
		const uint8_t *place = r->data + (at & r->mask);
		uint32_t header = __atomic_load_n((const uint32_t *)place, __ATOMIC_ACQUIRE);

		*busy = header & BPF_RINGBUF_BUSY_BIT;
		if (*busy)
			break;
		r->broken = place_of(header) > end - at;
		if (r->broken)
			break;
		if (!(header & BPF_RINGBUF_DISCARD_BIT)) {
			sink(context, place + BPF_RINGBUF_HDR_SZ, header);
			n++;
		}
		at += place_of(header);
		__atomic_store_n(r->read_to, at, __ATOMIC_RELEASE);
	}
	return n;
}

size_t ring_consume(struct ring *r, ring_sink *sink, void *context)
{
	bool busy = false;
	size_t n = 0;

	while (!busy && !r->broken) {
		unsigned long end = __atomic_load_n(r->written_to, __ATOMIC_ACQUIRE);

		if (__atomic_load_n(r->read_to, __ATOMIC_ACQUIRE) >= end)
			break;
		n += consume_to(r, end, &busy, sink, context);
	}
	r->behind = busy;
	return n;
}

bool ring_is_behind(const struct ring *r)
{
	return r->behind;
}

bool ring_is_broken(const struct ring *r)
{
	return r->broken;
}

/* --- counters --------------------------------------------------------------------------------- */

struct ring_counters {
	const uint64_t *values;
	size_t len, bytes;
};

int ring_counters_open(int fd, size_t len, struct ring_counters **out)
{
	struct ring_counters *c = calloc(1, sizeof(*c));
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	void *values;

	if (!c)
		return -ENOMEM;
	c->len = len;
	c->bytes = (len * sizeof(uint64_t) + page - 1) / page * page;
	values = mmap(NULL, c->bytes, PROT_READ, MAP_SHARED, fd, 0);
	if (values == MAP_FAILED) {
		int err = -errno;

		free(c);
		return err;
	}
	c->values = values;
	*out = c;
	return 0;
}

void ring_counters_close(struct ring_counters *c)
{
	if (!c)
		return;
	munmap((void *)c->values, c->bytes);
	free(c);
}

uint64_t ring_counters_sum(const struct ring_counters *c)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < c->len; i++)
		sum += __atomic_load_n(&c->values[i], __ATOMIC_ACQUIRE);
	return sum;
}
