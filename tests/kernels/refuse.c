/* SPDX-License-Identifier: Apache-2.0 */
/*
 * refuse.c - preloaded into telltale, simulates a kernel without uprobes or a security policy that
 * forbids tracing, because Debian's kernels have no switch for that.
 */
#include <dlfcn.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdarg.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The C library gives the parameter a reserved name. */
/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name) */
long syscall(long number, ...)
{
	static long (*real)(long number, ...);
	const union bpf_attr *attr;
	va_list list;
	void *a[6];

	va_start(list, number);
	for (int i = 0; i < 6; i++)
		a[i] = va_arg(list, void *);
	va_end(list);
	attr = a[1];
	if (number == SYS_bpf && (long)a[0] == BPF_PROG_LOAD &&
	    attr->prog_type == BPF_PROG_TYPE_KPROBE) {
		errno = EPERM;
		return -1;
	}
	if (!real)
		real = (long (*)(long, ...))dlsym(RTLD_NEXT, "syscall");
	return real(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}
