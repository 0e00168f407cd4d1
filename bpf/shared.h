/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * shared.h - what the daemon writes into maps for the programs (record.h is the other way).
 */
#ifndef TELLTALE_SHARED_H
#define TELLTALE_SHARED_H

#include <linux/types.h>

#define SHARED_TARGETS_MAX   16 /* CONFIG_TARGETS_MAX of the daemon */
#define SHARED_PROCESSES_MAX 4096

/* An opted-in cgroup; its index is the target's number in records. */
struct shared_target {
	__u64 cgroup; /* cgroup id: the inode number of its directory */
	__u32 level;  /* its depth below the root of the hierarchy */
	__u32 index;
};

/* How a value of tls_flows begins. */
struct shared_tls_flow {
	__u64 id; /* as in struct record_flow */
	__u32 generation;
	__u32 pid;
	__u8 tap, target, role;
	__u8 pad[5];
};

/* The cookie of breakpoints on SSL_read: where an SSL object says whether its end is the server, 4
 * bytes; 0: that is not known. And: does its first word say which kind of object it is, 0 being a
 * connection? */
#define SHARED_TLS_SERVER_AT 0xffff
#define SHARED_TLS_TYPED     (1u << 16)

/* Names a TLS connection: the daemon removes those of processes that are gone. */
struct shared_tls_key {
	__u64 ssl; /* address of the SSL object */
	__u64 pid;
};

#endif
