/* SPDX-License-Identifier: Apache-2.0 */
/*
 * file.h - what the files of the history share. history.c takes snapshots and adds them up again,
 * file.c opens the file and sets it aside, schema.c has the tables.
 */
#ifndef TELLTALE_HISTORY_IMPL_H
#define TELLTALE_HISTORY_IMPL_H

#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>
#include <stdint.h>

#include <sqlite3.h>

#include "history/history.h"

/* The last snapshot of a view, as cumulative figures. */
struct last {
	bool known;
	uint64_t start_ns;
	int64_t figures[HISTORY_FIGURES];
	double value_variance;
};

struct history {
	char path[PATH_MAX]; /* empty: no file is wanted, or it cannot be used */
	const struct privacy_params *privacy;
	sqlite3 *db;
	sqlite3_stmt *add[2]; /* to the minutes, to the hours */
	sqlite3_stmt *prune[2];
	sqlite3_stmt *set;
	sqlite3_stmt *points[2];
	sqlite3_stmt *since;
	struct last last[HISTORY_VIEWS];
	/* While the file cannot be opened: the first snapshot since then. Once the file opens, the
	 * figures are counted from it. */
	struct last base[HISTORY_VIEWS];
	dev_t dev; /* of the file that is open */
	ino_t ino;
	int64_t tried_s; /* when opening was last tried, in whole minutes since 1970 */
	/* The sums up to the last snapshot, computed once for all readers. */
	struct history_sum sums[HISTORY_VIEWS][HISTORY_WINDOWS];
	bool summed[HISTORY_VIEWS][HISTORY_WINDOWS];
	int64_t now_s, since_s, pruned_s[HISTORY_VIEWS][2];
	bool failing; /* the failure was logged; cleared by a write that works */
	struct history_stats stats;
};

/* --- file.c --- */

/* Opens the file, sets one that cannot be used aside and begins a new one, or falls back to memory.
 * Reads the last snapshots that are not known yet. 0 or -ENOMEM; other errors are only noted. */
int history_file_open(struct history *h);
void history_file_close(struct history *h);
/* Tries to open the file again; the history in memory is then continued in it. */
void history_file_again(struct history *h);
/* Whether the file that is open is no longer at its path: it was removed, or another took its
 * place. */
bool history_file_is_gone(const struct history *h);
/* Renames the file, replacing one that was set aside before; 0 or -errno. */
int history_file_set_aside(struct history *h, bool foreign);
/* Logs a sentence and shows it on the page. */
void history_note(struct history *h, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* --- schema.c --- */

/* Stored in the file's head: whose file it is, and which layout it has. */
#define HISTORY_APPLICATION 0x74656c6c /* "tell" */
#define HISTORY_LAYOUT      3

enum history_table {
	HISTORY_TABLE_MINUTES,
	HISTORY_TABLE_HOURS,
	HISTORY_TABLE_LAST,
	HISTORY_TABLES
};

extern const char *const history_tables[HISTORY_TABLES];

/* The columns of a row beside its key, in order: the figures, then the variances of noise.h. The
 * last snapshot's only variance is that of its value. */
#define HISTORY_COLUMNS (HISTORY_FIGURES + 4)
#define HISTORY_SQL_MAX 8192

/* Makes tables that are missing, and columns that an older telltale did not have. Returns an SQLite
 * result. */
int history_schema_make(sqlite3 *db);

/* These write a statement into SQL (HISTORY_SQL_MAX bytes). Its parameters: 1 view, 2 at, then the
 * columns. `at` is when the minute or hour begins, in seconds; for the last snapshot it is the
 * snapshot's start, in ns. */
void history_sql_add(char *sql, enum history_table table); /* adds to the row, or inserts it */
void history_sql_set(char *sql);                           /* replaces the last snapshot */
/* All views' last snapshots: view, at, columns. */
void history_sql_last(char *sql);
/* Parameters: 1 view, 2 first, 3 last, 4 step in seconds. */
void history_sql_points(char *sql, enum history_table table);
/* The time of the earliest row. Parameters: 1 first, 2 last. */
void history_sql_since(char *sql);
/* Parameters: 1 view, 2 how many rows to keep up to now, and how many after now, 3 now. */
void history_sql_prune(char *sql, enum history_table table);

#endif
