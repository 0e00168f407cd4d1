/* SPDX-License-Identifier: Apache-2.0 */
/* guard.h - who may ask the page. */
#ifndef TELLTALE_PAGE_GUARD_H
#define TELLTALE_PAGE_GUARD_H

#include <stdbool.h>
#include <stddef.h>

#define PAGE_TOKEN_MIN 20
#define PAGE_TOKEN_MAX 256

/* The token in the file at PATH, without white space around it, into TOKEN (PAGE_TOKEN_MAX + 1
 * bytes): a regular file that only its owner may read. 0, or -errno with "what; mend" in WHY. */
int page_token_load(const char *path, char *token, char *why, size_t why_len);
/* Whether AUTHORIZATION, a header's value (NULL: there was none), shows TOKEN. Takes as long
 * whichever byte is wrong. */
bool page_token_shown(const char *authorization, const char *token);

/* Whether HOST, a Host header, names this machine's loopback. */
bool page_host_is_loopback(const char *host);

#endif
