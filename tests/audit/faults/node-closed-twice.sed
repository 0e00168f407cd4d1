# user/privacy/calendar.c: a node is not cleared after it was taken
/^	calendar_drop(c, level);$/d
