/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench_export HOST:PORT [EXPORTS] - measures what an export costs. It sends a snapshot of all
 * series, as of a node with some traffic, to a collector again and again, in each form that an
 * endpoint can have.
 *
 * CPU time is that of this whole process, including gRPC's threads and the release of the snapshot,
 * which is part of each interval too.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "export/export.h"
#include "privacy/privacy.h"

#define PACKETS 20000

static const struct form {
	const char *name, *figure;
	enum audience audience;
	bool gzip, exponential;
} forms[] = {
	{"network", "network", AUDIENCE_NETWORK, false, false},
	{"network, gzip", "network_gzip", AUDIENCE_NETWORK, true, false},
	{"own", "own", AUDIENCE_OWN, false, false},
	{"own, gzip", "own_gzip", AUDIENCE_OWN, true, false},
	{"own, exponential histograms", "own_exponential", AUDIENCE_OWN, false, true},
	{"own, exponential histograms, gzip", "own_exponential_gzip", AUDIENCE_OWN, true, true},
};

static struct privacy *busy_node(struct series *series)
{
	struct privacy_params params = PRIVACY_PARAMS_DEFAULT;
	struct privacy *p =
		privacy_new(&params, series, "cloud-nine", 1700000000000000000ULL, NULL, NULL);
	uint32_t dice = 1;

	if (!p)
		return NULL;
	for (int i = 0; i < PACKETS; i++) {
		struct contribution c = {.kind = (enum contribution_kind)(i % 4),
					 .origin = ORIGIN_ORIGINATED,
					 .outcome = OUTCOME_FULFILLED,
					 .converted = true};
		struct exchange e = {.outcome = OUTCOME_FULFILLED, .reply_ns = 1};

		dice = dice * 1664525 + 1013904223;
		c.value = dice >> 8;
		c.pay_ns = c.round_trip_ns = dice;
		e.origin = (enum origin)(dice >> 16) % ORIGINS;
		e.reply_done_ns = dice >> 4;
		privacy_observe(p, &c);
		privacy_exchange(p, &e);
	}
	return p;
}

static uint64_t cpu_us(void)
{
	struct rusage r;

	getrusage(RUSAGE_SELF, &r);
	return (uint64_t)(r.ru_utime.tv_sec + r.ru_stime.tv_sec) * 1000000 +
	       (uint64_t)(r.ru_utime.tv_usec + r.ru_stime.tv_usec);
}

/* Makes one export after another and waits for each. 0 or -errno. */
static int export_all(struct exporter *x, struct privacy *p, unsigned exports,
		      struct export_status *s)
{
	uint64_t had = s->exports;

	for (unsigned i = 1; i <= exports; i++) {
		struct released *r = privacy_release(p, 1700000000000000000ULL + i * 1000000000ULL);

		if (!r)
			return -ENOMEM;
		export_post(x, r);
		released_unref(r);
		for (;;) {
			struct timespec pause = {0, 200000};

			export_status(x, s, 1);
			if (s->exports == had + i)
				break;
			if (s->consecutive_failures) {
				fprintf(stderr, "bench_export: %s\n", s->last_error);
				return -EIO;
			}
			nanosleep(&pause, NULL);
		}
	}
	return 0;
}

static int measure(const struct form *f, char *authority, struct privacy *p, unsigned exports)
{
	struct config_endpoint endpoint = {
		.url = authority,
		.authority = authority,
		.audience = f->audience,
		.timeout_ms = 10000,
		.gzip = f->gzip,
		.exponential = f->exponential,
	};
	const struct export_params params = {
		.instance_id = "cloud-nine",
		.service_name = "telltale",
		.endpoints = &endpoint,
		.endpoints_len = 1,
	};
	struct export_status s = {0};
	struct exporter *x;
	uint64_t begun;
	int err = export_start(&params, &x);

	if (err)
		return err;
	err = export_all(x, p, 1, &s); /* makes the connection, which is not measured */
	begun = cpu_us();
	if (!err) {
		uint64_t first = s.bytes;

		err = export_all(x, p, exports, &s);
		printf("%-36s %9" PRIu64 " %12.0f %10.2f\n", f->name, (s.bytes - first) / exports,
		       (double)(cpu_us() - begun) / exports,
		       (double)s.latency.sum_ns / 1e6 / (double)s.latency.count);
		printf("FIGURE export_bytes_%s %" PRIu64 "\n", f->figure,
		       (s.bytes - first) / exports);
		printf("FIGURE export_cpu_us_%s %.0f\n", f->figure,
		       (double)(cpu_us() - begun) / exports);
	}
	export_stop(x, 1000);
	return err;
}

int main(int argc, char **argv)
{
	unsigned exports = argc > 2 ? (unsigned)atoi(argv[2]) : 500;
	struct series *series = series_new(0);
	struct privacy *p = series ? busy_node(series) : NULL;
	int err = p ? 0 : -ENOMEM;

	if (argc < 2 || !exports) {
		fprintf(stderr, "Usage: bench_export HOST:PORT [EXPORTS]\n");
		return 2;
	}
	printf("%-36s %9s %12s %10s\n", "an export", "bytes", "CPU, us", "time, ms");
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]) && !err; i++)
		err = measure(&forms[i], argv[1], p, exports);
	privacy_free(p);
	series_free(series);
	if (err)
		fprintf(stderr, "bench_export: %s\n", strerror(-err));
	return err ? 1 : 0;
}
