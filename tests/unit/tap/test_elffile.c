/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "tap/elffile.h"

static const char *const names[] = {"SSL_write", "SSL_read"};

/* A file of this layout, all of it in one segment that is loaded at BASE. */
#define BASE      0x1000u
#define CODE_AT   0x800u
#define NAMES_AT  0x400u
#define SYMBOLS   0x500u
#define SECTIONS  0x600u
#define RELOCS_AT 0x900u

static uint8_t image[0x1000];

static Elf64_Ehdr *header(void)
{
	return (Elf64_Ehdr *)(void *)image;
}

static Elf64_Shdr *section(unsigned i)
{
	return (Elf64_Shdr *)(void *)(image + SECTIONS) + i;
}

static Elf64_Sym *symbol(unsigned i)
{
	return (Elf64_Sym *)(void *)(image + SYMBOLS) + i;
}

/* Sections: none, symbols for the dynamic linker, their names. SSL_read ends another name. */
static void make_image(void)
{
	static const char text[] = "\0SSL_write\0my_SSL_read";
	Elf64_Phdr *segment = (Elf64_Phdr *)(void *)(image + sizeof(Elf64_Ehdr));

	memset(image, 0, sizeof(image));
	*header() = (Elf64_Ehdr){.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB},
				 .e_machine = EM_X86_64,
				 .e_phoff = sizeof(Elf64_Ehdr),
				 .e_phnum = 1,
				 .e_phentsize = sizeof(Elf64_Phdr),
				 .e_shoff = SECTIONS,
				 .e_shnum = 3,
				 .e_shentsize = sizeof(Elf64_Shdr)};
	*segment = (Elf64_Phdr){.p_type = PT_LOAD, .p_vaddr = BASE, .p_filesz = sizeof(image)};
	memcpy(image + NAMES_AT, text, sizeof(text));
	for (unsigned i = 0; i < 2; i++)
		*symbol(i + 1) = (Elf64_Sym){.st_name = i ? 14 : 1,
					     .st_info = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC),
					     .st_shndx = 1,
					     .st_value = BASE + CODE_AT + i * 16};
	*section(1) = (Elf64_Shdr){.sh_type = SHT_DYNSYM,
				   .sh_offset = SYMBOLS,
				   .sh_size = 3 * sizeof(Elf64_Sym),
				   .sh_entsize = sizeof(Elf64_Sym),
				   .sh_link = 2};
	*section(2) =
		(Elf64_Shdr){.sh_type = SHT_STRTAB, .sh_offset = NAMES_AT, .sh_size = sizeof(text)};
}

static int file_of(size_t len)
{
	int fd = memfd_create("elf", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, image, len), len);
	return fd;
}

/* What is found in the image, in a file of SIZE bytes; and what that cost. */
static int find(uint64_t size, uint64_t addresses[2], uint64_t *cost)
{
	struct elffile e;
	int fd = file_of(size < sizeof(image) ? size : sizeof(image)), err;

	assert_int_equal(ftruncate(fd, (off_t)size), 0);
	memset(addresses, 0, 2 * sizeof(*addresses));
	err = elffile_open(&e, fd);
	if (!err)
		err = elffile_functions(&e, names, 2, addresses);
	*cost = ELFFILE_BYTES_MAX - e.left;
	close(fd);
	return err;
}

static void functions_are_found_also_when_their_name_ends_another(void **state)
{
	uint64_t at[2], cost;

	(void)state;
	make_image();
	assert_int_equal(find(sizeof(image), at, &cost), 0);
	assert_int_equal(at[0], BASE + CODE_AT);
	assert_int_equal(at[1], BASE + CODE_AT + 16);
}

static void an_address_is_named_after_the_function_it_lies_in(void **state)
{
	const uint64_t code = BASE + CODE_AT;
	struct elffile_place places[] = {{.address = code - 1},
					 {.address = code},
					 {.address = code + 15},
					 {.address = code + 16 + 7},
					 {.address = code + 16 + 8}};
	static const char *const wanted[] = {"", "SSL_write", "SSL_write", "SSL_read", ""};
	struct elffile e;
	int fd;

	(void)state;
	make_image();
	symbol(1)->st_size = 16;
	symbol(2)->st_size = 8;
	fd = file_of(sizeof(image));
	assert_int_equal(elffile_open(&e, fd), 0);
	assert_int_equal(elffile_locate(&e, places, 5), 0);
	for (int i = 0; i < 5; i++)
		assert_string_equal(places[i].text, wanted[i]);
	assert_int_equal(elffile_address(&e, CODE_AT), code);
	close(fd);
}

static void a_name_at_a_piece_s_end_is_not_cut(void **state)
{
	static char many[0x20000];

	(void)state;
	for (size_t at = 65500; at < 65560; at++) {
		struct elffile e;
		uint64_t found[2];
		int fd;

		make_image();
		memset(many, 'x', sizeof(many));
		memcpy(many + at, "SSL_write", 10);
		many[sizeof(many) - 1] = '\0';
		section(2)->sh_offset = sizeof(image);
		section(2)->sh_size = sizeof(many);
		symbol(1)->st_name = (uint32_t)at;
		fd = file_of(sizeof(image));
		assert_int_equal(write(fd, many, sizeof(many)), sizeof(many));
		assert_int_equal(elffile_open(&e, fd), 0);
		assert_int_equal(elffile_functions(&e, names, 2, found), 0);
		assert_int_equal(found[0], BASE + CODE_AT);
		close(fd);
	}
}

/* A thousand tables of symbols, each of which covers a sparse file of four megabytes. */
static void tables_that_overlap_are_read_once(void **state)
{
	const uint64_t size = 4u << 20;
	uint64_t at[2], cost;
	struct elffile e;
	Elf64_Shdr sh;
	int fd;

	(void)state;
	make_image();
	header()->e_shoff = sizeof(image);
	header()->e_shnum = 1000;
	fd = file_of(sizeof(image));
	for (unsigned i = 0; i < 1000; i++) {
		sh = *section(i == 1 ? 2 : 0);
		if (i != 1)
			sh = (Elf64_Shdr){.sh_type = SHT_SYMTAB,
					  .sh_size = size,
					  .sh_entsize = sizeof(Elf64_Sym),
					  .sh_link = 1};
		else
			sh.sh_size = size;
		assert_int_equal(write(fd, &sh, sizeof(sh)), sizeof(sh));
	}
	assert_int_equal(ftruncate(fd, (off_t)size), 0);
	assert_int_equal(elffile_open(&e, fd), 0);
	elffile_functions(&e, names, 2, at);
	cost = ELFFILE_BYTES_MAX - e.left;
	assert_true(cost < 3 * size);
	close(fd);
}

static void however_large_the_tables_a_file_costs_no_more_than_the_bound(void **state)
{
	uint64_t at[2], cost;

	(void)state;
	make_image();
	section(1)->sh_size = 1ull << 40;
	section(2)->sh_size = 1ull << 40;
	assert_int_equal(find(1ull << 41, at, &cost), -EFBIG);
	assert_true(cost <= ELFFILE_BYTES_MAX);
}

static void a_search_goes_in_short_steps(void **state)
{
	struct elffile_search *search = elffile_search_new(names, 2);
	uint64_t at[2], before;
	unsigned steps = 0;
	struct elffile e;
	int fd, more;

	(void)state;
	make_image();
	section(1)->sh_size = 1ull << 40;
	section(2)->sh_size = 1ull << 40;
	fd = file_of(sizeof(image));
	assert_int_equal(ftruncate(fd, 1LL << 41), 0);
	assert_non_null(search);
	assert_int_equal(elffile_open(&e, fd), 0);
	elffile_search_begin(search, at);
	do {
		before = e.left;
		more = elffile_search_step(search, &e, at);
		assert_true(before - e.left <= 65536);
		steps++;
	} while (more > 0);
	assert_int_equal(more, -EFBIG);
	assert_true(steps >= ELFFILE_BYTES_MAX / 65536);
	elffile_search_free(search);
	close(fd);
}

static void millions_of_sections_make_a_bad_file(void **state)
{
	uint64_t at[2], cost;

	(void)state;
	make_image();
	header()->e_shnum = 0; /* the first section has the number */
	section(0)->sh_size = 40000000;
	assert_int_equal(find(1ull << 33, at, &cost), -ENOEXEC);
	assert_true(cost < 65536);
}

/* Wherever the file ends, as it does when it is truncated while it is read. */
static void a_file_that_is_cut_is_a_bad_file_and_no_crash(void **state)
{
	uint64_t at[2], cost;

	(void)state;
	make_image();
	for (size_t size = 0; size < CODE_AT; size += 8) {
		int err = find(size, at, &cost);

		assert_true(err <= 0);
		if (size < SECTIONS)
			assert_true(err < 0);
	}
}

static void a_file_that_shrinks_between_two_reads_is_a_bad_file(void **state)
{
	struct elffile e;
	uint64_t at[2];
	int fd;

	(void)state;
	make_image();
	fd = file_of(sizeof(image));
	assert_int_equal(elffile_open(&e, fd), 0);
	assert_int_equal(ftruncate(fd, 100), 0);
	assert_int_equal(elffile_functions(&e, names, 2, at), -ENOEXEC);
	close(fd);
}

static void files_of_another_kind_are_refused(void **state)
{
	uint64_t at[2], cost;

	(void)state;
	make_image();
	header()->e_ident[EI_CLASS] = ELFCLASS32;
	assert_int_equal(find(sizeof(image), at, &cost), -ENOEXEC);
	make_image();
	header()->e_ident[EI_DATA] = ELFDATA2MSB;
	assert_int_equal(find(sizeof(image), at, &cost), -ENOEXEC);
	make_image();
	header()->e_shentsize = 1;
	assert_int_equal(find(sizeof(image), at, &cost), -ENOEXEC);
}

static void pointers_are_as_relocations_make_them(void **state)
{
	Elf64_Rela rela[3] = {
		{BASE + CODE_AT + 8, ELF64_R_INFO(0, R_X86_64_RELATIVE), 0x1234},
		{BASE + CODE_AT + 16, ELF64_R_INFO(0, R_X86_64_GLOB_DAT), 0x5678},
		{BASE + CODE_AT + 32, ELF64_R_INFO(0, R_X86_64_RELATIVE), 0x9abc},
	};
	uint64_t in_place = 0x42, pointers[3];
	struct elffile e;
	int fd;

	(void)state;
	make_image();
	memcpy(image + CODE_AT, &in_place, sizeof(in_place));
	memcpy(image + RELOCS_AT, rela, sizeof(rela));
	header()->e_shnum = 4;
	*section(3) = (Elf64_Shdr){.sh_type = SHT_RELA,
				   .sh_flags = SHF_ALLOC,
				   .sh_offset = RELOCS_AT,
				   .sh_size = sizeof(rela),
				   .sh_entsize = sizeof(rela[0])};
	fd = file_of(sizeof(image));
	assert_int_equal(elffile_open(&e, fd), 0);
	assert_int_equal(elffile_pointers(&e, BASE + CODE_AT, pointers, 3), 0);
	assert_int_equal(pointers[0], 0x42);
	assert_int_equal(pointers[1], 0x1234);
	assert_int_equal(pointers[2], 0);
	assert_int_equal(elffile_pointers(&e, BASE + sizeof(image), pointers, 3), -ENOEXEC);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(functions_are_found_also_when_their_name_ends_another),
		cmocka_unit_test(an_address_is_named_after_the_function_it_lies_in),
		cmocka_unit_test(a_name_at_a_piece_s_end_is_not_cut),
		cmocka_unit_test(tables_that_overlap_are_read_once),
		cmocka_unit_test(however_large_the_tables_a_file_costs_no_more_than_the_bound),
		cmocka_unit_test(a_search_goes_in_short_steps),
		cmocka_unit_test(millions_of_sections_make_a_bad_file),
		cmocka_unit_test(a_file_that_is_cut_is_a_bad_file_and_no_crash),
		cmocka_unit_test(a_file_that_shrinks_between_two_reads_is_a_bad_file),
		cmocka_unit_test(files_of_another_kind_are_refused),
		cmocka_unit_test(pointers_are_as_relocations_make_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
