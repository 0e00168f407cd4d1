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
#include "release/vocabulary.h"

static FILE *create(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	FILE *f = fd < 0 ? NULL : fdopen(fd, "w");

	if (!f && fd >= 0)
		close(fd);
	return f;
}

/* COUNTS: one for each word, after that of what has none. */
static void write_counts(FILE *f, const char *key, const struct vocabulary *v,
			 const uint64_t *counts)
{
	fprintf(f, ", \"%s\": {", key);
	for (size_t i = 0; i < v->len; i++)
		fprintf(f, "%s\"%s\": %" PRIu64, i ? ", " : "", v->words[i].label, counts[i + 1]);
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
	write_counts(f, "outcomes", &vocabulary_outcomes, truth->outcomes);
	write_counts(f, "lost", &vocabulary_losts, truth->lost);
	fprintf(f, "}\n");
	if (fclose(f) || rename(new, path))
		log_warn("run", "cannot write %s: %s", path, strerror(errno));
}
