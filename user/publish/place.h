/* SPDX-License-Identifier: Apache-2.0 */
/*
 * place.h - where a publication goes: a file, or an object in an S3-compatible bucket. Both are
 * replaced in one step: a reader gets the whole old one or the whole new one.
 */
#ifndef TELLTALE_PLACE_H
#define TELLTALE_PLACE_H

#include <stdbool.h>
#include <stddef.h>

#include "publish/s3.h"

struct place;

/* TO is a path or s3://bucket/key. Each function returns 0, or -errno with a sentence in WHY. */
int place_open(const char *to, const struct s3_config *s3, struct place **out, char *why,
	       size_t why_len);
/* Reads what is there now, at most MAX bytes; *TEXT is malloc'ed. -ENOENT: nothing is there. */
int place_read(struct place *p, size_t max, char **text, size_t *len, char *why, size_t why_len);
/* On success WHY is empty, or a sentence about something that should be fixed nevertheless. */
int place_write(struct place *p, const char *text, size_t len, char *why, size_t why_len);
void place_close(struct place *p); /* accepts NULL */

#endif
