/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policy.h - what an endpoint's answer means: done, try again and when, or give up.
 *
 * Pure functions, after the OTLP specification's "OTLP/gRPC Response" and gRPC's status codes.
 */
#ifndef TELLTALE_EXPORT_POLICY_H
#define TELLTALE_EXPORT_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <grpc/status.h>

enum export_verdict {
	EXPORT_DONE,  /* acknowledged */
	EXPORT_RETRY, /* later, with the newest snapshot */
	EXPORT_DROP,  /* for good: asking again would get the same answer */
};

/* RETRY_INFO: the answer carried one, which for RESOURCE_EXHAUSTED makes the difference. */
enum export_verdict export_verdict(grpc_status_code status, bool retry_info);

#define EXPORT_BACKOFF_MIN_MS 1000
#define EXPORT_BACKOFF_MAX_MS 60000

/* How long to wait after the Nth failure in a row (from 1): 1 s doubling to 60 s, of which between
 * half and all, by RANDOM (uniform over its range), so that a fleet does not return in step. */
uint32_t export_backoff_ms(unsigned failures, uint32_t random);

#define EXPORT_RETRY_DELAY_MAX_MS 3600000

/* Looks for a google.rpc.RetryInfo in a grpc-status-details-bin value. When there is one: true, and
 * *DELAY_MS is what it asks for, 0 when it names none, at most EXPORT_RETRY_DELAY_MAX_MS. */
bool export_retry_info(const uint8_t *bytes, size_t len, uint32_t *delay_ms);

/* A failed export in words for people, on one line: "cannot connect: Connection refused",
 * "UNAUTHENTICATED: no such key". CONNECTED: the channel had a connection when the call ended. */
void export_words(grpc_status_code status, const char *message, bool connected, char *out,
		  size_t len);

/* Puts *** for each SECRET in TEXT, in place: what a far end says may repeat what it was sent. A
 * secret of fewer than four characters, which is none, stays. */
void export_mask(char *text, const char *secret);

/* Makes a far end's text fit for a log and for JSON, in place: no control characters, valid UTF-8.
 */
void export_one_line(char *text);

#endif
