/* SPDX-License-Identifier: Apache-2.0 */
/* html.h - the page itself, which is built into the program. */
#ifndef TELLTALE_PAGE_HTML_H
#define TELLTALE_PAGE_HTML_H

#include <stddef.h>

#define PAGE_POLICY_MAX 512

extern const char page_html[];
size_t page_html_len(void);
/* The same, compressed by gzip. */
extern const char page_html_gzip[];
size_t page_html_gzip_len(void);

/* Writes the page's Content-Security-Policy. It lets a browser run the script and use the style
 * that are in the page, load data from this server, and nothing else. 0 or -ENOMEM. */
int page_html_policy(char policy[PAGE_POLICY_MAX]);

#endif
