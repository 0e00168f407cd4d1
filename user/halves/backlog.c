/* SPDX-License-Identifier: Apache-2.0 */
#include "halves/backlog.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bpf/record.h"
#include "halves/wire.h"

#define MAGIC 0x33676f6c6b636142ULL /* "Backlog3" */
#define CHUNK 65536
/* Kept free for doubts: a payment may look like the target's own when one is missing. */
#define DOUBTS_ROOM 65536

struct backlog {
	int fd;
	int err; /* of a write */
	struct backlog_head head;
	size_t written, used; /* bytes in the file behind the head, and in the chunk */
	uint8_t chunk[CHUNK];
};

struct backlog *backlog_new(uint64_t now_ns)
{
	struct backlog *b = calloc(1, sizeof(*b));

	if (!b)
		return NULL;
	b->head = (struct backlog_head){.magic = MAGIC, .from_ns = now_ns};
	b->fd = memfd_create("telltale backlog", MFD_CLOEXEC);
	if (b->fd < 0) {
		free(b);
		return NULL;
	}
	return b;
}

void backlog_free(struct backlog *b)
{
	if (!b)
		return;
	close(b->fd);
	free(b);
}

static void put(struct backlog *b, const void *data, size_t len, size_t at)
{
	ssize_t n = pwrite(b->fd, data, len, (off_t)at);

	if (n != (ssize_t)len)
		b->err = n < 0 ? -errno : -ENOSPC;
}

static void flush(struct backlog *b)
{
	put(b, b->chunk, b->used, sizeof(b->head) + b->written);
	b->written += b->used;
	b->used = 0;
}

/* NULL, and counted, when the file would be longer than MAX. LEN is a multiple of 8, and at most
 * CHUNK. */
static uint8_t *place_for(struct backlog *b, size_t len, size_t max)
{
	uint8_t *place;

	if (sizeof(b->head) + b->written + b->used + len > max) {
		b->head.lost++;
		return NULL;
	}
	if (b->used + len > CHUNK)
		flush(b);
	place = b->chunk + b->used;
	b->used += len;
	return place;
}

void backlog_add(struct backlog *b, const void *record, size_t size)
{
	size_t len = (size + 7) & ~(size_t)7;
	uint8_t *place = place_for(b, len, len <= CHUNK ? WIRE_BACKLOG_MAX - DOUBTS_ROOM : 0);

	if (!place)
		return;
	memset(place + len - 8, 0, 8);
	memcpy(place, record, size);
	b->head.records_len += len;
}

void backlog_doubt(struct backlog *b, const struct backlog_doubt *doubt)
{
	uint8_t *place = place_for(b, sizeof(*doubt), WIRE_BACKLOG_MAX);

	if (!place)
		return;
	memcpy(place, doubt, sizeof(*doubt));
	b->head.doubts_len++;
}

void backlog_payment(struct backlog *b, const struct payment_state *payment)
{
	uint8_t *place = place_for(b, sizeof(*payment), WIRE_BACKLOG_MAX);

	if (!place)
		return;
	memcpy(place, payment, sizeof(*payment));
	b->head.payments_len++;
}

void backlog_doubt_target(struct backlog *b, unsigned target)
{
	if (target < CONFIG_TARGETS_MAX)
		b->head.doubted[target / 64] |= 1ULL << target % 64;
}

bool backlog_is_doubted(const struct backlog_head *head, unsigned target)
{
	return target < CONFIG_TARGETS_MAX && head->doubted[target / 64] >> target % 64 & 1;
}

int backlog_finish(struct backlog *b)
{
	flush(b);
	put(b, &b->head, sizeof(b->head), 0);
	return b->err ? b->err : b->fd;
}

/* --- reading -----------------------------------------------------------------------------------
 */

static int replay(const uint8_t *at, size_t left, ring_sink *sink, void *context)
{
	while (left) {
		const struct record_head *head = (const struct record_head *)at;
		size_t place;

		if (left < sizeof(*head) || head->len < sizeof(*head))
			return -EINVAL;
		place = ((size_t)head->len + 7) & ~(size_t)7;
		if (place > left)
			return -EINVAL;
		sink(context, at, head->len);
		at += place;
		left -= place;
	}
	return 0;
}

static int read_whole(int fd, uint8_t **out, size_t *len)
{
	struct stat st;
	uint8_t *bytes;

	if (fstat(fd, &st))
		return -errno;
	if (!S_ISREG(st.st_mode) || st.st_size < (off_t)sizeof(struct backlog_head) ||
	    st.st_size > WIRE_BACKLOG_MAX)
		return -EINVAL;
	bytes = malloc((size_t)st.st_size);
	if (!bytes)
		return -ENOMEM;
	if (pread(fd, bytes, (size_t)st.st_size, 0) != st.st_size) {
		free(bytes);
		return -EINVAL;
	}
	*out = bytes;
	*len = (size_t)st.st_size;
	return 0;
}

/* Do the three parts fill the file? */
static bool fits(const struct backlog_head *h, size_t len)
{
	uint64_t left = len - sizeof(*h);

	if (h->magic != MAGIC || h->records_len > left || h->records_len % 8)
		return false;
	left -= h->records_len;
	if (h->doubts_len > left / sizeof(struct backlog_doubt))
		return false;
	left -= h->doubts_len * sizeof(struct backlog_doubt);
	return h->payments_len <= left / sizeof(struct payment_state) &&
	       left == h->payments_len * sizeof(struct payment_state);
}

static int hand_over(const uint8_t *bytes, size_t len, const struct backlog_hooks *hooks)
{
	const struct backlog_head *head = (const struct backlog_head *)bytes;
	const uint8_t *records = bytes + sizeof(*head);
	const struct backlog_doubt *doubts;
	const struct payment_state *payments;

	if (!fits(head, len))
		return -EINVAL;
	doubts = (const struct backlog_doubt *)(records + head->records_len);
	payments = (const struct payment_state *)(doubts + head->doubts_len);
	hooks->head(hooks->context, head);
	for (uint64_t i = 0; i < head->doubts_len; i++)
		hooks->doubt(hooks->context, &doubts[i]);
	for (uint64_t i = 0; i < head->payments_len; i++)
		hooks->payment(hooks->context, &payments[i]);
	return replay(records, head->records_len, hooks->record, hooks->context);
}

int backlog_read(int fd, const struct backlog_hooks *hooks)
{
	uint8_t *bytes = NULL;
	size_t len = 0;
	int err = read_whole(fd, &bytes, &len);

	if (!err && bytes)
		err = hand_over(bytes, len, hooks);
	free(bytes);
	return err;
}
