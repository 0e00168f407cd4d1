/* SPDX-License-Identifier: Apache-2.0 */
#include "tap/v8.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/table.h"
#include "tap/mapfiles.h"
#include "tap/v8_heap.h"
#include "tap/v8_layout.h"
#include "tap/v8_script.h"

#define FUNCTIONS     4096      /* that are remembered */
#define INLINED_MAX   32        /* functions within each other in one frame */
#define POSITIONS_MAX (1 << 16) /* bytes of a table of positions */

/* A function that was looked up. It is looked up again when V8 has changed it or moved another one
 * to its place. */
struct function {
	uint64_t shared;
	uint64_t name, script; /* as they were */
	char text[V8_TEXT_LEN];
	uint32_t begins;                /* its position in the script */
	const struct v8_script *source; /* NULL: not known */
};

struct v8 {
	struct v8_layout layout;
	struct stacks_v8 for_kernel;
	struct v8_heap heap;
	struct v8_scripts *scripts;
	struct function functions[FUNCTIONS];
	uint8_t positions[POSITIONS_MAX], bytecodes[POSITIONS_MAX]; /* while a frame is looked at */
};

static void set_for_kernel(struct v8 *v)
{
	const struct v8_layout *l = &v->layout;

	v->for_kernel = (struct stacks_v8){
		.map_type = (__u16)l->map_type,
		.function_first = (__u16)l->function_type,
		/* Constructors of arrays, promises and so on have types of their own behind it. */
		.function_last = (__u16)(l->function_type + V8_FUNCTION_TYPES - 1),
		.shared = (__u16)l->function_shared,
		.code = (__u16)l->function_code,
	};
}

static int read_layout(struct v8 *v, pid_t pid)
{
	int fd = mapfiles_program(pid), err;
	struct elffile e;

	if (fd < 0)
		return fd;
	err = elffile_open(&e, fd);
	if (!err)
		err = v8_layout_read(&e, &v->layout);
	close(fd);
	return err == -ENOEXEC ? -ENOENT : err;
}

int v8_open(pid_t pid, struct v8 **out, char *version, size_t version_len)
{
	struct v8 *v = calloc(1, sizeof(*v));
	int err;

	if (!v)
		return -ENOMEM;
	v->heap.fd = -1;
	err = read_layout(v, pid);
	snprintf(version, version_len, "V8 %d.%d", (int)v->layout.major, (int)v->layout.minor);
	if (!err)
		err = v8_heap_open(&v->heap, pid, &v->layout);
	if (!err) {
		v->scripts = v8_scripts_new(&v->heap);
		err = v->scripts ? 0 : -ENOMEM;
	}
	if (err) {
		v8_close(v);
		return err;
	}
	set_for_kernel(v);
	*out = v;
	return 0;
}

void v8_close(struct v8 *v)
{
	if (!v)
		return;
	v8_scripts_free(v->scripts);
	v8_heap_close(&v->heap);
	free(v);
}

const struct stacks_v8 *v8_for_kernel(const struct v8 *v)
{
	return &v->for_kernel;
}

/* --- functions -------------------------------------------------------------------------------- */

/* SHARED as it is now; NULL: it is no SharedFunctionInfo. */
static const struct function *find_function(struct v8 *v, uint64_t shared)
{
	struct function *f = &v->functions[table_hash(shared, 0) % FUNCTIONS];
	const struct v8_layout *l = &v->layout;
	uint64_t name, script;

	if (v8_heap_type(&v->heap, shared) != l->type_shared)
		return NULL;
	name = v8_heap_word(&v->heap, shared, l->shared_name);
	script = v8_heap_word(&v->heap, shared, l->shared_script);
	if (f->shared == shared && f->name == name && f->script == script)
		return f;
	f->shared = shared;
	f->name = name;
	f->script = script;
	v8_heap_function(&v->heap, name, f->text, &f->begins);
	f->source = v8_scripts_find(v->scripts, script);
	return f;
}

/* The number of a frame in SHARED at POSITION of its script; 0: it could not be named. */
static uint32_t name_function(struct v8 *v, struct stacks *s, uint64_t shared, uint32_t position)
{
	const struct function *f = find_function(v, shared);
	struct stacks_name name = {.kind = STACKS_OF_SCRIPT};

	if (!f)
		return 0;
	name.function = f->text[0] ? f->text : "(anonymous)";
	if (f->source) {
		name.file = f->source->name;
		name.begins = v8_script_line(f->source, f->begins);
		name.line = position ? v8_script_line(f->source, position) : name.begins;
	}
	return stacks_named(s, &name);
}

/* --- positions -------------------------------------------------------------------------------- */

/* A position is a place in a script, and the number of the inlined function that it is in. */
#define PLACE_OF(position)    ((uint32_t)((position) >> 1 & 0x3fffffff))
#define INLINED_OF(position)  ((uint32_t)((position) >> 31 & 0xffff))
#define IS_EXTERNAL(position) ((position)&1)

/* Reads a number of seven bits a byte, the lowest first. False at the table's end. */
static bool read_number(const uint8_t **p, const uint8_t *end, uint64_t *number)
{
	unsigned shift = 0;

	for (*number = 0; *p < end && shift < 64; shift += 7) {
		uint8_t byte = *(*p)++;

		*number |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80))
			return true;
	}
	return false;
}

static bool read_difference(const uint8_t **p, const uint8_t *end, int64_t *difference)
{
	uint64_t number;

	if (!read_number(p, end, &number))
		return false;
	*difference = (int64_t)(number >> 1) ^ -(int64_t)(number & 1);
	return true;
}

/* The last position in the table of LEN bytes until OFFSET; 0: there is none. */
static uint64_t position_at(const uint8_t *table, size_t len, int64_t offset)
{
	const uint8_t *p = table, *end = table + len;
	int64_t at = -1, more, position = 0, step;

	/* A negative number is one more that is no statement's. */
	while (read_difference(&p, end, &more) && read_difference(&p, end, &step)) {
		at += more >= 0 ? more : -(more + 1);
		if (at > offset)
			break;
		position += step;
	}
	return (uint64_t)position;
}

/* --- code ---------------------------------------------------------------------------------------
 */

struct code {
	uint64_t object, start;
	int32_t kind;
};

/* Is OBJECT code, and PC in it? */
static bool holds(const struct v8 *v, uint64_t object, uint64_t pc, struct code *code)
{
	const struct v8_layout *l = &v->layout;
	uint32_t size;

	if (v8_heap_type(&v->heap, object) != l->type_code)
		return false;
	code->object = object;
	code->start = v8_heap_word(&v->heap, object, l->code_start);
	code->kind = (int32_t)(v8_heap_word(&v->heap, object, l->code_flags) & V8_CODE_KIND);
	size = (uint32_t)v8_heap_word(&v->heap, object, l->code_size);
	return pc >= code->start && pc - code->start < size;
}

/* --- frames of the interpreter and of Sparkplug ------------------------------------------------
 */

/* The bytecode of SHARED as V8 writes its address; 0: it has none. */
static uint64_t bytecode_of(const struct v8 *v, uint64_t shared)
{
	const struct v8_layout *l = &v->layout;
	uint64_t data = v8_heap_word(&v->heap, shared, V8_SHARED_DATA);

	if (v8_heap_type(&v->heap, data) == l->type_code)
		data = v8_heap_word(&v->heap, data, l->code_data);
	return v8_heap_type(&v->heap, data) == l->type_bytecodes ? data : 0;
}

/* The place in the script of what is at OFFSET of the bytecode; 0: not known. */
static uint32_t place_in_bytecode(struct v8 *v, uint64_t bytecode, int64_t offset)
{
	uint64_t table = v8_heap_word(&v->heap, bytecode, v->layout.bytecodes_positions);
	size_t len = v8_heap_bytes(&v->heap, table, v->positions, sizeof(v->positions));
	uint32_t place = PLACE_OF(position_at(v->positions, len, offset));

	return place ? place - 1 : 0;
}

static uint32_t place_interpreted(struct v8 *v, const struct stacks_frame *frame)
{
	uint64_t bytecode = bytecode_of(v, frame->shared);
	int64_t offset = (int64_t)frame->offset >> 32;

	/* Other code has other things in these places. */
	if (!bytecode || frame->bytecode != bytecode || frame->offset & 1 ||
	    offset < v->layout.bytecodes - 1)
		return 0;
	return place_in_bytecode(v, bytecode, offset - (v->layout.bytecodes - 1));
}

/* The length of the bytecode at P, with the prefix that makes it wide; 0: it is none. */
static size_t bytecode_len(const struct v8_layout *l, const uint8_t *p, const uint8_t *end)
{
	/* Wide, ExtraWide, and those of the debugger. */
	size_t width = p < end && *p < 4 ? 1 + (*p & 1) : 0, prefix = width ? 1 : 0;

	if (p + prefix >= end || p[prefix] >= l->kinds)
		return 0;
	return prefix + l->sizes[width][p[prefix]];
}

/* Sparkplug writes the code of one bytecode after the other; the table has the length of each. */
static uint32_t place_baseline(struct v8 *v, uint64_t shared, uint64_t code, uint64_t offset)
{
	uint64_t bytecode = bytecode_of(v, shared), at = 0, more;
	uint64_t table = v8_heap_word(&v->heap, code, v->layout.code_positions);
	size_t table_len = v8_heap_bytes(&v->heap, table, v->positions, sizeof(v->positions));
	size_t len = bytecode ? v8_heap_span(&v->heap, bytecode, v->layout.bytecodes, v->bytecodes,
					     sizeof(v->bytecodes))
			      : 0;
	const uint8_t *p = v->positions, *b = v->bytecodes;
	size_t step;

	while (read_number(&p, v->positions + table_len, &more) && at + more <= offset) {
		at += more;
		step = bytecode_len(&v->layout, b, v->bytecodes + len);
		if (!step || step > (size_t)(v->bytecodes + len - b))
			return 0;
		b += step;
	}
	return bytecode ? place_in_bytecode(v, bytecode, b - v->bytecodes) : 0;
}

/* --- frames of optimised code ------------------------------------------------------------------
 */

struct optimised {
	uint64_t literals; /* the first are the SharedFunctionInfos of inlined functions */
	uint64_t inlined;  /* where these are called */
	uint32_t len;      /* of the SharedFunctionInfos */
};

/* A function, and the position that it is called at. */
struct call {
	uint64_t position;
	int32_t function; /* -1: the frame's own */
	uint32_t pad;
};

static struct optimised optimised_of(const struct v8 *v, uint64_t code)
{
	const struct v8_layout *l = &v->layout;
	uint64_t data = v8_heap_word(&v->heap, code, l->code_data);

	return (struct optimised){
		.literals = v8_heap_item(&v->heap, data, l->data_literals),
		.inlined = v8_heap_item(&v->heap, data, l->data_positions),
		.len = (uint32_t)(v8_heap_item(&v->heap, data, l->data_inlined) >> 32),
	};
}

static size_t name_optimised(struct v8 *v, struct stacks *s, const struct stacks_frame *frame,
			     const struct code *code, uint64_t offset, uint32_t *numbers,
			     size_t room)
{
	const struct optimised o = optimised_of(v, code->object);
	uint64_t table = v8_heap_word(&v->heap, code->object, v->layout.code_positions);
	size_t len = v8_heap_bytes(&v->heap, table, v->positions, sizeof(v->positions)), n = 0;
	uint64_t position = position_at(v->positions, len, (int64_t)offset);
	uint32_t place, last = UINT16_MAX + 1, inlined;

	/* Outwards, as long as a function is inlined into another one. */
	while ((inlined = INLINED_OF(position)) && inlined < last && n < INLINED_MAX) {
		struct call call;
		uint64_t shared = frame->shared;

		if (!v8_heap_part(&v->heap, o.inlined, (inlined - 1) * sizeof(call), &call,
				  sizeof(call)))
			break;
		if (call.function >= 0 && (uint32_t)call.function < o.len)
			shared = v8_heap_strong(v8_heap_item(&v->heap, o.literals, call.function));
		place = IS_EXTERNAL(position) ? 0 : PLACE_OF(position);
		if (n < room && (numbers[n] = name_function(v, s, shared, place ? place - 1 : 0)))
			n++;
		last = inlined;
		position = call.position;
	}
	place = IS_EXTERNAL(position) ? 0 : PLACE_OF(position);
	if (n < room && (numbers[n] = name_function(v, s, frame->shared, place ? place - 1 : 0)))
		n++;
	return n;
}

/* --- all ---------------------------------------------------------------------------------------
 */

size_t v8_name(struct v8 *v, struct stacks *s, const struct stacks_frame *frame, bool innermost,
	       uint32_t *numbers, size_t room)
{
	const struct v8_layout *l = &v->layout;
	/* The others go on behind the call. */
	uint64_t pc = frame->pc - !innermost;
	struct code code;
	uint32_t place;

	if (!room)
		return 0;
	/* A function can have newer code than the frame does, and its first compiled code besides.
	 */
	if (!holds(v, v8_heap_code(&v->heap, frame->code), pc, &code) &&
	    !holds(v, v8_heap_word(&v->heap, frame->shared, V8_SHARED_DATA), pc, &code))
		place = place_interpreted(v, frame);
	else if (code.kind >= l->code_optimised)
		return name_optimised(v, s, frame, &code, pc - code.start, numbers, room);
	else
		place = code.kind == l->code_baseline
				? place_baseline(v, frame->shared, code.object, pc - code.start)
				: 0;
	numbers[0] = name_function(v, s, frame->shared, place);
	return numbers[0] ? 1 : 0;
}
