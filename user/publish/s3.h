/* SPDX-License-Identifier: Apache-2.0 */
/*
 * s3.h - one object in an S3-compatible bucket, read and overwritten in requests signed as AWS
 * Signature Version 4 has it.
 *
 * At AWS the bucket is part of the host's name; at an endpoint of one's own it is the first part of
 * the path, which every compatible server understands. No request is redirected or repeated.
 */
#ifndef TELLTALE_S3_H
#define TELLTALE_S3_H

#include <stdbool.h>
#include <stddef.h>

struct s3_config {
	const char *endpoint; /* http(s) URL; NULL: AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL, AWS */
	const char *region;   /* NULL: see s3_credentials.h; at an endpoint us-east-1 */
	const char *profile;  /* NULL: see s3_credentials.h */
	bool public_read;     /* ask that everybody may read what is written */
	unsigned timeout_ms;  /* of one request */
};

struct s3;

/* URL is s3://bucket/key. Loads the credentials; asks nobody yet. Like all here: 0, or -errno with
 * a sentence in WHY that says the mend and holds no secret. */
int s3_open(const char *url, const struct s3_config *config, struct s3 **out, char *why,
	    size_t why_len);
/* The object, if it has at most MAX bytes; *BODY is malloc'ed and ends in a NUL that is not
 * counted. -ENOENT: there is none. */
int s3_get(struct s3 *s, size_t max, char **body, size_t *len, char *why, size_t why_len);
/* Overwrites the object with a JSON document. *VERSIONED: the bucket keeps the old one. */
int s3_put(struct s3 *s, const char *body, size_t len, bool *versioned, char *why, size_t why_len);
void s3_close(struct s3 *s); /* accepts NULL */

#endif
