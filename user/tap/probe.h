/* SPDX-License-Identifier: Apache-2.0 */
/*
 * probe.h - the BPF programs: load and attach them. The one stage that needs privilege.
 *
 * Everything hangs on descriptors, of this process and, where it is asked for, of the service
 * manager (kept.h). Without that the programs are detached when the process ends, however it ends,
 * and the connector has not noticed.
 */
#ifndef TELLTALE_PROBE_H
#define TELLTALE_PROBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "bpf/record.h"
#include "bpf/decode/siphash.h"
#include "bpf/shared.h"
#include "tap/load.h"
#include "tap/look.h"
#include "target/target.h"
#include "target/cgroup.h"

struct fdstore;
struct probe;
struct probe_cgroup;
struct probe_tls;

/* Where the functions of a TLS library lie in its file; 0: it has no such function. Those of its
 * BIO interface have no names; see tlslib.h. And where its SSL objects say whose end they are, see
 * tlscode.h; 0: not known. */
struct probe_tls_offsets {
	uint64_t write, read, write_ex, read_ex, free, clear, handshake;
	uint64_t connect, accept; /* where an object is told which end it will be */
	uint64_t bio_write, bio_read;
	uint16_t server;
	uint8_t typed;
};

/*
 * Loads the programs, those that read TLS only where the kernel takes them. SESSION keys what is
 * forgotten with the process, HOST bearer tokens. TLS_CONNECTIONS that carry ILP are followed at
 * once; each takes 6 KB of the kernel's memory from the start. TARGETS_LEN targets share the
 * tables. 0 or -errno with a sentence and the fix in WHY.
 */
int probe_open(const struct siphash_key *session, const struct siphash_key *host,
	       size_t targets_len, size_t tls_connections, struct probe **out, char *why,
	       size_t why_len);

/*
 * The same where what is loaded and attached is kept in STORE (NULL: nowhere) for the next probe
 * half (kept.h). If one before this has kept programs of this build, for this host key and this
 * size, and the targets that it had and this one has have the same numbers, nothing is loaded:
 * those go on, with the session key they have. Else these are loaded, and take the place of the
 * others where they are attached to the same. TARGETS: for each a number that tells it from others.
 * TRACES, where it is not NULL, keys what SESSION else does, which then only tells this loading
 * from others; those of another such key do not go on.
 */
int probe_open_again(struct fdstore *store, const uint64_t *targets,
		     const struct siphash_key *session, const struct siphash_key *traces,
		     const struct siphash_key *host, size_t targets_len, size_t tls_connections,
		     struct probe **out, char *why, size_t why_len);
/* Do programs go on that another process has loaded? */
bool probe_goes_on(const struct probe *p);
struct siphash_key probe_session(const struct probe *p);
/* The key of all hashes but those of bearer tokens: that of traces, or the session's. */
struct siphash_key probe_hashes(const struct probe *p);
/* How many cgroups and TLS libraries were attached to which a probe half before this was not. */
unsigned probe_attached_anew(const struct probe *p);
/* All cgroups, or everything, is attached to that there is: what a probe half before this one left
 * attached, and nobody has asked for since, is let go. The first before cgroups are attached in
 * another thread. */
void probe_settle_cgroups(struct probe *p);
void probe_settle(struct probe *p);
/* From here on nothing is detached any more, whatever is called: another probe half goes on. */
void probe_leave(struct probe *p);

/* Accepts NULL. The cgroups have been detached. */
void probe_close(struct probe *p);

/* Attaches the socket programs to a cgroup of target number TARGET. One thread at a time, beside
 * whatever else runs. 0 or -errno with a sentence in WHY. */
int probe_attach_cgroup(struct probe *p, unsigned target, const struct cgroup *cgroup,
			struct probe_cgroup **out, char *why, size_t why_len);
void probe_detach_cgroup(struct probe *p, struct probe_cgroup *c);
/* So many connections of a target in plain HTTP are followed at once, where TARGETS_LEN share what
 * there is. Each takes PROBE_FLOW_BYTES of the kernel's memory while it is open. */
#define PROBE_FLOW_BYTES 8400
size_t probe_flows_each(size_t targets_len);
/* Is there the cgroup, or a socket that was made in it? */
bool probe_cgroup_lingers(const struct probe_cgroup *c);

/* Has the kernel tell of programs that begin in the targets, where it does; else it is logged. */
void probe_attach_execs(struct probe *p);
void probe_detach_execs(struct probe *p);

/* Has the kernel tell of connections that end with bytes unseen. After that it can be looked for
 * them: see witness.h and dropped.h. False: it cannot, which is logged. */
bool probe_attach_witness(struct probe *p);
/* What is known of the sockets that process PID has open: see look_run. */
int probe_look(struct probe *p, pid_t pid, look_sink *sink, void *context);
/* A look at all of them that began at BEGAN_NS is over. */
void probe_looked(struct probe *p, uint64_t began_ns);
/* NULL, or why the kernel does not let us look at sockets, which is for `check` to say. */
const char *probe_witness_refused(const struct probe *p);

/*
 * Puts breakpoints on the TLS functions in PATH for process PID alone, which belongs to target
 * number TARGET. 0 or -errno with a sentence in WHY.
 */
int probe_attach_tls(struct probe *p, pid_t pid, unsigned target, const char *path,
		     const struct probe_tls_offsets *offsets, struct probe_tls **out, char *why,
		     size_t why_len);
/* Accepts NULL. Forgets the process and its connections: all its libraries are to be detached.
 * ENDED: the program that had them is no more, so they have closed: see probe_ended. Comes back at
 * once; the kernel takes its time over the breakpoints elsewhere. */
void probe_detach_tls(struct probe *p, pid_t pid, struct probe_tls *tls, bool ended);

/* To how many libraries it may be attached at once: each takes a descriptor for each breakpoint,
 * and each process a place in the programs' table. */
size_t probe_tls_max(const struct probe *p);

/* NULL, or why the kernel takes no program that reads TLS: plain HTTP is read all the same. */
const char *probe_tls_refused(const struct probe *p);
/* Does the kernel tell of programs that begin? Without, their TLS may be missed for a second. */
bool probe_tells_execs(const struct probe *p);
/* Does it tell on which connection it drops a segment? Where it does not, that is logged, and
 * segments that TCP drops after telltale has read them are not noticed: see dropped.h. */
bool probe_tells_drops(const struct probe *p);

/* Is there a record of each program that begins in a target from now on? */
bool probe_sees_execs(const struct probe *p);
/* Are process numbers in records those that this process knows? The kernel numbers in its first PID
 * namespace. Where they are not, breakpoints tell theirs all the same. */
bool probe_pids_are_ours(const struct probe *p);

/* Do its breakpoints harm processes under a seccomp filter here? See uprobe_try_filtered. */
bool probe_harms_filtered(const struct probe *p);

/* Does attaching to a TLS library take CAP_SYS_ADMIN on this kernel? See uprobe.h. */
bool probe_needs_admin(const struct probe *p);

/* The descriptors that the daemon half is handed: the ring, of PROBE_RING_BYTES bytes, and the
 * counters of records that found no room, one of 64 bits for each of RECORD_TYPES. Both can be
 * mapped, and stay valid for whoever holds them when this process has ended. */
#define PROBE_RING_BYTES (2u << 20) /* about 13,000 messages */
int probe_ring(const struct probe *p);
int probe_dropped(const struct probe *p);

/* Has something been written to the ring since the last call? True where that is not known. */
bool probe_is_active(struct probe *p);

/* Readable when a program has begun in a target. */
int probe_execs_fd(const struct probe *p);
/* Hands over each program that has begun since the last call. */
void probe_execs(struct probe *p, void (*each)(void *context, const struct record_exec *record),
		 void *context);

/* The connections of programs that have ended, for which no program writes a record. What they said
 * before is in the ring by now. Copies up to MAX of them to OUT and forgets those; returns how
 * many.
 */
size_t probe_ended(struct probe *p, struct record_flow_close *out, size_t max);

/* Forgets streams in HTTP/2 that nobody waits for any more. To be called every now and then. */
void probe_sweep(struct probe *p);

/* Somebody else reads the ring from now on, and knows no endpoint: each is announced again when it
 * is seen next. */
void probe_new_reader(struct probe *p);

/* What the programs have taken since they were loaded, perhaps by a probe half before this one. */
void probe_costs(const struct probe *p, struct load_cost costs[SHARED_PROGRAMS]);
/* The bytes of the kernel's memory that all maps take, as it says itself. */
uint64_t probe_tables_bytes(const struct probe *p);
/* How many more at most, where tables take them as they fill. */
uint64_t probe_tables_more(const struct probe *p);

#endif
