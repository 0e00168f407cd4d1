/* SPDX-License-Identifier: Apache-2.0 */
#include "exchange/spread.h"

#include <stdbool.h>

#include "bpf/record.h"

/* An asset of a smaller scale is worth more: so the value has more places. False: it is too large.
 */
static bool convert(const struct rates *rates, const struct exchange *e, uint64_t *value)
{
	struct asset asset = e->asset;
	uint64_t amount = e->amount;
	int places = SPREAD_FINER_SCALE;

	for (; places && asset.scale; places--)
		asset.scale--;
	for (; places; places--) {
		if (__builtin_mul_overflow(amount, 10, &amount))
			return false;
	}
	return rates_convert(rates, amount, &asset, value) == RATES_OK;
}

static enum spread_known find(const struct exchange *e, const struct exchange *other,
			      struct peers *peers, const struct rates *rates,
			      struct spread_found *found)
{
	bool out = e->role == RECORD_ROLE_CLIENT;
	struct exchange in = out ? *other : *e, gone = out ? *e : *other;
	uint64_t came, went;

	if (!peers_attribute(peers, &in) || !peers_attribute(peers, &gone))
		return SPREAD_UNATTRIBUTED;
	if (!convert(rates, &in, &came) || !convert(rates, &gone, &went) || came > INT64_MAX ||
	    went > INT64_MAX)
		return SPREAD_UNCONVERTED;
	*found = (struct spread_found){gone.endpoint, (int64_t)came - (int64_t)went};
	return SPREAD_KNOWN;
}

enum spread_known spread_add(struct spread *s, const struct exchange *e, struct peers *peers,
			     const struct rates *rates, struct spread_found *found)
{
	struct exchange other;

	if (e->apart)
		return e->outcome == OUTCOME_FULFILLED && e->amount ? SPREAD_EVICTED
								    : SPREAD_NOTHING;
	if (e->origin != ORIGIN_FORWARDED || e->outcome != OUTCOME_FULFILLED || !e->condition)
		return SPREAD_NOTHING;
	other = s->end;
	s->end = *e;
	if (other.condition != e->condition || other.target != e->target || other.role == e->role)
		return SPREAD_NOTHING;
	s->end.condition = 0;
	/* Nothing but a message went through. */
	if (!e->amount && !other.amount)
		return SPREAD_NOTHING;
	return find(e, &other, peers, rates, found);
}
