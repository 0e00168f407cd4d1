/* SPDX-License-Identifier: Apache-2.0 */
/*
 * decode.c - prints how telltale decodes HTTP bodies announced as ILP, for compare.js.
 *
 * An input line has body, destination and condition in hex ("-" for an empty one). The latter two
 * are as the other decoder reads them; they are compared by their hashes. An output line is one of:
 *
 *   bad
 *   12 AMOUNT EXPIRY DATA-LENGTH same|other same|other   (destination, condition)
 *   13 DATA-LENGTH
 *   14 CODE-IN-HEX DATA-LENGTH
 */
#include "tests/unit/support/decode.h"

static size_t unhex(const char *text, size_t len, uint8_t *out)
{
	static const char digits[] = "0123456789abcdef";

	if (len == 1 && *text == '-')
		return 0;
	decode_must(len % 2 == 0);
	for (size_t i = 0; i < len; i += 2) {
		const char *high = strchr(digits, text[i]), *low = strchr(digits, text[i + 1]);

		decode_must(high && low);
		out[i / 2] = (uint8_t)((high - digits) << 4 | (low - digits));
	}
	return len / 2;
}

static const char *same(uint64_t hash, const uint8_t *bytes, size_t len)
{
	return hash == decode_hash(session_key(), bytes, len, 0) ? "same" : "other";
}

static void answer(const struct decoded *m, const uint8_t *destination, size_t destination_len,
		   const uint8_t *condition, size_t condition_len)
{
	if (m->kind == RECORD_KIND_BAD)
		puts("bad");
	else if (m->kind == RECORD_KIND_FULFILL)
		printf("13 %u\n", m->data_len);
	else if (m->kind == RECORD_KIND_REJECT)
		printf("14 %02x%02x%02x %u\n", m->reject_code[0], m->reject_code[1],
		       m->reject_code[2], m->data_len);
	else
		printf("12 %" PRIu64 " %017" PRIu64 " %u %s %s\n", m->amount, m->expires_at,
		       m->data_len, same(m->destination, destination, destination_len),
		       same(m->condition, condition, condition_len));
}

int main(void)
{
	static struct decode d;
	static uint8_t body[1 << 18], destination[1 << 18], condition[1 << 18];
	char *line = NULL, head[200];
	size_t size = 0;
	ssize_t len;

	while ((len = getline(&line, &size, stdin)) > 0) {
		char *end = line + len - (line[len - 1] == '\n'), *second, *third;
		size_t body_len, head_len, destination_len, condition_len;

		second = strchr(line, ' ');
		third = second ? strchr(second + 1, ' ') : NULL;
		decode_must(third && (size_t)len < sizeof(body));
		body_len = unhex(line, (size_t)(second - line), body);
		destination_len = unhex(second + 1, (size_t)(third - second - 1), destination);
		condition_len = unhex(third + 1, (size_t)(end - third - 1), condition);

		head_len = (size_t)snprintf(head, sizeof(head),
					    "POST / HTTP/1.1\r\n"
					    "Content-Type: application/octet-stream\r\n"
					    "Content-Length: %zu\r\n\r\n",
					    body_len);
		decode_init(&d, 0xff);
		decode_feed(&d, FLOW_IN, head, head_len);
		decode_feed(&d, FLOW_IN, body, body_len);
		decode_must(d.len == 1);
		answer(&d.messages[0], destination, destination_len, condition, condition_len);
	}
	free(line);
	return ferror(stdin) || fflush(stdout) ? EXIT_FAILURE : EXIT_SUCCESS;
}
