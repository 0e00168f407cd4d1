/* SPDX-License-Identifier: Apache-2.0 */
/* text.c - a snapshot in the Prometheus text exposition format, version 0.0.4. */
#include "page/page.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"

static bool ends_with(const char *text, const char *end)
{
	size_t len = strlen(text), end_len = strlen(end);

	return len >= end_len && !strcmp(text + len - end_len, end);
}

/* Sums get the suffix that the Collector's Prometheus exporter gives them, so that a query uses the
 * same name for both sources. */
static const char *suffix(const struct metric_info *info)
{
	return info->shape == METRIC_SUM && !ends_with(info->name, "_total") ? "_total" : "";
}

/* Writes TEXT with the format's escapes. QUOTES: also escapes quotation marks, as a label's value
 * needs it. */
static void put_escaped(FILE *out, const char *text, bool quotes)
{
	while (*text) {
		size_t len = utf8_sequence(text);

		if (*text == '\\')
			fputs("\\\\", out);
		else if (*text == '\n')
			fputs("\\n", out);
		else if (*text == '"' && quotes)
			fputs("\\\"", out);
		else if (!len)
			fputc('?', out);
		else
			fwrite(text, 1, len, out);
		text += len ? len : 1;
	}
}

/* Writes the shorter of two decimal forms that reads back as V. */
static void put_double(FILE *out, double v)
{
	char text[32];

	snprintf(text, sizeof(text), "%.15g", v);
	if (strtod(text, NULL) != v)
		snprintf(text, sizeof(text), "%.17g", v);
	fputs(text, out);
}

/* A label's name may not contain dots in this format; the Collector's exporters replace them in the
 * same way. */
static void put_key(FILE *out, const char *key)
{
	for (; *key; key++)
		fputc(*key == '.' ? '_' : *key, out);
}

static void put_labels(FILE *out, const struct released *r, const struct released_point *p)
{
	fputs("{source=\"", out);
	put_escaped(out, r->source, true);
	fputc('"', out);
	for (size_t i = 0; i < p->labels_len; i++) {
		fputc(',', out);
		put_key(out, p->labels[i].key);
		fputs("=\"", out);
		put_escaped(out, p->labels[i].value, true);
		fputc('"', out);
	}
}

static void put_histogram(FILE *out, const char *name, const struct released *r,
			  const struct released_point *p)
{
	uint64_t below = 0;

	for (size_t i = 0; i < METRIC_BOUNDS; i++) {
		below += p->buckets[i];
		fprintf(out, "%s_bucket", name);
		put_labels(out, r, p);
		fputs(",le=\"", out);
		put_double(out, metric_bounds_ms[i]);
		fprintf(out, "\"} %" PRIu64 "\n", below);
	}
	fprintf(out, "%s_bucket", name);
	put_labels(out, r, p);
	fprintf(out, ",le=\"+Inf\"} %" PRIu64 "\n%s_sum", p->count, name);
	put_labels(out, r, p);
	fputs("} ", out);
	put_double(out, p->sum_ms);
	fprintf(out, "\n%s_count", name);
	put_labels(out, r, p);
	fprintf(out, "} %" PRIu64 "\n", p->count);
}

static void put_head(FILE *out, const struct metric_info *info)
{
	static const char *const types[] = {
		[METRIC_SUM] = "counter",
		[METRIC_GAUGE] = "gauge",
		[METRIC_HISTOGRAM] = "histogram",
	};

	fprintf(out, "# HELP %s%s ", info->name, suffix(info));
	put_escaped(out, info->description, false);
	fprintf(out, "\n# TYPE %s%s %s\n", info->name, suffix(info), types[info->shape]);
}

char *page_prometheus_text(const struct released *snapshot, size_t *len)
{
	char *text = NULL;
	FILE *out = open_memstream(&text, len);
	bool failed;

	if (!out)
		return NULL;
	for (size_t i = 0; i < snapshot->points_len; i++) {
		const struct released_point *p = &snapshot->points[i];
		const struct metric_info *info = &metric_infos[p->metric];

		if (!i || p[-1].metric != p->metric)
			put_head(out, info);
		if (info->shape == METRIC_HISTOGRAM) {
			put_histogram(out, info->name, snapshot, p);
			continue;
		}
		fprintf(out, "%s%s", info->name, suffix(info));
		put_labels(out, snapshot, p);
		fprintf(out, "} %" PRId64 "\n", p->value);
	}
	failed = ferror(out);
	failed = fclose(out) || failed;
	if (failed) {
		free(text);
		return NULL;
	}
	return text;
}
