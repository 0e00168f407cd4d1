/* SPDX-License-Identifier: Apache-2.0 */
#include "tap/elffile.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CHUNK        65536
#define SECTIONS_MAX 4096
#define NAME_MIN     4
#define PLACES_MAX   16 /* where one name may stand in a table of names */

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define DATA_HERE ELFDATA2LSB
#else
#define DATA_HERE ELFDATA2MSB
#endif

/* All of LEN bytes at OFFSET, or an error. */
static int get(struct elffile *e, uint64_t offset, void *buf, size_t len)
{
	ssize_t n;

	if (len > e->left || offset > INT64_MAX - len)
		return -EFBIG;
	e->left -= len;
	n = pread(e->fd, buf, len, (off_t)offset);
	if (n < 0)
		return -errno;
	return (size_t)n == len ? 0 : -ENOEXEC;
}

/* --- headers ---------------------------------------------------------------------------------- */

static int read_segments(struct elffile *e, const Elf64_Ehdr *header)
{
	size_t n = header->e_phnum < ELFFILE_SEGMENTS_MAX ? header->e_phnum : ELFFILE_SEGMENTS_MAX;
	Elf64_Phdr ph[ELFFILE_SEGMENTS_MAX];
	int err;

	if (!n || header->e_phentsize != sizeof(ph[0]))
		return -ENOEXEC;
	err = get(e, header->e_phoff, ph, n * sizeof(ph[0]));
	for (size_t i = 0; i < n && !err; i++) {
		if (ph[i].p_type != PT_LOAD)
			continue;
		e->segments[e->segments_len].address = ph[i].p_vaddr;
		e->segments[e->segments_len].offset = ph[i].p_offset;
		e->segments[e->segments_len++].size = ph[i].p_filesz;
	}
	return err;
}

/* A file has one table of each kind: of more the first counts. */
static int take_section(struct elffile *e, const Elf64_Ehdr *header, uint64_t sections,
			const Elf64_Shdr *sh)
{
	struct elffile_table *table = sh->sh_type == SHT_DYNSYM ? &e->dynamic : &e->symbols;
	Elf64_Shdr names;
	int err;

	if (sh->sh_type == SHT_RELA && sh->sh_flags & SHF_ALLOC &&
	    sh->sh_entsize == sizeof(Elf64_Rela) && e->relocs_len < ELFFILE_RELOCS_MAX)
		e->relocs[e->relocs_len++] =
			(struct elffile_table){.offset = sh->sh_offset, .size = sh->sh_size};
	if ((sh->sh_type != SHT_DYNSYM && sh->sh_type != SHT_SYMTAB) || table->size ||
	    sh->sh_entsize != sizeof(Elf64_Sym) || sh->sh_link >= sections)
		return 0;
	err = get(e, header->e_shoff + sh->sh_link * sizeof(names), &names, sizeof(names));
	if (err || names.sh_type != SHT_STRTAB)
		return err;
	*table = (struct elffile_table){.offset = sh->sh_offset,
					.size = sh->sh_size,
					.names_offset = names.sh_offset,
					.names_size = names.sh_size};
	return 0;
}

/* Where the header has no room for the number of sections, the first one has it. */
static int count_sections(struct elffile *e, const Elf64_Ehdr *header, uint64_t *n)
{
	Elf64_Shdr first = {0};
	int err = 0;

	*n = header->e_shnum;
	if (!header->e_shoff)
		*n = 0;
	else if (!*n)
		err = get(e, header->e_shoff, &first, sizeof(first));
	if (!err && header->e_shoff && !*n)
		*n = first.sh_size;
	return *n > SECTIONS_MAX || header->e_shoff > INT64_MAX / 2 ? -ENOEXEC : err;
}

static int read_sections(struct elffile *e, const Elf64_Ehdr *header)
{
	Elf64_Shdr sh[64];
	uint64_t n, some;
	int err = count_sections(e, header, &n);

	if (!err && n && header->e_shentsize != sizeof(sh[0]))
		err = -ENOEXEC;
	for (uint64_t at = 0; at < n && !err; at += some) {
		some = n - at < 64 ? n - at : 64;
		err = get(e, header->e_shoff + at * sizeof(sh[0]), sh, some * sizeof(sh[0]));
		for (uint64_t i = 0; i < some && !err; i++)
			err = take_section(e, header, n, &sh[i]);
	}
	return err;
}

int elffile_open(struct elffile *e, int fd)
{
	Elf64_Ehdr header;
	int err;

	memset(e, 0, sizeof(*e));
	e->fd = fd;
	e->left = ELFFILE_BYTES_MAX;
	err = get(e, 0, &header, sizeof(header));
	if (err)
		return err;
	if (memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 ||
	    header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_ident[EI_DATA] != DATA_HERE)
		return -ENOEXEC;
	e->machine = header.e_machine;
	e->entry = header.e_entry;
	err = read_segments(e, &header);
	return err ? err : read_sections(e, &header);
}

/* --- what is loaded ----------------------------------------------------------------------------
 */

uint64_t elffile_offset(const struct elffile *e, uint64_t address)
{
	for (size_t i = 0; i < e->segments_len; i++) {
		uint64_t in = address - e->segments[i].address;

		if (address >= e->segments[i].address && in < e->segments[i].size &&
		    e->segments[i].offset <= INT64_MAX - in)
			return e->segments[i].offset + in;
	}
	return 0;
}

uint64_t elffile_address(const struct elffile *e, uint64_t offset)
{
	for (size_t i = 0; i < e->segments_len; i++) {
		uint64_t in = offset - e->segments[i].offset;

		if (offset >= e->segments[i].offset && in < e->segments[i].size)
			return e->segments[i].address + in;
	}
	return 0;
}

size_t elffile_bytes(struct elffile *e, uint64_t address, void *buf, size_t len)
{
	uint64_t offset = elffile_offset(e, address);
	ssize_t n;

	if (!offset || len > e->left)
		return 0;
	e->left -= len;
	n = pread(e->fd, buf, len, (off_t)offset);
	return n > 0 ? (size_t)n : 0;
}

int elffile_pointers(struct elffile *e, uint64_t address, uint64_t *pointers, size_t n)
{
	const uint32_t relative = e->machine == EM_X86_64    ? R_X86_64_RELATIVE
				  : e->machine == EM_AARCH64 ? R_AARCH64_RELATIVE
							     : UINT32_MAX;
	Elf64_Rela rela[512];
	int err = 0;

	/* Packed relocations, and files loaded at one address only, have them in place. */
	if (elffile_bytes(e, address, pointers, n * sizeof(*pointers)) != n * sizeof(*pointers))
		return -ENOEXEC;
	for (size_t t = 0; t < e->relocs_len && !err; t++) {
		uint64_t len = e->relocs[t].size / sizeof(rela[0]), some;

		for (uint64_t at = 0; at < len && !err; at += some) {
			some = len - at < 512 ? len - at : 512;
			err = get(e, e->relocs[t].offset + at * sizeof(rela[0]), rela,
				  some * sizeof(rela[0]));
			for (uint64_t i = 0; i < some && !err; i++) {
				uint64_t in = rela[i].r_offset - address;

				if (in / sizeof(*pointers) < n && in % sizeof(*pointers) == 0 &&
				    ELF64_R_TYPE(rela[i].r_info) == relative)
					pointers[in / sizeof(*pointers)] =
						(uint64_t)rela[i].r_addend;
			}
		}
	}
	return err;
}

/* --- symbols ----------------------------------------------------------------------------------
 */

/* Where a name stands in the table of names. */
struct place {
	uint32_t at;
	uint32_t name; /* which one */
};

_Static_assert(ELFFILE_NAMES_MAX <= 32, "a bit for each name");

struct elffile_search {
	unsigned table;  /* 0: of the symbols for the dynamic linker; 1: of all; 2: none is left */
	bool at_symbols; /* all of its names have been read */
	uint64_t at;     /* what comes next of names or symbols */
	const char *const *names;
	size_t n;
	size_t lens[ELFFILE_NAMES_MAX];
	uint32_t tails[ELFFILE_NAMES_MAX]; /* their last bytes */
	uint32_t with[256];                /* a bit for each name whose tail has this hash */
	struct place places[ELFFILE_NAMES_MAX * PLACES_MAX];
	size_t places_len;
	uint8_t count[ELFFILE_NAMES_MAX]; /* of a name's places */
	char chunk[CHUNK];
};

static int by_place(const void *a, const void *b)
{
	const struct place *x = a, *y = b;

	return x->at < y->at ? -1 : x->at > y->at;
}

/* The four bytes before P. */
static uint32_t tail(const char *p)
{
	uint32_t word;

	memcpy(&word, p - sizeof(word), sizeof(word));
	return word;
}

static uint32_t tail_hash(uint32_t word)
{
	return word * 0x9e3779b1u >> 24;
}

/* Takes the names that end at END, which is the byte behind them; BYTES is where they may begin, at
 * AT in the table. A name may be the end of another one. */
static void take_names(struct elffile_search *s, uint64_t at, const char *bytes, const char *end)
{
	const uint32_t want = tail(end);

	for (uint32_t left = s->with[tail_hash(want)]; left; left &= left - 1) {
		unsigned k = (unsigned)__builtin_ctz(left);
		size_t len = s->lens[k];

		if (want != s->tails[k] || (size_t)(end - bytes) < len ||
		    memcmp(end - len, s->names[k], len) != 0 || s->count[k] == PLACES_MAX)
			continue;
		s->places[s->places_len++] = (struct place){
			.at = (uint32_t)(at + (uint64_t)(end - bytes) - len), .name = k};
		s->count[k]++;
	}
}

/* One piece of the names. Pieces overlap by the length of a name, so that none is cut. 1: there are
 * more. */
static int read_names(struct elffile *e, struct elffile_search *s, const struct elffile_table *t)
{
	const size_t step = CHUNK - ELFFILE_NAME_LEN;
	uint64_t size = t->names_size < UINT32_MAX ? t->names_size : UINT32_MAX, at = s->at;
	size_t have = size - at < CHUNK ? (size_t)(size - at) : CHUNK;
	int err = get(e, t->names_offset + at, s->chunk, have);

	for (size_t i = at ? ELFFILE_NAME_LEN : NAME_MIN; i < have && !err; i++) {
		if (!s->chunk[i])
			take_names(s, at, s->chunk, s->chunk + i);
	}
	s->at += step;
	if (err || s->at < size)
		return err ? err : 1;
	qsort(s->places, s->places_len, sizeof(s->places[0]), by_place);
	return 0;
}

static void take_symbol(const struct elffile_search *s, const Elf64_Sym *sym, uint64_t *addresses)
{
	const struct place want = {.at = sym->st_name}, *found;

	if (sym->st_shndx == SHN_UNDEF || ELF64_ST_TYPE(sym->st_info) != STT_FUNC)
		return;
	found = bsearch(&want, s->places, s->places_len, sizeof(want), by_place);
	if (found)
		addresses[found->name] = sym->st_value;
}

/* One piece of the symbols. 1: there are more. */
static int read_symbols(struct elffile *e, struct elffile_search *s, const struct elffile_table *t,
			uint64_t *addresses)
{
	Elf64_Sym *symbols = (Elf64_Sym *)(void *)s->chunk;
	const uint64_t most = CHUNK / sizeof(*symbols), len = t->size / sizeof(*symbols);
	uint64_t some = len - s->at < most ? len - s->at : most;
	int err = get(e, t->offset + s->at * sizeof(*symbols), symbols, some * sizeof(*symbols));

	for (uint64_t i = 0; i < some && !err; i++)
		take_symbol(s, &symbols[i], addresses);
	s->at += some;
	return err ? err : s->at < len;
}

static void begin_table(struct elffile_search *s, unsigned table)
{
	s->table = table;
	s->at_symbols = false;
	s->at = 0;
	s->places_len = 0;
	memset(s->count, 0, sizeof(s->count));
}

struct elffile_search *elffile_search_new(const char *const *names, size_t n)
{
	struct elffile_search *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->names = names;
	s->n = n < ELFFILE_NAMES_MAX ? n : ELFFILE_NAMES_MAX;
	for (size_t i = 0; i < s->n; i++) {
		s->lens[i] = strlen(names[i]);
		s->tails[i] = tail(names[i] + s->lens[i]);
		s->with[tail_hash(s->tails[i])] |= 1u << i;
	}
	return s;
}

void elffile_search_free(struct elffile_search *s)
{
	free(s);
}

void elffile_search_begin(struct elffile_search *s, uint64_t *addresses)
{
	memset(addresses, 0, s->n * sizeof(*addresses));
	begin_table(s, 0);
}

/* The table has been read: is another one to be? */
static int next_table(struct elffile_search *s, const uint64_t *addresses)
{
	for (size_t i = 0; i < s->n; i++) {
		if (addresses[i])
			return 0;
	}
	begin_table(s, s->table + 1);
	return s->table < 2;
}

int elffile_search_step(struct elffile_search *s, struct elffile *e, uint64_t *addresses)
{
	const struct elffile_table *t = s->table ? &e->symbols : &e->dynamic;
	int more;

	if (t->size < sizeof(Elf64_Sym))
		return next_table(s, addresses);
	if (s->at_symbols) {
		more = read_symbols(e, s, t, addresses);
		return more ? more : next_table(s, addresses);
	}
	more = read_names(e, s, t);
	if (more)
		return more;
	if (!s->places_len)
		return next_table(s, addresses);
	s->at_symbols = true;
	s->at = 0;
	return 1;
}

int elffile_functions(struct elffile *e, const char *const *names, size_t n, uint64_t *addresses)
{
	struct elffile_search *s = elffile_search_new(names, n);
	int more;

	if (!s)
		return -ENOMEM;
	elffile_search_begin(s, addresses);
	do {
		more = elffile_search_step(s, e, addresses);
	} while (more > 0);
	elffile_search_free(s);
	return more;
}

/* --- all of them ------------------------------------------------------------------------------ */

/* Calls EACH for every symbol of T. 0 or -errno. */
static int each_symbol(struct elffile *e, const struct elffile_table *t,
		       void (*each)(void *context, const Elf64_Sym *symbol), void *context)
{
	const uint64_t most = CHUNK / sizeof(Elf64_Sym), len = t->size / sizeof(Elf64_Sym);
	Elf64_Sym *symbols = malloc(CHUNK);
	int err = symbols ? 0 : -ENOMEM;

	for (uint64_t at = 0, some; at < len && !err; at += some) {
		some = len - at < most ? len - at : most;
		err = get(e, t->offset + at * sizeof(*symbols), symbols, some * sizeof(*symbols));
		for (uint64_t i = 0; i < some && !err; i++)
			each(context, &symbols[i]);
	}
	free(symbols);
	return err;
}

/* The name at AT of T's names; empty when it cannot be read. */
static void read_text(struct elffile *e, const struct elffile_table *t, uint32_t at,
		      char text[ELFFILE_TEXT_LEN])
{
	uint64_t left = at < t->names_size ? t->names_size - at : 0;
	size_t len = left < ELFFILE_TEXT_LEN - 1 ? (size_t)left : ELFFILE_TEXT_LEN - 1;

	text[0] = '\0';
	if (len && !get(e, t->names_offset + at, text, len))
		text[len] = '\0';
}

struct objects {
	struct elffile *e;
	void (*each)(void *context, const char *name, uint64_t address, uint64_t size);
	void *context;
};

static void take_object(void *context, const Elf64_Sym *symbol)
{
	const struct objects *o = context;
	char text[ELFFILE_TEXT_LEN];

	if (ELF64_ST_TYPE(symbol->st_info) != STT_OBJECT || symbol->st_shndx == SHN_UNDEF)
		return;
	read_text(o->e, &o->e->dynamic, symbol->st_name, text);
	o->each(o->context, text, symbol->st_value, symbol->st_size);
}

int elffile_objects(struct elffile *e,
		    void (*each)(void *context, const char *name, uint64_t address, uint64_t size),
		    void *context)
{
	struct objects o = {e, each, context};

	return each_symbol(e, &e->dynamic, take_object, &o);
}

struct wanted {
	struct elffile *e;
	const struct elffile_table *table;
	const char *name;
	size_t len;
	uint64_t address;
};

static void take_wanted(void *context, const Elf64_Sym *symbol)
{
	struct wanted *w = context;
	char text[ELFFILE_TEXT_LEN];

	if (w->address || ELF64_ST_TYPE(symbol->st_info) != STT_FUNC ||
	    symbol->st_shndx == SHN_UNDEF || symbol->st_name > w->table->names_size)
		return;
	if (!get(w->e, w->table->names_offset + symbol->st_name, text, w->len + 1) &&
	    !memcmp(text, w->name, w->len + 1))
		w->address = symbol->st_value;
}

int elffile_function(struct elffile *e, const char *name, uint64_t *address)
{
	struct wanted w = {e, &e->symbols, name, strlen(name), 0};
	int err = w.len < ELFFILE_TEXT_LEN ? each_symbol(e, w.table, take_wanted, &w) : -ENOENT;

	*address = w.address;
	return err ? err : w.address ? 0 : -ENOENT;
}

struct locate {
	struct elffile_place *places;
	size_t n;
};

/* The places in the symbol's function that are not in one that begins later. */
static void take_function(void *context, const Elf64_Sym *symbol)
{
	const struct locate *l = context;
	size_t low = 0, high = l->n;

	if (ELF64_ST_TYPE(symbol->st_info) != STT_FUNC || symbol->st_shndx == SHN_UNDEF)
		return;
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (l->places[middle].address < symbol->st_value)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < l->n && l->places[low].address - symbol->st_value < symbol->st_size; low++) {
		if (l->places[low].begins > symbol->st_value)
			continue;
		l->places[low].begins = symbol->st_value;
		l->places[low].name = symbol->st_name;
	}
}

int elffile_locate(struct elffile *e, struct elffile_place *places, size_t n)
{
	const struct elffile_table *t = e->symbols.size ? &e->symbols : &e->dynamic;
	struct locate l = {places, n};
	int err;

	for (size_t i = 0; i < n; i++) {
		places[i].begins = 0;
		places[i].text[0] = '\0';
	}
	err = each_symbol(e, t, take_function, &l);
	for (size_t i = 0; i < n && !err; i++) {
		if (places[i].begins)
			read_text(e, t, places[i].name, places[i].text);
	}
	return err;
}
