/* SPDX-License-Identifier: Apache-2.0 */
/*
 * channel.h - one endpoint's gRPC channel. It carries at most one export at a time.
 *
 * The order of calls is read -> open -> (send -> finish)* -> fini. Everything after read happens on
 * one thread, which owns the completion queue. Only read may need privilege, for the key files.
 */
#ifndef TELLTALE_EXPORT_CHANNEL_H
#define TELLTALE_EXPORT_CHANNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <grpc/grpc.h>

#include "config/endpoint.h"
#include "export/keys.h"
#include "export/policy.h"

/* What an export is of. */
enum export_signal { EXPORT_METRICS, EXPORT_TRACES, EXPORT_SIGNALS };

struct export_channel {
	const struct config_endpoint *endpoint;
	struct export_keys keys; /* the texts are wiped once the credentials are made */
	grpc_channel_credentials *credentials;
	grpc_channel *channel;
	grpc_metadata *headers;
	size_t headers_len;
	bool reopen; /* the connection may be dead without an error */
	/* the current export; call NULL: none */
	grpc_call *call;
	grpc_byte_buffer *request, *response;
	grpc_metadata_array initial, trailing;
	grpc_status_code status;
	grpc_slice details;
};

/* The result of an export. */
struct export_answer {
	enum export_verdict verdict;
	grpc_status_code status;
	uint32_t delay_ms;        /* RETRY: the wait that the endpoint asked for; 0: none */
	int64_t rejected;         /* DONE: how many points the endpoint refused */
	char words[EXPORT_WORDS]; /* what went wrong; DONE: the endpoint's warning, or empty */
};

/* Reads ENDPOINT's key files. ENDPOINT must outlive C. 0, or -errno with a sentence in WHY. */
int export_channel_read(struct export_channel *c, const struct config_endpoint *endpoint, char *why,
			size_t why_len);
/* Makes the channel, which connects at the first export. 0, or -errno with a sentence in WHY. */
int export_channel_open(struct export_channel *c, char *why, size_t why_len);
/* Uses KEYS from the next export on, and wipes their texts. The current export is not affected. 0,
 * or -ENOENT: gRPC cannot use KEYS, and nothing has changed. */
int export_channel_renew(struct export_channel *c, struct export_keys *keys);
/*
 * Sends LEN bytes of SIGNAL, which are copied. Posts TAG to CQ when the export has ended, well or
 * not, within TIMEOUT_MS. INSIST: keep trying to connect; else fail at the first refused
 * connection. *SENT is the size of the request as it is sent. 0 or -errno (-EMSGSIZE: more than
 * OTLP allows); after an error no tag comes.
 */
int export_channel_send(struct export_channel *c, enum export_signal signal,
			grpc_completion_queue *cq, void *tag, const uint8_t *bytes, size_t len,
			int64_t timeout_ms, bool insist, size_t *sent);
/* Called after the tag has come: the result of the export. */
void export_channel_finish(struct export_channel *c, struct export_answer *answer);
/* Cancels the current export; its tag still comes. */
void export_channel_cancel(struct export_channel *c);
void export_channel_fini(struct export_channel *c); /* not during an export */

#endif
