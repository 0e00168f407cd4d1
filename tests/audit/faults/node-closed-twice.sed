# user/privacy/calendar.c: a node that was taken is not cleared
/^	calendar_drop(c, level);$/d
