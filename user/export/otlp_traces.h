/* SPDX-License-Identifier: Apache-2.0 */
/*
 * otlp_traces.h - encodes a batch of spans as an OTLP ExportTraceServiceRequest.
 *
 * The resource is that of the metrics, without the privacy mechanism: a span has nothing that it
 * acts on.
 */
#ifndef TELLTALE_OTLP_TRACES_H
#define TELLTALE_OTLP_TRACES_H

#include <stddef.h>
#include <stdint.h>

#include "export/otlp.h"
#include "release/spans.h"

/* *OUT is malloc'ed. 0 or -ENOMEM. */
int otlp_encode_traces(const struct spans *spans, const struct otlp_resource *resource,
		       uint8_t **out, size_t *len);

#endif
