/* SPDX-License-Identifier: Apache-2.0 */
/* consent.h - what `telltale enable` shows before it asks: what will leave the host, where to, and
 * by which privacy mechanism. */
#ifndef TELLTALE_CMD_CONSENT_H
#define TELLTALE_CMD_CONSENT_H

#include <stdio.h>

struct config;

/* All that CONFIG has telltale observe, send, fetch and show. No header and no token is printed. */
void consent_print(const struct config *config, FILE *out);

/* The same in a few words for one line, such as "totals go to 1 collector of the network by
 * bucket-laplace". Returns TEXT. */
const char *consent_words(const struct config *config, char *text, size_t len);

#endif
