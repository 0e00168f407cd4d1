# user/privacy/calendar.c: the value of a payment is not clipped
s/least(payment->total_value, clip)/payment->total_value/
