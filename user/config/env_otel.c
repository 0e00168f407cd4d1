/* SPDX-License-Identifier: Apache-2.0 */
/* env_otel.c - the environment: OpenTelemetry's variables that say where to export. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config/env.h"
#include "config/env_readers.h"
#include "config/notes.h"
#include "config/text.h"
#include "config/url.h"

/* The new endpoint takes no settings from the one it replaces: they are defaults again. */
static void forget_notes(struct env *e)
{
	static const char *const fields[] = {"ca",          "cert",       "key",    "timeout",
					     "compression", "histograms", "network"};
	char name[CONFIG_PATH];

	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		env_endpoint_name(name, 0, fields[i]);
		env_note(e, name, NULL);
	}
}

/* The audience of an endpoint that replaces all others. Which of them it stands for cannot be
 * known, so it gets exact figures only if all of them would have. */
static enum audience audience_of_all(const struct config *c)
{
	for (size_t i = 0; i < c->endpoints_len; i++) {
		if (c->endpoints[i].audience != AUDIENCE_OWN)
			return AUDIENCE_NETWORK;
	}
	return c->endpoints_len ? AUDIENCE_OWN : AUDIENCE_NETWORK;
}

/* The network of an endpoint that replaces all others: the one that the replaced collectors of the
 * network were declared to serve. The operator's own collectors do not decide it: they may serve
 * both networks. */
static enum network network_of_all(const struct config *c)
{
	for (size_t i = 0; i < c->endpoints_len; i++) {
		if (c->endpoints[i].audience == AUDIENCE_NETWORK)
			return c->endpoints[i].network;
	}
	return c->network;
}

static void read_otlp_endpoint(struct env *e)
{
	struct config *c = e->l->config;
	const char *variable, *insecure_variable;
	const char *url = env_otlp_text(e, ENV_OTLP("ENDPOINT"), &variable);
	enum audience audience = audience_of_all(c);
	enum network network = network_of_all(c);
	struct config_endpoint *endpoint;
	bool insecure = false;

	if (env_otlp_text(e, ENV_OTLP("INSECURE"), &insecure_variable))
		env_flag(e, insecure_variable, &insecure);
	if (!url)
		return;
	env_forget_endpoints(e);
	forget_notes(e);
	endpoint = env_add_endpoint(e, variable, url, !insecure, audience);
	if (endpoint)
		endpoint->network = network;
}

/* Applies one file-valued variable to every endpoint that speaks TLS. */
static void read_otlp_file(struct env *e, struct env_otlp v, const char *field, size_t offset)
{
	struct config *c = e->l->config;
	char why[CONFIG_WHY], name[CONFIG_PATH];
	const char *variable;
	const char *text = env_otlp_text(e, v, &variable);
	int err = text ? config_check_absolute(text, why) : -EINVAL;

	if (text)
		env_refuse(e, variable, err, why);
	for (size_t i = 0; !err && i < c->endpoints_len; i++) {
		if (!c->endpoints[i].tls)
			continue;
		env_replace(e, (char **)((char *)&c->endpoints[i] + offset), text);
		env_endpoint_name(name, i, field);
		env_note(e, name, variable);
	}
}

static void read_otlp_timeout(struct env *e)
{
	struct config *c = e->l->config;
	char why[CONFIG_WHY], name[CONFIG_PATH];
	uint32_t timeout_ms;
	const char *variable;
	const char *text = env_otlp_text(e, ENV_OTLP("TIMEOUT"), &variable);
	int err;

	if (!text)
		return;
	err = config_parse_ms(text, CONFIG_TIMEOUT_MIN_MS, CONFIG_TIMEOUT_MAX_MS, &timeout_ms, why);
	env_refuse(e, variable, err, why);
	for (size_t i = 0; !err && i < c->endpoints_len; i++) {
		c->endpoints[i].timeout_ms = timeout_ms;
		env_endpoint_name(name, i, "timeout");
		env_note(e, name, variable);
	}
}

static void read_otlp_compression(struct env *e)
{
	struct config *c = e->l->config;
	char why[CONFIG_WHY], name[CONFIG_PATH];
	const char *variable;
	const char *text = env_otlp_text(e, ENV_OTLP("COMPRESSION"), &variable);
	bool gzip;
	int err;

	if (!text)
		return;
	err = config_parse_compression(text, &gzip, why);
	env_refuse(e, variable, err, why);
	for (size_t i = 0; !err && i < c->endpoints_len; i++) {
		c->endpoints[i].gzip = gzip;
		env_endpoint_name(name, i, "compression");
		env_note(e, name, variable);
	}
}

/* Replaces the headers of the only endpoint by PAIRS, and takes ownership of PAIRS. */
static void replace_headers(struct env *e, const char *variable, struct config_attribute *pairs,
			    size_t len)
{
	struct config_endpoint *endpoint = &e->l->config->endpoints[0];
	struct config_header *headers = calloc(len + 1, sizeof(*headers));
	char why[CONFIG_WHY], name[CONFIG_PATH];

	if (!headers) {
		e->l->no_memory = true;
		config_pairs_free(pairs, len);
		return;
	}
	for (size_t i = 0; i < endpoint->headers_len; i++) {
		free(endpoint->headers[i].name);
		free(endpoint->headers[i].value);
	}
	free(endpoint->headers);
	for (size_t i = 0; i < len; i++) {
		headers[i] = (struct config_header){pairs[i].key, pairs[i].value};
		env_refuse(e, variable, config_check_header(headers, i, why), why);
		snprintf(name, sizeof(name), "endpoints.0.headers.%s", headers[i].name);
		env_note(e, name, variable);
	}
	free(pairs);
	endpoint->headers = headers;
	endpoint->headers_len = len;
}

static void read_otlp_headers(struct env *e)
{
	struct config *c = e->l->config;
	struct config_attribute *pairs;
	char why[CONFIG_WHY];
	const char *variable;
	const char *text = env_otlp_text(e, ENV_OTLP("HEADERS"), &variable);
	size_t len;
	int err;

	if (!text || !c->endpoints_len)
		return;
	if (c->endpoints_len > 1) {
		config_error_env(e->l, variable,
				 "there are %zu endpoints, and headers may be credentials for one "
				 "of them; give each endpoint its `headers` in the file",
				 c->endpoints_len);
		return;
	}
	err = config_parse_pairs(text, &pairs, &len, why);
	env_refuse(e, variable, err, why);
	if (!err)
		replace_headers(e, variable, pairs, len);
}

/* Replaces the attribute of PAIR's name by PAIR, or adds it. C then owns PAIR's texts. */
static int set_attribute(struct config *c, struct config_attribute *pair)
{
	struct config_attribute *list;
	size_t i = 0;

	while (i < c->attributes_len && strcmp(c->attributes[i].key, pair->key))
		i++;
	if (i == c->attributes_len) {
		list = reallocarray(c->attributes, i + 1, sizeof(*list));
		if (!list)
			return -ENOMEM;
		c->attributes = list;
		c->attributes_len++;
	} else {
		free(c->attributes[i].key);
		free(c->attributes[i].value);
	}
	c->attributes[i] = *pair;
	*pair = (struct config_attribute){0};
	return 0;
}

void config_env_resource(struct env *e)
{
	static const char variable[] = "OTEL_RESOURCE_ATTRIBUTES";
	struct config *c = e->l->config;
	struct config_attribute *pairs;
	char why[CONFIG_WHY], name[CONFIG_PATH];
	const char *text = env_get(e, variable);
	size_t len;
	int err;

	if (!text)
		return;
	err = config_parse_pairs(text, &pairs, &len, why);
	env_refuse(e, variable, err, why);
	if (err)
		return;
	for (size_t i = 0; i < len; i++) {
		env_refuse(e, variable, config_check_attribute(pairs[i].key, why), why);
		snprintf(name, sizeof(name), "resource.%s", pairs[i].key);
		env_note(e, name, variable);
		if (!strcmp(pairs[i].key, "service.name"))
			env_replace(e, &c->service_name, pairs[i].value);
		else if (c->attributes_len < CONFIG_PAIRS_MAX)
			env_refuse(e, variable, set_attribute(c, &pairs[i]), why);
		else
			config_error_env(e->l, variable,
					 "makes more than %d resource attributes; remove some",
					 CONFIG_PAIRS_MAX);
	}
	config_pairs_free(pairs, len);
}

void config_env_transport(struct env *e)
{
	struct config *c = e->l->config;
	char why[CONFIG_WHY];
	unsigned before;

	read_otlp_endpoint(e);
	read_otlp_file(e, ENV_OTLP("CERTIFICATE"), "ca", offsetof(struct config_endpoint, ca_file));
	read_otlp_file(e, ENV_OTLP("CLIENT_CERTIFICATE"), "cert",
		       offsetof(struct config_endpoint, cert_file));
	read_otlp_file(e, ENV_OTLP("CLIENT_KEY"), "key",
		       offsetof(struct config_endpoint, key_file));
	read_otlp_timeout(e);
	read_otlp_compression(e);
	read_otlp_headers(e);
	before = e->l->errors_len;
	for (size_t i = 0; i < c->endpoints_len && !before; i++) {
		if (config_check_endpoint(&c->endpoints[i], why))
			config_error_env(e->l, "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE",
					 "endpoint %.120s %s", c->endpoints[i].url, why);
	}
}
