/* SPDX-License-Identifier: Apache-2.0 */
/*
 * s3_credentials.h - finds the credentials for an S3-compatible server where AWS's tools find them.
 *
 * The order is: the profile that PROFILE names (--profile); AWS_ACCESS_KEY_ID,
 * AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN; the profile that AWS_PROFILE names, or "default".
 * Profiles are in two files: AWS_SHARED_CREDENTIALS_FILE or ~/.aws/credentials, and AWS_CONFIG_FILE
 * or ~/.aws/config. The region is REGION, else AWS_REGION, else AWS_DEFAULT_REGION, else the
 * profile's. Assumed roles, instance metadata and credential processes are not supported.
 */
#ifndef TELLTALE_S3_CREDENTIALS_H
#define TELLTALE_S3_CREDENTIALS_H

#include <stddef.h>

struct s3_credentials {
	char *key, *secret;
	char *token;  /* NULL: none */
	char *region; /* NULL: not set anywhere */
};

/* PROFILE and REGION may be NULL. 0, or -errno with a sentence in WHY that holds no secret. */
int s3_credentials_load(const char *profile, const char *region, struct s3_credentials *out,
			char *why, size_t why_len);
/* Overwrites and frees them. */
void s3_credentials_fini(struct s3_credentials *c);

#endif
