/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policy.h - decides what to do after an endpoint's answer: nothing, retry and when, or give up.
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
	EXPORT_DROP,  /* do not retry: the answer would be the same */
};

/* RETRY_INFO: whether the answer had one. RESOURCE_EXHAUSTED is retried only if it had. */
enum export_verdict export_verdict(grpc_status_code status, bool retry_info);

#define EXPORT_BACKOFF_MIN_MS 1000
#define EXPORT_BACKOFF_MAX_MS 60000

/* How long to wait after the Nth failure in a row, N from 1: 1 s, doubling up to 60 s. Of that,
 * RANDOM, uniform over its range, picks between half and all, so that many nodes do not retry at
 * the same moment. */
uint32_t export_backoff_ms(unsigned failures, uint32_t random);

#define EXPORT_RETRY_DELAY_MAX_MS 3600000

/* Looks for a google.rpc.RetryInfo in a grpc-status-details-bin value. True when there is one; then
 * *DELAY_MS is the delay it asks for, at most EXPORT_RETRY_DELAY_MAX_MS, or 0 when it names none.
 */
bool export_retry_info(const uint8_t *bytes, size_t len, uint32_t *delay_ms);

/* Describes a failed export on one line: "cannot connect: Connection refused", "UNAUTHENTICATED: no
 * such key". CONNECTED: the channel had a connection when the call ended. */
void export_words(grpc_status_code status, const char *message, bool connected, char *out,
		  size_t len);

/* Replaces each SECRET in TEXT by ***, in place: an answer may repeat what was sent. Fewer than
 * four characters are not replaced, because they cannot be a secret. */
void export_mask(char *text, const char *secret);

#define EXPORT_WORDS 256 /* room for words of and about an endpoint */

/* Makes a text from the other end, in a buffer of LEN bytes, at most EXPORT_WORDS, fit for the log,
 * a terminal and JSON, in place: valid UTF-8 without control characters; format characters, which
 * would turn or hide what follows, are escaped (escape.h). */
void export_one_line(char *text, size_t len);

#endif
