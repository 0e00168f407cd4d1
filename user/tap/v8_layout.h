/* SPDX-License-Identifier: Apache-2.0 */
/* v8_layout.h - where V8 keeps things, by its build. */
#ifndef TELLTALE_V8_LAYOUT_H
#define TELLTALE_V8_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tap/elffile.h"

/* Offsets are in bytes from an object's address, which is one less than V8 writes it. */
struct v8_layout {
	int32_t major, minor;
	/* From the program's symbols. */
	int32_t map_type;
	int32_t function_type;
	int32_t function_shared;
	int32_t shared_name; /* a name, or a ScopeInfo */
	int32_t shared_script;
	int32_t scope_locals, scope_first; /* by word, after the map */
	int32_t script_source, script_name, script_line_ends;
	int32_t bytecodes;
	int32_t type_scope, type_script, type_code, type_bytecodes, type_shared, type_array;
	int32_t first_nonstring;
	/* From a table of versions. */
	int32_t function_code;
	int32_t code_data, code_positions, code_start, code_flags, code_size;
	int32_t code_baseline,
		code_optimised; /* kinds of code; all from the second on are optimised */
	int32_t data_inlined, data_literals,
		data_positions; /* by number, of the deoptimizer's data */
	int32_t bytecodes_positions;
	/* Where a function has a number for its code instead, and a table has the code: the pointer
	 * to what has the table, as the program is linked, and its place in it. Else 0. */
	uint64_t table_owner;
	uint32_t table_offset;
	uint64_t entry; /* where the program begins, as it is linked */
	bool has_table; /* such a version; without the rest, its optimised code is not known */
	/* How long each kind of bytecode is, for each of three widths; 0: not known. */
	uint8_t sizes[3][256];
	uint32_t kinds; /* of bytecode */
};

/* What the program E says. 0; -ENOENT: it is not V8; -ENOTSUP: a version that is not known, or it
 * leaves out what is needed; or another -errno. */
int v8_layout_read(struct elffile *e, struct v8_layout *layout);

#endif
