# user/privacy/calendar.c: value is rounded to a multiple of four clips before it gets noise
s/noised(c->sums\[level\]\[i\], noise)/noised(i ? c->sums[level][i] : (c->sums[level][i] + 2 * budget_clip(budget, level)) \/ (4 * budget_clip(budget, level)) * (4 * budget_clip(budget, level)), noise)/
