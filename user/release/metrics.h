/* SPDX-License-Identifier: Apache-2.0 */
/*
 * metrics.h - the names of exported metrics: every metric that telltale can export, in one table.
 *
 * A metric that means the same as one of Rafiki's has Rafiki's name, so that existing dashboards
 * keep working. All others begin with telltale_. No metric has an OTLP unit, because a unit would
 * make the Collector rename it. A metric has one attribute at most, not counting `source`, or two
 * that belong together (kind and stream).
 *
 * METRIC(id, name, shape, audience, loss, description)
 *   shape     SUM (monotonic, cumulative), GAUGE, HISTOGRAM (cumulative)
 *   audience  NETWORK: for the network's collectors and the operator's own; OWN: for the latter
 * only loss      LOSS: what is counted here is missing in the totals, so that COVERAGE is 0 from
 * then on; BY_LABEL: words.h says for each label whether that is so; else NO_LOSS
 */
#ifndef TELLTALE_METRICS_H
#define TELLTALE_METRICS_H

#include <stddef.h>
#include <stdint.h>

#include "release/audience.h"

/* clang-format off */
#define METRICS(METRIC) \
	METRIC(TRANSACTIONS, "transactions_total", SUM, NETWORK, NO_LOSS, \
	       "Payments originated here whose first packet was fulfilled") \
	METRIC(PACKET_PREPARE, "packet_count_prepare", SUM, NETWORK, NO_LOSS, \
	       "Prepare packets of originated payments") \
	METRIC(PACKET_FULFILL, "packet_count_fulfill", SUM, NETWORK, NO_LOSS, \
	       "Fulfill packets of originated payments") \
	METRIC(PACKET_REJECT, "packet_count_reject", SUM, NETWORK, NO_LOSS, \
	       "Prepares of originated payments that were not fulfilled") \
	METRIC(AMOUNT_FULFILL, "packet_amount_fulfill", SUM, NETWORK, NO_LOSS, \
	       "Value of fulfilled packets of originated payments, base currency at scale 4") \
	METRIC(PAY_TIME, "pay_time_ms", HISTOGRAM, NETWORK, NO_LOSS, \
	       "Time of a payment, from the first Prepare of its stream to its last Fulfill") \
	METRIC(ROUND_TRIP, "ilp_payment_round_trip_ms", HISTOGRAM, NETWORK, NO_LOSS, \
	       "Time of a payment, from its first non-zero Prepare to its last Fulfill") \
	METRIC(COVERAGE, "telltale_coverage_complete", GAUGE, NETWORK, NO_LOSS, \
	       "1 when the network's totals miss nothing, else 0") \
	METRIC(PREPARE_PROCESSING, "ilp_prepare_packet_processing_ms", HISTOGRAM, OWN, NO_LOSS, \
	       "Time that a Prepare took, the wait for its reply included, by operation") \
	METRIC(EXCHANGE_TIME, "telltale_exchange_ms", HISTOGRAM, OWN, NO_LOSS, \
	       "Time from a Prepare to its reply, by origin") \
	METRIC(TRANSACTIONS_BY_ORIGIN, "telltale_transactions_total", SUM, OWN, NO_LOSS, \
	       "Payments by origin") \
	METRIC(AMOUNT_BY_ORIGIN, "telltale_amount_fulfill_total", SUM, OWN, NO_LOSS, \
	       "Value of fulfilled packets by origin, base currency at scale 4; for your own eyes: " \
	       "rounded up or down by chance, so that totals are right on average, with noise") \
	METRIC(PACKETS, "telltale_packets_total", SUM, OWN, NO_LOSS, \
	       "Packets of amount above zero, by kind and by what their stream proved to be") \
	METRIC(REJECTS, "telltale_rejects_total", SUM, OWN, NO_LOSS, \
	       "All Reject packets, by code and operation") \
	METRIC(OUTCOMES, "telltale_exchanges_total", SUM, OWN, BY_LABEL, "Exchanges by outcome") \
	METRIC(HTTP_ERRORS, "telltale_http_errors_total", SUM, OWN, NO_LOSS, \
	       "Exchanges that ended in an HTTP status other than 200 without packet, by class") \
	METRIC(LOST, "telltale_lost_total", SUM, OWN, BY_LABEL, \
	       "Exchanges whose outcome was not seen, by cause") \
	METRIC(ORIGINS, "telltale_exchanges_by_origin_total", SUM, OWN, NO_LOSS, \
	       "Exchanges by origin") \
	METRIC(ORIGIN_UNKNOWN, "telltale_origin_unknown_total", SUM, OWN, BY_LABEL, \
	       "Outgoing exchanges that may be forwarded ones, by why that is not known") \
	METRIC(PEER_EXCHANGES, "telltale_peer_exchanges_total", SUM, OWN, NO_LOSS, \
	       "Exchanges that went to a peer, by peer and outcome") \
	METRIC(PEER_REJECTS, "telltale_peer_rejects_total", SUM, OWN, NO_LOSS, \
	       "Reject packets of a peer, by peer and code") \
	METRIC(PEER_TIME, "telltale_peer_ms", HISTOGRAM, OWN, NO_LOSS, \
	       "Time of the packets that went to a peer, by peer and part") \
	METRIC(PEER_AMOUNT, "telltale_peer_amount_fulfill_total", SUM, OWN, NO_LOSS, \
	       "Value of fulfilled packets that went to a peer, with the noise of " \
	       "telltale_amount_fulfill_total") \
	METRIC(PEER_SPREAD, "telltale_peer_spread", GAUGE, OWN, NO_LOSS, \
	       "Value that came in minus value that went to a peer, of forwarded packets that were " \
	       "fulfilled, since the start, rounded by chance and with noise; below 0 it is a loss") \
	METRIC(PEER_SPREAD_VARIANCE, "telltale_peer_spread_variance_total", SUM, OWN, NO_LOSS, \
	       "Variance of telltale_peer_spread by rounding and noise, in squares of its unit") \
	METRIC(SPREAD_UNKNOWN, "telltale_spread_unknown_total", SUM, OWN, NO_LOSS, \
	       "Forwarded packets that were fulfilled and whose spread is not known, by why") \
	METRIC(HOPS, "telltale_hops_total", SUM, OWN, NO_LOSS, \
	       "Packets on their way through the target, by whether their time was split") \
	METRIC(COLUMN_TIME, "telltale_column_ms", HISTOGRAM, OWN, NO_LOSS, \
	       "Where the time of packets went that were alone in their process, by column") \
	METRIC(DEPENDENCY_TIME, "telltale_dependency_ms", HISTOGRAM, OWN, NO_LOSS, \
	       "Time that a packet's connector waited for a dependency, by dependency") \
	METRIC(DEPENDENCY_TURNS, "telltale_dependency_turns_total", SUM, OWN, NO_LOSS, \
	       "Questions to a dependency in packets whose time was split, by dependency") \
	METRIC(IN_HAND, "telltale_in_hand_ns_total", SUM, OWN, NO_LOSS, \
	       "What threads did while they had several packets in hand, by state") \
	METRIC(CLOCKS, "telltale_clocks", GAUGE, OWN, NO_LOSS, \
	       "1 while the clocks of the targets' threads run, 0 when they are off, -1 when the " \
	       "kernel refuses them") \
	METRIC(CLOCKS_RESTARTED, "telltale_clocks_restarted_total", SUM, OWN, NO_LOSS, \
	       "Times that the clocks began anew, as events were lost or memory was used up") \
	METRIC(SPANS_DROPPED, "telltale_spans_dropped_total", SUM, OWN, NO_LOSS, \
	       "Spans of traces that found no room between two exports") \
	METRIC(PROGRAMS_TIMED, "telltale_programs_timed_total", SUM, OWN, NO_LOSS, \
	       "Runs of telltale's programs in the kernel that were timed, by program") \
	METRIC(PROGRAMS_TIMED_NS, "telltale_programs_timed_ns_total", SUM, OWN, NO_LOSS, \
	       "Time that these runs took, by program") \
	METRIC(PROGRAMS_MISSED, "telltale_programs_missed_total", SUM, OWN, BY_LABEL, \
	       "Runs of telltale's programs that the kernel left out, by program") \
	METRIC(OWN_CPU, "telltale_cpu_ms_total", SUM, OWN, NO_LOSS, \
	       "CPU time that telltale itself took, by half") \
	METRIC(OWN_MEMORY, "telltale_memory_bytes", GAUGE, OWN, NO_LOSS, \
	       "Resident memory of telltale itself, by half") \
	METRIC(RECORDS, "telltale_records_total", SUM, OWN, BY_LABEL, \
	       "Records read from the ring, by type") \
	METRIC(RECORDS_DROPPED, "telltale_records_dropped_total", SUM, OWN, LOSS, \
	       "Records that found no room in the ring") \
	METRIC(HALF_SEEN, "telltale_half_seen_total", SUM, OWN, LOSS, \
	       "Replies, within a minute of the start, to Prepares that the target had sent before it") \
	METRIC(DAEMON_KILLED, "telltale_daemon_killed_total", SUM, OWN, LOSS, \
	       "Times that the daemon half before this one was killed, and what it had in hand is not counted") \
	METRIC(PROBE_RESTARTED, "telltale_probe_restarted_total", SUM, OWN, LOSS, \
	       "Times that the probe half was restarted beside a target that ran, or ended without a word, and what was sent meanwhile is not counted") \
	METRIC(GAPS, "telltale_gaps_total", SUM, OWN, BY_LABEL, \
	       "Times that bytes of a followed connection could not be read, by cause") \
	METRIC(GAP_BYTES, "telltale_gap_bytes_total", SUM, OWN, NO_LOSS, \
	       "Bytes missed in gaps, by cause") \
	METRIC(UNMATCHED, "telltale_unmatched_total", SUM, OWN, NO_LOSS, \
	       "Replies whose Prepare was not seen") \
	METRIC(REPEATED, "telltale_repeated_total", SUM, OWN, NO_LOSS, \
	       "Asynchronous replies to what had been answered already") \
	METRIC(BAD_REQUESTS, "telltale_bad_requests_total", SUM, OWN, NO_LOSS, \
	       "Requests announced as ILP that hold no ILP packet") \
	METRIC(NAMELESS, "telltale_http2_nameless_total", SUM, OWN, LOSS, \
	       "Prepares over HTTP/2 whose endpoint or token was named before they were followed") \
	METRIC(EVICTED, "telltale_evicted_total", SUM, OWN, BY_LABEL, \
	       "Entries pushed out of a full table, by table") \
	METRIC(UNATTRIBUTED, "telltale_unattributed_total", SUM, OWN, LOSS, \
	       "Fulfilled packets originated here whose asset no configuration says") \
	METRIC(UNCONVERTED, "telltale_unconverted_total", SUM, OWN, LOSS, \
	       "Fulfilled packets originated here whose asset no rate converts") \
	METRIC(OTHERS_UNVALUED, "telltale_others_unvalued_total", SUM, OWN, NO_LOSS, \
	       "Fulfilled packets that were not originated here and have no value, by why") \
	METRIC(SATURATED, "telltale_saturated_total", SUM, OWN, NO_LOSS, \
	       "Amounts too large to be converted, counted as the largest value") \
	METRIC(OPAQUE, "telltale_opaque_connections_total", SUM, OWN, BY_LABEL, \
	       "Connections in scope whose bytes cannot be read, by reason") \
	METRIC(TLS_PROCESSES, "telltale_tls_processes", GAUGE, OWN, NO_LOSS, \
	       "Processes whose TLS library is being read") \
	METRIC(TARGETS_MISSING, "telltale_targets_missing", GAUGE, OWN, LOSS, \
	       "Targets that are waiting, gone or not attached in full at this moment") \
	METRIC(TARGET_CGROUPS, "telltale_target_cgroups", GAUGE, OWN, NO_LOSS, \
	       "Cgroups of a target that are attached, by target; 0: it waits or is gone") \
	METRIC(TARGET_SINCE, "telltale_target_since_seconds", GAUGE, OWN, NO_LOSS, \
	       "When a target came to be attached, gone or waiting, as seconds since 1970, by target") \
	METRIC(EXPORTS, "telltale_exports_total", SUM, OWN, NO_LOSS, "Exports by endpoint") \
	METRIC(EXPORT_FAILURES, "telltale_export_failures_total", SUM, OWN, NO_LOSS, \
	       "Exports that failed for good, by endpoint") \
	METRIC(EXPORT_RETRIES, "telltale_export_retries_total", SUM, OWN, NO_LOSS, \
	       "Exports that were tried again, by endpoint") \
	METRIC(EXPORT_REJECTED, "telltale_export_rejected_points_total", SUM, OWN, NO_LOSS, \
	       "Data points that a collector refused of an export it accepted, by endpoint") \
	METRIC(EXPORT_BYTES, "telltale_export_bytes_total", SUM, OWN, NO_LOSS, \
	       "Bytes of acknowledged requests, compressed where they are, by endpoint") \
	METRIC(EXPORT_TIME, "telltale_export_ms", HISTOGRAM, OWN, NO_LOSS, \
	       "Time of an export, from the request to its acknowledgement, by endpoint") \
	METRIC(EXPORT_LAST_SUCCESS, "telltale_export_last_success_seconds", GAUGE, OWN, NO_LOSS, \
	       "When an export was acknowledged last, as seconds since 1970, by endpoint; 0: never") \
	METRIC(EXPORT_FAILING, "telltale_export_consecutive_failures", GAUGE, OWN, NO_LOSS, \
	       "Attempts that have failed since the last acknowledged one, by endpoint") \
	METRIC(EXPORT_STATUS, "telltale_export_last_status", GAUGE, OWN, NO_LOSS, \
	       "How the last attempt ended, as gRPC status code, by endpoint; 0: well, -1: none yet") \
	METRIC(EXPORT_SPANS, "telltale_export_spans_total", SUM, OWN, NO_LOSS, \
	       "Spans of traces that a collector accepted, by endpoint") \
	METRIC(EXPORT_SPANS_LOST, "telltale_export_spans_lost_total", SUM, OWN, NO_LOSS, \
	       "Spans of traces that a collector refused, or that waited too long for it, by endpoint") \
	METRIC(PRIVACY_STATE, "telltale_privacy_state_total", SUM, OWN, BY_LABEL, \
	       "What went wrong with the state of the continual mechanism, by event") \
	METRIC(HISTORY_FAILURES, "telltale_history_failures_total", SUM, OWN, BY_LABEL, \
	       "What went wrong with the file of the local page's history, by event") \
	METRIC(LAST_PACKET, "telltale_last_packet_seconds", GAUGE, OWN, NO_LOSS, \
	       "When an ILP packet was last seen, in seconds since 1970; 0: not since the start") \
	METRIC(RATES_AGE, "telltale_rates_age_seconds", GAUGE, OWN, NO_LOSS, \
	       "Age of the rates in use, by document; -1 when there are none") \
	METRIC(RATES_FAILURES, "telltale_rates_failures_total", SUM, OWN, NO_LOSS, \
	       "Failed refreshes of the rates, by document")
/* clang-format on */

enum metric {
#define METRIC(id, name, shape, audience, loss, description) METRIC_##id,
	METRICS(METRIC)
#undef METRIC
		METRICS_LEN
};

enum metric_shape { METRIC_SUM, METRIC_GAUGE, METRIC_HISTOGRAM };

enum metric_loss { METRIC_NO_LOSS, METRIC_LOSS, METRIC_BY_LABEL };

struct metric_info {
	const char *name;
	const char *description;
	enum metric_shape shape;
	enum audience audience;
	enum metric_loss loss;
};

extern const struct metric_info metric_infos[METRICS_LEN];

/* Explicit bounds of every histogram, in ms: OpenTelemetry's default ones. */
#define METRIC_BOUNDS 15
extern const double metric_bounds_ms[METRIC_BOUNDS];
/* The bucket that NS falls into, 0 to METRIC_BOUNDS. A bound belongs to the bucket below it. */
unsigned metric_bucket(uint64_t ns);

#endif
