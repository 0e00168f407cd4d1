/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
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

/* Maps the file at PATH with code TIMES times, and as many times without, by turns. */
static bool map(const char *path, unsigned times)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	for (unsigned i = 0; fd >= 0 && i < times; i++) {
		if (mmap(NULL, 4096, PROT_READ | (i % 2 ? 0 : PROT_EXEC), MAP_PRIVATE, fd, 0) ==
		    MAP_FAILED)
			return false;
	}
	return fd >= 0;
}

/* A process that does PREPARE(context) and then waits. */
static pid_t start_with(bool (*prepare)(const void *context), const void *context)
{
	int ready[2];
	pid_t pid;
	char byte;

	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (prepare(context) && write(ready[1], "r", 1) == 1)
			pause();
		_exit(1);
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	return pid;
}

struct mapping {
	char path[PATH_MAX];
	char root[PATH_MAX]; /* to be entered, by chroot after mapping or as a container before */
	unsigned times;
};

static bool map_and_enter(const void *context)
{
	const struct mapping *m = context;

	return map(m->path, m->times) && (!*m->root || !chroot(m->root));
}

/* A process that has the file NAME mapped, TIMES times and with code, in the root ROOT. */
static pid_t start(const char *name, const char *root, unsigned times)
{
	struct mapping m = {.times = times};

	path_in(m.path, "%s", name);
	if (*root)
		path_in(m.root, "%s", root);
	return start_with(map_and_enter, &m);
}

static bool enter_and_map(const void *context)
{
	const struct mapping *m = context;

	return !unshare(CLONE_NEWNS) && !mount("", "/", NULL, MS_REC | MS_PRIVATE, NULL) &&
	       !mount(m->root, m->root, NULL, MS_BIND, NULL) && !chdir(m->root) &&
	       !syscall(SYS_pivot_root, ".", ".") && !umount2(".", MNT_DETACH) && map(m->path, 1);
}

/* The same in a mount namespace whose root is ROOT, as of a container. PATH: as it is there. */
static pid_t start_contained(const char *path, const char *root)
{
	struct mapping m = {0};

	snprintf(m.path, sizeof(m.path), "%s", path);
	path_in(m.root, "%s", root);
	return start_with(enter_and_map, &m);
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

/* A container calls its file as the host calls another one. */
static void a_name_in_a_container_is_one_of_its_own_files(void **state)
{
	char name[PATH_MAX], inside[512];
	pid_t pid;

	(void)state;
	if (geteuid() != 0)
		SKIP("it takes root");
	make_file("want.so");
	snprintf(inside, sizeof(inside), "root%s", top);
	make_folder(inside);
	snprintf(inside, sizeof(inside), "root%s/want.so", top);
	make_file(inside);
	path_in(name, "%s", "want.so");
	pid = start_contained(name, "root");
	assert_int_equal(look(pid), 0);
	assert_int_equal(calls, 1);
	assert_int_equal(opened.st_ino, inode(inside));
	end(pid);
}

/* The process's root has another file by the name that the map has for root/lib/want.so, or another
 * folder by that of root/lib: PATH is where, with NAME of the file at its end. */
static void shadow(char path[PATH_MAX], const char *name)
{
	char folder[PATH_MAX];

	make_folder("root/lib");
	make_file("root/lib/want.so");
	snprintf(folder, sizeof(folder), "root%s/root%s", top, *name ? "/lib" : "");
	make_folder(folder);
	snprintf(path, PATH_MAX, "%s/root%s/root/lib%s", top, top, name);
}

/* What the map calls the file leads to TARGET, out of the process's root. */
static void check_link(const char *target)
{
	char link[PATH_MAX];
	pid_t pid;

	shadow(link, "");
	assert_int_equal(symlink(target, link), 0);
	pid = start("root/lib/want.so", "root", 1);
	assert_int_equal(look(pid), 0);
	assert_int_equal(calls, 1);
	assert_int_not_equal(opened.st_ino, inode("secret/want.so"));
	end(pid);
	assert_int_equal(unlink(link), 0);
}

static void a_link_out_of_the_process_s_root_is_not_followed(void **state)
{
	char target[PATH_MAX];

	(void)state;
	if (geteuid() != 0)
		SKIP("it takes root");
	make_folder("secret");
	make_file("secret/want.so");
	path_in(target, "%s", "secret");
	check_link(target);
	snprintf(target, sizeof(target), "../../../../../../../..%s/secret", top);
	check_link(target);
}

static void check_not_opened(void)
{
	pid_t pid = start("root/lib/want.so", "root", 1);

	assert_int_equal(look(pid), 0);
	assert_int_equal(calls, 1);
	assert_true(!opened.st_ino || S_ISREG(opened.st_mode));
	end(pid);
}

/* Opening a pipe for reading waits for a writer, and opening a device may do anything. */
static void what_is_no_regular_file_is_not_opened(void **state)
{
	char path[PATH_MAX];

	(void)state;
	if (geteuid() != 0)
		SKIP("it takes root");
	shadow(path, "/want.so");
	assert_int_equal(mkfifo(path, 0644), 0);
	check_not_opened();
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mknod(path, S_IFCHR | 0644, makedev(1, 5)), 0); /* zeros */
	check_not_opened();
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

static bool map_many(const void *context)
{
	char name[64], path[PATH_MAX];

	(void)context;
	for (unsigned i = 0; i < 2 * MAPFILES_OPENS_MAX; i++) {
		snprintf(name, sizeof(name), "want.%u", i);
		path_in(path, "%s", name);
		if (!map(path, 1))
			return false;
	}
	return true;
}

static void no_more_files_are_opened_than_the_bound(void **state)
{
	char name[64];
	pid_t pid;

	(void)state;
	for (unsigned i = 0; i < 2 * MAPFILES_OPENS_MAX; i++) {
		snprintf(name, sizeof(name), "want.%u", i);
		make_file(name);
	}
	pid = start_with(map_many, NULL);
	assert_int_equal(look(pid), -E2BIG);
	assert_int_equal(calls, MAPFILES_OPENS_MAX);
	end(pid);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_top, remove_top)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_file_with_code_is_opened_once),
		TEST(a_name_in_a_container_is_one_of_its_own_files),
		TEST(a_link_out_of_the_process_s_root_is_not_followed),
		TEST(what_is_no_regular_file_is_not_opened),
		TEST(a_newline_in_a_name_opens_the_mapped_file_or_none),
		TEST(no_more_files_are_opened_than_the_bound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
