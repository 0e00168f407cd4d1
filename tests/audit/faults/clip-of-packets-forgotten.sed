# user/privacy/calendar.c: the packets of a payment are not clipped
s/least(payment->fulfilled, budget->packet_clip)/payment->fulfilled/
