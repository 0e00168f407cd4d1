/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config_env.c - the environment: Rafiki's variables, consent, and OpenTelemetry's.
 *
 * An empty variable counts as not set, as OpenTelemetry's specification has it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config_impl.h"

struct env {
	struct config_loader *l;
	char *const *variables;
};

static const char *env_get(const struct env *e, const char *name)
{
	size_t len = strlen(name);

	for (char *const *v = e->variables; v && *v; v++) {
		if (!strncmp(*v, name, len) && (*v)[len] == '=')
			return (*v)[len + 1] ? *v + len + 1 : NULL;
	}
	return NULL;
}

static bool in_file(const struct env *e, const char *name)
{
	return config_noted(e->l->config, name).line > 0;
}

static void note(struct env *e, const char *name, const char *variable)
{
	struct config_source source = {.variable = variable};

	if (config_note(e->l->config, name, source))
		e->l->no_memory = true;
}

static void refuse(struct env *e, const char *variable, int err, const char *why)
{
	if (err == -ENOMEM)
		e->l->no_memory = true;
	else if (err)
		config_error_env(e->l, variable, "%s", why);
}

/* A copy of TEXT replaces *FIELD. */
static void replace(struct env *e, char **field, const char *text)
{
	char *copy = strdup(text);

	if (!copy) {
		e->l->no_memory = true;
		return;
	}
	free(*field);
	*field = copy;
}

/* The value of VARIABLE when it is set and a text; NULL after an error as well. */
static const char *env_text(struct env *e, const char *variable)
{
	const char *text = env_get(e, variable);
	char why[CONFIG_WHY];
	int err = text ? config_check_text(text, strlen(text), why) : 0;

	refuse(e, variable, err, why);
	return err ? NULL : text;
}

/* True when VARIABLE is set; then *FLAG is its value. */
static bool env_flag(struct env *e, const char *variable, bool *flag)
{
	const char *text = env_text(e, variable);

	if (!text)
		return false;
	*flag = !strcasecmp(text, "true");
	if (*flag || !strcasecmp(text, "false"))
		return true;
	config_error_env(e->l, variable, "'%.40s' is not true or false; write one of them", text);
	return false;
}

/* --- Rafiki's ---------------------------------------------------------------------------- */

static void read_consent(struct env *e)
{
	struct config *c = e->l->config;
	bool on;

	if (!env_flag(e, "ENABLE_TELEMETRY", &on))
		return;
	c->opted_out = !on;
	c->rafiki_telemetry_on = on;
}

static void read_network(struct env *e)
{
	struct config *c = e->l->config;
	enum network network;
	bool livenet;

	if (!env_flag(e, "LIVENET", &livenet))
		return;
	network = livenet ? NETWORK_LIVENET : NETWORK_TESTNET;
	if (in_file(e, "network") && c->network != network) {
		config_error_env(
			e->l, "LIVENET",
			"%s contradicts `network: %s` at %s:%u; make them agree, or remove "
			"one",
			livenet ? "true" : "false",
			c->network == NETWORK_LIVENET ? "livenet" : "testnet", e->l->file,
			config_noted(c, "network").line);
		return;
	}
	if (in_file(e, "network"))
		return;
	c->network = network;
	note(e, "network", "LIVENET");
}

static void read_rates(struct env *e)
{
	static const struct {
		enum rates_source source;
		const char *url_name, *url, *lifetime_name, *lifetime;
	} variables[] = {
		{RATES_OPERATOR, "rates.operator.url", "EXCHANGE_RATES_URL",
		 "rates.operator.lifetime", "EXCHANGE_RATES_LIFETIME"},
		{RATES_NETWORK, "rates.network.url", "TELEMETRY_EXCHANGE_RATES_URL",
		 "rates.network.lifetime", "TELEMETRY_EXCHANGE_RATES_LIFETIME"},
	};
	char why[CONFIG_WHY];

	for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++) {
		struct rates_source_config *source = &e->l->config->rates[variables[i].source];
		const char *url = env_text(e, variables[i].url);
		const char *lifetime = env_text(e, variables[i].lifetime);
		int err;

		if (url && !in_file(e, variables[i].url_name)) {
			err = config_parse_rates_location(url, why);
			refuse(e, variables[i].url, err, why);
			if (!err)
				replace(e, (char **)&source->location, url);
			note(e, variables[i].url_name, variables[i].url);
		}
		if (lifetime && !in_file(e, variables[i].lifetime_name)) {
			refuse(e, variables[i].lifetime,
			       config_parse_ms(lifetime, CONFIG_LIFETIME_MIN_MS,
					       CONFIG_LIFETIME_MAX_MS, &source->lifetime_ms, why),
			       why);
			note(e, variables[i].lifetime_name, variables[i].lifetime);
		}
	}
}

static void read_interval(struct env *e)
{
	static const char *const variables[] = {"OPEN_TELEMETRY_EXPORT_INTERVAL",
						"OTEL_METRIC_EXPORT_INTERVAL"};
	struct config *c = e->l->config;
	char why[CONFIG_WHY];

	/* The first is Rafiki's and fills in, the second OpenTelemetry's and overrides. */
	for (size_t i = 0; i < 2; i++) {
		const char *text = env_text(e, variables[i]);

		if (!text || (i == 0 && in_file(e, "export_interval")))
			continue;
		refuse(e, variables[i],
		       config_parse_ms(text, CONFIG_INTERVAL_MIN_MS, CONFIG_INTERVAL_MAX_MS,
				       &c->export_interval_ms, why),
		       why);
		note(e, "export_interval", variables[i]);
	}
}

static void endpoint_name(char *name, size_t index, const char *field)
{
	snprintf(name, CONFIG_PATH, "endpoints.%zu.%s", index, field);
}

/* One endpoint more, from VARIABLE; NULL after an error. */
static struct config_endpoint *add_endpoint(struct env *e, const char *variable, const char *url,
					    bool tls_default, enum audience audience)
{
	struct config *c = e->l->config;
	struct config_endpoint *list, *endpoint;
	char why[CONFIG_WHY], name[CONFIG_PATH];
	int err;

	if (c->endpoints_len == CONFIG_ENDPOINTS_MAX) {
		config_error_env(e->l, variable, "names more than %d endpoints; remove some",
				 CONFIG_ENDPOINTS_MAX);
		return NULL;
	}
	list = reallocarray(c->endpoints, c->endpoints_len + 1, sizeof(*list));
	if (!list) {
		e->l->no_memory = true;
		return NULL;
	}
	c->endpoints = list;
	endpoint = &list[c->endpoints_len];
	config_endpoint_init(endpoint);
	endpoint->audience = audience;
	err = config_parse_url(url, tls_default, endpoint, why);
	refuse(e, variable, err, why);
	for (size_t i = 0; !err && i < c->endpoints_len; i++) {
		if (list[i].authority && !strcmp(list[i].authority, endpoint->authority))
			config_error_env(e->l, variable,
					 "%.120s stands in it twice and would receive everything "
					 "twice; remove one",
					 endpoint->authority);
	}
	endpoint_name(name, c->endpoints_len, "url");
	note(e, name, variable);
	endpoint_name(name, c->endpoints_len, "audience");
	note(e, name, variable);
	c->endpoints_len++; /* also when refused: config_free takes it */
	return err ? NULL : endpoint;
}

static void read_collectors(struct env *e)
{
	static const char variable[] = "OPEN_TELEMETRY_COLLECTOR_URLS";
	const char *text = env_text(e, variable);
	char *copy, *rest, *url;

	if (!text || in_file(e, "endpoints"))
		return;
	copy = rest = strdup(text);
	if (!copy) {
		e->l->no_memory = true;
		return;
	}
	while ((url = strsep(&rest, ","))) {
		url += strspn(url, " ");
		url[strcspn(url, " ")] = '\0';
		if (*url && !add_endpoint(e, variable, url, false, AUDIENCE_NETWORK))
			break;
	}
	free(copy);
}

/* --- OpenTelemetry's --------------------------------------------------------------------- */

/* A variable and its variant for metrics, which goes first. */
struct otlp_variable {
	const char *metrics, *general;
};

#define OTLP(name)                                                                                 \
	(struct otlp_variable)                                                                     \
	{                                                                                          \
		"OTEL_EXPORTER_OTLP_METRICS_" name, "OTEL_EXPORTER_OTLP_" name                     \
	}

static const char *otlp_text(struct env *e, struct otlp_variable v, const char **variable)
{
	*variable = env_get(e, v.metrics) ? v.metrics : v.general;
	return env_text(e, *variable);
}

static void forget_endpoints(struct config *c)
{
	for (size_t i = 0; i < c->endpoints_len; i++)
		config_endpoint_fini(&c->endpoints[i]);
	c->endpoints_len = 0;
}

/* What the replaced endpoint had is not the new one's: its values are defaults again. */
static void forget_notes(struct env *e)
{
	static const char *const fields[] = {"ca", "cert", "key", "timeout", "compression"};
	char name[CONFIG_PATH];

	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		endpoint_name(name, 0, fields[i]);
		note(e, name, NULL);
	}
}

static void read_otlp_endpoint(struct env *e)
{
	struct config *c = e->l->config;
	const char *variable, *insecure_variable;
	const char *url = otlp_text(e, OTLP("ENDPOINT"), &variable);
	enum audience audience = c->endpoints_len ? c->endpoints[0].audience : AUDIENCE_OWN;
	bool insecure = false;

	if (otlp_text(e, OTLP("INSECURE"), &insecure_variable))
		env_flag(e, insecure_variable, &insecure);
	if (!url)
		return;
	forget_endpoints(c);
	forget_notes(e);
	add_endpoint(e, variable, url, !insecure, audience);
}

/* Applies one file-valued variable to every endpoint that speaks TLS. */
static void read_otlp_file(struct env *e, struct otlp_variable v, const char *field, size_t offset)
{
	struct config *c = e->l->config;
	char why[CONFIG_WHY], name[CONFIG_PATH];
	const char *variable;
	const char *text = otlp_text(e, v, &variable);
	int err = text ? config_check_absolute(text, why) : -EINVAL;

	if (text)
		refuse(e, variable, err, why);
	for (size_t i = 0; !err && i < c->endpoints_len; i++) {
		if (!c->endpoints[i].tls)
			continue;
		replace(e, (char **)((char *)&c->endpoints[i] + offset), text);
		endpoint_name(name, i, field);
		note(e, name, variable);
	}
}

static void read_otlp_timeout(struct env *e)
{
	struct config *c = e->l->config;
	char why[CONFIG_WHY], name[CONFIG_PATH];
	uint32_t timeout_ms;
	const char *variable;
	const char *text = otlp_text(e, OTLP("TIMEOUT"), &variable);
	int err;

	if (!text)
		return;
	err = config_parse_ms(text, CONFIG_TIMEOUT_MIN_MS, CONFIG_TIMEOUT_MAX_MS, &timeout_ms, why);
	refuse(e, variable, err, why);
	for (size_t i = 0; !err && i < c->endpoints_len; i++) {
		c->endpoints[i].timeout_ms = timeout_ms;
		endpoint_name(name, i, "timeout");
		note(e, name, variable);
	}
}

static void read_otlp_compression(struct env *e)
{
	struct config *c = e->l->config;
	char why[CONFIG_WHY], name[CONFIG_PATH];
	const char *variable;
	const char *text = otlp_text(e, OTLP("COMPRESSION"), &variable);
	bool gzip;
	int err;

	if (!text)
		return;
	err = config_parse_compression(text, &gzip, why);
	refuse(e, variable, err, why);
	for (size_t i = 0; !err && i < c->endpoints_len; i++) {
		c->endpoints[i].gzip = gzip;
		endpoint_name(name, i, "compression");
		note(e, name, variable);
	}
}

/* The headers of C's only endpoint become PAIRS, whose texts it owns from here on. */
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
		refuse(e, variable, config_check_header(headers, i, why), why);
		snprintf(name, sizeof(name), "endpoints.0.headers.%s", headers[i].name);
		note(e, name, variable);
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
	const char *text = otlp_text(e, OTLP("HEADERS"), &variable);
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
	refuse(e, variable, err, why);
	if (!err)
		replace_headers(e, variable, pairs, len);
}

/* PAIR replaces the attribute of its name or is added; its texts are taken over. */
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

static void read_resource(struct env *e)
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
	refuse(e, variable, err, why);
	if (err)
		return;
	for (size_t i = 0; i < len; i++) {
		refuse(e, variable, config_check_attribute(pairs[i].key, why), why);
		snprintf(name, sizeof(name), "resource.%s", pairs[i].key);
		note(e, name, variable);
		if (!strcmp(pairs[i].key, "service.name"))
			replace(e, &c->service_name, pairs[i].value);
		else if (c->attributes_len < CONFIG_PAIRS_MAX)
			refuse(e, variable, set_attribute(c, &pairs[i]), why);
		else
			config_error_env(e->l, variable,
					 "makes more than %d resource attributes; remove some",
					 CONFIG_PAIRS_MAX);
	}
	config_pairs_free(pairs, len);
}

static void read_transport(struct env *e)
{
	struct config *c = e->l->config;
	char why[CONFIG_WHY];
	unsigned before;

	read_otlp_endpoint(e);
	read_otlp_file(e, OTLP("CERTIFICATE"), "ca", offsetof(struct config_endpoint, ca_file));
	read_otlp_file(e, OTLP("CLIENT_CERTIFICATE"), "cert",
		       offsetof(struct config_endpoint, cert_file));
	read_otlp_file(e, OTLP("CLIENT_KEY"), "key", offsetof(struct config_endpoint, key_file));
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

static void read_names(struct env *e)
{
	const char *instance = env_text(e, "INSTANCE_NAME");
	const char *service = env_text(e, "OTEL_SERVICE_NAME");

	if (instance && !in_file(e, "instance")) {
		replace(e, &e->l->config->instance, instance);
		note(e, "instance", "INSTANCE_NAME");
	}
	if (service) {
		replace(e, &e->l->config->service_name, service);
		note(e, "resource.service.name", "OTEL_SERVICE_NAME");
	}
}

void config_env(struct config_loader *l, char *const *variables)
{
	struct env e = {.l = l, .variables = variables};

	read_consent(&e);
	read_network(&e);
	read_rates(&e);
	read_interval(&e);
	read_collectors(&e);
	read_transport(&e);
	read_resource(&e);
	read_names(&e); /* after the resource: OTEL_SERVICE_NAME beats service.name there */
}
