# user/privacy/calendar.c: every second day gets the noise of the day before
/noisy\[i\] = noised/i \
		static __thread int64_t kept[BUDGET_LEVELS][BUDGET_CELLS]; \
		if (c->hour % 48 >= 24) \
			noise = kept[level][i]; \
		kept[level][i] = noise;
