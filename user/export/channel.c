/* SPDX-License-Identifier: Apache-2.0 */
#include "export/channel.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <grpc/byte_buffer_reader.h>
#include <grpc/grpc_security.h>
#include <grpc/support/alloc.h>

#include "export/gzip.h"
#include "export/export.h"
#include "base/log.h"
#include "export/otlp.h"
#include "base/proxy.h"

#define STAGE        "export"
#define USER_AGENT   "OTel-OTLP-Exporter-C/" TELLTALE_VERSION
#define REQUEST_MAX  (64 << 20)
#define RESPONSE_MAX (4 << 20)

static const char *const methods[EXPORT_SIGNALS] = {
	[EXPORT_METRICS] = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
	[EXPORT_TRACES] = "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
};

int export_channel_read(struct export_channel *c, const struct config_endpoint *endpoint, char *why,
			size_t why_len)
{
	memset(c, 0, sizeof(*c));
	c->endpoint = endpoint;
	return export_keys_read(endpoint, &c->keys, why, why_len);
}

static int make_headers(struct export_channel *c, char *why, size_t why_len)
{
	const struct config_endpoint *e = c->endpoint;

	if (!e->headers_len)
		return 0;
	c->headers = calloc(e->headers_len, sizeof(*c->headers));
	if (!c->headers)
		return -ENOMEM;
	for (size_t i = 0; i < e->headers_len; i++) {
		grpc_metadata *m = &c->headers[c->headers_len++];
		char name[256];
		size_t n = 0;

		for (; e->headers[i].name[n] && n < sizeof(name) - 1; n++)
			name[n] = (char)tolower((unsigned char)e->headers[i].name[n]);
		m->key = grpc_slice_from_copied_buffer(name, n);
		m->value = grpc_slice_from_copied_string(e->headers[i].value);
		if (e->headers[i].name[n] || !grpc_header_key_is_legal(m->key) ||
		    (!grpc_is_binary_header(m->key) &&
		     !grpc_header_nonbin_value_is_legal(m->value))) {
			/* The value may be a secret: name the header only. */
			snprintf(why, why_len, "header '%.64s' is not one that gRPC can send",
				 e->headers[i].name);
			return -EINVAL;
		}
	}
	return 0;
}

static grpc_arg arg_int(const char *key, int value)
{
	return (grpc_arg){.type = GRPC_ARG_INTEGER, .key = (char *)key, .value.integer = value};
}

static bool find_proxy(const struct config_endpoint *e, struct proxy *proxy)
{
	const char *colon = strrchr(e->authority, ':');
	char host[512];

	snprintf(host, sizeof(host), "%.*s", (int)(colon - e->authority), e->authority);
	return proxy_find(PROXY_GRPC, host, colon + 1, proxy);
}

void export_way(const struct config_endpoint *endpoint, char words[EXPORT_WAY])
{
	struct proxy proxy;

	words[0] = '\0';
	if (find_proxy(endpoint, &proxy))
		snprintf(words, EXPORT_WAY, " through the proxy %s (%s)", proxy.shown,
			 proxy.variable);
	else if (proxy.variable)
		snprintf(words, EXPORT_WAY,
			 " directly, because gRPC cannot use the proxy %s (%s): it takes http:// "
			 "proxies only",
			 proxy.shown, proxy.variable);
	explicit_bzero(&proxy, sizeof(proxy));
}

static void open_channel(struct export_channel *c)
{
	const struct config_endpoint *e = c->endpoint;
	struct proxy proxy;
	bool proxied = find_proxy(e, &proxy);
	char target[512];
	grpc_arg args[] = {
		{.type = GRPC_ARG_STRING,
		 .key = (char *)GRPC_ARG_PRIMARY_USER_AGENT_STRING,
		 .value.string = (char *)USER_AGENT},
		arg_int(GRPC_ARG_MAX_SEND_MESSAGE_LENGTH, -1), /* make_request checks */
		arg_int(GRPC_ARG_MAX_RECEIVE_MESSAGE_LENGTH, RESPONSE_MAX),
		/* The collector's DNS zone must not decide how to retry. */
		arg_int(GRPC_ARG_SERVICE_CONFIG_DISABLE_RESOLUTION, 1),
		/* Two endpoints with one address keep separate connections, and a new channel makes
		 * a new connection. */
		arg_int(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1),
		arg_int(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 500),
		arg_int(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 5000),
		arg_int(GRPC_COMPRESSION_CHANNEL_DEFAULT_ALGORITHM,
			e->gzip ? GRPC_COMPRESS_GZIP : GRPC_COMPRESS_NONE),
		arg_int(GRPC_ARG_ENABLE_HTTP_PROXY, proxied),
		{.type = GRPC_ARG_STRING,
		 .key = (char *)GRPC_ARG_HTTP_PROXY,
		 .value.string = proxy.url},
	};
	grpc_channel_args list = {sizeof(args) / sizeof(args[0]), args};

	/* Without a scheme, gRPC would read a host called "unix" or "xds" as one. An IPv6 address
	 * gets no scheme: its bracket is not allowed in the path of a URI, and nothing reads it as
	 * a scheme. */
	snprintf(target, sizeof(target), "%s%s", e->authority[0] == '[' ? "" : "dns:///",
		 e->authority);
	if (c->channel)
		grpc_channel_destroy(c->channel);
	c->channel = grpc_channel_create(target, c->credentials, &list);
	explicit_bzero(&proxy, sizeof(proxy));
	c->reopen = false;
}

/* Makes gRPC credentials of KEYS and wipes its texts. NULL: gRPC cannot use them. */
static grpc_channel_credentials *make_credentials(const struct config_endpoint *e,
						  struct export_keys *keys)
{
	grpc_ssl_pem_key_cert_pair pair = {keys->key, keys->cert};
	grpc_channel_credentials *credentials =
		e->tls ? grpc_ssl_credentials_create_ex(keys->ca, keys->key ? &pair : NULL, NULL,
							NULL)
		       : grpc_insecure_credentials_create();

	export_keys_wipe(keys);
	return credentials;
}

int export_channel_open(struct export_channel *c, char *why, size_t why_len)
{
	int err = make_headers(c, why, why_len);

	if (err)
		return err;
	c->credentials = make_credentials(c->endpoint, &c->keys);
	if (!c->credentials) {
		snprintf(why, why_len,
			 "gRPC found no trusted certificates on this host; set "
			 "the endpoint's ca_file or install ca-certificates");
		return -ENOENT;
	}
	open_channel(c);
	return 0;
}

int export_channel_renew(struct export_channel *c, struct export_keys *keys)
{
	grpc_channel_credentials *credentials = make_credentials(c->endpoint, keys);

	if (!credentials)
		return -ENOENT;
	grpc_channel_credentials_release(c->credentials);
	c->credentials = credentials;
	c->reopen = true;
	return 0;
}

static gpr_timespec in_ms(int64_t ms)
{
	return gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC), gpr_time_from_millis(ms, GPR_TIMESPAN));
}

/* Frees the state of one export. */
static void forget_call(struct export_channel *c)
{
	grpc_call_unref(c->call);
	c->call = NULL;
	grpc_byte_buffer_destroy(c->request);
	if (c->response)
		grpc_byte_buffer_destroy(c->response);
	c->request = c->response = NULL;
	grpc_metadata_array_destroy(&c->initial);
	grpc_metadata_array_destroy(&c->trailing);
	grpc_slice_unref(c->details);
	c->details = grpc_empty_slice();
}

/* Compresses the request itself, instead of letting gRPC do it, to know the size that is sent. */
static int make_request(struct export_channel *c, const uint8_t *bytes, size_t len, size_t *sent)
{
	grpc_slice body;
	uint8_t *packed = NULL;
	int err = 0;

	if (len > REQUEST_MAX)
		return -EMSGSIZE;
	*sent = len;
	if (c->endpoint->gzip)
		err = export_gzip(bytes, len, &packed, sent);
	if (err)
		return err;
	body = grpc_slice_from_copied_buffer((const char *)(packed ? packed : bytes), *sent);
	c->request = packed ? grpc_raw_compressed_byte_buffer_create(&body, 1, GRPC_COMPRESS_GZIP)
			    : grpc_raw_byte_buffer_create(&body, 1);
	grpc_slice_unref(body);
	free(packed);
	return 0;
}

int export_channel_send(struct export_channel *c, enum export_signal signal,
			grpc_completion_queue *cq, void *tag, const uint8_t *bytes, size_t len,
			int64_t timeout_ms, bool insist, size_t *sent)
{
	grpc_op ops[6] = {0};
	grpc_call_error error;
	int err = make_request(c, bytes, len, sent);

	if (err)
		return err;
	if (c->reopen)
		open_channel(c);
	else if (insist)
		grpc_channel_reset_connect_backoff(c->channel);
	grpc_metadata_array_init(&c->initial);
	grpc_metadata_array_init(&c->trailing);
	c->details = grpc_empty_slice();
	c->call = grpc_channel_create_call(c->channel, NULL, GRPC_PROPAGATE_DEFAULTS, cq,
					   grpc_slice_from_static_string(methods[signal]), NULL,
					   in_ms(timeout_ms), NULL);

	ops[0].op = GRPC_OP_SEND_INITIAL_METADATA;
	ops[0].flags = insist ? GRPC_INITIAL_METADATA_WAIT_FOR_READY |
					GRPC_INITIAL_METADATA_WAIT_FOR_READY_EXPLICITLY_SET
			      : 0;
	ops[0].data.send_initial_metadata.count = c->headers_len;
	ops[0].data.send_initial_metadata.metadata = c->headers;
	ops[1].op = GRPC_OP_SEND_MESSAGE;
	ops[1].data.send_message.send_message = c->request;
	ops[2].op = GRPC_OP_SEND_CLOSE_FROM_CLIENT;
	ops[3].op = GRPC_OP_RECV_INITIAL_METADATA;
	ops[3].data.recv_initial_metadata.recv_initial_metadata = &c->initial;
	ops[4].op = GRPC_OP_RECV_MESSAGE;
	ops[4].data.recv_message.recv_message = &c->response;
	ops[5].op = GRPC_OP_RECV_STATUS_ON_CLIENT;
	ops[5].data.recv_status_on_client.trailing_metadata = &c->trailing;
	ops[5].data.recv_status_on_client.status = &c->status;
	ops[5].data.recv_status_on_client.status_details = &c->details;
	error = grpc_call_start_batch(c->call, ops, sizeof(ops) / sizeof(ops[0]), tag, NULL);
	if (error != GRPC_CALL_OK) {
		log_err(STAGE, "%s: gRPC refuses the call: %s", c->endpoint->url,
			grpc_call_error_to_string(error));
		forget_call(c);
		return -EIO;
	}
	return 0;
}

/* A collector's error text may repeat a header's value: "no such key: ...". The log and the page
 * must not show it, neither whole nor without the "Bearer" in front. */
static void mask_headers(const struct config_endpoint *e, char *text)
{
	for (size_t i = 0; i < e->headers_len; i++) {
		const char *value = e->headers[i].value, *blank = strrchr(value, ' ');

		export_mask(text, value);
		if (blank)
			export_mask(text, blank + 1);
	}
}

static void read_response(struct export_channel *c, struct export_answer *answer)
{
	grpc_byte_buffer_reader reader;
	grpc_slice bytes;
	char *message = NULL;

	/* The status is OK: the data arrived, whatever the answer contains. */
	if (!c->response || !grpc_byte_buffer_reader_init(&reader, c->response))
		return;
	bytes = grpc_byte_buffer_reader_readall(&reader);
	grpc_byte_buffer_reader_destroy(&reader);
	if (otlp_decode_response(GRPC_SLICE_START_PTR(bytes), GRPC_SLICE_LENGTH(bytes),
				 &answer->rejected, &message) == -EBADMSG)
		log_debug(STAGE, "%s: acknowledged with an answer that is not OTLP",
			  c->endpoint->url);
	if (message) {
		mask_headers(c->endpoint, message);
		snprintf(answer->words, sizeof(answer->words), "%s", message);
		export_one_line(answer->words, sizeof(answer->words));
	}
	free(message);
	grpc_slice_unref(bytes);
}

static bool find_retry_info(const struct export_channel *c, uint32_t *delay_ms)
{
	for (size_t i = 0; i < c->trailing.count; i++) {
		const grpc_metadata *m = &c->trailing.metadata[i];

		if (!grpc_slice_str_cmp(m->key, "grpc-status-details-bin"))
			return export_retry_info(GRPC_SLICE_START_PTR(m->value),
						 GRPC_SLICE_LENGTH(m->value), delay_ms);
	}
	return false;
}

void export_channel_finish(struct export_channel *c, struct export_answer *answer)
{
	bool connected = grpc_channel_check_connectivity_state(c->channel, 0) == GRPC_CHANNEL_READY;
	bool retry_info;

	memset(answer, 0, sizeof(*answer));
	answer->status = c->status;
	retry_info = find_retry_info(c, &answer->delay_ms);
	answer->verdict = export_verdict(c->status, retry_info);
	if (answer->verdict == EXPORT_DONE) {
		read_response(c, answer);
	} else {
		char *details = grpc_slice_to_c_string(c->details);

		mask_headers(c->endpoint, details);
		export_words(c->status, details, connected, answer->words, sizeof(answer->words));
		/* So gRPC words that it has nothing to judge the other end by. */
		if (c->endpoint->tls && !c->endpoint->ca_file &&
		    strstr(details, "empty address list"))
			snprintf(answer->words, sizeof(answer->words),
				 "there are no certificate authorities on this host: install "
				 "ca-certificates, or set `ca` at the endpoint");
		gpr_free(details);
	}
	/* A connection whose other end has vanished looks healthy for many minutes: do not wait. */
	c->reopen = c->status == GRPC_STATUS_DEADLINE_EXCEEDED;
	forget_call(c);
}

void export_channel_cancel(struct export_channel *c)
{
	if (c->call)
		grpc_call_cancel(c->call, NULL);
}

void export_channel_fini(struct export_channel *c)
{
	export_keys_wipe(&c->keys);
	for (size_t i = 0; i < c->headers_len; i++) {
		grpc_slice_unref(c->headers[i].key);
		grpc_slice_unref(c->headers[i].value);
	}
	free(c->headers);
	if (c->channel)
		grpc_channel_destroy(c->channel);
	if (c->credentials)
		grpc_channel_credentials_release(c->credentials);
	memset(c, 0, sizeof(*c));
}
