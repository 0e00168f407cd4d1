/* SPDX-License-Identifier: Apache-2.0 */
/*
 * v8_script.h - the files that a process's JavaScript comes from: their names, and where their
 * lines end.
 *
 * Lines are those of the file that runs. What it was made from, as TypeScript, is not known.
 */
#ifndef TELLTALE_V8_SCRIPT_H
#define TELLTALE_V8_SCRIPT_H

#include <stddef.h>
#include <stdint.h>

#include "tap/v8_heap.h"

struct v8_script {
	uint64_t script, name_at, source_at; /* as they were when it was read */
	char name[V8_TEXT_LEN];              /* as V8 has it, without "file://" */
	uint32_t *ends;                      /* positions of the ends of lines */
	size_t ends_len;                     /* 0: not known */
};

struct v8_scripts;

/* HEAP is borrowed. NULL when memory is short. */
struct v8_scripts *v8_scripts_new(const struct v8_heap *heap);
void v8_scripts_free(struct v8_scripts *s); /* accepts NULL */

/* The script SCRIPT, as V8 writes its address; NULL: it is none, or there is no room. It lives as
 * long as S. */
const struct v8_script *v8_scripts_find(struct v8_scripts *s, uint64_t script);

/* The line of POSITION, from 1; 0: not known. */
unsigned v8_script_line(const struct v8_script *s, uint32_t position);

#endif
