/* SPDX-License-Identifier: Apache-2.0 */
/*
 * instance.h - what distinguishes this daemon's series from all others: service.instance.id, a
 * random UUID in STATE_DIR/instance.id, made at the first start.
 *
 * A host's name is no such thing: two daemons with one name would write into each other's series,
 * and each sample would look like a restart.
 */
#ifndef TELLTALE_INSTANCE_H
#define TELLTALE_INSTANCE_H

#define INSTANCE_ID_LEN 36

/* Reads the id, or makes it. 0 or -errno. A file that holds no UUID is replaced. */
int instance_id_load(const char *state_dir, char id[INSTANCE_ID_LEN + 1]);

#endif
