# user/privacy/budget.c: the noise has only six tenths of its scale
s/numerator = HUNDREDTHS \* THOUSANDTHS/numerator = 60 * THOUSANDTHS/
