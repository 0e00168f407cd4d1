/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tap/tlslib.h"
#include "tests/unit/support/skipping.h"

static struct tlslib_cache *cache;
static struct tlslib found[TLSLIB_MAX];

static int make_cache(void **state)
{
	(void)state;
	cache = tlslib_cache_new();
	return cache ? 0 : -1;
}

static int free_cache(void **state)
{
	(void)state;
	tlslib_cache_free(cache);
	return 0;
}

/* Does the process wait for something? 'S' also while it waits for its program to be read, so that
 * callers look more than once. */
static bool sleeps(pid_t pid)
{
	char path[64], line[512] = "", *after;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	f = fopen(path, "re");
	if (f && !fgets(line, sizeof(line), f))
		line[0] = '\0';
	if (f)
		fclose(f);
	after = strrchr(line, ')');
	return after && after[2] == 'S';
}

struct program {
	pid_t pid;
	int in; /* its standard input */
};

/* A program that waits on its standard input. Its PID is 0 when there is no such program. */
static struct program start(char *const argv[], const char *preload)
{
	struct program p = {.in = -1};
	int in[2], ran[2];
	char failed;

	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	assert_int_equal(pipe2(ran, O_CLOEXEC), 0);
	p.pid = fork();
	assert_true(p.pid >= 0);
	if (!p.pid) {
		dup2(in[0], STDIN_FILENO);
		dup2(open("/dev/null", O_WRONLY), STDOUT_FILENO);
		unsetenv("LD_PRELOAD");
		if (preload)
			setenv("LD_PRELOAD", preload, 1);
		execvp(argv[0], argv);
		_exit(write(ran[1], "n", 1) != 1);
	}
	close(in[0]);
	close(ran[1]);
	p.in = in[1];
	if (read(ran[0], &failed, 1) == 1) {
		waitpid(p.pid, NULL, 0);
		p.pid = 0;
	}
	close(ran[0]);
	for (unsigned i = 0, calm = 0; p.pid && calm < 5 && i < 12000; i++) {
		calm = sleeps(p.pid) ? calm + 1 : 0;
		usleep(5000);
	}
	return p;
}

static void end(struct program *p)
{
	if (p->pid) {
		kill(p->pid, SIGKILL);
		waitpid(p->pid, NULL, 0);
	}
	close(p->in);
}

static int find(pid_t pid)
{
	memset(found, 0, sizeof(found));
	return tlslib_find(cache, pid, found, TLSLIB_MAX, UINT64_MAX);
}

static char *const openssl[] = {"openssl", "passwd", "-stdin", NULL};
static char *const node[] = {"node", "-e", "process.stdin.resume()", NULL};
static char *const cat[] = {"cat", NULL};

static void want(const struct program *p, const char *name)
{
	if (p->pid)
		return;
	close(p->in);
	SKIP("there is no %s here", name);
}

/* Where the dynamic loader found SYMBOL, as an offset into its file: the second opinion. */
static uint64_t offset_by_loader(void *library, const char *symbol)
{
	uint64_t address = (uintptr_t)dlsym(library, symbol), start, stop, offset;
	FILE *maps = fopen("/proc/self/maps", "re");
	uint64_t result = 0;
	char line[PATH_MAX + 128];

	assert_non_null(maps);
	while (fgets(line, sizeof(line), maps)) {
		if (sscanf(line, "%lx-%lx %*s %lx", &start, &stop, &offset) == 3 &&
		    address >= start && address < stop)
			result = address - start + offset;
	}
	fclose(maps);
	return result;
}

static void shared_libssl_is_found_and_its_functions_where_they_are(void **state)
{
	struct program p = start(openssl, NULL);
	void *library = dlopen("libssl.so.3", RTLD_NOW);

	(void)state;
	if (!library) {
		end(&p);
		p.pid = 0;
	}
	want(&p, "OpenSSL 3");
	assert_int_equal(find(p.pid), 1);
	assert_int_equal(found[0].offsets.write, offset_by_loader(library, "SSL_write"));
	assert_int_equal(found[0].offsets.read, offset_by_loader(library, "SSL_read"));
	assert_int_equal(found[0].offsets.write_ex, offset_by_loader(library, "SSL_write_ex"));
	assert_int_equal(found[0].offsets.read_ex, offset_by_loader(library, "SSL_read_ex"));
	assert_int_equal(found[0].offsets.free, offset_by_loader(library, "SSL_free"));
	assert_true(found[0].offsets.free > 0);
#ifdef __x86_64__
	assert_int_equal(found[0].offsets.server, 0x38); /* in all of 3.0 */
	assert_int_equal(found[0].offsets.typed, 0);
#endif
	assert_int_equal(access(found[0].path, R_OK), 0);
	if (library)
		dlclose(library);
	end(&p);
}

/* No call has time for more than one step: each goes on where the one before it stopped. */
static void what_takes_long_to_read_is_read_in_several_turns(void **state)
{
	struct tlslib_cache *whole = cache;
	struct program p = start(openssl, NULL);
	unsigned put_off = 0;
	int n;

	(void)state;
	want(&p, "OpenSSL 3");
	cache = tlslib_cache_new();
	assert_non_null(cache);
	while ((n = tlslib_find(cache, p.pid, found, TLSLIB_MAX, 0)) == -EAGAIN && put_off < 10000)
		put_off++;
	assert_int_equal(n, find(p.pid));
	assert_true(put_off > 2);
	tlslib_cache_free(cache);
	cache = whole;
	end(&p);
}

static void nodejs_carries_its_own(void **state)
{
	struct program p = start(node, NULL);

	(void)state;
	want(&p, "node");
	assert_true(find(p.pid) >= 1);
	assert_true(found[0].offsets.write && found[0].offsets.read && found[0].offsets.free);
#ifdef __x86_64__
	assert_true(found[0].offsets.server > 0);
#endif
	end(&p);
}

static void a_program_without_tls_has_none(void **state)
{
	struct program p = start(cat, NULL);

	(void)state;
	assert_int_not_equal(p.pid, 0);
	assert_int_equal(find(p.pid), 0);
	end(&p);
}

static void a_process_that_is_gone_is_an_error(void **state)
{
	struct program p = start(cat, NULL);

	(void)state;
	end(&p);
	assert_int_equal(find(p.pid), -ENOENT);
}

static void copy(const char *from, const char *to)
{
	char bytes[65536];
	FILE *in = fopen(from, "re"), *out = fopen(to, "we");
	size_t n;

	assert_true(in && out);
	while ((n = fread(bytes, 1, sizeof(bytes), in)) > 0)
		assert_int_equal(fwrite(bytes, 1, n, out), n);
	fclose(in);
	assert_int_equal(fclose(out), 0);
}

/* As a package upgrade does. The name on disk is then another file, or none. */
static void a_library_replaced_on_disk_is_told_from_none(void **state)
{
	char directory[] = "/tmp/test_tlslib.XXXXXX", library[64];
	struct program p = start(openssl, NULL);
	struct probe_tls_offsets offsets;

	(void)state;
	want(&p, "openssl");
	assert_int_equal(find(p.pid), 1);
	offsets = found[0].offsets;
	assert_non_null(mkdtemp(directory));
	snprintf(library, sizeof(library), "%s/libssl.so.3", directory);
	copy(found[0].path, library);
	end(&p);

	p = start(cat, library);
	assert_int_equal(find(p.pid), 1);
	unlink(library);
	/* Through the process's mapping it can be reached by whoever may. */
	if (geteuid() == 0) {
		assert_int_equal(find(p.pid), 1);
		assert_memory_equal(&found[0].offsets, &offsets, sizeof(offsets));
	} else {
		assert_int_equal(find(p.pid), -ESTALE);
	}
	end(&p);
	rmdir(directory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shared_libssl_is_found_and_its_functions_where_they_are),
		cmocka_unit_test(what_takes_long_to_read_is_read_in_several_turns),
		cmocka_unit_test(nodejs_carries_its_own),
		cmocka_unit_test(a_program_without_tls_has_none),
		cmocka_unit_test(a_process_that_is_gone_is_an_error),
		cmocka_unit_test(a_library_replaced_on_disk_is_told_from_none),
	};

	return cmocka_run_group_tests(tests, make_cache, free_cache);
}
