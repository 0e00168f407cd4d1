/* SPDX-License-Identifier: Apache-2.0 */
#include "config/endpoint.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "config/text.h"

void config_endpoint_init(struct config_endpoint *e)
{
	memset(e, 0, sizeof(*e));
	e->audience = AUDIENCE_OWN;
	e->timeout_ms = CONFIG_TIMEOUT_MS;
}

void config_endpoint_fini(struct config_endpoint *e)
{
	free(e->url);
	free(e->authority);
	free(e->ca_file);
	free(e->cert_file);
	free(e->key_file);
	for (size_t i = 0; i < e->headers_len; i++) {
		free(e->headers[i].name);
		free(e->headers[i].value);
	}
	free(e->headers);
}

void config_pairs_free(struct config_attribute *pairs, size_t pairs_len)
{
	for (size_t i = 0; i < pairs_len; i++) {
		free(pairs[i].key);
		free(pairs[i].value);
	}
	free(pairs);
}

/* The authority's host; *LEN is its length. The usual names of loopback are one host. */
static const char *host_of(const char *authority, size_t *len)
{
	static const char loopback[] = "localhost";
	const char *colon = strrchr(authority, ':');

	*len = colon ? (size_t)(colon - authority) : strlen(authority);
	if (*len > 1 && authority[*len - 1] == '.')
		(*len)--;
	if ((*len == 9 && !strncmp(authority, "127.0.0.1", 9)) ||
	    (*len == 5 && !strncmp(authority, "[::1]", 5))) {
		*len = strlen(loopback);
		return loopback;
	}
	return authority;
}

bool config_same_collector(const struct config_endpoint *a, const struct config_endpoint *b)
{
	const char *host, *other, *port, *other_port;
	size_t len, other_len;

	if (!a->authority || !b->authority)
		return false;
	host = host_of(a->authority, &len);
	other = host_of(b->authority, &other_len);
	port = strrchr(a->authority, ':');
	other_port = strrchr(b->authority, ':');
	return len == other_len && !strncasecmp(host, other, len) && port && other_port &&
	       !strcmp(port, other_port);
}

const char *config_same_collector_words(const struct config_endpoint *a,
					const struct config_endpoint *b)
{
	if (a->audience == b->audience)
		return "would receive everything twice; remove one";
	return "would receive the node's exact figures and the network's under the same names; "
	       "give each audience a collector of its own, or remove one";
}

int config_check_endpoint(const struct config_endpoint *e, char *why)
{
	if (!e->tls && (e->ca_file || e->cert_file || e->key_file))
		return config_refuse(
			why, "has certificate files but no TLS; begin its URL with https://, "
			     "or remove ca, cert and key");
	if (!e->cert_file != !e->key_file)
		return config_refuse(why, "has %s without %s; a client certificate needs both",
				     e->cert_file ? "cert" : "key", e->cert_file ? "key" : "cert");
	if (e->exponential && e->audience == AUDIENCE_NETWORK)
		return config_refuse(
			why, "has exponential histograms and audience network, whose dashboards "
			     "and privacy mechanism know only explicit buckets; remove "
			     "histograms");
	if (e->traces && e->audience == AUDIENCE_NETWORK)
		return config_refuse(why, "asks for traces and has audience network, and traces "
					  "are for your own collectors; remove traces");
	return 0;
}

int config_check_header(struct config_header *headers, size_t i, char *why)
{
	const char *value = headers[i].value;
	char *name = headers[i].name;
	size_t len = strlen(name);

	for (char *c = name; *c; c++) {
		*c = (char)tolower((unsigned char)*c);
		if (!isalnum((unsigned char)*c) && !strchr("-_.", *c))
			return config_refuse(
				why,
				"'%.60s' is not a header name; use letters, digits, '-', "
				"'_' and '.'",
				name);
	}
	if (!len)
		return config_refuse(why, "has no header name; write name and value");
	if (!strncmp(name, "grpc-", 5) || (len >= 4 && !strcmp(name + len - 4, "-bin")))
		return config_refuse(why, "'%.60s' is a name that gRPC reserves; choose another",
				     name);
	for (const char *c = value; *c; c++) {
		if ((unsigned char)*c < 0x20 || (unsigned char)*c > 0x7e)
			return config_refuse(
				why,
				"the value of header '%.60s' has a line break or another "
				"character that no header can carry; remove it",
				name);
	}
	for (size_t j = 0; j < i; j++) {
		if (headers[j].name && !strcmp(headers[j].name, name))
			return config_refuse(why, "header '%.60s' is there twice; keep one", name);
	}
	return 0;
}

int config_check_attribute(const char *key, char *why)
{
	if (!strncmp(key, "telltale.", 9))
		return config_refuse(why,
				     "'%.60s' begins with telltale., which telltale sets itself; "
				     "choose another name",
				     key);
	return 0;
}
