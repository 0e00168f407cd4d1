/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/onlooker.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/log.h"
#include "bpf/record.h"
#include "privacy/entropy.h"

/* --- targets ----------------------------------------------------------------------------- */

/* Each process with a TLS library takes some descriptors. */
static void raise_files(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files))
		return;
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
}

int onlooker_find(struct onlooker *o, const struct config_target *targets, size_t len)
{
	char why[512] = "";
	size_t found = 0;
	int err = 0;

	raise_files();
	o->mount = cgroup_mount();
	if (!o->mount) {
		log_err(o->stage, "cgroup v2 is not mounted");
		return -ENOENT;
	}
	for (size_t i = 0; i < len && !err; i++) {
		err = target_init(&o->targets[i], &targets[i], o->mount, why, sizeof(why));
		if (!err)
			o->targets_len++;
		else
			log_err(o->stage, "target %s: %s", targets[i].name, why);
	}
	if (!err)
		err = follow_beside(o->targets, o->targets_len, o->mount, &o->follow);
	if (err)
		return err;
	for (size_t i = 0; i < o->targets_len; i++)
		found += o->targets[i].cgroups_len;
	if (!found) {
		log_err(o->stage, "none of the targets is there; start the connector first");
		return -ENOENT;
	}
	o->cgroups = calloc(found, sizeof(*o->cgroups));
	return o->cgroups ? 0 : -ENOMEM;
}

/* --- the programs ------------------------------------------------------------------------ */

static int load(struct onlooker *o, const struct siphash_key *session, size_t tls_connections)
{
	struct siphash_key host;
	char why[512] = "";
	int err;

	privacy_random_kernel(NULL, &host, sizeof(host)); /* no token is shown */
	err = probe_open(session, &host, o->targets_len, tls_connections, &o->probe, why,
			 sizeof(why));
	if (err) {
		if (err != -ENOMEM)
			log_err(o->stage, "%s", why);
		return err;
	}
	err = ring_open(probe_ring(o->probe), PROBE_RING_BYTES, &o->ring);
	if (!err)
		err = ring_counters_open(probe_dropped(o->probe), RECORD_TYPES, &o->dropped);
	if (err)
		log_err(o->stage, "cannot map the ring: %s", strerror(-err));
	return err;
}

static int attach_cgroup(struct onlooker *o, unsigned target, const struct cgroup *c)
{
	char why[512] = "";
	int err = probe_attach_cgroup(o->probe, target, c, &o->cgroups[o->cgroups_len], why,
				      sizeof(why));

	if (err)
		log_err(o->stage, "%s", why);
	else
		o->cgroups_len++;
	return err;
}

int onlooker_attach(struct onlooker *o, const struct siphash_key *session, size_t tls_connections)
{
	int err = load(o, session, tls_connections);

	if (err)
		return err;
	o->processes = processes_new(o->probe, o->targets, o->targets_len);
	if (!o->processes)
		return -ENOMEM;
	for (size_t i = 0; i < o->targets_len && !err; i++) {
		const struct target *t = &o->targets[i];

		for (size_t k = 0; k < t->cgroups_len && !err; k++)
			err = attach_cgroup(o, (unsigned)i, &t->cgroups[k]->cgroup);
	}
	if (!err)
		probe_attach_execs(o->probe);
	return err;
}

void onlooker_fini(struct onlooker *o)
{
	if (o->probe)
		probe_detach_execs(o->probe);
	while (o->cgroups_len > 0)
		probe_detach_cgroup(o->probe, o->cgroups[--o->cgroups_len]);
	free(o->cgroups);
	processes_free(o->processes);
	ring_counters_close(o->dropped);
	ring_close(o->ring);
	probe_close(o->probe);
	follow_free(o->follow);
	while (o->targets_len > 0)
		target_fini(&o->targets[--o->targets_len]);
	free(o->mount);
}

/* --- records ----------------------------------------------------------------------------- */

struct reading {
	const struct onlooker *onlooker;
	ring_sink *sink;
	void *context;
};

static void take_record(void *context, const void *record, size_t size)
{
	static const size_t sizes[RECORD_TYPES] = {
		[RECORD_MESSAGE] = sizeof(struct record_message),
		[RECORD_ENDPOINT] = sizeof(struct record_endpoint),
		[RECORD_FLOW_CLOSE] = sizeof(struct record_flow_close),
		[RECORD_GAP] = sizeof(struct record_gap),
		[RECORD_OPAQUE] = sizeof(struct record_opaque),
	};
	const struct record_head *head = record;
	const struct reading *r = context;

	if (size < sizeof(*head) || head->version != RECORD_VERSION || head->type >= RECORD_TYPES ||
	    !sizes[head->type] || size < sizes[head->type] ||
	    head->target >= r->onlooker->targets_len)
		return;
	r->sink(r->context, record, size);
}

static void exec_begun(void *context, const struct record_exec *exec)
{
	const struct onlooker *o = context;

	processes_exec(o->processes, (pid_t)exec->pid, exec->head.target);
}

void onlooker_read(struct onlooker *o, ring_sink *sink, void *context)
{
	struct reading r = {o, sink, context};

	processes_turn(o->processes);
	probe_execs(o->probe, exec_begun, o);
	ring_consume(o->ring, take_record, &r);
}
