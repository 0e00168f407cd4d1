/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tap/mapfiles.h"
#include "tests/unit/support/skipping.h"

static char top[64]; /* a folder for each test */

static int make_top(void **state)
{
	(void)state;
	snprintf(top, sizeof(top), "/tmp/test_mapfiles.XXXXXX");
	return mkdtemp(top) ? 0 : -1;
}

static int remove_top(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", top);
	return system(command); /* NOLINT(cert-env33-c): a name of our own */
}

static void path_in(char path[PATH_MAX], const char *format, const char *name)
{
	char rest[512];

	snprintf(rest, sizeof(rest), format, name);
	snprintf(path, PATH_MAX, "%s/%s", top, rest);
}

static void make_file(const char *name)
{
	char path[PATH_MAX];
	int fd;

	path_in(path, "%s", name);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0755);
	assert_true(fd >= 0 && !ftruncate(fd, 4096));
	close(fd);
}

static void make_folder(const char *name)
{
	char path[PATH_MAX];

	path_in(path, "%s", name);
	for (char *at = path + strlen(top) + 1; *at; at++) {
		if (*at != '/')
			continue;
		*at = '\0';
		mkdir(path, 0755);
		*at = '/';
	}
	mkdir(path, 0755);
}

/* A process that has the file NAME mapped, TIMES times and with code, in the root ROOT. */
static pid_t start(const char *name, const char *root, unsigned times)
{
	char path[PATH_MAX], inside[PATH_MAX];
	int ready[2];
	pid_t pid;
	char byte;

	path_in(path, "%s", name);
	path_in(inside, "%s", root);
	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		int fd = open(path, O_RDONLY | O_CLOEXEC);

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (unsigned i = 0; i < times; i++) {
			if (mmap(NULL, 4096, PROT_READ | (i % 2 ? 0 : PROT_EXEC), MAP_PRIVATE, fd,
				 0) == MAP_FAILED)
				_exit(1);
		}
		if (*root && chroot(inside))
			_exit(1);
		if (write(ready[1], "r", 1) == 1)
			pause();
		_exit(1);
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	return pid;
}

static void end(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static unsigned calls;
static struct stat opened; /* the last one; 0 where it could not be */

static bool wanted(const char *path)
{
	return strstr(path, "want") != NULL;
}

static bool take(void *context, int fd, const char *path, bool gone)
{
	(void)context;
	(void)path;
	(void)gone;
	calls++;
	memset(&opened, 0, sizeof(opened));
	return fd < 0 || !fstat(fd, &opened);
}

static int look(pid_t pid)
{
	calls = 0;
	memset(&opened, 0, sizeof(opened));
	return mapfiles_each(pid, wanted, take, NULL);
}

static ino_t inode(const char *name)
{
	char path[PATH_MAX];
	struct stat st;

	path_in(path, "%s", name);
	assert_int_equal(stat(path, &st), 0);
	return st.st_ino;
}

static void a_file_with_code_is_opened_once(void **state)
{
	pid_t pid;

	(void)state;
	make_file("want.so");
	pid = start("want.so", "", 5);
	assert_int_equal(look(pid), 0);
	assert_int_equal(calls, 1);
	assert_int_equal(opened.st_ino, inode("want.so"));
	end(pid);
	assert_int_equal(look(pid), -ENOENT);
}

/* In the process's root, what its map calls the file leads out of it. */
static void a_link_out_of_the_process_s_root_is_not_followed(void **state)
{
	char out[PATH_MAX], link[PATH_MAX];
	pid_t pid;

	(void)state;
	if (geteuid() != 0)
		SKIP("it takes root");
	make_folder("root/lib");
	make_file("root/lib/want.so");
	make_folder("secret");
	make_file("secret/want.so");
	snprintf(out, sizeof(out), "root%s/root", top);
	make_folder(out);
	path_in(out, "%s", "secret");
	snprintf(link, sizeof(link), "%s/root%s/root/lib", top, top);
	assert_int_equal(symlink(out, link), 0);
	pid = start("root/lib/want.so", "root", 1);
	assert_int_equal(look(pid), 0);
	assert_int_equal(calls, 1);
	assert_int_not_equal(opened.st_ino, inode("secret/want.so"));
	end(pid);
}

/* Opening a pipe for reading waits for a writer, and opening a device may do anything. */
static void what_is_no_regular_file_is_not_opened(void **state)
{
	char folder[PATH_MAX], path[PATH_MAX];
	pid_t pid;

	(void)state;
	if (geteuid() != 0)
		SKIP("it takes root");
	make_folder("root/lib");
	make_file("root/lib/want.so");
	snprintf(folder, sizeof(folder), "root%s/root/lib", top);
	make_folder(folder);
	snprintf(path, sizeof(path), "%s/root%s/root/lib/want.so", top, top);
	assert_int_equal(mkfifo(path, 0644), 0);
	pid = start("root/lib/want.so", "root", 1);
	assert_int_equal(look(pid), 0);
	assert_int_equal(calls, 1);
	assert_true(!opened.st_ino || S_ISREG(opened.st_mode));
	end(pid);
}

/* The map writes a newline in a name as \012, which is another name. */
static void a_newline_in_a_name_opens_the_mapped_file_or_none(void **state)
{
	pid_t pid;

	(void)state;
	make_file("want\n.so");
	make_file("want\\012.so");
	pid = start("want\n.so", "", 1);
	assert_int_equal(look(pid), 0);
	assert_int_equal(calls, 1);
	assert_true(!opened.st_ino || opened.st_ino == inode("want\n.so"));
	end(pid);
}

static void no_more_files_are_opened_than_the_bound(void **state)
{
	char name[64], path[PATH_MAX];
	pid_t pid;
	int ready[2];
	char byte;

	(void)state;
	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	for (unsigned i = 0; i < 2 * MAPFILES_OPENS_MAX; i++) {
		snprintf(name, sizeof(name), "want.%u", i);
		make_file(name);
	}
	pid = fork();
	assert_true(pid >= 0);
	if (!pid)
		prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (unsigned i = 0; !pid && i < 2 * MAPFILES_OPENS_MAX; i++) {
		int fd;

		snprintf(name, sizeof(name), "want.%u", i);
		path_in(path, "%s", name);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		assert_ptr_not_equal(mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0),
				     MAP_FAILED);
		close(fd);
	}
	if (!pid) {
		if (write(ready[1], "r", 1) == 1)
			pause();
		_exit(1);
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	assert_int_equal(look(pid), -E2BIG);
	assert_int_equal(calls, MAPFILES_OPENS_MAX);
	end(pid);
	close(ready[0]);
	close(ready[1]);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_top, remove_top)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_file_with_code_is_opened_once),
		TEST(a_link_out_of_the_process_s_root_is_not_followed),
		TEST(what_is_no_regular_file_is_not_opened),
		TEST(a_newline_in_a_name_opens_the_mapped_file_or_none),
		TEST(no_more_files_are_opened_than_the_bound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
