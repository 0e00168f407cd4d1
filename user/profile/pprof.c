/* SPDX-License-Identifier: Apache-2.0 */
#include "profile/pprof.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <zlib.h>

#include "base/table.h"
#include "proto/pprof.pb-c.h"

#define BUCKETS 16384

/* Texts are kept once by the stacks: equal ones have one address. */
struct text {
	const char *text;
	int64_t number;
	uint32_t next;
};

struct build {
	const struct held *held;
	size_t frames; /* of all stacks */
	struct text *texts;
	uint32_t texts_len, text_of[BUCKETS];
	Pprof__Profile profile;
	Pprof__ValueType types[2], period, *type_list[2];
	Pprof__Sample *samples, **sample_list;
	Pprof__Location *locations, **location_list;
	Pprof__Line *lines, **line_list;
	Pprof__Function *functions, **function_list;
	uint64_t *ids;
	int64_t *values;
	char **strings;
	uint64_t *location_of; /* by frame; 0: it has none yet */
};

/* The number of TEXT in the table of texts, which has room for all. */
static int64_t number_text(struct build *b, const char *text)
{
	uint32_t *bucket = &b->text_of[table_hash((uintptr_t)text, 0) % BUCKETS];

	if (!text)
		return 0;
	for (uint32_t i = *bucket; i; i = b->texts[i].next) {
		if (b->texts[i].text == text)
			return b->texts[i].number;
	}
	b->strings[b->profile.n_string_table] = (char *)text;
	b->texts[++b->texts_len] =
		(struct text){text, (int64_t)b->profile.n_string_table++, *bucket};
	*bucket = b->texts_len;
	return b->texts[b->texts_len].number;
}

/* A location and a function of its own for each frame: readers put equal functions together. */
static uint64_t add_location(struct build *b, uint32_t frame)
{
	const struct stacks_name name = stacks_name_of(b->held->stacks, frame);
	size_t i = b->profile.n_location;

	if (b->location_of[frame])
		return b->location_of[frame];
	pprof__function__init(&b->functions[i]);
	b->functions[i].id = i + 1;
	b->functions[i].name = number_text(b, name.function);
	b->functions[i].system_name = b->functions[i].name;
	b->functions[i].filename = number_text(b, name.file);
	b->functions[i].start_line = name.begins;
	b->function_list[i] = &b->functions[i];
	pprof__line__init(&b->lines[i]);
	b->lines[i].function_id = i + 1;
	b->lines[i].line = name.line;
	b->line_list[i] = &b->lines[i];
	pprof__location__init(&b->locations[i]);
	b->locations[i].id = i + 1;
	b->locations[i].n_line = 1;
	b->locations[i].line = &b->line_list[i];
	b->location_list[i] = &b->locations[i];
	b->profile.n_location = b->profile.n_function = i + 1;
	b->location_of[frame] = i + 1;
	return i + 1;
}

static void add_samples(struct build *b)
{
	uint64_t *ids = b->ids;

	for (size_t i = 0; i < b->held->len; i++) {
		const struct held_stack *h = &b->held->list[i];
		Pprof__Sample *s = &b->samples[i];

		pprof__sample__init(s);
		s->location_id = ids;
		s->n_location_id = h->stack->len;
		for (uint32_t k = h->stack->len; k > 0; k--)
			*ids++ = add_location(b, h->stack->frames[k - 1]);
		s->value = &b->values[2 * i];
		s->n_value = 2;
		s->value[0] = (int64_t)h->samples;
		s->value[1] = (int64_t)h->ns;
		b->sample_list[i] = s;
	}
	b->profile.n_sample = b->held->len;
}

static void set_types(struct build *b, const struct pprof_session *session)
{
	Pprof__Profile *p = &b->profile;

	for (int i = 0; i < 2; i++) {
		pprof__value_type__init(&b->types[i]);
		b->type_list[i] = &b->types[i];
	}
	pprof__value_type__init(&b->period);
	b->types[0].type = number_text(b, "samples");
	b->types[0].unit = number_text(b, "count");
	b->types[1].type = b->period.type = p->default_sample_type = number_text(b, "cpu");
	b->types[1].unit = b->period.unit = number_text(b, "nanoseconds");
	p->sample_type = b->type_list;
	p->n_sample_type = 2;
	p->period_type = &b->period;
	p->period = (int64_t)session->period_ns;
	p->time_nanos = session->wall_ns;
	p->duration_nanos = (int64_t)session->ns;
}

/* Room for as much as the stacks can need. 0 or -ENOMEM. */
static int make_room(struct build *b)
{
	uint32_t highest = 0;
	size_t n;

	for (size_t i = 0; i < b->held->len; i++) {
		const struct stacks_stack *stack = b->held->list[i].stack;

		b->frames += stack->len;
		for (uint32_t k = 0; k < stack->len; k++)
			highest = stack->frames[k] > highest ? stack->frames[k] : highest;
	}
	n = (size_t)highest + 1;
	b->texts = calloc(2 * n + 8, sizeof(*b->texts));
	b->strings = calloc(2 * n + 8, sizeof(*b->strings));
	b->location_of = calloc(n, sizeof(*b->location_of));
	b->locations = calloc(n, sizeof(*b->locations));
	b->location_list = calloc(n, sizeof(*b->location_list));
	b->lines = calloc(n, sizeof(*b->lines));
	b->line_list = calloc(n, sizeof(*b->line_list));
	b->functions = calloc(n, sizeof(*b->functions));
	b->function_list = calloc(n, sizeof(*b->function_list));
	b->samples = calloc(b->held->len + 1, sizeof(*b->samples));
	b->sample_list = calloc(b->held->len + 1, sizeof(*b->sample_list));
	b->values = calloc(2 * b->held->len + 2, sizeof(*b->values));
	b->ids = calloc(b->frames + 1, sizeof(*b->ids));
	return b->texts && b->strings && b->location_of && b->locations && b->location_list &&
			       b->lines && b->line_list && b->functions && b->function_list &&
			       b->samples && b->sample_list && b->values && b->ids
		       ? 0
		       : -ENOMEM;
}

static void free_room(struct build *b)
{
	free(b->texts);
	free(b->strings);
	free(b->location_of);
	free(b->locations);
	free(b->location_list);
	free(b->lines);
	free(b->line_list);
	free(b->functions);
	free(b->function_list);
	free(b->samples);
	free(b->sample_list);
	free(b->values);
	free(b->ids);
	free(b);
}

static int write_packed(const Pprof__Profile *profile, int fd)
{
	size_t len = pprof__profile__get_packed_size(profile);
	uint8_t *bytes = malloc(len);
	int copy = dup(fd), err = -EIO;
	gzFile file = copy >= 0 ? gzdopen(copy, "wb") : NULL;

	if (bytes && file && len < INT_MAX) {
		pprof__profile__pack(profile, bytes);
		err = gzwrite(file, bytes, (unsigned)len) == (int)len ? 0 : -EIO;
	}
	if (file)
		err = gzclose(file) == Z_OK ? err : -EIO;
	else if (copy >= 0)
		close(copy);
	free(bytes);
	return err;
}

int pprof_write(const struct held *held, const struct pprof_session *session, int fd)
{
	struct build *b = calloc(1, sizeof(*b));
	int err;

	if (!b)
		return -ENOMEM;
	b->held = held;
	pprof__profile__init(&b->profile);
	err = make_room(b);
	if (err)
		goto out;
	b->strings[b->profile.n_string_table++] = (char *)"";
	set_types(b, session);
	add_samples(b);
	b->profile.sample = b->sample_list;
	b->profile.location = b->location_list;
	b->profile.function = b->function_list;
	b->profile.string_table = b->strings;
	err = write_packed(&b->profile, fd);
out:
	free_room(b);
	return err;
}
