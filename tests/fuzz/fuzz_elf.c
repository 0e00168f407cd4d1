/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_elf.c - any bytes as a program's file. The first byte says after how many steps the file is
 * cut, and the second where, as a process may do that while it is read.
 */
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "user/tap/elffile.c" /* NOLINT(bugprone-suspicious-include) */
#include "user/tap/tlscode.c" /* NOLINT(bugprone-suspicious-include) */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const names[] = {"SSL_write", "SSL_read", "BIO_f_ssl"};

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void cut(int fd, const uint8_t *how, size_t size, unsigned step)
{
	if (how[0] % 4 == step)
		must(!ftruncate(fd, (off_t)(size * how[1] / 256)));
}

static void look(int fd, const uint8_t *how, size_t size)
{
	uint64_t at[3] = {0}, pointers[6];
	uint8_t code[TLSCODE_MAX];
	struct tlscode_server server;
	struct elffile e;

	if (elffile_open(&e, fd))
		return;
	cut(fd, how, size, 1);
	elffile_functions(&e, names, 3, at);
	cut(fd, how, size, 2);
	for (size_t i = 0; i < 3; i++) {
		size_t n = at[i] ? elffile_bytes(&e, at[i], code, sizeof(code)) : 0;

		must(n <= sizeof(code));
		tlscode_skip(code, n);
		tlscode_find_server(code, n, code, n, &server);
		elffile_pointers(&e, at[i], pointers, 6);
	}
	must(e.left <= ELFFILE_BYTES_MAX);
	must(ELFFILE_BYTES_MAX - e.left <= 64 * size + (4u << 20));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int fd = -1;

	if (size < 2)
		return 0;
	if (fd < 0)
		fd = memfd_create("elf", MFD_CLOEXEC);
	must(fd >= 0 && !ftruncate(fd, 0));
	must(pwrite(fd, data + 2, size - 2, 0) == (ssize_t)(size - 2));
	look(fd, data, size - 2);
	return 0;
}
