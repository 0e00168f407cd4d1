/* SPDX-License-Identifier: Apache-2.0 */
/* Heads that are repeated on one connection, and heads that differ a little from the one before. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs the four above, in this order. */
#include <cmocka.h>

#include "tests/unit/support/conversation.h"

static struct conversation c;
static struct decode whole, parts;

/* Reads C with each turn in one piece, or byte by byte; in the latter case no head can be
 * recognised. Ends where something cannot be read: where reading begins again depends on the
 * pieces.
 */
static void tell(struct decode *d, bool bytes)
{
	decode_init(d, 0xff);
	d->flow.sides[FLOW_IN].http1.phase = d->flow.sides[FLOW_OUT].http1.phase = PHASE_START;
	for (size_t i = 0; i < c.turns_len; i++) {
		const struct turn *t = &c.turns[i];
		enum flow_direction dir = conversation_dir(t->who, true);
		size_t piece = bytes ? 1 : t->len;

		for (size_t at = 0; at < t->len && !d->gaps[RECORD_GAP_HTTP]; at += piece)
			decode_feed(d, dir, c.bytes + t->from + at, piece);
	}
}

static bool reads_the_same(void)
{
	tell(&whole, false);
	tell(&parts, true);
	c.turns_len = c.len = 0;
	return decode_same(&whole, &parts) &&
	       whole.gaps[RECORD_GAP_HTTP] == parts.gaps[RECORD_GAP_HTTP];
}

static void a_repeated_head_is_read_the_same(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		ask_prepare(&c, 1000);
		answer_fulfill(&c);
	}
	assert_true(reads_the_same());
	assert_string_equal(conversation_text(&whole),
			    ASKED(1, 1000) FULFILLED(1) ASKED(2, 1000) FULFILLED(2) ASKED(3, 1000)
				    FULFILLED(3) ASKED(4, 1000) FULFILLED(4));
}

/* Sends a head, and the same with the byte at AT changed. 0 when it has no such byte. */
static bool say_changed(enum speaker who, size_t at)
{
	size_t from = c.len;

	if (who == ASK)
		ask_prepare(&c, 1000);
	else
		answer_fulfill(&c);
	if (from + at >= c.len - c.packet.len)
		return false;
	c.bytes[from + at] ^= 1;
	return true;
}

static void a_request_head_with_any_byte_changed_is_read_anew(void **state)
{
	(void)state;
	for (size_t at = 0;; at++) {
		bool more;

		ask_prepare(&c, 1000);
		answer_fulfill(&c);
		more = say_changed(ASK, at);
		answer_fulfill(&c);
		if (!reads_the_same())
			fail_msg("byte %zu of the second head", at);
		if (!more)
			return;
	}
}

static void an_answers_head_with_any_byte_changed_is_read_anew(void **state)
{
	(void)state;
	for (size_t at = 0;; at++) {
		bool more;

		ask_prepare(&c, 1000);
		answer_fulfill(&c);
		ask_prepare(&c, 1000);
		more = say_changed(ANSWER, at);
		if (!reads_the_same())
			fail_msg("byte %zu of the second head", at);
		if (!more)
			return;
	}
}

static void say_to(const char *host, const char *more)
{
	packet_prepare(&c.packet, 1, EXPIRES, CONDITION, "g.us.bob", 0);
	say(&c, ASK,
	    "POST / HTTP/1.1\r\n" OCTETS "Host: %s\r\nAuthorization: Bearer %s\r\n%s"
	    "Content-Length: %zu\r\n\r\n",
	    host, "secret", more, c.packet.len);
	say_packet(&c, ASK);
	answer_fulfill(&c);
}

static void a_head_too_long_to_be_recognised_leaves_nothing_for_the_next(void **state)
{
	char more[700];

	(void)state;
	memset(more, 'x', sizeof(more));
	memcpy(more, "X-Long: ", 8);
	memcpy(more + sizeof(more) - 3, "\r\n", 3);
	say_to("one.example", "");
	say_to("two.example", more);
	say_to("one.example", "");
	assert_true(reads_the_same());
	assert_int_equal(whole.len, 6);
	assert_memory_equal(whole.messages[4].host, "one.example", 11);
	assert_int_equal(whole.messages[4].host_hash, whole.messages[0].host_hash);
}

static void a_request_id_belongs_to_its_own_request_only(void **state)
{
	(void)state;
	say_to("one.example", "Request-Id: " REQUEST_ID "\r\n");
	say_to("one.example", "");
	say_to("one.example", "Request-Id: " REQUEST_ID "\r\n");
	assert_true(reads_the_same());
	assert_int_not_equal(whole.messages[0].request_id, 0);
	assert_int_equal(whole.messages[2].request_id, 0);
	assert_int_equal(whole.messages[4].request_id, whole.messages[0].request_id);
}

/* --- heads that differ in what does not matter ------------------------------------------------ */

/* An exchange: VALUE is in both heads, a name and a value; the packets have AMOUNT and MORE bytes
 * of data. */
static void exchange_with(const char *value, uint64_t amount, size_t more)
{
	packet_prepare(&c.packet, amount, EXPIRES, CONDITION, "g.us.bob", 52 + more);
	say(&c, ASK,
	    "POST /ilp/in HTTP/1.1\r\n" OCTETS "%s\r\nAuthorization: Bearer secret\r\n"
	    "Content-Length: %zu\r\nHost: peer.example:3002\r\n\r\n",
	    value, c.packet.len);
	say_packet(&c, ASK);
	packet_fulfill(&c.packet, 36 + more);
	say(&c, ANSWER, "HTTP/1.1 200 OK\r\n" OCTETS "Content-Length: %zu\r\n%s\r\n\r\n",
	    c.packet.len, value);
	say_packet(&c, ANSWER);
}

/* Is VALUE, which was in the first heads, in those that are remembered? Then all later ones were
 * recognised. */
static bool remembers(const char *value)
{
	for (int i = 0; i < 2; i++) {
		const struct last_head *last = &whole.flow.sides[i].http1.last;

		if (!last->len || !memmem(last->text, last->len, value, strlen(value)))
			return false;
	}
	return true;
}

#define OTHER_DATE  "Date: Sun, 01 Feb 2026 00:00:00 GMT"
#define DATE        "Date: Sat, 31 Jan 2026 23:59:29 GMT"
#define OTHER_TRACE "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
#define TRACE       "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"

static void a_head_with_another_date_trace_or_length_is_recognised(void **state)
{
	static const char *const values[][2] = {
		{DATE, OTHER_DATE},
		{TRACE, OTHER_TRACE},
		{"X-A-Name-Of-More-Than-24-Letters: aa", "X-A-Name-Of-More-Than-24-Letters: bb"},
		{"X:1", "X:2"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		exchange_with(values[i][0], 1000, 0);
		exchange_with(values[i][1], 1000, 0);
		exchange_with(values[i][0], 1000, 1);
		exchange_with(values[i][1], 70000, 2);
		assert_true(reads_the_same());
		assert_int_equal(whole.len, 8);
		assert_true(remembers(values[i][0]));
		assert_int_equal(whole.messages[7].body_len, whole.messages[1].body_len + 2);
	}
}

static void what_a_head_says_is_not_recognised_as_something_else(void **state)
{
	static const char *const values[][2] = {
		/* A line ends within the value, and one begins there that matters. */
		{"Date: Sat, 31 Jan 2026 GMT", "Date: Sat\nHost: peer.exampl"},
		{"X-A: a, 31 Jan 2026 GMT, x", "X-A: a\r\nHost: peer.example"},
		/* Another name, as long. */
		{"Zransfer-Encoding: chunked", "Transfer-Encoding: chunked"},
		{"Xequest-Id: " REQUEST_ID, "Request-Id: " REQUEST_ID},
		/* A colon elsewhere. */
		{"Content-Encoding0: gzip", "Content-Encoding: gzip0"},
		{"Request-Idx: 42ee09c8", "Request-Id: 42ee09c80"},
		{"X :y", "X: y"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		exchange_with(values[i][0], 1000, 0);
		exchange_with(values[i][1], 1000, 0);
		if (!reads_the_same())
			fail_msg("%s", values[i][1]);
		assert_false(remembers(values[i][0]));
	}
}

/* Of heads that are made of HEADERS, and differ at random in bytes at random places. */
#define TRIES   12000
#define CHANGES 4

static const char *const headers[] = {
	"Host: peer.example:3002\r\n",
	OCTETS,
	"Authorization: Bearer secret\r\n",
	"Request-Id: " REQUEST_ID "\r\n",
	DATE "\r\n",
	TRACE "\r\n",
	"X:\r\n",
	"User-Agent: axios/1.8.2\r\n",
	"Accept-Encoding: gzip, compress, deflate, br\r\n",
	"Content-Encoding: identity\r\n",
	" folded\r\n",
	"no colon in it\r\n",
};

static size_t below(unsigned *seed, size_t n)
{
	return (size_t)rand_r(seed) % n;
}

static size_t write_head(char *head, size_t size, bool request, size_t body, unsigned *seed)
{
	FILE *out = fmemopen(head, size, "w");
	long len;

	decode_must(out);
	fputs(request ? "POST /ilp HTTP/1.1\r\n" : "HTTP/1.1 200 OK\r\n", out);
	for (size_t i = below(seed, 24); i--;)
		fputs(headers[below(seed, sizeof(headers) / sizeof(headers[0]))], out);
	if (!below(seed, 4))
		fprintf(out, "X-Long: %0*d\r\n", (int)below(seed, 200), 7);
	fprintf(out, "Content-Length: %zu\r\n\r\n", body);
	len = ftell(out);
	fclose(out);
	return (size_t)len;
}

/* A byte that has a meaning somewhere, or any. */
static char odd_byte(unsigned *seed)
{
	static const char odd[] = "\n\r\v \t:0189aZ";
	size_t i = below(seed, sizeof(odd) + 2);

	return i < sizeof(odd) ? odd[i] : (char)below(seed, 256);
}

static void say_head(enum speaker who, char *head, size_t len, unsigned *seed)
{
	for (size_t i = below(seed, CHANGES); i--;)
		head[below(seed, len)] = odd_byte(seed);
	say_bytes(&c, who, head, len);
	say_packet(&c, who);
}

static void any_other_head_is_read_as_a_first_one_is(void **state)
{
	char ask[2048], answer[2048], changed[2048];
	unsigned well = 0, seed = 1;

	(void)state;
	for (unsigned i = 0; i < TRIES; i++) {
		const unsigned first = seed;
		struct packet prepare, fulfill;
		size_t asks, answers;

		packet_prepare(&prepare, 1, EXPIRES, CONDITION, "g.us.bob", 0);
		packet_fulfill(&fulfill, 36);
		asks = write_head(ask, sizeof(ask), true, prepare.len, &seed);
		answers = write_head(answer, sizeof(answer), false, fulfill.len, &seed);
		for (unsigned n = 0; n < 3; n++) {
			c.packet = prepare;
			memcpy(changed, ask, asks);
			say_head(ASK, changed, asks, &seed);
			c.packet = fulfill;
			memcpy(changed, answer, answers);
			say_head(ANSWER, changed, answers, &seed);
		}
		if (!reads_the_same())
			fail_msg("try %u, seed %u", i, first);
		well += whole.len == 6;
	}
	assert_in_range(well, TRIES / 10, TRIES); /* else the heads are no good */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_repeated_head_is_read_the_same),
		cmocka_unit_test(a_request_head_with_any_byte_changed_is_read_anew),
		cmocka_unit_test(an_answers_head_with_any_byte_changed_is_read_anew),
		cmocka_unit_test(a_head_too_long_to_be_recognised_leaves_nothing_for_the_next),
		cmocka_unit_test(a_request_id_belongs_to_its_own_request_only),
		cmocka_unit_test(a_head_with_another_date_trace_or_length_is_recognised),
		cmocka_unit_test(what_a_head_says_is_not_recognised_as_something_else),
		cmocka_unit_test(any_other_head_is_read_as_a_first_one_is),
	};

	return cmocka_run_group_tests_name("http1 again", tests, NULL, NULL);
}
