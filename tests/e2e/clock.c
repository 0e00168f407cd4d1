/* SPDX-License-Identifier: Apache-2.0 */
/*
 * clock.so - preloaded into telltale, it changes the time of day that telltale sees, because a test
 * cannot wait for full hours and midnight.
 *
 * CLOCK_FILE names a file with a whole number of seconds, which is added to the time of day; it is
 * read again at each call. Only calls from the program itself are changed, since gRPC waits until
 * moments of the true time. The times of files are changed too, because telltale compares them with
 * the clock.
 */
#include <dlfcn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <time.h>

/* The address at which the object that contains ADDRESS begins in memory. */
static const void *object_of(const void *address)
{
	Dl_info info;

	return dladdr(address, &info) ? info.dli_fbase : NULL;
}

static bool is_own(const void *caller)
{
	/* NOLINTNEXTLINE(performance-no-int-to-ptr): the kernel hands addresses over as numbers */
	return object_of(caller) == object_of((const void *)getauxval(AT_PHDR));
}

static long added(void)
{
	const char *path = getenv("CLOCK_FILE");
	FILE *file = path ? fopen(path, "re") : NULL;
	char line[32] = "";

	if (!file || !fgets(line, sizeof(line), file)) {
		perror("clock: CLOCK_FILE");
		abort();
	}
	fclose(file);
	return strtol(line, NULL, 10);
}

int clock_gettime(clockid_t clock_id, struct timespec *tp)
{
	int (*real)(clockid_t, struct timespec *) = dlsym(RTLD_NEXT, "clock_gettime");
	int err = real(clock_id, tp);

	if (!err && clock_id == CLOCK_REALTIME && is_own(__builtin_return_address(0)))
		tp->tv_sec += added();
	return err;
}

int fstat(int fd, struct stat *buf)
{
	int (*real)(int, struct stat *) = dlsym(RTLD_NEXT, "fstat");
	int err = real(fd, buf);

	if (!err && is_own(__builtin_return_address(0)))
		buf->st_ctim.tv_sec += added();
	return err;
}
