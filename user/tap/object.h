/* SPDX-License-Identifier: Apache-2.0 */
/*
 * object.h - the compiled BPF programs of the taps, which this program carries inside it. Each file
 * that calls the skeleton's own functions for this would carry them once more: a megabyte.
 */
#ifndef TELLTALE_OBJECT_H
#define TELLTALE_OBJECT_H

#include <stddef.h>

struct bpf_object_open_opts;
struct telltale_bpf;

/* OPTS may be NULL. NULL, with errno set: the library refuses them. To be destroyed by the caller,
 * with telltale_bpf__destroy. */
struct telltale_bpf *object_open(const struct bpf_object_open_opts *opts);
/* The object file, *LEN bytes, which are never freed. */
const void *object_bytes(size_t *len);

#endif
