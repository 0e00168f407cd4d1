/* SPDX-License-Identifier: Apache-2.0 */
#include "tap/v8_layout.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#define ABSENT INT32_MIN

#define PREFIX "v8dbg_"

struct word {
	const char *name;
	size_t offset; /* in struct v8_layout */
};

#define WORD(name, field)                                                                          \
	{                                                                                          \
		name, offsetof(struct v8_layout, field)                                            \
	}

/* A name that changed is there once for each version. */
static const struct word words[] = {
	WORD("class_Map__instance_type__uint16_t", map_type),
	WORD("type_JSFunction__JS_FUNCTION_TYPE", function_type),
	WORD("class_JSFunction__shared__SharedFunctionInfo", function_shared),
	WORD("class_SharedFunctionInfo__name_or_scope_info__Object", shared_name),
	WORD("class_SharedFunctionInfo__name_or_scope_info__Tagged_Object_", shared_name),
	WORD("class_SharedFunctionInfo__name_or_scope_info__Tagged_NameOrScopeInfoT_", shared_name),
	WORD("class_SharedFunctionInfo__script_or_debug_info__HeapObject", shared_script),
	WORD("class_SharedFunctionInfo__script__Tagged_HeapObject_", shared_script),
	WORD("scopeinfo_idx_ncontextlocals", scope_locals),
	WORD("scopeinfo_idx_first_vars", scope_first),
	WORD("class_Script__source__Object", script_source),
	WORD("class_Script__name__Object", script_name),
	WORD("class_Script__line_ends__Object", script_line_ends),
	WORD("class_BytecodeArray__data__uintptr_t", bytecodes),
	WORD("type_ScopeInfo__SCOPE_INFO_TYPE", type_scope),
	WORD("type_Script__SCRIPT_TYPE", type_script),
	WORD("type_Code__CODE_TYPE", type_code),
	WORD("type_BytecodeArray__BYTECODE_ARRAY_TYPE", type_bytecodes),
	WORD("type_SharedFunctionInfo__SHARED_FUNCTION_INFO_TYPE", type_shared),
	WORD("type_FixedArray__FIXED_ARRAY_TYPE", type_array),
	WORD("FirstNonstringType", first_nonstring),
};

#define WORDS (sizeof(words) / sizeof(words[0]))

/* What no symbol says. Each line was read from a process of that version. */
static const struct v8_layout versions[] = {
	/* Node.js 20 */
	{.major = 11,
	 .minor = 3,
	 .function_code = 48,
	 .code_data = 16,
	 .code_positions = 24,
	 .code_start = 40,
	 .code_flags = 48,
	 .code_size = 56,
	 .code_baseline = 11,
	 .code_optimised = 12,
	 .data_inlined = 1,
	 .data_literals = 2,
	 .data_positions = 7,
	 .bytecodes_positions = 32},
	/* Node.js 22 */
	{.major = 12,
	 .minor = 4,
	 .function_code = 24,
	 .code_data = 8,
	 .code_positions = 16,
	 .code_start = 40,
	 .code_flags = 48,
	 .code_size = 52,
	 .code_baseline = 10,
	 .code_optimised = 11,
	 .data_inlined = 1,
	 .data_literals = 2,
	 .data_positions = 7,
	 .bytecodes_positions = 24},
	/* Node.js 24 */
	{.major = 13,
	 .minor = 6,
	 .has_table = true,
	 .function_code = 24,
	 .code_data = 8,
	 .code_positions = 16,
	 .code_start = 40,
	 .code_flags = 52,
	 .code_size = 56,
	 .code_baseline = 10,
	 .code_optimised = 11,
	 .data_inlined = 1,
	 .data_literals = 3,
	 .data_positions = 8,
	 .bytecodes_positions = 24},
};

static int32_t *field_at(struct v8_layout *l, size_t offset)
{
	return (int32_t *)(void *)((char *)l + offset);
}

struct search {
	struct elffile *e;
	struct v8_layout *layout;
};

/* How long each kind of bytecode is. Without it, frames of Sparkplug have the line where their
 * function begins. */
static void take_sizes(const struct search *s, uint64_t address, uint64_t size)
{
	struct v8_layout *l = s->layout;
	uint8_t bytes[sizeof(l->sizes)];

	if (size % 3 || size > sizeof(bytes) ||
	    elffile_bytes(s->e, address, bytes, size) != (size_t)size)
		return;
	l->kinds = (uint32_t)(size / 3);
	for (size_t width = 0; width < 3; width++)
		memcpy(l->sizes[width], bytes + width * l->kinds, l->kinds);
}

static void take_object(void *context, const char *name, uint64_t address, uint64_t size)
{
	const struct search *s = context;
	int32_t value = 0;

	if (!strcmp(name, "_ZN2v88internal11interpreter9Bytecodes14kBytecodeSizesE"))
		take_sizes(s, address, size);
	if (size != sizeof(value))
		return;
	/* One that is 0 may lie where the file has no bytes. */
	elffile_bytes(s->e, address, &value, sizeof(value));
	if (!strcmp(name, "_ZN2v88internal7Version6major_E"))
		s->layout->major = value;
	if (!strcmp(name, "_ZN2v88internal7Version6minor_E"))
		s->layout->minor = value;
	if (strncmp(name, PREFIX, strlen(PREFIX)) != 0)
		return;
	for (size_t i = 0; i < WORDS; i++) {
		if (!strcmp(name + strlen(PREFIX), words[i].name))
			*field_at(s->layout, words[i].offset) = value;
	}
}

/* 0, or -ENOTSUP. */
static int add_known(struct v8_layout *l)
{
	const struct v8_layout *known = NULL;

	for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++) {
		if (versions[i].major == l->major && versions[i].minor == l->minor)
			known = &versions[i];
	}
	for (size_t i = 0; i < WORDS; i++) {
		if (*field_at(l, words[i].offset) == ABSENT)
			return -ENOTSUP;
	}
	if (!known)
		return -ENOTSUP;
	l->has_table = known->has_table;
	l->function_code = known->function_code;
	l->code_data = known->code_data;
	l->code_positions = known->code_positions;
	l->code_start = known->code_start;
	l->code_flags = known->code_flags;
	l->code_size = known->code_size;
	l->code_baseline = known->code_baseline;
	l->code_optimised = known->code_optimised;
	l->data_inlined = known->data_inlined;
	l->data_literals = known->data_literals;
	l->data_positions = known->data_positions;
	l->bytecodes_positions = known->bytecodes_positions;
	return 0;
}

/* The table's address is in the program's code: a function returns it, which begins
 *   mov OWNER(%rip),%rax
 *   mov OFFSET(%rax),%rax
 * On other machines it is not known. */
static void read_table(struct elffile *e, struct v8_layout *l)
{
	static const uint8_t owner[] = {0x48, 0x8b, 0x05}, offset[] = {0x48, 0x8b, 0x80};
	uint64_t at = 0;
	uint8_t code[32];
	int32_t relative;

	if (e->machine != EM_X86_64 ||
	    elffile_function(e, "_ZN2v88internal17ExternalReference25js_dispatch_table_addressEv",
			     &at) ||
	    elffile_bytes(e, at, code, sizeof(code)) != sizeof(code))
		return;
	for (size_t i = 0; i + 14 <= sizeof(code); i++) {
		if (memcmp(code + i, owner, sizeof(owner)) != 0 ||
		    memcmp(code + i + 7, offset, sizeof(offset)) != 0)
			continue;
		memcpy(&relative, code + i + 3, sizeof(relative));
		l->table_owner = at + i + 7 + (uint64_t)(int64_t)relative;
		memcpy(&l->table_offset, code + i + 10, sizeof(l->table_offset));
		return;
	}
}

int v8_layout_read(struct elffile *e, struct v8_layout *l)
{
	struct search s = {e, l};
	int err;

	*l = (struct v8_layout){0};
	for (size_t i = 0; i < WORDS; i++)
		*field_at(l, words[i].offset) = ABSENT;
	err = elffile_objects(e, take_object, &s);
	if (err)
		return err;
	err = l->function_type == ABSENT ? -ENOENT : add_known(l);
	if (!err && l->has_table)
		read_table(e, l);
	l->entry = e->entry;
	return err;
}
