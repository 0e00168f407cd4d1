/* SPDX-License-Identifier: Apache-2.0 */
#include "tap/tlslib.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "tap/elffile.h"
#include "tap/mapfiles.h"
#include "tap/tlscode.h"

#define CACHE_LEN 256

#define BIO_TYPE_SSL 0x207

struct entry {
	dev_t dev;
	ino_t ino;
	struct timespec changed;
	struct probe_tls_offsets offsets; /* all 0: no TLS library */
};

/* --- one file -----------------------------------------------------------------------------------
 */

enum function {
	WRITE,
	READ,
	WRITE_EX,
	READ_EX,
	FREE,
	CLEAR,
	HANDSHAKE,
	IS_SERVER,
	SET_CONNECT,
	SET_ACCEPT,
	BIO_METHODS,
	NAMED,
	BIO_WRITE = NAMED, /* those of the BIO interface: see read_methods */
	BIO_READ,
	FUNCTIONS,
};

static const char *const names[NAMED] = {
	[WRITE] = "SSL_write",
	[READ] = "SSL_read",
	[WRITE_EX] = "SSL_write_ex",
	[READ_EX] = "SSL_read_ex",
	[FREE] = "SSL_free",
	[CLEAR] = "SSL_clear",
	[HANDSHAKE] = "SSL_do_handshake",
	[IS_SERVER] = "SSL_is_server",
	[SET_CONNECT] = "SSL_set_connect_state",
	[SET_ACCEPT] = "SSL_set_accept_state",
	[BIO_METHODS] = "BIO_f_ssl",
};

/* A file that is being read. */
struct scan {
	bool going_on;
	bool opened; /* its headers have been read */
	int fd;
	struct entry entry; /* that it will make */
	struct elffile elf;
	struct elffile_search *search;
	uint64_t at[FUNCTIONS];
};

struct tlslib_cache {
	struct entry entries[CACHE_LEN];
	size_t next; /* the one replaced next */
	struct scan scan;
};

struct tlslib_cache *tlslib_cache_new(void)
{
	struct tlslib_cache *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->scan.search = elffile_search_new(names, NAMED);
	if (!c->scan.search) {
		free(c);
		return NULL;
	}
	return c;
}

void tlslib_cache_free(struct tlslib_cache *c)
{
	if (!c)
		return;
	if (c->scan.going_on)
		close(c->scan.fd);
	elffile_search_free(c->scan.search);
	free(c);
}

static size_t load_code(struct elffile *elf, uint64_t address, uint8_t code[TLSCODE_MAX])
{
	return address ? elffile_bytes(elf, address, code, TLSCODE_MAX) : 0;
}

/*
 * The functions behind OpenSSL's BIO interface have no names in a stripped library. BIO_f_ssl
 * returns a table that begins, since OpenSSL 1.1.1, with the number BIO_TYPE_SSL, a name, and
 * pointers to the functions that write and read, each followed by one in an older form, which is
 * not used here. A table that does not look so says nothing.
 */
static void read_methods(struct elffile *elf, uint64_t addresses[FUNCTIONS])
{
	enum { TYPE, NAME, WRITES, WRITES_OLD, READS, READS_OLD, LEN };
	uint8_t code[TLSCODE_MAX];
	uint64_t table[LEN], at;

	at = tlscode_find_table(code, load_code(elf, addresses[BIO_METHODS], code),
				addresses[BIO_METHODS]);
	if (!at || elffile_pointers(elf, at, table, LEN) || (uint32_t)table[TYPE] != BIO_TYPE_SSL ||
	    !table[NAME] || table[WRITES_OLD] || table[READS_OLD])
		return;
	addresses[BIO_WRITE] = table[WRITES];
	addresses[BIO_READ] = table[READS];
}

/* Makes use of what the machine code says. */
static void read_code(struct elffile *elf, uint64_t addresses[FUNCTIONS],
		      struct probe_tls_offsets *o)
{
	uint8_t code[TLSCODE_MAX], more[TLSCODE_MAX];
	struct tlscode_server server;
	size_t n = load_code(elf, addresses[IS_SERVER], code);

	if (!tlscode_find_server(code, n, more, load_code(elf, addresses[SET_CONNECT], more),
				 &server)) {
		o->server = server.at;
		o->typed = server.typed;
	}
	read_methods(elf, addresses);
	for (size_t i = 0; i < FUNCTIONS; i++)
		addresses[i] += tlscode_skip(code, load_code(elf, addresses[i], code));
}

static void set_offsets(struct elffile *elf, uint64_t at[FUNCTIONS], struct probe_tls_offsets *o)
{
	/* Half a library is none: without both directions no exchange can be matched. */
	if (!(at[READ] || at[READ_EX]) || !(at[WRITE] || at[WRITE_EX]))
		return;
	if (elf->machine == EM_X86_64)
		read_code(elf, at, o);
	o->write = elffile_offset(elf, at[WRITE]);
	o->read = elffile_offset(elf, at[READ]);
	o->write_ex = elffile_offset(elf, at[WRITE_EX]);
	o->read_ex = elffile_offset(elf, at[READ_EX]);
	o->free = elffile_offset(elf, at[FREE]);
	o->clear = elffile_offset(elf, at[CLEAR]);
	o->handshake = elffile_offset(elf, at[HANDSHAKE]);
	o->connect = elffile_offset(elf, at[SET_CONNECT]);
	o->accept = elffile_offset(elf, at[SET_ACCEPT]);
	o->bio_write = elffile_offset(elf, at[BIO_WRITE]);
	o->bio_read = elffile_offset(elf, at[BIO_READ]);
}

/* Begins to read FD. 0 or -errno. */
static int begin_scan(struct scan *s, int fd, const struct stat *st)
{
	s->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (s->fd < 0)
		return -errno;
	s->entry = (struct entry){.dev = st->st_dev, .ino = st->st_ino, .changed = st->st_ctim};
	memset(s->at, 0, sizeof(s->at));
	elffile_search_begin(s->search, s->at);
	s->going_on = true;
	s->opened = false;
	return 0;
}

/* Reads some more of the file, for some 100 us; at the end it is in the cache. */
static void go_on(struct tlslib_cache *c)
{
	struct scan *s = &c->scan;
	int more = s->opened ? elffile_search_step(s->search, &s->elf, s->at)
			     : elffile_open(&s->elf, s->fd);

	if (!s->opened && !more)
		more = 1;
	s->opened = true;
	if (more > 0)
		return;
	if (!more)
		set_offsets(&s->elf, s->at, &s->entry.offsets);
	c->entries[c->next++ % CACHE_LEN] = s->entry;
	close(s->fd);
	s->going_on = false;
}

static const struct entry *find(const struct tlslib_cache *c, const struct stat *st)
{
	for (size_t i = 0; i < CACHE_LEN; i++) {
		const struct entry *e = &c->entries[i];

		if (e->ino == st->st_ino && e->dev == st->st_dev &&
		    e->changed.tv_sec == st->st_ctim.tv_sec &&
		    e->changed.tv_nsec == st->st_ctim.tv_nsec)
			return e;
	}
	return NULL;
}

/* What FD holds, as far as that is known or can be read until UNTIL_NS; *LATER says that it could
 * not. The file that somebody asked for before is read first. */
static const struct entry *look_up(struct tlslib_cache *c, int fd, uint64_t until_ns, bool *later)
{
	const struct entry *e;
	struct stat st;

	if (fstat(fd, &st))
		return NULL;
	while (!(e = find(c, &st))) {
		if (!c->scan.going_on && begin_scan(&c->scan, fd, &st))
			return NULL;
		do {
			go_on(c);
		} while (c->scan.going_on && clock_mono_ns() < until_ns);
		*later = c->scan.going_on;
		if (*later)
			return NULL;
	}
	return e;
}

/* --- one process --------------------------------------------------------------------------------
 */

struct search {
	struct tlslib_cache *cache;
	struct tlslib *out;
	size_t max, len;
	uint64_t until_ns;
	bool later; /* there was no time to read a file */
	bool gone;  /* there is a library whose file is not on disk any more, and cannot be had */
};

/* Is the file worth opening, by its name? */
static bool promising(const char *path)
{
	const char *base = strrchr(path, '/');

	return base && (strstr(base, "ssl") || strstr(base, "node"));
}

static bool is_known(const struct search *s, const struct entry *e)
{
	for (size_t i = 0; i < s->len; i++) {
		if (s->out[i].dev == e->dev && s->out[i].ino == e->ino)
			return true;
	}
	return false;
}

/* True when FD is a TLS library, whether taken now or before. */
static bool take_library(struct search *s, int fd)
{
	const struct entry *e = look_up(s->cache, fd, s->until_ns, &s->later);
	struct tlslib *lib = &s->out[s->len];

	if (!e || (!e->offsets.write && !e->offsets.write_ex))
		return false;
	if (is_known(s, e) || s->len == s->max)
		return true;
	lib->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (lib->fd < 0)
		return false;
	snprintf(lib->path, sizeof(lib->path), "/proc/self/fd/%d", lib->fd);
	lib->dev = e->dev;
	lib->ino = e->ino;
	lib->offsets = e->offsets;
	s->len++;
	return true;
}

static bool take_mapped(void *context, int fd, const char *path, bool gone)
{
	struct search *s = context;
	bool taken = fd >= 0 && take_library(s, fd);

	/* Data files and the loader's temporary ones do not count. */
	s->gone |= !taken && gone && strstr(strrchr(path, '/'), "libssl.so");
	return s->len < s->max && !s->later;
}

int tlslib_find(struct tlslib_cache *c, pid_t pid, struct tlslib *out, size_t max,
		uint64_t until_ns)
{
	struct search s = {.cache = c, .out = out, .max = max, .until_ns = until_ns};
	int program = mapfiles_program(pid), err = 0;

	/* Some kernels show the map to whom they do not let follow the links. */
	if (program == -EACCES || program == -EPERM)
		return program;
	if (program >= 0) {
		take_library(&s, program);
		close(program);
	}
	if (s.len < max && !s.later)
		err = mapfiles_each(pid, promising, take_mapped, &s);
	if (s.later) {
		tlslib_release(out, s.len);
		return -EAGAIN;
	}
	if (s.len)
		return (int)s.len;
	return !err && s.gone ? -ESTALE : err;
}

void tlslib_release(struct tlslib *libs, size_t len)
{
	for (size_t i = 0; i < len; i++)
		close(libs[i].fd);
}
