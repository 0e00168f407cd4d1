/* SPDX-License-Identifier: Apache-2.0 */
#include "privacy/state.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "bpf/decode/siphash.h"

#define NAME      "privacy.state"
#define NEW_NAME  ".privacy.state.new"
#define OLD_NAME  "privacy.state.unused"
#define LOCK_NAME "privacy.lock"
#define MAGIC     0x5652505441544c54ULL /* "TLTATPRV" */
#define VERSION   2

#define MARK_MAGIC 0x4b524d5652505454ULL /* "TTPRVMRK" */

#define EARLY_S     5  /* a clock may be stepped back by this while we write */
#define LATE_S      90 /* a file may change this long after the time written in it, */
#define WRITE_MAX_S 30 /* of which writing it may take this */

/* Identifies a file. The inode alone does not: file systems reuse inodes at once, so every other
 * save may get the same one. The time of birth and the generation distinguish these files; each is
 * 0 where the file system has none.
 */
struct identity {
	uint64_t inode, born_unix_ns, generation;
};

struct header {
	uint64_t magic, version, len;
	uint64_t written_unix_ns;
	struct identity file;
	uint64_t machine;  /* a hash of the machine id */
	uint64_t checksum; /* of the above and the block */
	uint64_t seal;     /* the same, under the host's key */
};

/* In the lock file, which is never replaced: hard links to it, such as a backup's, say the same. */
struct mark {
	uint64_t magic;
	uint64_t newest; /* the seal of the file that was saved last, or is about to be in place */
	uint64_t before; /* the seal of the one it replaces; 0: it is in place */
};

struct state {
	int dir, lock;
	struct siphash_key key;
	uint64_t machine;
	uint64_t in_place; /* the seal of the file that this process loaded or saved; 0: none */
};

static const struct siphash_key no_key = {0, 0};

/* Feeds the whole 64-bit words of LEN bytes; a rest is left to the caller. */
static void feed(struct siphash *s, const void *bytes, size_t len)
{
	const unsigned char *at = bytes;
	uint64_t word;

	for (size_t i = 0; i + 8 <= len; i += 8) {
		memcpy(&word, at + i, sizeof(word));
		siphash_word(s, le64toh(word));
	}
}

static uint64_t hash(const struct siphash_key *key, const struct header *h, const void *blob,
		     size_t len)
{
	struct siphash s;
	uint64_t tail = 0;

	siphash_begin(&s, key);
	feed(&s, h, offsetof(struct header, checksum));
	feed(&s, blob, len);
	memcpy(&tail, (const char *)blob + len / 8 * 8, len % 8);
	return siphash_end(&s, le64toh(tail), offsetof(struct header, checksum) + len);
}

/* *OUT is 0 on a host without a machine id. Returns 0 or -errno. */
static int machine_hash(const struct siphash_key *key, uint64_t *out)
{
	char text[64] = "";
	int fd = open("/etc/machine-id", O_RDONLY | O_CLOEXEC), err = 0;
	struct siphash s;

	*out = 0;
	if (fd < 0)
		return errno == ENOENT || errno == EACCES ? 0 : -errno;
	if (read(fd, text, sizeof(text)) < 0)
		err = -errno;
	close(fd);
	siphash_begin(&s, key);
	feed(&s, text, sizeof(text));
	*out = siphash_end(&s, 0, sizeof(text));
	return err;
}

/* 0 or -errno. */
static int identify(int fd, struct identity *out)
{
	struct statx stx;
	int generation[2] = {0}; /* some file systems write an int, others a long */

	if (statx(fd, "", AT_EMPTY_PATH, STATX_INO | STATX_BTIME, &stx))
		return -errno;
	*out = (struct identity){.inode = stx.stx_ino};
	if (stx.stx_mask & STATX_BTIME)
		out->born_unix_ns =
			(uint64_t)(stx.stx_btime.tv_sec * NS_PER_S) + stx.stx_btime.tv_nsec;
	if (!ioctl(fd, FS_IOC_GETVERSION, generation))
		out->generation = (uint32_t)generation[0];
	return 0;
}

int state_open(const char *dir, const struct hostkey *key, struct state **out)
{
	struct state *s = calloc(1, sizeof(*s));
	int err;

	if (!s)
		return -ENOMEM;
	s->lock = s->dir = -1;
	s->key = (struct siphash_key){key->k0, key->k1};
	err = machine_hash(&s->key, &s->machine);
	if (err)
		goto out;
	s->dir = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->dir < 0) {
		err = -errno;
		goto out;
	}
	s->lock = openat(s->dir, LOCK_NAME, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (s->lock < 0)
		err = -errno;
	else if (flock(s->lock, LOCK_EX | LOCK_NB))
		err = errno == EWOULDBLOCK ? -EBUSY : -errno;
out:
	if (err)
		state_close(s);
	else
		*out = s;
	return err;
}

void state_close(struct state *s)
{
	if (!s)
		return;
	if (s->lock >= 0)
		close(s->lock);
	if (s->dir >= 0)
		close(s->dir);
	explicit_bzero(s, sizeof(*s));
	free(s);
}

/* --- load --------------------------------------------------------------------------------------
 */

/* 0 or -errno: -EPIPE at the end of the file. */
static int read_all(int fd, void *buf, size_t len)
{
	char *at = buf;

	while (len) {
		ssize_t n = read(fd, at, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -EPIPE;
		at += n;
		len -= (size_t)n;
	}
	return 0;
}

/* M->magic is 0 when no mark was written yet. Returns 0 or -errno. */
static int read_mark(const struct state *s, struct mark *m)
{
	ssize_t n = pread(s->lock, m, sizeof(*m), 0);

	if (n < 0)
		return -errno;
	if (n != sizeof(*m) || m->magic != MARK_MAGIC)
		memset(m, 0, sizeof(*m));
	return 0;
}

/* Whether the file was changed, renamed or linked long after H was written. Renaming sets the time
 * of change, which no program can set to another value. So do chmod, chown and links. */
static bool is_touched(const struct header *h, const struct stat *st)
{
	int64_t late = clock_ns_of(st->st_ctim) - (int64_t)h->written_unix_ns;

	return late < -EARLY_S * NS_PER_S || late > LATE_S * NS_PER_S;
}

/* Whether FILE is the very file that H was written to, and the last one. Whoever copies the bytes
 * into another file leaves that file's identity, which differs from the one in H; whoever puts an
 * earlier file back, as from a hard link, leaves a seal that the mark does not have. Where there is
 * no mark, or a file system distinguishes files by nothing but the inode, which it uses again, the
 * time of change decides. */
static bool is_newest(const struct header *h, const struct identity *file, const struct stat *st,
		      const struct mark *m)
{
	if (h->file.inode != file->inode || h->file.born_unix_ns != file->born_unix_ns ||
	    h->file.generation != file->generation)
		return false;
	if (!m->magic || (!file->born_unix_ns && !file->generation))
		return !is_touched(h, st);
	return h->seal == m->newest || h->seal == m->before;
}

static enum state_verdict judge(const struct state *s, const struct header *h,
				const struct identity *file, const struct stat *st,
				const struct mark *m, const void *blob, size_t len)
{
	if (h->magic != MAGIC || h->version != VERSION || h->len != len ||
	    h->checksum != hash(&no_key, h, blob, len))
		return STATE_CORRUPT;
	if (h->machine != s->machine || h->seal != hash(&s->key, h, blob, len))
		return STATE_FOREIGN;
	return is_newest(h, file, st, m) ? STATE_SOUND : STATE_OLDER;
}

/* Something that is no regular file and cannot be opened as one counts as damage. Every other error
 * is returned. */
static int verdict_on_error(int err, enum state_verdict *verdict)
{
	if (err == ENOENT)
		*verdict = STATE_MISSING;
	else if (err == ELOOP || err == ENXIO || err == ENODEV)
		*verdict = STATE_CORRUPT;
	else
		return -err;
	return 0;
}

int state_load(struct state *s, void *blob, size_t len, enum state_verdict *verdict)
{
	int fd = openat(s->dir, NAME, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	unsigned char *bytes = NULL;
	struct identity file = {0};
	struct header h;
	struct mark mark;
	struct stat st;
	int err;

	if (fd < 0)
		return verdict_on_error(errno, verdict);
	*verdict = STATE_CORRUPT;
	err = fstat(fd, &st) ? -errno : 0;
	if (err || !S_ISREG(st.st_mode) || (size_t)st.st_size != sizeof(h) + len)
		goto out;
	bytes = malloc(len);
	err = bytes ? identify(fd, &file) : -ENOMEM;
	if (!err)
		err = read_mark(s, &mark);
	if (!err)
		err = read_all(fd, &h, sizeof(h));
	if (!err)
		err = read_all(fd, bytes, len);
	if (!err)
		*verdict = judge(s, &h, &file, &st, &mark, bytes, len);
	else if (err == -EPIPE)
		err = 0; /* somebody truncated it meanwhile */
	if (!err && *verdict == STATE_SOUND) {
		memcpy(blob, bytes, len);
		s->in_place = h.seal;
	}
out:
	if (bytes)
		explicit_bzero(bytes, len);
	free(bytes);
	close(fd);
	return err;
}

int state_set_aside(struct state *s)
{
	return renameat(s->dir, NAME, s->dir, OLD_NAME) ? -errno : 0;
}

/* --- save --------------------------------------------------------------------------------------
 */

static int write_all(int fd, const void *buf, size_t len)
{
	const char *at = buf;

	while (len) {
		ssize_t n = write(fd, at, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -EIO;
		at += n;
		len -= (size_t)n;
	}
	return 0;
}

/* 0 or -errno. */
static int write_mark(const struct state *s, uint64_t newest, uint64_t before)
{
	const struct mark m = {MARK_MAGIC, newest, before};
	ssize_t n = pwrite(s->lock, &m, sizeof(m), 0);

	if (n != sizeof(m))
		return n < 0 ? -errno : -EIO;
	return 0;
}

/* *SEAL is the file's. 0 or -errno. */
static int write_file(const struct state *s, int fd, const void *blob, size_t len, uint64_t *seal)
{
	struct header h = {.magic = MAGIC, .version = VERSION, .len = len, .machine = s->machine};
	int err = identify(fd, &h.file);

	if (err)
		return err;
	h.written_unix_ns = clock_wall_ns();
	h.checksum = hash(&no_key, &h, blob, len);
	*seal = h.seal = hash(&s->key, &h, blob, len);
	err = write_all(fd, &h, sizeof(h));
	if (!err)
		err = write_all(fd, blob, len);
	if (!err && fsync(fd))
		err = -errno;
	/* A file that took so long would look like a copy that was put back. The next attempt has a
	 * new time. */
	if (!err && (int64_t)(clock_wall_ns() - h.written_unix_ns) > WRITE_MAX_S * NS_PER_S)
		err = -ETIMEDOUT;
	return err;
}

/* Puts the new file in the place of the old one. From the first mark on either is the newest; from
 * the second on only the new one. After a crash between them, the next save ends that. */
static int replace(struct state *s, uint64_t seal)
{
	int err = write_mark(s, seal, s->in_place);

	if (!err && fdatasync(s->lock))
		err = -errno;
	if (!err && renameat(s->dir, NEW_NAME, s->dir, NAME))
		err = -errno;
	if (err)
		return err;
	s->in_place = seal;
	if (fsync(s->dir))
		return -errno;
	return write_mark(s, seal, 0);
}

int state_save(struct state *s, const void *blob, size_t len)
{
	uint64_t seal = 0;
	int fd, err;

	/* A process that was killed may have left one. */
	unlinkat(s->dir, NEW_NAME, 0);
	fd = openat(s->dir, NEW_NAME, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	err = write_file(s, fd, blob, len, &seal);
	if (close(fd) && !err)
		err = -errno;
	if (!err)
		err = replace(s, seal);
	if (err)
		unlinkat(s->dir, NEW_NAME, 0); /* if it is still there */
	return err;
}
