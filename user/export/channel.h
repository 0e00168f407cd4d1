/* SPDX-License-Identifier: Apache-2.0 */
/*
 * channel.h - one endpoint's gRPC channel and the one export that may be under way on it.
 *
 * read -> open -> (send -> finish)* -> fini. Everything after read happens on one thread, which
 * owns the completion queue; read alone may need privilege, for the key files.
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

struct export_channel {
	const struct config_endpoint *endpoint;
	struct export_keys keys; /* the texts are wiped once the credentials are made */
	grpc_channel_credentials *credentials;
	grpc_channel *channel;
	grpc_metadata *headers;
	size_t headers_len;
	bool reopen; /* the connection may be dead without anyone saying so */
	/* the export under way; call NULL: none */
	grpc_call *call;
	grpc_byte_buffer *request, *response;
	grpc_metadata_array initial, trailing;
	grpc_status_code status;
	grpc_slice details;
};

/* What became of an export. */
struct export_answer {
	enum export_verdict verdict;
	grpc_status_code status;
	uint32_t delay_ms; /* RETRY: what the endpoint asked for; 0: nothing */
	int64_t rejected;  /* DONE: points that the endpoint refused */
	char words[256];   /* what went wrong; of a DONE: the endpoint's warning, or empty */
};

/* Reads ENDPOINT's key files; it must outlive C. 0, or -errno with a sentence in WHY. */
int export_channel_read(struct export_channel *c, const struct config_endpoint *endpoint, char *why,
			size_t why_len);
/* Makes the channel, which connects with the first export. 0, or -errno with a sentence in WHY. */
int export_channel_open(struct export_channel *c, char *why, size_t why_len);
/* From the next export on, KEYS are used, whose texts are wiped; the export under way ends as it
 * began. 0, or -ENOENT: nothing has changed. */
int export_channel_renew(struct export_channel *c, struct export_keys *keys);
/*
 * Sends LEN bytes (copied) and posts TAG to CQ once it has ended in whatever way, at the latest
 * TIMEOUT_MS from now. INSIST: while there is no connection keep trying, else fail at the first
 * refusal. *SENT is how many bytes they are for the connection. 0 or -errno (-EMSGSIZE: more than
 * OTLP allows); after an error no tag comes.
 */
int export_channel_send(struct export_channel *c, grpc_completion_queue *cq, void *tag,
			const uint8_t *bytes, size_t len, int64_t timeout_ms, bool insist,
			size_t *sent);
/* After the tag: what became of it. */
void export_channel_finish(struct export_channel *c, struct export_answer *answer);
/* Ends the export under way early; its tag still comes. */
void export_channel_cancel(struct export_channel *c);
void export_channel_fini(struct export_channel *c); /* no export may be under way */

#endif
