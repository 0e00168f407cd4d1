/* SPDX-License-Identifier: Apache-2.0 */
#include "tap/look.h"

#include <errno.h>
#include <unistd.h>

#include <bpf/bpf.h>

#define SIGHTS 256 /* read at once */

/* A descriptor from which what the program says can be read. */
static int begin(int program, pid_t pid)
{
	union bpf_iter_link_info which = {.task.pid = (unsigned)pid};
	LIBBPF_OPTS(bpf_link_create_opts, opts, .iter_info = pid ? &which : NULL,
		    .iter_info_len = pid ? sizeof(which) : 0);
	int link = bpf_link_create(program, 0, BPF_TRACE_ITER, &opts), iterator, err;

	if (link < 0)
		return pid && (link == -E2BIG || link == -EINVAL) ? -EOPNOTSUPP : link;
	iterator = bpf_iter_create(link);
	err = iterator;
	close(link);
	return err;
}

int look_run(int program, pid_t pid, look_sink *sink, void *context)
{
	struct shared_sight sights[SIGHTS];
	int fd = begin(program, pid);
	ssize_t n;

	if (fd < 0)
		return fd;
	do {
		n = read(fd, sights, sizeof(sights));
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			continue; /* it has looked at very many files without a word */
		for (ssize_t i = 0; i < n / (ssize_t)sizeof(sights[0]); i++)
			sink(context, &sights[i]);
	} while (n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR)));
	n = n < 0 ? -errno : 0;
	close(fd);
	return (int)n;
}
