/* SPDX-License-Identifier: Apache-2.0 */
/*
 * env_sdk.c - the environment: OpenTelemetry's variables that say whether to export and in which
 * form. env_otel.c reads those that say where.
 *
 * A setting that telltale cannot follow is an error: silently doing something else would be worse.
 */
#include <string.h>

#include "config/env.h"
#include "config/env_readers.h"
#include "config/notes.h"
#include "config/text.h"

static void read_disabled(struct env *e)
{
	bool disabled = false;

	if (env_flag(e, "OTEL_SDK_DISABLED", &disabled))
		e->l->config->sdk_disabled = disabled;
}

static void read_exporter(struct env *e)
{
	static const char variable[] = "OTEL_METRICS_EXPORTER";
	const char *text = env_text(e, variable);

	if (!text || !strcmp(text, "otlp"))
		return;
	if (strcmp(text, "none") != 0) {
		config_error_env(e->l, variable,
				 "telltale has no exporter '%.40s'; write otlp or none (/metrics "
				 "is served in any case)",
				 text);
		return;
	}
	env_forget_endpoints(e);
	env_note(e, "endpoints", variable);
}

static void read_protocol(struct env *e)
{
	const char *variable;
	const char *text = env_otlp_text(e, ENV_OTLP("PROTOCOL"), &variable);

	if (text && strcmp(text, "grpc") != 0)
		config_error_env(e->l, variable,
				 "telltale does not speak '%.40s'; write grpc, and name the "
				 "collector's port for it (4317 as a rule)",
				 text);
}

static void read_temporality(struct env *e)
{
	static const char variable[] = "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE";
	const char *text = env_text(e, variable);

	if (text && strcasecmp(text, "cumulative") != 0)
		config_error_env(e->l, variable,
				 "'%.40s' would lose what was counted in an outage; write "
				 "cumulative, and let the collector convert it",
				 text);
}

static void read_histograms(struct env *e)
{
	static const char variable[] = "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION";
	struct config *c = e->l->config;
	const char *text = env_text(e, variable);
	char name[CONFIG_PATH];
	bool exponential;

	if (!text)
		return;
	exponential = !strcasecmp(text, "base2_exponential_bucket_histogram");
	if (!exponential && strcasecmp(text, "explicit_bucket_histogram") != 0) {
		config_error_env(e->l, variable,
				 "no aggregation '%.60s'; write explicit_bucket_histogram or "
				 "base2_exponential_bucket_histogram",
				 text);
		return;
	}
	/* The network's collectors get explicit histograms, whatever the variable says. */
	for (size_t i = 0; i < c->endpoints_len; i++) {
		if (c->endpoints[i].audience == AUDIENCE_NETWORK)
			continue;
		c->endpoints[i].exponential = exponential;
		env_endpoint_name(name, i, "histograms");
		env_note(e, name, variable);
	}
}

/* The limit for the whole export; an endpoint's own timeout may be shorter. */
static void read_timeout(struct env *e)
{
	static const char variable[] = "OTEL_METRIC_EXPORT_TIMEOUT";
	struct config *c = e->l->config;
	const char *text = env_text(e, variable);
	char why[CONFIG_WHY], name[CONFIG_PATH];
	uint32_t limit_ms;
	int err;

	if (!text)
		return;
	err = config_parse_ms(text, CONFIG_TIMEOUT_MIN_MS, CONFIG_TIMEOUT_MAX_MS, &limit_ms, why);
	env_refuse(e, variable, err, why);
	for (size_t i = 0; !err && i < c->endpoints_len; i++) {
		if (c->endpoints[i].timeout_ms <= limit_ms)
			continue;
		c->endpoints[i].timeout_ms = limit_ms;
		env_endpoint_name(name, i, "timeout");
		env_note(e, name, variable);
	}
}

void config_env_sdk(struct env *e)
{
	read_disabled(e);
	read_exporter(e);
	read_protocol(e);
	read_temporality(e);
	read_histograms(e);
	read_timeout(e);
}
