/* SPDX-License-Identifier: Apache-2.0 */
#include "target/bolt.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The layout is that of go.etcd.io/bbolt's page.go and bucket.go, in the byte order of the host. */
#define MAGIC       0xed0cdaedu
#define VERSION     2
#define PAGE_MIN    1024u
#define PAGE_MAX    65536u
#define PAGE_HEAD   16
#define META_BYTES  64
#define META_SUMMED 56 /* before the checksum */
#define ELEMENT     16
#define BUCKET_HEAD 16
#define FLAG_BRANCH 0x01
#define FLAG_LEAF   0x02
#define FLAG_META   0x04
#define IS_BUCKET   0x01
#define DEPTH_MAX   32
#define TRIES       8

struct bolt {
	int fd;
	uint64_t size; /* of the file */
	uint32_t page;
	uint64_t root, transaction;
	size_t left; /* of BOLT_BYTES_MAX */
};

/* A page with the pages that it overflows into, or the page inside the value of a small bucket. */
struct node {
	uint8_t *bytes;
	size_t len;
	unsigned count;
	bool leaf;
};

struct element {
	const uint8_t *key, *value;
	size_t key_len, value_len;
	uint64_t child; /* of a branch */
	bool bucket;
};

static uint16_t load16(const uint8_t *at)
{
	uint16_t value;

	memcpy(&value, at, sizeof(value));
	return value;
}

static uint32_t load32(const uint8_t *at)
{
	uint32_t value;

	memcpy(&value, at, sizeof(value));
	return value;
}

static uint64_t load64(const uint8_t *at)
{
	uint64_t value;

	memcpy(&value, at, sizeof(value));
	return value;
}

/* --- the root --------------------------------------------------------------------------------- */

/* FNV-1a */
static uint64_t checksum(const uint8_t *bytes, size_t len)
{
	uint64_t sum = 0xcbf29ce484222325u;

	for (size_t i = 0; i < len; i++)
		sum = (sum ^ bytes[i]) * 0x100000001b3u;
	return sum;
}

/* Takes over the meta page at OFFSET, if it is whole and newer than what is there. */
static void take_meta(struct bolt *b, uint64_t offset)
{
	uint8_t page[PAGE_HEAD + META_BYTES], *meta = page + PAGE_HEAD;

	if (pread(b->fd, page, sizeof(page), (off_t)offset) != (ssize_t)sizeof(page) ||
	    !(load16(page + 8) & FLAG_META) || load32(meta) != MAGIC ||
	    load32(meta + 4) != VERSION || load64(meta + 56) != checksum(meta, META_SUMMED))
		return;
	if (offset ? load32(meta + 8) != offset : load32(meta + 8) < PAGE_MIN)
		return;
	if (load32(meta + 8) > PAGE_MAX || (b->page && load64(meta + 48) <= b->transaction))
		return;
	b->page = load32(meta + 8);
	b->root = load64(meta + 16);
	b->transaction = load64(meta + 48);
}

/* The two meta pages are the first two of the file; how long a page is stands in them. */
static int find_root(struct bolt *b, int fd)
{
	struct stat st;

	*b = (struct bolt){.fd = fd, .left = BOLT_BYTES_MAX};
	if (fstat(fd, &st))
		return -errno;
	b->size = (uint64_t)st.st_size;
	take_meta(b, 0);
	if (b->page) {
		take_meta(b, b->page);
		return 0;
	}
	for (uint32_t size = PAGE_MIN; size <= PAGE_MAX && !b->page; size *= 2)
		take_meta(b, size);
	return b->page ? 0 : -EBADMSG;
}

/* Whether nothing was written since: what was read is one tree. */
static bool is_still(const struct bolt *b)
{
	struct bolt now;

	return !find_root(&now, b->fd) && now.transaction == b->transaction;
}

/* --- pages ------------------------------------------------------------------------------------ */

static void release(struct node *n)
{
	free(n->bytes);
	n->bytes = NULL;
}

static int look_at_head(struct node *n)
{
	uint16_t flags;

	if (n->len < PAGE_HEAD)
		return -EBADMSG;
	flags = load16(n->bytes + 8);
	n->leaf = flags & FLAG_LEAF;
	n->count = load16(n->bytes + 10);
	if (n->leaf == !!(flags & FLAG_BRANCH) || n->count > (n->len - PAGE_HEAD) / ELEMENT)
		return -EBADMSG;
	return 0;
}

/* How many bytes the page NUMBER has, with those that it overflows into. */
static int measure(const struct bolt *b, uint64_t number, size_t *len)
{
	uint8_t head[PAGE_HEAD];
	uint64_t offset;

	if (number < 2 || number > b->size / b->page)
		return -EBADMSG;
	offset = number * b->page;
	if (pread(b->fd, head, sizeof(head), (off_t)offset) != (ssize_t)sizeof(head) ||
	    load64(head) != number)
		return -EBADMSG;
	*len = ((size_t)load32(head + 12) + 1) * b->page;
	return *len > b->left || *len > b->size - offset ? -EBADMSG : 0;
}

static int load_page(struct bolt *b, uint64_t number, struct node *out)
{
	int err = measure(b, number, &out->len);

	if (err)
		return err;
	b->left -= out->len;
	out->bytes = malloc(out->len);
	if (!out->bytes)
		return -ENOMEM;
	if (pread(b->fd, out->bytes, out->len, (off_t)(number * b->page)) != (ssize_t)out->len)
		err = -EBADMSG;
	if (!err)
		err = look_at_head(out);
	if (err)
		release(out);
	return err;
}

static int element_at(const struct node *n, unsigned i, struct element *out)
{
	size_t base = PAGE_HEAD + (size_t)i * ELEMENT, left;
	const uint8_t *e = n->bytes + base;
	uint64_t at = base + load32(e + (n->leaf ? 4 : 0));

	*out = (struct element){.key_len = load32(e + (n->leaf ? 8 : 4))};
	if (n->leaf)
		out->value_len = load32(e + 12);
	else
		out->child = load64(e + 8);
	if (at > n->len)
		return -EBADMSG;
	left = n->len - at;
	if (out->key_len > left || out->value_len > left - out->key_len)
		return -EBADMSG;
	out->key = n->bytes + at;
	out->value = out->key + out->key_len;
	out->bucket = n->leaf && (load32(e) & IS_BUCKET);
	return 0;
}

static int compare(const struct element *e, const char *name, size_t len)
{
	int order = memcmp(e->key, name, e->key_len < len ? e->key_len : len);

	return order ? order : (e->key_len > len) - (e->key_len < len);
}

/* --- from a bucket to what is in it ----------------------------------------------------------- */

/* The last element of N that is not above NAME; in a branch the first, if all are. -ENOENT: none.
 */
static int search(const struct node *n, const char *name, size_t len, struct element *out)
{
	unsigned low = 0, high = n->count;
	int err;

	while (low < high) {
		unsigned middle = low + (high - low) / 2;

		err = element_at(n, middle, out);
		if (err)
			return err;
		if (compare(out, name, len) <= 0)
			low = middle + 1;
		else
			high = middle;
	}
	if (!n->count || (!low && n->leaf))
		return -ENOENT;
	return element_at(n, low ? low - 1 : 0, out);
}

/* Goes down from N, which it takes, to the leaf that would hold NAME. *OUT lies in *N then, which
 * the caller releases in any case. */
static int descend(struct bolt *b, struct node *n, const char *name, struct element *out)
{
	size_t len = strlen(name);

	for (unsigned depth = 0; depth < DEPTH_MAX; depth++) {
		struct node below = {NULL, 0, 0, false};
		int err = search(n, name, len, out);

		if (err)
			return err;
		if (n->leaf)
			return compare(out, name, len) ? -ENOENT : 0;
		err = load_page(b, out->child, &below);
		if (err)
			return err;
		release(n);
		*n = below;
	}
	return -EBADMSG;
}

/* The root of the bucket whose value E is. */
static int open_bucket(struct bolt *b, const struct element *e, struct node *out)
{
	uint64_t root;
	int err;

	if (!e->bucket)
		return -ENOENT;
	if (e->value_len < BUCKET_HEAD)
		return -EBADMSG;
	root = load64(e->value);
	if (root)
		return load_page(b, root, out);
	out->len = e->value_len - BUCKET_HEAD;
	if (out->len > b->left)
		return -EBADMSG;
	b->left -= out->len;
	out->bytes = malloc(out->len + 1);
	if (!out->bytes)
		return -ENOMEM;
	memcpy(out->bytes, e->value + BUCKET_HEAD, out->len);
	err = look_at_head(out);
	if (err)
		release(out);
	return err;
}

/* The root of the bucket at PATH. */
static int find_bucket(struct bolt *b, const char *const *path, size_t len, struct node *out)
{
	int err = load_page(b, b->root, out);

	for (size_t i = 0; i < len && !err; i++) {
		struct node inside = {NULL, 0, 0, false};
		struct element e;

		err = descend(b, out, path[i], &e);
		if (!err)
			err = open_bucket(b, &e, &inside);
		release(out);
		*out = inside;
	}
	return err;
}

static int get_once(struct bolt *b, const char *const *path, size_t len, char **value,
		    size_t *value_len)
{
	struct node n = {NULL, 0, 0, false};
	struct element e;
	int err = find_bucket(b, path, len - 1, &n);

	if (!err)
		err = descend(b, &n, path[len - 1], &e);
	if (!err && e.bucket)
		err = -ENOENT;
	if (!err && e.value_len > BOLT_VALUE_MAX)
		err = -EBADMSG;
	if (!err) {
		*value = malloc(e.value_len + 1);
		err = *value ? 0 : -ENOMEM;
	}
	if (!err) {
		memcpy(*value, e.value, e.value_len);
		(*value)[e.value_len] = '\0';
		*value_len = e.value_len;
	}
	release(&n);
	return err;
}

int bolt_get(int fd, const char *const *path, size_t len, char **value, size_t *value_len)
{
	for (unsigned i = 0; i < TRIES; i++) {
		struct bolt b;
		int err = find_root(&b, fd);

		*value = NULL;
		if (err)
			return err;
		err = get_once(&b, path, len, value, value_len);
		if (err == -ENOMEM || is_still(&b))
			return err;
		free(*value);
	}
	*value = NULL;
	return -EAGAIN;
}

/* --- all of a bucket -------------------------------------------------------------------------- */

/* Takes N. */
static int walk(struct bolt *b, struct node *n, unsigned depth, const struct bolt_each *each)
{
	int err = depth == DEPTH_MAX ? -EBADMSG : 0;

	for (unsigned i = 0; i < n->count && !err; i++) {
		struct node below = {NULL, 0, 0, false};
		struct element e;

		err = element_at(n, i, &e);
		if (err || e.bucket)
			continue;
		if (n->leaf)
			each->each(each->context, (const char *)e.key, e.key_len,
				   (const char *)e.value, e.value_len);
		else
			err = load_page(b, e.child, &below);
		if (!err && !n->leaf)
			err = walk(b, &below, depth + 1, each);
	}
	release(n);
	return err;
}

int bolt_list(int fd, const char *const *path, size_t len, const struct bolt_each *each)
{
	for (unsigned i = 0; i < TRIES; i++) {
		struct node n = {NULL, 0, 0, false};
		struct bolt b;
		int err = find_root(&b, fd);

		if (err)
			return err;
		each->again(each->context);
		err = find_bucket(&b, path, len, &n);
		if (!err)
			err = walk(&b, &n, 0, each);
		else
			release(&n);
		if (err == -ENOMEM || is_still(&b))
			return err;
	}
	return -EAGAIN;
}
