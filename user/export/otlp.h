/* SPDX-License-Identifier: Apache-2.0 */
/*
 * otlp.h - encodes a snapshot as an OTLP ExportMetricsServiceRequest, and decodes the answer.
 *
 * The input is a struct released and the audiences to include; the output is protobuf. Points have
 * cumulative temporality, one start time and no unit. The resource attributes are service.name (not
 * Rafiki's), service.instance.id, telltale.network, telltale.privacy.mechanism and the operator's.
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

/* The form in which one endpoint gets the snapshot. */
struct otlp_form {
	unsigned audiences;    /* bits: points for none of these audiences are left out */
	bool exponential;      /* exponential histograms, where the snapshot has them */
	uint64_t time_unix_ns; /* of all points; 0: the snapshot's */
};

/* *OUT is malloc'ed. 0 or -ENOMEM. */
int otlp_encode(const struct released *released, const struct otlp_resource *resource,
		const struct otlp_form *form, uint8_t **out, size_t *len);

/* Decodes a collector's answer. *REJECTED is how many points it refused; *MESSAGE, malloc'ed, says
 * why, and may be NULL. 0, or -EBADMSG when the bytes are not an ExportMetricsServiceResponse. */
int otlp_decode_response(const uint8_t *bytes, size_t len, int64_t *rejected, char **message);

#endif
