/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/truth.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"

static FILE *create(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	FILE *f = fd < 0 ? NULL : fdopen(fd, "w");

	if (!f && fd >= 0)
		close(fd);
	return f;
}

static const char *const outcomes[OUTCOMES] = {
	[OUTCOME_FULFILLED] = "fulfilled", [OUTCOME_REJECTED] = "rejected",
	[OUTCOME_EXPIRED] = "expired",     [OUTCOME_HTTP_ERROR] = "http_error",
	[OUTCOME_NOT_ILP] = "not_ilp",     [OUTCOME_CLOSED] = "closed",
	[OUTCOME_LOST] = "lost",
};

static const char *const losts[LOSTS] = {
	[LOST_GAP] = "gap",           [LOST_RING] = "ring",       [LOST_EVICTED] = "evicted",
	[LOST_REPLACED] = "replaced", [LOST_TIMEOUT] = "timeout", [LOST_SHUTDOWN] = "shutdown",
	[LOST_OPAQUE] = "opaque",
};

/* The first of the N names is that of no count. */
static void write_counts(FILE *f, const char *key, const char *const *names, const uint64_t *counts,
			 size_t n)
{
	fprintf(f, ", \"%s\": {", key);
	for (size_t i = 1; i < n; i++)
		fprintf(f, "%s\"%s\": %" PRIu64, i > 1 ? ", " : "", names[i], counts[i]);
	fprintf(f, "}");
}

void truth_write(const char *path, const struct privacy_truth *truth)
{
	char new[PATH_MAX];
	FILE *f;

	if (snprintf(new, sizeof(new), "%s.new", path) >= (int)sizeof(new))
		return;
	f = create(new);
	if (!f) {
		log_warn("run", "cannot write %s: %s", new, strerror(errno));
		return;
	}
	fprintf(f,
		"{\"transactions\": %" PRIu64 ", \"prepares\": %" PRIu64 ", \"fulfills\": %" PRIu64
		", \"rejects\": %" PRIu64 ", \"value\": %" PRIu64 ", \"probe_prepares\": %" PRIu64
		", \"probe_rejects\": %" PRIu64,
		truth->transactions, truth->prepares, truth->fulfills, truth->rejects, truth->value,
		truth->probe_prepares, truth->probe_rejects);
	write_counts(f, "outcomes", outcomes, truth->outcomes, OUTCOMES);
	write_counts(f, "lost", losts, truth->lost, LOSTS);
	fprintf(f, "}\n");
	if (fclose(f) || rename(new, path))
		log_warn("run", "cannot write %s: %s", path, strerror(errno));
}
