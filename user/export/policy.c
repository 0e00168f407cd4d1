/* SPDX-License-Identifier: Apache-2.0 */
#include "export/policy.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/escape.h"
#include "proto/status.pb-c.h"
#include "base/utf8.h"

enum export_verdict export_verdict(grpc_status_code status, bool retry_info)
{
	switch (status) {
	case GRPC_STATUS_OK: return EXPORT_DONE;
	case GRPC_STATUS_CANCELLED:
	case GRPC_STATUS_DEADLINE_EXCEEDED:
	case GRPC_STATUS_ABORTED:
	case GRPC_STATUS_OUT_OF_RANGE:
	case GRPC_STATUS_UNAVAILABLE:
	case GRPC_STATUS_DATA_LOSS: return EXPORT_RETRY;
	case GRPC_STATUS_RESOURCE_EXHAUSTED: return retry_info ? EXPORT_RETRY : EXPORT_DROP;
	default: return EXPORT_DROP;
	}
}

uint32_t export_backoff_ms(unsigned failures, uint32_t random)
{
	uint32_t whole = EXPORT_BACKOFF_MIN_MS;

	while (failures-- > 1 && whole < EXPORT_BACKOFF_MAX_MS)
		whole *= 2;
	if (whole > EXPORT_BACKOFF_MAX_MS)
		whole = EXPORT_BACKOFF_MAX_MS;
	return whole / 2 + (uint32_t)(((uint64_t)random * (whole / 2 + 1)) >> 32);
}

static uint32_t delay_of(const Rpc__Duration *d)
{
	int64_t ms;

	if (!d || d->seconds < 0 || d->nanos < 0)
		return 0;
	if (d->seconds >= EXPORT_RETRY_DELAY_MAX_MS / 1000)
		return EXPORT_RETRY_DELAY_MAX_MS;
	/* Rounded up, so that the retry is never earlier than asked. */
	ms = d->seconds * 1000 + (d->nanos + NS_PER_MS - 1) / NS_PER_MS;
	return ms < EXPORT_RETRY_DELAY_MAX_MS ? (uint32_t)ms : EXPORT_RETRY_DELAY_MAX_MS;
}

bool export_retry_info(const uint8_t *bytes, size_t len, uint32_t *delay_ms)
{
	static const char name[] = "/google.rpc.RetryInfo";
	Rpc__Status *status = rpc__status__unpack(NULL, len, bytes);
	bool found = false;

	*delay_ms = 0;
	if (!status)
		return false;
	for (size_t i = 0; i < status->n_details && !found; i++) {
		const Rpc__Any *any = status->details[i];
		const char *slash = strrchr(any->type_url, '/');
		Rpc__RetryInfo *info;

		if (!slash || strcmp(slash, name))
			continue;
		info = rpc__retry_info__unpack(NULL, any->value.len, any->value.data);
		if (!info)
			continue;
		*delay_ms = delay_of(info->retry_delay);
		found = true;
		rpc__retry_info__free_unpacked(info, NULL);
	}
	rpc__status__free_unpacked(status, NULL);
	return found;
}

static const char *status_name(grpc_status_code status)
{
	static const char *const names[] = {
		"OK",
		"CANCELLED",
		"UNKNOWN",
		"INVALID_ARGUMENT",
		"DEADLINE_EXCEEDED",
		"NOT_FOUND",
		"ALREADY_EXISTS",
		"PERMISSION_DENIED",
		"RESOURCE_EXHAUSTED",
		"FAILED_PRECONDITION",
		"ABORTED",
		"OUT_OF_RANGE",
		"UNIMPLEMENTED",
		"INTERNAL",
		"UNAVAILABLE",
		"DATA_LOSS",
		"UNAUTHENTICATED",
	};

	return (size_t)status < sizeof(names) / sizeof(names[0]) ? names[status] : "UNKNOWN";
}

/* The text after the last MARK in TEXT, or NULL. */
static const char *after(const char *text, const char *mark)
{
	const char *found = NULL;

	for (const char *p = strstr(text, mark); p; p = strstr(p + 1, mark))
		found = p + strlen(mark);
	return found;
}

void export_words(grpc_status_code status, const char *message, bool connected, char *out,
		  size_t len)
{
	/* gRPC wraps the cause in other messages; the innermost is what the operator can fix. */
	const char *refused = after(message, "Failed to connect to remote host: ");
	const char *last = after(message, "last error: ");
	const char *name = after(message, "DNS resolution failed") ? after(message, ": ") : NULL;
	/* gRPC makes a status of its own of an answer without one. */
	const char *http = after(message, "Received http2 header with status: ");
	const char *hint = "";

	if (http)
		hint = " (this is no answer of a collector; does a proxy or another server answer "
		       "in its place?)";
	else if (status == GRPC_STATUS_UNIMPLEMENTED)
		hint = " (is this an OTLP/gRPC metrics receiver?)";
	if (status == GRPC_STATUS_UNAVAILABLE && refused)
		snprintf(out, len, "cannot connect: %s", refused);
	else if (status == GRPC_STATUS_UNAVAILABLE && name)
		snprintf(out, len, "cannot resolve the host's name: %s", name);
	else if (status == GRPC_STATUS_UNAVAILABLE && last)
		snprintf(out, len, "cannot connect: %s", last);
	else if (status == GRPC_STATUS_DEADLINE_EXCEEDED && !connected)
		snprintf(out, len, "cannot connect: no answer within the timeout");
	else if (status == GRPC_STATUS_DEADLINE_EXCEEDED)
		snprintf(out, len, "connected, but no answer within the timeout");
	else
		snprintf(out, len, "%s%s%s%s", status_name(status), message[0] ? ": " : "", message,
			 hint);
	export_one_line(out, len);
}

void export_mask(char *text, const char *secret)
{
	static const char mask[] = "***";
	size_t len = strlen(secret);

	if (len < sizeof(mask))
		return;
	while ((text = strstr(text, secret))) {
		memcpy(text, mask, sizeof(mask) - 1);
		text += sizeof(mask) - 1;
		memmove(text, text + len - (sizeof(mask) - 1),
			strlen(text + len - (sizeof(mask) - 1)) + 1);
	}
}

void export_one_line(char *text, size_t len)
{
	char shown[EXPORT_WORDS];

	for (char *p = text; *p; p++) {
		if (iscntrl((unsigned char)*p))
			*p = ' ';
	}
	utf8_clean(text);
	escape_text(text, shown, len < sizeof(shown) ? len : sizeof(shown));
	memcpy(text, shown, strlen(shown) + 1);
}
