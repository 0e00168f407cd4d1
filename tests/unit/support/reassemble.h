/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reassemble.h - drives bpf/decode/stream.h with actual bytes. The value of each byte follows from
 * its sequence number, so that every byte read can be checked. It handles pieces and locks in the
 * same steps as tap_settle.h; a struct race can interrupt a run between any two steps.
 */
#ifndef TELLTALE_TESTS_REASSEMBLE_H
#define TELLTALE_TESTS_REASSEMBLE_H

#include "tests/unit/support/decode.h"
#include "tests/unit/support/seeded.h"

struct reassemble {
	struct stream stream;
	struct stream_stash stash;
	uint8_t pieces[STREAM_PLACES][STREAM_PIECE_MAX];
	uint32_t read, missed; /* bytes */
};

static inline uint8_t reassemble_byte(uint32_t seq)
{
	return (uint8_t)((seq * 2654435761u) >> 24);
}

static inline void reassemble_init(struct reassemble *r, uint32_t next)
{
	memset(r, 0, sizeof(*r));
	r->stream.next = next;
	r->stream.known = 1;
}

/* Takes a place for bytes from SEQ on and marks it as being filled. 0: no place is taken; then
 * *HELD says how many bytes need none, because they were read or are held already. */
static inline uint32_t reassemble_place(struct reassemble *r, uint32_t seq, uint32_t *held)
{
	struct stream_place *p;
	uint32_t number;

	r->stash.waiting |= 1;
	stream_search_place(&r->stash, 0, seq);
	*held = r->stash.held;
	if ((int32_t)(r->stream.next - seq) > 0)
		*held = r->stream.next - seq;
	number = *held ? 0 : r->stash.append ? r->stash.append : r->stash.free;
	if (!number) {
		r->stream.refused |= !*held;
		return 0;
	}
	p = &r->stash.places[number - 1];
	if (p->state == PLACE_FREE) {
		p->seq = seq;
		p->len = 0;
		p->out = 0;
	}
	p->state = PLACE_FILLING;
	return number;
}

/* Fills a place; returns how many bytes it took. */
static inline uint32_t reassemble_fill(struct reassemble *r, uint32_t number, uint32_t seq,
				       uint32_t len)
{
	struct stream_place *p = &r->stash.places[number - 1];
	uint32_t max = p->len ? STREAM_APPEND_MAX : STREAM_PIECE_MAX;

	decode_must(p->state == PLACE_FILLING && p->seq + p->len == seq);
	len = len < max ? len : max;
	decode_must(p->len + len <= STREAM_PIECE_MAX);
	for (uint32_t i = 0; i < len; i++)
		r->pieces[number - 1][p->len + i] = reassemble_byte(seq + i);
	p->len = (uint16_t)(p->len + len);
	p->state = PLACE_READY;
	return len;
}

static inline void reassemble_keep(struct reassemble *r, uint32_t seq, uint32_t len)
{
	while (len) {
		uint32_t n, number = reassemble_place(r, seq, &n);

		if (number)
			n = reassemble_fill(r, number, seq, len);
		if (!n || n >= len)
			return;
		seq += n;
		len -= n;
	}
}

/* Passes on the bytes [SEQ, SEQ + LEN). */
static inline void reassemble_read(struct reassemble *r, const uint8_t *bytes, uint32_t seq,
				   uint32_t len)
{
	for (uint32_t i = 0; i < len; i++)
		decode_must(bytes[i] == reassemble_byte(seq + i));
	r->read += len;
}

/* Makes one choice in the run that has claimed the direction. False: there was nothing to do, and
 * the run has left. */
static inline bool reassemble_choose(struct reassemble *r, uint32_t settled)
{
	struct stream *st = &r->stream;

	stream_search_next(&r->stash, 0, st->next);
	if (r->stash.ready) {
		st->taken = (uint8_t)r->stash.ready;
		r->stash.places[st->taken - 1].state = PLACE_TAKEN;
		return true;
	}
	if (stream_give_up(st, &r->stash, settled)) {
		r->missed += st->missed;
		return true;
	}
	if (!r->stash.ahead && !r->stash.filling && !st->ended)
		r->stash.waiting = 0;
	stream_leave(st);
	return false;
}

/* Reads the place that was chosen last, if any. */
static inline void reassemble_take(struct reassemble *r)
{
	struct stream *st = &r->stream;
	struct stream_place *p;

	if (!st->taken)
		return;
	p = &r->stash.places[st->taken - 1];
	decode_must(p->state == PLACE_TAKEN && st->next - p->seq < p->len);
	reassemble_read(r, &r->pieces[st->taken - 1][st->next - p->seq], st->next,
			p->len - (st->next - p->seq));
	st->next = p->seq + p->len;
	st->taken = 0;
	p->state = PLACE_FREE;
}

static inline void reassemble_settle(struct reassemble *r, uint32_t settled)
{
	if (!r->stash.waiting || !stream_enter(&r->stream))
		return;
	while (reassemble_choose(r, settled))
		reassemble_take(r);
}

/* --- two CPUs -------------------------------------------------------------------------------- */

#define RACE_SEGMENTS 60

/* The state of a run. Between two of these another run may do anything. */
enum race_at {
	RACE_IDLE,
	RACE_READING,
	RACE_LOOK,
	RACE_KEEP,
	RACE_FILL,
	RACE_ENTER,
	RACE_CHOOSE,
	RACE_TAKE
};

struct race_run {
	enum race_at at;
	uint32_t seq, len, skip, number;
};

struct race {
	struct reassemble r;
	struct seeded random;
	struct {
		uint32_t seq, len;
	} segments[RACE_SEGMENTS * 40];
	size_t segments_len, handed;
	uint32_t first, len, settled;
	struct race_run runs[2];
};

/* Makes segments that cover the stream, some twice or overlapping, in nearly the right order. */
static inline void race_init(struct race *c, uint64_t seed)
{
	uint32_t at = 0;

	memset(c, 0, sizeof(*c));
	c->random.state = seed;
	c->first = (uint32_t)seeded_next(&c->random) | 0xffff8000; /* the wrap is near */
	reassemble_init(&c->r, c->first);
	for (int i = 0; i < RACE_SEGMENTS; i++) {
		uint32_t len = 1 + (uint32_t)seeded_below(&c->random, seed % 3 ? 90 : 3000);
		uint32_t back = (uint32_t)seeded_below(&c->random, 4) ? 0 : len / 2;

		if (back > at)
			back = 0;
		c->segments[c->segments_len].seq = c->first + at - back;
		c->segments[c->segments_len++].len = len + back;
		at += len;
		if (!seeded_below(&c->random, 5)) {
			c->segments[c->segments_len] = c->segments[c->segments_len - 1];
			c->segments_len++;
		}
	}
	c->len = at;
	for (size_t i = 0; i + 1 < c->segments_len; i++) {
		size_t far = c->segments_len - i < 9 ? c->segments_len - i : 9;
		size_t k = i + seeded_below(&c->random, far);
		__typeof__(c->segments[0]) swap = c->segments[i];

		c->segments[i] = c->segments[k];
		c->segments[k] = swap;
	}
	c->settled = c->first;
}

/* What a run does after it has left: it checks whether something waits. */
static inline enum race_at race_left(const struct race *c)
{
	return c->r.stash.waiting ? RACE_ENTER : RACE_IDLE;
}

static inline void race_claim(struct race *c, struct race_run *run)
{
	switch (stream_claim(&c->r.stream, run->seq, run->len, &run->skip)) {
	case STREAM_NEXT: run->at = RACE_READING; break;
	case STREAM_OLD: run->at = race_left(c); break;
	default: run->at = RACE_KEEP;
	}
}

static inline void race_keep(struct race *c, struct race_run *run)
{
	uint32_t n;

	run->number = reassemble_place(&c->r, run->seq, &n);
	if (run->number) {
		run->at = RACE_FILL;
	} else if (n && n < run->len) {
		run->seq += n;
		run->len -= n;
	} else {
		/* It was refused. TCP would send it again, so the test does. */
		if (!n) {
			c->segments[c->segments_len].seq = run->seq;
			c->segments[c->segments_len++].len = run->len;
			decode_must(c->segments_len < RACE_SEGMENTS * 40);
		}
		run->at = RACE_ENTER;
	}
}

static inline void race_run(struct race *c, struct race_run *run)
{
	uint32_t n;

	switch (run->at) {
	case RACE_IDLE:
		if (c->handed == c->segments_len)
			break;
		run->seq = c->segments[c->handed].seq;
		run->len = c->segments[c->handed++].len;
		run->at = RACE_LOOK;
		break;
	case RACE_LOOK: race_claim(c, run); break;
	case RACE_READING: {
		uint8_t bytes[2 * 3000];

		for (uint32_t i = 0; i < run->len; i++)
			bytes[i] = reassemble_byte(run->seq + i);
		reassemble_read(&c->r, bytes + run->skip, run->seq + run->skip,
				run->len - run->skip);
		stream_leave(&c->r.stream);
		run->at = race_left(c);
		break;
	}
	case RACE_KEEP: race_keep(c, run); break;
	case RACE_FILL:
		n = reassemble_fill(&c->r, run->number, run->seq, run->len);
		run->seq += n;
		run->len -= n;
		run->at = run->len ? RACE_KEEP : RACE_ENTER;
		break;
	case RACE_ENTER:
		run->at =
			c->r.stash.waiting && stream_enter(&c->r.stream) ? RACE_CHOOSE : RACE_IDLE;
		break;
	case RACE_CHOOSE:
		run->at = reassemble_choose(&c->r, c->settled) ? RACE_TAKE : RACE_IDLE;
		break;
	case RACE_TAKE:
		reassemble_take(&c->r);
		run->at = RACE_CHOOSE;
		break;
	}
}

/* Makes one step of one of the runs; false when everything is done. */
static inline bool race_step(struct race *c)
{
	if (c->handed == c->segments_len && c->runs[0].at == RACE_IDLE &&
	    c->runs[1].at == RACE_IDLE)
		return false;
	race_run(c, &c->runs[seeded_below(&c->random, 2)]);
	return true;
}

#endif
