/* SPDX-License-Identifier: Apache-2.0 */
/* status.h - the state of exports to one endpoint, shown by /metrics, the page and commands. */
#ifndef TELLTALE_EXPORT_STATUS_H
#define TELLTALE_EXPORT_STATUS_H

#include <stdint.h>

#include "release/audience.h"
#include "release/histogram.h"

struct export_status {
	const char *url; /* lives as long as the endpoint's */
	enum audience audience;
	uint64_t exports;  /* acknowledged */
	uint64_t failures; /* dropped for good */
	uint64_t retries;
	uint64_t rejected_points;      /* by partial_success */
	uint64_t spans, spans_lost;    /* accepted; refused, or waiting for too long */
	uint64_t bytes;                /* of acknowledged requests, as sent */
	uint64_t last_bytes;           /* ... of the last one */
	uint64_t last_success_unix_ns; /* 0: never */
	uint64_t latency_ns;           /* of the last acknowledged export */
	struct histogram latency;      /* of all of them */
	unsigned consecutive_failures; /* attempts */
	int last_code;        /* gRPC's status of the last attempt; 0: success, -1: none yet */
	char last_error[256]; /* in words; empty when the last attempt succeeded */
};

#endif
