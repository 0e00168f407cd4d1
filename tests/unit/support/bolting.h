/* SPDX-License-Identifier: Apache-2.0 */
/* bolting.h - makes a database as bbolt lays it out, page by page. */
#ifndef TELLTALE_TEST_BOLTING_H
#define TELLTALE_TEST_BOLTING_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define BOLTING_PAGE  4096
#define BOLTING_PAGES 24

struct bolting {
	uint8_t bytes[BOLTING_PAGES * BOLTING_PAGE];
};

/* What a leaf holds: a text, or a bucket whose root is a page, or one that lies in its value. */
struct bolting_item {
	const char *key, *text;
	uint64_t page;
	const struct bolting_item *inside;
	size_t inside_len;
};

static inline void bolting_put(uint8_t *at, uint64_t value, size_t len)
{
	memcpy(at, &value, len); /* little-endian hosts only, as those that telltale runs on */
}

static inline uint8_t *bolting_page(struct bolting *b, uint64_t page)
{
	return b->bytes + page * BOLTING_PAGE;
}

static inline uint64_t bolting_sum(const uint8_t *bytes, size_t len)
{
	uint64_t sum = 0xcbf29ce484222325u;

	for (size_t i = 0; i < len; i++)
		sum = (sum ^ bytes[i]) * 0x100000001b3u;
	return sum;
}

/* The meta page SLOT, 0 or 1. */
static inline void bolting_meta(struct bolting *b, unsigned slot, uint64_t transaction,
				uint64_t root)
{
	uint8_t *page = bolting_page(b, slot), *meta = page + 16;

	memset(page, 0, BOLTING_PAGE);
	bolting_put(page, slot, 8);
	bolting_put(page + 8, 0x04, 2);
	bolting_put(meta, 0xed0cdaed, 4);
	bolting_put(meta + 4, 2, 4);
	bolting_put(meta + 8, BOLTING_PAGE, 4);
	bolting_put(meta + 16, root, 8);
	bolting_put(meta + 40, BOLTING_PAGES, 8);
	bolting_put(meta + 48, transaction, 8);
	bolting_put(meta + 56, bolting_sum(meta, 56), 8);
}

/* The items, whose keys rise, as a leaf at AT; how long it is. */
static inline size_t bolting_leaf_at(uint8_t *at, uint64_t page, const struct bolting_item *items,
				     size_t len)
{
	size_t end = 16 + 16 * len;

	bolting_put(at, page, 8);
	bolting_put(at + 8, 0x02, 2);
	bolting_put(at + 10, len, 2);
	for (size_t i = 0; i < len; i++) {
		uint8_t *element = at + 16 + 16 * i, *value;
		size_t key_len = strlen(items[i].key), value_len;

		value = at + end + key_len;
		memcpy(at + end, items[i].key, key_len);
		if (items[i].text) {
			value_len = strlen(items[i].text);
			memcpy(value, items[i].text, value_len);
		} else {
			value_len = 16;
			bolting_put(value, items[i].page, 8);
			if (!items[i].page)
				value_len += bolting_leaf_at(value + 16, 0, items[i].inside,
							     items[i].inside_len);
		}
		bolting_put(element, !items[i].text, 4);
		bolting_put(element + 4, end - 16 - 16 * i, 4);
		bolting_put(element + 8, key_len, 4);
		bolting_put(element + 12, value_len, 4);
		end += key_len + value_len;
	}
	return end;
}

static inline void bolting_leaf(struct bolting *b, uint64_t page, const struct bolting_item *items,
				size_t len)
{
	size_t used = bolting_leaf_at(bolting_page(b, page), page, items, len);

	bolting_put(bolting_page(b, page) + 12, (used - 1) / BOLTING_PAGE, 4);
}

/* A branch to PAGES, whose first keys are KEYS. */
static inline void bolting_branch(struct bolting *b, uint64_t page, const char *const *keys,
				  const uint64_t *pages, size_t len)
{
	uint8_t *at = bolting_page(b, page);
	size_t end = 16 + 16 * len;

	bolting_put(at, page, 8);
	bolting_put(at + 8, 0x01, 2);
	bolting_put(at + 10, len, 2);
	for (size_t i = 0; i < len; i++) {
		uint8_t *element = at + 16 + 16 * i;
		size_t key_len = strlen(keys[i]);

		memcpy(at + end, keys[i], key_len);
		bolting_put(element, end - 16 - 16 * i, 4);
		bolting_put(element + 4, key_len, 4);
		bolting_put(element + 8, pages[i], 8);
		end += key_len;
	}
}

#endif
