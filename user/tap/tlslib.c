/* SPDX-License-Identifier: Apache-2.0 */
#include "tap/tlslib.h"

#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tap/tlscode.h"

#define CACHE_LEN 64

struct entry {
	dev_t dev;
	ino_t ino;
	struct timespec changed;
	struct probe_tls_offsets offsets; /* all 0: no TLS library */
};

struct tlslib_cache {
	struct entry entries[CACHE_LEN];
	size_t next; /* the one replaced next */
};

struct tlslib_cache *tlslib_cache_new(void)
{
	elf_version(EV_CURRENT);
	return calloc(1, sizeof(struct tlslib_cache));
}

void tlslib_cache_free(struct tlslib_cache *c)
{
	free(c);
}

/* --- one file -----------------------------------------------------------------------------------
 */

/* A symbol's address is where it is loaded; a breakpoint wants where it is in the file. */
static uint64_t file_offset(Elf *elf, uint64_t address)
{
	size_t n;

	if (elf_getphdrnum(elf, &n))
		return 0;
	for (size_t i = 0; i < n; i++) {
		GElf_Phdr ph;

		if (gelf_getphdr(elf, (int)i, &ph) && ph.p_type == PT_LOAD &&
		    address >= ph.p_vaddr && address < ph.p_vaddr + ph.p_filesz)
			return address - ph.p_vaddr + ph.p_offset;
	}
	return 0;
}

enum function { WRITE, READ, WRITE_EX, READ_EX, FREE, CLEAR, IS_SERVER, SET_CONNECT, FUNCTIONS };

static const char *const names[FUNCTIONS] = {
	[WRITE] = "SSL_write",         [READ] = "SSL_read",
	[WRITE_EX] = "SSL_write_ex",   [READ_EX] = "SSL_read_ex",
	[FREE] = "SSL_free",           [CLEAR] = "SSL_clear",
	[IS_SERVER] = "SSL_is_server", [SET_CONNECT] = "SSL_set_connect_state",
};

static uint64_t *slot(uint64_t offsets[FUNCTIONS], const char *symbol)
{
	if (strncmp(symbol, "SSL_", 4) != 0)
		return NULL;
	for (size_t i = 0; i < FUNCTIONS; i++) {
		if (!strcmp(symbol, names[i]))
			return &offsets[i];
	}
	return NULL;
}

static void scan_symbols(Elf *elf, Elf_Scn *section, const GElf_Shdr *sh,
			 uint64_t offsets[FUNCTIONS])
{
	Elf_Data *data = elf_getdata(section, NULL);
	size_t n = sh->sh_entsize ? sh->sh_size / sh->sh_entsize : 0;

	for (size_t i = 0; data && i < n; i++) {
		GElf_Sym sym;
		const char *name;
		uint64_t *offset;

		if (!gelf_getsym(data, (int)i, &sym) || sym.st_shndx == SHN_UNDEF ||
		    GELF_ST_TYPE(sym.st_info) != STT_FUNC)
			continue;
		name = elf_strptr(elf, sh->sh_link, sym.st_name);
		offset = name ? slot(offsets, name) : NULL;
		if (offset)
			*offset = file_offset(elf, sym.st_value);
	}
}

static size_t load_code(int fd, uint64_t offset, uint8_t code[TLSCODE_MAX])
{
	ssize_t n = offset ? pread(fd, code, TLSCODE_MAX, (off_t)offset) : 0;

	return n > 0 ? (size_t)n : 0;
}

/* Makes use of what the machine code says. */
static void read_code(int fd, uint64_t offsets[FUNCTIONS], struct probe_tls_offsets *o)
{
	uint8_t code[TLSCODE_MAX], more[TLSCODE_MAX];
	struct tlscode_server server;
	size_t n = load_code(fd, offsets[IS_SERVER], code);

	if (!tlscode_find_server(code, n, more, load_code(fd, offsets[SET_CONNECT], more),
				 &server)) {
		o->server = server.at;
		o->typed = server.typed;
	}
	for (size_t i = 0; i < IS_SERVER; i++)
		offsets[i] += tlscode_skip(code, load_code(fd, offsets[i], code));
}

static void scan_file(int fd, struct probe_tls_offsets *o)
{
	Elf *elf = elf_begin(fd, ELF_C_READ_MMAP, NULL);
	uint64_t offsets[FUNCTIONS] = {0};
	Elf_Scn *section = NULL;
	GElf_Ehdr header;

	memset(o, 0, sizeof(*o));
	if (!elf)
		return;
	while ((section = elf_nextscn(elf, section))) {
		GElf_Shdr sh;

		if (gelf_getshdr(section, &sh) &&
		    (sh.sh_type == SHT_DYNSYM || sh.sh_type == SHT_SYMTAB))
			scan_symbols(elf, section, &sh, offsets);
	}
	if (gelf_getehdr(elf, &header) && header.e_machine == EM_X86_64)
		read_code(fd, offsets, o);
	elf_end(elf);
	/* Half a library is none: without both directions no exchange can be matched. */
	if (!(offsets[READ] || offsets[READ_EX]) || !(offsets[WRITE] || offsets[WRITE_EX])) {
		memset(o, 0, sizeof(*o));
		return;
	}
	o->write = offsets[WRITE];
	o->read = offsets[READ];
	o->write_ex = offsets[WRITE_EX];
	o->read_ex = offsets[READ_EX];
	o->free = offsets[FREE];
	o->clear = offsets[CLEAR];
}

/* 1: LIB is filled in; 0: no TLS library. */
static int look_at(struct tlslib_cache *c, const char *path, struct tlslib *lib)
{
	/* Whatever lies there by now: a FIFO would keep us waiting. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct entry *e = NULL;
	struct stat st;

	if (fd < 0)
		return 0;
	if (fstat(fd, &st) || !S_ISREG(st.st_mode)) {
		close(fd);
		return 0;
	}
	for (size_t i = 0; i < CACHE_LEN && !e; i++) {
		if (c->entries[i].ino == st.st_ino && c->entries[i].dev == st.st_dev &&
		    c->entries[i].changed.tv_sec == st.st_ctim.tv_sec &&
		    c->entries[i].changed.tv_nsec == st.st_ctim.tv_nsec)
			e = &c->entries[i];
	}
	if (!e) {
		e = &c->entries[c->next++ % CACHE_LEN];
		e->dev = st.st_dev;
		e->ino = st.st_ino;
		e->changed = st.st_ctim;
		scan_file(fd, &e->offsets);
	}
	close(fd);
	if (!e->offsets.write && !e->offsets.write_ex)
		return 0;
	snprintf(lib->path, sizeof(lib->path), "%s", path);
	lib->dev = e->dev;
	lib->ino = e->ino;
	lib->offsets = e->offsets;
	return 1;
}

/* --- one process --------------------------------------------------------------------------------
 */

/* Is the file worth opening, by its name? */
static int promising(const char *path)
{
	const char *base = strrchr(path, '/');

	return base && (strstr(base, "ssl") || strstr(base, "node"));
}

/* The kernel marks so the name of a mapped file that has been unlinked or renamed over. */
static int is_gone(const char *path)
{
	static const char mark[] = " (deleted)";
	size_t len = strlen(path), mark_len = sizeof(mark) - 1;

	return len > mark_len && !strcmp(path + len - mark_len, mark);
}

static int known(const struct tlslib *libs, int n, const struct tlslib *lib)
{
	for (int i = 0; i < n; i++) {
		if (libs[i].dev == lib->dev && libs[i].ino == lib->ino)
			return 1;
	}
	return 0;
}

int tlslib_find(struct tlslib_cache *c, pid_t pid, struct tlslib *out, size_t max)
{
	char path[64], line[PATH_MAX + 128], range[40], *last = NULL;
	struct tlslib *lib = malloc(sizeof(*lib));
	bool gone = false, found;
	struct stat st;
	FILE *maps;
	int n = 0;

	snprintf(path, sizeof(path), "/proc/%d/maps", (int)pid);
	maps = lib ? fopen(path, "re") : NULL;
	if (!maps) {
		n = -errno;
		free(lib);
		return n;
	}
	snprintf(path, sizeof(path), "/proc/%d/exe", (int)pid);
	/* Some kernels show the maps to whom they do not let follow the links. */
	if (stat(path, &st) && (errno == EACCES || errno == EPERM)) {
		n = -errno;
		goto out;
	}
	if (max > 0 && look_at(c, path, lib))
		out[n++] = *lib;
	while ((size_t)n < max && fgets(line, sizeof(line), maps)) {
		char *file = strchr(line, '/'), full[sizeof(line) + 32];

		line[strcspn(line, "\n")] = '\0';
		if (!file || !promising(file) || (last && !strcmp(last, file)))
			continue;
		free(last);
		last = strdup(file);
		if (is_gone(file) && sscanf(line, "%39s", range) == 1)
			snprintf(full, sizeof(full), "/proc/%d/map_files/%s", (int)pid, range);
		else
			snprintf(full, sizeof(full), "/proc/%d/root%s", (int)pid, file);
		found = look_at(c, full, lib);
		if (found && !known(out, n, lib))
			out[n++] = *lib;
		/* Data files and the loader's temporary ones do not count. */
		gone |= !found && is_gone(file) && strstr(strrchr(file, '/'), "libssl.so");
	}
out:
	free(last);
	fclose(maps);
	free(lib);
	return !n && gone ? -ESTALE : n;
}
