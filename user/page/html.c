/* SPDX-License-Identifier: Apache-2.0 */
#include "page/html.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <openssl/evp.h>

#define SHA256_LEN 32

/* The Makefile assembles the page from page.html, page.css, page*.js and Debian's dygraphs. */
__asm__(".section .rodata\n"
	".global page_html, page_html_end\n"
	"page_html:\n"
	".incbin \"build/page/page.html\"\n"
	"page_html_end:\n"
	".byte 0\n"
	".global page_html_gzip, page_html_gzip_end\n"
	"page_html_gzip:\n"
	".incbin \"build/page/page.html.gz\"\n"
	"page_html_gzip_end:\n"
	".previous\n");

extern const char page_html_end[], page_html_gzip_end[];

size_t page_html_len(void)
{
	return (size_t)(page_html_end - page_html);
}

size_t page_html_gzip_len(void)
{
	return (size_t)(page_html_gzip_end - page_html_gzip);
}

/* Writes the hash of the text between BEGIN and END, in the form that the policy needs. Each of
 * them occurs once in the page.
 */
static int hash_between(const char *begin, const char *end, char *out)
{
	const char *from = strstr(page_html, begin), *to = from ? strstr(from, end) : NULL;
	unsigned char sum[EVP_MAX_MD_SIZE];

	if (!to)
		return -EINVAL;
	from += strlen(begin);
	if (EVP_Digest(from, (size_t)(to - from), sum, NULL, EVP_sha256(), NULL) != 1)
		return -ENOMEM;
	EVP_EncodeBlock((unsigned char *)out, sum, SHA256_LEN);
	return 0;
}

int page_html_policy(char policy[PAGE_POLICY_MAX])
{
	char script[64], style[64];
	int err = hash_between("<script>", "</script>", script);

	if (!err)
		err = hash_between("<style>", "</style>", style);
	if (!err)
		snprintf(policy, PAGE_POLICY_MAX,
			 "default-src 'none'; script-src 'sha256-%s'; style-src 'sha256-%s'; "
			 "connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; "
			 "frame-ancestors 'none'",
			 script, style);
	return err;
}
