/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trigger.h - which `.socket` units belong to a service, from systemd's unit files.
 *
 * systemd makes the sockets of a `.socket` unit in that unit's own cgroup, and every connection
 * that is accepted on one has the cgroup of its listener: seen from the service's cgroup alone a
 * socket-activated connector accepts nothing.
 */
#ifndef TELLTALE_TRIGGER_H
#define TELLTALE_TRIGGER_H

#include <stdbool.h>

/*
 * Does the unit SOCKET ("x.socket") start SERVICE, or hand its sockets to it? By `Service=` of the
 * one and `Sockets=` of the other, drop-ins included; where nothing is said, by equal names. ROOT
 * is put before the paths of the unit files; "" for this host's.
 */
bool trigger_starts(const char *root, const char *socket, const char *service);

#endif
