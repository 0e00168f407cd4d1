/* SPDX-License-Identifier: Apache-2.0 */
/*
 * env.c - the environment: consent and Rafiki's variables; env_otel.c has
 * OpenTelemetry's.
 *
 * An empty variable counts as not set, as OpenTelemetry's specification has it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config/env.h"

const char *env_get(const struct env *e, const char *name)
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

void env_note(struct env *e, const char *name, const char *variable)
{
	struct config_source source = {.variable = variable};

	if (config_note(e->l->config, name, source))
		e->l->no_memory = true;
}

void env_refuse(struct env *e, const char *variable, int err, const char *why)
{
	if (err == -ENOMEM)
		e->l->no_memory = true;
	else if (err)
		config_error_env(e->l, variable, "%s", why);
}

void env_replace(struct env *e, char **field, const char *text)
{
	char *copy = strdup(text);

	if (!copy) {
		e->l->no_memory = true;
		return;
	}
	free(*field);
	*field = copy;
}

const char *env_text(struct env *e, const char *variable)
{
	const char *text = env_get(e, variable);
	char why[CONFIG_WHY];
	int err = text ? config_check_text(text, strlen(text), why) : 0;

	env_refuse(e, variable, err, why);
	return err ? NULL : text;
}

bool env_flag(struct env *e, const char *variable, bool *flag)
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
			livenet ? "true" : "false", network_text(c->network), e->l->file,
			config_noted(c, "network").line);
		return;
	}
	if (in_file(e, "network"))
		return;
	c->network = network;
	env_note(e, "network", "LIVENET");
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
			env_refuse(e, variables[i].url, err, why);
			if (!err)
				env_replace(e, &source->location, url);
			env_note(e, variables[i].url_name, variables[i].url);
		}
		if (lifetime && !in_file(e, variables[i].lifetime_name)) {
			env_refuse(e, variables[i].lifetime,
				   config_parse_ms(lifetime, CONFIG_LIFETIME_MIN_MS,
						   CONFIG_LIFETIME_MAX_MS, &source->lifetime_ms,
						   why),
				   why);
			env_note(e, variables[i].lifetime_name, variables[i].lifetime);
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
		env_refuse(e, variables[i],
			   config_parse_ms(text, CONFIG_INTERVAL_MIN_MS, CONFIG_INTERVAL_MAX_MS,
					   &c->export_interval_ms, why),
			   why);
		env_note(e, "export_interval", variables[i]);
	}
}

void env_endpoint_name(char *name, size_t index, const char *field)
{
	snprintf(name, CONFIG_PATH, "endpoints.%zu.%s", index, field);
}

struct config_endpoint *env_add_endpoint(struct env *e, const char *variable, const char *url,
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
	env_refuse(e, variable, err, why);
	for (size_t i = 0; !err && i < c->endpoints_len; i++) {
		if (list[i].authority && !strcmp(list[i].authority, endpoint->authority))
			config_error_env(e->l, variable,
					 "%.120s stands in it twice and would receive everything "
					 "twice; remove one",
					 endpoint->authority);
	}
	env_endpoint_name(name, c->endpoints_len, "url");
	env_note(e, name, variable);
	env_endpoint_name(name, c->endpoints_len, "audience");
	env_note(e, name, variable);
	c->endpoints_len++; /* also when refused: config_free takes it */
	return err ? NULL : endpoint;
}

static void read_collectors(struct env *e)
{
	static const char variable[] = "OPEN_TELEMETRY_COLLECTOR_URLS";
	const char *text = env_text(e, variable);
	struct config_endpoint *endpoint;
	enum network network = NETWORK_TESTNET;
	char *copy, *rest, *url;

	if (!text || in_file(e, "endpoints"))
		return;
	/* As Rafiki understands its own variables. A fault in LIVENET has been told. */
	if (env_get(e, "LIVENET") && !strcasecmp(env_get(e, "LIVENET"), "true"))
		network = NETWORK_LIVENET;
	copy = rest = strdup(text);
	if (!copy) {
		e->l->no_memory = true;
		return;
	}
	while ((url = strsep(&rest, ","))) {
		url += strspn(url, " ");
		url[strcspn(url, " ")] = '\0';
		if (!*url)
			continue;
		endpoint = env_add_endpoint(e, variable, url, false, AUDIENCE_NETWORK);
		if (!endpoint)
			break;
		endpoint->network = network;
	}
	free(copy);
}

static void read_names(struct env *e)
{
	const char *instance = env_text(e, "INSTANCE_NAME");
	const char *service = env_text(e, "OTEL_SERVICE_NAME");

	if (instance && !in_file(e, "instance")) {
		env_replace(e, &e->l->config->instance, instance);
		env_note(e, "instance", "INSTANCE_NAME");
	}
	if (service) {
		env_replace(e, &e->l->config->service_name, service);
		env_note(e, "resource.service.name", "OTEL_SERVICE_NAME");
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
	config_env_transport(&e);
	config_env_sdk(&e);
	config_env_resource(&e);
	read_names(&e); /* after the resource: OTEL_SERVICE_NAME beats service.name there */
}
