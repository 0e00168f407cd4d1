/* SPDX-License-Identifier: Apache-2.0 */
/* env_rafiki.c - the environment: consent, and Rafiki's variables, which supply what the file
 * leaves out. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/env.h"
#include "config/env_readers.h"
#include "config/notes.h"
#include "config/text.h"
#include "config/url.h"

static bool in_file(const struct env *e, const char *name)
{
	return config_noted(e->l->config, name).line > 0;
}

/* Rafiki compares with "true" letter by letter: TRUE is no for it, and yes here. */
static bool rafiki_flag(struct env *e, const char *variable, bool *flag)
{
	if (!env_flag(e, variable, flag))
		return false;
	if (*flag && strcmp(env_get(e, variable), "true") != 0)
		config_remark(e->l,
			      "%s=%s is true here, and false for Rafiki, which knows `true` only; "
			      "write it in lower case",
			      variable, env_get(e, variable));
	return true;
}

static void read_consent(struct env *e)
{
	struct config *c = e->l->config;
	bool on;

	if (!rafiki_flag(e, "ENABLE_TELEMETRY", &on))
		return;
	c->opted_out = !on;
	c->rafiki_telemetry_on = on;
}

static void read_network(struct env *e)
{
	struct config *c = e->l->config;
	enum network network;
	bool livenet;

	if (!rafiki_flag(e, "LIVENET", &livenet))
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

	/* The first is Rafiki's and counts only if the file sets nothing. The second is
	 * OpenTelemetry's and overrides the file. */
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

static void read_collectors(struct env *e)
{
	static const char variable[] = "OPEN_TELEMETRY_COLLECTOR_URLS";
	const char *text = env_text(e, variable);
	struct config_endpoint *endpoint;
	enum network network = NETWORK_TESTNET;
	char *copy, *rest, *url;

	if (!text || in_file(e, "endpoints"))
		return;
	/* Rafiki reads its variables this way too. An invalid LIVENET was reported before. */
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

void config_env_names(struct env *e)
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

void config_env_rafiki(struct env *e)
{
	read_consent(e);
	read_network(e);
	read_rates(e);
	read_interval(e);
	read_collectors(e);
}
