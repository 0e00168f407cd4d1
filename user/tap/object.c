/* SPDX-License-Identifier: Apache-2.0 */
#include "tap/object.h"

#include <bpf/libbpf.h>

#include "bpf/decode/siphash.h"
#include "bpf/telltale.skel.h"

struct telltale_bpf *object_open(const struct bpf_object_open_opts *opts)
{
	return telltale_bpf__open_opts(opts);
}

const void *object_bytes(size_t *len)
{
	return telltale_bpf__elf_bytes(len);
}
