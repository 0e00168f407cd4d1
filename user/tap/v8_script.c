/* SPDX-License-Identifier: Apache-2.0 */
#include "tap/v8_script.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define SCRIPTS_MAX 2048
#define SOURCE_MAX  (16u << 20) /* bytes of one that are gone through */
#define ENDS_MAX    (1u << 21)  /* of all, 8 MB */

struct v8_scripts {
	const struct v8_heap *heap;
	struct v8_script list[SCRIPTS_MAX];
	size_t len;
	size_t ends; /* of all */
};

struct v8_scripts *v8_scripts_new(const struct v8_heap *heap)
{
	struct v8_scripts *s = calloc(1, sizeof(*s));

	if (s)
		s->heap = heap;
	return s;
}

void v8_scripts_free(struct v8_scripts *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->len; i++)
		free(s->list[i].ends);
	free(s);
}

struct count {
	struct v8_script *script;
	size_t room, max;
	uint32_t at;
	bool full, after_return;
};

static void add_end(struct count *c, uint32_t at)
{
	struct v8_script *s = c->script;
	size_t room = c->room ? 2 * c->room : 64;
	uint32_t *ends;

	if (s->ends_len == c->room && s->ends_len < c->max) {
		ends = realloc(s->ends, room * sizeof(*ends));
		if (ends) {
			s->ends = ends;
			c->room = room;
		}
	}
	if (s->ends_len == c->room || s->ends_len >= c->max) {
		c->full = true;
		return;
	}
	s->ends[s->ends_len++] = at;
}

static void count_lines(void *context, const void *characters, size_t len, size_t width)
{
	const uint8_t *narrow = characters;
	const uint16_t *wide = characters;
	struct count *c = context;

	for (size_t i = 0; i < len; i++, c->at++) {
		unsigned character = width == 1 ? narrow[i] : wide[i];

		/* A return with a newline behind it is one end, where the newline is. */
		if (c->after_return && character != '\n')
			add_end(c, c->at - 1);
		c->after_return = character == '\r';
		if (character == '\n' || character == 0x2028 || character == 0x2029)
			add_end(c, c->at);
	}
}

/* What V8 has counted itself. */
static bool read_ends(struct v8_scripts *s, struct v8_script *script)
{
	const struct v8_layout *l = s->heap->layout;
	uint64_t array = v8_heap_word(s->heap, script->script, l->script_line_ends), len;
	uint64_t *words;

	if (v8_heap_type(s->heap, array) != l->type_array)
		return false;
	len = v8_heap_word(s->heap, array, 8) >> 32;
	if (!len || len > ENDS_MAX - s->ends)
		return false;
	words = calloc(len, sizeof(*words));
	script->ends = calloc(len, sizeof(*script->ends));
	if (words && script->ends && v8_heap_items(s->heap, array, words, len)) {
		for (uint64_t i = 0; i < len; i++)
			script->ends[i] = (uint32_t)(words[i] >> 32);
		script->ends_len = len;
	}
	free(words);
	return script->ends_len != 0;
}

static void read_lines(struct v8_scripts *s, struct v8_script *script)
{
	struct count c = {.script = script, .max = ENDS_MAX - s->ends};

	if (read_ends(s, script))
		return;
	if (!v8_heap_pieces(s->heap, script->source_at, SOURCE_MAX, count_lines, &c) || c.full)
		script->ends_len = 0; /* of a part, no line is sure */
	else
		add_end(&c, c.at); /* of the last line */
}

const struct v8_script *v8_scripts_find(struct v8_scripts *s, uint64_t script)
{
	const struct v8_layout *l = s->heap->layout;
	uint64_t name_at, source_at;
	struct v8_script *new;

	if (v8_heap_type(s->heap, script) != l->type_script)
		return NULL;
	name_at = v8_heap_word(s->heap, script, l->script_name);
	source_at = v8_heap_word(s->heap, script, l->script_source);
	for (size_t i = 0; i < s->len; i++) {
		if (s->list[i].script == script && s->list[i].name_at == name_at &&
		    s->list[i].source_at == source_at)
			return &s->list[i];
	}
	if (s->len == SCRIPTS_MAX)
		return NULL;
	new = &s->list[s->len++];
	*new = (struct v8_script){script, name_at, source_at, "", NULL, 0};
	v8_heap_text(s->heap, name_at, new->name);
	if (!strncmp(new->name, "file://", 7))
		memmove(new->name, new->name + 7, strlen(new->name + 7) + 1);
	read_lines(s, new);
	s->ends += new->ends_len;
	return new;
}

unsigned v8_script_line(const struct v8_script *s, uint32_t position)
{
	size_t low = 0, high = s->ends_len;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (s->ends[middle] < position)
			low = middle + 1;
		else
			high = middle;
	}
	return low < s->ends_len ? (unsigned)low + 1 : 0;
}
