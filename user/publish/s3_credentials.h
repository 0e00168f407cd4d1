/* SPDX-License-Identifier: Apache-2.0 */
/*
 * s3_credentials.h - who one is to an S3-compatible server, from where AWS's own tools look.
 *
 * A profile that is asked for (--profile) goes first; then AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY
 * and AWS_SESSION_TOKEN; then the profile AWS_PROFILE, or "default", of the files. These are
 * AWS_SHARED_CREDENTIALS_FILE or ~/.aws/credentials, and AWS_CONFIG_FILE or ~/.aws/config. The
 * region: asked for, else AWS_REGION, AWS_DEFAULT_REGION, the profile's. Roles that are to be
 * assumed, instance metadata and programs that print credentials are not asked.
 */
#ifndef TELLTALE_S3_CREDENTIALS_H
#define TELLTALE_S3_CREDENTIALS_H

#include <stddef.h>

struct s3_credentials {
	char *key, *secret;
	char *token;  /* NULL: none */
	char *region; /* NULL: nobody says */
};

/* PROFILE and REGION may be NULL. 0, or -errno with a sentence in WHY that holds no secret. */
int s3_credentials_load(const char *profile, const char *region, struct s3_credentials *out,
			char *why, size_t why_len);
/* Wipes them. */
void s3_credentials_fini(struct s3_credentials *c);

#endif
