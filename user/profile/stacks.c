/* SPDX-License-Identifier: Apache-2.0 */
#include "profile/stacks.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/table.h"

#define FRAMES_MAX 65536
#define STACKS_MAX 65536
#define BUCKETS    65536       /* of each index */
#define BYTES_MAX  (16u << 20) /* of all texts and stacks */

const char *const stacks_kinds[] = {
	[STACKS_OF_KERNEL] = "kernel",
	[STACKS_OF_NATIVE] = "native",
	[STACKS_OF_SCRIPT] = "javascript",
};

struct text {
	struct text *next;
	char bytes[];
};

struct frame {
	uint32_t next; /* in its bucket; 0: the last */
	enum stacks_kind kind;
	uint32_t object;
	uint64_t address;
	const char *function; /* NULL: it has no name yet */
	const char *file;
	unsigned line, begins;
};

struct kept {
	struct kept *next;
	uint64_t hash;
	struct stacks_stack stack;
};

struct sample {
	uint64_t at_ns;
	uint32_t pid, tid;
	const struct stacks_stack *stack;
};

struct stacks {
	size_t bytes; /* of texts and stacks */
	struct text *texts[BUCKETS];
	struct frame *frames; /* from 1 */
	uint32_t frames_len;
	uint32_t frame_of[BUCKETS];
	struct kept *stacks[BUCKETS];
	size_t stacks_len;
	struct sample *samples;
	size_t samples_len, samples_max;
	uint64_t lost;
};

struct stacks *stacks_new(size_t samples_max)
{
	struct stacks *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	/* Pages that are never used are never touched. */
	s->frames = calloc(FRAMES_MAX + 1, sizeof(*s->frames));
	s->samples = calloc(samples_max + 1, sizeof(*s->samples));
	s->samples_max = samples_max;
	if (!s->frames || !s->samples) {
		stacks_free(s);
		return NULL;
	}
	return s;
}

void stacks_free(struct stacks *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < BUCKETS; i++) {
		while (s->texts[i]) {
			struct text *t = s->texts[i];

			s->texts[i] = t->next;
			free(t);
		}
		while (s->stacks[i]) {
			struct kept *k = s->stacks[i];

			s->stacks[i] = k->next;
			free(k);
		}
	}
	free(s->frames);
	free(s->samples);
	free(s);
}

static uint64_t hash_bytes(const void *bytes, size_t len)
{
	const unsigned char *p = bytes;
	uint64_t h = 0xcbf29ce484222325ULL;

	for (size_t i = 0; i < len; i++)
		h = (h ^ p[i]) * 0x100000001b3ULL;
	return h ^ (h >> 32);
}

/* Room for LEN bytes more; NULL: there is none. */
static void *take(struct stacks *s, size_t len)
{
	void *room = len <= BYTES_MAX - s->bytes ? malloc(len) : NULL;

	if (room)
		s->bytes += len;
	return room;
}

/* The one copy of TEXT; NULL: there is no room, or no text. */
static const char *keep_text(struct stacks *s, const char *text)
{
	size_t len = text ? strlen(text) + 1 : 0;
	struct text **bucket, *t;

	if (!len)
		return NULL;
	bucket = &s->texts[hash_bytes(text, len) % BUCKETS];
	for (t = *bucket; t; t = t->next) {
		if (!strcmp(t->bytes, text))
			return t->bytes;
	}
	t = take(s, sizeof(*t) + len);
	if (!t)
		return NULL;
	memcpy(t->bytes, text, len);
	t->next = *bucket;
	*bucket = t;
	return t->bytes;
}

/* --- frames ----------------------------------------------------------------------------------- */

static bool is_same(const struct frame *a, const struct frame *b)
{
	return a->kind == b->kind && a->object == b->object && a->address == b->address &&
	       (a->kind != STACKS_OF_SCRIPT || (a->function == b->function && a->file == b->file &&
						a->line == b->line && a->begins == b->begins));
}

/* The number of the frame like WANTED, which is added when there is none. */
static uint32_t find_frame(struct stacks *s, const struct frame *wanted)
{
	uint64_t hash = table_hash(wanted->address + wanted->line,
				   (uint64_t)wanted->object << 8 | (uint64_t)wanted->kind);
	uint32_t *bucket, i;

	hash = table_hash(hash ^ (uintptr_t)wanted->function * (wanted->kind == STACKS_OF_SCRIPT),
			  wanted->kind);
	bucket = &s->frame_of[hash % BUCKETS];
	for (i = *bucket; i; i = s->frames[i].next) {
		if (is_same(&s->frames[i], wanted))
			return i;
	}
	if (s->frames_len == FRAMES_MAX)
		return 0;
	i = ++s->frames_len;
	s->frames[i] = *wanted;
	s->frames[i].next = *bucket;
	*bucket = i;
	return i;
}

static void fill_name(struct stacks *s, struct frame *f, const struct stacks_name *name)
{
	f->function = keep_text(s, name->function);
	f->file = keep_text(s, name->file);
	f->line = name->line;
	f->begins = name->begins;
}

uint32_t stacks_named(struct stacks *s, const struct stacks_name *name)
{
	struct frame wanted = {.kind = name->kind};

	fill_name(s, &wanted, name);
	return wanted.function ? find_frame(s, &wanted) : 0;
}

uint32_t stacks_at(struct stacks *s, enum stacks_kind kind, uint32_t object, uint64_t address)
{
	const struct frame wanted = {.kind = kind, .object = object, .address = address};

	return find_frame(s, &wanted);
}

void stacks_each_unnamed(struct stacks *s, enum stacks_kind kind, uint32_t object,
			 void (*each)(void *context, uint32_t frame, uint64_t address),
			 void *context)
{
	for (uint32_t i = 1; i <= s->frames_len; i++) {
		const struct frame *f = &s->frames[i];

		if (!f->function && f->kind == kind && f->object == object)
			each(context, i, f->address);
	}
}

void stacks_set_name(struct stacks *s, uint32_t frame, const struct stacks_name *name)
{
	if (frame && frame <= s->frames_len)
		fill_name(s, &s->frames[frame], name);
}

struct stacks_name stacks_name_of(const struct stacks *s, uint32_t frame)
{
	static const char *const unnamed[STACKS_KINDS] = {
		[STACKS_OF_KERNEL] = "[kernel]",
		[STACKS_OF_NATIVE] = "[native]",
		[STACKS_OF_SCRIPT] = "[JavaScript]",
	};
	const struct frame *f = &s->frames[frame];

	return (struct stacks_name){
		.kind = f->kind,
		.function = f->function ? f->function : unnamed[f->kind],
		.file = f->file,
		.line = f->line,
		.begins = f->begins,
	};
}

/* --- samples ---------------------------------------------------------------------------------- */

static const struct stacks_stack *keep_stack(struct stacks *s, const uint32_t *frames, size_t len)
{
	uint64_t hash = hash_bytes(frames, len * sizeof(*frames));
	struct kept **bucket = &s->stacks[hash % BUCKETS], *k;

	for (k = *bucket; k; k = k->next) {
		if (k->hash == hash && k->stack.len == len &&
		    !memcmp(k->stack.frames, frames, len * sizeof(*frames)))
			return &k->stack;
	}
	k = s->stacks_len < STACKS_MAX ? take(s, sizeof(*k) + len * sizeof(*frames)) : NULL;
	if (!k)
		return NULL;
	k->hash = hash;
	k->stack.len = (uint32_t)len;
	memcpy(k->stack.frames, frames, len * sizeof(*frames));
	k->next = *bucket;
	*bucket = k;
	s->stacks_len++;
	return &k->stack;
}

void stacks_add(struct stacks *s, uint64_t at_ns, uint32_t pid, uint32_t tid,
		const uint32_t *frames, size_t len)
{
	const struct stacks_stack *stack =
		s->samples_len < s->samples_max ? keep_stack(s, frames, len) : NULL;

	if (!stack) {
		s->lost++;
		return;
	}
	s->samples[s->samples_len++] = (struct sample){at_ns, pid, tid, stack};
}

void stacks_each(const struct stacks *s,
		 void (*each)(void *context, uint64_t at_ns, uint32_t pid, uint32_t tid,
			      const struct stacks_stack *stack),
		 void *context)
{
	for (size_t i = 0; i < s->samples_len; i++)
		each(context, s->samples[i].at_ns, s->samples[i].pid, s->samples[i].tid,
		     s->samples[i].stack);
}

size_t stacks_len(const struct stacks *s)
{
	return s->samples_len;
}

uint64_t stacks_lost(const struct stacks *s)
{
	return s->lost;
}
