/* SPDX-License-Identifier: Apache-2.0 */
/*
 * seen.h - compares what was read in a conversation, natively or by the programs in the kernel,
 * with what its file expects. Also walks over all files, for both programs.
 */
#ifndef TELLTALE_TESTS_CONFORMANCE_SEEN_H
#define TELLTALE_TESTS_CONFORMANCE_SEEN_H

#include "load.h"
#include "release/words.h"

/* In the order in which files list them. */
enum seen_what { SEEN_MESSAGE, SEEN_RESET, SEEN_GAP, SEEN_OPAQUE };

struct seen {
	enum seen_what what;
	bool request;
	uint8_t kind;
	uint8_t why; /* enum record_gap_cause or record_opaque_reason */
	uint16_t status, flags;
	uint32_t stream, data_len;
	uint64_t amount, expires_at, destination, endpoint, token, request_id;
	char code[4];
};

static const char *const seen_kinds[] = {"none", "bad", [12] = "prepare", "fulfill", "reject"};
static const char *const seen_causes[] = {"",
#define WORD(id, label, ...) [RECORD_GAP_##id] = (label),
					  GAP_WORDS(WORD)
#undef WORD
};
static const char *const seen_flags[] = {[1] = "PEER", "CUT", "LONG", "TRAILING", [6] = "NAMELESS"};
static const char *const seen_reasons[] = {"", "tls", "http2", "upgraded"};

/* --- comparing ------------------------------------------------------------------------------- */

static inline const char *seen_name(const char *const *names, size_t len, unsigned i)
{
	return i < len && names[i] ? names[i] : "?";
}

#define seen_name_of(names, i) seen_name(names, sizeof(names) / sizeof((names)[0]), i)

/* How the message would have to be expected, in the words of a case, without what is known only as
 * a hash; valid until the next call.
 */
static inline const char *seen_print(const struct seen *s)
{
	static char text[200];
	int n;

	if (s->what != SEEN_MESSAGE) {
		const char *side = s->request ? "request" : "response";

		if (s->what == SEEN_RESET)
			snprintf(text, sizeof(text), "reset %u", s->stream);
		else if (s->what == SEEN_GAP)
			snprintf(text, sizeof(text), "gap %s %s", side,
				 seen_name_of(seen_causes, s->why));
		else
			snprintf(text, sizeof(text), "opaque %s",
				 seen_name_of(seen_reasons, s->why));
		return text;
	}
	n = snprintf(text, sizeof(text), "%s %u", s->request ? "request" : "response", s->stream);
	if (!s->request)
		n += snprintf(text + n, sizeof(text) - n, " %u", s->status);
	n += snprintf(text + n, sizeof(text) - n, " %s", seen_name_of(seen_kinds, s->kind));
	for (unsigned i = 1; i < sizeof(seen_flags) / sizeof(seen_flags[0]); i++)
		if (seen_flags[i] && s->flags & 1 << i)
			n += snprintf(text + n, sizeof(text) - n, " %s", seen_flags[i]);
	return text;
}

/* The end of the words that seen_print prints. */
static inline const char *seen_details(const char *expected)
{
	const char *at = expected, *blank;

	for (;; at = blank + 1) {
		size_t word = strcspn(at, " \n");

		if (memchr(at, '=', word))
			return at > expected ? at - 1 : at;
		blank = at + word;
		if (*blank != ' ')
			return blank;
	}
}

static inline bool seen_same_hash(const char *details, const char *name, uint64_t hash,
				  const struct siphash_key *key, uint8_t fold)
{
	const char *value = case_value(details, name, NULL);

	return !value || hash == (*value ? decode_hash(key, value, strlen(value), fold) : 0);
}

static inline bool seen_same_endpoint(const char *details, uint64_t endpoint)
{
	const char *host = case_value(details, "host", NULL);
	const char *path = case_value(details, "path", NULL);
	uint64_t h, p;

	if (!host || !path)
		return !host && !path;
	h = *host ? decode_hash(&decode_session_key, host, strlen(host), 0x20) : 0;
	p = decode_hash(&decode_session_key, path, strlen(path), 0);
	return endpoint == (h ^ (p << 1 | p >> 63));
}

/* Whether S is what LINE expects. Details that LINE does not name may be anything. */
static inline bool seen_is(const struct kase *k, const char *line, const struct seen *s)
{
	const char *expected = line + strspn(line, "= "), *details = seen_details(expected);
	const char *text = seen_print(s);
	const char *code = case_value(details, "code", NULL);

	if (strlen(text) != (size_t)(details - expected) ||
	    memcmp(text, expected, strlen(text)) != 0)
		return false;
	if (s->what != SEEN_MESSAGE || *details != ' ')
		return true;
	details++;
	return case_number(k, details, "amount", s->amount) == s->amount &&
	       case_number(k, details, "data", s->data_len) == s->data_len &&
	       case_number(k, details, "expires", s->expires_at) == s->expires_at &&
	       (!code || !strcmp(code, s->code)) &&
	       seen_same_hash(details, "destination", s->destination, &decode_session_key, 0) &&
	       seen_same_hash(details, "token", s->token, &decode_host_key, 0) &&
	       seen_same_hash(details, "id", s->request_id, &decode_session_key, 0x20) &&
	       (!s->request || seen_same_endpoint(details, s->endpoint));
}

/* Compares SEEN with what K expects and prints each difference after WHERE. True when there is
 * none. */
static inline bool seen_check(const struct kase *k, const struct seen *seen, size_t len,
			      const char *where)
{
	bool same = len == k->expected_len;

	for (size_t i = 0; same && i < len; i++)
		same = seen_is(k, k->expected[i], &seen[i]);
	if (same)
		return true;
	printf("# %s, %s: expected\n", k->path, where);
	for (size_t i = 0; i < k->expected_len; i++)
		printf("#   %.*s\n", (int)strcspn(k->expected[i], "\n"), k->expected[i]);
	printf("# and read\n");
	for (size_t i = 0; i < len; i++) {
		printf("#   = %s", seen_print(&seen[i]));
		if (seen[i].what == SEEN_MESSAGE && seen[i].kind == RECORD_KIND_PREPARE)
			printf(" amount=%" PRIu64, seen[i].amount);
		if (seen[i].what == SEEN_MESSAGE && seen[i].kind == RECORD_KIND_REJECT)
			printf(" code=%s", seen[i].code);
		printf("%s\n", i < k->expected_len && !seen_is(k, k->expected[i], &seen[i])
				       ? "   <- differs, perhaps in what is hashed"
				       : "");
	}
	return false;
}

/* --- all files ------------------------------------------------------------------------------- */

/* Whether segment I of K may be cut at CUT. After a loss, reading continues where a piece begins
 * with a message, so a cut at such a place would be another case. */
static inline bool seen_may_cut(const struct kase *k, size_t i, size_t cut)
{
	size_t len = k->segments[i].len - cut;
	uint64_t word = 0;

	if (k->http2)
		return !k->gaps;
	memcpy(&word, k->bytes + k->segments[i].from + cut, len < 8 ? len : 8);
	return !k->gaps || !(http1_begins(word, (__u32)len) || http1_opens(word, (__u32)len));
}

/* Loads each of the N files into *K and calls REPLAY, which returns whether everything was as
 * expected. Prints TAP, with PREFIX before each title. Returns the exit status. */
static inline int seen_run(struct kase *k, char **files, int n, const char *prefix,
			   bool (*replay)(void))
{
	int failed = 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("1..%d\n", n);
	for (int i = 0; i < n; i++) {
		bool ok;

		case_load(k, files[i]);
		ok = replay();
		printf("%sok %d - %s%s\n", ok ? "" : "not ", i + 1, prefix, k->title);
		failed += !ok;
	}
	free(k->text);
	return failed > 0;
}

#endif
