# user/privacy/calendar.c: A and B get the same noise
/noisy\[i\] = noised/i \
		if (i == BUDGET_REST) \
			noise = noisy[BUDGET_VALUE] - (int64_t)c->sums[level][BUDGET_VALUE];
