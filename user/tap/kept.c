/* SPDX-License-Identifier: Apache-2.0 */
#include "tap/kept.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/log.h"
#include "bpf/telltale.skel.h"
#include "tap/object.h"

/* --- what tells one loading from another ------------------------------------------------------ */

static uint64_t hash_of(const struct siphash_key *key, const void *bytes, size_t len)
{
	struct siphash s;
	uint64_t word;
	size_t at = 0;

	siphash_begin(&s, key);
	for (; at + sizeof(word) <= len; at += sizeof(word)) {
		memcpy(&word, (const char *)bytes + at, sizeof(word));
		siphash_word(&s, word);
	}
	word = 0;
	memcpy(&word, (const char *)bytes + at, len - at);
	return siphash_end(&s, word, (uint32_t)len);
}

uint64_t kept_hash(const void *bytes, size_t len)
{
	static const struct siphash_key none;

	return hash_of(&none, bytes, len);
}

void kept_describe(struct kept_memory *m, const struct siphash_key *host)
{
	size_t len;
	const void *elf = object_bytes(&len);

	m->build = kept_hash(elf, len);
	m->host = hash_of(host, "host", 4);
}

/* Targets may have come or gone at the end: programs and records tell them by their numbers. */
static bool same(const struct kept_memory *a, const struct kept_memory *b)
{
	uint64_t len = a->targets_len < b->targets_len ? a->targets_len : b->targets_len;

	return a->build == b->build && a->host == b->host && a->traces == b->traces &&
	       a->tls_connections == b->tls_connections && len <= SHARED_TARGETS_MAX &&
	       !memcmp(a->targets, b->targets, len * sizeof(a->targets[0]));
}

/* Names of one kind and one loading. */
static void name_of(const struct kept *k, const char *kind, unsigned i, char *name)
{
	snprintf(name, FDSTORE_NAME_MAX, "%s.%u.%016" PRIx64, kind, i, k->number);
}

/* --- what is remembered ----------------------------------------------------------------------- */

static bool read_memory(int fd, struct kept_memory *m)
{
	return pread(fd, m, sizeof(*m), 0) == (ssize_t)sizeof(*m);
}

static int write_memory(const struct kept_memory *m)
{
	int fd = memfd_create("telltale", MFD_CLOEXEC);

	if (fd >= 0 && write(fd, m, sizeof(*m)) != (ssize_t)sizeof(*m)) {
		close(fd);
		return -1;
	}
	return fd;
}

struct search {
	const struct kept_memory *wanted;
	struct kept_memory *found;
	uint64_t number;
	bool there;
};

static bool look_at_memory(void *context, const char *name, int fd)
{
	struct search *s = context;

	if (sscanf(name, "memory.0.%" SCNx64, &s->number) == 1 && read_memory(fd, s->found))
		s->there = same(s->wanted, s->found);
	return !s->there;
}

/* --- taking ----------------------------------------------------------------------------------- */

static int take_one(struct kept *k, const char *kind, unsigned i)
{
	char name[FDSTORE_NAME_MAX];
	int fd;

	name_of(k, kind, i, name);
	return fdstore_take(k->store, name, NULL, &fd, 1) ? fd : -1;
}

static bool take_maps(struct kept *k, struct telltale_bpf *skel)
{
	struct bpf_map *map;
	unsigned i = 0;

	bpf_object__for_each_map(map, skel->obj)
	{
		int fd = take_one(k, "map", i++), err;

		if (fd < 0)
			return false;
		err = bpf_map__reuse_fd(map, fd);
		close(fd);
		if (err)
			return false;
	}
	return true;
}

/* A program that this kernel does not take was not loaded. */
static bool take_programs(struct kept *k, const struct telltale_bpf *skel)
{
	struct bpf_program *program;
	unsigned i = 0, n = 0;

	bpf_object__for_each_program(program, skel->obj)
	{
		if (i == KEPT_PROGRAMS)
			return false;
		k->programs[i] = take_one(k, "program", i);
		n += k->programs[i++] >= 0;
	}
	return n > 0;
}

/* The programs' variables, which belong to a map. */
static bool map_variables(struct telltale_bpf *skel)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t len = (sizeof(*skel->bss) + page - 1) / page * page;
	void *bss =
		mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(skel->maps.bss), 0);

	if (bss == MAP_FAILED)
		return false;
	skel->bss = bss;
	return true;
}

static bool look_for_processes(void *context, const char *name, int fd)
{
	struct kept *k = context;
	struct bpf_map_info info = {0};
	uint32_t len = sizeof(info);

	if (strncmp(name, "map.", 4) != 0 || bpf_obj_get_info_by_fd(fd, &info, &len) ||
	    strcmp(info.name, "processes") != 0)
		return true;
	k->processes = fd;
	return false;
}

bool kept_take(struct kept *k, struct telltale_bpf *skel, const struct kept_memory *wanted,
	       struct kept_memory *found)
{
	struct search s = {.wanted = wanted, .found = found};

	fdstore_each(k->store, look_at_memory, &s);
	k->number = s.number;
	k->again = s.there && take_maps(k, skel) && take_programs(k, skel) && map_variables(skel);
	if (!k->again)
		fdstore_each(k->store, look_for_processes, k);
	return k->again;
}

/* --- putting ---------------------------------------------------------------------------------- */

static int put_one(struct kept *k, const char *kind, unsigned i, int fd)
{
	char name[FDSTORE_NAME_MAX];

	name_of(k, kind, i, name);
	return fd < 0 ? 0 : fdstore_put(k->store, name, &fd, 1);
}

/* What is remembered comes last: without it the rest is of no use to anybody. */
void kept_put(struct kept *k, const struct telltale_bpf *skel, const struct kept_memory *m)
{
	struct bpf_program *program;
	struct bpf_map *map;
	unsigned i = 0;
	int err = 0, memory;

	if (!k->store)
		return;
	k->number = kept_hash(&m->session, sizeof(m->session));
	bpf_object__for_each_map(map, skel->obj)
	{
		err = err ? err : put_one(k, "map", i++, bpf_map__fd(map));
	}
	i = 0;
	bpf_object__for_each_program(program, skel->obj)
	{
		err = err ? err : put_one(k, "program", i, k->programs[i]);
		i++;
	}
	memory = err ? -1 : write_memory(m);
	if (memory < 0)
		return;
	put_one(k, "memory", 0, memory);
	close(memory);
}

int kept_program(const struct kept *k, const struct telltale_bpf *skel,
		 const struct bpf_program *wanted)
{
	struct bpf_program *program;
	unsigned i = 0;

	bpf_object__for_each_program(program, skel->obj)
	{
		if (program == wanted)
			return k->programs[i];
		i++;
	}
	return -1;
}

/* --- what is attached ------------------------------------------------------------------------- */

size_t kept_attached(struct kept *k, const char *what, bool others, int *fds, size_t max)
{
	char name[FDSTORE_NAME_MAX];

	if (others)
		snprintf(name, sizeof(name), "%s.", what);
	else
		snprintf(name, sizeof(name), "%s.%016" PRIx64, what, k->number);
	return fdstore_take(k->store, name, NULL, fds, max);
}

void kept_attach(struct kept *k, const char *what, const int *fds, size_t n)
{
	char name[FDSTORE_NAME_MAX];

	snprintf(name, sizeof(name), "%s.%016" PRIx64, what, k->number);
	fdstore_put(k->store, name, fds, n);
}

void kept_detach(struct kept *k, const char *what)
{
	char name[FDSTORE_NAME_MAX];

	snprintf(name, sizeof(name), "%s.%016" PRIx64, what, k->number);
	fdstore_remove(k->store, name);
}

struct visit {
	const char *kind;
	void (*each)(void *context, const char *what);
	void *context;
};

static bool visit_one(void *context, const char *name, int fd)
{
	const struct visit *v = context;

	(void)fd;
	if (!strncmp(name, v->kind, strlen(v->kind)))
		v->each(v->context, name);
	return true;
}

void kept_each(struct kept *k, const char *kind, void (*each)(void *context, const char *what),
	       void *context)
{
	fdstore_each(k->store, visit_one, &(struct visit){kind, each, context});
}

void kept_settle(struct kept *k, const char *kind)
{
	char suffix[32];

	snprintf(suffix, sizeof(suffix), ".%016" PRIx64, k->number);
	fdstore_settle(k->store, kind, suffix);
}
