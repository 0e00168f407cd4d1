/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * shared.h - what the daemon writes into maps for the programs (record.h is the other way).
 */
#ifndef TELLTALE_SHARED_H
#define TELLTALE_SHARED_H

#include <linux/types.h>

#define SHARED_TARGETS_MAX   64   /* CONFIG_TARGETS_MAX of the daemon */
#define SHARED_CGROUPS_MAX   4096 /* of all targets together */
#define SHARED_LEVELS_MAX    32   /* the deepest a target's cgroup may lie */
#define SHARED_PROCESSES_MAX 4096

/* How a value of tls_flows begins. */
struct shared_tls_flow {
	__u64 id; /* as in struct record_flow */
	__u32 generation;
	__u32 pid;
	__u8 tap, target, role;
	__u8 pad[5];
};

/* The cookie of breakpoints. Its low bits are the offset in an SSL object of the 4 bytes that say
 * whether this end is the server; 0: the offset is not known. SHARED_TLS_TYPED says that the
 * object's first word is its type, of which 0 is a connection. The upper half is the process's
 * number in the daemon's PID namespace: the programs themselves see the host's. */
#define SHARED_TLS_SERVER_AT 0xffff
#define SHARED_TLS_TYPED     (1u << 16)
#define SHARED_TLS_BIO       (1u << 17) /* the first argument is a BIO that leads to an SSL object */
#define SHARED_TLS_PID_SHIFT 32

/* The key of a TLS connection. The daemon removes connections of processes that are gone. */
struct shared_tls_key {
	__u64 ssl; /* address of the SSL object */
	__u64 pid;
};

#endif
