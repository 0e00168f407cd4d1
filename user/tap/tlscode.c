/* SPDX-License-Identifier: Apache-2.0 */
#include "tap/tlscode.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#define AT_MAX 0x1000 /* an SSL object is no larger than that */

struct code {
	const uint8_t *at, *end;
};

/* Goes on behind the LEN bytes of WHAT when they are next. */
static bool take(struct code *c, const void *what, size_t len)
{
	if ((size_t)(c->end - c->at) < len || memcmp(c->at, what, len) != 0)
		return false;
	c->at += len;
	return true;
}

#define TAKE(c, bytes) take((c), (bytes), sizeof(bytes) - 1)

#define ENDBR64 "\xf3\x0f\x1e\xfa"

unsigned tlscode_skip(const uint8_t *code, size_t len)
{
	struct code c = {code, code + len};

	if (!TAKE(&c, ENDBR64))
		return 0;
	TAKE(&c, "\x41"); /* push %r8 to %r15 */
	return c.at < c.end && (*c.at & 0xf8) == 0x50 ? sizeof(ENDBR64) - 1 : 0;
}

/* The displacement of an operand N(%REGISTER) by its first byte, which has FIELD in the middle; 0
 * when it is none, or N is nowhere an int can be. */
static unsigned displacement(struct code *c, unsigned field, unsigned reg)
{
	uint32_t n = 0;
	size_t len;

	if (c->at == c->end || (*c->at & 0x3f) != (field << 3 | reg))
		return 0;
	len = *c->at >> 6 == 1 ? 1 : *c->at >> 6 == 2 ? 4 : 0;
	c->at++;
	if (!len || (size_t)(c->end - c->at) < len)
		return 0;
	for (size_t i = 0; i < len; i++)
		n |= (uint32_t)c->at[i] << (8 * i);
	c->at += len;
	return n % 4 || n > AT_MAX || (len == 1 && n > 0x7f) ? 0 : n;
}

/* mov N(%rdi),%eax; ret, with the end of a frame or the clearing of a register between them. */
static unsigned returned(struct code *c)
{
	unsigned n = TAKE(c, "\x8b") ? displacement(c, 0, 7) : 0;

	TAKE(c, "\x5d");
	TAKE(c, "\x31\xff");
	return TAKE(c, "\xc3") ? n : 0;
}

/* The code for the type 0 behind: test %rdi,%rdi; je; mov (%rdi),%eax; test %eax,%eax; je or jne */
static bool go_to_connections(struct code *c)
{
	struct code there;

	c->at += c->at < c->end; /* where the first jump goes */
	if (!TAKE(c, "\x8b\x07\x85\xc0"))
		return false;
	there = *c;
	if (TAKE(&there, "\x75") && there.at < there.end) {
		c->at = there.at + 1;
		return true;
	}
	if (!TAKE(c, "\x74") || c->at == c->end || *c->at > 0x7f || c->end - c->at <= *c->at + 1)
		return false;
	c->at += *c->at + 1;
	return true;
}

/* Does the code set the int at AT behind %rdi, or behind %rbx that has its value, to 0? */
static bool sets_to_0(struct code c, unsigned at)
{
	for (; c.at < c.end; c.at++) {
		struct code rdi = c, rbx = c;

		if (TAKE(&rdi, "\xc7") && displacement(&rdi, 0, 7) == at && TAKE(&rdi, "\0\0\0\0"))
			return true;
		if (TAKE(&rbx, "\xc7") && displacement(&rbx, 0, 3) == at && TAKE(&rbx, "\0\0\0\0"))
			return true;
	}
	return false;
}

int tlscode_find_server(const uint8_t *is_server, size_t is_server_len, const uint8_t *set_connect,
			size_t set_connect_len, struct tlscode_server *out)
{
	struct code c = {is_server, is_server + is_server_len};
	struct code set = {set_connect, set_connect + set_connect_len};
	bool typed;
	unsigned at;

	TAKE(&c, ENDBR64);
	TAKE(&c, "\x55\x48\x89\xe5");
	typed = TAKE(&c, "\x48\x85\xff\x74");
	if (typed && !go_to_connections(&c))
		return -ENOENT;
	at = returned(&c);
	if (!at || !sets_to_0(set, at))
		return -ENOENT;
	*out = (struct tlscode_server){.at = (uint16_t)at, .typed = typed};
	return 0;
}

/* lea N(%rip),%rax; ret, with or without a frame around it */
uint64_t tlscode_find_table(const uint8_t *code, size_t len, uint64_t address)
{
	struct code c = {code, code + len};
	int32_t n;

	TAKE(&c, ENDBR64);
	TAKE(&c, "\x55\x48\x89\xe5");
	if (!TAKE(&c, "\x48\x8d\x05") || (size_t)(c.end - c.at) < sizeof(n))
		return 0;
	memcpy(&n, c.at, sizeof(n));
	c.at += sizeof(n);
	address += (uint64_t)(c.at - code) + (uint64_t)(int64_t)n;
	TAKE(&c, "\x5d");
	return TAKE(&c, "\xc3") ? address : 0;
}
