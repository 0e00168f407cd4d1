/* SPDX-License-Identifier: Apache-2.0 */
/* guard.h - decides who may use the page. */
#ifndef TELLTALE_PAGE_GUARD_H
#define TELLTALE_PAGE_GUARD_H

#include <stdbool.h>
#include <stddef.h>

#define PAGE_TOKEN_MIN 20
#define PAGE_TOKEN_MAX 256

/* Reads the token from the file at PATH into TOKEN (PAGE_TOKEN_MAX + 1 bytes), without the white
 * space around it. The file must be a regular one that only its owner may read. 0, or -errno with
 * "what; fix" in WHY. */
int page_token_load(const char *path, char *token, char *why, size_t why_len);
/* Whether AUTHORIZATION, the header's value (NULL: there was none), contains TOKEN. The time taken
 * does not depend on which byte is wrong. */
bool page_token_shown(const char *authorization, const char *token);

/* Whether HOST, a Host header, names this machine's loopback. */
bool page_host_is_loopback(const char *host);

#endif
