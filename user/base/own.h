/* SPDX-License-Identifier: Apache-2.0 */
/* own.h - what this process itself takes. */
#ifndef TELLTALE_OWN_H
#define TELLTALE_OWN_H

#include <stdint.h>

/* CPU time of all its threads so far, in ns. */
uint64_t own_cpu_ns(void);
/* Resident memory, in bytes; 0: the kernel does not say. */
uint64_t own_bytes(void);

#endif
