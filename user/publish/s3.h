/* SPDX-License-Identifier: Apache-2.0 */
/*
 * s3.h - reads and overwrites one object in an S3-compatible bucket. Requests are signed with AWS
 * Signature Version 4.
 *
 * At AWS the bucket is part of the host name. At a configured endpoint it is the first part of the
 * path, which every compatible server understands. No request is redirected or repeated.
 */
#ifndef TELLTALE_S3_H
#define TELLTALE_S3_H

#include <stdbool.h>
#include <stddef.h>

struct s3_config {
	const char *endpoint; /* http(s) URL; NULL: AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL, AWS */
	const char *region;   /* NULL: see s3_credentials.h; at an endpoint us-east-1 */
	const char *profile;  /* NULL: see s3_credentials.h */
	bool public_read;     /* let everybody read what is written */
	unsigned timeout_ms;  /* of one request */
};

struct s3;

/* URL is s3://bucket/key. Loads the credentials; sends nothing yet. Each function returns 0, or
 * -errno with a sentence in WHY that says the fix and holds no secret. */
int s3_open(const char *url, const struct s3_config *config, struct s3 **out, char *why,
	    size_t why_len);
/* Reads the object, if it has at most MAX bytes. *BODY is malloc'ed and has a NUL after its *LEN
 * bytes. -ENOENT: there is no object. */
int s3_get(struct s3 *s, size_t max, char **body, size_t *len, char *why, size_t why_len);
/* Overwrites the object with a JSON document. *VERSIONED: whether the bucket keeps the old one. */
int s3_put(struct s3 *s, const char *body, size_t len, bool *versioned, char *why, size_t why_len);
void s3_close(struct s3 *s); /* accepts NULL */

#endif
