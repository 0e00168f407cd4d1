/* SPDX-License-Identifier: Apache-2.0 */
#include "release/vocabulary.h"

#include <string.h>

#include "bpf/record.h"
#include "bpf/shared.h"

#define LOSS    true
#define NO_LOSS false

#define LEN(words)           (sizeof(words) / sizeof((words)[0]))
#define WORD(id, label, ...) {label, WORD_LOSS(__VA_ARGS__, )},
#define WORD_LOSS(loss, ...) loss
#define ONE(...)             +1

static const struct word outcomes[] = {OUTCOME_WORDS(WORD)}, losts[] = {LOST_WORDS(WORD)},
			 origins[] = {ORIGIN_WORDS(WORD)}, opaque[] = {OPAQUE_WORDS(WORD)},
			 evicted[] = {EVICTED_WORDS(WORD)}, state[] = {STATE_WORDS(WORD)},
			 history[] = {HISTORY_WORDS(WORD)}, kinds[] = {KIND_WORDS(WORD)},
			 streams[] = {STREAM_WORDS(WORD)}, operations[] = {OPERATION_WORDS(WORD)},
			 statuses[] = {STATUS_WORDS(WORD)}, documents[] = {DOCUMENT_WORDS(WORD)},
			 doubts[] = {DOUBT_WORDS(WORD)}, unvalued[] = {UNVALUED_WORDS(WORD)},
			 spread_unknown[] = {SPREAD_UNKNOWN_WORDS(WORD)},
			 peer_parts[] = {PEER_PART_WORDS(WORD)}, columns[] = {COLUMN_WORDS(WORD)},
			 splits[] = {SPLIT_WORDS(WORD)}, threads[] = {THREAD_WORDS(WORD)},
			 programs[] = {PROGRAM_WORDS(WORD)}, halves[] = {HALF_WORDS(WORD)},
			 records[] = {RECORD_WORDS(WORD) REFUSED_WORDS(WORD)};

#define SAME(id, ...) _Static_assert(RECORD_WORD_##id == RECORD_##id - 1, "a record's number");
RECORD_WORDS(SAME)
#undef SAME
_Static_assert(0 RECORD_WORDS(ONE) == RECORD_TYPES - 1, "a word for each type of record");

/* Those of the taps come first, as the kernel counts them. */
#define SAME(id, ...)                                                                              \
	_Static_assert((int)PROGRAM_##id == (int)SHARED_PROGRAM_##id, "a program's number");
#define SHARED_PROGRAM_CLOCKS SHARED_PROGRAMS
PROGRAM_WORDS(SAME)
#undef SAME

/* Each word is at the position of its number, whatever the order of the table. */
#define GAP(id, label, ...) [RECORD_GAP_##id - 1] = WORD(id, label, __VA_ARGS__)
static const struct word gaps[] = {GAP_WORDS(GAP)};

_Static_assert(0 GAP_WORDS(ONE) == RECORD_GAP_CAUSES && LEN(gaps) == RECORD_GAP_CAUSES,
	       "a word for each cause of a gap");

/* The codes of RFC 27; the last one stands for all others. */
static const struct word codes[] = {
	{.label = "F00"}, {.label = "F01"},   {.label = "F02"}, {.label = "F03"}, {.label = "F04"},
	{.label = "F05"}, {.label = "F06"},   {.label = "F07"}, {.label = "F08"}, {.label = "F99"},
	{.label = "T00"}, {.label = "T01"},   {.label = "T02"}, {.label = "T03"}, {.label = "T04"},
	{.label = "T05"}, {.label = "T99"},   {.label = "R00"}, {.label = "R01"}, {.label = "R02"},
	{.label = "R99"}, {.label = "other"},
};

const struct vocabulary vocabulary_outcomes = {"outcome", outcomes, LEN(outcomes)};
const struct vocabulary vocabulary_losts = {"cause", losts, LEN(losts)};
const struct vocabulary vocabulary_origins = {"origin", origins, LEN(origins)};
const struct vocabulary vocabulary_records = {"type", records, LEN(records)};
const struct vocabulary vocabulary_gaps = {"cause", gaps, LEN(gaps)};
const struct vocabulary vocabulary_opaque = {"reason", opaque, LEN(opaque)};
const struct vocabulary vocabulary_evicted = {"table", evicted, LEN(evicted)};
const struct vocabulary vocabulary_state = {"event", state, LEN(state)};
const struct vocabulary vocabulary_history = {"event", history, LEN(history)};
const struct vocabulary vocabulary_kinds = {"kind", kinds, LEN(kinds)};
const struct vocabulary vocabulary_streams = {"stream", streams, LEN(streams)};
const struct vocabulary vocabulary_operations = {"operation", operations, LEN(operations)};
const struct vocabulary vocabulary_statuses = {"status", statuses, LEN(statuses)};
const struct vocabulary vocabulary_documents = {"document", documents, LEN(documents)};
const struct vocabulary vocabulary_doubts = {"cause", doubts, LEN(doubts)};
const struct vocabulary vocabulary_unvalued = {"reason", unvalued, LEN(unvalued)};
const struct vocabulary vocabulary_spread_unknown = {"reason", spread_unknown, LEN(spread_unknown)};
const struct vocabulary vocabulary_peer_parts = {"part", peer_parts, LEN(peer_parts)};
const struct vocabulary vocabulary_columns = {"column", columns, LEN(columns)};
const struct vocabulary vocabulary_splits = {"split", splits, LEN(splits)};
const struct vocabulary vocabulary_threads = {"state", threads, LEN(threads)};
const struct vocabulary vocabulary_programs = {"program", programs, LEN(programs)};
const struct vocabulary vocabulary_halves = {"half", halves, LEN(halves)};
const struct vocabulary vocabulary_codes = {"code", codes, LEN(codes)};

unsigned vocabulary_code(const char *code)
{
	unsigned i = 0;

	while (i < LEN(codes) - 1 && strncmp(codes[i].label, code, 4) != 0)
		i++;
	return i;
}
