/* SPDX-License-Identifier: Apache-2.0 */
/* packets.h - ILPv4 packets as bytes, as ilp-packet writes them, for tests. */
#ifndef TELLTALE_TESTS_PACKETS_H
#define TELLTALE_TESTS_PACKETS_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct packet {
	uint8_t bytes[40000];
	size_t len;
};

static inline void packet_add(struct packet *p, const void *bytes, size_t len)
{
	assert(p->len + len <= sizeof(p->bytes));
	memcpy(p->bytes + p->len, bytes, len);
	p->len += len;
}

/* LEN in its prefix of N bytes; 0: the shortest form. */
static inline void packet_length(struct packet *p, size_t len, unsigned n)
{
	uint8_t text[9];

	if (!n && len < 0x80) {
		packet_add(p, &(uint8_t){(uint8_t)len}, 1);
		return;
	}
	for (size_t rest = len; !n || (n < 8 && rest >> 8 * n);)
		n++;
	text[0] = (uint8_t)(0x80 | n);
	for (unsigned i = 0; i < n; i++)
		text[n - i] = (uint8_t)((uint64_t)len >> 8 * i);
	packet_add(p, text, n + 1);
}

static inline void packet_var(struct packet *p, const void *bytes, size_t len)
{
	packet_length(p, len, 0);
	packet_add(p, bytes, len);
}

static inline void packet_fill(struct packet *p, size_t len)
{
	packet_length(p, len, 0);
	for (size_t i = 0; i < len; i++)
		packet_add(p, &(uint8_t){(uint8_t)(i * 7 + 1)}, 1);
}

/* Puts type and length before the contents. */
static inline void packet_envelope(struct packet *p, uint8_t type, unsigned length_bytes)
{
	static struct packet contents;

	contents = *p;
	p->len = 0;
	packet_add(p, &type, 1);
	packet_length(p, contents.len, length_bytes);
	packet_add(p, contents.bytes, contents.len);
}

static inline void packet_prepare_fixed(struct packet *p, uint64_t amount, const char *expires,
					const char *condition)
{
	uint64_t be = __builtin_bswap64(amount);

	p->len = 0;
	packet_add(p, &be, 8);
	assert(strlen(expires) == 17 && strlen(condition) == 32);
	packet_add(p, expires, 17);
	packet_add(p, condition, 32);
}

static inline void packet_prepare(struct packet *p, uint64_t amount, const char *expires,
				  const char *condition, const char *destination, size_t data_len)
{
	packet_prepare_fixed(p, amount, expires, condition);
	packet_var(p, destination, strlen(destination));
	packet_fill(p, data_len);
	packet_envelope(p, 12, 0);
}

static inline void packet_fulfill(struct packet *p, size_t data_len)
{
	p->len = 0;
	packet_add(p, "a preimage of exactly 32 bytes..", 32);
	packet_fill(p, data_len);
	packet_envelope(p, 13, 0);
}

static inline void packet_reject(struct packet *p, const char *code, const char *by,
				 size_t message_len, size_t data_len)
{
	p->len = 0;
	packet_add(p, code, 3);
	packet_var(p, by, strlen(by));
	packet_fill(p, message_len);
	packet_fill(p, data_len);
	packet_envelope(p, 14, 0);
}

#endif
