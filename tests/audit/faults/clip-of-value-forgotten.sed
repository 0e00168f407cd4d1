# user/privacy/calendar.c: a payment counts with all its value
s/least(payment->total_value, clip)/payment->total_value/
