/* SPDX-License-Identifier: Apache-2.0 */
#include "tap/natives.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/escape.h"
#include "tap/elffile.h"
#include "tap/mapfiles.h"

#define FILES_MAX     64
#define REGIONS_MAX   512 /* of one process, with code */
#define PROCESSES_MAX 64
#define MAP_LINES_MAX 65536
#define PLACES_MAX    16384    /* named of one file */
#define LOOK_AGAIN_NS NS_PER_S /* at the map of a process, when an address is in nothing known */

struct file {
	unsigned long long dev, ino; /* as the map has them */
	int fd;                      /* -errno: it could not be opened */
	char name[64];
};

struct region {
	uint64_t begin, end, offset;
	unsigned long long dev, ino;
	char name[64];
};

struct process {
	pid_t pid;
	uint64_t looked_ns; /* the last time */
	struct region regions[REGIONS_MAX];
	size_t len;
};

struct natives {
	struct file files[FILES_MAX];
	size_t files_len;
	struct process *processes[PROCESSES_MAX];
	size_t processes_len;
};

struct natives *natives_new(void)
{
	return calloc(1, sizeof(struct natives));
}

void natives_free(struct natives *n)
{
	if (!n)
		return;
	for (size_t i = 0; i < n->files_len; i++) {
		if (n->files[i].fd >= 0)
			close(n->files[i].fd);
	}
	for (size_t i = 0; i < n->processes_len; i++)
		free(n->processes[i]);
	free(n);
}

/* --- where an address lies ---------------------------------------------------------------------
 */

/* A line of the map that is of code: "BEGIN-END r-xp OFFSET DEVICE INODE   PATH". */
static bool parse_region(const char *line, struct region *r)
{
	unsigned dev_major, dev_minor;
	char permissions[5] = "";
	const char *path = strchr(line, '/'), *name = path ? strrchr(path, '/') + 1 : "";

	if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s %" SCNx64 " %x:%x %llu", &r->begin, &r->end,
		   permissions, &r->offset, &dev_major, &dev_minor, &r->ino) != 7 ||
	    permissions[2] != 'x')
		return false;
	r->dev = (unsigned long long)dev_major << 32 | dev_minor;
	if (!path)
		r->ino = 0;
	escape_text(name, r->name, sizeof(r->name));
	r->name[strcspn(r->name, "\\")] = '\0'; /* the newline */
	return true;
}

static void read_regions(struct process *p)
{
	char path[64], *line = NULL;
	size_t room = 0, lines = 0;
	FILE *f;

	p->len = 0;
	snprintf(path, sizeof(path), "/proc/%d/maps", (int)p->pid);
	f = fopen(path, "re");
	while (f && lines++ < MAP_LINES_MAX && p->len < REGIONS_MAX &&
	       getline(&line, &room, f) > 0) {
		if (parse_region(line, &p->regions[p->len]))
			p->len++;
	}
	free(line);
	if (f)
		fclose(f);
}

static struct process *find_process(struct natives *n, pid_t pid)
{
	struct process *p;

	for (size_t i = 0; i < n->processes_len; i++) {
		if (n->processes[i]->pid == pid)
			return n->processes[i];
	}
	p = n->processes_len < PROCESSES_MAX ? calloc(1, sizeof(*p)) : NULL;
	if (p) {
		p->pid = pid;
		n->processes[n->processes_len++] = p;
	}
	return p;
}

static const struct region *region_of(const struct process *p, uint64_t pc)
{
	for (size_t i = 0; i < p->len; i++) {
		if (pc >= p->regions[i].begin && pc < p->regions[i].end)
			return &p->regions[i];
	}
	return NULL;
}

/* The map changes while the process runs; an address in nothing that is known makes it read again,
 * but not time after time. */
static const struct region *find_region(struct process *p, uint64_t pc)
{
	const struct region *r = region_of(p, pc);
	uint64_t now_ns = clock_mono_ns();

	if (r || (p->looked_ns && now_ns - p->looked_ns < LOOK_AGAIN_NS))
		return r;
	p->looked_ns = now_ns;
	read_regions(p);
	return region_of(p, pc);
}

/* The number of the region's file, from 1; 0: it has none, or there is no room. */
static uint32_t file_of(struct natives *n, pid_t pid, const struct region *r)
{
	struct file *f;

	for (size_t i = 0; i < n->files_len; i++) {
		if (n->files[i].dev == r->dev && n->files[i].ino == r->ino)
			return (uint32_t)i + 1;
	}
	if (!r->ino || n->files_len == FILES_MAX)
		return 0;
	f = &n->files[n->files_len++];
	f->dev = r->dev;
	f->ino = r->ino;
	f->fd = mapfiles_at(pid, r->begin, r->end);
	memcpy(f->name, r->name, sizeof(f->name));
	return (uint32_t)n->files_len;
}

uint32_t natives_frame(struct natives *n, struct stacks *s, pid_t pid, uint64_t pc)
{
	struct process *p = find_process(n, pid);
	const struct region *r = p ? find_region(p, pc) : NULL;
	uint32_t file = r ? file_of(n, pid, r) : 0;

	/* Of what is in no file, one frame is like another. */
	return stacks_at(s, STACKS_OF_NATIVE, file, file ? pc - r->begin + r->offset : 0);
}

/* --- names -------------------------------------------------------------------------------------
 */

struct places {
	struct elffile_place *list;
	size_t len, room;
	const struct elffile *elf; /* NULL: the addresses are the kernel's */
};

static void add_place(void *context, uint32_t frame, uint64_t address)
{
	struct places *p = context;

	if (p->len == p->room)
		return;
	p->list[p->len].address = p->elf ? elffile_address(p->elf, address) : address;
	p->list[p->len].begins = 0;
	p->list[p->len].text[0] = '\0';
	p->list[p->len++].frame = frame;
}

static int by_address(const void *a, const void *b)
{
	const struct elffile_place *x = a, *y = b;

	return x->address < y->address ? -1 : x->address > y->address;
}

/* "node::http2::Send" of "_ZN4node5http24SendEPKc": names that stand within each other. A library
 * would say more, and can be made to write without end. */
static bool read_nested(const char *text, char *out, size_t len)
{
	const char *p = text + 2, *end = text + strlen(text);
	size_t at = 0;

	p += *p == 'N';
	while (*p == 'K' || *p == 'V' || *p == 'L')
		p++;
	while (*p >= '1' && *p <= '9') {
		char *rest;
		unsigned long n = strtoul(p, &rest, 10);

		if (n > (size_t)(end - rest))
			return false;
		if (at + n + 3 > len)
			break;
		at += (size_t)snprintf(out + at, len - at, "%s%.*s", at ? "::" : "", (int)n, rest);
		p = rest + n;
	}
	return at != 0;
}

static void set_name(struct stacks *s, const struct elffile_place *place, const char *file,
		     enum stacks_kind kind)
{
	char text[ELFFILE_TEXT_LEN] = "", nested[ELFFILE_TEXT_LEN];
	struct stacks_name name = {.kind = kind, .function = text, .file = file};
	bool plain = place->text[0] != '_' || place->text[1] != 'Z' ||
		     !read_nested(place->text, nested, sizeof(nested));

	escape_text(plain ? place->text : nested, text, sizeof(text));
	if (!text[0])
		snprintf(text, sizeof(text), "[%s]", file);
	stacks_set_name(s, place->frame, &name);
}

static void name_file(struct stacks *s, const struct file *f, uint32_t number, struct places *p)
{
	struct elffile elf;

	if (f->fd < 0 || elffile_open(&elf, f->fd))
		return;
	p->elf = &elf;
	p->len = 0;
	stacks_each_unnamed(s, STACKS_OF_NATIVE, number, add_place, p);
	qsort(p->list, p->len, sizeof(*p->list), by_address);
	elffile_locate(&elf, p->list, p->len);
	for (size_t i = 0; i < p->len; i++)
		set_name(s, &p->list[i], f->name, STACKS_OF_NATIVE);
}

/* The kernel lists its functions without their sizes: an address lies in the last one before it. */
static void name_kernel(struct stacks *s, struct places *p)
{
	char *line = NULL, kind, name[ELFFILE_TEXT_LEN];
	size_t room = 0;
	uint64_t begins;
	FILE *f;

	p->elf = NULL;
	p->len = 0;
	stacks_each_unnamed(s, STACKS_OF_KERNEL, 0, add_place, p);
	qsort(p->list, p->len, sizeof(*p->list), by_address);
	f = p->len ? fopen("/proc/kallsyms", "re") : NULL;
	while (f && getline(&line, &room, f) > 0) {
		if (sscanf(line, "%" SCNx64 " %c %255s", &begins, &kind, name) != 3 || !begins ||
		    (kind != 't' && kind != 'T' && kind != 'w' && kind != 'W'))
			continue;
		for (size_t i = p->len; i > 0 && p->list[i - 1].address >= begins; i--) {
			if (p->list[i - 1].begins > begins)
				continue;
			p->list[i - 1].begins = begins;
			memcpy(p->list[i - 1].text, name, sizeof(name));
		}
	}
	for (size_t i = 0; i < p->len; i++)
		set_name(s, &p->list[i], "kernel", STACKS_OF_KERNEL);
	free(line);
	if (f)
		fclose(f);
}

void natives_name(struct natives *n, struct stacks *s)
{
	struct places p = {.list = calloc(PLACES_MAX, sizeof(*p.list)), .room = PLACES_MAX};

	if (!p.list)
		return;
	for (size_t i = 0; i < n->files_len; i++)
		name_file(s, &n->files[i], (uint32_t)i + 1, &p);
	name_kernel(s, &p);
	free(p.list);
}
