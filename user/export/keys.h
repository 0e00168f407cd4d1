/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keys.h - the certificates and the key of one endpoint: read, checked against each other,
 * and read again when their files are replaced.
 *
 * Rotation is seen by what a path leads to (device, inode, size, time of change), so that a file
 * that is renamed over, written anew or reached through another symbolic link is noticed. Half of a
 * rotation (the new certificate beside the old key, a file cut short) is refused whole.
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
	char *ca, *cert, *key; /* PEM; NULL where the endpoint names none */
	struct export_file files[3];
};

/* 0, or -errno with a sentence in WHY; then K has no texts. */
int export_keys_read(const struct config_endpoint *endpoint, struct export_keys *k, char *why,
		     size_t why_len);
/* Whether the endpoint's files are others by now than FILES, of a struct export_keys. */
bool export_keys_changed(const struct config_endpoint *endpoint, const struct export_file files[3]);
/* Overwrites and frees the texts. */
void export_keys_wipe(struct export_keys *k);

#endif
