/* SPDX-License-Identifier: Apache-2.0 */
/* html.h - the page itself, in the program since it was built. */
#ifndef TELLTALE_PAGE_HTML_H
#define TELLTALE_PAGE_HTML_H

#include <stddef.h>

#define PAGE_POLICY_MAX 512

extern const char page_html[];
size_t page_html_len(void);

/* The Content-Security-Policy that lets a browser run the script and use the style which are in the
 * page, load what the page asks of this server, and nothing else. 0 or -ENOMEM. */
int page_html_policy(char policy[PAGE_POLICY_MAX]);

#endif
