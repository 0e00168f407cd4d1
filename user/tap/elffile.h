/* SPDX-License-Identifier: Apache-2.0 */
/*
 * elffile.h - a program or library file of a watched process -> where its functions lie.
 *
 * Whoever runs in a target chooses these files, so everything in them may be wrong and may change
 * while it is read. Only pread into buffers of fixed size is used: a file that shrinks is a short
 * read, not a signal. One file costs at most ELFFILE_BYTES_MAX of reading, whatever its headers
 * say; what lies beyond is not found.
 */
#ifndef TELLTALE_ELFFILE_H
#define TELLTALE_ELFFILE_H

#include <elf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes read of one file. Node.js, the largest of those that matter, takes some 8 MB. */
#define ELFFILE_BYTES_MAX (16u << 20)

#define ELFFILE_SEGMENTS_MAX 32
#define ELFFILE_RELOCS_MAX   4   /* tables of relocations looked at */
#define ELFFILE_NAMES_MAX    16  /* names looked for at once */
#define ELFFILE_NAME_LEN     31  /* bytes of one, at most; and 4 at least */
#define ELFFILE_TEXT_LEN     256 /* bytes of a name that is read; a longer one is cut */

struct elffile_table {
	uint64_t offset, size; /* in the file */
	uint64_t names_offset, names_size;
};

struct elffile {
	int fd; /* borrowed */
	uint64_t left;
	uint16_t machine; /* EM_X86_64 and so on */
	uint64_t entry;   /* where the program begins */
	struct {
		uint64_t address, offset, size;
	} segments[ELFFILE_SEGMENTS_MAX];
	size_t segments_len;
	struct elffile_table dynamic, symbols; /* size 0: there is none */
	struct elffile_table relocs[ELFFILE_RELOCS_MAX];
	size_t relocs_len;
};

/* Reads what FD, a regular file, says of itself. 0; -ENOEXEC: no ELF file of this machine's word
 * size and byte order that can be used; or another -errno of pread. */
int elffile_open(struct elffile *e, int fd);

/*
 * Looks for functions by name: ADDRESSES[i] is where NAMES[i] is loaded, 0 when there is no such
 * function. N is at most ELFFILE_NAMES_MAX. Looks at the symbols for the dynamic linker and, when
 * those have none of the names, at all symbols. 0 or -errno.
 */
int elffile_functions(struct elffile *e, const char *const *names, size_t n, uint64_t *addresses);

/* The same in steps, each of which takes some 100 us at the most: names outlive the search, which
 * is begun anew for each file. NULL when memory is short. */
struct elffile_search;
struct elffile_search *elffile_search_new(const char *const *names, size_t n);
void elffile_search_free(struct elffile_search *s); /* accepts NULL */
void elffile_search_begin(struct elffile_search *s, uint64_t *addresses);
/* E and ADDRESSES are the same at each step. 1: there is more to do; 0: done; or -errno. */
int elffile_search_step(struct elffile_search *s, struct elffile *e, uint64_t *addresses);

/* Calls EACH for every datum that the dynamic linker knows, with its name, cut to ELFFILE_TEXT_LEN.
 * 0 or -errno. */
int elffile_objects(struct elffile *e,
		    void (*each)(void *context, const char *name, uint64_t address, uint64_t size),
		    void *context);

/* Looks for the function NAME among all symbols, those of the file itself too. 0; -ENOENT: there is
 * none; or another -errno. */
int elffile_function(struct elffile *e, const char *name, uint64_t *address);

/* An address of a function, and the function it lies in. */
struct elffile_place {
	uint64_t address;
	uint64_t begins; /* 0: it lies in none */
	uint32_t name;   /* where its name stands */
	uint32_t frame;  /* the caller's */
	char text[ELFFILE_TEXT_LEN];
};

/* Finds the function that each of the N places lies in; they are in the order of their addresses.
 * TEXT is empty where there is none. 0 or -errno. */
int elffile_locate(struct elffile *e, struct elffile_place *places, size_t n);

/* The address of what lies at OFFSET in the file; 0 when it is in no segment. */
uint64_t elffile_address(const struct elffile *e, uint64_t offset);
/* Where ADDRESS lies in the file; 0 when it lies in no segment. */
uint64_t elffile_offset(const struct elffile *e, uint64_t address);
/* Up to LEN bytes at ADDRESS into BUF; returns how many there are, 0 for none. */
size_t elffile_bytes(struct elffile *e, uint64_t address, void *buf, size_t len);
/* The N pointers from ADDRESS on (at most 8) as they are once the file is loaded at 0. 0 or -errno.
 */
int elffile_pointers(struct elffile *e, uint64_t address, uint64_t *pointers, size_t n);

#endif
