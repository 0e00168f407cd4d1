/* SPDX-License-Identifier: Apache-2.0 */
/*
 * secrets.h - takes out of a text what may not leave the host with a report.
 *
 * Of the configuration: values of headers, tokens and their fingerprints, passwords and queries of
 * URLs, and who the peers are. What prints these hides most of them by itself; this is the net
 * below.
 */
#ifndef TELLTALE_CMD_SECRETS_H
#define TELLTALE_CMD_SECRETS_H

#include <stddef.h>

struct config;
struct secrets;

/* Notes the secrets of CONFIG. NULL: memory is short. */
struct secrets *secrets_of(const struct config *config);
void secrets_free(struct secrets *s); /* accepts NULL; forgets them */

/* Replaces each secret in TEXT, which has *LEN bytes and room for a NUL after them, by ***; *LEN is
 * brought up to date. */
void secrets_hide(const struct secrets *s, char *text, size_t *len);

/* Replaces in CONFIG itself who the peers are and their fingerprints, before it is printed. 0 or
 * -ENOMEM. */
int secrets_hide_peers(struct config *config);

#endif
