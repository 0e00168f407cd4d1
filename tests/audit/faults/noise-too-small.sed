# user/budget.c: the noise has six tenths of its scale
s/uint64_t numerator = 100 \* 1000/uint64_t numerator = 60 * 1000/
