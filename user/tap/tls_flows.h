/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tls_flows.h - the programs' table of TLS connections: takes out those of processes that are read
 * no more.
 *
 * A process that is killed frees no connection, so the programs never see them end: the entries
 * would keep their places, and what is open on them would wait for its time to run out. In: that a
 * process is not read any more, and whether it has ended. Out: for each of its connections, if it
 * has, the record that the program would have written at SSL_free.
 */
#ifndef TELLTALE_TLS_FLOWS_H
#define TELLTALE_TLS_FLOWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "bpf/record.h"

struct telltale_bpf;
struct tls_flows;

/* SKEL is borrowed, and loaded. NULL when memory is short. */
struct tls_flows *tls_flows_new(const struct telltale_bpf *skel);
void tls_flows_free(struct tls_flows *t); /* accepts NULL */

/* Takes out the connections of all processes that are not in the programs' table of them. Those of
 * process ENDED (0: of none) have closed. */
void tls_flows_forget(struct tls_flows *t, pid_t ended);

/* Copies a record for each of up to MAX connections that have closed to OUT, and forgets those.
 * What their process said is in the ring by now. Returns how many. */
size_t tls_flows_take(struct tls_flows *t, struct record_flow_close *out, size_t max);

#endif
