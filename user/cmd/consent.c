/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/consent.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/fetch.h"
#include "config/config.h"
#include "config/text.h"
#include "export/export.h"
#include "privacy/privacy.h"
#include "release/metrics.h"

#define INDENT 18
#define WIDTH  80

/* A paragraph: its title stands before its first line. */
struct paragraph {
	FILE *out;
	const char *title;
	size_t column; /* 0: the line is empty */
};

static void put_word(struct paragraph *p, const char *word, size_t len)
{
	if (p->column && p->column + 1 + len > WIDTH) {
		fputc('\n', p->out);
		p->column = 0;
	}
	if (!p->column) {
		fprintf(p->out, "%-*s", INDENT, p->title);
		p->title = "";
		p->column = INDENT;
	} else {
		fputc(' ', p->out);
		p->column++;
	}
	fwrite(word, 1, len, p->out);
	p->column += len;
}

/* Fills lines with the words of the text, which is ended by end_line. */
__attribute__((format(printf, 2, 3))) static void put(struct paragraph *p, const char *format, ...)
{
	char *text = NULL, *word;
	va_list args;
	int len;

	va_start(args, format);
	len = vasprintf(&text, format, args);
	va_end(args);
	if (len < 0)
		return;
	for (word = text; *word; word += strspn(word, " ")) {
		size_t word_len = strcspn(word, " ");

		put_word(p, word, word_len);
		word += word_len;
	}
	free(text);
}

static void end_line(struct paragraph *p)
{
	if (p->column)
		fputc('\n', p->out);
	p->column = 0;
}

/* --- what leaves ------------------------------------------------------------------------- */

static size_t collectors_of(const struct config *c, enum audience audience)
{
	size_t n = 0;

	for (size_t i = 0; i < c->endpoints_len; i++)
		n += c->endpoints[i].audience == audience;
	return n;
}

static void put_collectors(struct paragraph *p, const struct config *c, enum audience audience)
{
	char way[EXPORT_WAY];

	for (size_t i = 0; i < c->endpoints_len; i++) {
		const struct config_endpoint *e = &c->endpoints[i];

		if (e->audience != audience)
			continue;
		export_way(e, way);
		put(p, "%s%s%s", e->url, way, e->tls ? "" : ", without TLS");
		end_line(p);
	}
}

/* COVERAGE says more than continual promises. */
static bool is_sent(const struct config *c, size_t metric)
{
	return metric_infos[metric].audience == AUDIENCE_NETWORK &&
	       (metric != METRIC_COVERAGE || c->privacy.mechanism != PRIVACY_CONTINUAL);
}

static void put_metrics(struct paragraph *p, const struct config *c)
{
	size_t left = 0;

	for (size_t i = 0; i < METRICS_LEN; i++)
		left += is_sent(c, i);
	put(p, "These totals of the payments that start here, and nothing else:");
	for (size_t i = 0; i < METRICS_LEN; i++) {
		if (is_sent(c, i))
			put(p, "%s%s", metric_infos[i].name, --left ? "," : ".");
	}
	end_line(p);
}

static void put_mechanism(struct paragraph *p, const struct config *c)
{
	const struct bucket_laplace *bucket = &c->privacy.bucket;
	uint64_t milli = c->privacy.budget.epsilon_milli;

	if (c->privacy.mechanism == PRIVACY_CONTINUAL)
		put(p,
		    "Through `continual`: noise in every total, with an epsilon of %" PRIu64
		    ".%03" PRIu64 " for everything of one payment together.",
		    milli / 1000, milli % 1000);
	else
		put(p,
		    "Through `bucket-laplace`: every value is put into a bucket of "
		    "%" PRIu64 " to %" PRIu64
		    " (10000 is 1.00 USD) and gets noise; counts and times are exact. It "
		    "guarantees no epsilon.",
		    bucket->min_bucket, bucket->max_bucket);
	end_line(p);
}

static void put_attributes(struct paragraph *p, const struct config *c)
{
	put(p,
	    "With each: source (\"%s\"), service.name (\"%s\"), service.instance.id, "
	    "telltale.network, telltale.privacy.mechanism",
	    c->instance, c->service_name);
	for (size_t i = 0; i < c->attributes_len; i++)
		put(p, "and %s (\"%s\")", c->attributes[i].key, c->attributes[i].value);
	end_line(p);
}

static void put_network(struct paragraph *p, const struct config *c)
{
	char every[16];

	p->title = "To the network";
	if (!collectors_of(c, AUDIENCE_NETWORK)) {
		put(p, "nothing: no collector has `audience: network`");
		end_line(p);
		return;
	}
	put(p, "%s, every %s, to", network_text(c->network),
	    config_duration_text(c->export_interval_ms, every, sizeof(every)));
	end_line(p);
	put_collectors(p, c, AUDIENCE_NETWORK);
	put_metrics(p, c);
	put_mechanism(p, c);
	put_attributes(p, c);
}

static void put_traces(struct paragraph *p, const struct config *c)
{
	size_t wanted = 0;

	for (size_t i = 0; i < c->endpoints_len; i++)
		wanted += c->endpoints[i].traces;
	if (!c->profile.traces.key_file || !wanted)
		return;
	put(p,
	    "Traces to %zu of them: which of your nodes a packet passes, when and how fast. The "
	    "key in %s says which payments are the same.",
	    wanted, c->profile.traces.key_file);
	end_line(p);
}

static void put_own(struct paragraph *p, const struct config *c)
{
	p->title = "To you";
	if (!collectors_of(c, AUDIENCE_OWN)) {
		put(p, "nothing: no collector has `audience: own`");
		end_line(p);
		return;
	}
	put_collectors(p, c, AUDIENCE_OWN);
	put(p, "Every metric, exact but for value.");
	end_line(p);
	put_traces(p, c);
}

static void put_rates(struct paragraph *p, const struct config *c)
{
	p->title = "Fetched";
	for (size_t i = 0; i < RATES_SOURCES; i++) {
		char *shown;

		if (!c->rates[i].location)
			continue;
		shown = fetch_location_shown(c->rates[i].location);
		put(p, "exchange rates from %s", shown ? shown : "?");
		end_line(p);
		free(shown);
	}
}

/* --- what does not ----------------------------------------------------------------------- */

static void put_targets(struct paragraph *p, const struct config *c)
{
	p->title = "Observed";
	for (size_t i = 0; i < c->targets_len; i++) {
		put(p, "%s %s%s", config_target_kinds[c->targets[i].kind], c->targets[i].name,
		    c->targets[i].never_forwards ? ", which never forwards" : "");
		end_line(p);
	}
}

static void put_page(struct paragraph *p, const struct config *c)
{
	bool inet = c->listen && strncmp(c->listen, "unix:", 5) != 0;

	p->title = "On this host";
	if (!c->listen)
		put(p, "no page");
	else if (inet)
		put(p, "http://%s/, for %s: every metric, exact but for value", c->listen,
		    c->listen_token ? "those who have the token" : "every user");
	else
		put(p, "%s, for root%s%s: every metric, exact but for value", c->listen,
		    c->listen_group ? " and the group " : "",
		    c->listen_group ? c->listen_group : "");
	end_line(p);
}

void consent_print(const struct config *config, FILE *out)
{
	struct paragraph p = {.out = out};

	put_targets(&p, config);
	put_network(&p, config);
	put_own(&p, config);
	put_rates(&p, config);
	put_page(&p, config);
	p.title = "Never sent";
	put(&p, "the content of a payment, ILP addresses, tokens, names or addresses of peers.");
	end_line(&p);
}

const char *consent_words(const struct config *config, char *text, size_t len)
{
	size_t network = collectors_of(config, AUDIENCE_NETWORK);
	size_t own = collectors_of(config, AUDIENCE_OWN);
	size_t used = 0;

	if (!network && !own) {
		snprintf(text, len, "nothing leaves this host");
		return text;
	}
	if (network)
		used = (size_t)snprintf(
			text, len, "totals go to %zu collector%s of the network by %s", network,
			network == 1 ? "" : "s", privacy_mechanisms[config->privacy.mechanism]);
	if (own && used < len)
		snprintf(text + used, len - used, "%sall metrics go to %zu collector%s of your own",
			 network ? ", " : "", own, own == 1 ? "" : "s");
	return text;
}
