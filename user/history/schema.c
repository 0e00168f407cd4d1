/* SPDX-License-Identifier: Apache-2.0 */
/* schema.c - the tables of the history's file, and the SQL statements. */
#include "history/file.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *const history_tables[HISTORY_TABLES] = {"minutes", "hours", "last"};

#define TIMES(n) [HISTORY_PAY_TIMES + (n)] = {METRIC_PAY_TIME, NULL, NULL, "pay_time." #n, NULL}
#define OUTCOME(id, label, loss, brief, ...)                                                       \
	[HISTORY_OUTCOMES + OUTCOME_##id - 1] = {METRIC_OUTCOMES, label, NULL, "outcome." label,   \
						 brief},
#define GAP(id, label, loss, brief, ...)                                                           \
	[HISTORY_GAPS + RECORD_GAP_##id - 1] = {METRIC_GAPS, label, NULL, "gap." label, brief},
#define OPAQUE(id, label, loss, brief, ...)                                                        \
	[HISTORY_OPAQUE + OPAQUE_##id] = {METRIC_OPAQUE, label, NULL, "opaque." label, brief},
#define FIGURE(id, metric, column, brief, ...)                                                     \
	[HISTORY_##id] = {METRIC_##metric, NULL, NULL, column, brief},

const struct history_figure_info history_figures[HISTORY_FIGURES] = {
	[HISTORY_COVERED_MS] = {METRICS_LEN, NULL, NULL, "covered_ms", NULL},
	[HISTORY_TRANSACTIONS] = {METRIC_TRANSACTIONS, NULL, NULL, "transactions", NULL},
	[HISTORY_VALUE] = {METRIC_AMOUNT_BY_ORIGIN, "originated", NULL, "value", NULL},
	[HISTORY_PUBLISHED] = {METRIC_AMOUNT_FULFILL, NULL, NULL, "published", NULL},
	[HISTORY_PREPARED] = {METRIC_PACKET_PREPARE, NULL, NULL, "prepared", NULL},
	[HISTORY_FULFILLED] = {METRIC_PACKET_FULFILL, NULL, NULL, "fulfilled", NULL},
	[HISTORY_REJECTED] = {METRIC_PACKET_REJECT, NULL, NULL, "rejected", NULL},
	[HISTORY_PROBES] = {METRIC_PACKETS, "prepare", "probe", "probes", NULL},
	TIMES(0),
	TIMES(1),
	TIMES(2),
	TIMES(3),
	TIMES(4),
	TIMES(5),
	TIMES(6),
	TIMES(7),
	TIMES(8),
	TIMES(9),
	TIMES(10),
	TIMES(11),
	TIMES(12),
	TIMES(13),
	TIMES(14),
	TIMES(15),
	/* clang-format off */
	OUTCOME_WORDS(OUTCOME)
	GAP_WORDS(GAP)
	OPAQUE_WORDS(OPAQUE)
	FIGURE_WORDS(FIGURE)
	/* clang-format on */
};

_Static_assert(HISTORY_TIMES_LEN == 16, "TIMES lists every bucket");

const struct history_window_info history_windows[HISTORY_WINDOWS] = {
	[HISTORY_HOUR] = {.name = "hour", .length_s = 3600, .row_s = 60, .step_s = 60},
	[HISTORY_DAY] = {.name = "day", .length_s = 86400, .row_s = 60, .step_s = 600},
	[HISTORY_WEEK] = {.name = "week", .length_s = 604800, .row_s = 3600, .step_s = 3600},
	[HISTORY_MONTH] = {.name = "month", .length_s = 2592000, .row_s = 3600, .step_s = 14400},
	[HISTORY_YEAR] = {.name = "year", .length_s = 31536000, .row_s = 3600, .step_s = 86400},
};

/* --- statements --------------------------------------------------------------------------------
 */

static const char *column(size_t i)
{
	static const char *const noise[] = {"noise_value", "noise_count", "noise_packets",
					    "noise_times"};

	return i < HISTORY_FIGURES ? history_figures[i].column : noise[i - HISTORY_FIGURES];
}

static const char *column_type(size_t i)
{
	return i < HISTORY_FIGURES ? "INTEGER" : "REAL";
}

struct text {
	char *at;
	size_t room;
};

static void put(struct text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* HISTORY_SQL_MAX is three times the length of the longest statement. */
static void put(struct text *t, const char *format, ...)
{
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(t->at, t->room, format, args);
	va_end(args);
	if (len > 0 && (size_t)len < t->room) {
		t->at += len;
		t->room -= (size_t)len;
	}
}

/* Writes FORMAT, which takes a column's name once, for every column, with commas between. */
#define PUT_COLUMNS(t, format)                                                                     \
	do {                                                                                       \
		for (size_t i_ = 0; i_ < HISTORY_COLUMNS; i_++)                                    \
			put(t, "%s" format, i_ ? "," : "", column(i_));                            \
	} while (0)

static void put_insert(struct text *t, const char *verb, enum history_table table)
{
	put(t, "%s INTO %s(view,at,", verb, history_tables[table]);
	PUT_COLUMNS(t, "\"%s\"");
	put(t, ") VALUES(?,?");
	for (size_t i = 0; i < HISTORY_COLUMNS; i++)
		put(t, ",?");
	put(t, ")");
}

void history_sql_add(char *sql, enum history_table table)
{
	struct text t = {sql, HISTORY_SQL_MAX};

	put_insert(&t, "INSERT", table);
	put(&t, " ON CONFLICT(view,at) DO UPDATE SET ");
	for (size_t i = 0; i < HISTORY_COLUMNS; i++)
		put(&t, "%s\"%s\"=\"%s\"+excluded.\"%s\"", i ? "," : "", column(i), column(i),
		    column(i));
}

void history_sql_set(char *sql)
{
	struct text t = {sql, HISTORY_SQL_MAX};

	put_insert(&t, "REPLACE", HISTORY_TABLE_LAST);
}

void history_sql_last(char *sql)
{
	struct text t = {sql, HISTORY_SQL_MAX};

	put(&t, "SELECT view,at,");
	PUT_COLUMNS(&t, "\"%s\"");
	put(&t, " FROM %s", history_tables[HISTORY_TABLE_LAST]);
}

void history_sql_points(char *sql, enum history_table table)
{
	struct text t = {sql, HISTORY_SQL_MAX};

	put(&t, "SELECT at/?4*?4 AS step,");
	PUT_COLUMNS(&t, "SUM(\"%s\")");
	put(&t, " FROM %s WHERE view=?1 AND at BETWEEN ?2 AND ?3 GROUP BY step ORDER BY step",
	    history_tables[table]);
}

void history_sql_prune(char *sql, enum history_table table)
{
	struct text t = {sql, HISTORY_SQL_MAX};

	put(&t,
	    "DELETE FROM %s WHERE view=?1 AND at IN ("
	    "SELECT at FROM (SELECT at FROM %s WHERE view=?1 AND at<=?3"
	    " ORDER BY at DESC LIMIT -1 OFFSET ?2) UNION ALL "
	    "SELECT at FROM (SELECT at FROM %s WHERE view=?1 AND at>?3"
	    " ORDER BY at DESC LIMIT -1 OFFSET ?2))",
	    history_tables[table], history_tables[table], history_tables[table]);
}

void history_sql_since(char *sql)
{
	struct text t = {sql, HISTORY_SQL_MAX};

	put(&t, "SELECT MIN(at) FROM %s WHERE view=%d AND at BETWEEN ?1 AND ?2",
	    history_tables[HISTORY_TABLE_HOURS], HISTORY_OWN);
}

/* --- making it ---------------------------------------------------------------------------------
 */

static int make_table(sqlite3 *db, enum history_table table)
{
	char sql[HISTORY_SQL_MAX];
	struct text t = {sql, sizeof(sql)};

	put(&t, "CREATE TABLE IF NOT EXISTS %s(view INTEGER NOT NULL,at INTEGER NOT NULL",
	    history_tables[table]);
	for (size_t i = 0; i < HISTORY_COLUMNS; i++)
		put(&t, ",\"%s\" %s NOT NULL DEFAULT 0", column(i), column_type(i));
	put(&t, ",PRIMARY KEY(view%s)) WITHOUT ROWID", table == HISTORY_TABLE_LAST ? "" : ",at");
	return sqlite3_exec(db, sql, NULL, NULL, NULL);
}

static bool has_column(sqlite3 *db, enum history_table table, const char *name)
{
	return sqlite3_table_column_metadata(db, NULL, history_tables[table], name, NULL, NULL,
					     NULL, NULL, NULL) == SQLITE_OK;
}

static int add_columns(sqlite3 *db, enum history_table table)
{
	char sql[256];
	int rc = SQLITE_OK;

	for (size_t i = 0; i < HISTORY_COLUMNS && rc == SQLITE_OK; i++) {
		if (has_column(db, table, column(i)))
			continue;
		snprintf(sql, sizeof(sql), "ALTER TABLE %s ADD COLUMN \"%s\" %s NOT NULL DEFAULT 0",
			 history_tables[table], column(i), column_type(i));
		rc = sqlite3_exec(db, sql, NULL, NULL, NULL);
	}
	return rc;
}

int history_schema_make(sqlite3 *db)
{
	char sql[96];
	int rc = sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL);

	snprintf(sql, sizeof(sql), "PRAGMA application_id=%d;PRAGMA user_version=%d",
		 HISTORY_APPLICATION, HISTORY_LAYOUT);
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(db, sql, NULL, NULL, NULL);
	for (int table = 0; table < HISTORY_TABLES && rc == SQLITE_OK; table++) {
		rc = make_table(db, (enum history_table)table);
		if (rc == SQLITE_OK)
			rc = add_columns(db, (enum history_table)table);
	}
	if (rc == SQLITE_OK)
		return sqlite3_exec(db, "COMMIT", NULL, NULL, NULL);
	sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
	return rc;
}
