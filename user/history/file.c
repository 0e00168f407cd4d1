/* SPDX-License-Identifier: Apache-2.0 */
/* file.c - opens the history's file, judges whether it can be used, and sets it aside if not. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "history/file.h"
#include "base/log.h"

#define STAGE "history"

void history_file_close(struct history *h)
{
	for (int i = 0; i < 2; i++) {
		sqlite3_finalize(h->add[i]);
		sqlite3_finalize(h->prune[i]);
		sqlite3_finalize(h->points[i]);
		h->add[i] = h->prune[i] = h->points[i] = NULL;
	}
	sqlite3_finalize(h->set);
	sqlite3_finalize(h->since);
	h->set = h->since = NULL;
	sqlite3_close(h->db);
	h->db = NULL;
}

static int64_t pragma(sqlite3 *db, const char *sql, int *rc)
{
	sqlite3_stmt *s = NULL;
	int64_t value = -1;

	*rc = sqlite3_prepare_v2(db, sql, -1, &s, NULL);
	if (*rc == SQLITE_OK) {
		*rc = sqlite3_step(s);
		if (*rc == SQLITE_ROW) {
			value = sqlite3_column_int64(s, 0);
			*rc = SQLITE_OK;
		}
	}
	sqlite3_finalize(s);
	return value;
}

/* SQLITE_CORRUPT when the file says of itself that it is damaged. */
static int check_whole(sqlite3 *db)
{
	sqlite3_stmt *s = NULL;
	int rc = sqlite3_prepare_v2(db, "PRAGMA quick_check(1)", -1, &s, NULL);
	const char *text = NULL;

	if (rc == SQLITE_OK)
		rc = sqlite3_step(s);
	if (rc == SQLITE_ROW) {
		text = (const char *)sqlite3_column_text(s, 0);
		rc = !text ? SQLITE_NOMEM : strcmp(text, "ok") != 0 ? SQLITE_CORRUPT : SQLITE_OK;
	}
	sqlite3_finalize(s);
	return rc;
}

enum verdict { VERDICT_OURS, VERDICT_EMPTY, VERDICT_CORRUPT, VERDICT_FOREIGN, VERDICT_FAILED };

static enum verdict judge(sqlite3 *db, int *result)
{
	int rc;
	int64_t application = pragma(db, "PRAGMA application_id", &rc), layout = 0, tables = 0;

	if (rc == SQLITE_OK)
		tables = pragma(db, "SELECT COUNT(*) FROM sqlite_schema", &rc);
	if (rc == SQLITE_OK)
		layout = pragma(db, "PRAGMA user_version", &rc);
	if (rc == SQLITE_OK && application == HISTORY_APPLICATION && layout == HISTORY_LAYOUT)
		rc = check_whole(db);
	*result = rc;
	if (rc == SQLITE_NOTADB || rc == SQLITE_CORRUPT)
		return VERDICT_CORRUPT;
	if (rc != SQLITE_OK) /* of the machine, not of the file: it is tried again */
		return VERDICT_FAILED;
	if (!application && !tables)
		return VERDICT_EMPTY;
	return application == HISTORY_APPLICATION && layout == HISTORY_LAYOUT ? VERDICT_OURS
									      : VERDICT_FOREIGN;
}

static int prepare(struct history *h)
{
	char sql[HISTORY_SQL_MAX];
	int rc = SQLITE_OK;

	for (int i = 0; i < 2 && rc == SQLITE_OK; i++) {
		history_sql_add(sql, (enum history_table)i);
		rc = sqlite3_prepare_v2(h->db, sql, -1, &h->add[i], NULL);
		history_sql_prune(sql, (enum history_table)i);
		if (rc == SQLITE_OK)
			rc = sqlite3_prepare_v2(h->db, sql, -1, &h->prune[i], NULL);
		history_sql_points(sql, (enum history_table)i);
		if (rc == SQLITE_OK)
			rc = sqlite3_prepare_v2(h->db, sql, -1, &h->points[i], NULL);
	}
	history_sql_set(sql);
	if (rc == SQLITE_OK)
		rc = sqlite3_prepare_v2(h->db, sql, -1, &h->set, NULL);
	history_sql_since(sql);
	if (rc == SQLITE_OK)
		rc = sqlite3_prepare_v2(h->db, sql, -1, &h->since, NULL);
	return rc;
}

static int load_last(struct history *h)
{
	char sql[HISTORY_SQL_MAX];
	sqlite3_stmt *s = NULL;
	int rc;

	history_sql_last(sql);
	rc = sqlite3_prepare_v2(h->db, sql, -1, &s, NULL);
	while (rc == SQLITE_OK && sqlite3_step(s) == SQLITE_ROW) {
		int64_t view = sqlite3_column_int64(s, 0);
		struct last *last;

		/* A snapshot that is known already is newer: the file was set aside and this one is
		 * a new one. */
		if (view < 0 || view >= HISTORY_VIEWS || h->last[view].known)
			continue;
		last = &h->last[view];
		last->known = true;
		last->start_ns = (uint64_t)sqlite3_column_int64(s, 1);
		for (int i = 0; i < HISTORY_FIGURES; i++)
			last->figures[i] = sqlite3_column_int64(s, i + 2);
		last->value_variance = sqlite3_column_double(s, HISTORY_FIGURES + 2);
	}
	sqlite3_finalize(s);
	return rc;
}

static void remember_file(struct history *h)
{
	struct stat st = {0};

	if (stat(h->path, &st))
		st.st_ino = 0;
	h->dev = st.st_dev;
	h->ino = st.st_ino;
}

bool history_file_is_gone(const struct history *h)
{
	struct stat st;

	if (stat(h->path, &st))
		return errno == ENOENT;
	return st.st_dev != h->dev || st.st_ino != h->ino;
}

/* Uses a write-ahead log. With exclusive locking it needs no file in shared memory. The single
 * writer syncs seldom: a power cut loses the last minutes, never the rest. */
static int open_file(struct history *h, bool in_memory, enum verdict *verdict)
{
	const char *name = in_memory ? ":memory:" : h->path;
	int rc, fd = -1;

	*verdict = VERDICT_FAILED;
	/* SQLite itself would make the file readable by everybody. */
	if (!in_memory)
		fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (!in_memory && fd < 0)
		return SQLITE_CANTOPEN;
	if (fd >= 0)
		close(fd);
	rc = sqlite3_open_v2(name, &h->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(h->db, "PRAGMA locking_mode=EXCLUSIVE", NULL, NULL, NULL);
	if (rc != SQLITE_OK)
		return rc;
	*verdict = judge(h->db, &rc);
	if (*verdict != VERDICT_OURS && *verdict != VERDICT_EMPTY)
		return rc == SQLITE_OK ? SQLITE_CORRUPT : rc;
	rc = sqlite3_exec(h->db,
			  "PRAGMA journal_mode=WAL;PRAGMA synchronous=NORMAL;"
			  "PRAGMA wal_autocheckpoint=256;PRAGMA journal_size_limit=1048576;"
			  "PRAGMA cache_size=-512;PRAGMA temp_store=MEMORY",
			  NULL, NULL, NULL);
	if (rc == SQLITE_OK)
		rc = history_schema_make(h->db);
	if (rc == SQLITE_OK)
		rc = prepare(h);
	if (rc == SQLITE_OK)
		rc = load_last(h);
	if (rc == SQLITE_OK && !in_memory)
		remember_file(h);
	if (rc != SQLITE_OK)
		*verdict = rc == SQLITE_CORRUPT ? VERDICT_CORRUPT : VERDICT_FAILED;
	return rc;
}

void history_note(struct history *h, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(h->stats.trouble, sizeof(h->stats.trouble), format, args);
	va_end(args);
	log_warn(STAGE, "%s", h->stats.trouble);
}

/* Only one file is kept aside, so that broken files do not fill the disk. */
int history_file_set_aside(struct history *h, bool foreign)
{
	char aside[PATH_MAX], log[PATH_MAX];
	size_t dir_len = strlen(h->path) - strlen(HISTORY_FILE);

	snprintf(aside, sizeof(aside), "%.*s" HISTORY_ASIDE, (int)dir_len, h->path);
	if (foreign)
		h->stats.foreign++;
	else
		h->stats.corrupt++;
	if (rename(h->path, aside)) {
		history_note(h, "%s is %s and cannot be set aside: %s; move it away", h->path,
			     foreign ? "not telltale's" : "damaged", strerror(errno));
		return -errno;
	}
	/* These belong to the file that was set aside; SQLite would take them for the new
	 * file's. */
	snprintf(log, sizeof(log), "%.*s" HISTORY_FILE "-wal", (int)dir_len, h->path);
	unlink(log);
	snprintf(log, sizeof(log), "%.*s" HISTORY_FILE "-shm", (int)dir_len, h->path);
	unlink(log);
	history_note(h, "%s was %s and is now %s; the history begins anew", h->path,
		     foreign ? "not telltale's, or another version's" : "damaged", aside);
	return 0;
}

/* Opens the file; sets one that cannot be used aside and begins a new one. */
static int open_or_begin(struct history *h, enum verdict *verdict)
{
	int rc = open_file(h, false, verdict);

	if (rc != SQLITE_OK && (*verdict == VERDICT_CORRUPT || *verdict == VERDICT_FOREIGN)) {
		history_file_close(h);
		if (!history_file_set_aside(h, *verdict == VERDICT_FOREIGN))
			rc = open_file(h, false, verdict);
	}
	if (rc != SQLITE_OK)
		history_file_close(h);
	return rc;
}

static void note_closed(struct history *h, enum verdict verdict, int rc)
{
	if (!h->stats.trouble[0] || verdict == VERDICT_FAILED)
		history_note(h,
			     "cannot open %s: %s; figures are kept in memory, and opening is tried "
			     "again each minute",
			     h->path,
			     rc == SQLITE_BUSY ? "another program has it open, such as a second "
						 "telltale with this state_dir"
					       : sqlite3_errstr(rc));
	/* A file that cannot even be set aside stays in the way, so it is not tried again. */
	if (verdict != VERDICT_FAILED)
		h->path[0] = '\0';
}

int history_file_open(struct history *h)
{
	enum verdict verdict;
	int rc = h->path[0] ? open_or_begin(h, &verdict) : SQLITE_OK;

	h->stats.kept = h->path[0] && rc == SQLITE_OK;
	if (h->stats.kept)
		return 0;
	if (rc != SQLITE_OK) {
		note_closed(h, verdict, rc);
		h->stats.unsaved++;
	}
	return open_file(h, true, &verdict) == SQLITE_OK ? 0 : -ENOMEM;
}

/* Nothing is copied from memory. When the file's last snapshot is of another run, or there is none,
 * the next snapshot is compared with the base, so its rise contains all that was counted
 * meanwhile. */
void history_file_again(struct history *h)
{
	struct history memory = *h;
	enum verdict verdict;
	int rc;

	h->db = NULL;
	h->set = h->since = NULL;
	memset(h->add, 0, sizeof(h->add));
	memset(h->prune, 0, sizeof(h->prune));
	memset(h->points, 0, sizeof(h->points));
	memset(h->last, 0, sizeof(h->last));
	rc = open_or_begin(h, &verdict);
	if (rc != SQLITE_OK) {
		memory.stats = h->stats;
		*h = memory;
		h->stats.unsaved++;
		return;
	}
	for (int v = 0; v < HISTORY_VIEWS; v++) {
		if (!h->last[v].known)
			h->last[v] = h->base[v];
	}
	history_file_close(&memory);
	memset(h->pruned_s, 0, sizeof(h->pruned_s));
	h->stats.kept = true;
	h->stats.trouble[0] = '\0';
	log_info(STAGE, "%s can be opened now: nothing was lost", h->path);
}
