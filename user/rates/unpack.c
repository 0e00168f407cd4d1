/* SPDX-License-Identifier: Apache-2.0 */
#include "rates/unpack.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <zlib.h>

#include "rates/rates.h"

#define GZIP_FORMAT (15 + 16) /* the largest window, with a gzip header and trailer */

static int unpack(const char *text, size_t len, char **out, size_t *out_len, char *why,
		  size_t why_len)
{
	z_stream z = {.next_in = (Bytef *)text, .avail_in = (uInt)len};
	char *room = malloc(RATES_DOCUMENT_MAX + 1);
	int result = room ? inflateInit2(&z, GZIP_FORMAT) : Z_MEM_ERROR;

	if (result != Z_OK) {
		free(room);
		snprintf(why, why_len, "out of memory");
		return -ENOMEM;
	}
	z.next_out = (Bytef *)room;
	z.avail_out = RATES_DOCUMENT_MAX + 1;
	result = inflate(&z, Z_FINISH);
	*out_len = z.total_out;
	inflateEnd(&z);
	if (*out_len > RATES_DOCUMENT_MAX)
		snprintf(why, why_len, "larger than %u bytes", RATES_DOCUMENT_MAX);
	else if (result != Z_STREAM_END)
		snprintf(why, why_len, "its gzip is damaged or ends in the middle");
	else
		*out = room;
	if (*out)
		return 0;
	free(room);
	return -EINVAL;
}

int rates_unpack(const char *text, size_t len, const char **out, size_t *out_len, char **owned,
		 char *why, size_t why_len)
{
	static const char gzip[] = "\x1f\x8b", mark[] = "\xef\xbb\xbf";

	*owned = NULL;
	*out = text;
	*out_len = len;
	if (len > 2 && !memcmp(text, gzip, 2)) {
		int err = unpack(text, len, owned, out_len, why, why_len);

		if (err)
			return err;
		*out = *owned;
	}
	if (*out_len >= 3 && !memcmp(*out, mark, 3)) {
		*out += 3;
		*out_len -= 3;
	}
	return 0;
}
