/* SPDX-License-Identifier: Apache-2.0 */
#include "tap/v8_heap.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/escape.h"

/* What has been the same in all versions that are known. */
#define TAGS            3
#define POINTER         1
#define ARRAY_LEN       8 /* of arrays, of bytes too */
#define ARRAY_ITEMS     16
#define STRING_LEN      12
#define STRING_CHARS    16
#define STRING_FIRST    16 /* of one that is put together; of others, the string they stand for */
#define STRING_SECOND   24
#define STRING_DATA     24 /* of one whose characters are not in the heap */
#define STRING_FORM     7  /* bits of the type */
#define STRING_NARROW   8
#define STRING_UNCACHED 16
#define FORM_SEQUENTIAL 0
#define FORM_TOGETHER   1
#define FORM_EXTERNAL   2
#define FORM_THIN       5
#define STRINGS_DEEP    16   /* strings put together of others */
#define STRINGS_MAX     1024 /* of which one is put together */
#define LOCALS_LISTED   75   /* a ScopeInfo with as many names or more has them in a table */
#define SCOPE_BEGINS    3
#define SCOPE_LOOKED_AT 14 /* words behind the names of a ScopeInfo */
#define PIECE           16384

void v8_heap_close(struct v8_heap *h)
{
	if (h->fd >= 0)
		close(h->fd);
	h->fd = -1;
}

/* All LEN bytes at ADDRESS, or false. */
static bool get(const struct v8_heap *h, uint64_t address, void *buf, size_t len)
{
	return address <= INT64_MAX - len && pread(h->fd, buf, len, (off_t)address) == (ssize_t)len;
}

static bool is_object(uint64_t word)
{
	return (word & TAGS) == POINTER;
}

static uint64_t address_of(uint64_t object, int32_t offset)
{
	return object - POINTER + (uint64_t)offset;
}

uint64_t v8_heap_word(const struct v8_heap *h, uint64_t object, int32_t offset)
{
	uint64_t word = 0;

	if (!is_object(object) || !get(h, address_of(object, offset), &word, sizeof(word)))
		return 0;
	return word;
}

int32_t v8_heap_type(const struct v8_heap *h, uint64_t object)
{
	uint64_t map = v8_heap_word(h, object, 0);
	uint16_t type;

	if (!is_object(map) || !get(h, address_of(map, h->layout->map_type), &type, sizeof(type)))
		return -1;
	return type;
}

uint64_t v8_heap_code(const struct v8_heap *h, uint64_t word)
{
	uint64_t entry;

	if (!h->layout->has_table)
		return word;
	/* The lower half is a number, with other things in its lowest byte; an entry has two words,
	 * and the address in its second has other things below it. */
	if (!h->table ||
	    !get(h, h->table + ((word & UINT32_MAX) >> 8) * 16 + 8, &entry, sizeof(entry)))
		return 0;
	return entry >> 16 | POINTER;
}

uint64_t v8_heap_item(const struct v8_heap *h, uint64_t array, int32_t i)
{
	uint64_t len = v8_heap_word(h, array, ARRAY_LEN) >> 32;

	return i >= 0 && (uint64_t)i < len ? v8_heap_word(h, array, ARRAY_ITEMS + 8 * i) : 0;
}

bool v8_heap_items(const struct v8_heap *h, uint64_t array, uint64_t *items, size_t n)
{
	return is_object(array) && get(h, address_of(array, ARRAY_ITEMS), items, 8 * n);
}

size_t v8_heap_span(const struct v8_heap *h, uint64_t object, int32_t offset, void *buf, size_t len)
{
	uint64_t have = v8_heap_word(h, object, ARRAY_LEN) >> 32;
	size_t n = have < len ? (size_t)have : len;

	return n && get(h, address_of(object, offset), buf, n) ? n : 0;
}

size_t v8_heap_bytes(const struct v8_heap *h, uint64_t array, void *buf, size_t len)
{
	return v8_heap_span(h, array, ARRAY_ITEMS, buf, len);
}

bool v8_heap_part(const struct v8_heap *h, uint64_t array, size_t at, void *buf, size_t len)
{
	uint64_t have = v8_heap_word(h, array, ARRAY_LEN) >> 32;

	return at + len <= have && get(h, address_of(array, ARRAY_ITEMS) + at, buf, len);
}

/* How far from where it is linked the program is loaded. */
static uint64_t shift_of(pid_t pid, const struct v8_layout *layout)
{
	uint64_t words[2], entry = layout->entry;
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/auxv", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	while (fd >= 0 && read(fd, words, sizeof(words)) == sizeof(words) && words[0]) {
		if (words[0] == AT_ENTRY)
			entry = words[1];
	}
	if (fd >= 0)
		close(fd);
	return entry - layout->entry;
}

int v8_heap_open(struct v8_heap *h, pid_t pid, const struct v8_layout *layout)
{
	uint64_t owner = 0;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/mem", (int)pid);
	h->fd = open(path, O_RDONLY | O_CLOEXEC);
	h->layout = layout;
	h->table = 0;
	if (h->fd < 0)
		return -errno;
	if (layout->table_owner &&
	    get(h, layout->table_owner + shift_of(pid, layout), &owner, sizeof(owner)) && owner)
		get(h, owner + layout->table_offset, &h->table, sizeof(h->table));
	return 0;
}

/* --- strings -----------------------------------------------------------------------------------
 */

struct pieces {
	const struct v8_heap *heap;
	void (*each)(void *context, const void *characters, size_t len, size_t width);
	void *context;
	size_t left;      /* bytes that may be read */
	unsigned strings; /* that were looked at */
};

static bool read_pieces(struct pieces *p, uint64_t address, uint64_t bytes, size_t width)
{
	uint8_t piece[PIECE];
	bool whole = bytes <= p->left;

	bytes = whole ? bytes : p->left - p->left % width;
	p->left -= (size_t)bytes;
	for (uint64_t at = 0, some; at < bytes; at += some) {
		some = bytes - at < sizeof(piece) ? bytes - at : sizeof(piece);
		if (!get(p->heap, address + at, piece, (size_t)some))
			return false;
		p->each(p->context, piece, (size_t)some / width, width);
	}
	return whole;
}

/* Of strings put together, the second is read in the same turn. */
static bool read_string(struct pieces *p, uint64_t string, unsigned deep)
{
	const struct v8_heap *h = p->heap;

	for (; deep < STRINGS_DEEP; deep++) {
		int32_t type = v8_heap_type(h, string);
		size_t width = type & STRING_NARROW ? 1 : 2;
		uint64_t bytes = (v8_heap_word(h, string, STRING_LEN - 4) >> 32) * width;

		if (type < 0 || type >= h->layout->first_nonstring || p->strings++ == STRINGS_MAX)
			return false;
		switch (type & STRING_FORM) {
		case FORM_SEQUENTIAL:
			return read_pieces(p, address_of(string, STRING_CHARS), bytes, width);
		case FORM_EXTERNAL:
			return !(type & STRING_UNCACHED) &&
			       read_pieces(p, v8_heap_word(h, string, STRING_DATA), bytes, width);
		case FORM_TOGETHER:
			if (!read_string(p, v8_heap_word(h, string, STRING_FIRST), deep + 1))
				return false;
			string = v8_heap_word(h, string, STRING_SECOND);
			break;
		case FORM_THIN: string = v8_heap_word(h, string, STRING_FIRST); break;
		default: return false;
		}
	}
	return false;
}

bool v8_heap_pieces(const struct v8_heap *h, uint64_t string, size_t max,
		    void (*each)(void *context, const void *characters, size_t len, size_t width),
		    void *context)
{
	struct pieces p = {h, each, context, max, 0};

	return read_string(&p, string, 0);
}

struct text {
	char *bytes;
	size_t len;
};

/* Halves of characters beyond the first plane stand alone: they become question marks. */
static void add_character(struct text *t, unsigned c)
{
	size_t need = c < 0x80 ? 1 : c < 0x800 ? 2 : 3;

	if (t->len + need >= V8_TEXT_LEN)
		return;
	if (c < ' ' || c == 0x7f || (c >= 0xd800 && c < 0xe000)) {
		t->bytes[t->len++] = '?';
	} else if (need == 1) {
		t->bytes[t->len++] = (char)c;
	} else if (need == 2) {
		t->bytes[t->len++] = (char)(0xc0 | c >> 6);
		t->bytes[t->len++] = (char)(0x80 | (c & 0x3f));
	} else {
		t->bytes[t->len++] = (char)(0xe0 | c >> 12);
		t->bytes[t->len++] = (char)(0x80 | (c >> 6 & 0x3f));
		t->bytes[t->len++] = (char)(0x80 | (c & 0x3f));
	}
	t->bytes[t->len] = '\0';
}

static void add_characters(void *context, const void *characters, size_t len, size_t width)
{
	const uint8_t *narrow = characters;
	const uint16_t *wide = characters;

	for (size_t i = 0; i < len; i++)
		add_character(context, width == 1 ? narrow[i] : wide[i]);
}

void v8_heap_text(const struct v8_heap *h, uint64_t string, char text[V8_TEXT_LEN])
{
	char raw[V8_TEXT_LEN] = "";
	struct text t = {raw, 0};

	v8_heap_pieces(h, string, (size_t)2 * V8_TEXT_LEN, add_characters, &t);
	/* The process chose it, and it may be shown on a terminal. */
	escape_text(raw, text, V8_TEXT_LEN);
}

/* --- functions ---------------------------------------------------------------------------------
 */

/* Where a ScopeInfo's name stands depends on what the function has: the first string behind the
 * names of its variables is it. Of the numbers, the two before its outer scope are where it begins
 * and ends; a name may have a number too. */
static void read_scope(const struct v8_heap *h, uint64_t scope, char text[V8_TEXT_LEN],
		       uint32_t *begins)
{
	const struct v8_layout *l = h->layout;
	uint64_t words[SCOPE_LOOKED_AT] = {0};
	uint64_t locals = v8_heap_word(h, scope, 8 + 8 * l->scope_locals) >> 32;
	int32_t skip = l->scope_first;

	if (locals > 0xffff)
		return;
	/* From V8 13 on they stand in front of the variables. */
	if (skip > SCOPE_BEGINS + 1)
		*begins = (uint32_t)(v8_heap_word(h, scope, 8 + 8 * SCOPE_BEGINS) >> 32);
	skip += (int32_t)(locals < LOCALS_LISTED ? 2 * locals : 1 + locals);
	for (int32_t i = 0; i < SCOPE_LOOKED_AT; i++)
		words[i] = v8_heap_word(h, scope, 8 + 8 * (skip + i));
	for (int i = 0; i + 2 < SCOPE_LOOKED_AT && !(text[0] && *begins); i++) {
		/* The scope round it is the last. */
		if (v8_heap_type(h, words[i]) == l->type_scope)
			return;
		if (!text[0] && is_object(words[i]))
			v8_heap_text(h, words[i], text);
		if (!*begins && !(words[i] & 1) && !(words[i + 1] & 1) && words[i] < words[i + 1] &&
		    words[i + 2] & 1)
			*begins = (uint32_t)(words[i] >> 32);
	}
}

void v8_heap_function(const struct v8_heap *h, uint64_t name, char text[V8_TEXT_LEN],
		      uint32_t *begins)
{
	text[0] = '\0';
	*begins = 0;
	if (v8_heap_type(h, name) == h->layout->type_scope)
		read_scope(h, name, text, begins);
	else
		v8_heap_text(h, name, text);
}
