# user/privacy/calendar.c: a payment counts with all its packets
s/least(payment->fulfilled, budget->packet_clip)/payment->fulfilled/
