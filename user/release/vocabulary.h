/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vocabulary.h - the vocabularies of words.h in C: the values that a metric's label can have, in
 * the order of the metric's series.
 *
 * The numbers of record.h, enum outcome and enum lost begin at 1, so a word's position is the
 * number minus one. In every other vocabulary the position is the constant itself.
 */
#ifndef TELLTALE_VOCABULARY_H
#define TELLTALE_VOCABULARY_H

#include <stdbool.h>
#include <stddef.h>

#include "release/words.h"

struct word {
	const char *label;
	bool loss; /* what is counted under this label is missing in the totals */
};

struct vocabulary {
	const char *key; /* the label's key */
	const struct word *words;
	size_t len;
};

extern const struct vocabulary vocabulary_outcomes, vocabulary_losts, vocabulary_origins,
	vocabulary_records, vocabulary_gaps, vocabulary_opaque, vocabulary_evicted,
	vocabulary_state, vocabulary_history, vocabulary_kinds, vocabulary_streams,
	vocabulary_operations, vocabulary_statuses, vocabulary_documents, vocabulary_codes,
	vocabulary_doubts, vocabulary_unvalued, vocabulary_spread_unknown, vocabulary_peer_parts,
	vocabulary_columns, vocabulary_splits, vocabulary_threads, vocabulary_programs,
	vocabulary_halves;

/* The position of a Reject's CODE among RFC 27's, or of the word for all others. */
unsigned vocabulary_code(const char *code);

/* The record types, then the kinds of refused records. */
enum record_word {
#define WORD(id, ...) RECORD_WORD_##id,
	RECORD_WORDS(WORD) REFUSED_WORDS(WORD)
#undef WORD
		RECORD_WORDS_LEN
};

enum opaque_reason {
#define WORD(id, ...) OPAQUE_##id,
	OPAQUE_WORDS(WORD)
#undef WORD
		OPAQUE_REASONS
};

enum evicted_table {
#define WORD(id, ...) EVICTED_##id,
	EVICTED_WORDS(WORD)
#undef WORD
		EVICTED_TABLES
};

enum state_event {
#define WORD(id, ...) STATE_EVENT_##id,
	STATE_WORDS(WORD)
#undef WORD
		STATE_EVENTS
};

enum history_event {
#define WORD(id, ...) HISTORY_EVENT_##id,
	HISTORY_WORDS(WORD)
#undef WORD
		HISTORY_EVENTS
};

/* These are used only where they are counted. */
enum {
#define WORD(id, ...) KIND_##id,
	KIND_WORDS(WORD)
#undef WORD
};
enum {
#define WORD(id, ...) STREAM_##id,
	STREAM_WORDS(WORD)
#undef WORD
		STREAMS
};
enum {
#define WORD(id, ...) OPERATION_##id,
	OPERATION_WORDS(WORD)
#undef WORD
		OPERATIONS
};
enum {
#define WORD(id, ...) UNVALUED_##id,
	UNVALUED_WORDS(WORD)
#undef WORD
		UNVALUED_REASONS
};
enum {
#define WORD(id, ...) SPREAD_UNKNOWN_##id,
	SPREAD_UNKNOWN_WORDS(WORD)
#undef WORD
		SPREAD_UNKNOWN_REASONS
};
enum {
#define WORD(id, ...) STATUS_##id,
	STATUS_WORDS(WORD)
#undef WORD
};
enum {
#define WORD(id, ...) DOCUMENT_##id,
	DOCUMENT_WORDS(WORD)
#undef WORD
		DOCUMENTS
};
enum {
#define WORD(id, ...) PEER_PART_##id,
	PEER_PART_WORDS(WORD)
#undef WORD
		PEER_PARTS
};
enum {
#define WORD(id, ...) COLUMN_##id,
	COLUMN_WORDS(WORD)
#undef WORD
		COLUMNS
};
enum {
#define WORD(id, ...) THREAD_##id,
	THREAD_WORDS(WORD)
#undef WORD
		THREADS
};
enum {
#define WORD(id, ...) PROGRAM_##id,
	PROGRAM_WORDS(WORD)
#undef WORD
		PROGRAMS
};
enum {
#define WORD(id, ...) HALF_##id,
	HALF_WORDS(WORD)
#undef WORD
};

#endif
