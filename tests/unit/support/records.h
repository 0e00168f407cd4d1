/* SPDX-License-Identifier: Apache-2.0 */
/*
 * records.h - makes records as the BPF programs write them, for tests and benchmarks. Every builder
 * returns a whole record by value; the test then changes the fields that it is about.
 */
#ifndef TELLTALE_TESTS_RECORDS_H
#define TELLTALE_TESTS_RECORDS_H

#include <string.h>

#include "bpf/record.h"

#define MS 1000000ULL
#define S  (1000 * MS)

/* CLOCK_REALTIME when CLOCK_MONOTONIC is 0: 2026-01-01 00:00:00 UTC. */
#define REALTIME_OFFSET 1767225600000000000LL
/* 2026-01-01 00:00:30.000, 30 s on that clock. */
#define EXPIRES_AT_30S 20260101000030000ULL

static inline struct record_message message_on(__u64 flow, __u32 stream, __u8 role, __u64 at_ns)
{
	return (struct record_message){
		.head = {.len = sizeof(struct record_message),
			 .version = RECORD_VERSION,
			 .type = RECORD_MESSAGE,
			 .tap = RECORD_TAP_SOCKET,
			 .role = role},
		.flow = {.id = flow},
		.stream = stream,
		.first_ns = at_ns,
		.last_ns = at_ns,
	};
}

static inline struct record_message prepare(__u64 flow, __u32 stream, __u8 role, __u64 at_ns)
{
	struct record_message m = message_on(flow, stream, role, at_ns);

	m.flags = RECORD_REQUEST;
	m.kind = RECORD_KIND_PREPARE;
	m.amount = 100;
	m.expires_at = EXPIRES_AT_30S;
	m.destination = 0xde57;
	m.condition = flow << 32 | stream;
	m.endpoint = 0xe4d;
	m.token = 0x70c;
	return m;
}

static inline struct record_message fulfill(__u64 flow, __u32 stream, __u8 role, __u64 at_ns)
{
	struct record_message m = message_on(flow, stream, role, at_ns);

	m.kind = RECORD_KIND_FULFILL;
	m.http_status = 200;
	return m;
}

static inline struct record_message reject(__u64 flow, __u32 stream, __u8 role, __u64 at_ns,
					   const char *code)
{
	struct record_message m = fulfill(flow, stream, role, at_ns);

	m.kind = RECORD_KIND_REJECT;
	memcpy(m.reject_code, code, sizeof(m.reject_code));
	return m;
}

static inline struct record_message http(__u64 flow, __u32 stream, __u8 role, __u64 at_ns,
					 __u16 status)
{
	struct record_message m = message_on(flow, stream, role, at_ns);

	m.http_status = status;
	return m;
}

static inline struct record_flow_close flow_close(__u64 flow, __u64 at_ns)
{
	return (struct record_flow_close){
		.head = {.len = sizeof(struct record_flow_close),
			 .version = RECORD_VERSION,
			 .type = RECORD_FLOW_CLOSE,
			 .tap = RECORD_TAP_SOCKET},
		.flow = {.id = flow},
		.at_ns = at_ns,
	};
}

static inline struct record_opaque opaque_flow(__u64 flow, __u8 reason, __u64 at_ns)
{
	return (struct record_opaque){
		.head = {.len = sizeof(struct record_opaque),
			 .version = RECORD_VERSION,
			 .type = RECORD_OPAQUE,
			 .tap = RECORD_TAP_SOCKET},
		.flow = {.id = flow},
		.at_ns = at_ns,
		.reason = reason,
	};
}

#endif
