/* SPDX-License-Identifier: Apache-2.0 */
/*
 * v8_heap.h - objects in the memory of a process that runs V8.
 *
 * The process changes them meanwhile, and chooses what is in them: all that is read may be wrong.
 * What cannot be read is 0. Nothing is written.
 */
#ifndef TELLTALE_V8_HEAP_H
#define TELLTALE_V8_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "tap/v8_layout.h"

#define V8_TEXT_LEN       160 /* bytes of a name that is read; a longer one is cut */
#define V8_SHARED_DATA    8   /* of a SharedFunctionInfo, what it runs */
#define V8_CODE_KIND      15  /* the bits of Code's flags that say which kind it is */
#define V8_FUNCTION_TYPES 17  /* types of functions, from JSFunction on */

struct v8_heap {
	int fd; /* of the process's memory; -1: it is not open */
	const struct v8_layout *layout;
	uint64_t table; /* of code; 0: there is none, or it is not known */
};

/* 0 or -errno. LAYOUT is borrowed. */
int v8_heap_open(struct v8_heap *h, pid_t pid, const struct v8_layout *layout);
void v8_heap_close(struct v8_heap *h);

/* Objects are given as V8 writes their addresses. */

/* The type of an object; -1: it is none, or a number. */
int32_t v8_heap_type(const struct v8_heap *h, uint64_t object);
/* The word at OFFSET of an object. */
uint64_t v8_heap_word(const struct v8_heap *h, uint64_t object, int32_t offset);
/* The item number I of an array. */
uint64_t v8_heap_item(const struct v8_heap *h, uint64_t array, int32_t i);
/* What a reference points to that does not keep it alive; of others, the same. */
static inline uint64_t v8_heap_strong(uint64_t word)
{
	return (word & 3) == 3 ? word & ~2ULL : word;
}
/* The code that a function's word for it stands for. */
uint64_t v8_heap_code(const struct v8_heap *h, uint64_t word);
/* All of the first N items of an array, or false. */
bool v8_heap_items(const struct v8_heap *h, uint64_t array, uint64_t *items, size_t n);
/* The bytes of an array of bytes, up to LEN; returns how many. */
size_t v8_heap_bytes(const struct v8_heap *h, uint64_t array, void *buf, size_t len);
/* The same of an object whose bytes begin at OFFSET. */
size_t v8_heap_span(const struct v8_heap *h, uint64_t object, int32_t offset, void *buf,
		    size_t len);
/* All LEN bytes of an array of bytes from AT on, or false. */
bool v8_heap_part(const struct v8_heap *h, uint64_t array, size_t at, void *buf, size_t len);

/* The string as UTF-8, cut to its room and fit for a terminal; empty when it is none. */
void v8_heap_text(const struct v8_heap *h, uint64_t string, char text[V8_TEXT_LEN]);
/* The name of the function whose SharedFunctionInfo has NAME, and where it begins in its script. */
void v8_heap_function(const struct v8_heap *h, uint64_t name, char text[V8_TEXT_LEN],
		      uint32_t *begins);
/* Calls EACH with the string's characters, piece by piece, each of LEN characters of WIDTH bytes;
 * they are gone after the call. Up to MAX bytes are read. False: it could not be read to its end.
 */
bool v8_heap_pieces(const struct v8_heap *h, uint64_t string, size_t max,
		    void (*each)(void *context, const void *characters, size_t len, size_t width),
		    void *context);

#endif
