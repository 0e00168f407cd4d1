/* SPDX-License-Identifier: Apache-2.0 */
/*
 * otlp.h - a snapshot as the bytes of an OTLP ExportMetricsServiceRequest, and the answer back.
 *
 * In: struct released and what of it an audience may see. Out: protobuf. Cumulative temporality,
 * one start time, no unit; resource attributes service.name (not Rafiki's), service.instance.id,
 * telltale.network, telltale.privacy.mechanism and the operator's own.
 */
#ifndef TELLTALE_OTLP_H
#define TELLTALE_OTLP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "release/released.h"

struct otlp_attribute {
	const char *key;
	const char *value;
};

struct otlp_resource {
	const struct otlp_attribute *attributes;
	size_t attributes_len;
};

/* How one endpoint gets it. */
struct otlp_form {
	unsigned audiences;    /* bits: points whose metric is for none of them are left out */
	bool exponential;      /* histograms, where the snapshot has them in that form */
	uint64_t time_unix_ns; /* of all points; 0: the snapshot's */
};

/* *OUT is malloc'ed. -ENOMEM. */
int otlp_encode(const struct released *released, const struct otlp_resource *resource,
		const struct otlp_form *form, uint8_t **out, size_t *len);

/* A collector's answer: how many points it refused, and why (malloc'ed into *MESSAGE, may be NULL).
 * -EBADMSG when the bytes are no ExportMetricsServiceResponse. */
int otlp_decode_response(const uint8_t *bytes, size_t len, int64_t *rejected, char **message);

#endif
