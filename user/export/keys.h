/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keys.h - the certificates and the key of one endpoint: read, checked against each other,
 * and read again when their files are replaced.
 *
 * A replaced file is detected by device, inode, size and time of change. So it does not matter
 * whether it was renamed, written again or reached through another symbolic link. A rotation that
 * is only half done (a new certificate with the old key, or an incomplete file) is refused as a
 * whole.
 */
#ifndef TELLTALE_EXPORT_KEYS_H
#define TELLTALE_EXPORT_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "config/endpoint.h"

struct export_file {
	dev_t dev;
	ino_t ino;
	off_t size;
	int64_t changed_ns, modified_ns;
};

struct export_keys {
	char *ca, *cert, *key; /* PEM; NULL when the endpoint has none */
	struct export_file files[3];
};

/* Reads and checks the endpoint's files. 0, or -errno with a sentence in WHY, and no texts in K. */
int export_keys_read(const struct config_endpoint *endpoint, struct export_keys *k, char *why,
		     size_t why_len);
/* Whether the endpoint's files have changed since FILES, taken from a struct export_keys. */
bool export_keys_changed(const struct config_endpoint *endpoint, const struct export_file files[3]);
/* Overwrites and frees the texts. */
void export_keys_wipe(struct export_keys *k);

#endif
