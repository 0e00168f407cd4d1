/* SPDX-License-Identifier: Apache-2.0 */
#include "page/csv.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "config/config.h"

#define SURE  2 /* standard deviations */
#define SCALE 10000

/* VALUE at scale 4 as a decimal number. */
static void put_value(FILE *out, int64_t value)
{
	uint64_t size = value < 0 ? -(uint64_t)value : (uint64_t)value;

	fprintf(out, "%s%" PRIu64 ".%04" PRIu64, value < 0 ? "-" : "", size / SCALE, size % SCALE);
}

static void put_line(void *context, int64_t at_s, const struct history_sum *sum)
{
	FILE *out = context;
	time_t at = (time_t)at_s;
	char text[32];
	struct tm tm;

	gmtime_r(&at, &tm);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
	fprintf(out, "%s,%" PRId64 ",%.1f,", text, sum->figures[HISTORY_TRANSACTIONS],
		SURE * sqrt(sum->noise.count));
	put_value(out, sum->figures[HISTORY_VALUE]);
	fprintf(out, ",%.4f,", SURE * sqrt(sum->noise.value) / SCALE);
	put_value(out, sum->figures[HISTORY_PUBLISHED]);
	fprintf(out, ",%" PRId64 ",%" PRId64 ",%" PRId64 ",%.1f\r\n",
		sum->figures[HISTORY_PREPARED], sum->figures[HISTORY_FULFILLED],
		sum->figures[HISTORY_REJECTED], (double)sum->figures[HISTORY_COVERED_MS] / 1000);
}

char *csv_history(const struct page_facts *f, enum history_window window, enum history_view view)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);
	int err;

	if (!out)
		return NULL;
	fputs("from,transactions,transactions_error,value,value_error,published,prepared,fulfilled,"
	      "rejected,measured_s\r\n",
	      out);
	err = history_points(f->history, view, window,
			     history_step_s(window, f->config->export_interval_ms), put_line, out);
	if (ferror(out))
		err = -1;
	if (fclose(out) || err) {
		free(text);
		return NULL;
	}
	return text;
}
