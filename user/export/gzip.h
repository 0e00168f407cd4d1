/* SPDX-License-Identifier: Apache-2.0 */
/* gzip.h - compresses a request in the gzip format, for gRPC's message encoding `gzip`. */
#ifndef TELLTALE_EXPORT_GZIP_H
#define TELLTALE_EXPORT_GZIP_H

#include <stddef.h>
#include <stdint.h>

/* *OUT is malloc'ed, *OUT_LEN bytes long. 0, -ENOMEM or -EIO. */
int export_gzip(const uint8_t *bytes, size_t len, uint8_t **out, size_t *out_len);

#endif
