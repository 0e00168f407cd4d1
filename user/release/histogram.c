/* SPDX-License-Identifier: Apache-2.0 */
#include "release/histogram.h"

#include <math.h>
#include <string.h>

#include "base/clock.h"

void histogram_init(struct histogram *h)
{
	memset(h, 0, sizeof(*h));
	h->exponential.scale = HISTOGRAM_SCALE_MAX;
}

/* The bucket of MS, which is above zero, at the finest scale. At a coarser scale the bucket is the
 * same number shifted right: buckets include their upper end, so they merge in pairs without a
 * remainder. */
static int32_t index_of(double ms)
{
	const double per_octave = 1 << HISTOGRAM_SCALE_MAX;
	int exponent;
	double fraction = frexp(ms, &exponent); /* 0.5 to below 1 */

	/* A power of two is exactly a bound; a rounded logarithm might be on either side of it. */
	if (fraction == 0.5)
		return (exponent - 1) * (1 << HISTOGRAM_SCALE_MAX) - 1;
	/* The logarithm is not above 0: cut off, it is rounded up. */
	return exponent * (1 << HISTOGRAM_SCALE_MAX) + (int32_t)(log2(fraction) * per_octave) - 1;
}

static void halve(struct histogram_exponential *e)
{
	int32_t offset = e->offset >> 1;
	uint32_t len = 0;

	for (uint32_t i = 0; i < e->len; i++) {
		uint32_t to = (uint32_t)(((e->offset + (int32_t)i) >> 1) - offset);
		uint64_t count = e->counts[i];

		e->counts[i] = 0;
		e->counts[to] += count;
		len = to + 1;
	}
	e->offset = offset;
	e->len = len;
	e->scale--;
}

static void add_exponential(struct histogram_exponential *e, int32_t finest)
{
	int32_t index = finest >> (HISTOGRAM_SCALE_MAX - e->scale), first, last;

	/* Nearly always it lies among those that there are. */
	if (index >= e->offset && index - e->offset < (int32_t)e->len) {
		e->counts[index - e->offset]++;
		return;
	}
	for (;; halve(e)) {
		index = finest >> (HISTOGRAM_SCALE_MAX - e->scale);
		first = e->len && e->offset < index ? e->offset : index;
		last = e->offset + (int32_t)e->len - 1;
		if (!e->len || last < index)
			last = index;
		if (last - first < HISTOGRAM_EXPONENTIAL)
			break;
	}
	if (e->len && first < e->offset) {
		uint32_t by = (uint32_t)(e->offset - first);

		memmove(e->counts + by, e->counts, e->len * sizeof(e->counts[0]));
		memset(e->counts, 0, by * sizeof(e->counts[0]));
	}
	e->offset = first;
	e->len = (uint32_t)(last - first) + 1;
	e->counts[index - first]++;
}

struct histogram_place histogram_find(uint64_t ns)
{
	struct histogram_place place = {.ns = ns, .bucket = metric_bucket(ns)};

	if (ns)
		place.finest = index_of((double)ns / NS_PER_MS);
	return place;
}

void histogram_add_at(struct histogram *h, const struct histogram_place *place)
{
	h->buckets[place->bucket]++;
	h->count++;
	if (__builtin_add_overflow(h->sum_ns, place->ns, &h->sum_ns))
		h->sum_ns = UINT64_MAX;
	if (place->ns)
		add_exponential(&h->exponential, place->finest);
	else
		h->exponential.zeros++;
}

void histogram_add(struct histogram *h, uint64_t ns)
{
	struct histogram_place place = histogram_find(ns);

	histogram_add_at(h, &place);
}

double histogram_quantile(const struct histogram_exponential *e, uint64_t count, double share)
{
	uint64_t wanted = (uint64_t)ceil(share * (double)count), seen = e->zeros;

	if (!count || seen >= wanted)
		return 0;
	for (uint32_t i = 0; i < e->len; i++) {
		seen += e->counts[i];
		/* The middle of the bucket, as times go: by ratio. */
		if (seen >= wanted)
			return exp2(((double)e->offset + i + 0.5) * exp2(-e->scale));
	}
	return 0;
}
