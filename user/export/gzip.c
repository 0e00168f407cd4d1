/* SPDX-License-Identifier: Apache-2.0 */
#include "export/gzip.h"

#include <errno.h>
#include <stdlib.h>

#include <zlib.h>

#define GZIP_FORMAT (15 + 16) /* the largest window, with a gzip header and trailer */
#define MEMORY      8         /* zlib's default */

int export_gzip(const uint8_t *bytes, size_t len, uint8_t **out, size_t *out_len)
{
	z_stream z = {0};
	size_t room;
	int err = 0;

	if (deflateInit2(&z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, GZIP_FORMAT, MEMORY,
			 Z_DEFAULT_STRATEGY) != Z_OK)
		return -ENOMEM;
	room = deflateBound(&z, len);
	*out = malloc(room);
	if (!*out) {
		err = -ENOMEM;
		goto out;
	}
	z.next_in = (Bytef *)bytes;
	z.avail_in = (uInt)len; /* LEN is at most 64 MiB, and the bound little more */
	z.next_out = *out;
	z.avail_out = (uInt)room;
	if (deflate(&z, Z_FINISH) != Z_STREAM_END) {
		free(*out);
		*out = NULL;
		err = -EIO;
	}
	*out_len = z.total_out;
out:
	deflateEnd(&z);
	return err;
}
