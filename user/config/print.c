/* SPDX-License-Identifier: Apache-2.0 */
/* print.c - prints the effective configuration as YAML, with the origin of each value. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "config/notes.h"
#include "config/text.h"
#include "base/fetch.h"

void config_print_scalar(FILE *out, const char *text)
{
	static const char safe[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				   "0123456789._/:@+-";
	static const char *const words[] = {"true", "false", "null", "yes", "no", "on", "off"};
	size_t len = strlen(text);
	bool plain = len && !text[strspn(text, safe)] && !strchr(":@-.+", text[0]) &&
		     text[len - 1] != ':';

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		plain = plain && strcasecmp(text, words[i]);
	if (plain) {
		fputs(text, out);
		return;
	}
	fputc('"', out);
	for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
		if (*c == '"' || *c == '\\')
			fprintf(out, "\\%c", *c);
		else if (*c < 0x20 || *c == 0x7f)
			fprintf(out, "\\x%02x", *c);
		else
			fputc(*c, out);
	}
	fputc('"', out);
}

struct print {
	const struct config *c;
	FILE *out;
	char name[CONFIG_PATH]; /* of the value printed last */
};

static void print_source(struct print *p)
{
	struct config_source source = config_noted(p->c, p->name);

	if (source.line)
		fprintf(p->out, "  # %s:%u\n", p->c->provenance->file, source.line);
	else if (source.variable)
		fprintf(p->out, "  # environment %s\n", source.variable);
	else
		fputs("  # default\n", p->out);
}

static void name_value(struct print *p, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void name_value(struct print *p, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(p->name, sizeof(p->name), format, args);
	va_end(args);
}

/* LEAD is the text before the value, such as "  - url: ". */
static void print_text(struct print *p, const char *lead, const char *text)
{
	fputs(lead, p->out);
	config_print_scalar(p->out, text);
	print_source(p);
}

static void print_number(struct print *p, const char *lead, uint64_t number)
{
	fprintf(p->out, "%s%" PRIu64, lead, number);
	print_source(p);
}

static void print_duration(struct print *p, const char *lead, uint32_t ms)
{
	char text[16];

	fprintf(p->out, "%s%s", lead, config_duration_text(ms, text, sizeof(text)));
	print_source(p);
}

static void print_asset(struct print *p, const char *lead, const struct asset *asset)
{
	fprintf(p->out, "%s{code: ", lead);
	config_print_scalar(p->out, asset->code);
	fprintf(p->out, ", scale: %u}", asset->scale);
	print_source(p);
}

static void print_targets(struct print *p)
{
	char lead[24];

	if (!p->c->targets_len) {
		name_value(p, "targets");
		fputs("targets: []", p->out);
		print_source(p);
		return;
	}
	fputs("targets:\n", p->out);
	for (size_t i = 0; i < p->c->targets_len; i++) {
		const struct config_target *t = &p->c->targets[i];

		snprintf(lead, sizeof(lead), "  - %s: ", config_target_kinds[t->kind]);
		name_value(p, "targets.%zu.%s", i, config_target_kinds[t->kind]);
		print_text(p, lead, t->name);
		name_value(p, "targets.%zu.forwards", i);
		if (t->never_forwards)
			print_text(p, "    forwards: ", "never");
	}
}

static void print_peers(struct print *p)
{
	if (!p->c->peers_len) {
		name_value(p, "peers");
		fputs("peers: []", p->out);
		print_source(p);
	} else {
		fputs("peers:\n", p->out);
	}
	for (size_t i = 0; i < p->c->peers_len; i++) {
		const struct peer *peer = &p->c->peers[i];

		name_value(p, "peers.%zu.endpoint", i);
		print_text(p, "  - endpoint: ", peer->endpoint);
		name_value(p, "peers.%zu.name", i);
		if (peer->name)
			print_text(p, "    name: ", peer->name);
		if (peer->has_token) {
			name_value(p, "peers.%zu.token", i);
			fprintf(p->out, "    token: %016" PRIx64, peer->token);
			print_source(p);
		}
		name_value(p, "peers.%zu.asset", i);
		print_asset(p, "    asset: ", &peer->asset);
	}
	name_value(p, "default_asset");
	if (p->c->has_default_asset)
		print_asset(p, "default_asset: ", &p->c->default_asset);
	else
		fputs("# default_asset: none  # default\n", p->out);
}

static void print_rates(struct print *p)
{
	static const char *const names[RATES_SOURCES] = {
		[RATES_OPERATOR] = "operator", [RATES_NETWORK] = "network"};

	if (p->c->rates[RATES_OPERATOR].location || p->c->rates[RATES_NETWORK].location)
		fputs("rates:\n", p->out);
	for (size_t i = 0; i < RATES_SOURCES; i++) {
		const struct rates_source_config *source = &p->c->rates[i];
		char *shown;

		if (!source->location) {
			fprintf(p->out, "# rates.%s: none  # default\n", names[i]);
			continue;
		}
		fprintf(p->out, "  %s:\n", names[i]);
		name_value(p, "rates.%s.url", names[i]);
		shown = fetch_location_shown(source->location);
		print_text(p, "    url: ", shown ? shown : "?");
		free(shown);
		name_value(p, "rates.%s.lifetime", names[i]);
		print_duration(p, "    lifetime: ", source->lifetime_ms);
	}
}

static void print_named_number(struct print *p, const char *section, const char *key,
			       uint64_t number)
{
	char lead[40];

	name_value(p, "%s.%s", section, key);
	snprintf(lead, sizeof(lead), "  %s: ", key);
	print_number(p, lead, number);
}

static void print_privacy(struct print *p)
{
	const struct bucket_laplace *bucket = &p->c->privacy.bucket;
	const struct privacy_budget *budget = &p->c->privacy.budget;

	fputs("privacy:\n", p->out);
	name_value(p, "privacy.mechanism");
	print_text(p, "  mechanism: ", privacy_mechanisms[p->c->privacy.mechanism]);
	print_named_number(p, "privacy", "min_bucket", bucket->min_bucket);
	print_named_number(p, "privacy", "max_bucket", bucket->max_bucket);
	print_named_number(p, "privacy", "min_value", bucket->min_value);
	print_named_number(p, "privacy", "max_value", bucket->max_value);
	name_value(p, "privacy.rounding");
	print_text(p, "  rounding: ", bucket->unbiased ? "unbiased" : "published");
	name_value(p, "privacy.epsilon");
	fprintf(p->out, "  epsilon: %" PRIu64 ".%03" PRIu64, budget->epsilon_milli / 1000,
		budget->epsilon_milli % 1000);
	print_source(p);
	print_named_number(p, "privacy", "day_clip", budget->day_clip);
	print_named_number(p, "privacy", "hour_clip", budget->hour_clip);
	print_named_number(p, "privacy", "packet_clip", budget->packet_clip);
}

static void print_headers(struct print *p, size_t endpoint, const struct config_endpoint *e)
{
	if (e->headers_len)
		fputs("    headers:\n", p->out);
	for (size_t i = 0; i < e->headers_len; i++) {
		name_value(p, "endpoints.%zu.headers.%s", endpoint, e->headers[i].name);
		fputs("      ", p->out);
		config_print_scalar(p->out, e->headers[i].name);
		print_text(p, ": ", "***");
	}
}

/* Prints the URL with its scheme: the environment may leave it out, a file may not. */
static void print_url(struct print *p, const struct config_endpoint *e)
{
	const char *scheme = e->tls ? "https" : "http";
	char *whole = NULL;

	if (!strstr(e->url, "://") && asprintf(&whole, "%s://%s", scheme, e->url) < 0)
		whole = NULL;
	print_text(p, "  - url: ", whole ? whole : e->url);
	free(whole);
}

static void print_endpoint(struct print *p, size_t i, const struct config_endpoint *e)
{
	const struct {
		const char *field, *text;
	} files[] = {{"ca", e->ca_file}, {"cert", e->cert_file}, {"key", e->key_file}};
	char lead[24];

	name_value(p, "endpoints.%zu.url", i);
	print_url(p, e);
	name_value(p, "endpoints.%zu.audience", i);
	print_text(p, "    audience: ", e->audience == AUDIENCE_NETWORK ? "network" : "own");
	for (size_t f = 0; f < sizeof(files) / sizeof(files[0]); f++) {
		if (!files[f].text)
			continue;
		snprintf(lead, sizeof(lead), "    %s: ", files[f].field);
		name_value(p, "endpoints.%zu.%s", i, files[f].field);
		print_text(p, lead, files[f].text);
	}
	print_headers(p, i, e);
	name_value(p, "endpoints.%zu.timeout", i);
	print_duration(p, "    timeout: ", e->timeout_ms);
	name_value(p, "endpoints.%zu.compression", i);
	print_text(p, "    compression: ", e->gzip ? "gzip" : "none");
	name_value(p, "endpoints.%zu.histograms", i);
	print_text(p, "    histograms: ", e->exponential ? "exponential" : "explicit");
	name_value(p, "endpoints.%zu.traces", i);
	fprintf(p->out, "    traces: %s", e->traces ? "true" : "false");
	print_source(p);
	if (e->audience != AUDIENCE_NETWORK)
		return;
	name_value(p, "endpoints.%zu.network", i);
	print_text(p, "    network: ", network_text(e->network));
}

static void print_export(struct print *p)
{
	const struct config *c = p->c;

	if (!c->endpoints_len) {
		name_value(p, "endpoints");
		fputs("endpoints: []", p->out);
		print_source(p);
	} else {
		fputs("endpoints:\n", p->out);
	}
	for (size_t i = 0; i < c->endpoints_len; i++)
		print_endpoint(p, i, &c->endpoints[i]);
	name_value(p, "export_interval");
	print_duration(p, "export_interval: ", c->export_interval_ms);
	name_value(p, "cardinality_limit");
	fprintf(p->out, "cardinality_limit: %" PRIu64, c->privacy.cardinality_limit);
	print_source(p);
	fputs("resource:\n", p->out);
	name_value(p, "resource.service.name");
	print_text(p, "  service.name: ", c->service_name);
	for (size_t i = 0; i < c->attributes_len; i++) {
		name_value(p, "resource.%s", c->attributes[i].key);
		fputs("  ", p->out);
		config_print_scalar(p->out, c->attributes[i].key);
		print_text(p, ": ", c->attributes[i].value);
	}
}

static void print_traces(struct print *p, const struct config_traces *traces)
{
	if (!traces->key_file) {
		fputs("# profile.traces: none  # default\n", p->out);
		return;
	}
	fputs("  traces:\n", p->out);
	name_value(p, "profile.traces.key_file");
	print_text(p, "    key_file: ", traces->key_file);
	name_value(p, "profile.traces.sample");
	fprintf(p->out, "    sample: %" PRIu64 ".%06" PRIu64, traces->sample / 1000000,
		traces->sample % 1000000);
	print_source(p);
	name_value(p, "profile.traces.slowest");
	print_number(p, "    slowest: ", traces->slowest);
}

static void print_profile(struct print *p)
{
	const struct config_profile *profile = &p->c->profile;

	fputs("profile:\n", p->out);
	name_value(p, "profile.columns");
	fprintf(p->out, "  columns: %s", profile->columns ? "true" : "false");
	print_source(p);
	print_named_number(p, "profile", "peers", profile->peers);
	if (profile->dependencies_len)
		fputs("  dependencies:\n", p->out);
	for (size_t i = 0; i < profile->dependencies_len; i++) {
		name_value(p, "profile.dependencies.%zu.name", i);
		print_text(p, "    - name: ", profile->dependencies[i].name);
		name_value(p, "profile.dependencies.%zu.port", i);
		print_number(p, "      port: ", profile->dependencies[i].port);
	}
	print_traces(p, &profile->traces);
}

void config_print(const struct config *c, FILE *out)
{
	struct print print = {.c = c, .out = out}, *p = &print;

	fprintf(out, "# configuration: %s\n", config_file(c));
	name_value(p, "enabled");
	fprintf(out, "enabled: %s", c->enabled ? "true" : "false");
	print_source(p);
	if (c->sdk_disabled)
		fputs("# OTEL_SDK_DISABLED=true in the environment stops telltale nevertheless\n",
		      out);
	if (c->opted_out)
		fputs("# ENABLE_TELEMETRY=false in the environment stops telltale nevertheless\n",
		      out);
	name_value(p, "instance");
	print_text(p, "instance: ", c->instance);
	name_value(p, "network");
	print_text(p, "network: ", network_text(c->network));
	name_value(p, "livenet_enabled");
	fprintf(out, "livenet_enabled: %s", c->livenet_enabled ? "true" : "false");
	print_source(p);
	print_targets(p);
	print_peers(p);
	print_rates(p);
	print_privacy(p);
	print_export(p);
	name_value(p, "listen");
	print_text(p, "listen: ", c->listen ? c->listen : "none");
	name_value(p, "listen_group");
	if (c->listen_group)
		print_text(p, "listen_group: ", c->listen_group);
	else
		fputs("# listen_group: none  # default\n", p->out);
	name_value(p, "listen_token");
	if (c->listen_token)
		print_text(p, "listen_token: ", c->listen_token);
	else
		fputs("# listen_token: none  # default\n", p->out);
	fputs("payments:\n", out);
	name_value(p, "payments.idle");
	print_duration(p, "  idle: ", c->idle_ms);
	name_value(p, "payments.max");
	print_duration(p, "  max: ", c->max_payment_ms);
	name_value(p, "tls_connections");
	print_number(p, "tls_connections: ", config_tls_connections(c));
	print_profile(p);
	name_value(p, "state_dir");
	print_text(p, "state_dir: ", c->state_dir);
	name_value(p, "run_dir");
	print_text(p, "run_dir: ", c->run_dir);
}
