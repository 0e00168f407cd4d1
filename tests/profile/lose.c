/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lose.c - makes a device lose segments (lose.bpf.c) until it is ended, and keeps a journal of it.
 *
 * Usage: lose DEVICE EACH PORT PORT JOURNAL
 *   One segment in EACH of those with data to or from a PORT is lost. The journal gets a line of
 * JSON for each, once it has come again. Prints "ready".
 */
#include <err.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "tests/lose.skel.h"
#include "tests/profile/lose.h"

static int write_line(void *context, void *data, size_t len)
{
	const struct lost *lost = data;
	FILE *journal = context;

	(void)len;
	fprintf(journal,
		"{\"mode\": \"lost\", \"source\": %u, \"dest\": %u, \"lost\": [%llu, %llu]}\n",
		lost->source, lost->dest, lost->from_ns, lost->to_ns);
	return fflush(journal);
}

static struct lose_bpf *load(char **argv)
{
	struct lose_bpf *skel = lose_bpf__open();

	if (!skel)
		err(1, "cannot open the program");
	skel->rodata->each = (__u32)strtoul(argv[2], NULL, 10);
	for (int i = 0; i < 2; i++)
		skel->rodata->ports[i] = (__u16)strtoul(argv[3 + i], NULL, 10);
	if (lose_bpf__load(skel))
		err(1, "cannot load the program");
	return skel;
}

/* It ends with the device, that is with its network namespace. */
static void attach(const struct lose_bpf *skel, const char *device)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)if_nametoindex(device),
		    .attach_point = BPF_TC_INGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts, .prog_fd = bpf_program__fd(skel->progs.ingress));
	int error = bpf_tc_hook_create(&hook);

	if (!error)
		error = bpf_tc_attach(&hook, &opts);
	if (error)
		errx(1, "cannot attach to %s: error %d", device, -error);
}

int main(int argc, char **argv)
{
	struct ring_buffer *ring;
	struct lose_bpf *skel;
	FILE *journal;

	if (argc != 6)
		errx(2, "usage: lose DEVICE EACH PORT PORT JOURNAL");
	journal = fopen(argv[5], "ae");
	if (!journal)
		err(1, "%s", argv[5]);
	skel = load(argv);
	ring = ring_buffer__new(bpf_map__fd(skel->maps.found), write_line, journal, NULL);
	if (!ring)
		err(1, "cannot read the ring");
	attach(skel, argv[1]);
	puts("ready");
	fflush(stdout);
	while (ring_buffer__poll(ring, -1) >= 0)
		;
	return 1;
}
