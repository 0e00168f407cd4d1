/* SPDX-License-Identifier: Apache-2.0 */
#include "privacy/entropy.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/log.h"

void privacy_random_kernel(void *context, void *buf, size_t len)
{
	unsigned char *at = buf;

	(void)context;
	while (len) {
		ssize_t n = getrandom(at, len, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			/* This happens only in a sandbox that forbids the call. Without randomness
			 * nothing may be released, and a draw cannot return an error. */
			log_err("privacy", "getrandom failed: %s; allow the call in the sandbox",
				strerror(errno));
			abort();
		}
		at += n;
		len -= (size_t)n;
	}
}

void entropy_init(struct entropy *e, privacy_random *random, void *random_context)
{
	e->random = random;
	e->random_context = random_context;
	e->left = 0;
}

void entropy_fini(struct entropy *e)
{
	explicit_bzero(e->block, sizeof(e->block));
	e->left = 0;
}

void entropy_renew(void *entropy)
{
	entropy_fini(entropy);
}

void entropy_fill(struct entropy *e)
{
	e->random(e->random_context, e->block, sizeof(e->block));
	e->left = sizeof(e->block);
}

void entropy_take(void *entropy, void *buf, size_t len)
{
	struct entropy *e = entropy;
	unsigned char *at;

	if (e->left < len)
		entropy_fill(e);
	at = e->block + sizeof(e->block) - e->left;
	e->left -= len;
	memcpy(buf, at, len);
	memset(at, 0, len);
}
