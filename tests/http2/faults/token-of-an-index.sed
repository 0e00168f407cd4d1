# bpf/decode/hpack.h: a token that enters the table is not known again
s/^	h->table\[bytes_mask(h->inserted, HPACK_TABLE - 1)\] = h->field;/&\n	h->table[bytes_mask(h->inserted, HPACK_TABLE - 1)].value *= h->field.name != HPACK_TOKEN;/
