/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tlscode.h - the machine code of OpenSSL's functions -> what makes reading them cheap. Of x86-64
 * alone.
 *
 * Nothing here guesses: code of another form than those known says nothing, and then the probe does
 * without.
 */
#ifndef TELLTALE_TLSCODE_H
#define TELLTALE_TLSCODE_H

#include <stddef.h>
#include <stdint.h>

#define TLSCODE_MAX 96 /* bytes of a function that are worth handing over */

/*
 * How far behind the beginning of a function its breakpoint is cheaper, or 0. The kernel carries
 * out some instructions itself, `push` among them; the others the process does with a trap after
 * it, which on a virtual machine costs ten times the breakpoint. An `endbr64` is of the others: 4
 * when there is one, and a `push` behind it. The stack and the arguments are still as at the
 * beginning, and nothing enters a function behind its `endbr64`: it is there for calls through
 * pointers, and others are made to the function's symbol.
 */
unsigned tlscode_skip(const uint8_t *code, size_t len);

/* Where an SSL object says whether its end is the server: an int, 0 at the client's. */
struct tlscode_server {
	uint16_t at;
	uint8_t typed; /* the object's first int says what it is: 0, a connection */
};

/*
 * From the code of SSL_is_server, which reads that int, and of SSL_set_connect_state, which sets it
 * to 0: both have to say the same. -ENOENT when they do not.
 */
int tlscode_find_server(const uint8_t *is_server, size_t is_server_len, const uint8_t *set_connect,
			size_t set_connect_len, struct tlscode_server *out);

/* The address that the function at ADDRESS returns, if it does nothing else: that of a table. 0
 * when it does. */
uint64_t tlscode_find_table(const uint8_t *code, size_t len, uint64_t address);

#endif
