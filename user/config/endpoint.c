/* SPDX-License-Identifier: Apache-2.0 */
#include "config/endpoint.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <netinet/in.h>
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

/* A collector's host as it is compared: an address, or else a name. */
struct host {
	bool numeric;
	struct in6_addr address; /* of IPv4 mapped into IPv6 */
	const char *name;
	size_t len;
};

static bool read_address(const char *text, struct in6_addr *out)
{
	struct in_addr narrow;

	if (inet_pton(AF_INET6, text, out) == 1)
		return true;
	if (inet_pton(AF_INET, text, &narrow) != 1)
		return false;
	memset(out, 0, sizeof(*out));
	out->s6_addr[10] = out->s6_addr[11] = 0xff;
	memcpy(&out->s6_addr[12], &narrow, sizeof(narrow));
	return true;
}

/* Whoever connects to an unspecified address reaches its own host, as by those of loopback. */
static bool is_own_host(const struct in6_addr *a)
{
	static const struct in6_addr any_narrow = {{{[10] = 0xff, [11] = 0xff}}};

	return IN6_IS_ADDR_LOOPBACK(a) || IN6_IS_ADDR_UNSPECIFIED(a) ||
	       !memcmp(a, &any_narrow, sizeof(*a));
}

/* The host of AUTHORITY, up to COLON. The usual names of the own host are one. */
static struct host host_of(const char *authority, const char *colon)
{
	size_t bracket = *authority == '['; /* bytes of it at each end */
	struct host h = {.name = authority, .len = (size_t)(colon - authority)};
	char text[INET6_ADDRSTRLEN];

	if (h.len > 1 && authority[h.len - 1] == '.')
		h.len--;
	if (h.len < sizeof(text) && h.len > 2 * bracket) {
		memcpy(text, authority + bracket, h.len - 2 * bracket);
		text[h.len - 2 * bracket] = '\0';
		h.numeric = read_address(strcasecmp(text, "localhost") ? text : "127.0.0.1",
					 &h.address);
	}
	if (h.numeric && is_own_host(&h.address))
		read_address("127.0.0.1", &h.address);
	return h;
}

static bool same_host(const struct host *a, const struct host *b)
{
	if (a->numeric && b->numeric)
		return IN6_ARE_ADDR_EQUAL(&a->address, &b->address);
	return !a->numeric && !b->numeric && a->len == b->len &&
	       !strncasecmp(a->name, b->name, a->len);
}

bool config_same_collector(const struct config_endpoint *a, const struct config_endpoint *b)
{
	const char *port = a->authority ? strrchr(a->authority, ':') : NULL;
	const char *other_port = b->authority ? strrchr(b->authority, ':') : NULL;
	struct host host, other;

	if (!port || !other_port)
		return false;
	host = host_of(a->authority, port);
	other = host_of(b->authority, other_port);
	return same_host(&host, &other) && !strcmp(port, other_port);
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
